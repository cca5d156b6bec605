// SPDX-License-Identifier: Apache-2.0
#ifndef API_VIEW_TOPOLOGY_VIEW_H
#define API_VIEW_TOPOLOGY_VIEW_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "api/view/hardware_view.h"
#include "topology/graph/domains.h"
#include "topology/graph/report.h"

/* The topology for people and programs: what the labels were taken for, and the tree.
 */

/* Devices per node, by row; a node has `free` of `total`. */
struct topology_devices {
    const char *name; /* "GPUs", or a resource name */
    const int64_t *total;
    const int64_t *free;
};

struct topology_view {
    const char *preset; /* or NULL: levels of one's own */
    const struct report *report;
    const struct domains *domains;
    const struct nodes *nodes;
    struct topology_devices devices;
    const struct hardware_view *hardware; /* or NULL: nobody looked */
};

/* One line per level that is in the tree, the levels that are not, what is known of the GPUs, and
 * what looks odd. */
void topology_view_table(const struct topology_view *view, FILE *out);

/* The domains with their nodes and devices, widest first:
 *
 *   cluster  7 nodes  40/56 GPUs free
 *   ├─ block b1  4 nodes  24/32 GPUs free
 *   │  ├─ rack r1  2 nodes  16/16 GPUs free  n1 … n2
 *   │  └─ rack r2  2 nodes  8/16 GPUs free  n3 … n4
 *   └─ block b2  3 nodes  16/24 GPUs free
 *      ├─ rack r1  2 nodes  16/16 GPUs free  n6 … n7
 *      └─ rack (none)  1 node  0/8 GPUs free  n8
 *
 * Neighbours that are alone for lack of labels share a line. Of the domains below one line at most
 * TOPOLOGY_VIEW_WIDTH are drawn, the others counted; levels that would make it more than
 * TOPOLOGY_VIEW_LINES are left out, and their domains counted. */
#define TOPOLOGY_VIEW_WIDTH 16u
#define TOPOLOGY_VIEW_LINES 400u
void topology_view_tree(const struct topology_view *view, FILE *out);

/* *New* {"nodes","domains","preset","devices":{"name","free","total"},"levels":[{"name","inTree",
 * "keys":[{"key","nodes","used"}],"domains","unknownDomains","nodesPerDomain":{"min","median",
 * "max"},"unlabelled":{"nodes","first":[]},"unused":{…},"emptyValues","longValues",
 * "repeatedValues","ownNames","upsideDown"}],"notes":[{"level","text"}]}. Levels are widest first,
 * as configured; notes are those of the table. With hardware also "hardware" (hardware_view.h). */
json_t *topology_view_json(const struct topology_view *view);

#endif
