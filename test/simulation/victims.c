// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/victims.h"

#include "test/simulation/outranked.h"

#include <string.h>

#include "test/simulation/account.h"
#include "test/simulation/api_server.h"
#include "test/simulation/host.h"
#include "test/simulation/jobs.h"
#include "test/simulation/rules.h"
#include "test/simulation/shown.h"
#include "test/simulation/spaces.h"
#include "test/simulation/trace.h"

/* Preemption: for a member no node is left to be cleared, for an ordinary pod every one but those
 * where room of a member is kept. Eviction: only where that is configured, only of a gang that has
 * been in Committing for as long as it may be repaired, and only while there are bound members and
 * others that wait. On standby nothing is written, nobody is held, and every filter call is an
 * error.
 */

/* Somebody's binding is on its way there, or got no answer: whether that counts is not judged. */
static bool is_doubtful(const struct sim *sim, int node)
{
    for (int i = 0; i < sim->pod_count; i++) {
        if (sim->host.posted[i] != POST_NONE && sim->host.posted_to[i] == node) {
            return true;
        }
    }
    return false;
}

static void check_preemption(struct sim *sim, const struct record *record,
                             const struct preempt_reply *reply)
{
    bool member = sim->pods[record->pod].gang != SIM_NONE;
    for (uint32_t i = 0; i < record->node_count; i++) {
        int node = record->nodes[i];
        bool keeps = reply->keeps == NULL || reply->keeps[i];
        struct sim_amounts sure = {0}, most = {0};
        bool kept = account_keeps(sim, node);
        if (kept && !member && outranked_room(sim, record->pod, node, &sure, &most)) {
            kept = false; /* all of it gives way, or may */
            if (sure.pods != most.pods) {
                continue;
            }
        }
        if (keeps && (member || sim->host.standby || kept)) {
            sim_fail(sim, "(18) n%d may be cleared for p%d%s", node, record->pod,
                     kept ? ", where room is kept for a gang" : "");
        }
        if (!keeps && !member && !sim->host.standby && !kept && !is_doubtful(sim, node)) {
            sim_fail(sim, "(18) n%d may not be cleared for p%d, and nothing is held there", node,
                     record->pod);
        }
    }
}

static void note_states(struct sim *sim, const struct record *record)
{
    const struct effects *effects = &sim->host.effects;
    for (size_t i = 0; i < effects->count; i++) {
        const struct effect *effect = &effects->items[i];
        if (effect->type == EFFECT_TRANSITION) {
            bool committing = strcmp(effect->transition.to, gang_state_name(GANG_COMMITTING)) == 0;
            sim->host.committing_since[spaces_gang_of(sim, effect->transition.name_space,
                                                      effect->transition.gang)] =
                committing ? record->now : INT64_MAX;
        }
    }
}

static void check_incomplete(struct sim *sim, const struct record *record, int gang,
                             const char *what)
{
    int64_t since = sim->host.committing_since[gang];
    int bound = 0, pending = 0;
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        bool sent = sim->host.place[i] != SIM_NONE && account_hold(sim, i) == SIM_NONE;
        bool on = sent || sim->host.seen[i].node != SIM_NONE;
        bound += shown_live(sim, i) && on;
        pending += shown_live(sim, i) && !on;
    }
    if (since == INT64_MAX || record->now - since < sim->repair_ms || bound == 0 || pending == 0) {
        sim_fail(sim, "(19) g%d is %s after %lld ms, with %d members bound and %d waiting", gang,
                 what, since == INT64_MAX ? -1LL : (long long)(record->now - since), bound,
                 pending);
    }
}

static void check_evictions(struct sim *sim, const struct record *record)
{
    const struct effects *effects = &sim->host.effects;
    for (size_t i = 0; i < effects->count; i++) {
        const struct effect *effect = &effects->items[i];
        if (effect->type == EFFECT_EVICT) {
            if (!sim->evicts || sim->host.standby) {
                sim_fail(sim, "(19) %s is evicted, which nobody asked for", effect->write.name);
            }
            check_incomplete(sim, record, sim->pods[sim_number(effect->write.uid)].gang, "evicted");
        } else if (effect->type == EFFECT_EVENT &&
                   strcmp(effect->event.reason, "GangIncomplete") == 0) {
            check_incomplete(sim, record, spaces_gang_of_event(sim, &effect->event),
                             "called incomplete");
        }
    }
}

