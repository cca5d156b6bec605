// SPDX-License-Identifier: Apache-2.0
#ifndef API_IMPORT_FOREST_H
#define API_IMPORT_FOREST_H

#include <stddef.h>
#include <stdint.h>

#include "api/import/overlay.h"
#include "topology/base/err.h"

/* Named things that hold each other, each held by at most one: Slurm's switches, Volcano's
 * hypernodes. Checks that they are a forest, measures it, and makes the domains of an overlay.
 *
 *   s6 ─┬─ s4 ─┬─ s0      height: s0, s1, s5: 0   s4: 1   s6: 2
 *       │      └─ s1
 *       └─ s5
 */

#define FOREST_NONE     UINT32_MAX
#define FOREST_MAX      OVERLAY_DOMAINS_MAX
#define FOREST_NAME_MAX 253

struct forest;

/* *New*. `kind` is what errors call a member: "switch"; *borrowed* for ever. */
struct forest *forest_create(const char *kind);
void forest_destroy(struct forest *forest);

/* Adds a member. Refuses a repeated, empty or too long name, and more than FOREST_MAX. */
int forest_add(struct forest *forest, const char *name, size_t length, uint32_t *member,
               struct err *err);

uint32_t forest_count(const struct forest *forest);
const char *forest_name(const struct forest *forest, uint32_t member); /* *borrowed* */

/* The member with this name, or FOREST_NONE. */
uint32_t forest_find(const struct forest *forest, const char *name, size_t length);

uint32_t forest_parent(const struct forest *forest, uint32_t member); /* or FOREST_NONE */

/* Says that `parent` holds `child`; again is no mistake. Refuses a child of two parents. */
int forest_adopt(struct forest *forest, uint32_t parent, uint32_t child, struct err *err);

/* Refuses cycles (the text goes around one), else measures the height of every member: 0 when it
 * holds no other, else one more than the highest that it holds. */
int forest_close(struct forest *forest, struct err *err);

uint32_t forest_height(const struct forest *forest, uint32_t member);

/* Makes a domain of every member: levels[m] is the overlay level of member m, a wider one for every
 * parent. *New* array of the domains by member. NULL on failure. */
uint32_t *forest_domains(const struct forest *forest, const uint32_t *levels,
                         struct overlay *overlay, struct err *err);

#endif
