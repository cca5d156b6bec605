// SPDX-License-Identifier: Apache-2.0
#include <jansson.h>

#include "test/unit/api/cli/run_cli.h"

/* What a plan speaks of: the quorum of a gang that is to start, the pods of the manifest when their
 * gang runs. Whoever has no place is named.
 */

#define NODE(name)                                                               \
    "- kind: Node\n"                                                             \
    "  metadata: {name: " name ", labels: {kubernetes.io/hostname: " name "}}\n" \
    "  status: {allocatable: {pods: 110, nvidia.com/gpu: 8}}\n"
#define MEMBER(name, index, node)                              \
    "- apiVersion: v1\n"                                       \
    "  kind: Pod\n"                                            \
    "  metadata:\n"                                            \
    "    name: " name "\n"                                     \
    "    labels: {scheduling.x-k8s.io/pod-group: train, "      \
    "batch.kubernetes.io/job-completion-index: '" index "'}\n" \
    "  spec: {schedulerName: phalanx, nodeName: '" node "', "  \
    "containers: [{name: c, resources: {limits: {nvidia.com/gpu: 8}}}]}\n"
#define GROUP(minimum)                             \
    "- apiVersion: scheduling.x-k8s.io/v1alpha1\n" \
    "  kind: PodGroup\n"                           \
    "  metadata: {name: train}\n"                  \
    "  spec: {minMember: " minimum "}\n"
#define LIST "apiVersion: v1\nkind: List\nitems:\n"

static char snapshot_path[64];
static char manifest_path[64];

static int plan(const char *snapshot, const char *manifest, const char *output)
{
    snprintf(snapshot_path, sizeof snapshot_path, "/tmp/phalanx-test-snapshot-XXXXXX");
    snprintf(manifest_path, sizeof manifest_path, "/tmp/phalanx-test-manifest-XXXXXX");
    write_file(snapshot_path, snapshot);
    write_file(manifest_path, manifest);
    int code = run_cli("plan", "--snapshot", snapshot_path, "--manifest", manifest_path, "-o",
                       output, NULL);
    unlink(snapshot_path);
    unlink(manifest_path);
    return code;
}

static json_t *printed(void)
{
    json_error_t error;
    json_t *json = json_loads(cli_out, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(json != NULL, "%s: %s", error.text, cli_out);
    return json;
}

static void expect_unplaced(const json_t *gang, const char *pod, const char *reason)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(gang, "unplaced"), i, item)
    {
        if (strcmp(json_string_value(json_object_get(item, "pod")), pod) == 0) {
            expect_in(json_string_value(json_object_get(item, "reason")), reason);
            return;
        }
    }
    ck_abort_msg("%s has a place: %s", pod, cli_out);
}

/* Two pods made from what kubectl printed of one: the API server gives them uids of their own. */
START_TEST(the_same_uid_twice)
{
    static const char copies[] =
        LIST GROUP("2") MEMBER("t-0\n    uid: u", "0", "") MEMBER("t-1\n    uid: u", "1", "");
    ck_assert_int_eq(plan(LIST NODE("n1") NODE("n2"), copies, "json"), CLI_OK);
    json_t *gang = printed();
    ck_assert(json_is_true(json_object_get(gang, "feasible")));
    ck_assert_uint_eq(json_array_size(json_object_get(gang, "assignments")), 2);
    json_decref(gang);
}
END_TEST

/* A quorum that fits is feasible, and the others stand beside it. */
START_TEST(beside_a_feasible_plan)
{
    static const char manifest[] = LIST GROUP("1") MEMBER("t-0", "0", "") MEMBER("t-1", "1", "");
    ck_assert_int_eq(plan(LIST NODE("n1"), manifest, "json"), CLI_OK);
    json_t *gang = printed();
    ck_assert(json_is_true(json_object_get(gang, "feasible")));
    ck_assert_uint_eq(json_array_size(json_object_get(gang, "assignments")), 1);
    ck_assert_uint_eq(json_array_size(json_object_get(gang, "unplaced")), 1);
    expect_unplaced(gang, "default/t-1", "gang default/train");
    json_decref(gang);
    ck_assert_int_eq(plan(LIST NODE("n1"), manifest, "tree"), CLI_OK);
    expect_in(cli_out, "no place: t-1\n");
}
END_TEST

