// SPDX-License-Identifier: Apache-2.0
/* `phalanx serve` from its flags to its end: the command runs in the test's own process, a second
 * thread plays the world outside and ends it with a signal. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "test/unit/api/cli/run_cli.h"

#define SNAPSHOT                                                                                 \
    "kind: List\n"                                                                               \
    "items:\n"                                                                                   \
    "- kind: Node\n"                                                                             \
    "  metadata: {name: n1}\n"                                                                   \
    "  status: {allocatable: {pods: 110, nvidia.com/gpu: 8}}\n"                                  \
    "- apiVersion: scheduling.x-k8s.io/v1alpha1\n"                                               \
    "  kind: PodGroup\n"                                                                         \
    "  metadata: {name: g, namespace: ns}\n"                                                     \
    "  spec: {minMember: 1}\n"                                                                   \
    "- kind: Pod\n"                                                                              \
    "  metadata: {name: p, namespace: ns, uid: u, labels: {scheduling.x-k8s.io/pod-group: g}}\n" \
    "  spec: {containers: [{resources: {requests: {nvidia.com/gpu: 8}}}]}\n"

struct call {
    const char *request; /* "GET /livez" */
    const char *body;
    int status;
    const char *part; /* of the answer */
};

static char folder[64], snapshot_path[96], port_path[96], journal_path[96], config_path[96];

static void put(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    ck_assert_int_eq(fclose(file), 0);
}

