// SPDX-License-Identifier: Apache-2.0
#ifndef TOPOLOGY_GRAPH_MOVES_H
#define TOPOLOGY_GRAPH_MOVES_H

#include <stdbool.h>
#include <stdint.h>

#include "topology/graph/domains.h"

/* Nodes that come and go without the tree (domains.h) being built anew.
 *
 *   position   0    1    2    3    4             0    1    2    3    4    5
 *   nodes      n1   n2   n5   n6   n7    ──▶     n1   n2   n4   n5   n6   n7    n4 comes: r2
 *   rack       [  r1  )  [     r2     )          [  r1  )  [       r2        )
 *
 * That is enough when another node of the tree carries the same labels of all levels, by the same
 * keys, missing ones included: then it does not depend on the node which levels and known domains
 * there are, and which labels are anchors. Positions behind it move by one. A node that is alone in
 * its unknown domains brings them, or takes them along, and the domains behind them get other
 * numbers. The result is that of domains_build(), bit for bit. The time is that of walking over all
 * positions and domains once, which is a small part of building.
 *
 * The one exception: a node that is alone in spite of a label that others carry elsewhere
 * (paths.h: one that was cut) is a matter for domains_build().
 */

/* The present node of the row is not in the tree yet, or not any more. All nodes that are in it
 * have to carry the labels with which they came; one whose labels changed, as NODE_PLACE tells, or
 * that is gone, is removed before. False, and nothing happens, when the tree has to be built anew.
 */
bool moves_insert(struct domains *domains, uint32_t row);

/* The node of the row leaves the tree, whatever its labels are by now; nothing happens to a row
 * that is not in it. False, and nothing happens, when the tree has to be built anew. */
bool moves_remove(struct domains *domains, uint32_t row);

#endif
