// SPDX-License-Identifier: Apache-2.0
/* What kube-scheduler asks before it binds, from the body to the answer: filter, prioritize,
 * preempt, and bodies that nobody can read. */
#include "api/daemon/calls.h"

#include "test/unit/api/daemon/bed.h"

static struct core_bed *bed;
static char planned[64];

/* A gang of one, planned on one of three nodes. */
static void setup(void)
{
    bed = core_bed_create();
    core_bed_node(bed, "n0");
    core_bed_node(bed, "n1");
    core_bed_node(bed, "n2");
    core_bed_synced(bed);
    core_bed_pod(bed, "p0", "g", 1);
    snprintf(planned, sizeof(planned), "%s", core_bed_planned(bed, "g", "p0"));
}

static void teardown(void)
{
    core_bed_destroy(bed);
}

/* The body of the answer. */
static const char *ask(const char *verb, const char *body, unsigned status)
{
    static char answer[1000];
    char text[2048];
    snprintf(text, sizeof(text),
             "POST /scheduler/%s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s", verb,
             strlen(body), body);
    ck_assert_uint_eq(bed_ask(&bed->http, text, answer), status);
    return body_of(answer);
}

/* "\"n0\",\"n2\"": all nodes but one, which may be "". */
static const char *nodes_without(const char *node)
{
    static char names[64];
    size_t length = 0;
    names[0] = '\0';
    for (int i = 0; i < 3; i++) {
        char name[8];
        snprintf(name, sizeof(name), "n%d", i);
        if (strcmp(name, node) != 0) {
            length += (size_t)snprintf(names + length, sizeof(names) - length, "%s\"%s\"",
                                       length == 0 ? "" : ",", name);
        }
    }
    return names;
}

static const char *filter(const char *uid, const char *nominated, const char *nodes)
{
    char body[1024];
    snprintf(body, sizeof(body),
             "{\"Pod\":{\"metadata\":{\"name\":\"%s\",\"namespace\":\"ns\",\"uid\":\"%s\"},"
             "\"status\":{\"nominatedNodeName\":\"%s\"}},\"NodeNames\":[%s]}",
             uid, uid, nominated, nodes);
    return ask("filter", body, 200);
}

START_TEST(only_the_planned_node_passes)
{
    char expected[256];
    snprintf(expected, sizeof(expected),
             "{\"NodeNames\":[\"%s\"],\"FailedNodes\":{},\"FailedAndUnresolvableNodes\":{},"
             "\"Error\":\"\"}",
             planned);
    ck_assert_str_eq(filter("p0", "", nodes_without("")), expected);
    ck_assert_str_eq(filter("p0", "", "\"n2\",\"n1\",\"n0\""), expected);
    ck_assert_str_eq(filter("p0", "", "\"n2\",\"n\\u0031\",\"n0\"") + strlen("{\"NodeNames\":["),
                     strcmp(planned, "n1") == 0
                         ? "\"n\\u0031\"],\"FailedNodes\":{},\"FailedAndUnresolvableNodes\":{},"
                           "\"Error\":\"\"}"
                         : expected + strlen("{\"NodeNames\":["));
}
END_TEST

/* Nodes that are missing may merely not have been looked at, until the pod carries its nomination:
 * then kube-scheduler has tried the planned one and refused it. */
START_TEST(a_nomination_makes_a_veto_of_a_missing_node)
{
    const char *answer = filter("p0", "", nodes_without(planned));
    ck_assert_msg(strstr(answer, "{\"NodeNames\":[]") == answer, "%s", answer);
    ck_assert_str_eq(core_bed_planned(bed, "g", "p0"), planned);
    (void)filter("p0", "another", nodes_without(planned));
    ck_assert_str_eq(core_bed_planned(bed, "g", "p0"), planned);
    (void)filter("p0", planned, nodes_without(planned));
    ck_assert_str_ne(core_bed_planned(bed, "g", "p0"), planned);
}
END_TEST

START_TEST(the_planned_node_scores)
{
    char body[1024], expected[128];
    snprintf(body, sizeof(body),
             "{\"Pod\":{\"metadata\":{\"name\":\"p0\",\"namespace\":\"ns\",\"uid\":\"p0\"}},"
             "\"NodeNames\":[%s]}",
             nodes_without(""));
    snprintf(expected, sizeof(expected), "[{\"Host\":\"%s\",\"Score\":10}]", planned);
    ck_assert_str_eq(ask("prioritize", body, 200), expected);
}
END_TEST

