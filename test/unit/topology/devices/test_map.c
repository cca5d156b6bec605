// SPDX-License-Identifier: Apache-2.0
#include "topology/devices/map.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "test/unit/check_main.h"
#include "test/unit/topology/random.h"

static const struct device_description EMPTY = {.numa = DEVICE_UNKNOWN, .rail = DEVICE_UNKNOWN};

/* The devices of a p4d node as its ResourceSlices tell them: GPUs know their root, NICs also the
 * NUMA node. */
static const struct {
    enum device_kind kind;
    struct device_description device;
} P4D[] = {
    {DEVICE_GPU, {"gpu-0", "GPU-8a", "0000:10:1c.0", "pci0000:10", -1, -1}},
    {DEVICE_GPU, {"gpu-1", "GPU-a4", "0000:10:1d.0", "pci0000:10", -1, -1}},
    {DEVICE_GPU, {"gpu-2", "GPU-f3", "0000:20:1c.0", "pci0000:20", -1, -1}},
    {DEVICE_GPU, {"gpu-3", "GPU-55", "0000:20:1d.0", "pci0000:20", -1, -1}},
    {DEVICE_GPU, {"gpu-4", "GPU-be", "0000:90:1c.0", "pci0000:90", -1, -1}},
    {DEVICE_GPU, {"gpu-5", "GPU-4a", "0000:90:1d.0", "pci0000:90", -1, -1}},
    {DEVICE_GPU, {"gpu-6", "GPU-b1", "0000:a0:1c.0", "pci0000:a0", -1, -1}},
    {DEVICE_GPU, {"gpu-7", "GPU-65", "0000:a0:1d.0", "pci0000:a0", -1, -1}},
    {DEVICE_NIC, {"pci-0000-10-1b-0", "rdmap16s27", "0000:10:1b.0", "pci0000:10", 0, -1}},
    {DEVICE_NIC, {"pci-0000-20-1b-0", "rdmap32s27", "0000:20:1b.0", "pci0000:20", 0, -1}},
    {DEVICE_NIC, {"pci-0000-90-1b-0", "rdmap144s27", "0000:90:1b.0", "pci0000:90", 1, -1}},
    {DEVICE_NIC, {"pci-0000-a0-1b-0", "rdmap160s27", "0000:a0:1b.0", "pci0000:a0", 1, -1}},
};

#define P4D_COUNT (sizeof P4D / sizeof P4D[0])

/* In an order drawn from `seed`; 0 = as listed. */
static struct device_map *p4d(uint64_t seed)
{
    size_t order[P4D_COUNT] = {0};
    struct random random = {seed};
    for (size_t i = 0; i < P4D_COUNT; i++) {
        size_t at = seed == 0 ? i : random_below(&random, (uint32_t)i + 1);
        order[i] = order[at];
        order[at] = i;
    }
    struct device_map *map = device_map_create();
    for (size_t i = 0; i < P4D_COUNT; i++) {
        struct err err;
        int status = P4D[order[i]].kind == DEVICE_GPU
                         ? device_map_add_gpu(map, &P4D[order[i]].device, &err)
                         : device_map_add_nic(map, &P4D[order[i]].device, &err);
        ck_assert_msg(status == 0, "%s", err.text);
    }
    return map;
}

