// SPDX-License-Identifier: Apache-2.0
#include "test/world/network.h"

#include <stdlib.h>
#include <string.h>

#include "test/world/answers.h"
#include "test/world/judge.h"
#include "test/world/phalanx.h"
#include "topology/base/alloc.h"

/* A flight is a request and its answer, a watch being one long answer. It is found by number, for
 * steps of the agenda outlive it.
 *
 *   send ──fate──▶ land at the API server ──▶ pieces, in order ──▶ delivered
 *                      └ also when the process that sent it has died
 */

#define KEEPALIVE (120 * SECOND) /* so long a dead connection without traffic goes unnoticed */

enum fate { FATE_FINE, FATE_REFUSED, FATE_LOST, FATE_UNANSWERED, FATE_LATE, FATE_TROUBLE };

struct flight {
    uint64_t number;
    uint64_t call;
    char *method;
    char *target;
    char *body;
    enum fate fate;
    int status;     /* FATE_TROUBLE */
    bool lands;     /* FATE_TROUBLE: carried out all the same */
    bool forgotten; /* nobody waits for the answer */
    bool silent;
    bool watching;
    struct sender from;
    int64_t last; /* its last piece arrives then */
};

struct piece {
    uint64_t flight;
    struct arrival arrival;
};

struct network {
    struct world *world;
    struct phalanx *phalanx;
    struct client *client; /* NULL: closed */
    void (*arrived)(struct client *client, struct arrival *arrival);
    struct flight *flights;
    size_t flight_count;
    size_t flight_room;
    struct piece *pieces;
    size_t piece_count;
    size_t piece_room;
    uint64_t next_number;
    int64_t parted_until;
    int64_t heard_nodes; /* -1: not yet */
    int64_t heard_pods;
};

struct network *network_create(struct phalanx *phalanx, struct client *client,
                               void (*arrived)(struct client *client, struct arrival *arrival))
{
    struct network *network = alloc_zero(1, sizeof(*network));
    network->world = phalanx_world(phalanx);
    network->phalanx = phalanx;
    network->client = client;
    network->arrived = arrived;
    network->heard_nodes = -1;
    network->heard_pods = -1;
    return network;
}

static struct flight *find_flight(struct network *network, uint64_t number)
{
    for (size_t i = 0; i < network->flight_count; i++) {
        if (network->flights[i].number == number) {
            return &network->flights[i];
        }
    }
    return NULL;
}

static void end_flight(struct network *network, uint64_t number)
{
    struct flight *flight = find_flight(network, number);
    if (flight == NULL) {
        return;
    }
    if (flight->watching) {
        server_unwatch(network->world->server, network, number);
        flight = find_flight(network, number);
    }
    free(flight->method);
    free(flight->target);
    free(flight->body);
    *flight = network->flights[--network->flight_count];
}

void network_destroy(struct network *network)
{
    while (network->flight_count > 0) {
        end_flight(network, network->flights[0].number);
    }
    for (size_t i = 0; i < network->piece_count; i++) {
        free(network->pieces[i].arrival.text);
    }
    free(network->flights);
    free(network->pieces);
    free(network);
}

/* ---- answers ---- */

/* It is read when the process moves. */
static void note_heard(struct network *network, const struct flight *flight)
{
    int64_t frozen_until = phalanx_frozen_until(network->phalanx);
    int64_t at = frozen_until > network->world->now ? frozen_until : network->world->now;
    if (strncmp(flight->target, "/api/v1/nodes?", 14) == 0) {
        network->heard_nodes = at;
    } else if (strncmp(flight->target, "/api/v1/pods?", 13) == 0) {
        network->heard_pods = at;
    }
}

int64_t network_heard(const struct network *network)
{
    return network->heard_nodes < network->heard_pods ? network->heard_nodes : network->heard_pods;
}

/* The oldest piece of an answer: what waits for a connection does not change places. */
static void deliver(struct world *world, void *context, uint64_t number)
{
    struct network *network = context;
    struct flight *flight = find_flight(network, number);
    size_t at = 0;
    while (at < network->piece_count && network->pieces[at].flight != number) {
        at++;
    }
    if (at == network->piece_count) {
        return;
    }
    if (flight != NULL && network->client != NULL && world->now < network->parted_until) {
        world_after(world, network->parted_until - world->now, deliver, network, number);
        return;
    }
    struct piece piece = network->pieces[at];
    memmove(&network->pieces[at], &network->pieces[at + 1],
            (--network->piece_count - at) * sizeof(*network->pieces));
    bool done = piece.arrival.type == ARRIVAL_DONE;
    if (flight == NULL || flight->forgotten || flight->silent || network->client == NULL) {
        free(piece.arrival.text);
    } else {
        if (piece.arrival.status == 200) {
            note_heard(network, flight);
        }
        network->arrived(network->client, &piece.arrival);
    }
    if (done && flight != NULL && !flight->silent) {
        end_flight(network, number);
    }
}

