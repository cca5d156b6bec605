// SPDX-License-Identifier: Apache-2.0
#include "api/ops/config.h"
#include "api/ops/config_describe.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "test/unit/check_main.h"

static struct config config;
static struct err err;

static void setup(void)
{
    config_default(&config);
    memset(&err, 0, sizeof err);
}

static int parse(const char *text)
{
    return config_parse(&config, text, strlen(text), &err);
}

START_TEST(defaults_are_those_of_the_contract)
{
    ck_assert_str_eq(config.listen_address, "127.0.0.1");
    ck_assert_uint_eq(config.listen_port, 10270);
    ck_assert_uint_eq(config.max_body, 32u << 20);
    ck_assert_uint_eq(config.max_connections, 8192);
    ck_assert_str_eq(config.kubeconfig, "");
    ck_assert_uint_eq(config.scheduler_count, 1);
    ck_assert_str_eq(config.scheduler_names[0], "phalanx");
    ck_assert_uint_eq(config.writes_in_flight, 64);
    ck_assert_int_eq(config.write_patience_ms, 10000);
    ck_assert_int_eq(config.watch_patience_ms, 60000);
    ck_assert_int_eq(config.lists, CONFIG_LIST_AS_STREAM);
    ck_assert_int_eq(config.compression, CONFIG_GZIP);
    ck_assert_int_eq(config.hold_timeout_ms, 30000);
    ck_assert_int_eq(config.backoff_initial_ms, 1000);
    ck_assert_int_eq(config.backoff_maximum_ms, 60000);
    ck_assert_str_eq(config.journal_directory, "");
    ck_assert_int_eq(config.journal_segment_size, 64 << 20);
    ck_assert_int_eq(config.journal_keep_size, INT64_C(4) << 30);
    ck_assert_int_eq(config.journal_keep_age_ms, INT64_C(1209600000));
    ck_assert_int_eq(config.journal_compression, CONFIG_ZSTD);
    ck_assert_int_eq(config.log_level, LOG_INFO);
    ck_assert_int_eq(config.log_format, LOG_JSON);
    ck_assert_str_eq(config.preset, "auto");
    ck_assert_int_ge(levels_find(&config.levels, "nvidia.com/gpu.clique"), 0);
}
END_TEST

static const char everything[] =
    "apiVersion: phalanx.dev/v1alpha1\n"
    "kind: Configuration\n"
    "server:\n"
    "  listen: '[::1]:8080'\n"
    "  tls:\n"
    "    certificateFile: /tls/tls.crt\n"
    "    keyFile: /tls/tls.key\n"
    "    clientCAFile: /tls/ca.crt\n"
    "    clientNames: ['system:kube-scheduler', other]\n"
    "  allowUnauthenticated: true\n"
    "  operations:\n"
    "    listen: 0.0.0.0:8081\n"
    "    tls: {certificateFile: /o/crt, keyFile: /o/key, clientCAFile: /o/ca}\n"
    "  maxBodySize: 1Mi\n"
    "  maxMemory: 3Mi\n"
    "  maxConnections: 100\n"
    "  timeouts: {header: 2s, body: 3s, idle: 1m40s}\n"
    "  minimumRate: 2Ki\n"
    "kubernetes:\n"
    "  kubeconfig: /etc/kube config\n"
    "  schedulerNames: [gangs, more]\n"
    "  steering: annotation\n"
    "  writesInFlight: 1\n"
    "  writePatience: 1.5s\n"
    "  watchPatience: 2m\n"
    "  lists: pages\n"
    "  compression: none\n"
    "topology:\n"
    "  levels:\n"
    "  - keys: [example.com/block, example.com/old-block]\n"
    "    name: block\n"
    "  - name: rack\n"
    "    keys:\n"
    "    - example.com/rack\n"
    "gangs:\n"
    "  holdTimeout: 1m30s\n"
    "  backoff: {initial: 500ms, maximum: 5m}\n"
    "  repair: {timeout: 10m, onTimeout: evict}\n"
    "  elasticPreference: placement\n"
    "limits: {gangsPerNamespace: 20, holdsPerNamespace: 3}\n"
    "journal: {directory: /var/lib/journal, segmentSize: 2Gi, keepSize: 9Gi, keepAge: 2h,\n"
    "          compression: none}\n"
    "log: {level: debug, format: text}\n";

