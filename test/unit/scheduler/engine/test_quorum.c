// SPDX-License-Identifier: Apache-2.0
/* The one rule of the quorum: bound and alive, succeeded in this run and voted are at least the
 * minimum whenever a binding goes out, whoever bound the others; below it all that is missing is
 * planned or nothing. Racks r0 = n0 … n3 and r1 = n4 … n7, 8 GPUs each. */
#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"

static struct world world;

static void setup(void)
{
    world_init(&world);
    world_racks(&world, 2, 4);
    world_event(&world, EVENT_SYNCED);
}

static void teardown(void)
{
    world_finish(&world);
}

/* A member of gang g; its quorum is the group's. */
struct member {
    const char *uid, *node, *owner, *run, *required;
    int rank;
    bool succeeded;
};

static void show(const struct member *member)
{
    struct world_pod pod = {.uid = member->uid,
                            .gang = "g",
                            .gpus = 8,
                            .node = member->node,
                            .rank = member->rank,
                            .succeeded = member->succeeded,
                            .owner = member->owner,
                            .run = member->run,
                            .required = member->required};
    world_pod(&world, &pod);
}

static const char *where(const char *pod)
{
    static char nodes[8][64];
    static unsigned turn;
    return world_node_of(&world, "g", pod, nodes[turn++ % 8]);
}

static bool planned(const char *pod)
{
    return where(pod)[0] != '\0';
}

/* Last night's pods, succeeded, and tonight's, for which one node is missing. */
static void show_rerun(const char *before, const char *now, const char *run, bool ranked)
{
    static const char *const old[] = {"old-0", "old-1", "old-2", "old-3"};
    static const char *const nodes[] = {"n0", "n1", "n4", "n5"};
    static const char *const busy[] = {"n0", "n1", "n2", "n3", "n4", NULL};
    world_group(&world, "g", 4);
    for (int i = 0; i < 4; i++) {
        show(&(struct member){.uid = old[i],
                              .node = nodes[i],
                              .owner = before,
                              .run = run,
                              .rank = ranked ? i : -1,
                              .succeeded = true});
    }
    world_fill(&world, busy);
    for (int i = 0; i < 4; i++) {
        show(&(struct member){.uid = world_member("g", i), .owner = now, .rank = ranked ? i : -1});
    }
}

static void check_that_the_rerun_waits(void)
{
    ck_assert_int_eq(world_state(&world, "g"), GANG_WAITING);
    for (int i = 0; i < 4; i++) {
        ck_assert(!planned(world_member("g", i)));
    }
    ck_assert_ptr_nonnull(strstr(world_reason(&world, "g"), "short by 1 of 4 pods"));
    world_pod_gone(&world, "n3");
    ck_assert_int_eq(world_state(&world, "g"), GANG_HELD);
    world_vote(&world, "g", 0, 3);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 0);
    world_vote(&world, "g", 3, 1);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 4);
}

START_TEST(a_rerun_of_another_owner_is_a_gang_of_its_own)
{
    show_rerun("job-1", "job-2", NULL, true);
    check_that_the_rerun_waits();
}
END_TEST

START_TEST(a_rerun_without_owners_has_the_same_ranks)
{
    show_rerun(NULL, NULL, NULL, true);
    check_that_the_rerun_waits();
}
END_TEST

START_TEST(a_rerun_without_ranks)
{
    show_rerun(NULL, NULL, "old-0", false);
    check_that_the_rerun_waits();
}
END_TEST

START_TEST(a_rerun_of_which_nothing_is_known)
{
    show_rerun(NULL, NULL, NULL, false);
    check_that_the_rerun_waits();
}
END_TEST

/* Their Job was deleted and they stayed, so nobody owns them; one of them is missing, and it is the
 * first rank that the next Job makes. */
