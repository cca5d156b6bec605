// SPDX-License-Identifier: Apache-2.0
/* Who has how much of a resource where, and which gangs have most of it, against a walk over all
 * pods: domains small and great, nodes that are not in the tree, pods without a gang. */
#include "scheduler/state/occupants.h"

#include <signal.h>

#include "test/unit/check_main.h"
#include "test/unit/scheduler/state/books.h"
#include "test/unit/topology/random.h"

#define NODES 64 /* four in a rack: a rack is small, a block of 32 is not */
#define GANGS 9
#define PODS  220

struct model {
    struct books books;
    struct random random;
    struct gangs gangs;
    struct gang *gang[GANGS];
    struct pod *pods[PODS];
    uint32_t rows[NODES + 1];
    struct occupants occupants;
};

static void add_node(struct model *model, uint32_t index)
{
    char name[16], rack[16], block[16];
    snprintf(name, sizeof(name), "n%02u", index);
    snprintf(rack, sizeof(rack), "r%02u", index / 4);
    snprintf(block, sizeof(block), "b%u", index / 32);
    struct label_object labels[] = {{"topology.kubernetes.io/rack", rack},
                                    {"topology.kubernetes.io/block", block}};
    struct amount_object amounts[] = {{"cpu", 64000}, {"nvidia.com/gpu", 8}};
    struct node_object object = {.name = name,
                                 .labels = labels,
                                 .label_count = 2,
                                 .allocatable = amounts,
                                 .allocatable_count = 2};
    model->rows[index] = books_observe(&model->books, &object);
}

static void setup(struct model *model, uint64_t seed)
{
    static const char *const names[GANGS] = {"e", "b", "a", "i", "c", "h", "d", "g", "f"};
    memset(model, 0, sizeof(*model));
    model->random.state = seed;
    books_init(&model->books);
    gangs_init(&model->gangs);
    for (uint32_t i = 0; i < NODES; i++) {
        add_node(model, i);
    }
    model->rows[NODES] = nodes_reserve(model->books.nodes, "ghost");
    books_build(&model->books);
    for (int i = 0; i < GANGS; i++) {
        model->gang[i] = gangs_get(&model->gangs, "ns", names[i]);
    }
    for (int i = 0; i < PODS; i++) {
        char uid[8];
        snprintf(uid, sizeof(uid), "p%d", i);
        model->pods[i] = books_pod(&model->books, uid, 100 * random_below(&model->random, 3),
                                   random_below(&model->random, 3));
        uint32_t gang = random_below(&model->random, GANGS + 3);
        if (gang < GANGS) {
            ck_assert_int_eq(gang_join(model->gang[gang], model->pods[i]), 0);
        }
    }
    model->occupants = (struct occupants){.gangs = &model->gangs,
                                          .pods = model->books.pods,
                                          .shapes = model->books.shapes,
                                          .domains = model->books.domains};
}

static void teardown(struct model *model)
{
    for (int i = 0; i < PODS; i++) {
        if (model->pods[i]->gang != NULL) {
            gang_leave(model->pods[i]->gang, model->pods[i]);
        }
    }
    gangs_finish(&model->gangs);
    books_finish(&model->books);
}

static int64_t amount_of(const struct model *model, const struct gang *gang, uint32_t domain,
                         uint32_t resource)
{
    const struct domain *range = domains_get(model->books.domains, domain);
    int64_t sum = 0;
    for (int i = 0; i < PODS; i++) {
        const struct pod *pod = model->pods[i];
        uint32_t position = !pods_placed(pod)
                                ? DOMAINS_NONE
                                : domains_position(model->books.domains, pod->allocation_row);
        bool inside = position != DOMAINS_NONE && position >= range->first && position < range->end;
        bool counts_gone = gang == NULL && domain == 0 && pods_placed(pod);
        if (pod->gang == gang && (inside || counts_gone)) {
            sum += resources_get(shapes_request(model->books.shapes, pod->shape), resource);
        }
    }
    return sum;
}

static void check(struct model *model)
{
    uint32_t domain = random_below(&model->random, 2) == 0
                          ? random_below(&model->random, domains_count(model->books.domains))
                          : random_below(&model->random, 2);
    uint32_t resource = books_word(&model->books, "nvidia.com/gpu");
    const struct gang *except = model->gang[random_below(&model->random, GANGS)];
    uint32_t most = 1 + random_below(&model->random, 4);
    struct occupant found[4];
    __int128 ordinary = -1;
    uint32_t count =
        occupants_greatest(&model->occupants, except, domain, resource, found, most, &ordinary);
    ck_assert_int_eq(ordinary, amount_of(model, NULL, domain, resource));
    bool taken[GANGS] = {false};
    for (uint32_t i = 0; i < most; i++) {
        int best = -1; /* the greatest that was not told yet, the first of equals by name */
        int64_t amount = 0;
        for (uint32_t g = 0; g < GANGS; g++) {
            const struct gang *gang = model->gangs.items[g];
            int64_t has = amount_of(model, gang, domain, resource);
            ck_assert_int_eq(occupants_amount(&model->occupants, gang, domain, resource), has);
            if (gang != except && !taken[g] && has > amount) {
                best = (int)g;
                amount = has;
            }
        }
        if (best < 0) {
            ck_assert_uint_eq(count, i);
            return;
        }
        taken[best] = true;
        ck_assert_uint_lt(i, count);
        ck_assert_ptr_eq(found[i].gang, model->gangs.items[best]);
        ck_assert_int_eq(found[i].amount, amount);
    }
    ck_assert_uint_eq(count, most);
}

START_TEST(test_against_a_walk)
{
    static struct model model;
    setup(&model, (uint64_t)_i + 31);
    for (int step = 0; step < 1200; step++) {
        struct pod *pod = model.pods[random_below(&model.random, PODS)];
        uint32_t node = random_below(&model.random, NODES + 1);
        if (pods_placed(pod) && random_below(&model.random, 4) > 0) {
            pods_release(model.books.pods, pod);
        } else if (pod->phase == MEMBER_HELD) {
            pods_vote(model.books.pods, pod);
            pods_commit(model.books.pods, pod);
        } else if (!pods_placed(pod) && random_below(&model.random, 2) == 0) {
            pods_bind(model.books.pods, pod, model.rows[node]);
        } else if (!pods_placed(pod)) {
            pods_hold(model.books.pods, pod, model.rows[node], 0);
        }
        if (random_below(&model.random, 50) == 0) {
            node = random_below(&model.random, NODES);
            if (nodes_remove(model.books.nodes, nodes_name(model.books.nodes, model.rows[node])) ==
                NAMES_NONE) {
                add_node(&model, node);
            } else {
                ledger_node_changed(model.books.ledger, model.rows[node]);
            }
            books_build(&model.books);
        }
        check(&model);
    }
    teardown(&model);
}
END_TEST

START_TEST(test_mistakes_abort)
{
    static struct model model;
    struct occupant found;
    __int128 ordinary;
    setup(&model, 1);
    (void)occupants_greatest(&model.occupants, NULL, 0, 0, &found, 0, &ordinary);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/state/occupants");
    TCase *tcase = tcase_create("occupants");
    tcase_add_loop_test(tcase, test_against_a_walk, 0, 4);
    tcase_add_test_raise_signal(tcase, test_mistakes_abort, SIGABRT);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
