// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/constraints.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "scheduler/engine/reason.h"

/* Levels by name or label key, into numbers of the tree; sizes, into layers.
 *
 * Nothing is guessed: a level that is not configured, a level no node carries, sizes that do not
 * divide, all keep the gang waiting with a reason that quotes them. A gang that asked for locality
 * and silently got none would run, slowly, and nobody would know why.
 *
 * Exclusive domains hold between gangs. Pods without a gang (agents, logging) run everywhere.
 */

#define QUOTE_MAX 100 /* bytes of a level or word quoted in a reason */

static int refuse(struct engine *engine, struct gang *gang, const char *text)
{
    if (gang_set_reason(gang, reason_invalid, text)) {
        engine_emit_waiting(engine, gang);
    }
    return -1;
}

/* Whether a domain of the level is one of the key that names it. */
static bool tells_apart(const struct engine *engine, const char *name)
{
    struct bitset *lacking = NULL;
    bool told = domains_named_key(engine->domains, name, &lacking);
    bitset_destroy(lacking);
    return told;
}

/* Tree level of `name`; -1 with the reason set. `constraint` names the annotation's meaning. */
static int find_level(struct engine *engine, struct gang *gang, const char *constraint,
                      const char *name, uint32_t *level)
{
    char text[GANG_REASON_MAX];
    int found = domains_level_find(engine->domains, name);
    if (found >= 0 && !tells_apart(engine, name)) {
        snprintf(
            text, sizeof(text),
            "gang %s/%s waits: %s topology \"%.*s\" is not the label by which domains of %s are "
            "told apart, and nodes of one %s differ in it",
            gang->name_space, gang->name, constraint, QUOTE_MAX, name,
            domains_level_name(engine->domains, (uint32_t)found),
            domains_level_name(engine->domains, (uint32_t)found));
        return refuse(engine, gang, text);
    }
    if (found >= 0) {
        *level = (uint32_t)found;
        return 0;
    }
    if (found == -1) {
        snprintf(text, sizeof(text),
                 "gang %s/%s waits: %s topology \"%.*s\" is not a configured level",
                 gang->name_space, gang->name, constraint, QUOTE_MAX, name);
    } else {
        snprintf(text, sizeof(text), "gang %s/%s waits: no node carries the %s level \"%.*s\"",
                 gang->name_space, gang->name, constraint, QUOTE_MAX, name);
    }
    return refuse(engine, gang, text);
}

static int resolve_slice(struct engine *engine, struct gang *gang,
                         const struct placement_slice *slice, struct constraints *constraints)
{
    char text[GANG_REASON_MAX];
    uint32_t level = 0;
    if (slice->size < 1 || (uint32_t)slice->size > GANG_MEMBERS_MAX) {
        snprintf(
            text, sizeof(text),
            "gang %s/%s waits: slice size %" PRId32 " of \"%.*s\" must be a number from 1 to %u",
            gang->name_space, gang->name, slice->size, QUOTE_MAX, slice->level, GANG_MEMBERS_MAX);
        return refuse(engine, gang, text);
    }
    if (find_level(engine, gang, "slice", slice->level, &level) < 0) {
        return -1;
    }
    const struct solver_layer *outer =
        constraints->layer_count > 0 ? &constraints->layers[constraints->layer_count - 1] : NULL;
    if (outer != NULL && (level <= outer->level || outer->size % (uint32_t)slice->size != 0)) {
        snprintf(text, sizeof(text),
                 "gang %s/%s waits: slices of %" PRId32 " per \"%.*s\" do not divide those of "
                 "%" PRIu32 " per %s",
                 gang->name_space, gang->name, slice->size, QUOTE_MAX, slice->level, outer->size,
                 domains_level_name(engine->domains, outer->level));
        return refuse(engine, gang, text);
    }
    if (level > 0) { /* all pods share the cluster */
        constraints->layers[constraints->layer_count++] =
            (struct solver_layer){.level = level, .size = (uint32_t)slice->size};
    }
    return 0;
}

static int resolve_devices(struct engine *engine, struct gang *gang, const char *constraint,
                           struct constraints *constraints)
{
    char text[GANG_REASON_MAX];
    constraints->good_gpus = constraint != NULL && strcmp(constraint, "required") == 0;
    if (constraint == NULL || constraints->good_gpus || strcmp(constraint, "preferred") == 0) {
        return 0;
    }
    snprintf(text, sizeof(text),
             "gang %s/%s waits: device topology \"%.*s\" is neither required nor preferred",
             gang->name_space, gang->name, QUOTE_MAX, constraint);
    return refuse(engine, gang, text);
}

