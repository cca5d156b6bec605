// SPDX-License-Identifier: Apache-2.0
#include "api/kube/watch/health.h"

#include <inttypes.h>

#include "topology/base/utf8.h"

/* The list of names is only written anew when it changed: this is done at every turn of the thread.
 */

void watch_health_update(struct watch_health *health, const struct reflector *reflector,
                         int64_t now)
{
    const struct items *items = reflector_items(reflector);
    health->failing_ms = reflector_failing(reflector, now);
    health->failures = reflector_failures(reflector);
    health->lists = reflector_lists(reflector);
    health->trouble[0] = '\0';
    if (health->failing_ms >= 0) {
        utf8_print(health->trouble, sizeof health->trouble, "%s", reflector_trouble(reflector));
    }
    if (health->changes != items_changes(items)) {
        health->changes = items_changes(items);
        health->unread = items_unread_count(items);
        items_unread(items, health->unread_text);
    }
}

bool watch_health_good(const struct watch_health *health, enum reflector_kind kind,
                       int64_t patience_ms)
{
    return kind == REFLECTOR_SLICES || health->failing_ms < patience_ms;
}

void watch_health_describe(const struct watch_health *health, int64_t silence_ms, bool named,
                           char *text, size_t size)
{
    bool trouble = named && health->trouble[0] != '\0';
    size_t used = utf8_print(text, size, "silent for %" PRId64 " ms", silence_ms);
    if (health->failing_ms >= 0) {
        used += utf8_print(text + used, size - used, "; failing for %" PRId64 " ms%s%s",
                           health->failing_ms, trouble ? ": " : "", trouble ? health->trouble : "");
    }
    if (health->unread > 0 && !named) {
        utf8_print(text + used, size - used, "; %zu object%s not read", health->unread,
                   health->unread == 1 ? " is" : "s are");
    } else if (health->unread > 0) {
        utf8_print(text + used, size - used, "; %s", health->unread_text);
    }
}
