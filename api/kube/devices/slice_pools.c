// SPDX-License-Identifier: Apache-2.0
#include "api/kube/devices/slice_pools.h"

#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) abort()
#include <uthash.h>
#include <utlist.h>

#include "topology/base/alloc.h"

/* Three indexes over the same records, one record per slice:
 *
 *   names   "n1-gpu.nvidia.com-xz4s4" ─▶ record        to replace and delete
 *   pools   "gpu.nvidia.com/n1"       ─▶ its records   to put a pool together
 *   nodes   "n1"                      ─▶ its records   to find the pools of a node
 *
 * A record owns its decoded slice. A slice that could not be read is a record too, as long as its
 * pool is known: it has the error in place of the devices. If even its
 * generation is unknown it may be the newest one, so the pool is unknown. Pools and nodes without
 * records are freed.
 *
 * Nothing is derived in advance: a pool is put together when somebody asks, from the records of the
 * highest generation in the order of their names.
 */

struct record {
    struct decoded_slice *decoded;
    const struct resource_slice *slice; /* in it */
    const char *error;                  /* in it; NULL: it was read */
    struct pool *pool;
    struct node_slices *node; /* NULL: not of one node */
    UT_hash_handle hh;        /* by slice.name */
    struct record *pool_previous;
    struct record *pool_next;
    struct record *node_previous;
    struct record *node_next;
};

struct pool {
    char *key; /* "driver/name"; a driver's name has no slash */
    struct record *records;
    UT_hash_handle hh;
};

struct node_slices {
    char *name;
    struct record *records;
    UT_hash_handle hh;
};

struct slice_pools {
    struct record *names;
    struct pool *pools;
    struct node_slices *nodes;
    struct slice_pools_counts counts;
};

struct slice_pools *slice_pools_create(void)
{
    return alloc_zero(1, sizeof(struct slice_pools));
}

static void count_record(struct slice_pools *pools, const struct record *record, size_t by)
{
    pools->counts.slices += by;
    pools->counts.unreadable += record->error != NULL ? by : 0;
    pools->counts.not_of_a_node += record->slice->scope != SLICE_SCOPE_NODE ? by : 0;
}

static void link_pool(struct slice_pools *pools, struct record *record)
{
    char *key =
        arena_printf(&record->decoded->arena, "%s/%s", record->slice->driver, record->slice->pool);
    struct pool *pool = NULL;
    HASH_FIND_STR(pools->pools, key, pool);
    if (pool == NULL) {
        pool = alloc_zero(1, sizeof *pool);
        pool->key = alloc_string(key);
        HASH_ADD_KEYPTR(hh, pools->pools, pool->key, strlen(pool->key), pool);
    }
    DL_APPEND2(pool->records, record, pool_previous, pool_next);
    record->pool = pool;
}

static void link_node(struct slice_pools *pools, struct record *record)
{
    struct node_slices *node = NULL;
    if (record->slice->node == NULL) {
        return;
    }
    HASH_FIND_STR(pools->nodes, record->slice->node, node);
    if (node == NULL) {
        node = alloc_zero(1, sizeof *node);
        node->name = alloc_string(record->slice->node);
        HASH_ADD_KEYPTR(hh, pools->nodes, node->name, strlen(node->name), node);
    }
    DL_APPEND2(node->records, record, node_previous, node_next);
    record->node = node;
}

static void unlink_record(struct slice_pools *pools, struct record *record)
{
    struct pool *pool = record->pool;
    struct node_slices *node = record->node;
    count_record(pools, record, (size_t)-1);
    HASH_DEL(pools->names, record);
    DL_DELETE2(pool->records, record, pool_previous, pool_next);
    if (pool->records == NULL) {
        HASH_DEL(pools->pools, pool);
        free(pool->key);
        free(pool);
    }
    if (node != NULL) {
        DL_DELETE2(node->records, record, node_previous, node_next);
        if (node->records == NULL) {
            HASH_DEL(pools->nodes, node);
            free(node->name);
            free(node);
        }
    }
}

