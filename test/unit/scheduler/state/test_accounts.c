// SPDX-License-Identifier: Apache-2.0
/* What was released, resource by resource; the amounts themselves are tested with the ledger. */
#include "scheduler/state/accounts.h"

#include "test/unit/check_main.h"
#include "test/unit/scheduler/state/books.h"
#include "topology/devices/machines.h"

struct fixture {
    struct books books;
    struct resources amounts; /* 1 cpu, 2 gpus */
    struct resources cpu;
    struct resources gpu;
    uint32_t row;
};

static void setup(struct fixture *fixture)
{
    struct books *books = &fixture->books;
    books_init(books);
    fixture->row = books_node(books, "n1", "r1", 4, 8);
    resources_init(&fixture->amounts);
    resources_init(&fixture->cpu);
    resources_init(&fixture->gpu);
    resources_set(&fixture->amounts, books_word(books, "cpu"), 1);
    resources_set(&fixture->amounts, books_word(books, "nvidia.com/gpu"), 2);
    resources_set(&fixture->cpu, books_word(books, "cpu"), 1);
    resources_set(&fixture->gpu, books_word(books, "nvidia.com/gpu"), 1);
}

static void teardown(struct fixture *fixture)
{
    resources_finish(&fixture->amounts);
    resources_finish(&fixture->cpu);
    resources_finish(&fixture->gpu);
    books_finish(&fixture->books);
}

struct counts {
    uint64_t cpu;
    uint64_t gpu;
};

static struct counts counts(const struct fixture *fixture)
{
    const struct ledger *ledger = fixture->books.ledger;
    struct counts found = {ledger_released(ledger, &fixture->cpu),
                           ledger_released(ledger, &fixture->gpu)};
    ck_assert_uint_eq(ledger_released(ledger, &fixture->amounts), found.cpu + found.gpu);
    return found;
}

/* Whether releases of the two were counted since `before`, which becomes now. */
static void expect(const struct fixture *fixture, struct counts *before, bool cpu, bool gpu)
{
    struct counts now = counts(fixture);
    ck_assert_int_eq(now.cpu != before->cpu, cpu);
    ck_assert_int_eq(now.gpu != before->gpu, gpu);
    *before = now;
}

START_TEST(test_what_is_given_back)
{
    struct fixture fixture;
    setup(&fixture);
    struct ledger *ledger = fixture.books.ledger;
    struct counts before = counts(&fixture);
    ledger_charge(ledger, LEDGER_HELD, fixture.row, &fixture.amounts);
    ledger_commit(ledger, fixture.row);
    ledger_guard(ledger, fixture.row);
    ledger_unguard(ledger, fixture.row);
    expect(&fixture, &before, false, false);
    ledger_refund(ledger, LEDGER_BOUND, fixture.row, &fixture.amounts);
    expect(&fixture, &before, true, true);
    ledger_charge(ledger, LEDGER_HELD, fixture.row, &fixture.cpu);
    ledger_refund(ledger, LEDGER_HELD, fixture.row, &fixture.cpu);
    expect(&fixture, &before, true, false);
    teardown(&fixture);
}
END_TEST

/* free = allocatable - bound - held, also once the node has changed and it is worked out anew. */
START_TEST(test_what_is_free_of_a_node_that_changes)
{
    struct fixture fixture;
    setup(&fixture);
    struct books *books = &fixture.books;
    uint32_t gpus = books_word(books, "nvidia.com/gpu");
    ledger_charge(books->ledger, LEDGER_HELD, fixture.row, &fixture.amounts);
    ledger_charge(books->ledger, LEDGER_HELD, fixture.row, &fixture.amounts);
    books_node(books, "n1", "r1", 4, 16);
    ck_assert_int_eq(resources_get(ledger_free(books->ledger, fixture.row), gpus), 12);
    ledger_commit(books->ledger, fixture.row);
    books_node(books, "n1", "r1", 4, 15);
    ck_assert_int_eq(resources_get(ledger_free(books->ledger, fixture.row), gpus), 11);
    ledger_refund(books->ledger, LEDGER_HELD, fixture.row, &fixture.amounts);
    books_node(books, "n1", "r1", 4, 14);
    ck_assert_int_eq(resources_get(ledger_free(books->ledger, fixture.row), gpus), 12);
    ledger_refund(books->ledger, LEDGER_BOUND, fixture.row, &fixture.amounts);
    books_node(books, "n1", "r1", 4, 13);
    ck_assert_int_eq(resources_get(ledger_free(books->ledger, fixture.row), gpus), 13);
    teardown(&fixture);
}
END_TEST

