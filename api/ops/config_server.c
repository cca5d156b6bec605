// SPDX-License-Identifier: Apache-2.0
#include "api/ops/config_server.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/ops/config_values.h"
#include "api/ops/duration.h"

/* Two listeners. That of the extender moves pods: whoever is not alone with kube-scheduler on a
 * loopback has to prove who calls. That of operations only tells, of health to everybody and of
 * anything with a name in it to whom the configuration lets in; see routes.h.
 */

#define KEY_PATH_MAX 96

void config_server_default(struct config *config)
{
    snprintf(config->listen_address, sizeof config->listen_address, "127.0.0.1");
    config->listen_port = 10270;
    config->max_body = 32u << 20;
    config->max_memory = 128u << 20;
    config->max_connections = 8192;
    config->header_timeout_ms = 10000;
    config->body_timeout_ms = 15000;
    config->idle_timeout_ms = 120000; /* Go keeps idle connections for 90 s, and repeats no POST */
    config->minimum_rate = 256 << 10;
}

static int split_address(const char *text, char address[CONFIG_ADDRESS_MAX], uint16_t *port,
                         struct err *err)
{
    const char *colon = strrchr(text, ':');
    size_t length = colon == NULL ? 0 : (size_t)(colon - text);
    bool brackets = length > 2 && text[0] == '[' && text[length - 1] == ']';
    const char *first = brackets ? text + 1 : text;
    length -= brackets ? 2 : 0;
    char host[CONFIG_ADDRESS_MAX];
    unsigned char binary[sizeof(struct in6_addr)];
    if (colon == NULL || length == 0 || length >= sizeof host) {
        return err_set(err, "\"%.100s\" is not address:port (such as 127.0.0.1:10270)", text);
    }
    memcpy(host, first, length);
    host[length] = '\0';
    if (inet_pton(brackets ? AF_INET6 : AF_INET, host, binary) != 1) {
        return err_set(err, "\"%s\" is not an %s address", host,
                       brackets ? "IPv6" : "IPv4 or [IPv6]");
    }
    const char *digits = colon + 1;
    size_t digit_count = strspn(digits, "0123456789");
    unsigned long number = strtoul(digits, NULL, 10);
    if (digit_count == 0 || digit_count > 5 || digits[digit_count] != '\0' || number > 65535) {
        return err_set(err, "\"%.100s\" is not a port (0 to 65535)", digits);
    }
    snprintf(address, CONFIG_ADDRESS_MAX, "%s", host);
    *port = (uint16_t)number;
    return 0;
}

int config_set_listen(struct config *config, const char *text, struct err *err)
{
    return split_address(text, config->listen_address, &config->listen_port, err);
}

int config_set_operations(struct config *config, const char *text, struct err *err)
{
    return split_address(text, config->operations_address, &config->operations_port, err);
}

