// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/pins.h"

#include <stdlib.h>
#include <string.h>

#include "scheduler/engine/room.h"
#include "topology/base/alloc.h"

/* A pin is two look-ups by name and a comparison of amounts, so a gang of any size is pinned member
 * by member. Members that have to share slices, or need good sets of GPUs, are left to the solver:
 * there more than room decides.
 */

#define SHORT_MAX 4 /* members without room on their node that get roles of their own */

/* Whether exclusive domains or a veto keep the member off its node. */
static bool is_barred(const struct attempt *attempt, uint32_t shape, uint32_t row,
                      uint32_t position)
{
    const struct gang *gang = attempt->gang;
    bool barred = attempt->constraints.occupied != NULL &&
                  bitset_test(attempt->constraints.occupied, position);
    for (uint32_t i = 0; i < gang->veto_count && !barred; i++) {
        barred = gang->vetoes[i].shape == shape && gang->vetoes[i].row == row;
    }
    return barred;
}

/* The position that the member is pinned to and has room on; DOMAINS_NONE. */
static uint32_t find_own(const struct attempt *attempt, uint32_t shape)
{
    static const struct resources nothing = {0};
    const struct engine *engine = attempt->engine;
    uint32_t row = shapes_pinned(engine->shapes, shape);
    uint32_t position = row == NAMES_NONE ? DOMAINS_NONE : domains_position(engine->domains, row);
    if (position == DOMAINS_NONE || is_barred(attempt, shape, row, position)) {
        return DOMAINS_NONE;
    }
    const struct resources *freed = attempt->freed == NULL ? &nothing : &attempt->freed[position];
    return ledger_copies(engine->ledger, shape, row, freed) > 0 ? position : DOMAINS_NONE;
}

static bool may_be_pinned(const struct attempt *attempt, uint32_t shape)
{
    return shapes_names_node(attempt->engine->shapes, shape) && !attempt->constraints.good_gpus &&
           (attempt->constraints.layer_count == 0 || shape != attempt->sliced_shape);
}

void pins_place(struct attempt *attempt, uint32_t first, uint32_t count)
{
    uint32_t unplaced = 0;
    pins_forget(attempt);
    for (uint32_t i = first; i < first + count; i++) {
        uint32_t shape = attempt->members[i]->shape;
        if (!may_be_pinned(attempt, shape)) {
            continue;
        }
        if (attempt->own == NULL) {
            attempt->own = alloc_zero(attempt->count, sizeof *attempt->own);
            memset(attempt->own, 0xff, attempt->count * sizeof *attempt->own);
        }
        uint32_t position = find_own(attempt, shape);
        attempt->own[i] = position;
        if (position != DOMAINS_NONE) {
            room_take(attempt, shape, position);
            attempt->pinned[attempt->pinned_count + attempt->own_count++] = position;
        } else if (unplaced++ >= SHORT_MAX) {
            attempt->own[i] = ATTEMPT_SKIPPED;
            attempt->skipped++;
        }
    }
}

void pins_forget(struct attempt *attempt)
{
    for (uint32_t i = 0; attempt->own != NULL && i < attempt->count; i++) {
        if (attempt->own[i] < ATTEMPT_SKIPPED) {
            room_give_back(attempt, attempt->members[i]->shape, attempt->own[i]);
        }
        attempt->own[i] = DOMAINS_NONE;
    }
    attempt->own_count = 0;
    attempt->skipped = 0;
}
