// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/peers.h"

#include <string.h>

#include "scheduler/state/peers_table.h"
#include "scheduler/state/wording.h"
#include "topology/base/alloc.h"
#include "topology/base/err.h"

/* A namespace is kept as long as a pod or a rule of it is known. Its list of pods has those that
 * stand somewhere; it is walked only when a rule is counted for the first time.
 *
 * Invariants: the sites of a rule add up what its carriers, and, once counted, what it selects, are
 * at this moment: a pod whose labels or rules change is taken out before and put back after.
 */

static const char left_near[] = "its namespace has more different terms about pods than are kept";
static const char left_far[] = "there are more terms about pods of other namespaces than are kept";
static const char left_words[] = "a term about other pods does not find room";
static const char left_labels[] =
    "its labels do not find room, and other pods' terms do not see them";
static const char left_many[] = "it has more required terms about other pods than are kept";

struct peers *peers_create(struct nodes *nodes, uint64_t seed)
{
    struct peers *peers = alloc_zero(1, sizeof *peers);
    rules_init(&peers->rules, nodes, seed);
    return peers;
}

static void free_sites(struct peers_site **sites)
{
    struct peers_site *site, *next;
    HASH_ITER (hh, *sites, site, next) {
        HASH_DELETE(hh, *sites, site);
        free(site);
    }
}

void peers_destroy(struct peers *peers)
{
    if (peers == NULL) {
        return;
    }
    for (struct rule *rule = peers->rules.table; rule != NULL; rule = rule->hh.next) {
        free_sites(&rule->selected);
        free_sites(&rule->carriers);
    }
    struct peers_space *space, *next;
    HASH_ITER (hh, peers->spaces, space, next) {
        HASH_DELETE(hh, peers->spaces, space);
        free(space->near.items);
        free(space);
    }
    free(peers->far.items);
    free(peers->loaded.spaces);
    free(peers->loaded.rules);
    rules_finish(&peers->rules);
    free(peers);
}

bool peers_any(const struct peers *peers)
{
    return peers->rules.table != NULL;
}

void peers_limit(struct peers *peers, size_t text)
{
    peers->rules.budget = text;
}

const struct names *peers_words(const struct peers *peers)
{
    return peers->rules.words;
}

uint64_t peers_moves(const struct peers *peers)
{
    return peers->moves;
}

/* ---- sites ---- */

static void add_site(struct peers *peers, struct peers_site **sites, uint32_t row)
{
    struct peers_site *site = NULL;
    HASH_FIND(hh, *sites, &row, sizeof row, site);
    if (site == NULL) {
        site = alloc_zero(1, sizeof *site);
        site->row = row;
        HASH_ADD(hh, *sites, row, sizeof row, site);
        peers->moves++;
    }
    site->count++;
}

static void remove_site(struct peers *peers, struct peers_site **sites, uint32_t row)
{
    struct peers_site *site = NULL;
    HASH_FIND(hh, *sites, &row, sizeof row, site);
    err_require(site != NULL);
    if (--site->count == 0) {
        HASH_DELETE(hh, *sites, site);
        free(site);
        peers->moves++;
    }
}

bool peers_selects(const struct rule *rule, const struct peer *peer)
{
    return peer->space != NULL &&
           rule_selects(rule, peer->space->name, peer->labels, peer->label_count);
}

struct bitset *peers_keys(const struct peers *peers, struct rule *const *rules, uint32_t count,
                          uint32_t *looked_at)
{
    struct bitset *keys = bitset_create(names_bound(peers->rules.words) + 1);
    *looked_at = count;
    for (uint32_t i = 0; i < count; i++) {
        *looked_at += rule_note_keys(rules[i], keys);
    }
    return keys;
}

/* The next label from `i` on that has one of the keys. */
static uint32_t next_label(const struct peer *peer, uint32_t i, const struct bitset *keys)
{
    while (i < peer->label_count && !bitset_test(keys, peer->labels[i].key)) {
        i++;
    }
    return i;
}

bool peers_look_alike(const struct peer *a, const struct peer *b, const struct bitset *keys,
                      uint64_t *looked_at)
{
    uint32_t i = next_label(a, 0, keys), j = next_label(b, 0, keys);
    while (i < a->label_count && j < b->label_count && a->labels[i].key == b->labels[j].key &&
           a->labels[i].value == b->labels[j].value) {
        i = next_label(a, i + 1, keys);
        j = next_label(b, j + 1, keys);
    }
    *looked_at += i + j;
    return a->space == b->space && i == a->label_count && j == b->label_count;
}

