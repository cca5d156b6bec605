// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/engine/assign.h"
#include "scheduler/engine/hold.h"
#include "scheduler/engine/nominate.h"
#include "scheduler/engine/observe.h"
#include "scheduler/engine/ordinary.h"
#include "scheduler/engine/reason.h"
#include "scheduler/engine/standing.h"
#include "scheduler/engine/vetoes.h"
#include "topology/base/utf8.h"

/* kube-scheduler's calls, as votes of a transaction.
 *
 * filter    an ordinary pod passes everywhere but where capacity is held and would be taken; if
 *           that leaves it nothing, where only gangs of lower priority hold what it needs. Before
 *           the first sync nobody knows what a gang that was being bound when the last process died
 *           still needs, so ordinary pods have to come again, as they had to while there was none.
 *           A member that no watch has shown gets none, and is in no gang yet. Any other gets
 *           exactly its planned node (one feasible node makes kube-scheduler skip scoring), or
 *           none. Its planned node missing from the list although kube-scheduler carried the
 *           nomination and so tried it first is a veto; missing otherwise is mere sampling.
 * bind      an ordinary pod is bound at once. A member's bind is its yes: it waits in the barrier.
 * preempt   evicting pods node by node does not help a gang; for others, nodes with capacity held
 *           by gangs of their priority or more are left out.
 *
 * On standby (lead.c) filter and bind are errors for every pod, ordinary ones too: only the
 * leader knows what is held. An error makes kube-scheduler try the pod again, after 1 s, 2 s, …
 * 10 s, and wakes nobody; a refusal would put it to sleep until the cluster changes. Nothing is
 * evicted.
 *
 * Protocol facts: pkg/scheduler/schedule_one.go (nominated node first, sampling), extender.go.
 */

/* Index of a row in a call's list, or UINT32_MAX. */
static uint32_t index_of(const uint32_t *rows, uint32_t count, uint32_t row)
{
    for (uint32_t i = 0; i < count; i++) {
        if (rows[i] == row) {
            return i;
        }
    }
    return UINT32_MAX;
}

/* Whether so many pods are known from calls only that no further one is taken in. */
static bool is_one_too_many(const struct engine *engine, const struct pod *pod,
                            const struct call_pod *call)
{
    return pod == NULL && call->object != NULL &&
           pods_expected(engine->pods) >= ENGINE_FROM_CALL_MOST;
}

/* What a call says of a pod that the API server has not shown is its caller's word. A member would
 * have the others planned, and held, by that word: it waits until the watch shows it. An ordinary
 * pod has nothing before the API server takes its binding, and kube-scheduler has not seen it run
 * anywhere. */
struct pod *calls_pod(struct engine *engine, const struct call_pod *call)
{
    struct pod *pod = call->uid == NULL ? NULL : pods_find(engine->pods, call->uid);
    if (pod != NULL || call->object == NULL || is_one_too_many(engine, pod, call)) {
        return pod;
    }
    struct pod_object object = *call->object;
    object.node = NULL;
    pod = object.gang != NULL ? observe_heard_of(engine, &object) : observe_pod(engine, &object);
    pods_expect(engine->pods, pod, engine->now + ENGINE_FROM_CALL_MS);
    return pod;
}

static void reply_none(struct engine *engine, uint64_t ticket, const char *reason)
{
    struct effect *effect = effects_append(engine->effects, EFFECT_FILTER_REPLY);
    effect->filter.ticket = ticket;
    effect->filter.verdict = FILTER_NONE;
    effect->filter.reason = arena_string(&engine->effects->arena, reason);
}

static void reply_one(struct engine *engine, uint64_t ticket, uint32_t index)
{
    struct effect *effect = effects_append(engine->effects, EFFECT_FILTER_REPLY);
    effect->filter.ticket = ticket;
    effect->filter.verdict = FILTER_ONE;
    effect->filter.index = index;
}

/* Tried again after kube-scheduler's error backoff; a refused pod might sleep until something else
 * happens. */
static void reply_error(struct engine *engine, uint64_t ticket, const char *reason)
{
    struct effect *effect = effects_append(engine->effects, EFFECT_FILTER_REPLY);
    effect->filter.ticket = ticket;
    effect->filter.verdict = FILTER_ERROR;
    effect->filter.reason = arena_string(&engine->effects->arena, reason);
}

