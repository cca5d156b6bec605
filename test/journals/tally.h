// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_JOURNALS_TALLY_H
#define TEST_JOURNALS_TALLY_H

#include <stdio.h>

#include "test/journals/difference.h"

/* What many journals came to: counts by kind of difference, and the first few of each in words. */

struct tally_sum {
    uint64_t recorded, now;   /* effects of the kind */
    uint64_t steps, journals; /* that differ */
};

/* Journals whose first other decision is of the same kinds, after the same type of event. */
struct tally_group {
    enum event_type event;
    unsigned kinds;
    uint64_t journals;
    uint64_t short_of; /* writes are missing … */
    uint64_t late;     /* … and all of them come soon after */
};

struct tally {
    uint32_t examples; /* how many of each kind are told */
    FILE *out;
    uint64_t journals, unreadable, diverged, truncated;
    uint64_t events, ticks; /* recorded ones; those that only the engine of today wanted */
    struct tally_sum sums[DIFFERENCES];
    struct tally_sum deadlines; /* `now` and `recorded` are not used */
    uint64_t shifted;           /* steps with writes that came earlier or later … */
    int64_t shifted_most;       /* … by at most so many milliseconds */
    unsigned seen;              /* kinds of words that differed in the journal that is read */
    bool deadline_seen;
    struct tally_group *groups;
    size_t group_count, group_room;
    size_t group;  /* of the last divergence */
    bool short_of; /* counted for it */
};

void tally_journal(struct tally *tally); /* a new one begins */
/* Effects of one step, and the kinds in which they differ. */
void tally_step(struct tally *tally, const struct side *recorded, const struct side *now,
                unsigned kinds, bool deadline);
/* A write was owed for so long; -1: none was. */
void tally_paid(struct tally *tally, int64_t milliseconds);
/* The decisions of the journal differ for the first time. Whether to tell how. */
bool tally_divergence(struct tally *tally, enum event_type event, unsigned kinds);
/* Writes are missing since then; or the last of them has come. */
void tally_late(struct tally *tally, bool all_came);
void tally_print(struct tally *tally);
void tally_finish(struct tally *tally);

#endif
