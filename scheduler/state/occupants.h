// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_STATE_OCCUPANTS_H
#define SCHEDULER_STATE_OCCUPANTS_H

#include <stdint.h>

#include "scheduler/state/gang.h"
#include "scheduler/state/pods.h"
#include "scheduler/state/shape.h"
#include "topology/graph/domains.h"

/* Who has how much of a resource in a domain: for the reason why somebody else finds no room there,
 * and for whoever looks for pods that could give way.
 */

struct occupants {
    const struct gangs *gangs;
    const struct pods *pods;
    const struct shapes *shapes;
    const struct domains *domains;
};

struct occupant {
    struct gang *gang;
    __int128 amount; /* > 0 */
};

/* What the pods of the gang have of the resource in the domain, by holds and bindings. */
__int128 occupants_amount(const struct occupants *occupants, const struct gang *gang,
                          uint32_t domain, uint32_t resource);

/* The `most` gangs that have most of it there, the greatest first, equal ones in their order;
 * `except` (or NULL) is left out. Returns how many there are, and in *ordinary what all pods
 * without a gang have: in all of the cluster (domain 0) those on nodes that are gone count, too,
 * which saves a look at each. Costs the pods of the domain, or a glance at every gang and its
 * places. */
uint32_t occupants_greatest(const struct occupants *occupants, const struct gang *except,
                            uint32_t domain, uint32_t resource, struct occupant *found,
                            uint32_t most, __int128 *ordinary);

#endif
