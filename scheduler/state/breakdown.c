// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/breakdown.h"

#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"

/* One walk over the positions of the domain.
 *
 *   room for a copy ──▶ nothing but an exclusive domain or a veto can leave it out
 *   no room         ──▶ the kinds are tried in their order
 *
 * What the rest lacks is asked node by node: a resource is short on a node when what is free there
 * is not enough for one copy more than the node takes. The resource short on most nodes is named;
 * of equals the one of which the fewest copies are free in all, then a device before what
 * Kubernetes counts itself, then by name. What a node has only once (a slot) comes last.
 *
 * Invariant: nodes = the sum of left_out + rest.
 */

#define AHEAD 12 /* nodes; a look at one takes some 10 ns, and memory ten times that */

/* What was seen of one resource of the request. */
struct want {
    uint32_t name;
    int64_t amount;
    const char *text;
    uint32_t missing; /* nodes without it */
    uint32_t taken;   /* nodes where somebody else has it */
    uint32_t lacking; /* nodes of the rest on which it is short */
    __int128 free;    /* on the rest */
};

struct count {
    const struct breakdown_question *question;
    struct breakdown *breakdown;
    struct admission rules;
    struct want *wants; /* by name, as in the request */
    uint32_t want_count;
    uint32_t taint; /* key, or NAMES_NONE */
    bool taints_differ;
};

const char *breakdown_kind_name(enum breakdown_kind kind)
{
    switch (kind) {
    case BREAKDOWN_NO_RESOURCE:
        return "noResource";
    case BREAKDOWN_NO_DOMAIN:
        return "unknownTopology";
    case BREAKDOWN_CORDONED:
        return "cordon";
    case BREAKDOWN_TAINTED:
        return "taint";
    case BREAKDOWN_UNWANTED:
        return "selector";
    case BREAKDOWN_KEPT:
        return "exclusive";
    case BREAKDOWN_TAKEN:
        return "conflict";
    case BREAKDOWN_APART:
        return "affinity";
    case BREAKDOWN_REFUSED:
        return "veto";
    case BREAKDOWN_KINDS:
        break;
    }
    return "";
}

void breakdown_finish(struct breakdown *breakdown)
{
    free(breakdown->missing);
    free(breakdown->taint);
    free(breakdown->taken);
    free(breakdown->scarce);
    free(breakdown->place);
    free(breakdown->blocker);
    *breakdown = (struct breakdown){.scarce_name = NAMES_NONE, .taken_name = NAMES_NONE};
}

static bool in_set(const struct bitset *set, uint32_t position)
{
    return set != NULL && bitset_test(set, position);
}

/* What a vector says of the name; *at walks along, for names and vectors are sorted alike. */
static int64_t amount_at(const struct resources *vector, uint32_t name, uint32_t *at)
{
    while (*at < vector->count && vector->items[*at].name < name) {
        ++*at;
    }
    bool there = *at < vector->count && vector->items[*at].name == name;
    return resource_available(name, there ? vector->items[*at].amount : 0);
}

/* Whether the node has nothing of something, which is noted. Slots it has without saying so. */
static bool lacks_all_of_one(struct count *count, const struct node *node)
{
    bool lacks = false;
    uint32_t at = 0;
    for (uint32_t i = 0; i < count->want_count; i++) {
        if (amount_at(&node->allocatable, count->wants[i].name, &at) <= 0) {
            count->wants[i].missing++;
            lacks = true;
        }
    }
    return lacks;
}

/* Whether somebody has something that the node has only once, which is noted. */
static bool lacks_slot(struct count *count, uint32_t row)
{
    const struct resources *room = ledger_free(count->question->ledger, row);
    bool lacks = false;
    for (uint32_t i = 0; i < count->want_count; i++) {
        struct want *want = &count->wants[i];
        if (resource_is_slot(want->name) &&
            resource_available(want->name, resources_get(room, want->name)) < want->amount) {
            want->taken++;
            lacks = true;
        }
    }
    return lacks;
}

/* What keeps others from a node that the rules let in, without a look at what is free. */
static enum breakdown_kind find_taken(const struct breakdown_question *question, uint32_t position)
{
    if (in_set(question->kept, position)) {
        return BREAKDOWN_KEPT;
    }
    if (in_set(question->apart, position)) {
        return BREAKDOWN_APART;
    }
    return in_set(question->refused, position) ? BREAKDOWN_REFUSED : BREAKDOWN_KINDS;
}

