// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/podsets.h"

#include "test/unit/check_main.h"
#include "test/unit/scheduler/solver/bed.h"

/* Roles that have to share a domain beside others that need not.
 *
 *   block b1 ┬ rack r1   n1 8  n2 8  n3 8           GPUs; CPUs only on those that say so
 *            └ rack r2   n4 8  n5 8  n6 4
 *   block b2 ─ rack r3   n7 8  n8 8  n9 8  c1 0 GPUs, 64 CPUs
 *   …                    u1 8: no labels
 */

static const struct world_node some[] = {
    {"n1", "b1", "r1", 8, 8},  {"n2", "b1", "r1", 8, 8},  {"n3", "b1", "r1", 8, 8},
    {"n4", "b1", "r2", 8, 8},  {"n5", "b1", "r2", 8, 8},  {"n6", "b1", "r2", 4, 8},
    {"n7", "b2", "r3", 8, 8},  {"n8", "b2", "r3", 8, 8},  {"n9", "b2", "r3", 8, 8},
    {"c1", "b2", "r3", 0, 64}, {"u1", NULL, NULL, 8, 96}, {"u2", NULL, NULL, 8, 96},
    {"u3", NULL, NULL, 8, 96}, {"u4", NULL, NULL, 8, 96},
};

static struct solver_podset podsets[3];

static void setup(struct bed *bed)
{
    bed_init(bed, some, COUNT(some));
    memset(podsets, 0, sizeof podsets);
    bed->problem.podsets = podsets;
    bed->problem.podset_count = COUNT(podsets);
}

/* Three workers of one rack, and a driver that finds room in none with three. */
START_TEST(workers_share_a_rack_and_the_driver_does_not)
{
    struct bed bed;
    setup(&bed);
    bed_role(&bed, 1, 8, 64); /* the unlabelled nodes alone */
    bed_role(&bed, 3, 8, 4);
    podsets[0].level = bed_level(&bed, "rack");
    bed.roles[1].podset = 1;
    ck_assert_str_eq(bed_solve(&bed), "u1 n7 n8 n9");
    CHECK_USED(&bed, true, 1, 2, 2, 4);
    bed.roles[0].podset = 2; /* with a rack of its own it has none */
    podsets[1].level = bed_level(&bed, "rack");
    ck_assert_str_eq(bed_solve(&bed), "");
    ck_assert(bed.plan.shortfall.proven);
    ck_assert_uint_eq(bed.plan.shortfall.podset, 2);
    ck_assert_uint_eq(bed.plan.shortfall.role, 0);
    ck_assert_uint_eq(bed.plan.shortfall.level, bed_level(&bed, "rack"));
    ck_assert_uint_eq(bed.plan.shortfall.missing, 1);
    ck_assert_uint_eq(bed.plan.shortfall.alternative, 0);
    bed_finish(&bed);
}
END_TEST

/* Without the podset two racks do; no rack takes four, although the cluster would. */
START_TEST(no_domain_takes_them)
{
    struct bed bed;
    setup(&bed);
    bed_role(&bed, 1, 0, 1);
    bed_role(&bed, 4, 8, 1);
    podsets[0].level = bed_level(&bed, "rack");
    bed.roles[1].podset = 1;
    ck_assert_str_eq(bed_solve(&bed), "");
    const struct solver_shortfall *shortfall = &bed.plan.shortfall;
    ck_assert(shortfall->proven);
    ck_assert_uint_eq(shortfall->podset, 1);
    ck_assert_uint_eq(shortfall->role, 1);
    ck_assert_uint_eq(shortfall->level, bed_level(&bed, "rack"));
    ck_assert_uint_eq(shortfall->wanted, 4);
    ck_assert_uint_eq(shortfall->fits, 3);
    ck_assert_uint_eq(shortfall->missing, 1);
    ck_assert_uint_eq(shortfall->alternative, bed_level(&bed, "block"));
    check_domain(&bed, shortfall->domain, "b1/r1");
    bed.roles[1].podset = 0;
    (void)bed_solve(&bed);
    CHECK_USED(&bed, true, 1, 1, 2, 4);
    bed_finish(&bed);
}
END_TEST

