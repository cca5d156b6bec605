// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/checkpoint.h"

#include <string.h>

#include "scheduler/engine/reason.h"
#include "topology/base/alloc.h"

/* The engine in a checkpoint.
 *
 *   EVENT_CHECKPOINT   settles: what was only worked out (views of the ledger, masks, the order in
 *                      which rows changed) is forgotten, so that nothing depends on when it was
 *   engine_save()      everything that decisions depend on, module by module, in the order of what
 *                      rests on what
 *   engine_load()      the same, read; what follows from it is worked out again
 *
 * Numbers stay what they were: rows, words, shapes, order of arrival. Order and ties go by them.
 *
 * A member of a struct that lasts from one event to the next is named here or in the module's own
 * part, or in test/lint/checkpoint.txt with the reason why it need not be: the rule "checkpoint" of
 * test/lint/check.py sees to that.
 */

#define CALLERS_MAX (1u << 24)

/* Classes of reasons are told apart by their addresses. */
static const char *const classes[] = {
    reason_unsynced, reason_no_group, reason_invalid,  reason_gathering, reason_short,
    reason_backoff,  reason_planned,  reason_draining, reason_following, reason_refused,
    reason_none,     gang_no_reason,  reason_turn,
};
#define CLASSES ((uint32_t)(sizeof classes / sizeof classes[0]))

void engine_settle(struct engine *engine)
{
    progress_forget(engine, NULL);
    tree_update(&engine->tree);
    waiting_unsettle(engine->waiting);
    ledger_forget(engine->ledger);
    waiting_settle(engine->waiting);
}

static void code_class(const char **class, struct checkpoint *checkpoint)
{
    uint32_t index = CHECKPOINT_NONE;
    for (uint32_t i = 0; i < CLASSES; i++) {
        index = *class == classes[i] ? i : index;
    }
    (void)checkpoint_check(checkpoint,
                           *class == NULL || index != CHECKPOINT_NONE || checkpoint->loading,
                           "a class that is not known");
    checkpoint_index(checkpoint, &index, CLASSES);
    if (checkpoint->loading && !checkpoint->failed && index != CHECKPOINT_NONE) {
        *class = classes[index];
    }
}

static void code_scalars(struct engine *engine, struct checkpoint *checkpoint)
{
    checkpoint_section(checkpoint, "engine");
    checkpoint_i64(checkpoint, &engine->now);
    checkpoint_i64(checkpoint, &engine->explain_after);
    checkpoint_bool(checkpoint, &engine->synced);
    checkpoint_bool(checkpoint, &engine->draining);
    checkpoint_bool(checkpoint, &engine->leading);
    checkpoint_i64(checkpoint, &engine->decides_since);
    checkpoint_u64(checkpoint, &engine->planned_releases);
    checkpoint_i64(checkpoint, &engine->next_tick);
    checkpoint_u64(checkpoint, &engine->overruns);
    checkpoint_u64(checkpoint, &engine->attempts_left);
    checkpoint_u64(checkpoint, &engine->spent);
    checkpoint_u64(checkpoint, &engine->repeated);
    checkpoint_u64(checkpoint, &engine->repeated_late);
}

static void code_audit(struct audit *audit, struct checkpoint *checkpoint)
{
    const char *last = audit->last;
    size_t length = strlen(last);
    checkpoint_i64(checkpoint, &audit->after);
    checkpoint_u32(checkpoint, &audit->row);
    checkpoint_u32(checkpoint, &audit->gang);
    checkpoint_u64(checkpoint, &audit->nodes);
    checkpoint_u64(checkpoint, &audit->gangs);
    checkpoint_u64(checkpoint, &audit->differences);
    checkpoint_bytes(checkpoint, &last, &length);
    if (checkpoint->loading &&
        checkpoint_check(checkpoint,
                         !checkpoint->failed && last != NULL && length < sizeof audit->last,
                         "a text that is too long") &&
        last != NULL) {
        memcpy(audit->last, last, length);
        audit->last[length] = '\0';
    }
}

