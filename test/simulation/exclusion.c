// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/company.h"

#include "test/simulation/account.h"
#include "test/simulation/room.h"
#include "test/simulation/shown.h"

/* The company that members keep (company.h), judged: no plan and no commit puts together those who
 * exclude each other, and who certainly fits does not wait for ever.
 */

/* ---- of the engine's plans ---- */

bool company_learns(const struct sim *sim)
{
    for (int i = 0; i < sim->pod_count && sim->company > 0; i++) {
        const struct pod_state *is = &sim->pods[i].state;
        if (is->exists && !is->terminal && !is->deleting && is->node == SIM_NONE &&
            sim->pods[i].gang != SIM_NONE && sim->pods[i].company.spread != LEVEL_NONE) {
            return true;
        }
    }
    return false;
}

static int place_of(const struct sim *sim, int pod)
{
    const struct pod_state *seen = &sim->host.seen[pod];
    if (!sim->host.seen_ever[pod] || !seen->exists || seen->terminal) {
        return SIM_NONE;
    }
    return seen->node != SIM_NONE ? seen->node : sim->host.place[pod];
}

/* Whether the member is in no domain of those it has to be near to: of one that stands there, or if
 * none does, of all who are planned with it. */
static bool is_far(const struct sim *sim, int pod)
{
    enum sim_level level = sim->pods[pod].company.near;
    bool stands = false, near = false, apart = false;
    for (int i = sim_first(sim, sim->pods[pod].gang); i != SIM_NONE && level != LEVEL_NONE;
         i = sim->pods[i].next_of_gang) {
        int there = i == pod ? SIM_NONE : place_of(sim, i);
        if (there == SIM_NONE || company_domain(&sim->host.nodes[there], level) == SIM_NONE) {
            continue;
        }
        bool joined = company_together(sim->host.nodes, sim->host.place[pod], there, level);
        bool held = account_hold(sim, i) != SIM_NONE;
        stands = stands || !held;
        near = near || (!held && joined);
        apart = apart || (held && !joined && !sim->pods[i].displaced);
    }
    return stands ? !near : apart;
}

void company_check_plan(struct sim *sim, int pod)
{
    int node = sim->host.place[pod];
    for (int i = 0; i < sim->pod_count && sim->company > 0; i++) {
        int there = i == pod ? SIM_NONE : place_of(sim, i);
        if (there != SIM_NONE && company_clashes(sim, sim->host.nodes, pod, node, i, there)) {
            sim_fail(sim, "(22) p%d is planned on n%d, where p%d on n%d excludes it", pod, node, i,
                     there);
        }
    }
    if (is_far(sim, pod)) {
        sim_fail(sim, "(22) p%d is planned on n%d, near to none of its gang", pod, node);
    }
}

/* Whether both claim the same of one node, a host port or to be the only one of a kind: it is kept
 * like room. */
static bool claims_both(const struct sim *sim, int one, int on_one, int two, int on_two)
{
    const struct sim_company *mine = &sim->pods[one].company, *theirs = &sim->pods[two].company;
    bool port = mine->port != 0 && mine->port == theirs->port;
    bool alone = mine->apart == LEVEL_NODE && theirs->apart == LEVEL_NODE &&
                 mine->app == theirs->app &&
                 company_repels(sim, sim->host.nodes, one, on_one, two, on_two);
    return on_one == on_two && (port || alone);
}

bool company_keeps_off(const struct sim *sim, int pod, int node, bool *known)
{
    bool any = false;
    *known = false;
    for (int i = 0; i < sim->pod_count && sim->company > 0; i++) {
        int kept = i == pod ? SIM_NONE : account_kept(sim, i);
        int there = kept == SIM_NONE && i != pod && sim->host.posted[i] != POST_NONE
                        ? sim->host.posted_to[i]
                        : kept;
        const struct pod_state *seen = &sim->host.seen[i];
        if (there == SIM_NONE && i != pod && sim->host.seen_ever[i] && seen->exists &&
            !seen->terminal && seen->node != SIM_NONE) {
            /* Taken like room, and kube-scheduler may not know of it yet; or it refuses that. */
            any = any || claims_both(sim, pod, node, i, seen->node) ||
                  company_clashes(sim, sim->host.nodes, pod, node, i, seen->node);
        }
        if (there != SIM_NONE && company_clashes(sim, sim->host.nodes, pod, node, i, there)) {
            any = true;
            *known |= kept != SIM_NONE && claims_both(sim, pod, node, i, there);
            *known |= there == node && account_hold(sim, i) != SIM_NONE;
        }
    }
    return any;
}

/* Members of the gang that are bound by the truth, or about to be. */
static int stands_on(const struct sim *sim, int pod)
{
    const struct pod_state *is = &sim->pods[pod].state;
    if (!is->exists || is->terminal || sim->pods[pod].displaced) {
        return SIM_NONE;
    }
    int node = is->node != SIM_NONE                 ? is->node
               : sim->host.posted[pod] == POST_NONE ? SIM_NONE
                                                    : sim->host.posted_to[pod];
    return node != SIM_NONE && shown_node(sim, node) ? node : SIM_NONE;
}

