// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/exact.h"

#include <stdlib.h>
#include <string.h>

#include "scheduler/solver/points.h"
#include "scheduler/solver/prices.h"
#include "scheduler/solver/slices.h"
#include "topology/base/alloc.h"
#include "topology/base/err.h"

/* The tree knapsack.
 *
 * For every domain v of a stage (prices.h), solve() makes the list of what v can cover at
 * which cost (points.h), the cost of v itself not included:
 *
 *   a group        its largest atoms: 0, 1, 2, … of them
 *   any other      children one by one: each point so far, with each point of the child or without
 *                  the child;  prefix[0] = {(0, 0)},  prefix[i] = prefix[i-1] × child i
 *   of a layer     then rounded down to whole slices; where limited, cut to the limit
 *
 * The answer is the cheapest point of the place that covers all pods. Exactness is in that; speed
 * is in what is left out. A point stays only if, by the prices, it can still be completed within
 * the counts that would be an improvement:
 *
 *   its value + worth of the children to come + worth of everything outside v
 *             + Σ price × allowed number  >=  pods wanted
 *
 * Costs: one field per level, each one bit wider than the number allowed there, so that a field
 * cannot run into the next one, and all fields are compared with what is allowed at once:
 *
 *   level     top+1       …        level
 *   fields  [g nnnn] [g nn] … [g nnnnnn]       g: guard; (allowed | guards) - cost keeps all guards
 *                                              exactly if no field exceeds
 *
 * Touched domains cost nothing and cannot be left out: they hold pinned members. That is also what
 * makes a started slice's domain take part.
 */

struct part {
    bool solved;
    uint32_t child_count;
    uint32_t *children;           /* domains, of the arena; none for a group */
    struct solver_points *prefix; /* child_count + 1 */
    struct solver_points points;  /* `before`: into the last prefix; of a group, `pick`: how many */
};

struct search {
    struct solver_stage stage;
    struct arena arena;
    struct part *parts; /* by domain - place, of the arena */
    struct solver_front *front;
    uint32_t shift[SOLVER_TREE_MAX];
    uint64_t allowed; /* packed, guards set */
    uint64_t guards;
    int64_t credit; /* Σ price × allowed - wanted: what a completed point may lack */
    struct solver_effort *effort;
};

struct solver_exact {
    struct solver_space *space;
    struct solver_fill *fill;
    bool searched;
};

struct solver_exact *solver_exact_create(struct solver_space *space, struct solver_fill *fill)
{
    err_require(solver_space_roles(space) == 1);
    struct solver_exact *exact = alloc_zero(1, sizeof *exact);
    *exact = (struct solver_exact){.space = space, .fill = fill};
    return exact;
}

void solver_exact_destroy(struct solver_exact *exact)
{
    free(exact);
}

bool solver_exact_searched(const struct solver_exact *exact)
{
    return exact->searched;
}

/* ---- costs ---- */

/* Lays out the fields; false when they do not fit. */
static bool pack_allowed(struct search *search)
{
    const struct solver_stage *stage = &search->stage;
    uint32_t used = 0;
    search->allowed = 0;
    search->guards = 0;
    for (uint32_t l = stage->level; l > stage->top; l--) {
        uint32_t bits = 33 - (uint32_t)__builtin_clz(stage->allowed[l] | 1); /* and the guard */
        if (used + bits > 64) {
            return false;
        }
        search->shift[l] = used;
        search->allowed |= (uint64_t)stage->allowed[l] << used;
        search->guards |= UINT64_C(1) << (used + bits - 1);
        used += bits;
    }
    search->allowed |= search->guards;
    return true;
}

static bool is_allowed(const struct search *search, uint64_t cost)
{
    return ((search->allowed - cost) & search->guards) == search->guards;
}

/* ---- one domain ---- */

static bool is_touched(const struct search *search, uint32_t domain)
{
    return solver_space_domain_touched(search->stage.space, domain);
}

/* What touching the domain itself takes off the value of a point in it; the place is paid. */
static int64_t own_price(const struct search *search, uint32_t domain, uint32_t level)
{
    return domain == search->stage.place || is_touched(search, domain) ? 0
                                                                       : search->stage.price[level];
}

/* `outside`: what everything that is not in the point may add, the domain's own price taken off. */
static void offer(struct search *search, struct solver_point *point, int64_t outside)
{
    solver_effort_spend(search->effort, 1);
    if (point->value + outside + search->credit >= 0 && is_allowed(search, point->cost)) {
        solver_front_offer(search->front, point);
    }
}

