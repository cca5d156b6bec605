// SPDX-License-Identifier: Apache-2.0
#include "api/yaml/yaml.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "api/base/file.h"
#include "api/yaml/scalar.h"
#include "topology/base/alloc.h"

/* libyaml's events, stacked up into jansson's values.
 *
 *   DOCUMENT-START  MAPPING-START  SCALAR key  SCALAR value  SEQUENCE-START …
 *                        │             │            │              │
 *                   push object    frame.key    set in the     push array
 *                                               top frame
 *
 * There is no recursion: open containers stand in a stack of YAML_DEPTH_MAX frames, each of which
 * owns its container until that is closed and handed to the frame below (or, at the bottom, to the
 * documents).
 *
 * Anchors are kept by name until the end of their document. An alias is a deep copy of the value,
 * since whoever reads the documents changes them in place; all copies together have at most
 * YAML_COPIES_MAX values, so that nine lines of nine aliases each end in an error. A merge key (<<)
 * puts the members of its mappings in at once, over what is there, and what comes later over them:
 * that is go-yaml v2's order, not the specification's.
 *
 * Text that begins like JSON is tried with jansson first, which is faster and knows surrogate
 * pairs; when that fails it may still be a YAML flow mapping.
 */

struct frame {
    json_t *container; /* owned */
    char *key;         /* owned; of the value that comes next, NULL where a key comes next */
    bool merge;        /* … which is to be merged instead */
    json_t *merged;    /* owned; members that came from a merge, NULL until there is one */
    char *anchor;      /* owned; of the container, or NULL */
};

struct builder {
    json_t *documents; /* *borrowed* */
    json_t *anchors;   /* owned; of the document, by name */
    size_t copies;     /* values that aliases have made */
    size_t separator;  /* line of the "---" in front of the document, SIZE_MAX: none */
    struct frame frames[YAML_DEPTH_MAX];
    size_t depth;
    struct err *err;
};

static int fail_at(const yaml_event_t *event, struct err *err, const char *what, const char *detail)
{
    return err_set(err, "line %zu, column %zu: %s%s", event->start_mark.line + 1,
                   event->start_mark.column + 1, what, detail);
}

/* ---- merge keys ---- */

static void merge_members(struct frame *frame, const json_t *from)
{
    const char *key = NULL;
    json_t *value = NULL;
    /* The iteration functions take a plain pointer; nothing is changed. */
    json_object_foreach((json_t *)(uintptr_t)from, key, value)
    {
        err_require(json_object_set_nocheck(frame->container, key, value) == 0);
        err_require(json_object_set_new_nocheck(frame->merged, key, json_true()) == 0);
    }
}

/* *Steals* the value of a merge key: a mapping, or a list of them, the first over the others. */
static int merge(struct builder *builder, json_t *value, bool alias)
{
    struct frame *top = &builder->frames[builder->depth - 1];
    size_t count = json_is_array(value) && !alias ? json_array_size(value) : 0;
    bool good = json_is_object(value) || (json_is_array(value) && !alias);
    for (size_t i = 0; i < count; i++) {
        good = good && json_is_object(json_array_get(value, i));
    }
    top->merge = false;
    top->merged = json_object();
    for (size_t i = count; good && i-- > 0;) {
        merge_members(top, json_array_get(value, i));
    }
    if (json_is_object(value)) {
        merge_members(top, value);
    }
    json_decref(value);
    return good ? 0 : err_set(builder->err, "a merge key (<<) needs a mapping or a list of them");
}

/* *Steals* `value` and puts it where the parser stands. */
static int place(struct builder *builder, json_t *value, bool alias)
{
    if (builder->depth == 0) {
        if (json_is_null(value)) {
            json_decref(value);
            return 0;
        }
        if (json_array_size(builder->documents) >= YAML_DOCUMENTS_MAX) {
            json_decref(value);
            return err_set(builder->err, "more than %u documents", YAML_DOCUMENTS_MAX);
        }
        err_require(json_array_append_new(builder->documents, value) == 0);
        return 0;
    }
    struct frame *top = &builder->frames[builder->depth - 1];
    if (json_is_array(top->container)) {
        err_require(json_array_append_new(top->container, value) == 0);
        return 0;
    }
    if (top->merge) {
        return merge(builder, value, alias);
    }
    err_require(json_object_set_new_nocheck(top->container, top->key, value) == 0);
    free(top->key);
    top->key = NULL;
    return 0;
}

