// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/state/gang.h"
#include "test/unit/check_main.h"
#include "test/unit/scheduler/state/books.h"

/* Gangs and their barrier. */

static struct gangs gangs;

static struct pod *pod(const char *name, const char *role, int32_t rank)
{
    struct pod *made = calloc(1, sizeof(*made));
    made->name = strdup(name);
    made->uid = strdup(name);
    made->role = strdup(role);
    made->rank = rank;
    made->node = NAMES_NONE;
    made->allocation_row = NAMES_NONE;
    return made;
}

static void drop(struct gang *gang, struct pod *member)
{
    if (member->gang != NULL) {
        gang_leave(gang, member);
    }
    free(member->name);
    free(member->uid);
    free(member->role);
    free(member->replica.owner);
    free(member);
}

START_TEST(members_stand_in_rank_order)
{
    static const struct {
        const char *name, *role;
        int32_t rank;
    } want[] = {{"z", "Master", 0},    {"b", "Worker", 0},    {"a", "Worker", 1},
                {"x-2", "Worker", -1}, {"x-9", "Worker", -1}, {"x-10", "Worker", -1}};
    static const int order[] = {5, 2, 0, 4, 1, 3};
    struct gang *gang = gangs_get(&gangs, "ns", "g");
    struct pod *members[6];
    for (int i = 0; i < 6; i++) {
        members[i] = pod(want[order[i]].name, want[order[i]].role, want[order[i]].rank);
        ck_assert_int_eq(gang_join(gang, members[i]), 0);
    }
    for (int i = 0; i < 6; i++) {
        ck_assert_str_eq(gang->members[i]->name, want[i].name);
    }
    gang->members[5]->rank = 7; /* its controller gave it an index */
    gang_member_changed(gang, gang->members[5], POD_ORDER);
    ck_assert_str_eq(gang->members[3]->name, "x-10");
    for (int i = 0; i < 6; i++) {
        drop(gang, members[i]);
    }
    gangs_remove(&gangs, gang);
}
END_TEST

/* Names are no ranks, and their length is not their order. */
START_TEST(members_without_ranks_stand_in_natural_order)
{
    static const char *const want[] = {"a-2-x9", "a-10-b", "job-2",  "job-02",
                                       "job-10", "x-1-20", "x-20-1", "x-20-001"};
    static const int order[] = {3, 7, 0, 5, 2, 6, 1, 4};
    struct gang *gang = gangs_get(&gangs, "ns", "g");
    struct pod *members[8];
    for (int i = 0; i < 8; i++) {
        members[i] = pod(want[order[i]], "", -1);
        ck_assert_int_eq(gang_join(gang, members[i]), 0);
    }
    for (int i = 0; i < 8; i++) {
        ck_assert_str_eq(gang->members[i]->name, want[i]);
    }
    for (int i = 0; i < 8; i++) {
        drop(gang, members[i]);
    }
    gangs_remove(&gangs, gang);
}
END_TEST

/* By owner, then index by index, the newest attempt of each, and only then by rank. */
START_TEST(replicas_stand_one_behind_the_other)
{
    static const struct {
        const char *name, *owner;
        uint32_t count;
        int32_t indices[2], attempt, rank;
    } want[] = {
        {"a0", NULL, 0, {0, 0}, 0, 5},     {"z1", "set-2", 2, {0, 9}, 0, 7},
        {"y1", "set-2", 2, {0, 10}, 2, 0}, {"y2", "set-2", 2, {0, 10}, 2, 1},
        {"x1", "set-2", 2, {0, 10}, 1, 0}, {"x2", "set-2", 2, {0, 10}, 1, -1},
        {"w1", "set-2", 1, {0, 0}, 0, 0},  {"v1", "set-2", 2, {1, 0}, 0, 0},
        {"u1", "set-2", 0, {0, 0}, 0, 0},  {"t1", "set-10", 1, {0, 0}, 0, 0},
    };
    static const int order[] = {6, 1, 9, 3, 0, 8, 4, 7, 2, 5};
    struct gang *gang = gangs_get(&gangs, "ns", "g");
    struct pod *members[10];
    for (int i = 0; i < 10; i++) {
        int at = order[i];
        members[i] = pod(want[at].name, "Worker", want[at].rank);
        members[i]->replica.owner = want[at].owner == NULL ? NULL : strdup(want[at].owner);
        members[i]->replica.index_count = want[at].count;
        memcpy(members[i]->replica.indices, want[at].indices, sizeof want[at].indices);
        members[i]->replica.attempt = want[at].attempt;
        ck_assert_int_eq(gang_join(gang, members[i]), 0);
    }
    for (int i = 0; i < 10; i++) {
        ck_assert_str_eq(gang->members[i]->name, want[i].name);
    }
    for (int i = 0; i < 10; i++) {
        drop(gang, members[i]);
    }
    gangs_remove(&gangs, gang);
}
END_TEST

