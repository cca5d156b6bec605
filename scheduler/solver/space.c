// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/space.h"

#include <stdlib.h>
#include <string.h>

#include "scheduler/solver/limits.h"
#include "scheduler/solver/role.h"
#include "scheduler/solver/room.h"
#include "scheduler/solver/sets.h"
#include "scheduler/solver/sums.h"
#include "topology/base/alloc.h"
#include "topology/base/err.h"

/* The room of a problem and the trial in it.
 *
 * What domains hold is room.c. With one role nothing in it changes while a trial runs, because no
 * second role comes after the first one. With several, a node that pods were placed on is *drawn*:
 * it gets a private copy of its free resources, and what it holds no more is subtracted from all
 * domains above it; so is what limits let in no more.
 *
 *   slots     [ 0 0 2 0 1 … ]            by position: index into drawn + 1, or 0
 *   drawn     [ {4, free} {2, free} ]    in order of first placement
 *   drawn_fits[ role 0, role 1 | … ]     beside drawn
 *
 * Invariants: a touched domain has a touched parent, so marking stops at the first one found
 * touched; `journal` lists what the trial touched first, so undo costs what the trial did, not the
 * size of the cluster; limits count what is in `placements`.
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
    struct solver_limits *limits; /* NULL: none */
    struct solver_room *room;
    const uint64_t *fits[SOLVER_ROLES_MAX]; /* of the room */
    bool plain[SOLVER_ROLES_MAX];           /* neither slices nor limits on nodes */
    bool impossible;                        /* a started slice cannot be completed */

    /* With two or more roles. */
    struct solver_sums *sums;
    struct solver_sets *sets;
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

