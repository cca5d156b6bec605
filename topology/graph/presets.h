// SPDX-License-Identifier: Apache-2.0
#ifndef TOPOLOGY_GRAPH_PRESETS_H
#define TOPOLOGY_GRAPH_PRESETS_H

#include <stddef.h>

#include "topology/base/err.h"
#include "topology/graph/levels.h"

/* Ready-made lists of levels, one per provider of node labels.
 *
 *   auto             every key below, each at the level that it means:
 *                      region zone fabric core spine leaf sub-leaf rack nvlink nvlink-sub-domain
 *                      host
 *   topograph        NVIDIA Topograph 1.0.0 and later: tier-5 … tier-0 (0 is closest to the host)
 *   topograph-0.5    Topograph 0.5: core spine leaf accelerator
 *   topograph-old    Topograph before 0.5: datacenter spine block accelerator
 *   gke              block subblock
 *   eks              layer-1 … layer-4 (1 is the top)
 *   oke              hpc-island network-block local-block rack
 *   coreweave        fabric superpod leafgroup rack nvlink
 *   nebius           gpu-cluster tier-5 … tier-1 (1 is closest to the host) tier-0 (NVLink rack)
 *   crusoe           partition pod
 *   generic          rack
 *
 * All but `topograph*` begin with region and zone, all end with host; the clouds also have
 * `nvlink`, told by nvidia.com/gpu.clique among others. Names are the provider's own, so that a job
 * can ask for "subblock"; label keys can be asked for with any of them. presets.c names the
 * source of each table.
 *
 * Levels that no node carries are left out of the tree, so `auto` costs nothing on a cluster that
 * knows only racks. A named preset is for when `auto` sees labels that should not count.
 */

#define LEVELS_PRESET_DEFAULT "auto"

/* The names above, in that order; NULL when `index` is past the last one. Static. */
const char *levels_presets_name(size_t index);

/* The static copy of a preset's name, or NULL when there is none of that name. */
const char *levels_presets_find(const char *name);

/* Fills `levels`, finished. The error for an unknown name lists all there are. */
int levels_presets_load(struct levels *levels, const char *name, struct err *err);

#endif
