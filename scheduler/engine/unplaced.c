// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/unplaced.h"

#include <inttypes.h>
#include <stdio.h>

#include "scheduler/engine/attempt.h"
#include "scheduler/engine/explain.h"
#include "scheduler/engine/preference.h"
#include "topology/base/utf8.h"

/* A gang that starts with its quorum, or with as many as there is room for, has one reason, and
 * that one says that it is planned. Who of it has no place is worked out when somebody asks: the
 * members of one shape that stand together are an attempt of their own, beside those that have
 * their places. Members that would fit now have no words here: they are planned when the others are
 * bound.
 */

#define NAMES_MAX 3

static bool has_words(const struct gang *gang, uint32_t shape)
{
    for (uint32_t i = 0; i < gang->unplaced_count; i++) {
        if (gang->unplaced[i].shape == shape) {
            return true;
        }
    }
    return false;
}

/* How many members of one shape stand together from `first` on, in whole units. */
static uint32_t count_alike(const struct attempt *attempt, uint32_t first)
{
    uint32_t end = first;
    while (end < attempt->count && attempt->members[end]->shape == attempt->members[first]->shape) {
        end += attempt_unit(attempt, end);
    }
    return end - first;
}

static void explain_each(struct engine *engine, struct attempt *attempt)
{
    struct gang *gang = attempt->gang;
    struct solver_plan plan;
    char text[GANG_REASON_MAX];
    solver_plan_init(&plan);
    for (uint32_t i = 0; i < attempt->count && engine->steps > 0;) {
        uint32_t count = count_alike(attempt, i);
        uint32_t shape = attempt->members[i]->shape;
        if (!has_words(gang, shape) && gang->unplaced_count < GANG_UNPLACED_MAX &&
            attempt_solve(attempt, i, count, &plan) == 0 && !plan.feasible &&
            attempt->role_count > 0) {
            explain_rest(attempt, &plan, text);
            gang_add_unplaced(gang, shape, text);
        }
        i += count;
    }
    solver_plan_finish(&plan);
}

void unplaced_explain(struct engine *engine, struct gang *gang)
{
    struct gang_tally tally = gang_tally(gang);
    gang_clear_unplaced(gang);
    if (gang->wants || tally.pending <= tally.held || tally.held + tally.bound == 0) {
        return;
    }
    struct attempt attempt = {.engine = engine, .gang = gang, .dry_run = true};
    if (attempt_begin(&attempt) == 0) {
        attempt.constraints.required_level = preference_joining(&attempt);
        explain_each(engine, &attempt);
    }
    attempt_finish(&attempt);
}

const char *unplaced_names(const struct gang *gang, char *text, size_t size)
{
    struct gang_tally tally = gang_tally(gang);
    uint32_t count = tally.pending - tally.held, named = 0;
    text[0] = '\0';
    if (count == 0) {
        return text;
    }
    size_t length = utf8_print(text, size, "; %" PRIu32 " more %s no place:", count,
                               count == 1 ? "has" : "have");
    for (uint32_t i = 0; i < gang->member_count && named < NAMES_MAX; i++) {
        const struct pod *pod = gang->members[i];
        if (!gang_member_pending(pod) || pods_placed(pod)) {
            continue;
        }
        length +=
            utf8_print(text + length, size - length, "%s %s", named > 0 ? "," : "", pod->name);
        named++;
    }
    if (named < count) {
        utf8_print(text + length, size - length, ", …");
    }
    return text;
}
