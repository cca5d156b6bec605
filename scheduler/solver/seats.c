// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/seats.h"

#include <stdlib.h>
#include <string.h>

#include "scheduler/solver/role.h"
#include "scheduler/solver/slices.h"
#include "topology/base/alloc.h"
#include "topology/graph/domains.h"

/* Invariants: room = free - Σ pods × request, for every seat and resource; total = Σ pods;
 * uses[d] = seats inside d, pinned ones aside, with total > 0; used[l] = what pinned members touch
 * there, and the other domains of the level with uses > 0.
 *
 * Sums of requests stay far from the limits of 64 bits: a request that is not is too large.
 */

static int find_name(struct solver_seats *seats, uint32_t name)
{
    for (uint32_t i = 0; i < seats->name_count; i++) {
        if (seats->names[i] == name) {
            return (int)i;
        }
    }
    if (seats->name_count == SOLVER_SEAT_NAMES_MAX) {
        return -1;
    }
    seats->names[seats->name_count] = name;
    return (int)seats->name_count++;
}

static bool read_requests(struct solver_seats *seats)
{
    uint64_t pods = 0;
    for (uint32_t r = 0; r < seats->problem->role_count; r++) {
        const struct resources *request = seats->problem->roles[r].request;
        pods += seats->problem->roles[r].count;
        for (uint32_t i = 0; i < request->count; i++) {
            int name = find_name(seats, request->items[i].name);
            if (name < 0 || request->items[i].amount > INT64_MAX / SOLVER_SEAT_PODS_MAX / 2) {
                return false;
            }
            seats->requests[r][name] = request->items[i].amount;
        }
    }
    return pods <= SOLVER_SEAT_PODS_MAX;
}

void solver_seats_init(struct solver_seats *seats, const struct solver_problem *problem,
                       struct solver_space *space)
{
    *seats = (struct solver_seats){.problem = problem,
                                   .space = space,
                                   .domains = solver_space_domains(space),
                                   .host = solver_space_host(space)};
    seats->too_large = !read_requests(seats);
    seats->limits = solver_limits_create(problem, solver_space_effort(space));
}

void solver_seats_finish(struct solver_seats *seats)
{
    solver_limits_destroy(seats->limits);
    free(seats->uses);
    seats->limits = NULL;
    seats->uses = NULL;
}

/* ---- reading a place ---- */

/* False: no pod fits there. */
static bool read_seat(const struct solver_seats *seats, uint32_t position, struct solver_seat *seat)
{
    const struct solver_problem *problem = seats->problem;
    *seat = (struct solver_seat){.position = position};
    uint32_t any = 0;
    for (uint32_t r = 0; r < problem->role_count; r++) {
        seat->fits[r] = solver_role_fits(&problem->roles[r], position);
        any |= seat->fits[r];
    }
    if (any == 0) {
        return false;
    }
    seat->pinned = solver_space_node_touched(seats->space, position);
    seat->special = seat->pinned;
    for (uint32_t r = 0; r < problem->role_count; r++) {
        seat->special =
            seat->special || solver_slices_started(&problem->roles[r], seats->host, position) > 0;
    }
    const struct resources *room = problem->free_at(problem->free_context, position);
    for (uint32_t n = 0; n < seats->name_count; n++) {
        uint32_t name = seats->names[n];
        seat->room[n] = resource_available(name, resources_get(room, name));
    }
    return true;
}

bool solver_seats_read(struct solver_seats *seats, uint32_t place)
{
    const struct domain *top = domains_get(seats->domains, place);
    uint32_t positions = top->end - top->first;
    struct solver_effort *effort = solver_space_effort(seats->space);
    if (seats->too_large) {
        return false;
    }
    seats->place = place;
    seats->count = 0;
    for (uint32_t p = top->first; p < top->end; p++) {
        struct solver_seat seat;
        if (!read_seat(seats, p, &seat)) {
            continue;
        }
        if (seats->count == SOLVER_SEATS_MAX) {
            solver_effort_spend(effort, p - top->first);
            return false;
        }
        seats->items[seats->count++] = seat;
    }
    uint32_t domain_count = top->next - place;
    seats->uses = alloc_grow(seats->uses, &seats->uses_room, domain_count, sizeof *seats->uses);
    memset(seats->uses, 0, domain_count * sizeof *seats->uses);
    for (uint32_t l = 0; l <= seats->host; l++) {
        seats->used[l] = solver_space_used(seats->space, l);
    }
    solver_effort_spend(effort, positions + domain_count / 4 +
                                    (uint64_t)seats->count * seats->problem->role_count);
    return true;
}