static uint32_t cut_cover(const struct search *search, uint64_t covered)
{
    uint64_t wanted = search->stage.wanted;
    return (uint32_t)(covered < wanted ? covered : wanted);
}

/* Rounds down to whole slices and cuts to what limits let in; false when started ones are not even
 * covered. */
static bool round_cover(const struct search *search, uint32_t domain, uint32_t level,
                        struct solver_point *point)
{
    const struct solver_stage *stage = &search->stage;
    if (domain == stage->place || !solver_space_deals(stage->space, stage->role, level)) {
        return true;
    }
    uint32_t started =
        solver_slices_started(solver_space_role(stage->space, stage->role), level, domain);
    uint64_t rounded = solver_space_round(stage->space, stage->role, domain, point->covered);
    point->value -= (int64_t)(point->covered - rounded) * SOLVER_PRICE_UNIT;
    point->covered = (uint32_t)rounded;
    return rounded >= started;
}

static const struct solver_group *find_group(const struct solver_stage *stage, uint32_t domain)
{
    uint32_t low = 0;
    uint32_t high = stage->group_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (stage->groups[middle].domain <= domain) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return &stage->groups[low];
}

static void solve_group(struct search *search, uint32_t domain, int64_t outside)
{
    const struct solver_stage *stage = &search->stage;
    const struct solver_group *group = find_group(stage, domain);
    uint64_t unit = UINT64_C(1) << search->shift[stage->level];
    uint32_t most = stage->allowed[stage->level];
    for (uint32_t j = 0; j <= group->end - group->first && j <= most; j++) {
        uint64_t covered = group->base + (j > 0 ? stage->atoms[group->first + j - 1].sum : 0);
        struct solver_point point = {
            .cost = j * unit, .covered = cut_cover(search, covered), .pick = j};
        point.value =
            (int64_t)point.covered * SOLVER_PRICE_UNIT - (int64_t)j * stage->price[stage->level];
        if (round_cover(search, domain, stage->level - 1, &point)) {
            offer(search, &point, outside);
        }
        if (covered >= stage->wanted) {
            break;
        }
    }
    search->parts[domain - stage->place].points = solver_front_take(search->front, &search->arena);
}

static void list_children(struct search *search, struct part *part, uint32_t domain)
{
    const struct solver_stage *stage = &search->stage;
    const struct domains *domains = solver_space_domains(stage->space);
    uint32_t end = domains_get(domains, domain)->next;
    for (int pass = 0; pass < 2; pass++) {
        part->child_count = 0;
        for (uint32_t d = domain + 1; d < end; d = domains_get(domains, d)->next) {
            if (solver_space_domain_fits(stage->space, stage->role, d) == 0) {
                continue;
            }
            if (pass == 1) {
                part->children[part->child_count] = d;
            }
            part->child_count++;
        }
        if (pass == 0) {
            part->children = arena_alloc(&search->arena, part->child_count, sizeof *part->children);
        }
    }
}

/* Every point so far with every point of the child, or without the child. */
static struct solver_points join(struct search *search, const struct solver_points *before,
                                 uint32_t child, const struct solver_points *points,
                                 int64_t outside)
{
    const struct solver_stage *stage = &search->stage;
    uint32_t level = domains_get(solver_space_domains(stage->space), child)->level;
    bool touched = is_touched(search, child);
    uint64_t unit = touched ? 0 : UINT64_C(1) << search->shift[level];
    int64_t price = own_price(search, child, level);
    for (uint32_t i = 0; i < before->count && !solver_effort_over(search->effort); i++) {
        const struct solver_point *first = &before->items[i];
        if (!touched) {
            struct solver_point without = *first;
            without.before = i;
            without.pick = SOLVER_PICK_NONE;
            offer(search, &without, outside);
        }
        uint32_t pairs = first->covered < stage->wanted ? points->count
                         : touched && points->count > 0 ? 1 /* it need not take more */
                                                        : 0;
        for (uint32_t k = 0; k < pairs; k++) {
            const struct solver_point *second = &points->items[k];
            uint64_t covered = (uint64_t)first->covered + second->covered;
            struct solver_point both = {
                .cost = first->cost + second->cost + unit,
                .value = first->value + second->value - price,
                .covered = cut_cover(search, covered),
                .before = i,
                .pick = k,
            };
            both.value -= (int64_t)(covered - both.covered) * SOLVER_PRICE_UNIT;
            offer(search, &both, outside);
        }
    }
    return solver_front_take(search->front, &search->arena);
}

