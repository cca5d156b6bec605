// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_OBJECTS_REQUESTS_H
#define API_KUBE_OBJECTS_REQUESTS_H

#include "api/json/fields.h"
#include "api/kube/objects/amounts.h"
#include "topology/base/err.h"

/* What a pod takes up on a node, the way kube-scheduler counts it: PodRequests() of
 * k8s.io/component-helpers resource/helpers.go, after the API server's defaulting (SetDefaults_Pod
 * in pkg/apis/core/v1/defaults.go), so that a manifest nobody has applied yet counts the same.
 *
 *   container    requests, missing ones from its limits; after a resize in place the greatest of
 *                what is asked for, allocated and actuated
 *   pod          sum of containers + restartable init containers ("sidecars")
 *                at least, at each init step, that step + the sidecars started before it
 *                spec.resources.requests instead, where given, for cpu, memory and hugepages-*
 *                + overhead
 *                "pods": 1
 */
int requests_effective(const struct field *spec, const struct field *status, struct amounts *total,
                       struct err *err);

#endif
