// SPDX-License-Identifier: Apache-2.0
#include "api/cli/replay_segment.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/base/clock.h"
#include "topology/base/alloc.h"
#include "version.h"

/* Makes the engine of a journal again, new or with the state it began with, lets it live through
 * the same events, and holds what it decides against what was decided then.
 *
 * A journal that stops in the middle of a record is what a kill leaves behind: what was read before
 * counts, and the end is told. Anything else that cannot be read is an error.
 */

#define READ_PIECE (1u << 20)

/* ---- reading ---- */

/* Sees to it that `need` bytes are there: 1, or 0 when there are no more, or -1. */
static int fill(struct replay *replay, size_t need, struct err *err)
{
    memmove(replay->bytes, replay->bytes + replay->at, replay->count - replay->at);
    replay->count -= replay->at;
    replay->at = 0;
    while (replay->count < need) {
        size_t want = need - replay->count < READ_PIECE ? READ_PIECE : need - replay->count, more;
        replay->bytes = alloc_grow(replay->bytes, &replay->room, replay->count + want, 1);
        if (segment_source_read(replay->source, replay->bytes + replay->count, want, &more, err) <
            0) {
            return -1;
        }
        if (more == 0) {
            return 0;
        }
        replay->count += more;
    }
    return 1;
}

/* The next record: 1, or 0 at the end of the file, or -1. */
static int next_record(struct replay *replay, struct journal_record *record, struct err *err)
{
    int filled = 1;
    for (size_t used = 0; filled > 0;) {
        size_t size = replay->count - replay->at;
        enum journal_result result =
            journal_read(replay->reader, replay->bytes + replay->at, size, record, &used, err);
        if (result == JOURNAL_READ) {
            replay->at += used;
            return 1;
        }
        if (result == JOURNAL_BAD) {
            return -1;
        }
        filled = fill(replay, used, err);
    }
    return filled;
}

/* ---- showing ---- */

/* "2026-11-21T11:53:25.123Z (+3.214 s)" */
static void show_time(const struct replay *replay, FILE *out, int64_t now)
{
    int64_t since = now - replay->header.started;
    int64_t wall = replay->header.started_wall + since;
    char text[CLOCK_TEXT_MAX];
    if (replay->header.started_wall > 0 && wall >= 0 && clock_text(wall * 1000000, 3, text)) {
        fprintf(out, "%s ", text);
    }
    fprintf(out, "(%s%" PRId64 ".%03d s)", since < 0 ? "-" : "+",
            (since < 0 ? -since : since) / 1000, abs((int)(since % 1000)));
}

static int64_t wall_of(const struct replay *replay, int64_t now)
{
    int64_t wall = replay->header.started_wall;
    return wall <= 0 ? -1 : wall + (now - replay->header.started);
}

/* Whether --verbose prints a record. */
static bool is_shown(const struct replay *replay, uint64_t number, int64_t now)
{
    return replay->verbose &&
           !replay_point_is_after(&replay->from, replay->segment, number, wall_of(replay, now));
}

static void show_event(struct replay *replay, FILE *out, const struct journal_record *record)
{
    fprintf(out, "%" PRIu64 " ", record->number);
    show_time(replay, out, record->event.now);
    fputc(' ', out);
    journal_text_event(replay->text, out, &record->event);
    fputc('\n', out);
}

static void show_effect(struct replay *replay, FILE *out, const char *before,
                        const struct event *event, const struct effects *effects, size_t index)
{
    fputs(before, out);
    if (index < effects->count) {
        journal_text_effect(replay->text, out, event, &effects->items[index]);
    } else {
        fputs("nothing more", out);
    }
    fputc('\n', out);
}

static void show_step(struct replay *replay, const struct journal_record *record)
{
    show_event(replay, stdout, record);
    for (size_t i = 0; i < record->effects->count; i++) {
        show_effect(replay, stdout, "    ", &record->event, record->effects, i);
    }
}

/* ---- comparing ---- */

static char *words_of(struct replay *replay, const struct event *event,
                      const struct effects *effects, size_t index)
{
    char *words = NULL;
    size_t length;
    FILE *out = open_memstream(&words, &length);
    err_require(out != NULL);
    show_effect(replay, out, "", event, effects, index);
    err_require(fclose(out) == 0);
    return words;
}

static void say_where(const struct replay *replay, const struct journal_record *record)
{
    printf("The decisions differ in record %" PRIu64, record->number);
    if (replay->directory) {
        printf(" of segment %" PRIu64, replay->segment);
    }
    printf(" at byte %" PRIu64, record->offset);
}

static void show_difference(struct replay *replay, const struct journal_record *record,
                            size_t first)
{
    say_where(replay, record);
    printf(", effect %zu:\n", first + 1);
    show_event(replay, stdout, record);
    char *then = words_of(replay, &record->event, record->effects, first);
    char *now = words_of(replay, &record->event, &replay->effects, first);
    printf("    recorded: %s    now:      %s", then, now);
    if (strcmp(then, now) == 0) {
        puts("    (in a field that is not shown)");
    }
    free(then);
    free(now);
}

