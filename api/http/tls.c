// SPDX-License-Identifier: Apache-2.0
#include "api/http/tls.h"

#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "api/base/clock.h"
#include "api/base/file.h"
#include "topology/base/alloc.h"
#include "topology/base/utf8.h"

/* libmicrohttpd keeps one set of credentials for as long as it runs. So it gets none: each session
 * is given ours before its handshake, those of the files as they are then.
 *
 * - Whether a file has changed is told by its inode, size and times. A Secret that is mounted is
 *   replaced by renaming a link, all its files at once; other tools write them one after the other,
 *   and then certificate and key do not fit each other for a moment. Until all is good again the
 *   former credentials stay.
 * - Credentials are counted: gnutls reads them as long as a session does.
 * - With `required` a client that shows no good certificate fails in the handshake, with an alert
 *   that says so, and no byte of its HTTP is read. Otherwise the session only is not `verified`.
 *   (GNUTLS_CERT_REQUIRE would do the first without an alert.)
 * - Session tickets are off in libmicrohttpd, so no handshake skips the client's certificate.
 */

#define FILE_MOST     (256 << 10)
#define CHECK_EACH_MS 1000
#define NAME_MOST     256 /* of a common name or an alternative name; longer ones match nothing */

enum file { CERTIFICATE, KEY, CLIENT_CA, FILES };

struct identity_of_file {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified, changed;
};

struct tls_credentials {
    unsigned references;
    gnutls_certificate_credentials_t certificates;
    int64_t ends;
    bool ask;      /* clients for a certificate */
    bool required; /* … and take no other client */
    const struct tls *tls;
};

struct tls {
    char *paths[FILES]; /* NULL: none */
    char **names;
    size_t name_count;
    bool required;
    struct tls_credentials *present;
    struct identity_of_file seen[FILES];
    int64_t checked_ms;
};

static void credentials_release(struct tls_credentials *credentials)
{
    if (credentials != NULL && --credentials->references == 0) {
        gnutls_certificate_free_credentials(credentials->certificates);
        free(credentials);
    }
}

