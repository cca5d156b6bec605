// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/space.h"

#include <stdlib.h>
#include <string.h>

#include "scheduler/solver/role.h"
#include "scheduler/solver/slices.h"
#include "scheduler/solver/sums.h"
#include "topology/base/alloc.h"
#include "topology/base/err.h"

/* The room of a problem and the trial in it.
 *
 * fits[demand][domain] are sums over positions; they start as copies of the capacities' own sums
 * less the excluded positions. With one role nothing in them changes while a trial runs, because no
 * second role comes after the first one. With several, a node that pods were placed on is *drawn*:
 * it gets a private copy of its free resources, and what it holds no more is subtracted from all
 * domains above it.
 *
 * A role with slices has a second array: raw[domain] is the sum over the children before it is
 * rounded down to whole slices, fits[domain] after. A change of a node travels upward as the
 * difference it makes after rounding, and often ends at the first layer.
 *
 *   slots     [ 0 0 2 0 1 … ]            by position: index into drawn + 1, or 0
 *   drawn     [ {4, free} {2, free} ]    in order of first placement
 *   drawn_fits[ role 0, role 1 | … ]     beside drawn
 *
 * Invariants: raw[d] = Σ fits of d's children and fits[d] = raw[d] rounded, for every role; a
 * touched domain has a touched parent, so marking stops at the first one found touched; `journal`
 * lists what the trial touched first, so undo costs what the trial did, not the size of the
 * cluster.
 */

/* Nodes in the journal are told from domains by this bit. */
#define JOURNAL_NODE (UINT32_C(1) << 31)

struct drawn {
    uint32_t position;
    struct resources free;
};

struct solver_space {
    const struct solver_problem *problem;
    struct solver_effort *effort;
    const struct domains *domains;
    uint32_t positions;
    uint32_t domain_count;
    uint32_t host;
    uint64_t *fits[SOLVER_ROLES_MAX];
    uint64_t *raw[SOLVER_ROLES_MAX]; /* of roles with slices, else NULL */
    /* A started slice that cannot be completed where it is, or NULL. */
    const struct solver_started *impossible;
    uint32_t impossible_role;
    uint64_t impossible_room;

    /* With two or more roles. */
    struct solver_sums *sums;
    uint32_t *slots;
    struct drawn *drawn;
    size_t drawn_room;
    uint32_t drawn_count;
    uint32_t *drawn_fits;
    size_t drawn_fits_room;

    uint8_t *touched_nodes;
    uint8_t *touched_domains;
    uint32_t used[SOLVER_TREE_MAX];
    uint32_t pinned_used[SOLVER_TREE_MAX];
    uint32_t pinned_first; /* pinned positions lie in [first, end) */
    uint32_t pinned_end;
    uint32_t *journal;
    size_t journal_room;
    uint32_t journal_count;
    struct solver_placement *placements;
    size_t placement_room;
    uint32_t placement_count;
};

/* ---- fits ---- */

static uint64_t round_down(const struct solver_space *space, uint32_t role, uint32_t level,
                           uint32_t index, uint64_t raw)
{
    return solver_slices_round(&space->problem->roles[role], space->domains, level, index, raw);
}

/* Before slices. */
static uint32_t whole_fits(const struct solver_space *space, uint32_t role, uint32_t position)
{
    return solver_role_fits(&space->problem->roles[role], position);
}

static uint32_t undrawn_fits(const struct solver_space *space, uint32_t role, uint32_t position)
{
    uint32_t fits = whole_fits(space, role, position);
    if (space->raw[role] != NULL) {
        fits = (uint32_t)round_down(space, role, space->host, position, fits);
    }
    return fits;
}

/* Makes the sums of inner domains out of those of the lowest ones. */
static void sum_upward(const struct solver_space *space, uint64_t *fits)
{
    for (uint32_t d = space->domain_count; d-- > 1;) {
        fits[domains_get(space->domains, d)->parent] += fits[d];
    }
}

static void subtract_excluded(const struct solver_space *space, const struct solver_role *role,
                              uint64_t *fits)
{
    uint64_t *excluded = alloc_zero(space->domain_count, sizeof *excluded);
    for (uint32_t d = 0; d < space->domain_count; d++) {
        const struct domain *domain = domains_get(space->domains, d);
        if (domain->level + 1 < space->host) {
            continue;
        }
        for (size_t p = bitset_next(role->excluded, domain->first); p < domain->end;
             p = bitset_next(role->excluded, p + 1)) {
            excluded[d] += capacity_node(role->capacity, (uint32_t)p);
        }
    }
    sum_upward(space, excluded);
    for (uint32_t d = 0; d < space->domain_count; d++) {
        fits[d] -= excluded[d];
    }
    free(excluded);
}

