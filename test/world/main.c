// SPDX-License-Identifier: Apache-2.0
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "test/world/faults.h"
#include "test/world/jobs.h"
#include "test/world/judge.h"
#include "test/world/server.h"
#include "test/world/world.h"

/* world [--seed N] [--seeds COUNT] [--seconds S] [--first] [--last LINES] [--verbose]
 *
 * Each seed is a world of its own: so many seconds with faults, then as long as its jobs need. A
 * seed that fails is run again with a trace, whose last lines are printed; it must fail alike.
 */

#define QUIET_MOST (1500 * SECOND)
#define SETTLE     (120 * SECOND)

struct options {
    uint64_t seed;
    uint64_t seeds;
    int64_t seconds;
    long last;
    bool first;
    bool verbose;
};

struct result {
    bool failed;
    char failure[WORLD_TEXT_MAX];
    int64_t at;
    uint64_t steps;
    uint64_t bindings;
    int64_t versions;
};

static void nothing(struct world *world, void *context, uint64_t number)
{
    (void)world;
    (void)context;
    (void)number;
}

static void run(const struct options *options, uint64_t seed, FILE *trace, struct result *result)
{
    struct world *world = world_create(&(struct world_options){
        .seed = seed, .chaos_us = options->seconds * SECOND, .trace = trace});
    int64_t end = options->seconds * SECOND;
    faults_begin(world, end);
    while (world_next(world) &&
           (!world->quiet || (!jobs_done(world->jobs) && world->now < end + QUIET_MOST))) {
    }
    int64_t settled = world->now + SETTLE;
    world_after(world, SETTLE, nothing, NULL, 0);
    while (world->now < settled && world_next(world)) {
    }
    if (!world->failed) {
        judge_end(world->judge);
    }
    *result = (struct result){.failed = world->failed,
                              .at = world->now,
                              .steps = world->steps,
                              .bindings = judge_bindings(world->judge),
                              .versions = server_version(world->server)};
    memcpy(result->failure, world->failure, sizeof(result->failure));
    world_destroy(world);
}

/* The last lines of a trace. */
static void print_end(FILE *trace, long lines)
{
    long at = 0;
    long count = 0;
    fseek(trace, 0, SEEK_END);
    for (at = ftell(trace); at > 0 && count <= lines; at--) {
        fseek(trace, at - 1, SEEK_SET);
        count += fgetc(trace) == '\n';
    }
    fseek(trace, at > 0 ? at + 1 : 0, SEEK_SET);
    for (int c; (c = fgetc(trace)) != EOF;) {
        putchar(c);
    }
}

static void tell_failure(const struct options *options, uint64_t seed, const struct result *result)
{
    struct result again;
    FILE *trace = tmpfile();
    if (trace != NULL && options->last > 0) {
        run(options, seed, trace, &again);
        print_end(trace, options->last);
        if (again.at != result->at || strcmp(again.failure, result->failure) != 0) {
            printf("seed %llu does not repeat itself: then it was \"%s\" at %lld ms\n",
                   (unsigned long long)seed, again.failure, (long long)(again.at / MS));
        }
    }
    if (trace != NULL) {
        fclose(trace);
    }
}

static bool read_options(struct options *options, int argc, char **argv)
{
    static const struct option flags[] = {
        {"seed", required_argument, NULL, 's'},
        {"seeds", required_argument, NULL, 'c'},
        {"seconds", required_argument, NULL, 't'},
        {"last", required_argument, NULL, 'l'},
        {"first", no_argument, NULL, 'f'},
        {"verbose", no_argument, NULL, 'v'},
        {NULL, 0, NULL, 0},
    };
    *options = (struct options){.seed = 1, .seeds = 1, .seconds = 240, .last = 60};
    for (int flag; (flag = getopt_long(argc, argv, "", flags, NULL)) != -1;) {
        if (flag == 's') {
            options->seed = strtoull(optarg, NULL, 10);
        } else if (flag == 'c') {
            options->seeds = strtoull(optarg, NULL, 10);
        } else if (flag == 't') {
            options->seconds = strtoll(optarg, NULL, 10);
        } else if (flag == 'l') {
            options->last = strtol(optarg, NULL, 10);
        } else if (flag == 'f') {
            options->first = true;
        } else if (flag == 'v') {
            options->verbose = true;
        } else {
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    struct options options;
    uint64_t failed = 0;
    struct result sum = {.failed = false};
    if (!read_options(&options, argc, argv)) {
        return 2;
    }
    for (uint64_t i = 0; i < options.seeds && !(options.first && failed > 0); i++) {
        struct result result;
        uint64_t seed = options.seed + i;
        run(&options, seed, options.verbose ? stdout : NULL, &result);
        sum.steps += result.steps;
        sum.bindings += result.bindings;
        sum.at += result.at;
        if (result.failed) {
            failed++;
            tell_failure(&options, seed, &result);
            printf("seed %llu at %lld ms: %s\n", (unsigned long long)seed,
                   (long long)(result.at / MS), result.failure);
        }
    }
    printf("world: %llu seeds, %llu failed, %llu steps, %llu bindings, %lld s of world time\n",
           (unsigned long long)options.seeds, (unsigned long long)failed,
           (unsigned long long)sum.steps, (unsigned long long)sum.bindings,
           (long long)(sum.at / SECOND));
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
