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
 * Positions behind the node move by one. A node that opens domains, or closes them, gives those
 * behind it other numbers. The result is that of domains_build(), bit for bit. The time is that of
 * walking over all positions and domains once, which is a small part of building.
 *
 * It has to be built anew
 * - when a node brings the first label of a level, or goes with the last one;
 * - where labels lie below missing ones, unless another node carries the same labels of all levels,
 *   missing ones included, and by the same keys: anchors depend on all who carry a label. A node
 *   that is alone in spite of such a label (paths.h: one that was cut) has no equal in that sense.
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
