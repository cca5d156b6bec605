// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/branch.h"

#include <stdlib.h>
#include <string.h>

#include "scheduler/solver/mixed.h"
#include "scheduler/solver/slices.h"
#include "topology/base/alloc.h"
#include "topology/graph/domains.h"

/* Depth-first search: role after role, and for each role node after node, how many of its pods go
 * there, most first. Everything is in small arrays of its own, so that a step back is a handful of
 * additions.
 *
 *   roles      the one of which fewest fit first
 *   nodes      of a role: touched ones first, then the roomiest, in an order fixed when the role
 *              begins; pods of a role are alike, so each way to deal them is seen once
 *   cut        every plan touches one domain of the levels down to the place, so only those below
 *              count; touching never goes down: what already touches as much as the best plan is
 *              cut; so is what needs one more node than it has touched, when that makes it so
 *   twins      untouched nodes of one lowest domain that are alike in all respects are dealt a
 *              descending number of pods: the other orders are the same plan with names exchanged
 *
 * Slices are checked when a role is dealt out: each domain of a layer holds its started pods and
 * whole slices beside them.
 */

/* A node, and what the search has put there. */
struct seat {
    uint32_t position;
    uint32_t fits[SOLVER_ROLES_MAX]; /* alone and empty */
    int64_t room[SOLVER_BRANCH_NAMES_MAX];
    uint32_t pods[SOLVER_ROLES_MAX];
    uint32_t total; /* pods of all roles */
    bool pinned;
};

struct branch {
    const struct solver_problem *problem;
    struct solver_space *space;
    const struct domains *domains;
    struct solver_solution *best;
    const uint32_t *bound;
    uint64_t budget;
    uint64_t *steps;
    uint32_t host;
    uint32_t place;
    uint32_t top; /* level of the place */
    uint32_t name_count;
    uint32_t names[SOLVER_BRANCH_NAMES_MAX];
    int64_t requests[SOLVER_ROLES_MAX][SOLVER_BRANCH_NAMES_MAX];
    uint32_t role_order[SOLVER_ROLES_MAX];
    uint32_t seat_count;
    struct seat *seats; /* in position order */
    uint32_t *uses;     /* by domain - place: nodes touched inside */
    uint32_t used[SOLVER_TREE_MAX];
    uint8_t (*order)[SOLVER_BRANCH_POSITIONS_MAX]; /* by depth of roles: indices of nodes */
};

/* ---- reading ---- */

static int find_name(struct branch *branch, uint32_t name)
{
    for (uint32_t i = 0; i < branch->name_count; i++) {
        if (branch->names[i] == name) {
            return (int)i;
        }
    }
    if (branch->name_count == SOLVER_BRANCH_NAMES_MAX) {
        return -1;
    }
    branch->names[branch->name_count] = name;
    return (int)branch->name_count++;
}

static bool read_requests(struct branch *branch)
{
    for (uint32_t r = 0; r < branch->problem->role_count; r++) {
        const struct resources *request = branch->problem->roles[r].request;
        for (uint32_t i = 0; i < request->count; i++) {
            int name = find_name(branch, request->items[i].name);
            if (name < 0) {
                return false;
            }
            branch->requests[r][name] = request->items[i].amount;
        }
    }
    return true;
}

static void read_seats(struct branch *branch)
{
    const struct solver_problem *problem = branch->problem;
    uint32_t first = domains_get(branch->domains, branch->place)->first;
    for (uint32_t i = 0; i < branch->seat_count; i++) {
        struct seat *seat = &branch->seats[i];
        seat->position = first + i;
        seat->pinned = solver_space_node_touched(branch->space, seat->position);
        const struct resources *room = problem->free_at(problem->free_context, seat->position);
        for (uint32_t n = 0; n < branch->name_count; n++) {
            seat->room[n] = resources_get(room, branch->names[n]);
        }
        for (uint32_t r = 0; r < problem->role_count; r++) {
            const struct solver_role *role = &problem->roles[r];
            bool excluded = role->excluded != NULL && bitset_test(role->excluded, seat->position);
            seat->fits[r] = excluded ? 0 : capacity_node(role->capacity, seat->position);
        }
    }
}

static void read_used(struct branch *branch)
{
    for (uint32_t l = 0; l <= branch->host; l++) {
        branch->used[l] = solver_space_used(branch->space, l);
    }
}

static void order_roles(struct branch *branch)
{
    uint64_t fits[SOLVER_ROLES_MAX] = {0};
    for (uint32_t r = 0; r < branch->problem->role_count; r++) {
        for (uint32_t i = 0; i < branch->seat_count; i++) {
            fits[r] += branch->seats[i].fits[r];
        }
        uint32_t at = r;
        for (; at > 0 && fits[r] < fits[branch->role_order[at - 1]]; at--) {
            branch->role_order[at] = branch->role_order[at - 1];
        }
        branch->role_order[at] = r;
    }
}

