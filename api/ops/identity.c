// SPDX-License-Identifier: Apache-2.0
#include "api/ops/identity.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "topology/base/err.h"

/* client-go takes the host's name and a random number, and so every restart of a leader costs its
 * cluster one lease duration without a leader. The host's name alone would do in a Deployment,
 * whose pods have names of their own, but not with spec.hostname, hostNetwork or two daemons on one
 * machine.
 */

#define HOST_MAX 64
#define FACT_MAX 128

static uint64_t add(uint64_t hash, const char *text)
{
    for (; *text != '\0'; text++) { /* FNV-1a */
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    }
    return (hash ^ 0xff) * 0x100000001b3u; /* an end, so that "a","bc" is not "ab","c" */
}

static bool read_boot(char fact[FACT_MAX])
{
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    bool good = file != NULL && fgets(fact, FACT_MAX, file) != NULL && fact[0] != '\0';
    if (file != NULL) {
        (void)fclose(file);
    }
    return good;
}

static bool read_network(char fact[FACT_MAX])
{
    ssize_t length = readlink("/proc/self/ns/net", fact, FACT_MAX - 1);
    fact[length > 0 ? length : 0] = '\0';
    return length > 0;
}

void identity_make(char *identity, size_t size, const char *address, uint16_t port)
{
    char host[HOST_MAX + 1] = "";
    char boot[FACT_MAX], network[FACT_MAX], number[8];
    uint64_t hash = 0xcbf29ce484222325u;
    (void)gethostname(host, HOST_MAX);
    (void)snprintf(number, sizeof number, "%u", port);
    if (read_boot(boot) && read_network(network)) {
        hash = add(add(add(add(add(hash, host), boot), network), address), number);
    } else {
        err_require(getrandom(&hash, sizeof hash, 0) == (ssize_t)sizeof hash);
    }
    (void)snprintf(identity, size, "%s_%016" PRIx64, host, hash);
}
