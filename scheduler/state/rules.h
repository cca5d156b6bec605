// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_STATE_RULES_H
#define SCHEDULER_STATE_RULES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#define uthash_fatal(message) abort()
#include <uthash.h>

#include "scheduler/objects.h"
#include "topology/base/bitset.h"
#include "topology/base/names.h"
#include "topology/graph/nodes.h"

/* What pods require of other pods, each distinct rule once.
 *
 *   apart      one required term of pod anti-affinity: pods that it selects are not in my domain of
 *              its key
 *   together   all required terms of pod affinity of a pod, as kube-scheduler takes them: pods that
 *              all of them select, one of them in my domain of each of the keys
 *
 * A rule is a list of words, which is its identity: pods of one template share theirs.
 *
 *   flags, k, { key } × k, parts, { everywhere, n, { namespace } × n,
 *                                   e, { key, operator, v, { value } × v } × e } × parts
 *
 * Keys of nodes are numbers of the node table's vocabulary, all other words of a table of the rules
 * own, so that what pods carry does not fill that of the nodes. Namespaces and values are sorted by
 * number.
 */

#define RULES_WORDS_MAX 4096         /* of one rule */
#define RULES_TEXT_MAX  (128u << 20) /* bytes of all words of pods, see wording.h */

struct peers_site;
struct peers_space;

struct rule {
    UT_hash_handle hh;
    uint32_t references;
    bool apart;
    bool claimed; /* affinity_object.claimed */
    uint32_t key_count;
    const uint32_t *keys; /* in `words` */
    uint32_t parts_at;    /* offset */
    uint32_t length;
    uint32_t *words;
    uint32_t number; /* in the checkpoint that is being saved */
    /* For peers.c alone, which says where it counts. */
    struct peers_space *space;
    bool far;
    bool counted;
    struct peers_site *selected;
    struct peers_site *carriers;
};

struct rules {
    struct nodes *nodes;
    struct names *words;
    struct rule *table;
    /* The rule that is being made; kept between uses. */
    uint32_t *draft;
    size_t count;
    size_t room;
    bool full;     /* a word did not find room */
    size_t budget; /* RULES_TEXT_MAX */
};

/* `nodes` is *borrowed* for its life. */
void rules_init(struct rules *rules, struct nodes *nodes, uint64_t seed);
void rules_finish(struct rules *rules);

/* The rule of a term of anti-affinity, or of all terms of affinity of a pod, with one reference
 * more; *new* or known. NULL when it is longer than RULES_WORDS_MAX, or there is no room for its
 * words: a new rule may take a small part of what RULES_TEXT_MAX leaves. *added tells that it is
 * new. */
struct rule *rules_apart(struct rules *rules, const struct affinity_object *term, bool *added);
struct rule *rules_together(struct rules *rules, const struct affinity_object *terms, size_t count,
                            bool *added);
/* One reference less; true when that was the last one: then rule_free() it. */
bool rules_release(struct rules *rules, struct rule *rule);
void rules_free(struct rules *rules, struct rule *rule);

/* Saves the words of a rule, or, given NULL, loads a rule that nobody refers to yet; its words'
 * tables are loaded already. NULL when the checkpoint failed. */
struct rule *rules_checkpoint(struct rules *rules, struct rule *rule,
                              struct checkpoint *checkpoint);

/* Whether the rule speaks of pods of this one namespace only. */
bool rule_is_near(const struct rule *rule, uint32_t space);

/* Labels in the order in which they are looked up; the one with the key, or NULL. */
void rule_sort_labels(struct label *labels, uint32_t count);
const struct label *rule_find_label(const struct label *labels, uint32_t count, uint32_t key);

/* Whether the rule selects a pod of the namespace with these labels, which are sorted. */
/* Adds the keys of the labels that the rule looks at, as bits by word. Returns how many labels. */
uint32_t rule_note_keys(const struct rule *rule, struct bitset *keys);

bool rule_selects(const struct rule *rule, uint32_t space, const struct label *labels,
                  uint32_t count);

#endif
