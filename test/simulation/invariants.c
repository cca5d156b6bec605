// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The invariants of the design, judged from outside: by what the engine was shown, what it said,
 * and the truth in the API server. Numbers in messages are those of the invariants.
 *
 *   1  no partial gang          after every apply, and at the end
 *   2  no double booking        after every apply, on nodes nobody else disturbed
 *   3  every hold ends          bind calls in kube_bind_timeout(), holds at the end
 *   4  deterministic            host_replay()
 *   5  crash-safe               the others, with crashes
 *   6  always an answer         after every call
 *   7  alive                    at the end
 *   8  least writing            at the end
 *  10  ordinary pods            after every call of one
 */

static int number_of(const char *text)
{
    return (int)strtol(text + 1, NULL, 10);
}

/* Whether, as far as it was told, a member of the gang is bound, being bound, or was. */
static bool begun(const struct sim *sim, int gang)
{
    const struct host *host = &sim->host;
    for (int i = 0; i < sim->pod_count; i++) {
        const struct pod_state *seen = &host->seen[i];
        if (sim->pods[i].gang != gang || !host->seen_ever[i] || !seen->exists) {
            continue;
        }
        if (seen->succeeded || (!seen->terminal && !seen->deleting &&
                                (seen->node != SIM_NONE || host->posted[i] != POST_NONE))) {
            return true;
        }
    }
    return false;
}

/* kube-scheduler tried the planned node and refused it: the member's room may be given away. */
static void excuse_refused(struct sim *sim, const struct record *record)
{
    int gang = sim->pods[record->pod].gang;
    bool offered = record->nominated == SIM_NONE;
    for (uint32_t i = 0; i < record->node_count; i++) {
        offered |= record->nodes[i] == record->nominated;
    }
    if (gang != SIM_NONE && !offered && begun(sim, gang)) {
        sim->gangs[gang].excused = true;
    }
}

void invariants_before(struct sim *sim, const struct record *record)
{
    struct host *host = &sim->host;
    int pod = record->pod;
    switch ((int)record->type) {
    case EVENT_POD:
    case EVENT_POD_GONE:
        host->seen[record->change.index] = record->change.pod;
        host->seen_ever[record->change.index] = true;
        break;
    case EVENT_BINDING_DONE:
        host->posted[pod] = record->outcome == WRITE_DONE      ? POST_BOUND
                            : record->outcome == WRITE_UNKNOWN ? POST_UNSURE
                                                               : POST_NONE;
        break;
    case EVENT_FILTER:
        excuse_refused(sim, record);
        /* fall through */
    default:
        if (record->with_object) {
            host->seen[pod] = record->change.pod;
            host->seen_ever[pod] = true;
        }
        break;
    }
}

static void check_posts(struct sim *sim)
{
    struct host *host = &sim->host;
    int posts[SIM_GANGS_MAX] = {0};
    for (size_t i = 0; i < host->effects.count; i++) {
        const struct effect *effect = &host->effects.items[i];
        if (effect->type == EFFECT_POST_BINDING && effect->write.gang != NULL &&
            host->posted[number_of(effect->write.uid)] == POST_NONE &&
            host->seen[number_of(effect->write.uid)].node == SIM_NONE) { /* not asked again */
            posts[number_of(effect->write.gang)]++;
        }
    }
    for (int gang = 0; gang < sim->gang_count; gang++) {
        if (posts[gang] == 0 || begun(sim, gang)) {
            continue;
        }
        char name[16];
        struct gang_view view;
        struct arena arena;
        snprintf(name, sizeof(name), "g%d", gang);
        arena_init(&arena);
        if (!engine_gang_find(host->engine, "ns", name, &arena, &view) || view.minimum <= 0 ||
            posts[gang] < view.minimum) {
            sim_fail(sim, "(1) %d bindings posted for gang g%d, whose quorum is %d", posts[gang],
                     gang, (int)view.minimum);
        }
        arena_finish(&arena);
        sim->commits++;
    }
}

struct load {
    int held[SIM_NODES_MAX];   /* GPUs */
    int holds[SIM_NODES_MAX];  /* pods */
    int posted[SIM_NODES_MAX]; /* GPUs of bindings on their way */
    int used[SIM_NODES_MAX];
};

