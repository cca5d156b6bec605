// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_RULES_H
#define TEST_SIMULATION_RULES_H

#include "test/simulation/sim.h"

/* Which nodes let a pod in, as kube-scheduler's plugins NodeAffinity, NodeUnschedulable and
 * TaintToleration say, and how a pod says so: as the engine is told, and in JSON.
 *
 *   node    labels pool=b0, generation=2 (or no number, or none), rack; a taint dedicated=gang; a
 *           cordon, which is the taint node.kubernetes.io/unschedulable
 *   pod     a selector on the pool; tolerations; required node affinity
 */

/* Whether the node's taints, labels and cordon let the pod in. */
bool rules_admits(const struct node_state *node, const struct sim_pod *pod);
/* Whether they ask for the same, of the same nodes. */
bool rules_same(const struct sim_pod *a, const struct sim_pod *b);
/* Whether they have the same rules. */
bool rules_alike(const struct sim_pod *a, const struct sim_pod *b);
/* Whether a pod that runs on the node may stay there, whatever else its rules say. */
bool rules_may_stay(const struct node_state *node, const struct sim_pod *pod);

/* Those of a gang's members, or of an ordinary pod: of `thousandths` of them. */
void rules_draw(struct random *random, int thousandths, int node_count, struct sim_rules *rules);

/* Selector, tolerations and terms; strings live in sim->arena. */
void rules_write(struct sim *sim, const struct sim_pod *pod, struct pod_object *object);
/* `,"nodeSelector":…,"tolerations":…,"affinity":…`, or less; `company` is part of the last. */
const char *rules_text(struct sim *sim, const struct sim_pod *pod, const char *company);
/* "generation" of a node as its label says, NULL: without. */
const char *rules_generation(const struct node_state *node);

#endif
