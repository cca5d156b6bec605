// SPDX-License-Identifier: Apache-2.0
#ifndef API_VIEW_JOURNAL_TEXT_H
#define API_VIEW_JOURNAL_TEXT_H

#include <stdio.h>

#include "scheduler/journal/reader.h"

/* Events and effects of a journal in words, a line each (without its end), for whoever reads what
 * happened before an incident:
 *
 *   filter 7 for pod default/w-0, nominated to n3, nodes: n3
 *     answers 7: only n3
 *
 * A pod that calls know only by its uid is named as its last event named it. Control characters are
 * shown as \xNN: a journal may hold any text that somebody put into an annotation.
 */

struct journal_text;

/* `reader` (*borrowed*) names the rows of calls. */
struct journal_text *journal_text_create(const struct journal_reader *reader);
void journal_text_destroy(struct journal_text *text);

/* In the order of the journal: it remembers the names of pods. */
void journal_text_event(struct journal_text *text, FILE *out, const struct event *event);
/* `event` is the one it follows from, with its rows as the journal numbers them. */
void journal_text_effect(struct journal_text *text, FILE *out, const struct event *event,
                         const struct effect *effect);

#endif
