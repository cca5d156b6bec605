// SPDX-License-Identifier: Apache-2.0
/* What people ask of the daemon. */
#include "api/daemon/routes.h"

#include "test/unit/api/daemon/bed.h"

static struct core_bed *bed;

static char journal_path[] = "/tmp/phalanx-routes-XXXXXX";

static void setup(void)
{
    ck_assert_ptr_nonnull(mkdtemp(journal_path));
    bed = core_bed_create_with(&(struct core_bed_options){.journal = journal_path});
}

static void teardown(void)
{
    core_bed_destroy(bed);
    core_bed_clear_journal(journal_path);
}

/* The body of what is found there. */
static const char *get(const char *path, unsigned status)
{
    static char text[65536];
    char request[256];
    struct client client;
    size_t length = 0;
    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
    client_open(&bed->http, &client);
    client_send(&bed->http, &client, request);
    BED_UNTIL(&bed->http, (client_receive(&client), length = client_answer_length(&client)) > 0);
    ck_assert_uint_eq(strtoul(client.text + 9, NULL, 10), status);
    snprintf(text, sizeof(text), "%s", body_of(client.text));
    client_close(&client);
    return text;
}

static uint64_t steps(void)
{
    struct recorder_status status;
    recorder_status(bed->journal, &status);
    return status.steps;
}

/* As after this process was frozen: who called then may be gone, and does not say who leads now. */
START_TEST(who_has_hung_up_has_not_called)
{
    static const char body[] = "{\"Pod\":{\"metadata\":{\"name\":\"p\",\"namespace\":\"d\","
                               "\"uid\":\"u\"}},\"NodeNames\":[\"n0\"]}";
    char text[512];
    core_bed_node(bed, "n0");
    core_bed_synced(bed);
    snprintf(text, sizeof text,
             "POST /scheduler/filter HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(body), body);
    for (int gone = 0; gone < 2; gone++) {
        struct client client;
        uint64_t before = steps();
        client_open(&bed->http, &client);
        ck_assert_int_eq(write(client.fd, text, strlen(text)), (ssize_t)strlen(text));
        if (gone == 1) {
            client_close(&client);
            for (int i = 0; i < 20; i++) {
                bed_turn(&bed->http, 1);
            }
            ck_assert_uint_eq(steps(), before);
        } else {
            BED_UNTIL(&bed->http, steps() == before + 1);
            client_close(&client);
        }
    }
}
END_TEST

/* Why a gang waits may be out of date: the engine looks again when somebody asks. */
START_TEST(a_gang_is_asked_for)
{
    core_bed_node(bed, "n0");
    core_bed_synced(bed);
    for (int i = 0; i < 4; i++) {
        char name[16];
        snprintf(name, sizeof(name), "p%d", i);
        core_bed_pod(bed, name, "g", 4);
    }
    uint64_t before = steps();
    ck_assert_ptr_nonnull(strstr(get("/api/v1/gangs/ns/g", 200), "short by 3 of 4 pods"));
    ck_assert_uint_eq(steps(), before + 1);
    get("/api/v1/gangs/ns/nobody", 404);
    get("/api/v1/gangs/ns/g?output=poem", 400);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api/daemon/routes");
    TCase *tcase = tcase_create("routes");
    tcase_set_timeout(tcase, 2 * BED_WAIT_SECONDS);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_gang_is_asked_for);
    tcase_add_test(tcase, who_has_hung_up_has_not_called);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
