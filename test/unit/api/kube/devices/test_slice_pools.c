// SPDX-License-Identifier: Apache-2.0
#include "api/kube/devices/slice_pools.h"

#include <stdlib.h>

#include "test/unit/api/kube/devices/slice_yaml.h"
#include "test/unit/check_main.h"

static struct arena arena;
static struct slice_pools *pools;

static void setup(void)
{
    arena_init(&arena);
    pools = slice_pools_create();
}

static void teardown(void)
{
    slice_pools_destroy(pools);
    arena_finish(&arena);
}

#define NVIDIA "gpu.nvidia.com"

static void put(const char *name, int generation, int count, const char *devices)
{
    slice_apply(pools, (struct slice_yaml){name, NVIDIA, "n1", generation, count, devices});
}

/* The only pool of node n1. */
static const struct slice_pool *the_pool(void)
{
    size_t count = 0;
    const struct slice_pool *list = slice_pools_of_node(pools, "n1", &arena, &count);
    ck_assert_uint_eq(count, 1);
    ck_assert_str_eq(list[0].driver, NVIDIA);
    ck_assert_str_eq(list[0].name, "n1");
    return &list[0];
}

static void complete(int64_t generation, const char *names)
{
    char text[256] = "";
    const struct slice_pool *pool = the_pool();
    ck_assert_msg(pool->reason == NULL, "%s", pool->reason);
    ck_assert_int_eq(pool->generation, generation);
    for (size_t i = 0; i < pool->device_count; i++) {
        size_t length = strlen(text);
        (void)snprintf(text + length, sizeof text - length, "%s ", pool->devices[i]->name);
    }
    ck_assert_str_eq(text, names);
}

static void unknown(const char *reason)
{
    const struct slice_pool *pool = the_pool();
    ck_assert_ptr_nonnull(pool->reason);
    ck_assert_str_eq(pool->reason, reason);
    ck_assert_uint_eq(pool->device_count, 0);
}

START_TEST(one_slice)
{
    size_t count = 7;
    ck_assert_ptr_null(slice_pools_of_node(pools, "n1", &arena, &count));
    ck_assert_uint_eq(count, 0);
    put("a", 1, 1, "{name: gpu-1}, {name: gpu-0}");
    complete(1, "gpu-0 gpu-1 ");
    put("a", 1, 1, "{name: gpu-5}");
    complete(1, "gpu-5 ");
    slice_pools_delete(pools, "a");
    slice_pools_delete(pools, "a");
    (void)slice_pools_of_node(pools, "n1", &arena, &count);
    ck_assert_uint_eq(count, 0);
    ck_assert_uint_eq(slice_pools_counts(pools).slices, 0);
}
END_TEST

START_TEST(missing_slices)
{
    put("a", 1, 3, "{name: gpu-0}");
    unknown("pool n1 of gpu.nvidia.com: 1 of 3 slices of generation 1 are there");
    put("b", 1, 3, "{name: gpu-1}");
    unknown("pool n1 of gpu.nvidia.com: 2 of 3 slices of generation 1 are there");
    put("c", 1, 3, "{name: gpu-2}");
    complete(1, "gpu-0 gpu-1 gpu-2 ");
    put("d", 1, 3, "{name: gpu-3}");
    unknown("pool n1 of gpu.nvidia.com: 4 of 3 slices of generation 1 are there");
    slice_pools_delete(pools, "d");
    complete(1, "gpu-0 gpu-1 gpu-2 ");
    slice_pools_delete(pools, "b");
    unknown("pool n1 of gpu.nvidia.com: 2 of 3 slices of generation 1 are there");
}
END_TEST

START_TEST(mixed_generations)
{
    put("a", 1, 2, "{name: gpu-0}");
    put("b", 1, 2, "{name: gpu-1}");
    complete(1, "gpu-0 gpu-1 ");
    /* The old ones, though complete, are no longer believed. */
    put("c", 2, 2, "{name: gpu-0}");
    unknown("pool n1 of gpu.nvidia.com: 1 of 2 slices of generation 2 are there");
    put("a", 2, 2, "{name: gpu-7}");
    complete(2, "gpu-0 gpu-7 ");
    /* A late one of the past changes nothing. */
    put("d", 1, 2, "{name: gpu-9}");
    complete(2, "gpu-0 gpu-7 ");
    /* When the new ones go, the old ones are the highest again, as Kubernetes sees it. */
    slice_pools_delete(pools, "a");
    slice_pools_delete(pools, "c");
    complete(1, "gpu-1 gpu-9 ");
}
END_TEST

