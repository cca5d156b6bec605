// SPDX-License-Identifier: Apache-2.0
#include "api/daemon/daemon.h"

#include <malloc.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "api/base/clock.h"
#include "api/daemon/embedded_backend.h"
#include "api/daemon/loop.h"
#include "api/daemon/routes.h"
#include "api/import/import.h"
#include "api/kube/io.h"
#include "api/ops/identity.h"
#include "topology/base/alloc.h"
#include "version.h"

/* Puts the parts together, runs the loop, takes them apart in reverse.
 *
 * Order matters: signals are blocked before the Kubernetes thread exists. The socket is open before
 * it, too, because this process is known by it (identity.h), and it is closed after that thread has
 * ended. The HTTP server goes before the core because the core's answers end in it.
 */

#define OPERATIONS_CONNECTIONS 256
#define OPERATIONS_BODY_MAX    (64 << 10) /* nobody has to send one */
#define DRAIN_GRACE_MS         10000
#define END_GRACE_MS           2000 /* for writes that are still under way */

struct daemon {
    struct config config;
    bool embedding;                                /* no API server: objects are posted to us */
    const char *schedulers[CONFIG_SCHEDULERS_MAX]; /* texts of the configuration */
    int signals;                                   /* signalfd */
    struct intake *intake;
    struct log *log;
    struct metrics *metrics;
    struct recorder *journal; /* or NULL */
    struct embedded_backend *embedded;
    struct kube_io *kube;
    struct backend backend;
    struct calls *calls;
    struct core *core;
    struct http_server *server;
    struct http_server *operations; /* or NULL */
    struct routes routes;
    struct routes_listener listener, operations_listener;
};

static void log_from_kube(void *context, int level, const char *message)
{
    static const enum log_level levels[] = {LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR};
    log_text(context, levels[level < 0 || level > 3 ? 3 : level], message, "component",
             "kubernetes", NULL);
}

/* The options of the election, NULL when there is none. `identity` is a buffer for them. */
static const struct election_options *choose_election(const struct daemon *daemon,
                                                      struct election_options *election,
                                                      char *identity)
{
    const struct config *config = &daemon->config;
    if (config->lease_name[0] == '\0') {
        return NULL;
    }
    identity_make(identity, LEASE_IDENTITY_MAX, config->listen_address,
                  http_server_port(daemon->server));
    *election = (struct election_options){
        .lease =
            {
                .name_space = config->lease_namespace,
                .name = config->lease_name,
                .identity = config->lease_identity[0] != '\0' ? config->lease_identity : identity,
                .duration_ms = config->lease_duration_ms,
                .renew_deadline_ms = config->lease_renew_deadline_ms,
                .retry_period_ms = config->lease_retry_period_ms,
            },
        .peer_address = config->peer_address,
        .peer_port = config->peer_port,
        .peer_told = config->peer_told,
    };
    uint64_t *seed = &election->lease.seed;
    (void)!getrandom(seed, sizeof *seed, GRND_NONBLOCK); /* only spreads attempts */
    return election;
}

static int connect_cluster(struct daemon *daemon, struct err *err)
{
    struct kube_access access;
    const char *path = daemon->config.kubeconfig[0] != '\0' ? daemon->config.kubeconfig : NULL;
    if (kube_access_load(&access, path, err) < 0) {
        return -1;
    }
    struct election_options election;
    char identity[LEASE_IDENTITY_MAX];
    struct kube_io_options options = {
        .schedulers = daemon->schedulers,
        .scheduler_count = daemon->config.scheduler_count,
        .election = choose_election(daemon, &election, identity),
        .access = &access,
        .writes_in_flight = daemon->config.writes_in_flight,
        .steer_by_annotation = daemon->config.steering == CONFIG_STEER_BY_ANNOTATION,
        .stream_lists = daemon->config.lists == CONFIG_LIST_AS_STREAM,
        .compress = daemon->config.compression == CONFIG_GZIP,
        .write_patience_ms = daemon->config.write_patience_ms,
        .log = log_from_kube,
        .log_context = daemon->log,
    };
    log_text(daemon->log, LOG_INFO, "connecting", "server", access.server, NULL);
    int result = kube_io_create(&options, &daemon->kube, err);
    kube_access_finish(&access);
    if (result < 0) {
        return -1;
    }
    daemon->backend = kube_io_backend(daemon->kube);
    return 0;
}

