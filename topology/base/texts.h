// SPDX-License-Identifier: Apache-2.0
#ifndef TOPOLOGY_BASE_TEXTS_H
#define TOPOLOGY_BASE_TEXTS_H

#include <stddef.h>

/* Many short texts that come and go, close together in memory.
 *
 *   chunk   [ "gpu-node-000001\0" | "rack-17\0········" | free | … ]    pieces of 16 … 256 bytes
 *
 * A text is found by its pointer and never moves. Its piece is used again, by a text of about the
 * same length, once it is dropped; chunks stay until the end, so what is taken is at most what each
 * length once needed. Longer texts are allocated one by one.
 *
 * Built with AddressSanitizer every text is an allocation of its own, so that one used after it was
 * dropped is found.
 */

#define TEXTS_PIECE 16u
#define TEXTS_SIZES 16u /* multiples of TEXTS_PIECE, with the NUL byte */

struct texts_chunk;
struct texts_piece;

struct texts {
    struct texts_chunk *chunks; /* newest first */
    struct texts_piece *free[TEXTS_SIZES];
};

void texts_init(struct texts *texts);
/* All that were kept must have been dropped before. */
void texts_finish(struct texts *texts);

/* A NUL-terminated copy, *borrowed* until it is dropped. */
char *texts_keep(struct texts *texts, const char *text, size_t length);
/* Gives back what texts_keep() gave for this length. */
void texts_drop(struct texts *texts, char *text, size_t length);

#endif
