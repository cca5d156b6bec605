// SPDX-License-Identifier: Apache-2.0
#include "test/world/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"

/* All objects of a kind are in one array, sorted by key, as etcd lists them. A change is appended
 * to the history, which watches and subscribers get from here: at once, for how long it takes on
 * its way is the network's to say.
 */

#define BOOKMARK_EVERY (60 * SECOND)
#define BUMP           1000000000 /* --bump-revision */

struct stored {
    char key[SERVER_KEY_MAX];
    json_t *object;
};

struct shelf {
    struct stored *items;
    size_t count;
    size_t room;
};

struct open_watch {
    struct watch watch;
    uint64_t id;
    int64_t ends;
    bool closed;
};

struct page {
    uint64_t number;
    int64_t version;
    json_t *items;
};

struct subscriber {
    void (*changed)(void *context, const struct change *change);
    void *context;
};

#define SUBSCRIBERS_MAX 8

struct server {
    struct world *world;
    struct shelf shelves[KINDS];
    int64_t version;
    int64_t oldest;
    struct change *changes;
    size_t change_count;
    size_t change_room;
    size_t protected_changes;
    struct open_watch *watches;
    size_t watch_count;
    size_t watch_room;
    struct page *pages;
    size_t page_count;
    size_t page_room;
    uint64_t next_id;
    struct subscriber subscribers[SUBSCRIBERS_MAX];
    size_t subscriber_count;
    int64_t restored_at;
};

struct server *server_create(struct world *world)
{
    struct server *server = alloc_zero(1, sizeof(*server));
    server->world = world;
    server->version = 1000;
    server->oldest = 1000;
    server->restored_at = -1;
    return server;
}

static void forget_pages(struct server *server)
{
    for (size_t i = 0; i < server->page_count; i++) {
        json_decref(server->pages[i].items);
    }
    server->page_count = 0;
}

static void empty_shelves(struct server *server)
{
    for (int kind = 0; kind < KINDS; kind++) {
        struct shelf *shelf = &server->shelves[kind];
        for (size_t i = 0; i < shelf->count; i++) {
            json_decref(shelf->items[i].object);
        }
        shelf->count = 0;
    }
}

void server_destroy(struct server *server)
{
    empty_shelves(server);
    for (int kind = 0; kind < KINDS; kind++) {
        free(server->shelves[kind].items);
    }
    for (size_t i = 0; i < server->change_count; i++) {
        json_decref(server->changes[i].object);
    }
    forget_pages(server);
    free(server->changes);
    free(server->watches);
    free(server->pages);
    free(server);
}

struct world *server_world(const struct server *server)
{
    return server->world;
}

int64_t server_version(const struct server *server)
{
    return server->version;
}

int64_t server_oldest(const struct server *server)
{
    return server->oldest;
}

int64_t server_restored_at(const struct server *server)
{
    return server->restored_at;
}

const char *object_text(const json_t *object, const char *group, const char *name)
{
    const char *text = json_string_value(json_object_get(json_object_get(object, group), name));
    return text == NULL ? "" : text;
}

const char *object_name(const json_t *object)
{
    return object_text(object, "metadata", "name");
}

const char *object_uid(const json_t *object)
{
    return object_text(object, "metadata", "uid");
}

void object_key(const json_t *object, char key[SERVER_KEY_MAX])
{
    const char *space = object_text(object, "metadata", "namespace");
    (void)snprintf(key, SERVER_KEY_MAX, "%s%s%s", space, space[0] == '\0' ? "" : "/",
                   object_name(object));
}

