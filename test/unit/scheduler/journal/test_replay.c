// SPDX-License-Identifier: Apache-2.0
/* A journal lived through again by another engine: the same effects, whatever its rows are called;
 * and what differs is found. */
#include "scheduler/journal/reader.h"

#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"

/* Four nodes, a gang of three that is planned, vetoed once, planned again, voted and bound; an
 * ordinary pod beside it. */
static struct journal *record_gang(struct world *world)
{
    static const char *const all[] = {"n0", "n1", "n2", "n3", NULL};
    struct journal_header header = {.program = "test"};
    engine_options_default(&header.options);
    world_init(world);
    world->journal = journal_create(1);
    journal_begin(world->journal, &header);
    world_racks(world, 2, 2);
    world_event(world, EVENT_SYNCED);
    for (int i = 0; i < 3; i++) {
        char uid[8];
        snprintf(uid, sizeof uid, "g%d", i);
        world_pod(world, &(struct world_pod){
                             .uid = uid, .gang = "gang", .minimum = 3, .gpus = 8, .rank = i});
    }
    world_pod(world, &(struct world_pod){.uid = "lone", .gpus = 1, .rank = -1});
    world_filter(world, "lone", NULL, all);
    for (int i = 0; i < 3; i++) {
        char uid[8], node[64];
        snprintf(uid, sizeof uid, "g%d", i);
        world_node_of(world, "gang", uid, node);
        world_filter(world, uid, node, (const char *const[]){node, NULL});
    }
    for (int i = 0; i < 3; i++) {
        char uid[8], node[64];
        snprintf(uid, sizeof uid, "g%d", i);
        world_node_of(world, "gang", uid, node);
        world_bind(world, uid, node);
    }
    world_tick(world, 60000);
    return world->journal;
}

struct outcome {
    size_t steps;
    size_t first;    /* effect that differs … */
    uint64_t number; /* … in this record; 0: none differs */
    bool deadline_differs;
    bool bound; /* bindings were posted on the way */
};

/* Replays into `engine`. */
static struct outcome replay(const struct journal *journal, struct engine *engine)
{
    struct outcome outcome = {0};
    struct journal_reader *reader = journal_reader_create();
    struct journal_record record;
    struct effects effects;
    struct event event;
    struct err err;
    size_t size, used;
    const uint8_t *bytes = journal_bytes(journal, &size);
    effects_init(&effects);
    for (; size > 0; bytes += used, size -= used) {
        ck_assert_msg(journal_read(reader, bytes, size, &record, &used, &err) == JOURNAL_READ, "%s",
                      err.text);
        if (record.kind != JOURNAL_STEP) {
            continue;
        }
        journal_translate(reader, engine, &record.event, &event);
        effects_reset(&effects);
        engine_apply(engine, &event, &effects);
        outcome.steps++;
        for (size_t i = 0; i < effects.count; i++) {
            outcome.bound |= effects.items[i].type == EFFECT_POST_BINDING;
        }
        if (!journal_compare(reader, &event, record.effects, &effects, &outcome.first)) {
            outcome.number = record.number;
            break;
        }
        if (record.deadline != engine_deadline(engine)) {
            outcome.deadline_differs = true;
            break;
        }
    }
    effects_finish(&effects);
    journal_reader_destroy(reader);
    return outcome;
}

static struct engine *another(uint64_t seed, int64_t backoff)
{
    struct engine_options options;
    engine_options_default(&options);
    options.hash_seed = seed;
    options.backoff_initial_ms = backoff;
    return engine_create(&options);
}

START_TEST(test_equal)
{
    struct world world;
    struct journal *journal = record_gang(&world);
    struct engine *engine = another(0x1234567, 1000);
    struct outcome outcome = replay(journal, engine);
    ck_assert_uint_eq(outcome.number, 0);
    ck_assert(!outcome.deadline_differs);
    ck_assert(outcome.bound);
    ck_assert_uint_eq(outcome.steps, 4 + 1 + 3 + 1 + 1 + 3 + 3 + 1);
    engine_destroy(engine);
    journal_destroy(journal);
    world_finish(&world);
}
END_TEST

/* An engine that has seen other nodes before numbers its rows differently. */
START_TEST(test_other_rows)
{
    struct world world;
    struct journal *journal = record_gang(&world);
    struct engine *engine = another(0, 1000);
    struct effects effects;
    effects_init(&effects);
    const char *const others[] = {"n3", "elsewhere", "n1"};
    for (size_t i = 0; i < 3; i++) {
        struct event event = {.type = EVENT_NODE, .node = {.name = others[i]}};
        engine_apply(engine, &event, &effects);
        event = (struct event){.type = EVENT_NODE_GONE, .node_name = others[i]};
        engine_apply(engine, &event, &effects);
    }
    ck_assert_uint_eq(engine_node_row(engine, "n3", 2), 0);
    struct outcome outcome = replay(journal, engine);
    ck_assert_uint_eq(outcome.number, 0);
    ck_assert(outcome.bound);
    effects_finish(&effects);
    engine_destroy(engine);
    journal_destroy(journal);
    world_finish(&world);
}
END_TEST

/* An engine that decides something else is found out at the first difference: here one whose holds
 * run out sooner, which shows in when it wants to be woken. */
START_TEST(test_another_deadline)
{
    struct world world;
    struct journal *journal = record_gang(&world);
    struct engine_options options;
    engine_options_default(&options);
    options.hold_timeout_ms = 1500;
    struct engine *engine = engine_create(&options);
    struct outcome outcome = replay(journal, engine);
    ck_assert(outcome.deadline_differs);
    ck_assert_uint_eq(outcome.steps, 4 + 1 + 3); /* the plan */
    engine_destroy(engine);
    journal_destroy(journal);
    world_finish(&world);
}
END_TEST

/* Any change of any effect is a difference, and is found where it is. */
START_TEST(test_compare)
{
    struct journal_reader *reader = journal_reader_create();
    struct event event = {.type = EVENT_FILTER};
    struct effects one, other;
    bool flags[2][3] = {{true, false, true}, {true, false, true}};
    size_t first;
    event.filter.row_count = 3;
    effects_init(&one);
    effects_init(&other);
    struct effects *both[] = {&one, &other};
    for (int k = 0; k < 2; k++) {
        struct effect *effect = effects_append(both[k], EFFECT_BIND_REPLY);
        effect->bind.ticket = 1;
        effect = effects_append(both[k], EFFECT_FILTER_REPLY);
        effect->filter.verdict = FILTER_SOME;
        effect->filter.passes = flags[k];
    }
    ck_assert(journal_compare(reader, &event, &one, &other, &first));
    ck_assert_uint_eq(first, 2);
    flags[1][2] = false;
    ck_assert(!journal_compare(reader, &event, &one, &other, &first));
    ck_assert_uint_eq(first, 1);
    flags[1][2] = true;
    other.items[0].bind.error = ""; /* not the same as none */
    ck_assert(!journal_compare(reader, &event, &one, &other, &first));
    ck_assert_uint_eq(first, 0);
    other.items[0].bind.error = NULL;
    effects_append(&other, EFFECT_TRANSITION);
    ck_assert(!journal_compare(reader, &event, &one, &other, &first));
    ck_assert_uint_eq(first, 2);
    effects_finish(&one);
    effects_finish(&other);
    journal_reader_destroy(reader);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/journal replay");
    TCase *tcase = tcase_create("replay");
    tcase_add_test(tcase, test_equal);
    tcase_add_test(tcase, test_other_rows);
    tcase_add_test(tcase, test_another_deadline);
    tcase_add_test(tcase, test_compare);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
