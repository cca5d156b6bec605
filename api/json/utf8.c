// SPDX-License-Identifier: Apache-2.0
#include "api/json/utf8.h"

#include <stdbool.h>
#include <string.h>

/* The table of RFC 3629 section 4, in conditions: how long a character is and what its second byte
 * may be follows from its first.
 */

static bool continues(char byte)
{
    return ((unsigned char)byte & 0xC0) == 0x80;
}

size_t utf8_character(const char *text, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)text;
    if (length == 0) {
        return 0;
    }
    if (bytes[0] < 0x80) {
        return 1;
    }
    size_t size = bytes[0] >= 0xF0 ? 4 : bytes[0] >= 0xE0 ? 3 : 2;
    if (bytes[0] < 0xC2 || bytes[0] > 0xF4 || length < size) {
        return 0;
    }
    for (size_t i = 1; i < size; i++) {
        if (!continues(text[i])) {
            return 0;
        }
    }
    /* The second byte's range is narrower behind four leading bytes. */
    bool wrong = (bytes[0] == 0xE0 && bytes[1] < 0xA0) || (bytes[0] == 0xED && bytes[1] > 0x9F) ||
                 (bytes[0] == 0xF0 && bytes[1] < 0x90) || (bytes[0] == 0xF4 && bytes[1] > 0x8F);
    return wrong ? 0 : size;
}

size_t utf8_cut(const char *text, size_t most)
{
    size_t length = strnlen(text, most + 1);
    if (length <= most) {
        return length;
    }
    length = most;
    while (length > 0 && continues(text[length])) {
        length--;
    }
    return length;
}
