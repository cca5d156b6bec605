// SPDX-License-Identifier: Apache-2.0
#include "api/kube/objects/decode_slice.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/json/fields.h"
#include "api/kube/objects/slice_attributes.h"
#include "topology/base/alloc.h"
#include "topology/devices/map.h"

/* From the outside in: who the slice is, which pool and generation, whose devices, the devices.
 *
 * The order matters for a slice that cannot be read. What was read before the mistake stays in the
 * result, and the pool is known first, so that whoever keeps pools can tell which one is incomplete
 * now. A slice whose pool's part is unreadable belongs to no pool, and is then missing from the one
 * it should be in, which is noticed by counting.
 *
 * v1beta1 has what a device is in a member "basic", v1beta2 and v1 in the device itself. The shape
 * decides, not apiVersion: items of a list carry none.
 */

static const char *const VERSIONS[] = {
    "resource.k8s.io/v1",
    "resource.k8s.io/v1beta2",
    "resource.k8s.io/v1beta1",
};

static int check_type(const struct field *root, struct err *err)
{
    const char *version = NULL;
    const char *kind = NULL;
    if (field_string(root, "apiVersion", &version, err) != 0 ||
        field_string(root, "kind", &kind, err) != 0) {
        return -1;
    }
    if (kind != NULL && strcmp(kind, "ResourceSlice") != 0) {
        return err_set(err, "kind: is %.64s, not ResourceSlice", kind);
    }
    if (version == NULL) {
        return 0;
    }
    for (size_t i = 0; i < sizeof VERSIONS / sizeof VERSIONS[0]; i++) {
        if (strcmp(version, VERSIONS[i]) == 0) {
            return 0;
        }
    }
    return err_set(err, "apiVersion: %.64s is not known for a ResourceSlice", version);
}

/* A required name of at most `limit` bytes. */
static int read_name(const struct field *up, const char *member, size_t limit, struct arena *arena,
                     const char **name, struct err *err)
{
    const char *text = NULL;
    if (field_name(up, member, &text, err) != 0) {
        return -1;
    }
    if (strlen(text) > limit) {
        struct field field = {.up = up, .name = member};
        (void)field_fail(&field, err, "%.64s... has %zu bytes, more than the limit of %zu", text,
                         strlen(text), limit);
        return -1;
    }
    *name = arena_string_n(arena, text, strlen(text));
    return 0;
}

/* A whole number of at least `minimum`. */
static int read_number(const struct field *up, const char *member, int64_t minimum, int64_t *number,
                       struct err *err)
{
    struct field field = {.up = up, .name = member};
    if (field_integer(up, member, INT64_MIN, INT64_MAX, number, err) != 0) {
        return -1;
    }
    if (*number < minimum) {
        return field_fail(&field, err, "%lld is less than %lld", (long long)*number,
                          (long long)minimum);
    }
    return 0;
}

/* generation may be absent, for 0 is left out when written; the number of slices may not. */
static int read_pool(const struct field *spec, struct arena *arena, struct resource_slice *slice,
                     struct err *err)
{
    struct field pool;
    int64_t generation = 0;
    int64_t count = 0;
    if (read_name(spec, "driver", SLICE_DRIVER_MAX, arena, &slice->driver, err) != 0 ||
        field_object(spec, "pool", &pool, err) != 0 ||
        read_name(&pool, "name", SLICE_NAME_MAX, arena, &slice->pool, err) != 0 ||
        read_number(&pool, "generation", 0, &generation, err) != 0) {
        return -1;
    }
    slice->generation = generation;
    if (read_number(&pool, "resourceSliceCount", 1, &count, err) != 0) {
        return -1;
    }
    slice->slice_count = count;
    return 0;
}

static int read_scope(const struct field *spec, struct arena *arena, struct resource_slice *slice,
                      struct err *err)
{
    const char *node = NULL;
    struct field selector;
    bool all = false;
    bool per_device = false;
    if (field_string(spec, "nodeName", &node, err) != 0 ||
        field_object(spec, "nodeSelector", &selector, err) != 0 ||
        field_bool(spec, "allNodes", &all, err) != 0 ||
        field_bool(spec, "perDeviceNodeSelection", &per_device, err) != 0) {
        return -1;
    }
    bool named = node != NULL && node[0] != '\0';
    int ways = (int)named + (int)(selector.json != NULL) + (int)all + (int)per_device;
    if (ways != 1) {
        return field_fail(spec, err,
                          "%d of nodeName, nodeSelector, allNodes and perDeviceNodeSelection are "
                          "given, not one",
                          ways);
    }
    slice->scope = named                   ? SLICE_SCOPE_NODE
                   : selector.json != NULL ? SLICE_SCOPE_SELECTOR
                   : all                   ? SLICE_SCOPE_ALL_NODES
                                           : SLICE_SCOPE_PER_DEVICE;
    return named ? read_name(spec, "nodeName", SLICE_NAME_MAX, arena, &slice->node, err) : 0;
}

