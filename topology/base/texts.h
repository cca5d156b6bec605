// SPDX-License-Identifier: Apache-2.0
#ifndef TOPOLOGY_BASE_TEXTS_H
#define TOPOLOGY_BASE_TEXTS_H

#include <stddef.h>

/* Many short texts that come and go, close together in memory.
 *
 *   chunk   [ "gpu-node-000001\0" | "rack-17\0········" | free | … ]    pieces of one size
 *
 * A text is found by its pointer and never moves. Its piece is used again, by a text of about the
 * same length, once it is dropped; a chunk of which nothing is used is given back, but for one of
 * each size, so what was needed for many texts is not kept when they are gone. Longer texts are
 * allocated one by one.
 *
 * Built with AddressSanitizer every text is an allocation of its own, so that one used after it was
 * dropped is found.
 */

#define TEXTS_PIECE 16u
#define TEXTS_SIZES 16u /* multiples of TEXTS_PIECE, with the NUL byte */

struct texts_chunk;

struct texts {
    struct texts_chunk *open[TEXTS_SIZES]; /* with room, by size */
    size_t chunks;                         /* how many there are */
};

void texts_init(struct texts *texts);
/* All that were kept must have been dropped before. */
void texts_finish(struct texts *texts);

/* A NUL-terminated copy, *borrowed* until it is dropped. */
char *texts_keep(struct texts *texts, const char *text, size_t length);
/* Gives back what texts_keep() gave for this length. */
void texts_drop(struct texts *texts, char *text, size_t length);

/* What a text of this length takes. */
size_t texts_cost(size_t length);

#endif
