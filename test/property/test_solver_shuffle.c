// SPDX-License-Identifier: Apache-2.0
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "scheduler/engine.h"
#include "test/property/oracle_verdict.h"
#include "test/unit/check_main.h"
#include "topology/base/arena.h"

/* Same input, same plan: the order in which nodes and pods were seen changes nothing. */

#define SHUFFLES 1000

/* ---- the solver: nodes inserted in another order, another hash seed ---- */

static bool same_plan(const struct solver_plan *a, const struct solver_plan *b)
{
    return a->feasible == b->feasible && a->optimal == b->optimal && a->count == b->count &&
           (a->count == 0 ||
            memcmp(a->positions, b->positions, a->count * sizeof *a->positions) == 0) &&
           memcmp(a->used, b->used, sizeof a->used) == 0 &&
           memcmp(a->lower_bound, b->lower_bound, sizeof a->lower_bound) == 0 &&
           a->greedy == b->greedy && a->steps == b->steps && a->level == b->level &&
           a->domain == b->domain &&
           (a->feasible ||
            (a->shortfall.domain == b->shortfall.domain && a->shortfall.node == b->shortfall.node &&
             a->shortfall.fits == b->shortfall.fits &&
             a->shortfall.alternative == b->shortfall.alternative));
}

static void check_shuffle(const struct oracle_kind *kind, uint64_t seed, uint64_t shuffle)
{
    struct oracle_instance instance, shuffled;
    struct solver_plan plan, again;
    oracle_instance_init(&instance, kind, seed, 0);
    oracle_instance_init(&shuffled, kind, seed, shuffle);
    solver_plan_init(&plan);
    solver_plan_init(&again);
    solver_solve(&instance.problem, &plan);
    solver_solve(&shuffled.problem, &again);
    ck_assert_uint_eq(instance.positions, shuffled.positions);
    for (uint32_t p = 0; p < instance.positions; p++) {
        ck_assert_str_eq(nodes_name(instance.nodes, domains_row(instance.domains, p)),
                         nodes_name(shuffled.nodes, domains_row(shuffled.domains, p)));
    }
    ck_assert_msg(same_plan(&plan, &again), "seed 0x%016" PRIx64 " shuffle %" PRIu64, seed,
                  shuffle);
    /* And once more into the same plan, which then held another one. */
    solver_solve(&instance.problem, &again);
    ck_assert(same_plan(&plan, &again));
    solver_plan_finish(&plan);
    solver_plan_finish(&again);
    oracle_instance_finish(&instance);
    oracle_instance_finish(&shuffled);
}

static void check_shuffles(struct oracle_kind kind)
{
    struct oracle_random seeds = {3};
    for (uint64_t i = 0; i < SHUFFLES / 10; i++) {
        uint64_t seed = oracle_next(&seeds);
        kind.bound = i % 3 == 0;
        for (uint64_t shuffle = 1; shuffle <= 10; shuffle++) {
            check_shuffle(&kind, seed, shuffle + i * 10);
        }
    }
}

START_TEST(one_role)
{
    check_shuffles((struct oracle_kind){
        .nodes_least = 2, .nodes_most = 80, .roles_least = 1, .roles_most = 1});
}
END_TEST

START_TEST(several_roles)
{
    check_shuffles((struct oracle_kind){
        .nodes_least = 2, .nodes_most = 12, .roles_least = 2, .roles_most = 4, .pods_most = 8});
}
END_TEST

START_TEST(limits)
{
    check_shuffles((struct oracle_kind){.limits = true,
                                        .nodes_least = 2,
                                        .nodes_most = 12,
                                        .roles_least = 2,
                                        .roles_most = 4,
                                        .pods_most = 8});
}
END_TEST

/* ---- the engine: every kind of event in another order ---- */

#define NODES   48
#define BUSY    20
#define MEMBERS 24
#define PLANNED 4096

struct cast {
    struct engine *engine;
    struct effects effects;
    struct oracle_random random;
};

static void draw_order(struct oracle_random *random, uint32_t *order, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t other = oracle_below(random, i + 1);
        order[i] = order[other];
        order[other] = i;
    }
}

static void apply(struct cast *cast, const struct event *event)
{
    engine_apply(cast->engine, event, &cast->effects);
    effects_reset(&cast->effects);
}

