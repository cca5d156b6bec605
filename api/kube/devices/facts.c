// SPDX-License-Identifier: Apache-2.0
#include "api/kube/devices/facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/kube/objects/slice_attributes.h"
#include "topology/base/arena.h"
#include "topology/devices/order.h"

/* Three passes over the devices of the node's pools, in the order of driver, pool and name:
 *
 *   choose    each device is counted for what it is; GPUs and NICs that are in go into a list
 *   place     NUMA nodes are inferred, roots that are no place are dropped
 *   build     the list becomes a device map, which pairs GPUs with NICs
 *
 * The EKS p4d slices show why RDMA decides: three of its seven NICs are the instance's Ethernet
 * (ENA, rdma false), at the same PCIe roots as the EFAs that carry the collectives. OKE's GB300
 * shows why the virtual function wins over its NIC: the physical one carries no address there. The
 * interface with the default route needs no rule, for dranet does not publish it.
 */

/* One GPU or NIC on its way into the map. */
struct candidate {
    const struct slice_device *device;
    const struct slice_pool *pool;
    int numa;
    bool uses_root;
};

struct candidates {
    struct candidate *list;
    size_t count;
};

static bool can_rdma(const struct slice_device *device)
{
    return device->rdma == SLICE_FLAG_YES ||
           (device->rdma == SLICE_FLAG_UNKNOWN && device->rdma_device != NULL);
}

static bool is_physical_nic(const struct slice_device *device)
{
    return device->kind == SLICE_KIND_NIC && !device->tainted &&
           device->is_virtual != SLICE_FLAG_YES;
}

/* What decides for all NICs of the node. */
struct nic_rule {
    bool rdma;      /* some NIC can do RDMA */
    bool functions; /* … and some of those are virtual functions */
};

static struct nic_rule find_rule(const struct slice_pool *pools, size_t pool_count)
{
    struct nic_rule rule = {.rdma = false};
    for (size_t i = 0; i < pool_count; i++) {
        for (size_t j = 0; j < pools[i].device_count; j++) {
            const struct slice_device *device = pools[i].devices[j];
            if (is_physical_nic(device) && can_rdma(device)) {
                rule.rdma = true;
                rule.functions |= device->virtual_function == SLICE_FLAG_YES;
            }
        }
    }
    return rule;
}

static bool is_there(const struct candidates *candidates, const struct slice_device *device)
{
    if (device->pci_address == NULL) {
        return false;
    }
    uint64_t address = device_order_pci(device->pci_address);
    for (size_t i = 0; address != DEVICE_ORDER_LAST && i < candidates->count; i++) {
        const struct slice_device *other = candidates->list[i].device;
        if (other->kind == device->kind && other->pci_address != NULL &&
            device_order_pci(other->pci_address) == address) {
            return true;
        }
    }
    return false;
}

/* The count the device belongs to; candidates are those of `gpus` and `nics`. */
static uint32_t *sort_device(struct device_facts *facts, const struct nic_rule *rule,
                             const struct candidates *before, const struct slice_device *device)
{
    if (device->kind == SLICE_KIND_OTHER) {
        return &facts->others;
    }
    if (device->tainted) {
        return &facts->tainted;
    }
    if (device->kind == SLICE_KIND_NIC) {
        if (device->is_virtual == SLICE_FLAG_YES) {
            return &facts->virtual_nics;
        }
        if (rule->rdma && !can_rdma(device)) {
            return &facts->nics_without_rdma;
        }
        if (rule->functions && device->virtual_functions > 0) {
            return &facts->divided_nics;
        }
    }
    if (is_there(before, device)) {
        return &facts->repeated;
    }
    return device->kind == SLICE_KIND_GPU ? &facts->gpus : &facts->nics;
}

/* Twice what a map can take is more than enough; the map refuses the rest by name. */
#define CANDIDATES_MAX (4 * DEVICES_MAX)

