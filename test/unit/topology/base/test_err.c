// SPDX-License-Identifier: Apache-2.0
#include "topology/base/err.h"

#include <signal.h>
#include <string.h>

#include "test/unit/check_main.h"

START_TEST(test_set)
{
    struct err err;
    ck_assert_int_eq(err_set(&err, "node \"%s\": %d labels", "n1", 600), -1);
    ck_assert_str_eq(err.text, "node \"n1\": 600 labels");
}
END_TEST

START_TEST(test_null_is_allowed)
{
    ck_assert_int_eq(err_set(NULL, "nobody reads %s", "this"), -1);
    ck_assert_int_eq(err_prefix(NULL, "nor %s", "this"), -1);
}
END_TEST

START_TEST(test_prefix)
{
    struct err err;
    err_set(&err, "too long");
    ck_assert_int_eq(err_prefix(&err, "level %d", 3), -1);
    ck_assert_str_eq(err.text, "level 3: too long");
    err_prefix(&err, "config");
    ck_assert_str_eq(err.text, "config: level 3: too long");
}
END_TEST

/* The arguments may point into the text that is replaced. */
START_TEST(test_own_text_as_argument)
{
    struct err err;
    err_set(&err, "inner");
    err_set(&err, "outer (%s) again (%s)", err.text, err.text);
    ck_assert_str_eq(err.text, "outer (inner) again (inner)");
    err_prefix(&err, "%s", err.text);
    ck_assert_str_eq(err.text, "outer (inner) again (inner): outer (inner) again (inner)");
}
END_TEST

START_TEST(test_cut)
{
    char longer[2 * ERR_TEXT_MAX];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    struct err err;
    err_set(&err, "%s", longer);
    ck_assert_uint_eq(strlen(err.text), ERR_TEXT_MAX - 1);
    ck_assert_int_eq(strncmp(err.text, longer, ERR_TEXT_MAX - 1), 0);
    err_prefix(&err, "%s", longer);
    ck_assert_uint_eq(strlen(err.text), ERR_TEXT_MAX - 1);
}
END_TEST

/* A character of 2, 3 or 4 bytes that would be cut in two is left out as a whole. */
START_TEST(test_cut_keeps_characters_whole)
{
    static const char *const characters[] = {"x", "é", "…", "𝛼"};
    const char *character = characters[_i];
    size_t size = strlen(character);
    for (size_t lead = 0; lead < size; lead++) {
        char text[2 * ERR_TEXT_MAX] = "";
        size_t used = lead;
        memset(text, '-', lead);
        while (used + size < sizeof text) {
            memcpy(text + used, character, size);
            used += size;
        }
        struct err err;
        err_set(&err, "%s", text);
        size_t length = strlen(err.text);
        ck_assert_uint_eq((length - lead) % size, 0);
        ck_assert_uint_gt(length + size, ERR_TEXT_MAX - 1);
        ck_assert_int_eq(memcmp(err.text, text, length), 0);
    }
}
END_TEST

START_TEST(test_require_holds)
{
    err_require(true);
}
END_TEST

START_TEST(test_require_aborts)
{
    err_require(false);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("topology/base/err");
    TCase *tcase = tcase_create("err");
    tcase_add_test(tcase, test_set);
    tcase_add_test(tcase, test_null_is_allowed);
    tcase_add_test(tcase, test_prefix);
    tcase_add_test(tcase, test_own_text_as_argument);
    tcase_add_test(tcase, test_cut);
    tcase_add_loop_test(tcase, test_cut_keeps_characters_whole, 0, 4);
    tcase_add_test(tcase, test_require_holds);
    tcase_add_test_raise_signal(tcase, test_require_aborts, SIGABRT);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
