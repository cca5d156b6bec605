// SPDX-License-Identifier: Apache-2.0
#ifndef API_JOURNAL_SEGMENT_FILE_H
#define API_JOURNAL_SEGMENT_FILE_H

#include "api/journal/segments.h"

/* A segment on its way to the disk. As long as it is written its name ends in ".open"; what has
 * been flushed can be read, by other processes too. Closed, it is on the disk whole before it gets
 * its name.
 */

struct segment_file;

int segment_file_create(int folder, uint32_t number, bool compress, struct segment_file **file,
                        struct err *err);
int segment_file_write(struct segment_file *file, const uint8_t *bytes, size_t count,
                       struct err *err);
/* Everything written so far can be read. */
int segment_file_flush(struct segment_file *file, struct err *err);
int64_t segment_file_size(const struct segment_file *file);

/* Ends the file, or gives it its name as it is when it can no longer be written; *steals* it. Tells
 * what it has become, also on failure. */
int segment_file_close(struct segment_file *file, bool whole, struct segment *segment,
                       struct err *err);

#endif
