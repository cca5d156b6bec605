// SPDX-License-Identifier: Apache-2.0
#include "topology/graph/moves.h"

#include <string.h>

#include "topology/base/alloc.h"
#include "topology/base/err.h"
#include "topology/base/names.h"
#include "topology/graph/paths.h"
#include "topology/graph/tree.h"

/* Keeping the tree up to date, one node at a time.
 *
 * What a node can change besides its own place is which levels there are, and which labels below
 * missing ones are anchors (paths.h). Levels: `carriers` tells whether a node is the last one.
 * Anchors only matter to nodes that have a label below a missing one. Where there is none, and the
 * node itself is none either, it comes and goes freely:
 *
 *   labels  b1  r2  -       b1 ──▶ [0 … 40)   r2 ──▶ [12 … 18)   unknown ──▶ [17 … 18)
 *
 * Positions are sorted by path, so that who shares the first levels with it are a range, which is
 * found level by level, by binary search. Where nobody does any more, or its label is missing, it
 * opens domains of its own.
 *
 * Where there are such nodes there has to be another one that carries the same labels of all
 * levels: then all paths stay what they are. Below a missing label the path may have less than the
 * labels say; both ways are tried. A range that ends in a known domain is that domain, and all who
 * lie in it carry the same labels: the known ones, and above an anchor whatever all carry who carry
 * it. So one of them is compared. A range that ends in unknown domains is of nodes that are alone
 * in them; those of which nothing was cut carry just what the path says. For the same reason a node
 * may then go from a known domain of several, and one that is alone when another of its path is
 * left and of both nothing was cut.
 *
 * Which key of a level tells the nodes apart depends on all of them (paths.h); the keys that are
 * carried are counted, and a node with which another one would count does not move.
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
    bool below;                    /* has a label below a missing one */
    /* Positions of the nodes that share the levels looked at so far. */
    uint32_t first;
    uint32_t end;
    /* Found. */
    uint32_t position;
    uint32_t shared; /* inner levels whose domains are there already */
    uint32_t beside; /* a position in these domains */
};

static struct step read_step(const struct domains *domains, uint32_t row, uint32_t level)
{
    struct step step = {.place = 0};
    uint32_t mask = paths_mask(domains->nodes, row, domains->keys[level],
                               domains->levels.items[level].key_count);
    step.value = paths_read(domains->nodes, row, domains->keys[level], mask,
                            domains->choices[level], &step.place);
    step.text =
        step.value == NAMES_NONE ? NULL : names_text(nodes_words(domains->nodes), step.value);
    return step;
}

