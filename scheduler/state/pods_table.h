// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_STATE_PODS_TABLE_H
#define SCHEDULER_STATE_PODS_TABLE_H

#include "scheduler/state/deadlines.h"
#include "scheduler/state/pods.h"
#include "scheduler/state/residents.h"

/* What the table of pods.c consists of, for it and pods_checkpoint.c. Nobody else includes this. */

struct pods {
    struct nodes *nodes;
    struct shapes *shapes;
    struct ledger *ledger;
    struct pod *table;
    uint64_t arrivals;
    struct residents residents;
    struct footprint ordinary;
    struct deadlines deadlines;
    struct names *words; /* what pods say of what made them, of their role, of their gang */
    struct peers *peers;
    void (*changed)(void *context, const struct pod *pod, enum member_phase before);
    void *context;
    struct pod **loaded; /* by their numbers in a checkpoint, until pods_loaded() */
    uint32_t loaded_count;
    char **texts; /* constant ones that a checkpoint brought */
    uint32_t text_count;
    size_t text_room;
};

/* The pod's allocation on allocation_row begins, as far as this table knows of it. */
void pods_enter_place(struct pods *pods, struct pod *pod);

#endif
