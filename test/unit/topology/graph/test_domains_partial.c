// SPDX-License-Identifier: Apache-2.0
/* Nodes that lack labels: who shares what below a missing one, what is known there, what a name
 * that repeats does to it, and that input without measure is only large. */
#include "topology/graph/domains.h"

#include <stdio.h>
#include <string.h>

#include "test/unit/check_main.h"

struct place {
    const char *name;
    const char *leaf;
    const char *rack;
    const char *nvlink;
};

struct world {
    struct nodes *nodes;
    struct domains *domains;
};

static struct world world;

static void setup(void)
{
    struct levels levels;
    levels_init(&levels);
    static const char *const names[] = {"leaf", "rack", "nvlink"};
    for (size_t i = 0; i < 3; i++) {
        levels_add(&levels, names[i], NULL);
        levels_add_key(&levels, names[i], NULL);
    }
    levels_finish(&levels, NULL);
    world = (struct world){nodes_create(3), domains_create(&levels)};
}

static void teardown(void)
{
    domains_destroy(world.domains);
    nodes_destroy(world.nodes);
}

static void add(const struct place *place)
{
    struct label_object labels[3];
    size_t count = 0;
    uint32_t row;
    unsigned changes;
    struct err err = {""};
    const char *const values[] = {place->leaf, place->rack, place->nvlink};
    static const char *const keys[] = {"leaf", "rack", "nvlink"};
    for (size_t i = 0; i < 3; i++) {
        if (values[i] != NULL) {
            labels[count++] = (struct label_object){keys[i], values[i]};
        }
    }
    struct node_object node = {.name = place->name, .labels = labels, .label_count = count};
    ck_assert_msg(nodes_observe(world.nodes, &node, &row, &changes, &err) == 0, "%s", err.text);
}

static void build(const struct place *places, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        add(&places[i]);
    }
    domains_build(world.domains, world.nodes);
}

/* "leaf/rack/nvlink of n1" and who stands there: "-/-/c1: n1 n2". */
static const char *place_of(const char *name)
{
    static char texts[4][256];
    static unsigned turn;
    char *text = texts[turn++ % 4];
    uint32_t position =
        domains_position(world.domains, nodes_find(world.nodes, name, strlen(name)));
    uint32_t lowest = domains_at(world.domains, position, domains_levels(world.domains) - 2);
    const struct domain *domain = domains_get(world.domains, lowest);
    domains_path(world.domains, lowest, text, 128);
    size_t length = strlen(text);
    for (uint32_t p = domain->first; p < domain->end; p++) {
        length +=
            (size_t)snprintf(text + length, 256 - length, "%s %s", p == domain->first ? ":" : "",
                             nodes_name(world.nodes, domains_row(world.domains, p)));
    }
    return text;
}

static bool known_at(const char *name, uint32_t level)
{
    uint32_t position =
        domains_position(world.domains, nodes_find(world.nodes, name, strlen(name)));
    return domains_get(world.domains, domains_at(world.domains, position, level))->known;
}

#define BUILD(places) build(places, sizeof(places) / sizeof((places)[0]))

/* The drawing in domains.h. */
START_TEST(the_nvlink_domain_of_nodes_without_a_rack)
{
    static const struct place places[] = {
        {"n1", "s", "r1", "c1"}, {"n2", "s", "r1", "c1"}, {"n3", "s", NULL, "c2"},
        {"n4", "s", NULL, "c2"}, {"n5", "s", NULL, "c1"}, {"n6", "s", NULL, NULL},
    };
    BUILD(places);
    ck_assert_str_eq(place_of("n1"), "s/r1/c1: n1 n2");
    ck_assert_str_eq(place_of("n3"), "s/(none)/c2: n3 n4");
    ck_assert_str_eq(place_of("n5"), "s/(none)/(none): n5");
    ck_assert_str_eq(place_of("n6"), "s/(none)/(none): n6");
    ck_assert(known_at("n1", 2) && known_at("n1", 3));
    ck_assert(!known_at("n3", 2) && known_at("n3", 3));
    ck_assert(!known_at("n5", 2) && !known_at("n5", 3));
    ck_assert(!known_at("n6", 2) && !known_at("n6", 3));
    ck_assert_uint_eq(domains_count(world.domains), 1 + 1 + 4 + 4);
}
END_TEST

