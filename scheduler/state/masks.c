// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/masks.h"

#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) abort()
#include <uthash.h>

#include "topology/base/alloc.h"
#include "topology/base/err.h"

/* Bits by row, in words of 64, found by the words of the rules. A mask copies those: the shape they
 * came from may go while others with the same rules stay.
 *
 * Invariant: after masks_update() bit r is set just when the rules let in row r; bits of rows that
 * never changed are not set, for a node is let in only after it was seen.
 */

/* As struct mask_refusals. */
struct refusals {
    uint8_t *codes;
    size_t room;
    uint32_t taints[UINT8_MAX - MASK_TAINTS + 1];
    uint32_t taint_count;
    uint64_t seen; /* change up to which they are current */
};

struct mask {
    UT_hash_handle hh; /* by rules */
    uint32_t references;
    struct admission rules; /* of own words */
    uint32_t *words;
    uint64_t *bits;
    size_t room;   /* words of bits */
    uint64_t seen; /* change up to which it is current */
    uint64_t version;
    struct refusals *refusals; /* or NULL: nobody has asked of late */
};

struct masks {
    const struct shapes *shapes;
    const struct recent *recent;
    struct node_index *index;
    uint32_t unschedulable_key; /* "node.kubernetes.io/unschedulable", which shapes keep a word */
    struct mask *table;
    struct mask *asked[MASKS_REFUSALS_MAX]; /* masks with refusals, the one asked for last first */
    uint32_t asked_count;
    uint64_t work;
};

struct masks *masks_create(const struct shapes *shapes, const struct recent *recent)
{
    static const char unschedulable[] = "node.kubernetes.io/unschedulable";
    struct masks *masks = alloc_zero(1, sizeof(*masks));
    masks->shapes = shapes;
    masks->recent = recent;
    masks->unschedulable_key =
        names_find(nodes_words(shapes_nodes(shapes)), unschedulable, sizeof(unschedulable) - 1);
    masks->index = node_index_create(shapes_nodes(shapes), recent);
    return masks;
}

void masks_destroy(struct masks *masks)
{
    if (masks == NULL) {
        return;
    }
    err_require(masks->table == NULL);
    node_index_destroy(masks->index);
    free(masks);
}

struct mask *masks_acquire(struct masks *masks, uint32_t shape)
{
    struct admission rules = shapes_admission(masks->shapes, shape);
    size_t size = rules.length * sizeof(uint32_t);
    struct mask *mask = NULL;
    HASH_FIND(hh, masks->table, rules.words, size, mask);
    if (mask == NULL) {
        mask = alloc_zero(1, sizeof(*mask));
        mask->words = alloc_zero(rules.length, sizeof(uint32_t));
        memcpy(mask->words, rules.words, size);
        mask->rules = rules;
        mask->rules.words = mask->words;
        HASH_ADD_KEYPTR(hh, masks->table, mask->words, size, mask);
    }
    mask->references++;
    return mask;
}

/* Takes the mask from those that were asked for; true when it was among them. */
static bool leave_asked(struct masks *masks, const struct mask *mask)
{
    uint32_t at = 0;
    while (at < masks->asked_count && masks->asked[at] != mask) {
        at++;
    }
    if (at == masks->asked_count) {
        return false;
    }
    masks->asked_count--;
    memmove(&masks->asked[at], &masks->asked[at + 1],
            (masks->asked_count - at) * sizeof(struct mask *));
    return true;
}

static void forget_refusals(struct masks *masks, struct mask *mask)
{
    (void)leave_asked(masks, mask);
    free(mask->refusals->codes);
    free(mask->refusals);
    mask->refusals = NULL;
}

/* It is the one asked for last. */
static void enter_asked(struct masks *masks, struct mask *mask)
{
    if (mask->refusals == NULL) {
        mask->refusals = alloc_zero(1, sizeof(struct refusals));
    }
    if (!leave_asked(masks, mask) && masks->asked_count == MASKS_REFUSALS_MAX) {
        forget_refusals(masks, masks->asked[MASKS_REFUSALS_MAX - 1]);
    }
    memmove(&masks->asked[1], &masks->asked[0], masks->asked_count * sizeof(struct mask *));
    masks->asked[0] = mask;
    masks->asked_count++;
}

void masks_release(struct masks *masks, struct mask *mask)
{
    err_require(mask->references > 0);
    if (--mask->references > 0) {
        return;
    }
    HASH_DELETE(hh, masks->table, mask);
    if (mask->refusals != NULL) {
        forget_refusals(masks, mask);
    }
    free(mask->words);
    free(mask->bits);
    free(mask);
}

bool masks_admits(const struct mask *mask, uint32_t row)
{
    return row / 64 < mask->room && (mask->bits[row / 64] >> row % 64 & 1) != 0;
}

/* True when the row's bit was another one. */
static bool put_bit(struct mask *mask, uint32_t row, bool admitted)
{
    if (masks_admits(mask, row) == admitted) {
        return false;
    }
    mask->bits = alloc_grow(mask->bits, &mask->room, row / 64 + 1, sizeof(uint64_t));
    mask->bits[row / 64] ^= UINT64_C(1) << row % 64;
    return true;
}

static bool has_long_terms(const struct mask *mask)
{
    return admission_terms_length(&mask->rules) > MASKS_LONG_TERMS;
}

/* What a look at one row costs. */
static uint64_t row_work(const struct mask *mask)
{
    return 1 + admission_terms_length(&mask->rules) / MASKS_LONG_TERMS;
}

