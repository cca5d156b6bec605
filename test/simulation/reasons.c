// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/reasons.h"

#include <string.h>

#include "test/simulation/spaces.h"

/* The kind of the last reason that a member was given, by a refusal of `filter` or on the pod
 * itself, as people would sort them by their first words. A plan makes it void. Now and then it is
 * compared with what the gang is said to wait for.
 */

#define CHECK_EVERY 16 /* applies */

static enum told_kind kind_of(const char *text)
{
    if (text == NULL) {
        return TOLD_NOTHING;
    }
    bool gathers = strstr(text, " waits until ") != NULL && strstr(text, " exist") != NULL;
    return gathers                                   ? TOLD_GATHERS
           : strstr(text, " short by ") != NULL      ? TOLD_SHORT
           : strstr(text, " is planned") != NULL     ? TOLD_PLANNED
           : strstr(text, "not planned yet") != NULL ? TOLD_PLANNED
                                                     : TOLD_NOTHING; /* of a kind that is rare */
}

/* The engine forgets whom it knows from a call alone, and a pod when another one has its name. */
static void note_forgotten(struct sim *sim)
{
    char uid[16];
    for (int i = 0; i < sim->pod_count; i++) {
        if (sim->host.reason[i] != TOLD_NOTHING &&
            !engine_knows_pod(sim->host.engine, sim_name(uid, 'u', i))) {
            sim->host.reason[i] = TOLD_NOTHING;
        }
    }
}

static void note(struct sim *sim, const struct record *record)
{
    struct host *host = &sim->host;
    if (record->type == EVENT_FOLLOW || record->type == EVENT_LEAD) {
        memset(host->reason, 0, sizeof host->reason);
    }
    for (size_t i = 0; i < host->effects.count; i++) {
        const struct effect *effect = &host->effects.items[i];
        if (effect->type == EFFECT_FILTER_REPLY && effect->filter.verdict == FILTER_NONE) {
            host->reason[record->pod] = kind_of(effect->filter.reason);
        } else if (effect->type == EFFECT_EXPLAIN) {
            host->reason[sim_number(effect->write.uid)] = kind_of(effect->write.text);
        } else if (effect->type == EFFECT_PHASE && strcmp(effect->phase.to, "Held") == 0) {
            host->reason[sim_number(effect->phase.uid)] = TOLD_NOTHING;
        }
    }
    note_forgotten(sim);
}

static bool is_pending(const struct sim *sim, int pod)
{
    const struct pod_state *seen = &sim->host.seen[pod];
    return sim->host.seen_ever[pod] && seen->exists && !seen->terminal && !seen->deleting &&
           !seen->gated && seen->node == SIM_NONE;
}

/* Whether the pod is the only member of its name, and has no node. */
static bool lacks_node(const struct sim *sim, int gang, const struct gang_view *view, int pod)
{
    uint32_t same = 0, placed = 0;
    for (uint32_t m = 0; m < view->member_count; m++) {
        if (spaces_member(sim, gang, view->members[m].pod) == sim->pods[pod].name) {
            same++;
            placed += view->members[m].node != NULL;
        }
    }
    return same == 1 && placed == 0;
}

static void check_gang(struct sim *sim, int gang, const struct gang_view *view)
{
    enum told_kind kind = kind_of(view->reason);
    if (view->planned || (kind != TOLD_GATHERS && kind != TOLD_SHORT)) {
        return;
    }
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        enum told_kind told = sim->host.reason[i];
        if (told != TOLD_NOTHING && told != kind && is_pending(sim, i) &&
            lacks_node(sim, gang, view, i)) {
            sim_fail(sim, "(9) p%d was told of kind %d last, and g%d waits by kind %d: %s", i,
                     (int)told, gang, (int)kind, view->reason);
        }
    }
}

void reasons_check(struct sim *sim, const struct record *record)
{
    struct host *host = &sim->host;
    note(sim, record);
    if (host->record_count % CHECK_EVERY != 0 || host->standby || host->draining || host->more) {
        return;
    }
    for (int gang = 0; gang < sim->gang_count; gang++) {
        struct gang_view view;
        struct arena arena;
        arena_init(&arena);
        if (spaces_find(sim, gang, &arena, &view)) {
            check_gang(sim, gang, &view);
        }
        arena_finish(&arena);
    }
}
