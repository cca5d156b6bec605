// SPDX-License-Identifier: Apache-2.0
#include "api/kube/lease/election.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/base/clock.h"
#include "api/kube/lease/peer_link.h"
#include "api/kube/lease/peer_listener.h"
#include "topology/base/alloc.h"

/* The machine decides; this only carries. At most one request is under way, and its answer is
 * handed over whole, cut at ANSWER_MAX (a Lease has some hundred bytes).
 *
 * The log tells a change of leader once, and a trouble once until it is another one.
 *
 * A standby keeps connected to the holder's address as the Lease tells it. The connections say when
 * to look at the Lease, and that the holder has ended; who leads is said by the Lease alone.
 */

#define ANSWER_MAX  (64u << 10)
#define ADDRESS_MAX 80

struct election {
    struct lease *lease;
    struct client *client;
    struct kube_log log;
    char *name; /* "namespace/name", for people */
    struct client_call *call;
    char *answer;
    size_t answer_length;
    size_t answer_room;
    enum lease_role told_role;
    char told_holder[LEASE_IDENTITY_MAX];
    char *told_trouble;
    struct peer_listener *listener; /* NULL: none, and no link either */
    struct peer_link *link;
    enum peer_state peer;
    uint64_t told_news;
    char *listen_address;
    bool told_address; /* it is settled where others find the listener */
};

/* A connection is only kept by who can be connected to: it takes both to hand over quickly. */
static int open_peers(struct election *election, const struct election_options *options,
                      struct err *err)
{
    if (options->peer_address == NULL || options->peer_address[0] == '\0') {
        return 0;
    }
    if (peer_listener_create(options->peer_address, options->peer_port, options->lease.identity,
                             &election->listener, err) != 0) {
        return err_prefix(err, "highAvailability.listen");
    }
    election->link = peer_link_create();
    if (election->link == NULL) {
        return err_set(err, "highAvailability.listen: no file is left");
    }
    election->listen_address = alloc_string(options->peer_address);
    if (options->peer_told != NULL && options->peer_told[0] != '\0') {
        lease_set_address(election->lease, options->peer_told);
        election->told_address = true;
    }
    client_wait_for(election->client, peer_listener_fd(election->listener));
    client_wait_for(election->client, peer_link_fd(election->link));
    return 0;
}

int election_create(const struct election_options *options, struct client *client,
                    const struct kube_log *log, struct election **election, struct err *err)
{
    struct election *created = alloc_zero(1, sizeof *created);
    size_t room = strlen(options->lease.name_space) + strlen(options->lease.name) + 2;
    created->lease = lease_create(&options->lease);
    created->client = client;
    created->log = *log;
    created->name = alloc_zero(room, 1);
    (void)snprintf(created->name, room, "%s/%s", options->lease.name_space, options->lease.name);
    if (open_peers(created, options, err) != 0) {
        election_destroy(created);
        return -1;
    }
    kube_log(log, KUBE_LOG_INFO, "lease %s: on standby as %s", created->name,
             options->lease.identity);
    *election = created;
    return 0;
}

void election_destroy(struct election *election)
{
    if (election == NULL) {
        return;
    }
    if (election->call != NULL) {
        client_cancel(election->client, election->call);
    }
    peer_listener_destroy(election->listener);
    peer_link_destroy(election->link);
    lease_destroy(election->lease);
    free(election->listen_address);
    free(election->name);
    free(election->answer);
    free(election->told_trouble);
    free(election);
}

struct lease *election_lease(struct election *election)
{
    return election->lease;
}

bool election_sees_holder(const struct election *election)
{
    return election->peer == PEER_LIVES;
}

static void tell_role(struct election *election, enum lease_role role)
{
    static const char *const texts[] = {
        "no longer leading, on standby",
        "leading",
        "finishing what was begun, then another one leads",
        "given back, or not held",
    };
    if (role != election->told_role) {
        bool lost = role == LEASE_STANDBY && election->told_role == LEASE_LEADER;
        kube_log(&election->log, lost ? KUBE_LOG_WARNING : KUBE_LOG_INFO, "lease %s: %s",
                 election->name, lost ? "lost: no longer leading, on standby" : texts[role]);
        election->told_role = role;
    }
}

