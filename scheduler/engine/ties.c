// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/ties.h"

#include <stdlib.h>
#include <string.h>

#include "scheduler/engine/affinity.h"
#include "topology/base/alloc.h"
#include "topology/base/names.h"
#include "topology/base/utf8.h"

/* Kinds that keep apart are a graph for each key. Cliques of kinds that also keep apart from
 * themselves become limits, which the solver knows best; what is left of a kind's edges becomes one
 * pair of sets.
 *
 * Two pods of a node that exclude each other by one and the same term of the hostname do so by
 * their claims as well (claim_object), and need no limit.
 *
 * Affinity to members that may stand in several domains cannot be said exactly: all go to one
 * domain, `more` than has to be. Where that fails the attempt is made without ties (`loose`), and
 * its plan is looked at.
 */

#define LEFT_QUOTE_MAX  100
#define CREWS_MAX       64 /* in a plan that is looked at; more are not */
#define RULES_LOOKED_AT 64 /* of a gang, by ties_left() */
#define HOSTNAME_KEY    "kubernetes.io/hostname"

/* The level of the tree that a key means to members; 0: none. *vain tells that no node has it:
 * there is no domain of it, and nothing to share. */
static uint32_t level_of(const struct engine *engine, uint32_t key, bool *vain)
{
    const char *text = names_text(nodes_words(engine->nodes), key);
    uint32_t host = domains_levels(engine->domains) - 1;
    struct bitset *lacking = NULL;
    *vain = false;
    if (strcmp(text, HOSTNAME_KEY) == 0) {
        return host;
    }
    int level = domains_level_find(engine->domains, text);
    *vain = level == -2;
    if (level <= 0 || (uint32_t)level >= host) {
        return level > 0 ? host : 0;
    }
    bool exact = domains_named_key(engine->domains, text, &lacking);
    bitset_destroy(lacking);
    return exact ? (uint32_t)level : 0;
}

/* Whether the known domains of the level are just those of the key: nodes share the one where they
 * share the other. */
static bool is_mirrored(const struct attempt *attempt, uint32_t key, uint32_t level)
{
    const struct domains *domains = attempt->engine->domains;
    uint32_t host = domains_levels(domains) - 1;
    uint32_t *values = level == host ? NULL : alloc_zero(domains_count(domains), sizeof *values);
    struct bitset *seen =
        level == host ? NULL : bitset_create(names_bound(nodes_words(attempt->engine->nodes)));
    bool mirrored = true;
    for (uint32_t p = 0; p < domains_positions(domains) && level < host; p++) {
        uint32_t value = affinity_value(attempt, domains_row(domains, p), key);
        uint32_t domain = domains_at(domains, p, level);
        bool known = domains_get(domains, domain)->known;
        if (known != (value != NAMES_NONE)) {
            mirrored = false;
        } else if (known && values[domain] == 0) { /* its first node */
            mirrored = mirrored && !bitset_test(seen, value);
            values[domain] = value + 1;
            bitset_set(seen, value);
        } else if (known) {
            mirrored = mirrored && values[domain] == value + 1;
        }
    }
    engine_charge(attempt->engine, domains_positions(domains));
    bitset_destroy(seen);
    free(values);
    return mirrored;
}

/* ---- who keeps apart ---- */

static struct affinity_edges *edges_of(struct affinity *affinity, uint32_t key)
{
    for (uint32_t i = 0; i < affinity->edge_count; i++) {
        if (affinity->edges[i].key == key) {
            return &affinity->edges[i];
        }
    }
    if (affinity->edge_count == AFFINITY_KEYS_MAX) {
        affinity->cut = true;
        return NULL;
    }
    affinity->edges[affinity->edge_count].key = key;
    return &affinity->edges[affinity->edge_count++];
}

/* Members that have the rule keep apart from those that it selects; with keys that are `levels`,
 * or the others. */
static void add_edges(const struct attempt *attempt, struct affinity *affinity, uint32_t r,
                      uint32_t kind, bool levels)
{
    const struct rule *rule = affinity->rules[r];
    bool vain;
    uint32_t level = level_of(attempt->engine, rule->keys[0], &vain);
    bool host = level + 1 == domains_levels(attempt->engine->domains);
    for (uint32_t k = 0; k < affinity->kind_count && !vain && levels == (level > 0); k++) {
        bool claimed = host && rule->claimed && affinity_claims(affinity, k, r) &&
                       affinity_claims(affinity, kind, r);
        struct affinity_edges *edges =
            claimed || !affinity_selects(affinity, r, k) ? NULL : edges_of(affinity, rule->keys[0]);
        if (edges != NULL) {
            if (level > 0 && edges->level == 0) {
                edges->exact = is_mirrored(attempt, rule->keys[0], level);
            }
            edges->level = level;
            edges->with[kind] |= 1u << k;
            edges->with[k] |= 1u << kind;
        }
    }
}

