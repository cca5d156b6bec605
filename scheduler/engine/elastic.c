// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/elastic.h"

#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"

/* Members of one role and one shape are alike: of them only the number matters, so a choice is a
 * number for each such class. What fits is closed downwards: with one member less it fits, too.
 *
 *   most of b ▲
 *             │ ✓ ✓ ✗ ✗        1. how many fit of each class alone: the box
 *             │ ✓ ✓ ✓ ✗        2. the corner of the box, which nothing beats
 *             │ ✓ ✓ ✓ ✓        3. from there down, along a few paths: the last ranks go first,
 *             └─────────▶         or one class before the others. A path is bisected.
 *                most of a     4. choices of one member more, one by one, until none fits
 *
 * A slice is chosen whole, so what is counted are units (attempt_unit()). Whether a choice fits is
 * asked with a small budget; the plan is made by the caller, with the usual one.
 */

#define CLASSES_MAX SOLVER_ROLES_MAX

/* Whether one role fits needs no search; for several, a short one. */
#define PROBE_STEPS 20000

struct unit {
    uint32_t first; /* of the members in their own order */
    uint32_t length;
    uint32_t class;
    uint32_t index; /* in its class */
};

struct class {
    const char *role;
    uint32_t shape;
    uint32_t kind; /* to rules about other pods */
    uint32_t units;
    uint32_t most; /* units that fit, all others left out */
    bool single;   /* units of one member */
};

struct choice {
    uint32_t units[CLASSES_MAX]; /* of each class, the first ones */
};

struct elastic {
    struct attempt *attempt;
    struct solver_plan *plan;
    uint32_t least;
    struct class classes[CLASSES_MAX];
    uint32_t class_count;
    struct unit *units;
    uint32_t unit_count;
    uint32_t **sizes;     /* by class: members of its first n units */
    struct pod **members; /* in their own order */
    struct ranks_member *ranks;
    uint32_t probes;
};

/* ---- classes and units ---- */

static uint32_t class_of(struct elastic *elastic, const struct pod *pod)
{
    for (uint32_t i = 0; i < elastic->class_count; i++) {
        const struct class *class = &elastic->classes[i];
        if (class->shape == pod->shape && class->kind == pod->kind &&
            strcmp(class->role, pod->role) == 0) {
            return i;
        }
    }
    if (elastic->class_count == CLASSES_MAX) {
        return CLASSES_MAX;
    }
    elastic->classes[elastic->class_count] =
        (struct class){.role = pod->role, .shape = pod->shape, .kind = pod->kind, .single = true};
    return elastic->class_count++;
}

/* False when there are more classes than are told apart. */
static bool list_units(struct elastic *elastic)
{
    const struct attempt *attempt = elastic->attempt;
    elastic->units = alloc_zero(attempt->count, sizeof *elastic->units);
    for (uint32_t first = 0; first < attempt->count;) {
        struct unit *unit = &elastic->units[elastic->unit_count++];
        unit->first = first;
        unit->length = attempt_unit(attempt, first);
        unit->class = class_of(elastic, attempt->members[first]);
        if (unit->class == CLASSES_MAX) {
            return false;
        }
        struct class *class = &elastic->classes[unit->class];
        unit->index = class->units++;
        class->single = class->single && unit->length == 1;
        first += unit->length;
    }
    elastic->sizes = alloc_zero(elastic->class_count, sizeof *elastic->sizes);
    for (uint32_t c = 0; c < elastic->class_count; c++) {
        elastic->sizes[c] = alloc_zero((size_t)elastic->classes[c].units + 1, sizeof(uint32_t));
    }
    for (uint32_t i = 0; i < elastic->unit_count; i++) {
        const struct unit *unit = &elastic->units[i];
        uint32_t *sizes = elastic->sizes[unit->class];
        sizes[unit->index + 1] = sizes[unit->index] + unit->length;
    }
    return true;
}

static uint32_t size_of(const struct elastic *elastic, const struct choice *choice)
{
    uint32_t members = 0;
    for (uint32_t c = 0; c < elastic->class_count; c++) {
        members += elastic->sizes[c][choice->units[c]];
    }
    return members;
}

static bool suffices(const struct elastic *elastic, const struct choice *choice)
{
    return size_of(elastic, choice) >= elastic->least;
}

/* ---- asking ---- */

