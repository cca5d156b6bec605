// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_UNIT_TOPOLOGY_DEVICES_ORACLE_H
#define TEST_UNIT_TOPOLOGY_DEVICES_ORACLE_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "test/unit/topology/random.h"
#include "topology/devices/cost.h"
#include "topology/devices/map.h"

/* Slow and obvious answers about subsets of GPUs, from what a finished map says and from nothing
 * else: every subset is tried, every criterion is counted by its definition. Up to 12 GPUs. */

#define ORACLE_CRITERIA 10

struct oracle {
    const struct device_map *map;
    uint32_t gpus;
    uint32_t nics;
};

static inline struct oracle oracle_of(const struct device_map *map)
{
    return (struct oracle){map, device_map_count(map, DEVICE_GPU),
                           device_map_count(map, DEVICE_NIC)};
}

static inline uint32_t oracle_count(uint64_t mask)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < 64; i++) {
        count += (uint32_t)(mask >> i & 1);
    }
    return count;
}

static inline bool oracle_has(uint64_t mask, uint32_t i)
{
    return (mask >> i & 1) != 0;
}

static inline int oracle_links(const struct oracle *oracle, uint64_t set)
{
    int links = 0;
    for (uint32_t a = 0; a < oracle->gpus; a++) {
        for (uint32_t b = a + 1; b < oracle->gpus; b++) {
            if (oracle_has(set, a) && oracle_has(set, b)) {
                links += device_map_links(oracle->map, a, b);
            }
        }
    }
    return links;
}

static inline int oracle_links_most(const struct oracle *oracle, uint64_t free_gpus, uint32_t k)
{
    int most = 0;
    for (uint64_t set = 0; set < UINT64_C(1) << oracle->gpus; set++) {
        if ((set & ~free_gpus) == 0 && oracle_count(set) == k) {
            int links = oracle_links(oracle, set);
            most = links > most ? links : most;
        }
    }
    return most;
}

/* Are two GPUs at one switch, or in one NUMA node, as far as is known? */
static inline bool oracle_one_switch(const struct oracle *oracle, uint32_t a, uint32_t b)
{
    const struct device *left = device_map_device(oracle->map, DEVICE_GPU, a);
    const struct device *right = device_map_device(oracle->map, DEVICE_GPU, b);
    return a == b ||
           (left->pcie_switch != DEVICE_UNKNOWN && left->pcie_switch == right->pcie_switch);
}

static inline bool oracle_one_numa(const struct oracle *oracle, uint32_t a, uint32_t b)
{
    const struct device *left = device_map_device(oracle->map, DEVICE_GPU, a);
    const struct device *right = device_map_device(oracle->map, DEVICE_GPU, b);
    return oracle_one_switch(oracle, a, b) ||
           (left->numa != DEVICE_UNKNOWN && left->numa == right->numa);
}

typedef bool oracle_relation(const struct oracle *oracle, uint32_t a, uint32_t b);

/* Classes of `set` under the relation; *squares = the sum of their sizes squared. */
static inline int oracle_classes(const struct oracle *oracle, uint64_t set,
                                 oracle_relation *relation, int *squares)
{
    int classes = 0;
    *squares = 0;
    for (uint32_t a = 0; a < oracle->gpus; a++) {
        bool first = oracle_has(set, a);
        int size = 0;
        for (uint32_t b = 0; b < oracle->gpus; b++) {
            if (oracle_has(set, b) && relation(oracle, a, b)) {
                first = first && b >= a;
                size++;
            }
        }
        classes += first;
        *squares += first ? size * size : 0;
    }
    return classes;
}

/* NICs near a GPU: at its switch, and with `numa` in its NUMA node too. */
static inline uint64_t oracle_near(const struct oracle *oracle, uint32_t gpu, bool numa)
{
    const struct device *device = device_map_device(oracle->map, DEVICE_GPU, gpu);
    uint64_t near = 0;
    for (uint32_t i = 0; i < oracle->nics; i++) {
        const struct device *nic = device_map_device(oracle->map, DEVICE_NIC, i);
        bool one_switch =
            device->pcie_switch != DEVICE_UNKNOWN && nic->pcie_switch == device->pcie_switch;
        bool one_numa = numa && device->numa != DEVICE_UNKNOWN && nic->numa == device->numa;
        near |= (uint64_t)(one_switch || one_numa) << i;
    }
    return near;
}

