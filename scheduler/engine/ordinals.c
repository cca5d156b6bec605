// SPDX-License-Identifier: Apache-2.0
#include "scheduler/engine/ordinals.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"
#include "topology/base/err.h"

/* Pods come sorted by role, owner, replica, attempt (newest first), rank and name, so that all that
 * belongs together is a stretch:
 *
 *   family   pods of one role and owner      its replicas are of one size
 *   replica  its newest attempt, then older ones
 *
 *   layout   every family gets its size, and every replica its number inside the family
 *   bases    … and then where it starts
 *   seats    ranks first; then those without, replica by replica; then whoever is left
 */

struct replica {
    uint32_t first; /* pods [first, end), of which those before `old` are of the newest attempt */
    uint32_t old;
    uint32_t end;
    uint32_t family;
    uint32_t number; /* inside the family */
    uint32_t base;   /* ordinal of its rank 0 */
};

struct family {
    uint32_t first; /* replicas [first, end) */
    uint32_t end;
    uint32_t size;     /* pods of a replica */
    uint32_t replicas; /* 1 + the greatest number */
};

struct layout {
    struct pod *const *pods;
    uint32_t count;
    struct replica *replicas;
    uint32_t replica_count;
    struct family *families;
    uint32_t family_count;
    uint32_t rank_limit; /* greater ones are none: with it all replicas have room */
    uint32_t end;        /* behind the last replica */
};

static bool same_text(const char *a, const char *b)
{
    return strcmp(a == NULL ? "" : a, b == NULL ? "" : b) == 0;
}

static bool same_family(const struct pod *a, const struct pod *b)
{
    return same_text(a->role, b->role) && same_text(a->replica.owner, b->replica.owner);
}

static bool same_replica(const struct pod *a, const struct pod *b)
{
    return same_family(a, b) && a->replica.index_count == b->replica.index_count &&
           memcmp(a->replica.indices, b->replica.indices, sizeof a->replica.indices) == 0;
}

static bool has_rank(const struct layout *layout, const struct pod *pod)
{
    return pod->rank >= 0 && (uint32_t)pod->rank < layout->rank_limit;
}

/* ---- layout ---- */

static void find_replicas(struct layout *layout)
{
    for (uint32_t i = 0; i < layout->count;) {
        const struct pod *pod = layout->pods[i];
        bool opens = layout->family_count == 0 || !same_family(layout->pods[i - 1], pod);
        layout->family_count += opens;
        struct family *family = &layout->families[layout->family_count - 1];
        family->first = opens ? layout->replica_count : family->first;
        struct replica *replica = &layout->replicas[layout->replica_count++];
        family->end = layout->replica_count;
        *replica = (struct replica){.first = i, .family = layout->family_count - 1};
        while (i < layout->count && same_replica(pod, layout->pods[i])) {
            if (layout->pods[i]->replica.attempt == pod->replica.attempt) {
                replica->old = i + 1;
            }
            i++;
        }
        replica->end = i;
    }
}

static void measure_family(const struct layout *layout, struct family *family)
{
    uint32_t ranked = 0;
    uint32_t most = 0;
    for (uint32_t r = family->first; r < family->end; r++) {
        const struct replica *replica = &layout->replicas[r];
        most = replica->old - replica->first > most ? replica->old - replica->first : most;
        for (uint32_t i = replica->first; i < replica->old; i++) {
            const struct pod *pod = layout->pods[i];
            ranked = has_rank(layout, pod) && (uint32_t)pod->rank >= ranked
                         ? (uint32_t)pod->rank + 1
                         : ranked;
        }
    }
    family->size = ranked > 0 ? ranked : most;
}

/* The number that the indices make, each below the bound of its place; false when one is none, or
 * all together make too great a number. */
