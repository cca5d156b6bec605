// SPDX-License-Identifier: Apache-2.0
#include "api/kube/objects/decode.h"

#include <stdio.h>

#include "test/unit/api/yaml/object.h"
#include "test/unit/check_main.h"
#include "topology/base/alloc.h"

static struct arena arena;

static void setup(void)
{
    arena_init(&arena);
}

static void teardown(void)
{
    arena_finish(&arena);
}

static void node_from(const char *yaml, struct node_object *node)
{
    struct err err;
    json_t *json = yaml_object(yaml);
    ck_assert_msg(node_decode(json, &arena, node, &err) == 0, "%s", err.text);
    json_decref(json);
}

static void pod_from(const char *yaml, struct pod_object *pod)
{
    struct err err;
    json_t *json = yaml_object(yaml);
    ck_assert_msg(pod_decode(json, &arena, pod, &err) == 0, "%s", err.text);
    json_decref(json);
}

static void group_from(const char *yaml, struct group_object *group)
{
    struct err err;
    json_t *json = yaml_object(yaml);
    ck_assert_msg(group_decode(json, &arena, group, &err) == 0, "%s", err.text);
    json_decref(json);
}

START_TEST(node_complete)
{
    struct node_object node;
    node_from(
        "metadata: {name: n1, labels: {zone: a, empty: '', nothing: null}}\n"
        "spec:\n"
        "  unschedulable: true\n"
        "  taints:\n"
        "  - {key: gpu, value: 'yes', effect: NoSchedule}\n"
        "  - {key: odd, effect: NoWonder}\n"
        "  - {key: soft, effect: PreferNoSchedule}\n"
        "  - {key: out, effect: NoExecute, timeAdded: '2026-01-01T00:00:00Z'}\n"
        "status:\n"
        "  capacity: {cpu: '9', memory: 1Gi, nvidia.com/gpu: '8', pods: '110'}\n"
        "  allocatable: {cpu: 7500m, memory: 1Gi, nvidia.com/gpu: '8', pods: '110', zero: '0'}\n",
        &node);
    ck_assert_str_eq(node.name, "n1");
    ck_assert(node.unschedulable);
    ck_assert_uint_eq(node.label_count, 3);
    ck_assert_str_eq(node.labels[0].key, "zone");
    ck_assert_str_eq(node.labels[0].value, "a");
    ck_assert_str_eq(node.labels[2].value, "");
    ck_assert_uint_eq(node.taint_count, 3);
    ck_assert_str_eq(node.taints[0].value, "yes");
    ck_assert_int_eq(node.taints[0].effect, TAINT_NO_SCHEDULE);
    ck_assert_str_eq(node.taints[1].key, "soft");
    ck_assert_str_eq(node.taints[1].value, "");
    ck_assert_int_eq(node.taints[1].effect, TAINT_PREFER_NO_SCHEDULE);
    ck_assert_int_eq(node.taints[2].effect, TAINT_NO_EXECUTE);
    ck_assert_uint_eq(node.allocatable_count, 4);
    ck_assert_str_eq(node.allocatable[0].resource, "cpu");
    ck_assert_int_eq(node.allocatable[0].amount, 7500);
    ck_assert_int_eq(node.allocatable[2].amount, 8);
}
END_TEST

START_TEST(node_sparse)
{
    struct node_object node;
    node_from("{metadata: {name: 'n', labels: null}, spec: null, status: null}", &node);
    ck_assert_uint_eq(node.label_count + node.taint_count + node.allocatable_count, 0);
    ck_assert(!node.unschedulable);
    node_from("{metadata: {name: 'n'}, spec: {unschedulable: null, taints: null},"
              " status: {allocatable: null, capacity: {pods: '10'}}}",
              &node);
    ck_assert_uint_eq(node.allocatable_count, 1);
    ck_assert_int_eq(node.allocatable[0].amount, 10);
}
END_TEST