static void destroy_record(struct record *record)
{
    decoded_slice_destroy(record->decoded);
    free(record);
}

void slice_pools_delete(struct slice_pools *pools, const char *name)
{
    struct record *record = NULL;
    HASH_FIND_STR(pools->names, name, record);
    if (record != NULL) {
        unlink_record(pools, record);
        destroy_record(record);
    }
}

void slice_pools_destroy(struct slice_pools *pools)
{
    if (pools == NULL) {
        return;
    }
    while (pools->names != NULL) {
        slice_pools_delete(pools, pools->names->slice->name);
    }
    free(pools);
}

int slice_pools_apply(struct slice_pools *pools, struct decoded_slice *decoded, struct err *err)
{
    const struct resource_slice *slice = &decoded->slice;
    int result = decoded->error == NULL ? 0 : err_set(err, "%s", decoded->error);
    if (slice->name != NULL) {
        slice_pools_delete(pools, slice->name);
    }
    if (slice->name == NULL || slice->pool == NULL) {
        decoded_slice_destroy(decoded);
        return -1;
    }
    struct record *record = alloc_zero(1, sizeof *record);
    record->decoded = decoded;
    record->slice = slice;
    record->error = decoded->error;
    HASH_ADD_KEYPTR(hh, pools->names, slice->name, strlen(slice->name), record);
    link_pool(pools, record);
    link_node(pools, record);
    count_record(pools, record, 1);
    return result;
}

void slice_pools_visit_nodes(const struct slice_pools *pools, const char *name,
                             void (*visit)(void *context, const char *node), void *context)
{
    const struct record *record = NULL;
    HASH_FIND_STR(pools->names, name, record);
    const struct record *other = record == NULL ? NULL : record->pool->records;
    for (; other != NULL; other = other->pool_next) {
        if (other->slice->node != NULL) {
            visit(context, other->slice->node);
        }
    }
}

struct slice_pools_counts slice_pools_counts(const struct slice_pools *pools)
{
    return pools->counts;
}

/* -- one pool -- */

/* The records that count. */
struct newest {
    const struct record **records; /* by name */
    size_t count;
    size_t device_count;
};

static int compare_records(const void *a, const void *b)
{
    const struct record *const *left = a;
    const struct record *const *right = b;
    return strcmp((*left)->slice->name, (*right)->slice->name);
}

