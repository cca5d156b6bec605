// SPDX-License-Identifier: Apache-2.0
#ifndef TOPOLOGY_DEVICES_SUBSET_H
#define TOPOLOGY_DEVICES_SUBSET_H

#include <stdbool.h>
#include <stdint.h>

#include "topology/devices/cost.h"
#include "topology/devices/map.h"

/* Which k GPUs of those free on a node, which NICs with them, and how many pods of k GPUs the node
 * can take well.
 *
 * "Best" is, one after the other (struct device_cost), behind device_request.further:
 *   1. most NVLinks inside            4. most GPUs with a free NIC of their own at their switch,
 *   2. fewest NUMA nodes                 then in their NUMA node
 *   3. fewest PCIe switches           5. most GPUs on the preferred rails
 *   6. the best rest: most good subsets of the same size, most links, free GPUs together
 *   7. the lowest mask
 *
 *   GPUs        links of pairs   best subset                     good subsets
 *   <= 8        any              table, or <= 70 trials, exact   table, exact
 *   <= 64       all alike        knapsack, exact                 formula, exact
 *   9 … 16      differ           <= 12,870 trials, exact         search, exact
 *   17 … 64     differ           growing and exchanging: not     one after the other: at least
 *                                proven                          that many
 *
 * A subset is *good* when a pod on the empty machine could get none with more links. Where all
 * pairs are alike (NVSwitch, full mesh, PCIe only) links tell nothing: there a subset is good when
 * it lies in one NUMA node, or always, when no NUMA node of the machine has k GPUs.
 *
 * One object serves every node of the same shape (device_subset_serves()), and is read-only after
 * creation. Masks may have bits past the end of the map; they are ignored.
 */

struct device_subset;

/* *New*; keeps nothing of the map, which must be finished. */
struct device_subset *device_subset_create(const struct device_map *map);
void device_subset_destroy(struct device_subset *subset);

/* The map has the same shape, so this object answers for it too. */
bool device_subset_serves(const struct device_subset *subset, const struct device_map *map);
/* Answers are proven best: all but the last line of the table above. */
bool device_subset_exact(const struct device_subset *subset);

/* The best `gpus` of those free when all NICs are free and no rails are preferred: exactly that
 * many bits of `free_gpus`, or 0 when there are not so many (or 0 are wanted). */
uint64_t device_subset_best(const struct device_subset *subset, uint64_t free_gpus, uint32_t gpus);
/* The same with NICs in use, and rails. */
uint64_t device_subset_choose(const struct device_subset *subset,
                              const struct device_request *request);

/* Disjoint subsets of request->gpus for `pods` pods, each the best of what the ones before left,
 * but so that as many as possible are good: device_subset_capacity() of them, where that is exact
 * and there are so many pods. Returns how many it aimed at, the first ones of chosen[]; 0 and
 * nothing chosen when there are not enough free GPUs. request->further is not read. */
uint32_t device_subset_several(const struct device_subset *subset,
                               const struct device_request *request, uint32_t pods,
                               uint64_t chosen[DEVICES_MAX]);

/* Links inside a set of GPUs; and the most inside any `gpus` of the whole machine (0 when it has
 * fewer). */
uint32_t device_subset_links(const struct device_subset *subset, uint64_t gpus);
uint32_t device_subset_links_most(const struct device_subset *subset, uint32_t gpus);
/* A set of GPUs, not empty, is good for a pod of that size. */
bool device_subset_good(const struct device_subset *subset, uint64_t gpus);

/* How many good subsets of `gpus` GPUs fit side by side into `free_gpus`; 0 for gpus = 0. */
uint32_t device_subset_capacity(const struct device_subset *subset, uint64_t free_gpus,
                                uint32_t gpus);
/* The same for who only prefers good ones: any subset counts. */
uint32_t device_subset_plain(const struct device_subset *subset, uint64_t free_gpus, uint32_t gpus);

/* The rails a set of GPUs sends on: what to prefer on the other nodes of the gang. */
uint64_t device_subset_rails(const struct device_subset *subset, uint64_t gpus);

/* `nics` of `free_nics` for the GPUs, in rounds: each GPU takes one at its switch, or else one in
 * its NUMA node; when nobody finds one any more, the rest come from anywhere. Among equals those on
 * `rails` first (0: none preferred), then the lowest. Exactly that many bits, or 0 when there are
 * not so many free (or 0 are wanted). *pairing is the worst that was needed. */
uint64_t device_subset_nics(const struct device_subset *subset, uint64_t gpus, uint64_t free_nics,
                            uint32_t nics, uint64_t rails, enum device_pairing *pairing);

#endif