/* A position with nothing placed there; most roles are plain, and this is asked for every node. */
static uint32_t undrawn_fits(const struct solver_space *space, uint32_t role, uint32_t position)
{
    return space->plain[role] ? solver_role_fits(&space->problem->roles[role], position)
                              : solver_room_node(space->room, role, position);
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
    space->limits = solver_limits_create(problem, effort);
    space->room = solver_room_create(problem, space->limits, effort);
    for (uint32_t r = 0; r < problem->role_count; r++) {
        space->fits[r] = solver_room_fits(space->room, r);
        space->plain[r] = solver_room_plain(space->room, r);
    }
    uint32_t role = 0;
    uint64_t fits = 0;
    space->impossible = solver_room_impossible(space->room, &role, &fits) != NULL;
    if (problem->role_count > 1) {
        space->sums = solver_sums_create(problem, space->limits, effort);
        space->sets = solver_sets_create(problem, space->limits, space->room, effort);
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
    solver_sets_destroy(space->sets);
    solver_sums_destroy(space->sums);
    solver_room_destroy(space->room);
    solver_limits_destroy(space->limits);
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

/* The sums follow the roles, the sets follow the sums. */
static uint32_t sums_end(const struct solver_space *space)
{
    return space->problem->role_count + (space->sums == NULL ? 0 : solver_sums_count(space->sums));
}

uint32_t solver_space_demands(const struct solver_space *space)
{
    return sums_end(space) + (space->sets == NULL ? 0 : solver_sets_count(space->sets));
}

uint64_t solver_space_wanted(const struct solver_space *space, uint32_t demand)
{
    uint32_t roles = space->problem->role_count;
    if (demand < roles) {
        return space->problem->roles[demand].count;
    }
    return demand < sums_end(space) ? solver_sums_wanted(space->sums, demand - roles)
                                    : solver_sets_wanted(space->sets, demand - sums_end(space));
}

uint64_t solver_space_domain_fits(const struct solver_space *space, uint32_t demand,
                                  uint32_t domain)
{
    uint32_t roles = space->problem->role_count;
    if (demand < roles) {
        return space->fits[demand][domain];
    }
    return demand < sums_end(space)
               ? solver_sums_domain(space->sums, demand - roles, domain)
               : solver_sets_domain(space->sets, demand - sums_end(space), domain);
}

uint32_t solver_space_node_fits(const struct solver_space *space, uint32_t demand,
                                uint32_t position)
{
    uint32_t roles = space->problem->role_count;
    if (demand >= roles) {
        return demand < sums_end(space)
                   ? solver_sums_node(space->sums, demand - roles, position)
                   : solver_sets_node(space->sets, demand - sums_end(space), position);
    }
    if (roles > 1 && space->slots[position] != 0) {
        return space->drawn_fits[(size_t)(space->slots[position] - 1) * roles + demand];
    }
    return undrawn_fits(space, demand, position);
}

uint64_t solver_space_place_fits(const struct solver_space *space, uint32_t role, bool node,
                                 uint32_t index)
{
    uint64_t fits = node ? solver_space_node_fits(space, role, index) : space->fits[role][index];
    if (space->limits == NULL) {
        return fits;
    }
    uint32_t level = node ? space->host : domains_get(space->domains, index)->level;
    return solver_room_within(space->room, role, level, index, fits);
}

uint64_t solver_space_round(const struct solver_space *space, uint32_t role, uint32_t domain,
                            uint64_t raw)
{
    return solver_room_round(space->room, role, domains_get(space->domains, domain)->level, domain,
                             raw);
}

bool solver_space_deals(const struct solver_space *space, uint32_t role, uint32_t level)
{
    return solver_room_deals(space->room, role, level);
}

uint32_t solver_space_limited(const struct solver_space *space, uint32_t demand)
{
    if (demand < space->problem->role_count) {
        return solver_limits_levels(space->limits, demand);
    }
    return demand < sums_end(space) ? 0 : solver_sets_levels(space->sets, demand - sums_end(space));
}

const struct solver_apart *solver_space_aparts(const struct solver_space *space, uint32_t *count)
{
    *count = space->problem->apart_count;
    return space->problem->aparts;
}

static uint32_t fits_now(const void *space, uint32_t role, uint32_t position)
{
    return solver_space_node_fits(space, role, position);
}

bool solver_space_can_finish(const struct solver_space *space, uint32_t role)
{
    return solver_room_can_finish(space->room, role, fits_now, space);
}

const struct solver_started *solver_space_impossible(const struct solver_space *space,
                                                     uint32_t *role, uint64_t *room)
{
    return solver_room_impossible(space->room, role, room);
}

static bool is_split(const struct solver_space *space, uint32_t domain)
{
    const struct domain *item = domains_get(space->domains, domain);
    return solver_limits_split(space->limits, item->level, item->first);
}

bool solver_space_domain_passes(const struct solver_space *space, uint32_t domain)
{
    if (space->impossible || (space->limits != NULL && is_split(space, domain))) {
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
    if (space->impossible || solver_limits_split(space->limits, space->host, position)) {
        return false;
    }
    for (uint32_t r = 0; r < problem->role_count; r++) {
        if (undrawn_fits(space, r, position) < problem->roles[r].count) {
            return false;
        }
    }
    for (uint32_t i = sums_end(space); i < solver_space_demands(space); i++) {
        if (solver_space_node_fits(space, i, position) < solver_space_wanted(space, i)) {
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
    if (*value != fits) {
        uint64_t change = (uint64_t)fits - *value; /* wraps below zero and back */
        *value = fits;
        solver_room_change(space->room, role, space->drawn[index].position, change);
    }
}

/* Brings what limits let in around a node up to date, which pods of the role were counted on. */
static void refresh_limited(struct solver_space *space, uint32_t role, uint32_t position)
{
    struct solver_limits_change changes[SOLVER_LIMITS_CHANGES_MAX];
    uint32_t count = solver_limits_changes(space->limits, role, position, changes);
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t r = 0; changes[i].level < space->host && changes[i].roles >> r != 0; r++) {
            if ((changes[i].roles >> r & 1) != 0) {
                solver_room_refresh(space->room, r, changes[i].index);
            }
        }
    }
    solver_effort_spend(space->effort, 4 * (uint64_t)count);
}

static void draw(struct solver_space *space, uint32_t role, uint32_t position, uint32_t count)
{
    const struct solver_problem *problem = space->problem;
    uint32_t index = open_drawn(space, position);
    solver_limits_count(space->limits, role, position, (int32_t)count);
    struct resources *left = &space->drawn[index].free;
    const struct resources *request = problem->roles[role].request;
    for (uint32_t i = 0; i < request->count; i++) {
        struct resource item = request->items[i];
        resources_set(left, item.name,
                      resources_get(left, item.name) - solver_needed(item.amount, count));
    }
    for (uint32_t r = 0; r < problem->role_count; r++) {
        uint32_t fits = resources_copies(problem->roles[r].request, left,
                                         solver_role_fits(&problem->roles[r], position));
        set_drawn(space, index, r, solver_room_cut(space->room, r, position, fits));
    }
    if (space->limits != NULL) {
        refresh_limited(space, role, position);
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
    const struct solver_placement *placements = space->placements;
    bool limited = space->limits != NULL && space->drawn_count > 0;
    for (uint32_t i = 0; limited && i < space->placement_count; i++) {
        solver_limits_count(space->limits, placements[i].role, placements[i].position,
                            -(int32_t)placements[i].count);
    }
    for (uint32_t i = 0; i < space->drawn_count; i++) {
        uint32_t position = space->drawn[i].position;
        for (uint32_t r = 0; r < space->problem->role_count; r++) {
            set_drawn(space, i, r, undrawn_fits(space, r, position));
        }
        space->slots[position] = 0;
        resources_finish(&space->drawn[i].free);
    }
    for (uint32_t i = 0; limited && i < space->placement_count; i++) {
        refresh_limited(space, placements[i].role, placements[i].position);
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
