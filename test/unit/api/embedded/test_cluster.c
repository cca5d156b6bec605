// SPDX-License-Identifier: Apache-2.0
#include "api/embedded/cluster.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "test/unit/check_main.h"

static struct cluster *cluster;
static struct kube_batch *batch;
static struct err err;
static size_t seen; /* events looked at */

static void setup(void)
{
    seen = 0;
    cluster = cluster_create();
    batch = kube_batch_create();
    memset(&err, 0, sizeof err);
}

static void teardown(void)
{
    cluster_destroy(cluster);
    kube_batch_destroy(batch);
}

static json_t *parse(const char *text)
{
    json_error_t error;
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(json != NULL, "%s: %s", error.text, text);
    return json;
}

static int apply(const char *text)
{
    json_t *json = parse(text);
    int result = cluster_apply(cluster, json, batch, NULL, &err);
    json_decref(json);
    return result;
}

static void apply_good(const char *text)
{
    ck_assert_msg(apply(text) == 0, "%s", err.text);
}

static const struct event *next_event(enum event_type type)
{
    ck_assert_uint_lt(seen, batch->count);
    const struct event *event = &batch->events[seen++];
    ck_assert_int_eq(event->type, type);
    return event;
}

static void no_more_events(void)
{
    ck_assert_uint_eq(seen, batch->count);
}

#define NODE "{\"kind\":\"Node\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"n1\"}}"
#define POD                                                                                      \
    "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"p\",\"namespace\":\"a\"}," \
    "\"spec\":{}}"
#define GROUP                                                                 \
    "{\"kind\":\"PodGroup\",\"apiVersion\":\"scheduling.x-k8s.io/v1alpha1\"," \
    "\"metadata\":{\"name\":\"g\",\"namespace\":\"a\"},\"spec\":{\"minMember\":3}}"

START_TEST(objects_become_events)
{
    apply_good(NODE);
    apply_good(POD);
    apply_good(GROUP);
    ck_assert_str_eq(next_event(EVENT_NODE)->node.name, "n1");
    const struct event *pod = next_event(EVENT_POD);
    ck_assert_str_eq(pod->pod.name, "p");
    ck_assert_str_eq(pod->pod.name_space, "a");
    ck_assert_str_eq(pod->pod.uid, "Pod/a/p");
    ck_assert_ptr_null(pod->pod.node);
    ck_assert_int_eq(next_event(EVENT_GROUP)->group.minimum, 3);
    no_more_events();
    ck_assert_ptr_nonnull(cluster_get(cluster, "Node", NULL, "n1"));
    ck_assert_ptr_nonnull(cluster_get(cluster, "Pod", "a", "p"));
    ck_assert_ptr_nonnull(cluster_get(cluster, "PodGroup", "a", "g"));
    ck_assert_ptr_null(cluster_get(cluster, "Pod", "b", "p"));
    ck_assert_ptr_null(cluster_get(cluster, "Secret", "a", "p"));
}
END_TEST

START_TEST(other_kinds_are_counted)
{
    size_t skipped = 0;
    json_t *list =
        parse("{\"kind\":\"List\",\"items\":[" POD ",{\"kind\":\"ConfigMap\"},"
              "{\"kind\":\"PodGroup\",\"apiVersion\":\"scheduling.volcano.sh/v1beta1\"},"
              "{\"kind\":\"SecretList\",\"items\":[{},{}]},{\"kind\":\"Wishlist\"}," NODE "]}");
    ck_assert_msg(cluster_apply(cluster, list, batch, &skipped, &err) == 0, "%s", err.text);
    json_decref(list);
    ck_assert_uint_eq(skipped, 5);
    next_event(EVENT_POD);
    next_event(EVENT_NODE);
    no_more_events();
}
END_TEST

/* What the API server itself prints: items say no kind. */
START_TEST(typed_lists_are_understood)
{
    apply_good("{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"items\":["
               "{\"metadata\":{\"name\":\"p\"}},{\"metadata\":{\"name\":\"q\"}}]}");
    ck_assert_str_eq(next_event(EVENT_POD)->pod.name_space, "default");
    ck_assert_str_eq(next_event(EVENT_POD)->pod.name, "q");
    apply_good("{\"kind\":\"PodGroupList\",\"apiVersion\":\"scheduling.volcano.sh/v1beta1\","
               "\"items\":[{\"metadata\":{\"name\":\"g\"}}]}");
    no_more_events();
}
END_TEST

