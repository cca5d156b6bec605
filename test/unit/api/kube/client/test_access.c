// SPDX-License-Identifier: Apache-2.0
#include "api/kube/client/access.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "test/unit/check_main.h"

#define PATH_ROOM 256

static char directory[] = "/tmp/test_access_XXXXXX";

static void setup(void)
{
    ck_assert_ptr_nonnull(mkdtemp(directory));
    unsetenv("KUBECONFIG");
    unsetenv("KUBERNETES_SERVICE_HOST");
    unsetenv("KUBERNETES_SERVICE_PORT");
}

static void put(const char *name, const char *text)
{
    char path[PATH_ROOM];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static void teardown(void)
{
    static const char *const NAMES[] = {"config", "token", "ca.crt"};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        char path[PATH_ROOM];
        (void)snprintf(path, sizeof path, "%s/%s", directory, NAMES[i]);
        (void)unlink(path);
    }
    ck_assert_int_eq(rmdir(directory), 0);
}

static int load(struct kube_access *access, const char *kubeconfig, struct err *err)
{
    char path[PATH_ROOM];
    put("config", kubeconfig);
    (void)snprintf(path, sizeof path, "%s/config", directory);
    return kube_access_load(access, path, err);
}

/* "-----BEGIN X-----" */
#define PEM_BASE64 "LS0tLS1CRUdJTiBYLS0tLS0="
#define PEM_TEXT   "-----BEGIN X-----"

#define HEAD                                                       \
    "apiVersion: v1\nkind: Config\ncurrent-context: here\n"        \
    "contexts:\n- {name: other, context: {cluster: x, user: y}}\n" \
    "- {name: here, context: {cluster: c, user: u, namespace: z}}\n"
#define CLUSTER(members) "clusters:\n- {name: c, cluster: {" members "}}\n"
#define USER(members)    "users:\n- {name: v}\n- {name: u, user: {" members "}}\n"
#define SERVER           "server: 'https://host:6443'"

START_TEST(inline_data)
{
    struct err err;
    struct kube_access access;
    ck_assert_msg(load(&access,
                       HEAD CLUSTER("server: 'https://host:6443//', tls-server-name: kubernetes,"
                                    "certificate-authority: ca.crt,"
                                    "certificate-authority-data: " PEM_BASE64)
                           USER("client-certificate-data: " PEM_BASE64
                                ", client-certificate: gone, client-key-data: " PEM_BASE64),
                       &err) == 0,
                  "%s", err.text);
    ck_assert_str_eq(access.server, "https://host:6443");
    ck_assert_str_eq(access.tls_server_name, "kubernetes");
    ck_assert_str_eq(access.ca_data, PEM_TEXT);
    ck_assert_ptr_null(access.ca_file);
    ck_assert_str_eq(access.certificate_data, PEM_TEXT);
    ck_assert_ptr_null(access.certificate_file);
    ck_assert_str_eq(access.key_data, PEM_TEXT);
    ck_assert_ptr_null(access.token);
    ck_assert_int_eq(access.insecure, 0);
    struct kube_access copy;
    kube_access_copy(&copy, &access);
    kube_access_finish(&access);
    ck_assert_ptr_null(access.server);
    ck_assert_str_eq(copy.key_data, PEM_TEXT);
    ck_assert_ptr_null(copy.token_file);
    kube_access_finish(&copy);
}
END_TEST

START_TEST(files)
{
    struct err err;
    struct kube_access access;
    ck_assert_msg(load(&access,
                       HEAD CLUSTER(SERVER ", certificate-authority: pki/ca.crt")
                           USER("client-certificate: /abs/c.crt, client-key: k.pem,"
                                " token: abc, tokenFile: token"),
                       &err) == 0,
                  "%s", err.text);
    char expected[PATH_ROOM];
    (void)snprintf(expected, sizeof expected, "%s/pki/ca.crt", directory);
    ck_assert_str_eq(access.ca_file, expected);
    ck_assert_str_eq(access.certificate_file, "/abs/c.crt");
    (void)snprintf(expected, sizeof expected, "%s/k.pem", directory);
    ck_assert_str_eq(access.key_file, expected);
    (void)snprintf(expected, sizeof expected, "%s/token", directory);
    ck_assert_str_eq(access.token_file, expected);
    ck_assert_str_eq(access.token, "abc");
    kube_access_finish(&access);
}
END_TEST

START_TEST(sparse)
{
    struct err err;
    struct kube_access access;
    ck_assert_int_eq(load(&access,
                          "{\"current-context\":\"a\",\"contexts\":[{\"name\":\"a\",\"context\":"
                          "{\"cluster\":\"c\",\"user\":null}}],\"clusters\":[{\"name\":\"c\","
                          "\"cluster\":{\"server\":\"http://127.0.0.1:8001\","
                          "\"insecure-skip-tls-verify\":true}}],\"users\":null}",
                          &err),
                     0);
    ck_assert_str_eq(access.server, "http://127.0.0.1:8001");
    ck_assert_int_eq(access.insecure, 1);
    kube_access_finish(&access);
}
END_TEST

struct sample {
    const char *kubeconfig;
    const char *error;
};

