// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_STATE_MASKS_H
#define SCHEDULER_STATE_MASKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scheduler/state/node_index.h"
#include "scheduler/state/recent.h"
#include "scheduler/state/shape.h"

/* Which nodes the rules of admission let in, worked out once per set of rules and not once per
 * shape and question.
 *
 *   rules {tolerates gpu}          mask  1 1 1 0 1 1      by row, version 12
 *   rules {tolerates everything}   mask  1 1 1 1 1 1                       7
 *
 * Rules with long terms are looked up label by label (node_index.h), not node by node: a mask of
 * them costs what is written in them, and is made anew when more than a few nodes changed.
 *
 * A mask is brought up to date when it is asked for; its version moves when it then differs from
 * what it was. Two sets of rules that let in the same nodes have equal masks: whoever works
 * something out per mask can share it.
 */

struct mask; /* counted by reference */
struct masks;

#define MASKS_LONG_TERMS 64 /* words; longer terms are looked up */
#define MASKS_FEW_ROWS   16 /* … unless no more rows changed */

/* *New*; `recent` tells of which rows the node changed, nodes not seen yet are not let in. Both are
 * *borrowed* for its life. */
struct masks *masks_create(const struct shapes *shapes, const struct recent *recent);
/* All masks must have been released. */
void masks_destroy(struct masks *masks);

/* The mask of the shape's rules, one reference more. */
struct mask *masks_acquire(struct masks *masks, uint32_t shape);
/* One reference less: while there is one, a shape with the rules must exist. */
void masks_release(struct masks *masks, struct mask *mask);

/* Brings it up to date, which costs the rows that changed since, or all of them at first. Returns
 * its version. */
uint64_t masks_update(struct masks *masks, struct mask *mask);
/* As of the last update. */
bool masks_admits(const struct mask *mask, uint32_t row);
bool masks_equal(const struct mask *a, const struct mask *b);

/* Why the rules do not let in a node, by row, for whoever says so of all nodes at once.
 *
 *   codes    MASK_ASK: ask the rules (shapes_rules_refusal()) · MASK_KINDS + an admission_refusal ·
 *            MASK_TAINTS + i: tainted with taints[i]
 */
#define MASK_ASK    0u
#define MASK_KINDS  1u
#define MASK_TAINTS 8u

struct mask_refusals {
    const uint8_t *codes;
    size_t rows; /* none is known of what lies behind */
    const uint32_t *taints;
};

#define MASKS_REFUSALS_MAX 64 /* masks whose refusals are kept, those asked for last */

/* Current; *borrowed*, until the next call. Costs the rows that changed since, or all at first. */
struct mask_refusals masks_refusals(struct masks *masks, struct mask *mask);

/* The index behind long terms; *borrowed*. */
struct node_index *masks_index(struct masks *masks);

/* Rows looked at so far and steps of the index, for the account of work. */
uint64_t masks_work(const struct masks *masks);

#endif
