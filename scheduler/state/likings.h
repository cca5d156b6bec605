// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_STATE_LIKINGS_H
#define SCHEDULER_STATE_LIKINGS_H

#include <stddef.h>
#include <stdint.h>

#include "scheduler/state/node_index.h"
#include "scheduler/state/shape.h"

/* How much pods of a shape like each node: the weights of the preferred terms of node affinity that
 * match it. Worked out by looking up the terms (node_index.h), kept while it is asked for, and
 * brought up to date when nodes changed.
 */

#define LIKINGS_KEPT_MAX 32 /* shapes, those asked for last; more than a problem has roles */

struct likings;

/* *New*; all are *borrowed* for its life. `recent`: rows whose node changed. */
struct likings *likings_create(const struct shapes *shapes, struct node_index *index,
                               const struct recent *recent);
void likings_destroy(struct likings *likings);

/* By row, `rows` of them; none behind them is liked. NULL: pods of the shape like all nodes alike.
 * *Borrowed*, until the next call. */
const uint32_t *likings_get(struct likings *likings, uint32_t shape, size_t *rows);
void likings_shape_gone(struct likings *likings, uint32_t shape);

/* Rows looked at so far, beside the steps of the index. */
uint64_t likings_work(const struct likings *likings);

#endif
