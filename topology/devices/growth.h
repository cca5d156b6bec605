// SPDX-License-Identifier: Apache-2.0
#ifndef TOPOLOGY_DEVICES_GROWTH_H
#define TOPOLOGY_DEVICES_GROWTH_H

#include <stdint.h>

#include "topology/devices/cost.h"

/* A good subset, not proven best: for nodes of 17 to 64 GPUs whose pairs are not alike. No machine
 * known to us is one (growth.c), so this is the safety net, not the road. */

/* `request->gpus` of `request->free_gpus`; 0 when there are not so many or none are wanted. The
 * masks of the request must be inside the shape. */
uint64_t device_growth_best(const struct device_shape *shape, const struct device_request *request);

#endif
