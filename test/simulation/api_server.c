// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/api_server.h"

#include <string.h>

#include "test/simulation/host.h"
#include "test/simulation/kube_scheduler.h"
#include "test/simulation/peer.h"

#include "topology/base/alloc.h"

/* The API server: the truth, its writes with their preconditions, and watches.
 *
 * A watch is one ordered stream per client and kind. It may be late, for as long as it likes, but
 * it never reorders; kinds are not ordered among each other. A relist drops what is still on its
 * way and shows everything as it is, so a client may miss states and see others twice, as with a
 * real reflector.
 *
 * Binding follows pkg/registry/core/pod/storage/storage.go assignPod(): 404 without the pod (the
 * uid is a precondition), 409 when it is being deleted or bound elsewhere; nobody checks that the
 * node exists.
 */

static struct change look(const struct sim *sim, enum sim_kind kind, int index)
{
    struct change change = {.kind = kind, .index = index};
    if (kind == KIND_NODE) {
        change.node = sim->nodes[index].state;
    } else if (kind == KIND_POD) {
        change.pod = sim->pods[index].state;
    } else {
        change.group = sim->gangs[index].state;
    }
    return change;
}

static bool exists(const struct change *change)
{
    return change->kind == KIND_NODE  ? change->node.exists
           : change->kind == KIND_POD ? change->pod.exists
                                      : change->group.exists;
}

static int objects(const struct sim *sim, enum sim_kind kind)
{
    return kind == KIND_NODE  ? sim->node_count
           : kind == KIND_POD ? sim->pod_count
                              : sim->gang_count;
}

static void arm(struct sim *sim, enum sim_client client, enum sim_kind kind)
{
    struct stream *stream = &sim->clients[client].streams[kind];
    if (stream->armed || stream->count == 0) {
        return;
    }
    int64_t delay = sim_delay(sim, 0, 20, 100, 1500);
    if (!sim->calm && stream->blocked_until > sim->now + delay) {
        delay = stream->blocked_until - sim->now;
    }
    if (client == CLIENT_ENGINE && sim->host.frozen_until > sim->now + delay) {
        delay = sim->host.frozen_until - sim->now;
    }
    stream->armed = true;
    sim_later(sim, delay, ACTION_DELIVER, (int)client, (int)kind, 0);
}

static void append(struct sim *sim, enum sim_client client, const struct change *change)
{
    struct stream *stream = &sim->clients[client].streams[change->kind];
    if (stream->first > 0 && stream->first + stream->count == stream->room) {
        memmove(stream->items, &stream->items[stream->first],
                stream->count * sizeof(struct change));
        stream->first = 0;
    }
    stream->items = alloc_grow(stream->items, &stream->room, stream->first + stream->count + 1,
                               sizeof(struct change));
    stream->items[stream->first + stream->count++] = *change;
    arm(sim, client, change->kind);
}

void api_show(struct sim *sim, enum sim_kind kind, int index)
{
    struct change change = look(sim, kind, index);
    for (int client = 0; client < CLIENTS; client++) {
        if (sim->clients[client].streams[kind].open) {
            append(sim, (enum sim_client)client, &change);
        }
    }
}

static void hand_over(struct sim *sim, enum sim_client client, const struct change *change)
{
    sim->clients[client].known[change->kind][change->index] = exists(change);
    switch (client) {
    case CLIENT_ENGINE:
        host_show(sim, change);
        break;
    case CLIENT_SCHEDULER:
        kube_show(sim, change);
        break;
    case CLIENT_PEER:
    case CLIENTS:
        peer_show(sim, change);
        break;
    }
}

void api_deliver(struct sim *sim, enum sim_client client, enum sim_kind kind)
{
    struct stream *stream = &sim->clients[client].streams[kind];
    stream->armed = false;
    if (client == CLIENT_ENGINE && host_is_frozen(sim)) {
        arm(sim, client, kind);
        return;
    }
    /* What one read of the connection brings: the more the more is on its way. */
    int64_t batch = random_range(&sim->random, 1, 4) + (int64_t)(stream->count / 4);
    while (stream->open && stream->count > 0 && batch-- > 0) {
        struct change change = stream->items[stream->first++];
        stream->count--;
        sim->host.more = sim->batches && stream->count > 0 && batch > 0;
        hand_over(sim, client, &change);
        sim->host.more = false;
    }
    if (stream->open) {
        arm(sim, client, kind);
    }
}

