// SPDX-License-Identifier: Apache-2.0
#include "api/import/slurm_conf.h"

#include "test/unit/api/import/bed.h"

static int load(const char *text)
{
    return slurm_conf_load(text, strlen(text), &overlay, &err);
}

START_TEST(the_ways_to_write_it)
{
    ck_assert_msg(load("# Slurm's network topology\r\n"
                       "\n"
                       "   switchname = s0   NODES=tux[0-1]  LinkSpeed=400 # 400G\r\n"
                       "SwitchName=s1 Nodes=tux[2-3],\\\n"
                       "tux4   \\  \n"
                       "  LinkSpeed=100\n"
                       "SWITCHNAME=\"s\\#2\" Switches=\"s0, s1\"") == 0,
                  "%s", err.text);
    ck_assert_str_eq(level_names(), "spine leaf host");
    ck_assert_str_eq(path_of("tux1"), "s#2/s0");
    ck_assert_str_eq(path_of("tux3"), "s#2/s1");
    ck_assert_str_eq(path_of("tux4"), "s#2/s1");
}
END_TEST

START_TEST(the_example_of_the_manual)
{
    ck_assert_msg(load("BlockName=block1 Nodes=node[1-32]\n"
                       "BlockName=block2 Nodes=node[33-64]\n"
                       "BlockName=block3 Nodes=node[65-96]\n"
                       "BlockName=block4 Nodes=node[97-128]\n"
                       "BlockSizes=30,120\n") == 0,
                  "%s", err.text);
    ck_assert_str_eq(level_names(), "block-120 block host");
    ck_assert_str_eq(path_of("node97"), "block1..block4/block4");
}
END_TEST

static const struct {
    const char *text;
    const char *error;
} bad[] = {
    {"SwitchName=a Node=x\n", "line 1: Node: unknown key"},
    {"\n\nInclude other.conf\n", "line 3: \"Include\" must be KEY=VALUE"},
    {"SwitchName\n", "line 1: \"SwitchName\" must be KEY=VALUE"},
    {"SwitchName=a ?\n", "line 1: \"\" must be KEY=VALUE"},
    {"SwitchName=\n", "line 1: SwitchName has no value"},
    {"SwitchName=\"\"\n", "line 1: SwitchName has no value"},
    {"SwitchName=a Nodes=\"x\n", "line 1: Nodes: a quote is not closed"},
    {"SwitchName=a Nodes=x nodes=y\n", "line 1: Nodes is given twice"},
    {"SwitchName=a Nodes=x\nSwitchName=b Nodes=y \\\n Nodes=z\n", "line 2: Nodes is given twice"},
    {"RingName=r Nodes=n[01-08]\n", "line 1: RingName: rings are not supported"},
    {"SwitchName=a BlockName=b Nodes=x\n", "line 1: one of SwitchName, BlockName"},
    {"Nodes=x\n", "line 1: one of SwitchName, BlockName"},
    {"BlockName=b Switches=s\n", "line 1: keys that cannot be combined"},
    {"BlockSizes=4 Nodes=x\n", "line 1: keys that cannot be combined"},
    {"BlockSizes=4\nBlockSizes=4\n", "line 2: BlockSizes is given twice"},
    {"BlockSizes=4,\n", "line 1: BlockSizes \"4,\" is not a list of numbers"},
    {"BlockSizes=four\n", "line 1: BlockSizes \"four\" is not a list"},
    {"BlockSizes=-4\n", "is not a list of numbers"},
    {"", "there are no switches and no blocks"},
    {"# only this", "there are no switches and no blocks"},
    {"\\\n\\\n", "there are no switches and no blocks"},
};

START_TEST(what_is_wrong_is_named_with_its_line)
{
    ck_assert_msg(load(bad[_i].text) == -1, "%s", bad[_i].text);
    ck_assert_msg(strstr(err.text, bad[_i].error) != NULL, "%s: %s", bad[_i].text, err.text);
    ck_assert_ptr_null(overlay);
}
END_TEST

START_TEST(bytes_that_are_no_text)
{
    static const char text[] = "SwitchName=a\0b Nodes=x\n";
    ck_assert_int_eq(slurm_conf_load(text, sizeof text - 1, &overlay, &err), -1);
    expect_in(err.text, "line 1: name \"a");
}
END_TEST

static const struct {
    const char *text;
    bool is;
} texts[] = {
    {"SwitchName=s0", true},
    {"# c\n\n \tblockname = b", true},
    {"#\n#", false},
    {"", false},
    {"= x", false},
    {"- topology: t\n", false},
    {"apiVersion: v1", false},
    {"{\"kind\": \"List\"}", false},
    {"Unknown=1", true},
};

START_TEST(it_is_recognised)
{
    ck_assert_msg(slurm_conf_is(texts[_i].text, strlen(texts[_i].text)) == texts[_i].is, "%s",
                  texts[_i].text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("slurm_conf");
    TCase *tests = tcase_create("slurm_conf");
    tcase_add_checked_fixture(tests, bed_setup, bed_teardown);
    tcase_add_test(tests, the_ways_to_write_it);
    tcase_add_test(tests, the_example_of_the_manual);
    tcase_add_loop_test(tests, what_is_wrong_is_named_with_its_line, 0,
                        (int)(sizeof bad / sizeof bad[0]));
    tcase_add_test(tests, bytes_that_are_no_text);
    tcase_add_loop_test(tests, it_is_recognised, 0, (int)(sizeof texts / sizeof texts[0]));
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
