// SPDX-License-Identifier: Apache-2.0
#include "topology/base/names.h"

#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"
#include "topology/base/err.h"
#include "topology/base/texts.h"

/* The intern table.
 *
 * Slots. A slot's home is the top bits of its tag, so that growing needs neither the texts nor
 * their hashes: slots go over in order, which the cache likes. Collisions go to the next slot
 * (linear probing), and a chain ends at the first empty slot. When a name is forgotten those behind
 * it in its chain move up (Knuth, Algorithm 6.4R), so there are no tombstones.
 *
 * Growth is incremental. When the table is half full a new one of twice the size is made; every
 * further name takes some slots of the old one along. Until that is done a lookup asks both:
 *
 *   old  [ moved moved moved | not yet moved … ]     nothing is put here any more
 *   new  [ … names moved, and all names since … ]
 *
 * The old one is left as it is while its slots are copied, so looking into it stays right
 * throughout; a name that is forgotten meanwhile leaves a DEAD slot there, which ends no chain and
 * is not moved. MOVE_PER_NAME slots per name empties it long before the new table is half full.
 *
 * Texts never move; a slot's id leads to its entry, and that to the text. Ids that are free lie in
 * a heap with the smallest on top.
 *
 * Invariants: entries below `bound` have a text exactly when they have references, and then there
 * is one slot for them that is not DEAD in the tables that are not moved; the others are in `free`.
 *
 * Hashing is SipHash-1-3 (Aumasson and Bernstein): names come from whoever may create nodes and
 * pods, and without the key they could be chosen to fall into one chain.
 */

#define SLOTS_MIN     ((size_t)64)
#define MOVE_PER_NAME 8
#define NAMES_MAX     ((size_t)1 << 31)
#define DEAD          UINT32_MAX /* in place of id + 1 */

struct slot {
    uint32_t tag;     /* upper half of the hash */
    uint32_t id_next; /* id + 1; 0 marks an empty slot, DEAD one that is to be passed over */
};

struct table {
    struct slot *slots;
    size_t count; /* power of two, <= 2^32 */
    unsigned shift;
};

struct entry {
    char *text; /* NULL when the id is free */
    uint32_t length;
    uint32_t references; /* UINT32_MAX: for ever */
};

