// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "api/base/clock.h"
#include "api/cli/cli.h"
#include "api/daemon/embedded_backend.h"
#include "api/daemon/loop.h"
#include "api/daemon/routes.h"
#include "api/import/import.h"
#include "api/kube/io.h"
#include "api/ops/config.h"
#include "api/ops/identity.h"
#include "version.h"

/* `phalanx serve`: puts the parts together, runs the loop, takes them apart in reverse.
 *
 * Order matters: signals are blocked before the Kubernetes thread exists. The socket is open before
 * it, too, because this process is known by it (identity.h), and it is closed after that thread has
 * ended. The HTTP server goes before the core because the core's answers end in it.
 */

#define DRAIN_GRACE_MS 10000

static const char usage[] =
    "usage: phalanx serve [--config FILE] [--kubeconfig FILE | --snapshot FILE]\n"
    "                     [--listen ADDRESS:PORT] [--port-file FILE]\n"
    "                     [--journal FILE] [--log-level LEVEL] [--log-format FORMAT]\n"
    "\n"
    "Answers kube-scheduler's extender calls until SIGTERM or SIGINT.\n"
    "\n"
    "  --config FILE       configuration (YAML); flags override it\n"
    "  --kubeconfig FILE   how to reach the API server; default: $KUBECONFIG, else in-cluster\n"
    "  --snapshot FILE     no API server: serve an embedded cluster, loaded from what\n"
    "                      `kubectl get nodes,pods,podgroups -A -o json` prints\n"
    "  --listen A:P        address and port, default 127.0.0.1:10270; port 0 takes a free one\n"
    "  --port-file FILE    write the port there once listening\n"
    "  --journal FILE      record every event and decision there, for `phalanx replay`\n"
    "  --log-level LEVEL   debug, info, warning or error\n"
    "  --log-format FORMAT json or text\n";

struct serve_flags {
    const char *config;
    const char *kubeconfig;
    const char *snapshot;
    const char *listen;
    const char *port_file;
    const char *journal;
    const char *log_level;
    const char *log_format;
    bool help;
};

