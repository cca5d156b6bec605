// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_WORLD_JUDGE_H
#define TEST_WORLD_JUDGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "test/world/world.h"

/* What must hold, judged from outside: by what the API server stores, what is sent to it and what
 * kube-schedulers call. It knows nothing of the code, only what is promised:
 *
 *   (quorum)   a member is bound only when as many as the gang needs are bound or have asked
 *   (booking)  no node has more pods than it takes
 *   (told)     who is told that a pod is bound, finds it bound
 *   (look)     who is told that it is not, is not told so of a binding that took place, unless the
 *              pod was looked at before
 *   (asked)    nothing is bound without a bind call for it
 *   (leaders)  who writes holds the Lease
 *   (lease)    nobody takes a Lease that has not run out or been given
 *   (behind)   nor does who has heard nothing of nodes or of pods for longer than bookmarks take
 *   (given)    nobody gives it away while one of its Bindings is on its way
 *   (hold)     a bind call is answered before kube-scheduler gives up
 *   (alive)    in the end, every job that fits has run
 *   (left)     in the end, nobody carries a nomination
 *
 * Excused is what docs/degraded.md and api/kube/lease/lease.c say cannot be helped: a binding that
 * lands after the term in which it was sent or the life of who sent it, and what follows from an
 * etcd that was set back.
 */

struct judge;

struct judge *judge_create(struct world *world);
void judge_destroy(struct judge *judge);

void judge_call_begins(struct judge *judge, int phalanx, uint64_t call, const char *uid);
void judge_call_ends(struct judge *judge, uint64_t call);
/* It was not answered within 60 s. */
void judge_call_waited(struct judge *judge, uint64_t call);

/* Who sent a request, in which of its lives, and in which term of whoever led. */
struct sender {
    int phalanx;
    uint64_t life;
    uint64_t term;
    int64_t at;
    int64_t heard; /* of nodes and pods by then, the older of the two; -1: never */
};

/* Phalanx `from` sends a request. */
struct sender judge_sends(struct judge *judge, int from, const char *method, const char *target);
/* A Binding is about to be stored. */
void judge_binds(struct judge *judge, struct sender from, const json_t *pod, const char *node);
/* A Lease is about to be stored; `before` NULL: a new one. */
void judge_lease(struct judge *judge, struct sender from, const json_t *before,
                 const json_t *after);
/* A bind call is answered: NULL, it is bound. */
void judge_answer(struct judge *judge, int phalanx, const json_t *pod, const char *node,
                  const char *error);

/* Somebody bound a pod behind everybody's back: nodes may have too many from now on. */
void judge_forgives(struct judge *judge);

void judge_end(struct judge *judge);

uint64_t judge_bindings(const struct judge *judge);

#endif
