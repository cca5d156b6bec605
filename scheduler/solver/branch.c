// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/branch.h"

#include <stdlib.h>
#include <string.h>

#include "scheduler/solver/seats.h"
#include "topology/base/alloc.h"
#include "topology/graph/domains.h"

/* Depth-first search: role after role, and for each role node after node, how many of its pods go
 * there, most first.
 *
 *   roles      next is always the one that has least to choose from: the fewest pods fit for each
 *              one wanted
 *   nodes      of a role: touched ones first, then the emptiest, in an order fixed when its turn
 *              begins; pods of a role are alike, so each way to deal them is seen once. What a node
 *              takes of the role does not change during its turn, so what fits from a node on is a
 *              sum that is made once
 *   room       before a turn: every role to come must find room for itself, and all of them
 *              together enough of every resource, where a node counts for what they could use of
 *              it. So a way to deal that leaves scraps is given up where the scraps come about
 *   better     every plan touches one domain of the levels down to the place, so only those below
 *              count; touching never goes down: what already touches as much as the best plan is
 *              cut; so is what needs so many more nodes, for the role of the turn or by a resource
 *   twins      nodes of one lowest domain that are alike in all respects are dealt a descending
 *              number of pods: the other orders are the same plan with names exchanged
 *
 * Where domains are limited, what the order says a node takes is only the most that it may take.
 *
 * Slices are checked when a role is dealt out: each domain of a layer holds its started pods and
 * whole slices beside them.
 */

#define NO_TWIN     UINT8_MAX
#define ALLOWED_MAX 8 /* with more nodes allowed, no resource is asked for how many it needs */

/* One role's turn. */
struct turn {
    uint32_t role;
    uint32_t touched;                    /* so many of the order are touched already */
    uint8_t order[SOLVER_SEATS_MAX];     /* of seats */
    uint8_t twin[SOLVER_SEATS_MAX];      /* by place in the order: one before, or NO_TWIN */
    uint32_t most[SOLVER_SEATS_MAX];     /* by place in the order: pods it takes */
    uint32_t given[SOLVER_SEATS_MAX];    /* by place in the order: pods it got */
    uint32_t rest[SOLVER_SEATS_MAX + 1]; /* sums of most[] from there on */
    /* By role not dealt before this turn, and seat: pods it takes. */
    uint32_t copies[SOLVER_ROLES_MAX][SOLVER_SEATS_MAX];
};

struct solver_branch {
    const struct solver_problem *problem;
    struct solver_space *space;
    struct solver_effort *effort;
    struct solver_seats seats;
    struct turn *turns; /* by depth */
    /* of the running search */
    struct solver_solution *best;
    const uint32_t *lower_bound;
    uint32_t top;   /* level of the place */
    uint32_t dealt; /* bit set of roles */
    bool met;       /* the best plan meets the lower bound */
    bool cut;       /* something was left out because the effort was over */
};

struct solver_branch *solver_branch_create(const struct solver_problem *problem,
                                           struct solver_space *space)
{
    struct solver_branch *branch = alloc_zero(1, sizeof *branch);
    branch->problem = problem;
    branch->space = space;
    branch->effort = solver_space_effort(space);
    branch->turns = alloc_zero(problem->role_count, sizeof *branch->turns);
    solver_seats_init(&branch->seats, problem, space);
    return branch;
}

void solver_branch_destroy(struct solver_branch *branch)
{
    if (branch == NULL) {
        return;
    }
    solver_seats_finish(&branch->seats);
    free(branch->turns);
    free(branch);
}

/* ---- better ---- */

/* So many more nodes make what is dealt so far no better than the best plan: 0 when it is not
 * already, UINT32_MAX when it is whatever follows. */
static uint32_t count_allowed(const struct solver_branch *branch)
{
    const uint32_t *used = branch->seats.used;
    uint32_t host = branch->seats.host;
    if (!branch->best->complete) {
        return UINT32_MAX;
    }
    for (uint32_t l = branch->top + 1; l < host; l++) {
        if (used[l] != branch->best->used[l]) {
            return used[l] < branch->best->used[l] ? UINT32_MAX : 0;
        }
    }
    return used[host] < branch->best->used[host] ? branch->best->used[host] - used[host] : 0;
}

static bool is_over(struct solver_branch *branch)
{
    branch->cut = branch->cut || solver_effort_over(branch->effort);
    return branch->met || branch->cut;
}