/* Kuhn's augmenting path from one GPU. */
static inline bool oracle_augment(const uint64_t *near, uint32_t gpu, int *user, uint64_t *seen)
{
    for (uint32_t nic = 0; nic < 64; nic++) {
        if (oracle_has(near[gpu], nic) && !oracle_has(*seen, nic)) {
            *seen |= UINT64_C(1) << nic;
            if (user[nic] < 0 || oracle_augment(near, (uint32_t)user[nic], user, seen)) {
                user[nic] = (int)gpu;
                return true;
            }
        }
    }
    return false;
}

/* The most GPUs of `set` that can have a free NIC of their own: a maximum matching. */
static inline int oracle_own_nics(const struct oracle *oracle, uint64_t set, uint64_t free_nics,
                                  bool numa)
{
    uint64_t near[64] = {0};
    int user[64];
    int matched = 0;
    memset(user, 0xff, sizeof user);
    for (uint32_t gpu = 0; gpu < oracle->gpus; gpu++) {
        if (oracle_has(set, gpu)) {
            near[gpu] = oracle_near(oracle, gpu, numa) & free_nics;
            uint64_t seen = 0;
            matched += oracle_augment(near, gpu, user, &seen);
        }
    }
    return matched;
}

static inline bool oracle_uniform(const struct oracle *oracle)
{
    for (uint32_t a = 0; a < oracle->gpus; a++) {
        for (uint32_t b = 0; b < oracle->gpus; b++) {
            if (a != b &&
                device_map_links(oracle->map, a, b) != device_map_links(oracle->map, 0, 1)) {
                return false;
            }
        }
    }
    return true;
}

static inline bool oracle_in_one_numa(const struct oracle *oracle, uint64_t set)
{
    int squares = 0;
    return oracle_classes(oracle, set, oracle_one_numa, &squares) <= 1;
}

/* All good sets of k GPUs inside `free_gpus`; returns how many. */
static inline uint32_t oracle_good(const struct oracle *oracle, uint64_t free_gpus, uint32_t k,
                                   uint64_t *good)
{
    uint64_t end = UINT64_C(1) << oracle->gpus;
    int most = oracle_links_most(oracle, end - 1, k);
    bool uniform = oracle_uniform(oracle);
    bool fits = false;
    for (uint64_t set = 0; set < end && uniform && !fits; set++) {
        fits = oracle_count(set) == k && oracle_in_one_numa(oracle, set);
    }
    uint32_t count = 0;
    for (uint64_t set = 0; set < end; set++) {
        if (oracle_count(set) == k && (set & ~free_gpus) == 0 &&
            (uniform ? !fits || oracle_in_one_numa(oracle, set)
                     : oracle_links(oracle, set) == most)) {
            good[count++] = set;
        }
    }
    return count;
}

/* The most disjoint ones of sets[first …]: each is taken or not. */
static inline int oracle_disjoint(const uint64_t *sets, uint32_t count, uint32_t first,
                                  uint64_t used, int bound)
{
    int most = 0;
    for (uint32_t i = first; i < count && most < bound; i++) {
        if ((sets[i] & used) == 0) {
            int with = 1 + oracle_disjoint(sets, count, i + 1, used | sets[i], bound - 1);
            most = with > most ? with : most;
        }
    }
    return most;
}

static inline int oracle_capacity(const struct oracle *oracle, uint64_t free_gpus, uint32_t k)
{
    uint64_t good[1024]; /* C(12, 6) = 924 */
    uint32_t count = oracle_good(oracle, free_gpus, k, good);
    return oracle_disjoint(good, count, 0, 0, (int)(oracle_count(free_gpus) / k));
}

static inline int oracle_on_rails(const struct oracle *oracle, uint64_t set, uint64_t rails)
{
    int on = 0;
    for (uint32_t gpu = 0; gpu < oracle->gpus && rails != 0; gpu++) {
        on += oracle_has(set, gpu) && (device_map_gpu_rails(oracle->map, gpu) & rails) != 0;
    }
    return on;
}

