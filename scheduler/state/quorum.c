// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/state/gang.h"
#include "scheduler/state/run.h"
#include "topology/base/alloc.h"

/* The one rule of the quorum, as the header of gangs tells it.
 *
 *                     minimum                      counts already              lacking
 *   all together      max(minMember, sum below)    bound + done in this run    minimum - counted
 *   role "master"     1                            … of the role               …
 *   role "worker"     3                            …                           …
 *
 * Every member counts for all and for its role, so what is lacking altogether is the greater one of
 * the first line and the sum of the others. Numbers of members are kept in the totals of the gang;
 * members are looked at only where somebody without an owner succeeded (run.h).
 *
 * Minimums of roles are those of the group object; where it says nothing, or is not there, those
 * that the pods say, of each role the greatest.
 */

/* ---- minimums of roles ---- */

#define TEXTS_MAX 16 /* that the pods of a gang may say: nearly always one, of its template */

/* The words that its pods use; NULL: it has none, or they are in no table (tests). */
static const struct names *words_of(const struct gang *gang)
{
    const struct pods *pods = gang->member_count == 0 ? NULL : gang->members[0]->table;
    return pods == NULL ? NULL : pods_words(pods);
}

/* What its pods say, in the order of the texts: of several faults the first counts. */
static void add_said(const struct gang *gang, struct minimums *minimums)
{
    const struct multiset *said = &gang->totals.minimums;
    const struct names *words = words_of(gang);
    const char *before = "";
    if (words == NULL) {
        return;
    }
    if (said->count > TEXTS_MAX) {
        snprintf(minimums->fault, sizeof minimums->fault,
                 "its pods say more than %d different things", TEXTS_MAX);
        return;
    }
    for (;;) {
        const char *next = NULL;
        for (uint32_t i = 0; i < said->count; i++) {
            const char *text = names_text(words, (uint32_t)said->items[i].value);
            if (strcmp(text, before) > 0 && (next == NULL || strcmp(text, next) < 0)) {
                next = text;
            }
        }
        if (next == NULL) {
            return;
        }
        minimums_add(minimums, next);
        before = next;
    }
}

void gang_read_minimums(struct gang *gang, bool anew)
{
    struct minimums minimums = {.count = 0};
    if (!anew && gang->minimums_version == gang->totals.minimums_version) {
        return;
    }
    gang->minimums_version = gang->totals.minimums_version;
    if (gang->object_minimums != NULL) {
        minimums_add(&minimums, gang->object_minimums);
    } else {
        add_said(gang, &minimums);
    }
    free(gang->minimums);
    gang->minimums = NULL;
    if (minimums.count > 0 || minimums.fault[0] != '\0') {
        gang->minimums = alloc_zero(1, sizeof minimums);
        *gang->minimums = minimums;
    }
}

/* ---- what is lacking ---- */

int32_t gang_minimum(const struct gang *gang)
{
    int32_t minimum =
        gang->has_object ? gang->object_minimum : multiset_greatest(&gang->totals.quorums, 0);
    if (gang->minimums == NULL || minimum <= 0) {
        return minimum;
    }
    int32_t sum = minimums_sum(gang->minimums);
    return gang->minimums->fault[0] != '\0' ? -1 : sum > minimum ? sum : minimum;
}

uint32_t gang_done(const struct gang *gang)
{
    const struct totals *totals = &gang->totals;
    if (totals->tally.live == 0) {
        return totals->tally.done; /* there is nobody of another run */
    }
    return totals->done_here +
           (totals->done_bare == 0 ? 0 : run_done(gang->members, gang->member_count, NULL));
}

/* Members of the role that succeeded in the present run; `number` is that of its name. */
static uint32_t role_done(const struct gang *gang, const char *role, uint32_t number)
{
    const struct totals *totals = &gang->totals;
    if (totals->tally.live == 0) {
        return totals_of_role(totals, number).done;
    }
    return totals_done_here(totals, number) +
           (totals->done_bare == 0 ? 0 : run_done(gang->members, gang->member_count, role));
}

static uint32_t count_of(const struct gang_tally *tally, enum gang_counted counted)
{
    switch (counted) {
    case COUNT_BOUND:
        return tally->bound;
    case COUNT_CONFIRMED:
        return tally->confirmed;
    case COUNT_VOTED:
        return tally->bound + tally->voted;
    case COUNT_HELD:
        return tally->bound + tally->held;
    case COUNT_PENDING:
        return tally->bound + tally->pending;
    }
    return 0;
}

static uint32_t less(int32_t minimum, uint64_t counted)
{
    return counted >= (uint32_t)minimum ? 0 : (uint32_t)minimum - (uint32_t)counted;
}

uint32_t gang_any_lacking(const struct gang *gang, enum gang_counted counted)
{
    int32_t minimum = gang_minimum(gang);
    uint64_t count = (uint64_t)count_of(&gang->totals.tally, counted) + gang_done(gang);
    return minimum <= 0 ? UINT32_MAX : less(minimum, count);
}

uint32_t gang_role_lacking(const struct gang *gang, uint32_t index, enum gang_counted counted)
{
    const struct minimum *minimum = &gang->minimums->items[index];
    const struct names *words = words_of(gang);
    if (words == NULL) {
        return (uint32_t)minimum->least;
    }
    uint32_t number = names_find(words, minimum->role, strlen(minimum->role));
    struct gang_tally tally = totals_of_role(&gang->totals, number);
    return less(minimum->least,
                (uint64_t)count_of(&tally, counted) + role_done(gang, minimum->role, number));
}

uint32_t gang_lacking(const struct gang *gang, enum gang_counted counted)
{
    uint32_t all = gang_any_lacking(gang, counted);
    uint64_t roles = 0;
    for (uint32_t i = 0; gang->minimums != NULL && i < gang->minimums->count; i++) {
        roles += gang_role_lacking(gang, i, counted);
    }
    return roles <= all ? all : roles < UINT32_MAX ? (uint32_t)roles : UINT32_MAX;
}

uint32_t gang_missing(const struct gang *gang)
{
    return gang_lacking(gang, COUNT_BOUND);
}

bool gang_confirmed(const struct gang *gang)
{
    return gang_lacking(gang, COUNT_CONFIRMED) == 0;
}

uint32_t gang_minimum_of(const struct gang *gang, const struct pod *pod)
{
    uint32_t index = 0;
    while (index < gang->minimums->count &&
           strcmp(gang->minimums->items[index].role, pod->role) != 0) {
        index++;
    }
    return index;
}
