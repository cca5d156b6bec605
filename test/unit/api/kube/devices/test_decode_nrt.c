// SPDX-License-Identifier: Apache-2.0
#include "api/kube/devices/decode_nrt.h"

#include <stdio.h>
#include <string.h>

#include "test/unit/api/yaml/object.h"
#include "test/unit/check_main.h"

static struct arena arena;

static void setup(void)
{
    arena_init(&arena);
}

static void teardown(void)
{
    arena_finish(&arena);
}

static void nrt_from(const char *yaml, struct nrt_object *nrt)
{
    struct err err;
    json_t *json = yaml_object(yaml);
    ck_assert_msg(nrt_decode(json, &arena, nrt, &err) == 0, "%s", err.text);
    json_decref(json);
}

static void refused(const char *yaml, const char *error)
{
    struct err err;
    struct nrt_object nrt;
    json_t *json = yaml_object(yaml);
    ck_assert_msg(nrt_decode(json, &arena, &nrt, &err) == -1, "taken: %s", yaml);
    ck_assert_str_eq(err.text, error);
    json_decref(json);
}

START_TEST(complete)
{
    struct nrt_object nrt;
    nrt_from("apiVersion: topology.node.k8s.io/v1alpha2\n"
             "kind: NodeResourceTopology\n"
             "metadata: {name: n1}\n"
             "topologyPolicies: [SingleNUMANodePodLevel]\n"
             "attributes:\n"
             "- {name: topologyManagerScope, value: container}\n"
             "- {name: topologyManagerPolicy, value: single-numa-node}\n"
             "zones:\n"
             "- name: node-10\n"
             "  type: Node\n"
             "  parent: socket-1\n"
             "- name: node-1\n"
             "  type: Node\n"
             "  costs: [{name: node-0, value: 21}, {name: node-1, value: 10}]\n"
             "  resources:\n"
             "  - {name: nvidia.com/gpu, capacity: '4', allocatable: '4', available: '1'}\n"
             "  - {name: cpu, capacity: '56', allocatable: 55500m, available: 500m}\n"
             "  - {name: memory, capacity: 100Gi, allocatable: 99Gi, available: 98Gi}\n"
             "- name: node-0\n"
             "  type: Node\n"
             "  attributes: [{name: tier, value: near}]\n"
             "  resources: [{name: rdma/ib, capacity: 2, allocatable: 2, available: 2}]\n"
             "- {name: package, type: Socket}\n",
             &nrt);
    ck_assert_str_eq(nrt.node, "n1");
    ck_assert_str_eq(nrt.policy, "single-numa-node");
    ck_assert_str_eq(nrt.scope, "container");
    ck_assert_uint_eq(nrt.attribute_count, 2);
    ck_assert_uint_eq(nrt.zone_count, 4);
    ck_assert_str_eq(nrt.zones[0].name, "node-0");
    ck_assert_int_eq(nrt.zones[0].numa, 0);
    ck_assert_uint_eq(nrt.zones[0].attribute_count, 1);
    ck_assert_int_eq(nrt_zone_resource(&nrt.zones[0], "rdma/ib")->available, 2);
    ck_assert_ptr_null(nrt_zone_resource(&nrt.zones[0], "nvidia.com/gpu"));
    const struct nrt_zone *zone = &nrt.zones[1];
    ck_assert_int_eq(zone->numa, 1);
    const struct nrt_resource *gpu = nrt_zone_resource(zone, "nvidia.com/gpu");
    ck_assert_int_eq(gpu->capacity, 4);
    ck_assert_int_eq(gpu->allocatable, 4);
    ck_assert_int_eq(gpu->available, 1);
    ck_assert_int_eq(nrt_zone_resource(zone, "cpu")->available, 500);
    ck_assert_int_eq(nrt_zone_resource(zone, "memory")->available, 98LL << 30);
    ck_assert_uint_eq(zone->cost_count, 2);
    ck_assert_str_eq(zone->costs[0].zone, "node-0");
    ck_assert_int_eq(zone->costs[0].cost, 21);
    ck_assert_int_eq(nrt.zones[2].numa, 10);
    ck_assert_str_eq(nrt.zones[2].parent, "socket-1");
    ck_assert_ptr_null(nrt_zone_resource(&nrt.zones[2], "cpu"));
    ck_assert_int_eq(nrt.zones[3].numa, -1);
    ck_assert_str_eq(nrt.zones[3].type, "Socket");
    ck_assert_ptr_null(nrt.zones[3].parent);
}
END_TEST

