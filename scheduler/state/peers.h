// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_STATE_PEERS_H
#define SCHEDULER_STATE_PEERS_H

#include <stdbool.h>
#include <stdint.h>

#include "scheduler/objects.h"
#include "scheduler/state/rules.h"
#include "topology/base/bitset.h"
#include "topology/graph/nodes.h"

/* Pods as other pods see them: by their labels and by what they require of each other, and where
 * those stand (Kubernetes' InterPodAffinity).
 *
 *                       placed pods by node
 *   rule "apart, rack, app=web"   selected   n1: 2  n7: 1      that it selects, once somebody asked
 *                                 carriers   n1: 1             that have it
 *
 * - A pod that comes or goes is matched with the rules that count where it is: those of its own
 *   namespace about that one alone (*near*), and those that look into other namespaces (*far*).
 *   There are at most PEERS_NEAR_MAX and PEERS_FAR_MAX of these, so an event costs a bounded time,
 *   whatever tenants write.
 * - Whom a rule selects is counted from the first question on: only rules of members of gangs are
 *   ever asked about. That question looks at the placed pods of the namespace, or at all of them
 *   when the rule is far; peers_count() says how many.
 * - A rule beyond a limit is none: kube-scheduler alone knows it then. Nothing is ever taken for
 *   granted of it.
 */

#define PEERS_NEAR_MAX   256
#define PEERS_FAR_MAX    1024
#define PEERS_FAR_OF_ONE 256 /* … of pods of one namespace */
#define PEERS_RULES_MAX  (POD_AFFINITIES_MAX + 1)

struct peers;

/* Of a pod; all zero is one that nothing is known of. For peers.c alone, but for reading. Whoever
 * has it frees `labels` and `rules` when the table is gone. */
struct peer {
    struct peers_space *space;
    struct label *labels; /* words of the rules' table, rule_sort_labels() */
    uint32_t label_count;
    bool unlabelled; /* its labels found no room, and are not known */
    struct rule **rules;
    uint32_t rule_count;
    const char *left; /* what of its terms is not kept, in constant words, or NULL */
    uint32_t row;     /* where it stands; counts while `placed` */
    bool placed;
    struct peer *before; /* others of the namespace that stand somewhere */
    struct peer *after;
};

/* So many placed pods on a row. */
struct peers_site {
    UT_hash_handle hh;
    uint32_t row;
    uint32_t count;
};

/* *New*; `nodes` is *borrowed* for its life. */
struct peers *peers_create(struct nodes *nodes, uint64_t seed);
void peers_destroy(struct peers *peers);

/* Takes in what the object says; true when that is new. */
bool peers_observe(struct peers *peers, struct peer *peer, const struct pod_object *object);
/* Forgets a pod that stands nowhere. */
void peers_forget(struct peers *peers, struct peer *peer);

/* The pod stands on the row from now on; it stands nowhere any more. */
void peers_enter(struct peers *peers, struct peer *peer, uint32_t row);
void peers_leave(struct peers *peers, struct peer *peer);

/* Another bound than RULES_TEXT_MAX. For tests. */
void peers_limit(struct peers *peers, size_t text);
/* The words of labels, namespaces and rules. *Borrowed*. */
const struct names *peers_words(const struct peers *peers);

/* Whether anybody has any rule. */
bool peers_any(const struct peers *peers);
/* Moves on whenever a row got its first pod, or lost its last one, that a counted rule selects or
 * that has a rule: somebody who was kept from a place for that may get it now. */
uint64_t peers_moves(const struct peers *peers);

/* The keys of the labels that the rules look at: bits by word; *new*. *looked_at: expressions that
 * a pod has to be compared with, for all of them. */
struct bitset *peers_keys(const struct peers *peers, struct rule *const *rules, uint32_t count,
                          uint32_t *looked_at);
/* Whether two pods of one namespace have the same labels as far as those keys go: the rules select
 * both, or neither. *looked_at grows. */
bool peers_look_alike(const struct peer *a, const struct peer *b, const struct bitset *keys,
                      uint64_t *looked_at);

bool peers_selects(const struct rule *rule, const struct peer *peer);
bool peers_has(const struct peer *peer, const struct rule *rule);

/* Where pods stand that the rule selects, and that have it: the first site, then site->hh.next.
 * *Borrowed* until something changes. Counts the former first if nobody asked yet, and adds to
 * *looked_at how many pods were looked at. */
const struct peers_site *peers_selected(struct peers *peers, struct rule *rule,
                                        uint64_t *looked_at);
const struct peers_site *peers_carriers(const struct rule *rule);

/* Saves the namespaces and rules, or loads them into an empty table; the words of the nodes are
 * loaded already. Pods follow, each of them nowhere at first, in the order of the first time; then
 * they enter, and peers_loaded() ends it. */
void peers_checkpoint(struct peers *peers, struct checkpoint *checkpoint);
void peers_checkpoint_pod(struct peers *peers, struct peer *peer, struct checkpoint *checkpoint);
void peers_loaded(struct peers *peers, uint64_t moves, struct checkpoint *checkpoint);

/* The rules that may select pods of the peer's namespace: the nth, or NULL behind the last. */
struct rule *peers_rule(const struct peers *peers, const struct peer *peer, uint32_t nth);

#endif
