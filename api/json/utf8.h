// SPDX-License-Identifier: Apache-2.0
#ifndef API_JSON_UTF8_H
#define API_JSON_UTF8_H

#include <stddef.h>

/* Characters of a text in UTF-8 (RFC 3629: nothing overlong, no surrogates, at most U+10FFFF). */

#define UTF8_REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD, for what is none */

/* Bytes of the character that `text` begins with, 0 when it is none or `length` ends inside it. */
size_t utf8_character(const char *text, size_t length);

/* Length of the longest beginning of a string that has at most `most` bytes and does not end inside
 * a character. */
size_t utf8_cut(const char *text, size_t most);

#endif
