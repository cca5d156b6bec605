// SPDX-License-Identifier: Apache-2.0
#include "api/kube/client/status.h"

#include <string.h>

#include "test/unit/check_main.h"

START_TEST(describes)
{
    static const struct {
        int status;
        const char *body;
        const char *text;
    } SAMPLES[] = {
        {403, "{\"kind\":\"Status\",\"message\":\"pods is forbidden: é\"}",
         "403: pods is forbidden: é"},
        {404, "404 page not found\n", "404: 404 page not found "},
        {500, "", "500: no explanation"},
        {502, "<html>\x80\x01</html>", "502: <html>  </html>"},
        {500, "{\"message\":7}", "500: {\"message\":7}"},
        {500, "{\"message\":\"cut", "500: {\"message\":\"cut"},
    };
    for (size_t i = 0; i < sizeof SAMPLES / sizeof SAMPLES[0]; i++) {
        struct err err;
        status_describe(SAMPLES[i].status, SAMPLES[i].body, strlen(SAMPLES[i].body), &err);
        ck_assert_str_eq(err.text, SAMPLES[i].text);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("status");
    TCase *tests = tcase_create("status");
    tcase_add_test(tests, describes);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
