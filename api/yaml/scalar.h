// SPDX-License-Identifier: Apache-2.0
#ifndef API_YAML_SCALAR_H
#define API_YAML_SCALAR_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "topology/base/err.h"

/* What a YAML scalar is as JSON, as go-yaml v2 resolves it for Kubernetes:
 *
 *   null     ~ null Null NULL and nothing
 *   bool     true yes on y, false no off n, each also Capitalised and UPPER
 *   integer  sign, then 0x 0o 0b or a leading 0 for the base; underscores anywhere are left out
 *   float    digits with a point or an exponent; 08 is one, for it is no octal number
 *   string   everything else, and whatever is quoted
 *
 * A float of an integral value is an integer, as it is once Kubernetes has written it as JSON. What
 * JSON cannot hold is an error and never a rounded number: infinity, NaN, and integers that no
 * int64 holds, of which Kubernetes reads some. */

#define SCALAR_TAG "tag:yaml.org,2002:" /* in front of the types of the core schema */

/* *New* value, NULL with the reason in err. `plain`: unquoted. `tag`: NULL for none. */
json_t *scalar_resolve(const char *text, size_t length, bool plain, const char *tag,
                       struct err *err);

/* *New* text of a value as a key; NULL with the reason in err when it cannot be one: Kubernetes
 * writes numbers with a fraction in a form of its own, so those are refused here. */
char *scalar_key(const json_t *value, struct err *err);

#endif