static const struct {
    const char *text;
    const char *error;
} bad[] = {
    {"{}", "without a kind"},
    {"[]", "without a kind"},
    {"{\"kind\":7}", "without a kind"},
    {"{\"kind\":null}", "without a kind"},
    {"{\"kind\":\"List\",\"items\":[7]}", "items[0]: an object without a kind"},
    {"{\"kind\":\"PodList\",\"items\":[null]}", "items[0]: an object without a kind"},
    {"{\"kind\":\"Pod\"}", "Pod: metadata.name is missing"},
    {"{\"kind\":\"Pod\",\"metadata\":null}", "Pod: metadata.name is missing"},
    {"{\"kind\":\"Pod\",\"metadata\":[]}", "Pod: metadata.name is missing"},
    {"{\"kind\":\"Pod\",\"metadata\":{\"name\":\"\"}}", "Pod: metadata.name is missing"},
    {"{\"kind\":\"Pod\",\"metadata\":{\"name\":\"a/b\"}}", "not a name"},
    {"{\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\",\"namespace\":\"b/c\"}}", "Pod a: "},
    {"{\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\",\"namespace\":3}}", "Pod a: "},
    {"{\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\",\"uid\":3}}", "uid"},
    {"{\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\"},\"spec\":7}", "spec"},
    {"{\"kind\":\"Node\",\"metadata\":{\"name\":\"a\",\"labels\":{\"k\":1}}}", "labels"},
    {"{\"kind\":\"Node\",\"metadata\":{\"name\":\"a\"},\"status\":{\"allocatable\":{\"cpu\":\"x\"}}"
     "}",
     "cpu"},
    {"{\"kind\":\"PodGroup\",\"metadata\":{\"name\":\"a\"},\"spec\":{\"minMember\":\"3\"}}",
     "minMember"},
};

START_TEST(bad_objects_are_named_and_not_kept)
{
    ck_assert_int_eq(apply(bad[_i].text), -1);
    ck_assert_msg(strstr(err.text, bad[_i].error) != NULL, "%s: %s", bad[_i].text, err.text);
    no_more_events();
    static const char *const kinds[] = {"Node", "Pod", "PodGroup"};
    for (size_t i = 0; i < 3; i++) {
        json_t *list = cluster_list(cluster, kinds[i], NULL);
        ck_assert_uint_eq(json_array_size(json_object_get(list, "items")), 0);
        json_decref(list);
    }
}
END_TEST

START_TEST(a_name_too_long_is_refused)
{
    char text[4096];
    char name[2000];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    snprintf(text, sizeof text, "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"%s\"}}", name);
    ck_assert_int_eq(apply(text), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "too long"));
    ck_assert_ptr_null(cluster_get(cluster, "Pod", "default", name));
    ck_assert_int_eq(cluster_delete(cluster, "Pod", "default", name, batch, NULL), -1);
}
END_TEST

START_TEST(a_pod_is_replaced_by_name_and_told_apart_by_uid)
{
    apply_good(POD);
    apply_good(POD);
    next_event(EVENT_POD);
    ck_assert_str_eq(next_event(EVENT_POD)->pod.uid, "Pod/a/p");
    apply_good(
        "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\",\"namespace\":\"a\",\"uid\":\"u2\"}}");
    ck_assert_str_eq(next_event(EVENT_POD_GONE)->pod_uid, "Pod/a/p");
    ck_assert_str_eq(next_event(EVENT_POD)->pod.uid, "u2");
    apply_good(POD);
    ck_assert_str_eq(next_event(EVENT_POD)->pod.uid, "u2");
    no_more_events();
}
END_TEST

