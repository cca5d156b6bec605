// SPDX-License-Identifier: Apache-2.0
#include "api/embedded/existing.h"

#include <stdio.h>
#include <string.h>

#include "api/yaml/yaml.h"
#include "test/unit/check_main.h"

/* Pods are written in one line each, and the one that is looked for as well. */

static struct cluster *cluster;
static struct existing *existing;
static struct kube_batch *batch;
static json_t *documents;
static json_t *made;

static void setup(void)
{
    cluster = cluster_create();
    batch = kube_batch_create();
}

static void teardown(void)
{
    existing_destroy(existing);
    existing = NULL;
    cluster_destroy(cluster);
    kube_batch_destroy(batch);
    json_decref(documents);
    json_decref(made);
    documents = made = NULL;
}

static json_t *read(const char *yaml)
{
    struct err err;
    json_t *json = yaml_load(yaml, strlen(yaml), &err);
    ck_assert_msg(json != NULL, "%s", err.text);
    return json;
}

static void cluster_has(const char *yaml)
{
    struct err err;
    size_t i;
    json_t *object;
    documents = read(yaml);
    json_array_foreach(documents, i, object)
    {
        ck_assert_msg(cluster_apply(cluster, object, batch, NULL, &err) == 0, "%s", err.text);
    }
    existing = existing_create(cluster);
}

#define POD(name, rest) \
    "{apiVersion: v1, kind: Pod, metadata: {namespace: a, name: " name ", " rest "\n---\n"
#define LABELS(labels) "labels: {" labels "}}}"
#define OWNER(kind, name, uid) \
    "ownerReferences: [{kind: " kind ", name: " name ", uid: " uid ", controller: true}]"
#define INDEX(i) "batch.kubernetes.io/job-completion-index: '" i "'"

/* The pod that has the place of the made one, "" when there is none. */
static const char *take(const char *yaml)
{
    json_decref(made);
    made = read(yaml);
    const json_t *pod = existing_take(existing, json_array_get(made, 0));
    const char *name = json_string_value(json_object_get(json_object_get(pod, "metadata"), "name"));
    return name == NULL ? "" : name;
}

static size_t count_of_owner(const char *yaml)
{
    json_decref(made);
    made = read(yaml);
    return json_array_size(existing_of_owner(existing, json_array_get(made, 0)));
}

START_TEST(by_owner_and_index)
{
    cluster_has(POD("x-2", OWNER("Job", "j", "u1") ", " LABELS(INDEX("1")))
                    POD("x-3", OWNER("Job", "k", "u2") ", " LABELS(INDEX("0")))
                        POD("x-4", LABELS("job-name: j, " INDEX("0"))));
    ck_assert_str_eq(take(POD("j-1", OWNER("Job", "j", "m") ", " LABELS(INDEX("1")))), "x-2");
    ck_assert_str_eq(take(POD("j-1", OWNER("Job", "j", "m") ", " LABELS(INDEX("1")))), "");
    ck_assert_str_eq(take(POD("j-0", OWNER("Job", "j", "m") ", " LABELS(INDEX("0")))), "x-4");
    ck_assert_str_eq(take(POD("j-2", OWNER("Job", "j", "m") ", " LABELS(INDEX("2")))), "");
    ck_assert_uint_eq(count_of_owner(POD("j-0", OWNER("Job", "j", "m") "}}")), 2);
    ck_assert_uint_eq(count_of_owner(POD("l-0", OWNER("Job", "l", "m") "}}")), 0);
    ck_assert_uint_eq(count_of_owner(POD("p", LABELS("a: b"))), 0);
}
END_TEST

static const char *leader(const char *yaml)
{
    json_decref(made);
    made = read(yaml);
    const json_t *pod = existing_leader(existing, json_array_get(made, 0));
    const char *name = json_string_value(json_object_get(json_object_get(pod, "metadata"), "name"));
    return name == NULL ? "" : name;
}

#define ON_NODE "}, spec: {nodeName: n1}}"

/* The pod of index 0 of the same owner, once it is on a node and as long as it lives. */
START_TEST(who_leads)
{
    cluster_has(POD("j-a", OWNER("Job", "j", "u1") ", " LABELS(INDEX("0")))
                    POD("j-b", OWNER("Job", "j", "u1") ", labels: {" INDEX("1") "}" ON_NODE) POD(
                        "k-a", OWNER("Job", "k", "u2") ", labels: {" INDEX("1") "}" ON_NODE)
                        POD("k-b", OWNER("Job", "k", "u2") ", labels: {" INDEX("0") "}" ON_NODE)
                            POD("l-a", OWNER("Job", "l", "u3") ", labels: {" INDEX(
                                           "0") "}}, "
                                                "spec: {nodeName: n1}, status: {phase: Failed}}"));
    ck_assert_str_eq(leader(POD("j-2", OWNER("Job", "j", "m") "}}")), "");
    ck_assert_str_eq(leader(POD("k-2", OWNER("Job", "k", "m") "}}")), "k-b");
    ck_assert_str_eq(leader(POD("l-2", OWNER("Job", "l", "m") "}}")), "");
    ck_assert_str_eq(leader(POD("p", LABELS("a: b"))), "");
}
END_TEST

