// SPDX-License-Identifier: Apache-2.0
#include "api/import/overlay.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"
#include "topology/base/names.h"
#include "topology/base/utf8.h"

/* Domains are a forest of {level, parent, name}; a node is a name and the lowest domain that holds
 * it. All labels of a node follow from that one domain by walking up, so a million nodes cost a few
 * bytes each.
 *
 * Rules are tried when a node is seen. What a name alone decides (regular expressions) is decided
 * once per name and remembered; label selectors are tried each time, because labels change. What
 * the two say is merged in the order exact, by name, by label: of two domains one of which lies in
 * the other the lower counts, and anything else is a conflict.
 *
 * Invariants: a domain's parent has a lower index and a wider level; `places` has one entry per
 * name in `names`.
 */

#define NAMED_MAX 3 /* nodes that a report names */

struct overlay_domain {
    uint32_t level;
    uint32_t parent;
    uint32_t value; /* in `values` */
};

struct rule {
    struct node_match *match;
    uint32_t domain;
};

struct place {
    uint32_t exact;  /* as imported, or OVERLAY_NONE */
    uint32_t domain; /* that, and what rules by name say; valid once `decided` */
    uint32_t other;  /* the domain that `domain` is in conflict with, or OVERLAY_NONE */
    bool decided;
    bool seen;
    bool covered; /* when it was last seen */
};

struct overlay {
    struct levels levels;
    struct overlay_domain *domains;
    size_t domain_count;
    size_t domain_room;
    struct names *values;
    struct names *names;
    struct place *places;
    size_t place_room;
    struct rule *rules;
    size_t rule_count;
    size_t rule_room;
    size_t label_rule_count; /* of the rules, those by label */
};

struct overlay *overlay_create(void)
{
    struct overlay *overlay = alloc_zero(1, sizeof *overlay);
    levels_init(&overlay->levels);
    overlay->values = names_create(OVERLAY_DOMAINS_MAX, 0);
    overlay->names = names_create(OVERLAY_NODES_MAX, 0);
    return overlay;
}

void overlay_destroy(struct overlay *overlay)
{
    if (overlay == NULL) {
        return;
    }
    for (size_t i = 0; i < overlay->rule_count; i++) {
        node_match_destroy(overlay->rules[i].match);
    }
    free(overlay->rules);
    free(overlay->places);
    free(overlay->domains);
    names_destroy(overlay->names);
    names_destroy(overlay->values);
    free(overlay);
}

static bool is_alphanumeric(char byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
           (byte >= 'A' && byte <= 'Z');
}

/* The name part of a label key: k8s.io/apimachinery util/validation IsQualifiedName(). */
static bool is_label_name(const char *text)
{
    size_t length = strlen(text);
    for (size_t i = 0; i < length; i++) {
        if (!is_alphanumeric(text[i]) && strchr("-_.", text[i]) == NULL) {
            return false;
        }
    }
    return length > 0 && length <= LEVEL_NAME_MAX && is_alphanumeric(text[0]) &&
           is_alphanumeric(text[length - 1]);
}

int overlay_level(struct overlay *overlay, const char *name, const char *key, struct err *err)
{
    char made[sizeof OVERLAY_KEY_PREFIX + LEVEL_NAME_MAX];
    if (key == NULL && !is_label_name(name)) {
        return err_set(err, "level name \"%.80s\" must be letters, digits, \"-\", \"_\" and \".\"",
                       name);
    }
    if (key == NULL && strcmp(name, LEVEL_HOST) == 0) {
        return err_set(err, "level name \"%s\" is taken: it means the node itself", name);
    }
    if (levels_add(&overlay->levels, name, err) < 0) {
        return -1;
    }
    if (key == NULL) {
        snprintf(made, sizeof made, "%s%s", OVERLAY_KEY_PREFIX, name);
    }
    return levels_add_key(&overlay->levels, key == NULL ? made : key, err);
}

