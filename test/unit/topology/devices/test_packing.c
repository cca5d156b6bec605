// SPDX-License-Identifier: Apache-2.0
#include "topology/devices/packing.h"

#include <stdlib.h>

#include "test/unit/check_main.h"
#include "test/unit/topology/devices/oracle.h"

/* Random subsets (a random number of links for each mask) against taking each or not. */
START_TEST(test_random)
{
    struct random random = {5};
    for (int i = 0; i < 200; i++) {
        uint32_t gpus = 1 + random_below(&random, 9);
        uint32_t size = 1 + random_below(&random, gpus);
        uint32_t odds = 1 + random_below(&random, 6);
        uint16_t links[512];
        for (uint32_t mask = 0; mask < 512; mask++) {
            links[mask] = (uint16_t)(random_below(&random, odds) == 0 ? 7 : 3);
        }
        struct device_packing *packing = device_packing_create(gpus, size, 7, links);
        for (int trial = 0; trial < 5; trial++) {
            uint32_t mask = (uint32_t)random_word(&random) & ((UINT32_C(1) << gpus) - 1);
            uint64_t sets[512];
            uint32_t count = 0;
            for (uint32_t set = 1; set < UINT32_C(1) << gpus; set++) {
                if ((set & ~mask) == 0 && oracle_count(set) == size && links[set] >= 7) {
                    sets[count++] = set;
                }
            }
            ck_assert_int_eq((int)device_packing_count(packing, mask),
                             oracle_disjoint(sets, count, 0, 0, (int)gpus));
        }
        device_packing_destroy(packing);
    }
    device_packing_destroy(NULL);
}
END_TEST

/* Sixteen GPUs in eight bridged pairs: subsets of k with as many whole pairs as there can be. */
START_TEST(test_sixteen)
{
    static const uint32_t expected[] = {0, 16, 8, 5, 4, 3, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1};
    uint16_t *links = calloc(65536, sizeof *links);
    for (uint32_t mask = 0; mask < 65536; mask++) {
        for (uint32_t pair = 0; pair < 8; pair++) {
            links[mask] = (uint16_t)(links[mask] + ((mask >> 2 * pair & 3) == 3));
        }
    }
    for (uint32_t size = 1; size <= 16; size++) {
        struct device_packing *packing = device_packing_create(16, size, size / 2, links);
        ck_assert_uint_eq(device_packing_count(packing, 0xffff), expected[size]);
        ck_assert_uint_eq(device_packing_count(packing, 0), 0);
        device_packing_destroy(packing);
    }
    free(links);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("device_packing");
    TCase *tcase = tcase_create("device_packing");
    tcase_add_test(tcase, test_random);
    tcase_add_test(tcase, test_sixteen);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
