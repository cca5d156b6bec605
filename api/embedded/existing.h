// SPDX-License-Identifier: Apache-2.0
#ifndef API_EMBEDDED_EXISTING_H
#define API_EMBEDDED_EXISTING_H

#include <jansson.h>
#include <stdbool.h>

#include "api/embedded/cluster.h"

/* Which pods of a cluster are those that a manifest makes: applying a Job that exists makes no pods
 * anew, it speaks of the ones its controller has made. They are found by whose they are, never by
 * their names, which end in random letters:
 *
 *   owner   the controller among ownerReferences: kind and name
 *           label batch.kubernetes.io/job-name or job-name                      Job
 *           label training.kubeflow.org/job-name                                PyTorchJob
 *   place   replica type and index of training.kubeflow.org, else the completion index, else any
 *
 * A pod that says nothing of an owner is found by its gang, its replicated job and job index and
 * its completion index. Pods of an owner with another uid are of an earlier one of that name: the
 * uid of the Job in the cluster counts, else that of the pods that live.
 *
 * A place is taken by a pod that lives or has succeeded. A failed one, and one that is being
 * deleted, is replaced by its controller.
 */

struct existing;

/* Looks at the pods that the cluster has now; it must outlive this. */
struct existing *existing_create(const struct cluster *cluster);
void existing_destroy(struct existing *existing);

/* The pod that has the place of one that expand_manifest() made: *borrowed*, each only once, or
 * NULL. */
const json_t *existing_take(struct existing *existing, const json_t *made);

/* Whether two pods name the same owner. */
bool existing_same_owner(const json_t *one, const json_t *other);

/* All that live of the owner of such a pod: *borrowed* array, NULL when there are none. */
const json_t *existing_of_owner(const struct existing *existing, const json_t *made);

/* The one of these whose completion index is 0, once it is on a node: *borrowed*, or NULL. */
const json_t *existing_leader(const struct existing *existing, const json_t *made);

#endif
