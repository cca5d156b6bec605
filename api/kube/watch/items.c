// SPDX-License-Identifier: Apache-2.0
#include "api/kube/watch/items.h"

#include <stdlib.h>
#include <string.h>

#include "api/kube/objects/decode.h"
#include "api/kube/objects/decode_slice.h"
#include "api/kube/watch/inventory.h"
#include "topology/base/alloc.h"
#include "topology/base/utf8.h"

/* What the core knows is in the inventory; everything here keeps the two alike: an event goes out
 * exactly when an entry changes.
 *
 * `shown` holds the names of the first few objects whose last version is not read. When one of
 * them is read again, or goes, its place is free for whoever comes next: those that were beyond the
 * limit meanwhile are only counted.
 */

#define WINDOW_MS      60000 /* in which ITEMS_NAMED objects are named */
#define NAME_MAX_SHOWN 120

struct kind {
    const char *name;
    enum event_type event;
    enum event_type gone;
};

static const struct kind KINDS[REFLECTOR_KINDS] = {
    [REFLECTOR_NODES] = {"nodes", EVENT_NODE, EVENT_NODE_GONE},
    [REFLECTOR_PODS] = {"pods", EVENT_POD, EVENT_POD_GONE},
    [REFLECTOR_GROUPS] = {"podgroups", EVENT_GROUP, EVENT_GROUP_GONE},
    /* Its events are never made. */
    [REFLECTOR_SLICES] = {"resourceslices", EVENT_DEVICES, EVENT_DEVICES},
};

struct items {
    enum reflector_kind id;
    const struct kind *kind;
    struct kube_log log;
    struct inventory *inventory;
    struct remarks *remarks;  /* or NULL */
    struct kube_batch *batch; /* of the call under way */
    int64_t now;
    bool blind; /* the list under way has an object that may be any */

    uint64_t skipped;
    size_t unread;
    uint64_t changes;
    char *shown[ITEMS_SHOWN]; /* NULL: a free place */
    int64_t window;           /* when it began */
    unsigned named;           /* in it */
    uint64_t unnamed;
};

struct items *items_create(enum reflector_kind kind, const struct kube_log *log)
{
    struct items *items = alloc_zero(1, sizeof *items);
    items->id = kind;
    items->kind = &KINDS[kind];
    items->log = *log;
    items->inventory = inventory_create();
    items->window = -WINDOW_MS;
    return items;
}

void items_destroy(struct items *items)
{
    if (items == NULL) {
        return;
    }
    for (size_t i = 0; i < ITEMS_SHOWN; i++) {
        free(items->shown[i]);
    }
    inventory_destroy(items->inventory);
    free(items);
}

void items_remark(struct items *items, struct remarks *remarks)
{
    items->remarks = remarks;
}

uint64_t items_skipped(const struct items *items)
{
    return items->skipped;
}

size_t items_unread_count(const struct items *items)
{
    return items->unread;
}

uint64_t items_changes(const struct items *items)
{
    return items->changes;
}

/* ---- what is not read ---- */

static void name_of(const struct inventory_item *item, char text[static NAME_MAX_SHOWN])
{
    bool spaced = item->name_space[0] != '\0';
    utf8_print(text, NAME_MAX_SHOWN, "%.63s%s%.50s", item->name_space, spaced ? "/" : "",
               item->name);
}

static void show(struct items *items, const struct inventory_item *item)
{
    char name[NAME_MAX_SHOWN];
    name_of(item, name);
    for (size_t i = 0; i < ITEMS_SHOWN; i++) {
        if (items->shown[i] == NULL) {
            items->shown[i] = alloc_string(name);
            return;
        }
    }
}

static void hide(struct items *items, const struct inventory_item *item)
{
    char name[NAME_MAX_SHOWN];
    name_of(item, name);
    for (size_t i = 0; i < ITEMS_SHOWN; i++) {
        if (items->shown[i] != NULL && strcmp(items->shown[i], name) == 0) {
            free(items->shown[i]);
            items->shown[i] = NULL;
            return;
        }
    }
}

