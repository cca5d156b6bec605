// SPDX-License-Identifier: Apache-2.0
/* Attempts that take long, in pieces: the same plans and the same words as in one go, so much work
 * in one event and no more, and others have their turn. */
#include "scheduler/engine.h"
#include "scheduler/state/ledger.h"
#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"
#include "test/unit/topology/random.h"

#define RACK  "topology.kubernetes.io/rack"
#define BLOCK "network.topology.nvidia.com/block"
#define HOST  "kubernetes.io/hostname"

struct role {
    char name[16], app[16];
    int64_t gpus;
    const char *required, *group;
    bool apart;
};

/* A gang that asks for much at once: roles that share domains, keep apart, or have a minimum. */
struct gang {
    char name[16], minimums[128];
    struct role roles[6];
    uint32_t role_count, each;
    int32_t minimum;
    const char *required, *preference;
};

static void draw_gang(struct random *random, uint32_t number, struct gang *gang)
{
    static const char *const levels[] = {NULL, NULL, BLOCK, RACK};
    static const char *const groups[] = {NULL, "a", "b"};
    size_t at = 0;
    memset(gang, 0, sizeof *gang);
    snprintf(gang->name, sizeof gang->name, "g%u", number);
    gang->role_count = 1 + random_below(random, 6);
    gang->each = 1 + random_below(random, 5);
    uint32_t size = gang->role_count * gang->each;
    gang->minimum = (int32_t)(1 + random_below(random, size));
    gang->required = levels[random_below(random, 4)];
    gang->preference = random_below(random, 2) == 0 ? "placement" : NULL;
    for (uint32_t r = 0; r < gang->role_count; r++) {
        struct role *role = &gang->roles[r];
        snprintf(role->name, sizeof role->name, "r%u", r);
        snprintf(role->app, sizeof role->app, "a%u-%u", number, r);
        role->gpus = 1 + random_below(random, 8);
        role->required = levels[random_below(random, 4)];
        role->group = groups[random_below(random, 3)];
        role->apart = random_below(random, 4) == 0;
        if (random_below(random, 4) == 0) {
            at += (size_t)snprintf(&gang->minimums[at], sizeof gang->minimums - at, "%sr%u=1",
                                   at == 0 ? "" : ",", r);
        }
    }
}

static void add_member(struct world *world, const struct gang *gang, uint32_t index)
{
    static const char *const spaces[] = {"ns"};
    const struct role *role = &gang->roles[index % gang->role_count];
    const char *selected[] = {gang->roles[(index + 1) % gang->role_count].app};
    struct placement_object placement = {.required_level = role->required,
                                         .podset_group = role->group};
    struct world_pod pod = {.uid = world_member(gang->name, (int)index),
                            .gang = gang->name,
                            .gpus = role->gpus,
                            .role = role->name,
                            .rank = (int32_t)(index / gang->role_count),
                            .placement = &placement};
    struct expression_object expression = {
        .key = "app", .operator= SELECTOR_IN, .values = selected, .value_count = 1};
    struct affinity_object term = {.apart = true,
                                   .key = index % 2 == 0 ? HOST : RACK,
                                   .name_spaces = spaces,
                                   .name_space_count = 1,
                                   .expressions = &expression,
                                   .expression_count = 1};
    struct label_object label = {"app", role->app};
    struct amount_object amounts[3];
    struct event event = {.type = EVENT_POD};
    world_fill_pod(&pod, &event.pod, amounts);
    event.pod.labels = &label;
    event.pod.label_count = 1;
    event.pod.affinities = &term;
    event.pod.affinity_count = role->apart;
    world_apply(world, &event);
}

/* Ticks until nothing is left to be done at this moment. */
static void settle(struct world *world)
{
    for (unsigned ticks = 0; engine_deadline(world->engine) <= world->now; ticks++) {
        world_tick(world, 0);
        ck_assert_uint_lt(ticks, 100000);
    }
}

/* `settled`: each event before the next one. */
static void add_gang(struct world *world, const struct gang *gang, bool settled)
{
    struct event event = {.type = EVENT_GROUP};
    event.group = (struct group_object){
        .name_space = "ns",
        .name = gang->name,
        .uid = gang->name,
        .minimum = gang->minimum,
        .placement = {.required_level = gang->required},
        .elastic = {.minimums = gang->minimums[0] == '\0' ? NULL : gang->minimums,
                    .preference = gang->preference}};
    world_apply(world, &event);
    for (uint32_t i = 0; i < gang->role_count * gang->each; i++) {
        add_member(world, gang, i);
        if (settled) {
            settle(world);
        }
    }
}

