// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/blockers.h"

#include <string.h>

#include "scheduler/engine/room.h"
#include "scheduler/state/occupants.h"

/* Who has most of what is short is only a suspect. Each suspect is a question to the solver: the
 * same problem once more, with what the suspect's pods have given back, and the nodes it keeps for
 * itself. A plan proves that it is in the way; nothing else is said aloud.
 *
 *   suspects   gangs with most of it there, pods without a gang in their place among them, then
 *              gangs with exclusive domains, the one with most pods first
 *
 * Nobody is named where the ledger alone does not say what would be free: when only good sets of
 * GPUs will do, when members have nodes of their own (pins.h), in the midst of a veto (room.h), and
 * when roles were cut into shares (spread.h).
 */

#define GANGS_ASKED  3 /* by what they have, and as many by what they keep */
#define SUSPECTS_MAX (2 * GANGS_ASKED + 1)
/* Of all questions together, about; several roles take more than that says. */
#define STEPS_MAX         300000u
#define STEPS_MAX_SEVERAL 60000u

struct suspects {
    struct blocker items[SUSPECTS_MAX];
    uint32_t count;
};

/* ---- the question ---- */

/* What would be free where the suspect's pods are. */
static void give_back(struct attempt *without, const struct footprint *gone)
{
    const struct engine *engine = without->engine;
    for (uint32_t i = 0; i < gone->count; i++) {
        uint32_t position = domains_position(engine->domains, gone->sites[i].row);
        if (position != DOMAINS_NONE) {
            room_give_back(without, gone->sites[i].shape, position);
        }
    }
}

static const struct footprint *footprint_of(const struct attempt *attempt,
                                            const struct blocker *suspect)
{
    return suspect->ordinary ? pods_ordinary(attempt->engine->pods) : &suspect->gang->footprint;
}

/* What a question costs, about, beside the solver's own steps. It follows from the problem alone,
 * and not from what is left of the steps, so that the same is said of the same. */
static uint64_t steps_of(const struct attempt *attempt, const struct blocker *suspect)
{
    uint64_t positions = domains_positions(attempt->engine->domains);
    uint64_t roles = attempt->role_count;
    uint64_t sites = footprint_of(attempt, suspect)->count;
    return roles * (positions + 8 * sites) + (roles > 1 ? 4 * roles * positions : 0);
}

/* *steps grows by those of the solver. */
static bool has_plan(const struct attempt *attempt, const struct solver_role *roles,
                     uint64_t *steps)
{
    struct solver_problem problem = attempt_problem(attempt);
    struct solver_plan plan;
    problem.roles = roles;
    problem.budget = 1; /* whether there is a plan needs no search */
    solver_plan_init(&plan);
    solver_solve(&problem, &plan);
    bool fits = plan.feasible;
    engine_charge(attempt->engine, plan.steps);
    *steps += plan.steps;
    solver_plan_finish(&plan);
    return fits;
}

/* Whether the attempt's last problem has a plan without the suspect. */
static bool fits_without(const struct attempt *attempt, const struct blocker *suspect,
                         uint64_t *steps)
{
    struct solver_role roles[SOLVER_ROLES_MAX];
    struct bitset *excluded[SOLVER_ROLES_MAX] = {NULL};
    struct attempt without = *attempt; /* which has freed nothing, see blockers_find() */
    memset(without.limited, 0, sizeof(without.limited));
    without.constraints.occupied = NULL;
    for (uint32_t i = 0; i < without.constraints.podset_count; i++) {
        without.constraints.podsets[i].occupied = NULL;
    }
    constraints_exclude(attempt->engine, attempt->gang, suspect->gang, &without.constraints);
    give_back(&without, footprint_of(attempt, suspect));
    for (uint32_t r = 0; r < attempt->role_count; r++) {
        excluded[r] = attempt_excluded(&without, r);
        roles[r] = attempt->roles[r];
        roles[r].capacity = room_capacity(&without, r);
        roles[r].excluded = excluded[r];
    }
    bool fits = has_plan(&without, roles, steps);
    for (uint32_t r = 0; r < attempt->role_count; r++) {
        bitset_destroy(excluded[r]);
    }
    constraints_finish(&without.constraints);
    room_finish(&without);
    return fits;
}

