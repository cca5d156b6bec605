// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_STATE_ACCOUNTS_H
#define SCHEDULER_STATE_ACCOUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/state/recent.h"
#include "topology/base/checkpoint.h"
#include "topology/graph/balance.h"
#include "topology/graph/nodes.h"
#include "topology/graph/resources.h"

/* What every node has and who it is for, in amounts: the lowest part of the ledger (ledger.h),
 * which is the only one to write here.
 *
 *   allocatable = bound + held + free        per node and resource; free < 0: overbooked by others
 *
 * Charges on nodes that were not seen yet, or no longer, count as well: there free is negative.
 */

#define ACCOUNTS_COLUMNS_MAX 32
#define ACCOUNTS_SLOTS_MAX   8192 /* of a node, about; more than 256 pods with 32 ports each */

enum ledger_account { LEDGER_BOUND, LEDGER_HELD };

struct accounts;

/* *New*; `nodes` is *borrowed* for its life. */
struct accounts *accounts_create(const struct nodes *nodes);
void accounts_destroy(struct accounts *accounts);

/* A node's allocatable, labels, taints or presence changed. */
void accounts_node_changed(struct accounts *accounts, uint32_t row);
/* Something else of the node did that is of interest to whoever follows accounts_recent(). */
void accounts_touch(struct accounts *accounts, uint32_t row);
/* How often one of the two happened. */
uint64_t accounts_node_changes(const struct accounts *accounts);

void accounts_charge(struct accounts *accounts, enum ledger_account which, uint32_t row,
                     const struct resources *amounts);
void accounts_refund(struct accounts *accounts, enum ledger_account which, uint32_t row,
                     const struct resources *amounts);
/* What one charge held becomes bound. */
void accounts_commit(struct accounts *accounts, uint32_t row);
/* One guard more, or less, counted like a hold. */
void accounts_guard(struct accounts *accounts, uint32_t row);
void accounts_unguard(struct accounts *accounts, uint32_t row);

/* Whether the account is that of so much taken, and of so many holds and guards. */
bool accounts_agree(const struct accounts *accounts, uint32_t row, const struct balance *taken,
                    uint32_t holds);
/* Makes it that. */
void accounts_correct(struct accounts *accounts, uint32_t row, const struct balance *taken,
                      uint32_t holds);

/* *Borrowed*, until the next change. */
const struct resources *accounts_free(const struct accounts *accounts, uint32_t row);
/* What would be, were so much given back. */
void accounts_free_with(const struct accounts *accounts, uint32_t row, const struct balance *given,
                        struct resources *free);
/* Of one resource on all nodes that are present; saturates. */
int64_t accounts_total_free(const struct accounts *accounts, uint32_t resource);
bool accounts_has_hold(const struct accounts *accounts, uint32_t row);
uint32_t accounts_holds(const struct accounts *accounts); /* rows with a hold */

/* The same of one resource, row by row: for whoever looks at all nodes that are present, for those
 * vectors lie all over the memory. *Borrowed*, until the next change. */
struct accounts_column {
    const int64_t *free; /* resources_get() of it */
    const uint32_t *has; /* bit `bit`: whether the node's allocatable does; of all columns */
    uint32_t bit;
};
/* False where there is none: of slots, of what no node has, and of all resources but the first
 * ACCOUNTS_COLUMNS_MAX that some node had. */
bool accounts_column(const struct accounts *accounts, uint32_t resource,
                     struct accounts_column *column);
/* Whether that is because no node has it. */
bool accounts_nobody_has(const struct accounts *accounts, uint32_t resource);
/* Whether so many slots are taken there that no more should be charged: of a name that is no node
 * there may be any number, and each costs a look at all others. */
bool accounts_slots_full(const struct accounts *accounts, uint32_t row);
/* By row: whether somebody takes a slot there. *Borrowed*, until the next change. */
const bool *accounts_slots_taken(const struct accounts *accounts);

/* Rows by their last change of what is free, or may run, there. *Borrowed*. */
const struct recent *accounts_recent(const struct accounts *accounts);
/* Rows whose node changed itself, and not only what is free on it. *Borrowed*. */
const struct recent *accounts_recent_nodes(const struct accounts *accounts);

/* Moves on when more of one of the `amounts` became free on some node, and is free there now. */
uint64_t accounts_released(const struct accounts *accounts, const struct resources *amounts);
/* The same without there being more: something else may make another choice possible. */
void accounts_note_release(struct accounts *accounts, uint32_t resource);

/* Forgets in which order rows changed, for nobody has worked out anything from them: all nodes that
 * are present just did, in order of rows. */
void accounts_forget(struct accounts *accounts);
/* Saves which resources have columns, or loads that where there is no account yet; the nodes are
 * loaded already, and counted then. Charges are their owners' to load. */
void accounts_checkpoint(struct accounts *accounts, struct checkpoint *checkpoint);

#endif
