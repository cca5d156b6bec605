// SPDX-License-Identifier: Apache-2.0
#ifndef TOPOLOGY_DEVICES_MAP_CHECKPOINT_H
#define TOPOLOGY_DEVICES_MAP_CHECKPOINT_H

#include "topology/base/checkpoint.h"
#include "topology/devices/map.h"

/* Saves a finished map, or loads a *new* one: finished, unless the checkpoint failed. */
void device_map_checkpoint(struct device_map **map, struct checkpoint *checkpoint);

/* *New* map like a finished one. */
struct device_map *device_map_copy(const struct device_map *map);

#endif