/* ---- pods onto nodes and back ---- */

static uint32_t copies(const struct branch *branch, uint32_t role, const struct seat *seat,
                       uint32_t limit)
{
    uint32_t most = seat->fits[role] < limit ? seat->fits[role] : limit;
    for (uint32_t n = 0; n < branch->name_count && most > 0; n++) {
        int64_t need = branch->requests[role][n];
        if (need > 0) {
            int64_t count = seat->room[n] > 0 ? seat->room[n] / need : 0;
            most = count < (int64_t)most ? (uint32_t)count : most;
        }
    }
    return most;
}

/* Adds or, negative, takes away pods; keeps what is touched up to date. */
static void deal(struct branch *branch, uint32_t role, struct seat *seat, int32_t count)
{
    uint32_t before = seat->total;
    seat->pods[role] += (uint32_t)count;
    seat->total += (uint32_t)count;
    for (uint32_t n = 0; n < branch->name_count; n++) {
        seat->room[n] -= branch->requests[role][n] * count;
    }
    if (seat->pinned || (before == 0) == (seat->total == 0)) {
        return;
    }
    bool touched = before == 0;
    branch->used[branch->host] += touched ? 1 : UINT32_MAX;
    uint32_t d = domains_at(branch->domains, seat->position, branch->host - 1);
    for (; d >= branch->place && d != DOMAINS_NONE; d = domains_get(branch->domains, d)->parent) {
        uint32_t *uses = &branch->uses[d - branch->place];
        *uses += touched ? 1 : UINT32_MAX;
        if (*uses == (touched ? 1 : 0) && !solver_space_domain_touched(branch->space, d)) {
            branch->used[domains_get(branch->domains, d)->level] += touched ? 1 : UINT32_MAX;
        }
    }
}

/* ---- cuts ---- */

/* Whether what is dealt so far, with at least `more` nodes to come, can still be better. */
static bool is_hopeful(const struct branch *branch, uint32_t more)
{
    if (!branch->best->complete) {
        return true;
    }
    for (uint32_t l = branch->top + 1; l <= branch->host; l++) {
        uint32_t used = branch->used[l] + (l == branch->host ? more : 0);
        if (used != branch->best->used[l]) {
            return used < branch->best->used[l];
        }
    }
    return false;
}

static bool are_twins(const struct branch *branch, const struct seat *a, const struct seat *b)
{
    size_t roles = branch->problem->role_count;
    return a->total == 0 && b->total == 0 && !a->pinned && !b->pinned &&
           memcmp(a->fits, b->fits, roles * sizeof *a->fits) == 0 &&
           memcmp(a->room, b->room, branch->name_count * sizeof *a->room) == 0 &&
           domains_at(branch->domains, a->position, branch->host - 1) ==
               domains_at(branch->domains, b->position, branch->host - 1);
}

/* Whether the role's pods make whole slices everywhere. */
static bool is_sliced(const struct branch *branch, uint32_t role)
{
    const struct solver_role *item = &branch->problem->roles[role];
    for (uint32_t layer = 0; layer < item->layer_count; layer++) {
        uint32_t level = item->layers[layer].level;
        for (uint32_t i = 0; i < branch->seat_count;) {
            bool host = level == branch->host;
            uint32_t place = host ? branch->seats[i].position
                                  : domains_at(branch->domains, branch->seats[i].position, level);
            uint32_t sum = 0;
            uint32_t end = host ? place + 1 : domains_get(branch->domains, place)->end;
            for (; i < branch->seat_count && branch->seats[i].position < end; i++) {
                sum += branch->seats[i].pods[role];
            }
            uint32_t started =
                solver_slices_started(solver_space_role(branch->space, role), level, place);
            if (sum < started || solver_slices_round(solver_space_role(branch->space, role),
                                                     solver_space_domains(branch->space), level,
                                                     place, sum) != sum) {
                return false;
            }
        }
    }
    return true;
}

/* ---- the search ---- */

static void keep(struct branch *branch)
{
    struct solver_solution trial;
    solver_solution_init(&trial);
    trial.complete = true;
    for (uint32_t i = 0; i < branch->seat_count; i++) {
        const struct seat *seat = &branch->seats[i];
        for (uint32_t r = 0; r < branch->problem->role_count; r++) {
            if (seat->pods[r] > 0) {
                solver_space_place(branch->space, r, seat->position, seat->pods[r]);
                trial.placed += seat->pods[r];
            }
        }
    }
    solver_solution_offer(branch->best, branch->space, &trial);
}

static bool is_over(const struct branch *branch)
{
    return *branch->steps >= branch->budget ||
           (branch->best->complete &&
            !solver_used_below(branch->bound, branch->best->used, branch->host));
}

