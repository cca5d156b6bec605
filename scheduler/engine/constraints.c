// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/constraints.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "scheduler/engine/reason.h"
#include "topology/base/utf8.h"

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
        utf8_print(
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
        utf8_print(text, sizeof(text),
                   "gang %s/%s waits: %s topology \"%.*s\" is not a configured level",
                   gang->name_space, gang->name, constraint, QUOTE_MAX, name);
    } else {
        utf8_print(text, sizeof(text), "gang %s/%s waits: no node carries the %s level \"%.*s\"",
                   gang->name_space, gang->name, constraint, QUOTE_MAX, name);
    }
    return refuse(engine, gang, text);
}

/* ---- slices ---- */

struct layers {
    struct solver_layer items[SOLVER_LAYERS_MAX];
    uint32_t count;
};

static int refuse_layers(struct engine *engine, struct gang *gang, int32_t size, const char *level,
                         const struct solver_layer *outer)
{
    char text[GANG_REASON_MAX];
    utf8_print(text, sizeof(text),
               "gang %s/%s waits: slices of %" PRId32 " per \"%.*s\" do not divide those of "
               "%" PRIu32 " per %s",
               gang->name_space, gang->name, size, QUOTE_MAX, level, outer->size,
               domains_level_name(engine->domains, outer->level));
    return refuse(engine, gang, text);
}

static int resolve_slice(struct engine *engine, struct gang *gang,
                         const struct placement_slice *slice, struct layers *layers)
{
    char text[GANG_REASON_MAX];
    uint32_t level = 0;
    if (slice->size < 1 || (uint32_t)slice->size > GANG_MEMBERS_MAX) {
        utf8_print(
            text, sizeof(text),
            "gang %s/%s waits: slice size %" PRId32 " of \"%.*s\" must be a number from 1 to %u",
            gang->name_space, gang->name, slice->size, QUOTE_MAX, slice->level, GANG_MEMBERS_MAX);
        return refuse(engine, gang, text);
    }
    if (find_level(engine, gang, "slice", slice->level, &level) < 0) {
        return -1;
    }
    const struct solver_layer *outer = layers->count > 0 ? &layers->items[layers->count - 1] : NULL;
    if (outer != NULL && (level <= outer->level || outer->size % (uint32_t)slice->size != 0)) {
        return refuse_layers(engine, gang, slice->size, slice->level, outer);
    }
    if (level > 0) { /* all pods share the cluster */
        layers->items[layers->count++] =
            (struct solver_layer){.level = level, .size = (uint32_t)slice->size};
    }
    return 0;
}

