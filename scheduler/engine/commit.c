// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/commit.h"

#include "scheduler/engine/assign.h"
#include "scheduler/engine/nominate.h"
#include "scheduler/engine/standing.h"

/* From HELD to COMMITTING. No binding is posted for a gang before all that is missing of its quorum
 * stands in the barrier: bound and alive, succeeded in this run and voted are at least the minimum,
 * and of each role at least its own.
 */

/* Posts the binding of a held member. */
static void commit_member(struct engine *engine, struct pod *pod, uint64_t ticket, const char *run)
{
    struct arena *arena = &engine->effects->arena;
    pod->placed_here = true;
    pods_commit(engine->pods, pod);
    pod->waiting = true;
    pod->ticket = ticket;
    nominate_bound(pod);
    struct effect *effect = engine_write(engine, EFFECT_POST_BINDING, pod);
    effect->write.node = arena_string(arena, nodes_name(engine->nodes, pod->allocation_row));
    effect->write.gang = arena_string(arena, pod->gang->name);
    effect->write.rank = pod->role_rank;
    effect->write.devices = assign_names(engine, pod);
    if (pod->owner == NAMES_NONE) {
        (void)pod_update_text(&pod->run, run, POD_RUN);
        effect->write.run = run;
    }
}

void commit_if_voted(struct engine *engine, struct gang *gang)
{
    if (gang->barrier.count == 0 || gang_lacking(gang, COUNT_VOTED) > 0) {
        return;
    }
    if (gang_missing(gang) > 0 && gang->deadline <= engine->now) {
        return; /* we stood still, and the callers may be gone: the tick that is due gives up */
    }
    const char *run =
        arena_string(&engine->effects->arena, gang_run(gang, gang->barrier.items[0].pod));
    for (size_t i = 0; i < gang->barrier.count; i++) {
        commit_member(engine, gang->barrier.items[i].pod, gang->barrier.items[i].ticket, run);
    }
    gang->barrier.count = 0;
    gang->failures = 0;
    standing_kept(gang);
    gang_changed(gang); /* members beyond the plan may join now */
}
