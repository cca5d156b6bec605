// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_TRACE_H
#define TEST_SIMULATION_TRACE_H

#include "test/simulation/sim.h"

/* What happens, for people, one line each, into sim->trace; nothing at all while that is NULL.
 *
 *   fault 17: a gang                       what is done to the cluster
 *        2031 > pod p4 of g1 (8 GPUs)      what the engine is shown
 *        2031 < nominate p4 on n2          what it wants done
 *        2040   n2 is bound …              what becomes of it
 */

void trace_note(const struct sim *sim, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void trace_fault(const struct sim *sim, uint32_t number, const char *name);
void trace_node(const struct sim *sim, int node);
void trace_company(const struct sim *sim, const struct sim_company *company);
void trace_constraints(const struct sim *sim, const struct constraints *constraints);
/* An event of the engine, and its effects. */
void trace_record(const struct sim *sim, const struct record *record,
                  const struct effects *effects);
void trace_write(const struct sim *sim, const struct sim_write *write, enum write_outcome outcome);
/* How everything stands. */
void trace_state(const struct sim *sim);

#endif
