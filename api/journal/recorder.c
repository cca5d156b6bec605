// SPDX-License-Identifier: Apache-2.0
#include "api/journal/recorder.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "api/base/clock.h"
#include "api/journal/segment_writer.h"
#include "topology/base/alloc.h"
#include "topology/base/utf8.h"

/* The core thread's side, and the thread. Between the two: a list of pieces under a lock, each with
 * the number of its segment. The thread takes the whole list and writes without the lock
 * (segment_writer.h). It waits RECORDER_DELAY_MS after the first byte, so that a burst of calls is
 * one write and one wake-up.
 *
 *   recording ──pieces run over, record too large──▶ stopped: the last record says why
 *       │  ▲  └────────────write fails─────────────▶ stopped: the segment ends somewhere
 *       │  └──room again: checkpoint, new segment───────┘
 *       └──due: checkpoint, new segment
 *
 * A write that fails is told to the core thread by the number of the segment (`broken`): it may
 * have begun the next one meanwhile, which then is tried.
 */

#define END_ROOM   512 /* for the record that says why there are no more */
#define WAIT_END_S 5
#define WRITE_AT   (256u << 10) /* so many bytes are written at once, without waiting for more */
#define AGES       4            /* segments in the age that is kept, at least */

struct recorder {
    struct recorder_options options;
    struct engine_options engine;
    struct levels levels;
    size_t waiting_most;
    /* Of the core thread. */
    struct journal *journal;
    bool recording;
    uint64_t segment;   /* the one it writes, from 1 */
    uint64_t lived;     /* steps, recorded or not */
    size_t bytes;       /* of steps in the segment */
    size_t state_bytes; /* at its head */
    int64_t began;      /* when the segment did */
    int64_t overrun;    /* since when it is stopped */
    uint64_t dropped;
    uint64_t step_bytes;
    uint64_t checkpoints;
    int64_t saving_ns;
    /* Of the writing thread, once it runs. */
    struct segment_writer *writer;
    /* Of both, under the lock. */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct segment_pieces pieces;
    size_t waiting;   /* bytes of pieces, but for states */
    bool state_waits; /* or is being written */
    uint64_t broken;  /* segment that could not be written; 0: none */
    bool stopped;     /* the core thread records nothing … */
    size_t room;      /* … and wants to know when there is so much … */
    bool ready;       /* … which there is now */
    bool finish;
    struct segment_figures figures;
};

/* ---- the thread ---- */

static void wait_until(struct recorder *recorder, int64_t ms, size_t bytes)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    int result = 0;
    while (recorder->waiting < bytes && !recorder->finish && result != ETIMEDOUT) {
        result = pthread_cond_timedwait(&recorder->changed, &recorder->lock, &until);
    }
}

static int64_t retry_ms(const struct recorder *recorder)
{
    return recorder->options.retry_ms == 0 ? RECORDER_RETRY_MS : recorder->options.retry_ms;
}

/* Something to write, or time to look after what is on the disk. */
static void wait_for_pieces(struct recorder *recorder)
{
    if (recorder->pieces.first == NULL) {
        wait_until(recorder, retry_ms(recorder), 1);
    }
    if (recorder->pieces.first != NULL) {
        wait_until(recorder, RECORDER_DELAY_MS, WRITE_AT);
    }
}

static void *run(void *context)
{
    struct recorder *recorder = context;
    pthread_mutex_lock(&recorder->lock);
    for (bool last = false; !last;) {
        wait_for_pieces(recorder);
        struct segment_pieces pieces = recorder->pieces;
        bool idle = pieces.first == NULL;
        size_t room = recorder->stopped && idle ? recorder->room : 0;
        last = recorder->finish && idle;
        memset(&recorder->pieces, 0, sizeof recorder->pieces);
        recorder->waiting = 0;
        pthread_mutex_unlock(&recorder->lock);
        uint64_t broken = segment_writer_write(recorder->writer, &pieces);
        segment_writer_tend(recorder->writer);
        bool ready = room > 0 && !last && segment_writer_has_room(recorder->writer, room);
        pthread_mutex_lock(&recorder->lock);
        recorder->broken = broken == 0 ? recorder->broken : broken;
        recorder->ready = recorder->stopped && (recorder->ready || ready);
        recorder->state_waits = segment_pieces_have_state(&recorder->pieces);
        segment_writer_figures(recorder->writer, &recorder->figures);
    }
    pthread_mutex_unlock(&recorder->lock);
    return NULL;
}

/* ---- pieces ---- */