/* Whose binding a member has, by the gang that is written on it. */
START_TEST(pod_placed_here)
{
    static const struct {
        const char *label, *gang;
        bool here;
    } rows[] = {
        {"g", "g", true}, {"g", "h", false}, {"g", "", false}, {"", "g", false}, {"", "", false},
    };
    char text[512];
    struct pod_object pod;
    (void)snprintf(text, sizeof text,
                   "{metadata: {name: p, namespace: ns, uid: u, labels: "
                   "{scheduling.x-k8s.io/pod-group: '%s'}, annotations: {phalanx.dev/gang: '%s'}}}",
                   rows[_i].label, rows[_i].gang);
    pod_from(text, &pod);
    ck_assert_int_eq(pod.placed_here, rows[_i].here);
}
END_TEST

/* What made a member, and the run it was committed in. */
START_TEST(pod_runs)
{
    static const struct {
        const char *labels, *rest, *owner, *run;
    } rows[] = {
        {"", "", NULL, NULL},
        {"", "ownerReferences: [{uid: a}, {uid: b, controller: true}, {uid: c, controller: true}]",
         "b", NULL},
        {"", "ownerReferences: [{uid: a, controller: false}]", NULL, NULL},
        {"", "ownerReferences: [{controller: true}], annotations: {phalanx.dev/run: r}", NULL, "r"},
        {"", "ownerReferences: 7, annotations: {phalanx.dev/run: ''}", NULL, NULL},
        {"", "ownerReferences: [7, null, [], {uid: 5, controller: true}]", NULL, NULL},
        {", jobset.sigs.k8s.io/jobset-uid: j", "ownerReferences: [{uid: b, controller: true}]",
         "j/0", NULL},
        {", jobset.sigs.k8s.io/jobset-uid: j, jobset.sigs.k8s.io/restart-attempt: '2'", "", "j/2",
         NULL},
    };
    char text[512];
    struct pod_object pod;
    (void)snprintf(
        text, sizeof text,
        "{metadata: {name: p, namespace: ns, uid: u, labels: {scheduling.x-k8s.io/pod-group: "
        "g%s}%s%s}}",
        rows[_i].labels, rows[_i].rest[0] == '\0' ? "" : ", ", rows[_i].rest);
    pod_from(text, &pod);
    ck_assert_pstr_eq(pod.owner, rows[_i].owner);
    ck_assert_pstr_eq(pod.run, rows[_i].run);
    pod_from("{metadata: {name: p, namespace: ns, uid: u, "
             "ownerReferences: [{uid: b, controller: true}]}}",
             &pod);
    ck_assert_ptr_null(pod.owner); /* of an ordinary pod nobody asks */
}
END_TEST

