// SPDX-License-Identifier: Apache-2.0
#include "topology/devices/subset.h"

#include "test/unit/check_main.h"
#include "test/unit/topology/devices/oracle.h"
#include "topology/devices/machines.h"

/* A machine of the table with its answers. */
struct node {
    struct device_map *map;
    struct device_subset *subset;
    struct oracle oracle;
};

static struct node node_of(struct device_map *map)
{
    ck_assert_ptr_nonnull(map);
    return (struct node){map, device_subset_create(map), oracle_of(map)};
}

static struct node node_named(const char *name)
{
    return node_of(machines_map(name, NULL));
}

static void node_finish(struct node *node)
{
    device_subset_destroy(node->subset);
    device_map_destroy(node->map);
}

/* All 255 free masks and every k: as many links as any subset has. */
START_TEST(test_dgx1v_most_links)
{
    struct node node = node_named("dgx-1v");
    for (uint64_t mask = 1; mask < 256; mask++) {
        for (uint32_t k = 1; k <= 8; k++) {
            uint64_t best = device_subset_best(node.subset, mask, k);
            if (k > oracle_count(mask)) {
                ck_assert_uint_eq(best, 0);
                continue;
            }
            ck_assert_uint_eq(best & ~mask, 0);
            ck_assert_uint_eq(oracle_count(best), k);
            ck_assert_int_eq(oracle_links(&node.oracle, best),
                             oracle_links_most(&node.oracle, mask, k));
        }
    }
    node_finish(&node);
}
END_TEST

/* Most links and number of optimal subsets of each size, known of the hybrid cube mesh. */
START_TEST(test_dgx1v_golden)
{
    static const struct {
        uint32_t links;
        uint32_t optimal;
    } golden[9] = {{0, 0}, {0, 8}, {2, 8}, {5, 4}, {9, 2}, {11, 4}, {14, 8}, {18, 8}, {24, 1}};
    struct node node = node_named("dgx-1v");
    for (uint32_t k = 1; k <= 8; k++) {
        uint32_t optimal = 0;
        for (uint64_t set = 1; set < 256; set++) {
            optimal += oracle_count(set) == k && device_subset_good(node.subset, set);
        }
        ck_assert_uint_eq(optimal, golden[k].optimal);
        ck_assert_uint_eq(device_subset_links_most(node.subset, k), golden[k].links);
        uint64_t best = device_subset_best(node.subset, 0xff, k);
        ck_assert_uint_eq(device_subset_links(node.subset, best), golden[k].links);
    }
    static const uint64_t pairs[] = {0x09, 0x11, 0x06, 0x22, 0x0c, 0x90, 0x60, 0xc0};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        ck_assert(device_subset_good(node.subset, pairs[i]));
    }
    /* The lowest of what is equal; of the pairs, 2-3 and 6-7 are at one switch. */
    ck_assert_uint_eq(device_subset_best(node.subset, 0xff, 2), 0x0c);
    ck_assert_uint_eq(device_subset_best(node.subset, 0xf3, 2), 0xc0);
    ck_assert_uint_eq(device_subset_best(node.subset, 0xff, 4), 0x0f);
    ck_assert_uint_eq(device_subset_best(node.subset, 0xfe, 4), 0xf0);
    /* One of 0, 1, 2 is wanted: 0, for 1 and 2 have two links. */
    ck_assert_uint_eq(device_subset_best(node.subset, 0x07, 1), 0x01);
    node_finish(&node);
}
END_TEST

/* Disjoint good subsets for every mask and k; _i chooses the machine. */
static const char *const COUNTED[] = {"dgx-1v", "hgx-h100-4", "hgx-a100-4", "gb200-tray",
                                      "ncv4",   "dgx-b200",   "ndv4"};

START_TEST(test_capacity)
{
    struct node node = node_named(COUNTED[_i]);
    uint64_t end = UINT64_C(1) << node.oracle.gpus;
    for (uint64_t mask = 0; mask < end; mask++) {
        for (uint32_t k = 1; k <= node.oracle.gpus; k++) {
            ck_assert_int_eq((int)device_subset_capacity(node.subset, mask, k),
                             oracle_capacity(&node.oracle, mask, k));
            ck_assert_uint_eq(device_subset_plain(node.subset, mask, k), oracle_count(mask) / k);
        }
    }
    node_finish(&node);
}
END_TEST

