// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/needs.h"

/* The rule of the quorum (state/quorum.c) said of members that are about to be planned. */

void needs_of(const struct gang *gang, enum gang_counted counted, struct needs *needs)
{
    uint32_t lacking = gang_lacking(gang, counted);
    *needs = (struct needs){.gang = gang, .members = lacking == 0 ? 1 : lacking};
    if (lacking == 0 || gang->minimums == NULL) {
        return;
    }
    needs->role_count = gang->minimums->count;
    for (uint32_t i = 0; i < needs->role_count; i++) {
        needs->roles[i] = gang_role_lacking(gang, i, counted);
    }
}

uint32_t needs_role(const struct needs *needs, const struct pod *pod)
{
    return needs->role_count == 0 ? 0 : gang_minimum_of(needs->gang, pod);
}

bool needs_met(const struct needs *needs, struct pod *const *members, uint32_t count)
{
    uint32_t found[ROLE_MINIMUMS_MAX + 1] = {0};
    bool met = count >= needs->members;
    for (uint32_t i = 0; i < count && met && needs->role_count > 0; i++) {
        found[needs_role(needs, members[i])]++;
    }
    for (uint32_t i = 0; i < needs->role_count; i++) {
        met = met && found[i] >= needs->roles[i];
    }
    return met;
}
