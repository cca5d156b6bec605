// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_WATCH_INVENTORY_H
#define API_KUBE_WATCH_INVENTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What one reflector has told the core so far, so that a new list becomes a difference: by
 * namespace and name the uid and resourceVersion last seen.
 *
 *   inventory_begin()                       a list starts: nothing is seen yet
 *   inventory_see() for every object in it  marks it
 *   inventory_sweep()                       the list is complete: the unmarked are gone
 */

#define INVENTORY_MAX (1u << 21)

struct inventory;

struct inventory_item {
    char *name_space; /* "" for what has none */
    char *name;
    char *uid;
    char *version;
    /* the caller's to set: */
    bool applied; /* the core knows this uid */
    bool unread;  /* its last version is not read, or not wholly */
};

struct inventory *inventory_create(void);
void inventory_destroy(struct inventory *inventory);
size_t inventory_count(const struct inventory *inventory);

/* *Borrowed*, or NULL. */
struct inventory_item *inventory_find(const struct inventory *inventory, const char *name_space,
                                      const char *name);

/* Adds or updates the object and marks it as seen. NULL when INVENTORY_MAX are known. */
struct inventory_item *inventory_see(struct inventory *inventory, const char *name_space,
                                     const char *name, const char *uid, const char *version);

void inventory_remove(struct inventory *inventory, struct inventory_item *item);

void inventory_begin(struct inventory *inventory);
/* Calls `gone` for every object not seen since inventory_begin(), oldest first, and forgets it. */
void inventory_sweep(struct inventory *inventory,
                     void (*gone)(void *context, const struct inventory_item *item), void *context);

#endif