static int open_backend(struct daemon *daemon, const char *snapshot, struct err *err)
{
    if (snapshot == NULL) {
        return connect_cluster(daemon, err);
    }
    if (embedded_backend_create(snapshot, &daemon->embedded, err) < 0) {
        return -1;
    }
    daemon->backend = embedded_backend_backend(daemon->embedded);
    return 0;
}

static void warn(void *context, const char *what, const char *why)
{
    log_text(context, LOG_WARNING, what, "error", why, NULL);
}

/* Which topology counts. Without an API server the snapshot may hold one. */
static int choose_topology(struct daemon *daemon, struct err *err)
{
    struct overlay *overlay = NULL;
    const json_t *objects = daemon->embedded == NULL
                                ? NULL
                                : cluster_topologies(embedded_backend_cluster(daemon->embedded));
    if (import_configured(&daemon->config, objects, &overlay, err) < 0) {
        return daemon->config.topology_import[0] != '\0' ? DAEMON_MISCONFIGURED : -1;
    }
    const struct intake_options options = {
        .schedulers = daemon->schedulers,
        .scheduler_count = daemon->config.scheduler_count,
        .overlay = overlay,
        .warn = warn,
        .context = daemon->log,
    };
    daemon->intake = intake_create(&options);
    return 0;
}

static void log_from_journal(void *context, enum recorder_level level, const char *what,
                             const char *segment, const char *why)
{
    static const enum log_level levels[] = {LOG_INFO, LOG_WARNING, LOG_ERROR};
    struct log_field fields[3] = {{NULL, NULL, 0}};
    int count = 0;
    if (segment != NULL) {
        fields[count++] = (struct log_field){"segment", segment, 0};
    }
    if (why != NULL) {
        fields[count++] = (struct log_field){"error", why, 0};
    }
    fields[count].key = NULL;
    log_write(context, levels[level], what, fields);
}

static int open_journal(struct daemon *daemon, const struct engine_options *engine, struct err *err)
{
    const struct config *config = &daemon->config;
    struct recorder_options options = {
        .path = config->journal_directory,
        .segment_size = config->journal_segment_size,
        .keep_size = config->journal_keep_size,
        .keep_age_ms = config->journal_keep_age_ms,
        .compress = config->journal_compression == CONFIG_ZSTD,
        .engine = engine,
        .started = clock_ms(),
        .program = PHALANX_VERSION,
        .tell = log_from_journal,
        .context = daemon->log,
    };
    if (options.path[0] == '\0') {
        return 0;
    }
    return recorder_create(&options, &daemon->journal, err) < 0 ? err_prefix(err, "journal") : 0;
}

static int make_core(struct daemon *daemon, struct err *err)
{
    struct engine_options options;
    config_engine(&daemon->config, &options);
    /* Clients choose names; without entropy the tables work just the same. */
    (void)!getrandom(&options.hash_seed, sizeof(options.hash_seed), GRND_NONBLOCK);
    uint32_t limit = http_server_connection_limit(daemon->server);
    options.waiting_most = limit - CALLS_RESERVED(limit);
    if (open_journal(daemon, &options, err) < 0) {
        return -1;
    }
    daemon->calls = calls_create(daemon->log, daemon->metrics, options.waiting_most);
    struct core_options core_options = {
        .engine = &options,
        .log = daemon->log,
        .metrics = daemon->metrics,
        .backend = daemon->backend,
        .intake = daemon->intake,
        .journal = daemon->journal,
        .bind_reply = calls_bind_reply,
        .bind_context = daemon->calls,
    };
    daemon->core = core_create(&core_options);
    calls_attach(daemon->calls, daemon->core);
    return 0;
}

