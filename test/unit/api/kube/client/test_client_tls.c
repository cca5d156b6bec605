// SPDX-License-Identifier: Apache-2.0
#include "api/kube/client/client.h"

#include <dlfcn.h>
#include <microhttpd.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/base/clock.h"
#include "api/base/file.h"
#include "test/unit/check_main.h"
#include "topology/base/alloc.h"

/* The client against a TLS server made of libmicrohttpd, with certificates made by openssl: who
 * is trusted, who is not, and that the client's own certificate arrives.
 */

#define PATIENCE_MS 60000 /* nothing waits that long when it works */

struct result {
    char body[256];
    size_t length;
    char error[512];
    bool finished;
};

static int take_data(void *context, const char *bytes, size_t length, struct err *err)
{
    struct result *result = context;
    (void)err;
    ck_assert_uint_lt(result->length + length, sizeof result->body);
    memcpy(result->body + result->length, bytes, length);
    result->length += length;
    return 0;
}

static void take_done(void *context, int status, const char *error)
{
    struct result *result = context;
    (void)status;
    (void)snprintf(result->error, sizeof result->error, "%s", error == NULL ? "" : error);
    result->finished = true;
}

static void get(struct client *client, struct result *result)
{
    const struct client_request request = {
        .method = "GET", .target = "/", .data = take_data, .done = take_done, .context = result};
    int64_t end = clock_ms() + PATIENCE_MS;
    (void)client_start(client, &request);
    while (!result->finished) {
        ck_assert_msg(clock_ms() < end, "nothing happened");
        client_wait(client, 1000);
        client_run(client);
    }
}

static char folder[] = "/tmp/test_client_tls_XXXXXX";

/* Without the tool there is no test, and that is a failure: nobody would miss a test that is left
 * out in silence. */
static void openssl(const char *const *arguments)
{
    pid_t pid = 0;
    char command[] = "cd \"$0\" && exec openssl \"$@\" 2>openssl.log";
    char *argv[32] = {(char[]){"sh"}, (char[]){"-c"}, command, folder};
    for (size_t i = 0; arguments[i] != NULL; i++) {
        argv[4 + i] = (char *)(uintptr_t)arguments[i];
    }
    int status = -1;
    ck_assert_int_eq(posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, environ), 0);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(status == 0, "`openssl %s`, which this test needs, failed: see %s/openssl.log",
                  arguments[0], folder);
}

#define NEW_KEY "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"

/* An authority, a certificate for 127.0.0.1 and kubernetes.default, one for a client, and an
 * authority nobody knows. */
static void make_certificates(void)
{
    static const char *const CA[] = {"req",     "-x509",  NEW_KEY, "-subj",  "/CN=ca",
                                     "-keyout", "ca.key", "-out",  "ca.crt", NULL};
    static const char *const OTHER[] = {"req",     "-x509",     NEW_KEY, "-subj",     "/CN=other",
                                        "-keyout", "other.key", "-out",  "other.crt", NULL};
    static const char *const SERVER[] = {"req",
                                         "-x509",
                                         NEW_KEY,
                                         "-subj",
                                         "/CN=s",
                                         "-CA",
                                         "ca.crt",
                                         "-CAkey",
                                         "ca.key",
                                         "-addext",
                                         "subjectAltName=IP:127.0.0.1,DNS:kubernetes.default",
                                         "-addext",
                                         "basicConstraints=critical,CA:FALSE",
                                         "-keyout",
                                         "server.key",
                                         "-out",
                                         "server.crt",
                                         NULL};
    static const char *const CLIENT[] = {"req",
                                         "-x509",
                                         NEW_KEY,
                                         "-subj",
                                         "/CN=c",
                                         "-CA",
                                         "ca.crt",
                                         "-CAkey",
                                         "ca.key",
                                         "-addext",
                                         "basicConstraints=critical,CA:FALSE",
                                         "-keyout",
                                         "client.key",
                                         "-out",
                                         "client.crt",
                                         NULL};
    static const char *const DER[] = {"x509", "-in",  "client.crt", "-outform",
                                      "DER",  "-out", "client.der", NULL};
    ck_assert_ptr_nonnull(mkdtemp(folder));
    openssl(CA);
    openssl(OTHER);
    openssl(SERVER);
    openssl(CLIENT);
    openssl(DER);
}

/* *New* text of a file in the folder; *path its name. */
static char *slurp(const char *name, char *path, size_t size)
{
    struct err err;
    size_t length;
    (void)snprintf(path, size, "%s/%s", folder, name);
    char *text = file_read(path, 65535, &length, &err);
    ck_assert_msg(text != NULL, "%s", err.text);
    return text;
}

/* A GnuTLS datum. */
struct datum {
    const unsigned char *data;
    unsigned size;
};

/* The client's certificate as it should arrive. Libraries differ in what they send behind it. */
static struct datum expected_certificate;

static const char *name_certificate(const struct datum *peers, unsigned count)
{
    bool same = count > 0 && peers[0].size == expected_certificate.size &&
                memcmp(peers[0].data, expected_certificate.data, peers[0].size) == 0;
    return count == 0 ? "no certificate" : same ? "the certificate" : "another certificate";
}

