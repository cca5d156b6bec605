// SPDX-License-Identifier: Apache-2.0
#include "api/view/gang_view.h"

#include "test/unit/api/view/bed.h"

static struct bed bed;

static void setup(void)
{
    bed_init(&bed);
}

static void teardown(void)
{
    bed_finish(&bed);
}

/* Four nodes in two racks of one leaf; three pods fit into the second rack only. */
static void make_cluster(void)
{
    bed_node(&bed, "n1", "l1", "r1", 8);
    bed_node(&bed, "n2", "l1", "r1", 4);
    bed_node(&bed, "n3", "l1", "r2", 8);
    bed_node(&bed, "n4", "l1", "r2", 8);
    bed_node(&bed, "n10", "l1", "r2", 8);
}

static json_int_t number(const json_t *json, const char *key)
{
    const json_t *value = json_object_get(json, key);
    ck_assert_msg(json_is_integer(value), "%s is no integer", key);
    return json_integer_value(value);
}

static const char *text(const json_t *json, const char *key)
{
    const json_t *value = json_object_get(json, key);
    ck_assert_msg(json_is_string(value), "%s is no string", key);
    return json_string_value(value);
}

START_TEST(a_planned_gang_as_json)
{
    make_cluster();
    bed_indexed_pods(&bed, 3, 8);
    bed_group(&bed, 3);
    bed_sync(&bed);
    struct gang_view view = bed_view(&bed);
    json_t *json = gang_view_json(&view);
    ck_assert(json_is_true(json_object_get(json, "feasible")));
    ck_assert(json_is_true(json_object_get(json, "optimal")));
    ck_assert_str_eq(text(json, "reason"), "");
    ck_assert_str_eq(text(json, "gang"), "default/train");
    ck_assert_str_eq(text(json, "state"), "Held");
    ck_assert_int_eq(number(json, "minMember"), 3);
    ck_assert_int_eq(number(json, "pods"), 3);
    ck_assert_int_eq(number(json, "boundPods"), 0);
    ck_assert_int_eq(number(json, "voted"), 0);

    static const struct {
        const char *name;
        json_int_t domains;
    } levels[] = {{"leaf", 1}, {"rack", 1}, {"host", 3}};
    const json_t *quality = json_object_get(json_object_get(json, "quality"), "levels");
    const json_t *bound = json_object_get(json, "bound");
    ck_assert_uint_eq(json_array_size(quality), 3);
    ck_assert_uint_eq(json_array_size(bound), 3);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_str_eq(text(json_array_get(quality, i), "name"), levels[i].name);
        ck_assert_int_eq(number(json_array_get(quality, i), "domains"), levels[i].domains);
        ck_assert_int_eq(json_integer_value(json_array_get(bound, i)), levels[i].domains);
    }

    static const char *const nodes[] = {"n10", "n3", "n4"};
    const json_t *assignments = json_object_get(json, "assignments");
    ck_assert_uint_eq(json_array_size(assignments), 3);
    for (size_t i = 0; i < 3; i++) {
        char pod[32];
        const json_t *assignment = json_array_get(assignments, i);
        snprintf(pod, sizeof pod, "default/train-%zu", i);
        ck_assert_str_eq(text(assignment, "pod"), pod);
        ck_assert_str_eq(text(assignment, "role"), "");
        ck_assert_int_eq(number(assignment, "rank"), (json_int_t)i);
        ck_assert_str_eq(text(assignment, "node"), nodes[i]);
        ck_assert(json_is_array(json_object_get(assignment, "devices")));
        ck_assert_uint_eq(json_object_size(assignment), 5);
    }
    ck_assert_uint_eq(json_object_size(json), 12);
    json_decref(json);
}
END_TEST

START_TEST(a_waiting_gang_as_json)
{
    make_cluster();
    bed_indexed_pods(&bed, 5, 8);
    bed_group(&bed, 5);
    bed_sync(&bed);
    struct gang_view view = bed_view(&bed);
    ck_assert(!gang_view_feasible(&view));
    json_t *json = gang_view_json(&view);
    ck_assert(json_is_false(json_object_get(json, "feasible")));
    ck_assert(json_is_false(json_object_get(json, "optimal")));
    ck_assert_ptr_nonnull(strstr(text(json, "reason"), "short by 1 of 5 pods"));
    ck_assert_uint_eq(json_array_size(json_object_get(json, "assignments")), 0);
    ck_assert_uint_eq(json_array_size(json_object_get(json, "bound")), 0);
    json_decref(json);
}
END_TEST

START_TEST(all_gangs_as_json)
{
    json_t *json = gang_view_list(bed.engine);
    ck_assert_uint_eq(json_array_size(json), 0);
    json_decref(json);
    bed_group(&bed, 2);
    bed_apply(&bed, "{\"kind\":\"PodGroup\",\"metadata\":{\"name\":\"a\"},"
                    "\"spec\":{\"minMember\":-3}}");
    bed_sync(&bed);
    json = gang_view_list(bed.engine);
    ck_assert_uint_eq(json_array_size(json), 2);
    ck_assert_str_eq(text(json_array_get(json, 0), "gang"), "default/a");
    ck_assert_str_eq(text(json_array_get(json, 1), "gang"), "default/train");
    ck_assert_str_eq(text(json_array_get(json, 1), "state"), "Gathering");
    ck_assert_ptr_null(json_object_get(json_array_get(json, 1), "assignments"));
    json_decref(json);
}
END_TEST

static void expect_table(const char *expected)
{
    char *have = NULL;
    size_t length;
    struct gang_view view = bed_view(&bed);
    FILE *out = open_memstream(&have, &length);
    gang_view_table(&view, out);
    fclose(out);
    ck_assert_str_eq(have, expected);
    free(have);
}

START_TEST(a_planned_gang_as_a_table)
{
    make_cluster();
    bed_pod(&bed, "train-master-0", 8,
            ",\"training.kubeflow.org/replica-type\":\"master\","
            "\"training.kubeflow.org/replica-index\":\"0\"");
    bed_pod(&bed, "train-worker-0", 8,
            ",\"training.kubeflow.org/replica-type\":\"worker\","
            "\"training.kubeflow.org/replica-index\":\"0\"");
    bed_group(&bed, 2);
    bed_sync(&bed);
    expect_table("default/train  2 pods  Held  optimal\n"
                 "RANK  ROLE    POD             NODE  STATE\n"
                 "0     master  train-master-0  n10   planned\n"
                 "0     worker  train-worker-0  n3    planned\n"
                 "spans: 1 leaf, 1 rack, 2 host  (optimal)\n");
}
END_TEST

START_TEST(a_gathering_gang_as_a_table)
{
    make_cluster();
    bed_pod(&bed, "train-x", 8, "");
    bed_group(&bed, 2);
    bed_sync(&bed);
    struct gang_view view = bed_view(&bed);
    char expected[1024];
    ck_assert_uint_lt(strlen(view.reason), 78);
    snprintf(expected, sizeof expected,
             "default/train  1 pods  Gathering\n"
             "  %s\n"
             "RANK  ROLE  POD      NODE  STATE\n"
             "%-4s  -     train-x  -     waiting\n",
             view.reason, view.members[0].rank < 0 ? "-" : "0");
    expect_table(expected);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gang_view");
    TCase *tests = tcase_create("gang_view");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_planned_gang_as_json);
    tcase_add_test(tests, a_waiting_gang_as_json);
    tcase_add_test(tests, all_gangs_as_json);
    tcase_add_test(tests, a_planned_gang_as_a_table);
    tcase_add_test(tests, a_gathering_gang_as_a_table);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
