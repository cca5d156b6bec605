// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver_greedy.h"

#include <stdlib.h>
#include <string.h>

#include "scheduler/solver_largest.h"
#include "topology/alloc.h"
#include "topology/err.h"

struct child {
    uint64_t fits;
    uint32_t index; /* domain number, or position at the host level */
    bool touched;
    uint64_t take; /* at the host level: pods; above: > 0 when it was chosen */
};

struct solver_greedy {
    struct solver_space *space;
    struct solver_largest largest;
    /* Domains chosen one level above, and their children. */
    uint32_t *chosen;
    size_t chosen_room;
    uint32_t chosen_count;
    struct child *children;
    size_t child_room;
    uint32_t child_count;
};

/* Which child takes what is left over after the largest ones were filled. The larger it is, the
 * more there is to choose from one level below, and the more is left for the roles that come later.
 */
enum taste {
    TASTE_TIGHT,         /* the tightest one */
    TASTE_ROOMY_DOMAINS, /* the largest domain, the tightest node */
    TASTE_ROOMY,         /* the largest one */
};

#define ORDERS_MAX 4

void solver_solution_init(struct solver_solution *solution)
{
    *solution = (struct solver_solution){.complete = false};
}

void solver_solution_finish(struct solver_solution *solution)
{
    free(solution->placements);
    solver_solution_init(solution);
}

struct solver_greedy *solver_greedy_create(struct solver_space *space)
{
    struct solver_greedy *greedy = alloc_zero(1, sizeof *greedy);
    greedy->space = space;
    solver_largest_init(&greedy->largest);
    return greedy;
}

void solver_greedy_destroy(struct solver_greedy *greedy)
{
    if (greedy == NULL) {
        return;
    }
    solver_largest_finish(&greedy->largest);
    free(greedy->chosen);
    free(greedy->children);
    free(greedy);
}

/* ---- one level ---- */

static void add_child(struct solver_greedy *greedy, uint32_t index, uint64_t fits, bool touched)
{
    if (fits == 0) {
        return;
    }
    greedy->children = alloc_grow(greedy->children, &greedy->child_room,
                                  (size_t)greedy->child_count + 1, sizeof *greedy->children);
    greedy->children[greedy->child_count++] =
        (struct child){.fits = fits, .index = index, .touched = touched};
}

/* The children with room of everything chosen, in position order. */
static void gather(struct solver_greedy *greedy, uint32_t role, uint32_t level)
{
    const struct solver_space *space = greedy->space;
    const struct domains *domains = solver_space_domains(space);
    greedy->child_count = 0;
    for (uint32_t i = 0; i < greedy->chosen_count; i++) {
        const struct domain *parent = domains_get(domains, greedy->chosen[i]);
        if (level == solver_space_host(space)) {
            for (uint32_t p = parent->first; p < parent->end; p++) {
                add_child(greedy, p, solver_space_node_fits(space, role, p),
                          solver_space_node_touched(space, p));
            }
            continue;
        }
        for (uint32_t d = greedy->chosen[i] + 1; d < parent->next;
             d = domains_get(domains, d)->next) {
            add_child(greedy, d, solver_space_domain_fits(space, role, d),
                      solver_space_domain_touched(space, d));
        }
    }
}

/* The child that fits `wanted` and leaves the least room; it was not taken yet. */
static struct child *tightest(struct solver_greedy *greedy, bool touched, uint64_t wanted)
{
    struct child *best = NULL;
    for (uint32_t i = 0; i < greedy->child_count; i++) {
        struct child *child = &greedy->children[i];
        if (child->touched == touched && child->take == 0 && child->fits >= wanted &&
            (best == NULL || child->fits < best->fits)) {
            best = child;
        }
    }
    return best;
}

/* Takes `wanted` pods from the fewest children, touched or untouched ones, which together fit more:
 * the largest ones in full, the rest from the tightest one that fits it or, `roomy`, from the
 * largest one that is left. */
static void take_fewest(struct solver_greedy *greedy, bool touched, uint64_t wanted, bool roomy)
{
    struct solver_largest *largest = &greedy->largest;
    solver_largest_start(largest, wanted);
    for (uint32_t i = 0; i < greedy->child_count; i++) {
        if (greedy->children[i].touched == touched) {
            solver_largest_offer(largest, i, greedy->children[i].fits);
        }
    }
    for (uint32_t i = 1; i < largest->count; i++) {
        struct child *child = &greedy->children[largest->items[i].index];
        child->take = child->fits;
        wanted -= child->fits;
    }
    struct child *last =
        roomy ? &greedy->children[largest->items[0].index] : tightest(greedy, touched, wanted);
    last->take = wanted;
}

static uint64_t sum_fits(const struct solver_greedy *greedy, bool touched)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < greedy->child_count; i++) {
        sum += greedy->children[i].touched == touched ? greedy->children[i].fits : 0;
    }
    return sum;
}

