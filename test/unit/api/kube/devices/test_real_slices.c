// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "api/kube/devices/facts.h"
#include "test/unit/check_main.h"
#include "topology/base/alloc.h"

#include "api/yaml/yaml.h"

/* test_real_slices DIRECTORY TABLE: the live ResourceSlices in DIRECTORY against the facts that
 * slice_pairs.py reads from the same files in its own way. Without the directory it is skipped. */

#define LINES_MAX 256
#define LINE_SIZE 256
#define EXIT_SKIP 77

struct lines {
    size_t count;
    char text[LINES_MAX][LINE_SIZE];
};

static const char *directory;
static const char *table_path;

static void add_line(struct lines *lines, const char *text)
{
    size_t length = strlen(text);
    ck_assert(lines->count < LINES_MAX && length < LINE_SIZE);
    memcpy(lines->text[lines->count++], text, length + 1);
}

static void read_table(struct lines *lines)
{
    char line[LINE_SIZE];
    FILE *file = fopen(table_path, "r");
    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] != '\0' && line[0] != '#') {
            add_line(lines, line);
        }
    }
    (void)fclose(file);
}

static bool has_line(const struct lines *lines, const char *text)
{
    for (size_t i = 0; i < lines->count; i++) {
        if (strcmp(lines->text[i], text) == 0) {
            return true;
        }
    }
    return false;
}

/* *New* array of the slices of a file, be they documents or items of a list. */
static json_t *load(const char *name)
{
    struct err err;
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    json_t *documents = yaml_load_file(path, &err);
    ck_assert_msg(documents != NULL, "%s", err.text);
    json_t *slices = json_array();
    size_t index = 0;
    json_t *document = NULL;
    json_array_foreach(documents, index, document)
    {
        json_t *items = json_object_get(document, "items");
        if (items != NULL) {
            json_array_extend(slices, items);
        } else {
            json_array_append(slices, document);
        }
    }
    json_decref(documents);
    return slices;
}

static bool is_yaml(const char *name)
{
    const char *end = strrchr(name, '.');
    return end != NULL && strcmp(end, ".yaml") == 0;
}

/* The text or number of an attribute in the file, "" when it is not there. */
static void raw(const json_t *device, const char *name, char *text)
{
    const json_t *value = json_object_get(json_object_get(device, "attributes"), name);
    const char *string = json_string_value(json_object_get(value, "string"));
    const json_t *integer = json_object_get(value, "int");
    const json_t *flag = json_object_get(value, "bool");
    text[0] = '\0';
    if (string != NULL) {
        (void)snprintf(text, LINE_SIZE, "%s", string);
    } else if (integer != NULL) {
        (void)snprintf(text, LINE_SIZE, "%lld", (long long)json_integer_value(integer));
    } else if (flag != NULL) {
        (void)snprintf(text, LINE_SIZE, "%d", json_is_true(flag));
    }
}

static void same_text(const json_t *device, const char *name, const char *decoded)
{
    char text[LINE_SIZE];
    raw(device, name, text);
    ck_assert_str_eq(text, decoded == NULL ? "" : decoded);
}

static void same_flag(const json_t *device, const char *name, enum slice_flag flag)
{
    char text[LINE_SIZE];
    raw(device, name, text);
    ck_assert_str_eq(text, flag == SLICE_FLAG_UNKNOWN ? "" : flag == SLICE_FLAG_YES ? "1" : "0");
}

static void same_nic(const json_t *json, const struct slice_device *device)
{
    char numa[LINE_SIZE];
    raw(json, "dra.net/numaNode", numa);
    ck_assert_int_eq(device->numa, numa[0] == '\0' ? -1 : numa[0] - '0');
    ck_assert_int_eq(device->kind, SLICE_KIND_NIC);
    same_text(json, "dra.net/pciAddress", device->pci_address);
    same_text(json, "dra.net/rdmaDevice", device->rdma_device);
    same_text(json, "dra.net/ifName", device->interface);
    same_text(json, "dra.net/type", device->type);
    same_flag(json, "dra.net/rdma", device->rdma);
    same_flag(json, "dra.net/virtual", device->is_virtual);
    size_t clouds = 0;
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(json_object_get(json, "attributes"), name, value)
    {
        clouds += strncmp(name, "azure.", 6) == 0 || strncmp(name, "oke.", 4) == 0;
    }
    ck_assert_uint_eq(device->cloud_count, clouds);
    for (size_t i = 0; i < clouds; i++) {
        same_text(json, device->cloud[i].key, device->cloud[i].value);
    }
}

