// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/wire_objects.h"

#include <jansson.h>
#include <string.h>

#include "api/kube/objects/decode.h"
#include "test/simulation/company.h"
#include "test/simulation/gpus.h"
#include "test/simulation/minimums.h"
#include "test/simulation/objects.h"
#include "test/simulation/rules.h"
#include "test/simulation/spaces.h"

/* From numbers to the JSON that an API server would send, and through the real decoders to the
 * engine's objects. Marks are spread over the dialects that mean the same: a gang with an odd
 * number speaks Kueue where an even one uses our own annotations.
 */

static const char *concat(struct sim *sim, const char *first, const char *second)
{
    return arena_printf(&sim->arena, "%s%s%s", first,
                        first[0] == '\0' || second[0] == '\0' ? "" : ",", second);
}

/* `"key":"value"`, or nothing. */
static const char *pair(struct sim *sim, const char *key, const char *value)
{
    return value == NULL ? "" : arena_printf(&sim->arena, "\"%s\":\"%s\"", key, value);
}

static json_t *parse(struct sim *sim, const char *what, const char *text)
{
    json_error_t error;
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (json == NULL) {
        sim_fail(sim, "(6) the simulator's own %s is no JSON: %s: %s", what, error.text, text);
    }
    return json;
}

static const char *slices_text(struct sim *sim, int gang, const struct constraints *constraints)
{
    const char *list = "";
    bool kueue = gang % 2 != 0;
    for (int i = 0; i < constraints->layers; i++) {
        const char *level = objects_level(constraints->slice_level[i]);
        int size = constraints->slice_size[i];
        list = concat(sim, list,
                      kueue ? arena_printf(&sim->arena,
                                           "{\\\"topology\\\":\\\"%s\\\",\\\"size\\\":%d}", level,
                                           size)
                            : arena_printf(&sim->arena, "%s=%d", level, size));
    }
    if (constraints->layers == 0) {
        return "";
    }
    return kueue ? pair(sim, "kueue.x-k8s.io/podset-slice-required-topology-constraints",
                        arena_printf(&sim->arena, "[%s]", list))
                 : pair(sim, "phalanx.dev/slices", list);
}

static const char *constraints_text(struct sim *sim, int gang,
                                    const struct constraints *constraints)
{
    bool kueue = gang % 2 != 0;
    const char *text = pair(
        sim, kueue ? "kueue.x-k8s.io/podset-required-topology" : "phalanx.dev/required-topology",
        objects_level(constraints->required));
    text = concat(sim, text,
                  pair(sim,
                       kueue ? "kai.scheduler/topology-preferred-placement"
                             : "phalanx.dev/preferred-topology",
                       objects_level(constraints->preferred)));
    text = concat(sim, text,
                  pair(sim,
                       kueue ? "alpha.jobset.sigs.k8s.io/exclusive-topology"
                             : "phalanx.dev/exclusive-topology",
                       objects_level(constraints->exclusive)));
    text = concat(
        sim, text,
        pair(sim, "phalanx.dev/device-topology", constraints->good_gpus != 0 ? "required" : NULL));
    return concat(sim, text, slices_text(sim, gang, constraints));
}

