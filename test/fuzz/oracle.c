// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

/* The oracle of time: an input that takes more processor time than its size allows is a finding,
 * as one that crashes. Linked around every target (--wrap=LLVMFuzzerTestOneInput), so that none of
 * them has to think of it. Processor time, not the clock's: the fuzzers run at idle priority, and
 * may wait for minutes in the middle of an input.
 *
 * The limit is for instrumented code; PHALANX_FUZZ_MS sets another base.
 */

#define BASE_MS         1000
#define PER_KILOBYTE_MS 20
#define LOOK_MS         500 /* at inputs that do not come back */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* What the linker's --wrap makes of it. */
int real_target(const uint8_t *data, size_t size) __asm__("__real_LLVMFuzzerTestOneInput");
int wrapped_target(const uint8_t *data, size_t size) __asm__("__wrap_LLVMFuzzerTestOneInput");

/* Of the input that runs, for the signal handler; `limit` is 0 between inputs. */
static volatile int64_t started, limit;

static int64_t used_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* libFuzzer's handler of SIGABRT keeps the input and prints where it was. */
static void look(int signal)
{
    (void)signal;
    if (limit > 0 && used_ms() - started > limit) {
        fputs("takes too long\n", stderr);
        abort();
    }
}

static int64_t base_ms(void)
{
    static int64_t base;
    if (base == 0) {
        const char *given = getenv("PHALANX_FUZZ_MS");
        const struct sigaction action = {.sa_handler = look, .sa_flags = SA_RESTART};
        const struct timeval interval = {.tv_usec = LOOK_MS * 1000};
        const struct itimerval timer = {.it_interval = interval, .it_value = interval};
        base = given == NULL ? BASE_MS : strtoll(given, NULL, 10);
        sigaction(SIGPROF, &action, NULL);
        setitimer(ITIMER_PROF, &timer, NULL);
    }
    return base;
}

int wrapped_target(const uint8_t *data, size_t size)
{
    int64_t allowed = base_ms() + (int64_t)size * PER_KILOBYTE_MS / 1024;
    started = used_ms();
    limit = allowed;
    int result = real_target(data, size);
    limit = 0;
    int64_t used = used_ms() - started;
    if (used > allowed) {
        fprintf(stderr, "%lld ms for %zu bytes, more than %lld ms\n", (long long)used, size,
                (long long)allowed);
        abort();
    }
    return result;
}