START_TEST(test_capacity_examples)
{
    struct node node = node_named("dgx-1v");
    ck_assert_uint_eq(device_subset_capacity(node.subset, 0xff, 4), 2);
    /* Four GPUs are free, two at each end: no pod of four is placed well, two of two are. */
    ck_assert_uint_eq(device_subset_capacity(node.subset, 0x66, 4), 0);
    ck_assert_uint_eq(device_subset_plain(node.subset, 0x66, 4), 1);
    ck_assert_uint_eq(device_subset_capacity(node.subset, 0x66, 2), 2);
    ck_assert_uint_eq(device_subset_capacity(node.subset, 0xff, 0), 0);
    ck_assert_uint_eq(device_subset_plain(node.subset, 0xff, 0), 0);
    ck_assert_uint_eq(device_subset_capacity(node.subset, 0xff, 9), 0);
    node_finish(&node);
    node = node_named("dgx-h100");
    ck_assert_uint_eq(device_subset_capacity(node.subset, 0x77, 2), 2);
    ck_assert_uint_eq(device_subset_plain(node.subset, 0x77, 2), 3);
    ck_assert_uint_eq(device_subset_capacity(node.subset, 0x7f, 5), 1);
    node_finish(&node);
}
END_TEST

static struct device_request random_request(struct random *random, const struct oracle *oracle)
{
    struct device_request request = {
        .gpus = 1 + random_below(random, oracle->gpus),
        .free_gpus = random_word(random) & ((UINT64_C(1) << oracle->gpus) - 1),
        .free_nics = random_below(random, 3) == 0 ? UINT64_MAX : random_word(random),
        .rails = random_below(random, 2) == 0 ? 0 : random_word(random) & 0xf,
    };
    return request;
}

/* Random maps: the same mask and the same count as trying everything. */
static void check_random(uint64_t seed, uint32_t least, uint32_t most, int requests)
{
    struct random random = {seed};
    for (int kind = ORACLE_LINKS_NONE; kind <= ORACLE_LINKS_SOME; kind++) {
        uint32_t gpus = least + random_below(&random, most - least + 1);
        struct node node = node_of(oracle_random_map(&random, gpus, (enum oracle_links_kind)kind));
        ck_assert(device_subset_exact(node.subset));
        for (int i = 0; i < requests; i++) {
            struct device_request request = random_request(&random, &node.oracle);
            ck_assert_uint_eq(device_subset_choose(node.subset, &request),
                              oracle_best(&node.oracle, &request));
            ck_assert_int_eq(
                (int)device_subset_capacity(node.subset, request.free_gpus, request.gpus),
                oracle_capacity(&node.oracle, request.free_gpus, request.gpus));
        }
        node_finish(&node);
    }
}

START_TEST(test_random_small)
{
    for (uint64_t i = 0; i < 150; i++) {
        check_random((uint64_t)_i * 1000 + i, 1, 8, 12);
    }
}
END_TEST

START_TEST(test_random_larger)
{
    for (uint64_t i = 0; i < 6; i++) {
        check_random(UINT64_C(77000) + (uint64_t)_i * 100 + i, 9, 12, 2);
    }
}
END_TEST

/* Whatever the size: exactly k of what is free, or nothing; capacity that can be taken. */
START_TEST(test_never_wrong)
{
    struct random random = {4242};
    for (uint32_t gpus = 1; gpus <= DEVICES_MAX; gpus += 1 + gpus / 8) {
        for (int kind = ORACLE_LINKS_NONE; kind <= ORACLE_LINKS_SOME; kind++) {
            struct node node =
                node_of(oracle_random_map(&random, gpus, (enum oracle_links_kind)kind));
            ck_assert_int_eq(device_subset_exact(node.subset),
                             gpus <= 16 || device_map_uniform(node.map));
            uint64_t all = device_map_mask(node.map, DEVICE_GPU);
            for (int i = 0; i < 4; i++) {
                struct device_request request = {.gpus = random_below(&random, gpus + 2),
                                                 .free_gpus = random_word(&random),
                                                 .free_nics = random_word(&random),
                                                 .rails = random_word(&random) & 3};
                uint64_t best = device_subset_choose(node.subset, &request);
                bool fits =
                    request.gpus > 0 && oracle_count(request.free_gpus & all) >= request.gpus;
                ck_assert_uint_eq(best & ~(request.free_gpus & all), 0);
                ck_assert_uint_eq(oracle_count(best), fits ? request.gpus : 0);
                ck_assert_uint_eq(device_subset_choose(node.subset, &request), best);
                uint32_t plain = device_subset_plain(node.subset, request.free_gpus, request.gpus);
                ck_assert_uint_le(
                    device_subset_capacity(node.subset, request.free_gpus, request.gpus), plain);
            }
            node_finish(&node);
        }
    }
}
END_TEST

