// SPDX-License-Identifier: Apache-2.0
/* Which members are asked the same: by role and template, not by name, rank or shape. */
#include "scheduler/state/podsets.h"

#include <stdio.h>
#include <string.h>

#include "test/unit/check_main.h"

#define PODS 40

struct bed {
    struct gangs gangs;
    struct gang *gang;
    struct pod pods[PODS];
    char names[PODS][8];
    char roles[PODS][8];
    uint32_t count;
};

static struct bed bed;

static void setup(void)
{
    memset(&bed, 0, sizeof bed);
    gangs_init(&bed.gangs);
    bed.gang = gangs_get(&bed.gangs, "ns", "g");
}

static void teardown(void)
{
    for (uint32_t i = 0; i < bed.count; i++) {
        gang_leave(bed.gang, &bed.pods[i]);
        placement_finish(&bed.pods[i].placement);
    }
    gangs_finish(&bed.gangs);
}

/* Steals nothing: the placement is copied. */
static struct pod *add(const char *role, const struct placement_object *placement)
{
    struct pod *pod = &bed.pods[bed.count];
    snprintf(bed.names[bed.count], sizeof bed.names[0], "p%u", bed.count);
    snprintf(bed.roles[bed.count], sizeof bed.roles[0], "%s", role);
    pod->name = pod->uid = bed.names[bed.count];
    pod->role = bed.roles[bed.count++];
    pod->rank = -1;
    pod->node = NAMES_NONE;
    pod->allocation_row = NAMES_NONE;
    if (placement != NULL) {
        placement_set(&pod->placement, placement);
    }
    gang_join(bed.gang, pod);
    return pod;
}

static const struct placement_object in_rack = {.required_level = "rack"};
static const struct placement_object in_zone = {.required_level = "zone"};
static const struct placement_object alone = {.exclusive_level = "rack"};

START_TEST(roles_of_which_nothing_is_asked_are_one)
{
    ck_assert_uint_eq(podsets_count(bed.gang), 0);
    add("driver", NULL);
    add("worker", NULL);
    add("", NULL);
    ck_assert_uint_eq(podsets_count(bed.gang), 1);
    ck_assert_uint_eq(bed.gang->podsets[0].live, 3);
}
END_TEST

START_TEST(a_level_is_that_of_a_role)
{
    const struct pod *driver = add("driver", NULL);
    const struct pod *worker = add("worker", &in_rack);
    const struct pod *other = add("worker", &in_rack);
    ck_assert_uint_eq(podsets_count(bed.gang), 2);
    ck_assert_uint_eq(podsets_find(bed.gang, driver), 0);
    ck_assert_uint_eq(podsets_find(bed.gang, worker), 1);
    ck_assert_uint_eq(podsets_find(bed.gang, other), 1);
    const struct pod *server = add("server", &in_rack);
    ck_assert_uint_eq(podsets_count(bed.gang), 3); /* the same level, and a domain of its own */
    ck_assert_uint_ne(podsets_find(bed.gang, server), podsets_find(bed.gang, worker));
    add("worker", &in_zone);
    ck_assert_uint_eq(podsets_count(bed.gang), 4);
}
END_TEST

/* An exclusive domain is not shared by role. */
START_TEST(only_what_counts_by_role_tells_roles_apart)
{
    add("driver", &alone);
    add("worker", &alone);
    ck_assert_uint_eq(podsets_count(bed.gang), 1);
    ck_assert(gang_exclusive(bed.gang));
}
END_TEST

START_TEST(slices_of_the_group_count_by_role)
{
    static const struct slice_object pairs[] = {{"rack", 2}};
    struct group_object object = {.name_space = "ns",
                                  .name = "g",
                                  .uid = "u",
                                  .minimum = 2,
                                  .placement = {.slices = pairs, .slice_count = 1}};
    add("driver", NULL);
    add("worker", NULL);
    ck_assert_uint_eq(podsets_count(bed.gang), 1);
    gang_set_object(bed.gang, &object);
    ck_assert_uint_eq(podsets_count(bed.gang), 2);
    gang_clear_object(bed.gang);
    ck_assert_uint_eq(podsets_count(bed.gang), 1);
}
END_TEST

START_TEST(the_dead_ask_for_nothing)
{
    struct pod *pod = add("worker", &in_rack);
    ck_assert_uint_eq(podsets_count(bed.gang), 1);
    pod->terminal = true;
    gang_member_changed(bed.gang, pod, POD_LIFE);
    ck_assert_uint_eq(podsets_count(bed.gang), 0);
    pod->terminal = false;
    pod->deleting = true; /* its place is still its own */
    gang_member_changed(bed.gang, pod, POD_LIFE);
    ck_assert_uint_eq(podsets_count(bed.gang), 1);
    ck_assert_uint_eq(bed.gang->podsets[0].live, 0);
}
END_TEST

START_TEST(there_is_a_limit)
{
    char role[8];
    for (uint32_t i = 0; i < PODSETS_MAX + 4; i++) {
        snprintf(role, sizeof role, "r%u", i);
        add(role, &in_rack);
        uint32_t expected = i < PODSETS_MAX ? i + 1 : PODSETS_MAX + 1;
        ck_assert_uint_eq(podsets_count(bed.gang), expected);
    }
}
END_TEST

/* The object asks, or any member does; not only the first. */
START_TEST(who_is_exclusive)
{
    add("driver", NULL);
    ck_assert(!gang_exclusive(bed.gang));
    struct pod *worker = add("worker", &alone);
    ck_assert(gang_exclusive(bed.gang));
    ck_assert_uint_eq(bed.gangs.exclusive_count, 1);
    gang_leave(bed.gang, worker);
    ck_assert(!gang_exclusive(bed.gang));
    ck_assert_uint_eq(bed.gangs.exclusive_count, 0);
    gang_join(bed.gang, worker);
    ck_assert_uint_eq(bed.gangs.exclusive_count, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/state/podsets");
    TCase *tcase = tcase_create("podsets");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, roles_of_which_nothing_is_asked_are_one);
    tcase_add_test(tcase, a_level_is_that_of_a_role);
    tcase_add_test(tcase, only_what_counts_by_role_tells_roles_apart);
    tcase_add_test(tcase, slices_of_the_group_count_by_role);
    tcase_add_test(tcase, the_dead_ask_for_nothing);
    tcase_add_test(tcase, there_is_a_limit);
    tcase_add_test(tcase, who_is_exclusive);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
