// SPDX-License-Identifier: Apache-2.0
#include "topology/graph/domains.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"
#include "topology/base/err.h"
#include "topology/base/names.h"
#include "topology/base/utf8.h"
#include "topology/graph/paths.h"
#include "topology/graph/tree.h"

/* The domain tree, built in one go:
 *
 *   1. read   the nodes' paths (paths.h): a step per level, which compares as a number
 *   2. sort   nodes by path, unknown last, then by name: the order of positions
 *   3. open   walk the positions; where the path differs from the one before, close the domains
 *             below that level and open new ones, in preorder
 *
 *   position   0      1      2      3
 *   path      b1 r1  b1 r1  b1 r2  b2 r1
 *   opens     1  2   -      3      4  5        domain numbers
 *
 * A run of unknown steps ends with its *anchor*, the step that all who share these unknown domains
 * have in common, or with the path, and then nobody shares them:
 *
 *   b1  -  c7     with everybody else at b1 - c7
 *   b1  -  -      alone below b1
 *
 * So two paths that differ, or end, right after unknown steps part where that run begins. Sorting
 * keeps those who share a run together, for they are equal before it and at its end.
 *
 * Every node opens at most one domain of each inner level: the number of domains is at most
 * positions × inner levels + 1.
 *
 * States: empty (as created: one domain, no position) and built. What lies where is in tree.h.
 */

