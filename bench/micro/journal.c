// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "api/journal/recorder.h"
#include "api/journal/segments.h"

/* What the journal costs: the same events with and without one, by kind of event, on a cluster of
 * NODES nodes. The journal goes to a directory in /tmp, by way of its thread, as in the daemon.
 *
 *   node      a node with 40 labels whose capacity changes back and forth
 *   pod       a member of a gang of 64 is created; the last one brings the plan
 *   filter    a member's call with its nominated node alone
 *   sampled   an ordinary pod's call with 500 nodes in no order, while a gang is held
 *   listed    the same with all nodes in the order of the table
 *   forget    a member is deleted
 *
 * Prints mean nanoseconds per event without and with, their ratio, and bytes per event. The two
 * take turns, round by round, so that neither has the quieter machine.
 *
 * Then PODS pods run there, and a checkpoint is made CHECKPOINTS times: how long the core thread is
 * busy with settling and with saving, and with the first call afterwards, and what the state takes.
 */

#define NODES       5000
#define LABELS      40
#define ROUNDS      100
#define GANG        64
#define SAMPLED     500
#define MOST        ((int64_t)8 << 30)
#define PODS        40000
#define CHECKPOINTS 20

enum kind { NODE, POD, FILTER, SAMPLE, LIST, FORGET, KINDS };
static const char *const names[KINDS] = {"node", "pod", "filter", "sampled", "listed", "forget"};

struct bench {
    struct engine *engine;
    struct effects effects;
    struct recorder *journal; /* NULL: without */
    int64_t now;
    uint32_t rows[NODES];
    uint32_t sampled[SAMPLED];
    char values[LABELS][32];
    char keys[LABELS][48];
    int64_t taken[KINDS];
    uint64_t count[KINDS];
    uint64_t bytes[KINDS];
};

static int64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now); /* what others do on this machine is not ours */
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static uint64_t bytes_of(struct bench *bench)
{
    struct recorder_status status = {.bytes = 0};
    if (bench->journal != NULL) {
        recorder_status(bench->journal, &status);
        if (!status.recording) {
            fprintf(stderr, "the journal ended\n");
            exit(EXIT_FAILURE);
        }
    }
    return status.step_bytes;
}

static void apply(struct bench *bench, enum kind kind, struct event *event)
{
    event->now = bench->now;
    uint64_t before = bytes_of(bench);
    int64_t started = clock_ns();
    effects_reset(&bench->effects);
    engine_apply(bench->engine, event, &bench->effects);
    if (bench->journal != NULL) {
        recorder_step(bench->journal, bench->engine, event, &bench->effects);
    }
    bench->taken[kind] += clock_ns() - started;
    bench->count[kind]++;
    bench->bytes[kind] += bytes_of(bench) - before;
}

static void add_node(struct bench *bench, uint32_t index, int64_t cpu)
{
    char name[32], rack[32], leaf[32];
    struct label_object labels[LABELS];
    snprintf(name, sizeof(name), "node-%05u", index);
    snprintf(rack, sizeof(rack), "rack-%04u", index / 18);
    snprintf(leaf, sizeof(leaf), "leaf-%04u", index / 18 / 8);
    labels[0] = (struct label_object){"kubernetes.io/hostname", name};
    labels[1] = (struct label_object){"topology.kubernetes.io/rack", rack};
    labels[2] = (struct label_object){"fabric.topograph.run/tier-0", leaf};
    for (int i = 3; i < LABELS; i++) {
        labels[i] = (struct label_object){bench->keys[i], bench->values[i]};
    }
    struct amount_object amounts[] = {{"cpu", cpu}, {"nvidia.com/gpu", 8}, {"pods", 110}};
    struct event event = {.type = EVENT_NODE};
    event.node = (struct node_object){.name = name,
                                      .labels = labels,
                                      .label_count = LABELS,
                                      .allocatable = amounts,
                                      .allocatable_count = 3};
    apply(bench, NODE, &event);
}

static void add_pod(struct bench *bench, const char *uid, int64_t gpus, const char *gang,
                    int32_t rank)
{
    struct amount_object amounts[] = {{"cpu", 1000}, {"pods", 1}, {"nvidia.com/gpu", gpus}};
    struct event event = {.type = EVENT_POD};
    event.pod = (struct pod_object){.name_space = "bench",
                                    .name = uid,
                                    .uid = uid,
                                    .requests = amounts,
                                    .request_count = 3,
                                    .gang = gang,
                                    .gang_minimum = gang == NULL ? 0 : GANG,
                                    .rank = rank};
    apply(bench, POD, &event);
}