/* What capacity promises is there: pods placed one after the other each get a good subset, none of
 * them twice. The rest is chosen for that (criterion 6). */
START_TEST(test_capacity_is_reached)
{
    for (uint32_t m = 0; m < machines_count(); m++) {
        struct node node = node_named(machines_name(m));
        uint64_t all = device_map_mask(node.map, DEVICE_GPU);
        for (uint32_t k = 1; k <= node.oracle.gpus; k++) {
            uint64_t left = all;
            uint32_t promised = device_subset_capacity(node.subset, all, k);
            for (uint32_t i = 0; i < promised; i++) {
                uint64_t best = device_subset_best(node.subset, left, k);
                ck_assert(device_subset_good(node.subset, best));
                ck_assert_uint_eq(best & ~left, 0);
                left &= ~best;
                ck_assert_uint_eq(device_subset_capacity(node.subset, left, k), promised - i - 1);
            }
        }
        node_finish(&node);
    }
}
END_TEST

/* Several pods at once: as many good subsets as capacity says, from every free mask. */
static void check_several(const struct node *node, const struct device_request *request)
{
    uint64_t chosen[DEVICES_MAX];
    uint64_t left = request->free_gpus;
    uint32_t pods = oracle_count(left) / request->gpus;
    uint32_t good = device_subset_several(node->subset, request, pods, chosen);
    ck_assert_int_eq((int)good, oracle_capacity(&node->oracle, left, request->gpus));
    for (uint32_t i = 0; i < pods; i++) {
        ck_assert_uint_eq(chosen[i] & ~left, 0);
        ck_assert_uint_eq(oracle_count(chosen[i]), request->gpus);
        ck_assert(i >= good || device_subset_good(node->subset, chosen[i]));
        left &= ~chosen[i];
    }
    ck_assert_uint_eq(device_subset_several(node->subset, request, pods + 1, chosen), 0);
}

START_TEST(test_several)
{
    struct node node = node_named("dgx-1v");
    struct device_request request = {.free_nics = UINT64_MAX};
    for (request.free_gpus = 1; request.free_gpus < 256; request.free_gpus++) {
        for (request.gpus = 1; request.gpus <= 8; request.gpus++) {
            check_several(&node, &request);
        }
    }
    /* 0-3, 3-2 and 2-1 have two links. One pod takes 2-3, at one switch; two pods the ends. */
    uint64_t chosen[DEVICES_MAX];
    request.gpus = 2;
    request.free_gpus = 0x0f;
    ck_assert_uint_eq(device_subset_several(node.subset, &request, 1, chosen), 1);
    ck_assert_uint_eq(chosen[0], 0x0c);
    ck_assert_uint_eq(device_subset_several(node.subset, &request, 2, chosen), 2);
    ck_assert_uint_eq(chosen[0], 0x06);
    ck_assert_uint_eq(chosen[1], 0x09);
    node_finish(&node);
}
END_TEST

START_TEST(test_several_random)
{
    struct random random = {99};
    for (int i = 0; i < 60; i++) {
        struct node node =
            node_of(oracle_random_map(&random, 1 + random_below(&random, 11),
                                      (enum oracle_links_kind)random_below(&random, 3)));
        for (int w = 0; w < 4; w++) {
            struct device_request request = random_request(&random, &node.oracle);
            check_several(&node, &request);
        }
        node_finish(&node);
    }
}
END_TEST

