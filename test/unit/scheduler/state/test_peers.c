// SPDX-License-Identifier: Apache-2.0
/* Who selects whom, and where those stand: against counting all pods anew, and at every limit. */
#include "scheduler/state/peers.h"

#include <stdio.h>
#include <string.h>

#include "test/simulation/random.h"
#include "test/unit/check_main.h"
#include "topology/base/alloc.h"

static struct nodes *nodes;
static struct peers *peers;

static void setup(void)
{
    nodes = nodes_create(1);
    peers = peers_create(nodes, 2);
}

static void teardown(void)
{
    peers_destroy(peers);
    nodes_destroy(nodes);
}

static const char *const VALUES[] = {"x", "y", "z"};
static const char *const SPACES[] = {"a", "b"};

/* "app operator value" in one namespace, or everywhere. */
struct wish {
    struct expression_object expression;
    struct affinity_object term;
    const char *space;
};

static void wish_for(struct wish *wish, bool apart, enum selector_operator relation,
                     const char *const *values, size_t count, const char *space)
{
    wish->space = space;
    wish->expression = (struct expression_object){
        .key = "app", .operator= relation, .values = values, .value_count = count};
    wish->term = (struct affinity_object){
        .apart = apart,
        .key = "rack",
        .everywhere = space == NULL,
        .name_spaces = &wish->space,
        .name_space_count = space != NULL,
        .expressions = &wish->expression,
        .expression_count = 1,
    };
}

static bool observe(struct peer *peer, const char *space, const char *app,
                    const struct affinity_object *terms, size_t count)
{
    const struct label_object label = {"app", app};
    const struct pod_object object = {
        .name_space = space,
        .labels = &label,
        .label_count = app != NULL,
        .affinities = terms,
        .affinity_count = count,
    };
    return peers_observe(peers, peer, &object);
}

static uint32_t count_at(const struct peers_site *sites, uint32_t row)
{
    for (; sites != NULL; sites = sites->hh.next) {
        if (sites->row == row) {
            return sites->count;
        }
    }
    return 0;
}

static uint32_t selected_at(struct rule *rule, uint32_t row)
{
    uint64_t looked_at = 0;
    return count_at(peers_selected(peers, rule, &looked_at), row);
}

START_TEST(operators)
{
    const struct {
        enum selector_operator relation;
        bool x, y, none;
    } table[] = {
        {SELECTOR_IN, true, false, false},       {SELECTOR_NOT_IN, false, true, true},
        {SELECTOR_EXISTS, true, true, false},    {SELECTOR_DOES_NOT_EXIST, false, false, true},
        {SELECTOR_GREATER, false, false, false},
    };
    struct peer x = {0}, y = {0}, none = {0}, other = {0};
    observe(&x, "a", "x", NULL, 0);
    observe(&y, "a", "y", NULL, 0);
    observe(&none, "a", NULL, NULL, 0);
    observe(&other, "b", "x", NULL, 0);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct wish wish;
        struct peer peer = {0};
        bool lists = table[i].relation < SELECTOR_EXISTS;
        wish_for(&wish, true, table[i].relation, VALUES, lists, "a");
        observe(&peer, "a", "x", &wish.term, 1);
        ck_assert_uint_eq(peer.rule_count, 1);
        ck_assert(peers_selects(peer.rules[0], &x) == table[i].x);
        ck_assert(peers_selects(peer.rules[0], &y) == table[i].y);
        ck_assert(peers_selects(peer.rules[0], &none) == table[i].none);
        ck_assert(!peers_selects(peer.rules[0], &other));
        peers_forget(peers, &peer);
    }
    ck_assert(!peers_any(peers));
    peers_forget(peers, &x);
    peers_forget(peers, &y);
    peers_forget(peers, &none);
    peers_forget(peers, &other);
}
END_TEST

/* All terms of affinity together select, and are one rule. */
START_TEST(affinity_is_one_rule)
{
    struct wish wishes[2];
    struct peer peer = {0}, x = {0}, y = {0};
    wish_for(&wishes[0], false, SELECTOR_EXISTS, NULL, 0, "a");
    wish_for(&wishes[1], false, SELECTOR_NOT_IN, VALUES, 1, "a");
    const struct affinity_object both[] = {wishes[0].term, wishes[1].term};
    observe(&peer, "a", "x", both, 2);
    observe(&x, "a", "x", NULL, 0);
    observe(&y, "a", "y", NULL, 0);
    ck_assert_uint_eq(peer.rule_count, 1);
    ck_assert_uint_eq(peer.rules[0]->key_count, 2);
    ck_assert(!peers_selects(peer.rules[0], &x));
    ck_assert(peers_selects(peer.rules[0], &y));
    peers_forget(peers, &peer);
    peers_forget(peers, &x);
    peers_forget(peers, &y);
}
END_TEST

