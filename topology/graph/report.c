// SPDX-License-Identifier: Apache-2.0
#include "topology/graph/report.h"

#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"
#include "topology/base/names.h"

/* Each level is looked at from two sides: the labels, node by node, and the domains that came of
 * them. Both are gathered in one scratch list of labels, sorted, and counted in runs of equal ones.
 */

/* A label at one level: of a node, or of a known domain. */
struct seen {
    const char *text;
    uint32_t value;
    uint32_t key;
    uint32_t parent; /* domain above, for domains */
};

struct scratch {
    const struct domains *domains;
    const struct nodes *nodes;
    const struct names *words;
    struct seen *seen;
    size_t count;
    size_t room;
    uint32_t *sizes;
    size_t size_count;
    size_t size_room;
};

static int compare_seen(const void *left, const void *right)
{
    const struct seen *a = left;
    const struct seen *b = right;
    int order = a->value == b->value ? 0 : strcmp(a->text, b->text);
    if (order != 0) {
        return order;
    }
    if (a->key != b->key) {
        return a->key < b->key ? -1 : 1;
    }
    return (a->parent > b->parent) - (a->parent < b->parent);
}

static int compare_sizes(const void *left, const void *right)
{
    const uint32_t *a = left;
    const uint32_t *b = right;
    return (*a > *b) - (*a < *b);
}

static void push(struct scratch *scratch, uint32_t value, uint32_t key, uint32_t parent)
{
    scratch->seen =
        alloc_grow(scratch->seen, &scratch->room, scratch->count + 1, sizeof *scratch->seen);
    scratch->seen[scratch->count++] = (struct seen){
        .text = names_text(scratch->words, value), .value = value, .key = key, .parent = parent};
}

/* Keeps the first few by name. */
static void add_name(struct report_names *names, const char *name)
{
    uint32_t kept = names->count < REPORT_NAMES_MAX ? names->count : REPORT_NAMES_MAX;
    names->count++;
    uint32_t slot = kept;
    while (slot > 0 && strcmp(name, names->first[slot - 1]) < 0) {
        if (slot < REPORT_NAMES_MAX) {
            names->first[slot] = names->first[slot - 1];
        }
        slot--;
    }
    if (slot < REPORT_NAMES_MAX) {
        names->first[slot] = name;
    }
}

/* ---- labels ---- */

/* Counts the keys of one node at a level; returns the value that counts, or NAMES_NONE. */
static uint32_t read_node(const struct scratch *scratch, struct report_level *level, uint32_t row,
                          const uint32_t *keys, uint32_t *key)
{
    uint32_t found = NAMES_NONE;
    uint32_t place = 0;
    bool carries = false;
    for (uint32_t k = 0; k < level->key_count; k++) {
        uint32_t value = NAMES_NONE;
        if (keys[k] != NAMES_NONE) {
            value = nodes_label(scratch->nodes, row, keys[k]);
        }
        carries = carries || value != NAMES_NONE;
        if (value == NAMES_NONE || names_length(scratch->words, value) == 0) {
            continue;
        }
        level->keys[k].carriers++;
        if (found == NAMES_NONE || k == level->choice) {
            place = k;
            found = value;
            *key = keys[k];
        }
    }
    level->keys[place].used += found != NAMES_NONE;
    level->empty += carries && found == NAMES_NONE;
    return found;
}

static bool is_own_name(const struct scratch *scratch, uint32_t row, uint32_t value,
                        uint32_t host_key)
{
    if (strcmp(names_text(scratch->words, value), nodes_name(scratch->nodes, row)) == 0) {
        return true;
    }
    return host_key != NAMES_NONE && nodes_label(scratch->nodes, row, host_key) == value;
}

static void count_long_values(const struct scratch *scratch, struct report_level *level)
{
    uint32_t before = NAMES_NONE;
    for (size_t i = 0; i < scratch->count; i++) {
        const struct seen *seen = &scratch->seen[i];
        bool first = seen->value != before;
        before = seen->value;
        if (first && names_length(scratch->words, seen->value) > REPORT_VALUE_MAX) {
            level->long_values++;
            level->long_value = level->long_value == NULL ? seen->text : level->long_value;
        }
    }
}

