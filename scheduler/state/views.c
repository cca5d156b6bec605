// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/views.h"

#include "scheduler/state/likings.h"

#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) abort()
#include <uthash.h>

#include "topology/base/alloc.h"
#include "topology/base/err.h"

/* Views, and who uses them.
 *
 *   link {shape, good} ─▶ view ─▶ capacity          a link per shape that was ever asked about
 *        │                 │
 *        └──▶ mask ≡ mask ◀┘                         of the view: that of its own shape
 *
 * A view belongs to one shape, whose request and mask it counts with, and goes with it; other
 * shapes may use it while they request the same and their masks are equal, which is looked at again
 * only when one of the two has another version.
 *
 * A view has a new stamp whenever copies rose in it, and a link tells by the stamp it saw last. A
 * link outlives its view, so that a shape whose view had to go is not taken for one whose copies
 * rose: as long as nothing of what it requests was released and no node changed, they did not.
 */

/* The greatest number of copies in one domain of a level; kept along once it was asked for. */
struct best {
    bool valid;
    uint64_t copies;
};

struct view {
    struct view *newer; /* asked for after this one */
    struct view *older;
    struct link *links;
    uint32_t shape;
    bool good;
    struct mask *mask;
    struct capacity *capacity;
    size_t bytes;
    uint64_t seen;  /* change up to which it is current */
    uint64_t stamp; /* of the last rise */
    struct best best[LEVELS_TREE_MAX];
};

struct link {
    UT_hash_handle hh;
    uint64_t key; /* link_key() */
    uint32_t shape;
    bool good;
    struct view *view; /* or NULL */
    struct link *next; /* of the same view */
    struct mask *mask;
    uint64_t own_version; /* of the two masks when they were found equal */
    uint64_t view_version;

    uint64_t raised; /* the last answer, 0: never asked; when that was: */
    uint64_t stamp;
    uint64_t released;
    uint64_t node_changes;
    uint64_t generation;
};

struct views {
    const struct domains *domains;
    const struct shapes *shapes;
    const struct accounts *accounts;
    const struct gpus *gpus;
    struct masks *masks;
    struct likings *likings;
    struct link *table;
    struct view *newest;
    struct view *oldest;
    uint32_t count;
    size_t bytes;
    size_t limit;
    uint64_t stamps; /* given so far */
    uint64_t work;
};

/* ---- life ---- */

struct views *views_create(const struct domains *domains, const struct shapes *shapes,
                           const struct accounts *accounts, const struct gpus *gpus)
{
    struct views *views = alloc_zero(1, sizeof(*views));
    views->domains = domains;
    views->shapes = shapes;
    views->accounts = accounts;
    views->gpus = gpus;
    views->limit = VIEWS_BYTES_MAX;
    views->masks = masks_create(shapes, accounts_recent_nodes(accounts));
    views->likings =
        likings_create(shapes, masks_index(views->masks), accounts_recent_nodes(accounts));
    return views;
}

static void enter_list(struct views *views, struct view *view)
{
    view->older = views->newest;
    view->newer = NULL;
    if (views->newest != NULL) {
        views->newest->newer = view;
    } else {
        views->oldest = view;
    }
    views->newest = view;
}

static void leave_list(struct views *views, struct view *view)
{
    if (view->newer != NULL) {
        view->newer->older = view->older;
    } else {
        views->newest = view->older;
    }
    if (view->older != NULL) {
        view->older->newer = view->newer;
    } else {
        views->oldest = view->newer;
    }
}

static void drop_capacity(struct views *views, struct view *view)
{
    capacity_destroy(view->capacity);
    view->capacity = NULL;
    views->bytes -= view->bytes;
    view->bytes = 0;
}

static void destroy_view(struct views *views, struct view *view)
{
    struct link *next;
    for (struct link *link = view->links; link != NULL; link = next) {
        next = link->next;
        link->view = NULL;
        link->next = NULL;
    }
    drop_capacity(views, view);
    masks_release(views->masks, view->mask);
    leave_list(views, view);
    views->count--;
    free(view);
}

