// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/micro/hostile.h"

/* Attacks by text: what a single pod may say of nodes, and of other pods. */

#define TERMS       POD_AFFINITY_TERMS_MAX
#define EXPRESSIONS POD_EXPRESSIONS_MAX
#define VALUES      170 /* of an expression: of ten letters each, 1.8 MB in all */
#define ACCEPTED    4   /* … of every other pod: more is refused (SHAPE_WORDS_MAX) */
#define HOSTNAME    "kubernetes.io/hostname"

/* The most that one pod can carry. */
struct text {
    char (*letters)[24];
    const char **values;
    struct expression_object *expressions;
    struct term_object terms[TERMS];
    struct preference_object preferences[TERMS];
};

static void *get(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (memory == NULL) {
        exit(EXIT_FAILURE);
    }
    return memory;
}

/* Every expression but the last of a term holds on every node, so all have to be looked at. */
static void write_text(struct text *text, uint32_t pod)
{
    size_t count = (size_t)TERMS * EXPRESSIONS * VALUES;
    text->letters = get(count, sizeof *text->letters);
    text->values = get(count, sizeof *text->values);
    text->expressions = get((size_t)TERMS * EXPRESSIONS, sizeof *text->expressions);
    for (size_t i = 0; i < count; i++) {
        snprintf(text->letters[i], sizeof text->letters[i], "%02u%08zu", pod % 100, i);
        text->values[i] = text->letters[i];
    }
    for (size_t i = 0; i < (size_t)TERMS * EXPRESSIONS; i++) {
        bool last = i % EXPRESSIONS == EXPRESSIONS - 1;
        text->expressions[i] = (struct expression_object){
            .key = HOSTNAME,
            .operator= last ? SELECTOR_IN : SELECTOR_NOT_IN,
            .values = &text->values[i * VALUES],
            .value_count = pod % 2 == 0 ? VALUES : ACCEPTED,
        };
    }
    for (size_t t = 0; t < TERMS; t++) {
        text->terms[t] = (struct term_object){.expressions = &text->expressions[t * EXPRESSIONS],
                                              .expression_count = EXPRESSIONS};
        text->preferences[t] = (struct preference_object){text->terms[t], 1 + (int32_t)t};
    }
}

static void free_text(struct text *text)
{
    free(text->expressions);
    free(text->values);
    free(text->letters);
}

static void add_pod(struct hostile *hostile, uint32_t i, const char *gang,
                    const struct text *required, const struct text *preferred)
{
    char uid[40];
    struct amount_object amounts[] = {{"cpu", 1000}, {"pods", 1}};
    snprintf(uid, sizeof(uid), "%s-0", gang == NULL ? "ordinary" : gang);
    (void)i;
    struct event event = {.type = EVENT_POD};
    event.pod =
        (struct pod_object){.name_space = "bench",
                            .name = uid,
                            .uid = uid,
                            .requests = amounts,
                            .request_count = 2,
                            .gang = gang,
                            .gang_minimum = 1,
                            .terms = required == NULL ? NULL : required->terms,
                            .term_count = required == NULL ? 0 : TERMS,
                            .preferences = preferred == NULL ? NULL : preferred->preferences,
                            .preference_count = preferred == NULL ? 0 : TERMS,
                            .rank = 0};
    crowd_apply(hostile->crowd, "pod added", &event);
}

/* A node's heartbeat, another label, and the end of a pod that has nothing to do with it. */
static void go_on(struct hostile *hostile)
{
    char note[32];
    for (uint32_t i = 0; i < 200 && hostile_goes_on(hostile); i++) {
        snprintf(note, sizeof(note), "note-%u", i);
        hostile_bystanders_end(hostile, i, 1);
        crowd_node(hostile->crowd, "node's irrelevant label changed", i, i / CROWD_RACK, 8, 96000,
                   note);
    }
}

static void begin(struct hostile *hostile)
{
    crowd_nodes(hostile->crowd, hostile->nodes);
    hostile_bystanders(hostile, 0, 200);
    crowd_synced(hostile->crowd);
    crowd_start(hostile->crowd);
}

static void play(struct hostile *hostile, bool required, bool preferred)
{
    char gang[32];
    begin(hostile);
    for (uint32_t i = 0; i < hostile->size && hostile_goes_on(hostile); i++) {
        struct text text;
        write_text(&text, i);
        snprintf(gang, sizeof(gang), "text-%u", i);
        add_pod(hostile, i, gang, required ? &text : NULL, preferred ? &text : NULL);
        free_text(&text);
    }
    hostile->patience += hostile->crowd->spent;
    go_on(hostile);
}

