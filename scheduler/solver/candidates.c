// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/candidates.h"

#include <string.h>

/* Places that may hold a gang, found by walking the tree in preorder.
 *
 * What a domain cannot hold, nothing below it can; so the walk skips a whole subtree as soon as its
 * top is too small, leaves out pinned members, or is an unknown domain of the required level. It
 * visits the domains above the level it wants, their children, and nothing else.
 */

struct solver_walk solver_walk_begin(uint32_t required, uint32_t level)
{
    return (struct solver_walk){.required = required, .level = level};
}

static bool may_enter(const struct solver_walk *walk, const struct solver_space *space,
                      uint32_t index, const struct domain *domain)
{
    if (walk->required > 0 && domain->level == walk->required && !domain->known) {
        return false;
    }
    return solver_space_holds_pinned(space, domain->first, domain->end) &&
           (walk->any || solver_space_domain_passes(space, index));
}

/* The next domain of `level`; the cursor moves past its subtree. */
static bool next_domain(struct solver_walk *walk, const struct solver_space *space, uint32_t level,
                        uint32_t *found)
{
    const struct domains *domains = solver_space_domains(space);
    struct solver_effort *effort = solver_space_effort(space);
    while (walk->domain < domains_count(domains)) {
        uint32_t index = walk->domain;
        const struct domain *domain = domains_get(domains, index);
        solver_effort_spend(effort, 1 + solver_space_demands(space) / 4);
        if (!may_enter(walk, space, index, domain)) {
            walk->domain = domain->next;
        } else if (domain->level == level) {
            walk->domain = domain->next;
            *found = index;
            return true;
        } else {
            walk->domain++;
        }
    }
    return false;
}

static bool next_node(struct solver_walk *walk, const struct solver_space *space, uint32_t *found)
{
    for (;;) {
        for (; walk->position < walk->end; walk->position++) {
            uint32_t p = walk->position;
            if (solver_space_holds_pinned(space, p, p + 1) &&
                (walk->any || solver_space_node_passes(space, p))) {
                walk->position++;
                *found = p;
                return true;
            }
        }
        uint32_t index = 0;
        if (!next_domain(walk, space, walk->level - 1, &index)) {
            return false;
        }
        const struct domain *domain = domains_get(solver_space_domains(space), index);
        walk->position = domain->first;
        walk->end = domain->end;
        solver_effort_spend(solver_space_effort(space), domain->end - domain->first);
    }
}

bool solver_walk_next(struct solver_walk *walk, const struct solver_space *space,
                      struct solver_candidate *candidate)
{
    bool node = walk->level == solver_space_host(space);
    uint32_t index = 0;
    if (node ? !next_node(walk, space, &index) : !next_domain(walk, space, walk->level, &index)) {
        return false;
    }
    *candidate = (struct solver_candidate){.node = node, .index = index};
    for (uint32_t r = 0; r < solver_space_roles(space); r++) {
        uint64_t fits = solver_candidate_fits(space, *candidate, r);
        uint64_t wanted = solver_space_wanted(space, r);
        candidate->leftover += fits > wanted ? fits - wanted : 0;
    }
    return true;
}

uint32_t solver_candidates_collect(const struct solver_space *space, uint32_t required,
                                   uint32_t level,
                                   struct solver_candidate kept[SOLVER_CANDIDATES_MAX])
{
    uint32_t count = 0;
    struct solver_walk walk = solver_walk_begin(required, level);
    struct solver_candidate candidate;
    while (solver_walk_next(&walk, space, &candidate)) {
        if (count == SOLVER_CANDIDATES_MAX) {
            if (candidate.leftover >= kept[count - 1].leftover) {
                continue;
            }
            count--;
        }
        uint32_t place = count;
        while (place > 0 && kept[place - 1].leftover > candidate.leftover) {
            place--;
        }
        memmove(&kept[place + 1], &kept[place], (count - place) * sizeof *kept);
        kept[place] = candidate;
        count++;
    }
    return count;
}
