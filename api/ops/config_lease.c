// SPDX-License-Identifier: Apache-2.0
#include "api/ops/config_lease.h"

#include <ctype.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/ops/duration.h"
#include "topology/base/alloc.h"

/* One Lease, named "namespace/name"; without a name there is no election. The times have the
 * defaults and the order of client-go's leaderelection, so that who knows those knows these.
 *
 * leaseDuration is written into the Lease in whole seconds, rounded up: others wait no less than
 * this process counts on.
 */

#define DURATION_LEAST_MS 1000
#define DURATION_MOST_MS  3600000
#define PERIOD_LEAST_MS   100

void config_lease_default(struct config *config)
{
    config->lease_duration_ms = 15000;
    config->lease_renew_deadline_ms = 10000;
    config->lease_retry_period_ms = 2000;
}

/* Whether the text can be part of a path in the API: a DNS subdomain (RFC 1123). */
static bool is_name(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (!islower(c) && !isdigit(c) && c != '-' && c != '.') {
            return false;
        }
    }
    return length > 0 && length < CONFIG_NAME_MAX && text[0] != '.' && text[length - 1] != '.' &&
           text[0] != '-' && text[length - 1] != '-';
}

static int read_lease(struct config *config, const char *text, const char *path, struct err *err)
{
    const char *slash = strchr(text, '/');
    size_t length = slash == NULL ? 0 : (size_t)(slash - text);
    if (text[0] == '\0') {
        config->lease_namespace[0] = '\0';
        config->lease_name[0] = '\0';
        return 0;
    }
    if (slash == NULL || !is_name(text, length) || !is_name(slash + 1, strlen(slash + 1))) {
        return err_set(err, "%s.lease: \"%.200s\" is not namespace/name", path, text);
    }
    memcpy(config->lease_namespace, text, length);
    config->lease_namespace[length] = '\0';
    (void)snprintf(config->lease_name, sizeof config->lease_name, "%s", slash + 1);
    return 0;
}

static int read_identity(struct config *config, const char *text, const char *path, struct err *err)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (!isgraph((unsigned char)*c)) {
            return err_set(err, "%s.identity: must be one word of ASCII", path);
        }
    }
    if (strlen(text) >= sizeof config->lease_identity) {
        return err_set(err, "%s.identity: is longer than %zu", path,
                       sizeof config->lease_identity - 1);
    }
    (void)snprintf(config->lease_identity, sizeof config->lease_identity, "%s", text);
    return 0;
}

static int read_time(int64_t *to, const char *text, const char *path, const char *name,
                     int64_t least, struct err *err)
{
    int64_t duration;
    if (duration_parse(text, &duration, err) < 0) {
        return err_prefix(err, "%s.%s", path, name);
    }
    if (duration < least || duration > DURATION_MOST_MS) {
        char from[DURATION_TEXT_MAX], to_text[DURATION_TEXT_MAX];
        return err_set(err, "%s.%s: %s is out of range (%s to %s)", path, name, text,
                       duration_text(least, from, sizeof from),
                       duration_text(DURATION_MOST_MS, to_text, sizeof to_text));
    }
    *to = duration;
    return 0;
}

/* "address:port" into its parts, by the rules of server.listen. */
static int read_peer(char *address, uint16_t *port, const char *text, const char *path,
                     const char *name, struct err *err)
{
    struct config *parsed = alloc_zero(1, sizeof *parsed);
    int result = text[0] == '\0' ? 0 : config_set_listen(parsed, text, err);
    if (result == 0) {
        memcpy(address, parsed->listen_address, CONFIG_ADDRESS_MAX);
        *port = parsed->listen_port;
    } else {
        (void)err_prefix(err, "%s.%s", path, name);
    }
    free(parsed);
    return result;
}

static int read_told(struct config *config, const char *text, const char *path, struct err *err)
{
    char address[CONFIG_ADDRESS_MAX];
    uint16_t port = 0;
    if (read_peer(address, &port, text, path, "address", err) < 0) {
        return -1;
    }
    if (text[0] != '\0' && port == 0) {
        return err_set(err, "%s.address: others cannot connect to port 0", path);
    }
    (void)snprintf(config->peer_told, sizeof config->peer_told, "%s", text);
    return 0;
}

