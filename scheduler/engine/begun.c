// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/begun.h"

/* A gang some of whose members run, while others of its quorum are missing, is finished first: it
 * had all of its room once, and what runs of it waits. That is a power over everybody else, so it
 * must not be had by writing alone:
 *
 *   a member with spec.nodeName, or bound by somebody else     gives no rank: it counts, and that
 *                                                              is all (state/pods.h, stranger)
 *   a quorum that is raised while the gang runs                is not what it lost: it goes behind
 *                                                              those of greater priority
 *
 *   begun  =  some of it was placed here  and  missing <= most that ever was placed here - placed
 *
 * The annotation of the binding says who placed a member. Its owner can write it, too, so it counts
 * only on a pod that is bound, as this process finds it when it begins to decide, and for a while
 * after: bindings that an earlier process posted may still arrive.
 */

#define LATE_BINDING_MS ENGINE_UNCONFIRMED_MS

bool begun_here(const struct engine *engine, const struct pod_object *object)
{
    const struct pod *pod = pods_find(engine->pods, object->uid);
    bool known = pod != NULL && pod->placed_here;
    bool early = !engine->synced || !engine->leading ||
                 engine->now < engine->decides_since + LATE_BINDING_MS;
    return object->node == NULL ? known : object->placed_here && (known || early);
}

void begun_refresh(struct gang *gang, enum gang_state state)
{
    struct gang_tally tally = gang_tally(gang);
    if (tally.bound == 0) {
        gang->most_here = 0;
    } else if (tally.here > gang->most_here) {
        gang->most_here = tally.here;
    }
    gang->begun = state == GANG_COMMITTING && tally.here > 0 &&
                  gang_missing(gang) <= gang->most_here - tally.here;
}

void begun_recover(struct gang *gang)
{
    struct gang_tally tally = gang_tally(gang);
    uint32_t missing = gang_missing(gang);
    if (tally.here > 0 && missing <= GANG_MEMBERS_MAX) {
        gang->most_here = tally.here + missing;
    }
}
