// SPDX-License-Identifier: Apache-2.0
#include "topology/base/checkpoint.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"
#include "topology/base/utf8.h"

/* Saving appends to bytes that grow; loading walks along those it was given, and never past them.
 */

#define NUMBER_MAX 10 /* bytes */

void checkpoint_save(struct checkpoint *checkpoint)
{
    *checkpoint = (struct checkpoint){.section = ""};
}

void checkpoint_load(struct checkpoint *checkpoint, const uint8_t *bytes, size_t size)
{
    *checkpoint = (struct checkpoint){.loading = true, .section = "", .from = bytes, .size = size};
}

void checkpoint_finish(struct checkpoint *checkpoint)
{
    free(checkpoint->bytes);
    *checkpoint = (struct checkpoint){.section = ""};
}

void checkpoint_fail(struct checkpoint *checkpoint, const char *format, ...)
{
    char text[ERR_TEXT_MAX];
    va_list arguments;
    if (checkpoint->failed) {
        return;
    }
    va_start(arguments, format);
    utf8_vprint(text, sizeof text, format, arguments);
    va_end(arguments);
    (void)err_set(&checkpoint->err, "checkpoint, %s, byte %zu: %s", checkpoint->section,
                  checkpoint->loading ? checkpoint->at : checkpoint->count, text);
    checkpoint->failed = true;
}

bool checkpoint_check(struct checkpoint *checkpoint, bool holds, const char *what)
{
    if (!holds) {
        checkpoint_fail(checkpoint, "%s", what);
    }
    return !checkpoint->failed;
}

/* Where up to `count` more bytes go. */
static uint8_t *room_for(struct checkpoint *checkpoint, size_t count)
{
    if (checkpoint->bytes == NULL || count > checkpoint->room - checkpoint->count) {
        checkpoint->bytes =
            alloc_grow(checkpoint->bytes, &checkpoint->room, checkpoint->count + count, 1);
    }
    return checkpoint->bytes + checkpoint->count;
}

static void append(struct checkpoint *checkpoint, const void *bytes, size_t count)
{
    if (count == 0) {
        return;
    }
    memcpy(room_for(checkpoint, count), bytes, count);
    checkpoint->count += count;
}

static void put_number(struct checkpoint *checkpoint, uint64_t value)
{
    uint8_t *bytes = room_for(checkpoint, NUMBER_MAX);
    size_t count = 0;
    do {
        bytes[count++] = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        value >>= 7;
    } while (value > 0);
    checkpoint->count += count;
}

static uint64_t get_number(struct checkpoint *checkpoint)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < NUMBER_MAX; i++) {
        if (checkpoint->at >= checkpoint->size) {
            break;
        }
        uint8_t byte = checkpoint->from[checkpoint->at++];
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if ((byte & 0x80) == 0) {
            return value;
        }
    }
    checkpoint_fail(checkpoint, "a number does not end");
    return 0;
}

void checkpoint_u64(struct checkpoint *checkpoint, uint64_t *value)
{
    if (checkpoint->failed) {
        return;
    }
    if (!checkpoint->loading) {
        put_number(checkpoint, *value);
        return;
    }
    uint64_t read = get_number(checkpoint);
    *value = checkpoint->failed ? *value : read;
}

void checkpoint_i64(struct checkpoint *checkpoint, int64_t *value)
{
    uint64_t code = (uint64_t)*value << 1 ^ (*value < 0 ? UINT64_MAX : 0);
    checkpoint_u64(checkpoint, &code);
    *value = (int64_t)(code >> 1 ^ ((code & 1) != 0 ? UINT64_MAX : 0));
}

void checkpoint_u32(struct checkpoint *checkpoint, uint32_t *value)
{
    uint64_t wide = *value;
    checkpoint_u64(checkpoint, &wide);
    if (checkpoint_check(checkpoint, wide <= UINT32_MAX, "a number is too large")) {
        *value = (uint32_t)wide;
    }
}

