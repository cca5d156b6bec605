// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_STATE_PEERS_TABLE_H
#define SCHEDULER_STATE_PEERS_TABLE_H

#include "scheduler/state/peers.h"

/* What the table of peers.c consists of, for it and peers_checkpoint.c. Nobody else includes this.
 */

struct list {
    struct rule **items;
    uint32_t count;
    size_t room;
};

struct peers_space {
    UT_hash_handle hh;
    uint32_t name; /* word; reference held */
    uint32_t users;
    uint32_t far; /* rules of its pods that are far */
    struct list near;
    struct peer *first; /* pods that stand somewhere */
    uint32_t number;    /* in the checkpoint that is being saved */
};

/* What a checkpoint has brought, by number, until peers_loaded(). */
struct peers_loaded {
    struct peers_space **spaces;
    uint32_t space_count;
    struct rule **rules;
    uint32_t rule_count;
};

struct peers {
    struct rules rules;
    struct peers_space *spaces; /* uthash by name, in order of creation */
    struct list far;
    uint64_t moves;
    struct peers_loaded loaded;
};

void peers_list_add(struct list *list, struct rule *rule);

#endif
