// SPDX-License-Identifier: Apache-2.0
#include "topology/graph/moves.h"

#include <stdlib.h>
#include <string.h>

#include "topology/base/alloc.h"
#include "topology/base/err.h"
#include "topology/base/names.h"
#include "topology/graph/paths.h"
#include "topology/graph/tree.h"

/* Keeping the tree up to date, one node at a time.
 *
 * Whether a node may come is a question about the others: is there one that carries the same labels
 * of all levels? The tree answers it. Positions are sorted by path, so that the nodes of one path
 * are a range, which is found level by level, by binary search for the step of the node's label:
 *
 *   labels  b1  -  c3       b1 ──▶ [0 … 40)   unknown ──▶ [31 … 40)   c3 ──▶ [36 … 38)
 *
 * Below a missing label the path may have less than the labels say (paths.h); then both ways are
 * tried. A range that ends in a known domain is that domain, and all who lie in it carry the same
 * labels: the known ones, and above an anchor whatever all carry who carry it. So one of them is
 * compared. A range that ends in unknown domains is of nodes that are alone in them; those of which
 * nothing was cut carry just what the path says.
 *
 * For the same reason a node may go from a known domain of several, and one that is alone when
 * another of its path is left and of both nothing was cut.
 *
 * Then the arrays are moved: what lies behind the position, and the domains behind it, which is one
 * walk over both.
 */

/* ---- the place of a node ---- */

struct step {
    uint32_t value; /* NAMES_NONE: the label is missing */
    uint32_t place; /* of its key in the level */
    const char *text;
};

struct search {
    const struct domains *domains;
    uint32_t row;
    struct step steps[LEVELS_MAX]; /* by inner level of the tree */
    /* Found: the positions of the nodes with the same path. */
    uint32_t first;
    uint32_t end;
};

static struct step read_step(const struct domains *domains, uint32_t row, uint32_t level)
{
    struct step step = {.place = 0};
    step.value = paths_read(domains->nodes, row, domains->keys[level],
                            domains->levels.items[level].key_count, &step.place);
    step.text =
        step.value == NAMES_NONE ? NULL : names_text(nodes_words(domains->nodes), step.value);
    return step;
}

/* False when the node carries a level that is not in the tree. */
static bool read_steps(struct search *search)
{
    const struct domains *domains = search->domains;
    uint32_t inner = 0;
    for (uint32_t l = 0; l + 1 < domains->levels.count; l++) {
        struct step step = read_step(domains, search->row, l);
        if (inner < domains->inner_count && domains->inner[inner] == l) {
            search->steps[inner++] = step;
        } else if (step.value != NAMES_NONE) {
            return false;
        }
    }
    return true;
}

/* Whether the node at the position carries the same labels of all levels of the tree. */
static bool same_labels(const struct search *search, uint32_t position)
{
    const struct domains *domains = search->domains;
    for (uint32_t l = 0; l < domains->inner_count; l++) {
        struct step step = read_step(domains, domains->rows[position], domains->inner[l]);
        if (step.value != search->steps[l].value ||
            (step.value != NAMES_NONE && step.place != search->steps[l].place)) {
            return false;
        }
    }
    return true;
}

static uint32_t place_of_key(const struct domains *domains, uint32_t level, uint32_t key)
{
    uint32_t place = 0;
    while (domains->keys[level][place] != key) {
        place++;
        err_require(place < LEVEL_KEYS_MAX);
    }
    return place;
}

/* Where the position's domain of an inner level stands to a step, NULL: to an unknown one. */
static int compare_step(const struct domains *domains, uint32_t position, uint32_t level,
                        const struct step *step)
{
    const struct domain *domain = &domains->items[domains_at(domains, position, level + 1)];
    if (!domain->known || step == NULL) {
        return (step != NULL) - domain->known;
    }
    if (domain->value != step->value) {
        return strcmp(names_text(nodes_words(domains->nodes), domain->value), step->text);
    }
    uint32_t place = place_of_key(domains, domains->inner[level], domain->key);
    return place < step->place ? -1 : place > step->place;
}

