// SPDX-License-Identifier: Apache-2.0
/* Gangs at their limits and under random traffic: order of the table, order of members against a
 * plain sort, and the greatest numbers of members and vetoes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/state/gang.h"
#include "test/unit/check_main.h"
#include "test/unit/scheduler/state/books.h"
#include "test/unit/topology/random.h"

struct text_pod {
    struct pod pod;
    char name[24];
};

static char no_role[] = "";

static void pod_init(struct text_pod *pod, int number, int32_t rank)
{
    memset(pod, 0, sizeof(*pod));
    snprintf(pod->name, sizeof(pod->name), "p-%d", number);
    pod->pod.name = pod->pod.uid = pod->name;
    pod->pod.role = no_role;
    pod->pod.rank = rank;
    pod->pod.node = NAMES_NONE;
    pod->pod.allocation_row = NAMES_NONE;
}

START_TEST(test_table_is_sorted)
{
    static const char *const names[][2] = {{"b", "x"}, {"a", "z"}, {"b", "a"},  {"a", "y"},
                                           {"", "q"},  {"b", "m"}, {"aa", "a"}, {"a", ""}};
    struct gangs gangs;
    gangs_init(&gangs);
    for (size_t i = 0; i < 8; i++) {
        ck_assert_ptr_null(gangs_find(&gangs, names[i][0], names[i][1]));
        struct gang *gang = gangs_get(&gangs, names[i][0], names[i][1]);
        ck_assert_ptr_eq(gangs_get(&gangs, names[i][0], names[i][1]), gang);
        ck_assert_uint_eq(gangs.count, i + 1);
    }
    for (uint32_t i = 1; i < gangs.count; i++) {
        const struct gang *a = gangs.items[i - 1], *b = gangs.items[i];
        int order = strcmp(a->name_space, b->name_space);
        ck_assert(order < 0 || (order == 0 && strcmp(a->name, b->name) < 0));
    }
    for (size_t i = 0; i < 8; i += 2) {
        gangs_remove(&gangs, gangs_find(&gangs, names[i][0], names[i][1]));
    }
    for (size_t i = 0; i < 8; i++) {
        ck_assert_int_eq(gangs_find(&gangs, names[i][0], names[i][1]) != NULL, i % 2 == 1);
    }
    gangs_finish(&gangs);
    ck_assert_uint_eq(gangs.count, 0);
}
END_TEST

START_TEST(test_new_gang)
{
    struct gangs gangs;
    gangs_init(&gangs);
    struct gang *gang = gangs_get(&gangs, "ns", "g");
    ck_assert_int_eq(gang->state, GANG_GATHERING);
    ck_assert_int_eq(gang->ready_since, -1);
    ck_assert_int_eq(gang->deadline, INT64_MAX);
    ck_assert_int_eq(gang->nominate_at, INT64_MAX);
    ck_assert(gang->dirty);
    ck_assert_int_eq(gang_minimum(gang), 0);
    ck_assert(!gang_exclusive(gang));
    struct gang_tally tally = gang_tally(gang);
    ck_assert_uint_eq(tally.live + tally.pending + tally.held + tally.bound + tally.done, 0);
    ck_assert_uint_eq(gang_missing(gang), UINT32_MAX); /* of an unknown quorum */
    gangs_finish(&gangs);
}
END_TEST

START_TEST(test_priority_is_the_least)
{
    struct gangs gangs;
    struct text_pod pods[3];
    gangs_init(&gangs);
    struct gang *gang = gangs_get(&gangs, "ns", "g");
    static const int32_t priorities[] = {-10, 5, INT32_MIN};
    static const int32_t least[] = {-10, -10, INT32_MIN};
    for (int i = 0; i < 3; i++) {
        pod_init(&pods[i], i, i);
        pods[i].pod.priority = priorities[i];
        gang_join(gang, &pods[i].pod);
        ck_assert_int_eq(gang_priority(gang), least[i]);
    }
    gang_leave(gang, &pods[1].pod);
    ck_assert_int_eq(gang_priority(gang), INT32_MIN);
    gang_leave(gang, &pods[2].pod);
    pods[2].pod.priority = 7;
    gang_join(gang, &pods[2].pod);
    ck_assert_int_eq(gang_priority(gang), -10);
    gang_leave(gang, &pods[0].pod);
    ck_assert_int_eq(gang_priority(gang), 7);
    gang_leave(gang, &pods[2].pod);
    ck_assert_int_eq(gang_priority(gang), 0);
    gangs_finish(&gangs);
}
END_TEST

#define TRAFFIC 60

static int rank_of(const struct text_pod *pod)
{
    return pod->pod.rank < 0 ? INT32_MAX : pod->pod.rank;
}

/* Ranks first, the unranked behind, equal ones by number: "p-2" before "p-10". */
static void check_order(const struct gang *gang)
{
    for (uint32_t i = 1; i < gang->member_count; i++) {
        const struct text_pod *a = (const void *)gang->members[i - 1];
        const struct text_pod *b = (const void *)gang->members[i];
        ck_assert_int_le(rank_of(a), rank_of(b));
        if (rank_of(a) == rank_of(b)) {
            ck_assert_int_lt(strtol(a->name + 2, NULL, 10), strtol(b->name + 2, NULL, 10));
        }
    }
}

