// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/sums.h"

#include <stdlib.h>

#include "scheduler/solver/role.h"
#include "topology/base/alloc.h"
#include "topology/base/err.h"
#include "topology/graph/domains.h"

/* Two tables, filled in one walk over the positions:
 *
 *   nodes[position][sum]      what the node has, or could use
 *   domains[domain][sum]      Σ over the positions of it
 *
 * A pair has a third number. A launcher put on a node takes room from its workers there: the node's
 * loss. Beside the launcher on the best node of a domain fit all workers that fit alone but for the
 * least loss; so those numbers decide, and nothing has to be tried.
 *
 *   loss[domain]             the least over the positions where the single pod fits
 */

#define SCALE_BITS 32
#define LOSS_NONE  UINT32_MAX /* the single pod fits nowhere */

struct solver_sums {
    const struct solver_problem *problem;
    const struct solver_limits *limits;
    uint32_t host;
    uint32_t domain_count;
    uint32_t count;
    uint64_t wanted[SOLVER_SUMS_MAX];
    uint32_t *nodes;
    uint64_t *domains;
    struct resources common; /* the least any pod requests */
    struct resources bundle; /* what all pods request together */
    /* The resources of sum 1 …, ascending; amounts wait to be shifted. */
    uint32_t name_count;
    uint32_t names[SOLVER_SUM_NAMES_MAX];
    uint32_t shift[SOLVER_SUM_NAMES_MAX];
    int64_t requests[SOLVER_ROLES_MAX][SOLVER_SUM_NAMES_MAX];
    uint32_t *loss;  /* of a pair, else NULL */
    uint32_t single; /* its two roles */
    uint32_t other;
};

/* ---- what is wanted ---- */

static void bundle_requests(struct solver_sums *sums)
{
    const struct solver_problem *problem = sums->problem;
    resources_init(&sums->common);
    resources_init(&sums->bundle);
    resources_copy(&sums->common, problem->roles[0].request);
    for (uint32_t r = 0; r < problem->role_count; r++) {
        const struct resources *request = problem->roles[r].request;
        struct resources part;
        resources_init(&part);
        for (uint32_t i = 0; i < request->count; i++) {
            resources_set(&part, request->items[i].name,
                          solver_needed(request->items[i].amount, problem->roles[r].count));
        }
        resources_add(&sums->bundle, &part);
        resources_finish(&part);
        for (uint32_t i = sums->common.count; i-- > 0;) {
            struct resource item = sums->common.items[i];
            int64_t amount = resources_get(request, item.name);
            resources_set(&sums->common, item.name, amount < item.amount ? amount : item.amount);
        }
        sums->wanted[0] += problem->roles[r].count;
    }
}

/* All names of the bundle, or none when they are too many. */
static void choose_names(struct solver_sums *sums)
{
    if (sums->bundle.count > SOLVER_SUM_NAMES_MAX) {
        return;
    }
    for (uint32_t i = 0; i < sums->bundle.count; i++) {
        struct resource item = sums->bundle.items[i];
        uint32_t k = sums->name_count++;
        uint32_t shift = 0;
        while (item.amount >> shift >> SCALE_BITS != 0) {
            shift++;
        }
        sums->names[k] = item.name;
        sums->shift[k] = shift;
        sums->wanted[1 + k] = (uint64_t)item.amount >> shift;
        for (uint32_t r = 0; r < sums->problem->role_count; r++) {
            int64_t amount = resources_get(sums->problem->roles[r].request, item.name);
            sums->requests[r][k] = amount > 0 ? amount : 0;
        }
    }
}

/* ---- what there is ---- */

/* The mix on a node. */
static uint32_t count_mix(const struct solver_sums *sums, const struct resources *room,
                          uint64_t alone)
{
    uint32_t limit = alone < CAPACITY_NODE_MAX ? (uint32_t)alone : CAPACITY_NODE_MAX;
    return resources_copies(&sums->common, room, limit);
}

