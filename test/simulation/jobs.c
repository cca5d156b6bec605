// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/jobs.h"

#include <string.h>

#include "test/simulation/api_server.h"
#include "test/simulation/company.h"
#include "test/simulation/faults.h"
#include "test/simulation/minimums.h"
#include "test/simulation/rules.h"
#include "test/simulation/trace.h"

/* Gangs in all the forms there are: with a group object or lightweight, with ranks and a leader or
 * without, with more pods than the quorum, with racks and leaves required or preferred, whole
 * slices or not. Their pods come one after the other, the object before, between or after them.
 */

/* What a pod of a gang is, packed for an action: shape, role, rank, run and name. */
static uint64_t pack(int shape, enum sim_role role, int rank, int run, int name)
{
    return (uint64_t)shape | (uint64_t)role << 4 | (uint64_t)(rank + 1) << 8 | (uint64_t)run << 16 |
           (uint64_t)(name + 1) << 32;
}

void jobs_create(struct sim *sim, int gang, uint64_t what)
{
    struct sim_pod pod = {
        .gang = gang,
        .shape = (int)(what & 0xf),
        .role = (enum sim_role)((what >> 4) & 0xf),
        .rank = (int)((what >> 8) & 0xff) - 1,
        .run = (int)((what >> 16) & 0xffff),
        .name = (int)(what >> 32) - 1,
        .rules = sim->gangs[gang].rules,
        .company = sim->gangs[gang].company,
        .priority = sim->gangs[gang].priority,
        .minimum = sim->gangs[gang].object ? 0 : sim->gangs[gang].minimum,
    };
    if (pod.run != sim->gangs[gang].run) {
        return; /* who would make it is gone */
    }
    pod.state.node = pod.state.nominated = SIM_NONE;
    pod.state.gated = sim->gangs[gang].gated;
    if (sim->gangs[gang].pinned) { /* like those of a daemon set, by their names at that */
        int place = pod.name == SIM_NONE ? sim->pod_count : pod.name;
        pod.rules.affinity = AFFINITY_NODE;
        pod.rules.value = (gang + place) % sim->node_count;
    }
    int node = random_index(&sim->random, sim->node_count);
    if (sim->gangs[gang].outside > 0 && sim->nodes[node].state.exists && !pod.state.gated) {
        sim->gangs[gang].outside--;
        pod.state.node = node;
        pod.displaced = true;
        sim->gangs[gang].torn = sim->gangs[gang].marred = true;
        faults_tear(sim, node);
        faults_tear_exclusive(sim);
        trace_note(sim, "a member of g%d is made on n%d", gang, node);
    }
    (void)api_create_pod(sim, &pod);
}

void jobs_show_group(struct sim *sim, int gang)
{
    struct sim_gang *it = &sim->gangs[gang];
    it->state.exists = true;
    it->state.minimum = it->minimum;
    memcpy(it->state.minimums, it->minimums, sizeof it->minimums);
    it->state.constraints = it->constraints;
    api_show(sim, KIND_GROUP, gang);
}

void jobs_ungate(struct sim *sim, int gang, int pod)
{
    if (gang != SIM_NONE) {
        sim->gangs[gang].gated = false; /* whoever is made from now on */
    }
    for (int i = gang == SIM_NONE ? pod : sim_first(sim, gang); i != SIM_NONE;
         i = sim->pods[i].next_of_gang) {
        if (sim->pods[i].state.exists && sim->pods[i].state.gated) {
            sim->pods[i].state.gated = false;
            api_touch_pod(sim, i);
        }
    }
}

/* The API server takes a resize whatever it is; that the kubelet has no room for it, nobody sees
 * here. */
int jobs_resize(struct sim *sim, struct random *random)
{
    int index = jobs_pick(sim, random, random_chance(random, 700));
    int grown = (int)random_range(random, 0, SIM_GROWN_MAX / 2) * 2;
    if (index == SIM_NONE || (sim->pods[index].gang != SIM_NONE &&
                              sim->gangs[sim->pods[index].gang].constraints.layers > 0)) {
        return SIM_NONE; /* what is sliced is a matter of requests */
    }
    struct pod_state *state = &sim->pods[index].state;
    if (state->node == SIM_NONE && sim->kube.pods[index].assumed) {
        return SIM_NONE; /* its Binding is on its way, and nobody would look again */
    }
    if (state->node != SIM_NONE && sim_left(sim, state->node).cpus < grown - state->grown) {
        return SIM_NONE;
    }
    state->grown = grown;
    trace_note(sim, "p%d asks for %d CPUs more than at first", index, grown);
    api_touch_pod(sim, index);
    return index;
}

