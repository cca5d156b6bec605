// SPDX-License-Identifier: Apache-2.0
#include "topology/devices/growth.h"

#include "test/unit/check_main.h"
#include "test/unit/topology/devices/oracle.h"
#include "topology/devices/subset.h"

/* `gpus` GPUs in full meshes of `mesh`. */
static struct device_map *meshes(int gpus, int mesh)
{
    struct device_map *map = device_map_create();
    for (int i = 0; i < gpus; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "gpu-%d", i);
        struct device_description gpu = {.name = name, .numa = i / 16, .rail = DEVICE_UNKNOWN};
        ck_assert_int_eq(device_map_add_gpu(map, &gpu, NULL), 0);
        for (int other = i / mesh * mesh; other < i; other++) {
            char name_b[16];
            (void)snprintf(name_b, sizeof name_b, "gpu-%d", other);
            ck_assert_int_eq(device_map_link(map, name, name_b, 4, NULL), 0);
        }
    }
    ck_assert_int_eq(device_map_finish(map, NULL), 0);
    return map;
}

/* In meshes the most links are known: whole meshes first. */
static void check_meshes(int gpus, int mesh)
{
    struct device_map *map = meshes(gpus, mesh);
    struct device_subset *subset = device_subset_create(map);
    ck_assert(!device_subset_exact(subset));
    for (uint32_t k = 1; k <= (uint32_t)gpus; k++) {
        uint32_t whole = k / (uint32_t)mesh;
        uint32_t part = k % (uint32_t)mesh;
        uint32_t most =
            whole * (uint32_t)(mesh * (mesh - 1)) * 2 + (part > 0 ? part * (part - 1) * 2 : 0);
        ck_assert_uint_eq(device_subset_links_most(subset, k), most);
    }
    ck_assert_uint_eq(device_subset_capacity(subset, UINT64_MAX, (uint32_t)mesh),
                      (uint32_t)(gpus / mesh));
    ck_assert_uint_eq(device_subset_capacity(subset, ~UINT64_C(1), (uint32_t)mesh),
                      (uint32_t)(gpus / mesh - 1));
    device_subset_destroy(subset);
    device_map_destroy(map);
}

START_TEST(test_meshes)
{
    check_meshes(20, 2);
    check_meshes(32, 8);
    check_meshes(64, 4);
}
END_TEST

/* Where the best is known by trying, it is nearly always found; it is k free GPUs in any case. */
START_TEST(test_against_best)
{
    struct random random = {11};
    int best = 0;
    for (int i = 0; i < 300; i++) {
        struct device_map *map =
            oracle_random_map(&random, 3 + random_below(&random, 8), ORACLE_LINKS_SOME);
        struct oracle oracle = oracle_of(map);
        struct device_shape shape;
        device_shape_init(&shape, map);
        struct device_request request = {.gpus = 1 + random_below(&random, oracle.gpus),
                                         .free_gpus = device_shape_gpus(&shape)};
        uint64_t set = device_growth_best(&shape, &request);
        ck_assert_uint_eq(oracle_count(set), request.gpus);
        best += oracle_links(&oracle, set) ==
                oracle_links_most(&oracle, request.free_gpus, request.gpus);
        request.free_gpus >>= 1;
        request.gpus = oracle.gpus;
        ck_assert_uint_eq(device_growth_best(&shape, &request), 0);
        device_map_destroy(map);
    }
    ck_assert_int_ge(best, 290);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("device_growth");
    TCase *tcase = tcase_create("device_growth");
    tcase_add_test(tcase, test_meshes);
    tcase_add_test(tcase, test_against_best);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
