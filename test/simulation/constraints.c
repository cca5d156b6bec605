// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/constraints.h"

#include "test/simulation/outranked.h"

#include <string.h>

#include "test/simulation/shown.h"
#include "test/simulation/spaces.h"

/* A gang as a list of (member, node), either as the engine plans it or as it is, and what must be
 * true of such a list:
 *
 *   required   all nodes carry the label, with one value
 *   slices     members s·k … s·k + s−1 of a role stand in one labelled domain; what is planned
 *              from nothing is planned in whole slices. Without roles: of the most common request
 *   exclusive  nobody of another gang stands in the same labelled domain
 *
 * What the group object says holds for all members, what is on the pods for those of each role, or
 * of tied roles, alone. Slices count roles wherever they are said; a role of less members than a
 * slice beside one that has as many is a leader, if the group says so or it is a single pod.
 *
 * The order of members is that of ranks where there are any, else that of names.
 */

#define MEMBERS_MAX 64

struct place {
    int pod;
    int node;
    bool blurred; /* it stands there for other reasons, or its node or group is not as shown */
};

struct layout {
    struct place places[MEMBERS_MAX];
    int count;
};

static void add(const struct sim *sim, struct layout *layout, int pod, int node)
{
    if (layout->count < MEMBERS_MAX) {
        int gang = sim->pods[pod].gang;
        bool news =
            sim->host.engine != NULL &&
            (!shown_node(sim, node) || (sim->gangs[gang].object && !shown_group(sim, gang)));
        bool blurred = sim->pods[pod].displaced || !sim->nodes[node].state.exists || news;
        layout->places[layout->count++] = (struct place){pod, node, blurred};
    }
}

static bool is_blurred(const struct layout *layout, int one, int other)
{
    return layout->places[one].blurred || layout->places[other].blurred;
}

/* As the engine has told: bound and planned members. */
static void plan_of(const struct sim *sim, int gang, struct layout *layout)
{
    memset(layout, 0, sizeof(*layout));
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        int node = sim->host.seen[i].node != SIM_NONE ? sim->host.seen[i].node : sim->host.place[i];
        if (shown_live(sim, i) && node != SIM_NONE) {
            add(sim, layout, i, node);
        }
    }
}

/* As it is: bound members that run. */
static void truth_of(const struct sim *sim, int gang, struct layout *layout)
{
    memset(layout, 0, sizeof(*layout));
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        const struct pod_state *state = &sim->pods[i].state;
        if (state->exists && !state->terminal && !state->deleting && state->node != SIM_NONE) {
            add(sim, layout, i, state->node);
        }
    }
}

static int domain_of(const struct sim *sim, const struct place *place, enum sim_level level)
{
    return sim_domain(&sim->nodes[place->node].state, level);
}

/* What is asked of the pod, by its own template or by the object. */
static const struct constraints *asked_of(const struct sim *sim, int pod)
{
    const struct sim_gang *gang = &sim->gangs[sim->pods[pod].gang];
    return !gang->object && sim->pods[pod].role == ROLE_LEADER ? &gang->leader : &gang->constraints;
}

static void check_required(struct sim *sim, int gang, const struct layout *layout)
{
    for (int i = 0; i < layout->count; i++) {
        enum sim_level level = asked_of(sim, layout->places[i].pod)->required;
        for (int j = 0; j < layout->count && level != LEVEL_NONE; j++) {
            int domain = domain_of(sim, &layout->places[j], level);
            if (!is_blurred(layout, i, j) &&
                shown_share(sim, layout->places[i].pod, layout->places[j].pod) &&
                (domain == SIM_NONE || domain != domain_of(sim, &layout->places[i], level))) {
                sim_fail(sim, "(11) p%d of gang g%d must be in one domain with p%d, and is on n%d",
                         layout->places[j].pod, gang, layout->places[i].pod,
                         layout->places[j].node);
            }
        }
    }
}

/* ---- slices ---- */

static bool is_live(const struct sim *sim, int pod, bool shown)
{
    const struct pod_state *state = &sim->pods[pod].state;
    return shown ? shown_live(sim, pod) : state->exists && !state->terminal && !state->deleting;
}

/* What a pod requests, as one number: of its shape, and in place since. */
static int request_of(const struct sim *sim, int pod, bool shown)
{
    const struct pod_state *state = shown ? &sim->host.seen[pod] : &sim->pods[pod].state;
    return state->grown * SIM_SHAPES + sim->pods[pod].shape;
}

/* Without roles: what those request who are sliced; SIM_NONE when two requests are as common. */
static int sliced_request(const struct sim *sim, int gang, bool shown)
{
    int count[SIM_GROWN_MAX * SIM_SHAPES + SIM_SHAPES] = {0}, best = 0;
    const int requests = (int)(sizeof count / sizeof count[0]);
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        count[request_of(sim, i, shown)] += is_live(sim, i, shown);
    }
    for (int request = 1; request < requests; request++) {
        best = count[request] > count[best] ? request : best;
    }
    for (int request = 0; request < requests; request++) {
        if (request != best && count[request] == count[best]) {
            return SIM_NONE;
        }
    }
    return best;
}