/* What of `room` the pods that fit could use, by name. */
static void count_useful(const struct solver_sums *sums, const struct resources *room,
                         const uint32_t fits[SOLVER_ROLES_MAX], int64_t *useful)
{
    uint32_t at = 0;
    for (uint32_t k = 0; k < sums->name_count; k++) {
        while (at < room->count && room->items[at].name < sums->names[k]) {
            at++;
        }
        bool found = at < room->count && room->items[at].name == sums->names[k];
        int64_t most = resource_available(sums->names[k], found ? room->items[at].amount : 0);
        int64_t used = 0;
        for (uint32_t r = 0; r < sums->problem->role_count && used < most; r++) {
            uint32_t wanted = sums->problem->roles[r].count;
            int64_t part = solver_needed(sums->requests[r][k], fits[r] < wanted ? fits[r] : wanted);
            used = part < most - used ? used + part : most;
        }
        useful[k] = used;
    }
}

static void read_node(struct solver_sums *sums, uint32_t position)
{
    const struct solver_problem *problem = sums->problem;
    uint32_t *node = sums->nodes + (size_t)position * sums->count;
    uint32_t fits[SOLVER_ROLES_MAX];
    uint64_t alone = 0;
    for (uint32_t r = 0; r < problem->role_count; r++) {
        uint32_t most = solver_limits_most(sums->limits, r, sums->host, position);
        fits[r] = solver_role_fits(&problem->roles[r], position);
        fits[r] = fits[r] < most ? fits[r] : most;
        alone += fits[r];
    }
    if (alone == 0) {
        return;
    }
    int64_t useful[SOLVER_SUM_NAMES_MAX] = {0};
    const struct resources *room = problem->free_at(problem->free_context, position);
    node[0] = count_mix(sums, room, alone);
    count_useful(sums, room, fits, useful);
    for (uint32_t k = 0; k < sums->name_count; k++) {
        uint64_t lost = (UINT64_C(1) << sums->shift[k]) - 1;
        uint64_t scaled = ((uint64_t)useful[k] + lost) >> sums->shift[k];
        uint64_t wanted = sums->wanted[1 + k];
        node[1 + k] = (uint32_t)(scaled < wanted ? scaled : wanted);
    }
}

/* What the single pod takes from the others on a node. */
static uint32_t count_loss(const struct solver_sums *sums, uint32_t position,
                           struct resources *left)
{
    const struct solver_problem *problem = sums->problem;
    const struct solver_role *other = &problem->roles[sums->other];
    if (solver_role_fits(&problem->roles[sums->single], position) == 0) {
        return LOSS_NONE;
    }
    uint32_t fits = solver_role_fits(other, position);
    if (fits == 0) {
        return 0;
    }
    resources_copy(left, problem->free_at(problem->free_context, position));
    resources_subtract(left, problem->roles[sums->single].request);
    return fits - resources_copies(other->request, left, fits);
}

/* The least loss in a lowest domain; none is less than 0. */
static uint32_t read_losses(const struct solver_sums *sums, const struct domain *domain)
{
    struct resources left;
    resources_init(&left);
    uint32_t least = LOSS_NONE;
    for (uint32_t p = domain->first; p < domain->end && least > 0; p++) {
        uint32_t loss = count_loss(sums, p, &left);
        least = loss < least ? loss : least;
    }
    resources_finish(&left);
    return least;
}

