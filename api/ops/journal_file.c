// SPDX-License-Identifier: Apache-2.0
#include "api/ops/journal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "api/base/clock.h"
#include "topology/base/alloc.h"
#include "topology/base/utf8.h"

/* Two buffers and a lock: the core thread appends to `waiting`, the writing thread swaps it for its
 * own empty one and writes without the lock. It waits JOURNAL_FILE_DELAY_MS after the first byte,
 * so that a burst of calls is one write and one wake-up.
 *
 *   recording ──bound, buffer full, record too large──▶ ended: the last record says why
 *       └──────────write fails──────────────────────▶ failed: the file ends somewhere
 *
 * Neither state is ever left again, and neither stops the daemon. `recording` and `failed` are
 * under the lock; the journal itself belongs to the core thread.
 */

#define END_ROOM    512 /* for the record that says why there are no more */
#define WAIT_END_S  5
#define WRITE_AT    (256u << 10) /* so many bytes are written at once, without waiting for more */
#define WRITE_PIECE (1u << 20)

struct buffer {
    uint8_t *bytes;
    size_t count;
    size_t room;
};

struct journal_file {
    int fd;
    char *path;
    struct log *log;
    struct journal *journal; /* core thread … */
    uint64_t most;
    size_t buffer;
    uint64_t steps;
    uint64_t bytes; /* handed to the writing thread */
    pthread_t thread;
    pthread_mutex_t lock; /* … everything below */
    pthread_cond_t changed;
    struct buffer waiting;
    bool recording;
    bool failed;
    bool finish;
};

/* ---- the writing thread ---- */

static int write_all(int fd, const uint8_t *bytes, size_t count)
{
    while (count > 0) {
        ssize_t done = write(fd, bytes, count < WRITE_PIECE ? count : WRITE_PIECE);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return -1;
        }
        bytes += done;
        count -= (size_t)done;
    }
    return 0;
}

static void wait_for_bytes(struct journal_file *file)
{
    struct timespec until;
    while (file->waiting.count == 0 && !file->finish) {
        pthread_cond_wait(&file->changed, &file->lock);
    }
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += JOURNAL_FILE_DELAY_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    int result = 0;
    while (file->waiting.count < WRITE_AT && !file->finish && result != ETIMEDOUT) {
        result = pthread_cond_timedwait(&file->changed, &file->lock, &until);
    }
}

static void give_up(struct journal_file *file, int error)
{
    if (file->log != NULL) {
        log_text(file->log, LOG_ERROR, "the journal cannot be written and ends", "file", file->path,
                 "error", strerrordesc_np(error), NULL);
    }
    file->recording = false;
    file->failed = true;
    file->waiting.count = 0;
}

static void *run(void *context)
{
    struct journal_file *file = context;
    struct buffer writing = {NULL, 0, 0};
    pthread_mutex_lock(&file->lock);
    while (!file->failed) {
        wait_for_bytes(file);
        if (file->waiting.count == 0) {
            break; /* finished */
        }
        struct buffer empty = writing;
        writing = file->waiting;
        empty.count = 0;
        file->waiting = empty;
        pthread_mutex_unlock(&file->lock);
        int error = write_all(file->fd, writing.bytes, writing.count) < 0 ? errno : 0;
        pthread_mutex_lock(&file->lock);
        if (error != 0) {
            give_up(file, error);
        }
    }
    pthread_mutex_unlock(&file->lock);
    free(writing.bytes);
    return NULL;
}

/* ---- the core thread ---- */

/* Hands what the journal has to the writing thread; false when there is no room for it. */
static bool hand_over(struct journal_file *file, size_t most)
{
    size_t count;
    const uint8_t *bytes = journal_bytes(file->journal, &count);
    struct buffer *waiting = &file->waiting;
    pthread_mutex_lock(&file->lock);
    bool fits = count <= most - waiting->count;
    if (fits && !file->failed) {
        bool wake = waiting->count == 0 ||
                    (waiting->count < WRITE_AT && waiting->count + count >= WRITE_AT);
        waiting->bytes = alloc_grow(waiting->bytes, &waiting->room, waiting->count + count, 1);
        memcpy(waiting->bytes + waiting->count, bytes, count);
        waiting->count += count;
        file->bytes += count;
        if (wake) {
            pthread_cond_signal(&file->changed);
        }
    }
    pthread_mutex_unlock(&file->lock);
    journal_clear(file->journal);
    return fits;
}

/* Ends the journal with a record that says why. */
static void end(struct journal_file *file, enum log_level level, const char *why)
{
    journal_clear(file->journal);
    journal_end(file->journal, why);
    (void)hand_over(file, file->buffer + END_ROOM);
    pthread_mutex_lock(&file->lock);
    file->recording = false;
    pthread_mutex_unlock(&file->lock);
    log_text(file->log, level, "the journal ends", "file", file->path, "reason", why, NULL);
}

