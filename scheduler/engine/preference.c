// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/preference.h"

#include <string.h>

#include "scheduler/engine/reason.h"
#include "topology/base/utf8.h"

/* Words to a level. Which plans are tried on which levels is plan.c. */

#define QUOTE_MAX 80 /* bytes of what is quoted */

static const char *const WORDS[] = {"members", "placement"};
#define WORD_COUNT (sizeof WORDS / sizeof WORDS[0])

/* Index of the word; WORD_COUNT: it is none. */
static size_t word_of(const char *text)
{
    size_t word = 0;
    while (word < WORD_COUNT && strcmp(text, WORDS[word]) != 0) {
        word++;
    }
    return word;
}

/* Of what the pods say the last word, and what is no word before all: of several the first in order
 * of text. NULL: nothing. */
static const char *said_by_pods(const struct gang *gang)
{
    const struct multiset *said = &gang->totals.preferences;
    const struct names *words = said->count == 0 ? NULL : pods_words(gang->members[0]->table);
    const char *found = NULL;
    for (uint32_t i = 0; i < said->count; i++) {
        const char *text = names_text(words, (uint32_t)said->items[i].value);
        size_t before = found == NULL ? 0 : word_of(found), now = word_of(text);
        if (found == NULL || now > before || (now == before && strcmp(text, found) < 0)) {
            found = text;
        }
    }
    return found;
}

/* The level named by the gang, or by its first pod that can be placed. */
static const char *level_named(const struct gang *gang)
{
    const char *name = gang->object_placement.preferred;
    for (uint32_t i = 0; i < gang->member_count && name == NULL; i++) {
        const struct pod *pod = gang->members[i];
        name = pod->terminal ? NULL : pod->placement.preferred;
    }
    return name;
}

static uint32_t first_level(const struct engine *engine, const struct gang *gang)
{
    const char *name = level_named(gang);
    int named = name == NULL ? -1 : domains_level_find(engine->domains, name);
    uint32_t host = domains_levels(engine->domains) - 1;
    return named >= 0 ? (uint32_t)named : host > 0 ? host - 1 : 0;
}

int preference_resolve(struct engine *engine, struct gang *gang, uint32_t *level)
{
    const char *text =
        gang->object_preference != NULL ? gang->object_preference : said_by_pods(gang);
    size_t word = text == NULL ? (size_t)engine->options.preference : word_of(text);
    char reason[GANG_REASON_MAX];
    *level = word == ENGINE_PREFER_PLACEMENT ? first_level(engine, gang) : SOLVER_LEVEL_NONE;
    if (word < WORD_COUNT) {
        return 0;
    }
    utf8_print(reason, sizeof reason,
               "gang %s/%s waits: elastic preference \"%.*s\" is neither members nor placement",
               gang->name_space, gang->name, QUOTE_MAX, text);
    if (gang_set_reason(gang, reason_invalid, reason)) {
        engine_emit_waiting(engine, gang);
    }
    return -1;
}

/* Whether all members that have a place are in one domain of the level. */
static bool share_domain(const struct attempt *attempt, uint32_t level)
{
    const struct domains *domains = attempt->engine->domains;
    bool host = level + 1 == domains_levels(domains);
    uint32_t first = DOMAINS_NONE;
    for (uint32_t i = 0; i < attempt->pinned_count; i++) {
        uint32_t position = attempt->pinned[i];
        uint32_t domain = host ? position : domains_at(domains, position, level);
        bool known = host || domains_get(domains, domain)->known;
        if (!known || (i > 0 && domain != first)) {
            return false;
        }
        first = domain;
    }
    return true;
}

uint32_t preference_joining(const struct attempt *attempt)
{
    uint32_t required = attempt->constraints.required_level;
    uint32_t least = required == SOLVER_LEVEL_NONE ? 0 : required;
    if (attempt->tight_level == SOLVER_LEVEL_NONE || attempt->pinned_count == 0) {
        return required;
    }
    for (uint32_t level = attempt->tight_level; level > least; level--) {
        if (share_domain(attempt, level)) {
            return level;
        }
    }
    return required;
}
