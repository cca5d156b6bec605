// SPDX-License-Identifier: Apache-2.0
/* Pods on nodes that nobody has shown: they take nothing of the node table, and are charged once
 * their node is shown. Who is on which row is tested with the pod table. */
#include "scheduler/state/residents.h"

#include "test/unit/check_main.h"
#include "test/unit/scheduler/state/books.h"

/* Nodes that nobody has shown take no rows; who runs there is charged once they are shown. */
START_TEST(test_nodes_that_nobody_has_shown)
{
    enum { PODS = 3000 };
    struct books books;
    struct books_pod page;
    books_init(&books);
    uint32_t n1 = books_node(&books, "n1", "r1", 8000, 8);
    uint32_t elsewhere = nodes_elsewhere(books.nodes), rows = nodes_rows(books.nodes);
    static struct pod *pods[PODS];
    for (int i = 0; i < PODS; i++) {
        char uid[16], node[16], nominated[16];
        snprintf(uid, sizeof uid, "p%d", i);
        snprintf(node, sizeof node, "x%d", i % 2 == 0 ? i : 1);
        snprintf(nominated, sizeof nominated, "y%d", i);
        books_pod_init(&page, uid, 1, 1);
        page.object.node = node;
        page.object.nominated = nominated;
        pods[i] = pods_observe(books.pods, &page.object, NULL);
        pods_bind(books.pods, pods[i], pods[i]->node);
        ck_assert_uint_eq(pods[i]->allocation_row, elsewhere);
        ck_assert_str_eq(pods_node_name(books.pods, pods[i]), node);
        ck_assert_uint_eq(pod_nominated(pods[i], books.nodes), elsewhere);
    }
    ck_assert_uint_eq(nodes_rows(books.nodes), rows);
    ck_assert_uint_eq(ledger_free(books.ledger, elsewhere)->count, 0);
    ck_assert_int_eq(books_free(&books, n1, "nvidia.com/gpu"), 8);

    uint32_t x1 = books_node(&books, "x1", "r1", 8000, 8), found = 0;
    for (struct pod *pod; (pod = pods_found(books.pods, x1)) != NULL; found++) {
        ck_assert_ptr_eq(pod, pods[2 * found + 1]); /* in the order in which they said so */
        ck_assert_uint_eq(pod->node, x1);
        ck_assert_uint_eq(pod->allocation_row, x1);
        ck_assert_int_eq(pod->phase, MEMBER_BOUND);
    }
    ck_assert_uint_eq(found, PODS / 2);
    ck_assert_int_eq(books_free(&books, x1, "nvidia.com/gpu"), 8 - PODS / 2);
    ck_assert_ptr_null(pods_found(books.pods, n1));

    uint32_t y7 = books_node(&books, "y7", "r1", 1, 1);
    unsigned changes = 0;
    books_pod_init(&page, "p7", 1, 1);
    page.object.node = "x1";
    page.object.nominated = "y7";
    ck_assert_ptr_eq(pods_observe(books.pods, &page.object, &changes), pods[7]);
    ck_assert_uint_eq(changes, POD_UNCHANGED);
    ck_assert_uint_eq(pod_nominated(pods[7], books.nodes), y7);
    books_pod_init(&page, "p8", 1, 1);
    page.object.node = "another";
    (void)pods_observe(books.pods, &page.object, &changes);
    ck_assert_uint_eq(changes, POD_NODE | POD_NOMINATED);
    ck_assert_str_eq(pods_node_name(books.pods, pods[8]), "another");

    for (int i = 0; i < PODS; i++) {
        pods_remove(books.pods, pods[(i * 7) % PODS]);
    }
    ck_assert_int_eq(books_free(&books, x1, "nvidia.com/gpu"), 8);
    ck_assert_ptr_null(pods_on(books.pods, elsewhere));
    books_finish(&books);
}
END_TEST

/* A name is remembered as long as a pod says it, and one that is too long not at all. */
START_TEST(test_names_go_with_the_last_pod)
{
    struct residents residents;
    struct pod_object object = {.uid = "p", .name_space = "ns", .name = "p"};
    struct pod *pods[4];
    residents_init(&residents, 7);
    for (int i = 0; i < 4; i++) {
        pods[i] = pod_create(&object);
        ck_assert(residents_miss(&residents, pods[i], i == 3 ? "b" : "a"));
    }
    ck_assert_uint_eq(names_count(residents.names), 2);
    residents_find(&residents, pods[1]); /* from the middle, then the first, then the last */
    ck_assert_ptr_eq(residents_missing(&residents, "a"), pods[0]);
    residents_find(&residents, pods[0]);
    ck_assert_ptr_eq(residents_missing(&residents, "a"), pods[2]);
    ck_assert_str_eq(residents_missed(&residents, pods[2]), "a");
    residents_find(&residents, pods[2]);
    residents_find(&residents, pods[2]);
    ck_assert_ptr_null(residents_missing(&residents, "a"));
    ck_assert_ptr_null(residents_missed(&residents, pods[2]));
    ck_assert_uint_eq(names_count(residents.names), 1);
    ck_assert(residents_miss(&residents, pods[3], "c"));
    ck_assert_ptr_null(residents_missing(&residents, "b"));
    char absurd[NAMES_LENGTH_MAX + 2];
    memset(absurd, 'x', sizeof absurd);
    absurd[NAMES_LENGTH_MAX + 1] = '\0';
    ck_assert(!residents_miss(&residents, pods[3], absurd));
    ck_assert_uint_eq(names_count(residents.names), 0);
    for (int i = 0; i < 4; i++) {
        pod_destroy(pods[i]);
    }
    residents_finish(&residents);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/state/residents");
    TCase *tcase = tcase_create("residents");
    tcase_add_test(tcase, test_nodes_that_nobody_has_shown);
    tcase_add_test(tcase, test_names_go_with_the_last_pod);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