static bool wants_key(const struct builder *builder)
{
    const struct frame *top = builder->depth > 0 ? &builder->frames[builder->depth - 1] : NULL;
    return top != NULL && top->key == NULL && !top->merge && json_is_object(top->container);
}

/* ---- anchors ---- */

/* Notes a value under its anchor, which may be NULL; the last one of a name counts. */
static int note_anchor(struct builder *builder, const char *anchor, json_t *value)
{
    if (anchor == NULL) {
        return 0;
    }
    if (json_object_size(builder->anchors) >= YAML_ANCHORS_MAX) {
        return err_set(builder->err, "more than %u anchors", YAML_ANCHORS_MAX);
    }
    err_require(json_object_set_nocheck(builder->anchors, anchor, value) == 0);
    return 0;
}

/* Adds the values of a tree to the count; false once there are more than `most`. */
static bool count_values(const json_t *json, size_t most, size_t *count)
{
    const char *key = NULL;
    json_t *value = NULL;
    if (++*count > most) {
        return false;
    }
    for (size_t i = 0; i < json_array_size(json); i++) {
        if (!count_values(json_array_get(json, i), most, count)) {
            return false;
        }
    }
    json_object_foreach((json_t *)(uintptr_t)json, key, value)
    {
        if (!count_values(value, most, count)) {
            return false;
        }
    }
    return true;
}

/* Containers below and including this one. */
static unsigned height(const json_t *json)
{
    unsigned most = 0;
    const char *key = NULL;
    json_t *value = NULL;
    for (size_t i = 0; i < json_array_size(json); i++) {
        unsigned below = height(json_array_get(json, i));
        most = below > most ? below : most;
    }
    json_object_foreach((json_t *)(uintptr_t)json, key, value)
    {
        unsigned below = height(value);
        most = below > most ? below : most;
    }
    return json_is_array(json) || json_is_object(json) ? most + 1 : 0;
}

static int take_key(struct builder *builder, const yaml_event_t *event, const json_t *value)
{
    struct frame *top = &builder->frames[builder->depth - 1];
    struct err err = {.text = ""};
    char *key = scalar_key(value, &err);
    if (key == NULL) {
        return fail_at(event, builder->err, err.text, "");
    }
    if (json_object_get(top->container, key) != NULL && json_object_get(top->merged, key) == NULL) {
        (void)fail_at(event, builder->err, "repeated key ", key);
        free(key);
        return -1;
    }
    (void)json_object_del(top->merged, key);
    top->key = key;
    return 0;
}

static int take_alias(struct builder *builder, const yaml_event_t *event)
{
    const char *name = (const char *)event->data.alias.anchor;
    const json_t *value = json_object_get(builder->anchors, name);
    for (size_t i = 0; i < builder->depth; i++) {
        const char *open = builder->frames[i].anchor;
        if (open != NULL && strcmp(open, name) == 0) {
            return fail_at(event, builder->err, "an alias inside its own anchor: *", name);
        }
    }
    if (value == NULL) {
        return fail_at(event, builder->err, "an alias of no anchor: *", name);
    }
    if (!count_values(value, YAML_COPIES_MAX, &builder->copies)) {
        return fail_at(event, builder->err, "aliases make too many copies", "");
    }
    if (wants_key(builder)) {
        return take_key(builder, event, value);
    }
    if (builder->depth + height(value) > YAML_DEPTH_MAX) {
        return fail_at(event, builder->err, "nested too deeply", "");
    }
    return place(builder, json_deep_copy(value), true);
}

/* ---- events ---- */

/* Kubernetes cuts the text at its "---" before it reads any, and takes only a comment there. */
static int check_separator(const struct builder *builder, const yaml_event_t *event)
{
    return event->start_mark.line == builder->separator && builder->depth == 0
               ? fail_at(event, builder->err, "a document must begin below its ---", "")
               : 0;
}

