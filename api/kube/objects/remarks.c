// SPDX-License-Identifier: Apache-2.0
#include "api/kube/objects/remarks.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"
#include "topology/base/utf8.h"

/* KEYS has to name every annotation that is read or written anywhere; test/lint/check.py sees to
 * that.
 *
 * Nearness is the edit distance: letters put in, taken out or replaced. It is worked out for keys
 * of at most KEY_LONGEST bytes against the few that there are, so a key costs a bounded time.
 */

#define PREFIX      "phalanx.dev/"
#define KEY_LONGEST 64
#define NEAR        3 /* letters; in short keys, half of it at most */
#define TEXT_MAX    1024
#define KEY_SHOWN   320 /* bytes, whole characters; … */
#define NAME_SHOWN  253

static const char *const KEYS[] = {
    PREFIX "device-topology",    PREFIX "devices", PREFIX "elastic-preference",
    PREFIX "exclusive-topology", PREFIX "gang",    PREFIX "node",
    PREFIX "preferred-topology", PREFIX "rank",    PREFIX "required-topology",
    PREFIX "role-minimums",      PREFIX "run",     PREFIX "slice-size",
    PREFIX "slice-topology",     PREFIX "slices",  PREFIX "waiting",
};
#define KEY_COUNT (sizeof KEYS / sizeof KEYS[0])

#define WOKEN PREFIX "woken" /* the one label that is written */

struct remarks {
    remarks_tell *tell;
    void *context;
    json_t *served; /* names of schedulers, each a member; none: nobody knows */
    json_t *told;   /* keys and schedulers, each a member */
};

struct remarks *remarks_create(remarks_tell *tell, void *context)
{
    struct remarks *remarks = alloc_zero(1, sizeof *remarks);
    *remarks = (struct remarks){tell, context, json_object(), json_object()};
    return remarks;
}

void remarks_destroy(struct remarks *remarks)
{
    if (remarks != NULL) {
        json_decref(remarks->served);
        json_decref(remarks->told);
        free(remarks);
    }
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Of two texts of at most KEY_LONGEST bytes (Levenshtein, one row at a time). */
static size_t edit_distance(const char *from, const char *to)
{
    size_t row[KEY_LONGEST + 1];
    size_t width = strlen(to);
    for (size_t i = 0; i <= width; i++) {
        row[i] = i;
    }
    for (size_t i = 0; from[i] != '\0'; i++) {
        size_t corner = row[0];
        row[0] = i + 1;
        for (size_t k = 0; k < width; k++) {
            size_t replaced = corner + (from[i] != to[k]);
            corner = row[k + 1];
            row[k + 1] = least(replaced, least(row[k], row[k + 1]) + 1);
        }
    }
    return row[width];
}

const char *remarks_nearest(const char *key)
{
    const char *nearest = NULL;
    size_t length = strnlen(key, KEY_LONGEST + 1), best = NEAR + 1;
    if (length > KEY_LONGEST || length <= strlen(PREFIX)) {
        return NULL;
    }
    best = least(best, (length - strlen(PREFIX)) / 2 + 1);
    for (size_t i = 0; i < KEY_COUNT; i++) {
        size_t distance = edit_distance(key, KEYS[i]);
        if (distance < best) {
            best = distance;
            nearest = KEYS[i];
        }
    }
    return nearest;
}

static bool is_known(const char *key)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (strcmp(KEYS[i], key) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether this is the first time, and there is room to say so. */
static bool is_new(struct remarks *remarks, const char *what)
{
    if (json_object_get(remarks->told, what) != NULL ||
        json_object_size(remarks->told) >= REMARKS_MAX) {
        return false;
    }
    return json_object_set_new(remarks->told, what, json_true()) == 0;
}

static const char *metadata_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(json_object_get(object, "metadata"), key));
    return text == NULL ? "" : text;
}

static void tell(const struct remarks *remarks, const char *kind, const json_t *object,
                 const char *what)
{
    char text[TEXT_MAX];
    const char *name_space = metadata_of(object, "namespace");
    utf8_print(text, sizeof text, "%.64s %.63s%s%.253s: %s", kind, name_space,
               name_space[0] == '\0' ? "" : "/", metadata_of(object, "name"), what);
    remarks->tell(remarks->context, text);
}

static void look_at_key(struct remarks *remarks, const char *kind, const json_t *object,
                        const char *key, bool label)
{
    char what[TEXT_MAX];
    if (strncmp(key, PREFIX, strlen(PREFIX)) != 0 ||
        (label ? strcmp(key, WOKEN) == 0 : is_known(key))) {
        return;
    }
    snprintf(what, sizeof what, "%s %.*s", label ? "label" : "annotation",
             (int)utf8_cut(key, KEY_SHOWN), key);
    if (!is_new(remarks, what)) {
        return;
    }
    const char *nearest = remarks_nearest(key);
    size_t length = strlen(what);
    if (label) {
        snprintf(what + length, sizeof what - length, " is not read: %s is an annotation",
                 nearest == NULL ? "every key of phalanx.dev" : nearest);
    } else {
        snprintf(what + length, sizeof what - length, " does not exist%s%s",
                 nearest == NULL ? "" : ", the nearest one is ", nearest == NULL ? "" : nearest);
    }
    tell(remarks, kind, object, what);
}

static void look_at_keys(struct remarks *remarks, const char *kind, const json_t *object,
                         const char *map)
{
    bool label = strcmp(map, "labels") == 0;
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(json_object_get(object, "metadata"), map), key, value)
    {
        look_at_key(remarks, kind, object, key, label);
    }
}

void remarks_keys(struct remarks *remarks, const char *kind, const json_t *object)
{
    look_at_keys(remarks, kind, object, "annotations");
    look_at_keys(remarks, kind, object, "labels");
}

void remarks_serve(struct remarks *remarks, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        json_object_set_new(remarks->served, names[i], json_true());
    }
}

void remarks_scheduler(struct remarks *remarks, const json_t *pod)
{
    const char *name =
        json_string_value(json_object_get(json_object_get(pod, "spec"), "schedulerName"));
    name = name == NULL || name[0] == '\0' ? "default-scheduler" : name; /* SetDefaults_PodSpec */
    if (json_object_size(remarks->served) == 0 || json_object_get(remarks->served, name) != NULL) {
        return;
    }
    char what[TEXT_MAX];
    snprintf(what, sizeof what, "schedulerName %.*s", (int)utf8_cut(name, NAME_SHOWN), name);
    if (is_new(remarks, what)) {
        size_t length = strlen(what);
        snprintf(what + length, sizeof what - length,
                 " is not served here (kubernetes.schedulerNames): it is not placed with its gang");
        tell(remarks, "Pod", pod, what);
    }
}

static void look_at_affinity(struct remarks *remarks, const json_t *json,
                             const struct pod_object *pod)
{
    char what[TEXT_MAX];
    if (pod->affinity_left == NULL || pod->terminal || !is_new(remarks, pod->affinity_left)) {
        return;
    }
    snprintf(what, sizeof what, "%s; it is left to kube-scheduler", pod->affinity_left);
    tell(remarks, "Pod", json, what);
}

void remarks_pod(struct remarks *remarks, const json_t *json, const struct pod_object *pod)
{
    remarks_keys(remarks, "Pod", json);
    look_at_affinity(remarks, json, pod);
    if (pod->gang != NULL && pod->node == NULL && !pod->terminal) {
        remarks_scheduler(remarks, json);
    }
}