START_TEST(a_rerun_beside_pods_whose_owner_is_gone)
{
    world_group(&world, "g", 4);
    for (int i = 1; i < 4; i++) {
        show(&(struct member){
            .uid = world_member("old", i), .node = "n4", .rank = i, .succeeded = true});
    }
    show(&(struct member){.uid = "g-0", .owner = "job-2", .rank = 0});
    ck_assert_int_eq(world_state(&world, "g"), GANG_GATHERING);
    ck_assert(!planned("g-0"));
}
END_TEST

/* Index 0 is done, index 1 runs, index 2 was lost and is made anew. */
static void show_done(const char *owner, const char *run, int first_rank)
{
    world_group(&world, "g", 3);
    show(&(struct member){
        .uid = "g-0", .node = "n0", .owner = owner, .run = run, .rank = 0, .succeeded = true});
    show(&(struct member){
        .uid = "g-1", .node = "n1", .owner = owner, .run = run, .rank = first_rank});
    show(&(struct member){.uid = "g-2", .owner = owner, .rank = 2});
}

START_TEST(who_succeeded_in_this_run_counts)
{
    static const char *const owners[] = {"job", NULL, NULL};
    static const char *const runs[] = {NULL, "g-0", NULL};
    show_done(owners[_i], runs[_i], 1);
    ck_assert_int_lt(world_number(where("g-2")), 4);
    world_bind(&world, "g-2", where("g-2"));
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 1);
}
END_TEST

/* Committed in another run than the one that is bound, though the ranks do not say so. */
START_TEST(who_succeeded_in_another_run_does_not)
{
    show_done(NULL, "g-0", 1);
    show(&(struct member){.uid = "g-1", .node = "n1", .run = "g-1", .rank = 1});
    ck_assert(!planned("g-2"));
    ck_assert_ptr_nonnull(strstr(world_reason(&world, "g"), "until 2 of its pods exist beside"));
}
END_TEST

START_TEST(a_commit_says_which_run_it_is)
{
    world_group(&world, "g", 2);
    show(&(struct member){.uid = "g-0", .rank = 0});
    show(&(struct member){.uid = "g-1", .rank = 1});
    world_vote(&world, "g", 1, 1);
    world_vote(&world, "g", 0, 1);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 2);
    ck_assert_str_eq(world_find(&world, EFFECT_POST_BINDING)->write.run, "g-1");
    world_outcome(&world, "g", 0, 2, WRITE_DONE);
    show(&(struct member){.uid = "g-2", .rank = 2}); /* a joiner is of the same run */
    world_vote(&world, "g", 2, 1);
    ck_assert_str_eq(world_find(&world, EFFECT_POST_BINDING)->write.run, "g-1");
    show(&(struct member){.uid = "g-3", .owner = "job", .rank = 3}); /* its owner says it */
    world_vote(&world, "g", 3, 1);
    ck_assert_ptr_null(world_find(&world, EFFECT_POST_BINDING)->write.run);
}
END_TEST

/* A binding that got no answer is posted again, in the same run. */
START_TEST(a_binding_that_is_posted_again_says_the_run)
{
    char node[64];
    world_group(&world, "g", 1);
    show(&(struct member){.uid = "g-0", .rank = 0});
    world_vote(&world, "g", 0, 1);
    ck_assert_str_eq(world_find(&world, EFFECT_POST_BINDING)->write.run, "g-0");
    snprintf(node, sizeof node, "%s", where("g-0"));
    world_outcome(&world, "g", 0, 1, WRITE_UNKNOWN);
    world_bind(&world, "g-0", node);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 1);
    ck_assert_ptr_nonnull(world_find(&world, EFFECT_POST_BINDING)->write.run);
    ck_assert_str_eq(world_find(&world, EFFECT_POST_BINDING)->write.run, "g-0");
}
END_TEST

