// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_JOURNALS_DEBTS_H
#define TEST_JOURNALS_DEBTS_H

#include "test/journals/difference.h"

/* Writes that only one of the two engines has asked for so far. An engine that puts work off to a
 * tick asks for the same a moment later, or earlier than one that waits for another event.
 */

struct debt {
    enum effect_type type;
    bool today; /* the engine of today has it, the recorded one has not */
    int64_t at;
    char *uid;
    char *node; /* NULL: a cleared nomination */
};

struct debts {
    struct debt *items;
    size_t count, room;
};

/* Zeroed debts. */
void debts_finish(struct debts *debts);
/* What both sides ask for in this step: pays what the other one had before, the rest is owed. The
 * longest time that anything paid was owed for, -1 when nothing was. */
int64_t debts_step(struct debts *debts, int64_t now, const struct side *recorded,
                   const struct side *today);
/* Since when the oldest is owed; INT64_MAX: there is none. */
int64_t debts_since(const struct debts *debts);

#endif
