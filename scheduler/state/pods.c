// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/pods.h"

#include <assert.h>
#include <string.h>

#include "scheduler/state/deadlines.h"
#include "scheduler/state/pods_table.h"
#include "scheduler/state/residents.h"
#include "topology/base/alloc.h"
#include "topology/base/err.h"

/* Pods are many but change one at a time, so this is a plain hash table of records; uthash also
 * keeps them in order of arrival, which is the only order anybody iterates in.
 *
 * Invariants: the ledger is charged for exactly the allocations of the pods in this table, each
 * with the request of the pod's current shape; those pods, and no others, are in the lists of their
 * rows and in one footprint each. A gang's totals are the sum of its members' shares: whatever
 * changes a pod takes its share before and calls recount() after.
 */

#define WORDS_MAX (1u << 22) /* beyond that, pods count as saying nothing */

struct pods *pods_create(struct nodes *nodes, struct shapes *shapes, struct ledger *ledger,
                         uint64_t hash_seed)
{
    struct pods *pods = alloc_zero(1, sizeof(*pods));
    pods->words = names_create(WORDS_MAX, hash_seed);
    residents_init(&pods->residents, hash_seed);
    pods->peers = peers_create(nodes, hash_seed);
    pods->nodes = nodes;
    pods->shapes = shapes;
    pods->ledger = ledger;
    deadlines_init(&pods->deadlines);
    return pods;
}

