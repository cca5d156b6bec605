// SPDX-License-Identifier: Apache-2.0
#include "api/import/import.h"

#include <unistd.h>

#include "test/unit/api/import/bed.h"

#define KUEUE                              \
    "apiVersion: kueue.x-k8s.io/v1beta2\n" \
    "kind: Topology\n"                     \
    "metadata: {name: default}\n"          \
    "spec: {levels: [{nodeLabel: rack}]}\n"
#define VOLCANO                                  \
    "apiVersion: topology.volcano.sh/v1alpha1\n" \
    "kind: HyperNode\n"                          \
    "metadata: {name: s0}\n"                     \
    "spec: {tier: 1, members: [{type: Node, selector: {exactMatch: {name: n1}}}]}\n"

static struct config config;

static void setup(void)
{
    bed_setup();
    config_default(&config);
}

static int parse(const char *text)
{
    return import_parse(text, strlen(text), &overlay, &err);
}

static const struct {
    const char *text;
    const char *levels;
    const char *path; /* of n1 */
} files[] = {
    {"# Slurm\nSwitchName=s0 Nodes=n[1-2]\n", "leaf host", "s0"},
    {"BlockName=b0 Nodes=n[1-2]\n", "block host", "b0"},
    {"- topology: t\n  tree: {switches: [{switch: s0, nodes: n1}]}\n", "leaf host", "s0"},
    {"[{\"topology\": \"t\", \"flat\": true}]", "host", ""},
    {KUEUE, "rack host", "-"},
    {VOLCANO, "tier-1 host", "s0"},
    {"kind: Namespace\n---\n" VOLCANO, "tier-1 host", "s0"},
    {"{apiVersion: v1, kind: List, items: [{kind: Node}, "
     "{apiVersion: topology.volcano.sh/v1alpha1, kind: HyperNode, metadata: {name: s0}, "
     "spec: {tier: 7}}]}",
     "tier-7 host", "-"},
};

START_TEST(files_are_recognised_by_what_they_hold)
{
    ck_assert_msg(parse(files[_i].text) == 0, "%s", err.text);
    ck_assert_str_eq(level_names(), files[_i].levels);
    ck_assert_str_eq(path_of("n1"), files[_i].path);
}
END_TEST

static const struct {
    const char *text;
    const char *error;
} bad[] = {
    {"", "holds no topology"},
    {"{}", "holds no topology"},
    {"7", "holds no topology"},
    {"kind: Node\n", "holds no topology"},
    {"- a\n- b\n", "holds no topology"},
    {"kind: [", "line 2"},
    {"- {topology: t, flat: true}\n---\n- {topology: t, flat: true}\n", "has one document"},
    {"SwitchName=a Nodes=\n", "line 1: Nodes has no value"},
    {KUEUE "---\n" VOLCANO, "both Topology and HyperNode objects"},
};

START_TEST(what_is_no_topology)
{
    ck_assert_msg(parse(bad[_i].text) == -1, "%s", bad[_i].text);
    ck_assert_msg(strstr(err.text, bad[_i].error) != NULL, "%s: %s", bad[_i].text, err.text);
}
END_TEST

