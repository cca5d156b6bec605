// SPDX-License-Identifier: Apache-2.0
#ifndef TOPOLOGY_GRAPH_REPORT_H
#define TOPOLOGY_GRAPH_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "topology/graph/domains.h"
#include "topology/graph/levels.h"
#include "topology/graph/nodes.h"

/* What was understood of a cluster's labels, level by level, and what looks odd about it: for
 * people who wonder why a job was or was not placed close together.
 *
 * Nothing here decides anything. Oddities are findings, not errors: the tree is what domains.h says
 * in every case.
 */

#define REPORT_NAMES_MAX 5  /* nodes named per finding, the first by name */
#define REPORT_VALUE_MAX 63 /* bytes a label value may have in Kubernetes */

struct report_names {
    uint32_t count; /* of all nodes it is about */
    const char *first[REPORT_NAMES_MAX];
};

struct report_key {
    const char *key;
    uint32_t carriers; /* nodes that carry it with a value */
    uint32_t used;     /* of them those that are told apart by it */
};

struct report_level {
    const char *name;
    /* Level of the tree, -1 when no node carries it: then only the keys mean anything. */
    int tree_level;
    uint32_t key_count;
    uint32_t choice;                        /* domains_choice() */
    struct report_key keys[LEVEL_KEYS_MAX]; /* as configured */
    uint32_t known;                         /* domains; nodes at the host level */
    uint32_t unknown;
    /* Nodes in a known domain; of an even number of domains the median is the greater one of the
     * two in the middle. */
    uint32_t smallest, median, largest;
    uint32_t labelled;              /* nodes that carry a key with a value */
    struct report_names unlabelled; /* no key with a value; empty for the host */
    struct report_names unused;     /* labelled, but below a missing label and no anchor */
    uint32_t empty;                 /* nodes that carry a key, but none with a value */
    /* Distinct values longer than Kubernetes takes (Topograph then writes "x" and a hash). */
    uint32_t long_values;
    const char *long_value; /* one of them, or NULL */
    /* Labels (key and value) whose known domains lie below different domains of the level above:
     * same name, different path. */
    uint32_t repeated;
    const char *repeated_value; /* the first by text, or NULL */
    uint32_t own_names;         /* nodes whose value is their own name */
    /* Each domain of the level above holds one domain of this level, and there are fewer labels
     * here than there: the two may be in the wrong order. */
    bool upside_down;
};

struct report {
    uint32_t nodes;
    uint32_t domains; /* inner ones, the cluster included */
    uint32_t level_count;
    struct report_level levels[LEVELS_MAX]; /* as configured, widest first */
};

/* `domains` was built from these levels and nodes, which have not changed since. Names and values
 * are *borrowed* from the three. Time: nodes × levels × log nodes. */
void report_fill(struct report *report, const struct levels *levels, const struct domains *domains,
                 const struct nodes *nodes);

#endif
