// SPDX-License-Identifier: Apache-2.0
#include "api/daemon/passed.h"

#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) abort()
#include <uthash.h>
#include <utlist.h>

#include "topology/base/alloc.h"
#include "topology/base/names.h"

/* A bit for each row up to the last one that passes: 625 bytes for 5,000 nodes, 12 KiB for 100,000.
 * kube-scheduler asks about one pod at a time and binds it moments later, or asks again; so there
 * are as many sets as pods that are being bound, and those that wait in vain.
 *
 * When a set has to go, its pod is not told from one that was never asked about, for
 * PASSED_LOST_MS: by then kube-scheduler has bound it or has asked again.
 */

struct set {
    UT_hash_handle hh;
    struct set *prev, *next; /* oldest first */
    char *uid;
    size_t bytes;
    uint32_t row_count;
    uint64_t *rows;
};

struct passed {
    struct set *by_uid;
    struct set *oldest;
    size_t bytes;
    int64_t lost_until; /* a set had to go so lately */
};

struct passed *passed_create(void)
{
    return alloc_zero(1, sizeof(struct passed));
}

static void drop(struct passed *passed, struct set *set)
{
    // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): the set is in the table
    HASH_DELETE(hh, passed->by_uid, set);
    DL_DELETE(passed->oldest, set);
    passed->bytes -= set->bytes;
    free(set->uid);
    free(set->rows);
    free(set);
}

void passed_destroy(struct passed *passed)
{
    while (passed != NULL && passed->oldest != NULL) {
        drop(passed, passed->oldest);
    }
    free(passed);
}

static struct set *find(const struct passed *passed, const char *uid)
{
    struct set *set = NULL;
    HASH_FIND_STR(passed->by_uid, uid, set);
    return set;
}

void passed_forget(struct passed *passed, const char *uid)
{
    struct set *set = find(passed, uid);
    if (set != NULL) {
        drop(passed, set);
    }
}

void passed_note(struct passed *passed, const char *uid, const uint32_t *rows, const bool *passes,
                 uint32_t count, int64_t now)
{
    uint32_t row_count = 0;
    passed_forget(passed, uid);
    for (uint32_t i = 0; i < count; i++) {
        bool in = rows[i] != NAMES_NONE && (passes == NULL || passes[i]);
        row_count = in && rows[i] >= row_count ? rows[i] + 1 : row_count;
    }
    struct set *set = alloc_zero(1, sizeof(*set));
    size_t words = (row_count + 63) / 64;
    set->uid = alloc_string(uid);
    set->row_count = row_count;
    set->rows = alloc_zero(words, sizeof(uint64_t));
    set->bytes = sizeof(*set) + strlen(uid) + words * sizeof(uint64_t);
    for (uint32_t i = 0; i < count; i++) {
        if (rows[i] != NAMES_NONE && (passes == NULL || passes[i])) {
            set->rows[rows[i] / 64] |= UINT64_C(1) << (rows[i] % 64);
        }
    }
    HASH_ADD_KEYPTR(hh, passed->by_uid, set->uid, strlen(set->uid), set);
    DL_APPEND(passed->oldest, set);
    passed->bytes += set->bytes;
    while (passed->bytes > PASSED_BYTES) {
        passed->lost_until = now + PASSED_LOST_MS;
        drop(passed, passed->oldest);
    }
}

enum passed_verdict passed_check(const struct passed *passed, const char *uid, uint32_t row,
                                 int64_t now)
{
    const struct set *set = find(passed, uid);
    if (set == NULL) {
        return now < passed->lost_until ? PASSED_UNKNOWN : PASSED_NEVER_ASKED;
    }
    bool in = row < set->row_count && (set->rows[row / 64] >> (row % 64) & 1) != 0;
    return in ? PASSED_YES : PASSED_NO;
}