void pods_destroy(struct pods *pods)
{
    if (pods == NULL) {
        return;
    }
    struct pod *pod, *next;
    HASH_ITER (hh, pods->table, pod, next) {
        HASH_DELETE(hh, pods->table, pod);
        pod_destroy(pod);
    }
    deadlines_finish(&pods->deadlines);
    footprint_finish(&pods->ordinary);
    names_destroy(pods->words);
    peers_destroy(pods->peers);
    residents_finish(&pods->residents);
    free(pods->loaded);
    for (uint32_t i = 0; i < pods->text_count; i++) {
        free(pods->texts[i]);
    }
    free(pods->texts);
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

struct pod *pods_first(const struct pods *pods)
{
    return pods->table;
}

uint32_t pods_unconfirmed(const struct pods *pods)
{
    return (uint32_t)pods->deadlines.unconfirmed.count;
}

void pods_on_phase(struct pods *pods,
                   void (*changed)(void *context, const struct pod *pod, enum member_phase before),
                   void *context)
{
    pods->changed = changed;
    pods->context = context;
}

const struct names *pods_words(const struct pods *pods)
{
    return pods->words;
}

const struct names *pods_missing_nodes(const struct pods *pods)
{
    return pods->residents.names;
}

bool pods_placed(const struct pod *pod)
{
    return pod->phase != MEMBER_UNPLACED;
}

bool pods_held(const struct pod *pod)
{
    return pod->phase == MEMBER_HELD || pod->phase == MEMBER_VOTED;
}

bool pods_bound(const struct pod *pod)
{
    return pod->phase >= MEMBER_POSTED;
}

/* ---- totals ---- */

bool pods_pending(const struct pod *pod)
{
    return pod->node == NAMES_NONE && !pods_bound(pod) && !pod->terminal && !pod->deleting &&
           !pod->gated && pod->refused == NULL;
}

struct totals_share pods_share(const struct pod *pod)
{
    bool live = !pod->terminal && !pod->deleting, seen = pod->node != NAMES_NONE;
    return (struct totals_share){
        .tally = {.live = live,
                  .pending = pods_pending(pod),
                  .held = live && pods_held(pod),
                  .voted = live && pod->phase == MEMBER_VOTED,
                  .bound = live && (seen || pods_bound(pod)),
                  .confirmed = live && (seen || pod_certain(pod)),
                  .done = pod->succeeded,
                  .refused = live && !seen && pod->refused != NULL,
                  .exclusive = pod->placement.exclusive != NULL,
                  .here = live && pods_bound(pod) && pod->placed_here,
                  .strangers = pods_is_stranger(pod)},
        .priority = pod->priority,
        .quorum = pod->gang_minimum,
        .owner = pod->owner,
        .role = pod->role_word,
        .minimums = pod->minimums,
        .preference = pod->preference,
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
    return residents_on(&pods->residents, row);
}

uint32_t pods_members_on(const struct pods *pods, uint32_t row)
{
    return residents_members(&pods->residents, row);
}

struct peers *pods_peers(const struct pods *pods)
{
    return pods->peers;
}

const struct footprint *pods_ordinary(const struct pods *pods)
{
    return &pods->ordinary;
}

static const struct resources *request_of(const struct pods *pods, const struct pod *pod)
{
    return shapes_request(pods->shapes, pod->shape);
}

/* The pod's allocation on allocation_row begins. */
void pods_enter_place(struct pods *pods, struct pod *pod)
{
    residents_enter(&pods->residents, pod);
    footprint_add(pod->footprint, pod->allocation_row, pod->shape, request_of(pods, pod),
                  &pod->site);
    peers_enter(pods->peers, &pod->peer, pod->allocation_row);
}

static void leave_place(struct pods *pods, struct pod *pod)
{
    peers_leave(pods->peers, &pod->peer);
    residents_leave(&pods->residents, pod);
    footprint_remove(pod->footprint, request_of(pods, pod), &pod->site);
}

/* Moves what a pod with an allocation has to another footprint. */
static void move_footprint(struct pod *pod, struct footprint *to, bool member)
{
    struct pods *pods = pod->table;
    if (pods != NULL && pods_placed(pod)) {
        footprint_remove(pod->footprint, request_of(pods, pod), &pod->site);
        footprint_add(to, pod->allocation_row, pod->shape, request_of(pods, pod), &pod->site);
        residents_turn_member(&pods->residents, pod, member);
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

static enum ledger_account account_of(enum member_phase phase)
{
    return phase == MEMBER_HELD || phase == MEMBER_VOTED ? LEDGER_HELD : LEDGER_BOUND;
}

/* The GPUs change hands before the amounts, so that the views of the ledger see both. `names` says
 * which GPUs when `gpus` does not. */
static void charge(struct pods *pods, struct pod *pod, enum ledger_account account, uint32_t row,
                   uint64_t gpus, const char *names)
{
    uint32_t resource;
    uint32_t count = shapes_gpus(pods->shapes, pod->shape, &resource);
    bool elsewhere = nodes_is_elsewhere(pods->nodes, row);
    if (count > 0 && !elsewhere) {
        gpus_take(ledger_gpus(pods->ledger), &pod->gpus, row, resource, count, gpus, names);
    }
    pod->charged = elsewhere                              ? POD_CHARGED_NOTHING
                   : ledger_slots_full(pods->ledger, row) ? POD_CHARGED_AMOUNTS
                                                          : POD_CHARGED_ALL;
    struct resources amounts = pod_charge(pod, request_of(pods, pod));
    ledger_charge(pods->ledger, account, row, &amounts);
    pod->allocation_row = row;
    pods_enter_place(pods, pod);
}

static void refund(struct pods *pods, struct pod *pod, enum ledger_account account)
{
    leave_place(pods, pod);
    gpus_give_back(ledger_gpus(pods->ledger), &pod->gpus);
    struct resources amounts = pod_charge(pod, request_of(pods, pod));
    ledger_refund(pods->ledger, account, pod->allocation_row, &amounts);
    pod->allocation_row = NAMES_NONE;
}

static void guard(struct pods *pods, struct pod *pod, bool guarded)
{
    if (guarded && !pod->guarded) {
        ledger_guard(pods->ledger, pod->allocation_row);
    } else if (!guarded && pod->guarded) {
        ledger_unguard(pods->ledger, pod->allocation_row);
    }
    pod->guarded = guarded;
}

/* The one writer of phases. `row`: of its new place, `gpus` and `names` as for charge(); they count
 * when it had none. */
static void move_to(struct pods *pods, struct pod *pod, enum member_phase to, uint32_t row,
                    uint64_t gpus, const char *names)
{
    struct totals_share share = pods_share(pod);
    enum member_phase before = pod->phase;
    enum ledger_account account = account_of(before);
    err_require(member_phase_follows(before, to));
    err_require(before != MEMBER_UNPLACED || row != NAMES_NONE);
    if (to == MEMBER_UNPLACED) {
        guard(pods, pod, false);
        refund(pods, pod, account);
    } else if (before == MEMBER_UNPLACED) {
        charge(pods, pod, account_of(to), row, gpus, names);
    } else if (account != account_of(to)) {
        ledger_commit(pods->ledger, pod->allocation_row);
    }
    pod->phase = to;
    timers_set(&pods->deadlines.unconfirmed, &pod->unconfirmed,
               to == MEMBER_UNCONFIRMED ? pod->unconfirmed_until : INT64_MAX, pod);
    if (to != MEMBER_UNPLACED) {
        guard(pods, pod, pod_has_to_be_guarded(pod));
    }
    recount(pod, &share);
    if (pods->changed != NULL) {
        pods->changed(pods->context, pod, before);
    }
}

/* Takes from a pod with a place what its node is charged with; true when that was guarded. */
static bool uncharge(struct pods *pods, struct pod *pod)
{
    bool guarded = pod->guarded;
    guard(pods, pod, false);
    refund(pods, pod, account_of(pod->phase));
    return guarded;
}

static void charge_again(struct pods *pods, struct pod *pod, uint32_t row, const char *names,
                         bool guarded)
{
    charge(pods, pod, account_of(pod->phase), row, 0, names);
    guard(pods, pod, guarded);
}

/* Moves the pod, and what it is charged for, to the shape, whose reference it takes. */
static unsigned update_shape(struct pods *pods, struct pod *pod, uint32_t shape)
{
    uint32_t row = pod->allocation_row;
    uint32_t old = pod->shape;
    if (old == shape) {
        drop_shape(pods, old);
        return POD_UNCHANGED;
    }
    bool guarded = pods_placed(pod) && uncharge(pods, pod);
    pod->shape = shape;
    if (pods_placed(pod)) {
        charge_again(pods, pod, row, pod->gpus.names, guarded);
    }
    drop_shape(pods, old);
    return POD_SHAPE;
}

static struct pod *add_pod(struct pods *pods, const struct pod_object *object, uint32_t shape)
{
    struct pod *pod = pod_create(object);
    pod->shape = shape;
    pod->table = pods;
    pod->footprint = &pods->ordinary;
    pod->arrival = ++pods->arrivals;
    HASH_ADD_KEYPTR(hh, pods->table, pod->uid, strlen(pod->uid), pod);
    return pod;
}

/* The node that the pod says it runs on, whose row is `row`; false when it cannot be remembered. */
static bool update_missed(struct pods *pods, struct pod *pod, const char *node, uint32_t row,
                          unsigned *changes)
{
    const char *before = residents_missed(&pods->residents, pod);
    if (!nodes_is_elsewhere(pods->nodes, row)) {
        residents_find(&pods->residents, pod);
        return true;
    }
    if (before != NULL && strcmp(before, node) == 0) {
        return true;
    }
    *changes |= POD_NODE;
    return residents_miss(&pods->residents, pod, node);
}

struct pod *pods_found(struct pods *pods, uint32_t row)
{
    struct pod *pod = residents_missing(&pods->residents, nodes_name(pods->nodes, row));
    if (pod == NULL) {
        return NULL;
    }
    residents_find(&pods->residents, pod);
    pod->node = row;
    if (pods_placed(pod) && nodes_is_elsewhere(pods->nodes, pod->allocation_row)) {
        bool guarded = uncharge(pods, pod);
        charge_again(pods, pod, row, pod->devices, guarded);
    }
    return pod;
}

const char *pods_node_name(const struct pods *pods, const struct pod *pod)
{
    const char *missed = residents_missed(&pods->residents, pod);
    uint32_t row = pod->node != NAMES_NONE ? pod->node : pod->allocation_row;
    return missed != NULL ? missed : row == NAMES_NONE ? NULL : nodes_name(pods->nodes, row);
}

/* The annotation of a bound pod says which GPUs it has. */
static unsigned update_devices(struct pods *pods, struct pod *pod, const char *devices)
{
    unsigned changes = pod_update_text(&pod->devices, devices, POD_DEVICES);
    if (devices != NULL && pod->gpus.count > 0 && pods_bound(pod) &&
        pod->allocation_row == pod->node &&
        gpus_rename(ledger_gpus(pods->ledger), &pod->gpus, devices)) {
        ledger_gpus_changed(pods->ledger, pod->allocation_row);
        changes |= POD_DEVICES;
    }
    return changes;
}

/* A reference to the pod's shape, or to what can be known of it: then *refused says why. */
static uint32_t shape_of(struct pods *pods, const struct pod_object *object, const char **refused)
{
    uint32_t shape = shapes_acquire(pods->shapes, object, refused);
    return shape != SHAPE_NONE ? shape : shapes_acquire_known(pods->shapes, object);
}

struct pod *pods_observe(struct pods *pods, const struct pod_object *object, unsigned *changes)
{
    const char *refused = object->foreign && object->gang != NULL ? pod_foreign : NULL;
    uint32_t node = nodes_row(pods->nodes, object->node);
    uint32_t shape = shape_of(pods, object, &refused);
    struct pod *pod = pods_find(pods, object->uid);
    bool added = pod == NULL;
    unsigned found = POD_UNCHANGED;
    if (added) {
        pod = add_pod(pods, object, shape);
    } else {
        found |= update_shape(pods, pod, shape);
    }
    struct totals_share before = pods_share(pod);
    if (!update_missed(pods, pod, object->node, node, &found)) {
        node = NAMES_NONE;
    }
    if (object->node != NULL && node == NAMES_NONE) {
        refused = SHAPE_REFUSED "there are too many nodes to know the one it runs on";
    }
    found |= pod_update_refusal(pod, refused);
    pod->foreign = object->foreign;
    found |= pod_update_number(&pod->node, node, POD_NODE);
    found |= pod_update_nominated(pod, pods->nodes, object->nominated);
    found |= pod_update(pod, object);
    found |= pod_update_words(pod, pods->words, object);
    recount(pod, &before);
    found |= update_devices(pods, pod, object->devices);
    found |= peers_observe(pods->peers, &pod->peer, object) ? POD_PEERS : 0;
    if (changes != NULL) {
        *changes = added ? POD_ADDED : found;
    }
    return pod;
}

void pods_remove(struct pods *pods, struct pod *pod)
{
    assert(pod->gang == NULL && pod->outside == NULL && pod->totals == NULL);
    pods_release(pods, pod);
    pods_seen(pods, pod);
    HASH_DELETE(hh, pods->table, pod);
    drop_shape(pods, pod->shape);
    residents_find(&pods->residents, pod);
    (void)pod_update_words(pod, pods->words, &(struct pod_object){.name = NULL});
    peers_forget(pods->peers, &pod->peer);
    pod_destroy(pod);
}

/* ---- phases ---- */

void pods_hold(struct pods *pods, struct pod *pod, uint32_t row, uint64_t gpus)
{
    move_to(pods, pod, MEMBER_HELD, row, gpus, NULL);
}

void pods_vote(struct pods *pods, struct pod *pod)
{
    move_to(pods, pod, MEMBER_VOTED, NAMES_NONE, 0, NULL);
}

void pods_unvote(struct pods *pods, struct pod *pod)
{
    move_to(pods, pod, MEMBER_HELD, NAMES_NONE, 0, NULL);
}

/* Names from an earlier binding to the same node count until the pod's own annotation is seen: the
 * binding may have happened. */
static const char *names_at(const struct pod *pod, uint32_t row)
{
    if (pod->node == row && pod->devices != NULL) {
        return pod->devices;
    }
    return pod->gpus.row == row ? pod->gpus.names : NULL;
}

void pods_commit(struct pods *pods, struct pod *pod)
{
    pod->posts++;
    move_to(pods, pod, MEMBER_POSTED, NAMES_NONE, 0, NULL);
}

void pods_post(struct pods *pods, struct pod *pod, uint32_t row)
{
    err_require(!pods_placed(pod) || pod->allocation_row == row);
    pod->posts++;
    move_to(pods, pod, MEMBER_POSTED, row, 0, names_at(pod, row));
}

void pods_post_again(struct pod *pod)
{
    err_require(pod_certain(pod));
    pod->posts++;
}

void pods_answered(struct pod *pod)
{
    pod->posts -= pod->posts > 0;
}

void pods_unconfirm(struct pods *pods, struct pod *pod, int64_t until)
{
    if (pod->phase != MEMBER_UNCONFIRMED) {
        pod->unconfirmed_until = until;
        move_to(pods, pod, MEMBER_UNCONFIRMED, NAMES_NONE, 0, NULL);
    } else if (until < pod->unconfirmed_until) {
        pod->unconfirmed_until = until;
        timers_set(&pods->deadlines.unconfirmed, &pod->unconfirmed, until, pod);
    }
}

void pods_assume(struct pods *pods, struct pod *pod)
{
    move_to(pods, pod, MEMBER_ASSUMED, NAMES_NONE, 0, NULL);
}

void pods_bind(struct pods *pods, struct pod *pod, uint32_t row)
{
    err_require(!pods_placed(pod) || pod->allocation_row == row);
    move_to(pods, pod, MEMBER_BOUND, row, 0, names_at(pod, row));
}

void pods_release(struct pods *pods, struct pod *pod)
{
    bool held = pods_held(pod);
    if (!pods_placed(pod)) {
        return;
    }
    move_to(pods, pod, MEMBER_UNPLACED, NAMES_NONE, 0, NULL);
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
    pod->from_call = true;
    timers_set(&pods->deadlines.unseen, &pod->unseen, until, pod);
}

uint32_t pods_expected(const struct pods *pods)
{
    return (uint32_t)pods->deadlines.unseen.count;
}

void pods_seen(struct pods *pods, struct pod *pod)
{
    pod->from_call = false;
    timers_stop(&pods->deadlines.unseen, &pod->unseen);
}

int64_t pods_next_due(const struct pods *pods)
{
    return deadlines_next(&pods->deadlines);
}

struct pod **pods_expired(struct pods *pods, int64_t now, uint32_t *count)
{
    return deadlines_take(&pods->deadlines.unconfirmed, now, count);
}

struct pod **pods_unseen(struct pods *pods, int64_t now, uint32_t *count)
{
    return deadlines_take(&pods->deadlines.unseen, now, count);
}

void pods_prolong(struct pods *pods, int64_t unconfirmed, int64_t unseen, int64_t unseen_bound)
{
    deadlines_prolong(&pods->deadlines, unconfirmed, unseen, unseen_bound);
}