static bool number_by_indices(struct layout *layout, struct family *family)
{
    uint64_t bounds[REPLICA_INDICES_MAX] = {0};
    uint64_t all = 1;
    uint32_t depth = layout->pods[layout->replicas[family->first].first]->replica.index_count;
    for (uint32_t r = family->first; r < family->end; r++) {
        const struct pod_replica *replica = &layout->pods[layout->replicas[r].first]->replica;
        for (uint32_t d = 0; d < depth; d++) {
            uint64_t bound = (uint64_t)(uint32_t)replica->indices[d] + 1;
            bounds[d] = bound > bounds[d] ? bound : bounds[d];
        }
        if (replica->index_count != depth) {
            return false;
        }
    }
    for (uint32_t d = 0; d < depth; d++) {
        all *= bounds[d];
        if (all > ORDINALS_MAX) {
            return false;
        }
    }
    for (uint32_t r = family->first; r < family->end; r++) {
        const struct pod_replica *replica = &layout->pods[layout->replicas[r].first]->replica;
        uint32_t number = 0;
        for (uint32_t d = 0; d < depth; d++) {
            number = number * (uint32_t)bounds[d] + (uint32_t)replica->indices[d];
        }
        layout->replicas[r].number = number;
        family->replicas = number >= family->replicas ? number + 1 : family->replicas;
    }
    return (uint64_t)family->replicas * family->size <= ORDINALS_MAX;
}

/* How many of the newest attempts get no number in a replica: they have no rank, or that of another
 * one, and all numbers are taken. */
static uint32_t count_surplus(const struct layout *layout)
{
    uint32_t surplus = 0;
    for (uint32_t r = 0; r < layout->replica_count; r++) {
        const struct replica *replica = &layout->replicas[r];
        uint32_t pods = replica->old - replica->first;
        uint32_t size = layout->families[replica->family].size;
        surplus += pods > size ? pods - size : 0;
    }
    return surplus;
}

static void number_one_by_one(struct layout *layout, struct family *family)
{
    family->replicas = family->end - family->first;
    for (uint32_t r = family->first; r < family->end; r++) {
        layout->replicas[r].number = r - family->first;
    }
}

/* Whether the pods of each replica make whole slices, or all together do: then nothing is missing
 * for slices to be cut as the numbers go. */
static bool is_even(const struct layout *layout, uint32_t size)
{
    uint64_t total = count_surplus(layout);
    for (uint32_t f = 0; f < layout->family_count; f++) {
        total += (uint64_t)layout->families[f].replicas * layout->families[f].size;
    }
    return total % size == 0;
}

/* Where the replicas start, each at a multiple of `step`; false when the numbers grow too great. */
static bool set_bases(struct layout *layout, uint32_t step)
{
    uint64_t end = 0;
    for (uint32_t f = 0; f < layout->family_count; f++) {
        const struct family *family = &layout->families[f];
        uint64_t stride = (family->size + (uint64_t)step - 1) / step * step;
        uint64_t base = (end + step - 1) / step * step;
        end = base + (family->replicas - 1) * stride + family->size;
        if (end > ORDINALS_MAX) {
            return false;
        }
        for (uint32_t r = family->first; r < family->end; r++) {
            layout->replicas[r].base = (uint32_t)(base + layout->replicas[r].number * stride);
        }
    }
    layout->end = (uint32_t)end;
    return true;
}

static void lay_out(struct layout *layout, struct pod *const *pods, uint32_t count, uint32_t size)
{
    bool by_indices = true;
    *layout = (struct layout){.pods = pods, .count = count};
    layout->replicas = alloc_zero(count, sizeof *layout->replicas);
    layout->families = alloc_zero(count, sizeof *layout->families);
    find_replicas(layout);
    layout->rank_limit = ORDINALS_MAX / (layout->replica_count + 1);
    for (uint32_t f = 0; f < layout->family_count; f++) {
        measure_family(layout, &layout->families[f]);
        by_indices = number_by_indices(layout, &layout->families[f]) && by_indices;
    }
    if (by_indices && set_bases(layout, is_even(layout, size) ? 1 : size)) {
        return;
    }
    for (uint32_t f = 0; f < layout->family_count; f++) {
        number_one_by_one(layout, &layout->families[f]);
    }
    if (!set_bases(layout, is_even(layout, size) ? 1 : size)) {
        err_require(set_bases(layout, 1));
    }
}

static void layout_finish(struct layout *layout)
{
    free(layout->replicas);
    free(layout->families);
}