START_TEST(test_members_stay_in_order)
{
    static struct text_pod pods[TRAFFIC];
    struct random random = {(uint64_t)_i + 3};
    struct gangs gangs;
    gangs_init(&gangs);
    struct gang *gang = gangs_get(&gangs, "ns", "g");
    for (int i = 0; i < TRAFFIC; i++) {
        pod_init(&pods[i], i, -1);
    }
    uint32_t members = 0;
    for (int step = 0; step < 3000; step++) {
        struct text_pod *pod = &pods[random_below(&random, TRAFFIC)];
        if (pod->pod.gang == NULL) {
            ck_assert_int_eq(gang_join(gang, &pod->pod), 0);
            members++;
        } else if (random_below(&random, 2) == 0) {
            gang_leave(gang, &pod->pod);
            ck_assert_ptr_null(pod->pod.gang);
            members--;
        } else {
            pod->pod.rank = (int32_t)random_below(&random, 8) - 1;
            gang_member_changed(gang, &pod->pod, POD_ORDER);
        }
        ck_assert_uint_eq(gang->member_count, members);
        check_order(gang);
    }
    while (gang->member_count > 0) {
        gang_leave(gang, gang->members[0]);
    }
    gangs_finish(&gangs);
}
END_TEST

START_TEST(test_most_members)
{
    struct gangs gangs;
    gangs_init(&gangs);
    struct gang *gang = gangs_get(&gangs, "ns", "g");
    struct text_pod *pods = calloc(GANG_MEMBERS_MAX + 1, sizeof(*pods));
    for (uint32_t i = 0; i < GANG_MEMBERS_MAX; i++) {
        pod_init(&pods[i], (int)i, (int32_t)i);
        ck_assert_int_eq(gang_join(gang, &pods[i].pod), 0);
    }
    pod_init(&pods[GANG_MEMBERS_MAX], (int)GANG_MEMBERS_MAX, 0);
    ck_assert_int_eq(gang_join(gang, &pods[GANG_MEMBERS_MAX].pod), -1);
    ck_assert_ptr_null(pods[GANG_MEMBERS_MAX].pod.gang);
    ck_assert_ptr_eq(pods[GANG_MEMBERS_MAX].pod.outside, gang);
    ck_assert_uint_eq(gang_tally(gang).live, GANG_MEMBERS_MAX);
    gang->member_count = 0;
    free(pods);
    gangs_finish(&gangs);
}
END_TEST

START_TEST(test_vetoes_by_shape_and_node)
{
    struct gangs gangs;
    struct books books;
    gangs_init(&gangs);
    books_init(&books);
    struct gang *gang = gangs_get(&gangs, "ns", "g");
    static const char *const uids[] = {"a", "b", "c"};
    for (uint32_t i = 0; i < 300; i++) {
        char name[16];
        snprintf(name, sizeof(name), "n%u", i / 3);
        struct pod *pod = books_pod(&books, uids[i % 3], 100 * (i % 3), 0);
        pods_hold(books.pods, pod, nodes_reserve(books.nodes, name), 0);
        gang_veto(gang, pod, 0, 0, i);
        pods_release(books.pods, pod);
    }
    ck_assert_uint_eq(gang->veto_count, 300);
    ck_assert(gang_expire_vetoes(gang, 100)); /* until 100 or before */
    ck_assert_uint_eq(gang->veto_count, 199);
    ck_assert_int_eq(gang->vetoes[0].until, 101);
    ck_assert(!gang_expire_vetoes(gang, 100));
    ck_assert(gang_expire_vetoes(gang, INT64_MAX));
    ck_assert_uint_eq(gang->veto_count, 0);
    gangs_finish(&gangs);
    books_finish(&books);
}
END_TEST

START_TEST(test_reason)
{
    static const char one[] = "One", two[] = "Two";
    char text[GANG_REASON_MAX + 100];
    struct gangs gangs;
    gangs_init(&gangs);
    struct gang *gang = gangs_get(&gangs, "ns", "g");
    ck_assert(gang_set_reason(gang, one, "because"));
    ck_assert_str_eq(gang->reason, "because");
    ck_assert(!gang_set_reason(gang, two, "because"));
    ck_assert_ptr_eq(gang->reason_class, two);
    memset(text, 'y', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    ck_assert(gang_set_reason(gang, one, text));
    ck_assert_uint_eq(strlen(gang->reason), GANG_REASON_MAX - 1);
    memcpy(text + GANG_REASON_MAX - 2, "é", strlen("é")); /* the last byte is its first */
    ck_assert(gang_set_reason(gang, one, text));
    ck_assert_uint_eq(strlen(gang->reason), GANG_REASON_MAX - 2);
    gangs_finish(&gangs);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/state/gang limits");
    TCase *tcase = tcase_create("limits");
    tcase_add_test(tcase, test_table_is_sorted);
    tcase_add_test(tcase, test_new_gang);
    tcase_add_test(tcase, test_priority_is_the_least);
    tcase_add_loop_test(tcase, test_members_stay_in_order, 0, 4);
    tcase_add_test(tcase, test_most_members);
    tcase_add_test(tcase, test_vetoes_by_shape_and_node);
    tcase_add_test(tcase, test_reason);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
