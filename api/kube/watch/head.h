// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_WATCH_HEAD_H
#define API_KUBE_WATCH_HEAD_H

#include <jansson.h>
#include <stddef.h>

/* Whose an object is that cannot be read: what its beginning says.
 *
 *   {"metadata":{"name":"p","namespace":"ns","uid":"u","resourceVersion":"7",…   an item of a list
 *   {"type":"MODIFIED","object":{"kind":"Pod","apiVersion":"v1","metadata":{…    a line of a watch
 *
 * The text may end anywhere and hold any nonsense; looking ends where it cannot be understood. A Go
 * program writes metadata first, and in it the four members before all that a user may fill.
 */

/* *New* {"metadata":{…}} with those of the four that are there, as strings. */
json_t *head_of_item(const char *text, size_t length);

#define HEAD_TYPE_MAX 16
/* The same of the object of a line; `type` becomes that of the line, "" when it is not there. */
json_t *head_of_line(const char *text, size_t length, char type[static HEAD_TYPE_MAX]);

#endif
