// SPDX-License-Identifier: Apache-2.0
#include "test/unit/api/http/bed.h"

#include <gnutls/gnutls.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* The server with TLS against clients with all kinds of certificates, made by openssl. */

static char folder[] = "/tmp/phalanx-server-tls-XXXXXX";

static const char make[] =
    "set -e; cd \"$0\"; N='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'\n"
    "ca() { openssl req -x509 $N -days 30 -subj /CN=$1 -keyout $1.key -out $1.crt; }\n"
    /* name, CA, use, alternative names */
    "leaf() { openssl req -x509 $N -days 30 -subj /CN=$1 -CA $2.crt -CAkey $2.key"
    " -addext basicConstraints=critical,CA:FALSE -addext extendedKeyUsage=$3"
    " -addext subjectAltName=$4 -keyout $1.key -out $1.crt; }\n"
    "ca one; ca two\n"
    "leaf server one serverAuth IP:127.0.0.1; leaf server2 two serverAuth IP:127.0.0.1\n"
    "leaf good one clientAuth DNS:good.example; leaf foreign two clientAuth DNS:good.example\n"
    "leaf other one clientAuth DNS:kube-scheduler; leaf wrong one serverAuth DNS:good.example\n"
    /* expired: signed with the CA's help for a time that is over */
    "openssl req $N -subj /CN=expired -keyout expired.key -out expired.csr\n"
    "printf 'extendedKeyUsage=clientAuth\\n' > ext\n"
    "openssl x509 -req -in expired.csr -CA one.crt -CAkey one.key -CAcreateserial -extfile ext"
    " -days -1 -out expired.crt 2>/dev/null ||"
    " { mkdir -p d; : > d/index.txt; echo 01 > d/serial;"
    " printf "
    "'[ca]\\ndefault_ca=x\\n[x]\\ndatabase=d/index.txt\\nnew_certs_dir=d\\nserial=d/serial\\n"
    "default_md=sha256\\npolicy=p\\n[p]\\ncommonName=supplied\\n' > c;"
    " openssl ca -batch -config c -cert one.crt -keyfile one.key -in expired.csr -extfile ext"
    " -startdate 20200101000000Z -enddate 20210101000000Z -out expired.crt -notext; }\n";

static void run_script(const char *script)
{
    pid_t pid = 0;
    int status = -1;
    char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, alloc_string(script), folder, NULL};
    ck_assert_int_eq(posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, environ), 0);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(status == 0, "openssl, which this test needs, failed in %s", folder);
    free(argv[2]);
}