static void take_all(struct solver_greedy *greedy, bool touched)
{
    for (uint32_t i = 0; i < greedy->child_count; i++) {
        struct child *child = &greedy->children[i];
        child->take = child->touched == touched ? child->fits : child->take;
    }
}

/* Chooses among the children so that `wanted` pods fit; at the host level exactly so many. */
static void choose(struct solver_greedy *greedy, uint64_t wanted, bool host, enum taste taste)
{
    uint64_t touched = sum_fits(greedy, true);
    if (host && touched > wanted) {
        take_fewest(greedy, true, wanted, false);
        return;
    }
    take_all(greedy, true);
    if (touched >= wanted) {
        return;
    }
    uint64_t left = wanted - touched;
    if (sum_fits(greedy, false) <= left) {
        take_all(greedy, false);
    } else {
        bool roomy = taste == TASTE_ROOMY || (taste == TASTE_ROOMY_DOMAINS && !host);
        take_fewest(greedy, false, left, roomy);
    }
}

/* ---- one role ---- */

static void keep_chosen(struct solver_greedy *greedy)
{
    greedy->chosen_count = 0;
    for (uint32_t i = 0; i < greedy->child_count; i++) {
        if (greedy->children[i].take > 0) {
            greedy->chosen = alloc_grow(greedy->chosen, &greedy->chosen_room,
                                        (size_t)greedy->chosen_count + 1, sizeof *greedy->chosen);
            greedy->chosen[greedy->chosen_count++] = greedy->children[i].index;
        }
    }
}

static void place_children(struct solver_greedy *greedy, uint32_t role)
{
    for (uint32_t i = 0; i < greedy->child_count; i++) {
        if (greedy->children[i].take > 0) {
            solver_space_place(greedy->space, role, greedy->children[i].index,
                               (uint32_t)greedy->children[i].take);
        }
    }
}

/* Places as many pods of the role as fit, at most those wanted; returns how many. */
static uint64_t fill_role(struct solver_greedy *greedy, struct solver_candidate place,
                          uint32_t role, enum taste taste)
{
    struct solver_space *space = greedy->space;
    uint64_t wanted = solver_space_wanted(space, role);
    uint64_t fits = solver_candidate_fits(space, place, role);
    uint64_t count = fits < wanted ? fits : wanted;
    if (count == 0) {
        return 0;
    }
    if (place.node) {
        solver_space_place(space, role, place.index, (uint32_t)count);
        return count;
    }
    const struct domain *top = domains_get(solver_space_domains(space), place.index);
    greedy->child_count = 0;
    add_child(greedy, place.index, fits, false);
    greedy->children[0].take = count;
    for (uint32_t level = top->level + 1; level <= solver_space_host(space); level++) {
        keep_chosen(greedy);
        gather(greedy, role, level);
        choose(greedy, count, level == solver_space_host(space), taste);
    }
    place_children(greedy, role);
    return count;
}

/* ---- one place ---- */

/* Whether role `a` is placed before `b`: the larger request first, that is the one of which fewer
 * fit; or, `by_slack`, the one that needs more of what fits. */
static bool goes_before(const struct solver_greedy *greedy, struct solver_candidate place,
                        bool by_slack, uint32_t a, uint32_t b)
{
    const struct solver_space *space = greedy->space;
    uint64_t fits_a = solver_candidate_fits(space, place, a);
    uint64_t fits_b = solver_candidate_fits(space, place, b);
    if (by_slack) {
        return fits_a * solver_space_wanted(space, b) < fits_b * solver_space_wanted(space, a);
    }
    return fits_a < fits_b;
}

static void order_roles(const struct solver_greedy *greedy, struct solver_candidate place,
                        bool by_slack, uint32_t order[SOLVER_ROLES_MAX])
{
    for (uint32_t r = 0; r < solver_space_roles(greedy->space); r++) {
        uint32_t at = r;
        for (; at > 0 && goes_before(greedy, place, by_slack, r, order[at - 1]); at--) {
            order[at] = order[at - 1];
        }
        order[at] = r;
    }
}

/* The orders worth a try, without repetition: by request, by slack, and both backwards. */
static uint32_t make_orders(const struct solver_greedy *greedy, struct solver_candidate place,
                            uint32_t orders[ORDERS_MAX][SOLVER_ROLES_MAX])
{
    uint32_t roles = solver_space_roles(greedy->space);
    uint32_t count = 0;
    for (uint32_t i = 0; i < ORDERS_MAX; i++) {
        uint32_t order[SOLVER_ROLES_MAX] = {0};
        order_roles(greedy, place, i % 2 == 1, order);
        for (uint32_t r = 0; i >= 2 && r < roles / 2; r++) {
            uint32_t other = order[roles - 1 - r];
            order[roles - 1 - r] = order[r];
            order[r] = other;
        }
        bool seen = false;
        for (uint32_t k = 0; k < count; k++) {
            seen = seen || memcmp(orders[k], order, sizeof order) == 0;
        }
        if (!seen) {
            memcpy(orders[count++], order, sizeof order);
        }
    }
    return count;
}

