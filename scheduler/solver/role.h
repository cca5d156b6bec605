// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_SOLVER_ROLE_H
#define SCHEDULER_SOLVER_ROLE_H

#include <stdint.h>

#include "scheduler/solver/solver.h"

/* Pods of the role that the position takes when it has it for itself, vetoes observed and slices
 * aside. */
static inline uint32_t solver_role_fits(const struct solver_role *role, uint32_t position)
{
    if (role->excluded != NULL && bitset_test(role->excluded, position)) {
        return 0;
    }
    return capacity_node(role->capacity, position);
}

/* What `count` pods that request `amount` each need; only positive amounts are needs. */
static inline int64_t solver_needed(int64_t amount, uint32_t count)
{
    int64_t product = 0;
    if (amount > 0 && __builtin_mul_overflow(amount, (int64_t)count, &product)) {
        return INT64_MAX;
    }
    return product;
}

#endif
