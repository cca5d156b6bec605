// SPDX-License-Identifier: Apache-2.0
#include "api/kube/watch/splitter.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "api/json/outline.h"
#include "api/json/scan.h"
#include "topology/base/alloc.h"

/* A list is walked with the scanner of json/, over a window on the stream that begins with what was
 * not consumed of earlier portions:
 *
 *   BEGIN ─{─▶ MEMBER ─name:─▶ VALUE ─┬─────────▶ IN_VALUE (value)
 *                │  ▲                   │                 │
 *                }  ├───────────────────│─────────────────┘
 *                ▼  │                   └─[ of items─▶ ELEMENT ─▶ IN_ITEM (item)
 *               END └─────────────────────────────]──────┘ ▲              │
 *                                                          └──────────────┘
 *
 * What is in parentheses is skipped with what remembers how far it came when the window ends: a
 * struct json_skip, which checks the value, or of an item a struct json_outline, which does not;
 * everything else is a token or two and tried anew. `mark` is where the value began: bytes before
 * it are dropped between portions, so the window never holds more than one piece and one portion.
 * As long as nothing is left over, the window is the portion itself and nothing is copied.
 *
 * `dropping`: the piece is too large and has been handed out as far as it ever will be; its bytes
 * are dropped until it ends.
 */

#define ROOM_KEPT (1u << 20) /* of the buffer, from one piece to the next */

enum state { BEGIN, MEMBER, VALUE, IN_VALUE, ELEMENT, IN_ITEM, END };

enum member { MEMBER_OTHER, MEMBER_ITEMS, MEMBER_METADATA };

struct splitter {
    enum splitter_mode mode;
    splitter_take *take;
    void *context;

    enum state state;
    enum member member;
    bool seen_items;
    bool seen_metadata;
    bool first;    /* of the members, or of the elements */
    bool stopped;  /* by whoever takes the pieces */
    bool dropping; /* the rest of a piece */
    struct json_scan scan;
    struct json_skip skip;
    struct json_outline outline;
    size_t mark;
    struct err open; /* of a token that may be cut in two */

    char *buffer; /* what was left of earlier portions */
    size_t length;
    size_t room;

    char *resume;  /* metadata.continue */
    char *version; /* metadata.resourceVersion */
};

struct splitter *splitter_create(enum splitter_mode mode, splitter_take *take, void *context)
{
    struct splitter *splitter = alloc_zero(1, sizeof *splitter);
    splitter->mode = mode;
    splitter->take = take;
    splitter->context = context;
    splitter->resume = alloc_string("");
    splitter->version = alloc_string("");
    return splitter;
}

void splitter_destroy(struct splitter *splitter)
{
    if (splitter == NULL) {
        return;
    }
    free(splitter->buffer);
    free(splitter->resume);
    free(splitter->version);
    free(splitter);
}

const char *splitter_continue(const struct splitter *splitter)
{
    return splitter->resume;
}

const char *splitter_resource_version(const struct splitter *splitter)
{
    return splitter->version;
}

static int too_large(struct err *err)
{
    return err_set(err, "an object of more than %u bytes", SPLITTER_PIECE_MAX);
}

static void collect(struct splitter *splitter, const char *bytes, size_t length)
{
    if (length > 0) {
        splitter->buffer =
            alloc_grow(splitter->buffer, &splitter->room, splitter->length + length, 1);
        memcpy(splitter->buffer + splitter->length, bytes, length);
        splitter->length += length;
    }
}

/* A large piece is rare: its memory is not kept for the next one. */
static void give_back(struct splitter *splitter)
{
    if (splitter->length == 0 && splitter->room > ROOM_KEPT) {
        free(splitter->buffer);
        splitter->buffer = NULL;
        splitter->room = 0;
    }
}

static int hand_out(struct splitter *splitter, const char *text, size_t length, bool whole,
                    struct err *err)
{
    splitter->dropping = !whole;
    splitter->stopped =
        splitter->take(splitter->context, text,
                       whole || length < SPLITTER_HEAD ? length : SPLITTER_HEAD, whole, err) != 0;
    return splitter->stopped ? -1 : 0;
}

/* ---- lines ---- */

/* Part of a line that is not at its end. */
static int begin_line(struct splitter *splitter, const char *bytes, size_t length, struct err *err)
{
    if (splitter->dropping) {
        return 0;
    }
    collect(splitter, bytes, length);
    if (splitter->length <= SPLITTER_PIECE_MAX) {
        return 0;
    }
    splitter->length = 0;
    int result = hand_out(splitter, splitter->buffer, SPLITTER_PIECE_MAX, false, err);
    give_back(splitter);
    return result;
}

