// SPDX-License-Identifier: Apache-2.0
#include "topology/base/checksum.h"

#include <string.h>

#include "test/unit/check_main.h"
#include "test/unit/topology/random.h"

static struct checksum checksum;

/* RFC 3720, appendix B.4, and the check value of the CRC catalogue. */
START_TEST(test_known_values)
{
    uint8_t bytes[32];
    ck_assert_uint_eq(checksum_add(&checksum, 0, "123456789", 9), 0xe3069283);
    memset(bytes, 0, sizeof bytes);
    ck_assert_uint_eq(checksum_add(&checksum, 0, bytes, 32), 0x8a9136aa);
    memset(bytes, 0xff, sizeof bytes);
    ck_assert_uint_eq(checksum_add(&checksum, 0, bytes, 32), 0x62a8ab43);
    for (int i = 0; i < 32; i++) {
        bytes[i] = (uint8_t)i;
    }
    ck_assert_uint_eq(checksum_add(&checksum, 0, bytes, 32), 0x46dd794e);
    ck_assert_uint_eq(checksum_add(&checksum, 0, NULL, 0), 0);
}
END_TEST

/* In pieces of any length it is the same, and the same as bit by bit. */
START_TEST(test_pieces)
{
    struct random random = {7};
    uint8_t bytes[257];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)random_word(&random);
    }
    uint32_t slow = UINT32_MAX;
    for (size_t i = 0; i < sizeof bytes; i++) {
        slow ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            slow = slow >> 1 ^ (0x82f63b78u & (0u - (slow & 1)));
        }
    }
    ck_assert_uint_eq(checksum_add(&checksum, 0, bytes, sizeof bytes), ~slow);
    for (size_t cut = 0; cut <= sizeof bytes; cut++) {
        uint32_t sum = checksum_add(&checksum, 0, bytes, cut);
        ck_assert_uint_eq(checksum_add(&checksum, sum, bytes + cut, sizeof bytes - cut), ~slow);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("topology/base/checksum");
    TCase *tcase = tcase_create("checksum");
    checksum_init(&checksum);
    tcase_add_test(tcase, test_known_values);
    tcase_add_test(tcase, test_pieces);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