static void show_deadline(const char *before, int64_t now, int64_t deadline)
{
    if (deadline == INT64_MAX) {
        printf("    %s never\n", before);
    } else if (deadline < now) {
        printf("    %s overdue\n", before);
    } else {
        /* The time may be negative, so the difference need not fit. */
        printf("    %s %" PRIu64 " ms later\n", before, (uint64_t)deadline - (uint64_t)now);
    }
}

/* False at a difference, which it shows. */
static bool step(struct replay *replay, const struct journal_record *record)
{
    struct event event;
    size_t first;
    journal_translate(replay->reader, replay->engine, &record->event, &event);
    effects_reset(&replay->effects);
    engine_apply(replay->engine, &event, &replay->effects);
    replay->segment_steps++;
    replay->steps++;
    replay->decisions += record->effects->count;
    replay->last = record->event.now;
    if (is_shown(replay, record->number, record->event.now)) {
        show_step(replay, record);
    }
    if (!journal_compare(replay->reader, &record->event, record->effects, &replay->effects,
                         &first)) {
        show_difference(replay, record, first);
        return false;
    }
    int64_t deadline = engine_deadline(replay->engine);
    if (deadline != record->deadline) {
        say_where(replay, record);
        puts(", in when the next tick is due:");
        show_event(replay, stdout, record);
        show_deadline("recorded:", record->event.now, record->deadline);
        show_deadline("now:     ", record->event.now, deadline);
        return false;
    }
    return true;
}

/* ---- records ---- */

static void show_header(struct replay *replay, const struct journal_header *header)
{
    const struct levels *levels = header->options.levels;
    fputs("0 ", stdout);
    show_time(replay, stdout, header->started);
    printf(" hold timeout %" PRId64 " ms, backoff %" PRId64 " to %" PRId64 " ms, levels",
           header->options.hold_timeout_ms, header->options.backoff_initial_ms,
           header->options.backoff_maximum_ms);
    for (uint32_t i = 0; i < levels->count; i++) {
        printf(" %s", levels->items[i].name);
    }
    if (header->state != 0) {
        printf("; after %" PRIu64 " events in %" PRIu64 " segments", header->steps,
               header->segment);
    }
    putchar('\n');
}

/* Whether the segment before was written by the same process, and all of it is there. */
static bool goes_on(struct replay *replay)
{
    const struct journal_header *before = &replay->before_header, *header = &replay->header;
    if (replay->before == NULL || header->state == 0 ||
        header->options.hash_seed != before->options.hash_seed ||
        header->segment != before->segment + 1) {
        return false;
    }
    uint64_t steps = header->steps - before->steps;
    if (steps != replay->before_steps) {
        printf("Before segment %" PRIu64 ", %" PRIu64 " events were not recorded.\n",
               replay->segment, steps - replay->before_steps);
    }
    return steps == replay->before_steps;
}

static int begin(struct replay *replay, const struct journal_header *header, struct err *err)
{
    replay->header = *header;
    replay->header.options.levels = NULL;
    replay->last = header->started;
    if (header->program == NULL || strcmp(header->program, PHALANX_VERSION) != 0) {
        fprintf(stderr, "phalanx replay: recorded by version %s, replayed by %s\n",
                header->program == NULL ? "?" : header->program, PHALANX_VERSION);
    }
    if (is_shown(replay, 0, header->started)) {
        show_header(replay, header);
    }
    if (header->state != 0 && header->state != ENGINE_STATE) {
        return err_set(err,
                       "it begins with a state of format %" PRIu32
                       ", this program reads %d: replay it with the version that recorded it",
                       header->state, ENGINE_STATE);
    }
    replay->engine = engine_create(&header->options);
    return 0;
}

/* The state it begins with has to be the one that the segment before led to. */
static bool same_state(struct replay *replay, const struct journal_record *record)
{
    struct checkpoint reached;
    bool known = goes_on(replay);
    if (!known) {
        return true;
    }
    engine_save(replay->before, &reached);
    bool same = reached.count == record->state_size &&
                memcmp(reached.bytes, record->state, reached.count) == 0;
    size_t at = 0;
    while (!same && at < reached.count && at < record->state_size &&
           reached.bytes[at] == record->state[at]) {
        at++;
    }
    if (!same) {
        printf("The state that segment %" PRIu64 " begins with is not the one that the segment "
               "before led to: they differ at byte %zu of %zu and %zu.\n",
               replay->segment, at, record->state_size, reached.count);
    }
    checkpoint_finish(&reached);
    return same;
}

