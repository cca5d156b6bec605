// SPDX-License-Identifier: Apache-2.0
#include "api/base/sandbox.h"

#include <errno.h>
#include <linux/landlock.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/unit/check_main.h"

/* Each attempt is made by a child of its own, before it enters and after. */

static int failure(long result)
{
    return result < 0 ? errno : 0;
}

static int try_fork(void)
{
    pid_t child = fork();
    if (child == 0) {
        _exit(0);
    }
    return failure(child);
}

static int try_packet(void)
{
    return failure(socket(17, SOCK_RAW, 0)); /* AF_PACKET */
}

static int try_vsock(void)
{
    return failure(socket(40, SOCK_STREAM, 0)); /* AF_VSOCK: above all that is let */
}

static int try_ptrace(void)
{
    return failure(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int try_unshare(void)
{
    return failure(syscall(SYS_unshare, 0));
}

static int try_uring(void)
{
    return failure(syscall(SYS_io_uring_setup, 0, NULL)); /* EINVAL or EFAULT before */
}

static int try_setuid(void)
{
    return failure(setuid(getuid()));
}

static int try_memory(void)
{
    return failure(syscall(SYS_process_vm_readv, getpid(), NULL, 0, NULL, 0, 0));
}

static int try_bpf(void)
{
    return failure(syscall(SYS_bpf, 0, NULL, 0));
}

static const struct {
    int (*attempt)(void);
    int before; /* what it comes to outside; -1: it depends on who we are */
} attempts[] = {
    {try_fork, 0},   {try_packet, -1}, {try_vsock, -1}, {try_ptrace, 0}, {try_unshare, 0},
    {try_uring, -1}, {try_setuid, 0},  {try_memory, 0}, {try_bpf, -1},
};
#define ATTEMPTS (int)(sizeof attempts / sizeof attempts[0])

/* The status of a child that does something. */
static int child(int (*act)(int argument), int argument)
{
    int status = 0;
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        _exit(act(argument));
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return status;
}

static int outside(int i)
{
    return attempts[i].attempt();
}

static int inside(int i)
{
    return sandbox_enter(NULL) == 0 ? attempts[i].attempt() : 255;
}

START_TEST(what_is_never_needed_is_refused)
{
    if (attempts[_i].before >= 0) {
        ck_assert_int_eq(WEXITSTATUS(child(outside, _i)), attempts[_i].before);
    }
    int status = child(inside, _i);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), EPERM);
}
END_TEST

static int run(int enters)
{
    char program[] = "/bin/true";
    char *const arguments[] = {program, NULL};
    if (enters != 0 && sandbox_enter(NULL) != 0) {
        return 255;
    }
    (void)execv(arguments[0], arguments);
    return 1;
}

START_TEST(running_a_program_ends_it)
{
    int status = child(run, 0);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    status = child(run, 1);
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), SIGSYS);
}
END_TEST

static void *think(void *context)
{
    *(int *)context = failure(socket(AF_INET6, SOCK_STREAM, 0) < 0 ? -1 : 0) == EPERM ? 1 : 42;
    return NULL;
}

/* A daemon goes on: threads, sockets, files. */
static int live(int unused)
{
    pthread_t thread;
    int thought = 0;
    char path[] = "/tmp/phalanx-sandbox-XXXXXX";
    (void)unused;
    if (sandbox_enter(NULL) != 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 ||
        pthread_create(&thread, NULL, think, &thought) != 0 || pthread_join(thread, NULL) != 0) {
        return 1;
    }
    int fd = mkstemp(path);
    bool good = fd >= 0 && write(fd, "x", 1) == 1 && unlink(path) == 0;
    good = good && socket(AF_INET, SOCK_STREAM, 0) >= 0 && socket(AF_UNIX, SOCK_STREAM, 0) >= 0 &&
           socket(AF_NETLINK, SOCK_RAW, 0) >= 0;
    return good && thought == 42 ? 0 : 2;
}

START_TEST(what_is_needed_is_let)
{
    int status = child(live, 0);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

static int make_fifo(int enters)
{
    char path[] = "/tmp/phalanx-sandbox-XXXXXX";
    if (mkdtemp(path) == NULL || (enters != 0 && sandbox_enter(NULL) != 0)) {
        return 255;
    }
    char name[64];
    (void)snprintf(name, sizeof name, "%s/link", path);
    int error = failure(symlink("/", name));
    (void)unlink(name);
    (void)rmdir(path);
    return error;
}

START_TEST(where_there_is_landlock_nothing_odd_is_made)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    ck_assert_int_eq(WEXITSTATUS(child(make_fifo, 0)), 0);
    ck_assert_int_eq(WEXITSTATUS(child(make_fifo, 1)), version > 0 ? EACCES : 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api/base/sandbox");
    TCase *tests = tcase_create("sandbox");
    tcase_add_loop_test(tests, what_is_never_needed_is_refused, 0, ATTEMPTS);
    tcase_add_test(tests, running_a_program_ends_it);
    tcase_add_test(tests, what_is_needed_is_let);
    tcase_add_test(tests, where_there_is_landlock_nothing_odd_is_made);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