START_TEST(pod_complete)
{
    struct pod_object pod;
    pod_from("metadata:\n"
             "  {name: p, namespace: ns, uid: u-1, deletionTimestamp: '2026-01-01T00:00:00Z',\n"
             "   labels: {scheduling.x-k8s.io/pod-group: g, training.kubeflow.org/replica-type: "
             "worker,\n"
             "     training.kubeflow.org/replica-index: '3'},\n"
             "   annotations: {phalanx.dev/required-topology: rack, "
             "phalanx.dev/preferred-topology: leaf, phalanx.dev/slices: 'rack=4,leaf=2'}}\n"
             "spec:\n"
             "  nodeName: n1\n"
             "  priority: -5\n"
             "  schedulingGates: [{name: x}]\n"
             "  nodeSelector: {a: b, c: ''}\n"
             "  containers: [{resources: {limits: {nvidia.com/gpu: '8'}}}]\n"
             "  tolerations:\n"
             "  - {operator: Exists}\n"
             "  - {key: k, value: v, effect: NoSchedule}\n"
             "  - {key: k, operator: Equal, effect: NoExecute, tolerationSeconds: 300}\n"
             "  - {key: k, operator: Gt, value: '3'}\n"
             "  - {key: k, operator: Exists, effect: Whatever}\n"
             "  - {key: k, operator: Exists, effect: PreferNoSchedule}\n"
             "status: {phase: Succeeded, nominatedNodeName: n2}\n",
             &pod);
    ck_assert_str_eq(pod.name, "p");
    ck_assert_str_eq(pod.name_space, "ns");
    ck_assert_str_eq(pod.uid, "u-1");
    ck_assert_str_eq(pod.node, "n1");
    ck_assert_str_eq(pod.nominated, "n2");
    ck_assert_int_eq(pod.priority, -5);
    ck_assert(pod.terminal && pod.succeeded && pod.deleting && pod.gated);
    ck_assert_str_eq(pod.gang, "g");
    ck_assert_int_eq(pod.gang_minimum, 0);
    ck_assert_str_eq(pod.role, "worker");
    ck_assert_int_eq(pod.rank, 3);
    ck_assert_str_eq(pod.placement.required_level, "rack");
    ck_assert_str_eq(pod.placement.preferred_level, "leaf");
    ck_assert_uint_eq(pod.placement.slice_count, 2);
    ck_assert_str_eq(pod.placement.slices[1].level, "leaf");
    ck_assert_int_eq(pod.placement.slices[1].size, 2);
    ck_assert_uint_eq(pod.selector_count, 2);
    ck_assert_str_eq(pod.selector[1].key, "c");
    ck_assert_str_eq(pod.selector[1].value, "");
    ck_assert_uint_eq(pod.request_count, 2);
    ck_assert_str_eq(pod.requests[0].resource, "nvidia.com/gpu");
    ck_assert_int_eq(pod.requests[0].amount, 8);
    ck_assert_uint_eq(pod.toleration_count, 4);
    ck_assert_ptr_null(pod.tolerations[0].key);
    ck_assert_int_eq(pod.tolerations[0].operator, TOLERATION_EXISTS);
    ck_assert(pod.tolerations[0].any_effect);
    ck_assert_int_eq(pod.tolerations[1].operator, TOLERATION_EQUAL);
    ck_assert_str_eq(pod.tolerations[1].value, "v");
    ck_assert(!pod.tolerations[1].any_effect);
    ck_assert_int_eq(pod.tolerations[2].effect, TAINT_NO_EXECUTE);
    ck_assert_int_eq(pod.tolerations[3].effect, TAINT_PREFER_NO_SCHEDULE);
}
END_TEST

START_TEST(pod_sparse)
{
    struct pod_object pod;
    pod_from("{metadata: {name: p, namespace: ns, uid: u}}", &pod);
    ck_assert_ptr_null(pod.node);
    ck_assert_ptr_null(pod.nominated);
    ck_assert_ptr_null(pod.gang);
    ck_assert_int_eq(pod.rank, -1);
    ck_assert(!pod.terminal && !pod.succeeded && !pod.deleting && !pod.gated);
    ck_assert_uint_eq(pod.request_count, 1);
    ck_assert_uint_eq(pod.term_count, 0);
    pod_from(
        "{metadata: {name: p, namespace: ns, uid: u, deletionTimestamp: null, labels: null},"
        " spec: {nodeName: '', nodeSelector: null, tolerations: null, affinity: null,"
        " schedulingGates: [], priority: null}, status: {nominatedNodeName: '', phase: Failed}}",
        &pod);
    ck_assert_ptr_null(pod.node);
    ck_assert_ptr_null(pod.nominated);
    ck_assert(pod.terminal && !pod.succeeded && !pod.gated && !pod.deleting);
}
END_TEST

/* Where status may not be written; a nomination counts for more, whoever made it. */
START_TEST(pod_steered_by_annotation)
{
    struct pod_object pod;
    pod_from("{metadata: {name: p, namespace: ns, uid: u, annotations: {phalanx.dev/node: n1}}}",
             &pod);
    ck_assert_str_eq(pod.nominated, "n1");
    pod_from("{metadata: {name: p, namespace: ns, uid: u, annotations: {phalanx.dev/node: n1}},"
             " status: {nominatedNodeName: n2}}",
             &pod);
    ck_assert_str_eq(pod.nominated, "n2");
    pod_from("{metadata: {name: p, namespace: ns, uid: u, annotations: {phalanx.dev/node: 7}}}",
             &pod);
    ck_assert_ptr_null(pod.nominated);
}
END_TEST

#define AFFINITY_START                                                              \
    "{metadata: {name: p, namespace: ns, uid: u}, spec: {affinity: {nodeAffinity: " \
    "{requiredDuringSchedulingIgnoredDuringExecution: "
#define AFFINITY_END "}}}}"

