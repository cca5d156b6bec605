// SPDX-License-Identifier: Apache-2.0
#include "api/import/slurm_topology.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/import/forest.h"
#include "api/import/hostlist.h"
#include "topology/base/alloc.h"
#include "topology/base/arena.h"

/* First everything is collected as it is written, because a switch may name children that come
 * later. Then:
 *
 *   tree    children ─▶ forest ─▶ heights ─▶ levels and domains ─▶ nodes into the leaves
 *   block   node counts ─▶ sizes ─▶ levels, groups of blocks as domains ─▶ nodes into the blocks
 *
 * Every error names the record it comes from by its place in the file.
 */

#define WHERE_MAX        64
#define DEFAULT_GROUPS   5 /* 1, 2, 4, 8 and 16 blocks */
#define GROUP_LIMIT      (1 << 15)
#define LEVEL_BUFFER_MAX (LEVEL_NAME_MAX + 1)

/* A switch or a block. */
struct record {
    size_t at;
    struct slurm_text nodes;
    struct slurm_text switches;
};

struct slurm_topology {
    const char *unit;
    const char *close;
    struct arena arena; /* the hostlists */
    struct forest *switches;
    struct forest *blocks; /* without parents: for their names */
    struct record *records;
    size_t record_room;
    int64_t sizes[SLURM_BLOCK_SIZES_MAX]; /* in nodes */
    size_t size_count;
};

struct slurm_topology *slurm_topology_create(const char *unit, const char *close)
{
    struct slurm_topology *topology = alloc_zero(1, sizeof *topology);
    topology->unit = unit;
    topology->close = close;
    arena_init(&topology->arena);
    topology->switches = forest_create("switch");
    topology->blocks = forest_create("block");
    return topology;
}

void slurm_topology_destroy(struct slurm_topology *topology)
{
    if (topology == NULL) {
        return;
    }
    forest_destroy(topology->switches);
    forest_destroy(topology->blocks);
    arena_finish(&topology->arena);
    free(topology->records);
    free(topology);
}

/* Puts the place in front of an error. */
static int fail_at(const struct slurm_topology *topology, size_t at, struct err *err)
{
    return err_prefix(err, "%s%zu%s", topology->unit, at, topology->close);
}

static struct slurm_text keep(struct slurm_topology *topology, struct slurm_text text)
{
    return (struct slurm_text){
        text.text == NULL ? NULL : arena_string_n(&topology->arena, text.text, text.length),
        text.length};
}

static bool is_name(struct slurm_text name)
{
    for (size_t i = 0; i < name.length; i++) {
        if (name.text[i] <= ' ' || name.text[i] >= 0x7f || strchr("[],", name.text[i]) != NULL) {
            return false;
        }
    }
    return true;
}

static int add(struct slurm_topology *topology, struct forest *forest, struct slurm_text name,
               struct record record, struct err *err)
{
    uint32_t member;
    if (!is_name(name)) {
        err_set(err, "name \"%.*s\" has a character that is not allowed in a name",
                (int)(name.length > 80 ? 80 : name.length), name.text);
        return fail_at(topology, record.at, err);
    }
    if (forest_count(topology->switches) + forest_count(topology->blocks) > 0 &&
        forest_count(forest) == 0) {
        err_set(err, "switches and blocks cannot be mixed");
        return fail_at(topology, record.at, err);
    }
    if (record.nodes.length > SLURM_LIST_MAX || record.switches.length > SLURM_LIST_MAX) {
        err_set(err, "a list of more than %u bytes", SLURM_LIST_MAX);
        return fail_at(topology, record.at, err);
    }
    if (forest_add(forest, name.text, name.length, &member, err) < 0) {
        uint32_t first = forest_find(forest, name.text, name.length);
        return first == FOREST_NONE
                   ? fail_at(topology, record.at, err)
                   : err_set(err, "%s%zu%s: %.*s is defined twice, first at %s%zu%s",
                             topology->unit, record.at, topology->close, (int)name.length,
                             name.text, topology->unit, topology->records[first].at,
                             topology->close);
    }
    topology->records = alloc_grow(topology->records, &topology->record_room, (size_t)member + 1,
                                   sizeof *topology->records);
    topology->records[member] = (struct record){.at = record.at,
                                                .nodes = keep(topology, record.nodes),
                                                .switches = keep(topology, record.switches)};
    return 0;
}

