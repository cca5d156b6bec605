// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_STATE_RESIDENTS_H
#define SCHEDULER_STATE_RESIDENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/state/pod.h"
#include "topology/base/names.h"

/* Who has a place on which node: the part of the pod table (pods.h) that is asked by node.
 *
 *   rows      [ n0: pod ⇄ pod ⇄ pod ]  [ n1: pod ] …       in the order in which they got it
 *   missing   "n7": pod ⇄ pod   …                          nodes that nobody has shown, by name
 *
 * Whoever may create pods may say that they run on any name. Such a name takes nothing of the node
 * table: it is remembered here as long as a pod says it, and until the node is shown.
 */

#define RESIDENTS_MISSING_MAX (1u << 22) /* names of nodes that nobody has shown */

struct residents_list {
    struct pod *first;
    struct pod *last;
    uint32_t members; /* of gangs */
};

/* Embedded. */
struct residents {
    struct residents_list *rows;
    size_t room;
    struct names *names; /* of nodes that nobody has shown; one reference for each pod */
    struct residents_list *missing;
    size_t missing_room;
};

void residents_init(struct residents *residents, uint64_t hash_seed);
void residents_finish(struct residents *residents);

/* On its allocation_row. */
void residents_enter(struct residents *residents, struct pod *pod);
void residents_leave(struct residents *residents, struct pod *pod);
/* One that is there becomes a member of a gang, or is none any more. */
void residents_turn_member(struct residents *residents, const struct pod *pod, bool member);

struct pod *residents_on(const struct residents *residents, uint32_t row);
uint32_t residents_members(const struct residents *residents, uint32_t row);

/* The pod says that it runs on a node of that name, which nobody has shown. False, and nothing is
 * remembered, when the name is too long or there are too many. */
bool residents_miss(struct residents *residents, struct pod *pod, const char *node);
/* It does not any more; nothing happens to one that did not. */
void residents_find(struct residents *residents, struct pod *pod);
/* The first of those who say so, or NULL. */
struct pod *residents_missing(const struct residents *residents, const char *node);
/* The node that the pod misses, or NULL. *Borrowed*, as long as it does. */
const char *residents_missed(const struct residents *residents, const struct pod *pod);

#endif
