// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/ledger.h"

#include <stdlib.h>

#include "topology/base/alloc.h"

/* Puts accounts, GPUs and views together: whatever changes an account passes here, and the views
 * learn of it when they are asked (accounts_recent()).
 */

struct ledger {
    const struct shapes *shapes;
    const struct domains *domains;
    struct gpus *gpus;
    struct accounts *accounts;
    struct views *views;
    uint64_t releases;
};

struct ledger *ledger_create(const struct nodes *nodes, const struct domains *domains,
                             const struct shapes *shapes)
{
    struct ledger *ledger = alloc_zero(1, sizeof(*ledger));
    ledger->shapes = shapes;
    ledger->gpus = gpus_create();
    ledger->accounts = accounts_create(nodes);
    ledger->views = views_create(domains, shapes, ledger->accounts, ledger->gpus);
    ledger->domains = domains;
    return ledger;
}

void ledger_destroy(struct ledger *ledger)
{
    if (ledger == NULL) {
        return;
    }
    views_destroy(ledger->views);
    accounts_destroy(ledger->accounts);
    gpus_destroy(ledger->gpus);
    free(ledger);
}

/* ---- changes ---- */

void ledger_node_changed(struct ledger *ledger, uint32_t row)
{
    accounts_node_changed(ledger->accounts, row);
    ledger->releases++;
}

void ledger_tree_changed(struct ledger *ledger)
{
    views_tree_changed(ledger->views);
    ledger->releases++;
}

void ledger_shape_gone(struct ledger *ledger, uint32_t shape)
{
    views_shape_gone(ledger->views, shape);
}

struct gpus *ledger_gpus(struct ledger *ledger)
{
    return ledger->gpus;
}

void ledger_gpus_changed(struct ledger *ledger, uint32_t row)
{
    uint32_t resource = gpus_resource(ledger->gpus, row);
    if (resource != NAMES_NONE) {
        accounts_note_release(ledger->accounts, resource);
    }
    accounts_touch(ledger->accounts, row);
    ledger->releases++;
}

void ledger_charge(struct ledger *ledger, enum ledger_account which, uint32_t row,
                   const struct resources *amounts)
{
    accounts_charge(ledger->accounts, which, row, amounts);
}

void ledger_refund(struct ledger *ledger, enum ledger_account which, uint32_t row,
                   const struct resources *amounts)
{
    accounts_refund(ledger->accounts, which, row, amounts);
    ledger->releases++;
}

void ledger_commit(struct ledger *ledger, uint32_t row)
{
    accounts_commit(ledger->accounts, row);
}

void ledger_guard(struct ledger *ledger, uint32_t row)
{
    accounts_guard(ledger->accounts, row);
}

void ledger_unguard(struct ledger *ledger, uint32_t row)
{
    accounts_unguard(ledger->accounts, row);
}

bool ledger_agrees(const struct ledger *ledger, uint32_t row, const struct balance *taken,
                   uint32_t holds)
{
    return accounts_agree(ledger->accounts, row, taken, holds);
}

void ledger_correct(struct ledger *ledger, uint32_t row, const struct balance *taken,
                    uint32_t holds)
{
    accounts_correct(ledger->accounts, row, taken, holds);
    ledger->releases++;
}

/* ---- nodes ---- */

const struct resources *ledger_free(const struct ledger *ledger, uint32_t row)
{
    return accounts_free(ledger->accounts, row);
}

void ledger_free_with(const struct ledger *ledger, uint32_t row, const struct balance *given,
                      struct resources *free)
{
    accounts_free_with(ledger->accounts, row, given, free);
}

int64_t ledger_total_free(const struct ledger *ledger, uint32_t resource)
{
    return accounts_total_free(ledger->accounts, resource);
}

bool ledger_fits(const struct ledger *ledger, uint32_t row, const struct resources *amounts)
{
    return resources_fit(amounts, ledger_free(ledger, row));
}

bool ledger_has_hold(const struct ledger *ledger, uint32_t row)
{
    return accounts_has_hold(ledger->accounts, row);
}

bool ledger_overbooked(const struct ledger *ledger, uint32_t row)
{
    const struct resources *free = ledger_free(ledger, row);
    for (uint32_t i = 0; i < free->count; i++) {
        if (resource_available(free->items[i].name, free->items[i].amount) < 0) {
            return true;
        }
    }
    return false;
}

