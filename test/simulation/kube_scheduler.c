// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/kube_scheduler.h"

#include <stdio.h>
#include <string.h>

#include "test/simulation/api_server.h"
#include "test/simulation/company.h"
#include "test/simulation/host.h"
#include "test/simulation/rules.h"
#include "test/simulation/trace.h"
#include "test/simulation/victims.h"

#include "topology/base/alloc.h"

/* A kube-scheduler, as far as an extender can tell (pkg/scheduler/schedule_one.go,
 * scheduling_queue.go, extender.go):
 *
 *   active ──cycle──▶ nominated node alone, else (a sample of) all ──▶ own filters ──▶ extender
 *     ▲                 one node: taken; several: prioritize; none: unschedulable
 *     │                 taken: assumed in the cache, bound by a goroutine that may wait up to 60 s
 *   backoff ◀──event── unschedulable           any error: forgotten, error backoff
 *
 * A cycle takes time, and there is one at a time: popped, asked, refused, its condition written. It
 * works with the pod as it was popped. What is seen of the pod meanwhile (its in-flight events)
 * counts at the end, when the failure handler puts it back with the pod as the informer has it by
 * then, and takes back whatever nomination that one carries, be it one that came after the pop: a
 * nomination that lands in the hands of kube-scheduler is lost, and the watch shows it.
 *
 * It sees the cluster through informers of its own, which lag. Own filters: NodeResourcesFit with
 * assumed pods and nominated pods of the same or greater priority, and refusals nobody outside can
 * foresee (volumes, claims, …), which are what makes vetoes. The flush of pods that were
 * unschedulable for five minutes is left out for members on purpose: one that sleeps because nobody
 * woke it must be seen. Ordinary pods need it: nothing wakes them when a nomination is cleared or a
 * hold ends.
 */

enum rejected_by {
    REJECTED_FIT = 1,
    REJECTED_HIDDEN = 2,
    REJECTED_EXTENDER = 4,
    REJECTED_NODE = 8,     /* taints, selector, cordon */
    REJECTED_COMPANY = 16, /* who is there, or not there */
    REJECTED_ANY =
        REJECTED_COMPANY | REJECTED_FIT | REJECTED_HIDDEN | REJECTED_EXTENDER | REJECTED_NODE,
};

#define MESSAGE_ERROR  1
#define MESSAGE_FIT    2
#define MESSAGE_HIDDEN 3

static void arm_cycle(struct sim *sim, int64_t delay)
{
    struct kube *kube = &sim->kube;
    if (kube->cycle_armed && kube->cycle_at <= sim->now + delay) {
        return;
    }
    kube->cycle_armed = true;
    kube->cycle_at = sim->now + delay;
    sim_later(sim, delay, ACTION_CYCLE, 0, 0, 0);
}

static void activate(struct sim *sim, struct kube_pod *pod)
{
    pod->place = PLACE_ACTIVE;
    pod->error = false;
    pod->order = ++sim->kube.next_order;
    arm_cycle(sim, sim_delay(sim, 1, 3, 0, 3));
}

/* Out of the unschedulable pool, or of a cycle: to the active queue, or first through the rest of
 * its backoff. */
static void requeue(struct sim *sim, struct kube_pod *pod)
{
    if (pod->until <= sim->now) {
        activate(sim, pod);
        return;
    }
    pod->place = PLACE_BACKOFF;
    arm_cycle(sim, pod->until - sim->now);
}

static void wake(struct sim *sim, unsigned plugins)
{
    for (int i = 0; i < sim->pod_count; i++) {
        struct kube_pod *pod = &sim->kube.pods[i];
        pod->events |= plugins;
        if (pod->place == PLACE_UNSCHEDULABLE && (pod->plugins & plugins) != 0) {
            requeue(sim, pod);
        }
    }
}

void kube_wake_all(struct sim *sim)
{
    wake(sim, REJECTED_ANY);
}

void kube_flush(struct sim *sim)
{
    for (int i = 0; i < sim->pod_count; i++) {
        struct kube_pod *pod = &sim->kube.pods[i];
        if (pod->place == PLACE_UNSCHEDULABLE && sim->pods[i].gang == SIM_NONE) {
            requeue(sim, pod);
        }
    }
}

static int64_t backoff_of(const struct kube_pod *pod)
{
    int64_t delay = 1000;
    for (int i = 1; i < pod->attempts && delay < 10000; i++) {
        delay *= 2;
    }
    return delay < 10000 ? delay : 10000;
}

