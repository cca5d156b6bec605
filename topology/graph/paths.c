// SPDX-License-Identifier: Apache-2.0
#include "topology/graph/paths.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"
#include "topology/base/names.h"

/* From labels to paths, in three passes over the nodes:
 *
 *   1. read     the key of each level that counts (struct paths_keys), and its value; levels that
 *               nobody carries are left out
 *   2. rank     all values are sorted as texts once: step = rank of the value × keys + key
 *   3. resolve   below a missing label only anchors stay
 *
 *   labels           read             resolved
 *   b1  r1  c1       b1  r1  c1       b1  r1  c1
 *   b1  r2  c2       b1  r2  c2       b1  r2  c2
 *   b1      c3       b1  -   c3       b1  -   c3      with everybody else at b1 - c3
 *   b1      c1       b1  -   c1       b1  -   -       c1 is below r1, too: alone below b1
 *
 * So paths are equal down to a step exactly where the labels above it are, which is why a run of
 * missing steps that ends with the same anchor is the same place, whoever stands there.
 */

static_assert((uint64_t)VOCABULARY_MAX * LEVEL_KEYS_MAX < PATHS_NONE, "steps fit");
static_assert(LEVELS_MAX <= 32 && LEVEL_KEYS_MAX <= 16, "levels and keys are kept as bits");

/* What paths_init() works with and throws away. */
struct reading {
    const struct nodes *nodes;
    const struct names *words;
    uint32_t *values; /* vocabulary ids, level after level, a node each */
    uint8_t *places;  /* beside each value: the place of its key in the level */
};

/* ---- 1. read ---- */

static void list_rows(struct paths *paths, const struct nodes *nodes)
{
    paths->rows = alloc_zero(nodes_present(nodes), sizeof *paths->rows);
    for (uint32_t row = 0; row < nodes_rows(nodes); row++) {
        if (nodes_get(nodes, row)->present) {
            paths->rows[paths->count++] = row;
        }
    }
}

/* An empty value says nothing about where the node is, so two nodes that have it share nothing. */
static uint32_t read_key(const struct nodes *nodes, uint32_t row, uint32_t key)
{
    uint32_t value = key == NAMES_NONE ? NAMES_NONE : nodes_label(nodes, row, key);
    bool said = value != NAMES_NONE && names_length(nodes_words(nodes), value) > 0;
    return said ? value : NAMES_NONE;
}

uint32_t paths_mask(const struct nodes *nodes, uint32_t row, const uint32_t *keys,
                    uint32_t key_count)
{
    uint32_t mask = 0;
    for (uint32_t k = 0; k < key_count; k++) {
        mask |= read_key(nodes, row, keys[k]) != NAMES_NONE ? 1u << k : 0;
    }
    return mask;
}

uint32_t paths_read(const struct nodes *nodes, uint32_t row, const uint32_t *keys, uint32_t mask,
                    uint32_t choice, uint32_t *place)
{
    *place = 0;
    if (mask == 0) {
        return NAMES_NONE;
    }
    bool chosen = choice < LEVEL_KEYS_MAX && (mask >> choice & 1u) != 0;
    *place = chosen ? choice : (uint32_t)__builtin_ctz(mask);
    return nodes_label(nodes, row, keys[*place]);
}

void paths_count(struct paths_keys *keys, uint32_t mask, bool added)
{
    uint32_t one = added ? 1 : UINT32_MAX; /* that is -1 */
    keys->carriers += mask != 0 ? one : 0;
    for (uint32_t k = 0; k < LEVEL_KEYS_MAX; k++) {
        bool carried = (mask >> k & 1u) != 0;
        keys->carry[k] += carried ? one : 0;
        keys->first[k] += carried && (mask & ((1u << k) - 1)) == 0 ? one : 0;
    }
}

