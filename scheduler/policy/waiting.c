// SPDX-License-Identifier: Apache-2.0
#include "scheduler/policy/waiting.h"

#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) abort()
#include <uthash.h>

#include "topology/base/alloc.h"
#include "topology/base/err.h"

/* A need is the list of words that says what it is, in a hash table, with a list of its gangs.
 *
 *   key   flags · level · least · (shape · count · level) × roles, sorted by shape
 *
 * `stamp` sums up the counters that may speak for the need; each only ever grows, so the sum stands
 * still exactly when all of them do.
 *
 *   each shape              copies of it rose on some node, or the tree is another one
 *   several shapes, or      somebody gave back some of a resource that is asked for: roles compete,
 *   good sets of GPUs       and what helps them together need not raise what one finds alone
 *   the tree alone          the tree is another one
 *   besides                 a gang left its domains: all gangs if the need is exclusive, else those
 *                           that were exclusive themselves; a gang's nodes stand elsewhere
 *
 * Needs are kept in order of their creation, so that nothing depends on the hash. They are looked
 * at one by one, round and round: who looks may stop at any time, and go on where he was.
 */

#define KEY_MAX (4 + 5 * SOLVER_ROLES_MAX)

struct need {
    UT_hash_handle hh;
    uint32_t key[KEY_MAX];
    struct wait_need what;
    uint64_t stamp;
    bool moved;         /* its counters have, between waiting_unsettle() and waiting_settle() */
    struct gang *gangs; /* doubly linked, oldest first */
    struct gang *last;
};

struct waiting {
    struct ledger *ledger;
    const struct shapes *shapes;
    const struct domains *domains;
    struct pods *pods;
    uint64_t departures; /* places given up by members of gangs */
    uint64_t exclusive;  /* of which by gangs that wanted the domain for themselves */
    struct need *needs;  /* uthash by key, in order of creation */
    struct need *next;   /* to be looked at; NULL: the first one … */
    uint32_t unseen;     /* … so many of them, round and round */
};

struct waiting *waiting_create(struct ledger *ledger, const struct shapes *shapes,
                               const struct domains *domains, struct pods *pods)
{
    struct waiting *waiting = alloc_zero(1, sizeof *waiting);
    waiting->ledger = ledger;
    waiting->shapes = shapes;
    waiting->domains = domains;
    waiting->pods = pods;
    return waiting;
}

static void need_free(struct waiting *waiting, struct need *need)
{
    if (waiting->next == need) {
        waiting->next = need->hh.next;
    }
    HASH_DELETE(hh, waiting->needs, need);
    for (uint32_t i = 0; i < need->what.role_count; i++) {
        pods_drop_shape(waiting->pods, need->what.roles[i].shape);
    }
    free(need);
}

void waiting_destroy(struct waiting *waiting)
{
    if (waiting == NULL) {
        return;
    }
    struct need *need, *next;
    HASH_ITER (hh, waiting->needs, need, next) {
        for (struct gang *gang = need->gangs; gang != NULL; gang = gang->wait_next) {
            gang->need = NULL;
        }
        need_free(waiting, need);
    }
    free(waiting);
}

/* ---- counters and counts ---- */

static uint64_t raised(const struct waiting *waiting, uint32_t shape, bool good)
{
    return good ? ledger_good_raised(waiting->ledger, shape)
                : ledger_raised(waiting->ledger, shape);
}

/* Copies of the shape in the best domain of the level. */
static uint64_t best(const struct waiting *waiting, uint32_t shape, bool good, uint32_t level)
{
    return good ? ledger_good_best(waiting->ledger, shape, level)
                : ledger_best(waiting->ledger, shape, level);
}

static uint64_t stamp_of(const struct waiting *waiting, const struct wait_need *what)
{
    if (what->tree) {
        return domains_generation(waiting->domains);
    }
    if (what->any) {
        return ledger_releases(waiting->ledger) + waiting->departures +
               (what->peers ? peers_moves(pods_peers(waiting->pods)) : 0);
    }
    uint64_t sum = what->exclusive ? waiting->departures : waiting->exclusive;
    for (uint32_t i = 0; i < what->role_count; i++) {
        uint32_t shape = what->roles[i].shape;
        sum += raised(waiting, shape, what->good_gpus);
        if (what->role_count > 1 || what->good_gpus) {
            sum += ledger_released(waiting->ledger, shapes_request(waiting->shapes, shape));
        }
    }
    return sum;
}

/* The most pods that could find room together in one domain of the level, roles taken one by one
 * and each in its own best domain. */
static bool may_fit(const struct waiting *waiting, const struct wait_need *what)
{
    uint64_t fits = 0;
    int level = what->level == NULL ? 0 : domains_level_find(waiting->domains, what->level);
    if (what->tree || what->any || level < 0) {
        return true; /* without a tree it does not: but its reason is to be given */
    }
    for (uint32_t i = 0; i < what->role_count; i++) {
        const char *own = what->roles[i].level;
        int narrow = own == NULL ? level : domains_level_find(waiting->domains, own);
        uint64_t most = best(waiting, what->roles[i].shape, what->good_gpus,
                             (uint32_t)(narrow > level ? narrow : level));
        if (most < what->roles[i].least) {
            return false;
        }
        fits += most < what->roles[i].count ? most : what->roles[i].count;
    }
    return fits >= what->least;
}