void checkpoint_i32(struct checkpoint *checkpoint, int32_t *value)
{
    int64_t wide = *value;
    checkpoint_i64(checkpoint, &wide);
    if (checkpoint_check(checkpoint, wide >= INT32_MIN && wide <= INT32_MAX,
                         "a number is too large")) {
        *value = (int32_t)wide;
    }
}

void checkpoint_bool(struct checkpoint *checkpoint, bool *value)
{
    uint64_t number = *value;
    checkpoint_u64(checkpoint, &number);
    if (checkpoint_check(checkpoint, number <= 1, "neither true nor false")) {
        *value = number == 1;
    }
}

void checkpoint_count(struct checkpoint *checkpoint, uint32_t *count, uint32_t limit)
{
    checkpoint_u32(checkpoint, count);
    if (checkpoint->loading && !checkpoint->failed &&
        (*count > limit || *count > checkpoint->size - checkpoint->at)) {
        checkpoint_fail(checkpoint, "%u things are too many", *count);
    }
    *count = checkpoint->failed ? 0 : *count;
}

void checkpoint_index(struct checkpoint *checkpoint, uint32_t *index, uint32_t limit)
{
    uint64_t number = *index == CHECKPOINT_NONE ? 0 : (uint64_t)*index + 1;
    checkpoint_u64(checkpoint, &number);
    if (checkpoint_check(checkpoint, number <= limit, "an index is too large")) {
        *index = number == 0 ? CHECKPOINT_NONE : (uint32_t)(number - 1);
    }
}

void checkpoint_place(struct checkpoint *checkpoint, uint32_t *index, uint32_t limit)
{
    checkpoint_index(checkpoint, index, limit);
    if (checkpoint->failed ||
        !checkpoint_check(checkpoint, *index != CHECKPOINT_NONE, "an index is missing")) {
        *index = 0;
    }
}

void checkpoint_bytes(struct checkpoint *checkpoint, const char **text, size_t *length)
{
    uint64_t number = *text == NULL ? 0 : (uint64_t)*length + 1;
    checkpoint_u64(checkpoint, &number);
    if (checkpoint->failed) {
        return;
    }
    if (!checkpoint->loading) {
        append(checkpoint, *text, *text == NULL ? 0 : *length);
        return;
    }
    if (!checkpoint_check(checkpoint,
                          number <= CHECKPOINT_TEXT_MAX &&
                              number <= (uint64_t)(checkpoint->size - checkpoint->at) + 1,
                          "a text is too long")) {
        return;
    }
    *text = number == 0 ? NULL : (const char *)checkpoint->from + checkpoint->at;
    *length = number == 0 ? 0 : (size_t)number - 1;
    checkpoint->at += *length;
}

void checkpoint_text(struct checkpoint *checkpoint, char **text)
{
    const char *bytes = *text;
    size_t length = bytes == NULL ? 0 : strlen(bytes);
    checkpoint_bytes(checkpoint, &bytes, &length);
    if (checkpoint->failed || !checkpoint->loading) {
        return;
    }
    if (!checkpoint_check(checkpoint, bytes == NULL || memchr(bytes, '\0', length) == NULL,
                          "a text with a NUL byte")) {
        return;
    }
    free(*text);
    *text = bytes == NULL ? NULL : alloc_string_n(bytes, length);
}

void checkpoint_section(struct checkpoint *checkpoint, const char *name)
{
    const char *text = name;
    size_t length = strlen(name);
    checkpoint->section = name;
    checkpoint_bytes(checkpoint, &text, &length);
    (void)checkpoint_check(checkpoint,
                           checkpoint->failed || (text != NULL && length == strlen(name) &&
                                                  memcmp(text, name, length) == 0),
                           "another section begins here");
}

void checkpoint_words(struct checkpoint *checkpoint, uint32_t *words, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        checkpoint_u32(checkpoint, &words[i]);
    }
}
