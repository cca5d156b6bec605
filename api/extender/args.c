// SPDX-License-Identifier: Apache-2.0
#include "api/extender/args.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/extender/slice_set.h"
#include "topology/base/alloc.h"

/* One pass over a body, driven by tables: an object is read by naming the members one cares about,
 * each with the reader of its value and the place it goes to.
 *
 *   Pod ──> metadata ──> uid, name, namespace      NodeNames ──> [string]
 *      └──> status ────> nominatedNodeName         Nodes ──────> items ──> [metadata.name, text]
 *
 * Whatever is not in a table is skipped (and still checked for its grammar). A reader finds the
 * cursor in front of its value and consumes it; `null` leaves the target as it was, zeroed.
 *
 * Lists are filled in the order of the body. Both forms of the nodes may come, in either order, so
 * each goes to a list of its own and the choice is made at the end.
 */

struct member {
    const char *name;
    const char *path; /* for errors */
    int (*read)(struct json_scan *scan, const char *path, void *target, struct err *err);
    void *target;
    bool seen;
};

/* Refuses a value of another type than `wanted`; where it is not even JSON, that is the error. */
static int wrong_type(struct json_scan *scan, const char *path, const char *wanted, struct err *err)
{
    if (json_scan_skip(scan, NULL, err) < 0) {
        return -1;
    }
    return err_set(err, "%s: must be %s", path, wanted);
}

static struct member *find_member(struct member *members, size_t count,
                                  const struct json_slice *key)
{
    for (size_t i = 0; i < count; i++) {
        if (json_slice_is(key, members[i].name)) {
            return &members[i];
        }
    }
    return NULL;
}

/* Reads an object whose members are `members`; anything else, null too, is an error. */
static int read_object(struct json_scan *scan, const char *path, struct member *members,
                       size_t count, struct err *err)
{
    if (json_scan_peek(scan) != JSON_TYPE_OBJECT) {
        return wrong_type(scan, path, "an object", err);
    }
    if (json_scan_enter(scan, JSON_TYPE_OBJECT, err) < 0) {
        return -1;
    }
    bool first = true;
    struct json_slice key;
    int more;
    while ((more = json_scan_member(scan, &first, &key, err)) == 1) {
        struct member *member = find_member(members, count, &key);
        if (member == NULL) {
            if (json_scan_skip(scan, NULL, err) < 0) {
                return -1;
            }
            continue;
        }
        if (member->seen) {
            return err_set(err, "%s: given twice", member->path);
        }
        member->seen = true;
        if (member->read(scan, member->path, member->target, err) < 0) {
            return -1;
        }
    }
    return more;
}

/* Whether the value is null; then it is consumed. A misspelt one is left for others to complain
 * about. */
static bool skip_null(struct json_scan *scan)
{
    return json_scan_peek(scan) == JSON_TYPE_NULL && json_scan_skip(scan, NULL, NULL) == 0;
}

static int read_optional_object(struct json_scan *scan, const char *path, struct member *members,
                                size_t count, struct err *err)
{
    return skip_null(scan) ? 0 : read_object(scan, path, members, count, err);
}

static int read_required_string(struct json_scan *scan, const char *path, void *target,
                                struct err *err)
{
    struct json_slice *slice = target;
    if (json_scan_peek(scan) != JSON_TYPE_STRING) {
        return wrong_type(scan, path, "a string", err);
    }
    if (json_scan_string(scan, slice, err) < 0) {
        return -1;
    }
    if (slice->length > EXTENDER_STRING_MAX) {
        return err_set(err, "%s: longer than %d bytes", path, EXTENDER_STRING_MAX);
    }
    return 0;
}

static int read_string(struct json_scan *scan, const char *path, void *target, struct err *err)
{
    return skip_null(scan) ? 0 : read_required_string(scan, path, target, err);
}

static int read_metadata(struct json_scan *scan, const char *path, void *target, struct err *err)
{
    struct extender_pod *pod = target;
    struct member members[] = {
        {"uid", "Pod.metadata.uid", read_string, &pod->uid, false},
        {"name", "Pod.metadata.name", read_string, &pod->name, false},
        {"namespace", "Pod.metadata.namespace", read_string, &pod->name_space, false},
    };
    return read_optional_object(scan, path, members, 3, err);
}

static int read_status(struct json_scan *scan, const char *path, void *target, struct err *err)
{
    struct extender_pod *pod = target;
    struct member members[] = {
        {"nominatedNodeName", "Pod.status.nominatedNodeName", read_string, &pod->nominated, false},
    };
    return read_optional_object(scan, path, members, 1, err);
}

