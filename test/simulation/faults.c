// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/faults.h"

#include <string.h>

#include "test/simulation/api_server.h"
#include "test/simulation/host.h"
#include "test/simulation/jobs.h"
#include "test/simulation/kube_scheduler.h"
#include "test/simulation/rules.h"
#include "test/simulation/runs.h"
#include "test/simulation/terms.h"
#include "test/simulation/trace.h"
#include "test/simulation/victims.h"

/* The schedule of what is done to the cluster: jobs (jobs.c), hardware, networks, processes and
 * other schedulers. How much of each is part of the seed, so that some runs are quiet enough to
 * look for one thing at a time.
 *
 *   seed, number ──▶ random ──▶ kind, parameters, when the next one comes
 *
 * Nothing else enters, so a fault that is left out (sim_drops()) changes no other one.
 */

enum fault {
    FAULT_GANG,
    FAULT_ORDINARY,
    FAULT_FINISH,
    FAULT_DELETE,
    FAULT_RECREATE,
    FAULT_NODE,
    FAULT_RELABEL,
    FAULT_GROUP,
    FAULT_OUTSIDE,
    FAULT_HIDDEN,
    FAULT_STALL,
    FAULT_RELIST,
    FAULT_REPEAT,
    FAULT_CRASH,
    FAULT_MIDWAY,
    FAULT_DRAIN,
    FAULT_RESTART,
    FAULT_FREEZE,
    FAULT_CLOCK,
    FAULT_LOSSES,
    FAULT_TWICE,
    FAULT_DEAF,
    FAULT_CORDON,
    FAULT_RESIZE,
    FAULT_TERM,
    FAULT_DRAIN_NODE,
    FAULT_ASK,
    FAULT_RERUN,
    FAULT_LOSS,
    FAULT_BINDER,
    FAULTS,
};

static struct random random_of(const struct sim *sim, uint32_t number)
{
    struct random random = {.state = sim->seed * 0x9e3779b97f4a7c15u + number};
    random.state = random_next(&random);
    return random;
}

/* ---- the world ---- */

/* Racks of one to several nodes, leaves of one to several racks, nodes that lack labels. */
static void lay_out(struct sim *sim, struct random *random)
{
    int rack = 0, leaf = 0, mapped = random_chance(random, 400) ? 850 : 0;
    int unlabelled = random_chance(random, 300) ? 150 : 0;
    sim->node_count = (int)random_range(random, 3, SIM_NODES_MAX);
    for (int i = 0; i < sim->node_count; i++) {
        bool next = i > 0 && random_chance(random, 350);
        rack += next;
        leaf += next && random_chance(random, 400);
        struct node_state *state = &sim->nodes[i].state;
        *state = (struct node_state){.exists = true, .leaf = leaf, .rack = rack};
        state->has.gpus = random_chance(random, 800) ? 8 : 4;
        state->has.cpus = (int)random_range(random, 2, 4) * 8;
        state->has.pods = random_chance(random, 150) ? (int)random_range(random, 2, 6) : 110;
        state->pool = random_chance(random, 400);
        state->number = i;
        state->taint = random_chance(random, 100) ? TAINTED_NO_SCHEDULE : TAINTED_NOT;
        state->generation = (int)random_range(random, GENERATION_NONE, 3);
        state->mapped = random_chance(random, mapped);
        if (random_chance(random, unlabelled)) {
            state->rack = SIM_NONE;
            state->leaf = random_chance(random, 300) ? SIM_NONE : leaf;
        }
        sim->kube.nodes[i] = *state;
        sim->clients[CLIENT_SCHEDULER].known[KIND_NODE][i] = true;
    }
}

/* ---- hardware and other schedulers ---- */

