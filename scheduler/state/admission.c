// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/admission.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/objects.h"

/* The rules are run as a program: the selector's pairs must all be there, then one of the terms
 * must hold, then every taint that keeps pods off must be tolerated. Nothing is remembered between
 * calls.
 */

static bool tolerates(const struct admission *admission, const struct taint *taint)
{
    const uint32_t *word = &admission->words[admission->tolerations_at];
    uint32_t count = *word++;
    for (uint32_t i = 0; i < count; i++, word += 3) {
        uint32_t effect = word[2] & 0xffu;
        bool exists = (word[2] >> 8) == TOLERATION_EXISTS;
        if ((effect == ADMISSION_ANY_EFFECT || effect == (uint32_t)taint->effect) &&
            (word[0] == NAMES_NONE ? exists : word[0] == taint->key) &&
            (exists || word[1] == taint->value)) {
            return true;
        }
    }
    return false;
}

static bool cordon_tolerated(const struct admission *admission, const struct nodes *nodes,
                             uint32_t unschedulable_key)
{
    const struct taint taint = {unschedulable_key, names_find(nodes_words(nodes), "", 0),
                                TAINT_NO_SCHEDULE};
    return tolerates(admission, &taint);
}

static bool keeps_off(const struct admission *admission, const struct taint *taint)
{
    return taint->effect != TAINT_PREFER_NO_SCHEDULE && !tolerates(admission, taint);
}

static bool taints_tolerated(const struct admission *admission, const struct node *node)
{
    for (uint32_t i = 0; i < node->taint_count; i++) {
        if (keeps_off(admission, &node->taints[i])) {
            return false;
        }
    }
    return true;
}

/* A sign or none, digits, nothing else, inside int64. */
bool admission_number(const char *text, int64_t *number)
{
    const char *digits = *text == '-' || *text == '+' ? text + 1 : text;
    if (*digits == '\0' || digits[strspn(digits, "0123456789")] != '\0') {
        return false;
    }
    errno = 0;
    *number = strtoll(text, NULL, 10);
    return errno == 0;
}

/* Gt and Lt compare whole numbers; anything else matches nothing. */
static bool compares(const struct nodes *nodes, enum selector_operator relation, uint32_t have,
                     uint32_t want)
{
    const struct names *names = nodes_words(nodes);
    int64_t left, right;
    if (!admission_number(names_text(names, have), &left) ||
        !admission_number(names_text(names, want), &right)) {
        return false;
    }
    return relation == SELECTOR_GREATER ? left > right : left < right;
}

static int compare_words(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

void admission_sort(uint32_t *values, uint32_t count)
{
    if (count > 1) {
        qsort(values, count, sizeof *values, compare_words);
    }
}

bool admission_holds(const struct nodes *nodes, uint32_t row, const uint32_t *expression)
{
    enum selector_operator relation = (enum selector_operator)(expression[1] & 0xffu);
    bool field = (expression[1] & ADMISSION_FIELD) != 0;
    uint32_t count = expression[2];
    const uint32_t *values = &expression[3];
    uint32_t have;
    if (field) {
        const char *name = nodes_name(nodes, row);
        have = names_find(nodes_words(nodes), name, strlen(name));
    } else {
        have = nodes_label(nodes, row, expression[0]);
    }
    bool in = have != NAMES_NONE && count > 0 &&
              bsearch(&have, values, count, sizeof *values, compare_words) != NULL;
    switch (relation) {
    case SELECTOR_IN:
        return in;
    case SELECTOR_NOT_IN:
        return !in;
    case SELECTOR_EXISTS:
        return have != NAMES_NONE;
    case SELECTOR_DOES_NOT_EXIST:
        return have == NAMES_NONE;
    case SELECTOR_GREATER:
    case SELECTOR_LESS:
        return have != NAMES_NONE && count == 1 && compares(nodes, relation, have, values[0]);
    }
    return false;
}

/* Whether a term matches, which starts at *word; *word is behind it then. */
static bool term_holds(const struct nodes *nodes, uint32_t row, const uint32_t **word)
{
    uint32_t expressions = *(*word)++;
    bool all = expressions > 0;
    for (uint32_t e = 0; e < expressions; e++) {
        all = all && admission_holds(nodes, row, *word);
        *word += 3 + (*word)[2];
    }
    return all;
}

uint32_t admission_liking(const uint32_t *words, const struct nodes *nodes, uint32_t row)
{
    uint32_t count = *words++, liking = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t weight = *words++;
        liking += term_holds(nodes, row, &words) ? weight : 0;
    }
    return liking;
}

static bool any_term_holds(const struct admission *admission, const struct nodes *nodes,
                           uint32_t row)
{
    const uint32_t *word = &admission->words[admission->terms_at];
    uint32_t terms = *word++;
    bool matched = terms == 0;
    for (uint32_t t = 0; t < terms && !matched; t++) {
        matched = term_holds(nodes, row, &word);
    }
    return matched;
}

bool admission_selects(const struct admission *admission, const struct nodes *nodes, uint32_t row)
{
    const uint32_t *word = admission->words;
    uint32_t count = *word++;
    for (uint32_t i = 0; i < count; i++, word += 2) {
        if (nodes_label(nodes, row, word[0]) != word[1]) {
            return false;
        }
    }
    return true;
}

bool admission_admits(const struct admission *admission, const struct nodes *nodes,
                      uint32_t unschedulable_key, uint32_t row)
{
    const struct node *node = nodes_get(nodes, row);
    return node->present && admission_selects(admission, nodes, row) &&
           any_term_holds(admission, nodes, row) &&
           (!node->unschedulable || cordon_tolerated(admission, nodes, unschedulable_key)) &&
           taints_tolerated(admission, node);
}

uint32_t admission_terms_length(const struct admission *admission)
{
    return admission->tolerations_at - admission->terms_at;
}

enum admission_refusal admission_keeps_off(const struct admission *admission,
                                           const struct nodes *nodes, uint32_t unschedulable_key,
                                           uint32_t row, uint32_t *key)
{
    const struct node *node = nodes_get(nodes, row);
    *key = NAMES_NONE;
    if (node->unschedulable && !cordon_tolerated(admission, nodes, unschedulable_key)) {
        return ADMISSION_CORDONED;
    }
    const struct names *words = nodes_words(nodes);
    for (uint32_t i = 0; i < node->taint_count; i++) {
        const struct taint *taint = &node->taints[i];
        if (keeps_off(admission, taint) &&
            (*key == NAMES_NONE ||
             strcmp(names_text(words, taint->key), names_text(words, *key)) < 0)) {
            *key = taint->key;
        }
    }
    return *key != NAMES_NONE ? ADMISSION_TAINTED : ADMISSION_ADMITTED;
}

enum admission_refusal admission_refusal(const struct admission *admission,
                                         const struct nodes *nodes, uint32_t unschedulable_key,
                                         uint32_t row, uint32_t *key)
{
    enum admission_refusal own = admission_keeps_off(admission, nodes, unschedulable_key, row, key);
    if (own != ADMISSION_ADMITTED) {
        return own;
    }
    return admission_selects(admission, nodes, row) && any_term_holds(admission, nodes, row)
               ? ADMISSION_ADMITTED
               : ADMISSION_UNWANTED;
}

bool admission_equal(const struct admission *a, const struct admission *b)
{
    return a->length == b->length && memcmp(a->words, b->words, a->length * sizeof(uint32_t)) == 0;
}
