// SPDX-License-Identifier: Apache-2.0
#include "api/kube/objects/counts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "topology/base/quantity.h"

/* topology/base/quantity.h knows the format; here it is known what a count may be.
 *
 * A JSON number is written out and read like a string. A real with a fraction keeps its decimal
 * point that way, and one without (4.0) loses it, as it does when Go writes it.
 */

#define NUMBER_TEXT_MAX 32

static const char *text_of(const struct field *field, char *number, size_t size)
{
    if (json_is_integer(field->json)) {
        (void)snprintf(number, size, "%" JSON_INTEGER_FORMAT, json_integer_value(field->json));
        return number;
    }
    if (json_is_real(field->json)) {
        (void)snprintf(number, size, "%.17g", json_real_value(field->json));
        return number;
    }
    return json_string_value(field->json);
}

int count_read(const struct field *field, enum count_unit unit, int64_t *count, struct err *err)
{
    char number[NUMBER_TEXT_MAX];
    *count = 0;
    if (field->json == NULL) {
        return 0;
    }
    const char *text = text_of(field, number, sizeof number);
    if (text == NULL) {
        return field_fail(field, err, "is not a quantity");
    }
    int64_t value = 0;
    struct err cause;
    int result = unit == COUNT_THOUSANDTHS ? quantity_milli(text, strlen(text), &value, &cause)
                                           : quantity_units(text, strlen(text), &value, &cause);
    if (result != 0) {
        return field_fail(field, err, "%s", cause.text);
    }
    if (value < 0) {
        return field_fail(field, err, "quantity \"%s\" is negative", text);
    }
    if (value == INT64_MAX) {
        return field_fail(field, err, "quantity \"%s\" is out of range", text);
    }
    if (unit == COUNT_WHOLE && strpbrk(text, ".num-") != NULL) {
        return field_fail(field, err, "quantity \"%s\" is not a whole number", text);
    }
    *count = value;
    return 0;
}
