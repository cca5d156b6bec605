// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/prices.h"

#include "test/unit/check_main.h"
#include "test/unit/scheduler/solver/bed.h"

/* An upper bound is right when no choice covers more, and useful when it is not far above. Here
 * every choice of the small instances is tried out.
 *
 *   block b1 (1)   rack a (2)   b (3)   c (4)      a GPU per pod
 *                    4 4          8       5 3
 */
static const struct world_node nodes[] = {{"n1", "b1", "a", 4, 0},
                                          {"n2", "b1", "a", 4, 0},
                                          {"n3", "b1", "b", 8, 0},
                                          {"n4", "b1", "c", 5, 0},
                                          {"n5", "b1", "c", 3, 0}};

static struct bed bed;
static struct solver_space *space;
static struct solver_stage stage;

static void setup(void)
{
    bed_init(&bed, nodes, COUNT(nodes));
    bed_role(&bed, 12, 1, 0);
}

static void teardown(void)
{
    solver_space_destroy(space);
    bed_finish(&bed);
}

static void create(uint32_t place, uint32_t level)
{
    solver_space_destroy(space);
    space = solver_space_create(&bed.problem, &bed.effort);
    solver_stage_init(&stage, space, 0, place, level);
}

/* The most that `racks` untouched racks and `hosts` untouched nodes in them cover. */
static uint64_t most_covered(uint32_t racks, uint32_t hosts)
{
    uint64_t best = 0;
    for (uint32_t set = 0; set < 1u << COUNT(nodes); set++) {
        uint64_t covered = 0;
        uint32_t used_hosts = 0;
        uint32_t used_racks = 0;
        for (uint32_t d = 2; d < 5; d++) {
            const struct domain *rack = domains_get(bed.world.domains, d);
            uint32_t inside = 0;
            for (uint32_t p = rack->first; p < rack->end; p++) {
                if ((set >> p & 1) != 0) {
                    covered += solver_space_node_fits(space, 0, p);
                    inside++;
                    used_hosts += solver_space_node_touched(space, p) ? 0 : 1;
                }
            }
            used_racks += inside > 0 && !solver_space_domain_touched(space, d) ? 1 : 0;
        }
        if (used_racks <= racks && used_hosts <= hosts && covered > best) {
            best = covered;
        }
    }
    return best;
}

START_TEST(one_level_is_exact)
{
    create(1, 2);
    ck_assert_uint_eq(stage.atom_count, 3);
    for (uint32_t racks = 0; racks < 4; racks++) {
        uint32_t least = racks;
        stage.allowed[2] = racks;
        bool possible = solver_stage_price(&stage, &least);
        ck_assert_int_eq(stage.upper_bound, (int64_t)racks * 8 * SOLVER_PRICE_UNIT);
        ck_assert(possible == (racks * 8 >= 12));
        ck_assert_uint_eq(least, racks >= 2 ? racks : 2); /* two racks are asked for at once */
    }
    solver_stage_finish(&stage);
}
END_TEST

/* For all numbers of racks and nodes, and any pods wanted: the upper bound holds, a refusal is
 * true, and fewer nodes than it then asks for do not suffice either. */
static void check_all(void)
{
    for (uint32_t wanted = 1; wanted <= 24; wanted++) {
        bed.roles[0].count = wanted;
        create(1, 3);
        for (uint32_t racks = 0; racks <= 3; racks++) {
            for (uint32_t hosts = 0; hosts <= 5; hosts++) {
                uint32_t least = 0;
                stage.allowed[2] = racks;
                stage.allowed[3] = hosts;
                bool possible = solver_stage_price(&stage, &least);
                uint64_t most = most_covered(racks, hosts);
                most = most < wanted ? most : wanted; /* no more count */
                ck_assert_int_ge(stage.upper_bound, (int64_t)most * SOLVER_PRICE_UNIT);
                ck_assert(possible || most < wanted);
                for (uint32_t fewer = hosts; !possible && fewer < least && fewer <= 5; fewer++) {
                    ck_assert_uint_lt(most_covered(racks, fewer), wanted);
                }
            }
        }
        solver_stage_finish(&stage);
    }
}

START_TEST(no_choice_covers_more)
{
    check_all();
}
END_TEST

/* Without time to look for good prices the upper bound is worse, and still one. */
START_TEST(a_budget_of_nothing)
{
    bed.effort.limit = 0;
    check_all();
    bed_pin(&bed, "n5");
    check_all();
}
END_TEST

