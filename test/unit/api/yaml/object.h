// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_UNIT_API_YAML_OBJECT_H
#define TEST_UNIT_API_YAML_OBJECT_H

#include <check.h>
#include <jansson.h>
#include <string.h>

#include "api/yaml/yaml.h"

/* *New* object from YAML, so that the objects in tests can be read. */
static inline json_t *yaml_object(const char *text)
{
    struct err err;
    json_t *documents = yaml_load(text, strlen(text), &err);
    ck_assert_msg(documents != NULL, "%s in %s", err.text, text);
    ck_assert_uint_eq(json_array_size(documents), 1);
    json_t *object = json_incref(json_array_get(documents, 0));
    json_decref(documents);
    return object;
}

#endif
