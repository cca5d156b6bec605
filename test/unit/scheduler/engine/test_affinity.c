// SPDX-License-Identifier: Apache-2.0
/* Pods that require something of each other, over time: what changes when others come, go or change
 * their labels. What a plan looks like is in test/property/test_affinity.c and test/cases.
 *
 * Nodes n0, n1, … have 8 GPUs each; a member asks for 2 and has the label app=m.
 */
#include "scheduler/engine/affinity.h"
#include "scheduler/state/peers.h"
#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"

#define HOSTNAME "kubernetes.io/hostname"
#define RACK     "topology.kubernetes.io/rack"

static struct world world;
static const char *const own_space[] = {"ns"};

static void setup_racks(int racks, int per_rack)
{
    world_init(&world);
    world_racks(&world, racks, per_rack);
    world_event(&world, EVENT_SYNCED);
}

static void teardown(void)
{
    world_finish(&world);
}

/* A term about pods with app=VALUE. */
struct about {
    const char *value;
    struct expression_object expression;
    struct affinity_object term;
};

static void write_about(struct about *about, bool apart, const char *key, const char *value)
{
    about->value = value;
    about->expression = (struct expression_object){
        .key = "app", .operator= SELECTOR_IN, .values = &about->value, .value_count = 1};
    about->term = (struct affinity_object){.apart = apart,
                                           .key = key,
                                           .name_spaces = own_space,
                                           .name_space_count = 1,
                                           .expressions = &about->expression,
                                           .expression_count = 1};
}

/* A pod with app=APP, and at most one term. */
static void tell_of(int gpus, const char *uid, const char *gang, int minimum, const char *node,
                    const char *app, const struct about *about)
{
    struct amount_object amounts[3];
    struct event event = {.type = EVENT_POD};
    struct label_object label = {"app", app};
    struct world_pod pod = {
        .uid = uid, .gang = gang, .minimum = minimum, .gpus = gpus, .node = node, .rank = -1};
    world_fill_pod(&pod, &event.pod, amounts);
    event.pod.labels = &label;
    event.pod.label_count = 1;
    event.pod.affinities = about == NULL ? NULL : &about->term;
    event.pod.affinity_count = about != NULL;
    world_apply(&world, &event);
}

static void tell(const char *uid, const char *gang, int minimum, const char *node, const char *app,
                 const struct about *about)
{
    tell_of(2, uid, gang, minimum, node, app, about);
}

static void tell_gang(const char *gang, int count, const struct about *about)
{
    for (int i = 0; i < count; i++) {
        tell(world_member(gang, i), gang, count, NULL, "m", about);
    }
}

static bool is_planned(const char *gang)
{
    return world_state(&world, gang) == GANG_HELD;
}

/* Whoever stands in the way goes, and the gang that waited for that is planned at once. */
START_TEST(woken_by_one_who_goes)
{
    struct about db;
    setup_racks(1, 2);
    tell("first", NULL, 0, "n0", "db", NULL);
    tell("second", NULL, 0, "n1", "db", NULL);
    write_about(&db, true, HOSTNAME, "db");
    tell_gang("g", 2, &db);
    world_tick(&world, 1);
    ck_assert(!is_planned("g"));
    world_pod_gone(&world, "second");
    world_tick(&world, 1);
    ck_assert(is_planned("g"));
    ck_assert_str_eq(world_planned(&world, "g", 0), "n1");
}
END_TEST

/* … or gets another label, which frees no room at all. */
START_TEST(woken_by_another_label)
{
    struct about db;
    setup_racks(1, 1);
    tell("first", NULL, 0, "n0", "db", NULL);
    write_about(&db, true, HOSTNAME, "db");
    tell_gang("g", 2, &db);
    ck_assert(!is_planned("g"));
    tell("first", NULL, 0, "n0", "web", NULL);
    world_tick(&world, 1);
    ck_assert(is_planned("g"));
}
END_TEST

/* Somebody else binds a member in another rack: the others, who want to be near, follow it. */
START_TEST(near_one_that_others_bind)
{
    struct about near;
    setup_racks(2, 2);
    write_about(&near, false, RACK, "m");
    tell_gang("g", 3, &near);
    ck_assert(is_planned("g"));
    char rack = world_planned(&world, "g", 0)[1] < '2' ? '2' : '0';
    char node[] = {'n', rack, 0};
    tell(world_member("g", 2), "g", 3, node, "m", &near);
    world_tick(&world, 1);
    for (int i = 0; i < 2; i++) {
        const char *now = world_planned(&world, "g", i);
        ck_assert_msg(now[1] == rack || now[1] == rack + 1, "member %d is planned on %s", i, now);
    }
}
END_TEST

