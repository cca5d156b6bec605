// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_STATE_RECENT_H
#define SCHEDULER_STATE_RECENT_H

#include <stddef.h>
#include <stdint.h>

/* Rows of the node table in the order of their last change, so that whoever has worked something
 * out from them catches up with those that changed since, and with each of them once.
 *
 *   change   1  2  3  4  5                 of rows 7 3 7 9 3
 *   rows     7@3 ─ 9@4 ─ 3@5 ◀── last
 *   since 3: 3, 9          the last one first
 *
 * A change costs the same however many rows there are; there is no limit to how far behind one may
 * be.
 */

#define RECENT_NONE UINT32_MAX

struct recent_row {
    uint64_t at; /* number of its last change; 0: none */
    uint32_t before;
    uint32_t after;
};

/* Embedded. */
struct recent {
    struct recent_row *rows; /* by row */
    size_t room;
    uint32_t last;
    uint64_t changes; /* so far */
};

void recent_init(struct recent *recent);
void recent_finish(struct recent *recent);

/* The row changed. */
void recent_note(struct recent *recent, uint32_t row);

/* The row that changed last, if that was after change number `since`; then the one before it.
 * RECENT_NONE past the end. Nothing may be noted between. */
uint32_t recent_last(const struct recent *recent, uint64_t since);
uint32_t recent_before(const struct recent *recent, uint32_t row, uint64_t since);

#endif
