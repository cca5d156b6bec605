// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/commit.h"

#include "scheduler/engine/assign.h"
#include "scheduler/engine/nominate.h"

/* From HELD to COMMITTING. No binding is posted for a gang before its quorum stands in the barrier;
 * once one is posted the gang has begun, and the rest follow.
 */

/* Posts the binding of a held member. */
static void commit_member(struct engine *engine, struct pod *pod, uint64_t ticket)
{
    struct arena *arena = &engine->effects->arena;
    pods_commit(engine->pods, pod);
    pod->waiting = true;
    pod->ticket = ticket;
    nominate_bound(pod);
    struct effect *effect = engine_write(engine, EFFECT_POST_BINDING, pod);
    effect->write.node = arena_string(arena, nodes_name(engine->nodes, pod->allocation_row));
    effect->write.gang = arena_string(arena, pod->gang->name);
    effect->write.rank = pod->role_rank;
    effect->write.devices = assign_names(engine, pod);
}

void commit_if_voted(struct engine *engine, struct gang *gang)
{
    int32_t minimum = gang_minimum(gang);
    struct gang_tally tally = gang_tally(gang);
    if (gang->barrier.count == 0 ||
        (!gang_begun(&tally) && (minimum <= 0 || gang->barrier.count < (size_t)minimum))) {
        return;
    }
    if (!gang_begun(&tally) && gang->deadline <= engine->now) {
        return; /* we stood still, and the callers may be gone: the tick that is due gives up */
    }
    for (size_t i = 0; i < gang->barrier.count; i++) {
        commit_member(engine, gang->barrier.items[i].pod, gang->barrier.items[i].ticket);
    }
    gang->barrier.count = 0;
    gang->failures = 0;
    gang_changed(gang); /* it has begun: members beyond the plan may join now */
}
