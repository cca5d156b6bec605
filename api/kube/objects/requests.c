// SPDX-License-Identifier: Apache-2.0
#include "api/kube/objects/requests.h"

#include <string.h>

/* A straight transcription of the rules, one function per rule, in the order Kubernetes applies
 * them.
 *
 * KEP-753 (sidecars), KEP-1287 (resize in place), KEP-2837 (pod-level resources), KEP-688
 * (overhead).
 */

/* ResourceList at `owner`.resources.`kind`. */
static int read_resources(const struct field *owner, const char *kind, struct amounts *amounts,
                          struct err *err)
{
    struct field resources;
    struct field list;
    if (field_object(owner, "resources", &resources, err) != 0 ||
        field_object(&resources, kind, &list, err) != 0) {
        return -1;
    }
    return amounts_read(&list, amounts, err);
}

/* The status of the container called `name`; status->json is NULL when there is none. */
static int find_status(const struct field *statuses, const char *name, struct field *status,
                       struct err *err)
{
    *status = (struct field){.up = statuses};
    for (size_t i = 0; name != NULL && i < field_count(statuses); i++) {
        struct field candidate;
        const char *candidate_name = NULL;
        if (field_element(statuses, i, &candidate, err) != 0 ||
            field_string(&candidate, "name", &candidate_name, err) != 0) {
            return -1;
        }
        if (candidate_name != NULL && strcmp(candidate_name, name) == 0) {
            *status = candidate;
            return 0;
        }
    }
    return 0;
}

/* determineEffectiveRequests(): `amounts` holds the spec's. `actuated` belongs to
 * `owner`.resources.requests, allocated ones to `owner`.allocatedResources (a pod's to
 * `owner`.allocatedResources too). */
static int apply_resize(const struct field *owner, bool infeasible, struct amounts *amounts,
                        struct err *err)
{
    struct field resources;
    struct field allocated_list;
    struct amounts other;
    if (field_object(owner, "resources", &resources, err) != 0) {
        return -1;
    }
    if (resources.json == NULL) {
        return 0;
    }
    if (infeasible) {
        amounts->count = 0;
    }
    if (read_resources(owner, "requests", &other, err) != 0) {
        return -1;
    }
    amounts_raise(amounts, &other);
    if (field_object(owner, "allocatedResources", &allocated_list, err) != 0 ||
        amounts_read(&allocated_list, &other, err) != 0) {
        return -1;
    }
    amounts_raise(amounts, &other);
    return 0;
}

/* Requests of one container; `statuses` NULL for those a resize cannot touch. */
static int container_requests(const struct field *container, const struct field *statuses,
                              bool infeasible, struct amounts *amounts, struct err *err)
{
    struct amounts limits;
    if (read_resources(container, "requests", amounts, err) != 0 ||
        read_resources(container, "limits", &limits, err) != 0) {
        return -1;
    }
    amounts_default(amounts, &limits);
    if (statuses == NULL) {
        return 0;
    }
    const char *name = NULL;
    struct field status;
    if (field_string(container, "name", &name, err) != 0 ||
        find_status(statuses, name, &status, err) != 0) {
        return -1;
    }
    return apply_resize(&status, infeasible, amounts, err);
}

static int add_containers(const struct field *spec, const struct field *status, bool infeasible,
                          struct amounts *total, struct err *err)
{
    struct field containers;
    struct field statuses;
    if (field_array(spec, "containers", &containers, err) != 0 ||
        field_array(status, "containerStatuses", &statuses, err) != 0) {
        return -1;
    }
    for (size_t i = 0; i < field_count(&containers); i++) {
        struct field container;
        struct amounts amounts;
        if (field_element(&containers, i, &container, err) != 0 ||
            container_requests(&container, &statuses, infeasible, &amounts, err) != 0) {
            return -1;
        }
        amounts_add(total, &amounts);
    }
    return 0;
}

/* Init containers run one after the other; sidecars among them stay. `total` holds the containers'
 * sum. */
