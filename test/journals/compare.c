// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "api/view/journal_text.h"
#include "test/journals/debts.h"
#include "test/journals/tally.h"
#include "topology/base/alloc.h"

/* journals_compare [--examples N] FILE...       (one of each kind)
 *
 * Do journals of another version of the engine replay with the decisions of today? Where `phalanx
 * replay` compares every byte and stops at the first that differs, this one compares by kind
 * (difference.h), reads on where only words differ, and adds up over many journals. Exit code 1
 * when a decision differs or a journal cannot be read.
 *
 * The recorded ticks are those that the engine of then wanted. The one of today gets, besides:
 *
 *   - a tick at once, again and again, while it says that one is due now: what it puts off counts
 *     as part of the event
 *   - a tick when it wants one earlier than the recorded deadline and the next event comes later
 *
 * A write that comes at most LATE_MS earlier or later than it was recorded is counted and no more
 * than that. What follows any other difference of decisions happened in another world: it only
 * serves to see whether writes that are missing come within PATIENCE_MS, then the journal is left.
 */

#define TICKS_MAX   10000 /* at one moment */
#define LATE_MS     50
#define PATIENCE_MS 3000

struct comparison {
    struct tally tally;
    const char *path;
    uint8_t *bytes;
    size_t size;
    struct journal_reader *reader;
    struct journal_text *text;
    struct engine *engine;
    struct effects effects; /* of today */
    struct side then, today;
    int64_t now;                    /* of the last step, or the header */
    int64_t deadline;               /* recorded after it */
    FILE *nowhere;                  /* /dev/null */
    uint32_t examples[DIFFERENCES]; /* of words, told so far */
    struct debts debts;
    bool diverged;
    char *story; /* of the step since which something is owed, or that differs in other ways */
    enum event_type story_event;
    unsigned story_kinds;
};

/* ---- telling ---- */

static void tell_effects(struct comparison *it, FILE *out, const char *whose,
                         const struct journal_record *record, const struct side *side,
                         unsigned kinds)
{
    for (size_t i = 0; i < side->effects->count; i++) {
        enum difference kind = side->kinds[i];
        bool answer = kind == DIFFERENCE_FILTER || kind == DIFFERENCE_BIND;
        bool order =
            kind == DIFFERENCE_POST || kind == DIFFERENCE_NOMINATE || kind == DIFFERENCE_EVICT;
        if (kind != DIFFERENCES &&
            ((kinds & 1u << kind) != 0 || (answer && (kinds & 1u << DIFFERENCE_REASON) != 0) ||
             (order && (kinds & 1u << DIFFERENCE_ORDER) != 0))) {
            fprintf(out, "    %s: ", whose);
            journal_text_effect(it->text, out, &record->event, &side->effects->items[i]);
            fputc('\n', out);
        }
    }
}

static void tell(struct comparison *it, FILE *out, const struct journal_record *record,
                 unsigned kinds)
{
    fprintf(out, "%s: record %llu at %lld ms: ", it->path, (unsigned long long)record->number,
            (long long)record->event.now);
    journal_text_event(it->text, out, &record->event);
    fputc('\n', out);
    tell_effects(it, out, "recorded", record, &it->then, kinds);
    tell_effects(it, out, "now     ", record, &it->today, kinds);
}

/* The first few of each kind of words. */
static void tell_words(struct comparison *it, const struct journal_record *record, unsigned kinds)
{
    for (unsigned kind = DIFFERENCE_ORDER; kind < DIFFERENCES; kind++) {
        if ((kinds & 1u << kind) != 0 && it->examples[kind]++ < it->tally.examples) {
            tell(it, it->tally.out, record, 1u << kind);
        }
    }
}

/* ---- the engine of today ---- */

static void tick(struct comparison *it, int64_t now)
{
    struct event event = {.type = EVENT_TICK, .now = now};
    engine_apply(it->engine, &event, &it->effects);
    it->tally.ticks++;
}

/* Until nothing is due at `now`. */
static void finish_moment(struct comparison *it, int64_t now)
{
    for (int ticks = 0; engine_deadline(it->engine) <= now; ticks++) {
        if (ticks == TICKS_MAX) {
            fprintf(it->tally.out, "%s: %d ticks at %lld ms, and another one is due\n", it->path,
                    TICKS_MAX, (long long)now);
            exit(EXIT_FAILURE);
        }
        tick(it, now);
    }
}

/* What is due before the next event and before the recorded engine wanted a tick. */
static void pass_time(struct comparison *it, int64_t until)
{
    for (;;) {
        int64_t due = engine_deadline(it->engine);
        if (due >= until || due >= it->deadline) {
            return;
        }
        it->now = due > it->now ? due : it->now;
        tick(it, it->now);
        finish_moment(it, it->now);
    }
}

static void live(struct comparison *it, const struct journal_record *record)
{
    struct event event;
    effects_reset(&it->effects);
    pass_time(it, record->event.now);
    journal_translate(it->reader, it->engine, &record->event, &event);
    engine_apply(it->engine, &event, &it->effects);
    it->now = event.now;
    if (record->deadline > event.now) { /* else a recorded tick follows at once */
        finish_moment(it, event.now);
    }
    it->deadline = record->deadline;
}

/* ---- steps ---- */

/* Keeps in words how a step differs, for the case that it turns out to matter. */
static void keep_story(struct comparison *it, const struct journal_record *record, unsigned kinds)
{
    size_t length;
    free(it->story);
    it->story = NULL;
    FILE *out = open_memstream(&it->story, &length);
    err_require(out != NULL);
    tell(it, out, record, kinds);
    fclose(out);
    it->story_event = record->event.type;
    it->story_kinds = kinds & DIFFERENCE_DECISIONS;
}