START_TEST(pod_affinity)
{
    struct pod_object pod;
    pod_from(
        AFFINITY_START
        "{nodeSelectorTerms: ["
        "{matchExpressions: [{key: zone, operator: In, values: [a, b]},"
        " {key: x, operator: NotIn, values: [c]}, {key: 'y', operator: Exists},"
        " {key: z, operator: DoesNotExist, values: null}, {key: 'n', operator: Gt, values: ['3']},"
        " {key: 'n', operator: Lt, values: ['9']}],"
        " matchFields: [{key: metadata.name, operator: In, values: [n1]}]},"
        "{matchExpressions: [{key: a, operator: Exists}, {key: b, operator: Like, values: [c]}]},"
        "{matchFields: [{key: metadata.uid, operator: In, values: [n1]}]},"
        "{}]}" AFFINITY_END,
        &pod);
    ck_assert_uint_eq(pod.term_count, 4);
    ck_assert_uint_eq(pod.terms[0].expression_count, 7);
    const struct expression_object *expressions = pod.terms[0].expressions;
    static const enum selector_operator OPERATORS[] = {
        SELECTOR_IN,      SELECTOR_NOT_IN, SELECTOR_EXISTS, SELECTOR_DOES_NOT_EXIST,
        SELECTOR_GREATER, SELECTOR_LESS,   SELECTOR_IN};
    for (size_t i = 0; i < 7; i++) {
        ck_assert_int_eq(expressions[i].operator, OPERATORS[i]);
        ck_assert_int_eq(expressions[i].field, i == 6);
    }
    ck_assert_str_eq(expressions[0].key, "zone");
    ck_assert_uint_eq(expressions[0].value_count, 2);
    ck_assert_str_eq(expressions[0].values[1], "b");
    ck_assert_uint_eq(expressions[2].value_count, 0);
    ck_assert_str_eq(expressions[6].key, "metadata.name");
    /* Not understood: matches nothing, and says so by being empty. */
    for (size_t i = 1; i < 4; i++) {
        ck_assert_uint_eq(pod.terms[i].expression_count, 0);
    }
    /* Required, but without any term: matches nothing. */
    pod_from(AFFINITY_START "{nodeSelectorTerms: []}" AFFINITY_END, &pod);
    ck_assert_uint_eq(pod.term_count, 1);
    ck_assert_uint_eq(pod.terms[0].expression_count, 0);
    pod_from(AFFINITY_START "null" AFFINITY_END, &pod);
    ck_assert_uint_eq(pod.term_count, 0);
}
END_TEST

START_TEST(group_quorum)
{
    static const struct {
        const char *spec;
        int32_t minimum;
        int64_t timeout;
    } SPECS[] = {
        {"{minMember: 4, scheduleTimeoutSeconds: 30}", 4, 30000},
        {"{minMember: 0}", 0, 0},
        {"{minMember: -7}", -7, 0},
        {"{minMember: 2147483647}", 2147483647, 0},
        {"{minMember: 2147483648}", -1, 0},
        {"{minMember: 9223372036854775807, scheduleTimeoutSeconds: 9223372036854775807}", -1,
         2147483647000},
        {"{minMember: -9223372036854775808, scheduleTimeoutSeconds: -1}", INT32_MIN, 0},
        {"{minMember: null, scheduleTimeoutSeconds: null}", 0, 0},
        {"null", 0, 0},
    };
    for (size_t i = 0; i < sizeof SPECS / sizeof SPECS[0]; i++) {
        char yaml[256];
        struct group_object group;
        (void)snprintf(yaml, sizeof yaml, "{metadata: {name: g, namespace: ns, uid: u}, spec: %s}",
                       SPECS[i].spec);
        group_from(yaml, &group);
        ck_assert_str_eq(group.name, "g");
        ck_assert_str_eq(group.name_space, "ns");
        ck_assert_str_eq(group.uid, "u");
        ck_assert_int_eq(group.minimum, SPECS[i].minimum);
        ck_assert_int_eq(group.hold_timeout_ms, SPECS[i].timeout);
        ck_assert_ptr_null(group.placement.required_level);
    }
    struct group_object group;
    group_from("{metadata: {name: g, namespace: ns,"
               " annotations: {phalanx.dev/required-topology: block,"
               " phalanx.dev/exclusive-topology: leaf, phalanx.dev/slice-topology: rack}}}",
               &group);
    ck_assert_str_eq(group.placement.required_level, "block");
    ck_assert_str_eq(group.placement.exclusive_level, "leaf");
    ck_assert_uint_eq(group.placement.slice_count, 1);
    ck_assert_str_eq(group.placement.slices[0].level, "rack");
    ck_assert_int_eq(group.placement.slices[0].size, 0);
    ck_assert_ptr_null(group.uid);
}
END_TEST