static void filter(struct bench *bench, enum kind kind, const char *uid, const uint32_t *rows,
                   uint32_t count)
{
    struct event event = {.type = EVENT_FILTER};
    event.filter.ticket = 0;
    event.filter.pod.uid = uid;
    event.filter.rows = rows;
    event.filter.row_count = count;
    apply(bench, kind, &event);
}

static void tell(void *context, enum recorder_level level, const char *what, const char *segment,
                 const char *why)
{
    (void)context;
    (void)level;
    fprintf(stderr, "%s: %s: %s\n", segment == NULL ? "" : segment, what, why == NULL ? "" : why);
}

static void build(struct bench *bench, const char *path)
{
    struct engine_options options;
    struct err err;
    engine_options_default(&options);
    bench->engine = engine_create(&options);
    effects_init(&bench->effects);
    if (path != NULL) {
        struct recorder_options journal = {.path = path,
                                           .segment_size = MOST,
                                           .keep_size = 2 * MOST,
                                           .compress = true,
                                           .engine = &options,
                                           .program = "bench",
                                           .tell = tell};
        if (recorder_create(&journal, &bench->journal, &err) < 0) {
            fprintf(stderr, "%s\n", err.text);
            exit(EXIT_FAILURE);
        }
    }
    for (int i = 0; i < LABELS; i++) {
        snprintf(bench->keys[i], sizeof(bench->keys[i]), "feature.example.com/label-%d", i);
        snprintf(bench->values[i], sizeof(bench->values[i]), "value-%d", i);
    }
    for (uint32_t i = 0; i < NODES; i++) {
        char name[32];
        add_node(bench, i, 96000);
        snprintf(name, sizeof(name), "node-%05u", i);
        bench->rows[i] = engine_node_row(bench->engine, name, strlen(name));
    }
    for (uint32_t i = 0; i < SAMPLED; i++) {
        bench->sampled[i] = bench->rows[i * 2654435761u % NODES];
    }
    add_pod(bench, "ordinary", 1, NULL, -1);
    struct event synced = {.type = EVENT_SYNCED};
    apply(bench, NODE, &synced);
    memset(bench->taken, 0, sizeof(bench->taken));
    memset(bench->count, 0, sizeof(bench->count));
    memset(bench->bytes, 0, sizeof(bench->bytes));
}

static void round_of(struct bench *bench, uint32_t round)
{
    char uid[64];
    for (uint32_t i = 0; i < GANG; i++) {
        add_node(bench, (round * GANG + i) % NODES, 96000 - (round * GANG + i) / NODES % 2);
    }
    for (int i = 0; i < GANG; i++) {
        snprintf(uid, sizeof(uid), "0b5e2f4c-7c1d-4c2e-9a52-%06u%06d", round, i);
        add_pod(bench, uid, 8, "gang", i);
    }
    for (int i = 0; i < GANG; i++) {
        snprintf(uid, sizeof(uid), "0b5e2f4c-7c1d-4c2e-9a52-%06u%06d", round, i);
        filter(bench, FILTER, uid, &bench->rows[i], 1);
    }
    for (int i = 0; i < 8; i++) {
        filter(bench, SAMPLE, "ordinary", bench->sampled, SAMPLED);
        filter(bench, LIST, "ordinary", bench->rows, NODES);
    }
    for (int i = 0; i < GANG; i++) {
        snprintf(uid, sizeof(uid), "0b5e2f4c-7c1d-4c2e-9a52-%06u%06d", round, i);
        struct event event = {.type = EVENT_POD_GONE, .pod_uid = uid};
        apply(bench, FORGET, &event);
    }
    bench->now += 1000;
}

