// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>

#include "topology/devices/machines.h"

/* Prints the device map of a machine for nccl_topology.py, a line per device:
 *   gpu|nic NUMBER SWITCH NUMA     SWITCH "-" and NUMA -1 when unknown
 * and one per linked pair:
 *   link GPU GPU COUNT */

static void print_devices(const struct device_map *map, enum device_kind kind, const char *word)
{
    for (uint32_t i = 0; i < device_map_count(map, kind); i++) {
        const struct device *device = device_map_device(map, kind, i);
        const char *pcie_switch = device->pcie_switch == DEVICE_UNKNOWN
                                      ? "-"
                                      : device_map_switch_name(map, (uint32_t)device->pcie_switch);
        printf("%s %u %s %d\n", word, i, pcie_switch, device->numa);
    }
}

int main(int argc, char **argv)
{
    struct err err;
    struct device_map *map = argc == 2 ? machines_map(argv[1], &err) : NULL;
    if (map == NULL) {
        (void)fprintf(stderr, "print_machine: %s\n", argc == 2 ? err.text : "one name, please");
        return EXIT_FAILURE;
    }
    print_devices(map, DEVICE_GPU, "gpu");
    print_devices(map, DEVICE_NIC, "nic");
    for (uint32_t a = 0; a < device_map_count(map, DEVICE_GPU); a++) {
        for (uint32_t b = a + 1; b < device_map_count(map, DEVICE_GPU); b++) {
            if (device_map_links(map, a, b) != 0) {
                printf("link %u %u %u\n", a, b, device_map_links(map, a, b));
            }
        }
    }
    device_map_destroy(map);
    return EXIT_SUCCESS;
}