void faults_tear(struct sim *sim, int node)
{
    int bound[SIM_GANGS_MAX] = {0};
    bool begun[SIM_GANGS_MAX] = {false}; /* bindings are on their way, or are bound */
    for (int i = 0; i < sim->pod_count; i++) {
        const struct sim_pod *pod = &sim->pods[i];
        if (pod->gang == SIM_NONE || !pod->state.exists) {
            continue;
        }
        if (pod->state.node != SIM_NONE) {
            bound[pod->gang]++;
            begun[pod->gang] = true;
            sim->gangs[pod->gang].torn |= pod->state.node == node;
        }
        begun[pod->gang] |= sim->host.posted[i] != POST_NONE;
        sim->gangs[pod->gang].torn |=
            sim->host.posted[i] != POST_NONE && sim->host.posted_to[i] == node;
    }
    for (int i = 0; i < sim->gang_count; i++) {
        int sum = sim->gangs[i].minimums[ROLE_LEADER] + sim->gangs[i].minimums[ROLE_WORKER];
        sim->gangs[i].torn |= begun[i] && (bound[i] < sim->gangs[i].minimum || sum > 0);
    }
}

/* Somebody may stand by now where a gang that has begun wants to be alone, so that its other
 * members cannot join it. */
void faults_tear_exclusive(struct sim *sim)
{
    for (int i = 0; i < sim->gang_count; i++) {
        sim->gangs[i].torn |= sim->gangs[i].constraints.exclusive != LEVEL_NONE ||
                              sim->gangs[i].leader.exclusive != LEVEL_NONE;
    }
}

/* Who is there, or on the way there, was meant for where the node was before. */
static void displace(struct sim *sim, int node)
{
    for (int i = 0; i < sim->pod_count; i++) {
        sim->pods[i].displaced |=
            sim->pods[i].state.node == node ||
            (sim->host.posted[i] != POST_NONE && sim->host.posted_to[i] == node);
    }
}

/* Pods of a node that is gone are deleted by the pod garbage collector. */
static void collect_garbage(struct sim *sim, struct random *random, int node)
{
    for (int i = 0; i < sim->pod_count; i++) {
        if (sim->pods[i].state.exists && sim->pods[i].state.node == node) {
            sim_later(sim, random_range(random, 500, 20000), ACTION_DELETE, i, 0, 0);
        }
    }
}

static void change_node(struct sim *sim, struct random *random)
{
    int index = random_index(random, sim->node_count);
    struct node_state *state = &sim->nodes[index].state;
    int gpus = (int)random_range(random, 1, 4) * 2;
    if (!state->exists) {
        state->exists = true;
    } else if (random_chance(random, 400)) {
        state->exists = false;
        collect_garbage(sim, random, index);
    } else {
        state->has.gpus = gpus;
    }
    faults_tear(sim, index);
    trace_node(sim, index);
    api_show(sim, KIND_NODE, index);
}

static void relabel(struct sim *sim, struct random *random)
{
    int index = random_index(random, sim->node_count);
    const struct node_state *as = &sim->nodes[random_index(random, sim->node_count)].state;
    struct node_state *state = &sim->nodes[index].state;
    if (state->exists) {
        state->leaf = as->leaf;
        state->rack = random_chance(random, 200) ? SIM_NONE : as->rack;
        faults_tear(sim, index);
        faults_tear_exclusive(sim);
        displace(sim, index);
        trace_node(sim, index);
        api_show(sim, KIND_NODE, index);
    }
}

/* The taint manager deletes whoever does not tolerate NoExecute; what makes them makes others. */
static void taint(struct sim *sim, struct random *random, int node)
{
    struct node_state *state = &sim->nodes[node].state;
    state->taint = state->taint != TAINTED_NOT
                       ? TAINTED_NOT
                       : (enum sim_taint)random_range(random, TAINTED_SOFTLY, TAINTED_NO_EXECUTE);
    for (int i = 0; i < sim->pod_count; i++) {
        if (sim->pods[i].state.node == node && !rules_may_stay(state, &sim->pods[i])) {
            victims_evict(sim, i);
        }
    }
}

/* kubectl drain: cordoned, then evicted one after the other. */
static void drain(struct sim *sim, struct random *random)
{
    int index = random_index(random, sim->node_count);
    if (!sim->nodes[index].state.exists) {
        return;
    }
    sim->nodes[index].state.cordoned = true;
    trace_note(sim, "n%d is drained", index);
    faults_tear(sim, index);
    api_show(sim, KIND_NODE, index);
    for (int i = 0; i < sim->pod_count; i++) {
        if (sim->pods[i].state.exists && sim->pods[i].state.node == index) {
            sim_later(sim, random_range(random, 10, 8000), ACTION_EVICT, i, 0, 0);
        }
    }
}

