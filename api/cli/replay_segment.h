// SPDX-License-Identifier: Apache-2.0
#ifndef API_CLI_REPLAY_SEGMENT_H
#define API_CLI_REPLAY_SEGMENT_H

#include <stdio.h>

#include "api/cli/replay_point.h"
#include "api/journal/segment_source.h"
#include "api/view/journal_text.h"

/* One journal after the other, replayed on standard output: those of a directory in the order of
 * their numbers, or the one of a file.
 *
 * A segment begins with its own state, so that it is replayed alone. Where it goes on from the one
 * before, that state is also compared with the one which that led to.
 */

struct replay {
    struct replay_point from;  /* what --verbose prints begins there */
    struct replay_point until; /* it is left there */
    bool verbose;
    bool directory;
    /* Of the segment that is being replayed. */
    uint64_t segment; /* its number; 0 for a file */
    struct segment_source *source;
    uint8_t *bytes; /* from `at` to `count` not yet read */
    size_t at;
    size_t count;
    size_t room;
    struct journal_reader *reader;
    struct journal_text *text;
    struct journal_header header; /* but for the levels, which are the engine's */
    struct engine *engine;        /* NULL before the header, or the state */
    int64_t last;                 /* time of the last step */
    uint64_t segment_steps;
    bool ended;
    /* Of the one before. */
    struct engine *before; /* NULL: there is none, or it broke off */
    struct journal_header before_header;
    uint64_t before_steps;
    /* Of all. */
    struct effects effects;
    uint64_t segments;
    uint64_t steps;
    uint64_t decisions;
    int64_t span_ms;
    bool left; /* --until was reached */
};

enum replay_result {
    REPLAY_SAME,
    REPLAY_DIFFERENT, /* it says where */
    REPLAY_NOTHING,   /* it ends in its header or its state */
    REPLAY_FAILED,
};

void replay_init(struct replay *replay);
void replay_finish(struct replay *replay);

/* *Steals* the file. The error is that of REPLAY_FAILED. */
enum replay_result replay_segment(struct replay *replay, FILE *file, uint64_t segment,
                                  struct err *err);

/* When the first record was written, on the clock on the wall in milliseconds; -1 when that is not
 * known. *Steals* the file. */
int64_t replay_started(FILE *file);

#endif
