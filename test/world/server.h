// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_WORLD_SERVER_H
#define TEST_WORLD_SERVER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "test/world/world.h"

/* The API server: objects with versions, the history of their changes, and what of it is shown to
 * whom. What requests are answered is in answers.h.
 *
 * Stored objects are never changed: whoever wants another one puts another one.
 */

enum kind { KIND_NODE, KIND_POD, KIND_GROUP, KIND_SLICE, KIND_LEASE, KIND_EVENT };
#define KINDS 6

#define SERVER_KEY_MAX 128

struct change {
    int64_t version;
    enum kind kind;
    bool gone;
    bool added;
    char key[SERVER_KEY_MAX]; /* "namespace/name", or the name */
    json_t *object;           /* as it is now, or was last */
};

struct server *server_create(struct world *world);
void server_destroy(struct server *server);

int64_t server_version(const struct server *server);

/* *Borrowed*, or NULL. */
json_t *server_get(const struct server *server, enum kind kind, const char *key);
size_t server_count(const struct server *server, enum kind kind);
/* By key; *borrowed*. */
json_t *server_at(const struct server *server, enum kind kind, size_t index);
/* *Steals* the object, which gets a version of its own. */
void server_put(struct server *server, enum kind kind, json_t *object);
void server_remove(struct server *server, enum kind kind, const char *key);

/* Whoever is inside the world and wants to know of changes: at once, and of all that exists when
 * everything may have changed (`change` NULL). */
void server_subscribe(struct server *server,
                      void (*changed)(void *context, const struct change *change), void *context);

/* A watch: `send` gets the lines, in order, one at a time; NULL: it has ended, properly or with
 * an error. */
struct watch {
    enum kind kind;
    int64_t since;
    int64_t seconds;
    void (*send)(void *context, uint64_t number, const char *line, const char *error);
    void *context;
    uint64_t number; /* the watcher's own */
};
/* False: that version is not kept any more. */
bool server_watch(struct server *server, const struct watch *watch);
void server_unwatch(struct server *server, void *context, uint64_t number);

/* Ends all watches with an error. */
void server_cut(struct server *server, const char *error);
/* History before now is forgotten, and with it the pages of lists. */
void server_compact(struct server *server);
int64_t server_oldest(const struct server *server);
/* What exists now is in every snapshot that server_restore() may go back to. */
void server_protect(struct server *server);
/* Everything is as it was `changes` changes ago; versions go on above the old ones when `bumped`,
 * as etcdctl snapshot restore --bump-revision does it, or else are given once more. */
void server_restore(struct server *server, size_t changes, bool bumped);
int64_t server_restored_at(const struct server *server); /* world time, or -1 */

/* Pages of a list that was begun: *steals* the items. */
uint64_t server_keep_page(struct server *server, json_t *items, int64_t version);
/* *Borrowed*, NULL: expired. */
json_t *server_page(const struct server *server, uint64_t number, int64_t *version);

struct world *server_world(const struct server *server);

/* Text of a member, "" when there is none: json_path(pod, "spec", "nodeName"). */
const char *object_text(const json_t *object, const char *group, const char *name);
const char *object_name(const json_t *object);
const char *object_uid(const json_t *object);
void object_key(const json_t *object, char key[SERVER_KEY_MAX]);

#endif
