// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/ranks.h"

#include <signal.h>

#include "test/unit/check_main.h"
#include "test/unit/scheduler/solver/bed.h"

/* Positions 0 … 7 are nodes n1 … n8, two to a rack, two racks to a block:
 *
 *   block     b1 (1)              b2 (4)
 *   rack      r1 (2)    r2 (3)    r3 (5)    r4 (6)         domain numbers
 *   position  0    1    2    3    4    5    6    7
 */

enum { NOT = -1 };

static struct world world;

static void setup(void)
{
    world_init(&world, eight, COUNT(eight));
}

static void teardown(void)
{
    world_finish(&world);
}

/* One member: its slices, and where they were started or NOT, widest layer first. */
struct row {
    uint32_t slice[2];
    int started[2];
};

static void check_deal(const struct solver_layer *layers, uint32_t layer_count,
                       const struct row *rows, const uint32_t *positions, uint32_t count,
                       const uint32_t *expected)
{
    struct ranks_member members[16];
    uint32_t dealt[16];
    memset(members, 0, sizeof members);
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t l = 0; l < layer_count; l++) {
            members[i].slice[l] = rows[i].slice[l];
            members[i].started[l] =
                rows[i].started[l] == NOT ? DOMAINS_NONE : (uint32_t)rows[i].started[l];
        }
    }
    ranks_deal(world.domains, layers, layer_count, members, positions, count, dealt);
    for (uint32_t i = 0; expected != NULL && i < count; i++) {
        ck_assert_msg(dealt[i] == expected[i], "member %u: %u", i, dealt[i]);
    }
}

START_TEST(as_they_come)
{
    static const struct row rows[5] = {{{0}, {0}}};
    static const uint32_t positions[] = {1, 1, 3, 3, 7};
    check_deal(NULL, 0, rows, positions, 5, positions);
    check_deal(NULL, 0, rows, positions, 1, positions);
    check_deal(NULL, 0, rows, positions, 0, positions);
}
END_TEST

START_TEST(new_slices_in_order)
{
    static const struct solver_layer layers[] = {{.level = 2, .size = 2}};
    static const struct row rows[] = {{{0}, {NOT}}, {{0}, {NOT}}, {{1}, {NOT}}, {{1}, {NOT}}};
    static const uint32_t positions[] = {0, 1, 6, 6};
    check_deal(layers, 1, rows, positions, 4, positions);
}
END_TEST

/* Slice 1 began in rack r1, so r1 is for members 2 and 3; the new slice 0 gets r3. */
START_TEST(a_started_slice_goes_home)
{
    static const struct solver_layer layers[] = {{.level = 2, .size = 2}};
    static const struct row rows[] = {{{0}, {NOT}}, {{0}, {NOT}}, {{1}, {2}}, {{1}, {2}}};
    static const uint32_t positions[] = {0, 1, 4, 5};
    static const uint32_t expected[] = {4, 5, 0, 1};
    check_deal(layers, 1, rows, positions, 4, expected);
}
END_TEST

/* r3 holds one pod for the slice that began there and a whole new slice beside it. */
START_TEST(a_new_slice_beside_a_started_one)
{
    static const struct solver_layer layers[] = {{.level = 2, .size = 2}};
    static const struct row rows[] = {
        {{0}, {NOT}}, {{0}, {NOT}}, {{1}, {5}}, {{2}, {NOT}}, {{2}, {NOT}}};
    static const uint32_t positions[] = {2, 3, 4, 4, 5};
    static const uint32_t expected[] = {2, 3, 4, 4, 5}; /* in rank order inside the rack */
    check_deal(layers, 1, rows, positions, 5, expected);
}
END_TEST

/* Members 0 and 1 are a new pair of the quad that began in b2; 2 … 5 a new quad. */
START_TEST(two_layers)
{
    static const struct solver_layer layers[] = {{.level = 1, .size = 4}, {.level = 2, .size = 2}};
    static const struct row rows[] = {{{0, 1}, {4, NOT}},   {{0, 1}, {4, NOT}},
                                      {{1, 2}, {NOT, NOT}}, {{1, 2}, {NOT, NOT}},
                                      {{1, 3}, {NOT, NOT}}, {{1, 3}, {NOT, NOT}}};
    static const uint32_t positions[] = {0, 1, 2, 3, 6, 7};
    static const uint32_t expected[] = {6, 7, 0, 1, 2, 3};
    check_deal(layers, 2, rows, positions, 6, expected);
}
END_TEST

/* One pod of the pair that began in r4, and the other pair of the same quad, new, in r3. */
START_TEST(an_inner_slice_goes_home)
{
    static const struct solver_layer layers[] = {{.level = 1, .size = 4}, {.level = 2, .size = 2}};
    static const struct row rows[] = {{{0, 0}, {4, 6}}, {{0, 1}, {4, NOT}}, {{0, 1}, {4, NOT}}};
    static const uint32_t positions[] = {4, 5, 7};
    static const uint32_t expected[] = {7, 4, 5};
    check_deal(layers, 2, rows, positions, 3, expected);
}
END_TEST

/* Slices per node: the place is a position. */
START_TEST(slices_of_a_node)
{
    static const struct solver_layer layers[] = {{.level = 3, .size = 2}};
    static const struct row rows[] = {{{0}, {NOT}}, {{0}, {NOT}}, {{1}, {3}}};
    static const uint32_t positions[] = {3, 5, 5};
    static const uint32_t expected[] = {5, 5, 3};
    check_deal(layers, 1, rows, positions, 3, expected);
}
END_TEST

/* ---- positions that are no solution ---- */

START_TEST(a_split_slice_aborts)
{
    static const struct solver_layer layers[] = {{.level = 2, .size = 2}};
    static const struct row rows[] = {{{0}, {NOT}}, {{0}, {NOT}}};
    static const uint32_t positions[] = {0, 4};
    check_deal(layers, 1, rows, positions, 2, NULL);
}
END_TEST

START_TEST(a_started_slice_elsewhere_aborts)
{
    static const struct solver_layer layers[] = {{.level = 2, .size = 2}};
    static const struct row rows[] = {{{0}, {5}}};
    static const uint32_t positions[] = {0};
    check_deal(layers, 1, rows, positions, 1, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ranks");
    TCase *tcase = tcase_create("deal");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, as_they_come);
    tcase_add_test(tcase, new_slices_in_order);
    tcase_add_test(tcase, a_started_slice_goes_home);
    tcase_add_test(tcase, a_new_slice_beside_a_started_one);
    tcase_add_test(tcase, two_layers);
    tcase_add_test(tcase, an_inner_slice_goes_home);
    tcase_add_test(tcase, slices_of_a_node);
    tcase_add_test_raise_signal(tcase, a_split_slice_aborts, SIGABRT);
    tcase_add_test_raise_signal(tcase, a_started_slice_elsewhere_aborts, SIGABRT);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
