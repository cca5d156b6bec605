// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/tenants.h"

#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"
#include "topology/base/err.h"

/* A table of namespaces. Whoever may write in one of them cannot make others, so it grows with what
 * an administrator makes; of those without gangs only so many are remembered, the last ones. The
 * table is never walked: its order says nothing.
 */

#define IDLE_MAX 1024u

static struct tenant *find(const struct tenants *tenants, const char *name)
{
    struct tenant *tenant = NULL;
    HASH_FIND_STR(tenants->table, name, tenant);
    return tenant;
}

static struct tenant *add(struct tenants *tenants, const char *name)
{
    struct tenant *tenant = alloc_zero(1, sizeof *tenant);
    tenant->name = alloc_string(name);
    HASH_ADD_KEYPTR(hh, tenants->table, tenant->name, strlen(tenant->name), tenant);
    return tenant;
}

static void drop(struct tenants *tenants, struct tenant *tenant)
{
    HASH_DELETE(hh, tenants->table, tenant);
    free(tenant->name);
    free(tenant);
}

void tenants_finish(struct tenants *tenants)
{
    struct tenant *tenant, *next;
    HASH_ITER (hh, tenants->table, tenant, next) {
        drop(tenants, tenant);
    }
    memset(tenants, 0, sizeof *tenants);
}

static void take_idle(struct tenants *tenants, struct tenant *tenant)
{
    struct tenant *next = tenant->idle_next, *before = tenant->idle_before;
    *(before != NULL ? &before->idle_next : &tenants->idle) = next;
    *(next != NULL ? &next->idle_before : &tenants->idle_last) = before;
    tenant->idle_next = tenant->idle_before = NULL;
    tenants->idle_count--;
}

static void put_idle(struct tenants *tenants, struct tenant *tenant)
{
    struct tenant *last = tenants->idle_last;
    tenant->idle_before = last;
    *(last != NULL ? &last->idle_next : &tenants->idle) = tenant;
    tenants->idle_last = tenant;
    tenants->idle_count++;
    if (tenants->idle_count > IDLE_MAX) {
        struct tenant *first = tenants->idle;
        take_idle(tenants, first);
        drop(tenants, first);
    }
}

struct tenant *tenants_join(struct tenants *tenants, const char *name_space)
{
    struct tenant *tenant = find(tenants, name_space);
    if (tenant == NULL) {
        tenant = add(tenants, name_space);
    } else if (tenant->gangs == 0) {
        take_idle(tenants, tenant);
    }
    tenant->gangs++;
    return tenant;
}

void tenants_leave(struct tenants *tenants, struct tenant *tenant)
{
    err_require(tenant->gangs > 0);
    if (--tenant->gangs > 0) {
        return;
    }
    if (tenant->limited || tenant->voteless > 0) {
        put_idle(tenants, tenant);
    } else {
        drop(tenants, tenant);
    }
}

void tenant_forgive(struct tenant *tenant)
{
    tenant->voteless = 0;
    tenant->limited = false;
}

void tenants_forgive_idle(struct tenants *tenants)
{
    while (tenants->idle != NULL) {
        struct tenant *tenant = tenants->idle;
        take_idle(tenants, tenant);
        drop(tenants, tenant);
    }
}

/* ---- checkpoint ---- */

void tenant_checkpoint(struct tenant *tenant, struct checkpoint *checkpoint)
{
    checkpoint_u32(checkpoint, &tenant->voteless);
    checkpoint_bool(checkpoint, &tenant->limited);
    checkpoint_u64(checkpoint, &tenant->turn);
}

void tenants_checkpoint_idle(struct tenants *tenants, struct checkpoint *checkpoint)
{
    const bool loading = checkpoint->loading;
    uint32_t count = tenants->idle_count;
    checkpoint_count(checkpoint, &count, IDLE_MAX);
    struct tenant *saved = loading ? NULL : tenants->idle;
    for (uint32_t i = 0; i < count && !checkpoint->failed; i++) {
        struct tenant *tenant = saved;
        char *name = saved == NULL ? NULL : saved->name;
        checkpoint_text(checkpoint, &name);
        if (loading) {
            bool sound = checkpoint_check(
                checkpoint, !checkpoint->failed && name != NULL && find(tenants, name) == NULL,
                "a namespace that cannot be");
            tenant = sound && name != NULL ? add(tenants, name) : NULL;
            free(name);
        }
        if (tenant == NULL) {
            return;
        }
        tenant_checkpoint(tenant, checkpoint);
        if (loading) {
            put_idle(tenants, tenant);
        } else if (saved != NULL) {
            saved = saved->idle_next;
        }
    }
}