static int compare_devices(const void *a, const void *b)
{
    const struct slice_device *const *left = a;
    const struct slice_device *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

/* A slice whose generation or count could not be read may be of any generation. */
static bool is_newest(const struct record *record, int64_t generation)
{
    return record->slice->slice_count == 0 || record->slice->generation == generation;
}

static struct newest find_newest(const struct pool *pool, struct arena *arena, int64_t *generation)
{
    const struct record *record = NULL;
    size_t count = 0;
    *generation = 0;
    DL_FOREACH2(pool->records, record, pool_next)
    {
        *generation =
            record->slice->generation > *generation ? record->slice->generation : *generation;
        count++;
    }
    struct newest newest = {.count = 0};
    newest.records = arena_alloc(arena, count, sizeof *newest.records);
    DL_FOREACH2(pool->records, record, pool_next)
    {
        if (is_newest(record, *generation)) {
            newest.records[newest.count++] = record;
            newest.device_count += record->slice->device_count;
        }
    }
    qsort(newest.records, newest.count, sizeof *newest.records, compare_records);
    return newest;
}

/* Whether the pool is, or may be, the node's now. */
static bool is_of_node(const struct newest *newest, const struct node_slices *node)
{
    for (size_t i = 0; i < newest->count; i++) {
        const struct record *record = newest->records[i];
        if (record->node == node || record->error != NULL) {
            return true;
        }
    }
    return false;
}

/* Why the slices do not make up a pool; NULL when they do. */
static const char *find_fault(const struct newest *newest, const struct slice_pool *pool,
                              struct arena *arena)
{
    const struct record *first = newest->records[0];
    for (size_t i = 0; i < newest->count; i++) {
        const struct record *record = newest->records[i];
        if (record->error != NULL) {
            return record->error;
        }
        if (record->slice->slice_count != first->slice->slice_count) {
            return arena_printf(arena, "slice %s says there are %lld slices, slice %s says %lld",
                                first->slice->name, (long long)first->slice->slice_count,
                                record->slice->name, (long long)record->slice->slice_count);
        }
        if (record->node != first->node) {
            return arena_printf(arena, "slices %s and %s are of different nodes",
                                first->slice->name, record->slice->name);
        }
    }
    if ((int64_t)newest->count != first->slice->slice_count) {
        return arena_printf(arena, "%zu of %lld slices of generation %lld are there", newest->count,
                            (long long)first->slice->slice_count, (long long)pool->generation);
    }
    return NULL;
}

/* All devices by name; a name that is there twice is the fault. */
static const char *gather(const struct newest *newest, struct arena *arena, struct slice_pool *pool)
{
    const struct slice_device **devices = arena_alloc(arena, newest->device_count, sizeof *devices);
    size_t count = 0;
    for (size_t i = 0; i < newest->count; i++) {
        const struct resource_slice *slice = newest->records[i]->slice;
        for (size_t j = 0; j < slice->device_count; j++) {
            devices[count++] = &slice->devices[j];
        }
    }
    qsort(devices, count, sizeof *devices, compare_devices);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(devices[i - 1]->name, devices[i]->name) == 0) {
            return arena_printf(arena, "device %s is there twice", devices[i]->name);
        }
    }
    pool->devices = devices;
    pool->device_count = count;
    return NULL;
}

/* False when the pool is another node's by now. */
static bool read_pool(const struct pool *pool, const struct node_slices *node, struct arena *arena,
                      struct slice_pool *result)
{
    *result = (struct slice_pool){
        .driver = pool->records->slice->driver,
        .name = pool->records->slice->pool,
    };
    struct newest newest = find_newest(pool, arena, &result->generation);
    if (!is_of_node(&newest, node)) {
        return false;
    }
    const char *fault = find_fault(&newest, result, arena);
    if (fault == NULL) {
        fault = gather(&newest, arena, result);
    }
    result->reason = fault == NULL ? NULL
                                   : arena_printf(arena, "pool %s of %s: %s", result->name,
                                                  result->driver, fault);
    return true;
}

/* -- the pools of a node -- */

static int compare_pools(const void *a, const void *b)
{
    const struct pool *const *left = a;
    const struct pool *const *right = b;
    return strcmp((*left)->key, (*right)->key);
}

const struct slice_pool *slice_pools_of_node(const struct slice_pools *pools, const char *node_name,
                                             struct arena *arena, size_t *count)
{
    const struct record *record = NULL;
    struct node_slices *node = NULL;
    size_t found = 0;
    *count = 0;
    HASH_FIND_STR(pools->nodes, node_name, node);
    if (node == NULL) {
        return NULL;
    }
    DL_FOREACH2(node->records, record, node_next)
    {
        found++;
    }
    const struct pool **keys = arena_alloc(arena, found, sizeof *keys);
    struct slice_pool *results = arena_alloc(arena, found, sizeof *results);
    found = 0;
    DL_FOREACH2(node->records, record, node_next)
    {
        keys[found++] = record->pool;
    }
    qsort(keys, found, sizeof *keys, compare_pools);
    for (size_t i = 0; i < found; i++) {
        if ((i == 0 || keys[i] != keys[i - 1]) &&
            read_pool(keys[i], node, arena, &results[*count])) {
            (*count)++;
        }
    }
    return results;
}
