// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/explain.h"

#include <stdio.h>
#include <string.h>

#include "scheduler/engine/affinity.h"
#include "scheduler/engine/blockers.h"
#include "scheduler/engine/reason.h"
#include "scheduler/engine/ties.h"
#include "topology/base/alloc.h"
#include "topology/base/utf8.h"

/* Why a gang does not fit, in the terms of people: what becomes of the nodes of the level that is
 * short, which resource runs out on those that are left, and who is in the way.
 *
 * The nodes are those of the domain where most of its pods fit. Where that could be any domain, for
 * none fits anywhere, or is a single node, they are all nodes: unless its bound members leave it no
 * choice.
 *
 * Nothing is said that does not hold: a resource is named when a node really lacks it for one pod
 * more, and when pods of several shapes only miss room together, when they ask for more of it than
 * there is; somebody is in the way when the gang would fit without them (blockers.h).
 */

struct range {
    uint32_t domain; /* DOMAINS_NONE: there is none to speak of */
    uint32_t first;
    uint32_t end;
};

/* Where most of its pods fit. */
static struct range place_of(const struct attempt *attempt,
                             const struct solver_shortfall *shortfall)
{
    const struct domains *domains = attempt->engine->domains;
    uint32_t domain = shortfall->level == 0 ? 0 : shortfall->domain;
    if (shortfall->level > 0 && shortfall->node != DOMAINS_NONE) {
        return (struct range){domain, shortfall->node, shortfall->node + 1};
    }
    if (domain == DOMAINS_NONE) {
        return (struct range){.domain = DOMAINS_NONE};
    }
    return (struct range){domain, domains_get(domains, domain)->first,
                          domains_get(domains, domain)->end};
}

/* Whether its bound members, or a slice of them, leave the gang no other place than that one. */
static bool is_bound_to_place(const struct attempt *attempt,
                              const struct solver_shortfall *shortfall)
{
    return attempt->pinned_count > 0 || shortfall->slice_started;
}

/* The nodes that the account is of. */
static struct range scope_of(const struct attempt *attempt,
                             const struct solver_shortfall *shortfall, struct range place)
{
    bool arbitrary =
        shortfall->node != DOMAINS_NONE || (attempt->role_count == 1 && shortfall->fits == 0);
    if (place.domain == DOMAINS_NONE || !arbitrary || is_bound_to_place(attempt, shortfall)) {
        return place;
    }
    return (struct range){.end = domains_positions(attempt->engine->domains)};
}

/* Where kube-scheduler refused the shape, and takes no more of it; NULL: nowhere. */
static struct bitset *refused_positions(const struct attempt *attempt, uint32_t role)
{
    const struct domains *domains = attempt->engine->domains;
    if (attempt->gang->veto_count == 0) {
        return NULL;
    }
    struct bitset *refused = bitset_create(domains_positions(domains));
    for (uint32_t i = 0; i < attempt->gang->veto_count; i++) {
        const struct gang_veto *veto = &attempt->gang->vetoes[i];
        uint32_t position = domains_position(domains, veto->row);
        if (veto->shape == attempt->shapes[role] && position != DOMAINS_NONE &&
            (veto->takes == 0 || capacity_node(attempt->roles[role].capacity, position) == 0)) {
            bitset_set(refused, position);
        }
    }
    return refused;
}

static void break_down(const struct attempt *attempt, const struct solver_shortfall *shortfall,
                       const struct range *scope, struct breakdown *breakdown)
{
    struct engine *engine = attempt->engine;
    uint32_t shape = attempt->shapes[shortfall->role];
    struct bitset *refused = refused_positions(attempt, shortfall->role);
    const struct breakdown_question question = {
        .domains = engine->domains,
        .nodes = engine->nodes,
        .shapes = engine->shapes,
        .ledger = engine->ledger,
        .shape = shape,
        .capacity = attempt->roles[shortfall->role].capacity,
        .kept = attempt_occupied(attempt, shortfall->role),
        .apart = (attempt->ties.vain >> shortfall->role & 1) != 0
                     ? attempt->excluded[shortfall->role]
                     : affinity_excluded(attempt, attempt->kinds[shortfall->role]),
        .refused = refused,
        .first = scope->first,
        .end = scope->end,
        .level = shortfall->level,
    };
    breakdown_count(&question, breakdown);
    engine_charge(engine, domains_count(engine->domains) +
                              (uint64_t)breakdown->nodes * BREAKDOWN_STEPS_PER_NODE);
    bitset_destroy(refused);
}

