// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/nominate.h"

#include <inttypes.h>

/* Nominations: status.nominatedNodeName of the members of a plan. kube-scheduler tries that node
 * first, sampling or not, and keeps room there for the pod; and the write itself wakes the pod.
 *
 *   held ──▶ asked for ──▶ shown by the watch ──▶ kube-scheduler asks, and binds
 *              ▲  ▲  not shown in time │ taken back
 *              │  └────────────────────┤
 *              └───────────────────────┘
 *
 * Whoever is nominated and has no plan any more, be it one of an earlier process, has it taken
 * back.
 *
 * kube-scheduler takes back the nomination of every pod that it refuses: its failure handler reads
 * the pod from the informer and clears what it finds there, with the write of the condition
 * (pkg/scheduler/schedule_one.go: handleSchedulingFailure(), updatePod()). A cycle, however, works
 * with the pod as it was popped. A nomination that is seen between the two is lost: the pod, though
 * woken by it, is tried on a sample of the nodes that need not have the planned one, is refused,
 * and sleeps. On 5,000 nodes, where a sample is one in ten, that befell one gang in four.
 *
 * The watch shows it, and the nomination is asked for again in the same breath. The next one may
 * fall into a cycle, too; but whoever takes back each of them (own filters that refuse the pod
 * everywhere, another program that nominates) would keep us writing at the speed of the API server,
 * so from the third time on there are pauses that double. What the watch does not show at all,
 * because a write or a watch got lost, is asked for again by a timer, the last resort, and counted.
 *
 * A nomination does not wake every pod. One that kube-scheduler's own filters have refused sleeps
 * until something happens that its plugin takes for help: for required affinity to a member of the
 * gang itself, a pod that is bound (interpodaffinity/plugin.go: isSchedulableAfterPodChange()).
 * That member has voted, so it is assumed, and the other one would be let in beside it; but it is
 * bound only when the other one has voted, too. The pod's own labels are looked at as well. So when
 * a gang of which somebody has voted stands still, those who have not are given a label, with the
 * nomination: again after pauses that double, which is some six times in a hold.
 */

static void nominate(struct engine *engine, struct pod *pod, uint32_t row)
{
    bool clear = row == NAMES_NONE;
    pod->nomination.asked = !clear;
    pod->nomination.resting = false;
    pod->nomination.due = engine->now + ENGINE_RENOMINATE_MS;
    if (clear) {
        /* On its way: a new plan must not count on the old one. */
        (void)pod_update_nominated(pod, engine->nodes, NULL);
    }
    if (!clear && pod_nominated(pod, engine->nodes) == row && !pod->nomination.wakes) {
        return; /* it carries just this one already */
    }
    struct effect *effect = engine_write(engine, EFFECT_NOMINATE, pod);
    effect->write.node =
        clear ? NULL : arena_string(&engine->effects->arena, nodes_name(engine->nodes, row));
    if (!clear && pod->nomination.wakes) { /* any text that was not there before */
        effect->write.text = arena_printf(&engine->effects->arena, "%" PRId64, engine->now);
    }
}

void nominate_members(struct engine *engine, struct gang *gang)
{
    for (uint32_t i = 0; i < gang->member_count; i++) {
        struct pod *pod = gang->members[i];
        bool placed = pod->phase == MEMBER_HELD || pod->phase == MEMBER_UNCONFIRMED;
        if (placed && pod->nomination.wanted) {
            nominate(engine, pod, pod->allocation_row);
        } else if (!pods_placed(pod) && gang_member_pending(pod) &&
                   (pod->nomination.asked ||
                    (engine->synced && pod_nominated(pod, engine->nodes) != NAMES_NONE))) {
            nominate(engine, pod, NAMES_NONE);
        }
        pod->nomination.wanted = false;
        pod->nomination.wakes = false;
    }
}

/* The gang's nominations are looked at again by then: it is marked, which sets its timer. */
static void look_at(struct gang *gang, int64_t at)
{
    gang->nominate_at = at < gang->nominate_at ? at : gang->nominate_at;
}

void nominate_planned(struct engine *engine, struct pod *pod)
{
    pod->nomination.wanted = true;
    pod->nomination.missed = false;
    pod->nomination.taken_back = 0;
    pod->nomination.carried = pod_nominated(pod, engine->nodes) == pod->allocation_row;
    pod->nomination.since = pod->nomination.carried ? engine->now : INT64_MAX;
    pod->nomination.due = engine->now + ENGINE_RENOMINATE_MS;
    look_at(pod->gang, pod->nomination.due);
}

