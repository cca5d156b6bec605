// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_STATE_VIEWS_H
#define SCHEDULER_STATE_VIEWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scheduler/state/accounts.h"
#include "scheduler/state/gpus.h"
#include "scheduler/state/masks.h"
#include "scheduler/state/shape.h"
#include "topology/graph/capacity.h"
#include "topology/graph/domains.h"

/* How many copies of a shape every node and domain can take: a part of the ledger (ledger.h).
 *
 *   shape a: 8 GPUs, tolerates x ──┐
 *   shape b: 8 GPUs, tolerates y ──┴─▶ view {8 GPUs, the same nodes let in} ─▶ capacity
 *   shape c: 4 GPUs              ────▶ view …
 *
 * A view is lazy: a change of a node costs nothing until somebody asks, then what changed since is
 * made up for, row by row. Shapes that request the same share one while their rules let in the same
 * nodes. The number of views is bounded by memory; those not asked for the longest go first and are
 * made anew when they are asked for, which costs a look at every node.
 */

#define VIEWS_BYTES_MAX ((size_t)256 << 20) /* of capacities, all together */
#define VIEWS_LEAST     32                  /* so many stay, whatever they need */

struct views;

/* *New*; everything is *borrowed* for its life. */
struct views *views_create(const struct domains *domains, const struct shapes *shapes,
                           const struct accounts *accounts, const struct gpus *gpus);
void views_destroy(struct views *views);

/* To be called after it changed. */
void views_tree_changed(struct views *views);
void views_shape_gone(struct views *views, uint32_t shape);

/* See ledger.h. `good`: only copies that get good sets of GPUs. */
const struct capacity *views_capacity(struct views *views, uint32_t shape, bool good);
uint64_t views_raised(struct views *views, uint32_t shape, bool good);
uint64_t views_best(struct views *views, uint32_t shape, bool good, uint32_t level);
struct mask_refusals views_refusals(struct views *views, uint32_t shape);
/* How much pods of the shape like each node, by row; NULL: all alike (likings.h). */
const uint32_t *views_likings(struct views *views, uint32_t shape, size_t *rows);

uint64_t views_work(const struct views *views);

/* Another bound than VIEWS_BYTES_MAX, from the next view on. For tests. */
void views_limit(struct views *views, size_t bytes);
uint32_t views_count(const struct views *views);

#endif
