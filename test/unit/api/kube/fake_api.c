// SPDX-License-Identifier: Apache-2.0
#include "test/unit/api/kube/fake_api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "test/unit/api/kube/fake_api_state.h"
#include "topology/base/alloc.h"
#include "topology/base/err.h"

/* The test's side: the tables, the history, and the knobs. */

#define WAIT_S 60

const char *fake_state_text(const json_t *json, const char *object, const char *member)
{
    const char *text = json_string_value(json_object_get(json_object_get(json, object), member));
    return text == NULL ? "" : text;
}

size_t fake_state_find(const struct fake_api *api, enum fake_kind kind, const char *name_space,
                       const char *name)
{
    size_t i = 0;
    for (; i < json_array_size(api->objects[kind]); i++) {
        const json_t *object = json_array_get(api->objects[kind], i);
        if (strcmp(fake_state_text(object, "metadata", "name"), name) == 0 &&
            strcmp(fake_state_text(object, "metadata", "namespace"), name_space) == 0) {
            break;
        }
    }
    return i;
}

static void record_change(struct fake_api *api, enum fake_kind kind, const char *type,
                          json_t *object)
{
    json_t *line = json_pack("{s:s,s:O}", "type", type, "object", object);
    char *text = json_dumps(line, JSON_COMPACT);
    json_decref(line);
    size_t length = strlen(text);
    api->history =
        alloc_grow(api->history, &api->history_room, api->history_count + 1, sizeof *api->history);
    struct change *change = &api->history[api->history_count++];
    change->version = api->version;
    change->kind = kind;
    change->line = alloc_zero(length + 2, 1);
    memcpy(change->line, text, length);
    change->line[length] = '\n';
    free(text);
    (void)pthread_cond_broadcast(&api->changed);
}

static void stamp(struct fake_api *api, json_t *object)
{
    char version[32];
    (void)snprintf(version, sizeof version, "%lld", (long long)++api->version);
    json_object_set_new(json_object_get(object, "metadata"), "resourceVersion",
                        json_string(version));
}

/* *Steals* object; the lock is held. */
void fake_state_put(struct fake_api *api, enum fake_kind kind, json_t *object, bool silently)
{
    stamp(api, object);
    size_t i = fake_state_find(api, kind, fake_state_text(object, "metadata", "namespace"),
                               fake_state_text(object, "metadata", "name"));
    bool known = i < json_array_size(api->objects[kind]);
    if (known) {
        json_array_set(api->objects[kind], i, object);
    } else {
        json_array_append(api->objects[kind], object);
    }
    if (!silently) {
        record_change(api, kind, known ? "MODIFIED" : "ADDED", object);
    }
    json_decref(object);
}

static void put_text(struct fake_api *api, enum fake_kind kind, const char *text, bool silently)
{
    json_t *object = json_loads(text, 0, NULL);
    err_require(object != NULL);
    (void)pthread_mutex_lock(&api->lock);
    fake_state_put(api, kind, object, silently);
    (void)pthread_mutex_unlock(&api->lock);
}

void fake_api_put(struct fake_api *api, enum fake_kind kind, const char *object)
{
    put_text(api, kind, object, false);
}

void fake_api_put_silently(struct fake_api *api, enum fake_kind kind, const char *object)
{
    put_text(api, kind, object, true);
}

static void take_away(struct fake_api *api, enum fake_kind kind, const char *name_space,
                      const char *name, bool silently)
{
    (void)pthread_mutex_lock(&api->lock);
    size_t i = fake_state_find(api, kind, name_space, name);
    err_require(i < json_array_size(api->objects[kind]));
    json_t *object = json_incref(json_array_get(api->objects[kind], i));
    json_array_remove(api->objects[kind], i);
    stamp(api, object);
    if (!silently) {
        record_change(api, kind, "DELETED", object);
    }
    json_decref(object);
    (void)pthread_mutex_unlock(&api->lock);
}