static const char *path_of(const char *name)
{
    static char paths[8][128];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

static void copy(const char *from, const char *to)
{
    char script[400];
    snprintf(script, sizeof script, "cd \"$0\" && cp %s new && mv new %s", from, to);
    run_script(script);
}

static void make_certificates(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    char script[4000];
    snprintf(script, sizeof script, "exec 2>\"$0/log\"\n%s", make);
    run_script(script);
}

static void remove_certificates(void)
{
    run_script("rm -r \"$0\"");
}

struct renewals {
    unsigned good, bad;
    char error[512];
};

static struct renewals renewals;

static void renewed(void *context, const char *error)
{
    (void)context;
    renewals.good += error == NULL;
    renewals.bad += error != NULL;
    snprintf(renewals.error, sizeof renewals.error, "%s", error == NULL ? "" : error);
}

static void handle(void *context, struct http_request *request)
{
    if (strcmp(http_request_path(request), "/who") == 0) {
        bed_respond(request,
                    http_request_verified(request) ? "verified" : http_request_unverified(request));
        return;
    }
    bed_handle(context, request);
}

static struct http_tls_options tls;

static void setup(void)
{
    copy("server.crt", "tls.crt");
    copy("server.key", "tls.key");
    copy("one.crt", "ca.crt");
    memset(&renewals, 0, sizeof renewals);
    static char files[3][128];
    snprintf(files[0], sizeof files[0], "%s/tls.crt", folder);
    snprintf(files[1], sizeof files[1], "%s/tls.key", folder);
    snprintf(files[2], sizeof files[2], "%s/ca.crt", folder);
    tls = (struct http_tls_options){.certificate_file = files[0],
                                    .key_file = files[1],
                                    .client_ca_file = files[2],
                                    .required = true};
}

static struct bed *create(void)
{
    struct bed *bed = alloc_zero(1, sizeof(*bed));
    struct http_server_options options = {.address = "127.0.0.1",
                                          .max_connections = 100,
                                          .max_body = BED_MAX_BODY,
                                          .idle_seconds = 120,
                                          .tls = &tls,
                                          .handler = handle,
                                          .renewed = renewed,
                                          .context = bed};
    bed_listen(bed, &options);
    return bed;
}

/* A TLS client on the one thread. */
struct secure {
    struct client client;
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
    bool failed;
};

static void secure_open(struct bed *bed, struct secure *secure, const char *ca, const char *name,
                        const char *priorities)
{
    memset(secure, 0, sizeof *secure);
    client_open(bed, &secure->client);
    ck_assert_int_eq(gnutls_certificate_allocate_credentials(&secure->credentials), 0);
    ck_assert_int_gt(gnutls_certificate_set_x509_trust_file(secure->credentials, path_of(ca),
                                                            GNUTLS_X509_FMT_PEM),
                     0);
    if (name != NULL) {
        char certificate[160], key[160];
        snprintf(certificate, sizeof certificate, "%s/%s.crt", folder, name);
        snprintf(key, sizeof key, "%s/%s.key", folder, name);
        ck_assert_int_eq(gnutls_certificate_set_x509_key_file(secure->credentials, certificate, key,
                                                              GNUTLS_X509_FMT_PEM),
                         0);
    }
    /* Shows its certificate to whoever asks, whatever CA that is for. */
    ck_assert_int_eq(
        gnutls_init(&secure->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_FORCE_CLIENT_CERT),
        0);
    ck_assert_int_eq(gnutls_priority_set_direct(secure->session, priorities, NULL), 0);
    gnutls_credentials_set(secure->session, GNUTLS_CRD_CERTIFICATE, secure->credentials);
    gnutls_session_set_verify_cert(secure->session, NULL, 0);
    gnutls_transport_set_int(secure->session, secure->client.fd);
    int result;
    while ((result = gnutls_handshake(secure->session)) < 0 && !gnutls_error_is_fatal(result)) {
        bed_turn(bed, 5);
    }
    secure->failed = result < 0;
}

static void secure_close(struct secure *secure)
{
    gnutls_deinit(secure->session);
    gnutls_certificate_free_credentials(secure->credentials);
    client_close(&secure->client);
}

/* One request; the status, 0 when there is no answer. `answer` gets it whole. */
static unsigned secure_ask(struct bed *bed, struct secure *secure, const char *path,
                           char answer[2000])
{
    char request[200];
    size_t length = 0;
    answer[0] = '\0';
    if (secure->failed) {
        return 0;
    }
    int size = snprintf(request, sizeof request,
                        "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", path);
    if (gnutls_record_send(secure->session, request, (size_t)size) != size) {
        return 0;
    }
    for (;;) {
        ssize_t got = gnutls_record_recv(secure->session, answer + length, 1999 - length);
        if (got == GNUTLS_E_AGAIN || got == GNUTLS_E_INTERRUPTED) {
            bed_turn(bed, 5);
            continue;
        }
        if (got <= 0) {
            return 0;
        }
        length += (size_t)got;
        answer[length] = '\0';
        const char *end = strstr(answer, "\r\n\r\n");
        const char *announced = strstr(answer, "Content-Length: ");
        if (end != NULL && strlen(end + 4) >= strtoul(announced + 16, NULL, 10)) {
            return (unsigned)strtoul(answer + 9, NULL, 10);
        }
    }
}

static unsigned ask(struct bed *bed, const char *ca, const char *name, const char *priorities,
                    char answer[2000])
{
    struct secure secure;
    secure_open(bed, &secure, ca, name, priorities);
    unsigned status = secure_ask(bed, &secure, "/who", answer);
    secure_close(&secure);
    return status;
}

static const char *const versions[] = {"NORMAL:-VERS-ALL:+VERS-TLS1.2",
                                       "NORMAL:-VERS-ALL:+VERS-TLS1.3"};

START_TEST(only_good_certificates_call)
{
    static const char *const bad[] = {NULL, "foreign", "wrong", "expired", "other"};
    char answer[2000];
    const char *names[] = {"somebody", "good"};
    tls.names = names;
    tls.name_count = 2;
    struct bed *bed = create();
    struct http_server_figures figures;
    ck_assert_uint_eq(ask(bed, "one.crt", "good", versions[_i], answer), 200);
    ck_assert_str_eq(body_of(answer), "verified");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(ask(bed, "one.crt", bad[i], versions[_i], answer) == 0, "%s",
                      bad[i] == NULL ? "none" : bad[i]);
    }
    ck_assert_uint_eq(bed->handled, 0); /* none came as far as that */
    BED_UNTIL(bed, http_server_connections(bed->server) == 0);
    http_server_figures(bed->server, &figures);
    ck_assert_uint_eq(figures.strangers, sizeof bad / sizeof bad[0]);
    ck_assert_int_gt(figures.certificate_ends, 1700000000);
    bed_destroy(bed);
}
END_TEST

/* A name may stand among the alternative ones; without names everybody of the CA may. */
START_TEST(any_of_its_names)
{
    char answer[2000];
    const char *names[] = {"kube-scheduler"};
    tls.names = names;
    tls.name_count = 1;
    struct bed *bed = create();
    ck_assert_uint_eq(ask(bed, "one.crt", "other", versions[1], answer), 200);
    ck_assert_uint_eq(ask(bed, "one.crt", "good", versions[1], answer), 0);
    bed_destroy(bed);
    tls.name_count = 0;
    bed = create();
    ck_assert_uint_eq(ask(bed, "one.crt", "good", versions[1], answer), 200);
    bed_destroy(bed);
}
END_TEST

