// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/spread.h"

#include "topology/base/alloc.h"

/* Pods go one after the other to the domain that has the fewest and still has room; of equals to
 * the one with the most room, then to the first. A domain without room keeps its count, and how far
 * the others may go follows from it.
 */

struct share {
    uint32_t domain;
    uint64_t room;
    uint32_t there; /* members placed already */
    uint32_t count; /* to be placed */
};

struct cut {
    uint32_t role;
    uint32_t level;
    uint32_t limit;                        /* shares at most */
    uint32_t count;                        /* UINT32_MAX: too many */
    struct share shares[SOLVER_ROLES_MAX]; /* in order of the tree; behind them, who gets none */
};

/* What the domain takes of the role, without the nodes that it is kept away from. */
static uint64_t room_in(const struct attempt *attempt, uint32_t role, uint32_t index)
{
    const struct domain *domain = domains_get(attempt->engine->domains, index);
    const struct bitset *excluded = attempt->excluded[role];
    uint64_t room = capacity_domain(attempt->roles[role].capacity, index);
    for (uint32_t p = domain->first; p < domain->end && excluded != NULL; p++) {
        room -= bitset_test(excluded, p) ? capacity_node(attempt->roles[role].capacity, p) : 0;
    }
    return room;
}

/* The domains of the level that are known and have a node for such pods. */
static void list_domains(const struct attempt *attempt, uint32_t shape, struct cut *cut)
{
    const struct engine *engine = attempt->engine;
    const struct domains *domains = engine->domains;
    for (uint32_t p = 0; p < domains_positions(domains);) {
        uint32_t index = domains_at(domains, p, cut->level);
        const struct domain *domain = domains_get(domains, index);
        if (!domain->known || !shapes_admits(engine->shapes, shape, domains_row(domains, p))) {
            p++;
            continue;
        }
        if (cut->count == cut->limit) {
            cut->count = UINT32_MAX;
            return;
        }
        cut->shares[cut->count++] = (struct share){
            .domain = index,
            .room = room_in(attempt, cut->role, index),
        };
        p = domain->end;
    }
}

static void count_placed(const struct attempt *attempt, uint32_t shape, struct cut *cut)
{
    const struct domains *domains = attempt->engine->domains;
    for (uint32_t i = 0; i < attempt->gang->member_count; i++) {
        const struct pod *pod = attempt->gang->members[i];
        uint32_t position = pod->shape != shape || !pods_placed(pod) || pod->terminal ||
                                    (attempt->afresh && pods_held(pod))
                                ? DOMAINS_NONE
                                : domains_position(domains, pod->allocation_row);
        for (uint32_t k = 0; k < cut->count && position != DOMAINS_NONE; k++) {
            cut->shares[k].there +=
                domains_at(domains, position, cut->level) == cut->shares[k].domain;
        }
    }
}

/* The share that gets the next pod: the fewest, and room if any of the fewest has some. */
static struct share *find_next(struct cut *cut, const struct spread_object *spread)
{
    struct share *best = NULL;
    uint32_t fewest = UINT32_MAX;
    for (uint32_t k = 0; k < cut->count; k++) {
        uint32_t all = cut->shares[k].there + cut->shares[k].count;
        fewest = all < fewest ? all : fewest;
    }
    fewest = cut->count < (uint32_t)spread->min_domains ? 0 : fewest;
    for (uint32_t k = 0; k < cut->count; k++) {
        struct share *share = &cut->shares[k];
        uint32_t all = share->there + share->count;
        if (share->count >= share->room || all + 1 - fewest > (uint32_t)spread->max_skew) {
            continue;
        }
        if (best == NULL || all < best->there + best->count ||
            (all == best->there + best->count && share->room > best->room)) {
            best = share;
        }
    }
    return best;
}

/* All but the domain is excluded, all without one. */
static struct bitset *exclude_others(const struct attempt *attempt, const struct bitset *excluded,
                                     uint32_t index)
{
    const struct domains *domains = attempt->engine->domains;
    const struct domain *domain = index == DOMAINS_NONE ? NULL : domains_get(domains, index);
    uint32_t positions = domains_positions(domains);
    struct bitset *others = excluded == NULL ? bitset_create(positions) : bitset_copy(excluded);
    for (uint32_t p = 0; p < positions; p++) {
        if (domain == NULL || p < domain->first || p >= domain->end) {
            bitset_set(others, p);
        }
    }
    return others;
}

/* One role for each share that has pods; the first takes the place of the whole. */
static void cut_role(struct attempt *attempt, const struct cut *cut)
{
    struct solver_role whole = attempt->roles[cut->role];
    struct bitset *excluded = attempt->excluded[cut->role];
    uint32_t to = cut->role;
    for (uint32_t k = 0; k < cut->count; k++) {
        if (cut->shares[k].count == 0) {
            continue;
        }
        attempt->shapes[to] = attempt->shapes[cut->role];
        attempt->podsets[to] = attempt->podsets[cut->role];
        attempt->kinds[to] = attempt->kinds[cut->role];
        attempt->excluded[to] = exclude_others(attempt, excluded, cut->shares[k].domain);
        attempt->roles[to] = whole;
        attempt->roles[to].count = cut->shares[k].count;
        attempt->roles[to].excluded = attempt->excluded[to];
        attempt->role_count += to != cut->role;
        to = attempt->role_count;
    }
    bitset_destroy(excluded);
}

void spread_roles(struct attempt *attempt)
{
    const struct engine *engine = attempt->engine;
    uint32_t made = attempt->role_count;
    for (uint32_t r = 0; r < made; r++) {
        struct spread_object spread = shapes_spread(engine->shapes, attempt->shapes[r]);
        int level = spread.key == NULL ? -1 : domains_level_find(engine->domains, spread.key);
        bool inner = level > 0 && (uint32_t)level + 1 < domains_levels(engine->domains);
        if (!inner || attempt->roles[r].layer_count > 0) {
            continue;
        }
        struct cut cut = {
            .role = r, .level = (uint32_t)level, .limit = SOLVER_ROLES_MAX - attempt->role_count};
        list_domains(attempt, attempt->shapes[r], &cut);
        if (cut.count == 0 || cut.count == UINT32_MAX) {
            continue;
        }
        count_placed(attempt, attempt->shapes[r], &cut);
        for (uint32_t left = attempt->roles[r].count; left > 0; left--) {
            struct share *next = find_next(&cut, &spread);
            if (next == NULL) { /* the solver finds that they do not fit */
                cut.shares[cut.count++] = (struct share){.domain = DOMAINS_NONE, .count = left};
                break;
            }
            next->count++;
        }
        cut_role(attempt, &cut);
        attempt->spread = true;
    }
}

/* Members of the shape that are dealt before the role's own one of a turn. */
static uint32_t count_before(const struct attempt *attempt, uint32_t role, uint32_t turn)
{
    uint32_t before = 0;
    for (uint32_t r = 0; r < attempt->role_count; r++) {
        bool same = attempt->shapes[r] == attempt->shapes[role] &&
                    attempt->podsets[r] == attempt->podsets[role] &&
                    attempt->kinds[r] == attempt->kinds[role];
        uint32_t count = same ? attempt->roles[r].count : 0;
        uint32_t turns = turn + (r < role);
        before += count < turns ? count : turns;
    }
    return before;
}

bool spread_part(const struct attempt *attempt, uint32_t role, uint32_t nth)
{
    if (!attempt->spread) {
        return true;
    }
    uint32_t low = 0, high = attempt->roles[role].count - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (count_before(attempt, role, middle) < nth) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return count_before(attempt, role, low) == nth;
}
