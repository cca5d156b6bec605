// SPDX-License-Identifier: Apache-2.0
#include "topology/domains.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "topology/alloc.h"
#include "topology/err.h"
#include "topology/names.h"

/* The domain tree, built in one go:
 *
 *   1. choose   the configured levels that some present node carries become tree levels
 *   2. rank     all their label values are sorted as texts once; a node's path becomes a row of
 *               ranks, so that comparing paths is comparing integers
 *   3. sort     nodes by path, unknown last, then by name: the order of positions
 *   4. open     walk the positions; where the path differs from the one before, close the domains
 *               below that level and open new ones, in preorder
 *
 *   position   0      1      2      3
 *   path      b1 r1  b1 r1  b1 r2  b2 r1
 *   opens     1  2   -      3      4  5        domain numbers
 *
 * A node without a label opens domains from that level down that nobody shares, so the number of
 * domains is at most positions × inner levels + 1.
 *
 * States: empty (as created: one domain, no position) and built. Invariants: domain numbers ascend
 * in preorder; every position lies in exactly one domain of each inner level; `lowest[p]` is the
 * one of the last inner level, and walking up its parents gives the others.
 */

#define UNRANKED UINT32_MAX

struct domains {
    struct levels levels;
    uint64_t generation;
    const struct names *words; /* borrowed from the nodes of the last build */
    /* Inner levels of the tree below the cluster, as indices of configured levels. */
    uint32_t inner_count;
    uint32_t inner[LEVELS_MAX];
    uint32_t count;
    size_t room;
    struct domain *items;
    uint32_t position_count;
    uint32_t *rows;   /* by position */
    uint32_t *lowest; /* by position: the domain of the last inner level */
    uint32_t row_count;
    uint32_t *positions; /* by row */
};

/* One node while the tree is built. */
struct entry {
    uint32_t row;
    const char *name;
    const uint32_t *path; /* ranks, inner_count of them */
};

/* What domains_build() works with and throws away. */
struct build {
    const struct nodes *nodes;
    const struct names *words;
    uint32_t count;        /* present nodes */
    struct entry *entries; /* of them; in position order after sorting */
    uint32_t *values;      /* value ids, level after level, `count` each */
    uint32_t *paths;       /* ranks, node after node, inner_count each */
    uint32_t *ranked;      /* value ids by rank */
};

/* ---- life ---- */

static uint32_t open_domain(struct domains *domains, struct domain domain)
{
    domains->items =
        alloc_grow(domains->items, &domains->room, domains->count + 1, sizeof *domains->items);
    domains->items[domains->count] = domain;
    return domains->count++;
}

static void open_cluster(struct domains *domains, uint32_t positions)
{
    domains->count = 0;
    (void)open_domain(domains, (struct domain){.parent = DOMAINS_NONE,
                                               .end = positions,
                                               .next = 1,
                                               .value = NAMES_NONE,
                                               .known = true});
}

struct domains *domains_create(const struct levels *levels)
{
    err_require(levels->count > 0);
    err_require(strcmp(levels->items[levels->count - 1].name, LEVEL_HOST) == 0);
    struct domains *domains = alloc_zero(1, sizeof *domains);
    domains->levels = *levels;
    open_cluster(domains, 0);
    return domains;
}

void domains_destroy(struct domains *domains)
{
    if (domains == NULL) {
        return;
    }
    free(domains->items);
    free(domains->rows);
    free(domains->lowest);
    free(domains->positions);
    free(domains);
}

/* ---- 1. choose ---- */

static void collect_nodes(struct build *build)
{
    build->entries = alloc_zero(nodes_present(build->nodes), sizeof *build->entries);
    for (uint32_t row = 0; row < nodes_rows(build->nodes); row++) {
        if (nodes_get(build->nodes, row)->present) {
            build->entries[build->count++] =
                (struct entry){.row = row, .name = nodes_name(build->nodes, row)};
        }
    }
}

/* The value of the first key that the node carries. An empty one says nothing about where the node
 * is, so two nodes that have it share nothing. */
static uint32_t find_value(const struct build *build, uint32_t row, const uint32_t *keys,
                           uint32_t key_count)
{
    for (uint32_t k = 0; k < key_count; k++) {
        uint32_t value = NAMES_NONE;
        if (keys[k] != NAMES_NONE) {
            value = nodes_label(build->nodes, row, keys[k]);
        }
        if (value != NAMES_NONE && names_length(build->words, value) > 0) {
            return value;
        }
    }
    return NAMES_NONE;
}

/* The values of one level, node after node; false when no node has one. */
static bool read_level(const struct build *build, const struct level *level, uint32_t *values)
{
    uint32_t keys[LEVEL_KEYS_MAX];
    for (uint32_t k = 0; k < level->key_count; k++) {
        keys[k] = names_find(build->words, level->keys[k], strlen(level->keys[k]));
    }
    bool carried = false;
    for (uint32_t i = 0; i < build->count; i++) {
        values[i] = find_value(build, build->entries[i].row, keys, level->key_count);
        carried = carried || values[i] != NAMES_NONE;
    }
    return carried;
}

