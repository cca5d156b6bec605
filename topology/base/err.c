// SPDX-License-Identifier: Apache-2.0
#include "topology/base/err.h"

#include <stdarg.h>
#include <string.h>

#include "topology/base/utf8.h"

/* Error texts.
 *
 * Both functions write into a buffer of their own first, because the arguments may well point into
 * the text that is being replaced: err_set(err, "reading %s: %s", file, err->text) has to work.
 *
 * Invariant: err->text is always terminated, and valid UTF-8.
 */

int err_set(struct err *err, const char *format, ...)
{
    if (err == NULL) {
        return -1;
    }
    char text[ERR_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    utf8_vprint(text, sizeof text, format, arguments);
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
    utf8_vprint(context, sizeof context, format, arguments);
    va_end(arguments);
    return err_set(err, "%s: %s", context, err->text);
}
