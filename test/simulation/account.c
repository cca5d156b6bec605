// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/account.h"

#include <string.h>

#include "test/simulation/minimums.h"
#include "test/simulation/shown.h"
#include "test/simulation/spaces.h"
#include "test/simulation/standing.h"

/* Where a member's room is follows from what left the engine:
 *
 *   Held       the node of the nomination in the same breath, or of the answer to the filter call
 *              that is being answered, or of the nomination that it carries already
 *   Voted      the same; its caller waits
 *   Posted     the node of the binding
 *   Bound      the node that the watch shows
 *   Unplaced   none
 *
 * A hold runs from the moment when its gang has the first one, for as long as was configured, or as
 * the group says if that is shorter; and less after holds that came to nothing (standing.h).
 * Joiners do not prolong it, nor does a plan around a veto.
 */

static bool is_held(const char *phase)
{
    return phase != NULL && (strcmp(phase, "Held") == 0 || strcmp(phase, "Voted") == 0);
}

void account_reset(struct sim *sim)
{
    struct host *host = &sim->host;
    memset(host->told, 0, sizeof(host->told));
    standing_model_reset(sim);
    for (int i = 0; i < SIM_PODS_MAX; i++) {
        host->place[i] = host->carries[i] = SIM_NONE;
        host->vote[i] = 0;
        host->planned[i] = false;
        host->sent[i] = 0;
    }
    for (int i = 0; i < SIM_GANGS_MAX; i++) {
        host->hold_least[i] = host->hold_most[i] = host->committing_since[i] = INT64_MAX;
    }
}

int account_hold(const struct sim *sim, int pod)
{
    return is_held(sim->host.told[pod]) ? sim->host.place[pod] : SIM_NONE;
}

int account_kept(const struct sim *sim, int pod)
{
    const char *phase = sim->host.told[pod];
    bool bound = phase == NULL || strcmp(phase, "Bound") == 0 || strcmp(phase, "Assumed") == 0;
    return bound ? SIM_NONE : sim->host.place[pod];
}

/* ---- what happened ---- */

/* The node a write of that type names for the pod, the last one counts; SIM_NONE. */
static int node_written(const struct sim *sim, int pod, enum effect_type type)
{
    const struct effects *effects = &sim->host.effects;
    int node = SIM_NONE;
    for (size_t i = 0; i < effects->count; i++) {
        const struct effect *effect = &effects->items[i];
        if (effect->type == type && sim_number(effect->write.uid) == pod) {
            node = sim_number(effect->write.node);
        }
    }
    return node;
}

static int run_written(const struct sim *sim, int pod)
{
    const struct effects *effects = &sim->host.effects;
    for (size_t i = 0; i < effects->count; i++) {
        const struct effect *effect = &effects->items[i];
        if (effect->type == EFFECT_POST_BINDING && sim_number(effect->write.uid) == pod) {
            return sim_number(effect->write.run);
        }
    }
    return SIM_NONE;
}

static int node_answered(const struct sim *sim, const struct record *record, int pod)
{
    const struct effects *effects = &sim->host.effects;
    for (size_t i = 0; record->type == EVENT_FILTER && i < effects->count; i++) {
        const struct effect *effect = &effects->items[i];
        if (effect->type == EFFECT_FILTER_REPLY && effect->filter.verdict == FILTER_ONE &&
            record->pod == pod && effect->filter.index < record->node_count) {
            return record->nodes[effect->filter.index];
        }
    }
    return SIM_NONE;
}

static int planned_node(const struct sim *sim, const struct record *record, int pod)
{
    int node = node_written(sim, pod, EFFECT_NOMINATE);
    node = node == SIM_NONE ? node_answered(sim, record, pod) : node;
    return node == SIM_NONE ? sim->host.carries[pod] : node;
}