static int choose(const struct slice_pool *pools, size_t pool_count, struct device_facts *facts,
                  struct candidates *candidates, struct err *err)
{
    struct nic_rule rule = find_rule(pools, pool_count);
    facts->rdma = rule.rdma;
    for (size_t i = 0; i < pool_count; i++) {
        for (size_t j = 0; j < pools[i].device_count; j++) {
            const struct slice_device *device = pools[i].devices[j];
            uint32_t *count = sort_device(facts, &rule, candidates, device);
            (*count)++;
            facts->unknown_attributes += (uint32_t)device->unknown_count;
            if (count != &facts->gpus && count != &facts->nics) {
                continue;
            }
            if (candidates->count == CANDIDATES_MAX || *count > DEVICES_MAX) {
                return err_set(err, "pool %s of %s: more than %d %s", pools[i].name,
                               pools[i].driver, DEVICES_MAX,
                               device->kind == SLICE_KIND_GPU ? "GPUs" : "NICs");
            }
            candidates->list[candidates->count++] =
                (struct candidate){.device = device,
                                   .pool = &pools[i],
                                   .numa = device->numa,
                                   .uses_root = device->pcie_root != NULL};
        }
    }
    return 0;
}

/* PCI domains of the GPUs of a tray with two Grace, by socket. Sources: the live ResourceSlices of
 * OCI BM.GPU.GB200-v3.4 and Azure ND128isr_GB300_v6. */
static const struct {
    unsigned long domain;
    int numa;
} GRACE_DOMAINS[] = {
    {0x0008, 0},
    {0x0009, 0},
    {0x0018, 1},
    {0x0019, 1},
};

/* Address translation services: GPU and CPU share page tables, over C2C. Older drivers do not tell,
 * but name the product. */
static bool is_on_grace(const struct slice_device *device)
{
    if (device->addressing != NULL) {
        return strcmp(device->addressing, "ATS") == 0;
    }
    return device->product != NULL &&
           (strstr(device->product, "GB200") != NULL || strstr(device->product, "GB300") != NULL);
}

static int infer_numa(const struct slice_device *device)
{
    if (device->kind != SLICE_KIND_GPU || device->pci_address == NULL || !is_on_grace(device)) {
        return DEVICE_UNKNOWN;
    }
    char *end = NULL;
    unsigned long domain = strtoul(device->pci_address, &end, 16);
    /* Without a domain the first number is the bus, and one colon follows in all. */
    if (end == device->pci_address || *end != ':' || strchr(end + 1, ':') == NULL) {
        return DEVICE_UNKNOWN;
    }
    for (size_t i = 0; i < sizeof GRACE_DOMAINS / sizeof GRACE_DOMAINS[0]; i++) {
        if (GRACE_DOMAINS[i].domain == domain) {
            return GRACE_DOMAINS[i].numa;
        }
    }
    return DEVICE_UNKNOWN;
}

static void place(struct candidates *candidates, struct device_facts *facts)
{
    struct candidate *list = candidates->list;
    for (size_t i = 0; i < candidates->count; i++) {
        if (list[i].numa == DEVICE_UNKNOWN) {
            list[i].numa = infer_numa(list[i].device);
            facts->inferred_numa += list[i].numa != DEVICE_UNKNOWN;
        }
    }
    for (size_t i = 0; i < candidates->count; i++) {
        const char *root = list[i].device->pcie_root;
        int seen = DEVICE_UNKNOWN;
        for (size_t j = 0; root != NULL && j < candidates->count; j++) {
            const char *other = list[j].device->pcie_root;
            if (other == NULL || strcmp(root, other) != 0 || list[j].numa == DEVICE_UNKNOWN) {
                continue;
            }
            list[i].uses_root &= seen == DEVICE_UNKNOWN || seen == list[j].numa;
            seen = list[j].numa;
        }
        facts->unused_roots += root != NULL && !list[i].uses_root;
    }
}

/* Links, from a machine with as many GPUs. */
static int link_gpus(struct device_map *map, const struct device_map *pattern,
                     struct device_facts *facts, struct err *err)
{
    facts->linked =
        pattern != NULL && facts->gpus > 0 && device_map_count(pattern, DEVICE_GPU) == facts->gpus;
    return facts->linked ? device_map_link_like(map, pattern, err) : 0;
}