struct names {
    uint64_t key[2];
    size_t max;
    struct table table;
    struct table old; /* slots NULL when nothing is left to move */
    size_t moved;
    struct entry *entries;
    size_t count; /* entries with a text */
    size_t bytes; /* names_cost() of them */
    size_t bound; /* entries that ever had one */
    size_t room;
    uint32_t *free; /* heap of bound - count ids */
    size_t free_room;
    struct texts texts;
    size_t loaded; /* ids below it have a reference from names_checkpoint() */
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
        if (table->slots[i].id_next == DEAD) {
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

/* The slot of an id that has the tag, or NULL. */
static struct slot *table_slot(const struct table *table, uint32_t tag, uint32_t id)
{
    size_t mask = table->count - 1;
    size_t i = table_home(table, tag);
    while (table->slots[i].id_next != id + 1) {
        if (table->slots[i].id_next == 0) {
            return NULL;
        }
        i = (i + 1) & mask;
    }
    return &table->slots[i];
}

/* Empties a slot. Those behind it in the chain that may stand in the hole move up, each leaving the
 * next one: all whose home is not between the hole and where they are. */
static void table_remove(struct table *table, struct slot *slot)
{
    size_t mask = table->count - 1;
    size_t hole = (size_t)(slot - table->slots);
    for (size_t i = (hole + 1) & mask; table->slots[i].id_next != 0; i = (i + 1) & mask) {
        size_t home = table_home(table, table->slots[i].tag);
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            table->slots[hole] = table->slots[i];
            hole = i;
        }
    }
    table->slots[hole] = (struct slot){.id_next = 0};
}

static void move_some(struct names *names, size_t slots)
{
    while (names->old.slots != NULL && slots-- > 0) {
        struct slot slot = names->old.slots[names->moved++];
        if (slot.id_next != 0 && slot.id_next != DEAD) {
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

/* ---- free ids ---- */

static void free_push(struct names *names, uint32_t id)
{
    size_t at = names->bound - names->count - 1; /* the entry is counted as free already */
    names->free = alloc_grow(names->free, &names->free_room, at + 1, sizeof *names->free);
    while (at > 0 && names->free[(at - 1) / 2] > id) {
        names->free[at] = names->free[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    names->free[at] = id;
}

/* The smallest one; there is one. */
static uint32_t free_pop(struct names *names)
{
    uint32_t id = names->free[0];
    size_t count = names->bound - names->count - 1; /* without it */
    uint32_t last = names->free[count];
    size_t at = 0;
    for (size_t child = 1; child < count; child = 2 * at + 1) {
        child += child + 1 < count && names->free[child + 1] < names->free[child];
        if (names->free[child] >= last) {
            break;
        }
        names->free[at] = names->free[child];
        at = child;
    }
    names->free[at] = last;
    return id;
}

/* The smallest id that has no text; its entry is there. */
static uint32_t take_id(struct names *names)
{
    if (names->count < names->bound) {
        return free_pop(names);
    }
    names->entries =
        alloc_grow(names->entries, &names->room, names->bound + 1, sizeof *names->entries);
    return (uint32_t)names->bound++;
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
    texts_init(&names->texts);
    return names;
}

void names_destroy(struct names *names)
{
    if (names == NULL) {
        return;
    }
    for (size_t id = 0; id < names->bound; id++) {
        if (names->entries[id].text != NULL) {
            texts_drop(&names->texts, names->entries[id].text, names->entries[id].length);
        }
    }
    texts_finish(&names->texts);
    free(names->table.slots);
    free(names->old.slots);
    free(names->entries);
    free(names->free);
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
        names_retain(names, id);
        return id;
    }
    if (memchr(text, '\0', length) != NULL || names->count == names->max) {
        return NAMES_NONE;
    }
    grow_slots(names);
    id = take_id(names);
    names->entries[id] = (struct entry){.text = texts_keep(&names->texts, text, length),
                                        .length = (uint32_t)length,
                                        .references = 1};
    table_put(&names->table, (struct slot){.tag = tag, .id_next = id + 1});
    names->bytes += names_cost(length);
    names->count++;
    return id;
}

static struct entry *get_entry(const struct names *names, uint32_t id)
{
    err_require(id < names->bound && names->entries[id].references > 0);
    return &names->entries[id];
}

void names_retain(struct names *names, uint32_t id)
{
    struct entry *entry = get_entry(names, id);
    entry->references += entry->references < UINT32_MAX;
}

static void forget(struct names *names, uint32_t id)
{
    struct entry *entry = &names->entries[id];
    uint32_t tag = hash_tag(names->key, entry->text, entry->length);
    struct slot *slot = table_slot(&names->table, tag, id);
    if (slot != NULL) {
        table_remove(&names->table, slot);
    }
    slot = names->old.slots == NULL ? NULL : table_slot(&names->old, tag, id);
    if (slot != NULL) {
        slot->id_next = DEAD;
    }
    texts_drop(&names->texts, entry->text, entry->length);
    names->bytes -= names_cost(entry->length);
    *entry = (struct entry){.text = NULL};
    names->count--;
    free_push(names, id);
}

void names_release(struct names *names, uint32_t id)
{
    struct entry *entry = get_entry(names, id);
    entry->references -= entry->references < UINT32_MAX;
    if (entry->references == 0) {
        forget(names, id);
    }
}

const char *names_text(const struct names *names, uint32_t id)
{
    return get_entry(names, id)->text;
}

size_t names_length(const struct names *names, uint32_t id)
{
    return get_entry(names, id)->length;
}

size_t names_count(const struct names *names)
{
    return names->count;
}

size_t names_cost(size_t length)
{
    return texts_cost(length) + NAMES_COST;
}

size_t names_bytes(const struct names *names)
{
    return names->bytes;
}

size_t names_bound(const struct names *names)
{
    return names->bound;
}

bool names_has(const struct names *names, uint32_t id)
{
    return id < names->bound && names->entries[id].text != NULL;
}

/* ---- checkpoint ---- */

/* The text of the next id, or NULL for one that is free. */
static void load_name(struct names *names, struct checkpoint *checkpoint, const char *text,
                      size_t length)
{
    uint32_t id = (uint32_t)names->bound;
    names->entries =
        alloc_grow(names->entries, &names->room, names->bound + 1, sizeof *names->entries);
    names->entries[id] = (struct entry){.text = NULL};
    if (text == NULL) {
        names->bound++;
        free_push(names, id);
        return;
    }
    uint32_t tag = hash_tag(names->key, text, length);
    if (!checkpoint_check(checkpoint,
                          length <= NAMES_LENGTH_MAX && memchr(text, '\0', length) == NULL &&
                              names->count < names->max &&
                              find_tagged(names, tag, text, length) == NAMES_NONE,
                          "a name that cannot be")) {
        return;
    }
    grow_slots(names);
    names->entries[id] = (struct entry){.text = texts_keep(&names->texts, text, length),
                                        .length = (uint32_t)length,
                                        .references = 1};
    table_put(&names->table, (struct slot){.tag = tag, .id_next = id + 1});
    names->bytes += names_cost(length);
    names->count++;
    names->bound++;
}

/* One that its owner has interned when it was made. */
static void load_known(struct names *names, struct checkpoint *checkpoint, uint32_t id,
                       const char *text, size_t length)
{
    const struct entry *entry = &names->entries[id];
    if (checkpoint_check(checkpoint,
                         text != NULL && entry->text != NULL && entry->length == length &&
                             memcmp(entry->text, text, length) == 0,
                         "another name than the table begins with")) {
        names_retain(names, id);
    }
}

void names_checkpoint(struct names *names, struct checkpoint *checkpoint)
{
    uint32_t bound = (uint32_t)names->bound;
    checkpoint_count(checkpoint, &bound, (uint32_t)names->max);
    (void)checkpoint_check(checkpoint, checkpoint->failed || bound >= names->bound,
                           "fewer names than the table begins with");
    for (uint32_t id = 0; id < bound && !checkpoint->failed; id++) {
        const char *text = checkpoint->loading ? NULL : names->entries[id].text;
        size_t length = checkpoint->loading ? 0 : names->entries[id].length;
        checkpoint_bytes(checkpoint, &text, &length);
        if (checkpoint->loading && !checkpoint->failed && id < names->bound) {
            load_known(names, checkpoint, id, text, length);
        } else if (checkpoint->loading && !checkpoint->failed) {
            load_name(names, checkpoint, text, length);
        }
    }
    names->loaded = checkpoint->loading && !checkpoint->failed ? bound : 0;
}

void names_loaded(struct names *names)
{
    for (size_t id = 0; id < names->loaded; id++) {
        if (names->entries[id].text != NULL) {
            names_release(names, (uint32_t)id);
        }
    }
    names->loaded = 0;
}
