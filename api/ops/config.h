// SPDX-License-Identifier: Apache-2.0
#ifndef API_OPS_CONFIG_H
#define API_OPS_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/ops/log.h"
#include "scheduler/engine.h"
#include "topology/base/err.h"
#include "topology/graph/levels.h"

/* The configuration file: one YAML document, `apiVersion: phalanx.dev/v1alpha1`,
 * `kind: Configuration`. Every key is optional, an unknown or repeated one is an error that names
 * its path. Flags override what is read here.
 *
 *   server:
 *     listen: 127.0.0.1:10270        # address:port, [::1]:port; without TLS on loopback only
 *     tls:
 *       certificateFile: ""          # PEM, with keyFile: the port speaks TLS only
 *       keyFile: ""
 *       clientCAFile: ""             # every client has to show a certificate of this CA
 *       clientNames: []              # … with one of these names; none: with any
 *     allowUnauthenticated: false    # start although others than kube-scheduler reach the port
 *     operations:                    # health, metrics and the API; without it they are at listen
 *       listen: ""                   # address:port
 *       tls: {}                      # as above; health is for everybody all the same
 *     maxBodySize: 32Mi              # 1Ki … 1Gi
 *     maxMemory: 128Mi               # of all bodies and answers; 1Ki … 16Gi, ≥ 2 × maxBodySize
 *     maxConnections: 8192           # 16 … 65536: above twice the largest gang
 *     timeouts: {header: 10s, body: 15s, idle: 120s} # 1s … 1h
 *     minimumRate: 256Ki             # of a body or an answer, bytes a second; 1Ki … 1Gi
 *   kubernetes:
 *     kubeconfig: ""                 # empty: $KUBECONFIG, else in-cluster
 *     schedulerNames: [phalanx]      # profiles that Phalanx extends; up to 16
 *     steering: nomination           # nomination annotation
 *     writesInFlight: 64             # 1 … 1024
 *     writePatience: 10s             # retry a write that long; shorter than holdTimeout
 *     watchPatience: 60s             # 1s … 1h; a watch that fails for longer: not ready
 *     lists: stream                  # stream pages: how everything is asked for
 *     compression: gzip              # gzip none: of lists
 *   topology:
 *     preset: auto                   # see topology/graph/presets.h; or else
 *     levels:                        # widest first
 *     - name: rack
 *       keys: [topology.kubernetes.io/rack]
 *     import: topology.conf          # in place of levels: a file of api/import/import.h
 *   gangs:
 *     holdTimeout: 30s               # 1s … 1h; must stay below the bind extender's httpTimeout
 *     backoff: {initial: 1s, maximum: 60s}
 *     repair: {timeout: 5m, onTimeout: keep}   # keep evict
 *     elasticPreference: members     # members placement
 *   limits:
 *     gangsPerNamespace: 10000       # 1 … 1000000: planned, or waiting for room, at a time
 *     holdsPerNamespace: 1000        # 1 … 1000000: of those that are held at a time
 *   journal:
 *     directory: ""                  # empty: none; see api/journal/recorder.h
 *     segmentSize: 64Mi              # 64Ki … 64Gi, of what is packed
 *     keepSize: 4Gi                  # 128Ki … 1Pi, on the disk; at least twice segmentSize
 *     keepAge: 336h                  # 1m … 87600h
 *     compression: zstd              # zstd none
 *   highAvailability:                # off without a lease
 *     lease: phalanx-system/phalanx  # namespace/name of the Lease
 *     identity: ""                   # empty: made of host, network namespace and port
 *     leaseDuration: 15s             # 1s … 1h, > renewDeadline
 *     renewDeadline: 10s             # > 1.2 × retryPeriod
 *     retryPeriod: 2s                # 100ms …
 *     listen: ""                     # address:port, for the other processes: see failover.md
 *     address: ""                    # where they find it; empty: listen, or found out
 *   log:
 *     level: info                    # debug info warning error
 *     format: json                   # json text
 *
 * Durations are Go's: "1m30s", "500ms".
 */

#define CONFIG_API_VERSION    "phalanx.dev/v1alpha1"
#define CONFIG_KIND           "Configuration"
#define CONFIG_ADDRESS_MAX    64
#define CONFIG_PATH_MAX       4096
#define CONFIG_NAME_MAX       254 /* of a Kubernetes object, with the end */
#define CONFIG_SCHEDULERS_MAX 16
#define CONFIG_CLIENTS_MAX    16
#define CONFIG_FILE_MAX       (1u << 20)

