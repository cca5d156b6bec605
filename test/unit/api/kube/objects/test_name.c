// SPDX-License-Identifier: Apache-2.0
#include "api/kube/objects/name.h"

#include <string.h>

#include "test/unit/check_main.h"

START_TEST(names)
{
    static const char *const good[] = {"a", "0", "w-0", "a.b", "ip-10-0-0-1.ec2.internal", "a--b"};
    static const char *const bad[] = {"",   ".",   "..",   "a..b", "-a",   "a-",  "a.",
                                      ".a", "a/b", "../a", "%2e",  "A",    "a b", "a\x1b",
                                      "ä",  "a?b", "a#b",  "a-.b", "a.-b", "a_b"};
    char longest[NAME_MAX_LENGTH + 2];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        ck_assert_msg(name_is_valid(good[i]), "%s", good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(!name_is_valid(bad[i]), "%s", bad[i]);
    }
    memset(longest, 'a', sizeof longest);
    longest[NAME_MAX_LENGTH + 1] = '\0';
    ck_assert(!name_is_valid(longest));
    longest[NAME_MAX_LENGTH] = '\0';
    ck_assert(name_is_valid(longest));
}
END_TEST

START_TEST(uids)
{
    char longest[UID_MAX_LENGTH + 2];
    ck_assert(name_is_uid("6ba7b810-9dad-11d1-80b4-00c04fd430c8"));
    ck_assert(name_is_uid("uid:default:w-0"));
    ck_assert(!name_is_uid(""));
    ck_assert(!name_is_uid("a b"));
    ck_assert(name_is_uid("Pod/default/w-0#2")); /* of the embedded cluster */
    ck_assert(!name_is_uid("a\\b"));
    ck_assert(!name_is_uid("a\"b"));
    ck_assert(!name_is_uid("a\x1b"));
    ck_assert(!name_is_uid("\xc3\xa4"));
    memset(longest, 'a', sizeof longest);
    longest[UID_MAX_LENGTH + 1] = '\0';
    ck_assert(!name_is_uid(longest));
    longest[UID_MAX_LENGTH] = '\0';
    ck_assert(name_is_uid(longest));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api/kube/objects/name");
    TCase *tests = tcase_create("name");
    tcase_add_test(tests, names);
    tcase_add_test(tests, uids);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