/* A gang that runs has its quorum; what was asked is whether one more pod fits. */
START_TEST(beside_a_running_gang)
{
    ck_assert_int_eq(plan(LIST NODE("n1") GROUP("1") MEMBER("t-0", "0", "n1"),
                          LIST MEMBER("t-1", "1", ""), "json"),
                     CLI_INFEASIBLE);
    json_t *gang = printed();
    ck_assert_str_eq(json_string_value(json_object_get(gang, "state")), "Placed");
    ck_assert(json_is_false(json_object_get(gang, "feasible")));
    expect_in(json_string_value(json_object_get(gang, "reason")), "short by 1");
    expect_unplaced(gang, "default/t-1", "short by 1");
    json_decref(gang);
    ck_assert_int_eq(plan(LIST NODE("n1") NODE("n2") GROUP("1") MEMBER("t-0", "0", "n1"),
                          LIST MEMBER("t-1", "1", ""), "json"),
                     CLI_OK);
}
END_TEST

/* Another pod of the gang that waits is not what was asked; with the group alone, all are. */
START_TEST(who_was_not_asked_about)
{
    static const char cluster[] =
        LIST NODE("n1") GROUP("1") MEMBER("t-0", "0", "n1") MEMBER("t-1", "1", "");
    ck_assert_int_eq(plan(cluster, LIST MEMBER("t-0", "0", "") GROUP("1"), "json"), CLI_OK);
    json_t *gang = printed();
    expect_unplaced(gang, "default/t-1", "short by 1");
    json_decref(gang);
    ck_assert_int_eq(plan(cluster, LIST GROUP("1"), "json"), CLI_INFEASIBLE);
}
END_TEST

#define JOB                                                                            \
    "- apiVersion: batch/v1\n"                                                         \
    "  kind: Job\n"                                                                    \
    "  metadata: {name: t}\n"                                                          \
    "  spec:\n"                                                                        \
    "    parallelism: 2\n"                                                             \
    "    completions: 2\n"                                                             \
    "    completionMode: Indexed\n"                                                    \
    "    template:\n"                                                                  \
    "      metadata: {labels: {scheduling.x-k8s.io/pod-group: train}}\n"               \
    "      spec: {schedulerName: phalanx, containers: [{name: c, resources: {limits: " \
    "{nvidia.com/gpu: 8}}}]}\n"

/* A Job whose pods are called as one's own would be is not kept from having pods. */
START_TEST(a_name_that_is_taken)
{
    ck_assert_int_eq(
        plan(LIST NODE("n1")
                 NODE("n2") "- {kind: Pod, metadata: {name: t-0}, spec: {containers: []}}\n",
             LIST GROUP("2") JOB, "json"),
        CLI_OK);
    expect_in(cli_out, "\"default/t-0-new1\"");
    expect_in(cli_out, "\"default/t-1\"");
    /* The same Job twice is one Job. */
    ck_assert_int_eq(plan(LIST NODE("n1") NODE("n2"), LIST GROUP("2") JOB JOB, "json"), CLI_OK);
    expect_in(cli_out, "\"pods\": 2");
}
END_TEST

#define RACK_NODE(name, rack)                                             \
    "- kind: Node\n"                                                      \
    "  metadata: {name: " name ", labels: {kubernetes.io/hostname: " name \
    ", topology.kubernetes.io/rack: " rack "}}\n"                         \
    "  status: {allocatable: {pods: 110, nvidia.com/gpu: 8}}\n"