static enum MHD_Result greet(void *context, struct MHD_Connection *connection, const char *url,
                             const char *method, const char *version, const char *upload,
                             size_t *upload_size, void **state)
{
    (void)context;
    (void)url;
    (void)method;
    (void)version;
    (void)upload;
    (void)upload_size;
    (void)state;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host");
    char text[256];
    /* libmicrohttpd has loaded GnuTLS, whose headers need not be here. */
    const struct datum *(*get_peers)(void *, unsigned *) = NULL;
    void *symbol = dlsym(RTLD_DEFAULT, "gnutls_certificate_get_peers");
    memcpy(&get_peers, &symbol, sizeof symbol);
    unsigned count = 0;
    const struct datum *peers = get_peers(info->tls_session, &count);
    (void)snprintf(text, sizeof text, "%s, %s", name_certificate(peers, count), host);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result result = MHD_queue_response(connection, 200, response);
    MHD_destroy_response(response);
    return result;
}

struct tls_case {
    const char *ca;   /* NULL: the system's */
    bool inline_data; /* as data instead of files */
    bool client;      /* with a client certificate */
    const char *name; /* tls-server-name */
    const char *host; /* of the URL */
    int insecure;
    bool works;
};

static const struct tls_case TLS_CASES[] = {
    {"ca.crt", false, true, NULL, "127.0.0.1", 0, true},
    {"ca.crt", true, true, NULL, "127.0.0.1", 0, true},
    {"ca.crt", true, true, "kubernetes.default", "127.0.0.1", 0, true},
    {"other.crt", false, true, NULL, "127.0.0.1", 0, false},
    {"other.crt", true, true, NULL, "127.0.0.1", 0, false},
    {NULL, false, true, NULL, "127.0.0.1", 0, false},
    {"ca.crt", false, true, NULL, "localhost", 0, false}, /* not in the certificate */
    {"ca.crt", false, true, "kubernetes", "127.0.0.1", 0, false},
    {NULL, false, true, NULL, "127.0.0.1", 1, true},
    {"ca.crt", false, false, NULL, "127.0.0.1", 0, true},
};

static void try_tls(uint16_t port, const struct tls_case *tls)
{
    char url[64];
    char paths[3][128];
    char *texts[3] = {slurp(tls->ca == NULL ? "ca.crt" : tls->ca, paths[0], sizeof paths[0]),
                      slurp("client.crt", paths[1], sizeof paths[1]),
                      slurp("client.key", paths[2], sizeof paths[2])};
    struct kube_access access = {.server = url, .insecure = tls->insecure};
    (void)snprintf(url, sizeof url, "https://%s:%u", tls->host, port);
    char *name = alloc_string(tls->name);
    access.tls_server_name = name;
    if (tls->ca != NULL) {
        access.ca_file = tls->inline_data ? NULL : paths[0];
        access.ca_data = tls->inline_data ? texts[0] : NULL;
    }
    if (tls->client) {
        access.certificate_file = tls->inline_data ? NULL : paths[1];
        access.certificate_data = tls->inline_data ? texts[1] : NULL;
        access.key_file = tls->inline_data ? NULL : paths[2];
        access.key_data = tls->inline_data ? texts[2] : NULL;
    }
    struct err err;
    struct client *client = NULL;
    const struct kube_log log = {.write = NULL};
    ck_assert_int_eq(client_create(&access, 4, &log, &client, &err), 0);
    struct result result = {.finished = false};
    get(client, &result);
    ck_assert_msg((result.error[0] == '\0') == tls->works, "case %zu: %s",
                  (size_t)(tls - TLS_CASES), result.error);
    if (tls->works) {
        char expected[128];
        (void)snprintf(expected, sizeof expected, "%s certificate, %s:%u",
                       tls->client ? "the" : "no", tls->host, port);
        ck_assert_str_eq(result.body, expected);
    }
    client_destroy(client);
    free(name);
    for (size_t i = 0; i < 3; i++) {
        free(texts[i]);
    }
}

START_TEST(verifies_tls)
{
    char path[128];
    struct err err;
    size_t length;
    make_certificates();
    (void)snprintf(path, sizeof path, "%s/client.der", folder);
    char *der = file_read(path, 65535, &length, &err);
    ck_assert_msg(der != NULL, "%s", err.text);
    expected_certificate = (struct datum){(const unsigned char *)der, (unsigned)length};
    char *key = slurp("server.key", path, sizeof path);
    char *certificate = slurp("server.crt", path, sizeof path);
    char *trust = slurp("ca.crt", path, sizeof path);
    struct MHD_Daemon *daemon =
        MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_TLS, 0, NULL, NULL, greet, NULL,
                         MHD_OPTION_HTTPS_MEM_KEY, key, MHD_OPTION_HTTPS_MEM_CERT, certificate,
                         MHD_OPTION_HTTPS_MEM_TRUST, trust, MHD_OPTION_END);
    ck_assert_ptr_nonnull(daemon);
    uint16_t port = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
    for (size_t i = 0; i < sizeof TLS_CASES / sizeof TLS_CASES[0]; i++) {
        try_tls(port, &TLS_CASES[i]);
    }
    MHD_stop_daemon(daemon);
    free(key);
    free(certificate);
    free(trust);
    free(der);
    static const char *const NAMES[] = {"ca.key",     "ca.crt",     "other.key",  "other.crt",
                                        "server.key", "server.crt", "client.key", "client.crt",
                                        "client.der", "openssl.log"};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, NAMES[i]);
        (void)unlink(path);
    }
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client-tls");
    TCase *tests = tcase_create("client-tls");
    tcase_set_timeout(tests, 120); /* waits for real delays and threads */
    tcase_add_test(tests, verifies_tls);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