static void diverge(struct comparison *it)
{
    it->diverged = true;
    if (tally_divergence(&it->tally, it->story_event, it->story_kinds)) {
        fprintf(it->tally.out, "another decision: %s", it->story);
    }
}

/* After the divergence: whether there is something to wait for. */
static bool wait_on(struct comparison *it)
{
    int64_t since = debts_since(&it->debts);
    tally_late(&it->tally, since == INT64_MAX);
    return since != INT64_MAX && it->now <= since + PATIENCE_MS;
}

/* False when the journal is to be left. */
static bool step(struct comparison *it, const struct journal_record *record)
{
    bool owing = it->debts.count > 0;
    live(it, record);
    side_watch(&it->then, &record->event);
    side_watch(&it->today, &record->event);
    side_step(&it->then, record->effects);
    side_step(&it->today, &it->effects);
    unsigned kinds = difference_between(it->reader, &record->event, &it->then, &it->today);
    int64_t paid = debts_step(&it->debts, it->now, &it->then, &it->today);
    if (it->diverged) {
        return wait_on(it);
    }
    tally_step(&it->tally, &it->then, &it->today, kinds,
               engine_deadline(it->engine) != record->deadline);
    tally_paid(&it->tally, paid);
    journal_text_event(it->text, it->nowhere, &record->event); /* it remembers the names of pods */
    tell_words(it, record, kinds);
    if ((kinds & DIFFERENCE_DECISIONS) != 0 && !owing) {
        keep_story(it, record, kinds);
    }
    if ((kinds & DIFFERENCE_DECISIONS & ~DIFFERENCE_WRITES) != 0 ||
        ((kinds & DIFFERENCE_WRITES) != 0 && it->debts.count == 0 && !owing) || paid > LATE_MS ||
        (it->debts.count > 0 && it->now > debts_since(&it->debts) + LATE_MS)) {
        diverge(it);
        return it->debts.count > 0;
    }
    return true;
}

/* ---- journals ---- */

static int read_file(struct comparison *it, struct err *err)
{
    FILE *file = fopen(it->path, "re");
    struct stat status;
    if (file == NULL) {
        return err_set(err, "%s", strerror(errno));
    }
    if (fstat(fileno(file), &status) != 0) {
        status.st_size = 0;
    }
    it->size = (size_t)status.st_size;
    it->bytes = alloc_zero(it->size + 1, 1);
    it->size = fread(it->bytes, 1, it->size, file);
    fclose(file);
    return it->size > 0 ? 0 : err_set(err, "there is nothing in it");
}

static void begin(struct comparison *it, const struct journal_header *header)
{
    it->now = header->started;
    it->deadline = INT64_MAX;
    it->engine = engine_create(&header->options);
}

/* The state of another version can only be read if nothing in it has changed. */
static int load(struct comparison *it, const struct journal_record *record, struct err *err)
{
    return record->state == NULL ? 0
                                 : engine_load(it->engine, record->state, record->state_size, err);
}

static int compare_records(struct comparison *it, struct err *err)
{
    struct journal_record record;
    for (size_t at = 0, used; at < it->size; at += used) {
        enum journal_result result =
            journal_read(it->reader, it->bytes + at, it->size - at, &record, &used, err);
        if (result == JOURNAL_BAD) {
            return -1;
        }
        if (result == JOURNAL_SHORT) { /* in the middle of a record: as after a kill */
            break;
        }
        if (record.kind == JOURNAL_HEADER) {
            begin(it, record.header);
        } else if (record.kind == JOURNAL_STATE) {
            if (load(it, &record, err) < 0) {
                return -1;
            }
        } else if (record.kind == JOURNAL_END || !step(it, &record)) {
            return 0;
        }
    }
    it->tally.truncated++;
    return 0;
}

static void compare(struct comparison *it, const char *path)
{
    struct err err;
    it->path = path;
    it->reader = journal_reader_create();
    it->text = journal_text_create(it->reader);
    effects_init(&it->effects);
    tally_journal(&it->tally);
    if (read_file(it, &err) != 0 || compare_records(it, &err) != 0) {
        fprintf(it->tally.out, "%s: %s\n", path, err.text);
        it->tally.unreadable++;
    }
    side_finish(&it->then);
    side_finish(&it->today);
    effects_finish(&it->effects);
    journal_text_destroy(it->text);
    journal_reader_destroy(it->reader);
    engine_destroy(it->engine);
    free(it->bytes);
    free(it->story);
    debts_finish(&it->debts);
    it->story = NULL;
    it->diverged = false;
    it->engine = NULL;
    it->bytes = NULL;
}

int main(int argc, char **argv)
{
    static const struct option flags[] = {{"examples", required_argument, NULL, 'e'},
                                          {NULL, 0, NULL, 0}};
    struct comparison it = {.tally = {.examples = 1, .out = stdout}};
    it.nowhere = fopen("/dev/null", "we");
    err_require(it.nowhere != NULL);
    for (int flag; (flag = getopt_long(argc, argv, "", flags, NULL)) != -1;) {
        if (flag != 'e') {
            return 2;
        }
        it.tally.examples = (uint32_t)strtoul(optarg, NULL, 10);
    }
    for (int i = optind; i < argc; i++) {
        compare(&it, argv[i]);
    }
    tally_print(&it.tally);
    bool good = it.tally.diverged == 0 && it.tally.unreadable == 0 && it.tally.journals > 0;
    tally_finish(&it.tally);
    fclose(it.nowhere);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
