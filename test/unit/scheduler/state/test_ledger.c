// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "scheduler/state/ledger.h"
#include "test/unit/check_main.h"

/* The ledger against a naive model that adds everything up anew after every step. */

#define ROWS   12
#define SHAPES 5
#define STEPS  4000

static struct nodes *nodes;
static struct domains *domains;
static struct shapes *shapes;
static struct ledger *ledger;
static uint32_t shape[SHAPES];
static int64_t bound[ROWS], held[ROWS], allocatable[ROWS];
static bool present[ROWS];
static uint32_t gpu;

static uint64_t random_state;

static uint32_t draw(uint32_t bound_)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state % bound_);
}

static void observe(uint32_t row)
{
    char name[16], rack[16];
    snprintf(name, sizeof(name), "n%u", row);
    snprintf(rack, sizeof(rack), "r%u", row / 4);
    struct label_object label = {"topology.kubernetes.io/rack", rack};
    struct amount_object amount = {"gpu", allocatable[row]};
    struct node_object object = {.name = name,
                                 .labels = &label,
                                 .label_count = 1,
                                 .allocatable = &amount,
                                 .allocatable_count = 1};
    uint32_t got;
    unsigned changes;
    ck_assert_int_eq(nodes_observe(nodes, &object, &got, &changes, NULL), 0);
    ck_assert_uint_eq(got, row);
    present[row] = true;
}

static void rebuild(void)
{
    domains_build(domains, nodes);
    ledger_tree_changed(ledger);
}

static void setup(void)
{
    struct levels levels;
    levels_preset(&levels);
    memset(bound, 0, sizeof(bound));
    memset(held, 0, sizeof(held));
    nodes = nodes_create(7);
    domains = domains_create(&levels);
    shapes = shapes_create(nodes);
    ledger = ledger_create(nodes, domains, shapes);
    for (uint32_t row = 0; row < ROWS; row++) {
        allocatable[row] = 8;
        observe(row);
        ledger_node_changed(ledger, row);
    }
    for (uint32_t i = 0; i < SHAPES; i++) {
        struct amount_object amount = {"gpu", i + 1};
        struct pod_object pod = {.requests = &amount, .request_count = 1};
        shape[i] = shapes_acquire(shapes, &pod, NULL);
    }
    gpu = names_find(nodes_words(nodes), "gpu", 3);
    rebuild();
}

static void teardown(void)
{
    ledger_destroy(ledger);
    shapes_destroy(shapes);
    domains_destroy(domains);
    nodes_destroy(nodes);
}

static int64_t free_of(uint32_t row)
{
    return (present[row] ? allocatable[row] : 0) - bound[row] - held[row];
}

static void check_all(void)
{
    int64_t total = 0;
    for (uint32_t row = 0; row < ROWS; row++) {
        total += present[row] ? free_of(row) : 0;
        ck_assert_int_eq(resources_get(ledger_free(ledger, row), gpu), free_of(row));
        ck_assert_int_eq(ledger_overbooked(ledger, row), free_of(row) < 0);
    }
    ck_assert_int_eq(ledger_total_free(ledger, gpu), total);
    for (uint32_t i = 0; i < SHAPES; i++) {
        const struct capacity *capacity = ledger_capacity(ledger, shape[i]);
        uint64_t sum = 0;
        for (uint32_t p = 0; p < domains_positions(domains); p++) {
            uint32_t row = domains_row(domains, p);
            int64_t free = present[row] ? free_of(row) : 0;
            uint32_t want = free > 0 ? (uint32_t)(free / (i + 1)) : 0;
            ck_assert_uint_eq(capacity_node(capacity, p), want);
            sum += want;
        }
        ck_assert_uint_eq(capacity_domain(capacity, 0), sum);
    }
}

static void random_step(void)
{
    uint32_t row = draw(ROWS), i = draw(SHAPES);
    const struct resources *request = shapes_request(shapes, shape[i]);
    int64_t amount = i + 1;
    switch (draw(7)) {
    case 0:
        ledger_charge(ledger, LEDGER_BOUND, row, request);
        bound[row] += amount;
        break;
    case 1:
        if (bound[row] >= amount) {
            ledger_refund(ledger, LEDGER_BOUND, row, request);
            bound[row] -= amount;
        }
        break;
    case 2:
        allocatable[row] = draw(20);
        observe(row);
        ledger_node_changed(ledger, row);
        rebuild();
        break;
    case 3: {
        char name[16];
        snprintf(name, sizeof(name), "n%u", row);
        nodes_remove(nodes, name);
        present[row] = false;
        ledger_node_changed(ledger, row);
        rebuild();
        break;
    }
    default: /* a hold, and what becomes of it */
        ledger_charge(ledger, LEDGER_HELD, row, request);
        held[row] += amount;
        ck_assert(ledger_has_hold(ledger, row));
        ck_assert_uint_eq(ledger_holds(ledger), 1);
        check_all();
        held[row] -= amount;
        if (draw(2) == 0) {
            ledger_commit(ledger, row);
            bound[row] += amount;
        } else {
            ledger_refund(ledger, LEDGER_HELD, row, request);
        }
        ck_assert_uint_eq(ledger_holds(ledger), 0);
        break;
    }
}

START_TEST(agrees_with_a_naive_model)
{
    random_state = 0x1234567 + (uint64_t)_i;
    for (int step = 0; step < STEPS; step++) {
        random_step();
        check_all();
    }
}
END_TEST

START_TEST(more_shapes_than_views)
{
    uint32_t many[VIEWS_LEAST * 2];
    struct label_object selector = {"x", NULL};
    views_limit(ledger_views(ledger), 0);
    for (uint32_t i = 0; i < VIEWS_LEAST * 2; i++) {
        char value[16];
        snprintf(value, sizeof(value), "v%u", i);
        selector.value = value;
        struct pod_object pod = {.selector = &selector, .selector_count = 1};
        many[i] = shapes_acquire(shapes, &pod, NULL);
        ck_assert_uint_eq(capacity_domain(ledger_capacity(ledger, many[i]), 0), 0);
    }
    check_all();
    for (uint32_t i = 0; i < VIEWS_LEAST * 2; i++) {
        ck_assert(shapes_release(shapes, many[i]));
        ledger_shape_gone(ledger, many[i]);
    }
    check_all();
}
END_TEST

START_TEST(releases_move_on_only_when_room_may_be_new)
{
    const struct resources *request = shapes_request(shapes, shape[0]);
    uint64_t before = ledger_releases(ledger);
    ledger_charge(ledger, LEDGER_HELD, 0, request);
    ledger_commit(ledger, 0);
    ck_assert_uint_eq(ledger_releases(ledger), before);
    ck_assert(ledger_fits(ledger, 0, request));
    ledger_refund(ledger, LEDGER_BOUND, 0, request);
    ck_assert_uint_gt(ledger_releases(ledger), before);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ledger");
    TCase *tcase = tcase_create("ledger");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, agrees_with_a_naive_model, 0, 4);
    tcase_add_test(tcase, more_shapes_than_views);
    tcase_add_test(tcase, releases_move_on_only_when_room_may_be_new);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
