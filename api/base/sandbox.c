// SPDX-License-Identifier: Apache-2.0
#include "api/base/sandbox.h"

#include <errno.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What is refused is listed, not what is let: the calls of libcurl, GnuTLS and the resolver differ
 * from one Debian to the next, and a list of what is let would break with one of them. The image
 * and the pod do the rest: RuntimeDefault, no capabilities, a read-only root
 * (manifests/deployment.yaml).
 *
 * clone3 hides its flags behind a pointer; with ENOSYS glibc makes its threads with clone.
 */

static const int ending[] = {
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
};

static const int refused[] = {
    /* other processes, and more of this one */
    SCMP_SYS(fork), SCMP_SYS(vfork), SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev), SCMP_SYS(process_madvise), SCMP_SYS(pidfd_getfd), SCMP_SYS(kcmp),
    SCMP_SYS(personality), SCMP_SYS(userfaultfd),
    /* somebody else */
    SCMP_SYS(setuid), SCMP_SYS(setgid), SCMP_SYS(setreuid), SCMP_SYS(setregid), SCMP_SYS(setresuid),
    SCMP_SYS(setresgid), SCMP_SYS(setgroups), SCMP_SYS(setfsuid), SCMP_SYS(setfsgid),
    SCMP_SYS(capset),
    /* somewhere else */
    SCMP_SYS(chroot), SCMP_SYS(pivot_root), SCMP_SYS(unshare), SCMP_SYS(setns), SCMP_SYS(mount),
    SCMP_SYS(umount2), SCMP_SYS(open_tree), SCMP_SYS(move_mount), SCMP_SYS(fsopen),
    SCMP_SYS(fsconfig), SCMP_SYS(fsmount), SCMP_SYS(fspick), SCMP_SYS(mount_setattr),
    SCMP_SYS(open_by_handle_at), SCMP_SYS(name_to_handle_at),
    /* the machine */
    SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(delete_module), SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load), SCMP_SYS(reboot), SCMP_SYS(swapon), SCMP_SYS(swapoff),
    SCMP_SYS(sethostname), SCMP_SYS(setdomainname), SCMP_SYS(settimeofday), SCMP_SYS(clock_settime),
    SCMP_SYS(clock_adjtime), SCMP_SYS(adjtimex), SCMP_SYS(iopl), SCMP_SYS(ioperm), SCMP_SYS(acct),
    SCMP_SYS(quotactl), SCMP_SYS(syslog), SCMP_SYS(bpf), SCMP_SYS(perf_event_open),
    SCMP_SYS(fanotify_init), SCMP_SYS(lookup_dcookie),
    /* large ways into the kernel that nothing here takes */
    SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register),
    SCMP_SYS(add_key), SCMP_SYS(request_key), SCMP_SYS(keyctl), SCMP_SYS(vmsplice),
    SCMP_SYS(modify_ldt), SCMP_SYS(mknod), SCMP_SYS(mknodat)};

/* Sockets of AF_UNIX (1), AF_INET (2), AF_INET6 (10), and AF_NETLINK (16) for getaddrinfo(). */
static int limit_sockets(scmp_filter_ctx filter)
{
    static const int between[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
    int result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1,
                                  SCMP_A0(SCMP_CMP_GT, AF_NETLINK));
    for (size_t i = 0; i + 1 < sizeof between / sizeof between[0]; i++) {
        for (int family = between[i] + 1; result == 0 && family < between[i + 1]; family++) {
            result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1,
                                      SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)family));
        }
    }
    return result;
}

static int fill(scmp_filter_ctx filter)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < sizeof ending / sizeof ending[0]; i++) {
        result = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, ending[i], 0);
    }
    for (size_t i = 0; result == 0 && i < sizeof refused / sizeof refused[0]; i++) {
        result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), refused[i], 0);
    }
    if (result == 0) {
        result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    }
    if (result == 0) {
        result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                                  SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
    }
    return result == 0 ? limit_sockets(filter) : result;
}

static int filter_calls(struct err *err)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int result = filter == NULL ? -ENOMEM : fill(filter);
    if (result == 0) {
        result = seccomp_load(filter);
    }
    if (filter != NULL) {
        seccomp_release(filter);
    }
    return result == 0 ? 0 : err_set(err, "seccomp: %s", strerrordesc_np(-result));
}

/* Handled and let nowhere. */
static int limit_files(struct err *err)
{
    const struct landlock_ruleset_attr rules = {
        .handled_access_fs = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                             LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SOCK |
                             LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM};
    long ruleset = syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0);
    if (ruleset < 0) {
        return errno == ENOSYS || errno == EOPNOTSUPP || errno == EPERM
                   ? 0 /* not built in, switched off, or refused by the container's own filter */
                   : err_set(err, "landlock: %s", strerrordesc_np(errno));
    }
    long result = syscall(SYS_landlock_restrict_self, (int)ruleset, 0);
    int error = errno;
    (void)close((int)ruleset);
    return result == 0 ? 0 : err_set(err, "landlock: %s", strerrordesc_np(error));
}

int sandbox_enter(struct err *err)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return err_set(err, "no_new_privs: %s", strerrordesc_np(errno));
    }
    return limit_files(err) == 0 ? filter_calls(err) : -1;
}
