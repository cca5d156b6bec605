// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/base/clock.h"
#include "api/kube/lease/peer_link.h"
#include "api/kube/lease/peer_listener.h"
#include "test/unit/check_main.h"

/* The connection between two processes, over loopback. Time is only ever waited for. */

#define PATIENCE_MS 60000

static struct peer_listener *listener;
static struct peer_link *peer;
static bool heard;

static void listen_as(const char *identity, uint16_t port)
{
    struct err err;
    ck_assert_msg(peer_listener_create("127.0.0.1", port, identity, &listener, &err) == 0, "%s",
                  err.text);
}

static void stop_listening(void)
{
    peer_listener_destroy(listener);
    listener = NULL;
}

static void aim(const char *identity, uint16_t port)
{
    char address[64];
    (void)snprintf(address, sizeof address, "127.0.0.1:%u", port);
    peer_link_aim(peer, identity, address);
}

static void setup(void)
{
    heard = false;
    peer = peer_link_create();
    ck_assert_ptr_nonnull(peer);
    listen_as("holder_1", 0);
}

static void teardown(void)
{
    peer_link_destroy(peer);
    stop_listening();
}

static enum peer_state turn(void)
{
    enum peer_state state = peer_link_run(peer, clock_ms());
    if (listener != NULL) {
        heard = peer_listener_run(listener, clock_ms()) || heard;
    }
    return state;
}

static void wait_for(enum peer_state wanted)
{
    for (int64_t end = clock_ms() + PATIENCE_MS; turn() != wanted;) {
        ck_assert_int_lt(clock_ms(), end);
        (void)poll(NULL, 0, 1);
    }
}

/* For so many turns, each of which could change it. */
static void expect_never(enum peer_state unwanted, int64_t milliseconds)
{
    for (int64_t end = clock_ms() + milliseconds; clock_ms() < end;) {
        ck_assert_int_ne(turn(), unwanted);
        (void)poll(NULL, 0, 1);
    }
}

START_TEST(a_process_that_ends_is_noticed)
{
    uint16_t port = peer_listener_port(listener);
    aim("holder_1", port);
    wait_for(PEER_LIVES);
    ck_assert_int_eq(peer_link_deadline(peer), INT64_MAX);
    stop_listening(); /* what the kernel does when a process ends */
    wait_for(PEER_ENDED);
    /* One that is started in its place takes that back; one of another name is unknown. */
    listen_as("holder_1", port);
    wait_for(PEER_LIVES);
    stop_listening();
    wait_for(PEER_ENDED);
    listen_as("holder_2", port);
    wait_for(PEER_UNKNOWN);
    expect_never(PEER_ENDED, 50);
    stop_listening();
    expect_never(PEER_ENDED, 300); /* it was never connected to holder_1 here again */
}
END_TEST

/* As when a proxy between them is restarted, or somebody crowds the others out. */
START_TEST(a_closed_connection_alone_means_nothing)
{
    aim("holder_1", peer_listener_port(listener));
    wait_for(PEER_LIVES);
    struct peer_link *crowd[PEER_CONNECTIONS_MAX];
    for (int i = 0; i < PEER_CONNECTIONS_MAX; i++) {
        char address[64];
        crowd[i] = peer_link_create();
        (void)snprintf(address, sizeof address, "127.0.0.1:%u", peer_listener_port(listener));
        peer_link_aim(crowd[i], "holder_1", address);
    }
    for (int64_t end = clock_ms() + 300; clock_ms() < end;) {
        for (int i = 0; i < PEER_CONNECTIONS_MAX; i++) {
            (void)peer_link_run(crowd[i], clock_ms());
        }
        ck_assert_int_ne(turn(), PEER_ENDED);
        (void)poll(NULL, 0, 1);
    }
    for (int i = 0; i < PEER_CONNECTIONS_MAX; i++) {
        peer_link_destroy(crowd[i]);
    }
    wait_for(PEER_LIVES);
}
END_TEST

/* A frozen process: the kernel takes the connection in its name, and nobody says a word. */
START_TEST(a_frozen_process_has_not_ended)
{
    aim("holder_1", peer_listener_port(listener));
    wait_for(PEER_LIVES);
    for (int i = 0; i < 300; i++) {
        ck_assert_int_eq(peer_link_run(peer, clock_ms()), PEER_LIVES);
        (void)poll(NULL, 0, 1);
    }
    peer_link_aim(peer, "", ""); /* and one that was not connected to in time is unknown */
    aim("holder_1", peer_listener_port(listener));
    for (int i = 0; i < 300; i++) {
        ck_assert_int_eq(peer_link_run(peer, clock_ms()), PEER_UNKNOWN);
        (void)poll(NULL, 0, 1);
    }
}
END_TEST