int overlay_domain(struct overlay *overlay, uint32_t level, uint32_t parent, const char *value,
                   uint32_t *domain, struct err *err)
{
    size_t length = strlen(value);
    err_require(level < overlay->levels.count);
    err_require(parent == OVERLAY_NONE ||
                (parent < overlay->domain_count && overlay->domains[parent].level < level));
    if (length == 0 || length > OVERLAY_VALUE_MAX) {
        return err_set(err, "name \"%.80s\" must have 1 to %d bytes", value, OVERLAY_VALUE_MAX);
    }
    uint32_t id = names_intern(overlay->values, value, length);
    if (id == NAMES_NONE || overlay->domain_count == OVERLAY_DOMAINS_MAX) {
        return err_set(err, "\"%s\" is one domain too many: at most %u", value,
                       OVERLAY_DOMAINS_MAX);
    }
    overlay->domains = alloc_grow(overlay->domains, &overlay->domain_room,
                                  overlay->domain_count + 1, sizeof *overlay->domains);
    *domain = (uint32_t)overlay->domain_count++;
    overlay->domains[*domain] =
        (struct overlay_domain){.level = level, .parent = parent, .value = id};
    return 0;
}

static const char *value_of(const struct overlay *overlay, uint32_t domain)
{
    return names_text(overlay->values, overlay->domains[domain].value);
}

static bool lies_in(const struct overlay *overlay, uint32_t domain, uint32_t wider)
{
    while (domain != OVERLAY_NONE && domain != wider) {
        domain = overlay->domains[domain].parent;
    }
    return domain == wider;
}

/* Puts `domain` beside *lowest; false when they exclude each other. */
static bool merge(const struct overlay *overlay, uint32_t *lowest, uint32_t domain)
{
    if (*lowest == OVERLAY_NONE || lies_in(overlay, domain, *lowest)) {
        *lowest = domain;
        return true;
    }
    return lies_in(overlay, *lowest, domain);
}

static int conflict(const struct overlay *overlay, const char *name, uint32_t domain,
                    uint32_t other, struct err *err)
{
    return err_set(err, "node %.253s is in %.100s and in %.100s, and neither lies in the other",
                   name, value_of(overlay, domain), value_of(overlay, other));
}

/* The place of a name, made at first sight; NULL when there are too many. */
static struct place *find_place(struct overlay *overlay, const char *name)
{
    size_t before = names_count(overlay->names);
    uint32_t id = names_intern(overlay->names, name, strlen(name));
    if (id == NAMES_NONE) {
        return NULL;
    }
    if (id == before) {
        overlay->places =
            alloc_grow(overlay->places, &overlay->place_room, before + 1, sizeof *overlay->places);
        overlay->places[id] =
            (struct place){.exact = OVERLAY_NONE, .domain = OVERLAY_NONE, .other = OVERLAY_NONE};
    }
    return &overlay->places[id];
}

int overlay_node(struct overlay *overlay, const char *name, uint32_t domain, struct err *err)
{
    err_require(domain < overlay->domain_count);
    struct place *place = find_place(overlay, name);
    if (place == NULL) {
        return err_set(err, "node \"%.253s\" is one too many (at most %u) or its name is too long",
                       name, OVERLAY_NODES_MAX);
    }
    if (!merge(overlay, &place->exact, domain)) {
        return conflict(overlay, name, place->exact, domain, err);
    }
    return 0;
}

int overlay_rule(struct overlay *overlay, struct node_match *match, uint32_t domain,
                 struct err *err)
{
    err_require(domain < overlay->domain_count);
    if (overlay->rule_count == OVERLAY_RULES_MAX) {
        node_match_destroy(match);
        return err_set(err, "one selector too many: at most %u", OVERLAY_RULES_MAX);
    }
    overlay->rules = alloc_grow(overlay->rules, &overlay->rule_room, overlay->rule_count + 1,
                                sizeof *overlay->rules);
    overlay->rules[overlay->rule_count++] = (struct rule){.match = match, .domain = domain};
    overlay->label_rule_count += !node_match_by_name(match);
    return 0;
}

int overlay_finish(struct overlay *overlay, struct err *err)
{
    return levels_finish(&overlay->levels, err);
}

const struct levels *overlay_levels(const struct overlay *overlay)
{
    return &overlay->levels;
}

/* Tries the rules of one sort on a node. False at a conflict, of which *other is the one side and
 * *lowest the other. */
