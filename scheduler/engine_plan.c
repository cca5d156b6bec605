// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/engine_state.h"
#include "scheduler/reason.h"
#include "scheduler/solver.h"
#include "topology/alloc.h"

/* Planning: from a ready gang to held capacity, and from held capacity to bindings or back.
 *
 *   candidates ─▶ roles by shape ─▶ solver_solve() ─▶ every member HELD on its node, or none
 *
 * - A gang that has not begun is planned with all its members; if that does not fit, with the
 *   quorum alone; else it waits, and the reason names the level that is short.
 * - Members of a gang that has begun are planned beside the bound ones: together if that works,
 *   else one by one.
 * - A veto moves only those members that have not voted, unless that would tear the gang further
 *   apart than before: then all is given up and planned afresh.
 *
 * Holds are made through pods_hold(), so the ledger and the pods agree at every step; nothing here
 * can fail half-way.
 */

/* One attempt: the members to place and the problem made of them. */
struct attempt {
    struct gang *gang;
    struct pod **members; /* candidates in rank order */
    uint32_t count;
    struct solver_role roles[SOLVER_ROLES_MAX];
    uint32_t shapes[SOLVER_ROLES_MAX];
    uint32_t role_count;
    struct bitset *excluded[SOLVER_ROLES_MAX];
    uint32_t *pinned;
    uint32_t pinned_count;
    uint32_t required_level;
};

static const struct resources *free_at(const void *context, uint32_t position)
{
    const struct engine *engine = context;
    return ledger_free(engine->ledger, domains_row(engine->domains, position));
}

static void attempt_finish(struct attempt *attempt)
{
    for (uint32_t i = 0; i < SOLVER_ROLES_MAX; i++) {
        bitset_destroy(attempt->excluded[i]);
    }
    free(attempt->members);
    free(attempt->pinned);
}

static struct bitset *excluded_positions(const struct engine *engine, const struct gang *gang,
                                         uint32_t shape)
{
    struct bitset *excluded = NULL;
    for (uint32_t i = 0; i < gang->veto_count; i++) {
        uint32_t position = domains_position(engine->domains, gang->vetoes[i].row);
        if (gang->vetoes[i].shape != shape || position == DOMAINS_NONE) {
            continue;
        }
        if (excluded == NULL) {
            excluded = bitset_create(domains_positions(engine->domains));
        }
        bitset_set(excluded, position);
    }
    return excluded;
}

/* Members that can be planned now, in rank order, and where the others already are. */
static void collect_members(const struct engine *engine, struct attempt *attempt)
{
    struct gang *gang = attempt->gang;
    attempt->members = alloc_zero(gang->member_count, sizeof(struct pod *));
    attempt->pinned = alloc_zero(gang->member_count, sizeof(uint32_t));
    for (uint32_t i = 0; i < gang->member_count; i++) {
        struct pod *pod = gang->members[i];
        if (pod->terminal || pod->deleting) {
            continue;
        }
        if (pod->claim != CLAIM_NONE) {
            uint32_t position = domains_position(engine->domains, pod->claim_row);
            if (position != DOMAINS_NONE) {
                attempt->pinned[attempt->pinned_count++] = position;
            }
        } else if (gang_member_pending(pod)) {
            attempt->members[attempt->count++] = pod;
        }
    }
}

static int role_of(const struct attempt *attempt, uint32_t shape)
{
    for (uint32_t i = 0; i < attempt->role_count; i++) {
        if (attempt->shapes[i] == shape) {
            return (int)i;
        }
    }
    return -1;
}

/* Sorts the first `count` members into roles; -1 when there are too many shapes. */
static int make_roles(struct engine *engine, struct attempt *attempt, uint32_t count)
{
    for (uint32_t i = 0; i < SOLVER_ROLES_MAX; i++) {
        bitset_destroy(attempt->excluded[i]);
        attempt->excluded[i] = NULL;
    }
    attempt->role_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t shape = attempt->members[i]->shape;
        int role = role_of(attempt, shape);
        if (role >= 0) {
            attempt->roles[role].count++;
            continue;
        }
        if (attempt->role_count == SOLVER_ROLES_MAX) {
            return -1;
        }
        uint32_t added = attempt->role_count++;
        attempt->shapes[added] = shape;
        attempt->excluded[added] = excluded_positions(engine, attempt->gang, shape);
        attempt->roles[added].count = 1;
        attempt->roles[added].request = shapes_request(engine->shapes, shape);
        attempt->roles[added].capacity = ledger_capacity(engine->ledger, shape);
        attempt->roles[added].excluded = attempt->excluded[added];
    }
    return 0;
}

