// SPDX-License-Identifier: Apache-2.0
#include "api/yaml/template.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Walks everything but the members whose texts are somebody's program. Documents are at most
 * YAML_DEPTH_MAX deep. */

static const char *const PROGRAMS[] = {
    "annotations", "args", "binaryData", "command", "data", "env", "status", "stringData", NULL,
};

static int is_program(const char *key)
{
    size_t i = 0;
    while (PROGRAMS[i] != NULL && strcmp(PROGRAMS[i], key) != 0) {
        i++;
    }
    return PROGRAMS[i] != NULL;
}

static const char *find(const json_t *json)
{
    const char *text = json_string_value(json);
    const char *found = NULL;
    const char *key = NULL;
    json_t *value = NULL;
    if (text != NULL) {
        const char *opens = strstr(text, "{{");
        return opens != NULL && strstr(opens, "}}") != NULL ? text : NULL;
    }
    for (size_t i = 0; found == NULL && i < json_array_size(json); i++) {
        found = find(json_array_get(json, i));
    }
    /* The iteration functions take a plain pointer; nothing is changed. */
    json_object_foreach((json_t *)(uintptr_t)json, key, value)
    {
        found = found != NULL || is_program(key) ? found : find(value);
    }
    return found;
}

const char *template_find(const json_t *object)
{
    const char *found = find(json_object_get(object, "metadata"));
    return found != NULL ? found : find(json_object_get(object, "spec"));
}