/* The rest of a line, up to its end. */
static int end_line(struct splitter *splitter, const char *bytes, size_t length, struct err *err)
{
    int result = 0;
    if (splitter->dropping) {
        splitter->dropping = false;
        return 0;
    }
    bool whole = splitter->length + length <= SPLITTER_PIECE_MAX;
    if (splitter->length > 0) {
        collect(splitter, bytes, length);
        bytes = splitter->buffer;
        length = splitter->length;
        splitter->length = 0;
    }
    result = length == 0 ? 0 : hand_out(splitter, bytes, length, whole, err);
    splitter->dropping = false;
    give_back(splitter);
    return result;
}

static int feed_lines(struct splitter *splitter, const char *bytes, size_t length, struct err *err)
{
    while (length > 0) {
        const char *newline = memchr(bytes, '\n', length);
        if (newline == NULL) {
            return begin_line(splitter, bytes, length, err);
        }
        size_t line_length = (size_t)(newline - bytes);
        if (end_line(splitter, bytes, line_length, err) != 0) {
            return -1;
        }
        length -= line_length + 1;
        bytes = newline + 1;
    }
    return 0;
}

/* ---- a list ---- */

static int end_key(struct splitter *splitter, const struct json_slice *key, struct err *err)
{
    char name[sizeof "metadata"]; /* longer names are none of the two */
    size_t length = 0;
    if (key->length <= 6 * sizeof name) { /* an escape of six bytes gives at least one */
        char decoded[6 * sizeof name];
        length = json_string_decode(key, decoded);
        memcpy(name, decoded, length < sizeof name ? length : 0);
    }
    bool items = length == strlen("items") && memcmp(name, "items", length) == 0;
    bool metadata = length == strlen("metadata") && memcmp(name, "metadata", length) == 0;
    if ((items && splitter->seen_items) || (metadata && splitter->seen_metadata)) {
        return err_set(err, "\"%s\" twice", items ? "items" : "metadata");
    }
    splitter->seen_items |= items;
    splitter->seen_metadata |= metadata;
    splitter->member = items ? MEMBER_ITEMS : metadata ? MEMBER_METADATA : MEMBER_OTHER;
    splitter->state = VALUE;
    return 0;
}

static void keep_string(const json_t *object, const char *name, char **text)
{
    const char *value = json_string_value(json_object_get(object, name));
    free(*text);
    *text = alloc_string(value == NULL ? "" : value);
}

/* The value of a member, but for an array of items. jansson is stricter about numbers. */
static int end_value(struct splitter *splitter, const char *text, size_t length, struct err *err)
{
    json_error_t error;
    json_t *json = json_loadb(text, length, JSON_DECODE_ANY, &error);
    if (json == NULL) {
        return err_set(err, "%s", error.text);
    }
    bool good = splitter->member != MEMBER_ITEMS || json_is_null(json);
    if (splitter->member == MEMBER_METADATA) {
        keep_string(json, "continue", &splitter->resume);
        keep_string(json, "resourceVersion", &splitter->version);
    }
    json_decref(json);
    return good ? 0 : err_set(err, "\"items\" is not an array");
}

/* Where the scanner stands, to come back to. */
struct place {
    size_t at;
    unsigned depth;
    bool first;
};

/* After an error in a token: 1 when it may be cut in two and is to be tried again, else -1. */
static int again(struct splitter *splitter, const struct place *place)
{
    if (!json_scan_is_short(&splitter->scan)) {
        return -1;
    }
    splitter->scan.at = place->at;
    splitter->scan.depth = place->depth;
    splitter->first = place->first;
    return 1;
}

static void begin_piece(struct splitter *splitter, enum state state)
{
    splitter->state = state;
    splitter->skip.begun = false;
    splitter->outline = (struct json_outline){.begun = false};
}

/* Into an array of items, or up to the value of another member. */
static int begin_value(struct splitter *splitter, struct err *err)
{
    enum json_type type = json_scan_peek(&splitter->scan);
    if (type != JSON_TYPE_ARRAY || splitter->member != MEMBER_ITEMS) {
        begin_piece(splitter, IN_VALUE);
        return 0;
    }
    splitter->state = ELEMENT;
    splitter->first = true;
    return json_scan_enter(&splitter->scan, type, err);
}

/* On to the end of the value that begins at `mark`. */
static int end_value_piece(struct splitter *splitter, struct err *err)
{
    struct json_scan *scan = &splitter->scan;
    int result = json_scan_skip_more(scan, &splitter->skip, err);
    size_t length = scan->at - splitter->mark;
    if (result != 0) {
        return result;
    }
    if (length > SPLITTER_PIECE_MAX) {
        return too_large(err);
    }
    splitter->state = MEMBER;
    return end_value(splitter, scan->text + splitter->mark, length, err);
}

