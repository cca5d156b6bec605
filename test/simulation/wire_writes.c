// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/wire_writes.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "api/kube/write/verdict.h"
#include "api/kube/write/write.h"
#include "test/simulation/objects.h"
#include "test/simulation/spaces.h"

/* The API server's end of a write: target and body are read as a REST handler would, with the uid
 * as a precondition. Its refusals are worded as those of pkg/registry/core/pod/storage/storage.go.
 */

static const char *text_at(const json_t *json, const char *object, const char *name)
{
    return json_string_value(json_object_get(json_object_get(json, object), name));
}

static bool same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool is_meant(const struct effect *effect, const char *target, const json_t *body)
{
    const struct pod_write *meant = &effect->write;
    const json_t *metadata = json_object_get(body, "metadata");
    char path[128];
    snprintf(path, sizeof(path), "/api/v1/namespaces/%s/pods/%s/%s", meant->name_space, meant->name,
             effect->type == EFFECT_POST_BINDING ? "binding" : "status");
    if (strcmp(path, target) != 0 || !same(text_at(body, "metadata", "uid"), meant->uid)) {
        return false;
    }
    if (effect->type == EFFECT_POST_BINDING) {
        return same(text_at(body, "target", "name"), meant->node) &&
               same(text_at(metadata, "annotations", "phalanx.dev/gang"), meant->gang) &&
               same(text_at(metadata, "annotations", "phalanx.dev/run"), meant->run);
    }
    if (effect->type == EFFECT_NOMINATE) {
        const json_t *node = json_object_get(json_object_get(body, "status"), "nominatedNodeName");
        return node != NULL && same(json_string_value(node), meant->node);
    }
    return same(text_at(metadata, "annotations", "phalanx.dev/waiting"), meant->text);
}

void wire_write(struct sim *sim, const struct effect *effect)
{
    struct write_request request;
    struct write *write = write_create(effect, sim->now * 1000000);
    write_request_make(write, &request);
    json_t *body = json_loads(request.body, JSON_REJECT_DUPLICATES, NULL);
    if (body == NULL || !is_meant(effect, request.target, body)) {
        sim_fail(sim, "(8) a write says something else than was meant: %s %s", request.target,
                 request.body);
    }
    json_decref(body);
    write_request_finish(&request);
    write_destroy(write);
}

struct answer {
    int status;
    const char *message; /* NULL: no Status */
};

static struct answer answer_of(struct sim *sim, const struct sim_write *write,
                               enum api_answer answer)
{
    struct arena *arena = &sim->arena;
    const char *pod = objects_pod_name(sim, write->pod);
    switch (answer) {
    case API_DONE:
        return (struct answer){write->type == EFFECT_POST_BINDING ? 201 : 200, NULL};
    case API_NOT_FOUND:
        return (struct answer){404, arena_printf(arena, "pods \\\"%s\\\" not found", pod)};
    case API_OTHER_UID:
        if (write->type != EFFECT_POST_BINDING) {
            return (struct answer){
                422, arena_printf(arena,
                                  "Pod \\\"%s\\\" is invalid: metadata.uid: Invalid value: "
                                  "\\\"u%d\\\": field is immutable",
                                  pod, write->pod)};
        }
        return (struct answer){
            409,
            arena_printf(arena,
                         "Operation cannot be fulfilled on pods/binding \\\"%s\\\": "
                         "Precondition failed: UID in precondition: u%d, UID in object meta: x",
                         pod, write->pod)};
    case API_DELETING:
        return (struct answer){409, arena_printf(arena,
                                                 "Operation cannot be fulfilled on pods/binding "
                                                 "\\\"%s\\\": pod %s is being deleted, cannot be "
                                                 "assigned to a host",
                                                 pod, pod)};
    case API_BOUND_THERE:
    case API_BOUND_ELSE:
        return (struct answer){409, arena_printf(arena,
                                                 "Operation cannot be fulfilled on pods/binding "
                                                 "\\\"%s\\\": pod %s is already assigned to node "
                                                 "\\\"n%d\\\"",
                                                 pod, pod, sim->pods[write->pod].state.node)};
    case API_FORBIDDEN:
        break;
    }
    return (struct answer){403, "admission webhook \\\"policy\\\" denied the request"};
}

enum write_outcome wire_outcome(struct sim *sim, const struct sim_write *write,
                                enum api_answer answer)
{
    struct err why;
    struct effect effect = {.type = write->type};
    effect.write = (struct pod_write){
        .name_space = spaces_of_pod(sim, write->pod),
        .name = objects_pod_name(sim, write->pod),
        .uid = objects_name(sim, 'u', write->pod),
        .node = write->node == SIM_NONE ? NULL : objects_name(sim, 'n', write->node),
        .text = "…",
        .rank = -1,
    };
    struct answer said = answer_of(sim, write, answer);
    const char *body =
        said.message == NULL
            ? "{}"
            : arena_printf(&sim->arena,
                           "{\"kind\":\"Status\",\"status\":\"Failure\",\"message\":\"%s\","
                           "\"code\":%d}",
                           said.message, said.status);
    struct write *copy = write_create(&effect, sim->now * 1000000);
    enum verdict verdict = verdict_of_write(copy, said.status, body, strlen(body), &why);
    write_destroy(copy);
    if ((int)verdict != (int)api_outcome(answer)) {
        sim_fail(sim, "(8) the API server's %d is taken for %d: %s", said.status, (int)verdict,
                 body);
    }
    return api_outcome(answer);
}
