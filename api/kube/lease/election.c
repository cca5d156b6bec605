// SPDX-License-Identifier: Apache-2.0
#include "api/kube/lease/election.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/base/clock.h"
#include "topology/base/alloc.h"

/* The machine decides; this only carries. At most one request is under way, and its answer is
 * handed over whole, cut at ANSWER_MAX (a Lease has some hundred bytes).
 *
 * The log tells a change of leader once, and a trouble once until it is another one.
 */

#define ANSWER_MAX (64u << 10)

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
};

struct election *election_create(const struct lease_options *options, struct client *client,
                                 const struct kube_log *log)
{
    struct election *election = alloc_zero(1, sizeof *election);
    size_t room = strlen(options->name_space) + strlen(options->name) + 2;
    election->lease = lease_create(options);
    election->client = client;
    election->log = *log;
    election->name = alloc_zero(room, 1);
    (void)snprintf(election->name, room, "%s/%s", options->name_space, options->name);
    kube_log(log, KUBE_LOG_INFO, "lease %s: on standby as %s", election->name, options->identity);
    return election;
}

void election_destroy(struct election *election)
{
    if (election == NULL) {
        return;
    }
    if (election->call != NULL) {
        client_cancel(election->client, election->call);
    }
    lease_destroy(election->lease);
    free(election->name);
    free(election->answer);
    free(election->told_trouble);
    free(election);
}

struct lease *election_lease(struct election *election)
{
    return election->lease;
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

int64_t election_run(struct election *election)
{
    int64_t now = clock_lease_ms();
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
    return deadline == INT64_MAX ? INT64_MAX : clock_ms() + (deadline - now);
}
