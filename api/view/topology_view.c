// SPDX-License-Identifier: Apache-2.0
#include "api/view/topology_view.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "topology/base/plural.h"
#include "topology/base/utf8.h"
#include "topology/graph/nodes.h"

/* The report in words, as a table and as JSON. The notes are written once, for both.
 */

#define NOTE_MAX  640
#define NAMES_MAX 400
#define VALUE_CUT "%.80s" /* a label value may have any length */

/* Where notes go: a file, or a list. */
struct notes {
    FILE *out;
    json_t *list;
    uint32_t count;
};

static void note(struct notes *notes, const char *level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void note(struct notes *notes, const char *level, const char *format, ...)
{
    char text[NOTE_MAX];
    va_list list;
    va_start(list, format);
    utf8_vprint(text, sizeof text, format, list);
    va_end(list);
    if (notes->list != NULL) {
        json_array_append_new(notes->list, json_pack("{s:s, s:s}", "level", level, "text", text));
        return;
    }
    fprintf(notes->out, "%s  %s: %s\n", notes->count == 0 ? "\n" : "", level, text);
    notes->count++;
}

/* "n1, n2, …" */
static const char *write_names(char text[NAMES_MAX], const struct report_names *names)
{
    size_t length = 0;
    uint32_t shown = names->count < REPORT_NAMES_MAX ? names->count : REPORT_NAMES_MAX;
    text[0] = '\0';
    for (uint32_t i = 0; i < shown; i++) {
        length += utf8_print(text + length, NAMES_MAX - length, "%s%.63s", i == 0 ? "" : ", ",
                             names->first[i]);
    }
    if (names->count > shown) {
        snprintf(text + length, NAMES_MAX - length, ", …");
    }
    return text;
}

static void note_labels(struct notes *notes, const struct report_level *level)
{
    char names[NAMES_MAX];
    uint32_t keys = 0;
    for (uint32_t k = 0; k < level->key_count; k++) {
        keys += level->keys[k].used > 0;
    }
    if (keys > 1) {
        note(notes, level->name,
             "nodes are told apart by %" PRIu32 " keys; equal values of two keys are two domains",
             keys);
    }
    if (level->unlabelled.count > 0) {
        note(notes, level->name, "%" PRIu32 " node%s without a label: %s", level->unlabelled.count,
             plural(level->unlabelled.count), write_names(names, &level->unlabelled));
    }
    if (level->empty > 0) {
        note(notes, level->name, "of them %" PRIu32 " with an empty one", level->empty);
    }
    if (level->unused.count > 0) {
        note(notes, level->name,
             "the label%s of %" PRIu32 " node%s not used: a wider label is missing, and the value "
             "also occurs elsewhere: %s",
             plural(level->unused.count), level->unused.count,
             level->unused.count == 1 ? " is" : "s are", write_names(names, &level->unused));
    }
}

static void note_values(struct notes *notes, const struct report_level *level)
{
    if (level->long_values > 0) {
        note(notes, level->name,
             "%" PRIu32 " value%s longer than %d characters, such as " VALUE_CUT,
             level->long_values, plural(level->long_values), REPORT_VALUE_MAX, level->long_value);
    }
    if (level->upside_down) {
        note(notes, level->name,
             "each domain of the level above holds only one, and each value occurs in several: "
             "are the two levels in the wrong order?");
    } else if (level->repeated > 0) {
        note(notes, level->name,
             "%" PRIu32 " value%s in several domains of the level above, such as " VALUE_CUT
             ": they count as different domains",
             level->repeated, level->repeated == 1 ? " occurs" : "s occur", level->repeated_value);
    }
    if (level->own_names > 0 && level->own_names == level->labelled) {
        note(notes, level->name, "every value is the node's own name: this level says nothing");
    }
    if (level->smallest < level->largest) {
        note(notes, level->name, "uneven: %" PRIu32 " to %" PRIu32 " nodes, median %" PRIu32,
             level->smallest, level->largest, level->median);
    }
}

static void write_notes(struct notes *notes, const struct report *report)
{
    for (uint32_t l = 0; l + 1 < report->level_count; l++) {
        const struct report_level *level = &report->levels[l];
        if (level->tree_level > 0) {
            note_labels(notes, level);
            note_values(notes, level);
        } else if (level->empty > 0) {
            note(notes, level->name, "%" PRIu32 " node%s an empty label, which counts as none",
                 level->empty, level->empty == 1 ? " has" : "s have");
        }
    }
}

static void print_keys(const struct report_level *level, FILE *out)
{
    bool first = true;
    for (uint32_t k = 0; k < level->key_count; k++) {
        if (level->keys[k].carriers > 0) {
            fprintf(out, "%s%s (%" PRIu32 ")", first ? "" : ", ", level->keys[k].key,
                    level->keys[k].carriers);
            first = false;
        }
    }
    fputs(first ? "-\n" : "\n", out);
}

static void print_levels(const struct report *report, FILE *out)
{
    int width = (int)strlen("LEVEL");
    for (uint32_t l = 0; l < report->level_count; l++) {
        int length = (int)strlen(report->levels[l].name);
        width = report->levels[l].tree_level >= 0 && length > width ? length : width;
    }
    fprintf(out, "%-*s  %8s  %7s  %-18s  %s\n", width, "LEVEL", "DOMAINS", "UNKNOWN", "NODES EACH",
            "KEYS (NODES)");
    for (uint32_t l = 0; l < report->level_count; l++) {
        const struct report_level *level = &report->levels[l];
        char sizes[48];
        if (level->tree_level < 0) {
            continue;
        }
        snprintf(sizes, sizeof sizes, "%" PRIu32, level->smallest);
        if (level->smallest < level->largest) {
            snprintf(sizes, sizeof sizes, "%" PRIu32 "/%" PRIu32 "/%" PRIu32, level->smallest,
                     level->median, level->largest);
        }
        fprintf(out, "%-*s  %8" PRIu32 "  %7" PRIu32 "  %-18s  ", width, level->name, level->known,
                level->unknown, level->known == 0 ? "-" : sizes);
        print_keys(level, out);
    }
}

static void print_absent(const struct report *report, FILE *out)
{
    bool first = true;
    for (uint32_t l = 0; l < report->level_count; l++) {
        if (report->levels[l].tree_level < 0) {
            fprintf(out, "%s%s", first ? "\nOn no node: " : ", ", report->levels[l].name);
            first = false;
        }
    }
    fputs(first ? "" : "\n", out);
}

void topology_view_table(const struct topology_view *view, FILE *out)
{
    struct notes notes = {.out = out};
    fprintf(out, "%" PRIu32 " node%s, %" PRIu32 " domain%s, levels of ", view->report->nodes,
            plural(view->report->nodes), view->report->domains, plural(view->report->domains));
    fprintf(out, view->preset == NULL ? "the configuration\n\n" : "preset %s\n\n", view->preset);
    print_levels(view->report, out);
    print_absent(view->report, out);
    if (view->hardware != NULL) {
        hardware_view_table(view->hardware, out);
    }
    write_notes(&notes, view->report);
}

/* ---- JSON ---- */

static json_t *names_json(const struct report_names *names)
{
    json_t *first = json_array();
    for (uint32_t i = 0; i < names->count && i < REPORT_NAMES_MAX; i++) {
        json_array_append_new(first, json_string(names->first[i]));
    }
    return json_pack("{s:I, s:o}", "nodes", (json_int_t)names->count, "first", first);
}

static json_t *level_json(const struct report_level *level)
{
    json_t *keys = json_array();
    for (uint32_t k = 0; k < level->key_count; k++) {
        json_array_append_new(keys, json_pack("{s:s, s:I, s:I}", "key", level->keys[k].key, "nodes",
                                              (json_int_t)level->keys[k].carriers, "used",
                                              (json_int_t)level->keys[k].used));
    }
    return json_pack(
        "{s:s, s:b, s:o, s:I, s:I, s:{s:I, s:I, s:I}, s:o, s:o, s:I, s:I, s:I, s:I, s:b}", "name",
        level->name, "inTree", level->tree_level >= 0, "keys", keys, "domains",
        (json_int_t)level->known, "unknownDomains", (json_int_t)level->unknown, "nodesPerDomain",
        "min", (json_int_t)level->smallest, "median", (json_int_t)level->median, "max",
        (json_int_t)level->largest, "unlabelled", names_json(&level->unlabelled), "unused",
        names_json(&level->unused), "emptyValues", (json_int_t)level->empty, "longValues",
        (json_int_t)level->long_values, "repeatedValues", (json_int_t)level->repeated, "ownNames",
        (json_int_t)level->own_names, "upsideDown", level->upside_down);
}

json_t *topology_view_json(const struct topology_view *view)
{
    struct notes notes = {.list = json_array()};
    json_t *levels = json_array();
    int64_t free = 0, total = 0;
    for (uint32_t l = 0; l < view->report->level_count; l++) {
        json_array_append_new(levels, level_json(&view->report->levels[l]));
    }
    for (uint32_t p = 0; p < domains_positions(view->domains); p++) {
        uint32_t row = domains_row(view->domains, p);
        free += view->devices.free[row];
        total += view->devices.total[row];
    }
    write_notes(&notes, view->report);
    json_t *json = json_pack("{s:I, s:I, s:s?, s:{s:s, s:I, s:I}, s:o, s:o}", "nodes",
                             (json_int_t)view->report->nodes, "domains",
                             (json_int_t)view->report->domains, "preset", view->preset, "devices",
                             "name", view->devices.name, "free", (json_int_t)free, "total",
                             (json_int_t)total, "levels", levels, "notes", notes.list);
    if (view->hardware != NULL) {
        json_object_set_new(json, "hardware", hardware_view_json(view->hardware));
    }
    return json;
}