/* How kube-scheduler is led to a member's planned node. */
enum config_steering { CONFIG_STEER_BY_NOMINATION, CONFIG_STEER_BY_ANNOTATION };
enum config_lists { CONFIG_LIST_AS_STREAM, CONFIG_LIST_IN_PAGES };
enum config_compression { CONFIG_GZIP, CONFIG_NO_COMPRESSION };
enum config_journal_compression { CONFIG_ZSTD, CONFIG_UNCOMPRESSED };

/* Paths are "" for none. */
struct config_tls {
    char certificate_file[CONFIG_PATH_MAX];
    char key_file[CONFIG_PATH_MAX];
    char client_ca_file[CONFIG_PATH_MAX];
    char client_names[CONFIG_CLIENTS_MAX][CONFIG_NAME_MAX];
    uint32_t client_name_count;
};

struct config {
    char listen_address[CONFIG_ADDRESS_MAX];
    uint16_t listen_port;
    struct config_tls tls;
    bool allow_unauthenticated;
    char operations_address[CONFIG_ADDRESS_MAX]; /* "": no listener of its own */
    uint16_t operations_port;
    struct config_tls operations_tls;
    size_t max_body;
    size_t max_memory;
    uint32_t max_connections;
    int64_t header_timeout_ms;
    int64_t body_timeout_ms;
    int64_t idle_timeout_ms;
    size_t minimum_rate; /* bytes a second */
    char kubeconfig[CONFIG_PATH_MAX];
    /* schedulerName of the pods that Phalanx is asked about; gangs of others are not planned. */
    char scheduler_names[CONFIG_SCHEDULERS_MAX][CONFIG_NAME_MAX];
    uint32_t scheduler_count;
    enum config_steering steering;
    uint32_t writes_in_flight;
    int64_t write_patience_ms;
    int64_t watch_patience_ms;
    enum config_lists lists;
    enum config_compression compression;
    const char *preset; /* static name, or NULL: levels of one's own */
    struct levels levels;
    bool levels_given;                     /* by the file, not the preset */
    char topology_import[CONFIG_PATH_MAX]; /* "" for none */
    int64_t hold_timeout_ms;
    int64_t backoff_initial_ms;
    int64_t backoff_maximum_ms;
    int64_t repair_timeout_ms;
    enum engine_incomplete incomplete;
    enum engine_preference preference;
    uint32_t tenant_gangs;
    uint32_t tenant_holds;
    char journal_directory[CONFIG_PATH_MAX]; /* "" for none */
    int64_t journal_segment_size;            /* bytes */
    int64_t journal_keep_size;               /* bytes */
    int64_t journal_keep_age_ms;
    enum config_journal_compression journal_compression;
    char lease_namespace[CONFIG_NAME_MAX];
    char lease_name[CONFIG_NAME_MAX]; /* "": no election, this process leads */
    char lease_identity[128];         /* "": to be made up */
    int64_t lease_duration_ms;
    int64_t lease_renew_deadline_ms;
    int64_t lease_retry_period_ms;
    char peer_address[CONFIG_ADDRESS_MAX]; /* "": not listened on for other processes */
    uint16_t peer_port;
    char peer_told[CONFIG_ADDRESS_MAX + 8]; /* "address:port"; "": to be found out */
    enum log_level log_level;
    enum log_format log_format;
};

void config_default(struct config *config);

/* Reads a file on top of what `config` holds; no side effects on failure. A relative
 * topology.import or journal.directory is relative to the file. The imported levels are not in
 * `levels` yet: see import_configured(). */
int config_load(struct config *config, const char *path, struct err *err);
int config_parse(struct config *config, const char *text, size_t length, struct err *err);

/* "address:port" into the two fields of a listener. */
int config_set_listen(struct config *config, const char *text, struct err *err);
int config_set_operations(struct config *config, const char *text, struct err *err);
/* Whether the section `server` is one to start with; to be asked when flags have had their say. */
int config_server_check(const struct config *config, struct err *err);
/* Whether nobody outside of this network namespace reaches an address. */
bool config_is_loopback(const char *address);

/* The names of the served schedulers, *borrowed* from `config`: scheduler_count of them. */
void config_schedulers(const struct config *config, const char *names[CONFIG_SCHEDULERS_MAX]);

/* The engine's options as configured. Levels are *borrowed* from `config`; the seed of the hashes
 * stays the default one. */
void config_engine(const struct config *config, struct engine_options *options);

/* The words for the enums above, for enum engine_incomplete and for enum engine_preference, in
 * their order; NULL ends. */
extern const char *const config_steerings[];
extern const char *const config_lists[];
extern const char *const config_compressions[];
extern const char *const config_journal_compressions[];
extern const char *const config_incomplete_policies[];
extern const char *const config_preferences[];

#endif
