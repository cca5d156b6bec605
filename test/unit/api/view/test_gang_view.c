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
    ck_assert_uint_eq(json_array_size(json_object_get(json, "unplaced")), 0);
    ck_assert_uint_eq(json_object_size(json), 15);
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
    const json_t *unplaced = json_object_get(json, "unplaced");
    ck_assert_uint_eq(json_array_size(unplaced), 5);
    ck_assert_str_eq(text(json_array_get(unplaced, 4), "pod"), "default/train-4");
    ck_assert_int_eq(number(json_array_get(unplaced, 4), "rank"), 4);
    ck_assert_str_eq(text(json_array_get(unplaced, 4), "reason"), text(json, "reason"));
    ck_assert_uint_eq(json_array_size(json_object_get(json, "bound")), 0);
    json_decref(json);
}
END_TEST

START_TEST(a_shortfall_as_json)
{
    struct gang_view view = {.name_space = "default",
                             .name = "train",
                             .state = GANG_WAITING,
                             .reason = "rack is short by 1 of 4 pods",
                             .shortfall = {.level = "rack", .wanted = 4, .missing = 1, .fits = 3}};
    json_t *json = gang_view_json(&view);
    const json_t *shortfall = json_object_get(json, "shortfall");
    ck_assert_str_eq(text(shortfall, "level"), "rack");
    ck_assert_int_eq(number(shortfall, "wanted"), 4);
    ck_assert_int_eq(number(shortfall, "missing"), 1);
    ck_assert_int_eq(number(shortfall, "fits"), 3);
    ck_assert(json_is_null(json_object_get(shortfall, "alternative")));
    ck_assert(json_is_null(json_object_get(shortfall, "nodes")));
    ck_assert_uint_eq(json_object_size(shortfall), 7);
    json_decref(json);

    view.shortfall.alternative = "leaf";
    json = gang_view_json(&view);
    ck_assert_str_eq(text(json_object_get(json, "shortfall"), "alternative"), "leaf");
    json_decref(json);

    view.shortfall.has_nodes = true;
    view.shortfall.blocker = "a/b";
    view.shortfall.nodes = (struct gang_nodes_view){.domain = "b0/r1",
                                                    .nodes = 5,
                                                    .left_out = {{"taint", 4}, {"cordon", 0}},
                                                    .left_out_count = 2,
                                                    .rest = 1,
                                                    .scarce = "cpu",
                                                    .each = 500};
    json = gang_view_json(&view);
    json_t *want = json_pack("{s:{s:s, s:i, s:{s:i, s:i}, s:i, s:n, s:b, s:s, s:i}, s:{s:s, s:b}}",
                             "nodes", "domain", "b0/r1", "total", 5, "leftOut", "taint", 4,
                             "cordon", 0, "rest", 1, "missing", "nowhere", 0, "short", "cpu",
                             "each", 500, "blockedBy", "gang", "a/b", "otherPods", 0);
    shortfall = json_object_get(json, "shortfall");
    ck_assert(json_equal(json_object_get(shortfall, "nodes"), json_object_get(want, "nodes")));
    ck_assert(
        json_equal(json_object_get(shortfall, "blockedBy"), json_object_get(want, "blockedBy")));
    json_decref(want);
    json_decref(json);

    view.state = GANG_HELD; /* what was short once is no longer */
    json = gang_view_json(&view);
    ck_assert_ptr_null(json_object_get(json, "shortfall"));
    json_decref(json);
}
END_TEST

struct optimality {
    const char *levels[4];
    uint32_t used[4], bound[4];
    bool optimal;
    const char *text;
};

static const struct optimality OPTIMALITY[] = {
    {{"spine", "leaf", "host"},
     {1, 2, 16},
     {1, 2, 16},
     true,
     "1 spine, 2 leaves, 16 hosts (optimal)\n"},
    {{"leaf"}, {1}, {1}, true, "1 leaf (optimal)\n"},
    {{"leaf"}, {3}, {2}, false, "3 leaves (at least 2)\n"},
    /* one vector: behind the first difference the bound says nothing */
    {{"zone", "rack", "host"},
     {1, 3, 16},
     {1, 2, 17},
     false,
     "1 zone, 3 racks (at least 2), 16 hosts\n"},
    {{"zone", "rack", "host"},
     {2, 3, 16},
     {1, 2, 4},
     false,
     "2 zones (at least 1), 3 racks, 16 hosts\n"},
    {{"rack", "host"}, {1, 2}, {1, 2}, false, "1 rack, 2 hosts (not proven optimal)\n"},
    {{"switch", "bus", "box", "nvlink"},
     {2, 2, 2, 2},
     {2, 2, 2, 2},
     true,
     "2 switches, 2 buses, 2 boxes, 2 nvlinks (optimal)\n"},
    {{"example.com/leaf", "x/y", ""},
     {2, 1, 3},
     {2, 1, 3},
     true,
     "2 example.com/leaf, 1 x/y, 3  (optimal)\n"},
};

