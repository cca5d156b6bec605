// SPDX-License-Identifier: Apache-2.0
/* Trees that are kept up to date against trees that are built: the same, bit for bit, and built
 * anew only where they have to be. Capacities follow. */
#include "topology/graph/moves.h"

#include <signal.h>
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
        for (uint32_t k = made->key[l]; made->values[l] != NULL && k < KEYS; k++) {
            (void)snprintf(keys[count], sizeof keys[count], "key-%u-%u", l, k);
            labels[count] =
                (struct label_object){keys[count], k == made->key[l] ? made->values[l] : "unused"};
            count++;
        }
    }
    struct node_object object = {.name = made->name, .labels = labels, .label_count = count};
    ck_assert_int_eq(nodes_observe(world->nodes, &object, &found, &changes, NULL), 0);
    ck_assert_uint_eq(found, row);
}

/* Places whose labels are the same for all in them, so that most nodes have equals: with all
 * labels, without the first, without the first two, without the last, without any. Now and then
 * something else, which makes names ambiguous. */
static void randomize(struct world *world, uint32_t row, struct random *random)
{
    static const char *const values[] = {"a", "b", "aa", "B"};
    static const uint32_t missing[] = {0, 1, 3, 8, 15, 2, 6, 4};
    struct made_node *made = &world->made[row];
    uint32_t place = random_below(random, 12);
    bool odd = random_below(random, 12) == 0;
    made->present = random_below(random, 4) != 0;
    for (uint32_t l = 0; l < world->configured; l++) {
        bool left_out = (missing[place % 8] >> l & 1) != 0;
        made->values[l] = left_out ? NULL : values[(place >> (LEVELS - 1 - l)) % 4];
        made->key[l] = place % 5 == 0;
        if (odd && random_below(random, 2) == 0) {
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

/* Whether the tree need not be built for a node with these labels that comes or goes. */
static bool expect_move(const struct world *world, uint32_t row, const char *const *values,
                        const uint32_t *keys)
{
    bool plain = true;
    for (uint32_t l = 0; l < world->configured; l++) {
        plain = plain && values[l] == NULL;
    }
    if (domains_levels(world->domains) == 2 && plain) {
        return true;
    }
    for (uint32_t i = 0; i < NODES; i++) {
        if (i != row && world->made[i].in_tree && is_equal(world, i, values, keys)) {
            bool gone = world->made[row].in_tree && is_alone_and_cut(world, row);
            return !is_alone_and_cut(world, i) && !gone;
        }
    }
    return false;
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
    ck_assert(world.configured < 2 || (world.opened > 10 && world.built > 5));
    for (int i = 0; i < 2; i++) {
        capacity_destroy(world.counts[i].capacity);
    }
    domains_destroy(world.domains);
    nodes_destroy(world.nodes);
}
END_TEST

/* ---- a few by hand ---- */

static struct nodes *nodes;
static struct domains *domains;

static void setup(void)
{
    struct levels levels;
    levels_init(&levels);
    levels_add(&levels, "zone", NULL);
    levels_add_key(&levels, "zone", NULL);
    levels_add(&levels, "rack", NULL);
    levels_add_key(&levels, "rack", NULL);
    levels_add_key(&levels, "old-rack", NULL);
    levels_add(&levels, "nvlink", NULL);
    levels_add_key(&levels, "nvlink", NULL);
    levels_finish(&levels, NULL);
    nodes = nodes_create(1);
    domains = domains_create(&levels);
}

static void teardown(void)
{
    domains_destroy(domains);
    nodes_destroy(nodes);
}

static uint32_t add_labels(const char *name, const struct label_object *labels, size_t count)
{
    struct node_object object = {.name = name, .labels = labels, .label_count = count};
    uint32_t row = 0;
    unsigned changes = 0;
    ck_assert_int_eq(nodes_observe(nodes, &object, &row, &changes, NULL), 0);
    return row;
}

static uint32_t add(const char *name, const char *rack, const char *nvlink)
{
    struct label_object labels[2];
    size_t count = 0;
    if (rack != NULL) {
        labels[count++] = (struct label_object){"rack", rack};
    }
    if (nvlink != NULL) {
        labels[count++] = (struct label_object){"nvlink", nvlink};
    }
    return add_labels(name, labels, count);
}

START_TEST(what_moves_and_what_is_built)
{
    (void)add("n1", "r1", "c1");
    ck_assert(!moves_insert(domains, 0)); /* nothing was built yet */
    (void)add("n2", "r1", "c1");
    (void)add("n3", NULL, NULL);
    (void)add("n4", NULL, NULL);
    (void)add("n5", NULL, "c5");
    (void)add("n6", NULL, "c1"); /* alone: c1 is in r1, too */
    (void)add("n7", NULL, "c1");
    domains_build(domains, nodes);
    ck_assert(moves_insert(domains, add("n1b", "r1", "c1")));
    ck_assert_uint_eq(domains_position(domains, 7), 1);
    ck_assert(!moves_insert(domains, add("n1c", "r1", "c2"))); /* a domain more */
    (void)nodes_remove(nodes, "n1c");
    ck_assert(moves_insert(domains, add("n5b", NULL, "c5"))); /* c5 is an anchor */
    ck_assert(moves_insert(domains, add("n3b", NULL, NULL)));
    ck_assert(!moves_insert(domains, add("n6b", NULL, "c1")));
    (void)nodes_remove(nodes, "n6b");
    ck_assert(!moves_remove(domains, 5)); /* n6 */
    ck_assert(moves_remove(domains, 2));  /* n3: n3b and n4 are left */
    ck_assert(moves_remove(domains, 3));
    ck_assert(!moves_remove(domains, domains_row(domains, 5))); /* n3b is the last such */
    ck_assert(moves_remove(domains, 4));                        /* n5: n5b is left */
    (void)nodes_remove(nodes, "n3");
    (void)nodes_remove(nodes, "n4");
    (void)nodes_remove(nodes, "n5");
    struct domains *built = domains_create(&(struct levels){
        .count = 1, .items = {{.name = LEVEL_HOST, .key_count = 1, .keys = {LEVEL_HOST_KEY}}}});
    domains_build(built, nodes);
    ck_assert_uint_eq(domains_positions(built), domains_positions(domains));
    /* A flat cluster is never built anew. */
    uint32_t row = add("n0", "r9", "c9");
    ck_assert(moves_insert(built, row));
    ck_assert_uint_eq(domains_position(built, row), 0);
    while (domains_positions(built) > 0) {
        ck_assert(moves_remove(built, domains_row(built, 0)));
    }
    ck_assert(moves_insert(built, row));
    domains_destroy(built);
}
END_TEST

/* A level that no node carried so far. */
START_TEST(a_level_more)
{
    (void)add("n1", "r1", NULL);
    domains_build(domains, nodes);
    ck_assert(!moves_insert(domains, add("n2", "r1", "c1")));
    (void)nodes_remove(nodes, "n2");
    ck_assert(moves_insert(domains, add("n3", "r1", NULL)));
}
END_TEST

/* Below a missing zone racks of n1 and n2 are not trusted, for n3 has one, too, but clique c1 is. A
 * node of that clique with the same rack by another key is one that differs above. */
START_TEST(another_key_above_an_anchor)
{
    static const struct label_object zone[] = {{"zone", "z1"}, {"rack", "r1"}, {"nvlink", "c3"}};
    static const struct label_object same[] = {{"rack", "r1"}, {"nvlink", "c1"}};
    static const struct label_object other[] = {{"old-rack", "r1"}, {"nvlink", "c1"}};
    (void)add_labels("n1", same, 2);
    (void)add_labels("n2", same, 2);
    (void)add_labels("n3", zone, 3);
    domains_build(domains, nodes);
    ck_assert(moves_insert(domains, add_labels("n4", same, 2)));
    ck_assert_uint_eq(domains_at(domains, 1, 3), domains_at(domains, 3, 3));
    ck_assert(!moves_insert(domains, add_labels("n5", other, 2)));
}
END_TEST

/* Moves are kept for a while, and not across a build. */
START_TEST(moves_are_kept)
{
    (void)add("n1", "r1", "c1");
    (void)add("n2", "r1", "c1");
    domains_build(domains, nodes);
    uint64_t first = domains_edition(domains);
    struct capacity *early = capacity_create(domains);
    ck_assert_ptr_null(domains_move(domains, first));
    ck_assert_ptr_null(domains_move(domains, first - 1));
    capacity_set(early, 0, 7);
    struct capacity *late = capacity_copy(early);
    for (int i = 0; i < DOMAINS_MOVES_MAX / 2; i++) {
        ck_assert(moves_remove(domains, 1));
        ck_assert(moves_insert(domains, 1));
    }
    ck_assert(!capacity_is_current(early, domains));
    ck_assert_ptr_nonnull(domains_move(domains, first));
    ck_assert(!domains_move(domains, first)->inserted);
    ck_assert_int_eq(capacity_follow(early), CAPACITY_MOVED);
    ck_assert_int_eq(capacity_follow(early), CAPACITY_CURRENT);
    ck_assert_uint_eq(capacity_domain(early, 0), 7);
    ck_assert(moves_remove(domains, 1));
    ck_assert_ptr_null(domains_move(domains, first));
    ck_assert_int_eq(capacity_follow(late), CAPACITY_VOID);
    ck_assert_int_eq(capacity_follow(early), CAPACITY_MOVED);
    domains_build(domains, nodes);
    ck_assert_int_eq(capacity_follow(early), CAPACITY_VOID);
    capacity_destroy(early);
    capacity_destroy(late);
}
END_TEST

START_TEST(mistakes_abort)
{
    (void)add("n1", "r1", "c1");
    (void)add("n2", "r1", "c1");
    domains_build(domains, nodes);
    struct capacity *capacity = capacity_create(domains);
    if (_i == 0) {
        (void)moves_insert(domains, 0); /* is in it */
    } else if (_i == 1) {
        ck_assert(moves_remove(domains, 1));
        (void)nodes_remove(nodes, "n2");
        (void)moves_insert(domains, 1);
    } else {
        ck_assert(moves_remove(domains, 1));
        capacity_set(capacity, 0, 1);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("topology/graph/moves");
    TCase *tcase = tcase_create("moves");
    tcase_add_loop_test(tcase, the_same_tree, 0, 40);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("by hand");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, what_moves_and_what_is_built);
    tcase_add_test(tcase, a_level_more);
    tcase_add_test(tcase, another_key_above_an_anchor);
    tcase_add_test(tcase, moves_are_kept);
    tcase_add_loop_test_raise_signal(tcase, mistakes_abort, SIGABRT, 0, 3);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
