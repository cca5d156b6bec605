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

/* Which keys of a level the nodes carry with a value: bit k of a node's mask is the k-th key.
 *
 *   mask     old and new   old and new   old      first keys: new, new, old
 *   counts   carriers 3    carry: new 2, old 3
 *
 * Where all nodes have the same first key, that one tells them apart. Where they do not, and one
 * key is carried by all who carry any, it is that key: half way through a change of labels the old
 * ones still say everything, and the new ones only what the old ones say, too. Where there is no
 * such key each node is told by its first one. */
struct paths_keys {
    uint32_t carriers; /* nodes that carry any */
    uint32_t carry[LEVEL_KEYS_MAX];
    uint32_t first[LEVEL_KEYS_MAX]; /* … and have it as their first one */
};

#define PATHS_IN_ORDER UINT32_MAX

/* Adds or takes away a node with this mask. */
void paths_count(struct paths_keys *keys, uint32_t mask, bool added);
/* The key that comes before all others, or PATHS_IN_ORDER. */
uint32_t paths_choice(const struct paths_keys *keys);

struct paths {
    uint32_t count;              /* present nodes */
    uint32_t length;             /* levels that some of them carry, the host left out */
    uint32_t levels[LEVELS_MAX]; /* indices of configured levels */
    uint32_t keys[LEVELS_MAX][LEVEL_KEYS_MAX]; /* vocabulary ids of their keys, or NAMES_NONE */
    struct paths_keys counts[LEVELS_MAX];      /* by configured level */
    uint32_t *rows;                            /* of the nodes, ascending */
    uint16_t *masks; /* node after node, LEVELS_MAX each: by configured level */
    uint32_t *steps; /* node after node, `length` each */
    bool below;      /* some node has a label below a missing one … */
    bool *cut;       /* … and, by node, one that is not an anchor, and so not in its path */
    uint32_t ranked_count;
    uint32_t *ranked; /* vocabulary ids of the values that occur, by text */
};

/* Reads all present nodes. `levels` finished. Memory: 9 bytes per node and configured level
 * while it works, 4 afterwards, and 32 per node. Time: nodes × (levels + keys), sorting the
 * values. */
void paths_init(struct paths *paths, const struct levels *levels, const struct nodes *nodes);
void paths_finish(struct paths *paths);

/* Which of a level's keys (vocabulary ids, or NAMES_NONE) a node carries with a value. */
uint32_t paths_mask(const struct nodes *nodes, uint32_t row, const uint32_t *keys,
                    uint32_t key_count);

/* What a node carries of a level: the value of the chosen key, or of the first one of its mask, and
 * the place of that key. NAMES_NONE: nothing. */
uint32_t paths_read(const struct nodes *nodes, uint32_t row, const uint32_t *keys, uint32_t mask,
                    uint32_t choice, uint32_t *place);

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
