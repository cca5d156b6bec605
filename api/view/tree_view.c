// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "api/view/gang_view.h"
#include "scheduler/state/ledger.h"
#include "topology/base/alloc.h"
#include "topology/base/plural.h"
#include "topology/base/utf8.h"
#include "topology/graph/domains.h"
#include "topology/graph/nodes.h"

/* Draws the domains that hold a gang.
 *
 *   spots    one per node the gang is on, in position order, so that every domain is a range of
 * spots items    what hangs below one line: domains of the next level, or nodes at the end
 *
 * A node without the label of a level lies in an unknown domain of its own there. Such a domain has
 * nothing to say and gets no line: what is below it hangs on the line above. Nodes that have left
 * the cluster since have no position and hang on the cluster.
 */

#define PREFIX_MAX   256
#define LINE_WIDTH   80
#define LABEL_MAX    160 /* bytes of "master 0, worker 0-3,5,8-15"; cut with an ellipsis */
#define FIGURES_MAX  48
#define FOLD_MINIMUM 4u /* neighbours that are worth sharing a line */

struct spot {
    uint32_t position; /* DOMAINS_NONE: not in the tree */
    const char *node;
    uint32_t first; /* members[first … first + count) of the drawing */
    uint32_t count;
};

struct item {
    uint32_t domain; /* DOMAINS_NONE: a node */
    uint32_t level;  /* level of what is below a domain */
    uint32_t first;  /* spots [first, end) */
    uint32_t end;
};

struct drawing {
    FILE *out;
    const struct domains *domains;
    const struct nodes *nodes;
    const struct ledger *ledger;
    uint32_t device;                         /* resource whose figures are shown, or NAMES_NONE */
    const struct gang_member_view **members; /* by node, then role and rank */
    struct spot *spots;
    uint32_t spot_count;
    uint32_t host; /* level */
    bool fold;
};

/* A member and where it is, for sorting. */
struct placed {
    uint32_t position;
    uint32_t index;
    const struct gang_member_view *member;
};

static int compare_placed(const void *left, const void *right)
{
    const struct placed *a = left, *b = right;
    if (a->position != b->position) {
        return a->position < b->position ? -1 : 1;
    }
    int order = strcmp(a->member->node, b->member->node);
    return order != 0 ? order : (a->index > b->index) - (a->index < b->index);
}