static uint64_t *role_fits(const struct solver_space *space, const struct solver_role *role)
{
    uint64_t *fits = alloc_zero(space->domain_count, sizeof *fits);
    for (uint32_t d = 0; d < space->domain_count; d++) {
        fits[d] = capacity_domain(role->capacity, d);
    }
    if (role->excluded != NULL) {
        subtract_excluded(space, role, fits);
    }
    return fits;
}

/* The sums of a role with slices, rounded level by level from below. */
static void make_sliced(struct solver_space *space, uint32_t role)
{
    uint64_t *raw = alloc_zero(space->domain_count, sizeof *raw);
    uint64_t *fits = alloc_zero(space->domain_count, sizeof *fits);
    space->raw[role] = raw;
    space->fits[role] = fits;
    for (uint32_t d = space->domain_count; d-- > 0;) {
        const struct domain *domain = domains_get(space->domains, d);
        if (domain->level + 1 == space->host) {
            for (uint32_t p = domain->first; p < domain->end; p++) {
                raw[d] += undrawn_fits(space, role, p);
            }
        }
        fits[d] = round_down(space, role, domain->level, d, raw[d]);
        if (d > 0) {
            raw[domain->parent] += fits[d];
        }
    }
    const struct solver_role *item = &space->problem->roles[role];
    for (uint32_t i = 0; i < item->started_count; i++) {
        const struct solver_started *started = &item->started[i];
        uint32_t level = item->layers[started->layer].level;
        uint64_t room =
            level == space->host ? whole_fits(space, role, started->place) : raw[started->place];
        if (space->impossible == NULL && room < started->count) {
            space->impossible = started;
            space->impossible_role = role;
            space->impossible_room = room;
        }
    }
}

static void make_role(struct solver_space *space, uint32_t role)
{
    const struct solver_role *item = &space->problem->roles[role];
    uint64_t positions = 0;
    if (item->layer_count > 0) {
        make_sliced(space, role);
        positions = space->positions;
    } else {
        space->fits[role] = role_fits(space, item);
        positions = item->excluded != NULL ? space->positions / 16 : 0;
    }
    solver_effort_spend(space->effort, space->domain_count / 4 + positions);
}

/* ---- touching ---- */

static void write_journal(struct solver_space *space, uint32_t entry)
{
    space->journal = alloc_grow(space->journal, &space->journal_room,
                                (size_t)space->journal_count + 1, sizeof *space->journal);
    space->journal[space->journal_count++] = entry;
}

static void touch(struct solver_space *space, uint32_t position)
{
    if (space->touched_nodes[position] != 0) {
        return;
    }
    space->touched_nodes[position] = 1;
    space->used[space->host]++;
    write_journal(space, position | JOURNAL_NODE);
    uint32_t d = domains_at(space->domains, position, space->host - 1);
    while (d != DOMAINS_NONE && space->touched_domains[d] == 0) {
        const struct domain *domain = domains_get(space->domains, d);
        space->touched_domains[d] = 1;
        space->used[domain->level]++;
        write_journal(space, d);
        d = domain->parent;
    }
}

static void touch_pinned(struct solver_space *space)
{
    const struct solver_problem *problem = space->problem;
    space->pinned_first = space->positions;
    for (uint32_t i = 0; i < problem->pinned_count; i++) {
        uint32_t position = problem->pinned[i];
        err_require(position < space->positions);
        if (position < space->pinned_first) {
            space->pinned_first = position;
        }
        if (position >= space->pinned_end) {
            space->pinned_end = position + 1;
        }
        touch(space, position);
    }
    space->journal_count = 0;
    memcpy(space->pinned_used, space->used, sizeof space->used);
}

/* ---- life ---- */

struct solver_space *solver_space_create(const struct solver_problem *problem,
                                         struct solver_effort *effort)
{
    struct solver_space *space = alloc_zero(1, sizeof *space);
    space->problem = problem;
    space->effort = effort;
    space->domains = problem->domains;
    space->positions = domains_positions(problem->domains);
    space->domain_count = domains_count(problem->domains);
    err_require(space->domain_count < JOURNAL_NODE && space->positions < JOURNAL_NODE);
    space->host = domains_levels(problem->domains) - 1;
    for (uint32_t r = 0; r < problem->role_count; r++) {
        make_role(space, r);
    }
    if (problem->role_count > 1) {
        space->sums = solver_sums_create(problem, effort);
        space->slots = alloc_zero(space->positions, sizeof *space->slots);
    }
    space->touched_nodes = alloc_zero(space->positions, sizeof *space->touched_nodes);
    space->touched_domains = alloc_zero(space->domain_count, sizeof *space->touched_domains);
    touch_pinned(space);
    solver_effort_spend(effort, 1 + (space->positions + space->domain_count) / 64);
    return space;
}