START_TEST(optimality_bounds)
{
    const struct optimality *optimality = &OPTIMALITY[_i];
    struct gang_view view = {.has_quality = true, .optimal = optimality->optimal, .levels = 1};
    for (size_t i = 0; i < 4 && optimality->levels[i] != NULL; i++, view.levels++) {
        view.level_names[i + 1] = optimality->levels[i];
        view.used[i + 1] = optimality->used[i];
        view.lower_bound[i + 1] = optimality->bound[i];
    }
    char *have = NULL;
    size_t length;
    FILE *out = open_memstream(&have, &length);
    gang_view_optimality(&view, out);
    fclose(out);
    ck_assert_str_eq(have, optimality->text);
    free(have);
    view.has_quality = false;
    out = open_memstream(&have, &length);
    gang_view_optimality(&view, out);
    fclose(out);
    ck_assert_str_eq(have, "");
    free(have);
}
END_TEST

START_TEST(all_gangs_as_json)
{
    json_t *json = gang_view_list(bed.engine, 0, 0);
    ck_assert_uint_eq(json_array_size(json_object_get(json, "items")), 0);
    ck_assert_str_eq(text(json, "continue"), "");
    json_decref(json);
    bed_group(&bed, 2);
    bed_apply(&bed, "{\"kind\":\"PodGroup\",\"metadata\":{\"name\":\"a\"},"
                    "\"spec\":{\"minMember\":-3}}");
    bed_sync(&bed);
    json = gang_view_list(bed.engine, 0, 2);
    const json_t *items = json_object_get(json, "items");
    ck_assert_uint_eq(json_array_size(items), 2);
    ck_assert_str_eq(text(json_array_get(items, 0), "gang"), "default/a");
    ck_assert_str_eq(text(json_array_get(items, 1), "gang"), "default/train");
    ck_assert_str_eq(text(json_array_get(items, 1), "state"), "Gathering");
    ck_assert_ptr_null(json_object_get(json_array_get(items, 1), "assignments"));
    ck_assert_str_eq(text(json, "continue"), "");
    json_decref(json);
}
END_TEST

START_TEST(gangs_page_by_page)
{
    bed_group(&bed, 2);
    bed_apply(&bed, "{\"kind\":\"PodGroup\",\"metadata\":{\"name\":\"a\"},"
                    "\"spec\":{\"minMember\":3}}");
    bed_sync(&bed);
    json_t *json = gang_view_list(bed.engine, 0, 1);
    ck_assert_uint_eq(json_array_size(json_object_get(json, "items")), 1);
    ck_assert_str_eq(text(json, "continue"), "default/a");
    json_decref(json);
    ck_assert_uint_eq(engine_gang_after(bed.engine, "default", "a"), 1);
    ck_assert_uint_eq(engine_gang_after(bed.engine, "default", "b"), 1); /* gone meanwhile */
    ck_assert_uint_eq(engine_gang_after(bed.engine, "default", "train"), 2);
    ck_assert_uint_eq(engine_gang_after(bed.engine, "", ""), 0);
    json = gang_view_list(bed.engine, 1, 1);
    ck_assert_str_eq(text(json_array_get(json_object_get(json, "items"), 0), "gang"),
                     "default/train");
    ck_assert_str_eq(text(json, "continue"), "");
    json_decref(json);
    json = gang_view_list(bed.engine, 9, 1); /* others have gone meanwhile */
    ck_assert_uint_eq(json_array_size(json_object_get(json, "items")), 0);
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
    expect_table("default/train  2 pods  Held\n"
                 "RANK  ROLE    POD             NODE  STATE\n"
                 "0     master  train-master-0  n10   planned\n"
                 "0     worker  train-worker-0  n3    planned\n"
                 "1 leaf, 1 rack, 2 hosts (optimal)\n");
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
             "default/train  1 pod  Gathering\n"
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
    tcase_add_test(tests, a_shortfall_as_json);
    tcase_add_loop_test(tests, optimality_bounds, 0, sizeof OPTIMALITY / sizeof OPTIMALITY[0]);
    tcase_add_test(tests, all_gangs_as_json);
    tcase_add_test(tests, gangs_page_by_page);
    tcase_add_test(tests, a_planned_gang_as_a_table);
    tcase_add_test(tests, a_gathering_gang_as_a_table);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
