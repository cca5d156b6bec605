// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_UNIT_SCHEDULER_WORLD_H
#define TEST_UNIT_SCHEDULER_WORLD_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/engine.h"
#include "scheduler/journal/writer.h"

/* A small world around an engine: says what happens in one line, finds what followed.
 *
 * Nodes have 8 GPUs and lie in racks of blocks. Pods are named by uid; "uid" doubles as name.
 * Effects of the last event stay in world.effects until the next one.
 */

#define WORLD_NODES_MAX 4096

struct world {
    struct engine *engine;
    struct effects effects;
    int64_t now;
    uint64_t ticket;
    struct journal *journal; /* not NULL: gets every event and its effects */
};

struct world_pod {
    const char *uid;
    const char *gang; /* NULL: ordinary */
    int32_t minimum;  /* lightweight quorum; 0: see the group */
    int64_t gpus;
    const char *node; /* bound */
    const char *nominated;
    int32_t rank;
    struct replica_object replica;
    bool succeeded, failed, deleting, gated;
    const char *role;
    const char *owner, *run;
    bool elsewhere;         /* bound by somebody else; without that what is bound was placed here */
    bool annotated;         /* as if it had been placed here, bound or not */
    const char *name_space; /* NULL: "ns" */
    int32_t priority;
    bool foreign;
    const char *required; /* in place of that of `placement` */
    const struct placement_object *placement;
    const struct label_object *selector;
    size_t selector_count;
};

/* 7 for "n7". */
static inline int world_number(const char *node)
{
    return (int)strtol(node + 1, NULL, 10);
}

static inline void world_init_with(struct world *world, const struct engine_options *options)
{
    memset(world, 0, sizeof(*world));
    world->engine = engine_create(options);
    effects_init(&world->effects);
}

static inline void world_init(struct world *world)
{
    struct engine_options options;
    engine_options_default(&options);
    world_init_with(world, &options);
}

static inline void world_discard(struct world *world)
{
    effects_finish(&world->effects);
    engine_destroy(world->engine);
}

/* The engine's self-check (engine/audit.h) found nothing. */
static inline void world_audited(const struct world *world)
{
    const char *whose;
    uint64_t differences = engine_differences(world->engine, &whose);
    ck_assert_msg(differences == 0, "%u sums were wrong, at last of %s", (unsigned)differences,
                  whose);
}

static inline void world_finish(struct world *world)
{
    world_audited(world);
    world_discard(world);
}

static inline void world_apply(struct world *world, struct event *event)
{
    event->now = world->now;
    effects_reset(&world->effects);
    engine_apply(world->engine, event, &world->effects);
    if (world->journal != NULL) {
        ck_assert_int_eq(journal_step(world->journal, world->engine, event, &world->effects, NULL),
                         0);
    }
}

static inline void world_node(struct world *world, const char *name, const char *block,
                              const char *rack, int64_t gpus)
{
    struct label_object labels[] = {
        {"kubernetes.io/hostname", name},
        {"network.topology.nvidia.com/block", block},
        {"topology.kubernetes.io/rack", rack},
    };
    struct amount_object amounts[] = {{"cpu", 96000}, {"nvidia.com/gpu", gpus}, {"pods", 110}};
    struct event event = {.type = EVENT_NODE};
    event.node.name = name;
    event.node.labels = labels;
    event.node.label_count = rack == NULL ? 1 : 3;
    event.node.allocatable = amounts;
    event.node.allocatable_count = 3;
    world_apply(world, &event);
}

static inline void world_node_gone(struct world *world, const char *name)
{
    struct event event = {.type = EVENT_NODE_GONE, .node_name = name};
    world_apply(world, &event);
}

/* racks × per_rack nodes of 8 GPUs: n0, n1, … in racks r0, r1, … of blocks of two racks. */
static inline void world_racks(struct world *world, int racks, int per_rack)
{
    for (int i = 0; i < racks * per_rack; i++) {
        char node[32], block[32], rack[32];
        snprintf(node, sizeof(node), "n%d", i);
        snprintf(block, sizeof(block), "b%d", i / per_rack / 2);
        snprintf(rack, sizeof(rack), "r%d", i / per_rack);
        world_node(world, node, block, rack, 8);
    }
}

