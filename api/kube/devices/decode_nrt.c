// SPDX-License-Identifier: Apache-2.0
#include "api/kube/devices/decode_nrt.h"

#include <stdlib.h>
#include <string.h>

#include "api/json/fields.h"
#include "api/kube/objects/counts.h"
#include "topology/devices/order.h"

/* Lists of named things inside lists of named things; every list is bounded, sorted and free of
 * repetitions when it leaves here.
 *
 * Resources with a slash in their name are extended resources: devices, counted in whole ones. The
 * others are CPU, memory and huge pages and follow the units of struct resources.
 *
 * How the kubelet's topology manager is set stands in attributes since v1alpha2; before, and often
 * still beside them, in topologyPolicies, where one word means policy and scope.
 */

static int read_name(const struct field *up, const char *member, const char **name, struct err *err)
{
    struct field field = {.up = up, .name = member};
    if (field_name(up, member, name, err) != 0) {
        return -1;
    }
    if (strlen(*name) > NRT_NAME_MAX) {
        return field_fail(&field, err, "%.64s... has %zu bytes, more than the limit of %d", *name,
                          strlen(*name), NRT_NAME_MAX);
    }
    return 0;
}

static int read_list(const struct field *up, const char *name, size_t limit, struct field *list,
                     struct err *err)
{
    if (field_array(up, name, list, err) != 0) {
        return -1;
    }
    if (field_count(list) > limit) {
        return field_fail(list, err, "%zu entries are more than the limit of %zu",
                          field_count(list), limit);
    }
    return 0;
}

/* [{name, value}]; a name that comes twice is left as it is, the first counts. */
static int read_attributes(const struct field *up, struct arena *arena,
                           const struct label_object **attributes, size_t *count, struct err *err)
{
    struct field list;
    if (read_list(up, "attributes", NRT_ATTRIBUTES_MAX, &list, err) != 0) {
        return -1;
    }
    struct label_object *kept = arena_alloc(arena, field_count(&list), sizeof *kept);
    for (size_t i = 0; i < field_count(&list); i++) {
        struct field entry;
        const char *name = NULL;
        const char *value = NULL;
        if (field_element(&list, i, &entry, err) != 0 ||
            read_name(&entry, "name", &name, err) != 0 ||
            field_string(&entry, "value", &value, err) != 0) {
            return -1;
        }
        kept[i].key = arena_string(arena, name);
        kept[i].value = arena_string(arena, value == NULL ? "" : value);
    }
    *attributes = kept;
    *count = field_count(&list);
    return 0;
}

/* -- resources of a zone -- */

static int read_amount(const struct field *resource, const char *member, const char *name,
                       int64_t *amount, struct err *err)
{
    struct field field = {.up = resource, .name = member};
    field.json = json_object_get(resource->json, member);
    if (field.json == NULL || json_is_null(field.json)) {
        return field_fail(&field, err, "is missing");
    }
    enum count_unit unit = strchr(name, '/') != NULL  ? COUNT_WHOLE
                           : strcmp(name, "cpu") == 0 ? COUNT_THOUSANDTHS
                                                      : COUNT_ROUNDED_UP;
    return count_read(&field, unit, amount, err);
}

static int read_resource(const struct field *field, struct arena *arena,
                         struct nrt_resource *resource, struct err *err)
{
    const char *name = NULL;
    if (read_name(field, "name", &name, err) != 0) {
        return -1;
    }
    if (read_amount(field, "capacity", name, &resource->capacity, err) != 0 ||
        read_amount(field, "allocatable", name, &resource->allocatable, err) != 0 ||
        read_amount(field, "available", name, &resource->available, err) != 0) {
        return err_prefix(err, "%s", name);
    }
    if (resource->available > resource->allocatable || resource->allocatable > resource->capacity) {
        return field_fail(field, err, "%s: %lld available of %lld allocatable of %lld", name,
                          (long long)resource->available, (long long)resource->allocatable,
                          (long long)resource->capacity);
    }
    resource->name = arena_string(arena, name);
    return 0;
}

