// SPDX-License-Identifier: Apache-2.0
#include "test/world/judge.h"

#include <stdlib.h>
#include <string.h>

#include "test/world/jobs.h"
#include "test/world/network.h"
#include "test/world/phalanx.h"
#include "test/world/server.h"
#include "topology/base/alloc.h"

/* How long something counts: a vote as long as a hold, the patience of a write and the slowest
 * network together may take, anew for a process that stood still meanwhile (a binding without an
 * answer is believed in so long, until a watch had the time to show it); the confusion after etcd
 * was set back until leases have run out, and in the bindings of a gang as long as those that were
 * taken back are believed in.
 */

#define VOTE_COUNTS (100 * SECOND)
#define SET_BACK    (60 * SECOND)
#define BELIEVED    (130 * SECOND)
#define BEHIND      (100 * SECOND) /* bookmarks come every minute */
#define JUST_AWAKE  (100 * MS)
#define PLACES_MAX  64
#define LEASE       "kube-system/phalanx"
#define PODS        "/api/v1/namespaces/"

struct call {
    uint64_t number;
    int phalanx;
    char uid[32];
    char gang[32];
    int64_t begun;
    int64_t ended; /* -1: it waits */
};

/* Who was bound and went. */
struct gone {
    char uid[32];
    char gang[32];
    int64_t at;
};

/* A binding that took place. */
struct landed {
    char uid[32];
    char node[64];
    struct sender from;
};

/* When a Phalanx last asked for a pod. */
struct look {
    char path[SERVER_KEY_MAX];
    int64_t at;
};

struct judge {
    struct world *world;
    struct call *calls;
    size_t call_count;
    size_t call_room;
    struct gone *gone;
    size_t gone_count;
    size_t gone_room;
    int64_t renewed_at; /* the Lease changed */
    uint64_t bindings;
    uint64_t late;
    uint64_t term;       /* of whoever holds the Lease */
    uint64_t given_term; /* the last one that its holder ended by its own will */
    int64_t given_at;
    struct landed *landed;
    size_t landed_count;
    size_t landed_room;
    struct look *looks;
    size_t look_count;
    size_t look_room;
};

static void changed(void *context, const struct change *change)
{
    struct judge *judge = context;
    if (change == NULL || change->kind != KIND_POD || !change->gone ||
        object_text(change->object, "spec", "nodeName")[0] == '\0') {
        return;
    }
    judge->gone =
        alloc_grow(judge->gone, &judge->gone_room, judge->gone_count + 1, sizeof(*judge->gone));
    struct gone *gone = &judge->gone[judge->gone_count++];
    *gone = (struct gone){.at = judge->world->now};
    (void)snprintf(gone->uid, sizeof(gone->uid), "%s", object_uid(change->object));
    (void)snprintf(gone->gang, sizeof(gone->gang), "%s", jobs_gang(change->object));
}

struct judge *judge_create(struct world *world)
{
    struct judge *judge = alloc_zero(1, sizeof(*judge));
    judge->world = world;
    server_subscribe(world->server, changed, judge);
    return judge;
}

void judge_destroy(struct judge *judge)
{
    free(judge->calls);
    free(judge->gone);
    free(judge->landed);
    free(judge->looks);
    free(judge);
}

uint64_t judge_bindings(const struct judge *judge)
{
    return judge->bindings;
}

static bool set_back(const struct judge *judge)
{
    int64_t at = server_restored_at(judge->world->server);
    return at >= 0 && judge->world->now - at < SET_BACK;
}

/* Whether a Phalanx may still believe in bindings that etcd has lost: anew after it stood still. */
static bool believes(const struct judge *judge, int phalanx)
{
    int64_t at = server_restored_at(judge->world->server);
    int64_t awake = phalanx_frozen_until(judge->world->phalanxes[phalanx]);
    bool anew = awake > at && awake - at < 2 * BELIEVED;
    return at >= 0 && judge->world->now - (anew ? awake : at) < BELIEVED;
}

/* ---- calls ---- */

