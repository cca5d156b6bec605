// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/base/clock.h"
#include "api/cli/cli.h"
#include "api/cli/flags.h"
#include "api/view/journal_text.h"
#include "topology/base/alloc.h"
#include "topology/base/plural.h"
#include "version.h"

/* `phalanx replay`: makes the engine of a journal again, lets it live through the same events, and
 * holds what it decides against what was decided then.
 *
 * A journal that stops in the middle of a record is what a kill leaves behind: what was read before
 * counts, and the end is told. Anything else that cannot be read is an error.
 */

#define READ_PIECE (1u << 20)

struct replay_flags {
    const char *file;
    uint64_t until;
    bool verbose;
};

static const struct flag replay_flags[] = {
    {.name = "until",
     .value = "N",
     .kind = FLAG_NUMBER,
     .to = offsetof(struct replay_flags, until),
     .help = "stop after record N"},
    {.name = "verbose",
     .letter = 'v',
     .kind = FLAG_SWITCH,
     .to = offsetof(struct replay_flags, verbose),
     .help = "print every event and decision, a line each"},
    {.name = NULL},
};

static const struct flags syntax = {
    .command = "replay",
    .about =
        "Replays the events of a journal and compares every decision with the recorded one, to "
        "the last byte. Prints the first difference.",
    .flags = replay_flags,
    .operand = "FILE",
    .operand_help = "the journal, of phalanx serve --journal FILE",
    .operand_to = offsetof(struct replay_flags, file),
    .operand_required = true,
    .exit_codes =
        "Exit code 0 when all are the same, 1 at a difference or when the journal cannot be "
        "read.",
};

struct source {
    FILE *file;
    uint8_t *bytes; /* from `at` to `count` not yet read */
    size_t at;
    size_t count;
    size_t room;
};

struct replay {
    struct replay_flags flags;
    struct source source;
    struct journal_reader *reader;
    struct journal_text *text;
    struct journal_header header; /* but for the levels, which are the engine's */
    struct engine *engine;        /* NULL before the header */
    struct effects effects;
    uint64_t steps;
    uint64_t decisions;
    int64_t last; /* time of the last step */
    bool ended;
};

/* ---- reading ---- */

/* Sees to it that `need` bytes are there; false when the file has no more. */
static bool fill(struct source *source, size_t need)
{
    if (source->at > 0) {
        memmove(source->bytes, source->bytes + source->at, source->count - source->at);
        source->count -= source->at;
        source->at = 0;
    }
    while (source->count < need) {
        size_t want = need - source->count < READ_PIECE ? READ_PIECE : need - source->count;
        source->bytes = alloc_grow(source->bytes, &source->room, source->count + want, 1);
        size_t more = fread(source->bytes + source->count, 1, want, source->file);
        if (more == 0) {
            return false;
        }
        source->count += more;
    }
    return true;
}

