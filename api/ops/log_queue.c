// SPDX-License-Identifier: Apache-2.0
#include "api/ops/log_queue.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "topology/base/alloc.h"

/* A ring of bytes under a mutex that is held for a copy and never for a write.
 *
 *        tail ─┐          ┌─ head          used = head - tail, counted without wrapping
 *   [ ....... [####lines###] ......... ]
 *
 * The thread takes at most PIPE_BUF bytes at once, and only after poll(2) has said that there is
 * room for them: so it does not block in write(2) either, unless somebody else writes to the same
 * pipe. If it does, log_queue_destroy() leaves it behind, with the queue: the process is about to
 * end. Should it get any further, it finds nothing to write, and of the log, which is gone, nothing
 * to ask.
 */

#define END_GRACE_MS 500
#define POLL_MS      100

struct log_queue {
    int fd;
    size_t (*tell)(void *context, uint64_t count, char *text, size_t room);
    void *context;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t filled;
    uint64_t head, tail;
    uint64_t dropped, told;
    bool ending;
    bool broken; /* the descriptor takes nothing any more */
    char ring[LOG_QUEUE_BYTES];
};

static void append(struct log_queue *queue, const char *bytes, size_t length)
{
    size_t at = queue->head % LOG_QUEUE_BYTES;
    size_t first = length < LOG_QUEUE_BYTES - at ? length : LOG_QUEUE_BYTES - at;
    memcpy(queue->ring + at, bytes, first);
    memcpy(queue->ring, bytes + first, length - first);
    queue->head += length;
}

static size_t room(const struct log_queue *queue)
{
    return LOG_QUEUE_BYTES - (size_t)(queue->head - queue->tail);
}

void log_queue_put(struct log_queue *queue, const char *line, size_t length)
{
    pthread_mutex_lock(&queue->mutex);
    if (length <= room(queue) && !queue->broken) {
        append(queue, line, length);
        pthread_cond_signal(&queue->filled);
    } else {
        queue->dropped++;
    }
    pthread_mutex_unlock(&queue->mutex);
}

uint64_t log_queue_dropped(struct log_queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    uint64_t dropped = queue->dropped;
    pthread_mutex_unlock(&queue->mutex);
    return dropped;
}

/* Waits for something to write; 0 at the end. */
static size_t take(struct log_queue *queue, char *bytes, size_t most)
{
    pthread_mutex_lock(&queue->mutex);
    while (queue->head == queue->tail && !queue->ending) {
        pthread_cond_wait(&queue->filled, &queue->mutex);
    }
    size_t length = (size_t)(queue->head - queue->tail);
    length = length < most ? length : most;
    size_t at = queue->tail % LOG_QUEUE_BYTES;
    size_t first = length < LOG_QUEUE_BYTES - at ? length : LOG_QUEUE_BYTES - at;
    memcpy(bytes, queue->ring + at, first);
    memcpy(bytes + first, queue->ring, length - first);
    queue->tail += length;
    if (queue->tell != NULL && queue->dropped > queue->told && room(queue) > LOG_QUEUE_BYTES / 2) {
        char text[512];
        size_t told = queue->tell(queue->context, queue->dropped - queue->told, text, sizeof text);
        append(queue, text, told);
        queue->told = queue->dropped;
    }
    pthread_mutex_unlock(&queue->mutex);
    return length;
}

static bool is_ending(struct log_queue *queue)
{
    pthread_mutex_lock(&queue->mutex);
    bool ending = queue->ending;
    pthread_mutex_unlock(&queue->mutex);
    return ending;
}

/* Waits until the descriptor takes bytes; false when it never will. */
static bool writable(struct log_queue *queue)
{
    struct pollfd out = {.fd = queue->fd, .events = POLLOUT};
    for (int waited = 0; !is_ending(queue) || waited < END_GRACE_MS; waited += POLL_MS) {
        int ready = poll(&out, 1, POLL_MS);
        if (ready > 0 || (ready < 0 && errno != EINTR)) {
            return (out.revents & POLLOUT) != 0;
        }
        waited = is_ending(queue) ? waited : 0;
    }
    return false;
}

static bool write_all(struct log_queue *queue, const char *bytes, size_t length)
{
    while (length > 0) {
        if (!writable(queue)) {
            return false;
        }
        ssize_t count = write(queue->fd, bytes, length);
        if (count < 0 && errno != EINTR && errno != EAGAIN && errno != ENOSPC) {
            return false;
        }
        if (count < 0 && errno == ENOSPC) {
            return true; /* these are lost; there may be room for the next */
        }
        bytes += count > 0 ? count : 0;
        length -= count > 0 ? (size_t)count : 0;
    }
    return true;
}

static void *run(void *context)
{
    struct log_queue *queue = context;
    char bytes[PIPE_BUF];
    size_t length;
    while ((length = take(queue, bytes, sizeof bytes)) > 0) {
        if (!write_all(queue, bytes, length)) {
            pthread_mutex_lock(&queue->mutex);
            queue->broken = true;
            queue->tail = queue->head;
            pthread_mutex_unlock(&queue->mutex);
        }
    }
    return NULL;
}

int log_queue_create(int fd,
                     size_t (*dropped)(void *context, uint64_t count, char *text, size_t room),
                     void *context, struct log_queue **queue, struct err *err)
{
    struct log_queue *created = alloc_zero(1, sizeof *created);
    created->fd = fd;
    created->tell = dropped;
    created->context = context;
    pthread_mutex_init(&created->mutex, NULL);
    pthread_cond_init(&created->filled, NULL);
    int failed = pthread_create(&created->thread, NULL, run, created);
    if (failed != 0) {
        free(created);
        return err_set(err, "log: pthread_create: %s", strerror(failed));
    }
    *queue = created;
    return 0;
}

void log_queue_destroy(struct log_queue *queue)
{
    struct timespec end;
    if (queue == NULL) {
        return;
    }
    pthread_mutex_lock(&queue->mutex);
    queue->ending = true;
    pthread_cond_signal(&queue->filled);
    pthread_mutex_unlock(&queue->mutex);
    (void)clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 2 + END_GRACE_MS / 1000;
    if (pthread_timedjoin_np(queue->thread, NULL, &end) != 0) {
        pthread_mutex_lock(&queue->mutex);
        queue->tell = NULL;
        queue->tail = queue->head;
        pthread_mutex_unlock(&queue->mutex);
        pthread_detach(queue->thread);
        return;
    }
    pthread_cond_destroy(&queue->filled);
    pthread_mutex_destroy(&queue->mutex);
    free(queue);
}