static bool is_rule_mirrored(const struct attempt *attempt, const struct rule *rule)
{
    bool mirrored = true;
    for (uint32_t k = 0; k < rule->key_count; k++) {
        bool vain;
        uint32_t level = level_of(attempt->engine, rule->keys[k], &vain);
        mirrored = mirrored && (level == 0 || is_mirrored(attempt, rule->keys[k], level));
    }
    return mirrored;
}

void ties_find(struct attempt *attempt)
{
    struct affinity *affinity = attempt->affinity;
    for (uint32_t k = 0; affinity != NULL && k < affinity->kind_count; k++) {
        struct affinity_kind *kind = &affinity->kinds[k];
        kind->exact = true;
        if (kind->together != AFFINITY_NONE && !kind->met) {
            kind->exact = is_rule_mirrored(attempt, affinity->rules[kind->together]);
        }
    }
    /* Levels, of which there are few, first: other keys may be many. */
    for (int turn = 0; turn < 2 && affinity != NULL; turn++) {
        for (uint32_t k = 0; k < affinity->kind_count; k++) {
            for (uint32_t r = 0; r < affinity->rule_count; r++) {
                if (affinity->rules[r]->apart && affinity_has(affinity, k, r)) {
                    add_edges(attempt, affinity, r, k, turn == 0);
                }
            }
        }
    }
}

/* ---- limits, and sets that stand apart ---- */

static uint32_t roles_of(const struct attempt *attempt, uint32_t kinds)
{
    uint32_t roles = 0;
    for (uint32_t r = 0; r < attempt->role_count; r++) {
        roles |= (kinds >> attempt->kinds[r] & 1) != 0 ? 1u << r : 0;
    }
    return roles;
}

static void add_limit(struct attempt *attempt, uint32_t level, uint32_t kinds)
{
    struct ties *ties = &attempt->ties;
    if (ties->limit_count == SOLVER_LIMITS_MAX) {
        ties->less = true;
        return;
    }
    ties->limits[ties->limit_count++] = (struct solver_limit){
        .level = level,
        .most = 1,
        .roles = roles_of(attempt, kinds),
    };
}

static void add_apart(struct attempt *attempt, uint32_t level, uint32_t kind, uint32_t others)
{
    struct ties *ties = &attempt->ties;
    if (ties->apart_count == SOLVER_APARTS_MAX) {
        ties->less = true;
        return;
    }
    ties->aparts[ties->apart_count++] = (struct solver_apart){
        .level = level,
        .roles = {roles_of(attempt, 1u << kind), roles_of(attempt, others)},
    };
}

/* `present`: the kinds that have roles. */
static void keep_apart(struct attempt *attempt, const struct affinity_edges *edges,
                       uint32_t present)
{
    uint32_t left[AFFINITY_KINDS_MAX];
    for (uint32_t k = 0; k < AFFINITY_KINDS_MAX; k++) {
        left[k] = (present >> k & 1) != 0 ? edges->with[k] & present : 0;
    }
    for (uint32_t k = 0; k < AFFINITY_KINDS_MAX; k++) {
        uint32_t clique = 1u << k;
        if ((left[k] & clique) == 0) {
            continue;
        }
        for (uint32_t other = k + 1; other < AFFINITY_KINDS_MAX; other++) {
            uint32_t with = clique | 1u << other;
            if ((left[other] & with) == with && (left[k] >> other & 1) != 0) {
                clique = with;
            }
        }
        add_limit(attempt, edges->level, clique);
        for (uint32_t other = 0; other < AFFINITY_KINDS_MAX; other++) {
            left[other] &= (clique >> other & 1) != 0 ? ~clique : UINT32_MAX;
        }
    }
    for (uint32_t k = 0; k < AFFINITY_KINDS_MAX; k++) {
        if (left[k] != 0) {
            add_apart(attempt, edges->level, k, left[k]);
        }
        for (uint32_t other = k + 1; other < AFFINITY_KINDS_MAX && left[k] != 0; other++) {
            left[other] &= ~(1u << k);
        }
    }
}

/* ---- affinity ---- */

static uint32_t narrower(uint32_t a, uint32_t b)
{
    return a == SOLVER_LEVEL_NONE ? b : b == SOLVER_LEVEL_NONE ? a : a > b ? a : b;
}

