// SPDX-License-Identifier: Apache-2.0
/* The pod table: what it copies, and that allocations and the ledger always agree. */
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
    struct pod *pod = pods_observe(books.pods, &page.object, NULL);
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
    ck_assert_int_eq(pod->phase, MEMBER_UNPLACED);
    ck_assert_uint_eq(pod->node, NAMES_NONE);
    ck_assert_uint_eq(pod->nominated, nodes_elsewhere(books.nodes));
    ck_assert_ptr_null(pod->gang);

    books_pod_init(&page, "u1", 1000, 8);
    page.object.node = "n1";
    page.object.terminal = page.object.succeeded = page.object.deleting = page.object.gated = true;
    ck_assert_ptr_eq(pods_observe(books.pods, &page.object, NULL), pod);
    ck_assert_str_eq(pod->role, "");
    ck_assert_ptr_null(pod->placement.required);
    ck_assert_ptr_null(pod->placement.preferred);
    ck_assert_uint_eq(pod->placement.slice_count, 0);
    ck_assert_uint_eq(pod->node, nodes_elsewhere(books.nodes));
    ck_assert_str_eq(pods_node_name(books.pods, pod), "n1");
    ck_assert_uint_eq(pod->nominated, NAMES_NONE);
    ck_assert(pod->terminal && pod->succeeded && pod->deleting && pod->gated);
    pods_remove(books.pods, pod);
    ck_assert_ptr_null(pods_find(books.pods, "u1"));
    ck_assert_uint_eq(pods_count(books.pods), 0);
    books_finish(&books);
}
END_TEST

/* What differs is told, bit by bit; what is said again is nothing. */
START_TEST(test_changes)
{
    struct books books;
    books_init(&books);
    struct books_pod page;
    unsigned changes = 99;
    books_pod_init(&page, "p", 1000, 8);
    struct pod *pod = pods_observe(books.pods, &page.object, &changes);
    ck_assert_uint_eq(changes, POD_ADDED);
    struct label_object selector = {"zone", "a"};
    struct pod_object *object = &page.object;
    const struct {
        void *field;
        const void *value;
        size_t size;
        unsigned bit;
    } steps[] = {
        {&object->node, &(const char *){"n1"}, sizeof(char *), POD_NODE},
        {&object->nominated, &(const char *){"n2"}, sizeof(char *), POD_NOMINATED},
        {&object->deleting, &(bool){true}, sizeof(bool), POD_LIFE},
        {&object->gated, &(bool){true}, sizeof(bool), POD_LIFE},
        {&object->terminal, &(bool){true}, sizeof(bool), POD_LIFE},
        {&object->succeeded, &(bool){true}, sizeof(bool), POD_LIFE},
        {&page.amounts[0].amount, &(int64_t){2000}, sizeof(int64_t), POD_SHAPE},
        {&object->gang, &(const char *){"g"}, sizeof(char *), POD_GANG},
        {&object->gang, &(const char *){"h"}, sizeof(char *), POD_GANG},
        {&object->gang, &(const char *){NULL}, sizeof(char *), POD_GANG},
        {&object->rank, &(int32_t){3}, sizeof(int32_t), POD_ORDER},
        {&object->role, &(const char *){"Worker"}, sizeof(char *), POD_ORDER},
        {&object->role, &(const char *){NULL}, sizeof(char *), POD_ORDER},
        {&object->priority, &(int32_t){3}, sizeof(int32_t), POD_PRIORITY},
        {&object->gang_minimum, &(int32_t){4}, sizeof(int32_t), POD_QUORUM},
        {&object->gang_minimum, &(int32_t){-1}, sizeof(int32_t), POD_QUORUM},
        {&object->gang_minimum, &(int32_t){INT32_MIN}, sizeof(int32_t), POD_UNCHANGED},
        {&object->placement.required_level, &(const char *){"rack"}, sizeof(char *), POD_PLACEMENT},
        {&object->devices, &(const char *){"gpu-0"}, sizeof(char *), POD_DEVICES},
        {&object->name, &(const char *){"renamed?"}, sizeof(char *), POD_UNCHANGED},
    };
    for (size_t i = 0; i < COUNT(steps); i++) {
        memcpy(steps[i].field, steps[i].value, steps[i].size);
        ck_assert_ptr_eq(pods_observe(books.pods, object, &changes), pod);
        ck_assert_msg(changes == steps[i].bit, "step %zu: %#x", i, changes);
        pods_observe(books.pods, object, &changes);
        ck_assert_msg(changes == POD_UNCHANGED, "step %zu again: %#x", i, changes);
    }
    object->selector = &selector;
    object->selector_count = 1;
    object->priority = 9;
    pods_observe(books.pods, object, &changes);
    ck_assert_uint_eq(changes, POD_SHAPE | POD_PRIORITY);
    books_finish(&books);
}
END_TEST