/* Racks of three nodes, of which nearly half the GPUs are in use. */
static void build(struct world *world, uint64_t seed, uint64_t piece, int racks)
{
    struct random random = {.state = seed};
    world_init(world);
    engine_piece(world->engine, piece);
    world_racks(world, racks, 3);
    for (int i = 0; i < racks * 3; i++) {
        char uid[16], node[16];
        snprintf(uid, sizeof uid, "busy-%d", i);
        snprintf(node, sizeof node, "n%d", i);
        struct world_pod pod = {
            .uid = uid, .gpus = random_below(&random, 8), .node = node, .rank = -1};
        world_pod(world, &pod);
    }
    world_event(world, EVENT_SYNCED);
}

/* For words of this moment. */
static void ask(struct world *world, const char *gang)
{
    (void)world_reason(world, gang);
    world_wait(world, 5000);
}

static void compare(const struct world *one, const struct world *other, const char *gang)
{
    struct arena arena;
    arena_init(&arena);
    struct gang_view a = world_view(one, gang, &arena), b = world_view(other, gang, &arena);
    ck_assert_int_eq(a.state, b.state);
    ck_assert_str_eq(a.reason, b.reason);
    ck_assert_int_eq(a.optimal, b.optimal);
    ck_assert_uint_eq(a.member_count, b.member_count);
    for (uint32_t i = 0; i < a.member_count; i++) {
        ck_assert_str_eq(a.members[i].pod, b.members[i].pod);
        ck_assert_ptr_eq(a.members[i].node == NULL ? NULL : "",
                         b.members[i].node == NULL ? NULL : "");
        if (a.members[i].node != NULL) {
            ck_assert_str_eq(a.members[i].node, b.members[i].node);
        }
    }
    arena_finish(&arena);
}

/* One search for each piece, or all at once: it comes to the same. */
START_TEST(test_the_same)
{
    uint64_t left = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct world one, other;
        struct random random = {.state = seed * 7919};
        build(&one, seed, UINT64_MAX, 6);
        build(&other, seed, 1, 6);
        for (uint32_t number = 0; number < 4; number++) {
            struct gang gang;
            draw_gang(&random, number, &gang);
            add_gang(&one, &gang, true);
            add_gang(&other, &gang, true);
            ask(&one, gang.name);
            ask(&other, gang.name);
            compare(&one, &other, gang.name);
        }
        ck_assert_uint_eq(world_figures(&one).attempts_left, 0);
        left += world_figures(&other).attempts_left;
        world_finish(&one);
        world_finish(&other);
    }
    ck_assert_uint_gt(left, 5000); /* or nothing was split */
}
END_TEST

static uint64_t steps(const struct world *world)
{
    return world_figures(world).planning_steps;
}

/* A gang of as many roles as there may be, each of which has to be in one rack, none of which fits:
 * branch by branch, at every level, for every number of members. Returns what the event took that
 * took most. */
static uint64_t add_monster(struct world *world)
{
    uint64_t most = 0;
    struct event event = {.type = EVENT_GROUP};
    event.group = (struct group_object){.name_space = "ns",
                                        .name = "monster",
                                        .uid = "monster",
                                        .minimum = 30,
                                        .elastic = {.preference = "placement"}};
    world_apply(world, &event);
    for (int i = 0; i < 48; i++) {
        char role[16];
        struct placement_object placement = {.required_level = RACK};
        snprintf(role, sizeof role, "r%d", i % 12);
        uint64_t before = steps(world);
        struct world_pod pod = {.uid = world_member("monster", i),
                                .gang = "monster",
                                .gpus = 4 + i % 12 % 5,
                                .role = role,
                                .rank = i / 12,
                                .placement = &placement};
        world_pod(world, &pod);
        most = steps(world) - before > most ? steps(world) - before : most;
    }
    return most;
}

/* The most that one event took from now on, until nothing is left to be done. */
static uint64_t most_of_one(struct world *world)
{
    uint64_t most = 0;
    for (unsigned ticks = 0; engine_deadline(world->engine) <= world->now; ticks++) {
        uint64_t before = steps(world);
        world_tick(world, 0);
        most = steps(world) - before > most ? steps(world) - before : most;
        ck_assert_uint_lt(ticks, 100000);
    }
    return most;
}