bool peers_has(const struct peer *peer, const struct rule *rule)
{
    bool has = false;
    for (uint32_t i = 0; i < peer->rule_count; i++) {
        has = has || peer->rules[i] == rule;
    }
    return has;
}

struct rule *peers_rule(const struct peers *peers, const struct peer *peer, uint32_t nth)
{
    uint32_t near = peer->space == NULL ? 0 : peer->space->near.count;
    if (nth < near) {
        return peer->space->near.items[nth];
    }
    return nth - near < peers->far.count ? peers->far.items[nth - near] : NULL;
}

void peers_enter(struct peers *peers, struct peer *peer, uint32_t row)
{
    peer->row = row;
    peer->placed = true;
    if (peer->space == NULL) {
        return;
    }
    peer->before = NULL;
    peer->after = peer->space->first;
    if (peer->after != NULL) {
        peer->after->before = peer;
    }
    peer->space->first = peer;
    struct rule *rule;
    for (uint32_t i = 0; (rule = peers_rule(peers, peer, i)) != NULL; i++) {
        if (rule->counted && peers_selects(rule, peer)) {
            add_site(peers, &rule->selected, row);
        }
    }
    for (uint32_t i = 0; i < peer->rule_count; i++) {
        if (peer->rules[i]->apart) {
            add_site(peers, &peer->rules[i]->carriers, row);
        }
    }
}

void peers_leave(struct peers *peers, struct peer *peer)
{
    peer->placed = false;
    if (peer->space == NULL) {
        return;
    }
    *(peer->before != NULL ? &peer->before->after : &peer->space->first) = peer->after;
    if (peer->after != NULL) {
        peer->after->before = peer->before;
    }
    struct rule *rule;
    for (uint32_t i = 0; (rule = peers_rule(peers, peer, i)) != NULL; i++) {
        if (rule->counted && peers_selects(rule, peer)) {
            remove_site(peers, &rule->selected, peer->row);
        }
    }
    for (uint32_t i = 0; i < peer->rule_count; i++) {
        if (peer->rules[i]->apart) {
            remove_site(peers, &peer->rules[i]->carriers, peer->row);
        }
    }
}

static uint64_t count_space(struct peers *peers, struct rule *rule, const struct peers_space *space)
{
    uint64_t looked_at = 0;
    for (const struct peer *peer = space->first; peer != NULL; peer = peer->after) {
        looked_at++;
        if (peers_selects(rule, peer)) {
            add_site(peers, &rule->selected, peer->row);
        }
    }
    return looked_at;
}

const struct peers_site *peers_selected(struct peers *peers, struct rule *rule, uint64_t *looked_at)
{
    uint64_t moves = peers->moves; /* nothing has moved but what is known of it */
    if (rule->counted) {
        return rule->selected;
    }
    rule->counted = true;
    if (!rule->far) {
        *looked_at += count_space(peers, rule, rule->space);
    } else {
        for (const struct peers_space *space = peers->spaces; space != NULL;
             space = space->hh.next) {
            *looked_at += count_space(peers, rule, space);
        }
    }
    peers->moves = moves;
    return rule->selected;
}

const struct peers_site *peers_carriers(const struct rule *rule)
{
    return rule->carriers;
}

/* ---- namespaces ---- */

static struct peers_space *get_space(struct peers *peers, const char *name)
{
    struct peers_space *space = NULL;
    uint32_t word = names_intern(peers->rules.words, name, strlen(name));
    if (word == NAMES_NONE) {
        return NULL;
    }
    HASH_FIND(hh, peers->spaces, &word, sizeof word, space);
    if (space != NULL) {
        names_release(peers->rules.words, word);
    } else {
        space = alloc_zero(1, sizeof *space);
        space->name = word;
        HASH_ADD(hh, peers->spaces, name, sizeof word, space);
    }
    space->users++;
    return space;
}

static void leave_space(struct peers *peers, struct peers_space *space)
{
    if (--space->users == 0) {
        HASH_DELETE(hh, peers->spaces, space);
        names_release(peers->rules.words, space->name);
        free(space->near.items);
        free(space);
    }
}

