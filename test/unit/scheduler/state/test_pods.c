// SPDX-License-Identifier: Apache-2.0
/* The pod table: what it copies, and that claims and the ledger always agree. */
#include "scheduler/state/pods.h"

#include <signal.h>

#include "test/unit/check_main.h"
#include "test/unit/scheduler/state/books.h"

START_TEST(test_observe_copies_and_updates)
{
    struct books books;
    books_init(&books);
    struct books_pod page;
    char uid[] = "u1", name[] = "worker-0", role[] = "worker", level[] = "rack";
    books_pod_init(&page, uid, 1000, 8);
    page.object.name = name;
    page.object.role = role;
    page.object.placement.required_level = level;
    page.object.placement.preferred_level = "leaf";
    page.object.placement.slices = &(struct slice_object){level, 4};
    page.object.placement.slice_count = 1;
    page.object.rank = 3;
    page.object.priority = 7;
    page.object.gang_minimum = 4;
    page.object.nominated = "n9";
    struct pod *pod = pods_observe(books.pods, &page.object);
    memset(uid, '?', 2);
    memset(name, '?', 4);
    memset(role, '?', 4);
    memset(level, '?', 4);

    ck_assert_ptr_eq(pods_find(books.pods, "u1"), pod);
    ck_assert_uint_eq(pods_count(books.pods), 1);
    ck_assert_str_eq(pod->uid, "u1");
    ck_assert_str_eq(pod->name, "worker-0");
    ck_assert_str_eq(pod->role, "worker");
    ck_assert_str_eq(pod->placement.required, "rack");
    ck_assert_str_eq(pod->placement.preferred, "leaf");
    ck_assert_uint_eq(pod->placement.slice_count, 1);
    ck_assert_str_eq(pod->placement.slices[0].level, "rack");
    ck_assert_int_eq(pod->placement.slices[0].size, 4);
    ck_assert_int_eq(pod->rank, 3);
    ck_assert_int_eq(pod->priority, 7);
    ck_assert_int_eq(pod->gang_minimum, 4);
    ck_assert_int_eq(pod->claim, CLAIM_NONE);
    ck_assert_uint_eq(pod->node, NAMES_NONE);
    ck_assert_uint_eq(pod->nominated, nodes_find(books.nodes, "n9", 2));
    ck_assert_ptr_null(pod->gang);

    books_pod_init(&page, "u1", 1000, 8);
    page.object.node = "n1";
    page.object.terminal = page.object.succeeded = page.object.deleting = page.object.gated = true;
    ck_assert_ptr_eq(pods_observe(books.pods, &page.object), pod);
    ck_assert_str_eq(pod->role, "");
    ck_assert_ptr_null(pod->placement.required);
    ck_assert_ptr_null(pod->placement.preferred);
    ck_assert_uint_eq(pod->placement.slice_count, 0);
    ck_assert_uint_eq(pod->node, nodes_find(books.nodes, "n1", 2));
    ck_assert_uint_eq(pod->nominated, NAMES_NONE);
    ck_assert(pod->terminal && pod->succeeded && pod->deleting && pod->gated);
    pods_remove(books.pods, pod);
    ck_assert_ptr_null(pods_find(books.pods, "u1"));
    ck_assert_uint_eq(pods_count(books.pods), 0);
    books_finish(&books);
}
END_TEST

START_TEST(test_order_of_arrival)
{
    struct books books;
    books_init(&books);
    char uid[8];
    for (int i = 0; i < 500; i++) {
        snprintf(uid, sizeof(uid), "p%d", (i * 7919) % 500);
        books_pod(&books, uid, 100, 0);
    }
    books_pod(&books, "p0", 200, 0); /* a change keeps its place */
    pods_remove(books.pods, pods_find(books.pods, "p21"));
    int i = 0;
    for (struct pod *pod = pods_first(books.pods); pod != NULL; pod = pod->hh.next, i++) {
        if ((i * 7919) % 500 == 21) {
            i++;
        }
        snprintf(uid, sizeof(uid), "p%d", (i * 7919) % 500);
        ck_assert_str_eq(pod->uid, uid);
    }
    ck_assert_int_eq(i, 500);
    books_finish(&books);
}
END_TEST

