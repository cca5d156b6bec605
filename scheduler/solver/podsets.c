// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/podsets.h"

#include <stdlib.h>
#include <string.h>

#include "scheduler/solver/solution.h"
#include "scheduler/solver/space.h"
#include "topology/base/alloc.h"

/* Branch and bound over the domains of podsets.
 *
 *   all free                              bound (1, 2, 5), but podset A stands in two racks
 *   ├─ A in rack a                        bound (1, 2, 6), and B stands in two blocks
 *   │  ├─ A in rack a, B in block x       (1, 2, 6): a plan
 *   │  └─ A in rack a, B in block y       …
 *   └─ A in rack b                        bound (1, 3, 6): no better than that plan
 *
 * A branch keeps a podset in a domain by taking all other nodes from its roles, as vetoes do. So
 * every branch is an ordinary problem, and what is proven of it holds for all below it. Domains are
 * tried in the order of how many of its pods the plan above put there, then tightest first, then in
 * position order.
 *
 * `open` is the least bound of what was left untried. Preferred levels come last: they are required
 * one after the other, and stay so if there is a plan as good as the one found without them.
 */

/* Branches that are tried whatever the budget, beside one for each podset. */
#define TRIES_LEAST 4
#define TRIES_FEW   2 /* … for the words of a refusal, and for a preferred level */

struct choice {
    uint32_t place;    /* domain, or position at the host level */
    uint64_t pods;     /* of the podset, in the plan above */
    uint64_t leftover; /* room beside it, its roles added up */
};

struct podsets {
    const struct solver_problem *problem;
    solver_whole *solve;
    uint32_t host;
    /* The problem of the branch: without podsets, the roles that are kept somewhere with vetoes. */
    struct solver_problem branch;
    struct solver_role roles[SOLVER_ROLES_MAX];
    struct bitset *excluded[SOLVER_ROLES_MAX]; /* owned, while its podset is kept */
    bool kept[SOLVER_PODSETS_MAX];
    uint32_t level[SOLVER_PODSETS_MAX]; /* required; 0: none */
    struct solver_effort effort;        /* of the space */
    struct solver_space *space;         /* the problem's, for its numbers; NULL until needed */

    struct solver_plan best;
    const uint32_t *ceiling;    /* plans above it do not count; NULL: none */
    struct solver_plan refused; /* the first branch without a plan */
    bool left;                  /* a branch was left: nothing counts any more */
    bool open; /* something was left untried, or not tried to the end, with this least bound */
    uint32_t least[SOLVER_TREE_MAX];
    uint64_t steps;
    uint64_t limit;
    uint32_t tries;
    uint32_t tries_least;
};

/* ---- podsets and places ---- */

static bool is_of(const struct podsets *podsets, uint32_t role, uint32_t podset)
{
    return podsets->problem->roles[role].podset == podset + 1;
}

static uint32_t place_of(const struct podsets *podsets, uint32_t position, uint32_t level)
{
    return level == podsets->host ? position
                                  : domains_at(podsets->problem->domains, position, level);
}

static bool is_known(const struct podsets *podsets, uint32_t place, uint32_t level)
{
    return level == podsets->host || domains_get(podsets->problem->domains, place)->known;
}

/* Whether the plan, and what is pinned, keep the podset together. */
static bool is_together(const struct podsets *podsets, uint32_t podset,
                        const struct solver_plan *plan)
{
    const struct solver_podset *item = &podsets->problem->podsets[podset];
    uint32_t level = podsets->level[podset];
    uint32_t at = 0;
    uint32_t place = DOMAINS_NONE;
    for (uint32_t r = 0; r < podsets->problem->role_count && level > 0; r++) {
        for (uint32_t i = 0; i < podsets->problem->roles[r].count; i++, at++) {
            uint32_t here = place_of(podsets, plan->positions[at], level);
            if (is_of(podsets, r, podset) && here != place) {
                if (place != DOMAINS_NONE || !is_known(podsets, here, level)) {
                    return false;
                }
                place = here;
            }
        }
    }
    for (uint32_t i = 0; i < item->pinned_count && place != DOMAINS_NONE; i++) {
        if (place_of(podsets, item->pinned[i], level) != place) {
            return false;
        }
    }
    return true;
}