static int compare_resources(const void *a, const void *b)
{
    const struct nrt_resource *left = a;
    const struct nrt_resource *right = b;
    return strcmp(left->name, right->name);
}

static int read_resources(const struct field *zone_field, struct arena *arena,
                          struct nrt_zone *zone, struct err *err)
{
    struct field list;
    if (read_list(zone_field, "resources", NRT_RESOURCES_MAX, &list, err) != 0) {
        return -1;
    }
    size_t count = field_count(&list);
    struct nrt_resource *kept = arena_alloc(arena, count, sizeof *kept);
    for (size_t i = 0; i < count; i++) {
        struct field resource;
        if (field_element(&list, i, &resource, err) != 0 ||
            read_resource(&resource, arena, &kept[i], err) != 0) {
            return -1;
        }
    }
    qsort(kept, count, sizeof *kept, compare_resources);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(kept[i - 1].name, kept[i].name) == 0) {
            return field_fail(&list, err, "%s is there twice", kept[i].name);
        }
    }
    zone->resources = kept;
    zone->resource_count = count;
    return 0;
}

/* -- zones -- */

static int read_costs(const struct field *zone_field, struct arena *arena, struct nrt_zone *zone,
                      struct err *err)
{
    struct field list;
    if (read_list(zone_field, "costs", NRT_ZONES_MAX, &list, err) != 0) {
        return -1;
    }
    struct nrt_cost *kept = arena_alloc(arena, field_count(&list), sizeof *kept);
    for (size_t i = 0; i < field_count(&list); i++) {
        struct field entry;
        struct field value = {.up = &entry, .name = "value"};
        const char *name = NULL;
        if (field_element(&list, i, &entry, err) != 0 ||
            read_name(&entry, "name", &name, err) != 0 ||
            field_integer(&entry, "value", INT64_MIN, INT64_MAX, &kept[i].cost, err) != 0) {
            return -1;
        }
        if (kept[i].cost < 0) {
            return field_fail(&value, err, "%lld is negative", (long long)kept[i].cost);
        }
        kept[i].zone = arena_string(arena, name);
    }
    zone->costs = kept;
    zone->cost_count = field_count(&list);
    return 0;
}

/* "node-3" is NUMA node 3. */
static int numa_of(const char *type, const char *name)
{
    const char *digits = name + strlen("node-");
    if (type == NULL || strcmp(type, "Node") != 0 || strncmp(name, "node-", strlen("node-")) != 0) {
        return -1;
    }
    size_t length = strspn(digits, "0123456789");
    if (length == 0 || length > 4 || digits[length] != '\0') {
        return -1;
    }
    long number = strtol(digits, NULL, 10);
    return number < NRT_ZONES_MAX ? (int)number : -1;
}

static int read_zone(const struct field *field, struct arena *arena, struct nrt_zone *zone,
                     struct err *err)
{
    const char *name = NULL;
    const char *type = NULL;
    const char *parent = NULL;
    if (read_name(field, "name", &name, err) != 0) {
        return -1;
    }
    if (field_string(field, "type", &type, err) != 0 ||
        field_string(field, "parent", &parent, err) != 0 ||
        read_resources(field, arena, zone, err) != 0 || read_costs(field, arena, zone, err) != 0 ||
        read_attributes(field, arena, &zone->attributes, &zone->attribute_count, err) != 0) {
        return err_prefix(err, "zone %s", name);
    }
    zone->name = arena_string(arena, name);
    zone->type = arena_string(arena, type);
    zone->parent = parent == NULL || parent[0] == '\0' ? NULL : arena_string(arena, parent);
    zone->numa = numa_of(type, name);
    return 0;
}

static int compare_zones(const void *a, const void *b)
{
    const struct nrt_zone *left = a;
    const struct nrt_zone *right = b;
    return device_order_names(left->name, right->name);
}

