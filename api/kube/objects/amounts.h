// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_OBJECTS_AMOUNTS_H
#define API_KUBE_OBJECTS_AMOUNTS_H

#include <stddef.h>
#include <stdint.h>

#include "api/json/fields.h"
#include "topology/base/arena.h"
#include "topology/base/err.h"
#include "topology/graph/nodes.h"
#include "topology/graph/resources.h"

/* A Kubernetes ResourceList while it is being worked on: resource names and amounts in the units of
 * struct resources ("cpu" in thousandths, everything else whole).
 *
 * Names are *borrowed* from the JSON the list was read from. At most RESOURCES_MAX distinct names.
 * An amount that is negative, malformed or beyond int64 is an error that names its place: such a
 * list is not used at all.
 */

struct amounts {
    size_t count;
    struct amount_object items[RESOURCES_MAX];
};

/* One quantity: thousandths of cpu, units of all else. 0 when it is absent or none. */
int64_t amounts_of(const char *resource, const json_t *value);

/* Reads a list; an absent one is empty. Quantities are strings or, as Go takes them too, numbers.
 */
int amounts_read(const struct field *list, struct amounts *amounts, struct err *err);

/* The amount of a resource, or NULL when the list does not name it (which is not the same as 0). */
int64_t *amounts_find(struct amounts *amounts, const char *resource);

int amounts_set(struct amounts *amounts, const char *resource, int64_t amount, struct err *err);

/* to += amounts; fails when a sum leaves int64 or names become too many. */
int amounts_add(struct amounts *to, const struct amounts *amounts, struct err *err);

/* to = the greater of both, resource by resource. */
int amounts_raise(struct amounts *to, const struct amounts *amounts, struct err *err);

/* to gets what it does not name yet. */
int amounts_default(struct amounts *to, const struct amounts *amounts, struct err *err);

/* Copies the amounts that are not 0 into the arena. */
const struct amount_object *amounts_keep(const struct amounts *amounts, struct arena *arena,
                                         size_t *count);

#endif