/* Nobody is there whom they require, and nobody will be. */
static void exclude_roles(struct attempt *attempt, uint32_t roles)
{
    uint32_t positions = domains_positions(attempt->engine->domains);
    attempt->ties.vain = roles;
    for (uint32_t r = 0; r < attempt->role_count; r++) {
        if ((roles >> r & 1) == 0) {
            continue;
        }
        if (attempt->excluded[r] == NULL) {
            attempt->excluded[r] = bitset_create(positions);
        }
        for (uint32_t p = 0; p < positions; p++) {
            bitset_set(attempt->excluded[r], p);
        }
        attempt->roles[r].excluded = attempt->excluded[r];
    }
}

/* The roles share a domain of the level. Of the podsets that they are in one remains. */
static void tie(struct attempt *attempt, uint32_t roles, uint32_t level)
{
    struct ties *ties = &attempt->ties;
    uint32_t all = attempt->role_count == 32 ? UINT32_MAX : (1u << attempt->role_count) - 1;
    uint32_t kept = 0, joined = 0;
    if (roles == all && ties->podset_count == 0 && attempt->pinned_count == 0 &&
        attempt->own_count == 0) {
        ties->required_level = narrower(ties->required_level, level);
        return;
    }
    for (uint32_t r = 0; r < attempt->role_count; r++) {
        uint32_t podset = (roles >> r & 1) != 0 ? attempt->roles[r].podset : 0;
        bool pinned = podset > 0 && ties->podsets[podset - 1].pinned_count > 0;
        joined |= podset > 0 ? 1u << (podset - 1) : 0;
        kept = podset > 0 && (kept == 0 || pinned) ? podset : kept;
    }
    if (kept == 0 && ties->podset_count == SOLVER_PODSETS_MAX) {
        ties->less = true;
        return;
    }
    if (kept == 0) {
        ties->podsets[ties->podset_count++] = (struct solver_podset){.level = level};
        kept = ties->podset_count;
    }
    struct solver_podset *podset = &ties->podsets[kept - 1];
    for (uint32_t r = 0; r < attempt->role_count; r++) {
        uint32_t before = attempt->roles[r].podset;
        bool with = before > 0 && (joined >> (before - 1) & 1) != 0;
        ties->more = ties->more || (with && (roles >> r & 1) == 0);
        if (with || (roles >> r & 1) != 0) {
            ties->more = ties->more || (with && before != kept);
            podset->level = with && ties->podsets[before - 1].level > podset->level
                                ? ties->podsets[before - 1].level
                                : podset->level;
            attempt->roles[r].podset = kept;
        }
    }
    ties->more = ties->more || (podset->level > level && joined != 0);
    podset->level = podset->level > level ? podset->level : level;
}

/* The narrowest level of its keys: who shares a domain of that shares the wider ones, too. */
static uint32_t level_of_rule(const struct attempt *attempt, const struct rule *rule, bool *left)
{
    uint32_t narrowest = 0;
    *left = false;
    for (uint32_t k = 0; k < rule->key_count; k++) {
        bool vain;
        uint32_t level = level_of(attempt->engine, rule->keys[k], &vain);
        *left = *left || (level == 0 && !vain);
        narrowest = level > narrowest ? level : narrowest;
    }
    return narrowest;
}

/* Roles of which a pod can be bound at all: somebody it requires can be bound before it, or it
 * needs nobody, or may be the first of those that select themselves. */
static uint32_t find_startable(const struct attempt *attempt)
{
    const struct affinity *affinity = attempt->affinity;
    uint32_t startable = 0, before;
    do {
        before = startable;
        for (uint32_t role = 0; role < attempt->role_count; role++) {
            const struct affinity_kind *kind = &affinity->kinds[attempt->kinds[role]];
            bool can = kind->together == AFFINITY_NONE || kind->met ||
                       affinity_selects(affinity, kind->together, attempt->kinds[role]);
            for (uint32_t other = 0; other < attempt->role_count && !can; other++) {
                can = (startable >> other & 1) != 0 &&
                      affinity_selects(affinity, kind->together, attempt->kinds[other]);
            }
            startable |= can ? 1u << role : 0;
        }
    } while (startable != before);
    return startable;
}

static uint32_t lowest_bit(uint32_t bits)
{
    return (uint32_t)__builtin_ctz(bits);
}

