// SPDX-License-Identifier: Apache-2.0
#include "api/ops/config.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/base/file.h"
#include "api/journal/recorder.h"
#include "api/ops/config_lease.h"
#include "api/ops/config_server.h"
#include "api/ops/config_values.h"
#include "api/ops/duration.h"
#include "api/yaml/yaml.h"
#include "topology/base/alloc.h"
#include "topology/base/utf8.h"
#include "topology/graph/presets.h"

/* The configuration file, read strictly.
 *
 * The tables near the end say which keys each mapping may hold, of what type they are, and where
 * their value goes. A key that is in no table is an error with its whole path, and so is a value of
 * the wrong type or out of range: a misspelt timeout that silently stays at its default is found in
 * the next outage. `null` is the same as leaving a key out. What depends on two keys is checked
 * when all are read.
 *
 * Reading works on a copy, which replaces the caller's configuration only when all of it was good.
 */

#define KEY_PATH_MAX 160
#define NOT_KEPT     SIZE_MAX

/* What a key holds: a mapping (`members`), a number or a duration inside a range, one word of
 * `choices` (whose place in the list is kept), or whatever `read` makes of it. Values go to
 * `offset` of struct config. */
enum key_type { KEY_MAPPING, KEY_COUNT, KEY_DURATION, KEY_CHOICE, KEY_READ };

struct key {
    const char *name;
    enum key_type type;
    size_t offset;
    int64_t minimum, maximum;
    const char *const *choices; /* ends with NULL */
    const struct key *members;  /* ends with a key without a name */
    int (*read)(struct config *config, const json_t *value, const char *path, struct err *err);
};

const char *const config_lists[] = {"stream", "pages", NULL};
const char *const config_compressions[] = {"gzip", "none", NULL};
const char *const config_journal_compressions[] = {"zstd", "none", NULL};
const char *const config_steerings[] = {"nomination", "annotation", NULL};
const char *const config_incomplete_policies[] = {"keep", "evict", NULL};
const char *const config_preferences[] = {"members", "placement", NULL};
static const char *const api_versions[] = {CONFIG_API_VERSION, NULL};
static const char *const kinds[] = {CONFIG_KIND, NULL};

void config_default(struct config *config)
{
    memset(config, 0, sizeof *config);
    config_server_default(config);
    snprintf(config->scheduler_names[0], CONFIG_NAME_MAX, "phalanx");
    config->scheduler_count = 1;
    config->writes_in_flight = 64;
    config->write_patience_ms = 10000;
    config->watch_patience_ms = 60000;
    config->preset = levels_presets_find(LEVELS_PRESET_DEFAULT);
    levels_preset(&config->levels);
    config->hold_timeout_ms = 30000;
    config->backoff_initial_ms = 1000;
    config->backoff_maximum_ms = 60000;
    config->repair_timeout_ms = 300000;
    config->incomplete = ENGINE_INCOMPLETE_KEEP;
    config->preference = ENGINE_PREFER_MEMBERS;
    config->tenant_gangs = 10000;
    config->tenant_holds = 1000;
    config->journal_segment_size = 64 << 20;
    config->journal_keep_size = INT64_C(4) << 30;
    config->journal_keep_age_ms = INT64_C(14) * 24 * 3600000;
    config->journal_compression = CONFIG_ZSTD;
    config_lease_default(config);
    config->log_level = LOG_INFO;
    config->log_format = LOG_JSON;
}

static int read_count(struct config *config, const struct key *key, const json_t *value,
                      const char *path, struct err *err)
{
    if (!json_is_integer(value)) {
        return config_values_wrong_type(value, path, "a whole number", err);
    }
    int64_t number = json_integer_value(value);
    if (number < key->minimum || number > key->maximum) {
        return err_set(err, "%s: %" PRId64 " is out of range (%" PRId64 " to %" PRId64 ")", path,
                       number, key->minimum, key->maximum);
    }
    uint32_t count = (uint32_t)number;
    memcpy((char *)config + key->offset, &count, sizeof count);
    return 0;
}

