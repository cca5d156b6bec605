// SPDX-License-Identifier: Apache-2.0
#include "topology/devices/machines.h"

#include <string.h>

#include "test/unit/check_main.h"

/* Every line of the table makes a map, and links add up to what a GPU of that machine has. */
START_TEST(test_all_maps)
{
    for (uint32_t i = 0; i < machines_count(); i++) {
        struct err err = {""};
        struct device_map *map = machines_map(machines_name(i), &err);
        ck_assert_msg(map != NULL, "%s: %s", machines_name(i), err.text);
        uint32_t gpus = device_map_count(map, DEVICE_GPU);
        ck_assert(gpus == 4 || gpus == 8 || gpus == 16);
        for (uint32_t a = 0; a < gpus; a++) {
            uint32_t links = 0;
            for (uint32_t b = 0; b < gpus; b++) {
                ck_assert_uint_eq(device_map_links(map, a, b), device_map_links(map, b, a));
                links += device_map_links(map, a, b);
            }
            ck_assert(device_map_uniform(map) || links == 6); /* V100: six NVLinks */
        }
        device_map_destroy(map);
    }
}
END_TEST

/* The 16 bundles of the hybrid cube mesh, written out once more; every other pair has none. */
START_TEST(test_cube_mesh)
{
    static const struct {
        uint32_t a, b, links;
    } bundles[] = {
        {0, 1, 1}, {0, 2, 1}, {0, 3, 2}, {0, 4, 2}, {1, 2, 2}, {1, 3, 1}, {1, 5, 2}, {2, 3, 2},
        {2, 6, 1}, {3, 7, 1}, {4, 5, 1}, {4, 6, 1}, {4, 7, 2}, {5, 6, 2}, {5, 7, 1}, {6, 7, 2},
    };
    struct device_map *map = machines_map("dgx-1v", NULL);
    uint32_t linked = 0;
    for (size_t i = 0; i < sizeof bundles / sizeof bundles[0]; i++) {
        ck_assert_uint_eq(device_map_links(map, bundles[i].a, bundles[i].b), bundles[i].links);
    }
    for (uint32_t a = 0; a < 8; a++) {
        for (uint32_t b = a + 1; b < 8; b++) {
            linked += device_map_links(map, a, b) != 0;
        }
    }
    ck_assert_uint_eq(linked, sizeof bundles / sizeof bundles[0]);
    device_map_destroy(map);
}
END_TEST

static void check_node(const char *machine, enum device_pairing pairing, uint64_t nics_of_gpu_2)
{
    struct device_map *map = machines_map(machine, NULL);
    for (uint32_t i = 0; i < device_map_count(map, DEVICE_GPU); i++) {
        ck_assert_int_eq(device_map_gpu_pairing(map, i), pairing);
    }
    ck_assert_uint_eq(device_map_gpu_nics(map, 2), nics_of_gpu_2);
    device_map_destroy(map);
}

START_TEST(test_pairing)
{
    check_node("dgx-1v", DEVICE_PAIRING_SWITCH, 0x2);
    check_node("dgx-a100", DEVICE_PAIRING_SWITCH, 0xc);
    check_node("p4d.24xlarge", DEVICE_PAIRING_SWITCH, 0x2);
    check_node("dgx-h100", DEVICE_PAIRING_SWITCH, 0x4);
    check_node("p5.48xlarge", DEVICE_PAIRING_SWITCH, 0xf00);
    check_node("bm.gpu.h100.8", DEVICE_PAIRING_SWITCH, 0x30);
    check_node("dgx-b200", DEVICE_PAIRING_SWITCH, 0xc);
    check_node("mi300x", DEVICE_PAIRING_NUMA, 0xf);
    /* Roots of GPUs and NICs never match behind Grace; NUMA nodes do. */
    check_node("gb200-tray", DEVICE_PAIRING_NUMA, 0xc);
    check_node("gb300-tray", DEVICE_PAIRING_NUMA, 0xc);
    check_node("hgx-h100-4", DEVICE_PAIRING_NONE, 0);
    check_node("pcie-8", DEVICE_PAIRING_NONE, 0);
}
END_TEST

