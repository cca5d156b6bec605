// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/node_index.h"

#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) abort()
#include <uthash.h>

#include "scheduler/objects.h"
#include "scheduler/state/admission.h"
#include "topology/base/alloc.h"
#include "topology/base/err.h"

/* A posting is the list of rows that carry one label; all postings of a key hang together. A row
 * knows its postings and its place in each, so that it leaves them in the time that its own labels
 * take.
 *
 * The index follows the node table only when it is asked. Until then a word of a label that is gone
 * may have come to mean something else; so the postings of changed rows are left before any is
 * entered, and an empty posting goes at once. What is asked about has words that live.
 *
 * Only labels of nodes are indexed, which nobody but who runs the cluster writes.
 */

#define OPS_PER_STEP 4

struct posting {
    UT_hash_handle hh;
    uint64_t label; /* key and value */
    struct index_key *key;
    struct posting *before, *after; /* of the same key */
    uint32_t *rows;
    uint32_t count;
    size_t room;
    uint64_t seen;  /* by the question with that number */
    bool is_number; /* as Gt and Lt compare */
    int64_t number;
};

struct index_key {
    UT_hash_handle hh;
    uint32_t key;
    struct posting *first;
};

/* A row in one of its postings. */
struct entry {
    struct posting *posting;
    uint32_t at;
};

struct index_row {
    struct entry *entries;
    uint32_t count;
};

struct node_index {
    const struct nodes *nodes;
    const struct recent *recent;
    uint64_t followed; /* change up to which it is current */
    struct posting *postings;
    struct index_key *keys;
    struct index_row *rows;
    size_t row_room;
    uint64_t *term, *expression;
    size_t term_room, expression_room;
    uint64_t questions;
    uint64_t ops;
};

struct node_index *node_index_create(const struct nodes *nodes, const struct recent *recent)
{
    struct node_index *index = alloc_zero(1, sizeof *index);
    index->nodes = nodes;
    index->recent = recent;
    return index;
}

/* ---- rows in and out ---- */

static void drop_posting(struct node_index *index, struct posting *posting)
{
    struct index_key *key = posting->key;
    *(posting->before != NULL ? &posting->before->after : &key->first) = posting->after;
    if (posting->after != NULL) {
        posting->after->before = posting->before;
    }
    if (key->first == NULL) {
        err_require(index->keys != NULL); /* it is in there */
        // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): uthash
        HASH_DELETE(hh, index->keys, key);
        free(key);
    }
    err_require(index->postings != NULL);
    // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): uthash
    HASH_DELETE(hh, index->postings, posting);
    free(posting->rows);
    free(posting);
}

/* The last row of the posting takes the place of the one that leaves. */
static void leave_posting(struct node_index *index, const struct entry *entry)
{
    struct posting *posting = entry->posting;
    uint32_t moved = posting->rows[--posting->count];
    struct index_row *row = &index->rows[moved];
    posting->rows[entry->at] = moved;
    for (uint32_t i = 0; i < row->count; i++) {
        if (row->entries[i].posting == posting) {
            row->entries[i].at = entry->at;
        }
    }
    index->ops += row->count;
    if (posting->count == 0) {
        drop_posting(index, posting);
    }
}

static void leave_row(struct node_index *index, uint32_t at)
{
    struct index_row *row = &index->rows[at];
    while (row->count > 0) {
        struct entry entry = row->entries[--row->count];
        leave_posting(index, &entry);
    }
    free(row->entries);
    row->entries = NULL;
}

static struct index_key *find_key(const struct node_index *index, uint32_t word)
{
    struct index_key *key = NULL;
    HASH_FIND(hh, index->keys, &word, sizeof word, key);
    return key;
}

static struct posting *find_posting(const struct node_index *index, uint32_t key, uint32_t value)
{
    uint64_t label = (uint64_t)key << 32 | value;
    struct posting *posting = NULL;
    HASH_FIND(hh, index->postings, &label, sizeof label, posting);
    return posting;
}