static void keep(struct solver_branch *branch)
{
    struct solver_solution trial;
    solver_solution_init(&trial);
    trial.complete = true;
    for (uint32_t i = 0; i < branch->seats.count; i++) {
        const struct solver_seat *seat = &branch->seats.items[i];
        for (uint32_t r = 0; r < branch->problem->role_count; r++) {
            if (seat->pods[r] > 0) {
                solver_space_place(branch->space, r, seat->position, seat->pods[r]);
                trial.placed += seat->pods[r];
            }
        }
    }
    solver_solution_offer(branch->best, branch->space, &trial);
    branch->met = !solver_used_below(branch->lower_bound, branch->best->used, branch->seats.host);
}

/* ---- room ---- */

static bool is_dealt(const struct solver_branch *branch, uint32_t role)
{
    return (branch->dealt >> role & 1) != 0;
}

/* What every node takes of each role to come: as before the last turn, but for those it gave to. */
static void count_copies(struct solver_branch *branch, uint32_t depth)
{
    const struct solver_seats *seats = &branch->seats;
    struct turn *turn = &branch->turns[depth];
    const struct turn *before = depth > 0 ? turn - 1 : NULL;
    uint64_t counted = 0;
    for (uint32_t r = 0; r < branch->problem->role_count; r++) {
        if (is_dealt(branch, r)) {
            continue;
        }
        if (before != NULL) {
            memcpy(turn->copies[r], before->copies[r], seats->count * sizeof **turn->copies);
        }
        for (uint32_t i = 0; i < seats->count; i++) {
            uint32_t at = before == NULL ? i : before->order[i];
            if (before == NULL || before->given[i] > 0 || seats->limits != NULL) {
                turn->copies[r][at] = solver_seats_copies(seats, r, &seats->items[at]);
                counted++;
            }
        }
    }
    uint32_t roles = branch->problem->role_count;
    solver_effort_spend(branch->effort, counted + (uint64_t)seats->count * (roles + 4) / 8);
}

static bool roles_have_room(const struct solver_branch *branch, const struct turn *turn)
{
    for (uint32_t r = 0; r < branch->problem->role_count; r++) {
        uint32_t left = is_dealt(branch, r) ? 0 : branch->problem->roles[r].count;
        for (uint32_t i = 0; i < branch->seats.count && left > 0; i++) {
            left -= turn->copies[r][i] < left ? turn->copies[r][i] : left;
        }
        if (left > 0) {
            return false;
        }
    }
    return true;
}

/* What of a resource the pods to come could use on a seat, at most `most`. */
static int64_t count_useful(const struct solver_branch *branch, const struct turn *turn,
                            uint32_t name, uint32_t seat, int64_t most)
{
    int64_t room = branch->seats.items[seat].room[name];
    int64_t useful = 0;
    most = room < most ? room : most;
    for (uint32_t r = 0; r < branch->problem->role_count && useful < most; r++) {
        if (!is_dealt(branch, r)) {
            useful += turn->copies[r][seat] * branch->seats.requests[r][name];
        }
    }
    return useful < most ? useful : most;
}

static int64_t count_needed(const struct solver_branch *branch, uint32_t name)
{
    int64_t needed = 0;
    for (uint32_t r = 0; r < branch->problem->role_count; r++) {
        int64_t request = branch->seats.requests[r][name];
        needed += is_dealt(branch, r) ? 0 : request * branch->problem->roles[r].count;
    }
    return needed;
}

/* Whether there is enough of a resource for the pods to come; with few nodes `allowed` beside the
 * touched ones, on those and the largest others. */
static bool resource_has_room(const struct solver_branch *branch, const struct turn *turn,
                              uint32_t name, uint32_t allowed)
{
    bool few = allowed <= ALLOWED_MAX;
    int64_t needed = count_needed(branch, name);
    int64_t largest[ALLOWED_MAX] = {0};
    int64_t missing = needed;
    uint32_t i = 0;
    for (; i < branch->seats.count && missing > 0; i++) {
        int64_t useful = count_useful(branch, turn, name, i, needed);
        if (!few || solver_seat_touched(&branch->seats.items[i])) {
            missing -= useful > 0 ? useful : 0;
            continue;
        }
        for (uint32_t k = 0; k < allowed && useful > 0; k++) {
            int64_t other = largest[k];
            if (useful > other) {
                largest[k] = useful;
                useful = other;
            }
        }
    }
    for (uint32_t k = 0; few && k < allowed && missing > 0; k++) {
        missing -= largest[k];
    }
    solver_effort_spend(branch->effort, 1 + i / 2);
    return missing <= 0;
}

