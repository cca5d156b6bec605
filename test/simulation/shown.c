// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/shown.h"

/* Sums over what the engine was shown, beside its own books. */

/* Takes away what gangs hold, that of `spared` not. */
static void take_holds(const struct sim *sim, int free[SIM_NODES_MAX], int spared)
{
    struct arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < engine_gang_count(sim->host.engine); i++) {
        struct gang_view view;
        engine_gang_at(sim->host.engine, i, &arena, &view);
        for (uint32_t m = 0; m < view.member_count && sim_number(view.name) != spared; m++) {
            const struct gang_member_view *member = &view.members[m];
            if (member->node != NULL && !member->bound) {
                free[sim_number(member->node)] -=
                    sim_gpus(sim->pods[sim_number(member->pod)].shape);
            }
        }
    }
    arena_finish(&arena);
}

void shown_free(const struct sim *sim, int spared, int free[SIM_NODES_MAX])
{
    const struct host *host = &sim->host;
    for (int node = 0; node < sim->node_count; node++) {
        free[node] = host->nodes[node].exists ? host->nodes[node].gpus : -1;
    }
    for (int i = 0; i < sim->pod_count; i++) {
        const struct pod_state *seen = &host->seen[i];
        if (!host->seen_ever[i] || !seen->exists || seen->terminal) {
            continue;
        }
        if (seen->node != SIM_NONE) {
            free[seen->node] -= sim_gpus(sim->pods[i].shape);
        } else if (host->posted[i] != POST_NONE) {
            free[host->posted_to[i]] -= sim_gpus(sim->pods[i].shape);
        }
    }
    take_holds(sim, free, spared);
}