START_TEST(every_key_is_read)
{
    ck_assert_msg(parse(everything) == 0, "%s", err.text);
    ck_assert_str_eq(config.listen_address, "::1");
    ck_assert_uint_eq(config.listen_port, 8080);
    ck_assert_uint_eq(config.max_body, 1u << 20);
    ck_assert_str_eq(config.tls.certificate_file, "/tls/tls.crt");
    ck_assert_str_eq(config.tls.key_file, "/tls/tls.key");
    ck_assert_str_eq(config.tls.client_ca_file, "/tls/ca.crt");
    ck_assert_uint_eq(config.tls.client_name_count, 2);
    ck_assert_str_eq(config.tls.client_names[0], "system:kube-scheduler");
    ck_assert(config.allow_unauthenticated);
    ck_assert_str_eq(config.operations_address, "0.0.0.0");
    ck_assert_uint_eq(config.operations_port, 8081);
    ck_assert_str_eq(config.operations_tls.client_ca_file, "/o/ca");
    ck_assert_uint_eq(config.max_memory, 3u << 20);
    ck_assert_int_eq(config.header_timeout_ms, 2000);
    ck_assert_int_eq(config.body_timeout_ms, 3000);
    ck_assert_int_eq(config.idle_timeout_ms, 100000);
    ck_assert_uint_eq(config.minimum_rate, 2048);
    ck_assert_uint_eq(config.max_connections, 100);
    ck_assert_str_eq(config.kubeconfig, "/etc/kube config");
    ck_assert_uint_eq(config.scheduler_count, 2);
    ck_assert_str_eq(config.scheduler_names[1], "more");
    ck_assert_int_eq(config.steering, CONFIG_STEER_BY_ANNOTATION);
    ck_assert_uint_eq(config.writes_in_flight, 1);
    ck_assert_int_eq(config.write_patience_ms, 1500);
    ck_assert_int_eq(config.watch_patience_ms, 120000);
    ck_assert_int_eq(config.lists, CONFIG_LIST_IN_PAGES);
    ck_assert_int_eq(config.compression, CONFIG_NO_COMPRESSION);
    ck_assert_ptr_null(config.preset);
    ck_assert_uint_eq(config.levels.count, 3);
    ck_assert_str_eq(config.levels.items[0].name, "block");
    ck_assert_uint_eq(config.levels.items[0].key_count, 2);
    ck_assert_str_eq(config.levels.items[1].keys[0], "example.com/rack");
    ck_assert_str_eq(config.levels.items[2].name, LEVEL_HOST);
    ck_assert_int_eq(config.hold_timeout_ms, 90000);
    ck_assert_int_eq(config.backoff_initial_ms, 500);
    ck_assert_int_eq(config.backoff_maximum_ms, 300000);
    ck_assert_int_eq(config.repair_timeout_ms, 600000);
    ck_assert_int_eq(config.incomplete, ENGINE_INCOMPLETE_EVICT);
    ck_assert_int_eq(config.preference, ENGINE_PREFER_PLACEMENT);
    ck_assert_uint_eq(config.tenant_gangs, 20);
    ck_assert_uint_eq(config.tenant_holds, 3);
    ck_assert_str_eq(config.journal_directory, "/var/lib/journal");
    ck_assert_int_eq(config.journal_segment_size, INT64_C(2) << 30);
    ck_assert_int_eq(config.journal_keep_size, INT64_C(9) << 30);
    ck_assert_int_eq(config.journal_keep_age_ms, 7200000);
    ck_assert_int_eq(config.journal_compression, CONFIG_UNCOMPRESSED);
    ck_assert_int_eq(config.log_level, LOG_DEBUG);
    ck_assert_int_eq(config.log_format, LOG_TEXT);
}
END_TEST

