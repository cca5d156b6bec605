// SPDX-License-Identifier: Apache-2.0
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "api/json/fields.h"
#include "api/kube/objects/dialect.h"
#include "topology/base/utf8.h"

/* Where pods want to be, from annotations: our own, then Kueue's, JobSet's and KAI's.
 *
 *   required   first of OWN, KUEUE, KAI that is there and not empty        (so are the next two)
 *   preferred  the same
 *   exclusive  OWN, JobSet
 *   slices     OWN list, OWN pair, KUEUE list, KUEUE pair; the first that is there, as a whole
 *
 * A list that cannot be read as one to three layers becomes one layer that carries the text: the
 * engine refuses its size, -1, and what people see names the mistake. Nothing is half obeyed.
 */

#define TEXT_MAX 96 /* bytes kept of a list that cannot be read */

static const char *const REQUIRED[] = {
    "phalanx.dev/required-topology",
    "kueue.x-k8s.io/podset-required-topology",
    "kai.scheduler/topology-required-placement",
    NULL,
};
static const char *const PREFERRED[] = {
    "phalanx.dev/preferred-topology",
    "kueue.x-k8s.io/podset-preferred-topology",
    "kai.scheduler/topology-preferred-placement",
    NULL,
};
static const char *const DEVICES[] = {"phalanx.dev/device-topology", NULL};
static const char *const PODSET_GROUP[] = {"kueue.x-k8s.io/podset-group-name", NULL};
static const char *const EXCLUSIVE[] = {
    "phalanx.dev/exclusive-topology",
    "alpha.jobset.sigs.k8s.io/exclusive-topology",
    NULL,
};

struct slices {
    struct slice_object layers[SLICE_LAYERS_MAX];
    size_t count;
};

/* False when the text is not a list of one to SLICE_LAYERS_MAX layers. */
typedef bool read_list(const char *text, struct arena *arena, struct slices *slices);

static read_list read_pairs;
static read_list read_constraints;

static const struct {
    const char *list;
    read_list *read;
    const char *level;
    const char *size;
} SLICES[] = {
    {"phalanx.dev/slices", read_pairs, "phalanx.dev/slice-topology", "phalanx.dev/slice-size"},
    {"kueue.x-k8s.io/podset-slice-required-topology-constraints", read_constraints,
     "kueue.x-k8s.io/podset-slice-required-topology", "kueue.x-k8s.io/podset-slice-size"},
};

/* The value, "" when it is absent, NULL when it is no string. */
static const char *text_of(const json_t *annotations, const char *key)
{
    const json_t *value = annotations == NULL ? NULL : json_object_get(annotations, key);
    return value == NULL ? "" : field_text(value);
}

/* A text that people write, which may be as long as annotations are, cut between characters. */
static const char *keep_text(struct arena *arena, const char *text, size_t length)
{
    return arena_string_n(
        arena, text, length <= PLACEMENT_TEXT_MAX ? length : utf8_cut(text, PLACEMENT_TEXT_MAX));
}

static const char *first_level(const json_t *annotations, const char *const *keys,
                               struct arena *arena)
{
    for (; *keys != NULL; keys++) {
        const char *text = text_of(annotations, *keys);
        if (text != NULL && text[0] != '\0') {
            return keep_text(arena, text, strlen(text));
        }
    }
    return NULL;
}

/* A decimal number with or without a minus; -1 for anything else and for what no int32 holds. */
static int32_t read_size(const char *text, size_t length)
{
    bool negative = length > 0 && text[0] == '-';
    size_t at = negative ? 1 : 0;
    int64_t value = 0;
    if (at == length) {
        return -1;
    }
    for (; at < length; at++) {
        if (text[at] < '0' || text[at] > '9') {
            return -1;
        }
        value = value * 10 + (text[at] - '0');
        if (value > INT32_MAX) {
            return -1;
        }
    }
    return (int32_t)(negative ? -value : value);
}

/* Without the spaces around it. */
static void trim(const char **text, size_t *length)
{
    while (*length > 0 && strchr(" \t\r\n", (*text)[*length - 1]) != NULL) {
        --*length;
    }
    while (*length > 0 && strchr(" \t\r\n", **text) != NULL) {
        ++*text;
        --*length;
    }
}

