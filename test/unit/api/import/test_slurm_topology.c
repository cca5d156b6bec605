// SPDX-License-Identifier: Apache-2.0
#include "api/import/slurm_topology.h"

#include <stdlib.h>

#include "api/import/slurm_conf.h"
#include "test/unit/api/import/bed.h"

/* topology.conf is the shortest way to write a topology down. */
static int load(const char *text)
{
    return slurm_conf_load(text, strlen(text), &overlay, &err);
}

static void load_good(const char *text)
{
    ck_assert_msg(load(text) == 0, "%s", err.text);
}

START_TEST(a_tree)
{
    load_good("SwitchName=s0 Nodes=tux[0-3]\n"
              "SwitchName=s1 Nodes=tux[4-7]\n"
              "SwitchName=s2 Nodes=tux[8-11]\n"
              "SwitchName=s3 Switches=s[0-2]\n");
    ck_assert_str_eq(level_names(), "spine leaf host");
    ck_assert_str_eq(path_of("tux0"), "s3/s0");
    ck_assert_str_eq(path_of("tux7"), "s3/s1");
    ck_assert_str_eq(path_of("tux11"), "s3/s2");
    ck_assert_str_eq(path_of("tux12"), "-/-");
}
END_TEST

/* Leaves hang at different heights; all of them are on the level "leaf". */
START_TEST(an_uneven_tree)
{
    load_good("SwitchName=top Switches=mid,l3,l4\n" /* before what it names */
              "SwitchName=mid Switches=low,l2\n"
              "SwitchName=low Switches=l[0-1]\n"
              "SwitchName=l0 Nodes=a\n"
              "SwitchName=l1 Nodes=b\n"
              "SwitchName=l2 Nodes=c,c2\n"
              "SwitchName=l3 Nodes=d\n"
              "SwitchName=l4\n"); /* a leaf without nodes */
    ck_assert_str_eq(level_names(), "tier-3 core spine leaf host");
    ck_assert_str_eq(path_of("a"), "top/mid/low/l0");
    ck_assert_str_eq(path_of("b"), "top/mid/low/l1");
    ck_assert_str_eq(path_of("c"), "top/mid/l2/l2");
    ck_assert_str_eq(path_of("c2"), "top/mid/l2/l2");
    ck_assert_str_eq(path_of("d"), "top/l3/l3/l3");
}
END_TEST

START_TEST(several_roots)
{
    load_good("SwitchName=s0 Nodes=a\n"
              "SwitchName=s1 Nodes=b\n"
              "SwitchName=s2 Switches=s0\n");
    ck_assert_str_eq(path_of("a"), "s2/s0");
    ck_assert_str_eq(path_of("b"), "s1/s1");
}
END_TEST

START_TEST(one_switch_is_a_topology)
{
    load_good("SwitchName=sw_root Nodes=node[01-04],node02\n");
    ck_assert_str_eq(level_names(), "leaf host");
    ck_assert_str_eq(path_of("node04"), "sw_root");
}
END_TEST

/* Sizes are nodes: groups of 120 / 30 = 4 blocks in the order of the file. */
START_TEST(blocks)
{
    load_good("BlockName=b1 Nodes=node[1-32]\n"
              "BlockName=b2 Nodes=node[33-64]\n"
              "BlockName=b3 Nodes=node[65-96]\n"
              "BlockName=b4 Nodes=node[97-128]\n"
              "BlockName=b5 Nodes=node[129-158]\n"
              "BlockName=b6 Nodes=node[159-188]\n"
              "BlockName=b7 Nodes=x[1-30]\n"
              "BlockName=b8 Nodes=x[31-60]\n"
              "BlockName=b9 Nodes=x[61-90]\n"
              "BlockSizes=30,60,120\n");
    ck_assert_str_eq(level_names(), "block-120 block-60 block host");
    ck_assert_str_eq(path_of("node1"), "b1..b4/b1..b2/b1");
    ck_assert_str_eq(path_of("node65"), "b1..b4/b3..b4/b3");
    ck_assert_str_eq(path_of("node128"), "b1..b4/b3..b4/b4");
    ck_assert_str_eq(path_of("node129"), "b5..b8/b5..b6/b5");
    ck_assert_str_eq(path_of("x61"), "b9/b9/b9"); /* what is left */
}
END_TEST

