// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_UNIT_API_KUBE_FAKE_API_H
#define TEST_UNIT_API_KUBE_FAKE_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The protocol behaviour of a kube-apiserver, as far as Phalanx sees it, on a loopback port:
 * paged lists and streaming watches of nodes, pods, podgroups and resourceslices, bindings, status
 * patches, events, one Lease; refusals worded as the real one words them (tried on 1.36); and every
 * kind of mishap on demand. What is right or wrong about the objects is not its business.
 */

enum fake_kind { FAKE_NODES, FAKE_PODS, FAKE_GROUPS, FAKE_SLICES };
#define FAKE_KINDS 4

/* Something that goes wrong with the next `times` requests whose "METHOD target" contains
 * `match`. */
struct fake_mishap {
    const char *match;
    int times;
    int status;          /* != 0: answered so, with headers and body, and nothing done */
    const char *headers; /* "" or lines with CRLF */
    const char *body;
    bool act;  /* with status 0: the request is carried out, but */
    bool hold; /* with status 0: no answer until fake_api_release() or the other side is gone */
    /* else: the connection is closed without an answer */
};

struct fake_api;

/* `port` 0: a free one. NULL when it is taken. */
struct fake_api *fake_api_create(uint16_t port);
void fake_api_destroy(struct fake_api *api);
uint16_t fake_api_port(const struct fake_api *api);

/* Adds or replaces an object (JSON text); gives it a resourceVersion. */
void fake_api_put(struct fake_api *api, enum fake_kind kind, const char *object);
void fake_api_delete(struct fake_api *api, enum fake_kind kind, const char *name_space,
                     const char *name);
/* Changes something without telling the watches, as if they had missed it. */
void fake_api_put_silently(struct fake_api *api, enum fake_kind kind, const char *object);
void fake_api_delete_silently(struct fake_api *api, enum fake_kind kind, const char *name_space,
                              const char *name);

/* Objects per page at most, and bytes per portion sent (0: all at once). */
void fake_api_shape(struct fake_api *api, size_t page, size_t portion);
void fake_api_groups_exist(struct fake_api *api, bool exist);
/* The only bearer token let in, NULL: anybody. */
void fake_api_token(struct fake_api *api, const char *token);
void fake_api_mishap(struct fake_api *api, const struct fake_mishap *mishap);
void fake_api_release(struct fake_api *api);

void fake_api_bookmark(struct fake_api *api);
/* Forgets what happened so far: watches from before now get 410, as an event or as the status. */
void fake_api_compact(struct fake_api *api, bool as_event);
/* Ends all watches: in order, or in the middle of a line. */
void fake_api_end_watches(struct fake_api *api, bool broken);

/* How many requests so far contained `match`, and how many of them at once at most. */
size_t fake_api_count(struct fake_api *api, const char *match);
size_t fake_api_most_at_once(struct fake_api *api);
/* Waits until that many were counted; false after a minute. */
bool fake_api_wait(struct fake_api *api, const char *match, size_t count);
/* *New* body of the last request that contained `match`, or NULL. */
char *fake_api_last_body(struct fake_api *api, const char *match);
/* *New* "METHOD target" lines of all requests that contained `match`, in order. */
char *fake_api_requests(struct fake_api *api, const char *match);
/* *New* holder of the Lease, "" when nobody holds it. */
char *fake_api_lease_holder(struct fake_api *api);
/* Somebody else takes the Lease, which there is. */
void fake_api_take_lease(struct fake_api *api, const char *holder);
/* *New* copy of a member of an object, e.g. ("spec", "nodeName"), or NULL. */
char *fake_api_member(struct fake_api *api, enum fake_kind kind, const char *name_space,
                      const char *name, const char *object, const char *member);

#endif
