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
 * A cluster of 100,000 nodes is walked in less than a millisecond: block by block and resource by
 * resource, and nothing of a node is looked at but what lies close together with that of others:
 * columns of what is free (accounts.h) and codes of what the rules say (masks.h). Only what has
 * none is asked for node by node.
 *
 * Invariant: nodes = the sum of left_out + rest.
 */

#define BLOCK 256u /* nodes */

/* What was seen of one resource of the request. */
struct want {
    uint32_t name;
    bool slot;
    bool column_kept;
    bool vain; /* no node has it */
    struct accounts_column column;
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
    struct mask_refusals refusals;
    const bool *slots_taken; /* by row */
    struct want *wants;      /* by name, as in the request */
    uint32_t want_count;
    const uint32_t *has; /* by row: a bit for each column, */
    uint32_t needed;     /* … and those of the wants */
    bool others;         /* there are wants without a column that nodes may lack */
    uint32_t taint;      /* key, or NAMES_NONE */
    bool taints_differ;
};

/* Nodes in a row that are all in a known domain of the level, or all in none. */
struct block {
    uint32_t first; /* position */
    uint32_t count;
    bool known;
    uint32_t rows[BLOCK];
    uint32_t copies[BLOCK];
    uint32_t rest[BLOCK]; /* those of the rest, by their place here */
    uint32_t rest_count;
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

/* What is free of it there. */
static int64_t amount_free(const struct count *count, const struct want *want, uint32_t row)
{
    if (want->column_kept) {
        return want->column.free[row];
    }
    if (want->slot && !count->slots_taken[row]) {
        return resource_available(want->name, 0);
    }
    const struct resources *room = ledger_free(count->question->ledger, row);
    return resource_available(want->name, resources_get(room, want->name));
}

/* Slots it has without saying so. */
static bool has_some(const struct count *count, const struct want *want, uint32_t row)
{
    if (want->column_kept) {
        return (want->column.has[row] >> want->column.bit & 1) != 0;
    }
    if (want->slot || want->vain) {
        return want->slot;
    }
    const struct node *node = nodes_get(count->question->nodes, row);
    return resources_get(&node->allocatable, want->name) > 0;
}

/* Whether the node may have nothing of something. */
static bool may_lack(const struct count *count, uint32_t row)
{
    return count->others ||
           (count->needed != 0 && (count->has[row] & count->needed) != count->needed);
}

/* Whether the node has nothing of something, which is noted. */
static bool lacks_all_of_one(struct count *count, uint32_t row)
{
    bool lacks = false;
    for (uint32_t i = 0; i < count->want_count; i++) {
        bool missing = !has_some(count, &count->wants[i], row);
        count->wants[i].missing += missing;
        lacks = lacks || missing;
    }
    return lacks;
}

/* Whether somebody has something that the node has only once, which is noted. */
static bool lacks_slot(struct count *count, uint32_t row)
{
    bool lacks = false;
    for (uint32_t i = 0; i < count->want_count; i++) {
        struct want *want = &count->wants[i];
        if (want->slot && amount_free(count, want, row) < want->amount) {
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

static void note_taint(struct count *count, uint32_t key)
{
    count->taints_differ =
        count->taints_differ || (count->taint != NAMES_NONE && count->taint != key);
    count->taint = key;
}

static enum admission_refusal refusal_of(const struct count *count, uint32_t row, uint32_t *key)
{
    uint8_t code = row < count->refusals.rows ? count->refusals.codes[row] : MASK_ASK;
    if (code == MASK_ASK) {
        return shapes_rules_refusal(count->question->shapes, &count->rules, row, key);
    }
    if (code < MASK_TAINTS) {
        return (enum admission_refusal)(code - MASK_KINDS);
    }
    *key = count->refusals.taints[code - MASK_TAINTS];
    return ADMISSION_TAINTED;
}

/* What the rules say of the node; KINDS: it is let in. */
static enum breakdown_kind find_refusal(struct count *count, uint32_t row)
{
    uint32_t key = NAMES_NONE;
    switch (refusal_of(count, row, &key)) {
    case ADMISSION_CORDONED:
        return BREAKDOWN_CORDONED;
    case ADMISSION_TAINTED:
        note_taint(count, key);
        return BREAKDOWN_TAINTED;
    case ADMISSION_UNWANTED:
        return BREAKDOWN_UNWANTED;
    case ADMISSION_ADMITTED:
        break;
    }
    return BREAKDOWN_KINDS;
}

/* The first kind that holds for a node without room that has something of everything. */
static enum breakdown_kind find_cause(struct count *count, uint32_t position, uint32_t row)
{
    const struct breakdown_question *question = count->question;
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
static enum breakdown_kind find_kind(struct count *count, const struct block *block, uint32_t i)
{
    if (block->copies[i] == 0 && may_lack(count, block->rows[i]) &&
        lacks_all_of_one(count, block->rows[i])) {
        return BREAKDOWN_NO_RESOURCE;
    }
    if (!block->known) {
        return BREAKDOWN_NO_DOMAIN;
    }
    return block->copies[i] == 0 ? find_cause(count, block->first + i, block->rows[i])
                                 : find_taken(count->question, block->first + i);
}

/* What the rest has of one resource, and what it lacks for one more. */
static void add_rest(const struct count *count, const struct block *block, struct want *want)
{
    __int128 free = 0;
    uint32_t lacking = 0;
    int64_t amounts[BLOCK];
    for (uint32_t r = 0; r < block->rest_count; r++) {
        uint32_t row = block->rows[block->rest[r]];
        amounts[r] = want->column_kept ? want->column.free[row] : amount_free(count, want, row);
    }
    for (uint32_t r = 0; r < block->rest_count; r++) {
        free += amounts[r] > 0 ? amounts[r] : 0;
        lacking += amounts[r] < ((__int128)block->copies[block->rest[r]] + 1) * want->amount;
    }
    want->free += free;
    want->lacking += lacking;
}

static void add(struct count *count, struct block *block)
{
    const struct breakdown_question *question = count->question;
    for (uint32_t i = 0; i < block->count; i++) {
        block->rows[i] = domains_row(question->domains, block->first + i);
        block->copies[i] = capacity_node(question->capacity, block->first + i);
    }
    block->rest_count = 0;
    for (uint32_t i = 0; i < block->count; i++) {
        enum breakdown_kind kind = find_kind(count, block, i);
        if (kind == BREAKDOWN_KINDS) {
            block->rest[block->rest_count++] = i;
        } else {
            count->breakdown->left_out[kind]++;
        }
    }
    for (uint32_t w = 0; w < count->want_count; w++) {
        add_rest(count, block, &count->wants[w]);
    }
    count->breakdown->nodes += block->count;
    count->breakdown->rest += block->rest_count;
}

/* Whether the level is one of domains, and not that of the cluster or of hosts. */
static bool is_inner(const struct breakdown_question *question)
{
    return question->level > 0 && question->level + 1 < domains_levels(question->domains);
}

static void add_range(struct count *count)
{
    const struct breakdown_question *question = count->question;
    const struct domains *domains = question->domains;
    struct block block;
    for (block.first = question->first; block.first < question->end; block.first += block.count) {
        uint32_t end = question->end;
        block.known = true;
        if (is_inner(question)) {
            const struct domain *around =
                domains_get(domains, domains_at(domains, block.first, question->level));
            block.known = around->known;
            end = around->end < end ? around->end : end;
        }
        block.count = end - block.first < BLOCK ? end - block.first : BLOCK;
        add(count, &block);
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

bool breakdown_before(const char *left, const char *right)
{
    if (resource_is_device(left) != resource_is_device(right)) {
        return resource_is_device(left);
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
    if (ledger_nobody_has(question->ledger, resource)) {
        return false;
    }
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

static void add_want(struct count *count, const struct resource *item)
{
    const struct breakdown_question *question = count->question;
    struct want *want = &count->wants[count->want_count++];
    *want = (struct want){
        .name = item->name,
        .slot = resource_is_slot(item->name),
        .vain = ledger_nobody_has(question->ledger, item->name),
        .amount = item->amount,
        .text = names_text(nodes_words(question->nodes), resource_word(item->name)),
    };
    want->column_kept = ledger_column(question->ledger, item->name, &want->column);
    if (want->column_kept) {
        count->has = want->column.has;
        count->needed |= UINT32_C(1) << want->column.bit;
    }
    count->others = count->others || !(want->column_kept || want->slot);
}

void breakdown_count(const struct breakdown_question *question, struct breakdown *breakdown)
{
    const struct resources *request = shapes_request(question->shapes, question->shape);
    const struct names *words = nodes_words(question->nodes);
    struct count count = {.question = question,
                          .breakdown = breakdown,
                          .rules = shapes_admission(question->shapes, question->shape),
                          .refusals = ledger_refusals(question->ledger, question->shape),
                          .slots_taken = ledger_slots_taken(question->ledger),
                          .wants = alloc_zero(request->count, sizeof(struct want)),
                          .taint = NAMES_NONE};
    breakdown_finish(breakdown);
    for (uint32_t i = 0; i < request->count; i++) {
        if (request->items[i].amount > 0) {
            add_want(&count, &request->items[i]);
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
