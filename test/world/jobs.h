// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_WORLD_JOBS_H
#define TEST_WORLD_JOBS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "test/world/world.h"

/* What runs in the cluster: nodes, jobs with their pods (gangs and ordinary ones), the controllers
 * that make missing pods anew, and kubelets. All of them look at the API server again and again and
 * do what is missing, so they outlive whatever happens to it. */

#define NODES_MAX 12
#define JOBS_MAX  24

struct jobs;

/* Jobs begin within `span` of world time. */
struct jobs *jobs_create(struct world *world, int64_t span);
void jobs_destroy(struct jobs *jobs);

/* Every job that can run has run. */
bool jobs_done(const struct jobs *jobs);
/* The first one that has not, for people. */
void jobs_describe(const struct jobs *jobs, char *text, size_t room);
/* A pod of a running or waiting job goes. */
void jobs_lose_pod(struct jobs *jobs);
/* A node is closed or opened for new pods. */
void jobs_cordon(struct jobs *jobs);
void jobs_uncordon(struct jobs *jobs);

int jobs_node_gpus(const json_t *node);
int jobs_pod_gpus(const json_t *pod);
bool jobs_is_over(const json_t *pod); /* succeeded or failed */
/* kube-scheduler's own filters refuse the node to pods of that size, for reasons of their own. */
bool jobs_is_hidden(const struct jobs *jobs, const json_t *node, const json_t *pod);
/* Somebody else binds a pod, where there is room. */
void jobs_bind_elsewhere(struct jobs *jobs);
/* "" for an ordinary pod. */
const char *jobs_gang(const json_t *pod);
int jobs_minimum(const struct jobs *jobs, const char *gang);

#endif
