// SPDX-License-Identifier: Apache-2.0
#include "api/extender/slice_set.h"

#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"
#include "topology/base/err.h"

/* An open-addressing hash table that never grows, at most two thirds full, probed linearly. An
 * entry is eight bytes, half of the hash and the number of the slice: a table for 5,000 names stays
 * at 64 KiB, and its size is what adding to it costs. Texts are compared only where the hashes
 * agree, which is next to never unless they are equal.
 *
 * Escaped strings are decoded for hashing and comparing; no API server allows a name that needs it.
 */

struct slice_set_entry {
    uint32_t hash;
    uint32_t number; /* index + 1; 0: free */
};

void slice_set_init(struct slice_set *set, const struct json_slice *slices, size_t room)
{
    size_t size = 8;
    err_require(room < UINT32_MAX);
    while (size < room + room / 2) {
        size *= 2;
    }
    set->slices = slices;
    set->entries = alloc_zero(size, sizeof(*set->entries));
    set->mask = size - 1;
    set->free = room;
}

void slice_set_finish(struct slice_set *set)
{
    free(set->entries);
    set->entries = NULL;
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    return hash ^ hash >> 32;
}

static uint64_t hash_text(const char *text, size_t length)
{
    uint64_t hash = length;
    uint64_t word;
    for (; length > sizeof(word); length -= sizeof(word), text += sizeof(word)) {
        memcpy(&word, text, sizeof(word));
        hash = mix(hash, word);
    }
    word = 0;
    if (length > 0) {
        memcpy(&word, text, length);
    }
    return mix(hash, word);
}

/* *New* decoded text. */
static char *decode(const struct json_slice *slice, size_t *length)
{
    char *text = alloc_resize(NULL, slice->length, 1);
    *length = json_string_decode(slice, text);
    return text;
}

static uint64_t hash_slice(const struct json_slice *slice)
{
    if (!slice->escaped) {
        return hash_text(slice->text, slice->length);
    }
    size_t length;
    char *text = decode(slice, &length);
    uint64_t hash = hash_text(text, length);
    free(text);
    return hash;
}

static bool equal(const struct json_slice *left, const struct json_slice *right)
{
    if (!left->escaped && !right->escaped) {
        return left->length == right->length &&
               (left->length == 0 || memcmp(left->text, right->text, left->length) == 0);
    }
    size_t left_length, right_length;
    char *left_text = decode(left, &left_length);
    char *right_text = decode(right, &right_length);
    bool same = left_length == right_length && memcmp(left_text, right_text, left_length) == 0;
    free(left_text);
    free(right_text);
    return same;
}

bool slice_set_add(struct slice_set *set, size_t index)
{
    uint64_t whole = hash_slice(&set->slices[index]);
    uint32_t hash = (uint32_t)(whole >> 32);
    size_t at = whole & set->mask;
    err_require(index < UINT32_MAX);
    while (set->entries[at].number != 0) {
        const struct slice_set_entry *entry = &set->entries[at];
        if (entry->hash == hash && equal(&set->slices[entry->number - 1], &set->slices[index])) {
            return false;
        }
        at = (at + 1) & set->mask;
    }
    err_require(set->free > 0);
    set->free--;
    set->entries[at].hash = hash;
    set->entries[at].number = (uint32_t)index + 1;
    return true;
}
