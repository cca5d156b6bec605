// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "scheduler/state/gang.h"
#include "topology/base/alloc.h"

/* Gangs in a checkpoint (gang.h). What the members add up to is counted again when they are loaded.
 */

#define GANGS_MAX   (1u << 24)
#define WAITERS_MAX (1u << 24)
#define OUTSIDE_MAX (1u << 24)

static void code_object(struct gang *gang, struct checkpoint *checkpoint)
{
    checkpoint_bool(checkpoint, &gang->has_object);
    checkpoint_text(checkpoint, &gang->uid);
    checkpoint_i32(checkpoint, &gang->object_minimum);
    checkpoint_i64(checkpoint, &gang->object_timeout_ms);
    placement_checkpoint(&gang->object_placement, checkpoint);
    checkpoint_text(checkpoint, &gang->object_minimums);
    checkpoint_text(checkpoint, &gang->object_preference);
}

static void code_members(struct gang *gang, struct pods *pods, struct checkpoint *checkpoint)
{
    uint32_t count = gang->member_count;
    checkpoint_count(checkpoint, &count, GANG_MEMBERS_MAX);
    for (uint32_t i = 0; i < count && !checkpoint->failed; i++) {
        struct pod *pod = checkpoint->loading ? NULL : gang->members[i];
        pods_checkpoint_pod(pods, &pod, checkpoint);
        if (checkpoint->loading &&
            checkpoint_check(checkpoint, pod != NULL && pod->gang == NULL && pod->outside == NULL,
                             "a member that cannot be")) {
            gang_load_member(gang, pod);
        }
    }
}

static void code_outside(struct gang *gang, struct pods *pods, struct checkpoint *checkpoint)
{
    uint32_t count = 0;
    for (const struct pod *pod = gang->outside; pod != NULL; pod = pod->outside_next) {
        count++;
    }
    checkpoint_count(checkpoint, &count, OUTSIDE_MAX);
    struct pod *next = checkpoint->loading ? NULL : gang->outside;
    for (uint32_t i = 0; i < count && !checkpoint->failed; i++) {
        struct pod *pod = next;
        pods_checkpoint_pod(pods, &pod, checkpoint);
        next = checkpoint->loading || pod == NULL ? NULL : pod->outside_next;
        if (checkpoint->loading &&
            checkpoint_check(checkpoint, pod != NULL && pod->gang == NULL && pod->outside == NULL,
                             "a pod outside that cannot be")) {
            gang_load_outside(gang, pod);
        }
    }
}

static void code_barrier(struct gang *gang, struct pods *pods, struct checkpoint *checkpoint)
{
    uint32_t count = (uint32_t)gang->barrier.count;
    checkpoint_count(checkpoint, &count, WAITERS_MAX);
    for (uint32_t i = 0; i < count && !checkpoint->failed; i++) {
        struct barrier_waiter waiter = {.pod = NULL};
        uint64_t replaced;
        if (!checkpoint->loading) {
            waiter = gang->barrier.items[i];
        }
        pods_checkpoint_pod(pods, &waiter.pod, checkpoint);
        checkpoint_u64(checkpoint, &waiter.ticket);
        if (checkpoint->loading &&
            checkpoint_check(checkpoint, waiter.pod != NULL && waiter.pod->gang == gang,
                             "a vote that is nobody's")) {
            (void)checkpoint_check(
                checkpoint, !barrier_add(&gang->barrier, waiter.pod, waiter.ticket, &replaced),
                "a vote that is there already");
        }
    }
}

static void code_vetoes(struct gang *gang, struct pods *pods, struct checkpoint *checkpoint)
{
    uint32_t count = gang->veto_count;
    checkpoint_count(checkpoint, &count, GANG_VETOES_MAX);
    if (checkpoint->loading) {
        gang->pods = pods;
        gang->vetoes = alloc_grow(gang->vetoes, &gang->veto_room, count, sizeof(*gang->vetoes));
    }
    for (uint32_t i = 0; i < count && !checkpoint->failed; i++) {
        struct gang_veto *veto = &gang->vetoes[i];
        pods_checkpoint_shape(pods, &veto->shape, checkpoint);
        gang->veto_count = checkpoint->failed ? i : i + 1;
        checkpoint_u32(checkpoint, &veto->row);
        checkpoint_u32(checkpoint, &veto->takes);
        checkpoint_u32(checkpoint, &veto->likely);
        checkpoint_i64(checkpoint, &veto->until);
    }
}

