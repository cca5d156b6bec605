// SPDX-License-Identifier: Apache-2.0
#ifndef API_OPS_JOURNAL_FILE_H
#define API_OPS_JOURNAL_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "api/ops/log.h"
#include "scheduler/journal/writer.h"

/* The journal of a running daemon, on its way to a file (scheduler/journal/writer.h says what is in
 * it).
 *
 *   core thread                          writing thread
 *   journal_file_step() ──▶ [ buffer ] ──▶ write(2) ──▶ FILE
 *                            at most 64 MiB
 *
 * The core thread copies bytes and never waits for the disk. What a kill takes with it is what was
 * written down less than JOURNAL_FILE_DELAY_MS before.
 *
 * A journal can only be replayed from where its engine began, so there is no continuing it in a
 * second file: at the bound it ends with a record that says so, and the daemon goes on without. It
 * also ends, with a line in the log, when the disk is full or broken, or so slow that the buffer
 * runs over. The journal of the process before is kept as FILE.1.
 */

#define JOURNAL_FILE_DELAY_MS 20
#define JOURNAL_FILE_BUFFER   (64u << 20)
#define JOURNAL_FILE_LEAST    (64 << 10) /* bounds of `most` */
#define JOURNAL_FILE_MOST     ((int64_t)1 << 36)

struct journal_file;

struct journal_file_options {
    const char *path;
    int64_t most;  /* bytes the file may have */
    size_t buffer; /* bytes that may wait for the disk; 0: JOURNAL_FILE_BUFFER */
    const struct engine_options *engine;
    int64_t started;     /* milliseconds on the clock of the events, now */
    const char *program; /* its version */
    struct log *log;     /* *borrowed* */
};

/* Renames an old file, begins the new one and starts the thread. Fails when the file cannot be
 * made. */
int journal_file_create(const struct journal_file_options *options, struct journal_file **file,
                        struct err *err);

/* Ends the journal, and waits up to 5 seconds for what is not yet written. Takes NULL. */
void journal_file_destroy(struct journal_file *file);

/* Records what engine_apply() has just done. Core thread only. */
void journal_file_step(struct journal_file *file, const struct engine *engine,
                       const struct event *event, const struct effects *effects);

struct journal_file_status {
    bool recording;
    uint64_t steps; /* recorded */
    uint64_t bytes; /* of them and the header */
};
void journal_file_status(struct journal_file *file, struct journal_file_status *status);

#endif
