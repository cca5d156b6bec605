// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_OBJECTS_NAME_H
#define API_KUBE_OBJECTS_NAME_H

#include <stdbool.h>

/* What the API server lets objects be called. A name that does not come from it is checked before
 * it becomes part of a URL, or a row of a table.
 */

#define NAME_MAX_LENGTH 253
#define UID_MAX_LENGTH  400

/* A DNS subdomain (RFC 1123): lower case letters, digits, "-" and ".", a letter or digit at both
 * ends of each part. Pods, nodes and namespaces are called so. */
bool name_is_valid(const char *name);
/* Printable ASCII without quotes and backslashes: the API server makes UUIDs, the embedded cluster
 * "Pod/namespace/name". It stands in bodies, never in a URL. */
bool name_is_uid(const char *uid);

#endif
