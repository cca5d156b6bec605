// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/prices.h"

#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"
#include "topology/graph/domains.h"

/* A stage is read once and priced as often as it takes.
 *
 *   atoms     [ 8 8 5 2 | 8 4 | 7 7 7 1 ]     largest first in each group, with running sums
 *   groups      ^leaf a   ^b    ^leaf c
 *
 * Given the price of an atom, what a group is worth inside is a binary search in its running sums.
 *
 * The upper bound is a convex function of all prices together, so it is convex in one of them with
 * the others at their best: its minimum is found by halving, looking at the slope, one level inside
 * the other from below. For the widest level the best price is known at once, it is what the last
 * domain allowed there is worth; the same guess stands in where there are too many levels to
 * search. Where a search stops short, the upper bound is a little worse and still an upper bound.
 */

#define DEPTH_MAX 3 /* levels searched inside one another; above them the price is guessed */

#define COUNTED 256 /* atoms that fit less than that are sorted by counting */

static int compare_atoms(const void *left, const void *right)
{
    const struct solver_atom *a = left;
    const struct solver_atom *b = right;
    if (a->fits != b->fits) {
        return a->fits > b->fits ? -1 : 1;
    }
    return a->index < b->index ? -1 : a->index > b->index;
}

/* ---- reading ---- */

/* Largest first. They come in order of index, which a counting sort keeps; nodes fit few pods, so
 * it is the rule. */
static void sort_atoms(struct solver_stage *stage, uint32_t first, uint32_t end, uint32_t most)
{
    struct solver_atom *atoms = stage->atoms;
    uint32_t next[COUNTED + 1] = {0};
    if (most >= COUNTED) {
        qsort(atoms + first, end - first, sizeof *atoms, compare_atoms);
        return;
    }
    for (uint32_t i = first; i < end; i++) {
        next[atoms[i].fits]++;
    }
    for (uint32_t fits = most + 1, place = first; fits-- > 0;) {
        uint32_t count = next[fits];
        next[fits] = place;
        place += count;
    }
    memcpy(stage->unsorted, atoms + first, (end - first) * sizeof *atoms);
    for (uint32_t i = 0; i < end - first; i++) {
        atoms[next[stage->unsorted[i].fits]++] = stage->unsorted[i];
    }
}

static void add_atom(struct solver_stage *stage, struct solver_group *group, uint32_t index,
                     uint64_t fits, bool touched)
{
    if (touched) {
        group->base += fits;
    } else if (fits > 0) {
        uint64_t most = fits < stage->wanted ? fits : stage->wanted;
        stage->atoms[stage->atom_count++] =
            (struct solver_atom){.fits = (uint32_t)most, .index = index};
        stage->most = most > stage->most ? (uint32_t)most : stage->most;
    }
}

/* Whether limits may let less into a domain of the level, inside the place, than its children take.
 */
static bool is_limited(const struct solver_stage *stage, uint32_t level)
{
    return level > stage->top &&
           (solver_space_limited(stage->space, stage->role) >> level & 1) != 0;
}

/* No more than `fits` of this atom, and nothing of those after it. */
static void cut_group(struct solver_stage *stage, struct solver_group *group, uint32_t atom,
                      uint64_t fits)
{
    stage->atoms[atom].fits = (uint32_t)fits;
    group->end = fits > 0 ? atom + 1 : atom;
    stage->atom_count = group->end;
}

static void read_group(struct solver_stage *stage, uint32_t domain)
{
    const struct solver_space *space = stage->space;
    const struct domains *domains = solver_space_domains(space);
    const struct domain *parent = domains_get(domains, domain);
    struct solver_group *group = &stage->groups[stage->group_count++];
    *group = (struct solver_group){.domain = domain, .first = stage->atom_count};
    if (stage->level == solver_space_host(space)) {
        for (uint32_t p = parent->first; p < parent->end; p++) {
            add_atom(stage, group, p, solver_space_node_fits(space, stage->role, p),
                     solver_space_node_touched(space, p));
        }
    } else {
        for (uint32_t d = domain + 1; d < parent->next; d = domains_get(domains, d)->next) {
            add_atom(stage, group, d, solver_space_domain_fits(space, stage->role, d),
                     solver_space_domain_touched(space, d));
        }
    }
    group->end = stage->atom_count;
    uint32_t most = 0;
    for (uint32_t i = group->first; i < group->end; i++) {
        most = stage->atoms[i].fits > most ? stage->atoms[i].fits : most;
    }
    sort_atoms(stage, group->first, group->end, most);
    uint64_t most_of_all = solver_space_domain_fits(space, stage->role, domain);
    bool limited = is_limited(stage, parent->level);
    if (limited && group->base > most_of_all) {
        group->base = most_of_all;
    }
    uint64_t sum = 0;
    for (uint32_t i = group->first; i < group->end; i++) {
        if (limited && sum + stage->atoms[i].fits >= most_of_all - group->base) {
            cut_group(stage, group, i, most_of_all - group->base - sum);
        }
        sum += stage->atoms[i].fits;
        stage->atoms[i].sum = sum;
    }
}

