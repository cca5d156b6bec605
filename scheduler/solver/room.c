// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/room.h"

#include <stdlib.h>

#include "scheduler/solver/role.h"
#include "scheduler/solver/slices.h"
#include "topology/base/alloc.h"

/* Sums over positions. Without slices and limits they start as copies of the capacities' own sums
 * less the excluded positions, which costs nothing per node.
 *
 * A role with slices or limits has a second array: raw[domain] is the sum over the children,
 * fits[domain] what is left of it after rounding and cutting. A change of a node travels upward as
 * the difference it makes after that, and often ends at the first layer or limit. When a limit is
 * used up elsewhere in a domain, its fits are worked out anew from the same raw sum.
 *
 * Cutting keeps whole slices: what a domain holds is its started pods and whole portions beside
 * them (solver_slices_within()), so that the numbers stay exact for a role alone: every number of
 * portions up to `fits` can be placed.
 *
 * Invariant: raw[d] = Σ fits of d's children and fits[d] = solver_room_round() of it.
 */

struct solver_room {
    const struct solver_problem *problem;
    const struct solver_limits *limits;
    const struct domains *domains;
    uint32_t domain_count;
    uint32_t host;
    uint64_t *fits[SOLVER_ROLES_MAX];
    uint64_t *raw[SOLVER_ROLES_MAX]; /* NULL: neither slices nor limits */
    /* Levels as bits. */
    uint32_t rounded[SOLVER_ROLES_MAX]; /* of a layer, or limited */
    uint32_t dealt[SOLVER_ROLES_MAX];   /* the same but for layers of single pods */
    /* A started slice that cannot be completed where it is, or NULL. */
    const struct solver_started *impossible;
    uint32_t impossible_role;
    uint64_t impossible_fits;
};

/* ---- rounding ---- */

/* At most `most` pods, in whole slices. */
static uint64_t cut(const struct solver_room *room, uint32_t role, uint32_t level, uint32_t index,
                    uint64_t fits, uint32_t most)
{
    uint64_t started = 0;
    if (fits <= most) {
        return fits;
    }
    uint32_t portion =
        solver_slices_within(&room->problem->roles[role], room->domains, level, index, &started);
    return most < started ? 0 : started + (most - started) / portion * portion;
}

uint64_t solver_room_round(const struct solver_room *room, uint32_t role, uint32_t level,
                           uint32_t index, uint64_t raw)
{
    const struct solver_role *item = &room->problem->roles[role];
    if ((room->rounded[role] >> level & 1) == 0) {
        return raw;
    }
    return cut(room, role, level, index,
               solver_slices_round(item, room->domains, level, index, raw),
               solver_limits_most(room->limits, role, level, index));
}

uint64_t solver_room_within(const struct solver_room *room, uint32_t role, uint32_t level,
                            uint32_t index, uint64_t fits)
{
    uint32_t position = level == room->host ? index : domains_get(room->domains, index)->first;
    for (uint32_t l = 0; l < level; l++) {
        if ((solver_limits_levels(room->limits, role) >> l & 1) != 0) {
            uint32_t wider = domains_at(room->domains, position, l);
            fits = cut(room, role, level, index, fits,
                       solver_limits_most(room->limits, role, l, wider));
        }
    }
    return fits;
}

bool solver_room_plain(const struct solver_room *room, uint32_t role)
{
    return (room->rounded[role] >> room->host & 1) == 0;
}

uint32_t solver_room_cut(const struct solver_room *room, uint32_t role, uint32_t position,
                         uint32_t fits)
{
    return (uint32_t)solver_room_round(room, role, room->host, position, fits);
}

uint32_t solver_room_node(const struct solver_room *room, uint32_t role, uint32_t position)
{
    return solver_room_cut(room, role, position,
                           solver_role_fits(&room->problem->roles[role], position));
}

bool solver_room_deals(const struct solver_room *room, uint32_t role, uint32_t level)
{
    return (room->dealt[role] >> level & 1) != 0;
}

/* ---- reading ---- */