/* Another tree has other domains: whoever waits for room in one may find some. */
START_TEST(test_another_tree_may_have_room)
{
    struct fixture fixture;
    setup(&fixture);
    uint64_t before = ledger_releases(fixture.books.ledger);
    books_build(&fixture.books);
    ck_assert_uint_gt(ledger_releases(fixture.books.ledger), before);
    teardown(&fixture);
}
END_TEST

/* What is overbooked, or on a node that is not there, is of no use to anybody. */
START_TEST(test_what_is_not_free_after_all)
{
    struct fixture fixture;
    setup(&fixture);
    struct ledger *ledger = fixture.books.ledger;
    uint32_t ghost = nodes_reserve(fixture.books.nodes, "ghost");
    struct counts before = counts(&fixture);
    for (int i = 0; i < 6; i++) { /* 6 cpus of 4, 12 gpus of 8 */
        ledger_charge(ledger, LEDGER_BOUND, fixture.row, &fixture.amounts);
    }
    ledger_refund(ledger, LEDGER_BOUND, fixture.row, &fixture.amounts);
    ledger_refund(ledger, LEDGER_BOUND, fixture.row, &fixture.amounts);
    expect(&fixture, &before, false, false); /* nothing is left yet */
    ledger_refund(ledger, LEDGER_BOUND, fixture.row, &fixture.amounts);
    expect(&fixture, &before, true, true);
    ledger_charge(ledger, LEDGER_BOUND, ghost, &fixture.amounts);
    ledger_refund(ledger, LEDGER_BOUND, ghost, &fixture.amounts);
    expect(&fixture, &before, false, false);
    teardown(&fixture);
}
END_TEST

START_TEST(test_nodes)
{
    struct fixture fixture;
    setup(&fixture);
    struct books *books = &fixture.books;
    struct counts before = counts(&fixture);
    books_node(books, "n1", "r1", 4, 9);
    expect(&fixture, &before, false, true);
    books_node(books, "n1", "r1", 5, 7);
    expect(&fixture, &before, true, false);
    books_node(books, "n1", "r2", 5, 7); /* another label gives nothing */
    expect(&fixture, &before, false, false);
    books_node(books, "n2", "r1", 1, 0);
    expect(&fixture, &before, true, false);
    books_node(books, "n3", "r1", 0, 1);
    expect(&fixture, &before, false, true);
    ck_assert_uint_eq(nodes_remove(books->nodes, "n1"), fixture.row);
    ledger_node_changed(books->ledger, fixture.row);
    expect(&fixture, &before, false, false);
    books_node(books, "n1", "r2", 5, 7);
    expect(&fixture, &before, true, true);
    teardown(&fixture);
}
END_TEST

/* Other GPUs may be free without more of them being so. */
START_TEST(test_sets_of_gpus)
{
    struct fixture fixture;
    setup(&fixture);
    struct books *books = &fixture.books;
    struct counts before = counts(&fixture);
    ledger_gpus_changed(books->ledger, fixture.row);
    expect(&fixture, &before, false, false); /* nobody knows any there */
    struct device_map *map = machines_map("dgx-1v", NULL);
    ck_assert_ptr_nonnull(map);
    ck_assert(gpus_observe(ledger_gpus(books->ledger), fixture.row, map,
                           books_word(books, "nvidia.com/gpu")));
    ledger_gpus_changed(books->ledger, fixture.row);
    expect(&fixture, &before, false, true);
    device_map_destroy(map);
    teardown(&fixture);
}
END_TEST

