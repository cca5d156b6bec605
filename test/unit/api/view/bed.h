// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_UNIT_API_VIEW_BED_H
#define TEST_UNIT_API_VIEW_BED_H

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/embedded/cluster.h"
#include "scheduler/engine.h"
#include "test/unit/check_main.h"
#include "topology/base/alloc.h"

/* A real engine fed from JSON through the embedded cluster; its effects are dropped. */
struct bed {
    struct engine *engine;
    struct cluster *cluster;
    struct kube_batch *batch;
    size_t applied;
    struct effects effects;
    struct arena arena;
};

static inline void bed_init(struct bed *bed)
{
    struct engine_options options;
    engine_options_default(&options);
    memset(bed, 0, sizeof *bed);
    bed->engine = engine_create(&options);
    bed->cluster = cluster_create();
    bed->batch = kube_batch_create();
    effects_init(&bed->effects);
    arena_init(&bed->arena);
}

static inline void bed_finish(struct bed *bed)
{
    effects_finish(&bed->effects);
    engine_destroy(bed->engine);
    cluster_destroy(bed->cluster);
    kube_batch_destroy(bed->batch);
    arena_finish(&bed->arena);
}

static inline void bed_run(struct bed *bed)
{
    for (; bed->applied < bed->batch->count; bed->applied++) {
        effects_reset(&bed->effects);
        engine_apply(bed->engine, &bed->batch->events[bed->applied], &bed->effects);
    }
    for (int i = 0; i < 100 && engine_deadline(bed->engine) <= 0; i++) {
        struct event tick = {.type = EVENT_TICK};
        effects_reset(&bed->effects);
        engine_apply(bed->engine, &tick, &bed->effects);
    }
}

static inline void bed_apply(struct bed *bed, const char *text)
{
    struct err err;
    json_error_t error;
    json_t *json = json_loads(text, 0, &error);
    ck_assert_msg(json != NULL, "%s: %s", error.text, text);
    ck_assert_msg(cluster_apply(bed->cluster, json, bed->batch, NULL, &err) == 0, "%s", err.text);
    json_decref(json);
}

static inline void bed_node(struct bed *bed, const char *name, const char *leaf, const char *rack,
                            int gpus)
{
    char text[1024];
    char rack_label[256] = "";
    if (rack != NULL) {
        snprintf(rack_label, sizeof rack_label, ",\"topology.kubernetes.io/rack\":\"%s\"", rack);
    }
    snprintf(text, sizeof text,
             "{\"kind\":\"Node\",\"metadata\":{\"name\":\"%s\",\"labels\":{"
             "\"fabric.topograph.run/tier-0\":\"%s\"%s}},\"status\":{\"allocatable\":{"
             "\"nvidia.com/gpu\":\"%d\",\"pods\":\"110\",\"cpu\":\"64\"}}}",
             name, leaf, rack_label, gpus);
    bed_apply(bed, text);
}

/* A pod of a gang "train" in "default"; `labels` is more of them, each with a comma in front. */
static inline void bed_pod(struct bed *bed, const char *name, int gpus, const char *labels)
{
    char text[1024];
    snprintf(text, sizeof text,
             "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"%s\",\"labels\":{"
             "\"scheduling.x-k8s.io/pod-group\":\"train\"%s}},\"spec\":{\"containers\":["
             "{\"resources\":{\"requests\":{\"nvidia.com/gpu\":\"%d\"}}}]}}",
             name, labels, gpus);
    bed_apply(bed, text);
}

static inline void bed_indexed_pods(struct bed *bed, int count, int gpus)
{
    for (int i = 0; i < count; i++) {
        char name[64], labels[128];
        snprintf(name, sizeof name, "train-%d", i);
        snprintf(labels, sizeof labels, ",\"batch.kubernetes.io/job-completion-index\":\"%d\"", i);
        bed_pod(bed, name, gpus, labels);
    }
}

static inline void bed_group(struct bed *bed, int minimum)
{
    char text[512];
    snprintf(text, sizeof text,
             "{\"kind\":\"PodGroup\",\"metadata\":{\"name\":\"train\"},"
             "\"spec\":{\"minMember\":%d}}",
             minimum);
    bed_apply(bed, text);
}

static inline void bed_sync(struct bed *bed)
{
    kube_batch_append(bed->batch, EVENT_SYNCED);
    bed_run(bed);
}

/* The gang's view, good until the next call. */
static inline struct gang_view bed_view(struct bed *bed)
{
    struct gang_view view;
    arena_reset(&bed->arena);
    ck_assert(engine_gang_find(bed->engine, "default", "train", &bed->arena, &view));
    return view;
}

#endif
