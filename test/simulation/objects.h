// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_OBJECTS_H
#define TEST_SIMULATION_OBJECTS_H

#include "test/simulation/sim.h"

/* Objects of the cluster as the engine is given them. Strings are *borrowed* from sim->arena and
 * live until it is reset. With host.codecs they come out of the real decoders (wire_objects.h). */

void objects_node(struct sim *sim, int index, const struct node_state *state,
                  struct node_object *object);
void objects_pod(struct sim *sim, int index, const struct pod_state *state,
                 struct pod_object *object);
void objects_group(struct sim *sim, int index, const struct group_state *state,
                   struct group_object *object);

#define OBJECTS_RENAMED "0-" /* what host.renamed puts in front of names: their order stays */

/* "p17" and the like, *borrowed* from sim->arena. */
const char *objects_name(struct sim *sim, char prefix, int number);

/* The pod's and the gang's name, likewise (spaces.h). */
const char *objects_pod_name(struct sim *sim, int pod);
const char *objects_gang_name(struct sim *sim, int gang);

/* The uid of what made the pod: one for each run of its gang. */
const char *objects_owner(struct sim *sim, const struct sim_pod *pod);

/* The gang's constraints stand on its pods, not on a group object. */
bool objects_constraints_on_pods(const struct sim_gang *gang);
const char *objects_level(enum sim_level level); /* NULL for LEVEL_NONE */
/* Those of the pod: what its own template says. */
const struct constraints *objects_constraints(const struct sim *sim, const struct sim_pod *pod);
const char *objects_role(enum sim_role role); /* NULL for ROLE_NONE */

#endif
