// SPDX-License-Identifier: Apache-2.0
#include "api/kube/client/base64.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"

/* Six bits per digit, collected until there are 24.
 *
 *   digits    T W F u   T Q = =
 *   bytes     M a n     M            "=" fills the last group, which then gives 1 or 2 bytes
 */

#define NOT_A_DIGIT 64u

static uint32_t digit_value(char digit)
{
    static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = digit == '\0' ? NULL : strchr(DIGITS, digit);
    return found == NULL ? NOT_A_DIGIT : (uint32_t)(found - DIGITS);
}

char *base64_decode(const char *text, size_t *length, struct err *err)
{
    char *bytes = alloc_zero(strlen(text) / 4 * 3 + 4, 1);
    uint32_t group = 0;
    unsigned digits = 0;  /* in the group, padding included */
    unsigned padding = 0; /* seen at all */
    *length = 0;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '\r' || *c == '\n') {
            continue;
        }
        uint32_t value = digit_value(*c);
        bool is_padding = *c == '=' && digits >= 2;
        if (padding > 0 ? !is_padding || digits == 0 : value == NOT_A_DIGIT && !is_padding) {
            err_set(err, "not base64: unexpected byte at offset %zu", (size_t)(c - text));
            goto error;
        }
        padding += is_padding;
        group = group << 6 | (is_padding ? 0 : value);
        digits++;
        if (digits == 4) {
            unsigned whole = 3 - padding;
            if ((group & ((1u << 8 * padding) - 1)) != 0) {
                err_set(err, "not base64: bits left over at the end");
                goto error;
            }
            for (unsigned i = 0; i < whole; i++) {
                bytes[(*length)++] = (char)(group >> (16 - 8 * i) & 0xFF);
            }
            group = 0;
            digits = 0;
        }
    }
    if (digits != 0) {
        err_set(err, "not base64: truncated");
        goto error;
    }
    bytes[*length] = '\0';
    return bytes;
error:
    free(bytes);
    return NULL;
}
