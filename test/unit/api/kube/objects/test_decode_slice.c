// SPDX-License-Identifier: Apache-2.0
#include "api/kube/objects/decode_slice.h"

#include <stdio.h>
#include <string.h>

#include "test/unit/api/yaml/object.h"
#include "test/unit/check_main.h"

static struct arena arena;

static void setup(void)
{
    arena_init(&arena);
}

static void teardown(void)
{
    arena_finish(&arena);
}

static void slice_from(const char *yaml, struct resource_slice *slice)
{
    struct err err;
    json_t *json = yaml_object(yaml);
    ck_assert_msg(slice_decode(json, &arena, slice, &err) == 0, "%s", err.text);
    json_decref(json);
}

static void refused(const char *yaml, const char *error)
{
    struct err err;
    struct resource_slice slice;
    json_t *json = yaml_object(yaml);
    ck_assert_msg(slice_decode(json, &arena, &slice, &err) == -1, "taken: %s", yaml);
    ck_assert_uint_eq(slice.device_count, 0);
    ck_assert_str_eq(err.text, error);
    json_decref(json);
}

#define HEAD                     \
    "metadata: {name: s}\n"      \
    "spec:\n"                    \
    "  driver: gpu.nvidia.com\n" \
    "  nodeName: n1\n"           \
    "  pool: {name: p, generation: 3, resourceSliceCount: 2}\n"

START_TEST(complete)
{
    struct resource_slice slice;
    slice_from("apiVersion: resource.k8s.io/v1\n"
               "kind: ResourceSlice\n" HEAD "  devices:\n"
               "  - name: gpu-0\n"
               "    attributes:\n"
               "      type: {string: gpu}\n"
               "      uuid: {string: GPU-1}\n"
               "      productName: {string: NVIDIA H100}\n"
               "      resource.kubernetes.io/pciBusID: {string: '0000:10:1c.0'}\n"
               "      resource.kubernetes.io/pcieRoot: {string: pci0000:10}\n"
               "      resource.kubernetes.io/numaNode: {int: 1}\n"
               "      driverVersion: {version: 580.1.2}\n"
               "    capacity: {memory: {value: 80Gi}, odd: {value: '0'}}\n"
               "  - name: gpu-0-mig-9\n"
               "    attributes: {type: {string: mig}}\n"
               "  - name: bare\n",
               &slice);
    ck_assert_str_eq(slice.name, "s");
    ck_assert_str_eq(slice.driver, "gpu.nvidia.com");
    ck_assert_str_eq(slice.pool, "p");
    ck_assert_str_eq(slice.node, "n1");
    ck_assert_int_eq(slice.scope, SLICE_SCOPE_NODE);
    ck_assert_int_eq(slice.generation, 3);
    ck_assert_int_eq(slice.slice_count, 2);
    ck_assert_uint_eq(slice.device_count, 3);
    const struct slice_device *gpu = &slice.devices[0];
    ck_assert_int_eq(gpu->kind, SLICE_KIND_GPU);
    ck_assert_str_eq(gpu->uuid, "GPU-1");
    ck_assert_str_eq(gpu->product, "NVIDIA H100");
    ck_assert_str_eq(gpu->pci_address, "0000:10:1c.0");
    ck_assert_str_eq(gpu->pcie_root, "pci0000:10");
    ck_assert_int_eq(gpu->numa, 1);
    ck_assert_uint_eq(gpu->attribute_count, 7);
    ck_assert_uint_eq(gpu->unknown_count, 1);
    ck_assert_uint_eq(gpu->capacity_count, 2);
    ck_assert_int_eq(gpu->capacity[0].amount, 80LL << 30);
    ck_assert_int_eq(gpu->capacity[1].amount, 0);
    ck_assert_int_eq(slice.devices[1].kind, SLICE_KIND_OTHER);
    ck_assert_int_eq(slice.devices[2].kind, SLICE_KIND_GPU);
    ck_assert_int_eq(slice.devices[2].numa, -1);
    ck_assert_ptr_null(slice.devices[2].uuid);
}
END_TEST

