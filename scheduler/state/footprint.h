// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_STATE_FOOTPRINT_H
#define SCHEDULER_STATE_FOOTPRINT_H

#include <stddef.h>
#include <stdint.h>

#include "topology/graph/balance.h"

/* Where the pods of a gang have, or are about to have, their places, and what that adds up to. The
 * pod table (pods.h) keeps one per gang, and one for all pods without a gang.
 *
 *   sites    [ {n7, shape 2} {n7, shape 2} {n9, shape 2} … ]     in no order, close together
 *   amounts  cpu 3000, nvidia.com/gpu 24 …      without slots: there may be one for every pod
 */

struct site {
    uint32_t row;
    uint32_t shape;
    uint32_t *slot; /* of its owner: 1 + index here */
};

struct footprint;
struct gang;

/* Those that are not empty, in no order. Embedded; all zero is an empty list. */
struct footprints {
    struct footprint **items;
    uint32_t count;
    size_t room;
};

/* Embedded; all zero is an empty one. */
struct footprint {
    struct gang *gang;        /* whose it is; NULL: of pods without one */
    struct footprints *among; /* the list that it is in as long as it is not empty; NULL: none */
    uint32_t place;           /* 1 + index there; 0: not there */
    struct site *sites;
    uint32_t count;
    size_t room;
    struct balance amounts;
};

/* Its list, if any, must still be there. */
void footprint_finish(struct footprint *footprint);

/* A place more, of so much; *slot stays *borrowed* until it is removed. */
void footprint_add(struct footprint *footprint, uint32_t row, uint32_t shape,
                   const struct resources *request, uint32_t *slot);
/* The place of that slot, of so much, goes; *slot is 0 afterwards. */
void footprint_remove(struct footprint *footprint, const struct resources *request, uint32_t *slot);

#endif