static void code_timers(struct engine *engine, struct checkpoint *checkpoint)
{
    checkpoint_section(checkpoint, "timers");
    checkpoint_u64(checkpoint, &engine->timers.next_order);
    checkpoint_u64(checkpoint, &engine->explain.next_order);
    for (uint32_t i = 0; i < engine->gangs.count && !checkpoint->failed; i++) {
        struct gang *gang = engine->gangs.items[i];
        timers_checkpoint(&engine->timers, &gang->timer, gang, checkpoint);
        timers_checkpoint(&engine->explain, &gang->explain, gang, checkpoint);
    }
}

static void code_classes(struct engine *engine, struct checkpoint *checkpoint)
{
    checkpoint_section(checkpoint, "reasons");
    for (uint32_t i = 0; i < engine->gangs.count && !checkpoint->failed; i++) {
        code_class(&engine->gangs.items[i]->reason_class, checkpoint);
    }
    struct pod *pod = pods_first(engine->pods);
    for (; pod != NULL && !checkpoint->failed; pod = pod->hh.next) {
        code_class(&pod->last_reason, checkpoint);
    }
}

static void code_callers(struct engine *engine, struct checkpoint *checkpoint)
{
    uint32_t count = HASH_COUNT(engine->callers);
    checkpoint_section(checkpoint, "callers");
    checkpoint_count(checkpoint, &count, CALLERS_MAX);
    struct engine_caller *caller = checkpoint->loading ? NULL : engine->callers;
    for (uint32_t i = 0; i < count && !checkpoint->failed; i++) {
        uint64_t ticket = caller == NULL ? 0 : caller->ticket;
        struct pod *pod = caller == NULL ? NULL : caller->pod;
        checkpoint_u64(checkpoint, &ticket);
        pods_checkpoint_pod(engine->pods, &pod, checkpoint);
        if (checkpoint->loading && checkpoint_check(checkpoint, pod != NULL, "a call of nobody")) {
            engine_bind_waits(engine, pod, ticket);
        }
        caller = caller == NULL ? NULL : caller->hh.next;
    }
}

static void code(struct engine *engine, struct checkpoint *checkpoint)
{
    code_scalars(engine, checkpoint);
    nodes_checkpoint(engine->nodes, checkpoint);
    if (!checkpoint->failed) {
        domains_checkpoint(engine->domains, engine->nodes, checkpoint);
    }
    shapes_checkpoint(engine->shapes, checkpoint);
    if (!checkpoint->failed) {
        ledger_checkpoint(engine->ledger, nodes_vocabulary(engine->nodes),
                          nodes_rows(engine->nodes), checkpoint);
    }
    if (!checkpoint->failed) {
        pods_checkpoint(engine->pods, checkpoint);
        gangs_checkpoint(&engine->gangs, engine->pods, checkpoint);
    }
    ledger_loaded(engine->ledger, checkpoint);
    waiting_checkpoint(engine->waiting, &engine->gangs, checkpoint);
    queue_checkpoint(&engine->queue, &engine->gangs, checkpoint);
    code_timers(engine, checkpoint);
    code_classes(engine, checkpoint);
    code_callers(engine, checkpoint);
    checkpoint_section(checkpoint, "self-check");
    code_audit(&engine->audit, checkpoint);
    checkpoint_section(checkpoint, "end");
}

void engine_save(struct engine *engine, struct checkpoint *checkpoint)
{
    checkpoint_save(checkpoint);
    waiting_unsettle(engine->waiting);
    code(engine, checkpoint);
}

int engine_load(struct engine *engine, const uint8_t *bytes, size_t size, struct err *err)
{
    struct checkpoint checkpoint;
    checkpoint_load(&checkpoint, bytes, size);
    code(engine, &checkpoint);
    (void)checkpoint_check(&checkpoint, checkpoint.at == size, "more than the state");
    if (checkpoint.failed) {
        return err_set(err, "%s", checkpoint.err.text);
    }
    pods_loaded(engine->pods);
    nodes_loaded(engine->nodes);
    shapes_loaded(engine->shapes);
    waiting_settle(engine->waiting);
    return 0;
}
