// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_BEGUN_H
#define SCHEDULER_ENGINE_BEGUN_H

#include "scheduler/engine/state.h"

/* Which gangs have begun here, so that they are finished before anybody else gets a turn. */

/* Whether the pod as it is shown was placed by this scheduler: its annotation says so, and that may
 * be believed. Only what this process posted itself is certain; what earlier processes wrote is
 * believed as it is found, when this one begins to decide. */
bool begun_here(const struct engine *engine, const struct pod_object *object);

/* After a change of its members: keeps gang->begun. */
void begun_refresh(struct gang *gang, enum gang_state state);

/* This process begins to decide: whatever of its quorum a gang with members placed here lacks was
 * there before, as far as is known. */
void begun_recover(struct gang *gang);

#endif
