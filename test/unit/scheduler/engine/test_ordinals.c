// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/ordinals.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/state/gang.h"
#include "test/unit/check_main.h"
#include "test/unit/topology/random.h"

/* Numbers of members whose controllers count with several. Pods are put into the order of members
 * by the gang itself. */

enum { PODS_MAX = 64 };

static struct gangs gangs;
static struct gang *gang;

static void setup(void)
{
    gangs_init(&gangs);
    gang = gangs_get(&gangs, "ns", "g");
}

static void teardown(void)
{
    while (gang->member_count > 0) {
        struct pod *pod = gang->members[0];
        gang_leave(gang, pod);
        pod_destroy(pod);
    }
    gangs_remove(&gangs, gang);
    gangs_finish(&gangs);
}

static struct pod *add(const char *name, const char *role, const struct replica_object *replica,
                       int32_t rank)
{
    struct pod_object object = {.name_space = "ns",
                                .name = name,
                                .uid = name,
                                .gang = "g",
                                .role = role,
                                .rank = rank,
                                .replica = *replica};
    struct pod *pod = pod_create(&object);
    (void)pod_update(pod, &object);
    ck_assert_int_eq(gang_join(gang, pod), 0);
    return pod;
}

/* Pod "r-k" of replica r of a JobSet. */
static struct pod *add_pod(int replica, int32_t rank)
{
    char name[32];
    snprintf(name, sizeof name, "%d-%d", replica, rank);
    return add(name, "w", &(struct replica_object){"set", 1, {replica}, 0}, rank);
}

static void drop(const char *name)
{
    for (uint32_t i = 0; i < gang->member_count; i++) {
        struct pod *pod = gang->members[i];
        if (strcmp(pod->name, name) == 0) {
            gang_leave(gang, pod);
            pod_destroy(pod);
            return;
        }
    }
    ck_abort_msg("%s is no member", name);
}

/* What all members get: "name=ordinal name=ordinal …" in the order of members. */
static const char *deal(uint32_t size)
{
    static char text[PODS_MAX * 48];
    uint32_t ordinals[PODS_MAX];
    size_t length = 0;
    ck_assert_uint_le(gang->member_count, PODS_MAX);
    uint32_t end = ordinals_deal(gang->members, gang->member_count, size, ordinals);
    for (uint32_t i = 0; i < gang->member_count; i++) {
        ck_assert_uint_lt(ordinals[i], end);
        length += (size_t)snprintf(text + length, sizeof text - length, "%s%s=%u",
                                   i == 0 ? "" : " ", gang->members[i]->name, ordinals[i]);
    }
    return text;
}

static const char *ranks(void)
{
    static char text[PODS_MAX * 48];
    int32_t numbers[PODS_MAX];
    size_t length = 0;
    ordinals_ranks(gang->members, gang->member_count, numbers);
    for (uint32_t i = 0; i < gang->member_count; i++) {
        length += (size_t)snprintf(text + length, sizeof text - length, "%s%s=%d",
                                   i == 0 ? "" : " ", gang->members[i]->name, numbers[i]);
    }
    return text;
}

START_TEST(replica_times_pods_plus_rank)
{
    for (int replica = 2; replica >= 0; replica--) {
        for (int rank = 0; rank < 3; rank++) {
            add_pod(replica, rank);
        }
    }
    ck_assert_str_eq(deal(3), "0-0=0 0-1=1 0-2=2 1-0=3 1-1=4 1-2=5 2-0=6 2-1=7 2-2=8");
    ck_assert_str_eq(ranks(), "0-0=0 0-1=1 0-2=2 1-0=3 1-1=4 1-2=5 2-0=6 2-1=7 2-2=8");
    drop("0-1");
    drop("1-0");
    ck_assert_str_eq(deal(3), "0-0=0 0-2=2 1-1=4 1-2=5 2-0=6 2-1=7 2-2=8");
    drop("1-1");
    drop("1-2");
    ck_assert_str_eq(deal(3), "0-0=0 0-2=2 2-0=6 2-1=7 2-2=8");
    ck_assert_str_eq(ranks(), "0-0=0 0-2=2 2-0=6 2-1=7 2-2=8");
}
END_TEST

/* The last pods of both Jobs are still to come: nothing is cut across the two. */
START_TEST(a_replica_that_grows_starts_with_a_slice_of_its_own)
{
    for (int replica = 0; replica < 2; replica++) {
        add_pod(replica, 0);
        add_pod(replica, 1);
        add_pod(replica, 2);
    }
    ck_assert_str_eq(deal(4), "0-0=0 0-1=1 0-2=2 1-0=4 1-1=5 1-2=6");
    add_pod(1, 3);
    ck_assert_str_eq(deal(4), "0-0=0 0-1=1 0-2=2 1-0=4 1-1=5 1-2=6 1-3=7");
}
END_TEST

