// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "api/view/journal_text.h"
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
 * What follows the first decision that differs happened in another world. It only serves to see
 * whether writes that are missing come within PATIENCE_MS; then the journal is left.
 */

#define TICKS_MAX   10000 /* at one moment */
#define PATIENCE_MS 3000

struct comparison {
    struct tally tally;
    const char *path;
    uint8_t *bytes;
    size_t size;
    struct journal_reader *reader;
    struct journal_text *text;
    struct engine *engine;
    struct effects effects;         /* of today */
    int64_t now;                    /* of the last step, or the header */
    int64_t deadline;               /* recorded after it */
    FILE *nowhere;                  /* /dev/null */
    uint32_t examples[DIFFERENCES]; /* of words, told so far */
    struct owed *owed;              /* since a decision differed; else none */
    size_t owed_count, owed_room;
    int64_t owed_since;
};

/* A write that was recorded and is missing today. */
struct owed {
    enum effect_type type;
    char *uid;
    char *node; /* NULL: a cleared nomination */
};

/* ---- telling ---- */

static void tell_effects(struct comparison *it, const char *whose,
                         const struct journal_record *record, const struct effects *effects,
                         unsigned kinds)
{
    for (size_t i = 0; i < effects->count; i++) {
        enum difference kind = difference_of(&effects->items[i]);
        bool answer = kind == DIFFERENCE_FILTER || kind == DIFFERENCE_BIND;
        bool order =
            kind == DIFFERENCE_POST || kind == DIFFERENCE_NOMINATE || kind == DIFFERENCE_EVICT;
        if (kind != DIFFERENCES &&
            ((kinds & 1u << kind) != 0 || (answer && (kinds & 1u << DIFFERENCE_REASON) != 0) ||
             (order && (kinds & 1u << DIFFERENCE_ORDER) != 0))) {
            fprintf(it->tally.out, "    %s: ", whose);
            journal_text_effect(it->text, it->tally.out, &record->event, &effects->items[i]);
            fputc('\n', it->tally.out);
        }
    }
}

static void tell(struct comparison *it, const struct journal_record *record, unsigned kinds)
{
    fprintf(it->tally.out, "%s: record %llu at %lld ms: ", it->path,
            (unsigned long long)record->number, (long long)record->event.now);
    journal_text_event(it->text, it->tally.out, &record->event);
    fputc('\n', it->tally.out);
    tell_effects(it, "recorded", record, record->effects, kinds);
    tell_effects(it, "now     ", record, &it->effects, kinds);
}

/* The first few of each kind of words. */
static void tell_words(struct comparison *it, const struct journal_record *record, unsigned kinds)
{
    for (unsigned kind = DIFFERENCE_REASON; kind < DIFFERENCES; kind++) {
        if ((kinds & 1u << kind) != 0 && it->examples[kind]++ < it->tally.examples) {
            tell(it, record, 1u << kind);
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

/* ---- writes that are missing ---- */

static bool is_write(const struct effect *effect)
{
    return effect->type == EFFECT_POST_BINDING || effect->type == EFFECT_NOMINATE ||
           effect->type == EFFECT_EVICT;
}

static void drop_owed(struct comparison *it, size_t place)
{
    free(it->owed[place].uid);
    free(it->owed[place].node);
    it->owed[place] = it->owed[--it->owed_count];
}

static void pay(struct comparison *it, const struct effects *effects)
{
    for (size_t i = 0; i < effects->count; i++) {
        const struct effect *effect = &effects->items[i];
        size_t place = 0;
        while (is_write(effect) && place < it->owed_count) {
            const struct owed *owed = &it->owed[place];
            bool same_node = (owed->node == NULL) == (effect->write.node == NULL) &&
                             (owed->node == NULL || strcmp(owed->node, effect->write.node) == 0);
            if (same_node && owed->type == effect->type &&
                strcmp(owed->uid, effect->write.uid) == 0) {
                drop_owed(it, place);
                break;
            }
            place++;
        }
    }
}

/* From a step whose decisions differ. */
static void note_owed(struct comparison *it, const struct journal_record *record)
{
    it->owed_since = record->event.now;
    for (size_t i = 0; i < record->effects->count; i++) {
        const struct effect *effect = &record->effects->items[i];
        if (is_write(effect)) {
            it->owed = alloc_grow(it->owed, &it->owed_room, it->owed_count + 1, sizeof *it->owed);
            it->owed[it->owed_count++] = (struct owed){
                effect->type, alloc_string(effect->write.uid), alloc_string(effect->write.node)};
        }
    }
    pay(it, &it->effects);
}

/* ---- steps ---- */

/* False when the journal is to be left. */
static bool step(struct comparison *it, const struct journal_record *record)
{
    live(it, record);
    if (it->owed_count > 0) {
        pay(it, &it->effects);
        bool over = it->owed_count == 0 || it->now > it->owed_since + PATIENCE_MS;
        tally_late(&it->tally, it->owed_count == 0);
        return !over;
    }
    unsigned kinds = difference_between(it->reader, &record->event, record->effects, &it->effects);
    tally_step(&it->tally, record->effects, &it->effects, kinds,
               engine_deadline(it->engine) != record->deadline);
    journal_text_event(it->text, it->nowhere, &record->event); /* it remembers the names of pods */
    if ((kinds & DIFFERENCE_DECISIONS) == 0) {
        tell_words(it, record, kinds);
        return true;
    }
    if (tally_divergence(&it->tally, record->event.type, kinds & DIFFERENCE_DECISIONS)) {
        tell(it, record, kinds);
    }
    note_owed(it, record);
    return it->owed_count > 0;
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
    effects_finish(&it->effects);
    journal_text_destroy(it->text);
    journal_reader_destroy(it->reader);
    engine_destroy(it->engine);
    free(it->bytes);
    while (it->owed_count > 0) {
        drop_owed(it, 0);
    }
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
    free(it.owed);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
