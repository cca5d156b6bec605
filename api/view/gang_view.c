// SPDX-License-Identifier: Apache-2.0
#include "api/view/gang_view.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "topology/base/arena.h"

/* A gang as JSON and as a table. The drawing of its tree has a file of its own, tree_view.c.
 *
 * The engine's view is of the whole tree, from the cluster (level 0) to the host. The cluster is
 * left out of what is written: there is always one.
 */

#define GANG_NAME_MAX 1024

bool gang_view_feasible(const struct gang_view *view)
{
    return view->state == GANG_HELD || view->state == GANG_COMMITTING || view->state == GANG_PLACED;
}

const char *gang_view_reason(const struct gang_view *view)
{
    bool settled = view->planned && view->state != GANG_WAITING && !view->incomplete;
    return settled ? "" : view->reason;
}

static json_t *quality_json(const struct gang_view *view)
{
    json_t *levels = json_array();
    for (uint32_t level = 1; view->has_quality && level < view->levels; level++) {
        json_array_append_new(levels, json_pack("{s:s, s:I}", "name", view->level_names[level],
                                                "domains", (json_int_t)view->used[level]));
    }
    return json_pack("{s:o}", "levels", levels);
}

static json_t *lower_bound_json(const struct gang_view *view)
{
    json_t *bound = json_array();
    for (uint32_t level = 1; view->has_quality && level < view->levels; level++) {
        json_array_append_new(bound, json_integer(view->lower_bound[level]));
    }
    return bound;
}

static json_t *roles_json(const struct gang_view *view)
{
    json_t *roles = json_array();
    for (uint32_t i = 0; i < view->role_count; i++) {
        const struct gang_role_view *role = &view->roles[i];
        json_array_append_new(roles, json_pack("{s:s, s:I, s:I}", "role", role->role, "minMember",
                                               (json_int_t)role->minimum, "missing",
                                               (json_int_t)role->missing));
    }
    return roles;
}

/* Everything but the assignments. The engine's reason also says that all goes well; here it is why
 * not. */
static json_t *summary_json(const struct gang_view *view)
{
    char name[GANG_NAME_MAX];
    snprintf(name, sizeof name, "%s/%s", view->name_space, view->name);
    return json_pack("{s:s, s:s, s:b, s:b, s:s, s:b, s:o, s:o, s:I, s:o, s:I, s:I, s:I}", "gang",
                     name, "state", gang_state_name(view->state), "incomplete", view->incomplete,
                     "feasible", gang_view_feasible(view), "reason", gang_view_reason(view),
                     "optimal", view->optimal, "bound", lower_bound_json(view), "quality",
                     quality_json(view), "minMember", (json_int_t)view->minimum, "roleMinimums",
                     roles_json(view), "pods", (json_int_t)view->pods, "boundPods",
                     (json_int_t)view->bound, "voted", (json_int_t)view->voted);
}

static json_t *assignment_json(const struct gang_view *view, const struct gang_member_view *member)
{
    char name[GANG_NAME_MAX];
    snprintf(name, sizeof name, "%s/%s", view->name_space, member->pod);
    json_t *devices = json_array();
    for (uint32_t i = 0; i < member->device_count; i++) {
        json_array_append_new(devices, json_string(member->devices[i]));
    }
    return json_pack("{s:s, s:s, s:I, s:s, s:o}", "pod", name, "role", member->role, "rank",
                     (json_int_t)member->rank, "node", member->node, "devices", devices);
}

static json_t *unplaced_json(const struct gang_view *view, const struct gang_member_view *member)
{
    char name[GANG_NAME_MAX];
    snprintf(name, sizeof name, "%s/%s", view->name_space, member->pod);
    return json_pack("{s:s, s:s, s:I, s:s}", "pod", name, "role", member->role, "rank",
                     (json_int_t)member->rank, "reason",
                     member->reason == NULL ? "" : member->reason);
}