static int64_t timeout_of(const struct sim *sim, int gang)
{
    int64_t timeout = sim->host.groups[gang].exists ? sim->host.groups[gang].timeout_ms : 0;
    return timeout > 0 && timeout < SIM_HOLD_MS ? timeout : SIM_HOLD_MS;
}

int account_committed(const struct sim *sim, int pod)
{
    const char *phase = sim->host.told[pod];
    bool sent = phase != NULL && !is_held(phase) && strcmp(phase, "Unplaced") != 0;
    return sent ? sim->host.committed[pod] : SIM_NONE;
}

bool account_keeps(const struct sim *sim, int node)
{
    for (int i = 0; i < sim->pod_count; i++) {
        if (account_kept(sim, i) == node) {
            return true;
        }
    }
    return false;
}

int account_holds(const struct sim *sim, int gang)
{
    int count = 0;
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        count += is_held(sim->host.told[i]);
    }
    return count;
}

/* Whether a member has a place that is no hold: what is held then is to make the gang whole again,
 * for which its own timeout, that of a start, need not count. */
static bool has_begun(const struct sim *sim, int gang)
{
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        if (sim->host.place[i] != SIM_NONE && account_hold(sim, i) == SIM_NONE) {
            return true;
        }
    }
    return false;
}

/* A plan around a veto, which prolongs nothing, looks like one given up and made anew when no
 * member had voted: so there are two bounds. */
static void note_hold(struct sim *sim, const struct record *record, int gang)
{
    struct host *host = &sim->host;
    int64_t timeout = timeout_of(sim, gang);
    int64_t least = record->now + standing_model_least(sim, gang, timeout);
    int64_t most = record->now + standing_model_most(sim, gang, timeout);
    if (account_holds(sim, gang) == 0) {
        bool begun = has_begun(sim, gang);
        host->hold_least[gang] = least < host->hold_least[gang] ? least : host->hold_least[gang];
        host->hold_most[gang] = begun ? record->now + SIM_HOLD_MS : most;
        host->joins[gang] = begun;
        standing_model_begins(sim, gang, begun, host->hold_before[gang] != INT64_MAX);
    }
}

/* Its binding goes out: somebody waits for that. */
static void check_caller(struct sim *sim, int pod)
{
    uint64_t ticket = sim->host.vote[pod];
    const struct bind_call *call = &sim->calls[ticket];
    if (ticket == 0 || call->epoch != sim->host.epoch || call->state != CALL_OPEN ||
        call->node != sim->host.place[pod]) {
        bool gone = ticket != 0 && call->state == CALL_GIVEN_UP && !call->shown;
        if (!gone) { /* else the engine could not know */
            sim_fail(sim, "(3) the binding of p%d is posted, and its caller does not wait", pod);
        }
    }
}

static void note_phase(struct sim *sim, const struct record *record,
                       const struct phase_effect *phase)
{
    struct host *host = &sim->host;
    int pod = sim_number(phase->uid), gang = sim->pods[pod].gang;
    const char *to = phase->to;
    if (strcmp(to, "Held") == 0 && host->place[pod] == SIM_NONE) {
        host->place[pod] = planned_node(sim, record, pod);
        host->planned[pod] = true;
        note_hold(sim, record, gang);
    } else if (strcmp(to, "Voted") == 0) {
        host->vote[pod] = record->ticket;
        standing_model_voted(sim, gang);
    } else if (strcmp(to, "Posted") == 0) {
        int node = node_written(sim, pod, EFFECT_POST_BINDING);
        if (strcmp(phase->from, "Voted") == 0) {
            check_caller(sim, pod);
            if (node != host->place[pod]) {
                sim_fail(sim, "(14) p%d voted for n%d, and is bound to n%d", pod, host->place[pod],
                         node);
            }
        }
        host->place[pod] = node;
        host->committed[pod] = run_written(sim, pod);
    } else if (strcmp(to, "Bound") == 0) {
        host->place[pod] = host->seen[pod].node;
    } else if (strcmp(to, "Unplaced") == 0) {
        if (record->type == EVENT_BINDING_DONE && record->outcome == WRITE_UNKNOWN) {
            sim_fail(sim, "(2) p%d may be bound to n%d, and its room is given away", pod,
                     host->place[pod]);
        }
        host->place[pod] = SIM_NONE;
    }
    bool held = is_held(host->told[pod]);
    host->told[pod] = to;
    if (held && !is_held(to) && account_holds(sim, gang) == 0) {
        standing_model_ended(sim, gang, has_begun(sim, gang), strcmp(to, "Posted") == 0);
    }
}