static void same_gpu(const json_t *json, const struct slice_device *device)
{
    ck_assert_int_eq(device->kind, SLICE_KIND_GPU);
    ck_assert_int_eq(device->numa, -1);
    same_text(json, "resource.kubernetes.io/pciBusID", device->pci_address);
    same_text(json, "uuid", device->uuid);
    same_text(json, "productName", device->product);
    same_text(json, "type", device->type);
    same_text(json, "addressingMode", device->addressing);
    /* architecture, brand, cudaComputeCapability, cudaDriverVersion, driverVersion */
    ck_assert_uint_eq(device->unknown_count, 5);
    ck_assert_uint_eq(device->capacity_count, 1);
    ck_assert_str_eq(device->capacity[0].resource, "memory");
    const json_t *memory = json_object_get(json_object_get(json, "capacity"), "memory");
    char *end = NULL;
    long long amount = strtoll(json_string_value(json_object_get(memory, "value")), &end, 10);
    ck_assert(strcmp(end, "Gi") == 0 || strcmp(end, "Mi") == 0);
    ck_assert_int_eq(device->capacity[0].amount, amount << (end[0] == 'G' ? 30 : 20));
}

static void check_slice(const char *file, const json_t *json, struct lines *facts)
{
    struct err err;
    struct arena arena;
    struct resource_slice slice;
    char line[2 * LINE_SIZE];
    arena_init(&arena);
    ck_assert_msg(slice_decode(json, &arena, &slice, &err) == 0, "%s", err.text);
    const json_t *devices = json_object_get(json_object_get(json, "spec"), "devices");
    ck_assert_uint_eq(slice.device_count, json_array_size(devices));
    for (size_t i = 0; i < slice.device_count; i++) {
        const json_t *device = json_array_get(devices, i);
        ck_assert_str_eq(slice.devices[i].name, json_string_value(json_object_get(device, "name")));
        ck_assert_uint_eq(slice.devices[i].attribute_count,
                          json_object_size(json_object_get(device, "attributes")));
        same_text(device, "resource.kubernetes.io/pcieRoot", slice.devices[i].pcie_root);
        if (strcmp(slice.driver, "gpu.nvidia.com") == 0) {
            same_gpu(device, &slice.devices[i]);
        } else {
            same_nic(device, &slice.devices[i]);
        }
    }
    (void)snprintf(line, sizeof line, "devices %s %zu", file, slice.device_count);
    add_line(facts, line);
    arena_finish(&arena);
}

/* Every file in the directory: decoded, and into the pools. */
static void read_all(struct slice_pools *pools, struct lines *facts)
{
    struct err err;
    DIR *stream = opendir(directory);
    ck_assert_ptr_nonnull(stream);
    for (struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
        if (!is_yaml(entry->d_name)) {
            continue;
        }
        json_t *slices = load(entry->d_name);
        size_t index = 0;
        json_t *slice = NULL;
        json_array_foreach(slices, index, slice)
        {
            check_slice(entry->d_name, slice, facts);
            ck_assert_msg(slice_pools_apply(pools, decoded_slice_create(slice), &err) == 0, "%s",
                          err.text);
        }
        json_decref(slices);
    }
    (void)closedir(stream);
}

static void pairs_of(const struct slice_pools *pools, const char *node, struct lines *facts)
{
    struct err err;
    struct device_facts device_facts;
    char line[2 * LINE_SIZE];
    ck_assert_msg(device_facts_read(pools, node, NULL, &device_facts, &err) == 0, "%s", err.text);
    const struct device_map *map = device_facts.map;
    ck_assert_uint_eq(device_map_count(map, DEVICE_GPU), device_facts.gpus);
    ck_assert_uint_eq(device_map_count(map, DEVICE_NIC), device_facts.nics);
    for (uint32_t gpu = 0; gpu < device_facts.gpus; gpu++) {
        uint64_t nics = device_map_gpu_nics(map, gpu);
        bool root = device_map_gpu_pairing(map, gpu) == DEVICE_PAIRING_SWITCH;
        for (uint32_t nic = 0; nic < device_facts.nics; nic++) {
            if ((nics >> nic & 1) == 0) {
                continue;
            }
            (void)snprintf(line, sizeof line, "pair %s %s %s %s", node,
                           device_map_device(map, DEVICE_GPU, gpu)->name,
                           device_map_device(map, DEVICE_NIC, nic)->name, root ? "root" : "numa");
            add_line(facts, line);
        }
    }
    device_facts_finish(&device_facts);
}

static const char *const P4D = "ip-192-168-153-160.ec2.internal";
static const char *const GB300 = "aks-gpu-45139532-vmss000081";
static const char *const MI300X = "aks-gpu-37973606-vmss000000";
static const char *const GB200 = "10.140.65.248";

