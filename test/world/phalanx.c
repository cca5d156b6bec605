// SPDX-License-Identifier: Apache-2.0
#include "test/world/phalanx.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/daemon/calls.h"
#include "api/daemon/core.h"
#include "api/kube/io.h"
#include "test/world/network.h"
#include "test/world/requests.h"
#include "test/world/threads.h"
#include "topology/base/alloc.h"

/* What api/daemon/daemon.c and loop.c put together, without sockets. Two things have turns: the
 * Kubernetes thread, when it asked for it or something has arrived, and the core, a moment after a
 * call, after a turn of the other, and when its clock says so. While the process is frozen neither
 * has one.
 */

#define HOLD_TIMEOUT_MS   30000
#define WRITE_PATIENCE_MS 10000
#define DRAIN_MOST        (10 * SECOND)
#define CALLS_MAX         256

struct http_call {
    uint64_t number;
    char *path;
    char *body;
    struct http_request *request; /* NULL: has not arrived */
    bool hung_up;
    bool told; /* … and the handler knows */
    void (*answered)(void *context, uint64_t number, int status, const char *body);
    void *context;
};

struct phalanx {
    struct world *world;
    int index;
    uint64_t life; /* of steps on the agenda: those of a life that ended are void */
    bool alive;
    bool draining;
    int64_t drain_until;
    int64_t frozen_until;
    struct clocks clocks;
    int64_t clock_base;  /* monotonic of its machine at the beginning, ns */
    int64_t wall_offset; /* ns */

    struct kube_io *io;
    struct intake *intake;
    struct log *log;
    struct metrics *metrics;
    struct calls *calls;
    struct core *core;
    struct client *client;
    struct thread *thread;
    struct network **networks; /* of all lives */
    size_t network_count;
    size_t network_room;
    int null_fd;

    int64_t turn_at; /* of the Kubernetes thread */
    int64_t step_at; /* of the core */
    struct http_call http[CALLS_MAX];
    size_t http_count;
};

static struct phalanx *current;

struct phalanx *phalanx_current(void)
{
    return current;
}

struct world *phalanx_world(struct phalanx *phalanx)
{
    return phalanx->world;
}

struct thread *phalanx_thread(struct phalanx *phalanx)
{
    return phalanx->thread;
}

void phalanx_attach(struct phalanx *phalanx, struct client *client)
{
    phalanx->client = client;
    if (client != NULL) {
        phalanx->networks = alloc_grow(phalanx->networks, &phalanx->network_room,
                                       phalanx->network_count + 1, sizeof(struct network *));
        phalanx->networks[phalanx->network_count++] = client_network(client);
    }
}

bool phalanx_alive(const struct phalanx *phalanx)
{
    return phalanx->alive;
}

int64_t phalanx_frozen_until(const struct phalanx *phalanx)
{
    return phalanx->frozen_until;
}

uint64_t phalanx_life(const struct phalanx *phalanx)
{
    return phalanx->life;
}

struct network *phalanx_network(struct phalanx *phalanx)
{
    return phalanx->client == NULL ? NULL : client_network(phalanx->client);
}

int phalanx_index(const struct phalanx *phalanx)
{
    return phalanx->index;
}

void phalanx_enter(struct phalanx *phalanx)
{
    current = phalanx;
    phalanx->clocks.monotonic = phalanx->clock_base + phalanx->world->now * 1000;
    phalanx->clocks.wall = 1800000000000000000 + phalanx->world->now * 1000 + phalanx->wall_offset;
    threads_clocks(&phalanx->clocks);
}

void phalanx_leave(void)
{
    current = NULL;
    threads_clocks(NULL);
}

/* ---- turns ---- */

static void core_step(struct world *world, void *context, uint64_t life);

static void step_at(struct phalanx *phalanx, int64_t at)
{
    if (phalanx->step_at <= phalanx->world->now || at < phalanx->step_at) {
        phalanx->step_at = at > phalanx->world->now ? at : phalanx->world->now + 1;
        world_after(phalanx->world, phalanx->step_at - phalanx->world->now, core_step, phalanx,
                    phalanx->life);
    }
}

