// SPDX-License-Identifier: Apache-2.0
#include "api/kube/objects/decode.h"

#include "api/json/fields.h"
#include "api/kube/objects/dialect.h"

/* scheduling.x-k8s.io/v1alpha1 PodGroup. minMember is handed on as written, so that the engine can
 * say what is wrong with it; only what no int32 can hold becomes -1.
 */

static int read_spec(const struct field *spec, struct group_object *object, struct err *err)
{
    int64_t minimum = 0;
    int64_t seconds = 0;
    if (field_integer(spec, "minMember", INT32_MIN, (int64_t)INT32_MAX + 1, &minimum, err) != 0 ||
        field_integer(spec, "scheduleTimeoutSeconds", 0, INT32_MAX, &seconds, err) != 0) {
        return -1;
    }
    object->minimum = minimum > INT32_MAX ? -1 : (int32_t)minimum;
    object->hold_timeout_ms = seconds * 1000;
    return 0;
}

int group_decode(const json_t *json, struct arena *arena, struct group_object *object,
                 struct err *err)
{
    struct field root;
    struct field metadata;
    struct field annotations;
    struct field spec;
    const char *name = NULL;
    const char *name_space = NULL;
    const char *uid = NULL;
    *object = (struct group_object){.name = NULL};
    if (field_root(json, &root, err) != 0 || field_object(&root, "metadata", &metadata, err) != 0 ||
        field_name(&metadata, "name", &name, err) != 0 ||
        field_name(&metadata, "namespace", &name_space, err) != 0) {
        return err_prefix(err, "pod group");
    }
    if (field_string(&metadata, "uid", &uid, err) != 0 ||
        field_object(&metadata, "annotations", &annotations, err) != 0 ||
        field_object(&root, "spec", &spec, err) != 0 || read_spec(&spec, object, err) != 0) {
        return err_prefix(err, "pod group %s/%s", name_space, name);
    }
    object->name = arena_string(arena, name);
    object->name_space = arena_string(arena, name_space);
    object->uid = arena_string(arena, uid);
    dialect_placement(annotations.json, arena, &object->placement);
    return 0;
}