static const struct {
    struct machine_labels labels;
    const char *machine; /* NULL: not recognised */
} NODES[] = {
    {{"p4d.24xlarge", "NVIDIA-A100-SXM4-40GB", "p4d.24xlarge", "8"}, "p4d.24xlarge"},
    {{"p4d.24xlarge", NULL, NULL, NULL}, "p4d.24xlarge"},
    {{"p3dn.24xlarge", "Tesla-V100-SXM2-32GB", "HVM-domU", "8"}, "p3.16xlarge"},
    {{"p5e.48xlarge", "NVIDIA-H200", NULL, "8"}, "p5.48xlarge"},
    {{"Standard_ND40rs_v2", "", "", "8"}, "ndv2"},
    {{"Standard_ND96isr_H100_v5", "NVIDIA-H100-80GB-HBM3", "Virtual-Machine", "8"}, "ndv5"},
    {{"Standard_ND128isr_GB300_v6", "NVIDIA-GB300", "Virtual-Machine", "4"}, "gb300-tray"},
    {{"Standard_ND96isr_MI300X_v5", NULL, NULL, NULL}, "mi300x"},
    {{"", "NVIDIA-A100-SXM4-80GB", "NVIDIA-DGX-A100", "8"}, "dgx-a100"},
    {{"k3s", "A100-SXM4-80GB", "DGX-A100", "8"}, "dgx-a100"},
    {{"", "NVIDIA-A100-SXM4-40GB", "DGXA100-920-23687-2530-000", "8"}, "dgx-a100"},
    {{"", "NVIDIA-H100-80GB-HBM3", "DGXH100", "8"}, "dgx-h100"},
    {{"", "NVIDIA-B200", "NVIDIA-DGX-B200", "8"}, "dgx-b200"},
    {{"", "Tesla-V100-SXM2-32GB", "DGX-1-with-V100-32", "8"}, "dgx-1v"},
    {{"", "Tesla-V100-SXM3-32GB", "NVIDIA-DGX-2", "16"}, "dgx-2"},
    {{"", "NVIDIA-A100-SXM4-40GB", "PowerEdge-XE8545", "4"}, "hgx-a100-4"},
    {{"", "NVIDIA-H100-80GB-HBM3", "PowerEdge-XE8640", "4"}, "hgx-h100-4"},
    {{"", "NVIDIA-H100-80GB-HBM3", "PowerEdge-XE9680", "8"}, "hgx-h100-8"},
    {{"a3-highgpu-8g", "NVIDIA-H100-80GB-HBM3", "Google-Compute-Engine", "8"}, "hgx-h100-8"},
    {{"", "NVIDIA-GB200", "", "4"}, "gb200-tray"},
    /* Not known. */
    {{NULL, NULL, NULL, NULL}, NULL},
    {{"m5.large", "", "", ""}, NULL},
    {{"p4d.24xlarge-custom", "", "", ""}, NULL},
    {{"", "NVIDIA-L40S", "PowerEdge-R760xa", "4"}, NULL},
    {{"", "NVIDIA-H100-NVL", "", "8"}, NULL},
    {{"", "NVIDIA-H100-80GB-HBM3", "", "4"}, NULL}, /* a board of four, or half of eight */
    {{"", "NVIDIA-H100-80GB-HBM3", "", ""}, NULL},
    {{"", "NVIDIA-A100-SXM4-40GB", "DGX-Station-A100-920-23487-2530-0R0", "4"}, NULL},
    {{"", "", "DGX-1", "8"}, NULL}, /* with P100 or V100 */
    {{"", "Tesla-P100-SXM2-16GB", "DGX-1-with-P100", "8"}, NULL},
    /* Contradictions, and GPUs that are not whole. */
    {{"p4d.24xlarge", "NVIDIA-H100-80GB-HBM3", "", "8"}, NULL},
    {{"p4d.24xlarge", "NVIDIA-A100-SXM4-40GB", "", "7"}, NULL},
    {{"", "NVIDIA-A100-SXM4-40GB", "DGX-A100", "4"}, NULL},
    {{"p4d.24xlarge", "NVIDIA-A100-SXM4-40GB-MIG-1g.5gb", "", "8"}, NULL},
    {{"p4d.24xlarge", "NVIDIA-A100-SXM4-40GB-SHARED", "", "8"}, NULL},
};

START_TEST(test_recognise)
{
    struct err err = {""};
    const char *machine = machines_recognise(&NODES[_i].labels, &err);
    if (NODES[_i].machine == NULL) {
        ck_assert_ptr_null(machine);
        ck_assert_str_ne(err.text, "");
        return;
    }
    ck_assert_msg(machine != NULL, "%s", err.text);
    ck_assert_str_eq(machine, NODES[_i].machine);
    struct device_map *map = machines_map(machine, NULL);
    ck_assert_ptr_nonnull(map);
    device_map_destroy(map);
}
END_TEST

START_TEST(test_unknown)
{
    struct err err = {""};
    ck_assert_ptr_null(machines_map("dgx-9000", &err));
    ck_assert_str_eq(err.text, "there is no machine \"dgx-9000\" in the table");
    ck_assert_ptr_null(machines_map("", NULL));
    ck_assert_ptr_null(machines_recognise(&NODES[20].labels, NULL));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("machines");
    TCase *tcase = tcase_create("machines");
    tcase_add_test(tcase, test_all_maps);
    tcase_add_test(tcase, test_cube_mesh);
    tcase_add_test(tcase, test_pairing);
    tcase_add_loop_test(tcase, test_recognise, 0, sizeof NODES / sizeof NODES[0]);
    tcase_add_test(tcase, test_unknown);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
