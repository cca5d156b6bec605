// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "scheduler/state/pods_table.h"
#include "topology/base/alloc.h"

/* Pods in a checkpoint (pods.h): first all of them, in order of arrival, then row by row who has a
 * place there, in the order in which they got it. What follows from that is not saved: the ledger
 * is charged again, and they enter the lists of their rows, their footprint, and the sites of rules
 * about them.
 */

#define PODS_MAX  (1u << 24)
#define TEXTS_MAX 64 /* different constant texts */

/* ---- one pod ---- */

static void code_word(struct names *words, uint32_t *word, struct checkpoint *checkpoint)
{
    uint32_t read = *word;
    checkpoint_index(checkpoint, &read, (uint32_t)names_bound(words));
    if (!checkpoint->loading || checkpoint->failed) {
        return;
    }
    if (checkpoint_check(checkpoint, read == CHECKPOINT_NONE || names_has(words, read),
                         "a word that is none")) {
        *word = read;
        if (read != CHECKPOINT_NONE) {
            names_retain(words, read);
        }
    }
}

/* A constant text: one that is loaded is kept as long as the table, once. */
static void code_constant(struct pods *pods, const char **text, struct checkpoint *checkpoint)
{
    char *read = checkpoint->loading ? NULL : (char *)(uintptr_t)*text; /* only read */
    checkpoint_text(checkpoint, &read);
    if (!checkpoint->loading) {
        return;
    }
    *text = read == NULL                     ? NULL
            : strcmp(read, pod_foreign) == 0 ? pod_foreign
            : strcmp(read, pod_unseen) == 0  ? pod_unseen
                                             : NULL;
    for (uint32_t i = 0; i < pods->text_count && read != NULL; i++) {
        if (strcmp(pods->texts[i], read) == 0) {
            *text = pods->texts[i];
        }
    }
    if (read == NULL || *text != NULL ||
        !checkpoint_check(checkpoint, pods->text_count < TEXTS_MAX, "too many texts")) {
        free(read);
    } else {
        pods->texts =
            alloc_grow(pods->texts, &pods->text_room, (size_t)pods->text_count + 1, sizeof(char *));
        pods->texts[pods->text_count++] = read;
        *text = read;
    }
}

static void code_replica(struct pod_replica *replica, struct checkpoint *checkpoint)
{
    checkpoint_text(checkpoint, &replica->owner);
    checkpoint_u32(checkpoint, &replica->index_count);
    for (uint32_t i = 0; i < REPLICA_INDICES_MAX; i++) {
        checkpoint_i32(checkpoint, &replica->indices[i]);
    }
    checkpoint_i32(checkpoint, &replica->attempt);
    if (!checkpoint_check(checkpoint, replica->index_count <= REPLICA_INDICES_MAX,
                          "too many indices")) {
        replica->index_count = 0;
    }
}

/* What the API server says of it. */
static void code_object(struct pods *pods, struct pod *pod, struct checkpoint *checkpoint)
{
    uint32_t rows = nodes_rows(pods->nodes);
    checkpoint_text(checkpoint, &pod->gang_name);
    checkpoint_text(checkpoint, &pod->role);
    code_word(pods->words, &pod->role_word, checkpoint);
    checkpoint_i32(checkpoint, &pod->rank);
    code_replica(&pod->replica, checkpoint);
    checkpoint_i32(checkpoint, &pod->role_rank);
    checkpoint_i32(checkpoint, &pod->priority);
    checkpoint_bool(checkpoint, &pod->terminal);
    checkpoint_bool(checkpoint, &pod->succeeded);
    checkpoint_bool(checkpoint, &pod->deleting);
    checkpoint_bool(checkpoint, &pod->gated);
    checkpoint_bool(checkpoint, &pod->leader);
    checkpoint_bool(checkpoint, &pod->foreign);
    pods_checkpoint_shape(pods, &pod->shape, checkpoint);
    checkpoint_index(checkpoint, &pod->node, rows);
    checkpoint_index(checkpoint, &pod->nominated, rows);
    checkpoint_text(checkpoint, &pod->nominated_name);
    checkpoint_i32(checkpoint, &pod->gang_minimum);
    code_word(pods->words, &pod->minimums, checkpoint);
    code_word(pods->words, &pod->preference, checkpoint);
    placement_checkpoint(&pod->placement, checkpoint);
    checkpoint_text(checkpoint, &pod->devices);
    code_word(pods->words, &pod->owner, checkpoint);
    checkpoint_text(checkpoint, &pod->run);
    checkpoint_bool(checkpoint, &pod->placed_here);
    peers_checkpoint_pod(pods->peers, &pod->peer, checkpoint);
    code_constant(pods, &pod->peer.left, checkpoint);
    checkpoint_u32(checkpoint, &pod->kind);
    code_constant(pods, &pod->refused, checkpoint);
}

