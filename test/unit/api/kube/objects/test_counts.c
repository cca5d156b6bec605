// SPDX-License-Identifier: Apache-2.0
#include "api/kube/objects/counts.h"

#include "test/unit/api/yaml/object.h"
#include "test/unit/check_main.h"

/* The count in {n: TEXT}, or -1 with the error. */
static int64_t read(const char *text, enum count_unit unit, struct err *err)
{
    char yaml[128];
    int64_t count = 77;
    (void)snprintf(yaml, sizeof yaml, "'n': %s\n", text);
    json_t *json = yaml_object(yaml);
    struct field root = {.json = json};
    struct field field = {.up = &root, .name = "n", .json = json_object_get(json, "n")};
    int result = count_read(&field, unit, &count, err);
    json_decref(json);
    ck_assert(result == 0 || count == 0);
    return result == 0 ? count : -1;
}

START_TEST(counts)
{
    struct err err;
    ck_assert_int_eq(read("'4'", COUNT_WHOLE, &err), 4);
    ck_assert_int_eq(read("4", COUNT_WHOLE, &err), 4);
    ck_assert_int_eq(read("4.0", COUNT_WHOLE, &err), 4);
    ck_assert_int_eq(read("'0'", COUNT_WHOLE, &err), 0);
    ck_assert_int_eq(read("1k", COUNT_WHOLE, &err), 1000);
    ck_assert_int_eq(read("40Gi", COUNT_WHOLE, &err), 40LL << 30);
    ck_assert_int_eq(read("1e3", COUNT_WHOLE, &err), 1000);
    ck_assert_int_eq(read("1500m", COUNT_ROUNDED_UP, &err), 2);
    ck_assert_int_eq(read("1500m", COUNT_THOUSANDTHS, &err), 1500);
    ck_assert_int_eq(read("3", COUNT_THOUSANDTHS, &err), 3000);
}
END_TEST

START_TEST(not_counts)
{
    static const struct {
        const char *text;
        const char *error;
    } BAD[] = {
        {"-1", "n: quantity \"-1\" is negative"},
        {"'-4'", "n: quantity \"-4\" is negative"},
        {"'-1500m'", "n: quantity \"-1500m\" is negative"},
        {"0.5", "n: quantity \"0.5\" is not a whole number"},
        {"'2.5'", "n: quantity \"2.5\" is not a whole number"},
        {"'1.9999'", "n: quantity \"1.9999\" is not a whole number"},
        {"2500m", "n: quantity \"2500m\" is not a whole number"},
        {"5u", "n: quantity \"5u\" is not a whole number"},
        {"5n", "n: quantity \"5n\" is not a whole number"},
        {"'1e-7'", "n: quantity \"1e-7\" is not a whole number"},
        {"'99999999999999999999'", "n: quantity \"99999999999999999999\" is out of range"},
        {"true", "n: is not a quantity"},
        {"[1]", "n: is not a quantity"},
        {"{a: 1}", "n: is not a quantity"},
    };
    struct err err;
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        ck_assert_int_eq(read(BAD[i].text, COUNT_WHOLE, &err), -1);
        ck_assert_str_eq(err.text, BAD[i].error);
    }
    ck_assert_int_eq(read("''", COUNT_WHOLE, &err), -1);
    ck_assert_int_eq(read("four", COUNT_WHOLE, &err), -1);
    ck_assert_int_eq(read("-5", COUNT_ROUNDED_UP, &err), -1);
    ck_assert_int_eq(read("-5m", COUNT_THOUSANDTHS, &err), -1);
}
END_TEST

START_TEST(absent)
{
    struct err err;
    int64_t count = 77;
    struct field field = {.name = "n"};
    ck_assert_int_eq(count_read(&field, COUNT_WHOLE, &count, &err), 0);
    ck_assert_int_eq(count, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("counts");
    TCase *tcase = tcase_create("counts");
    tcase_add_test(tcase, counts);
    tcase_add_test(tcase, not_counts);
    tcase_add_test(tcase, absent);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