START_TEST(policies)
{
    struct nrt_object nrt;
    nrt_from("{metadata: {name: n}, topologyPolicies: [BestEffortPodLevel]}", &nrt);
    ck_assert_str_eq(nrt.policy, "best-effort");
    ck_assert_str_eq(nrt.scope, "pod");
    nrt_from("{metadata: {name: n}, topologyPolicies: [Restricted], zones: null}", &nrt);
    ck_assert_str_eq(nrt.policy, "restricted");
    ck_assert_str_eq(nrt.scope, "container");
    nrt_from("{metadata: {name: n}, attributes: [{name: topologyManagerPolicy, value: none}]}",
             &nrt);
    ck_assert_str_eq(nrt.policy, "none");
    ck_assert_ptr_null(nrt.scope);
    nrt_from("{metadata: {name: n}, zones: []}", &nrt);
    ck_assert_ptr_null(nrt.policy);
    ck_assert_uint_eq(nrt.zone_count, 0);
}
END_TEST

#define RESOURCE(members) \
    "{metadata: {name: n}, zones: [{name: node-0, resources: [{" members "}]}]}"
#define GPU(capacity, allocatable, available)                                          \
    RESOURCE("name: nvidia.com/gpu, capacity: " capacity ", allocatable: " allocatable \
             ", available: " available)
#define AT     "node resource topology n: zone node-0: "
#define GPU_AT AT "nvidia.com/gpu: zones[0].resources[0]."

