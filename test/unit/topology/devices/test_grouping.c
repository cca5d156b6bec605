// SPDX-License-Identifier: Apache-2.0
#include "topology/devices/grouping.h"

#include "test/unit/check_main.h"
#include "test/unit/topology/devices/oracle.h"

/* Every way to take so many GPUs from each place, for machines too large to try every subset. In a
 * place the GPUs on preferred rails go first, then the lowest: the rest of it only counts them. */
struct ways {
    const struct device_shape *shape;
    const struct device_request *request;
    uint64_t best;
    struct device_cost cost;
};

static uint64_t first_of_place(const struct ways *ways, uint32_t place, uint32_t count)
{
    uint64_t there = ways->shape->places[place].gpus & ways->request->free_gpus;
    uint64_t taken = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t gpu = 0; gpu < ways->shape->gpu_count; gpu++) {
            bool on = (ways->shape->gpu_rails[gpu] & ways->request->rails) != 0;
            if (oracle_has(there & ~taken, gpu) && oracle_count(taken) < count &&
                (on || pass == 1)) {
                taken |= UINT64_C(1) << gpu;
            }
        }
    }
    return taken;
}

static uint32_t pods_inside(const struct ways *ways, uint64_t mask)
{
    uint32_t pods = 0;
    for (uint32_t i = 0; i < ways->shape->numa_count; i++) {
        pods += oracle_count(mask & ways->shape->numas[i].gpus) / ways->request->gpus;
    }
    return ways->request->gpus <= ways->shape->numa_gpus_max ? pods : 0;
}

static void try_ways(struct ways *ways, uint32_t place, uint64_t taken)
{
    uint32_t missing = ways->request->gpus - oracle_count(taken);
    if (place == ways->shape->place_count) {
        if (missing > 0) {
            return;
        }
        uint32_t lost = pods_inside(ways, ways->request->free_gpus) -
                        pods_inside(ways, ways->request->free_gpus & ~taken);
        struct device_cost cost = {
            device_shape_choice_cost(ways->shape, ways->request, taken, 0),
            device_shape_rest_cost(ways->shape, ways->request, taken, lost, 0),
        };
        if (ways->best == 0 || device_cost_better(cost, taken, ways->cost, ways->best)) {
            ways->best = taken;
            ways->cost = cost;
        }
        return;
    }
    uint32_t there = oracle_count(ways->shape->places[place].gpus & ways->request->free_gpus);
    for (uint32_t count = 0; count <= there && count <= missing; count++) {
        try_ways(ways, place + 1, taken | first_of_place(ways, place, count));
    }
}

static struct device_map *large_map(struct random *random)
{
    struct device_map *map = device_map_create();
    uint32_t switches = 1 + random_below(random, 5);
    uint32_t gpus = 10 + random_below(random, 30);
    uint32_t nics = random_below(random, 20);
    for (uint32_t i = 0; i < gpus + nics; i++) {
        char name[24];
        char pcie_switch[16];
        uint32_t number = random_below(random, switches);
        (void)snprintf(name, sizeof name, "device-%u", i);
        (void)snprintf(pcie_switch, sizeof pcie_switch, "%u", number);
        struct device_description device = {.name = name,
                                            .pcie_switch = pcie_switch,
                                            .numa = (int)(number % 2),
                                            .rail = (int)random_below(random, 4)};
        (void)(i < gpus ? device_map_add_gpu : device_map_add_nic)(map, &device, NULL);
    }
    (void)device_map_finish(map, NULL);
    return map;
}

START_TEST(test_large)
{
    struct random random = {31};
    for (int i = 0; i < 150; i++) {
        struct device_map *map = large_map(&random);
        struct device_shape shape;
        device_shape_init(&shape, map);
        struct device_request request = {
            .gpus = 1 + random_below(&random, 12),
            .free_gpus = random_word(&random) & device_shape_gpus(&shape),
            .free_nics = random_word(&random) & device_shape_nics(&shape),
            .rails = random_word(&random) & 5};
        struct ways ways = {.shape = &shape, .request = &request};
        try_ways(&ways, 0, 0);
        ck_assert_uint_eq(device_grouping_best(&shape, &request), ways.best);
        device_map_destroy(map);
    }
}
END_TEST

/* Up to 12 GPUs every subset can be tried. */
START_TEST(test_small)
{
    struct random random = {32};
    for (int i = 0; i < 120; i++) {
        uint32_t gpus = 2 + random_below(&random, 9);
        struct device_map *map =
            oracle_random_map(&random, gpus, (enum oracle_links_kind)random_below(&random, 2));
        struct oracle oracle = oracle_of(map);
        struct device_shape shape;
        device_shape_init(&shape, map);
        struct device_request request = {
            .gpus = 1 + random_below(&random, gpus),
            .free_gpus = random_word(&random) & device_shape_gpus(&shape),
            .free_nics = random_word(&random) & device_shape_nics(&shape),
            .rails = random_word(&random) & 5};
        ck_assert_uint_eq(device_grouping_best(&shape, &request), oracle_best(&oracle, &request));
        request.gpus = 0;
        ck_assert_uint_eq(device_grouping_best(&shape, &request), 0);
        device_map_destroy(map);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("device_grouping");
    TCase *tcase = tcase_create("device_grouping");
    tcase_add_test(tcase, test_large);
    tcase_add_test(tcase, test_small);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
