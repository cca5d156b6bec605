// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/observe.h"

#include <stdlib.h>
#include <string.h>

#include "scheduler/engine/begun.h"
#include "scheduler/engine/hold.h"
#include "scheduler/engine/nominate.h"
#include "scheduler/engine/standing.h"

/* The books: what the API server shows of nodes, pods and groups, put into the node table, the pod
 * table, the gangs and the ledger.
 *
 * Nothing is decided here. What an observation contradicts (a hold on a node that shrank, a member
 * that is deleted or bound elsewhere, a group whose quorum changed) is given up at once with an
 * answer to whoever waits for it; the gang is marked, and the fixpoint does the rest.
 */

/* Whether what is overbooked on the row is something the pod holds, too: a hold that takes none of
 * it is as good as before, and would only be made again. */
static bool lacks_room(const struct engine *engine, const struct pod *pod, uint32_t row)
{
    const struct resources *request = shapes_request(engine->shapes, pod->shape);
    const struct resources *left = ledger_free(engine->ledger, row);
    for (uint32_t i = 0; i < request->count; i++) {
        uint32_t name = request->items[i].name;
        if (request->items[i].amount > 0 &&
            resource_available(name, resources_get(left, name)) < 0) {
            return true;
        }
    }
    return false;
}

/* Whether holds on a row still have room; gangs whose hold has not are planned again. */
static void check_row(struct engine *engine, uint32_t row)
{
    static const char why[] = "the planned node no longer has room";
    if (!ledger_has_hold(engine->ledger, row) || !ledger_overbooked(engine->ledger, row)) {
        return;
    }
    uint32_t count;
    struct pod **held = gangs_held_on(engine->pods, row, &count);
    for (uint32_t i = 0; i < count; i++) {
        struct gang *gang = held[i]->gang;
        if (!pods_held(held[i]) || !lacks_room(engine, held[i], row)) {
            continue; /* its gang was given up, or what others gave up is enough */
        }
        if (gang_missing(gang) == 0) {
            hold_drop(engine, held[i], why);
            if (gang_tally(gang).held == 0) {
                standing_given_up(gang, false);
            }
        } else {
            hold_abort(engine, gang, why, HOLD_TAKEN);
        }
        engine_mark_changed(engine, gang);
    }
    free(held);
}

/* What is known of a node's GPUs from now on (node_object.devices); true when that is new. */
static bool observe_gpus(struct engine *engine, uint32_t row, const struct device_map *map,
                         const char *resource)
{
    struct names *words = nodes_vocabulary(engine->nodes);
    struct gpus *gpus = ledger_gpus(engine->ledger);
    uint32_t before = gpus_resource(gpus, row);
    uint32_t name = NAMES_NONE;
    if (map != NULL && resource != NULL) {
        name = names_intern(words, resource, strlen(resource));
    }
    bool changed = gpus_observe(gpus, row, name == NAMES_NONE ? NULL : map, name);
    if (name != NAMES_NONE && gpus_resource(gpus, row) == NAMES_NONE) { /* a map without GPUs */
        names_release(words, name);
    }
    if (before != NAMES_NONE) {
        names_release(words, before);
    }
    return changed;
}

void observe_node_gone(struct engine *engine, const char *name)
{
    uint32_t row = nodes_remove(engine->nodes, name);
    if (row == NAMES_NONE) {
        return;
    }
    tree_mark(&engine->tree, row);
    (void)observe_gpus(engine, row, NULL, NULL);
    ledger_node_changed(engine->ledger, row);
    check_row(engine, row);
}

void observe_devices(struct engine *engine, const struct node_object *object)
{
    uint32_t row = nodes_find(engine->nodes, object->name, strlen(object->name));
    if (row != NAMES_NONE && nodes_get(engine->nodes, row)->present &&
        observe_gpus(engine, row, object->devices, object->device_resource)) {
        ledger_gpus_changed(engine->ledger, row);
    }
}

/* A member that goes gives its place back. The others of a gang in slices were planned around it,
 * and might commit with a slice that is not whole: they are planned again. */
