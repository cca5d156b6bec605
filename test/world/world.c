// SPDX-License-Identifier: Apache-2.0
#include "test/world/world.h"

#include <stdarg.h>
#include <stdlib.h>

#include "test/world/jobs.h"
#include "test/world/judge.h"
#include "test/world/kube_scheduler.h"
#include "test/world/phalanx.h"
#include "test/world/server.h"
#include "topology/base/alloc.h"

/* The agenda is a heap ordered by time, then by when a step was put there. */

struct entry {
    int64_t at;
    uint64_t order;
    world_step *step;
    void *context;
    uint64_t number;
};

struct agenda {
    struct entry *entries;
    size_t count;
    size_t room;
    uint64_t next_order;
};

static bool before(const struct entry *a, const struct entry *b)
{
    return a->at < b->at || (a->at == b->at && a->order < b->order);
}

static void swap(struct entry *a, struct entry *b)
{
    struct entry kept = *a;
    *a = *b;
    *b = kept;
}

void world_after(struct world *world, int64_t delay, world_step *step, void *context,
                 uint64_t number)
{
    struct agenda *agenda = world->agenda;
    agenda->entries =
        alloc_grow(agenda->entries, &agenda->room, agenda->count + 1, sizeof(*agenda->entries));
    size_t at = agenda->count++;
    agenda->entries[at] = (struct entry){.at = world->now + (delay > 0 ? delay : 0),
                                         .order = agenda->next_order++,
                                         .step = step,
                                         .context = context,
                                         .number = number};
    for (; at > 0 && before(&agenda->entries[at], &agenda->entries[(at - 1) / 2]);
         at = (at - 1) / 2) {
        swap(&agenda->entries[at], &agenda->entries[(at - 1) / 2]);
    }
}

static struct entry take(struct agenda *agenda)
{
    struct entry first = agenda->entries[0];
    agenda->entries[0] = agenda->entries[--agenda->count];
    for (size_t at = 0;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < agenda->count; child++) {
            least = before(&agenda->entries[child], &agenda->entries[least]) ? child : least;
        }
        if (least == at) {
            return first;
        }
        swap(&agenda->entries[at], &agenda->entries[least]);
        at = least;
    }
}

bool world_next(struct world *world)
{
    if (world->failed || world->agenda->count == 0) {
        return false;
    }
    struct entry entry = take(world->agenda);
    world->now = entry.at;
    world->steps++;
    entry.step(world, entry.context, entry.number);
    return !world->failed;
}

__attribute__((format(printf, 2, 0))) static void write_line(struct world *world,
                                                             const char *format, va_list arguments)
{
    fprintf(world->trace, "%9.3f ", (double)world->now / SECOND);
    vfprintf(world->trace, format, arguments);
    fputc('\n', world->trace);
    fflush(world->trace); /* the log of a Phalanx goes to the same descriptor */
}

void world_trace(struct world *world, const char *format, ...)
{
    if (world->trace != NULL) {
        va_list arguments;
        va_start(arguments, format);
        write_line(world, format, arguments);
        va_end(arguments);
    }
}

void world_fail(struct world *world, const char *format, ...)
{
    if (!world->failed) {
        va_list arguments;
        va_start(arguments, format);
        world->failed = true;
        vsnprintf(world->failure, sizeof(world->failure), format, arguments);
        va_end(arguments);
        world_trace(world, "WRONG: %s", world->failure);
    }
}

bool world_chance(struct world *world, int thousandths)
{
    return thousandths > 0 && random_chance(&world->random, thousandths);
}

int64_t world_between(struct world *world, int64_t low, int64_t high)
{
    return random_range(&world->random, low, high);
}

struct world *world_create(const struct world_options *options)
{
    struct world *world = alloc_zero(1, sizeof(*world));
    world->agenda = alloc_zero(1, sizeof(*world->agenda));
    world->seed = options->seed;
    world->random.state = options->seed * 0x9e3779b97f4a7c15u;
    world->trace = options->trace;
    world->server = server_create(world);
    world->judge = judge_create(world);
    world->jobs = jobs_create(world, options->chaos_us);
    for (int i = 0; i < WORLD_PHALANXES; i++) {
        world->phalanxes[i] = phalanx_create(world, i);
        world->schedulers[i] = kube_scheduler_create(world, i);
    }
    return world;
}

void world_destroy(struct world *world)
{
    for (int i = 0; i < WORLD_PHALANXES; i++) {
        phalanx_destroy(world->phalanxes[i]); /* whose calls end in the other */
    }
    for (int i = 0; i < WORLD_PHALANXES; i++) {
        kube_scheduler_destroy(world->schedulers[i]);
    }
    jobs_destroy(world->jobs);
    judge_destroy(world->judge);
    server_destroy(world->server);
    free(world->agenda->entries);
    free(world->agenda);
    free(world);
}