/* Whether the last version of the object is read. True when that changes something. */
static bool set_read(struct items *items, struct inventory_item *item, bool read)
{
    if (item->unread == !read) {
        return false;
    }
    item->unread = !read;
    items->changes++;
    if (read) {
        items->unread--;
        hide(items, item);
    } else {
        items->unread++;
        show(items, item);
    }
    return true;
}

void items_unread(const struct items *items, char text[static ITEMS_UNREAD])
{
    size_t used = 0;
    text[0] = '\0';
    if (items->unread == 0) {
        return;
    }
    used += utf8_print(text, ITEMS_UNREAD, "%zu %s not read:", items->unread,
                       items->unread == 1 ? "object is" : "objects are");
    size_t named = 0;
    for (size_t i = 0; i < ITEMS_SHOWN; i++) {
        if (items->shown[i] != NULL) {
            used += utf8_print(text + used, ITEMS_UNREAD - used, "%s %s", named == 0 ? "" : ",",
                               items->shown[i]);
            named++;
        }
    }
    if (named < items->unread) {
        utf8_print(text + used, ITEMS_UNREAD - used, "%s", named == 0 ? " see the log" : ", …");
    }
}

/* Counts, and says which object it is and why, unless too many have been named. */
static void skip(struct items *items, const char *what, const char *why)
{
    items->skipped++;
    if (items->now - items->window >= WINDOW_MS) {
        if (items->unnamed > 0) {
            kube_log(&items->log, KUBE_LOG_WARNING, "%s: %llu more objects were skipped",
                     items->kind->name, (unsigned long long)items->unnamed);
        }
        items->window = items->now;
        items->named = 0;
        items->unnamed = 0;
    }
    if (items->named < ITEMS_NAMED) {
        items->named++;
        kube_log(&items->log, KUBE_LOG_WARNING, "%s: %s: %s", items->kind->name, what, why);
    } else {
        items->unnamed++;
    }
}

static const char WHOLLY[] = "skipped an object";
static const char PARTLY[] = "an object counts with what it takes alone";

/* The last version of the object is not read. */
static void leave_unread(struct items *items, struct inventory_item *item, const char *what,
                         const char *why)
{
    if (set_read(items, item, false)) {
        skip(items, what, why);
    } else {
        items->skipped++;
    }
}

/* ---- events ---- */

/* An _GONE event for what the core knows. */
static void tell_gone(struct items *items, const struct inventory_item *item)
{
    if (!item->applied) {
        return;
    }
    struct arena *arena = &items->batch->arena;
    if (items->id == REFLECTOR_SLICES) {
        kube_batch_slice_gone(items->batch, item->name);
        return;
    }
    struct event *event = kube_batch_append(items->batch, items->kind->gone);
    if (items->id == REFLECTOR_NODES) {
        event->node_name = arena_string(arena, item->name);
    } else if (items->id == REFLECTOR_PODS) {
        event->pod_uid = arena_string(arena, item->uid);
    } else {
        event->group_gone.name_space = arena_string(arena, item->name_space);
        event->group_gone.name = arena_string(arena, item->name);
    }
}

/* 0; 1: an event goes out, but not all of the object was read; -1: none does. */
static int decode(struct items *items, const json_t *json, struct err *err)
{
    struct kube_batch *batch = items->batch;
    struct event *event = kube_batch_append(batch, items->kind->event);
    int result = items->id == REFLECTOR_NODES ? node_decode(json, &batch->arena, &event->node, err)
                 : items->id == REFLECTOR_PODS
                     ? pod_decode(json, &batch->arena, &event->pod, err)
                     : group_decode(json, &batch->arena, &event->group, err);
    batch->count -= result < 0;
    return result;
}

/* What of the object taken in last is surely not meant so. */
static void remark(const struct items *items, const json_t *json)
{
    const struct kube_batch *batch = items->batch;
    if (items->remarks != NULL && items->id == REFLECTOR_PODS) {
        remarks_pod(items->remarks, json, &batch->events[batch->count - 1].pod);
    } else if (items->remarks != NULL && items->id == REFLECTOR_GROUPS) {
        remarks_keys(items->remarks, "PodGroup", json);
    }
}

