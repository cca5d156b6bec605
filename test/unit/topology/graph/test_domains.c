// SPDX-License-Identifier: Apache-2.0
#include "topology/graph/domains.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "test/unit/check_main.h"

/* ---- a small cluster ---- */

struct place {
    const char *name;
    const char *block;
    const char *rack;
};

static struct levels block_and_rack(void)
{
    struct levels levels;
    levels_init(&levels);
    levels_add(&levels, "zone", NULL);
    levels_add_key(&levels, "zone", NULL);
    levels_add(&levels, "block", NULL);
    levels_add_key(&levels, "example.com/block", NULL);
    levels_add_key(&levels, "example.com/old-block", NULL);
    levels_add(&levels, "rack", NULL);
    levels_add_key(&levels, "rack", NULL);
    levels_finish(&levels, NULL);
    return levels;
}

static void observe(struct nodes *nodes, const struct node_object *object)
{
    struct err err = {""};
    uint32_t row = 0;
    unsigned changes = 0;
    ck_assert_msg(nodes_observe(nodes, object, &row, &changes, &err) == 0, "%s", err.text);
}

static void add_place(struct nodes *nodes, const struct place *place)
{
    struct label_object labels[2];
    size_t count = 0;
    if (place->block != NULL) {
        labels[count++] = (struct label_object){"example.com/block", place->block};
    }
    if (place->rack != NULL) {
        labels[count++] = (struct label_object){"rack", place->rack};
    }
    observe(nodes,
            &(struct node_object){.name = place->name, .labels = labels, .label_count = count});
}

/* The drawing in the header, plus n8 without a rack and n9 without a block. */
static const struct place PLACES[] = {
    {"n7", "b2", "r1"}, {"n9", NULL, "r1"}, {"n2", "b1", "r1"}, {"n3", "b1", "r2"},
    {"n8", "b2", NULL}, {"n1", "b1", "r1"}, {"n6", "b2", "r1"},
};

struct world {
    struct nodes *nodes;
    struct domains *domains;
};

static struct world create_world(void)
{
    struct levels levels = block_and_rack();
    struct world world = {nodes_create(5), domains_create(&levels)};
    for (size_t i = 0; i < sizeof PLACES / sizeof PLACES[0]; i++) {
        add_place(world.nodes, &PLACES[i]);
    }
    domains_build(world.domains, world.nodes);
    return world;
}

static void destroy_world(struct world *world)
{
    domains_destroy(world->domains);
    nodes_destroy(world->nodes);
}

START_TEST(test_example)
{
    static const char *const order[] = {"n1", "n2", "n3", "n6", "n7", "n8", "n9"};
    static const struct {
        const char *path;
        uint32_t parent, level, first, end, next;
        bool known;
    } expected[] = {
        {"cluster", DOMAINS_NONE, 0, 0, 7, 9, true},
        {"b1", 0, 1, 0, 3, 4, true},
        {"b1/r1", 1, 2, 0, 2, 3, true},
        {"b1/r2", 1, 2, 2, 3, 4, true},
        {"b2", 0, 1, 3, 6, 7, true},
        {"b2/r1", 4, 2, 3, 5, 6, true},
        {"b2/(none)", 4, 2, 5, 6, 7, false},
        {"(none)", 0, 1, 6, 7, 9, false},
        {"(none)/(none)", 7, 2, 6, 7, 9, false},
    };
    struct world world = create_world();
    const struct domains *domains = world.domains;
    ck_assert_uint_eq(domains_positions(domains), 7);
    for (uint32_t p = 0; p < 7; p++) {
        ck_assert_str_eq(nodes_name(world.nodes, domains_row(domains, p)), order[p]);
        ck_assert_uint_eq(domains_position(domains, domains_row(domains, p)), p);
    }
    ck_assert_uint_eq(domains_count(domains), sizeof expected / sizeof expected[0]);
    for (uint32_t d = 0; d < domains_count(domains); d++) {
        char text[64];
        const struct domain *domain = domains_get(domains, d);
        ck_assert_str_eq(domains_path(domains, d, text, sizeof text), expected[d].path);
        ck_assert_uint_eq(domain->parent, expected[d].parent);
        ck_assert_uint_eq(domain->level, expected[d].level);
        ck_assert_uint_eq(domain->first, expected[d].first);
        ck_assert_uint_eq(domain->end, expected[d].end);
        ck_assert_uint_eq(domain->next, expected[d].next);
        ck_assert_int_eq(domain->known, expected[d].known);
        ck_assert_int_eq(domain->value != NAMES_NONE, d > 0 && expected[d].known);
    }
    ck_assert_str_eq(domains_name(domains, 0), "cluster");
    ck_assert_str_eq(domains_name(domains, 5), "r1");
    ck_assert_str_eq(domains_name(domains, 6), "(none)");
    ck_assert_uint_eq(domains_at(domains, 4, 0), 0);
    ck_assert_uint_eq(domains_at(domains, 4, 1), 4);
    ck_assert_uint_eq(domains_at(domains, 4, 2), 5);
    destroy_world(&world);
}
END_TEST

