// SPDX-License-Identifier: Apache-2.0
#include "api/kube/client/access.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/json/fields.h"
#include "api/kube/client/base64.h"
#include "api/yaml/yaml.h"
#include "topology/base/alloc.h"

/* A kubeconfig is three lists of named things and the name of the context that picks one of each
 * (k8s.io/client-go tools/clientcmd/api/v1/types.go):
 *
 *   current-context ─▶ contexts[name].context ─▶ clusters[cluster].cluster   where
 *                                            └─▶ users[user].user            who
 *
 * What would change who we are or how we get there, and is not supported, is an error with the
 * member's name instead of being passed over: commands of exec plugins are not run, proxies not
 * used.
 */

static bool is_there(const char *text)
{
    return text != NULL && text[0] != '\0';
}

/* Overwrites a secret before its memory goes back. */
static void release_secret(char **secret)
{
    if (*secret != NULL) {
        explicit_bzero(*secret, strlen(*secret));
        free(*secret);
        *secret = NULL;
    }
}

void kube_access_finish(struct kube_access *access)
{
    free(access->server);
    free(access->ca_file);
    free(access->ca_data);
    free(access->certificate_file);
    free(access->certificate_data);
    free(access->key_file);
    release_secret(&access->key_data);
    release_secret(&access->token);
    free(access->token_file);
    free(access->tls_server_name);
    *access = (struct kube_access){.server = NULL};
}

void kube_access_copy(struct kube_access *to, const struct kube_access *from)
{
    *to = (struct kube_access){
        .server = alloc_string(from->server),
        .ca_file = alloc_string(from->ca_file),
        .ca_data = alloc_string(from->ca_data),
        .certificate_file = alloc_string(from->certificate_file),
        .certificate_data = alloc_string(from->certificate_data),
        .key_file = alloc_string(from->key_file),
        .key_data = alloc_string(from->key_data),
        .token = alloc_string(from->token),
        .token_file = alloc_string(from->token_file),
        .tls_server_name = alloc_string(from->tls_server_name),
        .insecure = from->insecure,
    };
}

/* list[i].member where list[i].name is `name`. */
static int find_named(const struct field *root, const char *list_name, const char *member,
                      const char *name, struct field links[3], struct err *err)
{
    if (field_array(root, list_name, &links[0], err) != 0) {
        return -1;
    }
    for (size_t i = 0; i < field_count(&links[0]); i++) {
        const char *candidate = NULL;
        if (field_element(&links[0], i, &links[1], err) != 0 ||
            field_string(&links[1], "name", &candidate, err) != 0) {
            return -1;
        }
        if (candidate != NULL && strcmp(candidate, name) == 0) {
            return field_object(&links[1], member, &links[2], err);
        }
    }
    return field_fail(&links[0], err, "there is no entry named \"%s\"", name);
}

static int refuse_members(const struct field *field, const char *const *names, struct err *err)
{
    for (; *names != NULL; names++) {
        const json_t *json = json_object_get(field->json, *names);
        if (json != NULL && !json_is_null(json)) {
            return field_fail(field, err, "%s is not supported", *names);
        }
    }
    return 0;
}

/* *New* path, taken relative to the folder of the kubeconfig. */
static char *resolve_path(const char *kubeconfig, const char *path)
{
    const char *slash = strrchr(kubeconfig, '/');
    if (path[0] == '/' || slash == NULL) {
        return alloc_string(path);
    }
    size_t folder = (size_t)(slash - kubeconfig) + 1;
    char *joined = alloc_zero(folder + strlen(path) + 1, 1);
    memcpy(joined, kubeconfig, folder);
    memcpy(joined + folder, path, strlen(path));
    return joined;
}

static int read_path(const struct field *field, const char *name, const char *kubeconfig,
                     char **path, struct err *err)
{
    const char *text = NULL;
    if (field_string(field, name, &text, err) != 0) {
        return -1;
    }
    if (is_there(text)) {
        *path = resolve_path(kubeconfig, text);
    }
    return 0;
}

