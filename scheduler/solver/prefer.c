// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/prefer.h"

#include <stdlib.h>
#include <string.h>

#include "scheduler/solver/exchange.h"
#include "scheduler/solver/role.h"
#include "scheduler/solver/solution.h"
#include "topology/base/alloc.h"

/* A trial takes the nodes that are liked less than a threshold from a role, as vetoes do, and
 * solves again; the plan counts if it touches no more and is liked better. Thresholds are the
 * weights that occur, the highest first. What a trial took stays taken for the roles after it.
 *
 * A preferred level of a podset that the plan keeps is required of every trial, because it ranks
 * higher.
 */

#define TRIES_MOST 12
#define TRIES_ROLE 4

struct prefer {
    const struct solver_problem *problem;
    void (*solve)(const struct solver_problem *problem, struct solver_plan *plan);
    struct solver_plan *plan;
    struct solver_problem trial;
    struct solver_role roles[SOLVER_ROLES_MAX];
    struct bitset *excluded[SOLVER_ROLES_MAX]; /* owned; NULL: the problem's */
    struct solver_podset podsets[SOLVER_PODSETS_MAX];
    uint32_t tries;
};

/* How much a plan is liked. */
static uint64_t liked(const struct solver_problem *problem, const struct solver_plan *plan)
{
    uint64_t sum = 0;
    uint32_t at = 0;
    for (uint32_t r = 0; r < problem->role_count; r++) {
        const uint32_t *weights = problem->roles[r].preference;
        for (uint32_t i = 0; i < problem->roles[r].count; i++, at++) {
            sum += weights != NULL ? weights[plan->positions[at]] : 0;
        }
    }
    return sum;
}

/* ---- podsets ---- */

static uint32_t place_of(const struct solver_problem *problem, uint32_t position, uint32_t level)
{
    bool host = level + 1 == domains_levels(problem->domains);
    return host ? position : domains_at(problem->domains, position, level);
}

/* Whether the plan, and what is pinned, keep the podset in one domain of the level. */
static bool is_together(const struct solver_problem *problem, const struct solver_plan *plan,
                        uint32_t podset, uint32_t level)
{
    const struct solver_podset *item = &problem->podsets[podset];
    uint32_t place = DOMAINS_NONE;
    uint32_t at = 0;
    for (uint32_t r = 0; r < problem->role_count; r++) {
        for (uint32_t i = 0; i < problem->roles[r].count; i++, at++) {
            uint32_t here = place_of(problem, plan->positions[at], level);
            bool of = problem->roles[r].podset == podset + 1;
            if (of && place != DOMAINS_NONE && here != place) {
                return false;
            }
            place = of ? here : place;
        }
    }
    for (uint32_t i = 0; i < item->pinned_count && place != DOMAINS_NONE; i++) {
        if (place_of(problem, item->pinned[i], level) != place) {
            return false;
        }
    }
    bool host = level + 1 == domains_levels(problem->domains);
    return place == DOMAINS_NONE || host || domains_get(problem->domains, place)->known;
}

static void begin(struct prefer *prefer)
{
    const struct solver_problem *problem = prefer->problem;
    prefer->trial = *problem;
    memcpy(prefer->roles, problem->roles, problem->role_count * sizeof *problem->roles);
    prefer->trial.roles = prefer->roles;
    for (uint32_t u = 0; u < problem->podset_count; u++) {
        struct solver_podset *podset = &prefer->podsets[u];
        *podset = problem->podsets[u];
        if (podset->preferred_level > podset->level &&
            is_together(problem, prefer->plan, u, podset->preferred_level)) {
            podset->level = podset->preferred_level;
        }
    }
    prefer->trial.podsets = prefer->podsets;
}

/* ---- trials ---- */

static int compare_weights(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    return a < b ? 1 : a > b ? -1 : 0; /* the highest first */
}

/* The weights of nodes that take the role, the highest first, each once, at most `most` of them;
 * without the lowest, which takes nothing away. */