/* ---- suspects ---- */

static void suspect_gang(struct suspects *suspects, const struct gang *gang)
{
    for (uint32_t i = 0; i < suspects->count; i++) {
        if (suspects->items[i].gang == gang) {
            return;
        }
    }
    suspects->items[suspects->count++] = (struct blocker){.gang = gang};
}

static void suspect_ordinary(struct suspects *suspects)
{
    suspects->items[suspects->count++] = (struct blocker){.ordinary = true};
}

/* Those who have most of a resource there. */
static void suspect_occupants(const struct attempt *attempt, uint32_t domain, uint32_t resource,
                              struct suspects *suspects)
{
    const struct engine *engine = attempt->engine;
    const struct occupants occupants = {
        .gangs = &engine->gangs,
        .pods = engine->pods,
        .shapes = engine->shapes,
        .domains = engine->domains,
    };
    struct occupant found[GANGS_ASKED];
    __int128 ordinary;
    uint32_t count = occupants_greatest(&occupants, attempt->gang, domain, resource, found,
                                        GANGS_ASKED, &ordinary);
    for (uint32_t i = 0; i < count; i++) {
        if (ordinary > found[i].amount) {
            suspect_ordinary(suspects);
            ordinary = 0;
        }
        suspect_gang(suspects, found[i].gang);
    }
    if (ordinary > 0) {
        suspect_ordinary(suspects);
    }
}

static bool has_more(const struct gang *a, const struct gang *b)
{
    return b == NULL ||
           (a->footprint.count != b->footprint.count ? a->footprint.count > b->footprint.count
                                                     : gang_compare(&a, &b) < 0);
}

/* Gangs with domains of their own, the one with most pods first. */
static void suspect_keepers(const struct attempt *attempt, struct suspects *suspects)
{
    const struct gangs *gangs = &attempt->engine->gangs;
    const struct gang *before = NULL;
    for (uint32_t n = 0; n < GANGS_ASKED; n++) {
        const struct gang *next = NULL;
        for (uint32_t i = 0; i < gangs->exclusive_count; i++) {
            const struct gang *gang = gangs->exclusive[i];
            bool later = before == NULL || (gang != before && has_more(before, gang));
            if (gang != attempt->gang && gang->footprint.count > 0 && later &&
                has_more(gang, next)) {
                next = gang;
            }
        }
        if (next == NULL) {
            return;
        }
        suspect_gang(suspects, next);
        before = next;
    }
}

struct blocker blockers_find(const struct attempt *attempt, uint32_t domain, uint32_t scarce)
{
    struct suspects suspects = {.count = 0};
    struct engine *engine = attempt->engine;
    if (attempt->constraints.good_gpus || attempt->freed != NULL || attempt->spread) {
        return (struct blocker){.gang = NULL};
    }
    if (scarce == NAMES_NONE && attempt->constraints.exclusive) { /* whoever is there at all */
        scarce = names_find(nodes_words(engine->nodes), "pods", strlen("pods"));
    }
    if (scarce != NAMES_NONE) {
        suspect_occupants(attempt, domain, scarce, &suspects);
        engine_charge(engine, domains_positions(engine->domains) / 2 +
                                  pods_ordinary(engine->pods)->count / 4);
    }
    if (attempt->constraints.occupied != NULL) {
        suspect_keepers(attempt, &suspects);
    }
    uint64_t spent = 0;
    for (uint32_t i = 0; i < suspects.count; i++) {
        uint64_t steps = steps_of(attempt, &suspects.items[i]);
        spent += steps;
        if (spent > (attempt->role_count > 1 ? STEPS_MAX_SEVERAL : STEPS_MAX)) {
            break;
        }
        engine_charge(engine, steps + constraints_steps(engine, &attempt->constraints));
        if (fits_without(attempt, &suspects.items[i], &spent)) {
            return suspects.items[i];
        }
    }
    return (struct blocker){.gang = NULL};
}