static void filter_ordinary(struct engine *engine, const struct filter_event *call,
                            const struct pod *pod)
{
    bool *passes = NULL;
    uint32_t refused = 0;
    if (ledger_holds(engine->ledger) > 0) {
        for (uint32_t i = 0; i < call->row_count; i++) {
            if (ordinary_may_have(engine, pod, call->rows[i])) {
                continue;
            }
            refused++;
            if (passes == NULL) {
                passes = arena_alloc(&engine->effects->arena, call->row_count, sizeof(bool));
                memset(passes, true, call->row_count);
            }
            passes[i] = false;
        }
    }
    if (passes != NULL && refused == call->row_count && pod != NULL) { /* else it has a choice */
        for (uint32_t i = 0; i < call->row_count; i++) {
            passes[i] = ordinary_may_take(engine, pod, call->rows[i]);
        }
    }
    struct effect *effect = effects_append(engine->effects, EFFECT_FILTER_REPLY);
    effect->filter.ticket = call->ticket;
    effect->filter.verdict = passes == NULL ? FILTER_ALL : FILTER_SOME;
    effect->filter.passes = passes;
    effect->filter.reason = reason_held_capacity;
}

/* Whether the caller carried the nomination of the planned node, so that it tried that node
 * first. */
static bool carried_nomination(const struct engine *engine, const struct filter_event *call,
                               const struct pod *pod)
{
    return call->pod.nominated != NULL &&
           strcmp(call->pod.nominated, nodes_name(engine->nodes, pod->allocation_row)) == 0;
}

/* Members that are spread, or require others, may have to wait for others of their gang, who have
 * not voted yet. */
static bool waits_its_turn(const struct engine *engine, const struct pod *pod)
{
    bool requires = false;
    for (uint32_t i = 0; i < pod->peer.rule_count; i++) {
        requires = requires || !pod->peer.rules[i]->apart;
    }
    return (requires || shapes_spread(engine->shapes, pod->shape).key != NULL) &&
           gang_tally(pod->gang).held > pod->gang->barrier.count + 1;
}

/* The member's node is not in the list: when that says something, the member is planned again. */
static bool plan_again(struct engine *engine, const struct filter_event *call, struct pod *pod)
{
    if (pod->phase == MEMBER_HELD && carried_nomination(engine, call, pod) &&
        !waits_its_turn(engine, pod)) {
        hold_veto(engine, pod);
        return true;
    }
    if (pod->phase == MEMBER_UNCONFIRMED && pod->node == NAMES_NONE) {
        /* kube-scheduler would not ask about a bound pod, but its binding may still happen: it is
         * to be bound to the very same node. Where that is refused, it keeps its room until it is
         * certain that nothing happened, and is planned elsewhere then. */
        if (carried_nomination(engine, call, pod)) {
            vetoes_note(engine, pod, true, pod->unconfirmed_until + ENGINE_VETO_MS);
        } else {
            nominate_anew(pod);
        }
    }
    return false;
}

bool calls_refused(struct engine *engine, const struct filter_event *call, struct pod *pod)
{
    if (!engine->leading || pod == NULL || pod->gang == NULL || !pods_placed(pod) ||
        index_of(call->rows, call->row_count, pod->allocation_row) != UINT32_MAX) {
        return false;
    }
    return plan_again(engine, call, pod);
}

static void filter_member(struct engine *engine, const struct filter_event *call, struct pod *pod)
{
    struct gang *gang = pod->gang;
    uint32_t index =
        !pods_placed(pod) ? UINT32_MAX : index_of(call->rows, call->row_count, pod->allocation_row);
    engine_mark(engine, gang);
    if (index != UINT32_MAX) {
        nominate_answered(pod); /* the answer itself does it */
        reply_one(engine, call->ticket, index);
        return;
    }
    if (!engine->synced) {
        pod->last_reason = reason_unsynced;
        reply_none(engine, call->ticket, reason_not_ready);
        return;
    }
    if (pods_held(pod)) {
        nominate_missed(pod);
    }
    pod->last_reason = gang->reason_class;
    reply_none(engine, call->ticket, gang->reason[0] != '\0' ? gang->reason : reason_not_planned);
}

void calls_filter(struct engine *engine, const struct filter_event *call, struct pod *pod)
{
    if (!engine->leading) {
        reply_error(engine, call->ticket, reason_standby);
    } else if (is_one_too_many(engine, pod, &call->pod)) {
        reply_error(engine, call->ticket, pod_unseen);
    } else if (pod != NULL && gang_refusal(pod) != NULL) {
        pod->last_reason = reason_refused;
        reply_none(engine, call->ticket, gang_refusal(pod));
    } else if (pod != NULL && pod->gang != NULL) {
        filter_member(engine, call, pod);
    } else if (engine->synced) {
        filter_ordinary(engine, call, pod);
    } else {
        reply_error(engine, call->ticket, reason_not_ready);
    }
}