static void print_wrapped(FILE *out, const char *text, const char *indent)
{
    size_t column = 0;
    while (*text != '\0') {
        size_t word = strcspn(text, " ");
        if (column != 0 && column + 1 + word > LINE_WIDTH - strlen(indent)) {
            fputc('\n', out);
            column = 0;
        }
        fprintf(out, "%s%.*s", column == 0 ? indent : " ", (int)word, text);
        column += word + (column == 0 ? 0 : 1);
        text += word;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

void gang_view_headline(const struct gang_view *view, FILE *out)
{
    fprintf(out, "%s/%s  %" PRIu32 " pod%s  %s", view->name_space, view->name, view->pods,
            plural(view->pods), gang_state_name(view->state));
    if (view->bound > 0 && view->bound < view->pods) {
        fprintf(out, "  %" PRIu32 " bound", view->bound);
    }
    fputc('\n', out);
    if (gang_view_reason(view)[0] != '\0') {
        print_wrapped(out, gang_view_reason(view), "  ");
    }
    if (view->ignored != NULL) {
        print_wrapped(out, view->ignored, "  ");
    }
    for (uint32_t i = 0; i < view->role_count; i++) {
        const struct gang_role_view *role = &view->roles[i];
        fprintf(out, "  at least %" PRId32 " of role \"%s\"", role->minimum, role->role);
        fprintf(out, role->missing > 0 && view->bound > 0 ? ", %" PRIu32 " missing\n" : "\n",
                role->missing);
    }
}

/* Members from `first` on that wait for the same; returns where the next ones begin. */
static uint32_t print_waiting(const struct gang_view *view, uint32_t first, uint32_t *printed,
                              FILE *out)
{
    const char *reason = view->members[first].reason;
    uint32_t end = first;
    char *names = NULL;
    size_t length;
    FILE *text = open_memstream(&names, &length);
    fputs("no place:", text);
    for (; end < view->member_count && *printed < GANG_VIEW_UNPLACED; end++) {
        const struct gang_member_view *member = &view->members[end];
        if (member->reason != NULL && strcmp(member->reason, reason) != 0) {
            break;
        }
        if (member->reason != NULL) {
            fprintf(text, "%s %s", end > first ? "," : "", member->pod);
            ++*printed;
        }
    }
    fclose(text);
    print_wrapped(out, names, "");
    free(names);
    if (strcmp(reason, gang_view_reason(view)) != 0) {
        print_wrapped(out, reason, "  ");
    }
    return end;
}

void gang_view_unplaced(const struct gang_view *view, FILE *out)
{
    uint32_t printed = 0, left = 0;
    for (uint32_t i = 0; i < view->member_count;) {
        if (view->members[i].reason == NULL) {
            i++;
        } else if (printed == GANG_VIEW_UNPLACED) {
            left++;
            i++;
        } else {
            i = print_waiting(view, i, &printed, out);
        }
    }
    if (left > 0) {
        fprintf(out, "no place: %" PRIu32 " more\n", left);
    }
}

/* Appends; false, and an ellipsis, when the label is full. */
__attribute__((format(printf, 2, 3))) static bool append(char label[LABEL_MAX], const char *format,
                                                         ...)
{
    char piece[LABEL_MAX];
    size_t length = strlen(label);
    va_list arguments;
    va_start(arguments, format);
    utf8_vprint(piece, sizeof piece, format, arguments);
    va_end(arguments);
    bool fits = length + strlen(piece) + sizeof "…" <= LABEL_MAX;
    snprintf(label + length, LABEL_MAX - length, "%s", fits ? piece : "…");
    return fits;
}

/* Appends "0-3,5": the ranks of the members, which are in order. */
static bool append_ranks(char label[LABEL_MAX], const struct gang_member_view *const *members,
                         uint32_t count)
{
    for (uint32_t i = 0; i < count;) {
        uint32_t last = i;
        while (last + 1 < count && members[last + 1]->rank == members[last]->rank + 1) {
            last++;
        }
        const char *comma = i == 0 ? "" : ",";
        if (last > i ? !append(label, "%s%" PRId32 "-%" PRId32, comma, members[i]->rank,
                               members[last]->rank)
                     : !append(label, "%s%" PRId32, comma, members[i]->rank)) {
            return false;
        }
        i = last + 1;
    }
    return true;
}

/* Members of one role, with or without ranks, from the first on. */
static uint32_t same_role(const struct gang_member_view *const *members, uint32_t count)
{
    uint32_t end = 1;
    while (end < count && strcmp(members[end]->role, members[0]->role) == 0 &&
           (members[end]->rank < 0) == (members[0]->rank < 0)) {
        end++;
    }
    return end;
}

/* "rank 3", "ranks 0-3", "master 0, worker 0-6"; members without ranks are "worker ×2", and nothing
 * when they have no role either. */
static void write_label(char label[LABEL_MAX], const struct gang_member_view *const *members,
                        uint32_t count)
{
    label[0] = '\0';
    for (uint32_t i = 0, end; i < count; i = end) {
        const char *role = members[i]->role;
        const char *comma = label[0] == '\0' ? "" : ", ";
        end = i + same_role(members + i, count - i);
        bool good = true;
        if (members[i]->rank >= 0) {
            good = append(label, "%s%.64s ", comma,
                          role[0] != '\0' ? role
                          : end - i > 1   ? "ranks"
                                          : "rank") &&
                   append_ranks(label, members + i, end - i);
        } else if (role[0] != '\0') {
            good = end - i == 1 ? append(label, "%s%.64s", comma, role)
                                : append(label, "%s%.64s ×%" PRIu32, comma, role, end - i);
        }
        if (!good) {
            return;
        }
    }
}

/* What is free and what there is of the gang's device. */
struct figures {
    __int128 available;
    __int128 total;
};

static void add_node(const struct drawing *drawing, uint32_t position, struct figures *figures)
{
    uint32_t row = domains_row(drawing->domains, position);
    int64_t left = resources_get(ledger_free(drawing->ledger, row), drawing->device);
    figures->available += left > 0 ? left : 0; /* an overbooked node takes nothing from others */
    figures->total += resources_get(&nodes_get(drawing->nodes, row)->allocatable, drawing->device);
}

static void write_figures(const struct figures *figures, char text[FIGURES_MAX])
{
    snprintf(text, FIGURES_MAX, "%" PRId64 "/%" PRId64, balance_cut(figures->available),
             balance_cut(figures->total));
}

/* "24/64" of a domain. */
static void write_domain_figures(const struct drawing *drawing, uint32_t domain,
                                 char text[FIGURES_MAX])
{
    const struct domain *range = domains_get(drawing->domains, domain);
    struct figures figures = {0, 0};
    for (uint32_t position = range->first; position < range->end; position++) {
        add_node(drawing, position, &figures);
    }
    write_figures(&figures, text);
}

/* "0/8" of the nodes that share a line; "" for those that are gone. */
static void write_line_figures(const struct drawing *drawing, const struct item *item,
                               char text[FIGURES_MAX])
{
    struct figures figures = {0, 0};
    text[0] = '\0';
    if (drawing->device == NAMES_NONE || drawing->spots[item->first].position == DOMAINS_NONE) {
        return;
    }
    for (uint32_t spot = item->first; spot < item->end; spot++) {
        add_node(drawing, drawing->spots[spot].position, &figures);
    }
    write_figures(&figures, text);
}

/* Lines are put together from four columns: node, figures, ranks, pods. */
struct node_line {
    char node[600];
    char figures[FIGURES_MAX];
    char label[LABEL_MAX];
    char pods[1000];
};

static const struct gang_member_view *const *members_of(const struct drawing *drawing,
                                                        const struct spot *spot)
{
    return drawing->members + spot->first;
}

/* All GPUs of its node: names would say nothing more. */
static bool has_whole_node(const struct drawing *drawing, const struct spot *spot,
                           const struct gang_member_view *member)
{
    if (drawing->device == NAMES_NONE || spot->position == DOMAINS_NONE) {
        return false;
    }
    uint32_t row = domains_row(drawing->domains, spot->position);
    const struct resources *allocatable = &nodes_get(drawing->nodes, row)->allocatable;
    return resources_get(allocatable, drawing->device) == (int64_t)member->device_count;
}

/* "train-0 (gpu-0..3)" behind what is there. */
static void append_pod(char *text, size_t size, const struct gang_member_view *member, bool bare)
{
    char devices[GANG_VIEW_DEVICES_MAX];
    size_t length = strlen(text);
    gang_view_devices(member, devices);
    if (bare) {
        devices[0] = '\0';
    }
    utf8_print(text + length, size - length, "%s%.253s%s%.200s%s", length == 0 ? "" : ", ",
               member->pod, devices[0] == '\0' ? "" : " (", devices, devices[0] == '\0' ? "" : ")");
}

static void write_node_line(const struct drawing *drawing, const struct item *item,
                            struct node_line *line)
{
    const struct spot *first = &drawing->spots[item->first];
    const struct spot *last = &drawing->spots[item->end - 1];
    uint32_t nodes = item->end - item->first;
    uint32_t count = last->first + last->count - first->first;
    const struct gang_member_view *const *members = members_of(drawing, first);
    const char *gone = first->position == DOMAINS_NONE ? " (gone)" : "";
    if (nodes > 1) {
        utf8_print(line->node, sizeof line->node, "%.250s … %.250s%s", first->node, last->node,
                   gone);
    } else {
        utf8_print(line->node, sizeof line->node, "%.250s%s", first->node, gone);
    }
    write_line_figures(drawing, item, line->figures);
    write_label(line->label, members, count);
    if (nodes > 1) {
        utf8_print(line->pods, sizeof line->pods, "%" PRIu32 " nodes with %" PRIu32 " pod%s each",
                   nodes, first->count, plural(first->count));
    } else if (count > 2) {
        utf8_print(line->pods, sizeof line->pods, "%.250s … %.250s", members[0]->pod,
                   members[count - 1]->pod);
    } else {
        line->pods[0] = '\0';
        for (uint32_t i = 0; i < count; i++) {
            append_pod(line->pods, sizeof line->pods, members[i],
                       has_whole_node(drawing, first, members[i]));
        }
    }
}

/* Columns on a terminal: bytes that do not continue a UTF-8 character. */
static int columns(const char *text)
{
    int count = 0;
    for (; *text != '\0'; text++) {
        count += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return count;
}

static void print_padded(FILE *out, const char *text, int width)
{
    fprintf(out, "%s%*s", text, width - columns(text), "");
}

/* Neighbouring nodes from `first` that share one line. */
static uint32_t run_end(const struct drawing *drawing, uint32_t first, uint32_t end)
{
    uint32_t last = first + 1;
    while (drawing->fold && last < end &&
           drawing->spots[last].count == drawing->spots[first].count &&
           (drawing->spots[last].position == DOMAINS_NONE) ==
               (drawing->spots[first].position == DOMAINS_NONE)) {
        last++;
    }
    return last - first >= FOLD_MINIMUM ? last : first + 1;
}

/* Lists what hangs below a domain whose children are of `level` and whose spots are [first, end).
 */
static uint32_t list_items(const struct drawing *drawing, uint32_t level, uint32_t first,
                           uint32_t end, struct item *items)
{
    uint32_t count = 0;
    while (first < end) {
        uint32_t position = drawing->spots[first].position;
        if (level >= drawing->host || position == DOMAINS_NONE) {
            uint32_t last = run_end(drawing, first, end);
            items[count++] = (struct item){DOMAINS_NONE, level, first, last};
            first = last;
            continue;
        }
        uint32_t domain = domains_at(drawing->domains, position, level);
        const struct domain *range = domains_get(drawing->domains, domain);
        uint32_t last = first;
        while (last < end && drawing->spots[last].position < range->end) {
            last++;
        }
        if (range->known) {
            items[count++] = (struct item){domain, level + 1, first, last};
        } else {
            count += list_items(drawing, level + 1, first, last, items + count);
        }
        first = last;
    }
    return count;
}

struct widths {
    int node;
    int figures;
    int label;
};

static void widen(int *width, const char *text)
{
    int count = columns(text);
    *width = count > *width ? count : *width;
}

/* A column that is empty on every line takes no room. */
static int padded(int width)
{
    return width == 0 ? 0 : width + 2;
}

static void print_node_line(FILE *out, const struct node_line *line, const struct widths *widths)
{
    print_padded(out, line->node, padded(widths->node));
    print_padded(out, line->figures, padded(widths->figures));
    print_padded(out, line->label, padded(widths->label));
    fprintf(out, "%s\n", line->pods);
}

static void print_domain_line(const struct drawing *drawing, const struct item *item)
{
    fprintf(drawing->out, "%s %s", domains_level_name(drawing->domains, item->level - 1),
            domains_name(drawing->domains, item->domain));
    if (drawing->device != NAMES_NONE) {
        char figures[FIGURES_MAX];
        write_domain_figures(drawing, item->domain, figures);
        fprintf(drawing->out, "  %s free", figures);
    }
    fputc('\n', drawing->out);
}

static void draw(const struct drawing *drawing, uint32_t level, uint32_t first, uint32_t end,
                 const char *prefix)
{
    struct item *items = alloc_zero(end - first, sizeof *items);
    uint32_t count = list_items(drawing, level, first, end, items);
    struct node_line line;
    struct widths widths = {0, 0, 0};
    for (uint32_t i = 0; i < count; i++) {
        if (items[i].domain == DOMAINS_NONE) {
            write_node_line(drawing, &items[i], &line);
            widen(&widths.node, line.node);
            widen(&widths.figures, line.figures);
            widen(&widths.label, line.label);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        bool last = i + 1 == count;
        fprintf(drawing->out, "%s%s ", prefix, last ? "└─" : "├─");
        if (items[i].domain == DOMAINS_NONE) {
            write_node_line(drawing, &items[i], &line);
            print_node_line(drawing->out, &line, &widths);
            continue;
        }
        print_domain_line(drawing, &items[i]);
        char below[PREFIX_MAX];
        snprintf(below, sizeof below, "%s%s", prefix, last ? "   " : "│  ");
        draw(drawing, items[i].level, items[i].first, items[i].end, below);
    }
    free(items);
}

static void print_root(const struct drawing *drawing, const char *device)
{
    fputs("cluster", drawing->out);
    if (drawing->device != NAMES_NONE) {
        char figures[FIGURES_MAX];
        write_domain_figures(drawing, 0, figures);
        fprintf(drawing->out, "  %s %s free", figures, device);
    }
    fputc('\n', drawing->out);
}

/* Members that are somewhere, by position; fills members and spots. */
static void place_members(struct drawing *drawing, const struct gang_view *view)
{
    struct placed *placed = alloc_zero(view->member_count, sizeof *placed);
    uint32_t count = 0;
    for (uint32_t i = 0; i < view->member_count; i++) {
        const struct gang_member_view *member = &view->members[i];
        if (member->node != NULL) {
            uint32_t row = nodes_find(drawing->nodes, member->node, strlen(member->node));
            uint32_t position =
                row == NAMES_NONE ? DOMAINS_NONE : domains_position(drawing->domains, row);
            placed[count++] = (struct placed){position, i, member};
        }
    }
    qsort(placed, count, sizeof *placed, compare_placed);
    for (uint32_t i = 0; i < count; i++) {
        struct spot *spot = drawing->spots + drawing->spot_count - (drawing->spot_count > 0);
        drawing->members[i] = placed[i].member;
        if (drawing->spot_count > 0 && strcmp(spot->node, placed[i].member->node) == 0) {
            spot->count++;
        } else {
            drawing->spots[drawing->spot_count++] =
                (struct spot){placed[i].position, placed[i].member->node, i, 1};
        }
    }
    free(placed);
}

void gang_view_tree(const struct gang_view *view, const struct engine *engine, FILE *out)
{
    struct drawing drawing = {.out = out,
                              .domains = engine_domains(engine),
                              .nodes = engine_nodes(engine),
                              .ledger = engine_ledger(engine),
                              .device = NAMES_NONE};
    gang_view_headline(view, out);
    gang_view_optimality(view, out);
    if (view->device != NULL) {
        drawing.device = names_find(nodes_words(drawing.nodes), view->device, strlen(view->device));
    }
    drawing.host = domains_levels(drawing.domains) - 1;
    drawing.members = alloc_zero(view->member_count, sizeof *drawing.members);
    drawing.spots = alloc_zero(view->member_count, sizeof *drawing.spots);
    place_members(&drawing, view);
    drawing.fold = drawing.spot_count > GANG_VIEW_WHOLE;
    if (drawing.spot_count > 0) {
        print_root(&drawing, view->device);
        draw(&drawing, 1, 0, drawing.spot_count, "");
    }
    free(drawing.members);
    free(drawing.spots);
    gang_view_unplaced(view, out);
}
