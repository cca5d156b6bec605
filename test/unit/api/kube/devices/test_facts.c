// SPDX-License-Identifier: Apache-2.0
#include "api/kube/devices/facts.h"

#include "test/unit/api/kube/devices/slice_yaml.h"
#include "test/unit/check_main.h"

static struct slice_pools *pools;
static struct device_facts facts;

static void setup(void)
{
    pools = slice_pools_create();
    facts = (struct device_facts){.map = NULL};
}

static void teardown(void)
{
    device_facts_finish(&facts);
    slice_pools_destroy(pools);
}

static void put(const char *driver, const char *devices)
{
    slice_apply(pools, (struct slice_yaml){driver, driver, "n1", 1, 1, devices});
}

static void read(void)
{
    struct err err;
    device_facts_finish(&facts);
    ck_assert_msg(device_facts_read(pools, "n1", NULL, &facts, &err) == 0, "%s", err.text);
}

static void fails(const char *error)
{
    struct err err;
    device_facts_finish(&facts);
    ck_assert_int_eq(device_facts_read(pools, "n1", NULL, &facts, &err), -1);
    ck_assert_str_eq(err.text, error);
    ck_assert_ptr_null(facts.map);
}

/* The NICs nearest to a GPU, by name. */
static uint64_t nics_of(const char *gpu)
{
    int index = device_map_find(facts.map, DEVICE_GPU, gpu);
    ck_assert_int_ge(index, 0);
    return device_map_gpu_nics(facts.map, (uint32_t)index);
}

#define GPU(number, address, root)                                                        \
    "{name: gpu-" number ", attributes: {type: {string: gpu}, uuid: {string: GPU-" number \
    "}, resource.kubernetes.io/pciBusID: {string: '" address                              \
    "'}, resource.kubernetes.io/pcieRoot: {string: '" root "'}}}"
#define NIC(name, address, more) \
    "{name: " name ", attributes: {dra.net/pciAddress: {string: '" address "'}, " more "}}"
#define ROOT(root)   "resource.kubernetes.io/pcieRoot: {string: '" root "'}"
#define NUMA(number) "dra.net/numaNode: {int: " number "}"
#define RDMA         "dra.net/rdma: {bool: true}"
#define NO_RDMA      "dra.net/rdma: {bool: false}"

START_TEST(nothing_known)
{
    read();
    ck_assert_ptr_null(facts.map);
    put("compute-domain.nvidia.com", "{name: channel-0}, {name: daemon-0}");
    read();
    ck_assert_ptr_null(facts.map);
    ck_assert_uint_eq(facts.others, 2);
}
END_TEST

START_TEST(by_root_then_by_numa)
{
    put("gpu.nvidia.com",
        GPU("0", "0000:10:00.0", "pci0000:10") ", " GPU("1", "0000:20:00.0", "pci0000:20") ", " GPU(
            "2", "0000:30:00.0", "pci0000:30"));
    put("dra.net", NIC("a", "0000:11:00.0", ROOT("pci0000:10") ", " NUMA("0") ", " RDMA) ", " NIC(
                       "b", "0000:21:00.0", ROOT("pci0000:20") ", " NUMA("0") ", " RDMA));
    read();
    ck_assert_uint_eq(nics_of("gpu-0"), 1);
    ck_assert_uint_eq(nics_of("gpu-1"), 2);
    ck_assert_uint_eq(nics_of("gpu-2"), 0);
    ck_assert_uint_eq(facts.paired[DEVICE_PAIRING_SWITCH], 2);
    ck_assert_uint_eq(facts.paired[DEVICE_PAIRING_NONE], 1);
    ck_assert_str_eq(device_map_device(facts.map, DEVICE_GPU, 1)->id, "GPU-1");
}
END_TEST

/* AMD tells NUMA nodes; the NICs are as Azure's MI300X machines publish them, without roots. */
START_TEST(amd_by_numa)
{
    char gpus[4096] = "";
    char nics[4096] = "";
    for (int i = 0; i < 8; i++) {
        size_t length = strlen(gpus);
        (void)snprintf(gpus + length, sizeof gpus - length,
                       "%s{name: gpu-%d-%d, attributes: {type: {string: amdgpu}, numaNode: {int: "
                       "%d}, resource.kubernetes.io/pciBusID: {string: '000%d:00:00.0'}, "
                       "resource.kubernetes.io/pcieRoot: {string: 'pci000%d:00'}}}",
                       i == 0 ? "" : ", ", i, 128 + i, i / 4, i, i);
        length = strlen(nics);
        (void)snprintf(
            nics + length, sizeof nics - length,
            "%s{name: nic-%d, attributes: {dra.net/pciAddress: {string: "
            "'010%d:00:00.0'}, dra.net/rdma: {bool: true}, dra.net/numaNode: {int: %d}}}",
            i == 0 ? "" : ", ", i, i + 1, i / 4);
    }
    put("gpu.amd.com", gpus);
    put("dra.net", nics);
    read();
    ck_assert_uint_eq(facts.paired[DEVICE_PAIRING_NUMA], 8);
    ck_assert_uint_eq(facts.inferred_numa, 0);
    ck_assert_uint_eq(nics_of("gpu-0-128"), 0x0f);
    ck_assert_uint_eq(nics_of("gpu-3-131"), 0x0f);
    ck_assert_uint_eq(nics_of("gpu-4-132"), 0xf0);
    ck_assert_uint_eq(nics_of("gpu-7-135"), 0xf0);
}
END_TEST

