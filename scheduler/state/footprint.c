// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/footprint.h"

#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"
#include "topology/base/err.h"

/* An array without gaps: the last site takes the place of one that goes, and its owner learns of
 * it. What is read from it are sums, so its order does not matter.
 *
 * Invariant: *sites[i].slot is i + 1.
 */

/* It is in its list just when it is not empty. */
static void update_list(struct footprint *footprint)
{
    struct footprints *list = footprint->among;
    if (list == NULL || (footprint->count > 0) == (footprint->place != 0)) {
        return;
    }
    if (footprint->count > 0) {
        list->items = alloc_grow(list->items, &list->room, (size_t)list->count + 1,
                                 sizeof(struct footprint *));
        list->items[list->count++] = footprint;
        footprint->place = list->count;
        return;
    }
    struct footprint *last = list->items[--list->count];
    list->items[footprint->place - 1] = last;
    last->place = footprint->place;
    footprint->place = 0;
}

void footprint_finish(struct footprint *footprint)
{
    footprint->count = 0;
    update_list(footprint);
    free(footprint->sites);
    balance_finish(&footprint->amounts);
    memset(footprint, 0, sizeof(*footprint));
}

void footprint_add(struct footprint *footprint, uint32_t row, uint32_t shape,
                   const struct resources *request, uint32_t *slot)
{
    err_require(*slot == 0);
    footprint->sites = alloc_grow(footprint->sites, &footprint->room, (size_t)footprint->count + 1,
                                  sizeof(struct site));
    footprint->sites[footprint->count++] = (struct site){.row = row, .shape = shape, .slot = slot};
    *slot = footprint->count;
    update_list(footprint);
    struct resources amounts = resources_without_slots(request);
    balance_add(&footprint->amounts, &amounts);
}

void footprint_remove(struct footprint *footprint, const struct resources *request, uint32_t *slot)
{
    err_require(*slot != 0 && *slot <= footprint->count);
    err_require(footprint->sites[*slot - 1].slot == slot);
    struct site last = footprint->sites[--footprint->count];
    footprint->sites[*slot - 1] = last;
    *last.slot = *slot;
    *slot = 0;
    update_list(footprint);
    struct resources amounts = resources_without_slots(request);
    balance_subtract(&footprint->amounts, &amounts);
}
