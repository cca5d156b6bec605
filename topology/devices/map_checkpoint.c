// SPDX-License-Identifier: Apache-2.0
#include "topology/devices/map_checkpoint.h"

#include <string.h>

/* A finished map is described as its source once did, device by device in map order, in which it
 * comes out again: the order of a map is that of its devices' addresses and names. NUMA nodes go as
 * they are after device_map_finish(): what a device learnt from a neighbour on its switch agrees
 * with what that neighbour tells again.
 */

static void code_device(struct checkpoint *checkpoint, struct device_map *map,
                        enum device_kind kind, uint32_t index)
{
    char *texts[4] = {NULL, NULL, NULL, NULL}; /* name, id, address, switch */
    int32_t numbers[2] = {DEVICE_UNKNOWN, DEVICE_UNKNOWN};
    struct err err;
    if (!checkpoint->loading) {
        const struct device *device = device_map_device(map, kind, index);
        const char *of_switch = device->pcie_switch == DEVICE_UNKNOWN
                                    ? ""
                                    : device_map_switch_name(map, (uint32_t)device->pcie_switch);
        const char *const from[4] = {device->name, device->id, device->pci_address, of_switch};
        for (size_t i = 0; i < 4; i++) {
            const char *text = from[i];
            size_t length = strlen(text);
            checkpoint_bytes(checkpoint, &text, &length);
        }
        numbers[0] = device->numa;
        numbers[1] = device->rail;
    }
    for (size_t i = 0; checkpoint->loading && i < 4; i++) {
        checkpoint_text(checkpoint, &texts[i]);
    }
    checkpoint_i32(checkpoint, &numbers[0]);
    checkpoint_i32(checkpoint, &numbers[1]);
    if (checkpoint->loading && !checkpoint->failed) {
        const struct device_description device = {.name = texts[0],
                                                  .id = texts[1],
                                                  .pci_address = texts[2],
                                                  .pcie_switch = texts[3],
                                                  .numa = numbers[0],
                                                  .rail = numbers[1]};
        int result =
            (kind == DEVICE_GPU ? device_map_add_gpu : device_map_add_nic)(map, &device, &err);
        (void)checkpoint_check(checkpoint, result == 0, result == 0 ? "" : err.text);
    }
    for (size_t i = 0; i < 4; i++) {
        free(texts[i]);
    }
}

/* By name: before it is finished nobody knows the order of a map. */
static void code_links(struct checkpoint *checkpoint, struct device_map *map,
                       const struct device_map *finished, uint32_t gpus)
{
    struct err err;
    for (uint32_t a = 0; a < gpus; a++) {
        for (uint32_t b = a + 1; b < gpus && !checkpoint->failed; b++) {
            uint32_t links = checkpoint->loading ? 0 : device_map_links(map, a, b);
            checkpoint_u32(checkpoint, &links);
            if (!checkpoint->loading || links == 0 || checkpoint->failed) {
                continue;
            }
            int result =
                links > UINT8_MAX
                    ? err_set(&err, "%u links are too many", links)
                    : device_map_link(map, device_map_device(finished, DEVICE_GPU, a)->name,
                                      device_map_device(finished, DEVICE_GPU, b)->name, (int)links,
                                      &err);
            (void)checkpoint_check(checkpoint, result == 0, result == 0 ? "" : err.text);
        }
    }
}

static void finish(struct checkpoint *checkpoint, struct device_map *map)
{
    struct err err;
    int result = checkpoint->failed ? 0 : device_map_finish(map, &err);
    (void)checkpoint_check(checkpoint, result == 0, result == 0 ? "" : err.text);
}

/* A map with the devices that are read, unfinished. */
static struct device_map *load_devices(struct checkpoint *checkpoint, const uint32_t counts[2])
{
    struct device_map *map = device_map_create();
    for (uint32_t i = 0; i < counts[0] && !checkpoint->failed; i++) {
        code_device(checkpoint, map, DEVICE_GPU, i);
    }
    for (uint32_t i = 0; i < counts[1] && !checkpoint->failed; i++) {
        code_device(checkpoint, map, DEVICE_NIC, i);
    }
    return map;
}

static struct device_map *load_map(struct checkpoint *checkpoint, const uint32_t counts[2])
{
    size_t at = checkpoint->at;
    struct device_map *finished = load_devices(checkpoint, counts);
    finish(checkpoint, finished);
    if (checkpoint->failed) {
        return finished;
    }
    checkpoint->at = at; /* once more, for the links go by the order of the finished one */
    struct device_map *map = load_devices(checkpoint, counts);
    code_links(checkpoint, map, finished, counts[0]);
    finish(checkpoint, map);
    device_map_destroy(finished);
    return map;
}

void device_map_checkpoint(struct device_map **map, struct checkpoint *checkpoint)
{
    uint32_t counts[2] = {0, 0};
    if (!checkpoint->loading) {
        counts[0] = device_map_count(*map, DEVICE_GPU);
        counts[1] = device_map_count(*map, DEVICE_NIC);
    }
    checkpoint_count(checkpoint, &counts[0], DEVICES_MAX);
    checkpoint_count(checkpoint, &counts[1], DEVICES_MAX);
    if (checkpoint->loading) {
        *map = load_map(checkpoint, counts);
        return;
    }
    for (uint32_t i = 0; i < counts[0]; i++) {
        code_device(checkpoint, *map, DEVICE_GPU, i);
    }
    for (uint32_t i = 0; i < counts[1]; i++) {
        code_device(checkpoint, *map, DEVICE_NIC, i);
    }
    code_links(checkpoint, *map, *map, counts[0]);
}

struct device_map *device_map_copy(const struct device_map *map)
{
    struct checkpoint saved, loaded;
    struct device_map *copy = (struct device_map *)(uintptr_t)map; /* only read */
    checkpoint_save(&saved);
    device_map_checkpoint(&copy, &saved);
    checkpoint_load(&loaded, saved.bytes, saved.count);
    device_map_checkpoint(&copy, &loaded);
    err_require(!loaded.failed);
    checkpoint_finish(&loaded);
    checkpoint_finish(&saved);
    return copy;
}
