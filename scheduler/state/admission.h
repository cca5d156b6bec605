// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_STATE_ADMISSION_H
#define SCHEDULER_STATE_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

#include "topology/graph/nodes.h"

/* Whether pods of a kind may run on a node at all, free capacity aside. This mirrors
 * kube-scheduler's NodeUnschedulable, TaintToleration and NodeAffinity filters
 * (pkg/scheduler/framework/plugins). What it cannot know (volumes, devices, inter-pod affinity)
 * kube-scheduler says later, by a veto.
 *
 * The rules are a list of words, made by shape.c of a pod's node selector, required node affinity
 * and tolerations:
 *
 *   selector     n, { key, value } × n                               sorted
 *   terms        n, { m, { key, operator | field, k, value × k } × m } × n      values sorted
 *   tolerations  n, { key, value, operator | effect } × n
 *
 * Names are numbers of the node table's vocabulary, absent ones NAMES_NONE. Equal rules are equal
 * words, so that they can be compared and hashed as they are.
 */

#define ADMISSION_FIELD      0x100u /* beside the operator: a field of the node, not a label */
#define ADMISSION_ANY_EFFECT 0xffu  /* beside the operator of a toleration */

/* *Borrowed* from whoever keeps the words. */
struct admission {
    const uint32_t *words;
    uint32_t length;
    uint32_t terms_at; /* offsets into words */
    uint32_t tolerations_at;
};

/* `unschedulable_key`: the number of "node.kubernetes.io/unschedulable". */
bool admission_admits(const struct admission *admission, const struct nodes *nodes,
                      uint32_t unschedulable_key, uint32_t row);

/* What keeps pods off a node: the first that holds, in this order. */
enum admission_refusal {
    ADMISSION_CORDONED,
    ADMISSION_TAINTED,  /* *key: of the first taint, by its text, that is not tolerated */
    ADMISSION_UNWANTED, /* the selector or the affinity does not match it */
    ADMISSION_ADMITTED, /* nothing */
};
enum admission_refusal admission_refusal(const struct admission *admission,
                                         const struct nodes *nodes, uint32_t unschedulable_key,
                                         uint32_t row, uint32_t *key);

/* How much a node is liked: the sum of the weights of the preferred terms that match it. The words
 * are  n, { weight, m, { key, operator | field, k, value × k } × m } × n. */
uint32_t admission_liking(const uint32_t *words, const struct nodes *nodes, uint32_t row);

/* Whether one expression holds on a node; it starts at `expression`. Its values are sorted. */
bool admission_holds(const struct nodes *nodes, uint32_t row, const uint32_t *expression);
void admission_sort(uint32_t *values, uint32_t count);
/* What Gt and Lt compare: what strconv.ParseInt(text, 10, 64) takes, or false. */
bool admission_number(const char *text, int64_t *number);
/* Whether the labels that the selector names are there: the terms are not looked at. */
bool admission_selects(const struct admission *admission, const struct nodes *nodes, uint32_t row);
/* What of a node's own keeps pods off: CORDONED, TAINTED, or ADMITTED when nothing does. */
enum admission_refusal admission_keeps_off(const struct admission *admission,
                                           const struct nodes *nodes, uint32_t unschedulable_key,
                                           uint32_t row, uint32_t *key);
/* Words of the terms, which say how long it takes to look at them. */
uint32_t admission_terms_length(const struct admission *admission);

bool admission_equal(const struct admission *a, const struct admission *b);

#endif
