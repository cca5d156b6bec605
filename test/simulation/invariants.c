// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/invariants.h"

#include "test/simulation/outranked.h"

#include <string.h>

#include "test/simulation/account.h"
#include "test/simulation/company.h"
#include "test/simulation/constraints.h"
#include "test/simulation/gpus.h"
#include "test/simulation/minimums.h"
#include "test/simulation/nominations.h"
#include "test/simulation/order.h"
#include "test/simulation/phases.h"
#include "test/simulation/planned.h"
#include "test/simulation/reasons.h"
#include "test/simulation/rules.h"
#include "test/simulation/runs.h"
#include "test/simulation/shown.h"
#include "test/simulation/spaces.h"
#include "test/simulation/victims.h"

/* The invariants of the design, judged from outside: by what the engine was shown, what it said,
 * and the truth in the API server. Numbers in messages are those of the invariants.
 *
 *   1  no partial gang          after every apply, and at the end
 *   2  no double booking        after every apply, where the engine was shown all there is
 *   3  every hold ends          bind calls in kube_bind_timeout(), holds at the end
 *   4  deterministic            replay_epoch()
 *   5  crash-safe               the others, with crashes
 *   6  always an answer         after every call
 *   7  alive                    recovered.c, order.c
 *   8  least writing            recovered.c, and in run.c
 *  10  ordinary pods            after every call of one
 *  13  phases                  phases.c
 *  14  room                    account.c: who has what, by the effects, is what the view says
 *  15  states                  account.c: of every gang, from its members
 *  16  plans                   planned.c: where a member may not be planned
 *  17  quality                 quality.c: what a plan uses, and whether that is optimal, and most
 *  18  preemption              victims.c, like
 *  19  eviction                … and
 *  20  one leads               … who may write
 *  21  GPUs                    gpus.c: which ones a pod is given
 *  22  company                 exclusion.c: who may not be where others are
 *  23  checkpoints             checkpoints.c
 *  24  standing                standing.c: one at a time, once a hold came to nothing
 *
 * Where a gang wants to be (required, exclusive, slices) is constraints.c.
 */

/* Members that are bound and alive, or being bound, or succeeded in this run, as far as it was
 * shown: they count for the quorum. */
static struct members counted(const struct sim *sim, int gang, bool *sure)
{
    const struct host *host = &sim->host;
    struct members members = minimums_done(sim, gang, true, sure);
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        const struct pod_state *seen = &host->seen[i];
        if (!host->seen_ever[i] || !seen->exists) {
            continue;
        }
        members_add(&members, sim->pods[i].role,
                    !seen->terminal && !seen->deleting &&
                        (seen->node != SIM_NONE || host->posted[i] != POST_NONE));
    }
    return members;
}

/* kube-scheduler tried the planned node and refused it: the member's room may be given away, and
 * its gang is planned around that for a while. */
static void note_refused(struct sim *sim, const struct record *record)
{
    int gang = sim->pods[record->pod].gang;
    bool offered = record->nominated == SIM_NONE;
    for (uint32_t i = 0; i < record->node_count; i++) {
        offered |= record->nodes[i] == record->nominated;
    }
    if (gang != SIM_NONE && !offered) {
        order_trouble(sim, gang, record->now);
        bool sure;
        sim->gangs[gang].torn |= counted(sim, gang, &sure).all > 0;
    }
}

