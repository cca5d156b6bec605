// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/planned.h"

#include "test/simulation/outranked.h"

#include <string.h>

#include "test/simulation/account.h"
#include "test/simulation/company.h"
#include "test/simulation/quality.h"
#include "test/simulation/rules.h"
#include "test/simulation/shown.h"
#include "test/simulation/spaces.h"

/* A member that gets a node in this very apply:
 *
 *   lets in    the node's labels, taints and cordon do not keep the pod out
 *   room       the node is not overbooked of anything that the pod asks for
 *   required   it is in the domain in which the rest of its gang is held or runs
 *   exclusive  nobody of another gang is in the domain that either wants for itself
 */

static int place_of(const struct sim *sim, int pod)
{
    const struct pod_state *seen = &sim->host.seen[pod];
    if (!sim->host.seen_ever[pod] || !seen->exists || seen->terminal) {
        return SIM_NONE;
    }
    return seen->node != SIM_NONE ? seen->node : sim->host.place[pod];
}

static int domain_of(const struct sim *sim, int node, enum sim_level level)
{
    const struct node_state *shown = &sim->host.nodes[node];
    return shown->exists ? sim_domain(shown, level) : SIM_NONE;
}

static void check_node(struct sim *sim, int pod, const struct sim_amounts free[SIM_NODES_MAX])
{
    int node = sim->host.place[pod];
    struct sim_amounts request = sim_request(&sim->pods[pod], &sim->host.seen[pod]);
    if (!rules_admits(&sim->host.nodes[node], &sim->pods[pod])) {
        sim_fail(sim, "(16) p%d is planned on n%d, which does not let it in", pod, node);
    }
    if (free[node].cpus < 0 || free[node].pods < 0 || (request.gpus > 0 && free[node].gpus < 0)) {
        sim_fail(sim, "(2) p%d is planned on n%d, of which %d GPUs, %d CPUs, %d pods are left then",
                 pod, node, free[node].gpus, free[node].cpus, free[node].pods);
    }
}

/* Where the member is, if whoever joins has to go there: held, unless the node has moved meanwhile,
 * or alive on a node that is there. */
static int stands_on(const struct sim *sim, int pod)
{
    int hold = account_hold(sim, pod), node = place_of(sim, pod);
    if (hold != SIM_NONE) {
        return sim->pods[pod].displaced ? SIM_NONE : hold;
    }
    return node != SIM_NONE && shown_live(sim, pod) && sim->host.nodes[node].exists ? node
                                                                                    : SIM_NONE;
}

static void check_required(struct sim *sim, int pod)
{
    int gang = sim->pods[pod].gang, node = sim->host.place[pod];
    enum sim_level level = shown_asked(sim, pod)->required;
    if (level == LEVEL_NONE) {
        return;
    }
    int domain = domain_of(sim, node, level);
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        int other = shown_share(sim, pod, i) ? stands_on(sim, i) : SIM_NONE;
        if (domain == SIM_NONE || (other != SIM_NONE && domain_of(sim, other, level) != domain)) {
            sim_fail(sim, "(16) g%d must be in one domain, and is planned on n%d and n%d", gang,
                     node, other);
        }
    }
}

static void check_exclusive(struct sim *sim, int pod)
{
    int gang = sim->pods[pod].gang, node = sim->host.place[pod];
    enum sim_level own = shown_asked(sim, pod)->exclusive;
    for (int i = 0; i < sim->pod_count && sim->constrained_percent > 0; i++) {
        int other = sim->pods[i].gang, there = place_of(sim, i);
        if (other == SIM_NONE || other == gang || there == SIM_NONE || outranked_stranger(sim, i) ||
            sim->peer.bound[i]) { /* that it was placed here is believed for a while only */
            continue;
        }
        enum sim_level level = sim_wider(own, shown_asked(sim, i)->exclusive);
        int domain = domain_of(sim, there, level);
        if (level != LEVEL_NONE && domain != SIM_NONE && domain == domain_of(sim, node, level)) {
            sim_fail(sim, "(16) p%d is planned on n%d, where p%d of g%d shares its domain", pod,
                     node, i, other);
        }
    }
}

void planned_check(struct sim *sim, const struct record *record)
{
    struct sim_amounts free[SIM_NODES_MAX];
    bool gangs[SIM_GANGS_MAX] = {false}, any = false;
    for (int i = 0; i < sim->pod_count; i++) {
        if (!sim->host.planned[i] || account_hold(sim, i) == SIM_NONE) {
            continue;
        }
        if (!any) {
            shown_free(sim, SIM_NONE, false, free);
            any = true;
        }
        gangs[sim->pods[i].gang] = true;
        check_node(sim, i, free);
        check_required(sim, i);
        check_exclusive(sim, i);
        company_check_plan(sim, i);
    }
    for (int gang = 0; any && gang < sim->gang_count; gang++) {
        if (gangs[gang]) {
            quality_check(sim, gang, record->now);
        }
    }
    memset(sim->host.planned, 0, (size_t)sim->pod_count * sizeof(sim->host.planned[0]));
}