static const json_t *pod_of(const struct judge *judge, const char *uid)
{
    const struct server *server = judge->world->server;
    for (size_t i = 0; i < server_count(server, KIND_POD); i++) {
        const json_t *pod = server_at(server, KIND_POD, i);
        if (strcmp(object_uid(pod), uid) == 0) {
            return pod;
        }
    }
    return NULL;
}

void judge_call_begins(struct judge *judge, int phalanx, uint64_t call, const char *uid)
{
    judge->calls =
        alloc_grow(judge->calls, &judge->call_room, judge->call_count + 1, sizeof(*judge->calls));
    struct call *added = &judge->calls[judge->call_count++];
    *added =
        (struct call){.number = call, .phalanx = phalanx, .begun = judge->world->now, .ended = -1};
    const json_t *pod = pod_of(judge, uid);
    (void)snprintf(added->uid, sizeof(added->uid), "%s", uid);
    (void)snprintf(added->gang, sizeof(added->gang), "%s", pod == NULL ? "" : jobs_gang(pod));
}

static struct call *find(struct judge *judge, uint64_t number)
{
    for (size_t i = judge->call_count; i-- > 0;) {
        if (judge->calls[i].number == number) {
            return &judge->calls[i];
        }
    }
    return NULL;
}

void judge_call_ends(struct judge *judge, uint64_t call)
{
    struct call *found = find(judge, call);
    if (found != NULL && found->ended < 0) {
        found->ended = judge->world->now;
    }
}

void judge_call_waited(struct judge *judge, uint64_t call)
{
    const struct call *found = find(judge, call);
    const struct phalanx *phalanx = judge->world->phalanxes[found->phalanx];
    if (phalanx_alive(phalanx) && phalanx_frozen_until(phalanx) < found->begun) {
        world_fail(judge->world, "(hold) a bind call of %s for pod %s has waited 60 s", found->gang,
                   found->uid);
    }
}

/* ---- bindings ---- */

static bool holds_lease(const struct judge *judge, int phalanx)
{
    const char *holder =
        object_text(server_get(judge->world->server, KIND_LEASE, LEASE), "spec", "holderIdentity");
    return holder[0] == 'p' && holder[1] == '0' + phalanx;
}

static void count_once(const char *uids[PLACES_MAX], int *count, const char *uid)
{
    for (int i = 0; i < *count; i++) {
        if (strcmp(uids[i], uid) == 0) {
            return;
        }
    }
    if (*count < PLACES_MAX) {
        uids[(*count)++] = uid;
    }
}

static void judge_quorum(struct judge *judge, int from, const char *gang)
{
    const struct server *server = judge->world->server;
    const char *uids[PLACES_MAX];
    int count = 0;
    int64_t since = judge->world->now - VOTE_COUNTS;
    int64_t awake = phalanx_frozen_until(judge->world->phalanxes[from]);
    for (size_t i = 0; i < server_count(server, KIND_POD); i++) {
        const json_t *pod = server_at(server, KIND_POD, i);
        if (strcmp(jobs_gang(pod), gang) == 0 && object_text(pod, "spec", "nodeName")[0] != '\0') {
            count_once(uids, &count, object_uid(pod));
        }
    }
    for (size_t i = 0; i < judge->gone_count; i++) {
        if (judge->gone[i].at >= since && strcmp(judge->gone[i].gang, gang) == 0) {
            count_once(uids, &count, judge->gone[i].uid);
        }
    }
    for (size_t i = 0; i < judge->call_count; i++) {
        const struct call *call = &judge->calls[i];
        if (call->phalanx == from && strcmp(call->gang, gang) == 0 &&
            call->begun >= (awake >= since ? since - VOTE_COUNTS : since)) {
            count_once(uids, &count, call->uid);
        }
    }
    if (count < jobs_minimum(judge->world->jobs, gang)) {
        world_fail(judge->world, "(quorum) a member of %s is bound when %d of %d are or have asked",
                   gang, count, jobs_minimum(judge->world->jobs, gang));
    }
}

