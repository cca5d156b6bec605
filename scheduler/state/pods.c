// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/pods.h"

#include <assert.h>
#include <string.h>

#include "topology/base/alloc.h"

/* Pods are many but change one at a time, so this is a plain hash table of records; uthash also
 * keeps them in order of arrival, which is the only order anybody iterates in.
 *
 * Invariants: the ledger is charged for exactly the claims of the pods in this table, each with the
 * request of the pod's current shape; those pods, and no others, are in the lists of their rows and
 * in one footprint each. A gang's totals are the sum of its members' shares: whatever changes a pod
 * takes its share before and calls recount() after.
 */

/* The pods with a claim on a row. */
struct place {
    struct pod *first;
    struct pod *last;
    uint32_t members; /* of gangs */
};

struct pods {
    struct nodes *nodes;
    struct shapes *shapes;
    struct ledger *ledger;
    struct pod *table;
    uint64_t arrivals;
    struct place *places; /* by row */
    size_t place_room;
    struct footprint ordinary;
    uint32_t unsure;
    struct timers doubts;
    struct timers unseen;
};

struct pods *pods_create(struct nodes *nodes, struct shapes *shapes, struct ledger *ledger)
{
    struct pods *pods = alloc_zero(1, sizeof(*pods));
    pods->nodes = nodes;
    pods->shapes = shapes;
    pods->ledger = ledger;
    timers_init(&pods->doubts);
    timers_init(&pods->unseen);
    return pods;
}

static void pod_free(struct pod *pod)
{
    free(pod->uid);
    free(pod->name_space);
    free(pod->name);
    free(pod->gang_name);
    free(pod->role);
    free(pod->devices);
    free(pod->gpus.names);
    placement_finish(&pod->placement);
    free(pod);
}

void pods_destroy(struct pods *pods)
{
    if (pods == NULL) {
        return;
    }
    struct pod *pod, *next;
    HASH_ITER (hh, pods->table, pod, next) {
        HASH_DELETE(hh, pods->table, pod);
        pod_free(pod);
    }
    timers_finish(&pods->doubts);
    timers_finish(&pods->unseen);
    footprint_finish(&pods->ordinary);
    free(pods->places);
    free(pods);
}

struct pod *pods_find(const struct pods *pods, const char *uid)
{
    struct pod *pod;
    HASH_FIND_STR(pods->table, uid, pod);
    return pod;
}

uint32_t pods_count(const struct pods *pods)
{
    return HASH_COUNT(pods->table);
}

uint32_t pods_unsure(const struct pods *pods)
{
    return pods->unsure;
}

struct pod *pods_first(const struct pods *pods)
{
    return pods->table;
}

/* ---- totals ---- */

bool pods_pending(const struct pod *pod)
{
    return pod->node == NAMES_NONE && pod->claim != CLAIM_BOUND && !pod->terminal &&
           !pod->deleting && !pod->gated;
}

struct totals_share pods_share(const struct pod *pod)
{
    bool live = !pod->terminal && !pod->deleting;
    bool seen = pod->node != NAMES_NONE;
    bool posted = pod->claim == CLAIM_BOUND;
    return (struct totals_share){
        .tally = {.live = live,
                  .pending = pods_pending(pod),
                  .held = live && pod->claim == CLAIM_HELD,
                  .bound = live && (seen || posted),
                  .confirmed = live && (seen || (posted && pod->posts == 0 && !pod->unsure)),
                  .done = pod->succeeded},
        .priority = pod->priority,
        .quorum = pod->gang_minimum,
    };
}

/* The pod's share was `before`, and something changed. */
static void recount(struct pod *pod, const struct totals_share *before)
{
    if (pod->totals != NULL) {
        struct totals_share after = pods_share(pod);
        totals_change(pod->totals, before, &after);
    }
}

/* ---- who is where ---- */

struct pod *pods_on(const struct pods *pods, uint32_t row)
{
    return row < pods->place_room ? pods->places[row].first : NULL;
}

