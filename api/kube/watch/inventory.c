// SPDX-License-Identifier: Apache-2.0
#include "api/kube/watch/inventory.h"

#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) abort()
#include <uthash.h>

#include "topology/base/alloc.h"
#include "topology/base/err.h"

/* uthash by "namespace/name". Its entries also form a list in order of first sight, which is the
 * order of the sweep: it depends on what came, never on hashing.
 *
 * A mark is the number of the list that last showed the object, so that beginning a list costs
 * nothing.
 */

struct entry {
    struct inventory_item item; /* first: an item is its entry */
    uint64_t list;
    char *key;
    UT_hash_handle hh;
};

struct inventory {
    struct entry *entries;
    uint64_t list;
};

struct inventory *inventory_create(void)
{
    return alloc_zero(1, sizeof(struct inventory));
}

void inventory_remove(struct inventory *inventory, struct inventory_item *item)
{
    struct entry *entry = (struct entry *)item;
    err_require(inventory->entries != NULL);
    HASH_DEL(inventory->entries, entry);
    free(item->name_space);
    free(item->name);
    free(item->uid);
    free(item->version);
    free(entry->key);
    free(entry);
}

void inventory_destroy(struct inventory *inventory)
{
    if (inventory == NULL) {
        return;
    }
    struct entry *entry = NULL;
    struct entry *next = NULL;
    HASH_ITER (hh, inventory->entries, entry, next) {
        inventory_remove(inventory, &entry->item);
    }
    free(inventory);
}

size_t inventory_count(const struct inventory *inventory)
{
    return HASH_COUNT(inventory->entries);
}

/* *New* "namespace/name". */
static char *make_key(const char *name_space, const char *name)
{
    size_t prefix = strlen(name_space);
    size_t length = strlen(name);
    char *key = alloc_zero(prefix + length + 2, 1);
    memcpy(key, name_space, prefix);
    key[prefix] = '/';
    memcpy(key + prefix + 1, name, length);
    return key;
}

static struct entry *find(const struct inventory *inventory, const char *key)
{
    struct entry *entry = NULL;
    HASH_FIND_STR(inventory->entries, key, entry);
    return entry;
}

struct inventory_item *inventory_find(const struct inventory *inventory, const char *name_space,
                                      const char *name)
{
    char *key = make_key(name_space, name);
    struct entry *entry = find(inventory, key);
    free(key);
    return entry == NULL ? NULL : &entry->item;
}

static void replace(char **text, const char *by)
{
    if (*text == NULL || strcmp(*text, by) != 0) {
        free(*text);
        *text = alloc_string(by);
    }
}

struct inventory_item *inventory_see(struct inventory *inventory, const char *name_space,
                                     const char *name, const char *uid, const char *version)
{
    char *key = make_key(name_space, name);
    struct entry *entry = find(inventory, key);
    if (entry != NULL) {
        free(key);
    } else if (inventory_count(inventory) >= INVENTORY_MAX) {
        free(key);
        return NULL;
    } else {
        entry = alloc_zero(1, sizeof *entry);
        entry->key = key;
        entry->item.name_space = alloc_string(name_space);
        entry->item.name = alloc_string(name);
        HASH_ADD_KEYPTR(hh, inventory->entries, entry->key, strlen(entry->key), entry);
    }
    replace(&entry->item.uid, uid);
    replace(&entry->item.version, version);
    entry->list = inventory->list;
    return &entry->item;
}

void inventory_begin(struct inventory *inventory)
{
    inventory->list++;
}

void inventory_sweep(struct inventory *inventory,
                     void (*gone)(void *context, const struct inventory_item *item), void *context)
{
    struct entry *entry = NULL;
    struct entry *next = NULL;
    HASH_ITER (hh, inventory->entries, entry, next) {
        if (entry->list != inventory->list) {
            gone(context, &entry->item);
            inventory_remove(inventory, &entry->item);
        }
    }
}