START_TEST(touched_ones_cost_nothing)
{
    bed_pin(&bed, "n5");
    check_all();
    bed.roles[0].count = 12;
    create(1, 3);
    uint32_t least = 0;
    ck_assert(!solver_stage_price(&stage, &least)); /* nothing beside n5 is allowed */
    ck_assert_int_eq(stage.upper_bound, INT64_C(3) * SOLVER_PRICE_UNIT);
    solver_stage_finish(&stage);
    bed_pin(&bed, "n3");
    bed_pin(&bed, "n1");
    check_all();
}
END_TEST

START_TEST(nodes_without_room)
{
    bed_exclude(&bed, 0, "n3"); /* a rack without any */
    bed_exclude(&bed, 0, "n4");
    check_all();
    create(1, 2);
    ck_assert_uint_eq(stage.atom_count, 2);
    solver_stage_finish(&stage);
}
END_TEST

/* One rack holds eight of twelve, whatever the number of nodes: no number of them is asked for. */
START_TEST(no_number_of_nodes_would_do)
{
    create(1, 3);
    uint32_t least = 1;
    stage.allowed[2] = 1;
    stage.allowed[3] = 5;
    uint64_t steps = bed.effort.steps;
    ck_assert(!solver_stage_price(&stage, &least));
    ck_assert_uint_gt(bed.effort.steps, steps);
    ck_assert_int_eq(stage.upper_bound, INT64_C(8) * SOLVER_PRICE_UNIT);
    ck_assert_uint_eq(least, UINT32_MAX);
    solver_stage_finish(&stage);
}
END_TEST

/* The upper bound is met by a choice, the best one with two racks and three nodes: b, a; 16
 * pods. */
START_TEST(a_tight_bound)
{
    bed.roles[0].count = 16;
    create(1, 3);
    uint32_t least = 0;
    stage.allowed[2] = 2;
    stage.allowed[3] = 3;
    ck_assert(solver_stage_price(&stage, &least));
    ck_assert_int_eq(stage.upper_bound, INT64_C(16) * SOLVER_PRICE_UNIT);
    ck_assert_uint_eq(least, 0);
    solver_stage_finish(&stage);
}
END_TEST

/* Six levels, of which only some are searched inside one another: a chain of domains around each
 * of four nodes of 4, 3, 2 and 1. With two of every level 7 pods are covered. */
START_TEST(many_levels)
{
    static const char *const levels[] = {"l1", "l2", "l3", "l4", "l5"};
    struct nodes *table = nodes_create(7);
    for (int i = 0; i < 4; i++) {
        struct label_object labels[5];
        char names[5][8];
        char name[8];
        (void)snprintf(name, sizeof name, "n%d", i);
        for (int l = 0; l < 5; l++) {
            (void)snprintf(names[l], sizeof names[l], "d%d", i);
            labels[l] = (struct label_object){.key = levels[l], .value = names[l]};
        }
        const struct node_object object = {.name = name, .labels = labels, .label_count = 5};
        uint32_t row = 0;
        unsigned changes = 0;
        ck_assert_int_eq(nodes_observe(table, &object, &row, &changes, NULL), 0);
    }
    struct domains *domains = world_tree(levels, 5);
    domains_build(domains, table);
    struct capacity *capacity = capacity_create(domains);
    for (uint32_t p = 0; p < 4; p++) {
        capacity_set(capacity, p, 4 - p);
    }
    const struct solver_role role = {.count = 8, .capacity = capacity};
    const struct solver_problem problem = {.domains = domains, .roles = &role, .role_count = 1};
    space = solver_space_create(&problem, &bed.effort);
    solver_stage_init(&stage, space, 0, 0, 6);
    for (uint32_t allowed = 0; allowed <= 4; allowed++) {
        static const int64_t covered[] = {0, 4, 7, 9, 10};
        uint32_t least = 0;
        for (uint32_t l = 1; l <= 6; l++) {
            stage.allowed[l] = allowed;
        }
        bool possible = solver_stage_price(&stage, &least);
        int64_t most = covered[allowed] < 8 ? covered[allowed] : 8;
        ck_assert_int_ge(stage.upper_bound, most * SOLVER_PRICE_UNIT);
        ck_assert(possible || most < 8);
        ck_assert(possible == (allowed >= 3));
    }
    solver_stage_finish(&stage);
    solver_space_destroy(space);
    space = NULL;
    capacity_destroy(capacity);
    domains_destroy(domains);
    nodes_destroy(table);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("solver_prices");
    TCase *tcase = tcase_create("prices");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, one_level_is_exact);
    tcase_add_test(tcase, no_choice_covers_more);
    tcase_add_test(tcase, a_budget_of_nothing);
    tcase_add_test(tcase, touched_ones_cost_nothing);
    tcase_add_test(tcase, nodes_without_room);
    tcase_add_test(tcase, no_number_of_nodes_would_do);
    tcase_add_test(tcase, a_tight_bound);
    tcase_add_test(tcase, many_levels);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
