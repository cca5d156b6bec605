// SPDX-License-Identifier: Apache-2.0
/* The self-check finds any sum that somebody made wrong, puts it right, and finds nothing else. */
#include "scheduler/engine/audit.h"

#include "scheduler/engine/state.h"
#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"

#define NODES 4

static struct world world;

static void setup(void)
{
    world_init(&world);
    world_racks(&world, 2, NODES / 2);
    world_event(&world, EVENT_SYNCED);
    world_gang(&world, "held", 2, 2);
    world_fill(&world, (const char *const[]){"n0", "n1", NULL});
    ck_assert_int_eq(world_state(&world, "held"), GANG_HELD);
}

static void teardown(void)
{
    world_discard(&world); /* differences are what it is about */
}

/* Each node and each gang had its turn. */
static void all_turns(void)
{
    for (uint32_t i = 0; i < NODES; i++) {
        world_tick(&world, 2 * AUDIT_PAUSE_MS);
    }
}

static uint64_t differences(const char *whose)
{
    const char *last;
    uint64_t count = engine_differences(world.engine, &last);
    ck_assert_str_eq(last, whose);
    return count;
}

static uint32_t row_of(const char *node)
{
    return engine_node_row(world.engine, node, strlen(node));
}

static int64_t free_of(const char *node)
{
    const struct names *words = nodes_words(engine_nodes(world.engine));
    uint32_t gpus = names_find(words, "nvidia.com/gpu", strlen("nvidia.com/gpu"));
    return resources_get(ledger_free(world.engine->ledger, row_of(node)), gpus);
}

static struct resources one_gpu(void)
{
    struct resources amounts;
    const struct names *words = nodes_words(engine_nodes(world.engine));
    resources_init(&amounts);
    resources_set(&amounts, names_find(words, "nvidia.com/gpu", strlen("nvidia.com/gpu")), 1);
    return amounts;
}

START_TEST(everything_has_its_turn)
{
    struct engine_figures before = world_figures(&world);
    all_turns();
    struct engine_figures after = world_figures(&world);
    ck_assert_uint_ge(after.audited_nodes - before.audited_nodes, NODES);
    ck_assert_uint_ge(after.audited_gangs - before.audited_gangs, NODES);
    ck_assert_uint_eq(differences(""), 0);
}
END_TEST

/* Nothing is checked while somebody waits, or more follows, or just after the last time. */
START_TEST(it_keeps_nobody_waiting)
{
    all_turns();
    struct engine_figures before = world_figures(&world);
    world_tick(&world, AUDIT_PAUSE_MS - 1);
    world.now += 10 * AUDIT_PAUSE_MS;
    (void)world_filter(&world, "held-0", NULL, (const char *const[]){"n0", NULL});
    (void)world_bind(&world, "n0", "n0");
    struct event event = {.type = EVENT_TICK, .more = true};
    world_apply(&world, &event);
    ck_assert_uint_eq(world_figures(&world).audited_nodes, before.audited_nodes);
    world_tick(&world, 0);
    ck_assert_uint_eq(world_figures(&world).audited_nodes, before.audited_nodes + 1);
}
END_TEST

START_TEST(what_is_taken_of_a_node)
{
    struct resources gpu = one_gpu();
    int64_t free = free_of("n0"), total = ledger_total_free(world.engine->ledger, gpu.items->name);
    ledger_refund(world.engine->ledger, LEDGER_BOUND, row_of("n0"), &gpu);
    ck_assert_int_eq(free_of("n0"), free + 1);
    all_turns();
    ck_assert_int_eq(free_of("n0"), free);
    ck_assert_int_eq(ledger_total_free(world.engine->ledger, gpu.items->name), total);
    ck_assert_uint_eq(differences("node n0"), 1);
    all_turns();
    ck_assert_uint_eq(differences("node n0"), 1);
    resources_finish(&gpu);
}
END_TEST

START_TEST(what_is_held_on_a_node)
{
    struct ledger *ledger = world.engine->ledger;
    uint32_t holds = ledger_holds(ledger);
    ledger_guard(ledger, row_of("n0"));
    ck_assert_uint_eq(ledger_holds(ledger), holds + 1);
    all_turns();
    ck_assert(!ledger_has_hold(ledger, row_of("n0")));
    const char *planned = world_planned(&world, "held", 0);
    ledger_unguard(ledger, row_of(planned));
    ck_assert(!ledger_has_hold(ledger, row_of(planned)));
    all_turns();
    ck_assert(ledger_has_hold(ledger, row_of(planned)));
    ck_assert_uint_eq(ledger_holds(ledger), holds);
    char whose[80];
    snprintf(whose, sizeof whose, "node %s", planned);
    ck_assert_uint_eq(differences(whose), 2);
}
END_TEST

START_TEST(what_a_gang_adds_up_to)
{
    struct gang *gang = gangs_find(&world.engine->gangs, "ns", "held");
    struct resources gpu = one_gpu();
    balance_add(&gang->footprint.amounts, &gpu);
    all_turns();
    ck_assert(balance_get(&gang->footprint.amounts, gpu.items->name) == 16);
    ck_assert_uint_eq(differences("gang ns/held"), 1);
    gang->totals.tally.bound++;
    world_tick(&world, 2 * AUDIT_PAUSE_MS);
    ck_assert_uint_eq(differences("gang ns/held"), 2);
    gang->totals.tally.bound--;
    resources_finish(&gpu);
}
END_TEST

START_TEST(an_empty_cluster)
{
    struct world empty;
    world_init(&empty);
    world_tick(&empty, AUDIT_PAUSE_MS);
    ck_assert_uint_eq(world_figures(&empty).audited_nodes, 0);
    ck_assert_uint_eq(world_figures(&empty).audited_gangs, 0);
    struct balance nothing = {.count = 0};
    ck_assert(ledger_agrees(empty.engine->ledger, 7, &nothing, 0));
    ck_assert(!ledger_agrees(empty.engine->ledger, 7, &nothing, 1));
    world_finish(&empty);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/engine/audit");
    TCase *tcase = tcase_create("audit");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, everything_has_its_turn);
    tcase_add_test(tcase, it_keeps_nobody_waiting);
    tcase_add_test(tcase, what_is_taken_of_a_node);
    tcase_add_test(tcase, what_is_held_on_a_node);
    tcase_add_test(tcase, what_a_gang_adds_up_to);
    tcase_add_test(tcase, an_empty_cluster);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
