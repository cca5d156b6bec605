// SPDX-License-Identifier: Apache-2.0
#ifndef API_CLI_REPLAY_POINT_H
#define API_CLI_REPLAY_POINT_H

#include <stdbool.h>
#include <stdint.h>

#include "topology/base/err.h"

/* A place in a journal, as --from and --until name it:
 *
 *   12                            of a directory the segment, of a file the record
 *   12:340                        record 340 of segment 12
 *   2026-11-21T11:53:25.123Z      a time, on the clock on the wall; also without the fraction
 */

struct replay_point {
    bool given;
    bool timed;
    int64_t wall_ms;  /* timed */
    uint64_t segment; /* not timed; 0 for the one of a file */
    uint64_t record;  /* not timed */
    bool whole;       /* not timed: the segment is meant, and not a record of it */
};

/* `text` NULL: none is given. */
int replay_point_parse(struct replay_point *point, const char *text, bool directory,
                       struct err *err);

/* Whether a record, of which the time is known or -1, comes before the point, or after it. No
 * record does when none is given. */
bool replay_point_is_after(const struct replay_point *point, uint64_t segment, uint64_t record,
                           int64_t wall_ms);
bool replay_point_is_before(const struct replay_point *point, uint64_t segment, uint64_t record,
                            int64_t wall_ms);

#endif