static void read_nodes(struct solver_sums *sums)
{
    const struct domains *domains = sums->problem->domains;
    uint32_t lowest = domains_levels(domains) - 2;
    for (uint32_t d = sums->domain_count; d-- > 0;) {
        const struct domain *domain = domains_get(domains, d);
        uint64_t *row = sums->domains + (size_t)d * sums->count;
        for (uint32_t p = domain->first; domain->level == lowest && p < domain->end; p++) {
            read_node(sums, p);
            for (uint32_t i = 0; i < sums->count; i++) {
                row[i] += solver_sums_node(sums, i, p);
            }
        }
        if (sums->loss != NULL && domain->level == lowest) {
            sums->loss[d] = read_losses(sums, domain);
        }
        for (uint32_t i = 0; i < sums->count && d > 0; i++) {
            sums->domains[(size_t)domain->parent * sums->count + i] += row[i];
        }
        if (sums->loss != NULL && d > 0 && sums->loss[d] < sums->loss[domain->parent]) {
            sums->loss[domain->parent] = sums->loss[d];
        }
    }
}

/* ---- life ---- */

struct solver_sums *solver_sums_create(const struct solver_problem *problem,
                                       const struct solver_limits *limits,
                                       struct solver_effort *effort)
{
    err_require(problem->role_count > 1);
    struct solver_sums *sums = alloc_zero(1, sizeof *sums);
    uint32_t positions = domains_positions(problem->domains);
    sums->problem = problem;
    sums->limits = limits;
    sums->host = domains_levels(problem->domains) - 1;
    sums->domain_count = domains_count(problem->domains);
    bundle_requests(sums);
    choose_names(sums);
    sums->count = 1 + sums->name_count;
    sums->nodes = alloc_zero((size_t)positions * sums->count, sizeof *sums->nodes);
    sums->domains = alloc_zero((size_t)sums->domain_count * sums->count, sizeof *sums->domains);
    if (solver_sums_pair(problem)) {
        sums->single = problem->roles[0].count == 1 ? 0 : 1;
        sums->other = 1 - sums->single;
        sums->loss = alloc_zero(sums->domain_count, sizeof *sums->loss);
        for (uint32_t d = 0; d < sums->domain_count; d++) {
            sums->loss[d] = LOSS_NONE;
        }
    }
    read_nodes(sums);
    solver_effort_spend(effort, (uint64_t)positions * (problem->role_count + sums->count) / 4 +
                                    (uint64_t)sums->domain_count * sums->count / 4);
    return sums;
}

void solver_sums_destroy(struct solver_sums *sums)
{
    if (sums == NULL) {
        return;
    }
    free(sums->nodes);
    free(sums->domains);
    free(sums->loss);
    resources_finish(&sums->common);
    resources_finish(&sums->bundle);
    free(sums);
}

/* ---- reading ---- */

uint32_t solver_sums_count(const struct solver_sums *sums)
{
    return sums->count;
}

uint64_t solver_sums_wanted(const struct solver_sums *sums, uint32_t sum)
{
    return sums->wanted[sum];
}

uint64_t solver_sums_domain(const struct solver_sums *sums, uint32_t sum, uint32_t domain)
{
    return sums->domains[(size_t)domain * sums->count + sum];
}

uint32_t solver_sums_node(const struct solver_sums *sums, uint32_t sum, uint32_t position)
{
    return sums->nodes[(size_t)position * sums->count + sum];
}

bool solver_sums_fit_node(const struct solver_sums *sums, uint32_t position)
{
    const struct solver_problem *problem = sums->problem;
    return resources_fit(&sums->bundle, problem->free_at(problem->free_context, position));
}

bool solver_sums_pair(const struct solver_problem *problem)
{
    const struct solver_role *roles = problem->roles;
    return problem->role_count == 2 && (roles[0].count == 1 || roles[1].count == 1) &&
           roles[0].layer_count == 0 && roles[1].layer_count == 0 &&
           problem->limit_count + problem->apart_count == 0;
}

bool solver_sums_pair_fits(const struct solver_sums *sums, uint32_t domain, uint64_t first,
                           uint64_t second)
{
    uint64_t others = sums->other == 0 ? first : second;
    uint32_t loss = sums->loss[domain];
    return loss != LOSS_NONE && others >= loss &&
           others - loss >= sums->problem->roles[sums->other].count;
}
