// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/outranked.h"

#include "test/simulation/account.h"
#include "test/simulation/company.h"

/* A hold is an intention: it gives way to an ordinary pod of higher priority than that of all the
 * members it is made for, unless some of the gang were placed here and run: it is finished then. */

bool outranked_stranger(const struct sim *sim, int pod)
{
    const struct pod_state *is = &sim->pods[pod].state, *seen = &sim->host.seen[pod];
    return (is->exists && is->node != SIM_NONE && !is->placed_here) ||
           (sim->host.seen_ever[pod] && seen->node != SIM_NONE && !seen->placed_here);
}

static void look_at(const struct sim *sim, int gang, int *priority, bool *runs)
{
    *priority = INT32_MAX;
    *runs = false;
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        bool held = account_hold(sim, i) != SIM_NONE;
        *runs = *runs || (!held && sim->host.place[i] != SIM_NONE);
        if (held && sim->pods[i].priority < *priority) {
            *priority = sim->pods[i].priority;
        }
    }
}

static void give(struct sim_amounts *to, const struct sim_amounts *amounts)
{
    to->gpus += amounts->gpus;
    to->cpus += amounts->cpus;
    to->pods += amounts->pods;
}

bool outranked_room(const struct sim *sim, int pod, int node, struct sim_amounts *sure,
                    struct sim_amounts *most)
{
    bool all = true;
    for (int i = 0; i < sim->pod_count; i++) {
        int priority;
        bool runs;
        if (account_kept(sim, i) != node) {
            continue;
        }
        look_at(sim, sim->pods[i].gang, &priority, &runs);
        if (account_hold(sim, i) != node || priority >= sim->pods[pod].priority) {
            all = false;
            continue;
        }
        struct sim_amounts request = sim_request(&sim->pods[i], &sim->host.seen[i]);
        give(most, &request);
        if (!runs) {
            give(sure, &request);
        }
    }
    return all;
}

/* Whether the pod has room there if it takes what must, or may, be given up for it. */
bool outranked_fits(const struct sim *sim, int pod, int node, const struct sim_amounts *free,
                    bool sure)
{
    struct sim_amounts must = *free, may = *free;
    struct sim_amounts request = sim_request(&sim->pods[pod], &sim->host.seen[pod]);
    bool known;
    (void)outranked_room(sim, pod, node, &must, &may);
    return sim_fits(sure ? &must : &may, &request) &&
           !(sure && company_keeps_off(sim, pod, node, &known));
}

/* Who is kept off everywhere takes what gangs of lower priority hold. */
void outranked_check(struct sim *sim, const struct record *record, const struct filter_reply *reply,
                     const struct sim_amounts *free)
{
    bool any = reply->verdict == FILTER_ALL;
    int over = SIM_NONE;
    for (uint32_t i = 0; i < record->node_count && !any; i++) {
        any = reply->passes[i];
        over = outranked_fits(sim, record->pod, record->nodes[i], &free[record->nodes[i]], true)
                   ? record->nodes[i]
                   : over;
    }
    if (!any && over != SIM_NONE) {
        sim_fail(sim, "(10) the ordinary pod p%d may have no node, and outranks who holds n%d",
                 record->pod, over);
    }
}
