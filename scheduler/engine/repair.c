// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/repair.h"

#include <inttypes.h>
#include <stdio.h>

#include "topology/base/plural.h"
#include "topology/base/utf8.h"

/* What happens when rolling forward does not work.
 *
 *   COMMITTING ──bound──▶ PLACED
 *       │ for repair_timeout_ms, with members that find no room beside the bound ones
 *       ▼
 *     incomplete ──keep──▶ said once; the rest joins when there is room
 *       └────evict─▶ the bound members are evicted: their controller makes the gang anew, whole
 *
 * A gang is incomplete when a binding failed for good, a node died or a running member was lost,
 * and what replaces it fits nowhere. A gang whose missing members do not exist is not: bringing
 * them back, or not, is its controller's business. How long it is in COMMITTING counts, not how
 * long the last attempt is ago, so that plans which are vetoed over and over do not put it off.
 * Nothing of this is remembered by the API server: a new process starts the time anew. What lacked
 * members when it began is taken to have been said by then; it is said again when more are lost.
 */

static bool is_incomplete(const struct gang_tally *tally)
{
    return tally->bound > 0 && tally->pending > 0;
}

void repair_is_old_news(struct gang *gang)
{
    struct gang_tally tally = gang_tally(gang);
    gang->told_bound = is_incomplete(&tally) ? tally.bound : 0;
}

void repair_watch(struct engine *engine, struct gang *gang, enum gang_state state)
{
    if (state != GANG_COMMITTING) {
        gang->repair_since = -1;
        gang->incomplete = false;
        gang->told_bound = 0;
    } else if (gang->repair_since < 0) {
        gang->repair_since = engine->now;
    } else if (gang_tally(gang).bound < gang->told_bound) { /* it lost another one: that is news */
        gang->repair_since = engine->now;
        gang->incomplete = false;
        gang->told_bound = 0;
    }
}

/* Asks for the eviction of every live member that is bound for certain. A binding still under way
 * is met by the next round. */
static void evict_members(struct engine *engine, struct gang *gang)
{
    for (uint32_t i = 0; i < gang->member_count; i++) {
        const struct pod *pod = gang->members[i];
        if (pod->node == NAMES_NONE || pod->terminal || pod->deleting) {
            continue;
        }
        struct effect *effect = engine_write(engine, EFFECT_EVICT, pod);
        effect->write.gang = arena_string(&engine->effects->arena, gang->name);
        effect->write.rank = pod->role_rank;
    }
}

void repair_tick(struct engine *engine, struct gang *gang)
{
    struct gang_tally tally = gang_tally(gang);
    char text[GANG_REASON_MAX];
    if (gang->repair_since < 0 || gang->incomplete ||
        gang->repair_since + engine->options.repair_timeout_ms > engine->now) {
        return;
    }
    if (!is_incomplete(&tally) || !engine->synced || engine->draining || !engine->leading) {
        /* Bindings are under way, or the missing members do not exist, or it is not for us. */
        gang->repair_since = engine->now;
        return;
    }
    bool evict = engine->options.incomplete == ENGINE_INCOMPLETE_EVICT;
    utf8_print(text, sizeof(text),
               "gang %s/%s is incomplete: %" PRIu32 " pod%s bound, %" PRIu32
               " without room beside the bound pods, which are %s",
               gang->name_space, gang->name, tally.bound, plural(tally.bound), tally.pending,
               evict ? "evicted" : "kept");
    if (evict || gang->told_bound == 0) {
        engine_emit_event(engine, gang, true, "GangIncomplete", text);
    }
    if (evict) {
        evict_members(engine, gang);
        gang->repair_since = engine->now; /* asked again when it did not help */
    } else {
        gang->incomplete = true;
    }
    engine_mark(engine, gang);
}
