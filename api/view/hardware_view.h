// SPDX-License-Identifier: Apache-2.0
#ifndef API_VIEW_HARDWARE_VIEW_H
#define API_VIEW_HARDWARE_VIEW_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "api/kube/devices/node_devices.h"

/* What is known of the GPUs of all nodes, for people and programs: nodes of which the same is known
 * are one line. */

#define HARDWARE_VIEW_NAMES 3u  /* nodes named on a line */
#define HARDWARE_VIEW_LINES 32u /* lines of the table; the other nodes are counted */

struct hardware_view;

/* *New*, empty. */
struct hardware_view *hardware_view_create(void);
void hardware_view_destroy(struct hardware_view *view);

/* Adds a node; one that has nothing to do with GPUs is left out. Everything is copied. */
void hardware_view_add(struct hardware_view *view, const char *node,
                       const struct node_devices_finding *finding);

/* Nothing when no node has to do with GPUs; else
 *
 *   Device maps of 3 nodes, none of 1:
 *     2 nodes  dgx-a100 by its labels (n1, n2)
 *     1 node   ResourceSlices: 8 GPUs, 4 NICs with RDMA; … (n5)
 *     1 node   no map: dgx-a100 by its labels, 8 GPUs: nvidia.com/gpu is 7 (n3)
 */
void hardware_view_table(const struct hardware_view *view, FILE *out);

/* *New* [{"source": "machine", "slices" or null, "gpus", "text", "nodes", "first": []}]. */
json_t *hardware_view_json(const struct hardware_view *view);

#endif