void jobs_tear(struct sim *sim, int gang)
{
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        const struct pod_state *state = &sim->pods[i].state;
        if ((state->exists && (state->node != SIM_NONE || state->succeeded)) ||
            sim->host.posted[i] != POST_NONE) {
            sim->gangs[gang].torn = true;
        }
    }
}

/* ---- new ones ---- */

static enum sim_level level_of(struct random *random, int rack, int leaf)
{
    int ticket = random_index(random, 100);
    return ticket < rack ? LEVEL_RACK : ticket < rack + leaf ? LEVEL_LEAF : LEVEL_NONE;
}

static void draw_slices(struct random *random, struct constraints *constraints)
{
    constraints->slice_level[0] = random_chance(random, 700) ? LEVEL_RACK : LEVEL_LEAF;
    constraints->slice_size[0] = (int)random_range(random, 1, 3);
    constraints->layers = 1;
    if (constraints->slice_level[0] == LEVEL_LEAF && random_chance(random, 600)) {
        constraints->slice_size[0] = (int)random_range(random, 1, 2) * 2;
        constraints->slice_level[1] = LEVEL_RACK;
        constraints->slice_size[1] = constraints->slice_size[0] / 2;
        constraints->layers = 2;
    }
}

static void draw_constraints(struct random *random, struct constraints *constraints)
{
    constraints->required = level_of(random, 20, 20);
    constraints->preferred = level_of(random, 20, 20);
    constraints->exclusive = level_of(random, 18, 8);
    if (random_chance(random, 450)) {
        draw_slices(random, constraints);
    }
    constraints->good_gpus = random_chance(random, 200);
}

/* What a leader's template says: the same as that of the workers, nothing, or something of its own;
 * and whether the two are tied, which they can only be where they do not contradict each other. */
static void draw_leader(struct random *random, struct sim_gang *gang)
{
    int ticket = random_index(random, 100);
    gang->led = true;
    if (ticket < 50) {
        gang->leader = gang->constraints;
    } else if (ticket < 75) {
        gang->leader.required = level_of(random, 40, 40);
        gang->leader.exclusive = level_of(random, 18, 8);
    }
    gang->tied = random_chance(random, 300) &&
                 (gang->leader.required == gang->constraints.required ||
                  gang->leader.required == LEVEL_NONE || gang->constraints.required == LEVEL_NONE);
}

static void plan_gang(const struct sim *sim, struct random *random, struct sim_gang *gang,
                      int *size)
{
    *size = (int)(random_chance(random, 850) ? random_range(random, 1, 6)
                                             : random_range(random, 6, 10));
    if (random_chance(random, sim->constrained_percent * 10)) {
        draw_constraints(random, &gang->constraints);
    }
    if (gang->constraints.layers > 0 && random_chance(random, 850)) {
        int slice = gang->constraints.slice_size[0];
        *size = (*size + slice - 1) / slice * slice;
    }
    gang->minimum = random_chance(random, 700) ? *size : (int)random_range(random, 1, *size);
    gang->object = random_chance(random, 500);
    /* Without ranks the order of names cuts the slices, so who arrives late moves them. */
    gang->owned = random_chance(random, 650);
    gang->ranked =
        random_chance(random, 500) || (gang->constraints.layers > 0 && gang->minimum < *size);
    gang->priority = random_chance(random, 250) ? 10 : 0;
    gang->pinned = random_chance(random, sim->ruled / 4);
    rules_draw(random, sim->ruled, sim->node_count, &gang->rules);
    if (sim->company > 0) {
        company_draw(random, sim->company, true, &gang->company);
        gang->company.spread = gang->constraints.layers > 0 ? LEVEL_NONE : gang->company.spread;
    }
    gang->gated = random_chance(random, sim->ruled / 2);
    gang->last_pod = SIM_NONE;
}

void jobs_make_pods(struct sim *sim, struct random *random, int gang)
{
    struct sim_gang *it = &sim->gangs[gang];
    bool led = it->leader_shape != SIM_NONE;
    it->outside = random_chance(random, 40) ? (int)random_range(random, 1, 2) : 0;
    for (int i = 0; i < it->size + led; i++) {
        bool leader = led && i == it->size;
        enum sim_role role = !it->ranked ? ROLE_NONE : leader ? ROLE_LEADER : ROLE_WORKER;
        int rank = !it->ranked ? -1 : leader ? 0 : i;
        sim_later(sim, random_range(random, 0, 2000), ACTION_CREATE, gang, 0,
                  pack(leader ? it->leader_shape : it->shape, role, rank, it->run, SIM_NONE));
    }
}

