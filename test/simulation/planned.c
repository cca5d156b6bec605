// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/planned.h"

#include <string.h>

#include "test/simulation/account.h"
#include "test/simulation/company.h"
#include "test/simulation/rules.h"
#include "test/simulation/shown.h"
#include "test/simulation/spaces.h"

/* A member that gets a node in this very apply:
 *
 *   lets in    the node's labels, taints and cordon do not keep the pod out
 *   room       the node is not overbooked of anything that the pod asks for
 *   required   it is in the domain in which the rest of its gang is held or runs
 *   exclusive  nobody of another gang is in the domain that either wants for itself
 *
 * And of a gang that is planned as a whole, from nothing: what the plan says it uses of each level
 * is what it uses; and where it says that this is optimal, no set of nodes does better. All sets of
 * nodes are tried, so that is for small clusters, for members that are all alike, and for gangs
 * that no veto and no exclusive domain keeps from a node.
 */

#define SETS_MAX_NODES 10

static int place_of(const struct sim *sim, int pod)
{
    const struct pod_state *seen = &sim->host.seen[pod];
    if (!sim->host.seen_ever[pod] || !seen->exists || seen->terminal) {
        return SIM_NONE;
    }
    return seen->node != SIM_NONE ? seen->node : sim->host.place[pod];
}

static int domain_of(const struct sim *sim, int node, enum sim_level level)
{
    const struct node_state *shown = &sim->host.nodes[node];
    return shown->exists ? sim_domain(shown, level) : SIM_NONE;
}

static void check_node(struct sim *sim, int pod, const struct sim_amounts free[SIM_NODES_MAX])
{
    int node = sim->host.place[pod];
    struct sim_amounts request = sim_request(&sim->pods[pod], &sim->host.seen[pod]);
    if (!rules_admits(&sim->host.nodes[node], &sim->pods[pod])) {
        sim_fail(sim, "(16) p%d is planned on n%d, which does not let it in", pod, node);
    }
    if (free[node].cpus < 0 || free[node].pods < 0 || (request.gpus > 0 && free[node].gpus < 0)) {
        sim_fail(sim, "(2) p%d is planned on n%d, of which %d GPUs, %d CPUs, %d pods are left then",
                 pod, node, free[node].gpus, free[node].cpus, free[node].pods);
    }
}

/* Where the member is, if whoever joins has to go there: held, unless the node has moved meanwhile,
 * or alive on a node that is there. */
static int stands_on(const struct sim *sim, int pod)
{
    int hold = account_hold(sim, pod), node = place_of(sim, pod);
    if (hold != SIM_NONE) {
        return sim->pods[pod].displaced ? SIM_NONE : hold;
    }
    return node != SIM_NONE && shown_live(sim, pod) && sim->host.nodes[node].exists ? node
                                                                                    : SIM_NONE;
}

static void check_required(struct sim *sim, int pod)
{
    int gang = sim->pods[pod].gang, node = sim->host.place[pod];
    enum sim_level level = shown_asked(sim, pod)->required;
    if (level == LEVEL_NONE) {
        return;
    }
    int domain = domain_of(sim, node, level);
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        int other = shown_share(sim, pod, i) ? stands_on(sim, i) : SIM_NONE;
        if (domain == SIM_NONE || (other != SIM_NONE && domain_of(sim, other, level) != domain)) {
            sim_fail(sim, "(16) g%d must be in one domain, and is planned on n%d and n%d", gang,
                     node, other);
        }
    }
}

static void check_exclusive(struct sim *sim, int pod)
{
    int gang = sim->pods[pod].gang, node = sim->host.place[pod];
    enum sim_level own = shown_asked(sim, pod)->exclusive;
    for (int i = 0; i < sim->pod_count && sim->constrained_percent > 0; i++) {
        int other = sim->pods[i].gang, there = place_of(sim, i);
        if (other == SIM_NONE || other == gang || there == SIM_NONE) {
            continue;
        }
        enum sim_level level = sim_wider(own, shown_asked(sim, i)->exclusive);
        int domain = domain_of(sim, there, level);
        if (level != LEVEL_NONE && domain != SIM_NONE && domain == domain_of(sim, node, level)) {
            sim_fail(sim, "(16) p%d is planned on n%d, where p%d of g%d shares its domain", pod,
                     node, i, other);
        }
    }
}

/* ---- plans as a whole ---- */

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

/* The gang's plan, made from nothing in this apply: how many members, on which nodes, one of them;
 * 0 when it is not one, or its members differ. */
static int whole_plan(const struct sim *sim, int gang, uint32_t *set, int *like)
{
    int count = 0;
    *set = 0;
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        int hold = account_hold(sim, i);
        if (hold == SIM_NONE && place_of(sim, i) == SIM_NONE && !sim->host.seen[i].succeeded) {
            continue;
        }
        bool alike = count == 0 || (rules_same(&sim->pods[i], &sim->pods[*like]) &&
                                    sim->host.seen[i].grown == sim->host.seen[*like].grown);
        if (hold == SIM_NONE || !sim->host.planned[i] || !alike) {
            return 0;
        }
        *like = i;
        *set |= 1u << hold;
        count++;
    }
    return count;
}

