// SPDX-License-Identifier: Apache-2.0
#include "api/kube/write/verdict.h"

#include <stdio.h>
#include <string.h>

#include "test/unit/check_main.h"

/* Messages as kube-apiserver 1.36 words them. */
#define CONFLICT(text) \
    "{\"kind\":\"Status\",\"status\":\"Failure\",\"message\":\"" text "\",\"code\":409}"
#define ON_BINDING "Operation cannot be fulfilled on pods/binding \\\"p\\\": "

struct sample {
    enum write_kind kind;
    int status;
    const char *body;
    enum verdict verdict;
};

static const struct sample SAMPLES[] = {
    {WRITE_KIND_BINDING, 201, "{\"status\":\"Success\"}", VERDICT_DONE},
    {WRITE_KIND_BINDING, 200, "", VERDICT_DONE},
    {WRITE_KIND_BINDING, 409, CONFLICT(ON_BINDING "pod p is already assigned to node \\\"n1\\\""),
     VERDICT_DONE},
    {WRITE_KIND_BINDING, 409, CONFLICT(ON_BINDING "pod p is already assigned to node \\\"n2\\\""),
     VERDICT_REFUSED},
    {WRITE_KIND_BINDING, 409, CONFLICT(ON_BINDING "pod p is already assigned to node \\\"n10\\\""),
     VERDICT_REFUSED},
    {WRITE_KIND_BINDING, 409, CONFLICT(ON_BINDING "pod p is already assigned to node \\\"n\\\""),
     VERDICT_REFUSED},
    {WRITE_KIND_BINDING, 409,
     CONFLICT(
         "Operation cannot be fulfilled on pods \\\"p\\\": StorageError: invalid object, Code: 4, "
         "Key: /registry/pods/ns/p, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: "
         "UID in precondition: u, UID in object meta: v"),
     VERDICT_GONE},
    {WRITE_KIND_BINDING, 409,
     CONFLICT(ON_BINDING "pod p is being deleted, cannot be assigned to a host"), VERDICT_GONE},
    {WRITE_KIND_BINDING, 409, CONFLICT(ON_BINDING "pod p has non-empty .spec.schedulingGates"),
     VERDICT_REFUSED},
    {WRITE_KIND_BINDING, 409, CONFLICT("the object has been modified"), VERDICT_LOOK},
    {WRITE_KIND_BINDING, 409, "", VERDICT_LOOK},
    {WRITE_KIND_BINDING, 404, "{\"message\":\"pods \\\"p\\\" not found\"}", VERDICT_GONE},
    {WRITE_KIND_BINDING, 400, "", VERDICT_REFUSED},
    {WRITE_KIND_BINDING, 403, "", VERDICT_REFUSED},
    {WRITE_KIND_BINDING, 422, "", VERDICT_REFUSED},
    {WRITE_KIND_BINDING, 302, "", VERDICT_REFUSED},
    {WRITE_KIND_BINDING, 401, "", VERDICT_RETRY},
    {WRITE_KIND_BINDING, 408, "", VERDICT_RETRY},
    {WRITE_KIND_BINDING, 429, "", VERDICT_RETRY},
    {WRITE_KIND_BINDING, 500, "", VERDICT_RETRY},
    {WRITE_KIND_BINDING, 503, "<html>", VERDICT_RETRY},
    {WRITE_KIND_BINDING, 504, "", VERDICT_RETRY},
    {WRITE_KIND_NOMINATION, 200, "{\"kind\":\"Pod\"}", VERDICT_DONE},
    {WRITE_KIND_NOMINATION, 422,
     "{\"message\":\"Pod \\\"p\\\" is invalid: metadata.uid: Invalid value: \\\"u\\\": field is "
     "immutable\"}",
     VERDICT_GONE},
    {WRITE_KIND_NOMINATION, 422,
     "{\"message\":\"Pod \\\"p\\\" is invalid: status.nominatedNodeName: Forbidden: may not be set "
     "on "
     "pods that are already bound to a node\"}",
     VERDICT_REFUSED},
    {WRITE_KIND_NOMINATION, 409, CONFLICT("the object has been modified"), VERDICT_RETRY},
    {WRITE_KIND_NOMINATION, 404, "", VERDICT_GONE},
    {WRITE_KIND_EXPLANATION, 403, "", VERDICT_REFUSED},
    {WRITE_KIND_EVICTION, 201, "", VERDICT_DONE},
    {WRITE_KIND_EVICTION, 404, "", VERDICT_GONE},
    {WRITE_KIND_EVICTION, 403, "", VERDICT_REFUSED},
    {WRITE_KIND_EVICTION, 429, "", VERDICT_RETRY}, /* a PodDisruptionBudget */
    {WRITE_KIND_EVICTION, 409,
     CONFLICT("Precondition failed: UID in precondition: u, UID in object meta: v"), VERDICT_GONE},
    {WRITE_KIND_EVENT, 201, "", VERDICT_DONE},
    {WRITE_KIND_EVENT, 409, CONFLICT("events \\\"p.1\\\" already exists"), VERDICT_DONE},
    {WRITE_KIND_EVENT, 404, "", VERDICT_REFUSED}, /* the namespace */
    {WRITE_KIND_EVENT, 403, "", VERDICT_REFUSED},
};

