// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_NOMINATE_H
#define SCHEDULER_ENGINE_NOMINATE_H

#include "scheduler/engine/state.h"

/* Asks for the nominations of a plan, and takes back those of a plan that is no more, be it one of
 * an earlier process: kube-scheduler keeps room for nominated pods. */
void nominate_members(struct engine *engine, struct gang *gang);

/* The member of a new plan is to be nominated. */
void nominate_planned(struct engine *engine, struct pod *pod);

/* Somebody has changed the pod's nomination, as the watch shows. */
void nominate_watched(struct engine *engine, struct pod *pod);

/* Those that the watch does not show, and that are due, are to be asked for again; and when no vote
 * has come for long, those of all who have not voted, in a way that wakes them. */
void nominate_again(struct engine *engine, struct gang *gang);
/* A vote has come. */
void nominate_voted(struct engine *engine, struct gang *gang);
/* The gang has no hold any more. */
void nominate_rest(struct gang *gang);

/* kube-scheduler tries a member again whose binding nobody knows of: on the same node. */
void nominate_anew(struct pod *pod);
/* kube-scheduler came and was given the planned node; or its list did not have it. */
void nominate_answered(struct pod *pod);
void nominate_missed(struct pod *pod);
/* Its binding goes out, with which the API server clears it. */
void nominate_bound(struct pod *pod);
/* Another term begins. */
void nominate_forget(struct pod *pod);

/* What became of one: EVENT_NOMINATION_DONE. */
void nominate_done(struct engine *engine, const struct write_done_event *done);

#endif
