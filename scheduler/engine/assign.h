// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_ASSIGN_H
#define SCHEDULER_ENGINE_ASSIGN_H

#include "scheduler/engine/state.h"

/* Which GPUs the members of a plan get. */

/* Holds `count` members of the gang on the nodes dealt to them, and the best GPUs for each. */
void assign_hold(struct engine *engine, const struct gang *gang, struct pod *const *members,
                 const uint32_t *rows, uint32_t count);

/* Which of them would not get a good set of GPUs that way, and how many; nothing is held. Members
 * that ask for no GPUs always fit. */
uint32_t assign_misfits(struct engine *engine, const struct gang *gang, struct pod *const *members,
                        const uint32_t *rows, uint32_t count, bool *misfit);

/* Names of the GPUs a member has, for its binding; NULL when that is not known, also by now: the
 * map they were chosen from may be another one. *Borrowed* from the effects. */
const char *assign_names(const struct engine *engine, const struct pod *pod);

#endif