static bool same(const struct config *a, const struct config *b)
{
    json_t *left = config_describe(a), *right = config_describe(b);
    bool equal = json_equal(left, right) == 1;
    json_decref(left);
    json_decref(right);
    return equal;
}

/* Leaving a key out, writing null, and an empty file are the same. */
START_TEST(what_is_absent_stays_as_it_was)
{
    static const char *const texts[] = {"",
                                        "# nothing\n",
                                        "server:\n",
                                        "server: {listen: null}\n",
                                        "kind: Configuration\n",
                                        "{}",
                                        "gangs: {backoff: {}}"};
    struct config before = config;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        ck_assert_msg(parse(texts[i]) == 0, "%s: %s", texts[i], err.text);
        ck_assert(same(&config, &before));
    }
    ck_assert_int_eq(parse("log: {level: error}"), 0);
    ck_assert_int_eq(parse("log: {format: text}"), 0);
    ck_assert_int_eq(config.log_level, LOG_ERROR);
}
END_TEST

/* A preset replaces the levels as a whole, whatever stood there before, and so do levels. */
START_TEST(a_preset_by_name)
{
    ck_assert_int_eq(parse("topology: {preset: gke}"), 0);
    ck_assert_str_eq(config.preset, "gke");
    ck_assert_int_eq(levels_find(&config.levels, "subblock"), 3);
    ck_assert_int_eq(levels_find(&config.levels, "leaf"), -1);
    ck_assert_int_eq(parse("log: {level: error}"), 0);
    ck_assert_str_eq(config.preset, "gke");
    ck_assert_int_eq(levels_find(&config.levels, "subblock"), 3);
    struct config printed = config;
    json_t *description = config_describe(&config);
    const json_t *topology = json_object_get(description, "topology");
    ck_assert_str_eq(json_string_value(json_object_get(topology, "preset")), "gke");
    ck_assert_uint_eq(json_array_size(json_object_get(topology, "levels")), config.levels.count);
    char *text = json_dumps(description, 0);
    config_default(&config);
    ck_assert_msg(parse(text) == 0, "%s", err.text);
    ck_assert(same(&config, &printed));
    ck_assert_str_eq(config.preset, "gke");
    free(text);
    json_decref(description);
    ck_assert_int_eq(parse("topology: {levels: [{name: rack, keys: [r]}]}"), 0);
    ck_assert_ptr_null(config.preset);
    ck_assert_int_eq(levels_find(&config.levels, "subblock"), -1);
    ck_assert_int_eq(parse("topology: {preset: eks, levels: null}"), 0);
    ck_assert_str_eq(config.preset, "eks");
    ck_assert_int_eq(levels_find(&config.levels, "rack"), -1);
}
END_TEST

/* The description is a configuration again, and means the same. */
START_TEST(the_description_is_a_configuration)
{
    ck_assert_int_eq(parse(everything), 0);
    json_t *description = config_describe(&config);
    char *text = json_dumps(description, 0);
    struct config again;
    config_default(&again);
    ck_assert_msg(config_parse(&again, text, strlen(text), &err) == 0, "%s", err.text);
    ck_assert(same(&config, &again));
    ck_assert_str_eq(again.listen_address, "::1");
    ck_assert_int_eq(again.backoff_maximum_ms, 300000);
    const json_t *server = json_object_get(description, "server");
    ck_assert_str_eq(json_string_value(json_object_get(server, "listen")), "[::1]:8080");
    free(text);
    json_decref(description);
}
END_TEST