static void code_nomination(struct nomination *nomination, struct checkpoint *checkpoint)
{
    checkpoint_bool(checkpoint, &nomination->wanted);
    checkpoint_bool(checkpoint, &nomination->wakes);
    checkpoint_bool(checkpoint, &nomination->asked);
    checkpoint_i64(checkpoint, &nomination->due);
    checkpoint_bool(checkpoint, &nomination->carried);
    checkpoint_i64(checkpoint, &nomination->since);
    checkpoint_u32(checkpoint, &nomination->taken_back);
    checkpoint_bool(checkpoint, &nomination->resting);
    checkpoint_bool(checkpoint, &nomination->missed);
}

/* How far it is; `last_reason` is the engine's. */
static void code_progress(struct pods *pods, struct pod *pod, struct checkpoint *checkpoint)
{
    uint32_t phase = pod->phase;
    checkpoint_place(checkpoint, &phase, MEMBER_PHASES);
    pod->phase = (enum member_phase)phase;
    checkpoint_index(checkpoint, &pod->allocation_row, nodes_rows(pods->nodes));
    checkpoint_text(checkpoint, &pod->gpus.names);
    checkpoint_u32(checkpoint, &pod->gpus.row);
    uint32_t charged = pod->charged;
    checkpoint_place(checkpoint, &charged, POD_CHARGED_NOTHING + 1);
    pod->charged = (enum pod_charged)charged;
    checkpoint_bool(checkpoint, &pod->guarded);
    checkpoint_i64(checkpoint, &pod->unconfirmed_until);
    timers_checkpoint(&pods->deadlines.unconfirmed, &pod->unconfirmed, pod, checkpoint);
    checkpoint_u32(checkpoint, &pod->posts);
    checkpoint_bool(checkpoint, &pod->waiting);
    checkpoint_u64(checkpoint, &pod->ticket);
    code_nomination(&pod->nomination, checkpoint);
    checkpoint_bool(checkpoint, &pod->from_call);
    timers_checkpoint(&pods->deadlines.unseen, &pod->unseen, pod, checkpoint);
    (void)checkpoint_check(checkpoint,
                           (pod->allocation_row != NAMES_NONE) == pods_placed(pod) &&
                               (pods_placed(pod) || !pod->guarded),
                           "a place that does not go with its phase");
}

static void code_pod(struct pods *pods, struct pod *pod, struct checkpoint *checkpoint)
{
    checkpoint_u64(checkpoint, &pod->arrival);
    code_object(pods, pod, checkpoint);
    code_progress(pods, pod, checkpoint);
}

static void load_pod(struct pods *pods, struct checkpoint *checkpoint)
{
    char *uid = NULL, *name_space = NULL, *name = NULL;
    checkpoint_text(checkpoint, &uid);
    checkpoint_text(checkpoint, &name_space);
    checkpoint_text(checkpoint, &name);
    if (checkpoint_check(checkpoint,
                         !checkpoint->failed && uid != NULL && name_space != NULL && name != NULL &&
                             pods_find(pods, uid) == NULL,
                         "a pod that cannot be")) {
        struct pod *pod =
            pod_create(&(struct pod_object){.uid = uid, .name_space = name_space, .name = name});
        pod->shape = SHAPE_NONE;
        pod->table = pods;
        pod->footprint = &pods->ordinary;
        pod->nominated = NAMES_NONE;
        HASH_ADD_KEYPTR(hh, pods->table, pod->uid, strlen(pod->uid), pod);
        code_pod(pods, pod, checkpoint);
        (void)checkpoint_check(checkpoint, checkpoint->failed || pod->role != NULL,
                               "a pod without a role");
        pods->loaded[pods->loaded_count++] = pod;
    }
    free(uid);
    free(name_space);
    free(name);
}

static void save_pod(struct pods *pods, struct pod *pod, struct checkpoint *checkpoint)
{
    checkpoint_text(checkpoint, &pod->uid);
    checkpoint_text(checkpoint, &pod->name_space);
    checkpoint_text(checkpoint, &pod->name);
    code_pod(pods, pod, checkpoint);
}

/* ---- places ---- */

/* What a pod has of the row, charged when it is loaded. */
static void code_place(struct pods *pods, struct pod *pod, struct checkpoint *checkpoint)
{
    gpus_checkpoint_allocation(ledger_gpus(pods->ledger), &pod->gpus, checkpoint);
    if (!checkpoint->loading || checkpoint->failed) {
        return;
    }
    const struct resources *request = shapes_request(pods->shapes, pod->shape);
    struct resources amounts = pod_charge(pod, request);
    ledger_charge(pods->ledger, pods_held(pod) ? LEDGER_HELD : LEDGER_BOUND, pod->allocation_row,
                  &amounts);
    if (pod->guarded) {
        ledger_guard(pods->ledger, pod->allocation_row);
    }
    pods_enter_place(pods, pod);
}

