// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "scheduler/engine/constraints.h"
#include "scheduler/engine/ordinals.h"
#include "scheduler/engine/reason.h"
#include "scheduler/engine/state.h"
#include "scheduler/engine/ties.h"
#include "topology/base/utf8.h"

/* Read-only answers about the engine: one gang, the figures for metrics. Nothing is cached; people
 * ask seldom.
 */

const char *gang_state_name(enum gang_state state)
{
    switch (state) {
    case GANG_GATHERING:
        return "Gathering";
    case GANG_WAITING:
        return "Waiting";
    case GANG_HELD:
        return "Held";
    case GANG_COMMITTING:
        return "Committing";
    case GANG_PLACED:
        return "Placed";
    }
    return "Unknown";
}

size_t engine_gang_count(const struct engine *engine)
{
    return engine->gangs.count;
}

/* The device resource of the gang, see gang_view.device. Most members share a shape with the one
 * before. */
static const char *find_device(const struct engine *engine, const struct gang *gang)
{
    const struct names *words = nodes_words(engine->nodes);
    const char *best = NULL;
    int64_t best_amount = 0;
    uint32_t shape = SHAPE_NONE;
    for (uint32_t i = 0; i < gang->member_count; i++) {
        if (gang->members[i]->shape == shape) {
            continue;
        }
        shape = gang->members[i]->shape;
        const struct resources *request = shapes_request(engine->shapes, shape);
        for (uint32_t k = 0; k < request->count; k++) {
            const char *name = names_text(words, resource_word(request->items[k].name));
            int64_t amount = request->items[k].amount;
            if (resource_is_slot(request->items[k].name) || !resource_is_device(name)) {
                continue;
            }
            int order =
                best == NULL ? 1 : (strstr(name, "gpu") != NULL) - (strstr(best, "gpu") != NULL);
            if (order == 0) {
                order = (amount > best_amount) - (amount < best_amount);
            }
            if (order > 0 || (order == 0 && strcmp(name, best) < 0)) {
                best = name;
                best_amount = amount;
            }
        }
    }
    return best;
}

static void view_devices(const struct engine *engine, const struct pod *pod, struct arena *arena,
                         struct gang_member_view *member)
{
    const struct gpus *gpus = ledger_gpus(engine->ledger);
    uint32_t count = 0;
    while (gpus_allocation_name(gpus, &pod->gpus, count) != NULL) {
        count++;
    }
    const char **names = arena_alloc(arena, count, sizeof(*names));
    for (uint32_t i = 0; i < count; i++) {
        names[i] = arena_string(arena, gpus_allocation_name(gpus, &pod->gpus, i));
    }
    member->devices = names;
    member->device_count = count;
}

/* Why a member without a node has none: something of its own, else what its gang waits for. */
static const char *why_unplaced(const struct gang *gang, const struct pod *pod, struct arena *arena)
{
    if (pod->refused != NULL) {
        return arena_printf(arena, "pod %s/%s: %s", pod->name_space, pod->name, pod->refused);
    }
    if (pod->deleting) {
        return arena_printf(arena, "pod %s/%s is being deleted", pod->name_space, pod->name);
    }
    if (pod->gated) {
        return arena_printf(arena, "pod %s/%s has scheduling gates", pod->name_space, pod->name);
    }
    for (uint32_t i = 0; i < gang->unplaced_count; i++) {
        if (gang->unplaced[i].shape == pod->shape) {
            return gang->unplaced[i].text;
        }
    }
    if (gang->reason_class == reason_planned || gang->reason[0] == '\0') {
        return arena_printf(
            arena, "gang %s/%s starts without it, and it is planned when the others are bound",
            gang->name_space, gang->name);
    }
    return gang->reason;
}