START_TEST(test_p4d)
{
    struct device_map *map = p4d(0);
    ck_assert_int_eq(device_map_link_all(map, 12, NULL), 0);
    ck_assert_int_eq(device_map_finish(map, NULL), 0);
    ck_assert_uint_eq(device_map_count(map, DEVICE_GPU), 8);
    ck_assert_uint_eq(device_map_mask(map, DEVICE_GPU), 0xff);
    ck_assert_uint_eq(device_map_mask(map, DEVICE_NIC), 0xf);
    ck_assert_uint_eq(device_map_switch_count(map), 4);
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert_uint_eq(device_map_on_switch(map, DEVICE_GPU, i), UINT64_C(3) << 2 * i);
        ck_assert_uint_eq(device_map_on_switch(map, DEVICE_NIC, i), UINT64_C(1) << i);
    }
    ck_assert_str_eq(device_map_switch_name(map, 3), "pci0000:a0");
    /* The GPUs learnt their NUMA node from the NIC at the same root. */
    ck_assert_uint_eq(device_map_on_numa(map, DEVICE_GPU, 0), 0x0f);
    ck_assert_uint_eq(device_map_on_numa(map, DEVICE_GPU, 1), 0xf0);
    ck_assert_uint_eq(device_map_on_numa(map, DEVICE_NIC, 1), 0xc);
    ck_assert_uint_eq(device_map_on_numa(map, DEVICE_GPU, DEVICE_UNKNOWN), 0);
    for (uint32_t i = 0; i < 8; i++) {
        ck_assert_uint_eq(device_map_gpu_nics(map, i), UINT64_C(1) << i / 2);
        ck_assert_int_eq(device_map_gpu_pairing(map, i), DEVICE_PAIRING_SWITCH);
        ck_assert_uint_eq(device_map_gpu_rails(map, i), 0);
    }
    ck_assert(device_map_switched(map));
    ck_assert_int_eq(device_map_find(map, DEVICE_GPU, "gpu-5"), 5);
    ck_assert_int_eq(device_map_find(map, DEVICE_NIC, "gpu-5"), DEVICE_UNKNOWN);
    ck_assert_int_eq(device_map_find_id(map, DEVICE_NIC, "rdmap144s27"), 2);
    ck_assert_int_eq(device_map_find_id(map, DEVICE_NIC, ""), DEVICE_UNKNOWN);
    ck_assert_str_eq(device_map_device(map, DEVICE_GPU, 7)->id, "GPU-65");
    ck_assert_str_eq(device_map_device(map, DEVICE_GPU, 7)->pci_address, "0000:a0:1d.0");
    device_map_destroy(map);
}
END_TEST

/* 1,000 orders of adding, with links that tell the GPUs apart: one map. */
START_TEST(test_any_order)
{
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        struct device_map *map = p4d(seed);
        ck_assert_int_eq(device_map_link(map, "gpu-1", "gpu-6", 3, NULL), 0);
        ck_assert_int_eq(device_map_link(map, "gpu-7", "gpu-0", 5, NULL), 0);
        ck_assert_int_eq(device_map_finish(map, NULL), 0);
        for (uint32_t i = 0; i < 12; i++) {
            const struct device *device =
                device_map_device(map, i < 8 ? DEVICE_GPU : DEVICE_NIC, i < 8 ? i : i - 8);
            ck_assert_str_eq(device->name, P4D[i].device.name);
            ck_assert_int_eq(device->pcie_switch, (int)(i < 8 ? i / 2 : i - 8));
        }
        for (uint32_t a = 0; a < 8; a++) {
            for (uint32_t b = 0; b < 8; b++) {
                int links = (a == 1 && b == 6) || (a == 6 && b == 1)   ? 3
                            : (a == 0 && b == 7) || (a == 7 && b == 0) ? 5
                                                                       : 0;
                ck_assert_int_eq(device_map_links(map, a, b), links);
            }
        }
        ck_assert(!device_map_uniform(map) && !device_map_switched(map));
        device_map_destroy(map);
    }
}
END_TEST

static void add_simple(struct device_map *map, enum device_kind kind, const char *name,
                       const char *pcie_switch, int numa, int rail)
{
    struct device_description device = {
        .name = name, .pcie_switch = pcie_switch, .numa = numa, .rail = rail};
    ck_assert_int_eq(kind == DEVICE_GPU ? device_map_add_gpu(map, &device, NULL)
                                        : device_map_add_nic(map, &device, NULL),
                     0);
}