/* Members that were bound before the first complete list are so without a word. */
static void note_synced(struct sim *sim)
{
    struct host *host = &sim->host;
    for (int i = 0; i < sim->pod_count; i++) {
        const struct pod_state *seen = &host->seen[i];
        bool runs = host->seen_ever[i] && seen->exists && !seen->terminal && seen->node != SIM_NONE;
        if (sim->pods[i].gang != SIM_NONE && host->told[i] == NULL) {
            host->told[i] = runs ? "Bound" : NULL;
            host->place[i] = runs ? seen->node : SIM_NONE;
        }
    }
}

static void note_calls(struct sim *sim, const struct record *record)
{
    struct host *host = &sim->host;
    if (record->type == EVENT_POD ||
        (record->with_object && sim->pods[record->pod].gang == SIM_NONE)) {
        host->carries[record->change.index] = record->change.pod.nominated;
    }
    const char *phase = record->type == EVENT_BIND ? host->told[record->pod] : NULL;
    if (phase != NULL && strcmp(phase, "Voted") == 0 && record->node == host->place[record->pod]) {
        host->vote[record->pod] = record->ticket; /* in place of the caller before */
    }
}

/* A plan that was given up has nothing to do with the next one. */
static void note_transition(struct sim *sim, const struct transition_effect *transition)
{
    int gang = spaces_gang_of(sim, transition->name_space, transition->gang);
    if (account_holds(sim, gang) == 0) {
        sim->host.hold_least[gang] = INT64_MAX;
    }
}

void account_note(struct sim *sim, const struct record *record)
{
    struct host *host = &sim->host;
    note_calls(sim, record);
    if (record->type == EVENT_FOLLOW || record->type == EVENT_LEAD) {
        standing_model_reset(sim);
    }
    if (record->type == EVENT_SYNCED) {
        note_synced(sim);
    }
    for (size_t i = 0; i < host->effects.count; i++) {
        const struct effect *effect = &host->effects.items[i];
        if (effect->type == EFFECT_PHASE) {
            note_phase(sim, record, &effect->phase);
        } else if (effect->type == EFFECT_TRANSITION) {
            note_transition(sim, &effect->transition);
        } else if (effect->type == EFFECT_EVENT &&
                   strcmp(effect->event.reason, "GangAborted") == 0) {
            standing_model_expired(sim, spaces_gang_of_event(sim, &effect->event));
        } else if (effect->type == EFFECT_NOMINATE && effect->write.node == NULL) {
            host->carries[sim_number(effect->write.uid)] = SIM_NONE;
        }
    }
    char uid[16];
    for (int i = 0; i < sim->pod_count; i++) { /* who comes again is a new one */
        if (host->told[i] != NULL && !engine_knows_pod(host->engine, sim_name(uid, 'u', i))) {
            host->told[i] = NULL;
            host->place[i] = host->carries[i] = SIM_NONE;
        }
    }
}

/* ---- what must be true then ---- */