/* However much there is to be done, an event does a piece of it: with so many steps for a piece, no
 * more than those and what the search takes that is under way. */
START_TEST(test_bounded)
{
    struct world world;
    uint64_t all[2], most[2];
    for (int split = 0; split < 2; split++) {
        build(&world, 3, split == 0 ? UINT64_MAX : 20000, 200);
        uint64_t before = steps(&world);
        most[split] = add_monster(&world);
        uint64_t later = most_of_one(&world);
        most[split] = later > most[split] ? later : most[split];
        all[split] = steps(&world) - before;
        world_finish(&world);
    }
    ck_assert_uint_gt(most[0], 4 * most[1]);
    ck_assert_uint_lt(most[1], 20000 + 400000);
    ck_assert_uint_lt(all[1], 2 * all[0]); /* what is told costs little */
}
END_TEST

/* Somebody else's gang, and filter calls, come in between. */
START_TEST(test_others_have_their_turn)
{
    struct world world;
    build(&world, 3, 1, 200);
    (void)add_monster(&world);
    ck_assert_int_le(engine_deadline(world.engine), world.now); /* it is under way */
    struct world_pod pod = {.uid = "pod", .gpus = 0, .rank = -1};
    world_pod(&world, &pod);
    static const char *const nodes[] = {"n1", "n2", NULL};
    ck_assert_int_ne(world_filter(&world, "pod", NULL, nodes)->verdict, FILTER_NONE);
    world_group(&world, "small", 2);
    for (int i = 0; i < 2; i++) {
        struct world_pod member = {
            .uid = world_member("small", i), .gang = "small", .gpus = 0, .rank = i};
        world_pod(&world, &member);
    }
    settle(&world);
    ck_assert_int_eq(world_state(&world, "small"), GANG_HELD);
    world_finish(&world);
}
END_TEST

/* One that changes all the time begins anew each time, and keeps nobody else waiting by that. */
START_TEST(test_restless)
{
    struct world world;
    build(&world, 3, 1, 200);
    (void)add_monster(&world);
    world_group(&world, "small", 1);
    struct world_pod member = {.uid = "small-0", .gang = "small", .gpus = 0, .rank = 0};
    world_pod(&world, &member);
    unsigned rounds = 0;
    while (world_state(&world, "small") != GANG_HELD) {
        struct world_pod pod = {.uid = "monster-0",
                                .gang = "monster",
                                .gpus = 1 + rounds % 2,
                                .role = "r0",
                                .required = RACK,
                                .rank = 0};
        world_pod(&world, &pod);
        world_tick(&world, 0);
        ck_assert_uint_lt(++rounds, 20);
    }
    world_finish(&world);
}
END_TEST

/* Room that was found is taken, and room becomes free, while the attempt is under way: nothing is
 * held twice, and what is free in the end is found. */
START_TEST(test_meanwhile)
{
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct world world;
        struct random random = {.state = seed * 104729};
        struct gang gang;
        build(&world, seed, 1, 6);
        draw_gang(&random, 0, &gang);
        add_gang(&world, &gang, false);
        for (int i = 0; i < 30 && engine_deadline(world.engine) <= world.now; i++) {
            char uid[16], node[16];
            uint32_t at = random_below(&random, 18);
            snprintf(node, sizeof node, "n%u", at);
            snprintf(uid, sizeof uid, "busy-%u", at);
            struct world_pod pod = {
                .uid = uid, .gpus = random_below(&random, 9), .node = node, .rank = -1};
            if (random_below(&random, 2) == 0) {
                world_pod_gone(&world, uid);
            }
            world_pod(&world, &pod);
            world_tick(&world, 0);
        }
        settle(&world);
        bool held = world_state(&world, gang.name) == GANG_HELD;
        for (uint32_t row = 0; row < 18 && held; row++) {
            ck_assert(!ledger_overbooked(engine_ledger(world.engine), row));
        }
        /* As if it had come after all that. */
        if (!held) {
            world_event(&world, EVENT_FOLLOW);
            world_event(&world, EVENT_LEAD);
            settle(&world);
            ck_assert_int_ne(world_state(&world, gang.name), GANG_HELD);
        }
        world_finish(&world);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/engine/progress");
    TCase *tcase = tcase_create("progress");
    tcase_add_test(tcase, test_the_same);
    tcase_add_test(tcase, test_bounded);
    tcase_add_test(tcase, test_others_have_their_turn);
    tcase_add_test(tcase, test_restless);
    tcase_add_test(tcase, test_meanwhile);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
