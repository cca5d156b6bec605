// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/tree.h"

#include <stdbool.h>

#include "topology/graph/moves.h"

/* The tree follows the node table at its own time: many nodes change at once when a process starts,
 * and nobody looks at the tree before something is planned.
 *
 * All marked rows leave the tree before the first of them comes back, because whoever is in it has
 * to carry the labels with which it came. A row that comes is a change of the node for the ledger,
 * once more: what it counted while the row had no place was nothing.
 */

void tree_init(struct tree *tree, struct nodes *nodes, struct domains *domains,
               struct ledger *ledger)
{
    *tree = (struct tree){.nodes = nodes, .domains = domains, .ledger = ledger};
}

void tree_mark(struct tree *tree, uint32_t row)
{
    uint32_t i = 0;
    while (i < tree->count && i < TREE_ROWS_MAX && tree->rows[i] != row) {
        i++;
    }
    if (i < tree->count) { /* known, or too many */
        return;
    }
    if (i < TREE_ROWS_MAX) {
        tree->rows[i] = row;
    }
    tree->count++;
}

static bool move_rows(struct tree *tree)
{
    if (tree->count > TREE_ROWS_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < tree->count; i++) {
        if (!moves_remove(tree->domains, tree->rows[i])) {
            return false;
        }
    }
    for (uint32_t i = 0; i < tree->count; i++) {
        if (nodes_get(tree->nodes, tree->rows[i])->present &&
            !moves_insert(tree->domains, tree->rows[i])) {
            return false;
        }
    }
    return true;
}

void tree_update(struct tree *tree)
{
    if (tree->count == 0) {
        return;
    }
    if (move_rows(tree)) {
        for (uint32_t i = 0; i < tree->count; i++) {
            ledger_node_changed(tree->ledger, tree->rows[i]);
        }
    } else {
        domains_build(tree->domains, tree->nodes);
        ledger_tree_changed(tree->ledger);
    }
    tree->count = 0;
}
