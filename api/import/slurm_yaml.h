// SPDX-License-Identifier: Apache-2.0
#ifndef API_IMPORT_SLURM_YAML_H
#define API_IMPORT_SLURM_YAML_H

#include <jansson.h>
#include <stdbool.h>

#include "api/import/overlay.h"
#include "topology/base/err.h"

/* Slurm's topology.yaml (man topology.yaml), a list of topologies:
 *
 *   - topology: fabric
 *     cluster_default: true
 *     tree:
 *       switches:
 *       - {switch: s0, nodes: "tux[0-3]"}
 *       - {switch: s4, children: "s[0-3]"}
 *   - topology: racks
 *     block: {block_sizes: [30, 120], blocks: [{block: b1, nodes: "node[1-32]"}]}
 *   - topology: plain
 *     flat: true
 *
 * The first with cluster_default counts, else the first of all; only that one is looked into. A
 * flat one has no levels but the host. Rings and torus3d are not supported, which is an error only
 * where they are the one that counts. Unknown keys are errors. What it all means: slurm_topology.h.
 */

/* Whether a document is such a list. */
bool slurm_yaml_is(const json_t *document);

/* *New*, finished overlay. */
int slurm_yaml_load(const json_t *document, struct overlay **overlay, struct err *err);

#endif