/* A level that nobody carries leaves its place in `values` to the next one. */
static void choose_levels(struct domains *domains, struct build *build)
{
    const struct levels *levels = &domains->levels;
    build->values = alloc_zero((size_t)build->count * levels->count, sizeof *build->values);
    domains->inner_count = 0;
    for (uint32_t l = 0; l + 1 < levels->count; l++) {
        uint32_t *values = build->values + (size_t)build->count * domains->inner_count;
        if (read_level(build, &levels->items[l], values)) {
            domains->inner[domains->inner_count++] = l;
        }
    }
}

/* ---- 2. rank ---- */

struct word {
    const char *text;
    uint32_t id;
};

static int compare_words(const void *left, const void *right)
{
    const struct word *a = left;
    const struct word *b = right;
    return strcmp(a->text, b->text);
}

/* Ranks by value id, for the ids that occur; fills build->ranked. *New*. */
static uint32_t *rank_values(struct build *build, size_t value_count)
{
    uint32_t *ranks = alloc_zero(names_count(build->words), sizeof *ranks);
    struct word *used = alloc_zero(0, sizeof *used);
    size_t room = 0;
    size_t count = 0;
    for (size_t i = 0; i < value_count; i++) {
        uint32_t id = build->values[i];
        if (id != NAMES_NONE && ranks[id] == 0) {
            ranks[id] = 1; /* seen */
            used = alloc_grow(used, &room, count + 1, sizeof *used);
            used[count++] = (struct word){.text = names_text(build->words, id), .id = id};
        }
    }
    qsort(used, count, sizeof *used, compare_words);
    build->ranked = alloc_zero(count, sizeof *build->ranked);
    for (size_t i = 0; i < count; i++) {
        ranks[used[i].id] = (uint32_t)i;
        build->ranked[i] = used[i].id;
    }
    free(used);
    return ranks;
}

static void write_paths(const struct domains *domains, struct build *build)
{
    uint32_t length = domains->inner_count;
    uint32_t *ranks = rank_values(build, (size_t)build->count * length);
    build->paths = alloc_zero((size_t)build->count * length, sizeof *build->paths);
    for (uint32_t i = 0; i < build->count; i++) {
        uint32_t *path = build->paths + (size_t)i * length;
        for (uint32_t l = 0; l < length; l++) {
            uint32_t value = build->values[(size_t)l * build->count + i];
            path[l] = value == NAMES_NONE ? UNRANKED : ranks[value];
        }
        build->entries[i].path = path;
    }
    free(ranks);
}

/* ---- 3. sort ---- */

static int compare_entries(const void *left, const void *right, void *path_length)
{
    const struct entry *a = left;
    const struct entry *b = right;
    uint32_t length = *(const uint32_t *)path_length;
    for (uint32_t l = 0; l < length; l++) {
        if (a->path[l] != b->path[l]) {
            return a->path[l] < b->path[l] ? -1 : 1; /* UNRANKED is the largest */
        }
    }
    return strcmp(a->name, b->name);
}

/* ---- 4. open ---- */

/* The first inner level where a node no longer shares the domain of the one before it. */
static uint32_t find_parting(const uint32_t *before, const uint32_t *path, uint32_t length)
{
    uint32_t level = 0;
    while (level < length && before[level] == path[level] && path[level] != UNRANKED) {
        level++;
    }
    return level;
}

static void close_domains(struct domains *domains, const uint32_t *open, uint32_t from,
                          uint32_t end)
{
    for (uint32_t l = from; l <= domains->inner_count; l++) {
        domains->items[open[l]].end = end;
        domains->items[open[l]].next = domains->count;
    }
}

static void open_domains(struct domains *domains, const struct build *build)
{
    uint32_t open[LEVELS_MAX] = {0}; /* by tree level; 0 is the cluster */
    open_cluster(domains, build->count);
    for (uint32_t p = 0; p < build->count; p++) {
        const uint32_t *path = build->entries[p].path;
        uint32_t parting = 0;
        if (p > 0) {
            parting = find_parting(build->entries[p - 1].path, path, domains->inner_count);
            close_domains(domains, open, parting + 1, p);
        }
        for (uint32_t l = parting; l < domains->inner_count; l++) {
            bool known = domains->items[open[l]].known && path[l] != UNRANKED;
            open[l + 1] = open_domain(
                domains, (struct domain){.parent = open[l],
                                         .level = l + 1,
                                         .first = p,
                                         .value = known ? build->ranked[path[l]] : NAMES_NONE,
                                         .known = known});
        }
        domains->lowest[p] = open[domains->inner_count];
    }
    close_domains(domains, open, 0, build->count);
}