/* ---- pods ---- */

uint32_t solver_seats_copies(const struct solver_seats *seats, uint32_t role,
                             const struct solver_seat *seat)
{
    uint32_t most = seats->problem->roles[role].count;
    most = seat->fits[role] < most ? seat->fits[role] : most;
    for (uint32_t n = 0; n < seats->name_count && most > 0; n++) {
        int64_t need = seats->requests[role][n];
        if (need > 0 && seat->room[n] < need * most) {
            most = seat->room[n] > 0 ? (uint32_t)(seat->room[n] / need) : 0;
        }
    }
    if (seats->limits != NULL && most > 0) {
        uint32_t room = solver_limits_room(seats->limits, role, seat->position);
        most = room < most ? room : most;
    }
    return most;
}

void solver_seats_deal(struct solver_seats *seats, uint32_t role, struct solver_seat *seat,
                       int32_t count)
{
    uint32_t before = seat->total;
    if (count == 0) {
        return;
    }
    solver_limits_count(seats->limits, role, seat->position, count);
    seat->pods[role] += (uint32_t)count;
    seat->total += (uint32_t)count;
    for (uint32_t n = 0; n < seats->name_count; n++) {
        seat->room[n] -= seats->requests[role][n] * count;
    }
    if (seat->pinned || (before == 0) == (seat->total == 0)) {
        return;
    }
    bool touched = before == 0;
    seats->used[seats->host] += touched ? 1 : UINT32_MAX;
    uint32_t d = domains_at(seats->domains, seat->position, seats->host - 1);
    for (; d >= seats->place && d != DOMAINS_NONE; d = domains_get(seats->domains, d)->parent) {
        uint32_t *uses = &seats->uses[d - seats->place];
        *uses += touched ? 1 : UINT32_MAX;
        if (*uses == (touched ? 1 : 0) && !solver_space_domain_touched(seats->space, d)) {
            seats->used[domains_get(seats->domains, d)->level] += touched ? 1 : UINT32_MAX;
        }
    }
}

/* ---- questions ---- */

bool solver_seats_twins(const struct solver_seats *seats, const struct solver_seat *a,
                        const struct solver_seat *b)
{
    size_t roles = seats->problem->role_count;
    return !a->special && !b->special && (a->total == 0) == (b->total == 0) &&
           memcmp(a->room, b->room, seats->name_count * sizeof *a->room) == 0 &&
           memcmp(a->fits, b->fits, roles * sizeof *a->fits) == 0 &&
           domains_at(seats->domains, a->position, seats->host - 1) ==
               domains_at(seats->domains, b->position, seats->host - 1) &&
           solver_limits_alike(seats->limits, a->position, b->position);
}

static bool is_layer_whole(const struct solver_seats *seats, uint32_t role, uint32_t level)
{
    const struct solver_role *item = &seats->problem->roles[role];
    bool host = level == seats->host;
    bool whole = true;
    uint32_t i = 0;
    while (i < seats->count && whole) {
        uint32_t position = seats->items[i].position;
        uint32_t place = host ? position : domains_at(seats->domains, position, level);
        uint32_t end = host ? place + 1 : domains_get(seats->domains, place)->end;
        uint32_t sum = 0;
        for (; i < seats->count && seats->items[i].position < end; i++) {
            sum += seats->items[i].pods[role];
        }
        whole = sum >= solver_slices_started(item, level, place) &&
                solver_slices_round(item, seats->domains, level, place, sum) == sum;
    }
    solver_effort_spend(solver_space_effort(seats->space), 1 + i / 2);
    return whole;
}

bool solver_seats_sliced(const struct solver_seats *seats, uint32_t role)
{
    const struct solver_role *item = &seats->problem->roles[role];
    for (uint32_t layer = 0; layer < item->layer_count; layer++) {
        if (!is_layer_whole(seats, role, item->layers[layer].level)) {
            return false;
        }
    }
    return true;
}
