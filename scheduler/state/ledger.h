// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_STATE_LEDGER_H
#define SCHEDULER_STATE_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/state/gpus.h"
#include "scheduler/state/shape.h"
#include "topology/graph/capacity.h"
#include "topology/graph/domains.h"

/* The ledger: who has what of every node. The only writer of free capacity.
 *
 *   allocatable = bound + held + free        per node and resource; free < 0: overbooked by others
 *
 * - bound: pods that run there, or whose binding has been posted.
 * - held: members of planned gangs that are not bound yet.
 *
 * It keeps one capacity view per pod shape in use (how many copies every node and domain can take)
 * up to date: a change of a node costs O(views × levels), not the cluster. A shape may have a
 * second view, of the copies that get good sets of GPUs. Which GPUs are whose is kept in
 * ledger_gpus(); pods.c changes it together with the charges.
 */

#define LEDGER_VIEWS_MAX 64 /* shapes with a live view; the least recently asked for goes first */

struct ledger;

struct ledger *ledger_create(const struct nodes *nodes, const struct domains *domains,
                             const struct shapes *shapes);
void ledger_destroy(struct ledger *ledger);

/* To be told of: a node's allocatable, labels, taints or presence changed; the tree was rebuilt; a
 * shape's id is void. */
void ledger_node_changed(struct ledger *ledger, uint32_t row);
void ledger_tree_changed(struct ledger *ledger);
void ledger_shape_gone(struct ledger *ledger, uint32_t shape);

enum ledger_account { LEDGER_BOUND, LEDGER_HELD };

void ledger_charge(struct ledger *ledger, enum ledger_account which, uint32_t row,
                   const struct resources *amounts);
void ledger_refund(struct ledger *ledger, enum ledger_account which, uint32_t row,
                   const struct resources *amounts);
/* Held becomes bound: free capacity stays what it was. */
void ledger_settle(struct ledger *ledger, uint32_t row, const struct resources *amounts);

/* What is bound on the row may not be real: it is to be guarded like a hold, or is no longer. Free
 * capacity stays what it was. */
void ledger_guard(struct ledger *ledger, uint32_t row);
void ledger_unguard(struct ledger *ledger, uint32_t row);

/* Who has which GPUs. *Borrowed*, as long as the ledger. Change it before the charge or refund that
 * goes with it, or tell ledger_gpus_changed() afterwards. */
struct gpus *ledger_gpus(struct ledger *ledger);
void ledger_gpus_changed(struct ledger *ledger, uint32_t row);

/* *Borrowed*, until the next change. */
const struct resources *ledger_free(const struct ledger *ledger, uint32_t row);
bool ledger_fits(const struct ledger *ledger, uint32_t row, const struct resources *amounts);
bool ledger_has_hold(const struct ledger *ledger, uint32_t row); /* or something guarded */
bool ledger_overbooked(const struct ledger *ledger, uint32_t row);
uint32_t ledger_holds(const struct ledger *ledger); /* rows with a hold */

/* How many of the shape the node would take with `freed` more. */
uint32_t ledger_copies(const struct ledger *ledger, uint32_t shape, uint32_t row,
                       const struct resources *freed);

/* Moves on whenever capacity may have become available somewhere: a gang that did not fit need not
 * be tried again before that. */
uint64_t ledger_releases(const struct ledger *ledger);

/* The capacity view of a shape, current. *Borrowed* until the next call that changes the ledger or
 * asks for more than LEDGER_VIEWS_MAX shapes. */
const struct capacity *ledger_capacity(struct ledger *ledger, uint32_t shape);
/* The same of the copies that would all get good sets of GPUs: 0 on nodes where that is not known.
 * For a shape without GPUs the view is the plain one. */
const struct capacity *ledger_good_capacity(struct ledger *ledger, uint32_t shape);

#endif
