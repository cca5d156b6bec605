// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "test/property/oracle.h"
#include "topology/base/alloc.h"
#include "topology/base/err.h"

/* Several roles, by trying every assignment of pods to nodes: node after node in position order,
 * every number of pods of every role that fits there.
 *
 *   f(position, pods left, depth, open) = least cost of the rest
 *
 *   depth   how many levels of the path to the last node have been counted as touched
 *   open    pods so far in the domain that is open, for every slice layer of every role
 *   limited the same for every limit;   sides  which of two sets that stand apart have some there
 *
 * That is all the rest can depend on, so an equal state is looked up and not searched again: the
 * only pruning. Costs are touched domains by level, widest in the highest bits, and just add up. */

#define NODES_LIMIT 12
#define PODS_LIMIT  15
#define OPEN_LIMIT  (ORACLE_ROLES_MAX * SOLVER_LAYERS_MAX)
#define NO_PLAN     UINT32_MAX
#define MEMO_SIZE   (1u << 16) /* at first; a power of two */

struct state {
    uint8_t position;
    uint8_t depth;
    uint8_t left[ORACLE_ROLES_MAX];
    uint8_t open[OPEN_LIMIT];
    uint8_t limited[ORACLE_LIMITS_MAX];
    uint8_t sides[ORACLE_APARTS_MAX]; /* bit per side */
};

struct entry {
    struct state state;
    bool used;
    uint32_t cost;
};

struct search {
    const struct oracle_instance *instance;
    uint32_t pinned;                  /* positions as bits */
    uint32_t first[ORACLE_ROLES_MAX]; /* the domain that the role has to be in */
    uint32_t end[ORACLE_ROLES_MAX];
    struct entry *memo;
    size_t room;
    size_t entries;
};

static struct entry *memo_find(const struct search *search, const struct state *state)
{
    uint64_t hash = 1469598103934665603u; /* FNV-1a */
    for (size_t i = 0; i < sizeof *state; i++) {
        hash = (hash ^ ((const unsigned char *)state)[i]) * 1099511628211u;
    }
    size_t slot = (hash ^ hash >> 32) & (search->room - 1);
    while (search->memo[slot].used &&
           memcmp(&search->memo[slot].state, state, sizeof *state) != 0) {
        slot = (slot + 1) & (search->room - 1);
    }
    return &search->memo[slot];
}

static void memo_put(struct search *search, const struct state *state, uint32_t cost)
{
    if (search->entries * 2 >= search->room) {
        struct entry *old = search->memo;
        size_t count = search->room;
        search->room *= 2;
        search->memo = alloc_zero(search->room, sizeof *search->memo);
        for (size_t i = 0; i < count; i++) {
            if (old[i].used) {
                *memo_find(search, &old[i].state) = old[i];
            }
        }
        free(old);
    }
    *memo_find(search, state) = (struct entry){*state, true, cost};
    search->entries++;
}

/* The widest level at which the path to `position` differs from the one before it. */
static uint32_t parting(const struct oracle_instance *instance, uint32_t position)
{
    if (position == 0 || position == instance->positions) {
        return 0;
    }
    uint32_t level = 0;
    while (instance->place[position][level] == instance->place[position - 1][level]) {
        level++;
    }
    return level;
}

/* Closes what ends before the state's position: open slices must be complete. */
static bool close_domains(const struct oracle_instance *instance, struct state *state)
{
    uint32_t level = parting(instance, state->position);
    if (state->depth > level) {
        state->depth = (uint8_t)level;
    }
    for (uint32_t r = 0; r < instance->problem.role_count && state->position > 0; r++) {
        const struct solver_role *role = &instance->roles[r];
        for (uint32_t i = 0; i < role->layer_count; i++) {
            uint8_t *open = &state->open[r * SOLVER_LAYERS_MAX + i];
            uint32_t at = role->layers[i].level;
            if (at < level) {
                continue;
            }
            uint32_t place = instance->place[state->position - 1][at];
            uint32_t started = oracle_started(role, i, place);
            if (*open < started || (*open - started) % role->layers[i].size != 0 ||
                (*open > started && !oracle_known(instance, at, place))) {
                return false;
            }
            *open = 0;
        }
    }
    for (uint32_t i = 0; i < instance->problem.limit_count; i++) {
        state->limited[i] = instance->limits[i].level >= level ? 0 : state->limited[i];
    }
    for (uint32_t i = 0; i < instance->problem.apart_count; i++) {
        state->sides[i] = instance->aparts[i].level >= level ? 0 : state->sides[i];
    }
    return true;
}

