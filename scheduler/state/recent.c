// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/recent.h"

#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"

/* A doubly linked list through an array; a row that changes moves to the end.
 *
 * Invariants: `at` ascends along the list; a row is in it once it has changed, and then for ever.
 */

void recent_init(struct recent *recent)
{
    memset(recent, 0, sizeof(*recent));
    recent->last = RECENT_NONE;
}

void recent_finish(struct recent *recent)
{
    free(recent->rows);
    recent_init(recent);
}

static void unlink_row(struct recent *recent, uint32_t row)
{
    struct recent_row *item = &recent->rows[row];
    if (item->before != RECENT_NONE) {
        recent->rows[item->before].after = item->after;
    }
    if (item->after != RECENT_NONE) {
        recent->rows[item->after].before = item->before;
    } else {
        recent->last = item->before;
    }
}

void recent_note(struct recent *recent, uint32_t row)
{
    recent->rows =
        alloc_grow(recent->rows, &recent->room, (size_t)row + 1, sizeof(struct recent_row));
    struct recent_row *item = &recent->rows[row];
    recent->changes++;
    if (recent->last != row) {
        if (item->at != 0) {
            unlink_row(recent, row);
        }
        if (recent->last != RECENT_NONE) {
            recent->rows[recent->last].after = row;
        }
        item->before = recent->last;
        item->after = RECENT_NONE;
        recent->last = row;
    }
    item->at = recent->changes;
}

static uint32_t if_after(const struct recent *recent, uint32_t row, uint64_t since)
{
    return row != RECENT_NONE && recent->rows[row].at > since ? row : RECENT_NONE;
}

uint32_t recent_last(const struct recent *recent, uint64_t since)
{
    return if_after(recent, recent->last, since);
}

uint32_t recent_before(const struct recent *recent, uint32_t row, uint64_t since)
{
    return if_after(recent, recent->rows[row].before, since);
}