/* "block=8,rack=4". Level names and label keys have neither comma nor equals sign. */
static bool read_pairs(const char *text, struct arena *arena, struct slices *slices)
{
    for (;;) {
        size_t length = strcspn(text, ",");
        const char *level = text;
        size_t level_length = strcspn(text, ",=");
        if (level_length == length || slices->count == SLICE_LAYERS_MAX) {
            return false;
        }
        const char *size = text + level_length + 1;
        size_t size_length = length - level_length - 1;
        trim(&level, &level_length);
        trim(&size, &size_length);
        slices->layers[slices->count++] = (struct slice_object){
            .level = keep_text(arena, level, level_length),
            .size = size_length == 0 ? 0 : read_size(size, size_length),
        };
        if (text[length] == '\0') {
            return true;
        }
        text += length + 1;
    }
}

static int32_t json_size(const json_t *value)
{
    if (value == NULL || json_is_null(value)) {
        return 0;
    }
    json_int_t size = json_is_integer(value) ? json_integer_value(value) : -1;
    return size < INT32_MIN || size > INT32_MAX ? -1 : (int32_t)size;
}

static bool keep_constraints(const json_t *list, struct arena *arena, struct slices *slices)
{
    size_t count = json_array_size(list); /* 0 when it is no array */
    if (count == 0 || count > SLICE_LAYERS_MAX) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *layer = json_array_get(list, i);
        const char *level = text_of(layer, "topology");
        if (!json_is_object(layer) || level == NULL) {
            return false;
        }
        slices->layers[i] = (struct slice_object){
            .level = keep_text(arena, level, strlen(level)),
            .size = json_size(json_object_get(layer, "size")),
        };
    }
    slices->count = count;
    return true;
}

/* [{"topology":"example.com/block","size":8},{"topology":"example.com/rack","size":4}] */
static bool read_constraints(const char *text, struct arena *arena, struct slices *slices)
{
    json_t *list = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    bool good = keep_constraints(list, arena, slices);
    json_decref(list);
    return good;
}

/* Cut between characters. */
static const char *shorten(const char *text, struct arena *arena)
{
    size_t length = utf8_cut(text, TEXT_MAX);
    return text[length] == '\0' ? arena_string(arena, text)
                                : arena_printf(arena, "%.*s…", (int)length, text);
}

/* The first form that is there; false when none is. */
static bool read_slices(const json_t *annotations, struct arena *arena, struct slices *slices)
{
    for (size_t i = 0; i < sizeof SLICES / sizeof SLICES[0]; i++) {
        const char *list = text_of(annotations, SLICES[i].list);
        if (list == NULL || list[0] != '\0') {
            *slices = (struct slices){.count = 0};
            if (list == NULL || !SLICES[i].read(list, arena, slices)) {
                slices->layers[0].level = list == NULL ? "" : shorten(list, arena);
                slices->layers[0].size = -1;
                slices->count = 1;
            }
            return true;
        }
        const char *level = text_of(annotations, SLICES[i].level);
        const char *size = text_of(annotations, SLICES[i].size);
        if (level == NULL || size == NULL || level[0] != '\0' || size[0] != '\0') {
            slices->layers[0].level = level == NULL ? "" : keep_text(arena, level, strlen(level));
            slices->layers[0].size = size == NULL      ? -1
                                     : size[0] == '\0' ? 0
                                                       : read_size(size, strlen(size));
            slices->count = 1;
            return true;
        }
    }
    return false;
}

void dialect_placement(const json_t *annotations, struct arena *arena,
                       struct placement_object *placement)
{
    struct slices slices;
    *placement = (struct placement_object){
        .required_level = first_level(annotations, REQUIRED, arena),
        .preferred_level = first_level(annotations, PREFERRED, arena),
        .exclusive_level = first_level(annotations, EXCLUSIVE, arena),
        .device_topology = first_level(annotations, DEVICES, arena),
        .podset_group = first_level(annotations, PODSET_GROUP, arena),
    };
    if (read_slices(annotations, arena, &slices)) {
        struct slice_object *kept = arena_alloc(arena, slices.count, sizeof *kept);
        memcpy(kept, slices.layers, slices.count * sizeof *kept);
        placement->slices = kept;
        placement->slice_count = slices.count;
    }
}
