// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_CLIENT_QUERY_H
#define API_KUBE_CLIENT_QUERY_H

/* *New* text with everything but letters, digits and -._~ as %XX (RFC 3986 §2), for use in a
 * path or query. */
char *query_escape(const char *text);

#endif
