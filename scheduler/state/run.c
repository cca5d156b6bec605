// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/run.h"

#include <string.h>

#include "scheduler/state/pods.h"

/* Two or three walks over the members, made only for gangs in which somebody without an owner succeeded:
 * members of one role and rank stand side by side.
 */

static bool is_live(const struct pod *pod)
{
    return !pod->terminal && !pod->deleting;
}

static bool is_done(const struct pod *pod)
{
    return pod->succeeded && pod->owner == NAMES_NONE;
}

const char *run_of(struct pod *const *members, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct pod *pod = members[i];
        if (pod->run != NULL && is_live(pod) && (pod->node != NAMES_NONE || pods_bound(pod))) {
            return pod->run;
        }
    }
    return NULL;
}

/* Whether ranks have to tell, since the run does not. */
static bool is_told_by_rank(const struct pod *pod, const char *run)
{
    return is_done(pod) && (run == NULL || pod->run == NULL);
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
                         struct told *told)
{
    uint32_t done = 0, live = 0;
    for (uint32_t next = first; first < end; first = next) {
        uint32_t done_here = 0, live_here = 0; /* of this rank */
        for (; next < end && members[next]->rank == members[first]->rank; next++) {
            live_here += is_live(members[next]);
            live += is_live(members[next]) && members[next]->owner == NAMES_NONE;
            done_here += is_told_by_rank(members[next], run);
        }
        if (members[first]->rank >= 0) {
            done += done_here;
            told->again = told->again || (live_here > 0 && done_here > 0);
        }
    }
    told->done += live > 0 ? done : 0;
}

static uint32_t count_by_rank(struct pod *const *members, uint32_t count, const char *run)
{
    struct told told = {.done = 0};
    for (uint32_t first = 0, end = 0; first < count; first = end) {
        end = first;
        while (end < count && same_replica(members[first], members[end])) {
            end++;
        }
        tell_replica(members, first, end, run, &told);
    }
    return told.again ? 0 : told.done;
}

static bool has_live(struct pod *const *members, uint32_t count, const struct pod *like)
{
    for (uint32_t i = 0; i < count; i++) {
        if (is_live(members[i]) && same_replica(members[i], like)) {
            return true;
        }
    }
    return false;
}

const char *run_continued(struct pod *const *members, uint32_t count)
{
    if (count_by_rank(members, count, NULL) == 0) {
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct pod *pod = members[i];
        if (is_done(pod) && pod->rank >= 0 && pod->run != NULL && has_live(members, count, pod)) {
            return pod->run;
        }
    }
    return NULL;
}

uint32_t run_done(struct pod *const *members, uint32_t count)
{
    const char *run = run_of(members, count);
    uint32_t done = count_by_rank(members, count, run);
    for (uint32_t i = 0; i < count; i++) {
        const struct pod *pod = members[i];
        done += is_done(pod) && !is_told_by_rank(pod, run) && strcmp(pod->run, run) == 0;
    }
    return done;
}