void calls_prioritize(struct engine *engine, const struct filter_event *call)
{
    const struct pod *pod = call->pod.uid == NULL ? NULL : pods_find(engine->pods, call->pod.uid);
    struct effect *effect = effects_append(engine->effects, EFFECT_PRIORITIZE_REPLY);
    effect->prioritize.ticket = call->ticket;
    effect->prioritize.index = UINT32_MAX;
    if (pod != NULL && pod->gang != NULL && pods_placed(pod)) {
        effect->prioritize.index = index_of(call->rows, call->row_count, pod->allocation_row);
    }
}

void calls_preempt(struct engine *engine, const struct preempt_event *call)
{
    const struct pod *pod = engine->leading ? calls_pod(engine, &call->pod) : NULL;
    bool *keeps = arena_alloc(&engine->effects->arena, call->row_count, sizeof(bool));
    for (uint32_t i = 0; i < call->row_count; i++) {
        uint32_t row = call->rows[i];
        bool held = row != NAMES_NONE && ledger_has_hold(engine->ledger, row) &&
                    (pod == NULL || !ordinary_outranks(engine, pod, row));
        keeps[i] = engine->leading && !held &&
                   (pod == NULL || (pod->gang == NULL && gang_refusal(pod) == NULL));
    }
    struct effect *effect = effects_append(engine->effects, EFFECT_PREEMPT_REPLY);
    effect->preempt.ticket = call->ticket;
    effect->preempt.keeps = keeps;
}

static void post_ordinary(struct engine *engine, struct pod *pod, const struct bind_event *call,
                          uint32_t row)
{
    struct arena *arena = &engine->effects->arena;
    if (pod->waiting) {
        engine_bind_reply(engine, pod->ticket, "the pod's bind was called again");
    }
    pod->waiting = true;
    pod->ticket = call->ticket;
    engine_bind_waits(engine, pod, call->ticket);
    if (pod->posts > 0) {
        return; /* to this very node; its outcome answers the new caller */
    }
    if (pod->allocation_row != row) {
        engine_release(engine, pod);
    }
    if (pod_certain(pod)) {
        pods_post_again(pod);
    } else {
        pods_post(engine->pods, pod, row);
    }
    struct effect *effect = engine_write(engine, EFFECT_POST_BINDING, pod);
    effect->write.node = arena_string(arena, call->node);
    if (pod->gang != NULL) {
        effect->write.gang = arena_string(arena, pod->gang->name);
        effect->write.rank = pod->role_rank;
        effect->write.devices = assign_names(engine, pod);
        if (pod->owner == NAMES_NONE && pod->run != NULL) { /* as it was committed */
            effect->write.run = arena_string(arena, pod->run);
        }
    }
}

static void bind_ordinary(struct engine *engine, struct pod *pod, const struct bind_event *call,
                          uint32_t row)
{
    if (!ordinary_may_have(engine, pod, row) && !ordinary_make_way(engine, pod, row)) {
        engine_bind_reply(engine, call->ticket, reason_held_capacity);
        return;
    }
    post_ordinary(engine, pod, call, row);
}

static void bind_member(struct engine *engine, struct pod *pod, const struct bind_event *call,
                        uint32_t row)
{
    struct gang *gang = pod->gang;
    char text[GANG_REASON_MAX];
    engine_mark(engine, gang);
    if (!pods_held(pod) || pod->allocation_row != row) {
        utf8_print(text, sizeof(text), "gang %s/%s: the pod is not planned on node %.200s",
                   gang->name_space, gang->name, call->node);
        engine_bind_reply(engine, call->ticket, text);
        return;
    }
    uint64_t replaced;
    if (barrier_add(&gang->barrier, pod, call->ticket, &replaced)) {
        engine_bind_reply(engine, replaced, "the pod's bind was called again");
    }
    engine_bind_waits(engine, pod, call->ticket);
    if (pod->phase == MEMBER_HELD) {
        pods_vote(engine->pods, pod);
        nominate_voted(engine, gang);
        standing_voted(gang);
    }
}

/* Whether the pod is known to be bound already; its caller, who has not seen that yet, is
 * answered. Who asks for the node it is on is answered by the API server: it may have been set back
 * since it told of the binding. Where the node is not known, nothing more is known. */
static bool is_bound_already(struct engine *engine, const struct pod *pod,
                             const struct bind_event *call)
{
    bool bound = pod->node != NAMES_NONE || pod_certain(pod);
    if (!bound) {
        return false;
    }
    bool same = strcmp(pods_node_name(engine->pods, pod), call->node) == 0;
    if (same && nodes_find(engine->nodes, call->node, strlen(call->node)) != NAMES_NONE) {
        return false;
    }
    engine_bind_reply(engine, call->ticket, same ? NULL : "the pod is bound to another node");
    return true;
}

