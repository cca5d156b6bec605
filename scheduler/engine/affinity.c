// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/affinity.h"

#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"

/* A gang's members are many and mostly alike, so the rules are matched with each of them once, and
 * all else is done kind by kind.
 *
 * Domains are compared by the value of the label, as kube-scheduler does, and not by the tree: rack
 * "r1" in two blocks is one domain to it. A node without the label is in none: anti-affinity does
 * not bar it, affinity does not let it in.
 *
 * Planned afresh, what members hold is not theirs any more: they are left out wherever pods that
 * stand are counted.
 */

/* ---- kinds ---- */

/* Adds the rule unless it is one of the first `own`, of which there are few. */
static void note_rule(struct affinity *affinity, uint32_t own, struct rule *rule)
{
    for (uint32_t i = 0; i < own; i++) {
        if (affinity->rules[i] == rule) {
            return;
        }
    }
    if (affinity->rule_count < AFFINITY_RULES_MAX) {
        affinity->rules[affinity->rule_count++] = rule;
    }
}

static bool same_rules(const struct peer *a, const struct peer *b)
{
    return a->rule_count == b->rule_count &&
           (a->rule_count == 0 ||
            memcmp(a->rules, b->rules, a->rule_count * sizeof(struct rule *)) == 0);
}

/* Rules that members have, and those of anti-affinity that somebody has who stands somewhere. */
static void list_rules(const struct attempt *attempt, struct affinity *affinity)
{
    const struct gang *gang = attempt->gang;
    const struct peers *peers = pods_peers(attempt->engine->pods);
    const struct peer *before = NULL;
    struct rule *rule;
    for (uint32_t i = 0; i < gang->member_count; i++) {
        const struct peer *peer = &gang->members[i]->peer;
        bool seen = before != NULL && same_rules(peer, before);
        for (uint32_t r = 0; r < peer->rule_count && !seen; r++) {
            note_rule(affinity, affinity->rule_count, peer->rules[r]);
        }
        before = peer;
    }
    uint32_t own = affinity->rule_count;
    for (uint32_t i = 0; (rule = peers_rule(peers, &gang->members[0]->peer, i)) != NULL; i++) {
        if (rule->apart && peers_carriers(rule) != NULL) {
            note_rule(affinity, own, rule);
        }
    }
}

static void match(const struct affinity *affinity, const struct pod *pod,
                  struct affinity_kind *kind)
{
    *kind = (struct affinity_kind){.first = pod, .together = AFFINITY_NONE};
    for (uint32_t r = 0; r < affinity->rule_count; r++) {
        if (peers_selects(affinity->rules[r], &pod->peer)) {
            kind->selected[r / 64] |= UINT64_C(1) << (r % 64);
        }
        if (!affinity->rules[r]->apart && peers_has(&pod->peer, affinity->rules[r])) {
            kind->together = r;
        }
    }
}

static bool same_kind(const struct affinity_kind *a, const struct affinity_kind *b)
{
    return same_rules(&a->first->peer, &b->first->peer) &&
           memcmp(a->selected, b->selected, sizeof a->selected) == 0;
}

static void note_own(const struct affinity *affinity, const struct pod *pod, uint64_t *has)
{
    for (uint32_t r = 0; r < affinity->rule_count; r++) {
        has[r / 64] |= (uint64_t)peers_has(&pod->peer, affinity->rules[r]) << (r % 64);
    }
}

/* The last kind takes in those that it was not made for. */
static void mix(const struct affinity *affinity, struct affinity_kind *last,
                const struct affinity_kind *found)
{
    if (!last->mixed) {
        note_own(affinity, last->first, last->has);
        last->mixed = true;
    }
    note_own(affinity, found->first, last->has);
    last->torn = last->torn || last->together != found->together;
    for (uint32_t r = 0; r < affinity->rule_count; r++) {
        uint64_t bit = UINT64_C(1) << (r % 64);
        uint64_t both = last->selected[r / 64] & found->selected[r / 64];
        uint64_t either = last->selected[r / 64] | found->selected[r / 64];
        last->selected[r / 64] &= ~bit;
        last->selected[r / 64] |= (affinity->rules[r]->apart ? either : both) & bit;
    }
}

static uint32_t kind_of(struct affinity *affinity, const struct affinity_kind *found)
{
    for (uint32_t k = 0; k < affinity->kind_count; k++) {
        if (same_kind(&affinity->kinds[k], found)) {
            return k;
        }
    }
    if (affinity->kind_count == AFFINITY_KINDS_MAX) {
        affinity->cut = true;
        mix(affinity, &affinity->kinds[AFFINITY_KINDS_MAX - 1], found);
        return AFFINITY_KINDS_MAX - 1;
    }
    affinity->kinds[affinity->kind_count] = *found;
    return affinity->kind_count++;
}