/* Hands what the journal has to the thread; false when there is no room for it. */
static bool hand_over(struct recorder *recorder, enum segment_piece_kind kind, size_t most)
{
    size_t count;
    const uint8_t *bytes = journal_bytes(recorder->journal, &count);
    pthread_mutex_lock(&recorder->lock);
    bool fits = recorder->waiting <= most && count <= most - recorder->waiting;
    if (fits) {
        bool wake = recorder->pieces.first == NULL ||
                    (recorder->waiting < WRITE_AT && recorder->waiting + count >= WRITE_AT);
        segment_pieces_append(&recorder->pieces, kind, recorder->segment, bytes, count);
        recorder->waiting += count;
        if (wake) {
            pthread_cond_signal(&recorder->changed);
        }
    }
    pthread_mutex_unlock(&recorder->lock);
    journal_clear(recorder->journal);
    return fits;
}

/* Nothing more is recorded until the thread finds room. */
static void stop(struct recorder *recorder)
{
    recorder->recording = false;
    pthread_mutex_lock(&recorder->lock);
    recorder->stopped = true;
    recorder->ready = false;
    recorder->room = recorder->state_bytes + (size_t)RECORDER_SEGMENT_LEAST;
    pthread_cond_signal(&recorder->changed);
    pthread_mutex_unlock(&recorder->lock);
}

/* Ends the segment with a record that says why. */
static void end(struct recorder *recorder, const char *why)
{
    journal_clear(recorder->journal);
    journal_end(recorder->journal, why);
    (void)hand_over(recorder, SEGMENT_PIECE_END, SIZE_MAX);
}

static void end_early(struct recorder *recorder, const char *why)
{
    end(recorder, why);
    stop(recorder);
    recorder->options.tell(recorder->options.context, RECORDER_ERROR,
                           "the journal stops: events are not recorded", NULL, why);
}

/* ---- segments ---- */

/* A new journal: the words of the one before are in its segment. */
static void begin(struct recorder *recorder, int64_t now, uint32_t state)
{
    struct journal_header header = {.options = recorder->engine,
                                    .started = now,
                                    .started_wall = clock_wall_ms() - (clock_ms() - now),
                                    .program = recorder->options.program,
                                    .segment = recorder->segment,
                                    .steps = recorder->lived,
                                    .state = state};
    journal_destroy(recorder->journal);
    recorder->journal = journal_create(recorder->engine.hash_seed);
    recorder->segment++;
    recorder->recording = true;
    recorder->bytes = 0;
    recorder->began = now;
    journal_begin(recorder->journal, &header);
    (void)hand_over(recorder, SEGMENT_PIECE_HEAD, SIZE_MAX);
}

bool recorder_is_due(struct recorder *recorder, int64_t now)
{
    size_t enough = (size_t)recorder->options.segment_size > recorder->state_bytes
                        ? (size_t)recorder->options.segment_size
                        : recorder->state_bytes;
    bool full = recorder->bytes >= enough ||
                (recorder->bytes > 0 && recorder->options.keep_age_ms > 0 &&
                 now - recorder->began >= recorder->options.keep_age_ms / AGES);
    pthread_mutex_lock(&recorder->lock);
    bool due = !recorder->state_waits && (recorder->recording ? full : recorder->ready);
    pthread_mutex_unlock(&recorder->lock);
    return due;
}

void recorder_checkpoint(struct recorder *recorder, struct engine *engine, int64_t now)
{
    struct checkpoint state;
    int64_t started = clock_ns();
    bool resumes = !recorder->recording;
    if (!resumes) {
        end(recorder, "it goes on in the next segment");
    }
    engine_save(engine, &state);
    recorder->state_bytes = state.count;
    begin(recorder, now, ENGINE_STATE);
    pthread_mutex_lock(&recorder->lock);
    segment_pieces_give(&recorder->pieces, recorder->segment, state.bytes, state.count);
    recorder->state_waits = true;
    recorder->stopped = false;
    recorder->ready = false;
    pthread_cond_signal(&recorder->changed);
    pthread_mutex_unlock(&recorder->lock);
    recorder->checkpoints++;
    recorder->saving_ns += clock_ns() - started;
    if (resumes) {
        recorder->options.tell(recorder->options.context, RECORDER_WARNING,
                               "the journal goes on in a new segment", NULL, NULL);
    }
}

/* ---- steps ---- */

