// SPDX-License-Identifier: Apache-2.0
/* The domain tree of random clusters against a naive model, which knows nothing but the nodes'
 * labels as texts: who stands where, who shares what with whom, and that the order of arrival does
 * not matter. */
#include "topology/graph/domains.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "test/unit/check_main.h"
#include "test/unit/topology/random.h"

struct world {
    struct nodes *nodes;
    struct domains *domains;
};

static void destroy_world(struct world *world)
{
    domains_destroy(world->domains);
    nodes_destroy(world->nodes);
}

static void observe(struct nodes *nodes, const struct node_object *object)
{
    struct err err = {""};
    uint32_t row = 0;
    unsigned changes = 0;
    ck_assert_msg(nodes_observe(nodes, object, &row, &changes, &err) == 0, "%s", err.text);
}

#define MODEL_NODES  60
#define MODEL_LEVELS 4

struct model_node {
    char name[16];
    bool present;
    const char *values[MODEL_LEVELS]; /* NULL: no label */
    bool old_key[MODEL_LEVELS];
    bool known[MODEL_LEVELS]; /* by configured level: whether its domain there is a known one */
};

struct model {
    uint32_t count;
    uint32_t configured;
    uint32_t carried; /* levels that some present node has */
    uint32_t level[MODEL_LEVELS];
    struct model_node nodes[MODEL_NODES];
    /* Present nodes in the order of positions, by plain comparison of texts. */
    uint32_t sorted_count;
    const struct model_node *sorted[MODEL_NODES];
};

/* The labels of one of three places whose names say where they are. The first lacks level 1, the
 * second levels 1 and 2, the third none, but for few exceptions: each makes names ambiguous. */
static void randomize_place(struct model *model, struct model_node *node, struct random *random)
{
    static const char *const names[][3] = {
        {"w0", "w0", "w2"}, {"x0", "x1", "x2"}, {"y0", "y1", "y2"}, {"z0", "z1", "z2"}};
    static_assert(sizeof names / sizeof names[0] == MODEL_LEVELS, "names for each level");
    uint32_t place = random_below(random, 3);
    for (uint32_t l = 0; l < model->configured; l++) {
        bool left_out = (place == 0 && l == 1) || (place == 1 && (l == 1 || l == 2));
        left_out = left_out != (random_below(random, 64) == 0);
        node->values[l] = left_out ? NULL : names[l][place];
        node->old_key[l] = false;
    }
}

/* Any of a few values, which occur everywhere. */
static void randomize_labels(struct model *model, struct model_node *node, struct random *random)
{
    static const char *const values[] = {"a", "b", "aa", "B"};
    uint32_t missing = random_below(random, 8);
    for (uint32_t l = 0; l < model->configured; l++) {
        node->values[l] =
            random_below(random, 8) < missing ? NULL : values[random_below(random, 4)];
        node->old_key[l] = random_below(random, 4) == 0;
    }
}

static void randomize_node(struct model *model, struct model_node *node, struct random *random)
{
    if (random_below(random, 2) == 0) {
        randomize_place(model, node, random);
    } else {
        randomize_labels(model, node, random);
    }
    node->present = random_below(random, 10) != 0;
}

/* Values of one level, by text, then by key; none, or one of an unknown domain, comes last. */
static int compare_values(const struct model_node *a, const struct model_node *b, uint32_t l)
{
    if (!a->known[l] || !b->known[l]) {
        return (int)!a->known[l] - (int)!b->known[l];
    }
    int order = strcmp(a->values[l], b->values[l]);
    return order != 0 ? order : (int)a->old_key[l] - (int)b->old_key[l];
}

static int compare_model_nodes(const struct model *model, const struct model_node *a,
                               const struct model_node *b)
{
    for (uint32_t l = 0; l < model->carried; l++) {
        int order = compare_values(a, b, model->level[l]);
        if (order != 0) {
            return order;
        }
    }
    return strcmp(a->name, b->name);
}