START_TEST(blocks_without_sizes)
{
    load_good("BlockName=b1 Nodes=n[1-2]\n"
              "BlockName=b2 Nodes=n[3-4]\n"
              "BlockName=b3 Nodes=n[5-7]\n");
    ck_assert_str_eq(level_names(), "block-8 block-4 block host");
    ck_assert_str_eq(path_of("n6"), "b1..b3/b3/b3");
    overlay_destroy(overlay);
    overlay = NULL;
    load_good("BlockName=b1 Nodes=n[1-2]\nBlockSizes=2\n");
    ck_assert_str_eq(level_names(), "block host");
}
END_TEST

static const struct {
    const char *text;
    const char *error;
} bad[] = {
    {"SwitchName=a Switches=b\nSwitchName=b Switches=a\n", "switch a in b in a: a cycle"},
    {"SwitchName=a Switches=a\n", "switch a in a: a cycle"},
    {"SwitchName=a Nodes=x\nSwitchName=b Nodes=y\nSwitchName=a Nodes=z\n",
     "line 3: a is defined twice, first at line 1"},
    {"SwitchName=a Nodes=x[1-3]\nSwitchName=b Nodes=y,x2\n",
     "line 2: node x2 is in a and in b, and neither lies in the other"},
    {"SwitchName=a Switches=b[1-2]\nSwitchName=b1 Nodes=x\n",
     "line 1: switch a holds b2, which is not defined"},
    {"SwitchName=c Nodes=x\nSwitchName=a Switches=c\nSwitchName=b Switches=c\n",
     "line 3: switch c is in a and in b"},
    {"SwitchName=a Nodes=x Switches=b\n", "line 1: switch a has both nodes and switches"},
    {"SwitchName=a Nodes=x[1-\n", "line 1: hostlist \"x[1-\": brackets must hold numbers"},
    {"SwitchName=a Nodes=x[0-1048576]\n",
     "line 1: hostlist \"x[0-1048576]\": stands for more than"},
    {"SwitchName=a Nodes=x,,y\n", "line 1: hostlist \",y\": an empty name"},
    {"SwitchName=a[1-2] Nodes=x\n",
     "line 1: name \"a[1-2]\" has a character that is not allowed in a name"},
    {"SwitchName=a Nodes=x\nBlockName=b Nodes=y\n", "line 2: switches and blocks cannot be mixed"},
    {"BlockName=b Nodes=y\nSwitchName=a Nodes=x\n", "line 2: switches and blocks cannot be mixed"},
    {"SwitchName=a Nodes=x\nBlockSizes=4\n", "block sizes, but switches"},
    {"BlockSizes=4\n", "there are no switches and no blocks"},
    {"# nothing\nLinkSpeed=3\n", "line 2: one of SwitchName"},
    {"BlockName=b\n", "line 1: block b has no nodes"},
    {"BlockName=b Nodes=x[1-4]\nBlockName=c Nodes=y[1-3]\nBlockSizes=4\n",
     "line 2: block c has 3 nodes, the base block size is 4"},
    {"BlockName=b Nodes=x[1-4]\nBlockName=c Nodes=y[1-3]\n", "line 2: block c has 3 nodes"},
    {"BlockName=b Nodes=x\nBlockName=c Nodes=x\n", "line 2: node x is in b and in c"},
    {"BlockSizes=30,90\n", "line 1: block size 90 is not 30 times a power of two"},
    {"BlockSizes=30,45\n", "line 1: block size 45 is not 30 times"},
    {"BlockSizes=30,30\n", "line 1: block size 30 is not above the one before it"},
    {"BlockSizes=0\n", "line 1: block size 0 is out of range"},
    {"BlockSizes=99999999999\n", "is not a list of numbers"},
    {"BlockSizes=2147483648\n", "out of range"},
    {"BlockSizes=1,65536\n", "is not 1 times a power of two"},
};