static void turn(struct world *world, void *context, uint64_t life)
{
    struct phalanx *phalanx = context;
    if (life != phalanx->life || !phalanx->alive || phalanx->turn_at != world->now) {
        return;
    }
    if (phalanx->frozen_until > world->now) {
        phalanx->turn_at = phalanx->frozen_until;
        world_after(world, phalanx->turn_at - world->now, turn, phalanx, life);
        return;
    }
    phalanx->turn_at = INT64_MAX;
    phalanx_enter(phalanx);
    thread_resume(phalanx->thread);
    phalanx_leave();
    step_at(phalanx, world->now + world_between(world, 50, MS));
}

void phalanx_turn_at(struct phalanx *phalanx, int64_t at)
{
    int64_t earliest = phalanx->frozen_until > phalanx->world->now ? phalanx->frozen_until
                                                                   : phalanx->world->now + 20;
    at = at > earliest ? at : earliest;
    if (at < phalanx->turn_at) {
        phalanx->turn_at = at;
        world_after(phalanx->world, at - phalanx->world->now, turn, phalanx, phalanx->life);
    }
}

/* ---- calls ---- */

static size_t find_call(const struct phalanx *phalanx, uint64_t number)
{
    size_t at = 0;
    while (at < phalanx->http_count && phalanx->http[at].number != number) {
        at++;
    }
    return at;
}

static void end_call(struct phalanx *phalanx, size_t at, int status, const char *body)
{
    struct http_call call = phalanx->http[at];
    memmove(&phalanx->http[at], &phalanx->http[at + 1],
            (--phalanx->http_count - at) * sizeof(*phalanx->http));
    free(call.path);
    free(call.body);
    if (!call.hung_up) {
        call.answered(call.context, call.number, status, body);
    }
}

static void responded(void *context, uint64_t number, int status, const char *body)
{
    struct phalanx *phalanx = context;
    size_t at = find_call(phalanx, number);
    if (at < phalanx->http_count) {
        end_call(phalanx, at, status, body);
    }
}

void phalanx_call(struct phalanx *phalanx, uint64_t number, const char *path, const char *body,
                  void (*answered)(void *context, uint64_t number, int status, const char *body),
                  void *context)
{
    if (!phalanx->alive || phalanx->http_count == CALLS_MAX) {
        answered(context, number, 0, "");
        return;
    }
    phalanx->http[phalanx->http_count++] = (struct http_call){.number = number,
                                                              .path = alloc_string(path),
                                                              .body = alloc_string(body),
                                                              .answered = answered,
                                                              .context = context};
    step_at(phalanx, phalanx->world->now + world_between(phalanx->world, 100, 2 * MS));
}

void phalanx_hang_up(struct phalanx *phalanx, uint64_t number)
{
    size_t at = find_call(phalanx, number);
    if (at < phalanx->http_count) {
        phalanx->http[at].hung_up = true;
        step_at(phalanx, phalanx->world->now + world_between(phalanx->world, 100, 2 * MS));
    }
}

/* What http_server_run() does: hands over what has arrived, tells who has hung up. */
static void run_http(struct phalanx *phalanx)
{
    for (size_t i = 0; i < phalanx->http_count;) {
        struct http_call *call = &phalanx->http[i];
        uint64_t number = call->number;
        if (call->request == NULL) {
            struct http_request *request =
                request_create(number, call->path, call->body, responded, phalanx);
            call->request = request;
            if (!calls_handle(phalanx->calls, request, call->path)) {
                world_fail(phalanx->world, "p%d does not know the verb %s", phalanx->index,
                           call->path);
                return;
            }
            i = find_call(phalanx, number) == i ? i + 1 : 0;
        } else if (call->hung_up && !call->told) {
            call->told = true;
            request_abandon(call->request); /* which answers it, and it is gone from here */
            i = 0;
        } else {
            i++;
        }
    }
}

static void finish_drain(struct phalanx *phalanx);

