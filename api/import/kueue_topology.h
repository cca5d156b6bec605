// SPDX-License-Identifier: Apache-2.0
#ifndef API_IMPORT_KUEUE_TOPOLOGY_H
#define API_IMPORT_KUEUE_TOPOLOGY_H

#include <jansson.h>
#include <stdbool.h>

#include "api/import/overlay.h"
#include "topology/base/err.h"

/* Kueue's Topology (kueue apis/kueue/v1beta2/topology_types.go; v1alpha1 and v1beta1 alike):
 *
 *   apiVersion: kueue.x-k8s.io/v1beta2
 *   kind: Topology
 *   metadata: {name: default}
 *   spec:
 *     levels:                                          # widest first, 1 to 8
 *     - nodeLabel: cloud.google.com/gce-topology-block
 *     - nodeLabel: kubernetes.io/hostname              # only as the last one
 *
 * The levels are those of the object, with the very label keys that the nodes carry: no label is
 * added to any node. A level's name is the last part of its key, with "-2", "-3", … where that is
 * taken ("host" and "cluster" are).
 */

#define KUEUE_LEVELS_MAX 8

bool kueue_topology_is(const json_t *object);

/* *New*, finished overlay from one Topology, or several (an array) that list the same keys. Others
 * contradict each other, which is an error that names two of them. */
int kueue_topology_load(const json_t *objects, struct overlay **overlay, struct err *err);

#endif
