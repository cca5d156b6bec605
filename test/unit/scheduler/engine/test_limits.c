// SPDX-License-Identifier: Apache-2.0
/* What the books cannot take in is told, refused with words and counted as far as it can be known;
 * and what they remember of a kind of pod ends with that kind. */
#include "scheduler/engine.h"

#include "scheduler/engine/state.h"
#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"

static struct world world;

static void setup(void)
{
    world_init(&world);
    world_node(&world, "n0", "b0", "r0", 8);
    world_event(&world, EVENT_SYNCED);
}

static void teardown(void)
{
    world_finish(&world);
}

/* ---- vetoes ---- */

/* A pod of this many GPUs, the only one of its gang, is refused its node by kube-scheduler. */
static void veto(const char *uid, int64_t gpus)
{
    static const char *const elsewhere[] = {NULL};
    char node[64];
    world_pod(&world, &(struct world_pod){.uid = uid, .gang = "g", .gpus = gpus, .rank = 0});
    ck_assert_str_eq(world_node_of(&world, "g", uid, node), "n0");
    ck_assert_int_eq(world_filter(&world, uid, "n0", elsewhere)->verdict, FILTER_NONE);
    ck_assert_str_eq(world_node_of(&world, "g", uid, node), "");
}

/* The number of a kind of pod may be given to another kind when its last pod is gone. */
START_TEST(a_veto_is_not_for_who_gets_the_number_of_its_kind)
{
    char node[64];
    world_group(&world, "g", 1);
    veto("a", 8);
    world_pod_gone(&world, "a");
    world_pod(&world, &(struct world_pod){.uid = "b", .gang = "g", .gpus = 4, .rank = 0});
    ck_assert_str_eq(world_node_of(&world, "g", "b", node), "n0");
}
END_TEST

/* … while one that comes again is still kept off the node, until the veto ends. */
START_TEST(a_veto_outlasts_the_pods_it_is_about)
{
    char node[64];
    world_group(&world, "g", 1);
    veto("a", 8);
    world_pod_gone(&world, "a");
    world_pod(&world, &(struct world_pod){.uid = "b", .gang = "g", .gpus = 8, .rank = 0});
    ck_assert_str_eq(world_node_of(&world, "g", "b", node), "");
    world_wait(&world, 61000);
    ck_assert_str_eq(world_node_of(&world, "g", "b", node), "n0");
}
END_TEST

/* ---- what is beyond a limit ---- */

/* A pod like those of world.h, of one toleration more than are looked at. */
static void tolerant(const struct world_pod *pod)
{
    static struct toleration_object tolerations[POD_TOLERATIONS_MAX + 1];
    struct amount_object amounts[3];
    struct event event = {.type = EVENT_POD};
    for (int i = 0; i <= POD_TOLERATIONS_MAX; i++) {
        tolerations[i] =
            (struct toleration_object){"key", "value", TOLERATION_EQUAL, true, TAINT_NO_SCHEDULE};
    }
    world_fill_pod(pod, &event.pod, amounts);
    event.pod.tolerations = tolerations;
    event.pod.toleration_count = POD_TOLERATIONS_MAX + 1;
    world_apply(&world, &event);
}

static const char *skipped(void)
{
    const struct effect *effect = world_find(&world, EFFECT_SKIPPED);
    if (effect == NULL) {
        return NULL;
    }
    ck_assert_uint_eq(world_count(&world, EFFECT_SKIPPED), 1);
    ck_assert_int_eq(effect->skipped.kind, SKIPPED_POD);
    ck_assert_str_eq(effect->skipped.name_space, "ns");
    return effect->skipped.message;
}

static const char *const all[] = {"n0", NULL};
static const char why[] = "Phalanx cannot place the pod: it has more than 64 tolerations";

/* Told once, and refused with the same words whatever is asked. */
START_TEST(a_pod_beyond_a_limit_is_refused_with_the_limit)
{
    tolerant(&(struct world_pod){.uid = "p", .gpus = 1, .rank = -1});
    ck_assert_str_eq(skipped(), why);
    ck_assert_str_eq(world_find(&world, EFFECT_SKIPPED)->skipped.name, "p");
    tolerant(&(struct world_pod){.uid = "p", .gpus = 1, .rank = -1, .nominated = "n0"});
    ck_assert_ptr_null(skipped());
    const struct filter_reply *reply = world_filter(&world, "p", NULL, all);
    ck_assert_int_eq(reply->verdict, FILTER_NONE);
    ck_assert_str_eq(reply->reason, why);
    uint64_t ticket = world_bind(&world, "p", "n0");
    ck_assert_str_eq(world_reply(&world, ticket)->error, why);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 0);

    struct event event = {.type = EVENT_PREEMPT};
    uint32_t row = engine_node_row(world.engine, "n0", 2);
    event.preempt.pod.uid = "p";
    event.preempt.rows = &row;
    event.preempt.row_count = 1;
    world_apply(&world, &event);
    ck_assert(!world_find(&world, EFFECT_PREEMPT_REPLY)->preempt.keeps[0]);
}
END_TEST

