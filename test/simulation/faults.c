// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/sim.h"

#include <string.h>

/* What users, controllers, hardware and networks do: jobs come and go, quotas are edited, nodes
 * vanish, other schedulers interfere, watches stall, the daemon dies. How much of each is part of
 * the seed, so that some runs are quiet enough to look for one thing at a time.
 */

enum fault {
    FAULT_GANG,
    FAULT_ORDINARY,
    FAULT_FINISH,
    FAULT_DELETE,
    FAULT_NODE,
    FAULT_GROUP,
    FAULT_OUTSIDE,
    FAULT_HIDDEN,
    FAULT_STALL,
    FAULT_RELIST,
    FAULT_CRASH,
    FAULT_DRAIN,
    FAULT_RESTART,
    FAULTS,
};

static const int weights[FAULTS] = {
    [FAULT_GANG] = 16,   [FAULT_ORDINARY] = 16, [FAULT_FINISH] = 26, [FAULT_DELETE] = 4,
    [FAULT_NODE] = 3,    [FAULT_GROUP] = 3,     [FAULT_OUTSIDE] = 2, [FAULT_HIDDEN] = 8,
    [FAULT_STALL] = 4,   [FAULT_RELIST] = 4,    [FAULT_CRASH] = 2,   [FAULT_DRAIN] = 1,
    [FAULT_RESTART] = 2,
};

/* Room that goes away may be what a gang in the middle of its bindings was counting on. */
static void excuse(struct sim *sim, int node)
{
    int bound[SIM_GANGS_MAX] = {0};
    for (int i = 0; i < sim->pod_count; i++) {
        const struct sim_pod *pod = &sim->pods[i];
        if (pod->gang != SIM_NONE && pod->state.exists && pod->state.node != SIM_NONE) {
            bound[pod->gang]++;
            sim->gangs[pod->gang].excused |= pod->state.node == node;
        }
    }
    for (int i = 0; i < sim->gang_count; i++) {
        sim->gangs[i].excused |= bound[i] > 0 && bound[i] < sim->gangs[i].minimum;
    }
}

static void disturb(struct sim *sim, int node)
{
    sim->nodes[node].disturbed_until = sim->now + 40000;
    excuse(sim, node);
}

void faults_start(struct sim *sim)
{
    struct random *random = &sim->random;
    sim->node_count = (int)random_range(random, 3, 12);
    for (int i = 0; i < sim->node_count; i++) {
        sim->nodes[i].state.exists = true;
        sim->nodes[i].state.gpus = random_chance(random, 800) ? 8 : 4;
        sim->kube.nodes[i] = sim->nodes[i].state;
        sim->clients[CLIENT_SCHEDULER].known[KIND_NODE][i] = true;
    }
    sim->kube.sample = random_chance(random, 300) ? (int)random_range(random, 2, 4) : 0;
    sim->kube.pops_early = random_chance(random, 500);
    static const int crashes[] = {0, 0, 1, 2, 6, 30};
    static const int losses[] = {0, 20, 60, 150, 300};
    static const int rushes[] = {1500, 800, 400, 200};
    sim->chance_crash = crashes[random_index(random, 6)];
    sim->chance_lost = losses[random_index(random, 5)];
    sim->stubborn = random_chance(random, 250);
    sim->aborts_from = INT64_MAX;
    sim->rush_ms = rushes[random_index(random, 4)];
    sim_later(sim, 0, ACTION_START, 0, 0, 0);
    sim_later(sim, 50, ACTION_FAULT, 0, 0, 0);
}

void faults_create(struct sim *sim, int gang, int shape)
{
    struct sim_pod pod = {.gang = gang, .shape = shape, .rank = -1};
    pod.state.node = pod.state.nominated = SIM_NONE;
    pod.priority = random_chance(&sim->random, 200) ? 10 : 0;
    if (gang != SIM_NONE) {
        pod.minimum = sim->gangs[gang].object ? 0 : sim->gangs[gang].minimum;
        pod.priority = gang % 4 == 0 ? 10 : 0;
    }
    (void)api_create_pod(sim, &pod);
}

void faults_group(struct sim *sim, int gang)
{
    sim->gangs[gang].state.exists = true;
    sim->gangs[gang].state.minimum = sim->gangs[gang].minimum;
    api_show(sim, KIND_GROUP, gang);
}

