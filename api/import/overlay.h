// SPDX-License-Identifier: Apache-2.0
#ifndef API_IMPORT_OVERLAY_H
#define API_IMPORT_OVERLAY_H

#include <stddef.h>
#include <stdint.h>

#include "api/import/node_match.h"
#include "topology/base/arena.h"
#include "topology/base/err.h"
#include "topology/graph/levels.h"
#include "topology/graph/nodes.h"

/* A topology that nodes do not carry as labels: what the importers make, and what is laid over the
 * nodes before the engine sees them, so that nothing below api/ knows about it.
 *
 *   levels    spine                leaf                    widest first
 *   domains   s4 ◀──────────────── s0  ◀── tux0 tux1       exact names
 *             s4 ◀──────────────── s1  ◀── "^tux[2-3]$"    rules
 *
 * overlay_apply() adds one label per level to a node: key topology.phalanx.dev/<level>, value the
 * name of the domain. The imported label wins over one of the same key that the node carries.
 *
 * Trees are uneven. Where a domain's parent is more than one level above it, or the domain has no
 * parent, it stands for itself on the levels between (a leaf that hangs on the core switch is its
 * own spine): two nodes then share a level exactly when they share a domain at or below it. Below
 * the domain that holds a node nothing is known: the node lacks those labels and is taken as alone
 * there. A node that no domain holds lacks all of them.
 */

#define OVERLAY_NONE        UINT32_MAX
#define OVERLAY_DOMAINS_MAX (1u << 20)
#define OVERLAY_NODES_MAX   NODES_MAX
#define OVERLAY_RULES_MAX   65536u
#define OVERLAY_VALUE_MAX   511 /* bytes of a domain's name */
#define OVERLAY_KEY_PREFIX  "topology.phalanx.dev/"

struct overlay;

struct overlay *overlay_create(void);
void overlay_destroy(struct overlay *overlay);

/* Appends a level below the last one, with that label key, or its own (OVERLAY_KEY_PREFIX and the
 * name) when key is NULL; the name must then be one that a label key may end with. */
int overlay_level(struct overlay *overlay, const char *name, const char *key, struct err *err);

/* Adds a domain of a level (counted from 0) inside `parent`, a domain of a wider level, or
 * OVERLAY_NONE. */
int overlay_domain(struct overlay *overlay, uint32_t level, uint32_t parent, const char *value,
                   uint32_t *domain, struct err *err);

/* Puts a node into a domain. A node may be put into several when one lies in the other: the lowest
 * counts. Otherwise it is an error that names the node and both. */
int overlay_node(struct overlay *overlay, const char *name, uint32_t domain, struct err *err);

/* Puts all nodes that match into a domain. *Steals* `match`. */
int overlay_rule(struct overlay *overlay, struct node_match *match, uint32_t domain,
                 struct err *err);

/* Closes the list of levels (levels_finish()). Everything is added before that. */
int overlay_finish(struct overlay *overlay, struct err *err);

const struct levels *overlay_levels(const struct overlay *overlay); /* *borrowed* */

/* Adds the labels to a node: object->labels becomes a longer list in `arena`, whose new texts are
 * *borrowed* from the overlay. Fails without changing the node when rules put it into two domains
 * neither of which lies in the other, or when it has too many labels; the node then lacks the
 * imported labels, which is safe. Remembers what it saw, for overlay_report(). */
int overlay_apply(struct overlay *overlay, struct arena *arena, struct node_object *object,
                  struct err *err);

/* What does not fit together, as one sentence for people, "" when all does: nodes that were
 * imported and never seen, and nodes seen that no domain holds. Returns `text`. */
const char *overlay_report(const struct overlay *overlay, char *text, size_t size);

#endif
