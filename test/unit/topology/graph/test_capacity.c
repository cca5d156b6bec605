// SPDX-License-Identifier: Apache-2.0
#include "topology/graph/capacity.h"

#include <signal.h>
#include <stdio.h>

#include "test/unit/check_main.h"
#include "test/unit/topology/random.h"

/* 40 nodes in blocks and racks, some without a rack. */
#define NODES 40

struct world {
    struct nodes *nodes;
    struct domains *domains;
};

static void add_node(struct nodes *nodes, uint32_t number, struct random *random)
{
    char name[16];
    char block[16];
    char rack[16];
    (void)snprintf(name, sizeof name, "n%02u", number);
    (void)snprintf(block, sizeof block, "b%u", random_below(random, 3));
    (void)snprintf(rack, sizeof rack, "r%u", random_below(random, 4));
    struct label_object labels[] = {{"block", block}, {"rack", rack}};
    struct node_object object = {
        .name = name, .labels = labels, .label_count = 1 + (random_below(random, 5) != 0)};
    uint32_t row = 0;
    unsigned changes = 0;
    ck_assert_int_eq(nodes_observe(nodes, &object, &row, &changes, NULL), 0);
}

static struct world create_world(struct random *random)
{
    struct world world = {.nodes = nodes_create(1)};
    struct levels levels;
    levels_init(&levels);
    levels_add(&levels, "block", NULL);
    levels_add_key(&levels, "block", NULL);
    levels_add(&levels, "rack", NULL);
    levels_add_key(&levels, "rack", NULL);
    levels_finish(&levels, NULL);
    world.domains = domains_create(&levels);
    for (uint32_t i = 0; i < NODES; i++) {
        add_node(world.nodes, i, random);
    }
    domains_build(world.domains, world.nodes);
    return world;
}

static void destroy_world(struct world *world)
{
    domains_destroy(world->domains);
    nodes_destroy(world->nodes);
}

static void check_sums(const struct capacity *capacity, const struct domains *domains,
                       const uint32_t counts[NODES])
{
    for (uint32_t p = 0; p < NODES; p++) {
        ck_assert_uint_eq(capacity_node(capacity, p), counts[p]);
    }
    for (uint32_t d = 0; d < domains_count(domains); d++) {
        uint64_t sum = 0;
        for (uint32_t p = domains_get(domains, d)->first; p < domains_get(domains, d)->end; p++) {
            sum += counts[p];
        }
        ck_assert_uint_eq(capacity_domain(capacity, d), sum);
    }
}

START_TEST(test_against_recomputation)
{
    struct random random = {(uint64_t)_i};
    struct world world = create_world(&random);
    struct capacity *capacity = capacity_create(world.domains);
    uint32_t counts[NODES] = {0};
    check_sums(capacity, world.domains, counts);
    for (int step = 0; step < 500; step++) {
        uint32_t position = random_below(&random, NODES);
        uint32_t count = random_below(&random, 9);
        if (random_below(&random, 20) == 0) {
            count = CAPACITY_NODE_MAX - 1 + random_below(&random, 3);
        }
        if (random_below(&random, 50) == 0) {
            count = UINT32_MAX;
        }
        capacity_set(capacity, position, count);
        counts[position] = count < CAPACITY_NODE_MAX ? count : CAPACITY_NODE_MAX;
        check_sums(capacity, world.domains, counts);
    }
    capacity_destroy(capacity);
    capacity_destroy(NULL);
    destroy_world(&world);
}
END_TEST

START_TEST(test_copy_is_apart)
{
    struct random random = {9};
    struct world world = create_world(&random);
    struct capacity *capacity = capacity_create(world.domains);
    capacity_set(capacity, 3, 5);
    struct capacity *copy = capacity_copy(capacity);
    ck_assert(capacity_is_current(copy, world.domains));
    ck_assert_uint_eq(capacity_domain(copy, 0), 5);
    capacity_set(copy, 4, 2);
    ck_assert_uint_eq(capacity_domain(copy, 0), 7);
    ck_assert_uint_eq(capacity_node(copy, 4), 2);
    ck_assert_uint_eq(capacity_domain(capacity, 0), 5);
    ck_assert_uint_eq(capacity_node(capacity, 4), 0);
    capacity_destroy(copy);
    capacity_destroy(capacity);
    destroy_world(&world);
}
END_TEST

START_TEST(test_empty_tree)
{
    struct levels levels;
    levels_preset(&levels);
    struct domains *domains = domains_create(&levels);
    struct capacity *capacity = capacity_create(domains);
    struct capacity *copy = capacity_copy(capacity);
    ck_assert_uint_eq(capacity_domain(copy, 0), 0);
    capacity_destroy(copy);
    capacity_destroy(capacity);
    domains_destroy(domains);
}
END_TEST

START_TEST(test_mistakes_abort)
{
    struct random random = {9};
    struct world world = create_world(&random);
    struct capacity *capacity = capacity_create(world.domains);
    switch (_i) {
    case 0:
        capacity_set(capacity, NODES, 1);
        break;
    case 1:
        (void)capacity_node(capacity, NODES);
        break;
    case 2:
        (void)capacity_domain(capacity, domains_count(world.domains));
        break;
    default: /* of an older tree */
        domains_build(world.domains, world.nodes);
        ck_assert(!capacity_is_current(capacity, world.domains));
        capacity_set(capacity, 0, 1);
        break;
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("topology/graph/capacity");
    TCase *tcase = tcase_create("capacity");
    tcase_add_loop_test(tcase, test_against_recomputation, 0, 10);
    tcase_add_test(tcase, test_copy_is_apart);
    tcase_add_test(tcase, test_empty_tree);
    tcase_add_loop_test_raise_signal(tcase, test_mistakes_abort, SIGABRT, 0, 4);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
