// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/waits.h"

#include "scheduler/engine/attempt.h"
#include "scheduler/engine/constraints.h"
#include "scheduler/engine/needs.h"

/* Members that got no place are counted by what they ask for; what cannot be said that way waits
 * for anything.
 */

/* Name of a level, as a need has it; NULL: none that has to be shared. */
static const char *level_needed(const struct engine *engine, uint32_t level)
{
    return level == SOLVER_LEVEL_NONE || level == 0 ? NULL
                                                    : domains_level_name(engine->domains, level);
}

/* The role of a member among those of the need; a new one behind them, if there is room. */
static uint32_t role_needed(const struct attempt *attempt, const struct pod *pod,
                            const uint32_t *podsets, const struct wait_need *need)
{
    uint32_t podset = attempt_podset(attempt, pod);
    uint32_t role = 0;
    while (role < need->role_count &&
           (need->roles[role].shape != pod->shape || podsets[role] != podset)) {
        role++;
    }
    return role;
}

/* How many of a role of the need must fit at least, so that each role of the gang gets its minimum:
 * what others of the same role cannot do for it. */
static void need_minimums(const struct attempt *attempt, const uint32_t *podsets,
                          struct wait_need *need)
{
    uint32_t found[ROLE_MINIMUMS_MAX + 1][SOLVER_ROLES_MAX + 1] = {{0}};
    uint32_t all[ROLE_MINIMUMS_MAX + 1] = {0};
    struct needs needs;
    needs_of(attempt->gang, COUNT_BOUND, &needs);
    for (uint32_t i = 0; i < attempt->count && needs.role_count > 0; i++) {
        const struct pod *pod = attempt->members[i];
        uint32_t minimum = needs_role(&needs, pod);
        all[minimum]++;
        found[minimum][role_needed(attempt, pod, podsets, need)]++;
    }
    for (uint32_t m = 0; m < needs.role_count; m++) {
        for (uint32_t r = 0; r < need->role_count; r++) {
            uint32_t others = all[m] - found[m][r];
            need->roles[r].least += needs.roles[m] > others ? needs.roles[m] - others : 0;
        }
    }
}

bool waits_for(const struct attempt *attempt, struct wait_need *need)
{
    uint32_t missing = gang_missing(attempt->gang);
    const struct constraints *constraints = &attempt->constraints;
    uint32_t podsets[SOLVER_ROLES_MAX] = {0};
    *need = (struct wait_need){
        .good_gpus = true,
        .exclusive = constraints->exclusive,
        .level = level_needed(attempt->engine, constraints->required_level),
        .least = missing == 0 ? 1 : missing,
    };
    uint32_t left = 0;
    if (attempt->affinity != NULL) { /* pods in its way need not be those that take its room */
        *need = (struct wait_need){.any = true, .peers = true};
        return true;
    }
    for (uint32_t i = 0; i < attempt->count; i++) {
        const struct pod *pod = attempt->members[i];
        if (pods_placed(pod)) {
            continue;
        }
        if (attempt->own != NULL && attempt->own[i] == ATTEMPT_SKIPPED) {
            *need = (struct wait_need){.any = true};
            return true;
        }
        if (attempt->own != NULL && attempt->own[i] != DOMAINS_NONE) { /* not short of room */
            need->least -= need->least > 1;
            continue;
        }
        uint32_t role = role_needed(attempt, pod, podsets, need);
        if (role == SOLVER_ROLES_MAX) {
            *need = (struct wait_need){.any = true};
            return true;
        }
        podsets[role] = attempt_podset(attempt, pod);
        uint32_t together = constraints->podsets[podsets[role]].podset;
        need->good_gpus = need->good_gpus && constraints->podsets[podsets[role]].good_gpus;
        need->roles[role].shape = pod->shape;
        need->roles[role].level =
            together == 0
                ? NULL
                : level_needed(attempt->engine, constraints->together[together - 1].level);
        need->roles[role].count++;
        need->role_count += role == need->role_count;
        left++;
    }
    need_minimums(attempt, podsets, need);
    return left >= need->least;
}