static void add_holds(const struct sim *sim, struct load *load)
{
    struct arena arena;
    arena_init(&arena);
    size_t count = engine_gang_count(sim->host.engine);
    for (size_t i = 0; i < count; i++) {
        struct gang_view view;
        engine_gang_at(sim->host.engine, i, &arena, &view);
        for (uint32_t m = 0; m < view.member_count; m++) {
            const struct gang_member_view *member = &view.members[m];
            if (member->bound || member->node == NULL) {
                continue;
            }
            int node = number_of(member->node);
            load->held[node] += sim_gpus(sim->pods[number_of(member->pod)].shape);
            load->holds[node]++;
        }
    }
    arena_finish(&arena);
}

/* `sent`: where the bindings on their way go, by pod, as far as gangs are concerned. */
static void measure(const struct sim *sim, struct load *load)
{
    memset(load, 0, sizeof(*load));
    add_holds(sim, load);
    for (int i = 0; i < sim->pod_count; i++) {
        const struct pod_state *state = &sim->pods[i].state;
        if (state->exists && !state->terminal && state->node != SIM_NONE) {
            load->used[state->node] += sim_gpus(sim->pods[i].shape);
        }
    }
}

static void add_post(struct sim *sim, struct load *load, const struct effect *effect)
{
    int pod = number_of(effect->write.uid);
    int node = number_of(effect->write.node);
    const struct pod_state *state = &sim->pods[pod].state;
    if (state->exists && !state->deleting && state->node == SIM_NONE) {
        load->posted[node] += sim_gpus(sim->pods[pod].shape);
    }
    int sum = load->used[node] + load->posted[node];
    if (effect->write.gang == NULL && load->holds[node] == 0 && sim->nodes[node].state.gpus < sum) {
        sim->nodes[node].disturbed_until = sim->now + 40000; /* kube-scheduler's own mistake */
    }
}

static void check_booking(struct sim *sim)
{
    struct load load;
    if (sim->host.effects.count == 0) {
        return;
    }
    measure(sim, &load);
    for (size_t i = 0; i < sim->host.effects.count; i++) {
        const struct effect *effect = &sim->host.effects.items[i];
        if (effect->type == EFFECT_POST_BINDING) {
            add_post(sim, &load, effect);
            sim->host.posted[number_of(effect->write.uid)] = POST_SENT;
            sim->host.posted_to[number_of(effect->write.uid)] = number_of(effect->write.node);
        }
    }
    for (int node = 0; node < sim->node_count; node++) {
        int engaged = load.held[node] + load.posted[node];
        const struct sim_node *truth = &sim->nodes[node];
        int gpus = truth->state.exists ? truth->state.gpus : 0;
        if (engaged > 0 && truth->disturbed_until < sim->now && engaged + load.used[node] > gpus) {
            sim_fail(sim, "(2) node n%d has %d GPUs, %d in use, %d held, %d in new bindings", node,
                     gpus, load.used[node], load.held[node], load.posted[node]);
        }
    }
}

static void check_ordinary(struct sim *sim, const struct record *record,
                           const struct filter_reply *reply)
{
    struct load load;
    if (reply->verdict == FILTER_ERROR && !engine_synced(sim->host.engine)) {
        return;
    }
    if (reply->verdict != FILTER_ALL && reply->verdict != FILTER_SOME) {
        sim_fail(sim, "(10) filter of the ordinary pod p%d is answered with verdict %d",
                 record->pod, (int)reply->verdict);
        return;
    }
    if (reply->verdict == FILTER_ALL) {
        return;
    }
    measure(sim, &load);
    for (int i = 0; i < sim->pod_count; i++) {
        if (sim->host.posted[i] == POST_UNSURE) {
            load.holds[sim->host.posted_to[i]]++; /* whoever knows whether it is bound */
        }
    }
    for (uint32_t i = 0; i < record->node_count; i++) {
        int node = record->nodes[i];
        if (!reply->passes[i] && load.holds[node] == 0) {
            sim_fail(
                sim,
                "(10) the ordinary pod p%d may not have node n%d, where nothing it needs is held",
                record->pod, node);
        }
    }
}

