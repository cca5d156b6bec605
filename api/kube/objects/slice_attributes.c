// SPDX-License-Identifier: Apache-2.0
#include "api/kube/objects/slice_attributes.h"

#include <string.h>

#include "api/kube/objects/counts.h"
#include "topology/devices/map.h"

/* A table of names and one loop over the attributes of a device.
 *
 *   "dra.net/numaNode": {"int": 1} ──NAMES──▶ ATTRIBUTE_NUMA, row 9 ──▶ the value of the lowest row
 *
 * A value is first read for what it is (struct value), then judged against what the attribute has
 * to be. Only a value that says one thing takes part in the contest of rows, so a list of two NUMA
 * nodes under the standard name gives way to the one node under the driver's own name.
 *
 * Sources of the names: k8s.io/dynamic-resource-allocation/deviceattribute (standard), NVIDIA's
 * dra-driver-nvidia-gpu, ROCm k8s-gpu-dra-driver docs/driver-attributes.md, dranet
 * pkg/apis/attributes.go, dra-driver-sriov, dra-driver-cpu and -memory.
 */

enum attribute {
    ATTRIBUTE_PCI_ADDRESS,
    ATTRIBUTE_PCIE_ROOT,
    ATTRIBUTE_NUMA,
    ATTRIBUTE_UUID,
    ATTRIBUTE_PRODUCT,
    ATTRIBUTE_TYPE,
    ATTRIBUTE_ADDRESSING,
    ATTRIBUTE_RDMA,
    ATTRIBUTE_RDMA_DEVICE,
    ATTRIBUTE_INTERFACE,
    ATTRIBUTE_VIRTUAL,
    ATTRIBUTE_VIRTUAL_FUNCTION,
    ATTRIBUTE_VIRTUAL_FUNCTIONS,
    ATTRIBUTE_COUNT
};

/* Best first among the names of one attribute. Without a domain: any driver's own. */
static const struct {
    const char *name;
    enum attribute attribute;
} NAMES[] = {
    {"resource.kubernetes.io/pciBusID", ATTRIBUTE_PCI_ADDRESS},
    {"dra.net/pciAddress", ATTRIBUTE_PCI_ADDRESS},
    {"pciAddress", ATTRIBUTE_PCI_ADDRESS},
    {"pciBusID", ATTRIBUTE_PCI_ADDRESS},
    {"pciAddr", ATTRIBUTE_PCI_ADDRESS},
    {"resource.kubernetes.io/pcieRoot", ATTRIBUTE_PCIE_ROOT},
    {"pcieRoot", ATTRIBUTE_PCIE_ROOT},
    {"pciRoot", ATTRIBUTE_PCIE_ROOT},
    {"resource.kubernetes.io/numaNode", ATTRIBUTE_NUMA},
    {"dra.net/numaNode", ATTRIBUTE_NUMA},
    {"gpu.nvidia.com/numa", ATTRIBUTE_NUMA},
    {"dra.cpu/numaNodeID", ATTRIBUTE_NUMA},
    {"dra.memory/numaNode", ATTRIBUTE_NUMA},
    {"numaNode", ATTRIBUTE_NUMA},
    {"numaNodeID", ATTRIBUTE_NUMA},
    {"numa", ATTRIBUTE_NUMA},
    {"uuid", ATTRIBUTE_UUID},
    {"productName", ATTRIBUTE_PRODUCT},
    {"model", ATTRIBUTE_PRODUCT},
    {"type", ATTRIBUTE_TYPE},
    {"addressingMode", ATTRIBUTE_ADDRESSING},
    {"dra.net/rdma", ATTRIBUTE_RDMA},
    {"rdma", ATTRIBUTE_RDMA},
    {"dra.net/rdmaDevice", ATTRIBUTE_RDMA_DEVICE},
    {"rdmaDevice", ATTRIBUTE_RDMA_DEVICE},
    {"dra.net/ifName", ATTRIBUTE_INTERFACE},
    {"ifName", ATTRIBUTE_INTERFACE},
    {"virtual", ATTRIBUTE_VIRTUAL},
    {"isSriovVf", ATTRIBUTE_VIRTUAL_FUNCTION},
    {"isVF", ATTRIBUTE_VIRTUAL_FUNCTION},
    {"sriovVfs", ATTRIBUTE_VIRTUAL_FUNCTIONS},
};
#define NAME_COUNT (sizeof NAMES / sizeof NAMES[0])