static int read_pod(struct json_scan *scan, const char *path, void *target, struct err *err)
{
    struct extender_pod *pod = target;
    struct member members[] = {
        {"metadata", "Pod.metadata", read_metadata, pod, false},
        {"status", "Pod.status", read_status, pod, false},
    };
    json_scan_peek(scan); /* steps over white space */
    size_t start = scan->at;
    if (read_object(scan, path, members, 2, err) < 0) {
        return -1;
    }
    pod->text = (struct json_slice){.text = scan->text + start, .length = scan->at - start};
    return 0;
}

/* Slices in the order they came. */
struct slice_list {
    struct json_slice *slices;
    size_t count;
    size_t room;
    bool given; /* not null */
};

static void slice_list_add(struct slice_list *list, const struct json_slice *slice)
{
    if (list->count == list->room) {
        list->room = list->room == 0 ? 64 : list->room * 2;
        list->slices = alloc_resize(list->slices, list->room, sizeof(*list->slices));
    }
    list->slices[list->count++] = *slice;
}

/* Calls `read` for every element of an array; null is no element at all and leaves `given`.
 * `element` is what errors call the elements. */
static int read_array(struct json_scan *scan, const char *path, const char *element, bool *given,
                      int (*read)(struct json_scan *, const char *, void *, struct err *),
                      void *target, struct err *err)
{
    if (skip_null(scan)) {
        return 0;
    }
    if (json_scan_peek(scan) != JSON_TYPE_ARRAY) {
        return wrong_type(scan, path, "an array", err);
    }
    if (json_scan_enter(scan, JSON_TYPE_ARRAY, err) < 0) {
        return -1;
    }
    *given = true;
    bool first = true;
    size_t count = 0;
    int more;
    while ((more = json_scan_element(scan, &first, err)) == 1) {
        if (read(scan, element, target, err) < 0) {
            return err_prefix(err, "%s[%zu]", path, count);
        }
        count++;
    }
    return more;
}

static int slice_list_check(const struct slice_list *list, size_t maximum, const char *what,
                            struct err *err)
{
    return list->count < maximum ? 0 : err_set(err, "more than %zu %s", maximum, what);
}

static int read_node_name(struct json_scan *scan, const char *path, void *target, struct err *err)
{
    struct slice_list *names = target;
    struct json_slice name;
    if (slice_list_check(names, EXTENDER_NODES_MAX, "nodes", err) < 0 ||
        read_required_string(scan, path, &name, err) < 0) {
        return -1;
    }
    slice_list_add(names, &name);
    return 0;
}

static int read_node_names(struct json_scan *scan, const char *path, void *target, struct err *err)
{
    struct slice_list *names = target;
    return read_array(scan, path, "name", &names->given, read_node_name, names, err);
}

struct node_list {
    struct slice_list names;
    struct slice_list items;
};

static int read_node_metadata(struct json_scan *scan, const char *path, void *target,
                              struct err *err)
{
    struct member members[] = {{"name", "metadata.name", read_required_string, target, false}};
    return read_object(scan, path, members, 1, err);
}

static int read_node(struct json_scan *scan, const char *path, void *target, struct err *err)
{
    struct node_list *nodes = target;
    struct json_slice name = {.text = NULL};
    struct member members[] = {{"metadata", "metadata", read_node_metadata, &name, false}};
    if (slice_list_check(&nodes->items, EXTENDER_NODES_MAX, "nodes", err) < 0) {
        return -1;
    }
    json_scan_peek(scan); /* steps over white space */
    size_t start = scan->at;
    if (read_object(scan, path, members, 1, err) < 0) {
        return -1;
    }
    if (name.text == NULL) {
        return err_set(err, "metadata.name: is missing");
    }
    struct json_slice item = {.text = scan->text + start, .length = scan->at - start};
    slice_list_add(&nodes->names, &name);
    slice_list_add(&nodes->items, &item);
    return 0;
}

static int read_items(struct json_scan *scan, const char *path, void *target, struct err *err)
{
    struct node_list *nodes = target;
    return read_array(scan, path, "Node", &nodes->items.given, read_node, nodes, err);
}

/* A NodeList; one whose items are null or absent is an empty list all the same. */
static int read_nodes(struct json_scan *scan, const char *path, void *target, struct err *err)
{
    struct node_list *nodes = target;
    struct member members[] = {{"items", "Nodes.items", read_items, nodes, false}};
    if (skip_null(scan)) {
        return 0;
    }
    nodes->items.given = true;
    return read_object(scan, path, members, 1, err);
}

static int read_body(const char *body, size_t length, struct member *members, size_t count,
                     struct err *err)
{
    struct json_scan scan;
    json_scan_init(&scan, body, length);
    scan.takes_nul = true;
    if (read_object(&scan, "body", members, count, err) < 0) {
        return -1;
    }
    return json_scan_finish(&scan, err);
}

