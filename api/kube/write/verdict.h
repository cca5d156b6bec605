// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_WRITE_VERDICT_H
#define API_KUBE_WRITE_VERDICT_H

#include <stddef.h>

#include "api/kube/write/write.h"
#include "topology/base/err.h"

/* What an answer of the API server means for a write. The first four are those of enum
 * write_outcome in scheduler/event.h; the other two say what to do next. */

enum verdict {
    VERDICT_DONE,
    VERDICT_GONE,    /* the pod no longer exists, is being deleted, or is another one */
    VERDICT_REFUSED, /* final */
    VERDICT_UNKNOWN, /* it cannot be told */
    VERDICT_RETRY,   /* the server could not, just now */
    VERDICT_LOOK,    /* a binding was refused for a reason that only the pod itself can tell */
};

/* Of the answer to a write. `why` is for people, filled unless done. */
enum verdict verdict_of_write(const struct write *write, int status, const char *body,
                              size_t length, struct err *why);

/* Of the answer to a GET of the pod, after a binding whose outcome is not known. An unbound
 * pod is UNKNOWN: the lost request may still be on its way. */
enum verdict verdict_of_pod(const struct write *write, int status, const char *body, size_t length,
                            struct err *why);

#endif
