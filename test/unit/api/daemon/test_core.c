// SPDX-License-Identifier: Apache-2.0
/* What the core makes of effects, and how it portions events. */
#include "api/daemon/core.h"

#include <jansson.h>

#include "api/kube/objects/decode_slice.h"
#include "scheduler/journal/reader.h"
#include "test/unit/api/daemon/bed.h"

static struct core_bed *bed;

static void setup(void)
{
    bed = core_bed_create();
}

static void teardown(void)
{
    core_bed_destroy(bed);
}

/* A node with a name no node can have: named in the log, counted, and nobody's gang. */
START_TEST(what_is_left_out_is_said)
{
    char name[NAMES_LENGTH_MAX + 2];
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    core_bed_node(bed, "n0");
    ck_assert(core_bed_counts(bed, "phalanx_objects_skipped_total{kind=\"nodes\"} 0\n"));
    core_bed_node(bed, name);
    ck_assert(core_bed_counts(bed, "phalanx_objects_skipped_total{kind=\"nodes\"} 1\n"));
    ck_assert(core_bed_logged(bed, "an object is left out"));
    ck_assert(core_bed_logged(bed, "kind=Node"));
    ck_assert(core_bed_logged(bed, "name=xxxx"));
    ck_assert(core_bed_logged(bed, "the name is longer than"));
    ck_assert(!core_bed_logged(bed, "gang changed state"));
    ck_assert(!core_bed_counts(bed, "phalanx_gang_transitions_total{"));
    ck_assert_uint_eq(core_bed_figures(bed).nodes, 1);
}
END_TEST

/* ---- portions ---- */

static char journal_path[] = "/tmp/phalanx-core-XXXXXX";
static char words[65536]; /* "n0+ n1 | tick |": nodes that came, with + where more follow; | ends a
                             portion */
static size_t words_at;