/* What is no good together, of a file or of a file and flags. */
START_TEST(a_server_to_start_with)
{
    static const struct {
        const char *text;
        const char *error; /* NULL: none */
    } cases[] = {
        {"server: {listen: '127.8.9.1:1'}", NULL},
        {"server: {listen: '[::1]:1'}", NULL},
        {"server: {listen: '0.0.0.0:1'}", "server.listen: 0.0.0.0 can be reached from elsewhere"},
        {"server: {listen: '[::]:1'}", "server.listen: :: can be reached from elsewhere"},
        {"server: {listen: '10.0.0.1:1', tls: {certificateFile: a, keyFile: b}}",
         "server.listen: 10.0.0.1 can be reached from elsewhere"},
        {"server: {listen: '10.0.0.1:1', tls: {certificateFile: a, keyFile: b, clientCAFile: c}}",
         NULL},
        {"server: {listen: '10.0.0.1:1', allowUnauthenticated: true}", NULL},
        {"server: {tls: {certificateFile: a}}", "server.tls.keyFile: is missing beside"},
        {"server: {tls: {keyFile: a}}", "server.tls.certificateFile: is missing beside"},
        {"server: {tls: {clientCAFile: a}}", "server.tls.certificateFile: is missing beside"},
        {"server: {tls: {certificateFile: a, keyFile: b, clientNames: [c]}}",
         "server.tls.clientCAFile: is missing beside clientNames"},
        {"server: {operations: {tls: {certificateFile: a, keyFile: b}}}",
         "server.operations.listen: is missing beside"},
        {"server: {operations: {listen: '0.0.0.0:1'}}", NULL},
        {"server: {operations: {listen: ''}}", NULL},
        {"server: {maxMemory: 63Mi}", "server.maxMemory: must be at least twice"},
        {"server: {maxBodySize: 1Gi}", NULL}, /* takes the memory along */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        config_default(&config);
        ck_assert_msg(parse(cases[i].text) == 0, "%s", err.text);
        int result = config_server_check(&config, &err);
        ck_assert_msg((result == 0) == (cases[i].error == NULL), "%s", cases[i].text);
        ck_assert_msg(result == 0 || strncmp(err.text, cases[i].error, strlen(cases[i].error)) == 0,
                      "%s: %s", cases[i].text, err.text);
    }
}
END_TEST