/* On a server that asks and does not insist, the handler is told. */
START_TEST(a_server_that_only_asks)
{
    char answer[2000];
    tls.required = false;
    struct bed *bed = create();
    ck_assert_uint_eq(ask(bed, "one.crt", "good", versions[_i], answer), 200);
    ck_assert_str_eq(body_of(answer), "verified");
    ck_assert_uint_eq(ask(bed, "one.crt", NULL, versions[_i], answer), 200);
    ck_assert_ptr_nonnull(strstr(answer, "o certificate"));
    ck_assert_uint_eq(ask(bed, "one.crt", "foreign", versions[_i], answer), 200);
    ck_assert_ptr_nonnull(strstr(answer, "NOT trusted"));
    bed_destroy(bed);
    tls.client_ca_file = NULL;
    bed = create();
    ck_assert_uint_eq(ask(bed, "one.crt", "good", versions[_i], answer), 200);
    ck_assert_str_ne(body_of(answer), "verified");
    bed_destroy(bed);
}
END_TEST

START_TEST(no_plain_text_and_no_old_version)
{
    char answer[2000];
    struct client client;
    struct bed *bed = create();
    client_open(bed, &client);
    client_send(bed, &client, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}");
    client_until_closed(bed, &client);
    client_close(&client);
    ck_assert_uint_eq(bed->handled, 0);
    ck_assert_uint_eq(ask(bed, "one.crt", "good", "NORMAL:-VERS-ALL:+VERS-TLS1.1", answer), 0);
    bed_destroy(bed);
}
END_TEST

static void wait_a_little(struct bed *bed)
{
    int64_t end = bed_now() + INT64_C(1200000000);
    while (bed_now() < end) {
        bed_turn(bed, 20);
    }
}

/* All files are replaced while a connection is open: its next answer is its last one, and new
 * connections see the new certificates. */
START_TEST(rotation)
{
    char answer[2000];
    struct secure secure;
    struct bed *bed = create();
    secure_open(bed, &secure, "one.crt", "good", versions[1]);
    ck_assert_uint_eq(secure_ask(bed, &secure, "/who", answer), 200);
    ck_assert_ptr_null(strstr(answer, "Connection: close"));
    copy("server2.crt", "tls.crt");
    wait_a_little(bed);
    ck_assert_uint_eq(secure_ask(bed, &secure, "/who", answer),
                      200); /* key and certificate differ */
    ck_assert_ptr_null(strstr(answer, "Connection: close"));
    ck_assert_uint_eq(renewals.bad, 1);
    ck_assert_ptr_nonnull(strstr(renewals.error, "tls.key"));
    copy("server2.key", "tls.key");
    copy("two.crt", "ca.crt");
    wait_a_little(bed);
    ck_assert_uint_eq(secure_ask(bed, &secure, "/who", answer), 200);
    ck_assert_ptr_nonnull(strstr(answer, "Connection: close"));
    ck_assert_uint_eq(renewals.good, 1);
    secure_close(&secure);
    ck_assert_uint_eq(ask(bed, "two.crt", "foreign", versions[1], answer), 200);
    ck_assert_uint_eq(ask(bed, "two.crt", "good", versions[1], answer), 0);
    bed_destroy(bed);
}
END_TEST

START_TEST(renewed_when_asked)
{
    struct bed *bed = create();
    http_server_renew(bed->server);
    ck_assert_uint_eq(renewals.good, 1);
    run_script("rm \"$0/ca.crt\"");
    http_server_renew(bed->server);
    ck_assert_uint_eq(renewals.bad, 1);
    ck_assert_ptr_nonnull(strstr(renewals.error, "ca.crt"));
    bed_destroy(bed);
}
END_TEST

static void refuse(const char *certificate, const char *key, const char *ca, const char *says)
{
    struct http_server *server;
    struct err err;
    struct http_tls_options bad = {.certificate_file = path_of(certificate),
                                   .key_file = path_of(key),
                                   .client_ca_file = path_of(ca)};
    struct http_server_options options = {
        .address = "127.0.0.1", .max_connections = 10, .max_body = 1000, .tls = &bad};
    ck_assert_int_eq(http_server_create(&options, &server, &err), -1);
    ck_assert_msg(strstr(err.text, says) != NULL, "%s", err.text);
}

START_TEST(files_that_are_no_good)
{
    refuse("nothing", "tls.key", "ca.crt", "nothing: No such file");
    refuse("tls.key", "tls.key", "ca.crt", "tls.key: no certificate");
    refuse("tls.crt", "ca.crt", "ca.crt", "tls.crt with ");
    refuse("tls.crt", "good.key", "ca.crt", "tls.crt with ");
    refuse("tls.crt", "tls.key", "tls.key", "tls.key: no certificate");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http/server with TLS");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, make_certificates, remove_certificates);
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_loop_test(tcase, only_good_certificates_call, 0, 2);
    tcase_add_test(tcase, any_of_its_names);
    tcase_add_loop_test(tcase, a_server_that_only_asks, 0, 2);
    tcase_add_test(tcase, no_plain_text_and_no_old_version);
    tcase_add_test(tcase, rotation);
    tcase_add_test(tcase, renewed_when_asked);
    tcase_add_test(tcase, files_that_are_no_good);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