static uint32_t list_weights(const struct prefer *prefer, uint32_t role, uint32_t *weights,
                             uint32_t most)
{
    const struct solver_role *item = &prefer->problem->roles[role];
    uint32_t positions = domains_positions(prefer->problem->domains);
    uint32_t *all = alloc_zero(positions, sizeof *all);
    uint32_t count = 0;
    for (uint32_t p = 0; p < positions; p++) {
        if (solver_role_fits(item, p) > 0) {
            all[count++] = item->preference[p];
        }
    }
    if (count > 0) {
        qsort(all, count, sizeof *all, compare_weights);
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count && kept < most && all[i] > all[count - 1]; i++) {
        if (kept == 0 || weights[kept - 1] != all[i]) {
            weights[kept++] = all[i];
        }
    }
    free(all);
    prefer->plan->steps += positions;
    return kept;
}

/* Takes the nodes that are liked less from the role; *new*. */
static struct bitset *exclude(const struct prefer *prefer, uint32_t role, uint32_t threshold)
{
    const struct solver_role *item = &prefer->problem->roles[role];
    uint32_t positions = domains_positions(prefer->problem->domains);
    struct bitset *excluded = bitset_create(positions);
    for (uint32_t p = 0; p < positions; p++) {
        if (item->preference[p] < threshold ||
            (item->excluded != NULL && bitset_test(item->excluded, p))) {
            bitset_set(excluded, p);
        }
    }
    prefer->plan->steps += positions / 4;
    return excluded;
}

/* Whether the trial's plan was taken: it touches no more, and is liked better. */
static bool take_better(struct prefer *prefer)
{
    struct solver_plan *plan = prefer->plan;
    struct solver_plan other;
    uint32_t host = domains_levels(prefer->problem->domains) - 1;
    solver_plan_init(&other);
    prefer->solve(&prefer->trial, &other);
    prefer->tries++;
    plan->steps += other.steps;
    bool better = other.feasible && !solver_used_below(plan->used, other.used, host) &&
                  liked(prefer->problem, &other) > liked(prefer->problem, plan);
    if (better) {
        uint32_t *positions = plan->positions;
        plan->positions = other.positions;
        other.positions = positions;
        plan->level = other.level;
        plan->domain = other.domain;
        memcpy(plan->used, other.used, sizeof plan->used);
        plan->optimal = memcmp(plan->used, plan->lower_bound, sizeof plan->used) == 0;
    }
    solver_plan_finish(&other);
    return better;
}

static void try_role(struct prefer *prefer, uint32_t role)
{
    uint32_t weights[TRIES_ROLE];
    uint32_t count = list_weights(prefer, role, weights, TRIES_ROLE);
    for (uint32_t i = 0; i < count && prefer->tries < TRIES_MOST; i++) {
        struct bitset *excluded = exclude(prefer, role, weights[i]);
        prefer->roles[role].excluded = excluded;
        if (take_better(prefer)) {
            bitset_destroy(prefer->excluded[role]);
            prefer->excluded[role] = excluded;
            if (i == 0) {
                return; /* liked as well as can be */
            }
        } else {
            bitset_destroy(excluded);
        }
    }
    prefer->roles[role].excluded = prefer->excluded[role] != NULL
                                       ? prefer->excluded[role]
                                       : prefer->problem->roles[role].excluded;
}

void solver_prefer(const struct solver_problem *problem,
                   void (*solve)(const struct solver_problem *problem, struct solver_plan *plan),
                   struct solver_plan *plan)
{
    bool any = false;
    for (uint32_t r = 0; r < problem->role_count; r++) {
        any = any || problem->roles[r].preference != NULL;
    }
    if (!any || plan->count == 0) {
        return;
    }
    struct prefer prefer = {.problem = problem, .solve = solve, .plan = plan};
    begin(&prefer);
    for (uint32_t r = 0; r < problem->role_count; r++) {
        if (problem->roles[r].preference != NULL) {
            try_role(&prefer, r);
        }
    }
    prefer.trial.roles = problem->roles;
    solver_exchange(&prefer.trial, plan);
    for (uint32_t r = 0; r < problem->role_count; r++) {
        bitset_destroy(prefer.excluded[r]);
    }
}
