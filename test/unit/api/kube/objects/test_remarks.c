// SPDX-License-Identifier: Apache-2.0
#include "api/kube/objects/remarks.h"

#include <stdio.h>
#include <string.h>

#include "test/unit/api/yaml/object.h"
#include "test/unit/check_main.h"

static struct remarks *remarks;
static char told[16384];

static void note(void *context, const char *text)
{
    snprintf(told + strlen(told), sizeof told - strlen(told), "%s\n", text);
}

static void setup(void)
{
    remarks = remarks_create(note, NULL);
    told[0] = '\0';
}

static void teardown(void)
{
    remarks_destroy(remarks);
}

static void look(const char *metadata)
{
    char text[1024];
    snprintf(text, sizeof text, "{metadata: {namespace: a, name: p, %s}}", metadata);
    json_t *object = yaml_object(text);
    remarks_keys(remarks, "Pod", object);
    json_decref(object);
}

START_TEST(keys_that_are_read)
{
    look("annotations: {phalanx.dev/required-topology: rack, phalanx.dev/slices: rack=2, "
         "example.com/phalanx.dev: x}, labels: {app: x}");
    look("annotations: null");
    ck_assert_str_eq(told, "");
}
END_TEST

START_TEST(keys_that_are_misspelt)
{
    look("annotations: {phalanx.dev/requird-topology: rack}");
    ck_assert_str_eq(told, "Pod a/p: annotation phalanx.dev/requird-topology does not exist, the "
                           "nearest one is phalanx.dev/required-topology\n");
    told[0] = '\0';
    look("annotations: {phalanx.dev/requird-topology: rack}"); /* once is enough */
    ck_assert_str_eq(told, "");
    look("annotations: {phalanx.dev/colour: red}");
    ck_assert_str_eq(told, "Pod a/p: annotation phalanx.dev/colour does not exist\n");
}
END_TEST

START_TEST(labels_are_not_read)
{
    look("labels: {phalanx.dev/woken: x}"); /* by Phalanx itself */
    ck_assert_str_eq(told, "");
    look("labels: {phalanx.dev/required-topology: rack}");
    look("labels: {phalanx.dev/colour: red}");
    ck_assert_str_eq(told, "Pod a/p: label phalanx.dev/required-topology is not read: "
                           "phalanx.dev/required-topology is an annotation\n"
                           "Pod a/p: label phalanx.dev/colour is not read: every key of "
                           "phalanx.dev is an annotation\n");
}
END_TEST

START_TEST(the_nearest_key)
{
    static const char *const pairs[][2] = {
        {"phalanx.dev/slice", "phalanx.dev/slices"},
        {"phalanx.dev/Required-Topology", "phalanx.dev/required-topology"},
        {"phalanx.dev/prefered-topology", "phalanx.dev/preferred-topology"},
        {"phalanx.dev/slices-size", "phalanx.dev/slice-size"},
        {"phalanx.dev/requiretopology", "phalanx.dev/required-topology"},
        {"phalanx.dev/requiretopolg", NULL},
        {"phalanx.dev/x", NULL},
        {"phalanx.dev/", NULL},
        {"phalanx.dev/required-topology-of-the-whole-gang-and-of-everybody-in-it", NULL},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        ck_assert_pstr_eq(remarks_nearest(pairs[i][0]), pairs[i][1]);
    }
}
END_TEST

/* Whoever makes up keys cannot fill the log. */
START_TEST(they_are_bounded)
{
    for (unsigned i = 0; i < 3 * REMARKS_MAX; i++) {
        char metadata[96];
        snprintf(metadata, sizeof metadata, "annotations: {phalanx.dev/made-up-%u: x}", i);
        look(metadata);
    }
    size_t lines = 0;
    for (const char *at = told; (at = strchr(at, '\n')) != NULL; at++) {
        lines++;
    }
    ck_assert_uint_eq(lines, REMARKS_MAX);
}
END_TEST

START_TEST(schedulers)
{
    static const char *const names[] = {"phalanx", "gangs"};
    static const char *const specs[] = {"{schedulerName: gangs}", "{schedulerName: other}", "{}",
                                        "{schedulerName: other}"};
    json_t *any = yaml_object("{spec: {schedulerName: any}}");
    remarks_scheduler(remarks, any);
    ck_assert_str_eq(told, "");
    json_decref(any);
    remarks_serve(remarks, names, 2);
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, "{metadata: {namespace: a, name: p}, spec: %s}", specs[i]);
        json_t *pod = yaml_object(text);
        remarks_scheduler(remarks, pod);
        json_decref(pod);
    }
    ck_assert_str_eq(told,
                     "Pod a/p: schedulerName other is not served here (kubernetes.schedulerNames): "
                     "it is not placed with its gang\n"
                     "Pod a/p: schedulerName default-scheduler is not served here "
                     "(kubernetes.schedulerNames): it is not placed with its gang\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("remarks");
    TCase *tests = tcase_create("remarks");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, keys_that_are_read);
    tcase_add_test(tests, keys_that_are_misspelt);
    tcase_add_test(tests, labels_are_not_read);
    tcase_add_test(tests, the_nearest_key);
    tcase_add_test(tests, they_are_bounded);
    tcase_add_test(tests, schedulers);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
