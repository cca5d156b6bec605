// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/nominate.h"

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
 */

static void nominate(struct engine *engine, struct pod *pod, uint32_t row)
{
    bool clear = row == NAMES_NONE;
    pod->nominating = !clear;
    pod->resting = false;
    pod->nominate_at = engine->now + ENGINE_RENOMINATE_MS;
    if (clear) {
        pod->nominated = NAMES_NONE; /* on its way: a new plan must not count on the old one */
    }
    if (!clear && pod->nominated == row) {
        return; /* it carries just this one already */
    }
    struct effect *effect = engine_write(engine, EFFECT_NOMINATE, pod);
    effect->write.node =
        clear ? NULL : arena_string(&engine->effects->arena, nodes_name(engine->nodes, row));
}

void nominate_members(struct engine *engine, struct gang *gang)
{
    for (uint32_t i = 0; i < gang->member_count; i++) {
        struct pod *pod = gang->members[i];
        if (pod->claim == CLAIM_HELD && !pod->voted && pod->nominate) {
            nominate(engine, pod, pod->claim_row);
        } else if (pod->claim == CLAIM_NONE && gang_member_pending(pod) &&
                   (pod->nominating || (engine->synced && pod->nominated != NAMES_NONE))) {
            nominate(engine, pod, NAMES_NONE);
        }
        pod->nominate = false;
    }
}

/* The gang's nominations are looked at again by then: it is marked, which sets its timer. */
static void look_at(struct gang *gang, int64_t at)
{
    gang->nominate_at = at < gang->nominate_at ? at : gang->nominate_at;
}

void nominate_planned(struct engine *engine, struct pod *pod)
{
    pod->nominate = true;
    pod->taken_back = 0;
    pod->carried = pod->nominated == pod->claim_row;
    pod->carried_since = pod->carried ? engine->now : INT64_MAX;
    pod->nominate_at = engine->now + ENGINE_RENOMINATE_MS;
    look_at(pod->gang, pod->nominate_at);
}

/* Whether kube-scheduler has still to come for the member's planned node. */
static bool is_awaited(const struct pod *pod)
{
    return pod->claim == CLAIM_HELD && !pod->voted;
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
    int64_t pause = pause_after(pod->taken_back++);
    pod->resting = pause > 0;
    pod->nominate = !pod->resting;
    pod->nominate_at = engine->now + pause;
    engine->repeated += pod->nominate;
    if (pod->resting) {
        look_at(pod->gang, pod->nominate_at);
    }
}

void nominate_watched(struct engine *engine, struct pod *pod)
{
    bool carried = pod->carried;
    if (pod->claim != CLAIM_HELD) {
        return;
    }
    pod->carried = pod->nominated == pod->claim_row;
    if (pod->carried && pod->carried_since == INT64_MAX) {
        pod->carried_since = engine->now;
    } else if (carried && !pod->carried && !pod->voted) {
        taken_back(engine, pod);
    }
}

void nominate_again(struct engine *engine, struct gang *gang)
{
    int64_t next = engine->now + ENGINE_RENOMINATE_MS;
    for (uint32_t i = 0; i < gang->member_count; i++) {
        struct pod *pod = gang->members[i];
        if (!is_awaited(pod) || pod->carried) {
            continue;
        }
        if (pod->nominate_at > engine->now) {
            next = pod->nominate_at < next ? pod->nominate_at : next;
            continue;
        }
        pod->nominate = true;
        engine->repeated += pod->resting;
        engine->repeated_late += !pod->resting;
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
        pod->nominating = false; /* nothing to clear; the filter's answer still does the job */
    } else if (done->outcome == WRITE_UNKNOWN && done->node == NULL) {
        pod->nominating = true; /* it may still stand: clear it again */
        engine_mark(engine, pod->gang);
    }
}
