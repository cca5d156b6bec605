// SPDX-License-Identifier: Apache-2.0
#include "api/view/gang_view.h"

#include "test/unit/api/view/bed.h"

static struct bed bed;

static void setup(void)
{
    bed_init(&bed);
}

static void teardown(void)
{
    bed_finish(&bed);
}

/* *New* text. */
static char *draw_view(const struct gang_view *view)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    gang_view_tree(view, bed.engine, out);
    fclose(out);
    return text;
}

static void expect_tree(const struct gang_view *view, const char *expected)
{
    char *text = draw_view(view);
    ck_assert_str_eq(text, expected);
    free(text);
}

START_TEST(one_line_per_domain_and_node)
{
    bed_node(&bed, "n1", "l1", "r1", 8);
    bed_node(&bed, "n2", "l1", "r1", 8);
    bed_node(&bed, "n9", "l1", "r2", 8);
    bed_node(&bed, "n10", "l1", "r2", 8);
    bed_node(&bed, "n11", "l2", "r3", 8);
    bed_indexed_pods(&bed, 4, 8);
    bed_group(&bed, 4);
    bed_sync(&bed);
    struct gang_view view = bed_view(&bed);
    expect_tree(&view, "default/train  4 pods  Held\n"
                       "1 leaf, 2 racks, 4 hosts (optimal)\n"
                       "cluster  8/40 nvidia.com/gpu free\n"
                       "└─ leaf l1  0/32 free\n"
                       "   ├─ rack r1  0/16 free\n"
                       "   │  ├─ n1  0/8  rank 0  train-0\n"
                       "   │  └─ n2  0/8  rank 1  train-1\n"
                       "   └─ rack r2  0/16 free\n"
                       "      ├─ n10  0/8  rank 2  train-2\n"
                       "      └─ n9   0/8  rank 3  train-3\n");
}
END_TEST

START_TEST(pods_of_one_node_share_its_line)
{
    bed_node(&bed, "n1", "l1", "r1", 8);
    bed_node(&bed, "n2", "l1", "r1", 5);
    bed_indexed_pods(&bed, 10, 1);
    bed_group(&bed, 10);
    bed_sync(&bed);
    struct gang_view view = bed_view(&bed);
    expect_tree(&view, "default/train  10 pods  Held\n"
                       "1 leaf, 1 rack, 2 hosts (optimal)\n"
                       "cluster  3/13 nvidia.com/gpu free\n"
                       "└─ leaf l1  3/13 free\n"
                       "   └─ rack r1  3/13 free\n"
                       "      ├─ n1  0/8  ranks 0-7  train-0 … train-7\n"
                       "      └─ n2  3/5  ranks 8-9  train-8, train-9\n");
}
END_TEST

/* A node without a rack hangs on its leaf. */
START_TEST(levels_without_a_label_have_no_line)
{
    bed_node(&bed, "n1", "l1", "r1", 8);
    bed_node(&bed, "n2", "l1", NULL, 8);
    bed_pod(&bed, "a", 8,
            ",\"training.kubeflow.org/replica-type\":\"master\","
            "\"training.kubeflow.org/replica-index\":\"0\"");
    bed_pod(&bed, "b", 8, ",\"training.kubeflow.org/replica-type\":\"worker\"");
    bed_group(&bed, 2);
    bed_sync(&bed);
    struct gang_view view = bed_view(&bed);
    char *text = draw_view(&view);
    ck_assert_msg(strstr(text, "└─ leaf l1  0/16 free\n"
                               "   ├─ rack r1  0/8 free\n"
                               "   │  └─ n1  0/8  master 0  a\n"
                               "   └─ n2  0/8  worker  b\n") != NULL,
                  "%s", text);
    ck_assert_msg(strstr(text, "(none)") == NULL, "%s", text);
    free(text);
}
END_TEST

/* Each role with its own ranks; pods of others count as in use, an overbooked node as full. */
START_TEST(roles_of_one_node)
{
    bed_node(&bed, "n1", "l1", "r1", 8);
    bed_node(&bed, "n2", "l1", "r1", 2);
    bed_apply(&bed, "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"other\"},\"spec\":{"
                    "\"nodeName\":\"n2\",\"containers\":[{\"resources\":{\"requests\":{"
                    "\"nvidia.com/gpu\":\"4\"}}}]}}");
    static const char *const roles[][2] = {{"launcher", ""}, {"worker", "0"}, {"worker", "1"},
                                           {"worker", "2"},  {"worker", "5"}, {"idle", ""},
                                           {"idle", ""}};
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        char name[32], labels[256];
        snprintf(name, sizeof name, "train-%zu", i);
        snprintf(labels, sizeof labels,
                 ",\"training.kubeflow.org/replica-type\":\"%s\","
                 "\"training.kubeflow.org/replica-index\":\"%s\"",
                 roles[i][0], roles[i][1]);
        bed_pod(&bed, name, 1, labels);
    }
    bed_group(&bed, 7);
    bed_sync(&bed);
    struct gang_view view = bed_view(&bed);
    ck_assert_str_eq(view.device, "nvidia.com/gpu");
    expect_tree(&view, "default/train  7 pods  Held\n"
                       "1 leaf, 1 rack, 1 host (optimal)\n"
                       "cluster  1/10 nvidia.com/gpu free\n"
                       "└─ leaf l1  1/10 free\n"
                       "   └─ rack r1  1/10 free\n"
                       "      └─ n1  1/8  idle ×2, launcher, worker 0-2,5  train-5 … train-4\n");
}
END_TEST