static void order_seats(struct branch *branch, uint32_t depth)
{
    uint32_t role = branch->role_order[depth];
    uint64_t keys[SOLVER_BRANCH_POSITIONS_MAX];
    uint8_t *order = branch->order[depth];
    for (uint32_t i = 0; i < branch->seat_count; i++) {
        const struct seat *seat = &branch->seats[i];
        uint64_t touched = seat->pinned || seat->total > 0;
        uint64_t key =
            (touched << 32) + copies(branch, role, seat, branch->problem->roles[role].count);
        uint32_t at = i;
        for (; at > 0 && keys[at - 1] < key; at--) {
            keys[at] = keys[at - 1];
            order[at] = order[at - 1];
        }
        keys[at] = key;
        order[at] = (uint8_t)i;
    }
}

/* The most the nodes from `at` on take, touched ones alone and all. */
static void sum_copies(const struct branch *branch, uint32_t depth, uint32_t at, uint32_t limit,
                       uint32_t *touched, uint32_t *all)
{
    uint32_t role = branch->role_order[depth];
    *touched = 0;
    *all = 0;
    for (uint32_t i = at; i < branch->seat_count && *touched < limit; i++) {
        const struct seat *seat = &branch->seats[branch->order[depth][i]];
        uint32_t count = copies(branch, role, seat, limit);
        *all += count;
        *touched += seat->pinned || seat->total > 0 ? count : 0;
    }
    *all = *touched >= limit ? limit : *all;
}

static void deal_role(struct branch *branch, uint32_t depth);

static void deal_from(struct branch *branch, uint32_t depth, uint32_t at, uint32_t left)
{
    uint32_t role = branch->role_order[depth];
    ++*branch->steps;
    if (left == 0) {
        if (is_sliced(branch, role)) {
            deal_role(branch, depth + 1);
        }
        return;
    }
    uint32_t touched = 0;
    uint32_t all = 0;
    sum_copies(branch, depth, at, left, &touched, &all);
    if (is_over(branch) || all < left || !is_hopeful(branch, touched < left)) {
        return;
    }
    const uint8_t *order = branch->order[depth];
    struct seat *seat = &branch->seats[order[at]];
    uint32_t most = copies(branch, role, seat, left);
    if (at > 0) {
        struct seat *other = &branch->seats[order[at - 1]];
        uint32_t given = other->pods[role];
        if (other->total == given) { /* it was untouched before this role, too */
            deal(branch, role, other, -(int32_t)given);
            bool twins = are_twins(branch, seat, other);
            deal(branch, role, other, (int32_t)given);
            most = twins && given < most ? given : most;
        }
    }
    for (uint32_t count = most + 1; count-- > 0 && !is_over(branch);) {
        deal(branch, role, seat, (int32_t)count);
        deal_from(branch, depth, at + 1, left - count);
        deal(branch, role, seat, -(int32_t)count);
    }
}

static void deal_role(struct branch *branch, uint32_t depth)
{
    if (!is_hopeful(branch, 0)) {
        return;
    }
    if (depth == branch->problem->role_count) {
        keep(branch);
        return;
    }
    order_seats(branch, depth);
    deal_from(branch, depth, 0, branch->problem->roles[branch->role_order[depth]].count);
}

enum solver_branch_outcome solver_branch(const struct solver_problem *problem,
                                         struct solver_space *space, struct solver_candidate place,
                                         const uint32_t bound[SOLVER_TREE_MAX], uint64_t budget,
                                         uint64_t *steps, struct solver_solution *best)
{
    const struct domains *domains = solver_space_domains(space);
    const struct domain *top = domains_get(domains, place.index);
    struct branch branch = {.problem = problem,
                            .space = space,
                            .domains = domains,
                            .best = best,
                            .bound = bound,
                            .budget = budget,
                            .steps = steps,
                            .host = solver_space_host(space),
                            .place = place.index,
                            .top = top->level,
                            .seat_count = top->end - top->first};
    uint64_t pods = 0;
    for (uint32_t r = 0; r < problem->role_count; r++) {
        pods += problem->roles[r].count;
    }
    if (branch.seat_count > SOLVER_BRANCH_POSITIONS_MAX || pods > SOLVER_BRANCH_PODS_MAX ||
        !read_requests(&branch)) {
        return SOLVER_BRANCH_OPEN;
    }
    branch.seats = alloc_zero(branch.seat_count, sizeof *branch.seats);
    branch.uses = alloc_zero(top->next - place.index, sizeof *branch.uses);
    branch.order = alloc_zero(problem->role_count, sizeof *branch.order);
    read_seats(&branch);
    read_used(&branch);
    order_roles(&branch);
    deal_role(&branch, 0);
    free(branch.seats);
    free(branch.uses);
    free(branch.order);
    return *steps < budget ? SOLVER_BRANCH_PROVEN : SOLVER_BRANCH_OPEN;
}
