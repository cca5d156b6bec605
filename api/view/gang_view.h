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

/* *New* {"feasible","reason","optimal","bound","quality":{"levels":[{"name","domains"}]},
 * "assignments":[{"pod","role","rank","node","devices":[]}]} plus
 * "gang","state","minMember","pods", "boundPods","voted". `bound` is the certificate's: no plan can
 * touch fewer domains of the level at the same place in quality.levels. Levels are widest first,
 * without the cluster itself. */
json_t *gang_view_json(const struct gang_view *view);

/* *New* array of all gangs, without assignments. */
json_t *gang_view_list(const struct engine *engine);

/* One line per member in order of rank, and what the gang spans. */
void gang_view_table(const struct gang_view *view, FILE *out);

/* The part of the topology the gang touches, one line per domain and node, ranks behind the nodes:
 *
 *   default/train  4 pods  Held  optimal
 *   cluster
 *   └─ leaf b1
 *      └─ rack r3
 *         ├─ n9   rank 0  train-0
 *         └─ n10  rank 1  train-1
 *
 * Levels that a node has no label for are left out. On more than GANG_VIEW_WHOLE nodes, neighbours
 * with equally many pods share a line. */
#define GANG_VIEW_WHOLE 64u
void gang_view_tree(const struct gang_view *view, const struct engine *engine, FILE *out);

/* The first line of both, and below it the reason why the gang is not further, wrapped at 80
 * columns. */
void gang_view_headline(const struct gang_view *view, FILE *out);

#endif
