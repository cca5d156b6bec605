// SPDX-License-Identifier: Apache-2.0
#include "topology/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Error texts.
 *
 * Both functions write into a buffer of their own first, because the arguments may well point into
 * the text that is being replaced: err_set(err, "reading %s: %s", file, err->text) has to work.
 *
 * Invariant: err->text is always terminated, and valid UTF-8 when the arguments were.
 */

/* Drops the beginning of a character that vsnprintf() cut in two: texts end up in JSON, which takes
 * whole characters only. */
static void drop_partial_character(char *text)
{
    size_t length = strlen(text);
    size_t start = length;
    while (start > 0 && length - start < 4) {
        start--;
        unsigned char byte = (unsigned char)text[start];
        if ((byte & 0xC0) == 0x80) {
            continue; /* inside a character */
        }
        size_t want = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
        if (length - start < want) {
            text[start] = '\0';
        }
        return;
    }
}

static void __attribute__((format(printf, 2, 0)))
write_text(char text[ERR_TEXT_MAX], const char *format, va_list arguments)
{
    int length = vsnprintf(text, ERR_TEXT_MAX, format, arguments);
    if (length < 0) {
        text[0] = '\0';
    } else if (length >= ERR_TEXT_MAX) {
        drop_partial_character(text);
    }
}

int err_set(struct err *err, const char *format, ...)
{
    if (err == NULL) {
        return -1;
    }
    char text[ERR_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    write_text(text, format, arguments);
    va_end(arguments);
    memcpy(err->text, text, strlen(text) + 1);
    return -1;
}

int err_prefix(struct err *err, const char *format, ...)
{
    if (err == NULL) {
        return -1;
    }
    char context[ERR_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    write_text(context, format, arguments);
    va_end(arguments);
    return err_set(err, "%s: %s", context, err->text);
}
