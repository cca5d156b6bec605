// SPDX-License-Identifier: Apache-2.0
#include "api/kube/objects/labels.h"

/* One loop over one map; it has a file of its own because nodes and pods both need it and neither
 * knows the other.
 */

int labels_decode(const struct field *up, const char *name, size_t limit, bool cut,
                  struct arena *arena, const struct label_object **labels, size_t *count,
                  struct err *err)
{
    struct field map;
    if (field_object(up, name, &map, err) != 0) {
        return -1;
    }
    size_t size = map.json == NULL ? 0 : json_object_size(map.json);
    if (size > limit && !cut) {
        return field_fail(&map, err, "%zu entries are more than the limit of %zu", size, limit);
    }
    size = size < limit ? size : limit;
    struct label_object *kept = arena_alloc(arena, size, sizeof *kept);
    *labels = kept;
    *count = size;
    if (size == 0) {
        return 0;
    }
    const char *key = NULL;
    json_t *value = NULL;
    /* The iteration functions take a plain pointer; nothing is changed. */
    json_object_foreach((json_t *)(uintptr_t)map.json, key, value)
    {
        if (kept == *labels + size) {
            break;
        }
        if (field_text(value) == NULL) {
            return field_fail(&map, err, "the value of %s is not a string", key);
        }
        kept->key = arena_string(arena, key);
        kept->value = arena_string(arena, field_text(value));
        kept++;
    }
    return 0;
}
