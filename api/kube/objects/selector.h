// SPDX-License-Identifier: Apache-2.0
#ifndef API_KUBE_OBJECTS_SELECTOR_H
#define API_KUBE_OBJECTS_SELECTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "api/json/fields.h"

/* Label selectors (meta/v1 LabelSelector), as far as they concern the pod that carries them:
 * whether it selects the pod itself, and a text that is the same for equal selectors.
 *
 *   matchLabels {app: x}, matchExpressions [tier In [b, a]]     "app=x, tier in (a,b)"
 */

#define SELECTOR_TEXT_MAX 512

struct selector {
    bool understood; /* false: an unknown operator, too long, or not a selector at all */
    bool selects;    /* the pod with the labels given */
    char text[SELECTOR_TEXT_MAX];
};

/* Reads member `labelSelector` of a term of the pod, with its matchLabelKeys and mismatchLabelKeys,
 * which stand for requirements with the pod's own values. A term without a selector selects no pod,
 * one with an empty selector every pod. */
void selector_read(const struct field *term, const json_t *labels, struct selector *selector);

#endif