START_TEST(disagreement)
{
    put("a", 4, 2, "{name: gpu-0}");
    put("b", 4, 3, "{name: gpu-1}");
    unknown("pool n1 of gpu.nvidia.com: slice a says there are 2 slices, slice b says 3");
    put("b", 4, 2, "{name: gpu-0}");
    unknown("pool n1 of gpu.nvidia.com: device gpu-0 is there twice");
    put("b", 4, 2, "{name: gpu-1}");
    complete(4, "gpu-0 gpu-1 ");
    put("a", 4, 2, "{name: gpu-3}, {name: gpu-2}, {name: gpu-3}");
    unknown("pool n1 of gpu.nvidia.com: device gpu-3 is there twice");
}
END_TEST

static void apply_yaml(const char *yaml)
{
    struct err err;
    json_t *json = yaml_object(yaml);
    ck_assert_msg(slice_pools_apply(pools, decoded_slice_create(json), &err) == 0, "%s", err.text);
    json_decref(json);
}

#define POOL_P "driver: " NVIDIA ", pool: {name: p, generation: 1, resourceSliceCount: 2}"

START_TEST(different_nodes)
{
    size_t count = 0;
    apply_yaml("{metadata: {name: a}, spec: {nodeName: n1, " POOL_P "}}");
    apply_yaml("{metadata: {name: b}, spec: {nodeName: n2, " POOL_P "}}");
    const struct slice_pool *list = slice_pools_of_node(pools, "n1", &arena, &count);
    ck_assert_uint_eq(count, 1);
    ck_assert_str_eq(list[0].reason,
                     "pool p of gpu.nvidia.com: slices a and b are of different nodes");
    apply_yaml("{metadata: {name: b}, spec: {allNodes: true, " POOL_P "}}");
    list = slice_pools_of_node(pools, "n1", &arena, &count);
    ck_assert_uint_eq(count, 1);
    ck_assert_ptr_nonnull(list[0].reason);
    (void)slice_pools_of_node(pools, "n2", &arena, &count);
    ck_assert_uint_eq(count, 0);
    struct slice_pools_counts counts = slice_pools_counts(pools);
    ck_assert_uint_eq(counts.slices, 2);
    ck_assert_uint_eq(counts.not_of_a_node, 1);
    ck_assert_uint_eq(counts.unreadable, 0);
}
END_TEST

/* A pool that a newer generation moved belongs to the new node only. */
START_TEST(moved_pool)
{
    size_t count = 0;
    apply_yaml("{metadata: {name: a}, spec: {nodeName: n1, driver: d, pool: {name: p, generation: "
               "1, resourceSliceCount: 1}}}");
    apply_yaml("{metadata: {name: b}, spec: {nodeName: n2, driver: d, pool: {name: p, generation: "
               "2, resourceSliceCount: 1}}}");
    (void)slice_pools_of_node(pools, "n1", &arena, &count);
    ck_assert_uint_eq(count, 0);
    const struct slice_pool *list = slice_pools_of_node(pools, "n2", &arena, &count);
    ck_assert_uint_eq(count, 1);
    ck_assert_ptr_null(list[0].reason);
}
END_TEST

