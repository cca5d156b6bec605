// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_WIRE_OBJECTS_H
#define TEST_SIMULATION_WIRE_OBJECTS_H

#include "test/simulation/sim.h"

/* Objects as the API server writes them, and read back by api/kube/objects/decode.h. What cannot be
 * read is a violation. Results are *borrowed* from sim->arena. */

void wire_node(struct sim *sim, int index, const struct node_state *state,
               struct node_object *object);
void wire_pod(struct sim *sim, int index, const struct pod_state *state, struct pod_object *object);
void wire_group(struct sim *sim, int index, const struct group_state *state,
                struct group_object *object);

/* The Pod as JSON. */
const char *wire_pod_text(struct sim *sim, int index, const struct pod_state *state);

/* Only what the pod wants of those around it, for which there is no shorter way. */
void wire_company(struct sim *sim, int index, const struct pod_state *state,
                  struct pod_object *object);

#endif
