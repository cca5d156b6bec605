// SPDX-License-Identifier: Apache-2.0
#include "topology/base/natural.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/check_main.h"
#include "test/unit/topology/random.h"

/* Ascending. */
static const char *const ORDER[] = {
    "",
    "-",
    "-2",
    "0",
    "00",
    "000",
    "0a",
    "00a",
    "1",
    "01",
    "001",
    "1.9",
    "1.10",
    "2",
    "10",
    "99999999999999999999999999999999999999",
    "100000000000000000000000000000000000000",
    "00100000000000000000000000000000000000000",
    "a",
    "train-workers-0-9",
    "train-workers-0-10",
    "train-workers-1-0",
    "train-workers-1-00",
    "train-workers-01-0",
    "train-workers-2-0",
    "train-workers-10-0",
    "w",
    "w-0",
    "w-2",
    "w-10",
    "w-10a",
    "w2",
    "wa",
    "x-1",
    "\xc3\xa4",
};

enum { COUNT = sizeof ORDER / sizeof ORDER[0] };

static int sign(int order)
{
    return (order > 0) - (order < 0);
}

START_TEST(names_stand_in_order)
{
    for (int i = 0; i < COUNT; i++) {
        for (int j = 0; j < COUNT; j++) {
            ck_assert_msg(sign(natural_compare(ORDER[i], ORDER[j])) == sign(i - j),
                          "\"%s\" and \"%s\"", ORDER[i], ORDER[j]);
        }
    }
}
END_TEST

/* Texts of few bytes, so that many pairs differ in zeros only, or in where a number ends. */
static void make(struct random *random, char text[12])
{
    static const char bytes[] = "0001129-ab";
    uint32_t length = random_below(random, 11);
    for (uint32_t i = 0; i < length; i++) {
        text[i] = bytes[random_below(random, sizeof bytes - 1)];
    }
    text[length] = '\0';
}

/* The order in slow and plain words: tokens as numbers, then zeros. */
static int judge(const char *a, const char *b)
{
    const char *p = a;
    const char *q = b;
    while (*p != '\0' && *q != '\0') {
        char *end_p = NULL;
        char *end_q = NULL;
        bool digits = strchr("0123456789", *p) != NULL && strchr("0123456789", *q) != NULL;
        uint64_t left = digits ? strtoull(p, &end_p, 10) : (unsigned char)*p;
        uint64_t right = digits ? strtoull(q, &end_q, 10) : (unsigned char)*q;
        if (left != right) {
            return left < right ? -1 : 1;
        }
        p = digits ? end_p : p + 1;
        q = digits ? end_q : q + 1;
    }
    if (*p != '\0' || *q != '\0') {
        return *p == '\0' ? -1 : 1;
    }
    return strlen(a) != strlen(b) ? (strlen(a) < strlen(b) ? -1 : 1) : 2; /* 2: the zeros decide */
}

START_TEST(it_is_a_total_order)
{
    struct random random = {.state = 11};
    char text[3][12];
    for (int round = 0; round < 300000; round++) {
        for (int i = 0; i < 3; i++) {
            make(&random, text[i]);
        }
        int ab = sign(natural_compare(text[0], text[1]));
        int bc = sign(natural_compare(text[1], text[2]));
        int ac = sign(natural_compare(text[0], text[2]));
        ck_assert_int_eq(ab, -sign(natural_compare(text[1], text[0])));
        ck_assert_int_eq(ab == 0, strcmp(text[0], text[1]) == 0);
        if (ab == bc || ab == 0 || bc == 0) {
            ck_assert_msg(ac == (ab == 0 ? bc : ab), "%s, %s, %s", text[0], text[1], text[2]);
        }
        int expected = judge(text[0], text[1]);
        ck_assert_msg(expected == 2 || expected == ab, "\"%s\" and \"%s\" gave %d", text[0],
                      text[1], ab);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("natural");
    TCase *tests = tcase_create("natural");
    tcase_add_test(tests, names_stand_in_order);
    tcase_add_test(tests, it_is_a_total_order);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