void waiting_rearranged(struct waiting *waiting)
{
    waiting->departures++;
    waiting->exclusive++;
}

void waiting_departed(struct waiting *waiting, bool exclusive)
{
    waiting->departures++;
    waiting->exclusive += exclusive;
}

/* ---- needs ---- */

static int compare_roles(const void *left, const void *right)
{
    const struct wait_role *a = left;
    const struct wait_role *b = right;
    if (a->shape != b->shape) {
        return a->shape < b->shape ? -1 : 1;
    }
    int order = a->level == NULL || b->level == NULL ? (b->level == NULL) - (a->level == NULL)
                                                     : strcmp(a->level, b->level);
    order = order != 0 ? order : (a->count > b->count) - (a->count < b->count);
    return order != 0 ? order : (a->least > b->least) - (a->least < b->least);
}

/* Bytes of the key. */
static unsigned make_key(struct need *need)
{
    struct wait_need *what = &need->what;
    unsigned words = 0;
    err_require(what->role_count <= SOLVER_ROLES_MAX);
    if (what->role_count > 1) {
        qsort(what->roles, what->role_count, sizeof what->roles[0], compare_roles);
    }
    need->key[words++] = (what->tree ? 1u : 0) | (what->good_gpus ? 2u : 0) |
                         (what->exclusive ? 4u : 0) | (what->any ? 8u : 0) |
                         (what->peers ? 16u : 0);
    need->key[words++] = (uint32_t)(uintptr_t)what->level;
    need->key[words++] = (uint32_t)((uint64_t)(uintptr_t)what->level >> 32);
    need->key[words++] = what->least;
    for (uint32_t i = 0; i < what->role_count; i++) {
        need->key[words++] = what->roles[i].shape;
        need->key[words++] = what->roles[i].count;
        need->key[words++] = what->roles[i].least;
        need->key[words++] = (uint32_t)(uintptr_t)what->roles[i].level;
        need->key[words++] = (uint32_t)((uint64_t)(uintptr_t)what->roles[i].level >> 32);
    }
    return words * (unsigned)sizeof(uint32_t);
}

/* The need of that key, or a new one. */
static struct need *get_need(struct waiting *waiting, const struct wait_need *what)
{
    struct need *made = alloc_zero(1, sizeof *made);
    struct need *found;
    made->what = *what;
    unsigned size = make_key(made);
    HASH_FIND(hh, waiting->needs, made->key, size, found);
    if (found != NULL) {
        free(made);
        return found;
    }
    for (uint32_t i = 0; i < what->role_count; i++) {
        pods_keep_shape(waiting->pods, what->roles[i].shape);
    }
    HASH_ADD_KEYPTR(hh, waiting->needs, made->key, size, made);
    return made;
}

void waiting_remove(struct waiting *waiting, struct gang *gang)
{
    struct need *need = gang->need;
    if (need == NULL) {
        return;
    }
    *(gang->wait_before != NULL ? &gang->wait_before->wait_next : &need->gangs) = gang->wait_next;
    *(gang->wait_next != NULL ? &gang->wait_next->wait_before : &need->last) = gang->wait_before;
    gang->need = NULL;
    gang->wait_next = NULL;
    gang->wait_before = NULL;
    if (need->gangs == NULL) {
        need_free(waiting, need);
    }
}

static void join(struct need *need, struct gang *gang)
{
    err_require(need != NULL);
    gang->need = need;
    gang->wait_before = need->last;
    *(need->last != NULL ? &need->last->wait_next : &need->gangs) = gang;
    need->last = gang;
}

void waiting_put(struct waiting *waiting, struct gang *gang, const struct wait_need *what)
{
    waiting_remove(waiting, gang);
    struct need *need = get_need(waiting, what);
    if (need->gangs == NULL) {
        need->stamp = stamp_of(waiting, &need->what);
    }
    join(need, gang);
}

bool waiting_may_fit(const struct waiting *waiting, const struct gang *gang)
{
    return gang->need == NULL || may_fit(waiting, &gang->need->what);
}

void waiting_look_again(const struct gang *gang)
{
    gang->need->stamp--;
}

void waiting_released(struct waiting *waiting)
{
    waiting->unseen = HASH_COUNT(waiting->needs);
}

bool waiting_wakes(const struct waiting *waiting)
{
    return waiting->unseen > 0;
}

void waiting_wake(struct waiting *waiting, struct queue *queue,
                  void (*stale)(void *context, struct gang *gang), void *context)
{
    struct need *need = waiting->next != NULL ? waiting->next : waiting->needs;
    waiting->unseen -= waiting->unseen > 0;
    if (need == NULL) {
        waiting->unseen = 0;
        return;
    }
    waiting->next = waiting->unseen > 0 ? need->hh.next : NULL;
    uint64_t stamp = stamp_of(waiting, &need->what);
    if (stamp == need->stamp) {
        return;
    }
    need->stamp = stamp;
    bool helps = may_fit(waiting, &need->what);
    for (struct gang *gang = need->gangs; gang != NULL; gang = gang->wait_next) {
        if (helps) {
            queue_add(queue, gang);
        } else {
            stale(context, gang);
        }
    }
}

