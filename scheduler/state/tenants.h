// SPDX-License-Identifier: Apache-2.0
#ifndef SCHEDULER_STATE_TENANTS_H
#define SCHEDULER_STATE_TENANTS_H

#include <stdbool.h>
#include <stdint.h>

#define uthash_fatal(message) abort()
#include <uthash.h>

#include "topology/base/checkpoint.h"

struct gang;

/* Tenants: what is remembered of a namespace, beside its gangs.
 *
 *   gang ──▶ tenant      of its namespace; one that has done nothing wrong goes with its last gang,
 *                        another one is remembered for a while: else it would do to make a gang
 *                        under a new name
 */

struct tenant {
    UT_hash_handle hh; /* by name */
    char *name;        /* of the namespace */
    uint32_t gangs;    /* of it, that are known */
    uint32_t admitted; /* … of which so many are planned, or wait for room, and … */
    uint32_t holding;  /* … of which so many hold something; engine/standing.c, like … */
    uint32_t voteless; /* … holds in a row that ended without a vote, and … */
    bool limited;      /* … whether the last one that ended was not kept: one at a time */

    uint64_t turn;  /* its next one, like what follows by policy/queue.c … */
    uint64_t round; /* … while turns are dealt: that of its next gang … */
    uint64_t stamp; /* … among those of some priority */
    /* Gangs that are worth a try, and may not have one yet, in order of arrival. */
    struct gang *parked;
    struct gang *parked_last;

    struct tenant *idle_next; /* without gangs, the one that has been so for longest first */
    struct tenant *idle_before;
};

struct tenants {
    struct tenant *table;
    struct tenant *idle;
    struct tenant *idle_last;
    uint32_t idle_count;
};

void tenants_finish(struct tenants *tenants);
/* The tenant of one more gang. */
struct tenant *tenants_join(struct tenants *tenants, const char *name_space);
/* A gang of it is no more. */
void tenants_leave(struct tenants *tenants, struct tenant *tenant);
/* What was held against a tenant is forgotten. */
void tenant_forgive(struct tenant *tenant);
void tenants_forgive_idle(struct tenants *tenants);

/* What is remembered of a tenant that has gangs. */
void tenant_checkpoint(struct tenant *tenant, struct checkpoint *checkpoint);
/* Those without gangs. */
void tenants_checkpoint_idle(struct tenants *tenants, struct checkpoint *checkpoint);

#endif