START_TEST(versions)
{
    struct resource_slice slice;
    slice_from("apiVersion: resource.k8s.io/v1beta1\n" HEAD "  devices:\n"
               "  - name: gpu-0\n"
               "    basic:\n"
               "      attributes: {uuid: {string: GPU-1}}\n"
               "      capacity: {memory: {value: 1Gi}}\n"
               "      taints: [{key: sick, effect: NoExecute}]\n",
               &slice);
    ck_assert_str_eq(slice.devices[0].uuid, "GPU-1");
    ck_assert_uint_eq(slice.devices[0].capacity_count, 1);
    ck_assert(slice.devices[0].tainted);
    slice_from("apiVersion: resource.k8s.io/v1beta2\n" HEAD "  devices:\n"
               "  - name: gpu-0\n"
               "    attributes: {uuid: {string: GPU-2}}\n"
               "    taints: [{key: note, effect: None}]\n",
               &slice);
    ck_assert_str_eq(slice.devices[0].uuid, "GPU-2");
    ck_assert(!slice.devices[0].tainted);
    refused("apiVersion: resource.k8s.io/v1alpha3\n" HEAD,
            "resource slice s: apiVersion: resource.k8s.io/v1alpha3 is not known for a "
            "ResourceSlice");
    refused("kind: Pod\n" HEAD, "resource slice s: kind: is Pod, not ResourceSlice");
}
END_TEST

/* What a device of a driver with these attributes is. */
static const struct slice_device *device_of(const char *driver, const char *attributes)
{
    char yaml[2048];
    struct resource_slice slice;
    (void)snprintf(yaml, sizeof yaml,
                   "metadata: {name: s}\n"
                   "spec: {driver: %s, nodeName: 'n', pool: {name: p, resourceSliceCount: 1},\n"
                   "  devices: [{name: d, attributes: {%s}}]}\n",
                   driver, attributes);
    slice_from(yaml, &slice);
    ck_assert_int_eq(slice.generation, 0);
    return &slice.devices[0];
}

START_TEST(numa_has_many_names)
{
    static const struct {
        const char *driver;
        const char *attributes;
        int numa;
    } CASES[] = {
        {"gpu.nvidia.com", "resource.kubernetes.io/numaNode: {int: 1}", 1},
        {"gpu.nvidia.com", "gpu.nvidia.com/numa: {int: 1}", 1},
        {"gpu.nvidia.com", "numa: {int: 3}", 3},
        {"gpu.amd.com", "numaNode: {int: 2}", 2},
        {"gpu.amd.com", "gpu.amd.com/numaNode: {int: 2}", 2},
        {"dra.net", "dra.net/numaNode: {int: 0}", 0},
        {"sriovnetwork.k8snetworkplumbingwg.io", "dra.net/numaNode: {int: 1}", 1},
        {"dra.cpu", "numaNodeID: {int: 5}", 5},
        {"dra.cpu", "dra.cpu/numaNodeID: {int: 5}", 5},
        {"gpu.amd.com", "other.com/numaNode: {int: 2}", -1},
        {"gpu.amd.com", "numaNode: {int: -1}", -1},
        {"gpu.amd.com", "numaNode: {ints: [1]}", 1},
        {"gpu.amd.com", "numaNode: {ints: [0, 1]}", -1},
        {"gpu.amd.com", "resource.kubernetes.io/numaNode: {ints: [0, 1]}, numaNode: {int: 1}", 1},
        {"gpu.amd.com", "numaNode: {int: 1}, resource.kubernetes.io/numaNode: {ints: [0, 1]}", 1},
        {"gpu.amd.com", "numaNode: {int: 1}, resource.kubernetes.io/numaNode: {int: 0}", 0},
        {"gpu.amd.com", "resource.kubernetes.io/numaNode: {int: 0}, numaNode: {int: 1}", 0},
        {"gpu.amd.com", "numaNode: {int: 1023}", 1023},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        const struct slice_device *device = device_of(CASES[i].driver, CASES[i].attributes);
        ck_assert_msg(device->numa == CASES[i].numa, "%s gives %d", CASES[i].attributes,
                      device->numa);
    }
}
END_TEST

