// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/progress.h"

#include <stdlib.h>
#include <string.h>

#include "scheduler/engine/attempt.h"
#include "scheduler/engine/room.h"
#include "topology/base/alloc.h"

/* One attempt at a time is under way (engine->progress): who is left goes on first, unless somebody
 * more important came. Should that one be left, too, what is known of the first is forgotten.
 *
 * A plan that was found, as far as it goes, by an earlier piece is looked at before it is acted on:
 * others may have taken the room since.
 *
 * Answers are told in the order in which they were given, each for the question it was given to.
 * Once a question is another one, all that was known behind it is forgotten.
 */

static void drop_answers(struct progress_answers *answers, uint32_t from)
{
    for (uint32_t i = from; i < answers->count; i++) {
        free(answers->items[i].plan.positions);
    }
    answers->count = from < answers->count ? from : answers->count;
}

static struct progress_answer *add_answer(struct progress_answers *answers)
{
    answers->items = alloc_grow(answers->items, &answers->room, (size_t)answers->count + 1,
                                sizeof *answers->items);
    answers->told = answers->count + 1;
    return &answers->items[answers->count++];
}

void progress_finish(struct progress *progress)
{
    drop_answers(&progress->solved, 0);
    drop_answers(&progress->parts, 0);
    free(progress->solved.items);
    free(progress->parts.items);
    *progress = (struct progress){.gang = NULL};
}

void progress_forget(struct engine *engine, const struct gang *gang)
{
    if (gang == NULL || engine->progress.gang == gang) {
        progress_finish(&engine->progress);
    }
}

void progress_begin(struct attempt *attempt, bool anew)
{
    struct engine *engine = attempt->engine;
    struct progress *progress = &attempt->progress;
    bool under_way = engine->progress.gang == attempt->gang;
    anew = anew || engine->progress.generation != domains_generation(engine->domains);
    if (under_way && !anew && engine->progress.dry_run == attempt->dry_run) {
        *progress = engine->progress;
        engine->progress = (struct progress){.gang = NULL};
    } else {
        progress_forget(engine, attempt->gang);
        *progress = (struct progress){
            .gang = attempt->gang,
            .dry_run = attempt->dry_run,
            .steps = engine->steps,
            .releases = engine_releases(engine),
            .generation = domains_generation(engine->domains),
            .changes = ledger_changes(engine->ledger),
        };
    }
    progress->split = true;
    progress->resumed = progress->solved.count + progress->parts.count > 0;
    progress->restarted = under_way && anew;
    progress->interrupted = false;
    progress->told = false;
    progress->asked = 0;
    progress->reading = 0;
    progress->solved.told = 0;
    progress->parts.told = 0;
    progress->started = engine->steps;
    progress->saved = 0;
    progress->spent = engine->spent;
}

void progress_keep(struct attempt *attempt)
{
    progress_finish(&attempt->engine->progress);
    attempt->engine->attempts_left++;
    attempt->engine->progress = attempt->progress;
    attempt->progress = (struct progress){.gang = NULL};
}

int64_t progress_steps(const struct attempt *attempt)
{
    const struct progress *progress = &attempt->progress;
    if (!progress->split) {
        return attempt->engine->steps;
    }
    return progress->steps - (progress->started - attempt->engine->steps) - progress->saved;
}

bool progress_knows(const struct attempt *attempt, uint64_t key)
{
    const struct progress_answers *solved = &attempt->progress.solved;
    return attempt->progress.split && solved->told < solved->count &&
           solved->items[solved->told].key == key;
}

bool progress_recall(struct attempt *attempt, uint64_t key, struct solver_plan *plan, int *result)
{
    struct progress *progress = &attempt->progress;
    progress->told = progress_knows(attempt, key);
    progress->parts_told = 0;
    if (!progress->told) {
        bool other = progress->solved.told < progress->solved.count;
        drop_answers(&progress->solved, progress->solved.told);
        if (other) {
            drop_answers(&progress->parts, 0);
        }
        return false;
    }
    const struct progress_answer *answer = &progress->solved.items[progress->solved.told++];
    solver_plan_finish(plan);
    *plan = answer->plan;
    *result = answer->result;
    progress->saved += answer->charged;
    return true;
}

void progress_note(struct attempt *attempt, uint64_t key, const struct solver_plan *plan,
                   int result, int64_t charged)
{
    struct progress *progress = &attempt->progress;
    drop_answers(&progress->parts, 0);
    progress->parts.told = 0;
    if (!progress->split) {
        return;
    }
    struct progress_answer *answer = add_answer(&progress->solved);
    *answer = (struct progress_answer){.key = key, .result = result, .charged = charged};
    answer->plan = *plan;
    answer->plan.positions = NULL;
}

/* ---- searches ---- */

