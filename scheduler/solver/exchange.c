// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/exchange.h"

#include <stdlib.h>

#include "scheduler/solver/limits.h"
#include "scheduler/solver/role.h"
#include "scheduler/solver/slices.h"
#include "topology/base/alloc.h"

/* What the plan puts on a node is a *load*; loads are in position order, and stay the loads of the
 * same lowest domain, so only what nodes themselves ask for has to be looked at again.
 *
 * `at` tells for every position which load is there. Pinned members keep their nodes touched: a
 * load on one is not moved as a whole, and none is moved onto one that has none.
 */

#define STEPS_MOST  (UINT64_C(1) << 18)
#define LOAD_NONE   0 /* in `at`; else 1 + its index */
#define LOAD_PINNED UINT32_MAX

struct load {
    uint32_t position;
    uint32_t total;
    bool pinned;
    uint32_t pods[SOLVER_ROLES_MAX];
};

struct exchange {
    const struct solver_problem *problem;
    struct solver_plan *plan;
    uint32_t host;
    struct solver_limits *limits;
    struct load *loads;
    uint32_t count;
    uint32_t *at; /* by position */
    uint64_t steps;
};

/* ---- loads ---- */

static int compare_loads(const void *left, const void *right)
{
    const struct load *a = left;
    const struct load *b = right;
    return a->position < b->position ? -1 : a->position > b->position;
}

static void read_plan(struct exchange *exchange)
{
    const struct solver_problem *problem = exchange->problem;
    uint32_t at = 0;
    exchange->loads = alloc_zero(exchange->plan->count, sizeof *exchange->loads);
    exchange->at = alloc_zero(domains_positions(problem->domains), sizeof *exchange->at);
    for (uint32_t r = 0; r < problem->role_count; r++) {
        for (uint32_t i = 0; i < problem->roles[r].count; i++, at++) {
            uint32_t position = exchange->plan->positions[at];
            if (exchange->at[position] == LOAD_NONE) {
                exchange->loads[exchange->count].position = position;
                exchange->at[position] = ++exchange->count;
            }
            exchange->loads[exchange->at[position] - 1].pods[r]++;
            exchange->loads[exchange->at[position] - 1].total++;
            solver_limits_count(exchange->limits, r, position, 1);
        }
    }
    qsort(exchange->loads, exchange->count, sizeof *exchange->loads, compare_loads);
    for (uint32_t i = 0; i < exchange->count; i++) {
        exchange->at[exchange->loads[i].position] = i + 1;
    }
    for (uint32_t i = 0; i < problem->pinned_count; i++) {
        uint32_t *load = &exchange->at[problem->pinned[i]];
        if (*load == LOAD_NONE) {
            *load = LOAD_PINNED;
        } else if (*load != LOAD_PINNED) {
            exchange->loads[*load - 1].pinned = true;
        }
    }
}

static void write_plan(struct exchange *exchange)
{
    uint32_t at = 0;
    qsort(exchange->loads, exchange->count, sizeof *exchange->loads, compare_loads);
    for (uint32_t r = 0; r < exchange->problem->role_count; r++) {
        for (uint32_t i = 0; i < exchange->count; i++) {
            for (uint32_t n = 0; n < exchange->loads[i].pods[r]; n++) {
                exchange->plan->positions[at++] = exchange->loads[i].position;
            }
        }
    }
}

/* ---- what a node takes ---- */

static int64_t weight(const struct exchange *exchange, uint32_t role, uint32_t position)
{
    const uint32_t *weights = exchange->problem->roles[role].preference;
    return weights != NULL ? weights[position] : 0;
}

static bool has_resources(const struct exchange *exchange, const struct load *load,
                          uint32_t position)
{
    const struct solver_problem *problem = exchange->problem;
    struct resources sum;
    bool fits = true;
    resources_init(&sum);
    for (uint32_t r = 0; r < problem->role_count; r++) {
        fits = fits && load->pods[r] <= solver_role_fits(&problem->roles[r], position);
        for (uint32_t i = 0; problem->role_count > 1 && i < problem->roles[r].request->count; i++) {
            struct resource item = problem->roles[r].request->items[i];
            resources_set(&sum, item.name,
                          resources_get(&sum, item.name) +
                              solver_needed(item.amount, load->pods[r]));
        }
    }
    fits = fits && (problem->role_count == 1 ||
                    resources_fit(&sum, problem->free_at(problem->free_context, position)));
    resources_finish(&sum);
    return fits;
}

static void count_load(const struct exchange *exchange, const struct load *load, uint32_t position,
                       int32_t sign)
{
    for (uint32_t r = 0; r < exchange->problem->role_count; r++) {
        if (load->pods[r] > 0) {
            solver_limits_count(exchange->limits, r, position, sign * (int32_t)load->pods[r]);
        }
    }
}