/* Two NVLink domains whose racks nobody knows may be in one rack or in two: they share none. */
START_TEST(two_anchors_share_no_unknown_domain)
{
    static const struct place places[] = {
        {"n0", "s", "r", "c0"},  {"n1", "s", NULL, "c1"}, {"n2", "s", NULL, "c2"},
        {"n3", "s", NULL, "c1"}, {"n4", "s", NULL, "c2"},
    };
    BUILD(places);
    ck_assert_str_eq(place_of("n1"), "s/(none)/c1: n1 n3");
    ck_assert_str_eq(place_of("n2"), "s/(none)/c2: n2 n4");
    uint32_t first = domains_position(world.domains, nodes_find(world.nodes, "n1", 2));
    uint32_t second = domains_position(world.domains, nodes_find(world.nodes, "n2", 2));
    ck_assert_uint_ne(domains_at(world.domains, first, 2), domains_at(world.domains, second, 2));
    ck_assert_uint_eq(domains_at(world.domains, first, 1), domains_at(world.domains, second, 1));
}
END_TEST

/* A gap of two levels, and an anchor with levels of its own below. */
START_TEST(gaps_of_any_length)
{
    static const struct place places[] = {
        {"n0", "s", "r", "c"},    {"n1", NULL, NULL, "c1"}, {"n2", NULL, NULL, "c1"},
        {"n3", NULL, "r3", "d"},  {"n4", NULL, "r3", "d"},  {"n5", NULL, "r3", "e"},
        {"n6", NULL, "r3", NULL}, {"n7", NULL, NULL, NULL},
    };
    BUILD(places);
    ck_assert_str_eq(place_of("n1"), "(none)/(none)/c1: n1 n2");
    ck_assert_str_eq(place_of("n3"), "(none)/r3/d: n3 n4");
    ck_assert_str_eq(place_of("n5"), "(none)/r3/e: n5");
    ck_assert_str_eq(place_of("n6"), "(none)/r3/(none): n6");
    ck_assert_str_eq(place_of("n7"), "(none)/(none)/(none): n7");
    ck_assert(!known_at("n3", 1) && known_at("n3", 2) && known_at("n3", 3));
    ck_assert(known_at("n6", 2) && !known_at("n6", 3));
    uint32_t positions[3];
    for (int i = 0; i < 3; i++) {
        const char *name = i == 0 ? "n3" : i == 1 ? "n5" : "n6";
        positions[i] = domains_position(world.domains, nodes_find(world.nodes, name, 2));
    }
    uint32_t rack = domains_at(world.domains, positions[0], 2);
    ck_assert_uint_eq(domains_at(world.domains, positions[1], 2), rack);
    ck_assert_uint_eq(domains_at(world.domains, positions[2], 2), rack);
}
END_TEST

/* Rack r1 is in two leaves, so "r1" below an unknown leaf says nothing; the clique still does, and
 * the rack above it stays unknown although the label is there. */
START_TEST(a_name_that_repeats_is_no_anchor)
{
    static const struct place places[] = {
        {"n0", "s1", "r1", "c0"}, {"n1", "s2", "r1", "c1"}, {"n2", NULL, "r1", NULL},
        {"n3", NULL, "r1", NULL}, {"n4", NULL, "r1", "c4"}, {"n5", NULL, "r1", "c4"},
        {"n6", NULL, "r6", NULL}, {"n7", NULL, "r6", NULL},
    };
    BUILD(places);
    ck_assert_str_eq(place_of("n2"), "(none)/(none)/(none): n2");
    ck_assert_str_eq(place_of("n3"), "(none)/(none)/(none): n3");
    ck_assert_str_eq(place_of("n4"), "(none)/(none)/c4: n4 n5");
    ck_assert(!known_at("n4", 2) && known_at("n4", 3));
    uint32_t position = domains_position(world.domains, nodes_find(world.nodes, "n6", 2));
    const struct domain *rack = domains_get(world.domains, domains_at(world.domains, position, 2));
    ck_assert_uint_eq(rack->end - rack->first, 2); /* r6 is one place, wherever it is */
    ck_assert(rack->known);
    ck_assert_str_eq(place_of("n6"), "(none)/r6/(none): n6"); /* alone at the next missing label */
}
END_TEST

/* The label comes back at one node after the other: no step on the way claims too much. */
START_TEST(a_missing_label_returns)
{
    static const struct place places[] = {
        {"n0", "s", "r0", "c0"},
        {"n1", "s", NULL, "c"},
        {"n2", "s", NULL, "c"},
        {"n3", "s", NULL, "c"},
    };
    BUILD(places);
    ck_assert_str_eq(place_of("n1"), "s/(none)/c: n1 n2 n3");
    add(&(struct place){"n1", "s", "r", "c"});
    domains_build(world.domains, world.nodes);
    ck_assert_str_eq(place_of("n1"), "s/r/c: n1");
    ck_assert_str_eq(place_of("n2"), "s/(none)/(none): n2"); /* c is below r, too */
    add(&(struct place){"n2", "s", "r", "c"});
    add(&(struct place){"n3", "s", "r", "c"});
    domains_build(world.domains, world.nodes);
    ck_assert_str_eq(place_of("n3"), "s/r/c: n1 n2 n3");
    /* A node that is gone says nothing any more. */
    add(&(struct place){"n2", "s", NULL, "c"});
    add(&(struct place){"n3", "s", NULL, "c"});
    ck_assert_uint_ne(nodes_remove(world.nodes, "n1"), NAMES_NONE);
    domains_build(world.domains, world.nodes);
    ck_assert_str_eq(place_of("n2"), "s/(none)/c: n2 n3");
}
END_TEST