static void add_node(struct cast *cast, uint32_t i)
{
    char name[24], rack[24], spine[24];
    snprintf(name, sizeof name, "n%02" PRIu32, i);
    snprintf(rack, sizeof rack, "r%" PRIu32, i * 7 % NODES / 5);
    snprintf(spine, sizeof spine, "s%" PRIu32, i * 7 % NODES / 15);
    const struct label_object labels[] = {{"fabric.topograph.run/tier-1", spine},
                                          {"topology.kubernetes.io/rack", rack}};
    const struct amount_object amounts[] = {{"cpu", 64000}, {"nvidia.com/gpu", 8}, {"pods", 110}};
    struct event event = {.type = EVENT_NODE};
    event.node = (struct node_object){.name = name,
                                      .labels = labels,
                                      .label_count = i % 11 == 0 ? 1 : 2,
                                      .allocatable = amounts,
                                      .allocatable_count = 3};
    apply(cast, &event);
}

static void add_pod(struct cast *cast, const char *name, int64_t gpus, const char *node,
                    const char *role, int32_t rank)
{
    const struct amount_object amounts[] = {
        {"cpu", gpus == 0 ? 8000 : 1000}, {"nvidia.com/gpu", gpus}, {"pods", 1}};
    struct event event = {.type = EVENT_POD};
    event.pod = (struct pod_object){.name_space = "default",
                                    .name = name,
                                    .uid = name,
                                    .node = node,
                                    .requests = amounts,
                                    .request_count = 3,
                                    .gang = role == NULL ? NULL : "gang",
                                    .gang_minimum = role == NULL ? 0 : MEMBERS,
                                    .role = role,
                                    .rank = rank};
    apply(cast, &event);
}

static void add_pods(struct cast *cast)
{
    uint32_t order[BUSY + MEMBERS];
    draw_order(&cast->random, order, BUSY + MEMBERS);
    for (uint32_t i = 0; i < BUSY + MEMBERS; i++) {
        char name[24], node[24];
        uint32_t n = order[i] % BUSY;
        if (order[i] < BUSY) {
            snprintf(name, sizeof name, "busy%02" PRIu32, n);
            snprintf(node, sizeof node, "n%02" PRIu32, n * 5 % NODES);
            add_pod(cast, name, 1 + n % 8, node, NULL, -1);
            continue;
        }
        n = order[i] - BUSY;
        bool launcher = n < 2;
        snprintf(name, sizeof name, "member%02" PRIu32, n);
        /* Every third one has no rank of its own and gets one by its name. */
        add_pod(cast, name, launcher ? 0 : 3, NULL, launcher ? "launcher" : "worker",
                n % 3 == 0 ? -1 : (int32_t)n);
    }
}

/* Writes "pod node" lines, in the view's order. */
static void plan_text(uint64_t shuffle, char *text)
{
    struct engine_options options;
    engine_options_default(&options);
    options.hash_seed = shuffle;
    struct cast cast = {.engine = engine_create(&options), .random = {shuffle}};
    effects_init(&cast.effects);
    uint32_t order[NODES];
    draw_order(&cast.random, order, NODES);
    for (uint32_t i = 0; i < NODES; i++) {
        add_node(&cast, order[i]);
    }
    add_pods(&cast);
    const struct event synced = {.type = EVENT_SYNCED};
    apply(&cast, &synced);
    struct arena arena;
    struct gang_view view;
    arena_init(&arena);
    ck_assert(engine_gang_find(cast.engine, "default", "gang", &arena, &view));
    ck_assert_uint_eq(view.member_count, MEMBERS);
    size_t used = 0;
    for (uint32_t i = 0; i < view.member_count; i++) {
        ck_assert_ptr_nonnull(view.members[i].node);
        used += (size_t)snprintf(text + used, PLANNED - used, "%s %s\n", view.members[i].pod,
                                 view.members[i].node);
        ck_assert_uint_lt(used, PLANNED);
    }
    arena_finish(&arena);
    effects_finish(&cast.effects);
    engine_destroy(cast.engine);
}

START_TEST(the_engine)
{
    char first[PLANNED], again[PLANNED];
    plan_text(1, first);
    for (uint64_t shuffle = 2; shuffle <= SHUFFLES; shuffle++) {
        plan_text(shuffle, again);
        ck_assert_str_eq(first, again);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("same input, same plan");
    TCase *tcase = tcase_create("shuffles");
    tcase_set_timeout(tcase, 600);
    tcase_add_test(tcase, one_role);
    tcase_add_test(tcase, several_roles);
    tcase_add_test(tcase, limits);
    tcase_add_test(tcase, the_engine);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
