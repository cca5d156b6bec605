// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/cli/cli.h"
#include "api/cli/flags.h"
#include "api/daemon/daemon.h"
#include "api/ops/config.h"
#include "api/ops/network.h"

/* `phalanx serve`: the flags on top of the configuration, then the daemon.
 */

#define NOT_GIVEN (-1)

struct serve_flags {
    const char *config;
    const char *kubeconfig;
    const char *snapshot;
    const char *listen;
    const char *operations;
    const char *port_file;
    const char *journal;
    int log_level;  /* enum log_level, or NOT_GIVEN */
    int log_format; /* enum log_format, or NOT_GIVEN */
};

static const struct flag serve_flags[] = {
    {.name = "config",
     .value = "FILE",
     .kind = FLAG_TEXT,
     .to = offsetof(struct serve_flags, config),
     .help = "configuration (YAML); flags override it"},
    {.name = "kubeconfig",
     .value = "FILE",
     .kind = FLAG_TEXT,
     .to = offsetof(struct serve_flags, kubeconfig),
     .help = "how to reach the API server; default: $KUBECONFIG, else in-cluster"},
    {.name = "snapshot",
     .value = "FILE",
     .kind = FLAG_TEXT,
     .or_the_one_above = true,
     .to = offsetof(struct serve_flags, snapshot),
     .help = "no API server: serve an embedded cluster, loaded from what `kubectl get "
             "nodes,pods,podgroups -A -o json` prints"},
    {.name = "listen",
     .value = "ADDRESS:PORT",
     .kind = FLAG_TEXT,
     .to = offsetof(struct serve_flags, listen),
     .help = "default 127.0.0.1:10270; port 0 takes a free one"},
    {.name = "operations",
     .value = "ADDRESS:PORT",
     .kind = FLAG_TEXT,
     .to = offsetof(struct serve_flags, operations),
     .help = "health, metrics and the API there, and not at --listen"},
    {.name = "port-file",
     .value = "FILE",
     .kind = FLAG_TEXT,
     .to = offsetof(struct serve_flags, port_file),
     .help = "write the port there once listening, and below it that of --operations"},
    {.name = "journal",
     .value = "DIRECTORY",
     .kind = FLAG_TEXT,
     .to = offsetof(struct serve_flags, journal),
     .help = "record every event and decision there, for `phalanx replay`"},
    {.name = "log-level",
     .value = "LEVEL",
     .kind = FLAG_CHOICE,
     .choices = log_levels,
     .to = offsetof(struct serve_flags, log_level),
     .help = "debug, info, warning or error"},
    {.name = "log-format",
     .value = "FORMAT",
     .kind = FLAG_CHOICE,
     .choices = log_formats,
     .to = offsetof(struct serve_flags, log_format),
     .help = "json or text"},
    {.name = NULL},
};

static const struct flags syntax = {
    .command = "serve",
    .about = "Answers kube-scheduler's extender calls until SIGTERM or SIGINT.",
    .flags = serve_flags,
};

static int take_path(char to[CONFIG_PATH_MAX], const char *path, const char *flag, struct err *err)
{
    if (path != NULL && (size_t)snprintf(to, CONFIG_PATH_MAX, "%s", path) >= CONFIG_PATH_MAX) {
        return err_set(err, "%s: longer than %d", flag, CONFIG_PATH_MAX - 1);
    }
    return 0;
}

/* On the network of the node, loopback is for everybody there. */
static int check_network(const struct config *config, struct err *err)
{
    if (config->tls.client_ca_file[0] == '\0' && !config->allow_unauthenticated &&
        network_is_of_node("/sys/class/net")) {
        return err_set(err,
                       "server.tls.clientCAFile: is missing, and this pod shares the network of "
                       "its node, where anybody may call who reaches %s: give server.tls with a "
                       "clientCAFile, or say server.allowUnauthenticated: true",
                       config->listen_address);
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
    if (flags->operations != NULL && config_set_operations(config, flags->operations, err) < 0) {
        return err_prefix(err, "--operations");
    }
    if (config_server_check(config, err) < 0 || check_network(config, err) < 0) {
        return -1;
    }
    if (take_path(config->kubeconfig, flags->kubeconfig, "--kubeconfig", err) < 0 ||
        take_path(config->journal_directory, flags->journal, "--journal", err) < 0) {
        return -1;
    }
    if (flags->log_level != NOT_GIVEN) {
        config->log_level = (enum log_level)flags->log_level;
    }
    if (flags->log_format != NOT_GIVEN) {
        config->log_format = (enum log_format)flags->log_format;
    }
    return 0;
}

/* Written whole under another name first, so that a reader never sees half a number. */
static int write_port(const char *path, const struct daemon *daemon, struct err *err)
{
    char temporary[CONFIG_PATH_MAX];
    if ((size_t)snprintf(temporary, sizeof(temporary), "%s.new", path) >= sizeof(temporary)) {
        return err_set(err, "--port-file: the path is too long");
    }
    FILE *file = fopen(temporary, "we");
    if (file == NULL) {
        return err_set(err, "%s: %s", temporary, strerror(errno));
    }
    fprintf(file, "%u\n", daemon_port(daemon));
    if (daemon_operations_port(daemon) != 0) {
        fprintf(file, "%u\n", daemon_operations_port(daemon));
    }
    if (fclose(file) != 0 || rename(temporary, path) != 0) {
        return err_set(err, "%s: %s", path, strerror(errno));
    }
    return 0;
}

static int serve(const struct serve_flags *flags, struct err *err)
{
    struct config config;
    struct daemon *daemon = NULL;
    if (configure(flags, &config, err) < 0) {
        return CLI_USAGE;
    }
    const struct daemon_options options = {.config = &config, .snapshot = flags->snapshot};
    int created = daemon_create(&options, &daemon, err);
    if (created < 0) {
        return created == DAEMON_MISCONFIGURED ? CLI_USAGE : CLI_RUNTIME;
    }
    bool done = (flags->port_file == NULL || write_port(flags->port_file, daemon, err) == 0) &&
                daemon_run(daemon, err) == 0;
    daemon_destroy(daemon);
    return done ? CLI_OK : CLI_RUNTIME;
}

int cli_serve(int argc, char **argv)
{
    struct serve_flags flags = {.log_level = NOT_GIVEN, .log_format = NOT_GIVEN};
    struct err err;
    int result = flags_parse(&syntax, argc, argv, &flags);
    if (result != FLAGS_GO) {
        return result;
    }
    result = serve(&flags, &err);
    if (result != CLI_OK) {
        fprintf(stderr, "phalanx serve: %s\n", err.text);
    }
    return result;
}
