// SPDX-License-Identifier: Apache-2.0
#include "topology/devices/map.h"

#include <string.h>

#include "topology/base/alloc.h"
#include "topology/base/err.h"
#include "topology/devices/order.h"

/* The device map: two lists of devices and a matrix of links, filled in any order, then put in
 * order by device_map_finish(), which also derives every mask that is asked for later.
 *
 * Links are kept by the order of adding while the map is built and permuted with the GPUs at the
 * end; links taken from a pattern are in map order from the start and are not permuted.
 *
 * Invariants of a finished map: devices are in order; switches are numbered in the order of their
 * first GPU, then first NIC; all devices of one switch have the same NUMA node, so a switch lies
 * inside one node; the matrix is symmetric with a zero diagonal.
 */

struct device_list {
    struct device *items;
    uint64_t *addresses; /* PCI address as a number, DEVICE_ORDER_LAST when unknown */
    size_t room;
    size_t address_room;
    uint32_t count;
};

struct device_map {
    struct device_list lists[2]; /* by enum device_kind */
    uint8_t *links;              /* DEVICES_MAX x DEVICES_MAX; after finish count x count */
    uint32_t link_width;
    char (*switches)[DEVICE_SWITCH_MAX + 1];
    size_t switch_room;
    uint32_t switch_count;
    uint64_t (*on_switch)[2]; /* by enum device_kind */
    uint64_t *gpu_nics;
    uint64_t *gpu_rails;
    uint8_t *pairings;
    bool patterned; /* links are in map order already */
    bool uniform;
    bool finished;
};

static const char *const KINDS[] = {"GPU", "NIC"};

struct device_map *device_map_create(void)
{
    struct device_map *map = alloc_zero(1, sizeof *map);
    map->links = alloc_zero(DEVICES_MAX * DEVICES_MAX, sizeof *map->links);
    map->link_width = DEVICES_MAX;
    return map;
}

void device_map_destroy(struct device_map *map)
{
    if (map == NULL) {
        return;
    }
    for (int kind = 0; kind < 2; kind++) {
        free(map->lists[kind].items);
        free(map->lists[kind].addresses);
    }
    free(map->links);
    free(map->switches);
    free(map->on_switch);
    free(map->gpu_nics);
    free(map->gpu_rails);
    free(map->pairings);
    free(map);
}

/* -- reading a description -- */

/* Copies an optional text; -1 when it is too long. */
static int copy_text(char *to, size_t max, const char *from)
{
    size_t length = from == NULL ? 0 : strlen(from);
    if (length > max) {
        return -1;
    }
    if (length > 0) {
        memcpy(to, from, length);
    }
    to[length] = '\0';
    return 0;
}

static int check_numbers(const struct device_description *from, const char *kind, struct err *err)
{
    if (from->numa != DEVICE_UNKNOWN && (from->numa < 0 || from->numa > DEVICE_NUMA_MAX)) {
        return err_set(err, "%s \"%s\": NUMA node %d is not 0 to %d", kind, from->name, from->numa,
                       DEVICE_NUMA_MAX);
    }
    if (from->rail != DEVICE_UNKNOWN && (from->rail < 0 || from->rail >= 64)) {
        return err_set(err, "%s \"%s\": rail %d is not 0 to 63", kind, from->name, from->rail);
    }
    return 0;
}

