// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/pins.h"

#include <stdlib.h>
#include <string.h>

#include "scheduler/engine/affinity.h"
#include "scheduler/engine/room.h"
#include "topology/base/alloc.h"

/* A pin is two look-ups by name and a comparison of amounts, so a gang of any size is pinned member
 * by member. Members that have to share slices, or need good sets of GPUs, or ask something of each
 * other, are left to the solver: there more than room decides.
 */

#define SHORT_MAX 4 /* members without room on their node that get roles of their own */

/* ---- podsets that share domains ---- */

/* The podset's place among those that share domains; 0: it shares none. */
static uint32_t together_of(const struct attempt *attempt, const struct pod *pod)
{
    uint32_t podset = attempt_podset(attempt, pod);
    return podset == PODSETS_NONE ? 0 : attempt->constraints.podsets[podset].podset;
}

static void note_own(struct attempt *attempt, const struct pod *pod, uint32_t position)
{
    uint32_t together = together_of(attempt, pod);
    if (together == 0) {
        return;
    }
    struct podset_pins *pins = &attempt->podset_pins[together - 1];
    struct solver_podset *item = &attempt->constraints.together[together - 1];
    pins->items =
        alloc_grow(pins->items, &pins->room, (size_t)item->pinned_count + 1, sizeof *pins->items);
    pins->items[item->pinned_count++] = position;
    item->pinned = pins->items;
}

void pins_leave_placed(struct attempt *attempt)
{
    for (uint32_t t = 0; t < attempt->constraints.together_count; t++) {
        attempt->constraints.together[t].pinned_count = attempt->podset_pins[t].placed;
    }
}

static bool may_join(const struct attempt *attempt, const struct pod *pod, uint32_t position)
{
    const struct domains *domains = attempt->engine->domains;
    uint32_t together = together_of(attempt, pod);
    const struct solver_podset *item =
        together == 0 ? NULL : &attempt->constraints.together[together - 1];
    if (item == NULL || item->level == 0) {
        return true;
    }
    bool host = item->level + 1 == domains_levels(domains);
    uint32_t place = host ? position : domains_at(domains, position, item->level);
    uint32_t first = item->pinned_count == 0 ? position : item->pinned[0];
    return (host || domains_get(domains, place)->known) &&
           place == (host ? first : domains_at(domains, first, item->level));
}

/* Notes where a placed member is, if its podset shares a domain. */
void pins_note_placed(struct attempt *attempt, const struct pod *pod, uint32_t position)
{
    uint32_t together = together_of(attempt, pod);
    if (together > 0) {
        attempt->podset_pins[together - 1].placed++;
        note_own(attempt, pod, position);
    }
}

void pins_collect(struct attempt *attempt)
{
    const struct gang *gang = attempt->gang;
    for (uint32_t i = 0; i < gang->member_count && attempt->constraints.together_count > 0; i++) {
        const struct pod *pod = gang->members[i];
        uint32_t position = attempt_pinned(attempt, pod)
                                ? domains_position(attempt->engine->domains, pod->allocation_row)
                                : DOMAINS_NONE;
        if (position != DOMAINS_NONE) {
            pins_note_placed(attempt, pod, position);
        }
    }
}

/* ---- members with nodes of their own ---- */

/* Members of the shape that are on the node, or have just been given it. */
static uint32_t count_there(const struct attempt *attempt, uint32_t shape, uint32_t row,
                            uint32_t position)
{
    uint32_t count = 0;
    for (const struct pod *pod = pods_on(attempt->engine->pods, row); pod != NULL;
         pod = pod->row_after) {
        count += pod->gang == attempt->gang && pod->shape == shape;
    }
    for (uint32_t i = 0; i < attempt->count && attempt->own != NULL; i++) {
        count += attempt->own[i] == position && attempt->members[i]->shape == shape;
    }
    return count;
}

/* Whether exclusive domains or a veto keep the member off its node. */
static bool is_barred(const struct attempt *attempt, const struct pod *pod, uint32_t row,
                      uint32_t position)
{
    const struct gang *gang = attempt->gang;
    uint32_t shape = pod->shape;
    const struct bitset *occupied =
        constraints_occupied(&attempt->constraints, attempt_podset(attempt, pod));
    const struct bitset *apart = affinity_excluded(attempt, pod->kind);
    bool barred = !may_join(attempt, pod, position) ||
                  (occupied != NULL && bitset_test(occupied, position)) ||
                  (apart != NULL && bitset_test(apart, position));
    for (uint32_t i = 0; i < gang->veto_count && !barred; i++) {
        barred = gang->vetoes[i].shape == shape && gang->vetoes[i].row == row &&
                 count_there(attempt, shape, row, position) >= gang->vetoes[i].takes;
    }
    return barred;
}

/* The position that the member is pinned to and has room on; DOMAINS_NONE. */
static uint32_t find_own(const struct attempt *attempt, const struct pod *pod)
{
    uint32_t shape = pod->shape;
    const struct engine *engine = attempt->engine;
    uint32_t row = shapes_pinned(engine->shapes, shape);
    uint32_t position = row == NAMES_NONE ? DOMAINS_NONE : domains_position(engine->domains, row);
    if (position == DOMAINS_NONE || is_barred(attempt, pod, row, position)) {
        return DOMAINS_NONE;
    }
    const struct balance *freed = attempt->freed == NULL ? NULL : &attempt->freed[position];
    return ledger_copies(engine->ledger, shape, row, freed) > 0 ? position : DOMAINS_NONE;
}

bool pins_may_place(const struct attempt *attempt, uint32_t member)
{
    const struct pod *pod = attempt->members[member];
    return shapes_names_node(attempt->engine->shapes, pod->shape) &&
           !attempt->constraints.podsets[attempt_podset(attempt, pod)].good_gpus &&
           !attempt_sliced(attempt, member) && !affinity_relates(attempt, pod->kind);
}

void pins_place(struct attempt *attempt, uint32_t first, uint32_t count)
{
    uint32_t unplaced = 0;
    pins_forget(attempt);
    for (uint32_t i = first; i < first + count; i++) {
        const struct pod *pod = attempt->members[i];
        if (!pins_may_place(attempt, i)) {
            continue;
        }
        if (attempt->own == NULL) {
            attempt->own = alloc_zero(attempt->count, sizeof *attempt->own);
            memset(attempt->own, 0xff, attempt->count * sizeof *attempt->own);
        }
        uint32_t position = find_own(attempt, pod);
        attempt->own[i] = position;
        if (position != DOMAINS_NONE) {
            room_take(attempt, pod->shape, position);
            note_own(attempt, pod, position);
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
    pins_leave_placed(attempt);
    attempt->own_count = 0;
    attempt->skipped = 0;
}