int slurm_topology_switch(struct slurm_topology *topology, size_t at, struct slurm_text name,
                          struct slurm_text nodes, struct slurm_text switches, struct err *err)
{
    if (nodes.text != NULL && switches.text != NULL) {
        err_set(err, "switch %.*s has both nodes and switches",
                (int)(name.length > 80 ? 80 : name.length), name.text);
        return fail_at(topology, at, err);
    }
    return add(topology, topology->switches, name, (struct record){at, nodes, switches}, err);
}

int slurm_topology_block(struct slurm_topology *topology, size_t at, struct slurm_text name,
                         struct slurm_text nodes, struct err *err)
{
    if (nodes.text == NULL) {
        err_set(err, "block %.*s has no nodes", (int)(name.length > 80 ? 80 : name.length),
                name.text);
        return fail_at(topology, at, err);
    }
    return add(topology, topology->blocks, name,
               (struct record){at, nodes, (struct slurm_text){NULL, 0}}, err);
}

int slurm_topology_block_size(struct slurm_topology *topology, int64_t size, struct err *err)
{
    size_t count = topology->size_count;
    if (count == SLURM_BLOCK_SIZES_MAX) {
        return err_set(err, "more than %d block sizes", SLURM_BLOCK_SIZES_MAX);
    }
    if (size < 1 || size > INT32_MAX) {
        return err_set(err, "block size %" PRId64 " is out of range (1 to %d)", size, INT32_MAX);
    }
    int64_t base = count == 0 ? size : topology->sizes[0];
    int64_t group = size / base;
    if (size % base != 0 || (group & (group - 1)) != 0 || group > GROUP_LIMIT) {
        return err_set(err, "block size %" PRId64 " is not %" PRId64 " times a power of two", size,
                       base);
    }
    if (count > 0 && size <= topology->sizes[count - 1]) {
        return err_set(err, "block size %" PRId64 " is not above the one before it", size);
    }
    topology->sizes[topology->size_count++] = size;
    return 0;
}

struct adoption {
    struct slurm_topology *topology;
    uint32_t parent;
};

static int adopt(void *context, const char *name, size_t length, struct err *err)
{
    const struct adoption *adoption = context;
    struct forest *forest = adoption->topology->switches;
    uint32_t child = forest_find(forest, name, length);
    if (child == FOREST_NONE) {
        return err_set(err, "switch %s holds %s, which is not defined",
                       forest_name(forest, adoption->parent), name);
    }
    return forest_adopt(forest, adoption->parent, child, err);
}

static int adopt_all(struct slurm_topology *topology, struct err *err)
{
    uint32_t count = forest_count(topology->switches);
    for (uint32_t i = 0; i < count; i++) {
        const struct record *record = &topology->records[i];
        struct adoption adoption = {topology, i};
        if (record->switches.text != NULL &&
            hostlist_expand(record->switches.text, record->switches.length, adopt, &adoption, err) <
                0) {
            return fail_at(topology, record->at, err);
        }
    }
    return 0;
}

struct seating {
    struct overlay *overlay;
    uint32_t domain;
};

static int seat(void *context, const char *name, size_t length, struct err *err)
{
    const struct seating *seating = context;
    return overlay_node(seating->overlay, name, seating->domain, err);
}

/* Puts the nodes of every record into its domain. */
static int seat_all(struct slurm_topology *topology, uint32_t count, const uint32_t *domains,
                    struct overlay *overlay, struct err *err)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct record *record = &topology->records[i];
        struct seating seating = {overlay, domains[i]};
        if (record->nodes.text != NULL &&
            hostlist_expand(record->nodes.text, record->nodes.length, seat, &seating, err) < 0) {
            return fail_at(topology, record->at, err);
        }
    }
    return 0;
}

