// SPDX-License-Identifier: Apache-2.0
#include "test/simulation/terms.h"

#include "test/simulation/host.h"
#include "test/simulation/peer.h"
#include "test/simulation/trace.h"

/* What happens to the process but its birth and its death (host.c): it stands still, its clock
 * jumps, another one leads for a while, it is told to stop, somebody asks it something.
 */

void terms_freeze(struct sim *sim, int64_t length)
{
    if (sim->host.engine != NULL) {
        sim->host.frozen_until = sim->now + length;
    }
}

void terms_jump(struct sim *sim, int64_t length)
{
    struct host *host = &sim->host;
    host->skew_ms += length;
    if (host->engine != NULL && host->tick_at != INT64_MAX) { /* calls may come before the tick */
        int64_t left = host->tick_at > host_clock(sim) ? host->tick_at - host_clock(sim) : 0;
        sim_later(sim, left + sim_delay(sim, 0, 3, 500, 3000), ACTION_TICK, 0, 0, host->epoch);
    }
}

void terms_follow(struct sim *sim, int64_t length)
{
    struct record record = {.type = EVENT_FOLLOW};
    struct host *host = &sim->host;
    if (host->engine == NULL || host->standby || host->draining || host_is_frozen(sim)) {
        return;
    }
    host->standby = true;
    if (host_apply(sim, &record)) {
        sim_later(sim, length, ACTION_LEAD, 0, 0, host->epoch);
        if (random_chance(&sim->random, 700)) {
            sim_later(sim, random_range(&sim->random, 0, 2000), ACTION_PEER, 0, 0, host->epoch);
        }
    }
}

void terms_lead(struct sim *sim, uint64_t epoch)
{
    struct record record = {.type = EVENT_LEAD};
    struct host *host = &sim->host;
    bool ends = host->engine != NULL && host->standby && epoch == host->epoch;
    if (ends && host_is_frozen(sim)) {
        sim_later(sim, host->frozen_until - sim->now, ACTION_LEAD, 0, 0, epoch);
    } else if (ends) {
        peer_end(sim);
        host->standby = false;
        (void)host_apply(sim, &record);
    }
}

void terms_drain(struct sim *sim)
{
    struct record record = {.type = EVENT_DRAIN};
    if (sim->host.engine == NULL || sim->host.draining || host_is_frozen(sim)) {
        return;
    }
    sim->host.draining = true;
    if (host_apply(sim, &record)) {
        sim_later(sim, random_range(&sim->random, 0, 12000), ACTION_STOP, 0, 0, sim->host.epoch);
    }
}

void terms_ask(struct sim *sim, int gang)
{
    struct record record = {.type = EVENT_ASK};
    record.change.kind = KIND_GROUP;
    record.change.index = gang;
    if (sim->host.engine != NULL && !host_is_frozen(sim)) {
        (void)host_apply(sim, &record);
    }
}