/* A pod whose nomination the engine takes for cleared is told anew when it still stands. */
START_TEST(test_what_the_engine_changed_is_told)
{
    struct books books;
    books_init(&books);
    struct books_pod page;
    unsigned changes;
    books_pod_init(&page, "p", 1000, 8);
    page.object.nominated = "n1";
    struct pod *pod = pods_observe(books.pods, &page.object, NULL);
    pod->nominated = NAMES_NONE;
    pods_observe(books.pods, &page.object, &changes);
    ck_assert_uint_eq(changes, POD_NOMINATED);
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

START_TEST(test_phases_and_charges)
{
    struct books books;
    books_init(&books);
    uint32_t n1 = books_node(&books, "n1", "r1", 8000, 8);
    struct pod *pod = books_pod(&books, "p", 1000, 2);
    ck_assert_int_eq(books_free(&books, n1, "nvidia.com/gpu"), 8);

    pods_release(books.pods, pod); /* nothing to release */
    pods_hold(books.pods, pod, n1, 0);
    ck_assert_int_eq(pod->phase, MEMBER_HELD);
    ck_assert_uint_eq(pod->allocation_row, n1);
    ck_assert(ledger_has_hold(books.ledger, n1));
    ck_assert_int_eq(books_free(&books, n1, "nvidia.com/gpu"), 6);
    pods_release(books.pods, pod);
    ck_assert_int_eq(pod->phase, MEMBER_UNPLACED);
    ck_assert_uint_eq(pod->allocation_row, NAMES_NONE);
    ck_assert(!ledger_has_hold(books.ledger, n1));
    ck_assert_int_eq(books_free(&books, n1, "nvidia.com/gpu"), 8);

    pods_hold(books.pods, pod, n1, 0);
    pods_vote(books.pods, pod);
    pods_unvote(books.pods, pod);
    pods_vote(books.pods, pod);
    ck_assert(ledger_has_hold(books.ledger, n1));
    pods_commit(books.pods, pod);
    ck_assert_int_eq(pod->phase, MEMBER_POSTED);
    ck_assert_uint_eq(pod->posts, 1);
    ck_assert(!ledger_has_hold(books.ledger, n1)); /* of no gang: not guarded */
    ck_assert_int_eq(books_free(&books, n1, "nvidia.com/gpu"), 6);
    pods_release(books.pods, pod);

    pods_bind(books.pods, pod, n1);
    ck_assert_int_eq(pod->phase, MEMBER_BOUND);
    ck_assert_int_eq(books_free(&books, n1, "cpu"), 7000);
    pods_remove(books.pods, pod); /* releases */
    ck_assert_int_eq(books_free(&books, n1, "cpu"), 8000);
    books_finish(&books);
}
END_TEST

/* A binding that nobody knows of is guarded like a hold, once, until it is known or given up. */
START_TEST(test_unconfirmed)
{
    struct books books;
    books_init(&books);
    uint32_t n1 = books_node(&books, "n1", "r1", 8000, 8);
    struct pod *pod = books_pod(&books, "p", 1000, 2);
    pods_post(books.pods, pod, n1);
    pods_answered(pod);
    ck_assert_uint_eq(pods_unconfirmed(books.pods), 0);
    pods_unconfirm(books.pods, pod, 10);
    pods_unconfirm(books.pods, pod, 20); /* not prolonged by the next one */
    ck_assert_int_eq(pod->phase, MEMBER_UNCONFIRMED);
    ck_assert_int_eq(pod->unconfirmed_until, 10);
    ck_assert_uint_eq(pods_unconfirmed(books.pods), 1);
    ck_assert(ledger_has_hold(books.ledger, n1));
    ck_assert_int_eq(books_free(&books, n1, "nvidia.com/gpu"), 6);

    books_pod(&books, "p", 1000, 4); /* resized meanwhile */
    ck_assert_int_eq(pod->phase, MEMBER_UNCONFIRMED);
    ck_assert_int_eq(pod->unconfirmed_until, 10);
    ck_assert_uint_eq(pods_unconfirmed(books.pods), 1);
    ck_assert_uint_eq(ledger_holds(books.ledger), 1);
    ck_assert_int_eq(books_free(&books, n1, "nvidia.com/gpu"), 4);

    pods_assume(books.pods, pod);
    ck_assert_uint_eq(pods_unconfirmed(books.pods), 0);
    ck_assert(!ledger_has_hold(books.ledger, n1));
    ck_assert_int_eq(books_free(&books, n1, "nvidia.com/gpu"), 4);
    pods_bind(books.pods, pod, n1);
    pods_assume(books.pods, pod);
    pods_release(books.pods, pod);

    pods_post(books.pods, pod, n1);
    pods_unconfirm(books.pods, pod, 30);
    pods_post(books.pods, pod, n1); /* once more */
    ck_assert_int_eq(pod->phase, MEMBER_POSTED);
    ck_assert_uint_eq(pods_unconfirmed(books.pods), 0);
    pods_unconfirm(books.pods, pod, 40);
    ck_assert_int_eq(pod->unconfirmed_until, 40);
    pods_release(books.pods, pod);
    ck_assert_uint_eq(pods_unconfirmed(books.pods), 0);
    ck_assert(!ledger_has_hold(books.ledger, n1));
    ck_assert_int_eq(books_free(&books, n1, "nvidia.com/gpu"), 8);
    books_finish(&books);
}
END_TEST

/* Who is on a node, in the order in which they came there. */
START_TEST(test_who_is_on_a_node)
{
    struct books books;
    books_init(&books);
    uint32_t n1 = books_node(&books, "n1", "r1", 64000, 8);
    uint32_t n2 = books_node(&books, "n2", "r1", 64000, 8);
    struct pod *pods[4];
    static const char *const uids[] = {"a", "b", "c", "d"};
    for (int i = 0; i < 4; i++) {
        pods[i] = books_pod(&books, uids[i], 100, 1);
    }
    ck_assert_ptr_null(pods_on(books.pods, n1));
    ck_assert_ptr_null(pods_on(books.pods, 100000));
    pods_hold(books.pods, pods[2], n1, 0);
    pods_bind(books.pods, pods[0], n1);
    pods_bind(books.pods, pods[1], n2);
    pods_hold(books.pods, pods[3], n1, 0);
    pods_vote(books.pods, pods[2]);
    pods_commit(books.pods, pods[2]);
    ck_assert_ptr_eq(pods_on(books.pods, n1), pods[2]);
    ck_assert_ptr_eq(pods[2]->row_after, pods[0]);
    ck_assert_ptr_eq(pods[0]->row_after, pods[3]);
    ck_assert_ptr_null(pods[3]->row_after);
    ck_assert_ptr_eq(pods_on(books.pods, n2), pods[1]);
    pods_release(books.pods, pods[0]);
    ck_assert_ptr_eq(pods[2]->row_after, pods[3]);
    pods_remove(books.pods, pods[2]);
    ck_assert_ptr_eq(pods_on(books.pods, n1), pods[3]);
    ck_assert_uint_eq(pods_ordinary(books.pods)->count, 2);
    ck_assert_uint_eq(pods_members_on(books.pods, n1), 0);
    books_finish(&books);
}
END_TEST

static void expect_due(struct pod **due, uint32_t count, const char *uids)
{
    ck_assert_uint_eq(count, strlen(uids));
    for (uint32_t i = 0; i < count; i++) {
        ck_assert_int_eq(due[i]->uid[0], uids[i]);
    }
    free(due);
}

/* Its binding went out, and nobody knows what became of it. */
static void unconfirm(struct pods *pods, struct pod *pod, uint32_t row, int64_t until)
{
    pods_post(pods, pod, row);
    pods_answered(pod);
    pods_unconfirm(pods, pod, until);
}

/* What ends when is known without asking everybody, and told once, in order of arrival. */
START_TEST(test_due)
{
    struct books books;
    books_init(&books);
    uint32_t n1 = books_node(&books, "n1", "r1", 64000, 8), count;
    struct pods *pods = books.pods;
    struct pod *a = books_pod(&books, "a", 100, 1), *b = books_pod(&books, "b", 100, 1);
    struct pod *c = books_pod(&books, "c", 100, 1);
    ck_assert_int_eq(pods_next_due(pods), INT64_MAX);
    unconfirm(pods, c, n1, 30);
    unconfirm(pods, a, n1, 40);
    unconfirm(pods, b, n1, 50);
    pods_expect(pods, b, 35);
    ck_assert_int_eq(pods_next_due(pods), 30);
    struct pod **due = pods_expired(pods, 29, &count);
    expect_due(due, count, "");
    due = pods_expired(pods, 40, &count);
    expect_due(due, count, "ac");
    due = pods_expired(pods, 40, &count);
    expect_due(due, count, "");
    ck_assert_int_eq(pods_next_due(pods), 35);
    due = pods_unseen(pods, 35, &count);
    expect_due(due, count, "b");
    ck_assert(b->from_call); /* what to do about it is the caller's business */
    pods_expect(pods, b, 60);
    pods_expect(pods, b, 70);
    pods_assume(pods, b);
    ck_assert_int_eq(pods_next_due(pods), 70);
    pods_seen(pods, b);
    ck_assert(!b->from_call);
    ck_assert_int_eq(pods_next_due(pods), INT64_MAX);
    unconfirm(pods, a, n1, 80);
    pods_expect(pods, a, 90);
    pods_remove(pods, a);
    ck_assert_int_eq(pods_next_due(pods), INT64_MAX);
    books_finish(&books);
}
END_TEST

/* Time that nobody had is given again, but nothing ends sooner for that. */
START_TEST(test_prolong)
{
    struct books books;
    books_init(&books);
    uint32_t n1 = books_node(&books, "n1", "r1", 64000, 8), count;
    struct pods *pods = books.pods;
    struct pod *a = books_pod(&books, "a", 100, 1), *b = books_pod(&books, "b", 100, 1);
    struct pod *c = books_pod(&books, "c", 100, 1), *d = books_pod(&books, "d", 100, 1);
    unconfirm(pods, a, n1, 10);
    unconfirm(pods, b, n1, 200);
    pods_bind(pods, d, n1);
    pods_expect(pods, a, 15); /* perhaps bound */
    pods_expect(pods, c, 20);
    pods_expect(pods, d, 25);
    pods_prolong(pods, 100, 150, 300);
    ck_assert_int_eq(a->unconfirmed_until, 100);
    ck_assert_int_eq(b->unconfirmed_until, 200);
    struct pod **due = pods_expired(pods, 100, &count);
    expect_due(due, count, "a");
    due = pods_unseen(pods, 149, &count);
    expect_due(due, count, "");
    due = pods_unseen(pods, 150, &count);
    expect_due(due, count, "ac");
    due = pods_unseen(pods, 299, &count);
    expect_due(due, count, "");
    pods_expect(pods, c, 170);
    pods_prolong(pods, 100, 150, 160); /* less than they have */
    due = pods_unseen(pods, 169, &count);
    expect_due(due, count, "");
    due = pods_unseen(pods, 300, &count);
    expect_due(due, count, "cd");
    books_finish(&books);
}
END_TEST

struct seen {
    unsigned count;
    enum member_phase from, to;
};

static void note_phase(void *context, const struct pod *pod, enum member_phase before)
{
    struct seen *seen = context;
    seen->count++;
    seen->from = before;
    seen->to = pod->phase;
}

START_TEST(test_who_wants_to_know_of_phases)
{
    struct books books;
    struct seen seen = {0};
    books_init(&books);
    uint32_t n1 = books_node(&books, "n1", "r1", 8000, 8);
    struct pod *pod = books_pod(&books, "p", 1000, 2);
    pods_on_phase(books.pods, note_phase, &seen);
    pods_hold(books.pods, pod, n1, 0);
    ck_assert_uint_eq(seen.count, 1);
    ck_assert_int_eq(seen.from, MEMBER_UNPLACED);
    ck_assert_int_eq(seen.to, MEMBER_HELD);
    pods_release(books.pods, pod);
    pods_release(books.pods, pod); /* nothing happened */
    ck_assert_uint_eq(seen.count, 2);
    ck_assert_int_eq(seen.from, MEMBER_HELD);
    books_finish(&books);
}
END_TEST

/* Names, and no phase follows itself. */
START_TEST(test_phase_table)
{
    for (int from = 0; from < MEMBER_PHASES; from++) {
        ck_assert_uint_gt(strlen(member_phase_name((enum member_phase)from)), 0);
        ck_assert(!member_phase_follows((enum member_phase)from, (enum member_phase)from));
        if (from != MEMBER_UNPLACED) {
            ck_assert(member_phase_follows((enum member_phase)from, MEMBER_UNPLACED));
        }
    }
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
    pods_hold(books.pods, held, n1, 0);
    pods_bind(books.pods, bound, n1);
    books_pod(&books, "held", 3000, 2);
    ck_assert_int_eq(held->phase, MEMBER_HELD);
    ck_assert_uint_eq(held->allocation_row, n1);
    ck_assert_int_eq(books_free(&books, n1, "cpu"), 4000);
    books_pod(&books, "bound", 5000, 2);
    ck_assert_int_eq(bound->phase, MEMBER_BOUND);
    ck_assert_int_eq(books_free(&books, n1, "cpu"), 0);
    books_pod(&books, "idle", 9000, 2);
    ck_assert_int_eq(idle->phase, MEMBER_UNPLACED);
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

/* What is beyond a limit is known, and charged as far as it can be, but not to be planned. */
START_TEST(test_beyond_a_limit)
{
    struct books books;
    books_init(&books);
    struct books_pod page;
    static char absurd[NAMES_LENGTH_MAX + 2];
    unsigned changes;
    uint32_t n1 = books_node(&books, "n1", "r1", 8000, 8);
    memset(absurd, 'x', sizeof(absurd) - 1);
    books_pod_init(&page, "p", 1000, 2);
    struct pod *pod = pods_observe(books.pods, &page.object, NULL);
    ck_assert_ptr_null(pod->refused);
    ck_assert(pods_pending(pod));
    page.amounts[0].resource = absurd;
    ck_assert_ptr_eq(pods_observe(books.pods, &page.object, &changes), pod);
    ck_assert_uint_eq(changes, POD_REFUSED | POD_SHAPE);
    ck_assert_str_eq(pod->refused,
                     "Phalanx cannot place the pod: a name in it is longer than 4096 bytes");
    ck_assert(!pods_pending(pod));
    pods_observe(books.pods, &page.object, &changes);
    ck_assert_uint_eq(changes, POD_UNCHANGED);
    pods_bind(books.pods, pod, n1);
    ck_assert_int_eq(books_free(&books, n1, "nvidia.com/gpu"), 6);
    ck_assert_int_eq(books_free(&books, n1, "cpu"), 8000); /* who knows */
    page.amounts[0].resource = "cpu";
    pods_observe(books.pods, &page.object, &changes);
    ck_assert_uint_eq(changes, POD_REFUSED | POD_SHAPE);
    ck_assert_ptr_null(pod->refused);
    ck_assert_int_eq(books_free(&books, n1, "cpu"), 7000);

    books_pod_init(&page, "q", 1000, 2);
    page.object.node = absurd;
    page.object.nominated = absurd; /* as good as none */
    pod = pods_observe(books.pods, &page.object, &changes);
    ck_assert_uint_eq(changes, POD_ADDED);
    ck_assert_ptr_nonnull(pod->refused);
    ck_assert_uint_eq(pod->node, NAMES_NONE);
    ck_assert_uint_eq(pod->nominated, NAMES_NONE);
    ck_assert(!pods_pending(pod));
    page.object.node = NULL;
    pods_observe(books.pods, &page.object, &changes);
    ck_assert_uint_eq(changes, POD_REFUSED);
    ck_assert(pods_pending(pod));
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
        pods_commit(books.pods, pod);
        break;
    case 1:
        pods_unconfirm(books.pods, pod, 0);
        break;
    case 2:
        pods_hold(books.pods, pod, n1, 0);
        pods_hold(books.pods, pod, n1, 0);
        break;
    case 3: /* nobody voted */
        pods_hold(books.pods, pod, n1, 0);
        pods_commit(books.pods, pod);
        break;
    case 4:
        pods_vote(books.pods, pod);
        break;
    case 5: /* bound without having been given up */
        pods_hold(books.pods, pod, n1, 0);
        pods_bind(books.pods, pod, n1);
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
    tcase_add_test(tcase, test_changes);
    tcase_add_test(tcase, test_what_the_engine_changed_is_told);
    tcase_add_test(tcase, test_order_of_arrival);
    tcase_add_test(tcase, test_who_is_on_a_node);
    tcase_add_test(tcase, test_due);
    tcase_add_test(tcase, test_prolong);
    tcase_add_test(tcase, test_phases_and_charges);
    tcase_add_test(tcase, test_unconfirmed);
    tcase_add_test(tcase, test_who_wants_to_know_of_phases);
    tcase_add_test(tcase, test_phase_table);
    tcase_add_test(tcase, test_resize_recharges);
    tcase_add_test(tcase, test_beyond_a_limit);
    tcase_add_test(tcase, test_shape_goes_with_its_last_pod);
    tcase_add_loop_test_raise_signal(tcase, test_mistakes_abort, SIGABRT, 0, 7);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
