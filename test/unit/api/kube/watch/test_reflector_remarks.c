// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "api/kube/watch/reflector.h"
#include "test/unit/check_main.h"

/* What a watch makes somebody say of pods and groups, beside the events. */

static char told[4096];

static void note(void *context, const char *text)
{
    snprintf(told + strlen(told), sizeof told - strlen(told), "%s\n", text);
}

static void ignore_log(void *context, int level, const char *message)
{
}

#define OBJECT(name, annotations, labels, spec)                                          \
    "{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"ns\",\"uid\":\"" name          \
    "\",\"resourceVersion\":\"1\",\"annotations\":{" annotations "},\"labels\":{" labels \
    "}},\"spec\":{" spec "}}"
#define MISSPELT "\"phalanx.dev/nod\":\"x\""
#define GANG     "\"scheduling.x-k8s.io/pod-group\":\"g\""

/* Hands a list of objects to a reflector; what was said of them is in `told`. */
static void list(enum reflector_kind kind, const char *items, bool heard)
{
    static const char *const schedulers[] = {"phalanx"};
    const struct kube_log log = {.write = ignore_log};
    struct reflector *reflector = reflector_create(kind, 7, &log);
    struct remarks *remarks = remarks_create(note, NULL);
    struct kube_batch *batch = kube_batch_create();
    char body[4096];
    struct err err;
    remarks_serve(remarks, schedulers, 1);
    if (heard) {
        reflector_remark(reflector, remarks);
    }
    told[0] = '\0';
    snprintf(body, sizeof body, "{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[%s]}", items);
    ck_assert_ptr_nonnull(reflector_next(reflector, 0));
    reflector_status(reflector, 0, 200, 0);
    ck_assert_msg(reflector_data(reflector, 0, body, strlen(body), batch, &err) == 0, "%s",
                  err.text);
    kube_batch_destroy(batch);
    remarks_destroy(remarks);
    reflector_destroy(reflector);
}

START_TEST(keys_that_do_not_exist)
{
    static const char pods[] = OBJECT("a", MISSPELT, "", "") "," OBJECT("b", MISSPELT, "", "");
    list(REFLECTOR_PODS, pods, true);
    ck_assert_str_eq(told, "Pod ns/a: annotation phalanx.dev/nod does not exist, the nearest one "
                           "is phalanx.dev/node\n");
    list(REFLECTOR_PODS, pods, false);
    ck_assert_str_eq(told, "");
    list(REFLECTOR_GROUPS, OBJECT("g", MISSPELT, "", "\"minMember\":1"), true);
    ck_assert_ptr_nonnull(strstr(told, "PodGroup ns/g: annotation phalanx.dev/nod"));
    list(REFLECTOR_NODES, OBJECT("n", MISSPELT, "", ""), true);
    ck_assert_str_eq(told, "");
}
END_TEST

/* Who is no member, or has its place, may be anybody's. */
START_TEST(schedulers_that_are_not_served)
{
    list(REFLECTOR_PODS,
         OBJECT("lone", "", "", "") "," OBJECT("bound", "", GANG, "\"nodeName\":\"n\"") "," OBJECT(
             "served", "", GANG, "\"schedulerName\":\"phalanx\""),
         true);
    ck_assert_str_eq(told, "");
    list(REFLECTOR_PODS, OBJECT("other", "", GANG, ""), true);
    ck_assert_ptr_nonnull(
        strstr(told, "Pod ns/other: schedulerName default-scheduler is not served here"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reflector_remarks");
    TCase *tests = tcase_create("reflector_remarks");
    tcase_add_test(tests, keys_that_do_not_exist);
    tcase_add_test(tests, schedulers_that_are_not_served);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
