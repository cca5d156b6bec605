// SPDX-License-Identifier: Apache-2.0
#include "api/ops/config_describe.h"

#include "api/ops/config_lease.h"
#include "api/ops/config_server.h"
#include "api/ops/duration.h"

/* The configuration written back, one function per section of the file. What is printed can be
 * read again and means the same; test_config.c holds every key to that.
 */

static json_t *duration_json(int64_t milliseconds)
{
    char text[DURATION_TEXT_MAX];
    return json_string(duration_text(milliseconds, text, sizeof text));
}

static json_t *kubernetes_describe(const struct config *config)
{
    json_t *schedulers = json_array();
    for (uint32_t i = 0; i < config->scheduler_count; i++) {
        json_array_append_new(schedulers, json_string(config->scheduler_names[i]));
    }
    return json_pack("{s:s, s:o, s:s, s:I, s:o, s:o, s:s, s:s}", "kubeconfig", config->kubeconfig,
                     "schedulerNames", schedulers, "steering", config_steerings[config->steering],
                     "writesInFlight", (json_int_t)config->writes_in_flight, "writePatience",
                     duration_json(config->write_patience_ms), "watchPatience",
                     duration_json(config->watch_patience_ms), "lists", config_lists[config->lists],
                     "compression", config_compressions[config->compression]);
}

static json_t *levels_describe(const struct levels *levels)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < levels->count; i++) {
        const struct level *level = &levels->items[i];
        json_t *keys = json_array();
        for (uint32_t k = 0; k < level->key_count; k++) {
            json_array_append_new(keys, json_string(level->keys[k]));
        }
        json_array_append_new(list, json_pack("{s:s, s:o}", "name", level->name, "keys", keys));
    }
    return list;
}

static json_t *topology_describe(const struct config *config)
{
    json_t *topology = json_object();
    if (config->topology_import[0] != '\0') {
        json_object_set_new(topology, "import", json_string(config->topology_import));
        return topology;
    }
    if (config->preset != NULL) {
        json_object_set_new(topology, "preset", json_string(config->preset));
    }
    json_object_set_new(topology, "levels", levels_describe(&config->levels));
    return topology;
}

static json_t *gangs_describe(const struct config *config)
{
    return json_pack("{s:o, s:{s:o, s:o}, s:{s:o, s:s}, s:s}", "holdTimeout",
                     duration_json(config->hold_timeout_ms), "backoff", "initial",
                     duration_json(config->backoff_initial_ms), "maximum",
                     duration_json(config->backoff_maximum_ms), "repair", "timeout",
                     duration_json(config->repair_timeout_ms), "onTimeout",
                     config_incomplete_policies[config->incomplete], "elasticPreference",
                     config_preferences[config->preference]);
}

static json_t *limits_describe(const struct config *config)
{
    return json_pack("{s:I, s:I}", "gangsPerNamespace", (json_int_t)config->tenant_gangs,
                     "holdsPerNamespace", (json_int_t)config->tenant_holds);
}

static json_t *journal_describe(const struct config *config)
{
    return json_pack("{s:s, s:I, s:I, s:o, s:s}", "directory", config->journal_directory,
                     "segmentSize", (json_int_t)config->journal_segment_size, "keepSize",
                     (json_int_t)config->journal_keep_size, "keepAge",
                     duration_json(config->journal_keep_age_ms), "compression",
                     config_journal_compressions[config->journal_compression]);
}

static json_t *log_describe(const struct config *config)
{
    return json_pack("{s:s, s:s}", "level", log_levels[config->log_level], "format",
                     log_formats[config->log_format]);
}

json_t *config_describe(const struct config *config)
{
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "apiVersion",
                     CONFIG_API_VERSION, "kind", CONFIG_KIND, "server",
                     config_server_describe(config), "kubernetes", kubernetes_describe(config),
                     "topology", topology_describe(config), "gangs", gangs_describe(config),
                     "limits", limits_describe(config), "journal", journal_describe(config),
                     "highAvailability", config_lease_describe(config), "log",
                     log_describe(config));
}
