// SPDX-License-Identifier: Apache-2.0
#include "api/view/journal_text.h"

#include <stdlib.h>
#include <string.h>

#include "test/unit/check_main.h"
#include "test/unit/scheduler/journal/bed.h"

static struct journal_reader *reader;
static struct journal_text *text;

static void setup(void)
{
    reader = journal_reader_create();
    text = journal_text_create(reader);
}

static void teardown(void)
{
    journal_text_destroy(text);
    journal_reader_destroy(reader);
}

/* *New* words of an event, or of an effect of it. */
static char *words_of(const struct event *event, const struct effect *effect)
{
    char *words = NULL;
    size_t length;
    FILE *out = open_memstream(&words, &length);
    if (effect == NULL) {
        journal_text_event(text, out, event);
    } else {
        journal_text_effect(text, out, event, effect);
    }
    fclose(out);
    return words;
}

static void check(const struct event *event, const struct effect *effect, const char *expected)
{
    char *words = words_of(event, effect);
    ck_assert_str_eq(words, expected);
    free(words);
}

START_TEST(test_objects)
{
    struct label_object labels[] = {{"rack", "r1"}, {"zone", "z"}};
    struct amount_object amounts[] = {{"cpu", 1000}, {"pods", 1}};
    struct taint_object taint = {"gpu", "yes", TAINT_NO_EXECUTE};
    struct slice_object slice = {"rack", 4};
    struct event event = {.type = EVENT_NODE};
    event.node = (struct node_object){.name = "n1",
                                      .labels = labels,
                                      .label_count = 2,
                                      .allocatable = amounts,
                                      .allocatable_count = 2,
                                      .taints = &taint,
                                      .taint_count = 1,
                                      .unschedulable = true};
    check(&event, NULL,
          "node n1, has cpu=1000 pods=1, taint gpu=yes:NoExecute, unschedulable, labels rack=r1 "
          "zone=z");
    event = (struct event){.type = EVENT_POD};
    event.pod = (struct pod_object){.name_space = "ns",
                                    .name = "p",
                                    .uid = "u",
                                    .node = "n1",
                                    .nominated = "n2",
                                    .priority = 5,
                                    .terminal = true,
                                    .deleting = true,
                                    .gated = true,
                                    .requests = amounts,
                                    .request_count = 2,
                                    .selector = labels,
                                    .selector_count = 1,
                                    .gang = "g",
                                    .gang_minimum = -1,
                                    .placement = {.required_level = "rack",
                                                  .preferred_level = "zone",
                                                  .exclusive_level = "host",
                                                  .slices = &slice,
                                                  .slice_count = 1},
                                    .role = "worker",
                                    .rank = 0};
    check(&event, NULL,
          "pod ns/p uid u, bound to n1, nominated to n2, gang g, minimum -1, role worker, rank 0, "
          "priority 5, gated, deleting, failed, asks cpu=1000 pods=1, required level rack, "
          "preferred level zone, exclusive level host, slices of rack=4, selector rack=r1");
    event = (struct event){.type = EVENT_POD_GONE, .pod_uid = "u", .more = true};
    check(&event, NULL, "gone: pod ns/p (more follow)");
    event = (struct event){.type = EVENT_GROUP};
    event.group = (struct group_object){
        .name_space = "ns", .name = "g", .uid = "gu", .minimum = 3, .hold_timeout_ms = 5000};
    check(&event, NULL, "group ns/g uid gu, minimum 3, hold timeout 5000 ms");
    event = (struct event){.type = EVENT_GROUP_GONE, .group_gone = {"ns", "g"}};
    check(&event, NULL, "gone: group ns/g");
    event = (struct event){.type = EVENT_NODE_GONE, .node_name = "n\n1\x7f"};
    check(&event, NULL, "gone: node n\\x0a1\\x7f"); /* one line, whatever somebody called it */
}
END_TEST

START_TEST(test_calls)
{
    struct event event = {.type = EVENT_FILTER};
    uint32_t rows[] = {NAMES_NONE, NAMES_NONE};
    bool flags[] = {true, false};
    event.filter = (struct filter_event){7, {"u", "n2", NULL}, rows, 2};
    check(&event, NULL, "filter 7 for pod u, nominated to n2, 2 nodes: ? ?");
    struct effect effect = {.type = EFFECT_FILTER_REPLY};
    effect.filter = (struct filter_reply){7, FILTER_SOME, 0, flags, "held"};
    check(&event, &effect, "answers 7: 1 of 2 nodes, not ?: held");
    effect.filter = (struct filter_reply){7, FILTER_ALL, 0, NULL, NULL};
    check(&event, &effect, "answers 7: all nodes");
    effect.filter = (struct filter_reply){7, FILTER_ONE, 9, NULL, NULL}; /* outside the list */
    check(&event, &effect, "answers 7: only ?");
    effect.filter = (struct filter_reply){7, FILTER_ERROR, 0, NULL, "not ready"};
    check(&event, &effect, "answers 7: an error: not ready");
    event = (struct event){.type = EVENT_BINDING_DONE, .done = {"u", "n1", WRITE_REFUSED, "409"}};
    check(&event, NULL, "binding of pod u to n1: refused, 409");
    effect = (struct effect){.type = EFFECT_BIND_REPLY, .bind = {3, "no"}};
    check(&event, &effect, "answers bind 3: no");
    effect = (struct effect){.type = EFFECT_NOMINATE,
                             .write = {.name_space = "ns", .name = "p", .uid = "u", .rank = -1}};
    check(&event, &effect, "takes back the nomination of pod ns/p uid u");
    effect = (struct effect){.type = EFFECT_TRANSITION,
                             .transition = {"ns", "g", "Waiting", "Held", "planned", 12}};
    check(&event, &effect, "gang ns/g from Waiting to Held after 12 ms: planned");
    effect = (struct effect){.type = EFFECT_SKIPPED, .skipped = {SKIPPED_NODE, "", "n1", "full"}};
    check(&event, &effect, "leaves out node n1: full");
    effect.skipped = (struct skipped_effect){SKIPPED_POD, "ns", "p", "too many"};
    check(&event, &effect, "leaves out pod ns/p: too many");
}
END_TEST

/* Anything at all is one line without control characters. */
START_TEST(test_anything)
{
    struct bed_maker maker = {.random = {(uint64_t)_i}, .rows = 50};
    struct event event;
    arena_init(&maker.arena);
    for (int round = 0; round < 15 * EVENT_TYPES; round++) {
        struct effect effect = {.type = (enum effect_type)(round % EFFECT_TYPES)};
        arena_reset(&maker.arena);
        bed_event(&maker, (enum event_type)(round % EVENT_TYPES), &event);
        bed_effect(&maker, &effect, journal_fields_rows(&event));
        for (int k = 0; k < 2; k++) {
            char *words = words_of(&event, k == 0 ? NULL : &effect);
            ck_assert_uint_gt(strlen(words), 0);
            for (const char *at = words; *at != '\0'; at++) {
                ck_assert((unsigned char)*at >= 0x20 && *at != 0x7f);
            }
            free(words);
        }
    }
    device_map_destroy(maker.devices);
    arena_finish(&maker.arena);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api/view/journal_text");
    TCase *tcase = tcase_create("journal_text");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_objects);
    tcase_add_test(tcase, test_calls);
    tcase_add_loop_test(tcase, test_anything, 0, 2);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
