// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/room.h"

#include "test/simulation/outranked.h"

#include "test/simulation/rules.h"

#include <string.h>

#include "test/simulation/company.h"

/* Sums, nothing else: a slice of s pods fits ⌊copies of its domain / s⌋ times, a slice of slices
 * likewise. A node that lacks a label that the gang, or an exclusive neighbour, cares for is left
 * out, which can only make the room smaller than it is.
 */

static int copies_on(const struct sim *sim, int node, const struct sim_pod *pod)
{
    struct sim_amounts left = sim_left(sim, node), request = sim_request(pod, &pod->state);
    if (sim->hidden[pod->shape][node] || !rules_admits(&sim->nodes[node].state, pod)) {
        return 0;
    }
    return sim_copies(&left, &request);
}

/* The sets of the GPUs of pods that run on the node; false when not all of them are known: one has
 * none, one that the node does not have, or one that is somebody else's. */
static bool taken_of(const struct sim *sim, int node, uint32_t *taken)
{
    int gpus = sim->nodes[node].state.has.gpus;
    *taken = 0;
    for (int i = 0; i < sim->pod_count; i++) {
        const struct pod_state *state = &sim->pods[i].state;
        uint32_t set = state->devices;
        if (!state->exists || state->terminal || state->node != node ||
            sim_gpus(sim->pods[i].shape) == 0) {
            continue;
        }
        if (__builtin_popcount(set) != sim_gpus(sim->pods[i].shape) || set >> gpus != 0 ||
            (set & *taken) != 0) {
            return false;
        }
        *taken |= set;
    }
    return true;
}

/* How many good sets side by side there are on the node: a half of it is joined well (gpus.h). */
static int good_sets(const struct sim *sim, int node, int gpus)
{
    const struct node_state *state = &sim->nodes[node].state;
    uint32_t taken, half = (1u << state->has.gpus / 2) - 1;
    if (gpus == 0) {
        return SIM_PODS_MAX;
    }
    if (!state->mapped || !taken_of(sim, node, &taken)) {
        return 0;
    }
    uint32_t free = ~taken & ((1u << state->has.gpus) - 1);
    int low = __builtin_popcount(free & half), high = __builtin_popcount(free & ~half);
    if (gpus > state->has.gpus / 2) { /* a whole half and some of the other: once, if at all */
        return low + high >= gpus && (low > high ? low : high) == state->has.gpus / 2;
    }
    return low / gpus + high / gpus;
}

static void leave_out(const struct sim *sim, int gang, struct room *room)
{
    enum sim_level own =
        sim_wider(sim->gangs[gang].constraints.exclusive, sim->gangs[gang].leader.exclusive);
    for (int node = 0; node < sim->node_count; node++) {
        if (sim_domain(&sim->nodes[node].state, own) == SIM_NONE) {
            room->copies[node] = 0;
        }
    }
    for (int i = 0; i < sim->pod_count; i++) {
        const struct sim_pod *pod = &sim->pods[i];
        if (pod->gang == SIM_NONE || pod->gang == gang || !pod->state.exists ||
            pod->state.node == SIM_NONE || outranked_stranger(sim, i)) {
            continue;
        }
        const struct sim_gang *other = &sim->gangs[pod->gang];
        enum sim_level level =
            sim_wider(own, sim_wider(other->constraints.exclusive, other->leader.exclusive));
        int taken = sim_domain(&sim->nodes[pod->state.node].state, level);
        for (int node = 0; node < sim->node_count && level != LEVEL_NONE; node++) {
            int domain = sim_domain(&sim->nodes[node].state, level);
            if (domain == SIM_NONE || taken == SIM_NONE || domain == taken) {
                room->copies[node] = 0;
            }
        }
    }
}

void room_measure(const struct sim *sim, int gang, const struct sim_pod *pod, bool good_gpus,
                  struct room *room)
{
    memset(room, 0, sizeof(*room));
    for (int node = 0; node < sim->node_count; node++) {
        room->copies[node] = copies_on(sim, node, pod);
        int good = good_gpus ? good_sets(sim, node, sim_gpus(pod->shape)) : SIM_PODS_MAX;
        room->copies[node] = good < room->copies[node] ? good : room->copies[node];
    }
    leave_out(sim, gang, room);
    if (sim->company > 0) {
        company_limit(sim, gang, pod, room);
    }
}

/* The nodes of a set (bits) that stand in the domain. */
static uint32_t within(const struct sim *sim, uint32_t nodes, enum sim_level level, int domain)
{
    uint32_t inside = 0;
    for (int node = 0; node < sim->node_count; node++) {
        if ((nodes >> node & 1) != 0 && sim_domain(&sim->nodes[node].state, level) == domain) {
            inside |= 1u << node;
        }
    }
    return inside;
}

/* Pods in whole slices of layer `layer` and below, on the nodes of the set. */
static int sliced(const struct sim *sim, const struct room *room,
                  const struct constraints *constraints, int layer, uint32_t nodes)
{
    int sum = 0;
    for (int node = 0; node < sim->node_count; node++) {
        if ((nodes >> node & 1) == 0) {
            continue;
        }
        if (layer >= constraints->layers || layer >= SIM_LAYERS_MAX) {
            sum += room->copies[node];
            continue;
        }
        enum sim_level level = constraints->slice_level[layer];
        int domain = sim_domain(&sim->nodes[node].state, level);
        uint32_t inside = within(sim, nodes, level, domain);
        nodes &= ~inside;
        if (domain != SIM_NONE) {
            int size = constraints->slice_size[layer];
            sum += sliced(sim, room, constraints, layer + 1, inside) / size * size;
        }
    }
    return sum;
}

int room_for(const struct sim *sim, const struct room *room, const struct constraints *constraints)
{
    int best = 0;
    uint32_t all = (1u << sim->node_count) - 1;
    if (constraints->required == LEVEL_NONE) {
        return sliced(sim, room, constraints, 0, all);
    }
    for (int node = 0; node < sim->node_count; node++) {
        int domain = sim_domain(&sim->nodes[node].state, constraints->required);
        if (domain != SIM_NONE) {
            uint32_t inside = within(sim, all, constraints->required, domain);
            int here = sliced(sim, room, constraints, 0, inside);
            best = here > best ? here : best;
        }
    }
    return best;
}

int room_within(const struct sim *sim, const struct room *room,
                const struct constraints *constraints, uint32_t nodes)
{
    return sliced(sim, room, constraints, 0, nodes);
}

bool room_for_one(const struct sim *sim, const struct sim_pod *pod)
{
    struct room room;
    for (int node = 0; node < sim->node_count; node++) {
        room.copies[node] = copies_on(sim, node, pod);
    }
    if (sim->company > 0) {
        company_limit(sim, SIM_NONE, pod, &room);
    }
    for (int node = 0; node < sim->node_count; node++) {
        if (room.copies[node] > 0) {
            return true;
        }
    }
    return false;
}
