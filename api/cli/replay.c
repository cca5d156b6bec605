// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/base/clock.h"
#include "api/cli/cli.h"
#include "api/cli/flags.h"
#include "api/cli/replay_segment.h"
#include "api/journal/segments.h"
#include "topology/base/plural.h"

/* `phalanx replay`: a journal of the daemon, or one of its segments, decided once more and
 * compared.
 *
 * Of a directory, what lies before --from is not read: the last segment that begins before it is
 * the first one that is replayed. A segment that a full disk or a kill left without a beginning is
 * named and left out.
 */

struct replay_flags {
    const char *path;
    const char *from;
    const char *until;
    bool verbose;
};

static const struct flag replay_flags[] = {
    {.name = "from",
     .value = "POINT",
     .kind = FLAG_TEXT,
     .to = offsetof(struct replay_flags, from),
     .help = "begin with the segment that has this point: SEGMENT, SEGMENT:RECORD, or a time such "
             "as 2026-11-21T11:53:25Z; --verbose prints from there"},
    {.name = "until",
     .value = "POINT",
     .kind = FLAG_TEXT,
     .to = offsetof(struct replay_flags, until),
     .help = "stop after it; of a file, RECORD"},
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
    .operand = "PATH",
    .operand_help = "the directory of phalanx serve --journal, or a file of it",
    .operand_to = offsetof(struct replay_flags, path),
    .operand_required = true,
    .exit_codes =
        "Exit code 0 when all are the same, 1 at a difference or when the journal cannot be "
        "read.",
};

static void show_sum(const struct replay *replay, bool same, int64_t took)
{
    printf("%s%" PRIu64 " event%s and %" PRIu64 " decision%s",
           same ? "Every decision is the same: " : "", replay->steps, plural(replay->steps),
           replay->decisions, plural(replay->decisions));
    if (replay->directory) {
        printf(" in %" PRIu64 " segment%s", replay->segments, plural(replay->segments));
    }
    printf(" of %" PRId64 ".%03d s, replayed in %" PRId64 ".%03d s.\n", replay->span_ms / 1000,
           abs((int)(replay->span_ms % 1000)), took / 1000000000, (int)(took / 1000000 % 1000));
}

/* ---- a file ---- */

static int replay_file(struct replay *replay, const char *path, struct err *err)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return err_set(err, "%s", strerrordesc_np(errno));
    }
    switch (replay_segment(replay, file, 0, err)) {
    case REPLAY_SAME:
        return CLI_OK;
    case REPLAY_DIFFERENT:
        return CLI_RUNTIME;
    case REPLAY_NOTHING:
        return err_set(err, "the journal ends in its header");
    case REPLAY_FAILED:
        break;
    }
    return -1;
}

/* ---- a directory ---- */

static FILE *open_segment(int folder, const struct segment *segment, struct err *err)
{
    char name[SEGMENTS_NAME_MAX];
    segments_name(segment, name);
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
    if (file == NULL) {
        err_set(err, "%s: %s", name, strerrordesc_np(errno));
    }
    return file;
}

/* Whether the segment begins before the point, or with it. */
static bool reaches(int folder, const struct segment *segment, const struct replay_point *from)
{
    FILE *file = from->timed ? open_segment(folder, segment, NULL) : NULL;
    if (!from->timed) {
        return segment->number <= from->segment;
    }
    int64_t started = file == NULL ? -1 : replay_started(file);
    return started >= 0 && started <= from->wall_ms;
}

/* The segment to begin with. */
static int choose_first(int folder, const struct segments *list, const struct replay_point *from,
                        size_t *first, struct err *err)
{
    *first = 0;
    if (!from->given) {
        return 0;
    }
    for (size_t i = list->count; i > 0 && *first == 0; i--) {
        *first = reaches(folder, &list->items[i - 1], from) ? i - 1 : 0;
    }
    const struct segment *found = &list->items[*first];
    if (!from->timed && found->number != from->segment) {
        return err_set(
            err, "--from: segment %" PRIu64 " is not there; there are %" PRIu32 " to %" PRIu32,
            from->segment, list->items[0].number, list->items[list->count - 1].number);
    }
    return 0;
}

static int replay_one(struct replay *replay, int folder, const struct segment *segment,
                      struct err *err)
{
    char name[SEGMENTS_NAME_MAX];
    FILE *file = open_segment(folder, segment, err);
    if (file == NULL) {
        return -1;
    }
    segments_name(segment, name);
    switch (replay_segment(replay, file, segment->number, err)) {
    case REPLAY_SAME:
        return CLI_OK;
    case REPLAY_DIFFERENT:
        return CLI_RUNTIME;
    case REPLAY_NOTHING:
        printf("Segment %" PRIu32 " ends before its first event.\n", segment->number);
        return CLI_OK;
    case REPLAY_FAILED:
        break;
    }
    return err_prefix(err, "%s", name);
}

static int replay_list(struct replay *replay, int folder, const struct segments *list,
                       struct err *err)
{
    size_t at;
    int result = CLI_OK;
    if (list->count == 0) {
        return err_set(err, "there is no segment of a journal in it");
    }
    if (choose_first(folder, list, &replay->from, &at, err) < 0) {
        return -1;
    }
    for (; at < list->count && result == CLI_OK && !replay->left; at++) {
        if (!replay_point_is_before(&replay->until, list->items[at].number, 0, -1)) {
            result = replay_one(replay, folder, &list->items[at], err);
        }
    }
    return result;
}

static int replay_directory(struct replay *replay, const char *path, struct err *err)
{
    struct segments list = {.items = NULL};
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) {
        return err_set(err, "%s", strerrordesc_np(errno));
    }
    int result = segments_list(folder, &list, err);
    if (result == 0) {
        result = replay_list(replay, folder, &list, err);
    }
    segments_finish(&list);
    close(folder);
    return result;
}

/* ---- the command ---- */

static int replay_path(struct replay *replay, const char *path, struct err *err)
{
    int64_t started = clock_ns();
    int result =
        replay->directory ? replay_directory(replay, path, err) : replay_file(replay, path, err);
    if (result >= 0) {
        show_sum(replay, result == CLI_OK, clock_ns() - started);
    }
    return result;
}

int cli_replay(int argc, char **argv)
{
    struct replay_flags flags = {.path = NULL};
    struct replay replay;
    struct stat status;
    struct err err;
    int result = flags_parse(&syntax, argc, argv, &flags);
    if (result != FLAGS_GO) {
        return result;
    }
    replay_init(&replay);
    replay.verbose = flags.verbose;
    replay.directory = stat(flags.path, &status) == 0 && S_ISDIR(status.st_mode);
    const char *wrong = "--from";
    result = replay_point_parse(&replay.from, flags.from, replay.directory, &err);
    if (result == 0) {
        wrong = "--until";
        result = replay_point_parse(&replay.until, flags.until, replay.directory, &err);
    }
    if (result < 0) {
        fprintf(stderr, "phalanx replay: %s %s\n", wrong, err.text);
        result = CLI_USAGE;
    } else {
        result = replay_path(&replay, flags.path, &err);
    }
    if (result < 0) {
        fflush(stdout);
        fprintf(stderr, "phalanx replay: %s: %s\n", flags.path, err.text);
        result = CLI_RUNTIME;
    }
    replay_finish(&replay);
    return result;
}
