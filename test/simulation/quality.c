// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/quality.h"

#include "test/simulation/outranked.h"

#include <string.h>

#include "test/simulation/account.h"
#include "test/simulation/company.h"
#include "test/simulation/room.h"
#include "test/simulation/rules.h"
#include "test/simulation/shown.h"
#include "test/simulation/spaces.h"

/* Of a gang that is planned as a whole, from nothing: what the plan says it uses of each level is
 * what it uses; where it says that this is optimal, no set of nodes does better; and where not all
 * members got a place, no more of them would have fit.
 *
 * All sets of nodes are tried, so the former is for small clusters. Judged are gangs of members
 * that are all alike, with a leader beside them or not, in whole slices or not, that no veto, no
 * company and no choice of GPUs keeps from a node. What may be there or not is left out.
 */

#define SETS_MAX_NODES 10

struct use {
    int leaves, racks, nodes;
};

static bool fewer(const struct use *a, const struct use *b)
{
    return a->leaves != b->leaves ? a->leaves < b->leaves
           : a->racks != b->racks ? a->racks < b->racks
                                  : a->nodes < b->nodes;
}

/* What the nodes of the set (bits) use. */
static struct use use_of(const struct sim *sim, uint32_t set)
{
    struct use use = {0};
    uint32_t leaves = 0, racks = 0;
    for (int node = 0; node < sim->node_count; node++) {
        if ((set >> node & 1) != 0 && sim->host.nodes[node].exists) {
            leaves |= 1u << sim_domain(&sim->host.nodes[node], LEVEL_LEAF);
            racks |= 1u << sim_domain(&sim->host.nodes[node], LEVEL_RACK);
            use.nodes++;
        }
    }
    use.leaves = __builtin_popcount(leaves);
    use.racks = __builtin_popcount(racks);
    return use;
}

/* Whether every node that is there tells its leaf and its rack, and no rack is in two leaves. */
static bool is_tree(const struct sim *sim)
{
    for (int i = 0; i < sim->node_count; i++) {
        const struct node_state *a = &sim->host.nodes[i];
        for (int j = 0; j < sim->node_count && a->exists; j++) {
            const struct node_state *b = &sim->host.nodes[j];
            if (a->leaf == SIM_NONE || a->rack == SIM_NONE ||
                (b->exists && a->rack == b->rack && a->leaf != b->leaf)) {
                return false;
            }
        }
    }
    return true;
}

/* Members that look for a place together: so many that are alike, and one other. */
struct party {
    int like;  /* one of those who are alike; SIM_NONE: there are none */
    int count; /* of them */
    int other; /* SIM_NONE: there is none */
};

static bool is_alike(const struct sim *sim, int one, int other)
{
    return rules_same(&sim->pods[one], &sim->pods[other]) &&
           sim->pods[one].role == sim->pods[other].role &&
           sim->host.seen[one].grown == sim->host.seen[other].grown;
}

static bool is_there(const struct sim *sim, int pod)
{
    char uid[16];
    return sim->host.seen_ever[pod] && sim->host.seen[pod].exists &&
           engine_knows_pod(sim->host.engine, sim_name(uid, 'u', pod));
}

/* All who wait or have got a place just now, those who are like `like` and one other; false when
 * there are more others. */
static bool read_pending(const struct sim *sim, int gang, int like, struct party *pending)
{
    *pending = (struct party){like, 0, SIM_NONE};
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        if (!shown_live(sim, i) || !is_there(sim, i)) {
            continue;
        }
        if (is_alike(sim, i, like)) {
            pending->count++;
        } else if (pending->other == SIM_NONE) {
            pending->other = i;
        } else {
            return false;
        }
    }
    return true;
}

/* What was planned in this apply from nothing, on which nodes, and all who could have been; false
 * when it is not one plan, or there are more kinds of members. */