START_TEST(test_levels)
{
    struct world world = create_world();
    const struct domains *domains = world.domains;
    ck_assert_uint_eq(domains_levels(domains), 4);
    ck_assert_str_eq(domains_level_name(domains, 0), "cluster");
    ck_assert_str_eq(domains_level_name(domains, 1), "block");
    ck_assert_str_eq(domains_level_name(domains, 2), "rack");
    ck_assert_str_eq(domains_level_name(domains, 3), "host");
    ck_assert_int_eq(domains_level_find(domains, "cluster"), 0);
    ck_assert_int_eq(domains_level_find(domains, "block"), 1);
    ck_assert_int_eq(domains_level_find(domains, "example.com/block"), 1);
    ck_assert_int_eq(domains_level_find(domains, "example.com/old-block"), 1);
    ck_assert_int_eq(domains_level_find(domains, "rack"), 2);
    ck_assert_int_eq(domains_level_find(domains, "host"), 3);
    ck_assert_int_eq(domains_level_find(domains, "kubernetes.io/hostname"), 3);
    ck_assert_int_eq(domains_level_find(domains, "zone"), -2);
    ck_assert_int_eq(domains_level_find(domains, "spine"), -1);
    destroy_world(&world);
}
END_TEST

static uint32_t rack_of(const struct world *world, const char *name)
{
    uint32_t row = nodes_find(world->nodes, name, strlen(name));
    return domains_at(world->domains, domains_position(world->domains, row), 2);
}

/* The first key carried wins, and an empty value is none. */
START_TEST(test_keys_of_one_level)
{
    struct world world = create_world();
    struct label_object labels[] = {
        {"example.com/old-block", "b7"}, {"example.com/block", ""}, {"rack", "r1"}};
    struct node_object object = {.name = "n5", .labels = labels, .label_count = 3};
    observe(world.nodes, &object);
    domains_build(world.domains, world.nodes);
    char text[64];
    const struct names *words = nodes_words(world.nodes);
    uint32_t rack = rack_of(&world, "n5");
    ck_assert_str_eq(domains_path(world.domains, rack, text, sizeof text), "b7/r1");
    uint32_t block = domains_get(world.domains, rack)->parent;
    ck_assert_str_eq(names_text(words, domains_get(world.domains, block)->key),
                     "example.com/old-block");
    labels[1].value = "b1";
    observe(world.nodes, &object);
    domains_build(world.domains, world.nodes);
    rack = rack_of(&world, "n5");
    ck_assert_str_eq(domains_path(world.domains, rack, text, sizeof text), "b1/r1");
    ck_assert_uint_eq(rack, rack_of(&world, "n1"));
    block = domains_get(world.domains, rack)->parent;
    ck_assert_str_eq(names_text(words, domains_get(world.domains, block)->key),
                     "example.com/block");
    ck_assert_uint_eq(domains_get(world.domains, 0)->key, NAMES_NONE);
    destroy_world(&world);
}
END_TEST

/* "b2" of one key and "b2" of another are two blocks, in the order of the configured keys. */
START_TEST(test_equal_values_of_two_keys)
{
    struct world world = create_world();
    struct label_object labels[] = {{"example.com/old-block", "b2"}, {"rack", "r1"}};
    struct node_object object = {.name = "n5", .labels = labels, .label_count = 2};
    observe(world.nodes, &object);
    domains_build(world.domains, world.nodes);
    char text[64];
    uint32_t rack = rack_of(&world, "n5");
    ck_assert_str_eq(domains_path(world.domains, rack, text, sizeof text), "b2/r1");
    ck_assert_uint_ne(rack, rack_of(&world, "n6"));
    ck_assert_uint_eq(rack_of(&world, "n6"), rack_of(&world, "n7"));
    const struct domain *old = domains_get(world.domains, domains_get(world.domains, rack)->parent);
    const struct domain *new =
        domains_get(world.domains, domains_get(world.domains, rack_of(&world, "n6"))->parent);
    ck_assert_uint_eq(old->end - old->first, 1);
    ck_assert_uint_eq(old->value, new->value);
    ck_assert_uint_ne(old->key, new->key);
    ck_assert_uint_eq(old->first, new->end);
    destroy_world(&world);
}
END_TEST

