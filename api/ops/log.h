// SPDX-License-Identifier: Apache-2.0
#ifndef API_OPS_LOG_H
#define API_OPS_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "topology/base/err.h"

/* Log lines to one file descriptor: one JSON object per line ({"ts":…,"level":…,"msg":…, fields}),
 * or text for people. Thread-safe: a line is one write(2). Lines are cut at LOG_LINE_MAX. Secrets
 * and whole bodies are never logged; that is the callers' duty. A process that must not wait for
 * whoever reads its log calls log_queue_lines().
 */

#define LOG_LINE_MAX 8192

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };
enum log_format { LOG_JSON, LOG_TEXT };

/* Their words, in their order; NULL ends. */
extern const char *const log_levels[];
extern const char *const log_formats[];

struct log;

struct log *log_create(int fd, enum log_level level, enum log_format format);
void log_destroy(struct log *log);

/* From now on lines go through a queue that never blocks (log_queue.h), and lines that come too
 * often are left out (log_rate.h). Signals must be blocked. */
int log_queue_lines(struct log *log, struct err *err);

struct log_figures {
    uint64_t dropped;  /* lines for which the queue had no room */
    uint64_t left_out; /* lines that came too often */
};
void log_figures(struct log *log, struct log_figures *figures);

bool log_enabled(const struct log *log, enum log_level level);

/* A field of a line; `text` NULL: the integer counts. */
struct log_field {
    const char *key;
    const char *text;
    int64_t integer;
};

/* Writes one line. `fields` ends with a field whose key is NULL; may be NULL. */
void log_write(struct log *log, enum log_level level, const char *message,
               const struct log_field *fields);

/* log_text(log, LOG_INFO, "listening", "address", "127.0.0.1", "gang", "ns/x", NULL): pairs of
 * strings, ended by NULL; a value that is NULL ends them too. */
void log_text(struct log *log, enum log_level level, const char *message, ...)
    __attribute__((sentinel));

#endif