static const struct {
    const char *text;
    const char *error; /* part of the message */
} bad[] = {
    {"gangs: {holdTimout: 30s}",
     "gangs.holdTimout: unknown key (known: holdTimeout, backoff, repair, elasticPreference)"},
    {"gang: {}", "gang: unknown key"},
    {"topology: {levels: [{name: a, keys: [b], key: c}]}", "topology.levels[0].key: unknown key"},
    {"gangs: {backoff: {min: 1s}}", "gangs.backoff.min: unknown key"},
    {"apiVersion: phalanx.dev/v1", "apiVersion: \"phalanx.dev/v1\" is not phalanx.dev/v1alpha1"},
    {"kind: Config", "kind: \"Config\" is not Configuration"},
    {"[]", "configuration: must be a mapping, is a list"},
    {"server: 7", "server: must be a mapping, is a number"},
    {"server: {listen: 10270}", "server.listen: must be a string"},
    {"server: {listen: localhost:80}", "server.listen: \"localhost\" is not an IPv4"},
    {"server: {maxBodySize: 1}", "server.maxBodySize: 1 bytes are out of range"},
    {"server: {maxBodySize: 2Gi}", "server.maxBodySize: 2147483648 bytes are out of range"},
    {"server: {maxBodySize: 1Qi}", "server.maxBodySize: "},
    {"server: {maxBodySize: true}", "server.maxBodySize: must be a quantity"},
    {"server: {maxConections: 15}", "server.maxConections: unknown key (known: listen, tls, "},
    {"server: {tls: {cert: a}}", "server.tls.cert: unknown key (known: certificateFile, "},
    {"server: {tls: a}", "server.tls: must be a mapping"},
    {"server: {tls: {keyFile: 7}}", "server.tls.keyFile: must be a path"},
    {"server: {tls: {clientNames: a}}", "server.tls.clientNames: must be a list of at most 16"},
    {"server: {tls: {clientNames: ['']}}", "server.tls.clientNames[0]: is no name"},
    {"server: {allowUnauthenticated: 1}", "server.allowUnauthenticated: must be true or false"},
    {"server: {operations: {port: 1}}", "server.operations.port: unknown key (known: listen, tls)"},
    {"server: {operations: {listen: 1}}", "server.operations.listen: must be a string"},
    {"server: {operations: {listen: here}}", "server.operations.listen: \"here\" is not address"},
    {"server: {operations: {tls: []}}", "server.operations.tls: must be a mapping"},
    {"server: {maxMemory: 17Gi}", "server.maxMemory: 18253611008 bytes are out of range"},
    {"server: {minimumRate: 0}", "server.minimumRate: 0 bytes are out of range"},
    {"server: {timeouts: 5s}", "server.timeouts: must be a mapping"},
    {"server: {timeouts: {header: 5}}", "server.timeouts.header: must be a duration"},
    {"server: {timeouts: {body: 5x}}", "server.timeouts.body: \"5x\" is not a duration"},
    {"server: {timeouts: {idle: 500ms}}", "server.timeouts.idle: 500ms is out of range (1s to"},
    {"server: {timeouts: {idle: 2h}}", "server.timeouts.idle: 2h is out of range"},
    {"server: {maxConnections: 15}", "server.maxConnections: 15 is out of range (16 to 65536)"},
    {"server: {maxConnections: 65537}", "server.maxConnections: 65537 is out of range"},
    {"server: {maxConnections: '100'}", "server.maxConnections: must be a whole number"},
    {"server: {maxConnections: 100.5}", "server.maxConnections: must be a whole number"},
    {"kubernetes: {schedulerNames: a}", "kubernetes.schedulerNames: must be a list of 1 to 16"},
    {"kubernetes: {schedulerNames: []}", "kubernetes.schedulerNames: must be a list of 1 to 16"},
    {"kubernetes: {schedulerNames: [a, 7]}", "kubernetes.schedulerNames[1]: is no name"},
    {"kubernetes: {kubeconfig: [a]}", "kubernetes.kubeconfig: must be a path, is a list"},
    {"kubernetes: {writesInFlight: 0}", "kubernetes.writesInFlight: 0 is out of range"},
    {"kubernetes: {watchPatience: 999ms}", "kubernetes.watchPatience: 999ms is out of range"},
    {"kubernetes: {writePatience: 30}", "kubernetes.writePatience: must be a duration"},
    {"kubernetes: {writePatience: 30 s}", "kubernetes.writePatience: \"30 s\" is not a duration"},
    {"kubernetes: {writePatience: 30s}", "kubernetes.writePatience: must be shorter than"},
    {"gangs: {holdTimeout: 10s}", "kubernetes.writePatience: must be shorter than"},
    {"gangs: {holdTimeout: 999ms}", "gangs.holdTimeout: 999ms is out of range (1s to 1h)"},
    {"gangs: {holdTimeout: 61m}", "gangs.holdTimeout: 61m is out of range"},
    {"gangs: {holdTimeout: -30s}", "gangs.holdTimeout: -30s is out of range"},
    {"gangs: {repair: {onTimeout: delete}}", "gangs.repair.onTimeout: \"delete\""},
    {"gangs: {elasticPreference: more}", "gangs.elasticPreference: \"more\""},
    {"gangs: {repair: {timeout: 10ms}}", "gangs.repair.timeout: 10ms is out of range (1s to"},
    {"gangs: {repair: keep}", "gangs.repair: must be"},
    {"gangs: {backoff: {initial: 61s}}", "gangs.backoff.initial: must not exceed"},
    {"topology: {preset: azure}",
     "topology.preset: there is no preset \"azure\" (there are: auto, topograph, "},
    {"topology: {preset: [gke]}", "topology.preset: must be a string, is a list"},
    {"topology: {preset: gke, levels: [{name: rack, keys: [r]}]}",
     "topology.preset: \"gke\" has other levels than topology.levels: give one of the two"},
    {"topology: {levels: [], preset: auto}", "give one of the two"},
    {"topology: {levels: {}}", "topology.levels: must be a list"},
    {"topology: {levels: [rack]}", "topology.levels[0]: must be a mapping, is a string"},
    {"topology: {levels: [{keys: [a]}]}", "topology.levels[0].name: is missing"},
    {"topology: {levels: [{name: 3}]}", "topology.levels[0].name: must be a string"},
    {"topology: {levels: [{name: a, keys: b}]}", "topology.levels[0].keys: must be a list"},
    {"topology: {levels: [{name: a, keys: [b, 1]}]}",
     "topology.levels[0].keys[1]: must be a string"},
    {"topology: {levels: [{name: a, keys: [b]}, {name: a, keys: [c]}]}",
     "topology.levels[1].name: "},
    {"topology: {levels: [{name: a, keys: [b]}, {name: c, keys: [b]}]}",
     "topology.levels[1].keys[0]: "},
    {"topology: {levels: [{name: a}]}", "topology.levels: "},
    {"limits: {gangs: 1}", "limits.gangs: unknown key (known: gangsPerNamespace, "},
    {"limits: {gangsPerNamespace: 0}",
     "limits.gangsPerNamespace: 0 is out of range (1 to 1000000)"},
    {"limits: {holdsPerNamespace: 1000001}",
     "limits.holdsPerNamespace: 1000001 is out of range (1 to 1000000)"},
    {"limits: {holdsPerNamespace: many}", "limits.holdsPerNamespace: must be a whole number"},
    {"journal: {directory: 1}", "journal.directory: must be a path, is a number"},
    {"journal: {segmentSize: 1Ki}",
     "journal.segmentSize: 1024 bytes are out of range (64Ki to 64Gi)"},
    {"journal: {segmentSize: 65Gi}", "journal.segmentSize: 69793218560 bytes are out of range"},
    {"journal: {keepSize: 2Pi}", "bytes are out of range (128Ki to 1Pi)"},
    {"journal: {keepSize: 127Mi}", "journal.keepSize: must be at least twice journal.segmentSize"},
    {"journal: {keepAge: 1s}", "journal.keepAge: "},
    {"journal: {compression: gzip}", "journal.compression: "},
    {"journal: {file: j}", "journal.file: unknown key (known: directory, segmentSize, keepSize, "
                           "keepAge, compression)"},
    {"topology: {import: [a]}", "topology.import: must be a path, is a list"},
    {"topology: {import: a, levels: [{name: b, keys: [c]}]}",
     "topology.import: cannot be given with topology.levels"},
    {"log: {level: verbose}", "log.level: \"verbose\" is not one of debug, info, warning, error"},
    {"log: {format: 1}", "log.format: must be a string, is a number"},
    {"log: {level: info, level: info}", "level"},
    {"log: {level: info", ""},
    {"kind: Configuration\n---\nkind: Configuration\n", "expected one document, found 2"},
};