/* Values Kubernetes would not take: of 300 characters, empty, and both in the way of others. */
START_TEST(odd_values)
{
    char longest[301], other[301];
    memset(longest, 'x', 300);
    longest[300] = '\0';
    memcpy(other, longest, sizeof other);
    other[299] = 'y';
    const struct place places[] = {
        {"n1", longest, "r", longest},
        {"n2", longest, "r", longest},
        {"n3", other, "r", longest},
        {"n4", "", "r4", "c4"},
        {"n5", "", "r4", "c4"},
        {"n6", NULL, "r4", "c4"},
        {"n7", "", "", ""},
    };
    BUILD(places);
    char path[2048];
    uint32_t position = domains_position(world.domains, nodes_find(world.nodes, "n1", 2));
    uint32_t lowest = domains_at(world.domains, position, 3);
    ck_assert_uint_eq(strlen(domains_path(world.domains, lowest, path, sizeof path)), 603);
    ck_assert_uint_eq(strlen(domains_path(world.domains, lowest, path, 64)), 63);
    const struct domain *domain = domains_get(world.domains, lowest);
    ck_assert_uint_eq(domain->end - domain->first, 2); /* n3 differs in the last character */
    ck_assert_str_eq(place_of("n4"), "(none)/r4/c4: n4 n5 n6");
    ck_assert_str_eq(place_of("n7"), "(none)/(none)/(none): n7");
}
END_TEST

#define MANY        200000u
#define MANY_LEVELS 5u

/* A million domains: every node alone at each of five levels. The number of domains is exactly the
 * bound of domains.h, and what it takes is in proportion. `_i`: half the nodes lack two labels. */
START_TEST(a_million_domains)
{
    struct levels levels;
    char keys[MANY_LEVELS][16], values[MANY_LEVELS][32], name[32];
    struct label_object labels[MANY_LEVELS];
    levels_init(&levels);
    for (uint32_t l = 0; l < MANY_LEVELS; l++) {
        (void)snprintf(keys[l], sizeof keys[l], "key-%u", l);
        levels_add(&levels, keys[l], NULL);
        levels_add_key(&levels, keys[l], NULL);
    }
    levels_finish(&levels, NULL);
    struct domains *domains = domains_create(&levels);
    uint32_t refused = 0;
    for (uint32_t i = 0; i < MANY; i++) {
        uint32_t count = 0, row;
        unsigned changes;
        for (uint32_t l = 0; l < MANY_LEVELS; l++) {
            if (_i == 1 && i % 2 == 1 && (l == 1 || l == 2)) {
                continue;
            }
            (void)snprintf(values[l], sizeof values[l], "v%u-%u", l, i);
            labels[count++] = (struct label_object){keys[l], values[l]};
        }
        (void)snprintf(name, sizeof name, "n%u", i);
        struct node_object node = {.name = name, .labels = labels, .label_count = count};
        refused += nodes_observe(world.nodes, &node, &row, &changes, NULL) != 0;
    }
    ck_assert_uint_eq(refused, 0);
    domains_build(domains, world.nodes);
    ck_assert_uint_eq(domains_count(domains), MANY * MANY_LEVELS + 1);
    ck_assert_uint_eq(domains_positions(domains), MANY);
    uint32_t unknown = 0;
    bool right = true; /* a million assertions would be most of the time */
    for (uint32_t d = 1; d < domains_count(domains); d++) {
        const struct domain *domain = domains_get(domains, d);
        right = right && domain->end - domain->first == 1;
        right = right && domain->next == d + MANY_LEVELS - (domain->level - 1);
        unknown += !domain->known;
    }
    ck_assert(right);
    ck_assert_uint_eq(unknown, _i == 1 ? MANY : 0);
    domains_destroy(domains);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("topology/graph/domains_partial");
    TCase *tcase = tcase_create("domains_partial");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, the_nvlink_domain_of_nodes_without_a_rack);
    tcase_add_test(tcase, two_anchors_share_no_unknown_domain);
    tcase_add_test(tcase, gaps_of_any_length);
    tcase_add_test(tcase, a_name_that_repeats_is_no_anchor);
    tcase_add_test(tcase, a_missing_label_returns);
    tcase_add_test(tcase, odd_values);
    tcase_add_loop_test(tcase, a_million_domains, 0, 2);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