/* The rows that one of the terms matches; *new*. */
static uint64_t *match_terms(struct masks *masks, const struct mask *mask)
{
    uint32_t words = node_index_words(masks->index);
    const uint32_t *word = &mask->rules.words[mask->rules.terms_at];
    uint32_t terms = *word++;
    uint64_t *matched = alloc_zero(words, sizeof *matched);
    for (uint32_t t = 0; t < terms; t++) {
        const uint64_t *term = node_index_term(masks->index, &word);
        for (uint32_t i = 0; i < words; i++) {
            matched[i] |= term[i];
        }
    }
    return matched;
}

/* Whether what is said beside the terms lets in the row. */
static bool admits_beside_terms(const struct masks *masks, const struct mask *mask, uint32_t row)
{
    const struct nodes *nodes = shapes_nodes(masks->shapes);
    uint32_t key;
    return nodes_get(nodes, row)->present && admission_selects(&mask->rules, nodes, row) &&
           admission_keeps_off(&mask->rules, nodes, masks->unschedulable_key, row, &key) ==
               ADMISSION_ADMITTED;
}

/* All rows at once; true when one of the bits was another one. */
static bool look_up(struct masks *masks, struct mask *mask)
{
    uint32_t rows = nodes_rows(shapes_nodes(masks->shapes));
    uint64_t *matched = match_terms(masks, mask);
    bool any = false;
    for (uint32_t row = 0; row < rows; row++) {
        bool admitted =
            (matched[row / 64] >> row % 64 & 1) != 0 && admits_beside_terms(masks, mask, row);
        any = put_bit(mask, row, admitted) || any;
    }
    masks->work += rows;
    free(matched);
    return any;
}

/* Whether so few rows changed that each is looked at. */
static bool few_changed(const struct recent *recent, uint64_t since)
{
    uint32_t count = 0;
    for (uint32_t row = recent_last(recent, since); row != RECENT_NONE && count <= MASKS_FEW_ROWS;
         row = recent_before(recent, row, since)) {
        count++;
    }
    return count <= MASKS_FEW_ROWS;
}

uint64_t masks_update(struct masks *masks, struct mask *mask)
{
    const struct recent *recent = masks->recent;
    bool changed = false;
    if (has_long_terms(mask) && !few_changed(recent, mask->seen)) {
        changed = look_up(masks, mask);
        mask->seen = recent->changes;
    }
    for (uint32_t row = recent_last(recent, mask->seen); row != RECENT_NONE;
         row = recent_before(recent, row, mask->seen)) {
        bool admitted = shapes_rules_admit(masks->shapes, &mask->rules, row);
        changed = put_bit(mask, row, admitted) || changed;
        masks->work += row_work(mask);
    }
    mask->seen = recent->changes;
    mask->version += changed;
    return mask->version;
}

/* The code of a node that is tainted with the key. */
static uint8_t code_of_taint(struct refusals *refusals, uint32_t key)
{
    uint32_t at = 0;
    while (at < refusals->taint_count && refusals->taints[at] != key) {
        at++;
    }
    if (at == sizeof(refusals->taints) / sizeof(refusals->taints[0])) {
        return MASK_ASK;
    }
    if (at == refusals->taint_count) {
        refusals->taints[refusals->taint_count++] = key;
    }
    return (uint8_t)(MASK_TAINTS + at);
}

/* Of a mask that is up to date, without a look at the terms. */
static enum admission_refusal refusal_beside_terms(const struct masks *masks,
                                                   const struct mask *mask, uint32_t row,
                                                   uint32_t *key)
{
    enum admission_refusal own = admission_keeps_off(&mask->rules, shapes_nodes(masks->shapes),
                                                     masks->unschedulable_key, row, key);
    if (own != ADMISSION_ADMITTED) {
        return own;
    }
    return masks_admits(mask, row) ? ADMISSION_ADMITTED : ADMISSION_UNWANTED;
}

struct mask_refusals masks_refusals(struct masks *masks, struct mask *mask)
{
    const struct recent *recent = masks->recent;
    bool looked_up = has_long_terms(mask);
    if (looked_up) {
        (void)masks_update(masks, mask);
    }
    enter_asked(masks, mask);
    struct refusals *refusals = mask->refusals;
    for (uint32_t row = recent_last(recent, refusals->seen); row != RECENT_NONE;
         row = recent_before(recent, row, refusals->seen)) {
        uint32_t key;
        enum admission_refusal kind =
            looked_up ? refusal_beside_terms(masks, mask, row, &key)
                      : shapes_rules_refusal(masks->shapes, &mask->rules, row, &key);
        refusals->codes =
            alloc_grow(refusals->codes, &refusals->room, (size_t)row + 1, sizeof(uint8_t));
        refusals->codes[row] =
            kind == ADMISSION_TAINTED ? code_of_taint(refusals, key) : (uint8_t)(MASK_KINDS + kind);
        masks->work++;
    }
    refusals->seen = recent->changes;
    return (struct mask_refusals){
        .codes = refusals->codes, .rows = refusals->room, .taints = refusals->taints};
}

bool masks_equal(const struct mask *a, const struct mask *b)
{
    const struct mask *longer = a->room >= b->room ? a : b;
    size_t common = a->room < b->room ? a->room : b->room;
    if (common > 0 && memcmp(a->bits, b->bits, common * sizeof(uint64_t)) != 0) {
        return false;
    }
    for (size_t i = common; i < longer->room; i++) {
        if (longer->bits[i] != 0) {
            return false;
        }
    }
    return true;
}

struct node_index *masks_index(struct masks *masks)
{
    return masks->index;
}

uint64_t masks_work(const struct masks *masks)
{
    return masks->work + node_index_work(masks->index);
}