static bool read_parties(const struct sim *sim, int gang, struct party *planned,
                         struct party *pending, uint32_t *set)
{
    bool found = false;
    *set = 0;
    *pending = (struct party){SIM_NONE, 0, SIM_NONE};
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        const struct pod_state *seen = &sim->host.seen[i];
        bool stands = seen->node != SIM_NONE || sim->host.place[i] != SIM_NONE;
        if (is_there(sim, i) && ((stands && !sim->host.planned[i]) || seen->succeeded)) {
            return false;
        }
        bool like = !found && sim->pods[i].role != ROLE_LEADER && shown_live(sim, i);
        found = found || (like && read_pending(sim, gang, i, pending));
    }
    *planned = (struct party){pending->like, 0, SIM_NONE};
    for (int i = sim_first(sim, gang); i != SIM_NONE && found; i = sim->pods[i].next_of_gang) {
        int hold = account_hold(sim, i);
        *set |= hold == SIM_NONE ? 0 : 1u << hold;
        planned->count += hold != SIM_NONE && i != pending->other;
        planned->other = hold != SIM_NONE && i == pending->other ? i : planned->other;
    }
    return found && planned->count > 0;
}

/* Whether the ranks of the party make whole slices: none is missing or there twice. */
static bool has_ranks(const struct sim *sim, int gang, const struct party *pending)
{
    uint64_t ranks = 0;
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        bool counts = i != pending->other && shown_live(sim, i) && is_there(sim, i);
        ranks |= counts && sim->pods[i].rank >= 0 ? UINT64_C(1) << sim->pods[i].rank % 64 : 0;
    }
    return !sim->gangs[gang].ranked || ranks == (UINT64_C(1) << pending->count) - 1;
}

/* ---- what would do ---- */

struct question {
    const struct constraints *workers, *leader;
    bool shared; /* workers and leader share the domains of their levels */
    struct sim_amounts free[SIM_NODES_MAX];
    uint32_t open; /* nodes where nobody else is, or wants to be, alone */
};

/* Leaves out what others want for themselves, and where others are if the gang does. */
static void leave_out(const struct sim *sim, int gang, struct question *question)
{
    enum sim_level own = sim_wider(question->workers->exclusive, question->leader->exclusive);
    for (int node = 0; node < sim->node_count; node++) {
        bool known = sim_domain(&sim->host.nodes[node], own) != SIM_NONE;
        question->open |= sim->host.nodes[node].exists && known ? 1u << node : 0;
    }
    for (int i = 0; i < sim->pod_count; i++) {
        int other = sim->pods[i].gang;
        const struct pod_state *seen = &sim->host.seen[i];
        int there = seen->node != SIM_NONE ? seen->node : sim->host.place[i];
        if (other == SIM_NONE || other == gang || there == SIM_NONE || !seen->exists ||
            outranked_stranger(sim, i)) {
            continue;
        }
        enum sim_level level = sim_wider(own, sim_wider(shown_constraints(sim, other)->exclusive,
                                                        sim->gangs[other].leader.exclusive));
        int taken = sim_domain(&sim->host.nodes[there], level);
        for (int node = 0; node < sim->node_count && level != LEVEL_NONE; node++) {
            int domain = sim_domain(&sim->host.nodes[node], level);
            if (domain == SIM_NONE || taken == SIM_NONE || domain == taken) {
                question->open &= ~(1u << node);
            }
        }
    }
}

static void ask(const struct sim *sim, int gang, struct question *question)
{
    const struct sim_gang *it = &sim->gangs[gang];
    memset(question, 0, sizeof(*question));
    question->workers = shown_constraints(sim, gang);
    question->leader = it->object || !it->led ? question->workers : &it->leader;
    question->shared = it->object || it->tied || !it->led;
    shown_free(sim, gang, true, question->free);
    leave_out(sim, gang, question);
}

static uint32_t inside(const struct sim *sim, uint32_t set, enum sim_level level, int domain)
{
    uint32_t nodes = 0;
    for (int node = 0; node < sim->node_count; node++) {
        bool in = level == LEVEL_NONE || sim_domain(&sim->host.nodes[node], level) == domain;
        nodes |= in ? set & 1u << node : 0;
    }
    return nodes;
}