void solver_space_destroy(struct solver_space *space)
{
    if (space == NULL) {
        return;
    }
    solver_space_undo(space);
    for (uint32_t i = 0; i < SOLVER_ROLES_MAX; i++) {
        free(space->fits[i]);
        free(space->raw[i]);
    }
    solver_sums_destroy(space->sums);
    free(space->slots);
    free(space->drawn);
    free(space->drawn_fits);
    free(space->touched_nodes);
    free(space->touched_domains);
    free(space->journal);
    free(space->placements);
    free(space);
}

/* ---- reading ---- */

struct solver_effort *solver_space_effort(const struct solver_space *space)
{
    return space->effort;
}

const struct domains *solver_space_domains(const struct solver_space *space)
{
    return space->domains;
}

uint32_t solver_space_host(const struct solver_space *space)
{
    return space->host;
}

uint32_t solver_space_roles(const struct solver_space *space)
{
    return space->problem->role_count;
}

const struct solver_role *solver_space_role(const struct solver_space *space, uint32_t role)
{
    return &space->problem->roles[role];
}

uint32_t solver_space_demands(const struct solver_space *space)
{
    return space->problem->role_count + (space->sums == NULL ? 0 : solver_sums_count(space->sums));
}

uint64_t solver_space_wanted(const struct solver_space *space, uint32_t demand)
{
    uint32_t roles = space->problem->role_count;
    return demand < roles ? space->problem->roles[demand].count
                          : solver_sums_wanted(space->sums, demand - roles);
}

uint64_t solver_space_domain_fits(const struct solver_space *space, uint32_t demand,
                                  uint32_t domain)
{
    uint32_t roles = space->problem->role_count;
    return demand < roles ? space->fits[demand][domain]
                          : solver_sums_domain(space->sums, demand - roles, domain);
}

uint32_t solver_space_node_fits(const struct solver_space *space, uint32_t demand,
                                uint32_t position)
{
    uint32_t roles = space->problem->role_count;
    if (demand >= roles) {
        return solver_sums_node(space->sums, demand - roles, position);
    }
    if (roles > 1 && space->slots[position] != 0) {
        return space->drawn_fits[(size_t)(space->slots[position] - 1) * roles + demand];
    }
    return undrawn_fits(space, demand, position);
}

bool solver_space_can_finish(const struct solver_space *space, uint32_t role)
{
    const struct solver_role *item = &space->problem->roles[role];
    for (uint32_t i = 0; i < item->started_count; i++) {
        const struct solver_started *started = &item->started[i];
        uint64_t room = item->layers[started->layer].level == space->host
                            ? solver_space_node_fits(space, role, started->place)
                            : space->raw[role][started->place];
        if (room < started->count) {
            return false;
        }
    }
    return true;
}

const struct solver_started *solver_space_impossible(const struct solver_space *space,
                                                     uint32_t *role, uint64_t *room)
{
    *role = space->impossible_role;
    *room = space->impossible_room;
    return space->impossible;
}

bool solver_space_domain_passes(const struct solver_space *space, uint32_t domain)
{
    if (space->impossible != NULL) {
        return false;
    }
    for (uint32_t i = 0; i < solver_space_demands(space); i++) {
        if (solver_space_domain_fits(space, i, domain) < solver_space_wanted(space, i)) {
            return false;
        }
    }
    return space->sums == NULL || !solver_sums_pair(space->problem) ||
           solver_sums_pair_fits(space->sums, domain, space->fits[0][domain],
                                 space->fits[1][domain]);
}

bool solver_space_node_passes(const struct solver_space *space, uint32_t position)
{
    const struct solver_problem *problem = space->problem;
    if (space->impossible != NULL) {
        return false;
    }
    for (uint32_t r = 0; r < problem->role_count; r++) {
        if (undrawn_fits(space, r, position) < problem->roles[r].count) {
            return false;
        }
    }
    return space->sums == NULL || solver_sums_fit_node(space->sums, position);
}

bool solver_space_exact(const struct solver_space *space)
{
    return space->sums == NULL || solver_sums_pair(space->problem);
}

bool solver_space_holds_pinned(const struct solver_space *space, uint32_t first, uint32_t end)
{
    return space->problem->pinned_count == 0 ||
           (first <= space->pinned_first && space->pinned_end <= end);
}

bool solver_space_domain_touched(const struct solver_space *space, uint32_t domain)
{
    return space->touched_domains[domain] != 0;
}

bool solver_space_node_touched(const struct solver_space *space, uint32_t position)
{
    return space->touched_nodes[position] != 0;
}