/* Whether a member of that name asks for the same as the pod, as the engine was shown both. */
static bool is_alike(const struct sim *sim, int pod, const char *name)
{
    const struct sim_pod *one = &sim->pods[pod];
    bool alike = false;
    for (int i = sim_first(sim, one->gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        const struct sim_pod *other = &sim->pods[i];
        alike |= other->name == spaces_member(sim, one->gang, name) && shown_live(sim, i) &&
                 other->shape == one->shape && rules_alike(other, one) &&
                 sim->host.seen[i].grown == sim->host.seen[pod].grown;
    }
    return alike;
}

/* So many members of the gang that ask for the same have a place on the node its caller carries, if
 * the member is planned there itself and has not voted; else 0. A call says nothing of a pod that
 * the watch has not shown. */
static uint32_t count_planned_there(const struct sim *sim, const struct record *record)
{
    char pod[16];
    struct gang_view view;
    struct arena arena;
    uint32_t count = 0;
    bool found = false;
    int gang = sim->pods[record->pod].gang;
    if (gang == SIM_NONE || record->nominated == SIM_NONE || shown_twice(sim, record->pod) ||
        !sim->host.seen_ever[record->pod] || !sim->host.seen[record->pod].exists) {
        return 0; /* a name that is there twice does not tell which one it is */
    }
    spaces_pod(sim, pod, record->pod);
    arena_init(&arena);
    if (spaces_find(sim, gang, &arena, &view)) {
        for (uint32_t i = 0; i < view.member_count; i++) {
            const struct gang_member_view *member = &view.members[i];
            if (member->node == NULL || sim_number(member->node) != record->nominated) {
                continue;
            }
            found |= strcmp(member->pod, pod) == 0 && !member->bound && !member->voted;
            count += is_alike(sim, record->pod, member->pod);
        }
    }
    arena_finish(&arena);
    return found ? count : 0;
}

static void see_pod(struct sim *sim, int pod, const struct pod_state *state)
{
    sim->host.seen[pod] = *state;
    sim->host.seen_ever[pod] = true;
}

/* What is held stays where it is when its node turns out to be elsewhere: who is there, or is to be
 * there, was meant for where the node was. */
static void see_node(struct sim *sim, int node, const struct node_state *state)
{
    struct host *host = &sim->host;
    bool back = state->exists && !host->nodes[node].exists; /* others may stand beside it by now */
    bool moved =
        back || host->nodes[node].rack != state->rack || host->nodes[node].leaf != state->leaf;
    for (int i = 0; i < sim->pod_count && moved; i++) {
        sim->pods[i].displaced |= host->place[i] == node;
    }
    host->nodes[node] = *state;
}

/* While a group is shown to be gone nobody knows what its members ask of others. */
static void see_group(struct sim *sim, int gang, const struct group_state *state)
{
    sim->host.groups[gang] = *state;
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        sim->pods[i].displaced |= !state->exists && sim->host.place[i] != SIM_NONE;
    }
}

void invariants_before(struct sim *sim, const struct record *record)
{
    struct host *host = &sim->host;
    int pod = record->pod, index = record->change.index;
    switch ((int)record->type) {
    case EVENT_NODE:
    case EVENT_NODE_GONE:
    case EVENT_DEVICES:
        see_node(sim, index, &record->change.node);
        break;
    case EVENT_GROUP:
    case EVENT_GROUP_GONE:
        see_group(sim, index, &record->change.group);
        break;
    case EVENT_POD:
    case EVENT_POD_GONE:
        see_pod(sim, index, &record->change.pod);
        if (record->type == EVENT_POD_GONE) {
            host->posted[index] = POST_NONE; /* forgotten; its outcome means nothing any more */
        }
        break;
    case EVENT_BINDING_DONE:
        if (host->posted[pod] == POST_NONE) {
            break;
        }
        host->posted[pod] = record->outcome == WRITE_DONE      ? POST_BOUND
                            : record->outcome == WRITE_UNKNOWN ? POST_UNCONFIRMED
                                                               : POST_NONE;
        if (sim->pods[pod].gang != SIM_NONE) {
            sim->gangs[sim->pods[pod].gang].marred |= record->outcome != WRITE_DONE;
            order_trouble(sim, sim->pods[pod].gang, record->now);
        }
        break;
    case EVENT_FILTER:
        note_refused(sim, record);
        host->carried = count_planned_there(sim, record);
        /* fall through */
    default:
        if (record->with_object && sim->pods[pod].gang == SIM_NONE) { /* else nobody believes it */
            see_pod(sim, pod, &record->change.pod);
            host->seen[pod].node = SIM_NONE;
        }
        break;
    }
}

