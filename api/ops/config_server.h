// SPDX-License-Identifier: Apache-2.0
#ifndef API_OPS_CONFIG_SERVER_H
#define API_OPS_CONFIG_SERVER_H

#include <jansson.h>

#include "api/ops/config.h"
#include "topology/base/err.h"

/* The section `server` of the configuration: who may reach what, and how much of it; see config.h.
 */

void config_server_default(struct config *config);
int config_server_read(struct config *config, const json_t *value, const char *path,
                       struct err *err);
/* What takes several keys to say. Relative paths start at the folder of `file`, "" for none. */
int config_server_resolve(struct config *config, const char *file, struct err *err);
json_t *config_server_describe(const struct config *config);

#endif
