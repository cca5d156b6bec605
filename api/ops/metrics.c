// SPDX-License-Identifier: Apache-2.0
#include "api/ops/metrics.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"
#include "topology/base/err.h"

/* What Phalanx counts, and how Prometheus wants to read it.
 *
 * Everything is a plain integer touched by the core thread alone: counts, and durations summed in
 * nanoseconds, so that no rounding gathers over months. Text is made when somebody scrapes. Every
 * family has one HELP and one TYPE line and is written as a whole; a label value is one of a fixed
 * set, so the number of series has an upper limit known here:
 *
 *   requests      verbs × HTTP codes that occurred
 *   transitions   TRANSITIONS_MAX pairs of states
 *   everything else is constant
 *
 * Histograms are kept by bucket and written cumulatively. A bound belongs to its bucket (le).
 */

#define VERBS           4u
#define CODES           600u /* HTTP status codes below this have a count of their own */
#define BUCKETS_MAX     20u
#define TRANSITIONS_MAX 64u
#define STATE_NAME_MAX  24u

static const char *const verb_names[VERBS] = {"filter", "prioritize", "bind", "preempt"};

/* Bounds as they are written, and in nanoseconds. */
struct bucket {
    const char *text;
    int64_t limit;
};

#define MICRO INT64_C(1000)
#define MILLI INT64_C(1000000)
#define UNIT  INT64_C(1000000000)

/* A filter call takes tens of microseconds, a bind waits at the barrier for as long as a hold
 * lives. */
