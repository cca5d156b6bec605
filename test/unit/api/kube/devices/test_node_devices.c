// SPDX-License-Identifier: Apache-2.0
#include "api/kube/devices/node_devices.h"

#include "test/unit/api/kube/devices/slice_yaml.h"
#include "test/unit/check_main.h"

static struct node_devices *devices;
static struct node_devices_finding finding;
static struct node_object node;

static void setup(void)
{
    devices = node_devices_create();
}

static void teardown(void)
{
    node_devices_destroy(devices);
}

static const struct label_object DGX_A100[] = {
    {"nvidia.com/gpu.product", "NVIDIA-A100-SXM4-80GB"},
    {"nvidia.com/gpu.machine", "DGXA100-920-23687-2530-000"},
    {"nvidia.com/gpu.count", "8"},
};

/* Fills a node of this many GPUs; the number of GPUs in its map, 0 for none. */
static uint32_t fill(const char *name, const struct label_object *labels, size_t label_count,
                     const char *resource, int64_t gpus)
{
    const struct amount_object amounts[] = {{"cpu", 96000}, {resource, gpus}};
    node = (struct node_object){
        .name = name,
        .labels = labels,
        .label_count = label_count,
        .allocatable = amounts,
        .allocatable_count = 2,
    };
    node_devices_fill(devices, &node, &finding);
    ck_assert((node.devices != NULL) == (finding.source != NODE_DEVICES_NONE));
    return node.devices == NULL ? 0 : device_map_count(node.devices, DEVICE_GPU);
}

static void slice(struct slice_yaml what)
{
    struct err err = {""};
    json_t *json = slice_json(&what);
    ck_assert_msg(node_devices_slice(devices, decoded_slice_create(json), &err) == 0, "%s",
                  err.text);
    json_decref(json);
}

#define GPU(number)                                                                       \
    "{name: gpu-" number ", attributes: {type: {string: gpu}, uuid: {string: GPU-" number \
    "}, resource.kubernetes.io/pciBusID: {string: '0000:" number "0:00.0'}}}"

START_TEST(a_machine_by_its_labels)
{
    ck_assert_uint_eq(fill("n1", DGX_A100, 3, "nvidia.com/gpu", 8), 8);
    ck_assert_int_eq(finding.source, NODE_DEVICES_MACHINE);
    ck_assert_uint_eq(finding.gpus, 8);
    ck_assert_str_eq(finding.text, "dgx-a100 by its labels");
    ck_assert_str_eq(node.device_resource, "nvidia.com/gpu");
    const struct device_map *first = node.devices;
    ck_assert_uint_eq(fill("n2", DGX_A100, 3, "nvidia.com/gpu", 8), 8);
    ck_assert_ptr_eq(node.devices, first); /* shared */
}
END_TEST

START_TEST(another_number_of_gpus_is_no_map)
{
    static const int64_t counts[] = {1, 7, 9, 80, INT64_MAX};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        char expected[128];
        ck_assert_uint_eq(fill("n1", DGX_A100, 3, "nvidia.com/gpu", counts[i]), 0);
        snprintf(expected, sizeof expected,
                 "dgx-a100 by its labels, 8 GPUs: nvidia.com/gpu is %lld", (long long)counts[i]);
        ck_assert_str_eq(finding.text, expected);
        ck_assert_ptr_null(node.device_resource);
    }
}
END_TEST

