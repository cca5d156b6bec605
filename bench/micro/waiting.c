// SPDX-License-Identifier: Apache-2.0
#include "bench/micro/waiting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/micro/crowd.h"

/* Every cluster is full: no gang fits until GPUs become free. Rounds differ in which node or pod
 * they take, so that no answer can come out of a cache that only this benchmark has.
 */

static bool time_is_up(const struct crowd *crowd, double seconds)
{
    return (double)crowd->spent > seconds * 1e9;
}

static void bound_pod(struct crowd *crowd, const char *kind, const char *uid, uint32_t node,
                      int64_t gpus)
{
    char name[32];
    crowd_name(name, node);
    struct crowd_pod pod = {.uid = uid, .node = name, .gpus = gpus, .cpu = 1000, .rank = -1};
    crowd_pod(crowd, kind, &pod);
}

/* ---- 1,000 gangs of 16 whole nodes ---- */

#define CROWD_NODES 5000
#define CROWD_GANGS 1000
#define CROWD_GANG  16
#define CROWD_TURNS 100 /* racks that let a gang in, one a round */

static const char rack_level[] = "topology.kubernetes.io/rack";

/* What is different between the two crowds. */
struct crowd_kind_of {
    const char *title;
    uint32_t free;  /* nodes of every rack that have no GPU pods at all */
    bool all_racks; /* every gang has to be in one rack; else every other one */
};

/* Four pods of two GPUs and two without on every node that is not free. The first rack has 15 nodes
 * whose GPUs are free and one that is used by a single pod: what the first round lets in costs one
 * deletion. */
static int gpu_pods(const struct crowd_kind_of *kind, uint32_t node)
{
    uint32_t place = node % CROWD_RACK;
    if (node < CROWD_GANG) {
        return node == 0 ? 1 : 0;
    }
    return place >= CROWD_GANG - kind->free && place < CROWD_GANG ? 0 : 4;
}

static void fill_nodes(struct crowd *crowd, const struct crowd_kind_of *kind)
{
    char uid[32];
    for (uint32_t node = 0; node < CROWD_NODES; node++) {
        for (int i = 0; i < 6; i++) {
            snprintf(uid, sizeof(uid), "busy-%u-%d", node, i);
            if (i >= 4 || i < gpu_pods(kind, node)) {
                bound_pod(crowd, "bound pod added", uid, node, i < 4 ? 2 : 0);
            }
        }
    }
}

static struct crowd_pod crowd_member(const struct crowd_kind_of *kind, const char *uid,
                                     char gang[32])
{
    snprintf(gang, 32, "%.9s", uid);
    bool anywhere = !kind->all_racks && strtol(gang + 5, NULL, 10) % 2 == 0;
    return (struct crowd_pod){.uid = uid,
                              .gang = gang,
                              .minimum = CROWD_GANG,
                              .gpus = 8,
                              .cpu = 1000,
                              .rank = (int32_t)strtol(uid + 10, NULL, 10),
                              .required = anywhere ? NULL : rack_level};
}

static void add_gangs(struct crowd *crowd, const struct crowd_kind_of *kind)
{
    char uid[32], gang[32];
    for (int i = 0; i < CROWD_GANGS; i++) {
        for (int rank = 0; rank < CROWD_GANG; rank++) {
            snprintf(uid, sizeof(uid), "gang-%04d-%d", i, rank);
            struct crowd_pod pod = crowd_member(kind, uid, gang);
            crowd_pod(crowd, "member added", &pod);
        }
    }
}

/* What the last event planned is bound and runs from now on. */
static void bind_planned(struct crowd *crowd, const struct crowd_kind_of *kind, uint32_t round)
{
    struct {
        char uid[32], node[32];
    } planned[CROWD_GANG];
    char gang[32];
    int count = 0;
    for (size_t i = 0; i < crowd->effects.count && count < CROWD_GANG; i++) {
        const struct effect *effect = &crowd->effects.items[i];
        if (effect->type == EFFECT_NOMINATE && effect->write.node != NULL) {
            snprintf(planned[count].uid, 32, "%s", effect->write.uid);
            snprintf(planned[count++].node, 32, "%s", effect->write.node);
        }
    }
    if (count != CROWD_GANG) {
        fprintf(stderr, "round %u let %d pods in\n", round, count);
        exit(EXIT_FAILURE);
    }
    for (int i = 0; i < count; i++) {
        struct crowd_pod pod = crowd_member(kind, planned[i].uid, gang);
        pod.node = planned[i].node;
        crowd_pod(crowd, "member bound", &pod);
    }
}