/* The first position of the range whose domain is not before the step, or is behind it. */
static uint32_t find_bound(const struct search *search, uint32_t level, const struct step *step,
                           bool behind)
{
    uint32_t first = search->first;
    uint32_t end = search->end;
    while (first < end) {
        uint32_t middle = first + (end - first) / 2;
        int order = compare_step(search->domains, middle, level, step);
        if (order < 0 || (behind && order == 0)) {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    return first;
}

/* Cuts the range down to a step. False when nothing is left. */
static bool narrow(struct search *search, uint32_t level, const struct step *step)
{
    uint32_t first = find_bound(search, level, step, false);
    search->end = find_bound(search, level, step, true);
    search->first = first;
    return search->first < search->end;
}

/* Whether somebody in the range, which has the path that was found, carries the same labels. */
static bool has_equal(const struct search *search, bool cut)
{
    const struct domains *domains = search->domains;
    if (domains->inner_count == 0) {
        return true;
    }
    if (domains->items[domains->lowest[search->first]].known) {
        return same_labels(search, search->first);
    }
    for (uint32_t p = search->first; p < search->end && !cut; p++) {
        if (!domains->cut[p]) {
            return true;
        }
    }
    return false;
}

/* Finds the range of the node's path from a level on. `lost`: below a missing label. */
static bool find_range(struct search *search, uint32_t level, bool lost, bool cut)
{
    if (level == search->domains->inner_count) {
        return has_equal(search, cut);
    }
    const struct step *step = &search->steps[level];
    uint32_t first = search->first;
    uint32_t end = search->end;
    bool carried = step->value != NAMES_NONE;
    if (carried && narrow(search, level, step) && find_range(search, level + 1, false, cut)) {
        return true;
    }
    if (carried && !lost) {
        return false;
    }
    search->first = first;
    search->end = end;
    return narrow(search, level, NULL) && find_range(search, level + 1, true, cut || carried);
}

/* Where the node's name stands in the range. */
static uint32_t find_position(const struct search *search)
{
    const struct domains *domains = search->domains;
    const char *name = nodes_name(domains->nodes, search->row);
    uint32_t first = search->first;
    uint32_t end = search->end;
    while (first < end) {
        uint32_t middle = first + (end - first) / 2;
        if (strcmp(nodes_name(domains->nodes, domains->rows[middle]), name) < 0) {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    return first;
}

/* ---- moves ---- */

/* How many domains, from the lowest one up, a node is alone in. */
static uint32_t alone_in(const struct domains *domains, uint32_t lowest)
{
    uint32_t count = 0;
    for (uint32_t d = lowest; !domains->items[d].known; d = domains->items[d].parent) {
        count++;
    }
    return count;
}

/* A move at a position of the domain, with all domains that hold it. */
static struct domains_move describe(const struct domains *domains, uint32_t position,
                                    uint32_t lowest)
{
    struct domains_move move = {.position = position,
                                .levels = domains->inner_count + 1,
                                .opened = alone_in(domains, lowest)};
    uint32_t domain = lowest;
    for (uint32_t l = move.levels; l-- > 0; domain = domains->items[domain].parent) {
        move.domains[l] = domain;
    }
    return move;
}

/* Numbers the domains that a node brings which is alone: behind those of all before it. */
static void number_opened(const struct domains *domains, struct domains_move *move)
{
    uint32_t kept = move->levels - move->opened;
    uint32_t parent = move->domains[kept - 1];
    uint32_t next = parent + 1;
    if (move->position > domains->items[parent].first) {
        next = domains->lowest[move->position - 1] + 1;
    }
    for (uint32_t l = kept; l < move->levels; l++) {
        move->domains[l] = next++;
    }
}

/* The number of the first domain behind the position, before or after the move. */
static uint32_t first_behind(const struct domains_move *move)
{
    uint32_t kept = move->levels - move->opened;
    return move->opened > 0 ? move->domains[kept] : move->domains[kept - 1] + 1;
}

/* Makes the domains that hold the position wider by one, and moves those behind it. */
static void widen(struct domains *domains, const struct domains_move *move)
{
    uint32_t kept = move->levels - move->opened;
    uint32_t behind = first_behind(move);
    uint32_t opened = move->opened;
    domains->items = alloc_grow(domains->items, &domains->room, (size_t)domains->count + opened,
                                sizeof *domains->items);
    memmove(&domains->items[behind + opened], &domains->items[behind],
            (domains->count - behind) * sizeof *domains->items);
    domains->count += opened;
    for (uint32_t d = behind + opened; d < domains->count; d++) {
        struct domain *domain = &domains->items[d];
        domain->parent += domain->parent >= behind ? opened : 0;
        domain->first++;
        domain->end++;
        domain->next += opened;
    }
    for (uint32_t l = 0; l < kept; l++) {
        domains->items[move->domains[l]].end++;
        domains->items[move->domains[l]].next += opened;
    }
    for (uint32_t l = kept; l < move->levels; l++) {
        domains->items[move->domains[l]] = (struct domain){.parent = move->domains[l - 1],
                                                           .level = l,
                                                           .first = move->position,
                                                           .end = move->position + 1,
                                                           .next = behind + opened,
                                                           .value = NAMES_NONE,
                                                           .key = NAMES_NONE};
    }
}

/* The reverse. */
static void tighten(struct domains *domains, const struct domains_move *move)
{
    uint32_t kept = move->levels - move->opened;
    uint32_t behind = first_behind(move);
    uint32_t closed = move->opened;
    domains->count -= closed;
    memmove(&domains->items[behind], &domains->items[behind + closed],
            (domains->count - behind) * sizeof *domains->items);
    for (uint32_t d = behind; d < domains->count; d++) {
        struct domain *domain = &domains->items[d];
        domain->parent -= domain->parent >= behind + closed ? closed : 0;
        domain->first--;
        domain->end--;
        domain->next -= closed;
    }
    for (uint32_t l = 0; l < kept; l++) {
        domains->items[move->domains[l]].end--;
        domains->items[move->domains[l]].next -= closed;
    }
}

static void keep_move(struct domains *domains, const struct domains_move *move)
{
    domains->moves[domains->edition % DOMAINS_MOVES_MAX] = *move;
    domains->edition++;
}

/* ---- coming ---- */

/* Grows the arrays by position, which share one room, and that by row. */
static void make_room(struct domains *domains, uint32_t row)
{
    size_t need = (size_t)domains->position_count + 1;
    size_t room = domains->position_room;
    domains->lowest = alloc_grow(domains->lowest, &room, need, sizeof *domains->lowest);
    room = domains->position_room;
    domains->cut = alloc_grow(domains->cut, &room, need, sizeof *domains->cut);
    domains->rows = alloc_grow(domains->rows, &domains->position_room, need, sizeof *domains->rows);
    if (row >= domains->row_count) {
        domains->positions = alloc_grow(domains->positions, &domains->row_room, (size_t)row + 1,
                                        sizeof *domains->positions);
        while (domains->row_count <= row) {
            domains->positions[domains->row_count++] = DOMAINS_NONE;
        }
    }
}

static void insert_position(struct domains *domains, uint32_t row, const struct domains_move *move)
{
    uint32_t p = move->position;
    size_t behind = domains->position_count - p;
    make_room(domains, row);
    memmove(&domains->rows[p + 1], &domains->rows[p], behind * sizeof *domains->rows);
    memmove(&domains->lowest[p + 1], &domains->lowest[p], behind * sizeof *domains->lowest);
    memmove(&domains->cut[p + 1], &domains->cut[p], behind * sizeof *domains->cut);
    domains->position_count++;
    domains->rows[p] = row;
    domains->lowest[p] = move->domains[move->levels - 1];
    domains->positions[row] = p;
    for (uint32_t q = p + 1; q < domains->position_count; q++) {
        domains->positions[domains->rows[q]] = q;
        domains->lowest[q] += move->opened;
    }
}

bool moves_insert(struct domains *domains, uint32_t row)
{
    struct search search = {
        .domains = domains, .row = row, .first = 0, .end = domains->position_count};
    if (domains->nodes == NULL) {
        return false;
    }
    err_require(nodes_get(domains->nodes, row)->present);
    err_require(domains_position(domains, row) == DOMAINS_NONE);
    if (!read_steps(&search) || !find_range(&search, 0, false, false)) {
        return false;
    }
    uint32_t lowest = domains->inner_count == 0 ? 0 : domains->lowest[search.first];
    struct domains_move move = describe(domains, find_position(&search), lowest);
    move.inserted = true;
    if (move.opened > 0) {
        number_opened(domains, &move);
    }
    widen(domains, &move);
    insert_position(domains, row, &move);
    domains->cut[move.position] = false; /* or it does not matter: the node is not alone */
    keep_move(domains, &move);
    return true;
}

/* ---- going ---- */

/* Whether another node than the one at the position, which is alone, has its path, and of both
 * nothing was cut. */
static bool has_alike(const struct domains *domains, const struct domains_move *move)
{
    const struct domain *parent = &domains->items[move->domains[move->levels - move->opened - 1]];
    uint32_t p = move->position;
    if (domains->cut[p]) {
        return false;
    }
    for (uint32_t q = p + 1; q < parent->end; q++) {
        if (!domains->cut[q]) { /* unknown comes last: all behind it have its path */
            return true;
        }
    }
    for (uint32_t q = p; q-- > parent->first;) {
        if (alone_in(domains, domains->lowest[q]) != move->opened) {
            return false;
        }
        if (!domains->cut[q]) {
            return true;
        }
    }
    return false;
}

static bool may_go(const struct domains *domains, const struct domains_move *move)
{
    if (domains->inner_count == 0) {
        return true;
    }
    if (move->opened > 0) {
        return has_alike(domains, move);
    }
    const struct domain *lowest = &domains->items[move->domains[move->levels - 1]];
    return lowest->end - lowest->first > 1;
}

static void remove_position(struct domains *domains, uint32_t row, const struct domains_move *move)
{
    uint32_t p = move->position;
    size_t behind = domains->position_count - p - 1;
    memmove(&domains->rows[p], &domains->rows[p + 1], behind * sizeof *domains->rows);
    memmove(&domains->lowest[p], &domains->lowest[p + 1], behind * sizeof *domains->lowest);
    memmove(&domains->cut[p], &domains->cut[p + 1], behind * sizeof *domains->cut);
    domains->position_count--;
    domains->positions[row] = DOMAINS_NONE;
    for (uint32_t q = p; q < domains->position_count; q++) {
        domains->positions[domains->rows[q]] = q;
        domains->lowest[q] -= move->opened;
    }
}

bool moves_remove(struct domains *domains, uint32_t row)
{
    uint32_t position = domains_position(domains, row);
    if (position == DOMAINS_NONE) {
        return true;
    }
    struct domains_move move = describe(domains, position, domains->lowest[position]);
    if (!may_go(domains, &move)) {
        return false;
    }
    tighten(domains, &move);
    remove_position(domains, row, &move);
    keep_move(domains, &move);
    return true;
}