/* Solves for the first `count` members; -1 when they cannot even be put to the solver. */
static int solve(struct engine *engine, struct attempt *attempt, uint32_t count,
                 struct solver_plan *plan)
{
    if (make_roles(engine, attempt, count) < 0) {
        return -1;
    }
    struct solver_problem problem = {
        .domains = engine->domains,
        .free_at = free_at,
        .free_context = engine,
        .roles = attempt->roles,
        .role_count = attempt->role_count,
        .pinned = attempt->pinned,
        .pinned_count = attempt->pinned_count,
        .required_level = attempt->required_level,
    };
    solver_solve(&problem, plan);
    return 0;
}

static void keep_quality(struct gang *gang, const struct solver_plan *plan)
{
    gang->has_quality = true;
    gang->optimal = plan->optimal;
    gang->levels = plan->levels;
    memcpy(gang->used, plan->used, sizeof(gang->used));
    memcpy(gang->bound, plan->bound, sizeof(gang->bound));
}

/* A group may ask for less time than configured, never for more: kube-scheduler's bind calls end
 * with its httpTimeout, and nothing may be posted for a caller that is gone. */
static int64_t hold_timeout(const struct engine *engine, const struct gang *gang)
{
    int64_t most = engine->options.hold_timeout_ms;
    return gang->object_timeout_ms > 0 && gang->object_timeout_ms < most ? gang->object_timeout_ms
                                                                         : most;
}

/* Deals the plan's positions to the first `count` members: inside a role both are in order, so
 * neighbouring ranks are neighbours in the tree. */
static void hold(struct engine *engine, struct attempt *attempt, uint32_t count,
                 const struct solver_plan *plan)
{
    struct gang *gang = attempt->gang;
    uint32_t next[SOLVER_ROLES_MAX] = {0};
    uint32_t start = 0;
    for (uint32_t role = 0; role < attempt->role_count; role++) {
        next[role] = start;
        start += attempt->roles[role].count;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct pod *pod = attempt->members[i];
        int role = role_of(attempt, pod->shape);
        uint32_t position = plan->positions[next[role]++];
        pods_hold(engine->pods, pod, domains_row(engine->domains, position));
        pod->missed = false;
        pod->nominate = true;
        pod->told = NULL;
    }
    if (gang->deadline == INT64_MAX) { /* neither joiners nor a veto prolong a hold that runs */
        gang->deadline = engine->now + hold_timeout(engine, gang);
        gang->nominate_at = engine->now + ENGINE_RENOMINATE_MS;
    }
    engine_want_tick(engine, gang->nominate_at);
    engine_want_tick(engine, gang->deadline);
    keep_quality(gang, plan);
    engine_touch(engine, gang);
}

static void announce_plan(struct engine *engine, struct gang *gang, const struct solver_plan *plan)
{
    char path[256], text[GANG_REASON_MAX];
    uint32_t hosts = plan->used[plan->levels - 1];
    uint32_t level = domains_get(engine->domains, plan->domain)->level;
    bool cluster = level == 0;
    snprintf(text, sizeof(text),
             "gang %s/%s is planned: %" PRIu32 " pods on %" PRIu32 " nodes in %s %s%s",
             gang->name_space, gang->name, plan->count, hosts,
             cluster ? "the" : domains_level_name(engine->domains, level),
             domains_path(engine->domains, plan->domain, path, sizeof(path)),
             plan->optimal ? ", optimal" : "");
    gang_set_reason(gang, reason_planned, text);
    engine_tell(engine, gang, false, "GangPlanned", text);
}

/* Adds up by gang what the pods of a domain have of a resource; the greatest is in the way. */
static const char *find_blocker(struct engine *engine, const struct gang *gang, uint32_t domain,
                                uint32_t resource, char *text, size_t size)
{
    const struct domain *range = domains_get(engine->domains, domain);
    int64_t ordinary = 0;
    for (uint32_t i = 0; i < engine->gangs.count; i++) {
        engine->gangs.items[i]->blocking = 0;
    }
    for (struct pod *pod = pods_first(engine->pods); pod != NULL; pod = pod->hh.next) {
        if (pod->claim == CLAIM_NONE || pod->gang == gang) {
            continue;
        }
        uint32_t position = domains_position(engine->domains, pod->claim_row);
        if (position == DOMAINS_NONE || position < range->first || position >= range->end) {
            continue;
        }
        int64_t *sum = pod->gang != NULL ? &pod->gang->blocking : &ordinary;
        *sum += resources_get(shapes_request(engine->shapes, pod->shape), resource);
    }
    const struct gang *greatest = NULL;
    for (uint32_t i = 0; i < engine->gangs.count; i++) {
        const struct gang *other = engine->gangs.items[i];
        if (other->blocking > (greatest == NULL ? ordinary : greatest->blocking)) {
            greatest = other;
        }
    }
    if (greatest != NULL) {
        snprintf(text, size, "gang %s/%s", greatest->name_space, greatest->name);
        return text;
    }
    return ordinary > 0 ? "pods without a gang" : NULL;
}

