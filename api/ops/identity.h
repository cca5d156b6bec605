// SPDX-License-Identifier: Apache-2.0
#ifndef API_OPS_IDENTITY_H
#define API_OPS_IDENTITY_H

#include <stddef.h>
#include <stdint.h>

/* The name under which this process holds a Lease: "<host>_<16 hexadecimal digits>".
 *
 * The digits stand for this boot of this machine, this network namespace, and the address and port
 * that the process listens on. So no two processes can have one name at the same time, because no
 * two can listen there; and a process that comes back after a crash (in its pod, a container that
 * was restarted) has its name again and need not wait for its own lease to run out. Call it when
 * the socket is open, and do not hold the lease longer than the socket.
 *
 * Where the kernel does not tell boot or namespace, the digits are random: then nothing is shared,
 * and a restart waits.
 *
 * `address` and `port` are those that are listened on. `identity` gets at most `size` bytes. */
void identity_make(char *identity, size_t size, const char *address, uint16_t port);

#endif
