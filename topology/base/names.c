// SPDX-License-Identifier: Apache-2.0
#include "topology/base/names.h"

#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"
#include "topology/base/err.h"

/* The intern table.
 *
 * Slots. A slot's home is the top bits of its tag, so that growing needs neither the texts nor
 * their hashes: slots go over in order, which the cache likes. Collisions go to the next slot
 * (linear probing); names are never removed, so there are no tombstones and a chain ends at the
 * first empty slot.
 *
 * Growth is incremental. When the table is half full a new one of twice the size is made; every
 * further name takes some slots of the old one along. Until that is done a lookup asks both:
 *
 *   old  [ moved moved moved | not yet moved … ]     read only
 *   new  [ … names moved, and all names since … ]
 *
 * The old one is left as it is while its slots are copied, so looking into it stays right
 * throughout. MOVE_PER_NAME slots per name empties it long before the new table is half full.
 *
 * Texts lie in chunks that are never moved or released before the table is; a slot's id leads to
 * its entry, and that to the text.
 *
 * Hashing is SipHash-1-3 (Aumasson and Bernstein): names come from whoever may create nodes and
 * pods, and without the key they could be chosen to fall into one chain.
 */

#define SLOTS_MIN     ((size_t)64)
#define MOVE_PER_NAME 8
#define CHUNK_SIZE    ((size_t)64 * 1024)
#define NAMES_MAX     ((size_t)1 << 31)

struct slot {
    uint32_t tag;     /* upper half of the hash */
    uint32_t id_next; /* id + 1; 0 marks an empty slot */
};

struct table {
    struct slot *slots;
    size_t count; /* power of two, <= 2^32 */
    unsigned shift;
};

struct entry {
    const char *text;
    uint32_t length;
};

struct text_chunk {
    struct text_chunk *next;
    size_t used;
    char text[CHUNK_SIZE];
};

struct names {
    uint64_t key[2];
    size_t max;
    struct table table;
    struct table old; /* slots NULL when nothing is left to move */
    size_t moved;
    struct entry *entries;
    size_t count;
    size_t room;
    struct text_chunk *chunks;
};

/* ---- hash ---- */