uint32_t pods_members_on(const struct pods *pods, uint32_t row)
{
    return row < pods->place_room ? pods->places[row].members : 0;
}

const struct footprint *pods_ordinary(const struct pods *pods)
{
    return &pods->ordinary;
}

static const struct resources *request_of(const struct pods *pods, const struct pod *pod)
{
    return shapes_request(pods->shapes, pod->shape);
}

/* The pod's claim on claim_row begins. */
static void enter_place(struct pods *pods, struct pod *pod)
{
    pods->places = alloc_grow(pods->places, &pods->place_room, (size_t)pod->claim_row + 1,
                              sizeof(struct place));
    struct place *place = &pods->places[pod->claim_row];
    pod->row_before = place->last;
    pod->row_after = NULL;
    *(place->last != NULL ? &place->last->row_after : &place->first) = pod;
    place->last = pod;
    place->members += pod->totals != NULL;
    footprint_add(pod->footprint, pod->claim_row, pod->shape, request_of(pods, pod), &pod->site);
}

static void leave_place(struct pods *pods, struct pod *pod)
{
    struct place *place = &pods->places[pod->claim_row];
    *(pod->row_before != NULL ? &pod->row_before->row_after : &place->first) = pod->row_after;
    *(pod->row_after != NULL ? &pod->row_after->row_before : &place->last) = pod->row_before;
    place->members -= pod->totals != NULL;
    footprint_remove(pod->footprint, request_of(pods, pod), &pod->site);
}

/* Moves what a pod with a claim has to another footprint. */
static void move_footprint(struct pod *pod, struct footprint *to, bool member)
{
    struct pods *pods = pod->table;
    if (pod->claim != CLAIM_NONE) {
        footprint_remove(pod->footprint, request_of(pods, pod), &pod->site);
        footprint_add(to, pod->claim_row, pod->shape, request_of(pods, pod), &pod->site);
        pods->places[pod->claim_row].members += member ? 1 : UINT32_MAX;
    }
    pod->footprint = to;
}

void pods_count_in(struct pod *pod, struct totals *totals, struct footprint *footprint)
{
    assert(pod->totals == NULL);
    struct totals_share share = pods_share(pod);
    totals_add(totals, &share);
    pod->totals = totals;
    move_footprint(pod, footprint, true);
}

void pods_count_out(struct pod *pod)
{
    struct totals_share share = pods_share(pod);
    totals_remove(pod->totals, &share);
    pod->totals = NULL;
    move_footprint(pod, pod->table == NULL ? NULL : &pod->table->ordinary, false);
}

/* ---- charges ---- */

static void drop_shape(struct pods *pods, uint32_t shape)
{
    if (shapes_release(pods->shapes, shape)) {
        ledger_shape_gone(pods->ledger, shape);
    }
}

/* The GPUs change hands before the amounts, so that the views of the ledger see both. `names` says
 * which GPUs when `gpus` does not. */
static void charge(struct pods *pods, struct pod *pod, enum claim claim, uint32_t row,
                   uint64_t gpus, const char *names)
{
    struct totals_share before = pods_share(pod);
    uint32_t resource;
    uint32_t count = shapes_gpus(pods->shapes, pod->shape, &resource);
    assert(pod->claim == CLAIM_NONE);
    if (count > 0) {
        gpus_take(ledger_gpus(pods->ledger), &pod->gpus, row, resource, count, gpus, names);
    }
    ledger_charge(pods->ledger, claim == CLAIM_HELD ? LEDGER_HELD : LEDGER_BOUND, row,
                  request_of(pods, pod));
    pod->claim = claim;
    pod->claim_row = row;
    enter_place(pods, pod);
    recount(pod, &before);
}

