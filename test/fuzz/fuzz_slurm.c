// SPDX-License-Identifier: Apache-2.0
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/import/hostlist.h"
#include "api/import/slurm_conf.h"

/* Any text is a hostlist and a topology.conf, or is refused with a reason. A hostlist tells as many
 * names as it counts, each of them a name; a topology has levels, and labels every node it names.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct told {
    uint32_t count;
};

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static int visit(void *context, const char *name, size_t length, struct err *err)
{
    struct told *told = context;
    (void)err;
    require(length > 0 && length <= HOSTLIST_NAME_MAX && strlen(name) == length);
    require(strpbrk(name, "[], ") == NULL);
    told->count++;
    return 0;
}

static void check_hostlist(const char *text, size_t size)
{
    struct err err = {.text = ""};
    struct told told = {.count = 0};
    uint32_t count;
    if (hostlist_count(text, size, &count, &err) < 0) {
        require(err.text[0] != '\0');
        require(hostlist_expand(text, size, visit, &told, NULL) == -1 && told.count == 0);
        return;
    }
    require(count > 0 && count <= HOSTLIST_NAMES_MAX);
    require(hostlist_expand(text, size, visit, &told, &err) == 0 && told.count == count);
}

static void check_topology(const char *text, size_t size)
{
    struct err err = {.text = ""};
    struct overlay *overlay = NULL;
    (void)slurm_conf_is(text, size);
    if (slurm_conf_load(text, size, &overlay, &err) < 0) {
        require(err.text[0] != '\0' && overlay == NULL);
        return;
    }
    const struct levels *levels = overlay_levels(overlay);
    struct arena arena;
    struct node_object node = {.name = "tux1"};
    arena_init(&arena);
    require(levels->count >= 2 && levels->count <= LEVELS_MAX);
    require(overlay_apply(overlay, &arena, &node, &err) == 0);
    require(node.label_count == 0 || node.label_count == levels->count - 1);
    for (size_t i = 0; i < node.label_count; i++) {
        require(node.labels[i].value[0] != '\0');
        require(strcmp(node.labels[i].key, levels->items[levels->count - 2 - i].keys[0]) == 0);
    }
    arena_finish(&arena);
    overlay_destroy(overlay);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_hostlist((const char *)data, size);
    check_topology((const char *)data, size);
    return 0;
}
