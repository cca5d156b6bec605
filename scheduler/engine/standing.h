// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_STANDING_H
#define SCHEDULER_ENGINE_STANDING_H

#include "scheduler/engine/state.h"

/* What becomes of a gang, and of its namespace, whose holds come to nothing. */

/* Members of the gang were planned. */
void standing_holds(struct gang *gang);
/* A member of it voted; … */
void standing_voted(struct gang *gang);
/* … bindings of its are posted. */
void standing_kept(struct gang *gang);
/* What it holds is given up: for something that was up to the gang, or not. */
void standing_given_up(struct gang *gang, bool own);

/* After a change of its members, `held` of which are held now: a hold that ended is judged, and who
 * may be planned again goes back into the queue. */
void standing_refresh(struct engine *engine, struct gang *gang, uint32_t held);
/* The next one of the tenant that may be planned goes back into the queue. */
void standing_next(struct engine *engine, struct tenant *tenant);

/* What the gang waits for if it must not be planned now because of others of its namespace, in
 * constant words; NULL: it may be. */
const char *standing_blocks(const struct engine *engine, const struct gang *gang);
/* It is planned: it counts for its namespace until there is nothing to plan any more. */
void standing_admit(struct gang *gang);

/* How long a hold may last that would last so long if the ones before had been kept. */
int64_t standing_shortened(const struct gang *gang, int64_t timeout);

/* A term begins, or ends. */
void standing_forget(struct gang *gang);

#endif