static bool look(const char *path, struct identity_of_file *identity)
{
    struct stat file;
    memset(identity, 0, sizeof(*identity));
    if (path == NULL || stat(path, &file) != 0) {
        return false;
    }
    identity->device = file.st_dev;
    identity->inode = file.st_ino;
    identity->size = file.st_size;
    identity->modified = file.st_mtim;
    identity->changed = file.st_ctim;
    return true;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same_file(const struct identity_of_file *a, const struct identity_of_file *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           same_time(&a->modified, &b->modified) && same_time(&a->changed, &b->changed);
}

static int read_file(const char *path, gnutls_datum_t *datum, struct err *err)
{
    size_t length;
    char *text = file_read(path, FILE_MOST, &length, err);
    if (text == NULL) {
        return err_prefix(err, "%s", path);
    }
    datum->data = (unsigned char *)text;
    datum->size = (unsigned)length;
    return 0;
}

static void forget(gnutls_datum_t *datum)
{
    if (datum->data != NULL) {
        explicit_bzero(datum->data, datum->size);
        free(datum->data);
    }
}

/* When the first certificate of the file ends. */
static int read_end(const char *path, const gnutls_datum_t *text, int64_t *ends, struct err *err)
{
    gnutls_x509_crt_t *list = NULL;
    unsigned count = 0;
    int result = gnutls_x509_crt_list_import2(&list, &count, text, GNUTLS_X509_FMT_PEM, 0);
    if (result < 0 || count == 0) {
        return err_set(err, "%s: no certificate: %s", path, gnutls_strerror(result));
    }
    *ends = gnutls_x509_crt_get_expiration_time(list[0]);
    for (unsigned i = 0; i < count; i++) {
        gnutls_x509_crt_deinit(list[i]);
    }
    gnutls_free(list);
    return 0;
}

static int fill(struct tls_credentials *credentials, const struct tls *tls,
                const gnutls_datum_t *text, struct err *err)
{
    if (read_end(tls->paths[CERTIFICATE], &text[CERTIFICATE], &credentials->ends, err) < 0) {
        return -1;
    }
    int result = gnutls_certificate_set_x509_key_mem(credentials->certificates, &text[CERTIFICATE],
                                                     &text[KEY], GNUTLS_X509_FMT_PEM);
    if (result < 0) {
        return err_set(err, "%s with %s: %s", tls->paths[CERTIFICATE], tls->paths[KEY],
                       gnutls_strerror(result));
    }
    if (tls->paths[CLIENT_CA] == NULL) {
        return 0;
    }
    result = gnutls_certificate_set_x509_trust_mem(credentials->certificates, &text[CLIENT_CA],
                                                   GNUTLS_X509_FMT_PEM);
    if (result <= 0) {
        return err_set(err, "%s: no certificate: %s", tls->paths[CLIENT_CA],
                       result < 0 ? gnutls_strerror(result) : "the file has none");
    }
    return 0;
}

static int verify(gnutls_session_t gnutls);

static struct tls_credentials *load(const struct tls *tls, struct err *err)
{
    gnutls_datum_t text[FILES] = {{NULL, 0}, {NULL, 0}, {NULL, 0}};
    struct tls_credentials *loaded = alloc_zero(1, sizeof(*loaded));
    loaded->references = 1;
    loaded->tls = tls;
    loaded->ask = tls->paths[CLIENT_CA] != NULL;
    loaded->required = loaded->ask && tls->required;
    bool good = gnutls_certificate_allocate_credentials(&loaded->certificates) == 0;
    err_require(good); /* it fails for want of memory only */
    for (enum file i = 0; i < FILES && good; i++) {
        good = tls->paths[i] == NULL || read_file(tls->paths[i], &text[i], err) == 0;
    }
    good = good && fill(loaded, tls, text, err) == 0;
    for (enum file i = 0; i < FILES; i++) {
        forget(&text[i]);
    }
    if (!good) {
        credentials_release(loaded);
        return NULL;
    }
    gnutls_certificate_set_verify_function(loaded->certificates, verify);
    return loaded;
}

int tls_refresh(struct tls *tls, bool now, struct err *err)
{
    struct identity_of_file found[FILES];
    bool changed = tls->present == NULL || now;
    int64_t time = clock_ms();
    if (!changed && time - tls->checked_ms < CHECK_EACH_MS) {
        return 0;
    }
    tls->checked_ms = time;
    for (enum file i = 0; i < FILES; i++) {
        (void)look(tls->paths[i], &found[i]);
        changed = changed || !same_file(&found[i], &tls->seen[i]);
    }
    if (!changed) {
        return 0;
    }
    memcpy(tls->seen, found, sizeof(found));
    struct tls_credentials *loaded = load(tls, err);
    if (loaded == NULL) {
        return -1;
    }
    credentials_release(tls->present);
    tls->present = loaded;
    return 1;
}

int tls_create(const struct http_tls_options *options, struct tls **tls, struct err *err)
{
    struct tls *created = alloc_zero(1, sizeof(*created));
    const char *paths[FILES] = {options->certificate_file, options->key_file,
                                options->client_ca_file};
    for (enum file i = 0; i < FILES; i++) {
        created->paths[i] = paths[i] == NULL ? NULL : alloc_string(paths[i]);
    }
    created->required = options->required;
    created->names = alloc_zero(options->name_count + 1, sizeof(*created->names));
    for (; created->name_count < options->name_count; created->name_count++) {
        created->names[created->name_count] = alloc_string(options->names[created->name_count]);
    }
    if (tls_refresh(created, true, err) < 0) {
        tls_destroy(created);
        return -1;
    }
    *tls = created;
    return 0;
}

void tls_destroy(struct tls *tls)
{
    if (tls == NULL) {
        return;
    }
    credentials_release(tls->present);
    for (enum file i = 0; i < FILES; i++) {
        free(tls->paths[i]);
    }
    for (size_t i = 0; i < tls->name_count; i++) {
        free(tls->names[i]);
    }
    free(tls->names);
    free(tls);
}

int64_t tls_ends(const struct tls *tls)
{
    return tls->present->ends;
}

int tls_begin(struct tls *tls, struct tls_session *session, gnutls_session_t gnutls)
{
    struct tls_credentials *present = tls->present;
    memset(session, 0, sizeof(*session));
    if (gnutls_credentials_set(gnutls, GNUTLS_CRD_CERTIFICATE, present->certificates) < 0) {
        return -1;
    }
    gnutls_certificate_server_set_request(gnutls,
                                          present->ask ? GNUTLS_CERT_REQUEST : GNUTLS_CERT_IGNORE);
    /* What stood there is of use to libmicrohttpd for pre-shared keys only. */
    gnutls_session_set_ptr(gnutls, session);
    present->references++;
    session->credentials = present;
    utf8_print(session->reason, sizeof(session->reason), "%s", "the client shows no certificate");
    return 0;
}

void tls_end(struct tls_session *session)
{
    credentials_release(session->credentials);
    session->credentials = NULL;
}

bool tls_session_required(const struct tls_session *session)
{
    return session->credentials->required;
}

bool tls_outdated(const struct tls *tls, const struct tls_session *session)
{
    return session->credentials != tls->present;
}

static bool is_name(const struct tls *tls, const char *name, size_t length)
{
    for (size_t i = 0; i < tls->name_count; i++) {
        if (strlen(tls->names[i]) == length && memcmp(tls->names[i], name, length) == 0) {
            return true;
        }
    }
    return false;
}

static bool has_name(const struct tls *tls, gnutls_x509_crt_t certificate)
{
    char name[NAME_MOST];
    size_t length = sizeof(name);
    if (gnutls_x509_crt_get_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name,
                                      &length) == 0 &&
        is_name(tls, name, length)) {
        return true;
    }
    for (unsigned i = 0;; i++) {
        length = sizeof(name);
        int type = gnutls_x509_crt_get_subject_alt_name(certificate, i, name, &length, NULL);
        if (type == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE) {
            return false;
        }
        if ((type == GNUTLS_SAN_DNSNAME || type == GNUTLS_SAN_URI) && is_name(tls, name, length)) {
            return true;
        }
    }
}