static uint64_t rotate(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

/* The upper half of SipHash-1-3; words are read as the machine stores them, which only has to be
 * the same within one process. */
static uint32_t hash_tag(const uint64_t key[2], const char *text, size_t length)
{
    uint64_t v[4] = {
        key[0] ^ UINT64_C(0x736f6d6570736575), /* "somepseudorandomlygeneratedbytes" */
        key[1] ^ UINT64_C(0x646f72616e646f6d),
        key[0] ^ UINT64_C(0x6c7967656e657261),
        key[1] ^ UINT64_C(0x7465646279746573),
    };
    size_t left = length;
    for (; left >= sizeof(uint64_t); left -= sizeof(uint64_t), text += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, text, sizeof word);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    uint64_t last = (uint64_t)length << 56;
    for (size_t i = 0; i < left; i++) {
        last |= (uint64_t)(unsigned char)text[i] << (8 * i);
    }
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    sip_round(v);
    sip_round(v);
    sip_round(v);
    return (uint32_t)((v[0] ^ v[1] ^ v[2] ^ v[3]) >> 32);
}

/* SplitMix64, to make two keys of one seed. */
static uint64_t split_mix(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t word = *state;
    word = (word ^ word >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    word = (word ^ word >> 27) * UINT64_C(0x94d049bb133111eb);
    return word ^ word >> 31;
}

/* ---- slots ---- */

static struct table table_create(size_t count)
{
    struct table table = {.slots = alloc_zero(count, sizeof(struct slot)), .count = count};
    table.shift = 32 - (unsigned)__builtin_ctzll(count);
    return table;
}

static size_t table_home(const struct table *table, uint32_t tag)
{
    return tag >> table->shift;
}

static uint32_t table_find(const struct table *table, const struct entry *entries, uint32_t tag,
                           const char *text, size_t length)
{
    size_t mask = table->count - 1;
    for (size_t i = table_home(table, tag); table->slots[i].id_next != 0; i = (i + 1) & mask) {
        if (table->slots[i].tag != tag) {
            continue;
        }
        uint32_t id = table->slots[i].id_next - 1;
        if (entries[id].length == length && memcmp(entries[id].text, text, length) == 0) {
            return id;
        }
    }
    return NAMES_NONE;
}

/* Puts a slot that is in no table yet; the caller keeps the table at most half full. */
static void table_put(struct table *table, struct slot slot)
{
    size_t mask = table->count - 1;
    size_t i = table_home(table, slot.tag);
    while (table->slots[i].id_next != 0) {
        i = (i + 1) & mask;
    }
    table->slots[i] = slot;
}

static void move_some(struct names *names, size_t slots)
{
    while (names->old.slots != NULL && slots-- > 0) {
        struct slot slot = names->old.slots[names->moved++];
        if (slot.id_next != 0) {
            table_put(&names->table, slot);
        }
        if (names->moved == names->old.count) {
            free(names->old.slots);
            names->old = (struct table){.slots = NULL};
        }
    }
}

/* Makes room for one more name in the slots. */
static void grow_slots(struct names *names)
{
    move_some(names, MOVE_PER_NAME);
    if (names->count < names->table.count / 2) {
        return;
    }
    err_require(names->old.slots == NULL);
    names->old = names->table;
    names->moved = 0;
    names->table = table_create(names->old.count * 2);
}

/* ---- texts ---- */

static const char *keep_text(struct names *names, const char *text, size_t length)
{
    struct text_chunk *chunk = names->chunks;
    if (chunk == NULL || CHUNK_SIZE - chunk->used < length + 1) {
        chunk = alloc_resize(NULL, 1, sizeof *chunk);
        chunk->next = names->chunks;
        chunk->used = 0;
        names->chunks = chunk;
    }
    char *kept = chunk->text + chunk->used;
    memcpy(kept, text, length);
    kept[length] = '\0';
    chunk->used += length + 1;
    return kept;
}

/* ---- interface ---- */

struct names *names_create(size_t max, uint64_t seed)
{
    err_require(max < NAMES_MAX);
    struct names *names = alloc_zero(1, sizeof *names);
    names->max = max;
    names->key[0] = split_mix(&seed);
    names->key[1] = split_mix(&seed);
    names->table = table_create(SLOTS_MIN);
    return names;
}

void names_destroy(struct names *names)
{
    if (names == NULL) {
        return;
    }
    struct text_chunk *chunk = names->chunks;
    while (chunk != NULL) {
        struct text_chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
    free(names->table.slots);
    free(names->old.slots);
    free(names->entries);
    free(names);
}

static uint32_t find_tagged(const struct names *names, uint32_t tag, const char *text,
                            size_t length)
{
    uint32_t id = table_find(&names->table, names->entries, tag, text, length);
    if (id == NAMES_NONE && names->old.slots != NULL) {
        id = table_find(&names->old, names->entries, tag, text, length);
    }
    return id;
}

uint32_t names_find(const struct names *names, const char *text, size_t length)
{
    if (length > NAMES_LENGTH_MAX) {
        return NAMES_NONE;
    }
    return find_tagged(names, hash_tag(names->key, text, length), text, length);
}

uint32_t names_intern(struct names *names, const char *text, size_t length)
{
    if (length > NAMES_LENGTH_MAX) {
        return NAMES_NONE;
    }
    uint32_t tag = hash_tag(names->key, text, length);
    uint32_t id = find_tagged(names, tag, text, length);
    if (id != NAMES_NONE) {
        return id;
    }
    if (memchr(text, '\0', length) != NULL || names->count == names->max) {
        return NAMES_NONE;
    }
    grow_slots(names);
    names->entries =
        alloc_grow(names->entries, &names->room, names->count + 1, sizeof *names->entries);
    id = (uint32_t)names->count;
    names->entries[id] =
        (struct entry){.text = keep_text(names, text, length), .length = (uint32_t)length};
    table_put(&names->table, (struct slot){.tag = tag, .id_next = id + 1});
    names->count++;
    return id;
}

const char *names_text(const struct names *names, uint32_t id)
{
    err_require(id < names->count);
    return names->entries[id].text;
}

size_t names_length(const struct names *names, uint32_t id)
{
    err_require(id < names->count);
    return names->entries[id].length;
}

size_t names_count(const struct names *names)
{
    return names->count;
}
