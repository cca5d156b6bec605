// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/nominate.h"

/* Nominations: status.nominatedNodeName of the members of a plan. kube-scheduler tries that node
 * first, sampling or not, and keeps room there for the pod; and the write itself wakes the pod.
 *
 *   held ──▶ asked for ──▶ shown by the watch ──▶ kube-scheduler asks, and binds
 *                 ▲              not shown in time
 *                 └──────────────────┘
 *
 * Whoever is nominated and has no plan any more, be it one of an earlier process, has it taken
 * back.
 */

static void nominate(struct engine *engine, struct pod *pod, uint32_t row)
{
    bool clear = row == NAMES_NONE;
    pod->nominating = !clear;
    pod->nominated_at = engine->now;
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

void nominate_again(struct engine *engine, struct gang *gang)
{
    for (uint32_t i = 0; i < gang->member_count; i++) {
        struct pod *pod = gang->members[i];
        if (pod->claim == CLAIM_HELD && !pod->voted && pod->nominated != pod->claim_row &&
            pod->nominated_at + ENGINE_RENOMINATE_MS <= engine->now) {
            pod->nominate = true;
        }
    }
    gang->nominate_at = engine->now + ENGINE_RENOMINATE_MS;
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
