// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/micro/crowd.h"
#include "bench/micro/waiting.h"

/* 30 gangs of 28 pods in four roles, seven pods each, that have to be in one rack. No rack has
 * room, and many nearly have: what is free in GPUs and CPUs would do if it were not in pieces. So
 * each of them is as much work for the solver as there can be. What ends meanwhile is a pod on a
 * node where no member could ever be; and somebody else's pod asks for a node after each event.
 */

#define RACKS   40
#define GANGS   30
#define ROLES   4
#define PER     7
#define LONE    (RACKS * CROWD_RACK) /* first of the nodes without GPUs */
#define LONES   200
#define SAMPLED 100
#define SEED    6 /* of many one where no gang fits and the solver is at it longest */

struct demand {
    int64_t gpus, cpu;
};

/* Together 98 GPUs and 630 CPUs. */
static const struct demand demands[ROLES] = {{5, 20000}, {4, 35000}, {3, 10000}, {2, 25000}};

static uint32_t lone_rows[SAMPLED];

static uint32_t draw(uint64_t *random, uint32_t end)
{
    *random += UINT64_C(0x9E3779B97F4A7C15); /* splitmix64 */
    uint64_t z = *random;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (uint32_t)((z ^ (z >> 31)) % end);
}

/* Leaves between 3 and 8 GPUs and 24 and 63 CPUs of every node free. */
static void fill_racks(struct crowd *crowd)
{
    uint64_t random = SEED;
    char uid[32], name[32];
    for (uint32_t node = 0; node < LONE; node++) {
        crowd_name(name, node);
        snprintf(uid, sizeof(uid), "busy-%u", node);
        struct crowd_pod pod = {.uid = uid,
                                .node = name,
                                .gpus = draw(&random, 6),
                                .cpu = 96000 - 24000 - 1000 * draw(&random, 40),
                                .rank = -1};
        crowd_pod(crowd, "bound pod added", &pod);
    }
}

static void add_lone_nodes(struct crowd *crowd)
{
    char uid[32], name[32];
    for (uint32_t i = 0; i < LONES; i++) {
        crowd_node(crowd, "node added", LONE + i, RACKS + i / CROWD_RACK, 0, 4000, NULL);
        crowd_name(name, LONE + i);
        if (i < SAMPLED) {
            lone_rows[i] = engine_node_row(crowd->engine, name, strlen(name));
        }
        snprintf(uid, sizeof(uid), "lone-%u", i);
        struct crowd_pod pod = {.uid = uid, .node = name, .cpu = 1000, .rank = -1};
        crowd_pod(crowd, "bound pod added", &pod);
    }
}

static void add_gangs(struct crowd *crowd)
{
    static const char *const roles[ROLES] = {"a", "b", "c", "d"};
    char uid[32], gang[32];
    for (int i = 0; i < GANGS; i++) {
        snprintf(gang, sizeof(gang), "gang-%02d", i);
        for (int number = 0; number < ROLES * PER; number++) {
            const struct demand *demand = &demands[number % ROLES];
            snprintf(uid, sizeof(uid), "gang-%02d-%d", i, number);
            struct crowd_pod pod = {.uid = uid,
                                    .gang = gang,
                                    .minimum = ROLES * PER,
                                    .role = roles[number % ROLES],
                                    .rank = number / ROLES,
                                    .gpus = demand->gpus,
                                    .cpu = demand->cpu + 100 * (i % 10),
                                    .required = "topology.kubernetes.io/rack"};
            crowd_pod(crowd, "member added", &pod);
        }
    }
}

static void ask(struct crowd *crowd, int64_t took)
{
    int64_t answered = crowd_filter(crowd, "filter call", "somebody", lone_rows, SAMPLED);
    crowd_take(crowd, "wait for an answer", took + answered);
}

void waiting_roles(double seconds)
{
    struct crowd crowd = {.nodes = 0};
    char uid[32];
    crowd_init(&crowd);
    crowd_nodes(&crowd, LONE);
    fill_racks(&crowd);
    add_lone_nodes(&crowd);
    add_gangs(&crowd);
    struct crowd_pod somebody = {.uid = "somebody", .cpu = 100, .rank = -1};
    crowd_pod(&crowd, "pod added", &somebody);
    crowd_synced(&crowd);
    crowd_report(&crowd, "30 gangs of 28 pods in four roles wait for a rack: the beginning");
    crowd_start(&crowd);
    crowd.meanwhile = ask;
    for (uint32_t round = 0; round < LONES && (double)crowd.spent < seconds * 1e9; round++) {
        snprintf(uid, sizeof(uid), "lone-%u", round);
        crowd_pod_gone(&crowd, "unrelated pod ends", uid);
        crowd_pass(&crowd, 20);
    }
    crowd_report(&crowd, "30 gangs of 28 pods in four roles wait for a rack");
    crowd_finish(&crowd);
}