START_TEST(kinds)
{
    static const struct {
        const char *driver;
        const char *attributes;
        enum slice_kind kind;
    } CASES[] = {
        {"gpu.nvidia.com", "type: {string: gpu}", SLICE_KIND_GPU},
        {"gpu.nvidia.com", "type: {string: vfio}", SLICE_KIND_OTHER},
        {"gpu.amd.com", "type: {string: amdgpu}", SLICE_KIND_GPU},
        {"gpu.amd.com", "type: {string: amdgpu-partition}", SLICE_KIND_OTHER},
        {"gpu.intel.com", "model: {string: Max 1550}", SLICE_KIND_GPU},
        {"dra.net", "dra.net/type: {string: veth}", SLICE_KIND_NIC},
        {"compute-domain.nvidia.com", "type: {string: channel}", SLICE_KIND_OTHER},
        {"dra.cpu", "numCPUs: {int: 8}", SLICE_KIND_OTHER},
        {"new.example.com", "type: {string: gpu}", SLICE_KIND_GPU},
        {"new.example.com", "rdma: {bool: false}", SLICE_KIND_NIC},
        {"new.example.com", "dra.net/rdmaDevice: {string: mlx5_0}", SLICE_KIND_NIC},
        {"new.example.com", "ifName: {string: eth0}", SLICE_KIND_NIC},
        {"new.example.com", "type: {string: camera}", SLICE_KIND_OTHER},
        {"new.example.com", "", SLICE_KIND_OTHER},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        const struct slice_device *device = device_of(CASES[i].driver, CASES[i].attributes);
        ck_assert_msg(device->kind == CASES[i].kind, "%s %s", CASES[i].driver, CASES[i].attributes);
    }
}
END_TEST

START_TEST(nics_and_lists)
{
    const struct slice_device *nic = device_of(
        "dra.net", "dra.net/rdma: {bools: [true]}, dra.net/rdmaDevice: {strings: [mlx5_3]}, "
                   "dra.net/virtual: {bool: false}, dra.net/isSriovVf: {bool: true}, "
                   "dra.net/sriovVfs: {int: 4}, dra.net/ifName: {string: ''}, "
                   "resource.kubernetes.io/pcieRoot: {strings: [pci0000:00, pci0000:10]}, "
                   "gce.dra.net/block: {string: b1}, gce.dra.net/slot: {int: 7}, "
                   "gce.dra.net/spot: {bool: true}, "
                   "future: {quantum: 3}, other.com/list: {versions: [1.0.0, 2.0.0]}, nil: null");
    ck_assert_int_eq(nic->rdma, SLICE_FLAG_YES);
    ck_assert_str_eq(nic->rdma_device, "mlx5_3");
    ck_assert_int_eq(nic->is_virtual, SLICE_FLAG_NO);
    ck_assert_int_eq(nic->virtual_function, SLICE_FLAG_YES);
    ck_assert_int_eq(nic->virtual_functions, 4);
    ck_assert_ptr_null(nic->interface);
    ck_assert_ptr_null(nic->pcie_root);
    ck_assert_uint_eq(nic->cloud_count, 3);
    ck_assert_str_eq(nic->cloud[0].key, "gce.dra.net/block");
    ck_assert_str_eq(nic->cloud[0].value, "b1");
    ck_assert_str_eq(nic->cloud[1].value, "7");
    ck_assert_str_eq(nic->cloud[2].value, "true");
    ck_assert_uint_eq(nic->attribute_count, 13);
    ck_assert_uint_eq(nic->unknown_count, 3);
}
END_TEST