/* Affinity: woken by one who comes. */
START_TEST(woken_by_one_who_comes)
{
    struct about db;
    setup_racks(2, 2);
    write_about(&db, false, RACK, "db");
    tell_gang("g", 2, &db);
    ck_assert(!is_planned("g"));
    tell("first", NULL, 0, "n3", "db", NULL);
    world_tick(&world, 1);
    ck_assert(is_planned("g"));
    ck_assert_int_ge(world_number(world_planned(&world, "g", 0)), 2);
}
END_TEST

/* A gang that is only planned counts as one that stands: for its terms, and by its labels. */
START_TEST(planned_ones_count)
{
    struct about m;
    setup_racks(1, 3);
    write_about(&m, true, HOSTNAME, "m");
    tell_gang("g", 2, &m);
    tell_gang("h", 1, NULL);
    ck_assert(is_planned("h"));
    ck_assert_str_eq(world_planned(&world, "h", 0), "n2");
    tell_gang("i", 1, &m);
    ck_assert(!is_planned("i"));
    world_vote(&world, "g", 0, 2); /* else it is one at a time, once h has gone */
    world_pod_gone(&world, "h-0");
    world_tick(&world, 1);
    ck_assert(is_planned("i"));
}
END_TEST

/* Refused and planned again: its own holds are not in its way. */
START_TEST(not_in_its_own_way)
{
    struct about m;
    static const char *const nowhere[] = {NULL};
    char first[32], again[32];
    setup_racks(3, 1);
    write_about(&m, true, RACK, "m");
    tell_gang("g", 2, &m);
    snprintf(first, sizeof first, "%s", world_planned(&world, "g", 0));
    snprintf(again, sizeof again, "%s", world_planned(&world, "g", 1));
    ck_assert_str_ne(first, "");
    ck_assert_str_ne(first, again);
    world_filter(&world, "g-0", first, nowhere);
    world_wait(&world, 3000);
    ck_assert(is_planned("g"));
    ck_assert_str_ne(world_planned(&world, "g", 0), first);
    ck_assert_str_ne(world_planned(&world, "g", 0), world_planned(&world, "g", 1));
}
END_TEST

/* A member that joins keeps away from those that are bound. */
START_TEST(joiners)
{
    struct about m;
    setup_racks(2, 2);
    write_about(&m, true, RACK, "m");
    tell("g-0", "g", 1, "n0", "m", &m);
    tell("g-1", "g", 1, NULL, "m", &m);
    ck_assert_int_ge(world_number(world_planned(&world, "g", 1)), 2);
    tell("g-2", "g", 1, NULL, "m", &m);
    ck_assert_str_eq(world_planned(&world, "g", 2), "");
}
END_TEST

/* An ordinary pod goes elsewhere when a held member could not be bound beside it. */
START_TEST(ordinary_pods_keep_off)
{
    static const char *const both[] = {"n0", "n1", NULL};
    struct about m, db;
    setup_racks(1, 2);
    write_about(&db, true, HOSTNAME, "db");
    tell_gang("g", 1, &db);
    ck_assert_str_eq(world_planned(&world, "g", 0), "n0");
    tell("plain", NULL, 0, NULL, "web", NULL);
    ck_assert_int_eq(world_filter(&world, "plain", NULL, both)->verdict, FILTER_ALL);
    tell("selected", NULL, 0, NULL, "db", NULL);
    const struct filter_reply *reply = world_filter(&world, "selected", NULL, both);
    ck_assert_int_eq(reply->verdict, FILTER_SOME);
    ck_assert(!reply->passes[0] && reply->passes[1]);
    write_about(&m, true, HOSTNAME, "m");
    tell("selects", NULL, 0, NULL, "web", &m);
    reply = world_filter(&world, "selects", NULL, both);
    ck_assert_int_eq(reply->verdict, FILTER_SOME);
    ck_assert(!reply->passes[0] && reply->passes[1]);
    struct about zone; /* of which no node has the label */
    write_about(&zone, true, "topology.kubernetes.io/zone", "m");
    tell("anywhere", NULL, 0, NULL, "web", &zone);
    ck_assert_int_eq(world_filter(&world, "anywhere", NULL, both)->verdict, FILTER_ALL);
}
END_TEST