static void solve(struct search *search, uint32_t domain, int64_t outside);

/* `outside` is what may come from outside of the domain, its own price taken off. */
static void solve_children(struct search *search, uint32_t domain, int64_t outside)
{
    const struct solver_stage *stage = &search->stage;
    struct part *part = &search->parts[domain - stage->place];
    list_children(search, part, domain);
    part->prefix = arena_alloc(&search->arena, (size_t)part->child_count + 1, sizeof *part->prefix);
    solver_front_offer(search->front, &(struct solver_point){.pick = SOLVER_PICK_NONE});
    part->prefix[0] = solver_front_take(search->front, &search->arena);
    int64_t inside = 0; /* what limits take off it is known only when all children are */
    for (uint32_t i = 0; i < part->child_count; i++) {
        inside += stage->worth[part->children[i] - stage->place];
    }
    int64_t to_come = inside;
    for (uint32_t i = 0; i < part->child_count; i++) {
        uint32_t child = part->children[i];
        int64_t worth = stage->worth[child - stage->place];
        solve(search, child, outside + inside - worth);
        to_come -= worth;
        part->prefix[i + 1] = join(search, &part->prefix[i], child,
                                   &search->parts[child - stage->place].points, outside + to_come);
    }
}

static void round_points(struct search *search, uint32_t domain, uint32_t level, int64_t outside)
{
    struct part *part = &search->parts[domain - search->stage.place];
    const struct solver_points *last = &part->prefix[part->child_count];
    for (uint32_t i = 0; i < last->count; i++) {
        struct solver_point point = last->items[i];
        point.before = i;
        if (round_cover(search, domain, level, &point)) {
            offer(search, &point, outside);
        }
    }
    part->points = solver_front_take(search->front, &search->arena);
}

static void solve(struct search *search, uint32_t domain, int64_t outside)
{
    uint32_t level = domains_get(solver_space_domains(search->stage.space), domain)->level;
    int64_t rest = outside - own_price(search, domain, level);
    if (level + 1 == search->stage.level) {
        solve_group(search, domain, rest);
    } else {
        solve_children(search, domain, rest);
        round_points(search, domain, level, rest);
    }
}

/* ---- reading the answer ---- */

/* Sets what the domains and nodes that a point of the domain consists of take at most. */
static void mark(const struct search *search, uint32_t domain, uint32_t index, uint32_t *most)
{
    const struct solver_stage *stage = &search->stage;
    const struct part *part = &search->parts[domain - stage->place];
    const struct solver_point *point = &part->points.items[index];
    most[domain] = point->covered;
    if (part->prefix == NULL) {
        const struct solver_group *group = find_group(stage, domain);
        bool host = stage->level == solver_space_host(stage->space);
        uint32_t skip = host ? domains_count(solver_space_domains(stage->space)) : 0;
        for (uint32_t j = 0; j < point->pick; j++) {
            most[skip + stage->atoms[group->first + j].index] = UINT32_MAX;
        }
        return;
    }
    uint32_t at = point->before;
    for (uint32_t i = part->child_count; i > 0; i--) {
        const struct solver_point *step = &part->prefix[i].items[at];
        if (step->pick != SOLVER_PICK_NONE) {
            mark(search, part->children[i - 1], step->pick, most);
        }
        at = step->before;
    }
}

/* Touched ones may be used, whatever was searched; nothing else. */
static uint32_t *limit_to_touched(const struct solver_space *space)
{
    const struct domains *domains = solver_space_domains(space);
    uint32_t domain_count = domains_count(domains);
    uint32_t *most = alloc_zero((size_t)domain_count + domains_positions(domains), sizeof *most);
    for (uint32_t d = 0; d < domain_count; d++) {
        most[d] = solver_space_domain_touched(space, d) ? UINT32_MAX : 0;
    }
    for (uint32_t p = 0; p < domains_positions(domains); p++) {
        most[domain_count + p] = solver_space_node_touched(space, p) ? UINT32_MAX : 0;
    }
    return most;
}