void jobs_start_gang(struct sim *sim, struct random *random)
{
    static const int64_t timeouts[] = {0, 0, 0, 10000, 40000, 90000};
    if (sim->gang_count == SIM_GANGS_MAX) {
        return;
    }
    int index = sim->gang_count++, size;
    struct sim_gang *gang = &sim->gangs[index];
    plan_gang(sim, random, gang, &size);
    if (gang->object) {
        gang->state.timeout_ms = timeouts[random_index(random, 6)];
        sim_later(sim, random_range(random, 0, 3000), ACTION_GROUP, index, 0, 0);
    }
    gang->size = size;
    gang->shape = (int)random_range(random, 0, SIM_SHAPES - 1);
    gang->leader_shape = SIM_NONE;
    int other = (int)random_range(random, 0, SIM_SHAPES - 1);
    /* Without roles it is a matter of their request which pods are sliced: a leader that looks like
     * a worker would be one. */
    bool led = random_chance(random, 250) &&
               (gang->constraints.layers == 0 ||
                ((gang->ranked || other != gang->shape) && gang->minimum == size));
    if (led && gang->ranked && !gang->object && sim->constrained_percent > 0) {
        draw_leader(random, gang);
    }
    if (led) {
        gang->leader_shape = other;
    }
    jobs_make_pods(sim, random, index);
    gang->minimum += led && gang->minimum == size;
    minimums_draw(sim, random, index);
    trace_note(sim, "g%d: %d pods of %d GPUs%s, quorum %d%s%s", index, size, sim_gpus(gang->shape),
               led ? " and a leader" : "", (int)gang->minimum,
               gang->rules.pool == SIM_NONE ? "" : ", of a pool", gang->gated ? ", gated" : "");
    if (gang->gated) {
        sim_later(sim, random_range(random, 500, 8000), ACTION_UNGATE, index, 0, 0);
    }
    trace_constraints(sim, &gang->constraints);
    trace_company(sim, &gang->company);
    if (gang->led) {
        trace_note(sim, "  its leader%s:", gang->tied ? ", tied to the workers" : "");
        trace_constraints(sim, &gang->leader);
    }
}

void jobs_start_ordinary(struct sim *sim, struct random *random)
{
    struct sim_pod pod = {.gang = SIM_NONE, .name = SIM_NONE, .rank = -1};
    pod.shape = (int)random_range(random, 0, SIM_SHAPES - 1);
    pod.state.node = pod.state.nominated = SIM_NONE;
    pod.priority = random_chance(random, 200) ? 10 : 0;
    rules_draw(random, sim->ruled, sim->node_count, &pod.rules);
    if (sim->company > 0) {
        company_draw(random, sim->company, false, &pod.company);
    }
    pod.state.gated = random_chance(random, sim->ruled / 2);
    int index = api_create_pod(sim, &pod);
    if (pod.state.gated && index != SIM_NONE) {
        sim_later(sim, random_range(random, 100, 8000), ACTION_UNGATE, SIM_NONE, index, 0);
    }
    trace_note(sim, "the ordinary pod p%d of %d GPUs", index, sim_gpus(pod.shape));
    trace_company(sim, &pod.company);
}

/* ---- the end of old ones ---- */

int jobs_pick(const struct sim *sim, struct random *random, bool bound)
{
    for (int tries = 0; tries < 20 && sim->pod_count > 0; tries++) {
        int index = random_index(random, sim->pod_count);
        const struct pod_state *state = &sim->pods[index].state;
        if (state->exists && !state->deleting && !state->terminal &&
            (state->node != SIM_NONE) == bound) {
            return index;
        }
    }
    return SIM_NONE;
}

/* Returns after how long it is gone. */
static int64_t delete_pod(struct sim *sim, struct random *random, int index)
{
    struct pod_state *state = &sim->pods[index].state;
    if (sim->pods[index].gang != SIM_NONE) {
        jobs_tear(sim, sim->pods[index].gang);
        sim->gangs[sim->pods[index].gang].marred = true;
    }
    trace_note(sim, "p%d is deleted", index);
    if (state->node == SIM_NONE && random_chance(random, 500)) {
        api_delete_pod(sim, index);
        return 0;
    }
    int64_t grace = random_range(random, 10, 5000);
    state->deleting = true;
    api_touch_pod(sim, index);
    sim_later(sim, grace, ACTION_DELETE, index, 0, 0);
    return grace;
}

void jobs_delete(struct sim *sim, struct random *random)
{
    int index = jobs_pick(sim, random, random_chance(random, 300));
    if (index != SIM_NONE) {
        (void)delete_pod(sim, random, index);
    }
}

static void create_again(struct sim *sim, int index, int64_t delay, int name)
{
    const struct sim_pod *pod = &sim->pods[index];
    sim_later(sim, delay, ACTION_CREATE, pod->gang, 0,
              pack(pod->shape, pod->role, pod->rank, pod->run, name));
}

void jobs_replace(struct sim *sim, int pod)
{
    if (sim->pods[pod].gang != SIM_NONE) {
        create_again(sim, pod, random_range(&sim->random, 5000, 9000), SIM_NONE);
    }
}