static void start_gang(struct sim *sim)
{
    struct random *random = &sim->random;
    if (sim->gang_count == SIM_GANGS_MAX) {
        return;
    }
    int index = sim->gang_count++;
    struct sim_gang *gang = &sim->gangs[index];
    int size = (int)random_range(random, 1, 6);
    gang->minimum = random_chance(random, 700) ? size : (int)random_range(random, 1, size);
    gang->object = random_chance(random, 500);
    gang->rack = random_chance(random, 120);
    if (gang->object) {
        static const int64_t timeouts[] = {0, 0, 0, 10000, 40000, 90000};
        gang->state.timeout_ms = timeouts[random_index(random, 6)];
        sim_later(sim, random_range(random, 0, 3000), ACTION_GROUP, index, 0, 0);
    }
    int shape = (int)random_range(random, 0, SIM_SHAPES - 1);
    int leader = random_chance(random, 200) ? (int)random_range(random, 0, SIM_SHAPES - 1) : shape;
    for (int i = 0; i < size; i++) {
        sim_later(sim, random_range(random, 0, 2000), ACTION_CREATE, index, i == 0 ? leader : shape,
                  0);
    }
}

/* A living pod, bound or not, or SIM_NONE. */
static int pick_pod(struct sim *sim, bool bound)
{
    for (int tries = 0; tries < 20 && sim->pod_count > 0; tries++) {
        int index = random_index(&sim->random, sim->pod_count);
        const struct pod_state *state = &sim->pods[index].state;
        if (state->exists && !state->deleting && !state->terminal &&
            (state->node != SIM_NONE) == bound) {
            return index;
        }
    }
    return SIM_NONE;
}

static void delete_pod(struct sim *sim, int index)
{
    struct pod_state *state = &sim->pods[index].state;
    if (sim->pods[index].gang != SIM_NONE) {
        sim->gangs[sim->pods[index].gang].excused = true;
    }
    if (state->node == SIM_NONE && random_chance(&sim->random, 500)) {
        api_delete_pod(sim, index);
        return;
    }
    state->deleting = true;
    state->version = ++sim->version;
    api_show(sim, KIND_POD, index);
    sim_later(sim, random_range(&sim->random, 10, 5000), ACTION_DELETE, index, 0, 0);
}

static void finish_pod(struct sim *sim, int index, bool succeeded)
{
    struct pod_state *state = &sim->pods[index].state;
    state->terminal = true;
    state->succeeded = succeeded;
    state->version = ++sim->version;
    api_show(sim, KIND_POD, index);
    sim_later(sim, random_range(&sim->random, 10, 20000), ACTION_DELETE, index, 0, 0);
    if (sim->pods[index].gang != SIM_NONE) {
        sim->gangs[sim->pods[index].gang].excused = true;
    }
}

/* A bound pod ends, mostly with its whole gang; now and then its controller makes a new one. */
static void finish(struct sim *sim)
{
    int index = pick_pod(sim, true);
    if (index == SIM_NONE) {
        return;
    }
    int gang = sim->pods[index].gang;
    bool succeeded = random_chance(&sim->random, 700);
    if (gang == SIM_NONE || random_chance(&sim->random, 150)) {
        finish_pod(sim, index, succeeded);
        if (gang != SIM_NONE && !succeeded) {
            sim_later(sim, random_range(&sim->random, 100, 3000), ACTION_CREATE, gang,
                      sim->pods[index].shape, 0);
        }
        return;
    }
    for (int i = 0; i < sim->pod_count; i++) {
        struct pod_state *state = &sim->pods[i].state;
        if (sim->pods[i].gang != gang || !state->exists || state->terminal || state->deleting) {
            continue;
        }
        if (state->node != SIM_NONE) {
            finish_pod(sim, i, succeeded);
        } else if (random_chance(&sim->random, 800)) {
            delete_pod(sim, i);
        }
    }
}

/* Pods of a node that is gone are deleted by the pod garbage collector. */
static void collect_garbage(struct sim *sim, int node)
{
    for (int i = 0; i < sim->pod_count; i++) {
        if (sim->pods[i].state.exists && sim->pods[i].state.node == node) {
            sim_later(sim, random_range(&sim->random, 500, 20000), ACTION_DELETE, i, 0, 0);
        }
    }
}

static void change_node(struct sim *sim)
{
    int index = random_index(&sim->random, sim->node_count);
    struct node_state *state = &sim->nodes[index].state;
    if (!state->exists) {
        state->exists = true;
    } else if (random_chance(&sim->random, 400)) {
        state->exists = false;
        collect_garbage(sim, index);
    } else {
        state->gpus = (int)random_range(&sim->random, 1, 4) * 2;
    }
    disturb(sim, index);
    api_show(sim, KIND_NODE, index);
}