/* An ordinary pod may not push out what is held: the planned node is no candidate. */
START_TEST(candidates_for_preemption)
{
    char victims[256] = "";
    for (int i = 0; i < 3; i++) {
        size_t length = strlen(victims);
        snprintf(victims + length, sizeof(victims) - length,
                 "%s\"n%d\":{\"Pods\":[{\"UID\":\"v\"}]}", i == 0 ? "" : ",", i);
    }
    char body[1024];
    snprintf(body, sizeof(body),
             "{\"Pod\":{\"metadata\":{\"name\":\"x\",\"namespace\":\"ns\",\"uid\":\"x\"},"
             "\"spec\":{\"containers\":[{\"name\":\"c\",\"resources\":{\"requests\":"
             "{\"nvidia.com/gpu\":\"8\"}}}]}},\"NodeNameToMetaVictims\":{%s}}",
             victims);
    const char *answer = ask("preempt", body, 200);
    for (int i = 0; i < 3; i++) {
        char name[8];
        snprintf(name, sizeof(name), "\"n%d\"", i);
        bool held = strncmp(name + 1, planned, 2) == 0;
        ck_assert_msg((strstr(answer, name) == NULL) == held, "%s: %s", name, answer);
    }
}
END_TEST

#define UNREADABLE                                                                              \
    "\"spec\":{\"containers\":[{\"name\":\"c\",\"resources\":{\"requests\":{\"cpu\":\"many\"}}" \
    "}]}},\"NodeNames\":[\"n0\"]}"

/* A pod whose requests nobody can read: an ordinary one is let through, for kube-scheduler judges
 * it; one of a gang is not, for the gang would be planned without it. */
START_TEST(pods_that_cannot_be_read)
{
    const char *answer = ask(
        "filter",
        "{\"Pod\":{\"metadata\":{\"name\":\"x\",\"namespace\":\"ns\",\"uid\":\"x\"}," UNREADABLE,
        200);
    ck_assert_msg(strstr(answer, "{\"NodeNames\":[\"n0\"]") == answer, "%s", answer);
    ck_assert(core_bed_logged(bed, "an ordinary pod that cannot be read passes"));
    answer = ask("filter",
                 "{\"Pod\":{\"metadata\":{\"name\":\"x\",\"namespace\":\"ns\",\"uid\":\"y\","
                 "\"labels\":{\"scheduling.x-k8s.io/pod-group\":\"g\"}}," UNREADABLE,
                 400);
    ck_assert_ptr_nonnull(strstr(answer, "cpu"));
    ck_assert(core_bed_logged(bed, "unreadable call"));
    ck_assert(core_bed_counts(bed, "{verb=\"filter\",code=\"400\"} 1\n"));
}
END_TEST

static const struct {
    const char *verb;
    const char *body;
    const char *error;
} bad[] = {
    {"filter", "{", "malformed JSON at byte 1"},
    {"filter", "{\"Pod\":{\"metadata\":{\"name\":\"x\"}},\"NodeNames\":[]}",
     "Pod.metadata.uid is missing"},
    {"prioritize", "[]", "object"},
    {"prioritize", "{\"Pod\":{\"metadata\":{}},\"NodeNames\":[]}", "Pod.metadata.uid is missing"},
    {"preempt", "{\"Pod\":7}", "Pod"},
    {"preempt", "{\"Pod\":{},\"NodeNameToMetaVictims\":{}}", "Pod.metadata.uid is missing"},
    {"bind", "{\"PodName\":\"p\"}", "PodNamespace is missing"},
    {"bind", "{\"PodNamespace\":\"ns\"}", "PodName is missing"},
    {"bind", "{\"PodName\":\"p\",\"PodNamespace\":\"ns\"}", "PodUID is missing"},
    {"bind", "{\"PodName\":\"p\",\"PodNamespace\":\"ns\",\"PodUID\":\"u\"}", "Node is missing"},
    {"bind", "{\"PodName\":[]}", "PodName"},
};

START_TEST(bodies_that_cannot_be_read)
{
    const char *answer = ask(bad[_i].verb, bad[_i].body, 400);
    char count[64];
    ck_assert_msg(strstr(answer, bad[_i].error) != NULL, "%s", answer);
    snprintf(count, sizeof(count), "{verb=\"%s\",code=\"400\"} 1\n", bad[_i].verb);
    ck_assert(core_bed_counts(bed, count));
    ck_assert_uint_eq(calls_waiting(bed->calls), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("calls_filter");
    TCase *tests = tcase_create("calls_filter");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, only_the_planned_node_passes);
    tcase_add_test(tests, a_nomination_makes_a_veto_of_a_missing_node);
    tcase_add_test(tests, the_planned_node_scores);
    tcase_add_test(tests, candidates_for_preemption);
    tcase_add_test(tests, pods_that_cannot_be_read);
    tcase_add_loop_test(tests, bodies_that_cannot_be_read, 0, (int)(sizeof(bad) / sizeof(bad[0])));
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
