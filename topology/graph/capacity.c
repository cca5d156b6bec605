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
 * The tree is borrowed; capacity_set() insists that the numbers are those of its present edition.
 * The moves from one edition to the next say which domains hold the node, so that following them
 * needs nothing of the tree, which may have moved on.
 */

struct capacity {
    const struct domains *domains;
    uint64_t edition;
    uint32_t position_count;
    uint32_t domain_count;
    size_t position_room;
    size_t domain_room;
    uint32_t *counts; /* by position */
    uint64_t *sums;   /* by domain */
};

/* Room for a sixteenth more than there is: there are many of these objects, all follow the tree at
 * the same time, and to double what each takes would be felt. */
static size_t room_for(size_t count)
{
    return count + count / 16 + 64;
}

static void make_arrays(struct capacity *capacity)
{
    capacity->position_room = room_for(capacity->position_count);
    capacity->domain_room = room_for(capacity->domain_count);
    capacity->counts = alloc_zero(capacity->position_room, sizeof *capacity->counts);
    capacity->sums = alloc_zero(capacity->domain_room, sizeof *capacity->sums);
}

static void make_room(struct capacity *capacity, size_t positions, size_t domains)
{
    if (positions > capacity->position_room) {
        capacity->position_room = room_for(positions);
        capacity->counts =
            alloc_resize(capacity->counts, capacity->position_room, sizeof *capacity->counts);
    }
    if (domains > capacity->domain_room) {
        capacity->domain_room = room_for(domains);
        capacity->sums =
            alloc_resize(capacity->sums, capacity->domain_room, sizeof *capacity->sums);
    }
}

struct capacity *capacity_create(const struct domains *domains)
{
    struct capacity *capacity = alloc_zero(1, sizeof *capacity);
    capacity->domains = domains;
    capacity->edition = domains_edition(domains);
    capacity->position_count = domains_positions(domains);
    capacity->domain_count = domains_count(domains);
    make_arrays(capacity);
    return capacity;
}

struct capacity *capacity_copy(const struct capacity *capacity)
{
    struct capacity *copy = alloc_zero(1, sizeof *copy);
    *copy = *capacity;
    make_arrays(copy);
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

bool capacity_is_current(const struct capacity *capacity, const struct domains *domains)
{
    return capacity->domains == domains && capacity->edition == domains_edition(domains);
}

static void insert_position(struct capacity *capacity, const struct domains_move *move)
{
    uint32_t p = move->position;
    make_room(capacity, (size_t)capacity->position_count + 1,
              (size_t)capacity->domain_count + move->opened);
    memmove(&capacity->counts[p + 1], &capacity->counts[p],
            (capacity->position_count - p) * sizeof *capacity->counts);
    capacity->counts[p] = 0;
    capacity->position_count++;
    if (move->opened == 0) {
        return;
    }
    uint32_t d = move->domains[move->levels - move->opened];
    memmove(&capacity->sums[d + move->opened], &capacity->sums[d],
            (capacity->domain_count - d) * sizeof *capacity->sums);
    memset(&capacity->sums[d], 0, move->opened * sizeof *capacity->sums);
    capacity->domain_count += move->opened;
}

static void remove_position(struct capacity *capacity, const struct domains_move *move)
{
    uint32_t p = move->position;
    for (uint32_t l = 0; l < move->levels; l++) {
        capacity->sums[move->domains[l]] -= capacity->counts[p];
    }
    capacity->position_count--;
    memmove(&capacity->counts[p], &capacity->counts[p + 1],
            (capacity->position_count - p) * sizeof *capacity->counts);
    if (move->opened == 0) {
        return;
    }
    uint32_t d = move->domains[move->levels - move->opened];
    capacity->domain_count -= move->opened;
    memmove(&capacity->sums[d], &capacity->sums[d + move->opened],
            (capacity->domain_count - d) * sizeof *capacity->sums);
}

enum capacity_step capacity_follow(struct capacity *capacity)
{
    enum capacity_step step = CAPACITY_CURRENT;
    while (capacity->edition != domains_edition(capacity->domains)) {
        const struct domains_move *move = domains_move(capacity->domains, capacity->edition);
        if (move == NULL) {
            return CAPACITY_VOID;
        }
        if (move->inserted) {
            insert_position(capacity, move);
        } else {
            remove_position(capacity, move);
        }
        capacity->edition++;
        step = CAPACITY_MOVED;
    }
    return step;
}

void capacity_set(struct capacity *capacity, uint32_t position, uint32_t count)
{
    err_require(position < capacity->position_count);
    err_require(capacity->edition == domains_edition(capacity->domains));
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
