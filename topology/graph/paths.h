// SPDX-License-Identifier: Apache-2.0
#ifndef TOPOLOGY_GRAPH_PATHS_H
#define TOPOLOGY_GRAPH_PATHS_H

#include <stdbool.h>
#include <stdint.h>

#include "topology/graph/levels.h"
#include "topology/graph/nodes.h"

/* Where each node stands, as its labels tell: one *step* per level that some present node carries.
 *
 *   levels   rack         nvlink
 *   n1       r1           c1
 *   n2       PATHS_NONE   c2          no rack label
 *
 * A step says which label key and which value; steps of one level compare as numbers like their
 * values as texts, then like their keys in the order of the configuration. PATHS_NONE, the largest,
 * is a missing label, or one that means nothing below a missing one.
 *
 * A label below a missing one is an *anchor* when all nodes that carry it carry the same labels
 * above it, missing ones included; one that is not is set to PATHS_NONE. Names repeat in real
 * fabrics: rack "r1" below an unknown leaf may be any rack "r1".
 *
 * For the tree (domains.h), which is built from paths and throws them away.
 */

#define PATHS_NONE UINT32_MAX

struct paths {
    uint32_t count;              /* present nodes */
    uint32_t length;             /* levels that some of them carry, the host left out */
    uint32_t levels[LEVELS_MAX]; /* indices of configured levels */
    uint32_t keys[LEVELS_MAX][LEVEL_KEYS_MAX]; /* vocabulary ids of their keys, or NAMES_NONE */
    uint32_t *rows;                            /* of the nodes, ascending */
    uint32_t *steps;                           /* node after node, `length` each */
    bool below;                                /* some node has a label below a missing one … */
    bool *cut; /* … and, by node, one that is not an anchor, and so not in its path */
    uint32_t ranked_count;
    uint32_t *ranked; /* vocabulary ids of the values that occur, by text */
};

/* Reads all present nodes. `levels` finished. Memory: 9 bytes per node and configured level
 * while it works, 4 afterwards. Time: nodes × (levels + keys they carry), sorting the values. */
void paths_init(struct paths *paths, const struct levels *levels, const struct nodes *nodes);
void paths_finish(struct paths *paths);

/* What a node carries of a level with these keys (vocabulary ids, or NAMES_NONE): the value of the
 * first key, in the order of the configuration, that it has with one, and the place of that key.
 * NAMES_NONE: nothing. */
uint32_t paths_read(const struct nodes *nodes, uint32_t row, const uint32_t *keys,
                    uint32_t key_count, uint32_t *place);

/* The path of the i-th node, `length` steps. *Borrowed*. */
static inline const uint32_t *paths_of(const struct paths *paths, uint32_t i)
{
    return paths->steps + (size_t)i * paths->length;
}

/* Vocabulary ids of a step's value and of its key; the step is not PATHS_NONE. */
static inline uint32_t paths_value(const struct paths *paths, uint32_t step)
{
    return paths->ranked[step / LEVEL_KEYS_MAX];
}

static inline uint32_t paths_key(const struct paths *paths, uint32_t level, uint32_t step)
{
    return paths->keys[level][step % LEVEL_KEYS_MAX];
}

#endif
