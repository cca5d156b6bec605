// SPDX-License-Identifier: Apache-2.0
/* Trees that are kept up to date against trees that are built: the same, bit for bit, and built
 * anew only where they have to be. Capacities follow. */
#include "topology/graph/moves.h"

#include <stdio.h>
#include <string.h>

#include "test/unit/check_main.h"
#include "test/unit/topology/random.h"
#include "topology/graph/capacity.h"

enum { NODES = 40, LEVELS = 4, KEYS = 2 };

struct made_node {
    char name[16];
    bool present;
    bool in_tree;
    const char *values[LEVELS]; /* NULL: no label */
    uint32_t key[LEVELS];
    const char *tree_values[LEVELS]; /* with which it came into the tree */
    uint32_t tree_key[LEVELS];
};

/* Capacities of two kinds: one follows every move, one now and then. */
struct counts {
    struct capacity *capacity;
    uint32_t by_node[NODES];
};

struct world {
    struct levels levels;
    struct nodes *nodes;
    struct domains *domains;
    uint32_t configured;
    bool tidy;                    /* no label below a missing one */
    struct made_node made[NODES]; /* by row */
    struct counts counts[2];
    uint32_t moved;
    uint32_t opened;
    uint32_t built;
};

static void make_levels(struct world *world)
{
    levels_init(&world->levels);
    for (uint32_t l = 0; l < world->configured; l++) {
        char text[32];
        (void)snprintf(text, sizeof text, "level-%u", l);
        ck_assert_int_eq(levels_add(&world->levels, text, NULL), 0);
        for (uint32_t k = 0; k < KEYS; k++) {
            (void)snprintf(text, sizeof text, "key-%u-%u", l, k);
            ck_assert_int_eq(levels_add_key(&world->levels, text, NULL), 0);
        }
    }
    ck_assert_int_eq(levels_finish(&world->levels, NULL), 0);
}

static void observe(struct world *world, uint32_t row)
{
    const struct made_node *made = &world->made[row];
    struct label_object labels[LEVELS * KEYS];
    char keys[LEVELS * KEYS][32];
    size_t count = 0;
    uint32_t found = 0;
    unsigned changes = 0;
    if (!made->present) {
        (void)nodes_remove(world->nodes, made->name);
        return;
    }
    for (uint32_t l = 0; l < world->configured; l++) {
        if (made->values[l] != NULL) {
            (void)snprintf(keys[count], sizeof keys[count], "key-%u-%u", l, made->key[l]);
            labels[count] = (struct label_object){keys[count], made->values[l]};
            count++;
        }
    }
    struct node_object object = {.name = made->name, .labels = labels, .label_count = count};
    ck_assert_int_eq(nodes_observe(world->nodes, &object, &found, &changes, NULL), 0);
    ck_assert_uint_eq(found, row);
}

/* Places whose labels are the same for all in them, so that most nodes have equals: with all
 * labels, without the last ones, and, unless the world is tidy, without others. Now and then
 * something else, which makes names ambiguous. */
static void randomize(struct world *world, uint32_t row, struct random *random)
{
    static const char *const values[] = {"a", "b", "aa", "B"};
    static const uint32_t gaps[] = {0, 1, 3, 8, 15, 2, 6, 4};
    static const uint32_t ends[] = {0, 0, 8, 0, 12, 0, 14, 15};
    const uint32_t *missing = world->tidy ? ends : gaps;
    struct made_node *made = &world->made[row];
    uint32_t place = random_below(random, 12);
    bool odd = random_below(random, world->tidy ? 3 : 12) == 0;
    made->present = random_below(random, 4) != 0;
    for (uint32_t l = 0; l < world->configured; l++) {
        bool left_out = (missing[place % 8] >> l & 1) != 0;
        made->values[l] = left_out ? NULL : values[(place >> (LEVELS - 1 - l)) % 4];
        made->key[l] = place % 5 == 0;
        if (odd && world->tidy && !left_out) {
            made->values[l] = values[random_below(random, 4)];
            made->key[l] = random_below(random, KEYS);
        } else if (odd && random_below(random, 2) == 0) {
            made->values[l] = random_below(random, 3) == 0 ? NULL : values[random_below(random, 4)];
            made->key[l] = random_below(random, KEYS);
        }
    }
}

/* ---- what is expected ---- */