START_TEST(scopes)
{
    struct resource_slice slice;
    slice_from("metadata: {name: s}\n"
               "spec: {driver: d, allNodes: true, nodeName: '', pool: {name: p, "
               "resourceSliceCount: 1}}\n",
               &slice);
    ck_assert_int_eq(slice.scope, SLICE_SCOPE_ALL_NODES);
    ck_assert_ptr_null(slice.node);
    slice_from("metadata: {name: s}\n"
               "spec: {driver: d, nodeSelector: {nodeSelectorTerms: []}, pool: {name: p, "
               "resourceSliceCount: 1}}\n",
               &slice);
    ck_assert_int_eq(slice.scope, SLICE_SCOPE_SELECTOR);
    slice_from("metadata: {name: s}\n"
               "spec: {driver: d, perDeviceNodeSelection: true, pool: {name: p, "
               "resourceSliceCount: 1}, devices: null}\n",
               &slice);
    ck_assert_int_eq(slice.scope, SLICE_SCOPE_PER_DEVICE);
    ck_assert_uint_eq(slice.device_count, 0);
}
END_TEST

START_TEST(bad_heads)
{
    static const struct {
        const char *yaml;
        const char *error;
    } CASES[] = {
        {"{}", "resource slice: metadata.name: is missing"},
        {"metadata: []", "resource slice: metadata: is an array, not an object"},
        {"metadata: {name: 5}", "resource slice: metadata.name: is a number, not a string"},
        {"metadata: {name: s}", "resource slice s: spec.driver: is missing"},
        {"{metadata: {name: s}, spec: x}", "resource slice s: spec: is a string, not an object"},
        {"{metadata: {name: s}, spec: {driver: d}}",
         "resource slice s: spec.pool.name: is missing"},
        {"{metadata: {name: s}, spec: {driver: d, pool: {name: p, generation: -3}}}",
         "resource slice s: spec.pool.generation: -3 is less than 0"},
        {"{metadata: {name: s}, spec: {driver: d, pool: {name: p, generation: 1.5}}}",
         "resource slice s: spec.pool.generation: is a number, not an integer"},
        {"{metadata: {name: s}, spec: {driver: d, pool: {name: p, generation: '1'}}}",
         "resource slice s: spec.pool.generation: is a string, not an integer"},
        {"{metadata: {name: s}, spec: {driver: d, pool: {name: p}}}",
         "resource slice s: spec.pool.resourceSliceCount: 0 is less than 1"},
        {"{metadata: {name: s}, spec: {driver: d, pool: {name: p, resourceSliceCount: -2}}}",
         "resource slice s: spec.pool.resourceSliceCount: -2 is less than 1"},
        {"{metadata: {name: s}, spec: {driver: d, pool: {name: p, resourceSliceCount: 0.5}}}",
         "resource slice s: spec.pool.resourceSliceCount: is a number, not an integer"},
        {"{metadata: {name: s}, spec: {driver: d, pool: {name: p, resourceSliceCount: 1}}}",
         "resource slice s: spec: 0 of nodeName, nodeSelector, allNodes and "
         "perDeviceNodeSelection are given, not one"},
        {"{metadata: {name: s}, spec: {driver: d, pool: {name: p, resourceSliceCount: 1}, "
         "nodeName: 'n', allNodes: true}}",
         "resource slice s: spec: 2 of nodeName, nodeSelector, allNodes and "
         "perDeviceNodeSelection are given, not one"},
        {HEAD "  devices: {}\n", "resource slice s: spec.devices: is an object, not an array"},
        {HEAD "  devices: [null]\n", "resource slice s: spec.devices[0]: is null, not an object"},
        {HEAD "  devices: [x]\n", "resource slice s: spec.devices[0]: is a string, not an object"},
        {HEAD "  devices: [{}]\n", "resource slice s: spec.devices[0].name: is missing"},
        {HEAD "  devices: [{name: Gpu_0}]\n",
         "resource slice s: spec.devices[0].name: \"Gpu_0\" is not a DNS label"},
        {HEAD "  devices: [{name: gpu-}]\n",
         "resource slice s: spec.devices[0].name: \"gpu-\" is not a DNS label"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        refused(CASES[i].yaml, CASES[i].error);
    }
    struct err err;
    struct resource_slice slice;
    ck_assert_int_eq(slice_decode(NULL, &arena, &slice, &err), -1);
    ck_assert_str_eq(err.text, "resource slice: is not a JSON object");
    ck_assert_int_eq(slice_decode(json_null(), &arena, &slice, &err), -1);
}
END_TEST

START_TEST(bad_devices)
{
    static const struct {
        const char *members;
        const char *error; /* after "spec.devices[0]." */
    } CASES[] = {
        {"attributes: []", "attributes: is an array, not an object"},
        {"attributes: {uuid: GPU-1}", "attributes.uuid: is not an object with one value"},
        {"attributes: {uuid: null}", "attributes.uuid: is not an object with one value"},
        {"attributes: {uuid: {}}",
         "attributes.uuid: has no int, bool, string or version, nor a list of one"},
        {"attributes: {uuid: {string: a, int: 1}}", "attributes.uuid: has more than one value"},
        {"attributes: {uuid: {int: 1}}", "attributes.uuid: is an integer, not a string"},
        {"attributes: {uuid: {string: 1}}", "attributes.uuid.string: is not a string"},
        {"attributes: {uuid: {strings: []}}",
         "attributes.uuid.strings: is not a list of at least one value"},
        {"attributes: {uuid: {strings: a}}",
         "attributes.uuid.strings: is not a list of at least one value"},
        {"attributes: {uuid: {strings: [a, null]}}", "attributes.uuid.strings[1]: is not a string"},
        {"attributes: {numa: {int: -2}}", "attributes.numa: -2 is negative"},
        {"attributes: {numa: {ints: [0, -2]}}", "attributes.numa: -2 is negative"},
        {"attributes: {numa: {int: 0.5}}", "attributes.numa.int: is not an integer"},
        {"attributes: {numa: {int: '0'}}", "attributes.numa.int: is not an integer"},
        {"attributes: {numa: {string: '0'}}", "attributes.numa: is a string, not an integer"},
        {"attributes: {numa: {int: 1024}}",
         "attributes.numa: 1024 is above the greatest NUMA node 1023"},
        {"attributes: {rdma: {string: 'true'}}", "attributes.rdma: is a string, not a boolean"},
        {"attributes: {rdma: {bool: 1}}", "attributes.rdma.bool: is not a boolean"},
        {"attributes: {sriovVfs: {int: -1}}", "attributes.sriovVfs: -1 is negative"},
        {"attributes: {gce.dra.net/block: 5}",
         "attributes.gce.dra.net/block: is not an object with one value"},
        {"capacity: 5", "capacity: is a number, not an object"},
        {"capacity: {memory: 40Gi}", "capacity.memory: is a string, not an object"},
        {"capacity: {memory: {}}", "capacity.memory.value: is missing"},
        {"capacity: {memory: null}", "capacity.memory.value: is missing"},
        {"capacity: {memory: {value: '-1'}}", "capacity.memory.value: quantity \"-1\" is negative"},
        {"capacity: {memory: {value: [1]}}", "capacity.memory.value: is not a quantity"},
        {"taints: {}", "taints: is an object, not an array"},
        {"taints: [NoSchedule]", "taints[0]: is a string, not an object"},
        {"taints: [{effect: 1}]", "taints[0].effect: is a number, not a string"},
        {"basic: 1", "basic: is a number, not an object"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        char yaml[1024];
        char error[1024];
        (void)snprintf(yaml, sizeof yaml, HEAD "  devices: [{name: gpu-0, %s}]\n",
                       CASES[i].members);
        (void)snprintf(error, sizeof error, "resource slice s: device gpu-0: spec.devices[0].%s",
                       CASES[i].error);
        refused(yaml, error);
    }
}
END_TEST

/* What could be read stays, for the pool's sake. */
START_TEST(broken_slices_tell_their_pool)
{
    struct err err;
    struct resource_slice slice;
    json_t *json = yaml_object(HEAD "  devices: [{name: gpu-0, attributes: {numa: {int: -5}}}]\n");
    ck_assert_int_eq(slice_decode(json, &arena, &slice, &err), -1);
    ck_assert_str_eq(slice.name, "s");
    ck_assert_str_eq(slice.driver, "gpu.nvidia.com");
    ck_assert_str_eq(slice.pool, "p");
    ck_assert_str_eq(slice.node, "n1");
    ck_assert_int_eq(slice.generation, 3);
    ck_assert_int_eq(slice.slice_count, 2);
    ck_assert_uint_eq(slice.device_count, 0);
    json_decref(json);
}
END_TEST

static json_t *slice_with(json_t *devices)
{
    return json_pack("{s{ss}s{sssss{sssi}so}}", "metadata", "name", "s", "spec", "driver",
                     "dra.net", "nodeName", "n", "pool", "name", "p", "resourceSliceCount", 1,
                     "devices", devices);
}

START_TEST(long_texts)
{
    char text[301];
    char error[512];
    memset(text, 'a', 300);
    text[300] = '\0';
    struct err err;
    struct resource_slice slice;
    /* A name and an understood attribute of 300 characters are refused … */
    json_t *json = slice_with(json_pack("[{ss}]", "name", text));
    ck_assert_int_eq(slice_decode(json, &arena, &slice, &err), -1);
    (void)snprintf(error, sizeof error,
                   "resource slice s: spec.devices[0].name: %.64s... has 300 bytes, more than the "
                   "limit of 63",
                   text);
    ck_assert_str_eq(err.text, error);
    json_decref(json);
    json = slice_with(json_pack("[{sss{s{ss}}}]", "name", "d", "attributes", "dra.net/rdmaDevice",
                                "string", text));
    ck_assert_int_eq(slice_decode(json, &arena, &slice, &err), -1);
    ck_assert_str_eq(err.text, "resource slice s: device d: spec.devices[0].attributes.dra.net/"
                               "rdmaDevice.string: 300 bytes are more than the limit of 64");
    json_decref(json);
    /* … one that nobody understands is counted, whatever its name and value. */
    json = slice_with(json_pack("[{sss{s{ss}}}]", "name", "d", "attributes", text, "string", text));
    ck_assert_int_eq(slice_decode(json, &arena, &slice, &err), 0);
    ck_assert_uint_eq(slice.devices[0].unknown_count, 1);
    json_decref(json);
    /* The slice's own names. */
    json = slice_with(json_array());
    json_object_set_new(json_object_get(json, "spec"), "driver", json_string(text));
    ck_assert_int_eq(slice_decode(json, &arena, &slice, &err), -1);
    json_decref(json);
    json = slice_with(json_array());
    json_object_set_new(json_object_get(json, "metadata"), "name", json_string(text));
    ck_assert_int_eq(slice_decode(json, &arena, &slice, &err), -1);
    json_decref(json);
}
END_TEST

static json_t *many(size_t count)
{
    json_t *devices = json_array();
    for (size_t i = 0; i < count; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "d-%zu", i);
        json_array_append_new(devices, json_pack("{ss}", "name", name));
    }
    return slice_with(devices);
}

START_TEST(thousands_of_devices)
{
    struct err err;
    struct resource_slice slice;
    json_t *json = many(SLICE_DEVICES_MAX);
    ck_assert_int_eq(slice_decode(json, &arena, &slice, &err), 0);
    ck_assert_uint_eq(slice.device_count, SLICE_DEVICES_MAX);
    ck_assert_str_eq(slice.devices[4095].name, "d-4095");
    json_decref(json);
    json = many(SLICE_DEVICES_MAX + 1);
    ck_assert_int_eq(slice_decode(json, &arena, &slice, &err), -1);
    ck_assert_str_eq(err.text, "resource slice s: spec.devices: 4097 devices are more than the "
                               "limit of 4096");
    json_decref(json);
    json_t *attributes = json_object();
    for (size_t i = 0; i <= SLICE_ATTRIBUTES_MAX; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "a%zu", i);
        json_object_set_new(attributes, name, json_pack("{si}", "int", 1));
    }
    json = slice_with(json_pack("[{ssso}]", "name", "d", "attributes", attributes));
    ck_assert_int_eq(slice_decode(json, &arena, &slice, &err), -1);
    json_decref(json);
}
END_TEST