static bool is_recording(struct journal_file *file)
{
    pthread_mutex_lock(&file->lock);
    bool recording = file->recording;
    pthread_mutex_unlock(&file->lock);
    return recording;
}

void journal_file_step(struct journal_file *file, const struct engine *engine,
                       const struct event *event, const struct effects *effects)
{
    struct err err;
    char why[END_ROOM / 4];
    size_t count;
    if (!is_recording(file)) {
        return;
    }
    if (journal_step(file->journal, engine, event, effects, &err) < 0) {
        utf8_print(why, sizeof why, "a record cannot be written: %.80s", err.text);
        end(file, LOG_WARNING, why);
        return;
    }
    (void)journal_bytes(file->journal, &count);
    if (count > file->most - END_ROOM - file->bytes) {
        utf8_print(why, sizeof why, "its limit of %" PRIu64 " bytes is reached", file->most);
        end(file, LOG_WARNING, why);
    } else if (!hand_over(file, file->buffer)) {
        end(file, LOG_WARNING, "the disk does not keep up");
    } else {
        file->steps++;
    }
}

void journal_file_status(struct journal_file *file, struct journal_file_status *status)
{
    *status = (struct journal_file_status){
        .recording = is_recording(file), .steps = file->steps, .bytes = file->bytes};
}

/* ---- beginning and end ---- */

/* The journal of a process that crashed is worth more than that of the one that came after. */
static int keep_old(const char *path, struct err *err)
{
    struct stat status;
    char old[PATH_MAX];
    if (stat(path, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size == 0) {
        return 0;
    }
    if ((size_t)snprintf(old, sizeof old, "%s.1", path) >= sizeof old) {
        return err_set(err, "%s: the path is too long", path);
    }
    return rename(path, old) == 0 ? 0 : err_set(err, "%s: %s", old, strerrordesc_np(errno));
}

static void release(struct journal_file *file)
{
    pthread_cond_destroy(&file->changed);
    pthread_mutex_destroy(&file->lock);
    journal_destroy(file->journal);
    close(file->fd);
    free(file->waiting.bytes);
    free(file->path);
    free(file);
}

static struct journal_file *prepare(const struct journal_file_options *options, int fd)
{
    struct journal_file *file = alloc_zero(1, sizeof *file);
    pthread_condattr_t attributes;
    file->fd = fd;
    file->path = alloc_string(options->path);
    file->log = options->log;
    file->most = (uint64_t)options->most;
    file->buffer = options->buffer == 0 ? JOURNAL_FILE_BUFFER : options->buffer;
    file->journal = journal_create(options->engine->hash_seed);
    file->recording = true;
    err_require(pthread_mutex_init(&file->lock, NULL) == 0 &&
                pthread_condattr_init(&attributes) == 0 &&
                pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
                pthread_cond_init(&file->changed, &attributes) == 0);
    pthread_condattr_destroy(&attributes);
    return file;
}

int journal_file_create(const struct journal_file_options *options, struct journal_file **file,
                        struct err *err)
{
    err_require(options->most >= JOURNAL_FILE_LEAST && options->most <= JOURNAL_FILE_MOST);
    if (keep_old(options->path, err) < 0) {
        return -1;
    }
    int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    int fd = open(options->path, flags, 0600);
    if (fd < 0) {
        return err_set(err, "%s: %s", options->path, strerrordesc_np(errno));
    }
    struct journal_file *made = prepare(options, fd);
    journal_begin(made->journal, &(struct journal_header){.options = *options->engine,
                                                          .started = options->started,
                                                          .started_wall = clock_wall_ms(),
                                                          .program = options->program});
    (void)hand_over(made, SIZE_MAX);
    int error = pthread_create(&made->thread, NULL, run, made);
    if (error != 0) {
        release(made);
        return err_set(err, "a thread for the journal: %s", strerrordesc_np(error));
    }
    *file = made;
    return 0;
}

void journal_file_destroy(struct journal_file *file)
{
    struct timespec until;
    if (file == NULL) {
        return;
    }
    if (is_recording(file)) {
        end(file, LOG_INFO, "the daemon stopped");
    }
    pthread_mutex_lock(&file->lock);
    file->finish = true;
    pthread_cond_signal(&file->changed);
    pthread_mutex_unlock(&file->lock);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_END_S;
    if (pthread_timedjoin_np(file->thread, NULL, &until) != 0) {
        /* It hangs in the disk and still looks at what it was given: left behind on purpose. */
        log_text(file->log, LOG_ERROR, "the end of the journal could not be written in time",
                 "file", file->path, NULL);
        pthread_mutex_lock(&file->lock);
        file->log = NULL;
        pthread_mutex_unlock(&file->lock);
        pthread_detach(file->thread);
        return;
    }
    release(file);
}
