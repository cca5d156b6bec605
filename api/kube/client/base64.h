// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_CLIENT_BASE64_H
#define API_KUBE_CLIENT_BASE64_H

#include <stddef.h>

#include "topology/base/err.h"

/* Base64 as kubeconfigs have it: RFC 4648 §4 with padding; line breaks are skipped, as Go's decoder
 * does. Anything else, bits left over in the last digit included, is an error.
 *
 * Returns a *new* buffer with a NUL behind its *length bytes, or NULL. */
char *base64_decode(const char *text, size_t *length, struct err *err);

#endif
