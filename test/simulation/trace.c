// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/trace.h"

#include <inttypes.h>
#include <stdarg.h>

#include "test/simulation/objects.h"

/* One line per thing that happens. Times are those of the simulation, in ms. */

static const char *const outcomes[] = {"done", "gone", "refused", "unknown"};

static void begin(const struct sim *sim, char sign)
{
    fprintf(sim->trace, "%9lld %c ", (long long)sim->now, sign);
}

void trace_note(const struct sim *sim, const char *format, ...)
{
    va_list arguments;
    if (sim->trace == NULL) {
        return;
    }
    begin(sim, ' ');
    va_start(arguments, format);
    vfprintf(sim->trace, format, arguments);
    va_end(arguments);
    fputc('\n', sim->trace);
}

void trace_fault(const struct sim *sim, uint32_t number, const char *name)
{
    if (sim->trace != NULL) {
        fprintf(sim->trace, "fault %" PRIu32 ": %s\n", number, name);
    }
}

void trace_node(const struct sim *sim, int node)
{
    const struct node_state *state = &sim->nodes[node].state;
    char leaf[16] = "none", rack[16] = "none";
    if (state->leaf != SIM_NONE) {
        sim_name(leaf, 'l', state->leaf);
    }
    if (state->rack != SIM_NONE) {
        sim_name(rack, 'r', state->rack);
    }
    if (state->exists) {
        trace_note(sim, "n%d: %d GPUs, leaf %s, rack %s", node, state->has.gpus, leaf, rack);
    } else {
        trace_note(sim, "n%d is gone", node);
    }
}

void trace_constraints(const struct sim *sim, const struct constraints *constraints)
{
    const char *required = objects_level(constraints->required);
    const char *preferred = objects_level(constraints->preferred);
    const char *exclusive = objects_level(constraints->exclusive);
    if (required != NULL || preferred != NULL || exclusive != NULL) {
        trace_note(sim, "  required %s, preferred %s, exclusive %s",
                   required == NULL ? "none" : required, preferred == NULL ? "none" : preferred,
                   exclusive == NULL ? "none" : exclusive);
    }
    for (int i = 0; i < constraints->layers; i++) {
        trace_note(sim, "  slices of %d in one %s", constraints->slice_size[i],
                   objects_level(constraints->slice_level[i]));
    }
}

void trace_company(const struct sim *sim, const struct sim_company *company)
{
    static const char *const levels[] = {"-", "leaf", "rack", "node"};
    if (company->app != 0) {
        trace_note(sim, "  app a%d, port %d, apart %s, against a%d, near %s, spread %s",
                   company->app, company->port, levels[company->apart], company->against,
                   levels[company->near], levels[company->spread]);
    }
}

static void print_pod(const struct sim *sim, FILE *out, int index, const struct pod_state *state)
{
    const struct sim_pod *pod = &sim->pods[index];
    fprintf(out, "p%d", index);
    if (pod->name != index) {
        fprintf(out, " alias p%d", pod->name);
    }
    if (pod->gang != SIM_NONE) {
        fprintf(out, " of g%d", pod->gang);
        if (pod->rank >= 0) {
            fprintf(out, " %s %d", objects_role(pod->role), pod->rank);
        }
        if (pod->run > 0) {
            fprintf(out, " run %d", pod->run);
        }
    }
    fprintf(out, " (%d GPUs)", sim_gpus(pod->shape));
    if (state == NULL) {
        return;
    }
    if (state->node != SIM_NONE) {
        fprintf(out, " on n%d", state->node);
    }
    if (state->nominated != SIM_NONE) {
        fprintf(out, " nominated n%d", state->nominated);
    }
    fprintf(out, "%s%s",
            state->succeeded  ? " succeeded"
            : state->terminal ? " failed"
                              : "",
            state->deleting ? " deleting" : "");
}