/* Makes the sums of inner domains out of those of the lowest ones. */
static void sum_upward(const struct solver_room *room, uint64_t *fits)
{
    for (uint32_t d = room->domain_count; d-- > 1;) {
        fits[domains_get(room->domains, d)->parent] += fits[d];
    }
}

static void subtract_excluded(const struct solver_room *room, const struct solver_role *role,
                              uint64_t *fits)
{
    uint64_t *excluded = alloc_zero(room->domain_count, sizeof *excluded);
    for (uint32_t d = 0; d < room->domain_count; d++) {
        const struct domain *domain = domains_get(room->domains, d);
        if (domain->level + 1 < room->host) {
            continue;
        }
        for (size_t p = bitset_next(role->excluded, domain->first); p < domain->end;
             p = bitset_next(role->excluded, p + 1)) {
            excluded[d] += capacity_node(role->capacity, (uint32_t)p);
        }
    }
    sum_upward(room, excluded);
    for (uint32_t d = 0; d < room->domain_count; d++) {
        fits[d] -= excluded[d];
    }
    free(excluded);
}

static void sum_plain(const struct solver_room *room, uint32_t role)
{
    const struct solver_role *item = &room->problem->roles[role];
    for (uint32_t d = 0; d < room->domain_count; d++) {
        room->fits[role][d] = capacity_domain(item->capacity, d);
    }
    if (item->excluded != NULL) {
        subtract_excluded(room, item, room->fits[role]);
    }
}

/* Rounded and cut level by level from below. */
static void sum_rounded(struct solver_room *room, uint32_t role)
{
    uint64_t *raw = alloc_zero(room->domain_count, sizeof *raw);
    bool plain = solver_room_plain(room, role);
    room->raw[role] = raw;
    for (uint32_t d = room->domain_count; d-- > 0;) {
        const struct domain *domain = domains_get(room->domains, d);
        bool lowest = domain->level + 1 == room->host;
        for (uint32_t p = domain->first; lowest && p < domain->end; p++) {
            uint32_t fits = solver_role_fits(&room->problem->roles[role], p);
            raw[d] += plain ? fits : solver_room_cut(room, role, p, fits);
        }
        room->fits[role][d] = solver_room_round(room, role, domain->level, d, raw[d]);
        if (d > 0) {
            raw[domain->parent] += room->fits[role][d];
        }
    }
}

/* ---- started slices ---- */

static uint32_t place_above(const struct solver_room *room, const struct solver_started *started,
                            uint32_t layer_level, uint32_t level)
{
    uint32_t first = layer_level == room->host ? started->place
                                               : domains_get(room->domains, started->place)->first;
    return level == layer_level ? started->place : domains_at(room->domains, first, level);
}

/* What limits around the started slice let in of all that is started beside it and itself, if that
 * is too little: `*fits` is then what they let in. */
static bool is_kept_out(const struct solver_room *room, uint32_t role,
                        const struct solver_started *started, uint64_t *fits)
{
    const struct solver_role *item = &room->problem->roles[role];
    uint32_t layer_level = item->layers[started->layer].level;
    for (uint32_t l = 0; room->limits != NULL && l <= layer_level; l++) {
        uint32_t place = place_above(room, started, layer_level, l);
        uint32_t most = solver_limits_most(room->limits, role, l, place);
        uint64_t begun = 0;
        (void)solver_slices_within(item, room->domains, l, place, &begun);
        if (most < begun) {
            *fits = most < started->count ? most : started->count - 1;
            return true;
        }
    }
    return false;
}

static void find_impossible(struct solver_room *room, uint32_t role)
{
    const struct solver_role *item = &room->problem->roles[role];
    for (uint32_t i = 0; i < item->started_count && room->impossible == NULL; i++) {
        const struct solver_started *started = &item->started[i];
        bool host = item->layers[started->layer].level == room->host;
        uint64_t fits =
            host ? solver_role_fits(item, started->place) : room->raw[role][started->place];
        if (fits < started->count || is_kept_out(room, role, started, &fits)) {
            room->impossible = started;
            room->impossible_role = role;
            room->impossible_fits = fits;
        }
    }
}