START_TEST(what_is_wrong_is_named_and_changes_nothing)
{
    struct config before = config;
    ck_assert_msg(parse(bad[_i].text) == -1, "%s", bad[_i].text);
    ck_assert_msg(strstr(err.text, bad[_i].error) != NULL, "%s: %s", bad[_i].text, err.text);
    ck_assert_str_ne(err.text, "");
    ck_assert(same(&config, &before));
    ck_assert_int_eq(config_parse(&config, bad[_i].text, strlen(bad[_i].text), NULL), -1);
}
END_TEST

START_TEST(long_keys_do_not_overflow)
{
    char text[5000];
    memset(text, 'k', sizeof text);
    memcpy(text + 1000, ": {a: 1}", 9); /* libyaml takes keys up to 1024 */
    ck_assert_int_eq(parse(text), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "unknown key"));
}
END_TEST

START_TEST(an_import_is_relative_to_its_file)
{
    char path[] = "/tmp/phalanx-test-config-XXXXXX";
    static const char text[] = "topology: {import: slurm/topology.conf}\njournal: {directory: j}";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, sizeof text - 1), (ssize_t)sizeof text - 1);
    close(fd);
    ck_assert_int_eq(parse(text), 0);
    ck_assert_str_eq(config.topology_import, "slurm/topology.conf");
    ck_assert(!config.levels_given);
    config_default(&config);
    ck_assert_msg(config_load(&config, path, &err) == 0, "%s", err.text);
    ck_assert_str_eq(config.topology_import, "/tmp/slurm/topology.conf");
    ck_assert_str_eq(config.journal_directory, "/tmp/j");
    unlink(path);
    ck_assert_int_eq(parse("topology: {import: /etc/slurm/topology.conf}"), 0);
    ck_assert_str_eq(config.topology_import, "/etc/slurm/topology.conf");
    /* What is described is a configuration again, so it leaves the levels to the file. */
    json_t *description = config_describe(&config);
    const json_t *topology = json_object_get(description, "topology");
    ck_assert_uint_eq(json_object_size(topology), 1);
    ck_assert_str_eq(json_string_value(json_object_get(topology, "import")),
                     "/etc/slurm/topology.conf");
    json_decref(description);
    char *long_text = calloc(1, CONFIG_PATH_MAX + 64);
    snprintf(long_text, CONFIG_PATH_MAX + 64, "topology: {import: %0*d}", CONFIG_PATH_MAX, 0);
    ck_assert_int_eq(parse(long_text), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "topology.import: "));
    free(long_text);
}
END_TEST

