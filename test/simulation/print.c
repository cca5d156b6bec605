// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/sim.h"

#include <inttypes.h>
#include <stdio.h>

/* The last events before a failure, for people. */

static void print_pod(const struct sim *sim, int index, const struct pod_state *state)
{
    const struct sim_pod *pod = &sim->pods[index];
    printf("p%d", index);
    if (pod->gang != SIM_NONE) {
        printf(" of g%d", pod->gang);
    }
    printf(" (%d GPUs)", sim_gpus(pod->shape));
    if (state == NULL) {
        return;
    }
    if (state->node != SIM_NONE) {
        printf(" on n%d", state->node);
    }
    if (state->nominated != SIM_NONE) {
        printf(" nominated n%d", state->nominated);
    }
    printf("%s%s", state->terminal ? " terminal" : "", state->deleting ? " deleting" : "");
}

static void print_call(const struct sim *sim, const struct record *record)
{
    print_pod(sim, record->pod, record->with_object ? &record->change.pod : NULL);
    if (record->nominated != SIM_NONE) {
        printf(" nominated n%d", record->nominated);
    }
    printf(" among");
    for (uint32_t i = 0; i < record->node_count; i++) {
        printf(" n%u", (unsigned)record->nodes[i]);
    }
}

static void print_record(const struct sim *sim, const struct record *record)
{
    static const char *const outcomes[] = {"done", "gone", "refused", "unknown"};
    printf("  %8lld ", (long long)record->now);
    switch (record->type) {
    case EVENT_NODE:
        printf("node n%d with %d GPUs", record->change.index, record->change.node.gpus);
        break;
    case EVENT_DEVICES:
        printf("devices");
        break;
    case EVENT_NODE_GONE:
        printf("node n%d gone", record->change.index);
        break;
    case EVENT_POD:
        printf("pod ");
        print_pod(sim, record->change.index, &record->change.pod);
        break;
    case EVENT_POD_GONE:
        printf("pod p%d gone", record->change.index);
        break;
    case EVENT_GROUP:
        printf("group g%d minimum %d", record->change.index, (int)record->change.group.minimum);
        break;
    case EVENT_GROUP_GONE:
        printf("group g%d gone", record->change.index);
        break;
    case EVENT_SYNCED:
        printf("synced");
        break;
    case EVENT_FILTER:
        printf("filter ");
        print_call(sim, record);
        break;
    case EVENT_PRIORITIZE:
        printf("prioritize ");
        print_call(sim, record);
        break;
    case EVENT_PREEMPT:
        printf("preempt ");
        print_call(sim, record);
        break;
    case EVENT_BIND:
        printf("bind ");
        print_pod(sim, record->pod, NULL);
        printf(" to n%d, ticket %" PRIu64, record->node, record->ticket);
        break;
    case EVENT_BIND_GIVE_UP:
        printf("give up ticket %" PRIu64, record->ticket);
        break;
    case EVENT_BINDING_DONE:
    case EVENT_NOMINATION_DONE:
        printf("%s of p%d to n%d: %s",
               record->type == EVENT_BINDING_DONE ? "binding" : "nomination", record->pod,
               record->node, outcomes[record->outcome]);
        break;
    case EVENT_TICK:
        printf("tick");
        break;
    case EVENT_DRAIN:
        printf("drain");
        break;
    case EVENT_FOLLOW:
        printf("follow");
        break;
    case EVENT_LEAD:
        printf("lead");
        break;
    }
    printf("\n");
}

static void print_gangs(const struct sim *sim)
{
    struct arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < engine_gang_count(sim->host.engine); i++) {
        struct gang_view view;
        engine_gang_at(sim->host.engine, i, &arena, &view);
        if (view.state == GANG_PLACED && view.pods == view.bound) {
            continue;
        }
        printf("  %s %s minimum %d:", view.name, gang_state_name(view.state), (int)view.minimum);
        for (uint32_t m = 0; m < view.member_count; m++) {
            printf(" %s%s%s%s", view.members[m].pod, view.members[m].node == NULL ? "" : "@",
                   view.members[m].node == NULL ? "" : view.members[m].node,
                   view.members[m].bound   ? "!"
                   : view.members[m].voted ? "+"
                                           : "");
        }
        printf(" %s\n", view.reason);
    }
    arena_finish(&arena);
}

static void print_queue(const struct sim *sim)
{
    static const char *const places[] = {"nowhere", "active", "backoff", "unschedulable",
                                         "binding"};
    for (int i = 0; i < sim->pod_count; i++) {
        const struct kube_pod *pod = &sim->kube.pods[i];
        const struct pod_state *state = &sim->pods[i].state;
        if (state->exists && !state->terminal && state->node == SIM_NONE) {
            printf("  kube-scheduler: ");
            print_pod(sim, i, state);
            printf(": %s, rejected by %u%s\n", places[pod->place], pod->plugins,
                   pod->assumed ? ", assumed" : "");
        }
    }
}

void host_print(const struct sim *sim, size_t last)
{
    const struct host *host = &sim->host;
    size_t first = host->record_count > last ? host->record_count - last : 0;
    for (size_t i = first; i < host->record_count; i++) {
        print_record(sim, &host->records[i]);
    }
    if (host->engine != NULL) {
        print_gangs(sim);
    }
    print_queue(sim);
    printf("  %s\n", sim->stubborn ? "stubborn refusals" : "no stubborn refusals");
    for (int node = 0; node < sim->node_count; node++) {
        if (sim->nodes[node].state.exists) {
            printf("  n%d: %d of %d GPUs in use\n", node, sim_used(sim, node),
                   sim->nodes[node].state.gpus);
        }
    }
}