/* The first podset that the plan does not keep together; without a plan, the first one that is not
 * kept anywhere yet. The number of podsets: none. */
static uint32_t find_apart(const struct podsets *podsets, const struct solver_plan *plan)
{
    uint32_t u = 0;
    while (u < podsets->problem->podset_count &&
           (podsets->kept[u] || podsets->level[u] == 0 ||
            (plan->feasible && is_together(podsets, u, plan)))) {
        u++;
    }
    return u;
}

static struct solver_space *space_of(struct podsets *podsets)
{
    if (podsets->space == NULL) {
        podsets->space = solver_space_create(podsets->problem, &podsets->effort);
    }
    return podsets->space;
}

static uint64_t fits_in(const struct podsets *podsets, uint32_t role, uint32_t level,
                        uint32_t place)
{
    return solver_space_place_fits(podsets->space, role, level == podsets->host, place);
}

/* Whether the place may be the podset's: known, and with all of its pinned members. */
static bool is_open_to(const struct podsets *podsets, uint32_t podset, uint32_t level,
                       uint32_t place)
{
    const struct solver_podset *item = &podsets->problem->podsets[podset];
    for (uint32_t i = 0; i < item->pinned_count; i++) {
        if (place_of(podsets, item->pinned[i], level) != place) {
            return false;
        }
    }
    return is_known(podsets, place, level);
}

/* The next place of the level at or behind *place, or false. */
static bool next_place(const struct podsets *podsets, uint32_t level, uint32_t *place)
{
    const struct domains *domains = podsets->problem->domains;
    if (level == podsets->host) {
        return *place < domains_positions(domains);
    }
    while (*place < domains_count(domains) && domains_get(domains, *place)->level != level) {
        ++*place;
    }
    return *place < domains_count(domains);
}

/* ---- choices ---- */

static int compare_choices(const void *left, const void *right)
{
    const struct choice *a = left;
    const struct choice *b = right;
    if (a->pods != b->pods) {
        return a->pods > b->pods ? -1 : 1;
    }
    if (a->leftover != b->leftover) {
        return a->leftover < b->leftover ? -1 : 1;
    }
    return a->place < b->place ? -1 : a->place > b->place;
}

/* Whether every role of the podset fits there, taken alone. */
static bool holds(const struct podsets *podsets, uint32_t podset, uint32_t level,
                  struct choice *choice)
{
    for (uint32_t r = 0; r < podsets->problem->role_count; r++) {
        uint64_t wanted = podsets->problem->roles[r].count;
        uint64_t fits = is_of(podsets, r, podset) ? fits_in(podsets, r, level, choice->place) : 0;
        if (is_of(podsets, r, podset) && fits < wanted) {
            return false;
        }
        choice->leftover += is_of(podsets, r, podset) ? fits - wanted : 0;
    }
    return true;
}

/* How many pods of the podset the plan puts into each of the places, which are in order. */
static void count_pods(const struct podsets *podsets, uint32_t podset,
                       const struct solver_plan *plan, struct choice *choices, uint32_t count)
{
    uint32_t at = 0;
    uint32_t level = podsets->level[podset];
    for (uint32_t r = 0; r < podsets->problem->role_count && plan->feasible; r++) {
        for (uint32_t i = 0, c = 0; i < podsets->problem->roles[r].count; i++, at++) {
            uint32_t place = place_of(podsets, plan->positions[at], level);
            while (c < count && choices[c].place < place) {
                c++;
            }
            if (is_of(podsets, r, podset) && c < count && choices[c].place == place) {
                choices[c].pods++;
            }
        }
    }
}

/* The places where the podset may be kept, the most promising first; *new*. */
static struct choice *list_choices(struct podsets *podsets, uint32_t podset,
                                   const struct solver_plan *plan, uint32_t *count)
{
    uint32_t level = podsets->level[podset];
    struct choice *choices = NULL;
    size_t room = 0;
    uint32_t looked = 0;
    *count = 0;
    (void)space_of(podsets);
    for (uint32_t place = 0; next_place(podsets, level, &place); place++, looked++) {
        struct choice choice = {.place = place};
        if (is_open_to(podsets, podset, level, place) && holds(podsets, podset, level, &choice)) {
            choices = alloc_grow(choices, &room, (size_t)*count + 1, sizeof *choices);
            choices[(*count)++] = choice;
        }
    }
    count_pods(podsets, podset, plan, choices, *count);
    if (*count > 1) {
        qsort(choices, *count, sizeof *choices, compare_choices);
    }
    podsets->steps += 2 * (uint64_t)looked + 4 * (uint64_t)*count;
    return choices;
}