START_TEST(test_claims)
{
    struct books books;
    books_init(&books);
    uint32_t n1 = books_node(&books, "n1", "r1", 8000, 8);
    struct pod *pod = books_pod(&books, "p", 1000, 2);
    ck_assert_int_eq(books_free(&books, n1, "nvidia.com/gpu"), 8);

    pods_release(books.pods, pod); /* nothing to release */
    pods_hold(books.pods, pod, n1);
    ck_assert_int_eq(pod->claim, CLAIM_HELD);
    ck_assert_uint_eq(pod->claim_row, n1);
    ck_assert(ledger_has_hold(books.ledger, n1));
    ck_assert_int_eq(books_free(&books, n1, "nvidia.com/gpu"), 6);
    pods_release(books.pods, pod);
    ck_assert_int_eq(pod->claim, CLAIM_NONE);
    ck_assert_uint_eq(pod->claim_row, NAMES_NONE);
    ck_assert(!ledger_has_hold(books.ledger, n1));
    ck_assert_int_eq(books_free(&books, n1, "nvidia.com/gpu"), 8);

    pods_hold(books.pods, pod, n1);
    pods_settle(books.pods, pod);
    ck_assert_int_eq(pod->claim, CLAIM_BOUND);
    ck_assert(!ledger_has_hold(books.ledger, n1));
    ck_assert_int_eq(books_free(&books, n1, "nvidia.com/gpu"), 6);
    pods_release(books.pods, pod);

    pods_bind(books.pods, pod, n1);
    ck_assert_int_eq(pod->claim, CLAIM_BOUND);
    ck_assert_int_eq(books_free(&books, n1, "cpu"), 7000);
    pods_remove(books.pods, pod); /* releases */
    ck_assert_int_eq(books_free(&books, n1, "cpu"), 8000);
    books_finish(&books);
}
END_TEST

/* A binding in doubt is guarded like a hold, once, until it is trusted or released. */
START_TEST(test_doubt)
{
    struct books books;
    books_init(&books);
    uint32_t n1 = books_node(&books, "n1", "r1", 8000, 8);
    struct pod *pod = books_pod(&books, "p", 1000, 2);
    pods_bind(books.pods, pod, n1);
    ck_assert_uint_eq(pods_unsure(books.pods), 0);
    pods_doubt(books.pods, pod, 10);
    pods_doubt(books.pods, pod, 20); /* a doubt is not prolonged by the next one */
    ck_assert(pod->unsure);
    ck_assert_int_eq(pod->unsure_until, 10);
    ck_assert_uint_eq(pods_unsure(books.pods), 1);
    ck_assert(ledger_has_hold(books.ledger, n1));
    ck_assert_int_eq(books_free(&books, n1, "nvidia.com/gpu"), 6);

    books_pod(&books, "p", 1000, 4); /* resized while in doubt */
    ck_assert(pod->unsure);
    ck_assert_int_eq(pod->unsure_until, 10);
    ck_assert_uint_eq(pods_unsure(books.pods), 1);
    ck_assert_uint_eq(ledger_holds(books.ledger), 1);
    ck_assert_int_eq(books_free(&books, n1, "nvidia.com/gpu"), 4);

    pods_trust(books.pods, pod);
    pods_trust(books.pods, pod);
    ck_assert_uint_eq(pods_unsure(books.pods), 0);
    ck_assert(!ledger_has_hold(books.ledger, n1));
    ck_assert_int_eq(books_free(&books, n1, "nvidia.com/gpu"), 4);

    pods_doubt(books.pods, pod, 30);
    pods_release(books.pods, pod);
    ck_assert(!pod->unsure);
    ck_assert(!ledger_has_hold(books.ledger, n1));
    ck_assert_int_eq(books_free(&books, n1, "nvidia.com/gpu"), 8);
    books_finish(&books);
}
END_TEST