START_TEST(deletion_is_seen_and_a_name_used_again_gets_a_new_uid)
{
    apply_good(NODE);
    apply_good(POD);
    apply_good(GROUP);
    seen = batch->count;
    ck_assert_int_eq(cluster_delete(cluster, "Pod", "a", "p", batch, &err), 0);
    ck_assert_str_eq(next_event(EVENT_POD_GONE)->pod_uid, "Pod/a/p");
    ck_assert_int_eq(cluster_delete(cluster, "Node", NULL, "n1", batch, &err), 0);
    ck_assert_str_eq(next_event(EVENT_NODE_GONE)->node_name, "n1");
    ck_assert_int_eq(cluster_delete(cluster, "PodGroup", "a", "g", batch, &err), 0);
    const struct event *group = next_event(EVENT_GROUP_GONE);
    ck_assert_str_eq(group->group_gone.name_space, "a");
    ck_assert_str_eq(group->group_gone.name, "g");
    ck_assert_int_eq(cluster_delete(cluster, "Pod", "a", "p", batch, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "Pod a/p is not there"));
    ck_assert_int_eq(cluster_delete(cluster, "Secret", "a", "p", batch, NULL), -1);
    no_more_events();
    apply_good(POD);
    ck_assert_str_eq(next_event(EVENT_POD)->pod.uid, "Pod/a/p#2");
    ck_assert_int_eq(cluster_delete(cluster, "Pod", "a", "p", batch, &err), 0);
    ck_assert_str_eq(next_event(EVENT_POD_GONE)->pod_uid, "Pod/a/p#2");
    apply_good(POD);
    ck_assert_str_eq(next_event(EVENT_POD)->pod.uid, "Pod/a/p#3");
}
END_TEST

static void expect_list(const char *kind, const char *name_space, const char *names)
{
    char text[256] = "";
    json_t *list = cluster_list(cluster, kind, name_space);
    ck_assert_str_eq(json_string_value(json_object_get(list, "kind")), "List");
    ck_assert_str_eq(json_string_value(json_object_get(list, "apiVersion")), "v1");
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(list, "items"), i, item)
    {
        const json_t *metadata = json_object_get(item, "metadata");
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s/%s ",
                 json_string_value(json_object_get(metadata, "namespace")),
                 json_string_value(json_object_get(metadata, "name")));
    }
    ck_assert_str_eq(text, names);
    json_decref(list);
}

/* "a" comes before "a-b", although '-' sorts before '/'. */
START_TEST(lists_are_in_order_of_namespace_then_name)
{
    static const char *const pods[][2] = {
        {"a-b", "x"}, {"b", "p"}, {"a", "z"}, {"a", "p-1"}, {"a", "p"}};
    for (size_t i = 0; i < sizeof pods / sizeof pods[0]; i++) {
        char text[256];
        snprintf(text, sizeof text,
                 "{\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"%s\",\"name\":\"%s\"}}",
                 pods[i][0], pods[i][1]);
        apply_good(text);
    }
    expect_list("Pod", NULL, "a/p a/p-1 a/z a-b/x b/p ");
    expect_list("Pod", "a", "a/p a/p-1 a/z ");
    expect_list("Pod", "nowhere", "");
    expect_list("Node", "a", "");
    expect_list("Secret", NULL, "");
}
END_TEST

static void submit(enum effect_type type, const char *name, const char *uid, const char *node)
{
    struct effect effect = {.type = type};
    effect.write = (struct pod_write){
        .name_space = "a", .name = name, .uid = uid, .node = node, .rank = -1, .text = "reason"};
    cluster_submit(cluster, &effect, batch);
}

static void expect_done(enum event_type type, enum write_outcome outcome, const char *message)
{
    const struct event *event = next_event(type);
    ck_assert_int_eq(event->done.outcome, outcome);
    ck_assert_msg(strstr(event->done.message, message) != NULL, "%s", event->done.message);
}