static const struct bucket call_buckets[] = {
    {"0.00005", 50 * MICRO}, {"0.0001", 100 * MICRO}, {"0.00025", 250 * MICRO},
    {"0.0005", 500 * MICRO}, {"0.001", 1 * MILLI},    {"0.0025", 2500 * MICRO},
    {"0.005", 5 * MILLI},    {"0.01", 10 * MILLI},    {"0.025", 25 * MILLI},
    {"0.05", 50 * MILLI},    {"0.1", 100 * MILLI},    {"0.25", 250 * MILLI},
    {"0.5", 500 * MILLI},    {"1", 1 * UNIT},         {"2.5", 2500 * MILLI},
    {"5", 5 * UNIT},         {"10", 10 * UNIT},       {"30", 30 * UNIT},
    {"60", 60 * UNIT},
};
/* One event takes microseconds; the promise is 20 ms. */
static const struct bucket apply_buckets[] = {
    {"0.000001", 1 * MICRO}, {"0.000002", 2 * MICRO}, {"0.000005", 5 * MICRO},
    {"0.00001", 10 * MICRO}, {"0.00002", 20 * MICRO}, {"0.00005", 50 * MICRO},
    {"0.0001", 100 * MICRO}, {"0.0002", 200 * MICRO}, {"0.0005", 500 * MICRO},
    {"0.001", 1 * MILLI},    {"0.002", 2 * MILLI},    {"0.005", 5 * MILLI},
    {"0.01", 10 * MILLI},    {"0.02", 20 * MILLI},    {"0.05", 50 * MILLI},
    {"0.1", 100 * MILLI},    {"0.2", 200 * MILLI},    {"0.5", 500 * MILLI},
    {"1", 1 * UNIT},         {"10", 10 * UNIT},
};
static const struct bucket wait_buckets[] = {
    {"0.1", 100 * MILLI},    {"0.5", 500 * MILLI}, {"1", 1 * UNIT},       {"2", 2 * UNIT},
    {"5", 5 * UNIT},         {"10", 10 * UNIT},    {"30", 30 * UNIT},     {"60", 60 * UNIT},
    {"300", 300 * UNIT},     {"900", 900 * UNIT},  {"3600", 3600 * UNIT}, {"14400", 14400 * UNIT},
    {"86400", 86400 * UNIT},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct histogram {
    const struct bucket *buckets;
    size_t bucket_count;
    uint64_t counts[BUCKETS_MAX + 1]; /* the last one: above every bound */
    uint64_t sum;                     /* nanoseconds */
};

struct transition {
    char from[STATE_NAME_MAX];
    char to[STATE_NAME_MAX];
    uint64_t count;
};

struct metrics {
    uint64_t requests[VERBS][CODES]; /* by status; 0 collects what is none */
    struct histogram durations[VERBS];
    struct transition transitions[TRANSITIONS_MAX];
    size_t transition_count;
    struct histogram waits;
    struct histogram applies;
    uint64_t skipped[SKIPPED_GROUP + 1];
};

/* The kinds of object, in the order of the watches. */
static const char *const kind_names[KUBE_IO_WATCHES] = {"nodes", "pods", "podgroups",
                                                        "resourceslices"};
static_assert(SKIPPED_NODE == 0 && SKIPPED_POD == 1 && SKIPPED_GROUP == 2, "the same order");

static void histogram_init(struct histogram *histogram, const struct bucket *buckets, size_t count)
{
    err_require(count <= BUCKETS_MAX);
    histogram->buckets = buckets;
    histogram->bucket_count = count;
}

static void histogram_add(struct histogram *histogram, int64_t nanoseconds)
{
    int64_t value = nanoseconds < 0 ? 0 : nanoseconds;
    size_t bucket = 0;
    while (bucket < histogram->bucket_count && value > histogram->buckets[bucket].limit) {
        bucket++;
    }
    histogram->counts[bucket]++;
    histogram->sum += (uint64_t)value;
}

struct metrics *metrics_create(void)
{
    struct metrics *metrics = alloc_zero(1, sizeof *metrics);
    for (size_t verb = 0; verb < VERBS; verb++) {
        histogram_init(&metrics->durations[verb], call_buckets, COUNT(call_buckets));
    }
    histogram_init(&metrics->waits, wait_buckets, COUNT(wait_buckets));
    histogram_init(&metrics->applies, apply_buckets, COUNT(apply_buckets));
    return metrics;
}

void metrics_destroy(struct metrics *metrics)
{
    free(metrics);
}

void metrics_call(struct metrics *metrics, enum metrics_verb verb, unsigned status,
                  int64_t nanoseconds)
{
    metrics->requests[verb][status < CODES ? status : 0]++;
    histogram_add(&metrics->durations[verb], nanoseconds);
}

void metrics_transition(struct metrics *metrics, const char *from, const char *to,
                        int64_t waited_ms)
{
    if (strcmp(to, gang_state_name(GANG_PLACED)) == 0 && waited_ms >= 0) {
        histogram_add(&metrics->waits, waited_ms * MILLI);
    }
    size_t i = 0;
    while (i < metrics->transition_count && (strcmp(metrics->transitions[i].from, from) != 0 ||
                                             strcmp(metrics->transitions[i].to, to) != 0)) {
        i++;
    }
    if (i == TRANSITIONS_MAX || strlen(from) >= STATE_NAME_MAX || strlen(to) >= STATE_NAME_MAX) {
        return;
    }
    struct transition *transition = &metrics->transitions[i];
    if (i == metrics->transition_count) {
        metrics->transition_count++;
        snprintf(transition->from, sizeof transition->from, "%s", from);
        snprintf(transition->to, sizeof transition->to, "%s", to);
    }
    transition->count++;
}

void metrics_apply(struct metrics *metrics, int64_t nanoseconds)
{
    histogram_add(&metrics->applies, nanoseconds);
}

void metrics_skipped(struct metrics *metrics, enum skipped_kind kind)
{
    metrics->skipped[kind]++;
}

static void write_head(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void write_gauge(FILE *out, const char *name, const char *help, uint64_t value)
{
    write_head(out, name, "gauge", help);
    fprintf(out, "%s %" PRIu64 "\n", name, value);
}

static void write_counter(FILE *out, const char *name, const char *help, uint64_t value)
{
    write_head(out, name, "counter", help);
    fprintf(out, "%s %" PRIu64 "\n", name, value);
}

/* Samples of one series; `label` is `verb="filter"` or "". */
static void write_histogram(FILE *out, const char *name, const char *label,
                            const struct histogram *histogram)
{
    const char *comma = *label == '\0' ? "" : ",";
    const char *open = *label == '\0' ? "" : "{";
    const char *close = *label == '\0' ? "" : "}";
    uint64_t total = 0;
    for (size_t i = 0; i <= histogram->bucket_count; i++) {
        bool last = i == histogram->bucket_count;
        total += histogram->counts[i];
        fprintf(out, "%s_bucket{%s%sle=\"%s\"} %" PRIu64 "\n", name, label, comma,
                last ? "+Inf" : histogram->buckets[i].text, total);
    }
    fprintf(out, "%s_sum%s%s%s %" PRIu64 ".%09" PRIu64 "\n", name, open, label, close,
            histogram->sum / UNIT, histogram->sum % UNIT);
    fprintf(out, "%s_count%s%s%s %" PRIu64 "\n", name, open, label, close, total);
}

/* A label value as the format wants it. */
static void write_label_value(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\\' || *text == '"') {
            fprintf(out, "\\%c", *text);
        } else if (*text == '\n') {
            fputs("\\n", out);
        } else {
            fputc(*text, out);
        }
    }
}