static void code_times(struct gang *gang, struct checkpoint *checkpoint)
{
    checkpoint_u64(checkpoint, &gang->sequence);
    checkpoint_i64(checkpoint, &gang->ready_since);
    checkpoint_i64(checkpoint, &gang->deadline);
    checkpoint_i64(checkpoint, &gang->nominate_at);
    checkpoint_i64(checkpoint, &gang->wake_at);
    checkpoint_u32(checkpoint, &gang->wakes);
    checkpoint_i64(checkpoint, &gang->last_event_at);
    checkpoint_bool(checkpoint, &gang->old_news);
    checkpoint_i64(checkpoint, &gang->explained_at);
    checkpoint_i64(checkpoint, &gang->not_before);
    checkpoint_u32(checkpoint, &gang->failures);
    checkpoint_i64(checkpoint, &gang->repair_since);
    checkpoint_u32(checkpoint, &gang->told_bound);
    checkpoint_bool(checkpoint, &gang->begun);
    checkpoint_u32(checkpoint, &gang->most_here);
    checkpoint_bool(checkpoint, &gang->incomplete);
}

static void code_hold(struct gang *gang, struct checkpoint *checkpoint)
{
    uint32_t end = gang->hold_end;
    checkpoint_bool(checkpoint, &gang->admitted);
    checkpoint_bool(checkpoint, &gang->holding);
    checkpoint_bool(checkpoint, &gang->hold_voted);
    checkpoint_place(checkpoint, &end, HOLD_ENDS);
    gang->hold_end = (enum hold_end)end;
    checkpoint_u32(checkpoint, &gang->voteless);
    if (checkpoint->loading) {
        gang->tenant->admitted += gang->admitted;
        gang->tenant->holding += gang->holding;
    }
}

static void code_shortfall(struct solver_shortfall *shortfall, struct checkpoint *checkpoint)
{
    checkpoint_u32(checkpoint, &shortfall->level);
    checkpoint_u32(checkpoint, &shortfall->domain);
    checkpoint_u32(checkpoint, &shortfall->node);
    checkpoint_u32(checkpoint, &shortfall->role);
    checkpoint_u32(checkpoint, &shortfall->podset);
    checkpoint_u32(checkpoint, &shortfall->wanted);
    checkpoint_u64(checkpoint, &shortfall->fits);
    checkpoint_u32(checkpoint, &shortfall->missing);
    checkpoint_bool(checkpoint, &shortfall->proven);
    checkpoint_bool(checkpoint, &shortfall->pinned_apart);
    checkpoint_bool(checkpoint, &shortfall->slice_started);
    checkpoint_bool(checkpoint, &shortfall->limited);
    checkpoint_u32(checkpoint, &shortfall->limit);
    checkpoint_u32(checkpoint, &shortfall->apart);
    checkpoint_u32(checkpoint, &shortfall->limit_wanted);
    checkpoint_u64(checkpoint, &shortfall->limit_fits);
    checkpoint_u32(checkpoint, &shortfall->limit_domains);
    checkpoint_u32(checkpoint, &shortfall->alternative);
}

static void code_breakdown(struct breakdown *breakdown, struct checkpoint *checkpoint)
{
    checkpoint_u32(checkpoint, &breakdown->nodes);
    for (uint32_t i = 0; i < BREAKDOWN_KINDS; i++) {
        checkpoint_u32(checkpoint, &breakdown->left_out[i]);
    }
    checkpoint_u32(checkpoint, &breakdown->rest);
    checkpoint_u32(checkpoint, &breakdown->strays);
    checkpoint_text(checkpoint, &breakdown->missing);
    checkpoint_bool(checkpoint, &breakdown->missing_others);
    checkpoint_bool(checkpoint, &breakdown->nowhere);
    checkpoint_text(checkpoint, &breakdown->taint);
    checkpoint_text(checkpoint, &breakdown->taken);
    checkpoint_u32(checkpoint, &breakdown->taken_name);
    checkpoint_text(checkpoint, &breakdown->scarce);
    checkpoint_u32(checkpoint, &breakdown->scarce_name);
    checkpoint_i64(checkpoint, &breakdown->each);
    checkpoint_text(checkpoint, &breakdown->place);
    checkpoint_text(checkpoint, &breakdown->blocker);
    checkpoint_bool(checkpoint, &breakdown->ordinary);
}

static void code_unplaced(struct gang *gang, struct checkpoint *checkpoint)
{
    uint32_t count = gang->unplaced_count;
    checkpoint_count(checkpoint, &count, GANG_UNPLACED_MAX);
    for (uint32_t i = 0; i < count && !checkpoint->failed; i++) {
        struct gang_unplaced *unplaced = &gang->unplaced[i];
        checkpoint_u32(checkpoint, &unplaced->shape);
        checkpoint_text(checkpoint, &unplaced->text);
        gang->unplaced_count = i + 1;
        (void)checkpoint_check(checkpoint, checkpoint->failed || unplaced->text != NULL,
                               "a text that is missing");
    }
}