static int load(struct replay *replay, const struct journal_record *record, bool *same,
                struct err *err)
{
    if (record->state == NULL) {
        return 0;
    }
    *same = same_state(replay, record);
    return engine_load(replay->engine, record->state, record->state_size, err) == 0
               ? 0
               : err_prefix(err, "the state in record %" PRIu64, record->number);
}

static void end(struct replay *replay, const struct journal_record *record)
{
    replay->ended = true;
    if (replay->directory) {
        printf("Segment %" PRIu64, replay->segment);
    } else {
        fputs("The journal", stdout);
    }
    printf(" ends with record %" PRIu64 ": %s.\n", record->number,
           record->why == NULL ? "no reason is given" : record->why);
}

static void show_break(const struct replay *replay)
{
    if (replay->directory) {
        printf("Segment %" PRIu64, replay->segment);
    } else {
        fputs("The journal", stdout);
    }
    size_t rest = replay->count - replay->at;
    printf(" ends at byte %" PRIu64 ", %s, as after a kill.\n",
           journal_reader_offset(replay->reader) + rest,
           rest > 0 ? "in the middle of a record" : "without a reason");
}

/* Whether the next record, or this one, is behind --until. */
static bool is_over(struct replay *replay, uint64_t number, int64_t now)
{
    replay->left = replay->left || replay_point_is_before(&replay->until, replay->segment, number,
                                                          wall_of(replay, now));
    return replay->left;
}

static int take(struct replay *replay, const struct journal_record *record, bool *same,
                struct err *err)
{
    switch (record->kind) {
    case JOURNAL_HEADER:
        return begin(replay, record->header, err);
    case JOURNAL_STATE:
        return load(replay, record, same, err);
    case JOURNAL_STEP:
        *same = is_over(replay, record->number, record->event.now) || step(replay, record);
        return 0;
    case JOURNAL_END:
        end(replay, record);
        return 0;
    }
    return 0;
}

static enum replay_result run(struct replay *replay, struct err *err)
{
    struct journal_record record;
    bool same = true, loaded = false;
    int result = 1;
    while (same && !is_over(replay, journal_reader_number(replay->reader), replay->last)) {
        result = next_record(replay, &record, err);
        if (result > 0) {
            result = take(replay, &record, &same, err) < 0 ? -1 : 1;
            loaded = loaded || record.state != NULL ||
                     (record.kind == JOURNAL_HEADER && replay->header.state == 0);
        }
        if (result <= 0) {
            break;
        }
    }
    if (result < 0) {
        return REPLAY_FAILED;
    }
    if (!same) {
        return REPLAY_DIFFERENT;
    }
    if (!loaded && !replay->left) {
        return REPLAY_NOTHING;
    }
    if (result == 0 && !replay->ended) {
        show_break(replay);
    }
    return REPLAY_SAME;
}

/* ---- segments ---- */

void replay_init(struct replay *replay)
{
    memset(replay, 0, sizeof *replay);
    effects_init(&replay->effects);
}

void replay_finish(struct replay *replay)
{
    engine_destroy(replay->before);
    effects_finish(&replay->effects);
    free(replay->bytes);
}

static void open_segment(struct replay *replay, FILE *file, uint64_t segment)
{
    replay->segment = segment;
    replay->source = segment_source_create(file);
    replay->at = 0;
    replay->count = 0;
    replay->bytes = alloc_grow(replay->bytes, &replay->room, 1, 1);
    replay->reader = journal_reader_create();
    replay->text = journal_text_create(replay->reader);
    replay->engine = NULL;
    replay->segment_steps = 0;
    replay->ended = false;
    memset(&replay->header, 0, sizeof replay->header);
}

/* Its engine stays, for the next one. */
static void close_segment(struct replay *replay, enum replay_result result)
{
    engine_destroy(replay->before);
    replay->before = NULL;
    if (result == REPLAY_SAME && replay->ended) {
        replay->before = replay->engine;
        replay->before_header = replay->header;
        replay->before_steps = replay->segment_steps;
    } else {
        engine_destroy(replay->engine);
    }
    replay->engine = NULL;
    replay->segments++;
    replay->span_ms += replay->last - replay->header.started;
    journal_text_destroy(replay->text);
    journal_reader_destroy(replay->reader);
    segment_source_destroy(replay->source);
}

enum replay_result replay_segment(struct replay *replay, FILE *file, uint64_t segment,
                                  struct err *err)
{
    open_segment(replay, file, segment);
    enum replay_result result = run(replay, err);
    close_segment(replay, result);
    return result;
}

int64_t replay_started(FILE *file)
{
    struct replay replay;
    struct journal_record record;
    struct err err;
    replay_init(&replay);
    open_segment(&replay, file, 0);
    bool there = next_record(&replay, &record, &err) > 0 && record.header->started_wall > 0;
    int64_t started = there ? record.header->started_wall : -1;
    close_segment(&replay, REPLAY_NOTHING);
    replay_finish(&replay);
    return started;
}