static void core_step(struct world *world, void *context, uint64_t life)
{
    struct phalanx *phalanx = context;
    if (life != phalanx->life || !phalanx->alive || phalanx->step_at != world->now) {
        return;
    }
    if (phalanx->frozen_until > world->now) {
        phalanx->step_at = phalanx->frozen_until;
        world_after(world, phalanx->step_at - world->now, core_step, phalanx, life);
        return;
    }
    phalanx_enter(phalanx);
    run_http(phalanx);
    bool more = core_pump(phalanx->core);
    run_http(phalanx);
    core_tick(phalanx->core);
    run_http(phalanx);
    int timeout = more ? 0 : core_timeout(phalanx->core);
    bool released = phalanx->draining && calls_waiting(phalanx->calls) == 0 &&
                    (kube_io_released(phalanx->io) || world->now >= phalanx->drain_until);
    phalanx_leave();
    if (released) {
        finish_drain(phalanx);
        return;
    }
    int64_t next = timeout < 0 ? INT64_MAX : world->now + timeout * MS + 50;
    if (phalanx->draining && next > world->now + 20 * MS) {
        next = world->now + 20 * MS;
    }
    if (next != INT64_MAX) {
        step_at(phalanx, next);
    }
}

/* ---- lives ---- */

static void log_from_kube(void *context, int level, const char *message)
{
    static const enum log_level levels[] = {LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR};
    log_text(context, levels[level < 0 || level > 3 ? 3 : level], message, "component",
             "kubernetes", NULL);
}

static void warn(void *context, const char *what, const char *why)
{
    log_text(context, LOG_WARNING, what, "error", why, NULL);
}

static void create_io(struct phalanx *phalanx)
{
    static const char *const schedulers[] = {"default-scheduler"};
    char identity[] = "p0";
    identity[1] = (char)('0' + phalanx->index);
    struct kube_access access = {.server = NULL};
    const struct election_options election = {
        .lease = {.name_space = "kube-system",
                  .name = "phalanx",
                  .identity = identity,
                  .duration_ms = 15000,
                  .renew_deadline_ms = 10000,
                  .retry_period_ms = 2000,
                  .seed = random_next(&phalanx->world->random)}};
    const struct kube_io_options options = {
        .schedulers = schedulers,
        .scheduler_count = 1,
        .election = &election,
        .access = &access,
        .writes_in_flight = 1 + (uint32_t)(phalanx->world->seed % 3) * 8,
        .steer_by_annotation = phalanx->world->seed % 5 == 0,
        .write_patience_ms = WRITE_PATIENCE_MS,
        .log = log_from_kube,
        .log_context = phalanx->log,
    };
    struct err err;
    phalanx->thread = thread_expect();
    if (kube_io_create(&options, &phalanx->io, &err) != 0) {
        world_fail(phalanx->world, "p%d does not start: %s", phalanx->index, err.text);
    }
}

static void create_core(struct phalanx *phalanx)
{
    struct engine_options engine;
    engine_options_default(&engine);
    engine.hold_timeout_ms = HOLD_TIMEOUT_MS;
    engine.backoff_maximum_ms = 20000;
    engine.hash_seed = random_next(&phalanx->world->random);
    phalanx->intake =
        intake_create(&(struct intake_options){.warn = warn, .context = phalanx->log});
    phalanx->calls = calls_create(phalanx->log, phalanx->metrics, UINT32_MAX);
    phalanx->core = core_create(&(struct core_options){.engine = &engine,
                                                       .log = phalanx->log,
                                                       .metrics = phalanx->metrics,
                                                       .backend = kube_io_backend(phalanx->io),
                                                       .intake = phalanx->intake,
                                                       .bind_reply = calls_bind_reply,
                                                       .bind_context = phalanx->calls});
    calls_attach(phalanx->calls, phalanx->core);
}

void phalanx_start(struct phalanx *phalanx)
{
    struct world *world = phalanx->world;
    if (phalanx->alive) {
        return;
    }
    world_trace(world, "p%d starts", phalanx->index);
    phalanx_enter(phalanx);
    phalanx->life++;
    phalanx->alive = true;
    phalanx->draining = false;
    phalanx->frozen_until = 0;
    phalanx->turn_at = INT64_MAX;
    phalanx->step_at = 0;
    phalanx->log = log_create(world->trace == NULL ? phalanx->null_fd : fileno(world->trace),
                              world->trace == NULL ? LOG_ERROR : LOG_DEBUG, LOG_TEXT);
    phalanx->metrics = metrics_create();
    create_io(phalanx);
    create_core(phalanx);
    phalanx_leave();
    phalanx_turn_at(phalanx, world->now);
    step_at(phalanx, world->now + MS);
}