static void write_to(char *path, const char *text)
{
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

START_TEST(from_a_file)
{
    char path[] = "/tmp/phalanx-test-import-XXXXXX";
    write_to(path, "SwitchName=s0 Nodes=n[1-2]\n");
    ck_assert_msg(import_load(path, &overlay, &err) == 0, "%s", err.text);
    ck_assert_str_eq(path_of("n2"), "s0");
    unlink(path);
    ck_assert_int_eq(import_load(path, &overlay, &err), -1);
    expect_in(err.text, path);
    ck_assert_int_eq(import_load("/", &overlay, &err), -1);
}
END_TEST

START_TEST(errors_name_the_file)
{
    char path[] = "/tmp/phalanx-test-import-XXXXXX";
    write_to(path, "\nSwitchName=s0 Nodes=n[\n");
    ck_assert_int_eq(import_load(path, &overlay, &err), -1);
    expect_in(err.text, path);
    expect_in(err.text, ": line 2: hostlist");
    unlink(path);
}
END_TEST

START_TEST(documents_may_hold_none)
{
    json_t *documents = json_pack("[{s:s}]", "kind", "Node");
    overlay = overlay_create();
    struct overlay *made = overlay;
    ck_assert_int_eq(import_documents(documents, &made, &err), 0);
    ck_assert_ptr_null(made);
    json_decref(documents);
}
END_TEST

/* A list in a list in a list … is not followed for ever. */
START_TEST(lists_in_lists)
{
    json_t *object = yaml_object(VOLCANO);
    for (int i = 0; i < 100; i++) {
        object = json_pack("{s:s, s:[o]}", "kind", "List", "items", object);
    }
    json_t *documents = json_pack("[o]", object);
    ck_assert_int_eq(import_documents(documents, &overlay, &err), 0);
    ck_assert_ptr_null(overlay);
    json_decref(documents);
}
END_TEST

static int configured(const char *text, const char *objects)
{
    json_t *documents = objects == NULL ? NULL : yaml_load(objects, strlen(objects), &err);
    ck_assert_msg(config_parse(&config, text, strlen(text), &err) == 0, "%s", err.text);
    int result = import_configured(&config, documents, &overlay, &err);
    json_decref(documents);
    return result;
}

START_TEST(the_preset_counts_when_there_is_nothing_else)
{
    struct levels preset;
    levels_preset(&preset);
    ck_assert_int_eq(configured("", NULL), 0);
    ck_assert_ptr_null(overlay);
    ck_assert_int_eq(configured("", "kind: Node\n"), 0);
    ck_assert_ptr_null(overlay);
    ck_assert_mem_eq(&config.levels, &preset, sizeof preset);
}
END_TEST

START_TEST(the_snapshot_counts_before_the_preset)
{
    ck_assert_msg(configured("", VOLCANO) == 0, "%s", err.text);
    ck_assert_str_eq(level_names(), "tier-1 host");
    ck_assert_int_eq(levels_find(&config.levels, "tier-1"), 0);
    ck_assert_uint_eq(config.levels.count, 2);
}
END_TEST

START_TEST(levels_count_before_the_snapshot)
{
    ck_assert_int_eq(configured("topology: {levels: [{name: rack, keys: [a]}]}", VOLCANO), 0);
    ck_assert_ptr_null(overlay);
    ck_assert_int_eq(levels_find(&config.levels, "rack"), 0);
    /* … but its labels may be asked for, and what has no labels is no contradiction. */
    ck_assert_msg(configured("topology: {levels: [{name: a, keys: [topology.phalanx.dev/tier-1]}]}",
                             VOLCANO "---\n" KUEUE) == 0,
                  "%s", err.text);
    ck_assert_ptr_nonnull(overlay);
    ck_assert_int_eq(levels_find(&config.levels, "a"), 0);
    ck_assert_str_eq(path_of("n1"), "s0");
}
END_TEST

START_TEST(the_file_counts_before_all)
{
    char path[] = "/tmp/phalanx-test-import-XXXXXX";
    char text[128];
    write_to(path, "SwitchName=l0 Nodes=n1\n");
    snprintf(text, sizeof text, "topology: {import: %s}", path);
    ck_assert_msg(configured(text, VOLCANO) == 0, "%s", err.text);
    ck_assert_str_eq(path_of("n1"), "l0");
    ck_assert_int_eq(levels_find(&config.levels, "leaf"), 0);
    overlay_destroy(overlay);
    unlink(path);
    ck_assert_int_eq(configured(text, VOLCANO), -1);
    ck_assert_ptr_null(overlay);
    expect_in(err.text, "topology.import: /tmp/");
}
END_TEST

/* The switch trees of Topograph's models, written as topology.conf. */
static int write_model(const char *path, char *text, size_t size)
{
    json_t *documents = yaml_load_file(path, NULL);
    const json_t *model = json_array_get(documents, 0);
    const char *name;
    json_t *value;
    size_t length = 0;
    if (model == NULL) {
        json_decref(documents);
        return -1;
    }
    json_object_foreach(json_object_get(model, "switches"), name, value)
    {
        length += (size_t)snprintf(text + length, size - length, "SwitchName=%s Switches=", name);
        for (size_t i = 0; i < json_array_size(json_object_get(value, "switches")); i++) {
            length += (size_t)snprintf(
                text + length, size - length, "%s%s", i == 0 ? "" : ",",
                json_string_value(json_array_get(json_object_get(value, "switches"), i)));
        }
        length += (size_t)snprintf(text + length, size - length, "\n");
    }
    for (size_t i = 0; i < json_array_size(json_object_get(model, "blocks")); i++) {
        const json_t *block = json_array_get(json_object_get(model, "blocks"), i);
        length += (size_t)snprintf(text + length, size - length, "SwitchName=%s Nodes=",
                                   json_string_value(json_object_get(block, "switch")));
        for (size_t k = 0; k < json_array_size(json_object_get(block, "nodes")); k++) {
            length += (size_t)snprintf(
                text + length, size - length, "%s%s", k == 0 ? "" : ",",
                json_string_value(json_array_get(json_object_get(block, "nodes"), k)));
        }
        length += (size_t)snprintf(text + length, size - length, "\n");
    }
    json_decref(documents);
    return 0;
}

/* As data/topograph-models (not part of the repository) has it: medium.yaml in small. */
START_TEST(a_model_of_topograph)
{
    static const char model[] = "switches:\n"
                                "  sw3: {switches: [sw21, sw22]}\n"
                                "  sw21: {switches: [sw11, sw12]}\n"
                                "  sw22: {switches: [sw13, sw14]}\n"
                                "blocks:\n"
                                "- {switch: sw11, nodes: ['[1101-1102]']}\n"
                                "- {switch: sw12, nodes: ['[1201-1202]']}\n"
                                "- {switch: sw13, nodes: ['[1301-1302]']}\n"
                                "- {switch: sw14, nodes: ['I[1401-1402]', I25]}\n";
    char path[] = "/tmp/phalanx-test-import-XXXXXX";
    char text[4096];
    write_to(path, model);
    ck_assert_int_eq(write_model(path, text, sizeof text), 0);
    unlink(path);
    ck_assert_msg(parse(text) == 0, "%s", err.text);
    ck_assert_str_eq(level_names(), "core spine leaf host");
    ck_assert_str_eq(path_of("1202"), "sw3/sw21/sw12");
    ck_assert_str_eq(path_of("I25"), "sw3/sw22/sw14");
}
END_TEST

static const struct {
    const char *file;
    const char *node;
    const char *path; /* NULL: refused with `error` */
    const char *error;
} models[] = {
    {"small-tree", "I25", "S1/S2", NULL},
    {"medium", "1302", "sw3/sw22/sw13", NULL},
    {"nvl72", "node2218", "core/spine-2/leaf-2-2", NULL},
    {"large", "srv6208", "core/spine-6/leaf-6-2", NULL},
    {"dual-xclr-regular", "srv1203", "core/spine-1/leaf-1-2", NULL},
    /* Racks without nodes are named by their switch and defined nowhere. */
    {"dual-xclr-irregular", "", NULL, "switch sw-01 holds rack-1-03, which is not defined"},
};

START_TEST(the_models_of_topograph_where_they_are_at_hand)
{
    char path[4096];
    static char text[65536];
    const char *data = getenv("PHALANX_DATA");
    snprintf(path, sizeof path, "%s/topograph-models/%s.yaml", data == NULL ? "" : data,
             models[_i].file);
    if (access(path, R_OK) != 0) {
        return;
    }
    ck_assert_int_eq(write_model(path, text, sizeof text), 0);
    if (models[_i].path == NULL) {
        ck_assert_int_eq(parse(text), -1);
        expect_in(err.text, models[_i].error);
        return;
    }
    ck_assert_msg(parse(text) == 0, "%s", err.text);
    ck_assert_str_eq(path_of(models[_i].node), models[_i].path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("import");
    TCase *tests = tcase_create("import");
    tcase_add_checked_fixture(tests, setup, bed_teardown);
    tcase_add_loop_test(tests, files_are_recognised_by_what_they_hold, 0,
                        (int)(sizeof files / sizeof files[0]));
    tcase_add_loop_test(tests, what_is_no_topology, 0, (int)(sizeof bad / sizeof bad[0]));
    tcase_add_test(tests, from_a_file);
    tcase_add_test(tests, errors_name_the_file);
    tcase_add_test(tests, documents_may_hold_none);
    tcase_add_test(tests, lists_in_lists);
    tcase_add_test(tests, the_preset_counts_when_there_is_nothing_else);
    tcase_add_test(tests, the_snapshot_counts_before_the_preset);
    tcase_add_test(tests, levels_count_before_the_snapshot);
    tcase_add_test(tests, the_file_counts_before_all);
    tcase_add_test(tests, a_model_of_topograph);
    tcase_add_loop_test(tests, the_models_of_topograph_where_they_are_at_hand, 0,
                        (int)(sizeof models / sizeof models[0]));
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
