// SPDX-License-Identifier: Apache-2.0
#ifndef TOPOLOGY_BASE_ERR_H
#define TOPOLOGY_BASE_ERR_H

#include <stdbool.h>
#include <stdlib.h>

/* An error a person can read, filled at the point of failure.
 *
 * Functions that can fail return 0 or -1 and take a `struct err *` last. The caller may pass NULL
 * when only success matters. The text names the field and the value that was wrong and ends without
 * a newline; text beyond ERR_TEXT_MAX - 1 bytes is cut, never inside a UTF-8 character.
 */

#define ERR_TEXT_MAX 512

struct err {
    char text[ERR_TEXT_MAX];
};

/* Writes the text and returns -1, so that `return err_set(err, …)` reads as one step. */
int err_set(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "context: " in front of the text already there, for a caller that knows more; returns -1. */
int err_prefix(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* For mistakes of the program, never of its input (an index outside, a number of a tree that was
 * rebuilt): aborts unless the condition holds, in every build. */
static inline void err_require(bool holds)
{
    if (__builtin_expect(!holds, 0)) {
        abort();
    }
}

#endif
