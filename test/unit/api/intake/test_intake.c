// SPDX-License-Identifier: Apache-2.0
#include "api/intake/intake.h"

#include <stdio.h>
#include <string.h>

#include "api/kube/objects/decode_slice.h"
#include "api/yaml/yaml.h"
#include "test/unit/check_main.h"

static struct intake *intake;
static char warnings[4096];

static void note(void *context, const char *what, const char *why)
{
    size_t used = strlen(warnings);
    ck_assert_ptr_eq(context, warnings);
    snprintf(warnings + used, sizeof warnings - used, "%s: %s\n", what, why);
}

/* One domain of a level with that label key, of nodes whose name matches. */
static struct overlay *make_overlay(const char *key, const char *domain_name, const char *pattern)
{
    struct overlay *overlay = overlay_create();
    struct node_match *match = NULL;
    struct err err;
    uint32_t domain;
    ck_assert_int_eq(overlay_level(overlay, "level", key, &err), 0);
    ck_assert_int_eq(overlay_domain(overlay, 0, OVERLAY_NONE, domain_name, &domain, &err), 0);
    ck_assert_int_eq(node_match_pattern(pattern, &match, &err), 0);
    ck_assert_int_eq(overlay_rule(overlay, match, domain, &err), 0);
    ck_assert_int_eq(overlay_finish(overlay, &err), 0);
    return overlay;
}

static void start(struct overlay *overlay)
{
    warnings[0] = '\0';
    intake = intake_create(
        &(struct intake_options){.overlay = overlay, .warn = note, .context = warnings});
}

static void teardown(void)
{
    intake_destroy(intake);
}

static const struct label_object dgx[] = {{"nvidia.com/gpu.product", "NVIDIA-A100-SXM4-80GB"},
                                          {"nvidia.com/gpu.machine", "DGXA100-920-1"},
                                          {"nvidia.com/gpu.count", "8"}};
static const struct amount_object eight[] = {{"nvidia.com/gpu", 8}};

static struct event node(const char *name)
{
    return (struct event){.type = EVENT_NODE,
                          .node = {.name = name,
                                   .labels = dgx,
                                   .label_count = 3,
                                   .allocatable = eight,
                                   .allocatable_count = 1}};
}

START_TEST(a_node_is_completed)
{
    start(make_overlay(NULL, "d", "^n"));
    struct event event = node("n1");
    struct node_devices_finding finding;
    intake_event(intake, &event, &finding);
    ck_assert_ptr_nonnull(event.node.devices);
    ck_assert_str_eq(event.node.device_resource, "nvidia.com/gpu");
    ck_assert_str_eq(finding.text, "dgx-a100 by its labels");
    ck_assert_uint_eq(event.node.label_count, 4);
    ck_assert_str_eq(event.node.labels[3].key, "topology.phalanx.dev/level");
    ck_assert_str_eq(event.node.labels[3].value, "d");
    ck_assert_str_eq(warnings, "");
}
END_TEST

START_TEST(without_an_imported_topology)
{
    start(NULL);
    struct event event = node("n1");
    struct event synced = {.type = EVENT_SYNCED};
    intake_event(intake, &event, NULL);
    intake_event(intake, &synced, NULL);
    ck_assert_ptr_nonnull(event.node.devices);
    ck_assert_ptr_eq(event.node.labels, dgx);
    ck_assert_uint_eq(event.node.label_count, 3);
    ck_assert_str_eq(warnings, "");
}
END_TEST

/* Whatever its key: what the imported label says is where the node is. */
START_TEST(an_imported_label_does_not_make_another_machine_of_a_node)
{
    static const char key[] = "node.kubernetes.io/instance-type";
    start(make_overlay(key, "p4d.24xlarge", "^n"));
    struct event event = node("n1");
    struct node_devices_finding finding;
    event.node.label_count = 0;
    intake_event(intake, &event, &finding);
    ck_assert_uint_eq(event.node.label_count, 1);
    ck_assert_str_eq(event.node.labels[0].key, key);
    ck_assert_ptr_null(event.node.devices);
    ck_assert_str_eq(finding.text,
                     "no label identifies the machine, and no ResourceSlice lists its GPUs");
    const struct label_object own[] = {{key, "p4d.24xlarge"}}; /* from the node it does */
    event = node("other");
    event.node.labels = own;
    event.node.label_count = 1;
    intake_event(intake, &event, &finding);
    ck_assert_ptr_nonnull(event.node.devices);
}
END_TEST

START_TEST(what_does_not_fit_is_said_once_all_are_seen)
{
    start(make_overlay(NULL, "d", "^n"));
    struct event event = node("other");
    struct event synced = {.type = EVENT_SYNCED};
    intake_event(intake, &event, NULL);
    ck_assert_str_eq(warnings, "");
    intake_event(intake, &synced, NULL);
    ck_assert_str_eq(warnings, "the imported topology and the nodes differ: 1 node has no place in "
                               "the imported topology (other)\n");
}
END_TEST