uint32_t paths_choice(const struct paths_keys *keys)
{
    uint32_t firsts = 0;
    uint32_t choice = PATHS_IN_ORDER;
    for (uint32_t k = LEVEL_KEYS_MAX; k-- > 0;) {
        firsts += keys->first[k] > 0;
        choice = keys->carry[k] == keys->carriers ? k : choice;
    }
    return firsts > 1 ? choice : PATHS_IN_ORDER;
}

/* One level of all nodes, as the paths' next one; it stays when some node carries it. */
static void read_level(struct paths *paths, const struct reading *reading,
                       const struct level *level, uint32_t index)
{
    uint32_t *keys = paths->keys[paths->length];
    struct paths_keys *counts = &paths->counts[index];
    size_t from = (size_t)paths->count * paths->length;
    for (uint32_t k = 0; k < LEVEL_KEYS_MAX; k++) {
        keys[k] = k < level->key_count
                      ? names_find(reading->words, level->keys[k], strlen(level->keys[k]))
                      : NAMES_NONE;
    }
    for (uint32_t i = 0; i < paths->count; i++) {
        uint32_t mask = paths_mask(reading->nodes, paths->rows[i], keys, level->key_count);
        paths->masks[(size_t)i * LEVELS_MAX + index] = (uint16_t)mask;
        paths_count(counts, mask, true);
    }
    uint32_t choice = paths_choice(counts);
    for (uint32_t i = 0; i < paths->count; i++) {
        uint32_t place = 0;
        reading->values[from + i] =
            paths_read(reading->nodes, paths->rows[i], keys,
                       paths->masks[(size_t)i * LEVELS_MAX + index], choice, &place);
        reading->places[from + i] = (uint8_t)place;
    }
    if (counts->carriers > 0) {
        paths->levels[paths->length++] = index;
    }
}

/* ---- 2. rank ---- */

struct word {
    const char *text;
    uint32_t id;
};

static int compare_words(const void *left, const void *right)
{
    const struct word *a = left;
    const struct word *b = right;
    return strcmp(a->text, b->text);
}

/* Ranks by value id, for the ids that occur; fills paths->ranked. *New*. */
static uint32_t *rank_values(struct paths *paths, const struct reading *reading)
{
    uint32_t *ranks = alloc_zero(names_bound(reading->words), sizeof *ranks);
    struct word *used = alloc_zero(0, sizeof *used);
    size_t room = 0;
    uint32_t count = 0;
    for (size_t i = 0; i < (size_t)paths->count * paths->length; i++) {
        uint32_t id = reading->values[i];
        if (id != NAMES_NONE && ranks[id] == 0) {
            ranks[id] = 1; /* seen */
            used = alloc_grow(used, &room, (size_t)count + 1, sizeof *used);
            used[count++] = (struct word){.text = names_text(reading->words, id), .id = id};
        }
    }
    qsort(used, count, sizeof *used, compare_words);
    paths->ranked_count = count;
    paths->ranked = alloc_zero(count, sizeof *paths->ranked);
    for (uint32_t i = 0; i < count; i++) {
        ranks[used[i].id] = i;
        paths->ranked[i] = used[i].id;
    }
    free(used);
    return ranks;
}

/* Returns whether every node has every step. */
static bool write_steps(struct paths *paths, const struct reading *reading)
{
    bool complete = true;
    uint32_t *ranks = rank_values(paths, reading);
    paths->steps = alloc_zero((size_t)paths->count * paths->length, sizeof *paths->steps);
    for (uint32_t i = 0; i < paths->count; i++) {
        uint32_t *path = paths->steps + (size_t)i * paths->length;
        for (uint32_t l = 0; l < paths->length; l++) {
            size_t at = (size_t)l * paths->count + i;
            uint32_t value = reading->values[at];
            path[l] = PATHS_NONE;
            if (value != NAMES_NONE) {
                path[l] = ranks[value] * LEVEL_KEYS_MAX + reading->places[at];
            }
            complete = complete && value != NAMES_NONE;
        }
    }
    free(ranks);
    return complete;
}

/* ---- 3. resolve ---- */

#define NOBODY    UINT32_MAX
#define AMBIGUOUS (UINT32_MAX - 1)

