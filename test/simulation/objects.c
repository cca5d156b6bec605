// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/objects.h"

#include "test/simulation/gpus.h"
#include "test/simulation/minimums.h"
#include "test/simulation/rules.h"
#include "test/simulation/spaces.h"
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

const char *objects_pod_name(struct sim *sim, int pod)
{
    return objects_name(sim, 'p', spaces_order(sim, pod));
}

const char *objects_gang_name(struct sim *sim, int gang)
{
    char name[16];
    return objects_name(sim, 'g', sim_number(spaces_gang(sim, name, gang)));
}

const char *objects_owner(struct sim *sim, const struct sim_pod *pod)
{
    return arena_printf(&sim->arena, "%s-%d", objects_name(sim, 'j', pod->gang), pod->run);
}

bool objects_constraints_on_pods(const struct sim_gang *gang)
{
    return !gang->object;
}

const struct constraints *objects_constraints(const struct sim *sim, const struct sim_pod *pod)
{
    const struct sim_gang *gang = &sim->gangs[pod->gang];
    return pod->role == ROLE_LEADER ? &gang->leader : &gang->constraints;
}

const char *objects_level(enum sim_level level)
{
    static const char *const names[] = {NULL, "leaf", "topology.kubernetes.io/rack", NULL};
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

static void write_node(struct sim *sim, int index, const struct node_state *state,
                       struct node_object *object)
{
    struct label_object *labels = arena_alloc(&sim->arena, 5, sizeof *labels);
    struct amount_object *amounts = arena_alloc(&sim->arena, 3, sizeof *amounts);
    static const struct taint_object taints[] = {
        [TAINTED_SOFTLY] = {"dedicated", "gang", TAINT_PREFER_NO_SCHEDULE},
        [TAINTED_NO_SCHEDULE] = {"dedicated", "gang", TAINT_NO_SCHEDULE},
        [TAINTED_NO_EXECUTE] = {"dedicated", "gang", TAINT_NO_EXECUTE},
    };
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
    add_label(labels, &count, "pool", objects_name(sim, 'b', state->pool));
    if (rules_generation(state) != NULL) {
        add_label(labels, &count, "generation", rules_generation(state));
    }
    amounts[0] = (struct amount_object){"cpu", state->has.cpus * INT64_C(1000)};
    amounts[1] = (struct amount_object){"nvidia.com/gpu", state->has.gpus};
    amounts[2] = (struct amount_object){"pods", state->has.pods};
    *object = (struct node_object){.name = name,
                                   .labels = labels,
                                   .label_count = count,
                                   .allocatable = amounts,
                                   .allocatable_count = 3,
                                   .taints = &taints[state->taint],
                                   .taint_count = state->taint != TAINTED_NOT,
                                   .unschedulable = state->cordoned};
}

void objects_node(struct sim *sim, int index, const struct node_state *state,
                  struct node_object *object)
{
    if (sim->host.codecs) {
        wire_node(sim, index, state, object);
    } else {
        write_node(sim, index, state, object);
    }
    if (state->mapped) { /* not from the node itself */
        object->devices = gpus_map(sim, state->has.gpus);
        object->device_resource = "nvidia.com/gpu";
    }
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
        .device_topology = constraints->good_gpus != 0 ? "required" : NULL,
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
    struct sim_amounts request = sim_request(pod, state);
    struct amount_object *amounts = arena_alloc(&sim->arena, 3, sizeof *amounts);
    size_t count = 0;
    amounts[count++] = (struct amount_object){"cpu", request.cpus * INT64_C(1000)};
    if (request.gpus > 0) {
        amounts[count++] = (struct amount_object){"nvidia.com/gpu", request.gpus};
    }
    amounts[count++] = (struct amount_object){"pods", 1};
    *object = (struct pod_object){
        .name_space = spaces_of_pod(sim, index),
        .name = objects_pod_name(sim, index),
        .uid = objects_name(sim, 'u', index),
        .node = state->node == SIM_NONE ? NULL : objects_name(sim, 'n', state->node),
        .nominated = state->nominated == SIM_NONE ? NULL : objects_name(sim, 'n', state->nominated),
        .priority = pod->priority,
        .terminal = state->terminal,
        .succeeded = state->succeeded,
        .deleting = state->deleting,
        .requests = amounts,
        .request_count = count,
        .gated = state->gated && state->node == SIM_NONE,
        .gang = gang == NULL ? NULL : objects_gang_name(sim, pod->gang),
        .gang_minimum = pod->minimum,
        .devices = gpus_text(sim, state->devices),
        .role = objects_role(pod->role),
        .rank = pod->rank,
        .owner = gang == NULL || !gang->owned ? NULL : objects_owner(sim, pod),
        .run = state->committed == SIM_NONE ? NULL : objects_name(sim, 'u', state->committed),
        .placed_here = state->placed_here,
    };
    rules_write(sim, pod, object);
    if (sim->company > 0) {
        wire_company(sim, index, state, object);
    }
    if (gang != NULL && objects_constraints_on_pods(gang)) {
        place(sim, objects_constraints(sim, pod), &object->placement);
        object->placement.podset_group = gang->tied ? "tied" : NULL;
        object->elastic.minimums = minimums_text(sim, gang->minimums);
    }
}

void objects_group(struct sim *sim, int index, const struct group_state *state,
                   struct group_object *object)
{
    if (sim->host.codecs) {
        wire_group(sim, index, state, object);
        return;
    }
    const char *name = objects_gang_name(sim, index);
    *object = (struct group_object){.name_space = spaces_of_gang(sim, index),
                                    .name = name,
                                    .uid = objects_name(sim, 'g', index),
                                    .minimum = state->minimum,
                                    .hold_timeout_ms = state->timeout_ms};
    object->elastic.minimums = minimums_text(sim, state->minimums);
    place(sim, &state->constraints, &object->placement);
}