/* Three Jobs of two in slices of three: all that is known makes whole slices. */
START_TEST(slices_go_across_replicas_where_they_must)
{
    for (int replica = 0; replica < 3; replica++) {
        add_pod(replica, 0);
        add_pod(replica, 1);
    }
    ck_assert_str_eq(deal(3), "0-0=0 0-1=1 1-0=2 1-1=3 2-0=4 2-1=5");
}
END_TEST

START_TEST(a_doubled_or_missing_rank_leaves_the_others)
{
    const struct replica_object first = {"set", 1, {0}, 0}, second = {"set", 1, {1}, 0};
    add_pod(0, 0);
    add("x", "w", &first, 0); /* doubled: takes the hole */
    add_pod(0, 2);
    add_pod(0, 3);
    add_pod(1, 0);
    add_pod(1, 1);
    add("y", "w", &second, -1); /* none: takes the hole */
    add_pod(1, 3);
    ck_assert_str_eq(deal(4), "0-0=0 x=1 0-2=2 0-3=3 1-0=4 1-1=5 1-3=7 y=6");
    ck_assert_str_eq(ranks(), "0-0=0 x=0 0-2=2 0-3=3 1-0=4 1-1=5 1-3=7 y=-1");
    add("z", "w", &first, 2); /* doubled, and no hole is left: behind all */
    ck_assert_str_eq(deal(4), "0-0=0 x=1 0-2=2 z=8 0-3=3 1-0=4 1-1=5 1-3=7 y=6");
}
END_TEST

/* A JobSet starts a Job anew while the pods of the attempt before are still there. */
START_TEST(pods_of_an_earlier_attempt_come_last)
{
    for (int rank = 0; rank < 2; rank++) {
        char name[8];
        snprintf(name, sizeof name, "old-%d", rank);
        add(name, "w", &(struct replica_object){"set", 1, {0}, 0}, rank);
        snprintf(name, sizeof name, "new-%d", rank);
        add(name, "w", &(struct replica_object){"set", 1, {0}, 1}, rank);
        add_pod(1, rank); /* this Job was not started anew */
    }
    ck_assert_str_eq(deal(2), "new-0=0 new-1=1 old-0=4 old-1=5 1-0=2 1-1=3");
    ck_assert_str_eq(ranks(), "new-0=0 new-1=1 old-0=0 old-1=1 1-0=2 1-1=3");
}
END_TEST

START_TEST(owners_and_roles_stand_one_behind_the_other)
{
    const struct replica_object left = {.owner = "job-9"}, right = {.owner = "job-10"};
    for (int rank = 0; rank < 2; rank++) {
        char name[8];
        snprintf(name, sizeof name, "r%d", rank);
        add(name, "", &right, rank);
        snprintf(name, sizeof name, "l%d", rank);
        add(name, "", &left, rank);
        snprintf(name, sizeof name, "z%d", rank);
        add(name, "z", &right, rank);
    }
    ck_assert_str_eq(deal(2), "l0=0 l1=1 r0=2 r1=3 z0=4 z1=5");
    ck_assert_str_eq(ranks(), "l0=0 l1=1 r0=2 r1=3 z0=0 z1=1");
}
END_TEST

/* A pod without a rank, whoever made it, moves nobody who has one. */
START_TEST(ranks_are_counted_among_those_that_have_some)
{
    const struct replica_object job = {.owner = "job-9"}, nobody = {.owner = NULL};
    for (int rank = 0; rank < 3; rank++) {
        char name[8];
        snprintf(name, sizeof name, "w%d", rank);
        add(name, "", &job, rank);
    }
    ck_assert_str_eq(ranks(), "w0=0 w1=1 w2=2");
    add("a", "", &nobody, -1);
    add("z", "", &(struct replica_object){.owner = "job-99"}, -1);
    ck_assert_str_eq(ranks(), "a=-1 w0=0 w1=1 w2=2 z=-1");
    add("x", "", &(struct replica_object){.owner = "job-99"}, 1);
    ck_assert_str_eq(ranks(), "a=-1 w0=0 w1=1 w2=2 x=4 z=-1");
}
END_TEST

/* Without any ranks: by name, replica by replica. */
START_TEST(without_ranks_by_name)
{
    const struct replica_object none = {0}, second = {.owner = "job"};
    add("w-10", "", &none, -1);
    add("w-9", "", &none, -1);
    add("w-1", "", &second, -1);
    add("w-2", "", &second, -1);
    ck_assert_str_eq(deal(2), "w-9=0 w-10=1 w-1=2 w-2=3");
    ck_assert_str_eq(ranks(), "w-9=-1 w-10=-1 w-1=-1 w-2=-1");
}
END_TEST

