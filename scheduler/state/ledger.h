// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_STATE_LEDGER_H
#define SCHEDULER_STATE_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/state/accounts.h"
#include "scheduler/state/gpus.h"
#include "scheduler/state/shape.h"
#include "scheduler/state/views.h"
#include "topology/graph/capacity.h"
#include "topology/graph/domains.h"

/* The ledger: who has what of every node. The only writer of free capacity.
 *
 *   allocatable = bound + held + free        per node and resource; free < 0: overbooked by others
 *
 * - bound: pods that run there, or whose binding has been posted.
 * - held: members of planned gangs that are not bound yet.
 *
 *   accounts   amounts by node
 *   gpus       which GPUs are whose; pods.c changes it together with the charges
 *   views      what that means for the shapes of pods that are asked about
 *
 * A charge costs the same whatever is waiting: how many copies of a shape every node and domain can
 * take is made current when somebody asks (views.h). A shape may have a second view, of the copies
 * that get good sets of GPUs.
 */

struct ledger;

struct ledger *ledger_create(const struct nodes *nodes, const struct domains *domains,
                             const struct shapes *shapes);
void ledger_destroy(struct ledger *ledger);

/* To be called when: a node's allocatable, labels, taints or presence changed; the tree was
 * rebuilt; a shape's id is void. */
void ledger_node_changed(struct ledger *ledger, uint32_t row);
void ledger_tree_changed(struct ledger *ledger);
void ledger_shape_gone(struct ledger *ledger, uint32_t shape);

void ledger_charge(struct ledger *ledger, enum ledger_account which, uint32_t row,
                   const struct resources *amounts);
void ledger_refund(struct ledger *ledger, enum ledger_account which, uint32_t row,
                   const struct resources *amounts);
/* What one charge held becomes bound: free capacity stays what it was. */
void ledger_commit(struct ledger *ledger, uint32_t row);

/* What is bound on the row may not be real: it is to be guarded like a hold, or is no longer. Free
 * capacity stays what it was. */
void ledger_guard(struct ledger *ledger, uint32_t row);
void ledger_unguard(struct ledger *ledger, uint32_t row);

/* The self-check (engine/audit.h): whether so much is taken of the node, with so many holds and
 * guards, and what is free follows from it; and the same put right. */
bool ledger_agrees(const struct ledger *ledger, uint32_t row, const struct balance *taken,
                   uint32_t holds);
void ledger_correct(struct ledger *ledger, uint32_t row, const struct balance *taken,
                    uint32_t holds);

/* Who has which GPUs. *Borrowed*, as long as the ledger. Change it before the charge or refund that
 * goes with it, or tell ledger_gpus_changed() afterwards. */
struct gpus *ledger_gpus(struct ledger *ledger);
void ledger_gpus_changed(struct ledger *ledger, uint32_t row);

/* *Borrowed*, until the next change. */
const struct resources *ledger_free(const struct ledger *ledger, uint32_t row);
/* What would be, were so much given back. */
void ledger_free_with(const struct ledger *ledger, uint32_t row, const struct balance *given,
                      struct resources *free);
/* Of one resource on all nodes that are present; saturates. */
int64_t ledger_total_free(const struct ledger *ledger, uint32_t resource);
bool ledger_fits(const struct ledger *ledger, uint32_t row, const struct resources *amounts);
bool ledger_has_hold(const struct ledger *ledger, uint32_t row); /* or something guarded */
bool ledger_overbooked(const struct ledger *ledger, uint32_t row);
uint32_t ledger_holds(const struct ledger *ledger); /* rows with a hold */

/* How many of the shape the node would take with `freed` more (NULL: nothing). */
uint32_t ledger_copies(const struct ledger *ledger, uint32_t shape, uint32_t row,
                       const struct balance *freed);

/* Moves on whenever capacity may have become available somewhere: a gang that did not fit need not
 * be tried again before that. */
uint64_t ledger_releases(const struct ledger *ledger);

/* Moves on when more of one of the `amounts` became free on some node and is free there now, or
 * other sets of GPUs: what several shapes compete for may be enough then although copies of none of
 * them rose. The sum of counters, one for each resource. */
uint64_t ledger_released(const struct ledger *ledger, const struct resources *amounts);

/* The capacity view of a shape, current. *Borrowed* until the next call that changes the ledger or
 * asks for more than VIEWS_LEAST shapes. */
const struct capacity *ledger_capacity(struct ledger *ledger, uint32_t shape);
/* The same of the copies that would all get good sets of GPUs: 0 on nodes where that is not known.
 * For a shape without GPUs the view is the plain one. */
const struct capacity *ledger_good_capacity(struct ledger *ledger, uint32_t shape);

/* Grows when copies of the shape rose on some node since this was last asked, whatever fell
 * elsewhere, or when the tree was rebuilt; may also grow when they only could have, for a shape
 * that nobody planned with for long. A gang of one shape that did not fit need not be tried again
 * before that; one of several shapes waits for this and for ledger_released(). */
uint64_t ledger_raised(struct ledger *ledger, uint32_t shape);
uint64_t ledger_good_raised(struct ledger *ledger, uint32_t shape);

/* The most copies of the shape that one known domain of the tree level can take (0 = cluster; host:
 * one node, whatever is known of it). */
uint64_t ledger_best(struct ledger *ledger, uint32_t shape, uint32_t level);
uint64_t ledger_good_best(struct ledger *ledger, uint32_t shape, uint32_t level);

/* Why the rules of the shape do not let in nodes, see masks.h. *Borrowed*, until the next question.
 */
struct mask_refusals ledger_refusals(struct ledger *ledger, uint32_t shape);
/* What is free of one resource, row by row, see accounts.h. *Borrowed*, until the next change. */
bool ledger_column(const struct ledger *ledger, uint32_t resource, struct accounts_column *column);
bool ledger_nobody_has(const struct ledger *ledger, uint32_t resource);
bool ledger_slots_full(const struct ledger *ledger, uint32_t row);
const bool *ledger_slots_taken(const struct ledger *ledger);

/* Forgets all that was worked out from the accounts: views, masks, which rows changed. What is
 * asked next is worked out anew, and every shape counts as one that was never asked about. */
void ledger_forget(struct ledger *ledger);
/* Saves what does not follow from nodes and pods, or loads it into a ledger without charges, when
 * the nodes are loaded; ledger_loaded() when all charges are. */
void ledger_checkpoint(struct ledger *ledger, struct names *words, uint32_t rows,
                       struct checkpoint *checkpoint);
void ledger_loaded(struct ledger *ledger, struct checkpoint *checkpoint);

/* Nodes looked at for views and questions so far: what asking cost. */
/* Moves on with every change of what is free anywhere. */
uint64_t ledger_changes(const struct ledger *ledger);

/* How much pods of the shape like each node, by row, as far as `rows`; NULL: all alike. *Borrowed*,
 * until the next call. */
const uint32_t *ledger_likings(struct ledger *ledger, uint32_t shape, size_t *rows);

uint64_t ledger_work(const struct ledger *ledger);

/* *Borrowed*, for tests. */
struct views *ledger_views(struct ledger *ledger);

#endif
