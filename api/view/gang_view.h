// SPDX-License-Identifier: Apache-2.0
#ifndef API_VIEW_GANG_VIEW_H
#define API_VIEW_GANG_VIEW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "scheduler/engine.h"

/* A gang for people and programs: the JSON of the API, and the same as a table or as the tree the
 * gang was placed on.
 */

/* Whether the gang has its places: held, being bound, or bound. */
bool gang_view_feasible(const struct gang_view *view);

/* Why it, or a member of it, is not further; "" when nobody waits for anything but votes. */
const char *gang_view_reason(const struct gang_view *view);

/* *New*:
 *
 *   {"feasible": true, "reason": "", "optimal": true, "bound": [1, 2, 16],
 *    "quality": {"levels": [{"name": "spine", "domains": 1}, {"name": "leaf", "domains": 2}, …]},
 *    "assignments": [{"pod": "ns/name", "role": "worker", "rank": 0, "node": "n1",
 *                      "devices": ["gpu-0", "gpu-1"]}],
 *    "unplaced": [{"pod": "ns/name", "role": "worker", "rank": 1, "reason": "gang … waits: …"}]}
 *
 * plus "gang", "state", "minMember", "pods", "boundPods", "voted", and for a gang that did not fit
 * "shortfall", and for one that prefers a level that does not exist "ignored", a text.
 *
 *   "shortfall": {"level": "rack", "wanted": 4, "missing": 4, "fits": 0, "alternative": null,
 *     "nodes": {"domain": "cluster", "total": 5, "leftOut": {"taint": 4, …}, "rest": 1,
 *               "missing": null, "nowhere": false, "short": "nvidia.com/gpu", "each": 8},
 *     "blockedBy": {"gang": null, "otherPods": false}}
 *
 * leftOut and rest add up to total; docs/operations.md says what each kind is. `nodes` is null when
 * no domain of the level holds what is bound already.
 *
 * Levels are widest first, without the cluster itself. `bound` is the lower bound, in the same
 * order: read as one vector, no plan is lexicographically smaller, so that `optimal` means that it
 * equals the domains of quality. A rank of -1 is none. Devices are the names of the pod's GPUs
 * where they were chosen or are known (scheduler/state/gpus.h), else there are none. */
json_t *gang_view_json(const struct gang_view *view);

/* *New*: gangs without assignments, in order of namespace and name, from index `first` on:
 *
 *   {"items": [{"gang": "ns/name", …}, …], "continue": "ns/name"}
 *
 * at most `limit` (0: as many as may be) and GANG_VIEW_PAGE of them, and no further one after
 * GANG_VIEW_PAGE_MEMBERS members: one answer costs that much, however many there are. "continue" is
 * the last one's name if there are more, behind which the next page begins
 * (engine_gang_after()); else it is "". */
#define GANG_VIEW_PAGE         100u
#define GANG_VIEW_PAGE_MEMBERS 10000u
json_t *gang_view_list(const struct engine *engine, size_t first, size_t limit);

/* "gpu-0..3,gpu-6": what is known of a member's GPUs. */
#define GANG_VIEW_DEVICES_MAX 512
void gang_view_devices(const struct gang_member_view *member, char text[GANG_VIEW_DEVICES_MAX]);

/* One line per member in order of role and rank, and the optimality bound. */
void gang_view_table(const struct gang_view *view, FILE *out);

/* The optimality bound, e.g. one of
 *
 *   1 spine, 2 leaves, 16 hosts (optimal)
 *   1 spine, 3 leaves (at least 2), 16 hosts
 *
 * where the second says that two leaves may do, but never one, and that nothing is known of the
 * hosts then. Nothing for a gang without a plan. */
void gang_view_optimality(const struct gang_view *view, FILE *out);

/* The part of the topology the gang touches, one line per domain and node: what is free and what
 * there is of the gang's accelerators, now that the gang has its place, then roles with ranks, then
 * pods.
 *
 *   default/train  4 pods  Held
 *   1 leaf, 1 rack, 2 hosts (optimal)
 *   cluster  112/256 nvidia.com/gpu free
 *   └─ leaf b1  24/64 free
 *      └─ rack r3  0/16 free
 *         ├─ n9   0/8  master 0, worker 0  train-master-0, train-worker-0
 *         └─ n10  0/8  worker 1-2          train-worker-1, train-worker-2
 *
 * A pod with some of its node's GPUs has their names behind it, "train-0 (gpu-0..3)", where they
 * are known. Levels that a node has no label for are left out. On more than GANG_VIEW_WHOLE nodes,
 * neighbours with equally many pods share a line. */
#define GANG_VIEW_WHOLE 64u
void gang_view_tree(const struct gang_view *view, const struct engine *engine, FILE *out);

/* Who of the gang has no place, at the end of the tree: names, and a reason where the headline does
 * not give the same; at most GANG_VIEW_UNPLACED names, then how many more. */
#define GANG_VIEW_UNPLACED 64u
void gang_view_unplaced(const struct gang_view *view, FILE *out);

/* The first line of both, and below it the reason why the gang is not further, and what of its
 * placement is ignored, wrapped at 80 columns. */
void gang_view_headline(const struct gang_view *view, FILE *out);

#endif