/* ---- rules ---- */

void peers_list_add(struct list *list, struct rule *rule)
{
    list->items =
        alloc_grow(list->items, &list->room, (size_t)list->count + 1, sizeof *list->items);
    list->items[list->count++] = rule;
}

static void list_remove(struct list *list, const struct rule *rule)
{
    uint32_t i = 0;
    while (list->items[i] != rule) {
        i++;
    }
    memmove(&list->items[i], &list->items[i + 1], (list->count - i - 1) * sizeof *list->items);
    list->count--;
}

static void drop_rule(struct peers *peers, struct rule *rule)
{
    if (!rules_release(&peers->rules, rule)) {
        return;
    }
    if (rule->space != NULL) {
        list_remove(rule->far ? &peers->far : &rule->space->near, rule);
        rule->space->far -= rule->far;
        leave_space(peers, rule->space);
    }
    free_sites(&rule->selected);
    free_sites(&rule->carriers);
    rules_free(&peers->rules, rule);
}

/* Where a new rule of a pod of the namespace counts; what is in the way, or NULL. */
static const char *enlist(struct peers *peers, struct rule *rule, struct peers_space *space)
{
    bool far = !rule_is_near(rule, space->name);
    if (far && (peers->far.count >= PEERS_FAR_MAX || space->far >= PEERS_FAR_OF_ONE)) {
        return left_far;
    }
    if (!far && space->near.count >= PEERS_NEAR_MAX) {
        return left_near;
    }
    rule->far = far;
    rule->space = space;
    space->users++;
    space->far += far;
    peers_list_add(far ? &peers->far : &space->near, rule);
    return NULL;
}

struct found {
    struct rule *items[PEERS_RULES_MAX];
    uint32_t count;
    const char *left;
};

/* A rule of the pod, with its reference; one that is there already counts once. */
static void take_rule(struct peers *peers, struct peers_space *space, struct rule *rule, bool added,
                      struct found *found)
{
    const char *left = rule == NULL ? left_words : added ? enlist(peers, rule, space) : NULL;
    if (left != NULL) {
        found->left = left;
        if (rule != NULL) {
            drop_rule(peers, rule);
        }
        return;
    }
    for (uint32_t i = 0; i < found->count; i++) {
        if (found->items[i] == rule) {
            drop_rule(peers, rule);
            return;
        }
    }
    found->items[found->count++] = rule;
}

static bool is_sound(const struct affinity_object *term)
{
    return term->name_space_count <= POD_NAMESPACES_MAX &&
           term->expression_count <= POD_EXPRESSIONS_MAX;
}

static void find_rules(struct peers *peers, struct peers_space *space,
                       const struct pod_object *object, struct found *found)
{
    struct affinity_object together[POD_AFFINITIES_MAX];
    size_t count = 0;
    bool added;
    *found = (struct found){.left = object->affinity_count > POD_AFFINITIES_MAX ? left_many : NULL};
    for (size_t i = 0; i < object->affinity_count && i < POD_AFFINITIES_MAX; i++) {
        const struct affinity_object *term = &object->affinities[i];
        if (!is_sound(term)) {
            found->left = left_words;
        } else if (term->apart) {
            struct rule *rule = rules_apart(&peers->rules, term, &added);
            take_rule(peers, space, rule, added, found);
        } else {
            together[count++] = *term;
        }
    }
    if (count > 0) {
        struct rule *rule = rules_together(&peers->rules, together, count, &added);
        take_rule(peers, space, rule, added, found);
    }
}

static bool same_rules(const struct peer *peer, const struct found *found)
{
    return found->count == peer->rule_count &&
           (found->count == 0 ||
            memcmp(found->items, peer->rules, found->count * sizeof(struct rule *)) == 0);
}

static void drop_rules(struct peers *peers, struct rule **rules, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        drop_rule(peers, rules[i]);
    }
}

/* Replaces the rules of a pod that stands nowhere for the moment; takes those that were found. */
static void take_rules(struct peers *peers, struct peer *peer, const struct found *found)
{
    drop_rules(peers, peer->rules, peer->rule_count);
    free(peer->rules);
    peer->rules = NULL;
    peer->rule_count = found->count;
    if (found->count > 0) {
        peer->rules = alloc_zero(found->count, sizeof(struct rule *));
        memcpy(peer->rules, found->items, found->count * sizeof(struct rule *));
    }
}