/* Takes all nodes outside of the place from the roles of the podset. */
static void keep_in(struct podsets *podsets, uint32_t podset, uint32_t place)
{
    const struct domains *domains = podsets->problem->domains;
    bool host = podsets->level[podset] == podsets->host;
    uint32_t first = host ? place : domains_get(domains, place)->first;
    uint32_t end = host ? place + 1 : domains_get(domains, place)->end;
    for (uint32_t r = 0; r < podsets->problem->role_count; r++) {
        const struct bitset *vetoes = podsets->problem->roles[r].excluded;
        if (!is_of(podsets, r, podset)) {
            continue;
        }
        struct bitset *excluded = bitset_create(domains_positions(domains));
        for (uint32_t p = 0; p < domains_positions(domains); p++) {
            if (p < first || p >= end || (vetoes != NULL && bitset_test(vetoes, p))) {
                bitset_set(excluded, p);
            }
        }
        podsets->excluded[r] = excluded;
        podsets->roles[r].excluded = excluded;
        podsets->steps += domains_positions(domains) / 4;
    }
    podsets->kept[podset] = true;
}

static void let_go(struct podsets *podsets, uint32_t podset)
{
    for (uint32_t r = 0; r < podsets->problem->role_count; r++) {
        if (is_of(podsets, r, podset)) {
            bitset_destroy(podsets->excluded[r]);
            podsets->roles[r].excluded = podsets->problem->roles[r].excluded;
        }
    }
    podsets->kept[podset] = false;
}

/* ---- the search ---- */

static bool is_over(const struct podsets *podsets)
{
    return podsets->tries >= podsets->tries_least && podsets->steps >= podsets->limit;
}

static void leave_open(struct podsets *podsets, const uint32_t *bound)
{
    if (!podsets->open || solver_used_below(bound, podsets->least, podsets->host)) {
        memcpy(podsets->least, bound, sizeof podsets->least);
    }
    podsets->open = true;
}

/* Whether a plan that meets the bound would be better than the best one. */
static bool may_improve(const struct podsets *podsets, const uint32_t *bound)
{
    if (podsets->ceiling != NULL && solver_used_below(podsets->ceiling, bound, podsets->host)) {
        return false;
    }
    return !podsets->best.feasible || solver_used_below(bound, podsets->best.used, podsets->host);
}

static void take_better(struct podsets *podsets, struct solver_plan *plan)
{
    if (may_improve(podsets, plan->used)) {
        struct solver_plan other = podsets->best;
        podsets->best = *plan;
        *plan = other;
    }
}

static void search(struct podsets *podsets, const uint32_t *above);

/* The podset in one place after the other; each is a branch. */
static void branch(struct podsets *podsets, uint32_t podset, const struct solver_plan *plan,
                   const uint32_t *bound)
{
    uint32_t count = 0;
    struct choice *choices = list_choices(podsets, podset, plan, &count);
    for (uint32_t i = 0; i < count && may_improve(podsets, bound); i++) {
        if (is_over(podsets)) {
            leave_open(podsets, bound);
            break;
        }
        keep_in(podsets, podset, choices[i].place);
        search(podsets, bound);
        let_go(podsets, podset);
    }
    free(choices);
}