/* It may be within the limits again, and beyond them later. */
START_TEST(a_limit_is_told_again_when_it_is_passed_again)
{
    struct world_pod pod = {.uid = "p", .gpus = 1, .rank = -1};
    tolerant(&pod);
    world_pod(&world, &pod);
    ck_assert_ptr_null(skipped());
    ck_assert_int_eq(world_filter(&world, "p", NULL, all)->verdict, FILTER_ALL);
    tolerant(&pod);
    ck_assert_str_eq(skipped(), why);
    ck_assert_int_eq(world_filter(&world, "p", NULL, all)->verdict, FILTER_NONE);
    pod.succeeded = true;
    tolerant(&pod);
    pod.uid = "q"; /* seen only when all is over */
    tolerant(&pod);
    ck_assert_ptr_null(skipped());
}
END_TEST

/* A call may come before the watch. */
START_TEST(a_pod_of_a_call_beyond_a_limit_is_refused)
{
    struct amount_object amounts[3];
    struct label_object labels[POD_SELECTOR_MAX + 1];
    for (int i = 0; i <= POD_SELECTOR_MAX; i++) {
        labels[i] = (struct label_object){"key", "value"};
    }
    struct world_pod pod = {.uid = "p",
                            .gpus = 1,
                            .rank = -1,
                            .selector = labels,
                            .selector_count = POD_SELECTOR_MAX + 1};
    struct pod_object object;
    world_fill_pod(&pod, &object, amounts);
    struct event event = {.type = EVENT_FILTER};
    uint32_t row = engine_node_row(world.engine, "n0", 2);
    event.filter = (struct filter_event){
        .ticket = 1, .pod = {.uid = "p", .object = &object}, .rows = &row, .row_count = 1};
    world_apply(&world, &event);
    static const char text[] = "Phalanx cannot place the pod: its node selector has more than 64 "
                               "labels";
    ck_assert_str_eq(skipped(), text);
    ck_assert_str_eq(world_find(&world, EFFECT_FILTER_REPLY)->filter.reason, text);
    ck_assert(engine_knows_pod(world.engine, "p"));
}
END_TEST

/* What it has of a node counts all the same. */
START_TEST(what_a_bound_pod_beyond_a_limit_has_is_not_free)
{
    char node[64];
    tolerant(&(struct world_pod){.uid = "p", .gpus = 1, .rank = -1, .node = "n0"});
    ck_assert_str_eq(skipped(), why);
    world_gang(&world, "g", 1, 1);
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    world_pod_gone(&world, "p");
    ck_assert_str_eq(world_node_of(&world, "g", "g-0", node), "n0");
}
END_TEST

/* A member that cannot be planned does not make a quorum; the others are told why they wait. */
START_TEST(a_gang_waits_for_a_member_within_the_limits)
{
    world_node(&world, "n1", "b0", "r0", 8);
    tolerant(&(struct world_pod){.uid = "a", .gang = "g", .minimum = 2, .gpus = 8, .rank = 0});
    world_pod(&world,
              &(struct world_pod){.uid = "b", .gang = "g", .minimum = 2, .gpus = 8, .rank = 1});
    ck_assert_int_eq(world_state(&world, "g"), GANG_GATHERING);
    ck_assert_str_eq(world_reason(&world, "g"),
                     "gang ns/g waits until 2 of its pods exist that Phalanx can place; some are "
                     "refused, each with its reason; 2 of 2 exist");
    ck_assert_str_eq(world_filter(&world, "a", NULL, all)->reason, why);
    world_pod(&world,
              &(struct world_pod){.uid = "a", .gang = "g", .minimum = 2, .gpus = 8, .rank = 0});
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    tolerant(&(struct world_pod){.uid = "a", .gang = "g", .minimum = 2, .gpus = 8, .rank = 0});
    ck_assert_int_eq(world_state(&world, "g"), GANG_GATHERING);
}
END_TEST

/* A restart finds a gang that runs: it has begun, whatever one of its pods tolerates. */
START_TEST(a_bound_member_beyond_a_limit_is_one)
{
    world_node(&world, "n1", "b0", "r0", 8);
    tolerant(&(struct world_pod){
        .uid = "a", .gang = "g", .minimum = 2, .gpus = 8, .rank = 0, .node = "n0"});
    world_pod(&world,
              &(struct world_pod){.uid = "b", .gang = "g", .minimum = 2, .gpus = 8, .rank = 1});
    ck_assert_int_eq(world_state(&world, "g"), GANG_COMMITTING);
    char node[64];
    ck_assert_str_eq(world_node_of(&world, "g", "b", node), "n1");
}
END_TEST

/* ---- gangs with too many pods ---- */

static const char crowded[] =
    "Phalanx cannot place the pod: its gang has as many pods as may be planned together";