static const struct sample BAD[] = {
    {"", "0 documents"},
    {"a: 1\n---\nb: 2\n", "2 documents"},
    {"[]", "not a JSON object"},
    {"a: [", "line"},
    {"a: 1", "current-context: is missing"},
    {"current-context: a", "contexts: there is no entry named \"a\""},
    {"{current-context: a, contexts: [{name: a}]}", "contexts[0].context.cluster: is missing"},
    {"{current-context: a, contexts: [{name: a, context: {cluster: c}}]}",
     "clusters: there is no entry named \"c\""},
    {HEAD CLUSTER(""), "clusters[0].cluster.server: is missing"},
    {HEAD CLUSTER("server: 'host:6443'"), "does not start with https://"},
    {HEAD CLUSTER("server: 'ftp://host'"), "does not start with https://"},
    {HEAD CLUSTER("server: 'https://a b'"), "is not a URL"},
    {HEAD CLUSTER("server: 'https://a?b=c'"), "is not a URL"},
    {HEAD CLUSTER(SERVER ", proxy-url: 'http://x'"), "proxy-url is not supported"},
    {HEAD CLUSTER(SERVER ", certificate-authority-data: '%%'"),
     "certificate-authority-data: not base64"},
    {HEAD CLUSTER(SERVER ", certificate-authority-data: Zm9v"),
     "certificate-authority-data: not PEM"},
    {HEAD CLUSTER(SERVER ", certificate-authority-data: 'LS0tLS1CRUdJTiBYLS0tLS0A'"),
     "certificate-authority-data: not PEM"},
    {HEAD CLUSTER(SERVER ", certificate-authority: x, insecure-skip-tls-verify: true"),
     "insecure-skip-tls-verify together"},
    {HEAD CLUSTER(SERVER), "users: there is no entry named \"u\""},
    {HEAD CLUSTER(SERVER) USER("exec: {command: aws}"), "users[1].user: exec is not supported"},
    {HEAD CLUSTER(SERVER) USER("auth-provider: {name: gcp}"), "auth-provider is not supported"},
    {HEAD CLUSTER(SERVER) USER("username: a, password: b"), "username is not supported"},
    {HEAD CLUSTER(SERVER) USER("as: root"), "as is not supported"},
    {HEAD CLUSTER(SERVER) USER("client-certificate: c"), "needs a client key"},
    {HEAD CLUSTER(SERVER) USER("client-key-data: " PEM_BASE64), "needs a client key"},
    {HEAD CLUSTER(SERVER) USER("token: 'a\r\nX-Evil: b'"), "token: contains white space"},
    {HEAD CLUSTER(SERVER) USER("token: 7"), "users[1].user.token: is a number, not a string"},
};

START_TEST(refuses)
{
    struct err err = {.text = ""};
    struct kube_access access;
    ck_assert_int_eq(load(&access, BAD[_i].kubeconfig, &err), -1);
    ck_assert_msg(strstr(err.text, BAD[_i].error) != NULL, "%s\n gave %s\n not %s",
                  BAD[_i].kubeconfig, err.text, BAD[_i].error);
    ck_assert_msg(strstr(err.text, directory) != NULL, "%s", err.text);
}
END_TEST

START_TEST(finds_kubeconfig)
{
    struct err err;
    struct kube_access access;
    ck_assert_int_eq(kube_access_load(&access, NULL, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "KUBERNETES_SERVICE_HOST"));
    ck_assert_int_eq(kube_access_load(&access, "/nowhere/config", &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "/nowhere/config: No such file"));
    setenv("KUBECONFIG", "/a:/b", 1);
    ck_assert_int_eq(kube_access_load(&access, NULL, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "more than one"));
    char path[PATH_ROOM];
    (void)snprintf(path, sizeof path, "%s/config", directory);
    put("config", HEAD CLUSTER(SERVER) USER("token: abc"));
    setenv("KUBECONFIG", path, 1);
    ck_assert_int_eq(kube_access_load(&access, "", &err), 0);
    ck_assert_str_eq(access.token, "abc");
    kube_access_finish(&access);
}
END_TEST

START_TEST(in_cluster)
{
    struct err err;
    struct kube_access access;
    setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1", 1);
    ck_assert_int_eq(kube_access_in_cluster(&access, directory, &err), -1);
    setenv("KUBERNETES_SERVICE_PORT", "443", 1);
    ck_assert_int_eq(kube_access_in_cluster(&access, directory, &err), -1);
    ck_assert_msg(strstr(err.text, "/token: No such file") != NULL, "%s", err.text);
    put("token", "abc\n");
    ck_assert_int_eq(kube_access_in_cluster(&access, directory, &err), -1);
    ck_assert_msg(strstr(err.text, "/ca.crt: No such file") != NULL, "%s", err.text);
    put("ca.crt", PEM_TEXT);
    ck_assert_int_eq(kube_access_in_cluster(&access, directory, &err), 0);
    ck_assert_str_eq(access.server, "https://10.0.0.1:443");
    char expected[PATH_ROOM];
    (void)snprintf(expected, sizeof expected, "%s/token", directory);
    ck_assert_str_eq(access.token_file, expected);
    (void)snprintf(expected, sizeof expected, "%s/ca.crt", directory);
    ck_assert_str_eq(access.ca_file, expected);
    kube_access_finish(&access);
    setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
    ck_assert_int_eq(kube_access_in_cluster(&access, directory, &err), 0);
    ck_assert_str_eq(access.server, "https://[fd00::1]:443");
    kube_access_finish(&access);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("access");
    TCase *tests = tcase_create("access");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, inline_data);
    tcase_add_test(tests, files);
    tcase_add_test(tests, sparse);
    tcase_add_loop_test(tests, refuses, 0, sizeof BAD / sizeof BAD[0]);
    tcase_add_test(tests, finds_kubeconfig);
    tcase_add_test(tests, in_cluster);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