/* Solves the branch as it is, and goes on below it where that keeps a podset apart. */
static void search(struct podsets *podsets, const uint32_t *above)
{
    struct solver_plan plan;
    uint32_t bound[SOLVER_TREE_MAX];
    solver_plan_init(&plan);
    bool some = podsets->steps < podsets->limit;
    podsets->branch.budget = some ? podsets->limit - podsets->steps : 1;
    podsets->solve(&podsets->branch, &plan);
    podsets->steps += plan.steps;
    podsets->left = podsets->left || plan.left;
    podsets->tries++;
    uint32_t apart = find_apart(podsets, &plan);
    bool raised = plan.feasible && solver_used_below(above, plan.lower_bound, podsets->host);
    memcpy(bound, raised ? plan.lower_bound : above, sizeof bound);
    if (!plan.feasible && podsets->refused.shortfall.wanted == 0) {
        podsets->refused = plan;
    }
    bool impossible = !plan.feasible && plan.shortfall.proven;
    if (impossible || !may_improve(podsets, bound)) {
        /* nothing below */
    } else if (apart < podsets->problem->podset_count) {
        branch(podsets, apart, &plan, bound);
    } else if (!plan.feasible) {
        leave_open(podsets, bound);
    } else {
        bool optimal = plan.optimal;
        take_better(podsets, &plan);
        if (!optimal) {
            leave_open(podsets, bound);
        }
    }
    solver_plan_finish(&plan);
}

static void begin(struct podsets *podsets, const struct solver_problem *problem,
                  solver_whole *solve)
{
    *podsets =
        (struct podsets){.problem = problem,
                         .solve = solve,
                         .host = domains_levels(problem->domains) - 1,
                         .branch = *problem,
                         .limit = problem->budget > 0 ? problem->budget : SOLVER_BUDGET_PODSETS,
                         .tries_least = TRIES_LEAST + problem->podset_count};
    memcpy(podsets->roles, problem->roles, problem->role_count * sizeof *problem->roles);
    for (uint32_t r = 0; r < problem->role_count; r++) {
        uint32_t podset = problem->roles[r].podset;
        if (podset > 0) { /* one without roles has nothing to be kept */
            podsets->level[podset - 1] = problem->podsets[podset - 1].level;
            podsets->roles[r].podset = 0;
        }
    }
    podsets->branch.roles = podsets->roles;
    podsets->branch.podsets = NULL;
    podsets->branch.podset_count = 0;
    solver_plan_init(&podsets->best);
    solver_plan_init(&podsets->refused);
}

static void end(struct podsets *podsets)
{
    solver_space_destroy(podsets->space);
    solver_plan_finish(&podsets->best);
    solver_plan_finish(&podsets->refused);
}

/* ---- preferred levels ---- */

/* Searches once more, only for plans as good as `best`, with the preferred level required. */
static void prefer(struct podsets *podsets, uint32_t podset)
{
    static const uint32_t nothing[SOLVER_TREE_MAX] = {0};
    uint32_t preferred = podsets->problem->podsets[podset].preferred_level;
    uint32_t before = podsets->level[podset];
    struct solver_plan kept = podsets->best;
    podsets->level[podset] = preferred;
    if (preferred <= before || is_together(podsets, podset, &kept)) {
        podsets->level[podset] = preferred > before ? preferred : before;
        return;
    }
    solver_plan_init(&podsets->best);
    podsets->tries = 0;
    podsets->tries_least = TRIES_FEW;
    podsets->ceiling = kept.used;
    search(podsets, nothing);
    podsets->ceiling = NULL;
    if (podsets->best.feasible) {
        memcpy(podsets->best.lower_bound, kept.lower_bound, sizeof kept.lower_bound);
        podsets->best.optimal = kept.optimal;
        solver_plan_finish(&kept);
    } else {
        solver_plan_finish(&podsets->best);
        podsets->best = kept;
        podsets->level[podset] = before;
    }
}

/* ---- refusals ---- */

static bool find_best_place(struct podsets *podsets, uint32_t podset, uint32_t *best)
{
    uint32_t level = podsets->level[podset];
    uint64_t most = 0;
    bool found = false;
    (void)space_of(podsets);
    for (uint32_t place = 0; next_place(podsets, level, &place); place++) {
        uint64_t pods = 0;
        if (!is_open_to(podsets, podset, level, place)) {
            continue;
        }
        for (uint32_t r = 0; r < podsets->problem->role_count; r++) {
            uint64_t wanted = podsets->problem->roles[r].count;
            uint64_t fits = is_of(podsets, r, podset) ? fits_in(podsets, r, level, place) : 0;
            pods += fits < wanted ? fits : wanted;
        }
        if (!found || pods > most) {
            most = pods;
            *best = place;
            found = true;
        }
    }
    return found;
}

