// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_STATE_PODS_H
#define SCHEDULER_STATE_PODS_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/state/ledger.h"
#include "scheduler/state/pod.h"
#include "scheduler/state/shape.h"

/* The pod table: every pod the engine knows, by uid, and what of the ledger is charged to it.
 *
 * A pod has at most one place, a node. Which way it got there and how certain that is, is its phase
 * (phase.h). The phase, the place and the ledger change together, here and nowhere else, so that
 * they can't disagree; a step that phase.h does not know is a mistake of the program and aborts. So
 * does what the pod has of the node's GPUs (gpus.h): which ones is known when it is held, or by its
 * annotation once it is bound. And so do the totals of the gang it is a member of (totals.h).
 *
 * Who is where: a pod with an allocation stands in the list of its node, pods_on(), and in the
 * footprint of its gang, or of all pods without one. All who say that they run on nodes that nobody
 * has shown stand in one list, that of nodes_elsewhere(), and nothing is charged for them until
 * their node is shown (residents.h).
 *
 * Most of what the API server says of a pod is of no interest here: pods_observe() tells what of
 * the rest differs from what was known, and when nothing does, nothing has to be done.
 */

struct pods *pods_create(struct nodes *nodes, struct shapes *shapes, struct ledger *ledger,
                         uint64_t hash_seed);
void pods_destroy(struct pods *pods);

struct pod *pods_find(const struct pods *pods, const char *uid);
uint32_t pods_count(const struct pods *pods);
uint32_t pods_unconfirmed(const struct pods *pods); /* how many are in that phase */
/* Calls `changed` after every change of a phase. */
void pods_on_phase(struct pods *pods,
                   void (*changed)(void *context, const struct pod *pod, enum member_phase before),
                   void *context);
/* The words of pods that have numbers: owners, roles, what they say of their gang. */
const struct names *pods_words(const struct pods *pods);
/* Names of nodes that pods run on and nobody has shown. */
const struct names *pods_missing_nodes(const struct pods *pods);
/* In order of arrival: pods_first(), then pod->hh.next. */
struct pod *pods_first(const struct pods *pods);

/* Pods with an allocation on the row: the first, then pod->row_after. */
struct pod *pods_on(const struct pods *pods, uint32_t row);
/* How many of them are members of gangs. */
uint32_t pods_members_on(const struct pods *pods, uint32_t row);
/* The node it runs on, or has a place on, whether anybody has shown it or not; NULL: it has none.
 * *Borrowed*, until the next change. */
const char *pods_node_name(const struct pods *pods, const struct pod *pod);
/* The node of the row has just been shown: the next pod that has said all along that it runs there,
 * with its place moved to the row; NULL: no more. */
struct pod *pods_found(struct pods *pods, uint32_t row);
/* Where pods without a gang have their places. *Borrowed*. */
const struct footprint *pods_ordinary(const struct pods *pods);

/* What pods require of each other. *Borrowed*, as long as the table. */
struct peers *pods_peers(const struct pods *pods);

/* Takes in a pod, new or changed, and sets *changes (enum pod_change bits; NULL: not asked for). A
 * new pod has no allocation and no gang. An allocation is recharged when the shape changed
 * (in-place resize). One that is beyond a limit (shapes, node names) is `refused`: it is known, and
 * what it requests is charged where it runs, but it must not be planned. */
struct pod *pods_observe(struct pods *pods, const struct pod_object *object, unsigned *changes);
/* Removes; releases the allocation. The pod must have left its gang. */
void pods_remove(struct pods *pods, struct pod *pod);

/* A reference to a shape for somebody who is no pod, and its end. */
void pods_keep_shape(struct pods *pods, uint32_t shape);
void pods_drop_shape(struct pods *pods, uint32_t shape);

/* The pod is known from a call only, and is to be forgotten when the watch has not shown it by
 * then; again: by another time. */
void pods_expect(struct pods *pods, struct pod *pod, int64_t until);
/* The watch has shown it. */
void pods_seen(struct pods *pods, struct pod *pod);
/* How many are known from a call only. */
uint32_t pods_expected(const struct pods *pods);

