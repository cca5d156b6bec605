// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/order.h"

#include <string.h>

#include "test/simulation/company.h"
#include "test/simulation/minimums.h"
#include "test/simulation/rules.h"
#include "test/simulation/shown.h"
#include "test/simulation/spaces.h"
#include "test/simulation/standing.h"

/* When a gang gets its plan, nobody who comes before it (by priority; then by arrival in its own
 * namespace, by turn in another) may wait although that one would fit: into what is free by what
 * the engine was shown, with the new plan's room given back. Only for seeds without constraints,
 * where "fits" is a sum over nodes.
 */

#define TROUBLE_MS 61000 /* the longest backoff, and as long as a veto lasts */

void order_trouble(struct sim *sim, int gang, int64_t now)
{
    sim->host.troubled_until[gang] = now + TROUBLE_MS;
}

/* Members that could be planned, all like `like`; 0 when they differ. */
static int shown_pending(const struct sim *sim, int gang, int *like)
{
    int count = 0;
    struct members members = {.all = 0};
    for (int i = sim_first(sim, gang); i != SIM_NONE; i = sim->pods[i].next_of_gang) {
        if (!shown_live(sim, i)) {
            continue;
        }
        if (count > 0 && (!rules_same(&sim->pods[i], &sim->pods[*like]) ||
                          sim->host.seen[i].grown != sim->host.seen[*like].grown)) {
            return 0;
        }
        *like = i;
        count++;
        members_add(&members, sim->pods[i].role, 1);
    }
    return minimums_met(sim, gang, true, &members) ? count : 0;
}

static bool fits(const struct sim *sim, const struct sim_amounts free[SIM_NODES_MAX], int pod,
                 int count)
{
    struct sim_amounts request = sim_request(&sim->pods[pod], &sim->host.seen[pod]);
    int sum = 0;
    for (int node = 0; node < sim->node_count; node++) {
        bool open = rules_admits(&sim->host.nodes[node], &sim->pods[pod]);
        sum += open ? sim_copies(&free[node], &request) : 0;
    }
    return sum >= count;
}

static bool same_space(const struct sim *sim, int gang, int other)
{
    return sim->spaces < 2 || gang % 2 == other % 2;
}

/* Other gangs of its namespace that could have a turn. */
static int others_of_space(const struct sim *sim, int gang)
{
    int count = 0;
    for (int other = 0; other < sim->gang_count; other++) {
        bool lives = false;
        for (int i = sim_first(sim, other); i != SIM_NONE && !lives;
             i = sim->pods[i].next_of_gang) {
            lives = shown_live(sim, i);
        }
        count += lives && other != gang && same_space(sim, gang, other);
    }
    return count;
}

/* Whether the gang comes before the other one, of which so many of its namespace and priority were
 * planned before in this apply. Namespaces take turns: two of another one may come before, whoever
 * was ready first, for theirs may be the turn that runs and the next; and one more for each gang
 * that may have had the turn of the gang's own namespace. */
static bool comes_first(const struct sim *sim, int gang, int other, int before)
{
    const struct sim_gang *a = &sim->gangs[gang], *b = &sim->gangs[other];
    const struct host *host = &sim->host;
    if (a->priority != b->priority) {
        return a->priority > b->priority;
    }
    if (same_space(sim, gang, other)) {
        return host->ready_last[gang] < host->ready[other];
    }
    return before >= 2 && host->ready_last[gang] <= sim->applies &&
           before >= 2 + others_of_space(sim, gang);
}

/* `planned` got its plan in this apply. */
static void check_overtaken(struct sim *sim, int planned, int before, int64_t now)
{
    const struct host *host = &sim->host;
    struct sim_amounts free[SIM_NODES_MAX];
    int like = 0;
    shown_free(sim, planned, true, free);
    for (int gang = 0; gang < sim->gang_count; gang++) {
        struct gang_view view;
        struct arena arena;
        int quorum = shown_quorum(sim, gang);
        if (gang == planned || host->ready[gang] == 0 || quorum <= 0 ||
            company_any(&sim->gangs[gang].company) || host->troubled_until[gang] > now ||
            standing_model_waits(sim, gang) || !comes_first(sim, gang, planned, before)) {
            continue;
        }
        arena_init(&arena);
        bool waits = spaces_find(sim, gang, &arena, &view) && view.state == GANG_WAITING;
        arena_finish(&arena);
        if (waits && shown_pending(sim, gang, &like) >= quorum && fits(sim, free, like, quorum)) {
            sim_fail(sim, "(7) gang g%d is planned before g%d, which comes first and would fit",
                     planned, gang);
        }
    }
}

void order_check(struct sim *sim, int64_t now)
{
    struct host *host = &sim->host;
    uint64_t planned = 0;
    int first[64];
    for (size_t i = 0; i < host->effects.count; i++) {
        const struct effect *effect = &host->effects.items[i];
        if (effect->type != EFFECT_TRANSITION) {
            continue;
        }
        int gang = spaces_gang_of(sim, effect->transition.name_space, effect->transition.gang);
        bool held = strcmp(effect->transition.to, gang_state_name(GANG_HELD)) == 0;
        bool waits = strcmp(effect->transition.to, gang_state_name(GANG_WAITING)) == 0;
        if (strcmp(effect->transition.from, gang_state_name(GANG_GATHERING)) == 0) {
            host->ready[gang] = host->ready_last[gang] = sim->applies + 1;
        } else if (waits) {
            order_trouble(sim, gang, now); /* its plan is no more */
        }
        held = held && strcmp(effect->transition.from, gang_state_name(GANG_WAITING)) == 0;
        if (!held && !waits) {
            host->ready[gang] = host->ready_last[gang] = 0;
        } else if (held && planned < 64) {
            first[planned++] = gang;
        }
    }
    bool late = host->tick_at < now - 1000; /* vetoes end in a tick, and the clock jumped past it */
    for (uint64_t i = 0; i < planned && sim->constrained_percent == 0 && !late; i++) {
        int before = 0;
        for (uint64_t j = 0; j < i; j++) {
            before += same_space(sim, first[j], first[i]) &&
                      sim->gangs[first[j]].priority == sim->gangs[first[i]].priority;
        }
        check_overtaken(sim, first[i], before, now);
    }
}
