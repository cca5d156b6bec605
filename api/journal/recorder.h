// SPDX-License-Identifier: Apache-2.0
#ifndef API_JOURNAL_RECORDER_H
#define API_JOURNAL_RECORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/journal/writer.h"

/* The journal of a running daemon, on its way to a directory of segments (segments.h), each of
 * which is a journal of its own (scheduler/journal/writer.h).
 *
 *   core thread                                 writing thread
 *   recorder_step() ────────▶ [ pieces ] ─────▶ pack, write(2) ──▶ SEGMENT
 *   recorder_checkpoint() ──▶  at most 64 MiB    frames the state, ends the segment before,
 *                              and one state     deletes the oldest
 *
 * The core thread copies bytes and never waits for the disk. What a kill takes with it is what was
 * written down less than RECORDER_DELAY_MS before.
 *
 * A segment ends when it is as large as configured and no smaller than the state at its head, so
 * that states are never most of what is written; or when it is a quarter as old as the oldest one
 * kept. Then recorder_is_due() asks for the next one, which begins with the state.
 *
 * When the disk is full or broken, or so slow that the pieces run over, recording stops, with a
 * line in the log, and the daemon goes on. Every RECORDER_RETRY_MS the writing thread looks whether
 * there is room for a state again, and then asks for a new segment. What happened in between is
 * missing.
 */

#define RECORDER_DELAY_MS     20
#define RECORDER_RETRY_MS     5000
#define RECORDER_WAITING_MOST (64u << 20)

/* Bounds of what is configured. */
#define RECORDER_SEGMENT_LEAST (64 << 10)
#define RECORDER_SEGMENT_MOST  ((int64_t)1 << 36)
#define RECORDER_KEEP_LEAST    (128 << 10)
#define RECORDER_KEEP_MOST     ((int64_t)1 << 50)

struct recorder;

/* From either thread. */
enum recorder_level { RECORDER_INFO, RECORDER_WARNING, RECORDER_ERROR };
typedef void recorder_tell(void *context, enum recorder_level level, const char *what,
                           const char *segment, const char *why);

struct recorder_options {
    const char *path;
    int64_t segment_size; /* bytes of steps before they are packed */
    int64_t keep_size;    /* bytes on disk */
    int64_t keep_age_ms;
    bool compress;
    const struct engine_options *engine; /* copied */
    int64_t started;                     /* milliseconds on the clock of the events, now */
    const char *program;                 /* its version; *borrowed* */
    recorder_tell *tell;
    void *context;
    /* 0: as above. For tests. */
    size_t waiting_most;
    int64_t retry_ms;
};

/* Opens the directory, renames what a process before left open, begins the first segment and starts
 * the thread. Fails when there can be no directory, or another process writes there. */
int recorder_create(const struct recorder_options *options, struct recorder **recorder,
                    struct err *err);

/* Ends the segment, and waits up to 5 seconds for what is not yet written. Takes NULL. */
void recorder_destroy(struct recorder *recorder);

/* The rest is for the core thread. */

/* Records what engine_apply() has just done. */
void recorder_step(struct recorder *recorder, const struct engine *engine,
                   const struct event *event, const struct effects *effects);

/* Whether a new segment is wanted: then apply EVENT_CHECKPOINT, recorder_step() it, and … */
bool recorder_is_due(struct recorder *recorder, int64_t now);
/* … this, with the time of that event. */
void recorder_checkpoint(struct recorder *recorder, struct engine *engine, int64_t now);

struct recorder_status {
    bool recording;
    uint64_t steps;       /* on the disk, or on their way */
    uint64_t dropped;     /* not recorded */
    uint64_t step_bytes;  /* of those recorded, before they are packed */
    uint64_t segments;    /* on the disk … */
    uint64_t bytes;       /* … which take so much */
    uint64_t checkpoints; /* states saved since it was created … */
    int64_t saving_ns;    /* … which took the core thread so long */
    uint64_t state_bytes; /* of the last one */
};
void recorder_status(struct recorder *recorder, struct recorder_status *status);

#endif