#define EXCLUSIVE "alpha.jobset.sigs.k8s.io/exclusive-topology: topology.kubernetes.io/rack"
#define JOB_SET                                                                              \
    "- apiVersion: jobset.x-k8s.io/v1alpha2\n"                                               \
    "  kind: JobSet\n"                                                                       \
    "  metadata: {name: js, annotations: {" EXCLUSIVE "}}\n"                                 \
    "  spec:\n"                                                                              \
    "    replicatedJobs:\n"                                                                  \
    "    - name: w\n"                                                                        \
    "      template:\n"                                                                      \
    "        spec:\n"                                                                        \
    "          parallelism: 2\n"                                                             \
    "          completions: 2\n"                                                             \
    "          template:\n"                                                                  \
    "            metadata: {labels: {scheduling.x-k8s.io/pod-group: train}}\n"               \
    "            spec: {schedulerName: phalanx, containers: [{name: c, resources: {limits: " \
    "{nvidia.com/gpu: 8}}}]}\n"
#define LEADER(node)                                                                             \
    "- kind: Pod\n"                                                                              \
    "  metadata:\n"                                                                              \
    "    name: js-w-0-0-abc\n"                                                                   \
    "    annotations: {" EXCLUSIVE "}\n"                                                         \
    "    labels: {scheduling.x-k8s.io/pod-group: train, job-name: js-w-0, "                      \
    "jobset.sigs.k8s.io/replicatedjob-name: w, batch.kubernetes.io/job-completion-index: '0'}\n" \
    "  spec: {schedulerName: phalanx, nodeName: '" node "', containers: [{resources: "           \
    "{limits: {nvidia.com/gpu: 8}}}]}\n"

/* Of an exclusive Job the first pod comes first: no gang of all, but one of the first pods. */
START_TEST(leaders_first)
{
    static const char nodes[] =
        LIST RACK_NODE("n1", "r1") RACK_NODE("n2", "r2") RACK_NODE("n3", "r2");
    ck_assert_int_eq(plan(nodes, LIST GROUP("2") JOB_SET, "json"), CLI_INFEASIBLE);
    json_t *gang = printed();
    ck_assert_uint_eq(json_array_size(json_object_get(gang, "unplaced")), 2);
    expect_unplaced(gang, "default/js-w-0-0", "1 of 2 exist: JobSet creates the others");
    expect_unplaced(gang, "default/js-w-0-1", "once the first pod of its Job is scheduled");
    json_decref(gang);
    ck_assert_int_eq(plan(nodes, LIST GROUP("1") JOB_SET, "json"), CLI_OK);
    gang = printed();
    ck_assert_uint_eq(json_array_size(json_object_get(gang, "assignments")), 1);
    expect_unplaced(gang, "default/js-w-0-1", "once the first pod of its Job is scheduled");
    json_decref(gang);
}
END_TEST

/* Once it is scheduled the others are created, and follow it. */
START_TEST(followers_of_a_leader)
{
    static const char nodes[] =
        LIST RACK_NODE("n1", "r1") RACK_NODE("n2", "r2") RACK_NODE("n3", "r2") GROUP("1");
    char cluster[4096];
    snprintf(cluster, sizeof cluster, "%s%s", nodes, LEADER("n2"));
    ck_assert_int_eq(plan(cluster, LIST GROUP("1") JOB_SET, "table"), CLI_OK);
    expect_in(cli_out, "js-w-0-1      n3");
    snprintf(cluster, sizeof cluster, "%s%s", nodes, LEADER("n1"));
    ck_assert_int_eq(plan(cluster, LIST GROUP("1") JOB_SET, "json"), CLI_INFEASIBLE);
    json_t *gang = printed();
    expect_unplaced(gang, "default/js-w-0-1", "short by 1");
    json_decref(gang);
}
END_TEST