START_TEST(bindings_are_carried_out)
{
    apply_good("{\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\",\"namespace\":\"a\"},"
               "\"status\":{\"nominatedNodeName\":\"n2\"}}");
    ck_assert_str_eq(next_event(EVENT_POD)->pod.nominated, "n2");
    submit(EFFECT_POST_BINDING, "p", "Pod/a/p", "n1");
    const struct event *done = &batch->events[seen];
    ck_assert_str_eq(done->done.uid, "Pod/a/p");
    ck_assert_str_eq(done->done.node, "n1");
    expect_done(EVENT_BINDING_DONE, WRITE_DONE, "");
    const struct event *pod = next_event(EVENT_POD);
    ck_assert_str_eq(pod->pod.node, "n1");
    ck_assert_ptr_null(pod->pod.nominated);
    submit(EFFECT_POST_BINDING, "p", "Pod/a/p", "n1");
    expect_done(EVENT_BINDING_DONE, WRITE_DONE, "");
    ck_assert_str_eq(next_event(EVENT_POD)->pod.node, "n1");
    submit(EFFECT_POST_BINDING, "p", "Pod/a/p", "n3");
    expect_done(EVENT_BINDING_DONE, WRITE_REFUSED, "already assigned to node \"n1\"");
    submit(EFFECT_POST_BINDING, "p", "another", "n1");
    expect_done(EVENT_BINDING_DONE, WRITE_GONE, "gone");
    submit(EFFECT_POST_BINDING, "q", "Pod/a/q", "n1");
    expect_done(EVENT_BINDING_DONE, WRITE_GONE, "gone");
    no_more_events();
}
END_TEST

START_TEST(bindings_the_api_server_would_refuse)
{
    apply_good("{\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\",\"namespace\":\"a\","
               "\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"}}");
    apply_good("{\"kind\":\"Pod\",\"metadata\":{\"name\":\"q\",\"namespace\":\"a\"},"
               "\"spec\":{\"schedulingGates\":[{\"name\":\"x\"}]}}");
    seen = batch->count;
    submit(EFFECT_POST_BINDING, "p", "Pod/a/p", "n1");
    expect_done(EVENT_BINDING_DONE, WRITE_REFUSED, "being deleted");
    submit(EFFECT_POST_BINDING, "q", "Pod/a/q", "n1");
    expect_done(EVENT_BINDING_DONE, WRITE_REFUSED, "schedulingGates");
    no_more_events();
    const json_t *spec = json_object_get(cluster_get(cluster, "Pod", "a", "q"), "spec");
    ck_assert_ptr_null(json_object_get(spec, "nodeName"));
}
END_TEST

START_TEST(nominations_and_explanations)
{
    apply_good(POD);
    seen = batch->count;
    submit(EFFECT_NOMINATE, "p", "Pod/a/p", "n1");
    expect_done(EVENT_NOMINATION_DONE, WRITE_DONE, "");
    ck_assert_str_eq(next_event(EVENT_POD)->pod.nominated, "n1");
    submit(EFFECT_NOMINATE, "p", "Pod/a/p", NULL);
    ck_assert_ptr_null(batch->events[seen].done.node);
    expect_done(EVENT_NOMINATION_DONE, WRITE_DONE, "");
    ck_assert_ptr_null(next_event(EVENT_POD)->pod.nominated);
    submit(EFFECT_NOMINATE, "p", "another", "n1");
    expect_done(EVENT_NOMINATION_DONE, WRITE_GONE, "gone");
    submit(EFFECT_EXPLAIN, "p", "Pod/a/p", NULL);
    next_event(EVENT_POD);
    const json_t *pod = cluster_get(cluster, "Pod", "a", "p");
    const json_t *annotations = json_object_get(json_object_get(pod, "metadata"), "annotations");
    ck_assert_str_eq(json_string_value(json_object_get(annotations, "phalanx.dev/waiting")),
                     "reason");
    submit(EFFECT_EXPLAIN, "q", "Pod/a/q", NULL);
    submit(EFFECT_EVICT, "p", "another", NULL); /* not the pod that was meant */
    no_more_events();
    submit(EFFECT_EVICT, "p", "Pod/a/p", NULL);
    ck_assert_str_eq(next_event(EVENT_POD_GONE)->pod_uid, "Pod/a/p");
    no_more_events();
}
END_TEST