static void view_members(const struct engine *engine, const struct gang *gang, struct arena *arena,
                         struct gang_view *view)
{
    struct gang_member_view *members = arena_alloc(arena, gang->member_count, sizeof(*members));
    struct pod **pods = arena_alloc(arena, gang->member_count, sizeof(struct pod *));
    int32_t *ranks = arena_alloc(arena, gang->member_count, sizeof *ranks);
    uint32_t count = 0;
    for (uint32_t i = 0; i < gang->member_count; i++) {
        if (!gang->members[i]->terminal) {
            pods[count++] = gang->members[i];
        }
    }
    ordinals_ranks(pods, count, ranks);
    for (uint32_t i = 0; i < count; i++) {
        const struct pod *pod = pods[i];
        struct gang_member_view *member = &members[i];
        member->pod = pod->name;
        member->role = pod->role;
        member->rank = ranks[i];
        member->voted = pod->phase == MEMBER_VOTED;
        member->bound = pod->node != NAMES_NONE || pods_bound(pod);
        member->node = pods_node_name(engine->pods, pod);
        member->reason = member->node == NULL ? why_unplaced(gang, pod, arena) : NULL;
        view_devices(engine, pod, arena, member);
        view->bound += member->bound;
        view->voted += member->voted;
    }
    view->members = members;
    view->member_count = count;
}

static void view_shortfall(const struct engine *engine, const struct solver_shortfall *from,
                           struct gang_shortfall_view *view)
{
    view->level = domains_level_name(engine->domains, from->level);
    view->wanted = from->wanted;
    view->missing = from->missing;
    view->fits = from->fits;
    if (from->alternative != SOLVER_LEVEL_NONE) {
        view->alternative = domains_level_name(engine->domains, from->alternative);
    }
}

static void view_breakdown(const struct breakdown *from, struct gang_shortfall_view *view)
{
    struct gang_nodes_view *nodes = &view->nodes;
    view->has_nodes = from->place != NULL;
    view->blocker = from->blocker;
    view->ordinary = from->ordinary;
    nodes->domain = from->place;
    nodes->nodes = from->nodes;
    nodes->rest = from->rest;
    nodes->missing = from->missing;
    nodes->nowhere = from->nowhere;
    nodes->scarce = from->scarce;
    nodes->each = from->each;
    for (int kind = 0; kind < BREAKDOWN_KINDS; kind++) {
        nodes->left_out[nodes->left_out_count++] = (struct gang_left_out_view){
            breakdown_kind_name((enum breakdown_kind)kind), from->left_out[kind]};
    }
}

static void view_roles(const struct gang *gang, struct arena *arena, struct gang_view *view)
{
    const struct minimums *minimums = gang->minimums;
    view->role_count = minimums == NULL ? 0 : minimums->count;
    struct gang_role_view *roles = arena_alloc(arena, view->role_count, sizeof *roles);
    for (uint32_t i = 0; i < view->role_count; i++) {
        roles[i] = (struct gang_role_view){.role = minimums->items[i].role,
                                           .minimum = minimums->items[i].least,
                                           .missing = gang_role_lacking(gang, i, COUNT_BOUND)};
    }
    view->roles = roles;
}

static void view_gang(const struct engine *engine, const struct gang *gang, struct arena *arena,
                      struct gang_view *view)
{
    memset(view, 0, sizeof(*view));
    view->name_space = gang->name_space;
    view->name = gang->name;
    view->state = gang->state;
    view->minimum = gang_minimum(gang);
    view_roles(gang, arena, view);
    view->pods = gang_tally(gang).live;
    view->reason = gang->reason;
    view->planned = gang->reason_class == reason_planned;
    view->incomplete = gang->incomplete;
    /* An optimality bound speaks of the tree it was made for. */
    view->has_quality = gang->has_quality && gang->levels == domains_levels(engine->domains);
    view->optimal = view->has_quality && gang->optimal;
    if (view->has_quality) {
        view->levels = gang->levels;
        for (uint32_t level = 0; level < gang->levels; level++) {
            view->level_names[level] = domains_level_name(engine->domains, level);
            view->used[level] = gang->used[level];
            view->lower_bound[level] = gang->lower_bound[level];
        }
    }
    if (gang->short_levels == domains_levels(engine->domains)) {
        view_shortfall(engine, &gang->shortfall, &view->shortfall);
        view_breakdown(&gang->breakdown, &view->shortfall);
    }
    char ignored[256], left[256], both[520];
    if (engine->synced) {
        constraints_ignored(engine, gang, ignored, sizeof ignored);
        ties_left(engine, gang, left, sizeof left);
        utf8_print(both, sizeof both, "%s%s%s", ignored,
                   ignored[0] != '\0' && left[0] != '\0' ? "; " : "", left);
        view->ignored = both[0] == '\0' ? NULL : arena_string(arena, both);
    }
    view->device = find_device(engine, gang);
    view_members(engine, gang, arena, view);
}

