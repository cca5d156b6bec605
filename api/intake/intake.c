// SPDX-License-Identifier: Apache-2.0
#include "api/intake/intake.h"

#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"
#include "topology/base/arena.h"

/* Two steps in a fixed order, and one place that says what went wrong in either. Nothing here
 * fails: what cannot be used is left out, and the node goes on without it.
 */

struct intake {
    struct intake_options options;
    struct node_devices *devices;
    struct arena labels;      /* of the node taken in last */
    struct pod_object called; /* of the call taken in last */
};

struct intake *intake_create(const struct intake_options *options)
{
    struct intake *intake = alloc_zero(1, sizeof *intake);
    intake->options = *options;
    intake->devices = node_devices_create();
    arena_init(&intake->labels);
    return intake;
}

void intake_destroy(struct intake *intake)
{
    if (intake == NULL) {
        return;
    }
    overlay_destroy(intake->options.overlay);
    node_devices_destroy(intake->devices);
    arena_finish(&intake->labels);
    free(intake);
}

static void warn(const struct intake *intake, const char *what, const char *why)
{
    intake->options.warn(intake->options.context, what, why);
}

void intake_slice(struct intake *intake, struct kube_slice *slice)
{
    struct err err;
    struct decoded_slice *decoded = slice->decoded;
    slice->decoded = NULL;
    if (decoded == NULL) {
        node_devices_slice_gone(intake->devices, slice->gone);
    } else if (node_devices_slice(intake->devices, decoded, &err) < 0) {
        warn(intake, "a ResourceSlice is left out", err.text);
    }
}

void intake_slices(struct intake *intake, struct kube_batch *batch)
{
    for (size_t i = 0; i < batch->slice_count; i++) {
        intake_slice(intake, &batch->slices[i]);
    }
}

bool intake_next_changed(struct intake *intake, struct event *event)
{
    *event = (struct event){.type = EVENT_DEVICES};
    return node_devices_next_changed(intake->devices, &event->node);
}

bool intake_has_changed(const struct intake *intake)
{
    return node_devices_has_changed(intake->devices);
}

static void import_labels(struct intake *intake, struct node_object *node)
{
    struct err err;
    arena_reset(&intake->labels);
    if (intake->options.overlay != NULL &&
        overlay_apply(intake->options.overlay, &intake->labels, node, &err) < 0) {
        warn(intake, "a node gets no imported labels", err.text);
    }
}

static void compare(const struct intake *intake)
{
    char report[ERR_TEXT_MAX];
    if (intake->options.overlay != NULL &&
        overlay_report(intake->options.overlay, report, sizeof report)[0] != '\0') {
        warn(intake, "the imported topology and the nodes differ", report);
    }
}

static bool is_foreign(const struct intake *intake, const struct pod_object *pod)
{
    const struct intake_options *options = &intake->options;
    bool served =
        pod->scheduler == NULL || pod->scheduler[0] == '\0' || options->scheduler_count == 0;
    for (size_t i = 0; i < options->scheduler_count && !served; i++) {
        served = strcmp(pod->scheduler, options->schedulers[i]) == 0;
    }
    return !served;
}

static void mark_called(struct intake *intake, struct call_pod *call)
{
    if (call->object != NULL) {
        intake->called = *call->object;
        intake->called.foreign = is_foreign(intake, call->object);
        call->object = &intake->called;
    }
}

void intake_event(struct intake *intake, struct event *event, struct node_devices_finding *finding)
{
    if (event->type == EVENT_NODE) {
        node_devices_fill(intake->devices, &event->node, finding);
        import_labels(intake, &event->node);
    } else if (event->type == EVENT_NODE_GONE) {
        node_devices_forget(intake->devices, event->node_name);
    } else if (event->type == EVENT_SYNCED) {
        compare(intake);
    } else if (event->type == EVENT_POD) {
        event->pod.foreign = is_foreign(intake, &event->pod);
    } else if (event->type == EVENT_FILTER || event->type == EVENT_PRIORITIZE) {
        mark_called(intake, &event->filter.pod);
    } else if (event->type == EVENT_PREEMPT) {
        mark_called(intake, &event->preempt.pod);
    }
}