static int add_tree_levels(struct overlay *overlay, uint32_t highest, struct err *err)
{
    static const char *const names[] = {"leaf", "spine", "core"};
    for (uint32_t height = highest + 1; height-- > 0;) {
        char name[LEVEL_BUFFER_MAX];
        if (height < sizeof names / sizeof names[0]) {
            snprintf(name, sizeof name, "%s", names[height]);
        } else {
            snprintf(name, sizeof name, "tier-%" PRIu32, height);
        }
        if (overlay_level(overlay, name, NULL, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int build_tree(struct slurm_topology *topology, struct overlay *overlay, struct err *err)
{
    const struct forest *forest = topology->switches;
    uint32_t count = forest_count(forest);
    uint32_t highest = 0;
    if (adopt_all(topology, err) < 0 || forest_close(topology->switches, err) < 0) {
        return -1;
    }
    for (uint32_t i = 0; i < count; i++) {
        highest = highest < forest_height(forest, i) ? forest_height(forest, i) : highest;
    }
    if (highest + 2 > LEVELS_MAX) {
        return err_set(err, "%" PRIu32 " levels of switches are more than the limit of %d",
                       highest + 1, LEVELS_MAX - 1);
    }
    if (add_tree_levels(overlay, highest, err) < 0) {
        return -1;
    }
    uint32_t *levels = alloc_zero(count, sizeof *levels);
    for (uint32_t i = 0; i < count; i++) {
        levels[i] = highest - forest_height(forest, i);
    }
    uint32_t *domains = forest_domains(forest, levels, overlay, err);
    int result = domains == NULL ? -1 : seat_all(topology, count, domains, overlay, err);
    free(domains);
    free(levels);
    return result;
}

/* The default sizes, and whether every block has the nodes that are planned for it. */
static int check_sizes(struct slurm_topology *topology, struct err *err)
{
    uint32_t count = forest_count(topology->blocks);
    bool given = topology->size_count > 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct record *record = &topology->records[i];
        uint32_t nodes;
        if (hostlist_count(record->nodes.text, record->nodes.length, &nodes, err) < 0) {
            return fail_at(topology, record->at, err);
        }
        if (topology->size_count == 0) {
            topology->sizes[topology->size_count++] = nodes;
        }
        if (nodes < topology->sizes[0]) {
            err_set(err, "block %s has %" PRIu32 " nodes, the base block size is %" PRId64,
                    forest_name(topology->blocks, i), nodes, topology->sizes[0]);
            return fail_at(topology, record->at, err);
        }
    }
    for (int group = 1; !given && group < DEFAULT_GROUPS && 1u << (group - 1) < count; group++) {
        topology->sizes[topology->size_count++] = topology->sizes[0] << group;
    }
    return 0;
}

/* Groups of blocks from the widest level down to the blocks themselves. domains[i] becomes that of
 * block i. */
static int add_blocks(const struct slurm_topology *topology, uint32_t *domains,
                      struct overlay *overlay, struct err *err)
{
    uint32_t count = forest_count(topology->blocks);
    for (uint32_t level = 0; level < topology->size_count; level++) {
        uint32_t size =
            (uint32_t)(topology->sizes[topology->size_count - 1 - level] / topology->sizes[0]);
        for (uint32_t first = 0; first < count; first += size) {
            uint32_t end = count - first < size ? count : first + size;
            char name[2 * FOREST_NAME_MAX + 3];
            uint32_t domain;
            snprintf(name, sizeof name, "%s%s%s", forest_name(topology->blocks, first),
                     end - first == 1 ? "" : "..",
                     end - first == 1 ? "" : forest_name(topology->blocks, end - 1));
            if (overlay_domain(overlay, level, domains[first], name, &domain, err) < 0) {
                return -1;
            }
            for (uint32_t i = first; i < end; i++) {
                domains[i] = domain;
            }
        }
    }
    return 0;
}

static int build_blocks(struct slurm_topology *topology, struct overlay *overlay, struct err *err)
{
    uint32_t count = forest_count(topology->blocks);
    if (check_sizes(topology, err) < 0) {
        return -1;
    }
    for (size_t i = topology->size_count; i-- > 0;) {
        char name[LEVEL_BUFFER_MAX];
        snprintf(name, sizeof name, i == 0 ? "block" : "block-%" PRId64, topology->sizes[i]);
        if (overlay_level(overlay, name, NULL, err) < 0) {
            return -1;
        }
    }
    uint32_t *domains = alloc_zero(count, sizeof *domains);
    memset(domains, 0xff, count * sizeof *domains); /* OVERLAY_NONE */
    int result = add_blocks(topology, domains, overlay, err);
    if (result == 0) {
        result = seat_all(topology, count, domains, overlay, err);
    }
    free(domains);
    return result;
}

int slurm_topology_overlay(struct slurm_topology *topology, struct overlay **overlay,
                           struct err *err)
{
    struct overlay *made = overlay_create();
    int result;
    if (forest_count(topology->switches) > 0 && topology->size_count > 0) {
        result = err_set(err, "block sizes, but switches in place of blocks");
    } else if (forest_count(topology->switches) > 0) {
        result = build_tree(topology, made, err);
    } else if (forest_count(topology->blocks) > 0) {
        result = build_blocks(topology, made, err);
    } else {
        result = err_set(err, "there are no switches and no blocks");
    }
    if (result == 0) {
        result = overlay_finish(made, err);
    }
    if (result < 0) {
        overlay_destroy(made);
        return -1;
    }
    *overlay = made;
    return 0;
}
