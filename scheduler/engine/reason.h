// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_ENGINE_REASON_H
#define SCHEDULER_ENGINE_REASON_H

#include <stddef.h>

#include "scheduler/solver/solver.h"
#include "scheduler/state/gang.h"

/* Refusals in words. Each has a class, a constant pointer that tells kinds of refusal apart, and a
 * text that stays the same while nothing changes: kube-scheduler retries a pod whose message
 * varies, in a loop. Nothing here counts pods seen so far or time.
 */

extern const char reason_unsynced[];  /* still reading the cluster */
extern const char reason_no_group[];  /* the group object is missing */
extern const char reason_invalid[];   /* the quorum or a level makes no sense */
extern const char reason_gathering[]; /* fewer pods than the quorum */
extern const char reason_short[];     /* does not fit */
extern const char reason_backoff[];   /* aborted, planned again soon */
extern const char reason_planned[];   /* planned, on its way */
extern const char reason_draining[];  /* the daemon stops */
extern const char reason_following[]; /* another process decides */
extern const char reason_refused[];   /* of a pod alone: it must not be placed */
extern const char reason_turn[];      /* others of its namespace are before it */
extern const char reason_none[];

extern const char reason_held_capacity[]; /* to ordinary pods, for nodes with held capacity */
extern const char reason_not_ready[];     /* text for gang pods before the first sync */
extern const char reason_stopping[];      /* text while the daemon stops */
extern const char reason_standby[];       /* error of every call to a process on standby */
extern const char reason_elsewhere[];     /* text of gangs on standby */
extern const char reason_not_planned[];   /* text for members that are not planned yet */

/* "PodGroup ns/name not found", "minMember 0 …", "waiting until 4 pods exist": what keeps a gang
 * from being ready. Writes the text and returns the class. */
const char *reason_gather(const struct gang *gang, char *text, size_t size);

struct reason_shortage {
    const struct gang *gang;
    const struct solver_plan *plan;
    const struct domains *domains;
    const struct nodes *nodes;
    const struct solver_role *role;    /* that is short */
    const char *name;                  /* of it, where the level is its own; NULL or "" */
    bool rest;                         /* the others of the gang have their places */
    bool good_gpus;                    /* only good sets of GPUs were counted */
    bool exclusive;                    /* it wants domains for itself */
    const struct breakdown *breakdown; /* of the nodes; all zero: nothing is said of them */
    bool widened;               /* … which are those of the cluster, not of the best place */
    const struct gang *blocker; /* without this one it would fit, or NULL */
    const char *apart; /* it would fit, did its pods not keep apart by this level; or NULL */
    bool ordinary;     /* without the pods that are in no gang it would */
};

/* "gang a/b waits: rack is short by 1 of 4 pods (…)". */
void reason_shortfall(const struct reason_shortage *shortage, char *text, size_t size);

#endif
