// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/elastic.h"

#include <stdlib.h>
#include <string.h>

#include "scheduler/engine/classes.h"
#include "scheduler/engine/pins.h"
#include "topology/base/alloc.h"

/* Members that ask for the same and count for the same minimum are alike: of them only the number
 * matters, so a choice is a number for each such class. What fits is closed downwards: with one
 * member less it fits, too.
 *
 *   most of b ▲
 *             │ ✓ ✓ ✗ ✗        1. how many fit of each class alone: the box
 *             │ ✓ ✓ ✓ ✗        2. the corner of the box, which nothing beats
 *             │ ✓ ✓ ✓ ✓        3. upwards from what the roles need, the least demanding class first
 *             └─────────▶      4. from the corner down, along a few paths: the last ranks go first,
 *                most of a        or one class before the others. A path is bisected.
 *                              5. choices of one member more, one by one, until none fits
 *
 * With more than FEW classes only 3 is done, which finds the most where each class asks for more of
 * everything than the one before it: whoever is exchanged for somebody less demanding still fits.
 * The solver takes SOLVER_ROLES_MAX roles at once, so no choice has more: the others join
 * when those have started.
 *
 * Members that name their one node are a class of their own, without those whose node has no room.
 *
 * A slice is chosen whole, so what is counted are units (attempt_unit()). Whether a choice fits is
 * asked with a small budget; the plan is made by the caller, with the usual one.
 */

#define FEW 16

/* Whether one role fits needs no search; for several, a short one. */
#define PROBE_STEPS 20000

/* Choices of one member more that are looked at, most of which leave a role short. */
#define COMBINATIONS_MAX 20000

struct elastic {
    struct attempt *attempt;
    struct solver_plan *plan;
    const struct needs *needs;
    struct classes classes;
    struct pod **members; /* in their own order */
    struct ranks_member *ranks;
    uint32_t probes;
};

/* ---- asking ---- */

/* Puts the chosen members first. */
static void arrange(struct elastic *elastic, const struct choice *choice)
{
    struct attempt *attempt = elastic->attempt;
    uint32_t at = 0;
    pins_forget(attempt); /* while members stand where they stood when they were pinned */
    for (int chosen = 1; chosen >= 0; chosen--) {
        for (uint32_t i = 0; i < elastic->classes.unit_count; i++) {
            const struct unit *unit = &elastic->classes.units[i];
            bool in = unit->class != CLASS_NONE && unit->index < choice->units[unit->class];
            if (in != (chosen == 1)) {
                continue;
            }
            memcpy(&attempt->members[at], &elastic->members[unit->first],
                   unit->length * sizeof(struct pod *));
            if (attempt->ranks != NULL && elastic->ranks != NULL) {
                memcpy(&attempt->ranks[at], &elastic->ranks[unit->first],
                       unit->length * sizeof *elastic->ranks);
            }
            at += unit->length;
        }
    }
}

/* Of the members that are chosen. */
static uint64_t choice_number(const struct elastic *elastic, const struct choice *choice)
{
    uint64_t number = 1;
    for (uint32_t c = 0; c < elastic->classes.count; c++) {
        number = number * UINT64_C(0x9E3779B97F4A7C15) + choice->units[c];
    }
    return number;
}

static bool may_ask(const struct elastic *elastic)
{
    const struct attempt *attempt = elastic->attempt;
    bool over = elastic->probes >= ELASTIC_PROBES_SURE && progress_steps(attempt) <= 0;
    return elastic->probes < ELASTIC_PROBES_MAX && !over && !attempt->progress.interrupted;
}

