// SPDX-License-Identifier: Apache-2.0
#include "api/kube/client/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/base/clock.h"
#include "api/kube/client/token.h"
#include "topology/base/alloc.h"
#include "topology/base/utf8.h"
#include "version.h"

/* libcurl's multi interface, and the only file that knows it. A call is an easy handle with its
 * callbacks; calls form a list so that they can all be ended.
 *
 *   started ─▶ headers ─▶ status() ─▶ data()* ─▶ done()
 *                 └ 401 and the token file has changed ─▶ thrown away, started again, once
 *
 * HTTP/1.1: over HTTP/2 libcurl 7.88 was seen to leave two of four watches on one connection
 * unsent, without an error; and a write that must not happen any more is taken back by closing its
 * connection, which it then does not have for itself.
 *
 * libcurl's GnuTLS flavour takes certificates from files only (CURLOPT_CAINFO_BLOB is refused,
 * SSLCERT_BLOB ignored), the OpenSSL flavour from either. Inline data of a kubeconfig is
 * therefore put into an anonymous file in memory (memfd) and handed over as /proc/self/fd/N: it
 * never touches a disk.
 */

#define CONNECT_TIMEOUT_MS 5000L
#define KEEPALIVE_IDLE_S   30L
#define KEEPALIVE_EVERY_S  10L
#define BUFFER_SIZE        (128L << 10)
#define MEMORY_FILES       3
#define LOCAL_ADDRESS_MAX  64

const char CLIENT_NOT_SENT[] = "it came too late to be sent";

struct memory_file {
    int fd;
    char path[32];
};

struct client {
    CURLM *multi;
    struct kube_access access;
    struct kube_log log;
    char *server; /* URL before the target */
    char *host;   /* "Host: …" when the URL's host is only there for TLS, else NULL */
    struct curl_slist *connect_to;
    struct memory_file files[MEMORY_FILES];
    size_t file_count;
    const char *ca; /* paths, *borrowed* from access or files; NULL: none */
    const char *certificate;
    const char *key;

    struct token token;
    uint64_t unauthorized;
    unsigned drop_unsent_ms; /* 0: never */
    char local_address[LOCAL_ADDRESS_MAX];
    struct curl_waitfd fds[CLIENT_FDS_MAX];
    unsigned fd_count;
    char unsafe[ERR_TEXT_MAX]; /* what is wrong with the way, in words, "" for nothing */

    struct client_call *calls;
};

struct client_call {
    struct client_call *next;
    struct client_call *previous;
    struct client *client;
    CURL *easy;
    struct curl_slist *headers;
    struct client_request request; /* without its texts */
    char *method;
    char *content_type;
    char *body;
    char *url;
    char *token; /* the one this call was sent with, or NULL */
    bool told_status;
    bool again;     /* a 401 that is worth another try */
    bool had_again; /* … which has been made */
    bool aborted;   /* data() said no */
    bool too_late;  /* send_before had passed */
    struct err err;
    char curl_error[CURL_ERROR_SIZE];
};

/* A file in memory that holds `text`; its path is kept in the client. */
static int make_memory_file(struct client *client, const char *text, const char **path,
                            struct err *err)
{
    struct memory_file *file = &client->files[client->file_count];
    size_t length = strlen(text);
    file->fd = memfd_create("phalanx-pem", MFD_CLOEXEC);
    if (file->fd < 0) {
        return err_set(err, "memfd_create: %s", strerrordesc_np(errno));
    }
    client->file_count++;
    for (size_t at = 0; at < length;) {
        ssize_t written = write(file->fd, text + at, length - at);
        if (written < 0) {
            return err_set(err, "memfd: %s", strerrordesc_np(errno));
        }
        at += (size_t)written;
    }
    (void)snprintf(file->path, sizeof file->path, "/proc/self/fd/%d", file->fd);
    *path = file->path;
    return 0;
}

static int choose_pem(struct client *client, const char *file, const char *data, const char **path,
                      struct err *err)
{
    *path = file;
    return data == NULL ? 0 : make_memory_file(client, data, path, err);
}

/* With a tls-server-name the URL carries that name, which is then sent as SNI and verified,
 * while the connection goes to the server's own address. */