static void leave_view(struct link *link)
{
    struct link **at = &link->view->links;
    while (*at != link) {
        at = &(*at)->next;
    }
    *at = link->next;
    link->view = NULL;
    link->next = NULL;
}

static void destroy_link(struct views *views, struct link *link)
{
    err_require(views->table != NULL); /* it is in there */
    HASH_DELETE(hh, views->table, link);
    masks_release(views->masks, link->mask);
    free(link);
}

void views_destroy(struct views *views)
{
    if (views == NULL) {
        return;
    }
    while (views->oldest != NULL) {
        destroy_view(views, views->oldest);
    }
    struct link *link, *next;
    HASH_ITER (hh, views->table, link, next) {
        destroy_link(views, link);
    }
    likings_destroy(views->likings);
    masks_destroy(views->masks);
    free(views);
}

void views_tree_changed(struct views *views)
{
    for (struct view *view = views->newest; view != NULL; view = view->older) {
        drop_capacity(views, view);
    }
}

static uint64_t link_key(uint32_t shape, bool good)
{
    return (uint64_t)shape << 1 | good;
}

static struct link *find_link(const struct views *views, uint32_t shape, bool good)
{
    uint64_t key = link_key(shape, good);
    struct link *link = NULL;
    HASH_FIND(hh, views->table, &key, sizeof(key), link);
    return link;
}

void views_shape_gone(struct views *views, uint32_t shape)
{
    likings_shape_gone(views->likings, shape);
    for (int good = 0; good < 2; good++) {
        struct link *link = find_link(views, shape, good != 0);
        if (link == NULL) {
            continue;
        }
        if (link->view != NULL && link->view->shape == shape) {
            destroy_view(views, link->view);
        } else if (link->view != NULL) {
            leave_view(link);
        }
        destroy_link(views, link);
    }
}

/* ---- counting ---- */

/* What pods of the view's shape find on the node now. */
static uint32_t copies_at(const struct views *views, const struct view *view, uint32_t row)
{
    uint32_t limit = CAPACITY_NODE_MAX;
    if (!masks_admits(view->mask, row)) {
        return 0;
    }
    if (view->good) {
        uint32_t resource;
        uint32_t count = shapes_gpus(views->shapes, view->shape, &resource);
        limit = gpus_good_capacity(views->gpus, row, resource, count);
    }
    return resources_copies(shapes_request(views->shapes, view->shape),
                            accounts_free(views->accounts, row), limit);
}

/* The best domains after a node's copies went from `before` to `now`. */
static void follow_best(const struct views *views, struct view *view, uint32_t position,
                        uint32_t before, uint32_t now)
{
    uint32_t host = domains_levels(views->domains) - 1;
    for (uint32_t level = 0; level <= host; level++) {
        struct best *best = &view->best[level];
        uint64_t after = now, earlier = before;
        if (!best->valid) {
            continue;
        }
        if (level < host) {
            uint32_t domain = domains_at(views->domains, position, level);
            if (!domains_get(views->domains, domain)->known) {
                continue;
            }
            after = capacity_domain(view->capacity, domain);
            earlier = after - now + before;
        }
        best->valid = after >= best->copies || earlier < best->copies;
        best->copies = after > best->copies ? after : best->copies;
    }
}

/* Sets the node's copies; true when they rose. */
static bool count_row(struct views *views, struct view *view, uint32_t position, uint32_t row)
{
    uint32_t before = capacity_node(view->capacity, position);
    uint32_t now = copies_at(views, view, row);
    views->work++;
    if (now == before) {
        return false;
    }
    capacity_set(view->capacity, position, now);
    follow_best(views, view, position, before, capacity_node(view->capacity, position));
    return now > before;
}