/* Pods that run there stay. A gang that is being bound may have counted on it. */
static void cordon(struct sim *sim, struct random *random)
{
    int index = random_index(random, sim->node_count);
    int kind = random_index(random, 5);
    struct node_state *state = &sim->nodes[index].state;
    if (!state->exists) {
        return;
    }
    if (kind < 2) {
        state->cordoned = !state->cordoned;
    } else if (kind == 4) {
        state->mapped = !state->mapped;
    } else if (kind == 2) {
        taint(sim, random, index);
    } else {
        state->pool = !state->pool;
    }
    faults_tear(sim, index);
    trace_node(sim, index);
    api_show(sim, KIND_NODE, index);
}

static void resize(struct sim *sim, struct random *random)
{
    int index = jobs_resize(sim, random);
    int node = index == SIM_NONE ? SIM_NONE : sim->pods[index].state.node;
    if (node == SIM_NONE && index != SIM_NONE) { /* where it may be about to be bound */
        node = sim->host.posted[index] == POST_NONE ? sim->host.place[index]
                                                    : sim->host.posted_to[index];
    }
    if (node != SIM_NONE) {
        faults_tear(sim, node);
    }
}

/* Another scheduler binds a pod of its own, or one of ours. */
static void bind_outside(struct sim *sim, struct random *random)
{
    int node = random_index(random, sim->node_count);
    if (!sim->nodes[node].state.exists) {
        return;
    }
    int index = random_chance(random, 600) ? jobs_pick(sim, random, false) : SIM_NONE;
    faults_tear(sim, node);
    if (index != SIM_NONE) {
        faults_tear_exclusive(sim);
        jobs_bind_outside(sim, index, node);
        return;
    }
    struct sim_pod pod = {.gang = SIM_NONE, .name = SIM_NONE, .rank = -1};
    pod.shape = (int)random_range(random, 1, SIM_SHAPES - 1);
    pod.rules.pool = SIM_NONE;
    pod.state.node = node;
    pod.state.nominated = SIM_NONE;
    trace_note(sim, "it runs a pod of %d GPUs on n%d", sim_gpus(pod.shape), node);
    (void)api_create_pod(sim, &pod);
}

static void hide(struct sim *sim, struct random *random)
{
    int shape = (int)random_range(random, 0, SIM_SHAPES - 1);
    int node = random_index(random, sim->node_count);
    sim->hidden[shape][node] = !sim->hidden[shape][node];
    trace_note(sim, "it %s pods of %d GPUs on n%d", sim->hidden[shape][node] ? "refuses" : "takes",
               sim_gpus(shape), node);
    if (!sim->hidden[shape][node]) {
        kube_wake_all(sim);
    }
}

/* ---- networks ---- */

static void stall(struct sim *sim, struct random *random)
{
    enum sim_client client = (enum sim_client)random_index(random, CLIENT_PEER);
    int kind = random_index(random, KINDS);
    int64_t length = random_chance(random, 800) ? random_range(random, 100, 15000)
                                                : random_range(random, 15000, 90000);
    sim->clients[client].streams[kind].blocked_until = sim->now + length;
    trace_note(sim, "%s of the %s, for %lld ms",
               kind == KIND_NODE  ? "nodes"
               : kind == KIND_POD ? "pods"
                                  : "groups",
               client == CLIENT_ENGINE ? "engine" : "scheduler", (long long)length);
}

static void relist(struct sim *sim, struct random *random)
{
    enum sim_client client = (enum sim_client)random_index(random, CLIENT_PEER);
    enum sim_kind kind = (enum sim_kind)random_index(random, KINDS);
    if (sim->clients[client].streams[kind].open &&
        !(client == CLIENT_ENGINE && host_is_frozen(sim))) {
        api_relist(sim, client, kind);
    }
}

/* Every object of a kind is shown again as it is. */
static void repeat(struct sim *sim, struct random *random)
{
    int nodes = random_chance(random, 500) ? sim->node_count : 0;
    for (int i = 0; i < nodes; i++) {
        api_show(sim, KIND_NODE, i);
    }
    for (int i = 0; i < sim->gang_count; i++) {
        if (sim->gangs[i].object) {
            api_show(sim, KIND_GROUP, i);
        }
    }
    int first = sim->pod_count > 40 ? sim->pod_count - 40 : 0;
    for (int i = first; i < sim->pod_count; i++) {
        api_show(sim, KIND_POD, i);
    }
}