static void write_calls(FILE *out, const struct metrics *metrics)
{
    write_head(out, "phalanx_extender_requests_total", "counter",
               "Extender calls answered, by verb and HTTP status code.");
    for (size_t verb = 0; verb < VERBS; verb++) {
        for (unsigned code = 0; code < CODES; code++) {
            uint64_t count = metrics->requests[verb][code];
            /* Success is there from the start: a rate needs its zero. */
            if (count == 0 && code != 200) {
                continue;
            }
            fprintf(out, "phalanx_extender_requests_total{verb=\"%s\",code=\"%u\"} %" PRIu64 "\n",
                    verb_names[verb], code, count);
        }
    }
    write_head(out, "phalanx_extender_request_duration_seconds", "histogram",
               "Time from the complete request to the answer; bind includes the barrier.");
    for (size_t verb = 0; verb < VERBS; verb++) {
        char label[32];
        snprintf(label, sizeof label, "verb=\"%s\"", verb_names[verb]);
        write_histogram(out, "phalanx_extender_request_duration_seconds", label,
                        &metrics->durations[verb]);
    }
}

static void write_gangs(FILE *out, const struct metrics *metrics,
                        const struct engine_figures *figures)
{
    write_head(out, "phalanx_gangs", "gauge", "Gangs known, by state.");
    for (int state = 0; state <= GANG_PLACED; state++) {
        fprintf(out, "phalanx_gangs{state=\"%s\"} %" PRIu32 "\n",
                gang_state_name((enum gang_state)state), figures->gangs[state]);
    }
    write_head(out, "phalanx_gang_transitions_total", "counter", "Gangs that changed their state.");
    for (size_t i = 0; i < metrics->transition_count; i++) {
        fputs("phalanx_gang_transitions_total{from=\"", out);
        write_label_value(out, metrics->transitions[i].from);
        fputs("\",to=\"", out);
        write_label_value(out, metrics->transitions[i].to);
        fprintf(out, "\"} %" PRIu64 "\n", metrics->transitions[i].count);
    }
    write_head(out, "phalanx_gang_wait_seconds", "histogram",
               "Time from a gang's quorum of pods to its quorum bound.");
    write_histogram(out, "phalanx_gang_wait_seconds", "", &metrics->waits);
    write_gauge(out, "phalanx_nodes", "Nodes known.", figures->nodes);
    write_gauge(out, "phalanx_pods", "Pods known.", figures->pods);
    write_gauge(out, "phalanx_held_pods", "Gang members with capacity on hold.", figures->holds);
    write_gauge(out, "phalanx_waiting_binds", "Bind calls waiting for the rest of their gang.",
                figures->waiting_binds);
    write_gauge(out, "phalanx_incomplete_gangs",
                "Gangs short of their quorum that could not be repaired in time.",
                figures->incomplete);
    write_gauge(out, "phalanx_planning_queue_gangs", "Gangs queued for planning.", figures->queued);
    write_head(out, "phalanx_engine_overruns_total", "counter",
               "Events whose consequences took too many rounds and were left to a tick.");
    fprintf(out, "phalanx_engine_overruns_total %" PRIu64 "\n", figures->overruns);
    write_head(out, "phalanx_selfchecks_total", "counter",
               "Sums that the engine recomputed, of nodes from their pods and of gangs from their "
               "members.");
    fprintf(out,
            "phalanx_selfchecks_total{kind=\"node\"} %" PRIu64 "\n"
            "phalanx_selfchecks_total{kind=\"gang\"} %" PRIu64 "\n",
            figures->audited_nodes, figures->audited_gangs);
    write_counter(out, "phalanx_selfcheck_differences_total",
                  "Sums that were wrong and were corrected. The log says whose.",
                  figures->differences);
    write_head(out, "phalanx_nominations_repeated_total", "counter",
               "Nominations written again for the same plan: kube-scheduler took them back, or the "
               "watch did not show them in time.");
    fprintf(out,
            "phalanx_nominations_repeated_total{why=\"taken_back\"} %" PRIu64 "\n"
            "phalanx_nominations_repeated_total{why=\"timer\"} %" PRIu64 "\n",
            figures->nominations_repeated, figures->nominations_repeated_late);
    write_head(out, "phalanx_engine_apply_duration_seconds", "histogram",
               "Time the engine took for one event.");
    write_histogram(out, "phalanx_engine_apply_duration_seconds", "", &metrics->applies);
}