/* What is free of a resource on all nodes of the domain. */
static int64_t free_in(const struct engine *engine, const struct range *range, uint32_t resource)
{
    int64_t sum = 0;
    bool all = range->end - range->first == domains_positions(engine->domains);
    if (all && !resource_is_slot(resource)) {
        return ledger_total_free(engine->ledger, resource);
    }
    for (uint32_t position = range->first; position < range->end; position++) {
        uint32_t row = domains_row(engine->domains, position);
        int64_t free =
            resource_available(resource, resources_get(ledger_free(engine->ledger, row), resource));
        if (free > 0 && __builtin_add_overflow(sum, free, &sum)) {
            sum = INT64_MAX;
        }
    }
    return sum;
}

/* Whether the short role would have room in the place, were it alone. */
static bool fits_alone(const struct attempt *attempt, const struct solver_shortfall *shortfall,
                       const struct range *place)
{
    const struct solver_role *role = &attempt->roles[shortfall->role];
    uint64_t copies = 0;
    if (attempt->role_count == 1 || role->layer_count > 0) {
        return false;
    }
    for (uint32_t p = place->first; p < place->end && copies < shortfall->wanted; p++) {
        bool excluded = role->excluded != NULL && bitset_test(role->excluded, p);
        copies += excluded ? 0 : capacity_node(role->capacity, p);
    }
    return copies >= shortfall->wanted;
}

/* Whether all pods together ask for more of the resource than there is. */
static bool short_together(const struct attempt *attempt, const struct range *place,
                           uint32_t resource)
{
    __int128 asked = 0;
    for (uint32_t r = 0; r < attempt->role_count; r++) {
        asked +=
            (__int128)resources_get(attempt->roles[r].request, resource) * attempt->roles[r].count;
    }
    return asked > free_in(attempt->engine, place, resource);
}

/* Roles that only miss room together: a resource of which they ask for more than there is. */
static void name_together(const struct attempt *attempt, const struct solver_shortfall *shortfall,
                          const struct range *place, struct breakdown *breakdown)
{
    const struct resources *request = attempt->roles[shortfall->role].request;
    const struct names *words = nodes_words(attempt->engine->nodes);
    breakdown_name(breakdown, NAMES_NONE, NULL, 0);
    for (uint32_t i = 0; i < request->count; i++) {
        const char *text = names_text(words, resource_word(request->items[i].name));
        if (short_together(attempt, place, request->items[i].name) &&
            (breakdown->scarce == NULL || breakdown_before(text, breakdown->scarce))) {
            breakdown_name(breakdown, request->items[i].name, text,
                           resource_is_slot(request->items[i].name) ? 0 : request->items[i].amount);
        }
    }
}

/* What goes with the gang until its next reason. */
static void keep(const struct attempt *attempt, const struct solver_shortfall *shortfall,
                 uint32_t domain, const struct blocker *blocker, struct breakdown *breakdown)
{
    const struct domains *domains = attempt->engine->domains;
    struct gang *gang = attempt->gang;
    char text[GANG_REASON_MAX];
    if (domain != DOMAINS_NONE) {
        breakdown->place = alloc_string(domains_path(domains, domain, text, sizeof(text)));
    }
    if (blocker->gang != NULL) {
        utf8_print(text, sizeof(text), "%s/%s", blocker->gang->name_space, blocker->gang->name);
        breakdown->blocker = alloc_string(text);
    }
    breakdown->ordinary = blocker->ordinary;
    gang->short_levels = domains_levels(domains);
    gang->shortfall = *shortfall;
    gang_set_breakdown(gang, breakdown);
}

/* All members have nodes of their own, which are not together in what the gang asked for. */
static void explain_pins(const struct attempt *attempt, const struct solver_plan *plan)
{
    struct gang *gang = attempt->gang;
    char text[GANG_REASON_MAX];
    utf8_print(text, sizeof text,
               "gang %s/%s waits: the nodes that its pods name are not all in one %s",
               gang->name_space, gang->name,
               domains_level_name(attempt->engine->domains, plan->shortfall.level));
    if (gang_set_reason(gang, reason_short, text)) {
        engine_emit_waiting(attempt->engine, gang);
    }
}