/* What the rules say of the node; KINDS: it is let in. */
static enum breakdown_kind find_refusal(struct count *count, uint32_t row)
{
    uint32_t key;
    switch (shapes_rules_refusal(count->question->shapes, &count->rules, row, &key)) {
    case ADMISSION_CORDONED:
        return BREAKDOWN_CORDONED;
    case ADMISSION_TAINTED:
        count->taints_differ =
            count->taints_differ || (count->taint != NAMES_NONE && count->taint != key);
        count->taint = key;
        return BREAKDOWN_TAINTED;
    case ADMISSION_UNWANTED:
        return BREAKDOWN_UNWANTED;
    case ADMISSION_ADMITTED:
        break;
    }
    return BREAKDOWN_KINDS;
}

/* The first kind that holds for a node without room. */
static enum breakdown_kind find_cause(struct count *count, uint32_t position, bool known)
{
    const struct breakdown_question *question = count->question;
    uint32_t row = domains_row(question->domains, position);
    if (lacks_all_of_one(count, nodes_get(question->nodes, row))) {
        return BREAKDOWN_NO_RESOURCE;
    }
    if (!known) {
        return BREAKDOWN_NO_DOMAIN;
    }
    enum breakdown_kind refusal = find_refusal(count, row);
    if (refusal != BREAKDOWN_KINDS) {
        return refusal;
    }
    if (!in_set(question->kept, position) && lacks_slot(count, row)) {
        return BREAKDOWN_TAKEN;
    }
    return find_taken(question, position);
}

/* The first kind that holds; BREAKDOWN_KINDS: none. */
static enum breakdown_kind find_kind(struct count *count, uint32_t position, bool known)
{
    if (capacity_node(count->question->capacity, position) == 0) {
        return find_cause(count, position, known);
    }
    return known ? find_taken(count->question, position) : BREAKDOWN_NO_DOMAIN;
}

/* A node of the rest: what it has, and what it lacks for one more. */
static void add_rest(struct count *count, uint32_t position)
{
    const struct breakdown_question *question = count->question;
    const struct resources *room =
        ledger_free(question->ledger, domains_row(question->domains, position));
    int64_t copies = capacity_node(question->capacity, position);
    uint32_t at = 0;
    count->breakdown->rest++;
    for (uint32_t i = 0; i < count->want_count; i++) {
        struct want *want = &count->wants[i];
        int64_t amount = amount_at(room, want->name, &at);
        want->free += amount > 0 ? amount : 0;
        want->lacking += amount < ((__int128)copies + 1) * want->amount;
    }
}

static void add(struct count *count, uint32_t position, bool known)
{
    enum breakdown_kind kind = find_kind(count, position, known);
    count->breakdown->nodes++;
    if (kind != BREAKDOWN_KINDS) {
        count->breakdown->left_out[kind]++;
    } else {
        add_rest(count, position);
    }
}

/* Whether the level is one of domains, and not that of the cluster or of hosts. */
static bool is_inner(const struct breakdown_question *question)
{
    return question->level > 0 && question->level + 1 < domains_levels(question->domains);
}

/* The vectors of 100,000 nodes lie all over the memory, and waiting for them one by one is most of
 * the walk: those of the nodes ahead are asked for, the vector first and then what it points to. */
static void look_ahead(const struct breakdown_question *question, uint32_t position)
{
    uint32_t far = position + 2 * AHEAD;
    uint32_t near = position + AHEAD;
    if (far < question->end) {
        uint32_t row = domains_row(question->domains, far);
        __builtin_prefetch(ledger_free(question->ledger, row));
        __builtin_prefetch(nodes_get(question->nodes, row));
    }
    if (near < question->end) {
        uint32_t row = domains_row(question->domains, near);
        __builtin_prefetch(ledger_free(question->ledger, row)->items);
        __builtin_prefetch(nodes_get(question->nodes, row)->allocatable.items);
    }
}

static void add_range(struct count *count)
{
    const struct breakdown_question *question = count->question;
    const struct domains *domains = question->domains;
    const struct domain *around = NULL; /* of the level */
    for (uint32_t position = question->first; position < question->end; position++) {
        if (is_inner(question) && (around == NULL || position >= around->end)) {
            around = domains_get(domains, domains_at(domains, position, question->level));
        }
        look_ahead(question, position);
        add(count, position, around == NULL || around->known);
    }
}

/* Nodes with room outside of the range, in no known domain of the level. */
static void add_strays(struct count *count)
{
    const struct breakdown_question *question = count->question;
    const struct domains *domains = question->domains;
    uint32_t position = 0;
    while (is_inner(question) && position < domains_positions(domains)) {
        const struct domain *range =
            domains_get(domains, domains_at(domains, position, question->level));
        for (uint32_t p = range->first; !range->known && p < range->end; p++) {
            bool outside = p < question->first || p >= question->end;
            count->breakdown->strays += outside && capacity_node(question->capacity, p) > 0 &&
                                        find_taken(question, p) == BREAKDOWN_KINDS;
        }
        position = range->end;
    }
}

