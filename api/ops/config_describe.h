// SPDX-License-Identifier: Apache-2.0
#ifndef API_OPS_CONFIG_DESCRIBE_H
#define API_OPS_CONFIG_DESCRIBE_H

#include <jansson.h>

#include "api/ops/config.h"

/* *New* JSON object: what was understood, with defaults filled in. A configuration again: a preset
 * is followed by its levels, which may stand beside it as long as they are the same. */
json_t *config_describe(const struct config *config);

#endif