START_TEST(pairs_are_those_of_the_files)
{
    struct lines *facts = alloc_zero(1, sizeof *facts);
    struct lines *table = alloc_zero(1, sizeof *table);
    struct slice_pools *pools = slice_pools_create();
    read_table(table);
    read_all(pools, facts);
    pairs_of(pools, P4D, facts);
    pairs_of(pools, GB300, facts);
    pairs_of(pools, MI300X, facts);
    pairs_of(pools, GB200, facts);
    for (size_t i = 0; i < table->count; i++) {
        ck_assert_msg(has_line(facts, table->text[i]), "missing: %s", table->text[i]);
    }
    for (size_t i = 0; i < facts->count; i++) {
        ck_assert_msg(has_line(table, facts->text[i]), "too much: %s", facts->text[i]);
    }
    ck_assert_uint_eq(facts->count, table->count);
    slice_pools_destroy(pools);
    free(table);
    free(facts);
}
END_TEST

static void account(const struct slice_pools *pools, const char *node,
                    const struct device_facts *wanted)
{
    struct err err;
    struct device_facts facts;
    ck_assert_msg(device_facts_read(pools, node, NULL, &facts, &err) == 0, "%s", err.text);
    ck_assert_uint_eq(facts.gpus, wanted->gpus);
    ck_assert_uint_eq(facts.nics, wanted->nics);
    ck_assert_uint_eq(facts.nics_without_rdma, wanted->nics_without_rdma);
    ck_assert_uint_eq(facts.inferred_numa, wanted->inferred_numa);
    ck_assert_uint_eq(facts.paired[DEVICE_PAIRING_SWITCH], wanted->paired[DEVICE_PAIRING_SWITCH]);
    ck_assert_uint_eq(facts.paired[DEVICE_PAIRING_NUMA], wanted->paired[DEVICE_PAIRING_NUMA]);
    ck_assert_uint_eq(facts.paired[DEVICE_PAIRING_NONE], 0);
    ck_assert_uint_eq(facts.others + facts.tainted + facts.repeated + facts.virtual_nics +
                          facts.divided_nics + facts.unused_roots,
                      0);
    ck_assert(facts.rdma);
    device_facts_finish(&facts);
}

START_TEST(every_device_is_accounted_for)
{
    struct lines *lines = alloc_zero(1, sizeof *lines);
    struct slice_pools *pools = slice_pools_create();
    read_all(pools, lines);
    account(
        pools, P4D,
        &(struct device_facts){.gpus = 8, .nics = 4, .nics_without_rdma = 3, .paired = {[0] = 8}});
    account(pools, GB300,
            &(struct device_facts){.gpus = 4, .nics = 4, .inferred_numa = 4, .paired = {[1] = 4}});
    account(pools, GB200,
            &(struct device_facts){.gpus = 4, .nics = 8, .inferred_numa = 4, .paired = {[1] = 4}});
    account(pools, MI300X, &(struct device_facts){.nics = 8});
    slice_pools_destroy(pools);
    free(lines);
}
END_TEST

/* NUMA nodes of the p4d's GPUs are told by the EFA at the same root. */
START_TEST(numa_is_learnt_from_the_root)
{
    struct err err;
    struct device_facts facts;
    struct lines *lines = alloc_zero(1, sizeof *lines);
    struct slice_pools *pools = slice_pools_create();
    read_all(pools, lines);
    ck_assert_int_eq(device_facts_read(pools, P4D, NULL, &facts, &err), 0);
    ck_assert_uint_eq(device_map_on_numa(facts.map, DEVICE_GPU, 0), 0x0f);
    ck_assert_uint_eq(device_map_on_numa(facts.map, DEVICE_GPU, 1), 0xf0);
    device_facts_finish(&facts);
    ck_assert_int_eq(device_facts_read(pools, MI300X, NULL, &facts, &err), 0);
    ck_assert_uint_eq(device_map_on_numa(facts.map, DEVICE_NIC, 0), 0x0f);
    ck_assert_uint_eq(device_map_on_numa(facts.map, DEVICE_NIC, 1), 0xf0);
    device_facts_finish(&facts);
    slice_pools_destroy(pools);
    free(lines);
}
END_TEST

int main(int argc, char **argv)
{
    if (argc != 3) {
        (void)fprintf(stderr, "usage: %s DIRECTORY TABLE\n", argv[0]);
        return EXIT_FAILURE;
    }
    directory = argv[1];
    table_path = argv[2];
    DIR *stream = opendir(directory);
    if (stream == NULL) {
        (void)printf("%s is not there\n", directory);
        return EXIT_SKIP;
    }
    (void)closedir(stream);
    Suite *suite = suite_create("real_slices");
    TCase *tcase = tcase_create("real_slices");
    tcase_add_test(tcase, pairs_are_those_of_the_files);
    tcase_add_test(tcase, every_device_is_accounted_for);
    tcase_add_test(tcase, numa_is_learnt_from_the_root);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