static uint32_t *copy_positions(const struct solver_plan *plan)
{
    if (plan->positions == NULL) {
        return NULL;
    }
    uint32_t *copy = alloc_zero((size_t)plan->count + 1, sizeof *copy);
    memcpy(copy, plan->positions, plan->count * sizeof *copy);
    return copy;
}

static bool recall_search(void *context, uint32_t pods, struct solver_plan *plan)
{
    struct attempt *attempt = context;
    struct progress *progress = &attempt->progress;
    struct progress_answers *parts = &progress->parts;
    const struct progress_answer *answer =
        parts->told < parts->count ? &parts->items[parts->told] : NULL;
    if (answer != NULL && answer->plan.feasible && answer->plan.count != pods) {
        drop_answers(parts, parts->told);
        answer = NULL;
    }
    if (answer == NULL) {
        return false;
    }
    parts->told++;
    progress->parts_told++;
    *plan = answer->plan;
    plan->positions = copy_positions(&answer->plan);
    progress->old += plan->steps;
    return true;
}

static bool leave(void *context)
{
    struct attempt *attempt = context;
    struct progress *progress = &attempt->progress;
    uint64_t spent = attempt->engine->spent - progress->spent + progress->fresh + progress->reading;
    progress->interrupted =
        progress->interrupted || (progress->asked > 0 && spent >= attempt->engine->piece);
    return progress->interrupted;
}

/* What a search costs beside its steps, about: to write down the problem, and to read it. It counts
 * for when a piece is left, and not for what may be spent: on that depends which plan is found. */
static uint64_t reading_of(const struct attempt *attempt)
{
    uint64_t positions = domains_positions(attempt->engine->domains);
    return positions * (8 + attempt->role_count / 2);
}

static void note_search(void *context, const struct solver_plan *plan)
{
    struct attempt *attempt = context;
    struct progress *progress = &attempt->progress;
    struct progress_answer *answer = add_answer(&progress->parts);
    *answer = (struct progress_answer){.plan = *plan};
    answer->plan.positions = copy_positions(plan);
    progress->fresh += plan->steps;
    progress->reading += reading_of(attempt);
    progress->asked++;
}

struct solver_pieces progress_pieces(struct attempt *attempt)
{
    return (struct solver_pieces){
        .context = attempt, .recall = recall_search, .leave = leave, .note = note_search};
}

void progress_charge(struct attempt *attempt, const struct solver_plan *plan, uint32_t members)
{
    struct engine *engine = attempt->engine;
    struct progress *progress = &attempt->progress;
    uint64_t all = plan->steps + members;
    uint64_t own = progress->fresh + members;
    int64_t before = engine->steps;
    if (!progress->split) {
        engine_charge(engine, all);
        return;
    }
    if (!progress->interrupted && all > progress->old + own) {
        own = all - progress->old;
    }
    engine_charge(engine, own);
    progress->saved +=
        (all < ENGINE_STEPS_MAX ? (int64_t)all : ENGINE_STEPS_MAX) - (before - engine->steps);
    progress->fresh = 0;
    progress->old = 0;
}

/* All that was told is void, and the piece is left. */
static void restart(struct progress *progress)
{
    progress->interrupted = true;
    progress->restarted = true;
    drop_answers(&progress->solved, 0);
    drop_answers(&progress->parts, 0);
}

bool progress_sound(struct attempt *attempt)
{
    if (attempt->progress.split && attempt->progress.told) {
        restart(&attempt->progress);
    }
    return !attempt->progress.interrupted;
}

/* Whether there is room for the pods of a plan where it puts them. */
static bool has_room(const struct attempt *attempt, const struct solver_plan *plan)
{
    const struct engine *engine = attempt->engine;
    uint32_t positions = domains_positions(engine->domains), at = 0;
    struct resources *left = alloc_zero(positions, sizeof *left);
    bool *seen = alloc_zero(positions, sizeof *seen);
    bool fits = true;
    for (uint32_t r = 0; r < attempt->role_count; r++) {
        const struct solver_role *role = &attempt->roles[r];
        for (uint32_t i = 0; i < role->count && fits; i++, at++) {
            uint32_t p = plan->positions[at];
            if (!seen[p]) {
                resources_copy(&left[p], room_free_at(attempt, p));
                seen[p] = true;
            }
            fits = capacity_node(role->capacity, p) > 0 &&
                   (role->excluded == NULL || !bitset_test(role->excluded, p)) &&
                   resources_fit(role->request, &left[p]);
            resources_subtract(&left[p], role->request);
        }
    }
    for (uint32_t p = 0; p < positions; p++) {
        resources_finish(&left[p]);
    }
    free(left);
    free(seen);
    return fits;
}

void progress_check(struct attempt *attempt, struct solver_plan *plan)
{
    struct progress *progress = &attempt->progress;
    bool old =
        progress->parts_told > 0 && progress->changes != ledger_changes(attempt->engine->ledger);
    if (plan->feasible && old && !has_room(attempt, plan)) {
        restart(progress);
        solver_plan_finish(plan);
    }
}