/* Of a name that pods ask for and no node has there is no column, nor of what comes too late. */
START_TEST(test_columns)
{
    struct fixture fixture;
    struct accounts_column column;
    setup(&fixture);
    struct books *books = &fixture.books;
    uint32_t odd = 4711, gpu = books_word(books, "nvidia.com/gpu");
    ck_assert(ledger_nobody_has(books->ledger, odd));
    ck_assert(!ledger_column(books->ledger, odd, &column));
    ledger_charge(books->ledger, LEDGER_BOUND, fixture.row, &fixture.amounts);
    ck_assert(ledger_column(books->ledger, gpu, &column));
    ck_assert_int_eq(column.free[fixture.row], 6);
    char texts[ACCOUNTS_COLUMNS_MAX + 8][32];
    struct amount_object amounts[ACCOUNTS_COLUMNS_MAX + 8];
    uint32_t columns = 0, count = sizeof amounts / sizeof amounts[0];
    for (uint32_t i = 0; i < count; i++) {
        snprintf(texts[i], sizeof texts[i], "example.com/r%u", i);
        amounts[i] = (struct amount_object){texts[i], 5 + i};
    }
    struct node_object object = {.name = "n2", .allocatable = amounts, .allocatable_count = count};
    uint32_t row = books_observe(books, &object);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t name = books_word(books, texts[i]);
        ck_assert(!ledger_nobody_has(books->ledger, name));
        if (ledger_column(books->ledger, name, &column)) {
            columns++;
            ck_assert_int_eq(column.free[row], 5 + i);
            ck_assert_int_eq(column.has[row] >> column.bit & 1, 1);
            ck_assert_int_eq(column.free[fixture.row], 0);
            ck_assert_int_eq(column.has[fixture.row] >> column.bit & 1, 0);
        }
    }
    ck_assert_uint_gt(columns, 0);
    ck_assert_uint_lt(columns, count);
    ck_assert(!ledger_nobody_has(books->ledger, odd)); /* it cannot be told any more */
    teardown(&fixture);
}
END_TEST

/* Slots are told by row, for there may be any number of them. */
START_TEST(test_slots_taken)
{
    struct fixture fixture;
    struct accounts_column column;
    setup(&fixture);
    struct ledger *ledger = fixture.books.ledger;
    uint32_t slot = RESOURCE_SLOT + 4711;
    struct resources port;
    resources_init(&port);
    resources_set(&port, slot, 1);
    ck_assert(!ledger_column(ledger, slot, &column));
    ck_assert(!ledger_slots_taken(ledger)[fixture.row]);
    ledger_charge(ledger, LEDGER_HELD, fixture.row, &port);
    ck_assert(ledger_slots_taken(ledger)[fixture.row]);
    ledger_refund(ledger, LEDGER_HELD, fixture.row, &port);
    ck_assert(!ledger_slots_taken(ledger)[fixture.row]);
    resources_finish(&port);
    teardown(&fixture);
}
END_TEST

START_TEST(test_what_nobody_ever_had)
{
    struct fixture fixture;
    setup(&fixture);
    struct resources odd;
    resources_init(&odd);
    ck_assert_uint_eq(ledger_released(fixture.books.ledger, &odd), 0);
    resources_set(&odd, 4711, 1);
    ck_assert_uint_eq(ledger_released(fixture.books.ledger, &odd), 0);
    resources_finish(&odd);
    teardown(&fixture);
}
END_TEST

/* Pods that ask for all that a number can say, more of them than 64 bits add up: when they are gone
 * the node has what it had. */
