// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_TOLD_H
#define TEST_SIMULATION_TOLD_H

#include <string.h>

#include "test/simulation/sim.h"

/* What the engine was told, as far as the invariants judge by it. */

/* The quorum: of the group object, or of the pods. <= 0: unknown. */
static inline int32_t told_quorum(const struct sim *sim, int gang)
{
    const struct group_state *group = &sim->host.groups[gang];
    return sim->gangs[gang].object ? (group->exists ? group->minimum : 0)
                                   : sim->gangs[gang].minimum;
}

static inline const struct wishes *told_wishes(const struct sim *sim, int gang)
{
    return sim->gangs[gang].object ? &sim->host.groups[gang].wishes : &sim->gangs[gang].wishes;
}

/* Whether it was told of the pod as one that can be placed or is. */
static inline bool told_live(const struct sim *sim, int pod)
{
    const struct pod_state *seen = &sim->host.seen[pod];
    return sim->host.seen_ever[pod] && seen->exists && !seen->terminal && !seen->deleting;
}

/* Whether it was told of several pods of that name, and not that the others are gone. */
static inline bool told_twice(const struct sim *sim, int pod)
{
    int count = 0;
    for (int i = sim_first(sim, sim->pods[pod].gang); i != SIM_NONE;
         i = sim->pods[i].next_of_gang) {
        count += sim->pods[i].name == sim->pods[pod].name && sim->host.seen_ever[i] &&
                 sim->host.seen[i].exists;
    }
    return count > 1;
}

/* Whether what it was told of a node or group is how it is. */
static inline bool told_node(const struct sim *sim, int node)
{
    const struct node_state *told = &sim->host.nodes[node], *is = &sim->nodes[node].state;
    return told->exists == is->exists && told->gpus == is->gpus && told->leaf == is->leaf &&
           told->rack == is->rack;
}

static inline bool told_group(const struct sim *sim, int gang)
{
    const struct group_state *told = &sim->host.groups[gang], *is = &sim->gangs[gang].state;
    return told->exists == is->exists && told->minimum == is->minimum &&
           memcmp(&told->wishes, &is->wishes, sizeof(is->wishes)) == 0; /* enums and ints only */
}

/* GPUs free for others by what it was told and by what it holds, the holds of gang `spared` left
 * out (SIM_NONE: of none); negative for a node that is not there. */
void told_free(const struct sim *sim, int spared, int free[SIM_NODES_MAX]);

#endif