/* The condition PodScheduled=False, and the nomination taken back if the informer shows one. An
 * unchanged one is not sent; a lost one is not sent again. When it is done. */
static int64_t patch(struct sim *sim, int index, int message)
{
    int64_t delay = sim_delay(sim, 1, 15, 0, 15);
    bool clear = sim->kube.pods[index].view.nominated != SIM_NONE;
    if (sim->now >= sim->losses.until || !random_chance(&sim->random, sim->losses.chance)) {
        sim_later(sim, delay, ACTION_PATCH, index, clear, (uint64_t)message);
    }
    return delay;
}

static void end_cycle(struct sim *sim, int64_t delay)
{
    sim->kube.cycle = 0;
    arm_cycle(sim, delay);
}

/* What the failure handler does with a pod that was refused or, with `error`, could not be tried;
 * when its condition is written. */
static int64_t handle_failure(struct sim *sim, int index, bool error, int message)
{
    struct kube_pod *pod = &sim->kube.pods[index];
    pod->attempts++;
    pod->until = sim->now + backoff_of(pod);
    pod->error = error;
    pod->place = error ? PLACE_BACKOFF : PLACE_UNSCHEDULABLE;
    if (error) {
        arm_cycle(sim, pod->until - sim->now);
    } else if ((pod->plugins & pod->events) != 0) {
        requeue(sim, pod);
    }
    return patch(sim, index, message);
}

static void refuse(struct sim *sim, int index, unsigned plugins, int message)
{
    struct kube_pod *pod = &sim->kube.pods[index];
    pod->plugins = plugins;
    pod->error = message == MESSAGE_ERROR;
    sim_later(sim, sim_delay(sim, 0, 4, 30, 60), ACTION_REFUSED, index, message, sim->kube.cycle);
}

void kube_refused(struct sim *sim, int index, int message, uint64_t cycle)
{
    struct kube_pod *pod = &sim->kube.pods[index];
    if (sim->kube.cycle != cycle) {
        return;
    }
    if (pod->place != PLACE_CYCLE) { /* gone, or bound, meanwhile */
        end_cycle(sim, 1);
        return;
    }
    end_cycle(sim, 1 + handle_failure(sim, index, pod->error, message));
}

/* ---- informers ---- */

static void show_node(struct sim *sim, int index, const struct node_state *state)
{
    sim->kube.nodes[index] = *state;
    if (state->exists) {
        kube_wake_all(sim);
    }
}

static void show_gone(struct sim *sim, struct kube_pod *pod)
{
    bool held = pod->assumed || pod->view.node != SIM_NONE;
    pod->known = false;
    pod->assumed = false;
    pod->place = PLACE_NONE;
    if (held) {
        wake(sim, REJECTED_FIT | REJECTED_EXTENDER | REJECTED_COMPANY);
    }
}

static void show_pod(struct sim *sim, int index, const struct pod_state *state)
{
    struct kube_pod *pod = &sim->kube.pods[index];
    bool was_known = pod->known, was_gated = was_known && pod->view.gated;
    bool same = was_known && pod->view.version == state->version;
    if (!state->exists || state->terminal) { /* its informer selects what is not terminal */
        if (was_known) {
            show_gone(sim, pod);
        }
        pod->view = *state;
        return;
    }
    pod->view = *state;
    pod->known = true;
    pod->events |= same ? 0 : REJECTED_ANY;
    if (state->node != SIM_NONE) {
        pod->assumed = false;
        if (pod->place != PLACE_BINDING) {
            pod->place = PLACE_NONE;
        }
        wake(sim, REJECTED_EXTENDER | REJECTED_COMPANY);
        return;
    }
    if (state->gated) { /* SchedulingGates, before anything else */
        pod->place = PLACE_NONE;
    } else if (!was_known || was_gated) {
        pod->assumed = false;
        pod->attempts = 0;
        activate(sim, pod);
    } else if (!same && pod->place == PLACE_UNSCHEDULABLE) {
        requeue(sim, pod);
    }
}

void kube_show(struct sim *sim, const struct change *change)
{
    if (change->kind == KIND_NODE) {
        show_node(sim, change->index, &change->node);
    } else if (change->kind == KIND_POD) {
        show_pod(sim, change->index, &change->pod);
    }
}

/* ---- filters ---- */

static int node_of(const struct kube_pod *pod)
{
    if (!pod->known) {
        return SIM_NONE;
    }
    return pod->assumed ? pod->assumed_node : pod->view.node;
}

