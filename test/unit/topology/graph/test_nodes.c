// SPDX-License-Identifier: Apache-2.0
#include "topology/graph/nodes.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "test/unit/check_main.h"
#include "test/unit/topology/random.h"

static uint32_t word(struct nodes *nodes, const char *text)
{
    return names_find(nodes_words(nodes), text, strlen(text));
}

static uint32_t find(const struct nodes *nodes, const char *name)
{
    return nodes_find(nodes, name, strlen(name));
}

static unsigned observe(struct nodes *nodes, const struct node_object *object)
{
    struct err err = {""};
    uint32_t row = NAMES_NONE;
    unsigned changes = 0;
    ck_assert_msg(nodes_observe(nodes, object, &row, &changes, &err) == 0, "%s", err.text);
    ck_assert_uint_eq(row, find(nodes, object->name));
    return changes;
}

static const struct label_object LABELS[] = {
    {"topology.kubernetes.io/zone", "z1"}, {"rack", "r1"}, {"gpu", ""}, {"rack", "r2"}};
static const struct amount_object ALLOCATABLE[] = {{"cpu", 64000},        {"memory", 1 << 30},
                                                   {"nvidia.com/gpu", 4}, {"nvidia.com/gpu", 8},
                                                   {"odd", -5},           {"none", 0}};
static const struct taint_object TAINTS[] = {{"gpu", "yes", TAINT_NO_SCHEDULE},
                                             {"old", NULL, TAINT_NO_EXECUTE},
                                             {"gpu", "no", TAINT_PREFER_NO_SCHEDULE}};

static struct node_object example(const char *name)
{
    return (struct node_object){.name = name,
                                .labels = LABELS,
                                .label_count = 4,
                                .allocatable = ALLOCATABLE,
                                .allocatable_count = 6,
                                .taints = TAINTS,
                                .taint_count = 3};
}

START_TEST(test_observe)
{
    struct nodes *nodes = nodes_create(1);
    struct node_object object = example("n1");
    ck_assert_uint_eq(observe(nodes, &object),
                      NODE_ADDED | NODE_LABELS | NODE_ALLOCATABLE | NODE_ADMISSION);
    uint32_t row = find(nodes, "n1");
    ck_assert_str_eq(nodes_name(nodes, row), "n1");
    const struct node *node = nodes_get(nodes, row);
    ck_assert(node->present);
    ck_assert(!node->unschedulable);
    ck_assert_uint_eq(nodes_present(nodes), 1);
    ck_assert_uint_eq(nodes_rows(nodes), 1);
    /* The last of two equal keys counts. */
    ck_assert_uint_eq(node->label_count, 3);
    for (uint32_t i = 1; i < node->label_count; i++) {
        ck_assert_uint_lt(node->labels[i - 1].key, node->labels[i].key);
    }
    ck_assert_uint_eq(nodes_label(nodes, row, word(nodes, "rack")), word(nodes, "r2"));
    ck_assert_uint_eq(nodes_label(nodes, row, word(nodes, "gpu")), word(nodes, ""));
    ck_assert_uint_eq(nodes_label(nodes, row, word(nodes, "r1")), NAMES_NONE);
    ck_assert_uint_eq(nodes_label(nodes, row, NAMES_NONE), NAMES_NONE);
    ck_assert_uint_eq(node->allocatable.count, 3);
    ck_assert_int_eq(resources_get(&node->allocatable, word(nodes, "cpu")), 64000);
    ck_assert_int_eq(resources_get(&node->allocatable, word(nodes, "nvidia.com/gpu")), 8);
    ck_assert_int_eq(resources_get(&node->allocatable, word(nodes, "odd")), 0);
    ck_assert_uint_eq(node->taint_count, 3);
    bool found = false;
    for (uint32_t i = 0; i < 3; i++) {
        found = found || (node->taints[i].key == word(nodes, "old") &&
                          node->taints[i].value == word(nodes, "") &&
                          node->taints[i].effect == TAINT_NO_EXECUTE);
    }
    ck_assert(found);
    nodes_destroy(nodes);
    nodes_destroy(NULL);
}
END_TEST