/* Without accelerators there is nothing to count. */
START_TEST(a_gang_without_devices_has_no_figures)
{
    bed_node(&bed, "n1", "l1", "r1", 8);
    bed_pod(&bed, "train-0", 0, "");
    bed_group(&bed, 1);
    bed_sync(&bed);
    struct gang_view view = bed_view(&bed);
    ck_assert_ptr_null(view.device);
    expect_tree(&view, "default/train  1 pod  Held\n"
                       "1 leaf, 1 rack, 1 host (optimal)\n"
                       "cluster\n"
                       "└─ leaf l1\n"
                       "   └─ rack r1\n"
                       "      └─ n1  train-0\n");
}
END_TEST

/* What the accelerators of a gang are counted in. */
START_TEST(the_device_of_a_gang)
{
    static const struct {
        const char *requests;
        const char *device;
    } cases[] = {
        {"\"cpu\":\"8\",\"memory\":\"1Gi\",\"hugepages-2Mi\":\"1Gi\"", NULL},
        {"\"cpu\":\"8\",\"amd.com/gpu\":\"1\",\"vpc.amazonaws.com/efa\":\"32\"", "amd.com/gpu"},
        {"\"google.com/tpu\":\"4\",\"rdma/ib\":\"1\"", "google.com/tpu"},
        {"\"b.com/x\":\"2\",\"a.com/x\":\"2\",\"c.com/x\":\"1\"", "a.com/x"},
        {"\"gpu.intel.com/i915\":\"1\",\"z.com/gpu\":\"2\"", "z.com/gpu"},
        {"\"attachable.kubernetes.io/x\":\"4\",\"kubernetes.io/y\":\"4\"", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512];
        snprintf(text, sizeof text,
                 "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"p%zu\",\"labels\":{"
                 "\"scheduling.x-k8s.io/pod-group\":\"g%zu\"}},\"spec\":{\"containers\":["
                 "{\"resources\":{\"requests\":{%s}}}]}}",
                 i, i, cases[i].requests);
        bed_apply(&bed, text);
    }
    bed_sync(&bed);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[32];
        struct gang_view view;
        snprintf(name, sizeof name, "g%zu", i);
        ck_assert(engine_gang_find(bed.engine, "default", name, &bed.arena, &view));
        ck_assert_pstr_eq(view.device, cases[i].device);
    }
}
END_TEST

START_TEST(a_waiting_gang_has_a_reason_and_no_tree)
{
    bed_node(&bed, "n1", "l1", "r1", 8);
    bed_indexed_pods(&bed, 2, 8);
    bed_group(&bed, 2);
    bed_sync(&bed);
    struct gang_view view = bed_view(&bed);
    char *text = draw_view(&view);
    static const char head[] = "default/train  2 pods  Waiting\n  ";
    ck_assert_int_eq(strncmp(text, head, sizeof head - 1), 0);
    ck_assert_ptr_null(strstr(text, "\ncluster"));
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1) {
        ck_assert_uint_le(strcspn(line, "\n"), 80);
    }
    /* Wrapped or not, the words are the reason's. */
    char words[1024] = "";
    for (const char *word = text + sizeof head - 1; *word != '\0'; word += strspn(word, " \n")) {
        size_t length = strcspn(word, " \n");
        snprintf(words + strlen(words), sizeof words - strlen(words), "%s%.*s",
                 words[0] == '\0' ? "" : " ", (int)length, word);
        word += length;
    }
    char expected[1024];
    snprintf(expected, sizeof expected, "%s no place: train-0, train-1", view.reason);
    ck_assert_str_eq(words, expected);
    free(text);
}
END_TEST

START_TEST(a_large_gang_is_folded)
{
    for (int i = 0; i < 100; i++) {
        char name[32], leaf[32];
        snprintf(name, sizeof name, "n%03d", i);
        snprintf(leaf, sizeof leaf, "l%d", i / 60);
        bed_node(&bed, name, leaf, NULL, i == 10 ? 2 : 1);
    }
    bed_indexed_pods(&bed, 101, 1);
    bed_group(&bed, 101);
    bed_sync(&bed);
    struct gang_view view = bed_view(&bed);
    expect_tree(&view, "default/train  101 pods  Held\n"
                       "2 leaves, 100 hosts (optimal)\n"
                       "cluster  0/101 nvidia.com/gpu free\n"
                       "├─ leaf l0  0/61 free\n"
                       "│  ├─ n000 … n009  0/10  ranks 0-9    10 nodes with 1 pod each\n"
                       "│  ├─ n010         0/2   ranks 10-11  train-10, train-11\n"
                       "│  └─ n011 … n059  0/49  ranks 12-60  49 nodes with 1 pod each\n"
                       "└─ leaf l1  0/40 free\n"
                       "   └─ n060 … n099  0/40  ranks 61-100  40 nodes with 1 pod each\n");
}
END_TEST