/* Views go until the rest has room, the ones not asked for the longest first. */
static void make_room(struct views *views)
{
    while (views->bytes > views->limit && views->count > VIEWS_LEAST) {
        destroy_view(views, views->oldest);
    }
}

static void account_for(struct views *views, struct view *view)
{
    views->bytes -= view->bytes;
    view->bytes = domains_positions(views->domains) * sizeof(uint32_t) +
                  domains_count(views->domains) * sizeof(uint64_t);
    views->bytes += view->bytes;
}

static void build(struct views *views, struct view *view)
{
    uint32_t positions = domains_positions(views->domains);
    view->capacity = capacity_create(views->domains);
    account_for(views, view);
    memset(view->best, 0, sizeof(view->best));
    for (uint32_t position = 0; position < positions; position++) {
        (void)count_row(views, view, position, domains_row(views->domains, position));
    }
    view->stamp = ++views->stamps;
    view->seen = accounts_recent(views->accounts)->changes;
    make_room(views);
}

/* Brings the capacity over to the tree as it is now. Nodes that came count nothing until the ledger
 * tells that they changed. */
static void follow_tree(struct views *views, struct view *view)
{
    if (view == NULL || view->capacity == NULL) {
        return;
    }
    switch (capacity_follow(view->capacity)) {
    case CAPACITY_CURRENT:
        break;
    case CAPACITY_MOVED:
        memset(view->best, 0, sizeof(view->best));
        account_for(views, view);
        break;
    case CAPACITY_VOID:
        drop_capacity(views, view);
        break;
    }
}

/* Makes the view current, and the one asked for last. */
static void update(struct views *views, struct view *view)
{
    const struct recent *recent = accounts_recent(views->accounts);
    leave_list(views, view);
    enter_list(views, view);
    follow_tree(views, view);
    (void)masks_update(views->masks, view->mask);
    if (view->capacity == NULL) {
        build(views, view);
        return;
    }
    bool rose = false;
    for (uint32_t row = recent_last(recent, view->seen); row != RECENT_NONE;
         row = recent_before(recent, row, view->seen)) {
        uint32_t position = domains_position(views->domains, row);
        if (position != DOMAINS_NONE) {
            rose = count_row(views, view, position, row) || rose;
        }
    }
    view->seen = recent->changes;
    if (rose) {
        view->stamp = ++views->stamps;
    }
}

/* ---- sharing ---- */

/* Whether the link's shape finds in the view what it looks for. */
static bool suits(struct views *views, struct link *link, const struct view *view)
{
    if (link->mask == view->mask) {
        return true;
    }
    uint64_t own = masks_update(views->masks, link->mask);
    uint64_t theirs = masks_update(views->masks, view->mask);
    if (link->view == view && link->own_version == own && link->view_version == theirs) {
        return true;
    }
    link->own_version = own;
    link->view_version = theirs;
    return masks_equal(link->mask, view->mask);
}

static void join_view(struct link *link, struct view *view)
{
    link->view = view;
    link->next = view->links;
    view->links = link;
}

static struct view *add_view(struct views *views, const struct link *link)
{
    struct view *view = alloc_zero(1, sizeof(*view));
    view->shape = link->shape;
    view->good = link->good;
    view->mask = masks_acquire(views->masks, view->shape);
    enter_list(views, view);
    views->count++;
    return view;
}

/* A view for a link that has none: one of another shape, or a new one. */
static void find_view(struct views *views, struct link *link)
{
    const struct resources *request = shapes_request(views->shapes, link->shape);
    for (struct view *view = views->newest; view != NULL; view = view->older) {
        if (view->good == link->good &&
            resources_equal(shapes_request(views->shapes, view->shape), request) &&
            suits(views, link, view)) {
            join_view(link, view);
            return;
        }
    }
    join_view(link, add_view(views, link));
}