static void tell(struct election *election)
{
    enum lease_role role = lease_role(election->lease, clock_lease_ms());
    const char *holder = lease_holder(election->lease);
    const char *trouble = lease_trouble(election->lease);
    tell_role(election, role);
    if (strcmp(holder, election->told_holder) != 0) {
        (void)snprintf(election->told_holder, sizeof election->told_holder, "%s", holder);
        if (role != LEASE_LEADER) {
            kube_log(&election->log, KUBE_LOG_INFO, "lease %s: held by %s", election->name,
                     holder[0] == '\0' ? "nobody" : holder);
        }
    }
    if (election->told_trouble == NULL || strcmp(trouble, election->told_trouble) != 0) {
        free(election->told_trouble);
        election->told_trouble = alloc_string(trouble);
        if (trouble[0] != '\0') {
            kube_log(&election->log, KUBE_LOG_WARNING, "lease %s: %s", election->name, trouble);
        }
    }
}

static int take_data(void *context, const char *bytes, size_t length, struct err *err)
{
    struct election *election = context;
    (void)err;
    size_t left = ANSWER_MAX - election->answer_length;
    length = length < left ? length : left;
    election->answer = alloc_grow(election->answer, &election->answer_room,
                                  election->answer_length + length + 1, 1);
    memcpy(election->answer + election->answer_length, bytes, length);
    election->answer_length += length;
    return 0;
}

static void call_done(void *context, int status, const char *error)
{
    struct election *election = context;
    election->call = NULL;
    (void)take_data(election, "", 0, NULL); /* so that there is an answer, if an empty one */
    lease_answer(election->lease, clock_lease_ms(), error == NULL ? status : 0, election->answer,
                 election->answer_length);
    tell(election);
}

/* Where others find the listener. On all addresses: the one that leads to the API server. */
static void find_address(struct election *election)
{
    char text[ADDRESS_MAX];
    const char *address = election->listen_address;
    if (strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0) {
        address = client_local_address(election->client);
    }
    if (election->told_address || address[0] == '\0') {
        return;
    }
    bool six = strchr(address, ':') != NULL;
    (void)snprintf(text, sizeof text, "%s%s%s:%u", six ? "[" : "", address, six ? "]" : "",
                   peer_listener_port(election->listener));
    kube_log(&election->log, KUBE_LOG_INFO, "lease %s: others connect to %s", election->name, text);
    lease_set_address(election->lease, text);
    election->told_address = true;
}

static void tell_peer(struct election *election, enum peer_state state)
{
    const char *holder = lease_holder(election->lease);
    if (state == PEER_ENDED && election->peer != PEER_ENDED) {
        kube_log(&election->log, KUBE_LOG_WARNING,
                 "lease %s: the process of %s has ended, its lease is not waited for",
                 election->name, holder);
    } else if (state == PEER_LIVES && election->peer != PEER_LIVES) {
        kube_log(&election->log, KUBE_LOG_INFO, "lease %s: connected to the holder %s at %s",
                 election->name, holder, lease_holder_address(election->lease));
    }
    election->peer = state;
}

/* Returns when to come again. */
static int64_t run_peers(struct election *election, int64_t now)
{
    struct lease *lease = election->lease;
    int64_t turn = clock_ms();
    bool news = peer_listener_run(election->listener, turn);
    bool standby = lease_role(lease, now) == LEASE_STANDBY;
    find_address(election);
    peer_link_aim(election->link, lease_holder(lease), standby ? lease_holder_address(lease) : "");
    enum peer_state state = peer_link_run(election->link, turn);
    tell_peer(election, state);
    if (state == PEER_ENDED) {
        lease_holder_ended(lease, lease_holder(lease), now);
    } else if (state == PEER_LIVES) {
        lease_holder_lives(lease);
    }
    if (peer_link_news(election->link) || news) {
        lease_look(lease, now);
    }
    if (lease_news(lease) != election->told_news) {
        election->told_news = lease_news(lease);
        peer_listener_tell(election->listener);
        peer_link_tell(election->link);
    }
    int64_t one = peer_listener_deadline(election->listener);
    int64_t two = peer_link_deadline(election->link);
    return one < two ? one : two;
}

int64_t election_run(struct election *election)
{
    int64_t now = clock_lease_ms();
    int64_t peers = election->listener == NULL ? INT64_MAX : run_peers(election, now);
    const struct lease_request *request = lease_next(election->lease, now, clock_wall_ns() / 1000);
    if (request != NULL) {
        election->answer_length = 0;
        election->call = client_start(
            election->client, &(struct client_request){
                                  .method = request->method,
                                  .target = request->target,
                                  .content_type = request->body == NULL ? NULL : "application/json",
                                  .body = request->body,
                                  .body_length = request->body == NULL ? 0 : strlen(request->body),
                                  .timeout_ms = request->timeout_ms,
                                  .data = take_data,
                                  .done = call_done,
                                  .context = election,
                              });
    }
    tell(election);
    int64_t deadline = lease_deadline(election->lease);
    int64_t due = deadline == INT64_MAX ? INT64_MAX : clock_ms() + (deadline - now);
    return due < peers ? due : peers;
}