START_TEST(test_changes)
{
    struct nodes *nodes = nodes_create(1);
    struct node_object object = example("n1");
    observe(nodes, &object);
    ck_assert_uint_eq(observe(nodes, &object), NODE_UNCHANGED);

    /* Order does not matter, but who comes last among equal keys does. */
    struct label_object labels[] = {LABELS[3], LABELS[2], LABELS[0]};
    object.labels = labels;
    object.label_count = 3;
    struct taint_object taints[] = {TAINTS[2], TAINTS[1], TAINTS[0]};
    object.taints = taints;
    ck_assert_uint_eq(observe(nodes, &object), NODE_UNCHANGED);
    labels[0].value = "r3";
    ck_assert_uint_eq(observe(nodes, &object), NODE_LABELS);
    object.label_count = 1;
    ck_assert_uint_eq(observe(nodes, &object), NODE_LABELS);
    object.label_count = 0;
    ck_assert_uint_eq(observe(nodes, &object), NODE_LABELS);
    ck_assert_uint_eq(observe(nodes, &object), NODE_UNCHANGED);

    taints[0].effect = TAINT_NO_EXECUTE;
    ck_assert_uint_eq(observe(nodes, &object), NODE_ADMISSION);
    taints[0].value = "other";
    ck_assert_uint_eq(observe(nodes, &object), NODE_ADMISSION);
    taints[0].key = "other";
    ck_assert_uint_eq(observe(nodes, &object), NODE_ADMISSION);
    object.taint_count = 0;
    ck_assert_uint_eq(observe(nodes, &object), NODE_ADMISSION);
    object.unschedulable = true;
    ck_assert_uint_eq(observe(nodes, &object), NODE_ADMISSION);
    ck_assert(nodes_get(nodes, 0)->unschedulable);

    object.allocatable_count = 2;
    ck_assert_uint_eq(observe(nodes, &object), NODE_ALLOCATABLE);
    object.allocatable_count = 4;
    object.label_count = 2;
    object.unschedulable = false;
    ck_assert_uint_eq(observe(nodes, &object), NODE_ALLOCATABLE | NODE_LABELS | NODE_ADMISSION);
    ck_assert_uint_eq(observe(nodes, &object), NODE_UNCHANGED);
    nodes_destroy(nodes);
}
END_TEST

static unsigned observe_labels(struct nodes *nodes, const struct label_object *labels, size_t count)
{
    return observe(nodes,
                   &(struct node_object){.name = "n1", .labels = labels, .label_count = count});
}

/* Only keys that were marked say where a node stands, wherever they lie among the others. */
START_TEST(test_place)
{
    struct nodes *nodes = nodes_create(1);
    ck_assert_uint_eq(word(nodes, "a"), NAMES_NONE);
    struct label_object labels[] = {{"a", "1"}, {"rack", "r1"}, {"b", "1"}, {"zone", "z"}};
    ck_assert_uint_eq(observe_labels(nodes, labels, 4), NODE_ADDED | NODE_LABELS);
    uint32_t rack = nodes_mark_place(nodes, "rack");
    ck_assert_uint_eq(rack, word(nodes, "rack"));
    ck_assert_uint_eq(nodes_mark_place(nodes, "rack"), rack);
    uint32_t late = nodes_mark_place(nodes, "late");
    ck_assert_uint_ne(late, NAMES_NONE);
    size_t words = names_count(nodes_words(nodes));
    ck_assert_uint_eq(observe_labels(nodes, labels, 4), NODE_UNCHANGED);
    labels[0].value = labels[2].value = labels[3].value = "2";
    ck_assert_uint_eq(observe_labels(nodes, labels, 4), NODE_LABELS);
    labels[1].value = "r2";
    ck_assert_uint_eq(observe_labels(nodes, labels, 4), NODE_LABELS | NODE_PLACE);
    labels[0].key = "c"; /* goes, and comes last */
    labels[3].key = "d";
    ck_assert_uint_eq(observe_labels(nodes, labels, 4), NODE_LABELS);
    ck_assert_uint_eq(observe_labels(nodes, labels, 2), NODE_LABELS);
    ck_assert_uint_eq(observe_labels(nodes, labels, 1), NODE_LABELS | NODE_PLACE);
    labels[0] = (struct label_object){"late", ""};
    ck_assert_uint_eq(observe_labels(nodes, labels, 1), NODE_LABELS | NODE_PLACE);
    ck_assert_uint_eq(observe_labels(nodes, labels, 0), NODE_LABELS | NODE_PLACE);
    /* A node that comes with one, too. */
    ck_assert_uint_eq(nodes_remove(nodes, "n1"), 0);
    ck_assert_uint_eq(observe_labels(nodes, labels, 1), NODE_ADDED | NODE_LABELS | NODE_PLACE);
    /* The keys stay, and no others. */
    ck_assert_uint_eq(nodes_remove(nodes, "n1"), 0);
    ck_assert_uint_eq(names_count(nodes_words(nodes)), 2);
    ck_assert_uint_lt(2, words);
    nodes_destroy(nodes);
}
END_TEST

