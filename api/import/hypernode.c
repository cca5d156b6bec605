// SPDX-License-Identifier: Apache-2.0
#include "api/import/hypernode.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/import/forest.h"
#include "api/json/fields.h"
#include "topology/base/alloc.h"

/* Three passes over the objects, because members may come before what they name:
 *
 *   1. names and tiers          ─▶ forest, levels
 *   2. members that are hypernodes ─▶ parents; then cycles and tiers are checked
 *   3. members that are nodes   ─▶ exact names and rules of the overlay
 */

#define HYPERNODE_GROUP "topology.volcano.sh/"
#define TIERS_MAX       (LEVELS_MAX - 1)

struct tier {
    int64_t number;
    const char *name; /* *borrowed*, or NULL */
    const char *by;   /* the hypernode that gave the name */
};

struct hypernodes {
    const json_t *objects;
    struct forest *forest;
    int64_t *numbers;             /* tier of each */
    struct tier tiers[TIERS_MAX]; /* highest first */
    uint32_t tier_count;
    uint32_t *domains;
    struct overlay *overlay;
};

/* A member of the list `members`, taken apart. */
struct selection {
    bool is_node;
    const char *exact;
    const char *pattern;
    const json_t *labels;
};

bool hypernode_is(const json_t *object)
{
    const char *kind = json_string_value(json_object_get(object, "kind"));
    const char *version = json_string_value(json_object_get(object, "apiVersion"));
    return kind != NULL && version != NULL && strcmp(kind, "HyperNode") == 0 &&
           strncmp(version, HYPERNODE_GROUP, strlen(HYPERNODE_GROUP)) == 0;
}

static int fail_in(const struct hypernodes *all, uint32_t i, struct err *err)
{
    return err_prefix(err, "HyperNode %.100s", forest_name(all->forest, i));
}

/* Finds or inserts a tier, in descending order. */
static struct tier *find_tier(struct hypernodes *all, int64_t number, struct err *err)
{
    uint32_t at = 0;
    while (at < all->tier_count && all->tiers[at].number > number) {
        at++;
    }
    if (at < all->tier_count && all->tiers[at].number == number) {
        return &all->tiers[at];
    }
    if (all->tier_count == TIERS_MAX) {
        err_set(err, "spec.tier: more than %d different tiers", TIERS_MAX);
        return NULL;
    }
    memmove(&all->tiers[at + 1], &all->tiers[at], (all->tier_count - at) * sizeof all->tiers[0]);
    all->tier_count++;
    all->tiers[at] = (struct tier){.number = number};
    return &all->tiers[at];
}

static int read_tier(struct hypernodes *all, uint32_t i, const struct field *spec, struct err *err)
{
    const char *name;
    int64_t number = -1;
    if (field_integer(spec, "tier", INT32_MIN, INT32_MAX, &number, err) != 0 ||
        field_string(spec, "tierName", &name, err) != 0) {
        return -1;
    }
    if (number < 0) {
        return field_fail(spec, err, "tier is missing or negative");
    }
    all->numbers[i] = number;
    struct tier *tier = find_tier(all, number, err);
    if (tier == NULL) {
        return -1;
    }
    if (name == NULL || name[0] == '\0') {
        return 0;
    }
    if (tier->name != NULL && strcmp(tier->name, name) != 0) {
        return field_fail(spec, err, "tierName %.63s, but %.100s calls tier %" PRId64 " %.63s",
                          name, tier->by, number, tier->name);
    }
    tier->name = name;
    tier->by = forest_name(all->forest, i);
    return 0;
}

static int read_object(struct hypernodes *all, const json_t *object, struct err *err)
{
    struct field root;
    struct field metadata;
    struct field spec;
    const char *name;
    uint32_t member;
    if (field_root(object, &root, err) != 0 ||
        field_object(&root, "metadata", &metadata, err) != 0 ||
        field_name(&metadata, "name", &name, err) != 0) {
        return err_prefix(err, "HyperNode");
    }
    if (forest_add(all->forest, name, strlen(name), &member, err) < 0) {
        return -1;
    }
    if (field_object(&root, "spec", &spec, err) != 0 || read_tier(all, member, &spec, err) < 0) {
        return fail_in(all, member, err);
    }
    return 0;
}

