// SPDX-License-Identifier: Apache-2.0
#ifndef API_BASE_TERMINAL_H
#define API_BASE_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Text from elsewhere on its way to a terminal. A name in a snapshot, a journal or an error can
 * hold the characters that move cursors, retitle windows and rewrite what stands there already:
 * control characters other than line feed and tab, DEL, and U+0080 to U+009F. They are printed as
 * JSON writes them, \u001b; inside JSON that is what they mean.
 */

#define TERMINAL_ESCAPED_MAX 6 /* bytes that one byte may become */

/* A text in pieces; begin with {0}. */
struct terminal_text {
    bool held; /* the last byte, C2, may begin a control character */
};

/* Writes what is fit to be seen of `length` bytes to `out`, which has room for
 * TERMINAL_ESCAPED_MAX * length + 1; returns the bytes written. */
size_t terminal_escape(struct terminal_text *text, const char *bytes, size_t length, char *out);
/* What was held at the end of the text: 0 or 1 byte. */
size_t terminal_finish(struct terminal_text *text, char *out);

/* *New* text, `*length` bytes of it; *steals* `text`. */
char *terminal_clean(char *text, size_t *length);

/* *New* stream that cleans what goes through it to the descriptor; NULL when there is no memory.
 * Without `buffered` nothing waits. */
FILE *terminal_stream(int fd, bool buffered);

#endif