START_TEST(test_remove_and_return)
{
    struct nodes *nodes = nodes_create(1);
    struct node_object object = example("n1");
    struct node_object other = example("n2");
    observe(nodes, &object);
    observe(nodes, &other);
    ck_assert_uint_eq(nodes_remove(nodes, "n1"), 0);
    ck_assert_uint_eq(nodes_remove(nodes, "n1"), NAMES_NONE);
    ck_assert_uint_eq(nodes_remove(nodes, "n3"), NAMES_NONE);
    ck_assert_uint_eq(nodes_present(nodes), 1);
    ck_assert_uint_eq(nodes_rows(nodes), 2);
    ck_assert_uint_eq(find(nodes, "n1"), 0);
    ck_assert(!nodes_get(nodes, 0)->present);
    /* It is empty, and when it comes back everything about it is new. */
    ck_assert_uint_eq(nodes_label(nodes, 0, word(nodes, "rack")), NAMES_NONE);
    ck_assert_uint_eq(nodes_get(nodes, 0)->taint_count, 0);
    ck_assert_uint_eq(nodes_get(nodes, 0)->allocatable.count, 0);
    ck_assert_uint_eq(observe(nodes, &object),
                      NODE_ADDED | NODE_LABELS | NODE_ALLOCATABLE | NODE_ADMISSION);
    ck_assert_uint_eq(nodes_label(nodes, 0, word(nodes, "rack")), word(nodes, "r2"));
    ck_assert_uint_eq(nodes_present(nodes), 2);
    ck_assert_uint_eq(nodes_remove(nodes, "n1"), 0);
    object = (struct node_object){.name = "n1", .unschedulable = true};
    ck_assert_uint_eq(observe(nodes, &object), NODE_ADDED | NODE_ADMISSION);
    ck_assert_uint_eq(nodes_remove(nodes, "n1"), 0);
    ck_assert(!nodes_get(nodes, 0)->unschedulable);
    nodes_destroy(nodes);
}
END_TEST

START_TEST(test_reserve)
{
    struct nodes *nodes = nodes_create(1);
    ck_assert_uint_eq(nodes_reserve(nodes, "later"), 0);
    ck_assert_uint_eq(nodes_reserve(nodes, "later"), 0);
    ck_assert_uint_eq(nodes_rows(nodes), 1);
    ck_assert_uint_eq(nodes_present(nodes), 0);
    ck_assert(!nodes_get(nodes, 0)->present);
    ck_assert_uint_eq(nodes_remove(nodes, "later"), NAMES_NONE);
    struct node_object object = {.name = "later"};
    ck_assert_uint_eq(observe(nodes, &object), NODE_ADDED);
    ck_assert_uint_eq(nodes_present(nodes), 1);
    nodes_destroy(nodes);
}
END_TEST

/* A refused object names its node and leaves everything as it was. */
START_TEST(test_limits)
{
    static struct label_object labels[NODE_LABELS_MAX + 1];
    static struct taint_object taints[NODE_TAINTS_MAX + 1];
    static struct amount_object amounts[RESOURCES_MAX + 1];
    static char texts[NODE_LABELS_MAX + 1][8];
    for (int i = 0; i <= NODE_LABELS_MAX; i++) {
        (void)snprintf(texts[i], sizeof texts[i], "w%d", i);
        labels[i] = (struct label_object){texts[i], "v"};
        if (i <= NODE_TAINTS_MAX) {
            taints[i] = (struct taint_object){texts[i], "v", TAINT_NO_SCHEDULE};
        }
        if (i <= RESOURCES_MAX) {
            amounts[i] = (struct amount_object){texts[i], 1};
        }
    }
    struct nodes *nodes = nodes_create(1);
    struct node_object full = {.name = "n1",
                               .labels = labels,
                               .label_count = NODE_LABELS_MAX,
                               .taints = taints,
                               .taint_count = NODE_TAINTS_MAX,
                               .allocatable = amounts,
                               .allocatable_count = RESOURCES_MAX};
    observe(nodes, &full);
    ck_assert_uint_eq(nodes_get(nodes, 0)->label_count, NODE_LABELS_MAX);
    struct node_object over[3] = {full, full, full};
    over[0].label_count++;
    over[1].taint_count++;
    over[2].allocatable_count++;
    static const char *const parts[] = {"513 labels", "65 taints", "65 allocatable resources"};
    for (int i = 0; i < 3; i++) {
        for (int known = 0; known < 2; known++) {
            struct err err = {""};
            uint32_t row = 77;
            unsigned changes = 77;
            over[i].name = known ? "n1" : "n2";
            ck_assert_int_eq(nodes_observe(nodes, &over[i], &row, &changes, &err), -1);
            ck_assert_ptr_nonnull(strstr(err.text, parts[i]));
            ck_assert_ptr_nonnull(strstr(err.text, known ? "\"n1\"" : "\"n2\""));
            ck_assert_uint_eq(row, 77);
            ck_assert_uint_eq(changes, 77);
        }
    }
    ck_assert_uint_eq(nodes_rows(nodes), 1);
    ck_assert_uint_eq(observe(nodes, &full), NODE_UNCHANGED);
    nodes_destroy(nodes);
}
END_TEST

