// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/limits.h"

#include <stdlib.h>

#include "topology/base/alloc.h"

/* Two tables per level that something is limited at, one entry for each of its places:
 *
 *   left[limit][place]          most - pods of the set that stand there, not below 0;
 *                               SOLVER_LIMITS_NONE in an unknown domain
 *   standing[apart][side]       pods of that side that stand there; UINT32_MAX / 2 is not reached
 *
 * Whoever puts pods somewhere counts them here, and takes them back by the same number with the
 * other sign, so nothing is kept of what was done.
 */

struct solver_limits {
    const struct solver_problem *problem;
    uint32_t host;
    uint32_t levels[SOLVER_ROLES_MAX];
    uint32_t *left[SOLVER_LIMITS_MAX];
    uint32_t *standing[SOLVER_APARTS_MAX][2];
};

static bool has(uint32_t roles, uint32_t role)
{
    return (roles >> role & 1) != 0;
}

static uint32_t place_at(const struct solver_limits *limits, uint32_t level, uint32_t position)
{
    return level == limits->host ? position : domains_at(limits->problem->domains, position, level);
}

static bool is_known(const struct solver_limits *limits, uint32_t level, uint32_t index)
{
    return level == 0 || level == limits->host ||
           domains_get(limits->problem->domains, index)->known;
}

/* ---- life ---- */

static uint32_t *make_left(const struct solver_limits *limits, const struct solver_limit *limit)
{
    const struct domains *domains = limits->problem->domains;
    bool host = limit->level == limits->host;
    uint32_t count = host ? domains_positions(domains) : domains_count(domains);
    uint32_t *left = alloc_zero(count, sizeof *left);
    for (uint32_t i = 0; i < count; i++) {
        bool here = host || domains_get(domains, i)->level == limit->level;
        left[i] = here && is_known(limits, limit->level, i) ? limit->most : SOLVER_LIMITS_NONE;
    }
    for (uint32_t i = 0; i < limit->pinned_count; i++) {
        uint32_t place = place_at(limits, limit->level, limit->pinned[i]);
        left[place] -= left[place] > 0 && left[place] != SOLVER_LIMITS_NONE;
    }
    return left;
}

static void make_standing(struct solver_limits *limits, uint32_t a)
{
    const struct solver_apart *apart = &limits->problem->aparts[a];
    const struct domains *domains = limits->problem->domains;
    bool host = apart->level == limits->host;
    uint32_t count = host ? domains_positions(domains) : domains_count(domains);
    for (int side = 0; side < 2; side++) {
        limits->standing[a][side] = alloc_zero(count, sizeof **limits->standing[a]);
        for (uint32_t i = 0; i < apart->pinned_count[side]; i++) {
            uint32_t place = place_at(limits, apart->level, apart->pinned[side][i]);
            limits->standing[a][side][place] += is_known(limits, apart->level, place);
        }
    }
}

struct solver_limits *solver_limits_create(const struct solver_problem *problem,
                                           struct solver_effort *effort)
{
    if (problem->limit_count + problem->apart_count == 0) {
        return NULL;
    }
    struct solver_limits *limits = alloc_zero(1, sizeof *limits);
    limits->problem = problem;
    limits->host = domains_levels(problem->domains) - 1;
    for (uint32_t i = 0; i < problem->limit_count; i++) {
        limits->left[i] = make_left(limits, &problem->limits[i]);
    }
    for (uint32_t i = 0; i < problem->apart_count; i++) {
        make_standing(limits, i);
    }
    for (uint32_t r = 0; r < problem->role_count; r++) {
        for (uint32_t i = 0; i < problem->limit_count; i++) {
            const struct solver_limit *limit = &problem->limits[i];
            limits->levels[r] |= (uint32_t)has(limit->roles, r) << limit->level;
        }
        for (uint32_t i = 0; i < problem->apart_count; i++) {
            const struct solver_apart *apart = &problem->aparts[i];
            limits->levels[r] |= (uint32_t)has(apart->roles[0] | apart->roles[1], r)
                                 << apart->level;
        }
    }
    uint64_t places = domains_positions(problem->domains) + domains_count(problem->domains);
    solver_effort_spend(effort, (problem->limit_count + problem->apart_count) * places / 8);
    return limits;
}

void solver_limits_destroy(struct solver_limits *limits)
{
    if (limits == NULL) {
        return;
    }
    for (uint32_t i = 0; i < SOLVER_LIMITS_MAX; i++) {
        free(limits->left[i]);
    }
    for (uint32_t i = 0; i < SOLVER_APARTS_MAX; i++) {
        free(limits->standing[i][0]);
        free(limits->standing[i][1]);
    }
    free(limits);
}

/* ---- reading ---- */

uint32_t solver_limits_levels(const struct solver_limits *limits, uint32_t role)
{
    return limits == NULL ? 0 : limits->levels[role];
}

uint32_t solver_limits_left(const struct solver_limits *limits, uint32_t limit, uint32_t index)
{
    return limits->left[limit][index];
}

