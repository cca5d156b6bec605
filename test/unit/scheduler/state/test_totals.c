// SPDX-License-Identifier: Apache-2.0
/* What the members of gangs add up to, through random traffic of pods that are observed, held,
 * bound, unconfirmed, answered for, resized, moved between gangs and removed, against a count from
 * scratch. */
#include "scheduler/state/totals.h"

#include "scheduler/state/gang.h"
#include "test/unit/check_main.h"
#include "test/unit/scheduler/state/books.h"
#include "test/unit/topology/random.h"

#define PODS        40
#define GANGS       3
#define NODES       5
#define MEMBERS_MAX 8

struct model {
    struct books books;
    struct random random;
    struct gangs gangs;
    struct gang *gang[GANGS];
    struct pod *pods[PODS]; /* NULL: not there */
    uint32_t rows[NODES];
};

static const char *const node_names[NODES] = {"n0", "n1", "n2", "n3", "n4"};

static bool chance(struct model *model, uint32_t of)
{
    return random_below(&model->random, of) == 0;
}

static bool is_live(const struct pod *pod)
{
    return !pod->terminal && !pod->deleting;
}

/* Whether a succeeded member counts: the table of scheduler/state/run.h, one member at a time. */
static bool counts(const struct gang *gang, const struct pod *done)
{
    const char *run = NULL;
    bool live = false, same_owner = false, again = false;
    for (uint32_t i = gang->member_count; i-- > 0;) {
        const struct pod *pod = gang->members[i];
        live = live || is_live(pod);
        same_owner = same_owner || (is_live(pod) && pod->owner == done->owner);
        if (is_live(pod) && pod->run != NULL && (pod->node != NAMES_NONE || pods_bound(pod))) {
            run = pod->run;
        }
    }
    if (!live || done->owner != NAMES_NONE) {
        return !live || same_owner;
    }
    if (run != NULL && done->run != NULL) {
        return strcmp(run, done->run) == 0;
    }
    bool sibling = false;
    for (uint32_t i = 0; i < gang->member_count; i++) {
        const struct pod *one = gang->members[i];
        sibling = sibling ||
                  (is_live(one) && one->owner == NAMES_NONE && strcmp(one->role, done->role) == 0);
        for (uint32_t j = 0; j < gang->member_count; j++) {
            const struct pod *other = gang->members[j];
            bool told_by_rank =
                one->succeeded && one->owner == NAMES_NONE && (run == NULL || one->run == NULL);
            again = again || (told_by_rank && is_live(other) && one->rank >= 0 &&
                              one->rank == other->rank && strcmp(one->role, other->role) == 0);
        }
    }
    return done->rank >= 0 && sibling && !again;
}

static void check_done(const struct gang *gang)
{
    uint32_t done = 0;
    for (uint32_t i = 0; i < gang->member_count; i++) {
        done += gang->members[i]->succeeded && counts(gang, gang->members[i]);
    }
    ck_assert_uint_eq(gang_done(gang), done);
}

static void check(const struct model *model)
{
    for (int i = 0; i < GANGS; i++) {
        struct totals counted = {.tally = {0}};
        const struct gang *gang = model->gang[i];
        gang_count(gang, &counted);
        ck_assert(totals_equal(&gang->totals, &counted));
        struct gang_tally tally = gang_tally(gang);
        ck_assert_mem_eq(&tally, &counted.tally, sizeof(tally));
        int32_t priority = INT32_MAX, minimum = 0;
        for (uint32_t m = 0; m < gang->member_count; m++) {
            const struct pod *pod = gang->members[m];
            bool lower = pods_pending(pod) && pod->priority < priority;
            priority = lower ? pod->priority : priority;
            minimum = pod->gang_minimum > 0 && pod->gang_minimum > minimum ? pod->gang_minimum
                      : minimum == 0                                       ? pod->gang_minimum
                                                                           : minimum;
        }
        check_done(gang);
        ck_assert_int_eq(gang_priority(gang), gang_tally(gang).pending == 0 ? 0 : priority);
        ck_assert_int_eq(gang_minimum(gang), minimum);
        totals_finish(&counted);
    }
}