static void code_row(struct pods *pods, uint32_t row, struct checkpoint *checkpoint)
{
    uint32_t count = 0;
    for (const struct pod *pod = pods_on(pods, row); pod != NULL; pod = pod->row_after) {
        count++;
    }
    checkpoint_count(checkpoint, &count, PODS_MAX);
    struct pod *next = checkpoint->loading ? NULL : pods_on(pods, row);
    for (uint32_t i = 0; i < count && !checkpoint->failed; i++) {
        struct pod *pod = next;
        pods_checkpoint_pod(pods, &pod, checkpoint);
        if (!checkpoint_check(checkpoint,
                              pod != NULL && pod->allocation_row == row &&
                                  (!checkpoint->loading || !pod->peer.placed),
                              "a place that is nobody's") ||
            pod == NULL) {
            return;
        }
        next = checkpoint->loading ? NULL : pod->row_after;
        code_place(pods, pod, checkpoint);
    }
}

/* ---- nodes that nobody has shown ---- */

/* The pods that say they run on one of them, in their order. */
static void code_missed(struct pods *pods, uint32_t name, struct checkpoint *checkpoint)
{
    struct residents *residents = &pods->residents;
    struct pod *next = NULL;
    uint32_t count = 0;
    if (!checkpoint->loading) {
        next = residents->missing[name].first;
    }
    for (const struct pod *pod = next; pod != NULL; pod = pod->missed_after) {
        count++;
    }
    checkpoint_count(checkpoint, &count, PODS_MAX);
    for (uint32_t i = 0; i < count && !checkpoint->failed; i++) {
        struct pod *pod = next;
        pods_checkpoint_pod(pods, &pod, checkpoint);
        next = checkpoint->loading || pod == NULL ? NULL : pod->missed_after;
        if (checkpoint->loading &&
            checkpoint_check(checkpoint, pod != NULL && pod->missed == NAMES_NONE,
                             "a pod that misses two nodes")) {
            (void)residents_miss(residents, pod, names_text(residents->names, name));
        }
    }
}

static void code_missing(struct pods *pods, struct checkpoint *checkpoint)
{
    struct names *names = pods->residents.names;
    checkpoint_section(checkpoint, "nodes that are missing");
    names_checkpoint(names, checkpoint);
    for (uint32_t name = 0; name < names_bound(names) && !checkpoint->failed; name++) {
        if (names_has(names, name)) {
            code_missed(pods, name, checkpoint);
        }
    }
    if (checkpoint->loading) {
        names_loaded(names);
    }
}

void pods_checkpoint(struct pods *pods, struct checkpoint *checkpoint)
{
    uint32_t count = pods_count(pods), number = 0;
    uint64_t moves = peers_moves(pods->peers);
    checkpoint_section(checkpoint, "pods");
    names_checkpoint(pods->words, checkpoint);
    peers_checkpoint(pods->peers, checkpoint);
    checkpoint_u64(checkpoint, &moves);
    checkpoint_u64(checkpoint, &pods->arrivals);
    checkpoint_u64(checkpoint, &pods->deadlines.unconfirmed.next_order);
    checkpoint_u64(checkpoint, &pods->deadlines.unseen.next_order);
    checkpoint_count(checkpoint, &count, PODS_MAX);
    if (checkpoint->loading) {
        pods->loaded = alloc_zero(count, sizeof(struct pod *));
    }
    for (; checkpoint->loading && number < count && !checkpoint->failed; number++) {
        load_pod(pods, checkpoint);
    }
    for (struct pod *pod = pods->table; !checkpoint->loading && pod != NULL; pod = pod->hh.next) {
        pod->number = number++;
        save_pod(pods, pod, checkpoint);
    }
    checkpoint_section(checkpoint, "places");
    for (uint32_t row = 0; row < nodes_rows(pods->nodes) && !checkpoint->failed; row++) {
        code_row(pods, row, checkpoint);
    }
    code_missing(pods, checkpoint);
    for (uint32_t i = 0; i < pods->loaded_count; i++) {
        (void)checkpoint_check(checkpoint,
                               checkpoint->failed ||
                                   pods->loaded[i]->peer.placed == pods_placed(pods->loaded[i]),
                               "a pod that is missing where it has its place");
    }
    if (checkpoint->loading) {
        peers_loaded(pods->peers, moves, checkpoint);
    }
}

void pods_checkpoint_pod(struct pods *pods, struct pod **pod, struct checkpoint *checkpoint)
{
    uint32_t number = *pod == NULL ? CHECKPOINT_NONE : (*pod)->number;
    checkpoint_index(checkpoint, &number,
                     checkpoint->loading ? pods->loaded_count : UINT32_MAX - 1);
    if (checkpoint->loading) {
        *pod = checkpoint->failed || number == CHECKPOINT_NONE ? NULL : pods->loaded[number];
    }
}

void pods_checkpoint_shape(struct pods *pods, uint32_t *shape, struct checkpoint *checkpoint)
{
    uint32_t read = *shape;
    checkpoint_u32(checkpoint, &read);
    if (checkpoint->loading &&
        checkpoint_check(checkpoint, !checkpoint->failed && shapes_has(pods->shapes, read),
                         "a shape that is none")) {
        shapes_retain(pods->shapes, read);
        *shape = read;
    }
}

void pods_loaded(struct pods *pods)
{
    names_loaded(pods->words);
    free(pods->loaded);
    pods->loaded = NULL;
    pods->loaded_count = 0;
}
