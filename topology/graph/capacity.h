// SPDX-License-Identifier: Apache-2.0
#ifndef TOPOLOGY_GRAPH_CAPACITY_H
#define TOPOLOGY_GRAPH_CAPACITY_H

#include <stdint.h>

#include "topology/graph/domains.h"

/* How many pods of one shape every node, and every domain above it, can take right now.
 *
 *   cluster 11
 *     block b1 7      capacity_domain(): kept as sums, updated from the leaf to the root
 *       rack r1 4
 *         n1 1  n2 1  n3 2      capacity_node()
 *
 * One change of a node costs O(levels). The numbers belong to one generation of the tree; after
 * domains_build() a new object is needed (capacity_generation() tells).
 */

#define CAPACITY_NODE_MAX 1000000u /* a node's own count is cut here */

struct capacity;

/* *New*, all zero, for the tree as it is now; keeps the pointer (*borrowed*). */
struct capacity *capacity_create(const struct domains *domains);
struct capacity *capacity_copy(const struct capacity *capacity);
void capacity_destroy(struct capacity *capacity);

uint64_t capacity_generation(const struct capacity *capacity);
void capacity_set(struct capacity *capacity, uint32_t position, uint32_t count);
uint32_t capacity_node(const struct capacity *capacity, uint32_t position);
uint64_t capacity_domain(const struct capacity *capacity, uint32_t domain);

#endif
