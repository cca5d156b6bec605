// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_WATCH_ITEMS_H
#define API_KUBE_WATCH_ITEMS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/kube/client/kube_log.h"
#include "api/kube/objects/batch.h"
#include "api/kube/objects/remarks.h"
#include "api/kube/watch/reflector.h"

/* The objects of one kind, as a list or a watch shows them, to events.
 *
 *   items_begin()                  a list starts
 *   items_take()                   an object as it is now, or its end
 *   items_end()                    the list is complete: what it did not show is gone
 *
 * One bad object costs one object:
 *
 *   not to be decoded              the last version that could be stays in force. A pod of which
 *                                  it is known who it is, where it runs and what it takes is told
 *                                  of all the same, with rules that let it in nowhere
 *                                  (pod_decode() in api/kube/objects/decode.h)
 *   no JSON, or too large          the same, by what of its beginning can be read: its names
 *   not even its names             it is passed over; a list with such an object in it makes
 *                                  nothing disappear, for it may be that
 *
 * Each is counted, and named in the log when its trouble begins, but no more than ITEMS_NAMED in a
 * minute; items_unread() says which there are now.
 */

#define ITEMS_NAMED  10 /* objects that are named in the log within a minute, … */
#define ITEMS_SHOWN  8  /* … and in items_unread() */
#define ITEMS_UNREAD 1024

struct items;

struct items *items_create(enum reflector_kind kind, const struct kube_log *log);
void items_destroy(struct items *items);
/* *Borrowed*; NULL, as at first: nobody is told. */
void items_remark(struct items *items, struct remarks *remarks);

void items_begin(struct items *items);
void items_end(struct items *items, struct kube_batch *batch);

/* `json` may be anything. `now` is in milliseconds. */
void items_take(struct items *items, int64_t now, struct kube_batch *batch, const json_t *json,
                bool deleted);

/* As items_take(), of an object that cannot be read, for `why`: what head.h found. */
void items_take_unread(struct items *items, int64_t now, struct kube_batch *batch,
                       const json_t *head, bool deleted, const char *why);

uint64_t items_skipped(const struct items *items); /* versions of objects, in all */
size_t items_unread_count(const struct items *items);
/* "2 objects are not read: ns/a, ns/b", "" when there is none; changes when items_changes() does.
 */
void items_unread(const struct items *items, char text[static ITEMS_UNREAD]);
uint64_t items_changes(const struct items *items);

#endif
