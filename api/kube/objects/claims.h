// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_OBJECTS_CLAIMS_H
#define API_KUBE_OBJECTS_CLAIMS_H

#include "api/json/fields.h"
#include "scheduler/objects.h"
#include "topology/base/arena.h"

/* What a pod claims of its node for itself (struct claim_object):
 *
 *   host ports      as kube-scheduler's NodePorts compares them: protocol, port and address, where
 *                   0.0.0.0 is every address. With hostNetwork a container port is a host port. Of
 *                   init containers those of sidecars count
 *   anti-affinity   required terms of kubernetes.io/hostname that select the pod itself, as a
 *                   gang's do that wants one member per node: whoever has the same term is selected
 *                   by it, too. It is one rule of many about other pods (affinity.h), kept as a
 *                   claim because a node has room for one then, and no more need be known of it
 *
 * Beside that it reads the topology spread constraint that the pod is planned by: the first one
 * with DoNotSchedule that selects the pod itself and is not of the hostname (struct spread_object).
 *
 * Claims beyond POD_CLAIMS_MAX are left to kube-scheduler, which refuses the node then.
 */

#define AFFINITY_CLAIM_MAX 1100 /* bytes of the words of a term that is claimed */

/* After affinity_read(), of whose terms it makes claims. */
int claims_read(const struct field *metadata, const struct field *spec, struct arena *arena,
                struct pod_object *object, struct err *err);

#endif
