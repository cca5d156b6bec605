// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/rules.h"

#include <string.h>

#include "scheduler/state/wording.h"
#include "topology/base/alloc.h"

/* A rule has a reference to every word in it. While one is made its words are interned, too; when
 * it turns out to be known, or too long, they are let go of again by walking it.
 *
 * What a term may bring is bounded by objects.h; what comes from a journal may be more, so it is
 * checked here once more.
 */

#define WORDS_MAX (1u << 24)
#define APART     1u
#define CLAIMED   2u

void rules_init(struct rules *rules, struct nodes *nodes, uint64_t seed)
{
    *rules = (struct rules){
        .nodes = nodes, .words = names_create(WORDS_MAX, seed), .budget = RULES_TEXT_MAX};
}

void rules_finish(struct rules *rules)
{
    struct rule *rule, *next;
    HASH_ITER (hh, rules->table, rule, next) {
        rules_free(rules, rule);
    }
    names_destroy(rules->words);
    free(rules->draft);
}

/* ---- walking ---- */

/* A look at a list of words, part by part. */
struct part {
    bool everywhere;
    const uint32_t *spaces;
    uint32_t space_count;
    const uint32_t *expressions;
    uint32_t expression_count;
};

struct expression {
    uint32_t key;
    enum selector_operator relation;
    const uint32_t *values;
    uint32_t value_count;
};

/* The words behind the head of a part, which are its expressions. */
static const uint32_t *read_part(const uint32_t *words, struct part *part)
{
    part->everywhere = words[0] != 0;
    part->space_count = words[1];
    part->spaces = words + 2;
    part->expression_count = words[2 + part->space_count];
    part->expressions = words + 3 + part->space_count;
    return part->expressions;
}

static const uint32_t *read_expression(const uint32_t *words, struct expression *expression)
{
    expression->key = words[0];
    expression->relation = (enum selector_operator)words[1];
    expression->value_count = words[2];
    expression->values = words + 3;
    return words + 3 + expression->value_count;
}

/* ---- making ---- */

static void put(struct rules *rules, uint32_t word)
{
    if (rules->count >= RULES_WORDS_MAX) {
        rules->full = true;
        return;
    }
    rules->draft = alloc_grow(rules->draft, &rules->room, rules->count + 1, sizeof(uint32_t));
    rules->draft[rules->count++] = word;
}

/* A word that does not find room is NAMES_NONE, and makes the rule none. */
static void put_name(struct rules *rules, struct names *names, const char *text)
{
    uint32_t word = rules->full || rules->count >= RULES_WORDS_MAX || text == NULL
                        ? NAMES_NONE
                        : names_intern(names, text, strlen(text));
    rules->full = rules->full || word == NAMES_NONE;
    put(rules, word);
}

