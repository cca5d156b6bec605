// SPDX-License-Identifier: Apache-2.0
#include "api/embedded/edit.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "topology/base/utf8.h"

/* Small edits of JSON objects. A parent that is absent or null is made on the way; one of another
 * type cannot occur, because a pod is decoded before it is kept.
 */

#define EVENT_NAME_MAX 1024

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static bool is_set(const json_t *value)
{
    return value != NULL && !json_is_null(value);
}

static json_t *descend(json_t *object, const char *key)
{
    if (!json_is_object(json_object_get(object, key))) {
        json_object_set_new(object, key, json_object());
    }
    return json_object_get(object, key);
}

static void annotate(json_t *metadata, const struct pod_write *write)
{
    if (write->gang == NULL) {
        return;
    }
    json_t *annotations = descend(metadata, "annotations");
    json_object_set_new(annotations, EDIT_GANG, json_string(write->gang));
    if (write->rank >= 0) {
        char rank[16];
        snprintf(rank, sizeof rank, "%" PRId32, write->rank);
        json_object_set_new(annotations, EDIT_RANK, json_string(rank));
    }
    if (write->devices != NULL) {
        json_object_set_new(annotations, EDIT_DEVICES, json_string(write->devices));
    }
    if (write->run != NULL) {
        json_object_set_new(annotations, EDIT_RUN, json_string(write->run));
    }
}

int edit_bind(json_t *pod, const struct pod_write *write, struct err *err)
{
    const char *node = write->node;
    json_t *metadata = json_object_get(pod, "metadata");
    json_t *spec = descend(pod, "spec");
    const char *name = text_of(metadata, "name");
    const char *bound = text_of(spec, "nodeName");
    bool is_bound = bound != NULL && bound[0] != '\0';
    if (is_set(json_object_get(metadata, "deletionTimestamp"))) {
        return err_set(err, "pod %s is being deleted, cannot be assigned to a host", name);
    }
    if (is_bound && strcmp(bound, node) != 0) {
        return err_set(err, "pod %s is already assigned to node \"%s\"", name, bound);
    }
    if (json_array_size(json_object_get(spec, "schedulingGates")) > 0) {
        return err_set(err, "pod %s has non-empty .spec.schedulingGates", name);
    }
    if (is_bound) {
        return 0;
    }
    annotate(metadata, write);
    json_object_set_new(spec, "nodeName", json_string(node));
    json_t *status = descend(pod, "status");
    json_object_del(status, "nominatedNodeName");
    json_object_set_new(status, "conditions",
                        json_pack("[{s:s, s:s}]", "type", "PodScheduled", "status", "True"));
    return 0;
}

void edit_nominate(json_t *pod, const char *node)
{
    json_t *status = descend(pod, "status");
    if (node == NULL) {
        json_object_del(status, "nominatedNodeName");
    } else {
        json_object_set_new(status, "nominatedNodeName", json_string(node));
    }
}

void edit_explain(json_t *pod, const char *text)
{
    json_t *annotations = descend(descend(pod, "metadata"), "annotations");
    if (text == NULL) {
        json_object_del(annotations, EDIT_WAITING);
    } else {
        json_object_set_new(annotations, EDIT_WAITING, json_string(text));
    }
}

json_t *edit_event(const struct event_effect *event, uint64_t number)
{
    char name[EVENT_NAME_MAX];
    utf8_print(name, sizeof name, "%.900s.%" PRIx64, event->name, number);
    json_t *object =
        json_pack("{s:s, s:s*, s:s, s:s*}", "kind", event->group ? "PodGroup" : "Pod", "namespace",
                  event->name_space, "name", event->name, "uid", event->uid);
    return json_pack("{s:s, s:s, s:{s:s*, s:s}, s:o, s:s, s:s, s:s}", "apiVersion", "v1", "kind",
                     "Event", "metadata", "namespace", event->name_space, "name", name,
                     "involvedObject", object, "type", event->warning ? "Warning" : "Normal",
                     "reason", event->reason, "message", event->message);
}
