// SPDX-License-Identifier: Apache-2.0
#include "topology/devices/machines.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* A table of machines. Each line writes down where devices sit, one character per device:
 *
 *   gpu_switch "aabbccdd"   GPUs 0 and 1 at switch a, …    "" = unknown for all
 *   gpu_numa   "00001111"   GPUs 0-3 at NUMA node 0, …     "" = unknown for all
 *
 * and the same for NICs. GPUs are in the order of their PCI addresses, as NVML numbers them.
 *
 * Sources:
 *   hybrid cube mesh of 8 V100    nvidia-smi topo -m of DGX-1V; go-gpuallocator common_test.go
 *   ndv2, ndv4, ndv5, ncv4        NCCL topology files of Azure (Azure/azurehpc-vm-images, MIT).
 *                                 ndv2 has no switches in its file, and one NIC for all
 *   p4d                           ResourceSlices of an EKS node (dranet): roots pci0000:10, 20, 90,
 *                                 a0 with two GPUs and one EFA each
 *   p5                            AWS EC2 user guide: 32 EFA devices of 100 Gb/s, four beside each
 *                                 GPU. p5en has 16: not in the table
 *   DGX-1, DGX-2, DGX A100,       NVIDIA user guides. A100: two GPUs and two compute NICs per
 *   DGX H100, H200                switch, NPS4. H100: one GPU and one NIC per switch
 *   DGX B200                      nvidia-smi topo -m: pairs of GPUs and NICs PIX, NODE to the other
 *                                 pair, SYS to the other socket
 *   DGX B300                      NICs and sockets; the switches are inside the NICs: left open
 *   BM.GPU.H100.8                 Oracle: 16 ports, two for each GPU
 *   gb200-tray, gb300-tray        dranet examples of OKE and AKS: GPUs hang on C2C, so they have a
 *                                 root of their own, and pair with NICs by NUMA node only
 *   mi300x                        AMD Instinct: xGMI links between every two; ResourceSlices of an
 *                                 AKS node: four NICs at each NUMA node
 *   HGX boards                    links only: A100 four links and H100 six between every two of
 *                                 four; NVSwitch with twelve and eighteen per GPU for eight
 *
 * ncv4: its file says only that each GPU's NVLinks lead to itself, as bridges look from inside a
 * virtual machine that does not see them; NCCL finds no link there, so there are none here.
 *
 * A rail is the number of a NIC where each GPU has one NIC (NVIDIA SuperPOD: rail r joins the r-th
 * NICs of all nodes).
 */

#define GPUS_OF_MATRIX 8

struct machine {
    const char *name;
    uint32_t gpus;
    const char *gpu_switch;
    const char *gpu_numa;
    uint32_t nics;
    const char *nic_switch;
    const char *nic_numa;
    bool rails;
    bool cube_mesh; /* links are those of CUBE_MESH */
    int links;      /* else between every two GPUs; 0 = none */
};

static const uint8_t CUBE_MESH[GPUS_OF_MATRIX][GPUS_OF_MATRIX] = {
    {0, 1, 1, 2, 2, 0, 0, 0}, {1, 0, 2, 1, 0, 2, 0, 0}, {1, 2, 0, 2, 0, 0, 1, 0},
    {2, 1, 2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 1, 1, 2}, {0, 2, 0, 0, 1, 0, 2, 1},
    {0, 0, 1, 0, 1, 2, 0, 2}, {0, 0, 0, 1, 2, 1, 2, 0},
};