void company_check_posts(struct sim *sim, int gang, bool first)
{
    for (int i = sim_first(sim, gang); i != SIM_NONE && sim->company > 0;
         i = sim->pods[i].next_of_gang) {
        int one = stands_on(sim, i);
        for (int j = sim_first(sim, gang); one != SIM_NONE && j != SIM_NONE;
             j = sim->pods[j].next_of_gang) {
            int two = j == i ? SIM_NONE : stands_on(sim, j);
            bool far = first && !sim->pods[j].state.deleting && !sim->pods[i].state.deleting &&
                       two != SIM_NONE && sim->pods[i].company.near != LEVEL_NONE &&
                       !company_together(sim->host.nodes, one, two, sim->pods[i].company.near);
            if (two != SIM_NONE && (far || company_clashes(sim, sim->host.nodes, i, one, j, two))) {
                sim_fail(sim, "(22) p%d on n%d and p%d on n%d of g%d may not be there both", i, one,
                         j, two, gang);
            }
        }
    }
}

/* ---- room ---- */

/* Nobody else of the gang may stand where one does. */
static bool is_alone(const struct sim_company *company)
{
    return company->port != 0 || company->apart == LEVEL_NODE ||
           (company->app != 0 && company->against == company->app);
}

static void leave_out(const struct sim *sim, int pod, struct room *room)
{
    struct node_state states[SIM_NODES_MAX];
    for (int node = 0; node < sim->node_count; node++) {
        states[node] = sim->nodes[node].state;
    }
    for (int node = 0; node < sim->node_count; node++) {
        for (int i = 0; i < sim->pod_count && room->copies[node] > 0; i++) {
            const struct pod_state *is = &sim->pods[i].state;
            bool stands = i != pod && is->exists && !is->terminal && is->node != SIM_NONE;
            if (stands && company_clashes(sim, states, pod, node, i, is->node)) {
                room->copies[node] = 0;
            }
        }
    }
}

/* One for each domain of the level, on its first node. */
static void keep_apart(const struct sim *sim, enum sim_level level, struct room *room)
{
    for (int node = 0; node < sim->node_count; node++) {
        int domain = company_domain(&sim->nodes[node].state, level);
        bool first = domain != SIM_NONE && room->copies[node] > 0;
        room->copies[node] = first;
        for (int other = node + 1; other < sim->node_count && first; other++) {
            if (company_domain(&sim->nodes[other].state, level) == domain) {
                room->copies[other] = 0;
            }
        }
    }
}

static int sum_of(const struct sim *sim, const struct room *room, enum sim_level level, int domain)
{
    int sum = 0;
    for (int node = 0; node < sim->node_count; node++) {
        bool inside = company_domain(&sim->nodes[node].state, level) == domain;
        sum += inside ? room->copies[node] : 0;
    }
    return sum;
}

/* What is in one domain alone: that of those who are there, or else the one with most room. */
static void keep_near(const struct sim *sim, int gang, enum sim_level level, struct room *room)
{
    int best = SIM_NONE, most = 0;
    for (int node = 0; node < sim->node_count; node++) {
        int domain = company_domain(&sim->nodes[node].state, level);
        int sum = domain == SIM_NONE ? 0 : sum_of(sim, room, level, domain);
        best = sum > most ? domain : best;
        most = sum > most ? sum : most;
    }
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        const struct pod_state *is = &sim->pods[i].state;
        if (is->exists && !is->terminal && is->node != SIM_NONE) {
            best = company_domain(&sim->nodes[is->node].state, level);
        }
    }
    for (int node = 0; node < sim->node_count; node++) {
        if (best == SIM_NONE || company_domain(&sim->nodes[node].state, level) != best) {
            room->copies[node] = 0;
        }
    }
}

/* Of each domain one more than the one with the fewest at the most; nothing where somebody is. */
static void keep_even(const struct sim *sim, int gang, const struct sim_pod *pod, struct room *room)
{
    enum sim_level level = pod->company.spread;
    int least = SIM_PODS_MAX;
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        const struct pod_state *is = &sim->pods[i].state;
        least = is->exists && !is->terminal && is->node != SIM_NONE ? -1 : least;
    }
    for (int node = 0; node < sim->node_count; node++) {
        int domain = company_domain(&sim->nodes[node].state, level);
        if (domain != SIM_NONE && company_eligible(&sim->nodes[node].state, pod)) {
            int sum = sum_of(sim, room, level, domain);
            least = sum < least ? sum : least;
        }
    }
    for (int node = 0; node < sim->node_count; node++) {
        int domain = company_domain(&sim->nodes[node].state, level);
        int over = sum_of(sim, room, level, domain) - (least + 1);
        int less = domain == SIM_NONE ? room->copies[node] : over < 0 ? 0 : over;
        room->copies[node] = less < room->copies[node] ? room->copies[node] - less : 0;
    }
}

void company_limit(const struct sim *sim, int gang, const struct sim_pod *pod, struct room *room)
{
    const struct sim_company *company = &pod->company;
    leave_out(sim, (int)(pod - sim->pods), room);
    for (int node = 0; node < sim->node_count && is_alone(company); node++) {
        room->copies[node] = room->copies[node] > 0;
    }
    if (company->apart == LEVEL_RACK || company->apart == LEVEL_LEAF) {
        keep_apart(sim, company->apart, room);
    }
    if (company->near != LEVEL_NONE) {
        keep_near(sim, gang, company->near, room);
    }
    if (company->spread != LEVEL_NONE) {
        keep_even(sim, gang, pod, room);
    }
}