START_TEST(test_resize_recharges)
{
    struct books books;
    books_init(&books);
    uint32_t n1 = books_node(&books, "n1", "r1", 8000, 8);
    struct pod *held = books_pod(&books, "held", 1000, 2);
    struct pod *bound = books_pod(&books, "bound", 1000, 2);
    struct pod *idle = books_pod(&books, "idle", 1000, 2);
    ck_assert_uint_eq(held->shape, bound->shape);
    pods_hold(books.pods, held, n1);
    pods_bind(books.pods, bound, n1);
    books_pod(&books, "held", 3000, 2);
    ck_assert_int_eq(held->claim, CLAIM_HELD);
    ck_assert_uint_eq(held->claim_row, n1);
    ck_assert_int_eq(books_free(&books, n1, "cpu"), 4000);
    books_pod(&books, "bound", 5000, 2);
    ck_assert_int_eq(bound->claim, CLAIM_BOUND);
    ck_assert_int_eq(books_free(&books, n1, "cpu"), 0);
    books_pod(&books, "idle", 9000, 2);
    ck_assert_int_eq(idle->claim, CLAIM_NONE);
    ck_assert_int_eq(books_free(&books, n1, "cpu"), 0);
    books_pod(&books, "bound", 500, 0);
    ck_assert_int_eq(books_free(&books, n1, "cpu"), 4500);
    ck_assert_int_eq(books_free(&books, n1, "nvidia.com/gpu"), 6);
    pods_release(books.pods, held);
    pods_release(books.pods, bound);
    ck_assert_int_eq(books_free(&books, n1, "cpu"), 8000);
    ck_assert_int_eq(books_free(&books, n1, "nvidia.com/gpu"), 8);
    ck_assert(!ledger_has_hold(books.ledger, n1));
    books_finish(&books);
}
END_TEST

START_TEST(test_limits_have_no_side_effects)
{
    struct books books;
    books_init(&books);
    struct books_pod page;
    static char absurd[NAMES_LENGTH_MAX + 2];
    memset(absurd, 'x', sizeof(absurd) - 1);
    books_pod_init(&page, "p", 1000, 2);
    page.object.node = absurd;
    ck_assert_ptr_null(pods_observe(books.pods, &page.object));
    page.object.node = NULL;
    page.object.nominated = absurd;
    ck_assert_ptr_null(pods_observe(books.pods, &page.object));
    page.object.nominated = NULL;
    page.amounts[0].resource = absurd;
    ck_assert_ptr_null(pods_observe(books.pods, &page.object));
    ck_assert_uint_eq(pods_count(books.pods), 0);

    struct pod *pod = books_pod(&books, "p", 1000, 2);
    uint32_t shape = pod->shape;
    page.object.priority = 5;
    ck_assert_ptr_null(pods_observe(books.pods, &page.object)); /* a known pod stays as it was */
    ck_assert_uint_eq(pod->shape, shape);
    ck_assert_int_eq(pod->priority, 0);
    books_finish(&books);
}
END_TEST

/* The last pod of a shape gives its id back, and the ledger's view goes with it. */
START_TEST(test_shape_goes_with_its_last_pod)
{
    struct books books;
    books_init(&books);
    books_node(&books, "n1", "r1", 8000, 8);
    books_build(&books);
    struct pod *pod = books_pod(&books, "p", 1000, 2);
    uint32_t shape = pod->shape;
    ck_assert_uint_eq(capacity_domain(ledger_capacity(books.ledger, shape), 0), 4);
    pods_remove(books.pods, pod);
    pod = books_pod(&books, "q", 1000, 4);
    ck_assert_uint_eq(pod->shape, shape); /* the id is used again */
    ck_assert_uint_eq(capacity_domain(ledger_capacity(books.ledger, shape), 0), 2);
    books_finish(&books);
}
END_TEST

START_TEST(test_mistakes_abort)
{
    struct books books;
    books_init(&books);
    uint32_t n1 = books_node(&books, "n1", "r1", 8000, 8);
    struct pod *pod = books_pod(&books, "p", 1000, 2);
    switch (_i) {
    case 0:
        pods_settle(books.pods, pod);
        break;
    case 1:
        pods_doubt(books.pods, pod, 0);
        break;
    case 2:
        pods_hold(books.pods, pod, n1);
        pods_hold(books.pods, pod, n1);
        break;
    default:
        pods_bind(books.pods, pod, n1);
        pods_bind(books.pods, pod, n1);
        break;
    }
}
END_TEST

int main(void)
{
    pods_destroy(NULL);
    Suite *suite = suite_create("scheduler/state/pods");
    TCase *tcase = tcase_create("pods");
    tcase_add_test(tcase, test_observe_copies_and_updates);
    tcase_add_test(tcase, test_order_of_arrival);
    tcase_add_test(tcase, test_claims);
    tcase_add_test(tcase, test_doubt);
    tcase_add_test(tcase, test_resize_recharges);
    tcase_add_test(tcase, test_limits_have_no_side_effects);
    tcase_add_test(tcase, test_shape_goes_with_its_last_pod);
    tcase_add_loop_test_raise_signal(tcase, test_mistakes_abort, SIGABRT, 0, 4);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