/* Where clouds put what they know: gce.dra.net, azure.dra.net, oke.dra.net, alibaba.dra.net … */
#define CLOUD_DOMAIN ".dra.net/"

enum value_type { VALUE_INTEGER, VALUE_BOOL, VALUE_TEXT };

static const enum value_type WANTED[ATTRIBUTE_COUNT] = {
    [ATTRIBUTE_PCI_ADDRESS] = VALUE_TEXT,
    [ATTRIBUTE_PCIE_ROOT] = VALUE_TEXT,
    [ATTRIBUTE_NUMA] = VALUE_INTEGER,
    [ATTRIBUTE_UUID] = VALUE_TEXT,
    [ATTRIBUTE_PRODUCT] = VALUE_TEXT,
    [ATTRIBUTE_TYPE] = VALUE_TEXT,
    [ATTRIBUTE_ADDRESSING] = VALUE_TEXT,
    [ATTRIBUTE_RDMA] = VALUE_BOOL,
    [ATTRIBUTE_RDMA_DEVICE] = VALUE_TEXT,
    [ATTRIBUTE_INTERFACE] = VALUE_TEXT,
    [ATTRIBUTE_VIRTUAL] = VALUE_BOOL,
    [ATTRIBUTE_VIRTUAL_FUNCTION] = VALUE_BOOL,
    [ATTRIBUTE_VIRTUAL_FUNCTIONS] = VALUE_INTEGER,
};

static const struct {
    const char *member;
    enum value_type type;
    bool list;
} VALUES[] = {
    {"int", VALUE_INTEGER, false},  {"bool", VALUE_BOOL, false},    {"string", VALUE_TEXT, false},
    {"version", VALUE_TEXT, false}, {"ints", VALUE_INTEGER, true},  {"bools", VALUE_BOOL, true},
    {"strings", VALUE_TEXT, true},  {"versions", VALUE_TEXT, true},
};

struct value {
    enum value_type type;
    size_t count; /* 1, or the length of a list */
    bool flag;    /* of the first element, as are the next two */
    const char *text;
    int64_t integer;
    int64_t smallest; /* of all elements */
};

/* What the attributes of one device say so far. */
struct reading {
    struct value values[ATTRIBUTE_COUNT];
    size_t rows[ATTRIBUTE_COUNT]; /* of NAMES; NAME_COUNT: nothing yet */
};

static const char *type_name(enum value_type type)
{
    switch (type) {
    case VALUE_INTEGER:
        return "an integer";
    case VALUE_BOOL:
        return "a boolean";
    case VALUE_TEXT:
        break;
    }
    return "a string";
}

static int read_element(const struct field *place, enum value_type type, struct value *value,
                        struct err *err)
{
    bool fits = type == VALUE_INTEGER ? json_is_integer(place->json)
                : type == VALUE_BOOL  ? json_is_boolean(place->json)
                                      : json_is_string(place->json);
    if (!fits) {
        return field_fail(place, err, "is not %s", type_name(type));
    }
    int64_t integer = json_integer_value(place->json);
    if (type == VALUE_TEXT && json_string_length(place->json) > SLICE_TEXT_MAX) {
        return field_fail(place, err, "%zu bytes are more than the limit of %d",
                          json_string_length(place->json), SLICE_TEXT_MAX);
    }
    if (value->count++ == 0) {
        value->integer = integer;
        value->smallest = integer;
        value->flag = json_is_true(place->json);
        value->text = json_string_value(place->json);
    } else if (integer < value->smallest) {
        value->smallest = integer;
    }
    return 0;
}

