// SPDX-License-Identifier: Apache-2.0
#include "api/kube/objects/decode.h"

#include <inttypes.h>

#include "api/json/fields.h"
#include "api/kube/objects/dialect.h"

/* scheduling.x-k8s.io/v1alpha1 PodGroup. minMember is handed on as written, so that the engine can
 * say what is wrong with it; only what no int32 can hold becomes -1.
 *
 * Minimums of roles are Volcano's map or KAI's list, handed on as one text; our own annotation
 * comes before them.
 *
 *   minTaskMember: {master: 1, worker: 3}
 *   subGroups: [{name: master, minMember: 1}, {name: worker, minMember: 3}]
 */

#define ROLE_TEXT_MAX 100 /* bytes; longer ones are refused anyway */

/* "master=1,worker=3". A role that holds a sign of the text makes another text, which is refused or
 * names another role. */
static const char *add_minimum(struct arena *arena, const char *text, const char *role,
                               int64_t minimum)
{
    return arena_printf(arena, "%s%s%.*s=%" PRId64, text == NULL ? "" : text,
                        text == NULL ? "" : ",", ROLE_TEXT_MAX, role, minimum);
}

static int read_tasks(const struct field *spec, struct arena *arena, const char **text,
                      struct err *err)
{
    struct field tasks;
    const char *role;
    const json_t *value;
    size_t count = 0;
    if (field_object(spec, "minTaskMember", &tasks, err) != 0) {
        return -1;
    }
    /* The iteration functions take a plain pointer; nothing is changed. */
    json_object_foreach((json_t *)(uintptr_t)tasks.json, role, value)
    {
        int64_t minimum = 0;
        if (field_integer(&tasks, role, INT32_MIN, (int64_t)INT32_MAX + 1, &minimum, err) != 0) {
            return -1;
        }
        if (minimum != 0 && ++count <= ROLE_MINIMUMS_MAX + 1) { /* 0: any number will do */
            *text = add_minimum(arena, *text, role, minimum);
        }
    }
    return 0;
}

static int read_subgroups(const struct field *spec, struct arena *arena, const char **text,
                          struct err *err)
{
    struct field groups;
    size_t count = 0;
    if (field_array(spec, "subGroups", &groups, err) != 0) {
        return -1;
    }
    for (size_t i = 0; i < field_count(&groups); i++) {
        struct field group;
        const char *role = NULL;
        int64_t minimum = 0;
        if (field_element(&groups, i, &group, err) != 0 ||
            field_name(&group, "name", &role, err) != 0 ||
            field_integer(&group, "minMember", INT32_MIN, (int64_t)INT32_MAX + 1, &minimum, err) !=
                0) {
            return -1;
        }
        if (minimum != 0 && ++count <= ROLE_MINIMUMS_MAX + 1) { /* 0: a group of groups */
            *text = add_minimum(arena, *text, role, minimum);
        }
    }
    return 0;
}

static int read_elastic(const struct field *annotations, const struct field *spec,
                        struct arena *arena, struct group_object *object, struct err *err)
{
    const char *text = NULL;
    dialect_elastic(annotations->json, arena, &object->elastic);
    if (object->elastic.minimums != NULL) {
        return 0;
    }
    int result = read_tasks(spec, arena, &text, err);
    if (result == 0 && text == NULL) {
        result = read_subgroups(spec, arena, &text, err);
    }
    object->elastic.minimums = text;
    return result;
}

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
        field_object(&root, "spec", &spec, err) != 0 || read_spec(&spec, object, err) != 0 ||
        read_elastic(&annotations, &spec, arena, object, err) != 0) {
        return err_prefix(err, "pod group %s/%s", name_space, name);
    }
    object->name = arena_string(arena, name);
    object->name_space = arena_string(arena, name_space);
    object->uid = arena_string(arena, uid);
    dialect_placement(annotations.json, arena, &object->placement);
    return 0;
}
