// SPDX-License-Identifier: Apache-2.0
#ifndef TOPOLOGY_BASE_CHECKSUM_H
#define TOPOLOGY_BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32C (Castagnoli), as iSCSI and ext4 have it: RFC 3720 §12.1. Finds every change of a single
 * byte and every burst of up to 32 bits.
 */

/* The tables of the calculation, made once by their owner: this layer has no globals. */
struct checksum {
    uint32_t tables[4][256];
};

void checksum_init(struct checksum *checksum);

/* Of `size` bytes, continuing from `sum`; 0 for the first bytes. */
uint32_t checksum_add(const struct checksum *checksum, uint32_t sum, const void *bytes,
                      size_t size);

#endif