/* A view is a snapshot; its nodes may be gone when it is drawn, or be in no tree. */
START_TEST(nodes_that_left_hang_on_the_cluster)
{
    bed_node(&bed, "n1", "l1", "r1", 8);
    bed_sync(&bed);
    struct gang_member_view members[] = {
        {.pod = "train-0", .node = "n1", .role = "", .rank = 0, .bound = true},
        {.pod = "train-1", .node = "n7", .role = "", .rank = 1, .bound = true},
        {.pod = "train-2", .node = NULL, .role = "", .rank = 2},
        {.pod = "train-3", .node = "n1", .role = "", .rank = 3, .bound = true},
        {.pod = "other", .node = "n7", .role = "", .rank = -1, .bound = true},
    };
    struct gang_view view = {.name_space = "default",
                             .name = "train",
                             .state = GANG_PLACED,
                             .pods = 5,
                             .bound = 4,
                             .reason = "",
                             .members = members,
                             .member_count = 5};
    expect_tree(&view, "default/train  5 pods  Placed  4 bound\n"
                       "cluster\n"
                       "├─ leaf l1\n"
                       "│  └─ rack r1\n"
                       "│     └─ n1  ranks 0,3  train-0, train-3\n"
                       "└─ n7 (gone)  rank 1  train-1, other\n");
    view.member_count = 0;
    expect_tree(&view, "default/train  5 pods  Placed  4 bound\n");
}
END_TEST

START_TEST(scattered_ranks_are_cut)
{
    bed_node(&bed, "n1", "l1", NULL, 8);
    bed_sync(&bed);
    struct gang_member_view members[60];
    for (int i = 0; i < 60; i++) {
        members[i] =
            (struct gang_member_view){.pod = "p", .node = "n1", .role = "worker", .rank = 2 * i};
    }
    struct gang_view view = {.name_space = "default",
                             .name = "train",
                             .state = GANG_HELD,
                             .pods = 60,
                             .reason = "on its way",
                             .planned = true,
                             .members = members,
                             .member_count = 60};
    char *text = draw_view(&view);
    ck_assert_msg(strstr(text, "n1  worker 0,2,4,6,8,10,12,14,") != NULL, "%s", text);
    ck_assert_msg(strstr(text, "…  p … p\n") != NULL, "%s", text);
    const char *label = strstr(text, "worker 0"), *end = strstr(text, "…  p … p");
    ck_assert_int_gt(end - label, 100);
    ck_assert_int_lt(end - label, 160);
    ck_assert_ptr_null(strstr(text, "on its way"));
    free(text);
}
END_TEST

/* Names of those who wait for the same share a line; a reason that stands above is not repeated. */
START_TEST(who_has_no_place_is_named)
{
    bed_node(&bed, "n1", "l1", NULL, 8);
    bed_sync(&bed);
    struct gang_member_view members[70] = {
        {.pod = "train-0", .node = "n1", .role = "", .rank = 0},
        {.pod = "train-1", .role = "", .rank = 1, .reason = "no room"},
        {.pod = "train-2", .role = "", .rank = 2, .reason = "gated"},
        {.pod = "train-3", .node = "n1", .role = "", .rank = 3},
        {.pod = "train-4", .role = "", .rank = 4, .reason = "gated"},
    };
    struct gang_view view = {.name_space = "default",
                             .name = "train",
                             .state = GANG_PLACED,
                             .pods = 5,
                             .reason = "no room",
                             .members = members,
                             .member_count = 5};
    expect_tree(&view, "default/train  5 pods  Placed\n"
                       "  no room\n"
                       "cluster\n"
                       "└─ leaf l1\n"
                       "   └─ n1  ranks 0,3  train-0, train-3\n"
                       "no place: train-1\n"
                       "no place: train-2, train-4\n"
                       "  gated\n");
    for (int i = 0; i < 70; i++) {
        members[i] = (struct gang_member_view){.pod = "p", .role = "", .reason = "no room"};
    }
    view.member_count = 70;
    char *text = draw_view(&view);
    ck_assert_msg(strstr(text, "p, p\nno place: 6 more\n") != NULL, "%s", text);
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tree_view");
    TCase *tests = tcase_create("tree_view");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, one_line_per_domain_and_node);
    tcase_add_test(tests, pods_of_one_node_share_its_line);
    tcase_add_test(tests, levels_without_a_label_have_no_line);
    tcase_add_test(tests, roles_of_one_node);
    tcase_add_test(tests, a_gang_without_devices_has_no_figures);
    tcase_add_test(tests, the_device_of_a_gang);
    tcase_add_test(tests, a_waiting_gang_has_a_reason_and_no_tree);
    tcase_add_test(tests, a_large_gang_is_folded);
    tcase_add_test(tests, nodes_that_left_hang_on_the_cluster);
    tcase_add_test(tests, scattered_ranks_are_cut);
    tcase_add_test(tests, who_has_no_place_is_named);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