START_TEST(test_one_object_for_equal_nodes)
{
    struct node node = node_named("ndv5");
    struct device_map *same = machines_map("dgx-h100", NULL);
    struct device_map *other = machines_map("ndv4", NULL);
    ck_assert(device_subset_serves(node.subset, same));
    ck_assert(!device_subset_serves(node.subset, other));
    device_map_destroy(same);
    device_map_destroy(other);
    node_finish(&node);
}
END_TEST

START_TEST(test_nics)
{
    enum device_pairing pairing = DEVICE_PAIRING_NONE;
    struct node node = node_named("dgx-h100");
    ck_assert_uint_eq(device_subset_nics(node.subset, 0x30, 0xff, 2, 0, &pairing), 0x30);
    ck_assert_int_eq(pairing, DEVICE_PAIRING_SWITCH);
    /* NIC 4 is in use: one of the same NUMA node, not NIC 5, which GPU 5 needs. */
    ck_assert_uint_eq(device_subset_nics(node.subset, 0x30, 0xef, 2, 0, &pairing), 0x60);
    ck_assert_int_eq(pairing, DEVICE_PAIRING_NUMA);
    ck_assert_uint_eq(device_subset_nics(node.subset, 0x30, 0xef, 2, 0x80, &pairing), 0xa0);
    ck_assert_uint_eq(device_subset_nics(node.subset, 0x01, 0xf0, 1, 0, &pairing), 0x10);
    ck_assert_int_eq(pairing, DEVICE_PAIRING_NONE);
    ck_assert_uint_eq(device_subset_nics(node.subset, 0x01, 0xf0, 5, 0, &pairing), 0);
    ck_assert_uint_eq(device_subset_nics(node.subset, 0x01, 0xff, 0, 0, &pairing), 0);
    node_finish(&node);
    node = node_named("p5.48xlarge"); /* four NICs beside each GPU */
    ck_assert_uint_eq(device_subset_nics(node.subset, 0x05, UINT64_MAX, 8, 0, &pairing), 0xf0f);
    ck_assert_int_eq(pairing, DEVICE_PAIRING_SWITCH);
    node_finish(&node);
    node = node_named("gb300-tray");
    ck_assert_uint_eq(device_subset_nics(node.subset, 0x0c, 0xf, 2, 0, &pairing), 0x0c);
    ck_assert_int_eq(pairing, DEVICE_PAIRING_NUMA);
    node_finish(&node);
}
END_TEST

/* The second node of a gang takes the rails of the first, when that costs nothing else. */
START_TEST(test_rails)
{
    struct node node = node_named("dgx-h100");
    struct device_request request = {.gpus = 2, .free_gpus = 0xff, .free_nics = 0xff};
    request.rails = device_subset_rails(node.subset, 0x60);
    ck_assert_uint_eq(request.rails, 0x60);
    ck_assert_uint_eq(device_subset_choose(node.subset, &request), 0x60);
    /* Rail 6 only where there is no second GPU in its NUMA node: both from the other one. */
    request.free_gpus = 0x4f;
    ck_assert_uint_eq(device_subset_choose(node.subset, &request), 0x03);
    /* A GPU whose own NIC is in use comes after one that has its own. */
    request.rails = 0;
    request.free_gpus = 0xff;
    request.free_nics = 0xf6;
    ck_assert_uint_eq(device_subset_choose(node.subset, &request), 0x06);
    node_finish(&node);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("device_subset");
    TCase *tcase = tcase_create("device_subset");
    tcase_set_timeout(tcase, 100);
    tcase_add_test(tcase, test_dgx1v_most_links);
    tcase_add_test(tcase, test_dgx1v_golden);
    tcase_add_loop_test(tcase, test_capacity, 0, sizeof COUNTED / sizeof COUNTED[0]);
    tcase_add_test(tcase, test_capacity_examples);
    tcase_add_loop_test(tcase, test_random_small, 0, 4);
    tcase_add_loop_test(tcase, test_random_larger, 0, 2);
    tcase_add_test(tcase, test_never_wrong);
    tcase_add_test(tcase, test_capacity_is_reached);
    tcase_add_test(tcase, test_several);
    tcase_add_test(tcase, test_several_random);
    tcase_add_test(tcase, test_one_object_for_equal_nodes);
    tcase_add_test(tcase, test_nics);
    tcase_add_test(tcase, test_rails);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