/* Fills the place with the choice found, down from the stage's level greedily. */
static void fill_choice(struct solver_exact *exact, const struct search *search,
                        struct solver_candidate place, uint32_t index,
                        struct solver_solution *solution)
{
    uint32_t *most = limit_to_touched(exact->space);
    solver_effort_spend(search->effort, (domains_count(solver_space_domains(exact->space)) +
                                         domains_positions(solver_space_domains(exact->space))) /
                                            4);
    mark(search, place.index, index, most);
    struct solver_solution trial;
    solver_solution_init(&trial);
    trial.complete = true;
    trial.placed =
        solver_fill_limited(exact->fill, place, search->stage.role, most, search->stage.level);
    solver_solution_offer(solution, exact->space, &trial);
    free(most);
}

/* ---- levels ---- */

enum outcome { STAGE_NONE, STAGE_FOUND, STAGE_OPEN };

/* Searches for a choice with at most the atoms allowed, and fills it into `solution`. */
static enum outcome search_stage(struct solver_exact *exact, struct search *search,
                                 struct solver_candidate place, struct solver_solution *solution)
{
    const struct solver_stage *stage = &search->stage;
    uint32_t domain_count =
        domains_get(solver_space_domains(exact->space), place.index)->next - place.index;
    search->credit = -(int64_t)stage->wanted * SOLVER_PRICE_UNIT;
    for (uint32_t l = stage->top + 1; l <= stage->level; l++) {
        search->credit += stage->price[l] * stage->allowed[l];
    }
    arena_reset(&search->arena);
    search->parts = arena_alloc(&search->arena, domain_count, sizeof *search->parts);
    solve(search, place.index, 0);
    const struct solver_points *points = &search->parts[0].points;
    bool found = points->count > 0 && points->items[points->count - 1].covered == stage->wanted;
    if (found) {
        fill_choice(exact, search, place, points->count - 1, solution);
    }
    return solver_effort_over(search->effort) ? STAGE_OPEN : found ? STAGE_FOUND : STAGE_NONE;
}

/* Finds the plan with the fewest domains of the level, and as few above as the solution has: tries
 * one number after the other, from `least` up, as far as the prices do not rule it out. So every
 * search has as little slack as can be. Raises `least` to what is proven; false when the budget
 * ended before that was all. */
static bool run_stage(struct solver_exact *exact, struct solver_candidate place, uint32_t level,
                      uint32_t *least, struct solver_solution *solution)
{
    struct search search = {.effort = solver_space_effort(exact->space)};
    struct solver_stage *stage = &search.stage;
    enum outcome outcome = STAGE_NONE;
    uint32_t touched = solver_space_used(exact->space, level);
    uint32_t atoms = *least - touched;
    exact->searched = true;
    arena_init(&search.arena);
    solver_stage_init(stage, exact->space, 0, place.index, level);
    search.front = solver_front_create((uint32_t)stage->wanted);
    for (uint32_t l = stage->top + 1; l < level; l++) {
        stage->allowed[l] = solution->used[l] - solver_space_used(exact->space, l);
    }
    while (outcome == STAGE_NONE && touched + atoms < solution->used[level]) {
        stage->allowed[level] = atoms;
        bool possible = solver_stage_price(stage, &atoms);
        if (solver_effort_over(search.effort)) {
            outcome = STAGE_OPEN;
        } else if (possible) {
            outcome =
                pack_allowed(&search) ? search_stage(exact, &search, place, solution) : STAGE_OPEN;
            atoms += outcome == STAGE_NONE;
        }
    }
    uint32_t proven =
        atoms < solution->used[level] - touched ? touched + atoms : solution->used[level];
    *least = outcome == STAGE_OPEN ? proven : solution->used[level];
    solver_front_destroy(search.front);
    solver_stage_finish(stage);
    arena_finish(&search.arena);
    return outcome != STAGE_OPEN;
}

bool solver_exact_improve(struct solver_exact *exact, struct solver_candidate place,
                          uint32_t lower_bound[SOLVER_TREE_MAX], struct solver_solution *solution)
{
    uint32_t host = solver_space_host(exact->space);
    uint32_t top = domains_get(solver_space_domains(exact->space), place.index)->level;
    for (uint32_t l = top + 1; l <= host; l++) {
        if (solution->used[l] > lower_bound[l]) {
            if (!run_stage(exact, place, l, &lower_bound[l], solution)) {
                return false;
            }
        }
        /* A domain has at least one child in use. */
        if (l < host && lower_bound[l + 1] < lower_bound[l]) {
            lower_bound[l + 1] = lower_bound[l];
        }
    }
    return true;
}
