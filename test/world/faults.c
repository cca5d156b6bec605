// SPDX-License-Identifier: Apache-2.0
#include "test/world/faults.h"

#include "test/world/jobs.h"
#include "test/world/kube_scheduler.h"
#include "test/world/network.h"
#include "test/world/phalanx.h"
#include "test/world/server.h"

/* One fault every few seconds. How likely each is, is the seed's; some seeds are spared of some. */

static void start(struct world *world, void *context, uint64_t number)
{
    (void)number;
    (void)world;
    phalanx_start(context);
}

static void set_network(struct world *world)
{
    struct faults none = {.slow = 5};
    world->faults = none;
    if (world_chance(world, 600)) {
        int worst = (int)world_between(world, 10, 250);
        world->faults = (struct faults){.refused = (int)world_between(world, 0, worst),
                                        .silent = (int)world_between(world, 0, worst),
                                        .late = (int)world_between(world, 0, worst),
                                        .status = (int)world_between(world, 0, worst),
                                        .slow = (int)world_between(world, 0, worst)};
    }
    world_trace(world, "network: refused %d silent %d late %d status %d slow %d",
                world->faults.refused, world->faults.silent, world->faults.late,
                world->faults.status, world->faults.slow);
}

static void end_process(struct world *world, struct phalanx *phalanx)
{
    if (!phalanx_alive(phalanx)) {
        return;
    }
    if (world_chance(world, 400)) {
        phalanx_stop(phalanx);
    } else {
        phalanx_kill(phalanx);
        world_after(world, world_between(world, 100 * MS, 30 * SECOND), start, phalanx, 0);
    }
}

/* Who leads among the kube-schedulers: mostly one, now and then none or both. */
static void move_scheduler(struct world *world)
{
    int one = (int)world_between(world, 0, 1);
    kube_scheduler_lead(world->schedulers[one], true);
    kube_scheduler_lead(world->schedulers[1 - one], world_chance(world, 200));
}

static void trouble_server(struct world *world)
{
    switch (world_between(world, 0, 3)) {
    case 0:
        world_trace(world, "the API server is restarted");
        server_cut(world->server, "connection reset");
        break;
    case 1:
        world_trace(world, "the API server compacts");
        server_compact(world->server);
        server_cut(world->server, "connection reset");
        break;
    case 2:
        world_trace(world, "the API server compacts, and goes on");
        server_compact(world->server);
        break;
    default:
        if (world->seed % 4 == 2) {
            size_t changes = (size_t)world_between(world, 1, 60);
            world_trace(world, "etcd is set back by %zu changes", changes);
            server_restore(world->server, changes, true);
        }
        break;
    }
}

static void trouble_network(struct world *world, struct phalanx *phalanx)
{
    struct network *network = phalanx_network(phalanx);
    if (network == NULL) {
        return;
    }
    if (world_chance(world, 500) || world->seed % 3 == 0) { /* see kube_scheduler.c on the blind */
        int64_t time = world_between(world, SECOND, 40 * SECOND);
        world_trace(world, "p%d is cut off for %lld ms", phalanx_index(phalanx),
                    (long long)(time / MS));
        network_part(network, world->now + time);
    } else {
        world_trace(world, "p%d: its watches fall silent", phalanx_index(phalanx));
        network_silence(network);
    }
}

static void fault(struct world *world, void *context, uint64_t until)
{
    (void)context;
    if (world->now >= (int64_t)until) {
        return;
    }
    struct phalanx *phalanx = world->phalanxes[world_between(world, 0, WORLD_PHALANXES - 1)];
    switch (world_between(world, 0, 10)) {
    case 10:
        world->betray = true;
        break;
    case 9:
        if (world->seed % 5 == 4) {
            jobs_bind_elsewhere(world->jobs);
        }
        break;
    case 0:
        set_network(world);
        break;
    case 1:
        end_process(world, phalanx);
        break;
    case 2:
        phalanx_freeze(
            phalanx,
            world_between(world, 100 * MS, world_chance(world, 300) ? 70 * SECOND : 20 * SECOND));
        break;
    case 3:
        phalanx_step_clock(phalanx, world_between(world, -3600 * SECOND, 3600 * SECOND));
        break;
    case 4:
        move_scheduler(world);
        break;
    case 5:
        trouble_server(world);
        break;
    case 6:
        trouble_network(world, phalanx);
        break;
    case 7:
        jobs_lose_pod(world->jobs);
        break;
    default:
        jobs_cordon(world->jobs);
        break;
    }
    world_after(world, world_between(world, 200 * MS, 12 * SECOND), fault, NULL, until);
}

static void mend(struct world *world, void *context, uint64_t number)
{
    (void)context;
    (void)number;
    world_trace(world, "all is mended");
    world->quiet = true;
    world->betray = false;
    world->faults = (struct faults){.slow = 0};
    jobs_uncordon(world->jobs);
    for (int i = 0; i < WORLD_PHALANXES; i++) {
        phalanx_start(world->phalanxes[i]);
    }
    int one = (int)world_between(world, 0, 1);
    kube_scheduler_lead(world->schedulers[1 - one], false);
    kube_scheduler_lead(world->schedulers[one], true);
}

void faults_begin(struct world *world, int64_t until)
{
    for (int i = 0; i < WORLD_PHALANXES; i++) {
        world_after(world, world_between(world, 0, 3 * SECOND), start, world->phalanxes[i], 0);
    }
    kube_scheduler_lead(world->schedulers[world_between(world, 0, 1)], true);
    world_after(world, world_between(world, SECOND, 30 * SECOND), fault, NULL, (uint64_t)until);
    world_after(world, until, mend, NULL, 0);
}