START_TEST(test_names)
{
    static char longest[NAMES_LENGTH_MAX + 2];
    memset(longest, 'n', sizeof longest - 1);
    struct nodes *nodes = nodes_create(1);
    const char *refused[] = {NULL, "", longest};
    for (int i = 0; i < 3; i++) {
        struct node_object object = {.name = refused[i]};
        struct err err = {""};
        uint32_t row = 0;
        unsigned changes = 0;
        ck_assert_int_eq(nodes_observe(nodes, &object, &row, &changes, &err), -1);
        ck_assert_ptr_nonnull(strstr(err.text, "name"));
    }
    ck_assert_uint_eq(nodes_reserve(nodes, longest), NAMES_NONE);
    ck_assert_uint_eq(nodes_rows(nodes), 0);
    nodes_destroy(nodes);
}
END_TEST

/* A word that the vocabulary cannot take gives up the object, not the table. */
START_TEST(test_words)
{
    static char longest[NAMES_LENGTH_MAX + 2];
    memset(longest, 'w', sizeof longest - 1);
    struct label_object labels[] = {{"key", longest}};
    struct taint_object taints[] = {{longest, "", TAINT_NO_SCHEDULE}};
    struct amount_object amounts[] = {{longest, 1}};
    struct node_object objects[] = {
        {.name = "n1", .labels = labels, .label_count = 1},
        {.name = "n1", .taints = taints, .taint_count = 1},
        {.name = "n1", .allocatable = amounts, .allocatable_count = 1},
    };
    struct nodes *nodes = nodes_create(1);
    for (int i = 0; i < 3; i++) {
        struct err err = {""};
        uint32_t row = 0;
        unsigned changes = 0;
        ck_assert_int_eq(nodes_observe(nodes, &objects[i], &row, &changes, &err), -1);
        ck_assert_ptr_nonnull(strstr(err.text, "node \"n1\""));
    }
    ck_assert_uint_eq(nodes_rows(nodes), 0);
    nodes_destroy(nodes);
}
END_TEST

/* Pointers to rows survive growth; the vocabulary is shared. */
START_TEST(test_many)
{
    struct nodes *nodes = nodes_create(1);
    struct node_object object = example("n0");
    observe(nodes, &object);
    const struct node *first = nodes_get(nodes, 0);
    char name[16];
    for (uint32_t i = 1; i < 5000; i++) {
        (void)snprintf(name, sizeof name, "n%u", i);
        object.name = name;
        observe(nodes, &object);
    }
    ck_assert_ptr_eq(nodes_get(nodes, 0), first);
    ck_assert_uint_eq(nodes_present(nodes), 5000);
    ck_assert_uint_eq(find(nodes, "n4321"), 4321);
    ck_assert_str_eq(nodes_name(nodes, 4321), "n4321");
    ck_assert_uint_lt(names_count(nodes_words(nodes)), 30);
    uint32_t id = names_intern(nodes_vocabulary(nodes), "from a pod", 10);
    ck_assert_uint_eq(word(nodes, "from a pod"), id);
    nodes_destroy(nodes);
}
END_TEST