/* What admission would refuse is never created. */
START_TEST(refused_at_admission)
{
    ck_assert_int_eq(plan(LIST NODE("n1") NODE("n2"),
                          LIST GROUP("2") JOB
                          "- apiVersion: v1\n"
                          "  kind: LimitRange\n"
                          "  metadata: {name: small}\n"
                          "  spec: {limits: [{type: Container, max: {nvidia.com/gpu: 4}}]}\n",
                          "json"),
                     CLI_INFEASIBLE);
    json_t *gang = printed();
    ck_assert(json_is_false(json_object_get(gang, "feasible")));
    expect_unplaced(gang, "default/t-0",
                    "refused at admission: LimitRange small: containers[0]: "
                    "its requests of nvidia.com/gpu are beyond the maximum");
    json_decref(gang);
    ck_assert_int_eq(plan(LIST NODE("n1") NODE("n2"),
                          LIST JOB
                          "- apiVersion: v1\n"
                          "  kind: LimitRange\n"
                          "  metadata: {name: small}\n"
                          "  spec: {limits: [{type: Container, max: {nvidia.com/gpu: 4}}]}\n",
                          "tree"),
                     CLI_INFEASIBLE);
    expect_in(cli_out, "none of its pods would be created\nno place: t-0, t-1\n");
}
END_TEST

/* What is surely not meant so is said on standard error, and costs nothing else. */
START_TEST(warnings)
{
    static const char manifest[] = LIST GROUP(
        "2") "- {apiVersion: v1, kind: Service, metadata: {name: web}}\n"
             "- apiVersion: batch/v1\n"
             "  kind: Job\n"
             "  metadata: {name: t, annotations: {phalanx.dev/required-topology: rack}}\n"
             "  spec:\n"
             "    parallelism: 2\n"
             "    template:\n"
             "      metadata: {labels: {scheduling.x-k8s.io/pod-group: train}, "
             "annotations: {phalanx.dev/slicse: rack=2}}\n"
             "      spec: {priorityClassName: high, runtimeClassName: kata, containers: [{name: "
             "c}]}\n";
    ck_assert_int_eq(plan(LIST NODE("n1"), manifest, "json"), CLI_OK);
    static const char *const lines[] = {
        "Service default/web is not used",
        "Job t: annotation phalanx.dev/required-topology is not read there: it belongs in the pod "
        "template or on the PodGroup",
        "Pod default/t-0: annotation phalanx.dev/slicse does not exist, the nearest one is "
        "phalanx.dev/slices",
        "Pod default/t-0: schedulerName default-scheduler is not served here",
        "PriorityClass high is not in the snapshot",
        "RuntimeClass kata is not in the snapshot",
    };
    size_t count = 0;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char line[512];
        snprintf(line, sizeof line, "phalanx plan: %s", lines[i]);
        expect_in(cli_err, line);
    }
    for (const char *at = cli_err; (at = strchr(at, '\n')) != NULL; at++) {
        count++;
    }
    ck_assert_uint_eq(count, sizeof lines / sizeof lines[0]);
    ck_assert_int_eq(plan(LIST NODE("n1"), LIST GROUP("1") MEMBER("t-0", "0", ""), "json"), CLI_OK);
    ck_assert_str_eq(cli_err, "");
}
END_TEST

START_TEST(an_empty_snapshot)
{
    ck_assert_int_eq(plan(LIST GROUP("1"), LIST GROUP("1"), "json"), CLI_RUNTIME);
    expect_in(cli_err, ": there is no node in it\n");
    ck_assert_str_eq(cli_out, "");
    ck_assert_int_eq(plan("", LIST GROUP("1"), "json"), CLI_RUNTIME);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plan_asked");
    TCase *tests = tcase_create("plan_asked");
    tcase_add_test(tests, beside_a_feasible_plan);
    tcase_add_test(tests, the_same_uid_twice);
    tcase_add_test(tests, beside_a_running_gang);
    tcase_add_test(tests, who_was_not_asked_about);
    tcase_add_test(tests, a_name_that_is_taken);
    tcase_add_test(tests, leaders_first);
    tcase_add_test(tests, followers_of_a_leader);
    tcase_add_test(tests, refused_at_admission);
    tcase_add_test(tests, warnings);
    tcase_add_test(tests, an_empty_snapshot);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
