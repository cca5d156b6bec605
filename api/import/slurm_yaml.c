// SPDX-License-Identifier: Apache-2.0
#include "api/import/slurm_yaml.h"

#include <string.h>

#include "api/import/slurm_topology.h"
#include "api/json/fields.h"

/* Picks one topology of the list and tells it to slurm_topology, which knows all the rest. Fields
 * are read with the same functions as Kubernetes objects are: both are JSON with paths in errors.
 */

static const char *const kinds[] = {"tree", "block", "flat", "ring", "torus3d"};
enum { TREE, BLOCK, FLAT, RING, TORUS, KINDS };

/* Fails when an object has a member whose name is not listed. */
static int check_members(const struct field *object, const char *const *known, struct err *err)
{
    const char *name;
    json_t *value;
    /* The iteration functions take a plain pointer; nothing is changed. */
    json_object_foreach((json_t *)(uintptr_t)object->json, name, value)
    {
        size_t i = 0;
        while (known[i] != NULL && strcmp(known[i], name) != 0) {
            i++;
        }
        if (known[i] == NULL) {
            return field_fail(object, err, "%.80s: unknown key", name);
        }
    }
    return 0;
}

/* A member that is a text which is not empty; absent is NULL. */
static int read_text(const struct field *object, const char *name, struct slurm_text *text,
                     struct err *err)
{
    const char *value;
    if (field_string(object, name, &value, err) != 0) {
        return -1;
    }
    if (value != NULL && value[0] == '\0') {
        return field_fail(object, err, "%s is empty", name);
    }
    *text = (struct slurm_text){value, value == NULL ? 0 : strlen(value)};
    return 0;
}

static int read_switch(struct slurm_topology *topology, const struct field *item, struct err *err)
{
    static const char *const known[] = {"switch", "children", "nodes", NULL};
    struct slurm_text name = {NULL, 0};
    struct slurm_text nodes = {NULL, 0};
    struct slurm_text children = {NULL, 0};
    if (check_members(item, known, err) < 0 || read_text(item, "switch", &name, err) < 0 ||
        read_text(item, "nodes", &nodes, err) < 0 ||
        read_text(item, "children", &children, err) < 0) {
        return -1;
    }
    if (name.text == NULL) {
        return field_fail(item, err, "switch is missing");
    }
    return slurm_topology_switch(topology, item->index, name, nodes, children, err);
}

static int read_block(struct slurm_topology *topology, const struct field *item, struct err *err)
{
    static const char *const known[] = {"block", "nodes", NULL};
    struct slurm_text name = {NULL, 0};
    struct slurm_text nodes = {NULL, 0};
    if (check_members(item, known, err) < 0 || read_text(item, "block", &name, err) < 0 ||
        read_text(item, "nodes", &nodes, err) < 0) {
        return -1;
    }
    if (name.text == NULL) {
        return field_fail(item, err, "block is missing");
    }
    return slurm_topology_block(topology, item->index, name, nodes, err);
}