/* As when the network is cut: the connection breaks, and nobody says yes or no to the next one. */
START_TEST(silence_is_no_end)
{
    uint16_t port = peer_listener_port(listener);
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    const int on = 1;
    aim("holder_1", port);
    wait_for(PEER_LIVES);
    stop_listening();
    int mute = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(setsockopt(mute, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
    ck_assert_int_eq(bind(mute, (struct sockaddr *)&at, sizeof at), 0);
    ck_assert_int_eq(listen(mute, 1), 0);
    expect_never(PEER_ENDED, 2500); /* longer than it is patient */
    (void)close(mute);
    wait_for(PEER_ENDED);
}
END_TEST

START_TEST(who_was_never_connected_to_has_not_ended)
{
    uint16_t port = peer_listener_port(listener);
    stop_listening();
    aim("holder_1", port);
    expect_never(PEER_ENDED, 300);
    listen_as("somebody", port); /* another service at that address */
    expect_never(PEER_LIVES, 1200);
    stop_listening();
    expect_never(PEER_ENDED, 300);
}
END_TEST

START_TEST(addresses)
{
    static const char *const bad[] = {
        "",        "x",       "127.0.0.1", "127.0.0.1:", "127.0.0.1:0",     "::1:7",       "[::1]",
        "[::1]:x", "pod-1:7", ":7",        "[]:7",       "127.0.0.1:65536", "127.0.0.1:7x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        peer_link_aim(peer, "holder_1", bad[i]);
        ck_assert_int_eq(peer_link_run(peer, 1), PEER_UNKNOWN);
        ck_assert_int_eq(peer_link_deadline(peer), INT64_MAX);
    }
    stop_listening();
    struct err err;
    if (peer_listener_create("::1", 0, "holder_1", &listener, &err) == 0) { /* there is IPv6 */
        char address[64];
        (void)snprintf(address, sizeof address, "[::1]:%u", peer_listener_port(listener));
        peer_link_aim(peer, "holder_1", address);
        wait_for(PEER_LIVES);
    }
    struct peer_listener *other = NULL;
    ck_assert_int_eq(peer_listener_create("nowhere", 0, "a", &other, &err), -1);
    ck_assert_str_eq(err.text, "\"nowhere\" is not an IP address");
    ck_assert_int_eq(peer_listener_create("192.0.2.1", 0, "a", &other, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "cannot listen on 192.0.2.1"));
}
END_TEST

START_TEST(news_go_both_ways)
{
    aim("holder_1", peer_listener_port(listener));
    wait_for(PEER_LIVES);
    ck_assert(!peer_link_news(peer));
    ck_assert(!heard);
    peer_listener_tell(listener);
    peer_link_tell(peer);
    bool told = false;
    for (int64_t end = clock_ms() + PATIENCE_MS; !told || !heard;) {
        ck_assert_int_lt(clock_ms(), end);
        (void)turn();
        told = peer_link_news(peer) || told;
        (void)poll(NULL, 0, 1);
    }
    ck_assert(!peer_link_news(peer));
}
END_TEST

static int call(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons(peer_listener_port(listener))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    (void)connect(fd, (struct sockaddr *)&to, sizeof to);
    return fd;
}

/* So many connections a second, and so many bytes of each; then the listener leaves it alone. */
START_TEST(callers_cost_little)
{
    int fds[100];
    unsigned greeted = 0;
    int64_t start = clock_ms();
    for (int i = 0; i < 100; i++) {
        fds[i] = call();
        (void)peer_listener_run(listener, start);
    }
    ck_assert_int_lt(peer_listener_deadline(listener), INT64_MAX);
    for (int i = 0; i < 100; i++) {
        char bytes[64];
        greeted += recv(fds[i], bytes, sizeof bytes, 0) > 0;
        (void)close(fds[i]);
    }
    ck_assert_uint_eq(greeted, PEER_NEW_MAX);
    (void)peer_listener_run(listener, start + 2000);
    int fd = call();
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    for (int i = 0; i < 1000 && poll(&wait, 1, 1) == 0; i++) {
        (void)peer_listener_run(listener, start + 4000 + i * 1000);
    }
    char bytes[PEER_BYTES_MAX * 2] = "";
    ck_assert_int_gt(recv(fd, bytes, sizeof bytes, 0), 0);
    ck_assert_int_eq(send(fd, bytes, sizeof bytes, MSG_NOSIGNAL), sizeof bytes);
    for (int i = 0; poll(&wait, 1, 1) == 0; i++) {
        ck_assert_int_lt(i, PATIENCE_MS);
        (void)peer_listener_run(listener, start + 2000000);
    }
    ck_assert_int_le(recv(fd, bytes, sizeof bytes, 0), 0); /* it was hung up on */
    (void)close(fd);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api/kube/lease/peers");
    TCase *peers = tcase_create("peers");
    tcase_add_checked_fixture(peers, setup, teardown);
    tcase_add_test(peers, a_process_that_ends_is_noticed);
    tcase_add_test(peers, a_closed_connection_alone_means_nothing);
    tcase_add_test(peers, a_frozen_process_has_not_ended);
    tcase_add_test(peers, silence_is_no_end);
    tcase_add_test(peers, who_was_never_connected_to_has_not_ended);
    tcase_add_test(peers, addresses);
    tcase_add_test(peers, news_go_both_ways);
    tcase_add_test(peers, callers_cost_little);
    suite_add_tcase(suite, peers);
    return check_main(suite);
}
