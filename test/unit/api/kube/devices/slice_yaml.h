// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_UNIT_API_KUBE_DEVICES_SLICE_YAML_H
#define TEST_UNIT_API_KUBE_DEVICES_SLICE_YAML_H

#include <stdarg.h>
#include <stdio.h>

#include "api/kube/devices/slice_pools.h"
#include "test/unit/api/yaml/object.h"

/* A slice in one line, so that tests read as a sequence of events. */
struct slice_yaml {
    const char *name;
    const char *driver;
    const char *node; /* also the pool */
    int generation;
    int count;
    const char *devices; /* the YAML between [ and ] */
};

/* *New* */
static inline json_t *slice_json(const struct slice_yaml *slice)
{
    char yaml[16384];
    int length = snprintf(yaml, sizeof yaml,
                          "metadata: {name: '%s'}\n"
                          "spec: {driver: %s, nodeName: '%s', pool: {name: '%s', generation: %d, "
                          "resourceSliceCount: %d},\n"
                          "  devices: [%s]}\n",
                          slice->name, slice->driver, slice->node, slice->node, slice->generation,
                          slice->count, slice->devices);
    ck_assert(length > 0 && (size_t)length < sizeof yaml);
    return yaml_object(yaml);
}

static inline void slice_apply(struct slice_pools *pools, struct slice_yaml slice)
{
    struct err err;
    json_t *json = slice_json(&slice);
    ck_assert_msg(slice_pools_apply(pools, decoded_slice_create(json), &err) == 0, "%s", err.text);
    json_decref(json);
}

/* Must fail; the text of the error. */
static inline void slice_refuse(struct slice_pools *pools, struct slice_yaml slice, struct err *err)
{
    json_t *json = slice_json(&slice);
    ck_assert_int_eq(slice_pools_apply(pools, decoded_slice_create(json), err), -1);
    json_decref(json);
}

#endif
