// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_WORLD_THREADS_H
#define TEST_WORLD_THREADS_H

#include <stdbool.h>
#include <stdint.h>

/* The thread of a Phalanx runs only while the world waits for it, and the clocks show what the
 * world wants. The program is linked with --wrap=pthread_create and --wrap=clock_gettime.
 *
 *   world: thread_resume() ──▶ thread runs … thread_pause() ──▶ thread_resume() returns
 */

struct thread;

/* What the clocks show whoever runs now, nanoseconds. */
struct clocks {
    int64_t monotonic; /* and boot time */
    int64_t wall;
};

/* NULL: the real ones. */
void threads_clocks(const struct clocks *clocks);

/* The thread that is started before the next call belongs to it; it does not run yet. */
struct thread *thread_expect(void);
void thread_resume(struct thread *thread);
/* By the thread itself: waits for thread_resume(), unless it was let go. */
void thread_pause(struct thread *thread);
/* From now on it runs by itself; for whoever is about to wait for its end. */
void thread_let_go(struct thread *thread);
bool thread_is_let_go(const struct thread *thread);
/* It has ended. */
void thread_destroy(struct thread *thread);

#endif
