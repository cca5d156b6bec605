// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/fill.h"

#include <stdlib.h>

#include "scheduler/solver/largest.h"
#include "scheduler/solver/slices.h"
#include "topology/base/alloc.h"
#include "topology/base/err.h"

/* The greedy fill of one role.
 *
 *   fill_domain(place, count)
 *       for each level below:  chosen = children kept one level above
 *                              children = those of all chosen, that have room
 *                              take: touched ones, then the fewest others that suffice
 *           a layer's level,
 *           or a limited one:  exact amounts; fill_domain() for each child taken;   done
 *           the host level:    exact amounts; pods are placed;                      done
 *
 * `take` of a child is what it gets: pods at a dealing level, its whole room (so: "chosen") above.
 * Children of started slices get what those need first, and compete for the rest like any other
 * touched child; without that a started slice could be left incomplete where it began.
 *
 * The recursion is as deep as there are layers. Each call works on its own stretch of the two
 * arrays and leaves them as it found them:
 *
 *   children  [ outer call's … | this call's … ]
 *                               ^ base
 */

struct child {
    uint64_t fits; /* beyond `started` */
    uint64_t take; /* beyond `started` */
    uint64_t started;
    uint32_t index; /* domain number, or position at the host level */
    bool touched;
};

struct range {
    size_t first;
    size_t end;
};

struct solver_fill {
    struct solver_space *space;
    struct solver_largest largest;
    struct child *children;
    size_t child_room;
    size_t child_count;
    uint32_t *chosen; /* domains chosen one level above */
    size_t chosen_room;
    size_t chosen_count;
    /* of the running call */
    uint32_t role;
    enum solver_rule rule;
    const uint32_t *most; /* NULL: no limits */
    uint32_t most_level;
};

struct solver_fill *solver_fill_create(struct solver_space *space)
{
    struct solver_fill *fill = alloc_zero(1, sizeof *fill);
    fill->space = space;
    solver_largest_init(&fill->largest);
    return fill;
}

void solver_fill_destroy(struct solver_fill *fill)
{
    if (fill == NULL) {
        return;
    }
    solver_largest_finish(&fill->largest);
    free(fill->children);
    free(fill->chosen);
    free(fill);
}

/* ---- one level ---- */

static uint64_t limit(const struct solver_fill *fill, uint32_t level, uint32_t index, uint64_t fits)
{
    if (fill->most == NULL || level > fill->most_level) {
        return fits;
    }
    bool node = level == solver_space_host(fill->space);
    size_t skip = node ? domains_count(solver_space_domains(fill->space)) : 0;
    uint32_t most = fill->most[skip + index];
    return fits < most ? fits : most;
}

static void add_child(struct solver_fill *fill, uint32_t level, uint32_t index, uint64_t room,
                      bool touched)
{
    uint64_t fits = limit(fill, level, index, room);
    if (fits == 0) {
        return;
    }
    uint64_t started = 0;
    if (solver_space_deals(fill->space, fill->role, level)) {
        (void)solver_slices_within(solver_space_role(fill->space, fill->role),
                                   solver_space_domains(fill->space), level, index, &started);
    }
    fill->children = alloc_grow(fill->children, &fill->child_room, fill->child_count + 1,
                                sizeof *fill->children);
    fill->children[fill->child_count++] = (struct child){
        .fits = fits - started, .index = index, .started = started, .touched = touched};
}

/* The children with room of all domains chosen, in position order. */
static void gather(struct solver_fill *fill, struct range chosen, uint32_t level)
{
    const struct solver_space *space = fill->space;
    const struct domains *domains = solver_space_domains(space);
    struct solver_effort *effort = solver_space_effort(space);
    size_t before = fill->child_count;
    for (size_t i = chosen.first; i < chosen.end; i++) {
        const struct domain *parent = domains_get(domains, fill->chosen[i]);
        if (level == solver_space_host(space)) {
            for (uint32_t p = parent->first; p < parent->end; p++) {
                add_child(fill, level, p, solver_space_node_fits(space, fill->role, p),
                          solver_space_node_touched(space, p));
            }
            solver_effort_spend(effort, parent->end - parent->first);
            continue;
        }
        for (uint32_t d = fill->chosen[i] + 1; d < parent->next;
             d = domains_get(domains, d)->next) {
            add_child(fill, level, d, solver_space_domain_fits(space, fill->role, d),
                      solver_space_domain_touched(space, d));
            solver_effort_spend(effort, 1);
        }
    }
    solver_effort_spend(effort, fill->child_count - before);
}

/* The child that fits `wanted` and leaves the least room; it was not taken yet. */
static struct child *tightest(struct solver_fill *fill, struct range range, bool touched,
                              uint64_t wanted)
{
    struct child *best = NULL;
    for (size_t i = range.first; i < range.end; i++) {
        struct child *child = &fill->children[i];
        if (child->touched == touched && child->take == 0 && child->fits >= wanted &&
            (best == NULL || child->fits < best->fits)) {
            best = child;
        }
    }
    return best;
}

/* Takes `wanted` pods from the fewest children, touched or untouched ones, which together fit more:
 * the largest ones in full, the rest from the tightest one that fits it or, `worst`, from the
 * largest one that is left. */
