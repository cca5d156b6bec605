// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_SHOWN_H
#define TEST_SIMULATION_SHOWN_H

#include <string.h>

#include "test/simulation/sim.h"

/* What the engine was shown, as far as the invariants judge by it. */

/* The quorum: of the group object, or of the pods, or what their roles add up to. <= 0: unknown. */
static inline int32_t shown_quorum(const struct sim *sim, int gang)
{
    const struct group_state *group = &sim->host.groups[gang];
    int32_t minimum =
        sim->gangs[gang].object ? (group->exists ? group->minimum : 0) : sim->gangs[gang].minimum;
    const int32_t *roles = sim->gangs[gang].object ? group->minimums : sim->gangs[gang].minimums;
    int32_t sum = roles[ROLE_LEADER] + roles[ROLE_WORKER];
    return minimum > 0 && sum > minimum ? sum : minimum;
}

static inline const struct constraints *shown_constraints(const struct sim *sim, int gang)
{
    static const struct constraints unknown = {.required = LEVEL_NONE};
    const struct group_state *group = &sim->host.groups[gang];
    return !sim->gangs[gang].object ? &sim->gangs[gang].constraints
           : group->exists          ? &group->constraints
                                    : &unknown;
}

/* What is asked of a member: by the object as it was shown, or by its own template. */
static inline const struct constraints *shown_asked(const struct sim *sim, int pod)
{
    const struct sim_gang *gang = &sim->gangs[sim->pods[pod].gang];
    return !gang->object && sim->pods[pod].role == ROLE_LEADER
               ? &gang->leader
               : shown_constraints(sim, sim->pods[pod].gang);
}

/* Whether two members of a gang share the domain of a level that either is asked to share: by role,
 * if it is their templates that ask. */
static inline bool shown_share(const struct sim *sim, int one, int other)
{
    const struct sim_gang *gang = &sim->gangs[sim->pods[one].gang];
    return gang->object || gang->tied || sim->pods[one].role == sim->pods[other].role;
}

/* Whether it was shown the pod as one that can be placed or is. */
static inline bool shown_live(const struct sim *sim, int pod)
{
    const struct pod_state *seen = &sim->host.seen[pod];
    return sim->host.seen_ever[pod] && seen->exists && !seen->terminal && !seen->deleting &&
           (!seen->gated || seen->node != SIM_NONE);
}

/* Whether it was shown several pods of that name, and not that the others are gone. */
static inline bool shown_twice(const struct sim *sim, int pod)
{
    int count = 0;
    for (int i = sim_first(sim, sim->pods[pod].gang); i != SIM_NONE;
         i = sim->pods[i].next_of_gang) {
        count += sim->pods[i].name == sim->pods[pod].name && sim->host.seen_ever[i] &&
                 sim->host.seen[i].exists;
    }
    return count > 1;
}

static inline bool shown_same(const struct node_state *a, const struct node_state *b)
{
    return a->exists == b->exists && a->cordoned == b->cordoned && a->taint == b->taint &&
           a->pool == b->pool && a->generation == b->generation && a->mapped == b->mapped &&
           a->has.gpus == b->has.gpus && a->has.cpus == b->has.cpus && a->has.pods == b->has.pods &&
           a->leaf == b->leaf && a->rack == b->rack;
}

/* What is known of its GPUs comes from elsewhere than the node. */
static inline bool shown_but_map(const struct node_state *before, const struct node_state *after)
{
    struct node_state same = *before;
    same.mapped = after->mapped;
    return before->mapped != after->mapped && before->exists && shown_same(&same, after);
}

/* Whether a node or group is as it was shown. */
static inline bool shown_node(const struct sim *sim, int node)
{
    return shown_same(&sim->host.nodes[node], &sim->nodes[node].state);
}

static inline bool shown_group(const struct sim *sim, int gang)
{
    const struct group_state *shown = &sim->host.groups[gang], *is = &sim->gangs[gang].state;
    return shown->exists == is->exists && shown->minimum == is->minimum &&
           memcmp(shown->minimums, is->minimums, sizeof is->minimums) == 0 &&
           memcmp(&shown->constraints, &is->constraints, sizeof(is->constraints)) == 0;
}

/* What is free for others by what it was shown and by the account, the holds of gang `spared` left
 * out (SIM_NONE: of none); negative for a node that is not there. `doubtful`: ordinary pods whose
 * binding got no answer, or is confirmed and not shown yet, take room, too. */
void shown_free(const struct sim *sim, int spared, bool doubtful,
                struct sim_amounts free[SIM_NODES_MAX]);

#endif
