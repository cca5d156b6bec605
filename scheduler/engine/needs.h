// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_NEEDS_H
#define SCHEDULER_ENGINE_NEEDS_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/state/gang.h"

/* What a plan of a gang needs at least: so many members, and of the roles with minimums so many
 * each. Fewer are none. */
struct needs {
    const struct gang *gang;
    uint32_t members; /* of any role; >= 1, and no less than those of the roles together */
    uint32_t roles[ROLE_MINIMUMS_MAX]; /* in the order of gang->minimums */
    uint32_t role_count;
};

/* What is lacking beside those that count; one member where nothing is. */
void needs_of(const struct gang *gang, enum gang_counted counted, struct needs *needs);

/* Index of the member's role in `roles`; role_count: any member would do as well. */
uint32_t needs_role(const struct needs *needs, const struct pod *pod);

/* Whether the members are as many as it takes. */
bool needs_met(const struct needs *needs, struct pod *const *members, uint32_t count);

#endif
