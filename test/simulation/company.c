// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/company.h"

#include <string.h>

#include "test/simulation/rules.h"
#include "test/simulation/spaces.h"

/* Written from pkg/scheduler/framework/plugins: nodeports, interpodaffinity, podtopologyspread.
 *
 *   anti-affinity   both ways: terms of the pod and of those who are there. A node without the
 *                   label is in no domain, and bars nobody
 *   affinity        the node has the label, and somebody of the kind is in its domain; or there is
 *                   nobody of the kind anywhere, and the pod is of it
 *   spread          the node has the label, and with the pod its domain has at most one more than
 *                   the one with the fewest, of those with a node that the pod's selector and node
 *                   affinity accept. Pods that are being deleted do not count
 */

#define APPS 3

static const char *const keys[] = {
    [LEVEL_LEAF] = "network.topology.nvidia.com/leaf",
    [LEVEL_RACK] = "topology.kubernetes.io/rack",
    [LEVEL_NODE] = "kubernetes.io/hostname",
};

/* ---- chosen ---- */

static enum sim_level draw_level(struct random *random, int host)
{
    return random_chance(random, host)  ? LEVEL_NODE
           : random_chance(random, 700) ? LEVEL_RACK
                                        : LEVEL_LEAF;
}

void company_draw(struct random *random, int thousandths, bool member, struct sim_company *company)
{
    memset(company, 0, sizeof(*company));
    if (!random_chance(random, thousandths)) {
        return;
    }
    company->app = (int)random_range(random, 1, APPS);
    int kind = random_index(random, member ? 100 : 50);
    if (kind < 25) {
        company->port = (int)random_range(random, 1, 2);
    }
    if (kind >= 15 && kind < 55) {
        company->apart = draw_level(random, 600);
    }
    if (random_chance(random, 200)) {
        company->against = (int)random_range(random, 1, APPS);
    }
    if (kind >= 55 && kind < 78) {
        company->near = draw_level(random, 0);
    } else if (kind >= 78) {
        company->spread = draw_level(random, 0);
    }
}

bool company_any(const struct sim_company *company)
{
    return company->app != 0 || company->port != 0 || company->apart != LEVEL_NONE ||
           company->against != 0 || company->near != LEVEL_NONE || company->spread != LEVEL_NONE;
}

/* ---- told ---- */

const char *company_labels(struct sim *sim, const struct sim_pod *pod)
{
    const char *app =
        pod->company.app == 0 ? "" : arena_printf(&sim->arena, "\"app\":\"a%d\"", pod->company.app);
    if (pod->gang == SIM_NONE) {
        return app;
    }
    return arena_printf(&sim->arena, "%s%s\"job\":\"x%d\"", app, app[0] == '\0' ? "" : ",",
                        pod->gang);
}

static const char *term(struct sim *sim, enum sim_level level, const char *label, char kind,
                        int number)
{
    return arena_printf(&sim->arena,
                        "{\"topologyKey\":\"%s\",\"labelSelector\":{\"matchLabels\":{\"%s\":"
                        "\"%c%d\"}}}",
                        keys[level], label, kind, number);
}

const char *company_affinity(struct sim *sim, const struct sim_pod *pod)
{
    static const char required[] = "requiredDuringSchedulingIgnoredDuringExecution";
    const struct sim_company *company = &pod->company;
    const char *apart = "", *against = "", *near = "";
    if (company->apart != LEVEL_NONE) {
        apart = term(sim, company->apart, "app", 'a', company->app);
    }
    if (company->against != 0) {
        against = term(sim, LEVEL_NODE, "app", 'a', company->against);
    }
    if (company->near != LEVEL_NONE) {
        near = arena_printf(&sim->arena, "\"podAffinity\":{\"%s\":[%s]}", required,
                            term(sim, company->near, "job", 'x', pod->gang));
    }
    if (apart[0] == '\0' && against[0] == '\0') {
        return near;
    }
    return arena_printf(&sim->arena, "\"podAntiAffinity\":{\"%s\":[%s%s%s]}%s%s", required, apart,
                        apart[0] != '\0' && against[0] != '\0' ? "," : "", against,
                        near[0] != '\0' ? "," : "", near);
}

const char *company_spread(struct sim *sim, const struct sim_pod *pod)
{
    if (pod->company.spread == LEVEL_NONE) {
        return "";
    }
    return arena_printf(&sim->arena,
                        ",\"topologySpreadConstraints\":[{\"maxSkew\":1,\"topologyKey\":\"%s\","
                        "\"whenUnsatisfiable\":\"DoNotSchedule\",\"labelSelector\":"
                        "{\"matchLabels\":{\"job\":\"x%d\"}}}]",
                        keys[pod->company.spread], pod->gang);
}

const char *company_ports(struct sim *sim, const struct sim_pod *pod)
{
    return pod->company.port == 0 ? ""
                                  : arena_printf(&sim->arena,
                                                 ",\"ports\":[{\"containerPort\":80,"
                                                 "\"hostPort\":%d}]",
                                                 8000 + pod->company.port);
}

/* ---- what must be true ---- */

int company_domain(const struct node_state *node, enum sim_level level)
{
    return !node->exists ? SIM_NONE : level == LEVEL_NODE ? node->number : sim_domain(node, level);
}