static int compare_words(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

/* Texts behind their number, sorted by their numbers. */
static void put_list(struct rules *rules, const char *const *texts, size_t count)
{
    put(rules, (uint32_t)count);
    size_t first = rules->count;
    for (size_t i = 0; i < count; i++) {
        put_name(rules, rules->words, texts[i]);
    }
    if (rules->count > first) {
        qsort(&rules->draft[first], rules->count - first, sizeof(uint32_t), compare_words);
    }
}

static void put_part(struct rules *rules, const struct affinity_object *term)
{
    put(rules, term->everywhere);
    put_list(rules, term->name_spaces, term->everywhere ? 0 : term->name_space_count);
    put(rules, (uint32_t)term->expression_count);
    for (size_t i = 0; i < term->expression_count; i++) {
        const struct expression_object *expression = &term->expressions[i];
        put_name(rules, rules->words, expression->key);
        put(rules, (uint32_t)expression->operator);
        put_list(rules, expression->values, expression->value_count);
    }
}

/* Lets go of the words of a rule that is none, `count` of them being there. */
static void drop_draft(struct rules *rules, const struct affinity_object *terms, size_t count)
{
    size_t at = 2;
    for (; at < 2 + count && at < rules->count; at++) {
        if (rules->draft[at] != NAMES_NONE) {
            names_release(nodes_vocabulary(rules->nodes), rules->draft[at]);
        }
    }
    at++;
    for (size_t t = 0; t < count; t++) {
        size_t spaces = terms[t].everywhere ? 0 : terms[t].name_space_count;
        at += 2;
        for (size_t i = 0; i < spaces && at < rules->count; i++, at++) {
            if (rules->draft[at] != NAMES_NONE) {
                names_release(rules->words, rules->draft[at]);
            }
        }
        at++;
        for (size_t e = 0; e < terms[t].expression_count; e++) {
            if (at < rules->count && rules->draft[at] != NAMES_NONE) {
                names_release(rules->words, rules->draft[at]);
            }
            at += 3;
            for (size_t v = 0; v < terms[t].expressions[e].value_count; v++, at++) {
                if (at < rules->count && rules->draft[at] != NAMES_NONE) {
                    names_release(rules->words, rules->draft[at]);
                }
            }
        }
    }
}

static struct rule *add(struct rules *rules, bool apart, bool claimed, uint32_t keys)
{
    struct rule *rule = alloc_zero(1, sizeof *rule);
    rule->apart = apart;
    rule->claimed = claimed;
    rule->length = (uint32_t)rules->count;
    rule->words = alloc_zero(rules->count, sizeof(uint32_t));
    memcpy(rule->words, rules->draft, rules->count * sizeof(uint32_t));
    rule->keys = rule->words + 2;
    rule->key_count = keys;
    rule->parts_at = 2 + keys;
    HASH_ADD_KEYPTR(hh, rules->table, rule->words, rule->length * sizeof(uint32_t), rule);
    return rule;
}

static struct rule *get(struct rules *rules, const struct affinity_object *terms, size_t count,
                        bool apart, bool *added)
{
    struct rule *rule = NULL;
    bool claimed = apart && terms[0].claimed;
    size_t before = names_bytes(rules->words);
    rules->count = 0;
    rules->full = false;
    *added = false;
    put(rules, (apart ? APART : 0) | (claimed ? CLAIMED : 0));
    put(rules, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        put_name(rules, nodes_vocabulary(rules->nodes), terms[i].key);
    }
    put(rules, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        put_part(rules, &terms[i]);
    }
    if (!rules->full) {
        HASH_FIND(hh, rules->table, rules->draft, rules->count * sizeof(uint32_t), rule);
    }
    *added = rule == NULL && !rules->full &&
             wording_fits(names_bytes(rules->words) - before, before, rules->budget);
    if (*added) {
        rule = add(rules, apart, claimed, (uint32_t)count);
    } else {
        drop_draft(rules, terms, count);
    }
    if (rule != NULL) {
        rule->references++;
    }
    return rule;
}

struct rule *rules_apart(struct rules *rules, const struct affinity_object *term, bool *added)
{
    return get(rules, term, 1, true, added);
}

struct rule *rules_together(struct rules *rules, const struct affinity_object *terms, size_t count,
                            bool *added)
{
    return get(rules, terms, count, false, added);
}

bool rules_release(struct rules *rules, struct rule *rule)
{
    (void)rules;
    return --rule->references == 0;
}

/* Every word of a rule: of the nodes' vocabulary or of the rules' own. */
static void walk(struct rules *rules, const struct rule *rule,
                 void (*each)(struct names *names, uint32_t word))
{
    const uint32_t *words = rule->words + rule->parts_at + 1;
    for (uint32_t i = 0; i < rule->key_count; i++) {
        each(nodes_vocabulary(rules->nodes), rule->keys[i]);
    }
    for (uint32_t p = 0; p < rule->words[rule->parts_at]; p++) {
        struct part part;
        words = read_part(words, &part);
        for (uint32_t i = 0; i < part.space_count; i++) {
            each(rules->words, part.spaces[i]);
        }
        for (uint32_t e = 0; e < part.expression_count; e++) {
            struct expression expression;
            words = read_expression(words, &expression);
            each(rules->words, expression.key);
            for (uint32_t v = 0; v < expression.value_count; v++) {
                each(rules->words, expression.values[v]);
            }
        }
    }
}

void rules_free(struct rules *rules, struct rule *rule)
{
    HASH_DELETE(hh, rules->table, rule);
    walk(rules, rule, names_release);
    free(rule->words);
    free(rule);
}

/* ---- checkpoint ---- */

struct walker {
    const uint32_t *words;
    uint32_t length;
    uint32_t at;
    bool sound;
};

static uint32_t next_word(struct walker *walker)
{
    if (walker->at >= walker->length) {
        walker->sound = false;
        return 0;
    }
    return walker->words[walker->at++];
}

/* So many names. */
static void next_names(struct walker *walker, const struct names *names, uint32_t count)
{
    for (uint32_t i = 0; i < count && walker->sound; i++) {
        walker->sound = names_has(names, next_word(walker)) && walker->sound;
    }
}

/* Whether the words are those of a rule, and every name in them is known. */
static bool is_sound(const struct rules *rules, const uint32_t *words, uint32_t length)
{
    struct walker walker = {.words = words, .length = length, .sound = true};
    uint32_t flags = next_word(&walker);
    uint32_t keys = next_word(&walker);
    next_names(&walker, nodes_words(rules->nodes), keys);
    uint32_t parts = next_word(&walker);
    for (uint32_t p = 0; p < parts && walker.sound; p++) {
        (void)next_word(&walker); /* everywhere */
        next_names(&walker, rules->words, next_word(&walker));
        uint32_t expressions = next_word(&walker);
        for (uint32_t e = 0; e < expressions && walker.sound; e++) {
            next_names(&walker, rules->words, 1);
            walker.sound = next_word(&walker) <= SELECTOR_LESS && walker.sound;
            next_names(&walker, rules->words, next_word(&walker));
        }
    }
    return walker.sound && walker.at == length && flags <= (APART | CLAIMED) && keys > 0 &&
           parts == keys;
}

struct rule *rules_checkpoint(struct rules *rules, struct rule *rule, struct checkpoint *checkpoint)
{
    uint32_t length = rule == NULL ? 0 : rule->length;
    struct rule *other = NULL;
    checkpoint_count(checkpoint, &length, RULES_WORDS_MAX);
    if (!checkpoint->loading) {
        checkpoint_words(checkpoint, rule == NULL ? NULL : rule->words, length);
        return rule;
    }
    rules->draft = alloc_grow(rules->draft, &rules->room, RULES_WORDS_MAX, sizeof(uint32_t));
    rules->count = length;
    checkpoint_words(checkpoint, rules->draft, length);
    if (!checkpoint_check(checkpoint, !checkpoint->failed && is_sound(rules, rules->draft, length),
                          "a rule that cannot be")) {
        return NULL;
    }
    HASH_FIND(hh, rules->table, rules->draft, length * sizeof(uint32_t), other);
    if (!checkpoint_check(checkpoint, other == NULL, "a rule that is there already")) {
        return NULL;
    }
    rule = add(rules, (rules->draft[0] & APART) != 0, (rules->draft[0] & CLAIMED) != 0,
               rules->draft[1]);
    walk(rules, rule, names_retain);
    return rule;
}

/* ---- selecting ---- */

static bool is_listed(const uint32_t *list, uint32_t count, uint32_t word)
{
    return count > 0 && bsearch(&word, list, count, sizeof *list, compare_words) != NULL;
}

static int compare_keys(const void *left, const void *right)
{
    return compare_words(&((const struct label *)left)->key, &((const struct label *)right)->key);
}

const struct label *rule_find_label(const struct label *labels, uint32_t count, uint32_t key)
{
    const struct label wanted = {.key = key};
    return count == 0 ? NULL : bsearch(&wanted, labels, count, sizeof *labels, compare_keys);
}

static bool holds(const struct expression *expression, const struct label *labels, uint32_t count)
{
    const struct label *label = rule_find_label(labels, count, expression->key);
    bool there = label != NULL;
    switch (expression->relation) {
    case SELECTOR_IN:
        return there && is_listed(expression->values, expression->value_count, label->value);
    case SELECTOR_NOT_IN:
        return !there || !is_listed(expression->values, expression->value_count, label->value);
    case SELECTOR_EXISTS:
        return there;
    case SELECTOR_DOES_NOT_EXIST:
        return !there;
    case SELECTOR_GREATER:
    case SELECTOR_LESS:
        break;
    }
    return false;
}

void rule_sort_labels(struct label *labels, uint32_t count)
{
    if (count > 0) {
        qsort(labels, count, sizeof *labels, compare_keys);
    }
}

bool rule_is_near(const struct rule *rule, uint32_t space)
{
    const uint32_t *words = rule->words + rule->parts_at + 1;
    for (uint32_t p = 0; p < rule->words[rule->parts_at]; p++) {
        struct part part;
        words = read_part(words, &part);
        if (part.everywhere || part.space_count != 1 || part.spaces[0] != space) {
            return false;
        }
        for (uint32_t e = 0; e < part.expression_count; e++) {
            struct expression expression;
            words = read_expression(words, &expression);
        }
    }
    return true;
}

uint32_t rule_note_keys(const struct rule *rule, struct bitset *keys)
{
    const uint32_t *words = rule->words + rule->parts_at + 1;
    uint32_t count = 0;
    for (uint32_t p = 0; p < rule->words[rule->parts_at]; p++) {
        struct part part;
        words = read_part(words, &part);
        for (uint32_t e = 0; e < part.expression_count; e++) {
            struct expression expression;
            words = read_expression(words, &expression);
            bitset_set(keys, expression.key);
            count++;
        }
    }
    return count;
}

bool rule_selects(const struct rule *rule, uint32_t space, const struct label *labels,
                  uint32_t count)
{
    const uint32_t *words = rule->words + rule->parts_at + 1;
    for (uint32_t p = 0; p < rule->words[rule->parts_at]; p++) {
        struct part part;
        words = read_part(words, &part);
        if (!part.everywhere && !is_listed(part.spaces, part.space_count, space)) {
            return false;
        }
        for (uint32_t e = 0; e < part.expression_count; e++) {
            struct expression expression;
            words = read_expression(words, &expression);
            if (!holds(&expression, labels, count)) {
                return false;
            }
        }
    }
    return true;
}