void engine_gang_at(const struct engine *engine, size_t index, struct arena *arena,
                    struct gang_view *view)
{
    view_gang(engine, engine->gangs.items[index], arena, view);
}

size_t engine_gang_after(const struct engine *engine, const char *name_space, const char *name)
{
    return gangs_after(&engine->gangs, name_space, name);
}

bool engine_gang_find(const struct engine *engine, const char *name_space, const char *name,
                      struct arena *arena, struct gang_view *view)
{
    const struct gang *gang = gangs_find(&engine->gangs, name_space, name);
    if (gang == NULL) {
        return false;
    }
    view_gang(engine, gang, arena, view);
    return true;
}

const struct domains *engine_domains(const struct engine *engine)
{
    return engine->domains;
}

const struct nodes *engine_nodes(const struct engine *engine)
{
    return engine->nodes;
}

const struct ledger *engine_ledger(const struct engine *engine)
{
    return engine->ledger;
}

static struct engine_table_figures table_figures(const struct names *names, uint64_t budget)
{
    return (struct engine_table_figures){names_count(names), names_bytes(names), budget};
}

static void view_tables(const struct engine *engine,
                        struct engine_table_figures tables[ENGINE_TABLES])
{
    const struct peers *peers = pods_peers(engine->pods);
    tables[ENGINE_TABLE_NODES] = table_figures(nodes_names(engine->nodes), 0);
    tables[ENGINE_TABLE_VOCABULARY] = table_figures(nodes_words(engine->nodes), 0);
    tables[ENGINE_TABLE_SHAPES] = (struct engine_table_figures){
        shapes_count(engine->shapes), shapes_text(engine->shapes), SHAPES_TEXT_MAX};
    tables[ENGINE_TABLE_LABELS] = table_figures(peers_words(peers), RULES_TEXT_MAX);
    tables[ENGINE_TABLE_OWNERS] = table_figures(pods_words(engine->pods), 0);
    tables[ENGINE_TABLE_MISSING_NODES] = table_figures(pods_missing_nodes(engine->pods), 0);
}

void engine_figures(const struct engine *engine, struct engine_figures *figures)
{
    memset(figures, 0, sizeof(*figures));
    figures->nodes = nodes_present(engine->nodes);
    figures->pods = pods_count(engine->pods);
    figures->queued = engine->queue.count + engine->queue.later_count + engine->queue.parked;
    figures->attempts_left = engine->attempts_left;
    figures->planning_steps = engine->spent;
    figures->overruns = engine->overruns;
    figures->nominations_repeated = engine->repeated;
    figures->nominations_repeated_late = engine->repeated_late;
    view_tables(engine, figures->tables);
    figures->audited_nodes = engine->audit.nodes;
    figures->audited_gangs = engine->audit.gangs;
    figures->differences = engine->audit.differences;
    for (uint32_t i = 0; i < engine->gangs.count; i++) {
        const struct gang *gang = engine->gangs.items[i];
        figures->gangs[gang->state]++;
        figures->holds += gang_tally(gang).held;
        figures->waiting_binds += (uint32_t)gang->barrier.count;
        figures->incomplete += gang->incomplete;
    }
}