/* ---- seats ---- */

#define UNSEATED UINT32_MAX

/* Those of the newest attempt; the others stay unseated. */
static void seat_replica(const struct layout *layout, const struct replica *replica, bool *taken,
                         uint32_t *ordinals)
{
    uint32_t size = layout->families[replica->family].size;
    uint32_t hole = 0;
    for (uint32_t i = replica->first; i < replica->old; i++) {
        const struct pod *pod = layout->pods[i];
        if (has_rank(layout, pod) && !taken[replica->base + (uint32_t)pod->rank]) {
            ordinals[i] = replica->base + (uint32_t)pod->rank;
            taken[ordinals[i]] = true;
        }
    }
    for (uint32_t i = replica->first; i < replica->old; i++) {
        while (hole < size && taken[replica->base + hole]) {
            hole++;
        }
        if (ordinals[i] == UNSEATED && hole < size) {
            ordinals[i] = replica->base + hole;
            taken[ordinals[i]] = true;
        }
    }
}

static uint32_t seat_all(const struct layout *layout, uint32_t size, uint32_t *ordinals)
{
    bool *taken = alloc_zero(layout->end, sizeof *taken);
    uint32_t next = layout->end;
    for (uint32_t r = 0; r < layout->replica_count; r++) {
        seat_replica(layout, &layout->replicas[r], taken, ordinals);
    }
    free(taken);
    for (int pass = 0; pass < 2; pass++) { /* the newest attempts, then the older ones */
        for (uint32_t r = 0; r < layout->replica_count; r++) {
            const struct replica *replica = &layout->replicas[r];
            uint32_t first = pass == 0 ? replica->first : replica->old;
            uint32_t end = pass == 0 ? replica->old : replica->end;
            for (uint32_t i = first; i < end; i++) {
                ordinals[i] = ordinals[i] == UNSEATED ? next++ : ordinals[i];
            }
        }
        next = pass == 0 ? (next + size - 1) / size * size : next;
    }
    return next;
}

uint32_t ordinals_deal(struct pod *const *pods, uint32_t count, uint32_t size, uint32_t *ordinals)
{
    struct layout layout;
    lay_out(&layout, pods, count, size);
    for (uint32_t i = 0; i < count; i++) {
        ordinals[i] = UNSEATED;
    }
    uint32_t end = seat_all(&layout, size, ordinals);
    layout_finish(&layout);
    return end;
}

/* ---- ranks for people ---- */

/* The pods of a role that have ranks, and where theirs stand. */
struct ranked {
    struct pod **pods;
    uint32_t *at;
    uint32_t count;
};

static void rank_role(const struct ranked *ranked, int32_t *ranks)
{
    struct layout layout;
    lay_out(&layout, ranked->pods, ranked->count, 1);
    for (uint32_t r = 0; r < layout.replica_count; r++) {
        const struct replica *replica = &layout.replicas[r];
        for (uint32_t i = replica->first; i < replica->old; i++) {
            ranks[ranked->at[i]] += has_rank(&layout, ranked->pods[i]) ? (int32_t)replica->base : 0;
        }
    }
    layout_finish(&layout);
}

/* Whoever has no rank moves nobody who has one. */
void ordinals_ranks(struct pod *const *pods, uint32_t count, int32_t *ranks)
{
    struct ranked ranked = {.pods = alloc_zero(count, sizeof *ranked.pods),
                            .at = alloc_zero(count, sizeof *ranked.at)};
    for (uint32_t first = 0, end = 0; first < count; first = end) {
        bool plain = true; /* one replica */
        ranked.count = 0;
        for (; end < count && same_text(pods[first]->role, pods[end]->role); end++) {
            ranks[end] = pods[end]->rank;
            if (pods[end]->rank >= 0) {
                ranked.pods[ranked.count] = pods[end];
                ranked.at[ranked.count++] = end;
                plain = plain && pods[end]->replica.index_count == 0 &&
                        same_family(ranked.pods[0], pods[end]);
            }
        }
        if (!plain) {
            rank_role(&ranked, ranks);
        }
    }
    free(ranked.pods);
    free(ranked.at);
}
