// SPDX-License-Identifier: Apache-2.0
#include "scheduler/journal/devices.h"

/* Devices go in map order, and a map keeps them in the order it would put them in anyway, so a
 * decoded map numbers them alike. NUMA nodes go as they are after device_map_finish(): what a
 * device learnt from a neighbour on its switch agrees with what that neighbour tells again.
 *
 *   present · GPUs · NICs · linked · devices … · links of each pair a < b
 */

static void code_text(struct journal_coder *coder, const char **text)
{
    if (!coder->decoding && (*text)[0] == '\0') {
        *text = NULL; /* unknown is "" in a map */
    }
    journal_coder_text(coder, text);
}

static struct device_description describe(const struct device_map *map, enum device_kind kind,
                                          uint32_t index)
{
    const struct device *device = device_map_device(map, kind, index);
    return (struct device_description){
        .name = device->name,
        .id = device->id,
        .pci_address = device->pci_address,
        .pcie_switch = device->pcie_switch == DEVICE_UNKNOWN
                           ? ""
                           : device_map_switch_name(map, (uint32_t)device->pcie_switch),
        .numa = device->numa,
        .rail = device->rail,
    };
}

/* `names` gets the names of decoded devices, in the order they came. */
static void code_devices(struct journal_coder *coder, const struct device_map *map,
                         enum device_kind kind, uint32_t count, const char *names[DEVICES_MAX])
{
    for (uint32_t i = 0; i < count && !coder->failed; i++) {
        struct device_description device = {.name = NULL};
        struct err err;
        if (!coder->decoding) {
            device = describe(map, kind, i);
        }
        journal_coder_name(coder, &device.name, "the name of a device");
        code_text(coder, &device.id);
        code_text(coder, &device.pci_address);
        code_text(coder, &device.pcie_switch);
        journal_coder_i32(coder, &device.numa);
        journal_coder_i32(coder, &device.rail);
        if (!coder->decoding || coder->failed) {
            continue;
        }
        if (names != NULL) {
            names[i] = device.name;
        }
        if ((kind == DEVICE_GPU ? device_map_add_gpu : device_map_add_nic)(coder->devices, &device,
                                                                           &err) < 0) {
            journal_coder_fail(coder, "%s", err.text);
        }
    }
}

static void decode_links(struct journal_coder *coder, const char *const *names, uint32_t gpus)
{
    struct err err;
    for (uint32_t a = 0; a < gpus; a++) {
        for (uint32_t b = a + 1; b < gpus && !coder->failed; b++) {
            uint32_t links = 0;
            journal_coder_u32(coder, &links);
            if (links > UINT8_MAX) {
                journal_coder_fail(coder, "%u links between two GPUs are too many", links);
            } else if (links > 0 && !coder->failed &&
                       device_map_link(coder->devices, names[a], names[b], (int)links, &err) < 0) {
                journal_coder_fail(coder, "%s", err.text);
            }
        }
    }
}

static void encode_links(struct journal_coder *coder, const struct device_map *map, uint32_t gpus)
{
    for (uint32_t a = 0; a < gpus; a++) {
        for (uint32_t b = a + 1; b < gpus; b++) {
            uint32_t links = device_map_links(map, a, b);
            journal_coder_u32(coder, &links);
        }
    }
}

static bool is_linked(const struct device_map *map, uint32_t gpus)
{
    for (uint32_t a = 0; a < gpus; a++) {
        for (uint32_t b = a + 1; b < gpus; b++) {
            if (device_map_links(map, a, b) > 0) {
                return true;
            }
        }
    }
    return false;
}

/* Takes `gpus` and `nics` devices and their links from the bytes into coder->devices. */
static void decode_map(struct journal_coder *coder, uint32_t gpus, uint32_t nics, bool linked)
{
    const char *names[2][DEVICES_MAX];
    struct err err;
    coder->devices = device_map_create();
    code_devices(coder, NULL, DEVICE_GPU, gpus, names[DEVICE_GPU]);
    code_devices(coder, NULL, DEVICE_NIC, nics, names[DEVICE_NIC]);
    if (linked) {
        decode_links(coder, names[DEVICE_GPU], gpus);
    }
    if (!coder->failed && device_map_finish(coder->devices, &err) < 0) {
        journal_coder_fail(coder, "%s", err.text);
    }
}

const struct device_map *journal_devices_code(struct journal_coder *coder,
                                              const struct device_map *map)
{
    bool present = map != NULL;
    bool linked = false;
    uint32_t counts[2] = {0, 0};
    if (coder->decoding) {
        device_map_destroy(coder->devices);
        coder->devices = NULL;
    } else if (present) {
        counts[DEVICE_GPU] = device_map_count(map, DEVICE_GPU);
        counts[DEVICE_NIC] = device_map_count(map, DEVICE_NIC);
        linked = is_linked(map, counts[DEVICE_GPU]);
    }
    journal_coder_bool(coder, &present);
    if (!present) {
        return NULL;
    }
    journal_coder_u32(coder, &counts[DEVICE_GPU]);
    journal_coder_u32(coder, &counts[DEVICE_NIC]);
    journal_coder_bool(coder, &linked);
    if (counts[DEVICE_GPU] > DEVICES_MAX || counts[DEVICE_NIC] > DEVICES_MAX) {
        journal_coder_fail(coder, "more than %d devices of a kind", DEVICES_MAX);
    }
    if (coder->failed) {
        return NULL;
    }
    if (coder->decoding) {
        decode_map(coder, counts[DEVICE_GPU], counts[DEVICE_NIC], linked);
        return coder->failed ? NULL : coder->devices;
    }
    code_devices(coder, map, DEVICE_GPU, counts[DEVICE_GPU], NULL);
    code_devices(coder, map, DEVICE_NIC, counts[DEVICE_NIC], NULL);
    if (linked) {
        encode_links(coder, map, counts[DEVICE_GPU]);
    }
    return map;
}