/* Everybody with an allocation is in one list and in one footprint, and nobody else. */
static void check_places(const struct model *model)
{
    uint32_t listed = 0, allocations = 0, sites = pods_ordinary(model->books.pods)->count;
    for (int n = 0; n < NODES; n++) {
        const struct pod *before = NULL;
        uint32_t members = 0;
        for (const struct pod *pod = pods_on(model->books.pods, model->rows[n]); pod != NULL;
             pod = pod->row_after) {
            ck_assert(pods_placed(pod));
            ck_assert_uint_eq(pod->allocation_row, model->rows[n]);
            ck_assert_ptr_eq(pod->row_before, before);
            members += pod->gang != NULL;
            listed++;
            before = pod;
        }
        ck_assert_uint_eq(pods_members_on(model->books.pods, model->rows[n]), members);
    }
    for (int i = 0; i < GANGS; i++) {
        sites += model->gang[i]->footprint.count;
    }
    for (int i = 0; i < PODS; i++) {
        const struct pod *pod = model->pods[i];
        if (pod == NULL || !pods_placed(pod)) {
            continue;
        }
        const struct footprint *footprint =
            pod->gang == NULL ? pods_ordinary(model->books.pods) : &pod->gang->footprint;
        ck_assert_uint_eq(footprint->sites[pod->site - 1].row, pod->allocation_row);
        ck_assert_uint_eq(footprint->sites[pod->site - 1].shape, pod->shape);
        allocations++;
    }
    ck_assert_uint_eq(listed, allocations);
    ck_assert_uint_eq(sites, allocations);
}

/* Nobody stays outside while there is room, and who does is no member. */
static void check_outside(const struct model *model)
{
    uint32_t outside = 0;
    for (int i = 0; i < GANGS; i++) {
        const struct gang *gang = model->gang[i];
        const struct pod *last = NULL;
        for (const struct pod *pod = gang->outside; pod != NULL; pod = pod->outside_next) {
            ck_assert_ptr_eq(pod->outside, gang);
            ck_assert_ptr_null(pod->gang);
            ck_assert_ptr_nonnull(gang_refusal(pod));
            last = pod;
            outside++;
        }
        ck_assert_ptr_eq(gang->outside_last, last);
        ck_assert(last == NULL || gang->member_count == MEMBERS_MAX);
    }
    for (int i = 0; i < PODS; i++) {
        outside -= model->pods[i] != NULL && model->pods[i]->outside != NULL;
    }
    ck_assert_uint_eq(outside, 0);
}

static void check_exclusive(const struct model *model)
{
    uint32_t exclusive = 0;
    for (int i = 0; i < GANGS; i++) {
        bool wanted = gang_exclusive(model->gang[i]);
        uint32_t slot = model->gang[i]->exclusive_slot;
        ck_assert_int_eq(slot != 0, wanted);
        ck_assert(slot == 0 || model->gangs.exclusive[slot - 1] == model->gang[i]);
        exclusive += wanted;
    }
    ck_assert_uint_eq(model->gangs.exclusive_count, exclusive);
}

static void observe(struct model *model, uint32_t index)
{
    struct books_pod page;
    char uid[8];
    unsigned changes;
    snprintf(uid, sizeof(uid), "p%u", index);
    books_pod_init(&page, uid, 100 + 100 * random_below(&model->random, 2), chance(model, 2));
    page.object.node = chance(model, 3) ? node_names[random_below(&model->random, NODES)] : NULL;
    page.object.rank = (int32_t)random_below(&model->random, 6) - 1;
    page.object.role = chance(model, 3) ? "Master" : NULL;
    page.object.priority = (int32_t)random_below(&model->random, 5) - 2;
    page.object.gang_minimum = (int32_t)random_below(&model->random, 6) - 2;
    page.object.terminal = chance(model, 6);
    page.object.succeeded = page.object.terminal && chance(model, 2);
    page.object.deleting = chance(model, 6);
    page.object.gated = chance(model, 6);
    page.object.placement.exclusive_level = chance(model, 3) ? "rack" : NULL;
    page.object.owner = chance(model, 2) ? (chance(model, 2) ? "job-1" : "job-2") : NULL;
    page.object.run = chance(model, 2) ? (chance(model, 2) ? "run-1" : "run-2") : NULL;
    struct pod *pod = pods_observe(model->books.pods, &page.object, &changes);
    model->pods[index] = pod;
    if (pod->gang != NULL) {
        gang_member_changed(pod->gang, pod, changes);
    }
}

static void move(struct model *model, struct pod *pod)
{
    struct gang *gang = pod->gang != NULL ? pod->gang : pod->outside;
    if (gang != NULL) {
        gang_leave(gang, pod);
        return;
    }
    gang = model->gang[random_below(&model->random, GANGS)];
    bool room = gang->member_count < MEMBERS_MAX;
    ck_assert_int_eq(gang_join(gang, pod), room ? 0 : -1);
    ck_assert_ptr_eq(room ? pod->gang : pod->outside, gang);
}

/* The group object says something of exclusive domains, or goes. */
static void change_group(struct model *model)
{
    struct gang *gang = model->gang[random_below(&model->random, GANGS)];
    struct group_object object = {.name_space = "ns", .name = gang->name, .uid = "u"};
    object.placement.exclusive_level = chance(model, 2) ? "leaf" : NULL;
    if (gang->has_object) {
        gang_clear_object(gang);
    } else if (chance(model, 2)) {
        object.minimum = gang_minimum(gang); /* what the check expects */
        gang_set_object(gang, &object);
        check_exclusive(model);
        gang_clear_object(gang);
    }
}