static int describe(const struct device_map *map, enum device_kind kind,
                    const struct device_description *from, struct device *to, struct err *err)
{
    const char *what = KINDS[kind];
    if (from->name == NULL || from->name[0] == '\0') {
        return err_set(err, "%s without a name", what);
    }
    if (copy_text(to->name, DEVICE_NAME_MAX, from->name) < 0) {
        return err_set(err, "%s \"%.80s\": the name has more than %d bytes", what, from->name,
                       DEVICE_NAME_MAX);
    }
    if (copy_text(to->id, DEVICE_ID_MAX, from->id) < 0) {
        return err_set(err, "%s \"%s\": id \"%.80s\" has more than %d bytes", what, from->name,
                       from->id, DEVICE_ID_MAX);
    }
    if (copy_text(to->pci_address, DEVICE_PCI_ADDRESS_MAX, from->pci_address) < 0 ||
        (to->pci_address[0] != '\0' && device_order_pci(to->pci_address) == DEVICE_ORDER_LAST)) {
        return err_set(err, "%s \"%s\": \"%.80s\" is not a PCI address", what, from->name,
                       from->pci_address);
    }
    if (from->pcie_switch != NULL && strlen(from->pcie_switch) > DEVICE_SWITCH_MAX) {
        return err_set(err, "%s \"%s\": PCIe switch \"%.80s\" has more than %d bytes", what,
                       from->name, from->pcie_switch, DEVICE_SWITCH_MAX);
    }
    if (check_numbers(from, what, err) < 0) {
        return -1;
    }
    const struct device_list *list = &map->lists[kind];
    if (list->count == DEVICES_MAX) {
        return err_set(err, "%s \"%s\" is one too many: at most %d of a node", what, from->name,
                       DEVICES_MAX);
    }
    for (uint32_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].name, to->name) == 0) {
            return err_set(err, "%s \"%s\" is given twice", what, from->name);
        }
        if (kind == DEVICE_GPU && to->id[0] != '\0' && strcmp(list->items[i].id, to->id) == 0) {
            return err_set(err, "GPU \"%s\" and \"%s\" have the same id \"%s\"",
                           list->items[i].name, from->name, to->id);
        }
    }
    to->numa = (int16_t)from->numa;
    to->rail = (int16_t)from->rail;
    return 0;
}

/* Number of the switch, which is added when it is new. */
static int16_t switch_number(struct device_map *map, const char *name)
{
    if (name == NULL || name[0] == '\0') {
        return DEVICE_UNKNOWN;
    }
    for (uint32_t i = 0; i < map->switch_count; i++) {
        if (strcmp(map->switches[i], name) == 0) {
            return (int16_t)i;
        }
    }
    map->switches = alloc_grow(map->switches, &map->switch_room, map->switch_count + 1,
                               sizeof map->switches[0]);
    (void)copy_text(map->switches[map->switch_count], DEVICE_SWITCH_MAX, name);
    return (int16_t)map->switch_count++;
}

static int add(struct device_map *map, enum device_kind kind, const struct device_description *from,
               struct err *err)
{
    err_require(!map->finished && !(map->patterned && kind == DEVICE_GPU));
    struct device device = {0};
    if (describe(map, kind, from, &device, err) < 0) {
        return -1;
    }
    device.pcie_switch = switch_number(map, from->pcie_switch);
    struct device_list *list = &map->lists[kind];
    list->items = alloc_grow(list->items, &list->room, list->count + 1, sizeof list->items[0]);
    list->addresses = alloc_grow(list->addresses, &list->address_room, list->count + 1,
                                 sizeof list->addresses[0]);
    list->items[list->count] = device;
    list->addresses[list->count] =
        device.pci_address[0] == '\0' ? DEVICE_ORDER_LAST : device_order_pci(device.pci_address);
    list->count++;
    return 0;
}

int device_map_add_gpu(struct device_map *map, const struct device_description *gpu,
                       struct err *err)
{
    return add(map, DEVICE_GPU, gpu, err);
}

int device_map_add_nic(struct device_map *map, const struct device_description *nic,
                       struct err *err)
{
    return add(map, DEVICE_NIC, nic, err);
}

/* -- links -- */

static int find(const struct device_list *list, const char *name)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].name, name) == 0) {
            return (int)i;
        }
    }
    return DEVICE_UNKNOWN;
}

static uint8_t *link_between(const struct device_map *map, uint32_t a, uint32_t b)
{
    return &map->links[a * map->link_width + b];
}