static int read_text(const struct field *field, const char *name, char **copy, struct err *err)
{
    const char *text = NULL;
    if (field_string(field, name, &text, err) != 0) {
        return -1;
    }
    if (is_there(text)) {
        *copy = alloc_string(text);
    }
    return 0;
}

/* Inline PEM, which goes before the file of the same thing. */
static int read_data(const struct field *field, const char *name, char **data, char **file,
                     struct err *err)
{
    const char *text = NULL;
    if (field_string(field, name, &text, err) != 0) {
        return -1;
    }
    if (!is_there(text)) {
        return 0;
    }
    size_t length = 0;
    struct err cause;
    *data = base64_decode(text, &length, &cause);
    if (*data == NULL) {
        return field_fail(field, err, "%s: %s", name, cause.text);
    }
    if (strlen(*data) != length || strstr(*data, "-----BEGIN ") == NULL) {
        return field_fail(field, err, "%s: not PEM", name);
    }
    free(*file);
    *file = NULL;
    return 0;
}

static int set_server(struct kube_access *access, const char *server, struct err *err)
{
    if (strncmp(server, "https://", 8) != 0 && strncmp(server, "http://", 7) != 0) {
        return err_set(err, "server \"%s\" does not start with https:// or http://", server);
    }
    if (server[strcspn(server, " \t\r\n\"<>?#")] != '\0') {
        return err_set(err, "server \"%s\" is not a URL", server);
    }
    size_t length = strlen(server);
    while (server[length - 1] == '/') {
        length--;
    }
    access->server = alloc_string_n(server, length);
    return 0;
}

static int read_cluster(struct kube_access *access, const struct field *cluster,
                        const char *kubeconfig, struct err *err)
{
    static const char *const REFUSED[] = {"proxy-url", NULL};
    const char *server = NULL;
    bool insecure = false;
    if (field_name(cluster, "server", &server, err) != 0 || set_server(access, server, err) != 0 ||
        refuse_members(cluster, REFUSED, err) != 0 ||
        field_bool(cluster, "insecure-skip-tls-verify", &insecure, err) != 0 ||
        read_text(cluster, "tls-server-name", &access->tls_server_name, err) != 0 ||
        read_path(cluster, "certificate-authority", kubeconfig, &access->ca_file, err) != 0 ||
        read_data(cluster, "certificate-authority-data", &access->ca_data, &access->ca_file, err) !=
            0) {
        return -1;
    }
    access->insecure = insecure;
    if (insecure && (access->ca_file != NULL || access->ca_data != NULL)) {
        return field_fail(cluster, err,
                          "insecure-skip-tls-verify together with a certificate authority");
    }
    return 0;
}

static int read_user(struct kube_access *access, const struct field *user, const char *kubeconfig,
                     struct err *err)
{
    static const char *const REFUSED[] = {
        "exec",      "auth-provider", "username",      "password", "as",
        "as-groups", "as-uid",        "as-user-extra", NULL,
    };
    if (refuse_members(user, REFUSED, err) != 0 ||
        read_path(user, "client-certificate", kubeconfig, &access->certificate_file, err) != 0 ||
        read_data(user, "client-certificate-data", &access->certificate_data,
                  &access->certificate_file, err) != 0 ||
        read_path(user, "client-key", kubeconfig, &access->key_file, err) != 0 ||
        read_data(user, "client-key-data", &access->key_data, &access->key_file, err) != 0 ||
        read_text(user, "token", &access->token, err) != 0 ||
        read_path(user, "tokenFile", kubeconfig, &access->token_file, err) != 0) {
        return -1;
    }
    bool certificate = access->certificate_file != NULL || access->certificate_data != NULL;
    bool key = access->key_file != NULL || access->key_data != NULL;
    if (certificate != key) {
        return field_fail(user, err, "a client certificate needs a client key, and vice versa");
    }
    if (access->token != NULL && access->token[strcspn(access->token, " \t\r\n")] != '\0') {
        return field_fail(user, err, "token: contains white space");
    }
    return 0;
}

