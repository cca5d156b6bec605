// SPDX-License-Identifier: Apache-2.0
#include "bench/micro/crowd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Objects from few words, and the clock around engine_apply(). */

#define PATIENCE_NS INT64_C(30000000000) /* for ticks of one moment */

static void *need(void *memory)
{
    if (memory == NULL) {
        fprintf(stderr, "out of memory\n");
        exit(EXIT_FAILURE);
    }
    return memory;
}

void crowd_init(struct crowd *crowd)
{
    struct engine_options options;
    engine_options_default(&options);
    crowd->engine = engine_create(&options);
    crowd->now = 1000;
    effects_init(&crowd->effects);
}

void crowd_finish(struct crowd *crowd)
{
    crowd_start(crowd);
    effects_finish(&crowd->effects);
    engine_destroy(crowd->engine);
}

void crowd_start(struct crowd *crowd)
{
    for (size_t i = 0; i < crowd->kind_count; i++) {
        free(crowd->kinds[i].taken);
    }
    crowd->kind_count = 0;
    crowd->spent = 0;
}

/* ---- the clock ---- */

static int64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static struct crowd_kind *kind_of(struct crowd *crowd, const char *name)
{
    size_t place = 0;
    while (place < crowd->kind_count && strcmp(crowd->kinds[place].name, name) != 0) {
        place++;
    }
    if (place == CROWD_KINDS_MAX) {
        fprintf(stderr, "too many kinds\n");
        exit(EXIT_FAILURE);
    }
    if (place == crowd->kind_count) {
        crowd->kinds[crowd->kind_count++] = (struct crowd_kind){.name = name};
    }
    return &crowd->kinds[place];
}

void crowd_take(struct crowd *crowd, const char *kind, int64_t nanoseconds)
{
    struct crowd_kind *it = kind_of(crowd, kind);
    if (it->count == it->room) {
        it->room = it->room == 0 ? 64 : it->room * 2;
        it->taken = need(realloc(it->taken, it->room * sizeof(*it->taken)));
    }
    it->taken[it->count++] = nanoseconds;
}

static int64_t measure(struct crowd *crowd, const char *kind, struct event *event)
{
    event->now = crowd->now;
    int64_t started = clock_ns();
    engine_apply(crowd->engine, event, &crowd->effects);
    int64_t took = clock_ns() - started;
    crowd->spent += took;
    crowd_take(crowd, kind, took);
    if (crowd->meanwhile != NULL && !crowd->calling) {
        crowd->calling = true;
        crowd->meanwhile(crowd, took);
        crowd->calling = false;
    }
    return took;
}

/* Ticks that are due now; what they took. */
static int64_t ticks(struct crowd *crowd)
{
    int64_t took = 0;
    while (engine_deadline(crowd->engine) <= crowd->now) {
        struct event tick = {.type = EVENT_TICK};
        took += measure(crowd, "tick", &tick);
        if (took > PATIENCE_NS) {
            crowd_take(crowd, "not quiet after all that time", took);
            break;
        }
    }
    return took;
}

void crowd_pass(struct crowd *crowd, int64_t milliseconds)
{
    int64_t until = crowd->now + milliseconds;
    effects_reset(&crowd->effects);
    while (engine_deadline(crowd->engine) <= until) {
        int64_t due = engine_deadline(crowd->engine);
        crowd->now = due > crowd->now ? due : crowd->now;
        ticks(crowd);
    }
    crowd->now = until;
}

int64_t crowd_apply(struct crowd *crowd, const char *kind, struct event *event)
{
    if (!crowd->calling) {
        effects_reset(&crowd->effects);
    }
    int64_t took = measure(crowd, kind, event);
    if (crowd->calling) {
        return took; /* the ticks are his who was interrupted */
    }
    crowd->quiet = took + ticks(crowd);
    crowd_take(crowd, "until quiet", crowd->quiet);
    return took;
}

/* ---- nodes ---- */

void crowd_name(char name[32], uint32_t node)
{
    snprintf(name, 32, "node-%06u", node);
}

void crowd_node(struct crowd *crowd, const char *kind, uint32_t node, uint32_t rack, int64_t gpus,
                int64_t cpu, const char *note)
{
    char name[32], racks[32], leaf[32], spine[32];
    crowd_name(name, node);
    snprintf(racks, sizeof(racks), "rack-%05u", rack);
    snprintf(leaf, sizeof(leaf), "leaf-%04u", rack / 8);
    snprintf(spine, sizeof(spine), "spine-%04u", rack / 8 / 4);
    struct label_object labels[] = {{"fabric.topograph.run/tier-1", spine},
                                    {"fabric.topograph.run/tier-0", leaf},
                                    {"topology.kubernetes.io/rack", racks},
                                    {"kubernetes.io/hostname", name},
                                    {"example.com/note", note}};
    struct amount_object amounts[] = {{"cpu", cpu}, {"nvidia.com/gpu", gpus}, {"pods", 110}};
    struct event event = {.type = EVENT_NODE};
    event.node = (struct node_object){.name = name,
                                      .labels = labels,
                                      .label_count = note == NULL ? 4 : 5,
                                      .allocatable = amounts,
                                      .allocatable_count = 3};
    crowd_apply(crowd, kind, &event);
}