static int open_container(struct builder *builder, const yaml_event_t *event,
                          const yaml_char_t *anchor, json_t *container)
{
    if (check_separator(builder, event) < 0) {
        json_decref(container);
        return -1;
    }
    const char *problem = wants_key(builder)                 ? "a key must be a scalar"
                          : builder->depth >= YAML_DEPTH_MAX ? "nested too deeply"
                                                             : NULL;
    if (problem != NULL) {
        json_decref(container);
        return fail_at(event, builder->err, problem, "");
    }
    builder->frames[builder->depth++] =
        (struct frame){.container = container, .anchor = alloc_string((const char *)anchor)};
    return 0;
}

static void free_frame(struct frame *frame)
{
    json_decref(frame->container);
    json_decref(frame->merged);
    free(frame->key);
    free(frame->anchor);
}

static int close_container(struct builder *builder)
{
    struct frame *frame = &builder->frames[--builder->depth];
    json_t *container = json_incref(frame->container);
    int noted = note_anchor(builder, frame->anchor, container);
    free_frame(frame);
    if (noted != 0) {
        json_decref(container);
        return -1;
    }
    return place(builder, container, false);
}

static int take_scalar(struct builder *builder, const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    const char *tag = (const char *)event->data.scalar.tag;
    size_t length = event->data.scalar.length;
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (memchr(text, '\0', length) != NULL) {
        return fail_at(event, builder->err, "a NUL character in a scalar", "");
    }
    bool merges = tag == NULL ? plain : strcmp(tag, SCALAR_TAG "merge") == 0;
    if (wants_key(builder) && merges && strcmp(text, "<<") == 0) {
        struct frame *top = &builder->frames[builder->depth - 1];
        top->merge = true;
        return top->merged == NULL ? 0 : fail_at(event, builder->err, "repeated key <<", "");
    }
    struct err err = {.text = ""};
    json_t *value = scalar_resolve(text, length, plain, tag, &err);
    if (value == NULL) {
        return fail_at(event, builder->err, err.text, "");
    }
    if (note_anchor(builder, (const char *)event->data.scalar.anchor, value) != 0) {
        json_decref(value);
        return -1;
    }
    if (wants_key(builder)) {
        int result = take_key(builder, event, value);
        json_decref(value);
        return result;
    }
    return place(builder, value, false);
}

static int start_document(struct builder *builder, const yaml_event_t *event)
{
    json_object_clear(builder->anchors);
    builder->separator = event->data.document_start.implicit != 0 ? SIZE_MAX : event->end_mark.line;
    if (event->data.document_start.version_directive != NULL ||
        event->data.document_start.tag_directives.start !=
            event->data.document_start.tag_directives.end) {
        return fail_at(event, builder->err, "directives (%YAML, %TAG) are not supported", "");
    }
    return 0;
}

/* 1: go on, 0: end of the stream, -1: error. */
static int take_event(struct builder *builder, const yaml_event_t *event)
{
    int result = 0;
    switch (event->type) {
    case YAML_STREAM_END_EVENT:
        return 0;
    case YAML_DOCUMENT_START_EVENT:
        result = start_document(builder, event);
        break;
    case YAML_ALIAS_EVENT:
        result = take_alias(builder, event);
        break;
    case YAML_SCALAR_EVENT:
        result = check_separator(builder, event) < 0 && event->data.scalar.length > 0
                     ? -1
                     : take_scalar(builder, event);
        break;
    case YAML_MAPPING_START_EVENT: /* tags of containers say nothing that JSON could hold */
        result = open_container(builder, event, event->data.mapping_start.anchor, json_object());
        break;
    case YAML_SEQUENCE_START_EVENT:
        result = open_container(builder, event, event->data.sequence_start.anchor, json_array());
        break;
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        result = close_container(builder);
        break;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        break;
    }
    return result == 0 ? 1 : -1;
}