/* 16 nodes of rack `round` lose their GPU pods, one after the other; the last one is measured. */
static void let_one_in(struct crowd *crowd, const struct crowd_kind_of *kind, uint32_t round)
{
    char uid[32];
    uint32_t first = round * CROWD_RACK;
    for (uint32_t i = CROWD_GANG; i-- > 0;) {
        for (int pod = gpu_pods(kind, first + i) - 1; pod >= 0; pod--) {
            snprintf(uid, sizeof(uid), "busy-%u-%d", first + i, pod);
            bool last = i == 0 && pod == 0;
            crowd_pod_gone(crowd,
                           last       ? "GPU pod deleted, lets one gang in"
                           : pod == 0 ? "GPU pod deleted, frees a node of 16"
                                      : "GPU pod deleted, helps nobody",
                           uid);
        }
    }
    crowd_take(crowd, "until a gang is in and all is quiet", crowd->quiet);
    bind_planned(crowd, kind, round);
}

/* The racks behind those that let gangs in lose single pods. */
static void crowd_round(struct crowd *crowd, const struct crowd_kind_of *kind, uint32_t round)
{
    char uid[32];
    uint32_t place = CROWD_TURNS * CROWD_RACK + round % 170 * CROWD_RACK + round / 170;
    snprintf(uid, sizeof(uid), "busy-%u-4", place);
    crowd_pod_gone(crowd, "CPU-only pod deleted", uid);
    crowd_pass(crowd, 20);
    snprintf(uid, sizeof(uid), "busy-%u-0", place);
    crowd_pod_gone(crowd, "GPU pod deleted, helps nobody", uid);
    crowd_pass(crowd, 20);
    if (round < CROWD_TURNS) {
        let_one_in(crowd, kind, round);
    }
    crowd_pass(crowd, 20);
}

static void crowd_of(const struct crowd_kind_of *kind, double seconds)
{
    struct crowd crowd = {.nodes = 0};
    char title[128];
    crowd_init(&crowd);
    crowd_nodes(&crowd, CROWD_NODES);
    fill_nodes(&crowd, kind);
    add_gangs(&crowd, kind);
    crowd_synced(&crowd);
    snprintf(title, sizeof(title), "%s: the beginning", kind->title);
    crowd_report(&crowd, title);
    crowd_start(&crowd);
    for (uint32_t round = 0; round < 1000 && !time_is_up(&crowd, seconds); round++) {
        crowd_round(&crowd, kind, round);
    }
    crowd_report(&crowd, kind->title);
    crowd_finish(&crowd);
}

void waiting_crowd(double seconds)
{
    static const struct crowd_kind_of kinds[] = {
        {"1,000 gangs of 16 x 8 GPUs wait on 5,000 nodes; no GPU is free, half need a rack", 0,
         false},
        {"1,000 gangs of 16 x 8 GPUs wait on 5,000 nodes; half of the nodes are free, all need a "
         "rack",
         10, true},
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        crowd_of(&kinds[i], seconds);
    }
}

/* ---- 8,000 members that run ---- */

#define MEMBERS 8000
#define OTHERS  10 /* pods beside each of them */

static struct crowd_pod member_of(char uid[32], char gang[32], char node[32], uint32_t number,
                                  uint32_t size)
{
    snprintf(gang, 32, "gang-%04u", number / size);
    snprintf(uid, 32, "member-%05u", number);
    crowd_name(node, number);
    return (struct crowd_pod){.uid = uid,
                              .gang = gang,
                              .minimum = (int32_t)size,
                              .node = node,
                              .gpus = 8,
                              .cpu = 1000,
                              .rank = (int32_t)(number % size)};
}

static void members_of(uint32_t size, double seconds)
{
    struct crowd crowd = {.nodes = 0};
    char uid[32], gang[32], node[32], title[96];
    crowd_init(&crowd);
    crowd_nodes(&crowd, MEMBERS);
    for (uint32_t i = 0; i < MEMBERS; i++) { /* in no order, between pods of others */
        struct crowd_pod pod = member_of(uid, gang, node, i * 4111 % MEMBERS, size);
        crowd_pod(&crowd, "member added", &pod);
        for (int other = 0; other < OTHERS; other++) {
            snprintf(uid, sizeof(uid), "other-%u-%d", i, other);
            bound_pod(&crowd, "bound pod added", uid, i, 0);
        }
    }
    crowd_synced(&crowd);
    crowd_start(&crowd);
    for (int round = 0; round < 10 && !time_is_up(&crowd, seconds); round++) {
        int64_t before = crowd.spent;
        for (uint32_t i = 0; i < MEMBERS; i++) {
            struct crowd_pod pod = member_of(uid, gang, node, i * 2437 % MEMBERS, size);
            crowd_pod(&crowd, "status update", &pod);
        }
        crowd_take(&crowd, "8,000 status updates", crowd.spent - before);
        crowd_pass(&crowd, 1000);
    }
    snprintf(title, sizeof(title), "8,000 bound members, gangs of %u", size);
    crowd_report(&crowd, title);
    crowd_finish(&crowd);
}

void waiting_members(double seconds)
{
    members_of(64, seconds);
    members_of(MEMBERS, seconds);
}
