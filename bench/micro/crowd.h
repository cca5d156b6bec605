// SPDX-License-Identifier: Apache-2.0
#ifndef BENCH_MICRO_CROWD_H
#define BENCH_MICRO_CROWD_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/engine.h"

/* An engine with a cluster in it for benchmarks: says what happens in one line and keeps how long
 * every event took, by kind.
 *
 * Nodes have 8 GPUs; 18 of them are a rack, 8 racks a leaf, 4 leaves a spine. Pods are named by
 * uid. A time is CPU time of the thread, so that what else runs on the machine is not measured.
 *
 * What the engine puts off to a tick that is due now gets that tick at once, measured as one event
 * of the kind "tick"; how long all of it took together is the kind "until quiet". After 30 seconds
 * of that the clock goes on.
 */

#define CROWD_RACK      18
#define CROWD_KINDS_MAX 48

struct crowd_kind {
    const char *name;
    int64_t *taken; /* nanoseconds */
    size_t count, room;
};

struct crowd {
    struct engine *engine;
    struct effects effects; /* of the event and its ticks */
    int64_t now;
    uint32_t nodes;
    int64_t spent; /* nanoseconds, all events since crowd_start() */
    int64_t quiet; /* of the last event with its ticks */
    /* Somebody's call that came while the engine was at an event or a tick, which took so long; or
     * NULL. It may use crowd_filter(). */
    void (*meanwhile)(struct crowd *crowd, int64_t took);
    bool calling;
    struct crowd_kind kinds[CROWD_KINDS_MAX];
    size_t kind_count;
};

struct crowd_pod {
    const char *uid;
    const char *gang; /* NULL: ordinary */
    int32_t minimum;  /* 0: a group object says */
    const char *node;
    const char *nominated;
    const char *role;
    int32_t rank;
    int64_t gpus, cpu; /* thousandths of a CPU */
    const char *required;
};

/* Zeroed crowd. */
void crowd_init(struct crowd *crowd);
void crowd_finish(struct crowd *crowd);
/* Forgets what was measured so far: everything is in place. */
void crowd_start(struct crowd *crowd);

/* Milliseconds pass, and what is due meanwhile happens. */
void crowd_pass(struct crowd *crowd, int64_t milliseconds);
/* Nanoseconds of the event alone. */
int64_t crowd_apply(struct crowd *crowd, const char *kind, struct event *event);

void crowd_name(char name[32], uint32_t node);
/* `rack`: that of the node, or another one. `note`: value of a label nobody asks for, or NULL. */
void crowd_node(struct crowd *crowd, const char *kind, uint32_t node, uint32_t rack, int64_t gpus,
                int64_t cpu, const char *note);
/* The first `count` nodes, each in its place. */
void crowd_nodes(struct crowd *crowd, uint32_t count);
void crowd_node_gone(struct crowd *crowd, const char *kind, uint32_t node);
int64_t crowd_pod(struct crowd *crowd, const char *kind, const struct crowd_pod *pod);
int64_t crowd_pod_gone(struct crowd *crowd, const char *kind, const char *uid);
void crowd_group(struct crowd *crowd, const char *kind, const char *name, int32_t minimum);
int64_t crowd_filter(struct crowd *crowd, const char *kind, const char *uid, const uint32_t *rows,
                     uint32_t count);
void crowd_synced(struct crowd *crowd);

/* The longest of all events, which kind that was, and the 99th percentile. */
struct crowd_worst {
    int64_t longest, p99; /* nanoseconds */
    size_t events;
    const char *kind;
};
struct crowd_worst crowd_worst(const struct crowd *crowd);

/* Nanoseconds measured by somebody else. */
void crowd_take(struct crowd *crowd, const char *kind, int64_t nanoseconds);
void crowd_report(const struct crowd *crowd, const char *title);

#endif