/* The role of the podset that misses most in the place; false: none, taken alone. */
static bool find_short_role(const struct podsets *podsets, uint32_t podset, uint32_t place,
                            struct solver_shortfall *shortfall)
{
    for (uint32_t r = 0; r < podsets->problem->role_count; r++) {
        uint64_t wanted = podsets->problem->roles[r].count;
        uint64_t fits = is_of(podsets, r, podset) && place != DOMAINS_NONE
                            ? fits_in(podsets, r, podsets->level[podset], place)
                            : 0;
        if (is_of(podsets, r, podset) && fits < wanted && wanted - fits > shortfall->missing) {
            shortfall->role = r;
            shortfall->wanted = (uint32_t)wanted;
            shortfall->fits = fits;
            shortfall->missing = (uint32_t)(wanted - fits);
        }
    }
    return shortfall->missing > 0;
}

/* The nearest wider level at which the podset could be kept, all others as they are. */
static uint32_t find_alternative(const struct podsets *podsets, uint32_t podset)
{
    static const uint32_t nothing[SOLVER_TREE_MAX] = {0};
    struct solver_problem problem = *podsets->problem;
    problem.budget = 1;
    for (uint32_t level = podsets->level[podset]; level-- > 0;) {
        struct podsets other;
        begin(&other, &problem, podsets->solve);
        other.level[podset] = level;
        other.tries_least = 1 + TRIES_FEW + problem.podset_count;
        search(&other, nothing);
        bool feasible = other.best.feasible;
        end(&other);
        if (feasible) {
            return level;
        }
    }
    return SOLVER_LEVEL_NONE;
}

/* The first podset that no domain of its level takes; false: each finds one, but not all do. */
static bool explain_podset(struct podsets *podsets, struct solver_shortfall *shortfall)
{
    for (uint32_t u = 0; u < podsets->problem->podset_count; u++) {
        uint32_t place = DOMAINS_NONE;
        struct solver_shortfall found = {.level = podsets->level[u],
                                         .domain = DOMAINS_NONE,
                                         .node = DOMAINS_NONE,
                                         .podset = u + 1,
                                         .proven = true};
        if (podsets->level[u] == 0) {
            continue;
        }
        bool any = find_best_place(podsets, u, &place);
        if (!find_short_role(podsets, u, any ? place : DOMAINS_NONE, &found)) {
            continue;
        }
        found.pinned_apart = !any && podsets->problem->podsets[u].pinned_count > 0;
        if (any && found.level == podsets->host) {
            found.node = place;
            found.domain = domains_at(podsets->problem->domains, place, podsets->host - 1);
        } else if (any) {
            found.domain = place;
        }
        found.alternative = find_alternative(podsets, u);
        *shortfall = found;
        return true;
    }
    return false;
}

/* ---- */

static void finish_plan(struct podsets *podsets, struct solver_plan *plan, bool greedy)
{
    struct solver_plan *best = &podsets->best;
    const uint32_t *bound = best->used;
    if (podsets->open && solver_used_below(podsets->least, best->used, podsets->host)) {
        bound = podsets->least;
    }
    memmove(best->lower_bound, bound, sizeof best->lower_bound);
    best->optimal = memcmp(best->used, best->lower_bound, sizeof best->used) == 0;
    best->greedy = best->optimal && greedy && best->greedy;
    for (uint32_t u = 0; u < podsets->problem->podset_count; u++) {
        prefer(podsets, u);
    }
    *plan = podsets->best;
    solver_plan_init(&podsets->best);
}

void solver_podsets_solve(const struct solver_problem *problem, solver_whole *solve,
                          struct solver_plan *plan)
{
    static const uint32_t nothing[SOLVER_TREE_MAX] = {0};
    struct podsets podsets;
    begin(&podsets, problem, solve);
    search(&podsets, nothing);
    if (podsets.left) {
        plan->left = true;
    } else if (podsets.best.feasible) {
        finish_plan(&podsets, plan, podsets.tries == 1);
    } else {
        *plan = podsets.refused;
        solver_plan_init(&podsets.refused);
        plan->levels = podsets.host + 1;
        bool whole = podsets.tries == 1 && plan->shortfall.wanted > 0;
        if (whole || !explain_podset(&podsets, &plan->shortfall)) {
            plan->shortfall.proven = !podsets.open;
        }
    }
    plan->steps = podsets.steps + podsets.effort.steps;
    end(&podsets);
}