/* Lists the domains of the place that have room, level after level, down to the groups. */
static void list_members(struct solver_stage *stage)
{
    const struct domains *domains = solver_space_domains(stage->space);
    uint32_t end = domains_get(domains, stage->place)->next;
    uint32_t counts[SOLVER_TREE_MAX + 1] = {0};
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t d = stage->place; d < end;) {
            const struct domain *domain = domains_get(domains, d);
            bool room = solver_space_domain_fits(stage->space, stage->role, d) > 0;
            if (room && pass == 0) {
                counts[domain->level]++;
            } else if (room) {
                uint32_t at = stage->level_first[domain->level] + counts[domain->level]++;
                stage->members[at] = (struct solver_member){
                    .domain = d - stage->place,
                    .parent = d == stage->place ? 0 : domain->parent - stage->place,
                    .touched = solver_space_domain_touched(stage->space, d)};
            }
            d = !room || domain->level + 1 >= stage->level ? domain->next : d + 1;
        }
        uint32_t first = 0;
        for (uint32_t l = 0; l <= SOLVER_TREE_MAX && pass == 0; l++) {
            stage->level_first[l] = first;
            first += l < SOLVER_TREE_MAX ? counts[l] : 0;
        }
        memset(counts, 0, sizeof counts);
    }
}

void solver_stage_init(struct solver_stage *stage, const struct solver_space *space, uint32_t role,
                       uint32_t place, uint32_t level)
{
    const struct domain *top = domains_get(solver_space_domains(space), place);
    size_t domain_count = top->next - place;
    size_t most = level == solver_space_host(space) ? top->end - top->first : domain_count;
    *stage = (struct solver_stage){.space = space,
                                   .role = role,
                                   .place = place,
                                   .top = top->level,
                                   .level = level,
                                   .wanted = solver_space_wanted(space, role)};
    stage->atoms = alloc_zero(most, sizeof *stage->atoms);
    stage->unsorted = alloc_zero(most, sizeof *stage->unsorted);
    stage->groups = alloc_zero(domain_count, sizeof *stage->groups);
    stage->members = alloc_zero(domain_count, sizeof *stage->members);
    stage->inside = alloc_zero(domain_count, sizeof *stage->inside);
    stage->worth = alloc_zero(domain_count, sizeof *stage->worth);
    stage->scratch = alloc_zero(domain_count, sizeof *stage->scratch);
    list_members(stage);
    for (uint32_t i = stage->level_first[level - 1]; i < stage->level_first[level]; i++) {
        read_group(stage, place + stage->members[i].domain);
    }
    solver_effort_spend(solver_space_effort(space), 2 * (domain_count + most));
}

void solver_stage_finish(struct solver_stage *stage)
{
    free(stage->atoms);
    free(stage->unsorted);
    free(stage->groups);
    free(stage->members);
    free(stage->inside);
    free(stage->worth);
    free(stage->scratch);
}

/* ---- pricing ---- */

/* How many atoms of the group fit more than the price. */
static uint32_t count_worthy(const struct solver_stage *stage, const struct solver_group *group,
                             int64_t price)
{
    uint32_t low = group->first;
    uint32_t high = group->end;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if ((int64_t)stage->atoms[middle].fits * SOLVER_PRICE_UNIT > price) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low - group->first;
}

/* Sets the price of the atoms: what the groups are worth inside. */
static void price_atoms(struct solver_stage *stage, int64_t price)
{
    stage->price[stage->level] = price;
    for (uint32_t g = 0; g < stage->group_count; g++) {
        const struct solver_group *group = &stage->groups[g];
        uint32_t count = count_worthy(stage, group, price);
        uint64_t sum = group->base + (count > 0 ? stage->atoms[group->first + count - 1].sum : 0);
        stage->inside[group->domain - stage->place] =
            (int64_t)sum * SOLVER_PRICE_UNIT - (int64_t)count * price;
    }
}

/* No domain is worth more inside than the pods that limits let in. */
static void limit_inside(struct solver_stage *stage, uint32_t level)
{
    if (!is_limited(stage, level)) {
        return;
    }
    for (uint32_t i = stage->level_first[level]; i < stage->level_first[level + 1]; i++) {
        uint32_t domain = stage->members[i].domain;
        uint64_t fits = solver_space_domain_fits(stage->space, stage->role, stage->place + domain);
        int64_t most = (int64_t)(fits < stage->wanted ? fits : stage->wanted) * SOLVER_PRICE_UNIT;
        stage->inside[domain] = stage->inside[domain] < most ? stage->inside[domain] : most;
    }
}

