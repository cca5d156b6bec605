// SPDX-License-Identifier: Apache-2.0
#include "test/journals/debts.h"

#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"

/* A list: it is empty most of the time, and short when it is not. */

static void drop(struct debts *debts, size_t place)
{
    free(debts->items[place].uid);
    free(debts->items[place].node);
    debts->items[place] = debts->items[--debts->count];
}

void debts_finish(struct debts *debts)
{
    while (debts->count > 0) {
        drop(debts, 0);
    }
    free(debts->items);
    *debts = (struct debts){.items = NULL};
}

static bool is_same(const struct debt *debt, const struct effect *effect)
{
    const char *one = debt->node, *other = effect->write.node;
    return debt->type == effect->type && strcmp(debt->uid, effect->write.uid) == 0 &&
           (one == NULL) == (other == NULL) && (one == NULL || strcmp(one, other) == 0);
}

/* Place of what the other side asked for before, or the number of all. */
static size_t find(const struct debts *debts, const struct effect *effect, bool today)
{
    size_t place = 0;
    while (place < debts->count &&
           (debts->items[place].today == today || !is_same(&debts->items[place], effect))) {
        place++;
    }
    return place;
}

static int64_t take_side(struct debts *debts, int64_t now, const struct side *side, bool today)
{
    int64_t longest = -1;
    for (size_t i = 0; i < side->effects->count; i++) {
        const struct effect *effect = &side->effects->items[i];
        enum difference kind = side->kinds[i];
        if (kind != DIFFERENCE_POST && kind != DIFFERENCE_NOMINATE && kind != DIFFERENCE_EVICT) {
            continue;
        }
        size_t place = find(debts, effect, today);
        if (place < debts->count) {
            int64_t owed_for = now - debts->items[place].at;
            longest = owed_for > longest ? owed_for : longest;
            drop(debts, place);
            continue;
        }
        debts->items =
            alloc_grow(debts->items, &debts->room, debts->count + 1, sizeof *debts->items);
        debts->items[debts->count++] = (struct debt){.type = effect->type,
                                                     .today = today,
                                                     .at = now,
                                                     .uid = alloc_string(effect->write.uid),
                                                     .node = alloc_string(effect->write.node)};
    }
    return longest;
}

int64_t debts_step(struct debts *debts, int64_t now, const struct side *recorded,
                   const struct side *today)
{
    size_t before = debts->count;
    int64_t one = take_side(debts, now, recorded, false);
    int64_t other = take_side(debts, now, today, true);
    int64_t longest = one > other ? one : other;
    return longest == 0 && before == 0 ? -1 : longest; /* within one step nothing is owed */
}

int64_t debts_since(const struct debts *debts)
{
    int64_t since = INT64_MAX;
    for (size_t i = 0; i < debts->count; i++) {
        since = debts->items[i].at < since ? debts->items[i].at : since;
    }
    return since;
}