/* *Steals* the text. Pieces of one answer keep their order. */
static void add_piece(struct network *network, struct flight *flight, enum arrival_type type,
                      int status, char *text, int64_t delay)
{
    struct world *world = network->world;
    int64_t at = world->now + delay;
    flight->last = at > flight->last ? at : flight->last;
    network->pieces = alloc_grow(network->pieces, &network->piece_room, network->piece_count + 1,
                                 sizeof(*network->pieces));
    struct piece *piece = &network->pieces[network->piece_count++];
    *piece = (struct piece){
        .flight = flight->number,
        .arrival = {.call = flight->call, .type = type, .status = status, .text = text}};
    if (type == ARRIVAL_STATUS && status == 429) {
        piece->arrival.retry_after_ms = 1000 * world_between(world, 0, 3);
    }
    world_after(world, flight->last - world->now, deliver, network, flight->number);
}

static int64_t latency(struct world *world)
{
    return world_between(world, MS / 2,
                         world_chance(world, world->faults.slow) ? 3 * SECOND : 5 * MS);
}

static void add_failure(struct network *network, struct flight *flight, const char *error,
                        int64_t delay)
{
    add_piece(network, flight, ARRIVAL_DONE, 0, alloc_string(error), delay);
}

/* A body in portions, as they come from a socket. */
static void add_answer(struct network *network, struct flight *flight, int status, const char *body)
{
    struct world *world = network->world;
    size_t length = strlen(body);
    add_piece(network, flight, ARRIVAL_STATUS, status, NULL, latency(world));
    for (size_t at = 0; at < length;) {
        size_t portion = (size_t)world_between(world, 1, 4000);
        portion = portion < length - at ? portion : length - at;
        add_piece(network, flight, ARRIVAL_DATA, status, alloc_string_n(body + at, portion), 0);
        at += portion;
    }
    add_piece(network, flight, ARRIVAL_DONE, status, NULL, 0);
}

/* Of watches, see kube_scheduler.c on the blind. */
static int64_t line_latency(struct world *world)
{
    return world->seed % 3 == 0 ? world_between(world, MS / 2, MS) : latency(world);
}

static void send_line(void *context, uint64_t number, const char *line, const char *error)
{
    struct network *network = context;
    struct flight *flight = find_flight(network, number);
    if (flight == NULL) {
        return;
    }
    int64_t delay = line_latency(network->world);
    if (line != NULL) {
        size_t length = strlen(line);
        char *text = alloc_string_n(line, length + 1); /* with its end, which becomes a new line */
        text[length] = '\n';
        add_piece(network, flight, ARRIVAL_DATA, 200, text, delay);
    } else if (error != NULL) {
        add_failure(network, flight, error, delay);
    } else {
        add_piece(network, flight, ARRIVAL_DONE, 200, NULL, delay);
    }
}

/* ---- requests ---- */

static void open_watch(struct network *network, struct flight *flight, struct watch *watch)
{
    uint64_t number = flight->number;
    watch->send = send_line;
    watch->context = network;
    watch->number = number;
    flight->watching = true;
    add_piece(network, flight, ARRIVAL_STATUS, 200, NULL, latency(network->world));
    if (!server_watch(network->world->server, watch)) {
        flight->watching = false;
        send_line(network, number,
                  "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410,\"message\":"
                  "\"too old resource version\"}}",
                  NULL);
        send_line(network, number, NULL, NULL);
    }
}

static void land(struct world *world, void *context, uint64_t number)
{
    struct network *network = context;
    struct flight *flight = find_flight(network, number);
    if (flight == NULL) {
        return;
    }
    bool is_watch = strstr(flight->target, "?watch=") != NULL;
    if (is_watch && (flight->forgotten || network->client == NULL)) {
        end_flight(network, number);
        return;
    }
    struct answer answer;
    int from = phalanx_index(network->phalanx);
    answer_request(world->server, flight->from, flight->method, flight->target, flight->body,
                   &answer);
    flight = find_flight(network, number);
    world_trace(world, "p%d: %s %s -> %d%s", from, flight->method, flight->target, answer.status,
                flight->forgotten ? " (late)" : "");
    if (flight->forgotten || network->client == NULL) {
        end_flight(network, number);
    } else if (answer.is_watch) {
        open_watch(network, flight, &answer.watch);
    } else if (flight->fate == FATE_TROUBLE) {
        char *text = answer_status_body(flight->status, "the API server is in trouble");
        add_answer(network, flight, flight->status, text);
        free(text);
    } else if (flight->fate != FATE_UNANSWERED) {
        add_answer(network, flight, answer.status, answer.body == NULL ? "" : answer.body);
    }
    free(answer.body);
}

