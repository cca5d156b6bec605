// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/podsets.h"

#include "test/unit/check_main.h"
#include "test/unit/scheduler/solver/bed.h"
#include "topology/base/alloc.h"

/* Roles that have to share a domain beside others that need not.
 *
 *   block b1 ┬ rack r1   n1 8  n2 8  n3 8           GPUs; CPUs only on those that say so
 *            └ rack r2   n4 8  n5 8  n6 4
 *   block b2 ─ rack r3   n7 8  n8 8  n9 8  c1 0 GPUs, 64 CPUs
 *   …                    u1 8: no labels
 */

#define MANY 7

static const struct world_node some[] = {
    {"n1", "b1", "r1", 8, 8},  {"n2", "b1", "r1", 8, 8},  {"n3", "b1", "r1", 8, 8},
    {"n4", "b1", "r2", 8, 8},  {"n5", "b1", "r2", 8, 8},  {"n6", "b1", "r2", 4, 8},
    {"n7", "b2", "r3", 8, 8},  {"n8", "b2", "r3", 8, 8},  {"n9", "b2", "r3", 8, 8},
    {"c1", "b2", "r3", 0, 64}, {"u1", NULL, NULL, 8, 96}, {"u2", NULL, NULL, 8, 96},
    {"u3", NULL, NULL, 8, 96}, {"u4", NULL, NULL, 8, 96},
};

static struct solver_podset podsets[MANY];

static void setup_nodes(struct bed *bed, const struct world_node *nodes, size_t count)
{
    bed_init(bed, nodes, count);
    memset(podsets, 0, sizeof podsets);
    bed->problem.podsets = podsets;
}

static void setup(struct bed *bed)
{
    setup_nodes(bed, some, COUNT(some));
    bed->problem.podset_count = 3;
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

/* MANY roles of two pods, each a podset that wants one of these racks; in two blocks. */
static void setup_many(struct bed *bed)
{
    static const struct world_node racks[] = {
        {"n1", "b1", "r1", 8, 8}, {"n2", "b1", "r1", 8, 8}, {"n3", "b1", "r1", 8, 8},
        {"n4", "b1", "r2", 8, 8}, {"n5", "b1", "r2", 8, 8}, {"n6", "b1", "r2", 8, 8},
        {"n7", "b2", "r3", 8, 8}, {"n8", "b2", "r3", 8, 8}, {"n9", "b2", "r3", 8, 8},
    };
    setup_nodes(bed, racks, COUNT(racks));
    bed->problem.podset_count = MANY;
    bed->problem.budget = 1;
    for (uint32_t u = 0; u < MANY; u++) {
        bed_role(bed, 2, 8, 1);
        bed->roles[u].podset = u + 1;
        podsets[u].level = bed_level(bed, "rack");
    }
}

/* In place of the solver: every role stands on the first and the last of its nodes, and so in racks
 * apart, until its podset is kept in one; who has fewer nodes than pods cannot stand at all. Each
 * time the budget is used up. */
static void solve_far_apart(const struct solver_problem *problem, struct solver_plan *plan)
{
    uint32_t positions = domains_positions(problem->domains);
    solver_plan_finish(plan);
    plan->positions = alloc_zero(SOLVER_ROLES_MAX * 8, sizeof *plan->positions);
    plan->levels = domains_levels(problem->domains);
    plan->feasible = true;
    plan->steps = problem->budget;
    for (uint32_t r = 0; r < problem->role_count; r++) {
        const struct solver_role *role = &problem->roles[r];
        uint32_t first = DOMAINS_NONE, last = DOMAINS_NONE, count = 0;
        for (uint32_t p = 0; p < positions; p++) {
            if (role->excluded == NULL || !bitset_test(role->excluded, p)) {
                first = count++ == 0 ? p : first;
                last = p;
            }
        }
        plan->feasible = plan->feasible && count >= role->count;
        for (uint32_t i = 0; i < role->count; i++) {
            plan->positions[plan->count++] = i == 0 ? first : last;
        }
    }
    plan->shortfall.proven = !plan->feasible;
    plan->shortfall.wanted = 1;
}

/* However little may be spent: each podset gets its branch before the search gives up. */
START_TEST(each_of_many_podsets_has_its_branch)
{
    struct bed bed;
    setup_many(&bed);
    solver_podsets_solve(&bed.problem, solve_far_apart, &bed.plan);
    ck_assert(bed.plan.feasible);
    ck_assert_uint_eq(bed.plan.count, 2 * MANY);
    for (uint32_t i = 0; i < bed.plan.count; i += 2) {
        uint32_t rack = bed_level(&bed, "rack");
        ck_assert_uint_eq(domains_at(bed.world.domains, bed.plan.positions[i], rack),
                          domains_at(bed.world.domains, bed.plan.positions[i + 1], rack));
    }
    bed_finish(&bed);
}
END_TEST

/* Four of one role fit in no rack. They would in a block, while all others keep their racks. */
START_TEST(one_of_many_podsets_is_short)
{
    struct bed bed;
    setup_many(&bed);
    bed.roles[4].count = 4;
    solver_podsets_solve(&bed.problem, solve_far_apart, &bed.plan);
    ck_assert(!bed.plan.feasible);
    const struct solver_shortfall *shortfall = &bed.plan.shortfall;
    ck_assert(shortfall->proven && !shortfall->pinned_apart);
    ck_assert_uint_eq(shortfall->podset, 5);
    ck_assert_uint_eq(shortfall->role, 4);
    ck_assert_uint_eq(shortfall->level, bed_level(&bed, "rack"));
    ck_assert_uint_eq(shortfall->wanted, 4);
    ck_assert_uint_eq(shortfall->fits, 3);
    ck_assert_uint_eq(shortfall->missing, 1);
    check_domain(&bed, shortfall->domain, "b1/r1");
    ck_assert_uint_eq(shortfall->alternative, bed_level(&bed, "block"));
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
    tcase_add_test(tcase, each_of_many_podsets_has_its_branch);
    tcase_add_test(tcase, one_of_many_podsets_is_short);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
