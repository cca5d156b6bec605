// SPDX-License-Identifier: Apache-2.0
#ifndef API_INTAKE_INTAKE_H
#define API_INTAKE_INTAKE_H

#include <stdbool.h>
#include <stddef.h>

#include "api/import/overlay.h"
#include "api/kube/devices/node_devices.h"
#include "api/kube/objects/batch.h"
#include "scheduler/event.h"

/* From decoded objects to what the engine sees. The daemon, `plan` and `topology` all pass their
 * events through here, so that the three understand the same of the same cluster.
 *
 *   ResourceSlices ─────────────▶ what is known of each node's devices
 *                                   │
 *   EVENT_NODE ─▶ its own labels ─▶ device map ─▶ labels of an imported topology ─▶ the engine
 *
 *   EVENT_POD, and the Pod of a call ─▶ whether its scheduler is served ─▶ the engine
 *
 * Of schedulers that are not served no vote ever comes, so their pods are no gang's to wait for. An
 * API server always writes a name; a pod without one is of a file, and ours.
 *
 * The device map is found by the labels a node carries itself: an imported topology says where a
 * node is, never what it is.
 *
 * What is refused, and what is left out with a warning:
 *
 *   a snapshot that cannot be read, or with an object in it that cannot be decoded     refused
 *   an imported topology that cannot be read or contradicts itself; two of them        refused
 *   a file of the configuration or a manifest with a mistake in it                     refused
 *   a node of which the imported topology says two things      gets none of its labels, warning
 *   a node that would have too many labels with the imported ones            the same, warning
 *   nodes that the imported topology does not know, or that only it knows              warning
 *   a ResourceSlice that cannot be decoded                                    left out, warning
 *   an object of the watch that cannot be decoded (kube/watch)                left out, warning
 *   a kind that nobody reads                       left out; of a manifest: left out, warning
 *   a key of ours that nobody reads, another scheduler's pod (kube/objects/remarks.h)  warning
 *
 * The rule behind it: whoever wrote a file can mend it, so it is refused with the place of the
 * mistake; a cluster cannot be refused, so what is not understood there costs no more than itself.
 */

struct intake;

struct intake_options {
    /* spec.schedulerName of pods that are placed here; *borrowed*, like its texts. None: all. */
    const char *const *schedulers;
    size_t scheduler_count;
    struct overlay *overlay; /* *stolen*; an imported topology, or NULL */
    /* `what` is a constant text ("a ResourceSlice is left out"), `why` names the object. */
    void (*warn)(void *context, const char *what, const char *why);
    void *context;
};

struct intake *intake_create(const struct intake_options *options);
void intake_destroy(struct intake *intake);

/* Takes in one ResourceSlice of a batch, and out of it; or all of them. They count before all of
 * the batch's events. */
void intake_slice(struct intake *intake, struct kube_slice *slice);
void intake_slices(struct intake *intake, struct kube_batch *batch);
/* Of the nodes whose slices have changed since they were taken in, the next one, as EVENT_DEVICES;
 * *borrowed* until the next call. False when there is none left. */
bool intake_next_changed(struct intake *intake, struct event *event);
bool intake_has_changed(const struct intake *intake); /* whether there is one */

/* Completes an event on its way to the engine: every event goes through here, in order. What is
 * added is *borrowed* until the next call. EVENT_SYNCED says what does not fit together. `finding`
 * tells of an EVENT_NODE what is known of its devices; it may be NULL. */
void intake_event(struct intake *intake, struct event *event, struct node_devices_finding *finding);

#endif
