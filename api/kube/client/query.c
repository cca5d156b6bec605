// SPDX-License-Identifier: Apache-2.0
#include "api/kube/client/query.h"

#include <string.h>

#include "topology/base/alloc.h"

/* Byte by byte; UTF-8 needs no care because every byte of it above 127 is escaped. */

char *query_escape(const char *text)
{
    static const char PLAIN[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    static const char HEX[] = "0123456789ABCDEF";
    char *escaped = alloc_zero(3 * strlen(text) + 1, 1);
    char *out = escaped;
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (strchr(PLAIN, byte) != NULL) {
            *out++ = *text;
        } else {
            *out++ = '%';
            *out++ = HEX[byte >> 4];
            *out++ = HEX[byte & 15];
        }
    }
    return escaped;
}
