// SPDX-License-Identifier: Apache-2.0
#include "topology/base/bitset.h"

#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"
#include "topology/base/err.h"

/* Sets of small integers in 64-bit words, one allocation per set.
 *
 * Invariant: the bits of the last word past the universe are 0. Every function that could set them
 * (set_all, set_range) works on masks that end at `bits`; so counting, comparing and scanning go by
 * whole words without looking at the end again.
 *
 * A range [first, end) is cut into the words it touches, each with a mask:
 *
 *   first = 3, end = 130     word 0: bits 3-63     word 1: all     word 2: bits 0-1
 */

#define WORD_BITS 64u

struct bitset {
    size_t bits;
    size_t words;
    uint64_t word[];
};

struct bitset *bitset_create(size_t bits)
{
    size_t words = bits / WORD_BITS + (bits % WORD_BITS != 0);
    struct bitset *set = alloc_zero(1, sizeof *set + words * sizeof set->word[0]);
    set->bits = bits;
    set->words = words;
    return set;
}

struct bitset *bitset_copy(const struct bitset *set)
{
    struct bitset *copy = bitset_create(set->bits);
    memcpy(copy->word, set->word, set->words * sizeof set->word[0]);
    return copy;
}

void bitset_destroy(struct bitset *set)
{
    free(set);
}

size_t bitset_bits(const struct bitset *set)
{
    return set->bits;
}

void bitset_set(struct bitset *set, size_t bit)
{
    err_require(bit < set->bits);
    set->word[bit / WORD_BITS] |= UINT64_C(1) << (bit % WORD_BITS);
}

void bitset_clear(struct bitset *set, size_t bit)
{
    err_require(bit < set->bits);
    set->word[bit / WORD_BITS] &= ~(UINT64_C(1) << (bit % WORD_BITS));
}

bool bitset_test(const struct bitset *set, size_t bit)
{
    err_require(bit < set->bits);
    return (set->word[bit / WORD_BITS] >> (bit % WORD_BITS) & 1) != 0;
}

void bitset_set_all(struct bitset *set)
{
    bitset_set_range(set, 0, set->bits);
}

void bitset_clear_all(struct bitset *set)
{
    memset(set->word, 0, set->words * sizeof set->word[0]);
}

/* The bits of word `index` that lie in [first, end); the word must touch the range. */
static uint64_t range_mask(size_t index, size_t first, size_t end)
{
    size_t base = index * WORD_BITS;
    uint64_t mask = UINT64_MAX;
    if (first > base) {
        mask &= UINT64_MAX << (first - base);
    }
    if (end - base < WORD_BITS) {
        mask &= ~(UINT64_MAX << (end - base));
    }
    return mask;
}

/* One past the last word that [first, end) touches; an empty range touches none. */
static size_t range_words(const struct bitset *set, size_t first, size_t end)
{
    err_require(first <= end && end <= set->bits);
    return first == end ? first / WORD_BITS : (end - 1) / WORD_BITS + 1;
}

void bitset_set_range(struct bitset *set, size_t first, size_t end)
{
    size_t words = range_words(set, first, end);
    for (size_t i = first / WORD_BITS; i < words; i++) {
        set->word[i] |= range_mask(i, first, end);
    }
}

void bitset_and(struct bitset *set, const struct bitset *other)
{
    err_require(set->bits == other->bits);
    for (size_t i = 0; i < set->words; i++) {
        set->word[i] &= other->word[i];
    }
}

void bitset_and_not(struct bitset *set, const struct bitset *other)
{
    err_require(set->bits == other->bits);
    for (size_t i = 0; i < set->words; i++) {
        set->word[i] &= ~other->word[i];
    }
}

void bitset_or(struct bitset *set, const struct bitset *other)
{
    err_require(set->bits == other->bits);
    for (size_t i = 0; i < set->words; i++) {
        set->word[i] |= other->word[i];
    }
}

static size_t count_word(uint64_t word)
{
    return (size_t)__builtin_popcountll(word);
}

size_t bitset_count(const struct bitset *set)
{
    size_t count = 0;
    for (size_t i = 0; i < set->words; i++) {
        count += count_word(set->word[i]);
    }
    return count;
}

size_t bitset_count_range(const struct bitset *set, size_t first, size_t end)
{
    return bitset_count_and_range(set, set, first, end);
}

size_t bitset_count_and_range(const struct bitset *a, const struct bitset *b, size_t first,
                              size_t end)
{
    err_require(a->bits == b->bits);
    size_t words = range_words(a, first, end);
    size_t count = 0;
    for (size_t i = first / WORD_BITS; i < words; i++) {
        count += count_word(a->word[i] & b->word[i] & range_mask(i, first, end));
    }
    return count;
}

bool bitset_equal(const struct bitset *a, const struct bitset *b)
{
    err_require(a->bits == b->bits);
    return memcmp(a->word, b->word, a->words * sizeof a->word[0]) == 0;
}

size_t bitset_next(const struct bitset *set, size_t from)
{
    if (from >= set->bits) {
        return BITSET_END;
    }
    size_t i = from / WORD_BITS;
    uint64_t word = set->word[i] & UINT64_MAX << (from % WORD_BITS);
    while (word == 0) {
        i++;
        if (i == set->words) {
            return BITSET_END;
        }
        word = set->word[i];
    }
    return i * WORD_BITS + (size_t)__builtin_ctzll(word);
}
