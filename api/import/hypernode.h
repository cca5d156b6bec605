// SPDX-License-Identifier: Apache-2.0
#ifndef API_IMPORT_HYPERNODE_H
#define API_IMPORT_HYPERNODE_H

#include <jansson.h>
#include <stdbool.h>

#include "api/import/overlay.h"
#include "topology/base/err.h"

/* Volcano's HyperNodes (volcano pkg/apis/topology/v1alpha1, pkg/scheduler/api/hyper_node_info.go):
 *
 *   apiVersion: topology.volcano.sh/v1alpha1
 *   kind: HyperNode
 *   metadata: {name: s0}
 *   spec:
 *     tier: 1                          # lower is closer
 *     tierName: leaf                   # optional
 *     members:
 *     - {type: Node, selector: {exactMatch: {name: node0}}}
 *     - {type: Node, selector: {regexMatch: {pattern: "^node-0[1-4]$"}}}
 *     - {type: Node, selector: {labelMatch: {matchLabels: {rack: r1}}}}
 *     - {type: HyperNode, selector: {exactMatch: {name: s1}}}      # or regexMatch
 *
 * Each tier in use is a level, the highest the widest, called by its tierName or "tier-<number>".
 *
 * - Tier jumps: a hypernode right inside one more than a tier above, or inside none, stands for
 *   itself on the tiers between (overlay.h). A node right inside a hypernode that is not of the
 *   lowest tier lacks the labels of the tiers below.
 * - Errors by name: a cycle, a hypernode in two others, a member hypernode that does not exist or
 *   is of the same or a higher tier, a node in two hypernodes neither of which lies in the other
 *   (where a regexMatch or labelMatch is to blame: when the node is seen), two names for one tier,
 *   one name for two tiers, more than one selector on a member, or none.
 * - No error: members that are nodes which do not exist, and nodes that no hypernode holds; both
 *   are in overlay_report().
 * - regexMatch of a HyperNode member is taken as what it says; Volcano itself ignores it.
 */

#define HYPERNODE_MEMBERS_MAX 100000

bool hypernode_is(const json_t *object);

/* *New*, finished overlay of an array of HyperNodes. */
int hypernode_load(const json_t *objects, struct overlay **overlay, struct err *err);

#endif
