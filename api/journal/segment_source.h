// SPDX-License-Identifier: Apache-2.0
#ifndef API_JOURNAL_SEGMENT_SOURCE_H
#define API_JOURNAL_SEGMENT_SOURCE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "topology/base/err.h"

/* The bytes of a journal's file, unpacked if they are packed. What the file holds is not trusted:
 * it takes a bounded amount of memory, whatever it says of itself.
 */

struct segment_source;

/* *Steals* the file. */
struct segment_source *segment_source_create(FILE *file);
void segment_source_destroy(struct segment_source *source);

/* Up to `room` more bytes, *count of them; 0 at the end, also where the file breaks off in the
 * middle of what was packed. */
int segment_source_read(struct segment_source *source, uint8_t *to, size_t room, size_t *count,
                        struct err *err);

#endif