static void lose(struct sim *sim, struct random *random)
{
    static const int chances[] = {50, 150, 300, 600, 950};
    sim->losses.until = sim->now + random_range(random, 500, 10000);
    sim->losses.chance = chances[random_index(random, 5)];
    trace_note(sim, "%d %% of them, for %lld ms", sim->losses.chance / 10,
               (long long)(sim->losses.until - sim->now));
}

/* ---- processes ---- */

static void die_midway(struct sim *sim, struct random *random)
{
    sim->host.crash_posting = random_chance(random, 650);
    sim->host.crash_applies = (int)random_range(random, 1, sim->host.crash_posting ? 3 : 40);
    sim->host.crash_at = random_next(random);
}

static void kill_now(struct sim *sim, struct random *random)
{
    (void)random;
    host_crash(sim);
}

static void drain_host(struct sim *sim, struct random *random)
{
    (void)random;
    terms_drain(sim);
}

static void kill_kube(struct sim *sim, struct random *random)
{
    (void)random;
    kube_restart(sim);
}

static void freeze(struct sim *sim, struct random *random)
{
    terms_freeze(sim, random_range(random, 500, 12000));
}

static void jump(struct sim *sim, struct random *random)
{
    terms_jump(sim, random_range(random, 1000, 7200000));
}

static void follow(struct sim *sim, struct random *random)
{
    terms_follow(sim, random_range(random, 200, 12000));
}

/* ---- calls ---- */

static void call_twice(struct sim *sim, struct random *random)
{
    sim->kube.twice += (int)random_range(random, 1, 6);
}

static void deafen(struct sim *sim, struct random *random)
{
    sim->kube.deaf += random_index(random, 3);
    sim->kube.deaf_bind += random_index(random, 3);
}

static void ask(struct sim *sim, struct random *random)
{
    if (sim->gang_count > 0) {
        terms_ask(sim, random_index(random, sim->gang_count));
    }
}

/* ---- which, and when ---- */

static const struct {
    int weight;
    const char *name;
    void (*act)(struct sim *sim, struct random *random);
} kinds[FAULTS] = {
    [FAULT_GANG] = {16, "a gang", jobs_start_gang},
    [FAULT_ORDINARY] = {14, "an ordinary pod", jobs_start_ordinary},
    [FAULT_FINISH] = {26, "something ends", jobs_finish},
    [FAULT_DELETE] = {4, "a pod is deleted", jobs_delete},
    [FAULT_RECREATE] = {4, "a member is made anew", jobs_recreate},
    [FAULT_NODE] = {3, "a node changes", change_node},
    [FAULT_RELABEL] = {1, "a node moves", relabel},
    [FAULT_GROUP] = {4, "a group is edited", jobs_edit_group},
    [FAULT_OUTSIDE] = {2, "another scheduler", bind_outside},
    [FAULT_HIDDEN] = {8, "kube-scheduler changes its mind", hide},
    [FAULT_STALL] = {4, "a watch is silent", stall},
    [FAULT_RELIST] = {4, "a watch is begun again", relist},
    [FAULT_REPEAT] = {3, "a watch repeats itself", repeat},
    [FAULT_CRASH] = {2, "kill", kill_now},
    [FAULT_MIDWAY] = {4, "kill amid the effects", die_midway},
    [FAULT_DRAIN] = {1, "drain", drain_host},
    [FAULT_RESTART] = {2, "kube-scheduler is killed", kill_kube},
    [FAULT_FREEZE] = {2, "the process stands still", freeze},
    [FAULT_CLOCK] = {1, "the clock jumps", jump},
    [FAULT_LOSSES] = {5, "writes fail", lose},
    [FAULT_TWICE] = {3, "calls come twice", call_twice},
    [FAULT_DEAF] = {2, "answers get lost", deafen},
    [FAULT_CORDON] = {4, "a node is cordoned, or tainted", cordon},
    [FAULT_RESIZE] = {4, "a pod is resized", resize},
    [FAULT_TERM] = {2, "another one leads", follow},
    [FAULT_DRAIN_NODE] = {1, "a node is drained", drain},
    [FAULT_ASK] = {2, "somebody asks", ask},
    [FAULT_RERUN] = {4, "a gang is run again", runs_again},
    [FAULT_LOSS] = {3, "several members are lost", runs_lose},
    [FAULT_BINDER] = {2, "another scheduler binds members", runs_bind},
};

