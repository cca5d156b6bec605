// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/misfits.h"

#include <stdlib.h>

#include "scheduler/engine/affinity.h"
#include "scheduler/engine/assign.h"
#include "scheduler/engine/pins.h"
#include "topology/base/alloc.h"

/* The solver knows how many of one shape a node takes, and what several need together. What else
 * decides whether a plan holds up is looked at here, once it is made: it is cheaper to try a plan
 * than to tell the solver all of it.
 */

/* ---- good sets of GPUs ---- */

static void add_misfit(struct attempt *attempt, uint32_t shape, uint32_t podset, uint32_t row)
{
    attempt->misfits = alloc_grow(attempt->misfits, &attempt->misfit_room,
                                  (size_t)attempt->misfit_count + 1, sizeof *attempt->misfits);
    attempt->misfits[attempt->misfit_count++] =
        (struct attempt_misfit){.shape = shape, .podset = podset, .row = row};
}

/* Notes where the plan does not hold up; false when it does everywhere. On the last try one shape
 * is kept from all nodes: a plan that only might be good is none. */
static bool note_misfits(struct attempt *attempt, uint32_t first, uint32_t count,
                         const struct solver_plan *plan, bool last)
{
    uint32_t *rows = alloc_zero(count, sizeof *rows);
    bool *misfit = alloc_zero(count, sizeof *misfit);
    struct pod *const *members = attempt->members + first;
    attempt_deal(attempt, first, count, plan, rows);
    uint32_t left = assign_misfits(attempt->engine, attempt->gang, members, rows, count, misfit);
    for (uint32_t i = 0; i < count; i++) {
        bool wanted = attempt->constraints.podsets[attempt_podset(attempt, members[i])].good_gpus;
        left -= misfit[i] && !wanted;
        misfit[i] = misfit[i] && wanted;
    }
    bool found = left > 0;
    for (uint32_t i = 0; i < count && left > 0; i++) {
        if (misfit[i]) {
            add_misfit(attempt, members[i]->shape, PODSETS_NONE, rows[i]);
            left--;
        }
        for (uint32_t row = 0; misfit[i] && last && row < nodes_rows(attempt->engine->nodes);
             row++) {
            add_misfit(attempt, members[i]->shape, PODSETS_NONE, row);
            left = 0;
        }
    }
    free(rows);
    free(misfit);
    return found;
}

/* ---- one shape in several roles ---- */

/* How many pods of the role the plan puts on the position. */
static uint32_t count_there(const struct attempt *attempt, uint32_t role, uint32_t position,
                            const struct solver_plan *plan)
{
    uint32_t at = 0;
    uint32_t count = 0;
    for (uint32_t r = 0; r < role; r++) {
        at += attempt->roles[r].count;
    }
    for (uint32_t i = 0; i < attempt->roles[role].count; i++) {
        count += plan->positions[at + i] == position;
    }
    return count;
}

/* A veto says how many of a shape a node takes, and the solver knows that of each role alone. Where
 * several of one shape come to more, the role with fewest pods there is kept away. */
static bool note_crowd(struct attempt *attempt, const struct gang_veto *veto,
                       const struct solver_plan *plan)
{
    uint32_t position = domains_position(attempt->engine->domains, veto->row);
    if (veto->takes == 0) { /* nobody is planned there */
        return false;
    }
    uint32_t least = SOLVER_ROLES_MAX;
    uint32_t least_count = 0;
    uint32_t roles = 0;
    uint32_t pods = 0;
    for (uint32_t r = 0; r < attempt->role_count && position != DOMAINS_NONE; r++) {
        uint32_t count =
            attempt->shapes[r] != veto->shape ? 0 : count_there(attempt, r, position, plan);
        roles += count > 0;
        pods += count;
        if (count > 0 && (least == SOLVER_ROLES_MAX || count < least_count)) {
            least = r;
            least_count = count;
        }
    }
    for (uint32_t i = 0; i < attempt->gang->member_count && roles > 1; i++) {
        const struct pod *pod = attempt->gang->members[i];
        pods += attempt_pinned(attempt, pod) && pod->shape == veto->shape &&
                pod->allocation_row == veto->row;
    }
    if (roles < 2 || pods <= veto->takes) {
        return false;
    }
    add_misfit(attempt, veto->shape, attempt->podsets[least], veto->row);
    return true;
}

/* Of the roles of the shape only the first may use the node. */
static void keep_apart(struct attempt *attempt, const struct gang_veto *veto)
{
    bool first = true;
    for (uint32_t r = 0; r < attempt->role_count && veto->takes > 0; r++) {
        if (attempt->shapes[r] == veto->shape && !first) {
            add_misfit(attempt, veto->shape, attempt->podsets[r], veto->row);
        }
        first = first && attempt->shapes[r] != veto->shape;
    }
}