#define GRACE(number, address, how)            \
    "{name: gpu-" number ", attributes: {" how \
    ", resource.kubernetes.io/pciBusID: {string: '" address "'}}}"
#define ATS "addressingMode: {string: ATS}"
#define HMM "addressingMode: {string: HMM}, productName: {string: NVIDIA GB200}"

START_TEST(numa_is_inferred_on_grace_only)
{
    static const struct {
        const char *gpu;
        int numa;
    } CASES[] = {
        {GRACE("0", "0008:06:00.0", ATS), 0},
        {GRACE("0", "0009:06:00.0", ATS), 0},
        {GRACE("0", "0018:06:00.0", ATS), 1},
        {GRACE("0", "0019:06:00.0", ATS), 1},
        {GRACE("0", "00000019:06:00.0", ATS), 1},
        {GRACE("0", "0019:06:00.0", "productName: {string: NVIDIA GB300}"), 1},
        {GRACE("0", "0019:06:00.0", ATS ", numa: {int: 0}"), 0},
        {GRACE("0", "0019:06:00.0", HMM), DEVICE_UNKNOWN},
        {GRACE("0", "0019:06:00.0", "productName: {string: NVIDIA H100}"), DEVICE_UNKNOWN},
        {GRACE("0", "0000:06:00.0", ATS), DEVICE_UNKNOWN},
        {GRACE("0", "0101:06:00.0", ATS), DEVICE_UNKNOWN},
        {GRACE("0", "19:06.0", ATS), DEVICE_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        put("gpu.nvidia.com", CASES[i].gpu);
        read();
        ck_assert_msg(device_map_device(facts.map, DEVICE_GPU, 0)->numa == CASES[i].numa, "%s",
                      CASES[i].gpu);
    }
    /* A NIC at the same address is not on C2C. */
    put("dra.net", NIC("a", "0019:11:00.0", RDMA));
    read();
    ck_assert_int_eq(device_map_device(facts.map, DEVICE_NIC, 0)->numa, DEVICE_UNKNOWN);
}
END_TEST

START_TEST(which_nics_count)
{
    put("dra.net", NIC("ena", "0000:01:00.0", NO_RDMA) ", " NIC(
                       "efa", "0000:02:00.0", RDMA) ", {name: veth, attributes: {dra.net/virtual: "
                                                    "{bool: true}, dra.net/rdma: {bool: true}}}, "
                                                    "{name: cpu-like}");
    read();
    ck_assert(facts.rdma);
    ck_assert_uint_eq(facts.nics, 1);
    ck_assert_uint_eq(facts.nics_without_rdma, 2);
    ck_assert_uint_eq(facts.virtual_nics, 1);
    ck_assert_str_eq(device_map_device(facts.map, DEVICE_NIC, 0)->name, "efa");
    /* Nothing else there: Ethernet is better than no NIC. */
    put("dra.net",
        NIC("ena", "0000:01:00.0", NO_RDMA) ", {name: veth, attributes: {dra.net/virtual: "
                                            "{bool: true}}}");
    read();
    ck_assert(!facts.rdma);
    ck_assert_uint_eq(facts.nics, 1);
    ck_assert_uint_eq(facts.virtual_nics, 1);
    /* An RDMA device says enough, unless rdma itself says no. */
    put("dra.net", NIC("a", "0000:01:00.0", "dra.net/rdmaDevice: {string: mlx5_0}") ", " NIC(
                       "b", "0000:02:00.0", "dra.net/rdmaDevice: {string: mlx5_1}, " NO_RDMA));
    read();
    ck_assert(facts.rdma);
    ck_assert_uint_eq(facts.nics, 1);
    ck_assert_str_eq(device_map_device(facts.map, DEVICE_NIC, 0)->id, "mlx5_0");
}
END_TEST

/* As on OKE GB300: the physical function is the parent of the one a pod gets. */
START_TEST(virtual_functions_win)
{
    put("dra.net",
        NIC("pf", "0000:03:00.0", RDMA ", dra.net/sriovVfs: {int: 1}") ", " NIC(
            "vf", "0000:03:00.4",
            RDMA ", dra.net/isSriovVf: {bool: true}") ", " NIC("whole", "0002:03:00.0",
                                                               RDMA
                                                               ", dra.net/sriovVfs: {int: 0}"));
    read();
    ck_assert_uint_eq(facts.nics, 2);
    ck_assert_uint_eq(facts.divided_nics, 1);
    ck_assert_int_eq(device_map_find(facts.map, DEVICE_NIC, "pf"), DEVICE_UNKNOWN);
    put("dra.net", NIC("pf", "0000:03:00.0", RDMA ", dra.net/sriovVfs: {int: 1}"));
    read();
    ck_assert_uint_eq(facts.nics, 1);
    ck_assert_uint_eq(facts.divided_nics, 0);
}
END_TEST

START_TEST(partitions_taints_and_twins)
{
    put("gpu.nvidia.com",
        GPU("0", "0000:10:00.0", "pci0000:10") ", {name: gpu-0-mig-1, attributes: {type: {string: "
                                               "mig}}}, {name: gpu-1, taints: [{effect: "
                                               "NoSchedule}]}, " GPU("9", "00000000:10:00.0",
                                                                     "pci0000:10"));
    read();
    ck_assert_uint_eq(facts.gpus, 1);
    ck_assert_uint_eq(facts.others, 1);
    ck_assert_uint_eq(facts.tainted, 1);
    ck_assert_uint_eq(facts.repeated, 1);
}
END_TEST

/* A virtual machine with one root for everything: only NUMA tells places apart. */
START_TEST(root_that_is_no_place)
{
    put("gpu.amd.com", "{name: g0, attributes: {type: {string: amdgpu}, numaNode: {int: 0}, " ROOT(
                           "pci0000:00") "}}, {name: g1, attributes: {type: {string: amdgpu}, "
                                         "numaNode: {int: 1}, " ROOT("pci0000:00") "}}");
    put("dra.net",
        NIC("a", "0000:01:00.0", RDMA ", " NUMA("0") ", " ROOT("pci0000:00")) ", " NIC(
            "b", "0000:02:00.0",
            RDMA ", " NUMA("1") ", " ROOT("pci0000:00")) ", " NIC("c", "0000:03:00.0",
                                                                  RDMA ", " ROOT("pci0000:00")));
    read();
    ck_assert_uint_eq(facts.unused_roots, 5);
    ck_assert_uint_eq(facts.paired[DEVICE_PAIRING_NUMA], 2);
    ck_assert_uint_eq(nics_of("g0"), 1);
    ck_assert_uint_eq(nics_of("g1"), 2);
}
END_TEST

START_TEST(unknown_pools)
{
    put("gpu.nvidia.com", GPU("0", "0000:10:00.0", "pci0000:10"));
    slice_apply(pools,
                (struct slice_yaml){"x", "dra.net", "n1", 3, 2, NIC("a", "0000:11:00.0", RDMA)});
    fails("devices of node n1: pool n1 of dra.net: 1 of 2 slices of generation 3 are there");
    slice_apply(pools, (struct slice_yaml){"y", "dra.net", "n1", 3, 2, "{name: b}"});
    read();
    ck_assert_uint_eq(facts.gpus, 1);
    slice_apply(pools, (struct slice_yaml){"y", "dra.net", "n1", 3, 2, "{name: a}"});
    fails("devices of node n1: pool n1 of dra.net: device a is there twice");
    slice_apply(pools, (struct slice_yaml){"y", "dra.net", "n1", 4, 1, "{name: b}"});
    read();
    ck_assert_uint_eq(facts.nics, 1);
    /* CPUs do not matter. */
    slice_apply(pools, (struct slice_yaml){"z", "dra.cpu", "n1", 1, 2, "{name: cpu-0}"});
    read();
    /* What a driver nobody knows still holds back may be a NIC. */
    slice_apply(pools, (struct slice_yaml){"w", "new.example.com", "n1", 1, 2, "{name: d}"});
    fails(
        "devices of node n1: pool n1 of new.example.com: 1 of 2 slices of generation 1 are there");
}
END_TEST

START_TEST(devices_that_make_no_map)
{
    put("gpu.nvidia.com", GPU("0", "0000:zz:00.0", "pci0000:10"));
    struct err err;
    ck_assert_int_eq(device_facts_read(pools, "n1", NULL, &facts, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "devices of node n1: pool n1 of gpu.nvidia.com: device "
                                           "gpu-0: "));
    put("gpu.nvidia.com", GPU("0", "0000:10:00.0", "pci0000:10"));
    put("gpu.amd.com", GPU("0", "0000:20:00.0", "pci0000:20"));
    ck_assert_int_eq(device_facts_read(pools, "n1", NULL, &facts, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "devices of node n1: pool n1 of gpu.nvidia.com: device "
                                           "gpu-0: "));
}
END_TEST

START_TEST(too_many_devices)
{
    struct err err;
    for (int count = DEVICES_MAX; count <= DEVICES_MAX + 1; count++) {
        json_t *devices = json_array();
        for (int i = 0; i < count; i++) {
            char name[32];
            (void)snprintf(name, sizeof name, "gpu-%d", i);
            json_array_append_new(devices, json_pack("{ss}", "name", name));
        }
        json_t *json = json_pack("{s{ss}s{sssss{sssi}so}}", "metadata", "name", "s", "spec",
                                 "driver", "gpu.nvidia.com", "nodeName", "n1", "pool", "name", "n1",
                                 "resourceSliceCount", 1, "devices", devices);
        ck_assert_int_eq(slice_pools_apply(pools, decoded_slice_create(json), &err), 0);
        json_decref(json);
        if (count == DEVICES_MAX) {
            read();
            ck_assert_uint_eq(facts.gpus, DEVICES_MAX);
        }
    }
    fails("devices of node n1: pool n1 of gpu.nvidia.com: more than 64 GPUs");
}
END_TEST

/* NVLinks come from the machine, when it is the same. */
START_TEST(links_of_the_machine)
{
    struct err err;
    struct device_map *pair = device_map_create();
    for (int i = 0; i < 2; i++) {
        char name[] = "gpu-0";
        name[4] = (char)('0' + i);
        struct device_description gpu = {.name = name, .numa = -1, .rail = -1};
        ck_assert_int_eq(device_map_add_gpu(pair, &gpu, &err), 0);
    }
    ck_assert_int_eq(device_map_link(pair, "gpu-0", "gpu-1", 4, &err), 0);
    ck_assert_int_eq(device_map_finish(pair, &err), 0);
    put("gpu.nvidia.com",
        GPU("0", "0000:10:00.0", "pci0000:10") ", " GPU("1", "0000:20:00.0", "pci0000:20"));
    ck_assert_int_eq(device_facts_read(pools, "n1", pair, &facts, &err), 0);
    ck_assert(facts.linked);
    ck_assert_uint_eq(device_map_links(facts.map, 0, 1), 4);
    put("gpu.nvidia.com", GPU("0", "0000:10:00.0", "pci0000:10"));
    device_facts_finish(&facts);
    ck_assert_int_eq(device_facts_read(pools, "n1", pair, &facts, &err), 0);
    ck_assert(!facts.linked);
    device_map_destroy(pair);
}
END_TEST

START_TEST(in_words)
{
    char text[DEVICE_FACTS_TEXT_MAX];
    device_facts_describe(&facts, text);
    ck_assert_str_eq(text, "0 GPUs, 0 NICs");
    device_facts_describe(
        &(struct device_facts){
            .gpus = 8, .nics = 4, .rdma = true, .nics_without_rdma = 3, .paired = {8, 0, 0}},
        text);
    ck_assert_str_eq(text, "8 GPUs, 4 NICs with RDMA; nearest NICs: 8 by PCIe root; left out: 3 "
                           "NICs without RDMA");
    device_facts_describe(&(struct device_facts){.gpus = UINT32_MAX,
                                                 .nics = UINT32_MAX,
                                                 .others = UINT32_MAX,
                                                 .tainted = UINT32_MAX,
                                                 .repeated = UINT32_MAX,
                                                 .virtual_nics = UINT32_MAX,
                                                 .divided_nics = UINT32_MAX,
                                                 .nics_without_rdma = UINT32_MAX,
                                                 .inferred_numa = UINT32_MAX,
                                                 .unused_roots = UINT32_MAX,
                                                 .paired = {UINT32_MAX, UINT32_MAX, UINT32_MAX}},
                          text);
    ck_assert_uint_lt(strlen(text), DEVICE_FACTS_TEXT_MAX - 1);
    ck_assert_ptr_nonnull(strstr(text, "4294967295 other devices"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("device_facts");
    TCase *tcase = tcase_create("device_facts");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, nothing_known);
    tcase_add_test(tcase, by_root_then_by_numa);
    tcase_add_test(tcase, amd_by_numa);
    tcase_add_test(tcase, numa_is_inferred_on_grace_only);
    tcase_add_test(tcase, which_nics_count);
    tcase_add_test(tcase, virtual_functions_win);
    tcase_add_test(tcase, partitions_taints_and_twins);
    tcase_add_test(tcase, root_that_is_no_place);
    tcase_add_test(tcase, unknown_pools);
    tcase_add_test(tcase, devices_that_make_no_map);
    tcase_add_test(tcase, too_many_devices);
    tcase_add_test(tcase, links_of_the_machine);
    tcase_add_test(tcase, in_words);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