/* Nothing of it does anything any more; the memory is freed as if it ended by itself. */
static void end_life(struct phalanx *phalanx)
{
    phalanx->alive = false;
    phalanx->life++;
    phalanx_enter(phalanx);
    client_kill(phalanx->client);
    kube_io_destroy(phalanx->io, 0);
    calls_fail_all(phalanx->calls, "the process is gone");
    core_destroy(phalanx->core);
    calls_destroy(phalanx->calls);
    intake_destroy(phalanx->intake);
    metrics_destroy(phalanx->metrics);
    log_destroy(phalanx->log);
    thread_destroy(phalanx->thread);
    phalanx_leave();
}

void phalanx_kill(struct phalanx *phalanx)
{
    if (!phalanx->alive) {
        return;
    }
    world_trace(phalanx->world, "p%d is killed", phalanx->index);
    /* Its callers hear a broken connection, not what it says while it is taken apart. */
    struct http_call calls[CALLS_MAX];
    size_t count = phalanx->http_count;
    memcpy(calls, phalanx->http, count * sizeof(*calls));
    for (size_t i = 0; i < count; i++) {
        phalanx->http[i].hung_up = true;
        phalanx->http[i].path = NULL;
        phalanx->http[i].body = NULL;
    }
    end_life(phalanx);
    phalanx->http_count = 0;
    for (size_t i = 0; i < count; i++) {
        free(calls[i].path);
        free(calls[i].body);
        if (!calls[i].hung_up) {
            calls[i].answered(calls[i].context, calls[i].number, 0, "");
        }
    }
}

/* The kubelet sees to it. */
static void start_again(struct world *world, void *context, uint64_t number)
{
    (void)world;
    (void)number;
    phalanx_start(context);
}

static void finish_drain(struct phalanx *phalanx)
{
    world_trace(phalanx->world, "p%d has ended", phalanx->index);
    phalanx_kill(phalanx);
    world_after(phalanx->world, world_between(phalanx->world, MS, 5 * SECOND), start_again, phalanx,
                0);
}

void phalanx_stop(struct phalanx *phalanx)
{
    if (!phalanx->alive || phalanx->draining || phalanx->frozen_until > phalanx->world->now) {
        return;
    }
    world_trace(phalanx->world, "p%d is told to stop", phalanx->index);
    phalanx->draining = true;
    phalanx->drain_until = phalanx->world->now + DRAIN_MOST;
    phalanx_enter(phalanx);
    core_apply(phalanx->core, &(struct event){.type = EVENT_DRAIN});
    phalanx_leave();
    step_at(phalanx, phalanx->world->now + MS);
}

void phalanx_freeze(struct phalanx *phalanx, int64_t duration)
{
    world_trace(phalanx->world, "p%d is frozen for %lld ms", phalanx->index,
                (long long)(duration / MS));
    phalanx->frozen_until = phalanx->world->now + duration;
}

void phalanx_step_clock(struct phalanx *phalanx, int64_t by)
{
    world_trace(phalanx->world, "p%d: the clock jumps by %lld ms", phalanx->index,
                (long long)(by / MS));
    phalanx->wall_offset += by * 1000;
}

struct phalanx *phalanx_create(struct world *world, int index)
{
    struct phalanx *phalanx = alloc_zero(1, sizeof(*phalanx));
    phalanx->world = world;
    phalanx->index = index;
    phalanx->clock_base = world_between(world, 1, 1000000) * 1000000;
    phalanx->null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    return phalanx;
}

void phalanx_destroy(struct phalanx *phalanx)
{
    phalanx_kill(phalanx);
    for (size_t i = 0; i < phalanx->network_count; i++) {
        network_destroy(phalanx->networks[i]);
    }
    free(phalanx->networks);
    close(phalanx->null_fd);
    free(phalanx);
}