static int set_server(struct client *client, struct err *err)
{
    const struct kube_access *access = &client->access;
    char *host = NULL;
    char *port = NULL;
    char *whole = NULL;
    int result = -1;
    CURLU *url = curl_url();
    err_require(url != NULL);
    if (curl_url_set(url, CURLUPART_URL, access->server, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK) {
        err_set(err, "server \"%s\" is not a URL", access->server);
        goto out;
    }
    client->server = alloc_string(access->server);
    result = 0;
    if (access->tls_server_name == NULL) {
        goto out;
    }
    if (curl_url_set(url, CURLUPART_HOST, access->tls_server_name, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_URL, &whole, 0) != CURLUE_OK) {
        result = err_set(err, "tls-server-name \"%s\" is not a name", access->tls_server_name);
        goto out;
    }
    size_t length = strlen(whole);
    free(client->server);
    client->server = alloc_string_n(whole, whole[length - 1] == '/' ? length - 1 : length);
    size_t room = strlen(host) + strlen(port) + 16;
    char *text = alloc_zero(room, 1);
    (void)snprintf(text, room, "::%s:%s", host, port);
    client->connect_to = curl_slist_append(NULL, text);
    (void)snprintf(text, room, "Host: %s:%s", host, port);
    client->host = text;
out:
    curl_free(host);
    curl_free(port);
    curl_free(whole);
    curl_url_cleanup(url);
    return result;
}

/* Whether what is sent there does not leave this machine. */
static bool is_loopback(const char *server)
{
    const char *host = strstr(server, "://");
    host = host == NULL ? server : host + 3;
    return strncmp(host, "127.", 4) == 0 || strncmp(host, "[::1]", 5) == 0 ||
           strncmp(host, "localhost", 9) == 0;
}

/* Says what a person would not have wanted, each time the program starts. */
static void look_at_way(struct client *client)
{
    const struct kube_access *access = &client->access;
    bool secret = access->token != NULL || access->token_file != NULL;
    if (strncmp(access->server, "https://", 8) != 0 && secret && !is_loopback(access->server)) {
        utf8_print(client->unsafe, sizeof client->unsafe,
                   "the token goes to %s in clear: whoever is between can take it", access->server);
    } else if (access->insecure) {
        utf8_print(client->unsafe, sizeof client->unsafe,
                   "the certificate of %s is not verified (insecure-skip-tls-verify): whoever is "
                   "between can be the API server",
                   access->server);
    }
    if (client->unsafe[0] != '\0') {
        kube_log(&client->log, KUBE_LOG_WARNING, "%s", client->unsafe);
    }
}

int client_create(const struct kube_access *access, uint32_t connections,
                  const struct kube_log *log, struct client **client, struct err *err)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return err_set(err, "libcurl cannot be initialised");
    }
    struct client *created = alloc_zero(1, sizeof *created);
    created->multi = curl_multi_init();
    err_require(created->multi != NULL);
    kube_access_copy(&created->access, access);
    const struct kube_access *own = &created->access; /* the caller's may go after this call */
    created->log = *log;
    token_init(&created->token, own->token_file, own->token, log);
    long kept = (long)connections + 8;
    if (curl_multi_setopt(created->multi, CURLMOPT_MAXCONNECTS, kept) != CURLM_OK ||
        set_server(created, err) != 0 ||
        choose_pem(created, own->ca_file, own->ca_data, &created->ca, err) != 0 ||
        choose_pem(created, own->certificate_file, own->certificate_data, &created->certificate,
                   err) != 0 ||
        choose_pem(created, own->key_file, own->key_data, &created->key, err) != 0 ||
        token_refresh(&created->token, clock_ms(), true, err) != 0) {
        client_destroy(created);
        return -1;
    }
    look_at_way(created);
    *client = created;
    return 0;
}

static void release_call(struct client_call *call)
{
    (void)curl_multi_remove_handle(call->client->multi, call->easy);
    curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->headers);
    free(call->method);
    free(call->content_type);
    free(call->body);
    free(call->url);
    token_release(call->token);
    free(call);
}

static void unlink_call(struct client_call *call)
{
    if (call->previous != NULL) {
        call->previous->next = call->next;
    } else {
        call->client->calls = call->next;
    }
    if (call->next != NULL) {
        call->next->previous = call->previous;
    }
}

void client_cancel(struct client *client, struct client_call *call)
{
    err_require(call->client == client);
    unlink_call(call);
    release_call(call);
}

void client_destroy(struct client *client)
{
    if (client == NULL) {
        return;
    }
    while (client->calls != NULL) {
        client_cancel(client, client->calls);
    }
    (void)curl_multi_cleanup(client->multi);
    curl_slist_free_all(client->connect_to);
    for (size_t i = 0; i < client->file_count; i++) {
        (void)close(client->files[i].fd);
    }
    free(client->server);
    free(client->host);
    token_finish(&client->token);
    kube_access_finish(&client->access);
    free(client);
    curl_global_cleanup();
}

