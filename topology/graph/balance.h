// SPDX-License-Identifier: Apache-2.0
#ifndef TOPOLOGY_GRAPH_BALANCE_H
#define TOPOLOGY_GRAPH_BALANCE_H

#include <stdint.h>

#include "topology/graph/resources.h"

/* A running balance of resource vectors, by interned name, sorted, absent means 0.
 *
 * It is exact: an amount has 64 bits and a sum 128, so 2^64 amounts of any size can be added up and
 * come off again. What a node or a gang has is kept in balances, and never cut; a resource vector
 * (resources.h) is worked out from one for whoever reads it, and cut to 64 bits only there.
 */

struct balance_item {
    uint32_t name;
    __int128 amount; /* never 0 */
};

/* Embedded; all zero is an empty one. */
struct balance {
    uint32_t count;
    uint32_t room;
    struct balance_item *items; /* owned */
};

void balance_finish(struct balance *balance);

/* Replaces `to` by a copy of `from`. */
void balance_copy(struct balance *to, const struct balance *from);
void balance_add(struct balance *balance, const struct resources *amounts);
void balance_subtract(struct balance *balance, const struct resources *amounts);
__int128 balance_get(const struct balance *balance, uint32_t name);
bool balance_equal(const struct balance *a, const struct balance *b);

/* rest = whole - taken + given; NULL: nothing of it. Another vector than `whole`. */
void balance_rest(const struct resources *whole, const struct balance *taken,
                  const struct balance *given, struct resources *rest);

/* The nearest number that has 64 bits. */
static inline int64_t balance_cut(__int128 amount)
{
    return amount > INT64_MAX ? INT64_MAX : amount < INT64_MIN ? INT64_MIN : (int64_t)amount;
}

#endif