static bool try_rules(const struct overlay *overlay, const struct node_object *node, bool by_name,
                      uint32_t *lowest, uint32_t *other)
{
    for (size_t i = 0; i < overlay->rule_count; i++) {
        const struct rule *rule = &overlay->rules[i];
        if (node_match_by_name(rule->match) == by_name && node_match_test(rule->match, node) &&
            !merge(overlay, lowest, rule->domain)) {
            *other = rule->domain;
            return false;
        }
    }
    return true;
}

/* The lowest domain that holds the node, or OVERLAY_NONE. */
static int decide(struct overlay *overlay, const struct node_object *node, struct place *place,
                  uint32_t *domain, struct err *err)
{
    if (!place->decided) {
        place->domain = place->exact;
        (void)try_rules(overlay, node, true, &place->domain, &place->other);
        place->decided = true;
    }
    *domain = place->domain;
    uint32_t other = place->other;
    if (other == OVERLAY_NONE && overlay->label_rule_count > 0) {
        (void)try_rules(overlay, node, false, domain, &other);
    }
    return other == OVERLAY_NONE ? 0 : conflict(overlay, node->name, *domain, other, err);
}

/* Appends the labels that follow from a domain, its own level first. */
static size_t write_labels(const struct overlay *overlay, uint32_t domain,
                           struct label_object *labels)
{
    size_t count = 0;
    for (uint32_t level = overlay->domains[domain].level + 1; level-- > 0;) {
        uint32_t parent = overlay->domains[domain].parent;
        if (parent != OVERLAY_NONE && overlay->domains[parent].level >= level) {
            domain = parent;
        }
        labels[count++] = (struct label_object){.key = overlay->levels.items[level].keys[0],
                                                .value = value_of(overlay, domain)};
    }
    return count;
}

int overlay_apply(struct overlay *overlay, struct arena *arena, struct node_object *object,
                  struct err *err)
{
    struct place unkept = {.exact = OVERLAY_NONE, .domain = OVERLAY_NONE, .other = OVERLAY_NONE};
    struct place *place = find_place(overlay, object->name);
    uint32_t domain;
    if (place == NULL) {
        place = &unkept;
    }
    place->seen = true;
    place->covered = false;
    if (decide(overlay, object, place, &domain, err) < 0) {
        return -1;
    }
    if (domain == OVERLAY_NONE) {
        return 0;
    }
    size_t more = overlay->domains[domain].level + 1;
    if (object->label_count + more > NODE_LABELS_MAX) {
        return err_set(err, "node %.253s: %zu labels and %zu imported ones are more than %d",
                       object->name, object->label_count, more, NODE_LABELS_MAX);
    }
    struct label_object *labels = arena_alloc(arena, object->label_count + more, sizeof *labels);
    if (object->label_count > 0) {
        memcpy(labels, object->labels, object->label_count * sizeof *labels);
    }
    object->label_count += write_labels(overlay, domain, labels + object->label_count);
    object->labels = labels;
    place->covered = true;
    return 0;
}

/* Appends "3 nodes <what> (a, b, c)"; `one` is for a single one. */
static void report(const struct overlay *overlay, bool missing, const char *one, const char *what,
                   char *text, size_t size)
{
    char names[NAMED_MAX * 80] = "";
    size_t length = 0;
    size_t count = 0;
    for (size_t i = 0; i < names_count(overlay->names); i++) {
        const struct place *place = &overlay->places[i];
        if (missing ? place->exact == OVERLAY_NONE || place->seen
                    : !place->seen || place->covered) {
            continue;
        }
        if (count++ < NAMED_MAX) {
            length += utf8_print(names + length, sizeof names - length, "%s%.70s",
                                 length == 0 ? "" : ", ", names_text(overlay->names, i));
        }
    }
    size_t used = strlen(text);
    if (count > 0) {
        utf8_print(text + used, size - used, "%s%zu %s (%s%s)", used == 0 ? "" : "; ", count,
                   count == 1 ? one : what, names, count > NAMED_MAX ? ", …" : "");
    }
}

const char *overlay_report(const struct overlay *overlay, char *text, size_t size)
{
    err_require(size > 0);
    text[0] = '\0';
    if (overlay->domain_count > 0) {
        report(overlay, true, "node of the imported topology does not exist",
               "nodes of the imported topology do not exist", text, size);
        report(overlay, false, "node has no place in the imported topology",
               "nodes have no place in the imported topology", text, size);
    }
    return text;
}