/* Of members that are not compared with the rules any more: as if each rule selected them that
 * keeps them away, and none that lets them in. */
static void assume(const struct affinity *affinity, const struct pod *pod,
                   struct affinity_kind *kind)
{
    *kind = (struct affinity_kind){.first = pod, .together = AFFINITY_NONE};
    for (uint32_t r = 0; r < affinity->rule_count; r++) {
        kind->selected[r / 64] |= (uint64_t)affinity->rules[r]->apart << (r % 64);
        if (!affinity->rules[r]->apart && peers_has(&pod->peer, affinity->rules[r])) {
            kind->together = r;
        }
    }
}

/* The kind of a member: that of the one before it, mostly, or of another one that looks alike to
 * the rules; else it is compared with each of them, as long as that goes. */
static uint32_t find_kind(struct affinity *affinity, const struct pod *pod,
                          const struct bitset *keys, uint32_t expressions, uint64_t *looked_at)
{
    struct affinity_kind found;
    for (uint32_t k = affinity->kind_count; k-- > 0;) {
        const struct peer *first = &affinity->kinds[k].first->peer;
        if (!affinity->kinds[k].mixed && same_rules(&pod->peer, first) &&
            peers_look_alike(&pod->peer, first, keys, looked_at)) {
            return k;
        }
    }
    if (*looked_at < AFFINITY_LOOKS_MAX) {
        match(affinity, pod, &found);
        *looked_at += expressions;
    } else {
        affinity->cut = true;
        assume(affinity, pod, &found);
    }
    return kind_of(affinity, &found);
}

/* Slices are of pods that are alike to the solver, so there a gang is one kind. */
static bool is_sliced(const struct attempt *attempt)
{
    bool sliced = false;
    for (uint32_t i = 0; i < attempt->constraints.podset_count; i++) {
        sliced = sliced || attempt->constraints.podsets[i].layer_count > 0;
    }
    return sliced;
}

static void find_kinds(struct attempt *attempt, struct affinity *affinity)
{
    const struct gang *gang = attempt->gang;
    const struct pod *before = NULL;
    uint64_t looked_at = 0;
    uint32_t expressions;
    bool one = is_sliced(attempt);
    struct bitset *keys = peers_keys(pods_peers(attempt->engine->pods), affinity->rules,
                                     affinity->rule_count, &expressions);
    for (uint32_t i = 0; i < gang->member_count; i++) {
        struct pod *pod = gang->members[i];
        if (!pod_live(pod)) {
            continue;
        }
        bool alike = before != NULL &&
                     (one || (same_rules(&pod->peer, &before->peer) &&
                              peers_look_alike(&pod->peer, &before->peer, keys, &looked_at)));
        pod->kind = alike ? before->kind : find_kind(affinity, pod, keys, expressions, &looked_at);
        before = pod;
    }
    bitset_destroy(keys);
    engine_charge(attempt->engine, looked_at / AFFINITY_LOOKS_PER_STEP);
}

bool affinity_selects(const struct affinity *affinity, uint32_t rule, uint32_t kind)
{
    return (affinity->kinds[kind].selected[rule / 64] >> (rule % 64) & 1) != 0;
}

bool affinity_has(const struct affinity *affinity, uint32_t kind, uint32_t rule)
{
    const struct affinity_kind *it = &affinity->kinds[kind];
    return it->mixed ? (it->has[rule / 64] >> (rule % 64) & 1) != 0
                     : peers_has(&it->first->peer, affinity->rules[rule]);
}

bool affinity_claims(const struct affinity *affinity, uint32_t kind, uint32_t rule)
{
    return !affinity->kinds[kind].mixed && affinity_has(affinity, kind, rule);
}

/* ---- pods that stand ---- */

/* Of those on the row, members that are planned afresh, and that the rule selects or that have it.
 */
static uint32_t count_afresh(const struct attempt *attempt, const struct rule *rule, bool carriers,
                             uint32_t row)
{
    uint32_t count = 0;
    const struct pod *pod = attempt->afresh ? pods_on(attempt->engine->pods, row) : NULL;
    for (; pod != NULL; pod = pod->row_after) {
        count += pod->gang == attempt->gang && pods_held(pod) &&
                 (carriers ? peers_has(&pod->peer, rule) : peers_selects(rule, &pod->peer));
    }
    return count;
}

/* Rows, with a key by whose value they count. */
struct rows {
    uint32_t key;
    uint32_t *items; /* owned */
    uint32_t count;
    size_t room;
};

