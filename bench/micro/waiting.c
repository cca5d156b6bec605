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

/* Four pods of two GPUs and two without on every node. The first rack has 15 nodes whose GPUs are
 * free and one that is used by a single pod: what the first round lets in costs one deletion. */
static void fill_nodes(struct crowd *crowd)
{
    char uid[32];
    for (uint32_t node = 0; node < CROWD_NODES; node++) {
        int pods = node >= CROWD_GANG ? 4 : node == 0 ? 1 : 0;
        for (int i = 0; i < 6; i++) {
            snprintf(uid, sizeof(uid), "busy-%u-%d", node, i);
            if (i >= 4 || i < pods) {
                bound_pod(crowd, "bound pod added", uid, node, i < 4 ? 2 : 0);
            }
        }
    }
}

/* Every other gang has to be in one rack. */
static void add_gangs(struct crowd *crowd)
{
    char uid[32], gang[32];
    for (int i = 0; i < CROWD_GANGS; i++) {
        for (int rank = 0; rank < CROWD_GANG; rank++) {
            snprintf(gang, sizeof(gang), "gang-%04d", i);
            snprintf(uid, sizeof(uid), "gang-%04d-%d", i, rank);
            struct crowd_pod pod = {.uid = uid,
                                    .gang = gang,
                                    .minimum = CROWD_GANG,
                                    .gpus = 8,
                                    .cpu = 1000,
                                    .rank = rank,
                                    .required = i % 2 == 0 ? NULL : "topology.kubernetes.io/rack"};
            crowd_pod(crowd, "member added", &pod);
        }
    }
}

struct planned {
    char uid[32], gang[32], node[32];
};

/* The members that the last event got a place for. */
static int take_planned(const struct crowd *crowd, struct planned planned[CROWD_GANG])
{
    int count = 0;
    for (size_t i = 0; i < crowd->effects.count && count < CROWD_GANG; i++) {
        const struct effect *effect = &crowd->effects.items[i];
        if (effect->type == EFFECT_NOMINATE && effect->write.node != NULL) {
            struct planned *it = &planned[count++];
            snprintf(it->uid, sizeof(it->uid), "%s", effect->write.uid);
            snprintf(it->gang, sizeof(it->gang), "%.9s", effect->write.uid);
            snprintf(it->node, sizeof(it->node), "%s", effect->write.node);
        }
    }
    return count;
}

/* What was planned is bound and runs from now on. */
static void bind_planned(struct crowd *crowd, const struct planned *planned, int count)
{
    for (int i = 0; i < count; i++) {
        const struct planned *it = &planned[i];
        long number = strtol(it->gang + 5, NULL, 10);
        struct crowd_pod pod = {.uid = it->uid,
                                .gang = it->gang,
                                .minimum = CROWD_GANG,
                                .gpus = 8,
                                .cpu = 1000,
                                .node = it->node,
                                .rank = (int32_t)strtol(it->uid + 10, NULL, 10),
                                .required = number % 2 == 0 ? NULL : "topology.kubernetes.io/rack"};
        crowd_pod(crowd, "member bound", &pod);
    }
}

/* The 16 nodes of rack `round` lose their GPU pods, one after the other; the last one is measured.
 */
static void let_one_in(struct crowd *crowd, uint32_t round)
{
    struct planned planned[CROWD_GANG];
    char uid[32];
    uint32_t first = round * CROWD_RACK;
    for (uint32_t i = CROWD_GANG; i-- > 0;) {
        for (int pod = 3; pod >= 0; pod--) {
            snprintf(uid, sizeof(uid), "busy-%u-%d", first + i, pod);
            bool last = i == 0 && pod == 0;
            if (round > 0 || last) {
                crowd_pod_gone(crowd,
                               last       ? "GPU pod deleted, lets one gang in"
                               : pod == 0 ? "GPU pod deleted, frees a node of 16"
                                          : "GPU pod deleted, helps nobody",
                               uid);
            }
            if (last) {
                crowd_take(crowd, "until a gang is in and all is quiet", crowd->quiet);
            }
        }
    }
    int count = take_planned(crowd, planned);
    if (count != CROWD_GANG) {
        fprintf(stderr, "round %u let %d pods in\n", round, count);
        exit(EXIT_FAILURE);
    }
    bind_planned(crowd, planned, count);
}

/* Racks 0 to 99 let gangs in; the nodes behind them lose single pods. */
static void crowd_round(struct crowd *crowd, uint32_t round)
{
    char uid[32];
    uint32_t node = 100 * CROWD_RACK + round;
    crowd_pass(crowd, 20);
    snprintf(uid, sizeof(uid), "busy-%u-4", node);
    crowd_pod_gone(crowd, "CPU-only pod deleted", uid);
    crowd_pass(crowd, 20);
    snprintf(uid, sizeof(uid), "busy-%u-0", node);
    crowd_pod_gone(crowd, "GPU pod deleted, helps nobody", uid);
    crowd_pass(crowd, 20);
    if (round < 100) {
        let_one_in(crowd, round);
    }
}

void waiting_crowd(double seconds)
{
    struct crowd crowd = {.nodes = 0};
    crowd_init(&crowd);
    crowd_nodes(&crowd, CROWD_NODES);
    fill_nodes(&crowd);
    add_gangs(&crowd);
    crowd_synced(&crowd);
    crowd_report(&crowd, "1,000 gangs of 16 x 8 GPUs wait on 5,000 nodes: the beginning");
    crowd_start(&crowd);
    for (uint32_t round = 0; round < 1000 && !time_is_up(&crowd, seconds); round++) {
        crowd_round(&crowd, round);
    }
    crowd_report(&crowd, "1,000 gangs of 16 x 8 GPUs wait on 5,000 nodes");
    crowd_finish(&crowd);
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
