// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_UNIT_API_IMPORT_BED_H
#define TEST_UNIT_API_IMPORT_BED_H

#include <stdio.h>
#include <string.h>

#include "api/import/overlay.h"
#include "test/unit/api/yaml/object.h"
#include "test/unit/check_main.h"
#include "topology/base/arena.h"

/* An overlay under test, and what it makes of nodes. */

static struct overlay *overlay;
static struct arena arena;
static struct err err;

static inline void bed_setup(void)
{
    overlay = NULL;
    arena_init(&arena);
    memset(&err, 0, sizeof err);
}

static inline void bed_teardown(void)
{
    overlay_destroy(overlay);
    arena_finish(&arena);
}

static inline void expect_in(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "\"%s\" is not in: %s", part, text);
}

/* The names of the levels, "core spine leaf host". */
static inline const char *level_names(void)
{
    static char text[LEVELS_MAX * (LEVEL_NAME_MAX + 1)];
    const struct levels *levels = overlay_levels(overlay);
    text[0] = '\0';
    for (uint32_t i = 0; i < levels->count; i++) {
        size_t length = strlen(text);
        snprintf(text + length, sizeof text - length, "%s%s", i == 0 ? "" : " ",
                 levels->items[i].name);
    }
    return text;
}

/* The imported values of a node with these labels, widest level first: "s6/s4/s0". A level whose
 * label it lacks is "-", and the error stands in for a node that could not be labelled. */
static inline const char *path_with(const char *name, const struct label_object *labels,
                                    size_t count)
{
    static char text[8192];
    struct node_object node = {.name = name, .labels = labels, .label_count = count};
    const struct levels *levels = overlay_levels(overlay);
    text[0] = '\0';
    if (overlay_apply(overlay, &arena, &node, &err) < 0) {
        ck_assert_ptr_eq(node.labels, labels);
        ck_assert_uint_eq(node.label_count, count);
        snprintf(text, sizeof text, "error: %s", err.text);
        return text;
    }
    for (uint32_t i = 0; i + 1 < levels->count; i++) {
        const char *value = "-";
        for (size_t k = 0; k < node.label_count; k++) {
            if (strcmp(node.labels[k].key, levels->items[i].keys[0]) == 0) {
                value = node.labels[k].value;
            }
        }
        size_t length = strlen(text);
        snprintf(text + length, sizeof text - length, "%s%s", i == 0 ? "" : "/", value);
    }
    return text;
}

static inline const char *path_of(const char *name)
{
    return path_with(name, NULL, 0);
}

#endif