static void check_standby(struct sim *sim)
{
    const struct effects *effects = &sim->host.effects;
    for (size_t i = 0; i < effects->count && sim->host.standby; i++) {
        enum effect_type type = effects->items[i].type;
        if (type == EFFECT_POST_BINDING || type == EFFECT_NOMINATE || type == EFFECT_EXPLAIN ||
            type == EFFECT_EVICT || type == EFFECT_EVENT) {
            sim_fail(sim, "(20) it writes, and another one leads");
        }
        if (type == EFFECT_FILTER_REPLY && effects->items[i].filter.verdict != FILTER_ERROR) {
            sim_fail(sim, "(20) a filter call is answered with verdict %d, and another one leads",
                     (int)effects->items[i].filter.verdict);
        }
    }
    for (int gang = 0; gang < sim->gang_count && sim->host.standby; gang++) {
        if (account_holds(sim, gang) > 0) {
            sim_fail(sim, "(20) g%d holds something, and another one leads", gang);
        }
    }
}

void victims_check(struct sim *sim, const struct record *record)
{
    const struct effects *effects = &sim->host.effects;
    check_evictions(sim, record);
    note_states(sim, record);
    check_standby(sim);
    for (size_t i = 0; i < effects->count && record->type == EVENT_PREEMPT; i++) {
        if (effects->items[i].type == EFFECT_PREEMPT_REPLY) {
            check_preemption(sim, record, &effects->items[i].preempt);
        }
    }
}

/* ---- carried out ---- */

/* What is free on the node without those of lower priority. */
static bool would_fit(const struct sim *sim, int pod, int node)
{
    struct sim_amounts free = sim->nodes[node].state.has;
    struct sim_amounts request = sim_request(&sim->pods[pod], &sim->pods[pod].state);
    bool victims = false;
    for (int i = 0; i < sim->pod_count; i++) {
        const struct sim_pod *other = &sim->pods[i];
        if (!other->state.exists || other->state.terminal || other->state.node != node) {
            continue;
        }
        victims |= other->priority < sim->pods[pod].priority;
        if (other->priority >= sim->pods[pod].priority) {
            struct sim_amounts theirs = sim_request(other, &other->state);
            sim_take(&free, &theirs);
        }
    }
    return victims && rules_admits(&sim->nodes[node].state, &sim->pods[pod]) &&
           sim_fits(&free, &request);
}

static void take_away(struct sim *sim, int pod)
{
    if (sim->pods[pod].gang != SIM_NONE) {
        jobs_tear(sim, sim->pods[pod].gang);
        sim->gangs[sim->pods[pod].gang].marred = true;
    }
    sim->pods[pod].state.deleting = true;
    api_touch_pod(sim, pod);
    sim_later(sim, random_range(&sim->random, 10, 5000), ACTION_DELETE, pod, 0, 0);
}

void victims_preempt(struct sim *sim, int pod)
{
    uint8_t nodes[SIM_NODES_MAX];
    uint32_t count = 0, chosen = 0;
    for (int node = 0; node < sim->node_count; node++) {
        if (sim->kube.nodes[node].exists && would_fit(sim, pod, node)) {
            nodes[count++] = (uint8_t)node;
        }
    }
    if (count == 0 || !host_preempt(sim, pod, nodes, count)) {
        return;
    }
    while (chosen < count && !sim->host.answer.passes[chosen]) {
        chosen++;
    }
    if (chosen == count) {
        return;
    }
    trace_note(sim, "p%d takes n%d from others", pod, (int)nodes[chosen]);
    for (int i = 0; i < sim->pod_count; i++) {
        const struct sim_pod *other = &sim->pods[i];
        if (other->state.exists && !other->state.terminal && !other->state.deleting &&
            other->state.node == nodes[chosen] && other->priority < sim->pods[pod].priority) {
            take_away(sim, i);
        }
    }
    (void)api_nominate(sim, pod, nodes[chosen]);
}

void victims_evict(struct sim *sim, int pod)
{
    const struct pod_state *state = &sim->pods[pod].state;
    if (!state->exists || state->terminal || state->deleting) {
        return;
    }
    trace_note(sim, "p%d is evicted", pod);
    take_away(sim, pod);
    jobs_replace(sim, pod);
}