/* A node that kube-scheduler tried first and left out is not to be planned for the pod again. */
static void check_veto(struct sim *sim, const struct record *record)
{
    char name[16], pod[16];
    struct gang_view view;
    struct arena arena;
    for (uint32_t i = 0; i < record->node_count; i++) {
        if (record->nodes[i] == record->nominated) {
            return;
        }
    }
    snprintf(name, sizeof(name), "g%d", sim->pods[record->pod].gang);
    snprintf(pod, sizeof(pod), "p%d", record->pod);
    arena_init(&arena);
    if (engine_gang_find(sim->host.engine, "ns", name, &arena, &view)) {
        for (uint32_t i = 0; i < view.member_count; i++) {
            const struct gang_member_view *member = &view.members[i];
            if (strcmp(member->pod, pod) == 0 && !member->bound && !member->voted &&
                member->node != NULL && number_of(member->node) == record->nominated) {
                sim_fail(sim, "(7) %s is planned on %s, which was just refused for it", pod,
                         member->node);
            }
        }
    }
    arena_finish(&arena);
}

static void check_filter(struct sim *sim, const struct record *record)
{
    const struct filter_reply *reply = NULL;
    for (size_t i = 0; i < sim->host.effects.count; i++) {
        const struct effect *effect = &sim->host.effects.items[i];
        if (effect->type == EFFECT_FILTER_REPLY) {
            if (reply != NULL) {
                sim_fail(sim, "(6) a filter call is answered twice");
            }
            reply = &effect->filter;
        }
    }
    if (reply == NULL || reply->ticket != record->ticket) {
        sim_fail(sim, "(6) the filter call of pod p%d is not answered", record->pod);
    } else if (reply->verdict == FILTER_ONE && reply->index >= record->node_count) {
        sim_fail(sim, "(6) filter of p%d: index %u of %u nodes", record->pod, reply->index,
                 record->node_count);
    } else if (reply->verdict >= FILTER_SOME && reply->reason == NULL) {
        sim_fail(sim, "(9) filter of p%d is refused without a reason", record->pod);
    } else if (sim->pods[record->pod].gang == SIM_NONE) {
        check_ordinary(sim, record, reply);
    } else if (reply->verdict != FILTER_ONE && reply->verdict != FILTER_NONE) {
        sim_fail(sim, "(1) filter of the member p%d lets more than its planned node pass",
                 record->pod);
    } else if (record->nominated != SIM_NONE) {
        check_veto(sim, record);
    }
}

void invariants_after(struct sim *sim, const struct record *record)
{
    check_posts(sim);
    check_booking(sim);
    if (record->type == EVENT_FILTER) {
        check_filter(sim, record);
    }
}

/* ---- at the end ---- */

static void free_now(const struct sim *sim, int free[SIM_NODES_MAX])
{
    for (int node = 0; node < sim->node_count; node++) {
        const struct node_state *state = &sim->nodes[node].state;
        free[node] = state->exists ? state->gpus - sim_used(sim, node) : -1;
    }
}

/* Copies of a shape that fit into a rack, or anywhere (SIM_NONE). */
static int copies(const struct sim *sim, const int free[SIM_NODES_MAX], int shape, int rack)
{
    int sum = 0, gpus = sim_gpus(shape);
    for (int node = 0; node < sim->node_count; node++) {
        if (sim->hidden[shape][node] || !sim->nodes[node].state.exists ||
            (free[node] < 0 && gpus > 0)) {
            continue;
        }
        if (rack == SIM_NONE || sim_rack(node) == rack) {
            sum += gpus == 0 ? 100 : free[node] / gpus;
        }
    }
    return sum;
}

struct muster {
    int bound, done, pending, shape;
    bool mixed;
    int rack; /* of the bound ones; SIM_NONE: none, or several */
    bool racks_differ;
};