/* A slice that cannot be read is told of, too: its pool is not whole then. The core says why. */
static void tell_slice(struct items *items, struct inventory_item *item, const json_t *json)
{
    struct decoded_slice *decoded = decoded_slice_create(json);
    items->skipped += decoded->error != NULL;
    (void)set_read(items, item, decoded->error == NULL);
    item->applied = true;
    kube_batch_slice(items->batch, decoded);
}

static void tell(struct items *items, struct inventory_item *item, const json_t *json)
{
    struct err err;
    if (items->id == REFLECTOR_SLICES) {
        tell_slice(items, item, json);
        return;
    }
    int result = decode(items, json, &err);
    if (result < 0) {
        leave_unread(items, item, WHOLLY, err.text);
        return;
    }
    item->applied = true;
    if (result == 0) {
        (void)set_read(items, item, true);
    } else {
        leave_unread(items, item, PARTLY, err.text);
    }
    remark(items, json);
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text == NULL ? "" : text;
}

static void take_gone(struct items *items, struct inventory_item *item)
{
    if (item != NULL) {
        (void)set_read(items, item, true);
        tell_gone(items, item);
        inventory_remove(items->inventory, item);
    }
}

/* The object's entry, marked as seen, or NULL. *same: this very version is known. */
static struct inventory_item *see(struct items *items, const json_t *json, bool deleted, bool *same)
{
    const json_t *metadata = json_object_get(json, "metadata");
    const char *name_space = text_of(metadata, "namespace");
    const char *name = text_of(metadata, "name");
    const char *uid = text_of(metadata, "uid");
    const char *version = text_of(metadata, "resourceVersion");
    struct inventory_item *item = inventory_find(items->inventory, name_space, name);
    if (deleted) {
        take_gone(items, item);
        return NULL;
    }
    if (name[0] == '\0') {
        items->blind = true;
        skip(items, WHOLLY, "it has no name");
        return NULL;
    }
    bool same_uid = item != NULL && strcmp(item->uid, uid) == 0;
    *same = same_uid && version[0] != '\0' && strcmp(item->version, version) == 0;
    if (item != NULL && !same_uid && items->id == REFLECTOR_PODS) {
        tell_gone(items, item);
        item->applied = false;
    }
    item = inventory_see(items->inventory, name_space, name, uid, version);
    if (item == NULL) {
        skip(items, WHOLLY, "too many objects");
    }
    return item;
}

void items_take(struct items *items, int64_t now, struct kube_batch *batch, const json_t *json,
                bool deleted)
{
    bool same = false;
    items->batch = batch;
    items->now = now;
    struct inventory_item *item = see(items, json, deleted, &same);
    if (item != NULL && !same) {
        tell(items, item, json);
    }
    items->batch = NULL;
}

void items_take_unread(struct items *items, int64_t now, struct kube_batch *batch,
                       const json_t *head, bool deleted, const char *why)
{
    bool same = false;
    items->batch = batch;
    items->now = now;
    struct inventory_item *item = see(items, head, deleted, &same);
    if (item != NULL && !same) {
        char name[NAME_MAX_SHOWN];
        struct err err;
        name_of(item, name);
        err_set(&err, "%s: %s", name, why);
        leave_unread(items, item, WHOLLY, err.text);
    }
    items->batch = NULL;
}

void items_begin(struct items *items)
{
    inventory_begin(items->inventory);
    items->blind = false;
}

static void sweep_one(void *context, const struct inventory_item *item)
{
    struct items *items = context;
    struct inventory_item *own = inventory_find(items->inventory, item->name_space, item->name);
    (void)set_read(items, own, true);
    tell_gone(items, item);
}

void items_end(struct items *items, struct kube_batch *batch)
{
    if (items->blind) {
        return;
    }
    items->batch = batch;
    inventory_sweep(items->inventory, sweep_one, items);
    items->batch = NULL;
}
