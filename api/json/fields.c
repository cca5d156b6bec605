// SPDX-License-Identifier: Apache-2.0
#include "api/json/fields.h"

#include <stdarg.h>
#include <stdio.h>

#include "topology/base/utf8.h"

/* One function per JSON type, all with the same three outcomes: there, not there, wrong.
 *
 * The path is written on failure only, from the root down, by recursion over at most some ten
 * links.
 */

#define PATH_MAX_LENGTH 256

static size_t write_path(const struct field *field, char *path, size_t size)
{
    if (field->up == NULL) {
        path[0] = '\0';
        return 0;
    }
    size_t used = write_path(field->up, path, size);
    int added = 0;
    if (field->name == NULL) {
        added = snprintf(path + used, size - used, "[%zu]", field->index);
    } else {
        added = snprintf(path + used, size - used, "%s%s", used > 0 ? "." : "", field->name);
    }
    used += added > 0 ? (size_t)added : 0;
    return used < size ? used : size - 1;
}

int field_fail(const struct field *field, struct err *err, const char *format, ...)
{
    char path[PATH_MAX_LENGTH];
    write_path(field, path, sizeof path);
    char text[ERR_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    utf8_vprint(text, sizeof text, format, arguments);
    va_end(arguments);
    return err_set(err, "%s%s%s", path, path[0] == '\0' ? "" : ": ", text);
}

static const char *type_name(const json_t *json)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    case JSON_NULL:
        break;
    }
    return "null";
}

static int wrong_type(const struct field *field, const char *wanted, struct err *err)
{
    return field_fail(field, err, "is %s, not %s", type_name(field->json), wanted);
}

static void member(const struct field *up, const char *name, struct field *field)
{
    const json_t *json = up->json == NULL ? NULL : json_object_get(up->json, name);
    *field = (struct field){.up = up, .name = name, .json = json_is_null(json) ? NULL : json};
}

int field_root(const json_t *json, struct field *field, struct err *err)
{
    *field = (struct field){.json = json};
    if (!json_is_object(json)) {
        return err_set(err, "is not a JSON object");
    }
    return 0;
}

int field_object(const struct field *up, const char *name, struct field *field, struct err *err)
{
    member(up, name, field);
    if (field->json != NULL && !json_is_object(field->json)) {
        return wrong_type(field, "an object", err);
    }
    return 0;
}

int field_array(const struct field *up, const char *name, struct field *field, struct err *err)
{
    member(up, name, field);
    if (field->json != NULL && !json_is_array(field->json)) {
        return wrong_type(field, "an array", err);
    }
    return 0;
}

size_t field_count(const struct field *array)
{
    return array->json == NULL ? 0 : json_array_size(array->json);
}

int field_element(const struct field *array, size_t index, struct field *field, struct err *err)
{
    const json_t *json = json_array_get(array->json, index);
    *field = (struct field){.up = array, .index = index, .json = json};
    if (!json_is_object(json)) {
        return wrong_type(field, "an object", err);
    }
    return 0;
}

int field_string(const struct field *up, const char *name, const char **text, struct err *err)
{
    struct field field;
    member(up, name, &field);
    *text = json_string_value(field.json);
    if (field.json != NULL && *text == NULL) {
        return wrong_type(&field, "a string", err);
    }
    return 0;
}

int field_name(const struct field *up, const char *name, const char **text, struct err *err)
{
    if (field_string(up, name, text, err) != 0) {
        return -1;
    }
    if (*text == NULL || (*text)[0] == '\0') {
        struct field field = {.up = up, .name = name};
        return field_fail(&field, err, "is missing");
    }
    return 0;
}

int field_bool(const struct field *up, const char *name, bool *value, struct err *err)
{
    struct field field;
    member(up, name, &field);
    if (field.json == NULL) {
        return 0;
    }
    if (!json_is_boolean(field.json)) {
        return wrong_type(&field, "a boolean", err);
    }
    *value = json_is_true(field.json);
    return 0;
}

int field_integer(const struct field *up, const char *name, int64_t minimum, int64_t maximum,
                  int64_t *value, struct err *err)
{
    struct field field;
    member(up, name, &field);
    if (field.json == NULL) {
        return 0;
    }
    if (!json_is_integer(field.json)) {
        return wrong_type(&field, "an integer", err);
    }
    int64_t integer = json_integer_value(field.json);
    *value = integer < minimum ? minimum : integer > maximum ? maximum : integer;
    return 0;
}

const char *field_text(const json_t *value)
{
    return json_is_null(value) ? "" : json_string_value(value);
}
