// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/ordinary.h"

#include <stdlib.h>

#include "scheduler/engine/hold.h"

/* A hold keeps ordinary pods off, as long as it is worth it:
 *
 *   free room                                     for everybody
 *   held by a gang of at least its priority       not for an ordinary pod. One that passed before
 *                                                 the hold was made moves who has not voted
 *   held by a gang of lower priority              for an ordinary pod that finds nothing else; the
 *                                                 hold is given up when it comes to be bound
 *   posted, or held to finish what began here     nobody else's, whatever their priority
 *
 * The plan of a gang is an intention. Its pods have not taken the room yet, and what kube-scheduler
 * would take from running pods of lower priority must not be safer while it is only intended.
 */

/* Whether a term of one of them keeps it off the node when the other is there. A node without the
 * label of the term is in no domain. */
static bool repels(const struct engine *engine, uint32_t row, const struct peer *one,
                   const struct peer *other)
{
    bool repels = false;
    for (uint32_t i = 0; i < one->rule_count && !repels; i++) {
        const struct rule *rule = one->rules[i];
        repels = rule->apart && peers_selects(rule, other) &&
                 nodes_label(engine->nodes, row, rule->keys[0]) != NAMES_NONE;
    }
    return repels;
}

static bool repel(const struct engine *engine, uint32_t row, const struct pod *one,
                  const struct pod *other)
{
    return repels(engine, row, &one->peer, &other->peer) ||
           repels(engine, row, &other->peer, &one->peer);
}

/* A member that is held on the row, and could not be bound beside the ordinary pod;
 * or NULL. */
static struct pod *find_repelled(const struct engine *engine, uint32_t row,
                                 const struct pod *ordinary)
{
    bool any = peers_any(pods_peers(engine->pods));
    struct pod *pod = any ? pods_on(engine->pods, row) : NULL;
    while (pod != NULL && !(pods_held(pod) && repel(engine, row, ordinary, pod))) {
        pod = pod->row_after;
    }
    return pod;
}

/* Whether an ordinary pod may have the node: always, unless it would take what is held, or keep who
 * holds it off the node. */
bool ordinary_may_have(const struct engine *engine, const struct pod *pod, uint32_t row)
{
    if (row == NAMES_NONE || !ledger_has_hold(engine->ledger, row)) {
        return true;
    }
    if (pod == NULL) {
        return false; /* what it needs is unknown, what is held is not */
    }
    return (pods_placed(pod) && pod->allocation_row == row) ||
           (ledger_fits(engine->ledger, row, shapes_request(engine->shapes, pod->shape)) &&
            find_repelled(engine, row, pod) == NULL);
}

/* Whether the member holds its place, and its gang has to give it up for the pod. */
static bool yields_to(const struct pod *member, const struct pod *pod)
{
    return pods_held(member) && !member->gang->begun && gang_priority(member->gang) < pod->priority;
}

bool ordinary_outranks(const struct engine *engine, const struct pod *pod, uint32_t row)
{
    for (struct pod *other = pods_on(engine->pods, row); other != NULL; other = other->row_after) {
        if ((pods_held(other) || other->guarded) && !yields_to(other, pod)) {
            return false;
        }
    }
    return true;
}

bool ordinary_may_take(const struct engine *engine, const struct pod *pod, uint32_t row)
{
    if (row == NAMES_NONE || ordinary_may_have(engine, pod, row)) {
        return true;
    }
    struct resources left;
    bool repelled = false;
    resources_init(&left);
    resources_copy(&left, ledger_free(engine->ledger, row));
    for (struct pod *other = pods_on(engine->pods, row); other != NULL; other = other->row_after) {
        if (yields_to(other, pod)) {
            resources_add(&left, shapes_request(engine->shapes, other->shape));
        } else {
            repelled = repelled || (pods_held(other) && repel(engine, row, pod, other));
        }
    }
    bool fits = !repelled && resources_fit(shapes_request(engine->shapes, pod->shape), &left);
    resources_finish(&left);
    return fits;
}

/* An ordinary pod that kube-scheduler let through before a hold was made takes precedence over
 * members that have not voted; it never takes what a voted member is about to get, nor what is
 * missing of a quorum that is being bound. */
static bool ask_to_move(struct engine *engine, const struct pod *pod, uint32_t row)
{
    const struct resources *request = shapes_request(engine->shapes, pod->shape);
    const struct gang *asked = NULL; /* each gang once: a veto plans all its members again */
    uint32_t count;
    struct pod **held = gangs_held_on(engine->pods, row, &count);
    for (uint32_t i = 0; i < count && !ordinary_may_have(engine, pod, row); i++) {
        struct gang *gang = held[i]->gang;
        bool in_the_way =
            !ledger_fits(engine->ledger, row, request) || repel(engine, row, pod, held[i]);
        if (in_the_way && gang != asked && gang->state != GANG_COMMITTING &&
            held[i]->phase == MEMBER_HELD && held[i]->allocation_row == row) {
            asked = gang;
            hold_veto(engine, held[i]);
        }
    }
    free(held);
    return ordinary_may_have(engine, pod, row);
}

/* Gangs of lower priority give up what they hold, until there is room. */
static void give_way(struct engine *engine, const struct pod *pod, uint32_t row)
{
    uint32_t count;
    struct pod **held = gangs_held_on(engine->pods, row, &count);
    for (uint32_t i = 0; i < count && !ordinary_may_have(engine, pod, row); i++) {
        if (yields_to(held[i], pod)) {
            hold_abort(engine, held[i]->gang, "a pod of higher priority takes its room",
                       HOLD_TAKEN);
        }
    }
    free(held);
}

bool ordinary_make_way(struct engine *engine, const struct pod *pod, uint32_t row)
{
    if (ordinary_may_take(engine, pod, row)) {
        give_way(engine, pod, row);
    }
    return ordinary_may_have(engine, pod, row) || ask_to_move(engine, pod, row);
}