START_TEST(test_path_is_cut)
{
    struct world world = create_world();
    char text[8] = "-------";
    ck_assert_str_eq(domains_path(world.domains, 5, text, 5), "b2/r");
    ck_assert_str_eq(domains_path(world.domains, 5, text, 6), "b2/r1");
    ck_assert_str_eq(domains_path(world.domains, 5, text, 3), "b2");
    ck_assert_str_eq(domains_path(world.domains, 5, text, 2), "b");
    ck_assert_str_eq(domains_path(world.domains, 5, text, 1), "");
    text[0] = '-';
    ck_assert_ptr_eq(domains_path(world.domains, 5, text, 0), text);
    ck_assert_int_eq(text[0], '-');
    destroy_world(&world);
}
END_TEST

/* As created, as built from no node, and after the last node has gone. */
static void add_blocks(struct nodes *nodes, const char *name, const char *block, const char *old)
{
    const struct label_object labels[] = {{"example.com/block", block},
                                          {"example.com/old-block", old}};
    observe(nodes, &(struct node_object){.name = name,
                                         .labels = block == NULL ? labels + 1 : labels,
                                         .label_count = (size_t)(block != NULL) + (old != NULL)});
}

/* A job that names a key means the nodes that carry it, and only where it tells them apart. */
START_TEST(test_a_key_that_is_named)
{
    struct levels levels = block_and_rack();
    struct world world = {nodes_create(5), domains_create(&levels)};
    struct bitset *lacking = NULL;
    add_blocks(world.nodes, "n1", "new", "b1");
    add_blocks(world.nodes, "n2", NULL, "b1");
    add_blocks(world.nodes, "n3", "new", "b1");
    domains_build(world.domains, world.nodes);
    ck_assert_uint_eq(domains_count(world.domains), 2);
    ck_assert_str_eq(domains_name(world.domains, 1), "b1");
    ck_assert(domains_named_key(world.domains, "example.com/old-block", &lacking));
    ck_assert_ptr_null(lacking);
    ck_assert(domains_named_key(world.domains, "block", &lacking));
    ck_assert_ptr_null(lacking);
    ck_assert(domains_named_key(world.domains, "kubernetes.io/hostname", &lacking));
    ck_assert_ptr_null(lacking);
    ck_assert(domains_named_key(world.domains, "rack", &lacking));
    ck_assert_ptr_null(lacking);
    ck_assert(domains_named_key(world.domains, "example.com/block", &lacking));
    ck_assert_ptr_nonnull(lacking);
    ck_assert(!bitset_test(lacking, 0) && bitset_test(lacking, 1) && !bitset_test(lacking, 2));
    bitset_destroy(lacking);
    add_blocks(world.nodes, "n3", "newer", "b1"); /* finer than the old one */
    domains_build(world.domains, world.nodes);
    ck_assert(domains_named_key(world.domains, "example.com/old-block", &lacking));
    ck_assert_ptr_null(lacking);
    ck_assert(!domains_named_key(world.domains, "example.com/block", &lacking));
    bitset_destroy(lacking);
    destroy_world(&world);
}
END_TEST

START_TEST(test_empty)
{
    struct levels levels = block_and_rack();
    struct nodes *nodes = nodes_create(5);
    struct domains *domains = domains_create(&levels);
    for (int round = 0; round < 3; round++) {
        ck_assert_uint_eq(domains_generation(domains), round * (round + 1) / 2);
        ck_assert_uint_eq(domains_count(domains), 1);
        ck_assert_uint_eq(domains_positions(domains), 0);
        ck_assert_uint_eq(domains_levels(domains), 2);
        ck_assert_str_eq(domains_level_name(domains, 1), "host");
        ck_assert_int_eq(domains_level_find(domains, "host"), 1);
        ck_assert_int_eq(domains_level_find(domains, "rack"), -2);
        ck_assert_uint_eq(domains_position(domains, 0), DOMAINS_NONE);
        const struct domain *cluster = domains_get(domains, 0);
        ck_assert_uint_eq(cluster->first, 0);
        ck_assert_uint_eq(cluster->end, 0);
        ck_assert_uint_eq(cluster->next, 1);
        if (round == 1) {
            add_place(nodes, &PLACES[0]);
            domains_build(domains, nodes);
            ck_assert_uint_eq(domains_count(domains), 3);
            ck_assert_uint_eq(nodes_remove(nodes, PLACES[0].name), 0);
        }
        domains_build(domains, nodes);
    }
    domains_destroy(domains);
    domains_destroy(NULL);
    nodes_destroy(nodes);
}
END_TEST