void api_relist(struct sim *sim, enum sim_client client, enum sim_kind kind)
{
    struct client *to = &sim->clients[client];
    uint64_t epoch = sim->host.epoch;
    to->streams[kind].first = to->streams[kind].count = 0;
    to->streams[kind].open = true;
    int count = objects(sim, kind);
    for (int i = 0; i < count; i++) {
        struct change change = look(sim, kind, i);
        if (!exists(&change) && !to->known[kind][i]) {
            continue;
        }
        hand_over(sim, client, &change);
        if (sim->host.epoch != epoch || (client == CLIENT_ENGINE && sim->host.engine == NULL)) {
            return; /* crashed meanwhile */
        }
    }
}

void api_close(struct sim *sim, enum sim_client client)
{
    struct client *from = &sim->clients[client];
    for (int kind = 0; kind < KINDS; kind++) {
        from->streams[kind].first = from->streams[kind].count = 0;
        from->streams[kind].open = false;
    }
    memset(from->known, 0, sizeof(from->known));
}

int api_create_pod(struct sim *sim, const struct sim_pod *pod)
{
    if (sim->pod_count == SIM_PODS_MAX) {
        return SIM_NONE;
    }
    int index = sim->pod_count++;
    sim->pods[index] = *pod;
    sim->pods[index].state.exists = true;
    sim->pods[index].state.committed = SIM_NONE;
    sim->pods[index].state.version = ++sim->version;
    sim->pods[index].name = pod->name == SIM_NONE ? index : pod->name;
    sim->pods[index].next_of_gang = sim_first(sim, pod->gang);
    if (pod->gang != SIM_NONE) {
        sim->gangs[pod->gang].last_pod = index;
    }
    api_show(sim, KIND_POD, index);
    return index;
}

void api_touch_pod(struct sim *sim, int pod)
{
    sim->pods[pod].state.version = ++sim->version;
    api_show(sim, KIND_POD, pod);
}

void api_delete_pod(struct sim *sim, int pod)
{
    struct pod_state *state = &sim->pods[pod].state;
    if (!state->exists) {
        return;
    }
    state->exists = false;
    api_touch_pod(sim, pod);
}

enum write_outcome api_outcome(enum api_answer answer)
{
    switch (answer) {
    case API_DONE:
    case API_BOUND_THERE:
        return WRITE_DONE;
    case API_NOT_FOUND:
    case API_OTHER_UID:
    case API_DELETING:
        return WRITE_GONE;
    case API_BOUND_ELSE:
    case API_FORBIDDEN:
        break;
    }
    return WRITE_REFUSED;
}

/* Why a write to a pod that does not exist fails. */
static enum api_answer missing(const struct sim *sim, int pod)
{
    for (int i = sim_first(sim, sim->pods[pod].gang); i != SIM_NONE;
         i = sim->pods[i].next_of_gang) {
        if (sim->pods[i].state.exists && sim->pods[i].name == sim->pods[pod].name) {
            return API_OTHER_UID;
        }
    }
    return API_NOT_FOUND;
}

enum api_answer api_bind(struct sim *sim, int pod, int node, uint32_t devices, int committed,
                         bool here)
{
    struct pod_state *state = &sim->pods[pod].state;
    if (!state->exists) {
        return missing(sim, pod);
    }
    if (state->node == node) {
        return API_BOUND_THERE;
    }
    if (state->node != SIM_NONE) {
        return API_BOUND_ELSE;
    }
    if (state->deleting) {
        return API_DELETING;
    }
    state->node = node;
    state->devices = devices;
    state->committed = committed;
    state->placed_here = here;
    state->nominated = SIM_NONE;
    api_touch_pod(sim, pod);
    return API_DONE;
}

enum api_answer api_nominate(struct sim *sim, int pod, int node)
{
    struct pod_state *state = &sim->pods[pod].state;
    if (!state->exists) {
        return missing(sim, pod);
    }
    if (state->nominated != node) {
        state->nominated = node;
        api_touch_pod(sim, pod);
    }
    return API_DONE;
}

enum api_answer api_explain(struct sim *sim, int pod, uint64_t text)
{
    if (!sim->pods[pod].state.exists) {
        return missing(sim, pod);
    }
    if (sim->pods[pod].waiting != text) {
        sim->pods[pod].waiting = text;
        api_touch_pod(sim, pod);
    }
    return API_DONE;
}

void api_condition(struct sim *sim, int pod, int message, bool clear)
{
    struct pod_state *state = &sim->pods[pod].state;
    bool clears = clear && state->nominated != SIM_NONE;
    if (!state->exists || (sim->pods[pod].message == message && !clears)) {
        return;
    }
    sim->pods[pod].message = message;
    state->nominated = clears ? SIM_NONE : state->nominated;
    api_touch_pod(sim, pod);
}
