// SPDX-License-Identifier: Apache-2.0
#include "test/world/threads.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <time.h>

#include "topology/base/alloc.h"

/* Two semaphores pass the right to run back and forth. Nothing is shared at the same time, so
 * nothing needs a lock, and a run depends on the seed alone.
 */

struct thread {
    sem_t go;
    sem_t back;
    bool let_go;
    void *(*run)(void *context);
    void *context;
};

static struct thread *expected;
static const struct clocks *shown;

/* The names are the linker's. NOLINTBEGIN(bugprone-reserved-identifier) */
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*run)(void *context), void *context);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*run)(void *context), void *context);
int __real_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time);
/* NOLINTEND(bugprone-reserved-identifier) */

int __wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
    if (shown == NULL) {
        return __real_clock_gettime(clock, time);
    }
    int64_t now = clock == CLOCK_REALTIME ? shown->wall : shown->monotonic;
    time->tv_sec = now / 1000000000;
    time->tv_nsec = now % 1000000000;
    return 0;
}

void threads_clocks(const struct clocks *clocks)
{
    shown = clocks;
}

static void wait_for(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0) {
    }
}

static void *begin(void *context)
{
    struct thread *thread = context;
    wait_for(&thread->go);
    return thread->run(thread->context);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*run)(void *context), void *context)
{
    struct thread *ours = expected;
    if (ours == NULL) {
        return __real_pthread_create(thread, attributes, run, context);
    }
    expected = NULL;
    ours->run = run;
    ours->context = context;
    return __real_pthread_create(thread, attributes, begin, ours);
}

struct thread *thread_expect(void)
{
    struct thread *thread = alloc_zero(1, sizeof(*thread));
    (void)sem_init(&thread->go, 0, 0);
    (void)sem_init(&thread->back, 0, 0);
    expected = thread;
    return thread;
}

void thread_resume(struct thread *thread)
{
    (void)sem_post(&thread->go);
    wait_for(&thread->back);
}

void thread_pause(struct thread *thread)
{
    if (!thread->let_go) {
        (void)sem_post(&thread->back);
        wait_for(&thread->go);
    }
}

void thread_let_go(struct thread *thread)
{
    thread->let_go = true;
    (void)sem_post(&thread->go);
}

bool thread_is_let_go(const struct thread *thread)
{
    return thread->let_go;
}

void thread_destroy(struct thread *thread)
{
    (void)sem_destroy(&thread->go);
    (void)sem_destroy(&thread->back);
    free(thread);
}