/* Whether the choice fits. False, too, when nothing may be asked any more. */
static bool fits(struct elastic *elastic, const struct choice *choice)
{
    struct attempt *attempt = elastic->attempt;
    uint32_t members = choice_size(&elastic->classes, choice);
    if (members == 0) {
        return true;
    }
    if (!may_ask(elastic) || !choice_solvable(&elastic->classes, choice)) {
        return false;
    }
    elastic->probes++;
    attempt->budget = elastic->classes.count == 1 ? 1 : PROBE_STEPS;
    attempt->choice = choice_number(elastic, choice);
    if (!progress_knows(attempt, attempt_question(attempt, 0, members))) {
        arrange(elastic, choice);
    }
    int solved = attempt_solve(attempt, 0, members, elastic->plan);
    attempt->budget = 0;
    return solved == 0 && elastic->plan->feasible;
}

/* How many units of the class fit in so many members, at most `limit`. */
static uint32_t units_in(const struct elastic *elastic, uint32_t class, uint64_t members,
                         uint32_t limit)
{
    uint32_t units = limit;
    while (units > 0 && elastic->classes.sizes[class][units] > members) {
        units--;
    }
    return units;
}

/* The most units of the class that fit with no others: in [0, limit]. The solver's count is a good
 * guess, and is right for one role without slices. */
static uint32_t most_alone(struct elastic *elastic, uint32_t class, uint32_t limit)
{
    uint32_t low = 0, high = limit;
    struct choice choice = {.units = {0}};
    choice.units[class] = limit;
    if (limit == 0 || fits(elastic, &choice)) {
        return limit;
    }
    uint32_t guess = units_in(elastic, class, elastic->plan->shortfall.fits, limit - 1);
    while (low + 1 < high) {
        uint32_t middle = guess > low && guess < high ? guess : low + (high - low) / 2;
        choice.units[class] = middle;
        if (fits(elastic, &choice)) {
            low = middle;
            guess = low + 1; /* once more above a right guess, and it is proven */
        } else {
            high = middle;
            guess = 0;
        }
    }
    return low;
}

/* ---- paths down from the corner ---- */

/* The class that gives up its last unit next: `first` before the others, then the last rank; among
 * equals the last class. class_count: none can. */
static uint32_t next_to_drop(const struct elastic *elastic, const struct choice *choice,
                             uint32_t first)
{
    uint32_t next = elastic->classes.count;
    const struct counts counts = choice_counts(&elastic->classes, choice);
    for (uint32_t c = 0; c < elastic->classes.count; c++) {
        if (choice->units[c] == 0) {
            continue;
        }
        const uint32_t *sizes = elastic->classes.sizes[c];
        uint32_t members = sizes[choice->units[c]] - sizes[choice->units[c] - 1];
        struct counts less = counts;
        less.members -= members;
        less.roles[elastic->classes.items[c].need] -= members;
        if (!counts_suffice(&elastic->classes, &less)) {
            continue;
        }
        if (c == first) {
            return c;
        }
        if (next == elastic->classes.count || choice->units[c] >= choice->units[next]) {
            next = c;
        }
    }
    return next;
}

/* `choice` with so many units less; how many less they are at the end of the path. */
static uint32_t descend(const struct elastic *elastic, uint32_t first, uint32_t steps,
                        struct choice *choice)
{
    uint32_t done = 0;
    for (; done < steps; done++) {
        uint32_t class = next_to_drop(elastic, choice, first);
        if (class == elastic->classes.count) {
            break;
        }
        choice->units[class]--;
    }
    return done;
}

static void keep_better(const struct elastic *elastic, const struct choice *choice,
                        struct choice *best)
{
    if (choice_size(&elastic->classes, choice) > choice_size(&elastic->classes, best)) {
        *best = *choice;
    }
}

/* The first choice on the path that fits; `best` is left alone when none does or none is better. */
static void search_path(struct elastic *elastic, const struct choice *corner, uint32_t first,
                        struct choice *best)
{
    struct choice choice = *corner;
    uint32_t low = 0; /* does not fit */
    uint32_t high = descend(elastic, first, UINT32_MAX, &choice);
    if (high == 0 || !fits(elastic, &choice)) {
        return;
    }
    keep_better(elastic, &choice, best);
    while (low + 1 < high) {
        uint32_t middle = low + (high - low) / 2;
        choice = *corner;
        (void)descend(elastic, first, middle, &choice);
        if (fits(elastic, &choice)) {
            high = middle;
            keep_better(elastic, &choice, best);
        } else {
            low = middle;
        }
    }
}

