// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_STATE_SHAPE_TABLE_H
#define SCHEDULER_STATE_SHAPE_TABLE_H

#include <stdlib.h>

#define uthash_fatal(message) abort()
#include <uthash.h>

#include "scheduler/state/shape.h"

/* What the table of shapes consists of, for shape.c and shape_checkpoint.c. Nobody else includes
 * this.
 */

/* Where the parts of a key begin, in words; 0: likings that are not there. */
struct offsets {
    uint32_t likings, selector, terms, tolerations;
};

struct shape {
    UT_hash_handle hh;
    uint32_t id;
    uint32_t references;
    struct offsets at;
    uint32_t length; /* words */
    uint32_t gpus;
    uint32_t gpu_resource;
    struct spread_object spread; /* its key is that of the vocabulary */
    uint32_t pin;                /* word of the one node's name; NAMES_NONE: no rule names one */
    uint32_t *key;
    uint32_t *names; /* its references */
    uint32_t name_count;
    size_t text; /* of its rules */
    struct resources request;
};

/* A key while it is built. `adding`: its words are interned, for a new shape; without it the key is
 * only looked for, and the first word that nobody has tells that there is no shape with it. */
struct draft {
    struct names *names;
    bool adding;
    bool unseen;        /* met a word that nobody has */
    const char *limit;  /* that was passed, in words, or NULL */
    uint32_t *interned; /* references, for the shape to be */
    size_t interned_count;
    size_t interned_room;
    uint32_t *words;
    size_t count;
    size_t room;
    struct offsets at;
    struct resources request;
    uint32_t most_resources; /* of the request */
};

struct shapes {
    struct nodes *nodes;
    struct shape *table; /* uthash by key */
    struct shape **by_id;
    size_t room;
    uint32_t count; /* ids ever given */
    uint32_t *free_ids;
    size_t free_count;
    size_t free_room;
    uint32_t unschedulable_key; /* node.kubernetes.io/unschedulable */
    struct draft draft;         /* kept between calls, so that a known shape allocates nothing */
    uint32_t most;              /* shapes at a time */
    size_t text;                /* of the rules of all shapes, each for itself */
    size_t budget;              /* … and how much it may be */
};

#endif