/* What is free for the pod, with everybody nominated there who has the same or greater priority. */
static struct sim_amounts free_for(const struct sim *sim, int index, int node)
{
    struct sim_amounts free = sim->kube.nodes[node].has;
    for (int i = 0; i < sim->pod_count; i++) {
        const struct kube_pod *other = &sim->kube.pods[i];
        if (i == index || !other->known) {
            continue;
        }
        int on = node_of(other);
        bool nominated = on == SIM_NONE && other->view.nominated == node &&
                         sim->pods[i].priority >= sim->pods[index].priority;
        if (on == node || nominated) {
            struct sim_amounts request = sim_request(&sim->pods[i], &other->view);
            sim_take(&free, &request);
        }
    }
    return free;
}

static bool own_filters(const struct sim *sim, int index, int node, unsigned *plugins)
{
    const struct sim_pod *pod = &sim->pods[index];
    if (!sim->kube.nodes[node].exists) {
        return false;
    }
    if (!rules_admits(&sim->kube.nodes[node], pod)) {
        *plugins |= REJECTED_NODE;
        return false;
    }
    if (sim->hidden[pod->shape][node]) {
        *plugins |= REJECTED_HIDDEN;
        return false;
    }
    struct sim_amounts free = free_for(sim, index, node);
    struct sim_amounts request = sim_request(pod, &sim->kube.pods[index].popped);
    if (!sim_fits(&free, &request)) {
        *plugins |= REJECTED_FIT;
        return false;
    }
    if (sim->company > 0 && !company_filters(sim, index, node)) {
        *plugins |= REJECTED_COMPANY;
        return false;
    }
    return true;
}

/* ---- the cycle ---- */

/* An ordinary pod often waits for its volumes before it is bound, longer than a gang votes. */
static void take(struct sim *sim, int index, int node)
{
    int slow = sim->pods[index].gang == SIM_NONE ? 200 : 30;
    struct kube_pod *pod = &sim->kube.pods[index];
    pod->assumed = true;
    pod->assumed_node = node;
    pod->place = PLACE_BINDING;
    pod->ticket = 0;
    pod->order = ++sim->kube.next_order;
    sim_later(sim, sim_delay(sim, 0, 10, slow, 6000), ACTION_BIND_CALL, index, 0, pod->order);
}

enum filtered { FILTERED_ERROR, FILTERED_NONE, FILTERED_TAKEN };

/* The extender's turn on the nodes that are left; takes one when any passes. */
static enum filtered ask_extender(struct sim *sim, int index, uint8_t *nodes, uint32_t count)
{
    const struct filter_answer *answer = &sim->host.answer;
    if (sim->kube.twice > 0) {
        sim->kube.twice--;
        (void)host_filter(sim, index, nodes, count);
    }
    if (!host_filter(sim, index, nodes, count) || answer->verdict == FILTER_ERROR) {
        return FILTERED_ERROR;
    }
    if (sim->kube.deaf > 0) {
        sim->kube.deaf--;
        return FILTERED_ERROR;
    }
    if (answer->verdict == FILTER_NONE) {
        return FILTERED_NONE;
    }
    if (answer->verdict == FILTER_ONE) {
        take(sim, index, nodes[answer->index < count ? answer->index : 0]);
        return FILTERED_TAKEN;
    }
    uint32_t left = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (answer->verdict == FILTER_ALL || answer->passes[i]) {
            nodes[left++] = nodes[i];
        }
    }
    if (left == 0) {
        return FILTERED_NONE;
    }
    uint32_t chosen = (uint32_t)random_index(&sim->random, (int)left);
    if (left > 1 && host_prioritize(sim, index, nodes, left) && sim->host.prioritized < left) {
        chosen = sim->host.prioritized;
    }
    take(sim, index, nodes[chosen]);
    return FILTERED_TAKEN;
}

static bool try_nominated(struct sim *sim, int index)
{
    int nominated = sim->kube.pods[index].popped.nominated;
    unsigned plugins = 0;
    if (nominated == SIM_NONE || !own_filters(sim, index, nominated, &plugins)) {
        return false;
    }
    uint8_t node = (uint8_t)nominated;
    return ask_extender(sim, index, &node, 1) == FILTERED_TAKEN;
}

/* PostFilter: in the simulation only pods of priority take room from others, and not for ever. */
static void preempt(struct sim *sim, int index)
{
    if (!sim->calm && sim->pods[index].priority > 0 && sim->pods[index].gang == SIM_NONE &&
        random_chance(&sim->random, 300)) {
        victims_preempt(sim, index);
    }
}

