// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/room.h"

#include <stdlib.h>

#include "scheduler/engine/vetoes.h"
#include "topology/base/alloc.h"

/* The ledger itself is never changed for a question. What is asked afresh is rare, and pays for
 * copies of capacities; all other attempts use the ledger's own.
 */

static struct balance *freed_at(struct attempt *attempt, uint32_t position)
{
    if (attempt->freed == NULL) {
        uint32_t positions = domains_positions(attempt->engine->domains);
        attempt->freed = alloc_zero(positions, sizeof *attempt->freed);
        attempt->free = alloc_zero(1, sizeof *attempt->free);
    }
    return &attempt->freed[position];
}

void room_take(struct attempt *attempt, uint32_t shape, uint32_t position)
{
    balance_subtract(freed_at(attempt, position), shapes_request(attempt->engine->shapes, shape));
}

void room_give_back(struct attempt *attempt, uint32_t shape, uint32_t position)
{
    balance_add(freed_at(attempt, position), shapes_request(attempt->engine->shapes, shape));
}

void room_free_held(struct attempt *attempt, const struct pod *pod)
{
    const struct engine *engine = attempt->engine;
    uint32_t position =
        pods_held(pod) ? domains_position(engine->domains, pod->allocation_row) : DOMAINS_NONE;
    if (position != DOMAINS_NONE) {
        room_give_back(attempt, pod->shape, position);
    }
}

static struct capacity *copy_freed(const struct attempt *attempt, uint32_t shape,
                                   const struct capacity *capacity)
{
    const struct engine *engine = attempt->engine;
    if (attempt->freed == NULL) {
        return NULL;
    }
    struct capacity *copy = capacity_copy(capacity);
    for (uint32_t p = 0; p < domains_positions(engine->domains); p++) {
        if (attempt->freed[p].count > 0) {
            uint32_t row = domains_row(engine->domains, p);
            capacity_set(copy, p, ledger_copies(engine->ledger, shape, row, &attempt->freed[p]));
        }
    }
    return copy;
}

const struct capacity *room_capacity(struct attempt *attempt, uint32_t role)
{
    const struct engine *engine = attempt->engine;
    uint32_t shape = attempt->shapes[role];
    const struct capacity *capacity = attempt->constraints.podsets[attempt->podsets[role]].good_gpus
                                          ? ledger_good_capacity(engine->ledger, shape)
                                          : ledger_capacity(engine->ledger, shape);
    struct capacity *freed = copy_freed(attempt, shape, capacity);
    struct capacity *limited = vetoes_limited(engine, attempt->gang, shape, attempt->likely,
                                              attempt->afresh, freed != NULL ? freed : capacity);
    if (limited != NULL) {
        capacity_destroy(freed);
        freed = limited;
    }
    attempt->limited[role] = freed;
    return freed != NULL ? freed : capacity;
}

const struct resources *room_free_at(const void *context, uint32_t position)
{
    const struct attempt *attempt = context;
    const struct engine *engine = attempt->engine;
    uint32_t row = domains_row(engine->domains, position);
    if (attempt->freed == NULL || attempt->freed[position].count == 0) {
        return ledger_free(engine->ledger, row);
    }
    ledger_free_with(engine->ledger, row, &attempt->freed[position], attempt->free);
    return attempt->free;
}

void room_forget(struct attempt *attempt)
{
    for (uint32_t i = 0; i < SOLVER_ROLES_MAX; i++) {
        capacity_destroy(attempt->limited[i]);
        attempt->limited[i] = NULL;
    }
}

void room_finish(struct attempt *attempt)
{
    room_forget(attempt);
    if (attempt->freed == NULL) {
        return;
    }
    for (uint32_t p = 0; p < domains_positions(attempt->engine->domains); p++) {
        balance_finish(&attempt->freed[p]);
    }
    resources_finish(attempt->free);
    free(attempt->freed);
    free(attempt->free);
}