static void check_deadlines(struct sim *sim, const struct record *record)
{
    struct host *host = &sim->host;
    for (size_t i = 0; i < host->effects.count; i++) {
        const struct effect *effect = &host->effects.items[i];
        if (effect->type == EFFECT_EVENT && strcmp(effect->event.reason, "GangAborted") == 0) {
            int gang = spaces_gang_of_event(sim, &effect->event);
            if (host->hold_before[gang] > record->now) {
                sim_fail(sim, "(3) the hold of g%d is given up %lld ms before its deadline", gang,
                         (long long)(host->hold_before[gang] - record->now));
            }
        }
    }
    for (int gang = 0; gang < sim->gang_count; gang++) {
        if (account_holds(sim, gang) == 0) {
            host->hold_least[gang] = host->hold_most[gang] = INT64_MAX;
        } else if (record->type == EVENT_TICK && host->hold_most[gang] <= record->now) {
            sim_fail(sim, "(3) the hold of g%d outlives its deadline by %lld ms", gang,
                     (long long)(record->now - host->hold_most[gang]));
        }
        host->hold_before[gang] = host->hold_least[gang];
    }
}

static void check_given_up(struct sim *sim, const struct record *record)
{
    const struct host *host = &sim->host;
    if (record->type != EVENT_BIND_GIVE_UP) {
        return;
    }
    int pod = sim->calls[record->ticket].pod;
    if (host->told[pod] != NULL && strcmp(host->told[pod], "Voted") == 0 &&
        host->vote[pod] == record->ticket) {
        sim_fail(sim, "(3) the vote of p%d counts although its caller gave up", pod);
    }
}

/* What the members shown and told of add up to, and which state that is: docs/states.md. */
struct tally {
    int live, bound, held, voted;
    struct members done, confirmed, pending; /* the last two with those who are done */
};

static void count_member(const struct sim *sim, int pod, struct tally *tally)
{
    const struct pod_state *seen = &sim->host.seen[pod];
    const char *phase = sim->host.told[pod] == NULL ? "Unplaced" : sim->host.told[pod];
    bool held = is_held(phase), on = seen->node != SIM_NONE;
    bool assumed = strcmp(phase, "Assumed") == 0 || strcmp(phase, "Bound") == 0;
    bool sent = assumed || strcmp(phase, "Posted") == 0 || strcmp(phase, "Unconfirmed") == 0;
    char uid[16];
    if (!sim->host.seen_ever[pod] || !seen->exists ||
        !engine_knows_pod(sim->host.engine, sim_name(uid, 'u', pod))) {
        return;
    }
    if (seen->terminal || seen->deleting) {
        return;
    }
    tally->live++;
    tally->held += held;
    tally->voted += strcmp(phase, "Voted") == 0;
    tally->bound += on || sent;
    members_add(&tally->confirmed, sim->pods[pod].role, on || assumed);
    members_add(&tally->pending, sim->pods[pod].role, on || sent || !seen->gated);
}

static enum gang_state state_of(const struct sim *sim, int gang, const struct tally *tally)
{
    bool known = shown_quorum(sim, gang) > 0;
    if (tally->bound + tally->done.all > 0 &&
        (!known || minimums_met(sim, gang, true, &tally->confirmed))) {
        return GANG_PLACED;
    }
    if (tally->bound > 0) {
        return GANG_COMMITTING;
    }
    if (tally->held > 0) {
        return GANG_HELD;
    }
    return minimums_met(sim, gang, true, &tally->pending) ? GANG_WAITING : GANG_GATHERING;
}

static void check_member(struct sim *sim, const struct gang_member_view *member, int gang)
{
    const struct host *host = &sim->host;
    int name = spaces_member(sim, gang, member->pod);
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        const char *phase = host->told[i] == NULL ? "Unplaced" : host->told[i];
        if (sim->pods[i].name != name || !host->seen_ever[i] || !host->seen[i].exists ||
            shown_twice(sim, i)) {
            continue;
        }
        int node = host->seen[i].node != SIM_NONE ? host->seen[i].node : host->place[i];
        bool bound = host->seen[i].node != SIM_NONE ||
                     (node != SIM_NONE && !is_held(phase) && strcmp(phase, "Unplaced") != 0);
        if (sim_number(member->node) != node || member->bound != bound ||
            member->voted != (strcmp(phase, "Voted") == 0)) {
            sim_fail(sim, "(14) p%d is shown on n%d%s%s, and is %s on n%d", i,
                     sim_number(member->node), member->bound ? ", bound" : "",
                     member->voted ? ", voted" : "", phase, node);
        }
    }
}

