// SPDX-License-Identifier: Apache-2.0
#include "topology/base/utf8.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "test/unit/check_main.h"

/* jansson's validator is another one, and must agree. */
static void compare(const unsigned char *bytes, size_t length)
{
    const char *text = (const char *)bytes;
    json_t *json = json_stringn(text, length);
    bool valid = json != NULL;
    json_decref(json);
    ck_assert_msg((utf8_character(text, length) == length) == valid, "%02x %02x %02x %02x",
                  bytes[0], bytes[1], bytes[2], bytes[3]);
}

static const unsigned char later[] = {0x00, 0x7F, 0x80, 0xBF, 0xC0, 0xFF};

/* Every first byte of a longer character with every second one, and what may follow them. */
START_TEST(jansson_agrees)
{
    for (unsigned first = 0; first <= 0xFF; first++) {
        compare((const unsigned char[]){(unsigned char)first, 0, 0, 0}, 1);
        for (unsigned second = 0; second <= 0xFF && first >= 0x80; second++) {
            for (size_t k = 0; k < sizeof later * sizeof later; k++) {
                const unsigned char bytes[] = {(unsigned char)first, (unsigned char)second,
                                               later[k / sizeof later], later[k % sizeof later]};
                compare(bytes, first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4);
            }
        }
    }
}
END_TEST

START_TEST(a_character_that_is_cut_off)
{
    static const char *const characters[] = {"é", "€", "😀"};
    for (size_t i = 0; i < 3; i++) {
        size_t length = strlen(characters[i]);
        ck_assert_uint_eq(utf8_character(characters[i], length + 1), length);
        for (size_t cut = 0; cut < length; cut++) {
            ck_assert_uint_eq(utf8_character(characters[i], cut), 0);
        }
    }
}
END_TEST

static const struct {
    const char *text;
    size_t most;
    size_t length;
} cuts[] = {
    {"", 0, 0},
    {"", 5, 0},
    {"abc", 0, 0},
    {"abc", 2, 2},
    {"abc", 3, 3},
    {"abc", 4, 3},
    {"aé", 2, 1},
    {"aé", 3, 3},
    {"a😀", 4, 1},
    {"a😀b", 5, 5},
    {"\x80\x80\x80", 2, 0},
    {"é", 1, 0},
    {"\xFF\xFF", 1, 1} /* not a character, and not inside one */,
};

START_TEST(cut_between_characters)
{
    ck_assert_uint_eq(utf8_cut(cuts[_i].text, cuts[_i].most), cuts[_i].length);
}
END_TEST

static const struct {
    const char *text;
    const char *cut; /* to at most 4 bytes */
} precisions[] = {
    {"abc", "abc"},
    {"abcde", "abcd"},
    {"abcé", "abc"},
    {"abé", "abé"},
    {"€€", "€"},
    {"a😀", "a"},
    {"😀😀", "😀"},
    {"abc😀", "abc"},
    {"ab\xFF"
     "c",
     "ab?c"},
    {"\xA9"
     "bc",
     "?bc"},
    {"\xC3"
     "abc",
     "abc"},
    {"\xF0\x9F"
     "ab",
     "ab"},
    {"\xC0\xAF"
     "ab",
     "??ab"},
    {"\xED\xA0\x80", "???"},
    {"\xF5"
     "abc",
     "?abc"},
    {"é", "é"},
    {"", ""},
};

/* A precision cuts anywhere; what stands behind it is kept. */
START_TEST(printed_with_a_precision)
{
    char text[64];
    size_t length = utf8_print(text, sizeof text, "<%.4s|%s>", precisions[_i].text, "é");
    char wanted[64];
    snprintf(wanted, sizeof wanted, "<%s|é>", precisions[_i].cut);
    ck_assert_str_eq(text, wanted);
    ck_assert_uint_eq(length, strlen(text));
}
END_TEST

/* So does the size, at every byte of the text. */
START_TEST(printed_into_little_room)
{
    static const char whole[] = "aé€😀b";
    for (size_t size = 1; size <= sizeof whole; size++) {
        char text[sizeof whole];
        size_t length = utf8_print(text, size, "%s", whole);
        ck_assert_uint_eq(length, utf8_cut(whole, size - 1));
        ck_assert_uint_eq(length, strlen(text));
        ck_assert_int_eq(memcmp(text, whole, length), 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("utf8");
    TCase *tests = tcase_create("utf8");
    tcase_add_test(tests, jansson_agrees);
    tcase_add_test(tests, a_character_that_is_cut_off);
    tcase_add_loop_test(tests, cut_between_characters, 0, (int)(sizeof cuts / sizeof cuts[0]));
    tcase_add_loop_test(tests, printed_with_a_precision, 0,
                        (int)(sizeof precisions / sizeof precisions[0]));
    tcase_add_test(tests, printed_into_little_room);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
