// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_STATE_NODE_INDEX_H
#define SCHEDULER_STATE_NODE_INDEX_H

#include <stdint.h>

#include "scheduler/state/recent.h"
#include "topology/graph/nodes.h"

/* Which nodes carry which label, so that a long node affinity costs its own length and not its
 * length times the nodes.
 *
 *   rack = r1   ▶ rows 0 1 2          { rack In [r1, r7] }     0 1 2   ∪ nobody
 *   rack = r2   ▶ rows 3 4          ∧ { disk Exists }          0 2 4
 *   disk = ssd  ▶ rows 0 2 4        = the nodes of the term    0 2
 *
 * Terms are in the words of admission.h. Sets are bits by row.
 */

struct node_index;

/* *New*; both are *borrowed* for its life. `recent`: rows whose labels may have changed. Nothing is
 * indexed before the first question. */
struct node_index *node_index_create(const struct nodes *nodes, const struct recent *recent);
void node_index_destroy(struct node_index *index);

/* Words of 64 bits that a set of rows has now. */
uint32_t node_index_words(const struct node_index *index);

/* The nodes that the term matches which starts at *word; *word is behind it then. *Borrowed*, until
 * the next call. Rows that no node has are of no meaning. */
const uint64_t *node_index_term(struct node_index *index, const uint32_t **word);

/* Steps taken so far, each a few nanoseconds, as the solver's are (solver.h). */
uint64_t node_index_work(const struct node_index *index);

#endif
