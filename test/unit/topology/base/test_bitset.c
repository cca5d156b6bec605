// SPDX-License-Identifier: Apache-2.0
#include "topology/base/bitset.h"

#include <signal.h>

#include "test/unit/check_main.h"
#include "test/unit/topology/random.h"

#define BITS_MAX 300

/* The same set twice: as a bitset and as an array of bools. */
static void check_same(const struct bitset *set, const bool model[BITS_MAX])
{
    size_t bits = bitset_bits(set);
    size_t next = bitset_next(set, 0);
    bool same = true;
    for (size_t i = 0; i < bits; i++) {
        same = same && bitset_test(set, i) == model[i];
        if (model[i]) {
            same = same && next == i;
            next = bitset_next(set, i + 1);
        }
    }
    ck_assert(same);
    ck_assert_uint_eq(next, BITSET_END);
    ck_assert_uint_eq(bitset_next(set, bits), BITSET_END);
    ck_assert_uint_eq(bitset_next(set, bits + 1000), BITSET_END);
}

START_TEST(test_against_bools)
{
    static const size_t sizes[] = {0, 1, 2, 63, 64, 65, 127, 128, 129, 192, 299, 300};
    size_t bits = sizes[_i];
    struct random random = {(uint64_t)_i};
    struct bitset *set = bitset_create(bits);
    bool model[BITS_MAX] = {false};
    check_same(set, model);
    for (size_t step = 0; step < 3 * bits; step++) {
        uint32_t bit = random_below(&random, (uint32_t)bits);
        struct bitset *copy = bitset_copy(set);
        bitset_set(set, bit);
        check_same(copy, model); /* apart from what it was made of */
        model[bit] = true;
        check_same(set, model);
        bitset_destroy(copy);
    }
    bitset_destroy(set);
    bitset_destroy(NULL);
}
END_TEST

START_TEST(test_mistakes_abort)
{
    struct bitset *set = bitset_create(64);
    if (_i == 0) {
        bitset_set(set, 64);
    } else {
        (void)bitset_test(set, 64);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("topology/base/bitset");
    TCase *tcase = tcase_create("bitset");
    tcase_add_loop_test(tcase, test_against_bools, 0, 12);
    tcase_add_loop_test_raise_signal(tcase, test_mistakes_abort, SIGABRT, 0, 2);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