/* Which of the three selectors it is: exactly one is allowed (Volcano's webhook says so too). */
static int read_selector(const struct field *selector, struct selection *selection, struct err *err)
{
    struct field exact;
    struct field regex;
    struct field labels;
    if (field_object(selector, "exactMatch", &exact, err) != 0 ||
        field_object(selector, "regexMatch", &regex, err) != 0 ||
        field_object(selector, "labelMatch", &labels, err) != 0) {
        return -1;
    }
    if ((exact.json != NULL) + (regex.json != NULL) + (labels.json != NULL) != 1) {
        return field_fail(selector, err,
                          "one of exactMatch, regexMatch and labelMatch is required");
    }
    if ((exact.json != NULL && field_name(&exact, "name", &selection->exact, err) != 0) ||
        (regex.json != NULL && field_name(&regex, "pattern", &selection->pattern, err) != 0)) {
        return -1;
    }
    selection->labels = labels.json;
    return 0;
}

static int read_member(const struct field *member, struct selection *selection, struct err *err)
{
    struct field selector;
    const char *type;
    *selection = (struct selection){.is_node = false};
    if (field_name(member, "type", &type, err) != 0 ||
        field_object(member, "selector", &selector, err) != 0 ||
        read_selector(&selector, selection, err) < 0) {
        return -1;
    }
    selection->is_node = strcmp(type, "Node") == 0;
    if (!selection->is_node && strcmp(type, "HyperNode") != 0) {
        return field_fail(member, err, "type \"%.60s\" is not Node or HyperNode", type);
    }
    if (!selection->is_node && selection->labels != NULL) {
        return field_fail(&selector, err, "labelMatch is for members of type Node");
    }
    return 0;
}

static int adopt(struct hypernodes *all, uint32_t parent, uint32_t child, struct err *err)
{
    return forest_adopt(all->forest, parent, child, err);
}

static int adopt_pattern(struct hypernodes *all, uint32_t parent, const char *pattern,
                         struct err *err)
{
    struct node_match *match;
    int result = node_match_pattern(pattern, &match, err);
    if (result < 0) {
        return -1;
    }
    for (uint32_t i = 0; result == 0 && i < forest_count(all->forest); i++) {
        struct node_object named = {.name = forest_name(all->forest, i)};
        if (node_match_test(match, &named)) {
            result = adopt(all, parent, i, err);
        }
    }
    node_match_destroy(match);
    return result;
}

static int take_hypernode(struct hypernodes *all, uint32_t parent,
                          const struct selection *selection, struct err *err)
{
    if (selection->is_node) {
        return 0;
    }
    if (selection->pattern != NULL) {
        return adopt_pattern(all, parent, selection->pattern, err);
    }
    err_require(selection->exact != NULL); /* read_member() let no labels through */
    uint32_t child = forest_find(all->forest, selection->exact, strlen(selection->exact));
    if (child == FOREST_NONE) {
        return err_set(err, "member HyperNode %.100s does not exist", selection->exact);
    }
    return adopt(all, parent, child, err);
}

static int take_node(struct hypernodes *all, uint32_t parent, const struct selection *selection,
                     struct err *err)
{
    struct node_match *match;
    uint32_t domain = all->domains[parent];
    if (!selection->is_node) {
        return 0;
    }
    if (selection->exact != NULL) {
        return overlay_node(all->overlay, selection->exact, domain, err);
    }
    if (selection->pattern != NULL ? node_match_pattern(selection->pattern, &match, err) < 0
                                   : node_match_selector(selection->labels, &match, err) < 0) {
        return -1;
    }
    return overlay_rule(all->overlay, match, domain, err);
}