/* Four GPUs of which one shares a switch with the only NIC: switch, NUMA and none in one map. */
START_TEST(test_pairing)
{
    struct device_map *map = device_map_create();
    add_simple(map, DEVICE_GPU, "gpu-10", "d", 1, -1);
    add_simple(map, DEVICE_GPU, "gpu-2", NULL, -1, -1);
    add_simple(map, DEVICE_GPU, "gpu-1", "b", 0, 9);
    add_simple(map, DEVICE_GPU, "gpu-0", "a", -1, -1);
    add_simple(map, DEVICE_NIC, "mlx5_1", "z", 0, 4);
    add_simple(map, DEVICE_NIC, "mlx5_0", "a", 0, 7);
    ck_assert_int_eq(device_map_finish(map, NULL), 0);
    ck_assert_str_eq(device_map_device(map, DEVICE_GPU, 3)->name, "gpu-10");
    ck_assert_int_eq(device_map_gpu_pairing(map, 0), DEVICE_PAIRING_SWITCH);
    ck_assert_uint_eq(device_map_gpu_nics(map, 0), 1);
    ck_assert_uint_eq(device_map_gpu_rails(map, 0), 1 << 7);
    ck_assert_int_eq(device_map_gpu_pairing(map, 1), DEVICE_PAIRING_NUMA);
    ck_assert_uint_eq(device_map_gpu_nics(map, 1), 3);
    ck_assert_uint_eq(device_map_gpu_rails(map, 1), 1 << 9);
    ck_assert_int_eq(device_map_gpu_pairing(map, 2), DEVICE_PAIRING_NONE);
    ck_assert_int_eq(device_map_gpu_pairing(map, 3), DEVICE_PAIRING_NONE);
    ck_assert_uint_eq(device_map_gpu_nics(map, 3), 0);
    ck_assert_int_eq(device_map_device(map, DEVICE_GPU, 2)->pcie_switch, DEVICE_UNKNOWN);
    ck_assert_uint_eq(device_map_switch_count(map), 4);
    ck_assert_str_eq(device_map_switch_name(map, 3), "z");
    ck_assert_uint_eq(device_map_on_switch(map, DEVICE_GPU, 3), 0);
    device_map_destroy(map);
}
END_TEST

/* Every error says what is wrong and changes nothing. */
START_TEST(test_errors)
{
    char long_text[100];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    struct device_description wrong[] = {
        {"", "", "", "", -1, -1},          {NULL, "", "", "", -1, -1},
        {long_text, "", "", "", -1, -1},   {"g", long_text, "", "", -1, -1},
        {"g", "", "nonsense", "", -1, -1}, {"g", "", long_text, "", -1, -1},
        {"g", "", "", long_text, -1, -1},  {"g", "", "", "", -2, -1},
        {"g", "", "", "", 1024, -1},       {"g", "", "", "", -1, 64},
        {"g", "", "", "", -1, -2},         {"gpu-0", "", "", "", -1, -1},
        {"g", "GPU-8a", "", "", -1, -1},
    };
    struct device_map *map = p4d(0);
    struct err err;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        err.text[0] = '\0';
        ck_assert_int_eq(device_map_add_gpu(map, &wrong[i], &err), -1);
        ck_assert_str_ne(err.text, "");
    }
    ck_assert_int_eq(device_map_link(map, "gpu-0", "gpu-9", 1, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "gpu-9"));
    ck_assert_int_eq(device_map_link(map, "gpu-0", "gpu-0", 1, &err), -1);
    ck_assert_int_eq(device_map_link(map, "gpu-0", "gpu-1", 0, &err), -1);
    ck_assert_int_eq(device_map_link(map, "gpu-0", "gpu-1", 256, &err), -1);
    ck_assert_int_eq(device_map_link_all(map, 0, &err), -1);
    ck_assert_int_eq(device_map_link(map, "gpu-0", "gpu-1", 2, &err), 0);
    ck_assert_int_eq(device_map_link(map, "gpu-1", "gpu-0", 2, &err), 0);
    ck_assert_int_eq(device_map_link(map, "gpu-1", "gpu-0", 3, &err), -1);
    ck_assert_int_eq(device_map_finish(map, NULL), 0);
    ck_assert_uint_eq(device_map_count(map, DEVICE_GPU), 8);
    ck_assert_uint_eq(device_map_switch_count(map), 4);
    ck_assert_uint_eq(device_map_links(map, 0, 1), 2);
    device_map_destroy(map);
}
END_TEST

