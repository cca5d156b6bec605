// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/micro/crowd.h"
#include "bench/micro/waiting.h"

/* 100,000 nodes, 500,000 pods that run, and 200 gangs of 8 to 39 pods that wait, two of each of 100
 * shapes. On every tenth node a GPU is free, and no shape fits there. Every round has one event of
 * every kind and leaves the cluster as it was, but for the names of what came and went.
 */

#define NODES   100000
#define PODS    5 /* of each node */
#define SHAPES  100
#define GANGS   200
#define SAMPLED 5000 /* nodes of a filter call: what kube-scheduler looks at in such a cluster */

static int gang_size(int gang)
{
    return 8 + gang % 32;
}

static struct crowd_pod member(char uid[32], char name[32], int gang, int rank)
{
    static const int64_t gpus[] = {2, 4, 8, 3};
    int shape = gang % SHAPES;
    snprintf(name, 32, "gang-%03d", gang);
    snprintf(uid, 32, "gang-%03d-%d", gang, rank);
    return (struct crowd_pod){.uid = uid,
                              .gang = name,
                              .gpus = gpus[shape % 4],
                              .cpu = 1000 + shape * 10,
                              .rank = rank,
                              .required = shape % 3 == 0 ? "topology.kubernetes.io/rack" : NULL};
}

/* Pod `index` of a node: four of two GPUs, or three and one of one; and one without. `born`: how
 * often it was made anew. */
static struct crowd_pod running(char uid[32], char name[32], uint32_t node, int index,
                                uint32_t born)
{
    crowd_name(name, node);
    snprintf(uid, 32, "run-%u-%d-%u", node, index, born);
    return (struct crowd_pod){.uid = uid,
                              .node = name,
                              .gpus = index == 4                     ? 0
                                      : index == 3 && node % 10 == 0 ? 1
                                                                     : 2,
                              .cpu = 1000,
                              .rank = -1};
}

static void build(struct crowd *crowd)
{
    char uid[32], name[32];
    crowd_nodes(crowd, NODES);
    for (uint32_t node = 0; node < NODES; node++) {
        for (int i = 0; i < PODS; i++) {
            struct crowd_pod pod = running(uid, name, node, i, 0);
            crowd_pod(crowd, "bound pod added", &pod);
        }
    }
    for (int gang = 0; gang < GANGS; gang++) {
        snprintf(name, sizeof(name), "gang-%03d", gang);
        crowd_group(crowd, "group added", name, gang_size(gang));
        for (int rank = 0; rank < gang_size(gang); rank++) {
            struct crowd_pod pod = member(uid, name, gang, rank);
            crowd_pod(crowd, "member added", &pod);
        }
    }
    crowd_synced(crowd);
}

/* ---- a round ---- */

static void change_node(struct crowd *crowd, uint32_t round)
{
    char note[32];
    uint32_t node = round * 7919 % NODES, rack = node / CROWD_RACK;
    snprintf(note, sizeof(note), "note-%u", round);
    crowd_node(crowd, "node seen again, nothing changed", node, rack, 8, 96000, NULL);
    crowd_node(crowd, "node's irrelevant label added", node, rack, 8, 96000, note);
    crowd_node(crowd, "node's irrelevant label removed", node, rack, 8, 96000, NULL);
    crowd_node(crowd, "node's CPUs become fewer", node, rack, 8, 95000, NULL);
    crowd_node(crowd, "node's CPUs become more", node, rack, 8, 96000, NULL);
    crowd_node(crowd, "node moves to another rack", node, rack + 1, 8, 96000, NULL);
    crowd_node(crowd, "node moves back", node, rack, 8, 96000, NULL);
    crowd_node(crowd, "empty node without GPUs added", NODES + 1, NODES / CROWD_RACK + 1, 0, 8000,
               NULL);
    crowd_node_gone(crowd, "node removed", NODES + 1);
}

static void change_pods(struct crowd *crowd, uint32_t round)
{
    char uid[32], name[32];
    uint32_t node = round * 104729 % NODES;
    struct crowd_pod pod = running(uid, name, node, 4, 0);
    crowd_pod(crowd, "pod's status update", &pod);
    crowd_pod_gone(crowd, "CPU-only pod deleted", uid);
    pod = running(uid, name, node, 4, 1);
    pod.node = NULL;
    crowd_pod(crowd, "CPU-only pod added", &pod);
    pod.node = name;
    crowd_pod(crowd, "CPU-only pod bound", &pod);
    pod = running(uid, name, node, 0, 0);
    crowd_pod_gone(crowd, "GPU pod deleted, helps nobody", uid);
    pod = running(uid, name, node, 0, 1);
    pod.node = NULL;
    crowd_pod(crowd, "GPU pod added", &pod);
    pod.node = name;
    crowd_pod(crowd, "GPU pod bound", &pod);
}

static void change_gangs(struct crowd *crowd, uint32_t round)
{
    char uid[32], name[32];
    int gang = (int)(round % GANGS);
    struct crowd_pod pod = member(uid, name, gang, 0);
    crowd_pod_gone(crowd, "waiting member deleted", uid);
    crowd_pod(crowd, "waiting member added", &pod);
    crowd_pod(crowd, "waiting member seen again", &pod);
    crowd_group(crowd, "group seen again", name, gang_size(gang));
    crowd_group(crowd, "group's quorum lowered", name, gang_size(gang) - 1);
    crowd_group(crowd, "group's quorum raised", name, gang_size(gang));
}

static void call(struct crowd *crowd, uint32_t round, uint32_t rows[SAMPLED])
{
    char uid[32], name[32];
    for (uint32_t i = 0; i < SAMPLED; i++) {
        crowd_name(name, (round * 6007 + i * 17) % NODES);
        rows[i] = engine_node_row(crowd->engine, name, strlen(name));
    }
    struct crowd_pod pod = member(uid, name, (int)(round % GANGS), 1);
    crowd_filter(crowd, "filter call of a waiting member", uid, rows, SAMPLED);
    pod = (struct crowd_pod){.uid = "ordinary", .gpus = 1, .cpu = 1000, .rank = -1};
    crowd_pod(crowd, "GPU pod added", &pod);
    crowd_filter(crowd, "filter call of an ordinary pod", "ordinary", rows, SAMPLED);
    crowd_pod_gone(crowd, "pod without a node deleted", "ordinary");
}

void waiting_shapes(double seconds)
{
    struct crowd crowd = {.nodes = 0};
    uint32_t *rows = malloc(SAMPLED * sizeof(*rows));
    if (rows == NULL) {
        exit(EXIT_FAILURE);
    }
    crowd_init(&crowd);
    build(&crowd);
    crowd_report(&crowd, "200 gangs of 100 shapes wait on 100,000 nodes: the beginning");
    crowd_start(&crowd);
    for (uint32_t round = 0; round < 1000 && (double)crowd.spent < seconds * 1e9; round++) {
        change_pods(&crowd, round);
        crowd_pass(&crowd, 20);
        call(&crowd, round, rows);
        change_gangs(&crowd, round);
        crowd_pass(&crowd, 20);
        change_node(&crowd, round);
        crowd_pass(&crowd, 20);
    }
    crowd_report(&crowd, "200 gangs of 100 shapes wait on 100,000 nodes with 500,000 pods");
    crowd_finish(&crowd);
    free(rows);
}
