// SPDX-License-Identifier: Apache-2.0
#include "api/kube/client/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/kube/client/client.h"
#include "test/unit/check_main.h"
#include "topology/base/alloc.h"

static void put_token(const char *path, const char *token)
{
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(token, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

START_TEST(no_token_no_client)
{
    char path[] = "/tmp/test_client_XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(close(fd), 0);
    static const char *const BROKEN[] = {"", "\n", "two words", "a\r\nX-Evil: b"};
    for (size_t i = 0; i <= 4; i++) {
        char address[] = "https://127.0.0.1:1";
        const struct kube_access access = {.server = address, .token_file = path};
        const struct kube_log log = {.write = NULL};
        struct client *client = NULL;
        struct err err;
        if (i < 4) {
            put_token(path, BROKEN[i]);
        } else {
            ck_assert_int_eq(unlink(path), 0);
        }
        ck_assert_int_eq(client_create(&access, 1, &log, &client, &err), -1);
        ck_assert_msg(strncmp(err.text, "token: /tmp/test_client_", 24) == 0, "%s", err.text);
        ck_assert_ptr_nonnull(
            strstr(err.text, i < 4 ? ": not a token" : ": No such file or directory"));
    }
}
END_TEST

static char said[4096];

static void keep_log(void *context, int level, const char *message)
{
    (void)context;
    ck_assert_int_eq(level, KUBE_LOG_WARNING);
    (void)snprintf(said, sizeof said, "%s", message);
}

/* What nobody would have wanted is said at the start, and stays to be seen. */
START_TEST(unsafe_ways_are_said)
{
    static const struct {
        const char *server, *token;
        int insecure;
        const char *said;
    } WAYS[] = {
        {"https://10.0.0.1:6443", "t", 1,
         "the certificate of https://10.0.0.1:6443 is not verified"},
        {"http://10.0.0.1:8080", "t", 0, "the token goes to http://10.0.0.1:8080 in clear"},
        {"http://10.0.0.1:8080", NULL, 0, ""},
        {"http://127.0.0.1:8080", "t", 0, ""},
        {"http://[::1]:8080", "t", 0, ""},
        {"http://localhost:8080", "t", 0, ""},
        {"https://10.0.0.1:6443", "t", 0, ""},
    };
    for (size_t i = 0; i < sizeof WAYS / sizeof WAYS[0]; i++) {
        struct kube_access access = {.server = alloc_string(WAYS[i].server),
                                     .token = alloc_string(WAYS[i].token),
                                     .insecure = WAYS[i].insecure};
        const struct kube_log log = {.write = keep_log};
        struct client *client = NULL;
        said[0] = '\0';
        ck_assert_int_eq(client_create(&access, 1, &log, &client, NULL), 0);
        ck_assert_int_eq(strncmp(said, WAYS[i].said, strlen(WAYS[i].said)), 0);
        ck_assert_int_eq(said[0] == '\0', WAYS[i].said[0] == '\0');
        ck_assert_str_eq(client_trouble(client), said);
        client_destroy(client);
        kube_access_finish(&access);
    }
}
END_TEST

static unsigned times_said;

static void count_log(void *context, int level, const char *message)
{
    (void)context;
    (void)level;
    (void)message;
    times_said++;
}

/* Once a minute it is read; while that fails the last good one stays, and that is said at times. */
START_TEST(reads_again)
{
    char path[] = "/tmp/test_token_XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(close(fd), 0);
    const struct kube_log log = {.write = count_log};
    struct token token;
    token_init(&token, path, "given", &log);
    put_token(path, " first\n");
    ck_assert_int_eq(token_refresh(&token, 1000, false, NULL), 0);
    ck_assert_str_eq(token.text, "first");
    put_token(path, "second");
    ck_assert_int_eq(token_refresh(&token, 60999, false, NULL), 0);
    ck_assert_str_eq(token.text, "first");
    ck_assert_int_eq(token_refresh(&token, 61000, false, NULL), 0);
    ck_assert_str_eq(token.text, "second");
    put_token(path, "");
    times_said = 0;
    for (int64_t now = 100000; now < 100000 + 3600000; now += 60000) {
        ck_assert_int_eq(token_refresh(&token, now, true, NULL), -1);
        ck_assert_str_eq(token.text, "second");
        ck_assert_ptr_nonnull(strstr(token.trouble, "not a token"));
    }
    ck_assert_uint_eq(times_said, 6);
    put_token(path, "third");
    ck_assert_int_eq(token_refresh(&token, 5000000, false, NULL), 0);
    ck_assert_str_eq(token.text, "third");
    ck_assert_str_eq(token.trouble, "");
    token_finish(&token);
    ck_assert_int_eq(unlink(path), 0);
    token_init(&token, NULL, "given", &log);
    ck_assert_int_eq(token_refresh(&token, 0, true, NULL), 0);
    ck_assert_str_eq(token.text, "given");
    token_finish(&token);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("token");
    TCase *tests = tcase_create("token");
    tcase_add_test(tests, no_token_no_client);
    tcase_add_test(tests, unsafe_ways_are_said);
    tcase_add_test(tests, reads_again);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
