// SPDX-License-Identifier: Apache-2.0
#ifndef TOPOLOGY_BASE_UTF8_H
#define TOPOLOGY_BASE_UTF8_H

#include <stdarg.h>
#include <stddef.h>

/* Characters of a text in UTF-8 (RFC 3629: nothing overlong, no surrogates, at most U+10FFFF).
 *
 * JSON takes whole characters only: a text that ends inside one makes what it is put into fail. So
 * whatever shortens a text from outside does it here.
 */

#define UTF8_REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD, for what is none */

/* Bytes of the character that `text` begins with, 0 when it is none or `length` ends inside it. */
size_t utf8_character(const char *text, size_t length);

/* Length of the longest beginning of a string that has at most `most` bytes and does not end inside
 * a character. */
size_t utf8_cut(const char *text, size_t most);

/* As snprintf(), but the text has whole characters only: of one that a precision ("%.80s") or the
 * size cut in two nothing is left, and a byte that is none becomes "?". Returns the length of what
 * was written: less than `size`, or 0 when that is. */
size_t utf8_print(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
size_t utf8_vprint(char *text, size_t size, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

#endif