/* Several numbers outside: replica of the set, replica of the scaling group. */
START_TEST(indices_count_one_inside_the_other)
{
    for (int outer = 0; outer < 2; outer++) {
        for (int inner = 0; inner < 2; inner++) {
            char name[8];
            snprintf(name, sizeof name, "%d.%d", outer, inner);
            add(name, "", &(struct replica_object){"set", 2, {outer, inner}, 0}, 1);
        }
    }
    ck_assert_str_eq(deal(2), "0.0=1 0.1=3 1.0=5 1.1=7");
    drop("0.1");
    ck_assert_str_eq(deal(2), "0.0=1 1.0=5 1.1=7");
}
END_TEST

/* What no controller writes: nothing grows beyond its bound, and good ranks stay. */
START_TEST(absurd_numbers)
{
    add_pod(0, 0);
    add_pod(0, 1);
    add("far", "w", &(struct replica_object){"set", 1, {INT32_MAX}, INT32_MAX}, 1);
    add("huge", "w", &(struct replica_object){"set", 1, {1}, 0}, INT32_MAX);
    ck_assert_str_eq(deal(2), "0-0=0 0-1=1 huge=2 far=5");
    add("none", "w", &(struct replica_object){"set", 1, {-5}, -7}, -9);
    ck_assert_str_eq(deal(2), "0-0=0 0-1=1 huge=2 far=5 none=6");
    uint32_t ordinals[PODS_MAX];
    add("deep", "w", &(struct replica_object){"set", 3, {99999, 99999, 99999}, 0}, 60000);
    ck_assert_uint_le(ordinals_deal(gang->members, gang->member_count, 100000, ordinals),
                      ORDINALS_MAX + 200000);
}
END_TEST

/* Anything at all: numbers are unique, the same every time, and one who goes moves nobody who has
 * a rank of his own, unless he was the last of the largest replica, or its only pod. */
START_TEST(whoever_goes_moves_nobody)
{
    struct random random = {.state = 5};
    for (int round = 0; round < 3000; round++) {
        uint32_t count = 2 + random_below(&random, 30), size = 1 + random_below(&random, 5);
        for (uint32_t i = 0; i < count; i++) {
            char name[16];
            snprintf(name, sizeof name, "p-%u-%u", random_below(&random, 20), i);
            const struct replica_object replica = {
                .owner = random_below(&random, 3) == 0 ? NULL : "o",
                .index_count = random_below(&random, 8) == 0 ? 0 : 1,
                .indices = {(int32_t)random_below(&random, 3)},
                .attempt = random_below(&random, 6) == 0};
            add(name, random_below(&random, 3) == 0 ? "x" : "", &replica,
                (int32_t)random_below(&random, 8) - 1);
        }
        uint32_t ordinals[PODS_MAX], again[PODS_MAX];
        uint32_t end = ordinals_deal(gang->members, count, size, ordinals);
        ck_assert_uint_eq(ordinals_deal(gang->members, count, size, again), end);
        ck_assert_mem_eq(ordinals, again, count * sizeof *ordinals);
        for (uint32_t i = 0; i < count; i++) {
            ck_assert_uint_lt(ordinals[i], end);
            for (uint32_t j = 0; j < i; j++) {
                ck_assert_uint_ne(ordinals[i], ordinals[j]);
            }
        }
        while (gang->member_count > 0) {
            struct pod *pod = gang->members[gang->member_count - 1];
            gang_leave(gang, pod);
            pod_destroy(pod);
        }
    }
    for (int32_t rank = 0; rank < 8; rank++) {
        for (int replica = 0; replica < 4; replica++) {
            add_pod(replica, rank);
        }
    }
    for (int round = 0; round < 200; round++) {
        char name[16];
        int replica = (int)random_below(&random, 4), rank = (int)random_below(&random, 7);
        snprintf(name, sizeof name, "%d-%d", replica, rank);
        drop(name);
        uint32_t ordinals[PODS_MAX];
        (void)ordinals_deal(gang->members, gang->member_count, 4, ordinals);
        for (uint32_t i = 0; i < gang->member_count; i++) {
            const struct pod *pod = gang->members[i];
            ck_assert_uint_eq(ordinals[i], (uint32_t)(pod->replica.indices[0] * 8 + pod->rank));
        }
        add_pod(replica, rank);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ordinals");
    TCase *tests = tcase_create("ordinals");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, replica_times_pods_plus_rank);
    tcase_add_test(tests, a_replica_that_grows_starts_with_a_slice_of_its_own);
    tcase_add_test(tests, slices_go_across_replicas_where_they_must);
    tcase_add_test(tests, a_doubled_or_missing_rank_leaves_the_others);
    tcase_add_test(tests, pods_of_an_earlier_attempt_come_last);
    tcase_add_test(tests, owners_and_roles_stand_one_behind_the_other);
    tcase_add_test(tests, ranks_are_counted_among_those_that_have_some);
    tcase_add_test(tests, without_ranks_by_name);
    tcase_add_test(tests, indices_count_one_inside_the_other);
    tcase_add_test(tests, absurd_numbers);
    tcase_add_test(tests, whoever_goes_moves_nobody);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
