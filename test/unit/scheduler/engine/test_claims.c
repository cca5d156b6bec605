// SPDX-License-Identifier: Apache-2.0
/* Pods that claim something of a node for themselves: a host port, or being alone of their kind.
 * Nodes n0, n1, … have 8 GPUs each; a member asks for 2.
 */
#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"

static struct world world;

static const struct claim_object port[] = {{"host port 80/TCP", true}};
static const struct claim_object other_port[] = {{"host port 81/TCP", true}};
static const struct claim_object address[] = {{"host port 80/TCP", false},
                                              {"host port 80/TCP of 10.0.0.1", true}};
static const struct claim_object other_address[] = {{"host port 80/TCP", false},
                                                    {"host port 80/TCP of 10.0.0.2", true}};

static void setup_nodes(int nodes)
{
    world_init(&world);
    world_racks(&world, 1, nodes);
    world_event(&world, EVENT_SYNCED);
}

static void teardown(void)
{
    world_finish(&world);
}

static void claim(const char *uid, const char *gang, int minimum, const char *node,
                  const struct claim_object *claims, size_t count)
{
    struct amount_object amounts[3];
    struct event event = {.type = EVENT_POD};
    struct world_pod pod = {
        .uid = uid, .gang = gang, .minimum = minimum, .gpus = 2, .node = node, .rank = -1};
    world_fill_pod(&pod, &event.pod, amounts);
    event.pod.claims = claims;
    event.pod.claim_count = count;
    world_apply(&world, &event);
}

static void claim_gang(const char *gang, int count, const struct claim_object *claims)
{
    for (int i = 0; i < count; i++) {
        claim(world_member(gang, i), gang, count, NULL, claims, 1);
    }
}

static int node_of(const char *gang, int index)
{
    const char *node = world_planned(&world, gang, index);
    return node[0] == '\0' ? -1 : world_number(node);
}

/* A member that keeps apart from its like by the rack. */
static void keep_apart(const char *uid, const char *node, bool more)
{
    static const char *const spaces[] = {"ns"}, *const values[] = {"a"};
    static const struct expression_object expression = {
        .key = "app", .operator= SELECTOR_IN, .values = values, .value_count = 1};
    static const struct affinity_object term = {.apart = true,
                                                .key = "topology.kubernetes.io/rack",
                                                .name_spaces = spaces,
                                                .name_space_count = 1,
                                                .expressions = &expression,
                                                .expression_count = 1};
    static const struct label_object label = {"app", "a"};
    struct amount_object amounts[3];
    struct event event = {.type = EVENT_POD, .more = more};
    struct world_pod pod = {
        .uid = uid, .gang = "g", .minimum = 1, .gpus = 2, .node = node, .rank = -1};
    world_fill_pod(&pod, &event.pod, amounts);
    event.pod.labels = &label;
    event.pod.label_count = 1;
    event.pod.affinities = &term;
    event.pod.affinity_count = 1;
    world_apply(&world, &event);
}

/* Of joiners that are planned one after the other, one sees where the one before it went. */
START_TEST(joiners_keep_apart_from_each_other)
{
    world_init(&world);
    world_racks(&world, 2, 2);
    world_event(&world, EVENT_SYNCED);
    keep_apart("g-0", "n0", false);
    keep_apart("g-1", NULL, true);
    keep_apart("g-2", NULL, false);
    ck_assert_int_ge(node_of("g", 1), 2);
    ck_assert_int_eq(node_of("g", 2), -1);
}
END_TEST

START_TEST(one_on_a_node)
{
    setup_nodes(4);
    claim_gang("g", 4, port);
    bool seen[4] = {false};
    for (int i = 0; i < 4; i++) {
        int node = node_of("g", i);
        ck_assert_int_ge(node, 0);
        ck_assert(!seen[node]);
        seen[node] = true;
    }
}
END_TEST

/* Two that do not compete share nodes. */
START_TEST(another_port_beside_it)
{
    setup_nodes(2);
    claim_gang("g", 2, port);
    claim_gang("h", 2, other_port);
    ck_assert_int_ge(node_of("h", 0), 0);
}
END_TEST

