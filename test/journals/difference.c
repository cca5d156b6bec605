// SPDX-License-Identifier: Apache-2.0
#include "test/journals/difference.h"

#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) abort()
#include <uthash.h>

#include "topology/base/alloc.h"

/* Each kind of effect is a list of its own: an Event that is sent before a binding today and after
 * it tomorrow is no difference. Two effects are equal when journal_compare() says so, which sees
 * every field; texts that only tell why are compared apart from the rest of their effect.
 */

const char *const difference_names[DIFFERENCES] = {
    [DIFFERENCE_FILTER] = "filter answer",
    [DIFFERENCE_PRIORITIZE] = "prioritize answer",
    [DIFFERENCE_PREEMPT] = "preempt answer",
    [DIFFERENCE_BIND] = "bind answer",
    [DIFFERENCE_POST] = "binding posted",
    [DIFFERENCE_NOMINATE] = "nomination",
    [DIFFERENCE_EVICT] = "eviction",
    [DIFFERENCE_ORDER] = "order of writes",
    [DIFFERENCE_AGAIN] = "nomination repeated",
    [DIFFERENCE_REASON] = "reason in an answer",
    [DIFFERENCE_EXPLAIN] = "explanation on a pod",
    [DIFFERENCE_EVENT] = "Event",
    [DIFFERENCE_TRANSITION] = "transition of a gang",
};

struct nomination {
    UT_hash_handle hh;
    char *uid;
    char *node; /* NULL: cleared */
};

/* What was last said of the pod; made when it is new. */
static struct nomination *nomination_of(struct side *side, const char *uid, bool *made)
{
    struct nomination *it = NULL;
    size_t length = strlen(uid);
    HASH_FIND(hh, side->nominations, uid, length, it);
    *made = it == NULL;
    if (it == NULL) {
        it = alloc_zero(1, sizeof *it);
        it->uid = alloc_string(uid);
        HASH_ADD_KEYPTR(hh, side->nominations, it->uid, length, it);
    }
    return it;
}

void side_watch(struct side *side, const struct event *event)
{
    bool made;
    if (event->type == EVENT_POD && event->pod.nominated != NULL) {
        struct nomination *it = nomination_of(side, event->pod.uid, &made);
        if (made) {
            it->node = alloc_string(event->pod.nominated);
        }
    }
}

/* Remembers the nomination; whether the one before was the same. */
static bool nominates_again(struct side *side, const struct pod_write *write)
{
    bool made;
    struct nomination *it = nomination_of(side, write->uid, &made);
    if (it->node != NULL && write->node != NULL && strcmp(it->node, write->node) == 0) {
        return true;
    }
    free(it->node);
    it->node = alloc_string(write->node);
    return false;
}

void side_finish(struct side *side)
{
    struct nomination *it, *next;
    HASH_ITER (hh, side->nominations, it, next) {
        HASH_DELETE(hh, side->nominations, it);
        free(it->uid);
        free(it->node);
        free(it);
    }
    free(side->kinds);
    *side = (struct side){.nominations = NULL};
}

static enum difference kind_of(struct side *side, const struct effect *effect)
{
    switch ((int)effect->type) {
    case EFFECT_FILTER_REPLY:
        return DIFFERENCE_FILTER;
    case EFFECT_PRIORITIZE_REPLY:
        return DIFFERENCE_PRIORITIZE;
    case EFFECT_PREEMPT_REPLY:
        return DIFFERENCE_PREEMPT;
    case EFFECT_BIND_REPLY:
        return DIFFERENCE_BIND;
    case EFFECT_POST_BINDING:
        return DIFFERENCE_POST;
    case EFFECT_NOMINATE:
        return nominates_again(side, &effect->write) ? DIFFERENCE_AGAIN : DIFFERENCE_NOMINATE;
    case EFFECT_EVICT:
        return DIFFERENCE_EVICT;
    case EFFECT_EXPLAIN:
        return DIFFERENCE_EXPLAIN;
    case EFFECT_EVENT:
        return DIFFERENCE_EVENT;
    case EFFECT_TRANSITION:
        return DIFFERENCE_TRANSITION;
    default: /* what newer engines add is in no older journal */
        return DIFFERENCES;
    }
}

