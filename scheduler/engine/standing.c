// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/standing.h"

/* A hold is an intention, and keeps others off. Whoever may create pods can have one made for what
 * nobody will ever vote for, so it costs something when it comes to nothing:
 *
 *   a hold                     its gang                           its namespace
 *   ended without any vote     the next one lasts half as long,   the same, whatever the gang:
 *                              down to HOLD_LEAST_MS              it would do to rename it
 *   with some                  it may last as long as ever        the same
 *   … and was not kept         goes behind others of its          one gang at a time, until one
 *                              priority                           of its holds is kept
 *   was kept                   as if nothing had happened         the same
 *
 * A hold is *kept* when it ends because all that was held is posted. One that ends for a cause that
 * is not the gang's (a node that went, a pod of higher priority, a node that was refused, the end
 * of a term) is not judged. Repair of what began here is not counted at all: its bound members
 * vouch for it.
 *
 * Beside that, an administrator may limit how many gangs of a namespace are planned, or wait for
 * room, at a time, and how many hold something. Who has to wait for others of its namespace is
 * parked with the tenant, out of the queue; one of them comes back each time one may be planned, so
 * a crowd of them costs nobody anything.
 */

/* Its pods may be in backoff in kube-scheduler, 10 s at most (podMaxBackoffSeconds), which does not
 * end when they are nominated: with less time nobody could vote. */
#define HOLD_LEAST_MS 12000

int64_t standing_shortened(const struct gang *gang, int64_t timeout)
{
    uint32_t times = gang->voteless;
    times = gang->tenant->voteless > times ? gang->tenant->voteless : times;
    for (; times > 0 && timeout > HOLD_LEAST_MS && !gang->begun; times--) {
        timeout = timeout / 2 > HOLD_LEAST_MS ? timeout / 2 : HOLD_LEAST_MS;
    }
    return timeout;
}

static bool is_full(uint32_t count, uint32_t limit)
{
    return limit > 0 && count >= limit;
}

const char *standing_blocks(const struct engine *engine, const struct gang *gang)
{
    const struct tenant *tenant = gang->tenant;
    uint32_t others = tenant->holding - gang->holding;
    if (gang->begun) {
        return NULL;
    }
    if (tenant->limited && others > 0) {
        return "for another gang of its namespace: a hold there was not kept, so they are planned "
               "one at a time until one is bound";
    }
    if (is_full(others, engine->options.tenant_holds)) {
        return "for others of its namespace: no more of them are held at a time "
               "(limits.holdsPerNamespace)";
    }
    if (!gang->admitted && is_full(tenant->admitted, engine->options.tenant_gangs)) {
        return "for others of its namespace: no more of them are planned at a time "
               "(limits.gangsPerNamespace)";
    }
    return NULL;
}

void standing_admit(struct gang *gang)
{
    gang->tenant->admitted += !gang->admitted;
    gang->admitted = true;
}

void standing_holds(struct gang *gang)
{
    if (!gang->holding && !gang->begun) {
        gang->holding = true;
        gang->hold_voted = false;
        gang->hold_end = HOLD_RUNS;
        gang->tenant->holding++;
    }
}

void standing_voted(struct gang *gang)
{
    gang->hold_voted = true;
}

void standing_kept(struct gang *gang)
{
    gang->hold_end = gang->hold_end == HOLD_RUNS ? HOLD_KEPT : gang->hold_end;
}

void standing_given_up(struct gang *gang, bool own)
{
    gang->hold_end = own ? HOLD_FAILED : HOLD_EXCUSED;
}

static void forgive(struct gang *gang)
{
    gang->voteless = 0;
    tenant_forgive(gang->tenant);
}

/* The hold failed: whoever asked for votes and got some may still be slow. */
static void charge(struct engine *engine, struct gang *gang)
{
    struct tenant *tenant = gang->tenant;
    tenant->limited = true;
    gang->sequence = ++engine->gangs.next_sequence;
    gang->voteless = gang->hold_voted ? 0 : gang->voteless + 1;
    tenant->voteless = gang->hold_voted ? 0 : tenant->voteless + 1;
}

static void judge(struct engine *engine, struct gang *gang)
{
    if (gang->hold_end == HOLD_KEPT) {
        forgive(gang);
    } else if (gang->hold_end != HOLD_EXCUSED) { /* or all its members left */
        charge(engine, gang);
    }
}

void standing_next(struct engine *engine, struct tenant *tenant)
{
    if (tenant->parked != NULL && standing_blocks(engine, tenant->parked) == NULL) {
        queue_put_back(&engine->queue, tenant->parked);
    }
}

void standing_refresh(struct engine *engine, struct gang *gang, uint32_t held)
{
    if (gang->holding && (held == 0 || gang->begun)) {
        gang->holding = false;
        gang->tenant->holding--;
        /* What is still held when the gang has begun is to make it whole again. */
        if (held == 0 || gang->hold_end == HOLD_KEPT) {
            judge(engine, gang);
        }
    }
    if (gang->admitted && !gang->wants) {
        gang->admitted = false;
        gang->tenant->admitted--;
    }
    if (gang->queued == GANG_PARKED && standing_blocks(engine, gang) == NULL) {
        queue_put_back(&engine->queue, gang);
    }
    standing_next(engine, gang->tenant);
}

void standing_forget(struct gang *gang)
{
    forgive(gang);
}
