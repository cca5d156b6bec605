// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/nominations.h"

#include <string.h>

#include "test/simulation/shown.h"
#include "test/simulation/spaces.h"

/* What the engine asked for last, by pod, in this epoch; when a plan is given up, whether all of
 * its nominations were taken back in the same breath; and when the watch shows that kube-scheduler
 * took one back whose plan still stands, whether it is asked for again in the same breath. From
 * the second time on the engine may take its time.
 */

/* A pod known from a call only is forgotten when the watch does not show it in time. Its nomination
 * is taken back when the watch shows that, too. */
static void note_forgotten(struct sim *sim)
{
    char uid[16];
    for (int i = 0; i < sim->pod_count; i++) {
        if (sim->host.nominated[i] && !engine_knows_pod(sim->host.engine, sim_name(uid, 'u', i))) {
            sim->host.nominated[i] = false;
        }
    }
}

static void note(struct sim *sim, const struct record *record)
{
    struct host *host = &sim->host;
    if (record->type == EVENT_TICK) {
        note_forgotten(sim);
    }
    for (size_t i = 0; i < host->effects.count; i++) {
        const struct effect *effect = &host->effects.items[i];
        if (effect->type == EFFECT_NOMINATE) {
            int pod = sim_number(effect->write.uid), node = sim_number(effect->write.node);
            host->nominated[pod] = node != SIM_NONE;
            host->taken_back[pod] = node == host->asked_for[pod] ? host->taken_back[pod] : 0;
            host->asked_for[pod] = node;
            host->shown[pod] = node == SIM_NONE ? SIM_NONE : host->shown[pod];
        } else if (effect->type == EFFECT_POST_BINDING) {
            host->nominated[sim_number(effect->write.uid)] = false; /* binding clears it */
        }
    }
    if (record->type == EVENT_POD_GONE) {
        host->nominated[record->change.index] = false; /* who comes again by a call is a new one */
    }
    if (record->type == EVENT_NOMINATION_DONE && record->outcome == WRITE_REFUSED) {
        host->nominated[record->pod] = false;
    }
}

/* Whether the engine knows the member, and has no node for it. */
static bool lacks_node(const struct sim *sim, int gang, const struct gang_view *view, int name)
{
    bool found = false;
    for (uint32_t m = 0; m < view->member_count; m++) {
        if (spaces_member(sim, gang, view->members[m].pod) == name) {
            found = true;
            if (view->members[m].node != NULL) {
                return false;
            }
        }
    }
    return found;
}

static void check_gang(struct sim *sim, int gang)
{
    struct gang_view view;
    struct arena arena;
    arena_init(&arena);
    if (spaces_find(sim, gang, &arena, &view)) {
        for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
            if (sim->host.nominated[i] && shown_live(sim, i) && !shown_twice(sim, i) &&
                lacks_node(sim, gang, &view, sim->pods[i].name)) {
                sim_fail(sim, "(7) p%d stays nominated, and the plan of g%d is no more", i, gang);
            }
        }
    }
    arena_finish(&arena);
}

/* Whether the member's plan stands, on the node, and kube-scheduler has not come for it yet. */
static bool is_awaited(struct sim *sim, int pod, int node)
{
    char uid[16];
    struct gang_view view;
    struct arena arena;
    bool awaited = false;
    int gang = sim->pods[pod].gang;
    if (gang == SIM_NONE || shown_twice(sim, pod)) {
        return false;
    }
    arena_init(&arena);
    spaces_pod(sim, uid, pod);
    if (spaces_find(sim, gang, &arena, &view)) {
        for (uint32_t m = 0; m < view.member_count; m++) {
            const struct gang_member_view *member = &view.members[m];
            awaited |= strcmp(member->pod, uid) == 0 && !member->bound && !member->voted &&
                       sim_number(member->node) == node;
        }
    }
    arena_finish(&arena);
    return awaited;
}

static void check_taken_back(struct sim *sim, const struct record *record)
{
    struct host *host = &sim->host;
    int pod = record->change.index, node = host->shown[pod];
    if (record->type != EVENT_POD) {
        return;
    }
    host->shown[pod] = record->change.pod.nominated;
    if (node == SIM_NONE || host->shown[pod] == node || host->draining || host->standby ||
        !is_awaited(sim, pod, node) || host->taken_back[pod]++ > 0) {
        return;
    }
    for (size_t i = 0; i < host->effects.count; i++) {
        const struct effect *effect = &host->effects.items[i];
        if (effect->type == EFFECT_NOMINATE && sim_number(effect->write.uid) == pod) {
            return;
        }
    }
    sim_fail(
        sim,
        "(7) the nomination of p%d was taken back, its plan on n%d was not, and nobody says so",
        pod, node);
}

void nominations_check(struct sim *sim, const struct record *record)
{
    struct host *host = &sim->host;
    check_taken_back(sim, record);
    note(sim, record);
    for (size_t i = 0; i < host->effects.count && !host->draining && !host->standby; i++) {
        const struct effect *effect = &host->effects.items[i];
        if (effect->type == EFFECT_TRANSITION &&
            strcmp(effect->transition.from, gang_state_name(GANG_HELD)) == 0 &&
            strcmp(effect->transition.to, gang_state_name(GANG_COMMITTING)) != 0) {
            check_gang(sim,
                       spaces_gang_of(sim, effect->transition.name_space, effect->transition.gang));
        }
    }
}