static void judge_booking(struct judge *judge, const json_t *pod, const char *name)
{
    const struct server *server = judge->world->server;
    const json_t *node = server_get(server, KIND_NODE, name);
    int left = jobs_node_gpus(node) - jobs_pod_gpus(pod);
    for (size_t i = 0; i < server_count(server, KIND_POD); i++) {
        const json_t *other = server_at(server, KIND_POD, i);
        if (!jobs_is_over(other) && strcmp(object_text(other, "spec", "nodeName"), name) == 0) {
            left -= jobs_pod_gpus(other);
        }
    }
    if (node == NULL || left < 0) {
        world_fail(judge->world, "(booking) node %s takes %s with %d GPUs too few", name,
                   object_name(pod), -left);
    }
}

static bool is_current(const struct judge *judge, struct sender from)
{
    return from.term == judge->term &&
           from.life == phalanx_life(judge->world->phalanxes[from.phalanx]);
}

static int64_t looked_at(const struct judge *judge, const json_t *pod)
{
    char path[SERVER_KEY_MAX];
    (void)snprintf(path, sizeof(path), PODS "%s/pods/%s", object_text(pod, "metadata", "namespace"),
                   object_name(pod));
    for (size_t i = judge->look_count; i-- > 0;) {
        if (strcmp(judge->looks[i].path, path) == 0) {
            return judge->looks[i].at;
        }
    }
    return -1;
}

static void note_landing(struct judge *judge, struct sender from, const json_t *pod,
                         const char *node)
{
    judge->landed = alloc_grow(judge->landed, &judge->landed_room, judge->landed_count + 1,
                               sizeof(*judge->landed));
    struct landed *landed = &judge->landed[judge->landed_count++];
    *landed = (struct landed){.from = from};
    (void)snprintf(landed->uid, sizeof(landed->uid), "%s", object_uid(pod));
    (void)snprintf(landed->node, sizeof(landed->node), "%s", node);
}

void judge_binds(struct judge *judge, struct sender from, const json_t *pod, const char *node)
{
    judge->bindings++;
    world_trace(judge->world, "p%d binds %s to %s", from.phalanx, object_name(pod), node);
    note_landing(judge, from, pod, node);
    if (!is_current(judge, from) && !set_back(judge) && from.term == judge->given_term) {
        world_fail(judge->world, "(given) p%d has given the Lease away %lld ms before %s is bound",
                   from.phalanx, (long long)((judge->world->now - judge->given_at) / MS),
                   object_name(pod));
    }
    if (!is_current(judge, from) || set_back(judge)) {
        judge->late++;
        return;
    }
    bool asked = false;
    for (size_t i = 0; i < judge->call_count; i++) {
        asked = asked || strcmp(judge->calls[i].uid, object_uid(pod)) == 0;
    }
    if (!asked) {
        world_fail(judge->world, "(asked) %s is bound and nobody asked for it", object_name(pod));
    }
    if (jobs_gang(pod)[0] != '\0' && !believes(judge, from.phalanx)) {
        judge_quorum(judge, from.phalanx, jobs_gang(pod));
    }
    if (judge->late == 0) { /* else a node may have too many by no fault of this one */
        judge_booking(judge, pod, node);
    }
}

void judge_answer(struct judge *judge, int phalanx, const json_t *pod, const char *node,
                  const char *error)
{
    const json_t *now = pod_of(judge, object_uid(pod));
    const char *on = object_text(now, "spec", "nodeName");
    if (now == NULL) {
        return;
    }
    if (error == NULL && strcmp(on, node) != 0 && !set_back(judge)) {
        world_fail(judge->world, "(told) %s is said to be bound to %s and is on \"%s\"",
                   object_name(pod), node, on);
    }
    for (size_t i = 0; error != NULL && i < judge->landed_count; i++) {
        const struct landed *landed = &judge->landed[i];
        if (strcmp(landed->uid, object_uid(pod)) == 0 && strcmp(landed->node, node) == 0 &&
            landed->from.phalanx == phalanx && is_current(judge, landed->from) &&
            holds_lease(judge, phalanx) && looked_at(judge, pod) < landed->from.at &&
            strstr(error, "called again") == NULL && strstr(error, "leads") == NULL) {
            world_fail(judge->world, "(look) %s is bound to %s, and who asked is told: %.200s",
                       object_name(pod), node, error);
        }
    }
}

