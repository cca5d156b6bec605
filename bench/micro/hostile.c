// SPDX-License-Identifier: Apache-2.0
#include "bench/micro/hostile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* bench_hostile [--nodes N] [--seconds N] [attack [size]]...                      (all, growing)
 *
 * How long the engine is at one event, at worst, while somebody does his worst: everybody else's
 * calls wait that long. Each attack is played at growing sizes, each for about N seconds of CPU
 * time (5). Prints the longest single engine_apply(), which kind of event that was, and the 99th
 * percentile of all. `--tables` prints every kind.
 */

struct attack {
    const char *name;
    const char *unit;
    void (*run)(struct hostile *hostile);
    uint32_t sizes[3];
};

static const struct attack attacks[] = {
    {"shapes", "gangs of 16 shapes", hostile_shapes, {50, 150, 500}},
    {"elastic", "elastic gangs of 16 shapes", hostile_elastic, {1, 10, 100}},
    {"selectors", "pods with much affinity", hostile_selectors, {1, 10, 80}},
    {"numbers", "pods with 1024 Gt and Lt", hostile_numbers, {1, 10, 80}},
    {"preferences", "pods with many preferences", hostile_preferences, {1, 10, 80}},
    {"neighbours", "members with labels of their own", hostile_neighbours, {100, 1000, 10000}},
    {"exclusive", "exclusive gangs", hostile_exclusive, {1000, 4000, 10000}},
    {"any", "gangs that ask for anything", hostile_any, {100, 300, 1000}},
    {"slices", "pods in slices", hostile_slices, {1000, 8000, 30000}},
};
#define ATTACKS (sizeof(attacks) / sizeof(attacks[0]))

/* What became of the first gang: whether the attack is what it is meant to be. */
static void print_first(const struct crowd *crowd)
{
    struct arena arena;
    struct gang_view view;
    arena_init(&arena);
    if (engine_gang_count(crowd->engine) > 0) {
        engine_gang_at(crowd->engine, 0, &arena, &view);
        printf("%s %s: %s\n", view.name, gang_state_name(view.state), view.reason);
    }
    arena_finish(&arena);
}

static void play(const struct attack *attack, uint32_t nodes, uint32_t size, double seconds,
                 uint32_t only, bool tables)
{
    struct crowd crowd = {.nodes = 0};
    struct hostile hostile = {.crowd = &crowd,
                              .nodes = nodes,
                              .size = size,
                              .patience = (int64_t)(seconds * 1e9),
                              .only = only};
    crowd_init(&crowd);
    attack->run(&hostile);
    struct crowd_worst worst = crowd_worst(&crowd);
    printf("%-12s %6u %-34s %9.1f %9.1f %9zu  %s\n", attack->name, size, attack->unit,
           (double)worst.longest / 1e6, (double)worst.p99 / 1e6, worst.events, worst.kind);
    fflush(stdout);
    if (tables) {
        print_first(&crowd);
        crowd_report(&crowd, attack->name);
    }
    crowd_finish(&crowd);
}

static const struct attack *find(const char *name)
{
    for (size_t i = 0; i < ATTACKS; i++) {
        if (strcmp(attacks[i].name, name) == 0) {
            return &attacks[i];
        }
    }
    fprintf(stderr, "no attack \"%s\"\n", name);
    exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
    uint32_t nodes = 5000;
    double seconds = 5;
    bool tables = false;
    uint32_t only = 0;
    int at = 1;
    for (; at < argc && argv[at][0] == '-'; at++) {
        if (strcmp(argv[at], "--tables") == 0) {
            tables = true;
        } else if (strcmp(argv[at], "--nodes") == 0 && at + 1 < argc) {
            nodes = (uint32_t)strtoul(argv[++at], NULL, 10);
        } else if (strcmp(argv[at], "--only") == 0 && at + 1 < argc) {
            only = (uint32_t)strtoul(argv[++at], NULL, 10);
        } else if (strcmp(argv[at], "--seconds") == 0 && at + 1 < argc) {
            seconds = strtod(argv[++at], NULL);
        }
    }
    printf("%u nodes\n%-54s %9s %9s %9s  %s\n", nodes, "", "max ms", "p99 ms", "events", "longest");
    for (size_t i = 0; at == argc && i < 3 * ATTACKS; i++) {
        play(&attacks[i / 3], nodes, attacks[i / 3].sizes[i % 3], seconds, only, tables);
    }
    while (at < argc) {
        const struct attack *attack = find(argv[at++]);
        uint32_t size = at < argc ? (uint32_t)strtoul(argv[at], NULL, 10) : 0;
        at += size > 0;
        for (size_t i = 0; i < 3; i++) {
            if (size == 0 || i == 0) {
                play(attack, nodes, size > 0 ? size : attack->sizes[i], seconds, only, tables);
            }
        }
    }
    return EXIT_SUCCESS;
}