/* A pod does not exclude itself, in whatever order its ports are listed. */
START_TEST(all_addresses_and_one)
{
    static const struct claim_object both[] = {{"host port 80/TCP", true},
                                               {"host port 80/TCP", false},
                                               {"host port 80/TCP of 10.0.0.1", true}};
    setup_nodes(2);
    claim("g-0", "g", 2, NULL, both, 3);
    claim("g-1", "g", 2, NULL, both, 3);
    ck_assert_int_ge(node_of("g", 0), 0);
    ck_assert_int_ne(node_of("g", 0), node_of("g", 1));
}
END_TEST

/* Members of one gang with claims of their own: the leader's excludes the workers' nodes. */
START_TEST(roles_compete)
{
    setup_nodes(3);
    claim("g-0", "g", 3, NULL, port, 1);
    claim("g-1", "g", 3, NULL, address, 2);
    claim("g-2", "g", 3, NULL, other_address, 2);
    ck_assert_int_ge(node_of("g", 0), 0);
    ck_assert_int_ne(node_of("g", 0), node_of("g", 1));
    ck_assert_int_ne(node_of("g", 0), node_of("g", 2));
    ck_assert_int_eq(node_of("g", 1), node_of("g", 2)); /* other addresses: as close as can be */
}
END_TEST

START_TEST(too_few_nodes)
{
    setup_nodes(2);
    claim_gang("g", 4, port);
    ck_assert_str_eq(world_reason(&world, "g"),
                     "gang ns/g waits: cluster is short by 2 of 4 pods (2 fit, each needs "
                     "host port 80/TCP)");
    /* A node more is not enough, two are. */
    world_node(&world, "n2", "b0", "r0", 8);
    ck_assert_int_eq(node_of("g", 0), -1);
    world_node(&world, "n3", "b0", "r0", 8);
    ck_assert_int_ge(node_of("g", 0), 0);
}
END_TEST

/* Somebody without a gang has the port already: not there; and there when it is gone. */
START_TEST(taken_already)
{
    setup_nodes(2);
    claim("ordinary", NULL, 0, "n0", port, 1);
    claim_gang("g", 2, port);
    ck_assert_int_eq(node_of("g", 0), -1);
    world_pod_gone(&world, "ordinary");
    ck_assert_int_ge(node_of("g", 0), 0);
}
END_TEST

START_TEST(taken_by_another_gang)
{
    setup_nodes(2);
    claim_gang("g", 2, port);
    claim_gang("h", 2, port);
    ck_assert_str_eq(world_reason(&world, "h"),
                     "gang ns/h waits: cluster is short by 2 of 2 pods (0 fit); of its 2 nodes, 2 "
                     "nodes have a conflicting pod (host port 80/TCP); blocked by gang ns/g");
}
END_TEST

/* kube-scheduler does not know of a port that is held; the filter does. */
START_TEST(held_from_others)
{
    setup_nodes(2);
    claim_gang("g", 1, port);
    int held = node_of("g", 0);
    ck_assert_int_ge(held, 0);
    claim("same", NULL, 0, NULL, port, 1);
    claim("another", NULL, 0, NULL, other_port, 1);
    static const char *const nodes[] = {"n0", "n1", NULL};
    const struct filter_reply *reply = world_filter(&world, "same", NULL, nodes);
    ck_assert_int_eq(reply->verdict, FILTER_SOME);
    ck_assert(!reply->passes[held]);
    ck_assert(reply->passes[1 - held]);
    reply = world_filter(&world, "another", NULL, nodes);
    ck_assert(reply->verdict == FILTER_ALL || (reply->passes[0] && reply->passes[1]));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/engine: claims");
    TCase *tcase = tcase_create("claims");
    tcase_add_checked_fixture(tcase, NULL, teardown);
    tcase_add_test(tcase, joiners_keep_apart_from_each_other);
    tcase_add_test(tcase, one_on_a_node);
    tcase_add_test(tcase, another_port_beside_it);
    tcase_add_test(tcase, all_addresses_and_one);
    tcase_add_test(tcase, roles_compete);
    tcase_add_test(tcase, too_few_nodes);
    tcase_add_test(tcase, taken_already);
    tcase_add_test(tcase, taken_by_another_gang);
    tcase_add_test(tcase, held_from_others);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