/* The next record: 1, or 0 at the end of the file, or -1. */
static int next_record(struct replay *replay, struct journal_record *record, struct err *err)
{
    struct source *source = &replay->source;
    for (size_t used = 0;;) {
        size_t size = source->count - source->at;
        enum journal_result result =
            journal_read(replay->reader, source->bytes + source->at, size, record, &used, err);
        if (result == JOURNAL_READ) {
            source->at += used;
            return 1;
        }
        if (result == JOURNAL_BAD) {
            return -1;
        }
        if (!fill(source, used)) {
            return ferror(source->file) ? err_set(err, "%s", strerrordesc_np(errno)) : 0;
        }
    }
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

static void show_difference(struct replay *replay, const struct journal_record *record,
                            size_t first)
{
    printf("The decisions differ in record %" PRIu64 " at byte %" PRIu64 ", effect %zu:\n",
           record->number, record->offset, first + 1);
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
    replay->steps++;
    replay->decisions += record->effects->count;
    replay->last = record->event.now;
    if (replay->flags.verbose) {
        show_step(replay, record);
    }
    if (!journal_compare(replay->reader, &record->event, record->effects, &replay->effects,
                         &first)) {
        show_difference(replay, record, first);
        return false;
    }
    int64_t deadline = engine_deadline(replay->engine);
    if (deadline != record->deadline) {
        printf("The decisions differ in record %" PRIu64 " at byte %" PRIu64
               ", in when the next tick is due:\n",
               record->number, record->offset);
        show_event(replay, stdout, record);
        show_deadline("recorded:", record->event.now, record->deadline);
        show_deadline("now:     ", record->event.now, deadline);
        return false;
    }
    return true;
}

static void begin(struct replay *replay, const struct journal_header *header)
{
    replay->header = *header;
    replay->header.options.levels = NULL;
    replay->last = header->started;
    replay->engine = engine_create(&header->options);
    if (header->program == NULL || strcmp(header->program, PHALANX_VERSION) != 0) {
        fprintf(stderr, "phalanx replay: recorded by version %s, replayed by %s\n",
                header->program == NULL ? "?" : header->program, PHALANX_VERSION);
    }
    if (replay->flags.verbose) {
        const struct levels *levels = header->options.levels;
        fputs("0 ", stdout);
        show_time(replay, stdout, header->started);
        printf(" hold timeout %" PRId64 " ms, backoff %" PRId64 " to %" PRId64 " ms, levels",
               header->options.hold_timeout_ms, header->options.backoff_initial_ms,
               header->options.backoff_maximum_ms);
        for (uint32_t i = 0; i < levels->count; i++) {
            printf(" %s", levels->items[i].name);
        }
        putchar('\n');
    }
}

static void end(struct replay *replay, const struct journal_record *record)
{
    replay->ended = true;
    printf("The journal ends with record %" PRIu64 ": %s.\n", record->number,
           record->why == NULL ? "no reason is given" : record->why);
}

static void show_sum(struct replay *replay, bool same, bool short_of, int64_t took)
{
    if (short_of) {
        printf("The journal ends at byte %" PRIu64 ", %s, as after a kill.\n",
               journal_reader_offset(replay->reader) + replay->source.count - replay->source.at,
               replay->source.count > replay->source.at ? "in the middle of a record"
                                                        : "without a reason");
    }
    int64_t span = replay->last - replay->header.started;
    printf("%s%" PRIu64 " event%s and %" PRIu64 " decision%s of %" PRId64
           ".%03d s, replayed in %" PRId64 ".%03d s.\n",
           same ? "Every decision is the same: " : "", replay->steps, plural(replay->steps),
           replay->decisions, plural(replay->decisions), span / 1000, abs((int)(span % 1000)),
           took / 1000000000, (int)(took / 1000000 % 1000));
}

static int run(struct replay *replay, struct err *err)
{
    struct journal_record record;
    int64_t started = clock_ns();
    bool same = true;
    int result = 1;
    while (same && journal_reader_number(replay->reader) <= replay->flags.until) {
        result = next_record(replay, &record, err);
        if (result <= 0) {
            break;
        }
        switch (record.kind) {
        case JOURNAL_HEADER:
            begin(replay, record.header);
            break;
        case JOURNAL_STEP:
            same = step(replay, &record);
            break;
        case JOURNAL_END:
            end(replay, &record);
            break;
        }
    }
    if (result < 0) {
        return -1;
    }
    if (replay->engine == NULL) {
        return err_set(err, "the journal ends in its header");
    }
    show_sum(replay, same, result == 0 && !replay->ended, clock_ns() - started);
    return same ? CLI_OK : CLI_RUNTIME;
}

/* ---- the command ---- */

static int replay_file(struct replay *replay, struct err *err)
{
    replay->source.file = fopen(replay->flags.file, "re");
    if (replay->source.file == NULL) {
        return err_set(err, "%s", strerrordesc_np(errno));
    }
    effects_init(&replay->effects);
    replay->reader = journal_reader_create();
    replay->text = journal_text_create(replay->reader);
    int result = run(replay, err);
    journal_text_destroy(replay->text);
    journal_reader_destroy(replay->reader);
    effects_finish(&replay->effects);
    engine_destroy(replay->engine);
    free(replay->source.bytes);
    fclose(replay->source.file);
    return result;
}

int cli_replay(int argc, char **argv)
{
    struct replay replay;
    struct err err;
    memset(&replay, 0, sizeof replay);
    replay.flags.until = UINT64_MAX;
    int result = flags_parse(&syntax, argc, argv, &replay.flags);
    if (result != FLAGS_GO) {
        return result;
    }
    result = replay_file(&replay, &err);
    if (result < 0) {
        fflush(stdout);
        fprintf(stderr, "phalanx replay: %s: %s\n", replay.flags.file, err.text);
        return CLI_RUNTIME;
    }
    return result;
}
