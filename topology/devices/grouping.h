// SPDX-License-Identifier: Apache-2.0
#ifndef TOPOLOGY_DEVICES_GROUPING_H
#define TOPOLOGY_DEVICES_GROUPING_H

#include <stdint.h>

#include "topology/devices/cost.h"

/* The best subset where all pairs of GPUs are alike (NVSwitch, full mesh, PCIe only), exactly, for
 * up to 64 GPUs. */

/* `request->gpus` of `request->free_gpus`, by device_cost_better(); 0 when there are not so many or
 * none are wanted. The shape must be uniform, and the masks of the request inside it. */
uint64_t device_grouping_best(const struct device_shape *shape,
                              const struct device_request *request);

#endif
