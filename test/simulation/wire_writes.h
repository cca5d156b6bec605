// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_WIRE_WRITES_H
#define TEST_SIMULATION_WIRE_WRITES_H

#include "test/simulation/api_server.h"

/* Writes to the API server as requests made by api/kube/write/write.h, and its answers judged by
 * api/kube/write/verdict.h. A request that means something else than its effect is a violation. */

/* Binding, nomination or explanation: checks the request. */
void wire_write(struct sim *sim, const struct effect *effect);

/* An answer to a write; API_DONE and so on become a status and a body first. */
enum write_outcome wire_outcome(struct sim *sim, const struct sim_write *write,
                                enum api_answer answer);

#endif