const struct solver_started *solver_room_impossible(const struct solver_room *room, uint32_t *role,
                                                    uint64_t *fits)
{
    *role = room->impossible_role;
    *fits = room->impossible_fits;
    return room->impossible;
}

bool solver_room_can_finish(const struct solver_room *room, uint32_t role,
                            uint32_t (*node_fits)(const void *context, uint32_t role,
                                                  uint32_t position),
                            const void *context)
{
    const struct solver_role *item = &room->problem->roles[role];
    for (uint32_t i = 0; i < item->started_count; i++) {
        const struct solver_started *started = &item->started[i];
        bool host = item->layers[started->layer].level == room->host;
        uint64_t fits =
            host ? node_fits(context, role, started->place) : room->raw[role][started->place];
        if (fits < started->count || is_kept_out(room, role, started, &fits)) {
            return false;
        }
    }
    return true;
}

/* ---- life ---- */

static void make_role(struct solver_room *room, uint32_t role, struct solver_effort *effort)
{
    const struct solver_role *item = &room->problem->roles[role];
    uint32_t positions = domains_positions(room->domains);
    uint64_t read = 0;
    room->fits[role] = alloc_zero(room->domain_count, sizeof **room->fits);
    room->dealt[role] = solver_limits_levels(room->limits, role);
    room->rounded[role] = room->dealt[role];
    for (uint32_t i = 0; i < item->layer_count; i++) {
        room->rounded[role] |= UINT32_C(1) << item->layers[i].level;
    }
    for (uint32_t l = 0; l <= room->host; l++) {
        room->dealt[role] |= (uint32_t)(solver_slices_portion(item, l) > 1) << l;
    }
    if (room->rounded[role] != 0) {
        sum_rounded(room, role);
        find_impossible(room, role);
        read = positions;
    } else {
        sum_plain(room, role);
        read = item->excluded != NULL ? positions / 16 : 0;
    }
    solver_effort_spend(effort, room->domain_count / 4 + read);
}

struct solver_room *solver_room_create(const struct solver_problem *problem,
                                       const struct solver_limits *limits,
                                       struct solver_effort *effort)
{
    struct solver_room *room = alloc_zero(1, sizeof *room);
    room->problem = problem;
    room->limits = limits;
    room->domains = problem->domains;
    room->domain_count = domains_count(problem->domains);
    room->host = domains_levels(problem->domains) - 1;
    for (uint32_t r = 0; r < problem->role_count; r++) {
        make_role(room, r, effort);
    }
    return room;
}

void solver_room_destroy(struct solver_room *room)
{
    if (room == NULL) {
        return;
    }
    for (uint32_t i = 0; i < SOLVER_ROLES_MAX; i++) {
        free(room->fits[i]);
        free(room->raw[i]);
    }
    free(room);
}

const uint64_t *solver_room_fits(const struct solver_room *room, uint32_t role)
{
    return room->fits[role];
}

/* ---- changes ---- */

void solver_room_refresh(struct solver_room *room, uint32_t role, uint32_t domain)
{
    uint64_t *raw = room->raw[role];
    for (uint32_t d = domain; d != DOMAINS_NONE;) {
        const struct domain *item = domains_get(room->domains, d);
        uint64_t fits = solver_room_round(room, role, item->level, d, raw[d]);
        uint64_t change = fits - room->fits[role][d]; /* wraps below zero and back */
        if (change == 0) {
            return;
        }
        room->fits[role][d] = fits;
        d = item->parent;
        if (d != DOMAINS_NONE) {
            raw[d] += change;
        }
    }
}

void solver_room_change(struct solver_room *room, uint32_t role, uint32_t position, uint64_t change)
{
    uint32_t d = domains_at(room->domains, position, room->host - 1);
    if (room->raw[role] != NULL) {
        room->raw[role][d] += change;
        solver_room_refresh(room, role, d);
        return;
    }
    while (d != DOMAINS_NONE) {
        room->fits[role][d] += change;
        d = domains_get(room->domains, d)->parent;
    }
}