/* What is unchanged is not new, and moves nothing. */
START_TEST(unchanged)
{
    struct wish wish;
    struct peer peer = {0};
    wish_for(&wish, true, SELECTOR_IN, VALUES, 2, "a");
    ck_assert(observe(&peer, "a", "x", &wish.term, 1));
    peers_enter(peers, &peer, 7);
    uint64_t moves = peers_moves(peers);
    ck_assert(!observe(&peer, "a", "x", &wish.term, 1));
    ck_assert_uint_eq(peers_moves(peers), moves);
    ck_assert(observe(&peer, "a", "y", &wish.term, 1));
    ck_assert_uint_eq(count_at(peers_carriers(peer.rules[0]), 7), 1);
    peers_leave(peers, &peer);
    ck_assert_ptr_null(peers_carriers(peer.rules[0]));
    peers_forget(peers, &peer);
}
END_TEST

/* ---- against counting anew ---- */

#define PODS  24
#define ROWS  4
#define STEPS 4000

struct model_pod {
    struct peer peer;
    struct wish wishes[2];
    uint32_t wish_count;
    const char *space;
    const char *app;
};

static bool model_selects(const struct wish *wish, const struct model_pod *pod)
{
    bool listed = false;
    for (size_t i = 0; i < wish->expression.value_count && pod->app != NULL; i++) {
        listed = listed || strcmp(wish->expression.values[i], pod->app) == 0;
    }
    bool here = wish->space == NULL || strcmp(wish->space, pod->space) == 0;
    return here && (wish->expression.operator== SELECTOR_IN       ? listed
                    : wish->expression.operator== SELECTOR_NOT_IN ? !listed
                                                                  : pod->app != NULL);
}

static void change(struct random *random, struct model_pod *pod)
{
    static const enum selector_operator RELATIONS[] = {SELECTOR_IN, SELECTOR_NOT_IN,
                                                       SELECTOR_EXISTS};
    pod->app = random_index(random, 4) == 0 ? NULL : VALUES[random_index(random, 3)];
    pod->wish_count = (uint32_t)random_index(random, 3);
    struct affinity_object terms[2];
    for (uint32_t w = 0; w < pod->wish_count; w++) {
        enum selector_operator relation = RELATIONS[random_index(random, 3)];
        uint32_t space = (uint32_t)random_index(random, 3);
        wish_for(&pod->wishes[w], true, relation, VALUES,
                 relation == SELECTOR_EXISTS ? 0 : 1 + (size_t)random_index(random, 2),
                 space == 2 ? NULL : SPACES[space]);
        terms[w] = pod->wishes[w].term;
    }
    observe(&pod->peer, pod->space, pod->app, terms, pod->wish_count);
}

static void compare(struct model_pod *pods, const struct model_pod *asking, uint32_t w)
{
    struct affinity_object term = asking->wishes[w].term;
    struct peer copy = {0};
    observe(&copy, asking->space, NULL, &term, 1);
    for (uint32_t row = 0; row < ROWS; row++) {
        uint32_t selected = 0, carriers = 0;
        for (int i = 0; i < PODS; i++) {
            const struct model_pod *pod = &pods[i];
            bool there = pod->peer.placed && pod->peer.row == row;
            selected += there && model_selects(&asking->wishes[w], pod);
            carriers += there && peers_has(&pod->peer, copy.rules[0]);
        }
        ck_assert_uint_eq(selected_at(copy.rules[0], row), selected);
        ck_assert_uint_eq(count_at(peers_carriers(copy.rules[0]), row), carriers);
    }
    peers_forget(peers, &copy);
}

START_TEST(as_counted_anew)
{
    struct random random = {.state = 5};
    struct model_pod *pods = alloc_zero(PODS, sizeof *pods);
    for (int i = 0; i < PODS; i++) {
        pods[i].space = SPACES[i % 2];
        change(&random, &pods[i]);
    }
    for (int step = 0; step < STEPS; step++) {
        struct model_pod *pod = &pods[random_index(&random, PODS)];
        switch (random_index(&random, 4)) {
        case 0:
            if (pod->peer.placed) {
                peers_leave(peers, &pod->peer);
            } else {
                peers_enter(peers, &pod->peer, (uint32_t)random_index(&random, ROWS));
            }
            break;
        case 1:
            change(&random, pod);
            break;
        default:
            if (pod->wish_count > 0) {
                compare(pods, pod, (uint32_t)random_index(&random, (int)pod->wish_count));
            }
        }
    }
    for (int i = 0; i < PODS; i++) {
        if (pods[i].peer.placed) {
            peers_leave(peers, &pods[i].peer);
        }
        peers_forget(peers, &pods[i].peer);
    }
    ck_assert(!peers_any(peers));
    free(pods);
}
END_TEST

