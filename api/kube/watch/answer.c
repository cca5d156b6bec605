// SPDX-License-Identifier: Apache-2.0
#include "api/kube/watch/answer.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "api/json/read.h"
#include "api/kube/watch/head.h"
#include "topology/base/alloc.h"

/* A piece of a list is an object. A line of a watch is one with what became of it, a bookmark, or
 * an error. What cannot be read is asked for its names (head.h), and costs no other.
 *
 * A stream of the whole list (KEP-3157) is a watch that first shows all objects, each as ADDED, and
 * then says so in a bookmark with an annotation.
 */

#define INITIAL_END "k8s.io/initial-events-end"

void answer_init(struct answer *answer, struct items *items)
{
    *answer = (struct answer){.items = items};
    answer->version = alloc_string("");
    answer->resume = alloc_string("");
}

void answer_finish(struct answer *answer)
{
    free(answer->version);
    free(answer->resume);
    splitter_destroy(answer->splitter);
}

static void set_text(char **text, const char *by)
{
    char *copy = alloc_string(by);
    free(*text);
    *text = copy;
}

void answer_begin(struct answer *answer, int64_t now)
{
    answer->status = 0;
    answer->retry_after_ms = 0;
    answer->started = now;
    answer->last_byte = now;
    answer->lines = 0;
    answer->initial_end = false;
    answer->bookmarked = false;
    answer->expired = false;
    answer->failed = false;
    answer->problem.text[0] = '\0';
    answer->body_length = 0;
    set_text(&answer->version, "");
    set_text(&answer->resume, "");
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text == NULL ? "" : text;
}

/* An object's JSON, or NULL with the reason. */
static json_t *read_piece(const char *text, size_t length, bool whole, struct err *err)
{
    if (!whole) {
        err_set(err, "its JSON is longer than %u bytes", SPLITTER_PIECE_MAX);
        return NULL;
    }
    return json_read(text, length, err);
}

static int take_item(void *context, const char *text, size_t length, bool whole, struct err *err)
{
    struct answer *answer = context;
    struct err why;
    (void)err;
    json_t *json = read_piece(text, length, whole, &why);
    if (json != NULL) {
        items_take(answer->items, answer->now, answer->batch, json, false);
    } else {
        json = head_of_item(text, length);
        items_take_unread(answer->items, answer->now, answer->batch, json, false, why.text);
    }
    json_decref(json);
    return 0;
}

/* {"type":"ERROR","object":Status}: 410 means that our version is too old. */
static int take_error(struct answer *answer, const json_t *object, struct err *err)
{
    json_int_t code = json_integer_value(json_object_get(object, "code"));
    answer->expired = code == 410;
    answer->failed = true;
    err_set(&answer->problem, "the watch said %lld: %s", (long long)code,
            text_of(object, "message"));
    return err_set(err, "%s", answer->problem.text);
}

/* `unread` says why it is only the beginning of the object; NULL: it is the object. */
static void take_change(struct answer *answer, const char *type, const json_t *object,
                        const char *unread)
{
    const json_t *metadata = json_object_get(object, "metadata");
    bool deleted = strcmp(type, "DELETED") == 0;
    bool there = strcmp(type, "ADDED") == 0 || strcmp(type, "MODIFIED") == 0;
    const char *version = text_of(metadata, "resourceVersion");
    if (there || deleted) {
        if (unread == NULL) {
            items_take(answer->items, answer->now, answer->batch, object, deleted);
        } else {
            items_take_unread(answer->items, answer->now, answer->batch, object, deleted, unread);
        }
    } else if (strcmp(type, "BOOKMARK") == 0) {
        bool end =
            strcmp(text_of(json_object_get(metadata, "annotations"), INITIAL_END), "true") == 0;
        answer->initial_end = answer->initial_end || end;
        answer->bookmarked = answer->bookmarked || !end;
    }
    if (version[0] != '\0') {
        set_text(&answer->version, version);
    }
}

/* A line that cannot be read. Where even its beginning says nothing it is not of an API server. */
static int take_unread_line(struct answer *answer, const char *text, size_t length, const char *why,
                            struct err *err)
{
    char type[HEAD_TYPE_MAX];
    json_t *head = head_of_line(text, length, type);
    bool named = type[0] != '\0' && text_of(json_object_get(head, "metadata"), "name")[0] != '\0';
    if (named) {
        take_change(answer, type, head, why);
    }
    json_decref(head);
    return named ? 0 : err_set(err, "malformed watch event: %s", why);
}

static int take_line(void *context, const char *text, size_t length, bool whole, struct err *err)
{
    struct answer *answer = context;
    struct err why;
    int result = 0;
    json_t *json = read_piece(text, length, whole, &why);
    const char *type = text_of(json, "type");
    if (json == NULL) {
        result = take_unread_line(answer, text, length, why.text, err);
    } else if (strcmp(type, "ERROR") == 0) {
        result = take_error(answer, json_object_get(json, "object"), err);
    } else {
        take_change(answer, type, json_object_get(json, "object"), NULL);
    }
    json_decref(json);
    answer->lines += result == 0;
    return result;
}

void answer_status(struct answer *answer, int64_t now, bool watch, int status,
                   int64_t retry_after_ms)
{
    answer->status = status;
    answer->retry_after_ms = retry_after_ms;
    answer->last_byte = now;
    splitter_destroy(answer->splitter);
    answer->splitter = NULL;
    if (status == 200) {
        answer->splitter = splitter_create(watch ? SPLITTER_LINES : SPLITTER_LIST,
                                           watch ? take_line : take_item, answer);
    }
}

int answer_data(struct answer *answer, int64_t now, const char *bytes, size_t length,
                struct kube_batch *batch, struct err *err)
{
    answer->last_byte = now;
    if (answer->splitter == NULL) {
        size_t room = ANSWER_BODY_MAX - answer->body_length;
        size_t kept = length < room ? length : room;
        memcpy(answer->body + answer->body_length, bytes, kept);
        answer->body_length += kept;
        return 0;
    }
    answer->now = now;
    answer->batch = batch;
    int result = splitter_feed(answer->splitter, bytes, length, err);
    answer->batch = NULL;
    return result;
}

int answer_end(struct answer *answer, struct err *err)
{
    int result = -1;
    if (answer->splitter == NULL) {
        return err_set(err, "no list");
    }
    result = splitter_end(answer->splitter, err);
    if (result == 0 && splitter_resource_version(answer->splitter)[0] != '\0') {
        set_text(&answer->version, splitter_resource_version(answer->splitter));
    }
    set_text(&answer->resume, result == 0 ? splitter_continue(answer->splitter) : "");
    splitter_destroy(answer->splitter);
    answer->splitter = NULL;
    return result;
}