void fake_api_delete(struct fake_api *api, enum fake_kind kind, const char *name_space,
                     const char *name)
{
    take_away(api, kind, name_space, name, false);
}

void fake_api_delete_silently(struct fake_api *api, enum fake_kind kind, const char *name_space,
                              const char *name)
{
    take_away(api, kind, name_space, name, true);
}

struct fake_api *fake_api_create(uint16_t port)
{
    struct fake_api *api = alloc_zero(1, sizeof *api);
    pthread_condattr_t attributes;
    err_require(pthread_mutex_init(&api->lock, NULL) == 0);
    err_require(pthread_condattr_init(&attributes) == 0);
    err_require(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    err_require(pthread_cond_init(&api->changed, &attributes) == 0);
    (void)pthread_condattr_destroy(&attributes);
    for (size_t i = 0; i < FAKE_KINDS; i++) {
        api->objects[i] = json_array();
    }
    api->version = 100;
    api->server = fake_server_create(port, fake_answer, api);
    if (api->server == NULL) {
        fake_api_destroy(api);
        return NULL;
    }
    return api;
}

void fake_api_destroy(struct fake_api *api)
{
    if (api == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&api->lock);
    api->stopping = true;
    (void)pthread_cond_broadcast(&api->changed);
    (void)pthread_mutex_unlock(&api->lock);
    fake_server_destroy(api->server);
    for (size_t i = 0; i < FAKE_KINDS; i++) {
        json_decref(api->objects[i]);
    }
    for (size_t i = 0; i < api->history_count; i++) {
        free(api->history[i].line);
    }
    for (size_t i = 0; i < api->record_count; i++) {
        free(api->records[i].line);
        free(api->records[i].body);
    }
    json_decref(api->lease);
    free(api->history);
    free(api->records);
    free(api->mishaps);
    free(api->token);
    (void)pthread_cond_destroy(&api->changed);
    (void)pthread_mutex_destroy(&api->lock);
    free(api);
}

uint16_t fake_api_port(const struct fake_api *api)
{
    return fake_server_port(api->server);
}

void fake_api_shape(struct fake_api *api, size_t page, size_t portion)
{
    (void)pthread_mutex_lock(&api->lock);
    api->page = page;
    api->portion = portion;
    (void)pthread_mutex_unlock(&api->lock);
}

void fake_api_groups_exist(struct fake_api *api, bool exist)
{
    (void)pthread_mutex_lock(&api->lock);
    api->groups_missing = !exist;
    (void)pthread_mutex_unlock(&api->lock);
}

void fake_api_token(struct fake_api *api, const char *token)
{
    (void)pthread_mutex_lock(&api->lock);
    free(api->token);
    api->token = alloc_string(token);
    (void)pthread_mutex_unlock(&api->lock);
}

void fake_api_mishap(struct fake_api *api, const struct fake_mishap *mishap)
{
    (void)pthread_mutex_lock(&api->lock);
    api->mishaps =
        alloc_grow(api->mishaps, &api->mishap_room, api->mishap_count + 1, sizeof *api->mishaps);
    api->mishaps[api->mishap_count++] = *mishap;
    (void)pthread_mutex_unlock(&api->lock);
}

void fake_api_release(struct fake_api *api)
{
    (void)pthread_mutex_lock(&api->lock);
    api->released++;
    (void)pthread_cond_broadcast(&api->changed);
    (void)pthread_mutex_unlock(&api->lock);
}

void fake_api_bookmark(struct fake_api *api)
{
    (void)pthread_mutex_lock(&api->lock);
    for (int kind = 0; kind < FAKE_KINDS; kind++) {
        json_t *object = json_pack("{s:{}}", "metadata");
        stamp(api, object);
        record_change(api, (enum fake_kind)kind, "BOOKMARK", object);
        json_decref(object);
    }
    (void)pthread_mutex_unlock(&api->lock);
}

void fake_api_compact(struct fake_api *api, bool as_event)
{
    (void)pthread_mutex_lock(&api->lock);
    api->compacted = ++api->version;
    api->expired_as_event = as_event;
    for (size_t i = 0; i < api->history_count; i++) {
        free(api->history[i].line);
    }
    api->history_count = 0;
    (void)pthread_mutex_unlock(&api->lock);
}

void fake_api_end_watches(struct fake_api *api, bool broken)
{
    (void)pthread_mutex_lock(&api->lock);
    api->ended++;
    api->ended_broken = broken;
    (void)pthread_cond_broadcast(&api->changed);
    (void)pthread_mutex_unlock(&api->lock);
}

static size_t count_locked(const struct fake_api *api, const char *match)
{
    size_t count = 0;
    for (size_t i = 0; i < api->record_count; i++) {
        count += strstr(api->records[i].line, match) != NULL;
    }
    return count;
}

size_t fake_api_count(struct fake_api *api, const char *match)
{
    (void)pthread_mutex_lock(&api->lock);
    size_t count = count_locked(api, match);
    (void)pthread_mutex_unlock(&api->lock);
    return count;
}

bool fake_api_wait(struct fake_api *api, const char *match, size_t count)
{
    struct timespec end;
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += WAIT_S;
    int result = 0;
    (void)pthread_mutex_lock(&api->lock);
    while (count_locked(api, match) < count && result == 0) {
        result = pthread_cond_timedwait(&api->changed, &api->lock, &end);
    }
    (void)pthread_mutex_unlock(&api->lock);
    return result == 0;
}

size_t fake_api_most_at_once(struct fake_api *api)
{
    (void)pthread_mutex_lock(&api->lock);
    size_t most = api->most_at_once;
    (void)pthread_mutex_unlock(&api->lock);
    return most;
}

char *fake_api_last_body(struct fake_api *api, const char *match)
{
    char *body = NULL;
    (void)pthread_mutex_lock(&api->lock);
    for (size_t i = api->record_count; i > 0 && body == NULL; i--) {
        if (strstr(api->records[i - 1].line, match) != NULL) {
            body = alloc_string(api->records[i - 1].body);
        }
    }
    (void)pthread_mutex_unlock(&api->lock);
    return body;
}

char *fake_api_requests(struct fake_api *api, const char *match)
{
    size_t length = 0;
    size_t room = 0;
    char *text = alloc_grow(NULL, &room, 1, 1);
    (void)pthread_mutex_lock(&api->lock);
    for (size_t i = 0; i < api->record_count; i++) {
        const char *line = api->records[i].line;
        if (strstr(line, match) != NULL) {
            size_t added = strlen(line);
            text = alloc_grow(text, &room, length + added + 2, 1);
            memcpy(text + length, line, added);
            text[length + added] = '\n';
            length += added + 1;
            text[length] = '\0';
        }
    }
    (void)pthread_mutex_unlock(&api->lock);
    return text;
}

char *fake_api_lease_holder(struct fake_api *api)
{
    (void)pthread_mutex_lock(&api->lock);
    char *text = alloc_string(fake_state_text(api->lease, "spec", "holderIdentity"));
    (void)pthread_mutex_unlock(&api->lock);
    return text;
}

void fake_api_take_lease(struct fake_api *api, const char *holder)
{
    (void)pthread_mutex_lock(&api->lock);
    err_require(api->lease != NULL);
    json_object_set_new(json_object_get(api->lease, "spec"), "holderIdentity", json_string(holder));
    stamp(api, api->lease);
    (void)pthread_mutex_unlock(&api->lock);
}

char *fake_api_member(struct fake_api *api, enum fake_kind kind, const char *name_space,
                      const char *name, const char *object, const char *member)
{
    (void)pthread_mutex_lock(&api->lock);
    const json_t *json =
        json_array_get(api->objects[kind], fake_state_find(api, kind, name_space, name));
    char *text =
        alloc_string(json_string_value(json_object_get(json_object_get(json, object), member)));
    (void)pthread_mutex_unlock(&api->lock);
    return text;
}