START_TEST(listen_addresses)
{
    static const char *const good[] = {"0.0.0.0:0", "127.0.0.1:65535", "[::]:1", "[fe80::1]:443"};
    static const char *const wrong[] = {
        "",           ":80",         "80",      "127.0.0.1",  "127.0.0.1:",    "1.2.3.4:65536",
        "1.2.3.4:-1", "1.2.3.4: 80", "::1:80",  "[::1]",      "[]:80",         "[1.2.3.4]:80",
        "1.2.3:80",   "host:80",     "[::1:80", "1.2.3.4:8x", "1.2.3.4:000080"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        ck_assert_msg(config_set_listen(&config, good[i], &err) == 0, "%s: %s", good[i], err.text);
    }
    ck_assert_str_eq(config.listen_address, "fe80::1");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ck_assert_msg(config_set_listen(&config, wrong[i], &err) == -1, "%s", wrong[i]);
        ck_assert_str_eq(config.listen_address, "fe80::1");
        ck_assert_uint_eq(config.listen_port, 443);
    }
}
END_TEST

START_TEST(files)
{
    char path[] = "/tmp/phalanx-test-config-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, everything, sizeof everything - 1), (ssize_t)sizeof everything - 1);
    ck_assert_msg(config_load(&config, path, &err) == 0, "%s", err.text);
    ck_assert_int_eq(config.hold_timeout_ms, 90000);
    ck_assert_int_eq(ftruncate(fd, CONFIG_FILE_MAX + 1), 0);
    ck_assert_int_eq(config_load(&config, path, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "is larger than"));
    close(fd);
    unlink(path);
    ck_assert_int_eq(config_load(&config, path, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, path));
    ck_assert_int_eq(config_load(&config, "/", &err), -1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config");
    TCase *tests = tcase_create("config");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, defaults_are_those_of_the_contract);
    tcase_add_test(tests, every_key_is_read);
    tcase_add_test(tests, what_is_absent_stays_as_it_was);
    tcase_add_test(tests, a_preset_by_name);
    tcase_add_test(tests, the_description_is_a_configuration);
    tcase_add_test(tests, a_server_to_start_with);
    tcase_add_loop_test(tests, what_is_wrong_is_named_and_changes_nothing, 0,
                        (int)(sizeof bad / sizeof bad[0]));
    tcase_add_test(tests, long_keys_do_not_overflow);
    tcase_add_test(tests, an_import_is_relative_to_its_file);
    tcase_add_test(tests, listen_addresses);
    tcase_add_test(tests, files);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
