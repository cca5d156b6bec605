// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/audit.h"

#include <string.h>

#include "scheduler/engine/state.h"
#include "topology/base/utf8.h"

/* Sums are recomputed the plain way, from the pods as they are in the tables. Which node is next
 * follows from the events alone, so a journal that is replayed checks the same ones.
 *
 * Pods of a great gang, and those on a name that many pods say they run on, may be tens of
 * thousands: that is a millisecond or two, after which there is a pause of some seconds.
 */

static bool is_call(enum event_type type)
{
    return type == EVENT_FILTER || type == EVENT_PRIORITIZE || type == EVENT_PREEMPT ||
           type == EVENT_BIND;
}

static void differs(struct audit *audit, const char *kind, const char *name_space, const char *name)
{
    audit->differences++;
    utf8_print(audit->last, sizeof audit->last, "%s %.64s%s%.120s", kind, name_space,
               name_space[0] == '\0' ? "" : "/", name);
}

/* Returns how many pods there are. */
static uint32_t check_node(struct engine *engine, uint32_t row)
{
    struct balance taken = {.count = 0};
    uint32_t holds = 0, count = 0;
    for (const struct pod *pod = pods_on(engine->pods, row); pod != NULL; pod = pod->row_after) {
        struct resources amounts = pod_charge(pod, shapes_request(engine->shapes, pod->shape));
        balance_add(&taken, &amounts);
        holds += (uint32_t)pods_held(pod) + (uint32_t)pod->guarded;
        count++;
    }
    if (!ledger_agrees(engine->ledger, row, &taken, holds)) {
        differs(&engine->audit, "node", "", nodes_name(engine->nodes, row));
        ledger_correct(engine->ledger, row, &taken, holds);
    }
    balance_finish(&taken);
    engine->audit.nodes++;
    return count;
}

/* Returns how many members there are. */
static uint32_t check_gang(struct engine *engine, struct gang *gang)
{
    struct balance amounts = {.count = 0};
    struct totals totals = {.tally = {.live = 0}};
    for (uint32_t i = 0; i < gang->footprint.count; i++) {
        struct resources request =
            resources_without_slots(shapes_request(engine->shapes, gang->footprint.sites[i].shape));
        balance_add(&amounts, &request);
    }
    gang_count(gang, &totals);
    bool same_amounts = balance_equal(&amounts, &gang->footprint.amounts);
    if (!same_amounts || !totals_equal(&totals, &gang->totals)) {
        differs(&engine->audit, "gang", gang->name_space, gang->name);
    }
    if (!same_amounts) {
        balance_finish(&gang->footprint.amounts);
        gang->footprint.amounts = amounts;
    } else {
        balance_finish(&amounts);
    }
    totals_finish(&totals);
    engine->audit.gangs++;
    return gang->member_count;
}

void audit_run(struct engine *engine, const struct event *event)
{
    struct audit *audit = &engine->audit;
    uint32_t rows = nodes_rows(engine->nodes), pods = 0;
    if (engine->now < audit->after || event->more || is_call(event->type)) {
        return;
    }
    audit->row = audit->row < rows ? audit->row : 0;
    audit->gang = audit->gang < engine->gangs.count ? audit->gang : 0;
    if (rows > 0) {
        pods += check_node(engine, audit->row++);
    }
    if (engine->gangs.count > 0) {
        pods += check_gang(engine, engine->gangs.items[audit->gang++]);
    }
    audit->after = engine->now + AUDIT_PAUSE_MS + pods / AUDIT_PODS_MS;
}