/* Some step that phase.h allows. */
static void change_phase(struct model *model, struct pod *pod)
{
    struct pods *pods = model->books.pods;
    uint32_t row = model->rows[random_below(&model->random, NODES)];
    if (pods_placed(pod) && chance(model, 4)) {
        pods_release(pods, pod);
        return;
    }
    bool first = chance(model, 2);
    switch (pod->phase) {
    case MEMBER_UNPLACED:
        if (first) {
            pods_hold(pods, pod, row, 0);
        } else if (chance(model, 2)) {
            pods_bind(pods, pod, row);
        } else {
            pods_post(pods, pod, row);
        }
        break;
    case MEMBER_HELD:
        pods_vote(pods, pod);
        break;
    case MEMBER_VOTED:
        first ? pods_commit(pods, pod) : pods_unvote(pods, pod);
        break;
    case MEMBER_POSTED:
    case MEMBER_UNCONFIRMED:
        pods_answered(pod);
        if (first) {
            pods_unconfirm(pods, pod, 7);
        } else if (chance(model, 2)) {
            pods_assume(pods, pod);
        } else {
            pods_bind(pods, pod, pod->allocation_row);
        }
        break;
    case MEMBER_ASSUMED:
        pods_bind(pods, pod, pod->allocation_row);
        break;
    case MEMBER_BOUND:
        pods_assume(pods, pod);
        break;
    }
}

static void remove_pod(struct model *model, uint32_t index)
{
    struct pod *pod = model->pods[index];
    struct gang *gang = pod->gang != NULL ? pod->gang : pod->outside;
    if (gang != NULL) {
        gang_leave(gang, pod);
    }
    pods_remove(model->books.pods, pod);
    model->pods[index] = NULL;
}

START_TEST(test_against_a_count)
{
    static struct model model;
    memset(&model, 0, sizeof(model));
    model.random.state = (uint64_t)_i + 11;
    books_init(&model.books);
    gangs_init(&model.gangs);
    model.gangs.members_max = MEMBERS_MAX;
    for (int i = 0; i < GANGS; i++) {
        char name[] = {(char)('a' + i), '\0'};
        model.gang[i] = gangs_get(&model.gangs, "ns", name);
    }
    for (int i = 0; i < NODES; i++) {
        model.rows[i] = books_node(&model.books, node_names[i], "r1", 100000, 64);
    }
    for (int step = 0; step < 4000; step++) {
        uint32_t index = random_below(&model.random, PODS);
        struct pod *pod = model.pods[index];
        if (pod == NULL || chance(&model, 3)) {
            observe(&model, index);
        } else if (chance(&model, 3)) {
            move(&model, pod);
        } else if (chance(&model, 12)) {
            remove_pod(&model, index);
        } else if (chance(&model, 12)) {
            change_group(&model);
        } else {
            change_phase(&model, pod);
        }
        check(&model);
        check_places(&model);
        check_outside(&model);
        check_exclusive(&model);
    }
    for (uint32_t i = 0; i < PODS; i++) {
        if (model.pods[i] != NULL) {
            remove_pod(&model, i);
        }
    }
    check(&model);
    gangs_finish(&model.gangs);
    books_finish(&model.books);
}
END_TEST

START_TEST(test_equal)
{
    struct totals a = {.tally = {0}}, b = {.tally = {0}};
    struct totals_share share = {.tally = {.live = 1, .pending = 1}, .priority = 3, .quorum = 4};
    struct totals_share other = share;
    totals_add(&a, &share);
    ck_assert(!totals_equal(&a, &b));
    totals_add(&b, &share);
    ck_assert(totals_equal(&a, &b));
    other.priority = 5;
    totals_change(&a, &share, &other);
    ck_assert(!totals_equal(&a, &b));
    totals_change(&a, &other, &share);
    other = share;
    other.quorum = 0;
    totals_change(&a, &share, &other);
    ck_assert(!totals_equal(&a, &b));
    totals_change(&b, &share, &other);
    ck_assert(totals_equal(&a, &b));
    totals_remove(&a, &other);
    ck_assert_uint_eq(a.tally.live, 0);
    ck_assert_uint_eq(a.priorities.count, 0);
    totals_finish(&a);
    totals_finish(&b);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/state/totals");
    TCase *tcase = tcase_create("totals");
    tcase_add_loop_test(tcase, test_against_a_count, 0, 6);
    tcase_add_test(tcase, test_equal);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