static bool same_label(const struct model_node *a, const struct model_node *b, uint32_t l)
{
    if (a->values[l] == NULL || b->values[l] == NULL) {
        return a->values[l] == b->values[l];
    }
    return strcmp(a->values[l], b->values[l]) == 0 && a->old_key[l] == b->old_key[l];
}

/* Whether all who carry the node's label of this level carry its labels above, too. */
static bool is_anchor(const struct model *model, const struct model_node *node, uint32_t l)
{
    for (uint32_t i = 0; i < model->count; i++) {
        const struct model_node *other = &model->nodes[i];
        for (uint32_t above = 0; above < l; above++) {
            if (other->present && same_label(other, node, l) && !same_label(other, node, above)) {
                return false;
            }
        }
    }
    return true;
}

/* Known: labelled, and below a missing label only at or below an anchor. */
static void find_known(const struct model *model, struct model_node *node)
{
    bool below_missing = false;
    for (uint32_t l = 0; l < model->configured; l++) {
        bool carried = false;
        for (uint32_t i = 0; i < model->count; i++) {
            carried = carried || (model->nodes[i].present && model->nodes[i].values[l] != NULL);
        }
        if (!carried) {
            node->known[l] = false;
            continue;
        }
        node->known[l] = node->values[l] != NULL && (!below_missing || is_anchor(model, node, l));
        below_missing = !node->known[l];
    }
}

static void sort_model(struct model *model)
{
    model->carried = 0;
    for (uint32_t l = 0; l < model->configured; l++) {
        bool carried = false;
        for (uint32_t i = 0; i < model->count; i++) {
            carried = carried || (model->nodes[i].present && model->nodes[i].values[l] != NULL);
        }
        if (carried) {
            model->level[model->carried++] = l;
        }
    }
    model->sorted_count = 0;
    for (uint32_t i = 0; i < model->count; i++) {
        find_known(model, &model->nodes[i]);
    }
    for (uint32_t i = 0; i < model->count; i++) {
        if (!model->nodes[i].present) {
            continue;
        }
        uint32_t slot = model->sorted_count++;
        for (;
             slot > 0 && compare_model_nodes(model, &model->nodes[i], model->sorted[slot - 1]) < 0;
             slot--) {
            model->sorted[slot] = model->sorted[slot - 1];
        }
        model->sorted[slot] = &model->nodes[i];
    }
}

/* Whether two nodes share a domain of tree level `level`: at every level down to it both lie in
 * known domains of the same label or both in unknown ones, and an unknown one is shared only by
 * those who also share the first known one below it. */
static bool share(const struct model *model, const struct model_node *a, const struct model_node *b,
                  uint32_t level)
{
    for (uint32_t l = 0; l < level && a != b; l++) {
        uint32_t anchor = l;
        while (anchor < model->carried && !a->known[model->level[anchor]] &&
               !b->known[model->level[anchor]]) {
            anchor++;
        }
        if (anchor == model->carried) {
            return false;
        }
        uint32_t configured = model->level[anchor];
        if (!a->known[configured] || !b->known[configured] || !same_label(a, b, configured)) {
            return false;
        }
    }
    return true;
}

static bool is_known(const struct model *model, const struct model_node *node, uint32_t level)
{
    return level == 0 || node->known[model->level[level - 1]];
}

static struct levels model_levels(const struct model *model)
{
    struct levels levels;
    levels_init(&levels);
    for (uint32_t l = 0; l < model->configured; l++) {
        char text[32];
        (void)snprintf(text, sizeof text, "level-%u", l);
        ck_assert_int_eq(levels_add(&levels, text, NULL), 0);
        (void)snprintf(text, sizeof text, "key-%u", l);
        ck_assert_int_eq(levels_add_key(&levels, text, NULL), 0);
        (void)snprintf(text, sizeof text, "old-key-%u", l);
        ck_assert_int_eq(levels_add_key(&levels, text, NULL), 0);
    }
    ck_assert_int_eq(levels_finish(&levels, NULL), 0);
    return levels;
}