static struct posting *add_posting(struct node_index *index, const struct label *label)
{
    struct posting *posting = alloc_zero(1, sizeof *posting);
    struct index_key *key = find_key(index, label->key);
    if (key == NULL) {
        key = alloc_zero(1, sizeof *key);
        key->key = label->key;
        HASH_ADD(hh, index->keys, key, sizeof key->key, key);
    }
    posting->label = (uint64_t)label->key << 32 | label->value;
    posting->key = key;
    posting->after = key->first;
    if (key->first != NULL) {
        key->first->before = posting;
    }
    key->first = posting;
    posting->is_number =
        admission_number(names_text(nodes_words(index->nodes), label->value), &posting->number);
    HASH_ADD(hh, index->postings, label, sizeof posting->label, posting);
    return posting;
}

static void enter_row(struct node_index *index, uint32_t at)
{
    const struct node *node = nodes_get(index->nodes, at);
    struct index_row *row = &index->rows[at];
    row->entries = alloc_zero((size_t)node->label_count + 1, sizeof *row->entries);
    for (uint32_t i = 0; i < node->label_count; i++) {
        const struct label *label = &node->labels[i];
        struct posting *posting = find_posting(index, label->key, label->value);
        posting = posting != NULL ? posting : add_posting(index, label);
        posting->rows = alloc_grow(posting->rows, &posting->room, (size_t)posting->count + 1,
                                   sizeof *posting->rows);
        row->entries[row->count++] = (struct entry){posting, posting->count};
        posting->rows[posting->count++] = at;
    }
    index->ops += 16 * (uint64_t)(1 + node->label_count);
}

static void follow(struct node_index *index)
{
    const struct recent *recent = index->recent;
    if (index->followed == recent->changes) {
        return;
    }
    index->rows = alloc_grow(index->rows, &index->row_room, (size_t)nodes_rows(index->nodes) + 1,
                             sizeof *index->rows);
    for (uint32_t row = recent_last(recent, index->followed); row != RECENT_NONE;
         row = recent_before(recent, row, index->followed)) {
        leave_row(index, row);
    }
    for (uint32_t row = recent_last(recent, index->followed); row != RECENT_NONE;
         row = recent_before(recent, row, index->followed)) {
        enter_row(index, row);
    }
    index->followed = recent->changes;
}

void node_index_destroy(struct node_index *index)
{
    if (index == NULL) {
        return;
    }
    for (size_t row = 0; row < index->row_room; row++) {
        leave_row(index, (uint32_t)row);
    }
    free(index->rows);
    free(index->term);
    free(index->expression);
    free(index);
}

/* ---- questions ---- */

uint32_t node_index_words(const struct node_index *index)
{
    return nodes_rows(index->nodes) / 64 + 1;
}

static void set_all(uint64_t *set, uint32_t words, bool value)
{
    memset(set, value ? 0xff : 0, words * sizeof *set);
}

static void flip(uint64_t *set, uint32_t words)
{
    for (uint32_t i = 0; i < words; i++) {
        set[i] = ~set[i];
    }
}

static void add_row(struct node_index *index, uint32_t row)
{
    index->expression[row / 64] |= UINT64_C(1) << row % 64;
}

/* A value that is listed twice counts once. */
static void add_rows(struct node_index *index, struct posting *posting)
{
    if (posting == NULL || posting->seen == index->questions) {
        return;
    }
    posting->seen = index->questions;
    for (uint32_t i = 0; i < posting->count; i++) {
        add_row(index, posting->rows[i]);
    }
    index->ops += posting->count;
}

/* Rows whose label is one of the values. */
static void add_listed(struct node_index *index, uint32_t key, const uint32_t *values,
                       uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        add_rows(index, find_posting(index, key, values[i]));
    }
    index->ops += 4 * (uint64_t)count;
}