static int read_zones(const struct field *root, struct arena *arena, struct nrt_object *nrt,
                      struct err *err)
{
    struct field list;
    if (read_list(root, "zones", NRT_ZONES_MAX, &list, err) != 0) {
        return -1;
    }
    size_t count = field_count(&list);
    struct nrt_zone *kept = arena_alloc(arena, count, sizeof *kept);
    for (size_t i = 0; i < count; i++) {
        struct field zone;
        if (field_element(&list, i, &zone, err) != 0 ||
            read_zone(&zone, arena, &kept[i], err) != 0) {
            return -1;
        }
    }
    qsort(kept, count, sizeof *kept, compare_zones);
    for (size_t i = 1; i < count; i++) {
        /* node-1 and node-01 are the same NUMA node. */
        if (strcmp(kept[i - 1].name, kept[i].name) == 0 ||
            (kept[i].numa >= 0 && kept[i].numa == kept[i - 1].numa)) {
            return field_fail(&list, err, "zone %s is there twice", kept[i].name);
        }
    }
    nrt->zones = kept;
    nrt->zone_count = count;
    return 0;
}

/* -- policy -- */

static const struct {
    const char *word;
    const char *policy;
    const char *scope;
} POLICIES[] = {
    {"SingleNUMANodeContainerLevel", "single-numa-node", "container"},
    {"SingleNUMANodePodLevel", "single-numa-node", "pod"},
    {"Restricted", "restricted", "container"},
    {"RestrictedContainerLevel", "restricted", "container"},
    {"RestrictedPodLevel", "restricted", "pod"},
    {"BestEffort", "best-effort", "container"},
    {"BestEffortContainerLevel", "best-effort", "container"},
    {"BestEffortPodLevel", "best-effort", "pod"},
    {"None", "none", "container"},
};

static const char *find_attribute(const struct nrt_object *nrt, const char *key)
{
    for (size_t i = 0; i < nrt->attribute_count; i++) {
        if (strcmp(nrt->attributes[i].key, key) == 0) {
            return nrt->attributes[i].value;
        }
    }
    return NULL;
}

static int read_policy(const struct field *root, struct nrt_object *nrt, struct err *err)
{
    struct field list;
    if (field_array(root, "topologyPolicies", &list, err) != 0) {
        return -1;
    }
    nrt->policy = find_attribute(nrt, "topologyManagerPolicy");
    nrt->scope = find_attribute(nrt, "topologyManagerScope");
    if (nrt->policy != NULL || field_count(&list) == 0) {
        return 0;
    }
    struct field first = {.up = &list, .json = json_array_get(list.json, 0)};
    const char *word = json_string_value(first.json);
    if (word == NULL) {
        return field_fail(&first, err, "is not a string");
    }
    for (size_t i = 0; i < sizeof POLICIES / sizeof POLICIES[0]; i++) {
        if (strcmp(POLICIES[i].word, word) == 0) {
            nrt->policy = POLICIES[i].policy;
            nrt->scope = POLICIES[i].scope;
            return 0;
        }
    }
    return field_fail(&first, err, "policy %.64s is not known", word);
}

int nrt_decode(const json_t *json, struct arena *arena, struct nrt_object *nrt, struct err *err)
{
    struct field root;
    struct field metadata;
    const char *name = NULL;
    *nrt = (struct nrt_object){.node = NULL};
    if (field_root(json, &root, err) != 0 || field_object(&root, "metadata", &metadata, err) != 0 ||
        read_name(&metadata, "name", &name, err) != 0) {
        return err_prefix(err, "node resource topology");
    }
    nrt->node = arena_string(arena, name);
    if (read_attributes(&root, arena, &nrt->attributes, &nrt->attribute_count, err) != 0 ||
        read_policy(&root, nrt, err) != 0 || read_zones(&root, arena, nrt, err) != 0) {
        return err_prefix(err, "node resource topology %s", name);
    }
    return 0;
}

const struct nrt_resource *nrt_zone_resource(const struct nrt_zone *zone, const char *name)
{
    const struct nrt_resource wanted = {.name = name};
    return zone->resource_count == 0 ? NULL
                                     : bsearch(&wanted, zone->resources, zone->resource_count,
                                               sizeof *zone->resources, compare_resources);
}