void side_step(struct side *side, const struct effects *effects)
{
    side->effects = effects;
    side->kinds = alloc_grow(side->kinds, &side->room, effects->count + 1, sizeof *side->kinds);
    for (size_t i = 0; i < effects->count; i++) {
        side->kinds[i] = kind_of(side, &effects->items[i]);
    }
}

/* The text of an answer that only tells why; NULL where there is none. */
static const char *reason_of(const struct effect *effect)
{
    return effect->type == EFFECT_FILTER_REPLY ? effect->filter.reason
           : effect->type == EFFECT_BIND_REPLY ? effect->bind.error
                                               : NULL;
}

static struct effect without_reason(const struct effect *effect)
{
    struct effect bare = *effect;
    if (bare.type == EFFECT_FILTER_REPLY) {
        bare.filter.reason = NULL;
    } else if (bare.type == EFFECT_BIND_REPLY && bare.bind.error != NULL) {
        bare.bind.error = "";
    }
    return bare;
}

static bool equal(struct journal_reader *reader, const struct event *event,
                  const struct effect *one, const struct effect *other)
{
    struct effect left = without_reason(one), right = without_reason(other);
    struct effects lefts = {.items = &left, .count = 1}, rights = {.items = &right, .count = 1};
    size_t first;
    return journal_compare(reader, event, &lefts, &rights, &first);
}

/* Index of the next effect of the kind from `at` on, or the length of the list. */
static size_t next_of(const struct side *side, enum difference kind, size_t at)
{
    while (at < side->effects->count && side->kinds[at] != kind) {
        at++;
    }
    return at;
}

static unsigned compare_kind(struct journal_reader *reader, const struct event *event,
                             const struct side *recorded, const struct side *now,
                             enum difference kind)
{
    size_t left = next_of(recorded, kind, 0), right = next_of(now, kind, 0);
    unsigned found = 0;
    while (left < recorded->effects->count && right < now->effects->count) {
        const struct effect *one = &recorded->effects->items[left],
                            *other = &now->effects->items[right];
        const char *then = reason_of(one), *today = reason_of(other);
        if (!equal(reader, event, one, other)) {
            return 1u << kind;
        }
        if ((then == NULL) != (today == NULL) || (then != NULL && strcmp(then, today) != 0)) {
            found |= 1u << DIFFERENCE_REASON;
        }
        left = next_of(recorded, kind, left + 1);
        right = next_of(now, kind, right + 1);
    }
    return left < recorded->effects->count || right < now->effects->count ? 1u << kind : found;
}

/* Whether each effect of the kind has its equal in the other list, wherever it stands there. */
static bool same_set(struct journal_reader *reader, const struct event *event,
                     const struct side *recorded, const struct side *now, enum difference kind)
{
    bool *taken = alloc_zero(now->effects->count + 1, sizeof *taken);
    size_t left = next_of(recorded, kind, 0), unmatched = 0, count = 0;
    for (; left < recorded->effects->count; left = next_of(recorded, kind, left + 1)) {
        size_t right = next_of(now, kind, 0);
        while (right < now->effects->count &&
               (taken[right] || !equal(reader, event, &recorded->effects->items[left],
                                       &now->effects->items[right]))) {
            right = next_of(now, kind, right + 1);
        }
        taken[right] = true;
        unmatched += right == now->effects->count;
        count++;
    }
    for (size_t right = next_of(now, kind, 0); right < now->effects->count;
         right = next_of(now, kind, right + 1)) {
        count--;
    }
    free(taken);
    return unmatched == 0 && count == 0;
}

unsigned difference_between(struct journal_reader *reader, const struct event *event,
                            const struct side *recorded, const struct side *now)
{
    unsigned found = 0;
    for (enum difference kind = 0; kind < DIFFERENCES; kind++) {
        unsigned differs = compare_kind(reader, event, recorded, now, kind);
        if ((differs & 1u << kind) != 0 && same_set(reader, event, recorded, now, kind)) {
            differs = (1u << kind & DIFFERENCE_WRITES) != 0 ? 1u << DIFFERENCE_ORDER : 0;
        }
        found |= differs;
    }
    return found;
}