/* Another scheduler was faster: its binding says no run, as it would not after a restart either. */
START_TEST(a_member_bound_elsewhere_is_in_no_run)
{
    world_group(&world, "g", 3);
    for (int i = 0; i < 3; i++) {
        show(&(struct member){.uid = world_member("g", i), .rank = -1});
    }
    world_vote(&world, "g", 0, 3);
    world_outcome(&world, "g", 0, 2, WRITE_DONE);
    world_outcome(&world, "g", 2, 1, WRITE_REFUSED);
    show(&(struct member){.uid = "g-2", .node = "n7", .rank = -1});
    for (int i = 0; i < 2; i++) {
        show(&(struct member){.uid = world_member("g", i),
                              .node = "n0",
                              .run = "g-0",
                              .rank = -1,
                              .succeeded = true});
    }
    ck_assert_int_eq(world_state(&world, "g"), GANG_COMMITTING); /* nothing says whose they are */
}
END_TEST

/* One run left index 0, the next one indices 0 and 1, and index 2 is still to come. */
START_TEST(of_two_runs_before_one_counts)
{
    world_group(&world, "g", 3);
    show(&(struct member){.uid = "a-0", .node = "n0", .run = "a-0", .rank = 0, .succeeded = true});
    show(&(struct member){.uid = "b-0", .node = "n0", .run = "b-0", .rank = 0, .succeeded = true});
    show(&(struct member){.uid = "b-1", .node = "n1", .run = "b-0", .rank = 1, .succeeded = true});
    show(&(struct member){.uid = "b-2", .rank = 2});
    world_group(&world, "g", 4);
    ck_assert(!planned("b-2")); /* two are done, not three */
    world_group(&world, "g", 3);
    world_bind(&world, "b-2", where("b-2"));
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 1);
    ck_assert_str_eq(world_find(&world, EFFECT_POST_BINDING)->write.run, "b-0");
    show(&(struct member){.uid = "b-2", .node = "n2", .run = "b-0", .rank = 2});
    ck_assert_int_eq(world_state(&world, "g"), GANG_PLACED);
}
END_TEST

/* Index 0 is done and nobody is bound: index 1 is bound in the run that index 0 counts for, so that
 * index 0 still counts then. */
START_TEST(a_run_goes_on_when_all_that_were_bound_succeeded)
{
    world_group(&world, "g", 2);
    show(&(struct member){.uid = "g-0", .node = "n0", .run = "g-0", .rank = 0, .succeeded = true});
    show(&(struct member){.uid = "g-1", .rank = 1});
    world_vote(&world, "g", 1, 1);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 1);
    ck_assert_str_eq(world_find(&world, EFFECT_POST_BINDING)->write.run, "g-0");
    world_outcome(&world, "g", 1, 1, WRITE_DONE);
    ck_assert_int_eq(world_state(&world, "g"), GANG_PLACED);
}
END_TEST

/* A launcher that another scheduler bound counts, and sets nothing going. */
START_TEST(a_member_bound_by_another_scheduler)
{
    static const char *const busy[] = {"n1", "n2", "n3", "n4", "n5", NULL};
    world_group(&world, "g", 4);
    show(&(struct member){.uid = "launcher", .node = "n0", .rank = -1});
    world_fill(&world, busy);
    show(&(struct member){.uid = "g-0", .rank = 0});
    ck_assert(!planned("g-0"));
    ck_assert_ptr_nonnull(strstr(world_reason(&world, "g"), "until 3 of its pods exist beside"));
    show(&(struct member){.uid = "g-1", .rank = 1});
    show(&(struct member){.uid = "g-2", .rank = 2});
    for (int i = 0; i < 3; i++) {
        ck_assert(!planned(world_member("g", i)));
    }
    ck_assert_ptr_nonnull(strstr(world_reason(&world, "g"), "short by 1 of 3 pods"));
    world_pod_gone(&world, "n5");
    world_vote(&world, "g", 0, 2);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 0);
    world_vote(&world, "g", 2, 1);
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 3);
}
END_TEST