/* ---- upwards, class by class ---- */

/* What the roles need, of the first classes. */
static void choose_needed(const struct elastic *elastic, const uint32_t *order,
                          struct choice *choice)
{
    struct counts counts = {.members = 0};
    for (uint32_t i = 0; i < elastic->classes.count && elastic->needs->role_count > 0; i++) {
        uint32_t c = order[i], need = elastic->classes.items[c].need;
        while (need < elastic->needs->role_count &&
               counts.roles[need] < elastic->needs->roles[need] &&
               choice->units[c] < elastic->classes.items[c].most) {
            const uint32_t *sizes = elastic->classes.sizes[c];
            counts.roles[need] += sizes[choice->units[c] + 1] - sizes[choice->units[c]];
            choice->units[c]++;
        }
    }
}

/* The most units of the class that fit beside the rest of the choice. */
static void add_most(struct elastic *elastic, uint32_t class, struct choice *choice)
{
    uint32_t low = choice->units[class], high = elastic->classes.items[class].most + 1;
    struct choice more = *choice;
    uint32_t middle = high - 1; /* all of them */
    while (low + 1 < high) {
        more.units[class] = middle;
        if (fits(elastic, &more)) {
            low = middle;
        } else {
            high = middle;
        }
        middle = middle + 1 == elastic->classes.items[class].most + 1 && high > low + 2
                     ? low + 1 /* none, mostly, when not all do */
                     : low + (high - low) / 2;
    }
    choice->units[class] = low;
}

static void fill(struct elastic *elastic, bool crowded, struct choice *best)
{
    uint32_t order[CLASSES_MAX];
    struct choice choice = {.units = {0}};
    classes_order(&elastic->classes, crowded, order);
    choose_needed(elastic, order, &choice);
    if (!fits(elastic, &choice)) {
        return;
    }
    for (uint32_t i = 0; i < elastic->classes.count && may_ask(elastic); i++) {
        add_most(elastic, order[i], &choice);
    }
    if (choice_suffices(&elastic->classes, &choice)) {
        keep_better(elastic, &choice, best);
    }
}

/* ---- one member more ---- */

/* The next choice of `members` members inside the box, in descending order of the first classes;
 * false after the last. All units are single. */
static bool next_choice(const struct elastic *elastic, uint32_t members, struct choice *choice,
                        bool begin)
{
    uint32_t count = elastic->classes.count;
    uint32_t left = members;
    uint32_t from = 0;
    if (!begin) {
        uint32_t behind = choice->units[count - 1], room = elastic->classes.items[count - 1].most;
        uint32_t at = count - 1;
        while (at > 0 && (choice->units[at - 1] == 0 || behind == room)) {
            at--;
            behind += choice->units[at];
            room += elastic->classes.items[at].most;
        }
        if (at == 0) {
            return false;
        }
        choice->units[at - 1]--;
        from = at;
        left = behind + 1;
    }
    for (uint32_t c = from; c < count; c++) {
        uint32_t most = elastic->classes.items[c].most;
        choice->units[c] = left < most ? left : most;
        left -= choice->units[c];
    }
    return left == 0;
}

static bool is_single(const struct elastic *elastic)
{
    bool single = true;
    for (uint32_t c = 0; c < elastic->classes.count; c++) {
        single = single && elastic->classes.items[c].single;
    }
    return single;
}

/* While a choice of one member more fits, it is the best one. */
static void search_more(struct elastic *elastic, struct choice *best)
{
    bool better = is_single(elastic);
    uint32_t looked = 0;
    while (better) {
        uint32_t members = choice_size(&elastic->classes, best) + 1;
        members = members < elastic->needs->members ? elastic->needs->members : members;
        struct choice choice = *best;
        better = false;
        for (bool more = next_choice(elastic, members, &choice, true);
             more && !better && may_ask(elastic) && looked < COMBINATIONS_MAX;
             more = next_choice(elastic, members, &choice, false)) {
            looked++;
            if (choice_suffices(&elastic->classes, &choice) && fits(elastic, &choice)) {
                *best = choice;
                better = true;
            }
        }
    }
}

