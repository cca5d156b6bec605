// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/explain.h"

#include <stdio.h>
#include <stdlib.h>

#include "scheduler/engine/reason.h"
#include "topology/base/alloc.h"

/* Why a gang does not fit, in the terms of people: which resource runs out, who holds most of it
 * there, and whether the end of one of those would do.
 *
 * The last is a question to the solver, on a copy of the capacities with that gang's pods taken
 * away. The greatest few are asked about, for gangs of one shape: the answer is to be had within a
 * planning step.
 */

#define BLOCKERS_ASKED 3

/* Adds up by gang what the pods of a domain have of a resource; the greatest is in the way. */
static void count_blocking(struct engine *engine, const struct gang *gang, uint32_t domain,
                           uint32_t resource, int64_t *ordinary)
{
    const struct domain *range = domains_get(engine->domains, domain);
    *ordinary = 0;
    for (uint32_t i = 0; i < engine->gangs.count; i++) {
        engine->gangs.items[i]->blocking = 0;
    }
    for (struct pod *pod = pods_first(engine->pods); pod != NULL; pod = pod->hh.next) {
        if (pod->claim == CLAIM_NONE || pod->gang == gang) {
            continue;
        }
        uint32_t position = domains_position(engine->domains, pod->claim_row);
        if (position == DOMAINS_NONE || position < range->first || position >= range->end) {
            continue;
        }
        int64_t *sum = pod->gang != NULL ? &pod->gang->blocking : ordinary;
        *sum += resources_get(shapes_request(engine->shapes, pod->shape), resource);
    }
}

/* The gang that has most, not one of those asked about before: less than `below`, or as much and
 * later in order. */
static struct gang *next_blocker(const struct engine *engine, const struct gang *before)
{
    struct gang *greatest = NULL;
    bool passed = before == NULL;
    for (uint32_t i = 0; i < engine->gangs.count; i++) {
        struct gang *gang = engine->gangs.items[i];
        bool later = before == NULL || gang->blocking < before->blocking ||
                     (gang->blocking == before->blocking && passed);
        passed = passed || gang == before;
        if (gang != before && later && gang->blocking > 0 &&
            (greatest == NULL || gang->blocking > greatest->blocking)) {
            greatest = gang;
        }
    }
    return greatest;
}

/* Whether the attempt's one role would fit if the pods of `other` were gone. */
static bool fits_without(const struct attempt *attempt, const struct gang *other)
{
    const struct engine *engine = attempt->engine;
    struct capacity *capacity = capacity_copy(attempt->roles[0].capacity);
    struct resources *freed = alloc_zero(domains_positions(engine->domains), sizeof *freed);
    for (uint32_t i = 0; i < other->member_count; i++) {
        const struct pod *pod = other->members[i];
        uint32_t position = pod->claim == CLAIM_NONE
                                ? DOMAINS_NONE
                                : domains_position(engine->domains, pod->claim_row);
        if (position != DOMAINS_NONE) {
            resources_add(&freed[position], shapes_request(engine->shapes, pod->shape));
            capacity_set(capacity, position,
                         ledger_copies(engine->ledger, attempt->shapes[0], pod->claim_row,
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
    solver_plan_finish(&plan);
    for (uint32_t p = 0; p < domains_positions(engine->domains); p++) {
        resources_finish(&freed[p]);
    }
    free(freed);
    capacity_destroy(capacity);
    return fits;
}

/* The first of the greatest gangs whose end would make room, or NULL. */
static const struct gang *find_after(const struct attempt *attempt)
{
    const struct gang *other = NULL;
    for (int i = 0; i < BLOCKERS_ASKED && attempt->role_count == 1; i++) {
        other = next_blocker(attempt->engine, other);
        if (other == NULL || fits_without(attempt, other)) {
            return other;
        }
    }
    return NULL;
}

/* The resource of the role that runs out first, over all nodes of the domain. */
static uint32_t scarce_resource(const struct engine *engine, const struct resources *request,
                                uint32_t domain)
{
    const struct domain *range = domains_get(engine->domains, domain);
    struct resources sum;
    resources_init(&sum);
    for (uint32_t position = range->first; position < range->end; position++) {
        resources_add(&sum, ledger_free(engine->ledger, domains_row(engine->domains, position)));
    }
    uint32_t scarce = resources_scarcest(request, &sum);
    resources_finish(&sum);
    return scarce == UINT32_MAX ? NAMES_NONE : scarce;
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
    int64_t ordinary = 0;
    if (shortage.scarce != NAMES_NONE) {
        count_blocking(engine, gang, domain, shortage.scarce, &ordinary);
        shortage.blocker = next_blocker(engine, NULL);
        if (!attempt->constraints.good_gpus) { /* counts do not say which GPUs would be free */
            shortage.after = find_after(attempt);
        }
        shortage.ordinary = ordinary > (shortage.blocker == NULL ? 0 : shortage.blocker->blocking);
    }
    reason_shortfall(&shortage, text, sizeof(text));
    if (gang_set_reason(gang, reason_short, text)) {
        engine_tell_waiting(engine, gang);
    }
    gang->short_levels = domains_levels(engine->domains);
    gang->shortfall = plan->shortfall;
}