static int read_kubeconfig(struct kube_access *access, const json_t *json, const char *kubeconfig,
                           struct err *err)
{
    struct field root;
    struct field links[3];
    const char *context = NULL;
    const char *cluster = NULL;
    const char *user = NULL;
    if (field_root(json, &root, err) != 0 ||
        field_name(&root, "current-context", &context, err) != 0 ||
        find_named(&root, "contexts", "context", context, links, err) != 0 ||
        field_name(&links[2], "cluster", &cluster, err) != 0 ||
        field_string(&links[2], "user", &user, err) != 0 ||
        find_named(&root, "clusters", "cluster", cluster, links, err) != 0 ||
        read_cluster(access, &links[2], kubeconfig, err) != 0) {
        return -1;
    }
    if (!is_there(user)) {
        return 0; /* anonymous */
    }
    if (find_named(&root, "users", "user", user, links, err) != 0) {
        return -1;
    }
    return read_user(access, &links[2], kubeconfig, err);
}

static int load_kubeconfig(struct kube_access *access, const char *path, struct err *err)
{
    json_t *documents = yaml_load_file(path, err);
    if (documents == NULL) {
        return -1;
    }
    int result = -1;
    if (json_array_size(documents) != 1) {
        err_set(err, "%s: %zu documents instead of one", path, json_array_size(documents));
    } else if (read_kubeconfig(access, json_array_get(documents, 0), path, err) != 0) {
        err_prefix(err, "%s", path);
    } else {
        result = 0;
    }
    json_decref(documents);
    return result;
}

static char *join(const char *directory, const char *name)
{
    size_t room = strlen(directory) + strlen(name) + 2;
    char *path = alloc_zero(room, 1);
    (void)snprintf(path, room, "%s/%s", directory, name);
    return path;
}

int kube_access_in_cluster(struct kube_access *access, const char *directory, struct err *err)
{
    *access = (struct kube_access){.server = NULL};
    const char *host = getenv("KUBERNETES_SERVICE_HOST");
    const char *port = getenv("KUBERNETES_SERVICE_PORT");
    if (!is_there(host) || !is_there(port)) {
        return err_set(err,
                       "no kubeconfig given, and not in a cluster: $KUBERNETES_SERVICE_HOST and "
                       "$KUBERNETES_SERVICE_PORT are not set");
    }
    char server[512];
    bool ipv6 = strchr(host, ':') != NULL;
    (void)snprintf(server, sizeof server, "https://%s%s%s:%s", ipv6 ? "[" : "", host,
                   ipv6 ? "]" : "", port);
    if (set_server(access, server, err) != 0) {
        return -1;
    }
    access->token_file = join(directory, "token");
    access->ca_file = join(directory, "ca.crt");
    const char *const files[] = {access->token_file, access->ca_file};
    for (size_t i = 0; i < 2; i++) {
        if (faccessat(AT_FDCWD, files[i], R_OK, 0) != 0) {
            err_set(err, "%s: %s", files[i], strerrordesc_np(errno));
            kube_access_finish(access);
            return -1;
        }
    }
    return 0;
}

int kube_access_load(struct kube_access *access, const char *path, struct err *err)
{
    *access = (struct kube_access){.server = NULL};
    path = is_there(path) ? path : getenv("KUBECONFIG");
    if (!is_there(path)) {
        return kube_access_in_cluster(access, KUBE_ACCESS_SERVICE_ACCOUNT, err);
    }
    if (strchr(path, ':') != NULL) {
        return err_set(err, "%s: more than one kubeconfig is not supported", path);
    }
    if (load_kubeconfig(access, path, err) != 0) {
        kube_access_finish(access);
        return -1;
    }
    return 0;
}