/* Marks, in bit `level` of each node's mask, the steps of one level and key that occur below
 * different labels. `first`: a node by rank, all NOBODY before and after. */
static void mark_ambiguous(const struct paths *paths, uint32_t level, uint32_t key, uint32_t *first,
                           uint32_t *masks)
{
    for (int pass = 0; pass < 3; pass++) {
        for (uint32_t i = 0; i < paths->count; i++) {
            const uint32_t *path = paths_of(paths, i);
            if (path[level] == PATHS_NONE || path[level] % LEVEL_KEYS_MAX != key) {
                continue;
            }
            uint32_t *seen = &first[path[level] / LEVEL_KEYS_MAX];
            if (pass == 0 && *seen == NOBODY) {
                *seen = i;
            } else if (pass == 0 && *seen != AMBIGUOUS &&
                       memcmp(paths_of(paths, *seen), path, level * sizeof *path) != 0) {
                *seen = AMBIGUOUS;
            } else if (pass == 1 && *seen == AMBIGUOUS) {
                masks[i] |= 1u << level;
            } else if (pass == 2) {
                *seen = NOBODY;
            }
        }
    }
}

/* By node: the levels at which what it carries occurs below different labels. *New*. */
static uint32_t *find_ambiguous(const struct paths *paths)
{
    uint32_t *masks = alloc_zero(paths->count, sizeof *masks);
    uint32_t *first = alloc_zero(paths->ranked_count, sizeof *first);
    memset(first, 0xff, paths->ranked_count * sizeof *first);
    for (uint32_t l = 1; l < paths->length; l++) {
        uint32_t keys = 0;
        for (uint32_t i = 0; i < paths->count; i++) {
            uint32_t step = paths_of(paths, i)[l];
            keys |= step == PATHS_NONE ? 0 : 1u << (step % LEVEL_KEYS_MAX);
        }
        for (uint32_t key = 0; key < LEVEL_KEYS_MAX; key++) {
            if ((keys >> key & 1u) != 0) {
                mark_ambiguous(paths, l, key, first, masks);
            }
        }
    }
    free(first);
    return masks;
}

static void resolve(struct paths *paths)
{
    uint32_t *masks = find_ambiguous(paths);
    for (uint32_t i = 0; i < paths->count; i++) {
        uint32_t *path = paths->steps + (size_t)i * paths->length;
        bool lost = false;
        bool missing = false;
        for (uint32_t l = 0; l < paths->length; l++) {
            bool carried = path[l] != PATHS_NONE;
            bool cut = carried && lost && (masks[i] >> l & 1u) != 0;
            paths->below = paths->below || (carried && missing);
            paths->cut[i] = paths->cut[i] || cut;
            missing = missing || !carried;
            lost = cut || !carried;
            path[l] = lost ? PATHS_NONE : path[l];
        }
    }
    free(masks);
}

void paths_init(struct paths *paths, const struct levels *levels, const struct nodes *nodes)
{
    *paths = (struct paths){.count = 0};
    list_rows(paths, nodes);
    paths->masks = alloc_zero((size_t)paths->count * LEVELS_MAX, sizeof *paths->masks);
    size_t cells = (size_t)paths->count * levels->count;
    struct reading reading = {.nodes = nodes,
                              .words = nodes_words(nodes),
                              .values = alloc_zero(cells, sizeof *reading.values),
                              .places = alloc_zero(cells, sizeof *reading.places)};
    for (uint32_t l = 0; l + 1 < levels->count; l++) {
        read_level(paths, &reading, &levels->items[l], l);
    }
    bool complete = write_steps(paths, &reading);
    paths->cut = alloc_zero(paths->count, sizeof *paths->cut);
    free(reading.values);
    free(reading.places);
    if (!complete) {
        resolve(paths);
    }
}

void paths_finish(struct paths *paths)
{
    free(paths->rows);
    free(paths->masks);
    free(paths->steps);
    free(paths->cut);
    free(paths->ranked);
    *paths = (struct paths){.count = 0};
}