/* After the last try no two roles meet where a veto is. */
static bool note_crowds(struct attempt *attempt, const struct solver_plan *plan, bool last)
{
    bool any = false;
    for (uint32_t i = 0; i < attempt->gang->veto_count && attempt->role_count > 1; i++) {
        any |= note_crowd(attempt, &attempt->gang->vetoes[i], plan);
    }
    for (uint32_t i = 0; i < attempt->gang->veto_count && any && last; i++) {
        keep_apart(attempt, &attempt->gang->vetoes[i]);
    }
    return any;
}

/* ---- members that keep apart ---- */

/* A member and the value of a key where it is to go. */
struct stand {
    uint32_t value;
    uint32_t kind;
    uint32_t row;
};

static int compare_stands(const void *left, const void *right)
{
    const struct stand *a = left, *b = right;
    if (a->value != b->value) {
        return a->value < b->value ? -1 : 1;
    }
    return a->row != b->row ? (a->row < b->row ? -1 : 1)
                            : (a->kind > b->kind) - (a->kind < b->kind);
}

/* The members that the key has a domain for, by domain; *new*. */
static struct stand *list_stands(const struct attempt *attempt, uint32_t first, uint32_t count,
                                 const uint32_t *rows, uint32_t key, uint32_t *found)
{
    struct stand *stands = alloc_zero(count, sizeof *stands);
    *found = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t value = affinity_value(attempt, rows[i], key);
        if (value != NAMES_NONE) {
            stands[(*found)++] = (struct stand){value, attempt->members[first + i]->kind, rows[i]};
        }
    }
    if (*found > 0) {
        qsort(stands, *found, sizeof *stands, compare_stands);
    }
    return stands;
}

/* Of members in one domain, one that keeps apart from another; NULL: none does. */
static const struct stand *find_intruder(const struct affinity_edges *edges,
                                         const struct stand *stands, uint32_t count)
{
    uint32_t present = 0;
    for (uint32_t i = 0; i < count; i++) {
        if ((edges->with[stands[i].kind] & present) != 0) {
            return &stands[i];
        }
        present |= 1u << stands[i].kind;
    }
    return NULL;
}

/* Whether the plan puts two members together that keep apart: *kind must not be on *row then,
 * unless something else gives way. */
static bool find_broken(const struct attempt *attempt, uint32_t first, uint32_t count,
                        const struct solver_plan *plan, uint32_t *kind, uint32_t *row)
{
    const struct affinity *affinity = attempt->affinity;
    const struct stand *intruder = NULL;
    if (affinity == NULL || affinity->edge_count == 0) {
        return false;
    }
    uint32_t *rows = alloc_zero(count, sizeof *rows);
    attempt_deal(attempt, first, count, plan, rows);
    for (uint32_t e = 0; e < affinity->edge_count && intruder == NULL; e++) {
        uint32_t found;
        if (affinity->edges[e].level == 0) {
            continue;
        }
        struct stand *stands =
            list_stands(attempt, first, count, rows, affinity->edges[e].key, &found);
        for (uint32_t i = 0, end; i < found && intruder == NULL; i = end) {
            for (end = i + 1; end < found && stands[end].value == stands[i].value;) {
                end++;
            }
            intruder = find_intruder(&affinity->edges[e], &stands[i], end - i);
        }
        if (intruder != NULL) {
            *kind = intruder->kind;
            *row = intruder->row;
        }
        free(stands);
    }
    free(rows);
    return intruder != NULL;
}

/* Notes who stands where it must not; after the last try it gets no place at all. */
static bool note_intruder(struct attempt *attempt, uint32_t first, uint32_t count,
                          const struct solver_plan *plan, bool last)
{
    uint32_t kind, row;
    if (!find_broken(attempt, first, count, plan, &kind, &row)) {
        return false;
    }
    uint32_t from = last ? 0 : row, end = last ? nodes_rows(attempt->engine->nodes) : row + 1;
    for (row = from; row < end; row++) {
        add_misfit(attempt, SHAPE_NONE, PODSETS_NONE, row);
        attempt->misfits[attempt->misfit_count - 1].apart = true;
        attempt->misfits[attempt->misfit_count - 1].kind = kind;
    }
    return true;
}

bool misfits_note(struct attempt *attempt, uint32_t first, uint32_t count,
                  const struct solver_plan *plan, bool last)
{
    if (!plan->feasible) {
        return false;
    }
    bool crowded = note_crowds(attempt, plan, last);
    bool intruded = note_intruder(attempt, first, count, plan, last);
    bool misfits =
        attempt->constraints.good_gpus && note_misfits(attempt, first, count, plan, last);
    return crowded || intruded || misfits;
}
