// SPDX-License-Identifier: Apache-2.0
#include "api/ops/config_values.h"

#include <inttypes.h>
#include <string.h>

#include "topology/base/quantity.h"

/* What several keys of the configuration have in common: a value of the right type and within its
 * limits, or an error that names the key.
 */

static const char *type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "a mapping";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    case JSON_NULL:
        return "null";
    }
    return "unknown";
}

int config_values_wrong_type(const json_t *value, const char *path, const char *wanted,
                             struct err *err)
{
    return err_set(err, "%s: must be %s, is %s", path, wanted, type_name(value));
}

int config_values_path(char *to, size_t room, const json_t *value, const char *path,
                       struct err *err)
{
    if (!json_is_string(value)) {
        return config_values_wrong_type(value, path, "a path", err);
    }
    size_t length = json_string_length(value);
    if (length >= room || strlen(json_string_value(value)) != length) {
        return err_set(err, "%s: must be a path of at most %zu bytes", path, room - 1);
    }
    memcpy(to, json_string_value(value), length + 1);
    return 0;
}

int config_values_bytes(int64_t *to, const json_t *value, int64_t minimum, int64_t maximum,
                        const char *limits, const char *path, struct err *err)
{
    int64_t bytes = 0;
    if (json_is_string(value)) {
        if (quantity_units(json_string_value(value), json_string_length(value), &bytes, err) < 0) {
            return err_prefix(err, "%s", path);
        }
    } else if (json_is_integer(value)) {
        bytes = json_integer_value(value);
    } else {
        return config_values_wrong_type(value, path, "a quantity such as \"32Mi\"", err);
    }
    if (bytes < minimum || bytes > maximum) {
        return err_set(err, "%s: %" PRId64 " bytes are out of range (%s)", path, bytes, limits);
    }
    *to = bytes;
    return 0;
}

int config_values_relative(char *path, size_t room, const char *key, const char *file,
                           struct err *err)
{
    const char *slash = strrchr(file, '/');
    if (path[0] == '\0' || path[0] == '/' || slash == NULL) {
        return 0;
    }
    size_t folder = (size_t)(slash - file) + 1, length = strlen(path);
    if (folder + length >= room) {
        return err_set(err, "%s: the path is too long", key);
    }
    memmove(path + folder, path, length + 1);
    memcpy(path, file, folder);
    return 0;
}