static struct write make(enum write_kind kind)
{
    static char name_space[] = "ns";
    static char name[] = "p";
    static char uid[] = "u";
    static char node[] = "n1";
    return (struct write){
        .kind = kind, .name_space = name_space, .name = name, .uid = uid, .node = node};
}

START_TEST(answers_to_writes)
{
    const struct sample *sample = &SAMPLES[_i];
    const struct write write = make(sample->kind);
    struct err why = {.text = ""};
    enum verdict verdict =
        verdict_of_write(&write, sample->status, sample->body, strlen(sample->body), &why);
    ck_assert_msg(verdict == sample->verdict, "%d %s: %d", sample->status, sample->body,
                  (int)verdict);
    char status[8];
    (void)snprintf(status, sizeof status, "%d: ", sample->status);
    ck_assert_int_eq(strncmp(why.text, status, strlen(status)) == 0, verdict != VERDICT_DONE);
}
END_TEST

static const struct {
    int status;
    const char *body;
    enum verdict verdict;
} PODS[] = {
    {200, "{\"metadata\":{\"uid\":\"u\"},\"spec\":{\"nodeName\":\"n1\"}}", VERDICT_DONE},
    {200, "{\"metadata\":{\"uid\":\"u\"},\"spec\":{\"nodeName\":\"n2\"}}", VERDICT_REFUSED},
    {200, "{\"metadata\":{\"uid\":\"u\"},\"spec\":{\"nodeName\":\"\"}}", VERDICT_UNKNOWN},
    {200, "{\"metadata\":{\"uid\":\"u\"},\"spec\":{}}", VERDICT_UNKNOWN},
    {200, "{\"metadata\":{\"uid\":\"v\"},\"spec\":{\"nodeName\":\"n1\"}}", VERDICT_GONE},
    {200, "{\"metadata\":{}}", VERDICT_GONE},
    {200, "{\"metadata\":{\"uid\":\"u", VERDICT_UNKNOWN},
    {404, "", VERDICT_GONE},
    {403, "{\"message\":\"no\"}", VERDICT_UNKNOWN},
    {500, "", VERDICT_UNKNOWN},
};

START_TEST(looks_at_pods)
{
    const struct write write = make(WRITE_KIND_BINDING);
    struct err why = {.text = ""};
    enum verdict verdict =
        verdict_of_pod(&write, PODS[_i].status, PODS[_i].body, strlen(PODS[_i].body), &why);
    ck_assert_msg(verdict == PODS[_i].verdict, "%s: %d", PODS[_i].body, (int)verdict);
    ck_assert_int_eq(why.text[0] == '\0', verdict == VERDICT_DONE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("verdict");
    TCase *tests = tcase_create("verdict");
    tcase_add_loop_test(tests, answers_to_writes, 0, sizeof SAMPLES / sizeof SAMPLES[0]);
    tcase_add_loop_test(tests, looks_at_pods, 0, sizeof PODS / sizeof PODS[0]);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
