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
 * Names are *borrowed* from the JSON the list was read from. An amount that is negative or
 * malformed is an error that names its place: such a list is not used at all. One beyond int64, and
 * a sum that would be, is INT64_MAX: as much as there is nowhere, and Kubernetes caps it, too.
 *
 * There are at most AMOUNTS_MAX distinct names. Of more, those that count are kept: CPU, memory and
 * the GPUs of the two great vendors, then GPUs by their usual name, then devices; among equals who
 * comes first. So nobody hides the GPU that a pod takes behind names that mean nothing. That there
 * were more can be seen: AMOUNTS_MAX is more than RESOURCES_MAX, which is what may be planned.
 */

#define AMOUNTS_MAX 256

struct amounts {
    size_t count;
    struct amount_object items[AMOUNTS_MAX];
    unsigned char ranks[AMOUNTS_MAX]; /* of their names: lower ones count more */
};

/* One quantity: thousandths of cpu, units of all else. 0 when it is absent or none. */
int64_t amounts_of(const char *resource, const json_t *value);

/* Reads a list; an absent one is empty. Quantities are strings or, as Go takes them too, numbers.
 */
int amounts_read(const struct field *list, struct amounts *amounts, struct err *err);

/* The amount of a resource, or NULL when the list does not name it (which is not the same as 0). */
int64_t *amounts_find(struct amounts *amounts, const char *resource);

void amounts_set(struct amounts *amounts, const char *resource, int64_t amount);

/* to += amounts */
void amounts_add(struct amounts *to, const struct amounts *amounts);

/* to = the greater of both, resource by resource. */
void amounts_raise(struct amounts *to, const struct amounts *amounts);

/* to gets what it does not name yet. */
void amounts_default(struct amounts *to, const struct amounts *amounts);

/* Copies the amounts that are not 0 into the arena. */
const struct amount_object *amounts_keep(const struct amounts *amounts, struct arena *arena,
                                         size_t *count);

#endif
