// SPDX-License-Identifier: Apache-2.0
/* Which nodes move, and which need another tree; what is kept of moves. */
#include "topology/graph/moves.h"

#include <signal.h>
#include <stdio.h>

#include "test/unit/check_main.h"
#include "topology/graph/capacity.h"

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
    (void)add("n2", "r1", "c1");
    (void)add("n4", "r2", "c2");
    domains_build(domains, nodes);
    ck_assert(moves_remove(domains, 1));
    ck_assert(!moves_remove(domains, 3)); /* the last one with an nvlink domain */
    ck_assert(moves_insert(domains, 1));
    ck_assert(moves_remove(domains, 3));
    ck_assert(!moves_remove(domains, 1));
}
END_TEST

/* Domains that a node opens keep their words, and no longer than they are there. */
START_TEST(words_of_opened_domains)
{
    const struct names *words = nodes_words(nodes);
    (void)add("n1", "r1", "c1");
    domains_build(domains, nodes);
    ck_assert(moves_insert(domains, add("n2", "r2", "c2")));
    (void)nodes_remove(nodes, "n2");
    ck_assert_str_eq(domains_name(domains, 4), "c2");
    ck_assert(moves_remove(domains, 1));
    ck_assert_uint_eq(names_find(words, "r2", 2), NAMES_NONE);
    ck_assert_uint_eq(names_find(words, "c2", 2), NAMES_NONE);
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

/* Far more nodes and domains than there were when the capacity was made. */
START_TEST(a_capacity_grows)
{
    (void)add("n", "r", "c");
    domains_build(domains, nodes);
    struct capacity *capacity = capacity_create(domains);
    for (uint32_t i = 0; i < 500; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "n%u", i * 7 % 500);
        ck_assert(moves_insert(domains, add(name, name, name)));
        ck_assert_int_eq(capacity_follow(capacity), CAPACITY_MOVED);
        capacity_set(capacity, domains_position(domains, i + 1), i);
    }
    ck_assert_uint_eq(capacity_domain(capacity, 0), 499 * 500 / 2);
    for (uint32_t i = 0; i < 500; i++) {
        uint32_t position = domains_position(domains, i + 1);
        ck_assert_uint_eq(capacity_node(capacity, position), i);
        ck_assert_uint_eq(capacity_domain(capacity, domains_at(domains, position, 1)), i);
    }
    capacity_destroy(capacity);
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
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, what_moves_and_what_is_built);
    tcase_add_test(tcase, a_level_more);
    tcase_add_test(tcase, words_of_opened_domains);
    tcase_add_test(tcase, another_key_above_an_anchor);
    tcase_add_test(tcase, a_capacity_grows);
    tcase_add_test(tcase, moves_are_kept);
    tcase_add_loop_test_raise_signal(tcase, mistakes_abort, SIGABRT, 0, 3);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
