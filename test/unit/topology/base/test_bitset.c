// SPDX-License-Identifier: Apache-2.0
#include "topology/base/bitset.h"

#include <signal.h>
#include <string.h>

#include "test/unit/check_main.h"
#include "test/unit/topology/random.h"

/* The same set twice: as a bitset and as an array of bools. */
#define BITS_MAX 300

struct pair {
    struct bitset *set;
    bool model[BITS_MAX];
};

static void check_same(const struct pair *pair)
{
    size_t bits = bitset_bits(pair->set);
    size_t count = 0;
    size_t next = bitset_next(pair->set, 0);
    bool same = true;
    for (size_t i = 0; i < bits; i++) {
        same = same && bitset_test(pair->set, i) == pair->model[i];
        if (pair->model[i]) {
            same = same && next == i;
            next = bitset_next(pair->set, i + 1);
            count++;
        }
    }
    ck_assert(same);
    ck_assert_uint_eq(next, BITSET_END);
    ck_assert_uint_eq(bitset_count(pair->set), count);
}

static void check_ranges(const struct pair *a, const struct pair *b, struct random *random)
{
    uint32_t bits = (uint32_t)bitset_bits(a->set);
    uint32_t first = random_below(random, bits + 1);
    uint32_t end = first + random_below(random, bits - first + 1);
    size_t own = 0;
    size_t both = 0;
    for (uint32_t i = first; i < end; i++) {
        own += a->model[i];
        both += a->model[i] && b->model[i];
    }
    ck_assert_uint_eq(bitset_count_range(a->set, first, end), own);
    ck_assert_uint_eq(bitset_count_and_range(a->set, b->set, first, end), both);
}

static void change_one(struct pair *pair, struct random *random)
{
    uint32_t bits = (uint32_t)bitset_bits(pair->set);
    uint32_t bit = bits > 0 ? random_below(random, bits) : 0;
    uint32_t end = bits > 0 ? bit + random_below(random, bits - bit + 1) : 0;
    switch (random_below(random, 12)) {
    case 0:
        bitset_set_all(pair->set);
        memset(pair->model, true, bits);
        break;
    case 1:
        bitset_clear_all(pair->set);
        memset(pair->model, false, bits);
        break;
    case 2:
    case 3:
        bitset_set_range(pair->set, bit, end);
        memset(pair->model + bit, true, end - bit);
        break;
    case 4:
    case 5:
    case 6:
    case 7:
        if (bits > 0) {
            bitset_set(pair->set, bit);
            pair->model[bit] = true;
        }
        break;
    default:
        if (bits > 0) {
            bitset_clear(pair->set, bit);
            pair->model[bit] = false;
        }
        break;
    }
}

static void combine(struct pair *a, const struct pair *b, struct random *random)
{
    uint32_t operation = random_below(random, 3);
    for (size_t i = 0; i < bitset_bits(a->set); i++) {
        a->model[i] = operation == 0   ? a->model[i] && b->model[i]
                      : operation == 1 ? a->model[i] && !b->model[i]
                                       : a->model[i] || b->model[i];
    }
    if (operation == 0) {
        bitset_and(a->set, b->set);
    } else if (operation == 1) {
        bitset_and_not(a->set, b->set);
    } else {
        bitset_or(a->set, b->set);
    }
}

START_TEST(test_against_bools)
{
    static const size_t sizes[] = {0, 1, 2, 63, 64, 65, 127, 128, 129, 192, 299, 300};
    size_t bits = sizes[_i];
    struct random random = {(uint64_t)_i};
    struct pair pairs[2] = {{.set = bitset_create(bits)}, {.set = bitset_create(bits)}};
    for (int step = 0; step < 1500; step++) {
        struct pair *a = &pairs[step % 2];
        struct pair *b = &pairs[(step + 1) % 2];
        if (random_below(&random, 20) == 0) {
            combine(a, b, &random);
        } else {
            change_one(a, &random);
        }
        check_same(a);
        check_ranges(a, b, &random);
        bool equal = memcmp(a->model, b->model, bits) == 0;
        ck_assert_int_eq(bitset_equal(a->set, b->set), equal);
    }
    struct bitset *copy = bitset_copy(pairs[0].set);
    ck_assert(bitset_equal(copy, pairs[0].set));
    bitset_destroy(copy);
    bitset_destroy(pairs[0].set);
    bitset_destroy(pairs[1].set);
}
END_TEST

/* Every range whose ends lie at or beside a word boundary. */
START_TEST(test_ranges_at_word_boundaries)
{
    static const size_t edges[] = {0, 1, 62, 63, 64, 65, 126, 127, 128, 129, 190, 191, 192};
    enum { EDGES = sizeof edges / sizeof edges[0] };
    struct bitset *full = bitset_create(192);
    bitset_set_all(full);
    for (size_t i = 0; i < EDGES; i++) {
        for (size_t j = i; j < EDGES; j++) {
            struct bitset *set = bitset_create(192);
            bitset_set_range(set, edges[i], edges[j]);
            size_t length = edges[j] - edges[i];
            ck_assert_uint_eq(bitset_count(set), length);
            ck_assert_uint_eq(bitset_next(set, 0), length > 0 ? edges[i] : BITSET_END);
            ck_assert_uint_eq(bitset_next(set, edges[j]), BITSET_END);
            ck_assert_uint_eq(bitset_count_range(full, edges[i], edges[j]), length);
            ck_assert_uint_eq(bitset_count_and_range(full, set, 0, 192), length);
            bitset_destroy(set);
        }
    }
    bitset_destroy(full);
}
END_TEST

/* Bits past the end stay 0, or a universe of 65 would count 128. */
START_TEST(test_set_all_stops_at_the_end)
{
    struct bitset *set = bitset_create(65);
    bitset_set_all(set);
    ck_assert_uint_eq(bitset_count(set), 65);
    ck_assert_uint_eq(bitset_next(set, 65), BITSET_END);
    ck_assert_uint_eq(bitset_next(set, 1000), BITSET_END);
    bitset_destroy(set);
    bitset_destroy(NULL);
}
END_TEST

START_TEST(test_mistakes_abort)
{
    struct bitset *set = bitset_create(64);
    struct bitset *other = bitset_create(65);
    switch (_i) {
    case 0:
        bitset_set(set, 64);
        break;
    case 1:
        bitset_clear(set, 64);
        break;
    case 2:
        (void)bitset_test(set, 64);
        break;
    case 3:
        bitset_set_range(set, 0, 65);
        break;
    case 4:
        (void)bitset_count_range(set, 2, 1);
        break;
    case 5:
        bitset_and(set, other);
        break;
    case 6:
        bitset_and_not(set, other);
        break;
    case 7:
        bitset_or(set, other);
        break;
    case 8:
        (void)bitset_equal(set, other);
        break;
    default:
        (void)bitset_count_and_range(set, other, 0, 1);
        break;
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("topology/base/bitset");
    TCase *tcase = tcase_create("bitset");
    tcase_add_loop_test(tcase, test_against_bools, 0, 12);
    tcase_add_test(tcase, test_ranges_at_word_boundaries);
    tcase_add_test(tcase, test_set_all_stops_at_the_end);
    tcase_add_loop_test_raise_signal(tcase, test_mistakes_abort, SIGABRT, 0, 10);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
