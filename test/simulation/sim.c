// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/simulation/api_server.h"
#include "test/simulation/faults.h"
#include "test/simulation/gpus.h"
#include "test/simulation/host.h"
#include "test/simulation/jobs.h"
#include "test/simulation/journals.h"
#include "test/simulation/kube_scheduler.h"
#include "test/simulation/peer.h"
#include "test/simulation/terms.h"
#include "test/simulation/victims.h"
#include "topology/base/alloc.h"

/* Virtual time: a heap of actions, run in order of time and, at one time, of their making. Nothing
 * here reads a clock, so a run is its seed.
 */

struct sim *sim_create(uint64_t seed)
{
    struct sim *sim = alloc_zero(1, sizeof(*sim));
    sim->seed = seed;
    sim->random.state = seed;
    sim->now = 1000;
    sim->dropped_from = UINT32_MAX;
    effects_init(&sim->host.effects);
    arena_init(&sim->arena);
    for (int kind = 0; kind < KINDS; kind++) {
        sim->clients[CLIENT_SCHEDULER].streams[kind].open = true;
    }
    sim->call_count = 1; /* ticket 0 is nobody's */
    sim->calls = alloc_grow(sim->calls, &sim->call_room, 1, sizeof(struct bind_call));
    memset(sim->calls, 0, sizeof(struct bind_call));
    sim->calls[0].state = CALL_ANSWERED;
    return sim;
}

void sim_destroy(struct sim *sim)
{
    journals_end(sim, "the run is over");
    peer_end(sim);
    engine_destroy(sim->host.engine);
    effects_finish(&sim->host.effects);
    arena_finish(&sim->arena);
    for (int client = 0; client < CLIENTS; client++) {
        for (int kind = 0; kind < KINDS; kind++) {
            free(sim->clients[client].streams[kind].items);
        }
    }
    gpus_finish(sim);
    free(sim->host.records);
    free(sim->heap);
    free(sim->writes);
    free(sim->calls);
    free(sim);
}

static bool earlier(const struct action *a, const struct action *b)
{
    return a->at != b->at ? a->at < b->at : a->number < b->number;
}

void sim_later(struct sim *sim, int64_t delay, enum action_type type, int index, int other,
               uint64_t mark)
{
    struct action action = {.at = sim->now + delay,
                            .number = sim->next_number++,
                            .type = type,
                            .index = index,
                            .other = other,
                            .mark = mark};
    sim->heap = alloc_grow(sim->heap, &sim->heap_room, sim->heap_count + 1, sizeof(struct action));
    size_t place = sim->heap_count++;
    while (place > 0 && earlier(&action, &sim->heap[(place - 1) / 2])) {
        sim->heap[place] = sim->heap[(place - 1) / 2];
        place = (place - 1) / 2;
    }
    sim->heap[place] = action;
}

static struct action take_first(struct sim *sim)
{
    struct action first = sim->heap[0];
    struct action last = sim->heap[--sim->heap_count];
    size_t place = 0;
    for (;;) {
        size_t child = 2 * place + 1;
        if (child >= sim->heap_count) {
            break;
        }
        if (child + 1 < sim->heap_count && earlier(&sim->heap[child + 1], &sim->heap[child])) {
            child++;
        }
        if (!earlier(&sim->heap[child], &last)) {
            break;
        }
        sim->heap[place] = sim->heap[child];
        place = child;
    }
    sim->heap[place] = last;
    return first;
}