/* What users' texts take. Those of the label are few and fixed. */
static void write_tables(FILE *out, const struct engine_table_figures tables[ENGINE_TABLES])
{
    static const char *const names[ENGINE_TABLES] = {
        [ENGINE_TABLE_NODES] = "nodes",   [ENGINE_TABLE_VOCABULARY] = "vocabulary",
        [ENGINE_TABLE_SHAPES] = "shapes", [ENGINE_TABLE_LABELS] = "labels",
        [ENGINE_TABLE_OWNERS] = "owners", [ENGINE_TABLE_MISSING_NODES] = "missing_nodes",
    };
    write_head(out, "phalanx_texts", "gauge", "Texts remembered of nodes and pods, by table.");
    for (size_t i = 0; i < ENGINE_TABLES; i++) {
        fprintf(out, "phalanx_texts{table=\"%s\"} %" PRIu64 "\n", names[i], tables[i].texts);
    }
    write_head(out, "phalanx_text_bytes", "gauge", "Memory that they take, about.");
    for (size_t i = 0; i < ENGINE_TABLES; i++) {
        fprintf(out, "phalanx_text_bytes{table=\"%s\"} %" PRIu64 "\n", names[i], tables[i].bytes);
    }
    write_head(out, "phalanx_text_budget_bytes", "gauge",
               "How much that may be: beyond it pods are refused that say anything new.");
    for (size_t i = 0; i < ENGINE_TABLES; i++) {
        if (tables[i].budget > 0) {
            fprintf(out, "phalanx_text_budget_bytes{table=\"%s\"} %" PRIu64 "\n", names[i],
                    tables[i].budget);
        }
    }
}

/* Two ways to be left out: what the Kubernetes thread could not decode, and what the engine could
 * not take in. */
static void write_skipped(FILE *out, const struct metrics *metrics,
                          const struct kube_io_status *kube)
{
    write_head(out, "phalanx_objects_skipped_total", "counter",
               "Objects left out: not decodable, or beyond a limit. The log names them.");
    for (size_t i = 0; i < KUBE_IO_WATCHES; i++) {
        uint64_t count = i < COUNT(metrics->skipped) ? metrics->skipped[i] : 0;
        count += kube == NULL ? 0 : kube->objects_skipped[i];
        fprintf(out, "phalanx_objects_skipped_total{kind=\"%s\"} %" PRIu64 "\n", kind_names[i],
                count);
    }
}