static void start_of(int count, int minimum)
{
    world_group(&world, "g", minimum);
    for (int i = 0; i < count; i++) {
        show(&(struct member){.uid = world_member("g", i), .owner = "job", .rank = i});
    }
    world_vote(&world, "g", 0, count);
    world_outcome(&world, "g", 0, count, WRITE_DONE);
    ck_assert_int_eq(world_state(&world, "g"), GANG_PLACED);
}

START_TEST(two_lost_members_come_back_together)
{
    static const char *const busy[] = {"n6", "n7", NULL};
    start_of(4, 4);
    world_fill(&world, busy);
    char lost[64];
    snprintf(lost, sizeof lost, "%s", where("g-3"));
    world_pod_gone(&world, "g-2");
    world_pod_gone(&world, "g-3");
    const char *const one_left[] = {lost, "n4", "n5", NULL};
    world_fill(&world, one_left);
    show(&(struct member){.uid = "g-8", .owner = "job", .rank = 2});
    ck_assert(!planned("g-8"));
    show(&(struct member){.uid = "g-9", .owner = "job", .rank = 3});
    ck_assert(!planned("g-8") && !planned("g-9")); /* one node is free */
    world_pod_gone(&world, "n5");
    ck_assert(planned("g-8") && planned("g-9"));
    world_bind(&world, "g-8", where("g-8"));
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 0);
    world_bind(&world, "g-9", where("g-9"));
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 2);
}
END_TEST

/* What was held beside those that are there no more is given up with them. */
START_TEST(a_hold_that_is_not_all_that_is_missing_any_more)
{
    start_of(4, 4);
    world_pod_gone(&world, "g-3");
    show(&(struct member){.uid = "g-9", .owner = "job", .rank = 3});
    ck_assert(planned("g-9"));
    world_pod_gone(&world, "g-2");
    ck_assert(!planned("g-9"));
    show(&(struct member){.uid = "g-8", .owner = "job", .rank = 2});
    ck_assert(planned("g-8") && planned("g-9"));
}
END_TEST

START_TEST(members_above_the_quorum_come_one_by_one)
{
    static const char *const busy[] = {"n6", "n7", NULL};
    start_of(4, 2);
    world_fill(&world, busy);
    world_pod_gone(&world, "g-2");
    world_pod_gone(&world, "g-3");
    show(&(struct member){.uid = "g-8", .owner = "job", .rank = 2});
    world_bind(&world, "g-8", where("g-8"));
    ck_assert_uint_eq(world_count(&world, EFFECT_POST_BINDING), 1);
}
END_TEST

/* Of a group that is gone nobody knows the quorum. */
START_TEST(a_joiner_without_a_group_is_not_bound)
{
    start_of(4, 4);
    show(&(struct member){.uid = "g-4", .owner = "job", .rank = 4});
    ck_assert(planned("g-4"));
    struct event event = {.type = EVENT_GROUP_GONE};
    event.group_gone.name_space = "ns";
    event.group_gone.name = "g";
    world_apply(&world, &event);
    ck_assert(!planned("g-4"));
    ck_assert_int_eq(world_state(&world, "g"), GANG_PLACED);
}
END_TEST

/* ---- one domain for all joiners ---- */

static const char *const one_free_in_each[] = {"n0", "n1", "n2", "n4", "n5", "n6", NULL};

/* Nobody is alive: whoever comes first takes the others along. */
START_TEST(joiners_beside_nobody_share_a_domain)
{
    world_group(&world, "g", 1);
    show(&(struct member){.uid = "g-0",
                          .node = "n0",
                          .owner = "job",
                          .rank = 0,
                          .succeeded = true,
                          .required = "rack"});
    world_fill(&world, one_free_in_each);
    show(&(struct member){.uid = "g-1", .owner = "job", .rank = 1, .required = "rack"});
    show(&(struct member){.uid = "g-2", .owner = "job", .rank = 2, .required = "rack"});
    ck_assert(planned("g-1"));
    ck_assert(!planned("g-2"));
}
END_TEST

