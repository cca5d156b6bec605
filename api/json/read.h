// SPDX-License-Identifier: Apache-2.0
#ifndef API_JSON_READ_H
#define API_JSON_READ_H

#include <jansson.h>
#include <stddef.h>

#include "topology/base/err.h"

/* Reads JSON that an API server wrote. What people may write into an object is more than jansson
 * takes; of such a text the parts that it cannot hold are replaced:
 *
 *   "\u0000" in a text or a name           U+FFFD, and so are halves of surrogate pairs; a byte
 *                                          that is not UTF-8 or a control character becomes "?"
 *   an integer that int64 does not hold    the greatest, or least, that it does
 *   a real that double does not hold       1e308, or -1e308
 *   what is nested in more than            nothing: an empty object or array is left
 *   JSON_READ_DEPTH objects and arrays
 *
 * So a text that only an attacker would write is read as something that means nothing, and the rest
 * of the object as it is. Text that nothing of this applies to is read once, as it is.
 */

#define JSON_READ_DEPTH 64 /* no object that is looked at goes half as deep */

/* *New*, or NULL: it is no JSON all the same. Any value is taken, not only objects and arrays. */
json_t *json_read(const char *text, size_t length, struct err *err);

#endif