/* Adds the rows on which pods stand that the rule selects, or that have it. */
static void add_rows(const struct attempt *attempt, struct rule *rule, bool carriers,
                     struct rows *rows)
{
    uint64_t looked_at = 0;
    const struct peers_site *sites =
        carriers ? peers_carriers(rule)
                 : peers_selected(pods_peers(attempt->engine->pods), rule, &looked_at);
    for (; sites != NULL; sites = sites->hh.next) {
        looked_at++;
        if (sites->count > count_afresh(attempt, rule, carriers, sites->row)) {
            rows->items =
                alloc_grow(rows->items, &rows->room, (size_t)rows->count + 1, sizeof *rows->items);
            rows->items[rows->count++] = sites->row;
        }
    }
    engine_charge(attempt->engine, looked_at);
}

uint32_t affinity_value(const struct attempt *attempt, uint32_t row, uint32_t key)
{
    const struct nodes *nodes = attempt->engine->nodes;
    return nodes_get(nodes, row)->present ? nodes_label(nodes, row, key) : NAMES_NONE;
}

static int compare_words(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

/* The values of the key on the rows, each once, in their place: how many they are. */
static uint32_t list_values(const struct attempt *attempt, uint32_t key, uint32_t *rows,
                            uint32_t count)
{
    uint32_t values = 0, kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t value = affinity_value(attempt, rows[i], key);
        if (value != NAMES_NONE) {
            rows[values++] = value;
        }
    }
    if (values > 0) {
        qsort(rows, values, sizeof *rows, compare_words);
    }
    for (uint32_t i = 0; i < values; i++) {
        if (i == 0 || rows[i] != rows[kept - 1]) {
            rows[kept++] = rows[i];
        }
    }
    return kept;
}

static void add_position(const struct attempt *attempt, struct bitset **set, uint32_t position)
{
    if (*set == NULL) {
        *set = bitset_create(domains_positions(attempt->engine->domains));
    }
    bitset_set(*set, position);
}

/* Adds the nodes that have one of the values, or, `others`, all that have none of them. */
static void add_nodes(const struct attempt *attempt, struct bitset **set, uint32_t key,
                      const uint32_t *values, uint32_t count, bool others)
{
    const struct domains *domains = attempt->engine->domains;
    if (count == 0 && !others) {
        return;
    }
    for (uint32_t p = 0; p < domains_positions(domains); p++) {
        uint32_t value = affinity_value(attempt, domains_row(domains, p), key);
        bool listed = value != NAMES_NONE && count > 0 &&
                      bsearch(&value, values, count, sizeof *values, compare_words) != NULL;
        if (listed != others) {
            add_position(attempt, set, p);
        }
    }
    engine_charge(attempt->engine, domains_positions(domains));
}

/* Those of the key; new ones behind the others. There is room for all. */
static struct rows *rows_of(struct rows *all, uint32_t *count, uint32_t key)
{
    uint32_t i = 0;
    while (i < *count && all[i].key != key) {
        i++;
    }
    if (i == *count) {
        all[(*count)++] = (struct rows){.key = key};
    }
    return &all[i];
}