static void renewed(void *context, const char *error)
{
    const struct routes_listener *listener = context;
    const char *section = listener->extender ? "server.tls" : "server.operations.tls";
    struct log *log = listener->routes->log;
    if (error == NULL) {
        log_text(log, LOG_INFO, "new certificates are in use", "section", section, NULL);
    } else {
        log_text(log, LOG_ERROR,
                 "the certificates have changed and are no good: the former ones stay", "section",
                 section, "error", error, NULL);
    }
}

/* `names` is room for CONFIG_CLIENTS_MAX pointers. */
static const struct http_tls_options *tls_of(const struct config_tls *config, bool required,
                                             struct http_tls_options *options, const char **names)
{
    if (config->certificate_file[0] == '\0') {
        return NULL;
    }
    for (uint32_t i = 0; i < config->client_name_count; i++) {
        names[i] = config->client_names[i];
    }
    *options = (struct http_tls_options){
        .certificate_file = config->certificate_file,
        .key_file = config->key_file,
        .client_ca_file = config->client_ca_file[0] == '\0' ? NULL : config->client_ca_file,
        .names = names,
        .name_count = config->client_name_count,
        .required = required,
    };
    return options;
}

static int open_listener(struct daemon *daemon, struct routes_listener *listener,
                         struct http_server **server, struct err *err)
{
    const struct config *config = &daemon->config;
    const char *names[CONFIG_CLIENTS_MAX];
    struct http_tls_options tls;
    const char *address = listener->extender ? config->listen_address : config->operations_address;
    struct http_server_options options = {
        .address = address,
        .port = listener->extender ? config->listen_port : config->operations_port,
        .max_connections = listener->extender ? config->max_connections : OPERATIONS_CONNECTIONS,
        .max_body =
            listener->extender || daemon->embedding ? config->max_body : OPERATIONS_BODY_MAX,
        .max_memory = config->max_memory,
        .idle_seconds = (unsigned)(config->idle_timeout_ms / 1000),
        .header_seconds = (unsigned)(config->header_timeout_ms / 1000),
        .body_seconds = (unsigned)(config->body_timeout_ms / 1000),
        .minimum_rate = config->minimum_rate,
        .tls = tls_of(listener->extender ? &config->tls : &config->operations_tls,
                      listener->extender, &tls, names),
        .handler = routes_handle,
        .renewed = renewed,
        .context = listener,
    };
    if (http_server_create(&options, server, err) < 0) {
        return err_prefix(err, listener->extender ? "server" : "server.operations");
    }
    const struct log_field fields[] = {
        {"address", address, 0},
        {"port", NULL, http_server_port(*server)},
        {"serves",
         listener->extender && listener->operations ? "kube-scheduler, operations"
         : listener->extender                       ? "kube-scheduler"
                                                    : "operations",
         0},
        {"tls",
         options.tls == NULL                   ? "off"
         : options.tls->client_ca_file == NULL ? "on"
         : listener->extender                  ? "on, clients need a certificate"
                                               : "on, clients are asked for a certificate",
         0},
        {"connections", NULL, http_server_connection_limit(*server)},
        {"version", PHALANX_VERSION, 0},
        {NULL, NULL, 0},
    };
    log_write(daemon->log, LOG_INFO, "listening", fields);
    return 0;
}

/* Nothing is answered before the loop runs. */
static int listen_on(struct daemon *daemon, struct err *err)
{
    const struct config *config = &daemon->config;
    bool apart = config->operations_address[0] != '\0';
    bool certified = config->operations_tls.client_ca_file[0] != '\0';
    daemon->routes.log = daemon->log;
    daemon->listener =
        (struct routes_listener){.routes = &daemon->routes, .extender = true, .operations = !apart};
    if (open_listener(daemon, &daemon->listener, &daemon->server, err) < 0) {
        return -1;
    }
    daemon->operations_listener = (struct routes_listener){
        .routes = &daemon->routes,
        .operations = true,
        .certified = certified,
        .nameless =
            !config_is_loopback(config->operations_address) && !config->allow_unauthenticated,
    };
    return !apart ? 0
                  : open_listener(daemon, &daemon->operations_listener, &daemon->operations, err);
}

