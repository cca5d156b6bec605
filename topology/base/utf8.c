// SPDX-License-Identifier: Apache-2.0
#include "topology/base/utf8.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "topology/base/err.h"

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

/* Bytes of the character that begins here and ends too early; 0: none does. */
static size_t partial_character(const char *text, size_t length)
{
    unsigned char first = (unsigned char)text[0];
    size_t size = first < 0xC2 || first > 0xF4 ? 0 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    size_t there = 1;
    while (there < length && there < size && continues(text[there])) {
        there++;
    }
    return there < size ? there : 0;
}

/* Keeps whole characters, in place; returns the new length. */
static size_t keep_characters(char *text, size_t length)
{
    size_t to = 0;
    for (size_t from = 0; from < length;) {
        size_t size = utf8_character(text + from, length - from);
        size_t partial = size > 0 ? 0 : partial_character(text + from, length - from);
        if (size > 0) {
            memmove(text + to, text + from, size);
            to += size;
        } else if (partial == 0) {
            text[to++] = '?';
        }
        from += size > 0 ? size : partial > 0 ? partial : 1;
    }
    text[to] = '\0';
    return to;
}

size_t utf8_vprint(char *text, size_t size, const char *format, va_list arguments)
{
    if (size == 0) {
        return 0;
    }
    int wanted = vsnprintf(text, size, format, arguments);
    err_require(wanted >= 0);
    size_t length = (size_t)wanted < size ? (size_t)wanted : size - 1;
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] >= 0x80) {
            return i + keep_characters(text + i, length - i);
        }
    }
    return length;
}

size_t utf8_print(char *text, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t length = utf8_vprint(text, size, format, arguments);
    va_end(arguments);
    return length;
}
