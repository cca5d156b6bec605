// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_STATE_WORDING_H
#define SCHEDULER_STATE_WORDING_H

#include <stddef.h>

#include "scheduler/objects.h"

/* How much text a pod brings: what it would take to remember it all, as if nobody said the same.
 *
 * Tables of names are shared by everybody who may create pods. Each has a budget for what pods say,
 * of which one pod may take a small part of what is left: so who says much is refused long before
 * others are, and who says little hardly ever.
 */

#define WORDING_PART 64 /* one part in so many of what is left */

struct wording {
    size_t words;
    size_t bytes; /* names_cost() of them */
};

/* Of its selector, its node affinity, required and preferred, its tolerations and its spread. */
struct wording wording_of_rules(const struct pod_object *pod);
/* Of the first `count` labels. */
struct wording wording_of_labels(const struct label_object *labels, size_t count);

/* Whether somebody may bring so many bytes more, where `used` of `budget` are; none always. */
bool wording_fits(size_t bytes, size_t used, size_t budget);

#endif