/* Everything that lives as long as the daemon. */
struct daemon {
    struct config config;
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

static int parse_flags(int argc, char **argv, struct serve_flags *flags)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"kubeconfig", required_argument, NULL, 'k'},
        {"snapshot", required_argument, NULL, 's'},
        {"listen", required_argument, NULL, 'l'},
        {"port-file", required_argument, NULL, 'p'},
        {"journal", required_argument, NULL, 'j'},
        {"log-level", required_argument, NULL, 'v'},
        {"log-format", required_argument, NULL, 'f'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int flag;
    memset(flags, 0, sizeof(*flags));
    optind = 1;
    while ((flag = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (flag) {
        case 'c':
            flags->config = optarg;
            break;
        case 'k':
            flags->kubeconfig = optarg;
            break;
        case 's':
            flags->snapshot = optarg;
            break;
        case 'l':
            flags->listen = optarg;
            break;
        case 'p':
            flags->port_file = optarg;
            break;
        case 'j':
            flags->journal = optarg;
            break;
        case 'v':
            flags->log_level = optarg;
            break;
        case 'f':
            flags->log_format = optarg;
            break;
        case 'h':
            flags->help = true;
            break;
        default:
            return -1;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "phalanx serve: %s: unexpected argument\n", argv[optind]);
        return -1;
    }
    if (flags->kubeconfig != NULL && flags->snapshot != NULL) {
        fprintf(stderr, "phalanx serve: --kubeconfig and --snapshot exclude each other\n");
        return -1;
    }
    return 0;
}

static int take_path(char to[CONFIG_PATH_MAX], const char *path, const char *flag, struct err *err)
{
    if (path != NULL && (size_t)snprintf(to, CONFIG_PATH_MAX, "%s", path) >= CONFIG_PATH_MAX) {
        return err_set(err, "%s: longer than %d", flag, CONFIG_PATH_MAX - 1);
    }
    return 0;
}

static int configure(const struct serve_flags *flags, struct config *config, struct err *err)
{
    config_default(config);
    if (flags->config != NULL && config_load(config, flags->config, err) < 0) {
        return -1;
    }
    if (flags->listen != NULL && config_set_listen(config, flags->listen, err) < 0) {
        return err_prefix(err, "--listen");
    }
    if (take_path(config->kubeconfig, flags->kubeconfig, "--kubeconfig", err) < 0 ||
        take_path(config->journal_file, flags->journal, "--journal", err) < 0) {
        return -1;
    }
    if (flags->log_level != NULL && log_level_parse(flags->log_level, &config->log_level) < 0) {
        return err_set(err, "--log-level: %s: must be debug, info, warning or error",
                       flags->log_level);
    }
    if (flags->log_format != NULL && log_format_parse(flags->log_format, &config->log_format) < 0) {
        return err_set(err, "--log-format: %s: must be json or text", flags->log_format);
    }
    return 0;
}

static void log_from_kube(void *context, int level, const char *message)
{
    static const enum log_level levels[] = {LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR};
    log_text(context, levels[level < 0 || level > 3 ? 3 : level], message, "component",
             "kubernetes", NULL);
}

static void kube_submit(void *context, const struct effect *effect)
{
    kube_io_submit(context, effect);
}

static void kube_flush(void *context)
{
    kube_io_flush(context);
}

static struct kube_batch *kube_take(void *context)
{
    return kube_io_take(context);
}

static void kube_called(void *context)
{
    kube_io_called(context);
}

static void kube_followed(void *context)
{
    kube_io_followed(context);
}

static bool kube_released(void *context)
{
    return kube_io_released(context);
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
    daemon->backend = (struct backend){
        .context = daemon->kube,
        .fd = kube_io_fd(daemon->kube),
        .submit = kube_submit,
        .flush = kube_flush,
        .take = kube_take,
        .called = kube_called,
        .followed = kube_followed,
        .released = kube_released,
    };
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
        return -1;
    }
    const struct intake_options options = {
        .overlay = overlay, .warn = warn, .context = daemon->log};
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

/* Written whole under another name first, so that a reader never sees half a number. */
static int write_port(const char *path, uint16_t port, struct err *err)
{
    char temporary[CONFIG_PATH_MAX];
    if ((size_t)snprintf(temporary, sizeof(temporary), "%s.new", path) >= sizeof(temporary)) {
        return err_set(err, "--port-file: the path is too long");
    }
    FILE *file = fopen(temporary, "we");
    if (file == NULL) {
        return err_set(err, "%s: %s", temporary, strerror(errno));
    }
    fprintf(file, "%u\n", port);
    if (fclose(file) != 0 || rename(temporary, path) != 0) {
        return err_set(err, "%s: %s", path, strerror(errno));
    }
    return 0;
}

static void daemon_finish(struct daemon *daemon)
{
    if (daemon->calls != NULL) {
        calls_fail_all(daemon->calls, "Phalanx is stopping");
    }
    if (daemon->core != NULL) { /* else nobody could answer */
        http_server_run(daemon->server);
    }
    kube_io_destroy(daemon->kube, 2000);
    http_server_destroy(daemon->server);
    core_destroy(daemon->core);
    calls_destroy(daemon->calls);
    journal_file_destroy(daemon->journal);
    embedded_backend_destroy(daemon->embedded);
    intake_destroy(daemon->intake);
    metrics_destroy(daemon->metrics);
    log_destroy(daemon->log);
}

/* Bodies and answers of some hundred KiB come and go with every call: mapping them anew each time
 * costs more than writing them. */
static void keep_memory(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, 16 << 20);
    (void)mallopt(M_TRIM_THRESHOLD, 64 << 20);
}

static int serve(const struct serve_flags *flags, struct err *err)
{
    struct daemon daemon;
    int result = -1;
    keep_memory();
    memset(&daemon, 0, sizeof(daemon));
    int signals = loop_block_signals(err);
    if (signals < 0) {
        return -1;
    }
    if (configure(flags, &daemon.config, err) < 0) {
        result = CLI_USAGE;
        goto out;
    }
    daemon.log = log_create(STDERR_FILENO, daemon.config.log_level, daemon.config.log_format);
    daemon.metrics = metrics_create();
    if (listen_on(&daemon, err) < 0 || open_backend(&daemon, flags->snapshot, err) < 0) {
        goto out;
    }
    if (choose_topology(&daemon, err) < 0) {
        result = daemon.config.topology_import[0] != '\0' ? CLI_USAGE : -1;
        goto out;
    }
    if (make_core(&daemon, err) < 0) {
        goto out;
    }
    make_routes(&daemon);
    if (flags->port_file != NULL &&
        write_port(flags->port_file, http_server_port(daemon.server), err) < 0) {
        goto out;
    }
    struct loop_options options = {
        .routes = &daemon.routes,
        .backend = daemon.backend,
        .grace_ms = DRAIN_GRACE_MS,
    };
    result = loop_run(&options, signals, err);
    log_text(daemon.log, LOG_INFO, "stopped", NULL);
out:
    daemon_finish(&daemon);
    close(signals);
    return result;
}

int cli_serve(int argc, char **argv)
{
    struct serve_flags flags;
    struct err err;
    if (parse_flags(argc, argv, &flags) < 0) {
        fputs(usage, stderr);
        return CLI_USAGE;
    }
    if (flags.help) {
        fputs(usage, stdout);
        return CLI_OK;
    }
    int result = serve(&flags, &err);
    if (result != 0) {
        fprintf(stderr, "phalanx serve: %s\n", err.text);
    }
    return result == 0 ? CLI_OK : result == CLI_USAGE ? CLI_USAGE : CLI_RUNTIME;
}