void wire_node(struct sim *sim, int index, const struct node_state *state,
               struct node_object *object)
{
    struct err err;
    const char *labels = pair(sim, "kubernetes.io/hostname", objects_name(sim, 'n', index));
    if (state->leaf != SIM_NONE) {
        labels = concat(
            sim, labels,
            pair(sim, "network.topology.nvidia.com/leaf", objects_name(sim, 'l', state->leaf)));
    }
    if (state->rack != SIM_NONE) {
        labels =
            concat(sim, labels,
                   pair(sim, "topology.kubernetes.io/rack", objects_name(sim, 'r', state->rack)));
    }
    static const char *const effects[] = {"", "PreferNoSchedule", "NoSchedule", "NoExecute"};
    labels = concat(sim, labels, pair(sim, "pool", objects_name(sim, 'b', state->pool)));
    labels = concat(sim, labels, pair(sim, "generation", rules_generation(state)));
    const char *text = arena_printf(
        &sim->arena,
        "{\"metadata\":{\"name\":\"n%d\",\"labels\":{%s},\"annotations\":null},\"spec\":{%s%s%s},"
        "\"status\":{\"allocatable\":{\"cpu\":%d,\"nvidia.com/gpu\":\"%d\",\"pods\":%d}}}",
        index, labels, state->cordoned ? "\"unschedulable\":true" : "",
        state->cordoned && state->taint != TAINTED_NOT ? "," : "",
        state->taint == TAINTED_NOT
            ? ""
            : arena_printf(
                  &sim->arena,
                  "\"taints\":[{\"key\":\"dedicated\",\"value\":\"gang\",\"effect\":\"%s\"}]",
                  effects[state->taint]),
        state->has.cpus, state->has.gpus, state->has.pods);
    json_t *json = parse(sim, "node", text);
    if (json != NULL && node_decode(json, &sim->arena, object, &err) < 0) {
        sim_fail(sim, "(6) a node cannot be decoded: %s: %s", err.text, text);
    }
    json_decref(json);
}

static const char *pod_labels(struct sim *sim, const struct sim_pod *pod)
{
    char number[16];
    const char *text = "";
    if (sim->company > 0) {
        text = company_labels(sim, pod);
    }
    if (pod->gang == SIM_NONE) {
        return text;
    }
    const char *own = text;
    const char *gang = objects_gang_name(sim, pod->gang);
    if (sim->gangs[pod->gang].object) {
        text = pair(sim, "scheduling.x-k8s.io/pod-group", gang);
    } else {
        snprintf(number, sizeof(number), "%d", (int)pod->minimum);
        text = pair(sim, "pod-group.scheduling.sigs.k8s.io/name", gang);
        text =
            concat(sim, text, pair(sim, "pod-group.scheduling.sigs.k8s.io/min-available", number));
    }
    text =
        concat(sim, text, pair(sim, "training.kubeflow.org/replica-type", objects_role(pod->role)));
    if (pod->rank >= 0) {
        snprintf(number, sizeof(number), "%d", pod->rank);
        text = concat(sim, text, pair(sim, "training.kubeflow.org/replica-index", number));
    }
    return concat(sim, text, own);
}