static void refund(struct pods *pods, struct pod *pod)
{
    struct totals_share before = pods_share(pod);
    leave_place(pods, pod);
    gpus_give_back(ledger_gpus(pods->ledger), &pod->gpus);
    ledger_refund(pods->ledger, pod->claim == CLAIM_HELD ? LEDGER_HELD : LEDGER_BOUND,
                  pod->claim_row, request_of(pods, pod));
    pod->claim = CLAIM_NONE;
    pod->claim_row = NAMES_NONE;
    recount(pod, &before);
}

/* Moves the pod, and what it is charged for, to another shape. */
static void change_shape(struct pods *pods, struct pod *pod, uint32_t shape)
{
    enum claim claim = pod->claim;
    uint32_t row = pod->claim_row;
    uint32_t old = pod->shape;
    if (claim != CLAIM_NONE) {
        refund(pods, pod);
    }
    pod->shape = shape;
    if (claim != CLAIM_NONE) {
        charge(pods, pod, claim, row, 0, pod->gpus.names);
    }
    drop_shape(pods, old);
}

static struct pod *add_pod(struct pods *pods, const struct pod_object *object, uint32_t shape)
{
    struct pod *pod = alloc_zero(1, sizeof(*pod));
    pod->uid = alloc_string(object->uid);
    pod->name_space = alloc_string(object->name_space);
    pod->name = alloc_string(object->name);
    pod->shape = shape;
    pod->node = NAMES_NONE;
    pod->claim_row = NAMES_NONE;
    pod->table = pods;
    pod->footprint = &pods->ordinary;
    pod->arrival = ++pods->arrivals;
    HASH_ADD_KEYPTR(hh, pods->table, pod->uid, strlen(pod->uid), pod);
    return pod;
}

/* Row of a node name; NAMES_NONE for NULL. False when the node table is full. */
static bool row_of(struct pods *pods, const char *name, uint32_t *row)
{
    *row = name == NULL ? NAMES_NONE : nodes_reserve(pods->nodes, name);
    return name == NULL || *row != NAMES_NONE;
}

static unsigned update_number(uint32_t *to, uint32_t number, unsigned bit)
{
    bool same = *to == number;
    *to = number;
    return same ? POD_UNCHANGED : bit;
}

static unsigned update_string(char **to, const char *text, unsigned bit)
{
    if (text == *to || (text != NULL && *to != NULL && strcmp(*to, text) == 0)) {
        return POD_UNCHANGED;
    }
    free(*to);
    *to = alloc_string(text);
    return bit;
}

static unsigned update_life(struct pod *pod, const struct pod_object *object)
{
    if (pod->terminal == object->terminal && pod->succeeded == object->succeeded &&
        pod->deleting == object->deleting && pod->gated == object->gated) {
        return POD_UNCHANGED;
    }
    pod->terminal = object->terminal;
    pod->succeeded = object->succeeded;
    pod->deleting = object->deleting;
    pod->gated = object->gated;
    return POD_LIFE;
}

/* Priority, and what the pod says of its gang. */
static unsigned update_gang(struct pod *pod, const struct pod_object *object)
{
    int32_t rank = pod->rank, priority = pod->priority, quorum = pod->gang_minimum;
    pod->rank = object->rank;
    pod->priority = object->priority;
    pod->gang_minimum = object->gang_minimum < 0 ? -1 : object->gang_minimum;
    unsigned changes = rank == pod->rank ? POD_UNCHANGED : POD_ORDER;
    changes |= priority == pod->priority ? POD_UNCHANGED : POD_PRIORITY;
    changes |= quorum == pod->gang_minimum ? POD_UNCHANGED : POD_QUORUM;
    changes |= update_string(&pod->gang_name, object->gang, POD_GANG);
    changes |= update_string(&pod->role, object->role == NULL ? "" : object->role, POD_ORDER);
    if (!placement_equal(&pod->placement, &object->placement)) {
        placement_set(&pod->placement, &object->placement);
        changes |= POD_PLACEMENT;
    }
    return changes;
}