/* Whether the workers fit onto the nodes, beside the leader on `taken` if that is a node. */
static bool workers_fit(const struct sim *sim, const struct question *question,
                        const struct party *party, uint32_t set, int taken)
{
    struct room room = {.copies = {0}};
    struct sim_amounts request = sim_request(&sim->pods[party->like], &sim->host.seen[party->like]);
    for (int node = 0; node < sim->node_count; node++) {
        struct sim_amounts free = question->free[node];
        if ((set >> node & 1) == 0 ||
            !rules_admits(&sim->host.nodes[node], &sim->pods[party->like])) {
            continue;
        }
        if (node == taken) {
            struct sim_amounts lead =
                sim_request(&sim->pods[party->other], &sim->host.seen[party->other]);
            sim_take(&free, &lead);
        }
        room.copies[node] = sim_copies(&free, &request);
    }
    return room_within(sim, &room, question->workers, set) >= party->count;
}

static bool leader_fits(const struct sim *sim, const struct question *question, int pod, int node)
{
    struct sim_amounts request = sim_request(&sim->pods[pod], &sim->host.seen[pod]);
    return rules_admits(&sim->host.nodes[node], &sim->pods[pod]) &&
           sim_fits(&question->free[node], &request) &&
           sim_domain(&sim->host.nodes[node], question->leader->required) != SIM_NONE;
}

/* Whether they fit onto nodes of `set` where the workers are in `within`. */
static bool both_fit(const struct sim *sim, const struct question *question,
                     const struct party *party, uint32_t set, uint32_t within)
{
    if (party->other == SIM_NONE) {
        return workers_fit(sim, question, party, within, SIM_NONE);
    }
    uint32_t places = question->shared ? within : set;
    for (int node = 0; node < sim->node_count; node++) {
        if ((places >> node & 1) != 0 && leader_fits(sim, question, party->other, node) &&
            workers_fit(sim, question, party, within, node)) {
            return true;
        }
    }
    return false;
}

static bool fits(const struct sim *sim, const struct question *question, const struct party *party,
                 uint32_t set)
{
    enum sim_level level = question->workers->required;
    level = question->shared && level == LEVEL_NONE ? question->leader->required : level;
    set &= question->open;
    if (level == LEVEL_NONE) {
        return both_fit(sim, question, party, set, set);
    }
    for (int node = 0; node < sim->node_count; node++) {
        int domain = sim_domain(&sim->host.nodes[node], level);
        if ((set >> node & 1) != 0 && domain != SIM_NONE &&
            both_fit(sim, question, party, set, inside(sim, set, level, domain))) {
            return true;
        }
    }
    return false;
}

/* ---- judged ---- */

static void check_optimal(struct sim *sim, int gang, const struct question *question,
                          const struct party *planned, const struct use *used)
{
    for (uint32_t other = 1; other < 1u << sim->node_count; other++) {
        struct use use = use_of(sim, other);
        if ((other & ~question->open) == 0 && fewer(&use, used) &&
            fits(sim, question, planned, other)) {
            sim_fail(sim,
                     "(17) the plan of g%d on %d leaves, %d racks, %d nodes is called optimal, and "
                     "%d, %d, %d would do",
                     gang, used->leaves, used->racks, used->nodes, use.leaves, use.racks,
                     use.nodes);
            return;
        }
    }
}

/* One more, or one slice more, or the other one in addition. */
static void check_most(struct sim *sim, int gang, const struct question *question,
                       const struct party *planned, const struct party *pending)
{
    uint32_t all = (1u << sim->node_count) - 1;
    int step = question->workers->layers > 0 ? question->workers->slice_size[0] : 1;
    struct party more = *planned;
    more.count += step;
    if (more.count <= pending->count && fits(sim, question, &more, all)) {
        sim_fail(sim, "(17) %d members of g%d are held, and %d would fit", planned->count, gang,
                 more.count);
    }
    more = *planned;
    more.other = pending->other;
    if (planned->other != pending->other && fits(sim, question, &more, all)) {
        sim_fail(sim, "(17) %d members of g%d are held, and p%d would fit, too", planned->count,
                 gang, pending->other);
    }
}

