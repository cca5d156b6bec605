// SPDX-License-Identifier: Apache-2.0
#include "api/import/forest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"
#include "topology/base/names.h"

/* Members are numbered as they are added; each knows its parent. That is all there is: because a
 * member has one parent at most, whatever cannot be reached from below by taking away members that
 * hold nothing more is a cycle, and following parents from any of it goes around it.
 */

struct member {
    uint32_t parent;
    uint32_t height;
    uint32_t waiting; /* children not measured yet */
};

struct forest {
    const char *kind;
    struct names *names;
    struct member *members;
    size_t room;
};

struct forest *forest_create(const char *kind)
{
    struct forest *forest = alloc_zero(1, sizeof *forest);
    forest->kind = kind;
    forest->names = names_create(FOREST_MAX, 0);
    return forest;
}

void forest_destroy(struct forest *forest)
{
    if (forest == NULL) {
        return;
    }
    names_destroy(forest->names);
    free(forest->members);
    free(forest);
}

uint32_t forest_count(const struct forest *forest)
{
    return (uint32_t)names_count(forest->names);
}

const char *forest_name(const struct forest *forest, uint32_t member)
{
    return names_text(forest->names, member);
}

int forest_add(struct forest *forest, const char *name, size_t length, uint32_t *member,
               struct err *err)
{
    uint32_t count = forest_count(forest);
    if (length == 0 || length > FOREST_NAME_MAX) {
        return err_set(err, "%s name \"%.*s\" must have 1 to %d bytes", forest->kind,
                       (int)(length > 80 ? 80 : length), name, FOREST_NAME_MAX);
    }
    *member = names_intern(forest->names, name, length);
    if (*member == NAMES_NONE) {
        return err_set(err, "%s %.*s is one too many: at most %u", forest->kind, (int)length, name,
                       FOREST_MAX);
    }
    if (*member < count) {
        return err_set(err, "%s %.*s is defined twice", forest->kind, (int)length, name);
    }
    forest->members =
        alloc_grow(forest->members, &forest->room, (size_t)count + 1, sizeof *forest->members);
    forest->members[count] = (struct member){.parent = FOREST_NONE};
    return 0;
}

uint32_t forest_find(const struct forest *forest, const char *name, size_t length)
{
    uint32_t id = names_find(forest->names, name, length);
    return id == NAMES_NONE ? FOREST_NONE : id;
}

uint32_t forest_parent(const struct forest *forest, uint32_t member)
{
    return forest->members[member].parent;
}

int forest_adopt(struct forest *forest, uint32_t parent, uint32_t child, struct err *err)
{
    struct member *member = &forest->members[child];
    if (member->parent == parent) {
        return 0;
    }
    if (member->parent != FOREST_NONE) {
        return err_set(err, "%s %s is in %s and in %s", forest->kind, forest_name(forest, child),
                       forest_name(forest, member->parent), forest_name(forest, parent));
    }
    member->parent = parent;
    forest->members[parent].waiting++;
    return 0;
}

static int fail_cycle(const struct forest *forest, uint32_t start, struct err *err)
{
    char text[ERR_TEXT_MAX];
    uint32_t member = start;
    size_t length = (size_t)snprintf(text, sizeof text, "%s", forest_name(forest, start));
    do {
        member = forest->members[member].parent;
        length += (size_t)snprintf(text + length, sizeof text - length, " in %s",
                                   forest_name(forest, member));
    } while (member != start && length < sizeof text - FOREST_NAME_MAX - 8);
    return err_set(err, "%s %.400s%s: a cycle", forest->kind, text, member == start ? "" : " in …");
}

int forest_close(struct forest *forest, struct err *err)
{
    uint32_t count = forest_count(forest);
    uint32_t measured = 0;
    for (uint32_t i = 0; i < count; i++) {
        /* Climbs as long as the member was the last that its parent waited for. */
        uint32_t member = i;
        if (forest->members[i].waiting > 0 || forest->members[i].height > 0) {
            continue;
        }
        measured++;
        for (uint32_t parent; (parent = forest->members[member].parent) != FOREST_NONE;
             member = parent) {
            uint32_t height = forest->members[member].height + 1;
            if (forest->members[parent].height < height) {
                forest->members[parent].height = height;
            }
            if (--forest->members[parent].waiting > 0) {
                break;
            }
            measured++;
        }
    }
    for (uint32_t i = 0; measured < count && i < count; i++) {
        if (forest->members[i].waiting > 0) {
            return fail_cycle(forest, i, err);
        }
    }
    return 0;
}

uint32_t forest_height(const struct forest *forest, uint32_t member)
{
    return forest->members[member].height;
}

uint32_t *forest_domains(const struct forest *forest, const uint32_t *levels,
                         struct overlay *overlay, struct err *err)
{
    uint32_t count = forest_count(forest);
    uint32_t *domains = alloc_zero(count, sizeof *domains);
    for (uint32_t level = 0; level < LEVELS_MAX; level++) {
        for (uint32_t i = 0; i < count; i++) {
            uint32_t parent = forest->members[i].parent;
            if (levels[i] == level &&
                overlay_domain(overlay, level,
                               parent == FOREST_NONE ? OVERLAY_NONE : domains[parent],
                               forest_name(forest, i), &domains[i], err) < 0) {
                free(domains);
                return NULL;
            }
        }
    }
    return domains;
}
