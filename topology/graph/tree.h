// SPDX-License-Identifier: Apache-2.0
#ifndef TOPOLOGY_GRAPH_TREE_H
#define TOPOLOGY_GRAPH_TREE_H

#include "topology/graph/domains.h"
#include "topology/graph/paths.h"

/* What the domain tree consists of, for domains.c, which builds and reads it, and moves.c, which
 * keeps it up to date. Nobody else includes this.
 *
 * Invariants: domain numbers ascend in preorder; every position lies in exactly one domain of each
 * inner level; `lowest[p]` is the one of the last inner level, and walking up its parents gives the
 * others; every domain that has a value and a key has a reference to each.
 */

struct domains {
    struct levels levels;
    uint64_t generation;
    uint64_t edition;
    struct nodes *nodes; /* borrowed, of the last build; NULL before the first */
    /* Inner levels of the tree below the cluster, as indices of configured levels. */
    uint32_t inner_count;
    uint32_t inner[LEVELS_MAX];
    /* Vocabulary ids of the keys of all configured levels, or NAMES_NONE; they stay there. */
    uint32_t keys[LEVELS_MAX][LEVEL_KEYS_MAX];

    uint32_t count;
    size_t room;
    struct domain *items;

    uint32_t position_count;
    size_t position_room;
    uint32_t *rows;   /* by position */
    uint32_t *lowest; /* by position: the domain of the last inner level */
    bool *cut;        /* by position, where alone: has a label that is not in its path */
    bool below;       /* some node has a label below a missing one */
    /* Which keys of the configured levels are carried: counted, which of them counts before the
     * others, and by row, LEVELS_MAX each, those of the nodes that have a position. */
    struct paths_keys counts[LEVELS_MAX];
    uint32_t choices[LEVELS_MAX];
    uint16_t *masks;
    size_t mask_room;
    /* By inner level: positions whose domain there is known. */
    uint32_t carriers[LEVELS_MAX];

    uint32_t row_count;
    size_t row_room;
    uint32_t *positions; /* by row */

    /* That from edition e to e + 1 at e % DOMAINS_MOVES_MAX; there is none before `followable`. */
    uint64_t followable;
    struct domains_move moves[DOMAINS_MOVES_MAX];
};

#endif
