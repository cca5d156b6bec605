// SPDX-License-Identifier: Apache-2.0
#ifndef API_JSON_SELECTOR_H
#define API_JSON_SELECTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "api/json/fields.h"
#include "scheduler/objects.h"
#include "topology/base/arena.h"

/* Label selectors (meta/v1 LabelSelector), wherever they stand: of pods in a term about other pods,
 * of nodes in a HyperNode. All requirements have to hold; none at all is a selector of everything.
 *
 *   matchLabels {app: x}, matchExpressions [tier In [b, a]]     app In [x], tier In [b, a]
 */

#define SELECTOR_EXPRESSIONS_MAX POD_EXPRESSIONS_MAX
#define SELECTOR_VALUES_MAX      POD_VALUES_MAX

struct selector {
    struct expression_object *items; /* in the arena, with room for SELECTOR_EXPRESSIONS_MAX */
    size_t count;
};

/* Reads a selector; an absent one has no requirements, either. Fails on an operator that is not
 * known, on values where none belong or none where some do, and beyond a limit. */
int selector_decode(const struct field *json, struct arena *arena, struct selector *selector,
                    struct err *err);

/* One requirement more, with one value; -1 when there are too many. The texts are copied. */
int selector_require(struct selector *selector, struct arena *arena, const char *key,
                     enum selector_operator relation, const char *value);

/* Whether a requirement holds for a label's value; NULL: there is no such label. As
 * k8s.io/apimachinery labels.Requirement.Matches: NotIn holds where there is none. */
bool selector_holds(const struct expression_object *expression, const char *value);

/* Sorts values and requirements and drops those that come twice, so that selectors which say the
 * same in another order become the same. */
void selector_sort(struct selector *selector);

/* A sorted selector for people, "app=x, tier in (a,b)"; false when it does not fit. */
bool selector_text(const struct selector *selector, char *text, size_t size);

#endif