/* The resource of the role that runs out first, over all nodes of the domain. */
static uint32_t scarce_resource(struct engine *engine, const struct resources *request,
                                uint32_t domain)
{
    const struct domain *range = domains_get(engine->domains, domain);
    struct resources sum;
    resources_init(&sum);
    for (uint32_t position = range->first; position < range->end; position++) {
        resources_add(&sum, free_at(engine, position));
    }
    uint32_t scarce = resources_scarcest(request, &sum);
    resources_finish(&sum);
    return scarce == UINT32_MAX ? NAMES_NONE : scarce;
}

static void explain_shortage(struct engine *engine, const struct attempt *attempt,
                             const struct solver_plan *plan)
{
    struct gang *gang = attempt->gang;
    char text[GANG_REASON_MAX], blocker[GANG_REASON_MAX];
    uint32_t domain = plan->shortfall.domain == DOMAINS_NONE ? 0 : plan->shortfall.domain;
    const struct resources *request = attempt->roles[plan->shortfall.role].request;
    uint32_t scarce = scarce_resource(engine, request, domain);
    struct reason_shortage shortage = {
        .gang = gang,
        .plan = plan,
        .domains = engine->domains,
        .nodes = engine->nodes,
        .request = request,
        .scarce = scarce,
        .blocker = scarce == NAMES_NONE
                       ? NULL
                       : find_blocker(engine, gang, domain, scarce, blocker, sizeof(blocker)),
    };
    reason_shortfall(&shortage, text, sizeof(text));
    if (gang_set_reason(gang, reason_short, text)) {
        engine_tell_waiting(engine, gang);
    }
}

/* The tree level that the gang requires; -1 with a reason set when there is none such. */
static int find_required_level(struct engine *engine, struct gang *gang, uint32_t *level)
{
    const char *name = gang_required_level(gang);
    *level = SOLVER_LEVEL_NONE;
    if (name == NULL) {
        return 0;
    }
    int found = domains_level_find(engine->domains, name);
    if (found >= 0) {
        *level = (uint32_t)found;
        return 0;
    }
    char text[GANG_REASON_MAX];
    snprintf(text, sizeof(text),
             found == -1
                 ? "gang %s/%s waits: required topology \"%.100s\" is not a configured level"
                 : "gang %s/%s waits: no node carries the required level \"%.100s\"",
             gang->name_space, gang->name, name);
    if (gang_set_reason(gang, reason_invalid, text)) {
        engine_tell_waiting(engine, gang);
    }
    return -1;
}

static void explain_shapes(struct engine *engine, struct gang *gang)
{
    char text[GANG_REASON_MAX];
    snprintf(text, sizeof(text), "gang %s/%s waits: its pods have more than %d different shapes",
             gang->name_space, gang->name, SOLVER_ROLES_MAX);
    if (gang_set_reason(gang, reason_invalid, text)) {
        engine_tell_waiting(engine, gang);
    }
}

enum verdict { PLAN_HELD, PLAN_SHORT, PLAN_IMPOSSIBLE };

/* Solves for the first `count` members and holds them. SHORT leaves all as it was and the shortfall
 * in `plan`; IMPOSSIBLE has set the reason. */
static enum verdict try_plan(struct engine *engine, struct attempt *attempt, uint32_t count,
                             struct solver_plan *plan)
{
    if (solve(engine, attempt, count, plan) < 0) {
        explain_shapes(engine, attempt->gang);
        return PLAN_IMPOSSIBLE;
    }
    if (!plan->feasible) {
        return PLAN_SHORT;
    }
    hold(engine, attempt, count, plan);
    announce_plan(engine, attempt->gang, plan);
    return PLAN_HELD;
}

/* Joiners that do not all fit beside their gang are tried alone. The gang has one reason: it is
 * that of a joiner that waits, if there is one. */