static bool same_value(const char *a, uint32_t a_key, const char *b, uint32_t b_key)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0 && a_key == b_key;
}

static bool is_equal(const struct world *world, uint32_t row, const char *const *values,
                     const uint32_t *keys)
{
    const struct made_node *made = &world->made[row];
    for (uint32_t l = 0; l < world->configured; l++) {
        if (!same_value(made->tree_values[l], made->tree_key[l], values[l], keys[l])) {
            return false;
        }
    }
    return true;
}

/* Alone in its lowest domain, although it has a label that is not in its path. */
static bool is_alone_and_cut(const struct world *world, uint32_t row)
{
    uint32_t position = domains_position(world->domains, row);
    uint32_t inner = domains_levels(world->domains) - 2;
    bool cut = false;
    for (uint32_t level = 1; level <= inner; level++) {
        const char *name = domains_level_name(world->domains, level);
        uint32_t configured = (uint32_t)levels_find(&world->levels, name);
        uint32_t domain = domains_at(world->domains, position, level);
        cut = cut || (world->made[row].tree_values[configured] != NULL &&
                      !domains_get(world->domains, domain)->known);
    }
    return cut && !domains_get(world->domains, domains_at(world->domains, position, inner))->known;
}

/* Configured index of a tree level; 0 is the first below the cluster. */
static uint32_t configured(const struct world *world, uint32_t inner)
{
    return (uint32_t)levels_find(&world->levels, domains_level_name(world->domains, inner + 1));
}

static uint32_t inner_levels(const struct world *world)
{
    return domains_levels(world->domains) - 2;
}

static bool is_below(const struct world *world, const char *const *values)
{
    bool missing = false;
    for (uint32_t l = 0; l < inner_levels(world); l++) {
        const char *value = values[configured(world, l)];
        if (value != NULL && missing) {
            return true;
        }
        missing = missing || value == NULL;
    }
    return false;
}

static bool is_carried(const struct world *world, uint32_t level, uint32_t except)
{
    bool carried = false;
    for (uint32_t i = 0; i < NODES; i++) {
        const struct made_node *made = &world->made[i];
        carried = carried || (i != except && made->in_tree && made->tree_values[level] != NULL);
    }
    return carried;
}

static bool has_equal(const struct world *world, uint32_t row, const char *const *values,
                      const uint32_t *keys)
{
    for (uint32_t i = 0; i < NODES; i++) {
        if (i != row && world->made[i].in_tree && is_equal(world, i, values, keys)) {
            bool cut = world->made[row].in_tree && is_alone_and_cut(world, row);
            return !is_alone_and_cut(world, i) && !cut;
        }
    }
    return false;
}