static int read_list(const struct field *list, enum value_type type, struct value *value,
                     struct err *err)
{
    size_t count = json_array_size(list->json);
    if (!json_is_array(list->json) || count == 0) {
        return field_fail(list, err, "is not a list of at least one value");
    }
    for (size_t i = 0; i < count; i++) {
        struct field element = {.up = list, .index = i, .json = json_array_get(list->json, i)};
        if (read_element(&element, type, value, err) != 0) {
            return -1;
        }
    }
    return 0;
}

/* {"int": 1}: exactly one member that has a meaning. */
static int read_value(const struct field *attribute, struct value *value, struct err *err)
{
    *value = (struct value){.count = 0};
    if (!json_is_object(attribute->json)) {
        return field_fail(attribute, err, "is not an object with one value");
    }
    size_t found = 0;
    for (size_t i = 0; i < sizeof VALUES / sizeof VALUES[0]; i++) {
        struct field place = {.up = attribute,
                              .name = VALUES[i].member,
                              .json = json_object_get(attribute->json, VALUES[i].member)};
        if (place.json == NULL || json_is_null(place.json)) {
            continue;
        }
        if (found++ > 0) {
            return field_fail(attribute, err, "has more than one value");
        }
        value->type = VALUES[i].type;
        if ((VALUES[i].list ? read_list : read_element)(&place, value->type, value, err) != 0) {
            return -1;
        }
    }
    if (found == 0) {
        return field_fail(attribute, err, "has no int, bool, string or version, nor a list of one");
    }
    return 0;
}

/* The row of NAMES that means this attribute of this driver, or NAME_COUNT. */
static size_t find_row(const char *name, const char *driver)
{
    size_t length = strlen(driver);
    bool own = strncmp(name, driver, length) == 0 && name[length] == '/';
    const char *bare = own ? name + length + 1 : strchr(name, '/') == NULL ? name : NULL;
    for (size_t row = 0; row < NAME_COUNT; row++) {
        if (strcmp(NAMES[row].name, name) == 0 ||
            (bare != NULL && strcmp(NAMES[row].name, bare) == 0)) {
            return row;
        }
    }
    return NAME_COUNT;
}

static int check_value(const struct field *place, enum attribute attribute,
                       const struct value *value, struct err *err)
{
    if (value->type != WANTED[attribute]) {
        return field_fail(place, err, "is %s, not %s", type_name(value->type),
                          type_name(WANTED[attribute]));
    }
    int64_t smallest = attribute == ATTRIBUTE_NUMA ? -1 : 0;
    if (value->type == VALUE_INTEGER && value->smallest < smallest) {
        return field_fail(place, err, "%lld is negative", (long long)value->smallest);
    }
    if (attribute == ATTRIBUTE_NUMA && value->integer > DEVICE_NUMA_MAX) {
        return field_fail(place, err, "%lld is above the greatest NUMA node %d",
                          (long long)value->integer, DEVICE_NUMA_MAX);
    }
    return 0;
}

static int read_known(const struct field *place, size_t row, struct reading *reading,
                      struct err *err)
{
    struct value value;
    enum attribute attribute = NAMES[row].attribute;
    if (read_value(place, &value, err) != 0 || check_value(place, attribute, &value, err) != 0) {
        return -1;
    }
    bool says_something = value.count == 1 && (attribute != ATTRIBUTE_NUMA || value.integer >= 0) &&
                          (value.type != VALUE_TEXT || value.text[0] != '\0');
    if (says_something && row < reading->rows[attribute]) {
        reading->values[attribute] = value;
        reading->rows[attribute] = row;
    }
    return 0;
}