uint32_t solver_space_used(const struct solver_space *space, uint32_t level)
{
    return space->used[level];
}

const struct solver_placement *solver_space_placements(const struct solver_space *space,
                                                       uint32_t *count)
{
    *count = space->placement_count;
    return space->placements;
}

/* ---- the trial ---- */

static uint32_t *drawn_row(const struct solver_space *space, uint32_t index)
{
    return space->drawn_fits + (size_t)index * space->problem->role_count;
}

static uint32_t open_drawn(struct solver_space *space, uint32_t position)
{
    const struct solver_problem *problem = space->problem;
    if (space->slots[position] != 0) {
        return space->slots[position] - 1;
    }
    uint32_t index = space->drawn_count++;
    space->drawn =
        alloc_grow(space->drawn, &space->drawn_room, (size_t)index + 1, sizeof *space->drawn);
    space->drawn_fits =
        alloc_grow(space->drawn_fits, &space->drawn_fits_room,
                   ((size_t)index + 1) * problem->role_count, sizeof *space->drawn_fits);
    space->drawn[index].position = position;
    resources_init(&space->drawn[index].free);
    resources_copy(&space->drawn[index].free, problem->free_at(problem->free_context, position));
    for (uint32_t r = 0; r < problem->role_count; r++) {
        drawn_row(space, index)[r] = undrawn_fits(space, r, position);
    }
    space->slots[position] = index + 1;
    return index;
}

/* Sets what still fits on a drawn node and brings the sums above it up to date. */
static void set_drawn(struct solver_space *space, uint32_t index, uint32_t role, uint32_t fits)
{
    uint32_t *value = &drawn_row(space, index)[role];
    if (*value == fits) {
        return;
    }
    uint64_t change = (uint64_t)fits - *value; /* wraps below zero and back */
    uint32_t d = domains_at(space->domains, space->drawn[index].position, space->host - 1);
    while (d != DOMAINS_NONE && change != 0) {
        const struct domain *domain = domains_get(space->domains, d);
        if (space->raw[role] != NULL) {
            space->raw[role][d] += change;
            change = round_down(space, role, domain->level, d, space->raw[role][d]) -
                     space->fits[role][d];
        }
        space->fits[role][d] += change;
        d = domain->parent;
    }
    *value = fits;
}

static void draw(struct solver_space *space, uint32_t role, uint32_t position, uint32_t count)
{
    const struct solver_problem *problem = space->problem;
    uint32_t index = open_drawn(space, position);
    struct resources *left = &space->drawn[index].free;
    const struct resources *request = problem->roles[role].request;
    for (uint32_t i = 0; i < request->count; i++) {
        struct resource item = request->items[i];
        resources_set(left, item.name,
                      resources_get(left, item.name) - solver_needed(item.amount, count));
    }
    for (uint32_t r = 0; r < problem->role_count; r++) {
        uint32_t fits =
            resources_copies(problem->roles[r].request, left, whole_fits(space, r, position));
        if (space->raw[r] != NULL) {
            fits = (uint32_t)round_down(space, r, space->host, position, fits);
        }
        set_drawn(space, index, r, fits);
    }
}

void solver_space_place(struct solver_space *space, uint32_t role, uint32_t position,
                        uint32_t count)
{
    err_require(count <= solver_space_node_fits(space, role, position));
    space->placements = alloc_grow(space->placements, &space->placement_room,
                                   (size_t)space->placement_count + 1, sizeof *space->placements);
    space->placements[space->placement_count++] =
        (struct solver_placement){.role = role, .position = position, .count = count};
    touch(space, position);
    solver_effort_spend(space->effort, 2);
    if (space->problem->role_count > 1) {
        draw(space, role, position, count);
        solver_effort_spend(space->effort, 2 * (uint64_t)space->problem->role_count + 8);
    }
}

void solver_space_undo(struct solver_space *space)
{
    for (uint32_t i = 0; i < space->drawn_count; i++) {
        uint32_t position = space->drawn[i].position;
        for (uint32_t r = 0; r < space->problem->role_count; r++) {
            set_drawn(space, i, r, undrawn_fits(space, r, position));
        }
        space->slots[position] = 0;
        resources_finish(&space->drawn[i].free);
    }
    space->drawn_count = 0;
    for (uint32_t i = 0; i < space->journal_count; i++) {
        uint32_t entry = space->journal[i];
        if ((entry & JOURNAL_NODE) != 0) {
            space->touched_nodes[entry & ~JOURNAL_NODE] = 0;
        } else {
            space->touched_domains[entry] = 0;
        }
    }
    space->journal_count = 0;
    space->placement_count = 0;
    memcpy(space->used, space->pinned_used, sizeof space->used);
}