/* Sets the price of a level above them: what its domains are worth, and those above inside. */
static void price_level(struct solver_stage *stage, uint32_t level, int64_t price)
{
    stage->price[level] = price;
    for (uint32_t i = stage->level_first[level - 1]; i < stage->level_first[level]; i++) {
        stage->inside[stage->members[i].domain] = 0;
    }
    for (uint32_t i = stage->level_first[level]; i < stage->level_first[level + 1]; i++) {
        const struct solver_member *member = &stage->members[i];
        int64_t worth = stage->inside[member->domain] - (member->touched ? 0 : price);
        worth = worth > 0 ? worth : 0;
        stage->worth[member->domain] = worth;
        stage->inside[member->parent] += worth;
    }
    limit_inside(stage, level - 1);
}

static int compare_worth(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left;
    int64_t b = *(const int64_t *)right;
    return a < b ? 1 : a > b ? -1 : 0; /* the greatest first */
}

/* What the last of the allowed domains of a level is worth inside. */
static int64_t last_worth(struct solver_stage *stage, uint32_t level)
{
    uint32_t count = 0;
    for (uint32_t i = stage->level_first[level]; i < stage->level_first[level + 1]; i++) {
        if (!stage->members[i].touched) {
            stage->scratch[count++] = stage->inside[stage->members[i].domain];
        }
    }
    uint32_t allowed = stage->allowed[level];
    if (count <= allowed) {
        return 0;
    }
    qsort(stage->scratch, count, sizeof *stage->scratch, compare_worth);
    return allowed == 0 ? stage->scratch[0] : stage->scratch[allowed - 1];
}

static int64_t most_inside(const struct solver_stage *stage, uint32_t level)
{
    int64_t most = 0;
    for (uint32_t i = stage->level_first[level]; i < stage->level_first[level + 1]; i++) {
        int64_t inside = stage->inside[stage->members[i].domain];
        most = inside > most ? inside : most;
    }
    return most;
}

static void set_price(struct solver_stage *stage, uint32_t level, int64_t price)
{
    if (level == stage->level) {
        price_atoms(stage, price);
    } else {
        price_level(stage, level, price);
    }
}

static int64_t sum_upper_bound(const struct solver_stage *stage)
{
    int64_t upper_bound = stage->inside[0];
    for (uint32_t l = stage->top + 1; l <= stage->level; l++) {
        upper_bound += stage->price[l] * stage->allowed[l];
    }
    return upper_bound;
}

/* Searches the prices of this level and those above it; what is below is priced. Leaves the best
 * ones set, and returns their upper bound. With the effort over each level is tried once. */
static int64_t search_prices(struct solver_stage *stage, uint32_t level, uint32_t depth)
{
    struct solver_effort *effort = solver_space_effort(stage->space);
    solver_effort_spend(effort, stage->level_first[level + 1] - stage->level_first[level]);
    if (level == stage->top) {
        return sum_upper_bound(stage);
    }
    bool atoms = level == stage->level;
    if (!atoms && (level == stage->top + 1 || depth >= DEPTH_MAX)) {
        price_level(stage, level, last_worth(stage, level));
        return search_prices(stage, level - 1, depth);
    }
    int64_t best_price[SOLVER_TREE_MAX];
    int64_t best = INT64_MAX;
    int64_t low = 0;
    int64_t high = atoms ? (int64_t)stage->most * SOLVER_PRICE_UNIT : most_inside(stage, level);
    while (low <= high) {
        int64_t price = low + (high - low) / 2;
        int64_t upper_bounds[2]; /* at the price, and one above */
        for (int i = 0; i < 2; i++) {
            set_price(stage, level, price + i);
            upper_bounds[i] = search_prices(stage, level - 1, depth + 1);
            if (upper_bounds[i] < best) {
                best = upper_bounds[i];
                memcpy(best_price, stage->price, sizeof best_price);
            }
        }
        if (solver_effort_over(effort)) {
            break;
        }
        if (upper_bounds[1] < upper_bounds[0]) {
            low = price + 1;
        } else {
            high = price - 1;
        }
    }
    for (uint32_t l = level; l > stage->top; l--) {
        set_price(stage, l, best_price[l]);
    }
    return best;
}

bool solver_stage_price(struct solver_stage *stage, uint32_t *least)
{
    stage->upper_bound = search_prices(stage, stage->level, 0);
    int64_t missing = (int64_t)stage->wanted * SOLVER_PRICE_UNIT - stage->upper_bound;
    if (missing <= 0) {
        return true;
    }
    /* One more atom lifts the upper bound by its price. At price 0 no number of them would do. */
    int64_t price = stage->price[stage->level];
    uint64_t more = price > 0 ? (uint64_t)((missing + price - 1) / price) : UINT32_MAX;
    uint64_t needed = stage->allowed[stage->level] + more;
    uint32_t most = needed < UINT32_MAX ? (uint32_t)needed : UINT32_MAX;
    *least = most > *least ? most : *least;
    return false;
}

_Static_assert(SOLVER_PODS_MAX < UINT32_MAX / SOLVER_PRICE_UNIT, "prices fit");
