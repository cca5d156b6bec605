// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_WATCH_ANSWER_H
#define API_KUBE_WATCH_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/kube/objects/batch.h"
#include "api/kube/watch/items.h"
#include "api/kube/watch/splitter.h"
#include "topology/base/err.h"

/* One answer of the API server to a list or a watch, while it comes in: what it says of objects
 * goes to the items, what it says of itself is kept here. What follows from it, others judge.
 */

#define ANSWER_BODY_MAX 4096 /* bytes kept of one that is no list and no watch */

struct answer {
    struct items *items; /* *borrowed* */
    int status;          /* 0: none yet */
    int64_t retry_after_ms;
    int64_t started;
    int64_t last_byte;
    uint64_t lines;
    char *version;      /* resourceVersion of the last line that had one, "" before; of the list */
    char *resume;       /* of the next page of the list, "" for none */
    bool initial_end;   /* a line said that all objects have been shown */
    bool bookmarked;    /* a line was a bookmark that did not say so */
    bool expired;       /* a line said 410, … */
    bool failed;        /* … or another error, … */
    struct err problem; /* … in these words */
    char body[ANSWER_BODY_MAX];
    size_t body_length;
    struct splitter *splitter;
    struct kube_batch *batch; /* while data is handed in */
    int64_t now;              /* when */
};

void answer_init(struct answer *answer, struct items *items);
void answer_finish(struct answer *answer);

/* A request has been sent. */
void answer_begin(struct answer *answer, int64_t now);
/* Its status. `watch`: lines come, else a list. */
void answer_status(struct answer *answer, int64_t now, bool watch, int status,
                   int64_t retry_after_ms);
/* Part of the body. -1: it makes no sense, end the request. */
int answer_data(struct answer *answer, int64_t now, const char *bytes, size_t length,
                struct kube_batch *batch, struct err *err);
/* The request is over: what the answer says of a list is known. -1: it is no whole list. */
int answer_end(struct answer *answer, struct err *err);

#endif