static int read_cloud(const struct field *place, struct arena *arena, struct label_object *label,
                      struct err *err)
{
    struct value value;
    if (read_value(place, &value, err) != 0) {
        return -1;
    }
    label->key = arena_string(arena, place->name);
    label->value = value.type == VALUE_TEXT ? arena_string(arena, value.text)
                   : value.type == VALUE_BOOL
                       ? (value.flag ? "true" : "false")
                       : arena_printf(arena, "%lld", (long long)value.integer);
    return 0;
}

static int read_attributes(const struct field *attributes, const char *driver, struct arena *arena,
                           struct slice_device *device, struct reading *reading, struct err *err)
{
    size_t count = attributes->json == NULL ? 0 : json_object_size(attributes->json);
    if (count > SLICE_ATTRIBUTES_MAX) {
        return field_fail(attributes, err, "%zu attributes are more than the limit of %d", count,
                          SLICE_ATTRIBUTES_MAX);
    }
    device->attribute_count = count;
    struct label_object *cloud = arena_alloc(arena, count, sizeof *cloud);
    device->cloud = cloud;
    const char *name = NULL;
    json_t *value = NULL;
    /* The iteration functions take a plain pointer; nothing is changed. */
    json_object_foreach((json_t *)(uintptr_t)attributes->json, name, value)
    {
        struct field place = {.up = attributes, .name = name, .json = value};
        size_t row = find_row(name, driver);
        int result = 0;
        if (row < NAME_COUNT) {
            result = read_known(&place, row, reading, err);
        } else if (strstr(name, CLOUD_DOMAIN) != NULL) {
            result = read_cloud(&place, arena, &cloud[device->cloud_count++], err);
        } else {
            device->unknown_count++;
        }
        if (result != 0) {
            return -1;
        }
    }
    return 0;
}

/* {"memory": {"value": "40Gi"}} */
static int read_capacity(const struct field *capacity, struct arena *arena,
                         struct slice_device *device, struct err *err)
{
    size_t count = capacity->json == NULL ? 0 : json_object_size(capacity->json);
    if (count > SLICE_ATTRIBUTES_MAX) {
        return field_fail(capacity, err, "%zu capacities are more than the limit of %d", count,
                          SLICE_ATTRIBUTES_MAX);
    }
    struct amount_object *kept = arena_alloc(arena, count, sizeof *kept);
    device->capacity = kept;
    const char *name = NULL;
    json_t *member = NULL;
    json_object_foreach((json_t *)(uintptr_t)capacity->json, name, member)
    {
        struct field place;
        if (field_object(capacity, name, &place, err) != 0) {
            return -1;
        }
        struct field value = {.up = &place, .name = "value"};
        value.json = place.json == NULL ? NULL : json_object_get(place.json, "value");
        if (value.json == NULL || json_is_null(value.json)) {
            return field_fail(&value, err, "is missing");
        }
        if (count_read(&value, COUNT_ROUNDED_UP, &kept->amount, err) != 0) {
            return -1;
        }
        kept->resource = arena_string(arena, name);
        kept++;
        device->capacity_count++;
    }
    return 0;
}

static const char *text_of(const struct reading *reading, enum attribute attribute,
                           struct arena *arena)
{
    return arena_string(arena, reading->values[attribute].text);
}

static enum slice_flag flag_of(const struct reading *reading, enum attribute attribute)
{
    if (reading->rows[attribute] == NAME_COUNT) {
        return SLICE_FLAG_UNKNOWN;
    }
    return reading->values[attribute].flag ? SLICE_FLAG_YES : SLICE_FLAG_NO;
}

/* Drivers whose devices are all of one sort. */
static const struct {
    const char *driver;
    enum slice_kind kind;
} DRIVERS[] = {
    {"gpu.nvidia.com", SLICE_KIND_GPU},
    {"gpu.amd.com", SLICE_KIND_GPU},
    {"gpu.intel.com", SLICE_KIND_GPU},
    {"dra.net", SLICE_KIND_NIC},
    {"sriovnetwork.k8snetworkplumbingwg.io", SLICE_KIND_NIC},
    {"compute-domain.nvidia.com", SLICE_KIND_OTHER},
    {"dra.cpu", SLICE_KIND_OTHER},
    {"dra.memory", SLICE_KIND_OTHER},
};