/* False when the node carries a level that is not in the tree. */
static bool read_steps(struct search *search)
{
    const struct domains *domains = search->domains;
    uint32_t inner = 0;
    bool missing = false;
    for (uint32_t l = 0; l + 1 < domains->levels.count; l++) {
        struct step step = read_step(domains, search->row, l);
        bool carried = step.value != NAMES_NONE;
        if (inner < domains->inner_count && domains->inner[inner] == l) {
            search->steps[inner++] = step;
            search->below = search->below || (carried && missing);
            missing = missing || !carried;
        } else if (carried) {
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
    bool known = step != NULL && step->text != NULL;
    if (!domain->known || !known) {
        return known - domain->known;
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

/* Where the node's name stands in the range. */
static uint32_t find_name(const struct search *search)
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

/* Where nobody has a label below a missing one. */
static void find_free(struct search *search)
{
    for (search->shared = 0; search->shared < search->domains->inner_count; search->shared++) {
        const struct step *step = &search->steps[search->shared];
        bool carried = step->value != NAMES_NONE;
        search->beside = search->first;
        if (!narrow(search, search->shared, carried ? step : NULL) || !carried) {
            break;
        }
    }
    if (search->shared == search->domains->inner_count) {
        search->beside = search->first;
    }
    search->position = find_name(search);
}

/* Whether somebody in the range, which has the path that was found, carries the same labels. */
static bool has_equal(const struct search *search, bool cut)
{
    const struct domains *domains = search->domains;
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

/* How many domains, from the lowest one up, a node is alone in because they are unknown. */
static uint32_t alone_in(const struct domains *domains, uint32_t lowest)
{
    uint32_t count = 0;
    for (uint32_t d = lowest; !domains->items[d].known; d = domains->items[d].parent) {
        count++;
    }
    return count;
}

/* Where somebody has. False when the node has no equal. */
static bool find_equal(struct search *search)
{
    const struct domains *domains = search->domains;
    if (!find_range(search, 0, false, false)) {
        return false;
    }
    search->beside = search->first;
    search->shared = domains->inner_count - alone_in(domains, domains->lowest[search->first]);
    search->position = find_name(search);
    return true;
}

static bool find_place(struct search *search)
{
    if (!read_steps(search)) {
        return false;
    }
    if (search->domains->below || search->below) {
        return find_equal(search);
    }
    find_free(search);
    return true;
}

/* ---- keys ---- */

/* Counts the node in or out. False, and nothing is changed, when with it another key of a level
 * tells the nodes apart than before. */
static bool count_keys(struct domains *domains, const uint16_t *masks, bool added)
{
    for (uint32_t l = 0; l < LEVELS_MAX; l++) {
        struct paths_keys counts = domains->counts[l];
        paths_count(&counts, masks[l], added);
        if (masks[l] != 0 && paths_choice(&counts) != domains->choices[l]) {
            return false;
        }
    }
    for (uint32_t l = 0; l < LEVELS_MAX; l++) {
        paths_count(&domains->counts[l], masks[l], added);
    }
    return true;
}

static uint16_t *masks_of(const struct domains *domains, uint32_t row)
{
    return domains->masks + (size_t)row * LEVELS_MAX;
}

/* Reads which keys a node carries that is about to come. */
static void read_masks(struct domains *domains, uint32_t row)
{
    domains->mask_room = row < domains->mask_room ? domains->mask_room : (size_t)row * 2 + 1;
    domains->masks =
        alloc_resize(domains->masks, domains->mask_room * LEVELS_MAX, sizeof *domains->masks);
    memset(masks_of(domains, row), 0, LEVELS_MAX * sizeof *domains->masks);
    for (uint32_t l = 0; l + 1 < domains->levels.count; l++) {
        masks_of(domains, row)[l] = (uint16_t)paths_mask(domains->nodes, row, domains->keys[l],
                                                         domains->levels.items[l].key_count);
    }
}

/* ---- moves ---- */

/* The domains that are to hold a node: those it shares, and behind those of all before it those it
 * opens. */
static struct domains_move describe_insert(const struct search *search)
{
    const struct domains *domains = search->domains;
    struct domains_move move = {.inserted = true,
                                .position = search->position,
                                .levels = domains->inner_count + 1,
                                .opened = domains->inner_count - search->shared};
    for (uint32_t l = 1; l <= search->shared; l++) {
        move.domains[l] = domains_at(domains, search->beside, l);
    }
    uint32_t parent = move.domains[search->shared];
    uint32_t next = parent + 1;
    if (move.position > domains->items[parent].first) {
        next = domains->lowest[move.position - 1] + 1;
    }
    for (uint32_t l = search->shared + 1; l < move.levels; l++) {
        move.domains[l] = next++;
    }
    return move;
}

/* The domains that hold a node. `opened`: as many as go with it. */
static struct domains_move describe_remove(const struct domains *domains, uint32_t position)
{
    struct domains_move move = {.position = position, .levels = domains->inner_count + 1};
    uint32_t domain = domains->lowest[position];
    for (uint32_t l = move.levels; l-- > 0; domain = domains->items[domain].parent) {
        const struct domain *item = &domains->items[domain];
        move.domains[l] = domain;
        move.opened += l > 0 && item->end - item->first == 1;
    }
    return move;
}

/* The number of the first domain behind the position, before or after the move. */
static uint32_t first_behind(const struct domains_move *move)
{
    uint32_t kept = move->levels - move->opened;
    return move->opened > 0 ? move->domains[kept] : move->domains[kept - 1] + 1;
}

static void open_domain(struct domains *domains, const struct domains_move *move, uint32_t level,
                        const struct step *step)
{
    struct domain *domain = &domains->items[move->domains[level]];
    *domain = (struct domain){.parent = move->domains[level - 1],
                              .level = level,
                              .first = move->position,
                              .end = move->position + 1,
                              .next = move->domains[move->levels - 1] + 1,
                              .value = NAMES_NONE,
                              .key = NAMES_NONE};
    if (step->value != NAMES_NONE) {
        domain->known = true;
        domain->value = step->value;
        domain->key = domains->keys[domains->inner[level - 1]][step->place];
        names_retain(nodes_vocabulary(domains->nodes), domain->value);
        names_retain(nodes_vocabulary(domains->nodes), domain->key);
    }
}

static void close_domain(struct domains *domains, uint32_t number)
{
    const struct domain *domain = &domains->items[number];
    if (domain->known) {
        names_release(nodes_vocabulary(domains->nodes), domain->value);
        names_release(nodes_vocabulary(domains->nodes), domain->key);
    }
}

/* Makes the domains that hold the position wider by one, opens the others, and moves those behind
 * it. */
static void widen(struct domains *domains, const struct domains_move *move,
                  const struct step *steps)
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
        open_domain(domains, move, l, &steps[l - 1]);
    }
    for (uint32_t l = 1; l < move->levels; l++) {
        domains->carriers[l - 1] += domains->items[move->domains[l]].known;
    }
}

/* The reverse. */
static void tighten(struct domains *domains, const struct domains_move *move)
{
    uint32_t kept = move->levels - move->opened;
    uint32_t behind = first_behind(move);
    uint32_t closed = move->opened;
    for (uint32_t l = 1; l < move->levels; l++) {
        domains->carriers[l - 1] -= domains->items[move->domains[l]].known;
    }
    for (uint32_t l = kept; l < move->levels; l++) {
        close_domain(domains, move->domains[l]);
    }
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
    if (!find_place(&search)) {
        return false;
    }
    read_masks(domains, row);
    if (!count_keys(domains, masks_of(domains, row), true)) {
        return false;
    }
    struct domains_move move = describe_insert(&search);
    widen(domains, &move, search.steps);
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
    uint32_t alone = alone_in(domains, move->domains[move->levels - 1]);
    const struct domain *parent = &domains->items[move->domains[move->levels - alone - 1]];
    uint32_t p = move->position;
    if (domains->cut[p]) {
        return false;
    }
    for (uint32_t q = p + 1; q < parent->end; q++) {
        if (!domains->cut[q]) { /* unknown comes last: all have its path */
            return true;
        }
    }
    for (uint32_t q = p; q-- > parent->first;) {
        if (alone_in(domains, domains->lowest[q]) != alone) {
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
    if (domains->below) {
        const struct domain *lowest = &domains->items[move->domains[move->levels - 1]];
        return lowest->known ? lowest->end - lowest->first > 1 : has_alike(domains, move);
    }
    for (uint32_t l = 1; l < move->levels; l++) { /* the last of its level? */
        if (domains->items[move->domains[l]].known && domains->carriers[l - 1] == 1) {
            return false;
        }
    }
    return true;
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
    struct domains_move move = describe_remove(domains, position);
    if (!may_go(domains, &move) || !count_keys(domains, masks_of(domains, row), false)) {
        return false;
    }
    tighten(domains, &move);
    remove_position(domains, row, &move);
    keep_move(domains, &move);
    return true;
}
