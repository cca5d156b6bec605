// SPDX-License-Identifier: Apache-2.0
#include "api/kube/objects/dialect.h"

#include <stddef.h>
#include <string.h>

#include "api/json/fields.h"

/* Tables of strings, and two small readers of numbers. Placement has a file of its own,
 * dialect_placement.c.
 *
 * A JobSet's replicated job may consist of several Jobs, each of which counts its pods from 0. How
 * many pods each has is not on the pod, so the index inside the role is only known when there is
 * one Job; otherwise the pod is left without a rank and the engine deals ranks by name.
 */

#define INDEX_MAX 999999999

static const char *const OBJECT_GANG_LABELS[] = {
    "scheduling.x-k8s.io/pod-group",
    "pod-group.scheduling.sigs.k8s.io",
    NULL,
};
#define LIGHTWEIGHT_GANG    "pod-group.scheduling.sigs.k8s.io/name"
#define LIGHTWEIGHT_MINIMUM "pod-group.scheduling.sigs.k8s.io/min-available"

static const char *const ROLE_LABELS[] = {
    "jobset.sigs.k8s.io/replicatedjob-name",
    "training.kubeflow.org/replica-type",
    NULL,
};
#define JOBSET_REPLICAS "jobset.sigs.k8s.io/replicatedjob-replicas"

#define KUBEFLOW_INDEX   "training.kubeflow.org/replica-index"
#define COMPLETION_INDEX "batch.kubernetes.io/job-completion-index"
#define LWS_INDEX        "leaderworkerset.sigs.k8s.io/worker-index"
#define STATEFUL_INDEX   "apps.kubernetes.io/pod-index"

#define DEVICES "phalanx.dev/devices"

/* The value, or NULL when it is absent, empty or no string. */
static const char *value_of(const json_t *map, const char *key)
{
    const char *text = map == NULL ? NULL : field_text(json_object_get(map, key));
    return text == NULL || text[0] == '\0' ? NULL : text;
}

static const char *first_of(const json_t *map, const char *const *keys)
{
    const char *text = NULL;
    for (; text == NULL && *keys != NULL; keys++) {
        text = value_of(map, *keys);
    }
    return text;
}

/* Digits only, at most `limit`; -1 for anything else. */
static int32_t read_count(const char *text, int32_t limit)
{
    if (text == NULL || text[0] == '\0' || text[strspn(text, "0123456789")] != '\0') {
        return -1;
    }
    int64_t value = 0;
    for (; *text != '\0'; text++) {
        value = value * 10 + (*text - '0');
        if (value > limit) {
            return -1;
        }
    }
    return (int32_t)value;
}

static void read_gang(const json_t *labels, struct arena *arena, struct dialect_mark *mark)
{
    mark->gang = arena_string(arena, first_of(labels, OBJECT_GANG_LABELS));
    if (mark->gang != NULL) {
        return;
    }
    mark->gang = arena_string(arena, value_of(labels, LIGHTWEIGHT_GANG));
    if (mark->gang != NULL) {
        int32_t minimum = read_count(value_of(labels, LIGHTWEIGHT_MINIMUM), INT32_MAX);
        mark->gang_minimum = minimum == 0 ? -1 : minimum;
    }
}

static int32_t read_rank(const json_t *labels, const json_t *annotations)
{
    const char *replicas = value_of(labels, JOBSET_REPLICAS);
    if (replicas != NULL && read_count(replicas, INT32_MAX) != 1) {
        return -1;
    }
    const char *const candidates[] = {
        value_of(labels, KUBEFLOW_INDEX),        value_of(labels, COMPLETION_INDEX),
        value_of(annotations, COMPLETION_INDEX), value_of(labels, LWS_INDEX),
        value_of(labels, STATEFUL_INDEX),
    };
    for (size_t i = 0; i < sizeof candidates / sizeof candidates[0]; i++) {
        int32_t rank = read_count(candidates[i], INDEX_MAX);
        if (rank >= 0) {
            return rank;
        }
    }
    return -1;
}

void dialect_read(const json_t *labels, const json_t *annotations, struct arena *arena,
                  struct dialect_mark *mark)
{
    *mark = (struct dialect_mark){.gang = NULL};
    read_gang(labels, arena, mark);
    mark->role = arena_string(arena, first_of(labels, ROLE_LABELS));
    mark->rank = read_rank(labels, annotations);
    dialect_placement(annotations, arena, &mark->placement);
    mark->devices = arena_string(arena, value_of(annotations, DEVICES));
}