static void lose_hold(struct engine *engine, struct pod *pod, const char *why)
{
    struct gang *gang = pod->gang;
    bool held = pods_held(pod);
    hold_drop(engine, pod, why);
    if (held && gang != NULL && gang_tally(gang).held > 0 &&
        (gang->object_placement.slice_count > 0 || pod->placement.slice_count > 0)) {
        hold_abort(engine, gang, "the gang lost a member of a slice", HOLD_CHANGED);
    }
}

/* Puts the pod into the gang its labels name now. */
static void update_membership(struct engine *engine, struct pod *pod, unsigned changes)
{
    struct gang *old = pod->gang != NULL ? pod->gang : pod->outside;
    if (old != NULL && (changes & POD_GANG) != 0) {
        lose_hold(engine, pod, "the pod has left its gang");
        gang_leave(old, pod);
        engine_mark(engine, old);
        old = NULL;
    }
    if (pod->gang_name == NULL) {
        return;
    }
    if (old == NULL) {
        struct gang *gang = gangs_get(&engine->gangs, pod->name_space, pod->gang_name);
        (void)gang_join(gang, pod);
        engine_mark(engine, gang);
    } else if (pod->gang != NULL) {
        gang_member_changed(old, pod, changes);
        engine_mark(engine, old);
    }
}

static bool asks_for_places(const struct placement *placement)
{
    return placement->required != NULL || placement->exclusive != NULL ||
           placement->slice_count > 0;
}

/* Whether somebody who is held requires something of other pods. */
static bool asks_for_company(const struct gang *gang)
{
    for (uint32_t i = 0; i < gang->member_count; i++) {
        if (pods_held(gang->members[i]) && gang->members[i]->peer.rule_count > 0) {
            return true;
        }
    }
    return false;
}

/* The member runs where nobody planned it: where the others of a gang that asks for domains, slices
 * or company are held was planned without that, and is planned again beside it. */
static void plan_beside(struct engine *engine, const struct pod *pod)
{
    struct gang *gang = pod->gang;
    if (gang != NULL && gang_tally(gang).held > 0 &&
        (asks_for_places(&gang->object_placement) || asks_for_places(&pod->placement) ||
         asks_for_company(gang))) {
        hold_abort(engine, gang, "a member is bound to another node than the planned one",
                   HOLD_CHANGED);
    }
}

/* Pods that have said all along that they run on a node that is shown only now. */
static void find_pods(struct engine *engine, uint32_t row)
{
    for (struct pod *pod; (pod = pods_found(engine->pods, row)) != NULL;) {
        if (pod->gang != NULL) {
            engine_mark_changed(engine, pod->gang);
            plan_beside(engine, pod);
        }
    }
}

void observe_node(struct engine *engine, const struct node_object *object)
{
    struct err err;
    uint32_t row;
    unsigned changes;
    if (nodes_observe(engine->nodes, object, &row, &changes, &err) < 0) {
        engine_skip(engine, SKIPPED_NODE, "", object->name, err.text);
        return;
    }
    bool gpus = observe_gpus(engine, row, object->devices, object->device_resource);
    if (changes == NODE_UNCHANGED && !gpus) {
        return;
    }
    if ((changes & (NODE_ADDED | NODE_PLACE)) != 0) {
        tree_mark(&engine->tree, row);
    }
    ledger_node_changed(engine->ledger, row);
    if ((changes & NODE_ADDED) != 0) {
        find_pods(engine, row);
    }
    check_row(engine, row);
}

/* Makes the allocation agree with what the API server shows. */
static void update_allocation(struct engine *engine, struct pod *pod)
{
    if (pod->refused != NULL && pod->node == NAMES_NONE) {
        lose_hold(engine, pod, pod->refused);
    }
    if (pod->node == NAMES_NONE && pod->phase == MEMBER_BOUND && !pod->terminal) {
        pods_assume(engine->pods, pod); /* the API server was set back in time */
    }
    if (pod->terminal || (pod->node == NAMES_NONE && (pod->deleting || pod->gated))) {
        lose_hold(engine, pod, "the pod is being deleted");
        if (pod->terminal && pods_placed(pod)) {
            engine_release(engine, pod);
        }
        return;
    }
    if (pod->node == NAMES_NONE) {
        return;
    }
    if (pods_bound(pod) && pod->allocation_row == pod->node) {
        if (pod->phase != MEMBER_BOUND) {
            pods_bind(engine->pods, pod, pod->node);
        }
        return;
    }
    bool as_planned = pod->allocation_row == pod->node;
    hold_drop(engine, pod, as_planned ? NULL : "the pod is bound to another node");
    engine_release(engine, pod);
    pods_bind(engine->pods, pod, pod->node);
    check_row(engine, pod->node);
    if (!as_planned) {
        plan_beside(engine, pod);
    }
}