START_TEST(test_table_full)
{
    struct nodes *nodes = nodes_create(1);
    char name[16];
    for (uint32_t i = 0; i < NODES_MAX; i++) {
        (void)snprintf(name, sizeof name, "n%u", i);
        if (nodes_reserve(nodes, name) != i) {
            ck_abort_msg("no row %u", i);
        }
    }
    ck_assert_uint_eq(nodes_reserve(nodes, "more"), NAMES_NONE);
    struct node_object object = {.name = "more"};
    struct err err = {""};
    uint32_t row = 0;
    unsigned changes = 0;
    ck_assert_int_eq(nodes_observe(nodes, &object, &row, &changes, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "\"more\""));
    ck_assert_uint_eq(nodes_rows(nodes), NODES_MAX);
    object.name = "n12";
    ck_assert_uint_eq(observe(nodes, &object), NODE_ADDED);
    nodes_destroy(nodes);
}
END_TEST

/* Label values that change for ever, as heartbeats and build numbers do, leave the vocabulary as it
 * was: what no node carries any more is forgotten. */
START_TEST(test_ever_changing_values)
{
    struct nodes *nodes = nodes_create(1);
    char value[32];
    struct label_object labels[] = {{"rack", "r1"}, {"heartbeat", value}};
    struct taint_object taints[] = {{"seen", value, TAINT_NO_SCHEDULE}};
    struct amount_object amounts[] = {{"cpu", 1000}, {value, 1}};
    struct node_object object = {.name = "n1",
                                 .labels = labels,
                                 .label_count = 2,
                                 .allocatable = amounts,
                                 .allocatable_count = 2,
                                 .taints = taints,
                                 .taint_count = 1};
    for (uint32_t i = 0; i < 200000; i++) {
        (void)snprintf(value, sizeof value, "value-%u", i);
        observe(nodes, &object);
    }
    ck_assert_uint_eq(names_count(nodes_words(nodes)), 6);
    ck_assert_uint_eq(word(nodes, "value-0"), NAMES_NONE);
    ck_assert_uint_ne(word(nodes, "value-199999"), NAMES_NONE);
    nodes_destroy(nodes);
}
END_TEST

/* Nodes that come with a value of their own and go take their words along. */
START_TEST(test_words_go_with_their_node)
{
    struct nodes *nodes = nodes_create(1);
    for (int i = 0; i < 1000; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "n%d", i);
        struct label_object labels[] = {{"kubernetes.io/hostname", name}};
        observe(nodes, &(struct node_object){.name = name, .labels = labels, .label_count = 1});
        ck_assert_uint_eq(nodes_remove(nodes, name), i);
        ck_assert_uint_eq(names_count(nodes_words(nodes)), 0);
    }
    nodes_destroy(nodes);
}
END_TEST

enum { RANDOM_WORDS = 24, RANDOM_NODES = 6 };

struct random_object {
    struct node_object object;
    struct label_object labels[8];
    struct taint_object taints[5];
    struct amount_object amounts[6];
};

/* Seldom one that is refused, so that objects fail at any of their words. */
static const char *random_text(struct random *random)
{
    static char words[RANDOM_WORDS][8];
    static char longest[NAMES_LENGTH_MAX + 2];
    uint32_t number = random_below(random, RANDOM_WORDS);
    if (random_below(random, 60) == 0) {
        memset(longest, 'w', sizeof longest - 1);
        return longest;
    }
    (void)snprintf(words[number], sizeof words[number], "w%u", number);
    return words[number];
}

static void randomize(struct random_object *made, struct random *random)
{
    static const char *const names[RANDOM_NODES] = {"n0", "n1", "n2", "n3", "n4", "n5"};
    made->object = (struct node_object){.name = names[random_below(random, RANDOM_NODES)],
                                        .labels = made->labels,
                                        .label_count = random_below(random, 9),
                                        .allocatable = made->amounts,
                                        .allocatable_count = random_below(random, 7),
                                        .taints = made->taints,
                                        .taint_count = random_below(random, 6),
                                        .unschedulable = random_below(random, 2) == 0};
    for (size_t i = 0; i < made->object.label_count; i++) {
        made->labels[i] = (struct label_object){random_text(random), random_text(random)};
    }
    for (size_t i = 0; i < made->object.taint_count; i++) {
        made->taints[i] = (struct taint_object){random_text(random), random_text(random),
                                                random_below(random, 3)};
    }
    for (size_t i = 0; i < made->object.allocatable_count; i++) {
        int64_t amount = (int64_t)random_below(random, 4) - 1;
        made->amounts[i] = (struct amount_object){random_text(random), amount};
    }
}