/* Where the key is, or belongs. */
static size_t position(const struct shelf *shelf, const char *key)
{
    size_t low = 0;
    for (size_t high = shelf->count; low < high;) {
        size_t middle = (low + high) / 2;
        if (strcmp(shelf->items[middle].key, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_at(const struct shelf *shelf, size_t at, const char *key)
{
    return at < shelf->count && strcmp(shelf->items[at].key, key) == 0;
}

json_t *server_get(const struct server *server, enum kind kind, const char *key)
{
    const struct shelf *shelf = &server->shelves[kind];
    size_t at = position(shelf, key);
    return is_at(shelf, at, key) ? shelf->items[at].object : NULL;
}

size_t server_count(const struct server *server, enum kind kind)
{
    return server->shelves[kind].count;
}

json_t *server_at(const struct server *server, enum kind kind, size_t index)
{
    return server->shelves[kind].items[index].object;
}

/* *Steals* the object; NULL takes it away. Returns whether the key is new. */
static bool place(struct server *server, enum kind kind, const char *key, json_t *object)
{
    struct shelf *shelf = &server->shelves[kind];
    size_t at = position(shelf, key);
    bool there = is_at(shelf, at, key);
    if (there && object != NULL) {
        json_decref(shelf->items[at].object);
        shelf->items[at].object = object;
    } else if (there) {
        json_decref(shelf->items[at].object);
        shelf->count--;
        memmove(&shelf->items[at], &shelf->items[at + 1],
                (shelf->count - at) * sizeof(*shelf->items));
    } else if (object != NULL) {
        shelf->items =
            alloc_grow(shelf->items, &shelf->room, shelf->count + 1, sizeof(*shelf->items));
        memmove(&shelf->items[at + 1], &shelf->items[at],
                (shelf->count - at) * sizeof(*shelf->items));
        (void)snprintf(shelf->items[at].key, SERVER_KEY_MAX, "%s", key);
        shelf->items[at].object = object;
        shelf->count++;
    }
    return !there;
}

/* ---- watches ---- */

static void send_change(const struct open_watch *open, const struct change *change)
{
    json_t *line = json_pack("{s:s,s:O}", "type",
                             change->gone    ? "DELETED"
                             : change->added ? "ADDED"
                                             : "MODIFIED",
                             "object", change->object);
    char *text = json_dumps(line, JSON_COMPACT);
    open->watch.send(open->watch.context, open->watch.number, text, NULL);
    free(text);
    json_decref(line);
}

static void send_bookmark(const struct server *server, const struct open_watch *open)
{
    char text[256];
    (void)snprintf(
        text, sizeof(text),
        "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"%lld\"}}}",
        (long long)server->version);
    open->watch.send(open->watch.context, open->watch.number, text, NULL);
}

static void sweep(struct server *server)
{
    size_t kept = 0;
    for (size_t i = 0; i < server->watch_count; i++) {
        if (!server->watches[i].closed) {
            server->watches[kept++] = server->watches[i];
        }
    }
    server->watch_count = kept;
}

static void watch_step(struct world *world, void *context, uint64_t id)
{
    struct server *server = context;
    for (size_t i = 0; i < server->watch_count; i++) {
        struct open_watch open = server->watches[i];
        if (open.id != id || open.closed) {
            continue;
        }
        if (open.watch.since <= server->version) { /* else it waits for a version that may come */
            send_bookmark(server, &open);
        }
        if (world->now < open.ends) {
            int64_t left = open.ends - world->now;
            world_after(world, left < BOOKMARK_EVERY ? left : BOOKMARK_EVERY, watch_step, server,
                        id);
        } else {
            server->watches[i].closed = true;
            open.watch.send(open.watch.context, open.watch.number, NULL, NULL);
        }
        break;
    }
    sweep(server);
}

bool server_watch(struct server *server, const struct watch *watch)
{
    if (watch->since < server->oldest) {
        return false;
    }
    server->watches = alloc_grow(server->watches, &server->watch_room, server->watch_count + 1,
                                 sizeof(*server->watches));
    struct open_watch *open = &server->watches[server->watch_count++];
    *open = (struct open_watch){.watch = *watch,
                                .id = ++server->next_id,
                                .ends = server->world->now + watch->seconds * SECOND};
    struct open_watch copy = *open;
    for (size_t i = 0; i < server->change_count; i++) {
        const struct change *change = &server->changes[i];
        if (change->kind == watch->kind && change->version > watch->since) {
            send_change(&copy, change);
        }
    }
    int64_t first =
        watch->seconds * SECOND < BOOKMARK_EVERY ? watch->seconds * SECOND : BOOKMARK_EVERY;
    world_after(server->world, first, watch_step, server, copy.id);
    return true;
}

void server_unwatch(struct server *server, void *context, uint64_t number)
{
    for (size_t i = 0; i < server->watch_count; i++) {
        const struct watch *watch = &server->watches[i].watch;
        if (watch->context == context && watch->number == number) {
            server->watches[i].closed = true;
        }
    }
    sweep(server);
}

void server_cut(struct server *server, const char *error)
{
    for (size_t i = 0; i < server->watch_count; i++) {
        struct open_watch open = server->watches[i];
        server->watches[i].closed = true;
        if (!open.closed) {
            open.watch.send(open.watch.context, open.watch.number, NULL, error);
        }
    }
    sweep(server);
}

void server_subscribe(struct server *server,
                      void (*changed)(void *context, const struct change *change), void *context)
{
    if (server->subscriber_count < SUBSCRIBERS_MAX) {
        server->subscribers[server->subscriber_count++] =
            (struct subscriber){.changed = changed, .context = context};
    }
}

/* ---- changes ---- */

static void publish(struct server *server, const struct change *change)
{
    for (size_t i = 0; i < server->watch_count; i++) {
        struct open_watch open = server->watches[i];
        if (!open.closed && open.watch.kind == change->kind && change->version > open.watch.since) {
            send_change(&open, change);
        }
    }
    for (size_t i = 0; i < server->subscriber_count; i++) {
        server->subscribers[i].changed(server->subscribers[i].context, change);
    }
}

static void record(struct server *server, const struct change *change)
{
    server->changes = alloc_grow(server->changes, &server->change_room, server->change_count + 1,
                                 sizeof(*server->changes));
    server->changes[server->change_count++] = *change;
    publish(server, change);
}

static void set_version(json_t *object, int64_t version)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "%lld", (long long)version);
    json_object_set_new(json_object_get(object, "metadata"), "resourceVersion", json_string(text));
}

void server_put(struct server *server, enum kind kind, json_t *object)
{
    struct change change = {.version = ++server->version, .kind = kind};
    object_key(object, change.key);
    set_version(object, change.version);
    change.object = json_incref(object);
    change.added = place(server, kind, change.key, object);
    record(server, &change);
}

void server_remove(struct server *server, enum kind kind, const char *key)
{
    json_t *last = server_get(server, kind, key);
    if (last == NULL) {
        return;
    }
    struct change change = {.version = ++server->version, .kind = kind, .gone = true};
    (void)snprintf(change.key, sizeof(change.key), "%s", key);
    change.object = json_deep_copy(last);
    set_version(change.object, change.version);
    (void)place(server, kind, key, NULL);
    record(server, &change);
}

void server_compact(struct server *server)
{
    server->oldest = server->version;
    forget_pages(server); /* the changes themselves stay, for server_restore() */
}

void server_protect(struct server *server)
{
    server->protected_changes = server->change_count;
}

void server_restore(struct server *server, size_t changes, bool bumped)
{
    size_t most = server->change_count - server->protected_changes;
    size_t left = server->change_count - (changes < most ? changes : most);
    int64_t newest = server->version;
    empty_shelves(server);
    for (size_t i = 0; i < left; i++) {
        const struct change *change = &server->changes[i];
        (void)place(server, change->kind, change->key,
                    change->gone ? NULL : json_incref(change->object));
    }
    server->version = left > 0 ? server->changes[left - 1].version : server->version;
    while (server->change_count > left) {
        json_decref(server->changes[--server->change_count].object);
    }
    if (bumped) {
        server->version = newest + BUMP;
        server->oldest = server->version;
    } else {
        server->oldest = server->oldest < server->version ? server->oldest : server->version;
    }
    forget_pages(server);
    server->restored_at = server->world->now;
    server_cut(server, "the API server was restarted");
    for (size_t i = 0; i < server->subscriber_count; i++) {
        server->subscribers[i].changed(server->subscribers[i].context, NULL);
    }
}

uint64_t server_keep_page(struct server *server, json_t *items, int64_t version)
{
    server->pages = alloc_grow(server->pages, &server->page_room, server->page_count + 1,
                               sizeof(*server->pages));
    server->pages[server->page_count++] =
        (struct page){.number = ++server->next_id, .version = version, .items = items};
    return server->next_id;
}

json_t *server_page(const struct server *server, uint64_t number, int64_t *version)
{
    for (size_t i = 0; i < server->page_count; i++) {
        if (server->pages[i].number == number) {
            *version = server->pages[i].version;
            return server->pages[i].items;
        }
    }
    return NULL;
}
