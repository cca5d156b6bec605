// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_CONSTRAINTS_H
#define SCHEDULER_ENGINE_CONSTRAINTS_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/engine/state.h"
#include "scheduler/solver/solver.h"
#include "scheduler/state/podsets.h"
#include "topology/base/bitset.h"

/* What is asked of one podset (state/podsets.h), by its own template and by the group object. */
struct podset_constraints {
    uint32_t podset; /* 1 + index in `together`; 0: it shares nothing but what all share */
    bool good_gpus;  /* only good sets of GPUs will do */
    struct solver_layer layers[SOLVER_LAYERS_MAX];
    uint32_t layer_count;
    /* Positions that are ruled out for it, those that are for all included, or NULL: only those.
     * Owned. */
    struct bitset *occupied;
};

/* What a gang's placements mean in the tree as it is now. All zero is a valid one, without any
 * constraint. */
struct constraints {
    uint32_t required_level; /* for all its pods; SOLVER_LEVEL_NONE: none */
    bool good_gpus;          /* only good sets of GPUs will do for some of its pods */
    bool exclusive;          /* some of its pods want domains without other gangs */
    struct podset_constraints podsets[PODSETS_MAX];
    uint32_t podset_count;
    /* Podsets that share domains, tied ones as one; the pinned are not filled in. */
    struct solver_podset together[SOLVER_PODSETS_MAX];
    uint32_t together_count;
    struct bitset *occupied; /* positions that are ruled out for all, or NULL; owned */
};

/* Resolves levels, slices and what was asked of devices; -1 with the gang's reason set when one
 * makes no sense or is not in the tree, or when they contradict each other. */
int constraints_resolve(struct engine *engine, struct gang *gang, struct constraints *constraints);

/* Fills in what is `occupied`: what the gang must not use because it wants domains for itself, or
 * because another gang has domains for itself, or because it named its required level by a label
 * that the node lacks. As if the gang `without` were not there (NULL: as it is). */
void constraints_exclude(const struct engine *engine, struct gang *gang, const struct gang *without,
                         struct constraints *constraints);

/* About how many steps constraints_exclude() takes. */
uint64_t constraints_steps(const struct engine *engine, const struct constraints *constraints);

/* Positions that are ruled out for a podset, or NULL. *Borrowed*. */
const struct bitset *constraints_occupied(const struct constraints *constraints, uint32_t podset);

void constraints_finish(struct constraints *constraints);

/* A preferred level rules nothing out: it decides between plans that are as good (solver/solver.h).
 * One that does not exist is a mistake all the same, and said aloud: writes what is ignored and
 * why, "" when nothing is. Returns `text`. */
const char *constraints_ignored(const struct engine *engine, const struct gang *gang, char *text,
                                size_t size);

#endif