/* The annotation of a bound pod says which GPUs it has. */
static unsigned update_devices(struct pods *pods, struct pod *pod, const char *devices)
{
    unsigned changes = update_string(&pod->devices, devices, POD_DEVICES);
    if (devices != NULL && pod->gpus.count > 0 && pod->claim == CLAIM_BOUND &&
        pod->claim_row == pod->node &&
        gpus_rename(ledger_gpus(pods->ledger), &pod->gpus, devices)) {
        ledger_gpus_changed(pods->ledger, pod->claim_row);
        changes |= POD_DEVICES;
    }
    return changes;
}

/* Moves the pod to the shape, whose reference it takes, if it has another one. */
static unsigned update_shape(struct pods *pods, struct pod *pod, uint32_t shape)
{
    if (pod->shape == shape) {
        drop_shape(pods, shape);
        return POD_UNCHANGED;
    }
    change_shape(pods, pod, shape);
    return POD_SHAPE;
}

struct pod *pods_observe(struct pods *pods, const struct pod_object *object, unsigned *changes)
{
    uint32_t node, nominated;
    if (!row_of(pods, object->node, &node) || !row_of(pods, object->nominated, &nominated)) {
        return NULL;
    }
    uint32_t shape = shapes_acquire(pods->shapes, object);
    if (shape == SHAPE_NONE) {
        return NULL;
    }
    struct pod *pod = pods_find(pods, object->uid);
    bool added = pod == NULL;
    unsigned found = POD_UNCHANGED;
    if (added) {
        pod = add_pod(pods, object, shape);
    } else {
        found |= update_shape(pods, pod, shape);
    }
    struct totals_share before = pods_share(pod);
    found |= update_number(&pod->node, node, POD_NODE);
    found |= update_number(&pod->nominated, nominated, POD_NOMINATED);
    found |= update_life(pod, object);
    found |= update_gang(pod, object);
    recount(pod, &before);
    found |= update_devices(pods, pod, object->devices);
    if (changes != NULL) {
        *changes = added ? POD_ADDED : found;
    }
    return pod;
}

void pods_remove(struct pods *pods, struct pod *pod)
{
    assert(pod->gang == NULL && pod->totals == NULL);
    pods_release(pods, pod);
    pods_seen(pods, pod);
    HASH_DELETE(hh, pods->table, pod);
    drop_shape(pods, pod->shape);
    pod_free(pod);
}

void pods_hold_gpus(struct pods *pods, struct pod *pod, uint32_t row, uint64_t gpus)
{
    charge(pods, pod, CLAIM_HELD, row, gpus, NULL);
}

void pods_hold(struct pods *pods, struct pod *pod, uint32_t row)
{
    pods_hold_gpus(pods, pod, row, 0);
}

/* Names from an earlier binding to the same node count until the pod's own annotation is seen: the
 * binding may have happened. */
void pods_bind(struct pods *pods, struct pod *pod, uint32_t row)
{
    const char *names = pod->gpus.row == row ? pod->gpus.names : NULL;
    if (pod->node == row && pod->devices != NULL) {
        names = pod->devices;
    }
    charge(pods, pod, CLAIM_BOUND, row, 0, names);
}

void pods_settle(struct pods *pods, struct pod *pod)
{
    assert(pod->claim == CLAIM_HELD);
    struct totals_share before = pods_share(pod);
    ledger_settle(pods->ledger, pod->claim_row, request_of(pods, pod));
    pod->claim = CLAIM_BOUND;
    recount(pod, &before);
}

void pods_doubt(struct pods *pods, struct pod *pod, int64_t until)
{
    assert(pod->claim == CLAIM_BOUND);
    if (!pod->unsure || until < pod->unsure_until) { /* a doubt is not prolonged by the next one */
        pod->unsure_until = until;
        timers_set(&pods->doubts, &pod->doubt, until, pod);
    }
    if (!pod->unsure) {
        struct totals_share before = pods_share(pod);
        pod->unsure = true;
        pods->unsure++;
        ledger_guard(pods->ledger, pod->claim_row);
        recount(pod, &before);
    }
}