/* When the first pod is to be looked at again; INT64_MAX for never. */
int64_t pods_next_due(const struct pods *pods);
/* Those that are UNCONFIRMED, or known from a call only, until `now` at the latest, in order of
 * arrival; *new*. Each is handed out once: the caller does what is due. */
struct pod **pods_expired(struct pods *pods, int64_t now, uint32_t *count);
struct pod **pods_unseen(struct pods *pods, int64_t now, uint32_t *count);
/* Nobody had the time that was meant: UNCONFIRMED ones go on until `unconfirmed`, and pods are
 * expected until `unseen`, those with a certain binding until `unseen_bound`. */
void pods_prolong(struct pods *pods, int64_t unconfirmed, int64_t unseen, int64_t unseen_bound);

/* Phases: each function names the ones it leads from. */

/* UNPLACED to HELD, on GPUs that gpus_choose() gave; 0: which ones is not known. */
void pods_hold(struct pods *pods, struct pod *pod, uint32_t row, uint64_t gpus);
/* HELD to VOTED, and back: its caller has gone. */
void pods_vote(struct pods *pods, struct pod *pod);
void pods_unvote(struct pods *pods, struct pod *pod);
/* A binding goes out: VOTED to POSTED where it is, UNPLACED or UNCONFIRMED to POSTED on the row.
 * kube-scheduler may think the room of a member free, if only because it was restarted, so until
 * its outcome is known that is guarded like a hold. */
void pods_commit(struct pods *pods, struct pod *pod);
void pods_post(struct pods *pods, struct pod *pod, uint32_t row);
/* The same for one that is ASSUMED or BOUND, and stays it: only the API server knows better. */
void pods_post_again(struct pod *pod);
/* An outcome is known (nothing happens when none is out); the phase does not change yet. */
void pods_answered(struct pod *pod);
/* POSTED to UNCONFIRMED: nobody knows. One that is UNCONFIRMED keeps the earlier time. */
void pods_unconfirm(struct pods *pods, struct pod *pod, int64_t until);
/* POSTED or UNCONFIRMED to ASSUMED; BOUND to ASSUMED: the watch does not show it any more. */
void pods_assume(struct pods *pods, struct pod *pod);
/* UNPLACED to BOUND on the row, POSTED, UNCONFIRMED or ASSUMED to BOUND where it is. */
void pods_bind(struct pods *pods, struct pod *pod, uint32_t row);
/* Back to UNPLACED from anywhere; nothing happens to one that is. */
void pods_release(struct pods *pods, struct pod *pod);

bool pods_placed(const struct pod *pod); /* any but UNPLACED */
bool pods_held(const struct pod *pod);   /* HELD or VOTED */
bool pods_bound(const struct pod *pod);  /* POSTED and beyond */

/* Whether it can be planned and bound: alive, not gated, not refused, without a binding. */
bool pods_pending(const struct pod *pod);

/* Saves the pods and who has a place where, or loads them into an empty table; nodes, shapes and
 * the maps of GPUs are loaded already. None is member of a gang at first. Others name them by
 * pods_checkpoint_pod() until pods_loaded(). */
void pods_checkpoint(struct pods *pods, struct checkpoint *checkpoint);
/* The pod, or NULL; loading sets it. */
void pods_checkpoint_pod(struct pods *pods, struct pod **pod, struct checkpoint *checkpoint);
/* A reference to a shape: saves it, or loads it and takes it. */
void pods_checkpoint_shape(struct pods *pods, uint32_t *shape, struct checkpoint *checkpoint);
void pods_loaded(struct pods *pods);

/* Whether it has its node by a binding that somebody else posted, or by its creator. What it takes
 * there is charged as any pod's; of what gangs have beyond their room it has no part. */
static inline bool pods_is_stranger(const struct pod *pod)
{
    return pods_bound(pod) && !pod->placed_here;
}

/* Counts the pod in the totals and the footprint of its gang, from now on and through all changes,
 * until it is counted out. For gang.c, which says who is a member. */
void pods_count_in(struct pod *pod, struct totals *totals, struct footprint *footprint);
void pods_count_out(struct pod *pod);
/* What it contributes. */
struct totals_share pods_share(const struct pod *pod);

#endif