static const struct machine MACHINES[] = {
    {"dgx-1v", 8, "aabbccdd", "00001111", 4, "abcd", "0011", false, true, 0},
    {"p3.16xlarge", 8, "", "00001111", 0, "", "", false, true, 0},
    {"ndv2", 8, "", "00001111", 1, "", "0", false, true, 0},
    {"hgx-v100-8", 8, "", "", 0, "", "", false, true, 0},
    {"dgx-2", 16, "aabbccddeeffgghh", "0000000011111111", 8, "abcdefgh", "00001111", false, false,
     6},
    {"hgx-a100-4", 4, "", "", 0, "", "", false, false, 4},
    {"hgx-a100-8", 8, "", "", 0, "", "", false, false, 12},
    {"dgx-a100", 8, "aabbccdd", "33117755", 8, "aabbccdd", "33117755", true, false, 12},
    {"p4d.24xlarge", 8, "aabbccdd", "00001111", 4, "abcd", "0011", false, false, 12},
    {"ndv4", 8, "aabbccdd", "11003322", 8, "aabbccdd", "11003322", true, false, 12},
    {"ncv4", 4, "", "0123", 0, "", "", false, false, 0},
    {"hgx-h100-4", 4, "", "", 0, "", "", false, false, 6},
    {"hgx-h100-8", 8, "", "", 0, "", "", false, false, 18},
    {"dgx-h100", 8, "abcdefgh", "00001111", 8, "abcdefgh", "00001111", true, false, 18},
    {"dgx-h200", 8, "abcdefgh", "00001111", 8, "abcdefgh", "00001111", true, false, 18},
    {"ndv5", 8, "abcdefgh", "00001111", 8, "abcdefgh", "00001111", true, false, 18},
    {"p5.48xlarge", 8, "abcdefgh", "00001111", 32, "aaaabbbbccccddddeeeeffffgggghhhh",
     "00000000000000001111111111111111", false, false, 18},
    {"bm.gpu.h100.8", 8, "abcdefgh", "00001111", 16, "aabbccddeeffgghh", "0000000011111111", false,
     false, 18},
    {"hgx-h200-8", 8, "", "", 0, "", "", false, false, 18},
    {"hgx-b200-8", 8, "", "", 0, "", "", false, false, 18},
    {"dgx-b200", 8, "aabbccdd", "00001111", 8, "aabbccdd", "00001111", true, false, 18},
    {"hgx-b300-8", 8, "", "", 0, "", "", false, false, 18},
    {"dgx-b300", 8, "", "00001111", 8, "", "00001111", true, false, 18},
    {"pcie-8", 8, "", "00001111", 0, "", "", false, false, 0},
    {"gb200-tray", 4, "abcd", "0011", 4, "", "0011", true, false, 18},
    {"gb300-tray", 4, "abcd", "0011", 4, "", "0011", true, false, 18},
    {"mi300x", 8, "", "00001111", 8, "", "00001111", true, false, 1},
};

#define MACHINES_COUNT ((uint32_t)(sizeof MACHINES / sizeof MACHINES[0]))

/* What labels mean which machine, the surest kind first. `product` is what nvidia.com/gpu.product
 * begins with, behind "NVIDIA-" or "Tesla-"; "=" in front: is exactly. */
struct recognised {
    const char *value;
    const char *machine;
    const char *product;
};

static const struct recognised INSTANCE_TYPES[] = {
    {"p3.16xlarge", "p3.16xlarge", "V100-SXM2"},
    {"p3dn.24xlarge", "p3.16xlarge", "V100-SXM2"},
    {"p4d.24xlarge", "p4d.24xlarge", "A100-SXM4"},
    {"p4de.24xlarge", "p4d.24xlarge", "A100-SXM4"},
    {"p5.48xlarge", "p5.48xlarge", "H100"},
    {"p5e.48xlarge", "p5.48xlarge", "H200"},
    {"Standard_ND40rs_v2", "ndv2", "V100-SXM2"},
    {"Standard_ND96asr_v4", "ndv4", "A100-SXM4"},
    {"Standard_ND96amsr_A100_v4", "ndv4", "A100-SXM4"},
    {"Standard_NC96ads_A100_v4", "ncv4", "A100"},
    {"Standard_ND96isr_H100_v5", "ndv5", "H100"},
    {"Standard_ND96isr_H200_v5", "ndv5", "H200"},
    {"Standard_ND96isr_MI300X_v5", "mi300x", ""},
    {"Standard_ND128isr_NDR_GB200_v6", "gb200-tray", "GB200"},
    {"Standard_ND128isr_GB300_v6", "gb300-tray", "GB300"},
    {"BM.GPU.H100.8", "bm.gpu.h100.8", "H100"},
};