START_TEST(the_last_events_are_kept)
{
    for (unsigned i = 0; i < CLUSTER_EVENTS_MAX + 5; i++) {
        char message[32];
        snprintf(message, sizeof message, "number %u", i);
        struct effect effect = {.type = EFFECT_EVENT};
        effect.event = (struct event_effect){.group = i % 2 == 0,
                                             .warning = true,
                                             .name_space = i == 7 ? "b" : "a",
                                             .name = "g",
                                             .reason = "GangWaiting",
                                             .message = message};
        cluster_submit(cluster, &effect, batch);
    }
    struct effect transition = {.type = EFFECT_TRANSITION};
    cluster_submit(cluster, &transition, batch);
    json_t *list = cluster_list(cluster, "Event", NULL);
    const json_t *items = json_object_get(list, "items");
    ck_assert_uint_eq(json_array_size(items), CLUSTER_EVENTS_MAX);
    const json_t *first = json_array_get(items, 0);
    ck_assert_str_eq(json_string_value(json_object_get(first, "message")), "number 5");
    ck_assert_str_eq(json_string_value(json_object_get(first, "type")), "Warning");
    const json_t *involved = json_object_get(first, "involvedObject");
    ck_assert_str_eq(json_string_value(json_object_get(involved, "kind")), "Pod");
    json_decref(list);
    list = cluster_list(cluster, "Event", "b");
    ck_assert_uint_eq(json_array_size(json_object_get(list, "items")), 1);
    json_decref(list);
    no_more_events();
}
END_TEST

static int load(const char *text)
{
    char path[] = "/tmp/phalanx-test-cluster-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    int result = cluster_load(cluster, path, batch, &err);
    unlink(path);
    return result;
}

START_TEST(snapshots_are_lists_or_documents_or_both)
{
    ck_assert_msg(load("kind: List\n"
                       "apiVersion: v1\n"
                       "items:\n"
                       "- kind: Node\n"
                       "  apiVersion: v1\n"
                       "  metadata: {name: n1, labels: {a: b}}\n"
                       "  status: {allocatable: {cpu: 1500m, nvidia.com/gpu: 8}}\n"
                       "- {kind: Service, metadata: {name: s}}\n"
                       "---\n"
                       "kind: Pod\n"
                       "metadata: {name: p, namespace: a}\n"
                       "spec: {nodeName: n1}\n") == 0,
                  "%s", err.text);
    ck_assert_uint_eq(next_event(EVENT_NODE)->node.allocatable_count, 2);
    ck_assert_str_eq(next_event(EVENT_POD)->pod.node, "n1");
    next_event(EVENT_SYNCED);
    no_more_events();
}
END_TEST

START_TEST(a_bad_snapshot_says_where)
{
    ck_assert_int_eq(load("{\"kind\":\"List\",\"items\":[" NODE ",{\"kind\":\"Pod\"}]}"), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "document 1: items[1]: Pod: metadata.name"));
    ck_assert_int_eq(load("{\"kind\":"), -1);
    ck_assert_int_eq(cluster_load(cluster, "/does/not/exist", batch, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "/does/not/exist"));
    for (size_t i = 0; i < batch->count; i++) {
        ck_assert_int_ne(batch->events[i].type, EVENT_SYNCED);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cluster");
    TCase *tests = tcase_create("cluster");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, objects_become_events);
    tcase_add_test(tests, other_kinds_are_counted);
    tcase_add_test(tests, typed_lists_are_understood);
    tcase_add_loop_test(tests, bad_objects_are_named_and_not_kept, 0,
                        (int)(sizeof bad / sizeof bad[0]));
    tcase_add_test(tests, a_name_too_long_is_refused);
    tcase_add_test(tests, a_pod_is_replaced_by_name_and_told_apart_by_uid);
    tcase_add_test(tests, deletion_is_seen_and_a_name_used_again_gets_a_new_uid);
    tcase_add_test(tests, lists_are_in_order_of_namespace_then_name);
    tcase_add_test(tests, bindings_are_carried_out);
    tcase_add_test(tests, bindings_the_api_server_would_refuse);
    tcase_add_test(tests, nominations_and_explanations);
    tcase_add_test(tests, the_last_events_are_kept);
    tcase_add_test(tests, snapshots_are_lists_or_documents_or_both);
    tcase_add_test(tests, a_bad_snapshot_says_where);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
