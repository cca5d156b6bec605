// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "scheduler/engine_state.h"
#include "scheduler/gpus.h"

/* Which GPUs the members of a plan get.
 *
 *   members in rank order   0 1 2 3   4 5 6 7   8 …
 *   nodes                   n1        n2        n3 …       neighbours on one node are a run
 *   chosen                  run by run; the rails of the first runs are wished for by the others,
 *                           so that the gang sends on the same rails from every node
 *
 * A run is chosen together, so that as many of its sets as possible are good. On nodes without a map,
 * and on those where it is not known which GPUs are free, nothing is chosen: the members are held by
 * counts alone.
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

void engine_hold_members(struct engine *engine, const struct gang *gang, struct pod *const *members,
                         const uint32_t *rows, uint32_t count)
{
    struct gpus *gpus = ledger_gpus(engine->ledger);
    bool any = gpus_any(gpus);
    uint64_t rails = any ? rails_of(engine, gang) : 0;
    for (uint32_t first = 0; first < count;) {
        uint64_t sets[DEVICES_MAX];
        uint32_t end = any ? run_end(engine, members, rows, first, count) : first + 1;
        uint32_t resource;
        uint32_t each = any ? shapes_gpus(engine->shapes, members[first]->shape, &resource) : 0;
        bool chosen =
            each > 0 && gpus_choose(gpus, rows[first], resource, each, end - first, rails, sets);
        for (uint32_t i = first; i < end; i++) {
            pods_hold_gpus(engine->pods, members[i], rows[i], chosen ? sets[i - first] : 0);
            rails |= chosen ? gpus_rails(gpus, &members[i]->gpus) : 0;
        }
        first = end;
    }
}

bool engine_observe_gpus(struct engine *engine, uint32_t row, const struct device_map *map,
                         const char *resource)
{
    uint32_t name = NAMES_NONE;
    if (map != NULL && resource != NULL) {
        name = names_intern(nodes_vocabulary(engine->nodes), resource, strlen(resource));
    }
    return gpus_observe(ledger_gpus(engine->ledger), row, name == NAMES_NONE ? NULL : map, name);
}

void engine_observe_devices(struct engine *engine, const struct node_object *object)
{
    uint32_t row = nodes_find(engine->nodes, object->name, strlen(object->name));
    if (row != NAMES_NONE && nodes_get(engine->nodes, row)->present &&
        engine_observe_gpus(engine, row, object->devices, object->device_resource)) {
        ledger_gpus_changed(engine->ledger, row);
        engine->plan_needed = true;
    }
}