/* The product name in DMI, spaces as '-': [NVIDIA-]DGX[-]<value>, then nothing or '-'. */
static const struct recognised DGX_MODELS[] = {
    {"1", "dgx-1v", "V100-SXM2"}, {"2", "dgx-2", "V100-SXM3"},  {"A100", "dgx-a100", "A100-SXM4"},
    {"H100", "dgx-h100", "H100"}, {"H200", "dgx-h200", "H200"}, {"B200", "dgx-b200", "B200"},
    {"B300", "dgx-b300", "B300"},
};

/* Servers with one HGX board of four. */
static const struct recognised CHASSIS[] = {
    {"PowerEdge-XE8545", "hgx-a100-4", "A100-SXM4"},
    {"PowerEdge-XE8640", "hgx-h100-4", "H100"},
};

/* Modules that exist only on one kind of board, if all of its GPUs are there. Four A100 or H100
 * could be a board of four or half a board of eight, so they are not here. */
static const struct recognised PRODUCTS[] = {
    {"8", "hgx-v100-8", "V100-SXM2"},       {"8", "hgx-a100-8", "A100-SXM4"},
    {"8", "hgx-h100-8", "=H100-80GB-HBM3"}, {"8", "hgx-h200-8", "=H200"},
    {"8", "hgx-b200-8", "=B200"},           {"8", "hgx-b300-8", "B300"},
    {"4", "gb200-tray", "GB200"},           {"4", "gb300-tray", "GB300"},
};

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static const struct machine *find_machine(const char *name)
{
    for (uint32_t i = 0; i < MACHINES_COUNT; i++) {
        if (strcmp(MACHINES[i].name, name) == 0) {
            return &MACHINES[i];
        }
    }
    return NULL;
}

uint32_t machines_count(void)
{
    return MACHINES_COUNT;
}

const char *machines_name(uint32_t index)
{
    err_require(index < MACHINES_COUNT);
    return MACHINES[index].name;
}

/* -- maps -- */

static void describe(struct device_description *device, uint32_t index, const char *switches,
                     const char *numas, char pcie_switch[static 2])
{
    pcie_switch[0] = switches[0] == '\0' ? '\0' : switches[index];
    pcie_switch[1] = '\0';
    device->pcie_switch = pcie_switch;
    device->numa = numas[0] == '\0' ? DEVICE_UNKNOWN : numas[index] - '0';
    device->rail = DEVICE_UNKNOWN;
}

static int add_devices(struct device_map *map, const struct machine *machine, struct err *err)
{
    int status = 0;
    char name[DEVICE_NAME_MAX + 1];
    char pcie_switch[2];
    struct device_description device = {.name = name};
    for (uint32_t i = 0; i < machine->gpus && status == 0; i++) {
        (void)snprintf(name, sizeof name, "gpu-%u", i);
        describe(&device, i, machine->gpu_switch, machine->gpu_numa, pcie_switch);
        device.rail = machine->rails ? (int)i : DEVICE_UNKNOWN;
        status = device_map_add_gpu(map, &device, err);
    }
    for (uint32_t i = 0; i < machine->nics && status == 0; i++) {
        (void)snprintf(name, sizeof name, "nic-%u", i);
        describe(&device, i, machine->nic_switch, machine->nic_numa, pcie_switch);
        device.rail = machine->rails ? (int)i : DEVICE_UNKNOWN;
        status = device_map_add_nic(map, &device, err);
    }
    return status;
}

static int add_links(struct device_map *map, const struct machine *machine, struct err *err)
{
    if (!machine->cube_mesh) {
        return machine->links == 0 ? 0 : device_map_link_all(map, machine->links, err);
    }
    for (int a = 0; a < GPUS_OF_MATRIX; a++) {
        for (int b = a + 1; b < GPUS_OF_MATRIX; b++) {
            char name_a[DEVICE_NAME_MAX + 1];
            char name_b[DEVICE_NAME_MAX + 1];
            (void)snprintf(name_a, sizeof name_a, "gpu-%d", a);
            (void)snprintf(name_b, sizeof name_b, "gpu-%d", b);
            if (CUBE_MESH[a][b] != 0 &&
                device_map_link(map, name_a, name_b, CUBE_MESH[a][b], err) < 0) {
                return -1;
            }
        }
    }
    return 0;
}