void client_drop_unsent(struct client *client, int64_t after_ms)
{
    client->drop_unsent_ms = after_ms > INT32_MAX ? INT32_MAX : (unsigned)after_ms;
}

void client_wait_for(struct client *client, int fd)
{
    err_require(client->fd_count < CLIENT_FDS_MAX);
    client->fds[client->fd_count++] = (struct curl_waitfd){.fd = fd, .events = CURL_WAIT_POLLIN};
}

const char *client_local_address(const struct client *client)
{
    return client->local_address;
}

const char *client_trouble(const struct client *client)
{
    return client->token.trouble[0] != '\0' ? client->token.trouble : client->unsafe;
}

uint64_t client_unauthorized(const struct client *client)
{
    return client->unauthorized;
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void add_header(struct client_call *call, const char *text)
{
    struct curl_slist *list = curl_slist_append(call->headers, text);
    err_require(list != NULL);
    call->headers = list;
}

static void set_headers(struct client_call *call)
{
    const struct client *client = call->client;
    curl_slist_free_all(call->headers);
    call->headers = NULL;
    token_release(call->token);
    call->token = alloc_string(client->token.text);
    add_header(call, "Accept: application/json");
    add_header(call, "Expect:");
    if (client->host != NULL) {
        add_header(call, client->host);
    }
    const char *const values[][2] = {{"Content-Type", call->content_type},
                                     {"Authorization: Bearer", call->token}};
    for (size_t i = 0; i < 2; i++) {
        const char *value = values[i][1];
        if (value != NULL) {
            size_t room = strlen(values[i][0]) + strlen(value) + 4;
            char *text = alloc_zero(room, 1);
            (void)snprintf(text, room, "%s%s %s", values[i][0], i == 0 ? ":" : "", value);
            add_header(call, text);
            token_release(text);
        }
    }
    (void)curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
}

/* The status line and headers are in: tells the caller, unless it is a 401 that a new token
 * may cure. */
static void headers_done(struct client_call *call)
{
    if (call->told_status) {
        return;
    }
    call->told_status = true;
    struct client *client = call->client;
    long status = 0;
    curl_off_t retry_after = 0;
    (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(call->easy, CURLINFO_RETRY_AFTER, &retry_after);
    if (status == 401) {
        client->unauthorized++;
        if (same_text(call->token, client->token.text)) {
            (void)token_refresh(&client->token, clock_ms(), true, NULL);
        }
        call->again = !call->had_again && !same_text(call->token, client->token.text);
    }
    if (!call->again && call->request.status != NULL) {
        int64_t seconds = retry_after > 86400 ? 86400 : retry_after;
        call->request.status(call->request.context, (int)status, seconds * 1000);
    }
}

/* One header line. The empty one ends them: a watch on which nothing happens has been accepted
 * then, long before its first byte. Those of an interim answer (1xx) are not the answer's. */
static size_t take_header(char *line, size_t size, size_t count, void *context)
{
    struct client_call *call = context;
    size_t length = size * count;
    long status = 0;
    (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200 && length <= 2 && (line[0] == '\r' || line[0] == '\n')) {
        headers_done(call);
    }
    return length;
}

static size_t take_data(char *bytes, size_t size, size_t count, void *context)
{
    struct client_call *call = context;
    size_t length = size * count;
    if (call->again || length == 0) {
        return length;
    }
    if (call->request.data(call->request.context, bytes, length, &call->err) != 0) {
        call->aborted = true;
        return CURL_WRITEFUNC_ERROR;
    }
    return length;
}

static void set_tls(struct client_call *call)
{
    const struct client *client = call->client;
    CURL *easy = call->easy;
    long verify = client->access.insecure ? 0L : 1L;
    (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, verify);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, verify * 2);
    (void)curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (client->ca != NULL) {
        /* This authority and none of the system's. */
        (void)curl_easy_setopt(easy, CURLOPT_CAINFO, client->ca);
        (void)curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    }
    if (client->certificate != NULL) {
        (void)curl_easy_setopt(easy, CURLOPT_SSLCERT, client->certificate);
        (void)curl_easy_setopt(easy, CURLOPT_SSLKEY, client->key);
    }
}

/* The connection is there, the request is the next thing to go out. */
static int before_request(void *context, char *to, char *from, int to_port, int from_port)
{
    struct client_call *call = context;
    (void)to, (void)to_port, (void)from_port;
    (void)snprintf(call->client->local_address, LOCAL_ADDRESS_MAX, "%s", from);
    call->too_late =
        call->request.send_before != 0 && clock_lease_ms() >= call->request.send_before;
    return call->too_late ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

/* A socket that is closed keeps trying to deliver what was written to it, for minutes, unless it
 * lingers for no time. */
static int socket_made(void *context, curl_socket_t fd, curlsocktype purpose)
{
    const struct client *client = context;
    (void)purpose;
    if (client->drop_unsent_ms > 0) {
        const struct linger none = {.l_onoff = 1, .l_linger = 0};
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
        (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &client->drop_unsent_ms,
                         sizeof client->drop_unsent_ms);
    }
    return CURL_SOCKOPT_OK;
}

static void set_options(struct client_call *call)
{
    CURL *easy = call->easy;
    (void)curl_easy_setopt(easy, CURLOPT_URL, call->url);
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    if (call->request.compressed) {
        (void)curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
    }
    (void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)call->request.timeout_ms);
    (void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    (void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_EVERY_S);
    (void)curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, BUFFER_SIZE);
    (void)curl_easy_setopt(easy, CURLOPT_USERAGENT, "phalanx/" PHALANX_VERSION);
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->curl_error);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_data);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    (void)curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, before_request);
    (void)curl_easy_setopt(easy, CURLOPT_PREREQDATA, call);
    (void)curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, socket_made);
    (void)curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, call->client);
    if (call->client->connect_to != NULL) {
        (void)curl_easy_setopt(easy, CURLOPT_CONNECT_TO, call->client->connect_to);
    }
    if (call->body != NULL) {
        curl_off_t length = (curl_off_t)call->request.body_length;
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, length);
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body);
    }
    (void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method);
    set_tls(call);
}