struct bad {
    char kind;
    const char *yaml;
    const char *error;
};

static const struct bad BAD[] = {
    {'n', "[]", "node: is not a JSON object"},
    {'n', "{}", "node: metadata.name: is missing"},
    {'n', "{metadata: null}", "node: metadata.name: is missing"},
    {'n', "{metadata: {name: ''}}", "node: metadata.name: is missing"},
    {'n', "{metadata: {name: 7}}", "node: metadata.name: is a number, not a string"},
    {'n', "{metadata: []}", "node: metadata: is an array, not an object"},
    {'n', "{metadata: {name: 'n', labels: {a: 1}}}",
     "node n: metadata.labels: the value of a is not a string"},
    {'n', "{metadata: {name: 'n', labels: [a]}}",
     "node n: metadata.labels: is an array, not an object"},
    {'n', "{metadata: {name: 'n'}, spec: 1}", "node n: spec: is a number, not an object"},
    {'n', "{metadata: {name: 'n'}, spec: {unschedulable: 'true'}}",
     "node n: spec.unschedulable: is a string, not a boolean"},
    {'n', "{metadata: {name: 'n'}, spec: {taints: [{effect: NoSchedule}]}}",
     "node n: spec.taints[0].key: is missing"},
    {'n', "{metadata: {name: 'n'}, spec: {taints: [null]}}",
     "node n: spec.taints[0]: is null, not an object"},
    {'n', "{metadata: {name: 'n'}, status: {allocatable: {nvidia.com/gpu: '-8'}}}",
     "node n: status.allocatable.nvidia.com/gpu: quantity \"-8\" is negative"},
    {'n', "{metadata: {name: 'n'}, status: {allocatable: {memory: lots}}}",
     "node n: status.allocatable.memory: quantity \"lots\" is malformed"},
    {'p', "{}", "pod: metadata.name: is missing"},
    {'p', "{metadata: {name: p}}", "pod: metadata.namespace: is missing"},
    {'p', "{metadata: {name: p, namespace: ns}}", "pod ns/p: metadata.uid: is missing"},
    {'p', "{metadata: {name: p, namespace: ns, uid: u}, spec: {nodeName: 1}}",
     "pod ns/p: spec.nodeName: is a number, not a string"},
#define FIRST_PART 18
    {'p', "{metadata: {name: p, namespace: ns, uid: u}, spec: {priority: high}}",
     "pod ns/p: spec.priority: is a string, not an integer"},
    {'p', "{metadata: {name: p, namespace: ns, uid: u}, spec: {nodeSelector: {a: true}}}",
     "pod ns/p: spec.nodeSelector: the value of a is not a string"},
    {'p', "{metadata: {name: p, namespace: ns, uid: u}, spec: {tolerations: [x]}}",
     "pod ns/p: spec.tolerations[0]: is a string, not an object"},
    {'p', "{metadata: {name: p, namespace: ns, uid: u, labels: x}}",
     "pod ns/p: metadata.labels: is a string, not an object"},
    {'p',
     AFFINITY_START "{nodeSelectorTerms: [{}, {matchExpressions: [{operator: In}]}]}" AFFINITY_END,
     "pod ns/p: spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution."
     "nodeSelectorTerms[1].matchExpressions[0].key: is missing"},
    {'p',
     AFFINITY_START
     "{nodeSelectorTerms: [{matchExpressions: [{key: k, values: [1]}]}]}" AFFINITY_END,
     "pod ns/p: spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution."
     "nodeSelectorTerms[0].matchExpressions[0].values: value 0 is not a string"},
    {'g', "{}", "pod group: metadata.name: is missing"},
    {'g', "{metadata: {name: g}}", "pod group: metadata.namespace: is missing"},
    {'g', "{metadata: {name: g, namespace: ns}, spec: {minMember: '4'}}",
     "pod group ns/g: spec.minMember: is a string, not an integer"},
    {'g', "{metadata: {name: g, namespace: ns}, spec: {minTaskMember: {a: '1'}}}",
     "pod group ns/g: spec.minTaskMember.a: is a string, not an integer"},
    {'g', "{metadata: {name: g, namespace: ns}, spec: {minTaskMember: [1]}}",
     "pod group ns/g: spec.minTaskMember: is an array, not an object"},
    {'g', "{metadata: {name: g, namespace: ns}, spec: {subGroups: [{minMember: 1}]}}",
     "pod group ns/g: spec.subGroups[0].name: is missing"},
    {'g', "{metadata: {name: g, namespace: ns}, spec: {minMember: 2.5}}",
     "pod group ns/g: spec.minMember: is a number, not an integer"},
    {'g', "{metadata: {name: g, namespace: ns, uid: 1}}",
     "pod group ns/g: metadata.uid: is a number, not a string"},
};