uint32_t waiting_needs(const struct waiting *waiting)
{
    return HASH_COUNT(waiting->needs);
}

/* ---- checkpoint ---- */

void waiting_unsettle(struct waiting *waiting)
{
    for (struct need *need = waiting->needs; need != NULL; need = need->hh.next) {
        need->moved = stamp_of(waiting, &need->what) != need->stamp;
    }
}

/* Every need is to be looked at, from the first one on; or none is. */
static void begin_round(struct waiting *waiting, bool wakes)
{
    waiting->next = NULL;
    waiting->unseen = wakes ? HASH_COUNT(waiting->needs) : 0;
}

/* A stamp that is no sum of counters stands for one that has moved since. */
void waiting_settle(struct waiting *waiting)
{
    for (struct need *need = waiting->needs; need != NULL; need = need->hh.next) {
        need->stamp = stamp_of(waiting, &need->what) - need->moved;
    }
    begin_round(waiting, waiting->unseen > 0);
}

/* Levels are told by their names, whose place in memory is part of a need. */
static void code_level(const struct waiting *waiting, const char **level,
                       struct checkpoint *checkpoint)
{
    const char *name = *level;
    size_t length = name == NULL ? 0 : strlen(name);
    checkpoint_bytes(checkpoint, &name, &length);
    if (checkpoint->loading && !checkpoint->failed) {
        *level = name == NULL ? NULL : domains_level_text(waiting->domains, name, length);
        (void)checkpoint_check(checkpoint, name == NULL || *level != NULL, "no such level");
    }
}

static void code_what(const struct waiting *waiting, struct wait_need *what,
                      struct checkpoint *checkpoint)
{
    checkpoint_bool(checkpoint, &what->tree);
    checkpoint_bool(checkpoint, &what->any);
    checkpoint_bool(checkpoint, &what->peers);
    checkpoint_bool(checkpoint, &what->good_gpus);
    checkpoint_bool(checkpoint, &what->exclusive);
    code_level(waiting, &what->level, checkpoint);
    checkpoint_u32(checkpoint, &what->least);
    checkpoint_count(checkpoint, &what->role_count, SOLVER_ROLES_MAX);
    for (uint32_t i = 0; i < what->role_count && !checkpoint->failed; i++) {
        struct wait_role *role = &what->roles[i];
        checkpoint_u32(checkpoint, &role->shape);
        (void)checkpoint_check(checkpoint,
                               checkpoint->failed || shapes_has(waiting->shapes, role->shape),
                               "a shape that is none");
        checkpoint_u32(checkpoint, &role->count);
        checkpoint_u32(checkpoint, &role->least);
        code_level(waiting, &role->level, checkpoint);
    }
}

static void code_need(struct waiting *waiting, struct need *need, const struct gangs *gangs,
                      struct checkpoint *checkpoint)
{
    struct wait_need what = {.tree = false};
    struct gang *next = need == NULL ? NULL : need->gangs;
    uint32_t count = 0;
    bool moved = need != NULL && need->moved;
    if (need != NULL) {
        what = need->what;
    }
    for (const struct gang *gang = next; gang != NULL; gang = gang->wait_next) {
        count++;
    }
    code_what(waiting, &what, checkpoint);
    checkpoint_bool(checkpoint, &moved);
    checkpoint_count(checkpoint, &count, gangs->count);
    if (!checkpoint_check(checkpoint, !checkpoint->failed && count > 0, "nobody waits")) {
        return;
    }
    if (checkpoint->loading) {
        need = get_need(waiting, &what);
        need->moved = moved;
    }
    for (uint32_t i = 0; i < count && !checkpoint->failed; i++) {
        struct gang *gang = next;
        queue_checkpoint_gang(gangs, &gang, checkpoint);
        next = checkpoint->loading || gang == NULL ? NULL : gang->wait_next;
        if (checkpoint->loading &&
            checkpoint_check(checkpoint, !checkpoint->failed && gang->need == NULL,
                             "a gang that waits already")) {
            join(need, gang);
        }
    }
}

void waiting_checkpoint(struct waiting *waiting, const struct gangs *gangs,
                        struct checkpoint *checkpoint)
{
    uint32_t count = HASH_COUNT(waiting->needs);
    bool wakes = waiting->unseen > 0;
    checkpoint_section(checkpoint, "those who wait");
    checkpoint_bool(checkpoint, &wakes);
    checkpoint_u64(checkpoint, &waiting->departures);
    checkpoint_u64(checkpoint, &waiting->exclusive);
    checkpoint_count(checkpoint, &count, gangs->count);
    struct need *next = checkpoint->loading ? NULL : waiting->needs;
    for (uint32_t i = 0; i < count && !checkpoint->failed; i++) {
        struct need *need = next;
        next = need == NULL ? NULL : need->hh.next;
        code_need(waiting, need, gangs, checkpoint);
    }
    begin_round(waiting, wakes);
}