static void submit(struct client_call *call)
{
    (void)token_refresh(&call->client->token, clock_ms(), false, NULL);
    set_headers(call);
    call->told_status = false;
    call->again = false;
    call->curl_error[0] = '\0';
    err_require(curl_multi_add_handle(call->client->multi, call->easy) == CURLM_OK);
}

struct client_call *client_start(struct client *client, const struct client_request *request)
{
    struct client_call *call = alloc_zero(1, sizeof *call);
    call->client = client;
    call->request = *request;
    call->request.method = NULL; /* the caller's texts are copied below */
    call->request.target = NULL;
    call->request.content_type = NULL;
    call->request.body = NULL;
    call->method = alloc_string(request->method);
    call->content_type = alloc_string(request->content_type);
    if (request->body != NULL) {
        call->body = alloc_string_n(request->body, request->body_length);
    }
    size_t room = strlen(client->server) + strlen(request->target) + 1;
    call->url = alloc_zero(room, 1);
    (void)snprintf(call->url, room, "%s%s", client->server, request->target);
    call->easy = curl_easy_init();
    err_require(call->easy != NULL);
    call->next = client->calls;
    if (client->calls != NULL) {
        client->calls->previous = call;
    }
    client->calls = call;
    set_options(call);
    submit(call);
    return call;
}

/* A transfer is over, well or not. */
static void finish(struct client_call *call, CURLcode code)
{
    long status = 0;
    (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status != 0) {
        headers_done(call); /* the head was cut off: done() names no status that was not told */
    }
    if (call->again) {
        (void)curl_multi_remove_handle(call->client->multi, call->easy);
        call->had_again = true;
        submit(call);
        return;
    }
    const char *error = NULL;
    if (code != CURLE_OK) {
        error = call->too_late                ? CLIENT_NOT_SENT
                : call->aborted               ? call->err.text
                : call->curl_error[0] != '\0' ? call->curl_error
                                              : curl_easy_strerror(code);
    }
    unlink_call(call);
    call->request.done(call->request.context, (int)status, error);
    release_call(call);
}

void client_wait(struct client *client, int timeout_ms)
{
    (void)curl_multi_poll(client->multi, client->fds, client->fd_count, timeout_ms, NULL);
}

void client_run(struct client *client)
{
    int running = 0;
    int left = 0;
    CURLMsg *message = NULL;
    (void)curl_multi_perform(client->multi, &running);
    while ((message = curl_multi_info_read(client->multi, &left)) != NULL) {
        if (message->msg == CURLMSG_DONE) {
            struct client_call *call = NULL;
            (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
            finish(call, message->data.result);
        }
    }
}

void client_wakeup(struct client *client)
{
    (void)curl_multi_wakeup(client->multi);
}