static void bring_together(struct attempt *attempt, uint32_t r, uint32_t startable)
{
    const struct affinity *affinity = attempt->affinity;
    struct ties *ties = &attempt->ties;
    uint32_t having = 0, selves = 0, others = 0, joins = 0, smallest = SOLVER_ROLES_MAX;
    bool left;
    for (uint32_t role = 0; role < attempt->role_count; role++) {
        const struct affinity_kind *kind = &affinity->kinds[attempt->kinds[role]];
        bool has = kind->together == r && !kind->met;
        bool selected =
            (startable >> role & 1) != 0 && affinity_selects(affinity, r, attempt->kinds[role]);
        having |= has ? 1u << role : 0;
        selves |= has && selected ? 1u << role : 0;
        others |= !has && selected ? 1u << role : 0;
        joins |= kind->together == r && kind->met ? 1u << role : 0;
        if (!has && selected &&
            (smallest == SOLVER_ROLES_MAX ||
             attempt->roles[role].count < attempt->roles[smallest].count)) {
            smallest = role;
        }
    }
    ties->more = ties->more || (joins != 0 && (others & ~joins) != 0);
    if (having == 0) {
        return;
    }
    if (selves == 0 && others == 0) {
        return; /* none of them is startable */
    }
    uint32_t level = level_of_rule(attempt, affinity->rules[r], &left);
    bool exact = affinity->kinds[attempt->kinds[lowest_bit(having)]].exact;
    ties->less = ties->less || left || !exact;
    ties->more = ties->more || !exact;
    if (level == 0 || attempt->loose) {
        return;
    }
    if (smallest < SOLVER_ROLES_MAX) {
        bool single = others == 1u << smallest && attempt->roles[smallest].count == 1;
        ties->more = ties->more || !single || selves != 0;
        having |= 1u << smallest;
    }
    tie(attempt, having, level);
}

void ties_make(struct attempt *attempt)
{
    const struct affinity *affinity = attempt->affinity;
    struct ties *ties = &attempt->ties;
    uint32_t present = 0;
    *ties = (struct ties){.required_level = attempt->constraints.required_level};
    ties->podset_count = attempt->constraints.together_count;
    memcpy(ties->podsets, attempt->constraints.together, sizeof ties->podsets);
    if (affinity == NULL) {
        return;
    }
    for (uint32_t r = 0; r < attempt->role_count; r++) {
        present |= 1u << attempt->kinds[r];
    }
    ties->less = affinity->cut;
    for (uint32_t i = 0; i < affinity->edge_count; i++) {
        if (affinity->edges[i].level > 0) {
            ties->less = ties->less || !affinity->edges[i].exact;
            keep_apart(attempt, &affinity->edges[i], present);
        }
    }
    uint32_t startable = find_startable(attempt);
    exclude_roles(attempt, ~startable);
    for (uint32_t r = 0; r < affinity->rule_count; r++) {
        if (!affinity->rules[r]->apart) {
            bring_together(attempt, r, startable);
        }
    }
}

uint32_t ties_level(const struct attempt *attempt, uint32_t role)
{
    const struct ties *ties = &attempt->ties;
    for (uint32_t i = 0; i < ties->limit_count; i++) {
        if ((ties->limits[i].roles >> role & 1) != 0) {
            return ties->limits[i].level;
        }
    }
    for (uint32_t i = 0; i < ties->apart_count; i++) {
        if (((ties->aparts[i].roles[0] | ties->aparts[i].roles[1]) >> role & 1) != 0) {
            return ties->aparts[i].level;
        }
    }
    return 0;
}

/* ---- looking at a plan ---- */

/* Members of one kind on one row. */
struct crew {
    uint32_t kind;
    uint32_t row;
    bool bound;
};

/* The members, of one kind and row each once; *new*. */
static struct crew *list_crews(const struct attempt *attempt, uint32_t first, uint32_t count,
                               const uint32_t *rows, uint32_t *found)
{
    struct crew *crews = alloc_zero(count, sizeof *crews);
    *found = 0;
    for (uint32_t i = 0; i < count && *found <= CREWS_MAX; i++) {
        uint32_t kind = attempt->members[first + i]->kind, c = 0;
        while (c < *found && (crews[c].kind != kind || crews[c].row != rows[i])) {
            c++;
        }
        if (c == *found) {
            crews[(*found)++] = (struct crew){.kind = kind, .row = rows[i]};
        }
    }
    return crews;
}

