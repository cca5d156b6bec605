// SPDX-License-Identifier: Apache-2.0
#include "api/import/import.h"

#include <stdlib.h>
#include <string.h>

#include "api/base/file.h"
#include "api/import/hypernode.h"
#include "api/import/kueue_topology.h"
#include "api/import/slurm_conf.h"
#include "api/import/slurm_yaml.h"
#include "api/yaml/yaml.h"

/* Looks at what there is and passes it on to the importer that knows it. A file has to hold a
 * topology; a snapshot may.
 */

#define LIST_DEPTH_MAX 4

/* The objects of a snapshot or a file that say something about topology. */
struct found {
    json_t *topologies;
    json_t *hypernodes;
};

bool import_is_topology(const json_t *object)
{
    return kueue_topology_is(object) || hypernode_is(object);
}

static void collect(const json_t *object, struct found *found, int depth)
{
    const json_t *items = json_object_get(object, "items");
    if (kueue_topology_is(object)) {
        json_array_append(found->topologies, (json_t *)(uintptr_t)object);
    } else if (hypernode_is(object)) {
        json_array_append(found->hypernodes, (json_t *)(uintptr_t)object);
    } else if (depth > 0) {
        for (size_t i = 0; i < json_array_size(items); i++) {
            collect(json_array_get(items, i), found, depth - 1);
        }
    }
}

/* Kueue's list unless only labels are wanted, which it has none of. */
static int choose(const struct found *found, bool only_labels, struct overlay **overlay,
                  struct err *err)
{
    bool kueue = json_array_size(found->topologies) > 0 && !only_labels;
    bool volcano = json_array_size(found->hypernodes) > 0;
    *overlay = NULL;
    if (kueue && volcano) {
        return err_set(err, "there are both Topology and HyperNode objects; say which levels count "
                            "in topology.levels");
    }
    if (kueue) {
        return kueue_topology_load(found->topologies, overlay, err);
    }
    return volcano ? hypernode_load(found->hypernodes, overlay, err) : 0;
}

static int from_documents(const json_t *documents, bool only_labels, struct overlay **overlay,
                          struct err *err)
{
    struct found found = {json_array(), json_array()};
    for (size_t i = 0; i < json_array_size(documents); i++) {
        collect(json_array_get(documents, i), &found, LIST_DEPTH_MAX);
    }
    int result = choose(&found, only_labels, overlay, err);
    json_decref(found.topologies);
    json_decref(found.hypernodes);
    return result;
}

int import_documents(const json_t *documents, struct overlay **overlay, struct err *err)
{
    return from_documents(documents, false, overlay, err);
}

int import_parse(const char *text, size_t length, struct overlay **overlay, struct err *err)
{
    if (slurm_conf_is(text, length)) {
        return slurm_conf_load(text, length, overlay, err);
    }
    json_t *documents = yaml_load(text, length, err);
    if (documents == NULL) {
        return -1;
    }
    int result;
    if (slurm_yaml_is(json_array_get(documents, 0))) {
        result = json_array_size(documents) == 1
                     ? slurm_yaml_load(json_array_get(documents, 0), overlay, err)
                     : err_set(err, "a topology.yaml has one document");
    } else {
        result = import_documents(documents, overlay, err);
        if (result == 0 && *overlay == NULL) {
            result = err_set(err, "holds no topology: neither Slurm's topology.conf or "
                                  "topology.yaml, nor Topology or HyperNode objects");
        }
    }
    json_decref(documents);
    return result;
}

int import_load(const char *path, struct overlay **overlay, struct err *err)
{
    size_t length = 0;
    char *text = file_read(path, IMPORT_FILE_MAX, &length, err);
    int result = text == NULL ? -1 : import_parse(text, length, overlay, err);
    free(text);
    return result < 0 ? err_prefix(err, "%s", path) : 0;
}

/* Whether a level is known by labels that only an overlay gives. */
static bool wants_overlay(const struct levels *levels)
{
    for (uint32_t i = 0; i < levels->count; i++) {
        for (uint32_t k = 0; k < levels->items[i].key_count; k++) {
            if (strncmp(levels->items[i].keys[k], OVERLAY_KEY_PREFIX, strlen(OVERLAY_KEY_PREFIX)) ==
                0) {
                return true;
            }
        }
    }
    return false;
}

int import_configured(struct config *config, const json_t *objects, struct overlay **overlay,
                      struct err *err)
{
    *overlay = NULL;
    if (config->topology_import[0] != '\0') {
        if (import_load(config->topology_import, overlay, err) < 0) {
            return err_prefix(err, "topology.import");
        }
    } else if (objects == NULL || (config->levels_given && !wants_overlay(&config->levels))) {
        return 0;
    } else if (from_documents(objects, config->levels_given, overlay, err) < 0) {
        return -1;
    }
    if (*overlay != NULL && !config->levels_given) {
        config->levels = *overlay_levels(*overlay);
        config->preset = NULL;
    }
    return 0;
}