/* One pod more of the role on the state's position; false: limits are against it. */
static bool let_in(const struct oracle_instance *instance, struct state *state, uint32_t r)
{
    for (uint32_t i = 0; i < instance->problem.limit_count; i++) {
        const struct solver_limit *limit = &instance->limits[i];
        uint32_t place = instance->place[state->position][limit->level];
        uint32_t room = oracle_limit_room(instance, limit, place);
        if ((limit->roles >> r & 1) != 0 && room != UINT32_MAX && ++state->limited[i] > room) {
            return false;
        }
    }
    for (uint32_t i = 0; i < instance->problem.apart_count; i++) {
        const struct solver_apart *apart = &instance->aparts[i];
        uint32_t place = instance->place[state->position][apart->level];
        for (uint32_t side = 0; side < 2; side++) {
            if ((apart->roles[side] >> r & 1) == 0 ||
                !oracle_known(instance, apart->level, place)) {
                continue;
            }
            state->sides[i] |= (uint8_t)(1u << side);
            if (state->sides[i] == 3 || oracle_apart_taken(instance, apart, 1 - side, place)) {
                return false;
            }
        }
    }
    return true;
}

static uint32_t rest(struct search *search, struct state state);

/* Puts every number of pods of role after role on the state's position; `sum` is what they take. */
static uint32_t put(struct search *search, const struct state *state, uint32_t r, bool touched,
                    const struct resources *sum)
{
    const struct oracle_instance *instance = search->instance;
    uint32_t p = state->position;
    if (r >= instance->problem.role_count || r >= ORACLE_ROLES_MAX) {
        struct state next = *state;
        uint32_t cost = 0;
        if (touched) {
            for (uint32_t l = next.depth; l < instance->levels; l++) {
                cost += UINT32_C(1) << 4 * (instance->levels - 1 - l);
            }
            next.depth = (uint8_t)instance->levels;
        }
        next.position++;
        uint32_t more = rest(search, next);
        return more == NO_PLAN ? NO_PLAN : cost + more;
    }
    uint32_t best = put(search, state, r + 1, touched, sum);
    uint32_t allowed = oracle_allowed(instance, r, p);
    bool outside = p < search->first[r] || p >= search->end[r];
    struct state next = *state;
    struct resources taken;
    resources_init(&taken);
    resources_copy(&taken, sum);
    for (uint32_t n = 1; n <= allowed && n <= state->left[r] && !outside; n++) {
        if (!let_in(instance, &next, r)) {
            break;
        }
        next.left[r]--;
        for (uint32_t i = 0; i < instance->roles[r].layer_count; i++) {
            next.open[r * SOLVER_LAYERS_MAX + i]++;
        }
        if (instance->free != NULL) {
            resources_add(&taken, instance->roles[r].request);
            if (!resources_fit(&taken, &instance->free[p])) {
                break;
            }
        }
        uint32_t cost = put(search, &next, r + 1, true, &taken);
        best = cost < best ? cost : best;
    }
    resources_finish(&taken);
    return best;
}

static uint32_t rest(struct search *search, struct state state)
{
    const struct oracle_instance *instance = search->instance;
    if (!close_domains(instance, &state)) {
        return NO_PLAN;
    }
    if (state.position == instance->positions) {
        for (uint32_t r = 0; r < instance->problem.role_count; r++) {
            if (state.left[r] > 0) {
                return NO_PLAN;
            }
        }
        return 0;
    }
    const struct entry *entry = memo_find(search, &state);
    if (entry->used) {
        return entry->cost;
    }
    struct resources none;
    resources_init(&none);
    bool touched = (search->pinned >> state.position & 1) != 0;
    uint32_t cost = put(search, &state, 0, touched, &none);
    resources_finish(&none);
    memo_put(search, &state, cost);
    return cost;
}

