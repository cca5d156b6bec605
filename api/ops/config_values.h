// SPDX-License-Identifier: Apache-2.0
#ifndef API_OPS_CONFIG_VALUES_H
#define API_OPS_CONFIG_VALUES_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "topology/base/err.h"

/* Single values of a configuration file. `path` is the key's whole path, for the error, such as
 * "log.level".
 */

/* "path: must be wanted, is a list"; returns -1. */
int config_values_wrong_type(const json_t *value, const char *path, const char *wanted,
                             struct err *err);

/* A file's path of at most `room` - 1 bytes, into `to`. */
int config_values_path(char *to, size_t room, const json_t *value, const char *path,
                       struct err *err);

/* A relative path in a configuration file starts where the file lies: puts its folder in front.
 * `file` "": there is none. */
int config_values_relative(char *path, size_t room, const char *key, const char *file,
                           struct err *err);

/* A number of bytes, or a quantity such as "32Mi". The limits are given in words too. */
int config_values_bytes(int64_t *to, const json_t *value, int64_t minimum, int64_t maximum,
                        const char *limits, const char *path, struct err *err);

#endif