/* ---- all of it ---- */

/* The box: how many fit of each class alone. */
static void measure_box(struct elastic *elastic, struct choice *corner)
{
    for (uint32_t c = 0; c < elastic->classes.count; c++) {
        struct class *class = &elastic->classes.items[c];
        bool all = elastic->classes.sizes[c][class->units] == elastic->attempt->count;
        /* … which did not fit */
        class->most = most_alone(elastic, c, all ? class->units - 1 : class->units);
        corner->units[c] = class->most;
    }
}

static void search(struct elastic *elastic, struct choice *best)
{
    struct choice corner = {.units = {0}};
    if (elastic->classes.count > FEW) {
        fill(elastic, false, best);
        if (elastic->classes.roles > SOLVER_ROLES_MAX) {
            fill(elastic, true, best);
        }
        return;
    }
    measure_box(elastic, &corner);
    if (!choice_suffices(&elastic->classes, &corner)) {
        return;
    }
    bool all = choice_size(&elastic->classes, &corner) == elastic->attempt->count;
    if (elastic->classes.count == 1 || (!all && fits(elastic, &corner))) {
        *best = corner;
        return;
    }
    fill(elastic, false, best);
    for (uint32_t first = elastic->classes.count; first <= elastic->classes.count; first--) {
        search_path(elastic, &corner, first, best); /* wraps below 0 */
    }
    search_more(elastic, best);
}

bool elastic_must_choose(const struct attempt *attempt)
{
    const struct pod *firsts[SOLVER_ROLES_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < attempt->count; i++) {
        const struct pod *pod = attempt->members[i];
        uint32_t at = count; /* mostly it is like the one before */
        while (at > 0 && !attempt_alike(attempt, firsts[at - 1], pod)) {
            at--;
        }
        if (at > 0 || pins_may_place(attempt, i)) {
            continue;
        }
        if (count == SOLVER_ROLES_MAX) {
            return true;
        }
        firsts[count++] = pod;
    }
    return false;
}

/* The fewest that would do, the last ranks left out, when not even those fit. */
static uint32_t choose_least(const struct elastic *elastic, struct choice *choice)
{
    for (uint32_t c = 0; c < elastic->classes.count; c++) {
        choice->units[c] = elastic->classes.items[c].units;
    }
    if (!choice_suffices(&elastic->classes, choice)) {
        return elastic->attempt->count; /* members without room on their own nodes are needed */
    }
    (void)descend(elastic, elastic->classes.count, UINT32_MAX, choice);
    return choice_size(&elastic->classes, choice);
}

uint32_t elastic_choose(struct attempt *attempt, const struct needs *needs,
                        struct solver_plan *plan, uint32_t *needed)
{
    struct elastic elastic = {.attempt = attempt, .plan = plan, .needs = needs};
    struct choice best = {.units = {0}};
    elastic.members = alloc_zero(attempt->count, sizeof(struct pod *));
    memcpy(elastic.members, attempt->members, attempt->count * sizeof(struct pod *));
    if (attempt->ranks != NULL) {
        elastic.ranks = alloc_zero(attempt->count, sizeof *elastic.ranks);
        memcpy(elastic.ranks, attempt->ranks, attempt->count * sizeof *elastic.ranks);
    }
    classes_list(attempt, needs, &elastic.classes);
    search(&elastic, &best);
    uint32_t chosen =
        choice_suffices(&elastic.classes, &best) ? choice_size(&elastic.classes, &best) : 0;
    *needed = chosen > 0 ? chosen : choose_least(&elastic, &best);
    arrange(&elastic, &best);
    attempt->choice = choice_number(&elastic, &best);
    classes_finish(&elastic.classes);
    free(elastic.members);
    free(elastic.ranks);
    return chosen;
}