void crowd_nodes(struct crowd *crowd, uint32_t count)
{
    for (; crowd->nodes < count; crowd->nodes++) {
        crowd_node(crowd, "node added", crowd->nodes, crowd->nodes / CROWD_RACK, 8, 96000, NULL);
    }
}

void crowd_node_gone(struct crowd *crowd, const char *kind, uint32_t node)
{
    char name[32];
    crowd_name(name, node);
    struct event event = {.type = EVENT_NODE_GONE, .node_name = name};
    crowd_apply(crowd, kind, &event);
}

/* ---- pods ---- */

int64_t crowd_pod(struct crowd *crowd, const char *kind, const struct crowd_pod *pod)
{
    struct amount_object amounts[] = {
        {"cpu", pod->cpu}, {"pods", 1}, {"nvidia.com/gpu", pod->gpus}};
    struct event event = {.type = EVENT_POD};
    event.pod = (struct pod_object){.name_space = "bench",
                                    .name = pod->uid,
                                    .uid = pod->uid,
                                    .node = pod->node,
                                    .nominated = pod->nominated,
                                    .requests = amounts,
                                    .request_count = pod->gpus > 0 ? 3 : 2,
                                    .gang = pod->gang,
                                    .gang_minimum = pod->minimum,
                                    .placement = {.required_level = pod->required},
                                    .role = pod->role,
                                    .rank = pod->rank};
    return crowd_apply(crowd, kind, &event);
}

int64_t crowd_pod_gone(struct crowd *crowd, const char *kind, const char *uid)
{
    struct event event = {.type = EVENT_POD_GONE, .pod_uid = uid};
    return crowd_apply(crowd, kind, &event);
}

void crowd_group(struct crowd *crowd, const char *kind, const char *name, int32_t minimum)
{
    struct event event = {.type = EVENT_GROUP};
    event.group =
        (struct group_object){.name_space = "bench", .name = name, .uid = name, .minimum = minimum};
    crowd_apply(crowd, kind, &event);
}

int64_t crowd_filter(struct crowd *crowd, const char *kind, const char *uid, const uint32_t *rows,
                     uint32_t count)
{
    struct event event = {.type = EVENT_FILTER};
    event.filter.pod.uid = uid;
    event.filter.rows = rows;
    event.filter.row_count = count;
    return crowd_apply(crowd, kind, &event);
}

void crowd_synced(struct crowd *crowd)
{
    struct event event = {.type = EVENT_SYNCED};
    crowd_apply(crowd, "synced", &event);
}

/* ---- the report ---- */

static int compare(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static int64_t quantile(const struct crowd_kind *kind, size_t percent)
{
    return kind->taken[kind->count * percent / 100];
}

struct crowd_worst crowd_worst(const struct crowd *crowd)
{
    struct crowd_worst worst = {.kind = ""};
    struct crowd_kind all = {.name = ""};
    for (size_t i = 0; i < crowd->kind_count; i++) {
        const struct crowd_kind *it = &crowd->kinds[i];
        if (strcmp(it->name, "until quiet") == 0) { /* which is several events */
            continue;
        }
        all.taken = need(realloc(all.taken, (all.count + it->count) * sizeof(*all.taken)));
        for (size_t n = 0; n < it->count; n++) {
            all.taken[all.count++] = it->taken[n];
            worst.kind = it->taken[n] > worst.longest ? it->name : worst.kind;
            worst.longest = it->taken[n] > worst.longest ? it->taken[n] : worst.longest;
        }
    }
    if (all.count > 0) {
        qsort(all.taken, all.count, sizeof(*all.taken), compare);
        worst.p99 = quantile(&all, 99);
    }
    worst.events = all.count;
    free(all.taken);
    return worst;
}

void crowd_report(const struct crowd *crowd, const char *title)
{
    printf("%s\n%-40s %8s %12s %12s %12s\n", title, "", "times", "p50 us", "p99 us", "max us");
    for (size_t i = 0; i < crowd->kind_count; i++) {
        const struct crowd_kind *it = &crowd->kinds[i];
        qsort(it->taken, it->count, sizeof(*it->taken), compare);
        printf("%-40s %8zu %12.1f %12.1f %12.1f\n", it->name, it->count,
               (double)quantile(it, 50) / 1e3, (double)quantile(it, 99) / 1e3,
               (double)it->taken[it->count - 1] / 1e3);
    }
    putchar('\n');
    fflush(stdout);
}
