// SPDX-License-Identifier: Apache-2.0
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/kube/watch/splitter.h"
#include "topology/base/alloc.h"

/* The first byte says how long portions are; the rest is a body. As a list it is accepted exactly
 * when jansson accepts it and "items" is an array, null or absent, with the same items; as lines,
 * the pieces are the lines, whatever the portions.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static int take_json(void *context, const char *text, size_t length, bool whole, struct err *err)
{
    json_t *json = json_loadb(text, length, JSON_DECODE_ANY, NULL);
    return json == NULL ? err_set(err, "not JSON") : json_array_append_new(context, json);
}

static int take_line(void *context, const char *text, size_t length, bool whole, struct err *err)
{
    const char **rest = context;
    (void)err;
    while (**rest == '\n') {
        ++*rest;
    }
    require(memcmp(*rest, text, length) == 0 && (*rest)[length] == '\n');
    *rest += length + 1;
    return 0;
}

static int split(enum splitter_mode mode, splitter_take *take, void *context, const char *text,
                 size_t length, size_t portion)
{
    struct err err;
    struct splitter *splitter = splitter_create(mode, take, context);
    int result = 0;
    for (size_t at = 0; at < length && result == 0; at += portion) {
        size_t part = length - at < portion ? length - at : portion;
        char *copy = alloc_resize(NULL, part, 1); /* of the exact size */
        memcpy(copy, text + at, part);
        result = splitter_feed(splitter, copy, part, &err);
        free(copy);
    }
    result = result == 0 ? splitter_end(splitter, &err) : result;
    splitter_destroy(splitter);
    return result;
}

/* Repeated members are refused here and taken by jansson; how it sees them is not comparable. And
 * jansson takes a NUL behind a number. */
static bool is_comparable(const char *text, size_t length)
{
    if (memchr(text, '\0', length) != NULL) {
        return false;
    }
    json_t *once = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    json_t *any = json_loadb(text, length, 0, NULL);
    bool comparable = (once == NULL) == (any == NULL);
    json_decref(once);
    json_decref(any);
    return comparable;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) {
        return 0;
    }
    size_t portion = data[0] == 0 ? size : data[0];
    const char *text = (const char *)data + 1;
    size_t length = size - 1;
    char *lines = alloc_zero(length + 1, 1);
    memcpy(lines, text, length);
    const char *rest = lines;
    require(split(SPLITTER_LINES, take_line, &rest, text, length, portion) == 0);
    rest += strspn(rest, "\n");
    require(memchr(rest, '\n', (size_t)(lines + length - rest)) == NULL); /* none left out */
    free(lines);
    if (!is_comparable(text, length)) {
        return 0;
    }
    json_t *pieces = json_array();
    json_t *body = json_loadb(text, length, 0, NULL);
    const json_t *items = json_object_get(body, "items");
    bool good =
        json_is_object(body) && (items == NULL || json_is_null(items) || json_is_array(items));
    require((split(SPLITTER_LIST, take_json, pieces, text, length, portion) == 0) == good);
    require(!good || !json_is_array(items) || json_equal(pieces, items));
    json_decref(pieces);
    json_decref(body);
    return 0;
}