static void code_reason(struct gang *gang, struct checkpoint *checkpoint)
{
    const char *text = gang->reason;
    size_t length = strlen(text);
    checkpoint_bytes(checkpoint, &text, &length);
    if (checkpoint->loading &&
        checkpoint_check(checkpoint,
                         !checkpoint->failed && text != NULL && length < sizeof gang->reason,
                         "a reason that cannot be") &&
        text != NULL) {
        memcpy(gang->reason, text, length);
        gang->reason[length] = '\0';
    }
    checkpoint_u32(checkpoint, &gang->short_levels);
    code_shortfall(&gang->shortfall, checkpoint);
    code_breakdown(&gang->breakdown, checkpoint);
    code_unplaced(gang, checkpoint);
}

static void code_quality(struct gang *gang, struct checkpoint *checkpoint)
{
    checkpoint_bool(checkpoint, &gang->has_quality);
    checkpoint_bool(checkpoint, &gang->optimal);
    checkpoint_u32(checkpoint, &gang->levels);
    for (uint32_t i = 0; i < SOLVER_TREE_MAX; i++) {
        checkpoint_u32(checkpoint, &gang->used[i]);
        checkpoint_u32(checkpoint, &gang->lower_bound[i]);
    }
    (void)checkpoint_check(checkpoint, gang->levels <= SOLVER_TREE_MAX, "too many levels");
}

static void code_gang(struct gang *gang, struct pods *pods, struct checkpoint *checkpoint)
{
    uint32_t state = gang->state;
    code_object(gang, checkpoint);
    code_members(gang, pods, checkpoint);
    code_outside(gang, pods, checkpoint);
    checkpoint_place(checkpoint, &state, GANG_PLACED + 1);
    gang->state = (enum gang_state)state;
    checkpoint_bool(checkpoint, &gang->wants);
    checkpoint_bool(checkpoint, &gang->dirty);
    checkpoint_u64(checkpoint, &gang->tried_pass);
    checkpoint_u64(checkpoint, &gang->turn);
    code_times(gang, checkpoint);
    code_hold(gang, checkpoint);
    code_barrier(gang, pods, checkpoint);
    code_vetoes(gang, pods, checkpoint);
    checkpoint_u32(checkpoint, &gang->joiners_tried);
    code_reason(gang, checkpoint);
    code_quality(gang, checkpoint);
    if (checkpoint->loading && !checkpoint->failed) {
        gang_loaded(gang);
    }
}

static void load_gang(struct gangs *gangs, struct pods *pods, struct checkpoint *checkpoint)
{
    char *name_space = NULL, *name = NULL;
    checkpoint_text(checkpoint, &name_space);
    checkpoint_text(checkpoint, &name);
    if (checkpoint_check(checkpoint,
                         !checkpoint->failed && name_space != NULL && name != NULL &&
                             gangs_find(gangs, name_space, name) == NULL,
                         "a gang that cannot be")) {
        code_gang(gangs_get(gangs, name_space, name), pods, checkpoint);
    }
    free(name_space);
    free(name);
}

void gangs_checkpoint(struct gangs *gangs, struct pods *pods, struct checkpoint *checkpoint)
{
    uint32_t count = gangs->count;
    checkpoint_section(checkpoint, "gangs");
    checkpoint_u32(checkpoint, &gangs->members_max);
    checkpoint_u64(checkpoint, &gangs->next_sequence);
    checkpoint_count(checkpoint, &count, GANGS_MAX);
    for (uint32_t i = 0; i < count && !checkpoint->failed; i++) {
        if (checkpoint->loading) {
            load_gang(gangs, pods, checkpoint);
            continue;
        }
        checkpoint_text(checkpoint, &gangs->items[i]->name_space);
        checkpoint_text(checkpoint, &gangs->items[i]->name);
        code_gang(gangs->items[i], pods, checkpoint);
    }
    const struct tenant *before = NULL; /* the gangs of one are side by side */
    for (uint32_t i = 0; i < gangs->count && !checkpoint->failed; i++) {
        struct tenant *tenant = gangs->items[i]->tenant;
        if (tenant != before) {
            tenant_checkpoint(tenant, checkpoint);
        }
        before = tenant;
    }
    tenants_checkpoint_idle(&gangs->tenants, checkpoint);
}