static inline void world_fill_pod(const struct world_pod *pod, struct pod_object *object,
                                  struct amount_object amounts[3])
{
    memset(object, 0, sizeof(*object));
    amounts[0] = (struct amount_object){"cpu", 1000};
    amounts[1] = (struct amount_object){"pods", 1};
    amounts[2] = (struct amount_object){"nvidia.com/gpu", pod->gpus};
    object->name_space = pod->name_space != NULL ? pod->name_space : "ns";
    object->name = pod->uid;
    object->uid = pod->uid;
    object->node = pod->node;
    object->nominated = pod->nominated;
    object->terminal = pod->succeeded || pod->failed;
    object->succeeded = pod->succeeded;
    object->deleting = pod->deleting;
    object->gated = pod->gated;
    object->foreign = pod->foreign;
    object->priority = pod->priority;
    object->requests = amounts;
    object->request_count = pod->gpus > 0 ? 3 : 2;
    object->gang = pod->gang;
    object->gang_minimum = pod->minimum;
    object->role = pod->role;
    object->owner = pod->owner;
    object->run = pod->run;
    object->placed_here = pod->annotated || (pod->node != NULL && !pod->elsewhere);
    object->rank = pod->rank;
    object->replica = pod->replica;
    if (pod->placement != NULL) {
        object->placement = *pod->placement;
    }
    if (pod->required != NULL) {
        object->placement.required_level = pod->required;
    }
    object->selector = pod->selector;
    object->selector_count = pod->selector_count;
}

static inline void world_pod(struct world *world, const struct world_pod *pod)
{
    struct amount_object amounts[3];
    struct event event = {.type = EVENT_POD};
    world_fill_pod(pod, &event.pod, amounts);
    world_apply(world, &event);
}

/* A pod without a gang on each node of the list, which ends with NULL: all 8 GPUs are in use. */
static inline void world_fill(struct world *world, const char *const *nodes)
{
    for (; *nodes != NULL; nodes++) {
        struct world_pod pod = {.uid = *nodes, .gpus = 8, .node = *nodes, .rank = -1};
        world_pod(world, &pod);
    }
}

static inline void world_pod_gone(struct world *world, const char *uid)
{
    struct event event = {.type = EVENT_POD_GONE, .pod_uid = uid};
    world_apply(world, &event);
}

static inline void world_group(struct world *world, const char *name, int32_t minimum)
{
    struct event event = {.type = EVENT_GROUP};
    event.group.name_space = "ns";
    event.group.name = name;
    event.group.uid = name;
    event.group.minimum = minimum;
    world_apply(world, &event);
}

static inline void world_event(struct world *world, enum event_type type)
{
    struct event event = {.type = type};
    world_apply(world, &event);
}

static inline void world_tick(struct world *world, int64_t milliseconds)
{
    world->now += milliseconds;
    world_event(world, EVENT_TICK);
}

/* Time passes as it does for a daemon: with a tick whenever the engine wants one, and at last. */
static inline void world_wait(struct world *world, int64_t milliseconds)
{
    int64_t until = world->now + milliseconds;
    while (engine_deadline(world->engine) < until) {
        int64_t next = engine_deadline(world->engine) - world->now;
        world_tick(world, next > 0 ? next : 0);
    }
    world_tick(world, until - world->now);
}

/* `count` pods <gang>-0, <gang>-1, … of 8 GPUs, quorum `minimum` on the pods when positive. */
static inline void world_gang(struct world *world, const char *gang, int count, int32_t minimum)
{
    for (int i = 0; i < count; i++) {
        char uid[64];
        snprintf(uid, sizeof(uid), "%s-%d", gang, i);
        struct world_pod pod = {.uid = uid, .gang = gang, .minimum = minimum, .gpus = 8, .rank = i};
        world_pod(world, &pod);
    }
}

static inline const struct effect *world_find(const struct world *world, enum effect_type type)
{
    for (size_t i = 0; i < world->effects.count; i++) {
        if (world->effects.items[i].type == type) {
            return &world->effects.items[i];
        }
    }
    return NULL;
}

static inline unsigned world_count(const struct world *world, enum effect_type type)
{
    unsigned count = 0;
    for (size_t i = 0; i < world->effects.count; i++) {
        count += world->effects.items[i].type == type;
    }
    return count;
}

/* Calls filter with these nodes (NULL-terminated); the pod must be known. */
static inline const struct filter_reply *world_filter(struct world *world, const char *uid,
                                                      const char *nominated,
                                                      const char *const *nodes)
{
    static uint32_t rows[WORLD_NODES_MAX];
    struct event event = {.type = EVENT_FILTER};
    event.filter.ticket = ++world->ticket;
    event.filter.pod.uid = uid;
    event.filter.pod.nominated = nominated;
    for (; nodes[event.filter.row_count] != NULL; event.filter.row_count++) {
        const char *name = nodes[event.filter.row_count];
        rows[event.filter.row_count] = engine_node_row(world->engine, name, strlen(name));
    }
    event.filter.rows = rows;
    world_apply(world, &event);
    const struct effect *effect = world_find(world, EFFECT_FILTER_REPLY);
    ck_assert_ptr_nonnull(effect);
    ck_assert_uint_eq(effect->filter.ticket, world->ticket);
    return &effect->filter;
}