static void change_group(struct sim *sim)
{
    if (sim->gang_count == 0) {
        return;
    }
    int oldest = sim->gang_count > 8 ? sim->gang_count - 8 : 0;
    int index = (int)random_range(&sim->random, oldest, sim->gang_count - 1);
    struct sim_gang *gang = &sim->gangs[index];
    if (!gang->state.exists) {
        return;
    }
    gang->excused = true;
    if (random_chance(&sim->random, 300)) {
        gang->state.exists = false;
        sim_later(sim, random_range(&sim->random, 10, 5000), ACTION_GROUP, index, 0, 0);
    } else {
        gang->minimum = (int32_t)random_range(&sim->random, 0, 6);
        gang->state.minimum = gang->minimum;
    }
    api_show(sim, KIND_GROUP, index);
}

/* Another scheduler binds a pod of its own, or one of ours. */
static void bind_outside(struct sim *sim)
{
    int node = random_index(&sim->random, sim->node_count);
    if (!sim->nodes[node].state.exists) {
        return;
    }
    int index = random_chance(&sim->random, 600) ? pick_pod(sim, false) : SIM_NONE;
    disturb(sim, node);
    if (index != SIM_NONE) {
        if (sim->pods[index].gang != SIM_NONE) {
            sim->gangs[sim->pods[index].gang].excused = true;
        }
        (void)api_bind(sim, index, node);
        return;
    }
    struct sim_pod pod = {.gang = SIM_NONE, .rank = -1};
    pod.shape = (int)random_range(&sim->random, 1, SIM_SHAPES - 1);
    pod.state.node = node;
    pod.state.nominated = SIM_NONE;
    (void)api_create_pod(sim, &pod);
}

static void stall(struct sim *sim)
{
    enum sim_client client = (enum sim_client)random_index(&sim->random, CLIENTS);
    int kind = random_index(&sim->random, KINDS);
    int64_t length = random_range(&sim->random, 100, 15000);
    sim->clients[client].streams[kind].blocked_until = sim->now + length;
}

static void relist(struct sim *sim)
{
    enum sim_client client = (enum sim_client)random_index(&sim->random, CLIENTS);
    enum sim_kind kind = (enum sim_kind)random_index(&sim->random, KINDS);
    if (sim->clients[client].streams[kind].open) {
        api_relist(sim, client, kind);
    }
}

static void hide(struct sim *sim)
{
    int shape = (int)random_range(&sim->random, 0, SIM_SHAPES - 1);
    int node = random_index(&sim->random, sim->node_count);
    sim->hidden[shape][node] = !sim->hidden[shape][node];
    if (!sim->hidden[shape][node]) {
        kube_wake_all(sim);
    }
}

static enum fault choose(struct sim *sim)
{
    int total = 0;
    for (int i = 0; i < FAULTS; i++) {
        total += weights[i];
    }
    int ticket = random_index(&sim->random, total);
    int fault = 0;
    while (ticket >= weights[fault]) {
        ticket -= weights[fault++];
    }
    return (enum fault)fault;
}

void faults_next(struct sim *sim)
{
    int index;
    if (sim->calm) {
        return;
    }
    switch (choose(sim)) {
    case FAULT_GANG:
        start_gang(sim);
        break;
    case FAULT_ORDINARY:
        faults_create(sim, SIM_NONE, (int)random_range(&sim->random, 0, SIM_SHAPES - 1));
        break;
    case FAULT_FINISH:
        finish(sim);
        break;
    case FAULT_DELETE:
        index = pick_pod(sim, random_chance(&sim->random, 300));
        if (index != SIM_NONE) {
            delete_pod(sim, index);
        }
        break;
    case FAULT_NODE:
        change_node(sim);
        break;
    case FAULT_GROUP:
        change_group(sim);
        break;
    case FAULT_OUTSIDE:
        bind_outside(sim);
        break;
    case FAULT_HIDDEN:
        hide(sim);
        break;
    case FAULT_STALL:
        stall(sim);
        break;
    case FAULT_RELIST:
        relist(sim);
        break;
    case FAULT_CRASH:
        host_crash(sim);
        break;
    case FAULT_DRAIN:
        host_drain(sim);
        break;
    case FAULT_RESTART:
        kube_restart(sim);
        break;
    case FAULTS:
        break;
    }
    sim_later(sim, random_range(&sim->random, 20, sim->rush_ms), ACTION_FAULT, 0, 0, 0);
}

void faults_finish(struct sim *sim)
{
    for (int i = 0; i < 4; i++) {
        finish(sim);
    }
}

void faults_stop(struct sim *sim)
{
    sim->calm = true;
    if (!sim->stubborn) {
        memset(sim->hidden, 0, sizeof(sim->hidden));
    }
    kube_wake_all(sim);
    if (random_chance(&sim->random, 300)) {
        host_crash(sim);
    }
    for (int i = 0; i < sim->node_count; i++) {
        if (!sim->nodes[i].state.exists) {
            collect_garbage(sim, i);
        }
    }
}