struct device_map *machines_map(const char *name, struct err *err)
{
    const struct machine *machine = find_machine(name);
    if (machine == NULL) {
        (void)err_set(err, "there is no machine \"%.80s\" in the table", name);
        return NULL;
    }
    struct device_map *map = device_map_create();
    if (add_devices(map, machine, err) < 0 || add_links(map, machine, err) < 0 ||
        device_map_finish(map, err) < 0) {
        device_map_destroy(map);
        return NULL;
    }
    return map;
}

/* -- recognition -- */

static bool begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static const char *without(const char *text, const char *prefix)
{
    return begins(text, prefix) ? text + strlen(prefix) : text;
}

static bool product_fits(const char *product, const char *wanted)
{
    const char *model = without(without(product, "NVIDIA-"), "Tesla-");
    return wanted[0] == '=' ? strcmp(model, wanted + 1) == 0 : begins(model, wanted);
}

static const struct recognised *by_value(const struct recognised *table, size_t count,
                                         const char *value)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(table[i].value, value) == 0) {
            return &table[i];
        }
    }
    return NULL;
}

static const struct recognised *by_machine(const char *machine)
{
    const struct recognised *found = by_value(CHASSIS, COUNT(CHASSIS), machine);
    if (found != NULL) {
        return found;
    }
    const char *model = without(machine, "NVIDIA-");
    if (!begins(model, "DGX")) {
        return NULL;
    }
    model = without(without(model, "DGX"), "-");
    for (size_t i = 0; i < COUNT(DGX_MODELS); i++) {
        size_t length = strlen(DGX_MODELS[i].value);
        if (begins(model, DGX_MODELS[i].value) && (model[length] == '\0' || model[length] == '-')) {
            return &DGX_MODELS[i];
        }
    }
    return NULL;
}

static const struct recognised *by_product(const char *product, const char *gpu_count)
{
    for (size_t i = 0; i < COUNT(PRODUCTS); i++) {
        if (strcmp(PRODUCTS[i].value, gpu_count) == 0 &&
            product_fits(product, PRODUCTS[i].product)) {
            return &PRODUCTS[i];
        }
    }
    return NULL;
}

static const char *or_empty(const char *text)
{
    return text == NULL ? "" : text;
}

const char *machines_recognise(const struct machine_labels *labels, struct err *err)
{
    const char *instance_type = or_empty(labels->instance_type);
    const char *machine = or_empty(labels->machine);
    const char *product = or_empty(labels->product);
    const char *gpu_count = or_empty(labels->gpu_count);
    if (strstr(product, "-MIG-") != NULL || strstr(product, "-SHARED") != NULL) {
        (void)err_set(err, "GPUs of product \"%.80s\" are partitioned or shared", product);
        return NULL;
    }
    const struct recognised *found = by_value(INSTANCE_TYPES, COUNT(INSTANCE_TYPES), instance_type);
    if (found == NULL && product[0] != '\0') {
        /* Not by the machine alone: a DGX-1 has P100 or V100, which are linked differently. */
        found = by_machine(machine);
        found = found != NULL ? found : by_product(product, gpu_count);
    }
    if (found == NULL) {
        (void)err_set(err,
                      "no machine is known for instance type \"%.80s\", machine \"%.80s\", product "
                      "\"%.80s\" with \"%.80s\" GPUs",
                      instance_type, machine, product, gpu_count);
        return NULL;
    }
    if (product[0] != '\0' && !product_fits(product, found->product)) {
        (void)err_set(err, "machine \"%s\" does not have GPUs of product \"%.80s\"", found->machine,
                      product);
        return NULL;
    }
    char expected[16];
    (void)snprintf(expected, sizeof expected, "%u", find_machine(found->machine)->gpus);
    if (gpu_count[0] != '\0' && strcmp(gpu_count, expected) != 0) {
        (void)err_set(err, "machine \"%s\" has %s GPUs, the node says \"%.80s\"", found->machine,
                      expected, gpu_count);
        return NULL;
    }
    return found->machine;
}
