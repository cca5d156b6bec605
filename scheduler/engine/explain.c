// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/explain.h"

#include <stdio.h>
#include <stdlib.h>

#include "scheduler/engine/reason.h"
#include "scheduler/state/occupants.h"
#include "topology/base/alloc.h"

/* Why a gang does not fit, in the terms of people: which resource runs out, who holds most of it
 * there, and whether the end of one of those would do.
 *
 * The last is a question to the solver, on a copy of the capacities with that gang's pods taken
 * away. The greatest few are asked about, for gangs of one shape: the answer is to be had within a
 * planning step.
 */

#define BLOCKERS_ASKED 3

/* Whether the attempt's one role would fit if the pods of `other` were gone. */
static bool fits_without(const struct attempt *attempt, const struct gang *other)
{
    struct engine *engine = attempt->engine;
    struct capacity *capacity = capacity_copy(attempt->roles[0].capacity);
    struct resources *freed = alloc_zero(domains_positions(engine->domains), sizeof *freed);
    for (uint32_t i = 0; i < other->member_count; i++) {
        const struct pod *pod = other->members[i];
        uint32_t position = !pods_placed(pod)
                                ? DOMAINS_NONE
                                : domains_position(engine->domains, pod->allocation_row);
        if (position != DOMAINS_NONE) {
            resources_add(&freed[position], shapes_request(engine->shapes, pod->shape));
            capacity_set(capacity, position,
                         ledger_copies(engine->ledger, attempt->shapes[0], pod->allocation_row,
                                       &freed[position]));
        }
    }
    struct solver_role role = attempt->roles[0];
    role.capacity = capacity;
    const struct solver_problem problem = {
        .domains = engine->domains,
        .roles = &role,
        .role_count = 1,
        .pinned = attempt->pinned,
        .pinned_count = attempt->pinned_count,
        .required_level = attempt->constraints.required_level,
        .budget = 1, /* whether there is a plan needs no search */
    };
    struct solver_plan plan;
    solver_plan_init(&plan);
    solver_solve(&problem, &plan);
    bool fits = plan.feasible;
    engine_charge(engine, domains_positions(engine->domains) / 4 + plan.steps); /* and copies */
    solver_plan_finish(&plan);
    for (uint32_t p = 0; p < domains_positions(engine->domains); p++) {
        resources_finish(&freed[p]);
    }
    free(freed);
    capacity_destroy(capacity);
    return fits;
}

/* The first of the gangs whose end would make room, or NULL. */
static const struct gang *find_after(const struct attempt *attempt, const struct occupant *blockers,
                                     uint32_t count)
{
    for (uint32_t i = 0; i < count && attempt->role_count == 1; i++) {
        if (fits_without(attempt, blockers[i].gang)) {
            return blockers[i].gang;
        }
    }
    return NULL;
}

/* What is free of a resource on all nodes of the domain. */
static int64_t free_in(const struct engine *engine, const struct domain *range, uint32_t resource)
{
    int64_t sum = 0;
    if (range->end - range->first == domains_positions(engine->domains)) {
        return ledger_total_free(engine->ledger, resource);
    }
    for (uint32_t position = range->first; position < range->end; position++) {
        uint32_t row = domains_row(engine->domains, position);
        int64_t free = resources_get(ledger_free(engine->ledger, row), resource);
        if (__builtin_add_overflow(sum, free, &sum)) {
            sum = INT64_MAX;
        }
    }
    return sum;
}

/* The resource of the role that runs out first, over all nodes of the domain. */
static uint32_t scarce_resource(struct engine *engine, const struct resources *request,
                                uint32_t domain)
{
    const struct domain *range = domains_get(engine->domains, domain);
    struct resources sum;
    resources_init(&sum);
    for (uint32_t i = 0; i < request->count; i++) {
        uint32_t name = request->items[i].name;
        resources_set(&sum, name, free_in(engine, range, name));
    }
    uint32_t scarce = resources_scarcest(request, &sum);
    resources_finish(&sum);
    return scarce == UINT32_MAX ? NAMES_NONE : scarce;
}

/* Who has most of what is scarce there, and whose end would do. */
static void find_blockers(const struct attempt *attempt, uint32_t domain,
                          struct reason_shortage *shortage)
{
    const struct engine *engine = attempt->engine;
    const struct occupants occupants = {
        .gangs = &engine->gangs,
        .pods = engine->pods,
        .shapes = engine->shapes,
        .domains = engine->domains,
    };
    struct occupant blockers[BLOCKERS_ASKED];
    int64_t ordinary;
    uint32_t count = occupants_greatest(&occupants, attempt->gang, domain, shortage->scarce,
                                        blockers, BLOCKERS_ASKED, &ordinary);
    shortage->blocker = count > 0 ? blockers[0].gang : NULL;
    shortage->ordinary = ordinary > (count > 0 ? blockers[0].amount : 0);
    if (!attempt->constraints.good_gpus) { /* counts do not say which GPUs would be free */
        shortage->after = find_after(attempt, blockers, count);
    }
}

void explain_shortage(const struct attempt *attempt, const struct solver_plan *plan)
{
    struct engine *engine = attempt->engine;
    struct gang *gang = attempt->gang;
    char text[GANG_REASON_MAX];
    uint32_t domain = plan->shortfall.domain == DOMAINS_NONE ? 0 : plan->shortfall.domain;
    const struct solver_role *role = &attempt->roles[plan->shortfall.role];
    struct reason_shortage shortage = {
        .gang = gang,
        .plan = plan,
        .domains = engine->domains,
        .nodes = engine->nodes,
        .role = role,
        .good_gpus = attempt->constraints.good_gpus,
        .scarce = scarce_resource(engine, role->request, domain),
    };
    if (shortage.scarce != NAMES_NONE) {
        find_blockers(attempt, domain, &shortage);
    }
    engine_charge(engine, domains_positions(engine->domains) / 2 + /* who is where was looked at */
                              pods_ordinary(engine->pods)->count / 4);
    reason_shortfall(&shortage, text, sizeof(text));
    if (gang_set_reason(gang, reason_short, text)) {
        engine_emit_waiting(engine, gang);
    }
    gang->short_levels = domains_levels(engine->domains);
    gang->shortfall = plan->shortfall;
}
