// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/limited.h"

#include "scheduler/solver/limits.h"
#include "scheduler/solver/space.h"

/* Told by asking again with the least budget:
 *
 *   without any of them     a plan: they are the reason; none: they are not known to be
 *   with one of them alone  proven that there is none: that one is named, with its numbers
 *
 * So a limit is named only if it alone keeps the gang from fitting. Where several do together, none
 * is.
 */

#define TRIES_MOST 6 /* limits and exclusions looked at one by one */

/* Asks again with these alone. */
static bool is_refused(const struct solver_problem *problem, solver_again *solve, bool proven,
                       struct solver_plan *plan)
{
    struct solver_plan other;
    solver_plan_init(&other);
    solve(problem, &other);
    plan->steps += other.steps;
    bool refused = !other.feasible && (!proven || other.shortfall.proven);
    solver_plan_finish(&other);
    return refused;
}

static uint32_t count_places(const struct solver_space *space, uint32_t demand, uint32_t level)
{
    const struct domains *domains = solver_space_domains(space);
    bool host = level == solver_space_host(space);
    uint32_t end = host ? domains_positions(domains) : domains_count(domains);
    uint32_t count = 0;
    for (uint32_t i = 0; i < end; i++) {
        if (host) {
            count += solver_space_node_fits(space, demand, i) > 0;
        } else {
            const struct domain *domain = domains_get(domains, i);
            count += domain->level == level && domain->known &&
                     solver_space_domain_fits(space, demand, i) > 0;
        }
    }
    return count;
}

/* What the limit lets in, in all of the cluster; it is the only one of the problem. */
static void count_limit(const struct solver_problem *problem, struct solver_plan *plan)
{
    const struct solver_limit *limit = &problem->limits[0];
    struct solver_shortfall *shortfall = &plan->shortfall;
    struct solver_effort effort = {.limit = UINT64_MAX};
    struct solver_space *space = solver_space_create(problem, &effort);
    uint32_t demand = 0;
    while ((limit->roles >> demand & 1) == 0) {
        demand++;
    }
    if ((limit->roles & (limit->roles - 1)) != 0) {
        demand = solver_space_demands(space) - 1; /* its set is the only one */
    }
    uint64_t fits = solver_space_domain_fits(space, demand, 0);
    shortfall->limit_wanted = (uint32_t)solver_space_wanted(space, demand);
    shortfall->limit_fits = fits < shortfall->limit_wanted ? fits : shortfall->limit_wanted;
    shortfall->limit_domains = count_places(space, demand, limit->level);
    solver_space_destroy(space);
    plan->steps += effort.steps;
}

static void name_one(const struct solver_problem *problem, solver_again *solve,
                     struct solver_plan *plan)
{
    struct solver_problem one = *problem;
    uint32_t tries = 0;
    one.apart_count = 0;
    one.limit_count = 1;
    for (uint32_t i = 0; i < problem->limit_count && tries < TRIES_MOST; i++, tries++) {
        one.limits = &problem->limits[i];
        if (is_refused(&one, solve, true, plan)) {
            plan->shortfall.limit = i + 1;
            count_limit(&one, plan);
            return;
        }
    }
    one.limit_count = 0;
    one.apart_count = 1;
    for (uint32_t i = 0; i < problem->apart_count && tries < TRIES_MOST; i++, tries++) {
        one.aparts = &problem->aparts[i];
        if (is_refused(&one, solve, true, plan)) {
            plan->shortfall.apart = i + 1;
            return;
        }
    }
}

void solver_limited_explain(const struct solver_problem *problem, solver_again *solve,
                            struct solver_plan *plan)
{
    struct solver_problem other = *problem;
    if (problem->limit_count + problem->apart_count == 0) {
        return;
    }
    other.limit_count = 0;
    other.apart_count = 0;
    other.budget = 1;
    plan->shortfall.limited = !is_refused(&other, solve, false, plan);
    if (plan->shortfall.limited) {
        other.limit_count = problem->limit_count;
        other.apart_count = problem->apart_count;
        name_one(&other, solve, plan);
    }
}
