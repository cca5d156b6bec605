// SPDX-License-Identifier: Apache-2.0
#include "api/ops/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/base/clock.h"
#include "api/json/out.h"
#include "api/ops/log_queue.h"
#include "api/ops/log_rate.h"
#include "topology/base/alloc.h"
#include "topology/base/utf8.h"

/* A log line is built whole in a buffer on the caller's stack and leaves in one write(2), so
 * threads need no lock and lines never mix.
 *
 *   [ {"ts":"…","level":"info","msg":"…","gang":"a/b"            | reserve ]
 *     └ text only grows while it stays below LINE_BODY_MAX        └ room to close what is open
 *
 * The reserve is what keeps a cut line valid: whatever was being written, the closing quote, the
 * mark "cut" and the brace always fit behind it. A character is written whole or not at all. Bytes
 * that are no UTF-8 become U+FFFD, control characters are escaped in both formats: a pod's name can
 * neither break the JSON nor forge a line.
 *
 * Who reads may stop reading, and then write(2) blocks: a daemon has its lines queued.
 */

#define LINE_RESERVE  32
#define LINE_BODY_MAX (LOG_LINE_MAX - LINE_RESERVE)

struct log {
    int fd;
    enum log_level level;
    enum log_format format;
    struct log_queue *queue; /* NULL: lines are written at once, all of them */
    pthread_mutex_t mutex;   /* of the rate */
    struct log_rate rate;
};

struct line {
    size_t length;
    bool cut; /* nothing more is taken */
    char text[LOG_LINE_MAX];
};

const char *const log_levels[] = {"debug", "info", "warning", "error", NULL};
const char *const log_formats[] = {"json", "text", NULL};
static const char *const level_marks[] = {"DEBUG", "INFO ", "WARN ", "ERROR"};

struct log *log_create(int fd, enum log_level level, enum log_format format)
{
    struct log *log = alloc_zero(1, sizeof *log);
    log->fd = fd;
    log->level = level;
    log->format = format;
    pthread_mutex_init(&log->mutex, NULL);
    return log;
}

void log_destroy(struct log *log)
{
    if (log != NULL) {
        log_queue_destroy(log->queue);
        pthread_mutex_destroy(&log->mutex);
        free(log);
    }
}

bool log_enabled(const struct log *log, enum log_level level)
{
    return level >= log->level;
}

static bool line_add(struct line *line, const char *bytes, size_t count)
{
    if (line->cut || line->length + count > LINE_BODY_MAX) {
        line->cut = true;
        return false;
    }
    memcpy(line->text + line->length, bytes, count);
    line->length += count;
    return true;
}

static bool line_add_text(struct line *line, const char *text)
{
    return line_add(line, text, strlen(text));
}

/* For the end of the line: may use the reserve. */
static void line_close(struct line *line, const char *text)
{
    size_t count = strlen(text);
    memcpy(line->text + line->length, text, count);
    line->length += count;
}

/* Writes one character, escaped as in JSON; quotes and backslashes only where `quotes` are around
 * it. Returns the bytes it took from `text`. */
static size_t line_add_character(struct line *line, const char *text, bool quotes)
{
    static const char delete[] = "\\u007f"; /* JSON takes it as it is, a terminal does not */
    char escape[JSON_ESCAPE_MAX];
    bool plain = !quotes && (text[0] == '"' || text[0] == '\\');
    size_t escaped = plain ? 0 : json_escape((unsigned char)text[0], escape);
    if (escaped > 0) {
        line_add(line, escape, escaped);
        return 1;
    }
    size_t length = utf8_character(text, strnlen(text, 4));
    if (length == 0 || text[0] == 0x7f) {
        line_add_text(line, length == 0 ? UTF8_REPLACEMENT : delete);
        return 1;
    }
    if (length == 2 && (unsigned char)text[0] == 0xc2 && (unsigned char)text[1] < 0xa0) {
        char control[8]; /* U+0080 … U+009F: a terminal obeys some of these, too */
        (void)snprintf(control, sizeof control, "\\u%04x", (unsigned char)text[1]);
        line_add_text(line, control);
        return length;
    }
    line_add(line, text, length);
    return length;
}

static void line_add_escaped(struct line *line, const char *text, bool quotes)
{
    while (*text != '\0' && !line->cut) {
        text += line_add_character(line, text, quotes);
    }
}

static void line_add_time(struct line *line)
{
    char text[CLOCK_TEXT_MAX];
    (void)clock_text(clock_wall_ns(), 3, text);
    line_add_text(line, text);
}

/* A JSON string as a whole; when the line ends inside it, the quote comes out of the reserve. */
static void line_add_string(struct line *line, const char *text)
{
    if (!line_add_text(line, "\"")) {
        return;
    }
    line_add_escaped(line, text, true);
    line_close(line, "\"");
}

static void line_begin(struct line *line, const struct log *log, enum log_level level,
                       const char *message)
{
    line->length = 0;
    line->cut = false;
    if (log->format == LOG_JSON) {
        line_add_text(line, "{\"ts\":\"");
        line_add_time(line);
        line_add_text(line, "\",\"level\":\"");
        line_add_text(line, log_levels[level]);
        line_add_text(line, "\",\"msg\":");
        line_add_string(line, message);
    } else {
        line_add_time(line);
        line_add_text(line, " ");
        line_add_text(line, level_marks[level]);
        line_add_text(line, " ");
        line_add_escaped(line, message, false);
    }
}

