// SPDX-License-Identifier: Apache-2.0
#include "api/kube/devices/node_devices.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) abort()
#include <uthash.h>
#include <utlist.h>

#include "api/kube/devices/facts.h"
#include "api/kube/devices/slice_pools.h"
#include "topology/base/alloc.h"
#include "topology/base/utf8.h"
#include "topology/devices/machines.h"

/* Maps of known machines are made once and kept; a map of slices is made when it is asked for and
 * lives until the next one. What is remembered of a node is what its map depends on besides the
 * slices: its machine, and the resource its GPUs are counted in.
 */

#define GPU_SUFFIX "/gpu"

struct known {
    UT_hash_handle hh; /* by name */
    char *name;
    const char *machine; /* static, or NULL */
    char *unrecognised;  /* why there is none */
    char *resource;
    int64_t count;
    bool changed; /* in its slices, and so in the list of those */
    struct known *changed_previous;
    struct known *changed_next;
};

struct node_devices {
    struct slice_pools *pools;
    struct device_facts facts; /* of the node that was filled last */
    struct device_map **machines;
    struct known *nodes;
    struct known *changed;
};

struct node_devices *node_devices_create(void)
{
    struct node_devices *devices = alloc_zero(1, sizeof *devices);
    devices->pools = slice_pools_create();
    devices->machines = alloc_zero(machines_count(), sizeof(struct device_map *));
    return devices;
}

static void set_changed(struct node_devices *devices, struct known *known, bool changed)
{
    if (known->changed != changed) {
        known->changed = changed;
        if (changed) {
            DL_APPEND2(devices->changed, known, changed_previous, changed_next);
        } else {
            DL_DELETE2(devices->changed, known, changed_previous, changed_next);
        }
    }
}

static void known_remove(struct node_devices *devices, struct known *known)
{
    if (known == NULL) {
        return;
    }
    set_changed(devices, known, false);
    HASH_DEL(devices->nodes, known);
    free(known->name);
    free(known->unrecognised);
    free(known->resource);
    free(known);
}

void node_devices_destroy(struct node_devices *devices)
{
    if (devices == NULL) {
        return;
    }
    while (devices->nodes != NULL) {
        known_remove(devices, devices->nodes);
    }
    for (uint32_t i = 0; i < machines_count(); i++) {
        device_map_destroy(devices->machines[i]);
    }
    device_facts_finish(&devices->facts);
    slice_pools_destroy(devices->pools);
    free(devices->machines);
    free(devices);
}

/* ---- what a node says ---- */

static const char *label_of(const struct node_object *node, const char *key)
{
    for (size_t i = 0; i < node->label_count; i++) {
        if (strcmp(node->labels[i].key, key) == 0) {
            return node->labels[i].value;
        }
    }
    return NULL;
}

/* The resource of its GPUs and how many there are; returns how many such resources it has. */
static unsigned find_resource(const struct node_object *node, const char **resource, int64_t *count)
{
    unsigned found = 0;
    for (size_t i = 0; i < node->allocatable_count; i++) {
        const struct amount_object *item = &node->allocatable[i];
        size_t length = strlen(item->resource), tail = sizeof(GPU_SUFFIX) - 1;
        if (item->amount > 0 && length > tail &&
            strcmp(item->resource + length - tail, GPU_SUFFIX) == 0) {
            *resource = item->resource;
            *count = item->amount;
            found++;
        }
    }
    return found;
}

static void replace_string(char **to, const char *text)
{
    char *copy = alloc_string(text);
    free(*to);
    *to = copy;
}

static struct known *remember(struct node_devices *devices, const struct node_object *node,
                              const char *resource, int64_t count)
{
    struct known *known = NULL;
    struct err err = {""};
    const struct machine_labels labels = {
        .instance_type = label_of(node, "node.kubernetes.io/instance-type"),
        .product = label_of(node, "nvidia.com/gpu.product"),
        .machine = label_of(node, "nvidia.com/gpu.machine"),
        .gpu_count = label_of(node, "nvidia.com/gpu.count"),
    };
    HASH_FIND_STR(devices->nodes, node->name, known);
    if (known == NULL) {
        known = alloc_zero(1, sizeof *known);
        known->name = alloc_string(node->name);
        HASH_ADD_KEYPTR(hh, devices->nodes, known->name, strlen(known->name), known);
    }
    known->machine = machines_recognise(&labels, &err);
    if (labels.instance_type == NULL && labels.product == NULL && labels.machine == NULL) {
        err_set(&err, "no label identifies the machine, and no ResourceSlice lists its GPUs");
    }
    replace_string(&known->unrecognised, known->machine == NULL ? err.text : NULL);
    replace_string(&known->resource, resource);
    known->count = count;
    set_changed(devices, known, false);
    return known;
}

/* ---- maps ---- */

static const struct device_map *machine_map(struct node_devices *devices, const char *name)
{
    for (uint32_t i = 0; name != NULL && i < machines_count(); i++) {
        if (strcmp(machines_name(i), name) == 0) {
            if (devices->machines[i] == NULL) {
                devices->machines[i] = machines_map(name, NULL);
            }
            return devices->machines[i];
        }
    }
    return NULL;
}

__attribute__((format(printf, 2, 3))) static void say(struct node_devices_finding *finding,
                                                      const char *format, ...)
{
    va_list list;
    va_start(list, format);
    utf8_vprint(finding->text, sizeof finding->text, format, list);
    va_end(list);
}

