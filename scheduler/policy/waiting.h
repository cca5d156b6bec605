// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_POLICY_WAITING_H
#define SCHEDULER_POLICY_WAITING_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/policy/queue.h"
#include "scheduler/solver/solver.h"
#include "scheduler/state/gang.h"
#include "scheduler/state/ledger.h"

/* Gangs that did not fit, and what each of them waits for.
 *
 *   queue ──did not fit──▶ waiting ──something that could help became free──▶ queue
 *
 * Gangs that need the same (as many pods of the same shapes, in one domain of the same level) are
 * one *need*, and are woken together. An event costs what it changes: a need is looked at only by
 * its counters in the ledger, which stand still while nothing rises that it could use, and then by
 * counts: in the whole cluster, and in the best domain of the level that all pods must share. Both
 * are necessary, not sufficient; who passes is tried by the solver.
 */

struct wait_role {
    uint32_t shape;
    uint32_t count;
    uint32_t least; /* of them so many at least must fit; <= count */
    /* Name of the level of which its pods must share a domain, as that of the need; NULL: none. */
    const char *level;
};

struct wait_need {
    bool tree;      /* needs another tree (a level that is not there); all below is 0 */
    bool any;       /* cannot be told: whatever becomes free may do; all below but `peers` is 0 */
    bool peers;     /* … or pods that come or go, by what pods require of each other */
    bool good_gpus; /* only copies with good sets of GPUs count */
    bool exclusive; /* wants domains without other gangs */
    /* Name of the level of which all pods must share a domain, as domains_level_name() has it, for
     * the number means another one when the tree is built anew. NULL: none. */
    const char *level;
    uint32_t least; /* pods that must fit */
    uint32_t role_count;
    struct wait_role roles[SOLVER_ROLES_MAX]; /* different ones, in any order */
};

struct waiting;

/* *New*. Keeps references to the shapes of needs; all four are *borrowed* for its life. */
struct waiting *waiting_create(struct ledger *ledger, const struct shapes *shapes,
                               const struct domains *domains, struct pods *pods);
void waiting_destroy(struct waiting *waiting);

/* The gang did not fit, and needs what. Replaces what it waited for before. */
void waiting_put(struct waiting *waiting, struct gang *gang, const struct wait_need *what);
/* Nothing happens to a gang that does not wait. */
void waiting_remove(struct waiting *waiting, struct gang *gang);

/* Whether the gang may fit now, as far as counts tell; true for one that does not wait. */
bool waiting_may_fit(const struct waiting *waiting, const struct gang *gang);

/* Something happened that may help those who wait: every need is to be looked at. */
void waiting_released(struct waiting *waiting);
/* Whether some need is still to be looked at. */
bool waiting_wakes(const struct waiting *waiting);
/* Looks at the next one, and puts into the queue whoever may be helped by what happened since it
 * was looked at last. Those whose counters moved although it does not help them are handed to
 * `stale`: why they wait may have changed. */
void waiting_wake(struct waiting *waiting, struct queue *queue,
                  void (*stale)(void *context, struct gang *gang), void *context);

/* To be called when: a member of a gang gave up its place; `exclusive`: its gang wanted the domain
 * for itself, or did until now. */
void waiting_departed(struct waiting *waiting, bool exclusive);

/* To be called when: nodes on which members of gangs have places came, went or stand elsewhere in
 * the tree. Their gangs, and those that avoid them, may find what they need where nothing rose. */
void waiting_rearranged(struct waiting *waiting);

/* The ledger is about to forget what was worked out (ledger_forget()): notes of each need whether
 * its counters have moved, which waiting_settle() then goes by. */
void waiting_unsettle(struct waiting *waiting);
void waiting_settle(struct waiting *waiting);
/* Saves who waits for what, or loads it: gangs, shapes and domains are loaded already. Between
 * waiting_unsettle() and waiting_settle(). */
void waiting_checkpoint(struct waiting *waiting, const struct gangs *gangs,
                        struct checkpoint *checkpoint);
/* What the gang waits for is looked at in any case the next time. */
void waiting_look_again(const struct gang *gang);

/* Different needs, for tests and figures. */
uint32_t waiting_needs(const struct waiting *waiting);

#endif
