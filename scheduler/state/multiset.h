// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_STATE_MULTISET_H
#define SCHEDULER_STATE_MULTISET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers that come and go, each as often as it was added; the greatest is known at any time.
 *
 *   items   { -1 × 1 } { 0 × 63 } { 100 × 1 }      ascending
 *
 * The members of a gang have one priority and one quorum nearly always, so there are few different
 * numbers. Adding and removing cost a search among those; a new one moves those behind it.
 */

struct multiset_item {
    int32_t value;
    uint32_t count; /* >= 1 */
};

/* Embedded; all zero is an empty one. */
struct multiset {
    struct multiset_item *items;
    uint32_t count; /* different numbers */
    size_t room;
};

void multiset_finish(struct multiset *set);
void multiset_add(struct multiset *set, int32_t value);
/* The number must be there. */
void multiset_remove(struct multiset *set, int32_t value);
/* The greatest number, `otherwise` when there is none. */
int32_t multiset_greatest(const struct multiset *set, int32_t otherwise);
int32_t multiset_least(const struct multiset *set, int32_t otherwise);

#endif
