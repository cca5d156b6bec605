// SPDX-License-Identifier: Apache-2.0
#include "scheduler/solver/seats.h"

#include "test/unit/check_main.h"
#include "test/unit/scheduler/solver/bed.h"

static struct bed bed;
static struct solver_space *space;
static struct solver_seats seats;

static void setup(void)
{
    bed_init(&bed, eight, COUNT(eight));
}

static void release(void)
{
    solver_seats_finish(&seats);
    solver_space_destroy(space);
    space = NULL;
}

static void teardown(void)
{
    release();
    bed_finish(&bed);
}

static bool read(const char *level, const char *node)
{
    release();
    space = solver_space_create(&bed.problem, &bed.effort);
    solver_seats_init(&seats, &bed.problem, space);
    return solver_seats_read(&seats, bed_place(&bed, level, node));
}

static void deal(uint32_t role, uint32_t seat, int32_t count)
{
    solver_seats_deal(&seats, role, &seats.items[seat], count);
}

static void check_touched(uint32_t blocks, uint32_t racks, uint32_t nodes)
{
    ck_assert_uint_eq(seats.used[1], blocks);
    ck_assert_uint_eq(seats.used[2], racks);
    ck_assert_uint_eq(seats.used[3], nodes);
}

START_TEST(nodes_without_room_have_no_seat)
{
    bed_role(&bed, 3, 4, 0);
    bed_role(&bed, 2, 3, 1);
    bed_exclude(&bed, 0, "n2");
    bed_exclude(&bed, 0, "n3");
    bed_exclude(&bed, 1, "n3");
    ck_assert(read("block", "n1"));
    ck_assert_uint_eq(seats.count, 3);
    ck_assert_uint_eq(seats.items[0].position, 0);
    ck_assert_uint_eq(seats.items[1].position, 1);
    ck_assert_uint_eq(seats.items[2].position, 3);
    ck_assert_uint_eq(solver_seats_copies(&seats, 0, &seats.items[0]), 2);
    ck_assert_uint_eq(solver_seats_copies(&seats, 0, &seats.items[1]), 0);
    ck_assert_uint_eq(solver_seats_copies(&seats, 1, &seats.items[1]), 2);
    ck_assert(solver_seats_read(&seats, bed_place(&bed, "rack", "n8"))); /* and anew */
    ck_assert_uint_eq(seats.count, 2);
    ck_assert_uint_eq(seats.items[0].position, 6);
}
END_TEST

START_TEST(pods_come_and_go)
{
    bed_role(&bed, 9, 3, 0);
    bed_role(&bed, 9, 2, 5);
    ck_assert(read("cluster", "n1"));
    check_touched(0, 0, 0);
    deal(0, 0, 1);
    deal(1, 0, 1);
    check_touched(1, 1, 1);
    ck_assert_uint_eq(solver_seats_copies(&seats, 0, &seats.items[0]), 1);
    ck_assert_uint_eq(solver_seats_copies(&seats, 1, &seats.items[0]), 1);
    ck_assert(solver_seat_touched(&seats.items[0]));
    deal(0, 1, 2);
    deal(1, 7, 1);
    check_touched(2, 2, 3);
    deal(0, 0, -1);
    check_touched(2, 2, 3); /* the other one is still there */
    deal(1, 0, -1);
    deal(0, 1, 0);
    check_touched(2, 2, 2);
    deal(0, 1, -2);
    check_touched(1, 1, 1);
    deal(1, 7, -1);
    check_touched(0, 0, 0);
    for (uint32_t i = 0; i < seats.count; i++) {
        ck_assert_uint_eq(solver_seats_copies(&seats, 1, &seats.items[i]), 4);
        ck_assert(!solver_seat_touched(&seats.items[i]));
    }
}
END_TEST

/* What pinned members touch is touched for nothing, and stays so. */
START_TEST(pinned_members)
{
    bed_role(&bed, 9, 1, 0);
    bed_role(&bed, 9, 1, 1);
    bed_pin(&bed, "n2");
    ck_assert(read("cluster", "n1"));
    check_touched(1, 1, 1);
    deal(0, 1, 3);
    check_touched(1, 1, 1);
    deal(0, 0, 1);
    check_touched(1, 1, 2);
    deal(0, 0, -1);
    deal(0, 1, -3);
    check_touched(1, 1, 1);
    ck_assert(solver_seat_touched(&seats.items[1]));
}
END_TEST

static bool are_twins(uint32_t a, uint32_t b)
{
    return solver_seats_twins(&seats, &seats.items[a], &seats.items[b]);
}

/* Alike in room, in what fits, in being touched; of one rack; and of no history. */
START_TEST(twins)
{
    bed_role(&bed, 4, 1, 0);
    bed_role(&bed, 4, 1, 2);
    bed_exclude(&bed, 1, "n4");
    bed_pin(&bed, "n5");
    bed_layer(&bed, 0, "host", 2);
    bed_start(&bed, 0, 0, "n7", 2);
    ck_assert(read("cluster", "n1"));
    ck_assert(are_twins(0, 1));
    ck_assert(!are_twins(0, 2)); /* another rack */
    ck_assert(!are_twins(2, 3)); /* one of them is vetoed */
    ck_assert(!are_twins(4, 5)); /* a member is there */
    ck_assert(!are_twins(6, 7)); /* a slice was started */
    deal(1, 0, 1);
    ck_assert(!are_twins(0, 1));
    deal(1, 1, 1);
    ck_assert(are_twins(0, 1)); /* touched both */
    deal(1, 1, -1);
    deal(0, 1, 1);
    ck_assert(!are_twins(0, 1)); /* two CPUs more are free */
}
END_TEST

START_TEST(whole_slices)
{
    bed_role(&bed, 5, 1, 0);
    bed_role(&bed, 1, 1, 1);
    bed_layer(&bed, 0, "rack", 2);
    bed_start(&bed, 0, 0, "n3", 1);
    ck_assert(read("block", "n1"));
    deal(0, 0, 1);
    deal(0, 1, 1);
    ck_assert(!solver_seats_sliced(&seats, 0)); /* r2 lacks its one */
    ck_assert(solver_seats_sliced(&seats, 1));
    deal(0, 2, 1);
    ck_assert(solver_seats_sliced(&seats, 0));
    deal(0, 3, 1);
    ck_assert(!solver_seats_sliced(&seats, 0));
    deal(0, 2, 1);
    ck_assert(solver_seats_sliced(&seats, 0));
}
END_TEST

/* Far from where sums of requests would overflow; as large as real ones are, petabytes of memory,
 * is fine. */
START_TEST(too_large_a_request)
{
    bed_role(&bed, 1, 0, INT64_C(1) << 50);
    bed_role(&bed, 1, 1, 0);
    ck_assert(read("rack", "n1"));
    ck_assert_uint_eq(seats.items[0].fits[0], 0);
    resources_set(&bed.requests[0], bed.world.cpu, INT64_MAX / 4);
    ck_assert(!read("rack", "n1"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("solver_seats");
    TCase *tcase = tcase_create("seats");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, nodes_without_room_have_no_seat);
    tcase_add_test(tcase, pods_come_and_go);
    tcase_add_test(tcase, pinned_members);
    tcase_add_test(tcase, twins);
    tcase_add_test(tcase, whole_slices);
    tcase_add_test(tcase, too_large_a_request);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
