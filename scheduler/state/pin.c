// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/pin.h"

#include <string.h>

/* Terms of node affinity are alternatives, so all of them have to name the same node; one
 * expression that does is enough for a term. A selector counts beside them.
 */

static const char hostname_key[] = "kubernetes.io/hostname";

/* The value that the expression demands of the hostname or the name, or NULL. */
static const char *pin_of(const struct expression_object *expression)
{
    bool one = expression->operator== SELECTOR_IN && expression->value_count == 1;
    return one && (expression->field || strcmp(expression->key, hostname_key) == 0)
               ? expression->values[0]
               : NULL;
}

static const char *pin_of_term(const struct term_object *term)
{
    const char *pin = NULL;
    for (size_t i = 0; i < term->expression_count && pin == NULL; i++) {
        pin = pin_of(&term->expressions[i]);
    }
    return pin;
}

const char *pin_find(const struct pod_object *pod)
{
    const char *pin = pod->term_count > 0 ? pin_of_term(&pod->terms[0]) : NULL;
    for (size_t i = 1; i < pod->term_count && pin != NULL; i++) {
        const char *other = pin_of_term(&pod->terms[i]);
        pin = other != NULL && strcmp(other, pin) == 0 ? pin : NULL;
    }
    for (size_t i = 0; i < pod->selector_count; i++) {
        if (strcmp(pod->selector[i].key, hostname_key) == 0) {
            pin = pod->selector[i].value;
        }
    }
    return pin;
}
