// SPDX-License-Identifier: Apache-2.0
#include "api/kube/watch/splitter.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"

/* Two machines in one. The outer one walks the skeleton of a list and knows what may come next:
 *
 *   BEGIN ─{─▶ MEMBER_OR_END ─"─▶ (key) ─▶ COLON ─:─▶ VALUE ─▶ (value) ─▶ AFTER_VALUE ─,─▶ MEMBER
 *                    │                                  │                       │
 *                    }                            [ of "items"                  }
 *                    ▼                                  ▼                       ▼
 *                   END                  ITEM_OR_END ─▶ (item) ─▶ AFTER_ITEM   END
 *                                             └──────── ] ────────────┴─▶ AFTER_VALUE
 *
 * The inner one finds the end of the token in parentheses: a string ends at its quote, an object or
 * array when brackets balance, anything else before the next delimiter. A token that lies inside
 * one portion of bytes is handed out in place; one that does not is collected in `buffer`.
 *
 * Keys and values other than items are parsed with jansson when they end, which is what makes the
 * skeleton strict.
 */

enum state {
    BEGIN,
    MEMBER_OR_END,
    MEMBER,
    COLON,
    VALUE,
    AFTER_VALUE,
    ITEM_OR_END,
    ITEM,
    AFTER_ITEM,
    END,
};

enum token {
    TOKEN_NONE,
    TOKEN_STRING,
    TOKEN_CONTAINER,
    TOKEN_WORD, /* number, true, false, null */
};

enum member { MEMBER_OTHER, MEMBER_ITEMS, MEMBER_METADATA };

struct splitter {
    enum splitter_mode mode;
    splitter_take *take;
    void *context;

    enum state state; /* while a token is open: what it is */
    enum token token;
    enum member member;
    bool seen_items;
    bool seen_metadata;
    size_t depth; /* brackets open in a TOKEN_CONTAINER */
    bool in_string;
    bool escaped;