static void observe_model_node(struct nodes *nodes, const struct model *model,
                               const struct model_node *node)
{
    struct label_object labels[MODEL_LEVELS];
    char keys[MODEL_LEVELS][32];
    size_t count = 0;
    if (!node->present) {
        (void)nodes_remove(nodes, node->name);
        return;
    }
    for (uint32_t l = 0; l < model->configured; l++) {
        if (node->values[l] != NULL) {
            (void)snprintf(keys[count], sizeof keys[count], "%skey-%u",
                           node->old_key[l] ? "old-" : "", l);
            labels[count] = (struct label_object){keys[count], node->values[l]};
            count++;
        }
    }
    observe(nodes,
            &(struct node_object){.name = node->name, .labels = labels, .label_count = count});
}

/* All nodes, starting anywhere and going either way round. */
static void observe_model(struct nodes *nodes, const struct model *model, struct random *random)
{
    uint32_t start = model->count > 0 ? random_below(random, model->count) : 0;
    bool backwards = random_below(random, 2) == 0;
    for (uint32_t i = 0; i < model->count; i++) {
        uint32_t step = backwards ? model->count - i : i;
        observe_model_node(nodes, model, &model->nodes[(start + step) % model->count]);
    }
}

static void check_positions(const struct world *world, const struct model *model)
{
    const struct domains *domains = world->domains;
    ck_assert_uint_eq(domains_positions(domains), model->sorted_count);
    ck_assert_uint_eq(domains_levels(domains), model->carried + 2);
    for (uint32_t p = 0; p < model->sorted_count; p++) {
        uint32_t row = domains_row(domains, p);
        ck_assert_str_eq(nodes_name(world->nodes, row), model->sorted[p]->name);
        ck_assert_uint_eq(domains_position(domains, row), p);
    }
    uint32_t placed = 0;
    for (uint32_t row = 0; row < nodes_rows(world->nodes); row++) {
        placed += domains_position(domains, row) != DOMAINS_NONE;
    }
    ck_assert_uint_eq(placed, model->sorted_count);
}

/* Same domain <=> same path, at every level. */
static bool check_pair(const struct domains *domains, const struct model *model, uint32_t p,
                       uint32_t q)
{
    for (uint32_t level = 0; level <= model->carried; level++) {
        bool expected = share(model, model->sorted[p], model->sorted[q], level);
        if ((domains_at(domains, p, level) == domains_at(domains, q, level)) != expected) {
            return false;
        }
    }
    return true;
}

static void check_pairs(const struct domains *domains, const struct model *model)
{
    bool right = true;
    for (uint32_t p = 0; p < model->sorted_count; p++) {
        for (uint32_t q = 0; q < model->sorted_count; q++) {
            right = right && check_pair(domains, model, p, q);
        }
    }
    ck_assert(right);
}

/* Ranges, parents, names; returns how many domains `domain` and all below it are. */
static uint32_t check_subtree(const struct domains *domains, const struct model *model,
                              uint32_t number)
{
    const struct domain *domain = domains_get(domains, number);
    uint32_t end = domain->first;
    uint32_t found = 1;
    bool right = true;
    for (uint32_t p = domain->first; p < domain->end; p++) {
        right = right && domains_at(domains, p, domain->level) == number;
        right = right && domain->known == is_known(model, model->sorted[p], domain->level);
    }
    ck_assert(right);
    if (domain->level > 0 && domain->known) {
        ck_assert_str_eq(domains_name(domains, number),
                         model->sorted[domain->first]->values[model->level[domain->level - 1]]);
    } else {
        ck_assert_uint_eq(domain->value, NAMES_NONE);
        ck_assert_uint_eq(domain->key, NAMES_NONE);
    }
    uint32_t child = number + 1;
    while (child < domain->next) {
        const struct domain *below = domains_get(domains, child);
        ck_assert_uint_eq(below->parent, number);
        ck_assert_uint_eq(below->level, domain->level + 1);
        ck_assert_uint_eq(below->first, end);
        ck_assert_uint_gt(below->end, below->first);
        end = below->end;
        found += check_subtree(domains, model, child);
        child = below->next;
    }
    ck_assert_uint_eq(child, domain->next);
    ck_assert_uint_eq(found, domain->next - number);
    ck_assert(domain->level == model->carried || end == domain->end);
    return found;
}

