// SPDX-License-Identifier: Apache-2.0
#include "topology/devices/cost.h"

#include <string.h>

/* Shapes are taken from a finished map, whose switches lie inside NUMA nodes already; what is
 * unknown becomes a group of its own here, so that all the rest need not know of unknowns.
 *
 * Why NUMA groups come before places in the cost: a path over the socket interconnect (SYS) is the
 * slowest there is, and kubelet's single-numa-node policy refuses it outright; crossing a switch
 * inside a socket (NODE) is the lesser harm. The two disagree only when a socket has its free GPUs
 * scattered over more switches than two sockets together would need.
 */

static uint32_t numa_of_place(struct device_shape *shape, const struct device_map *map, int numa,
                              uint64_t place_nics, int known[DEVICES_MAX])
{
    for (uint32_t i = 0; i < shape->numa_count; i++) {
        if (numa != DEVICE_UNKNOWN && known[i] == numa) {
            return i;
        }
    }
    uint32_t number = shape->numa_count++;
    known[number] = numa;
    shape->numas[number].nics =
        numa == DEVICE_UNKNOWN ? place_nics : device_map_on_numa(map, DEVICE_NIC, numa);
    return number;
}

static void add_gpu(struct device_shape *shape, const struct device_map *map, uint32_t gpu,
                    int known[DEVICES_MAX])
{
    const struct device *device = device_map_device(map, DEVICE_GPU, gpu);
    uint64_t together = UINT64_C(1) << gpu;
    uint64_t nics = 0;
    if (device->pcie_switch != DEVICE_UNKNOWN) {
        together = device_map_on_switch(map, DEVICE_GPU, (uint32_t)device->pcie_switch);
        nics = device_map_on_switch(map, DEVICE_NIC, (uint32_t)device->pcie_switch);
    }
    uint32_t first = device_mask_lowest(together);
    if (first == gpu) {
        uint32_t numa = numa_of_place(shape, map, device->numa, nics, known);
        shape->places[shape->place_count] =
            (struct device_place){.gpus = together, .nics = nics, .numa = numa};
        shape->gpu_place[gpu] = (uint8_t)shape->place_count++;
        shape->numas[numa].gpus |= together;
    } else {
        shape->gpu_place[gpu] = shape->gpu_place[first];
    }
    shape->gpu_rails[gpu] = device_map_gpu_rails(map, gpu);
    for (uint32_t other = 0; other < shape->gpu_count; other++) {
        shape->links[gpu][other] = device_map_links(map, gpu, other);
    }
}

void device_shape_init(struct device_shape *shape, const struct device_map *map)
{
    memset(shape, 0, sizeof *shape);
    shape->gpu_count = device_map_count(map, DEVICE_GPU);
    shape->nic_count = device_map_count(map, DEVICE_NIC);
    shape->uniform = device_map_uniform(map);
    int known[DEVICES_MAX] = {0};
    for (uint32_t i = 0; i < shape->gpu_count; i++) {
        add_gpu(shape, map, i, known);
    }
    for (uint32_t i = 0; i < shape->numa_count; i++) {
        uint32_t gpus = device_mask_count(shape->numas[i].gpus);
        shape->numa_gpus_max = gpus > shape->numa_gpus_max ? gpus : shape->numa_gpus_max;
    }
    for (uint32_t i = 0; i < shape->nic_count; i++) {
        int16_t rail = device_map_device(map, DEVICE_NIC, i)->rail;
        shape->nic_rails[i] = rail == DEVICE_UNKNOWN ? 0 : UINT64_C(1) << rail;
    }
}