/* Nodes that carry no configured label: a flat cluster. */
START_TEST(test_flat)
{
    struct levels levels = block_and_rack();
    struct world world = {nodes_create(5), domains_create(&levels)};
    add_place(world.nodes, &(struct place){"b", NULL, NULL});
    add_place(world.nodes, &(struct place){"a", NULL, NULL});
    (void)nodes_reserve(world.nodes, "later");
    domains_build(world.domains, world.nodes);
    ck_assert_uint_eq(domains_count(world.domains), 1);
    ck_assert_uint_eq(domains_positions(world.domains), 2);
    ck_assert_uint_eq(domains_row(world.domains, 0), 1);
    ck_assert_uint_eq(domains_position(world.domains, 2), DOMAINS_NONE);
    ck_assert_uint_eq(domains_at(world.domains, 1, 0), 0);
    destroy_world(&world);
}
END_TEST

/* The tree keeps the words it was built from: names stay what they were until the next build,
 * whatever the labels say by then, and nothing stays after it. */
START_TEST(test_words_are_kept_until_the_next_build)
{
    struct levels levels = block_and_rack();
    struct world world = {nodes_create(5), domains_create(&levels)};
    const struct names *words = nodes_words(world.nodes);
    char text[64];
    add_place(world.nodes, &(struct place){"n1", "b1", "r1"});
    domains_build(world.domains, world.nodes);
    add_place(world.nodes, &(struct place){"n1", "b2", "r2"});
    ck_assert_str_eq(domains_path(world.domains, 2, text, sizeof text), "b1/r1");
    (void)nodes_remove(world.nodes, "n1");
    add_place(world.nodes, &(struct place){"n2", "b3", "r3"});
    ck_assert_str_eq(domains_path(world.domains, 2, text, sizeof text), "b1/r1");
    ck_assert_str_eq(names_text(words, domains_get(world.domains, 2)->key), "rack");
    domains_build(world.domains, world.nodes);
    ck_assert_str_eq(domains_path(world.domains, 2, text, sizeof text), "b3/r3");
    ck_assert_uint_eq(names_find(words, "b1", 2), NAMES_NONE);
    ck_assert_uint_eq(names_find(words, "r1", 2), NAMES_NONE);
    (void)nodes_remove(world.nodes, "n2");
    ck_assert_uint_ne(names_find(words, "r3", 2), NAMES_NONE);
    domains_destroy(world.domains);
    ck_assert_uint_eq(names_count(words), 4); /* the keys of the levels stay */
    nodes_destroy(world.nodes);
}
END_TEST

/* Every key of every level but the host, whether some node carries it or not. */
START_TEST(test_the_table_tells_what_the_tree_depends_on)
{
    static const struct {
        const char *key;
        bool place;
    } cases[] = {{"zone", true},   {"example.com/block", true}, {"example.com/old-block", true},
                 {"rack", true},   {LEVEL_HOST_KEY, false},     {"example.com/other", false},
                 {"block", false}, {LEVEL_HOST, false}};
    struct world world = create_world();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct label_object label = {cases[i].key, "value"};
        struct node_object object = {.name = "n1", .labels = &label, .label_count = 1};
        uint32_t row = 0;
        unsigned changes = 0;
        (void)nodes_remove(world.nodes, "n1");
        observe(world.nodes, &(struct node_object){.name = "n1"});
        ck_assert_int_eq(nodes_observe(world.nodes, &object, &row, &changes, NULL), 0);
        ck_assert_uint_eq(changes, NODE_LABELS | (cases[i].place ? NODE_PLACE : 0));
    }
    destroy_world(&world);
}
END_TEST

START_TEST(test_mistakes_abort)
{
    struct world world = create_world();
    struct levels levels;
    levels_init(&levels);
    switch (_i) {
    case 0:
        (void)domains_get(world.domains, 9);
        break;
    case 1:
        (void)domains_row(world.domains, 7);
        break;
    case 2:
        (void)domains_at(world.domains, 7, 1);
        break;
    case 3:
        (void)domains_at(world.domains, 0, 3);
        break;
    case 4:
        (void)domains_level_name(world.domains, 4);
        break;
    case 5:
        domains_destroy(domains_create(&levels));
        break;
    default: /* not finished */
        levels_add(&levels, "rack", NULL);
        domains_destroy(domains_create(&levels));
        break;
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("topology/graph/domains");
    TCase *tcase = tcase_create("domains");
    tcase_add_test(tcase, test_example);
    tcase_add_test(tcase, test_levels);
    tcase_add_test(tcase, test_keys_of_one_level);
    tcase_add_test(tcase, test_equal_values_of_two_keys);
    tcase_add_test(tcase, test_path_is_cut);
    tcase_add_test(tcase, test_words_are_kept_until_the_next_build);
    tcase_add_test(tcase, test_the_table_tells_what_the_tree_depends_on);
    tcase_add_test(tcase, test_a_key_that_is_named);
    tcase_add_test(tcase, test_empty);
    tcase_add_test(tcase, test_flat);
    tcase_add_loop_test_raise_signal(tcase, test_mistakes_abort, SIGABRT, 0, 7);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