static struct kube_batch *slices(const char *generation)
{
    char text[1024];
    struct err err;
    struct kube_batch *batch = kube_batch_create();
    snprintf(text, sizeof text,
             "{apiVersion: resource.k8s.io/v1, kind: ResourceSlice, metadata: {name: s}, spec: "
             "{driver: gpu.nvidia.com, nodeName: n1, pool: {name: n1, generation: %s, "
             "resourceSliceCount: 1}, devices: [{name: gpu-0, attributes: {type: {string: gpu}, "
             "uuid: {string: GPU-0}}}]}}",
             generation);
    json_t *documents = yaml_load(text, strlen(text), &err);
    ck_assert_msg(documents != NULL, "%s", err.text);
    kube_batch_slice(batch, decoded_slice_create(json_array_get(documents, 0)));
    json_decref(documents);
    return batch;
}

static void take(struct kube_batch *batch)
{
    intake_slices(intake, batch);
    kube_batch_destroy(batch);
}

/* One GPU of eight: the slices are believed, and the map is gone. */
START_TEST(slices_that_come_later_change_the_node)
{
    start(NULL);
    struct event event = node("n1");
    struct event changed;
    intake_event(intake, &event, NULL);
    ck_assert(!intake_next_changed(intake, &changed));
    take(slices("1"));
    ck_assert(intake_next_changed(intake, &changed));
    ck_assert_int_eq(changed.type, EVENT_DEVICES);
    ck_assert_str_eq(changed.node.name, "n1");
    ck_assert_ptr_null(changed.node.devices);
    ck_assert(!intake_next_changed(intake, &changed));
    struct kube_batch *gone = kube_batch_create();
    kube_batch_slice_gone(gone, "s");
    take(gone);
    ck_assert(intake_next_changed(intake, &changed));
    ck_assert_ptr_nonnull(changed.node.devices);
    ck_assert_str_eq(warnings, "");
}
END_TEST

START_TEST(a_slice_that_cannot_be_read_is_left_out)
{
    start(NULL);
    take(slices("-1"));
    ck_assert_str_eq(warnings, "a ResourceSlice is left out: resource slice s: "
                               "spec.pool.generation: -1 is less than 0\n");
}
END_TEST

START_TEST(a_node_that_is_gone_is_forgotten)
{
    start(NULL);
    struct event event = node("n1");
    struct event gone = {.type = EVENT_NODE_GONE, .node_name = "n1"};
    struct event changed;
    intake_event(intake, &event, NULL);
    intake_event(intake, &gone, NULL);
    take(slices("1"));
    ck_assert(!intake_next_changed(intake, &changed));
}
END_TEST

static bool is_foreign(const char *scheduler)
{
    struct event event = {.type = EVENT_POD, .pod = {.scheduler = scheduler}};
    struct event call = {.type = EVENT_FILTER, .filter.pod.object = &event.pod};
    intake_event(intake, &call, NULL);
    bool called = call.filter.pod.object->foreign;
    call = (struct event){.type = EVENT_PREEMPT, .preempt.pod.object = &event.pod};
    intake_event(intake, &call, NULL);
    ck_assert(call.preempt.pod.object->foreign == called);
    intake_event(intake, &event, NULL);
    ck_assert(event.pod.foreign == called);
    return called;
}

START_TEST(pods_of_schedulers_that_are_not_served)
{
    static const char *const served[] = {"phalanx", "batch"};
    intake = intake_create(&(struct intake_options){
        .schedulers = served, .scheduler_count = 2, .warn = note, .context = warnings});
    ck_assert(!is_foreign("phalanx"));
    ck_assert(!is_foreign("batch"));
    ck_assert(is_foreign("default-scheduler"));
    ck_assert(!is_foreign(NULL)); /* of a file */
    ck_assert(!is_foreign(""));
    struct event call = {.type = EVENT_FILTER}; /* of a pod that is known */
    intake_event(intake, &call, NULL);
    ck_assert_ptr_null(call.filter.pod.object);
    intake_destroy(intake);
    intake = intake_create(&(struct intake_options){.warn = note, .context = warnings});
    ck_assert(!is_foreign("default-scheduler")); /* nobody said which */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("intake");
    TCase *tests = tcase_create("intake");
    tcase_add_checked_fixture(tests, NULL, teardown);
    tcase_add_test(tests, a_node_is_completed);
    tcase_add_test(tests, without_an_imported_topology);
    tcase_add_test(tests, an_imported_label_does_not_make_another_machine_of_a_node);
    tcase_add_test(tests, what_does_not_fit_is_said_once_all_are_seen);
    tcase_add_test(tests, slices_that_come_later_change_the_node);
    tcase_add_test(tests, a_slice_that_cannot_be_read_is_left_out);
    tcase_add_test(tests, a_node_that_is_gone_is_forgotten);
    tcase_add_test(tests, pods_of_schedulers_that_are_not_served);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