/* The map of slices or machine, whatever the node's count; NULL with the reason in the finding. */
static const struct device_map *find_map(struct node_devices *devices, const struct known *known,
                                         struct node_devices_finding *finding)
{
    struct err err = {""};
    const struct device_map *machine = machine_map(devices, known->machine);
    device_facts_finish(&devices->facts);
    if (slice_pools_counts(devices->pools).slices > 0 &&
        device_facts_read(devices->pools, known->name, machine, &devices->facts, &err) < 0) {
        say(finding, "%s", err.text);
        return NULL;
    }
    if (devices->facts.gpus > 0) {
        char text[DEVICE_FACTS_TEXT_MAX];
        device_facts_describe(&devices->facts, text);
        finding->source = NODE_DEVICES_SLICES;
        say(finding, "ResourceSlices: %s%s%s", text,
            devices->facts.linked ? "; links of " : "; no links known",
            devices->facts.linked ? known->machine : "");
        return devices->facts.map;
    }
    if (machine == NULL) {
        say(finding, "%s", known->unrecognised);
        return NULL;
    }
    finding->source = NODE_DEVICES_MACHINE;
    say(finding, "%s by its labels", known->machine);
    return machine;
}

static void fill_known(struct node_devices *devices, const struct known *known,
                       struct node_object *node, struct node_devices_finding *finding)
{
    const struct device_map *map = find_map(devices, known, finding);
    uint32_t gpus = map == NULL ? 0 : device_map_count(map, DEVICE_GPU);
    if (map != NULL && gpus != known->count) {
        char what[DEVICE_FACTS_TEXT_MAX];
        utf8_print(what, sizeof what, "%.500s", finding->text);
        say(finding, "%s, %" PRIu32 " GPUs: %.100s is %" PRId64, what, gpus, known->resource,
            known->count);
        finding->source = NODE_DEVICES_NONE;
        return;
    }
    finding->gpus = gpus;
    node->devices = map;
    node->device_resource = known->resource;
}

/* A node without a resource of GPUs; slices may tell of some nevertheless. */
static void explain_none(struct node_devices *devices, const struct node_object *node,
                         struct node_devices_finding *finding)
{
    struct err err = {""};
    device_facts_finish(&devices->facts);
    if (slice_pools_counts(devices->pools).slices == 0) {
        return;
    }
    if (device_facts_read(devices->pools, node->name, NULL, &devices->facts, &err) < 0) {
        say(finding, "%s", err.text);
    } else if (devices->facts.gpus > 0) {
        say(finding,
            "ResourceSlices: %" PRIu32 " GPUs, but none are allocatable as a resource that ends in "
            "%s",
            devices->facts.gpus, GPU_SUFFIX);
    }
}

void node_devices_fill(struct node_devices *devices, struct node_object *node,
                       struct node_devices_finding *finding)
{
    struct node_devices_finding unasked;
    struct node_devices_finding *found = finding == NULL ? &unasked : finding;
    const char *resource = NULL;
    int64_t count = 0;
    *found = (struct node_devices_finding){.source = NODE_DEVICES_NONE};
    node->devices = NULL;
    node->device_resource = NULL;
    unsigned resources = find_resource(node, &resource, &count);
    if (resources == 1) {
        fill_known(devices, remember(devices, node, resource, count), node, found);
        return;
    }
    node_devices_forget(devices, node->name);
    if (resources > 1) {
        say(found, "more than one resource ends in %s", GPU_SUFFIX);
    } else if (finding != NULL) {
        explain_none(devices, node, finding);
    }
}

void node_devices_forget(struct node_devices *devices, const char *node)
{
    struct known *known = NULL;
    HASH_FIND_STR(devices->nodes, node, known);
    known_remove(devices, known);
}

/* ---- slices ---- */

static void mark_changed(void *context, const char *node)
{
    struct node_devices *devices = context;
    struct known *known = NULL;
    HASH_FIND_STR(devices->nodes, node, known);
    if (known != NULL) {
        set_changed(devices, known, true);
    }
}

int node_devices_slice(struct node_devices *devices, struct decoded_slice *slice, struct err *err)
{
    char name[SLICE_NAME_MAX + 1] = "";
    if (slice->slice.name != NULL) {
        (void)snprintf(name, sizeof name, "%s", slice->slice.name);
    }
    slice_pools_visit_nodes(devices->pools, name, mark_changed, devices); /* where it was */
    int result = slice_pools_apply(devices->pools, slice, err);
    slice_pools_visit_nodes(devices->pools, name, mark_changed, devices);
    return result;
}

void node_devices_slice_gone(struct node_devices *devices, const char *name)
{
    slice_pools_visit_nodes(devices->pools, name, mark_changed, devices);
    slice_pools_delete(devices->pools, name);
}

bool node_devices_has_changed(const struct node_devices *devices)
{
    return devices->changed != NULL;
}

bool node_devices_next_changed(struct node_devices *devices, struct node_object *node)
{
    struct node_devices_finding finding;
    struct known *known = devices->changed;
    if (known == NULL) {
        return false;
    }
    set_changed(devices, known, false);
    *node = (struct node_object){.name = known->name};
    fill_known(devices, known, node, &finding);
    return true;
}
