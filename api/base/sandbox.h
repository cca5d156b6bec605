// SPDX-License-Identifier: Apache-2.0
#ifndef API_BASE_SANDBOX_H
#define API_BASE_SANDBOX_H

#include "topology/base/err.h"

/* Gives up, for this thread and all it will start, what a daemon that answers and asks over TCP
 * never needs: to become somebody else, run another program, look into other processes, change the
 * machine. To be called before there is another thread. There is no way back.
 *
 *   no_new_privs   no program that is run gains rights
 *   seccomp        no new process or program, no ptrace, mounts, namespaces, modules, keys, BPF,
 *                  io_uring …; sockets of the Internet, of Unix and of the routing table only
 *   landlock       where the kernel has it: nothing can be executed, and nothing made on disk but
 *                  files and folders
 *
 * What is refused fails with EPERM, but for running a program, which ends this process (SIGSYS): it
 * is never a mistake. -1 when the kernel refuses; a kernel without landlock is no error. */
int sandbox_enter(struct err *err);

#endif