static void take_fewest(struct solver_fill *fill, struct range range, bool touched, uint64_t wanted,
                        bool worst)
{
    struct solver_largest *largest = &fill->largest;
    struct child *children = fill->children + range.first;
    if (wanted == 0) {
        return;
    }
    solver_largest_start(largest, wanted);
    for (uint32_t i = 0; i < range.end - range.first; i++) {
        if (children[i].touched == touched) {
            solver_largest_offer(largest, i, children[i].fits);
        }
    }
    for (uint32_t i = 1; i < largest->count; i++) {
        struct child *child = &children[largest->items[i].index];
        child->take = child->fits;
        wanted -= child->fits;
    }
    struct child *last =
        worst ? &children[largest->items[0].index] : tightest(fill, range, touched, wanted);
    last->take = wanted;
}

static uint64_t sum_fits(const struct solver_fill *fill, struct range range, bool touched)
{
    uint64_t sum = 0;
    for (size_t i = range.first; i < range.end; i++) {
        sum += fill->children[i].touched == touched ? fill->children[i].fits : 0;
    }
    return sum;
}

static void take_all(struct solver_fill *fill, struct range range, bool touched)
{
    for (size_t i = range.first; i < range.end; i++) {
        struct child *child = &fill->children[i];
        child->take = child->touched == touched ? child->fits : child->take;
    }
}

/* Chooses among the children so that `wanted` pods fit; `exact`: gives them exactly so many. */
static void choose(struct solver_fill *fill, struct range range, uint64_t wanted, bool exact,
                   bool host)
{
    for (size_t i = range.first; i < range.end; i++) {
        wanted -= fill->children[i].started;
    }
    uint64_t touched = sum_fits(fill, range, true);
    if (exact && touched > wanted) {
        take_fewest(fill, range, true, wanted, false);
        return;
    }
    take_all(fill, range, true);
    if (touched >= wanted) {
        return;
    }
    uint64_t left = wanted - touched;
    if (sum_fits(fill, range, false) <= left) {
        take_all(fill, range, false);
    } else {
        bool worst =
            fill->rule == SOLVER_WORST_FIT || (fill->rule == SOLVER_WORST_FIT_DOMAINS && !host);
        take_fewest(fill, range, false, left, worst);
    }
}

/* ---- from level to level ---- */

static void push_chosen(struct solver_fill *fill, uint32_t index)
{
    fill->chosen =
        alloc_grow(fill->chosen, &fill->chosen_room, fill->chosen_count + 1, sizeof *fill->chosen);
    fill->chosen[fill->chosen_count++] = index;
}

/* Makes the children that were taken the ones chosen. */
static struct range keep_chosen(struct solver_fill *fill, struct range children)
{
    struct range chosen = {.first = fill->chosen_count};
    for (size_t i = children.first; i < children.end; i++) {
        if (fill->children[i].take + fill->children[i].started > 0) {
            push_chosen(fill, fill->children[i].index);
        }
    }
    chosen.end = fill->chosen_count;
    fill->child_count = children.first;
    return chosen;
}

static void fill_domain(struct solver_fill *fill, uint32_t top, uint64_t count);

/* Pods to the nodes, or to the domains of a layer, each of which is then a place of its own. */
static void deal(struct solver_fill *fill, struct range children, bool host)
{
    for (size_t i = children.first; i < children.end; i++) {
        struct child child = fill->children[i];
        uint64_t count = child.take + child.started;
        if (count > 0 && host) {
            solver_space_place(fill->space, fill->role, child.index, (uint32_t)count);
        } else if (count > 0) {
            fill_domain(fill, child.index, count);
        }
    }
    fill->child_count = children.first;
}

static void fill_domain(struct solver_fill *fill, uint32_t top, uint64_t count)
{
    struct solver_space *space = fill->space;
    size_t chosen_base = fill->chosen_count;
    push_chosen(fill, top);
    struct range chosen = {.first = chosen_base, .end = fill->chosen_count};
    for (uint32_t level = domains_get(solver_space_domains(space), top)->level + 1;; level++) {
        bool host = level == solver_space_host(space);
        bool exact = host || solver_space_deals(space, fill->role, level);
        struct range children = {.first = fill->child_count};
        gather(fill, chosen, level);
        children.end = fill->child_count;
        choose(fill, children, count, exact, host);
        if (exact) {
            deal(fill, children, host);
            break;
        }
        chosen = keep_chosen(fill, children);
    }
    fill->chosen_count = chosen_base;
}

uint64_t solver_fill_limited(struct solver_fill *fill, struct solver_candidate place, uint32_t role,
                             const uint32_t *most, uint32_t level)
{
    fill->role = role;
    fill->rule = SOLVER_WORST_FIT_DOMAINS;
    fill->most = most;
    fill->most_level = level;
    uint64_t count = solver_space_wanted(fill->space, role);
    fill_domain(fill, place.index, count);
    fill->most = NULL;
    return count;
}

uint64_t solver_fill_role(struct solver_fill *fill, struct solver_candidate place, uint32_t role,
                          enum solver_rule rule)
{
    uint64_t wanted = solver_space_wanted(fill->space, role);
    uint64_t fits = solver_candidate_fits(fill->space, place, role);
    uint64_t count = fits < wanted ? fits : wanted;
    if (count == 0 || !solver_space_can_finish(fill->space, role)) {
        return 0;
    }
    fill->role = role;
    fill->rule = rule;
    if (place.node) {
        solver_space_place(fill->space, role, place.index, (uint32_t)count);
    } else {
        fill_domain(fill, place.index, count);
    }
    return count;
}
