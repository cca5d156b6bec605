// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/room.h"

#include "scheduler/solver/sets.h"
#include "test/unit/check_main.h"
#include "test/unit/scheduler/solver/bed.h"

/* What domains hold of each role, rounded and cut, and of sets of roles (sets.h). Eight nodes of 8
 * GPUs (bed.h); domains in order: cluster, b1, r1, r2, b2, r3, r4. */

static struct bed bed;
static struct solver_limits *limits;
static struct solver_room *room;

static void setup(void)
{
    bed_init(&bed, eight, COUNT(eight));
}

static void end(void)
{
    solver_room_destroy(room);
    solver_limits_destroy(limits);
    room = NULL;
    limits = NULL;
}

static void teardown(void)
{
    end();
    bed_finish(&bed);
}

static void create(void)
{
    end();
    limits = solver_limits_create(&bed.problem, &bed.effort);
    room = solver_room_create(&bed.problem, limits, &bed.effort);
}

static void check_fits(uint32_t role, const uint64_t *fits)
{
    for (uint32_t d = 0; d < domains_count(bed.world.domains); d++) {
        uint64_t found = solver_room_fits(room, role)[d];
        ck_assert_msg(found == fits[d], "domain %u: %llu", d, (unsigned long long)found);
    }
}

#define CHECK_FITS(role, ...) check_fits((role), (const uint64_t[]){__VA_ARGS__})

static uint32_t node(uint32_t role, const char *name)
{
    return solver_room_node(room, role, world_position(&bed.world, name));
}

START_TEST(a_role_without_either)
{
    bed_role(&bed, 9, 4, 0);
    bed_exclude(&bed, 0, "n3");
    create();
    CHECK_FITS(0, 14, 6, 4, 2, 8, 4, 4);
    ck_assert(solver_room_plain(room, 0));
    ck_assert(!solver_room_deals(room, 0, bed_level(&bed, "rack")));
    solver_room_change(room, 0, world_position(&bed.world, "n8"), (uint64_t)-2);
    CHECK_FITS(0, 12, 6, 4, 2, 6, 4, 2);
}
END_TEST

START_TEST(limits_cut_level_by_level)
{
    bed_role(&bed, 9, 4, 0);
    (void)bed_limit(&bed, "host", 1, 1);
    create();
    CHECK_FITS(0, 8, 4, 2, 2, 4, 2, 2);
    ck_assert_uint_eq(node(0, "n1"), 1);
    ck_assert(!solver_room_plain(room, 0));
    (void)bed_limit(&bed, "block", 3, 1);
    create();
    CHECK_FITS(0, 6, 3, 2, 2, 3, 2, 2);
    ck_assert(solver_room_deals(room, 0, bed_level(&bed, "block")));
    ck_assert(!solver_room_deals(room, 0, bed_level(&bed, "rack")));
}
END_TEST

/* Seven of a block, of slices of two by rack: six. Five of a node, of slices of two: four. */
START_TEST(what_is_cut_keeps_whole_slices)
{
    bed_role(&bed, 8, 1, 0);
    bed_layer(&bed, 0, "rack", 2);
    (void)bed_limit(&bed, "block", 7, 1);
    create();
    CHECK_FITS(0, 12, 6, 16, 16, 6, 16, 16);
    bed_layer(&bed, 0, "host", 2);
    (void)bed_limit(&bed, "host", 5, 1);
    create();
    ck_assert_uint_eq(node(0, "n1"), 4);
    CHECK_FITS(0, 12, 6, 8, 8, 6, 8, 8);
}
END_TEST

/* The started slice's one pod, then slices of two; four of the block: 1 + 2. */
START_TEST(what_is_cut_keeps_started_slices)
{
    bed_role(&bed, 9, 1, 0);
    bed_layer(&bed, 0, "rack", 2);
    bed_start(&bed, 0, 0, "n3", 1);
    (void)bed_limit(&bed, "block", 4, 1);
    create();
    ck_assert_uint_eq(solver_room_fits(room, 0)[1], 3);
    ck_assert_uint_eq(solver_room_fits(room, 0)[4], 4);
    uint32_t role = 7;
    uint64_t fits = 0;
    ck_assert_ptr_null(solver_room_impossible(room, &role, &fits));
    bed.limits[0].most = 0;
    create();
    ck_assert_ptr_eq(solver_room_impossible(room, &role, &fits), &bed.started[0][0]);
    ck_assert_uint_eq(role, 0);
    ck_assert_uint_eq(fits, 0);
}
END_TEST

/* One place alone in all that is limited around it. */
START_TEST(wider_limits)
{
    bed_role(&bed, 9, 1, 0);
    (void)bed_limit(&bed, "block", 3, 1);
    create();
    uint32_t rack = bed_place(&bed, "rack", "n1");
    ck_assert_uint_eq(solver_room_fits(room, 0)[rack], 16);
    ck_assert_uint_eq(solver_room_within(room, 0, bed_level(&bed, "rack"), rack, 16), 3);
    ck_assert_uint_eq(solver_room_within(room, 0, bed_level(&bed, "host"), 0, 2), 2);
}
END_TEST

/* Used up elsewhere in the domain, and given back. */
START_TEST(refreshed)
{
    bed_role(&bed, 9, 1, 0);
    bed_role(&bed, 9, 1, 0);
    (void)bed_limit(&bed, "block", 3, 3);
    create();
    solver_limits_count(limits, 1, world_position(&bed.world, "n4"), 2);
    solver_room_refresh(room, 0, bed_place(&bed, "block", "n1"));
    CHECK_FITS(0, 4, 1, 16, 16, 3, 16, 16);
    solver_limits_count(limits, 1, world_position(&bed.world, "n4"), -2);
    solver_room_refresh(room, 0, bed_place(&bed, "block", "n1"));
    CHECK_FITS(0, 6, 3, 16, 16, 3, 16, 16);
}
END_TEST

/* Workers and a launcher, at most two of them together in a rack. */
START_TEST(sets)
{
    bed_role(&bed, 8, 4, 0);
    bed_role(&bed, 1, 1, 0);
    bed_role(&bed, 5, 1, 0);
    (void)bed_limit(&bed, "rack", 2, 3);
    (void)bed_limit(&bed, "host", 1, 4);
    create();
    struct solver_sets *made = solver_sets_create(&bed.problem, limits, room, &bed.effort);
    ck_assert_uint_eq(solver_sets_count(made), 1);
    ck_assert_uint_eq(solver_sets_wanted(made, 0), 9);
    ck_assert_uint_eq(solver_sets_domain(made, 0, 0), 8);
    ck_assert_uint_eq(solver_sets_domain(made, 0, 2), 2);
    ck_assert_uint_eq(solver_sets_node(made, 0, 0), 3);
    ck_assert_uint_eq(solver_sets_levels(made, 0), 1u << bed_level(&bed, "rack"));
    solver_sets_destroy(made);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/solver/room");
    TCase *tcase = tcase_create("room");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_role_without_either);
    tcase_add_test(tcase, limits_cut_level_by_level);
    tcase_add_test(tcase, what_is_cut_keeps_whole_slices);
    tcase_add_test(tcase, what_is_cut_keeps_started_slices);
    tcase_add_test(tcase, wider_limits);
    tcase_add_test(tcase, refreshed);
    tcase_add_test(tcase, sets);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