static void write_watches(FILE *out, const struct kube_io_status *kube)
{
    write_head(out, "phalanx_watch_synced", "gauge", "Whether the first list has been delivered.");
    for (size_t i = 0; i < KUBE_IO_WATCHES; i++) {
        fprintf(out, "phalanx_watch_synced{kind=\"%s\"} %d\n", kind_names[i], kube->synced[i]);
    }
    write_head(out, "phalanx_watch_silence_seconds", "gauge",
               "Time since something good last came of the watch: a list, a line, a bookmark.");
    for (size_t i = 0; i < KUBE_IO_WATCHES; i++) {
        int64_t silence = kube->silence_ms[i] < 0 ? 0 : kube->silence_ms[i];
        fprintf(out, "phalanx_watch_silence_seconds{kind=\"%s\"} %" PRId64 ".%03" PRId64 "\n",
                kind_names[i], silence / 1000, silence % 1000);
    }
    write_head(out, "phalanx_watch_failing_seconds", "gauge",
               "Time since which neither list nor watch has worked; 0 while they do.");
    for (size_t i = 0; i < KUBE_IO_WATCHES; i++) {
        int64_t failing = kube->watches[i].failing_ms < 0 ? 0 : kube->watches[i].failing_ms;
        fprintf(out, "phalanx_watch_failing_seconds{kind=\"%s\"} %" PRId64 ".%03" PRId64 "\n",
                kind_names[i], failing / 1000, failing % 1000);
    }
    write_head(out, "phalanx_watch_failures_total", "counter", "Lists and watches that failed.");
    for (size_t i = 0; i < KUBE_IO_WATCHES; i++) {
        fprintf(out, "phalanx_watch_failures_total{kind=\"%s\"} %" PRIu64 "\n", kind_names[i],
                kube->watches[i].failures);
    }
    write_head(out, "phalanx_watch_lists_total", "counter",
               "Times that everything was asked for; many mean that the API server ends watches.");
    for (size_t i = 0; i < KUBE_IO_WATCHES; i++) {
        fprintf(out, "phalanx_watch_lists_total{kind=\"%s\"} %" PRIu64 "\n", kind_names[i],
                kube->watches[i].lists);
    }
    write_head(out, "phalanx_objects_unread", "gauge",
               "Objects whose last version cannot be read, or not wholly. /readyz?verbose names "
               "them.");
    for (size_t i = 0; i < KUBE_IO_WATCHES; i++) {
        fprintf(out, "phalanx_objects_unread{kind=\"%s\"} %zu\n", kind_names[i],
                kube->watches[i].unread);
    }
    write_head(out, "phalanx_watch_restarts_total", "counter", "Watches restarted.");
    for (size_t i = 0; i < KUBE_IO_WATCHES; i++) {
        fprintf(out, "phalanx_watch_restarts_total{kind=\"%s\"} %" PRIu64 "\n", kind_names[i],
                kube->watch_restarts[i]);
    }
}

static void write_kube(FILE *out, const struct kube_io_status *kube)
{
    static const char *const writes[] = {"binding", "nomination", "event"};
    write_watches(out, kube);
    write_head(out, "phalanx_writes_total", "counter",
               "Writes to the API server, by what and whether it worked.");
    for (size_t i = 0; i < COUNT(writes); i++) {
        fprintf(out,
                "phalanx_writes_total{write=\"%s\",result=\"done\"} %" PRIu64 "\n"
                "phalanx_writes_total{write=\"%s\",result=\"failed\"} %" PRIu64 "\n",
                writes[i], kube->writes_done[i], writes[i], kube->writes_failed[i]);
    }
    write_counter(out, "phalanx_write_retries_total", "Writes retried.", kube->write_retries);
    write_counter(out, "phalanx_unauthorized_answers_total",
                  "401 answers from the API server: the token is not accepted.",
                  kube->requests_unauthorized);
    write_gauge(out, "phalanx_api_server_trouble",
                "1 while its certificate is not verified, the token goes in clear or cannot be "
                "read; /readyz?verbose says which.",
                kube->access_trouble[0] != '\0');
    write_counter(out, "phalanx_leader_changes_total",
                  "Times this process started or stopped leading.", kube->lease_changes);
    write_gauge(out, "phalanx_leader_connected",
                "1 while this process stands by and would notice at once if the leader's ended.",
                kube->sees_holder);
    write_gauge(out, "phalanx_waiting_writes", "Writes not yet carried out.", kube->writes_waiting);
}

static void write_journal(FILE *out, const struct recorder_status *journal)
{
    write_gauge(out, "phalanx_journal_recording",
                "1 while the journal grows; 0 while it cannot be written.", journal->recording);
    write_counter(out, "phalanx_journal_steps_total", "Events recorded with their effects.",
                  journal->steps);
    write_counter(out, "phalanx_journal_step_bytes_total", "What they have before they are packed.",
                  journal->step_bytes);
    write_counter(out, "phalanx_journal_dropped_total",
                  "Events not recorded: the disk was full, broken or slow.", journal->dropped);
    write_gauge(out, "phalanx_journal_segments", "Segments of the journal on the disk.",
                journal->segments);
    write_gauge(out, "phalanx_journal_bytes", "What they take there.", journal->bytes);
    write_counter(out, "phalanx_journal_checkpoints_total", "States saved at the head of segments.",
                  journal->checkpoints);
    write_head(out, "phalanx_journal_checkpoint_seconds_total", "counter",
               "Time in which nobody was answered because of that.");
    fprintf(out, "phalanx_journal_checkpoint_seconds_total %.6f\n",
            (double)journal->saving_ns / 1e9);
    write_gauge(out, "phalanx_journal_state_bytes", "The last one, before it was packed.",
                journal->state_bytes);
}