/* Anti-affinity, in both directions: key by key, for many rules have the same one. */
static void keep_away(const struct attempt *attempt, const struct affinity *affinity, uint32_t k,
                      struct affinity_kind *kind)
{
    struct rows *all = alloc_zero(affinity->rule_count, sizeof *all);
    uint32_t count = 0;
    for (uint32_t r = 0; r < affinity->rule_count; r++) {
        struct rule *rule = affinity->rules[r];
        if (rule->apart && affinity_has(affinity, k, r)) {
            add_rows(attempt, rule, false, rows_of(all, &count, rule->keys[0]));
        }
        if (rule->apart && affinity_selects(affinity, r, k)) {
            add_rows(attempt, rule, true, rows_of(all, &count, rule->keys[0]));
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t values = list_values(attempt, all[i].key, all[i].items, all[i].count);
        add_nodes(attempt, &kind->away, all[i].key, all[i].items, values, false);
        free(all[i].items);
    }
    free(all);
}

/* Nodes without the key are in none of its domains. */
static void require_key(const struct attempt *attempt, struct affinity_kind *kind, uint32_t key)
{
    const struct domains *domains = attempt->engine->domains;
    for (uint32_t p = 0; p < domains_positions(domains); p++) {
        if (affinity_value(attempt, domains_row(domains, p), key) == NAMES_NONE) {
            add_position(attempt, &kind->away, p);
        }
    }
}

/* Affinity: the domains where pods stand that all its terms select. When none stands in any domain
 * of any key, it is a matter of the members that get a place together. */
static void join(const struct attempt *attempt, struct affinity_kind *kind, struct rule *rule)
{
    struct rows rows = {.count = 0};
    uint32_t **values = alloc_zero(rule->key_count, sizeof(uint32_t *));
    uint32_t *counts = alloc_zero(rule->key_count, sizeof *counts);
    add_rows(attempt, rule, false, &rows);
    for (uint32_t k = 0; k < rule->key_count && rows.count > 0; k++) {
        values[k] = alloc_zero(rows.count, sizeof(uint32_t));
        memcpy(values[k], rows.items, rows.count * sizeof(uint32_t));
        counts[k] = list_values(attempt, rule->keys[k], values[k], rows.count);
        kind->met = kind->met || counts[k] > 0;
    }
    for (uint32_t k = 0; k < rule->key_count; k++) {
        require_key(attempt, kind, rule->keys[k]);
        if (kind->met) {
            add_nodes(attempt, &kind->outside, rule->keys[k], values[k], counts[k], true);
        }
        free(values[k]);
    }
    free(values);
    free(counts);
    free(rows.items);
}

static void look_around(const struct attempt *attempt, struct affinity *affinity, uint32_t k)
{
    struct affinity_kind *kind = &affinity->kinds[k];
    keep_away(attempt, affinity, k, kind);
    if (kind->together != AFFINITY_NONE) {
        join(attempt, kind, affinity->rules[kind->together]);
    }
    for (uint32_t p = 0; kind->torn && p < domains_positions(attempt->engine->domains); p++) {
        add_position(attempt, &kind->away, p);
    }
    if (kind->outside != NULL && kind->away != NULL) {
        kind->excluded = bitset_copy(kind->outside);
        for (size_t p = bitset_next(kind->away, 0); p != BITSET_END;
             p = bitset_next(kind->away, p + 1)) {
            bitset_set(kind->excluded, p);
        }
    }
}

/* Whether a member that is to get a place is of the kind. */
static bool is_pending(const struct attempt *attempt, uint32_t kind)
{
    bool pending = false;
    for (uint32_t i = 0; i < attempt->count && !pending; i++) {
        pending = attempt->members[i]->kind == kind;
    }
    return pending;
}

void affinity_begin(struct attempt *attempt)
{
    const struct gang *gang = attempt->gang;
    for (uint32_t i = 0; i < gang->member_count; i++) {
        gang->members[i]->kind = 0;
    }
    if (!peers_any(pods_peers(attempt->engine->pods)) || gang->member_count == 0) {
        return;
    }
    struct affinity *affinity = alloc_zero(1, sizeof *affinity);
    affinity->rules = alloc_zero(AFFINITY_RULES_MAX, sizeof(struct rule *));
    list_rules(attempt, affinity);
    if (affinity->rule_count == 0) {
        free(affinity->rules);
        free(affinity);
        return;
    }
    find_kinds(attempt, affinity);
    for (uint32_t k = 0; k < affinity->kind_count; k++) {
        if (is_pending(attempt, k)) {
            look_around(attempt, affinity, k);
        }
    }
    attempt->affinity = affinity;
}

void affinity_renew(struct attempt *attempt)
{
    struct affinity *affinity = attempt->affinity;
    for (uint32_t k = 0; affinity != NULL && k < affinity->kind_count; k++) {
        if (is_pending(attempt, k)) {
            bitset_destroy(affinity->kinds[k].excluded);
            affinity->kinds[k].excluded = NULL;
            look_around(attempt, affinity, k);
        }
    }
}

void affinity_finish(struct attempt *attempt)
{
    if (attempt->affinity == NULL) {
        return;
    }
    for (uint32_t k = 0; k < attempt->affinity->kind_count; k++) {
        bitset_destroy(attempt->affinity->kinds[k].away);
        bitset_destroy(attempt->affinity->kinds[k].outside);
        bitset_destroy(attempt->affinity->kinds[k].excluded);
    }
    free(attempt->affinity->rules);
    free(attempt->affinity);
    attempt->affinity = NULL;
}

const struct bitset *affinity_excluded(const struct attempt *attempt, uint32_t kind)
{
    if (attempt->affinity == NULL) {
        return NULL;
    }
    const struct affinity_kind *it = &attempt->affinity->kinds[kind];
    if (attempt->loose || it->outside == NULL) {
        return it->away;
    }
    return it->excluded != NULL ? it->excluded : it->outside;
}

bool affinity_relates(const struct attempt *attempt, uint32_t kind)
{
    const struct affinity *affinity = attempt->affinity;
    bool relates = affinity != NULL && affinity->kinds[kind].together != AFFINITY_NONE &&
                   !affinity->kinds[kind].met;
    for (uint32_t e = 0; affinity != NULL && e < affinity->edge_count; e++) {
        relates = relates || affinity->edges[e].with[kind] != 0;
    }
    return relates;
}