static int end_item(struct splitter *splitter, struct err *err)
{
    struct json_scan *scan = &splitter->scan;
    bool ended = json_outline_end(&splitter->outline, scan->text, scan->length, &scan->at);
    const char *text = scan->text + splitter->mark;
    size_t length = scan->at - splitter->mark;
    int result = 0;
    if (!splitter->dropping && (ended || length > SPLITTER_PIECE_MAX)) {
        result = hand_out(splitter, text, length, length <= SPLITTER_PIECE_MAX, err);
    }
    if (splitter->dropping) {
        splitter->mark = scan->at;
    }
    if (!ended || result != 0) {
        return result != 0 ? result : 1;
    }
    splitter->dropping = false;
    splitter->state = ELEMENT;
    return 0;
}

static int next_member(struct splitter *splitter, const struct place *place, struct err *err)
{
    struct json_slice key;
    int more = json_scan_member(&splitter->scan, &splitter->first, &key, err);
    if (more < 0) {
        return again(splitter, place);
    }
    splitter->state = END;
    return more == 0 ? 0 : end_key(splitter, &key, err);
}

static int next_element(struct splitter *splitter, const struct place *place, struct err *err)
{
    int more = json_scan_element(&splitter->scan, &splitter->first, err);
    if (more < 0) {
        return again(splitter, place);
    }
    if (more == 1) {
        begin_piece(splitter, IN_ITEM);
    } else {
        splitter->state = MEMBER;
        splitter->first = false;
    }
    return 0;
}

/* One arrow of the drawing: 0, 1 when the window ends too early for it, or -1. */
static int step(struct splitter *splitter, struct err *err)
{
    struct json_scan *scan = &splitter->scan;
    const struct place place = {scan->at, scan->depth, splitter->first};
    switch (splitter->state) {
    case BEGIN:
        splitter->state = MEMBER;
        splitter->first = true;
        return json_scan_enter(scan, JSON_TYPE_OBJECT, err);
    case MEMBER:
        return next_member(splitter, &place, err);
    case VALUE:
        return begin_value(splitter, err);
    case ELEMENT:
        return next_element(splitter, &place, err);
    case IN_VALUE:
        return end_value_piece(splitter, err);
    case IN_ITEM:
        return end_item(splitter, err);
    case END:
        break;
    }
    return json_scan_finish(scan, err);
}

/* Steps until nothing more can be made of the window. Between values white space is consumed. */
static int walk(struct splitter *splitter, struct err *err)
{
    struct json_scan *scan = &splitter->scan;
    int result = 0;
    while (result == 0) {
        bool inside = splitter->state == IN_VALUE || splitter->state == IN_ITEM;
        if (!inside || !(splitter->skip.begun || splitter->outline.begun)) {
            (void)json_scan_peek(scan);
            splitter->mark = scan->at;
        }
        if (scan->at == scan->length) {
            break;
        }
        splitter->open.text[0] = '\0';
        result = step(splitter, &splitter->open);
    }
    if (result >= 0 && scan->length - splitter->mark > SPLITTER_PIECE_MAX) {
        return too_large(err);
    }
    return result < 0 ? err_set(err, "%s", splitter->open.text) : 0;
}

static int feed_list(struct splitter *splitter, const char *bytes, size_t length, struct err *err)
{
    struct json_scan *scan = &splitter->scan;
    if (splitter->length > 0) {
        collect(splitter, bytes, length);
        bytes = splitter->buffer;
        length = splitter->length;
    }
    scan->text = bytes;
    scan->length = length;
    if (walk(splitter, err) != 0) {
        return splitter->stopped ? -1 : err_prefix(err, "malformed list");
    }
    size_t left = length - splitter->mark;
    if (splitter->length > 0) {
        memmove(splitter->buffer, splitter->buffer + splitter->mark, left);
        splitter->length = left;
        give_back(splitter);
    } else {
        collect(splitter, bytes + splitter->mark, left);
    }
    scan->before += splitter->mark;
    scan->at -= splitter->mark;
    splitter->mark = 0;
    return 0;
}

int splitter_feed(struct splitter *splitter, const char *bytes, size_t length, struct err *err)
{
    return splitter->mode == SPLITTER_LINES ? feed_lines(splitter, bytes, length, err)
                                            : feed_list(splitter, bytes, length, err);
}

int splitter_end(struct splitter *splitter, struct err *err)
{
    if (splitter->mode == SPLITTER_LIST && splitter->state != END) {
        const char *open = splitter->open.text;
        return err_set(err, "malformed list: truncated%s%s", open[0] == '\0' ? "" : ", or ", open);
    }
    return 0;
}