static void add_running(struct bench *bench, uint32_t number)
{
    struct amount_object amounts[] = {{"cpu", 1000}, {"memory", 4 << 20}, {"pods", 1}};
    struct label_object labels[] = {{"app", "service"}, {"pod-template-hash", "5d4f8c7b9"}};
    char uid[64], name[64], node[32];
    snprintf(uid, sizeof(uid), "1c6f3a5d-8d2e-4d3f-8b63-%012u", number);
    snprintf(name, sizeof(name), "service-5d4f8c7b9-%06u", number);
    snprintf(node, sizeof(node), "node-%05u", number % NODES);
    struct event event = {.type = EVENT_POD};
    event.pod = (struct pod_object){.name_space = "bench",
                                    .name = name,
                                    .uid = uid,
                                    .node = node,
                                    .labels = labels,
                                    .label_count = 2,
                                    .requests = amounts,
                                    .request_count = 3,
                                    .rank = -1};
    apply(bench, POD, &event);
}

struct span {
    int64_t sum;
    int64_t most;
};

static void add_span(struct span *span, int64_t started)
{
    int64_t taken = clock_ns() - started;
    span->sum += taken;
    span->most = taken > span->most ? taken : span->most;
}

static void print_span(const char *name, const struct span *span)
{
    printf("%-20s %8.2f ms, at most %8.2f ms\n", name, (double)span->sum / CHECKPOINTS / 1e6,
           (double)span->most / 1e6);
}

static void checkpoints(struct bench *bench)
{
    struct span settle = {0, 0}, save = {0, 0}, call = {0, 0}, usual = {0, 0};
    struct recorder_status status;
    for (uint32_t i = 0; i < PODS; i++) {
        add_running(bench, i);
    }
    for (uint32_t i = 0; i < CHECKPOINTS; i++) {
        struct event event = {.type = EVENT_CHECKPOINT};
        round_of(bench, 2 * ROUNDS + i);
        int64_t started = clock_ns();
        filter(bench, LIST, "ordinary", bench->rows, NODES);
        add_span(&usual, started);
        started = clock_ns();
        apply(bench, NODE, &event);
        add_span(&settle, started);
        started = clock_ns();
        recorder_checkpoint(bench->journal, bench->engine, bench->now);
        add_span(&save, started);
        started = clock_ns();
        filter(bench, LIST, "ordinary", bench->rows, NODES);
        add_span(&call, started);
        nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL); /* for the writing thread */
    }
    recorder_status(bench->journal, &status);
    printf("a checkpoint of %d nodes and %d pods: %.1f MB, on the disk %.1f MB a segment\n", NODES,
           PODS, (double)status.state_bytes / 1e6,
           (double)status.bytes / (double)status.segments / 1e6);
    print_span("settling", &settle);
    print_span("saving", &save);
    print_span("the next call", &call);
    print_span("the call before", &usual);
}

static void clear(const char *path)
{
    struct segments list;
    int folder;
    char lock[96];
    if (segments_open(path, &folder, NULL) == 0 && segments_list(folder, &list, NULL) == 0) {
        (void)segments_prune(folder, &list, 0, 0, INT64_MAX);
        segments_finish(&list);
        close(folder);
    }
    snprintf(lock, sizeof(lock), "%s/lock", path);
    unlink(lock);
    rmdir(path);
}

int main(void)
{
    static struct bench without, with;
    char path[64];
    snprintf(path, sizeof(path), "/tmp/phalanx-bench-journal-%d", (int)getpid());
    build(&without, NULL);
    build(&with, path);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        round_of(round % 2 == 0 ? &without : &with, round);
        round_of(round % 2 == 0 ? &with : &without, round);
    }
    checkpoints(&with);
    recorder_destroy(with.journal);
    clear(path);
    printf("%-8s %8s %12s %12s %7s %10s   (%d nodes of %d labels, a gang of %d)\n", "event",
           "events", "without ns", "with ns", "ratio", "bytes", NODES, LABELS, GANG);
    int64_t all[2] = {0, 0};
    for (int kind = 0; kind < KINDS; kind++) {
        double count = (double)with.count[kind];
        double before = (double)without.taken[kind] / count,
               after = (double)with.taken[kind] / count;
        all[0] += without.taken[kind];
        all[1] += with.taken[kind];
        printf("%-8s %8lu %12.0f %12.0f %7.2f %10.1f\n", names[kind],
               (unsigned long)with.count[kind], before, after, after / before,
               (double)with.bytes[kind] / count);
    }
    printf("all together: %.3f times the time without\n", (double)all[1] / (double)all[0]);
    effects_finish(&without.effects);
    effects_finish(&with.effects);
    engine_destroy(without.engine);
    engine_destroy(with.engine);
    return EXIT_SUCCESS;
}