int device_map_link(struct device_map *map, const char *gpu_a, const char *gpu_b, int count,
                    struct err *err)
{
    err_require(!map->finished && !map->patterned);
    int a = find(&map->lists[DEVICE_GPU], gpu_a);
    int b = find(&map->lists[DEVICE_GPU], gpu_b);
    if (a < 0 || b < 0) {
        return err_set(err, "link between \"%.80s\" and \"%.80s\": there is no GPU \"%.80s\"",
                       gpu_a, gpu_b, a < 0 ? gpu_a : gpu_b);
    }
    if (a == b) {
        return err_set(err, "GPU \"%s\" is linked with itself", gpu_a);
    }
    if (count < 1 || count > UINT8_MAX) {
        return err_set(err, "link between \"%s\" and \"%s\": %d links are not 1 to 255", gpu_a,
                       gpu_b, count);
    }
    uint8_t *there = link_between(map, (uint32_t)a, (uint32_t)b);
    if (*there != 0 && *there != count) {
        return err_set(err, "GPUs \"%s\" and \"%s\" have %d links and also %d", gpu_a, gpu_b,
                       *there, count);
    }
    *there = (uint8_t)count;
    *link_between(map, (uint32_t)b, (uint32_t)a) = (uint8_t)count;
    return 0;
}

int device_map_link_all(struct device_map *map, int count, struct err *err)
{
    err_require(!map->finished && !map->patterned);
    if (count < 1 || count > UINT8_MAX) {
        return err_set(err, "%d links between every two GPUs are not 1 to 255", count);
    }
    uint32_t gpus = map->lists[DEVICE_GPU].count;
    for (uint32_t a = 0; a < gpus; a++) {
        for (uint32_t b = 0; b < gpus; b++) {
            *link_between(map, a, b) = a == b ? 0 : (uint8_t)count;
        }
    }
    return 0;
}

int device_map_link_like(struct device_map *map, const struct device_map *pattern, struct err *err)
{
    err_require(!map->finished && pattern->finished);
    uint32_t gpus = map->lists[DEVICE_GPU].count;
    if (pattern->lists[DEVICE_GPU].count != gpus) {
        return err_set(err, "%u GPUs cannot take the links of %u GPUs", gpus,
                       pattern->lists[DEVICE_GPU].count);
    }
    for (uint32_t a = 0; a < gpus; a++) {
        for (uint32_t b = 0; b < gpus; b++) {
            *link_between(map, a, b) = *link_between(pattern, a, b);
        }
    }
    map->patterned = true;
    return 0;
}

/* -- finish -- */

static bool comes_before(const struct device_list *list, uint32_t a, uint32_t b)
{
    if (list->addresses[a] != list->addresses[b]) {
        return list->addresses[a] < list->addresses[b];
    }
    return device_order_names(list->items[a].name, list->items[b].name) < 0;
}

/* order[i] = the device, by order of adding, that becomes number i. Names are distinct, so the
 * order is total. */
static void sort_devices(struct device_list *list, uint8_t order[DEVICES_MAX])
{
    for (uint32_t i = 0; i < list->count; i++) {
        uint32_t at = i;
        for (; at > 0 && comes_before(list, i, order[at - 1]); at--) {
            order[at] = order[at - 1];
        }
        order[at] = (uint8_t)i;
    }
    struct device *items = alloc_zero(list->count, sizeof *items);
    for (uint32_t i = 0; i < list->count; i++) {
        items[i] = list->items[order[i]];
    }
    free(list->items);
    free(list->addresses);
    list->items = items;
    list->addresses = NULL;
}

static void order_links(struct device_map *map, const uint8_t order[DEVICES_MAX])
{
    uint32_t gpus = map->lists[DEVICE_GPU].count;
    uint8_t *links = alloc_zero((size_t)gpus * gpus, sizeof *links);
    map->uniform = true;
    for (uint32_t a = 0; a < gpus; a++) {
        for (uint32_t b = 0; b < gpus; b++) {
            uint8_t count =
                map->patterned ? *link_between(map, a, b) : *link_between(map, order[a], order[b]);
            links[a * gpus + b] = count;
            map->uniform = map->uniform && (a == b || count == links[1]);
        }
    }
    free(map->links);
    map->links = links;
    map->link_width = gpus;
}