bool company_together(const struct node_state *states, int one, int two, enum sim_level level)
{
    int domain = level == LEVEL_NONE ? SIM_NONE : company_domain(&states[one], level);
    return domain != SIM_NONE && domain == company_domain(&states[two], level);
}

/* Whether a term of the one keeps it off where the other is. */
bool company_repels(const struct sim *sim, const struct node_state *states, int one, int on_one,
                    int two, int on_two)
{
    const struct sim_company *mine = &sim->pods[one].company, *theirs = &sim->pods[two].company;
    if (theirs->app == 0 || strcmp(spaces_of_pod(sim, one), spaces_of_pod(sim, two)) != 0) {
        return false;
    }
    return (mine->app == theirs->app && company_together(states, on_one, on_two, mine->apart)) ||
           (mine->against == theirs->app && company_together(states, on_one, on_two, LEVEL_NODE));
}

bool company_clashes(const struct sim *sim, const struct node_state *states, int one, int on_one,
                     int two, int on_two)
{
    int port = sim->pods[one].company.port;
    return (port != 0 && on_one == on_two && port == sim->pods[two].company.port) ||
           company_repels(sim, states, one, on_one, two, on_two) ||
           company_repels(sim, states, two, on_two, one, on_one);
}

static bool is_near(const struct sim *sim, const struct crowd *crowd, int pod, int node)
{
    enum sim_level level = sim->pods[pod].company.near;
    bool anywhere = false;
    if (level == LEVEL_NONE) {
        return true;
    }
    if (company_domain(&crowd->states[node], level) == SIM_NONE) {
        return false;
    }
    for (int i = sim_first(sim, sim->pods[pod].gang); i != SIM_NONE;
         i = sim->pods[i].next_of_gang) {
        int there = i == pod ? SIM_NONE : crowd->nodes[i];
        if (there != SIM_NONE && company_domain(&crowd->states[there], level) != SIM_NONE) {
            anywhere = true;
            if (company_together(crowd->states, node, there, level)) {
                return true;
            }
        }
    }
    return !anywhere;
}

/* Whether the pod's selector and node affinity accept the node, whatever taints it has. */
bool company_eligible(const struct node_state *node, const struct sim_pod *pod)
{
    struct node_state bare = *node;
    bare.cordoned = false;
    bare.taint = TAINTED_NOT;
    return rules_admits(&bare, pod);
}

static int count_there(const struct sim *sim, const struct crowd *crowd, int pod, int node,
                       enum sim_level level)
{
    int count = 0;
    for (int i = sim_first(sim, sim->pods[pod].gang); i != SIM_NONE;
         i = sim->pods[i].next_of_gang) {
        int there = i == pod || crowd->leaving[i] ? SIM_NONE : crowd->nodes[i];
        count += there != SIM_NONE && company_together(crowd->states, node, there, level) &&
                 company_eligible(&crowd->states[there], &sim->pods[pod]);
    }
    return count;
}

static bool is_even(const struct sim *sim, const struct crowd *crowd, int pod, int node)
{
    enum sim_level level = sim->pods[pod].company.spread;
    int least = SIM_PODS_MAX;
    if (level == LEVEL_NONE) {
        return true;
    }
    if (company_domain(&crowd->states[node], level) == SIM_NONE) {
        return false;
    }
    for (int other = 0; other < sim->node_count; other++) {
        if (company_domain(&crowd->states[other], level) != SIM_NONE &&
            company_eligible(&crowd->states[other], &sim->pods[pod])) {
            int count = count_there(sim, crowd, pod, other, level);
            least = count < least ? count : least;
        }
    }
    return count_there(sim, crowd, pod, node, level) + 1 - least <= 1;
}

bool company_fits(const struct sim *sim, const struct crowd *crowd, int pod, int node)
{
    for (int i = 0; i < sim->pod_count; i++) {
        if (i != pod && crowd->nodes[i] != SIM_NONE &&
            company_clashes(sim, crowd->states, pod, node, i, crowd->nodes[i])) {
            return false;
        }
    }
    return is_near(sim, crowd, pod, node) && is_even(sim, crowd, pod, node);
}

/* ---- kube-scheduler ---- */

/* With everybody who is nominated to the node and comes first, and without them: it has to fit in
 * both cases, for nobody knows whether they will come. */
bool company_filters(const struct sim *sim, int pod, int node)
{
    struct crowd crowd = {.states = sim->kube.nodes};
    bool any = false;
    if (!company_any(&sim->pods[pod].company)) {
        return true; /* neither wants anything nor is selected by anybody */
    }
    for (int i = 0; i < sim->pod_count; i++) {
        const struct kube_pod *other = &sim->kube.pods[i];
        crowd.nodes[i] = !other->known || i == pod ? SIM_NONE
                         : other->assumed          ? other->assumed_node
                                                   : other->view.node;
        crowd.leaving[i] = other->view.deleting;
    }
    if (!company_fits(sim, &crowd, pod, node)) {
        return false;
    }
    for (int i = 0; i < sim->pod_count; i++) {
        const struct kube_pod *other = &sim->kube.pods[i];
        if (other->known && i != pod && crowd.nodes[i] == SIM_NONE &&
            other->view.nominated == node && sim->pods[i].priority >= sim->pods[pod].priority) {
            crowd.nodes[i] = node;
            any = true;
        }
    }
    return !any || company_fits(sim, &crowd, pod, node);
}
