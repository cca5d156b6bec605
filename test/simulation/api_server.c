// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/sim.h"

#include <string.h>

#include "topology/alloc.h"

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
    int64_t delay = random_chance(&sim->random, 900) ? random_range(&sim->random, 0, 20)
                                                     : random_range(&sim->random, 20, 1500);
    if (!sim->calm && stream->blocked_until > sim->now + delay) {
        delay = stream->blocked_until - sim->now;
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
    if (client == CLIENT_ENGINE) {
        host_show(sim, change);
    } else {
        kube_show(sim, change);
    }
}

void api_deliver(struct sim *sim, enum sim_client client, enum sim_kind kind)
{
    struct stream *stream = &sim->clients[client].streams[kind];
    stream->armed = false;
    /* What one read of the connection brings. */
    int64_t batch = random_range(&sim->random, 1, 4);
    while (stream->open && stream->count > 0 && batch-- > 0) {
        struct change change = stream->items[stream->first++];
        stream->count--;
        hand_over(sim, client, &change);
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
    sim->pods[index].state.version = ++sim->version;
    api_show(sim, KIND_POD, index);
    return index;
}

static void changed(struct sim *sim, int pod)
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
    changed(sim, pod);
}

enum write_outcome api_bind(struct sim *sim, int pod, int node)
{
    struct pod_state *state = &sim->pods[pod].state;
    if (!state->exists) {
        return WRITE_GONE;
    }
    if (state->node == node) {
        return WRITE_DONE; /* 409, which the writer understands */
    }
    if (state->deleting || state->node != SIM_NONE) {
        return WRITE_REFUSED;
    }
    state->node = node;
    state->nominated = SIM_NONE;
    changed(sim, pod);
    return WRITE_DONE;
}

enum write_outcome api_nominate(struct sim *sim, int pod, int node)
{
    struct pod_state *state = &sim->pods[pod].state;
    if (!state->exists) {
        return WRITE_GONE;
    }
    if (state->nominated != node) {
        state->nominated = node;
        changed(sim, pod);
    }
    return WRITE_DONE;
}

enum write_outcome api_explain(struct sim *sim, int pod, uint64_t text)
{
    if (!sim->pods[pod].state.exists) {
        return WRITE_GONE;
    }
    if (sim->pods[pod].waiting != text) {
        sim->pods[pod].waiting = text;
        changed(sim, pod);
    }
    return WRITE_DONE;
}

void api_condition(struct sim *sim, int pod, int message)
{
    struct pod_state *state = &sim->pods[pod].state;
    if (!state->exists || (sim->pods[pod].message == message && state->nominated == SIM_NONE)) {
        return;
    }
    sim->pods[pod].message = message;
    state->nominated = SIM_NONE;
    changed(sim, pod);
}
