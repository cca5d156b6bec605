// SPDX-License-Identifier: Apache-2.0
#include "api/import/slurm_yaml.h"

#include "test/unit/api/import/bed.h"

static int load(const char *text)
{
    json_t *document = yaml_object(text);
    int result = slurm_yaml_load(document, &overlay, &err);
    json_decref(document);
    return result;
}

/* The example of man topology.yaml, which of whose topologies counts being the point. */
#define EXAMPLE(tree, block, flat)   \
    "- topology: topo1\n"            \
    "  cluster_default: " tree "\n"  \
    "  tree:\n"                      \
    "    switches:\n"                \
    "    - switch: sw_root\n"        \
    "      children: l[1-2]\n"       \
    "    - switch: l1\n"             \
    "      nodes: node[01-02]\n"     \
    "    - switch: l2\n"             \
    "      nodes: node[03-04]\n"     \
    "- topology: topo2\n"            \
    "  cluster_default: " block "\n" \
    "  block:\n"                     \
    "    block_sizes:\n"             \
    "      - 4\n"                    \
    "      - 16\n"                   \
    "    blocks:\n"                  \
    "    - block: b1\n"              \
    "      nodes: node[01-04]\n"     \
    "    - block: b2\n"              \
    "      nodes: node[05-08]\n"     \
    "- topology: topo3\n"            \
    "  cluster_default: " flat "\n"  \
    "  flat: True\n"

START_TEST(a_tree)
{
    ck_assert_msg(load(EXAMPLE("True", "False", "False")) == 0, "%s", err.text);
    ck_assert_str_eq(level_names(), "spine leaf host");
    ck_assert_str_eq(path_of("node03"), "sw_root/l2");
}
END_TEST

START_TEST(the_first_is_the_default)
{
    ck_assert_msg(load(EXAMPLE("False", "False", "False")) == 0, "%s", err.text);
    ck_assert_str_eq(level_names(), "spine leaf host");
    overlay_destroy(overlay);
    ck_assert_msg(load(EXAMPLE("False", "true", "true")) == 0, "%s", err.text);
    ck_assert_str_eq(level_names(), "block-16 block host");
}
END_TEST

START_TEST(blocks)
{
    ck_assert_msg(load(EXAMPLE("False", "True", "False")) == 0, "%s", err.text);
    ck_assert_str_eq(level_names(), "block-16 block host");
    ck_assert_str_eq(path_of("node08"), "b1..b2/b2");
}
END_TEST

START_TEST(flat)
{
    char text[64];
    ck_assert_msg(load(EXAMPLE("False", "False", "True")) == 0, "%s", err.text);
    ck_assert_str_eq(level_names(), "host");
    ck_assert_str_eq(path_of("node01"), "");
    ck_assert_str_eq(overlay_report(overlay, text, sizeof text), "");
}
END_TEST

#define TREE(switches) "- {topology: t, tree: {switches: [" switches "]}}"

static const struct {
    const char *text;
    const char *error;
} bad[] = {
    {"- {topology: t, ring: {rings: []}}", "topology t: ring is not supported"},
    {"- {topology: t, torus3d: {x: 4}}", "topology t: torus3d is not supported"},
    {"- {topology: t}", "one of tree, block and flat is required"},
    {"- {topology: t, flat: false}", "one of tree, block and flat is required"},
    {"- {topology: t, flat: 1}", "flat: is a number, not a boolean"},
    {"- {topology: t, flat: true, tree: {switches: []}}", "both tree and flat"},
    {"- {topology: t, trees: {}}", "trees: unknown key"},
    {"- {topology: t, tree: []}", "tree: is an array, not an object"},
    {"- {topology: t, tree: {switch: []}}", "tree: switch: unknown key"},
    {"- {topology: t, tree: {switches: {}}}", "tree.switches: is an object, not an array"},
    {TREE("{switch: a, node: b}"), "tree.switches[0]: node: unknown key"},
    {TREE("{nodes: b}"), "tree.switches[0]: switch is missing"},
    {TREE("{switch: ''}"), "tree.switches[0]: switch is empty"},
    {TREE("{switch: 1}"), "tree.switches[0].switch: is a number"},
    {TREE("{switch: a, nodes: [b]}"), "tree.switches[0].nodes: is an array"},
    {TREE("{switch: a}, {switch: a}"), "tree.switches[1]: a is defined twice"},
    {TREE("{switch: a, children: b}, {switch: b, children: a}"), "switch a in b in a: a cycle"},
    {TREE("{switch: a, children: b}"), "tree.switches[0]: switch a holds b, which is not defined"},
    {TREE("{switch: a, nodes: x}, {switch: b, nodes: x}"), "tree.switches[1]: node x is in a"},
    {TREE("{switch: a, nodes: 'x['}"), "tree.switches[0]: hostlist"},
    {TREE(""), "there are no switches and no blocks"},
    {"- {topology: t, block: {blocks: [{block: b}]}}", "block.blocks[0]: block b has no nodes"},
    {"- {topology: t, block: {blocks: [{nodes: b}]}}", "block.blocks[0]: block is missing"},
    {"- {topology: t, block: {block_sizes: [4, 12]}}", "block.block_sizes[1]: block size 12"},
    {"- {topology: t, block: {block_sizes: ['4']}}", "size 0 is not a whole number"},
    {"- {topology: t, block: {sizes: []}}", "sizes: unknown key"},
    {"- {topology: t, flat: true}\n- {tree: {}}", "topology 2 of the list: topology: is missing"},
    {"- {topology: t, flat: true}\n- 7", "topology 2 of the list: is not a JSON object"},
    {"- {topology: t, cluster_default: 1}", "cluster_default: is a number"},
};

START_TEST(what_is_wrong_is_named)
{
    ck_assert_msg(load(bad[_i].text) == -1, "%s", bad[_i].text);
    ck_assert_msg(strstr(err.text, bad[_i].error) != NULL, "%s: %s", bad[_i].text, err.text);
    ck_assert_ptr_null(overlay);
}
END_TEST

START_TEST(it_is_recognised)
{
    static const char *const others[] = {"{topology: t}", "[]", "[7]", "[{kind: List}]"};
    json_t *document = yaml_object(TREE(""));
    ck_assert(slurm_yaml_is(document));
    json_decref(document);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        document = yaml_object(others[i]);
        ck_assert(!slurm_yaml_is(document));
        json_decref(document);
    }
    ck_assert(!slurm_yaml_is(NULL));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("slurm_yaml");
    TCase *tests = tcase_create("slurm_yaml");
    tcase_add_checked_fixture(tests, bed_setup, bed_teardown);
    tcase_add_test(tests, a_tree);
    tcase_add_test(tests, the_first_is_the_default);
    tcase_add_test(tests, blocks);
    tcase_add_test(tests, flat);
    tcase_add_loop_test(tests, what_is_wrong_is_named, 0, (int)(sizeof bad / sizeof bad[0]));
    tcase_add_test(tests, it_is_recognised);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
