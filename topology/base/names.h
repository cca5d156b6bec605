// SPDX-License-Identifier: Apache-2.0
#ifndef TOPOLOGY_BASE_NAMES_H
#define TOPOLOGY_BASE_NAMES_H

#include <stddef.h>
#include <stdint.h>

/* Interned names: every distinct text gets a dense number, for ever.
 *
 *   slots   [ {tag, id} | {tag, id} | empty | … ]     open addressing, power of two, load <= 1/2
 *   entries [ {offset, length} … ]                    by id, in order of first sight
 *   texts   "n0001\0n0002\0…"                         chunks that never move: texts stay *borrowed*
 *
 * Lookups sit on the hot path (every node name of every filter call), hence our own table: an
 * 8-byte slot holds 32 bits of the hash beside the id, so a miss seldom touches the text. Hashing
 * is keyed by a seed given at creation (clients choose names); ids do not depend on it, only on
 * order of first sight, so results are deterministic.
 */

#define NAMES_NONE UINT32_MAX

struct names;

/* *New* table for at most `max` names (max < 2^31) of at most NAMES_LENGTH_MAX bytes each. */
#define NAMES_LENGTH_MAX 4096
struct names *names_create(size_t max, uint64_t seed);
void names_destroy(struct names *names);

/* The id of the text, given a new one at first sight. NAMES_NONE when the table is full or the text
 * is too long: the caller says which object it gives up. Texts with NUL bytes are refused the same
 * way. */
uint32_t names_intern(struct names *names, const char *text, size_t length);

/* The id of a text already seen, else NAMES_NONE. Never changes the table. */
uint32_t names_find(const struct names *names, const char *text, size_t length);

/* *Borrowed* NUL-terminated text, valid as long as the table. */
const char *names_text(const struct names *names, uint32_t id);
size_t names_length(const struct names *names, uint32_t id);
size_t names_count(const struct names *names);

#endif