static void run(struct sim *sim, const struct action *action)
{
    switch (action->type) {
    case ACTION_DELIVER:
        api_deliver(sim, (enum sim_client)action->index, (enum sim_kind)action->other);
        break;
    case ACTION_CYCLE:
        kube_cycle(sim);
        break;
    case ACTION_ASK:
        kube_ask(sim, action->index, action->mark);
        break;
    case ACTION_REFUSED:
        kube_refused(sim, action->index, action->other, action->mark);
        break;
    case ACTION_BIND_CALL:
        kube_bind_call(sim, action->index, action->mark);
        break;
    case ACTION_BIND_TIMEOUT:
        kube_bind_timeout(sim, action->mark);
        break;
    case ACTION_BIND_ANSWER:
        kube_bind_answer(sim, action->mark, action->other != 0);
        break;
    case ACTION_GIVE_UP:
        host_give_up(sim, action->mark);
        break;
    case ACTION_PATCH:
        api_condition(sim, action->index, (int)action->mark, action->other != 0);
        break;
    case ACTION_WRITE:
        host_write(sim, action->index);
        break;
    case ACTION_LAND:
        host_land(sim, action->index, action->other != 0);
        break;
    case ACTION_OUTCOME:
        host_outcome(sim, action->index);
        break;
    case ACTION_TICK:
        host_tick(sim, action->mark);
        break;
    case ACTION_START:
        if (action->mark == (sim->host.engine == NULL ? 0 : sim->host.epoch)) {
            host_start(sim);
        }
        break;
    case ACTION_STOP:
        if (sim->host.epoch == action->mark) {
            host_crash(sim);
        }
        break;
    case ACTION_FAULT:
        faults_next(sim);
        break;
    case ACTION_DELETE:
        api_delete_pod(sim, action->index);
        break;
    case ACTION_CREATE:
        jobs_create(sim, action->index, action->mark);
        break;
    case ACTION_LEAD:
        terms_lead(sim, action->mark);
        break;
    case ACTION_EVICT:
        victims_evict(sim, action->index);
        break;
    case ACTION_PEER:
        peer_begin(sim, action->mark);
        break;
    case ACTION_PEER_TICK:
        peer_tick(sim, action->mark);
        break;
    case ACTION_UNGATE:
        jobs_ungate(sim, action->index, action->other);
        break;
    case ACTION_GROUP:
        jobs_show_group(sim, action->index);
        break;
    }
}

bool sim_step(struct sim *sim, int64_t until)
{
    if (sim->heap_count == 0 || sim->heap[0].at > until) {
        return false;
    }
    struct action action = take_first(sim);
    sim->now = action.at;
    sim->step++;
    run(sim, &action);
    return true;
}

void sim_fail(struct sim *sim, const char *format, ...)
{
    if (sim->failed) {
        return;
    }
    sim->failed = true;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sim->failure, sizeof(sim->failure), format, arguments);
    va_end(arguments);
}

int64_t sim_delay(struct sim *sim, int64_t low, int64_t high, int slow_thousandths, int64_t slow)
{
    bool late = random_chance(&sim->random, slow_thousandths);
    int64_t delay =
        late ? random_range(&sim->random, high, slow) : random_range(&sim->random, low, high);
    return sim_drops(sim, 0) ? low + (high - low) / 4 : delay;
}

bool sim_drops(const struct sim *sim, uint32_t fault)
{
    return fault >= sim->dropped_from ||
           (sim->dropped != NULL && fault < SIM_FAULTS_MAX && sim->dropped[fault] != 0);
}

int sim_first(const struct sim *sim, int gang)
{
    return gang == SIM_NONE ? SIM_NONE : sim->gangs[gang].last_pod;
}

struct sim_amounts sim_left(const struct sim *sim, int node)
{
    struct sim_amounts left = sim->nodes[node].state.has;
    for (int i = 0; i < sim->pod_count; i++) {
        const struct pod_state *state = &sim->pods[i].state;
        if (state->exists && !state->terminal && state->node == node) {
            struct sim_amounts request = sim_request(&sim->pods[i], state);
            sim_take(&left, &request);
        }
    }
    return left;
}

uint64_t sim_digest(uint64_t digest, const void *bytes, size_t count)
{
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < count; i++) {
        digest = (digest ^ byte[i]) * 0x100000001b3u;
    }
    return digest;
}

uint64_t sim_digest_text(uint64_t digest, const char *text)
{
    return text == NULL ? sim_digest(digest, "\xff", 1)
                        : sim_digest(digest, text, strlen(text) + 1);
}

const char *sim_name(char buffer[16], char prefix, int number)
{
    char digits[12]; /* by hand: checks ask for millions of names */
    int count = 0, at = 0;
    unsigned rest = number < 0 ? 0u - (unsigned)number : (unsigned)number;
    buffer[at++] = prefix;
    if (number < 0) {
        buffer[at++] = '-';
    }
    do {
        digits[count++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    while (count > 0) {
        buffer[at++] = digits[--count];
    }
    buffer[at] = '\0';
    return buffer;
}

int sim_number(const char *name)
{
    return name == NULL ? SIM_NONE : (int)strtol(name + 1, NULL, 10);
}
