// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/wording.h"

#include <string.h>

#include "topology/base/names.h"

/* Plain sums over what an object says. Nothing is looked up: a word that others say, too, costs the
 * same, so what is allowed does not depend on who came before.
 */

static void add(struct wording *wording, const char *text)
{
    if (text != NULL) {
        wording->words++;
        wording->bytes += names_cost(strlen(text));
    }
}

static void add_expressions(struct wording *wording, const struct expression_object *expressions,
                            size_t count)
{
    for (size_t i = 0; i < count; i++) {
        add(wording, expressions[i].key);
        for (size_t v = 0; v < expressions[i].value_count; v++) {
            add(wording, expressions[i].values[v]);
        }
    }
}

struct wording wording_of_rules(const struct pod_object *pod)
{
    struct wording wording = {.words = 0};
    for (size_t i = 0; i < pod->selector_count; i++) {
        add(&wording, pod->selector[i].key);
        add(&wording, pod->selector[i].value);
    }
    for (size_t i = 0; i < pod->term_count; i++) {
        add_expressions(&wording, pod->terms[i].expressions, pod->terms[i].expression_count);
    }
    for (size_t i = 0; i < pod->preference_count; i++) {
        const struct term_object *term = &pod->preferences[i].term;
        add_expressions(&wording, term->expressions, term->expression_count);
    }
    for (size_t i = 0; i < pod->toleration_count; i++) {
        add(&wording, pod->tolerations[i].key);
        add(&wording, pod->tolerations[i].value);
    }
    add(&wording, pod->spread.key);
    return wording;
}

struct wording wording_of_labels(const struct label_object *labels, size_t count)
{
    struct wording wording = {.words = 0};
    for (size_t i = 0; i < count; i++) {
        add(&wording, labels[i].key);
        add(&wording, labels[i].value);
    }
    return wording;
}

bool wording_fits(size_t bytes, size_t used, size_t budget)
{
    return bytes == 0 || (used <= budget && bytes <= (budget - used) / WORDING_PART);
}
