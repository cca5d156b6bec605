// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_ORDER_H
#define TEST_SIMULATION_ORDER_H

#include "test/simulation/sim.h"

/* Who is planned before whom: greater priority first, then a namespace that has its turn,
 * then who has been ready for longer. */

/* After every apply; `now` is the engine's clock. */
void order_check(struct sim *sim, int64_t now);

/* The gang was refused something: it may be overtaken for as long as vetoes and backoff last. */
void order_trouble(struct sim *sim, int gang, int64_t now);

#endif