static void batch(const struct member *members, int count)
{
    for (int i = 0; i < count; i++) {
        struct amount_object amounts[3];
        struct world_pod pod = {.uid = members[i].uid,
                                .gang = "g",
                                .gpus = 8,
                                .rank = members[i].rank,
                                .owner = members[i].owner,
                                .required = members[i].required};
        struct event event = {.type = EVENT_POD, .more = i + 1 < count};
        world_fill_pod(&pod, &event.pod, amounts);
        world_apply(&world, &event);
    }
}

/* In one pass: what was just held counts for the next. */
START_TEST(joiners_of_one_pass_share_a_domain)
{
    const struct member joiners[] = {
        {.uid = "g-1", .owner = "job", .rank = 1, .required = "rack"},
        {.uid = "g-2", .owner = "job", .rank = 2, .required = "rack"},
    };
    world_group(&world, "g", 1);
    show(&(struct member){.uid = "g-0",
                          .node = "n0",
                          .owner = "job",
                          .rank = 0,
                          .succeeded = true,
                          .required = "rack"});
    world_fill(&world, one_free_in_each);
    batch(joiners, 2);
    ck_assert(planned("g-1"));
    ck_assert(!planned("g-2"));
}
END_TEST

/* The node of the bound member is not in the cluster. */
START_TEST(joiners_beside_a_node_that_is_gone)
{
    const struct member joiners[] = {
        {.uid = "g-1", .owner = "job", .rank = 1, .required = "rack"},
        {.uid = "g-2", .owner = "job", .rank = 2, .required = "rack"},
    };
    world_group(&world, "g", _i == 0 ? 1 : 3);
    show(&(struct member){
        .uid = "g-0", .node = "gone", .owner = "job", .rank = 0, .required = "rack"});
    world_fill(&world, one_free_in_each);
    batch(joiners, 2);
    ck_assert_int_eq(planned("g-1"), _i == 0); /* of a quorum that is missing: both or none */
    ck_assert(!planned("g-2"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/engine/quorum");
    TCase *tcase = tcase_create("quorum");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_rerun_of_another_owner_is_a_gang_of_its_own);
    tcase_add_test(tcase, a_rerun_without_owners_has_the_same_ranks);
    tcase_add_test(tcase, a_rerun_without_ranks);
    tcase_add_test(tcase, a_rerun_of_which_nothing_is_known);
    tcase_add_test(tcase, a_rerun_beside_pods_whose_owner_is_gone);
    tcase_add_loop_test(tcase, who_succeeded_in_this_run_counts, 0, 3);
    tcase_add_test(tcase, who_succeeded_in_another_run_does_not);
    tcase_add_test(tcase, a_commit_says_which_run_it_is);
    tcase_add_test(tcase, a_binding_that_is_posted_again_says_the_run);
    tcase_add_test(tcase, a_member_bound_elsewhere_is_in_no_run);
    tcase_add_test(tcase, of_two_runs_before_one_counts);
    tcase_add_test(tcase, a_run_goes_on_when_all_that_were_bound_succeeded);
    tcase_add_test(tcase, a_member_bound_by_another_scheduler);
    tcase_add_test(tcase, two_lost_members_come_back_together);
    tcase_add_test(tcase, a_hold_that_is_not_all_that_is_missing_any_more);
    tcase_add_test(tcase, members_above_the_quorum_come_one_by_one);
    tcase_add_test(tcase, a_joiner_without_a_group_is_not_bound);
    tcase_add_test(tcase, joiners_beside_nobody_share_a_domain);
    tcase_add_test(tcase, joiners_of_one_pass_share_a_domain);
    tcase_add_loop_test(tcase, joiners_beside_a_node_that_is_gone, 0, 2);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