static struct muster muster(const struct sim *sim, int gang)
{
    struct muster result = {.rack = SIM_NONE, .shape = SIM_NONE};
    for (int i = 0; i < sim->pod_count; i++) {
        const struct sim_pod *pod = &sim->pods[i];
        if (pod->gang != gang || !pod->state.exists || pod->state.deleting) {
            continue;
        }
        result.done += pod->state.succeeded;
        if (pod->state.terminal) {
            continue;
        }
        if (pod->state.node != SIM_NONE) {
            int rack = sim_rack(pod->state.node);
            result.racks_differ |= result.bound > 0 && rack != result.rack;
            result.rack = rack;
            result.bound++;
            continue;
        }
        result.mixed |= result.pending > 0 && pod->shape != result.shape;
        result.shape = pod->shape;
        result.pending++;
    }
    return result;
}

static void check_settled_gang(struct sim *sim, int index, const int free[SIM_NODES_MAX])
{
    const struct sim_gang *gang = &sim->gangs[index];
    struct muster state = muster(sim, index);
    int minimum = gang->object ? (gang->state.exists ? gang->state.minimum : 0) : gang->minimum;
    bool started = state.bound + state.done > 0;
    if (state.pending == 0 || minimum <= 0 || (!started && state.pending < minimum)) {
        return;
    }
    if (started && !gang->excused && state.bound + state.done < minimum) {
        sim_fail(sim, "(1) gang g%d stays partial: %d bound, quorum %d, %d pending", index,
                 state.bound, minimum, state.pending);
    }
    if (state.mixed || (gang->rack && started && (state.racks_differ || state.bound == 0))) {
        return;
    }
    int room = 0, first = 0, last = gang->rack ? sim_rack(sim->node_count - 1) : 0;
    if (gang->rack && started) {
        first = last = state.rack;
    }
    for (int rack = first; rack <= last; rack++) {
        int here = copies(sim, free, state.shape, gang->rack ? rack : SIM_NONE);
        room = here > room ? here : room;
    }
    if (room >= (started ? 1 : minimum)) {
        sim_fail(sim,
                 "(7) gang g%d waits although it fits: %d bound, %d done, %d pending, quorum %d, "
                 "room %d",
                 index, state.bound, state.done, state.pending, minimum, room);
    }
}

static void check_settled_engine(struct sim *sim)
{
    struct engine_figures figures;
    if (sim->host.engine == NULL) {
        return;
    }
    engine_figures(sim->host.engine, &figures);
    if (sim->stubborn) {
        return; /* they are planned, refused and planned again for ever */
    }
    if (figures.holds > 0 || figures.waiting_binds > 0 || figures.gangs[GANG_HELD] > 0) {
        sim_fail(sim, "(3) %u holds and %u waiting binds are left", figures.holds,
                 figures.waiting_binds);
    }
    for (size_t i = 0; i < sim->call_count; i++) {
        if (sim->calls[i].state == CALL_OPEN) {
            sim_fail(sim, "(3) the bind call %zu of pod p%d is still open", i, sim->calls[i].pod);
        }
    }
}

void invariants_settled(struct sim *sim)
{
    int free[SIM_NODES_MAX];
    struct engine_figures figures = {0};
    free_now(sim, free);
    check_settled_engine(sim);
    if (sim->host.engine != NULL) {
        engine_figures(sim->host.engine, &figures);
    }
    if (figures.holds > 0) {
        return; /* stubborn: what is free is not for everybody */
    }
    for (int gang = 0; gang < sim->gang_count; gang++) {
        check_settled_gang(sim, gang, free);
    }
    for (int i = 0; i < sim->pod_count; i++) {
        const struct sim_pod *pod = &sim->pods[i];
        if (pod->gang == SIM_NONE && pod->state.exists && !sim->stubborn && !pod->state.terminal &&
            !pod->state.deleting && pod->state.node == SIM_NONE &&
            copies(sim, free, pod->shape, SIM_NONE) > 0) {
            sim_fail(sim, "(7) the ordinary pod p%d waits although it fits", i);
        }
        if (pod->writes > 40 && !sim->stubborn) {
            sim_fail(sim, "(8) pod p%d was written to %u times while things settled", i,
                     pod->writes);
        }
    }
}
