// SPDX-License-Identifier: Apache-2.0
#include "api/import/kueue_topology.h"

#include <stdio.h>
#include <string.h>

#include "api/json/fields.h"

/* An overlay without domains: only its levels count, and their keys are the nodes' own labels.
 */

#define KUEUE_GROUP "kueue.x-k8s.io/"

bool kueue_topology_is(const json_t *object)
{
    const char *kind = json_string_value(json_object_get(object, "kind"));
    const char *version = json_string_value(json_object_get(object, "apiVersion"));
    return kind != NULL && version != NULL && strcmp(kind, "Topology") == 0 &&
           strncmp(version, KUEUE_GROUP, strlen(KUEUE_GROUP)) == 0;
}

static bool is_taken(const struct levels *levels, const char *name)
{
    for (uint32_t i = 0; i < levels->count; i++) {
        if (strcmp(levels->items[i].name, name) == 0) {
            return true;
        }
    }
    return strcmp(name, LEVEL_HOST) == 0 || strcmp(name, LEVEL_CLUSTER) == 0;
}

/* The last part of the key, made unique. */
static int add_level(struct overlay *overlay, const char *key, struct err *err)
{
    const char *slash = strrchr(key, '/');
    const char *last = slash == NULL ? key : slash + 1;
    char name[LEVEL_NAME_MAX + 1];
    size_t length = strlen(last);
    if (length == 0 || length > LEVEL_NAME_MAX || strlen(key) > LEVEL_KEY_MAX) {
        return err_set(err, "\"%.120s\" is not a label key: the part after \"/\" has 1 to %d bytes",
                       key, LEVEL_NAME_MAX);
    }
    memcpy(name, last, length + 1);
    for (unsigned copy = 2; is_taken(overlay_levels(overlay), name); copy++) {
        char suffix[12];
        int added = snprintf(suffix, sizeof suffix, "-%u", copy);
        size_t kept =
            length + (size_t)added > LEVEL_NAME_MAX ? LEVEL_NAME_MAX - (size_t)added : length;
        memcpy(name + kept, suffix, (size_t)added + 1);
    }
    return overlay_level(overlay, name, key, err);
}

/* The label keys of a Topology. */
static int read_keys(const json_t *object, const char **name, const char *keys[KUEUE_LEVELS_MAX],
                     size_t *count, struct err *err)
{
    struct field root;
    struct field metadata;
    struct field spec;
    struct field levels;
    *name = "";
    if (field_root(object, &root, err) != 0 ||
        field_object(&root, "metadata", &metadata, err) != 0 ||
        field_name(&metadata, "name", name, err) != 0 ||
        field_object(&root, "spec", &spec, err) != 0 ||
        field_array(&spec, "levels", &levels, err) != 0) {
        return -1;
    }
    *count = field_count(&levels);
    if (*count == 0 || *count > KUEUE_LEVELS_MAX) {
        field_fail(&levels, err, "%zu levels are out of range (1 to %d)", *count, KUEUE_LEVELS_MAX);
        return -1;
    }
    for (size_t i = 0; i < *count; i++) {
        struct field level;
        if (field_element(&levels, i, &level, err) != 0 ||
            field_name(&level, "nodeLabel", &keys[i], err) != 0) {
            return -1;
        }
        if (strcmp(keys[i], LEVEL_HOST_KEY) == 0 && i + 1 < *count) {
            field_fail(&level, err, "%s can only be the last level", LEVEL_HOST_KEY);
            return -1;
        }
    }
    return 0;
}

static int build(const json_t *object, struct overlay *overlay, struct err *err)
{
    const char *name = NULL;
    const char *keys[KUEUE_LEVELS_MAX] = {NULL};
    size_t count = 0;
    if (read_keys(object, &name, keys, &count, err) < 0) {
        return err_prefix(err, "Topology %.100s", name == NULL ? "" : name);
    }
    for (size_t i = 0; i < count && strcmp(keys[i], LEVEL_HOST_KEY) != 0; i++) {
        if (add_level(overlay, keys[i], err) < 0) {
            return err_prefix(err, "Topology %.100s: spec.levels[%zu].nodeLabel", name, i);
        }
    }
    return overlay_finish(overlay, err);
}

/* Whether two Topologies list the same keys in the same order. */
static int compare(const json_t *object, const json_t *other, struct err *err)
{
    const char *names[2] = {NULL};
    const char *keys[2][KUEUE_LEVELS_MAX] = {{NULL}};
    size_t counts[2] = {0};
    if (read_keys(object, &names[0], keys[0], &counts[0], err) < 0 ||
        read_keys(other, &names[1], keys[1], &counts[1], err) < 0) {
        return err_prefix(err, "Topology");
    }
    bool same = counts[0] == counts[1];
    for (size_t i = 0; same && i < counts[0]; i++) {
        same = strcmp(keys[0][i], keys[1][i]) == 0;
    }
    return same ? 0
                : err_set(err,
                          "Topology %.80s and Topology %.80s list different levels; name the ones "
                          "to use in topology.levels",
                          names[0], names[1]);
}

int kueue_topology_load(const json_t *objects, struct overlay **overlay, struct err *err)
{
    const json_t *first = json_is_array(objects) ? json_array_get(objects, 0) : objects;
    for (size_t i = 1; i < json_array_size(objects); i++) {
        if (compare(first, json_array_get(objects, i), err) < 0) {
            return -1;
        }
    }
    struct overlay *made = overlay_create();
    if (build(first, made, err) < 0) {
        overlay_destroy(made);
        return -1;
    }
    *overlay = made;
    return 0;
}
