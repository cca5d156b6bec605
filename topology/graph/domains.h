// SPDX-License-Identifier: Apache-2.0
#ifndef TOPOLOGY_GRAPH_DOMAINS_H
#define TOPOLOGY_GRAPH_DOMAINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "topology/base/bitset.h"
#include "topology/graph/levels.h"
#include "topology/graph/nodes.h"

/* The domain tree: which nodes share a rack, a leaf, a block, …
 *
 *   domain 0     cluster                 [0 ───────────────────────── 7)   level 0
 *   domain 1       block b1              [0 ────────── 4)                  level 1
 *   domain 2         rack r1             [0 ── 2)                          level 2
 *   domain 3         rack r2                    [2 ─ 4)                    level 2
 *   domain 4       block b2                           [4 ──────────── 7)   level 1
 *   …                                     positions of nodes               level = host
 *
 * Present nodes are sorted by their path of label values, then by name; a node's place in that
 * order is its *position*. A domain is therefore a range of positions, and depth-first order is
 * position order: a gang whose ranks follow positions crosses each boundary as seldom as possible.
 *
 * - Domains are numbered in depth-first preorder, 0 is the whole cluster. Positions are the leaves;
 *   nodes have no domain number of their own.
 * - A domain's identity is its whole path, never its name alone: two racks called "r1" in different
 *   blocks are two domains. A step of the path is the label key and its value: rack "r1" by one key
 *   and rack "r1" by another key of that level are two domains, for nobody said that they are one.
 * - Only configured levels that some present node carries are in the tree; tree level 0 is the
 *   cluster, the last one the host.
 * - A node that lacks a label that others of the tree carry lies in an *unknown* domain of that
 *   level: usable when the level is merely preferred, never when it is required. An empty label
 *   value counts as lacking. Unknown sorts after known.
 * - Nodes that lack it and carry the same label further down, at an *anchor* level, share the
 *   unknown domain and the anchor's, which is known: NVLink locality does not end where rack labels
 *   do. Everything between the two is unknown. Names repeat in real fabrics, so a label is an
 *   anchor only when all nodes that carry it carry the same labels above it, missing ones included:
 *
 *     labels of n1 … n6                        rack      nvlink
 *     n1 n2   rack=r1  nvlink=c1               r1        c1           known, known
 *     n3 n4            nvlink=c2               (none)    c2           shared: unknown, known
 *     n5               nvlink=c1               (none)    (none)       c1 is also below r1: alone
 *     n6                                       (none)    (none)       alone
 *
 *   A node without an anchor is alone from the missing level down. What is not detected: a name
 *   that repeats among nodes all of which lack the same label above it.
 * - When labels or the set of nodes change the tree is rebuilt as a whole (domains_build()); every
 *   number above is then void, and `generation` moves on. Most nodes that come or go leave the tree
 *   in place and only shift positions and numbers of domains (moves.h); `edition` moves on with
 *   those and with every build. What was worked out for positions and domains belongs to one
 *   edition; it can follow the last DOMAINS_MOVES_MAX moves, which are kept (capacity.h does so).
 */

#define DOMAINS_NONE      UINT32_MAX
#define DOMAINS_MOVES_MAX 128

struct domain {
    uint32_t parent; /* DOMAINS_NONE for the cluster */
    uint32_t level;  /* tree level, 0 = cluster */
    uint32_t first;  /* positions [first, end) */
    uint32_t end;
    uint32_t next;  /* first domain number after this subtree: children of d are d+1, then
                       each child's `next`, while < domains[d].next */
    uint32_t value; /* vocabulary id of the label value; NAMES_NONE for cluster and unknown */
    uint32_t key;   /* vocabulary id of the label key that says so; NAMES_NONE likewise */
    bool known;     /* false: made up for nodes without the label, or without one to trust */
};

/* A node that came or went. */
struct domains_move {
    bool inserted; /* else removed */
    uint32_t position;
    /* The domains that the node lies in, by tree level from the cluster to the last inner one:
     * after it came, or before it went. The last `opened` of them, of successive numbers, came or
     * went with it: nobody else lies in them. */
    uint32_t levels;
    uint32_t opened;
    uint32_t domains[LEVELS_MAX];
};

struct domains;

/* *New* empty tree. Copies `levels` (finished). */
struct domains *domains_create(const struct levels *levels);
void domains_destroy(struct domains *domains);

/* Rebuilds from the present nodes. The result depends on names and labels only, not on the order in
 * which nodes were seen. At most nodes × inner levels + 1 domains, in time nodes × levels × log
 * nodes.
 *
 * Values and keys of the domains stay in the vocabulary until the next build, whatever becomes of
 * the nodes: the table (*borrowed*) has to outlive the tree. From then on nodes_observe() tells, by
 * NODE_PLACE, when a label changed that the tree depends on: one with any key of any level but the
 * host, whether some node carries it or not. */
void domains_build(struct domains *domains, struct nodes *nodes);

/* Saves how often the tree has changed; loaded into an empty one, which is then built from the
 * nodes, which are loaded already. */
void domains_checkpoint(struct domains *domains, struct nodes *nodes,
                        struct checkpoint *checkpoint);

uint64_t domains_generation(const struct domains *domains);
uint64_t domains_edition(const struct domains *domains);
/* How `edition` became the next one. NULL: it is the present one, or the tree was rebuilt since, or
 * moved too often. *Borrowed*, until the tree changes. */
const struct domains_move *domains_move(const struct domains *domains, uint64_t edition);
uint32_t domains_count(const struct domains *domains);     /* inner domains, >= 1 */
uint32_t domains_positions(const struct domains *domains); /* present nodes */
const struct domain *domains_get(const struct domains *domains, uint32_t domain); /* *borrowed* */

/* Tree levels: 0 = cluster … count-1 = host. */
uint32_t domains_levels(const struct domains *domains);
const char *domains_level_name(const struct domains *domains, uint32_t level); /* *borrowed* */
/* The same text for a configured level, in the tree or not, by its name; NULL: there is none. */
const char *domains_level_text(const struct domains *domains, const char *name, size_t length);
/* Tree level meant by a configured level name or label key; -1 when it is not configured, -2 when
 * configured but no present node carries it. "cluster" is 0. */
int domains_level_find(const struct domains *domains, const char *name_or_key);
/* The place of the key by which all nodes of a configured level are told apart, or UINT32_MAX: each
 * by the first one that it has. */
uint32_t domains_choice(const struct domains *domains, uint32_t configured);

/* What a level means to a job that names it by one of its keys: the nodes that carry this key. In
 * *lacking (*new*, or NULL for none) the positions of all others. False when nodes of one domain of
 * the level carry different values of it: the key is not what tells the domains apart, and they are
 * too wide for the job. A name that is no key of an inner level means all nodes. */
bool domains_named_key(const struct domains *domains, const char *name_or_key,
                       struct bitset **lacking);

uint32_t domains_row(const struct domains *domains, uint32_t position);
/* Position of a row, or DOMAINS_NONE when the node is not in the tree. */
uint32_t domains_position(const struct domains *domains, uint32_t row);

/* The domain of `level` that holds the position; level must be an inner one (< host). */
uint32_t domains_at(const struct domains *domains, uint32_t position, uint32_t level);

/* Name for people: the label value, "cluster", or "(none)" for an unknown one. *Borrowed*. */
const char *domains_name(const struct domains *domains, uint32_t domain);

/* Path for people, "b1/r2" (cluster: "cluster"), cut at `size`; returns `text`. */
const char *domains_path(const struct domains *domains, uint32_t domain, char *text, size_t size);

#endif