START_TEST(test_any_amount_comes_off_again)
{
    enum { PODS = 3 * 4096 };
    struct fixture fixture;
    setup(&fixture);
    struct books *books = &fixture.books;
    static struct pod *pods[PODS];
    int64_t free = ledger_total_free(books->ledger, books_word(books, "nvidia.com/gpu"));
    for (int i = 0; i < PODS; i++) {
        char uid[16];
        snprintf(uid, sizeof uid, "p%d", i);
        pods[i] = books_pod(books, uid, 1, i % 2 == 0 ? INT64_MAX : INT64_MAX - 1);
        pods_bind(books->pods, pods[i], fixture.row);
    }
    ck_assert_int_lt(books_free(books, fixture.row, "nvidia.com/gpu"), 0);
    ck_assert_int_eq(books_free(books, fixture.row, "cpu"), 4 - PODS);
    books_node(books, "n1", "r1", 4, 8);
    for (int i = 0; i < PODS; i++) {
        pods_remove(books->pods, pods[(i * 5) % PODS]);
        bool last = i + 1 == PODS;
        ck_assert_int_eq(books_free(books, fixture.row, "nvidia.com/gpu") > 0, last);
    }
    ck_assert_int_eq(books_free(books, fixture.row, "nvidia.com/gpu"), 8);
    ck_assert_int_eq(ledger_total_free(books->ledger, books_word(books, "nvidia.com/gpu")), free);
    ck_assert_uint_eq(pods_ordinary(books->pods)->amounts.count, 0);
    teardown(&fixture);
}
END_TEST

/* A node that went may have any number of pods, each with ports of its own. */
START_TEST(test_more_slots_than_a_node_has)
{
    enum { PODS = ACCOUNTS_SLOTS_MAX / POD_CLAIMS_MAX + 20 };
    struct books books;
    struct books_pod page;
    char uid[32], texts[POD_CLAIMS_MAX][32];
    struct claim_object claims[POD_CLAIMS_MAX];
    struct pod *pods[PODS];
    books_init(&books);
    uint32_t row = books_node(&books, "nope", "r1", 0, 0);
    ck_assert_uint_eq(nodes_remove(books.nodes, "nope"), row);
    ledger_node_changed(books.ledger, row);
    for (int i = 0; i < PODS; i++) {
        snprintf(uid, sizeof(uid), "p%d", i);
        books_pod_init(&page, uid, 1000, 1);
        for (int k = 0; k < POD_CLAIMS_MAX; k++) {
            snprintf(texts[k], sizeof(texts[k]), "host port %d of %d", k, i);
            claims[k] = (struct claim_object){texts[k], true};
        }
        page.object.node = "nope";
        page.object.claims = claims;
        page.object.claim_count = POD_CLAIMS_MAX;
        pods[i] = pods_observe(books.pods, &page.object, NULL);
        pods_bind(books.pods, pods[i], pods[i]->node);
    }
    const struct resources *free = ledger_free(books.ledger, row);
    ck_assert_uint_eq(resources_slots(free), ACCOUNTS_SLOTS_MAX);
    ck_assert_int_eq(books_free(&books, row, "cpu"), -1000 * PODS); /* all else counts */
    for (int i = 0; i < PODS; i++) { /* the first, which were counted, and the last, in turn */
        pods_remove(books.pods, pods[i % 2 == 0 ? i / 2 : PODS - 1 - i / 2]);
    }
    ck_assert_uint_eq(ledger_free(books.ledger, row)->count, 0);
    books_finish(&books);
}
END_TEST

int main(void)
{
    accounts_destroy(NULL);
    Suite *suite = suite_create("scheduler/state/accounts");
    TCase *tcase = tcase_create("accounts");
    tcase_add_test(tcase, test_what_is_given_back);
    tcase_add_test(tcase, test_what_is_free_of_a_node_that_changes);
    tcase_add_test(tcase, test_another_tree_may_have_room);
    tcase_add_test(tcase, test_what_is_not_free_after_all);
    tcase_add_test(tcase, test_nodes);
    tcase_add_test(tcase, test_sets_of_gpus);
    tcase_add_test(tcase, test_columns);
    tcase_add_test(tcase, test_slots_taken);
    tcase_add_test(tcase, test_any_amount_comes_off_again);
    tcase_add_test(tcase, test_more_slots_than_a_node_has);
    tcase_add_test(tcase, test_what_nobody_ever_had);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