/* Calls bind; returns the ticket. */
static inline uint64_t world_bind(struct world *world, const char *uid, const char *node)
{
    struct event event = {.type = EVENT_BIND};
    event.bind.ticket = ++world->ticket;
    event.bind.name_space = "ns";
    event.bind.name = uid;
    event.bind.uid = uid;
    event.bind.node = node;
    world_apply(world, &event);
    return world->ticket;
}

static inline void world_bound(struct world *world, const char *uid, const char *node,
                               enum write_outcome outcome)
{
    struct event event = {.type = EVENT_BINDING_DONE};
    event.done.uid = uid;
    event.done.node = node;
    event.done.outcome = outcome;
    event.done.message = outcome == WRITE_DONE ? "" : "no";
    world_apply(world, &event);
}

/* The view of the gang, of the namespace "ns" or of one of its own name; arrays live in `arena`. */
static inline struct gang_view world_view(const struct world *world, const char *gang,
                                          struct arena *arena)
{
    struct gang_view view;
    ck_assert(engine_gang_find(world->engine, "ns", gang, arena, &view) ||
              engine_gang_find(world->engine, gang, gang, arena, &view));
    return view;
}

static inline enum gang_state world_state(const struct world *world, const char *gang)
{
    struct arena arena;
    arena_init(&arena);
    struct gang_view view = world_view(world, gang, &arena);
    arena_finish(&arena);
    return view.state;
}

/* Planned or bound node of a member, copied into `node`; "" when neither. */
static inline const char *world_node_of(const struct world *world, const char *gang,
                                        const char *pod, char node[64])
{
    struct arena arena;
    arena_init(&arena);
    struct gang_view view = world_view(world, gang, &arena);
    node[0] = '\0';
    for (uint32_t i = 0; i < view.member_count; i++) {
        if (strcmp(view.members[i].pod, pod) == 0 && view.members[i].node != NULL) {
            snprintf(node, 64, "%s", view.members[i].node);
        }
    }
    arena_finish(&arena);
    return node;
}

/* "<gang>-<index>", in one of a few buffers used in turn. */
static inline const char *world_member(const char *gang, int index)
{
    static char names[8][64];
    static unsigned turn;
    char *name = names[turn++ % 8];
    snprintf(name, sizeof(names[0]), "%s-%d", gang, index);
    return name;
}

/* Planned or bound node of a member by index, in one of a few buffers used in turn. */
static inline const char *world_planned(const struct world *world, const char *gang, int index)
{
    static char nodes[8][64];
    static unsigned turn;
    return world_node_of(world, gang, world_member(gang, index), nodes[turn++ % 8]);
}

/* Members first … first + count - 1 vote; only the effects of the last one are left to look at. */
static inline void world_vote(struct world *world, const char *gang, int first, int count)
{
    for (int i = first; i < first + count; i++) {
        world_bind(world, world_member(gang, i), world_planned(world, gang, i));
    }
}

/* The outcome of the bindings of members first … first + count - 1. */
static inline void world_outcome(struct world *world, const char *gang, int first, int count,
                                 enum write_outcome outcome)
{
    for (int i = first; i < first + count; i++) {
        char node[64];
        world_node_of(world, gang, world_member(gang, i), node);
        world_bound(world, world_member(gang, i), node, outcome);
    }
}

/* Why it waits, to somebody who asks. */
static inline const char *world_reason(struct world *world, const char *gang)
{
    struct event event = {.type = EVENT_ASK, .now = world->now};
    event.asked.name_space = "ns";
    event.asked.name = gang;
    struct effects effects;
    effects_init(&effects);
    engine_apply(world->engine, &event, &effects);
    effects_finish(&effects);
    static char text[600];
    struct arena arena;
    arena_init(&arena);
    snprintf(text, sizeof(text), "%s", world_view(world, gang, &arena).reason);
    arena_finish(&arena);
    return text;
}

/* The reply to a bind ticket in the last effects, or NULL. */
static inline const struct bind_reply *world_reply(const struct world *world, uint64_t ticket)
{
    for (size_t i = 0; i < world->effects.count; i++) {
        const struct effect *effect = &world->effects.items[i];
        if (effect->type == EFFECT_BIND_REPLY && effect->bind.ticket == ticket) {
            return &effect->bind;
        }
    }
    return NULL;
}

static inline struct engine_figures world_figures(const struct world *world)
{
    struct engine_figures figures;
    engine_figures(world->engine, &figures);
    return figures;
}

/* All names of `nodes` but one, NULL-terminated, for lists without the planned node. */
static inline const char *const *world_without(const char *const *nodes, const char *name)
{
    static const char *rest[WORLD_NODES_MAX];
    size_t count = 0;
    for (size_t i = 0; nodes[i] != NULL; i++) {
        if (strcmp(nodes[i], name) != 0) {
            rest[count++] = nodes[i];
        }
    }
    rest[count] = NULL;
    return rest;
}

#endif