static int count_role(const struct sim *sim, int gang, enum sim_role role, bool shown)
{
    int count = 0;
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        count += sim->pods[i].role == role && is_live(sim, i, shown);
    }
    return count;
}

/* Whether the role leads one that is sliced. */
static bool is_leader(const struct sim *sim, int gang, enum sim_role role, bool shown)
{
    const struct sim_gang *it = &sim->gangs[gang];
    enum sim_role others = role == ROLE_LEADER ? ROLE_WORKER : ROLE_LEADER;
    int size = it->constraints.slice_size[0];
    int count = count_role(sim, gang, role, shown);
    if (!it->object && memcmp(&it->leader, &it->constraints, sizeof it->leader) != 0) {
        return false;
    }
    return (it->object ? count < size : count == 1) && count_role(sim, gang, others, shown) >= size;
}

/* Its place among the members of its role, or without roles of its request; SIM_NONE when that is
 * not known. */
static int ordinal_of(const struct sim *sim, int gang, int pod, bool shown)
{
    const struct sim_pod *it = &sim->pods[pod];
    bool ranked = sim->gangs[gang].ranked;
    int before = 0;
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        const struct sim_pod *other = &sim->pods[i];
        if (i == pod || !is_live(sim, i, shown) ||
            (ranked ? other->role != it->role
                    : request_of(sim, i, shown) != request_of(sim, pod, shown))) {
            continue;
        }
        if (ranked ? other->rank == it->rank : other->name == it->name) {
            return SIM_NONE;
        }
        before += spaces_order(sim, i) < spaces_order(sim, pod);
    }
    return ranked ? it->rank : before;
}

/* Whether somebody of its slice was put on its very node by others, or the node has moved under it:
 * that is together, label or not, and the rest of a slice that is split so may be elsewhere.
 * Of which slice those were who have ended nobody can tell.
 */
static bool follows(const struct sim *sim, const struct layout *layout,
                    const int ordinals[MEMBERS_MAX], int place, int size)
{
    int gang = sim->pods[layout->places[place].pod].gang;
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        const struct pod_state *state = &sim->pods[i].state;
        if (sim->pods[i].displaced && (state->terminal || !state->exists) &&
            state->node == layout->places[place].node) {
            return true;
        }
    }
    for (int i = 0; i < layout->count; i++) {
        if (layout->places[i].blurred && layout->places[i].node == layout->places[place].node &&
            ordinals[i] != SIM_NONE && ordinals[i] / size == ordinals[place] / size) {
            return true;
        }
    }
    return false;
}

/* Members of another role have ended: while they were there the pod may have led them, and then it
 * was in no slice. */
static bool may_have_led(const struct sim *sim, int pod)
{
    int gang = sim->pods[pod].gang;
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        if (sim->pods[i].role != sim->pods[pod].role && !is_live(sim, i, false)) {
            return true;
        }
    }
    return false;
}

static void check_layer(struct sim *sim, int gang, const struct layout *layout,
                        const int ordinals[MEMBERS_MAX], const struct constraints *constraints,
                        int layer)
{
    int size = constraints->slice_size[layer];
    for (int i = 0; i < layout->count; i++) {
        bool judged = ordinals[i] != SIM_NONE && !follows(sim, layout, ordinals, i, size);
        bool alone = size == 1 && !may_have_led(sim, layout->places[i].pod);
        for (int j = 0; j < layout->count && judged; j++) {
            int domain = domain_of(sim, &layout->places[i], constraints->slice_level[layer]);
            if (!is_blurred(layout, i, j) && ordinals[j] != SIM_NONE &&
                ordinals[j] / size == ordinals[i] / size &&
                !follows(sim, layout, ordinals, j, size) &&
                ((domain == SIM_NONE && (i != j || alone)) || /* who it followed may be gone */
                 domain != domain_of(sim, &layout->places[j], constraints->slice_level[layer]))) {
                sim_fail(sim, "(11) slice %d of gang g%d is split: p%d on n%d, p%d on n%d",
                         ordinals[i] / size, gang, layout->places[i].pod, layout->places[i].node,
                         layout->places[j].pod, layout->places[j].node);
            }
        }
    }
}

static void check_whole(struct sim *sim, int gang, const struct layout *layout,
                        const int ordinals[MEMBERS_MAX], int size)
{
    for (int i = 0; i < layout->count; i++) {
        int members = 0;
        if (layout->places[i].blurred) {
            continue;
        }
        for (int j = 0; j < layout->count; j++) {
            members += ordinals[i] != SIM_NONE && ordinals[j] != SIM_NONE &&
                       ordinals[j] / size == ordinals[i] / size;
        }
        if (ordinals[i] != SIM_NONE && members != size) {
            sim_fail(sim, "(11) slice %d of gang g%d begins with %d of %d members",
                     ordinals[i] / size, gang, members, size);
        }
    }
}