/* ---- limits ---- */

/* So many different rules of one namespace, and not one more: of that one alone, then of all. */
static void check_limit(const char *space, uint32_t most)
{
    struct peer *many = alloc_zero(most + 2, sizeof *many);
    char value[32];
    const char *values[] = {value};
    for (uint32_t i = 0; i <= most; i++) {
        struct wish wish;
        snprintf(value, sizeof value, "v%u", i);
        wish_for(&wish, true, SELECTOR_IN, values, 1, space);
        observe(&many[i], "a", NULL, &wish.term, 1);
        ck_assert_uint_eq(many[i].rule_count, i < most);
        ck_assert((many[i].left == NULL) == (i < most));
    }
    peers_forget(peers, &many[0]); /* there is room again */
    struct wish wish;
    snprintf(value, sizeof value, "another");
    wish_for(&wish, true, SELECTOR_IN, values, 1, space);
    observe(&many[most + 1], "a", NULL, &wish.term, 1);
    ck_assert_uint_eq(many[most + 1].rule_count, 1);
    for (uint32_t i = 0; i < most + 2; i++) {
        peers_forget(peers, &many[i]);
    }
    ck_assert(!peers_any(peers));
    free(many);
}

START_TEST(so_many_rules)
{
    check_limit("a", PEERS_NEAR_MAX);
    check_limit("b", PEERS_FAR_OF_ONE);
    check_limit(NULL, PEERS_FAR_OF_ONE);
}
END_TEST

/* What a journal may bring and no API server would: nothing of it is kept, nor leaks. */
START_TEST(beyond_all_bounds)
{
    struct wish wish;
    struct peer peer = {0};
    size_t count = RULES_WORDS_MAX + 10;
    const char **values = alloc_zero(count, sizeof *values);
    for (size_t i = 0; i < count; i++) {
        values[i] = VALUES[i % 3];
    }
    wish_for(&wish, true, SELECTOR_IN, values, count, "a");
    observe(&peer, "a", "x", &wish.term, 1);
    ck_assert_uint_eq(peer.rule_count, 0);
    ck_assert_ptr_nonnull(peer.left);

    char *longer = alloc_zero(NAMES_LENGTH_MAX + 2, 1);
    memset(longer, 'v', NAMES_LENGTH_MAX + 1);
    const char *one[] = {longer};
    wish_for(&wish, true, SELECTOR_IN, one, 1, "a");
    observe(&peer, "a", longer, &wish.term, 1);
    ck_assert_uint_eq(peer.rule_count, 0);
    ck_assert_uint_eq(peer.label_count, 0);
    peers_forget(peers, &peer);
    free(values);
    free(longer);
}
END_TEST

/* What finds no room is left out and said so, once; and found again when there is room. */
START_TEST(text_finds_room_or_not)
{
    struct wish wish;
    struct peer peer = {0}, other = {0};
    wish_for(&wish, true, SELECTOR_IN, VALUES, 3, "a");
    ck_assert(observe(&other, "a", "x", NULL, 0));
    peers_limit(peers, 0);
    ck_assert(observe(&peer, "a", "y", &wish.term, 1));
    ck_assert_uint_eq(peer.label_count, 0);
    ck_assert_uint_eq(peer.rule_count, 0);
    ck_assert_ptr_nonnull(peer.left);
    ck_assert(!observe(&peer, "a", "y", &wish.term, 1));
    ck_assert(!observe(&other, "a", "x", NULL, 0)); /* known is known */
    ck_assert_ptr_null(other.left);
    ck_assert(observe(&other, "a", "z", NULL, 0));
    ck_assert_str_eq(other.left, "its labels do not find room, and other pods' terms do not see "
                                 "them");
    peers_limit(peers, RULES_TEXT_MAX);
    ck_assert(observe(&peer, "a", "y", &wish.term, 1));
    ck_assert_uint_eq(peer.label_count, 1);
    ck_assert_uint_eq(peer.rule_count, 1);
    ck_assert_ptr_null(peer.left);
    ck_assert(observe(&other, "a", "z", NULL, 0));
    ck_assert(peers_selects(peer.rules[0], &other));
    peers_forget(peers, &peer);
    peers_forget(peers, &other);
    ck_assert_uint_eq(names_count(peers_words(peers)), 0);
    ck_assert_uint_eq(names_bytes(peers_words(peers)), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/state/peers");
    TCase *tcase = tcase_create("peers");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, operators);
    tcase_add_test(tcase, text_finds_room_or_not);
    tcase_add_test(tcase, affinity_is_one_rule);
    tcase_add_test(tcase, unchanged);
    tcase_add_test(tcase, as_counted_anew);
    tcase_add_test(tcase, so_many_rules);
    tcase_add_test(tcase, beyond_all_bounds);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