START_TEST(nodes_that_have_nothing_to_do_with_it)
{
    ck_assert_uint_eq(fill("n1", DGX_A100, 3, "nvidia.com/mig-1g.10gb", 8), 0);
    ck_assert_str_eq(finding.text, "");
    ck_assert_uint_eq(fill("n1", DGX_A100, 3, "nvidia.com/gpu", 0), 0);
    ck_assert_str_eq(finding.text, "");
    ck_assert_uint_eq(fill("n1", DGX_A100, 3, "/gpu", 8), 0); /* no vendor */
    ck_assert_uint_eq(fill("n1", NULL, 0, "nvidia.com/gpu", 8), 0);
    ck_assert_str_eq(finding.text,
                     "no label identifies the machine, and no ResourceSlice lists its GPUs");
    ck_assert_uint_eq(fill("n1", DGX_A100, 1, "nvidia.com/gpu", 8), 0);
    ck_assert_ptr_nonnull(strstr(finding.text, "no machine is known for"));
    const struct amount_object two[] = {{"nvidia.com/gpu", 8}, {"amd.com/gpu", 8}};
    node = (struct node_object){.name = "n1",
                                .labels = DGX_A100,
                                .label_count = 3,
                                .allocatable = two,
                                .allocatable_count = 2};
    node_devices_fill(devices, &node, &finding);
    ck_assert_ptr_null(node.devices);
    ck_assert_str_eq(finding.text, "more than one resource ends in /gpu");
}
END_TEST

START_TEST(slices_before_labels)
{
    slice((struct slice_yaml){"a", "gpu.nvidia.com", "n1", 1, 1, GPU("1") ", " GPU("2")});
    ck_assert_uint_eq(fill("n1", DGX_A100, 3, "nvidia.com/gpu", 8), 0);
    ck_assert_ptr_nonnull(strstr(finding.text, "2 GPUs: nvidia.com/gpu is 8"));
    ck_assert_uint_eq(fill("n1", NULL, 0, "nvidia.com/gpu", 2), 2);
    ck_assert_int_eq(finding.source, NODE_DEVICES_SLICES);
    ck_assert_ptr_nonnull(strstr(finding.text, "ResourceSlices: 2 GPUs, 0 NICs"));
    ck_assert_ptr_nonnull(strstr(finding.text, "no links known"));
    ck_assert_str_eq(device_map_device(node.devices, DEVICE_GPU, 0)->name, "gpu-1");
    ck_assert_uint_eq(fill("n2", DGX_A100, 3, "nvidia.com/gpu", 8), 8); /* no slice is of it */
    ck_assert_int_eq(finding.source, NODE_DEVICES_MACHINE);
}
END_TEST

/* Eight GPUs by slices on a machine whose links are known. */
START_TEST(links_come_from_the_machine)
{
    slice((struct slice_yaml){"a", "gpu.nvidia.com", "n1", 1, 1,
                              GPU("1") ", " GPU("2") ", " GPU("3") ", " GPU("4") ", " GPU(
                                  "5") ", " GPU("6") ", " GPU("7") ", " GPU("8")});
    ck_assert_uint_eq(fill("n1", DGX_A100, 3, "nvidia.com/gpu", 8), 8);
    ck_assert_int_eq(finding.source, NODE_DEVICES_SLICES);
    ck_assert_ptr_nonnull(strstr(finding.text, "links of dgx-a100"));
    ck_assert_uint_eq(device_map_links(node.devices, 0, 7), 12);
}
END_TEST

/* Slices of NICs alone say nothing of the GPUs. */
START_TEST(nics_alone_leave_the_machine)
{
    slice((struct slice_yaml){"a", "dra.net", "n1", 1, 1,
                              "{name: eth0, attributes: {dra.net/rdma: {bool: true}}}"});
    ck_assert_uint_eq(fill("n1", DGX_A100, 3, "nvidia.com/gpu", 8), 8);
    ck_assert_int_eq(finding.source, NODE_DEVICES_MACHINE);
}
END_TEST

