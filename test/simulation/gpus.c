// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/gpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/simulation/account.h"
#include "test/simulation/shown.h"
#include "test/simulation/spaces.h"

/* What is judged: every set that leaves the engine with a binding, against those that it has sent
 * before and those that it was shown; and the plan of a gang that requires good sets, at the moment
 * when it is made.
 */

static void describe(char name[16], int gpu)
{
    snprintf(name, 16, "gpu-%d", gpu);
}

const struct device_map *gpus_map(struct sim *sim, int gpus)
{
    char name[16], other[16];
    if (sim->maps[gpus] != NULL) {
        return sim->maps[gpus];
    }
    struct device_map *map = device_map_create();
    bool made = true;
    for (int i = 0; i < gpus; i++) {
        struct device_description gpu = {
            .name = name, .numa = DEVICE_UNKNOWN, .rail = DEVICE_UNKNOWN};
        describe(name, i);
        made = made && device_map_add_gpu(map, &gpu, NULL) == 0;
    }
    for (int i = 0; i < gpus; i++) {
        for (int j = 0; j < i; j++) {
            describe(name, i);
            describe(other, j);
            bool half = (i < gpus / 2) == (j < gpus / 2);
            made = made && (!half || device_map_link(map, name, other, 4, NULL) == 0);
        }
    }
    if (!made || device_map_finish(map, NULL) < 0) {
        sim_fail(sim, "the simulator's own map of %d GPUs is none", gpus);
    }
    sim->maps[gpus] = map;
    return map;
}

void gpus_finish(struct sim *sim)
{
    for (size_t i = 0; i < sizeof(sim->maps) / sizeof(sim->maps[0]); i++) {
        device_map_destroy(sim->maps[i]);
    }
}

const char *gpus_text(struct sim *sim, uint32_t set)
{
    const char *text = NULL;
    for (int gpu = 0; gpu < 32; gpu++) {
        if ((set >> gpu & 1) != 0) {
            text = arena_printf(&sim->arena, "%s%sgpu-%d", text == NULL ? "" : text,
                                text == NULL ? "" : ",", gpu);
        }
    }
    return text;
}

uint32_t gpus_set(const char *text)
{
    uint32_t set = 0;
    while (text != NULL && *text != '\0') {
        set |= 1u << strtol(text + strlen("gpu-"), NULL, 10);
        text = strchr(text, ',');
        text = text == NULL ? NULL : text + 1;
    }
    return set;
}

/* ---- what must be true ---- */

/* The set that the engine knows the pod to have on the node. */
static uint32_t set_of(const struct sim *sim, int pod, int node)
{
    const struct pod_state *seen = &sim->host.seen[pod];
    if (!sim->host.seen_ever[pod] || !seen->exists || seen->terminal) {
        return 0;
    }
    if (seen->node == node) {
        return seen->devices;
    }
    const char *phase = sim->host.told[pod];
    bool sent = sim->host.place[pod] == node && phase != NULL && account_hold(sim, pod) == SIM_NONE;
    return sent && seen->node == SIM_NONE ? sim->host.sent[pod] : 0;
}

static void check_binding(struct sim *sim, const struct pod_write *write)
{
    int pod = sim_number(write->uid), node = sim_number(write->node);
    uint32_t set = gpus_set(write->devices);
    if (set == 0) {
        return; /* not known */
    }
    if (__builtin_popcount(set) != sim_gpus(sim->pods[pod].shape)) {
        sim_fail(sim, "(21) p%d is given %s, and asked for %d", pod, write->devices,
                 sim_gpus(sim->pods[pod].shape));
    }
    for (int i = 0; i < sim->pod_count; i++) {
        /* What the other replica bound may be shown after the sets of this one were chosen. */
        if (i != pod && !sim->peer.bound[i] && (set_of(sim, i, node) & set) != 0) {
            sim_fail(sim, "(21) p%d is given %s of n%d, and p%d has some of them", pod,
                     write->devices, node, i);
        }
    }
}

/* In one half if they fit into one, else with a whole one: as many links as there can be. */
static bool is_good(uint32_t set, int gpus)
{
    uint32_t low = (1u << gpus / 2) - 1, high = ((1u << gpus) - 1) & ~low;
    if (__builtin_popcount(set) > gpus / 2) {
        return (set & low) == low || (set & high) == high;
    }
    return (set & ~low) == 0 || (set & ~high) == 0;
}

static void check_plan(struct sim *sim, int gang)
{
    struct gang_view view;
    struct arena arena;
    arena_init(&arena);
    bool found = spaces_find(sim, gang, &arena, &view);
    for (uint32_t m = 0; found && m < view.member_count; m++) {
        const struct gang_member_view *member = &view.members[m];
        uint32_t set = 0;
        for (uint32_t i = 0; i < member->device_count; i++) {
            set |= gpus_set(member->devices[i]);
        }
        for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
            int node = account_hold(sim, i);
            if (sim->pods[i].name != spaces_member(sim, gang, member->pod) || node == SIM_NONE ||
                !sim->host.planned[i] || shown_twice(sim, i) ||
                shown_asked(sim, i)->good_gpus == 0) {
                continue;
            }
            const struct node_state *shown = &sim->host.nodes[node];
            int gpus = sim_gpus(sim->pods[i].shape);
            if (gpus > 0 && (!shown->mapped || __builtin_popcount(set) != gpus ||
                             !is_good(set, shown->has.gpus))) {
                sim_fail(sim, "(21) p%d requires good GPUs, and is planned with %u of n%d: %#x", i,
                         member->device_count, node, set);
            }
        }
    }
    arena_finish(&arena);
}

void gpus_check(struct sim *sim)
{
    const struct effects *effects = &sim->host.effects;
    for (size_t i = 0; i < effects->count; i++) {
        const struct effect *effect = &effects->items[i];
        if (effect->type == EFFECT_POST_BINDING) {
            sim->host.sent[sim_number(effect->write.uid)] = gpus_set(effect->write.devices);
        }
    }
    for (size_t i = 0; i < effects->count; i++) {
        const struct effect *effect = &effects->items[i];
        if (effect->type == EFFECT_POST_BINDING) {
            check_binding(sim, &effect->write);
        } else if (effect->type == EFFECT_EVENT &&
                   strcmp(effect->event.reason, "GangPlanned") == 0) {
            check_plan(sim, spaces_gang_of_event(sim, &effect->event));
        }
    }
}
