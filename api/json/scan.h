// SPDX-License-Identifier: Apache-2.0
#ifndef API_JSON_SCAN_H
#define API_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "topology/base/err.h"

/* A strict JSON scanner that looks and does not build: it walks a text in place, hands out slices
 * and skips what nobody asked for at memory speed.
 *
 *   {"Pod":{…8 KiB…},"Nodes":null,"NodeNames":["n1","n2",…]}
 *           └ skipped: one slice             └ every name a slice, no allocation
 *
 * It exists because kube-scheduler's calls carry thousands of node names and one Pod of which three
 * strings matter (jansson needs 1.7 ms for 5,000 names, this needs tens of microseconds). Used for
 * the extender's envelope and for splitting watch items; everything else is jansson's.
 *
 * Grammar: RFC 8259, UTF-8 checked, \u0000 (unless told) and lone surrogates refused, nesting at
 * most JSON_DEPTH_MAX. It accepts what jansson accepts (json_loadb() with JSON_DECODE_ANY) but for
 * two limits of value, not of grammar: jansson goes down 2048 levels, and it refuses integers
 * beyond int64_t and reals beyond double, which this only steps over. (And a NUL behind the value
 * ends the text for jansson, while here it is a byte too many.) Tests and a fuzzer compare the two.
 */

#define JSON_DEPTH_MAX 512

struct json_scan {
    const char *text;
    size_t length;
    size_t at;      /* next unread byte */
    size_t before;  /* bytes of the stream that `text` is the rest of; for errors */
    unsigned depth; /* objects and arrays entered and not yet closed */
    bool takes_nul; /* \u0000, too, which is read as U+FFFD: Kubernetes lets people write it */
};

/* A string as it stands in the text, without its quotes. `escaped`: it has backslashes, decode it
 * with json_string_decode(). */
struct json_slice {
    const char *text;
    size_t length;
    bool escaped;
};

enum json_type {
    JSON_TYPE_OBJECT,
    JSON_TYPE_ARRAY,
    JSON_TYPE_STRING,
    JSON_TYPE_NUMBER,
    JSON_TYPE_TRUE,
    JSON_TYPE_FALSE,
    JSON_TYPE_NULL,
    JSON_TYPE_END, /* nothing but white space is left */
    JSON_TYPE_BAD,
};

void json_scan_init(struct json_scan *scan, const char *text, size_t length);

/* Type of the next value, white space skipped, nothing consumed. */
enum json_type json_scan_peek(struct json_scan *scan);

/* Enters an object or array. Then call json_scan_member()/json_scan_element() until it returns 0; a
 * value must be consumed after each 1. Returns -1 on malformed text. */
int json_scan_enter(struct json_scan *scan, enum json_type type, struct err *err);

/* 1: `key` holds the next member's name and its value is next; 0: the object is closed. */
int json_scan_member(struct json_scan *scan, bool *first, struct json_slice *key, struct err *err);
/* 1: the next element is next; 0: the array is closed. */
int json_scan_element(struct json_scan *scan, bool *first, struct err *err);

/* Consumes one value, fully validated. `slice` (may be NULL) receives its whole text, a string's
 * with its quotes. */
int json_scan_skip(struct json_scan *scan, struct json_slice *slice, struct err *err);
/* Consumes a string; `slice` may be NULL. */
int json_scan_string(struct json_scan *scan, struct json_slice *slice, struct err *err);

/* A text that is not there as a whole yet: `scan` stands on what has come of it.
 *
 * After an error in one of the functions above, json_scan_is_short() says whether more text may
 * mend it: the error is at the very end, where a token may be cut in two. Put the cursor and the
 * depth back to what they were and try again when there is more.
 *
 * json_scan_skip_more() consumes a value of any size, token by token: 0 when the value has been
 * consumed, with the byte behind it in sight, 1 when it goes on in text that has not come, and the
 * call has to be repeated with the same `skip` and more text; tokens that were whole are not looked
 * at again. `skip` begins with `begun` false. */
struct json_skip {
    uint64_t objects[JSON_DEPTH_MAX / 64 + 1]; /* a bit per open level: it is one */
    unsigned base;
    bool begun;
    bool inside; /* the next item of an open level comes next, not a value */
    bool first;
};
bool json_scan_is_short(const struct json_scan *scan);
int json_scan_skip_more(struct json_scan *scan, struct json_skip *skip, struct err *err);

/* 0 when the rest is white space. */
int json_scan_finish(struct json_scan *scan, struct err *err);

/* The next byte, from `at`, that is no plain part of a string: a quote, a backslash, a control
 * character or one of several bytes; `length` when there is none. */
size_t json_plain_end(const char *text, size_t at, size_t length);

/* Equal, ASCII case folded, as encoding/json matches members. `name` is plain text of at most
 * JSON_NAME_MAX bytes; the slice may have escapes. */
#define JSON_NAME_MAX 64
bool json_slice_is(const struct json_slice *slice, const char *name);

/* Decodes escapes into `out` (room for slice->length bytes is always enough); returns the length.
 * The slice must have come from a successful scan. */
size_t json_string_decode(const struct json_slice *slice, char *out);

#endif
