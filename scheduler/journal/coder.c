// SPDX-License-Identifier: Apache-2.0
#include "scheduler/journal/coder.h"

#include <inttypes.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"
#include "topology/base/utf8.h"

/* Both directions of every kind of value, side by side.
 *
 * Decoding trusts nothing: a count is compared with the bytes that are left before memory is taken
 * for it, a word number with the words there are, a number with the range of its field. The words
 * of the two sides stay equal because both intern the same texts in the same order; a text that
 * claims to be a new word and is not is refused.
 */

#define NUMBER_MAX 10 /* bytes of a number */
#define ROW_MAX    6  /* bytes of a row: a distance of 33 bits, and a count for each 0 */

enum text_mark { TEXT_ABSENT, TEXT_NEW_WORD, TEXT_PLAIN, TEXT_WORDS };

void journal_coder_fail(struct journal_coder *coder, const char *format, ...)
{
    char text[ERR_TEXT_MAX];
    va_list arguments;
    if (coder->failed) {
        return;
    }
    coder->failed = true;
    va_start(arguments, format);
    utf8_vprint(text, sizeof text, format, arguments);
    va_end(arguments);
    err_set(coder->err, "%s", text);
}

void journal_coder_finish(struct journal_coder *coder)
{
    free(coder->bytes);
    device_map_destroy(coder->devices);
    memset(coder, 0, sizeof *coder);
}

bool journal_coder_has(const struct journal_coder *coder, unsigned version)
{
    return coder->version == 0 || coder->version >= version;
}

/* ---- bytes ---- */

static size_t left(const struct journal_coder *coder)
{
    return coder->failed ? 0 : coder->size - coder->at;
}

/* Where to write up to `size` more bytes, or NULL after failing; the caller moves `count`. */
static uint8_t *room_for(struct journal_coder *coder, size_t size)
{
    if (coder->failed) {
        return NULL;
    }
    if (coder->most != 0 && size > coder->most - coder->count) {
        journal_coder_fail(coder, "it is larger than %zu bytes", coder->most);
        return NULL;
    }
    if (coder->bytes == NULL || size > coder->room - coder->count) {
        coder->bytes = alloc_grow(coder->bytes, &coder->room, coder->count + size, 1);
    }
    return coder->bytes + coder->count;
}

/* The next `size` bytes (*borrowed*), or NULL after failing. */
static const uint8_t *take(struct journal_coder *coder, size_t size)
{
    if (size > left(coder)) {
        journal_coder_fail(coder, "it ends in the middle of a value");
        return NULL;
    }
    const uint8_t *bytes = coder->from + coder->at;
    coder->at += size;
    return bytes;
}

/* ---- numbers ---- */

