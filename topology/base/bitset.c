// SPDX-License-Identifier: Apache-2.0
#include "topology/base/bitset.h"

#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"
#include "topology/base/err.h"

/* Sets of small integers in 64-bit words, one allocation per set.
 *
 * Invariant: the bits of the last word past the universe are 0, so that scanning goes by whole
 * words without looking at the end again.
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

bool bitset_test(const struct bitset *set, size_t bit)
{
    err_require(bit < set->bits);
    return (set->word[bit / WORD_BITS] >> (bit % WORD_BITS) & 1) != 0;
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