/* Fills in all of the solution but the placements, which stay in the space. */
static void try_order(struct solver_greedy *greedy, struct solver_candidate place,
                      const uint32_t order[SOLVER_ROLES_MAX], enum taste taste,
                      struct solver_solution *solution)
{
    solver_solution_init(solution);
    solution->complete = true;
    for (uint32_t i = 0; i < solver_space_roles(greedy->space) && solution->complete; i++) {
        uint64_t fits = fill_role(greedy, place, order[i], taste);
        solution->placed += fits;
        if (fits < solver_space_wanted(greedy->space, order[i])) {
            solution->complete = false;
            solution->short_role = order[i];
            solution->short_fits = fits;
        }
    }
}

/* Two roles of which one is a single pod (launcher, master, head): tries it on every node, until
 * the others fit beside it. They are of one role, so what their sum says is exact. */
static bool try_single(struct solver_greedy *greedy, struct solver_candidate place,
                       struct solver_solution *solution)
{
    struct solver_space *space = greedy->space;
    uint32_t single = solver_space_wanted(space, 0) == 1 ? 0 : 1;
    uint64_t others = solver_space_wanted(space, 1 - single);
    const struct domain *domain = domains_get(solver_space_domains(space), place.index);
    for (uint32_t p = domain->first; p < domain->end; p++) {
        if (solver_space_node_fits(space, single, p) == 0) {
            continue;
        }
        solver_space_place(space, single, p, 1);
        if (solver_space_domain_fits(space, 1 - single, place.index) >= others) {
            solver_solution_init(solution);
            solution->complete = true;
            solution->placed = 1 + fill_role(greedy, place, 1 - single, TASTE_TIGHT);
            return true;
        }
        solver_space_undo(space);
    }
    return false;
}

static bool is_better(const struct solver_solution *a, const struct solver_solution *b,
                      uint32_t host)
{
    if (a->complete != b->complete) {
        return a->complete;
    }
    if (!a->complete) {
        return a->placed > b->placed;
    }
    for (uint32_t l = 0; l <= host; l++) {
        if (a->used[l] != b->used[l]) {
            return a->used[l] < b->used[l];
        }
    }
    return false;
}

/* Takes the placements back, and keeps them if they are better than `best`. */
static void finish_try(struct solver_greedy *greedy, struct solver_solution *solution,
                       struct solver_solution *best)
{
    struct solver_space *space = greedy->space;
    uint32_t host = solver_space_host(space);
    for (uint32_t l = 0; l <= host; l++) {
        solution->used[l] = solver_space_used(space, l);
    }
    if (is_better(solution, best, host)) {
        const struct solver_placement *placements =
            solver_space_placements(space, &solution->count);
        solution->room = best->room;
        solution->placements = alloc_grow(best->placements, &solution->room, solution->count,
                                          sizeof *solution->placements);
        if (solution->count > 0) {
            memcpy(solution->placements, placements,
                   solution->count * sizeof *solution->placements);
        }
        *best = *solution;
    }
    solver_space_undo(space);
}

bool solver_greedy_exact(const struct solver_space *space)
{
    uint32_t roles = solver_space_roles(space);
    return roles < 2 || (roles == 2 && (solver_space_wanted(space, 0) == 1 ||
                                        solver_space_wanted(space, 1) == 1));
}

bool solver_greedy_fill(struct solver_greedy *greedy, struct solver_candidate place,
                        const uint32_t bound[SOLVER_TREE_MAX], struct solver_solution *best)
{
    static const enum taste tastes[] = {TASTE_TIGHT, TASTE_ROOMY_DOMAINS, TASTE_ROOMY};
    size_t compared = (solver_space_host(greedy->space) + 1) * sizeof *bound;
    bool several = solver_space_roles(greedy->space) > 1;
    uint32_t orders[ORDERS_MAX][SOLVER_ROLES_MAX];
    uint32_t order_count = make_orders(greedy, place, orders);
    struct solver_solution solution;
    bool found = false;
    for (uint32_t i = 0; i < order_count * (several ? 3 : 2); i++) {
        try_order(greedy, place, orders[i % order_count], tastes[i / order_count], &solution);
        found = found || solution.complete;
        finish_try(greedy, &solution, best);
        if (best->complete && memcmp(best->used, bound, compared) == 0) {
            return true;
        }
    }
    if (!found && several && !place.node && solver_greedy_exact(greedy->space) &&
        try_single(greedy, place, &solution)) {
        finish_try(greedy, &solution, best);
    }
    return false;
}
