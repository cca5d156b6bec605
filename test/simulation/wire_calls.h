// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_SIMULATION_WIRE_CALLS_H
#define TEST_SIMULATION_WIRE_CALLS_H

#include "test/simulation/sim.h"

/* kube-scheduler's calls and the answers to them as text, through api/extender/args.h and
 * api/extender/reply.h. What cannot be read, or is read as something else than what was meant, is a
 * violation. Results are *borrowed* from sim->arena.
 */

/* ExtenderArgs or ExtenderPreemptionArgs; one event stands for filter, prioritize and preempt. */
void wire_call(struct sim *sim, const struct engine *engine, const struct record *record,
               struct filter_event *event);
void wire_bind_call(struct sim *sim, const struct record *record, struct bind_event *event);

/* What kube-scheduler makes of the answer; kinds of verdicts that it cannot tell apart become
 * FILTER_SOME. */
void wire_filter_answer(struct sim *sim, const struct record *record,
                        const struct filter_reply *reply, struct filter_answer *answer);
/* Index of the node that scores, or UINT32_MAX. */
uint32_t wire_prioritize_answer(struct sim *sim, const struct record *record, uint32_t index);
void wire_preempt_answer(struct sim *sim, const struct record *record, const bool *keeps);
/* Whether the pod counts as bound. */
bool wire_bind_answer(struct sim *sim, const char *error);

#endif
