// SPDX-License-Identifier: Apache-2.0
#include "api/embedded/admission.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/kube/objects/amounts.h"
#include "topology/base/alloc.h"
#include "topology/base/utf8.h"

/* One function per plugin, called in the order of kube-apiserver's AllOrderedPlugins. What is no
 * object or no text where it should be is left as it is: pod_decode() names the mistake.
 */

#define WARNINGS_MAX 100 /* sentences; a manifest may name any number of classes */
#define SENTENCE_MAX 512

struct admission {
    const struct cluster *cluster;
    admission_warn *warn;
    void *context;
    json_t *told; /* sentences, each a member */
};

struct admission *admission_create(const struct cluster *cluster, admission_warn *warn,
                                   void *context)
{
    struct admission *admission = alloc_zero(1, sizeof *admission);
    *admission = (struct admission){cluster, warn, context, json_object()};
    return admission;
}

void admission_destroy(struct admission *admission)
{
    if (admission != NULL) {
        json_decref(admission->told);
        free(admission);
    }
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static const char *metadata_of(const json_t *object, const char *key)
{
    return text_of(json_object_get(object, "metadata"), key);
}

/* The member as an object, made when it is not there; NULL when it is something else. */
static json_t *descend(json_t *object, const char *key)
{
    json_t *member = json_object_get(object, key);
    if (member == NULL || json_is_null(member)) {
        member = json_object();
        json_object_set_new(object, key, member);
    }
    return json_is_object(member) ? member : NULL;
}

static void tell(struct admission *admission, const char *kind, const char *name, const char *then)
{
    char sentence[SENTENCE_MAX];
    utf8_print(sentence, sizeof sentence, "%s %.253s is not in the snapshot: %s", kind, name, then);
    if (json_object_get(admission->told, sentence) == NULL &&
        json_object_size(admission->told) < WARNINGS_MAX &&
        json_object_set_new(admission->told, sentence, json_true()) == 0) { /* it is UTF-8 */
        admission->warn(admission->context, sentence);
    }
}

/* The last of a name that was applied. */
static const json_t *find_class(const struct admission *admission, const char *kind,
                                const char *name)
{
    const json_t *classes = cluster_kept(admission->cluster, kind);
    for (size_t i = json_array_size(classes); i > 0; i--) {
        const json_t *found = json_array_get(classes, i - 1);
        const char *its = metadata_of(found, "name");
        if (its != NULL && strcmp(its, name) == 0) {
            return found;
        }
    }
    return NULL;
}

/* to gets what it does not name yet. */
static void add_missing(json_t *to, const json_t *from)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)from, key, value)
    {
        if (json_object_get(to, key) == NULL) {
            json_object_set_new(to, key, json_deep_copy(value));
        }
    }
}

/* minConstraint() and maxConstraint() of one resource of one container. */
static int check_bound(const json_t *resources, const char *resource, const json_t *bound,
                       bool maximum, struct err *err)
{
    static const char *const lists[] = {"requests", "limits"};
    const json_t *limit = json_object_get(json_object_get(resources, "limits"), resource);
    const json_t *request = json_object_get(json_object_get(resources, "requests"), resource);
    const char *what = maximum ? "maximum" : "minimum";
    int64_t enforced = amounts_of(resource, bound);
    if ((maximum ? limit : request) == NULL) {
        return err_set(err, "%s %.253s usage per Container is set, and it has no %s", what,
                       resource, maximum ? "limit" : "request");
    }
    for (size_t i = 0; i < 2; i++) {
        const json_t *value = i == 0 ? request : limit;
        int64_t amount = amounts_of(resource, value);
        if (value != NULL && (maximum ? amount > enforced : amount < enforced)) {
            return err_set(err, "its %s of %.253s are beyond the %s per Container", lists[i],
                           resource, what);
        }
    }
    return 0;
}

static int check_bounds(const json_t *container, const json_t *limit, struct err *err)
{
    const json_t *resources = json_object_get(container, "resources");
    for (int maximum = 0; maximum < 2; maximum++) {
        const char *resource;
        json_t *bound;
        json_object_foreach(json_object_get(limit, maximum ? "max" : "min"), resource, bound)
        {
            if (check_bound(resources, resource, bound, maximum != 0, err) < 0) {
                return -1;
            }
        }
    }
    return 0;
}

/* What a container gets of a LimitRange's item of type Container. Requests that it does not name
 * follow its own limits first (SetDefaults_Pod). */
static void default_container(json_t *container, const json_t *limit)
{
    json_t *resources = descend(container, "resources");
    json_t *limits = resources == NULL ? NULL : descend(resources, "limits");
    json_t *requests = resources == NULL ? NULL : descend(resources, "requests");
    if (limits == NULL || requests == NULL) {
        return;
    }
    json_t *defaults = json_object(), *default_requests = json_object();
    add_missing(defaults, json_object_get(limit, "default"));
    add_missing(defaults, json_object_get(limit, "max"));
    add_missing(default_requests, json_object_get(limit, "defaultRequest"));
    add_missing(default_requests, defaults);
    add_missing(default_requests, json_object_get(limit, "min"));
    add_missing(requests, limits);
    add_missing(limits, defaults);
    add_missing(requests, default_requests);
    json_decref(defaults);
    json_decref(default_requests);
}

static int limit_containers(json_t *spec, const char *list, const json_t *limit, struct err *err)
{
    size_t i;
    json_t *container;
    json_array_foreach(json_object_get(spec, list), i, container)
    {
        if (!json_is_object(container)) {
            continue;
        }
        default_container(container, limit);
        if (check_bounds(container, limit, err) < 0) {
            return err_prefix(err, "%s[%zu]", list, i);
        }
    }
    return 0;
}