static int decode(char kind, const json_t *json, struct err *err)
{
    struct node_object node;
    struct pod_object pod;
    struct group_object group;
    return kind == 'n'   ? node_decode(json, &arena, &node, err)
           : kind == 'p' ? pod_decode(json, &arena, &pod, err)
                         : group_decode(json, &arena, &group, err);
}

START_TEST(names_what_is_wrong)
{
    const struct bad *bad = &BAD[_i];
    struct err err;
    json_t *json = yaml_object(bad->yaml);
    /* Of a pod of which it is known who and where it is the rest is told. */
    int expected = bad->kind == 'p' && _i >= FIRST_PART ? 1 : -1;
    ck_assert_int_eq(decode(bad->kind, json, &err), expected);
    ck_assert_str_eq(err.text, bad->error);
    ck_assert_int_eq(decode(bad->kind, json, NULL), expected);
    json_decref(json);
}
END_TEST

START_TEST(node_without_bounds)
{
    struct node_object node;
    node_from("{metadata: {name: n1}, status: {allocatable: {nvidia.com/gpu: 1e30, cpu: "
              "'99999999999999999999999'}}}",
              &node);
    ck_assert_uint_eq(node.allocatable_count, 2);
    ck_assert_int_eq(node.allocatable[0].amount, INT64_MAX);
    ck_assert_int_eq(node.allocatable[1].amount, INT64_MAX);
}
END_TEST

START_TEST(group_minimums)
{
    static const struct {
        const char *annotations, *spec, *minimums, *preference;
    } GROUPS[] = {
        {"", "", NULL, NULL},
        {"phalanx.dev/role-minimums: 'a=1,b=x'", "", "a=1,b=x", NULL},
        {"phalanx.dev/role-minimums: ''", "minTaskMember: {a: 2}", "a=2", NULL},
        {"phalanx.dev/role-minimums: a=1", "minTaskMember: {a: 2}", "a=1", NULL},
        {"phalanx.dev/elastic-preference: placement", "minTaskMember: {a: 2, c: 0, b: 3000000000}",
         "a=2,b=2147483648", "placement"},
        {"phalanx.dev/elastic-preference: ''", "subGroups: [{name: a, minMember: -1}, {name: b}]",
         "a=-1", NULL},
        {"", "minTaskMember: {a: 1}, subGroups: [{name: b, minMember: 1}]", "a=1", NULL},
    };
    for (size_t i = 0; i < sizeof GROUPS / sizeof GROUPS[0]; i++) {
        char yaml[256];
        struct group_object group;
        (void)snprintf(yaml, sizeof yaml,
                       "{metadata: {name: g, namespace: ns, annotations: {%s}}, spec: {%s}}",
                       GROUPS[i].annotations, GROUPS[i].spec);
        group_from(yaml, &group);
        ck_assert_pstr_eq(group.elastic.minimums, GROUPS[i].minimums);
        ck_assert_pstr_eq(group.elastic.preference, GROUPS[i].preference);
    }
}
END_TEST

