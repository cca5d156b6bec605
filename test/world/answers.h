// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_WORLD_ANSWERS_H
#define TEST_WORLD_ANSWERS_H

#include <stdbool.h>
#include <stdint.h>

#include "test/world/judge.h"
#include "test/world/server.h"

/* What the API server answers to a request of a Phalanx, as the real one would: pages with
 * `continue`, 410, preconditions, conflicts, and their messages where somebody reads them. */

struct answer {
    int status;
    char *body;    /* *new*, NULL for a watch */
    bool is_watch; /* `watch` says which; who asked puts in where it goes to */
    struct watch watch;
};

/* `from` is for the judge. */
void answer_request(struct server *server, struct sender from, const char *method,
                    const char *target, const char *body, struct answer *answer);

/* *New* Status. */
char *answer_status_body(int status, const char *message);

#endif
