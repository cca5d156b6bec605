// SPDX-License-Identifier: Apache-2.0
#ifndef TOPOLOGY_BASE_SORTED_H
#define TOPOLOGY_BASE_SORTED_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Where the number is, or belongs, among `count` items of `size` bytes each, sorted by the number
 * with which each of them begins: the index of the first that is not less. `items` may be NULL
 * where there are none. Whoever uses it asserts that the number comes first in the item. */
static inline size_t sorted_place(const void *items, size_t size, size_t count, uint32_t number)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        uint32_t there;
        memcpy(&there, (const char *)items + middle * size, sizeof there);
        if (there < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

#endif