/* The same numbers for the same domains, whatever order the nodes came in. */
static void check_same_tree(const struct world *a, const struct world *b)
{
    ck_assert_uint_eq(domains_count(a->domains), domains_count(b->domains));
    ck_assert_uint_eq(domains_positions(a->domains), domains_positions(b->domains));
    for (uint32_t p = 0; p < domains_positions(a->domains); p++) {
        ck_assert_str_eq(nodes_name(a->nodes, domains_row(a->domains, p)),
                         nodes_name(b->nodes, domains_row(b->domains, p)));
    }
    for (uint32_t d = 0; d < domains_count(a->domains); d++) {
        const struct domain *left = domains_get(a->domains, d);
        const struct domain *right = domains_get(b->domains, d);
        ck_assert_str_eq(domains_name(a->domains, d), domains_name(b->domains, d));
        ck_assert_uint_eq(left->parent, right->parent);
        ck_assert_uint_eq(left->first, right->first);
        ck_assert_uint_eq(left->end, right->end);
        ck_assert_uint_eq(left->next, right->next);
        ck_assert_int_eq(left->known, right->known);
    }
}

static void check_world(const struct world *world, const struct model *model)
{
    check_positions(world, model);
    check_pairs(world->domains, model);
    ck_assert_uint_eq(check_subtree(world->domains, model, 0), domains_count(world->domains));
    ck_assert_uint_le(domains_count(world->domains), model->sorted_count * model->carried + 1);
    ck_assert_uint_eq(domains_get(world->domains, 0)->end, model->sorted_count);
}

/* Pairs that share a known domain below an unknown one: without them the model tests little. */
static uint32_t shared_anchors(const struct model *model)
{
    uint32_t found = 0;
    for (uint32_t p = 0; p < model->sorted_count; p++) {
        for (uint32_t q = 0; q < p; q++) {
            for (uint32_t l = 2; l <= model->carried; l++) {
                const struct model_node *node = model->sorted[p];
                found += is_known(model, node, l) && !is_known(model, node, l - 1) &&
                         share(model, node, model->sorted[q], l);
            }
        }
    }
    return found;
}

START_TEST(test_against_model)
{
    struct random random = {(uint64_t)_i};
    struct model model = {.count = random_below(&random, MODEL_NODES + 1),
                          .configured = random_below(&random, MODEL_LEVELS + 1)};
    struct levels levels = model_levels(&model);
    struct world worlds[2] = {
        {nodes_create(random_word(&random)), domains_create(&levels)},
        {nodes_create(random_word(&random)), domains_create(&levels)},
    };
    for (uint32_t i = 0; i < model.count; i++) {
        uint32_t number = i * 7 % 61; /* not in order of names */
        (void)snprintf(model.nodes[i].name, sizeof model.nodes[i].name, "n%u", number);
    }
    uint32_t anchors = 0;
    for (uint64_t round = 1; round <= 4; round++) {
        for (uint32_t i = 0; i < model.count; i++) {
            if (round == 1 || random_below(&random, 4) == 0) {
                randomize_node(&model, &model.nodes[i], &random);
            }
        }
        sort_model(&model);
        anchors += shared_anchors(&model);
        for (int w = 0; w < 2; w++) {
            observe_model(worlds[w].nodes, &model, &random);
            domains_build(worlds[w].domains, worlds[w].nodes);
            ck_assert_uint_eq(domains_generation(worlds[w].domains), round);
            check_world(&worlds[w], &model);
        }
        check_same_tree(&worlds[0], &worlds[1]);
    }
    ck_assert(anchors > 0 || model.count < MODEL_NODES / 2 || model.configured < 3);
    destroy_world(&worlds[0]);
    destroy_world(&worlds[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("topology/graph/domains_model");
    TCase *tcase = tcase_create("domains_model");
    tcase_add_loop_test(tcase, test_against_model, 0, 80);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