START_TEST(bad_input)
{
    static const struct {
        const char *yaml;
        const char *error;
    } CASES[] = {
        {"{}", "node resource topology: metadata.name: is missing"},
        {"metadata: 1", "node resource topology: metadata: is a number, not an object"},
        {"{metadata: {name: n}, zones: {}}",
         "node resource topology n: zones: is an object, not an array"},
        {"{metadata: {name: n}, zones: [null]}",
         "node resource topology n: zones[0]: is null, not an object"},
        {"{metadata: {name: n}, zones: [{}]}",
         "node resource topology n: zones[0].name: is missing"},
        {"{metadata: {name: n}, zones: [{name: a}, {name: b}, {name: a}]}",
         "node resource topology n: zones: zone a is there twice"},
        {"{metadata: {name: n}, zones: [{name: node-1, type: Node}, {name: node-01, type: Node}]}",
         "node resource topology n: zones: zone node-1 is there twice"},
        {"{metadata: {name: n}, zones: [{name: a, type: 1}]}",
         "node resource topology n: zone a: zones[0].type: is a number, not a string"},
        {"{metadata: {name: n}, zones: [{name: a, costs: [{name: b, value: -1}]}]}",
         "node resource topology n: zone a: zones[0].costs[0].value: -1 is negative"},
        {"{metadata: {name: n}, zones: [{name: a, costs: [{name: b, value: 1.5}]}]}",
         "node resource topology n: zone a: zones[0].costs[0].value: is a number, not an integer"},
        {"{metadata: {name: n}, attributes: {a: b}}",
         "node resource topology n: attributes: is an object, not an array"},
        {"{metadata: {name: n}, attributes: [{value: b}]}",
         "node resource topology n: attributes[0].name: is missing"},
        {"{metadata: {name: n}, topologyPolicies: [Sometimes]}",
         "node resource topology n: topologyPolicies[0]: policy Sometimes is not known"},
        {"{metadata: {name: n}, topologyPolicies: [1]}",
         "node resource topology n: topologyPolicies[0]: is not a string"},
        {GPU("4", "4", "'-1'"), GPU_AT "available: quantity \"-1\" is negative"},
        {GPU("4", "4", "-1"), GPU_AT "available: quantity \"-1\" is negative"},
        {GPU("4", "4", "0.5"), GPU_AT "available: quantity \"0.5\" is not a whole number"},
        {GPU("4", "4", "2500m"), GPU_AT "available: quantity \"2500m\" is not a whole number"},
        {GPU("4", "'3.5'", "1"), GPU_AT "allocatable: quantity \"3.5\" is not a whole number"},
        {GPU("-4", "4", "4"), GPU_AT "capacity: quantity \"-4\" is negative"},
        {GPU("4", "4", "null"), GPU_AT "available: is missing"},
        {GPU("4", "4", "true"), GPU_AT "available: is not a quantity"},
        {GPU("4", "4", "'9999999999999999999'"),
         GPU_AT "available: quantity \"9999999999999999999\" is out of range"},
        {GPU("4", "4", "5"),
         AT "zones[0].resources[0]: nvidia.com/gpu: 5 available of 4 allocatable of 4"},
        {GPU("4", "8", "4"),
         AT "zones[0].resources[0]: nvidia.com/gpu: 4 available of 8 allocatable of 4"},
        {RESOURCE("capacity: 1"), AT "zones[0].resources[0].name: is missing"},
        {"{metadata: {name: n}, zones: [{name: node-0, resources: [{name: cpu, capacity: 1, "
         "allocatable: 1, available: 1}, {name: cpu, capacity: 1, allocatable: 1, available: "
         "1}]}]}",
         AT "zones[0].resources: cpu is there twice"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        refused(CASES[i].yaml, CASES[i].error);
    }
    struct err err;
    struct nrt_object nrt;
    ck_assert_int_eq(nrt_decode(NULL, &arena, &nrt, &err), -1);
    ck_assert_int_eq(nrt_decode(json_null(), &arena, &nrt, &err), -1);
}
END_TEST

START_TEST(long_and_many)
{
    char text[301];
    memset(text, 'a', 300);
    text[300] = '\0';
    struct err err;
    struct nrt_object nrt;
    json_t *json = json_pack("{s{ss}s[{ss}]}", "metadata", "name", "n", "zones", "name", text);
    ck_assert_int_eq(nrt_decode(json, &arena, &nrt, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "has 300 bytes, more than the limit of 253"));
    json_decref(json);
    json_t *zones = json_array();
    for (int i = 0; i < NRT_ZONES_MAX; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "node-%d", i);
        json_array_append_new(zones, json_pack("{ssss}", "name", name, "type", "Node"));
    }
    json = json_pack("{s{ss}sO}", "metadata", "name", "n", "zones", zones);
    ck_assert_msg(nrt_decode(json, &arena, &nrt, &err) == 0, "%s", err.text);
    ck_assert_uint_eq(nrt.zone_count, NRT_ZONES_MAX);
    for (int i = 0; i < NRT_ZONES_MAX; i++) {
        ck_assert_int_eq(nrt.zones[i].numa, i);
    }
    json_array_append_new(zones, json_pack("{ss}", "name", "one-more"));
    ck_assert_int_eq(nrt_decode(json, &arena, &nrt, &err), -1);
    ck_assert_str_eq(err.text, "node resource topology n: zones: 1025 entries are more than the "
                               "limit of 1024");
    json_decref(zones);
    json_decref(json);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("decode_nrt");
    TCase *tcase = tcase_create("decode_nrt");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, complete);
    tcase_add_test(tcase, policies);
    tcase_add_test(tcase, bad_input);
    tcase_add_test(tcase, long_and_many);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