static void time_out(struct world *world, void *context, uint64_t number)
{
    struct network *network = context;
    struct flight *flight = find_flight(network, number);
    if (flight != NULL && !flight->forgotten && network->client != NULL) {
        struct arrival arrival = {
            .call = flight->call, .type = ARRIVAL_DONE, .text = alloc_string("no answer in time")};
        network->arrived(network->client, &arrival);
        flight->forgotten = true;
        if (flight->watching) {
            end_flight(network, number);
        }
    }
}

static enum fate draw_fate(struct world *world, bool is_read)
{
    const struct faults *faults = &world->faults;
    if (world_chance(world, faults->refused)) {
        return FATE_REFUSED;
    }
    bool blind = world->seed % 3 == 0; /* then watches are not late */
    if (!(blind && is_read) && world_chance(world, faults->silent)) {
        return world_chance(world, 500) ? FATE_LOST : FATE_UNANSWERED;
    }
    if (world_chance(world, faults->status)) {
        return FATE_TROUBLE;
    }
    return !is_read && world_chance(world, faults->late) ? FATE_LATE : FATE_FINE;
}

void network_send(struct network *network, uint64_t call, const char *method, const char *target,
                  const char *body, int64_t timeout_ms)
{
    static const int STATUSES[] = {429, 500, 503, 504};
    struct world *world = network->world;
    network->flights = alloc_grow(network->flights, &network->flight_room,
                                  network->flight_count + 1, sizeof(*network->flights));
    struct flight *flight = &network->flights[network->flight_count++];
    *flight = (struct flight){.number = ++network->next_number,
                              .call = call,
                              .method = alloc_string(method),
                              .target = alloc_string(target),
                              .body = alloc_string(body),
                              .fate = draw_fate(world, body == NULL)};
    uint64_t number = flight->number;
    flight->from = judge_sends(world->judge, phalanx_index(network->phalanx), method, target);
    int64_t delay = latency(world);
    if (world->now < network->parted_until) {
        bool blind = world->seed % 3 == 0;
        flight->fate = (blind && body == NULL) || world_chance(world, 500) ? FATE_FINE : FATE_LOST;
        delay += network->parted_until - world->now;
    }
    if (flight->fate == FATE_TROUBLE) {
        flight->status = STATUSES[world_between(world, 0, 3)];
        flight->lands = flight->status >= 500 && world_chance(world, 500);
    } else if (flight->fate == FATE_LATE) {
        delay = world_between(world, SECOND, 25 * SECOND);
    }
    if (flight->fate != FATE_FINE) {
        static const char *const FATES[] = {"", "refused", "lost", "unanswered", "late", "trouble"};
        world_trace(world, "p%d: %s %s is %s", phalanx_index(network->phalanx), method, target,
                    FATES[flight->fate]);
    }
    if (flight->fate == FATE_REFUSED) {
        add_failure(network, flight, "connection refused", delay);
    } else if (flight->fate == FATE_TROUBLE && !flight->lands) {
        char *text = answer_status_body(flight->status, "the API server is in trouble");
        add_answer(network, flight, flight->status, text);
        free(text);
    } else if (flight->fate != FATE_LOST) {
        world_after(world, delay, land, network, number);
    }
    if (timeout_ms > 0 || flight->fate == FATE_LOST || flight->fate == FATE_UNANSWERED) {
        world_after(world, timeout_ms > 0 ? timeout_ms * MS : KEEPALIVE, time_out, network, number);
    }
}

void network_forget(struct network *network, uint64_t call)
{
    for (size_t i = 0; i < network->flight_count; i++) {
        struct flight *flight = &network->flights[i];
        if (flight->call == call) {
            flight->forgotten = true;
            if (flight->watching) {
                end_flight(network, flight->number);
            }
            return;
        }
    }
}

void network_close(struct network *network)
{
    network->client = NULL;
    for (size_t i = network->flight_count; i-- > 0;) {
        if (network->flights[i].watching) {
            end_flight(network, network->flights[i].number);
        }
    }
}

void network_part(struct network *network, int64_t until)
{
    if (until > network->parted_until) { /* never sooner: what waits must keep its order */
        network->parted_until = until;
    }
}

void network_silence(struct network *network)
{
    for (size_t i = 0; i < network->flight_count; i++) {
        if (network->flights[i].watching && !network->flights[i].silent) {
            network->flights[i].silent = true;
            world_after(network->world, KEEPALIVE, time_out, network, network->flights[i].number);
        }
    }
}
