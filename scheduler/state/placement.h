// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_STATE_PLACEMENT_H
#define SCHEDULER_STATE_PLACEMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/objects.h"
#include "topology/base/checkpoint.h"

/* Where pods want to be: the engine's own copy of a placement_object, embedded in pods and
 * gangs. All zero is a valid one: no constraints. Nothing is judged here; levels are names or label
 * keys as written, sizes are as written.
 *
 *   slices[0] {block, 8}   every 8 consecutive ranks in one block,
 *   slices[1] {rack, 4}    every 4 of them in one rack
 */

struct placement_slice {
    char *level; /* never NULL */
    int32_t size;
};

struct placement {
    char *required; /* NULL: none; so are the four below */
    char *preferred;
    char *exclusive;
    char *device_topology;
    char *podset_group;
    uint32_t slice_count; /* at most SLICE_LAYERS_MAX */
    struct placement_slice slices[SLICE_LAYERS_MAX];
};

/* Releases the copies; all zero afterwards. */
void placement_finish(struct placement *placement);

/* Replaces the copies by those of `object`, whose slice_count must be within the limit. */
void placement_set(struct placement *placement, const struct placement_object *object);

/* Whether placement_set() would change nothing. */
bool placement_equal(const struct placement *placement, const struct placement_object *object);

/* Whether two placements say the same. */
bool placement_same(const struct placement *a, const struct placement *b);

/* Saves it, or loads it into one that is all zero. */
void placement_checkpoint(struct placement *placement, struct checkpoint *checkpoint);

#endif
