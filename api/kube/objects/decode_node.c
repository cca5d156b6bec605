// SPDX-License-Identifier: Apache-2.0
#include "api/kube/objects/decode.h"

#include <string.h>

#include "api/json/fields.h"
#include "api/kube/objects/amounts.h"
#include "api/kube/objects/labels.h"

/* core/v1 Node: name, labels, taints, spec.unschedulable and what it can give (status.allocatable,
 * or capacity where that is absent, as the API server defaults it).
 *
 * Conditions are not read: what they mean for scheduling, the node lifecycle controller says with
 * taints.
 */

/* False for an effect nobody knows, which kube-scheduler does not act on either. */
static bool read_effect(const char *text, enum taint_effect *effect)
{
    static const struct {
        const char *text;
        enum taint_effect effect;
    } EFFECTS[] = {
        {"NoSchedule", TAINT_NO_SCHEDULE},
        {"PreferNoSchedule", TAINT_PREFER_NO_SCHEDULE},
        {"NoExecute", TAINT_NO_EXECUTE},
    };
    for (size_t i = 0; text != NULL && i < sizeof EFFECTS / sizeof EFFECTS[0]; i++) {
        if (strcmp(text, EFFECTS[i].text) == 0) {
            *effect = EFFECTS[i].effect;
            return true;
        }
    }
    return false;
}

static int read_taints(const struct field *spec, struct arena *arena, struct node_object *object,
                       struct err *err)
{
    struct field taints;
    if (field_array(spec, "taints", &taints, err) != 0) {
        return -1;
    }
    size_t count = field_count(&taints);
    if (count > NODE_TAINTS_MAX) {
        return field_fail(&taints, err, "%zu taints are more than the limit of %d", count,
                          NODE_TAINTS_MAX);
    }
    struct taint_object *kept = arena_alloc(arena, count, sizeof *kept);
    object->taints = kept;
    for (size_t i = 0; i < count; i++) {
        struct field taint;
        const char *key = NULL;
        const char *value = NULL;
        const char *effect = NULL;
        if (field_element(&taints, i, &taint, err) != 0 ||
            field_name(&taint, "key", &key, err) != 0 ||
            field_string(&taint, "value", &value, err) != 0 ||
            field_string(&taint, "effect", &effect, err) != 0) {
            return -1;
        }
        if (read_effect(effect, &kept->effect)) {
            kept->key = arena_string(arena, key);
            kept->value = arena_string(arena, value == NULL ? "" : value);
            kept++;
            object->taint_count++;
        }
    }
    return 0;
}

static int read_allocatable(const struct field *root, struct arena *arena,
                            struct node_object *object, struct err *err)
{
    struct field status;
    struct field list;
    struct amounts amounts;
    if (field_object(root, "status", &status, err) != 0 ||
        field_object(&status, "allocatable", &list, err) != 0) {
        return -1;
    }
    if (list.json == NULL && field_object(&status, "capacity", &list, err) != 0) {
        return -1;
    }
    if (amounts_read(&list, &amounts, err) != 0) {
        return -1;
    }
    object->allocatable = amounts_keep(&amounts, arena, &object->allocatable_count);
    return 0;
}

int node_decode(const json_t *json, struct arena *arena, struct node_object *object,
                struct err *err)
{
    struct field root;
    struct field metadata;
    struct field spec;
    const char *name = NULL;
    *object = (struct node_object){.name = NULL};
    if (field_root(json, &root, err) != 0 || field_object(&root, "metadata", &metadata, err) != 0 ||
        field_name(&metadata, "name", &name, err) != 0) {
        return err_prefix(err, "node");
    }
    object->name = arena_string(arena, name);
    if (labels_decode(&metadata, "labels", NODE_LABELS_MAX, false, arena, &object->labels,
                      &object->label_count, err) != 0 ||
        field_object(&root, "spec", &spec, err) != 0 ||
        field_bool(&spec, "unschedulable", &object->unschedulable, err) != 0 ||
        read_taints(&spec, arena, object, err) != 0 ||
        read_allocatable(&root, arena, object, err) != 0) {
        return err_prefix(err, "node %s", name);
    }
    return 0;
}