void jobs_recreate(struct sim *sim, struct random *random)
{
    int index = jobs_pick(sim, random, random_chance(random, 300));
    if (index != SIM_NONE && sim->pods[index].gang != SIM_NONE) {
        int64_t gone = delete_pod(sim, random, index);
        create_again(sim, index, gone + random_range(random, 1, 1500), sim->pods[index].name);
    }
}

static void finish_pod(struct sim *sim, struct random *random, int index, bool succeeded)
{
    struct pod_state *state = &sim->pods[index].state;
    state->terminal = true;
    state->succeeded = succeeded;
    api_touch_pod(sim, index);
    sim_later(sim, random_range(random, 10, 20000), ACTION_DELETE, index, 0, 0);
    if (sim->pods[index].gang != SIM_NONE) {
        sim->gangs[sim->pods[index].gang].torn = true;
    }
}

void jobs_lose(struct sim *sim, struct random *random, int pod, bool fails)
{
    if (fails) {
        trace_note(sim, "p%d fails", pod);
        finish_pod(sim, random, pod, false);
        sim->gangs[sim->pods[pod].gang].marred = true;
    } else {
        (void)delete_pod(sim, random, pod);
    }
    if (random_chance(random, 800)) {
        create_again(sim, pod, random_range(random, 100, 6000), SIM_NONE);
    }
}

void jobs_bind_outside(struct sim *sim, int pod, int node)
{
    if (sim->pods[pod].gang != SIM_NONE) {
        sim->gangs[sim->pods[pod].gang].torn = true;
        sim->gangs[sim->pods[pod].gang].marred = true;
        sim->pods[pod].displaced = true;
    }
    trace_note(sim, "another scheduler binds p%d to n%d", pod, node);
    (void)api_bind(sim, pod, node, 0, SIM_NONE, false);
}

void jobs_finish(struct sim *sim, struct random *random)
{
    int index = jobs_pick(sim, random, true);
    if (index == SIM_NONE) {
        return;
    }
    int gang = sim->pods[index].gang;
    bool succeeded = random_chance(random, 700);
    if (gang == SIM_NONE || random_chance(random, 150)) {
        trace_note(sim, "p%d %s", index, succeeded ? "succeeds" : "fails");
        finish_pod(sim, random, index, succeeded);
        if (gang != SIM_NONE && !succeeded) {
            create_again(sim, index, random_range(random, 100, 3000), SIM_NONE);
        }
        return;
    }
    trace_note(sim, "g%d %s", gang, succeeded ? "succeeds" : "fails");
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        const struct pod_state *state = &sim->pods[i].state;
        if (!state->exists || state->terminal || state->deleting) {
            continue;
        }
        if (state->node != SIM_NONE) {
            finish_pod(sim, random, i, succeeded);
        } else if (random_chance(random, 800)) {
            (void)delete_pod(sim, random, i);
        }
    }
}

/* ---- groups ---- */

/* What its group says from now on was not known when they got their places. */
static void displace_members(struct sim *sim, int gang)
{
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        sim->pods[i].displaced |=
            sim->pods[i].state.node != SIM_NONE || sim->host.posted[i] != POST_NONE;
    }
}

void jobs_edit_group(struct sim *sim, struct random *random)
{
    if (sim->gang_count == 0) {
        return;
    }
    int oldest = sim->gang_count > 8 ? sim->gang_count - 8 : 0;
    int index = (int)random_range(random, oldest, sim->gang_count - 1);
    int kind = random_index(random, 10);
    struct sim_gang *gang = &sim->gangs[index];
    if (!gang->state.exists) {
        return;
    }
    jobs_tear(sim, index);
    displace_members(sim, index);
    if (kind < 3) {
        gang->state.exists = false;
        trace_note(sim, "the group of g%d is deleted for a while", index);
        sim_later(sim, random_range(random, 10, 5000), ACTION_GROUP, index, 0, 0);
    } else if (kind < 5 && sim->constrained_percent > 0) {
        gang->constraints = (struct constraints){.required = LEVEL_NONE};
        draw_constraints(random, &gang->constraints);
        gang->state.constraints = gang->constraints;
        trace_note(sim, "g%d has other constraints", index);
        trace_constraints(sim, &gang->constraints);
    } else {
        int32_t change = (int32_t)random_range(random, 0, 6);
        gang->minimum = kind < 8 ? gang->minimum + (kind < 7 ? 1 : -1) : change;
        gang->state.minimum = gang->minimum;
        minimums_edit(sim, random, index);
        gang->marred = true; /* who is planned first may decide which request is sliced */
        trace_note(sim, "the quorum of g%d is %d now", index, (int)gang->minimum);
    }
    api_show(sim, KIND_GROUP, index);
}