static void check_slices(struct sim *sim, int gang, const struct layout *layout, enum sim_role role,
                         const struct constraints *constraints, bool shown, bool first)
{
    int ordinals[MEMBERS_MAX];
    bool ranked = sim->gangs[gang].ranked;
    int request = ranked || constraints->layers == 0 ? SIM_NONE : sliced_request(sim, gang, shown);
    if (constraints->layers == 0 || (!ranked && request == SIM_NONE) ||
        (ranked && is_leader(sim, gang, role, shown))) {
        return;
    }
    for (int i = 0; i < layout->count; i++) {
        int pod = layout->places[i].pod;
        bool counts = sim->pods[pod].role == role && is_live(sim, pod, shown) &&
                      (ranked || request_of(sim, pod, shown) == request);
        ordinals[i] = counts ? ordinal_of(sim, gang, pod, shown) : SIM_NONE;
        if (counts && ordinals[i] == SIM_NONE) {
            return;
        }
    }
    for (int layer = 0; layer < constraints->layers; layer++) {
        check_layer(sim, gang, layout, ordinals, constraints, layer);
    }
    if (first) {
        check_whole(sim, gang, layout, ordinals, constraints->slice_size[0]);
    }
}

static void check_all_slices(struct sim *sim, int gang, const struct layout *layout, bool shown,
                             bool first)
{
    const struct sim_gang *it = &sim->gangs[gang];
    for (enum sim_role role = ROLE_NONE; role <= ROLE_WORKER; role++) {
        bool own = !it->object && role == ROLE_LEADER;
        if (it->ranked == (role != ROLE_NONE) && (it->ranked || !it->torn)) {
            check_slices(sim, gang, layout, role, own ? &it->leader : &it->constraints, shown,
                         first);
        }
    }
}

/* ---- exclusive ---- */

/* `theirs_shown`: what the other gang's object says, as shown; NULL: what their pods say. */
static void check_pair(struct sim *sim, int gang, const struct layout *mine, int other,
                       const struct layout *theirs, const struct constraints *theirs_shown)
{
    for (int i = 0; i < mine->count; i++) {
        for (int j = 0; j < theirs->count; j++) {
            const struct constraints *one = asked_of(sim, mine->places[i].pod);
            const struct constraints *two =
                theirs_shown != NULL ? theirs_shown : asked_of(sim, theirs->places[j].pod);
            enum sim_level level = sim_wider(one->exclusive, two->exclusive);
            int domain = level == LEVEL_NONE ? SIM_NONE : domain_of(sim, &mine->places[i], level);
            bool blurred = mine->places[i].blurred || theirs->places[j].blurred ||
                           outranked_stranger(sim, mine->places[i].pod) ||
                           outranked_stranger(sim, theirs->places[j].pod);
            if (!blurred && domain != SIM_NONE &&
                domain == domain_of(sim, &theirs->places[j], level)) {
                sim_fail(sim,
                         "(11) p%d of gang g%d on n%d and p%d of gang g%d on n%d share a domain",
                         mine->places[i].pod, gang, mine->places[i].node, theirs->places[j].pod,
                         other, theirs->places[j].node);
            }
        }
    }
}

static bool is_exclusive(const struct sim_gang *gang, const struct constraints *shown)
{
    return shown->exclusive != LEVEL_NONE || (gang->led && gang->leader.exclusive != LEVEL_NONE);
}

static void check_exclusive(struct sim *sim, int gang, const struct layout *layout, bool shown)
{
    const struct sim_gang *it = &sim->gangs[gang];
    for (int other = 0; other < sim->gang_count; other++) {
        struct layout theirs;
        const struct sim_gang *them = &sim->gangs[other];
        const struct constraints *object =
            shown && them->object ? shown_constraints(sim, other) : NULL;
        if (other == gang || (!is_exclusive(it, &it->constraints) &&
                              !is_exclusive(them, object != NULL ? object : &them->constraints))) {
            continue;
        }
        if (shown) {
            plan_of(sim, other, &theirs);
        } else {
            truth_of(sim, other, &theirs);
        }
        check_pair(sim, gang, layout, other, &theirs, object);
    }
}

static void count(struct sim *sim, const struct layout *layout)
{
    for (int i = 0; i < layout->count; i++) {
        sim->checks.places++;
        sim->checks.places_judged += !layout->places[i].blurred;
    }
}

void constraints_check_posts(struct sim *sim, int gang, bool first)
{
    struct layout layout;
    if (sim->constrained_percent == 0) {
        return;
    }
    plan_of(sim, gang, &layout);
    count(sim, &layout);
    check_required(sim, gang, &layout);
    check_all_slices(sim, gang, &layout, true, first);
    check_exclusive(sim, gang, &layout, true);
}

void constraints_check_bound(struct sim *sim, int gang)
{
    struct layout layout;
    if (sim->constrained_percent == 0) {
        return;
    }
    truth_of(sim, gang, &layout);
    count(sim, &layout);
    check_required(sim, gang, &layout);
    check_all_slices(sim, gang, &layout, false, false);
    check_exclusive(sim, gang, &layout, false);
}
