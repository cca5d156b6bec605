// SPDX-License-Identifier: Apache-2.0
/* A list of minimums is read strictly, and what is wrong with it is said. */
#include "scheduler/state/minimums.h"

#include <stdio.h>
#include <string.h>

#include "test/unit/check_main.h"

START_TEST(lists)
{
    struct minimums minimums = {.count = 0};
    minimums_add(&minimums, " worker = 3 ,master=1");
    ck_assert_str_eq(minimums.fault, "");
    ck_assert_uint_eq(minimums.count, 2);
    ck_assert_str_eq(minimums.items[0].role, "master");
    ck_assert_int_eq(minimums.items[0].least, 1);
    ck_assert_str_eq(minimums.items[1].role, "worker");
    ck_assert_int_eq(minimums.items[1].least, 3);
    ck_assert_int_eq(minimums_sum(&minimums), 4);
    minimums_add(&minimums, "worker=2,ps=2147483647"); /* the greater one counts */
    ck_assert_uint_eq(minimums.count, 3);
    ck_assert_int_eq(minimums.items[2].least, 3);
    ck_assert_int_eq(minimums_sum(&minimums), INT32_MAX);
    minimums_add(&minimums, "worker=7");
    ck_assert_int_eq(minimums.items[2].least, 7);
}
END_TEST

static const struct {
    const char *text, *fault;
} bad[] = {
    {"", "\"\" is no role=number"},
    {"worker", "\"worker\" is no role=number"},
    {"master=1,", "\"\" is no role=number"},
    {" = 3", "\"= 3\" names no role"},
    {"worker=", "role \"worker\" is \"\", must be a whole number, 1 or more"},
    {"worker=0", "role \"worker\" is \"0\", must be a whole number, 1 or more"},
    {"worker=-1", "role \"worker\" is \"-1\", must be a whole number, 1 or more"},
    {"worker=1.5", "role \"worker\" is \"1.5\", must be a whole number, 1 or more"},
    {"worker=2147483648", "role \"worker\" is \"2147483648\", must be a whole number, 1 or more"},
    {"worker=1=2", "role \"worker\" is \"1=2\", must be a whole number, 1 or more"},
    {"master=1,worker=3,master=1", "role \"master\" is there twice"},
    {"a=1,b=1,c=1,d=1,e=1,f=1,g=1,h=1,i=1,j=1,k=1,l=1,m=1,n=1,o=1,p=1,q=1", "more than 16 roles"},
    {"wörker", "\"wörker\" is no role=number"},
};

START_TEST(faults)
{
    struct minimums minimums = {.count = 0};
    minimums_add(&minimums, "master=1");
    minimums_add(&minimums, bad[_i].text);
    ck_assert_str_eq(minimums.fault, bad[_i].fault);
    ck_assert_uint_eq(minimums.count, 0);
    minimums_add(&minimums, "master=1"); /* nothing is half obeyed */
    ck_assert_uint_eq(minimums.count, 0);
    ck_assert_str_eq(minimums.fault, bad[_i].fault);
}
END_TEST

START_TEST(long_ones)
{
    static char text[MINIMUMS_TEXT_MAX + 2];
    struct minimums minimums = {.count = 0};
    memset(text, 'r', MINIMUMS_ROLE_MAX);
    memcpy(text + MINIMUMS_ROLE_MAX, "=1", 3);
    minimums_add(&minimums, text);
    ck_assert_uint_eq(minimums.count, 1);
    memset(text, 'r', MINIMUMS_ROLE_MAX + 1);
    memcpy(text + MINIMUMS_ROLE_MAX + 1, "=1", 3);
    minimums_add(&minimums, text);
    ck_assert_ptr_nonnull(strstr(minimums.fault, "has more than 63 bytes"));
    minimums = (struct minimums){.count = 0};
    memset(text, ' ', MINIMUMS_TEXT_MAX + 1);
    memcpy(text + MINIMUMS_TEXT_MAX - 2, "r=1", 3);
    minimums_add(&minimums, text);
    ck_assert_str_eq(minimums.fault, "more than 2048 bytes");
    minimums = (struct minimums){.count = 0};
    minimums_add(&minimums, text + 1);
    ck_assert_str_eq(minimums.fault, "");
}
END_TEST

/* Two lists may come to more roles than one may have. */
START_TEST(together_too_many)
{
    struct minimums minimums = {.count = 0};
    minimums_add(&minimums, "a=1,b=1,c=1,d=1,e=1,f=1,g=1,h=1,i=1,j=1,k=1,l=1,m=1,n=1,o=1,p=1");
    ck_assert_uint_eq(minimums.count, ROLE_MINIMUMS_MAX);
    minimums_add(&minimums, "p=2");
    ck_assert_uint_eq(minimums.count, ROLE_MINIMUMS_MAX);
    minimums_add(&minimums, "q=1");
    ck_assert_str_eq(minimums.fault, "more than 16 roles");
    ck_assert_uint_eq(minimums.count, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/state/minimums");
    TCase *tcase = tcase_create("minimums");
    tcase_add_test(tcase, lists);
    tcase_add_loop_test(tcase, faults, 0, sizeof bad / sizeof bad[0]);
    tcase_add_test(tcase, long_ones);
    tcase_add_test(tcase, together_too_many);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
