// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_COMPANY_H
#define TEST_SIMULATION_COMPANY_H

#include "test/simulation/sim.h"

/* What a pod wants of the pods around it, as kube-scheduler's plugins NodePorts, InterPodAffinity
 * and PodTopologySpread see to it, and how it says so in JSON.
 *
 *   port      a host port, that one pod of a node can have
 *   app       a label; apart: required anti-affinity to pods of its own app, with the level
 *   against   required anti-affinity to another app, on the same node
 *   near      required affinity to pods of its own gang, with the level
 *   spread    topology spread over the pods of its own gang, DoNotSchedule, with the level
 *
 * Selectors reach pods of the same namespace.
 */

void company_draw(struct random *random, int thousandths, bool member, struct sim_company *company);

/* `"app":"a1","job":"x3"` */
const char *company_labels(struct sim *sim, const struct sim_pod *pod);
/* `"podAffinity":…,"podAntiAffinity":…`, to stand in an affinity; "" */
const char *company_affinity(struct sim *sim, const struct sim_pod *pod);
/* `,"topologySpreadConstraints":…` of a spec, and `,"ports":…` of a container; "" */
const char *company_spread(struct sim *sim, const struct sim_pod *pod);
const char *company_ports(struct sim *sim, const struct sim_pod *pod);
bool company_any(const struct sim_company *company);
/* Whether a member waits for whose sake its gang may be planned and refused again and again, since
 * the engine learns of spread from kube-scheduler's refusals, too. */
bool company_learns(const struct sim *sim);

/* Who stands where, by somebody's view: nodes[pod], SIM_NONE: nowhere. */
struct crowd {
    const struct node_state *states; /* of the nodes; *borrowed* */
    int nodes[SIM_PODS_MAX];
    bool leaving[SIM_PODS_MAX]; /* is being deleted */
};

/* The node's domain of a level, LEVEL_NODE included; SIM_NONE: it is in none. */
int company_domain(const struct node_state *node, enum sim_level level);
/* Whether two nodes are in one domain of the level. */
bool company_together(const struct node_state *states, int one, int two, enum sim_level level);
/* Whether a term of pod `one` keeps it off where pod `two` is. */
bool company_repels(const struct sim *sim, const struct node_state *states, int one, int on_one,
                    int two, int on_two);
/* Whether the pod's selector and node affinity accept the node, whatever taints it has. */
bool company_eligible(const struct node_state *node, const struct sim_pod *pod);
/* Whether pod `one` on its node and pod `two` on its may not be there both. */
bool company_clashes(const struct sim *sim, const struct node_state *states, int one, int on_one,
                     int two, int on_two);
/* Whether kube-scheduler's filters let the pod onto the node. */
bool company_fits(const struct sim *sim, const struct crowd *crowd, int pod, int node);
/* The same by kube-scheduler's view. */
bool company_filters(const struct sim *sim, int pod, int node);

/* Whether somebody whose room is kept, or who is being bound, keeps the ordinary pod off the node,
 * or somebody bound there has what it claims; in *known whether the engine has to see to it: for a
 * claim that is kept like room, and for any term of or about a member that is held on that very
 * node. */
bool company_keeps_off(const struct sim *sim, int pod, int node, bool *known);
/* What the engine plans and posts for the gang: nobody clashes with a member. */
void company_check_plan(struct sim *sim, int pod);
void company_check_posts(struct sim *sim, int gang, bool first);

/* Takes from the room of a gang all that its company, or that of others, may not let it have. */
struct room;
void company_limit(const struct sim *sim, int gang, const struct sim_pod *pod, struct room *room);

#endif
