// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_UNIT_API_KUBE_FAKE_API_STATE_H
#define TEST_UNIT_API_KUBE_FAKE_API_STATE_H

#include <jansson.h>
#include <pthread.h>

#include "test/unit/api/kube/client/fake_server.h"
#include "test/unit/api/kube/fake_api.h"

/* The inside of the fake API server, shared by its two halves: the test's side (fake_api.c) and the
 * client's (fake_api_answers.c).
 *
 * One lock over everything but sending. A change goes into the table of its kind and, with its
 * resourceVersion, into a history; watches read the history from where they stand and sleep on
 * `changed` at its end.
 */

struct change {
    int64_t version;
    enum fake_kind kind;
    char *line;
};

struct record {
    char *line; /* "METHOD target" */
    char *body;
};

struct fake_api {
    struct fake_server *server;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    json_t *objects[FAKE_KINDS]; /* arrays */
    json_t *lease;               /* the only one, or NULL */
    int64_t version;
    int64_t compacted; /* versions below are forgotten */
    bool expired_as_event;
    struct change *history;
    size_t history_count;
    size_t history_room;
    struct record *records;
    size_t record_count;
    size_t record_room;
    struct fake_mishap *mishaps;
    size_t mishap_count;
    size_t mishap_room;
    size_t page;
    size_t portion;
    bool groups_missing;
    char *token;
    uint64_t released; /* generation of releases */
    uint64_t ended;    /* generation of ended watches */
    bool ended_broken;
    bool stopping;
    size_t at_once;
    size_t most_at_once;
};

/* Position in objects[kind], its size when there is none. The lock is held, here and below. */
size_t fake_state_find(const struct fake_api *api, enum fake_kind kind, const char *name_space,
                       const char *name);
/* *Steals* object. */
void fake_state_put(struct fake_api *api, enum fake_kind kind, json_t *object, bool silently);
/* A member of a member, "" when absent. */
const char *fake_state_text(const json_t *json, const char *object, const char *member);

/* The handler of the fake server. */
bool fake_answer(void *context, struct fake_connection *connection,
                 const struct fake_request *request);

#endif
