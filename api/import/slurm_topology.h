// SPDX-License-Identifier: Apache-2.0
#ifndef API_IMPORT_SLURM_TOPOLOGY_H
#define API_IMPORT_SLURM_TOPOLOGY_H

#include <stddef.h>
#include <stdint.h>

#include "api/import/overlay.h"
#include "topology/base/err.h"

/* What Slurm's topology.conf and topology.yaml say, whichever of the two said it, and what that
 * means as an overlay.
 *
 * Trees (topology/tree). A switch's level is its height above the leaves, as in Slurm itself
 * (switch_record.c): every leaf switch is on the lowest level, wherever it hangs, so that "same
 * leaf" means the same for all nodes. Heights 0, 1, 2 are called leaf, spine, core, and above that
 * tier-3, tier-4, …  Several roots are fine.
 *
 *   s6 (core) ─┬─ s4 (spine) ─┬─ s0 (leaf)
 *              │              └─ s1 (leaf)
 *              └─ s5 (leaf; its own spine)
 *
 * Blocks (topology/block). The base blocks are the level "block". BlockSizes counts nodes: 30,120
 * are base blocks of 30 planned nodes and, four times as many, groups of four consecutive blocks in
 * the order of the file: the level "block-120", whose domains are called "b1..b4". The last group
 * is what is left. A block may have more nodes than planned, not fewer. Without BlockSizes the base
 * size is the node count of the first block, and groups are of 2, 4, 8 and 16 blocks, up to one
 * that holds all (block_record.c).
 *
 * Stricter than Slurm: a node under two leaf switches, and a switch in two others, are errors.
 */

#define SLURM_BLOCKS_MAX      OVERLAY_DOMAINS_MAX
#define SLURM_BLOCK_SIZES_MAX 15
#define SLURM_LIST_MAX        (4u << 20) /* bytes of one hostlist */

struct slurm_topology;

/* *New*. `unit` and its `close` say where things stand in errors: "line " 12 "", or
 * "tree.switches[" 3 "]"; *borrowed* for the life of the topology. */
struct slurm_topology *slurm_topology_create(const char *unit, const char *close);
void slurm_topology_destroy(struct slurm_topology *topology);

struct slurm_text {
    const char *text; /* NULL: absent. Not NUL-terminated */
    size_t length;
};

/* A switch, at place `at`, which holds nodes or switches (hostlists, copied), or neither. */
int slurm_topology_switch(struct slurm_topology *topology, size_t at, struct slurm_text name,
                          struct slurm_text nodes, struct slurm_text switches, struct err *err);

int slurm_topology_block(struct slurm_topology *topology, size_t at, struct slurm_text name,
                         struct slurm_text nodes, struct err *err);

/* Appends one of the block sizes. */
int slurm_topology_block_size(struct slurm_topology *topology, int64_t size, struct err *err);

/* Checks everything and makes a *new*, finished overlay of it. Called once. */
int slurm_topology_overlay(struct slurm_topology *topology, struct overlay **overlay,
                           struct err *err);

#endif