static void make_routes(struct daemon *daemon)
{
    daemon->routes = (struct routes){
        .core = daemon->core,
        .calls = daemon->calls,
        .metrics = daemon->metrics,
        .log = daemon->log,
        .kube = daemon->kube,
        .embedded = daemon->embedded,
        .journal = daemon->journal,
        .server = daemon->server,
        .operations = daemon->operations,
        .watch_patience_ms = daemon->config.watch_patience_ms,
        .started = clock_ms(),
    };
}

/* Bodies and answers of some hundred KiB come and go with every call: mapping them anew each time
 * costs more than writing them. */
static void keep_memory(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, 16 << 20);
    (void)mallopt(M_TRIM_THRESHOLD, 64 << 20);
}

static int put_together(struct daemon *daemon, const char *snapshot, struct err *err)
{
    daemon->signals = loop_block_signals(err);
    if (daemon->signals < 0) {
        return -1;
    }
    daemon->log = log_create(STDERR_FILENO, daemon->config.log_level, daemon->config.log_format);
    daemon->metrics = metrics_create();
    if (log_queue_lines(daemon->log, err) < 0) {
        return -1;
    }
    if (listen_on(daemon, err) < 0 || open_backend(daemon, snapshot, err) < 0) {
        return -1;
    }
    int result = choose_topology(daemon, err);
    if (result < 0) {
        return result;
    }
    if (make_core(daemon, err) < 0) {
        return -1;
    }
    make_routes(daemon);
    return 0;
}

int daemon_create(const struct daemon_options *options, struct daemon **daemon, struct err *err)
{
    struct daemon *created = alloc_zero(1, sizeof(*created));
    created->config = *options->config;
    created->embedding = options->snapshot != NULL;
    config_schedulers(&created->config, created->schedulers);
    keep_memory();
    int result = put_together(created, options->snapshot, err);
    if (result < 0) {
        daemon_destroy(created);
        return result;
    }
    *daemon = created;
    return 0;
}

void daemon_destroy(struct daemon *daemon)
{
    if (daemon == NULL) {
        return;
    }
    if (daemon->calls != NULL) {
        calls_fail_all(daemon->calls, "Phalanx is stopping");
    }
    if (daemon->core != NULL) { /* else nobody could answer */
        http_server_run(daemon->server);
    }
    kube_io_destroy(daemon->kube, END_GRACE_MS);
    http_server_destroy(daemon->server);
    http_server_destroy(daemon->operations);
    core_destroy(daemon->core);
    calls_destroy(daemon->calls);
    recorder_destroy(daemon->journal);
    embedded_backend_destroy(daemon->embedded);
    intake_destroy(daemon->intake);
    metrics_destroy(daemon->metrics);
    log_destroy(daemon->log);
    if (daemon->signals >= 0) {
        close(daemon->signals);
    }
    free(daemon);
}

uint16_t daemon_port(const struct daemon *daemon)
{
    return http_server_port(daemon->server);
}

uint16_t daemon_operations_port(const struct daemon *daemon)
{
    return daemon->operations == NULL ? 0 : http_server_port(daemon->operations);
}

int daemon_run(struct daemon *daemon, struct err *err)
{
    struct loop_options options = {
        .routes = &daemon->routes,
        .backend = daemon->backend,
        .grace_ms = DRAIN_GRACE_MS,
    };
    int result = loop_run(&options, daemon->signals, err);
    log_text(daemon->log, LOG_INFO, "stopped", NULL);
    return result;
}
