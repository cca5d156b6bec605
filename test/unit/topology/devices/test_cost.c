// SPDX-License-Identifier: Apache-2.0
#include "topology/devices/cost.h"

#include "test/unit/check_main.h"
#include "test/unit/topology/devices/oracle.h"
#include "topology/devices/machines.h"

static uint64_t field(uint64_t cost, int shift, int bits)
{
    return cost >> shift & ((UINT64_C(1) << bits) - 1);
}

/* Fields of the cost against their definitions, on random maps: classes and matchings counted one
 * by one. */
START_TEST(test_cost_fields)
{
    struct random random = {7};
    for (int i = 0; i < 300; i++) {
        struct device_map *map =
            oracle_random_map(&random, 1 + random_below(&random, 12),
                              (enum oracle_links_kind)random_below(&random, 3));
        struct oracle oracle = oracle_of(map);
        struct device_shape shape;
        device_shape_init(&shape, map);
        struct device_request request = {
            .free_gpus = random_word(&random) & device_shape_gpus(&shape),
            .free_nics = random_word(&random) & device_shape_nics(&shape),
            .rails = random_word(&random) & 0xf};
        uint64_t set = request.free_gpus & random_word(&random);
        int count = (int)oracle_count(set);
        int squares = 0;
        uint32_t links = device_shape_links(&shape, set);
        ck_assert_int_eq((int)links, oracle_links(&oracle, set));
        uint64_t cost = device_shape_choice_cost(&shape, &request, set, links);
        ck_assert_uint_eq(field(cost, DEVICE_COST_LINKS, 20), DEVICE_LINKS_MAX - links);
        ck_assert_int_eq((int)field(cost, DEVICE_COST_NUMAS, 7),
                         oracle_classes(&oracle, set, oracle_one_numa, &squares));
        ck_assert_int_eq((int)field(cost, DEVICE_COST_PLACES, 7),
                         oracle_classes(&oracle, set, oracle_one_switch, &squares));
        ck_assert_int_eq((int)field(cost, DEVICE_COST_NIC_FAR, 7),
                         count - oracle_own_nics(&oracle, set, request.free_nics, false));
        ck_assert_int_eq((int)field(cost, DEVICE_COST_NIC_NONE, 7),
                         count - oracle_own_nics(&oracle, set, request.free_nics, true));
        ck_assert_int_eq((int)field(cost, DEVICE_COST_RAILS, 7),
                         request.rails == 0 ? 0
                                            : count - oracle_on_rails(&oracle, set, request.rails));
        ck_assert_int_eq(device_shape_one_numa(&shape, set), oracle_in_one_numa(&oracle, set));
        device_map_destroy(map);
    }
}
END_TEST

/* The largest machine there can be, all in one group: no field runs into the next. */
START_TEST(test_cost_at_the_limit)
{
    struct device_map *map = device_map_create();
    for (int i = 0; i < DEVICES_MAX; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "gpu-%d", i);
        struct device_description gpu = {.name = name, .pcie_switch = "a", .numa = 0, .rail = 1};
        ck_assert_int_eq(device_map_add_gpu(map, &gpu, NULL), 0);
    }
    ck_assert_int_eq(device_map_link_all(map, 255, NULL), 0);
    ck_assert_int_eq(device_map_finish(map, NULL), 0);
    struct device_shape shape;
    device_shape_init(&shape, map);
    ck_assert_uint_eq(device_shape_links(&shape, UINT64_MAX), DEVICE_LINKS_MAX);
    struct device_request request = {.gpus = 64, .free_gpus = UINT64_MAX, .rails = 1};
    uint64_t cost = device_shape_choice_cost(&shape, &request, UINT64_MAX, 0);
    ck_assert_uint_eq(field(cost, DEVICE_COST_LINKS, 20), DEVICE_LINKS_MAX);
    ck_assert_uint_eq(field(cost, DEVICE_COST_NUMAS, 7), 1);
    ck_assert_uint_eq(field(cost, DEVICE_COST_PLACES, 7), 1);
    ck_assert_uint_eq(field(cost, DEVICE_COST_NIC_FAR, 7), 64);
    ck_assert_uint_eq(field(cost, DEVICE_COST_NIC_NONE, 7), 64);
    ck_assert_uint_eq(field(cost, DEVICE_COST_RAILS, 7), 64);
    ck_assert_uint_eq(cost >> DEVICE_COST_FURTHER, 0);
    cost = device_shape_rest_cost(&shape, &request, UINT64_MAX, 64, (uint32_t)DEVICE_LINKS_MAX);
    ck_assert_uint_eq(field(cost, DEVICE_COST_GOOD_LOST, 7), 64);
    ck_assert_uint_eq(field(cost, DEVICE_COST_LINKS_LOST, 20), DEVICE_LINKS_MAX);
    ck_assert_uint_eq(field(cost, DEVICE_COST_NUMA_SQUARES, 13), 4096);
    ck_assert_uint_eq(field(cost, DEVICE_COST_PLACE_SQUARES, 13), 4096);
    device_map_destroy(map);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("device_shape");
    TCase *tcase = tcase_create("device_shape");
    tcase_add_test(tcase, test_cost_fields);
    tcase_add_test(tcase, test_cost_at_the_limit);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
