// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/sets.h"

#include <stdlib.h>

#include "topology/base/alloc.h"

/* One table, filled from the leaves to the root:
 *
 *   fits[set][domain]     the least of what its children take, what the limit lets in, and what its
 *                         roles take one by one, no more of each than are wanted
 *
 * A node is worked out whenever it is asked for.
 */

struct solver_sets {
    const struct solver_problem *problem;
    const struct solver_limits *limits;
    const struct solver_room *room;
    uint32_t host;
    uint32_t count;
    uint32_t limit[SOLVER_LIMITS_MAX];
    uint64_t wanted[SOLVER_LIMITS_MAX];
    uint32_t levels[SOLVER_LIMITS_MAX];
    uint64_t *fits[SOLVER_LIMITS_MAX];
};

static bool has(uint32_t roles, uint32_t role)
{
    return (roles >> role & 1) != 0;
}

static uint64_t cut(const struct solver_sets *sets, uint32_t set, uint32_t level, uint32_t index,
                    uint64_t fits)
{
    uint32_t limit = sets->limit[set];
    uint32_t most = sets->problem->limits[limit].level == level
                        ? solver_limits_left(sets->limits, limit, index)
                        : SOLVER_LIMITS_NONE;
    return fits < most ? fits : most;
}

uint32_t solver_sets_node(const struct solver_sets *sets, uint32_t set, uint32_t position)
{
    const struct solver_problem *problem = sets->problem;
    uint64_t fits = 0;
    for (uint32_t r = 0; r < problem->role_count; r++) {
        if (has(problem->limits[sets->limit[set]].roles, r)) {
            uint32_t alone = solver_room_node(sets->room, r, position);
            fits += alone < problem->roles[r].count ? alone : problem->roles[r].count;
        }
    }
    return (uint32_t)cut(sets, set, sets->host, position, fits);
}

static void read_set(struct solver_sets *sets, uint32_t set)
{
    const struct solver_problem *problem = sets->problem;
    uint32_t roles = problem->limits[sets->limit[set]].roles;
    uint64_t *fits = sets->fits[set];
    for (uint32_t d = domains_count(problem->domains); d-- > 0;) {
        const struct domain *domain = domains_get(problem->domains, d);
        uint64_t alone = 0;
        for (uint32_t r = 0; r < problem->role_count; r++) {
            uint64_t most = has(roles, r) ? solver_room_fits(sets->room, r)[d] : 0;
            alone += most < problem->roles[r].count ? most : problem->roles[r].count;
        }
        for (uint32_t p = domain->first;
             domain->level + 1 == sets->host && alone > 0 && p < domain->end; p++) {
            fits[d] += solver_sets_node(sets, set, p);
        }
        fits[d] = cut(sets, set, domain->level, d, fits[d] < alone ? fits[d] : alone);
        if (d > 0) {
            fits[domain->parent] += fits[d];
        }
    }
}

struct solver_sets *solver_sets_create(const struct solver_problem *problem,
                                       const struct solver_limits *limits,
                                       const struct solver_room *room, struct solver_effort *effort)
{
    struct solver_sets *sets = alloc_zero(1, sizeof *sets);
    uint32_t domain_count = domains_count(problem->domains);
    uint32_t positions = domains_positions(problem->domains);
    sets->problem = problem;
    sets->limits = limits;
    sets->room = room;
    sets->host = domains_levels(problem->domains) - 1;
    for (uint32_t i = 0; i < problem->limit_count; i++) {
        uint32_t roles = problem->limits[i].roles;
        uint32_t set = sets->count;
        if ((roles & (roles - 1)) == 0) {
            continue;
        }
        sets->limit[set] = i;
        sets->levels[set] = UINT32_C(1) << problem->limits[i].level;
        for (uint32_t r = 0; r < problem->role_count; r++) {
            sets->wanted[set] += has(roles, r) ? problem->roles[r].count : 0;
            sets->levels[set] |= has(roles, r) ? solver_limits_levels(limits, r) : 0;
        }
        sets->fits[set] = alloc_zero(domain_count, sizeof **sets->fits);
        read_set(sets, set);
        sets->count++;
        solver_effort_spend(effort, domain_count / 4 + positions);
    }
    return sets;
}

void solver_sets_destroy(struct solver_sets *sets)
{
    if (sets == NULL) {
        return;
    }
    for (uint32_t i = 0; i < sets->count; i++) {
        free(sets->fits[i]);
    }
    free(sets);
}

uint32_t solver_sets_count(const struct solver_sets *sets)
{
    return sets->count;
}

uint64_t solver_sets_wanted(const struct solver_sets *sets, uint32_t set)
{
    return sets->wanted[set];
}

uint64_t solver_sets_domain(const struct solver_sets *sets, uint32_t set, uint32_t domain)
{
    return sets->fits[set][domain];
}

uint32_t solver_sets_levels(const struct solver_sets *sets, uint32_t set)
{
    return sets->levels[set];
}
