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

#define DRAIN_GRACE_MS 10000
#define END_GRACE_MS   2000 /* for writes that are still under way */

struct daemon {
    struct config config;
    const char *schedulers[CONFIG_SCHEDULERS_MAX]; /* texts of the configuration */
    int signals;                                   /* signalfd */
    struct intake *intake;
    struct log *log;
    struct metrics *metrics;
    struct journal_file *journal; /* or NULL */
    struct embedded_backend *embedded;
    struct kube_io *kube;
    struct backend backend;
    struct calls *calls;
    struct core *core;
    struct http_server *server;
    struct routes routes;
};

static void log_from_kube(void *context, int level, const char *message)
{
    static const enum log_level levels[] = {LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR};
    log_text(context, levels[level < 0 || level > 3 ? 3 : level], message, "component",
             "kubernetes", NULL);
}

/* The options of the election, NULL when there is none. `identity` is a buffer for them. */
static const struct lease_options *choose_lease(const struct daemon *daemon,
                                                struct lease_options *lease, char *identity)
{
    const struct config *config = &daemon->config;
    if (config->lease_name[0] == '\0') {
        return NULL;
    }
    identity_make(identity, LEASE_IDENTITY_MAX, config->listen_address,
                  http_server_port(daemon->server));
    *lease = (struct lease_options){
        .name_space = config->lease_namespace,
        .name = config->lease_name,
        .identity = config->lease_identity[0] != '\0' ? config->lease_identity : identity,
        .duration_ms = config->lease_duration_ms,
        .renew_deadline_ms = config->lease_renew_deadline_ms,
        .retry_period_ms = config->lease_retry_period_ms,
    };
    (void)!getrandom(&lease->seed, sizeof(lease->seed), GRND_NONBLOCK); /* only spreads attempts */
    return lease;
}

static int connect_cluster(struct daemon *daemon, struct err *err)
{
    struct kube_access access;
    const char *path = daemon->config.kubeconfig[0] != '\0' ? daemon->config.kubeconfig : NULL;
    if (kube_access_load(&access, path, err) < 0) {
        return -1;
    }
    struct lease_options lease;
    char identity[LEASE_IDENTITY_MAX];
    struct kube_io_options options = {
        .schedulers = daemon->schedulers,
        .scheduler_count = daemon->config.scheduler_count,
        .lease = choose_lease(daemon, &lease, identity),
        .access = &access,
        .writes_in_flight = daemon->config.writes_in_flight,
        .steer_by_annotation = daemon->config.steering == CONFIG_STEER_BY_ANNOTATION,
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

static int open_journal(struct daemon *daemon, const struct engine_options *engine, struct err *err)
{
    struct journal_file_options options = {
        .path = daemon->config.journal_file,
        .most = daemon->config.journal_most,
        .engine = engine,
        .started = clock_ms(),
        .program = PHALANX_VERSION,
        .log = daemon->log,
    };
    if (options.path[0] == '\0') {
        return 0;
    }
    return journal_file_create(&options, &daemon->journal, err) < 0 ? err_prefix(err, "journal")
                                                                    : 0;
}

static int make_core(struct daemon *daemon, struct err *err)
{
    struct engine_options options;
    config_engine(&daemon->config, &options);
    /* Clients choose names; without entropy the tables work just the same. */
    (void)!getrandom(&options.hash_seed, sizeof(options.hash_seed), GRND_NONBLOCK);
    if (open_journal(daemon, &options, err) < 0) {
        return -1;
    }
    daemon->calls = calls_create(daemon->log, daemon->metrics);
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

/* Nothing is answered before the loop runs. */
static int listen_on(struct daemon *daemon, struct err *err)
{
    const struct config *config = &daemon->config;
    struct http_server_options options = {
        .address = config->listen_address,
        .port = config->listen_port,
        .max_connections = config->max_connections,
        .max_body = config->max_body,
        .idle_seconds = 120, /* Go keeps idle connections for 90 s and does not repeat a POST */
        .handler = routes_handle,
        .context = &daemon->routes,
    };
    if (http_server_create(&options, &daemon->server, err) < 0) {
        return -1;
    }
    const struct log_field fields[] = {
        {"address", config->listen_address, 0},
        {"port", NULL, http_server_port(daemon->server)},
        {"connections", NULL, http_server_connection_limit(daemon->server)},
        {"version", PHALANX_VERSION, 0},
        {NULL, NULL, 0},
    };
    log_write(daemon->log, LOG_INFO, "listening", fields);
    return 0;
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
    core_destroy(daemon->core);
    calls_destroy(daemon->calls);
    journal_file_destroy(daemon->journal);
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
