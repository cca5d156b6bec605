// SPDX-License-Identifier: Apache-2.0
#include "api/kube/client/base64.h"

#include <string.h>

#include "test/unit/check_main.h"

struct sample {
    const char *text;
    const char *bytes;
    size_t length;
};

static const struct sample GOOD[] = {
    /* RFC 4648 §10 */
    {"", "", 0},
    {"Zg==", "f", 1},
    {"Zm8=", "fo", 2},
    {"Zm9v", "foo", 3},
    {"Zm9vYg==", "foob", 4},
    {"Zm9vYmE=", "fooba", 5},
    {"Zm9vYmFy", "foobar", 6},
    /* every digit */
    {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
     "\x00\x10\x83\x10\x51\x87\x20\x92\x8b\x30\xd3\x8f\x41\x14\x93\x51\x55\x97\x61\x96\x9b\x71\xd7"
     "\x9f\x82\x18\xa3\x92\x59\xa7\xa2\x9a\xab\xb2\xdb\xaf\xc3\x1c\xb3\xd3\x5d\xb7\xe3\x9e\xbb\xf3"
     "\xdf\xbf",
     48},
    {"////", "\xff\xff\xff", 3},
    {"Zm\n9v\r\nYg=\n=\n", "foob", 4},
};

static const char *const BAD[] = {
    "Z",    "Zg",   "Zg=",   "Zm9",   "Zg===",  "Zg==Zg==", "=",    "====",     "Z===", "Zm9v=",
    "Zh==", "Zm9=", "Zm 9v", "Zm9v ", "Zm9v\t", "Zm9-",     "Zm9_", "Zm9v\x80", "Zg=g", "Zg==\n=",
};

START_TEST(decodes)
{
    struct err err;
    size_t length = 99;
    char *bytes = base64_decode(GOOD[_i].text, &length, &err);
    ck_assert_ptr_nonnull(bytes);
    ck_assert_uint_eq(length, GOOD[_i].length);
    ck_assert_mem_eq(bytes, GOOD[_i].bytes, length);
    ck_assert_int_eq(bytes[length], '\0');
    free(bytes);
}
END_TEST

START_TEST(refuses)
{
    struct err err = {.text = ""};
    size_t length = 0;
    ck_assert_ptr_null(base64_decode(BAD[_i], &length, &err));
    ck_assert_ptr_nonnull(strstr(err.text, "not base64"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base64");
    TCase *tests = tcase_create("base64");
    tcase_add_loop_test(tests, decodes, 0, sizeof GOOD / sizeof GOOD[0]);
    tcase_add_loop_test(tests, refuses, 0, sizeof BAD / sizeof BAD[0]);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