static int require_pod(const struct extender_pod *pod, struct err *err)
{
    return pod->text.text == NULL ? err_set(err, "Pod: must be an object") : 0;
}

int extender_args_decode(const char *body, size_t length, struct extender_args *args,
                         struct err *err)
{
    struct slice_list names = {.slices = NULL};
    struct node_list nodes = {.names = {.slices = NULL}};
    memset(args, 0, sizeof(*args));
    struct member members[] = {
        {"Pod", "Pod", read_pod, &args->pod, false},
        {"Nodes", "Nodes", read_nodes, &nodes, false},
        {"NodeNames", "NodeNames", read_node_names, &names, false},
    };
    if (read_body(body, length, members, 3, err) < 0 || require_pod(&args->pod, err) < 0) {
        free(names.slices);
        free(nodes.names.slices);
        free(nodes.items.slices);
        memset(args, 0, sizeof(*args));
        return -1;
    }
    args->form = EXTENDER_NEITHER;
    if (names.given) {
        args->form = EXTENDER_NODE_NAMES;
        args->names = names.slices;
        args->count = names.count;
        free(nodes.names.slices);
        free(nodes.items.slices);
    } else if (nodes.items.given) {
        args->form = EXTENDER_NODES;
        args->names = nodes.names.slices;
        args->items = nodes.items.slices;
        args->count = nodes.items.count;
    }
    return 0;
}

void extender_args_finish(struct extender_args *args)
{
    free(args->names);
    free(args->items);
    memset(args, 0, sizeof(*args));
}

int extender_binding_args_decode(const char *body, size_t length,
                                 struct extender_binding_args *args, struct err *err)
{
    memset(args, 0, sizeof(*args));
    struct member members[] = {
        {"PodName", "PodName", read_string, &args->pod_name, false},
        {"PodNamespace", "PodNamespace", read_string, &args->pod_namespace, false},
        {"PodUID", "PodUID", read_string, &args->pod_uid, false},
        {"Node", "Node", read_string, &args->node, false},
    };
    return read_body(body, length, members, 4, err);
}

/* One of the two maps of a preemption call. While it is read, nodes only count their victims; the
 * UIDs of all stand one after the other in `uids`. */
struct victim_map {
    int (*read_victim)(struct json_scan *, const char *, void *, struct err *);
    struct extender_victim_node *nodes;
    size_t count;
    size_t room;
    struct slice_list uids;
    bool given;
};

static int add_victim(struct victim_map *map, const struct json_slice *uid, struct err *err)
{
    if (uid->length == 0) {
        return err_set(err, "the UID is missing");
    }
    if (slice_list_check(&map->uids, EXTENDER_VICTIMS_MAX, "victims", err) < 0) {
        return -1;
    }
    slice_list_add(&map->uids, uid);
    map->nodes[map->count - 1].count++;
    return 0;
}

static int read_meta_victim(struct json_scan *scan, const char *path, void *target, struct err *err)
{
    struct json_slice uid = {.text = NULL};
    struct member members[] = {{"UID", "UID", read_string, &uid, false}};
    if (skip_null(scan)) {
        return 0;
    }
    return read_object(scan, path, members, 1, err) < 0 ? -1 : add_victim(target, &uid, err);
}

static int read_victim_metadata(struct json_scan *scan, const char *path, void *target,
                                struct err *err)
{
    struct member members[] = {{"uid", "metadata.uid", read_string, target, false}};
    return read_optional_object(scan, path, members, 1, err);
}

static int read_full_victim(struct json_scan *scan, const char *path, void *target, struct err *err)
{
    struct json_slice uid = {.text = NULL};
    struct member members[] = {{"metadata", "metadata", read_victim_metadata, &uid, false}};
    if (skip_null(scan)) {
        return 0;
    }
    return read_object(scan, path, members, 1, err) < 0 ? -1 : add_victim(target, &uid, err);
}

static int read_victim_pods(struct json_scan *scan, const char *path, void *target, struct err *err)
{
    struct victim_map *map = target;
    bool given = false;
    return read_array(scan, path, "Pod", &given, map->read_victim, map, err);
}

static int read_integer(struct json_scan *scan, const char *path, void *target, struct err *err)
{
    long long *value = target;
    struct json_slice text;
    char digits[24] = "";
    if (skip_null(scan)) {
        return 0;
    }
    if (json_scan_peek(scan) != JSON_TYPE_NUMBER) {
        return wrong_type(scan, path, "an integer", err);
    }
    if (json_scan_skip(scan, &text, err) < 0) {
        return -1;
    }
    char *end = digits;
    errno = 0;
    if (text.length < sizeof(digits)) {
        memcpy(digits, text.text, text.length);
        *value = strtoll(digits, &end, 10);
    }
    if (end == digits || *end != '\0' || errno != 0) {
        return err_set(err, "%s: must be an integer of 64 bits", path);
    }
    return 0;
}

