// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/vetoes.h"

#include <stdlib.h>

#include "topology/base/alloc.h"

/* kube-scheduler counts as present on a node who is bound there, who has voted (it has assumed
 * them), and who is nominated to it. So a refusal says for certain: not one more than these.
 * Whether it takes those who are only nominated nobody knows yet; they have been refused nothing,
 * and nothing has been granted to them.
 */

/* Members of the pod's shape on its node, itself aside; those of them that kube-scheduler has
 * accepted there in *accepted. */
static uint32_t count_beside(const struct engine *engine, const struct pod *pod, uint32_t *accepted)
{
    uint32_t present = 0;
    *accepted = 0;
    for (const struct pod *other = pods_on(engine->pods, pod->allocation_row); other != NULL;
         other = other->row_after) {
        if (other == pod || other->gang != pod->gang || other->shape != pod->shape) {
            continue;
        }
        bool yes = other->phase != MEMBER_HELD;
        *accepted += yes;
        present += yes || other->nomination.carried;
    }
    return present;
}

void vetoes_note(struct engine *engine, struct pod *pod, bool silent, int64_t until)
{
    uint32_t accepted;
    uint32_t takes = count_beside(engine, pod, &accepted);
    takes = silent ? accepted : takes;
    uint32_t likely = accepted > 0 || takes == 0 ? takes : 1;
    gang_veto(pod->gang, pod, takes, likely, until);
}

void vetoes_exclude(const struct engine *engine, const struct gang *gang, uint32_t shape,
                    struct bitset **excluded)
{
    for (uint32_t i = 0; i < gang->veto_count; i++) {
        const struct gang_veto *veto = &gang->vetoes[i];
        uint32_t position = domains_position(engine->domains, veto->row);
        if (veto->shape != shape || veto->takes > 0 || position == DOMAINS_NONE) {
            continue;
        }
        if (*excluded == NULL) {
            *excluded = bitset_create(domains_positions(engine->domains));
        }
        bitset_set(*excluded, position);
    }
}

bool vetoes_limit(const struct gang *gang)
{
    bool any = false;
    for (uint32_t i = 0; i < gang->veto_count && !any; i++) {
        any = gang->vetoes[i].takes > 0;
    }
    return any;
}

/* The least that is likely of the shape anywhere; UINT32_MAX: nothing is known. */
static uint32_t likely_everywhere(const struct gang *gang, uint32_t shape)
{
    uint32_t least = UINT32_MAX;
    for (uint32_t i = 0; i < gang->veto_count; i++) {
        const struct gang_veto *veto = &gang->vetoes[i];
        if (veto->shape == shape && veto->takes > 0 && veto->likely < least) {
            least = veto->likely;
        }
    }
    return least;
}

/* Members of the shape that stay where they are, by position; *new*. */
static uint32_t *count_placed(const struct engine *engine, const struct gang *gang, uint32_t shape,
                              bool afresh)
{
    uint32_t *placed = alloc_zero(domains_positions(engine->domains), sizeof *placed);
    for (uint32_t i = 0; i < gang->member_count; i++) {
        const struct pod *pod = gang->members[i];
        uint32_t position = !pods_placed(pod) || pod->shape != shape
                                ? DOMAINS_NONE
                                : domains_position(engine->domains, pod->allocation_row);
        if (position != DOMAINS_NONE && !(afresh && pods_held(pod))) {
            placed[position]++;
        }
    }
    return placed;
}

static void lower(struct capacity *capacity, uint32_t position, uint32_t most, uint32_t placed)
{
    uint32_t left = most > placed ? most - placed : 0;
    if (capacity_node(capacity, position) > left) {
        capacity_set(capacity, position, left);
    }
}

struct capacity *vetoes_limited(const struct engine *engine, const struct gang *gang,
                                uint32_t shape, bool likely, bool afresh,
                                const struct capacity *capacity)
{
    uint32_t everywhere = likely_everywhere(gang, shape);
    if (everywhere == UINT32_MAX) {
        return NULL;
    }
    struct capacity *limited = capacity_copy(capacity);
    uint32_t *placed = count_placed(engine, gang, shape, afresh);
    for (uint32_t p = 0; likely && p < domains_positions(engine->domains); p++) {
        lower(limited, p, everywhere, placed[p]);
    }
    for (uint32_t i = 0; i < gang->veto_count; i++) {
        const struct gang_veto *veto = &gang->vetoes[i];
        uint32_t position = domains_position(engine->domains, veto->row);
        if (veto->shape == shape && veto->takes > 0 && position != DOMAINS_NONE) {
            lower(limited, position, veto->takes, placed[position]);
        }
    }
    free(placed);
    return limited;
}