    char *buffer; /* the part of the token or line that came with earlier portions */
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

static int collect(struct splitter *splitter, const char *bytes, size_t length, struct err *err)
{
    if (length > SPLITTER_PIECE_MAX - splitter->length) {
        return err_set(err, "an object of more than %u bytes", SPLITTER_PIECE_MAX);
    }
    if (length > 0) {
        splitter->buffer =
            alloc_grow(splitter->buffer, &splitter->room, splitter->length + length, 1);
        memcpy(splitter->buffer + splitter->length, bytes, length);
        splitter->length += length;
    }
    return 0;
}

/* The whole of what ends with these bytes: in place when nothing came before. Empties the buffer.
 */
static int complete(struct splitter *splitter, const char **text, size_t *length, struct err *err)
{
    if (splitter->length == 0) {
        if (*length > SPLITTER_PIECE_MAX) {
            return err_set(err, "an object of more than %u bytes", SPLITTER_PIECE_MAX);
        }
        return 0;
    }
    if (collect(splitter, *text, *length, err) != 0) {
        return -1;
    }
    *text = splitter->buffer;
    *length = splitter->length;
    splitter->length = 0;
    return 0;
}

static int feed_lines(struct splitter *splitter, const char *bytes, size_t length, struct err *err)
{
    while (length > 0) {
        const char *newline = memchr(bytes, '\n', length);
        if (newline == NULL) {
            return collect(splitter, bytes, length, err);
        }
        const char *line = bytes;
        size_t line_length = (size_t)(newline - bytes);
        length -= line_length + 1;
        bytes = newline + 1;
        if (complete(splitter, &line, &line_length, err) != 0) {
            return -1;
        }
        if (line_length > 0 && splitter->take(splitter->context, line, line_length, err) != 0) {
            return -1;
        }
    }
    return 0;
}

/* *New* value of one token. */
static json_t *parse(const char *text, size_t length, struct err *err)
{
    json_error_t error;
    json_t *json = json_loadb(text, length, JSON_DECODE_ANY, &error);
    if (json == NULL) {
        err_set(err, "malformed list: %s", error.text);
    }
    return json;
}

static int end_key(struct splitter *splitter, const char *text, size_t length, struct err *err)
{
    json_t *json = parse(text, length, err);
    const char *key = json_string_value(json);
    if (key == NULL) {
        return -1;
    }
    bool items = strcmp(key, "items") == 0;
    bool metadata = strcmp(key, "metadata") == 0;
    json_decref(json);
    if ((items && splitter->seen_items) || (metadata && splitter->seen_metadata)) {
        return err_set(err, "malformed list: \"%s\" twice", items ? "items" : "metadata");
    }
    splitter->seen_items |= items;
    splitter->seen_metadata |= metadata;
    splitter->member = items ? MEMBER_ITEMS : metadata ? MEMBER_METADATA : MEMBER_OTHER;
    splitter->state = COLON;
    return 0;
}

static void keep_string(const json_t *object, const char *name, char **text)
{
    const char *value = json_string_value(json_object_get(object, name));
    free(*text);
    *text = alloc_string(value == NULL ? "" : value);
}

static int end_value(struct splitter *splitter, const char *text, size_t length, struct err *err)
{
    json_t *json = parse(text, length, err);
    if (json == NULL) {
        return -1;
    }
    bool good = splitter->member != MEMBER_ITEMS || json_is_null(json);
    if (splitter->member == MEMBER_METADATA) {
        keep_string(json, "continue", &splitter->resume);
        keep_string(json, "resourceVersion", &splitter->version);
    }
    json_decref(json);
    splitter->state = AFTER_VALUE;
    return good ? 0 : err_set(err, "malformed list: \"items\" is not an array");
}

/* The token that is open ends with these bytes. */
static int end_token(struct splitter *splitter, const char *text, size_t length, struct err *err)
{
    splitter->token = TOKEN_NONE;
    if (complete(splitter, &text, &length, err) != 0) {
        return -1;
    }
    if (splitter->state == MEMBER) {
        return end_key(splitter, text, length, err);
    }
    if (splitter->state == VALUE) {
        return end_value(splitter, text, length, err);
    }
    splitter->state = AFTER_ITEM;
    return splitter->take(splitter->context, text, length, err);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void open_token(struct splitter *splitter, enum state state, char first)
{
    splitter->state = state;
    splitter->token = first == '"'                   ? TOKEN_STRING
                      : first == '{' || first == '[' ? TOKEN_CONTAINER
                                                     : TOKEN_WORD;
    splitter->depth = 0;
    splitter->in_string = false;
    splitter->escaped = false;
}

/* One byte of a string, the opening quote included; true when it closes it. */
static bool string_byte(struct splitter *splitter, char c)
{
    if (!splitter->in_string) {
        splitter->in_string = true; /* the opening quote */
        return false;
    }
    if (splitter->escaped) {
        splitter->escaped = false;
        return false;
    }
    splitter->escaped = c == '\\';
    splitter->in_string = c != '"';
    return c == '"';
}

/* One byte of an object or array; true when it closes it. */
static bool container_byte(struct splitter *splitter, char c)
{
    if (splitter->in_string || c == '"') {
        (void)string_byte(splitter, c);
        return false;
    }
    splitter->depth += c == '{' || c == '[';
    splitter->depth -= c == '}' || c == ']';
    return splitter->depth == 0;
}

/* Consumes bytes of the open token up to its end; returns how many. */
static int feed_token(struct splitter *splitter, const char *bytes, size_t length, size_t *used,
                      struct err *err)
{
    size_t at = 0;
    bool ended = false;
    while (at < length && !ended) {
        char c = bytes[at];
        if (splitter->token == TOKEN_WORD) {
            if (is_space(c) || c == ',' || c == '}' || c == ']') {
                ended = true; /* the delimiter is not part of it */
                break;
            }
        } else {
            ended = splitter->token == TOKEN_STRING ? string_byte(splitter, c)
                                                    : container_byte(splitter, c);
        }
        at++;
    }
    *used = at;
    return ended ? end_token(splitter, bytes, at, err) : collect(splitter, bytes, at, err);
}

static int unexpected(char c, const char *wanted, struct err *err)
{
    return err_set(err, "malformed list: unexpected byte 0x%02x, not %s", (unsigned char)c, wanted);
}

/* A comma or the closing bracket of what the skeleton is in. */
static int separator(struct splitter *splitter, char c, char close, enum state next,
                     enum state closed, struct err *err)
{
    if (c != ',' && c != close) {
        return unexpected(c, close == ']' ? "',' or ']'" : "',' or '}'", err);
    }
    splitter->state = c == ',' ? next : closed;
    return 0;
}

/* One byte of the skeleton that is not white space. *opened: a token begins with it. */
static int skeleton_byte(struct splitter *splitter, char c, bool *opened, struct err *err)
{
    enum state state = splitter->state;
    switch (state) {
    case BEGIN:
        splitter->state = MEMBER_OR_END;
        return c == '{' ? 0 : unexpected(c, "'{'", err);
    case MEMBER_OR_END:
    case MEMBER:
        if (c == '}' && state == MEMBER_OR_END) {
            splitter->state = END;
            return 0;
        }
        open_token(splitter, MEMBER, c);
        *opened = true;
        return c == '"' ? 0 : unexpected(c, "a member", err);
    case COLON:
        splitter->state = VALUE;
        return c == ':' ? 0 : unexpected(c, "':'", err);
    case VALUE:
        if (c == '[' && splitter->member == MEMBER_ITEMS) {
            splitter->state = ITEM_OR_END;
            return 0;
        }
        break;
    case ITEM_OR_END:
    case ITEM:
        if (c == ']' && state == ITEM_OR_END) {
            splitter->state = AFTER_VALUE;
            return 0;
        }
        state = ITEM;
        break;
    case AFTER_VALUE:
        return separator(splitter, c, '}', MEMBER, END, err);
    case AFTER_ITEM:
        return separator(splitter, c, ']', ITEM, AFTER_VALUE, err);
    case END:
        return unexpected(c, "the end", err);
    }
    open_token(splitter, state, c);
    *opened = true;
    return c == ',' || c == ']' || c == '}' || c == ':' ? unexpected(c, "a value", err) : 0;
}

static int feed_list(struct splitter *splitter, const char *bytes, size_t length, struct err *err)
{
    size_t at = 0;
    while (at < length) {
        if (splitter->token != TOKEN_NONE) {
            size_t used = 0;
            if (feed_token(splitter, bytes + at, length - at, &used, err) != 0) {
                return -1;
            }
            at += used;
            continue;
        }
        bool opened = false;
        if (!is_space(bytes[at]) && skeleton_byte(splitter, bytes[at], &opened, err) != 0) {
            return -1;
        }
        at += !opened; /* the first byte of a token belongs to it */
    }
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
        return err_set(err, "malformed list: cut off");
    }
    return 0;
}