/* What the engine did not know when it began to bind. */
static bool is_news(const struct sim *sim, int gang)
{
    const struct sim_gang *it = &sim->gangs[gang];
    if (it->object && !shown_group(sim, gang)) {
        return true;
    }
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        const struct pod_state *seen = &sim->host.seen[i], *is = &sim->pods[i].state;
        if (sim->host.seen_ever[i] && seen->exists && seen->deleting + seen->terminal == 0 &&
            (!is->exists || is->deleting || is->terminal)) {
            return true;
        }
    }
    return false;
}

/* Bindings go out: with those that count already they are a quorum, whenever that is. */
static void check_quorum(struct sim *sim, int gang, const struct members *before, bool sure,
                         const struct members *posts)
{
    struct members after = *before;
    for (int role = 0; role < SIM_ROLES; role++) {
        members_add(&after, (enum sim_role)role, posts->roles[role]);
    }
    if (sure && !minimums_met(sim, gang, true, &after)) {
        sim_fail(sim,
                 "(1) %d bindings posted for gang g%d, whose quorum is %d, beside %d; then %d "
                 "leaders and %d workers",
                 posts->all, gang, (int)shown_quorum(sim, gang), before->all,
                 after.roles[ROLE_LEADER], after.roles[ROLE_WORKER]);
    }
}

/* The first bindings of a gang go out. */
static void note_commit(struct sim *sim, int gang)
{
    sim->commits++;
}

static void check_posts(struct sim *sim, int64_t now)
{
    struct host *host = &sim->host;
    struct members posts[SIM_GANGS_MAX] = {{.all = 0}};
    bool any = false, again[SIM_GANGS_MAX] = {false};
    for (size_t i = 0; i < host->effects.count; i++) {
        const struct effect *effect = &host->effects.items[i];
        if (effect->type != EFFECT_POST_BINDING || effect->write.gang == NULL) {
            continue;
        }
        int pod = sim_number(effect->write.uid),
            gang = spaces_gang_of(sim, effect->write.name_space, effect->write.gang);
        int node = sim_number(effect->write.node);
        any = true;
        sim->gangs[gang].torn |= !sim->nodes[node].state.exists;
        sim->pods[pod].displaced |=
            !shown_node(sim, node) || (sim->gangs[gang].object && !shown_group(sim, gang));
        if (host->posted[pod] == POST_NONE && host->seen[pod].node == SIM_NONE) {
            members_add(&posts[gang], sim->pods[pod].role, 1);
        } else {
            again[gang] = true; /* asked again */
        }
    }
    for (int gang = 0; any && gang < sim->gang_count; gang++) {
        if (posts[gang].all == 0) {
            continue;
        }
        bool sure;
        struct members before = counted(sim, gang, &sure);
        bool first = before.all == 0;
        if (!minimums_met(sim, gang, true, &before) && shown_quorum(sim, gang) > 0 &&
            host->hold_most[gang] <= now) {
            sim_fail(sim, "(3) bindings of g%d are posted %lld ms after its deadline", gang,
                     (long long)(now - host->hold_most[gang]));
        }
        check_quorum(sim, gang, &before, sure, &posts[gang]);
        sim->gangs[gang].torn |= is_news(sim, gang);
        if (first) {
            note_commit(sim, gang);
        }
        company_check_posts(sim, gang, first && !again[gang]);
        bool whole = first && !host->joins[gang] && !again[gang] && !sim->gangs[gang].marred;
        constraints_check_posts(sim, gang, whole);
    }
}

