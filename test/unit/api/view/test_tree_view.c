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
    bed_indexed_pods(&bed, 4, 8);
    bed_group(&bed, 4);
    bed_sync(&bed);
    struct gang_view view = bed_view(&bed);
    expect_tree(&view, "default/train  4 pods  Held  optimal\n"
                       "cluster\n"
                       "└─ leaf l1\n"
                       "   ├─ rack r1\n"
                       "   │  ├─ n1  rank 0  train-0\n"
                       "   │  └─ n2  rank 1  train-1\n"
                       "   └─ rack r2\n"
                       "      ├─ n10  rank 2  train-2\n"
                       "      └─ n9   rank 3  train-3\n");
}
END_TEST

START_TEST(pods_of_one_node_share_its_line)
{
    bed_node(&bed, "n1", "l1", "r1", 8);
    bed_node(&bed, "n2", "l1", "r1", 2);
    bed_indexed_pods(&bed, 10, 1);
    bed_group(&bed, 10);
    bed_sync(&bed);
    struct gang_view view = bed_view(&bed);
    expect_tree(&view, "default/train  10 pods  Held  optimal\n"
                       "cluster\n"
                       "└─ leaf l1\n"
                       "   └─ rack r1\n"
                       "      ├─ n1  ranks 0-7  train-0 … train-7\n"
                       "      └─ n2  ranks 8-9  train-8, train-9\n");
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
    ck_assert_msg(strstr(text, "cluster\n"
                               "└─ leaf l1\n"
                               "   ├─ rack r1\n"
                               "   │  └─ n1  ") != NULL,
                  "%s", text);
    ck_assert_msg(strstr(text, "   └─ n2  ") != NULL, "%s", text);
    ck_assert_msg(strstr(text, "(none)") == NULL, "%s", text);
    free(text);
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
    ck_assert_ptr_null(strstr(text, "cluster\n"));
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
    ck_assert_str_eq(words, view.reason);
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
    expect_tree(&view, "default/train  101 pods  Held  optimal\n"
                       "cluster\n"
                       "├─ leaf l0\n"
                       "│  ├─ n000 … n009  ranks 0-9    10 nodes with 1 pod each\n"
                       "│  ├─ n010         ranks 10-11  train-10, train-11\n"
                       "│  └─ n011 … n059  ranks 12-60  49 nodes with 1 pod each\n"
                       "└─ leaf l1\n"
                       "   └─ n060 … n099  ranks 61-100  40 nodes with 1 pod each\n");
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
                       "└─ n7 (gone)  train-1, other\n");
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
                             .members = members,
                             .member_count = 60};
    char *text = draw_view(&view);
    ck_assert_msg(strstr(text, "n1  worker 0,2,4,6,8,10,12,14,") != NULL, "%s", text);
    ck_assert_msg(strstr(text, ",…  p … p\n") != NULL, "%s", text);
    ck_assert_ptr_null(strstr(text, "on its way"));
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
    tcase_add_test(tests, a_waiting_gang_has_a_reason_and_no_tree);
    tcase_add_test(tests, a_large_gang_is_folded);
    tcase_add_test(tests, nodes_that_left_hang_on_the_cluster);
    tcase_add_test(tests, scattered_ranks_are_cut);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