/* What is too long to be read stays too long, and no longer than that. */
START_TEST(long_minimums)
{
    struct pod_object pod;
    char *text = alloc_zero(5000, 1);
    memset(text, 'a', 4999);
    json_t *json = json_pack(
        "{s:{s:s, s:s, s:s, s:{s:s, s:s}}}", "metadata", "name", "p", "namespace", "ns", "uid", "u",
        "annotations", "phalanx.dev/role-minimums", text, "phalanx.dev/elastic-preference", text);
    ck_assert_int_eq(pod_decode(json, &arena, &pod, NULL), 0);
    ck_assert_uint_eq(strlen(pod.elastic.minimums), MINIMUMS_TEXT_MAX + 1);
    ck_assert_uint_eq(strlen(pod.elastic.preference), 129);
    json_decref(json);
    free(text);
}
END_TEST

/* Of a list of any length one role too many is kept. */
START_TEST(many_minimums)
{
    struct group_object group;
    json_t *tasks = json_object();
    json_t *groups = json_array();
    for (int i = 0; i < 1000; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "r%d", i);
        json_object_set_new(tasks, name, json_integer(1));
        json_array_append_new(groups, json_pack("{s:s, s:i}", "name", name, "minMember", 1));
    }
    json_t *json = json_pack("{s:{s:s, s:s}, s:{s:o}}", "metadata", "name", "g", "namespace", "ns",
                             "spec", "minTaskMember", tasks);
    ck_assert_int_eq(group_decode(json, &arena, &group, NULL), 0);
    ck_assert_uint_lt(strlen(group.elastic.minimums), 120);
    json_object_set_new(json, "spec", json_pack("{s:o}", "subGroups", groups));
    ck_assert_int_eq(group_decode(json, &arena, &group, NULL), 0);
    ck_assert_uint_lt(strlen(group.elastic.minimums), 120);
    ck_assert_ptr_nonnull(strstr(group.elastic.minimums, "r16=1"));
    json_decref(json);
}
END_TEST

static json_t *many(size_t count, const char *entry)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(array, yaml_object(entry));
    }
    return array;
}

static json_t *many_labels(size_t count)
{
    json_t *object = json_object();
    for (size_t i = 0; i < count; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "key-%zu", i);
        json_object_set_new(object, key, json_string("v"));
    }
    return object;
}

static void check_limit(char kind, json_t *object, const char *what, bool over)
{
    struct err err = {.text = ""};
    ck_assert_msg((decode(kind, object, &err) != 0) == over, "%s: %s", what, err.text);
    if (over) {
        ck_assert_msg(strstr(err.text, what) != NULL && strstr(err.text, "limit") != NULL, "%s",
                      err.text);
    }
    json_decref(object);
}

START_TEST(limits_counts)
{
    for (size_t over = 0; over < 2; over++) {
        check_limit('n',
                    json_pack("{s:{s:s,s:o}}", "metadata", "name", "n", "labels",
                              many_labels(NODE_LABELS_MAX + over)),
                    "labels", over);
        check_limit('n',
                    json_pack("{s:{s:s},s:{s:o}}", "metadata", "name", "n", "spec", "taints",
                              many(NODE_TAINTS_MAX + over, "{key: k, effect: NoSchedule}")),
                    "taints", over);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("decode");
    TCase *tests = tcase_create("decode");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, node_complete);
    tcase_add_test(tests, node_sparse);
    tcase_add_test(tests, pod_complete);
    tcase_add_loop_test(tests, pod_runs, 0, 8);
    tcase_add_loop_test(tests, pod_placed_here, 0, 5);
    tcase_add_test(tests, pod_sparse);
    tcase_add_test(tests, pod_steered_by_annotation);
    tcase_add_test(tests, pod_affinity);
    tcase_add_test(tests, group_quorum);
    tcase_add_test(tests, node_without_bounds);
    tcase_add_test(tests, group_minimums);
    tcase_add_test(tests, long_minimums);
    tcase_add_test(tests, many_minimums);
    tcase_add_loop_test(tests, names_what_is_wrong, 0, sizeof BAD / sizeof BAD[0]);
    tcase_add_test(tests, limits_counts);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