static void setup(void)
{
    snprintf(folder, sizeof folder, "/tmp/phalanx-test-serve-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(snapshot_path, sizeof snapshot_path, "%s/snapshot", folder);
    snprintf(port_path, sizeof port_path, "%s/port", folder);
    snprintf(journal_path, sizeof journal_path, "%s/journal", folder);
    snprintf(config_path, sizeof config_path, "%s/config", folder);
    put(snapshot_path, SNAPSHOT);
}

static void clear_journal(void)
{
    char name[128];
    snprintf(name, sizeof name, "%s/0000000001.journal.zst", journal_path);
    unlink(name);
    snprintf(name, sizeof name, "%s/lock", journal_path);
    unlink(name);
    rmdir(journal_path);
}

static void teardown(void)
{
    unlink(snapshot_path);
    unlink(port_path);
    clear_journal();
    unlink(config_path);
    ck_assert_int_eq(rmdir(folder), 0);
}

/* ---- the world outside ---- */

/* Looks until the file is there: it appears whole. */
static uint16_t wait_for_port(void)
{
    unsigned port = 0;
    FILE *file = NULL;
    while ((file = fopen(port_path, "re")) == NULL) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    ck_assert_int_eq(fscanf(file, "%u", &port), 1);
    fclose(file);
    return (uint16_t)port;
}

static void expect_call(uint16_t port, const struct call *call)
{
    static char answer[262144];
    char head[512];
    size_t length = 0;
    const char *body = call->body == NULL ? "" : call->body;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    snprintf(head, sizeof head,
             "%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n",
             call->request, strlen(body));
    ck_assert_int_eq(send(fd, head, strlen(head), MSG_NOSIGNAL), (ssize_t)strlen(head));
    ck_assert_int_eq(send(fd, body, strlen(body), MSG_NOSIGNAL), (ssize_t)strlen(body));
    for (ssize_t got; (got = recv(fd, answer + length, sizeof answer - 1 - length, 0)) > 0;) {
        length += (size_t)got;
    }
    answer[length] = '\0';
    close(fd);
    ck_assert_msg(length > 9 && strtol(answer + 9, NULL, 10) == call->status, "%s: %s",
                  call->request, answer);
    ck_assert_msg(strstr(answer, call->part) != NULL, "%s: %s", call->request, answer);
}

/* All calls, then the end. */
static void *play(void *context)
{
    const struct call *calls = context;
    uint16_t port = wait_for_port();
    for (; calls->request != NULL; calls++) {
        expect_call(port, calls);
    }
    kill(getpid(), SIGTERM);
    return NULL;
}

/* Signals are for the command's own thread. */
static pthread_t start_world(const struct call *calls)
{
    pthread_t world;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    ck_assert_int_eq(pthread_create(&world, NULL, play, (void *)(uintptr_t)calls), 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return world;
}

static const struct call all_routes[] = {
    {"GET /livez", NULL, 200, "ok"},
    {"GET /readyz", NULL, 200, "ok"},
    {"GET /readyz?verbose", NULL, 200, "ok"},
    {"GET /readyz/leader", NULL, 200, "ok"},
    {"GET /metrics", NULL, 200, "phalanx_nodes 1\n"},
    {"GET /api/v1/gangs", NULL, 200, "\"ns/g\""},
    {"GET /api/v1/gangs/ns/g", NULL, 200, "\"node\": \"n1\""},
    {"GET /api/v1/gangs/ns/g?output=tree", NULL, 200, "ns/g  1 pod  Held\n"},
    {"GET /api/v1/gangs/ns/g?output=table", NULL, 200, "RANK"},
    {"GET /api/v1/gangs/ns/g?output=xml", NULL, 400, "output: xml: must be json, table or tree"},
    {"GET /api/v1/gangs/ns/h", NULL, 404, "there is no gang ns/h"},
    {"GET /api/v1/decisions", NULL, 200, "is planned"},
    {"GET /api/v1/decisions?limit=0", NULL, 200, "["},
    {"GET /api/v1/decisions?limit=many", NULL, 400, "limit: many: must be a number"},
    {"POST /api/v1/decisions", NULL, 405, ""},
    {"GET /api/v1/nodes", NULL, 200, "\"n1\""},
    {"GET /api/v1/pods", NULL, 200, "nominatedNodeName"},
    {"POST /api/v1/namespaces/ns/pods",
     "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"q\",\"namespace\":\"ns\"}}", 201, "\"q\""},
    {"POST /api/v1/namespaces/ns/pods", "{\"kind\":\"Node\"}", 422,
     "kind: Node: this path takes a Pod"},
    {"POST /api/v1/namespaces/ns/pods",
     "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"q\",\"namespace\":\"other\"}}", 422,
     "metadata.namespace: other: the path says ns"},
    {"POST /api/v1/namespaces/ns/pods", "{", 400, "body: line 1"},
    {"POST /apis/scheduling.x-k8s.io/v1alpha1/namespaces/ns/podgroups",
     "{\"kind\":\"PodGroup\",\"apiVersion\":\"scheduling.x-k8s.io/v1alpha1\",\"metadata\":{"
     "\"name\":\"h\",\"namespace\":\"ns\"},\"spec\":{\"minMember\":2}}",
     201, "\"h\""},
    {"DELETE /api/v1/namespaces/ns/pods/q", NULL, 200, "Success"},
    {"DELETE /api/v1/namespaces/ns/pods/q", NULL, 404, "Pod ns/q is not there"},
    {"POST /scheduler/filter",
     "{\"Pod\":{\"metadata\":{\"name\":\"p\",\"namespace\":\"ns\",\"uid\":\"u\"}},"
     "\"NodeNames\":[\"n1\"]}",
     200, "{\"NodeNames\":[\"n1\"]"},
    {"POST /scheduler/bind",
     "{\"PodName\":\"p\",\"PodNamespace\":\"ns\",\"PodUID\":\"u\",\"Node\":\"n1\"}", 200,
     "{\"Error\":\"\"}"},
    {"GET /api/v1/gangs/ns/g", NULL, 200, "\"Placed\""},
    {"POST /scheduler/dance", NULL, 404, ""},
    {"GET /scheduler/filter", NULL, 405, ""},
    {"GET /nowhere", NULL, 404, ""},
    {"GET /a/b/c/d/e/f/g/h/i/j/k/l", NULL, 404, ""},
    {.request = NULL},
};

START_TEST(a_whole_life)
{
    pthread_t world = start_world(all_routes);
    int code = run_cli("serve", "--snapshot", snapshot_path, "--listen", "127.0.0.1:0",
                       "--port-file", port_path, "--journal", journal_path, "--log-level", "debug",
                       "--log-format", "text", NULL);
    pthread_join(world, NULL);
    ck_assert_msg(code == CLI_OK, "%s", cli_err);
    expect_in(cli_err, "INFO  listening address=127.0.0.1 port=");
    expect_in(cli_err, "draining");
    expect_in(cli_err, "stopped");
    /* What it recorded is what it did. */
    ck_assert_int_eq(run_cli("replay", journal_path, NULL), CLI_OK);
    expect_in(cli_out, "Segment 1 ends with record ");
    expect_in(cli_out, "Every decision is the same: ");
}
END_TEST

static const struct call nothing[] = {{.request = NULL}};

/* Flags go before the configuration. */
START_TEST(configured)
{
    struct stat status;
    put(config_path, "server: {listen: '127.0.0.1:0'}\njournal: {directory: journal}\n"
                     "log: {level: error, format: text}\n");
    pthread_t world = start_world(nothing);
    int code = run_cli("serve", "--snapshot", snapshot_path, "--config", config_path, "--port-file",
                       port_path, "--log-level", "info", NULL);
    pthread_join(world, NULL);
    ck_assert_msg(code == CLI_OK, "%s", cli_err);
    expect_in(cli_err, "INFO  listening");
    ck_assert_int_eq(stat(journal_path, &status), 0);
    ck_assert(S_ISDIR(status.st_mode));
}
END_TEST

static void refuse(int code, const char *error)
{
    expect_in(cli_err, error);
    expect_in(cli_err, "phalanx serve: ");
    ck_assert_int_eq(code, strstr(error, "No such file") != NULL ? CLI_RUNTIME : CLI_USAGE);
    ck_assert_str_eq(cli_out, "");
}

START_TEST(what_cannot_be_served)
{
    refuse(run_cli("serve", "--snapshot", "/nonexistent/snapshot", "--listen", "127.0.0.1:0", NULL),
           "/nonexistent/snapshot: No such file or directory");
    refuse(run_cli("serve", "--kubeconfig", "/nonexistent/kubeconfig", "--listen", "127.0.0.1:0",
                   NULL),
           "/nonexistent/kubeconfig: No such file or directory");
    refuse(run_cli("serve", "--snapshot", snapshot_path, "--listen", "127.0.0.1:0", "--port-file",
                   "/nonexistent/port", NULL),
           "/nonexistent/port.new: No such file or directory");
    refuse(run_cli("serve", "--snapshot", snapshot_path, "--listen", "127.0.0.1:0", "--journal",
                   "/nonexistent/journal", NULL),
           "No such file or directory");
    refuse(run_cli("serve", "--snapshot", "a", "--kubeconfig", "b", NULL),
           "--kubeconfig and --snapshot exclude each other");
    refuse(run_cli("serve", "--listen", "here", NULL), "--listen: \"here\" is not address:port");
    refuse(run_cli("serve", "--log-level", "loud", NULL),
           "--log-level loud: must be debug, info, warning or error");
    put(config_path, "topology: {import: nothing}\nserver: {listen: '127.0.0.1:0'}\n");
    ck_assert_int_eq(run_cli("serve", "--snapshot", snapshot_path, "--config", config_path, NULL),
                     CLI_USAGE);
    expect_in(cli_err, "topology.import: ");
    put(config_path, "gangs: {holdTimout: 7s}\n");
    refuse(run_cli("serve", "--config", config_path, NULL), "gangs.holdTimout: unknown key");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("serve");
    TCase *tests = tcase_create("serve");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_whole_life);
    tcase_add_test(tests, configured);
    tcase_add_test(tests, what_cannot_be_served);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
