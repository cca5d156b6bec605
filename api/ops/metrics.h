// SPDX-License-Identifier: Apache-2.0
#ifndef API_OPS_METRICS_H
#define API_OPS_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/journal/recorder.h"
#include "api/kube/io.h"
#include "api/ops/log.h"
#include "scheduler/effects.h"
#include "scheduler/engine.h"

/* Prometheus metrics, text format 0.0.4. Counters and histograms that happen are kept here (core
 * thread only); gauges are read from the engine and the Kubernetes side when somebody scrapes.
 * Label values are from fixed sets: never a pod's or a gang's name.
 */

enum metrics_verb { METRICS_FILTER, METRICS_PRIORITIZE, METRICS_BIND, METRICS_PREEMPT };

struct metrics;

struct metrics *metrics_create(void);
void metrics_destroy(struct metrics *metrics);

/* One answered extender call: phalanx_extender_requests_total{verb,code} and
 * phalanx_extender_request_duration_seconds{verb} (50 µs … 60 s). */
void metrics_call(struct metrics *metrics, enum metrics_verb verb, unsigned status,
                  int64_t nanoseconds);
/* phalanx_gang_transitions_total{from,to}; phalanx_gang_wait_seconds on arrival in "Placed". */
void metrics_transition(struct metrics *metrics, const char *from, const char *to,
                        int64_t waited_ms);
/* phalanx_objects_skipped_total{kind}, beside those that could not be decoded */
void metrics_skipped(struct metrics *metrics, enum skipped_kind kind);
/* phalanx_engine_apply_duration_seconds */
void metrics_apply(struct metrics *metrics, int64_t nanoseconds);

/* A listener. */
struct metrics_http {
    const char *name;
    uint32_t connections;
    uint64_t timed_out;
    uint64_t out_of_memory;
    uint64_t crowded_out;
    uint64_t strangers;
    int64_t certificate_ends; /* seconds since 1970; 0: it has none */
};

struct metrics_scrape {
    struct engine_figures engine;
    bool leading;                          /* engine_leading() */
    const struct kube_io_status *kube;     /* NULL when embedded */
    const struct recorder_status *journal; /* NULL: there is none */
    const struct log_figures *log;         /* NULL: none */
    const struct metrics_http *http;       /* listeners, … */
    uint32_t http_count;
    int64_t uptime_ms;
    const char *version;
};

/* *New* text. */
char *metrics_render(const struct metrics *metrics, const struct metrics_scrape *scrape,
                     size_t *length);

#endif