/* Whether there is a segment to write to. */
static bool is_recording(struct recorder *recorder)
{
    pthread_mutex_lock(&recorder->lock);
    bool broken = recorder->broken == recorder->segment;
    pthread_mutex_unlock(&recorder->lock);
    if (recorder->recording && broken) { /* the thread has said why */
        stop(recorder);
    }
    return recorder->recording;
}

void recorder_step(struct recorder *recorder, const struct engine *engine,
                   const struct event *event, const struct effects *effects)
{
    struct err err;
    char why[END_ROOM / 4];
    size_t count;
    recorder->lived++;
    if (!is_recording(recorder)) {
        recorder->dropped++;
        return;
    }
    if (journal_step(recorder->journal, engine, event, effects, &err) < 0) {
        utf8_print(why, sizeof why, "a record cannot be written: %.80s", err.text);
        end_early(recorder, why);
        recorder->dropped++;
        return;
    }
    (void)journal_bytes(recorder->journal, &count);
    if (!hand_over(recorder, SEGMENT_PIECE_STEP, recorder->waiting_most)) {
        end_early(recorder, "the disk does not keep up");
        recorder->dropped++;
        return;
    }
    recorder->bytes += count;
    recorder->step_bytes += count;
}

void recorder_status(struct recorder *recorder, struct recorder_status *status)
{
    pthread_mutex_lock(&recorder->lock);
    const struct segment_figures *figures = &recorder->figures;
    uint64_t dropped = recorder->dropped + figures->lost;
    *status = (struct recorder_status){
        .recording = recorder->recording && recorder->broken != recorder->segment,
        .steps = recorder->lived - dropped,
        .dropped = dropped,
        .step_bytes = recorder->step_bytes,
        .segments = figures->segments,
        .bytes = figures->bytes,
        .checkpoints = recorder->checkpoints,
        .saving_ns = recorder->saving_ns,
        .state_bytes = recorder->state_bytes,
    };
    pthread_mutex_unlock(&recorder->lock);
}

/* ---- beginning and end ---- */

static void release(struct recorder *recorder)
{
    pthread_cond_destroy(&recorder->changed);
    pthread_mutex_destroy(&recorder->lock);
    segment_pieces_finish(&recorder->pieces);
    segment_writer_destroy(recorder->writer);
    journal_destroy(recorder->journal);
    free(recorder);
}

static struct recorder *prepare(const struct recorder_options *options)
{
    struct recorder *recorder = alloc_zero(1, sizeof *recorder);
    pthread_condattr_t attributes;
    recorder->options = *options;
    recorder->engine = *options->engine;
    if (options->engine->levels != NULL) {
        recorder->levels = *options->engine->levels;
        recorder->engine.levels = &recorder->levels;
    }
    recorder->waiting_most =
        options->waiting_most == 0 ? RECORDER_WAITING_MOST : options->waiting_most;
    err_require(pthread_mutex_init(&recorder->lock, NULL) == 0 &&
                pthread_condattr_init(&attributes) == 0 &&
                pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
                pthread_cond_init(&recorder->changed, &attributes) == 0);
    pthread_condattr_destroy(&attributes);
    return recorder;
}

int recorder_create(const struct recorder_options *options, struct recorder **recorder,
                    struct err *err)
{
    struct recorder *made = prepare(options);
    if (segment_writer_create(options, &made->writer, err) < 0) {
        release(made);
        return -1;
    }
    begin(made, options->started, 0);
    made->broken = segment_writer_write(made->writer, &made->pieces);
    made->waiting = 0;
    segment_writer_figures(made->writer, &made->figures);
    int error = pthread_create(&made->thread, NULL, run, made);
    if (error != 0) {
        release(made);
        return err_set(err, "a thread for the journal: %s", strerrordesc_np(error));
    }
    *recorder = made;
    return 0;
}

void recorder_destroy(struct recorder *recorder)
{
    struct timespec until;
    if (recorder == NULL) {
        return;
    }
    if (is_recording(recorder)) {
        end(recorder, "the daemon stopped");
    }
    pthread_mutex_lock(&recorder->lock);
    recorder->finish = true;
    pthread_cond_signal(&recorder->changed);
    pthread_mutex_unlock(&recorder->lock);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_END_S;
    if (pthread_timedjoin_np(recorder->thread, NULL, &until) != 0) {
        /* It hangs in the disk and still looks at what it was given: left behind on purpose. */
        recorder->options.tell(recorder->options.context, RECORDER_ERROR,
                               "the end of the journal could not be written in time", NULL, NULL);
        segment_writer_mute(recorder->writer);
        pthread_detach(recorder->thread);
        return;
    }
    release(recorder);
}