static json_t *nodes_json(const struct gang_nodes_view *nodes)
{
    json_t *left_out = json_object();
    for (uint32_t i = 0; i < nodes->left_out_count; i++) {
        json_object_set_new(left_out, nodes->left_out[i].kind,
                            json_integer(nodes->left_out[i].nodes));
    }
    json_t *json =
        json_pack("{s:s, s:I, s:o, s:I, s:s?, s:b, s:s?}", "domain", nodes->domain, "total",
                  (json_int_t)nodes->nodes, "leftOut", left_out, "rest", (json_int_t)nodes->rest,
                  "missing", nodes->missing, "nowhere", nodes->nowhere, "short", nodes->scarce);
    json_object_set_new(json, "each",
                        nodes->scarce == NULL || nodes->each == 0 ? json_null()
                                                                  : json_integer(nodes->each));
    return json;
}

static json_t *shortfall_json(const struct gang_shortfall_view *shortfall)
{
    json_t *json =
        json_pack("{s:s, s:I, s:I, s:I, s:s?}", "level", shortfall->level, "wanted",
                  (json_int_t)shortfall->wanted, "missing", (json_int_t)shortfall->missing, "fits",
                  (json_int_t)shortfall->fits, "alternative", shortfall->alternative);
    json_object_set_new(json, "nodes",
                        shortfall->has_nodes ? nodes_json(&shortfall->nodes) : json_null());
    json_object_set_new(
        json, "blockedBy",
        json_pack("{s:s?, s:b}", "gang", shortfall->blocker, "otherPods", shortfall->ordinary));
    return json;
}

json_t *gang_view_json(const struct gang_view *view)
{
    json_t *json = summary_json(view);
    if (view->ignored != NULL) {
        json_object_set_new(json, "ignored", json_string(view->ignored));
    }
    if (view->shortfall.level != NULL && !gang_view_feasible(view)) {
        json_object_set_new(json, "shortfall", shortfall_json(&view->shortfall));
    }
    json_t *assignments = json_array(), *unplaced = json_array();
    for (uint32_t i = 0; i < view->member_count; i++) {
        const struct gang_member_view *member = &view->members[i];
        if (member->node != NULL) {
            json_array_append_new(assignments, assignment_json(view, member));
        } else {
            json_array_append_new(unplaced, unplaced_json(view, member));
        }
    }
    json_object_set_new(json, "assignments", assignments);
    json_object_set_new(json, "unplaced", unplaced);
    return json;
}

json_t *gang_view_list(const struct engine *engine, size_t first, size_t limit)
{
    json_t *list = json_array();
    size_t count = engine_gang_count(engine), next = first, members = 0;
    size_t most = limit == 0 || limit > GANG_VIEW_PAGE ? GANG_VIEW_PAGE : limit;
    char last[GANG_NAME_MAX] = "";
    struct arena arena;
    arena_init(&arena);
    for (; next < count && next - first < most && members < GANG_VIEW_PAGE_MEMBERS; next++) {
        struct gang_view view;
        engine_gang_at(engine, next, &arena, &view);
        json_array_append_new(list, summary_json(&view));
        members += view.member_count;
        snprintf(last, sizeof last, "%s/%s", view.name_space, view.name);
        arena_reset(&arena);
    }
    arena_finish(&arena);
    return json_pack("{s:o, s:s}", "items", list, "continue", next < count ? last : "");
}

static int widest(int width, const char *text)
{
    int length = (int)strlen(text);
    return length > width ? length : width;
}

/* The number behind a name, "gpu-" and 12, or -1. */
static long name_number(const char *name, size_t *stem)
{
    size_t length = strlen(name);
    *stem = length;
    while (*stem > 0 && name[*stem - 1] >= '0' && name[*stem - 1] <= '9') {
        --*stem;
    }
    size_t digits = length - *stem;
    return digits == 0 || digits > 9 ? -1 : strtol(name + *stem, NULL, 10);
}

/* The name that counts one on from another: "gpu-3" after "gpu-2". */
static bool follows(const char *name, const char *before)
{
    size_t stem, stem_before;
    long number = name_number(name, &stem), number_before = name_number(before, &stem_before);
    return number_before >= 0 && number == number_before + 1 && stem == stem_before &&
           memcmp(name, before, stem) == 0;
}

