// SPDX-License-Identifier: Apache-2.0
#ifndef API_EXTENDER_REPLY_H
#define API_EXTENDER_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/extender/args.h"

/* The answers, as Go decodes them: exact member names, integers for scores, never `null` where
 * kube-scheduler would dereference it. Each returns a *new* text and its length.
 *
 * A filter answer takes the form of the request: NodeNames for names, Nodes for objects. Names are
 * given once even when the request repeats them. Nodes that fail are explained in
 * FailedAndUnresolvableNodes: evicting pods does not help a gang that waits. Above
 * EXTENDER_EXPLAINED_MAX failing nodes only the first ones are explained (the rest is merely
 * absent, which kube-scheduler treats alike), because Go pays milliseconds for maps of thousands.
 */

#define EXTENDER_EXPLAINED_MAX 1000

/* `passes[i]` for node i of args; NULL: all pass. `reason` explains the rest; NULL: silently
 * absent. */
char *extender_filter_reply(const struct extender_args *args, const bool *passes,
                            const char *reason, size_t *length);
/* Only node `index`. */
char *extender_filter_reply_one(const struct extender_args *args, size_t index, size_t *length);
char *extender_filter_reply_error(const char *error, size_t *length);

/* Node `index` scores 10, the others are left out (0); SIZE_MAX: an empty list. */
char *extender_prioritize_reply(const struct extender_args *args, size_t index, size_t *length);

char *extender_bind_reply(const char *error, size_t *length); /* NULL = bound */

/* `keeps[i]` for candidate i; NULL keeps all. Candidates without victims are dropped: before 1.38
 * kube-scheduler fails the whole call on one. */
char *extender_preemption_reply(const struct extender_preemption_args *args, const bool *keeps,
                                size_t *length);

#endif