/* Returns how many different labels (key and value) there are. */
static uint32_t read_labels(struct scratch *scratch, struct report_level *level)
{
    bool host = level->tree_level == (int)domains_levels(scratch->domains) - 1;
    uint32_t keys[LEVEL_KEYS_MAX];
    uint32_t host_key = names_find(scratch->words, LEVEL_HOST_KEY, strlen(LEVEL_HOST_KEY));
    for (uint32_t k = 0; k < LEVEL_KEYS_MAX; k++) {
        const char *key = k < level->key_count ? level->keys[k].key : "";
        keys[k] = names_find(scratch->words, key, strlen(key));
    }
    scratch->count = 0;
    for (uint32_t p = 0; p < domains_positions(scratch->domains); p++) {
        uint32_t row = domains_row(scratch->domains, p);
        uint32_t key = NAMES_NONE;
        uint32_t value = read_node(scratch, level, row, keys, &key);
        if (value == NAMES_NONE) {
            if (!host) {
                add_name(&level->unlabelled, nodes_name(scratch->nodes, row));
            }
            continue;
        }
        push(scratch, value, key, 0);
        level->labelled++;
        level->own_names += is_own_name(scratch, row, value, host_key);
        if (!host && level->tree_level > 0) {
            uint32_t domain = domains_at(scratch->domains, p, (uint32_t)level->tree_level);
            if (!domains_get(scratch->domains, domain)->known) {
                add_name(&level->unused, nodes_name(scratch->nodes, row));
            }
        }
    }
    qsort(scratch->seen, scratch->count, sizeof *scratch->seen, compare_seen);
    count_long_values(scratch, level);
    uint32_t distinct = 0;
    for (size_t i = 0; i < scratch->count; i++) {
        const struct seen *seen = &scratch->seen[i];
        distinct += i == 0 || seen[-1].value != seen->value || seen[-1].key != seen->key;
    }
    return distinct;
}

/* ---- domains ---- */

static void count_repeated(const struct scratch *scratch, struct report_level *level)
{
    for (size_t i = 0; i < scratch->count;) {
        const struct seen *first = &scratch->seen[i];
        size_t end = i + 1;
        while (end < scratch->count && scratch->seen[end].value == first->value &&
               scratch->seen[end].key == first->key) {
            end++;
        }
        if (end - i > 1) {
            level->repeated++;
            level->repeated_value =
                level->repeated_value == NULL ? first->text : level->repeated_value;
        }
        i = end;
    }
}

static void read_domains(struct scratch *scratch, struct report_level *level)
{
    scratch->count = 0;
    scratch->size_count = 0;
    for (uint32_t d = 1; d < domains_count(scratch->domains); d++) {
        const struct domain *domain = domains_get(scratch->domains, d);
        if (domain->level != (uint32_t)level->tree_level) {
            continue;
        }
        if (!domain->known) {
            level->unknown++;
            continue;
        }
        push(scratch, domain->value, domain->key, domain->parent);
        scratch->sizes = alloc_grow(scratch->sizes, &scratch->size_room, scratch->size_count + 1,
                                    sizeof *scratch->sizes);
        scratch->sizes[scratch->size_count++] = domain->end - domain->first;
    }
    level->known = (uint32_t)scratch->size_count;
    if (level->known > 0) {
        qsort(scratch->sizes, scratch->size_count, sizeof *scratch->sizes, compare_sizes);
        level->smallest = scratch->sizes[0];
        level->median = scratch->sizes[scratch->size_count / 2];
        level->largest = scratch->sizes[scratch->size_count - 1];
    }
    qsort(scratch->seen, scratch->count, sizeof *scratch->seen, compare_seen);
    count_repeated(scratch, level);
}

static void describe_host(struct report_level *level, uint32_t nodes)
{
    level->known = nodes;
    level->smallest = level->median = level->largest = nodes > 0 ? 1 : 0;
}

static void start_level(struct report_level *level, const struct level *configured, uint32_t choice,
                        const struct domains *domains)
{
    int tree_level = domains_level_find(domains, configured->name);
    level->name = configured->name;
    level->tree_level = tree_level < 0 ? -1 : tree_level;
    level->key_count = configured->key_count;
    level->choice = choice;
    for (uint32_t k = 0; k < configured->key_count; k++) {
        level->keys[k].key = configured->keys[k];
    }
}

void report_fill(struct report *report, const struct levels *levels, const struct domains *domains,
                 const struct nodes *nodes)
{
    struct scratch scratch = {.domains = domains,
                              .nodes = nodes,
                              .words = nodes_words(nodes),
                              .seen = alloc_zero(0, sizeof *scratch.seen),
                              .sizes = alloc_zero(0, sizeof *scratch.sizes)};
    const struct report_level *above = NULL;
    uint32_t labels_above = 0;
    *report = (struct report){.nodes = domains_positions(domains),
                              .domains = domains_count(domains),
                              .level_count = levels->count};
    for (uint32_t l = 0; l < levels->count; l++) {
        struct report_level *level = &report->levels[l];
        start_level(level, &levels->items[l], domains_choice(domains, l), domains);
        uint32_t labels = read_labels(&scratch, level);
        if (l + 1 == levels->count) {
            describe_host(level, report->nodes);
        } else if (level->tree_level > 0) {
            read_domains(&scratch, level);
            level->upside_down = above != NULL && level->repeated > 0 && labels < labels_above &&
                                 level->known + level->unknown == above->known + above->unknown;
            above = level;
            labels_above = labels;
        }
    }
    free(scratch.seen);
    free(scratch.sizes);
}
