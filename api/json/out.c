// SPDX-License-Identifier: Apache-2.0
#include "api/json/out.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"
#include "topology/base/err.h"
#include "topology/base/utf8.h"

/* Writing is appending: every function asks room() for the most it may need and then knows that the
 * bytes fit.
 *
 * Invariants: length <= maximum; room is length's bound plus one byte for the NUL that
 * json_out_take() sets. `comma` says that a value stands before the next one in the same container:
 * a key clears it (its value follows the colon), every value and every end sets it. A writer that
 * failed stays failed, but goes on counting `depth`, so that a wrong nesting is found all the same.
 *
 * Text nobody checked (error texts, labels) goes through write_text(), which copies runs of
 * harmless bytes at once. What a scanner has validated goes out as it came, by memcpy().
 */

#define FIRST_ROOM 256

void json_out_init(struct json_out *out, size_t maximum)
{
    memset(out, 0, sizeof(*out));
    out->maximum = maximum;
}

void json_out_finish(struct json_out *out)
{
    free(out->text);
    json_out_init(out, out->maximum);
}

static void resize(struct json_out *out, size_t size)
{
    out->text = alloc_resize(out->text, size, 1);
    out->room = size;
}

void json_out_reserve(struct json_out *out, size_t more)
{
    size_t left = out->maximum - out->length;
    size_t need = out->length + (more < left ? more : left) + 1;
    if (need > out->room) {
        resize(out, need);
    }
}

char *json_out_take(struct json_out *out, size_t *length)
{
    err_require(out->depth == 0);
    char *text = NULL;
    *length = 0;
    if (!out->failed) {
        /* Memory that is mostly used is left alone: moving its end costs more than it gives. */
        if (out->text == NULL || out->room / 2 > out->length) {
            resize(out, out->length + 1);
        }
        text = out->text;
        text[out->length] = '\0';
        *length = out->length;
        out->text = NULL;
    }
    json_out_finish(out);
    return text;
}

/* Makes place for `more` bytes and the NUL; false when they pass the maximum. */
static bool room(struct json_out *out, size_t more)
{
    if (out->failed || more > out->maximum - out->length) {
        out->failed = true;
        return false;
    }
    size_t need = out->length + more + 1;
    if (need > out->room) {
        size_t grown = out->room < FIRST_ROOM ? FIRST_ROOM : out->room * 2;
        resize(out, grown < need ? need : grown);
    }
    return true;
}

static void write_bytes(struct json_out *out, const char *bytes, size_t length)
{
    if (length > 0 && room(out, length)) {
        memcpy(out->text + out->length, bytes, length);
        out->length += length;
    }
}

static void write_byte(struct json_out *out, char byte)
{
    if (room(out, 1)) {
        out->text[out->length++] = byte;
    }
}

static void begin_value(struct json_out *out)
{
    if (out->comma) {
        write_byte(out, ',');
    }
    out->comma = true;
}

static bool is_harmless(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

size_t json_escape(unsigned char byte, char escape[JSON_ESCAPE_MAX])
{
    static const char bytes[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    const char *found = memchr(bytes, byte, sizeof(bytes) - 1);
    if (found != NULL) {
        escape[0] = '\\';
        escape[1] = letters[found - bytes];
        return 2;
    }
    return byte >= 0x20 ? 0 : (size_t)snprintf(escape, JSON_ESCAPE_MAX, "\\u%04x", byte);
}

/* The inside of a string. */
static void write_text(struct json_out *out, const char *text, size_t length)
{
    size_t at = 0;
    while (at < length && !out->failed) {
        size_t end = at;
        while (end < length && is_harmless((unsigned char)text[end])) {
            end++;
        }
        write_bytes(out, text + at, end - at);
        at = end;
        if (at == length) {
            return;
        }
        if ((unsigned char)text[at] < 0x80) {
            char escape[JSON_ESCAPE_MAX];
            write_bytes(out, escape, json_escape((unsigned char)text[at], escape));
            at++;
            continue;
        }
        size_t character = utf8_character(text + at, length - at);
        if (character == 0) {
            write_bytes(out, UTF8_REPLACEMENT, 3);
            at++;
        } else {
            write_bytes(out, text + at, character);
            at += character;
        }
    }
}

static void open_container(struct json_out *out, char bracket)
{
    begin_value(out);
    write_byte(out, bracket);
    out->comma = false;
    out->depth++;
}

static void close_container(struct json_out *out, char bracket)
{
    err_require(out->depth > 0);
    write_byte(out, bracket);
    out->comma = true;
    out->depth--;
}

void json_out_object(struct json_out *out)
{
    open_container(out, '{');
}

void json_out_object_end(struct json_out *out)
{
    close_container(out, '}');
}

void json_out_array(struct json_out *out)
{
    open_container(out, '[');
}

void json_out_array_end(struct json_out *out)
{
    close_container(out, ']');
}

void json_out_key(struct json_out *out, const char *key)
{
    err_require(out->depth > 0);
    json_out_string(out, key);
    write_byte(out, ':');
    out->comma = false;
}

void json_out_string(struct json_out *out, const char *text)
{
    if (text == NULL) {
        json_out_null(out);
    } else {
        json_out_string_n(out, text, strlen(text));
    }
}

void json_out_string_n(struct json_out *out, const char *text, size_t length)
{
    begin_value(out);
    write_byte(out, '"');
    write_text(out, text, length);
    write_byte(out, '"');
}

void json_out_raw_string(struct json_out *out, const char *text, size_t length)
{
    /* The hot one: a reply has a name per node, so comma, quotes and text get their room at
     * once. */
    bool comma = out->comma;
    out->comma = true;
    if (out->failed || length > out->maximum || !room(out, length + 2 + comma)) {
        out->failed = true;
        return;
    }
    char *to = out->text + out->length;
    if (comma) {
        *to++ = ',';
    }
    *to++ = '"';
    if (length > 0) {
        memcpy(to, text, length);
    }
    to[length] = '"';
    out->length += length + 2 + comma;
}

void json_out_raw_key(struct json_out *out, const char *text, size_t length)
{
    err_require(out->depth > 0);
    json_out_raw_string(out, text, length);
    write_byte(out, ':');
    out->comma = false;
}

void json_out_raw_value(struct json_out *out, const char *text, size_t length)
{
    begin_value(out);
    write_bytes(out, text, length);
}

void json_out_integer(struct json_out *out, int64_t value)
{
    char digits[32];
    int length = snprintf(digits, sizeof(digits), "%" PRId64, value);
    json_out_raw_value(out, digits, (size_t)length);
}

void json_out_null(struct json_out *out)
{
    json_out_raw_value(out, "null", 4);
}

void json_out_member_string(struct json_out *out, const char *key, const char *text)
{
    json_out_key(out, key);
    json_out_string(out, text);
}

void json_out_member_integer(struct json_out *out, const char *key, int64_t value)
{
    json_out_key(out, key);
    json_out_integer(out, value);
}
