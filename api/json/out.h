// SPDX-License-Identifier: Apache-2.0
#ifndef API_JSON_OUT_H
#define API_JSON_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A JSON writer onto a growing buffer with a stated maximum (of bytes, the final NUL not counted).
 *
 * Commas are its business, nesting is checked by assertion. When the maximum is passed the writer
 * turns `failed`, writes nothing more and json_out_take() returns NULL. Bytes that are not UTF-8
 * become U+FFFD, as Go writes them.
 */

struct json_out {
    char *text;
    size_t length;
    size_t room;
    size_t maximum;
    unsigned depth;
    bool comma; /* the next key or element needs one */
    bool failed;
};

/* What stands for a byte inside a string; the length, 0 for a byte that stands for itself. */
#define JSON_ESCAPE_MAX 8
size_t json_escape(unsigned char byte, char escape[JSON_ESCAPE_MAX]);

void json_out_init(struct json_out *out, size_t maximum);
void json_out_finish(struct json_out *out); /* releases what was not taken */
/* Takes memory for `more` bytes at once, where the caller can tell; not more than the maximum. */
void json_out_reserve(struct json_out *out, size_t more);
/* *New* NUL-terminated text and its length; the writer is then empty. NULL when it failed. */
char *json_out_take(struct json_out *out, size_t *length);

void json_out_object(struct json_out *out);
void json_out_object_end(struct json_out *out);
void json_out_array(struct json_out *out);
void json_out_array_end(struct json_out *out);
void json_out_key(struct json_out *out, const char *key);
void json_out_string(struct json_out *out, const char *text); /* NULL writes null */
void json_out_string_n(struct json_out *out, const char *text, size_t length);
/* A string as it stood in another JSON text, escapes and all, without quotes. */
void json_out_raw_string(struct json_out *out, const char *text, size_t length);
void json_out_raw_key(struct json_out *out, const char *text, size_t length);
/* A whole value as it stood in another JSON text. */
void json_out_raw_value(struct json_out *out, const char *text, size_t length);
void json_out_integer(struct json_out *out, int64_t value);
void json_out_null(struct json_out *out);

/* key + value in one */
void json_out_member_string(struct json_out *out, const char *key, const char *text);
void json_out_member_integer(struct json_out *out, const char *key, int64_t value);

#endif
