// SPDX-License-Identifier: Apache-2.0
#include "api/view/hardware_view.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) abort()
#include <uthash.h>

#include "topology/base/alloc.h"
#include "topology/base/plural.h"

/* Lines by their text and source, in the order in which they were first seen, which is that of the
 * nodes. */

struct line {
    UT_hash_handle hh; /* by key */
    char *key;         /* source and text */
    struct node_devices_finding finding;
    uint32_t nodes;
    char *first[HARDWARE_VIEW_NAMES];
};

struct hardware_view {
    struct line *lines;
};

struct hardware_view *hardware_view_create(void)
{
    return alloc_zero(1, sizeof(struct hardware_view));
}

void hardware_view_destroy(struct hardware_view *view)
{
    struct line *line, *next;
    if (view == NULL) {
        return;
    }
    HASH_ITER (hh, view->lines, line, next) {
        HASH_DEL(view->lines, line);
        for (uint32_t i = 0; i < HARDWARE_VIEW_NAMES; i++) {
            free(line->first[i]);
        }
        free(line->key);
        free(line);
    }
    free(view);
}

void hardware_view_add(struct hardware_view *view, const char *node,
                       const struct node_devices_finding *finding)
{
    char key[NODE_DEVICES_TEXT_MAX + 4];
    struct line *line = NULL;
    if (finding->text[0] == '\0') {
        return;
    }
    snprintf(key, sizeof key, "%d %s", (int)finding->source, finding->text);
    HASH_FIND_STR(view->lines, key, line);
    if (line == NULL) {
        line = alloc_zero(1, sizeof *line);
        line->key = alloc_string(key);
        line->finding = *finding;
        HASH_ADD_KEYPTR(hh, view->lines, line->key, strlen(line->key), line);
    }
    if (line->nodes < HARDWARE_VIEW_NAMES) {
        line->first[line->nodes] = alloc_string(node);
    }
    line->nodes++;
}

static void print_line(const struct line *line, FILE *out)
{
    fprintf(out, "  %" PRIu32 " node%s  %s%s (", line->nodes, plural(line->nodes),
            line->finding.source == NODE_DEVICES_NONE ? "no map: " : "", line->finding.text);
    for (uint32_t i = 0; i < HARDWARE_VIEW_NAMES && i < line->nodes; i++) {
        fprintf(out, "%s%s", i == 0 ? "" : ", ", line->first[i]);
    }
    fputs(line->nodes > HARDWARE_VIEW_NAMES ? ", …)\n" : ")\n", out);
}

void hardware_view_table(const struct hardware_view *view, FILE *out)
{
    uint32_t mapped = 0, unmapped = 0, printed = 0, left = 0;
    for (const struct line *line = view->lines; line != NULL; line = line->hh.next) {
        *(line->finding.source == NODE_DEVICES_NONE ? &unmapped : &mapped) += line->nodes;
    }
    if (mapped + unmapped == 0) {
        return;
    }
    fprintf(out, "\nDevice maps of %" PRIu32 " node%s, none of %" PRIu32 ":\n", mapped,
            plural(mapped), unmapped);
    for (const struct line *line = view->lines; line != NULL; line = line->hh.next) {
        if (printed < HARDWARE_VIEW_LINES) {
            print_line(line, out);
            printed++;
        } else {
            left += line->nodes;
        }
    }
    if (left > 0) {
        fprintf(out, "  and %" PRIu32 " node%s more\n", left, plural(left));
    }
}

json_t *hardware_view_json(const struct hardware_view *view)
{
    static const char *const sources[] = {
        [NODE_DEVICES_NONE] = NULL,
        [NODE_DEVICES_SLICES] = "slices",
        [NODE_DEVICES_MACHINE] = "machine",
    };
    json_t *list = json_array();
    for (const struct line *line = view->lines; line != NULL; line = line->hh.next) {
        json_t *first = json_array();
        for (uint32_t i = 0; i < HARDWARE_VIEW_NAMES && i < line->nodes; i++) {
            json_array_append_new(first, json_string(line->first[i]));
        }
        json_array_append_new(
            list, json_pack("{s:s?, s:I, s:s, s:I, s:o}", "source", sources[line->finding.source],
                            "gpus", (json_int_t)line->finding.gpus, "text", line->finding.text,
                            "nodes", (json_int_t)line->nodes, "first", first));
    }
    return list;
}