enum member { LEASE, IDENTITY, DURATION, DEADLINE, PERIOD, LISTEN, ADDRESS, MEMBERS };
static const char *const member_names[MEMBERS] = {
    "lease", "identity", "leaseDuration", "renewDeadline", "retryPeriod", "listen", "address"};

static int read_member(struct config *config, enum member which, const char *text, const char *path,
                       struct err *err)
{
    const char *name = member_names[which];
    switch (which) {
    case LEASE:
        return read_lease(config, text, path, err);
    case IDENTITY:
        return read_identity(config, text, path, err);
    case DURATION:
        return read_time(&config->lease_duration_ms, text, path, name, DURATION_LEAST_MS, err);
    case DEADLINE:
        return read_time(&config->lease_renew_deadline_ms, text, path, name, PERIOD_LEAST_MS, err);
    case PERIOD:
        return read_time(&config->lease_retry_period_ms, text, path, name, PERIOD_LEAST_MS, err);
    case LISTEN:
        return read_peer(config->peer_address, &config->peer_port, text, path, name, err);
    case ADDRESS:
        return read_told(config, text, path, err);
    case MEMBERS:
        break;
    }
    return -1;
}

int config_lease_read(struct config *config, const json_t *value, const char *path, struct err *err)
{
    /* jansson iterates over an object only through a pointer that could change it. */
    json_t *members = (json_t *)(uintptr_t)value;
    const char *name;
    json_t *member;
    if (!json_is_object(value)) {
        return err_set(err, "%s: must be a mapping", path);
    }
    json_object_foreach(members, name, member)
    {
        int which = 0;
        while (which < MEMBERS && strcmp(member_names[which], name) != 0) {
            which++;
        }
        if (which == MEMBERS) {
            return err_set(err,
                           "%s.%s: unknown key (known: lease, identity, leaseDuration, "
                           "renewDeadline, retryPeriod, listen, address)",
                           path, name);
        }
        if (json_is_null(member)) {
            continue;
        }
        const char *text = json_string_value(member);
        if (text == NULL || strlen(text) != json_string_length(member)) {
            return err_set(err, "%s.%s: must be a string", path, name);
        }
        if (read_member(config, (enum member)which, text, path, err) < 0) {
            return -1;
        }
    }
    return 0;
}

int config_lease_check(const struct config *config, struct err *err)
{
    if (config->lease_duration_ms <= config->lease_renew_deadline_ms) {
        return err_set(err, "highAvailability.leaseDuration: must be longer than renewDeadline");
    }
    /* As in client-go: a renewal is tried more than once before the deadline. */
    if (config->lease_renew_deadline_ms * 5 <= config->lease_retry_period_ms * 6) {
        return err_set(err,
                       "highAvailability.renewDeadline: must be longer than 1.2 times retryPeriod");
    }
    if (config->peer_told[0] != '\0' && config->peer_address[0] == '\0') {
        return err_set(err, "highAvailability.address: there is nothing at it without listen");
    }
    return 0;
}

json_t *config_lease_describe(const struct config *config)
{
    char lease[2 * CONFIG_NAME_MAX + 1] = "";
    char duration[DURATION_TEXT_MAX], deadline[DURATION_TEXT_MAX], period[DURATION_TEXT_MAX];
    if (config->lease_name[0] != '\0') {
        (void)snprintf(lease, sizeof lease, "%s/%s", config->lease_namespace, config->lease_name);
    }
    char listen[CONFIG_ADDRESS_MAX + 16] = "";
    bool six = strchr(config->peer_address, ':') != NULL;
    if (config->peer_address[0] != '\0') {
        (void)snprintf(listen, sizeof listen, "%s%s%s:%u", six ? "[" : "", config->peer_address,
                       six ? "]" : "", config->peer_port);
    }
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "lease", lease, "identity", config->lease_identity,
        "leaseDuration", duration_text(config->lease_duration_ms, duration, sizeof duration),
        "renewDeadline", duration_text(config->lease_renew_deadline_ms, deadline, sizeof deadline),
        "retryPeriod", duration_text(config->lease_retry_period_ms, period, sizeof period),
        "listen", listen, "address", config->peer_told);
}