/* … but a node without the term's key is in no domain of it, and nobody is kept off there. */
START_TEST(ordinary_pods_without_a_domain)
{
    static const char *const both[] = {"n0", "bare", NULL}, *const bare[] = {"bare", NULL};
    struct about m, db;
    setup_racks(1, 1);
    world_node(&world, "bare", NULL, NULL, 8);
    write_about(&db, true, RACK, "db");
    tell_gang("g", 8, &db); /* of 2 GPUs each: on both nodes, and nothing is left there */
    ck_assert(is_planned("g"));
    tell_of(0, "selected", NULL, 0, NULL, "db", NULL);
    const struct filter_reply *reply = world_filter(&world, "selected", NULL, both);
    ck_assert_int_eq(reply->verdict, FILTER_SOME);
    ck_assert(!reply->passes[0] && reply->passes[1]);
    ck_assert_int_eq(world_filter(&world, "selected", NULL, bare)->verdict, FILTER_ALL);
    write_about(&m, true, RACK, "m");
    tell_of(0, "selects", NULL, 0, NULL, "web", &m);
    reply = world_filter(&world, "selects", NULL, both);
    ck_assert_int_eq(reply->verdict, FILTER_SOME);
    ck_assert(!reply->passes[0] && reply->passes[1]);
    write_about(&m, true, HOSTNAME, "m");
    tell_of(0, "alone", NULL, 0, NULL, "web", &m);
    reply = world_filter(&world, "alone", NULL, both);
    ck_assert_int_eq(reply->verdict, FILTER_SOME);
    ck_assert(!reply->passes[0] && !reply->passes[1]);
}
END_TEST

/* Why it waits: nodes that are ruled out by others, and domains that its own pods need. */
START_TEST(reasons)
{
    struct about db, m;
    struct arena arena;
    setup_racks(2, 2);
    tell("first", NULL, 0, "n0", "db", NULL);
    tell("second", NULL, 0, "n2", "db", NULL);
    write_about(&db, true, RACK, "db");
    tell_gang("g", 1, &db);
    arena_init(&arena);
    struct gang_view view = world_view(&world, "g", &arena);
    ck_assert_msg(strstr(view.reason, "; of its 4 nodes, 4 nodes are ruled out by pod "
                                      "(anti-)affinity") != NULL,
                  "%s", view.reason);
    uint32_t ruled_out = 0;
    for (uint32_t i = 0; i < view.shortfall.nodes.left_out_count; i++) {
        bool affinity = strcmp(view.shortfall.nodes.left_out[i].kind, "affinity") == 0;
        ruled_out += affinity ? view.shortfall.nodes.left_out[i].nodes : 0;
    }
    ck_assert_uint_eq(ruled_out, 4);
    write_about(&m, true, RACK, "m");
    tell_gang("h", 3, &m);
    view = world_view(&world, "h", &arena);
    ck_assert_msg(strstr(view.reason, "short by 1 of 3 pods (2 fit, and its pods keep apart by "
                                      "rack)") != NULL,
                  "%s", view.reason);
    arena_finish(&arena);
}
END_TEST

/* One term too many of a tenant: said, and no more is known of it than before. */
START_TEST(beyond_the_limit)
{
    struct about about;
    char uid[32], value[32];
    setup_racks(1, 1);
    for (uint32_t i = 0; i <= PEERS_NEAR_MAX; i++) {
        snprintf(uid, sizeof uid, "p%u", i);
        snprintf(value, sizeof value, "v%u", i);
        write_about(&about, true, HOSTNAME, i == PEERS_NEAR_MAX ? "m" : value);
        tell(uid, NULL, 0, "n0", "other", &about);
        ck_assert_uint_eq(world_count(&world, EFFECT_SKIPPED), i == PEERS_NEAR_MAX);
    }
    tell(uid, NULL, 0, "n0", "other", &about);
    ck_assert_uint_eq(world_count(&world, EFFECT_SKIPPED), 0); /* once is enough */
}
END_TEST