/* One node while the tree is built. */
struct entry {
    uint32_t row;
    bool cut;
    const char *name;
    const uint32_t *path;
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
                                               .key = NAMES_NONE,
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

/* Gives back what the domains have of the vocabulary. */
static void release_words(struct domains *domains)
{
    for (uint32_t d = 0; d < domains->count; d++) {
        if (domains->items[d].value != NAMES_NONE) {
            names_release(nodes_vocabulary(domains->nodes), domains->items[d].value);
            names_release(nodes_vocabulary(domains->nodes), domains->items[d].key);
        }
    }
}

void domains_destroy(struct domains *domains)
{
    if (domains == NULL) {
        return;
    }
    release_words(domains);
    free(domains->items);
    free(domains->rows);
    free(domains->lowest);
    free(domains->cut);
    free(domains->positions);
    free(domains->masks);
    free(domains);
}

/* ---- building ---- */

static int compare_entries(const void *left, const void *right, void *path_length)
{
    const struct entry *a = left;
    const struct entry *b = right;
    uint32_t length = *(const uint32_t *)path_length;
    for (uint32_t l = 0; l < length; l++) {
        if (a->path[l] != b->path[l]) {
            return a->path[l] < b->path[l] ? -1 : 1; /* PATHS_NONE is the largest */
        }
    }
    return strcmp(a->name, b->name);
}

/* The first inner level where a node no longer shares the domain of the one before it. */
static uint32_t find_parting(const uint32_t *before, const uint32_t *path, uint32_t length)
{
    uint32_t level = 0;
    while (level < length && before[level] == path[level]) {
        level++;
    }
    while (level > 0 && path[level - 1] == PATHS_NONE) { /* no anchor in common */
        level--;
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

static uint32_t open_step(struct domains *domains, const struct paths *paths, uint32_t parent,
                          uint32_t position, uint32_t level, uint32_t step)
{
    struct domain domain = {.parent = parent,
                            .level = level + 1,
                            .first = position,
                            .value = NAMES_NONE,
                            .key = NAMES_NONE};
    if (step != PATHS_NONE) {
        domain.value = paths_value(paths, step);
        domain.key = paths_key(paths, level, step);
        domain.known = true;
        names_retain(nodes_vocabulary(domains->nodes), domain.value);
        names_retain(nodes_vocabulary(domains->nodes), domain.key);
    }
    return open_domain(domains, domain);
}

/* `entries` in position order. */
static void open_domains(struct domains *domains, const struct paths *paths,
                         const struct entry *entries)
{
    uint32_t open[LEVELS_MAX] = {0}; /* by tree level; 0 is the cluster */
    open_cluster(domains, paths->count);
    for (uint32_t p = 0; p < paths->count; p++) {
        const uint32_t *path = entries[p].path;
        uint32_t parting = 0;
        if (p > 0) {
            parting = find_parting(entries[p - 1].path, path, domains->inner_count);
            close_domains(domains, open, parting + 1, p);
        }
        for (uint32_t l = parting; l < domains->inner_count; l++) {
            open[l + 1] = open_step(domains, paths, open[l], p, l, path[l]);
        }
        domains->lowest[p] = open[domains->inner_count];
    }
    close_domains(domains, open, 0, paths->count);
}

static void place_nodes(struct domains *domains, const struct nodes *nodes,
                        const struct entry *entries, uint32_t count)
{
    domains->position_count = count;
    domains->position_room = count;
    domains->rows = alloc_resize(domains->rows, count, sizeof *domains->rows);
    domains->lowest = alloc_resize(domains->lowest, count, sizeof *domains->lowest);
    domains->cut = alloc_resize(domains->cut, count, sizeof *domains->cut);
    domains->row_count = nodes_rows(nodes);
    domains->row_room = domains->row_count;
    domains->positions =
        alloc_resize(domains->positions, domains->row_count, sizeof *domains->positions);
    for (uint32_t row = 0; row < domains->row_count; row++) {
        domains->positions[row] = DOMAINS_NONE;
    }
    for (uint32_t p = 0; p < count; p++) {
        domains->rows[p] = entries[p].row;
        domains->cut[p] = entries[p].cut;
        domains->positions[entries[p].row] = p;
    }
}

static void keep_keys(struct domains *domains, const struct paths *paths)
{
    size_t row_size = LEVELS_MAX * sizeof *domains->masks;
    domains->mask_room = domains->row_count;
    domains->masks =
        alloc_resize(domains->masks, domains->row_count * LEVELS_MAX, sizeof *domains->masks);
    for (uint32_t i = 0; i < paths->count; i++) {
        memcpy(domains->masks + (size_t)paths->rows[i] * LEVELS_MAX,
               paths->masks + (size_t)i * LEVELS_MAX, row_size);
    }
    memcpy(domains->counts, paths->counts, sizeof domains->counts);
    for (uint32_t l = 0; l < LEVELS_MAX; l++) {
        domains->choices[l] = paths_choice(&domains->counts[l]);
    }
}

static void count_carriers(struct domains *domains)
{
    memset(domains->carriers, 0, sizeof domains->carriers);
    for (uint32_t d = 1; d < domains->count; d++) {
        const struct domain *domain = &domains->items[d];
        domains->carriers[domain->level - 1] += domain->known ? domain->end - domain->first : 0;
    }
}

static void mark_keys(struct domains *domains)
{
    for (uint32_t l = 0; l + 1 < domains->levels.count; l++) {
        const struct level *level = &domains->levels.items[l];
        for (uint32_t k = 0; k < level->key_count; k++) {
            domains->keys[l][k] = nodes_mark_place(domains->nodes, level->keys[k]);
        }
    }
}

void domains_build(struct domains *domains, struct nodes *nodes)
{
    struct paths paths;
    release_words(domains);
    domains->nodes = nodes;
    mark_keys(domains);
    paths_init(&paths, &domains->levels, nodes);
    struct entry *entries = alloc_zero(paths.count, sizeof *entries);
    for (uint32_t i = 0; i < paths.count; i++) {
        uint32_t row = paths.rows[i];
        entries[i] = (struct entry){row, paths.cut[i], nodes_name(nodes, row), paths_of(&paths, i)};
    }
    qsort_r(entries, paths.count, sizeof *entries, compare_entries, &paths.length);
    domains->inner_count = paths.length;
    memcpy(domains->inner, paths.levels, sizeof domains->inner);
    place_nodes(domains, nodes, entries, paths.count);
    open_domains(domains, &paths, entries);
    count_carriers(domains);
    keep_keys(domains, &paths);
    domains->below = paths.below;
    domains->generation++;
    domains->edition++;
    domains->followable = domains->edition;
    free(entries);
    paths_finish(&paths);
}

void domains_checkpoint(struct domains *domains, struct nodes *nodes, struct checkpoint *checkpoint)
{
    uint64_t generation = domains->generation, edition = domains->edition;
    checkpoint_section(checkpoint, "domains");
    checkpoint_u64(checkpoint, &generation);
    checkpoint_u64(checkpoint, &edition);
    if (!checkpoint->loading || checkpoint->failed || generation == 0) {
        return;
    }
    domains_build(domains, nodes);
    domains->generation = generation;
    domains->edition = edition;
    domains->followable = edition;
}

/* ---- reading ---- */

uint64_t domains_generation(const struct domains *domains)
{
    return domains->generation;
}

uint64_t domains_edition(const struct domains *domains)
{
    return domains->edition;
}

const struct domains_move *domains_move(const struct domains *domains, uint64_t edition)
{
    bool kept = edition >= domains->followable && edition < domains->edition &&
                domains->edition - edition <= DOMAINS_MOVES_MAX;
    return kept ? &domains->moves[edition % DOMAINS_MOVES_MAX] : NULL;
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
    uint32_t host = domains->levels.count - 1;
    return domains->levels.items[level > domains->inner_count ? host : domains->inner[level - 1]]
        .name;
}

const char *domains_level_text(const struct domains *domains, const char *name, size_t length)
{
    for (uint32_t i = 0; i < domains->levels.count; i++) {
        const char *text = domains->levels.items[i].name;
        if (strlen(text) == length && memcmp(text, name, length) == 0) {
            return text;
        }
    }
    return NULL;
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

/* Place of the key in its level, or LEVEL_KEYS_MAX. */
static uint32_t place_in(const struct level *level, const char *key)
{
    uint32_t place = 0;
    while (place < level->key_count && strcmp(level->keys[place], key) != 0) {
        place++;
    }
    return place < level->key_count ? place : LEVEL_KEYS_MAX;
}

static void mark_lacking(const struct domains *domains, uint32_t configured, uint32_t place,
                         struct bitset **lacking)
{
    for (uint32_t p = 0; p < domains->position_count; p++) {
        uint32_t mask = domains->masks[(size_t)domains->rows[p] * LEVELS_MAX + configured];
        if ((mask >> place & 1u) == 0) {
            *lacking = *lacking == NULL ? bitset_create(domains->position_count) : *lacking;
            bitset_set(*lacking, p);
        }
    }
}

/* Whether the nodes of each known domain of the level carry one value of the key, or none. */
static bool is_uniform(const struct domains *domains, uint32_t level, uint32_t key)
{
    uint32_t domain = DOMAINS_NONE;
    uint32_t seen = NAMES_NONE;
    for (uint32_t p = 0; p < domains->position_count; p++) {
        uint32_t here = domains_at(domains, p, level);
        uint32_t value = nodes_label(domains->nodes, domains->rows[p], key);
        seen = here == domain ? seen : NAMES_NONE;
        domain = here;
        bool said = value != NAMES_NONE && names_length(nodes_words(domains->nodes), value) > 0;
        if (domains->items[here].known && said && seen != NAMES_NONE && seen != value) {
            return false;
        }
        seen = said ? value : seen;
    }
    return true;
}

bool domains_named_key(const struct domains *domains, const char *name_or_key,
                       struct bitset **lacking)
{
    int configured = levels_find(&domains->levels, name_or_key);
    int level = domains_level_find(domains, name_or_key);
    *lacking = NULL;
    if (configured < 0 || level <= 0 || (uint32_t)level > domains->inner_count) {
        return true;
    }
    const struct level *item = &domains->levels.items[configured];
    uint32_t place =
        strcmp(item->name, name_or_key) == 0 ? LEVEL_KEYS_MAX : place_in(item, name_or_key);
    if (place == LEVEL_KEYS_MAX) {
        return true;
    }
    const struct paths_keys *counts = &domains->counts[configured];
    if (counts->carry[place] < counts->carriers) {
        mark_lacking(domains, (uint32_t)configured, place, lacking);
    }
    bool tells =
        domains->choices[configured] == place || (domains->choices[configured] == PATHS_IN_ORDER &&
                                                  counts->first[place] == counts->carriers);
    return tells || is_uniform(domains, (uint32_t)level, domains->keys[configured][place]);
}

uint32_t domains_choice(const struct domains *domains, uint32_t configured)
{
    err_require(configured < domains->levels.count);
    return domains->generation == 0 ? PATHS_IN_ORDER : domains->choices[configured];
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

const char *domains_name(const struct domains *domains, uint32_t domain)
{
    const struct domain *found = domains_get(domains, domain);
    if (domain == 0) {
        return LEVEL_CLUSTER;
    }
    return found->known ? names_text(nodes_words(domains->nodes), found->value) : "(none)";
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
    for (uint32_t i = length; i > 0; i--) {
        used += utf8_print(text + used, size - used, "%s%s", i < length ? "/" : "",
                           domains_name(domains, chain[i - 1]));
    }
    return text;
}