/* Every criterion in its order, smaller is better. */
static inline void oracle_value(const struct oracle *oracle, const struct device_request *request,
                                uint64_t set, int value[ORACLE_CRITERIA])
{
    uint64_t left = request->free_gpus & ~set;
    int unused = 0;
    value[0] = -oracle_links(oracle, set);
    value[1] = oracle_classes(oracle, set, oracle_one_numa, &unused);
    value[2] = oracle_classes(oracle, set, oracle_one_switch, &unused);
    value[3] = -oracle_own_nics(oracle, set, request->free_nics, false);
    value[4] = -oracle_own_nics(oracle, set, request->free_nics, true);
    value[5] = -oracle_on_rails(oracle, set, request->rails);
    value[6] = -oracle_capacity(oracle, left, request->gpus);
    value[7] = -oracle_links(oracle, left);
    (void)oracle_classes(oracle, left, oracle_one_numa, &value[8]);
    (void)oracle_classes(oracle, left, oracle_one_switch, &value[9]);
    value[8] = -value[8];
    value[9] = -value[9];
}

/* The best subset; sets are tried from the lowest, so that one stays among equals. */
static inline uint64_t oracle_best(const struct oracle *oracle,
                                   const struct device_request *request)
{
    uint64_t best = 0;
    int best_value[ORACLE_CRITERIA] = {0};
    for (uint64_t set = 1; set < UINT64_C(1) << oracle->gpus; set++) {
        if ((set & ~request->free_gpus) != 0 || oracle_count(set) != request->gpus) {
            continue;
        }
        int value[ORACLE_CRITERIA];
        oracle_value(oracle, request, set, value);
        int at = 0;
        while (at < ORACLE_CRITERIA - 1 && value[at] == best_value[at]) {
            at++;
        }
        if (best == 0 || value[at] < best_value[at]) {
            best = set;
            memcpy(best_value, value, sizeof value);
        }
    }
    return best;
}

/* -- random maps -- */

enum oracle_links_kind { ORACLE_LINKS_NONE, ORACLE_LINKS_ALL, ORACLE_LINKS_SOME };

static inline void oracle_add_random(struct device_map *map, struct random *random,
                                     enum device_kind kind, uint32_t index, uint32_t switches)
{
    char name[DEVICE_NAME_MAX + 1];
    char pcie_switch[32] = "";
    (void)snprintf(name, sizeof name, "%s-%u", kind == DEVICE_GPU ? "gpu" : "nic", index);
    uint32_t number = random_below(random, switches);
    if (random_below(random, 6) != 0) {
        (void)snprintf(pcie_switch, sizeof pcie_switch, "switch-%u", number);
    }
    struct device_description device = {
        .name = name,
        .pcie_switch = pcie_switch,
        .numa = random_below(random, 8) == 0 ? DEVICE_UNKNOWN : (int)(number % 3),
        .rail = random_below(random, 3) == 0 ? DEVICE_UNKNOWN : (int)random_below(random, 4),
    };
    (void)(kind == DEVICE_GPU ? device_map_add_gpu : device_map_add_nic)(map, &device, NULL);
}

/* *New* finished map. */
static inline struct device_map *oracle_random_map(struct random *random, uint32_t gpus,
                                                   enum oracle_links_kind kind)
{
    struct device_map *map = device_map_create();
    uint32_t switches = 1 + random_below(random, gpus);
    uint32_t nics = random_below(random, 9);
    uint32_t odds = 1 + random_below(random, 5);
    uint32_t bundle = 1 + random_below(random, 3);
    for (uint32_t i = 0; i < gpus; i++) {
        oracle_add_random(map, random, DEVICE_GPU, i, switches);
    }
    for (uint32_t i = 0; i < nics; i++) {
        oracle_add_random(map, random, DEVICE_NIC, i, switches);
    }
    for (uint32_t a = 0; a < gpus && kind == ORACLE_LINKS_SOME; a++) {
        for (uint32_t b = a + 1; b < gpus; b++) {
            char name_a[16];
            char name_b[16];
            (void)snprintf(name_a, sizeof name_a, "gpu-%u", a);
            (void)snprintf(name_b, sizeof name_b, "gpu-%u", b);
            if (random_below(random, 5) < odds) {
                (void)device_map_link(map, name_a, name_b, 1 + (int)random_below(random, bundle),
                                      NULL);
            }
        }
    }
    if (kind == ORACLE_LINKS_ALL) {
        (void)device_map_link_all(map, 12, NULL);
    }
    (void)device_map_finish(map, NULL);
    return map;
}

#endif
