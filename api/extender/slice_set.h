// SPDX-License-Identifier: Apache-2.0
#ifndef API_EXTENDER_SLICE_SET_H
#define API_EXTENDER_SLICE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/json/scan.h"

/* Which strings of a list were met already: finds node names that a request repeats. Strings are
 * equal when they decode to the same text, however they are escaped.
 *
 * The set is over one list of slices, *borrowed*, and takes at most as many as was announced.
 */

struct slice_set {
    const struct json_slice *slices;
    struct slice_set_entry *entries;
    size_t mask;
    size_t free; /* slices it still takes */
};

/* `slices` has less than 2^32 elements; at most `room` different ones will be added. */
void slice_set_init(struct slice_set *set, const struct json_slice *slices, size_t room);
void slice_set_finish(struct slice_set *set);

/* Adds slices[index]; false when an equal string is there already. */
bool slice_set_add(struct slice_set *set, size_t index);

#endif