static int read_duration(struct config *config, const struct key *key, const json_t *value,
                         const char *path, struct err *err)
{
    int64_t duration;
    if (!json_is_string(value)) {
        return config_values_wrong_type(value, path, "a duration such as \"30s\"", err);
    }
    if (duration_parse(json_string_value(value), &duration, err) < 0) {
        return err_prefix(err, "%s", path);
    }
    if (duration < key->minimum || duration > key->maximum) {
        char least[DURATION_TEXT_MAX], most[DURATION_TEXT_MAX];
        return err_set(err, "%s: %s is out of range (%s to %s)", path, json_string_value(value),
                       duration_text(key->minimum, least, sizeof least),
                       duration_text(key->maximum, most, sizeof most));
    }
    memcpy((char *)config + key->offset, &duration, sizeof duration);
    return 0;
}

static int read_choice(struct config *config, const struct key *key, const json_t *value,
                       const char *path, struct err *err)
{
    if (!json_is_string(value)) {
        return config_values_wrong_type(value, path, "a string", err);
    }
    char known[64] = "";
    size_t length = 0;
    for (unsigned i = 0; key->choices[i] != NULL; i++) {
        if (strcmp(json_string_value(value), key->choices[i]) != 0) {
            length += (size_t)snprintf(known + length, sizeof known - length, "%s%s",
                                       i == 0 ? "" : ", ", key->choices[i]);
            continue;
        }
        if (key->offset != NOT_KEPT) {
            memcpy((char *)config + key->offset, &i, sizeof i);
        }
        return 0;
    }
    return err_set(err, "%s: \"%.100s\" is not %s%s", path, json_string_value(value),
                   key->choices[1] == NULL ? "" : "one of ", known);
}

static int read_mapping(struct config *config, const struct key *keys, const json_t *value,
                        const char *path, struct err *err);

static int read_key(struct config *config, const struct key *key, const json_t *value,
                    const char *path, struct err *err)
{
    switch (key->type) {
    case KEY_MAPPING:
        return read_mapping(config, key->members, value, path, err);
    case KEY_COUNT:
        return read_count(config, key, value, path, err);
    case KEY_DURATION:
        return read_duration(config, key, value, path, err);
    case KEY_CHOICE:
        return read_choice(config, key, value, path, err);
    case KEY_READ:
        return key->read(config, value, path, err);
    }
    return -1;
}

static int unknown_key(const char *path, const struct key *keys, struct err *err)
{
    char known[256] = "";
    size_t length = 0;
    for (; keys->name != NULL && length < sizeof known; keys++) {
        length += (size_t)snprintf(known + length, sizeof known - length, "%s%s",
                                   length == 0 ? "" : ", ", keys->name);
    }
    return err_set(err, "%s: unknown key (known: %s)", path, known);
}