/* Whether a value of a text line needs quotes to be told from its neighbours. */
static bool wants_quotes(const char *text)
{
    return *text == '\0' || strpbrk(text, " \"=\\\t\r\n") != NULL;
}

/* A key is cut with its whole field: half a key would be another key. */
static void line_add_json_field(struct line *line, const struct log_field *field,
                                const char *number)
{
    size_t before = line->length;
    line_add_text(line, ",\"");
    line_add_escaped(line, field->key, true);
    line_add_text(line, field->text == NULL ? "\":" : "\":\"");
    if (field->text == NULL) {
        line_add_text(line, number);
    }
    if (line->cut) {
        line->length = before;
    } else if (field->text != NULL) {
        line_add_escaped(line, field->text, true);
        line_close(line, "\"");
    }
}

static void line_add_field(struct line *line, const struct log *log, const struct log_field *field)
{
    char number[24];
    snprintf(number, sizeof number, "%lld", (long long)field->integer);
    if (log->format == LOG_JSON) {
        line_add_json_field(line, field, number);
        return;
    }
    line_add_text(line, " ");
    line_add_escaped(line, field->key, false);
    line_add_text(line, "=");
    if (field->text == NULL) {
        line_add_text(line, number);
    } else if (wants_quotes(field->text)) {
        line_add_string(line, field->text);
    } else {
        line_add_escaped(line, field->text, false);
    }
}

static void line_finish(struct line *line, const struct log *log)
{
    if (log->format == LOG_JSON) {
        line_close(line, line->cut ? ",\"cut\":true}\n" : "}\n");
    } else {
        line_close(line, line->cut ? " (cut)\n" : "\n");
    }
}

static void line_end(struct line *line, const struct log *log)
{
    size_t done = 0;
    line_finish(line, log);
    if (log->queue != NULL) {
        log_queue_put(log->queue, line->text, line->length);
        return;
    }
    while (done < line->length) {
        ssize_t count = write(log->fd, line->text + done, line->length - done);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return;
        }
        done += (size_t)count;
    }
}

/* A line that tells how many others there are not. */
static void line_count(struct line *line, const struct log *log, const char *message,
                       const char *like, uint64_t count)
{
    const struct log_field fields[] = {{"count", NULL, (int64_t)count}, {"like", like, 0}};
    line_begin(line, log, LOG_WARNING, message);
    line_add_field(line, log, &fields[0]);
    if (like != NULL) {
        line_add_field(line, log, &fields[1]);
    }
}

static size_t tell_dropped(void *context, uint64_t count, char *text, size_t room)
{
    struct line line;
    line_count(&line, context, "lines of the log were dropped: nobody reads it fast enough", NULL,
               count);
    line_finish(&line, context);
    err_require(line.length <= room);
    memcpy(text, line.text, line.length);
    return line.length;
}

int log_queue_lines(struct log *log, struct err *err)
{
    return log_queue_create(log->fd, tell_dropped, log, &log->queue, err);
}

void log_figures(struct log *log, struct log_figures *figures)
{
    pthread_mutex_lock(&log->mutex);
    figures->left_out = log->rate.left_out;
    pthread_mutex_unlock(&log->mutex);
    figures->dropped = log->queue == NULL ? 0 : log_queue_dropped(log->queue);
}

/* Whether the line is to be written at all. */
static bool allowed(struct log *log, enum log_level level, const char *message)
{
    uint32_t left_out = 0;
    if (!log_enabled(log, level)) {
        return false;
    }
    if (log->queue == NULL) {
        return true;
    }
    pthread_mutex_lock(&log->mutex);
    bool allows = log_rate_allows(&log->rate, (int)level, message, clock_ms(), &left_out);
    pthread_mutex_unlock(&log->mutex);
    if (left_out > 0) {
        struct line line;
        line_count(&line, log, "lines like this came too often and were left out", message,
                   left_out);
        line_end(&line, log);
    }
    return allows;
}

void log_write(struct log *log, enum log_level level, const char *message,
               const struct log_field *fields)
{
    if (!allowed(log, level, message)) {
        return;
    }
    struct line line;
    line_begin(&line, log, level, message);
    for (; fields != NULL && fields->key != NULL && !line.cut; fields++) {
        line_add_field(&line, log, fields);
    }
    line_end(&line, log);
}

void log_text(struct log *log, enum log_level level, const char *message, ...)
{
    if (!allowed(log, level, message)) {
        return;
    }
    struct line line;
    line_begin(&line, log, level, message);
    va_list pairs;
    va_start(pairs, message);
    const char *key;
    while (!line.cut && (key = va_arg(pairs, const char *)) != NULL) {
        struct log_field field = {.key = key, .text = va_arg(pairs, const char *)};
        if (field.text == NULL) {
            break;
        }
        line_add_field(&line, log, &field);
    }
    va_end(pairs);
    line_end(&line, log);
}
