// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_CLIENT_STATUS_H
#define API_KUBE_CLIENT_STATUS_H

#include <stddef.h>

#include "topology/base/err.h"

/* metav1.Status, the body of the API server's refusals:
 * {"kind":"Status","message":"…","reason":"…","code":409}. Bodies may be anything: plain text
 * ("404 page not found"), HTML of a proxy, nothing. */

/* Writes "403: pods is forbidden …" for people and logs. */
void status_describe(int status, const char *body, size_t length, struct err *err);

/* *New* message of a Status, or the body itself when it is none; never NULL. */
char *status_message(const char *body, size_t length);

#endif