static void check_view(struct sim *sim, const struct gang_view *view)
{
    int gang = spaces_gang_of(sim, view->name_space, view->name);
    bool sure;
    struct members done = minimums_done(sim, gang, true, &sure);
    struct tally tally = {.done = done, .confirmed = done, .pending = done};
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        if (is_held(sim->host.told[i]) && sim->host.place[i] == SIM_NONE) {
            sim_fail(sim, "(14) p%d is held, and nobody is told where", i);
        }
        count_member(sim, i, &tally);
    }
    for (uint32_t i = 0; i < view->member_count; i++) {
        check_member(sim, &view->members[i], gang);
    }
    enum gang_state state = state_of(sim, gang, &tally);
    if (sure && view->state != state) {
        sim_fail(sim, "(15) g%d is shown as %s, and is %s", gang, gang_state_name(view->state),
                 gang_state_name(state));
    }
    if ((int)view->pods != tally.live || (int)view->voted != tally.voted) {
        sim_fail(sim, "(15) g%d is shown with %u pods, %u voted, and has %d and %d", gang,
                 view->pods, view->voted, tally.live, tally.voted);
    }
}

/* What /metrics tells, of what was shown and told. */
static void check_figures(struct sim *sim, const uint32_t states[GANG_PLACED + 1],
                          uint32_t incomplete)
{
    const struct host *host = &sim->host;
    struct engine_figures figures;
    uint32_t nodes = 0, pods = 0, holds = 0, votes = 0;
    char uid[16];
    engine_figures(host->engine, &figures);
    for (int i = 0; i < sim->node_count; i++) {
        nodes += host->nodes[i].exists;
    }
    for (int i = 0; i < sim->pod_count; i++) {
        bool known = engine_knows_pod(host->engine, sim_name(uid, 'u', i));
        pods += known;
        holds += known && is_held(host->told[i]);
        votes += known && host->told[i] != NULL && strcmp(host->told[i], "Voted") == 0;
    }
    if (figures.nodes != nodes || figures.pods != pods) {
        sim_fail(sim, "(15) %u nodes and %u pods are counted, and there are %u and %u",
                 figures.nodes, figures.pods, nodes, pods);
    }
    if (figures.differences > 0) {
        const char *whose;
        (void)engine_differences(host->engine, &whose);
        sim_fail(sim, "(14) the engine's own sums of %s were wrong", whose);
    }
    if (figures.holds != holds || figures.waiting_binds != votes) {
        sim_fail(sim, "(15) %u holds and %u waiting binds are counted, and there are %u and %u",
                 figures.holds, figures.waiting_binds, holds, votes);
    }
    if (memcmp(figures.gangs, states, sizeof(figures.gangs)) != 0 ||
        figures.incomplete != incomplete) {
        sim_fail(sim, "(15) the gangs of some state are miscounted, or the %u incomplete ones",
                 incomplete);
    }
}

void account_check(struct sim *sim, const struct record *record)
{
    struct arena arena;
    uint32_t states[GANG_PLACED + 1] = {0}, incomplete = 0;
    check_deadlines(sim, record);
    check_given_up(sim, record);
    arena_init(&arena);
    for (size_t i = 0; i < engine_gang_count(sim->host.engine) && !sim->failed; i++) {
        struct gang_view view;
        arena_reset(&arena);
        engine_gang_at(sim->host.engine, i, &arena, &view);
        check_view(sim, &view);
        states[view.state]++;
        incomplete += view.incomplete;
    }
    if (!sim->failed) {
        check_figures(sim, states, incomplete);
    }
    arena_finish(&arena);
}
