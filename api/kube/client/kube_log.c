// SPDX-License-Identifier: Apache-2.0
#include "api/kube/client/kube_log.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include "topology/base/utf8.h"

/* Formats on the stack and passes on; what cannot be formatted is lost, not fatal. */

void kube_log(const struct kube_log *log, enum kube_log_level level, const char *format, ...)
{
    if (log->write == NULL) {
        return;
    }
    char text[KUBE_LOG_MAX];
    va_list arguments;
    va_start(arguments, format);
    utf8_vprint(text, sizeof text, format, arguments);
    va_end(arguments);
    log->write(log->context, (int)level, text);
}