START_TEST(unreadable_slices)
{
    struct err err;
    put("a", 1, 2, "{name: gpu-0}");
    put("b", 1, 2, "{name: gpu-1}");
    slice_refuse(pools,
                 (struct slice_yaml){"b", NVIDIA, "n1", 1, 2,
                                     "{name: gpu-1, attributes: {numa: {int: -7}}}"},
                 &err);
    ck_assert_str_eq(err.text, "resource slice b: device gpu-1: spec.devices[0].attributes.numa: "
                               "-7 is negative");
    unknown("pool n1 of gpu.nvidia.com: resource slice b: device gpu-1: "
            "spec.devices[0].attributes.numa: -7 is negative");
    ck_assert_uint_eq(slice_pools_counts(pools).unreadable, 1);
    put("b", 1, 2, "{name: gpu-1}");
    complete(1, "gpu-0 gpu-1 ");
    ck_assert_uint_eq(slice_pools_counts(pools).unreadable, 0);
    /* A new slice of unknown generation may be the newest. */
    slice_refuse(pools, (struct slice_yaml){"c", NVIDIA, "n1", -3, 2, ""}, &err);
    unknown("pool n1 of gpu.nvidia.com: resource slice c: spec.pool.generation: -3 is less than 0");
    slice_pools_delete(pools, "c");
    complete(1, "gpu-0 gpu-1 ");
    /* A slice whose pool cannot be read is missing from its own. */
    json_t *json = yaml_object("{metadata: {name: b}, spec: {driver: 5}}");
    ck_assert_int_eq(slice_pools_apply(pools, decoded_slice_create(json), &err), -1);
    json_decref(json);
    unknown("pool n1 of gpu.nvidia.com: 1 of 2 slices of generation 1 are there");
    ck_assert_int_eq(slice_pools_apply(pools, decoded_slice_create(NULL), &err), -1);
    ck_assert_uint_eq(slice_pools_counts(pools).slices, 1);
    ck_assert_int_eq(slice_pools_apply(pools, decoded_slice_create(NULL), NULL), -1);
}
END_TEST

START_TEST(pools_of_a_node_in_order)
{
    size_t count = 0;
    slice_apply(pools, (struct slice_yaml){"x", NVIDIA, "n1", 1, 2, "{name: a}"});
    slice_apply(pools, (struct slice_yaml){"y", "dra.net", "n1", 1, 1, "{name: a}, {name: b}"});
    slice_apply(pools, (struct slice_yaml){"z", NVIDIA, "n1", 1, 2, "{name: b}"});
    slice_apply(pools, (struct slice_yaml){"w", NVIDIA, "n2", 1, 1, "{name: b}"});
    const struct slice_pool *list = slice_pools_of_node(pools, "n1", &arena, &count);
    ck_assert_uint_eq(count, 2);
    ck_assert_str_eq(list[0].driver, "dra.net");
    ck_assert_str_eq(list[1].driver, NVIDIA);
    ck_assert_uint_eq(list[0].device_count, 2);
    ck_assert_uint_eq(list[1].device_count, 2);
}
END_TEST

/* A pool of 12 slices with thousands of devices, its slices coming in some order; whatever the
 * order, the answer is one. */
START_TEST(any_order)
{
    enum { SLICES = 12, EACH = 300 };
    size_t order[SLICES] = {0};
    unsigned state = 1 + (unsigned)_i;
    for (size_t i = 0; i < SLICES; i++) {
        state = state * 1103515245u + 12345u;
        size_t j = (state >> 16) % (i + 1);
        order[i] = order[j];
        order[j] = i;
    }
    for (size_t i = 0; i < SLICES; i++) {
        struct err err;
        char name[32];
        json_t *devices = json_array();
        for (int j = 0; j < EACH; j++) {
            (void)snprintf(name, sizeof name, "d-%zu-%d", order[i], j);
            json_array_append_new(devices, json_pack("{ss}", "name", name));
        }
        (void)snprintf(name, sizeof name, "slice-%zu", order[i]);
        json_t *json = json_pack("{s{ss}s{sssss{sssisi}so}}", "metadata", "name", name, "spec",
                                 "driver", NVIDIA, "nodeName", "n1", "pool", "name", "n1",
                                 "generation", 1, "resourceSliceCount", SLICES, "devices", devices);
        ck_assert_msg(slice_pools_apply(pools, decoded_slice_create(json), &err) == 0, "%s",
                      err.text);
        json_decref(json);
        ck_assert((the_pool()->reason == NULL) == (i + 1 == SLICES));
    }
    const struct slice_pool *pool = the_pool();
    ck_assert_uint_eq(pool->device_count, (size_t)SLICES * EACH);
    for (size_t i = 1; i < pool->device_count; i++) {
        ck_assert_int_lt(strcmp(pool->devices[i - 1]->name, pool->devices[i]->name), 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("slice_pools");
    TCase *tcase = tcase_create("slice_pools");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, one_slice);
    tcase_add_test(tcase, missing_slices);
    tcase_add_test(tcase, mixed_generations);
    tcase_add_test(tcase, disagreement);
    tcase_add_test(tcase, different_nodes);
    tcase_add_test(tcase, moved_pool);
    tcase_add_test(tcase, unreadable_slices);
    tcase_add_test(tcase, pools_of_a_node_in_order);
    tcase_add_loop_test(tcase, any_order, 0, 5);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