void gang_view_devices(const struct gang_member_view *member, char text[GANG_VIEW_DEVICES_MAX])
{
    size_t length = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < member->device_count && length + 1 < GANG_VIEW_DEVICES_MAX;) {
        uint32_t last = i;
        size_t stem;
        while (last + 1 < member->device_count &&
               follows(member->devices[last + 1], member->devices[last])) {
            last++;
        }
        (void)name_number(member->devices[last], &stem);
        int added = snprintf(text + length, GANG_VIEW_DEVICES_MAX - length, "%s%s%s%s",
                             i == 0 ? "" : ",", member->devices[i], last > i ? ".." : "",
                             last > i ? member->devices[last] + stem : "");
        length += added > 0 ? (size_t)added : 0;
        i = last + 1;
    }
}

static const char *member_state(const struct gang_member_view *member)
{
    return member->bound          ? "bound"
           : member->voted        ? "voted"
           : member->node != NULL ? "planned"
                                  : "waiting";
}

static bool ends_with(const char *text, const char *tail)
{
    size_t length = strlen(text), tail_length = strlen(tail);
    return length >= tail_length && strcmp(text + length - tail_length, tail) == 0;
}

/* "2 leaves". Level names are words people chose; a label key stays as it is. */
static void print_domains(FILE *out, uint32_t count, const char *level)
{
    size_t length = strlen(level);
    bool word = strpbrk(level, "./") == NULL && length > 0;
    if (count == 1 || !word) {
        fprintf(out, "%" PRIu32 " %s", count, level);
    } else if (ends_with(level, "leaf")) {
        fprintf(out, "%" PRIu32 " %.*sves", count, (int)length - 1, level);
    } else if (ends_with(level, "s") || ends_with(level, "x") || ends_with(level, "ch")) {
        fprintf(out, "%" PRIu32 " %ses", count, level);
    } else {
        fprintf(out, "%" PRIu32 " %ss", count, level);
    }
}

void gang_view_optimality(const struct gang_view *view, FILE *out)
{
    bool open = false; /* behind the first difference the bound says nothing */
    if (!view->has_quality) {
        return;
    }
    for (uint32_t level = 1; level < view->levels; level++) {
        fputs(level == 1 ? "" : ", ", out);
        print_domains(out, view->used[level], view->level_names[level]);
        if (!open && view->used[level] != view->lower_bound[level]) {
            open = true;
            fprintf(out, " (at least %" PRIu32 ")", view->lower_bound[level]);
        }
    }
    fputs(view->optimal ? " (optimal)\n" : open ? "\n" : " (not proven optimal)\n", out);
}

void gang_view_table(const struct gang_view *view, FILE *out)
{
    int role = widest(0, "ROLE"), pod = widest(0, "POD"), node = widest(0, "NODE"), devices = 0;
    char text[GANG_VIEW_DEVICES_MAX];
    for (uint32_t i = 0; i < view->member_count; i++) {
        const struct gang_member_view *member = &view->members[i];
        role = widest(role, member->role);
        pod = widest(pod, member->pod);
        node = widest(node, member->node == NULL ? "-" : member->node);
        gang_view_devices(member, text);
        devices = member->device_count == 0 ? devices : widest(widest(devices, "DEVICES"), text);
    }
    gang_view_headline(view, out);
    fprintf(out, "%-4s  %-*s  %-*s  %-*s  %-*s%sSTATE\n", "RANK", role, "ROLE", pod, "POD", node,
            "NODE", devices, devices > 0 ? "DEVICES" : "", devices > 0 ? "  " : "");
    for (uint32_t i = 0; i < view->member_count; i++) {
        const struct gang_member_view *member = &view->members[i];
        char rank[16] = "-";
        if (member->rank >= 0) {
            snprintf(rank, sizeof rank, "%" PRId32, member->rank);
        }
        gang_view_devices(member, text);
        fprintf(out, "%-4s  %-*s  %-*s  %-*s  %-*s%s%s\n", rank, role,
                member->role[0] == '\0' ? "-" : member->role, pod, member->pod, node,
                member->node == NULL ? "-" : member->node, devices,
                devices > 0 && text[0] == '\0' ? "-" : text, devices > 0 ? "  " : "",
                member_state(member));
    }
    gang_view_optimality(view, out);
}
