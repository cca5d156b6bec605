// SPDX-License-Identifier: Apache-2.0
/* The notes in words, and what is cut from large trees. The rest is seen in cli/test_topology. */
#include "api/view/topology_view.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/check_main.h"

#define DEVICES 5000

static struct levels levels;
static struct nodes *nodes;
static struct domains *domains;
static struct report report;
static int64_t total[DEVICES], available[DEVICES];
static char *printed;

static void setup(void)
{
    static const char *const names[] = {"zone", "leaf", "rack"};
    levels_init(&levels);
    for (size_t i = 0; i < 3; i++) {
        levels_add(&levels, names[i], NULL);
        levels_add_key(&levels, names[i], NULL);
    }
    levels_add_key(&levels, "old-rack", NULL);
    levels_finish(&levels, NULL);
    nodes = nodes_create(1);
    domains = domains_create(&levels);
    for (size_t i = 0; i < DEVICES; i++) {
        total[i] = 8;
        available[i] = 8;
    }
}

static void teardown(void)
{
    free(printed);
    printed = NULL;
    domains_destroy(domains);
    nodes_destroy(nodes);
}

static void add(const char *name, const char *zone, const char *leaf, const char *rack,
                const char *rack_key)
{
    struct label_object labels[3];
    const char *const values[] = {zone, leaf, rack};
    const char *const keys[] = {"zone", "leaf", rack_key};
    size_t count = 0;
    for (size_t i = 0; i < 3; i++) {
        if (values[i] != NULL) {
            labels[count++] = (struct label_object){keys[i], values[i]};
        }
    }
    struct node_object node = {.name = name, .labels = labels, .label_count = count};
    uint32_t row;
    unsigned changes;
    ck_assert_int_eq(nodes_observe(nodes, &node, &row, &changes, NULL), 0);
}

static const char *show(bool tree)
{
    size_t size;
    domains_build(domains, nodes);
    report_fill(&report, &levels, domains, nodes);
    struct topology_view view = {.report = &report,
                                 .domains = domains,
                                 .nodes = nodes,
                                 .devices = {"GPUs", total, available}};
    free(printed);
    FILE *out = open_memstream(&printed, &size);
    if (tree) {
        topology_view_tree(&view, out);
    } else {
        topology_view_table(&view, out);
    }
    fclose(out);
    return printed;
}

static void expect(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "\"%s\" is not in: %s", part, text);
}

static size_t count_lines(const char *text)
{
    size_t lines = 0;
    for (; *text != '\0'; text++) {
        lines += *text == '\n';
    }
    return lines;
}

START_TEST(what_looks_odd)
{
    char longer[301];
    memset(longer, 'x', 300);
    longer[300] = '\0';
    add("n1", "", "l1", "r1", "rack");
    add("n2", NULL, longer, "r1", "rack");
    add("n3", NULL, NULL, "r1", "rack");
    add("n4", NULL, "", "r4", "old-rack");
    add("n5", NULL, "l1", "r1", "rack");
    const char *text = show(false);
    expect(text, "\n  zone: 1 node has an empty label, which counts as none\n");
    expect(text, "\n  leaf: 2 nodes without a label: n3, n4\n");
    expect(text, "\n  leaf: of them 1 with an empty one\n");
    expect(text, "\n  leaf: 1 value longer than 63 characters, such as xxx");
    expect(text, "\n  rack: nodes are told apart by 2 keys; equal values of two keys are two");
    expect(text, "\n  rack: the label of 1 node is not used: a wider label is missing, and");
    expect(text, "\n  rack: 1 value occurs in several domains of the level above, such as r1: ");
    expect(text, "\n  rack: uneven: 1 to 2 nodes, median 1\n");
    expect(text, "rack (4), old-rack (1)\n");
    expect(text, "\nOn no node: zone\n");
    expect(text, "5 nodes, ");
    expect(text, "levels of the configuration\n");
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1) {
        ck_assert_uint_lt(strcspn(line, "\n"), 250);
    }
    expect(show(true), "leaf xxx");
}
END_TEST