static int read_victims(struct json_scan *scan, struct victim_map *map, struct err *err)
{
    struct member members[] = {
        {"Pods", "Pods", read_victim_pods, map, false},
        {"NumPDBViolations", "NumPDBViolations", read_integer,
         &map->nodes[map->count - 1].violations, false},
    };
    return read_optional_object(scan, "Victims", members, 2, err);
}

static int read_victim_node(struct json_scan *scan, const struct json_slice *node,
                            struct victim_map *map, struct err *err)
{
    if (map->count == EXTENDER_NODES_MAX) {
        return err_set(err, "more than %u nodes", EXTENDER_NODES_MAX);
    }
    if (node->length > EXTENDER_STRING_MAX) {
        return err_set(err, "a node name longer than %d bytes", EXTENDER_STRING_MAX);
    }
    map->nodes = alloc_grow(map->nodes, &map->room, map->count + 1, sizeof(*map->nodes));
    map->nodes[map->count++] = (struct extender_victim_node){.node = *node};
    if (read_victims(scan, map, err) < 0) {
        return err_prefix(err, "%.*s", (int)node->length, node->text);
    }
    return 0;
}

/* Gives every node its part of the UIDs. */
static void share_uids(struct victim_map *map)
{
    struct json_slice *uids = map->uids.slices;
    for (size_t i = 0; i < map->count; i++) {
        if (map->nodes[i].count > 0) {
            map->nodes[i].uids = uids;
            uids += map->nodes[i].count;
        }
    }
}

static int refuse_repeated_nodes(const struct victim_map *map, const char *path, struct err *err)
{
    struct slice_list names = {.slices = NULL};
    struct slice_set set;
    int result = 0;
    for (size_t i = 0; i < map->count; i++) {
        slice_list_add(&names, &map->nodes[i].node);
    }
    slice_set_init(&set, names.slices, names.count);
    for (size_t i = 0; i < names.count && result == 0; i++) {
        if (!slice_set_add(&set, i)) {
            const struct json_slice *name = &names.slices[i];
            result = err_set(err, "%s.%.*s: given twice", path, (int)name->length, name->text);
        }
    }
    slice_set_finish(&set);
    free(names.slices);
    return result;
}

static int read_victim_map(struct json_scan *scan, const char *path, void *target, struct err *err)
{
    struct victim_map *map = target;
    if (skip_null(scan)) {
        return 0;
    }
    if (json_scan_peek(scan) != JSON_TYPE_OBJECT) {
        return wrong_type(scan, path, "an object", err);
    }
    if (json_scan_enter(scan, JSON_TYPE_OBJECT, err) < 0) {
        return -1;
    }
    map->given = true;
    bool first = true;
    struct json_slice node;
    int more;
    while ((more = json_scan_member(scan, &first, &node, err)) == 1) {
        if (read_victim_node(scan, &node, map, err) < 0) {
            return err_prefix(err, "%s", path);
        }
    }
    share_uids(map);
    return more < 0 ? -1 : refuse_repeated_nodes(map, path, err);
}

static void victim_map_finish(struct victim_map *map)
{
    free(map->nodes);
    free(map->uids.slices);
}

int extender_preemption_args_decode(const char *body, size_t length,
                                    struct extender_preemption_args *args, struct err *err)
{
    struct victim_map meta = {.read_victim = read_meta_victim};
    struct victim_map full = {.read_victim = read_full_victim};
    memset(args, 0, sizeof(*args));
    struct member members[] = {
        {"Pod", "Pod", read_pod, &args->pod, false},
        {"NodeNameToMetaVictims", "NodeNameToMetaVictims", read_victim_map, &meta, false},
        {"NodeNameToVictims", "NodeNameToVictims", read_victim_map, &full, false},
    };
    if (read_body(body, length, members, 3, err) < 0 || require_pod(&args->pod, err) < 0) {
        victim_map_finish(&meta);
        victim_map_finish(&full);
        memset(args, 0, sizeof(*args));
        return -1;
    }
    struct victim_map *taken = meta.given ? &meta : &full;
    args->nodes = taken->nodes;
    args->count = taken->count;
    args->uid_store = taken->uids.slices;
    victim_map_finish(meta.given ? &full : &meta);
    return 0;
}

void extender_preemption_args_finish(struct extender_preemption_args *args)
{
    free(args->nodes);
    free(args->uid_store);
    memset(args, 0, sizeof(*args));
}
