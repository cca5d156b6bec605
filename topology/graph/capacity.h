// SPDX-License-Identifier: Apache-2.0
#ifndef TOPOLOGY_GRAPH_CAPACITY_H
#define TOPOLOGY_GRAPH_CAPACITY_H

#include <stdbool.h>
#include <stdint.h>

#include "topology/graph/domains.h"

/* How many pods of one shape every node, and every domain above it, can take right now.
 *
 *   cluster 11
 *     block b1 7      capacity_domain(): kept as sums, updated from the leaf to the root
 *       rack r1 4
 *         n1 1  n2 1  n3 2      capacity_node()
 *
 * One change of a node costs O(levels). Positions and domains are those of one edition of the tree
 * (domains_edition()). When nodes came and went since, capacity_follow() brings the numbers over,
 * by moving what lies behind each; after domains_build() a new object is needed.
 */

#define CAPACITY_NODE_MAX 1000000u /* a node's own count is cut here */

struct capacity;

/* *New*, all zero, for the tree as it is now; keeps the pointer (*borrowed*). */
struct capacity *capacity_create(const struct domains *domains);
struct capacity *capacity_copy(const struct capacity *capacity);
void capacity_destroy(struct capacity *capacity);

/* Whether positions and domains are those of the tree as it is now. */
bool capacity_is_current(const struct capacity *capacity, const struct domains *domains);

enum capacity_step {
    CAPACITY_CURRENT, /* it was already */
    CAPACITY_MOVED,   /* it is by now: nodes that went are no longer counted, new ones count 0 */
    CAPACITY_VOID,    /* the tree was built anew, or moved too often, since: destroy it */
};

enum capacity_step capacity_follow(struct capacity *capacity);

/* Needs a current object. */
void capacity_set(struct capacity *capacity, uint32_t position, uint32_t count);
uint32_t capacity_node(const struct capacity *capacity, uint32_t position);
uint64_t capacity_domain(const struct capacity *capacity, uint32_t domain);

#endif
