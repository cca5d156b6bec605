// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/objects.h"

#include "test/simulation/wire_objects.h"

/* The short way from numbers to the engine's objects. The long way, through JSON, is
 * wire_objects.c; both must tell the engine the same, which replay_epoch() finds out by taking the
 * other one.
 */

const char *objects_name(struct sim *sim, char prefix, int number)
{
    char name[16];
    return arena_printf(&sim->arena, "%s%s", sim->host.renamed ? OBJECTS_RENAMED : "",
                        sim_name(name, prefix, number));
}

bool objects_constraints_on_pods(const struct sim_gang *gang)
{
    return !gang->object;
}

const char *objects_level(enum sim_level level)
{
    static const char *const names[] = {NULL, "leaf", "topology.kubernetes.io/rack"};
    return names[level];
}

const char *objects_role(enum sim_role role)
{
    static const char *const names[] = {NULL, "leader", "worker"};
    return names[role];
}

static void add_label(struct label_object *labels, size_t *count, const char *key,
                      const char *value)
{
    labels[(*count)++] = (struct label_object){key, value};
}

void objects_node(struct sim *sim, int index, const struct node_state *state,
                  struct node_object *object)
{
    if (sim->host.codecs) {
        wire_node(sim, index, state, object);
        return;
    }
    struct label_object *labels = arena_alloc(&sim->arena, 3, sizeof *labels);
    struct amount_object *amounts = arena_alloc(&sim->arena, 2, sizeof *amounts);
    const char *name = objects_name(sim, 'n', index);
    size_t count = 0;
    add_label(labels, &count, "kubernetes.io/hostname", name);
    if (state->leaf != SIM_NONE) {
        add_label(labels, &count, "network.topology.nvidia.com/leaf",
                  objects_name(sim, 'l', state->leaf));
    }
    if (state->rack != SIM_NONE) {
        add_label(labels, &count, "topology.kubernetes.io/rack",
                  objects_name(sim, 'r', state->rack));
    }
    amounts[0] = (struct amount_object){"nvidia.com/gpu", state->gpus};
    amounts[1] = (struct amount_object){"pods", 110};
    *object = (struct node_object){.name = name,
                                   .labels = labels,
                                   .label_count = count,
                                   .allocatable = amounts,
                                   .allocatable_count = 2};
}

static void place(struct sim *sim, const struct constraints *constraints,
                  struct placement_object *placement)
{
    struct slice_object *slices = arena_alloc(&sim->arena, SIM_LAYERS_MAX, sizeof *slices);
    for (int i = 0; i < constraints->layers; i++) {
        slices[i] = (struct slice_object){objects_level(constraints->slice_level[i]),
                                          constraints->slice_size[i]};
    }
    *placement = (struct placement_object){
        .required_level = objects_level(constraints->required),
        .preferred_level = objects_level(constraints->preferred),
        .exclusive_level = objects_level(constraints->exclusive),
        .slices = slices,
        .slice_count = (size_t)constraints->layers,
    };
}

void objects_pod(struct sim *sim, int index, const struct pod_state *state,
                 struct pod_object *object)
{
    if (sim->host.codecs) {
        wire_pod(sim, index, state, object);
        return;
    }
    const struct sim_pod *pod = &sim->pods[index];
    const struct sim_gang *gang = pod->gang == SIM_NONE ? NULL : &sim->gangs[pod->gang];
    int gpus = sim_gpus(pod->shape);
    struct amount_object *amounts = arena_alloc(&sim->arena, 2, sizeof *amounts);
    size_t count = 0; /* in the order of the decoder: names are numbered as they come */
    if (gpus > 0) {
        amounts[count++] = (struct amount_object){"nvidia.com/gpu", gpus};
    }
    amounts[count++] = (struct amount_object){"pods", 1};
    *object = (struct pod_object){
        .name_space = "ns",
        .name = objects_name(sim, 'p', pod->name),
        .uid = objects_name(sim, 'u', index),
        .node = state->node == SIM_NONE ? NULL : objects_name(sim, 'n', state->node),
        .nominated = state->nominated == SIM_NONE ? NULL : objects_name(sim, 'n', state->nominated),
        .priority = pod->priority,
        .terminal = state->terminal,
        .succeeded = state->succeeded,
        .deleting = state->deleting,
        .requests = amounts,
        .request_count = count,
        .gang = gang == NULL ? NULL : objects_name(sim, 'g', pod->gang),
        .gang_minimum = pod->minimum,
        .role = objects_role(pod->role),
        .rank = pod->rank,
    };
    if (gang != NULL && objects_constraints_on_pods(gang)) {
        place(sim, &gang->constraints, &object->placement);
    }
}

void objects_group(struct sim *sim, int index, const struct group_state *state,
                   struct group_object *object)
{
    if (sim->host.codecs) {
        wire_group(sim, index, state, object);
        return;
    }
    const char *name = objects_name(sim, 'g', index);
    *object = (struct group_object){.name_space = "ns",
                                    .name = name,
                                    .uid = name,
                                    .minimum = state->minimum,
                                    .hold_timeout_ms = state->timeout_ms};
    place(sim, &state->constraints, &object->placement);
}
