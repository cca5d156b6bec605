// SPDX-License-Identifier: Apache-2.0
#ifndef API_JOURNAL_SEGMENTS_H
#define API_JOURNAL_SEGMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "topology/base/err.h"

/* The directory of a journal, and the segments in it.
 *
 *   0000000041.journal.zst        whole, or what a crash or a full disk left of it
 *   0000000042.journal.zst.open   being written
 *   lock                          held by the process that writes
 *
 * Numbers go up for ever and across restarts, so the names sort by age. Without compression there
 * is no ".zst". Whatever else lies in the directory is left alone.
 */

#define SEGMENTS_NAME_MAX 32
#define SEGMENTS_MAX      (1u << 20) /* in a directory */

struct segment {
    uint32_t number;
    bool compressed;
    bool open;
    int64_t size;       /* bytes on disk */
    int64_t changed_ms; /* on the clock on the wall */
};

struct segments {
    struct segment *items; /* by number */
    size_t count;
    size_t room;
    int64_t size; /* of all of them */
};

/* Opens the directory and makes it if its parent is there. */
int segments_open(const char *path, int *folder, struct err *err);
/* Nobody else writes there as long as the descriptor *lock is open. */
int segments_lock(int folder, int *lock, struct err *err);

/* *New* list, segments_finish() frees it. */
int segments_list(int folder, struct segments *list, struct err *err);
void segments_finish(struct segments *list);
void segments_append(struct segments *list, const struct segment *segment);

void segments_name(const struct segment *segment, char name[SEGMENTS_NAME_MAX]);
/* Number, compressed and open; false when no segment is called that. */
bool segments_parse(const char *name, struct segment *segment);

/* Renames those that a process left open which is no more. */
int segments_adopt(int folder, struct segments *list, struct err *err);

/* Deletes the oldest while all of them, and `more` bytes besides, are larger than `size_most`, or
 * while they changed last before `since_ms`. How many it deleted; those that cannot be deleted are
 * taken off the list as well. */
size_t segments_prune(int folder, struct segments *list, int64_t more, int64_t size_most,
                      int64_t since_ms);

#endif
