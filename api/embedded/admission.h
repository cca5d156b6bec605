// SPDX-License-Identifier: Apache-2.0
#ifndef API_EMBEDDED_ADMISSION_H
#define API_EMBEDDED_ADMISSION_H

#include <jansson.h>

#include "api/embedded/cluster.h"
#include "topology/base/err.h"

/* What the API server writes into a pod that is created, as far as it says where the pod can run:
 * the plugins LimitRanger, Priority and RuntimeClass of kube-apiserver, in this order, with the
 * objects that the cluster has (cluster_kept()).
 *
 *   LimitRange      containers and init containers get what they do not say themselves of `default`
 *                   (limits) and `defaultRequest` (requests); those default to `max`, `default` and
 *                   `min` as SetDefaults_LimitRangeItem has it. `min` and `max` of type Container
 *                   are kept; those of type Pod and maxLimitRequestRatio are not looked at
 *   PriorityClass   spec.priority: that of priorityClassName, or of the class that is the global
 *                   default; with several of them the lowest counts
 *   RuntimeClass    spec.overhead, nodeSelector and tolerations
 *
 * Pods of a snapshot have been admitted; this is for those that a manifest makes. A class that the
 * cluster does not have is told of and left alone: most snapshots have no classes at all.
 *
 * Sources: kubernetes plugin/pkg/admission/{limitranger,priority,runtimeclass}/admission.go,
 * pkg/apis/core/v1/defaults.go.
 */

/* `what` is a sentence about a class that is missing; each is told once. */
typedef void admission_warn(void *context, const char *what);

struct admission;

/* The cluster must outlive it. */
struct admission *admission_create(const struct cluster *cluster, admission_warn *warn,
                                   void *context);
void admission_destroy(struct admission *admission);

/* Completes the pod, which must have a name and a namespace. -1 when the API server would refuse
 * it: `err` says why, and the pod is as far as it got. */
int admission_pod(struct admission *admission, json_t *pod, struct err *err);

#endif