bool config_is_loopback(const char *address)
{
    struct in_addr v4;
    struct in6_addr v6;
    return inet_pton(AF_INET, address, &v4) == 1
               ? (ntohl(v4.s_addr) >> 24) == 127
               : inet_pton(AF_INET6, address, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

typedef int read_function(struct config *config, const json_t *value, const char *path,
                          struct err *err);

struct member {
    const char *name;
    read_function *read;
};

static int read_members(struct config *config, const struct member *known, const json_t *value,
                        const char *path, struct err *err)
{
    /* jansson iterates over an object only through a pointer that could change it. */
    json_t *members = (json_t *)(uintptr_t)value;
    const char *name;
    json_t *member;
    if (!json_is_object(value)) {
        return config_values_wrong_type(value, path, "a mapping", err);
    }
    json_object_foreach(members, name, member)
    {
        char member_path[KEY_PATH_MAX];
        const struct member *found = known;
        snprintf(member_path, sizeof member_path, "%s.%s", path, name);
        while (found->name != NULL && strcmp(found->name, name) != 0) {
            found++;
        }
        if (found->name == NULL) {
            char names[160] = "";
            size_t length = 0;
            for (found = known; found->name != NULL && length < sizeof names; found++) {
                length += (size_t)snprintf(names + length, sizeof names - length, "%s%s",
                                           length == 0 ? "" : ", ", found->name);
            }
            return err_set(err, "%s: unknown key (known: %s)", member_path, names);
        }
        if (!json_is_null(member) && found->read(config, member, member_path, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int read_listen(struct config *config, const json_t *value, const char *path,
                       struct err *err)
{
    if (!json_is_string(value)) {
        return config_values_wrong_type(value, path, "a string such as \"127.0.0.1:10270\"", err);
    }
    return config_set_listen(config, json_string_value(value), err) < 0
               ? err_prefix(err, "%s", path)
               : 0;
}

static int read_operations_listen(struct config *config, const json_t *value, const char *path,
                                  struct err *err)
{
    if (!json_is_string(value)) {
        return config_values_wrong_type(value, path, "a string such as \"0.0.0.0:10271\"", err);
    }
    if (json_string_length(value) == 0) {
        config->operations_address[0] = '\0';
        return 0;
    }
    return config_set_operations(config, json_string_value(value), err) < 0
               ? err_prefix(err, "%s", path)
               : 0;
}

static int read_bytes(size_t *to, const json_t *value, int64_t most, const char *limits,
                      const char *path, struct err *err)
{
    int64_t bytes;
    if (config_values_bytes(&bytes, value, 1 << 10, most, limits, path, err) < 0) {
        return -1;
    }
    *to = (size_t)bytes;
    return 0;
}

static int read_max_body(struct config *config, const json_t *value, const char *path,
                         struct err *err)
{
    return read_bytes(&config->max_body, value, 1 << 30, "1Ki to 1Gi", path, err);
}

static int read_max_memory(struct config *config, const json_t *value, const char *path,
                           struct err *err)
{
    return read_bytes(&config->max_memory, value, (int64_t)16 << 30, "1Ki to 16Gi", path, err);
}

static int read_minimum_rate(struct config *config, const json_t *value, const char *path,
                             struct err *err)
{
    return read_bytes(&config->minimum_rate, value, 1 << 30, "1Ki to 1Gi", path, err);
}

static int read_max_connections(struct config *config, const json_t *value, const char *path,
                                struct err *err)
{
    if (!json_is_integer(value)) {
        return config_values_wrong_type(value, path, "a whole number", err);
    }
    json_int_t number = json_integer_value(value);
    if (number < 16 || number > 65536) {
        return err_set(err, "%s: %" JSON_INTEGER_FORMAT " is out of range (16 to 65536)", path,
                       number);
    }
    config->max_connections = (uint32_t)number;
    return 0;
}

static int read_timeout(int64_t *to, const json_t *value, const char *path, struct err *err)
{
    int64_t duration;
    if (!json_is_string(value)) {
        return config_values_wrong_type(value, path, "a duration such as \"30s\"", err);
    }
    if (duration_parse(json_string_value(value), &duration, err) < 0) {
        return err_prefix(err, "%s", path);
    }
    if (duration < 1000 || duration > 3600000 || duration % 1000 != 0) {
        return err_set(err, "%s: %s is out of range (1s to 1h0m0s, in whole seconds)", path,
                       json_string_value(value));
    }
    *to = duration;
    return 0;
}

static int read_header_timeout(struct config *config, const json_t *value, const char *path,
                               struct err *err)
{
    return read_timeout(&config->header_timeout_ms, value, path, err);
}

static int read_body_timeout(struct config *config, const json_t *value, const char *path,
                             struct err *err)
{
    return read_timeout(&config->body_timeout_ms, value, path, err);
}

static int read_idle_timeout(struct config *config, const json_t *value, const char *path,
                             struct err *err)
{
    return read_timeout(&config->idle_timeout_ms, value, path, err);
}

static int read_timeouts(struct config *config, const json_t *value, const char *path,
                         struct err *err)
{
    static const struct member known[] = {{"header", read_header_timeout},
                                          {"body", read_body_timeout},
                                          {"idle", read_idle_timeout},
                                          {NULL, NULL}};
    return read_members(config, known, value, path, err);
}

static int read_allow_unauthenticated(struct config *config, const json_t *value, const char *path,
                                      struct err *err)
{
    if (!json_is_boolean(value)) {
        return config_values_wrong_type(value, path, "true or false", err);
    }
    config->allow_unauthenticated = json_is_true(value);
    return 0;
}

static int read_client_names(struct config_tls *tls, const json_t *value, const char *path,
                             struct err *err)
{
    size_t count = json_array_size(value);
    if (!json_is_array(value) || count > CONFIG_CLIENTS_MAX) {
        return err_set(err, "%s: must be a list of at most %d names", path, CONFIG_CLIENTS_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *name = json_array_get(value, i);
        const char *text = json_string_value(name);
        if (text == NULL || text[0] == '\0' || json_string_length(name) >= CONFIG_NAME_MAX ||
            strlen(text) != json_string_length(name)) {
            return err_set(err, "%s[%zu]: is no name", path, i);
        }
        snprintf(tls->client_names[i], CONFIG_NAME_MAX, "%s", text);
    }
    tls->client_name_count = (uint32_t)count;
    return 0;
}

static int read_tls_of(struct config_tls *tls, const json_t *value, const char *path,
                       struct err *err)
{
    json_t *members = (json_t *)(uintptr_t)value;
    const char *name;
    json_t *member;
    if (!json_is_object(value)) {
        return config_values_wrong_type(value, path, "a mapping", err);
    }
    json_object_foreach(members, name, member)
    {
        char member_path[KEY_PATH_MAX];
        char *to = strcmp(name, "certificateFile") == 0 ? tls->certificate_file
                   : strcmp(name, "keyFile") == 0       ? tls->key_file
                   : strcmp(name, "clientCAFile") == 0  ? tls->client_ca_file
                                                        : NULL;
        bool names = strcmp(name, "clientNames") == 0;
        snprintf(member_path, sizeof member_path, "%s.%s", path, name);
        if (to == NULL && !names) {
            return err_set(err,
                           "%s: unknown key (known: certificateFile, keyFile, clientCAFile, "
                           "clientNames)",
                           member_path);
        }
        if (!json_is_null(member) &&
            (names ? read_client_names(tls, member, member_path, err)
                   : config_values_path(to, CONFIG_PATH_MAX, member, member_path, err)) < 0) {
            return -1;
        }
    }
    return 0;
}

static int read_tls(struct config *config, const json_t *value, const char *path, struct err *err)
{
    return read_tls_of(&config->tls, value, path, err);
}

static int read_operations_tls(struct config *config, const json_t *value, const char *path,
                               struct err *err)
{
    return read_tls_of(&config->operations_tls, value, path, err);
}

static int read_operations(struct config *config, const json_t *value, const char *path,
                           struct err *err)
{
    static const struct member known[] = {
        {"listen", read_operations_listen}, {"tls", read_operations_tls}, {NULL, NULL}};
    return read_members(config, known, value, path, err);
}

int config_server_read(struct config *config, const json_t *value, const char *path,
                       struct err *err)
{
    static const struct member known[] = {{"listen", read_listen},
                                          {"tls", read_tls},
                                          {"allowUnauthenticated", read_allow_unauthenticated},
                                          {"operations", read_operations},
                                          {"maxBodySize", read_max_body},
                                          {"maxMemory", read_max_memory},
                                          {"maxConnections", read_max_connections},
                                          {"timeouts", read_timeouts},
                                          {"minimumRate", read_minimum_rate},
                                          {NULL, NULL}};
    if (read_members(config, known, value, path, err) < 0) {
        return -1;
    }
    if (json_object_get(value, "maxMemory") == NULL && config->max_memory < 2 * config->max_body) {
        config->max_memory = 4 * config->max_body;
    }
    return 0;
}

static int check_tls(const struct config_tls *tls, const char *path, struct err *err)
{
    bool certificate = tls->certificate_file[0] != '\0', key = tls->key_file[0] != '\0';
    if (certificate != key) {
        return err_set(err, "%s.%s: is missing beside the other one", path,
                       certificate ? "keyFile" : "certificateFile");
    }
    if (tls->client_ca_file[0] != '\0' && !certificate) {
        return err_set(err, "%s.certificateFile: is missing beside clientCAFile", path);
    }
    if (tls->client_name_count > 0 && tls->client_ca_file[0] == '\0') {
        return err_set(err, "%s.clientCAFile: is missing beside clientNames", path);
    }
    return 0;
}

int config_server_check(const struct config *config, struct err *err)
{
    if (check_tls(&config->tls, "server.tls", err) < 0 ||
        check_tls(&config->operations_tls, "server.operations.tls", err) < 0) {
        return -1;
    }
    if (config->operations_tls.certificate_file[0] != '\0' &&
        config->operations_address[0] == '\0') {
        return err_set(err, "server.operations.listen: is missing beside server.operations.tls");
    }
    if (config->max_memory < 2 * config->max_body) {
        return err_set(err, "server.maxMemory: must be at least twice server.maxBodySize");
    }
    if (!config_is_loopback(config->listen_address) && config->tls.client_ca_file[0] == '\0' &&
        !config->allow_unauthenticated) {
        return err_set(err,
                       "server.listen: %s can be reached from elsewhere, and who calls may bind "
                       "pods: give server.tls with a clientCAFile, or say "
                       "server.allowUnauthenticated: true",
                       config->listen_address);
    }
    return 0;
}

static int resolve_tls(struct config_tls *tls, const char *key, const char *file, struct err *err)
{
    char *paths[] = {tls->certificate_file, tls->key_file, tls->client_ca_file};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        if (config_values_relative(paths[i], CONFIG_PATH_MAX, key, file, err) < 0) {
            return -1;
        }
    }
    return 0;
}

int config_server_resolve(struct config *config, const char *file, struct err *err)
{
    return resolve_tls(&config->tls, "server.tls", file, err) < 0 ||
                   resolve_tls(&config->operations_tls, "server.operations.tls", file, err) < 0
               ? -1
               : 0;
}

static json_t *address_describe(const char *address, uint16_t port)
{
    char text[CONFIG_ADDRESS_MAX + 16];
    bool brackets = strchr(address, ':') != NULL;
    snprintf(text, sizeof text, "%s%s%s:%u", brackets ? "[" : "", address, brackets ? "]" : "",
             port);
    return json_string(address[0] == '\0' ? "" : text);
}

static json_t *tls_describe(const struct config_tls *tls)
{
    json_t *names = json_array();
    for (uint32_t i = 0; i < tls->client_name_count; i++) {
        json_array_append_new(names, json_string(tls->client_names[i]));
    }
    return json_pack("{s:s, s:s, s:s, s:o}", "certificateFile", tls->certificate_file, "keyFile",
                     tls->key_file, "clientCAFile", tls->client_ca_file, "clientNames", names);
}

static json_t *seconds_describe(int64_t milliseconds)
{
    char text[DURATION_TEXT_MAX];
    return json_string(duration_text(milliseconds, text, sizeof text));
}

json_t *config_server_describe(const struct config *config)
{
    json_t *operations =
        json_pack("{s:o, s:o}", "listen",
                  address_describe(config->operations_address, config->operations_port), "tls",
                  tls_describe(&config->operations_tls));
    json_t *timeouts =
        json_pack("{s:o, s:o, s:o}", "header", seconds_describe(config->header_timeout_ms), "body",
                  seconds_describe(config->body_timeout_ms), "idle",
                  seconds_describe(config->idle_timeout_ms));
    return json_pack("{s:o, s:o, s:b, s:o, s:I, s:I, s:I, s:o, s:I}", "listen",
                     address_describe(config->listen_address, config->listen_port), "tls",
                     tls_describe(&config->tls), "allowUnauthenticated",
                     config->allow_unauthenticated, "operations", operations, "maxBodySize",
                     (json_int_t)config->max_body, "maxMemory", (json_int_t)config->max_memory,
                     "maxConnections", (json_int_t)config->max_connections, "timeouts", timeouts,
                     "minimumRate", (json_int_t)config->minimum_rate);
}