uint32_t ledger_holds(const struct ledger *ledger)
{
    return accounts_holds(ledger->accounts);
}

uint32_t ledger_copies(const struct ledger *ledger, uint32_t shape, uint32_t row,
                       const struct balance *freed)
{
    if (!shapes_admits(ledger->shapes, shape, row)) {
        return 0;
    }
    struct resources room;
    resources_init(&room);
    accounts_free_with(ledger->accounts, row, freed, &room);
    uint32_t copies =
        resources_copies(shapes_request(ledger->shapes, shape), &room, CAPACITY_NODE_MAX);
    resources_finish(&room);
    return copies;
}

/* ---- the cluster ---- */

uint64_t ledger_releases(const struct ledger *ledger)
{
    return ledger->releases;
}

uint64_t ledger_released(const struct ledger *ledger, const struct resources *amounts)
{
    return accounts_released(ledger->accounts, amounts);
}

/* Without GPUs every set of them is good. */
static bool counts_sets(const struct ledger *ledger, uint32_t shape)
{
    uint32_t resource;
    return shapes_gpus(ledger->shapes, shape, &resource) > 0;
}

const struct capacity *ledger_capacity(struct ledger *ledger, uint32_t shape)
{
    return views_capacity(ledger->views, shape, false);
}

const struct capacity *ledger_good_capacity(struct ledger *ledger, uint32_t shape)
{
    return views_capacity(ledger->views, shape, counts_sets(ledger, shape));
}

uint64_t ledger_raised(struct ledger *ledger, uint32_t shape)
{
    return views_raised(ledger->views, shape, false);
}

uint64_t ledger_good_raised(struct ledger *ledger, uint32_t shape)
{
    return views_raised(ledger->views, shape, counts_sets(ledger, shape));
}

uint64_t ledger_best(struct ledger *ledger, uint32_t shape, uint32_t level)
{
    return views_best(ledger->views, shape, false, level);
}

uint64_t ledger_good_best(struct ledger *ledger, uint32_t shape, uint32_t level)
{
    return views_best(ledger->views, shape, counts_sets(ledger, shape), level);
}

struct mask_refusals ledger_refusals(struct ledger *ledger, uint32_t shape)
{
    return views_refusals(ledger->views, shape);
}

bool ledger_column(const struct ledger *ledger, uint32_t resource, struct accounts_column *column)
{
    return accounts_column(ledger->accounts, resource, column);
}

bool ledger_nobody_has(const struct ledger *ledger, uint32_t resource)
{
    return accounts_nobody_has(ledger->accounts, resource);
}

bool ledger_slots_full(const struct ledger *ledger, uint32_t row)
{
    return accounts_slots_full(ledger->accounts, row);
}

const bool *ledger_slots_taken(const struct ledger *ledger)
{
    return accounts_slots_taken(ledger->accounts);
}

uint64_t ledger_changes(const struct ledger *ledger)
{
    return accounts_recent(ledger->accounts)->changes;
}

const uint32_t *ledger_likings(struct ledger *ledger, uint32_t shape, size_t *rows)
{
    return views_likings(ledger->views, shape, rows);
}

uint64_t ledger_work(const struct ledger *ledger)
{
    return views_work(ledger->views);
}

struct views *ledger_views(struct ledger *ledger)
{
    return ledger->views;
}

/* ---- checkpoint ---- */

void ledger_forget(struct ledger *ledger)
{
    views_destroy(ledger->views);
    accounts_forget(ledger->accounts);
    ledger->views = views_create(ledger->domains, ledger->shapes, ledger->accounts, ledger->gpus);
}

void ledger_checkpoint(struct ledger *ledger, struct names *words, uint32_t rows,
                       struct checkpoint *checkpoint)
{
    accounts_checkpoint(ledger->accounts, checkpoint);
    gpus_checkpoint(ledger->gpus, words, rows, checkpoint);
}

void ledger_loaded(struct ledger *ledger, struct checkpoint *checkpoint)
{
    checkpoint_section(checkpoint, "ledger");
    checkpoint_u64(checkpoint, &ledger->releases);
    if (checkpoint->loading && !checkpoint->failed) {
        ledger_forget(ledger);
    }
}