/* Whether one that is bound already is in a domain of the key; `row`: in that of the row. */
static bool is_beside(const struct attempt *attempt, uint32_t r, uint32_t key, uint32_t row,
                      const struct crew *crews, uint32_t count)
{
    uint32_t own = row == NAMES_NONE ? NAMES_NONE : affinity_value(attempt, row, key);
    bool beside = false;
    for (uint32_t c = 0; c < count && !beside; c++) {
        uint32_t value = crews[c].bound && affinity_selects(attempt->affinity, r, crews[c].kind)
                             ? affinity_value(attempt, crews[c].row, key)
                             : NAMES_NONE;
        beside = value != NAMES_NONE && (row == NAMES_NONE || value == own);
    }
    return beside;
}

/* Whether one of the crew may be bound next, `alone`: as the first of those that select themselves,
 * or else for those that are bound, or stand. */
static bool may_be_next(const struct attempt *attempt, const struct crew *crew, bool alone,
                        const struct crew *crews, uint32_t count)
{
    const struct affinity *affinity = attempt->affinity;
    const struct affinity_kind *kind = &affinity->kinds[crew->kind];
    uint32_t r = kind->together;
    uint32_t position = domains_position(attempt->engine->domains, crew->row);
    if (r == AFFINITY_NONE ||
        (kind->met && (kind->outside == NULL || !bitset_test(kind->outside, position)))) {
        return !alone;
    }
    const struct rule *rule = affinity->rules[r];
    bool may = !alone || (!kind->met && affinity_selects(affinity, r, crew->kind));
    for (uint32_t k = 0; k < rule->key_count && may; k++) {
        may = is_beside(attempt, r, rule->keys[k], alone ? NAMES_NONE : crew->row, crews, count) !=
              alone;
    }
    return may;
}

/* Whether all can be bound one by one, those first that may be the first of their own, or last. */
static bool can_be_bound(const struct attempt *attempt, struct crew *crews, uint32_t count,
                         bool alone_first)
{
    bool more = true;
    uint32_t bound = 0;
    for (uint32_t c = 0; c < count; c++) {
        crews[c].bound = false;
    }
    while (more) {
        more = false;
        for (int turn = 0; turn < 2 && !more; turn++) {
            for (uint32_t c = 0; c < count && !more; c++) {
                more = !crews[c].bound &&
                       may_be_next(attempt, &crews[c], (turn == 0) == alone_first, crews, count);
                crews[c].bound = crews[c].bound || more;
                bound += more;
            }
        }
    }
    return bound == count;
}

bool ties_kept(const struct attempt *attempt, uint32_t first, uint32_t count,
               const struct solver_plan *plan)
{
    uint32_t *rows = alloc_zero(count, sizeof *rows);
    uint32_t found;
    attempt_deal(attempt, first, count, plan, rows);
    struct crew *crews = list_crews(attempt, first, count, rows, &found);
    bool kept = found <= CREWS_MAX && (can_be_bound(attempt, crews, found, true) ||
                                       can_be_bound(attempt, crews, found, false));
    engine_charge(attempt->engine, (uint64_t)found * found * found);
    free(crews);
    free(rows);
    return kept;
}

/* ---- what is left to kube-scheduler ---- */

static bool selects_a_member(const struct rule *rule, const struct gang *gang)
{
    bool selects = false;
    for (uint32_t i = 0; i < gang->member_count && !selects; i++) {
        selects = peers_selects(rule, &gang->members[i]->peer);
    }
    return selects;
}

/* The first key of the rule that is no level, or NAMES_NONE. */
static uint32_t find_left(const struct engine *engine, const struct rule *rule)
{
    bool vain;
    for (uint32_t k = 0; k < rule->key_count; k++) {
        if (level_of(engine, rule->keys[k], &vain) == 0 && !vain) {
            return rule->keys[k];
        }
    }
    return NAMES_NONE;
}

const char *ties_left(const struct engine *engine, const struct gang *gang, char *text, size_t size)
{
    const struct rule *before = NULL;
    uint32_t looked_at = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < gang->member_count && looked_at < RULES_LOOKED_AT; i++) {
        const struct peer *peer = &gang->members[i]->peer;
        for (uint32_t r = 0; r < peer->rule_count; r++) {
            const struct rule *rule = peer->rules[r];
            uint32_t key = rule == before ? NAMES_NONE : find_left(engine, rule);
            looked_at += rule != before;
            if (key != NAMES_NONE && selects_a_member(rule, gang)) {
                utf8_print(text, size,
                           "pod %s among its own pods by \"%.*s\" is left to kube-scheduler: it is "
                           "no level of the topology",
                           rule->apart ? "anti-affinity" : "affinity", LEFT_QUOTE_MAX,
                           names_text(nodes_words(engine->nodes), key));
                return text;
            }
            before = rule;
        }
    }
    return text;
}
