// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/podsets.h"

#include <string.h>

#include "topology/base/alloc.h"

/* Found by comparing members in rank order with the podsets known so far, of which there are few:
 * mostly one. The list is thrown away with every change of a member and made anew when somebody
 * asks.
 */

/* Whether what is asked counts by role: a level to share, or slices. */
static bool counts_by_role(const struct gang *gang, const struct placement *placement)
{
    return placement->required != NULL || placement->preferred != NULL ||
           placement->podset_group != NULL || placement->slice_count > 0 ||
           gang->object_placement.slice_count > 0;
}

static bool is_like(const struct gang *gang, const struct pod *a, const struct pod *b)
{
    return placement_same(&a->placement, &b->placement) &&
           (!counts_by_role(gang, &a->placement) || strcmp(a->role, b->role) == 0);
}

uint32_t podsets_find(const struct gang *gang, const struct pod *pod)
{
    for (uint32_t i = 0; i < gang->podset_count; i++) {
        if (is_like(gang, gang->podsets[i].first, pod)) {
            return i;
        }
    }
    return PODSETS_NONE;
}

uint32_t podsets_count(struct gang *gang)
{
    if (gang->podsets_known) {
        return gang->podset_count;
    }
    if (gang->podsets == NULL) {
        gang->podsets = alloc_zero(PODSETS_MAX + 1, sizeof *gang->podsets);
    }
    gang->podset_count = 0;
    gang->podsets_known = true;
    for (uint32_t i = 0; i < gang->member_count && gang->podset_count <= PODSETS_MAX; i++) {
        const struct pod *pod = gang->members[i];
        if (pod->terminal) {
            continue;
        }
        uint32_t at = podsets_find(gang, pod);
        if (at == PODSETS_NONE) {
            at = gang->podset_count++;
            gang->podsets[at] = (struct podset){.first = pod};
        }
        gang->podsets[at].live += !pod->deleting;
    }
    return gang->podset_count;
}