struct pod *observe_pod(struct engine *engine, const struct pod_object *object)
{
    unsigned changes;
    struct pod_object known = *object;
    known.placed_here = begun_here(engine, object);
    struct pod *pod = pods_observe(engine->pods, &known, &changes);
    if (changes == POD_UNCHANGED) {
        return pod;
    }
    if (pod->peer.left != NULL && (changes & (POD_ADDED | POD_PEERS)) != 0) {
        engine_skip(engine, SKIPPED_POD, pod->name_space, pod->name, pod->peer.left);
    }
    update_membership(engine, pod, changes);
    const char *refusal = gang_refusal(pod);
    if (refusal != NULL && (changes & (POD_ADDED | POD_REFUSED | POD_GANG)) != 0 &&
        refusal != pod_foreign && !pod->terminal) {
        engine_skip(engine, SKIPPED_POD, pod->name_space, pod->name, refusal);
    }
    update_allocation(engine, pod);
    if ((changes & POD_NODE) != 0 && pods_is_stranger(pod) && pod->gang != NULL) {
        waiting_departed(engine->waiting, gang_exclusive(pod->gang)); /* from what it had here */
    }
    if ((changes & POD_NOMINATED) != 0) {
        nominate_watched(engine, pod);
    }
    if (pods_placed(pod)) {
        check_row(engine, pod->allocation_row); /* the request may have grown in place */
    }
    return pod;
}

void observe_pod_gone(struct engine *engine, struct pod *pod)
{
    struct gang *gang = pod->gang != NULL ? pod->gang : pod->outside;
    lose_hold(engine, pod, "the pod is deleted");
    if (pod->waiting) {
        engine_bind_reply(engine, pod->ticket, "the pod is deleted");
    }
    engine_release(engine, pod);
    if (gang != NULL) {
        gang_leave(gang, pod);
        engine_mark(engine, gang);
    }
    pods_remove(engine->pods, pod);
}

struct pod *observe_heard_of(struct engine *engine, const struct pod_object *object)
{
    const struct pod_object bare = {
        .uid = object->uid, .name = object->name, .name_space = object->name_space, .rank = -1};
    struct pod *pod = pods_observe(engine->pods, &bare, NULL);
    (void)pod_update_refusal(pod, pod_unseen);
    return pod;
}

void observe_watched_pod(struct engine *engine, const struct pod_object *object)
{
    struct pod *heard_of = pods_find(engine->pods, object->uid);
    if (heard_of != NULL && heard_of->from_call &&
        (strcmp(heard_of->name, object->name) != 0 ||
         strcmp(heard_of->name_space, object->name_space) != 0)) {
        observe_pod_gone(engine, heard_of); /* a caller had its uid, and no more */
    }
    pods_seen(engine->pods, observe_pod(engine, object));
}

void observe_group(struct engine *engine, const struct group_object *object)
{
    struct gang *gang = gangs_get(&engine->gangs, object->name_space, object->name);
    bool same = gang_says(gang, object);
    if (!same && gang_exclusive(gang)) {
        waiting_departed(engine->waiting, true); /* it may want its domains no more */
    }
    gang_set_object(gang, object);
    if (!same && gang->deadline != INT64_MAX) {
        hold_abort(engine, gang, "the gang's PodGroup changed", HOLD_CHANGED);
    }
    engine_mark(engine, gang);
}

void observe_group_gone(struct engine *engine, const char *name_space, const char *name)
{
    struct gang *gang = gangs_find(&engine->gangs, name_space, name);
    if (gang == NULL || !gang->has_object) {
        return;
    }
    if (gang_exclusive(gang)) {
        waiting_departed(engine->waiting, true);
    }
    gang_clear_object(gang);
    if (gang->deadline != INT64_MAX) { /* of an unknown quorum nothing is enough */
        hold_abort(engine, gang, "the gang's PodGroup is deleted", HOLD_CHANGED);
    }
    engine_mark(engine, gang);
}
