// SPDX-License-Identifier: Apache-2.0
#ifndef API_OPS_CONFIG_LEASE_H
#define API_OPS_CONFIG_LEASE_H

#include "api/ops/config.h"

/* The mapping `highAvailability` of the configuration file: see config.h. */

void config_lease_default(struct config *config);
int config_lease_read(struct config *config, const json_t *value, const char *path,
                      struct err *err);
/* What takes several keys to say. */
int config_lease_check(const struct config *config, struct err *err);
/* *New* mapping. */
json_t *config_lease_describe(const struct config *config);

#endif