/* ---- leaders ---- */

static void note_look(struct judge *judge, const char *target)
{
    judge->looks =
        alloc_grow(judge->looks, &judge->look_room, judge->look_count + 1, sizeof(*judge->looks));
    struct look *look = &judge->looks[judge->look_count++];
    look->at = judge->world->now;
    (void)snprintf(look->path, sizeof(look->path), "%s", target);
}

struct sender judge_sends(struct judge *judge, int from, const char *method, const char *target)
{
    const struct network *network = phalanx_network(judge->world->phalanxes[from]);
    struct sender sender = {.phalanx = from,
                            .life = phalanx_life(judge->world->phalanxes[from]),
                            .term = judge->term,
                            .at = judge->world->now,
                            .heard = network == NULL ? -1 : network_heard(network)};
    int64_t awake = phalanx_frozen_until(judge->world->phalanxes[from]);
    if (sender.at >= awake && sender.at - awake < JUST_AWAKE) { /* decided before it stood still */
        sender.heard = sender.at;
    }
    if (strcmp(method, "GET") == 0 && strncmp(target, PODS, strlen(PODS)) == 0) {
        note_look(judge, target);
    } else if (strcmp(method, "GET") != 0 && strstr(target, "/leases") == NULL &&
               !set_back(judge) && !holds_lease(judge, from)) {
        world_fail(judge->world, "(leaders) p%d writes and does not hold the Lease: %s %s", from,
                   method, target);
    }
    return sender;
}

void judge_lease(struct judge *judge, struct sender from, const json_t *before, const json_t *after)
{
    const char *was = object_text(before, "spec", "holderIdentity");
    const char *is = object_text(after, "spec", "holderIdentity");
    json_int_t seconds = json_integer_value(
        json_object_get(json_object_get(before, "spec"), "leaseDurationSeconds"));
    bool takes = strcmp(was, is) != 0 && is[0] == 'p' && is[1] == '0' + from.phalanx;
    if (takes && was[0] == 'p' && !set_back(judge) &&
        judge->world->now - judge->renewed_at < seconds * SECOND) {
        world_fail(judge->world, "(lease) p%d takes the Lease from %s after %lld ms", from.phalanx,
                   was, (long long)((judge->world->now - judge->renewed_at) / MS));
    }
    if (takes && (from.heard < 0 || from.at - from.heard > BEHIND)) {
        world_fail(
            judge->world,
            "(behind) p%d takes the Lease and has heard nothing of nodes or pods for %lld ms",
            from.phalanx, (long long)((from.at - from.heard) / MS));
    }
    if (strcmp(was, is) != 0 && was[0] == 'p' && was[1] == '0' + from.phalanx) {
        judge->given_term = judge->term;
        judge->given_at = judge->world->now;
    }
    if (strcmp(was, is) != 0) {
        judge->term++;
        world_trace(judge->world, "Lease: from \"%s\" to \"%s\"", was, is);
    }
    if (!json_equal(json_object_get(before, "spec"), json_object_get(after, "spec"))) {
        judge->renewed_at = judge->world->now;
    }
}

void judge_forgives(struct judge *judge)
{
    judge->late++;
}

/* ---- the end ---- */

void judge_end(struct judge *judge)
{
    const struct server *server = judge->world->server;
    char text[WORLD_TEXT_MAX];
    if (!jobs_done(judge->world->jobs)) {
        jobs_describe(judge->world->jobs, text, sizeof(text));
        world_fail(judge->world, "(alive) a job does not run: %s", text);
    }
    for (size_t i = 0; i < server_count(server, KIND_POD); i++) {
        const json_t *pod = server_at(server, KIND_POD, i);
        const json_t *annotations =
            json_object_get(json_object_get(pod, "metadata"), "annotations");
        bool nominated = object_text(pod, "status", "nominatedNodeName")[0] != '\0' ||
                         json_object_get(annotations, "phalanx.dev/node") != NULL;
        if (nominated && object_text(pod, "spec", "nodeName")[0] == '\0') {
            world_fail(judge->world, "(left) pod %s has no place and carries a nomination",
                       object_name(pod));
        }
    }
}