/* Whether limits of nodes let the load in; it is not counted where it is now. */
static bool let_in(const struct exchange *exchange, const struct load *load, uint32_t position)
{
    uint32_t counted = 0;
    bool in = true;
    for (; counted < exchange->problem->role_count && in; counted++) {
        uint32_t most = solver_limits_most(exchange->limits, counted, exchange->host, position);
        in = load->pods[counted] == 0 || load->pods[counted] <= most;
        if (in && load->pods[counted] > 0) {
            solver_limits_count(exchange->limits, counted, position, (int32_t)load->pods[counted]);
        }
    }
    for (uint32_t r = 0; r < counted; r++) {
        if (load->pods[r] > 0 && (in || r + 1 < counted)) {
            solver_limits_count(exchange->limits, r, position, -(int32_t)load->pods[r]);
        }
    }
    return in;
}

/* ---- whole loads ---- */

static int64_t gain_of(const struct exchange *exchange, const struct load *load, uint32_t position)
{
    int64_t gain = 0;
    for (uint32_t r = 0; r < exchange->problem->role_count; r++) {
        gain += (weight(exchange, r, position) - weight(exchange, r, load->position)) *
                (int64_t)load->pods[r];
    }
    return gain;
}

static void move_load(struct exchange *exchange, uint32_t index)
{
    struct load *load = &exchange->loads[index];
    const struct domains *domains = exchange->problem->domains;
    const struct domain *domain =
        domains_get(domains, domains_at(domains, load->position, exchange->host - 1));
    uint32_t best = load->position;
    int64_t most = 0;
    count_load(exchange, load, load->position, -1);
    for (uint32_t p = domain->first; p < domain->end && exchange->steps < STEPS_MOST; p++) {
        exchange->steps++;
        if (exchange->at[p] != LOAD_NONE || gain_of(exchange, load, p) <= most) {
            continue;
        }
        exchange->steps += 8 * (uint64_t)exchange->problem->role_count;
        if (has_resources(exchange, load, p) && let_in(exchange, load, p)) {
            most = gain_of(exchange, load, p);
            best = p;
        }
    }
    exchange->at[load->position] = LOAD_NONE;
    load->position = best;
    exchange->at[best] = index + 1;
    count_load(exchange, load, best, 1);
}

/* ---- single pods ---- */

/* Whether pods of the role may leave the others on their node. */
static bool is_free(const struct exchange *exchange, uint32_t role)
{
    const struct solver_role *item = &exchange->problem->roles[role];
    return item->preference != NULL && solver_slices_portion(item, exchange->host) == 1 &&
           (item->podset == 0 ||
            exchange->problem->podsets[item->podset - 1].level != exchange->host);
}

static void move_pods(struct exchange *exchange, struct load *from, struct load *to, uint32_t role)
{
    while (from->pods[role] > 0 && (from->total > 1 || from->pinned) &&
           exchange->steps < STEPS_MOST) {
        uint32_t most = solver_limits_most(exchange->limits, role, exchange->host, to->position);
        exchange->steps += 8 * (uint64_t)exchange->problem->role_count;
        to->pods[role]++;
        if (most == 0 || !has_resources(exchange, to, to->position)) {
            to->pods[role]--;
            return;
        }
        to->total++;
        from->pods[role]--;
        from->total--;
        solver_limits_count(exchange->limits, role, from->position, -1);
        solver_limits_count(exchange->limits, role, to->position, 1);
    }
}

/* From each load to the others of its lowest domain that are liked better. */
static void move_single(struct exchange *exchange, uint32_t index, uint32_t role)
{
    const struct domains *domains = exchange->problem->domains;
    struct load *from = &exchange->loads[index];
    uint32_t lowest = domains_at(domains, from->position, exchange->host - 1);
    const struct domain *domain = domains_get(domains, lowest);
    for (uint32_t p = domain->first; p < domain->end && exchange->steps < STEPS_MOST; p++) {
        uint32_t other = exchange->at[p];
        exchange->steps++;
        if (other != LOAD_NONE && other != LOAD_PINNED &&
            weight(exchange, role, p) > weight(exchange, role, from->position)) {
            move_pods(exchange, from, &exchange->loads[other - 1], role);
        }
    }
}

void solver_exchange(const struct solver_problem *problem, struct solver_plan *plan)
{
    struct solver_effort effort = {.limit = UINT64_MAX};
    struct exchange exchange = {.problem = problem,
                                .plan = plan,
                                .host = domains_levels(problem->domains) - 1,
                                .limits = solver_limits_create(problem, &effort)};
    read_plan(&exchange);
    for (uint32_t i = 0; i < exchange.count; i++) {
        if (!exchange.loads[i].pinned) {
            move_load(&exchange, i);
        }
    }
    for (uint32_t i = 0; i < exchange.count; i++) {
        for (uint32_t r = 0; r < problem->role_count; r++) {
            if (exchange.loads[i].pods[r] > 0 && is_free(&exchange, r)) {
                move_single(&exchange, i, r);
            }
        }
    }
    write_plan(&exchange);
    plan->steps += exchange.steps + plan->count + effort.steps;
    free(exchange.loads);
    free(exchange.at);
    solver_limits_destroy(exchange.limits);
}
