// SPDX-License-Identifier: Apache-2.0
#include "api/ops/identity.h"

#include <string.h>
#include <unistd.h>

#include "test/unit/check_main.h"

START_TEST(the_same_socket_is_the_same_process)
{
    char one[256], two[256];
    identity_make(one, sizeof one, "127.0.0.1", 10270);
    identity_make(two, sizeof two, "127.0.0.1", 10270);
    ck_assert_str_eq(one, two);
}
END_TEST

START_TEST(another_socket_is_another_process)
{
    static const struct {
        const char *address;
        uint16_t port;
    } others[] = {{"127.0.0.1", 10271}, {"127.0.0.2", 10270}, {"::1", 10270}, {"127.0.0.11", 270}};
    char one[256], two[256];
    identity_make(one, sizeof one, "127.0.0.1", 10270);
    for (size_t i = 0; i < 4; i++) {
        identity_make(two, sizeof two, others[i].address, others[i].port);
        ck_assert_str_ne(one, two);
    }
}
END_TEST

START_TEST(people_can_tell_the_host)
{
    char host[256] = "", identity[256], small[8];
    ck_assert_int_eq(gethostname(host, 64), 0);
    identity_make(identity, sizeof identity, "127.0.0.1", 1);
    ck_assert_int_eq(strncmp(identity, host, strlen(host)), 0);
    ck_assert_uint_eq(strlen(identity), strlen(host) + 17);
    identity_make(small, sizeof small, "127.0.0.1", 1);
    ck_assert_uint_lt(strlen(small), sizeof small);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api/ops/identity");
    TCase *identity = tcase_create("identity");
    tcase_add_test(identity, the_same_socket_is_the_same_process);
    tcase_add_test(identity, another_socket_is_another_process);
    tcase_add_test(identity, people_can_tell_the_host);
    suite_add_tcase(suite, identity);
    return check_main(suite);
}