static int read_mapping(struct config *config, const struct key *keys, const json_t *value,
                        const char *path, struct err *err)
{
    if (!json_is_object(value)) {
        return config_values_wrong_type(value, *path == '\0' ? "configuration" : path, "a mapping",
                                        err);
    }
    /* jansson iterates over an object only through a pointer that could change it. */
    json_t *members = (json_t *)(uintptr_t)value;
    const char *name;
    json_t *member;
    json_object_foreach(members, name, member)
    {
        char member_path[KEY_PATH_MAX];
        snprintf(member_path, sizeof member_path, "%s%s%s", path, *path == '\0' ? "" : ".", name);
        const struct key *key = keys;
        while (key->name != NULL && strcmp(key->name, name) != 0) {
            key++;
        }
        if (key->name == NULL) {
            return unknown_key(member_path, keys, err);
        }
        if (!json_is_null(member) && read_key(config, key, member, member_path, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int read_kubeconfig(struct config *config, const json_t *value, const char *path,
                           struct err *err)
{
    return config_values_path(config->kubeconfig, CONFIG_PATH_MAX, value, path, err);
}

static int read_scheduler_names(struct config *config, const json_t *value, const char *path,
                                struct err *err)
{
    size_t count = json_array_size(value);
    if (!json_is_array(value) || count == 0 || count > CONFIG_SCHEDULERS_MAX) {
        return err_set(err, "%s: must be a list of 1 to %d names", path, CONFIG_SCHEDULERS_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        const char *name = json_string_value(json_array_get(value, i));
        if (name == NULL || name[0] == '\0' || strlen(name) >= CONFIG_NAME_MAX) {
            return err_set(err, "%s[%zu]: is no name", path, i);
        }
        snprintf(config->scheduler_names[i], CONFIG_NAME_MAX, "%s", name);
    }
    config->scheduler_count = (uint32_t)count;
    return 0;
}

static int read_import(struct config *config, const json_t *value, const char *path,
                       struct err *err)
{
    return config_values_path(config->topology_import, CONFIG_PATH_MAX, value, path, err);
}

static int read_journal_directory(struct config *config, const json_t *value, const char *path,
                                  struct err *err)
{
    return config_values_path(config->journal_directory, CONFIG_PATH_MAX, value, path, err);
}

static int read_journal_segment(struct config *config, const json_t *value, const char *path,
                                struct err *err)
{
    return config_values_bytes(&config->journal_segment_size, value, RECORDER_SEGMENT_LEAST,
                               RECORDER_SEGMENT_MOST, "64Ki to 64Gi", path, err);
}

static int read_journal_keep(struct config *config, const json_t *value, const char *path,
                             struct err *err)
{
    return config_values_bytes(&config->journal_keep_size, value, RECORDER_KEEP_LEAST,
                               RECORDER_KEEP_MOST, "128Ki to 1Pi", path, err);
}

static int read_level_keys(struct config *config, const json_t *value, const char *path,
                           struct err *err)
{
    if (!json_is_array(value)) {
        return config_values_wrong_type(value, path, "a list of node label keys", err);
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *item = json_array_get(value, i);
        char item_path[KEY_PATH_MAX + 24];
        snprintf(item_path, sizeof item_path, "%s[%zu]", path, i);
        if (!json_is_string(item)) {
            return config_values_wrong_type(item, item_path, "a string", err);
        }
        if (levels_add_key(&config->levels, json_string_value(item), err) < 0) {
            return err_prefix(err, "%s", item_path);
        }
    }
    return 0;
}

/* read_level() took it already, wherever it stands: a label key goes to the last level added. */
static int read_level_name(struct config *config, const json_t *value, const char *path,
                           struct err *err)
{
    return 0;
}

static int read_level(struct config *config, const json_t *value, const char *path, struct err *err)
{
    static const struct key keys[] = {{"name", KEY_READ, .read = read_level_name},
                                      {"keys", KEY_READ, .read = read_level_keys},
                                      {.name = NULL}};
    const json_t *name = json_object_get(value, "name");
    if (json_is_object(value)) {
        if (!json_is_string(name)) {
            return err_set(err, "%s.name: %s", path,
                           name == NULL ? "is missing" : "must be a string");
        }
        if (levels_add(&config->levels, json_string_value(name), err) < 0) {
            return err_prefix(err, "%s.name", path);
        }
    }
    return read_mapping(config, keys, value, path, err);
}

static int read_levels(struct config *config, const json_t *value, const char *path,
                       struct err *err)
{
    if (!json_is_array(value)) {
        return config_values_wrong_type(value, path, "a list of levels, widest first", err);
    }
    levels_init(&config->levels);
    for (size_t i = 0; i < json_array_size(value); i++) {
        char level_path[KEY_PATH_MAX];
        utf8_print(level_path, sizeof level_path, "%.120s[%zu]", path, i);
        if (read_level(config, json_array_get(value, i), level_path, err) < 0) {
            return -1;
        }
    }
    if (levels_finish(&config->levels, err) < 0) {
        return err_prefix(err, "%s", path);
    }
    return 0;
}

static int read_preset(struct config *config, const json_t *value, const char *path,
                       struct err *err)
{
    struct levels unused;
    if (!json_is_string(value)) {
        return config_values_wrong_type(value, path, "a string", err);
    }
    if (levels_presets_load(&unused, json_string_value(value), err) < 0) {
        return err_prefix(err, "%s", path);
    }
    config->preset = levels_presets_find(json_string_value(value));
    return 0;
}

/* Neither key: as before. Both: a configuration that was printed, where they say the same. */
static int resolve_levels(struct config *config, const struct config *before, struct err *err)
{
    struct levels listed = config->levels;
    config->levels_given = listed.count > 0 || config->preset != NULL;
    if (listed.count == 0 && config->preset == NULL) {
        config->levels = before->levels;
        config->preset = before->preset;
        return 0;
    }
    if (config->preset == NULL) {
        return 0;
    }
    if (levels_presets_load(&config->levels, config->preset, err) < 0) {
        return err_prefix(err, "topology.preset");
    }
    if (listed.count > 0 && memcmp(&listed, &config->levels, sizeof listed) != 0) {
        return err_set(err,
                       "topology.preset: \"%s\" has other levels than topology.levels: give one "
                       "of the two",
                       config->preset);
    }
    return 0;
}

#define YEARS_10  (INT64_C(87600) * 3600000)
#define AT(field) .offset = offsetof(struct config, field)

static const struct key kubernetes_keys[] = {
    {"kubeconfig", KEY_READ, .read = read_kubeconfig},
    {"schedulerNames", KEY_READ, .read = read_scheduler_names},
    {"steering", KEY_CHOICE, AT(steering), .choices = config_steerings},
    {"writesInFlight", KEY_COUNT, AT(writes_in_flight), .minimum = 1, .maximum = 1024},
    {"writePatience", KEY_DURATION, AT(write_patience_ms), .minimum = 1, .maximum = 3600000},
    {"lists", KEY_CHOICE, AT(lists), .choices = config_lists},
    {"compression", KEY_CHOICE, AT(compression), .choices = config_compressions},
    {"watchPatience", KEY_DURATION, AT(watch_patience_ms), .minimum = 1000, .maximum = 3600000},
    {.name = NULL}};
static const struct key topology_keys[] = {{"preset", KEY_READ, .read = read_preset},
                                           {"levels", KEY_READ, .read = read_levels},
                                           {"import", KEY_READ, .read = read_import},
                                           {.name = NULL}};
static const struct key backoff_keys[] = {
    {"initial", KEY_DURATION, AT(backoff_initial_ms), .minimum = 1, .maximum = 3600000},
    {"maximum", KEY_DURATION, AT(backoff_maximum_ms), .minimum = 1, .maximum = 3600000},
    {.name = NULL}};
static const struct key repair_keys[] = {
    {"timeout", KEY_DURATION, AT(repair_timeout_ms), .minimum = 1000, .maximum = 86400000},
    {"onTimeout", KEY_CHOICE, AT(incomplete), .choices = config_incomplete_policies},
    {.name = NULL}};
static const struct key gangs_keys[] = {
    {"holdTimeout", KEY_DURATION, AT(hold_timeout_ms), .minimum = 1000, .maximum = 3600000},
    {"backoff", KEY_MAPPING, .members = backoff_keys},
    {"repair", KEY_MAPPING, .members = repair_keys},
    {"elasticPreference", KEY_CHOICE, AT(preference), .choices = config_preferences},
    {.name = NULL}};
static const struct key limits_keys[] = {
    {"gangsPerNamespace", KEY_COUNT, AT(tenant_gangs), .minimum = 1, .maximum = 1000000},
    {"holdsPerNamespace", KEY_COUNT, AT(tenant_holds), .minimum = 1, .maximum = 1000000},
    {.name = NULL}};
static const struct key journal_keys[] = {
    {"directory", KEY_READ, .read = read_journal_directory},
    {"segmentSize", KEY_READ, .read = read_journal_segment},
    {"keepSize", KEY_READ, .read = read_journal_keep},
    {"keepAge", KEY_DURATION, AT(journal_keep_age_ms), .minimum = 60000, .maximum = YEARS_10},
    {"compression", KEY_CHOICE, AT(journal_compression), .choices = config_journal_compressions},
    {.name = NULL}};
static const struct key log_keys[] = {
    {"level", KEY_CHOICE, AT(log_level), .choices = log_levels},
    {"format", KEY_CHOICE, AT(log_format), .choices = log_formats},
    {.name = NULL}};
static const struct key top_keys[] = {
    {"apiVersion", KEY_CHOICE, .offset = NOT_KEPT, .choices = api_versions},
    {"kind", KEY_CHOICE, .offset = NOT_KEPT, .choices = kinds},
    {"server", KEY_READ, .read = config_server_read},
    {"kubernetes", KEY_MAPPING, .members = kubernetes_keys},
    {"topology", KEY_MAPPING, .members = topology_keys},
    {"gangs", KEY_MAPPING, .members = gangs_keys},
    {"limits", KEY_MAPPING, .members = limits_keys},
    {"journal", KEY_MAPPING, .members = journal_keys},
    {"highAvailability", KEY_READ, .read = config_lease_read},
    {"log", KEY_MAPPING, .members = log_keys},
    {.name = NULL}};

static_assert(sizeof(enum log_level) == sizeof(unsigned), "a choice is kept as its number");
static_assert(sizeof(enum log_format) == sizeof(unsigned), "a choice is kept as its number");
static_assert(sizeof(enum config_steering) == sizeof(unsigned), "a choice is kept as its number");
static_assert(sizeof(enum config_lists) == sizeof(unsigned), "a choice is kept as its number");
static_assert(sizeof(enum config_journal_compression) == sizeof(unsigned), "a choice is a number");
static_assert(sizeof(enum config_compression) == sizeof(unsigned), "a choice is a number");
static_assert(sizeof(enum engine_incomplete) == sizeof(unsigned), "a choice is kept as its number");
static_assert(sizeof(enum engine_preference) == sizeof(unsigned), "a choice is kept as its number");

/* What takes two keys to say. */
static int check_together(const struct config *config, struct err *err)
{
    if (config->write_patience_ms >= config->hold_timeout_ms) {
        return err_set(err, "kubernetes.writePatience: must be shorter than gangs.holdTimeout");
    }
    if (config->backoff_initial_ms > config->backoff_maximum_ms) {
        return err_set(err, "gangs.backoff.initial: must not exceed gangs.backoff.maximum");
    }
    if (config->journal_keep_size < 2 * config->journal_segment_size) {
        return err_set(err, "journal.keepSize: must be at least twice journal.segmentSize");
    }
    if (config->levels_given && config->topology_import[0] != '\0') {
        return err_set(err, "topology.import: cannot be given with topology.levels or preset");
    }
    return config_lease_check(config, err);
}

/* Reads the text of the file `path`, "" when it is no file. */
static int parse(struct config *config, const char *text, size_t length, const char *path,
                 struct err *err)
{
    struct config *copy = NULL;
    json_t *documents = yaml_load(text, length, err);
    int result = -1;
    if (documents == NULL) {
        goto out;
    }
    size_t count = json_array_size(documents);
    if (count > 1) {
        err_set(err, "expected one document, found %zu", count);
        goto out;
    }
    copy = alloc_zero(1, sizeof *copy);
    *copy = *config;
    copy->levels.count = 0; /* not given */
    copy->preset = NULL;
    if (count == 1 && read_mapping(copy, top_keys, json_array_get(documents, 0), "", err) < 0) {
        goto out;
    }
    if (resolve_levels(copy, config, err) < 0 || check_together(copy, err) < 0 ||
        config_server_resolve(copy, path, err) < 0 ||
        config_values_relative(copy->topology_import, CONFIG_PATH_MAX, "topology.import", path,
                               err) < 0 ||
        config_values_relative(copy->journal_directory, CONFIG_PATH_MAX, "journal.directory", path,
                               err) < 0) {
        goto out;
    }
    *config = *copy;
    result = 0;
out:
    free(copy);
    json_decref(documents);
    return result;
}

int config_parse(struct config *config, const char *text, size_t length, struct err *err)
{
    return parse(config, text, length, "", err);
}

int config_load(struct config *config, const char *path, struct err *err)
{
    size_t length = 0;
    char *text = file_read(path, CONFIG_FILE_MAX, &length, err);
    int result = text == NULL ? -1 : parse(config, text, length, path, err);
    free(text);
    return result < 0 ? err_prefix(err, "%s", path) : 0;
}

void config_schedulers(const struct config *config, const char *names[CONFIG_SCHEDULERS_MAX])
{
    for (uint32_t i = 0; i < config->scheduler_count; i++) {
        names[i] = config->scheduler_names[i];
    }
}

void config_engine(const struct config *config, struct engine_options *options)
{
    engine_options_default(options);
    options->levels = &config->levels;
    options->hold_timeout_ms = config->hold_timeout_ms;
    options->repair_timeout_ms = config->repair_timeout_ms;
    options->incomplete = config->incomplete;
    options->preference = config->preference;
    options->tenant_gangs = config->tenant_gangs;
    options->tenant_holds = config->tenant_holds;
    options->backoff_initial_ms = config->backoff_initial_ms;
    options->backoff_maximum_ms = config->backoff_maximum_ms;
}