static int apply_limit_range(json_t *spec, const json_t *range, struct err *err)
{
    size_t i;
    json_t *limit;
    json_array_foreach(json_object_get(json_object_get(range, "spec"), "limits"), i, limit)
    {
        const char *type = text_of(limit, "type");
        if (type != NULL && strcmp(type, "Container") == 0 &&
            (limit_containers(spec, "containers", limit, err) < 0 ||
             limit_containers(spec, "initContainers", limit, err) < 0)) {
            return err_prefix(err, "LimitRange %.253s", metadata_of(range, "name"));
        }
    }
    return 0;
}

static int apply_limit_ranges(const struct admission *admission, const char *name_space,
                              json_t *spec, struct err *err)
{
    size_t i;
    json_t *range;
    json_array_foreach(cluster_kept(admission->cluster, "LimitRange"), i, range)
    {
        const char *its = metadata_of(range, "namespace");
        if (strcmp(its == NULL ? "default" : its, name_space) == 0 &&
            metadata_of(range, "name") != NULL && apply_limit_range(spec, range, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static const json_t *find_default_class(const struct admission *admission)
{
    const json_t *best = NULL;
    size_t i;
    json_t *found;
    json_array_foreach(cluster_kept(admission->cluster, "PriorityClass"), i, found)
    {
        if (json_is_true(json_object_get(found, "globalDefault")) &&
            (best == NULL || json_integer_value(json_object_get(found, "value")) <
                                 json_integer_value(json_object_get(best, "value")))) {
            best = found;
        }
    }
    return best;
}

static int set_priority(json_t *spec, json_int_t priority, struct err *err)
{
    const json_t *given = json_object_get(spec, "priority");
    if (json_is_integer(given) && json_integer_value(given) != priority) {
        return err_set(err,
                       "spec.priority is %" JSON_INTEGER_FORMAT
                       ", and its PriorityClass gives %" JSON_INTEGER_FORMAT,
                       json_integer_value(given), priority);
    }
    json_object_set_new(spec, "priority", json_integer(priority));
    return 0;
}

static int apply_priority(struct admission *admission, json_t *spec, struct err *err)
{
    static const struct {
        const char *name;
        json_int_t value;
    } SYSTEM[] = {{"system-cluster-critical", 2000000000}, {"system-node-critical", 2000001000}};
    const char *name = text_of(spec, "priorityClassName");
    bool named = name != NULL && name[0] != '\0';
    for (size_t i = 0; named && i < sizeof SYSTEM / sizeof SYSTEM[0]; i++) {
        if (strcmp(name, SYSTEM[i].name) == 0) {
            return set_priority(spec, SYSTEM[i].value, err);
        }
    }
    const json_t *found =
        named ? find_class(admission, "PriorityClass", name) : find_default_class(admission);
    if (found != NULL) {
        return set_priority(spec, json_integer_value(json_object_get(found, "value")), err);
    }
    if (named && !json_is_integer(json_object_get(spec, "priority"))) {
        tell(admission, "PriorityClass", name, "pods that name it count with priority 0");
    }
    return 0;
}

static int merge_selector(json_t *spec, const json_t *scheduling, struct err *err)
{
    json_t *selector = descend(spec, "nodeSelector");
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(scheduling, "nodeSelector"), key, value)
    {
        const json_t *own = json_object_get(selector, key);
        if (own != NULL && !json_equal(own, value)) {
            return err_set(err, "its nodeSelector and the pod's differ in %.253s", key);
        }
    }
    add_missing(selector, json_object_get(scheduling, "nodeSelector"));
    return 0;
}

static int apply_runtime_class(struct admission *admission, json_t *spec, struct err *err)
{
    const char *name = text_of(spec, "runtimeClassName");
    const json_t *found = name == NULL ? NULL : find_class(admission, "RuntimeClass", name);
    if (name != NULL && found == NULL) {
        tell(admission, "RuntimeClass", name, "pods that name it count without its overhead");
    }
    const json_t *scheduling = json_object_get(found, "scheduling");
    const json_t *fixed = json_object_get(json_object_get(found, "overhead"), "podFixed");
    const json_t *own = json_object_get(spec, "overhead");
    if (json_object_size(fixed) > 0) {
        if (json_object_size(own) > 0 && !json_equal(own, fixed)) {
            return err_set(err, "RuntimeClass %.253s: its overhead and the pod's differ", name);
        }
        json_object_set_new(spec, "overhead", json_deep_copy(fixed));
    }
    if (scheduling == NULL) {
        return 0;
    }
    if (merge_selector(spec, scheduling, err) < 0) {
        return err_prefix(err, "RuntimeClass %.253s", name);
    }
    json_t *tolerations = json_object_get(spec, "tolerations");
    if (!json_is_array(tolerations)) {
        tolerations = json_array();
        json_object_set_new(spec, "tolerations", tolerations);
    }
    size_t i;
    json_t *toleration;
    json_array_foreach(json_object_get(scheduling, "tolerations"), i, toleration)
    {
        json_array_append_new(tolerations, json_deep_copy(toleration));
    }
    return 0;
}

int admission_pod(struct admission *admission, json_t *pod, struct err *err)
{
    json_t *spec = json_object_get(pod, "spec");
    if (!json_is_object(spec)) {
        return 0;
    }
    if (apply_limit_ranges(admission, metadata_of(pod, "namespace"), spec, err) < 0 ||
        apply_priority(admission, spec, err) < 0 || apply_runtime_class(admission, spec, err) < 0) {
        return err_prefix(err, "refused at admission");
    }
    return 0;
}
