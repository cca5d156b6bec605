// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/gang.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/state/run.h"
#include "topology/base/alloc.h"
#include "topology/base/err.h"
#include "topology/base/natural.h"
#include "topology/base/utf8.h"

/* Owns the gangs and their lists of members; does not own the pods. Nothing here decides: the
 * engine moves a gang from state to state, this module answers what the state rests on.
 *
 * Members are kept in the order in which ranks are dealt, so planning never sorts. Gangs are kept
 * in order of name, which makes every walk over them deterministic. What the members add up to is
 * kept along with every change of one of them (totals.h) and never counted.
 */

const char gang_no_reason[] = "";

void gangs_init(struct gangs *gangs)
{
    memset(gangs, 0, sizeof(*gangs));
    gangs->members_max = GANG_MEMBERS_MAX;
}

void gang_changed(struct gang *gang)
{
    gang->dirty = true;
    gang->joiners_tried = 0;
}

void gang_planned(struct gang *gang)
{
    gang->dirty = false;
}

static void gang_free(struct gang *gang)
{
    (void)gang_expire_vetoes(gang, INT64_MAX);
    barrier_finish(&gang->barrier);
    free(gang->name_space);
    free(gang->name);
    free(gang->uid);
    free(gang->object_minimums);
    free(gang->object_preference);
    free(gang->minimums);
    placement_finish(&gang->object_placement);
    totals_finish(&gang->totals);
    footprint_finish(&gang->footprint);
    free(gang->members);
    free(gang->podsets);
    free(gang->vetoes);
    breakdown_finish(&gang->breakdown);
    gang_clear_unplaced(gang);
    free(gang);
}

void gangs_finish(struct gangs *gangs)
{
    for (uint32_t i = 0; i < gangs->count; i++) {
        gangs->items[i]->barrier.count = 0;
        gang_free(gangs->items[i]);
    }
    free(gangs->items);
    free(gangs->exclusive);
    free(gangs->placed.items);
    tenants_finish(&gangs->tenants);
    memset(gangs, 0, sizeof(*gangs));
}

static int compare_names(const struct gang *gang, const char *name_space, const char *name)
{
    int order = strcmp(gang->name_space, name_space);
    return order != 0 ? order : strcmp(gang->name, name);
}

int gang_compare(const void *left, const void *right)
{
    const struct gang *a = *(struct gang *const *)left, *b = *(struct gang *const *)right;
    return compare_names(a, b->name_space, b->name);
}

