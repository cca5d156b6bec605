// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/run.h"

#include <string.h>

#include "scheduler/state/pods.h"

/* Walks over the members, made only for gangs in which somebody without an owner succeeded: members
 * of one role and rank stand side by side.
 */

#define RUNS_MAX 8

static bool is_done(const struct pod *pod)
{
    return pod->succeeded && pod->owner == NAMES_NONE;
}

const char *run_of(struct pod *const *members, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct pod *pod = members[i];
        if (pod->run != NULL && pod_live(pod) && (pod->node != NAMES_NONE || pods_bound(pod))) {
            return pod->run;
        }
    }
    return NULL;
}

/* Whether ranks have to tell: the run of the bound members does not, and it is of no other run than
 * `continued`, of which most are. */
static bool is_told_by_rank(const struct pod *pod, const char *run, const char *continued)
{
    return is_done(pod) && (pod->run == NULL ||
                            (run == NULL && continued != NULL && strcmp(pod->run, continued) == 0));
}

static bool same_replica(const struct pod *a, const struct pod *b)
{
    return strcmp(a->role, b->role) == 0 && pod_compare_replicas(&a->replica, &b->replica) == 0;
}

/* What ranks tell. */
struct told {
    uint32_t done; /* succeeded members with ranks, of replicas with live members nobody owns */
    bool again;    /* one of them was made again: a live member has its rank */
};

/* The members from `first` to `end` are one replica of one role, in the order of their ranks. */
static void tell_replica(struct pod *const *members, uint32_t first, uint32_t end, const char *run,
                         const char *continued, struct told *told)
{
    uint32_t done = 0, live = 0;
    for (uint32_t next = first; first < end; first = next) {
        uint32_t done_here = 0, live_here = 0; /* of this rank */
        for (; next < end && members[next]->rank == members[first]->rank; next++) {
            live_here += pod_live(members[next]);
            live += pod_live(members[next]) && members[next]->owner == NAMES_NONE;
            done_here += is_told_by_rank(members[next], run, continued);
        }
        if (members[first]->rank >= 0) {
            done += done_here;
            told->again = told->again || (live_here > 0 && done_here > 0);
        }
    }
    told->done += live > 0 ? done : 0;
}

static bool is_of(const struct pod *pod, const char *role)
{
    return role == NULL || strcmp(pod->role, role) == 0;
}

static uint32_t count_by_rank(struct pod *const *members, uint32_t count, const char *run,
                              const char *continued, const char *role)
{
    struct told told = {.done = 0};
    for (uint32_t first = 0, end = 0; first < count; first = end) {
        uint32_t before = told.done;
        end = first;
        while (end < count && same_replica(members[first], members[end])) {
            end++;
        }
        tell_replica(members, first, end, run, continued, &told);
        told.done = is_of(members[first], role) ? told.done : before;
    }
    return told.again ? 0 : told.done;
}

/* The run that most of those with ranks were committed in, the first of several; NULL: none says.
 * Beyond the first few runs nobody is looked at. */
static const char *most_common(struct pod *const *members, uint32_t count)
{
    const char *runs[RUNS_MAX];
    uint32_t sums[RUNS_MAX], known = 0, best = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct pod *pod = members[i];
        uint32_t place = 0;
        if (!is_done(pod) || pod->rank < 0 || pod->run == NULL) {
            continue;
        }
        while (place < known && strcmp(runs[place], pod->run) != 0) {
            place++;
        }
        if (place == known && known < RUNS_MAX) {
            runs[known] = pod->run;
            sums[known++] = 0;
        }
        if (place < known) {
            sums[place]++;
            best = sums[place] > sums[best] ? place : best;
        }
    }
    return known == 0 ? NULL : runs[best];
}

const char *run_continued(struct pod *const *members, uint32_t count)
{
    const char *run = most_common(members, count);
    return count_by_rank(members, count, NULL, run, NULL) > 0 ? run : NULL;
}

uint32_t run_done(struct pod *const *members, uint32_t count, const char *role)
{
    const char *run = run_of(members, count);
    const char *continued = run == NULL ? most_common(members, count) : NULL;
    uint32_t done = count_by_rank(members, count, run, continued, role);
    for (uint32_t i = 0; i < count && run != NULL; i++) {
        const struct pod *pod = members[i];
        done += is_done(pod) && pod->run != NULL && strcmp(pod->run, run) == 0 && is_of(pod, role);
    }
    return done;
}