/* Whether the tree need not be built for a node with these labels that comes or goes. */
static bool expect_move(const struct world *world, uint32_t row, const char *const *values,
                        const uint32_t *keys)
{
    bool below = is_below(world, values);
    for (uint32_t l = 0; l < world->configured; l++) {
        if (values[l] != NULL && !is_carried(world, l, row)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < NODES; i++) {
        below = below || (world->made[i].in_tree && is_below(world, world->made[i].tree_values));
    }
    return !below || has_equal(world, row, values, keys);
}

static void check_same(const struct world *world)
{
    struct domains *built = domains_create(&world->levels);
    const struct domains *kept = world->domains;
    domains_build(built, world->nodes);
    ck_assert_uint_eq(domains_positions(kept), domains_positions(built));
    ck_assert_uint_eq(domains_count(kept), domains_count(built));
    ck_assert_uint_eq(domains_levels(kept), domains_levels(built));
    for (uint32_t l = 0; l < domains_levels(built); l++) {
        ck_assert_str_eq(domains_level_name(kept, l), domains_level_name(built, l));
    }
    bool right = true;
    for (uint32_t p = 0; p < domains_positions(built); p++) {
        right = right && domains_row(kept, p) == domains_row(built, p);
        for (uint32_t l = 0; l + 1 < domains_levels(built); l++) {
            right = right && domains_at(kept, p, l) == domains_at(built, p, l);
        }
    }
    for (uint32_t row = 0; row < NODES + 1; row++) {
        right = right && domains_position(kept, row) == domains_position(built, row);
    }
    for (uint32_t d = 0; d < domains_count(built); d++) {
        const struct domain *a = domains_get(kept, d);
        const struct domain *b = domains_get(built, d);
        right = right && a->parent == b->parent && a->level == b->level && a->first == b->first;
        right = right && a->end == b->end && a->next == b->next && a->value == b->value;
        right = right && a->key == b->key && a->known == b->known;
    }
    ck_assert(right);
    domains_destroy(built);
}

/* ---- capacities ---- */

static void check_counts(const struct world *world, const struct counts *counts)
{
    bool right = true;
    for (uint32_t p = 0; p < domains_positions(world->domains); p++) {
        uint32_t count = counts->by_node[domains_row(world->domains, p)];
        right = right && capacity_node(counts->capacity, p) == count;
    }
    for (uint32_t d = 0; d < domains_count(world->domains); d++) {
        uint64_t sum = 0;
        const struct domain *domain = domains_get(world->domains, d);
        for (uint32_t p = domain->first; p < domain->end; p++) {
            sum += counts->by_node[domains_row(world->domains, p)];
        }
        right = right && capacity_domain(counts->capacity, d) == sum;
    }
    ck_assert(right);
}

static void follow(struct world *world, struct counts *counts, struct random *random)
{
    bool current = capacity_is_current(counts->capacity, world->domains);
    enum capacity_step step = capacity_follow(counts->capacity);
    ck_assert_int_eq(step == CAPACITY_CURRENT, current);
    if (step == CAPACITY_VOID) {
        capacity_destroy(counts->capacity);
        counts->capacity = capacity_create(world->domains);
        memset(counts->by_node, 0, sizeof counts->by_node);
    }
    check_counts(world, counts);
    for (uint32_t p = 0; p < domains_positions(world->domains); p++) {
        if (random_below(random, 4) == 0) {
            uint32_t count = random_below(random, 100);
            counts->by_node[domains_row(world->domains, p)] = count;
            capacity_set(counts->capacity, p, count);
        }
    }
    check_counts(world, counts);
}

/* ---- the walk ---- */

static void note_move(struct world *world, uint32_t row, uint64_t edition)
{
    const struct domains_move *move = domains_move(world->domains, edition);
    ck_assert_ptr_nonnull(move);
    ck_assert_int_eq(move->inserted, world->made[row].in_tree);
    world->moved++;
    world->opened += move->opened > 0;
    for (int i = 0; i < 2; i++) {
        world->counts[i].by_node[row] = 0;
    }
}

static bool take_out(struct world *world, uint32_t row)
{
    struct made_node *made = &world->made[row];
    uint64_t edition = domains_edition(world->domains);
    if (!made->in_tree) {
        ck_assert(moves_remove(world->domains, row));
        ck_assert_uint_eq(domains_edition(world->domains), edition);
        return true;
    }
    bool expected = expect_move(world, row, made->tree_values, made->tree_key);
    bool done = moves_remove(world->domains, row);
    ck_assert_int_eq(done, expected);
    ck_assert_uint_eq(domains_edition(world->domains), edition + done);
    if (done) {
        made->in_tree = false;
        note_move(world, row, edition);
    }
    return done;
}

static bool put_in(struct world *world, uint32_t row)
{
    struct made_node *made = &world->made[row];
    uint64_t edition = domains_edition(world->domains);
    if (!made->present) {
        return true;
    }
    bool expected = expect_move(world, row, made->values, made->key);
    bool done = moves_insert(world->domains, row);
    ck_assert_int_eq(done, expected);
    if (done) {
        made->in_tree = true;
        memcpy(made->tree_values, made->values, sizeof made->values);
        memcpy(made->tree_key, made->key, sizeof made->key);
        note_move(world, row, edition);
    }
    return done;
}

static void build(struct world *world)
{
    domains_build(world->domains, world->nodes);
    world->built++;
    for (uint32_t i = 0; i < NODES; i++) {
        struct made_node *made = &world->made[i];
        made->in_tree = made->present;
        memcpy(made->tree_values, made->values, sizeof made->values);
        memcpy(made->tree_key, made->key, sizeof made->key);
    }
}

static void change_some(struct world *world, struct random *random)
{
    uint32_t rows[4];
    uint32_t count = 1 + random_below(random, 4);
    bool done = true;
    for (uint32_t i = 0; i < count; i++) {
        rows[i] = random_below(random, NODES);
        randomize(world, rows[i], random);
        observe(world, rows[i]);
    }
    for (uint32_t i = 0; i < count && done; i++) {
        done = take_out(world, rows[i]);
    }
    for (uint32_t i = 0; i < count && done; i++) {
        done = world->made[rows[i]].in_tree || put_in(world, rows[i]); /* once */
    }
    if (!done) {
        build(world);
    }
}

START_TEST(the_same_tree)
{
    struct random random = {(uint64_t)_i};
    struct world world = {.configured = random_below(&random, LEVELS + 1),
                          .tidy = _i % 2 == 1,
                          .nodes = nodes_create(random_word(&random))};
    make_levels(&world);
    world.domains = domains_create(&world.levels);
    for (uint32_t i = 0; i < NODES; i++) {
        (void)snprintf(world.made[i].name, sizeof world.made[i].name, "n%u", i * 7 % 41);
        ck_assert_uint_eq(nodes_reserve(world.nodes, world.made[i].name), i);
        randomize(&world, i, &random);
        world.made[i].present = world.made[i].present && i % 3 != 0;
        observe(&world, i);
    }
    build(&world);
    for (int i = 0; i < 2; i++) {
        world.counts[i].capacity = capacity_create(world.domains);
    }
    for (int step = 0; step < 200; step++) {
        change_some(&world, &random);
        check_same(&world);
        follow(&world, &world.counts[0], &random);
        if (random_below(&random, 20) == 0) {
            follow(&world, &world.counts[1], &random);
        }
    }
    ck_assert_uint_gt(world.moved, 60);
    ck_assert(world.configured < 2 || world.opened > 10);
    ck_assert(world.configured < 2 || world.tidy || world.built > 5);
    for (int i = 0; i < 2; i++) {
        capacity_destroy(world.counts[i].capacity);
    }
    domains_destroy(world.domains);
    nodes_destroy(world.nodes);
}
END_TEST

/* Nodes that carry several keys of a level, few that carry all: which key counts changes with who
 * is there, and then the tree is built. */
START_TEST(the_same_tree_with_several_keys)
{
    static const char *const values[] = {"a", "b", ""};
    struct random random = {(uint64_t)_i + 1000};
    struct world world = {.configured = 2, .nodes = nodes_create(random_word(&random))};
    uint32_t chosen = 0;
    make_levels(&world);
    world.domains = domains_create(&world.levels);
    for (uint32_t i = 0; i < NODES; i++) {
        (void)snprintf(world.made[i].name, sizeof world.made[i].name, "n%u", i * 7 % 41);
        ck_assert_uint_eq(nodes_reserve(world.nodes, world.made[i].name), i);
    }
    build(&world);
    for (int step = 0; step < 600; step++) {
        uint32_t row = random_below(&random, 6), found = 0;
        struct label_object labels[4];
        size_t count = 0;
        unsigned changes = 0;
        static const char *const keys[] = {"key-0-0", "key-0-1", "key-1-0", "key-1-1"};
        bool gone = random_below(&random, 3) == 0;
        for (uint32_t k = 0; k < 4; k++) {
            if (random_below(&random, k % 2 == 1 ? 8 : 2) != 0) {
                labels[count++] = (struct label_object){keys[k], values[random_below(&random, 3)]};
            }
        }
        const struct node_object node = {
            .name = world.made[row].name, .labels = labels, .label_count = count};
        if (gone) {
            (void)nodes_remove(world.nodes, node.name);
        } else {
            ck_assert_int_eq(nodes_observe(world.nodes, &node, &found, &changes, NULL), 0);
        }
        if (!moves_remove(world.domains, row) || (!gone && !moves_insert(world.domains, row))) {
            build(&world);
        } else {
            world.moved++;
        }
        for (uint32_t l = 0; l < 2; l++) {
            chosen += domains_choice(world.domains, l) != UINT32_MAX;
        }
        check_same(&world);
    }
    ck_assert_uint_gt(world.moved, 30);
    ck_assert_uint_gt(chosen, 30);
    domains_destroy(world.domains);
    nodes_destroy(world.nodes);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("topology/graph/moves_model");
    TCase *tcase = tcase_create("moves_model");
    tcase_add_loop_test(tcase, the_same_tree, 0, 40);
    tcase_add_loop_test(tcase, the_same_tree_with_several_keys, 0, 20);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
