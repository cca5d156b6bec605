// SPDX-License-Identifier: Apache-2.0
#ifndef TOPOLOGY_GRAPH_RESOURCES_H
#define TOPOLOGY_GRAPH_RESOURCES_H

#include <stdbool.h>
#include <stdint.h>

/* A resource vector: amounts by interned resource name, sorted by name id, absent means 0.
 *
 * Units: "cpu" in thousandths, everything else whole units ("memory" bytes, "pods", devices).
 * Amounts saturate at the limits of int64, so what is to come off again is kept in a balance
 * (balance.h). A vector may go below zero: a node that others overbooked has negative free
 * capacity, and says so.
 *
 * A *slot* is something that every node has once without saying so, a host port for instance: of a
 * name with RESOURCE_SLOT set there are RESOURCE_SLOT_SIZE in every vector of what is free, beside
 * the amount in it, which is what has been taken, below zero. Who takes a slot whole excludes all
 * others; who takes a part of it only those who want it whole.
 */

#define RESOURCE_SLOT      (UINT32_C(1) << 31) /* names have smaller numbers (names.h) */
#define RESOURCE_SLOT_SIZE 4096                /* so many parts; 100,000 times that are 32 bits */

/* More distinct resources on one object than this are refused by the decoders. */
#define RESOURCES_MAX 64
/* What a node has of a resource is cut here, what a pod asks for at one more: nobody has that much.
 * It is 4.5 petabytes. */
#define RESOURCE_AMOUNT_MAX ((INT64_C(1) << 52) - 1)

struct resource {
    uint32_t name;
    int64_t amount;
};

struct resources {
    uint32_t count;
    uint32_t room;
    struct resource *items; /* owned */
};

void resources_init(struct resources *resources);
void resources_finish(struct resources *resources);
/* Replaces `to` by a copy of `from`. */
void resources_copy(struct resources *to, const struct resources *from);

int64_t resources_get(const struct resources *resources, uint32_t name);
/* Setting 0 removes the entry. */
void resources_set(struct resources *resources, uint32_t name, int64_t amount);
/* The same for a name that is greater than all that are there. */
void resources_append(struct resources *resources, uint32_t name, int64_t amount);
void resources_add(struct resources *to, const struct resources *amounts);
void resources_subtract(struct resources *from, const struct resources *amounts);
bool resources_equal(const struct resources *a, const struct resources *b);

static inline bool resource_is_slot(uint32_t name)
{
    return (name & RESOURCE_SLOT) != 0;
}

/* Whether a name is that of a device: a vendor's (it has a domain), and not one of Kubernetes' own.
 */
bool resource_is_device(const char *name);

/* The number of its name in the vocabulary. */
static inline uint32_t resource_word(uint32_t name)
{
    return name & ~RESOURCE_SLOT;
}

/* What is there of a name of which a vector of free capacity says `amount`. */
static inline int64_t resource_available(uint32_t name, int64_t amount)
{
    return resource_is_slot(name) ? amount + RESOURCE_SLOT_SIZE : amount;
}

/* What is not a slot; *borrowed* from `resources`. */
struct resources resources_without_slots(const struct resources *resources);
uint32_t resources_slots(const struct resources *resources); /* how many */

/* Whether `need` fits into `free`: need <= free wherever need > 0. */
bool resources_fit(const struct resources *need, const struct resources *free);

/* How many copies of `need` fit into `free`, at most `limit`; a need without positive amounts gives
 * `limit`. */
uint32_t resources_copies(const struct resources *need, const struct resources *free,
                          uint32_t limit);

/* The resource of `need` that runs out first in `free` (fewest copies, ties by lower id), or
 * UINT32_MAX when need is empty. For explanations. */
uint32_t resources_scarcest(const struct resources *need, const struct resources *free);

#endif
