// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_CONSTRAINTS_H
#define SCHEDULER_ENGINE_CONSTRAINTS_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/engine/state.h"
#include "scheduler/solver/solver.h"
#include "topology/base/bitset.h"

/* What a gang's placement (state/placement.h) means in the tree as it is now. All zero is a valid
 * one, without any constraint. */
struct constraints {
    uint32_t required_level; /* SOLVER_LEVEL_NONE: none */
    bool good_gpus;          /* only good sets of GPUs will do */
    bool exclusive;          /* the gang wants domains without other gangs */
    struct solver_layer layers[SOLVER_LAYERS_MAX];
    uint32_t layer_count;
    struct bitset *occupied; /* positions that are ruled out for all, or NULL; owned */
};

/* Resolves levels, slices and what was asked of devices; -1 with the gang's reason set when one
 * makes no sense or is not in the tree. */
int constraints_resolve(struct engine *engine, struct gang *gang, struct constraints *constraints);

/* Fills `occupied`: what the gang must not use because it wants domains for itself, or because
 * another gang has domains for itself, or because it named its required level by a label that the
 * node lacks. As if the gang `without` were not there (NULL: as it is). */
void constraints_exclude(const struct engine *engine, const struct gang *gang,
                         const struct gang *without, struct constraints *constraints);

void constraints_finish(struct constraints *constraints);

/* A preferred level constrains nothing: every plan is in one domain of whatever level has one with
 * room (solver/solver.h). One that does not exist is a mistake all the same, and said aloud: writes
 * what is ignored and why, "" when nothing is. Returns `text`. */
const char *constraints_ignored(const struct engine *engine, const struct gang *gang, char *text,
                                size_t size);

#endif
