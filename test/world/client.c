// SPDX-License-Identifier: Apache-2.0
#include "api/kube/client/client.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "api/base/clock.h"
#include "test/world/network.h"
#include "test/world/phalanx.h"
#include "test/world/threads.h"
#include "topology/base/alloc.h"

/* In the place of api/kube/client/client.c: the same functions, with a network that the world
 * moves instead of libcurl. To wait is to give the turn back to the world.
 *
 * As with libcurl, a request leaves in client_run() and not before, and nothing is heard of one
 * that was cancelled.
 */

const char CLIENT_NOT_SENT[] = "it came too late to be sent";

struct client_call {
    struct client_call *next;
    uint64_t number;
    bool sent;
    struct client_request request; /* texts are copies */
};

struct client {
    struct phalanx *phalanx;
    struct network *network;
    struct client_call *calls; /* newest last */
    uint64_t next_number;
    struct arrival *arrivals;
    size_t arrival_count;
    size_t arrival_room;
    bool killed;
    uint64_t unauthorized;
};

static void arrived(struct client *client, struct arrival *arrival)
{
    client->arrivals = alloc_grow(client->arrivals, &client->arrival_room,
                                  client->arrival_count + 1, sizeof(*client->arrivals));
    client->arrivals[client->arrival_count++] = *arrival;
    phalanx_turn_at(client->phalanx, phalanx_world(client->phalanx)->now);
}

int client_create(const struct kube_access *access, uint32_t connections,
                  const struct kube_log *log, struct client **client, struct err *err)
{
    struct client *created = alloc_zero(1, sizeof(*created));
    created->phalanx = phalanx_current();
    created->network = network_create(created->phalanx, created, arrived);
    phalanx_attach(created->phalanx, created);
    *client = created;
    return 0;
}

struct network *client_network(struct client *client)
{
    return client->network;
}

void client_kill(struct client *client)
{
    client->killed = true;
}

static struct client_call **find(struct client *client, uint64_t number)
{
    struct client_call **at = &client->calls;
    while (*at != NULL && (*at)->number != number) {
        at = &(*at)->next;
    }
    return at;
}

static void release(struct client *client, uint64_t number)
{
    struct client_call **at = find(client, number);
    struct client_call *call = *at;
    *at = call->next;
    network_forget(client->network, number);
    free((char *)(uintptr_t)call->request.method);
    free((char *)(uintptr_t)call->request.target);
    free((char *)(uintptr_t)call->request.body);
    free(call);
}

void client_destroy(struct client *client)
{
    if (client == NULL) {
        return;
    }
    while (client->calls != NULL) {
        release(client, client->calls->number);
    }
    for (size_t i = 0; i < client->arrival_count; i++) {
        free(client->arrivals[i].text);
    }
    free(client->arrivals);
    phalanx_attach(client->phalanx, NULL);
    network_close(client->network);
    free(client);
}

struct client_call *client_start(struct client *client, const struct client_request *request)
{
    struct client_call **at = &client->calls;
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = alloc_zero(1, sizeof(**at));
    (*at)->number = ++client->next_number;
    (*at)->request = *request;
    (*at)->request.method = alloc_string(request->method);
    (*at)->request.target = alloc_string(request->target);
    (*at)->request.body =
        request->body == NULL ? NULL : alloc_string_n(request->body, request->body_length);
    return *at;
}

void client_cancel(struct client *client, struct client_call *call)
{
    release(client, call->number);
}

static bool has_unsent(const struct client *client)
{
    for (const struct client_call *call = client->calls; call != NULL; call = call->next) {
        if (!call->sent) {
            return true;
        }
    }
    return false;
}

static bool has_unsent_write(const struct client *client)
{
    for (const struct client_call *call = client->calls; call != NULL; call = call->next) {
        if (!call->sent && call->request.body != NULL) {
            return true;
        }
    }
    return false;
}

void client_wait(struct client *client, int timeout_ms)
{
    struct phalanx *phalanx = client->phalanx;
    struct thread *thread = phalanx_thread(phalanx);
    if (!thread_is_let_go(thread)) {
        struct world *world = phalanx_world(phalanx);
        bool at_once = has_unsent(client) || client->arrival_count > 0;
        if (world->betray && has_unsent_write(client)) { /* between waiting and sending */
            world->betray = false;
            phalanx_freeze(phalanx, world_between(world, 9 * SECOND, 30 * SECOND));
        }
        phalanx_turn_at(phalanx, world->now + (at_once ? 0 : timeout_ms * MS));
        thread_pause(thread);
    }
}

/* What has arrived for one call; its callbacks may start and cancel others. */
static void hand_over(struct client *client, const struct arrival *arrival)
{
    struct client_call *call = *find(client, arrival->call);
    if (call == NULL) {
        return;
    }
    const struct client_request request = call->request;
    struct err err;
    if (arrival->type == ARRIVAL_STATUS) {
        client->unauthorized += arrival->status == 401;
        if (request.status != NULL) {
            request.status(request.context, arrival->status, arrival->retry_after_ms);
        }
    } else if (arrival->type == ARRIVAL_DONE) {
        int status = arrival->status;
        release(client, arrival->call);
        request.done(request.context, status, arrival->text);
    } else if (request.data(request.context, arrival->text, strlen(arrival->text), &err) != 0) {
        release(client, arrival->call);
        request.done(request.context, 200, err.text);
    }
}

/* done() may start and cancel others. */
static void drop_late(struct client *client)
{
    struct client_call *call = client->calls;
    while (call != NULL) {
        int64_t before = call->request.send_before;
        if (call->sent || before == 0 || clock_lease_ms() < before) {
            call = call->next;
            continue;
        }
        const struct client_request request = call->request;
        release(client, call->number);
        request.done(request.context, 0, CLIENT_NOT_SENT);
        call = client->calls;
    }
}

void client_run(struct client *client)
{
    if (client->killed) {
        return;
    }
    size_t count = client->arrival_count;
    for (size_t i = 0; i < count; i++) {
        struct arrival arrival = client->arrivals[i];
        hand_over(client, &arrival);
        free(arrival.text);
    }
    client->arrival_count -= count;
    if (client->arrival_count > 0) {
        memmove(client->arrivals, client->arrivals + count,
                client->arrival_count * sizeof(*client->arrivals));
    }
    drop_late(client);
    for (struct client_call *call = client->calls; call != NULL; call = call->next) {
        if (!call->sent) {
            call->sent = true;
            network_send(client->network, call->number, call->request.method, call->request.target,
                         call->request.body, call->request.timeout_ms);
        }
    }
}

void client_wakeup(struct client *client)
{
    struct thread *thread = phalanx_thread(client->phalanx);
    if (client->killed && !thread_is_let_go(thread)) {
        thread_let_go(thread);
    } else if (!client->killed) {
        phalanx_turn_at(client->phalanx, phalanx_world(client->phalanx)->now);
    }
}

/* The world's processes have no connections between each other, and its network forgets. */
void client_drop_unsent(struct client *client, int64_t after_ms)
{
}

void client_wait_for(struct client *client, int fd)
{
}

const char *client_local_address(const struct client *client)
{
    return "";
}

uint64_t client_unauthorized(const struct client *client)
{
    return client->unauthorized;
}

const char *client_trouble(const struct client *client)
{
    (void)client;
    return "";
}