static void plan_one_by_one(struct engine *engine, struct attempt *attempt,
                            struct solver_plan *plan)
{
    struct pod **members = attempt->members;
    uint32_t count = attempt->count;
    uint32_t left_out = count;
    for (uint32_t i = 0; i < count; i++) {
        attempt->members = &members[i];
        if (try_plan(engine, attempt, 1, plan) == PLAN_SHORT) {
            left_out = i;
        }
    }
    if (left_out < count) {
        attempt->members = &members[left_out];
        if (try_plan(engine, attempt, 1, plan) == PLAN_SHORT) {
            explain_shortage(engine, attempt, plan);
        }
    }
    attempt->members = members;
}

static void plan_gang(struct engine *engine, struct gang *gang)
{
    struct attempt attempt = {.gang = gang};
    struct solver_plan plan;
    struct gang_tally tally = gang_tally(gang);
    uint32_t minimum = (uint32_t)gang_minimum(gang);
    bool begun = gang_begun(&tally);
    solver_plan_init(&plan);

    gang->dirty = false;
    collect_members(engine, &attempt);
    if (attempt.count == 0 || (!begun && attempt.count < minimum) ||
        find_required_level(engine, gang, &attempt.required_level) < 0) {
        goto out;
    }
    enum verdict verdict = try_plan(engine, &attempt, attempt.count, &plan);
    if (verdict == PLAN_SHORT && !begun && attempt.count > minimum) {
        verdict = try_plan(engine, &attempt, minimum, &plan);
    }
    if (verdict == PLAN_SHORT && begun && attempt.count > 1) {
        plan_one_by_one(engine, &attempt, &plan);
    } else if (verdict == PLAN_SHORT) {
        explain_shortage(engine, &attempt, &plan);
    }
out:
    gang->tried_at = ledger_releases(engine->ledger);
    engine_touch(engine, gang);
    solver_plan_finish(&plan);
    attempt_finish(&attempt);
}

static void rebuild_tree(struct engine *engine)
{
    if (engine->tree_dirty) {
        engine->tree_dirty = false;
        domains_build(engine->domains, engine->nodes);
        ledger_tree_changed(engine->ledger);
    }
}

uint32_t engine_plan(struct engine *engine)
{
    engine->plan_needed = false;
    if (!engine->synced || engine->draining) {
        return 0;
    }
    rebuild_tree(engine);
    engine->planned_releases = ledger_releases(engine->ledger);
    queue_fill(&engine->queue, &engine->gangs, engine->now, ledger_releases(engine->ledger));
    for (uint32_t i = 0; i < engine->queue.count; i++) {
        plan_gang(engine, engine->queue.items[i]);
    }
    return engine->queue.count;
}

void engine_nominate(struct engine *engine, struct pod *pod, uint32_t row)
{
    struct arena *arena = &engine->effects->arena;
    bool clear = row == NAMES_NONE;
    pod->nominating = !clear;
    pod->nominated_at = engine->now;
    if (clear) {
        pod->nominated = NAMES_NONE; /* on its way: a new plan must not count on the old one */
    }
    if (!clear && pod->nominated == row) {
        return; /* it carries just this one already */
    }
    struct effect *effect = effects_append(engine->effects, EFFECT_NOMINATE);
    effect->write.name_space = arena_string(arena, pod->name_space);
    effect->write.name = arena_string(arena, pod->name);
    effect->write.uid = arena_string(arena, pod->uid);
    effect->write.node = clear ? NULL : arena_string(arena, nodes_name(engine->nodes, row));
    effect->write.rank = -1;
}

void engine_commit_member(struct engine *engine, struct pod *pod, uint64_t ticket)
{
    struct arena *arena = &engine->effects->arena;
    pods_settle(engine->pods, pod);
    pod->waiting = true;
    pod->ticket = ticket;
    pod->posts++;
    pod->nominating = false; /* the API server clears the field when it binds */
    struct effect *effect = effects_append(engine->effects, EFFECT_POST_BINDING);
    effect->write.name_space = arena_string(arena, pod->name_space);
    effect->write.name = arena_string(arena, pod->name);
    effect->write.uid = arena_string(arena, pod->uid);
    effect->write.node = arena_string(arena, nodes_name(engine->nodes, pod->claim_row));
    effect->write.gang = arena_string(arena, pod->gang->name);
    effect->write.rank = pod->rank;
}

