// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_JOURNAL_FIELDS_H
#define SCHEDULER_JOURNAL_FIELDS_H

#include "scheduler/engine.h"
#include "scheduler/journal/coder.h"

/* What of events, effects and the engine's options goes into a journal: everything. A field that is
 * added to one of these structs is added here too; the sizes asserted in fields.c remind of
 * it.
 */

#define JOURNAL_TIME_MAX ((int64_t)1 << 53) /* milliseconds: some 285,000 years */

/* What a journal begins with: enough to make the same engine again. */
struct journal_header {
    struct engine_options options; /* decoded: `levels` lives in the coder's arena */
    int64_t started;               /* on the clock of event.now, milliseconds … */
    int64_t started_wall; /* … when the clock on the wall was that, since 1970; 0 unknown */
    const char *program;  /* which version wrote it */
    /* What one engine lives through may be written as several journals, segments. Before version 5
     * of the format there was one. */
    uint64_t segment; /* so many came before this one … */
    uint64_t steps;   /* … and had so many steps */
    uint32_t state;   /* ENGINE_STATE of the state that follows; 0: the engine is new */
};

void journal_fields_header(struct journal_coder *coder,
                           struct journal_header *header); /* header.c */

/* A time or a span of time. */
void journal_fields_time(struct journal_coder *coder, int64_t *value);

/* All but `now`. Rows of calls must be below `rows`. */
void journal_fields_event(struct journal_coder *coder, struct event *event, uint32_t rows);

/* `rows`: how many the call has that it answers, journal_fields_rows(). */
void journal_fields_effect(struct journal_coder *coder, struct effect *effect, uint32_t rows);

/* Nodes in the list of a call, 0 for other events. */
uint32_t journal_fields_rows(const struct event *event);

#endif