START_TEST(test_numa_disagrees)
{
    struct device_map *map = device_map_create();
    add_simple(map, DEVICE_GPU, "gpu-0", "a", 0, -1);
    add_simple(map, DEVICE_NIC, "nic-0", "a", 1, -1);
    struct err err;
    ck_assert_int_eq(device_map_finish(map, &err), -1);
    ck_assert_str_eq(err.text, "PCIe switch \"a\" has devices of NUMA nodes 0 and 1");
    add_simple(map, DEVICE_GPU, "gpu-1", "b", 0, -1); /* still being built */
    device_map_destroy(map);
}
END_TEST

START_TEST(test_limits)
{
    struct device_map *map = device_map_create();
    char name[16];
    for (int i = 0; i < DEVICES_MAX; i++) {
        (void)snprintf(name, sizeof name, "gpu-%d", i);
        add_simple(map, DEVICE_GPU, name, name, -1, -1);
        add_simple(map, DEVICE_NIC, name, name, -1, -1);
    }
    struct device_description more = EMPTY;
    more.name = "gpu-64";
    ck_assert_int_eq(device_map_add_gpu(map, &more, NULL), -1);
    ck_assert_int_eq(device_map_add_nic(map, &more, NULL), -1);
    ck_assert_int_eq(device_map_link_all(map, 255, NULL), 0);
    ck_assert_int_eq(device_map_finish(map, NULL), 0);
    ck_assert_uint_eq(device_map_mask(map, DEVICE_GPU), UINT64_MAX);
    ck_assert_uint_eq(device_map_gpu_nics(map, 63), UINT64_C(1) << 63);
    device_map_destroy(map);
    map = device_map_create();
    ck_assert_int_eq(device_map_finish(map, NULL), 0);
    ck_assert_uint_eq(device_map_mask(map, DEVICE_GPU), 0);
    ck_assert(device_map_uniform(map) && !device_map_switched(map));
    device_map_destroy(map);
    device_map_destroy(NULL);
}
END_TEST

/* Links of a known machine for devices that came without: by the order of the map. */
START_TEST(test_link_like)
{
    struct device_map *pattern = device_map_create();
    struct device_map *map = device_map_create();
    for (int i = 0; i < 3; i++) {
        static const char *const names[] = {"a", "b", "c"};
        static const char *const other[] = {"z", "x", "y"};
        add_simple(pattern, DEVICE_GPU, names[i], NULL, -1, -1);
        add_simple(map, DEVICE_GPU, other[i], NULL, -1, -1);
    }
    ck_assert_int_eq(device_map_link(pattern, "a", "b", 4, NULL), 0);
    ck_assert_int_eq(device_map_finish(pattern, NULL), 0);
    ck_assert_int_eq(device_map_link_like(map, pattern, NULL), 0);
    ck_assert_int_eq(device_map_finish(map, NULL), 0);
    ck_assert_int_eq(device_map_find(map, DEVICE_GPU, "x"), 0);
    ck_assert_uint_eq(device_map_links(map, 0, 1), 4); /* x and y */
    ck_assert_uint_eq(device_map_links(map, 1, 2), 0);
    struct device_map *fewer = device_map_create();
    add_simple(fewer, DEVICE_GPU, "a", NULL, -1, -1);
    ck_assert_int_eq(device_map_link_like(fewer, pattern, NULL), -1);
    device_map_destroy(fewer);
    device_map_destroy(pattern);
    device_map_destroy(map);
}
END_TEST

START_TEST(test_use_before_finish)
{
    struct device_map *map = p4d(0);
    (void)device_map_count(map, DEVICE_GPU);
}
END_TEST

START_TEST(test_change_after_finish)
{
    struct device_map *map = p4d(0);
    (void)device_map_finish(map, NULL);
    (void)device_map_link_all(map, 1, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("devices");
    TCase *tcase = tcase_create("devices");
    tcase_add_test(tcase, test_p4d);
    tcase_add_test(tcase, test_any_order);
    tcase_add_test(tcase, test_pairing);
    tcase_add_test(tcase, test_errors);
    tcase_add_test(tcase, test_numa_disagrees);
    tcase_add_test(tcase, test_limits);
    tcase_add_test(tcase, test_link_like);
    tcase_add_test_raise_signal(tcase, test_use_before_finish, SIGABRT);
    tcase_add_test_raise_signal(tcase, test_change_after_finish, SIGABRT);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
