// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_COMMIT_H
#define SCHEDULER_ENGINE_COMMIT_H

#include "scheduler/engine/state.h"

/* Opens the barrier when the quorum stands in it: all bindings are posted at once. */
void commit_if_voted(struct engine *engine, struct gang *gang);

#endif