START_TEST(quorum_from_the_object_or_the_greatest_label)
{
    struct gang *gang = gangs_get(&gangs, "ns", "g");
    struct pod *a = pod("a", "", -1), *b = pod("b", "", -1), *c = pod("c", "", -1);
    a->gang_minimum = -1;
    b->gang_minimum = 3;
    c->gang_minimum = 2;
    ck_assert_int_eq(gang_minimum(gang), 0);
    gang_join(gang, a);
    ck_assert_int_eq(gang_minimum(gang), -1);
    gang_join(gang, b);
    gang_join(gang, c);
    ck_assert_int_eq(gang_minimum(gang), 3);
    struct group_object object = {.name_space = "ns", .name = "g", .uid = "u", .minimum = 5};
    gang_set_object(gang, &object);
    ck_assert_int_eq(gang_minimum(gang), 5);
    gang_clear_object(gang);
    ck_assert_int_eq(gang_minimum(gang), 3);
    gang_leave(gang, b);
    ck_assert_int_eq(gang_minimum(gang), 2);
    gang_leave(gang, c);
    ck_assert_int_eq(gang_minimum(gang), -1);
    drop(gang, a);
    drop(gang, b);
    drop(gang, c);
    gangs_remove(&gangs, gang);
}
END_TEST

START_TEST(tally_counts_what_is_alive)
{
    struct books books;
    books_init(&books);
    uint32_t n1 = books_node(&books, "n1", "r1", 16000, 8);
    struct gang *gang = gangs_get(&gangs, "ns", "g");
    struct books_pod pages[6];
    struct pod *members[6];
    char uids[6][4];
    for (int i = 0; i < 6; i++) {
        snprintf(uids[i], sizeof(uids[i]), "p%d", i);
        books_pod_init(&pages[i], uids[i], 100, 0);
        members[i] = pods_observe(books.pods, &pages[i].object, NULL);
        gang_join(gang, members[i]);
    }
    struct group_object group = {.name_space = "ns", .name = "g", .uid = "u", .minimum = 3};
    gang_set_object(gang, &group);
    pages[0].object.node = "n1";
    pages[3].object.gated = true;
    pages[4].object.deleting = true;
    pages[5].object.terminal = true;
    for (int i = 0; i < 6; i++) {
        pods_observe(books.pods, &pages[i].object, NULL);
    }
    pods_hold(books.pods, members[1], n1, 0);
    pods_bind(books.pods, members[2], n1);
    struct gang_tally tally = gang_tally(gang);
    ck_assert_uint_eq(tally.live, 4);
    ck_assert_uint_eq(tally.bound, 2);
    ck_assert_uint_eq(tally.pending, 1);
    ck_assert_uint_eq(tally.held, 1);
    ck_assert_uint_eq(gang_missing(gang), 1);
    pages[0].object.node = NULL;
    pods_observe(books.pods, &pages[0].object, NULL);
    pods_release(books.pods, members[2]);
    ck_assert_uint_eq(gang_missing(gang), 3);
    pages[5].object.succeeded = true; /* but in which run? */
    pods_observe(books.pods, &pages[5].object, NULL);
    ck_assert_uint_eq(gang_missing(gang), 3);
    pages[5].object.owner = "job";
    pods_observe(books.pods, &pages[5].object, NULL);
    ck_assert_uint_eq(gang_missing(gang), 3);
    pages[1].object.owner = "job"; /* in this one */
    pods_observe(books.pods, &pages[1].object, NULL);
    ck_assert_uint_eq(gang_missing(gang), 2);
    gang_clear_object(gang);
    ck_assert_uint_eq(gang_missing(gang), UINT32_MAX);
    for (int i = 0; i < 6; i++) {
        gang_leave(gang, members[i]);
    }
    gangs_remove(&gangs, gang);
    books_finish(&books);
}
END_TEST

START_TEST(held_on_a_node_in_order_of_gangs_and_members)
{
    struct books books;
    books_init(&books);
    uint32_t n1 = books_node(&books, "n1", "r1", 16000, 8);
    uint32_t n2 = books_node(&books, "n2", "r1", 16000, 8), count;
    static const char *const uids[] = {"z1", "y0", "y1", "x", "w", "v"};
    static const char *const names[] = {"b", "b", "b", "a", NULL, "a"};
    struct pod *pods[6];
    for (int i = 0; i < 6; i++) {
        pods[i] = books_pod(&books, uids[i], 100, 0);
        if (names[i] != NULL) {
            gang_join(gangs_get(&gangs, "ns", names[i]), pods[i]);
        }
        pods_hold(books.pods, pods[i], i == 2 ? n2 : n1, 0);
    }
    pods_vote(books.pods, pods[5]);
    pods_commit(books.pods, pods[5]);
    struct pod **held = gangs_held_on(books.pods, n1, &count);
    ck_assert_uint_eq(count, 3); /* not the one elsewhere, nor without a gang, nor bound */
    ck_assert_ptr_eq(held[0], pods[3]);
    ck_assert_ptr_eq(held[1], pods[1]);
    ck_assert_ptr_eq(held[2], pods[0]);
    free(held);
    held = gangs_held_on(books.pods, 12345, &count);
    ck_assert_uint_eq(count, 0);
    free(held);
    for (int i = 0; i < 6; i++) {
        if (pods[i]->gang != NULL) {
            gang_leave(pods[i]->gang, pods[i]);
        }
    }
    books_finish(&books);
}
END_TEST

