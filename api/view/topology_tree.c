// SPDX-License-Identifier: Apache-2.0
#include "api/view/topology_view.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

#include "topology/base/alloc.h"
#include "topology/base/plural.h"
#include "topology/graph/nodes.h"

/* Draws the tree of domains, cut to what a person reads.
 *
 *   row     what hangs below one line: a domain, a run of nodes that are alone, or "… and n more"
 *   depth   the lowest level drawn: the lowest for which all rows fit into TOPOLOGY_VIEW_LINES
 *
 * Sums over a domain are differences of running sums over positions.
 */

#define PREFIX_MAX 256
#define NAME_CUT   "%.120s"

struct tree {
    const struct topology_view *view;
    const struct domains *domains;
    int64_t *total; /* of all positions before this one */
    int64_t *free;
    uint32_t depth;
    FILE *out; /* NULL: only count */
    uint32_t lines;
};

static void sum_devices(struct tree *tree)
{
    uint32_t count = domains_positions(tree->domains);
    tree->total = alloc_zero((size_t)count + 1, sizeof *tree->total);
    tree->free = alloc_zero((size_t)count + 1, sizeof *tree->free);
    for (uint32_t p = 0; p < count; p++) {
        uint32_t row = domains_row(tree->domains, p);
        tree->total[p + 1] = tree->total[p] + tree->view->devices.total[row];
        tree->free[p + 1] = tree->free[p] + tree->view->devices.free[row];
    }
}

static const char *node_at(const struct tree *tree, uint32_t position)
{
    return nodes_name(tree->view->nodes, domains_row(tree->domains, position));
}

/* "  4 nodes  24/32 GPUs free" */
static void print_amounts(const struct tree *tree, uint32_t first, uint32_t end)
{
    int64_t total = tree->total[end] - tree->total[first];
    fprintf(tree->out, "  %" PRIu32 " node%s", end - first, plural(end - first));
    if (total > 0) {
        fprintf(tree->out, "  %" PRId64 "/%" PRId64 " %s free", tree->free[end] - tree->free[first],
                total, tree->view->devices.name);
    }
}

static void print_range(const struct tree *tree, uint32_t first, uint32_t end)
{
    fprintf(tree->out, "  " NAME_CUT, node_at(tree, first));
    if (end - first > 1) {
        fprintf(tree->out, " … " NAME_CUT, node_at(tree, end - 1));
    }
    fputc('\n', tree->out);
}

/* How many domains of each level below the one drawn last; their levels are left out. */
static void print_left_out(const struct tree *tree, uint32_t number, const struct domain *domain)
{
    uint32_t counts[LEVELS_MAX] = {0};
    for (uint32_t d = number + 1; d < domain->next; d++) {
        counts[domains_get(tree->domains, d)->level]++;
    }
    const char *separator = "  in ";
    for (uint32_t l = domain->level + 1; l + 1 < domains_levels(tree->domains); l++) {
        if (counts[l] > 0) {
            fprintf(tree->out, "%s%" PRIu32 " × %s", separator, counts[l],
                    domains_level_name(tree->domains, l));
            separator = ", ";
        }
    }
    fputc('\n', tree->out);
}

/* Whether the domain is one that a node has for itself because nothing is known of it. */
static bool is_alone(const struct tree *tree, uint32_t number)
{
    const struct domain *domain = domains_get(tree->domains, number);
    for (uint32_t d = number; d < domain->next; d++) {
        if (domains_get(tree->domains, d)->known) {
            return false;
        }
    }
    return domain->end - domain->first == 1;
}

static void draw_below(struct tree *tree, uint32_t number, const char *prefix);

static void start_line(struct tree *tree, const char *prefix, bool last)
{
    tree->lines++;
    if (tree->out != NULL) {
        fprintf(tree->out, "%s%s ", prefix, last ? "└─" : "├─");
    }
}