static int add_init_containers(const struct field *spec, const struct field *status,
                               bool infeasible, struct amounts *total, struct err *err)
{
    struct field containers;
    struct field statuses;
    struct amounts sidecars = {.count = 0};
    struct amounts highest = {.count = 0};
    if (field_array(spec, "initContainers", &containers, err) != 0 ||
        field_array(status, "initContainerStatuses", &statuses, err) != 0) {
        return -1;
    }
    for (size_t i = 0; i < field_count(&containers); i++) {
        struct field container;
        struct amounts step;
        const char *policy = NULL;
        if (field_element(&containers, i, &container, err) != 0 ||
            field_string(&container, "restartPolicy", &policy, err) != 0) {
            return -1;
        }
        bool sidecar = policy != NULL && strcmp(policy, "Always") == 0;
        if (container_requests(&container, sidecar ? &statuses : NULL, infeasible, &step, err) !=
            0) {
            return -1;
        }
        if (sidecar) {
            amounts_add(total, &step);
            amounts_add(&sidecars, &step);
        } else {
            amounts_add(&step, &sidecars);
        }
        amounts_raise(&highest, sidecar ? &sidecars : &step);
    }
    amounts_raise(total, &highest);
    return 0;
}

static bool is_hugepages(const char *resource)
{
    return strncmp(resource, "hugepages-", strlen("hugepages-")) == 0;
}

/* IsSupportedPodLevelResource() */
static bool is_pod_level(const char *resource)
{
    return strcmp(resource, "cpu") == 0 || strcmp(resource, "memory") == 0 ||
           is_hugepages(resource);
}

/* spec.resources replaces the sum, resource by resource. Its missing requests default to the
 * containers' sum where they have one and overcommit is allowed, else to its limits. */
static int replace_by_pod_level(const struct field *spec, const struct field *status,
                                bool infeasible, struct amounts *total, struct err *err)
{
    struct amounts requests;
    struct amounts limits;
    if (read_resources(spec, "requests", &requests, err) != 0 ||
        read_resources(spec, "limits", &limits, err) != 0) {
        return -1;
    }
    for (size_t i = 0; i < limits.count; i++) {
        const char *resource = limits.items[i].resource;
        bool summed = amounts_find(total, resource) != NULL && !is_hugepages(resource);
        if (amounts_find(&requests, resource) == NULL && !summed) {
            amounts_set(&requests, resource, limits.items[i].amount);
        }
    }
    struct amounts asked = requests;
    if (asked.count > 0 && apply_resize(status, infeasible, &requests, err) != 0) {
        return -1;
    }
    for (size_t i = 0; i < asked.count; i++) {
        const char *resource = asked.items[i].resource;
        const int64_t *amount = amounts_find(&requests, resource);
        if (is_pod_level(resource)) {
            amounts_set(total, resource, amount == NULL ? 0 : *amount);
        }
    }
    return 0;
}

/* IsPodResizeInfeasible() */
static int read_infeasible(const struct field *status, bool *infeasible, struct err *err)
{
    struct field conditions;
    *infeasible = false;
    if (field_array(status, "conditions", &conditions, err) != 0) {
        return -1;
    }
    for (size_t i = 0; i < field_count(&conditions); i++) {
        struct field condition;
        const char *type = NULL;
        const char *reason = NULL;
        if (field_element(&conditions, i, &condition, err) != 0 ||
            field_string(&condition, "type", &type, err) != 0 ||
            field_string(&condition, "reason", &reason, err) != 0) {
            return -1;
        }
        if (type != NULL && strcmp(type, "PodResizePending") == 0) {
            *infeasible = reason != NULL && strcmp(reason, "Infeasible") == 0;
            return 0;
        }
    }
    return 0;
}

int requests_effective(const struct field *spec, const struct field *status, struct amounts *total,
                       struct err *err)
{
    bool infeasible = false;
    struct field overhead;
    struct amounts amounts;
    total->count = 0;
    if (read_infeasible(status, &infeasible, err) != 0 ||
        add_containers(spec, status, infeasible, total, err) != 0 ||
        add_init_containers(spec, status, infeasible, total, err) != 0 ||
        replace_by_pod_level(spec, status, infeasible, total, err) != 0 ||
        field_object(spec, "overhead", &overhead, err) != 0 ||
        amounts_read(&overhead, &amounts, err) != 0) {
        return -1;
    }
    amounts_add(total, &amounts);
    amounts_set(total, "pods", 1);
    return 0;
}