static int build(const struct candidates *candidates, const struct device_map *pattern,
                 struct device_facts *facts, struct err *err)
{
    struct device_map *map = device_map_create();
    for (size_t i = 0; i < candidates->count; i++) {
        const struct candidate *candidate = &candidates->list[i];
        const struct slice_device *device = candidate->device;
        bool is_gpu = device->kind == SLICE_KIND_GPU;
        struct device_description description = {
            .name = device->name,
            .id = is_gpu ? device->uuid : device->rdma_device,
            .pci_address = device->pci_address,
            .pcie_switch = candidate->uses_root ? device->pcie_root : NULL,
            .numa = candidate->numa,
            .rail = DEVICE_UNKNOWN,
        };
        if ((is_gpu ? device_map_add_gpu : device_map_add_nic)(map, &description, err) != 0) {
            device_map_destroy(map);
            return err_prefix(err, "pool %s of %s: device %s", candidate->pool->name,
                              candidate->pool->driver, device->name);
        }
    }
    if (link_gpus(map, pattern, facts, err) != 0 || device_map_finish(map, err) != 0) {
        device_map_destroy(map);
        return -1;
    }
    for (uint32_t gpu = 0; gpu < facts->gpus; gpu++) {
        facts->paired[device_map_gpu_pairing(map, gpu)]++;
    }
    facts->map = map;
    return 0;
}

static int read_pools(const struct slice_pool *pools, size_t count,
                      const struct device_map *pattern, struct arena *arena,
                      struct device_facts *facts, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (pools[i].reason != NULL && slice_driver_matters(pools[i].driver)) {
            return err_set(err, "%s", pools[i].reason);
        }
    }
    struct candidates candidates = {
        .list = arena_alloc(arena, CANDIDATES_MAX, sizeof *candidates.list),
    };
    if (choose(pools, count, facts, &candidates, err) != 0) {
        return -1;
    }
    if (candidates.count == 0) {
        return 0;
    }
    place(&candidates, facts);
    return build(&candidates, pattern, facts, err);
}

int device_facts_read(const struct slice_pools *pools, const char *node,
                      const struct device_map *pattern, struct device_facts *facts, struct err *err)
{
    struct arena arena;
    size_t count = 0;
    *facts = (struct device_facts){.map = NULL};
    arena_init(&arena);
    const struct slice_pool *list = slice_pools_of_node(pools, node, &arena, &count);
    int result = read_pools(list, count, pattern, &arena, facts, err);
    arena_finish(&arena);
    return result == 0 ? 0 : err_prefix(err, "devices of node %s", node);
}

void device_facts_finish(struct device_facts *facts)
{
    device_map_destroy(facts->map);
    *facts = (struct device_facts){.map = NULL};
}

struct part {
    uint32_t count;
    const char *what;
};

/* Appends "TITLE3 this, 4 that", without the parts that are 0. */
static size_t write_parts(char *text, size_t used, const char *title, const struct part *parts,
                          size_t count)
{
    bool first = true;
    for (size_t i = 0; i < count && used < DEVICE_FACTS_TEXT_MAX; i++) {
        if (parts[i].count > 0) {
            int added = snprintf(text + used, DEVICE_FACTS_TEXT_MAX - used, "%s%u %s",
                                 first ? title : ", ", parts[i].count, parts[i].what);
            used += added > 0 ? (size_t)added : 0;
            first = false;
        }
    }
    return used;
}

void device_facts_describe(const struct device_facts *facts, char text[DEVICE_FACTS_TEXT_MAX])
{
    const struct part near[] = {
        {facts->paired[DEVICE_PAIRING_SWITCH], "by PCIe root"},
        {facts->paired[DEVICE_PAIRING_NUMA], "by NUMA node"},
        {facts->paired[DEVICE_PAIRING_NONE], "without one"},
    };
    const struct part notes[] = {
        {facts->inferred_numa, "NUMA nodes inferred from PCI domains"},
        {facts->unused_roots, "devices at a PCIe root that spans NUMA nodes"},
    };
    const struct part left_out[] = {
        {facts->nics_without_rdma, "NICs without RDMA"},
        {facts->divided_nics, "NICs in favour of their virtual functions"},
        {facts->virtual_nics, "virtual NICs"},
        {facts->tainted, "tainted devices"},
        {facts->repeated, "devices listed twice"},
        {facts->others, "other devices"},
    };
    int start = snprintf(text, DEVICE_FACTS_TEXT_MAX, "%u GPUs, %u NICs%s", facts->gpus,
                         facts->nics, facts->nics > 0 && facts->rdma ? " with RDMA" : "");
    size_t used = start > 0 ? (size_t)start : 0;
    if (facts->gpus > 0) {
        used = write_parts(text, used, "; nearest NICs: ", near, sizeof near / sizeof near[0]);
    }
    used = write_parts(text, used, "; ", notes, sizeof notes / sizeof notes[0]);
    (void)write_parts(text, used, "; left out: ", left_out, sizeof left_out / sizeof left_out[0]);
}