void faults_start(struct sim *sim)
{
    static const int rushes[] = {1500, 800, 400, 200};
    static const int rules[] = {0, 0, 150, 350};
    static const int company[] = {0, 0, 0, 500};
    static const int constraints[] = {0, 30, 60, 90};
    static const int forgetful[] = {0, 0, 30, 120};
    static const int often[] = {0, 1, 1, 1, 3};
    struct random own = random_of(sim, UINT32_MAX), *random = &own;
    sim->random = random_of(sim, UINT32_MAX - 1);
    lay_out(sim, random);
    sim->kube.sample = random_chance(random, 300) ? (int)random_range(random, 2, 4) : 0;
    sim->kube.pops_early = random_chance(random, 500);
    sim->host.codecs = random_chance(random, 250);
    sim->batches = random_chance(random, 500);
    sim->spaces = random_chance(random, 400) ? 2 : 1;
    sim->holds_most = sim->seed % 8 == 5 ? 2 : 0;
    sim->evicts = random_chance(random, 200);
    sim->repair_ms = random_chance(random, 500) ? 15000 : 300000;
    sim->stubborn = random_chance(random, 250);
    sim->aborts_from = INT64_MAX;
    sim->ruled = rules[random_index(random, 4)];
    sim->company = company[random_index(random, 4)];
    sim->rush_ms = rushes[random_index(random, 4)];
    sim->constrained_percent = constraints[random_index(random, 4)];
    sim->forgetful = forgetful[random_index(random, 4)];
    for (int i = 0; i < FAULTS; i++) {
        sim->weights[i] =
            kinds[i].weight * (i <= FAULT_FINISH ? 1 : often[random_index(random, 5)]);
    }
    trace_note(sim, "%d nodes%s%s%s", sim->node_count, sim->host.codecs ? ", codecs" : "",
               sim->stubborn ? ", stubborn refusals" : "",
               sim->kube.sample > 0 ? ", kube-scheduler samples" : "");
    for (int i = 0; i < sim->node_count; i++) {
        trace_node(sim, i);
    }
    sim_later(sim, 0, ACTION_START, 0, 0, 0);
    sim_later(sim, 50, ACTION_FAULT, 0, 0, 0);
}

static enum fault choose(const struct sim *sim, struct random *random)
{
    int total = 0, fault = 0;
    for (int i = 0; i < FAULTS; i++) {
        total += sim->weights[i];
    }
    int ticket = random_index(random, total);
    while (ticket >= sim->weights[fault]) {
        ticket -= sim->weights[fault++];
    }
    return (enum fault)fault;
}

void faults_next(struct sim *sim)
{
    if (sim->calm) {
        return;
    }
    uint32_t number = ++sim->fault_count;
    runs_settle(sim);
    struct random random = random_of(sim, number);
    enum fault kind = choose(sim, &random);
    sim_later(sim, random_range(&random, 20, sim->rush_ms), ACTION_FAULT, 0, 0, 0);
    if (!sim_drops(sim, number)) {
        trace_fault(sim, number, kinds[kind].name);
        kinds[kind].act(sim, &random);
    }
}

void faults_finish(struct sim *sim)
{
    struct random random = random_of(sim, UINT32_MAX - 2);
    for (int i = 0; i < 4; i++) {
        jobs_finish(sim, &random);
    }
}

void faults_stop(struct sim *sim)
{
    struct random random = random_of(sim, UINT32_MAX - 3);
    trace_note(sim, "the faults are over");
    sim->calm = true;
    sim->losses.until = 0;
    sim->kube.twice = sim->kube.deaf = sim->kube.deaf_bind = 0;
    if (!sim->stubborn) {
        memset(sim->hidden, 0, sizeof(sim->hidden));
    }
    kube_wake_all(sim);
    if (random_chance(&random, 300) && !sim_drops(sim, 0)) {
        host_crash(sim);
    }
    for (int i = 0; i < sim->node_count; i++) {
        if (!sim->nodes[i].state.exists) {
            collect_garbage(sim, &random, i);
        }
    }
}