/* Whether the pods to come of the roles of a limit find room under it, domain by domain. */
static bool limit_has_room(const struct solver_branch *branch, const struct turn *turn,
                           uint32_t index)
{
    const struct solver_limit *limit = &branch->problem->limits[index];
    const struct solver_seats *seats = &branch->seats;
    bool host = limit->level == seats->host;
    uint64_t needed = 0;
    for (uint32_t r = 0; r < branch->problem->role_count; r++) {
        bool counts = (limit->roles >> r & 1) != 0 && !is_dealt(branch, r);
        needed += counts ? branch->problem->roles[r].count : 0;
    }
    uint64_t room = 0;
    for (uint32_t i = 0; i < seats->count && room < needed;) {
        uint32_t position = seats->items[i].position;
        uint32_t place = host ? position : domains_at(seats->domains, position, limit->level);
        uint32_t end = host ? position + 1 : domains_get(seats->domains, place)->end;
        uint64_t fits = 0;
        for (; i < seats->count && seats->items[i].position < end; i++) {
            for (uint32_t r = 0; r < branch->problem->role_count; r++) {
                bool counts = (limit->roles >> r & 1) != 0 && !is_dealt(branch, r);
                fits += counts ? turn->copies[r][i] : 0;
            }
        }
        uint32_t most = solver_limits_left(seats->limits, index, place);
        room += fits < most ? fits : most;
    }
    solver_effort_spend(branch->effort, 1 + seats->count / 2);
    return room >= needed;
}

static bool has_room(const struct solver_branch *branch, const struct turn *turn, uint32_t allowed)
{
    if (!roles_have_room(branch, turn)) {
        return false;
    }
    for (uint32_t i = 0; i < branch->problem->limit_count; i++) {
        if (!limit_has_room(branch, turn, i)) {
            return false;
        }
    }
    for (uint32_t n = 0; n < branch->seats.name_count; n++) {
        if (!resource_has_room(branch, turn, n, allowed)) {
            return false;
        }
    }
    return true;
}

/* ---- turns ---- */

static uint32_t choose_role(const struct solver_branch *branch, const struct turn *turn)
{
    uint32_t best = SOLVER_ROLES_MAX;
    uint64_t best_fits = 0;
    for (uint32_t r = 0; r < branch->problem->role_count; r++) {
        uint64_t fits = 0;
        for (uint32_t i = 0; i < branch->seats.count && !is_dealt(branch, r); i++) {
            fits += turn->copies[r][i];
        }
        uint64_t wanted = branch->problem->roles[r].count;
        if (!is_dealt(branch, r) &&
            (best == SOLVER_ROLES_MAX ||
             fits * branch->problem->roles[best].count < best_fits * wanted)) {
            best = r;
            best_fits = fits;
        }
    }
    return best;
}

/* The nearest node before it in the order that it is like. */
static uint8_t find_twin(const struct solver_branch *branch, const struct turn *turn, uint32_t at)
{
    const struct solver_seat *seats = branch->seats.items;
    uint8_t twin = NO_TWIN;
    uint32_t k = at;
    for (; k > 0 && turn->most[k - 1] == turn->most[at] && twin == NO_TWIN; k--) {
        bool found =
            solver_seats_twins(&branch->seats, &seats[turn->order[k - 1]], &seats[turn->order[at]]);
        twin = found ? (uint8_t)(k - 1) : NO_TWIN;
    }
    solver_effort_spend(branch->effort, (at - k) / 2);
    return twin;
}

static void order_seats(struct solver_branch *branch, struct turn *turn)
{
    uint32_t count = branch->seats.count;
    uint64_t keys[SOLVER_SEATS_MAX];
    turn->touched = 0;
    for (uint32_t i = 0; i < count; i++) {
        bool touched = solver_seat_touched(&branch->seats.items[i]);
        uint64_t key = ((uint64_t)touched << 32) + turn->copies[turn->role][i];
        uint32_t at = i;
        for (; at > 0 && keys[at - 1] < key; at--) {
            keys[at] = keys[at - 1];
            turn->order[at] = turn->order[at - 1];
        }
        keys[at] = key;
        turn->order[at] = (uint8_t)i;
        turn->touched += touched;
    }
    turn->rest[count] = 0;
    for (uint32_t i = count; i-- > 0;) {
        turn->most[i] = (uint32_t)keys[i];
        turn->rest[i] = turn->rest[i + 1] + turn->most[i];
        turn->given[i] = 0;
    }
    for (uint32_t i = 0; i < count; i++) {
        turn->twin[i] = find_twin(branch, turn, i);
    }
    solver_effort_spend(branch->effort, count);
}