/* A device whose NUMA node is unknown has that of its switch, if one device there knows. */
static int agree_on_numa(struct device_map *map, struct err *err)
{
    int16_t *numas = alloc_zero(map->switch_count, sizeof *numas);
    memset(numas, 0xff, map->switch_count * sizeof *numas); /* DEVICE_UNKNOWN */
    int status = 0;
    for (int pass = 0; pass < 2 && status == 0; pass++) {
        for (int i = 0; i < 2 * DEVICES_MAX && status == 0; i++) {
            struct device_list *list = &map->lists[i / DEVICES_MAX];
            uint32_t at = (uint32_t)i % DEVICES_MAX;
            if (at >= list->count || list->items[at].pcie_switch == DEVICE_UNKNOWN) {
                continue;
            }
            struct device *device = &list->items[at];
            int16_t *numa = &numas[device->pcie_switch];
            if (pass == 1) {
                device->numa = *numa;
            } else if (device->numa != DEVICE_UNKNOWN && *numa != DEVICE_UNKNOWN &&
                       device->numa != *numa) {
                status = err_set(err, "PCIe switch \"%s\" has devices of NUMA nodes %d and %d",
                                 map->switches[device->pcie_switch], *numa, device->numa);
            } else if (device->numa != DEVICE_UNKNOWN) {
                *numa = device->numa;
            }
        }
    }
    free(numas);
    return status;
}

static void number_switches(struct device_map *map)
{
    int16_t *numbers = alloc_zero(map->switch_count, sizeof *numbers);
    memset(numbers, 0xff, map->switch_count * sizeof *numbers);
    char(*names)[DEVICE_SWITCH_MAX + 1] = alloc_zero(map->switch_count, sizeof *names);
    map->on_switch = alloc_zero(map->switch_count, sizeof map->on_switch[0]);
    int16_t next = 0;
    for (int kind = 0; kind < 2; kind++) {
        for (uint32_t i = 0; i < map->lists[kind].count; i++) {
            struct device *device = &map->lists[kind].items[i];
            if (device->pcie_switch == DEVICE_UNKNOWN) {
                continue;
            }
            int16_t *number = &numbers[device->pcie_switch];
            if (*number == DEVICE_UNKNOWN) {
                memcpy(names[next], map->switches[device->pcie_switch], sizeof names[0]);
                *number = next++;
            }
            device->pcie_switch = *number;
            map->on_switch[*number][kind] |= UINT64_C(1) << i;
        }
    }
    free(map->switches);
    map->switches = names;
    free(numbers);
}

static uint64_t on_numa(const struct device_map *map, enum device_kind kind, int numa)
{
    uint64_t mask = 0;
    for (uint32_t i = 0; i < map->lists[kind].count; i++) {
        mask |= (uint64_t)(numa != DEVICE_UNKNOWN && map->lists[kind].items[i].numa == numa) << i;
    }
    return mask;
}

static void pair(struct device_map *map)
{
    const struct device_list *gpus = &map->lists[DEVICE_GPU];
    map->gpu_nics = alloc_zero(gpus->count, sizeof map->gpu_nics[0]);
    map->gpu_rails = alloc_zero(gpus->count, sizeof map->gpu_rails[0]);
    map->pairings = alloc_zero(gpus->count, sizeof map->pairings[0]);
    for (uint32_t i = 0; i < gpus->count; i++) {
        const struct device *gpu = &gpus->items[i];
        uint64_t near =
            gpu->pcie_switch == DEVICE_UNKNOWN ? 0 : map->on_switch[gpu->pcie_switch][DEVICE_NIC];
        map->pairings[i] = DEVICE_PAIRING_SWITCH;
        map->gpu_nics[i] = near;
        if (near == 0) {
            map->gpu_nics[i] = on_numa(map, DEVICE_NIC, gpu->numa);
            map->pairings[i] = map->gpu_nics[i] != 0 ? DEVICE_PAIRING_NUMA : DEVICE_PAIRING_NONE;
        }
        if (gpu->rail != DEVICE_UNKNOWN) {
            map->gpu_rails[i] = UINT64_C(1) << gpu->rail;
            continue;
        }
        for (; near != 0; near &= near - 1) {
            int16_t rail = map->lists[DEVICE_NIC].items[__builtin_ctzll(near)].rail;
            map->gpu_rails[i] |= rail == DEVICE_UNKNOWN ? 0 : UINT64_C(1) << rail;
        }
    }
}