static bool is_device(const char *resource)
{
    return strchr(resource, '/') != NULL;
}

bool breakdown_before(const char *left, const char *right)
{
    if (is_device(left) != is_device(right)) {
        return is_device(left);
    }
    return strcmp(left, right) < 0;
}

void breakdown_name(struct breakdown *breakdown, uint32_t resource, const char *text, int64_t each)
{
    free(breakdown->scarce);
    breakdown->scarce = text == NULL ? NULL : alloc_string(text);
    breakdown->scarce_name = resource;
    breakdown->each = each;
}

/* Whether `a` is to be named before `b`, which is short on as many nodes. */
static bool runs_out_first(const struct want *a, const struct want *b)
{
    if (resource_is_slot(a->name) != resource_is_slot(b->name)) {
        return resource_is_slot(b->name); /* what can be bought comes first */
    }
    __int128 left = a->free / a->amount, right = b->free / b->amount;
    if (left != right) {
        return left < right;
    }
    return breakdown_before(a->text, b->text);
}

static void name_scarce(const struct count *count)
{
    const struct want *best = NULL;
    for (uint32_t i = 0; i < count->want_count; i++) {
        const struct want *want = &count->wants[i];
        if (want->lacking > 0 && (best == NULL || want->lacking > best->lacking ||
                                  (want->lacking == best->lacking && runs_out_first(want, best)))) {
            best = want;
        }
    }
    if (best != NULL) {
        breakdown_name(count->breakdown, best->name, best->text,
                       resource_is_slot(best->name) ? 0 : best->amount);
    }
}

static bool somebody_has(const struct breakdown_question *question, uint32_t resource)
{
    for (uint32_t position = 0; position < domains_positions(question->domains); position++) {
        const struct node *node =
            nodes_get(question->nodes, domains_row(question->domains, position));
        if (resources_get(&node->allocatable, resource) > 0) {
            return true;
        }
    }
    return false;
}

static void name_missing(const struct count *count)
{
    struct breakdown *breakdown = count->breakdown;
    const struct want *best = NULL;
    for (uint32_t i = 0; i < count->want_count; i++) {
        const struct want *want = &count->wants[i];
        if (want->missing > 0 &&
            (best == NULL || want->missing > best->missing ||
             (want->missing == best->missing && strcmp(want->text, best->text) < 0))) {
            best = want;
        }
    }
    if (best != NULL) {
        breakdown->missing = alloc_string(best->text);
        breakdown->missing_others = best->missing < breakdown->left_out[BREAKDOWN_NO_RESOURCE];
        breakdown->nowhere =
            best->missing == breakdown->nodes && !somebody_has(count->question, best->name);
    }
}

static void name_taken(const struct count *count)
{
    const struct want *best = NULL;
    for (uint32_t i = 0; i < count->want_count; i++) {
        const struct want *want = &count->wants[i];
        if (want->taken > 0 &&
            (best == NULL || want->taken > best->taken ||
             (want->taken == best->taken && strcmp(want->text, best->text) < 0))) {
            best = want;
        }
    }
    if (best != NULL) {
        count->breakdown->taken = alloc_string(best->text);
        count->breakdown->taken_name = best->name;
    }
}

void breakdown_count(const struct breakdown_question *question, struct breakdown *breakdown)
{
    const struct resources *request = shapes_request(question->shapes, question->shape);
    const struct names *words = nodes_words(question->nodes);
    struct count count = {.question = question,
                          .breakdown = breakdown,
                          .rules = shapes_admission(question->shapes, question->shape),
                          .wants = alloc_zero(request->count, sizeof(struct want)),
                          .taint = NAMES_NONE};
    breakdown_finish(breakdown);
    for (uint32_t i = 0; i < request->count; i++) {
        if (request->items[i].amount > 0) {
            count.wants[count.want_count++] =
                (struct want){.name = request->items[i].name,
                              .amount = request->items[i].amount,
                              .text = names_text(words, resource_word(request->items[i].name))};
        }
    }
    add_range(&count);
    add_strays(&count);
    name_scarce(&count);
    name_missing(&count);
    name_taken(&count);
    if (count.taint != NAMES_NONE && !count.taints_differ) {
        breakdown->taint = alloc_string(names_text(words, count.taint));
    }
    free(count.wants);
}