START_TEST(levels_that_say_little)
{
    static const char *const names[] = {"n1", "n2", "n3", "n4"};
    for (size_t i = 0; i < 4; i++) {
        add(names[i], NULL, names[i], i < 2 ? "a" : "b", "rack");
    }
    const char *text = show(false);
    expect(text, "\n  leaf: every value is the node's own name: this level says nothing\n");
    expect(text,
           "\n  rack: each domain of the level above holds only one, and each value occurs in "
           "several: are the two levels in the wrong order?\n");
    ck_assert_ptr_null(strstr(text, "uneven"));
}
END_TEST

/* One node is called like the zone of all, two like their racks: all other nodes are not. */
START_TEST(a_node_with_the_name_of_a_domain)
{
    add("z", "z", NULL, "z", "rack");
    add("n2", "z", NULL, "z", "rack");
    add("r1", "z", NULL, "r1", "rack");
    add("n4", "z", NULL, "r1", "rack");
    ck_assert_ptr_null(strstr(show(false), "says nothing"));
}
END_TEST

/* 4,000 nodes in 5 zones of 20 leaves of 20 racks of 2: no level of 2,000 lines, and of the leaves
 * of a zone only some, the others counted with their nodes. */
START_TEST(a_large_tree_is_cut)
{
    char name[16], zone[16], leaf[16], rack[16];
    for (int i = 0; i < 4000; i++) {
        (void)snprintf(name, sizeof name, "n%04d", i);
        (void)snprintf(zone, sizeof zone, "z%d", i / 800);
        (void)snprintf(leaf, sizeof leaf, "l%02d", i / 40 % 20);
        (void)snprintf(rack, sizeof rack, "r%02d", i / 2 % 20);
        add(name, zone, leaf, rack, "rack");
    }
    const char *text = show(true);
    ck_assert_uint_le(count_lines(text), TOPOLOGY_VIEW_LINES + 1);
    ck_assert_uint_eq(count_lines(text), 1 + 5 + 5 * 16);
    expect(text, "cluster  4000 nodes  32000/32000 GPUs free\n├─ zone z0  800 nodes  6400/6400");
    expect(text, "│  ├─ leaf l14  40 nodes  320/320 GPUs free  in 20 × rack\n");
    expect(text, "│  └─ … and 5 more × leaf  200 nodes  1600/1600 GPUs free\n├─ zone z1");
    ck_assert_ptr_null(strstr(text, "rack r"));
}
END_TEST

/* Those that are alone share a line, those with an anchor do not. A flat cluster is one line. */
START_TEST(unknown_domains)
{
    add("n1", NULL, NULL, NULL, "rack");
    add("n2", NULL, NULL, NULL, "rack");
    ck_assert_str_eq(show(true), "cluster  2 nodes  16/16 GPUs free  n1 … n2\n");
    add("n3", NULL, "l3", "r3", "rack");
    add("n4", NULL, NULL, "r4", "rack");
    add("n5", NULL, NULL, "r5", "rack");
    add("n6", NULL, NULL, "r5", "rack");
    total[0] = 0;
    available[0] = 0;
    ck_assert_str_eq(show(true), "cluster  6 nodes  40/40 GPUs free\n"
                                 "├─ leaf l3  1 node  8/8 GPUs free\n"
                                 "│  └─ rack r3  1 node  8/8 GPUs free  n3\n"
                                 "├─ leaf (none)  1 node  8/8 GPUs free\n"
                                 "│  └─ rack r4  1 node  8/8 GPUs free  n4\n"
                                 "├─ leaf (none)  2 nodes  16/16 GPUs free\n"
                                 "│  └─ rack r5  2 nodes  16/16 GPUs free  n5 … n6\n"
                                 "└─ leaf (none)  2 nodes  8/8 GPUs free  n1 … n2\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("view/topology_view");
    TCase *tests = tcase_create("topology_view");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, what_looks_odd);
    tcase_add_test(tests, levels_that_say_little);
    tcase_add_test(tests, a_node_with_the_name_of_a_domain);
    tcase_add_test(tests, a_large_tree_is_cut);
    tcase_add_test(tests, unknown_domains);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
