// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/shown.h"

#include "test/simulation/account.h"

/* Sums over what the engine was shown, beside its own books. */

/* Takes away what members have, by the account; what the gang `spared` holds not. */
static void take_member(const struct sim *sim, int pod, int spared,
                        struct sim_amounts free[SIM_NODES_MAX])
{
    const struct pod_state *seen = &sim->host.seen[pod];
    bool shown = sim->host.seen_ever[pod] && seen->exists && !seen->terminal;
    int node = shown && seen->node != SIM_NONE ? seen->node : sim->host.place[pod];
    if (node != SIM_NONE && (sim->pods[pod].gang != spared || account_hold(sim, pod) == SIM_NONE)) {
        struct sim_amounts request = sim_request(&sim->pods[pod], seen);
        sim_take(&free[node], &request);
    }
}

void shown_free(const struct sim *sim, int spared, bool doubtful,
                struct sim_amounts free[SIM_NODES_MAX])
{
    const struct host *host = &sim->host;
    for (int node = 0; node < sim->node_count; node++) {
        static const struct sim_amounts none = {-1, -1, -1};
        free[node] = host->nodes[node].exists ? host->nodes[node].has : none;
    }
    for (int i = 0; i < sim->pod_count; i++) {
        const struct pod_state *seen = &host->seen[i];
        if (sim->pods[i].gang != SIM_NONE) {
            take_member(sim, i, spared, free);
        }
        if (sim->pods[i].gang != SIM_NONE || !host->seen_ever[i] || !seen->exists ||
            seen->terminal) {
            continue;
        }
        struct sim_amounts request = sim_request(&sim->pods[i], seen);
        if (seen->node != SIM_NONE) {
            sim_take(&free[seen->node], &request);
        } else if (host->posted[i] == POST_SENT || (host->posted[i] != POST_NONE && doubtful)) {
            sim_take(&free[host->posted_to[i]], &request);
        }
    }
}