/* The client's own certificate: its end, and whether it is one of the names. */
static bool check_leaf(const struct tls *tls, gnutls_session_t gnutls, struct tls_session *session)
{
    unsigned count = 0;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(gnutls, &count);
    gnutls_x509_crt_t leaf;
    if (chain == NULL || count == 0 || gnutls_x509_crt_init(&leaf) < 0) {
        return false;
    }
    bool good = gnutls_x509_crt_import(leaf, &chain[0], GNUTLS_X509_FMT_DER) == 0;
    if (good) {
        session->ends = gnutls_x509_crt_get_expiration_time(leaf);
        good = tls->name_count == 0 || has_name(tls, leaf);
        if (!good) {
            utf8_print(session->reason, sizeof(session->reason), "%s",
                       "the certificate is good, but its name is none of clientNames");
        }
    }
    gnutls_x509_crt_deinit(leaf);
    return good;
}

static bool check_chain(gnutls_session_t gnutls, struct tls_session *session)
{
    char purpose[] = GNUTLS_KP_TLS_WWW_CLIENT;
    gnutls_typed_vdata_st meant_for = {
        .type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (unsigned char *)purpose, .size = 0};
    gnutls_datum_t text;
    unsigned status = 0;
    int result = gnutls_certificate_verify_peers(gnutls, &meant_for, 1, &status);
    if (result < 0) {
        utf8_print(session->reason, sizeof(session->reason), "%s", gnutls_strerror(result));
        return false;
    }
    if (status != 0 && gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text,
                                                                    0) == GNUTLS_E_SUCCESS) {
        utf8_print(session->reason, sizeof(session->reason), "%s", (const char *)text.data);
        gnutls_free(text.data);
    }
    return status == 0;
}

/* In the handshake, when the client has shown a certificate or none; 0 goes on. */
static int verify(gnutls_session_t gnutls)
{
    struct tls_session *session = gnutls_session_get_ptr(gnutls);
    const struct tls_credentials *credentials = session->credentials;
    session->verified =
        check_chain(gnutls, session) && check_leaf(credentials->tls, gnutls, session);
    if (session->verified) {
        session->reason[0] = '\0';
        return 0;
    }
    if (!credentials->required) {
        return 0;
    }
    unsigned count = 0;
    (void)gnutls_certificate_get_peers(gnutls, &count);
    bool newest = gnutls_protocol_get_version(gnutls) >= GNUTLS_TLS1_3;
    (void)gnutls_alert_send(gnutls, GNUTLS_AL_FATAL,
                            count == 0 && newest ? GNUTLS_A_CERTIFICATE_REQUIRED
                                                 : GNUTLS_A_BAD_CERTIFICATE);
    return -1;
}