static void place_nodes(struct domains *domains, const struct build *build)
{
    domains->position_count = build->count;
    domains->rows = alloc_resize(domains->rows, build->count, sizeof *domains->rows);
    domains->lowest = alloc_resize(domains->lowest, build->count, sizeof *domains->lowest);
    domains->row_count = nodes_rows(build->nodes);
    domains->positions =
        alloc_resize(domains->positions, domains->row_count, sizeof *domains->positions);
    for (uint32_t row = 0; row < domains->row_count; row++) {
        domains->positions[row] = DOMAINS_NONE;
    }
    for (uint32_t p = 0; p < build->count; p++) {
        domains->rows[p] = build->entries[p].row;
        domains->positions[build->entries[p].row] = p;
    }
}

void domains_build(struct domains *domains, const struct nodes *nodes)
{
    struct build build = {.nodes = nodes, .words = nodes_words(nodes)};
    collect_nodes(&build);
    choose_levels(domains, &build);
    write_paths(domains, &build);
    qsort_r(build.entries, build.count, sizeof *build.entries, compare_entries,
            &domains->inner_count);
    place_nodes(domains, &build);
    open_domains(domains, &build);
    domains->words = build.words;
    domains->generation++;
    free(build.entries);
    free(build.values);
    free(build.paths);
    free(build.ranked);
}

/* ---- reading ---- */

uint64_t domains_generation(const struct domains *domains)
{
    return domains->generation;
}

uint32_t domains_count(const struct domains *domains)
{
    return domains->count;
}

uint32_t domains_positions(const struct domains *domains)
{
    return domains->position_count;
}

const struct domain *domains_get(const struct domains *domains, uint32_t domain)
{
    err_require(domain < domains->count);
    return &domains->items[domain];
}

uint32_t domains_levels(const struct domains *domains)
{
    return domains->inner_count + 2;
}

const char *domains_level_name(const struct domains *domains, uint32_t level)
{
    err_require(level < domains_levels(domains));
    if (level == 0) {
        return LEVEL_CLUSTER;
    }
    if (level > domains->inner_count) {
        return LEVEL_HOST;
    }
    return domains->levels.items[domains->inner[level - 1]].name;
}

int domains_level_find(const struct domains *domains, const char *name_or_key)
{
    if (strcmp(name_or_key, LEVEL_CLUSTER) == 0) {
        return 0;
    }
    int configured = levels_find(&domains->levels, name_or_key);
    if (configured < 0) {
        return -1;
    }
    if ((uint32_t)configured == domains->levels.count - 1) {
        return (int)domains->inner_count + 1;
    }
    for (uint32_t l = 0; l < domains->inner_count; l++) {
        if (domains->inner[l] == (uint32_t)configured) {
            return (int)l + 1;
        }
    }
    return -2;
}

uint32_t domains_row(const struct domains *domains, uint32_t position)
{
    err_require(position < domains->position_count);
    return domains->rows[position];
}

uint32_t domains_position(const struct domains *domains, uint32_t row)
{
    return row < domains->row_count ? domains->positions[row] : DOMAINS_NONE;
}

uint32_t domains_at(const struct domains *domains, uint32_t position, uint32_t level)
{
    err_require(position < domains->position_count && level <= domains->inner_count);
    uint32_t domain = domains->lowest[position];
    for (uint32_t l = domains->inner_count; l > level; l--) {
        domain = domains->items[domain].parent;
    }
    return domain;
}

uint32_t domains_common(const struct domains *domains, uint32_t position, uint32_t other)
{
    err_require(position < domains->position_count && other < domains->position_count);
    uint32_t a = domains->lowest[position];
    uint32_t b = domains->lowest[other];
    while (a != b) { /* both always on the same level */
        a = domains->items[a].parent;
        b = domains->items[b].parent;
    }
    return a;
}

const char *domains_name(const struct domains *domains, uint32_t domain)
{
    const struct domain *found = domains_get(domains, domain);
    if (domain == 0) {
        return LEVEL_CLUSTER;
    }
    return found->known ? names_text(domains->words, found->value) : "(none)";
}

const char *domains_path(const struct domains *domains, uint32_t domain, char *text, size_t size)
{
    uint32_t chain[LEVELS_MAX];
    uint32_t length = 0;
    chain[length++] = domain;
    while (domains_get(domains, chain[length - 1])->level > 1) {
        chain[length] = domains->items[chain[length - 1]].parent;
        length++;
    }
    size_t used = 0;
    for (uint32_t i = length; i > 0 && used < size; i--) {
        int written = snprintf(text + used, size - used, "%s%s", i < length ? "/" : "",
                               domains_name(domains, chain[i - 1]));
        used += written > 0 ? (size_t)written : 0;
    }
    return text;
}