static int read_taints(const struct field *owner, struct slice_device *device, struct err *err)
{
    struct field taints;
    if (field_array(owner, "taints", &taints, err) != 0) {
        return -1;
    }
    size_t count = field_count(&taints);
    if (count > SLICE_TAINTS_MAX) {
        return field_fail(&taints, err, "%zu taints are more than the limit of %d", count,
                          SLICE_TAINTS_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        struct field taint;
        const char *effect = NULL;
        if (field_element(&taints, i, &taint, err) != 0 ||
            field_string(&taint, "effect", &effect, err) != 0) {
            return -1;
        }
        /* "None" only informs. */
        device->tainted = device->tainted ||
                          (effect != NULL &&
                           (strcmp(effect, "NoSchedule") == 0 || strcmp(effect, "NoExecute") == 0));
    }
    return 0;
}

/* A DNS label, which is what the API server takes and what fits the device map. */
static int read_device_name(const struct field *device, struct arena *arena, const char **name,
                            struct err *err)
{
    const char *text = NULL;
    if (read_name(device, "name", DEVICE_NAME_MAX, arena, &text, err) != 0) {
        return -1;
    }
    size_t length = strlen(text);
    bool edges = text[0] != '-' && text[length - 1] != '-';
    if (!edges || strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") != length) {
        struct field field = {.up = device, .name = "name"};
        return field_fail(&field, err, "\"%s\" is not a DNS label", text);
    }
    *name = text;
    return 0;
}

static int read_device(const struct field *field, const char *driver, struct arena *arena,
                       struct slice_device *device, struct err *err)
{
    struct field basic;
    if (read_device_name(field, arena, &device->name, err) != 0) {
        return -1;
    }
    if (field_object(field, "basic", &basic, err) != 0) {
        return err_prefix(err, "device %s", device->name);
    }
    const struct field *owner = basic.json == NULL ? field : &basic;
    if (slice_attributes_read(owner, driver, arena, device, err) != 0 ||
        read_taints(owner, device, err) != 0) {
        return err_prefix(err, "device %s", device->name);
    }
    return 0;
}

static int read_devices(const struct field *spec, struct arena *arena, struct resource_slice *slice,
                        struct err *err)
{
    struct field devices;
    if (field_array(spec, "devices", &devices, err) != 0) {
        return -1;
    }
    size_t count = field_count(&devices);
    if (count > SLICE_DEVICES_MAX) {
        return field_fail(&devices, err, "%zu devices are more than the limit of %d", count,
                          SLICE_DEVICES_MAX);
    }
    struct slice_device *kept = arena_alloc(arena, count, sizeof *kept);
    for (size_t i = 0; i < count; i++) {
        struct field device;
        if (field_element(&devices, i, &device, err) != 0 ||
            read_device(&device, slice->driver, arena, &kept[i], err) != 0) {
            return -1;
        }
    }
    slice->devices = kept;
    slice->device_count = count;
    return 0;
}

int slice_decode(const json_t *json, struct arena *arena, struct resource_slice *slice,
                 struct err *err)
{
    struct field root;
    struct field metadata;
    struct field spec;
    *slice = (struct resource_slice){.name = NULL};
    if (field_root(json, &root, err) != 0 || field_object(&root, "metadata", &metadata, err) != 0 ||
        read_name(&metadata, "name", SLICE_NAME_MAX, arena, &slice->name, err) != 0) {
        return err_prefix(err, "resource slice");
    }
    if (check_type(&root, err) != 0 || field_object(&root, "spec", &spec, err) != 0 ||
        read_pool(&spec, arena, slice, err) != 0 || read_scope(&spec, arena, slice, err) != 0 ||
        read_devices(&spec, arena, slice, err) != 0) {
        return err_prefix(err, "resource slice %s", slice->name);
    }
    return 0;
}

bool slice_recognise(const json_t *object)
{
    static const char group[] = "resource.k8s.io/";
    const char *kind = json_string_value(json_object_get(object, "kind"));
    const char *version = json_string_value(json_object_get(object, "apiVersion"));
    return kind != NULL && version != NULL && strcmp(kind, "ResourceSlice") == 0 &&
           strncmp(version, group, sizeof(group) - 1) == 0;
}

struct decoded_slice *decoded_slice_create(const json_t *json)
{
    struct err err;
    struct decoded_slice *decoded = alloc_zero(1, sizeof *decoded);
    arena_init(&decoded->arena);
    if (slice_decode(json, &decoded->arena, &decoded->slice, &err) != 0) {
        decoded->error = arena_string(&decoded->arena, err.text);
    }
    return decoded;
}

void decoded_slice_destroy(struct decoded_slice *decoded)
{
    if (decoded != NULL) {
        arena_finish(&decoded->arena);
        free(decoded);
    }
}