static const int DRIVER_UNKNOWN = -1;

static int find_driver(const char *driver)
{
    for (size_t i = 0; i < sizeof DRIVERS / sizeof DRIVERS[0]; i++) {
        if (strcmp(DRIVERS[i].driver, driver) == 0) {
            return (int)DRIVERS[i].kind;
        }
    }
    return DRIVER_UNKNOWN;
}

bool slice_driver_matters(const char *driver)
{
    return find_driver(driver) != SLICE_KIND_OTHER;
}

/* A whole GPU: its MIG devices, partitions and VFIO twin are other devices of the same pool. */
static bool is_whole_gpu_type(const char *type)
{
    return strcmp(type, "gpu") == 0 || strcmp(type, "amdgpu") == 0;
}

static enum slice_kind kind_of(const char *driver, const struct slice_device *device)
{
    int kind = find_driver(driver);
    if (kind == SLICE_KIND_GPU) {
        return device->type == NULL || is_whole_gpu_type(device->type) ? SLICE_KIND_GPU
                                                                       : SLICE_KIND_OTHER;
    }
    if (kind != DRIVER_UNKNOWN) {
        return (enum slice_kind)kind;
    }
    if (device->type != NULL && is_whole_gpu_type(device->type)) {
        return SLICE_KIND_GPU;
    }
    bool network = device->rdma != SLICE_FLAG_UNKNOWN || device->rdma_device != NULL ||
                   device->interface != NULL;
    return network ? SLICE_KIND_NIC : SLICE_KIND_OTHER;
}

int slice_attributes_read(const struct field *owner, const char *driver, struct arena *arena,
                          struct slice_device *device, struct err *err)
{
    struct field attributes;
    struct field capacity;
    struct reading reading = {.rows = {0}};
    for (size_t i = 0; i < ATTRIBUTE_COUNT; i++) {
        reading.rows[i] = NAME_COUNT;
    }
    if (field_object(owner, "attributes", &attributes, err) != 0 ||
        field_object(owner, "capacity", &capacity, err) != 0 ||
        read_attributes(&attributes, driver, arena, device, &reading, err) != 0 ||
        read_capacity(&capacity, arena, device, err) != 0) {
        return -1;
    }
    device->type = text_of(&reading, ATTRIBUTE_TYPE, arena);
    device->uuid = text_of(&reading, ATTRIBUTE_UUID, arena);
    device->product = text_of(&reading, ATTRIBUTE_PRODUCT, arena);
    device->addressing = text_of(&reading, ATTRIBUTE_ADDRESSING, arena);
    device->pci_address = text_of(&reading, ATTRIBUTE_PCI_ADDRESS, arena);
    device->pcie_root = text_of(&reading, ATTRIBUTE_PCIE_ROOT, arena);
    bool placed = reading.rows[ATTRIBUTE_NUMA] < NAME_COUNT;
    device->numa = placed ? (int)reading.values[ATTRIBUTE_NUMA].integer : DEVICE_UNKNOWN;
    device->rdma_device = text_of(&reading, ATTRIBUTE_RDMA_DEVICE, arena);
    device->interface = text_of(&reading, ATTRIBUTE_INTERFACE, arena);
    device->rdma = flag_of(&reading, ATTRIBUTE_RDMA);
    device->is_virtual = flag_of(&reading, ATTRIBUTE_VIRTUAL);
    device->virtual_function = flag_of(&reading, ATTRIBUTE_VIRTUAL_FUNCTION);
    device->virtual_functions = reading.values[ATTRIBUTE_VIRTUAL_FUNCTIONS].integer;
    device->kind = kind_of(driver, device);
    return 0;
}
