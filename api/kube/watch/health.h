// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_WATCH_HEALTH_H
#define API_KUBE_WATCH_HEALTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/kube/watch/items.h"
#include "api/kube/watch/reflector.h"

/* What there is to say of one watch to operators: a copy that may change threads. */

struct watch_health {
    int64_t failing_ms; /* nothing has worked for so long; -1: it does (reflector_failing()) */
    uint64_t failures;
    uint64_t lists;
    char trouble[ERR_TEXT_MAX];     /* while it fails, the last failure, in words */
    size_t unread;                  /* objects whose last version is not read, or not wholly … */
    char unread_text[ITEMS_UNREAD]; /* … and which they are, "" without any */
    uint64_t changes;               /* items_changes() of these two */
};

/* Brings a copy, zeroed at first, up to date. */
void watch_health_update(struct watch_health *health, const struct reflector *reflector,
                         int64_t now);

/* Whether the core may rely on what it is told of this kind: it does not fail, or not yet for
 * `patience_ms`. Slices are no more than useful: without them all else goes on. */
bool watch_health_good(const struct watch_health *health, enum reflector_kind kind,
                       int64_t patience_ms);

/* "silent for 12 ms; failing for 3000 ms: …; 1 object is not read: ns/a"; without what may have
 * names in it when it is not `named`. */
void watch_health_describe(const struct watch_health *health, int64_t silence_ms, bool named,
                           char *text, size_t size);

#endif