/* The node, with so many labels more. */
static void add_labels(const char *name, int count)
{
    char keys[AFFINITY_KEYS_MAX][16];
    struct label_object labels[AFFINITY_KEYS_MAX + 2] = {{HOSTNAME, name}, {RACK, "r0"}};
    struct amount_object amounts[] = {{"cpu", 96000}, {"pods", 110}, {"nvidia.com/gpu", 8}};
    struct event event = {.type = EVENT_NODE};
    for (int i = 0; i < count; i++) {
        snprintf(keys[i], sizeof keys[i], "key-%d", i);
        labels[2 + i] = (struct label_object){keys[i], "v"};
    }
    event.node = (struct node_object){.name = name,
                                      .labels = labels,
                                      .label_count = (size_t)count + 2,
                                      .allocatable = amounts,
                                      .allocatable_count = 3};
    world_apply(&world, &event);
}

/* Terms by keys that are no level, however many, do not hide the one that is. */
START_TEST(many_keys)
{
    struct about m, others[AFFINITY_KEYS_MAX];
    char keys[AFFINITY_KEYS_MAX][16];
    struct affinity_object terms[AFFINITY_KEYS_MAX];
    struct amount_object amounts[3];
    struct label_object label = {"app", "m"};
    struct event event = {.type = EVENT_POD};
    setup_racks(1, 1);
    add_labels("n0", AFFINITY_KEYS_MAX);
    for (int i = 0; i < AFFINITY_KEYS_MAX; i++) {
        snprintf(keys[i], sizeof keys[i], "key-%d", i);
        write_about(&others[i], true, keys[i], "m");
        terms[i] = others[i].term;
    }
    struct world_pod first = {.uid = "g-0", .gang = "g", .minimum = 3, .gpus = 2, .rank = -1};
    world_fill_pod(&first, &event.pod, amounts);
    event.pod.labels = &label;
    event.pod.label_count = 1;
    event.pod.affinities = terms;
    event.pod.affinity_count = AFFINITY_KEYS_MAX;
    world_apply(&world, &event);
    write_about(&m, true, RACK, "x");
    tell("g-1", "g", 3, NULL, "x", &m);
    tell("g-2", "g", 3, NULL, "x", &m);
    ck_assert(!is_planned("g"));
}
END_TEST

/* More different members than are told apart: nobody's term is forgotten. Of the last two, and of
 * the one before that they are counted with, one gets a place, and so there are too few. */
START_TEST(many_kinds)
{
    struct about about;
    char value[32];
    int minimum = SOLVER_ROLES_MAX + 2;
    setup_racks(1, 20);
    for (int i = 0; i < AFFINITY_KINDS_MAX + 2; i++) {
        bool last = i >= AFFINITY_KINDS_MAX;
        snprintf(value, sizeof value, "v%d", i);
        write_about(&about, true, RACK, last ? "last" : value);
        tell(world_member("g", i), "g", minimum, NULL, last ? "last" : "m", &about);
    }
    ck_assert(!is_planned("g"));
    for (int i = 0; i < AFFINITY_KINDS_MAX + 2; i++) {
        bool last = i >= AFFINITY_KINDS_MAX;
        snprintf(value, sizeof value, "v%d", i);
        write_about(&about, true, RACK, last ? "last" : value);
        tell(world_member("h", i), "h", minimum - 2, NULL, last ? "last" : "n", &about);
    }
    ck_assert(is_planned("h"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/engine/affinity");
    TCase *tcase = tcase_create("affinity");
    tcase_add_checked_fixture(tcase, NULL, teardown);
    tcase_add_test(tcase, woken_by_one_who_goes);
    tcase_add_test(tcase, woken_by_another_label);
    tcase_add_test(tcase, near_one_that_others_bind);
    tcase_add_test(tcase, woken_by_one_who_comes);
    tcase_add_test(tcase, planned_ones_count);
    tcase_add_test(tcase, not_in_its_own_way);
    tcase_add_test(tcase, joiners);
    tcase_add_test(tcase, ordinary_pods_keep_off);
    tcase_add_test(tcase, ordinary_pods_without_a_domain);
    tcase_add_test(tcase, reasons);
    tcase_add_test(tcase, beyond_the_limit);
    tcase_add_test(tcase, many_keys);
    tcase_add_test(tcase, many_kinds);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
