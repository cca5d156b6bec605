// SPDX-License-Identifier: Apache-2.0
#ifndef TOPOLOGY_BASE_BITSET_H
#define TOPOLOGY_BASE_BITSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A set of small integers 0 … bits-1 in machine words.
 *
 *   word 0            word 1                 word (bits-1)/64
 *   [63 … 2 1 0]      [127 … 65 64]   …      [0 0 0 … x x x]   bits past the end are always 0
 *
 * The universe is fixed at creation; an index outside aborts: it is a mistake of the program, never
 * of the input.
 */

struct bitset;

#define BITSET_END SIZE_MAX

/* *New* empty set over `bits` members (0 is allowed). */
struct bitset *bitset_create(size_t bits);
struct bitset *bitset_copy(const struct bitset *set);
void bitset_destroy(struct bitset *set);

size_t bitset_bits(const struct bitset *set);
void bitset_set(struct bitset *set, size_t bit);
bool bitset_test(const struct bitset *set, size_t bit);

/* Smallest member >= from, or BITSET_END:
 *   for (size_t bit = bitset_next(set, 0); bit != BITSET_END; bit = bitset_next(set, bit + 1)) */
size_t bitset_next(const struct bitset *set, size_t from);

#endif
