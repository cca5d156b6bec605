// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/phase.h"

/* The drawing of the header as a table: one row a phase, one bit for each that may follow. */

#define TO(phase) (1u << MEMBER_##phase)

static const unsigned follows[MEMBER_PHASES] = {
    [MEMBER_UNPLACED] = TO(HELD) | TO(POSTED) | TO(BOUND),
    [MEMBER_HELD] = TO(UNPLACED) | TO(VOTED),
    [MEMBER_VOTED] = TO(UNPLACED) | TO(HELD) | TO(POSTED),
    [MEMBER_POSTED] = TO(UNPLACED) | TO(UNCONFIRMED) | TO(ASSUMED) | TO(BOUND),
    [MEMBER_UNCONFIRMED] = TO(UNPLACED) | TO(POSTED) | TO(ASSUMED) | TO(BOUND),
    [MEMBER_ASSUMED] = TO(UNPLACED) | TO(BOUND),
    [MEMBER_BOUND] = TO(UNPLACED) | TO(ASSUMED),
};

bool member_phase_follows(enum member_phase from, enum member_phase to)
{
    return (follows[from] & 1u << to) != 0;
}

const char *member_phase_name(enum member_phase phase)
{
    static const char *const names[MEMBER_PHASES] = {
        [MEMBER_UNPLACED] = "Unplaced",
        [MEMBER_HELD] = "Held",
        [MEMBER_VOTED] = "Voted",
        [MEMBER_POSTED] = "Posted",
        [MEMBER_UNCONFIRMED] = "Unconfirmed",
        [MEMBER_ASSUMED] = "Assumed",
        [MEMBER_BOUND] = "Bound",
    };
    return names[phase];
}
