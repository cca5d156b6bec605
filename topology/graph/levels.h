// SPDX-License-Identifier: Apache-2.0
#ifndef TOPOLOGY_GRAPH_LEVELS_H
#define TOPOLOGY_GRAPH_LEVELS_H

#include <stddef.h>
#include <stdint.h>

#include "topology/base/err.h"

/* The levels of a cluster, widest first, and the node labels that mean each.
 *
 *   region ▸ zone ▸ core ▸ spine ▸ leaf ▸ rack ▸ nvlink ▸ … ▸ host
 *
 * Several keys may mean one level, because label schemas change (Topograph 1.0.0 renamed all of its
 * own) and providers differ. Where nodes differ in the first key that they carry, and one key is
 * carried by all that carry any, that one wins; else on each node its first one. Equal values of
 * two keys are two domains. The direction is explicit in the order of the list and nowhere else:
 * tier-0 is the switch closest to the host in Topograph, layer-1 the farthest on EKS.
 *
 * The last level is always the host, that is the node itself, whether it was listed or not.
 */

#define LEVELS_MAX      16               /* configured levels, the host included */
#define LEVELS_TREE_MAX (LEVELS_MAX + 2) /* of a tree: cluster + configured */
#define LEVEL_KEYS_MAX  16
#define LEVEL_NAME_MAX  63
#define LEVEL_KEY_MAX   317       /* prefix 253 + '/' + name 63 */
#define LEVEL_CLUSTER   "cluster" /* above all configured levels; not a name for one of them */
#define LEVEL_HOST      "host"
#define LEVEL_HOST_KEY  "kubernetes.io/hostname"

struct level {
    char name[LEVEL_NAME_MAX + 1];
    uint32_t key_count;
    char keys[LEVEL_KEYS_MAX][LEVEL_KEY_MAX + 1];
};

struct levels {
    uint32_t count;
    struct level items[LEVELS_MAX];
};

/* The default list, which knows the labels of every provider: the preset "auto" of
 * presets.h, finished. */
void levels_preset(struct levels *levels);

void levels_init(struct levels *levels);

/* Appends a level below the last one. Refuses an empty, too long or repeated name, "cluster" (the
 * level above all), a level below the host, and more than LEVELS_MAX with the host. */
int levels_add(struct levels *levels, const char *name, struct err *err);

/* Adds a label key to the last level. Refuses a key that already means a level. */
int levels_add_key(struct levels *levels, const char *key, struct err *err);

/* Checks that every level has a key, and appends the host level when the list does not end with it;
 * a host level without a key gets LEVEL_HOST_KEY, which no other level may have. */
int levels_finish(struct levels *levels, struct err *err);

/* Index of the level with this name, else of the one with this label key, or -1. */
int levels_find(const struct levels *levels, const char *name_or_key);

#endif