/* Hands every member of every hypernode to `take`. */
static int each_member(struct hypernodes *all,
                       int (*take)(struct hypernodes *, uint32_t, const struct selection *,
                                   struct err *),
                       struct err *err)
{
    for (uint32_t i = 0; i < forest_count(all->forest); i++) {
        struct field root;
        struct field spec;
        struct field list;
        if (field_root(json_array_get(all->objects, i), &root, err) != 0 ||
            field_object(&root, "spec", &spec, err) != 0 ||
            field_array(&spec, "members", &list, err) != 0) {
            return fail_in(all, i, err);
        }
        if (field_count(&list) > HYPERNODE_MEMBERS_MAX) {
            field_fail(&list, err, "more than %d members", HYPERNODE_MEMBERS_MAX);
            return fail_in(all, i, err);
        }
        for (size_t k = 0; k < field_count(&list); k++) {
            struct field member;
            struct selection selection;
            if (field_element(&list, k, &member, err) != 0 ||
                read_member(&member, &selection, err) < 0) {
                return fail_in(all, i, err);
            }
            if (take(all, i, &selection, err) < 0) {
                err_prefix(err, "spec.members[%zu]", k);
                return fail_in(all, i, err);
            }
        }
    }
    return 0;
}

static int check_tiers(const struct hypernodes *all, struct err *err)
{
    for (uint32_t i = 0; i < forest_count(all->forest); i++) {
        uint32_t parent = forest_parent(all->forest, i);
        if (parent != FOREST_NONE && all->numbers[i] >= all->numbers[parent]) {
            return err_set(err,
                           "HyperNode %.100s (tier %" PRId64 ") cannot hold %.100s (tier %" PRId64
                           "), which must be of a lower tier",
                           forest_name(all->forest, parent), all->numbers[parent],
                           forest_name(all->forest, i), all->numbers[i]);
        }
    }
    return 0;
}

static int add_levels(struct hypernodes *all, struct err *err)
{
    for (uint32_t i = 0; i < all->tier_count; i++) {
        const struct tier *tier = &all->tiers[i];
        char name[LEVEL_NAME_MAX + 1];
        snprintf(name, sizeof name, "tier-%" PRId64, tier->number);
        if (overlay_level(all->overlay, tier->name == NULL ? name : tier->name, NULL, err) < 0) {
            return err_prefix(err, "HyperNode tier %" PRId64, tier->number);
        }
    }
    return 0;
}

static int add_domains(struct hypernodes *all, struct err *err)
{
    uint32_t count = forest_count(all->forest);
    uint32_t *levels = alloc_zero(count, sizeof *levels);
    for (uint32_t i = 0; i < count; i++) {
        while (all->tiers[levels[i]].number != all->numbers[i]) {
            levels[i]++;
        }
    }
    all->domains = forest_domains(all->forest, levels, all->overlay, err);
    free(levels);
    return all->domains == NULL ? -1 : 0;
}

int hypernode_load(const json_t *objects, struct overlay **overlay, struct err *err)
{
    size_t count = json_array_size(objects);
    struct hypernodes all = {
        .objects = objects,
        .forest = forest_create("HyperNode"),
        .numbers = alloc_zero(count, sizeof *all.numbers),
        .overlay = overlay_create(),
    };
    int result = count == 0 ? err_set(err, "there are no HyperNodes") : 0;
    for (size_t i = 0; result == 0 && i < count; i++) {
        result = read_object(&all, json_array_get(objects, i), err);
    }
    if (result == 0 && each_member(&all, take_hypernode, err) == 0 &&
        forest_close(all.forest, err) == 0 && check_tiers(&all, err) == 0 &&
        add_levels(&all, err) == 0 && add_domains(&all, err) == 0 &&
        each_member(&all, take_node, err) == 0) {
        result = overlay_finish(all.overlay, err);
    } else {
        result = -1;
    }
    free(all.domains);
    free(all.numbers);
    forest_destroy(all.forest);
    if (result < 0) {
        overlay_destroy(all.overlay);
        return -1;
    }
    *overlay = all.overlay;
    return 0;
}