static void print_call(const struct sim *sim, FILE *out, const char *verb,
                       const struct record *record)
{
    fprintf(out, "%s ", verb);
    print_pod(sim, out, record->pod, &record->change.pod);
    fputs(" among", out);
    for (uint32_t i = 0; i < record->node_count; i++) {
        fprintf(out, " n%u", (unsigned)record->nodes[i]);
    }
}

static void print_watch(const struct sim *sim, FILE *out, const struct record *record)
{
    int index = record->change.index;
    switch ((int)record->type) {
    case EVENT_NODE:
        fprintf(out, "node n%d with %d GPUs", index, record->change.node.has.gpus);
        break;
    case EVENT_DEVICES:
        fprintf(out, "GPUs of n%d are %s", index, record->change.node.mapped ? "told" : "not told");
        break;
    case EVENT_NODE_GONE:
        fprintf(out, "node n%d gone", index);
        break;
    case EVENT_POD:
        fputs("pod ", out);
        print_pod(sim, out, index, &record->change.pod);
        break;
    case EVENT_POD_GONE:
        fprintf(out, "pod p%d gone", index);
        break;
    case EVENT_GROUP:
        fprintf(out, "group g%d, quorum %d", index, (int)record->change.group.minimum);
        break;
    default:
        fprintf(out, "group g%d gone", index);
        break;
    }
}

static void print_record(const struct sim *sim, FILE *out, const struct record *record)
{
    switch (record->type) {
    case EVENT_NODE:
    case EVENT_NODE_GONE:
    case EVENT_DEVICES:
    case EVENT_POD:
    case EVENT_POD_GONE:
    case EVENT_GROUP:
    case EVENT_GROUP_GONE:
        print_watch(sim, out, record);
        break;
    case EVENT_SYNCED:
        fputs("synced", out);
        break;
    case EVENT_FOLLOW:
        fputs("another one leads", out);
        break;
    case EVENT_LEAD:
        fputs("it leads", out);
        break;
    case EVENT_CHECKPOINT:
        fputs("checkpoint", out);
        break;
    case EVENT_ASK:
        fprintf(out, "somebody asks about g%d", record->change.index);
        break;
    case EVENT_FILTER:
        print_call(sim, out, "filter", record);
        break;
    case EVENT_PRIORITIZE:
        print_call(sim, out, "prioritize", record);
        break;
    case EVENT_PREEMPT:
        print_call(sim, out, "preempt", record);
        break;
    case EVENT_BIND:
        fputs("bind ", out);
        print_pod(sim, out, record->pod, NULL);
        fprintf(out, " to n%d, ticket %" PRIu64, record->node, record->ticket);
        break;
    case EVENT_BIND_GIVE_UP:
        fprintf(out, "give up ticket %" PRIu64, record->ticket);
        break;
    case EVENT_BINDING_DONE:
    case EVENT_NOMINATION_DONE:
        fprintf(out, "%s of p%d to n%d: %s",
                record->type == EVENT_BINDING_DONE ? "binding" : "nomination", record->pod,
                record->node, outcomes[record->outcome]);
        break;
    case EVENT_TICK:
        fputs("tick", out);
        break;
    case EVENT_DRAIN:
        fputs("drain", out);
        break;
    }
    fputc('\n', out);
}

static const char *or_empty(const char *text)
{
    return text == NULL ? "" : text;
}

static void print_filter(FILE *out, const struct record *record, const struct filter_reply *reply)
{
    static const char *const verdicts[] = {"all", "one", "some", "none", "error"};
    fprintf(out, "filter: %s", verdicts[reply->verdict]);
    if (reply->verdict == FILTER_ONE && reply->index < record->node_count) {
        fprintf(out, ", n%u", (unsigned)record->nodes[reply->index]);
    } else if (reply->verdict != FILTER_ALL) {
        fprintf(out, " (%s)", or_empty(reply->reason));
    }
}

