// SPDX-License-Identifier: Apache-2.0
#include "bench/micro/greedy.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"

/* Candidates of all levels that are open lie on one stack, so that nothing is allocated in the
 * steady state. */

struct greedy_child {
    uint32_t index; /* domain or position */
    uint64_t fits;
};

void greedy_init(struct greedy *greedy, const struct domains *domains, uint32_t *positions)
{
    memset(greedy, 0, sizeof *greedy);
    greedy->domains = domains;
    greedy->positions = positions;
}

void greedy_finish(struct greedy *greedy)
{
    free(greedy->children);
    greedy->children = NULL;
}

static int larger_first(const void *left, const void *right)
{
    const struct greedy_child *a = left;
    const struct greedy_child *b = right;
    if (a->fits != b->fits) {
        return a->fits < b->fits ? 1 : -1;
    }
    return (a->index > b->index) - (a->index < b->index);
}

static void push(struct greedy *greedy, uint32_t index, uint64_t fits)
{
    if (fits == 0) {
        return;
    }
    greedy->children =
        alloc_grow(greedy->children, &greedy->room, greedy->top + 1, sizeof *greedy->children);
    greedy->children[greedy->top++] = (struct greedy_child){index, fits};
}

static void push_children(struct greedy *greedy, uint32_t domain, bool nodes)
{
    const struct domain *parent = domains_get(greedy->domains, domain);
    for (uint32_t p = parent->first; nodes && p < parent->end; p++) {
        push(greedy, p, capacity_node(greedy->capacity, p));
    }
    for (uint32_t d = domain + 1; !nodes && d < parent->next;
         d = domains_get(greedy->domains, d)->next) {
        push(greedy, d, capacity_domain(greedy->capacity, d));
    }
}

/* Puts `wanted` pods, which fit, into the place. */
static void fill(struct greedy *greedy, uint32_t index, uint32_t level, uint32_t wanted)
{
    greedy->used[level]++;
    uint32_t host = domains_levels(greedy->domains) - 1;
    if (level == host) {
        for (uint32_t i = 0; i < wanted; i++) {
            greedy->positions[greedy->count++] = index;
        }
        return;
    }
    size_t base = greedy->top;
    push_children(greedy, index, level + 1 == host);
    qsort(greedy->children + base, greedy->top - base, sizeof *greedy->children, larger_first);
    size_t at = base;
    size_t last = greedy->top;
    while (wanted > 0) {
        /* Sorted: those that hold the rest come first, and the last of them is the tightest. */
        size_t low = at;
        size_t high = last;
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            if (greedy->children[middle].fits >= wanted) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        const struct greedy_child child = greedy->children[low > at ? low - 1 : at];
        uint32_t take = child.fits < wanted ? (uint32_t)child.fits : wanted;
        fill(greedy, child.index, level + 1, take);
        wanted -= take;
        at++;
    }
    greedy->top = base;
}

/* The smallest domain of the lowest level that holds the gang; single nodes aside. */
static uint32_t smallest(const struct greedy *greedy, uint32_t gang)
{
    uint32_t best = DOMAINS_NONE;
    uint32_t level = 0;
    uint64_t fits = 0;
    for (uint32_t d = 0; d < domains_count(greedy->domains); d++) {
        uint64_t here = capacity_domain(greedy->capacity, d);
        uint32_t at = domains_get(greedy->domains, d)->level;
        if (here >= gang && (best == DOMAINS_NONE || at > level || (at == level && here < fits))) {
            best = d;
            level = at;
            fits = here;
        }
    }
    return best;
}

uint32_t greedy_place(struct greedy *greedy, const struct capacity *capacity, uint32_t gang)
{
    greedy->capacity = capacity;
    greedy->count = 0;
    greedy->top = 0;
    memset(greedy->used, 0, sizeof greedy->used);
    uint32_t domain = smallest(greedy, gang);
    if (domain == DOMAINS_NONE) {
        return 0;
    }
    uint32_t level = domains_get(greedy->domains, domain)->level;
    for (uint32_t l = 0; l < level; l++) {
        greedy->used[l] = 1;
    }
    fill(greedy, domain, level, gang);
    return greedy->count;
}