void pods_trust(struct pods *pods, struct pod *pod)
{
    if (pod->unsure) {
        struct totals_share before = pods_share(pod);
        pod->unsure = false;
        timers_stop(&pods->doubts, &pod->doubt);
        pods->unsure--;
        ledger_unguard(pods->ledger, pod->claim_row);
        recount(pod, &before);
    }
}

void pods_posted(struct pod *pod)
{
    struct totals_share before = pods_share(pod);
    assert(pod->claim == CLAIM_BOUND);
    pod->posts++;
    recount(pod, &before);
}

void pods_answered(struct pod *pod)
{
    struct totals_share before = pods_share(pod);
    pod->posts -= pod->posts > 0;
    recount(pod, &before);
}

void pods_release(struct pods *pods, struct pod *pod)
{
    if (pod->claim == CLAIM_NONE) {
        return;
    }
    pods_trust(pods, pod);
    bool held = pod->claim == CLAIM_HELD;
    refund(pods, pod);
    if (held) { /* the next plan chooses anew */
        (void)gpus_rename(ledger_gpus(pods->ledger), &pod->gpus, NULL);
    }
}

void pods_keep_shape(struct pods *pods, uint32_t shape)
{
    shapes_retain(pods->shapes, shape);
}

void pods_drop_shape(struct pods *pods, uint32_t shape)
{
    drop_shape(pods, shape);
}

/* ---- what time changes ---- */

void pods_expect(struct pods *pods, struct pod *pod, int64_t until)
{
    pod->provisional = true;
    timers_set(&pods->unseen, &pod->unseen, until, pod);
}

void pods_seen(struct pods *pods, struct pod *pod)
{
    pod->provisional = false;
    timers_stop(&pods->unseen, &pod->unseen);
}

int64_t pods_next_due(const struct pods *pods)
{
    int64_t doubt = timers_next(&pods->doubts), unseen = timers_next(&pods->unseen);
    return doubt < unseen ? doubt : unseen;
}

static int compare_arrival(const void *left, const void *right)
{
    const struct pod *a = *(struct pod *const *)left, *b = *(struct pod *const *)right;
    return a->arrival < b->arrival ? -1 : a->arrival > b->arrival;
}

/* The owners of the timers due at `now`, in order of arrival; *new*. */
static struct pod **take_due(struct timers *timers, int64_t now, uint32_t *count)
{
    struct pod **due = NULL;
    struct pod *pod;
    size_t room = 0;
    *count = 0;
    while ((pod = timers_due(timers, now)) != NULL) {
        due = alloc_grow(due, &room, (size_t)*count + 1, sizeof(struct pod *));
        due[(*count)++] = pod;
    }
    if (*count > 1) {
        qsort(due, *count, sizeof(struct pod *), compare_arrival);
    }
    return due;
}

struct pod **pods_doubted(struct pods *pods, int64_t now, uint32_t *count)
{
    return take_due(&pods->doubts, now, count);
}

struct pod **pods_unseen(struct pods *pods, int64_t now, uint32_t *count)
{
    return take_due(&pods->unseen, now, count);
}

void pods_prolong(struct pods *pods, int64_t doubt, int64_t unseen, int64_t unseen_bound)
{
    uint32_t count;
    struct pod **due = take_due(&pods->doubts, doubt, &count);
    for (uint32_t i = 0; i < count; i++) {
        due[i]->unsure_until = doubt;
        timers_set(&pods->doubts, &due[i]->doubt, doubt, due[i]);
    }
    free(due);
    due = take_due(&pods->unseen, unseen > unseen_bound ? unseen : unseen_bound, &count);
    for (uint32_t i = 0; i < count; i++) {
        bool bound = due[i]->claim == CLAIM_BOUND && !due[i]->unsure;
        int64_t until = bound ? unseen_bound : unseen;
        int64_t meant = due[i]->unseen.at;
        timers_set(&pods->unseen, &due[i]->unseen, meant > until ? meant : until, due[i]);
    }
    free(due);
}
