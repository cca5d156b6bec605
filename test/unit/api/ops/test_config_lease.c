// SPDX-License-Identifier: Apache-2.0
#include "api/ops/config_lease.h"

#include <stdio.h>
#include <string.h>

#include "api/ops/config_describe.h"
#include "test/unit/check_main.h"

static struct config config;
static struct err err;

static void setup(void)
{
    config_default(&config);
    memset(&err, 0, sizeof err);
}

static int parse(const char *text)
{
    return config_parse(&config, text, strlen(text), &err);
}

START_TEST(there_is_no_election_unless_asked_for)
{
    ck_assert_str_eq(config.lease_name, "");
    ck_assert_int_eq(config.lease_duration_ms, 15000);
    ck_assert_int_eq(config.lease_renew_deadline_ms, 10000);
    ck_assert_int_eq(config.lease_retry_period_ms, 2000);
    ck_assert_int_eq(parse("highAvailability: {}"), 0);
    ck_assert_str_eq(config.lease_name, "");
}
END_TEST

START_TEST(every_key_is_read_and_described)
{
    ck_assert_msg(parse("highAvailability: {lease: kube-system/my.lease-1, identity: me_1, "
                        "leaseDuration: 1m, renewDeadline: 40s, retryPeriod: 1.5s, "
                        "listen: '[::]:10272', address: '10.0.0.7:10272'}") == 0,
                  "%s", err.text);
    ck_assert_str_eq(config.lease_namespace, "kube-system");
    ck_assert_str_eq(config.lease_name, "my.lease-1");
    ck_assert_str_eq(config.lease_identity, "me_1");
    ck_assert_int_eq(config.lease_duration_ms, 60000);
    ck_assert_int_eq(config.lease_renew_deadline_ms, 40000);
    ck_assert_int_eq(config.lease_retry_period_ms, 1500);
    ck_assert_str_eq(config.peer_address, "::");
    ck_assert_uint_eq(config.peer_port, 10272);
    ck_assert_str_eq(config.peer_told, "10.0.0.7:10272");
    ck_assert_str_eq(config.listen_address, "127.0.0.1");
    json_t *description = config_describe(&config);
    char *text = json_dumps(description, 0);
    struct config again;
    config_default(&again);
    ck_assert_msg(config_parse(&again, text, strlen(text), &err) == 0, "%s", err.text);
    ck_assert_str_eq(again.lease_namespace, "kube-system");
    ck_assert_str_eq(again.lease_name, "my.lease-1");
    ck_assert_str_eq(again.lease_identity, "me_1");
    ck_assert_int_eq(again.lease_retry_period_ms, 1500);
    ck_assert_str_eq(again.peer_address, "::");
    ck_assert_uint_eq(again.peer_port, 10272);
    ck_assert_str_eq(again.peer_told, "10.0.0.7:10272");
    free(text);
    json_decref(description);
    ck_assert_int_eq(parse("highAvailability: {lease: '', identity: null}"), 0);
    ck_assert_str_eq(config.lease_name, "");
    ck_assert_str_eq(config.lease_identity, "me_1");
}
END_TEST

static const struct {
    const char *text;
    const char *error;
} bad[] = {
    {"7", "highAvailability: must be a mapping"},
    {"{leas: a/b}", "highAvailability.leas: unknown key (known: lease, identity"},
    {"{lease: 7}", "highAvailability.lease: must be a string"},
    {"{lease: phalanx}", "highAvailability.lease: \"phalanx\" is not namespace/name"},
    {"{lease: /phalanx}", "is not namespace/name"},
    {"{lease: a/}", "is not namespace/name"},
    {"{lease: a/b/c}", "is not namespace/name"},
    {"{lease: a/../b}", "is not namespace/name"},
    {"{lease: A/b}", "is not namespace/name"},
    {"{lease: 'a/b?x'}", "is not namespace/name"},
    {"{identity: 'a b'}", "highAvailability.identity: must be one word"},
    {"{leaseDuration: 999ms}", "highAvailability.leaseDuration: 999ms is out of range (1s to 1h)"},
    {"{leaseDuration: 2h}", "is out of range"},
    {"{leaseDuration: soon}", "highAvailability.leaseDuration: \"soon\""},
    {"{retryPeriod: 0s}", "highAvailability.retryPeriod: 0s is out of range (100ms to 1h)"},
    {"{renewDeadline: 10ms}", "highAvailability.renewDeadline: 10ms is out of range"},
    {"{leaseDuration: 10s}", "leaseDuration: must be longer than renewDeadline"},
    {"{renewDeadline: 15s}", "leaseDuration: must be longer than renewDeadline"},
    {"{listen: here}", "highAvailability.listen: \"here\" is not address:port"},
    {"{listen: '::1:7'}", "highAvailability.listen: \"::1\" is not an IPv4 or [IPv6] address"},
    {"{listen: '0.0.0.0:7', address: '10.0.0.1:0'}",
     "highAvailability.address: others cannot connect to port 0"},
    {"{listen: '0.0.0.0:7', address: pod-1}", "highAvailability.address: \"pod-1\" is not"},
    {"{address: '10.0.0.1:7'}", "highAvailability.address: there is nothing at it without listen"},
    {"{renewDeadline: 2400ms}", "renewDeadline: must be longer than 1.2 times retryPeriod"},
};
#define BAD (int)(sizeof bad / sizeof bad[0])

START_TEST(what_is_wrong_is_named_and_changes_nothing)
{
    char text[256];
    json_t *before = config_describe(&config);
    snprintf(text, sizeof text, "highAvailability: %s", bad[_i].text);
    ck_assert_msg(parse(text) == -1, "%s", text);
    ck_assert_msg(strstr(err.text, bad[_i].error) != NULL, "%s: %s", text, err.text);
    json_t *after = config_describe(&config);
    ck_assert(json_equal(before, after));
    json_decref(before);
    json_decref(after);
}
END_TEST

START_TEST(names_and_identities_have_a_limit)
{
    char text[1024], name[300] = "";
    memset(name, 'a', 260);
    snprintf(text, sizeof text, "highAvailability: {lease: ns/%s}", name);
    ck_assert_int_eq(parse(text), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "is not namespace/name"));
    name[128] = '\0';
    snprintf(text, sizeof text, "highAvailability: {identity: %s}", name);
    ck_assert_int_eq(parse(text), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "is longer than 127"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api/ops/config_lease");
    TCase *lease = tcase_create("lease");
    tcase_add_checked_fixture(lease, setup, NULL);
    tcase_add_test(lease, there_is_no_election_unless_asked_for);
    tcase_add_test(lease, every_key_is_read_and_described);
    tcase_add_loop_test(lease, what_is_wrong_is_named_and_changes_nothing, 0, BAD);
    tcase_add_test(lease, names_and_identities_have_a_limit);
    suite_add_tcase(suite, lease);
    return check_main(suite);
}
