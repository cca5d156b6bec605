// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_CONSTRAINTS_H
#define TEST_SIMULATION_CONSTRAINTS_H

#include "test/simulation/sim.h"

/* Where gangs want to be, judged by labels alone. Gangs that others disturbed are left alone. */

/* The gang's bindings go out. `first`: none did before. */
void constraints_check_posts(struct sim *sim, int gang, bool first);

/* At the end: the bound members, in the API server's truth. */
void constraints_check_bound(struct sim *sim, int gang);

#endif