/* Another core, with a clock on which every look takes so long, and a journal. */
static void start_with_clock(int64_t step_ns)
{
    core_bed_destroy(bed);
    snprintf(journal_path, sizeof(journal_path), "/tmp/phalanx-core-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(journal_path));
    bed = core_bed_create_with(
        &(struct core_bed_options){.clock_step_ns = step_ns, .journal = journal_path});
    words_at = 0;
    words[0] = '\0';
}

static void put_nodes(struct kube_batch *batch, int first, int count)
{
    for (int i = first; i < first + count; i++) {
        core_bed_fill_node(kube_batch_append(batch, EVENT_NODE),
                           arena_printf(&batch->arena, "n%d", i));
    }
}

static void put_slice(struct kube_batch *batch, const char *name, const char *node)
{
    json_t *json = json_pack("{s:{s:s},s:{s:s,s:s,s:{s:s,s:i},s:[{s:s}]}}", "metadata", "name",
                             name, "spec", "driver", "gpu.nvidia.com", "nodeName", node, "pool",
                             "name", node, "resourceSliceCount", 1, "devices", "name", "gpu-0");
    ck_assert_ptr_nonnull(json);
    kube_batch_slice(batch, decoded_slice_create(json));
    json_decref(json);
}

/* Portions until nothing is left; how many. */
static unsigned pump_all(void)
{
    unsigned portions = 0;
    struct recorder_status status;
    bool more = true;
    while (more) {
        more = core_pump(bed->core);
        portions++;
        recorder_status(bed->journal, &status);
        words_at += (size_t)snprintf(words + words_at, sizeof(words) - words_at, "%llu ",
                                     (unsigned long long)status.steps);
        ck_assert_uint_lt(portions, 1000);
    }
    return portions;
}

/* The events of the journal in words, and the portions: `words` has how many steps there were at
 * the end of each. */
static void read_journal(void)
{
    static uint8_t bytes[1 << 20];
    uint64_t ends[1000], steps = 0;
    size_t portions = 0, portion = 0;
    for (char *at = words; *at != '\0'; portions++) {
        ends[portions] = strtoull(at, &at, 10);
        at += *at == ' ';
    }
    recorder_destroy(bed->journal);
    char path[128];
    snprintf(path, sizeof(path), "%s/0000000001.journal", journal_path);
    FILE *file = fopen(path, "re");
    ck_assert_ptr_nonnull(file);
    size_t size = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    core_bed_clear_journal(journal_path);
    struct journal_reader *reader = journal_reader_create();
    struct journal_record record;
    struct err err;
    words_at = 0;
    words[0] = '\0';
    for (size_t at = 0, used; at < size; at += used) {
        ck_assert_int_eq(journal_read(reader, bytes + at, size - at, &record, &used, &err),
                         JOURNAL_READ);
        if (record.kind != JOURNAL_STEP) {
            continue;
        }
        const struct event *event = &record.event;
        words_at += (size_t)snprintf(words + words_at, sizeof(words) - words_at, "%s%s%s",
                                     event->type == EVENT_NODE      ? event->node.name
                                     : event->type == EVENT_DEVICES ? "devices-"
                                     : event->type == EVENT_TICK    ? "tick"
                                                                    : "?",
                                     event->type == EVENT_DEVICES ? event->node.name : "",
                                     event->more ? "+ " : " ");
        steps++;
        while (portion < portions && ends[portion] == steps) {
            words_at += (size_t)snprintf(words + words_at, sizeof(words) - words_at, "| ");
            portion++;
        }
    }
    journal_reader_destroy(reader);
    bed->journal = NULL;
}

/* These events in this order; in each portion all but the last say that more follow. */
static void expect_events(const char *expected)
{
    char names[sizeof(words)] = "";
    size_t used = 0;
    bool open = false, ended = false; /* what the event before says */
    char *rest = words;
    for (char *word = strsep(&rest, " "); word[0] != '\0'; word = strsep(&rest, " ")) {
        size_t length = strlen(word);
        ck_assert_msg(word[0] == '|' ? !open : !ended, "portions are wrong before %s", rest);
        ended = false;
        if (word[0] != '|') {
            open = word[length - 1] == '+';
            ended = !open;
            used += (size_t)snprintf(names + used, sizeof(names) - used, "%.*s ",
                                     (int)(length - open), word);
        }
    }
    ck_assert_str_eq(names, expected);
}

/* With time enough all of what is there is one portion, over the limits of batches. */
START_TEST(one_portion)
{
    start_with_clock(1000);
    struct kube_batch *first = kube_batch_create(), *second = kube_batch_create();
    put_nodes(first, 0, 3);
    put_nodes(second, 3, 2);
    core_bed_put(bed, first);
    core_bed_put(bed, second);
    ck_assert_uint_eq(pump_all(), 1);
    ck_assert_uint_eq(core_bed_figures(bed).nodes, 5);
    read_journal();
    ck_assert_str_eq(words, "n0+ n1+ n2+ n3+ n4 | ");
}
END_TEST

/* Time runs out in the middle: the last one of a portion says that no more follow. */
START_TEST(portions_of_time)
{
    start_with_clock(CORE_PUMP_NS / 8);
    struct kube_batch *batch = kube_batch_create();
    put_nodes(batch, 0, 7);
    core_bed_put(bed, batch);
    ck_assert_uint_gt(pump_all(), 1);
    read_journal();
    expect_events("n0 n1 n2 n3 n4 n5 n6 ");
}
END_TEST

/* However slow it is, there is progress. */
START_TEST(at_least_one_event)
{
    start_with_clock(10 * CORE_PUMP_NS);
    struct kube_batch *batch = kube_batch_create();
    put_nodes(batch, 0, 3);
    core_bed_put(bed, batch);
    ck_assert_uint_eq(pump_all(), 3);
    read_journal();
    ck_assert_str_eq(words, "n0 | n1 | n2 | ");
}
END_TEST

/* ResourceSlices have their share of the time, and so have the nodes that change with them; both
 * come before the events of their batch. */
START_TEST(slices_in_portions)
{
    start_with_clock(CORE_PUMP_NS / 8);
    struct kube_batch *nodes = kube_batch_create(), *slices = kube_batch_create();
    put_nodes(nodes, 0, 3);
    core_bed_put(bed, nodes);
    (void)pump_all();
    for (int i = 0; i < 20; i++) {
        char name[16], node[16];
        snprintf(name, sizeof(name), "s%d", i);
        snprintf(node, sizeof(node), "n%d", i);
        put_slice(slices, name, node);
    }
    put_nodes(slices, 3, 1);
    core_bed_put(bed, slices);
    ck_assert_uint_gt(pump_all(), 3);
    read_journal();
    expect_events("n0 n1 n2 devices-n0 devices-n1 devices-n2 n3 ");
}
END_TEST

/* Slices of nodes that nobody knows lead to no event: what waits for the end of the portion is not
 * left waiting. */
START_TEST(a_portion_is_always_ended)
{
    start_with_clock(1000);
    struct kube_batch *nodes = kube_batch_create(), *slices = kube_batch_create();
    put_nodes(nodes, 0, 2);
    put_slice(slices, "s", "unknown");
    core_bed_put(bed, nodes);
    core_bed_put(bed, slices);
    ck_assert_uint_eq(pump_all(), 1);
    read_journal();
    ck_assert_str_eq(words, "n0+ n1+ tick | ");
}
END_TEST

/* A gang that arrives in one portion is planned at the end of it. */
START_TEST(planned_once_per_portion)
{
    start_with_clock(1000);
    struct kube_batch *batch = kube_batch_create();
    put_nodes(batch, 0, 4);
    (void)kube_batch_append(batch, EVENT_SYNCED);
    for (int i = 0; i < 4; i++) {
        core_bed_fill_pod(kube_batch_append(batch, EVENT_POD),
                          arena_printf(&batch->arena, "p%d", i), "g", 3);
    }
    core_bed_put(bed, batch);
    ck_assert_uint_eq(pump_all(), 1);
    ck_assert_uint_eq(core_bed_figures(bed).holds, 4);
    core_bed_destroy(bed);
    core_bed_clear_journal(journal_path);
    bed = core_bed_create();
}
END_TEST

/* One that holds up everybody is named. */
START_TEST(what_takes_long_is_said)
{
    start_with_clock(CORE_SLOW_NS / 10);
    core_bed_node(bed, "n0");
    ck_assert(!core_bed_logged(bed, "took long"));
    bed->clock_step_ns = CORE_SLOW_NS;
    core_bed_synced(bed);
    ck_assert(core_bed_logged(bed, "one event took long"));
    ck_assert(core_bed_logged(bed, "event=synced"));
    ck_assert(core_bed_logged(bed, "tookMs=100"));
    core_bed_destroy(bed);
    core_bed_clear_journal(journal_path);
    bed = core_bed_create();
}
END_TEST

/* Segments of a journal follow each other as the loop turns, and lose nothing. */
START_TEST(segments_follow_each_other)
{
    struct recorder_status status;
    core_bed_destroy(bed);
    snprintf(journal_path, sizeof(journal_path), "/tmp/phalanx-core-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(journal_path));
    bed = core_bed_create_with(&(struct core_bed_options){.journal = journal_path,
                                                          .segment_size = RECORDER_SEGMENT_LEAST});
    core_bed_node(bed, "n0");
    core_bed_synced(bed);
    core_checkpoint(bed->core); /* not yet */
    recorder_status(bed->journal, &status);
    ck_assert_uint_eq(status.checkpoints, 0);
    for (int turns = 0; status.checkpoints < 3; turns++) {
        core_bed_node(bed, turns % 2 == 0 ? "n1" : "n2");
        core_checkpoint(bed->core);
        recorder_status(bed->journal, &status);
        ck_assert_int_lt(turns, 1000000);
    }
    ck_assert_uint_eq(status.dropped, 0);
    ck_assert_uint_gt(status.state_bytes, 0);
    core_bed_destroy(bed);
    ck_assert_uint_eq(core_bed_clear_journal(journal_path), 4);
    bed = core_bed_create();
}
END_TEST

/* What the engine waits for is due when the clock says so, and not before. */
START_TEST(ticks_when_due)
{
    start_with_clock(1000);
    core_bed_node(bed, "n0");
    core_bed_synced(bed);
    ck_assert_int_eq(core_timeout(bed->core), -1);
    core_bed_pod(bed, "p0", "g", 1);
    ck_assert_uint_eq(core_bed_figures(bed).holds, 1);
    for (int turns = 0; core_bed_figures(bed).holds > 0; turns++) {
        struct recorder_status before, after;
        int timeout = core_timeout(bed->core);
        ck_assert_int_gt(timeout, 0);
        ck_assert_int_lt(turns, 100);
        recorder_status(bed->journal, &before);
        core_tick(bed->core);
        recorder_status(bed->journal, &after);
        ck_assert_uint_eq(after.steps, before.steps);
        bed->clock_at_ns += (timeout + INT64_C(1)) * 1000000;
        ck_assert_int_eq(core_timeout(bed->core), 0);
        core_tick(bed->core);
        recorder_status(bed->journal, &after);
        ck_assert_uint_eq(after.steps, before.steps + 1);
    }
    core_bed_destroy(bed);
    core_bed_clear_journal(journal_path);
    bed = core_bed_create();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api/daemon/core");
    TCase *tcase = tcase_create("core");
    tcase_set_timeout(tcase, 2 * BED_WAIT_SECONDS);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, what_is_left_out_is_said);
    tcase_add_test(tcase, one_portion);
    tcase_add_test(tcase, portions_of_time);
    tcase_add_test(tcase, at_least_one_event);
    tcase_add_test(tcase, slices_in_portions);
    tcase_add_test(tcase, a_portion_is_always_ended);
    tcase_add_test(tcase, planned_once_per_portion);
    tcase_add_test(tcase, what_takes_long_is_said);
    tcase_add_test(tcase, ticks_when_due);
    tcase_add_test(tcase, segments_follow_each_other);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
