// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "test/simulation/company.h"
#include "test/simulation/constraints.h"
#include "test/simulation/invariants.h"
#include "test/simulation/minimums.h"
#include "test/simulation/room.h"
#include "test/simulation/rules.h"
#include "test/simulation/spaces.h"

/* What must be true once the faults are over and everything had time: nobody waits who fits, no
 * gang is partial, nothing is held, no call is open, nobody is written to without end.
 */

struct muster {
    int bound, done, pending;
    struct members there, all; /* bound and done ones; and those that could be bound */
    const struct sim_pod *pod; /* one of the pending */
    bool mixed;                /* not all of them are like it */
};

static struct muster muster(const struct sim *sim, int gang)
{
    bool sure;
    struct members done = minimums_done(sim, gang, false, &sure);
    struct muster result = {.done = done.all, .there = done, .all = done};
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        const struct sim_pod *pod = &sim->pods[i];
        if (!pod->state.exists || pod->state.deleting) {
            continue;
        }
        if (pod->state.terminal || (pod->state.gated && pod->state.node == SIM_NONE)) {
            continue;
        }
        members_add(&result.all, pod->role, 1);
        if (pod->state.node != SIM_NONE) {
            members_add(&result.there, pod->role, 1);
            result.bound++;
            continue;
        }
        bool alike =
            result.pending == 0 || (rules_same(pod, result.pod) && pod->role == result.pod->role);
        result.mixed |= !alike; /* roles are sliced each by itself */
        result.pod = pod;
        result.pending++;
    }
    return result;
}

/* Whoever joins has to go where the others are: nowhere, if they are in several domains. */
static void stay(const struct sim *sim, int gang, enum sim_level level, struct room *room)
{
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        const struct pod_state *state = &sim->pods[i].state;
        if (!state->exists || state->terminal || state->deleting || state->node == SIM_NONE) {
            continue;
        }
        int domain = sim_domain(&sim->nodes[state->node].state, level);
        for (int node = 0; node < sim->node_count && level != LEVEL_NONE; node++) {
            if (domain == SIM_NONE || sim_domain(&sim->nodes[node].state, level) != domain) {
                room->copies[node] = 0;
            }
        }
    }
}

/* How many of the gang's waiting pods certainly fit. Slices that lost a member may be incomplete
 * for good. */
static int room_of(const struct sim *sim, int index, const struct muster *state)
{
    const struct sim_gang *gang = &sim->gangs[index];
    const struct constraints *constraints = &gang->constraints;
    struct room room;
    bool started = state->bound + state->done > 0;
    bool apart = memcmp(&gang->leader, constraints, sizeof gang->leader) != 0;
    if (state->mixed || (gang->led && apart) ||
        (constraints->layers > 0 && (gang->marred || gang->torn)) ||
        (started && constraints->layers > 0) ||
        (gang->company.spread != LEVEL_NONE &&
         (constraints->layers > 0 || constraints->required != LEVEL_NONE))) {
        return 0;
    }
    room_measure(sim, index, state->pod, constraints->good_gpus != 0, &room);
    stay(sim, index, constraints->required, &room);
    return room_for(sim, &room, constraints);
}

/* How many of the pending ones, who are of one role, are missing beside those who are there. */
static int needed(const struct sim *sim, int index, const struct members *there)
{
    int need = 0;
    struct members members = *there;
    for (; !minimums_met(sim, index, false, &members) && need < SIM_PODS_MAX; need++) {
        for (int role = 0; role < SIM_ROLES; role++) {
            members.roles[role]++;
        }
        members.all++;
    }
    return need;
}

/* Nobody tells which GPUs an ordinary pod has, so what is left of good sets beside one is less than
 * what was planned before it came. */
static bool is_beside_unknown_gpus(const struct sim *sim, int gang)
{
    bool found = false;
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        int node = sim->pods[i].state.exists ? sim->pods[i].state.node : SIM_NONE;
        for (int other = 0; other < sim->pod_count && node != SIM_NONE; other++) {
            const struct sim_pod *it = &sim->pods[other];
            found |= it->gang == SIM_NONE && it->state.exists && it->state.node == node &&
                     sim_request(it, &it->state).gpus > 0;
        }
    }
    return found && sim->gangs[gang].constraints.good_gpus != 0;
}

static void check_gang(struct sim *sim, int index)
{
    const struct sim_gang *gang = &sim->gangs[index];
    struct muster state = muster(sim, index);
    int minimum = gang->object ? (gang->state.exists ? gang->state.minimum : 0) : gang->minimum;
    bool started = state.bound + state.done > 0;
    bool whole = minimums_met(sim, index, false, &state.there);
    if (state.pending == 0 || !minimums_met(sim, index, false, &state.all)) {
        return; /* nobody comes, or all who could come are too few */
    }
    int need = whole ? 1 : needed(sim, index, &state.there); /* whoever comes, or what is missing */
    sim->checks.partial += started;
    sim->checks.partial_judged += started && !gang->torn;
    if (started && !gang->torn && !whole && !is_beside_unknown_gpus(sim, index)) {
        sim_fail(sim, "(1) gang g%d stays partial: %d bound, quorum %d, %d pending", index,
                 state.bound, minimum, state.pending);
    }
    if (gang->constraints.layers > 0) { /* whole slices only */
        int slice = gang->constraints.slice_size[0];
        need = (need + slice - 1) / slice * slice;
    }
    int room = room_of(sim, index, &state);
    if (sim->host.troubled_until[index] > sim->now + sim->host.skew_ms &&
        (sim->stubborn || !company_any(&gang->company) || gang->company.spread != LEVEL_NONE)) {
        return; /* refused a moment ago, by kube-scheduler's filters, stubborn or for the spread */
    }
    if (need <= state.pending && room >= need) {
        sim_fail(sim,
                 "(7) gang g%d waits although it fits: %d bound, %d done, %d pending, quorum %d, "
                 "room %d",
                 index, state.bound, state.done, state.pending, minimum, room);
    }
}