/* Without an index any place is as good; those that live come first, in order of their names. */
START_TEST(without_an_index)
{
    cluster_has(
        POD("done", OWNER("Job", "j", "u") "}, status: {phase: Succeeded}}")
            POD("failed", OWNER("Job", "j", "u") "}, status: {phase: Failed}}")
                POD("going", OWNER("Job", "j", "u") ", deletionTimestamp: '2026-01-01T00:00:00Z'}}")
                    POD("zulu", OWNER("Job", "j", "u") "}}")
                        POD("alpha", OWNER("Job", "j", "u") "}}"));
    static const char asked[] = POD("j-0", OWNER("Job", "j", "m") "}}");
    ck_assert_str_eq(take(asked), "alpha");
    ck_assert_str_eq(take(asked), "zulu");
    ck_assert_str_eq(take(asked), "done");
    ck_assert_str_eq(take(asked), "");
    ck_assert_uint_eq(count_of_owner(asked), 2);
}
END_TEST

/* Pods of a Job that is gone, while its successor's live. */
START_TEST(of_an_earlier_owner)
{
    cluster_has(POD("new", OWNER("Job", "j", "u2") ", " LABELS(INDEX("0")))
                    POD("old", OWNER("Job", "j", "u1") ", " LABELS(
                                   INDEX("1"))) "{apiVersion: batch/v1, kind: Job, metadata: "
                                                "{namespace: a, name: j, uid: u2}}\n");
    ck_assert_str_eq(take(POD("j-0", OWNER("Job", "j", "m") ", " LABELS(INDEX("0")))), "new");
    ck_assert_str_eq(take(POD("j-1", OWNER("Job", "j", "m") ", " LABELS(INDEX("1")))), "");
}
END_TEST

#define TRAINING(job, type, index)                                                              \
    LABELS("training.kubeflow.org/job-name: " job ", training.kubeflow.org/replica-type: " type \
           ", training.kubeflow.org/replica-index: '" index "'")

START_TEST(replicas_of_a_pytorch_job)
{
    cluster_has(POD("a", TRAINING("t", "worker", "0")) POD("b", TRAINING("t", "master", "0")));
    ck_assert_str_eq(
        take(POD("t-m", OWNER("PyTorchJob", "t", "m") ", " TRAINING("t", "master", "0"))), "b");
    ck_assert_str_eq(
        take(POD("t-w", OWNER("PyTorchJob", "t", "m") ", " TRAINING("t", "worker", "0"))), "a");
    ck_assert_str_eq(
        take(POD("t-w", OWNER("PyTorchJob", "t", "m") ", " TRAINING("t", "worker", "1"))), "");
}
END_TEST

#define MARKS(gang, role, job, index)             \
    LABELS("scheduling.x-k8s.io/pod-group: " gang \
           ", jobset.sigs.k8s.io/replicatedjob-name: " role job ", " INDEX(index))
#define JOB_INDEX(i) ", jobset.sigs.k8s.io/job-index: '" i "'"

/* Nobody is named: gang, role, job and index are the place. */
START_TEST(by_marks_alone)
{
    cluster_has(POD("a", MARKS("g", "w", "", "0")) POD("b", MARKS("g", "w", JOB_INDEX("1"), "0"))
                    POD("c", MARKS("h", "w", "", "1"))
                        POD("d", LABELS("scheduling.x-k8s.io/pod-group: g")));
    ck_assert_str_eq(
        take(POD("m", OWNER("Job", "j-w-0", "m") ", " MARKS("g", "w", JOB_INDEX("0"), "0"))), "a");
    ck_assert_str_eq(
        take(POD("m", OWNER("Job", "j-w-1", "m") ", " MARKS("g", "w", JOB_INDEX("1"), "0"))), "b");
    ck_assert_str_eq(
        take(POD("m", OWNER("Job", "j-w-0", "m") ", " MARKS("g", "w", JOB_INDEX("0"), "1"))), "");
    ck_assert_str_eq(take(POD("m", LABELS("scheduling.x-k8s.io/pod-group: g"))), "");
}
END_TEST

START_TEST(whose_two_pods_are)
{
    json_t *one = read(POD("x", OWNER("Job", "j", "u") "}}"));
    json_t *other = read(POD("y", LABELS("job-name: j")));
    json_t *nobody = read(POD("z", LABELS("a: b")));
    ck_assert(existing_same_owner(json_array_get(one, 0), json_array_get(other, 0)));
    ck_assert(!existing_same_owner(json_array_get(one, 0), json_array_get(nobody, 0)));
    ck_assert(existing_same_owner(json_array_get(nobody, 0), json_array_get(nobody, 0)));
    json_decref(one);
    json_decref(other);
    json_decref(nobody);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("existing");
    TCase *tests = tcase_create("existing");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, by_owner_and_index);
    tcase_add_test(tests, who_leads);
    tcase_add_test(tests, without_an_index);
    tcase_add_test(tests, of_an_earlier_owner);
    tcase_add_test(tests, replicas_of_a_pytorch_job);
    tcase_add_test(tests, by_marks_alone);
    tcase_add_test(tests, whose_two_pods_are);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
