// SPDX-License-Identifier: Apache-2.0
#ifndef TOPOLOGY_BASE_PLURAL_H
#define TOPOLOGY_BASE_PLURAL_H

#include <stdint.h>

/* The ending of a counted noun: "%u node%s", count, plural(count). */
static inline const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

#endif
