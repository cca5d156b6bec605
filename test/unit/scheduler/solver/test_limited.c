// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/limited.h"

#include "test/unit/check_main.h"
#include "test/unit/scheduler/solver/bed.h"

/* Golden cases with limits and exclusions, and what a refusal says of them. Eight nodes of 8 GPUs
 * (bed.h). */

static struct bed bed;

static void setup(void)
{
    bed_init(&bed, eight, COUNT(eight));
}

static void teardown(void)
{
    bed_finish(&bed);
}

static const struct solver_shortfall *refused(void)
{
    ck_assert_str_eq(bed_solve(&bed), "");
    ck_assert(!bed.plan.feasible);
    return &bed.plan.shortfall;
}

START_TEST(one_of_a_rack)
{
    bed_role(&bed, 3, 1, 0);
    (void)bed_limit(&bed, "rack", 1, 1);
    ck_assert_str_eq(bed_solve(&bed), "n1 n3 n5");
    CHECK_USED(&bed, true, 1, 2, 3, 3);
}
END_TEST

START_TEST(two_of_a_node)
{
    bed_role(&bed, 4, 1, 0);
    (void)bed_limit(&bed, "host", 2, 1);
    ck_assert_str_eq(bed_solve(&bed), "n1 n1 n2 n2");
    CHECK_USED(&bed, true, 1, 1, 1, 2);
}
END_TEST

/* A launcher that shares no node with its workers. */
START_TEST(a_launcher_apart)
{
    bed_role(&bed, 1, 1, 0);
    bed_role(&bed, 4, 2, 0);
    (void)bed_apart(&bed, "host", 1, 2);
    ck_assert_str_eq(bed_solve(&bed), "n2 n1 n1 n1 n1");
    CHECK_USED(&bed, true, 1, 1, 1, 2);
}
END_TEST

START_TEST(a_limit_with_its_numbers)
{
    bed_role(&bed, 5, 1, 0);
    (void)bed_limit(&bed, "host", 4, 1);
    (void)bed_limit(&bed, "rack", 1, 1);
    const struct solver_shortfall *shortfall = refused();
    ck_assert(shortfall->proven);
    ck_assert(shortfall->limited);
    ck_assert_uint_eq(shortfall->limit, 2);
    ck_assert_uint_eq(shortfall->apart, 0);
    ck_assert_uint_eq(shortfall->limit_wanted, 5);
    ck_assert_uint_eq(shortfall->limit_fits, 4);
    ck_assert_uint_eq(shortfall->limit_domains, 4);
    ck_assert_uint_eq(shortfall->fits, 4);
    ck_assert_uint_eq(shortfall->missing, 1);
}
END_TEST

/* The numbers of a set are those of all its roles; those of single roles are enough. */
START_TEST(a_limit_of_two_roles)
{
    uint32_t pinned[] = {0};
    bed_role(&bed, 3, 1, 0);
    bed_role(&bed, 1, 1, 0);
    struct solver_limit *limit = bed_limit(&bed, "rack", 1, 3);
    ck_assert_str_eq(bed_solve(&bed), "n1 n3 n5 n7");
    limit->pinned = pinned;
    limit->pinned_count = 1;
    const struct solver_shortfall *shortfall = refused();
    ck_assert(shortfall->proven);
    ck_assert_uint_eq(shortfall->limit, 1);
    ck_assert_uint_eq(shortfall->limit_wanted, 4);
    ck_assert_uint_eq(shortfall->limit_fits, 3);
    ck_assert_uint_eq(shortfall->limit_domains, 3);
}
END_TEST

START_TEST(an_exclusion)
{
    bed_role(&bed, 3, 1, 0);
    bed_role(&bed, 1, 1, 0);
    (void)bed_apart(&bed, "block", 1, 2);
    bed_require(&bed, "block");
    const struct solver_shortfall *shortfall = refused();
    ck_assert(shortfall->limited);
    ck_assert_uint_eq(shortfall->limit, 0);
    ck_assert_uint_eq(shortfall->apart, 1);
    ck_assert_uint_eq(shortfall->alternative, 0);
}
END_TEST

/* Neither would do alone: none is named. */
START_TEST(two_limits_together)
{
    bed_role(&bed, 5, 1, 0);
    bed_role(&bed, 5, 1, 0);
    (void)bed_limit(&bed, "block", 3, 1);
    (void)bed_limit(&bed, "host", 1, 2);
    ck_assert_str_ne(bed_solve(&bed), "");
    bed.limits[1] = (struct solver_limit){.level = bed_level(&bed, "block"), .most = 2, .roles = 2};
    bed.roles[1].count = 4;
    (void)bed_apart(&bed, "block", 1, 2);
    const struct solver_shortfall *shortfall = refused();
    ck_assert(shortfall->limited);
    ck_assert_uint_eq(shortfall->limit, 0);
    ck_assert_uint_eq(shortfall->apart, 0);
}
END_TEST

/* Too little room is no limit's doing. */
START_TEST(short_without_limits_too)
{
    bed_role(&bed, 65, 1, 0);
    (void)bed_limit(&bed, "rack", 1, 1);
    const struct solver_shortfall *shortfall = refused();
    ck_assert(!shortfall->limited);
    ck_assert_uint_eq(shortfall->limit, 0);
}
END_TEST

START_TEST(not_told_of_a_question_with_a_budget)
{
    bed_role(&bed, 5, 1, 0);
    (void)bed_limit(&bed, "rack", 1, 1);
    uint64_t steps[2];
    for (int i = 0; i < 2; i++) {
        bed.problem.budget = i == 0 ? 0 : 1000000;
        ck_assert_int_eq(refused()->limited, i == 0);
        ck_assert_uint_eq(refused()->limit, i == 0);
        steps[i] = bed.plan.steps;
    }
    ck_assert_uint_lt(steps[1], steps[0]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/solver/limited");
    TCase *tcase = tcase_create("limited");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, one_of_a_rack);
    tcase_add_test(tcase, two_of_a_node);
    tcase_add_test(tcase, a_launcher_apart);
    tcase_add_test(tcase, a_limit_with_its_numbers);
    tcase_add_test(tcase, a_limit_of_two_roles);
    tcase_add_test(tcase, an_exclusion);
    tcase_add_test(tcase, two_limits_together);
    tcase_add_test(tcase, short_without_limits_too);
    tcase_add_test(tcase, not_told_of_a_question_with_a_budget);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