static void schedule(struct sim *sim, int index)
{
    struct kube *kube = &sim->kube;
    uint8_t nodes[SIM_NODES_MAX];
    uint32_t count = 0;
    unsigned plugins = 0;
    if (try_nominated(sim, index)) {
        end_cycle(sim, sim_delay(sim, 1, 4, 0, 4));
        return;
    }
    int wanted = kube->sample == 0 ? sim->node_count : kube->sample;
    int looked = 0;
    for (; looked < sim->node_count && (int)count < wanted; looked++) {
        int node = (kube->next_start + looked) % sim->node_count;
        if (own_filters(sim, index, node, &plugins)) {
            nodes[count++] = (uint8_t)node;
        }
    }
    kube->next_start = sim->node_count == 0 ? 0 : (kube->next_start + looked) % sim->node_count;
    if (count == 0) {
        preempt(sim, index);
        refuse(sim, index, plugins,
               (plugins & REJECTED_HIDDEN) != 0 ? MESSAGE_HIDDEN : MESSAGE_FIT);
        return;
    }
    switch (ask_extender(sim, index, nodes, count)) {
    case FILTERED_ERROR:
        refuse(sim, index, 0, MESSAGE_ERROR);
        break;
    case FILTERED_NONE:
        refuse(sim, index, plugins | REJECTED_EXTENDER, (int)(sim->host.answer.reason & 0xfffffff));
        preempt(sim, index);
        if (random_chance(&sim->random, 50)) {
            (void)host_preempt(sim, index, nodes, count);
        }
        break;
    case FILTERED_TAKEN:
        end_cycle(sim, sim_delay(sim, 1, 4, 0, 4));
        break;
    }
}

void kube_ask(struct sim *sim, int index, uint64_t cycle)
{
    if (sim->kube.cycle != cycle) {
        return;
    }
    if (sim->kube.pods[index].place == PLACE_CYCLE) {
        schedule(sim, index);
    } else { /* gone, or bound, meanwhile */
        end_cycle(sim, 1);
    }
}

/* Greatest priority first, then first come; SIM_NONE when nobody is to be scheduled now. */
static int next_pod(struct sim *sim, int64_t *next_at)
{
    int best = SIM_NONE, early = SIM_NONE;
    *next_at = INT64_MAX;
    for (int i = 0; i < sim->pod_count; i++) {
        struct kube_pod *pod = &sim->kube.pods[i];
        if (pod->place == PLACE_BACKOFF && pod->until <= sim->now) {
            activate(sim, pod);
        }
        if (pod->place == PLACE_BACKOFF) {
            *next_at = pod->until < *next_at ? pod->until : *next_at;
            if (!pod->error && (early == SIM_NONE || pod->until < sim->kube.pods[early].until)) {
                early = i;
            }
        } else if (pod->place == PLACE_ACTIVE &&
                   (best == SIM_NONE || sim->pods[i].priority > sim->pods[best].priority ||
                    (sim->pods[i].priority == sim->pods[best].priority &&
                     pod->order < sim->kube.pods[best].order))) {
            best = i;
        }
    }
    return best != SIM_NONE || !sim->kube.pops_early ? best : early;
}

void kube_cycle(struct sim *sim)
{
    struct kube *kube = &sim->kube;
    int64_t next_at;
    if (!kube->cycle_armed || sim->now < kube->cycle_at) {
        return;
    }
    kube->cycle_armed = false;
    if (kube->cycle != 0) {
        return; /* its end brings the next one */
    }
    int index = next_pod(sim, &next_at);
    kube->cycle_armed = false;
    if (index != SIM_NONE) {
        struct kube_pod *pod = &kube->pods[index];
        pod->place = PLACE_NONE;
        if (pod->view.deleting || pod->view.node != SIM_NONE) {
            arm_cycle(sim, 1);
            return;
        }
        pod->place = PLACE_CYCLE;
        pod->popped = pod->view;
        pod->events = 0;
        pod->order = ++kube->next_order;
        kube->cycle = pod->order;
        sim_later(sim, sim_delay(sim, 0, 4, 30, 60), ACTION_ASK, index, 0, kube->cycle);
    } else if (next_at != INT64_MAX) {
        arm_cycle(sim, next_at > sim->now ? next_at - sim->now : 1);
    }
}

/* ---- binding ---- */

