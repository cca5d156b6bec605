// SPDX-License-Identifier: Apache-2.0
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/kube/devices/facts.h"

/* Any JSON is a ResourceSlice or an array of what happens to slices: an object is applied, a string
 * deletes the slice of that name. Whatever comes, a pool has devices or a reason, every device is
 * accounted for, and a map has as many as were counted.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_pools(const struct slice_pools *pools, const char *node, size_t *devices,
                        bool *complete)
{
    struct arena arena;
    size_t count = 0;
    arena_init(&arena);
    const struct slice_pool *list = slice_pools_of_node(pools, node, &arena, &count);
    *devices = 0;
    *complete = true;
    for (size_t i = 0; i < count; i++) {
        require(list[i].reason == NULL || (list[i].reason[0] != '\0' && list[i].device_count == 0));
        *complete = *complete && list[i].reason == NULL;
        *devices += list[i].device_count;
        for (size_t j = 1; j < list[i].device_count; j++) {
            require(strcmp(list[i].devices[j - 1]->name, list[i].devices[j]->name) < 0);
        }
    }
    arena_finish(&arena);
}

static void check_facts(const struct slice_pools *pools, const char *node)
{
    struct err err = {.text = ""};
    struct device_facts facts;
    size_t devices = 0;
    bool complete = false;
    char text[DEVICE_FACTS_TEXT_MAX];
    check_pools(pools, node, &devices, &complete);
    if (device_facts_read(pools, node, NULL, &facts, &err) != 0) {
        require(err.text[0] != '\0' && facts.map == NULL);
        return;
    }
    size_t told = (size_t)facts.gpus + facts.nics + facts.others + facts.tainted + facts.repeated +
                  facts.virtual_nics + facts.divided_nics + facts.nics_without_rdma;
    require(told == devices);
    require((facts.map != NULL) == (facts.gpus + facts.nics > 0));
    if (facts.map != NULL) {
        require(device_map_count(facts.map, DEVICE_GPU) == facts.gpus);
        require(device_map_count(facts.map, DEVICE_NIC) == facts.nics);
    }
    device_facts_describe(&facts, text);
    require(strlen(text) < DEVICE_FACTS_TEXT_MAX);
    device_facts_finish(&facts);
}

static void step(struct slice_pools *pools, const json_t *json)
{
    struct err err = {.text = ""};
    if (json_is_string(json)) {
        slice_pools_delete(pools, json_string_value(json));
        return;
    }
    require(slice_pools_apply(pools, decoded_slice_create(json), &err) == 0 || err.text[0] != '\0');
    const char *node =
        json_string_value(json_object_get(json_object_get(json, "spec"), "nodeName"));
    if (node != NULL) {
        check_facts(pools, node);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *json = json_loadb((const char *)data, size, JSON_DECODE_ANY, NULL);
    if (json == NULL) {
        return 0;
    }
    struct slice_pools *pools = slice_pools_create();
    size_t index = 0;
    json_t *element = NULL;
    if (!json_is_array(json)) {
        step(pools, json);
    }
    json_array_foreach(json, index, element)
    {
        step(pools, element);
    }
    json_decref(json);
    struct slice_pools_counts counts = slice_pools_counts(pools);
    require(counts.unreadable <= counts.slices);
    slice_pools_destroy(pools);
    return 0;
}