void engine_commit_if_voted(struct engine *engine, struct gang *gang)
{
    int32_t minimum = gang_minimum(gang);
    struct gang_tally tally = gang_tally(gang);
    if (gang->barrier.count == 0 ||
        (!gang_begun(&tally) && (minimum <= 0 || gang->barrier.count < (size_t)minimum))) {
        return;
    }
    for (size_t i = 0; i < gang->barrier.count; i++) {
        gang->barrier.items[i].pod->voted = false;
        engine_commit_member(engine, gang->barrier.items[i].pod, gang->barrier.items[i].ticket);
    }
    gang->barrier.count = 0;
    gang->failures = 0;
    gang->dirty = true; /* it has begun: members beyond the plan may join now */
}

static void back_off(struct engine *engine, struct gang *gang)
{
    int64_t delay = engine->options.backoff_initial_ms;
    for (uint32_t i = 0; i < gang->failures && delay < engine->options.backoff_maximum_ms; i++) {
        delay *= 2;
    }
    if (delay > engine->options.backoff_maximum_ms) {
        delay = engine->options.backoff_maximum_ms;
    }
    gang->failures++;
    gang->not_before = engine->now + delay;
    engine_want_tick(engine, gang->not_before);
}

/* When kube-scheduler's own filters refuse every node it does not ask at all. A member that carried
 * its nomination and still did not come, while others came or twice in a row, was refused that
 * way. */
static bool never_asked(const struct engine *engine, const struct pod *pod, bool alive)
{
    int64_t enough = hold_timeout(engine, pod->gang) / 2; /* a joiner may have come just now */
    return alive && !pod->voted && pod->nominated == pod->claim_row &&
           pod->nominated_at + enough <= engine->now;
}

void engine_abort(struct engine *engine, struct gang *gang, const char *why, bool backoff)
{
    bool alive = gang->barrier.count > 0 || gang->failures > 0;
    for (uint32_t i = 0; i < gang->member_count; i++) {
        struct pod *pod = gang->members[i];
        if (pod->claim != CLAIM_HELD) {
            continue;
        }
        if (backoff && (pod->missed || never_asked(engine, pod, alive))) {
            gang_veto(gang, pod->shape, pod->claim_row, engine->now + ENGINE_VETO_MS);
            engine_want_tick(engine, engine->now + ENGINE_VETO_MS);
        }
        engine_drop_hold(engine, pod, why);
    }
    gang->deadline = INT64_MAX;
    gang->nominate_at = INT64_MAX;
    gang->dirty = true;
    if (backoff) {
        back_off(engine, gang);
        gang_set_reason(gang, reason_backoff, why);
    }
    engine->plan_needed = true;
}

/* Whether the new plan touches more domains of some level than the old one did, widest first. */
static bool plan_is_worse(const struct gang *gang, const struct solver_plan *plan)
{
    for (uint32_t level = 0; level < plan->levels && plan->levels == gang->levels; level++) {
        if (plan->used[level] != gang->used[level]) {
            return plan->used[level] > gang->used[level];
        }
    }
    return false;
}

/* Plans the members that have not voted around those that have; false when that does not work or
 * tears the gang apart. */
static bool plan_around(struct engine *engine, struct gang *gang)
{
    struct attempt attempt = {.gang = gang};
    struct solver_plan plan;
    bool held = false;
    solver_plan_init(&plan);
    collect_members(engine, &attempt);
    struct gang_tally tally = gang_tally(gang);
    uint32_t minimum = (uint32_t)gang_minimum(gang);
    if (attempt.count > 0 && (gang_begun(&tally) || attempt.count + tally.held >= minimum) &&
        find_required_level(engine, gang, &attempt.required_level) == 0 &&
        solve(engine, &attempt, attempt.count, &plan) == 0 && plan.feasible &&
        !plan_is_worse(gang, &plan)) {
        hold(engine, &attempt, attempt.count, &plan);
        held = true;
    }
    solver_plan_finish(&plan);
    attempt_finish(&attempt);
    return held;
}

void engine_veto(struct engine *engine, struct pod *pod)
{
    struct gang *gang = pod->gang;
    gang_veto(gang, pod->shape, pod->claim_row, engine->now + ENGINE_VETO_MS);
    engine_want_tick(engine, engine->now + ENGINE_VETO_MS);
    rebuild_tree(engine);
    for (uint32_t i = 0; i < gang->member_count; i++) {
        if (gang->members[i]->claim == CLAIM_HELD && !gang->members[i]->voted) {
            engine_drop_hold(engine, gang->members[i], "");
        }
    }
    if (!plan_around(engine, gang)) {
        engine_abort(engine, gang, "kube-scheduler refused a planned node", false);
    }
    engine_touch(engine, gang);
}
