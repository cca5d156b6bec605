// SPDX-License-Identifier: Apache-2.0
#ifndef TOPOLOGY_GRAPH_NODES_H
#define TOPOLOGY_GRAPH_NODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "topology/base/checkpoint.h"
#include "topology/base/err.h"
#include "topology/base/names.h"
#include "topology/devices/map.h"
#include "topology/graph/resources.h"

/* The node table: what the API server says of every node, in compact form. Rows are taken by nodes
 * alone, never by what pods or callers say of nodes.
 *
 * A node's *row* is the interned id of its name and never changes or gets a new owner, so rows may
 * be kept anywhere. A node that goes away leaves its row, empty and with `present` false. Label
 * keys, label values, taint keys and values and resource names are interned in one shared table
 * (`vocabulary`), which pod shapes and the domain tree use too, so that comparing is comparing
 * numbers. A word stays in it while a present node, or one of the others, carries it.
 */

#define NODES_MAX       (1u << 20) /* rows, i.e. distinct names of nodes ever shown */
#define NODE_LABELS_MAX 512
#define NODE_TAINTS_MAX 64
#define VOCABULARY_MAX  (1u << 24)

struct label_object {
    const char *key;
    const char *value;
};

struct amount_object {
    const char *resource;
    int64_t amount; /* in the units of struct resources */
};

enum taint_effect {
    TAINT_NO_SCHEDULE,
    TAINT_PREFER_NO_SCHEDULE,
    TAINT_NO_EXECUTE,
};

struct taint_object {
    const char *key;
    const char *value;
    enum taint_effect effect;
};

/* A decoded Node; every pointer is *borrowed* by the calls that take one. */
struct node_object {
    const char *name;
    const struct label_object *labels;
    size_t label_count;
    const struct amount_object *allocatable;
    size_t allocatable_count;
    const struct taint_object *taints;
    size_t taint_count;
    bool unschedulable; /* spec.unschedulable */
    /* The GPUs of the node: a finished map with as many as `device_resource` (nvidia.com/gpu …) is
     * allocatable, or NULL: not known. *Borrowed* for the call like the rest; the node table does
     * not look at them, scheduler/state/gpus.h copies what it keeps. */
    const struct device_map *devices;
    const char *device_resource;
};

struct label {
    uint32_t key;
    uint32_t value;
};

struct taint {
    uint32_t key;
    uint32_t value;
    enum taint_effect effect;
};

struct node {
    bool present;
    bool unschedulable;
    uint32_t label_count;
    uint32_t taint_count;
    struct label *labels;         /* sorted by key */
    struct taint *taints;         /* sorted by key, value, effect */
    struct resources allocatable; /* amounts > 0 only */
};

/* What nodes_observe() found changed. */
enum node_change {
    NODE_UNCHANGED = 0,
    NODE_ADDED = 1 << 0,       /* new, or back again; the other bits compare with an empty node */
    NODE_LABELS = 1 << 1,      /* labels differ */
    NODE_ALLOCATABLE = 1 << 2, /* capacity differs */
    NODE_ADMISSION = 1 << 3,   /* taints or unschedulable differ */
    NODE_PLACE = 1 << 4, /* labels that say where the node stands differ: nodes_mark_place() */
};

struct nodes;

/* *New* empty table with a vocabulary of its own. `seed` keys the hashes. */
struct nodes *nodes_create(uint64_t seed);
void nodes_destroy(struct nodes *nodes);

/* Takes in one Node. Sets *row and *changes (enum node_change bits). Of a label key or resource
 * that is given twice the last one counts, as in JSON. A negative allocatable amount is taken as 0,
 * that is as absent: nothing can be put there; one above RESOURCE_AMOUNT_MAX is taken as that. NULL
 * for a key, value or resource means "".
 *
 * Fails without side effects when the name is empty, or the table, the vocabulary or a limit above
 * is full; the text names the node. */
int nodes_observe(struct nodes *nodes, const struct node_object *object, uint32_t *row,
                  unsigned *changes, struct err *err);

/* From now on NODE_PLACE tells when the node's label with this key differs. The key stays in the
 * vocabulary for good; returns its id, NAMES_NONE when there is no room for it: it is not told of
 * then, and no node can carry it. */
uint32_t nodes_mark_place(struct nodes *nodes, const char *key);

/* Marks a node absent; returns its row or NAMES_NONE when it was not present. What it carried is
 * forgotten. */
uint32_t nodes_remove(struct nodes *nodes, const char *name);

/* Row of a name, present or not, or NAMES_NONE. The hot lookup of the filter call. */
uint32_t nodes_find(const struct nodes *nodes, const char *name, size_t length);

/* Gives a name a row without the node being present: for tests. NAMES_NONE when the table is full
 * or the name is too long. */
uint32_t nodes_reserve(struct nodes *nodes, const char *name);

/* A row that is no node's and never present, for all that is said of nodes that nobody has shown;
 * NAMES_NONE when the table is full. It is made with the first question, and its name is not found.
 */
#define NODES_ELSEWHERE "(elsewhere)"
uint32_t nodes_elsewhere(struct nodes *nodes);
bool nodes_is_elsewhere(const struct nodes *nodes, uint32_t row);
/* The row of a name that somebody says, that one if it is no node's; NAMES_NONE for NULL. */
uint32_t nodes_row(struct nodes *nodes, const char *name);

/* Rows in use: 0 … nodes_rows()-1. */
uint32_t nodes_rows(const struct nodes *nodes);
uint32_t nodes_present(const struct nodes *nodes); /* how many are present */
/* *Borrowed*, good for the life of the table: rows never move. What it points to changes with
 * nodes_observe(). */
const struct node *nodes_get(const struct nodes *nodes, uint32_t row);
const char *nodes_name(const struct nodes *nodes, uint32_t row); /* *borrowed* */

/* Value id of a label of the node, or NAMES_NONE. */
uint32_t nodes_label(const struct nodes *nodes, uint32_t row, uint32_t key);

/* The shared vocabulary (*borrowed*; interning into it is allowed). */
struct names *nodes_vocabulary(struct nodes *nodes);
const struct names *nodes_words(const struct nodes *nodes);
/* The names that have a row. *Borrowed*. */
const struct names *nodes_names(const struct nodes *nodes);

/* Saves the table, or loads it into an empty one. Words that others have keep their ids until
 * nodes_loaded(), when everybody has references of their own. */
void nodes_checkpoint(struct nodes *nodes, struct checkpoint *checkpoint);
void nodes_loaded(struct nodes *nodes);

#endif
