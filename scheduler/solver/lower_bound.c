// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/lower_bound.h"

#include <stdlib.h>
#include <string.h>

#include "scheduler/solver/largest.h"
#include "topology/base/alloc.h"

/* What no plan can beat: with it a plan is known to be optimal, or how far from that it may be.
 *
 * Why it is valid. Take any plan with all pods in place D and look at one level and one demand. The
 * pods outside the pinned domains number at least wanted - (what the pinned ones hold), and m
 * domains hold at most the sum of the m largest. The sums count what pods of all roles need at
 * once, and a node for no less than they can use of it, so the same holds for them. The lowest
 * place of the pinned members is one, so their domains count in full. Domains of a deeper level are
 * at least as many as those above them.
 *
 * Where limits let less into a domain than its children take, the largest children add only as much
 * as is let in: what a domain adds with one, two, … children are its *steps*, which grow smaller.
 * Of several domains the largest steps are taken, as if each were a domain of its own.
 *
 * Two sets that stand apart share no domain of their level, nor one further in: each needs its own.
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

/* What is offered below a domain, and what the touched ones of it take. */
struct steps {
    uint64_t *items; /* owned */
    size_t room;
    size_t count;
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

/* ---- within limits ---- */

static int compare_steps(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return a < b ? 1 : a > b ? -1 : 0; /* the largest first */
}

/* Leaves of the steps from `first` on, beside the `touched` pods, what a domain lets in; returns
 * what is left of the touched ones. */
static uint64_t cut_steps(struct steps *steps, size_t first, uint64_t touched, uint64_t most)
{
    uint64_t sum = touched < most ? touched : most;
    uint64_t before = sum;
    if (steps->count > first) {
        qsort(steps->items + first, steps->count - first, sizeof *steps->items, compare_steps);
    }
    for (size_t i = first; i < steps->count; i++) {
        uint64_t step = steps->items[i] < most - sum ? steps->items[i] : most - sum;
        steps->items[i] = step;
        sum += step;
    }
    while (steps->count > first && steps->items[steps->count - 1] == 0) {
        steps->count--;
    }
    return before;
}

static void add_step(struct steps *steps, uint64_t fits)
{
    if (fits > 0) {
        steps->items =
            alloc_grow(steps->items, &steps->room, steps->count + 1, sizeof *steps->items);
        steps->items[steps->count++] = fits;
    }
}

/* Adds a domain of the level; returns what it takes if it is touched. */
static uint64_t collect_one(struct steps *steps, uint64_t fits, bool touched)
{
    add_step(steps, touched ? 0 : fits);
    return touched ? fits : 0;
}

/* Adds the steps of the domains of a level below `top`, of which those levels are limited; returns
 * what the touched ones take. */
static uint64_t collect_steps(const struct offers *offers, struct steps *steps, uint32_t top,
                              uint32_t level, uint32_t limited)
{
    const struct solver_space *space = offers->space;
    const struct domains *domains = solver_space_domains(space);
    const struct domain *domain = domains_get(domains, top);
    uint64_t most = solver_space_domain_fits(space, offers->demand, top);
    uint64_t touched = 0;
    size_t first = steps->count;
    bool lowest = domain->level + 1 == solver_space_host(space);
    for (uint32_t p = domain->first; lowest && most > 0 && p < domain->end; p++) {
        touched += collect_one(steps, solver_space_node_fits(space, offers->demand, p),
                               solver_space_node_touched(space, p));
    }
    for (uint32_t d = top + 1; !lowest && most > 0 && d < domain->next;
         d = domains_get(domains, d)->next) {
        touched += domain->level + 1 < level
                       ? collect_steps(offers, steps, d, level, limited)
                       : collect_one(steps, solver_space_domain_fits(space, offers->demand, d),
                                     solver_space_domain_touched(space, d));
    }
    solver_effort_spend(solver_space_effort(space), 1 + 4 * (uint64_t)(steps->count - first));
    return (limited >> domain->level & 1) != 0 ? cut_steps(steps, first, touched, most) : touched;
}

/* As count_new() does, where limits count. */
static uint32_t count_new_limited(const struct solver_space *space, uint32_t demand,
                                  uint32_t within, uint32_t level, uint32_t limited,
                                  struct solver_largest *largest)
{
    struct offers offers = {.space = space, .demand = demand};
    struct steps steps = {.count = 0};
    uint64_t wanted = solver_space_wanted(space, demand);
    uint32_t count = 0;
    offers.touched = collect_steps(&offers, &steps, within, level, limited);
    if (offers.touched < wanted) {
        solver_largest_start(largest, wanted - offers.touched);
        offers.largest = largest;
        for (size_t i = 0; i < steps.count; i++) {
            offer(&offers, (uint32_t)i, steps.items[i], false);
        }
        count = count_offers(&offers);
    }
    free(steps.items);
    return count;
}

/* Levels strictly between two as bits. */
static uint32_t levels_between(uint32_t above, uint32_t below)
{
    return ((UINT32_C(1) << below) - 1) & ~((UINT32_C(2) << above) - 1);
}

/* ---- levels ---- */

/* Fewest untouched domains of a level inside `within` that a demand needs. */
static uint32_t count_new(const struct solver_space *space, uint32_t demand, uint32_t within,
                          uint32_t level, struct solver_largest *largest)
{
    uint32_t top = domains_get(solver_space_domains(space), within)->level;
    uint32_t limited = solver_space_limited(space, demand) & levels_between(top, level);
    if (limited != 0) {
        return count_new_limited(space, demand, within, level, limited, largest);
    }
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

/* The same for two sets that stand apart in every domain of the level, and need their own. */
static uint32_t count_new_apart(const struct solver_space *space, const struct solver_apart *apart,
                                uint32_t within, uint32_t level, struct solver_largest *largest)
{
    uint32_t most[2] = {0, 0};
    for (uint32_t r = 0; r < solver_space_roles(space); r++) {
        int side = (apart->roles[0] >> r & 1) != 0 ? 0 : 1;
        if ((apart->roles[side] >> r & 1) != 0) {
            uint32_t count = count_new(space, r, within, level, largest);
            most[side] = count > most[side] ? count : most[side];
        }
    }
    return most[0] + most[1];
}

/* Whether all domains of a level inside `within` are known. */
static bool all_known(const struct solver_space *space, uint32_t within, uint32_t level)
{
    const struct domains *domains = solver_space_domains(space);
    uint32_t end = domains_get(domains, within)->next;
    bool known = true;
    for (uint32_t d = within; level < solver_space_host(space) && known && d < end; d++) {
        const struct domain *domain = domains_get(domains, d);
        known = domain->level != level || domain->known;
    }
    return known;
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
    uint32_t apart_count = 0;
    const struct solver_apart *aparts = solver_space_aparts(space, &apart_count);
    for (uint32_t i = 0; i < apart_count; i++) {
        if (aparts[i].roles[0] != 0 && aparts[i].roles[1] != 0 && aparts[i].level <= level &&
            all_known(space, within, aparts[i].level)) {
            uint32_t count = count_new_apart(space, &aparts[i], within, level, largest);
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

void solver_lower_bound_beside(const struct solver_space *space, uint32_t within, uint32_t role,
                               struct solver_largest *scratch, uint32_t more[SOLVER_TREE_MAX])
{
    uint32_t host = solver_space_host(space);
    uint32_t count = 0;
    const struct solver_apart *aparts = solver_space_aparts(space, &count);
    uint32_t top = domains_get(solver_space_domains(space), within)->level;
    memset(more, 0, SOLVER_TREE_MAX * sizeof *more);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t side = (aparts[i].roles[0] >> role & 1) != 0 ? 0 : 1;
        if ((aparts[i].roles[side] >> role & 1) == 0 ||
            !all_known(space, within, aparts[i].level)) {
            continue;
        }
        for (uint32_t r = 0; r < solver_space_roles(space); r++) {
            bool other = (aparts[i].roles[1 - side] >> r & 1) != 0;
            for (uint32_t l = aparts[i].level; other && l <= host; l++) {
                uint32_t fewest = l > top ? count_new(space, r, within, l, scratch) : 0;
                more[l] = fewest > more[l] ? fewest : more[l];
            }
        }
    }
}
