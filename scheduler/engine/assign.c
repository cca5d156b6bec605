// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/assign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/state/gpus.h"
#include "topology/base/alloc.h"
#include "topology/base/utf8.h"

/* Which GPUs the members of a plan get.
 *
 *   members in rank order   0 1 2 3   4 5 6 7   8 …
 *   nodes                   n1        n2        n3 …       neighbours on one node are a run
 *   chosen                  run by run; the rails of the first runs are preferred by the others,
 *                           so that the gang sends on the same rails from every node
 *
 * A run is chosen together, so that as many of its sets as possible are good. On nodes without a
 * map, and on those where it is not known which GPUs are free, nothing is chosen: the members are
 * held by counts alone.
 */

/* The rails that members with a place send on. */
static uint64_t rails_of(struct engine *engine, const struct gang *gang)
{
    const struct gpus *gpus = ledger_gpus(engine->ledger);
    uint64_t rails = 0;
    for (uint32_t i = 0; i < gang->member_count; i++) {
        rails |= gpus_rails(gpus, &gang->members[i]->gpus);
    }
    return rails;
}

/* Members from `first` on that are dealt the same node and ask for as many GPUs. */
static uint32_t run_end(const struct engine *engine, struct pod *const *members,
                        const uint32_t *rows, uint32_t first, uint32_t count)
{
    uint32_t resource, other;
    uint32_t gpus = shapes_gpus(engine->shapes, members[first]->shape, &resource);
    uint32_t end = first + 1;
    while (
        end < count && rows[end] == rows[first] &&
        (members[end]->shape == members[first]->shape ||
         (shapes_gpus(engine->shapes, members[end]->shape, &other) == gpus && other == resource))) {
        end++;
    }
    return end;
}

/* Members [first, end) share a node; chooses for them, or tells that nothing can be. */
struct run {
    uint32_t first;
    uint32_t end;
    uint32_t resource;
    uint32_t gpus; /* of each */
    bool chosen;
    uint64_t sets[DEVICES_MAX];
};

static void choose_run(const struct engine *engine, struct pod *const *members,
                       const uint32_t *rows, uint32_t count, uint64_t rails, struct run *run)
{
    run->end = run_end(engine, members, rows, run->first, count);
    run->gpus = shapes_gpus(engine->shapes, members[run->first]->shape, &run->resource);
    run->chosen =
        run->gpus > 0 && gpus_choose(ledger_gpus(engine->ledger), rows[run->first], run->resource,
                                     run->gpus, run->end - run->first, rails, run->sets);
}

void assign_hold(struct engine *engine, const struct gang *gang, struct pod *const *members,
                 const uint32_t *rows, uint32_t count)
{
    const struct gpus *gpus = ledger_gpus(engine->ledger);
    struct run run = {.first = 0};
    if (!gpus_any(gpus)) {
        for (uint32_t i = 0; i < count; i++) {
            pods_hold(engine->pods, members[i], rows[i], 0);
        }
        return;
    }
    uint64_t rails = rails_of(engine, gang);
    for (; run.first < count; run.first = run.end) {
        choose_run(engine, members, rows, count, rails, &run);
        for (uint32_t i = run.first; i < run.end; i++) {
            pods_hold(engine->pods, members[i], rows[i], run.chosen ? run.sets[i - run.first] : 0);
            rails |= gpus_rails(gpus, &members[i]->gpus);
        }
    }
}

/* The same choices in the same order, on allocations that are given back. */
uint32_t assign_misfits(struct engine *engine, const struct gang *gang, struct pod *const *members,
                        const uint32_t *rows, uint32_t count, bool *misfit)
{
    struct gpus *gpus = ledger_gpus(engine->ledger);
    struct gpus_allocation *allocations = alloc_zero(count, sizeof *allocations);
    struct run run = {.first = 0};
    uint64_t rails = rails_of(engine, gang);
    uint32_t misfits = 0;
    for (; run.first < count; run.first = run.end) {
        choose_run(engine, members, rows, count, rails, &run);
        for (uint32_t i = run.first; i < run.end; i++) {
            if (run.chosen) {
                gpus_take(gpus, &allocations[i], rows[i], run.resource, run.gpus,
                          run.sets[i - run.first], NULL);
                rails |= gpus_rails(gpus, &allocations[i]);
            }
            misfit[i] = run.gpus > 0 && !gpus_good(gpus, &allocations[i]);
            misfits += misfit[i];
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        gpus_give_back(gpus, &allocations[i]);
        free(allocations[i].names);
    }
    free(allocations);
    return misfits;
}

const char *assign_names(const struct engine *engine, const struct pod *pod)
{
    const struct gpus *gpus = ledger_gpus(engine->ledger);
    char text[GPUS_NAMES_MAX];
    size_t length = 0;
    const char *name;
    for (uint32_t i = 0; (name = gpus_allocation_name(gpus, &pod->gpus, i)) != NULL; i++) {
        length += utf8_print(text + length, sizeof(text) - length, "%s%s", i == 0 ? "" : ",", name);
    }
    return length == 0 ? NULL : arena_string(&engine->effects->arena, text);
}