static void binding_failed(struct sim *sim, int index)
{
    struct kube_pod *pod = &sim->kube.pods[index];
    if (pod->place != PLACE_BINDING) {
        return; /* gone meanwhile */
    }
    pod->assumed = false;
    pod->place = PLACE_NONE;
    wake(sim, REJECTED_FIT | REJECTED_EXTENDER | REJECTED_COMPANY);
    if (pod->known && pod->view.node == SIM_NONE) {
        (void)handle_failure(sim, index, true, MESSAGE_ERROR);
    }
}

static uint64_t open_call(struct sim *sim, int index)
{
    sim->calls =
        alloc_grow(sim->calls, &sim->call_room, sim->call_count + 1, sizeof(struct bind_call));
    sim->calls[sim->call_count] = (struct bind_call){
        .pod = index, .node = sim->kube.pods[index].assumed_node, .at = sim->now};
    return sim->call_count++;
}

void kube_bind_call(struct sim *sim, int index, uint64_t order)
{
    struct kube_pod *pod = &sim->kube.pods[index];
    if (pod->place != PLACE_BINDING || pod->order != order) {
        return;
    }
    if (host_is_frozen(sim)) {
        sim_later(sim, sim->host.frozen_until - sim->now, ACTION_BIND_CALL, index, 0, order);
        return;
    }
    if (sim->kube.twice > 0 && sim->host.engine != NULL) {
        sim->kube.twice--;
        uint64_t lost = open_call(sim, index); /* nobody reads its answer */
        sim_later(sim, SIM_BIND_TIMEOUT_MS, ACTION_BIND_TIMEOUT, 0, 0, lost);
        (void)host_bind(sim, index, pod->assumed_node, lost);
    }
    uint64_t ticket = open_call(sim, index);
    pod->ticket = ticket;
    if (sim->host.engine == NULL) {
        sim->calls[ticket].state = CALL_BROKEN;
        sim_later(sim, 1, ACTION_BIND_ANSWER, 0, 0, ticket);
        return;
    }
    sim_later(sim, SIM_BIND_TIMEOUT_MS, ACTION_BIND_TIMEOUT, 0, 0, ticket);
    (void)host_bind(sim, index, pod->assumed_node, ticket);
}

void kube_bind_timeout(struct sim *sim, uint64_t ticket)
{
    struct bind_call *call = &sim->calls[ticket];
    const struct sim_pod *pod = &sim->pods[call->pod];
    bool waits = sim->kube.pods[call->pod].ticket == ticket &&
                 sim->kube.pods[call->pod].place == PLACE_BINDING;
    if (call->state != CALL_OPEN) {
        if (waits) { /* the answer got lost */
            binding_failed(sim, call->pod);
        }
        return;
    }
    if (call->epoch == sim->host.epoch &&
        (pod->gang == SIM_NONE || sim->gangs[pod->gang].state.timeout_ms <= 40000)) {
        sim_fail(sim, "(3) the bind call %llu of pod p%d is not answered within %d s",
                 (unsigned long long)ticket, call->pod, SIM_BIND_TIMEOUT_MS / 1000);
    }
    call->state = CALL_GIVEN_UP;
    host_give_up(sim, ticket);
    if (waits) {
        binding_failed(sim, call->pod);
    }
}

void kube_bind_answer(struct sim *sim, uint64_t ticket, bool bound)
{
    const struct bind_call *call = &sim->calls[ticket];
    struct kube_pod *pod = &sim->kube.pods[call->pod];
    if (call->state == CALL_GIVEN_UP || pod->ticket != ticket) {
        return;
    }
    if (sim->kube.deaf_bind > 0 && call->state == CALL_ANSWERED) {
        sim->kube.deaf_bind--;
        return;
    }
    if (!bound) {
        binding_failed(sim, call->pod);
    } else if (pod->place == PLACE_BINDING) {
        pod->place = PLACE_NONE; /* stays assumed until the informer shows it */
    }
}

void kube_restart(struct sim *sim)
{
    for (size_t ticket = 1; ticket < sim->call_count; ticket++) {
        if (sim->calls[ticket].state == CALL_OPEN) {
            sim->calls[ticket].state = CALL_GIVEN_UP;
            host_give_up(sim, ticket);
        }
    }
    trace_note(sim, "kube-scheduler starts anew");
    sim->kube.cycle = 0;
    memset(sim->kube.pods, 0, sizeof(sim->kube.pods));
    memset(sim->kube.nodes, 0, sizeof(sim->kube.nodes));
    api_close(sim, CLIENT_SCHEDULER);
    for (int kind = 0; kind < KINDS; kind++) {
        api_relist(sim, CLIENT_SCHEDULER, (enum sim_kind)kind);
    }
}
