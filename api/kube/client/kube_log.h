// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_CLIENT_KUBE_LOG_H
#define API_KUBE_CLIENT_KUBE_LOG_H

/* Where this folder's modules say things: the sink of kube_io_options, handed down. Secrets
 * and bodies never go here. */

enum kube_log_level { KUBE_LOG_DEBUG, KUBE_LOG_INFO, KUBE_LOG_WARNING, KUBE_LOG_ERROR };

#define KUBE_LOG_MAX 1024 /* longer sentences are cut */

struct kube_log {
    void (*write)(void *context, int level, const char *message); /* NULL: nobody listens */
    void *context;
};

void kube_log(const struct kube_log *log, enum kube_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