static void draw_domain(struct tree *tree, uint32_t number, const char *prefix, bool last)
{
    const struct domain *domain = domains_get(tree->domains, number);
    char below[PREFIX_MAX];
    start_line(tree, prefix, last);
    if (tree->out != NULL) {
        fprintf(tree->out, "%s " NAME_CUT, domains_level_name(tree->domains, domain->level),
                domains_name(tree->domains, number));
        print_amounts(tree, domain->first, domain->end);
        if (domain->level + 2 == domains_levels(tree->domains)) {
            print_range(tree, domain->first, domain->end);
        } else if (domain->level >= tree->depth) {
            print_left_out(tree, number, domain);
        } else {
            fputc('\n', tree->out);
        }
    }
    if (domain->level < tree->depth && tree->lines <= TOPOLOGY_VIEW_LINES) {
        snprintf(below, sizeof below, "%s%s", prefix, last ? "   " : "│  ");
        draw_below(tree, number, below);
    }
}

/* Nodes without a label of the level, one after the other. */
static void draw_alone(struct tree *tree, uint32_t level, uint32_t first, uint32_t end,
                       const char *prefix, bool last)
{
    start_line(tree, prefix, last);
    if (tree->out != NULL) {
        fprintf(tree->out, "%s (none)", domains_level_name(tree->domains, level));
        print_amounts(tree, first, end);
        print_range(tree, first, end);
    }
}

static void draw_rest(struct tree *tree, uint32_t level, uint32_t count, uint32_t first,
                      uint32_t end, const char *prefix)
{
    start_line(tree, prefix, true);
    if (tree->out != NULL) {
        fprintf(tree->out, "… and %" PRIu32 " more × %s", count,
                domains_level_name(tree->domains, level));
        print_amounts(tree, first, end);
        fputc('\n', tree->out);
    }
}

/* The children of a domain; those that are alone come last, for unknown sorts after known, but may
 * stand between unknown ones with an anchor. */
static void draw_below(struct tree *tree, uint32_t number, const char *prefix)
{
    const struct domain *parent = domains_get(tree->domains, number);
    uint32_t level = parent->level + 1;
    uint32_t rows = 0, drawn = 0, left = 0;
    for (uint32_t d = number + 1; d < parent->next; rows++) {
        bool alone = is_alone(tree, d);
        do {
            d = domains_get(tree->domains, d)->next;
        } while (alone && d < parent->next && is_alone(tree, d));
    }
    bool cut = rows > TOPOLOGY_VIEW_WIDTH;
    uint32_t shown = cut ? TOPOLOGY_VIEW_WIDTH - 1 : rows;
    uint32_t d = number + 1;
    for (; drawn < shown; drawn++) {
        uint32_t first = domains_get(tree->domains, d)->first, end, next = d;
        bool alone = is_alone(tree, d);
        do {
            end = domains_get(tree->domains, next)->end;
            next = domains_get(tree->domains, next)->next;
        } while (alone && next < parent->next && is_alone(tree, next));
        bool last = !cut && drawn + 1 == shown;
        if (alone) {
            draw_alone(tree, level, first, end, prefix, last);
        } else {
            draw_domain(tree, d, prefix, last);
        }
        d = next;
    }
    if (cut) {
        uint32_t first = domains_get(tree->domains, d)->first;
        for (; d < parent->next; d = domains_get(tree->domains, d)->next) {
            left++;
        }
        draw_rest(tree, level, left, first, parent->end, prefix);
    }
}

/* The lowest level for which the lines fit. */
static uint32_t find_depth(struct tree *tree)
{
    uint32_t lowest = domains_levels(tree->domains) - 2;
    for (tree->depth = lowest; tree->depth > 1; tree->depth--) {
        tree->lines = 0;
        draw_below(tree, 0, "");
        if (tree->lines <= TOPOLOGY_VIEW_LINES) {
            break;
        }
    }
    return tree->depth;
}

void topology_view_tree(const struct topology_view *view, FILE *out)
{
    struct tree tree = {.view = view, .domains = view->domains};
    uint32_t end = domains_positions(view->domains);
    sum_devices(&tree);
    tree.depth = find_depth(&tree);
    tree.out = out;
    tree.lines = 0;
    fputs(LEVEL_CLUSTER, out);
    print_amounts(&tree, 0, end);
    if (domains_levels(view->domains) == 2 && end > 0) {
        print_range(&tree, 0, end); /* flat */
    } else {
        fputc('\n', out);
        draw_below(&tree, 0, "");
    }
    free(tree.total);
    free(tree.free);
}
