// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_OBJECTS_LABELS_H
#define API_KUBE_OBJECTS_LABELS_H

#include "api/json/fields.h"
#include "topology/base/arena.h"
#include "topology/graph/nodes.h"

/* A map of strings (labels, a node selector) as an array of pairs, in the order of the text;
 * `limit` bounds it. Null values count as "", as in Go. The array and its strings are *borrowed*
 * from the arena.
 *
 * What is beyond the limit: an error, or (`cut`) not read.
 */
int labels_decode(const struct field *up, const char *name, size_t limit, bool cut,
                  struct arena *arena, const struct label_object **labels, size_t *count,
                  struct err *err);

#endif