/* Positions [first, end). */
struct range {
    uint32_t first;
    uint32_t end;
};

static bool holds_all(struct range range, const uint32_t *pinned, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (pinned[i] < range.first || pinned[i] >= range.end) {
            return false;
        }
    }
    return true;
}

/* All pods of a role in its range. */
static uint32_t search_within(const struct oracle_instance *instance, const struct range *ranges)
{
    struct search search = {.instance = instance, .room = MEMO_SIZE};
    struct state state;
    memset(&state, 0, sizeof state);
    for (uint32_t i = 0; i < instance->problem.pinned_count; i++) {
        search.pinned |= UINT32_C(1) << instance->pinned[i];
    }
    uint32_t pods = 0;
    for (uint32_t r = 0; r < instance->problem.role_count; r++) {
        state.left[r] = (uint8_t)instance->roles[r].count;
        pods += instance->roles[r].count;
        search.first[r] = ranges[r].first;
        search.end[r] = ranges[r].end;
    }
    err_require(pods <= PODS_LIMIT && instance->positions <= NODES_LIMIT);
    search.memo = alloc_zero(search.room, sizeof *search.memo);
    uint32_t cost = rest(&search, state);
    free(search.memo);
    return cost;
}

/* The domain of the level that begins at `first`. */
static struct range range_at(const struct oracle_instance *instance, uint32_t level, uint32_t first)
{
    struct range range = {first, first + 1};
    while (range.end < instance->positions &&
           instance->place[range.end][level] == instance->place[first][level]) {
        range.end++;
    }
    return range;
}

static struct range common(struct range a, struct range b)
{
    struct range both = {a.first > b.first ? a.first : b.first, a.end < b.end ? a.end : b.end};
    return both;
}

/* Podsets from `u` on, each in every known domain of its level with all its bound members. */
static uint32_t search_podsets(const struct oracle_instance *instance, uint32_t u,
                               const struct range *ranges)
{
    if (u == instance->problem.podset_count) {
        return search_within(instance, ranges);
    }
    const struct solver_podset *podset = &instance->problem.podsets[u];
    uint32_t best = NO_PLAN;
    struct range range = {0, 0};
    bool any = false;
    for (uint32_t r = 0; r < instance->problem.role_count; r++) {
        any = any || instance->roles[r].podset == u + 1;
    }
    if (!any) { /* all of it is bound */
        return search_podsets(instance, u + 1, ranges);
    }
    for (uint32_t p = 0; p < instance->positions; p = range.end) {
        struct range kept[ORACLE_ROLES_MAX] = {{0, 0}};
        range = range_at(instance, podset->level, p);
        if (!oracle_known(instance, podset->level, instance->place[p][podset->level]) ||
            !holds_all(range, podset->pinned, podset->pinned_count)) {
            continue;
        }
        for (uint32_t r = 0; r < instance->problem.role_count; r++) {
            kept[r] = instance->roles[r].podset == u + 1 ? common(ranges[r], range) : ranges[r];
        }
        uint32_t cost = search_podsets(instance, u + 1, kept);
        best = cost < best ? cost : best;
    }
    return best;
}

void oracle_assignments(const struct oracle_instance *instance, struct oracle_answer *answer)
{
    uint32_t required = instance->problem.required_level;
    required = required == SOLVER_LEVEL_NONE ? 0 : required;
    uint32_t best = NO_PLAN;
    struct range range = {0, 0};
    for (uint32_t p = 0; p < instance->positions; p = range.end) {
        struct range ranges[ORACLE_ROLES_MAX] = {{0, 0}};
        range = range_at(instance, required, p);
        for (uint32_t r = 0; r < instance->problem.role_count; r++) {
            ranges[r] = range;
        }
        if (oracle_known(instance, required, instance->place[p][required]) &&
            holds_all(range, instance->pinned, instance->problem.pinned_count)) {
            uint32_t cost = search_podsets(instance, 0, ranges);
            best = cost < best ? cost : best;
        }
    }
    *answer = (struct oracle_answer){.proven = true, .feasible = best != NO_PLAN};
    for (uint32_t l = 0; l < instance->levels && answer->feasible; l++) {
        answer->used[l] = best >> 4 * (instance->levels - 1 - l) & 15;
    }
}