/* Whether kube-scheduler has still to come for the member's planned node. */
static bool is_awaited(const struct pod *pod)
{
    return pod->phase == MEMBER_HELD;
}

/* How long a nomination rests that was taken back so often before. */
static int64_t pause_after(uint32_t times)
{
    int64_t pause = times < ENGINE_TAKEN_BACK_MAX ? 0 : ENGINE_TAKEN_BACK_MS;
    for (uint32_t i = ENGINE_TAKEN_BACK_MAX; i < times && pause < ENGINE_RENOMINATE_MS; i++) {
        pause *= 2;
    }
    return pause < ENGINE_RENOMINATE_MS ? pause : ENGINE_RENOMINATE_MS;
}

static void taken_back(struct engine *engine, struct pod *pod)
{
    int64_t pause = pause_after(pod->nomination.taken_back++);
    pod->nomination.resting = pause > 0;
    pod->nomination.wanted = !pod->nomination.resting;
    pod->nomination.due = engine->now + pause;
    engine->repeated += pod->nomination.wanted;
    if (pod->nomination.resting) {
        look_at(pod->gang, pod->nomination.due);
    }
}

void nominate_watched(struct engine *engine, struct pod *pod)
{
    bool carried = pod->nomination.carried;
    if (!pods_held(pod)) {
        return;
    }
    pod->nomination.carried = pod_nominated(pod, engine->nodes) == pod->allocation_row;
    if (pod->nomination.carried && pod->nomination.since == INT64_MAX) {
        pod->nomination.since = engine->now;
    } else if (carried && !pod->nomination.carried && pod->phase == MEMBER_HELD) {
        taken_back(engine, pod);
    }
}

/* When no vote has come for so long, those who are awaited are woken. */
static void wake_after(struct engine *engine, struct gang *gang)
{
    gang->wake_at = engine->now + ((int64_t)ENGINE_WAKE_MS << (gang->wakes < 8 ? gang->wakes : 8));
    look_at(gang, gang->wake_at);
}

void nominate_voted(struct engine *engine, struct gang *gang)
{
    wake_after(engine, gang);
}

void nominate_rest(struct gang *gang)
{
    gang->nominate_at = INT64_MAX;
    gang->wake_at = INT64_MAX;
    gang->wakes = 0;
}

static void wake(struct engine *engine, struct gang *gang)
{
    for (uint32_t i = 0; i < gang->member_count; i++) {
        struct pod *pod = gang->members[i];
        if (is_awaited(pod) && pod->nomination.since != INT64_MAX) { /* it has been shown */
            pod->nomination.wanted = true;
            pod->nomination.wakes = true;
        }
    }
    gang->wakes++;
    wake_after(engine, gang);
}

void nominate_again(struct engine *engine, struct gang *gang)
{
    int64_t next = engine->now + ENGINE_RENOMINATE_MS;
    if (gang->wake_at <= engine->now && gang->barrier.count > 0) {
        wake(engine, gang);
    } else if (gang->wake_at <= engine->now) {
        gang->wake_at = INT64_MAX;
    }
    next = gang->wake_at < next ? gang->wake_at : next;
    for (uint32_t i = 0; i < gang->member_count; i++) {
        struct pod *pod = gang->members[i];
        if (!is_awaited(pod) || pod->nomination.carried) {
            continue;
        }
        if (pod->nomination.due > engine->now) {
            next = pod->nomination.due < next ? pod->nomination.due : next;
            continue;
        }
        pod->nomination.wanted = true;
        engine->repeated += pod->nomination.resting;
        engine->repeated_late += !pod->nomination.resting;
    }
    gang->nominate_at = next;
}

void nominate_done(struct engine *engine, const struct write_done_event *done)
{
    struct pod *pod = pods_find(engine->pods, done->uid);
    if (pod == NULL) {
        return;
    }
    if (done->outcome == WRITE_REFUSED) {
        pod->nomination.asked =
            false; /* nothing to clear; the filter's answer still does the job */
    } else if (done->outcome == WRITE_UNKNOWN && done->node == NULL) {
        pod->nomination.asked = true; /* it may still stand: clear it again */
        engine_mark(engine, pod->gang);
    }
}

void nominate_anew(struct pod *pod)
{
    pod->nomination.wanted = true;
}

void nominate_answered(struct pod *pod)
{
    pod->nomination.wanted = false;
    pod->nomination.missed = false;
}

void nominate_missed(struct pod *pod)
{
    pod->nomination.missed = true;
}

void nominate_bound(struct pod *pod)
{
    pod->nomination.wanted = false;
    pod->nomination.asked = false;
}

void nominate_forget(struct pod *pod)
{
    pod->nomination.missed = false;
}