int device_map_finish(struct device_map *map, struct err *err)
{
    err_require(!map->finished);
    if (agree_on_numa(map, err) < 0) {
        return -1;
    }
    uint8_t order[DEVICES_MAX] = {0};
    sort_devices(&map->lists[DEVICE_NIC], order);
    sort_devices(&map->lists[DEVICE_GPU], order);
    order_links(map, order);
    number_switches(map);
    pair(map);
    map->finished = true;
    return 0;
}

/* -- a finished map -- */

static const struct device_list *list_of(const struct device_map *map, enum device_kind kind)
{
    err_require(map->finished);
    return &map->lists[kind];
}

uint32_t device_map_count(const struct device_map *map, enum device_kind kind)
{
    return list_of(map, kind)->count;
}

uint64_t device_map_mask(const struct device_map *map, enum device_kind kind)
{
    uint32_t count = list_of(map, kind)->count;
    return count == 0 ? 0 : UINT64_MAX >> (DEVICES_MAX - count);
}

const struct device *device_map_device(const struct device_map *map, enum device_kind kind,
                                       uint32_t index)
{
    const struct device_list *list = list_of(map, kind);
    err_require(index < list->count);
    return &list->items[index];
}

int device_map_find(const struct device_map *map, enum device_kind kind, const char *name)
{
    return find(list_of(map, kind), name);
}

int device_map_find_id(const struct device_map *map, enum device_kind kind, const char *id)
{
    const struct device_list *list = list_of(map, kind);
    for (uint32_t i = 0; i < list->count && id[0] != '\0'; i++) {
        if (strcmp(list->items[i].id, id) == 0) {
            return (int)i;
        }
    }
    return DEVICE_UNKNOWN;
}

uint8_t device_map_links(const struct device_map *map, uint32_t gpu_a, uint32_t gpu_b)
{
    uint32_t gpus = list_of(map, DEVICE_GPU)->count;
    err_require(gpu_a < gpus && gpu_b < gpus);
    return *link_between(map, gpu_a, gpu_b);
}

bool device_map_uniform(const struct device_map *map)
{
    err_require(map->finished);
    return map->uniform;
}

bool device_map_switched(const struct device_map *map)
{
    return device_map_uniform(map) && map->link_width > 1 && map->links[1] > 0;
}

uint32_t device_map_switch_count(const struct device_map *map)
{
    err_require(map->finished);
    return map->switch_count;
}

const char *device_map_switch_name(const struct device_map *map, uint32_t pcie_switch)
{
    err_require(pcie_switch < device_map_switch_count(map));
    return map->switches[pcie_switch];
}

uint64_t device_map_on_switch(const struct device_map *map, enum device_kind kind,
                              uint32_t pcie_switch)
{
    err_require(pcie_switch < device_map_switch_count(map));
    return map->on_switch[pcie_switch][kind];
}

uint64_t device_map_on_numa(const struct device_map *map, enum device_kind kind, int numa)
{
    err_require(map->finished);
    return on_numa(map, kind, numa);
}

uint64_t device_map_gpu_nics(const struct device_map *map, uint32_t gpu)
{
    err_require(gpu < list_of(map, DEVICE_GPU)->count);
    return map->gpu_nics[gpu];
}

enum device_pairing device_map_gpu_pairing(const struct device_map *map, uint32_t gpu)
{
    err_require(gpu < list_of(map, DEVICE_GPU)->count);
    return (enum device_pairing)map->pairings[gpu];
}

uint64_t device_map_gpu_rails(const struct device_map *map, uint32_t gpu)
{
    err_require(gpu < list_of(map, DEVICE_GPU)->count);
    return map->gpu_rails[gpu];
}
