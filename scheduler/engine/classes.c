// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/classes.h"

#include <stdlib.h>

#include "scheduler/engine/pins.h"
#include "topology/base/alloc.h"

/* Found by comparing each unit with the classes known so far, and most are like the one before.
 *
 * How demanding a class is, is the greatest part that one of its members takes of what is free of a
 * resource in the cluster: who asks for less of everything comes first.
 */

/* Fills in how demanding the members of the class are. */
static void weigh(const struct classes *classes, struct class *class)
{
    const struct engine *engine = classes->attempt->engine;
    class->free = 1;
    if (class->shape == SHAPE_NONE) {
        return;
    }
    const struct resources *request = shapes_request(engine->shapes, class->shape);
    for (uint32_t i = 0; i < request->count; i++) {
        const struct resource *item = &request->items[i];
        int64_t free =
            resource_is_slot(item->name) ? 0 : ledger_total_free(engine->ledger, item->name);
        if (free > 0 && (__int128)item->amount * class->free > (__int128)class->asked * free) {
            class->asked = item->amount;
            class->free = free;
        }
    }
}

/* The role that the solver sees in members of the class. */
static uint32_t role_of(struct classes *classes, const struct class *class)
{
    for (uint32_t i = 0; i < classes->count; i++) {
        const struct class *other = &classes->items[i];
        if (other->shape == class->shape && other->kind == class->kind &&
            other->podset == class->podset) {
            return other->role;
        }
    }
    return class->shape == SHAPE_NONE ? UINT32_MAX : classes->roles++;
}

static uint32_t class_of(struct classes *classes, uint32_t member)
{
    const struct attempt *attempt = classes->attempt;
    const struct pod *pod = attempt->members[member];
    bool own = pins_may_place(attempt, member);
    struct class class = {
        .shape = own ? SHAPE_NONE : pod->shape,
        .podset = own ? 0 : attempt_podset(attempt, pod),
        .kind = own ? 0 : pod->kind,
        .need = needs_role(classes->needs, pod),
        .single = true,
    };
    if (own && (attempt->own == NULL || attempt->own[member] >= ATTEMPT_SKIPPED)) {
        return CLASS_NONE;
    }
    for (uint32_t i = 0; i < classes->count; i++) {
        const struct class *other = &classes->items[i];
        if (other->shape == class.shape && other->kind == class.kind &&
            other->podset == class.podset && other->need == class.need) {
            return i;
        }
    }
    if (classes->count == CLASSES_MAX) {
        return CLASS_NONE;
    }
    class.role = role_of(classes, &class);
    weigh(classes, &class);
    classes->items[classes->count] = class;
    return classes->count++;
}

void classes_list(struct attempt *attempt, const struct needs *needs, struct classes *classes)
{
    classes->attempt = attempt;
    classes->needs = needs;
    classes->units = alloc_zero(attempt->count, sizeof *classes->units);
    pins_place(attempt, 0, attempt->count); /* whose own node has room? */
    for (uint32_t first = 0; first < attempt->count;) {
        struct unit *unit = &classes->units[classes->unit_count++];
        unit->first = first;
        unit->length = attempt_unit(attempt, first);
        unit->class = class_of(classes, first);
        first += unit->length;
        if (unit->class != CLASS_NONE) {
            struct class *class = &classes->items[unit->class];
            unit->index = class->units++;
            class->most = class->units;
            class->single = class->single && unit->length == 1;
        }
    }
    classes->sizes = alloc_zero((size_t)classes->count + 1, sizeof *classes->sizes);
    for (uint32_t c = 0; c < classes->count; c++) {
        classes->sizes[c] = alloc_zero((size_t)classes->items[c].units + 1, sizeof(uint32_t));
    }
    for (uint32_t i = 0; i < classes->unit_count; i++) {
        const struct unit *unit = &classes->units[i];
        if (unit->class != CLASS_NONE) {
            uint32_t *sizes = classes->sizes[unit->class];
            sizes[unit->index + 1] = sizes[unit->index] + unit->length;
        }
    }
}

void classes_finish(struct classes *classes)
{
    for (uint32_t c = 0; c < classes->count; c++) {
        free(classes->sizes[c]);
    }
    free(classes->sizes);
    free(classes->units);
}

uint32_t choice_size(const struct classes *classes, const struct choice *choice)
{
    uint32_t members = 0;
    for (uint32_t c = 0; c < classes->count; c++) {
        members += classes->sizes[c][choice->units[c]];
    }
    return members;
}

struct counts choice_counts(const struct classes *classes, const struct choice *choice)
{
    struct counts counts = {.members = 0};
    for (uint32_t c = 0; c < classes->count; c++) {
        uint32_t members = classes->sizes[c][choice->units[c]];
        counts.members += members;
        counts.roles[classes->items[c].need] += members;
    }
    return counts;
}

bool counts_suffice(const struct classes *classes, const struct counts *counts)
{
    const struct needs *needs = classes->needs;
    bool enough = counts->members >= needs->members;
    for (uint32_t i = 0; i < needs->role_count; i++) {
        enough = enough && counts->roles[i] >= needs->roles[i];
    }
    return enough;
}

bool choice_suffices(const struct classes *classes, const struct choice *choice)
{
    struct counts counts = choice_counts(classes, choice);
    return counts_suffice(classes, &counts);
}

bool choice_solvable(const struct classes *classes, const struct choice *choice)
{
    bool seen[CLASSES_MAX] = {false};
    uint32_t roles = 0;
    for (uint32_t c = 0; c < classes->count; c++) {
        uint32_t role = classes->items[c].role;
        if (choice->units[c] > 0 && role != UINT32_MAX && !seen[role]) {
            seen[role] = true;
            roles++;
        }
    }
    return roles <= SOLVER_ROLES_MAX;
}

void classes_order(const struct classes *classes, bool crowded, uint32_t order[CLASSES_MAX])
{
    for (uint32_t c = 0; c < classes->count; c++) {
        const struct class *class = &classes->items[c];
        uint32_t at = c;
        for (; at > 0; at--) {
            const struct class *before = &classes->items[order[at - 1]];
            bool first = crowded ? class->units > before->units
                                 : (__int128)class->asked * before->free <
                                       (__int128)before->asked * class->free;
            if (!first) {
                break;
            }
            order[at] = order[at - 1];
        }
        order[at] = c;
    }
}