bool device_shape_equal(const struct device_shape *a, const struct device_shape *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static uint64_t first_bits(uint32_t count)
{
    return count == 0 ? 0 : UINT64_MAX >> (64 - count);
}

uint64_t device_shape_gpus(const struct device_shape *shape)
{
    return first_bits(shape->gpu_count);
}

uint64_t device_shape_nics(const struct device_shape *shape)
{
    return first_bits(shape->nic_count);
}

uint32_t device_shape_links(const struct device_shape *shape, uint64_t gpus)
{
    if (shape->uniform) {
        uint32_t count = device_mask_count(gpus);
        return count < 2 ? 0 : count * (count - 1) / 2 * shape->links[0][1];
    }
    uint32_t links = 0;
    for (; gpus != 0; gpus &= gpus - 1) {
        const uint8_t *row = shape->links[device_mask_lowest(gpus)];
        for (uint64_t others = gpus & (gpus - 1); others != 0; others &= others - 1) {
            links += row[device_mask_lowest(others)];
        }
    }
    return links;
}

bool device_shape_one_numa(const struct device_shape *shape, uint64_t gpus)
{
    for (uint32_t i = 0; i < shape->numa_count; i++) {
        if ((gpus & ~shape->numas[i].gpus) == 0) {
            return true;
        }
    }
    return gpus == 0;
}

uint64_t device_shape_off_rails(const struct device_shape *shape, uint64_t gpus, uint64_t rails)
{
    uint64_t off = 0;
    for (; gpus != 0; gpus &= gpus - 1) {
        uint32_t gpu = device_mask_lowest(gpus);
        off |= (uint64_t)((shape->gpu_rails[gpu] & rails) == 0) << gpu;
    }
    return off;
}

static uint64_t excess(uint64_t gpus, uint64_t nics)
{
    uint32_t users = device_mask_count(gpus);
    uint32_t there = device_mask_count(nics);
    return users > there ? users - there : 0;
}

/* free² - (free - taken)² */
static uint64_t square_lost(uint64_t free_gpus, uint64_t taken)
{
    uint64_t before = device_mask_count(free_gpus);
    uint64_t after = before - device_mask_count(taken);
    return before * before - after * after;
}

uint64_t device_shape_choice_cost(const struct device_shape *shape,
                                  const struct device_request *request, uint64_t chosen,
                                  uint32_t links)
{
    uint64_t cost = (DEVICE_LINKS_MAX - links) << DEVICE_COST_LINKS;
    for (uint32_t i = 0; i < shape->place_count; i++) {
        uint64_t here = chosen & shape->places[i].gpus;
        cost += (uint64_t)(here != 0) << DEVICE_COST_PLACES;
        cost += excess(here, request->free_nics & shape->places[i].nics) << DEVICE_COST_NIC_FAR;
    }
    for (uint32_t i = 0; i < shape->numa_count; i++) {
        uint64_t here = chosen & shape->numas[i].gpus;
        cost += (uint64_t)(here != 0) << DEVICE_COST_NUMAS;
        cost += excess(here, request->free_nics & shape->numas[i].nics) << DEVICE_COST_NIC_NONE;
    }
    if (request->rails != 0) {
        uint64_t off = device_shape_off_rails(shape, chosen, request->rails);
        cost += (uint64_t)device_mask_count(off) << DEVICE_COST_RAILS;
    }
    return cost;
}

uint64_t device_shape_rest_cost(const struct device_shape *shape,
                                const struct device_request *request, uint64_t chosen,
                                uint32_t good_lost, uint32_t links_lost)
{
    uint64_t cost = (uint64_t)good_lost << DEVICE_COST_GOOD_LOST;
    cost += (uint64_t)links_lost << DEVICE_COST_LINKS_LOST;
    for (uint32_t i = 0; i < shape->place_count; i++) {
        uint64_t gpus = shape->places[i].gpus;
        cost += square_lost(request->free_gpus & gpus, chosen & gpus) << DEVICE_COST_PLACE_SQUARES;
    }
    for (uint32_t i = 0; i < shape->numa_count; i++) {
        uint64_t gpus = shape->numas[i].gpus;
        cost += square_lost(request->free_gpus & gpus, chosen & gpus) << DEVICE_COST_NUMA_SQUARES;
    }
    return cost;
}