static struct link *get_link(struct views *views, uint32_t shape, bool good)
{
    struct link *link = find_link(views, shape, good);
    if (link == NULL) {
        link = alloc_zero(1, sizeof(*link));
        link->key = link_key(shape, good);
        link->shape = shape;
        link->good = good;
        link->mask = masks_acquire(views->masks, shape);
        HASH_ADD(hh, views->table, key, sizeof(link->key), link);
    }
    return link;
}

/* Whether copies of the link's shape cannot have risen since it was last asked about. */
static bool cannot_have_risen(const struct views *views, const struct link *link)
{
    const struct resources *request = shapes_request(views->shapes, link->shape);
    return link->raised != 0 && link->generation == domains_generation(views->domains) &&
           link->node_changes == accounts_node_changes(views->accounts) &&
           link->released == accounts_released(views->accounts, request);
}

/* The link with a current view. */
static struct link *current(struct views *views, uint32_t shape, bool good)
{
    struct link *link = get_link(views, shape, good);
    if (link->view != NULL && !suits(views, link, link->view)) {
        leave_view(link);
    }
    follow_tree(views, link->view);
    bool made = link->view == NULL || link->view->capacity == NULL;
    bool same = made && cannot_have_risen(views, link);
    if (link->view == NULL) {
        find_view(views, link);
    }
    update(views, link->view);
    if (same) {
        link->stamp = link->view->stamp;
    }
    return link;
}

/* ---- questions ---- */

const struct capacity *views_capacity(struct views *views, uint32_t shape, bool good)
{
    return current(views, shape, good)->view->capacity;
}

/* A shape without a view gets none for this: what was released tells enough. */
uint64_t views_raised(struct views *views, uint32_t shape, bool good)
{
    struct link *link = get_link(views, shape, good);
    bool rose;
    if (link->view != NULL && link->view->capacity != NULL) {
        link = current(views, shape, good);
        rose = link->raised == 0 || link->stamp != link->view->stamp;
        link->stamp = link->view->stamp;
    } else {
        rose = !cannot_have_risen(views, link);
    }
    if (rose) {
        link->raised = ++views->stamps;
    }
    link->generation = domains_generation(views->domains);
    link->node_changes = accounts_node_changes(views->accounts);
    link->released = accounts_released(views->accounts, shapes_request(views->shapes, link->shape));
    return link->raised;
}

static uint64_t find_best(const struct views *views, const struct view *view, uint32_t level)
{
    uint64_t most = 0;
    if (level + 1 == domains_levels(views->domains)) {
        for (uint32_t p = 0; p < domains_positions(views->domains); p++) {
            uint32_t copies = capacity_node(view->capacity, p);
            most = copies > most ? copies : most;
        }
        return most;
    }
    for (uint32_t d = 0; d < domains_count(views->domains); d++) {
        const struct domain *domain = domains_get(views->domains, d);
        if (domain->level == level && domain->known) {
            uint64_t copies = capacity_domain(view->capacity, d);
            most = copies > most ? copies : most;
        }
    }
    return most;
}

uint64_t views_best(struct views *views, uint32_t shape, bool good, uint32_t level)
{
    err_require(level < domains_levels(views->domains));
    struct view *view = current(views, shape, good)->view;
    struct best *best = &view->best[level];
    if (!best->valid) {
        *best = (struct best){.valid = true, .copies = find_best(views, view, level)};
    }
    return best->copies;
}

struct mask_refusals views_refusals(struct views *views, uint32_t shape)
{
    return masks_refusals(views->masks, get_link(views, shape, false)->mask);
}

const uint32_t *views_likings(struct views *views, uint32_t shape, size_t *rows)
{
    return likings_get(views->likings, shape, rows);
}

uint64_t views_work(const struct views *views)
{
    return views->work + masks_work(views->masks) + likings_work(views->likings);
}

void views_limit(struct views *views, size_t bytes)
{
    views->limit = bytes;
}

uint32_t views_count(const struct views *views)
{
    return views->count;
}