START_TEST(what_is_a_slice)
{
    static const struct {
        const char *yaml;
        bool is;
    } samples[] = {
        {"{kind: ResourceSlice, apiVersion: resource.k8s.io/v1}", true},
        {"{kind: ResourceSlice, apiVersion: resource.k8s.io/v1beta1}", true},
        {"{kind: ResourceSlice, apiVersion: example.com/v1}", false},
        {"{kind: ResourceSlice}", false},
        {"{kind: ResourceClaim, apiVersion: resource.k8s.io/v1}", false},
        {"{apiVersion: resource.k8s.io/v1}", false},
    };
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        json_t *json = yaml_object(samples[i].yaml);
        ck_assert(slice_recognise(json) == samples[i].is);
        json_decref(json);
    }
}
END_TEST

/* What was decoded does not need the JSON any more. */
START_TEST(a_decoded_slice_owns_what_it_says)
{
    json_t *json = yaml_object(HEAD "  devices: [{name: gpu-0}]\n");
    struct decoded_slice *decoded = decoded_slice_create(json);
    json_decref(json);
    ck_assert_ptr_null(decoded->error);
    ck_assert_uint_eq(decoded->slice.device_count, 1);
    ck_assert_str_eq(decoded->slice.devices[0].name, "gpu-0");
    ck_assert_str_eq(decoded->slice.name, "s");
    ck_assert_str_eq(decoded->slice.pool, "p");
    decoded_slice_destroy(decoded);
}
END_TEST