/* Rows of nodes that are called one of the values. */
static void add_named(struct node_index *index, const uint32_t *values, uint32_t count)
{
    const struct names *words = nodes_words(index->nodes);
    for (uint32_t i = 0; i < count; i++) {
        const char *name = values[i] == NAMES_NONE ? "" : names_text(words, values[i]);
        uint32_t row = nodes_find(index->nodes, name, strlen(name));
        if (row != NAMES_NONE) {
            add_row(index, row);
        }
    }
    index->ops += 8 * (uint64_t)count;
}

static void add_keyed(struct node_index *index, uint32_t key)
{
    const struct index_key *it = find_key(index, key);
    for (struct posting *p = it == NULL ? NULL : it->first; p != NULL; p = p->after) {
        add_rows(index, p);
    }
}

static void add_compared(struct node_index *index, uint32_t key, bool greater, uint32_t value)
{
    const struct index_key *it = find_key(index, key);
    int64_t limit;
    if (value == NAMES_NONE ||
        !admission_number(names_text(nodes_words(index->nodes), value), &limit)) {
        return;
    }
    for (struct posting *p = it == NULL ? NULL : it->first; p != NULL; p = p->after) {
        if (p->is_number && (greater ? p->number > limit : p->number < limit)) {
            add_rows(index, p);
        }
        index->ops++;
    }
}

/* What else may be asked of a node's name is asked node by node: no API server lets it through. */
static void add_each(struct node_index *index, const uint32_t *expression)
{
    for (uint32_t row = 0; row < nodes_rows(index->nodes); row++) {
        if (admission_holds(index->nodes, row, expression)) {
            add_row(index, row);
        }
    }
    index->ops += 8 * (uint64_t)nodes_rows(index->nodes);
}

static void find_rows(struct node_index *index, const uint32_t *expression, uint32_t words)
{
    enum selector_operator relation = (enum selector_operator)(expression[1] & 0xffu);
    bool field = (expression[1] & ADMISSION_FIELD) != 0;
    bool listed = relation == SELECTOR_IN || relation == SELECTOR_NOT_IN;
    index->questions++;
    set_all(index->expression, words, false);
    if (field && listed) {
        add_named(index, &expression[3], expression[2]);
    } else if (field) {
        add_each(index, expression);
    } else if (listed) {
        add_listed(index, expression[0], &expression[3], expression[2]);
    } else if (relation == SELECTOR_EXISTS || relation == SELECTOR_DOES_NOT_EXIST) {
        add_keyed(index, expression[0]);
    } else if (expression[2] == 1) {
        add_compared(index, expression[0], relation == SELECTOR_GREATER, expression[3]);
    }
    if (relation == SELECTOR_NOT_IN || (relation == SELECTOR_DOES_NOT_EXIST && !field)) {
        flip(index->expression, words);
    }
    index->ops += words;
}

/* Keeps what is in both; false when that is nothing. */
static bool intersect(struct node_index *index, uint32_t words)
{
    uint64_t any = 0;
    for (uint32_t i = 0; i < words; i++) {
        index->term[i] &= index->expression[i];
        any |= index->term[i];
    }
    return any != 0;
}

const uint64_t *node_index_term(struct node_index *index, const uint32_t **word)
{
    uint32_t words = node_index_words(index), expressions = *(*word)++;
    follow(index);
    index->term = alloc_grow(index->term, &index->term_room, words, sizeof(uint64_t));
    index->expression =
        alloc_grow(index->expression, &index->expression_room, words, sizeof(uint64_t));
    bool any = expressions > 0;
    set_all(index->term, words, any);
    for (uint32_t e = 0; e < expressions; e++) {
        if (any) {
            find_rows(index, *word, words);
            any = intersect(index, words);
        }
        *word += 3 + (*word)[2];
    }
    return index->term;
}

uint64_t node_index_work(const struct node_index *index)
{
    return index->ops / OPS_PER_STEP;
}