/* Copies of the pod on every node, the gang's own holds given back. */
static void count_copies(const struct sim *sim, int gang, int like, int copies[SIM_NODES_MAX])
{
    struct sim_amounts free[SIM_NODES_MAX];
    struct sim_amounts request = sim_request(&sim->pods[like], &sim->host.seen[like]);
    shown_free(sim, gang, true, free);
    for (int node = 0; node < sim->node_count; node++) {
        bool open = rules_admits(&sim->host.nodes[node], &sim->pods[like]);
        copies[node] = open ? sim_copies(&free[node], &request) : 0;
    }
}

static void check_optimal(struct sim *sim, int gang, uint32_t set, int like, int count)
{
    int copies[SIM_NODES_MAX];
    struct use used = use_of(sim, set);
    enum sim_level required = shown_constraints(sim, gang)->required;
    count_copies(sim, gang, like, copies);
    for (uint32_t other = 1; other < 1u << sim->node_count; other++) {
        int room = 0;
        for (int node = 0; node < sim->node_count; node++) {
            room += (other >> node & 1) != 0 ? copies[node] : 0;
        }
        bool present = true;
        for (int node = 0; node < sim->node_count; node++) {
            present &= (other >> node & 1) == 0 || copies[node] > 0;
        }
        if (room < count || !present) {
            continue;
        }
        struct use use = use_of(sim, other);
        bool allowed =
            required == LEVEL_NONE || (required == LEVEL_LEAF ? use.leaves : use.racks) == 1;
        if (allowed && fewer(&use, &used)) {
            sim_fail(sim,
                     "(17) the plan of g%d on %d leaves, %d racks, %d nodes is called optimal, and "
                     "%d, %d, %d would do",
                     gang, used.leaves, used.racks, used.nodes, use.leaves, use.racks, use.nodes);
            return;
        }
    }
}

static bool is_plain(const struct sim *sim, int gang)
{
    for (int i = 0; i < sim->gang_count && sim->constrained_percent > 0; i++) {
        if (shown_constraints(sim, i)->exclusive != LEVEL_NONE ||
            sim->gangs[i].leader.exclusive != LEVEL_NONE) {
            return false;
        }
    }
    return !company_any(&sim->gangs[gang].company) && shown_constraints(sim, gang)->layers == 0 &&
           shown_constraints(sim, gang)->good_gpus == 0 && sim->gangs[gang].leader.good_gpus == 0;
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

static void check_quality(struct sim *sim, int gang, int64_t now)
{
    struct gang_view view;
    struct arena arena;
    uint32_t set;
    int like = 0, count = whole_plan(sim, gang, &set, &like);
    if (count == 0 || !is_tree(sim) || !begins(sim, gang)) {
        return;
    }
    arena_init(&arena);
    struct use use = use_of(sim, set);
    bool found = spaces_find(sim, gang, &arena, &view);
    for (uint32_t i = 0; found && view.has_quality && i < view.levels; i++) {
        const char *level = view.level_names[i];
        int used = strcmp(level, "leaf") == 0   ? use.leaves
                   : strcmp(level, "rack") == 0 ? use.racks
                   : i + 1 == view.levels       ? use.nodes
                                                : 1;
        if ((int)view.used[i] != used || view.lower_bound[i] > view.used[i]) {
            sim_fail(sim, "(17) the plan of g%d uses %d of level %s, and says %u, at least %u",
                     gang, used, level, view.used[i], view.lower_bound[i]);
        }
    }
    if (found && view.optimal && sim->node_count <= SETS_MAX_NODES && is_plain(sim, gang) &&
        sim->host.troubled_until[gang] <= now) {
        check_optimal(sim, gang, set, like, count);
    }
    arena_finish(&arena);
}

void planned_check(struct sim *sim, const struct record *record)
{
    struct sim_amounts free[SIM_NODES_MAX];
    bool gangs[SIM_GANGS_MAX] = {false}, any = false;
    for (int i = 0; i < sim->pod_count; i++) {
        if (!sim->host.planned[i] || account_hold(sim, i) == SIM_NONE) {
            continue;
        }
        if (!any) {
            shown_free(sim, SIM_NONE, false, free);
            any = true;
        }
        gangs[sim->pods[i].gang] = true;
        check_node(sim, i, free);
        check_required(sim, i);
        check_exclusive(sim, i);
        company_check_plan(sim, i);
    }
    for (int gang = 0; any && gang < sim->gang_count; gang++) {
        if (gangs[gang]) {
            check_quality(sim, gang, record->now);
        }
    }
    memset(sim->host.planned, 0, (size_t)sim->pod_count * sizeof(sim->host.planned[0]));
}