/* ---- labels ---- */

static size_t label_count(const struct pod_object *object)
{
    return object->label_count < POD_LABELS_MAX ? object->label_count : POD_LABELS_MAX;
}

static bool same_labels(const struct peers *peers, const struct peer *peer,
                        const struct pod_object *object)
{
    const struct names *words = peers->rules.words;
    if (peer->label_count != label_count(object)) {
        return false;
    }
    for (uint32_t i = 0; i < peer->label_count; i++) {
        const struct label_object *label = &object->labels[i];
        uint32_t key = names_find(words, label->key, strlen(label->key));
        const struct label *kept = rule_find_label(peer->labels, peer->label_count, key);
        if (kept == NULL || strcmp(names_text(words, kept->value), label->value) != 0) {
            return false;
        }
    }
    return true;
}

static void drop_labels(struct peers *peers, struct peer *peer)
{
    for (uint32_t i = 0; i < peer->label_count; i++) {
        names_release(peers->rules.words, peer->labels[i].key);
        names_release(peers->rules.words, peer->labels[i].value);
    }
    free(peer->labels);
    peer->labels = NULL;
    peer->label_count = 0;
}

static void take_labels(struct peers *peers, struct peer *peer, const struct pod_object *object)
{
    struct names *words = peers->rules.words;
    size_t count = label_count(object);
    drop_labels(peers, peer);
    if (count == 0) {
        return;
    }
    peer->labels = alloc_zero(count, sizeof *peer->labels);
    for (size_t i = 0; i < count; i++) {
        const struct label_object *label = &object->labels[i];
        uint32_t key = names_intern(words, label->key, strlen(label->key));
        uint32_t value = key == NAMES_NONE
                             ? NAMES_NONE
                             : names_intern(words, label->value, strlen(label->value));
        if (value != NAMES_NONE) {
            peer->labels[peer->label_count++] = (struct label){key, value};
        } else if (key != NAMES_NONE) {
            names_release(words, key);
        }
    }
    rule_sort_labels(peer->labels, peer->label_count);
}

/* Whether there is room for what its labels say. */
static bool labels_fit(const struct peers *peers, const struct pod_object *object)
{
    struct wording wording = wording_of_labels(object->labels, label_count(object));
    return wording_fits(wording.bytes, names_bytes(peers->rules.words), peers->rules.budget);
}

/* ---- pods ---- */

bool peers_observe(struct peers *peers, struct peer *peer, const struct pod_object *object)
{
    struct found found = {.left = NULL};
    bool placed = peer->placed;
    bool added = peer->space == NULL;
    if (added) {
        if (placed) { /* among those of no namespace so far */
            peers_leave(peers, peer);
        }
        peer->space = get_space(peers, object->name_space);
        if (placed) {
            peers_enter(peers, peer, peer->row);
        }
    }
    bool labels = !same_labels(peers, peer, object);
    bool fit = labels && labels_fit(peers, object);
    labels = labels && (fit || !peer->unlabelled);
    if (peer->space != NULL && object->affinity_count > 0) {
        find_rules(peers, peer->space, object, &found);
    }
    bool rules = !same_rules(peer, &found);
    peer->unlabelled = labels ? !fit : peer->unlabelled;
    peer->left = found.left == NULL && peer->unlabelled ? left_labels : found.left;
    if (!labels && !rules) {
        drop_rules(peers, found.items, found.count);
        return false;
    }
    if (placed) {
        peers_leave(peers, peer);
    }
    if (labels && fit) {
        take_labels(peers, peer, object);
    } else if (labels) {
        drop_labels(peers, peer);
    }
    take_rules(peers, peer, &found);
    if (placed) {
        peers_enter(peers, peer, peer->row);
    }
    return true;
}

void peers_forget(struct peers *peers, struct peer *peer)
{
    drop_rules(peers, peer->rules, peer->rule_count);
    drop_labels(peers, peer);
    if (peer->space != NULL) {
        leave_space(peers, peer->space);
    }
    free(peer->rules);
    *peer = (struct peer){.space = NULL};
}