static int resolve_slices(struct engine *engine, struct gang *gang,
                          const struct placement *placement, struct layers *layers)
{
    for (uint32_t i = 0; i < placement->slice_count; i++) {
        if (resolve_slice(engine, gang, &placement->slices[i], layers) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Both hold: those of the group and those of the template, from wide to narrow. */
static int merge_layers(struct engine *engine, struct gang *gang, const struct layers *group,
                        const struct layers *own, struct podset_constraints *podset)
{
    uint32_t g = 0;
    for (uint32_t o = 0; g < group->count || o < own->count;) {
        bool first =
            o == own->count || (g < group->count && group->items[g].level <= own->items[o].level);
        struct solver_layer next = first ? group->items[g] : own->items[o];
        const struct solver_layer *outer =
            podset->layer_count > 0 ? &podset->layers[podset->layer_count - 1] : NULL;
        g += first;
        o += !first;
        if (outer != NULL && outer->level == next.level && outer->size == next.size) {
            continue;
        }
        if (outer != NULL && (outer->level == next.level || outer->size % next.size != 0)) {
            return refuse_layers(engine, gang, (int32_t)next.size,
                                 domains_level_name(engine->domains, next.level), outer);
        }
        if (podset->layer_count == SOLVER_LAYERS_MAX) {
            char text[GANG_REASON_MAX];
            utf8_print(text, sizeof(text),
                       "gang %s/%s waits: the slices of its group and of its pods are more than %d "
                       "layers",
                       gang->name_space, gang->name, SOLVER_LAYERS_MAX);
            return refuse(engine, gang, text);
        }
        podset->layers[podset->layer_count++] = next;
    }
    return 0;
}

/* ---- podsets ---- */

static int resolve_devices(struct engine *engine, struct gang *gang, const char *constraint,
                           bool *good_gpus)
{
    char text[GANG_REASON_MAX];
    bool required = constraint != NULL && strcmp(constraint, "required") == 0;
    if (constraint == NULL || required || strcmp(constraint, "preferred") == 0) {
        *good_gpus = *good_gpus || required;
        return 0;
    }
    utf8_print(text, sizeof(text),
               "gang %s/%s waits: device topology \"%.*s\" is neither required nor preferred",
               gang->name_space, gang->name, QUOTE_MAX, constraint);
    return refuse(engine, gang, text);
}

/* The podset's place in `together`: that of one it is tied to, or a new one. */
static uint32_t find_together(const struct gang *gang, struct constraints *constraints,
                              uint32_t index)
{
    const char *group = gang->podsets[index].first->placement.podset_group;
    for (uint32_t i = 0; i < index && group != NULL; i++) {
        if (constraints->podsets[i].podset == 0) {
            continue;
        }
        const char *other = gang->podsets[i].first->placement.podset_group;
        if (other != NULL && strcmp(other, group) == 0) {
            return constraints->podsets[i].podset - 1;
        }
    }
    return constraints->together_count++;
}

static int contradict(struct engine *engine, struct gang *gang, const char *group, uint32_t one,
                      uint32_t other)
{
    char text[GANG_REASON_MAX];
    utf8_print(text, sizeof(text),
               "gang %s/%s waits: roles of the podset group \"%.*s\" require different levels, %s "
               "and %s",
               gang->name_space, gang->name, QUOTE_MAX, group,
               domains_level_name(engine->domains, one < other ? one : other),
               domains_level_name(engine->domains, one < other ? other : one));
    return refuse(engine, gang, text);
}

/* The levels that the podset's template asks for. */
static int resolve_levels(struct engine *engine, struct gang *gang, uint32_t index,
                          struct constraints *constraints)
{
    const struct placement *own = &gang->podsets[index].first->placement;
    uint32_t required = 0;
    if (own->required != NULL &&
        find_level(engine, gang, "required", own->required, &required) < 0) {
        return -1;
    }
    int preferred =
        own->preferred == NULL ? -1 : domains_level_find(engine->domains, own->preferred);
    if (own->podset_group == NULL && required == 0 && preferred <= 0) {
        return 0;
    }
    uint32_t at = find_together(gang, constraints, index);
    struct solver_podset *together = &constraints->together[at];
    constraints->podsets[index].podset = at + 1;
    if (required > 0 && together->level > 0 && required != together->level) {
        return contradict(engine, gang, own->podset_group, required, together->level);
    }
    together->level = required > 0 ? required : together->level;
    if (preferred > (int)together->preferred_level) {
        together->preferred_level = (uint32_t)preferred;
    }
    return 0;
}

/* A role of less pods than a slice, beside one that has as many, is none of those that are sliced:
 * a leader beside its workers. `size`: of the slices that both are asked to be in. */
static bool is_leader(const struct gang *gang, uint32_t index, uint32_t size)
{
    bool led = false;
    for (uint32_t i = 0; i < gang->podset_count && gang->podsets[index].live < size; i++) {
        led = led || gang->podsets[i].live >= size;
    }
    return led;
}

/* The same, of slices that its own template asks for: a single pod whose template says the same as
 * those of others. */
static bool is_leader_by_template(const struct gang *gang, uint32_t index, uint32_t size)
{
    const struct placement *own = &gang->podsets[index].first->placement;
    bool led = false;
    for (uint32_t i = 0; i < gang->podset_count && gang->podsets[index].live == 1; i++) {
        led = led || (gang->podsets[i].live >= size && i != index &&
                      placement_same(&gang->podsets[i].first->placement, own));
    }
    return led;
}

static int resolve_podset(struct engine *engine, struct gang *gang, uint32_t index,
                          const struct layers *group, struct constraints *constraints)
{
    static const struct layers none = {.count = 0};
    struct podset_constraints *resolved = &constraints->podsets[index];
    const struct placement *own = &gang->podsets[index].first->placement;
    struct layers layers = {.count = 0};
    uint32_t exclusive = 0;
    if (gang->podsets[index].live == 0) {
        return 0;
    }
    if (resolve_devices(engine, gang, gang->object_placement.device_topology,
                        &resolved->good_gpus) < 0 ||
        resolve_devices(engine, gang, own->device_topology, &resolved->good_gpus) < 0 ||
        resolve_levels(engine, gang, index, constraints) < 0) {
        return -1;
    }
    if (own->exclusive != NULL &&
        find_level(engine, gang, "exclusive", own->exclusive, &exclusive) < 0) {
        return -1;
    }
    if (resolve_slices(engine, gang, own, &layers) < 0) {
        return -1;
    }
    bool led = group->count > 0 && is_leader(gang, index, group->items[0].size);
    bool alone = layers.count > 0 && is_leader_by_template(gang, index, layers.items[0].size);
    constraints->good_gpus = constraints->good_gpus || resolved->good_gpus;
    return merge_layers(engine, gang, led ? &none : group, alone ? &none : &layers, resolved);
}

/* One podset alone shares its level with nobody, so it is that of all: the simpler problem. */
static void simplify(struct constraints *constraints)
{
    struct solver_podset *together = &constraints->together[0];
    if (constraints->podset_count != 1 || constraints->together_count != 1) {
        return;
    }
    if (constraints->required_level == SOLVER_LEVEL_NONE ||
        constraints->required_level < together->level) {
        constraints->required_level = together->level > 0 ? together->level : SOLVER_LEVEL_NONE;
    }
    constraints->podsets[0].podset = 0;
    constraints->together_count = 0;
}

int constraints_resolve(struct engine *engine, struct gang *gang, struct constraints *constraints)
{
    const struct placement *group = &gang->object_placement;
    struct layers layers = {.count = 0};
    uint32_t exclusive = 0;
    constraints->required_level = SOLVER_LEVEL_NONE;
    constraints->exclusive = gang_exclusive(gang);
    if (podsets_count(gang) > PODSETS_MAX) {
        char text[GANG_REASON_MAX];
        utf8_print(text, sizeof(text),
                   "gang %s/%s waits: its roles ask for more than %d different placements",
                   gang->name_space, gang->name, PODSETS_MAX);
        return refuse(engine, gang, text);
    }
    if (group->required != NULL &&
        find_level(engine, gang, "required", group->required, &constraints->required_level) < 0) {
        return -1;
    }
    if (group->exclusive != NULL &&
        find_level(engine, gang, "exclusive", group->exclusive, &exclusive) < 0) {
        return -1;
    }
    if (resolve_slices(engine, gang, group, &layers) < 0) {
        return -1;
    }
    for (; constraints->podset_count < gang->podset_count; constraints->podset_count++) {
        if (resolve_podset(engine, gang, constraints->podset_count, &layers, constraints) < 0) {
            return -1;
        }
    }
    simplify(constraints);
    return 0;
}

/* Says that a preferred level is none; false when it is one, or none was asked for. */
static bool is_ignored(const struct engine *engine, const char *name, char *text, size_t size)
{
    int found = name == NULL ? 0 : domains_level_find(engine->domains, name);
    if (found < 0) {
        utf8_print(text, size, "preferred topology \"%.*s\" is ignored: %s", QUOTE_MAX, name,
                   found == -1 ? "it is not a configured level" : "no node carries it");
    }
    return found < 0;
}

const char *constraints_ignored(const struct engine *engine, const struct gang *gang, char *text,
                                size_t size)
{
    const char *before = gang->object_placement.preferred;
    utf8_print(text, size, "%s", "");
    bool ignored = is_ignored(engine, before, text, size);
    for (uint32_t i = 0; i < gang->member_count && !ignored; i++) {
        const char *own = gang->members[i]->placement.preferred;
        if (own != NULL && (before == NULL || strcmp(own, before) != 0)) {
            ignored = is_ignored(engine, own, text, size);
            before = own;
        }
    }
    return text;
}

/* ---- exclusive domains ---- */

/* The tree level of that name, or -1. */
static int level_of(const struct engine *engine, const char *name)
{
    return name == NULL ? -1 : domains_level_find(engine->domains, name);
}

/* A name that was looked up just now: thousands of gangs want domains of the same level. */
struct recent_level {
    const char *name;
    int level;
};

static int level_of_recent(const struct engine *engine, const char *name,
                           struct recent_level *recent)
{
    if (name == NULL) {
        return -1;
    }
    if (recent->name == NULL || strcmp(recent->name, name) != 0) {
        *recent = (struct recent_level){name, level_of(engine, name)};
    }
    return recent->level;
}

static void occupy(const struct domains *domains, struct bitset **occupied, uint32_t position,
                   uint32_t level)
{
    if (*occupied == NULL) {
        *occupied = bitset_create(domains_positions(domains));
    }
    if (level + 1 == domains_levels(domains)) {
        bitset_set(*occupied, position);
        return;
    }
    const struct domain *domain = domains_get(domains, domains_at(domains, position, level));
    for (uint32_t p = domain->first; p < domain->end; p++) {
        bitset_set(*occupied, p);
    }
}

static void exclude_domain_at(const struct engine *engine, uint32_t row, uint32_t level,
                              struct bitset **occupied)
{
    uint32_t position = domains_position(engine->domains, row);
    if (position != DOMAINS_NONE) {
        occupy(engine->domains, occupied, position, level);
    }
}

/* Whether the pod has a place that was planned here, so that its gang is there. Somebody else's
 * bindings, which whoever creates a pod can make, are like those of ordinary pods. */
static bool stands_for_gang(const struct pod *pod)
{
    return pods_placed(pod) && !pods_is_stranger(pod);
}

/* The domains in which any of its pods are. */
static void exclude_domains_of(const struct engine *engine, const struct gang *other, int level,
                               struct bitset **occupied)
{
    bool all = gang_tally(other).strangers == 0;
    for (uint32_t i = 0; all && i < other->footprint.count && level >= 0; i++) {
        exclude_domain_at(engine, other->footprint.sites[i].row, (uint32_t)level, occupied);
    }
    for (uint32_t i = 0; !all && i < other->member_count && level >= 0; i++) {
        if (stands_for_gang(other->members[i])) {
            exclude_domain_at(engine, other->members[i]->allocation_row, (uint32_t)level, occupied);
        }
    }
}

/* Those in which its pods are that want them for themselves. */
static void exclude_domains_of_podset(const struct engine *engine, const struct gang *other,
                                      uint32_t podset, struct bitset **occupied)
{
    int level = level_of(engine, other->podsets[podset].first->placement.exclusive);
    for (uint32_t i = 0; i < other->member_count && level >= 0; i++) {
        const struct pod *pod = other->members[i];
        if (stands_for_gang(pod) && podsets_find(other, pod) == podset) {
            exclude_domain_at(engine, pod->allocation_row, (uint32_t)level, occupied);
        }
    }
}

/* The gang's own domains are taken from all others. A gang of one podset, as most are, has its
 * places in a list; else its members are looked at. */
static void exclude_domains_from_others(const struct engine *engine, struct gang *other,
                                        struct recent_level *recent, struct bitset **occupied)
{
    if (other->footprint.count == 0) {
        return;
    }
    uint32_t count = podsets_count(other);
    exclude_domains_of(engine, other,
                       level_of_recent(engine, other->object_placement.exclusive, recent),
                       occupied);
    if (count == 1) {
        const char *name = other->podsets[0].first->placement.exclusive;
        exclude_domains_of(engine, other, level_of_recent(engine, name, recent), occupied);
    }
    for (uint32_t i = 0; i < count && count > 1; i++) {
        exclude_domains_of_podset(engine, other, i, occupied);
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
    while (pod != NULL && (pod->gang == NULL || pod->gang == gang || pod->gang == without ||
                           !stands_for_gang(pod))) {
        pod = pod->row_after;
    }
    return pod != NULL;
}

/* Domains in which others are, are not for who wants one for itself. */
static void exclude_domains_with_others(const struct engine *engine, const struct gang *gang,
                                        const struct gang *without, int level,
                                        struct bitset **occupied)
{
    const struct domains *domains = engine->domains;
    uint32_t positions = level < 0 ? 0 : domains_positions(domains);
    bool host = level + 1 == (int)domains_levels(domains);
    for (uint32_t p = 0; p < positions; p++) {
        if (!has_others(engine, gang, without, domains_row(domains, p))) {
            continue;
        }
        occupy(domains, occupied, p, (uint32_t)level);
        p = host ? p : domains_get(domains, domains_at(domains, p, (uint32_t)level))->end - 1;
    }
}

/* A required level that is named by a label key is not met where nodes lack that label. */
static void exclude_without_key(const struct engine *engine, const char *name,
                                struct bitset **occupied)
{
    struct bitset *lacking = NULL;
    if (name != NULL) {
        (void)domains_named_key(engine->domains, name, &lacking);
    }
    if (lacking == NULL) {
        return;
    }
    if (*occupied == NULL) {
        *occupied = bitset_create(bitset_bits(lacking));
    }
    for (size_t p = bitset_next(lacking, 0); p != BITSET_END; p = bitset_next(lacking, p + 1)) {
        bitset_set(*occupied, p);
    }
    bitset_destroy(lacking);
}

/* What one podset must not use beside what is ruled out for all. */
static void exclude_for_podset(const struct engine *engine, const struct gang *gang,
                               const struct gang *without, uint32_t index,
                               struct constraints *constraints)
{
    const struct placement *own = &gang->podsets[index].first->placement;
    struct bitset **occupied = &constraints->podsets[index].occupied;
    exclude_without_key(engine, own->required, occupied);
    exclude_domains_with_others(engine, gang, without, level_of(engine, own->exclusive), occupied);
    for (size_t p = 0; *occupied != NULL && constraints->occupied != NULL && p != BITSET_END;) {
        p = bitset_next(constraints->occupied, p);
        if (p != BITSET_END) {
            bitset_set(*occupied, p++);
        }
    }
}

void constraints_exclude(const struct engine *engine, struct gang *gang, const struct gang *without,
                         struct constraints *constraints)
{
    struct recent_level recent = {.name = NULL};
    exclude_without_key(engine, gang->object_placement.required, &constraints->occupied);
    for (uint32_t i = 0; i < engine->gangs.exclusive_count; i++) {
        struct gang *other = engine->gangs.exclusive[i];
        if (other != gang && other != without) {
            exclude_domains_from_others(engine, other, &recent, &constraints->occupied);
        }
    }
    exclude_domains_with_others(engine, gang, without,
                                level_of(engine, gang->object_placement.exclusive),
                                &constraints->occupied);
    for (uint32_t i = 0; i < constraints->podset_count; i++) {
        exclude_for_podset(engine, gang, without, i, constraints);
    }
}

uint64_t constraints_steps(const struct engine *engine, const struct constraints *constraints)
{
    return 4 * (uint64_t)engine->gangs.exclusive_count +
           (constraints->exclusive ? domains_positions(engine->domains) : 0);
}

const struct bitset *constraints_occupied(const struct constraints *constraints, uint32_t podset)
{
    const struct bitset *own = constraints->podsets[podset].occupied;
    return own != NULL ? own : constraints->occupied;
}

void constraints_finish(struct constraints *constraints)
{
    bitset_destroy(constraints->occupied);
    constraints->occupied = NULL;
    for (uint32_t i = 0; i < constraints->podset_count; i++) {
        bitset_destroy(constraints->podsets[i].occupied);
        constraints->podsets[i].occupied = NULL;
    }
}
