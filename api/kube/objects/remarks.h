// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_OBJECTS_REMARKS_H
#define API_KUBE_OBJECTS_REMARKS_H

#include <jansson.h>
#include <stddef.h>

#include "scheduler/objects.h"

/* What of an object is valid and yet surely not meant so. Nothing is refused for it: it is said.
 *
 *   an annotation phalanx.dev/… that nobody reads       with the nearest one that is read
 *   a label phalanx.dev/…                               they are all annotations
 *   a schedulerName that is not served                  of a pod of a gang
 *   a required term about other pods that is not read   it is left to kube-scheduler (affinity.h)
 *
 * Each key and each scheduler is told of once, with the object that had it first, and no more than
 * REMARKS_MAX of them: whoever writes objects cannot fill a log.
 */

#define REMARKS_MAX 64u

typedef void remarks_tell(void *context, const char *text);

struct remarks;

struct remarks *remarks_create(remarks_tell *tell, void *context);
void remarks_destroy(struct remarks *remarks);

/* Which schedulers are served: copied. Until it is said, none is told of. */
void remarks_serve(struct remarks *remarks, const char *const *names, size_t count);

/* Keys of metadata. `kind` is that of the object, for the text. */
void remarks_keys(struct remarks *remarks, const char *kind, const json_t *object);

/* Keys of a pod, and its scheduler while it is to be placed with its gang. */
void remarks_pod(struct remarks *remarks, const json_t *json, const struct pod_object *pod);

/* Whether the scheduler of a pod of a gang is served. */
void remarks_scheduler(struct remarks *remarks, const json_t *pod);

/* The annotation that is read and is nearest to a key, or NULL when none is near. */
const char *remarks_nearest(const char *key);

#endif