/* How many words the rows carry, each counted once. */
static size_t count_carried(const struct nodes *nodes)
{
    bool carried[RANDOM_WORDS] = {false};
    size_t count = 0;
    for (uint32_t row = 0; row < nodes_rows(nodes); row++) {
        const struct node *node = nodes_get(nodes, row);
        for (uint32_t i = 0; i < node->label_count; i++) {
            carried[node->labels[i].key] = true;
            carried[node->labels[i].value] = true;
        }
        for (uint32_t i = 0; i < node->taint_count; i++) {
            carried[node->taints[i].key] = true;
            carried[node->taints[i].value] = true;
        }
        for (uint32_t i = 0; i < node->allocatable.count; i++) {
            carried[node->allocatable.items[i].name] = true;
        }
    }
    for (int i = 0; i < RANDOM_WORDS; i++) {
        count += carried[i];
    }
    return count;
}

/* The vocabulary is what the present nodes carry, whatever came, was refused or went before. */
START_TEST(test_vocabulary_is_what_is_carried)
{
    struct random random = {(uint64_t)_i};
    struct nodes *nodes = nodes_create(1);
    uint32_t refused = 0;
    for (int step = 0; step < 2000; step++) {
        struct random_object made;
        uint32_t row = 0;
        unsigned changes = 0;
        randomize(&made, &random);
        if (random_below(&random, 6) == 0) {
            (void)nodes_remove(nodes, made.object.name);
        } else {
            refused += nodes_observe(nodes, &made.object, &row, &changes, NULL) != 0;
        }
        ck_assert_uint_eq(names_count(nodes_words(nodes)), count_carried(nodes));
    }
    ck_assert_uint_gt(refused, 100);
    for (uint32_t row = 0; row < nodes_rows(nodes); row++) {
        (void)nodes_remove(nodes, nodes_name(nodes, row));
    }
    ck_assert_uint_eq(names_count(nodes_words(nodes)), 0);
    nodes_destroy(nodes);
}
END_TEST

/* NODE_PLACE is told exactly when the value of a key that was marked differs. */
START_TEST(test_place_of_random_labels)
{
    static const char *const keys[] = {"w3", "w7", "w8", "w20"};
    struct random random = {(uint64_t)_i};
    struct nodes *nodes = nodes_create(1);
    uint32_t ids[4];
    uint32_t places = 0;
    for (uint32_t i = 0; i < RANDOM_WORDS; i++) { /* so that marked keys lie among the others */
        char text[8];
        int length = snprintf(text, sizeof text, "w%u", i);
        ck_assert_uint_eq(names_intern(nodes_vocabulary(nodes), text, (size_t)length), i);
    }
    for (int k = 0; k < 4; k++) {
        ids[k] = nodes_mark_place(nodes, keys[k]);
    }
    uint32_t row = nodes_reserve(nodes, "n0");
    for (int step = 0; step < 2000; step++) {
        struct random_object made;
        unsigned changes = 0;
        uint32_t before[4];
        bool differs = false;
        for (int k = 0; k < 4; k++) {
            before[k] = nodes_label(nodes, row, ids[k]);
        }
        randomize(&made, &random);
        made.object.name = "n0";
        if (nodes_observe(nodes, &made.object, &row, &changes, NULL) != 0) {
            continue;
        }
        for (int k = 0; k < 4; k++) {
            differs = differs || nodes_label(nodes, row, ids[k]) != before[k];
        }
        ck_assert_int_eq((changes & NODE_PLACE) != 0, differs);
        places += differs;
    }
    ck_assert_uint_gt(places, 500);
    nodes_destroy(nodes);
}
END_TEST

START_TEST(test_unknown_row_aborts)
{
    struct nodes *nodes = nodes_create(1);
    (void)nodes_get(nodes, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("topology/graph/nodes");
    TCase *tcase = tcase_create("nodes");
    tcase_add_test(tcase, test_observe);
    tcase_add_test(tcase, test_changes);
    tcase_add_test(tcase, test_place);
    tcase_add_test(tcase, test_remove_and_return);
    tcase_add_test(tcase, test_reserve);
    tcase_add_test(tcase, test_limits);
    tcase_add_test(tcase, test_names);
    tcase_add_test(tcase, test_words);
    tcase_add_test(tcase, test_many);
    tcase_add_test(tcase, test_table_full);
    tcase_add_test(tcase, test_ever_changing_values);
    tcase_add_test(tcase, test_words_go_with_their_node);
    tcase_add_loop_test(tcase, test_vocabulary_is_what_is_carried, 0, 10);
    tcase_add_loop_test(tcase, test_place_of_random_labels, 0, 5);
    tcase_add_test_raise_signal(tcase, test_unknown_row_aborts, SIGABRT);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