static bool is_plain(const struct sim *sim, int gang, const struct question *question,
                     const struct party *pending)
{
    const struct constraints *workers = question->workers;
    bool split = !question->shared && question->leader->layers > 0;
    for (int node = 0; node < sim->node_count; node++) {
        if (!shown_node(sim, node)) {
            return false;
        }
    }
    return !company_any(&sim->gangs[gang].company) && !sim->gangs[gang].pinned &&
           workers->good_gpus == 0 && question->leader->good_gpus == 0 && !split &&
           (workers->layers == 0 ||
            (pending->count % workers->slice_size[0] == 0 && has_ranks(sim, gang, pending) &&
             (pending->other == SIM_NONE || sim->gangs[gang].ranked)));
}

/* Whether the gang comes from waiting in this apply: not planned around a refusal. */
static bool begins(const struct sim *sim, int gang)
{
    const struct effects *effects = &sim->host.effects;
    for (size_t i = 0; i < effects->count; i++) {
        const struct effect *effect = &effects->items[i];
        if (effect->type == EFFECT_TRANSITION &&
            spaces_gang_of(sim, effect->transition.name_space, effect->transition.gang) == gang &&
            strcmp(effect->transition.from, gang_state_name(GANG_WAITING)) == 0 &&
            strcmp(effect->transition.to, gang_state_name(GANG_HELD)) == 0) {
            return true;
        }
    }
    return false;
}

static void check_view(struct sim *sim, int gang, const struct gang_view *view,
                       const struct use *use)
{
    for (uint32_t i = 0; view->has_quality && i < view->levels; i++) {
        const char *level = view->level_names[i];
        int used = strcmp(level, "leaf") == 0   ? use->leaves
                   : strcmp(level, "rack") == 0 ? use->racks
                   : i + 1 == view->levels      ? use->nodes
                                                : 1;
        if ((int)view->used[i] != used || view->lower_bound[i] > view->used[i]) {
            sim_fail(sim, "(17) the plan of g%d uses %d of level %s, and says %u, at least %u",
                     gang, used, level, view->used[i], view->lower_bound[i]);
        }
    }
}

/* Whether no other gang got or lost a plan in this apply: whose room it was a moment ago is not
 * known. */
static bool is_lone(const struct sim *sim, int gang)
{
    const struct effects *effects = &sim->host.effects;
    for (size_t i = 0; i < effects->count; i++) {
        const struct effect *effect = &effects->items[i];
        if (effect->type == EFFECT_PHASE && sim->pods[sim_number(effect->phase.uid)].gang != gang) {
            return false;
        }
    }
    return true;
}

void quality_check(struct sim *sim, int gang, int64_t now)
{
    struct gang_view view;
    struct arena arena;
    struct question question;
    struct party planned, pending;
    uint32_t set;
    if (!begins(sim, gang) || !is_tree(sim) || !read_parties(sim, gang, &planned, &pending, &set)) {
        return;
    }
    if (sim->host.tick_at < now - 1000) {
        return; /* vetoes end in a tick, and the clock jumped past it */
    }
    arena_init(&arena);
    struct use use = use_of(sim, set);
    ask(sim, gang, &question);
    if (spaces_find(sim, gang, &arena, &view)) {
        check_view(sim, gang, &view, &use);
        if (is_plain(sim, gang, &question, &pending) && sim->host.troubled_until[gang] <= now) {
            sim->checks.plans++;
            if (is_lone(sim, gang)) {
                check_most(sim, gang, &question, &planned, &pending);
            }
            if (view.optimal && sim->node_count <= SETS_MAX_NODES) {
                check_optimal(sim, gang, &question, &planned, &use);
            }
        }
    }
    arena_finish(&arena);
}
