// SPDX-License-Identifier: Apache-2.0
#include "api/kube/write/verdict.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "api/kube/client/status.h"

/* Statuses say most; three messages have to be read, because one status means several things:
 *
 *   409 of a binding   … pod p is already assigned to node "n1"        the same node: done before
 *                      … Precondition failed: UID in precondition: …   another pod of that name
 *                      … is being deleted, cannot be assigned to a host
 *                      … has non-empty .spec.schedulingGates
 *   422 of a patch     … metadata.uid: Invalid value: …                another pod of that name
 *
 * Sources: pkg/registry/core/pod/storage/storage.go, apiserver pkg/storage/interfaces.go
 * (Preconditions.Check), apimachinery pkg/api/validation/objectmeta.go.
 */

#define ASSIGNED     "is already assigned to node \""
#define PRECONDITION "Precondition failed: UID in precondition"
#define DELETED      "is being deleted"
#define GATED        "non-empty .spec.schedulingGates"
#define UID_CHANGED  "metadata.uid: Invalid value"

/* The node's name in `is already assigned to node "n1"` is the one wanted. */
static bool is_same_node(const char *assigned, const char *node)
{
    const char *name = assigned + strlen(ASSIGNED);
    size_t length = strlen(node);
    return strncmp(name, node, length) == 0 && name[length] == '"';
}

static enum verdict judge_conflict(const struct write *write, const char *message)
{
    if (strstr(message, PRECONDITION) != NULL) {
        return VERDICT_GONE;
    }
    if (write->kind == WRITE_KIND_EVENT) {
        return VERDICT_DONE; /* it exists: an earlier attempt got through */
    }
    if (write->kind != WRITE_KIND_BINDING) {
        return VERDICT_RETRY; /* somebody else changed the pod at the same time */
    }
    const char *assigned = strstr(message, ASSIGNED);
    if (assigned != NULL) {
        return is_same_node(assigned, write->node) ? VERDICT_DONE : VERDICT_REFUSED;
    }
    if (strstr(message, DELETED) != NULL) {
        return VERDICT_GONE;
    }
    return strstr(message, GATED) != NULL ? VERDICT_REFUSED : VERDICT_LOOK;
}

static enum verdict judge(const struct write *write, int status, const char *message)
{
    if (status >= 200 && status < 300) {
        return VERDICT_DONE;
    }
    if (status == 404 && write->kind != WRITE_KIND_EVENT) {
        return VERDICT_GONE;
    }
    if (status == 409) {
        return judge_conflict(write, message);
    }
    if (status == 422 && strstr(message, UID_CHANGED) != NULL) {
        return VERDICT_GONE;
    }
    /* 401: the token may be on its way to us; 408, 429 and 5xx: the server's own trouble. */
    return status == 401 || status == 408 || status == 429 || status >= 500 ? VERDICT_RETRY
                                                                            : VERDICT_REFUSED;
}

enum verdict verdict_of_write(const struct write *write, int status, const char *body,
                              size_t length, struct err *why)
{
    char *message = status_message(body, length);
    enum verdict verdict = judge(write, status, message);
    free(message);
    if (verdict != VERDICT_DONE) {
        status_describe(status, body, length, why);
    }
    return verdict;
}

static const char *text_of(const json_t *json, const char *object, const char *name)
{
    const char *text = json_string_value(json_object_get(json_object_get(json, object), name));
    return text == NULL ? "" : text;
}

enum verdict verdict_of_pod(const struct write *write, int status, const char *body, size_t length,
                            struct err *why)
{
    enum verdict verdict = VERDICT_UNKNOWN;
    json_t *pod = status == 200 ? json_loadb(body, length, 0, NULL) : NULL;
    const char *node = text_of(pod, "spec", "nodeName");
    if (status == 404) {
        verdict = VERDICT_GONE;
        err_set(why, "the pod no longer exists");
    } else if (pod == NULL) {
        status_describe(status, status == 200 ? "" : body, status == 200 ? 0 : length, why);
    } else if (strcmp(text_of(pod, "metadata", "uid"), write->uid) != 0) {
        verdict = VERDICT_GONE;
        err_set(why, "another pod has its name now");
    } else if (strcmp(node, write->node) == 0) {
        verdict = VERDICT_DONE;
    } else if (node[0] != '\0') {
        verdict = VERDICT_REFUSED;
        err_set(why, "the pod is assigned to node %s", node);
    } else {
        err_set(why, "the pod is not assigned to a node (yet)");
    }
    json_decref(pod);
    return verdict;
}
