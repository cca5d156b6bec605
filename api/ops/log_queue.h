// SPDX-License-Identifier: Apache-2.0
#ifndef API_OPS_LOG_QUEUE_H
#define API_OPS_LOG_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "topology/base/err.h"

/* Lines on their way to a file descriptor whose reader may be slow, or stand still:
 *
 *   any thread ──log_queue_put()──▶ ring of LOG_QUEUE_BYTES ──own thread──▶ write(2)
 *
 * Nobody who logs ever waits for a reader. A line that finds no room is dropped and counted, and
 * once there is room again a line says how many there were.
 */

#define LOG_QUEUE_BYTES (512u << 10)

struct log_queue;

/* Starts the thread; signals must be blocked. `dropped` makes the line that tells of `count` lost
 * ones, in at most `room` bytes, and returns its length. */
int log_queue_create(int fd,
                     size_t (*dropped)(void *context, uint64_t count, char *text, size_t room),
                     void *context, struct log_queue **queue, struct err *err);
/* Waits for what is in the ring to be written, for half a second at most. Takes NULL. */
void log_queue_destroy(struct log_queue *queue);

/* Copies the line. */
void log_queue_put(struct log_queue *queue, const char *line, size_t length);

uint64_t log_queue_dropped(struct log_queue *queue); /* lines, ever */

#endif