/* Why nothing can be bound as it is called for, or NULL. */
static const char *find_obstacle(const struct engine *engine, const struct pod *pod,
                                 const struct bind_event *call, uint32_t row,
                                 char text[GANG_REASON_MAX])
{
    if (row == NAMES_NONE) { /* kube-scheduler has seen it earlier, and comes again */
        utf8_print(text, GANG_REASON_MAX, "pod %.250s/%.250s: node %.250s is not known (yet)",
                   call->name_space, call->name, call->node);
        return text;
    }
    if (pod->posts > 0 && pod->allocation_row != row) {
        return "the pod is being bound to another node";
    }
    if (strcmp(pod->name, call->name) != 0 || strcmp(pod->name_space, call->name_space) != 0) {
        return "the pod of that uid has another name";
    }
    if (pod->terminal) { /* kube-scheduler has not seen it yet; its room is not taken once more */
        return "the pod has ended";
    }
    if (gang_refusal(pod) != NULL) {
        return gang_refusal(pod);
    }
    if (pod->foreign) {
        return pod_foreign;
    }
    return pod->gang == NULL && !engine->synced ? reason_not_ready : NULL;
}

void calls_bind(struct engine *engine, const struct bind_event *call)
{
    char text[GANG_REASON_MAX];
    if (engine->draining || !engine->leading) {
        engine_bind_reply(engine, call->ticket,
                          engine->draining ? reason_stopping : reason_standby);
        return;
    }
    struct pod *pod = pods_find(engine->pods, call->uid);
    if (pod == NULL) {
        utf8_print(text, sizeof(text), "pod %.250s/%.250s is not known (yet)", call->name_space,
                   call->name);
        engine_bind_reply(engine, call->ticket, text);
        return;
    }
    if (is_bound_already(engine, pod, call)) {
        return;
    }
    uint32_t row = nodes_find(engine->nodes, call->node, strlen(call->node));
    const char *obstacle = find_obstacle(engine, pod, call, row, text);
    if (obstacle != NULL) {
        engine_bind_reply(engine, call->ticket, obstacle);
    } else if (pods_bound(pod) && pod->allocation_row == row) {
        post_ordinary(engine, pod, call, row);
    } else if (pod->gang == NULL) {
        bind_ordinary(engine, pod, call, row);
    } else {
        bind_member(engine, pod, call, row);
    }
}

void calls_give_up(struct engine *engine, uint64_t ticket)
{
    struct pod *pod = engine_bind_given_up(engine, ticket);
    if (pod == NULL) {
        return; /* the answer is on its way */
    }
    if (pod->phase == MEMBER_VOTED) {
        (void)barrier_take(&pod->gang->barrier, pod, &ticket);
        pods_unvote(engine->pods, pod);
    } else {
        pod->waiting = false;
    }
}

static void answer_waiting(struct engine *engine, struct pod *pod, const char *error)
{
    if (pod->waiting) {
        pod->waiting = false;
        engine_bind_reply(engine, pod->ticket, error);
    }
}

void calls_binding_done(struct engine *engine, const struct write_done_event *done)
{
    struct pod *pod = pods_find(engine->pods, done->uid);
    if (pod == NULL) {
        return; /* deleted meanwhile; its caller was answered then */
    }
    bool bound = done->outcome == WRITE_DONE;
    engine_mark(engine, pod->gang);
    pods_answered(pod);
    answer_waiting(engine, pod, bound ? NULL : done->message);
    if (pod->from_call) { /* once bound it exists, however late the watch is */
        pods_expect(engine->pods, pod,
                    engine->now + (bound ? ENGINE_UNSEEN_MS : ENGINE_FROM_CALL_MS));
    }
    if (pod->phase != MEMBER_POSTED && pod->phase != MEMBER_UNCONFIRMED) {
        return; /* the watch has shown it */
    }
    if (done->outcome == WRITE_UNKNOWN) {
        pods_unconfirm(engine->pods, pod, engine->now + ENGINE_UNCONFIRMED_MS);
        return; /* the watch will tell, or kube-scheduler by trying again */
    }
    if (bound) {
        pods_assume(engine->pods, pod);
        return;
    }
    engine_release(engine, pod);
    if (pod->gang != NULL) {
        if (gang_tally(pod->gang).bound == 0) { /* else others could take its room meanwhile */
            pod->gang->not_before = engine->now + ENGINE_REFUSED_MS;
        }
        engine_mark_changed(engine, pod->gang);
    }
}