/* Nor does the reason why it could not be, beside what could be read. */
START_TEST(a_decoded_slice_that_cannot_be_read)
{
    json_t *json = yaml_object(HEAD "  devices: 7\n");
    struct decoded_slice *decoded = decoded_slice_create(json);
    json_decref(json);
    ck_assert_ptr_nonnull(strstr(decoded->error, "spec.devices"));
    ck_assert_ptr_nonnull(decoded->slice.pool);
    ck_assert_uint_eq(decoded->slice.device_count, 0);
    decoded_slice_destroy(decoded);
    decoded = decoded_slice_create(NULL);
    ck_assert_ptr_nonnull(decoded->error);
    ck_assert_ptr_null(decoded->slice.name);
    decoded_slice_destroy(decoded);
    decoded_slice_destroy(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("decode_slice");
    TCase *tcase = tcase_create("decode_slice");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, complete);
    tcase_add_test(tcase, versions);
    tcase_add_test(tcase, numa_has_many_names);
    tcase_add_test(tcase, kinds);
    tcase_add_test(tcase, nics_and_lists);
    tcase_add_test(tcase, scopes);
    tcase_add_test(tcase, bad_heads);
    tcase_add_test(tcase, bad_devices);
    tcase_add_test(tcase, broken_slices_tell_their_pool);
    tcase_add_test(tcase, long_texts);
    tcase_add_test(tcase, thousands_of_devices);
    tcase_add_test(tcase, what_is_a_slice);
    tcase_add_test(tcase, a_decoded_slice_owns_what_it_says);
    tcase_add_test(tcase, a_decoded_slice_that_cannot_be_read);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
