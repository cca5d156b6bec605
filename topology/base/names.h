// SPDX-License-Identifier: Apache-2.0
#ifndef TOPOLOGY_BASE_NAMES_H
#define TOPOLOGY_BASE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "topology/base/checkpoint.h"

/* Interned names: every distinct text gets a number, for as long as somebody refers to it.
 *
 *   slots   [ {tag, id} | {tag, id} | empty | … ]     open addressing, power of two, load <= 1/2
 *   entries [ {text, length, references} … ]          by id
 *   texts   "n0001", "n0002", …                       never move: *borrowed* while referred to
 *
 * Lookups sit on the hot path (every node name of every filter call), hence our own table: an
 * 8-byte slot holds 32 bits of the hash beside the id, so a miss seldom touches the text. Hashing
 * is keyed by a seed given at creation (clients choose names); ids do not depend on it. A new text
 * gets the smallest id that is free, so ids stay dense and depend on nothing but the order of the
 * calls: results are deterministic.
 *
 * Whoever keeps an id keeps a reference: names_intern() gives one, names_retain() one more,
 * names_release() takes one back. With the last one the text is forgotten and its id goes to
 * another text. A table whose owner releases nothing gives every text its number for ever, in order
 * of first sight. Texts that go are given back (texts.h); what was needed at the most beside them
 * stays allocated: 8 bytes for a slot, at least twice, and 20 for each name.
 */

#define NAMES_NONE UINT32_MAX

struct names;

/* *New* table for at most `max` names (max < 2^31) of at most NAMES_LENGTH_MAX bytes each. */
#define NAMES_LENGTH_MAX 4096
struct names *names_create(size_t max, uint64_t seed);
void names_destroy(struct names *names);

/* The id of the text with one reference more, given a new one at first sight. NAMES_NONE when the
 * table is full or the text is too long: the caller says which object it gives up. Texts with NUL
 * bytes are refused the same way. */
uint32_t names_intern(struct names *names, const char *text, size_t length);

/* One reference more to an id in use. A text that has 2^32 - 1 of them is never forgotten. */
void names_retain(struct names *names, uint32_t id);
/* One reference less. */
void names_release(struct names *names, uint32_t id);

/* The id of a text that is in the table, else NAMES_NONE: for comparing, and good as long as
 * somebody else refers to it. Never changes the table. */
uint32_t names_find(const struct names *names, const char *text, size_t length);

/* *Borrowed* NUL-terminated text, valid as long as somebody refers to it. */
const char *names_text(const struct names *names, uint32_t id);
size_t names_length(const struct names *names, uint32_t id);
size_t names_count(const struct names *names);
/* What a name of this length takes, and what all that are there do, about. */
#define NAMES_COST 40 /* beside the text */
size_t names_cost(size_t length);
size_t names_bytes(const struct names *names);
/* All ids are below this, for arrays by id: the most names that there ever were at one time. */
size_t names_bound(const struct names *names);

/* Saves the texts with their ids, or loads them into a table that has at most those that its owner
 * begins with: each with one reference, so that whoever is loaded next gets the id it had.
 * names_loaded() takes those back when everybody has their own; texts that nobody has are forgotten
 * then. */
void names_checkpoint(struct names *names, struct checkpoint *checkpoint);
void names_loaded(struct names *names);
/* Whether the id is one of a text. */
bool names_has(const struct names *names, uint32_t id);

#endif
