// SPDX-License-Identifier: Apache-2.0
#include "topology/graph/capacity.h"

#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"
#include "topology/base/err.h"

/* Sums over the domain tree, kept up to date from the leaf to the root.
 *
 * Invariant: sums[d] is the sum of counts[p] over the positions of domain d. A sum cannot overflow:
 * NODES_MAX nodes of at most CAPACITY_NODE_MAX each stay below 2^40.
 *
 * The tree is borrowed; capacity_set() insists that it is still the one of the creation.
 */

struct capacity {
    const struct domains *domains;
    uint64_t generation;
    uint32_t position_count;
    uint32_t domain_count;
    uint32_t *counts; /* by position */
    uint64_t *sums;   /* by domain */
};

struct capacity *capacity_create(const struct domains *domains)
{
    struct capacity *capacity = alloc_zero(1, sizeof *capacity);
    capacity->domains = domains;
    capacity->generation = domains_generation(domains);
    capacity->position_count = domains_positions(domains);
    capacity->domain_count = domains_count(domains);
    capacity->counts = alloc_zero(capacity->position_count, sizeof *capacity->counts);
    capacity->sums = alloc_zero(capacity->domain_count, sizeof *capacity->sums);
    return capacity;
}

struct capacity *capacity_copy(const struct capacity *capacity)
{
    struct capacity *copy = alloc_zero(1, sizeof *copy);
    *copy = *capacity;
    copy->counts = alloc_zero(copy->position_count, sizeof *copy->counts);
    copy->sums = alloc_zero(copy->domain_count, sizeof *copy->sums);
    memcpy(copy->counts, capacity->counts, copy->position_count * sizeof *copy->counts);
    memcpy(copy->sums, capacity->sums, copy->domain_count * sizeof *copy->sums);
    return copy;
}

void capacity_destroy(struct capacity *capacity)
{
    if (capacity == NULL) {
        return;
    }
    free(capacity->counts);
    free(capacity->sums);
    free(capacity);
}

uint64_t capacity_generation(const struct capacity *capacity)
{
    return capacity->generation;
}

void capacity_set(struct capacity *capacity, uint32_t position, uint32_t count)
{
    err_require(position < capacity->position_count);
    err_require(capacity->generation == domains_generation(capacity->domains));
    uint32_t wanted = count < CAPACITY_NODE_MAX ? count : CAPACITY_NODE_MAX;
    uint32_t before = capacity->counts[position];
    if (wanted == before) {
        return;
    }
    capacity->counts[position] = wanted;
    uint32_t lowest = domains_levels(capacity->domains) - 2;
    uint32_t domain = domains_at(capacity->domains, position, lowest);
    while (domain != DOMAINS_NONE) {
        capacity->sums[domain] += (uint64_t)wanted - before; /* wraps below zero and back */
        domain = domains_get(capacity->domains, domain)->parent;
    }
}

uint32_t capacity_node(const struct capacity *capacity, uint32_t position)
{
    err_require(position < capacity->position_count);
    return capacity->counts[position];
}

uint64_t capacity_domain(const struct capacity *capacity, uint32_t domain)
{
    err_require(domain < capacity->domain_count);
    return capacity->sums[domain];
}