/* A veto keeps the number of its kind of pods from being given to another kind. */
START_TEST(vetoes_are_renewed_and_run_out)
{
    struct books books;
    books_init(&books);
    struct gang *gang = gangs_get(&gangs, "ns", "g");
    uint32_t n1 = books_node(&books, "n1", "r1", 16000, 8);
    uint32_t n2 = books_node(&books, "n2", "r1", 16000, 8);
    struct pod *pod = books_pod(&books, "a", 100, 0);
    uint32_t shape = pod->shape;
    pods_hold(books.pods, pod, n1, 0);
    gang_veto(gang, pod, 2, 1, 100);
    pods_release(books.pods, pod);
    pods_hold(books.pods, pod, n2, 0);
    gang_veto(gang, pod, 3, 3, 200);
    pods_release(books.pods, pod);
    pods_hold(books.pods, pod, n1, 0);
    gang_veto(gang, pod, 0, 0, 300);
    pods_remove(books.pods, pod);
    ck_assert_uint_eq(gang->veto_count, 2);
    ck_assert_uint_ne(books_pod(&books, "b", 200, 0)->shape, shape);
    ck_assert(!gang_expire_vetoes(gang, 199));
    ck_assert(gang_expire_vetoes(gang, 200));
    ck_assert_uint_eq(gang->veto_count, 1);
    ck_assert_uint_eq(gang->vetoes[0].row, n1);
    ck_assert_uint_eq(gang->vetoes[0].takes, 0); /* the stricter one */
    ck_assert_uint_eq(books_pod(&books, "c", 100, 0)->shape, shape);
    pods_remove(books.pods, pods_find(books.pods, "c"));
    gangs_remove(&gangs, gang); /* gives the rest back */
    ck_assert_uint_eq(books_pod(&books, "d", 300, 0)->shape, shape);
    books_finish(&books);
}
END_TEST

START_TEST(barrier_holds_each_pod_once)
{
    struct barrier barrier;
    struct pod *a = pod("a", "", 0), *b = pod("b", "", 1);
    uint64_t ticket = 0;
    barrier_init(&barrier);
    ck_assert(!barrier_add(&barrier, a, 7, &ticket));
    ck_assert(!barrier_add(&barrier, b, 8, &ticket));
    ck_assert(barrier_add(&barrier, a, 9, &ticket));
    ck_assert_uint_eq(ticket, 7);
    ck_assert_uint_eq(barrier.count, 2);
    ck_assert(barrier_take(&barrier, a, &ticket));
    ck_assert_uint_eq(ticket, 9);
    ck_assert(!barrier_take(&barrier, a, &ticket));
    ck_assert(barrier_take(&barrier, b, &ticket));
    ck_assert_uint_eq(ticket, 8);
    barrier_finish(&barrier);
    drop(NULL, a);
    drop(NULL, b);
}
END_TEST

START_TEST(a_reason_is_new_when_its_text_is)
{
    static const char first[] = "First", second[] = "Second";
    struct gang *gang = gangs_get(&gangs, "ns", "g");
    ck_assert(gang_set_reason(gang, first, "text"));
    ck_assert(!gang_set_reason(gang, second, "text"));
    ck_assert_ptr_eq(gang->reason_class, second);
    gangs_remove(&gangs, gang);
}
END_TEST

static void setup(void)
{
    gangs_init(&gangs);
}

static void teardown(void)
{
    gangs_finish(&gangs);
}

int main(void)
{
    Suite *suite = suite_create("gang");
    TCase *tcase = tcase_create("gang");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, members_stand_in_rank_order);
    tcase_add_test(tcase, members_without_ranks_stand_in_natural_order);
    tcase_add_test(tcase, replicas_stand_one_behind_the_other);
    tcase_add_test(tcase, quorum_from_the_object_or_the_greatest_label);
    tcase_add_test(tcase, tally_counts_what_is_alive);
    tcase_add_test(tcase, held_on_a_node_in_order_of_gangs_and_members);
    tcase_add_test(tcase, vetoes_are_renewed_and_run_out);
    tcase_add_test(tcase, barrier_holds_each_pod_once);
    tcase_add_test(tcase, a_reason_is_new_when_its_text_is);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
