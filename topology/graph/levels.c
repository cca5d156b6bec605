// SPDX-License-Identifier: Apache-2.0
#include "topology/graph/levels.h"

#include <stdbool.h>
#include <string.h>

#include "topology/graph/presets.h"

/* The list of levels: filled by levels_add() and levels_add_key() in the order of the
 * configuration or of a table in presets.c, and closed by levels_finish().
 *
 * Invariants: names are distinct, keys are distinct over all levels, the host is last.
 */

void levels_init(struct levels *levels)
{
    memset(levels, 0, sizeof *levels);
}

void levels_preset(struct levels *levels)
{
    (void)levels_presets_load(levels, LEVELS_PRESET_DEFAULT, NULL);
}

static bool has_key(const struct level *level, const char *key)
{
    for (uint32_t k = 0; k < level->key_count; k++) {
        if (strcmp(level->keys[k], key) == 0) {
            return true;
        }
    }
    return false;
}

static bool ends_with_host(const struct levels *levels)
{
    return levels->count > 0 && strcmp(levels->items[levels->count - 1].name, LEVEL_HOST) == 0;
}

int levels_add(struct levels *levels, const char *name, struct err *err)
{
    size_t length = strlen(name);
    if (length == 0 || length > LEVEL_NAME_MAX) {
        return err_set(err, "level name \"%.80s\" must have 1 to %d bytes", name, LEVEL_NAME_MAX);
    }
    if (strcmp(name, LEVEL_CLUSTER) == 0) {
        return err_set(err, "level name \"%s\" is taken: it means the whole cluster", name);
    }
    for (uint32_t i = 0; i < levels->count; i++) {
        if (strcmp(levels->items[i].name, name) == 0) {
            return err_set(err, "level \"%s\" is listed twice", name);
        }
    }
    if (ends_with_host(levels)) {
        return err_set(err, "level \"%s\" is listed below \"%s\", which must be the last one", name,
                       LEVEL_HOST);
    }
    /* One place is kept for the host. */
    if (levels->count + (strcmp(name, LEVEL_HOST) != 0) >= LEVELS_MAX) {
        return err_set(err, "level \"%s\" is one too many: at most %d, \"%s\" included", name,
                       LEVELS_MAX, LEVEL_HOST);
    }
    memcpy(levels->items[levels->count].name, name, length + 1);
    levels->items[levels->count].key_count = 0;
    levels->count++;
    return 0;
}

int levels_add_key(struct levels *levels, const char *key, struct err *err)
{
    if (levels->count == 0) {
        return err_set(err, "label key \"%.320s\" is given before any level", key);
    }
    struct level *level = &levels->items[levels->count - 1];
    size_t length = strlen(key);
    if (length == 0 || length > LEVEL_KEY_MAX) {
        return err_set(err, "level \"%s\": label key \"%.320s\" must have 1 to %d bytes",
                       level->name, key, LEVEL_KEY_MAX);
    }
    for (uint32_t i = 0; i < levels->count; i++) {
        if (has_key(&levels->items[i], key)) {
            return err_set(err, "level \"%s\": label key \"%s\" already means level \"%s\"",
                           level->name, key, levels->items[i].name);
        }
    }
    if (level->key_count == LEVEL_KEYS_MAX) {
        return err_set(err, "level \"%s\": label key \"%s\" is one too many: at most %d",
                       level->name, key, LEVEL_KEYS_MAX);
    }
    memcpy(level->keys[level->key_count], key, length + 1);
    level->key_count++;
    return 0;
}

int levels_finish(struct levels *levels, struct err *err)
{
    for (uint32_t i = 0; i < levels->count; i++) {
        const struct level *level = &levels->items[i];
        if (strcmp(level->name, LEVEL_HOST) == 0) {
            continue;
        }
        if (level->key_count == 0) {
            return err_set(err, "level \"%s\" has no label key", level->name);
        }
        if (has_key(level, LEVEL_HOST_KEY)) {
            return err_set(err, "level \"%s\": label key \"%s\" means level \"%s\"", level->name,
                           LEVEL_HOST_KEY, LEVEL_HOST);
        }
    }
    if (!ends_with_host(levels)) {
        (void)levels_add(levels, LEVEL_HOST, NULL);
    }
    if (levels->items[levels->count - 1].key_count == 0) {
        (void)levels_add_key(levels, LEVEL_HOST_KEY, NULL);
    }
    return 0;
}

int levels_find(const struct levels *levels, const char *name_or_key)
{
    for (uint32_t i = 0; i < levels->count; i++) {
        if (strcmp(levels->items[i].name, name_or_key) == 0) {
            return (int)i;
        }
    }
    for (uint32_t i = 0; i < levels->count; i++) {
        if (has_key(&levels->items[i], name_or_key)) {
            return (int)i;
        }
    }
    return -1;
}