const char *wire_pod_text(struct sim *sim, int index, const struct pod_state *state)
{
    const struct sim_pod *pod = &sim->pods[index];
    const struct sim_gang *gang = pod->gang == SIM_NONE ? NULL : &sim->gangs[pod->gang];
    const char *annotations = gang != NULL && objects_constraints_on_pods(gang)
                                  ? constraints_text(sim, pod->gang, objects_constraints(sim, pod))
                                  : "";
    if (gang != NULL && objects_constraints_on_pods(gang)) {
        annotations =
            concat(sim, annotations,
                   pair(sim, "phalanx.dev/role-minimums", minimums_text(sim, gang->minimums)));
    }
    if (gang != NULL && gang->tied) {
        annotations =
            concat(sim, annotations, pair(sim, "kueue.x-k8s.io/podset-group-name", "tied"));
    }
    const char *owner = gang == NULL || !gang->owned
                            ? ""
                            : arena_printf(&sim->arena,
                                           ",\"ownerReferences\":[{\"kind\":\"Job\",\"uid\":"
                                           "\"%s\",\"controller\":true}]",
                                           objects_owner(sim, pod));
    annotations =
        concat(sim, annotations, pair(sim, "phalanx.dev/devices", gpus_text(sim, state->devices)));
    if (state->committed != SIM_NONE) {
        annotations =
            concat(sim, annotations,
                   pair(sim, "phalanx.dev/run", objects_name(sim, 'u', state->committed)));
    }
    if (state->placed_here) {
        annotations = concat(sim, annotations,
                             pair(sim, "phalanx.dev/gang", objects_gang_name(sim, pod->gang)));
    }
    const char *metadata =
        arena_printf(&sim->arena,
                     "\"name\":\"%s\",\"namespace\":\"%s\",\"uid\":\"%s\",\"labels\":{%s},"
                     "\"annotations\":{%s}%s%s",
                     objects_pod_name(sim, index), spaces_of_pod(sim, index),
                     objects_name(sim, 'u', index), pod_labels(sim, pod), annotations, owner,
                     state->deleting ? ",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"" : "");
    struct sim_amounts request = sim_request(pod, state);
    const char *spec = arena_printf(
        &sim->arena,
        "\"priority\":%d,\"nodeName\":%s%s%s,\"containers\":[{\"name\":\"main\",\"resources\":"
        "{\"requests\":{\"cpu\":\"%d\"},\"limits\":{\"cpu\":%d,\"nvidia.com/gpu\":\"%d\"}}%s}]%s",
        (int)pod->priority,
        state->node == SIM_NONE
            ? "null"
            : arena_printf(&sim->arena, "\"%s\"", objects_name(sim, 'n', state->node)),
        state->gated && state->node == SIM_NONE
            ? ",\"schedulingGates\":[{\"name\":\"example.com/wait\"}]"
            : "",
        rules_text(sim, pod, company_affinity(sim, pod)), request.cpus, request.cpus + 1,
        request.gpus, company_ports(sim, pod), company_spread(sim, pod));
    const char *phase = state->succeeded          ? "Succeeded"
                        : state->terminal         ? "Failed"
                        : state->node != SIM_NONE ? "Running"
                                                  : "Pending";
    const char *nominated = state->nominated == SIM_NONE
                                ? ""
                                : arena_printf(&sim->arena, ",\"nominatedNodeName\":\"%s\"",
                                               objects_name(sim, 'n', state->nominated));
    return arena_printf(&sim->arena,
                        "{\"metadata\":{%s},\"spec\":{%s},\"status\":{\"phase\":\"%s\"%s}}",
                        metadata, spec, phase, nominated);
}

void wire_pod(struct sim *sim, int index, const struct pod_state *state, struct pod_object *object)
{
    struct err err;
    const char *text = wire_pod_text(sim, index, state);
    json_t *json = parse(sim, "pod", text);
    if (json != NULL && pod_decode(json, &sim->arena, object, &err) != 0) {
        sim_fail(sim, "(6) a pod cannot be decoded: %s: %s", err.text, text);
    }
    json_decref(json);
}

void wire_company(struct sim *sim, int index, const struct pod_state *state,
                  struct pod_object *object)
{
    struct pod_object decoded;
    memset(&decoded, 0, sizeof decoded);
    wire_pod(sim, index, state, &decoded);
    object->claims = decoded.claims;
    object->claim_count = decoded.claim_count;
    object->spread = decoded.spread;
    object->labels = decoded.labels;
    object->label_count = decoded.label_count;
    object->affinities = decoded.affinities;
    object->affinity_count = decoded.affinity_count;
    object->affinity_left = decoded.affinity_left;
}

void wire_group(struct sim *sim, int index, const struct group_state *state,
                struct group_object *object)
{
    struct err err;
    const char *annotations =
        concat(sim, constraints_text(sim, index, &state->constraints),
               pair(sim, "phalanx.dev/role-minimums", minimums_text(sim, state->minimums)));
    const char *text =
        arena_printf(&sim->arena,
                     "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"%s\",\"uid\":"
                     "\"g%d\",\"annotations\":{%s}},"
                     "\"spec\":{\"minMember\":%d,\"scheduleTimeoutSeconds\":%d}}",
                     objects_gang_name(sim, index), spaces_of_gang(sim, index), index, annotations,
                     (int)state->minimum, (int)(state->timeout_ms / 1000));
    json_t *json = parse(sim, "group", text);
    if (json != NULL && group_decode(json, &sim->arena, object, &err) < 0) {
        sim_fail(sim, "(6) a group cannot be decoded: %s: %s", err.text, text);
    }
    json_decref(json);
}