struct load {
    struct sim_amounts held[SIM_NODES_MAX], posted[SIM_NODES_MAX], used[SIM_NODES_MAX];
    struct sim_amounts members[SIM_NODES_MAX]; /* of what is posted */
    int holds[SIM_NODES_MAX];                  /* pods */
};

static void add(struct sim_amounts *to, const struct sim_amounts *what)
{
    to->gpus += what->gpus;
    to->cpus += what->cpus;
    to->pods += what->pods;
}

/* What is left of the node's after all of it; of a node that is gone, nothing. */
static struct sim_amounts rest_of(const struct sim *sim, const struct load *load, int node)
{
    struct sim_amounts rest = {0};
    if (sim->nodes[node].state.exists) {
        rest = sim->nodes[node].state.has;
    }
    sim_take(&rest, &load->held[node]);
    sim_take(&rest, &load->posted[node]);
    sim_take(&rest, &load->used[node]);
    return rest;
}

/* A pod of that name runs there already, whatever the engine knows of it. */
static bool runs_there(const struct sim *sim, int name, int node)
{
    for (int i = sim_first(sim, sim->pods[name].gang); i != SIM_NONE;
         i = sim->pods[i].next_of_gang) {
        const struct pod_state *state = &sim->pods[i].state;
        if (sim->pods[i].name == name && state->exists && state->node == node) {
            return true;
        }
    }
    return false;
}

static void add_holds(const struct sim *sim, struct load *load)
{
    for (int i = 0; i < sim->pod_count; i++) {
        int node = account_hold(sim, i);
        if (node == SIM_NONE) {
            continue;
        }
        load->holds[node]++;
        if (!runs_there(sim, sim->pods[i].name, node)) {
            struct sim_amounts request = sim_request(&sim->pods[i], &sim->host.seen[i]);
            add(&load->held[node], &request);
        }
    }
}

static void measure(const struct sim *sim, struct load *load)
{
    memset(load, 0, sizeof(*load));
    add_holds(sim, load);
    for (int i = 0; i < sim->pod_count; i++) {
        const struct pod_state *state = &sim->pods[i].state;
        if (state->exists && !state->terminal && state->node != SIM_NONE) {
            struct sim_amounts request = sim_request(&sim->pods[i], state);
            add(&load->used[state->node], &request);
        }
    }
}

static void add_post(struct sim *sim, struct load *load, const struct effect *effect)
{
    int pod = sim_number(effect->write.uid);
    int node = sim_number(effect->write.node);
    const struct pod_state *state = &sim->pods[pod].state;
    if (state->exists && !state->deleting && state->node == SIM_NONE) {
        struct sim_amounts request = sim_request(&sim->pods[pod], state);
        add(&load->posted[node], &request);
        bool again = sim->host.posted[pod] != POST_NONE && sim->host.posted_to[pod] == node;
        if (effect->write.gang != NULL && !again) {
            add(&load->members[node], &request);
        }
    }
    const struct host *host = &sim->host;
    if (host->posted[pod] == POST_SENT && host->posted_to[pod] != node) {
        sim_fail(sim, "(2) bindings of p%d to n%d and n%d are on their way", pod,
                 host->posted_to[pod], node);
    }
}

/* Whether a pod takes on the node what is kept for members: of something that they ask for, too,
 * there is not enough. */
static bool takes_kept(const struct sim *sim, int node, const struct sim_amounts *free,
                       const struct sim_amounts *request)
{
    struct sim_amounts kept = {0};
    for (int i = 0; i < sim->pod_count; i++) {
        if (account_kept(sim, i) == node) {
            struct sim_amounts one = sim_request(&sim->pods[i], &sim->host.seen[i]);
            add(&kept, &one);
        }
    }
    return (kept.gpus > 0 && request->gpus > 0 && free->gpus < request->gpus) ||
           (kept.cpus > 0 && request->cpus > 0 && free->cpus < request->cpus) ||
           (kept.pods > 0 && free->pods < request->pods);
}

