// SPDX-License-Identifier: Apache-2.0
#include "api/kube/objects/dialect.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "api/json/fields.h"
#include "topology/base/utf8.h"

/* Which gang, and what it needs to start. The pod's place in it is read in dialect_rank.c, and
 * where the gang wants to be in dialect_placement.c.
 */

static const char *const OBJECT_GANG_LABELS[] = {
    "scheduling.x-k8s.io/pod-group",
    "pod-group.scheduling.sigs.k8s.io",
    NULL,
};
#define LIGHTWEIGHT_GANG    "pod-group.scheduling.sigs.k8s.io/name"
#define LIGHTWEIGHT_MINIMUM "pod-group.scheduling.sigs.k8s.io/min-available"

#define JOBSET_UID     "jobset.sigs.k8s.io/jobset-uid"
#define JOBSET_ATTEMPT "jobset.sigs.k8s.io/restart-attempt"

#define DEVICES "phalanx.dev/devices"
#define PLACED  "phalanx.dev/gang"
#define RUN     "phalanx.dev/run"
#define RUN_MAX 128 /* bytes; a longer one is not ours */

#define ROLE_MINIMUMS  "phalanx.dev/role-minimums"
#define PREFERENCE     "phalanx.dev/elastic-preference"
#define PREFERENCE_MAX 128 /* bytes kept of a word that is none */

/* JobSet's exclusive placement, unless its nodes are labelled beforehand. */
#define EXCLUSIVE        "alpha.jobset.sigs.k8s.io/exclusive-topology"
#define NODE_SELECTOR    "alpha.jobset.sigs.k8s.io/node-selector"
#define COMPLETION_INDEX "batch.kubernetes.io/job-completion-index"

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

int32_t dialect_count(const char *text, int32_t limit)
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

const char *dialect_gang(const json_t *labels)
{
    const char *gang = first_of(labels, OBJECT_GANG_LABELS);
    return gang != NULL ? gang : value_of(labels, LIGHTWEIGHT_GANG);
}

static void read_gang(const json_t *labels, struct arena *arena, struct dialect_mark *mark)
{
    mark->gang = arena_string(arena, dialect_gang(labels));
    if (mark->gang != NULL && first_of(labels, OBJECT_GANG_LABELS) == NULL) {
        int32_t minimum = dialect_count(value_of(labels, LIGHTWEIGHT_MINIMUM), INT32_MAX);
        mark->gang_minimum = minimum == 0 ? -1 : minimum;
    }
}

/* At most so many bytes of it and one more, so that what is too long is seen to be. */
static const char *text_of(const json_t *annotations, const char *key, size_t most,
                           struct arena *arena)
{
    const char *text = value_of(annotations, key);
    return text == NULL ? NULL : arena_string_n(arena, text, strnlen(text, most + 1));
}

void dialect_elastic(const json_t *annotations, struct arena *arena, struct elastic_object *elastic)
{
    elastic->minimums = text_of(annotations, ROLE_MINIMUMS, MINIMUMS_TEXT_MAX, arena);
    elastic->preference = text_of(annotations, PREFERENCE, PREFERENCE_MAX, arena);
}

/* JobSet's webhook admits the other pods of a Job once that of index 0 is scheduled. */
static bool is_leader(const json_t *annotations, const json_t *labels)
{
    const char *index = value_of(annotations, COMPLETION_INDEX);
    index = index == NULL ? value_of(labels, COMPLETION_INDEX) : index;
    return value_of(annotations, EXCLUSIVE) != NULL && index != NULL && strcmp(index, "0") == 0 &&
           json_object_get(annotations, NODE_SELECTOR) == NULL;
}

/* A JobSet is many Jobs, and one run of it all that it makes in one attempt. */
static const char *read_attempt(const json_t *labels, struct arena *arena)
{
    const char *uid = value_of(labels, JOBSET_UID);
    const char *attempt = value_of(labels, JOBSET_ATTEMPT);
    char text[160];
    if (uid == NULL) {
        return NULL;
    }
    utf8_print(text, sizeof text, "%.70s/%.70s", uid, attempt == NULL ? "0" : attempt);
    return arena_string(arena, text);
}

void dialect_read(const json_t *labels, const json_t *annotations, struct arena *arena,
                  struct dialect_mark *mark)
{
    *mark = (struct dialect_mark){.gang = NULL};
    read_gang(labels, arena, mark);
    dialect_rank(labels, annotations, arena, mark);
    dialect_placement(annotations, arena, &mark->placement);
    dialect_elastic(annotations, arena, &mark->elastic);
    mark->leader = is_leader(annotations, labels);
    const char *devices = value_of(annotations, DEVICES); /* too long: it names no GPUs */
    mark->devices =
        devices == NULL || strlen(devices) > DEVICES_TEXT_MAX ? NULL : arena_string(arena, devices);
    const char *run = value_of(annotations, RUN); /* as written, it is a uid */
    mark->run = run == NULL || strlen(run) > RUN_MAX ? NULL : arena_string(arena, run);
    mark->attempt = read_attempt(labels, arena);
    const char *placed = value_of(annotations, PLACED);
    mark->placed_here = mark->gang != NULL && placed != NULL && strcmp(placed, mark->gang) == 0;
}
