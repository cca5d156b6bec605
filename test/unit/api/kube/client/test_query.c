// SPDX-License-Identifier: Apache-2.0
#include "api/kube/client/query.h"

#include "test/unit/check_main.h"

START_TEST(escapes)
{
    static const char *const SAMPLES[][2] = {
        {"", ""},
        {"AZaz09-._~", "AZaz09-._~"},
        {"a b/c?d=e&f+g%#", "a%20b%2Fc%3Fd%3De%26f%2Bg%25%23"},
        {"é\x01\x7f", "%C3%A9%01%7F"},
    };
    for (size_t i = 0; i < sizeof SAMPLES / sizeof SAMPLES[0]; i++) {
        char *escaped = query_escape(SAMPLES[i][0]);
        ck_assert_str_eq(escaped, SAMPLES[i][1]);
        free(escaped);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("query");
    TCase *tests = tcase_create("query");
    tcase_add_test(tests, escapes);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