static uint8_t *write_number(uint8_t *to, uint64_t value)
{
    while (value > 0x7f) {
        *to++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *to++ = (uint8_t)value;
    return to;
}

static void put_number(struct journal_coder *coder, uint64_t value)
{
    uint8_t *to = room_for(coder, NUMBER_MAX);
    if (to != NULL) {
        coder->count = (size_t)(write_number(to, value) - coder->bytes);
    }
}

static uint64_t take_number(struct journal_coder *coder)
{
    uint64_t value = 0;
    for (unsigned shift = 0; !coder->failed; shift += 7) {
        const uint8_t *byte = take(coder, 1);
        if (byte == NULL) {
            return 0;
        }
        uint64_t bits = *byte & 0x7f;
        if (shift > 63 || bits << shift >> shift != bits) {
            journal_coder_fail(coder, "a number has more than 64 bits");
            return 0;
        }
        value |= bits << shift;
        if ((*byte & 0x80) == 0) {
            return value;
        }
    }
    return 0;
}

void journal_coder_u64(struct journal_coder *coder, uint64_t *value)
{
    if (coder->decoding) {
        *value = take_number(coder);
    } else {
        put_number(coder, *value);
    }
}

static uint64_t zigzag(int64_t value)
{
    return value < 0 ? ~(uint64_t)value << 1 | 1 : (uint64_t)value << 1;
}

static int64_t take_signed(struct journal_coder *coder)
{
    uint64_t bits = take_number(coder);
    return (bits & 1) != 0 ? (int64_t) ~(bits >> 1) : (int64_t)(bits >> 1);
}

void journal_coder_i64(struct journal_coder *coder, int64_t *value)
{
    if (coder->decoding) {
        *value = take_signed(coder);
    } else {
        put_number(coder, zigzag(*value));
    }
}

void journal_coder_u32(struct journal_coder *coder, uint32_t *value)
{
    uint64_t wide = *value;
    journal_coder_u64(coder, &wide);
    if (wide > UINT32_MAX) {
        journal_coder_fail(coder, "the number %" PRIu64 " is out of range", wide);
        wide = 0;
    }
    *value = (uint32_t)wide;
}

void journal_coder_i32(struct journal_coder *coder, int32_t *value)
{
    int64_t wide = *value;
    journal_coder_i64(coder, &wide);
    if (wide < INT32_MIN || wide > INT32_MAX) {
        journal_coder_fail(coder, "the number %" PRId64 " is out of range", wide);
        wide = 0;
    }
    *value = (int32_t)wide;
}

void journal_coder_choice(struct journal_coder *coder, unsigned *value, unsigned choices,
                          const char *what)
{
    uint64_t wide = *value;
    journal_coder_u64(coder, &wide);
    if (wide >= choices) {
        journal_coder_fail(coder, "%s %" PRIu64 " is not known", what, wide);
        wide = 0;
    }
    *value = (unsigned)wide;
}

void journal_coder_bool(struct journal_coder *coder, bool *value)
{
    unsigned number = *value;
    journal_coder_choice(coder, &number, 2, "a boolean of");
    *value = number != 0;
}

/* ---- texts ---- */

static void put_bytes(struct journal_coder *coder, uint64_t mark, const char *text, size_t length)
{
    uint8_t *to = room_for(coder, 2 * NUMBER_MAX + length);
    if (to != NULL) {
        to = write_number(write_number(to, mark), length);
        memcpy(to, text, length);
        coder->count = (size_t)(to - coder->bytes) + length;
    }
}

static void put_text(struct journal_coder *coder, const char *text)
{
    if (text == NULL) {
        put_number(coder, TEXT_ABSENT);
        return;
    }
    size_t length = strlen(text);
    if (coder->words == NULL || length > JOURNAL_CODER_WORD_MAX) {
        put_bytes(coder, TEXT_PLAIN, text, length);
        return;
    }
    size_t known = names_count(coder->words);
    uint32_t word = names_intern(coder->words, text, length);
    if (word == NAMES_NONE) {
        put_bytes(coder, TEXT_PLAIN, text, length); /* no room for another word */
    } else if (word == known) {
        put_bytes(coder, TEXT_NEW_WORD, text, length);
    } else {
        put_number(coder, (uint64_t)word + TEXT_WORDS);
    }
}

static const char *take_plain(struct journal_coder *coder, bool word)
{
    uint64_t length = take_number(coder);
    const uint8_t *bytes = length <= left(coder) ? take(coder, (size_t)length) : NULL;
    if (bytes == NULL) {
        journal_coder_fail(coder, "a text of %" PRIu64 " bytes is longer than the record", length);
        return NULL;
    }
    if (memchr(bytes, '\0', (size_t)length) != NULL) {
        journal_coder_fail(coder, "a text holds a zero byte");
        return NULL;
    }
    if (!word) {
        return arena_string_n(coder->arena, (const char *)bytes, (size_t)length);
    }
    size_t known = coder->words == NULL ? 0 : names_count(coder->words);
    uint32_t id = coder->words == NULL || length > JOURNAL_CODER_WORD_MAX
                      ? NAMES_NONE
                      : names_intern(coder->words, (const char *)bytes, (size_t)length);
    if (id == NAMES_NONE || id != known) {
        journal_coder_fail(coder, "a text is not a new word");
        return NULL;
    }
    return names_text(coder->words, id);
}

static const char *take_text(struct journal_coder *coder)
{
    uint64_t mark = take_number(coder);
    if (coder->failed || mark == TEXT_ABSENT) {
        return NULL;
    }
    if (mark == TEXT_NEW_WORD || mark == TEXT_PLAIN) {
        return take_plain(coder, mark == TEXT_NEW_WORD);
    }
    size_t known = coder->words == NULL ? 0 : names_count(coder->words);
    if (mark - TEXT_WORDS >= known) {
        journal_coder_fail(coder, "word %" PRIu64 " is not known: there are %zu", mark - TEXT_WORDS,
                           known);
        return NULL;
    }
    return names_text(coder->words, (uint32_t)(mark - TEXT_WORDS));
}

void journal_coder_text(struct journal_coder *coder, const char **text)
{
    if (coder->decoding) {
        *text = take_text(coder);
    } else {
        put_text(coder, *text);
    }
}

void journal_coder_name(struct journal_coder *coder, const char **text, const char *what)
{
    journal_coder_text(coder, text);
    if (*text == NULL) {
        journal_coder_fail(coder, "%s is missing", what);
        *text = "";
    }
}

void journal_coder_bytes(struct journal_coder *coder, const uint8_t **bytes, size_t *count)
{
    uint64_t length = *count;
    journal_coder_u64(coder, &length);
    if (coder->decoding) {
        *bytes = length > left(coder) ? NULL : take(coder, (size_t)length);
        *count = *bytes == NULL ? 0 : (size_t)length;
        if (*bytes == NULL) {
            journal_coder_fail(coder, "%" PRIu64 " bytes are more than there are", length);
        }
        return;
    }
    uint8_t *to = room_for(coder, *count);
    if (to != NULL && *count > 0) {
        memcpy(to, *bytes, *count);
        coder->count += *count;
    }
}

/* ---- lists ---- */

/* How many follow: never more than there are bytes for, at `per_byte` a byte. */
static size_t code_count(struct journal_coder *coder, size_t count, size_t per_byte)
{
    uint64_t wide = count;
    journal_coder_u64(coder, &wide);
    if (wide > JOURNAL_CODER_LIST_MAX ||
        (coder->decoding && (wide + per_byte - 1) / per_byte > left(coder))) {
        journal_coder_fail(coder, "a list of %" PRIu64 " is too long", wide);
    }
    return coder->failed ? 0 : (size_t)wide;
}

const void *journal_coder_list(struct journal_coder *coder, const void *items, size_t *count,
                               size_t size, void (*one)(struct journal_coder *coder, void *item))
{
    alignas(max_align_t) unsigned char item[JOURNAL_CODER_ITEM_MAX];
    err_require(size <= sizeof item);
    size_t length = code_count(coder, *count, 1);
    char *decoded = NULL;
    if (coder->decoding) {
        *count = length;
        decoded = length == 0 ? NULL : arena_alloc(coder->arena, length, size);
    }
    for (size_t i = 0; i < length; i++) {
        if (coder->decoding) {
            one(coder, decoded + i * size);
        } else {
            memcpy(item, (const char *)items + i * size, size);
            one(coder, item);
        }
    }
    return coder->decoding ? decoded : items;
}

static int64_t row_number(uint32_t row)
{
    return row == NAMES_NONE ? -1 : (int64_t)row;
}

static void put_rows(struct journal_coder *coder, const uint32_t *rows, uint32_t count)
{
    int64_t before = -1;
    uint8_t *to = room_for(coder, (size_t)count * ROW_MAX);
    if (to == NULL) {
        return;
    }
    for (uint32_t i = 0; i < count;) {
        int64_t distance = row_number(rows[i]) - (before + 1);
        to = write_number(to, zigzag(distance));
        before = row_number(rows[i++]);
        if (distance != 0) {
            continue;
        }
        uint32_t first = i;
        for (; i < count && row_number(rows[i]) == before + 1; i++) {
            before++;
        }
        to = write_number(to, i - first);
    }
    coder->count = (size_t)(to - coder->bytes);
}

static void take_rows(struct journal_coder *coder, uint32_t *rows, uint32_t count, uint32_t limit)
{
    int64_t before = -1;
    for (uint32_t i = 0; i < count;) {
        int64_t distance = take_signed(coder);
        uint64_t more = distance == 0 ? take_number(coder) : 0;
        if (coder->failed) {
            return;
        }
        if (more >= count - i || distance < -(int64_t)limit - 1 || distance > (int64_t)limit) {
            journal_coder_fail(coder, "rows that are not there");
            return;
        }
        for (uint64_t k = 0; k <= more; k++) {
            int64_t row = before + 1 + (k == 0 ? distance : 0);
            if (row < -1 || row >= (int64_t)limit) {
                journal_coder_fail(coder, "row %" PRId64 " is not known: there are %u", row, limit);
                return;
            }
            rows[i++] = row < 0 ? NAMES_NONE : (uint32_t)row;
            before = row;
        }
    }
}

const uint32_t *journal_coder_rows(struct journal_coder *coder, const uint32_t *rows,
                                   uint32_t *count, uint32_t limit)
{
    uint64_t wide = *count;
    journal_coder_u64(coder, &wide);
    if (wide > JOURNAL_CODER_LIST_MAX || (coder->decoding && wide > 0 && left(coder) == 0)) {
        journal_coder_fail(coder, "a list of %" PRIu64 " rows is too long", wide);
    }
    if (!coder->decoding) {
        put_rows(coder, rows, coder->failed ? 0 : *count);
        return rows;
    }
    *count = 0;
    if (coder->failed || wide == 0) {
        return NULL;
    }
    uint32_t *decoded = arena_alloc(coder->arena, (size_t)wide, sizeof(uint32_t));
    take_rows(coder, decoded, (uint32_t)wide, limit);
    *count = coder->failed ? 0 : (uint32_t)wide;
    return decoded;
}

static void put_flags(struct journal_coder *coder, const bool *flags, uint32_t count)
{
    uint8_t *to = room_for(coder, ((size_t)count + 7) / 8);
    for (uint32_t i = 0; to != NULL && i < count; i += 8) {
        unsigned byte = 0;
        for (uint32_t k = 0; k < 8 && i + k < count; k++) {
            byte |= (unsigned)flags[i + k] << k;
        }
        *to++ = (uint8_t)byte;
    }
    if (to != NULL) {
        coder->count = (size_t)(to - coder->bytes);
    }
}

static const bool *take_flags(struct journal_coder *coder, uint32_t count)
{
    const uint8_t *from = take(coder, ((size_t)count + 7) / 8);
    if (from == NULL) {
        return NULL;
    }
    bool *flags = arena_alloc(coder->arena, count, sizeof(bool));
    for (uint32_t i = 0; i < count; i++) {
        flags[i] = (from[i / 8] >> i % 8 & 1) != 0;
    }
    return flags;
}

const bool *journal_coder_flags(struct journal_coder *coder, const bool *flags, uint32_t count)
{
    bool present = flags != NULL;
    journal_coder_bool(coder, &present);
    if (!present || coder->failed) {
        return NULL;
    }
    if (coder->decoding) {
        return take_flags(coder, count);
    }
    put_flags(coder, flags, count);
    return flags;
}