static void check_engine(struct sim *sim)
{
    struct engine_figures figures;
    if (sim->host.engine == NULL) {
        return;
    }
    engine_figures(sim->host.engine, &figures);
    if (sim->stubborn || company_learns(sim)) {
        return; /* they are planned, refused and planned again for ever */
    }
    if (figures.holds > 0 || figures.waiting_binds > 0 || figures.gangs[GANG_HELD] > 0) {
        sim_fail(sim, "(3) %u holds and %u waiting binds are left", figures.holds,
                 figures.waiting_binds);
    }
    for (size_t i = 0; i < sim->call_count; i++) {
        if (sim->calls[i].state == CALL_OPEN) {
            sim_fail(sim, "(3) the bind call %zu of pod p%d is still open", i, sim->calls[i].pod);
        }
    }
}

/* Whether a nomination of the pod, or the end of one, is on its way. */
static bool is_written_to(const struct sim *sim, int pod)
{
    bool pending = false;
    for (size_t i = 0; i < sim->write_count; i++) {
        const struct sim_write *write = &sim->writes[i];
        pending = pending || (write->pod == pod && write->type == EFFECT_NOMINATE &&
                              write->epoch == sim->host.epoch && !write->landed);
    }
    return pending;
}

/* kube-scheduler keeps room for who is nominated: nobody may be who has no plan. */
static void check_nominations(struct sim *sim)
{
    for (int i = 0; i < sim->pod_count; i++) {
        struct gang_view view;
        struct arena arena;
        const struct sim_pod *pod = &sim->pods[i];
        if (!pod->state.exists || pod->gang == SIM_NONE || pod->state.nominated == SIM_NONE ||
            pod->state.node != SIM_NONE || pod->state.terminal || pod->state.deleting ||
            is_written_to(sim, i)) {
            continue;
        }
        arena_init(&arena);
        bool found = spaces_find(sim, pod->gang, &arena, &view);
        for (uint32_t m = 0; found && m < view.member_count; m++) {
            if (spaces_member(sim, pod->gang, view.members[m].pod) == pod->name &&
                view.members[m].node == NULL) {
                sim_fail(sim, "(7) p%d stays nominated on n%d, and its gang has no plan", i,
                         pod->state.nominated);
            }
        }
        arena_finish(&arena);
    }
}

/* A hold that is shorter than three of kube-scheduler's backoffs may well run out, and so may one
 * whose nominations got lost, or that was made for a pod which kube-scheduler asked about after it
 * was gone. */
bool invariants_may_run_out(const struct sim *sim, const struct event_effect *event)
{
    int gang = spaces_gang_of_event(sim, event);
    int64_t timeout = sim->gangs[gang].state.timeout_ms;
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        bool gone =
            sim->host.seen_ever[i] && sim->host.seen[i].exists && !sim->pods[i].state.exists;
        if (gone || sim->pods[i].company.app != 0) { /* an ordinary pod may exclude it there now */
            return true;
        }
    }
    return (timeout > 0 && timeout < SIM_HOLD_MS) ||
           sim->gangs[gang].company.spread != LEVEL_NONE ||
           sim->gangs[gang].lost_at + SIM_HOLD_MS >= sim->now;
}

void invariants_recovered(struct sim *sim)
{
    struct engine_figures figures = {0};
    bool learns = company_learns(sim); /* whose nominations come and go */
    check_engine(sim);
    if (sim->host.engine != NULL) {
        engine_figures(sim->host.engine, &figures);
    }
    if (sim->host.engine != NULL && !sim->stubborn) {
        check_nominations(sim);
    }
    for (int gang = 0; gang < sim->gang_count; gang++) {
        constraints_check_bound(sim, gang);
    }
    if (figures.holds > 0) {
        return; /* stubborn: what is free is not for everybody */
    }
    for (int gang = 0; gang < sim->gang_count; gang++) {
        check_gang(sim, gang);
    }
    for (int i = 0; i < sim->pod_count; i++) {
        const struct sim_pod *pod = &sim->pods[i];
        if (pod->gang == SIM_NONE && pod->state.exists && !sim->stubborn && !pod->state.terminal &&
            !pod->state.deleting && pod->state.node == SIM_NONE && !pod->state.gated && !learns &&
            room_for_one(sim, pod)) {
            sim_fail(sim, "(7) the ordinary pod p%d waits although it fits", i);
        }
        if (pod->writes > 60 && !sim->stubborn && pod->company.spread == LEVEL_NONE) {
            sim_fail(sim, "(8) pod p%d was written to %u times after everything had recovered", i,
                     pod->writes);
        }
    }
}
