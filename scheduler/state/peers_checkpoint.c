// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "scheduler/state/peers_table.h"
#include "topology/base/alloc.h"

/* Namespaces and rules in a checkpoint (peers.h), in the order of their creation, which is that of
 * every list they are in. Where pods stand is not saved: they enter again, and the sites of rules
 * that were counted add up as they did.
 */

#define SPACES_MAX (1u << 22)
#define RULES_MAX  (1u << 22)

static void code_spaces(struct peers *peers, struct checkpoint *checkpoint)
{
    uint32_t count = HASH_COUNT(peers->spaces);
    struct names *words = peers->rules.words;
    checkpoint_count(checkpoint, &count, SPACES_MAX);
    if (!checkpoint->loading) {
        uint32_t number = 0;
        for (struct peers_space *space = peers->spaces; space != NULL; space = space->hh.next) {
            space->number = number++;
            checkpoint_place(checkpoint, &space->name, (uint32_t)names_bound(words));
        }
        return;
    }
    peers->loaded.spaces = alloc_zero(count, sizeof(struct peers_space *));
    for (uint32_t i = 0; i < count && !checkpoint->failed; i++) {
        struct peers_space *other = NULL;
        uint32_t name = 0;
        checkpoint_place(checkpoint, &name, (uint32_t)names_bound(words));
        HASH_FIND(hh, peers->spaces, &name, sizeof name, other);
        if (!checkpoint_check(checkpoint,
                              !checkpoint->failed && other == NULL && names_has(words, name),
                              "a namespace that cannot be")) {
            return;
        }
        struct peers_space *space = alloc_zero(1, sizeof *space);
        space->name = name;
        names_retain(words, name);
        HASH_ADD(hh, peers->spaces, name, sizeof name, space);
        peers->loaded.spaces[i] = space;
        peers->loaded.space_count = i + 1;
    }
}

static void enlist(struct peers *peers, struct rule *rule, struct peers_space *space)
{
    rule->space = space;
    space->users++;
    space->far += rule->far;
    peers_list_add(rule->far ? &peers->far : &space->near, rule);
}

static struct rule *code_rule(struct peers *peers, struct rule *rule, struct checkpoint *checkpoint)
{
    uint32_t space = rule == NULL ? 0 : rule->space->number;
    rule = rules_checkpoint(&peers->rules, rule, checkpoint);
    if (rule == NULL) {
        return NULL;
    }
    checkpoint_place(checkpoint, &space,
                     checkpoint->loading ? peers->loaded.space_count : UINT32_MAX - 1);
    checkpoint_bool(checkpoint, &rule->far);
    checkpoint_bool(checkpoint, &rule->counted);
    if (checkpoint->loading && !checkpoint->failed) {
        enlist(peers, rule, peers->loaded.spaces[space]);
    }
    return rule;
}

void peers_checkpoint(struct peers *peers, struct checkpoint *checkpoint)
{
    uint32_t count = HASH_COUNT(peers->rules.table), number = 0;
    checkpoint_section(checkpoint, "rules about pods");
    names_checkpoint(peers->rules.words, checkpoint);
    code_spaces(peers, checkpoint);
    checkpoint_count(checkpoint, &count, RULES_MAX);
    if (!checkpoint->loading) {
        for (struct rule *rule = peers->rules.table; rule != NULL; rule = rule->hh.next) {
            rule->number = number++;
            (void)code_rule(peers, rule, checkpoint);
        }
        return;
    }
    peers->loaded.rules = alloc_zero(count, sizeof(struct rule *));
    for (; number < count && !checkpoint->failed; number++) {
        struct rule *rule = code_rule(peers, NULL, checkpoint);
        peers->loaded.rules[number] = rule;
        peers->loaded.rule_count += rule != NULL;
    }
}

static void code_labels(struct peers *peers, struct peer *peer, struct checkpoint *checkpoint)
{
    struct names *words = peers->rules.words;
    uint32_t count = peer->label_count;
    checkpoint_count(checkpoint, &count, POD_LABELS_MAX);
    if (checkpoint->loading && count > 0) {
        peer->labels = alloc_zero(count, sizeof *peer->labels);
    }
    for (uint32_t i = 0; i < count && !checkpoint->failed; i++) {
        struct label *label = &peer->labels[i];
        checkpoint_place(checkpoint, &label->key, (uint32_t)names_bound(words));
        checkpoint_place(checkpoint, &label->value, (uint32_t)names_bound(words));
        if (checkpoint->loading &&
            checkpoint_check(checkpoint,
                             !checkpoint->failed && names_has(words, label->key) &&
                                 names_has(words, label->value),
                             "a word that is none")) {
            names_retain(words, label->key);
            names_retain(words, label->value);
            peer->label_count++;
        }
    }
}

static void code_rules(struct peers *peers, struct peer *peer, struct checkpoint *checkpoint)
{
    uint32_t count = peer->rule_count;
    checkpoint_count(checkpoint, &count, PEERS_RULES_MAX);
    if (checkpoint->loading && count > 0) {
        peer->rules = alloc_zero(count, sizeof(struct rule *));
    }
    for (uint32_t i = 0; i < count && !checkpoint->failed; i++) {
        uint32_t number = checkpoint->loading ? 0 : peer->rules[i]->number;
        checkpoint_place(checkpoint, &number,
                         checkpoint->loading ? peers->loaded.rule_count : UINT32_MAX - 1);
        if (checkpoint->loading && !checkpoint->failed) {
            peer->rules[i] = peers->loaded.rules[number];
            peer->rules[i]->references++;
            peer->rule_count++;
        }
    }
}

void peers_checkpoint_pod(struct peers *peers, struct peer *peer, struct checkpoint *checkpoint)
{
    uint32_t space = peer->space == NULL ? CHECKPOINT_NONE : peer->space->number;
    checkpoint_index(checkpoint, &space,
                     checkpoint->loading ? peers->loaded.space_count : UINT32_MAX - 1);
    if (checkpoint->loading && !checkpoint->failed && space != CHECKPOINT_NONE) {
        peer->space = peers->loaded.spaces[space];
        peer->space->users++;
    }
    checkpoint_bool(checkpoint, &peer->unlabelled);
    code_labels(peers, peer, checkpoint);
    code_rules(peers, peer, checkpoint);
}

void peers_loaded(struct peers *peers, uint64_t moves, struct checkpoint *checkpoint)
{
    for (uint32_t i = 0; i < peers->loaded.rule_count; i++) {
        (void)checkpoint_check(checkpoint, peers->loaded.rules[i]->references > 0,
                               "a rule that nobody has");
    }
    for (uint32_t i = 0; i < peers->loaded.space_count; i++) {
        (void)checkpoint_check(checkpoint, peers->loaded.spaces[i]->users > 0,
                               "a namespace that nobody has");
    }
    names_loaded(peers->rules.words);
    free(peers->loaded.spaces);
    free(peers->loaded.rules);
    peers->loaded = (struct peers_loaded){.spaces = NULL};
    peers->moves = moves;
}