/* The level by which its members keep apart, if there would be a plan did they not; or NULL. */
static const char *find_apart(const struct attempt *attempt,
                              const struct solver_shortfall *shortfall)
{
    uint32_t level = shortfall->limit > 0   ? attempt->ties.limits[shortfall->limit - 1].level
                     : shortfall->apart > 0 ? attempt->ties.aparts[shortfall->apart - 1].level
                                            : ties_level(attempt, shortfall->role);
    return shortfall->limited && level > 0 ? domains_level_name(attempt->engine->domains, level)
                                           : NULL;
}

/* The role that is short, where that is known: of members that are asked something of their own, or
 * whose role has a minimum. "" otherwise. */
static const char *role_of(const struct attempt *attempt, const struct solver_shortfall *shortfall)
{
    const char *role = NULL;
    if (shortfall->podset > 0) {
        return attempt->gang->podsets[attempt->podsets[shortfall->role]].first->role;
    }
    for (uint32_t i = 0; i < attempt->count && attempt->gang->minimums != NULL; i++) {
        const struct pod *pod = attempt->members[i];
        if (pod->shape != attempt->shapes[shortfall->role] ||
            pod->kind != attempt->kinds[shortfall->role] ||
            attempt_podset(attempt, pod) != attempt->podsets[shortfall->role]) {
            continue;
        }
        if (role != NULL && strcmp(role, pod->role) != 0) {
            return ""; /* of several */
        }
        role = pod->role;
    }
    return role == NULL ? "" : role;
}

/* What was found out about a shortfall. */
struct findings {
    struct range scope;
    struct breakdown breakdown;
    struct blocker blocker;
};

/* Finds out, and puts it into words. */
static void describe(const struct attempt *attempt, const struct solver_plan *plan, bool rest,
                     struct findings *findings, char text[GANG_REASON_MAX])
{
    const struct solver_shortfall *shortfall = &plan->shortfall;
    struct range place = place_of(attempt, shortfall);
    struct range scope = scope_of(attempt, shortfall, place);
    struct breakdown *breakdown = &findings->breakdown;
    *findings = (struct findings){
        .scope = scope,
        .breakdown = {.scarce_name = NAMES_NONE, .taken_name = NAMES_NONE},
    };
    if (scope.domain != DOMAINS_NONE) {
        break_down(attempt, shortfall, &scope, breakdown);
        if (fits_alone(attempt, shortfall, &place)) {
            name_together(attempt, shortfall, &place, breakdown);
        }
        bool scarce = breakdown->scarce_name != NAMES_NONE;
        findings->blocker = blockers_find(attempt, scope.domain,
                                          scarce ? breakdown->scarce_name : breakdown->taken_name);
    }
    const char *apart = find_apart(attempt, shortfall);
    if (apart != NULL) { /* nothing is short but domains */
        breakdown_name(breakdown, NAMES_NONE, NULL, 0);
    }
    uint32_t podset = attempt->podsets[shortfall->role];
    const struct reason_shortage shortage = {
        .gang = attempt->gang,
        .plan = plan,
        .domains = attempt->engine->domains,
        .nodes = attempt->engine->nodes,
        .role = &attempt->roles[shortfall->role],
        .rest = rest,
        .name = role_of(attempt, shortfall),
        .good_gpus = attempt->constraints.podsets[podset].good_gpus,
        .exclusive = attempt->constraints.exclusive,
        .breakdown = breakdown,
        .apart = apart,
        .widened = scope.domain == 0 && shortfall->level > 0,
        .blocker = findings->blocker.gang,
        .ordinary = findings->blocker.ordinary,
    };
    reason_shortfall(&shortage, text, GANG_REASON_MAX);
}

void explain_shortage(const struct attempt *attempt, const struct solver_plan *plan)
{
    struct findings findings;
    char text[GANG_REASON_MAX];
    if (attempt->role_count == 0) {
        explain_pins(attempt, plan);
        return;
    }
    describe(attempt, plan, false, &findings, text);
    if (gang_set_reason(attempt->gang, reason_short, text)) {
        engine_emit_waiting(attempt->engine, attempt->gang);
    }
    keep(attempt, &plan->shortfall, findings.scope.domain, &findings.blocker, &findings.breakdown);
}

void explain_rest(const struct attempt *attempt, const struct solver_plan *plan,
                  char text[GANG_REASON_MAX])
{
    struct findings findings;
    describe(attempt, plan, true, &findings, text);
    breakdown_finish(&findings.breakdown);
}