void hostile_selectors(struct hostile *hostile)
{
    play(hostile, true, false);
}

void hostile_preferences(struct hostile *hostile)
{
    play(hostile, false, true);
}

void hostile_numbers(struct hostile *hostile)
{
    struct text text;
    char gang[32], numbers[TERMS * EXPRESSIONS][24];
    begin(hostile);
    for (uint32_t i = 0; i < hostile->size && hostile_goes_on(hostile); i++) {
        write_text(&text, i);
        for (size_t e = 0; e < (size_t)TERMS * EXPRESSIONS; e++) {
            bool last = e % EXPRESSIONS == EXPRESSIONS - 1;
            snprintf(numbers[e], sizeof numbers[e], "%zu", e + i * 10000);
            text.values[e * VALUES] = numbers[e];
            text.expressions[e].key = "example.com/number";
            text.expressions[e].operator= last ? SELECTOR_GREATER : SELECTOR_LESS;
            text.expressions[e].value_count = 1;
        }
        snprintf(gang, sizeof(gang), "text-%u", i);
        add_pod(hostile, i, gang, &text, NULL);
        free_text(&text);
    }
    hostile->patience += hostile->crowd->spent;
    go_on(hostile);
}

/* ---- other pods ---- */

#define RULES 256 /* as many as a namespace may have */

/* A pod that stands, with 16 terms about pods of its own namespace that all have to be read. */
static void add_neighbour(struct hostile *hostile, uint32_t i)
{
    char uid[32], name[32], texts[16][32];
    struct amount_object amounts[] = {{"cpu", 100}, {"pods", 1}};
    struct expression_object expressions[16][32];
    struct affinity_object terms[16];
    static const char *const spaces[] = {"bench"};
    crowd_name(name, i);
    snprintf(uid, sizeof(uid), "neighbour-%u", i);
    for (int t = 0; t < 16; t++) {
        snprintf(texts[t], sizeof texts[t], "key-%u-%d", i, t);
        for (int e = 0; e < 32; e++) {
            expressions[t][e] = (struct expression_object){
                .key = texts[t], .operator= e == 31 ? SELECTOR_EXISTS : SELECTOR_DOES_NOT_EXIST };
        }
        terms[t] = (struct affinity_object){.apart = true,
                                            .key = HOSTNAME,
                                            .name_spaces = spaces,
                                            .name_space_count = 1,
                                            .expressions = expressions[t],
                                            .expression_count = 32};
    }
    struct event event = {.type = EVENT_POD};
    event.pod = (struct pod_object){.name_space = "bench",
                                    .name = uid,
                                    .uid = uid,
                                    .node = name,
                                    .requests = amounts,
                                    .request_count = 2,
                                    .affinities = terms,
                                    .affinity_count = 16,
                                    .rank = -1};
    crowd_apply(hostile->crowd, "neighbour added", &event);
}

void hostile_neighbours(struct hostile *hostile)
{
    char uid[32], values[64][24];
    struct amount_object amounts[] = {{"cpu", 1000}, {"pods", 1}};
    struct label_object labels[64];
    char keys[64][16];
    begin(hostile);
    for (uint32_t i = 0; i < RULES / 16; i++) {
        add_neighbour(hostile, i);
    }
    for (uint32_t i = 0; i < hostile->size && hostile_goes_on(hostile); i++) {
        snprintf(uid, sizeof(uid), "member-%u", i);
        for (int l = 0; l < 64; l++) {
            snprintf(keys[l], sizeof keys[l], "label-%d", l);
            snprintf(values[l], sizeof values[l], "value-%u", i);
            labels[l] = (struct label_object){keys[l], values[l]};
        }
        struct event event = {.type = EVENT_POD};
        event.pod = (struct pod_object){.name_space = "bench",
                                        .name = uid,
                                        .uid = uid,
                                        .requests = amounts,
                                        .request_count = 2,
                                        .labels = labels,
                                        .label_count = 64,
                                        .gang = "many",
                                        .gang_minimum = (int32_t)hostile->size,
                                        .rank = (int32_t)i};
        crowd_apply(hostile->crowd, "member added", &event);
    }
    hostile->patience += hostile->crowd->spent;
    go_on(hostile);
}