/* No ordinary pod is bound to a node where that takes what is held. */
static void check_ordinary_posts(struct sim *sim)
{
    struct sim_amounts free[SIM_NODES_MAX];
    bool measured = false;
    for (size_t i = 0; i < sim->host.effects.count; i++) {
        const struct effect *effect = &sim->host.effects.items[i];
        if (effect->type != EFFECT_POST_BINDING || effect->write.gang != NULL) {
            continue;
        }
        if (!measured) {
            shown_free(sim, SIM_NONE, false, free);
            measured = true;
        }
        int node = sim_number(effect->write.node), pod = sim_number(effect->write.uid);
        struct sim_amounts request = sim_request(&sim->pods[pod], &sim->host.seen[pod]);
        if (sim->host.seen[pod].terminal) {
            sim_fail(sim, "(10) the ordinary pod p%d is bound to n%d, and is known to have ended",
                     pod, node);
        }
        bool own = (sim->host.posted[pod] != POST_NONE && sim->host.posted_to[pod] == node) ||
                   sim->pods[pod].state.node == node; /* it is there, and an old view was shown */
        if (!own && takes_kept(sim, node, &free[node], &request)) {
            sim_fail(sim, "(10) the ordinary pod p%d is bound to n%d, where it takes what is held",
                     pod, node);
        }
    }
}

/* Whether the node, who is there or who is to be there is not what the engine was shown. */
static bool is_news_there(const struct sim *sim, int node)
{
    const struct host *host = &sim->host;
    bool news = !shown_node(sim, node);
    for (int i = 0; i < sim->pod_count && !news; i++) {
        const struct pod_state *is = &sim->pods[i].state, *seen = &host->seen[i];
        bool on = is->exists && !is->terminal && is->node == node;
        bool shown = host->seen_ever[i] && seen->exists && !seen->terminal && seen->node == node;
        bool sent = host->place[i] == node ||
                    (host->posted_to[i] == node &&
                     (host->posted[i] == POST_SENT || host->posted[i] == POST_BOUND));
        news = (on && !shown && !sent) || ((on || sent) && is->grown != seen->grown);
    }
    return news;
}

static void check_booking(struct sim *sim)
{
    struct load load;
    if (sim->host.effects.count == 0) {
        return;
    }
    measure(sim, &load);
    check_ordinary_posts(sim); /* before they are noted */
    for (size_t i = 0; i < sim->host.effects.count; i++) {
        const struct effect *effect = &sim->host.effects.items[i];
        if (effect->type == EFFECT_POST_BINDING) {
            add_post(sim, &load, effect);
            sim->host.posted[sim_number(effect->write.uid)] = POST_SENT;
            sim->host.posted_to[sim_number(effect->write.uid)] = sim_number(effect->write.node);
        }
    }
    for (int node = 0; node < sim->node_count; node++) {
        const struct sim_amounts *held = &load.held[node], *posted = &load.members[node];
        struct sim_amounts rest = rest_of(sim, &load, node);
        bool gpus = held->gpus + posted->gpus > 0 && rest.gpus < 0;
        bool cpus = held->cpus + posted->cpus > 0 && rest.cpus < 0;
        bool pods = held->pods + posted->pods > 0 && rest.pods < 0;
        bool judged = held->pods + posted->pods > 0 && !is_news_there(sim, node);
        sim->checks.nodes += held->pods + posted->pods > 0;
        sim->checks.nodes_judged += judged;
        if ((gpus || cpus || pods) && judged) {
            sim_fail(sim, "(2) node n%d is overbooked: %d GPUs, %d CPUs, %d pods are left of it",
                     node, rest.gpus, rest.cpus, rest.pods);
        }
    }
}

