// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/residents.h"

#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"

/* Lists by number, of rows and of names: the links are in the pods, two pairs each, for one that
 * misses its node may have a place where it was bound before.
 *
 * Invariant: a name is in the table as long as the list of its number is not empty.
 */

void residents_init(struct residents *residents, uint64_t hash_seed)
{
    *residents = (struct residents){.names = names_create(RESIDENTS_MISSING_MAX, hash_seed)};
}

void residents_finish(struct residents *residents)
{
    names_destroy(residents->names);
    free(residents->rows);
    free(residents->missing);
    memset(residents, 0, sizeof *residents);
}

/* ---- by row ---- */

void residents_enter(struct residents *residents, struct pod *pod)
{
    residents->rows = alloc_grow(residents->rows, &residents->room, (size_t)pod->allocation_row + 1,
                                 sizeof *residents->rows);
    struct residents_list *list = &residents->rows[pod->allocation_row];
    pod->row_before = list->last;
    pod->row_after = NULL;
    *(list->last != NULL ? &list->last->row_after : &list->first) = pod;
    list->last = pod;
    list->members += pod->totals != NULL;
}

void residents_leave(struct residents *residents, struct pod *pod)
{
    struct residents_list *list = &residents->rows[pod->allocation_row];
    *(pod->row_before != NULL ? &pod->row_before->row_after : &list->first) = pod->row_after;
    *(pod->row_after != NULL ? &pod->row_after->row_before : &list->last) = pod->row_before;
    list->members -= pod->totals != NULL;
}

void residents_turn_member(struct residents *residents, const struct pod *pod, bool member)
{
    residents->rows[pod->allocation_row].members += member ? 1 : UINT32_MAX;
}

struct pod *residents_on(const struct residents *residents, uint32_t row)
{
    return row < residents->room ? residents->rows[row].first : NULL;
}

uint32_t residents_members(const struct residents *residents, uint32_t row)
{
    return row < residents->room ? residents->rows[row].members : 0;
}

/* ---- by name ---- */

bool residents_miss(struct residents *residents, struct pod *pod, const char *node)
{
    residents_find(residents, pod);
    uint32_t name = names_intern(residents->names, node, strlen(node));
    if (name == NAMES_NONE) {
        return false;
    }
    residents->missing = alloc_grow(residents->missing, &residents->missing_room, (size_t)name + 1,
                                    sizeof *residents->missing);
    struct residents_list *list = &residents->missing[name];
    pod->missed = name;
    pod->missed_before = list->last;
    pod->missed_after = NULL;
    *(list->last != NULL ? &list->last->missed_after : &list->first) = pod;
    list->last = pod;
    return true;
}

void residents_find(struct residents *residents, struct pod *pod)
{
    if (pod->missed == NAMES_NONE) {
        return;
    }
    struct residents_list *list = &residents->missing[pod->missed];
    struct pod *before = pod->missed_before, *after = pod->missed_after;
    *(before != NULL ? &before->missed_after : &list->first) = after;
    *(after != NULL ? &after->missed_before : &list->last) = before;
    names_release(residents->names, pod->missed);
    pod->missed = NAMES_NONE;
}

struct pod *residents_missing(const struct residents *residents, const char *node)
{
    uint32_t name = names_find(residents->names, node, strlen(node));
    return name == NAMES_NONE ? NULL : residents->missing[name].first;
}

const char *residents_missed(const struct residents *residents, const struct pod *pod)
{
    return pod->missed == NAMES_NONE ? NULL : names_text(residents->names, pod->missed);
}