/* Each alone finds a rack; tied they have to find one together. */
START_TEST(tied_roles_share_a_domain)
{
    struct bed bed;
    setup(&bed);
    bed_role(&bed, 2, 8, 1);
    bed_role(&bed, 2, 8, 2);
    podsets[0].level = podsets[1].level = bed_level(&bed, "rack");
    bed.roles[0].podset = 1;
    bed.roles[1].podset = 2;
    ck_assert_str_eq(bed_solve(&bed), "n4 n5 n1 n2");
    CHECK_USED(&bed, true, 1, 1, 2, 4);
    bed.roles[1].podset = 1;
    ck_assert_str_eq(bed_solve(&bed), "");
    ck_assert(bed.plan.shortfall.proven);
    bed.roles[1].count = 1;
    (void)bed_solve(&bed);
    CHECK_USED(&bed, true, 1, 1, 1, 3);
    bed_finish(&bed);
}
END_TEST

/* Those who are where they are keep their own podset there, and nobody else. */
START_TEST(pinned_members_keep_their_podset)
{
    struct bed bed;
    setup(&bed);
    bed_role(&bed, 2, 8, 1);
    bed_pin(&bed, "n7");
    ck_assert_str_eq(bed_solve(&bed), "n7 n8"); /* the pinned one takes no room here */
    podsets[0].level = bed_level(&bed, "rack");
    bed.roles[0].podset = 1;
    ck_assert_str_eq(bed_solve(&bed), "n7 n8"); /* near it, as it likes */
    const uint32_t here[] = {world_position(&bed.world, "n4")};
    bed_pin(&bed, "n4");
    podsets[0].pinned = here;
    podsets[0].pinned_count = 1;
    ck_assert_str_eq(bed_solve(&bed), "n4 n5");
    CHECK_USED(&bed, true, 1, 2, 2, 3);
    const uint32_t apart[] = {world_position(&bed.world, "n4"), world_position(&bed.world, "n7")};
    podsets[0].pinned = apart;
    podsets[0].pinned_count = 2;
    ck_assert_str_eq(bed_solve(&bed), "");
    ck_assert(bed.plan.shortfall.pinned_apart && bed.plan.shortfall.proven);
    bed_finish(&bed);
}
END_TEST

/* Both hold: the level of all, and a narrower one of some. */
START_TEST(nested_levels)
{
    struct bed bed;
    setup(&bed);
    bed_role(&bed, 3, 8, 1);
    bed_role(&bed, 4, 1, 1);
    bed_require(&bed, "block");
    podsets[0].level = bed_level(&bed, "host");
    bed.roles[1].podset = 1;
    ck_assert_str_eq(bed_solve(&bed), "n1 n2 n3 n6 n6 n6 n6");
    bed_finish(&bed);
}
END_TEST

/* Two plans touch as many domains; the preferred level decides between them, and costs nothing. */
START_TEST(a_preferred_level_comes_last)
{
    struct bed bed;
    setup(&bed);
    bed_role(&bed, 3, 8, 1);
    bed_role(&bed, 2, 4, 1);
    bed_require(&bed, "block");
    podsets[0].preferred_level = bed_level(&bed, "rack");
    bed.roles[0].podset = 1;
    (void)bed_solve(&bed);
    CHECK_USED(&bed, true, 1, 1, 2, 4);
    uint32_t rack = domains_at(bed.world.domains, bed.plan.positions[0], bed_level(&bed, "rack"));
    for (uint32_t i = 1; i < 3; i++) {
        ck_assert_uint_eq(
            domains_at(bed.world.domains, bed.plan.positions[i], bed_level(&bed, "rack")), rack);
    }
    podsets[0].preferred_level = bed_level(&bed, "host"); /* not to be had */
    (void)bed_solve(&bed);
    CHECK_USED(&bed, true, 1, 1, 2, 4);
    bed_finish(&bed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/solver/podsets");
    TCase *tcase = tcase_create("podsets");
    tcase_add_test(tcase, workers_share_a_rack_and_the_driver_does_not);
    tcase_add_test(tcase, no_domain_takes_them);
    tcase_add_test(tcase, tied_roles_share_a_domain);
    tcase_add_test(tcase, pinned_members_keep_their_podset);
    tcase_add_test(tcase, nested_levels);
    tcase_add_test(tcase, a_preferred_level_comes_last);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