static int parse_yaml(const char *text, size_t length, json_t *documents, struct err *err)
{
    struct builder *builder = alloc_zero(1, sizeof *builder);
    builder->documents = documents;
    builder->anchors = json_object();
    builder->err = err;
    yaml_parser_t parser;
    err_require(yaml_parser_initialize(&parser) == 1);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    int going = 1;
    while (going > 0) {
        yaml_event_t event;
        if (yaml_parser_parse(&parser, &event) == 0) {
            going = err_set(err, "line %zu, column %zu: %s%s%s", parser.problem_mark.line + 1,
                            parser.problem_mark.column + 1,
                            parser.problem != NULL ? parser.problem : "malformed YAML",
                            parser.context != NULL ? " " : "",
                            parser.context != NULL ? parser.context : "");
            break;
        }
        going = take_event(builder, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    while (builder->depth > 0) {
        free_frame(&builder->frames[--builder->depth]);
    }
    json_decref(builder->anchors);
    free(builder);
    return going;
}

/* Whether no container stands deeper than `room`. */
static bool is_shallow(const json_t *json, unsigned room)
{
    if (!json_is_object(json) && !json_is_array(json)) {
        return true;
    }
    if (room == 0) {
        return false;
    }
    if (json_is_array(json)) {
        for (size_t i = 0; i < json_array_size(json); i++) {
            if (!is_shallow(json_array_get(json, i), room - 1)) {
                return false;
            }
        }
        return true;
    }
    const char *key = NULL;
    json_t *value = NULL;
    /* The iteration functions take a plain pointer; nothing is changed. */
    json_object_foreach((json_t *)(uintptr_t)json, key, value)
    {
        if (!is_shallow(value, room - 1)) {
            return false;
        }
    }
    return true;
}

static size_t skip_space(const char *text, size_t length, size_t at)
{
    while (at < length &&
           (text[at] == ' ' || text[at] == '\t' || text[at] == '\n' || text[at] == '\r')) {
        at++;
    }
    return at;
}

/* One JSON value after another. */
static int parse_json(const char *text, size_t length, json_t *documents, struct err *err)
{
    size_t at = skip_space(text, length, 0);
    while (at < length) {
        json_error_t error;
        json_t *json = json_loadb(text + at, length - at,
                                  JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, &error);
        if (json == NULL) {
            return err_set(err, "line %d, column %d: %s", error.line, error.column, error.text);
        }
        if (!is_shallow(json, YAML_DEPTH_MAX) || json_array_size(documents) >= YAML_DOCUMENTS_MAX) {
            json_decref(json);
            return err_set(err, "nested too deeply or too many documents");
        }
        err_require(json_array_append_new(documents, json) == 0);
        at = skip_space(text, length, at + (size_t)error.position);
    }
    return 0;
}

/* Adds to an error that the text looks like a template, when it does. */
static void hint_at_template(const char *text, size_t length, struct err *err)
{
    size_t line = 1;
    for (size_t i = 0; i + 1 < length; i++) {
        if (text[i] == '{' && (text[i + 1] == '{' || text[i + 1] == '%')) {
            struct err read = *err;
            err_set(err,
                    "line %zu has %.2s: a template (Helm, Jinja …) has to be rendered first, as "
                    "by `helm template`; read as YAML: %s",
                    line, text + i, read.text);
            return;
        }
        line += text[i] == '\n';
    }
}

json_t *yaml_load(const char *text, size_t length, struct err *err)
{
    if (length > YAML_SIZE_MAX) {
        err_set(err, "%zu bytes are more than the limit of %u", length, YAML_SIZE_MAX);
        return NULL;
    }
    json_t *documents = json_array();
    size_t first = skip_space(text, length, 0);
    bool flow = first < length && (text[first] == '{' || text[first] == '[');
    struct err json_err = {.text = ""};
    if (flow && parse_json(text, length, documents, &json_err) == 0) {
        return documents;
    }
    json_array_clear(documents);
    if (parse_yaml(text, length, documents, err) != 0) {
        /* {"…, {} and [{… can only have been meant as JSON. */
        size_t second = skip_space(text, length, first + 1);
        const char *json_only = flow && text[first] == '{' ? "\"}" : "\"{[]";
        if (flow && (second >= length || strchr(json_only, text[second]) != NULL)) {
            err_set(err, "%s", json_err.text);
        }
        if (err != NULL) {
            hint_at_template(text, length, err);
        }
        json_decref(documents);
        return NULL;
    }
    return documents;
}

json_t *yaml_load_file(const char *path, struct err *err)
{
    bool standard = strcmp(path, "-") == 0;
    json_t *documents = NULL;
    size_t length = 0;
    char *text = standard ? file_read_rest(stdin, YAML_SIZE_MAX, &length, err)
                          : file_read(path, YAML_SIZE_MAX, &length, err);
    if (text != NULL) {
        documents = yaml_load(text, length, err);
    }
    if (documents == NULL) {
        err_prefix(err, "%s", standard ? "standard input" : path);
    }
    free(text);
    return documents;
}
