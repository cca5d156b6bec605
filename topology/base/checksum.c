// SPDX-License-Identifier: Apache-2.0
#include "topology/base/checksum.h"

/* Four bytes a step ("slicing by four"): tables[k][b] is what byte b does to the sum when k more
 * bytes follow it in the step. The polynomial is in reversed bit order, as usual for this CRC.
 */

#define POLYNOMIAL 0x82f63b78u

void checksum_init(struct checksum *checksum)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t sum = byte;
        for (int bit = 0; bit < 8; bit++) {
            sum = sum >> 1 ^ ((sum & 1) != 0 ? POLYNOMIAL : 0);
        }
        checksum->tables[0][byte] = sum;
    }
    for (uint32_t byte = 0; byte < 256; byte++) {
        for (int k = 1; k < 4; k++) {
            uint32_t before = checksum->tables[k - 1][byte];
            checksum->tables[k][byte] = before >> 8 ^ checksum->tables[0][before & 0xff];
        }
    }
}

uint32_t checksum_add(const struct checksum *checksum, uint32_t sum, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    sum = ~sum;
    for (; size >= 4; size -= 4, at += 4) {
        sum ^=
            (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
        sum = checksum->tables[3][sum & 0xff] ^ checksum->tables[2][sum >> 8 & 0xff] ^
              checksum->tables[1][sum >> 16 & 0xff] ^ checksum->tables[0][sum >> 24];
    }
    for (; size > 0; size--, at++) {
        sum = sum >> 8 ^ checksum->tables[0][(sum ^ *at) & 0xff];
    }
    return ~sum;
}