/* Index of the gang, or where it belongs. */
static uint32_t place_of(const struct gangs *gangs, const char *name_space, const char *name,
                         bool *found)
{
    uint32_t low = 0, high = gangs->count;
    *found = false;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = compare_names(gangs->items[middle], name_space, name);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct gang *gangs_find(const struct gangs *gangs, const char *name_space, const char *name)
{
    bool found;
    uint32_t place = place_of(gangs, name_space, name, &found);
    return found ? gangs->items[place] : NULL;
}

uint32_t gangs_after(const struct gangs *gangs, const char *name_space, const char *name)
{
    bool found;
    uint32_t place = place_of(gangs, name_space, name, &found);
    return place + found;
}

struct gang *gangs_get(struct gangs *gangs, const char *name_space, const char *name)
{
    bool found;
    uint32_t place = place_of(gangs, name_space, name, &found);
    if (found) {
        return gangs->items[place];
    }
    gangs->items =
        alloc_grow(gangs->items, &gangs->room, (size_t)gangs->count + 1, sizeof(struct gang *));
    memmove(&gangs->items[place + 1], &gangs->items[place],
            (gangs->count - place) * sizeof(struct gang *));
    struct gang *gang = alloc_zero(1, sizeof(*gang));
    gang->table = gangs;
    gang->tenant = tenants_join(&gangs->tenants, name_space);
    gang->footprint.gang = gang;
    gang->footprint.among = &gangs->placed;
    gang->name_space = alloc_string(name_space);
    gang->name = alloc_string(name);
    gang->state = GANG_GATHERING;
    gang->ready_since = -1;
    gang->repair_since = -1;
    gang->deadline = INT64_MAX;
    gang->nominate_at = INT64_MAX;
    gang->wake_at = INT64_MAX;
    gang->last_event_at = INT64_MIN / 2;
    gang->explained_at = INT64_MIN / 2;
    gang->reason_class = gang_no_reason;
    gang_changed(gang);
    barrier_init(&gang->barrier);
    gangs->items[place] = gang;
    gangs->count++;
    return gang;
}

void gangs_remove(struct gangs *gangs, struct gang *gang)
{
    bool found;
    assert(gang->member_count == 0);
    uint32_t place = place_of(gangs, gang->name_space, gang->name, &found);
    assert(found);
    memmove(&gangs->items[place], &gangs->items[place + 1],
            (gangs->count - place - 1) * sizeof(struct gang *));
    gangs->count--;
    tenants_leave(&gangs->tenants, gang->tenant);
    gang_free(gang);
}

/* Role, replica, then rank with the unranked last, then name. */
static int compare_members(const struct pod *a, const struct pod *b)
{
    int order = natural_compare(a->role, b->role);
    order = order != 0 ? order : pod_compare_replicas(&a->replica, &b->replica);
    if (order != 0) {
        return order;
    }
    uint32_t rank_a = (uint32_t)a->rank, rank_b = (uint32_t)b->rank; /* -1 becomes the greatest */
    if (rank_a != rank_b) {
        return rank_a < rank_b ? -1 : 1;
    }
    order = natural_compare(a->name, b->name);
    return order != 0 ? order : strcmp(a->uid, b->uid);
}

static uint32_t member_place(const struct gang *gang, const struct pod *pod)
{
    uint32_t low = 0, high = gang->member_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (compare_members(gang->members[middle], pod) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void insert_member(struct gang *gang, struct pod *pod)
{
    uint32_t place = member_place(gang, pod);
    gang->members = alloc_grow(gang->members, &gang->member_room, (size_t)gang->member_count + 1,
                               sizeof(struct pod *));
    memmove(&gang->members[place + 1], &gang->members[place],
            (gang->member_count - place) * sizeof(struct pod *));
    gang->members[place] = pod;
    gang->member_count++;
}

/* Where the member stands. Its name tells, unless its role or rank just changed. */
static uint32_t find_member(const struct gang *gang, const struct pod *pod)
{
    uint32_t place = member_place(gang, pod);
    if (place < gang->member_count && gang->members[place] == pod) {
        return place;
    }
    for (place = 0; place < gang->member_count && gang->members[place] != pod; place++) {
    }
    err_require(place < gang->member_count);
    return place;
}

static void take_member(struct gang *gang, const struct pod *pod)
{
    uint32_t place = find_member(gang, pod);
    gang->member_count--;
    memmove(&gang->members[place], &gang->members[place + 1],
            (gang->member_count - place) * sizeof(struct pod *));
}

/* The gang is in the list of exclusive ones just when it wants a domain for itself. */
static void update_exclusive(struct gang *gang)
{
    struct gangs *gangs = gang->table;
    bool wanted = gang_exclusive(gang);
    if (wanted && gang->exclusive_slot == 0) {
        gangs->exclusive = alloc_grow(gangs->exclusive, &gangs->exclusive_room,
                                      (size_t)gangs->exclusive_count + 1, sizeof(struct gang *));
        gangs->exclusive[gangs->exclusive_count++] = gang;
        gang->exclusive_slot = gangs->exclusive_count;
    } else if (!wanted && gang->exclusive_slot != 0) {
        struct gang *last = gangs->exclusive[--gangs->exclusive_count];
        gangs->exclusive[gang->exclusive_slot - 1] = last;
        last->exclusive_slot = gang->exclusive_slot;
        gang->exclusive_slot = 0;
    }
}

static void add_member(struct gang *gang, struct pod *pod)
{
    insert_member(gang, pod);
    gang->podsets_known = false;
    pods_count_in(pod, &gang->totals, &gang->footprint);
    pod->gang = gang;
}

void gang_load_member(struct gang *gang, struct pod *pod)
{
    gang->members = alloc_grow(gang->members, &gang->member_room, (size_t)gang->member_count + 1,
                               sizeof(struct pod *));
    gang->members[gang->member_count++] = pod;
    pods_count_in(pod, &gang->totals, &gang->footprint);
    pod->gang = gang;
}

/* ---- who stays outside ---- */

static void put_outside(struct gang *gang, struct pod *pod)
{
    pod->outside = gang;
    pod->outside_next = NULL;
    *(gang->outside_last != NULL ? &gang->outside_last->outside_next : &gang->outside) = pod;
    gang->outside_last = pod;
}

void gang_load_outside(struct gang *gang, struct pod *pod)
{
    put_outside(gang, pod);
}

void gang_loaded(struct gang *gang)
{
    update_exclusive(gang);
    gang_read_minimums(gang, true);
}

/* Those who came before it are passed; there are none but where a limit is passed. */
static void take_outside(struct gang *gang, struct pod *pod)
{
    struct pod *before = NULL;
    for (struct pod *other = gang->outside; other != pod; other = other->outside_next) {
        err_require(other != NULL);
        before = other;
    }
    *(before != NULL ? &before->outside_next : &gang->outside) = pod->outside_next;
    gang->outside_last = gang->outside_last == pod ? before : gang->outside_last;
    pod->outside = NULL;
    pod->outside_next = NULL;
}

const char *gang_refusal(const struct pod *pod)
{
    static const char crowded[] =
        SHAPE_REFUSED "its gang has as many pods as may be planned together";
    return pod->refused != NULL ? pod->refused : pod->outside != NULL ? crowded : NULL;
}

/* ---- membership ---- */

int gang_join(struct gang *gang, struct pod *pod)
{
    assert(pod->gang == NULL && pod->outside == NULL);
    if (gang->member_count >= gang->table->members_max) {
        put_outside(gang, pod);
        return -1;
    }
    add_member(gang, pod);
    update_exclusive(gang);
    gang_read_minimums(gang, false);
    gang_changed(gang);
    return 0;
}

void gang_leave(struct gang *gang, struct pod *pod)
{
    if (pod->outside == gang) {
        take_outside(gang, pod);
        return;
    }
    assert(pod->gang == gang);
    take_member(gang, pod);
    gang->podsets_known = false;
    pods_count_out(pod);
    pod->gang = NULL;
    if (gang->outside != NULL && gang->member_count < gang->table->members_max) {
        struct pod *first = gang->outside;
        take_outside(gang, first);
        add_member(gang, first);
    }
    update_exclusive(gang);
    gang_read_minimums(gang, false);
    gang_changed(gang);
}

void gang_member_changed(struct gang *gang, struct pod *pod, unsigned changes)
{
    if ((changes & POD_ORDER) != 0) {
        take_member(gang, pod);
        insert_member(gang, pod);
    }
    gang->podsets_known = false;
    update_exclusive(gang);
    gang_read_minimums(gang, false);
    if ((changes & ~(unsigned)POD_DEVICES) != 0) {
        gang_changed(gang);
    }
}

static void replace(char **to, const char *text)
{
    free(*to);
    *to = alloc_string(text);
}

void gang_set_object(struct gang *gang, const struct group_object *object)
{
    gang->has_object = true;
    gang->object_minimum = object->minimum;
    gang->object_timeout_ms = object->hold_timeout_ms;
    replace(&gang->uid, object->uid);
    replace(&gang->object_minimums, object->elastic.minimums);
    replace(&gang->object_preference, object->elastic.preference);
    placement_set(&gang->object_placement, &object->placement);
    gang->podsets_known = false;
    update_exclusive(gang);
    gang_read_minimums(gang, true);
    gang_changed(gang);
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool gang_says(const struct gang *gang, const struct group_object *object)
{
    return gang->has_object && gang->object_minimum == object->minimum &&
           placement_equal(&gang->object_placement, &object->placement) &&
           same_text(gang->object_minimums, object->elastic.minimums) &&
           same_text(gang->object_preference, object->elastic.preference);
}

void gang_clear_object(struct gang *gang)
{
    gang->has_object = false;
    gang->object_minimum = 0;
    gang->object_timeout_ms = 0;
    replace(&gang->uid, NULL);
    replace(&gang->object_minimums, NULL);
    replace(&gang->object_preference, NULL);
    placement_finish(&gang->object_placement);
    gang->podsets_known = false;
    update_exclusive(gang);
    gang_read_minimums(gang, true);
    gang_changed(gang);
}

int32_t gang_priority(const struct gang *gang)
{
    return multiset_least(&gang->totals.priorities, 0);
}

bool gang_exclusive(const struct gang *gang)
{
    return gang->object_placement.exclusive != NULL || gang->totals.tally.exclusive > 0;
}

bool gang_member_pending(const struct pod *pod)
{
    return pods_pending(pod);
}

struct gang_tally gang_tally(const struct gang *gang)
{
    return gang->totals.tally;
}

void gang_count(const struct gang *gang, struct totals *totals)
{
    for (uint32_t i = 0; i < gang->member_count; i++) {
        struct totals_share share = pods_share(gang->members[i]);
        totals_add(totals, &share);
    }
}

const char *gang_run(const struct gang *gang, const struct pod *first)
{
    const char *run = run_of(gang->members, gang->member_count);
    if (run == NULL && gang->totals.done_bare > 0) {
        run = run_continued(gang->members, gang->member_count);
    }
    return run != NULL ? run : first->uid;
}

void gang_veto(struct gang *gang, const struct pod *pod, uint32_t takes, uint32_t likely,
               int64_t until)
{
    for (uint32_t i = 0; i < gang->veto_count; i++) {
        struct gang_veto *veto = &gang->vetoes[i];
        if (veto->shape == pod->shape && veto->row == pod->allocation_row) {
            veto->until = until;
            veto->takes = takes < veto->takes ? takes : veto->takes;
            veto->likely = likely < veto->likely ? likely : veto->likely;
            return;
        }
    }
    if (gang->veto_count >= GANG_VETOES_MAX) {
        return;
    }
    gang->vetoes = alloc_grow(gang->vetoes, &gang->veto_room, (size_t)gang->veto_count + 1,
                              sizeof(*gang->vetoes));
    gang->vetoes[gang->veto_count++] = (struct gang_veto){.shape = pod->shape,
                                                          .row = pod->allocation_row,
                                                          .takes = takes,
                                                          .likely = likely,
                                                          .until = until};
    gang->pods = pod->table;
    pods_keep_shape(gang->pods, pod->shape);
}

bool gang_expire_vetoes(struct gang *gang, int64_t now)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < gang->veto_count; i++) {
        if (gang->vetoes[i].until > now) {
            gang->vetoes[kept++] = gang->vetoes[i];
        } else {
            pods_drop_shape(gang->pods, gang->vetoes[i].shape);
        }
    }
    bool any = kept < gang->veto_count;
    gang->veto_count = kept;
    return any;
}

bool gang_set_reason(struct gang *gang, const char *reason_class, const char *text)
{
    gang->reason_class = reason_class;
    gang->short_levels = 0;
    breakdown_finish(&gang->breakdown);
    if (strcmp(gang->reason, text) == 0) {
        return false;
    }
    size_t length = utf8_cut(text, sizeof(gang->reason) - 1);
    memcpy(gang->reason, text, length);
    gang->reason[length] = '\0';
    return true;
}

void gang_set_breakdown(struct gang *gang, const struct breakdown *breakdown)
{
    breakdown_finish(&gang->breakdown);
    gang->breakdown = *breakdown;
}

void gang_add_unplaced(struct gang *gang, uint32_t shape, const char *text)
{
    err_require(gang->unplaced_count < GANG_UNPLACED_MAX);
    gang->unplaced[gang->unplaced_count++] = (struct gang_unplaced){shape, alloc_string(text)};
}

void gang_clear_unplaced(struct gang *gang)
{
    for (uint32_t i = 0; i < gang->unplaced_count; i++) {
        free(gang->unplaced[i].text);
    }
    gang->unplaced_count = 0;
}

static int compare_held(const void *left, const void *right)
{
    const struct pod *a = *(struct pod *const *)left, *b = *(struct pod *const *)right;
    int order = gang_compare(&a->gang, &b->gang);
    return order != 0 ? order : compare_members(a, b);
}

struct pod **gangs_held_on(const struct pods *pods, uint32_t row, uint32_t *count)
{
    struct pod **held = NULL;
    size_t room = 0;
    *count = 0;
    for (struct pod *pod = pods_on(pods, row); pod != NULL; pod = pod->row_after) {
        if (pods_held(pod) && pod->gang != NULL) {
            held = alloc_grow(held, &room, (size_t)*count + 1, sizeof(struct pod *));
            held[(*count)++] = pod;
        }
    }
    if (*count > 1) {
        qsort(held, *count, sizeof(struct pod *), compare_held);
    }
    return held;
}