uint32_t solver_limits_most(const struct solver_limits *limits, uint32_t role, uint32_t level,
                            uint32_t index)
{
    uint32_t most = SOLVER_LIMITS_NONE;
    if (limits == NULL || !has(limits->levels[role], level)) {
        return most;
    }
    for (uint32_t i = 0; i < limits->problem->limit_count; i++) {
        const struct solver_limit *limit = &limits->problem->limits[i];
        if (limit->level == level && has(limit->roles, role) && limits->left[i][index] < most) {
            most = limits->left[i][index];
        }
    }
    for (uint32_t i = 0; i < limits->problem->apart_count; i++) {
        const struct solver_apart *apart = &limits->problem->aparts[i];
        for (int side = 0; side < 2 && apart->level == level; side++) {
            if (has(apart->roles[side], role) && limits->standing[i][1 - side][index] > 0) {
                most = 0;
            }
        }
    }
    return most;
}

uint32_t solver_limits_room(const struct solver_limits *limits, uint32_t role, uint32_t position)
{
    uint32_t room = SOLVER_LIMITS_NONE;
    for (uint32_t l = 0; limits != NULL && l <= limits->host; l++) {
        uint32_t most = has(limits->levels[role], l)
                            ? solver_limits_most(limits, role, l, place_at(limits, l, position))
                            : SOLVER_LIMITS_NONE;
        room = most < room ? most : room;
    }
    return room;
}

bool solver_limits_split(const struct solver_limits *limits, uint32_t level, uint32_t position)
{
    for (uint32_t i = 0; limits != NULL && i < limits->problem->apart_count; i++) {
        const struct solver_apart *apart = &limits->problem->aparts[i];
        if (apart->level <= level && apart->roles[0] != 0 && apart->roles[1] != 0 &&
            is_known(limits, apart->level, place_at(limits, apart->level, position))) {
            return true;
        }
    }
    return false;
}

bool solver_limits_alike(const struct solver_limits *limits, uint32_t a, uint32_t b)
{
    bool alike = true;
    for (uint32_t i = 0; limits != NULL && i < limits->problem->limit_count && alike; i++) {
        bool host = limits->problem->limits[i].level == limits->host;
        alike = !host || limits->left[i][a] == limits->left[i][b];
    }
    for (uint32_t i = 0; limits != NULL && i < limits->problem->apart_count && alike; i++) {
        for (int side = 0; side < 2 && limits->problem->aparts[i].level == limits->host; side++) {
            const uint32_t *standing = limits->standing[i][side];
            alike = alike && (standing[a] > 0) == (standing[b] > 0);
        }
    }
    return alike;
}

/* ---- counting ---- */

void solver_limits_count(struct solver_limits *limits, uint32_t role, uint32_t position,
                         int32_t count)
{
    for (uint32_t i = 0; limits != NULL && i < limits->problem->limit_count; i++) {
        const struct solver_limit *limit = &limits->problem->limits[i];
        uint32_t place = place_at(limits, limit->level, position);
        if (has(limit->roles, role) && limits->left[i][place] != SOLVER_LIMITS_NONE) {
            limits->left[i][place] -= (uint32_t)count;
        }
    }
    for (uint32_t i = 0; limits != NULL && i < limits->problem->apart_count; i++) {
        const struct solver_apart *apart = &limits->problem->aparts[i];
        uint32_t place = place_at(limits, apart->level, position);
        for (int side = 0; side < 2 && is_known(limits, apart->level, place); side++) {
            limits->standing[i][side][place] += has(apart->roles[side], role) ? (uint32_t)count : 0;
        }
    }
}

uint32_t solver_limits_changes(const struct solver_limits *limits, uint32_t role, uint32_t position,
                               struct solver_limits_change changes[SOLVER_LIMITS_CHANGES_MAX])
{
    uint32_t count = 0;
    for (uint32_t i = 0; limits != NULL && i < limits->problem->limit_count; i++) {
        const struct solver_limit *limit = &limits->problem->limits[i];
        if (has(limit->roles, role)) {
            changes[count++] = (struct solver_limits_change){
                limit->level, place_at(limits, limit->level, position), limit->roles};
        }
    }
    for (uint32_t i = 0; limits != NULL && i < limits->problem->apart_count; i++) {
        const struct solver_apart *apart = &limits->problem->aparts[i];
        for (int side = 0; side < 2; side++) {
            if (has(apart->roles[side], role)) {
                changes[count++] = (struct solver_limits_change){
                    apart->level, place_at(limits, apart->level, position), apart->roles[1 - side]};
            }
        }
    }
    return count;
}

/* ---- one role alone ---- */

void solver_limits_alone(const struct solver_problem *problem, uint32_t role,
                         struct solver_limits_alone *store, struct solver_problem *alone)
{
    alone->limits = store->limits;
    alone->limit_count = 0;
    alone->aparts = store->aparts;
    alone->apart_count = 0;
    for (uint32_t i = 0; i < problem->limit_count; i++) {
        if (has(problem->limits[i].roles, role)) {
            struct solver_limit *limit = &store->limits[alone->limit_count++];
            *limit = problem->limits[i];
            limit->roles = 1;
        }
    }
    for (uint32_t i = 0; i < problem->apart_count; i++) {
        if (has(problem->aparts[i].roles[0] | problem->aparts[i].roles[1], role)) {
            struct solver_apart *apart = &store->aparts[alone->apart_count++];
            *apart = problem->aparts[i];
            apart->roles[0] = has(problem->aparts[i].roles[0], role);
            apart->roles[1] = has(problem->aparts[i].roles[1], role);
        }
    }
}
