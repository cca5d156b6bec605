// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/placement.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"

/* A handful of owned strings. Pods are observed far more often than their annotations change, so
 * placement_set() compares before it copies.
 *
 * Invariant: slices at and above slice_count are zero.
 */

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

void placement_finish(struct placement *placement)
{
    free(placement->required);
    free(placement->preferred);
    free(placement->exclusive);
    free(placement->device_topology);
    free(placement->podset_group);
    for (uint32_t i = 0; i < placement->slice_count; i++) {
        free(placement->slices[i].level);
    }
    memset(placement, 0, sizeof(*placement));
}

bool placement_equal(const struct placement *placement, const struct placement_object *object)
{
    if (!same_text(placement->required, object->required_level) ||
        !same_text(placement->preferred, object->preferred_level) ||
        !same_text(placement->exclusive, object->exclusive_level) ||
        !same_text(placement->device_topology, object->device_topology) ||
        !same_text(placement->podset_group, object->podset_group) ||
        placement->slice_count != object->slice_count) {
        return false;
    }
    for (uint32_t i = 0; i < placement->slice_count; i++) {
        if (placement->slices[i].size != object->slices[i].size ||
            strcmp(placement->slices[i].level, object->slices[i].level) != 0) {
            return false;
        }
    }
    return true;
}

void placement_set(struct placement *placement, const struct placement_object *object)
{
    assert(object->slice_count <= SLICE_LAYERS_MAX);
    if (placement_equal(placement, object)) {
        return;
    }
    struct placement copy = {
        .required = alloc_string(object->required_level),
        .preferred = alloc_string(object->preferred_level),
        .exclusive = alloc_string(object->exclusive_level),
        .device_topology = alloc_string(object->device_topology),
        .podset_group = alloc_string(object->podset_group),
        .slice_count = (uint32_t)object->slice_count,
    };
    for (uint32_t i = 0; i < copy.slice_count; i++) {
        assert(object->slices[i].level != NULL);
        copy.slices[i].level = alloc_string(object->slices[i].level);
        copy.slices[i].size = object->slices[i].size;
    }
    placement_finish(placement);
    *placement = copy;
}

bool placement_same(const struct placement *a, const struct placement *b)
{
    bool same = same_text(a->required, b->required) && same_text(a->preferred, b->preferred) &&
                same_text(a->exclusive, b->exclusive) &&
                same_text(a->device_topology, b->device_topology) &&
                same_text(a->podset_group, b->podset_group) && a->slice_count == b->slice_count;
    for (uint32_t i = 0; same && i < a->slice_count; i++) {
        same = a->slices[i].size == b->slices[i].size &&
               strcmp(a->slices[i].level, b->slices[i].level) == 0;
    }
    return same;
}

void placement_checkpoint(struct placement *placement, struct checkpoint *checkpoint)
{
    uint32_t slices = placement->slice_count;
    checkpoint_text(checkpoint, &placement->required);
    checkpoint_text(checkpoint, &placement->preferred);
    checkpoint_text(checkpoint, &placement->exclusive);
    checkpoint_text(checkpoint, &placement->device_topology);
    checkpoint_text(checkpoint, &placement->podset_group);
    checkpoint_count(checkpoint, &slices, SLICE_LAYERS_MAX);
    for (uint32_t i = 0; i < slices && !checkpoint->failed; i++) {
        struct placement_slice *slice = &placement->slices[i];
        checkpoint_text(checkpoint, &slice->level);
        checkpoint_i32(checkpoint, &slice->size);
        placement->slice_count = i + 1;
        if (!checkpoint_check(checkpoint, slice->level != NULL, "a slice without a level")) {
            slice->level = slice->level == NULL ? alloc_string("") : slice->level;
        }
    }
}
