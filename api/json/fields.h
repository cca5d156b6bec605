// SPDX-License-Identifier: Apache-2.0
#ifndef API_JSON_FIELDS_H
#define API_JSON_FIELDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "topology/base/err.h"

/* Reading a Kubernetes object member by member, with errors that name the place.
 *
 *   field "pod" ◀─up─ "spec" ◀─up─ "containers" ◀─up─ [2] ◀─up─ "resources"
 *
 * A field is a link on the caller's stack that points at its parent; the path
 * "spec.containers[2].resources" is only put together when something is wrong. `null`, an absent
 * member and a member of an absent object are the same: json NULL. JSON stays *borrowed*, and so do
 * the strings.
 */

struct field {
    const struct field *up; /* NULL for the object itself */
    const char *name;       /* NULL: an element of an array */
    size_t index;
    const json_t *json; /* NULL when absent */
};

/* The object itself. */
int field_root(const json_t *json, struct field *field, struct err *err);

/* A member that is an object or array; fails when it is something else. */
int field_object(const struct field *up, const char *name, struct field *field, struct err *err);
int field_array(const struct field *up, const char *name, struct field *field, struct err *err);

/* Elements of an array field, which must all be objects. */
size_t field_count(const struct field *array);
int field_element(const struct field *array, size_t index, struct field *field, struct err *err);

/* Plain members. *text is NULL when absent; the others keep the caller's default. */
int field_string(const struct field *up, const char *name, const char **text, struct err *err);
int field_bool(const struct field *up, const char *name, bool *value, struct err *err);
/* Clipped to [minimum, maximum]. */
int field_integer(const struct field *up, const char *name, int64_t minimum, int64_t maximum,
                  int64_t *value, struct err *err);
/* A string that must be there and not be empty. */
int field_name(const struct field *up, const char *name, const char **text, struct err *err);

/* Fails with "path: text". */
int field_fail(const struct field *field, struct err *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The string of a member of a map of strings (labels); null counts as "". NULL when it is no
 * string. */
const char *field_text(const json_t *value);

#endif
