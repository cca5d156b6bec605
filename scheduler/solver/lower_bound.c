// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/lower_bound.h"

#include <string.h>

#include "scheduler/solver/largest.h"

/* What no plan can beat: with it a plan is known to be optimal, or how far from that it may be.
 *
 * Why it is valid. Take any plan with all pods in place D and look at one level and one demand. The
 * pods outside the pinned domains number at least wanted - (what the pinned ones hold), and m
 * domains hold at most the sum of the m largest. The sums count what pods of all roles need at
 * once, and a node for no less than they can use of it, so the same holds for them. The lowest
 * place of the pinned members is one, so their domains count in full. Domains of a deeper level are
 * at least as many as those above them.
 *
 * And if no place below `deepest` may hold the gang, a plan touches at least two domains of each
 * level below it: single roles may each fit into one domain, but into different ones.
 */

#define COUNTED 64 /* capacities below that are counted by size, the others kept in a heap */

/* What is left of a demand when the touched domains of a level inside `domain` took what they can.
 * Only how many of the largest are needed counts here, not which, and nodes fit few pods. */
struct offers {
    const struct solver_space *space;
    struct solver_largest *largest; /* NULL while the touched ones are summed up */
    uint32_t demand;
    uint64_t touched;
    uint32_t small[COUNTED]; /* how many of each size were offered */
};

static void offer(struct offers *offers, uint32_t index, uint64_t fits, bool touched)
{
    if (offers->largest == NULL) {
        offers->touched += touched ? fits : 0;
    } else if (!touched && fits < COUNTED) {
        offers->small[fits]++;
    } else if (!touched) {
        solver_largest_offer(offers->largest, index, fits);
    }
}

/* The fewest of what was offered that reach the need; all of it when it does not. */
static uint32_t count_offers(const struct offers *offers)
{
    uint32_t count = offers->largest->count;
    uint64_t sum = offers->largest->sum;
    for (uint64_t fits = COUNTED - 1; fits > 0 && sum < offers->largest->need; fits--) {
        uint64_t missing = (offers->largest->need - sum + fits - 1) / fits;
        uint32_t taken = missing < offers->small[fits] ? (uint32_t)missing : offers->small[fits];
        count += taken;
        sum += taken * fits;
    }
    return count;
}

static void offer_level(struct offers *offers, uint32_t within, uint32_t level)
{
    const struct solver_space *space = offers->space;
    const struct domains *domains = solver_space_domains(space);
    const struct domain *top = domains_get(domains, within);
    struct solver_effort *effort = solver_space_effort(space);
    bool any = solver_space_used(space, level) > 0; /* touched ones */
    if (level == solver_space_host(space)) {
        for (uint32_t p = top->first; p < top->end; p++) {
            offer(offers, p, solver_space_node_fits(space, offers->demand, p),
                  any && solver_space_node_touched(space, p));
        }
        solver_effort_spend(effort, top->end - top->first);
        return;
    }
    for (uint32_t d = within; d < top->next;) {
        const struct domain *domain = domains_get(domains, d);
        uint64_t fits = solver_space_domain_fits(space, offers->demand, d);
        if (domain->level == level) {
            offer(offers, d, fits, any && solver_space_domain_touched(space, d));
        }
        d = domain->level == level || fits == 0 ? domain->next : d + 1;
        solver_effort_spend(effort, 1);
    }
}

/* Fewest untouched domains of a level inside `within` that a demand needs. */
static uint32_t count_new(const struct solver_space *space, uint32_t demand, uint32_t within,
                          uint32_t level, struct solver_largest *largest)
{
    struct offers offers = {.space = space, .demand = demand};
    if (solver_space_used(space, level) > 0) {
        offer_level(&offers, within, level);
    }
    uint64_t wanted = solver_space_wanted(space, demand);
    if (offers.touched >= wanted) {
        return 0;
    }
    solver_largest_start(largest, wanted - offers.touched);
    offers.largest = largest;
    offer_level(&offers, within, level);
    return count_offers(&offers);
}

/* A demand for pods touches no more domains than there are pods, so small roles are rarely asked:
 * the sums come first. */
static uint32_t lower_bound_level(const struct solver_space *space, uint32_t within, uint32_t level,
                                  struct solver_largest *largest)
{
    uint32_t most = 0;
    uint32_t roles = solver_space_roles(space);
    for (uint32_t i = solver_space_demands(space); i-- > 0;) {
        if (i >= roles || solver_space_wanted(space, i) > most) {
            uint32_t count = count_new(space, i, within, level, largest);
            most = count > most ? count : most;
        }
    }
    return solver_space_used(space, level) + most;
}

void solver_lower_bound(const struct solver_space *space, struct solver_candidate place,
                        uint32_t level, uint32_t deepest, struct solver_largest *scratch,
                        uint32_t lower_bound[SOLVER_TREE_MAX])
{
    uint32_t host = solver_space_host(space);
    uint64_t pods = solver_space_used(space, 0); /* the pinned ones, or none */
    for (uint32_t r = 0; r < solver_space_roles(space); r++) {
        pods += solver_space_wanted(space, r);
    }
    memset(lower_bound, 0, SOLVER_TREE_MAX * sizeof *lower_bound);
    if (pods == 0) {
        return;
    }
    for (uint32_t l = 0; l <= level; l++) {
        lower_bound[l] = 1;
    }
    for (uint32_t l = level + 1; l <= host; l++) {
        uint32_t floor = l > deepest ? 2 : 1;
        uint32_t count = lower_bound_level(space, place.index, l, scratch);
        floor = lower_bound[l - 1] > floor ? lower_bound[l - 1] : floor;
        lower_bound[l] = count > floor ? count : floor;
    }
}
