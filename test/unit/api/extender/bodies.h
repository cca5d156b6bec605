// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_UNIT_API_EXTENDER_BODIES_H
#define TEST_UNIT_API_EXTENDER_BODIES_H

#include <stdlib.h>
#include <string.h>

#include "api/json/scan.h"
#include "test/unit/check_main.h"

/* A Pod as kube-scheduler marshals it (no kind, managedFields trimmed, <>& escaped by Go). */
#define BODY_POD                                                                             \
    "{\"metadata\":{\"name\":\"train-worker-3\",\"generateName\":\"train-worker-\","         \
    "\"namespace\":\"team-a\",\"uid\":\"5f0c7a3e-0f5e-4c53-9d5c-1b1a6d1f7a10\","             \
    "\"resourceVersion\":\"81237\",\"creationTimestamp\":\"2026-11-20T12:00:00Z\","          \
    "\"labels\":{\"app\":\"train\",\"uid\":\"not this one\"},"                               \
    "\"annotations\":{\"note\":\"a \\u003c b \\u0026 c\",\"name\":\"nor this\"},"            \
    "\"ownerReferences\":[{\"apiVersion\":\"batch/v1\",\"kind\":\"Job\",\"name\":\"train\"," \
    "\"uid\":\"0d8a\",\"controller\":true}]},"                                               \
    "\"spec\":{\"containers\":[{\"name\":\"main\",\"image\":\"registry/train:1\","           \
    "\"resources\":{\"limits\":{\"cpu\":\"8\",\"nvidia.com/gpu\":\"8\"}}}],"                 \
    "\"tolerations\":[{\"key\":\"gpu\",\"operator\":\"Exists\"}],\"priority\":100},"         \
    "\"status\":{\"phase\":\"Pending\",\"conditions\":[{\"type\":\"PodScheduled\","          \
    "\"status\":\"False\",\"lastProbeTime\":null}],\"nominatedNodeName\":\"n2\","            \
    "\"qosClass\":\"Burstable\"}}"

#define BODY_NODE(name)                                                                         \
    "{\"metadata\":{\"name\":\"" name "\",\"uid\":\"u-" name "\",\"labels\":{\"zone\":\"a\"}}," \
    "\"spec\":{\"taints\":null},\"status\":{\"capacity\":{\"cpu\":\"64\"}}}"

#define BODY_FILTER_NAMES \
    "{\"Pod\":" BODY_POD ",\"Nodes\":null,\"NodeNames\":[\"n1\",\"n2\",\"n3\"]}\n"
#define BODY_FILTER_NODES                                                                         \
    "{\"Pod\":" BODY_POD ",\"Nodes\":{\"metadata\":{},\"items\":[" BODY_NODE("n1") "," BODY_NODE( \
        "n2") "]},\"NodeNames\":null}\n"
#define BODY_BIND                                                  \
    "{\"PodName\":\"train-worker-3\",\"PodNamespace\":\"team-a\"," \
    "\"PodUID\":\"5f0c7a3e\",\"Node\":\"n2\"}\n"
#define BODY_PREEMPT_META                                                           \
    "{\"Pod\":" BODY_POD ",\"NodeNameToVictims\":null,\"NodeNameToMetaVictims\":{"  \
    "\"n1\":{\"Pods\":[{\"UID\":\"v1\"},{\"UID\":\"v2\"}],\"NumPDBViolations\":1}," \
    "\"n2\":{\"Pods\":[],\"NumPDBViolations\":0},"                                  \
    "\"n3\":{\"Pods\":[{\"UID\":\"v3\"}],\"NumPDBViolations\":0}}}\n"
#define BODY_PREEMPT_FULL                                                                        \
    "{\"Pod\":" BODY_POD ",\"NodeNameToVictims\":{"                                              \
    "\"n1\":{\"Pods\":[{\"metadata\":{\"name\":\"a\",\"uid\":\"v1\"},\"spec\":{\"uid\":7}},"     \
    "{\"metadata\":{\"uid\":\"v2\"}}],\"NumPDBViolations\":1},"                                  \
    "\"n3\":{\"Pods\":[{\"metadata\":{\"uid\":\"v3\"},\"status\":{}}],\"NumPDBViolations\":0}}," \
    "\"NodeNameToMetaVictims\":null}\n"

static inline void assert_slice(const struct json_slice *slice, const char *wanted)
{
    ck_assert_msg(slice->length == strlen(wanted) &&
                      (slice->length == 0 || memcmp(slice->text, wanted, slice->length) == 0),
                  "\"%.*s\" instead of \"%s\"", (int)slice->length, slice->text, wanted);
}

/* *New* copy with nothing behind it, so that the address sanitizer sees a byte read too much. */
static inline char *exact_copy(const char *text, size_t length)
{
    char *copy = malloc(length == 0 ? 1 : length);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, text, length);
    return copy;
}

#endif