int constraints_resolve(struct engine *engine, struct gang *gang, struct constraints *constraints)
{
    struct placement placement = gang_placement(gang);
    if (resolve_devices(engine, gang, placement.device_topology, constraints) < 0) {
        return -1;
    }
    constraints->required_level = SOLVER_LEVEL_NONE;
    if (placement.required != NULL && find_level(engine, gang, "required", placement.required,
                                                 &constraints->required_level) < 0) {
        return -1;
    }
    uint32_t exclusive = 0;
    constraints->exclusive = placement.exclusive != NULL;
    if (placement.exclusive != NULL &&
        find_level(engine, gang, "exclusive", placement.exclusive, &exclusive) < 0) {
        return -1;
    }
    for (uint32_t i = 0; i < placement.slice_count; i++) {
        if (resolve_slice(engine, gang, &placement.slices[i], constraints) < 0) {
            return -1;
        }
    }
    return 0;
}

const char *constraints_ignored(const struct engine *engine, const struct gang *gang, char *text,
                                size_t size)
{
    const char *name = gang_preferred_level(gang);
    int found = name == NULL ? 0 : domains_level_find(engine->domains, name);
    snprintf(text, size, "%s", "");
    if (found < 0) {
        snprintf(text, size, "preferred topology \"%.*s\" is ignored: %s", QUOTE_MAX, name,
                 found == -1 ? "it is not a configured level" : "no node carries it");
    }
    return text;
}

/* The tree level of a gang's exclusive domains, or -1. */
static int exclusive_level(const struct engine *engine, const struct gang *gang)
{
    const char *name = gang_placement(gang).exclusive;
    return name == NULL ? -1 : domains_level_find(engine->domains, name);
}

static void occupy(const struct domains *domains, struct constraints *constraints,
                   uint32_t position, uint32_t level)
{
    if (constraints->occupied == NULL) {
        constraints->occupied = bitset_create(domains_positions(domains));
    }
    if (level + 1 == domains_levels(domains)) {
        bitset_set(constraints->occupied, position);
        return;
    }
    const struct domain *domain = domains_get(domains, domains_at(domains, position, level));
    for (uint32_t p = domain->first; p < domain->end; p++) {
        bitset_set(constraints->occupied, p);
    }
}

/* The gang's own domains are taken from all others. */
static void exclude_domains_of(const struct engine *engine, const struct gang *other,
                               uint32_t level, struct constraints *constraints)
{
    for (uint32_t i = 0; i < other->footprint.count; i++) {
        uint32_t position = domains_position(engine->domains, other->footprint.sites[i].row);
        if (position != DOMAINS_NONE) {
            occupy(engine->domains, constraints, position, level);
        }
    }
}

/* Whether members of other gangs than these two have a place on the node. */
static bool has_others(const struct engine *engine, const struct gang *gang,
                       const struct gang *without, uint32_t row)
{
    if (pods_members_on(engine->pods, row) == 0) {
        return false;
    }
    const struct pod *pod = pods_on(engine->pods, row);
    while (pod != NULL && (pod->gang == NULL || pod->gang == gang || pod->gang == without)) {
        pod = pod->row_after;
    }
    return pod != NULL;
}

/* Domains in which others are, are not for the gang that wants one for itself. */
static void exclude_domains_with_others(const struct engine *engine, const struct gang *gang,
                                        const struct gang *without, uint32_t level,
                                        struct constraints *constraints)
{
    const struct domains *domains = engine->domains;
    uint32_t positions = domains_positions(domains);
    bool host = level + 1 == domains_levels(domains);
    for (uint32_t p = 0; p < positions; p++) {
        if (!has_others(engine, gang, without, domains_row(domains, p))) {
            continue;
        }
        occupy(domains, constraints, p, level);
        p = host ? p : domains_get(domains, domains_at(domains, p, level))->end - 1;
    }
}

/* A required level that is named by a label key is not met where nodes lack that label. */
static void exclude_without_key(const struct engine *engine, const char *name,
                                struct constraints *constraints)
{
    struct bitset *lacking = NULL;
    if (name != NULL) {
        (void)domains_named_key(engine->domains, name, &lacking);
    }
    if (lacking == NULL) {
        return;
    }
    if (constraints->occupied == NULL) {
        constraints->occupied = bitset_create(bitset_bits(lacking));
    }
    for (size_t p = bitset_next(lacking, 0); p != BITSET_END; p = bitset_next(lacking, p + 1)) {
        bitset_set(constraints->occupied, p);
    }
    bitset_destroy(lacking);
}

void constraints_exclude(const struct engine *engine, const struct gang *gang,
                         const struct gang *without, struct constraints *constraints)
{
    exclude_without_key(engine, gang_placement(gang).required, constraints);
    for (uint32_t i = 0; i < engine->gangs.exclusive_count; i++) {
        const struct gang *other = engine->gangs.exclusive[i];
        int theirs = exclusive_level(engine, other);
        if (other != gang && other != without && theirs >= 0) {
            exclude_domains_of(engine, other, (uint32_t)theirs, constraints);
        }
    }
    int own = exclusive_level(engine, gang);
    if (own >= 0) {
        exclude_domains_with_others(engine, gang, without, (uint32_t)own, constraints);
    }
}

void constraints_finish(struct constraints *constraints)
{
    bitset_destroy(constraints->occupied);
    constraints->occupied = NULL;
}