static int read_items(struct slurm_topology *topology, const struct field *kind, const char *name,
                      int (*read)(struct slurm_topology *, const struct field *, struct err *),
                      struct err *err)
{
    struct field list;
    if (field_array(kind, name, &list, err) != 0) {
        return -1;
    }
    for (size_t i = 0; i < field_count(&list); i++) {
        struct field item;
        if (field_element(&list, i, &item, err) != 0 || read(topology, &item, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int read_sizes(struct slurm_topology *topology, const struct field *block, struct err *err)
{
    struct field list;
    if (field_array(block, "block_sizes", &list, err) != 0) {
        return -1;
    }
    for (size_t i = 0; i < field_count(&list); i++) {
        const json_t *size = json_array_get(list.json, i);
        if (!json_is_integer(size)) {
            return field_fail(&list, err, "size %zu is not a whole number", i);
        }
        if (slurm_topology_block_size(topology, json_integer_value(size), err) < 0) {
            return err_prefix(err, "block.block_sizes[%zu]", i);
        }
    }
    return 0;
}

static int read_tree(const struct field *root, struct overlay **overlay, struct err *err)
{
    static const char *const known[] = {"switches", NULL};
    struct field tree;
    struct slurm_topology *topology = slurm_topology_create("tree.switches[", "]");
    int result = -1;
    if (field_object(root, kinds[TREE], &tree, err) == 0 && check_members(&tree, known, err) == 0 &&
        read_items(topology, &tree, "switches", read_switch, err) == 0) {
        result = slurm_topology_overlay(topology, overlay, err);
    }
    slurm_topology_destroy(topology);
    return result;
}

static int read_blocks(const struct field *root, struct overlay **overlay, struct err *err)
{
    static const char *const known[] = {"block_sizes", "blocks", NULL};
    struct field block;
    struct slurm_topology *topology = slurm_topology_create("block.blocks[", "]");
    int result = -1;
    if (field_object(root, kinds[BLOCK], &block, err) == 0 &&
        check_members(&block, known, err) == 0 && read_sizes(topology, &block, err) == 0 &&
        read_items(topology, &block, "blocks", read_block, err) == 0) {
        result = slurm_topology_overlay(topology, overlay, err);
    }
    slurm_topology_destroy(topology);
    return result;
}

static int read_flat(const struct field *root, struct overlay **overlay, struct err *err)
{
    bool flat = false;
    if (field_bool(root, kinds[FLAT], &flat, err) != 0) {
        return -1;
    }
    if (!flat) {
        return field_fail(root, err, "flat must be true");
    }
    struct overlay *made = overlay_create();
    if (overlay_finish(made, err) < 0) {
        overlay_destroy(made);
        return -1;
    }
    *overlay = made;
    return 0;
}

static int read_topology(const struct field *root, struct overlay **overlay, struct err *err)
{
    static const char *const known[] = {"topology", "cluster_default", "tree", "block", "flat",
                                        "ring",     "torus3d",         NULL};
    int kind = KINDS;
    if (check_members(root, known, err) < 0) {
        return -1;
    }
    for (int i = 0; i < KINDS; i++) {
        const json_t *value = json_object_get(root->json, kinds[i]);
        if (value == NULL || json_is_null(value) || (i == FLAT && json_is_false(value))) {
            continue;
        }
        if (kind != KINDS) {
            return field_fail(root, err, "both %s and %s", kinds[kind], kinds[i]);
        }
        kind = i;
    }
    switch (kind) {
    case TREE:
        return read_tree(root, overlay, err);
    case BLOCK:
        return read_blocks(root, overlay, err);
    case FLAT:
        return read_flat(root, overlay, err);
    case KINDS:
        return field_fail(root, err, "one of tree, block and flat is required");
    default:
        return field_fail(root, err, "%s is not supported", kinds[kind]);
    }
}

bool slurm_yaml_is(const json_t *document)
{
    return json_is_object(json_array_get(document, 0)) &&
           json_object_get(json_array_get(document, 0), "topology") != NULL;
}

int slurm_yaml_load(const json_t *document, struct overlay **overlay, struct err *err)
{
    const json_t *chosen = json_array_get(document, 0);
    const char *name;
    struct field root;
    for (size_t i = json_array_size(document); i-- > 0;) {
        bool is_default = false;
        if (field_root(json_array_get(document, i), &root, err) != 0 ||
            field_name(&root, "topology", &name, err) != 0 ||
            field_bool(&root, "cluster_default", &is_default, err) != 0) {
            return err_prefix(err, "topology %zu of the list", i + 1);
        }
        chosen = is_default ? root.json : chosen;
    }
    if (field_root(chosen, &root, err) != 0 || field_name(&root, "topology", &name, err) != 0) {
        return -1;
    }
    return read_topology(&root, overlay, err) < 0 ? err_prefix(err, "topology %.100s", name) : 0;
}