START_TEST(what_is_wrong_is_named)
{
    ck_assert_msg(load(bad[_i].text) == -1, "%s", bad[_i].text);
    ck_assert_msg(strstr(err.text, bad[_i].error) != NULL, "%s: %s", bad[_i].text, err.text);
    ck_assert_ptr_null(overlay);
}
END_TEST

START_TEST(more_levels_than_the_limit)
{
    char text[4096] = "SwitchName=s0 Nodes=n\n";
    for (int i = 1; i < 15; i++) {
        size_t length = strlen(text);
        snprintf(text + length, sizeof text - length, "SwitchName=s%d Switches=s%d\n", i, i - 1);
    }
    load_good(text);
    ck_assert_str_eq(path_of("n"), "s14/s13/s12/s11/s10/s9/s8/s7/s6/s5/s4/s3/s2/s1/s0");
    overlay_destroy(overlay);
    overlay = NULL;
    size_t length = strlen(text);
    snprintf(text + length, sizeof text - length, "SwitchName=s15 Switches=s14\n");
    ck_assert_int_eq(load(text), -1);
    ck_assert_str_eq(err.text, "16 levels of switches are more than the limit of 15");
}
END_TEST

START_TEST(long_names)
{
    char text[1024];
    char name[400];
    memset(name, 's', sizeof name);
    snprintf(text, sizeof text, "SwitchName=%.253s Nodes=n\n", name);
    load_good(text);
    ck_assert_uint_eq(strlen(path_of("n")), 253);
    overlay_destroy(overlay);
    overlay = NULL;
    snprintf(text, sizeof text, "SwitchName=%.300s Nodes=n\n", name);
    ck_assert_int_eq(load(text), -1);
    expect_in(err.text, "line 1: switch name \"sss");
    expect_in(err.text, "must have 1 to 253 bytes");
}
END_TEST

/* 300,000 leaves below 300 spines. */
START_TEST(a_large_fabric)
{
    enum { LEAVES = 300000, SPINES = 300 };
    size_t size = LEAVES * 64;
    char *text = malloc(size);
    size_t length = 0;
    for (int i = 0; i < LEAVES; i++) {
        length += (size_t)snprintf(text + length, size - length, "SwitchName=l%d Nodes=n%d-[0-1]\n",
                                   i, i);
    }
    for (int i = 0; i < SPINES; i++) {
        length +=
            (size_t)snprintf(text + length, size - length, "SwitchName=s%d Switches=l[%d-%d]\n", i,
                             i * 1000, i * 1000 + 999);
    }
    ck_assert_msg(slurm_conf_load(text, length, &overlay, &err) == 0, "%s", err.text);
    free(text);
    ck_assert_str_eq(path_of("n299999-1"), "s299/l299999");
}
END_TEST

/* A million domains are taken; one more is an error that names it. */
START_TEST(one_switch_too_many)
{
    enum { LEAVES = OVERLAY_DOMAINS_MAX + 1 };
    size_t size = (size_t)LEAVES * 32;
    char *text = malloc(size);
    size_t length = 0;
    for (int i = 0; i < LEAVES; i++) {
        length +=
            (size_t)snprintf(text + length, size - length, "SwitchName=l%d Nodes=n%d\n", i, i % 7);
    }
    ck_assert_int_eq(slurm_conf_load(text, length, &overlay, &err), -1);
    ck_assert_str_eq(err.text, "line 1048577: switch l1048576 is one too many: at most 1048576");
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("slurm_topology");
    TCase *tests = tcase_create("slurm_topology");
    tcase_add_checked_fixture(tests, bed_setup, bed_teardown);
    tcase_add_test(tests, a_tree);
    tcase_add_test(tests, an_uneven_tree);
    tcase_add_test(tests, several_roots);
    tcase_add_test(tests, one_switch_is_a_topology);
    tcase_add_test(tests, blocks);
    tcase_add_test(tests, blocks_without_sizes);
    tcase_add_loop_test(tests, what_is_wrong_is_named, 0, (int)(sizeof bad / sizeof bad[0]));
    tcase_add_test(tests, more_levels_than_the_limit);
    tcase_add_test(tests, long_names);
    tcase_add_test(tests, a_large_fabric);
    tcase_add_test(tests, one_switch_too_many);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
