// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_STATE_TREE_H
#define SCHEDULER_STATE_TREE_H

#include <stdint.h>

#include "scheduler/state/ledger.h"
#include "topology/graph/domains.h"
#include "topology/graph/nodes.h"

/* Keeps the domain tree that of the present nodes.
 *
 *   observe ──▶ rows that came, went, or stand elsewhere ──before the next plan──▶ tree and ledger
 *
 * A few rows are moved one by one, which costs a small part of building the tree and leaves the
 * views of the ledger alive; when one of them cannot be (moves.h), or there are many, the tree is
 * built.
 */

#define TREE_ROWS_MAX 64 /* rows that are moved one by one */

/* Embedded. Members are read only. */
struct tree {
    struct nodes *nodes;
    struct domains *domains;
    struct ledger *ledger;
    uint32_t count; /* marked rows; TREE_ROWS_MAX + 1: more than are kept */
    uint32_t rows[TREE_ROWS_MAX];
};

/* All three are *borrowed* for its life. */
void tree_init(struct tree *tree, struct nodes *nodes, struct domains *domains,
               struct ledger *ledger);

/* The row's node came or went, or nodes_observe() said NODE_PLACE of it. */
void tree_mark(struct tree *tree, uint32_t row);

/* Makes up for what was marked, and tells the ledger. */
void tree_update(struct tree *tree);

#endif
