// SPDX-License-Identifier: Apache-2.0
#include "test/property/oracle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"
#include "topology/base/err.h"
#include "topology/graph/levels.h"

/* Draws instances. The tree is drawn first, without regard to order; everything else is drawn by
 * position, so that it does not depend on the order in which nodes were inserted. */

static const char *const level_names[ORACLE_INNER_MAX] = {"block", "leaf", "rack"};
static const char *const resource_names[] = {"gpu", "cpu", "memory"};

#define RESOURCES (sizeof resource_names / sizeof *resource_names)
#define NO_LABEL  UINT32_MAX

uint64_t oracle_next(struct oracle_random *random)
{
    random->state += UINT64_C(0x9E3779B97F4A7C15); /* splitmix64 */
    uint64_t z = random->state;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

uint32_t oracle_below(struct oracle_random *random, uint32_t end)
{
    return end == 0 ? 0 : (uint32_t)(oracle_next(random) % end);
}

bool oracle_one_in(struct oracle_random *random, uint32_t n)
{
    return oracle_below(random, n) == 0;
}

/* ---- the tree ---- */

struct tree_draw {
    uint32_t nodes;
    uint32_t inner;
    uint32_t labels[ORACLE_NODES_MAX][ORACLE_INNER_MAX];
};

static void draw_tree(struct tree_draw *draw, const struct oracle_kind *kind,
                      struct oracle_random *random)
{
    draw->nodes =
        kind->nodes_least + oracle_below(random, kind->nodes_most - kind->nodes_least + 1);
    draw->inner = 1 + oracle_below(random, ORACLE_INNER_MAX);
    if (kind->hard && draw->inner == 1) {
        draw->inner = 2;
    }
    bool gaps = !kind->hard && (oracle_one_in(random, 4) || kind->loose);
    bool uneven = oracle_one_in(random, 2);
    uint32_t fans[ORACLE_INNER_MAX];
    for (uint32_t l = 0; l < draw->inner; l++) {
        fans[l] = 1 + kind->hard + oracle_below(random, draw->nodes > 12 ? 6 : 3);
    }
    for (uint32_t i = 0; i < draw->nodes; i++) {
        for (uint32_t l = 0; l < draw->inner; l++) {
            uint32_t value = oracle_below(random, fans[l]);
            uint32_t other = oracle_below(random, fans[l]);
            value = uneven && other < value ? other : value;
            draw->labels[i][l] = gaps && oracle_one_in(random, 8) ? NO_LABEL : value;
        }
    }
}

static void add_node(struct nodes *nodes, const struct tree_draw *draw, uint32_t index)
{
    char name[16];
    char values[ORACLE_INNER_MAX][16];
    struct label_object labels[ORACLE_INNER_MAX];
    size_t count = 0;
    snprintf(name, sizeof name, "n%03u", index);
    for (uint32_t l = 0; l < draw->inner && l < ORACLE_INNER_MAX; l++) {
        if (draw->labels[index][l] != NO_LABEL) {
            snprintf(values[l], sizeof values[l], "%c%u", level_names[l][0],
                     draw->labels[index][l]);
            labels[count++] = (struct label_object){level_names[l], values[l]};
        }
    }
    const struct node_object object = {.name = name, .labels = labels, .label_count = count};
    uint32_t row = 0;
    unsigned changes = 0;
    err_require(nodes_observe(nodes, &object, &row, &changes, NULL) == 0);
}

static void build_tree(struct oracle_instance *instance, const struct tree_draw *draw,
                       uint64_t shuffle)
{
    uint32_t order[ORACLE_NODES_MAX] = {0};
    struct oracle_random random = {shuffle};
    for (uint32_t i = 0; i < draw->nodes; i++) {
        uint32_t other = shuffle == 0 ? i : oracle_below(&random, i + 1);
        order[i] = order[other];
        order[other] = i;
    }
    instance->nodes = nodes_create(shuffle);
    for (uint32_t i = 0; i < draw->nodes; i++) {
        add_node(instance->nodes, draw, order[i]);
    }
    struct levels levels;
    levels_init(&levels);
    int failed = 0;
    for (uint32_t l = 0; l < draw->inner && l < ORACLE_INNER_MAX; l++) {
        failed |= levels_add(&levels, level_names[l], NULL);
        failed |= levels_add_key(&levels, level_names[l], NULL);
    }
    failed |= levels_finish(&levels, NULL);
    err_require(failed == 0);
    struct domains *domains = domains_create(&levels);
    domains_build(domains, instance->nodes);
    instance->domains = domains;
    instance->positions = domains_positions(domains);
    instance->levels = domains_levels(domains);
    for (uint32_t p = 0; p < instance->positions; p++) {
        for (uint32_t l = 0; l + 1 < instance->levels; l++) {
            instance->place[p][l] = domains_at(domains, p, l);
        }
        instance->place[p][instance->levels - 1] = p;
    }
}

/* ---- capacity ---- */

enum pattern {
    PATTERN_EVEN, /* 0 … 8, each as likely */
    PATTERN_BITS,
    PATTERN_EQUAL,
    PATTERN_EMPTY_DOMAINS,
    PATTERN_ALL_OR_NOTHING, /* 0 or 8 */
    PATTERN_SCARCE,         /* 0 … 2, mostly 0 */
    PATTERN_BY_DOMAIN,      /* nodes of a lowest domain are equal */
    PATTERN_SUBTREES,       /* the same sequence in every lowest domain */
    PATTERN_ODD_ONE,        /* all equal but one node in four */
    PATTERNS
};

static uint32_t draw_count(enum pattern pattern, const uint32_t *table, uint32_t place,
                           uint32_t offset, struct oracle_random *random)
{
    uint32_t value = oracle_below(random, 9);
    uint32_t other = oracle_below(random, 8);
    switch (pattern) {
    case PATTERN_BITS:
        return value % 2;
    case PATTERN_EQUAL:
        return table[0];
    case PATTERN_EMPTY_DOMAINS:
        return table[place % 64] % 3 == 0 ? 0 : value;
    case PATTERN_ALL_OR_NOTHING:
        return other < 4 ? 0 : 8;
    case PATTERN_SCARCE:
        return other < 5 ? 0 : 1 + value % 2;
    case PATTERN_BY_DOMAIN:
        return table[place % 64];
    case PATTERN_SUBTREES:
        return table[offset % 64];
    case PATTERN_ODD_ONE:
        return other < 2 ? value : table[0];
    case PATTERN_EVEN:
    case PATTERNS:
        break;
    }
    return value;
}

static void draw_counts(const struct oracle_instance *instance, bool hard, uint32_t *counts,
                        struct oracle_random *random)
{
    enum pattern pattern = hard ? PATTERN_EVEN : (enum pattern)oracle_below(random, PATTERNS);
    uint32_t table[64];
    for (uint32_t i = 0; i < 64; i++) {
        table[i] = oracle_below(random, 9);
    }
    for (uint32_t p = 0; p < instance->positions; p++) {
        uint32_t place = instance->place[p][instance->levels - 2];
        uint32_t first = domains_get(instance->domains, place)->first;
        counts[p] = draw_count(pattern, table, place, p - first, random);
    }
}

static void set_capacity(struct oracle_instance *instance, uint32_t role, const uint32_t *counts)
{
    struct capacity *capacity = capacity_create(instance->domains);
    for (uint32_t p = 0; p < instance->positions; p++) {
        capacity_set(capacity, p, counts[p]);
    }
    instance->parts[role].capacity = capacity;
    instance->roles[role].capacity = capacity;
}

/* Several roles compete for what is free of three resources. */
static void draw_resources(struct oracle_instance *instance, uint32_t roles,
                           struct oracle_random *random)
{
    uint32_t names[RESOURCES];
    struct names *words = nodes_vocabulary(instance->nodes);
    for (uint32_t i = 0; i < RESOURCES; i++) {
        names[i] = names_intern(words, resource_names[i], strlen(resource_names[i]));
    }
    instance->free = alloc_zero(instance->positions, sizeof *instance->free);
    for (uint32_t p = 0; p < instance->positions; p++) {
        resources_init(&instance->free[p]);
    }
    uint32_t counts[ORACLE_NODES_MAX];
    for (uint32_t i = 0; i < RESOURCES; i++) {
        bool plenty = oracle_one_in(random, 2);
        draw_counts(instance, false, counts, random);
        for (uint32_t p = 0; p < instance->positions; p++) {
            resources_set(&instance->free[p], names[i], plenty ? 8 : counts[p]);
        }
    }
    for (uint32_t r = 0; r < roles; r++) {
        struct resources *request = &instance->parts[r].request;
        resources_init(request);
        resources_set(request, names[oracle_below(random, RESOURCES)], 1 + oracle_below(random, 4));
        resources_set(request, names[oracle_below(random, RESOURCES)], 1 + oracle_below(random, 3));
        instance->roles[r].request = request;
        for (uint32_t p = 0; p < instance->positions; p++) {
            counts[p] = resources_copies(request, &instance->free[p], CAPACITY_NODE_MAX);
        }
        set_capacity(instance, r, counts);
    }
}

static const struct resources *free_at(const void *context, uint32_t position)
{
    const struct oracle_instance *instance = context;
    return &instance->free[position];
}

/* ---- slices and bound members ---- */

/* Levels below the cluster, strictly downward; inner sizes divide the outer ones. */
static void draw_layers(struct oracle_instance *instance, uint32_t r, struct oracle_random *random)
{
    struct solver_role *role = &instance->roles[r];
    struct solver_layer *layers = instance->parts[r].layers;
    uint32_t below_cluster = instance->levels - 1;
    uint32_t wanted = oracle_one_in(random, 8) ? 3 : 1 + oracle_below(random, 2);
    uint32_t count = wanted < below_cluster ? wanted : below_cluster;
    uint32_t level = instance->levels;
    uint32_t size = 1;
    for (uint32_t i = count; i-- > 0;) {
        level = 1 + i + oracle_below(random, level - 1 - i);
        size *= i + 1 == count ? 1 + oracle_below(random, 4) : 1 + oracle_below(random, 3);
        layers[i] = (struct solver_layer){level, size};
    }
    role->layers = layers;
    role->layer_count = count;
}

static void add_started(struct oracle_instance *instance, uint32_t r, uint32_t layer,
                        uint32_t place, uint32_t missing)
{
    struct solver_role *role = &instance->roles[r];
    struct solver_started *started = instance->parts[r].started;
    for (uint32_t i = 0; i < role->started_count; i++) {
        if (started[i].layer == layer && started[i].place == place) {
            started[i].count += missing;
            return;
        }
    }
    err_require(role->started_count < ORACLE_STARTED_MAX);
    started[role->started_count++] = (struct solver_started){layer, place, missing};
    role->started = started;
}

static void pin(struct oracle_instance *instance, uint32_t position)
{
    err_require(instance->problem.pinned_count < ORACLE_PINNED_MAX);
    instance->pinned[instance->problem.pinned_count++] = position;
}

/* A slice with members bound somewhere among the positions [first, end): returns how many are
 * still missing. Where no domain is known nothing is bound, and all are missing. */
static uint32_t start_slice(struct oracle_instance *instance, uint32_t r, uint32_t layer,
                            uint32_t first, uint32_t end, struct oracle_random *random)
{
    const struct solver_role *role = &instance->roles[r];
    uint32_t level = role->layers[layer].level;
    uint32_t size = role->layers[layer].size;
    uint32_t at = first + oracle_below(random, end - first);
    uint32_t place = instance->place[at][level];
    if (!oracle_known(instance, level, place)) {
        return size;
    }
    uint32_t from = at;
    uint32_t to = at + 1;
    if (level + 1 < instance->levels) {
        from = domains_get(instance->domains, place)->first;
        to = domains_get(instance->domains, place)->end;
    }
    uint32_t missing = 0;
    if (layer + 1 == role->layer_count) {
        missing = oracle_below(random, size);
        for (uint32_t i = missing; i < size; i++) {
            pin(instance, from + oracle_below(random, to - from));
        }
    } else {
        uint32_t inner = role->layers[layer + 1].size;
        uint32_t touched = 1 + oracle_below(random, size / inner);
        missing = size - touched * inner;
        for (uint32_t i = 0; i < touched; i++) {
            missing += start_slice(instance, r, layer + 1, from, to, random);
        }
    }
    if (missing > 0 && missing < size) {
        add_started(instance, r, layer, place, missing);
    }
    return missing;
}

/* Returns how many pods of started slices are missing. */
static uint32_t draw_bound(struct oracle_instance *instance, uint32_t r,
                           struct oracle_random *random)
{
    uint32_t missing = 0;
    if (instance->roles[r].layer_count > 0 && !oracle_one_in(random, 4)) {
        for (uint32_t i = 1 + oracle_below(random, 2); i > 0; i--) {
            uint32_t left = start_slice(instance, r, 0, 0, instance->positions, random);
            missing += left < instance->roles[r].layers[0].size ? left : 0;
        }
        return missing;
    }
    uint32_t at = oracle_below(random, instance->positions);
    uint32_t level = oracle_below(random, instance->levels - 1);
    const struct domain *domain = domains_get(instance->domains, instance->place[at][level]);
    for (uint32_t i = 1 + oracle_below(random, 4); i > 0; i--) {
        pin(instance, domain->first + oracle_below(random, domain->end - domain->first));
    }
    return 0;
}

/* ---- the gang ---- */

static void draw_excluded(struct oracle_instance *instance, uint32_t r,
                          struct oracle_random *random)
{
    if (!oracle_one_in(random, 3)) {
        return;
    }
    struct bitset *excluded = bitset_create(instance->positions);
    for (uint32_t p = 0; p < instance->positions; p++) {
        if (oracle_one_in(random, 5)) {
            bitset_set(excluded, p);
        }
    }
    instance->parts[r].excluded = excluded;
    instance->roles[r].excluded = excluded;
}

/* Mostly what the cluster, or one domain of it, can just about hold. */
static uint32_t draw_size(const struct oracle_instance *instance, uint32_t r, bool hard,
                          struct oracle_random *random)
{
    uint32_t first = 0;
    uint32_t end = instance->positions;
    if (!hard && oracle_one_in(random, 3)) {
        const struct domain *domain =
            domains_get(instance->domains, oracle_below(random, domains_count(instance->domains)));
        first = domain->first;
        end = domain->end;
    }
    uint32_t room = 0;
    for (uint32_t p = first; p < end; p++) {
        room += oracle_allowed(instance, r, p);
    }
    if (hard) {
        return 1 + room / 5 + oracle_below(random, room * 3 / 4 + 1);
    }
    if (oracle_one_in(random, 3)) {
        return room + oracle_below(random, 3);
    }
    return 1 + oracle_below(random, room + 1);
}

static void draw_role(struct oracle_instance *instance, uint32_t r, const struct oracle_kind *kind,
                      struct oracle_random *random)
{
    struct solver_role *role = &instance->roles[r];
    if (!kind->hard) {
        draw_excluded(instance, r, random);
    }
    uint32_t dice = oracle_below(random, 4);
    if (kind->loose || (kind->hard ? dice > 0 : dice < (kind->roles_most > 1 ? 1 : 2))) {
        draw_layers(instance, r, random);
    }
    bool bound = kind->bound && (kind->roles_most == 1 || oracle_one_in(random, 2));
    uint32_t missing = bound ? draw_bound(instance, r, random) : 0;
    uint32_t size = role->layer_count > 0 ? role->layers[0].size : 1;
    uint32_t more = draw_size(instance, r, kind->hard, random) / size;
    if (missing + more == 0) {
        more = 1;
    }
    role->count = missing + more * size;
}

static void limit_pods(struct oracle_instance *instance, uint32_t roles, uint32_t most,
                       struct oracle_random *random)
{
    uint32_t left = most;
    for (uint32_t r = 0; r < roles; r++) {
        uint32_t share = left - (roles - 1 - r);
        share = r + 1 < roles ? 1 + oracle_below(random, share) : share;
        oracle_limit_role(&instance->roles[r], share, random);
        left -= instance->roles[r].count;
    }
}

/* Some of the bound members, mostly none. */
static void draw_podset(struct oracle_instance *instance, uint32_t u, struct oracle_random *random)
{
    struct solver_podset *podset = &instance->podsets[u];
    uint32_t below_cluster = instance->levels - 1;
    podset->pinned = instance->podset_pinned[u];
    podset->level = 1 + oracle_below(random, below_cluster);
    for (uint32_t i = 0; i < instance->problem.pinned_count; i++) {
        if (oracle_one_in(random, 4)) {
            instance->podset_pinned[u][podset->pinned_count++] = instance->pinned[i];
        }
    }
}

/* Each role is of a podset of its own, of one that others are of, too, or of none. */
static void draw_podsets(struct oracle_instance *instance, struct oracle_random *random)
{
    uint32_t count = 1 + oracle_below(random, instance->problem.role_count);
    for (uint32_t u = 0; u < count; u++) {
        draw_podset(instance, u, random);
    }
    for (uint32_t r = 0; r < instance->problem.role_count; r++) {
        uint32_t podset = oracle_below(random, count + 1);
        instance->roles[r].podset = podset == count ? 0 : podset + 1;
    }
    instance->problem.podsets = instance->podsets;
    instance->problem.podset_count = count;
}

void oracle_instance_init(struct oracle_instance *instance, const struct oracle_kind *kind,
                          uint64_t seed, uint64_t shuffle)
{
    struct oracle_random random = {seed};
    struct tree_draw draw;
    memset(instance, 0, sizeof *instance);
    instance->seed = seed;
    draw_tree(&draw, kind, &random);
    build_tree(instance, &draw, shuffle);
    instance->problem = (struct solver_problem){.domains = instance->domains,
                                                .roles = instance->roles,
                                                .pinned = instance->pinned,
                                                .required_level = SOLVER_LEVEL_NONE,
                                                .budget = kind->budget};
    uint32_t roles =
        kind->roles_least + oracle_below(&random, kind->roles_most - kind->roles_least + 1);
    instance->problem.role_count = roles;
    if (kind->roles_most > 1) {
        draw_resources(instance, roles, &random);
        instance->problem.free_at = free_at;
        instance->problem.free_context = instance;
    } else {
        uint32_t counts[ORACLE_NODES_MAX];
        draw_counts(instance, kind->hard, counts, &random);
        set_capacity(instance, 0, counts);
    }
    for (uint32_t r = 0; r < roles; r++) {
        draw_role(instance, r, kind, &random);
    }
    if (kind->pods_most > 0) {
        limit_pods(instance, roles, kind->pods_most, &random);
    }
    if (!kind->hard && oracle_one_in(&random, 3)) {
        instance->problem.required_level = oracle_below(&random, instance->levels);
    }
    if (kind->podsets) {
        draw_podsets(instance, &random);
    }
    if (kind->limits) {
        oracle_draw_limits(instance, kind, &random);
    }
}

void oracle_instance_finish(struct oracle_instance *instance)
{
    for (uint32_t r = 0; r < instance->problem.role_count; r++) {
        resources_finish(&instance->parts[r].request);
        capacity_destroy(instance->parts[r].capacity);
        bitset_destroy(instance->parts[r].excluded);
    }
    for (uint32_t p = 0; instance->free != NULL && p < instance->positions; p++) {
        resources_finish(&instance->free[p]);
    }
    free(instance->free);
    domains_destroy(instance->domains);
    nodes_destroy(instance->nodes);
}
