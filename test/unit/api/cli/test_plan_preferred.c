// SPDX-License-Identifier: Apache-2.0
/* `phalanx plan` for a gang that prefers a level: what it gets, and what it is told. */
#include "test/unit/api/cli/run_cli.h"

#define NODE(name, zone, rack)                                                 \
    "- kind: Node\n"                                                           \
    "  metadata: {name: " name ", labels: {topology.kubernetes.io/zone: " zone \
    ", topology.kubernetes.io/rack: " rack "}}\n"                              \
    "  status: {allocatable: {pods: 110, nvidia.com/gpu: 8}}\n"

/* Zone a has a free node in each of four racks; zones b and c have two racks of two. */
static const char cluster[] = "kind: List\nitems:\n" NODE("a1", "a", "ra1") NODE("a2", "a", "ra2")
    NODE("a3", "a", "ra3") NODE("a4", "a", "ra4") NODE("b1", "b", "rb") NODE("b2", "b", "rb")
        NODE("c1", "c", "rc") NODE("c2", "c", "rc");

static char snapshot_path[64];
static char manifest_path[64];

static void setup(void)
{
    snprintf(snapshot_path, sizeof snapshot_path, "/tmp/phalanx-test-snapshot-XXXXXX");
    write_file(snapshot_path, cluster);
}

static void teardown(void)
{
    unlink(snapshot_path);
}

/* A gang of `count` whole nodes. */
static int plan(int count, const char *preferred, const char *output)
{
    char manifest[1024];
    snprintf(manifest, sizeof manifest,
             "apiVersion: scheduling.x-k8s.io/v1alpha1\n"
             "kind: PodGroup\n"
             "metadata: {name: g, annotations: {phalanx.dev/preferred-topology: %s}}\n"
             "spec: {minMember: %d}\n"
             "---\n"
             "apiVersion: batch/v1\n"
             "kind: Job\n"
             "metadata: {name: train}\n"
             "spec:\n"
             "  parallelism: %d\n"
             "  completionMode: Indexed\n"
             "  template:\n"
             "    metadata: {labels: {scheduling.x-k8s.io/pod-group: g}}\n"
             "    spec: {schedulerName: phalanx, "
             "containers: [{resources: {limits: {nvidia.com/gpu: 8}}}]}\n",
             preferred, count, count);
    snprintf(manifest_path, sizeof manifest_path, "/tmp/phalanx-test-manifest-XXXXXX");
    write_file(manifest_path, manifest);
    int code = run_cli("plan", "--snapshot", snapshot_path, "--manifest", manifest_path, "-o",
                       output, NULL);
    unlink(manifest_path);
    ck_assert_str_eq(cli_err, "");
    return code;
}

START_TEST(one_domain_if_there_is_one_with_room)
{
    ck_assert_int_eq(plan(2, "rack", "tree"), CLI_OK);
    expect_in(cli_out, "1 zone, 1 rack, 2 hosts (optimal)\n");
    ck_assert_int_eq(plan(4, "zone", "tree"), CLI_OK);
    expect_in(cli_out, "1 zone, 4 racks, 4 hosts (optimal)\n");
}
END_TEST

/* No rack has room for four. The next wider level that has is kept to, though two zones would need
 * fewer racks. */
START_TEST(wider_levels_come_first)
{
    ck_assert_int_eq(plan(4, "rack", "tree"), CLI_OK);
    expect_in(cli_out, "1 zone, 4 racks, 4 hosts (optimal)\n");
}
END_TEST

START_TEST(a_level_that_does_not_exist_is_said_aloud)
{
    static const char text[] =
        "preferred topology \"rak\" is ignored: it is not a configured level";
    ck_assert_int_eq(plan(2, "rak", "tree"), CLI_OK);
    expect_in(cli_out, "default/g  2 pods  Held\n"
                       "  preferred topology \"rak\" is ignored: it is not a configured level\n");
    ck_assert_int_eq(plan(2, "rak", "table"), CLI_OK);
    expect_in(cli_out, text);
    ck_assert_int_eq(plan(2, "rak", "json"), CLI_OK);
    expect_in(cli_out, "\"ignored\": \"preferred topology \\\"rak\\\" is ignored: it is not a "
                       "configured level\"");
    ck_assert_int_eq(plan(2, "block", "tree"), CLI_OK);
    expect_in(cli_out, "preferred topology \"block\" is ignored: ");
    ck_assert_int_eq(plan(9, "rak", "tree"), CLI_INFEASIBLE); /* and when it waits */
    expect_in(cli_out, "short by 1 of 9 pods");
    expect_in(cli_out, text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plan_preferred");
    TCase *tests = tcase_create("plan_preferred");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, one_domain_if_there_is_one_with_room);
    tcase_add_test(tests, wider_levels_come_first);
    tcase_add_test(tests, a_level_that_does_not_exist_is_said_aloud);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