/* A pool that is not complete is not replaced by a guess, and counts once it is whole. */
START_TEST(incomplete_pools)
{
    struct node_object changed;
    slice((struct slice_yaml){"a", "gpu.nvidia.com", "n1", 2, 2, GPU("1")});
    ck_assert_uint_eq(fill("n1", DGX_A100, 3, "nvidia.com/gpu", 2), 0);
    ck_assert_ptr_nonnull(strstr(finding.text, "devices of node n1: "));
    ck_assert(!node_devices_next_changed(devices, &changed));
    slice((struct slice_yaml){"b", "gpu.nvidia.com", "n1", 2, 2, GPU("2")});
    ck_assert(node_devices_next_changed(devices, &changed));
    ck_assert_str_eq(changed.name, "n1");
    ck_assert_str_eq(changed.device_resource, "nvidia.com/gpu");
    ck_assert_uint_eq(device_map_count(changed.devices, DEVICE_GPU), 2);
    ck_assert(!node_devices_next_changed(devices, &changed));
    node_devices_slice_gone(devices, "b");
    ck_assert(node_devices_next_changed(devices, &changed));
    ck_assert_ptr_null(changed.devices);
    node_devices_slice_gone(devices, "b");
    node_devices_slice_gone(devices, "nobody");
    ck_assert(!node_devices_next_changed(devices, &changed));
}
END_TEST

START_TEST(slices_that_cannot_be_read)
{
    struct err err = {""};
    struct node_object changed;
    json_t *bad = slice_json(&(struct slice_yaml){"a", "gpu.nvidia.com", "n1", 1, 1,
                                                  "{name: gpu-0, attributes: {type: 7}}"});
    ck_assert_uint_eq(fill("n1", DGX_A100, 3, "nvidia.com/gpu", 8), 8);
    ck_assert_int_eq(node_devices_slice(devices, decoded_slice_create(bad), &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "gpu-0"));
    json_decref(bad);
    ck_assert(node_devices_next_changed(devices, &changed));
    ck_assert_ptr_null(changed.devices);
    bad = yaml_object("{metadata: 7}");
    ck_assert_int_eq(node_devices_slice(devices, decoded_slice_create(bad), &err), -1);
    json_decref(bad);
    ck_assert_int_eq(node_devices_slice(devices, decoded_slice_create(NULL), &err), -1);
    node_devices_slice_gone(devices, "a");
    ck_assert(node_devices_next_changed(devices, &changed));
    ck_assert_uint_eq(device_map_count(changed.devices, DEVICE_GPU), 8);
}
END_TEST

START_TEST(forgotten_nodes_do_not_change)
{
    struct node_object changed;
    fill("n1", DGX_A100, 3, "nvidia.com/gpu", 8);
    slice((struct slice_yaml){"a", "gpu.nvidia.com", "n1", 1, 1, GPU("1")});
    node_devices_forget(devices, "n1");
    node_devices_forget(devices, "n1");
    ck_assert(!node_devices_next_changed(devices, &changed));
    fill("n1", DGX_A100, 3, "nvidia.com/gpu", 8);
    fill("n1", DGX_A100, 3, "nvidia.com/gpu", 0); /* no GPUs any more */
    slice((struct slice_yaml){"a", "gpu.nvidia.com", "n1", 2, 1, GPU("1")});
    ck_assert(!node_devices_next_changed(devices, &changed));
    ck_assert_uint_eq(fill("n1", DGX_A100, 3, "nvidia.com/gpu", 1), 1);
    fill("n1", NULL, 0, "cpu", 0);
    ck_assert_str_eq(finding.text,
                     "ResourceSlices: 1 GPUs, but none are allocatable as a resource that ends in "
                     "/gpu");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api/kube/devices/node_devices");
    TCase *tcase = tcase_create("node_devices");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_machine_by_its_labels);
    tcase_add_test(tcase, another_number_of_gpus_is_no_map);
    tcase_add_test(tcase, nodes_that_have_nothing_to_do_with_it);
    tcase_add_test(tcase, slices_before_labels);
    tcase_add_test(tcase, links_come_from_the_machine);
    tcase_add_test(tcase, nics_alone_leave_the_machine);
    tcase_add_test(tcase, incomplete_pools);
    tcase_add_test(tcase, slices_that_cannot_be_read);
    tcase_add_test(tcase, forgotten_nodes_do_not_change);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