/* An ordinary pod may have every node but where it would take what is held, and no such one. */
static void check_passes(struct sim *sim, const struct record *record,
                         const struct filter_reply *reply)
{
    struct load load;
    struct sim_amounts free[SIM_NODES_MAX], most[SIM_NODES_MAX];
    struct sim_amounts request = sim_request(&sim->pods[record->pod], &sim->host.seen[record->pod]);
    measure(sim, &load);
    for (int i = 0; i < sim->pod_count; i++) {
        if (sim->host.posted[i] == POST_UNCONFIRMED || sim->host.posted[i] == POST_SENT) {
            load.holds[sim->host.posted_to[i]]++; /* whoever knows whether it is bound */
        }
    }
    shown_free(sim, SIM_NONE, true, free);
    shown_free(sim, SIM_NONE, false, most);
    for (uint32_t i = 0; i < record->node_count; i++) {
        int node = record->nodes[i];
        bool passes = reply->verdict == FILTER_ALL || reply->passes[i];
        bool own = sim->host.seen[record->pod].node == node ||
                   (sim->host.posted[record->pod] != POST_NONE &&
                    sim->host.posted_to[record->pod] == node);
        bool known, off = company_keeps_off(sim, record->pod, node, &known);
        if (!passes && !off && (load.holds[node] == 0 || sim_fits(&free[node], &request))) {
            sim_fail(sim,
                     "(10) the ordinary pod p%d may not have node n%d, where it takes nothing held",
                     record->pod, node);
        }
        struct sim_amounts sure = {0}, may = {0};
        bool over = outranked_room(sim, record->pod, node, &sure, &may) || may.pods > 0;
        if (passes && known && !own && !over) {
            sim_fail(sim, "(10) the ordinary pod p%d may have node n%d, where a member excludes it",
                     record->pod, node);
        }
        if (passes && !own && takes_kept(sim, node, &most[node], &request) &&
            !outranked_fits(sim, record->pod, node, &most[node], false)) {
            sim_fail(sim,
                     "(10) the ordinary pod p%d may have node n%d, where it takes what is held",
                     record->pod, node);
        }
    }
    outranked_check(sim, record, reply, free);
}

static void check_ordinary(struct sim *sim, const struct record *record,
                           const struct filter_reply *reply)
{
    if (reply->verdict == FILTER_ERROR && (sim->host.standby || !engine_synced(sim->host.engine))) {
        return;
    }
    if (reply->verdict != FILTER_ALL && reply->verdict != FILTER_SOME) {
        sim_fail(sim, "(10) filter of the ordinary pod p%d is answered with verdict %d",
                 record->pod, (int)reply->verdict);
        return;
    }
    check_passes(sim, record, reply);
}

/* A planned node that kube-scheduler tried first and left out takes no more than the others who
 * have a place there: planned there again, the member is one of fewer. */
static void check_veto(struct sim *sim, const struct record *record)
{
    for (uint32_t i = 0; i < record->node_count; i++) {
        if (record->nodes[i] == record->nominated) {
            return;
        }
    }
    uint32_t now = sim->host.carried > 0 ? count_planned_there(sim, record) : 0;
    int gang = sim->pods[record->pod].gang;
    const struct sim_company *company = &sim->gangs[gang].company; /* it may wait for others */
    bool waits = company->spread != LEVEL_NONE || company->near != LEVEL_NONE;
    if (now > 0 && now >= sim->host.carried && !waits) {
        sim_fail(sim, "(7) p%d is one of %u planned on n%d, which was just refused for one of %u",
                 record->pod, now, record->nominated, sim->host.carried);
    }
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
    } else if (sim->host.standby) {
        return; /* victims.c */
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
    account_note(sim, record);
    gpus_check(sim);
    check_posts(sim, record->now);
    check_booking(sim);
    order_check(sim, record->now);
    nominations_check(sim, record);
    phases_check(sim, record);
    account_check(sim, record);
    planned_check(sim, record);
    victims_check(sim, record);
    reasons_check(sim, record);
    if (record->type == EVENT_FILTER) {
        check_filter(sim, record);
    }
}