/* The fewest nodes not touched yet that `left` pods need, which fit, from `at` in the order on. */
static uint32_t count_new(const struct turn *turn, uint32_t at, uint32_t left)
{
    uint32_t first = at > turn->touched ? at : turn->touched;
    uint32_t covered = turn->rest[at] - turn->rest[first];
    uint32_t count = 0;
    while (covered < left) {
        covered += turn->most[first + count++];
    }
    return count;
}

/* ---- the search ---- */

static void deal_from(struct solver_branch *branch, uint32_t depth, uint32_t at, uint32_t left);

/* Puts ever fewer of the pods left on a node, and the others on those after it. */
static void deal_seat(struct solver_branch *branch, uint32_t depth, uint32_t at, uint32_t left)
{
    struct turn *turn = &branch->turns[depth];
    struct solver_seat *seat = &branch->seats.items[turn->order[at]];
    uint32_t most = turn->most[at] < left ? turn->most[at] : left;
    if (branch->seats.limits != NULL && most > 0) {
        uint32_t room = solver_limits_room(branch->seats.limits, turn->role, seat->position);
        most = room < most ? room : most;
    }
    if (turn->twin[at] != NO_TWIN && turn->given[turn->twin[at]] < most) {
        most = turn->given[turn->twin[at]];
    }
    uint32_t least = left > turn->rest[at + 1] ? left - turn->rest[at + 1] : 1;
    uint32_t count = most < least ? 0 : most;
    solver_seats_deal(&branch->seats, turn->role, seat, (int32_t)count);
    while (count >= least && !is_over(branch)) {
        turn->given[at] = count;
        deal_from(branch, depth, at + 1, left - count);
        solver_seats_deal(&branch->seats, turn->role, seat, -1);
        count--;
        solver_effort_spend(branch->effort, 2);
    }
    solver_seats_deal(&branch->seats, turn->role, seat, -(int32_t)count);
    turn->given[at] = 0;
}

static void deal_role(struct solver_branch *branch, uint32_t depth);

/* Deals the pods left to the nodes from `at` in the order on: to that one and others, then without
 * it, and so on. */
static void deal_from(struct solver_branch *branch, uint32_t depth, uint32_t at, uint32_t left)
{
    const struct turn *turn = &branch->turns[depth];
    if (left == 0) {
        if (solver_seats_sliced(&branch->seats, turn->role)) {
            deal_role(branch, depth + 1);
        }
        return;
    }
    uint32_t first = at;
    while (!is_over(branch) && turn->rest[at] >= left &&
           count_new(turn, at, left) < count_allowed(branch)) {
        deal_seat(branch, depth, at++, left);
    }
    solver_effort_spend(branch->effort, (at - first) / 4);
}

static void deal_role(struct solver_branch *branch, uint32_t depth)
{
    uint32_t allowed = count_allowed(branch);
    if (allowed == 0) {
        return;
    }
    if (depth == branch->problem->role_count) {
        keep(branch);
        return;
    }
    struct turn *turn = &branch->turns[depth];
    count_copies(branch, depth);
    if (!has_room(branch, turn, allowed - 1)) {
        return;
    }
    turn->role = choose_role(branch, turn);
    order_seats(branch, turn);
    branch->dealt |= UINT32_C(1) << turn->role;
    deal_from(branch, depth, 0, branch->problem->roles[turn->role].count);
    branch->dealt &= ~(UINT32_C(1) << turn->role);
}

enum solver_branch_outcome solver_branch_search(struct solver_branch *branch, uint32_t place,
                                                const uint32_t lower_bound[SOLVER_TREE_MAX],
                                                struct solver_solution *best)
{
    if (!solver_seats_read(&branch->seats, place)) {
        return SOLVER_BRANCH_OPEN;
    }
    branch->best = best;
    branch->lower_bound = lower_bound;
    branch->top = domains_get(solver_space_domains(branch->space), place)->level;
    branch->met = best->complete && !solver_used_below(lower_bound, best->used, branch->seats.host);
    branch->cut = false;
    deal_role(branch, 0);
    return branch->cut && !branch->met ? SOLVER_BRANCH_OPEN : SOLVER_BRANCH_PROVEN;
}