/* Puts the chosen members first. */
static void arrange(struct elastic *elastic, const struct choice *choice)
{
    struct attempt *attempt = elastic->attempt;
    uint32_t at = 0;
    for (int chosen = 1; chosen >= 0; chosen--) {
        for (uint32_t i = 0; i < elastic->unit_count; i++) {
            const struct unit *unit = &elastic->units[i];
            if ((unit->index < choice->units[unit->class]) != (chosen == 1)) {
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

static bool may_ask(const struct elastic *elastic)
{
    bool over = elastic->probes >= ELASTIC_PROBES_SURE && elastic->attempt->engine->steps <= 0;
    return elastic->probes < ELASTIC_PROBES_MAX && !over;
}

/* Whether the choice fits. False, too, when nothing may be asked any more. */
static bool fits(struct elastic *elastic, const struct choice *choice)
{
    struct attempt *attempt = elastic->attempt;
    uint32_t members = size_of(elastic, choice);
    if (members == 0) {
        return true;
    }
    if (!may_ask(elastic)) {
        return false;
    }
    elastic->probes++;
    arrange(elastic, choice);
    attempt->budget = elastic->class_count == 1 ? 1 : PROBE_STEPS;
    int solved = attempt_solve(attempt, 0, members, elastic->plan);
    attempt->budget = 0;
    return solved == 0 && elastic->plan->feasible;
}

/* How many units of the class fit in so many members, at most `limit`. */
static uint32_t units_in(const struct elastic *elastic, uint32_t class, uint64_t members,
                         uint32_t limit)
{
    uint32_t units = limit;
    while (units > 0 && elastic->sizes[class][units] > members) {
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
    uint32_t next = elastic->class_count;
    for (uint32_t c = 0; c < elastic->class_count; c++) {
        struct choice less = *choice;
        if (choice->units[c] == 0) {
            continue;
        }
        less.units[c]--;
        if (!suffices(elastic, &less)) {
            continue;
        }
        if (c == first) {
            return c;
        }
        if (next == elastic->class_count || choice->units[c] >= choice->units[next]) {
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
        if (class == elastic->class_count) {
            break;
        }
        choice->units[class]--;
    }
    return done;
}

static void keep_better(const struct elastic *elastic, const struct choice *choice,
                        struct choice *best)
{
    if (size_of(elastic, choice) > size_of(elastic, best)) {
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

/* ---- one member more ---- */

/* The next choice of `members` members inside the box, in descending order of the first classes;
 * false after the last. All units are single. */
static bool next_choice(const struct elastic *elastic, uint32_t members, struct choice *choice,
                        bool begin)
{
    uint32_t count = elastic->class_count;
    uint32_t left = members;
    uint32_t from = 0;
    if (!begin) {
        uint32_t behind = choice->units[count - 1], room = elastic->classes[count - 1].most;
        uint32_t at = count - 1;
        while (at > 0 && (choice->units[at - 1] == 0 || behind == room)) {
            at--;
            behind += choice->units[at];
            room += elastic->classes[at].most;
        }
        if (at == 0) {
            return false;
        }
        choice->units[at - 1]--;
        from = at;
        left = behind + 1;
    }
    for (uint32_t c = from; c < count; c++) {
        uint32_t most = elastic->classes[c].most;
        choice->units[c] = left < most ? left : most;
        left -= choice->units[c];
    }
    return left == 0;
}

static bool is_single(const struct elastic *elastic)
{
    bool single = true;
    for (uint32_t c = 0; c < elastic->class_count; c++) {
        single = single && elastic->classes[c].single;
    }
    return single;
}

/* While a choice of one member more fits, it is the best one. */
static void search_more(struct elastic *elastic, struct choice *best)
{
    bool better = is_single(elastic);
    while (better) {
        uint32_t members = size_of(elastic, best) + 1;
        members = members < elastic->least ? elastic->least : members;
        struct choice choice = *best;
        better = false;
        for (bool more = next_choice(elastic, members, &choice, true);
             more && !better && may_ask(elastic);
             more = next_choice(elastic, members, &choice, false)) {
            if (suffices(elastic, &choice) && fits(elastic, &choice)) {
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
    for (uint32_t c = 0; c < elastic->class_count; c++) {
        struct class *class = &elastic->classes[c];
        bool all = elastic->class_count == 1; /* which did not fit */
        class->most = most_alone(elastic, c, all ? class->units - 1 : class->units);
        corner->units[c] = class->most;
    }
}

static void search(struct elastic *elastic, struct choice *best)
{
    struct choice corner = {.units = {0}};
    measure_box(elastic, &corner);
    if (!suffices(elastic, &corner)) {
        return;
    }
    bool all = size_of(elastic, &corner) == elastic->attempt->count;
    if (elastic->class_count == 1 || (!all && fits(elastic, &corner))) {
        *best = corner;
        return;
    }
    for (uint32_t first = elastic->class_count; first <= elastic->class_count; first--) {
        search_path(elastic, &corner, first, best); /* wraps below 0 */
    }
    search_more(elastic, best);
}

static void elastic_finish(struct elastic *elastic)
{
    for (uint32_t c = 0; elastic->sizes != NULL && c < elastic->class_count; c++) {
        free(elastic->sizes[c]);
    }
    free(elastic->sizes);
    free(elastic->units);
    free(elastic->members);
    free(elastic->ranks);
}

uint32_t elastic_choose(struct attempt *attempt, uint32_t least, struct solver_plan *plan,
                        uint32_t *needed)
{
    struct elastic elastic = {.attempt = attempt, .plan = plan, .least = least};
    struct choice best = {.units = {0}};
    uint32_t chosen = 0;
    *needed = attempt_whole(attempt, least);
    elastic.members = alloc_zero(attempt->count, sizeof(struct pod *));
    memcpy(elastic.members, attempt->members, attempt->count * sizeof(struct pod *));
    if (attempt->ranks != NULL) {
        elastic.ranks = alloc_zero(attempt->count, sizeof *elastic.ranks);
        memcpy(elastic.ranks, attempt->ranks, attempt->count * sizeof *elastic.ranks);
    }
    if (list_units(&elastic)) {
        search(&elastic, &best);
        chosen = suffices(&elastic, &best) ? size_of(&elastic, &best) : 0;
        if (chosen == 0) {
            for (uint32_t c = 0; c < elastic.class_count; c++) {
                best.units[c] = elastic.classes[c].units;
            }
            (void)descend(&elastic, elastic.class_count, UINT32_MAX, &best);
            *needed = size_of(&elastic, &best);
        }
        arrange(&elastic, &best);
    }
    elastic_finish(&elastic);
    return chosen;
}