static void print_effect(FILE *out, const struct record *record, const struct effect *effect)
{
    switch (effect->type) {
    case EFFECT_FILTER_REPLY:
        print_filter(out, record, &effect->filter);
        break;
    case EFFECT_PRIORITIZE_REPLY:
    case EFFECT_PREEMPT_REPLY:
        fputs("answered", out);
        break;
    case EFFECT_BIND_REPLY:
        fprintf(out, "ticket %" PRIu64 ": %s", effect->bind.ticket,
                effect->bind.error == NULL ? "bound" : effect->bind.error);
        break;
    case EFFECT_POST_BINDING:
        fprintf(out, "post binding of %s to %s", effect->write.uid, effect->write.node);
        break;
    case EFFECT_EVICT:
        fprintf(out, "evict %s", effect->write.uid);
        break;
    case EFFECT_NOMINATE:
        fprintf(out, "nominate %s on %s", effect->write.uid,
                effect->write.node == NULL ? "nothing" : effect->write.node);
        break;
    case EFFECT_EXPLAIN:
        fprintf(out, "explain on %s: %s", effect->write.uid, or_empty(effect->write.text));
        break;
    case EFFECT_EVENT:
        fprintf(out, "event %s: %s", effect->event.reason, effect->event.message);
        break;
    case EFFECT_TRANSITION:
        fprintf(out, "%s: %s to %s", effect->transition.gang, effect->transition.from,
                effect->transition.to);
        break;
    case EFFECT_SKIPPED:
        fprintf(out, "%s left out: %s", effect->skipped.name, effect->skipped.message);
        break;
    case EFFECT_PHASE:
        fprintf(out, "%s: %s to %s", effect->phase.uid, effect->phase.from, effect->phase.to);
        break;
    }
    fputc('\n', out);
}

void trace_record(const struct sim *sim, const struct record *record, const struct effects *effects)
{
    if (sim->trace == NULL) {
        return;
    }
    begin(sim, '>');
    print_record(sim, sim->trace, record);
    for (size_t i = 0; i < effects->count; i++) {
        begin(sim, '<');
        print_effect(sim->trace, record, &effects->items[i]);
    }
}

void trace_write(const struct sim *sim, const struct sim_write *write, enum write_outcome outcome)
{
    if (write->type == EFFECT_POST_BINDING) {
        trace_note(sim, "API server: p%d to n%d: %s", write->pod, write->node, outcomes[outcome]);
    }
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
        fprintf(sim->trace, "  %s %s, quorum %d:", view.name, gang_state_name(view.state),
                (int)view.minimum);
        for (uint32_t m = 0; m < view.member_count; m++) {
            const struct gang_member_view *member = &view.members[m];
            fprintf(sim->trace, " %s%s%s%s", member->pod, member->node == NULL ? "" : "@",
                    or_empty(member->node),
                    member->bound   ? "!"
                    : member->voted ? "+"
                                    : "");
        }
        fprintf(sim->trace, " %s\n", view.reason);
    }
    arena_finish(&arena);
}

static void print_queue(const struct sim *sim)
{
    static const char *const places[] = {"nowhere",       "active",     "backoff",
                                         "unschedulable", "in a cycle", "binding"};
    for (int i = 0; i < sim->pod_count; i++) {
        const struct kube_pod *pod = &sim->kube.pods[i];
        const struct pod_state *state = &sim->pods[i].state;
        if (state->exists && !state->terminal && state->node == SIM_NONE) {
            fputs("  kube-scheduler: ", sim->trace);
            print_pod(sim, sim->trace, i, state);
            fprintf(sim->trace, ": %s, rejected by %u%s\n", places[pod->place], pod->plugins,
                    pod->assumed ? ", assumed" : "");
        }
    }
}

void trace_state(const struct sim *sim)
{
    if (sim->trace == NULL) {
        return;
    }
    if (sim->host.engine != NULL) {
        print_gangs(sim);
    }
    print_queue(sim);
    for (int node = 0; node < sim->node_count; node++) {
        if (sim->nodes[node].state.exists) {
            fprintf(sim->trace, "  n%d: %d of %d GPUs are free\n", node, sim_left(sim, node).gpus,
                    sim->nodes[node].state.has.gpus);
        }
    }
}