/* One value for each listener, picked by its place in struct metrics_http. */
static void write_listeners(FILE *out, const struct metrics_scrape *scrape, const char *name,
                            const char *type, const char *help,
                            int64_t (*of)(const struct metrics_http *http))
{
    write_head(out, name, type, help);
    for (uint32_t i = 0; i < scrape->http_count; i++) {
        fprintf(out, "%s{listener=\"%s\"} %" PRId64 "\n", name, scrape->http[i].name,
                of(&scrape->http[i]));
    }
}

static int64_t connections_of(const struct metrics_http *http)
{
    return http->connections;
}

static int64_t timed_out_of(const struct metrics_http *http)
{
    return (int64_t)http->timed_out;
}

static int64_t out_of_memory_of(const struct metrics_http *http)
{
    return (int64_t)http->out_of_memory;
}

static int64_t crowded_out_of(const struct metrics_http *http)
{
    return (int64_t)http->crowded_out;
}

static int64_t strangers_of(const struct metrics_http *http)
{
    return (int64_t)http->strangers;
}

static int64_t certificate_ends_of(const struct metrics_http *http)
{
    return http->certificate_ends;
}

static void write_http(FILE *out, const struct metrics_scrape *scrape)
{
    write_listeners(out, scrape, "phalanx_http_connections", "gauge", "Open HTTP connections.",
                    connections_of);
    write_listeners(out, scrape, "phalanx_http_timeouts_total", "counter",
                    "Clients cut off for taking too long.", timed_out_of);
    write_listeners(out, scrape, "phalanx_http_out_of_memory_total", "counter",
                    "Bodies and answers for which server.maxMemory had no room.", out_of_memory_of);
    write_listeners(out, scrape, "phalanx_http_crowded_out_total", "counter",
                    "Silent clients cut off because there were too many.", crowded_out_of);
    write_listeners(out, scrape, "phalanx_http_refused_clients_total", "counter",
                    "Connections that ended without a good client certificate.", strangers_of);
    write_listeners(out, scrape, "phalanx_http_certificate_end_seconds", "gauge",
                    "When the server's certificate ends, seconds since 1970; 0 without TLS.",
                    certificate_ends_of);
}

char *metrics_render(const struct metrics *metrics, const struct metrics_scrape *scrape,
                     size_t *length)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, length);
    err_require(out != NULL);
    write_head(out, "phalanx_build_info", "gauge", "Always 1; the version is the label.");
    fputs("phalanx_build_info{version=\"", out);
    write_label_value(out, scrape->version);
    fputs("\"} 1\n", out);
    write_head(out, "phalanx_uptime_seconds", "gauge", "Time since the process started to serve.");
    fprintf(out, "phalanx_uptime_seconds %" PRId64 ".%03" PRId64 "\n", scrape->uptime_ms / 1000,
            scrape->uptime_ms % 1000);
    write_gauge(out, "phalanx_leader", "1 when this process decides, 0 when it is on standby.",
                scrape->leading);
    write_http(out, scrape);
    if (scrape->log != NULL) {
        write_counter(out, "phalanx_log_lines_dropped_total",
                      "Log lines that nobody read fast enough.", scrape->log->dropped);
        write_counter(out, "phalanx_log_lines_left_out_total", "Log lines that came too often.",
                      scrape->log->left_out);
    }
    write_calls(out, metrics);
    write_gangs(out, metrics, &scrape->engine);
    write_tables(out, scrape->engine.tables);
    write_skipped(out, metrics, scrape->kube);
    if (scrape->kube != NULL) {
        write_kube(out, scrape->kube);
    }
    if (scrape->journal != NULL) {
        write_journal(out, scrape->journal);
    }
    err_require(fclose(out) == 0 && text != NULL);
    return text;
}