/* A gang of two that may have two, of which none fits beside the other. */
static void fill_gang(void)
{
    world.engine->gangs.members_max = 2;
    world_group(&world, "g", 2);
    world_gang(&world, "g", 2, 0);
    ck_assert_ptr_null(skipped());
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
}

/* The one too many is no ordinary pod: it is refused, and told once. */
START_TEST(a_member_too_many_is_refused)
{
    fill_gang();
    world_pod(&world, &(struct world_pod){.uid = "late", .gang = "g", .gpus = 1, .rank = 2});
    ck_assert_str_eq(skipped(), crowded);
    world_pod(&world, &(struct world_pod){
                          .uid = "late", .gang = "g", .gpus = 1, .rank = 3, .nominated = "n0"});
    ck_assert_ptr_null(skipped());
    const struct filter_reply *reply = world_filter(&world, "late", NULL, all);
    ck_assert_int_eq(reply->verdict, FILTER_NONE);
    ck_assert_str_eq(reply->reason, crowded);
    uint64_t ticket = world_bind(&world, "late", "n0");
    ck_assert_str_eq(world_reply(&world, ticket)->error, crowded);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 0);
    struct arena arena;
    arena_init(&arena);
    ck_assert_uint_eq(world_view(&world, "g", &arena).member_count, 2);
    arena_finish(&arena);
}
END_TEST

/* It is a member when another one goes, the first that came before the others, and is woken. */
START_TEST(a_member_too_many_joins_when_there_is_room)
{
    char node[64];
    fill_gang();
    world_pod(&world, &(struct world_pod){.uid = "late", .gang = "g", .gpus = 1, .rank = 3});
    world_pod(&world, &(struct world_pod){.uid = "later", .gang = "g", .gpus = 1, .rank = 2});
    ck_assert_int_eq(world_filter(&world, "late", NULL, all)->verdict, FILTER_NONE);
    world_pod_gone(&world, "g-0");
    ck_assert_uint_eq(world_count(&world, EFFECT_EXPLAIN), 1);
    ck_assert_str_eq(world_find(&world, EFFECT_EXPLAIN)->write.name, "late");
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    world_pod_gone(&world, "g-1");
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    ck_assert_str_eq(world_node_of(&world, "g", "late", node), "n0");
    ck_assert_str_eq(world_node_of(&world, "g", "later", node), "n0");
}
END_TEST

/* Who waits for room may go, or go to another gang, like everybody. */
START_TEST(a_member_too_many_may_leave)
{
    char node[64];
    fill_gang();
    static const char *const uids[] = {"a", "b", "c", "d"};
    for (int i = 0; i < 4; i++) {
        world_pod(&world, &(struct world_pod){.uid = uids[i], .gang = "g", .gpus = 1, .rank = 2});
    }
    world_pod_gone(&world, "b");
    world_pod(&world,
              &(struct world_pod){.uid = "a", .gang = "h", .minimum = 1, .gpus = 1, .rank = 0});
    ck_assert_str_eq(world_node_of(&world, "h", "a", node), "n0");
    world_pod(&world, &(struct world_pod){.uid = "d", .gpus = 1, .rank = -1});
    ck_assert_int_eq(world_filter(&world, "d", NULL, all)->verdict, FILTER_ALL);
    world_pod_gone(&world, "g-0");
    struct arena arena;
    arena_init(&arena);
    const struct gang_view view = world_view(&world, "g", &arena);
    ck_assert_uint_eq(view.member_count, 2);
    ck_assert_str_eq(view.members[1].pod, "c");
    arena_finish(&arena);
}
END_TEST

/* What it has of a node is taken, as of any pod. */
START_TEST(a_bound_member_too_many_takes_room)
{
    fill_gang();
    world_node(&world, "n1", "b0", "r0", 8);
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    world_pod(&world,
              &(struct world_pod){.uid = "late", .gang = "g", .gpus = 1, .rank = 2, .node = "n1"});
    ck_assert_str_eq(skipped(), crowded);
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/engine/limits");
    TCase *tcase = tcase_create("limits");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_veto_is_not_for_who_gets_the_number_of_its_kind);
    tcase_add_test(tcase, a_veto_outlasts_the_pods_it_is_about);
    tcase_add_test(tcase, a_pod_beyond_a_limit_is_refused_with_the_limit);
    tcase_add_test(tcase, a_limit_is_told_again_when_it_is_passed_again);
    tcase_add_test(tcase, a_pod_of_a_call_beyond_a_limit_is_refused);
    tcase_add_test(tcase, what_a_bound_pod_beyond_a_limit_has_is_not_free);
    tcase_add_test(tcase, a_gang_waits_for_a_member_within_the_limits);
    tcase_add_test(tcase, a_bound_member_beyond_a_limit_is_one);
    tcase_add_test(tcase, a_member_too_many_is_refused);
    tcase_add_test(tcase, a_member_too_many_joins_when_there_is_room);
    tcase_add_test(tcase, a_member_too_many_may_leave);
    tcase_add_test(tcase, a_bound_member_too_many_takes_room);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
