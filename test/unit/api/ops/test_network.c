// SPDX-License-Identifier: Apache-2.0
#include "api/ops/network.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/unit/check_main.h"

static char folder[] = "/tmp/phalanx-network-XXXXXX";

static void add(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    ck_assert_int_eq(mkdir(path, 0700), 0);
}

START_TEST(addresses_tell)
{
    setenv("PHALANX_POD_IP", "10.0.0.7", 1);
    setenv("PHALANX_HOST_IP", "192.168.1.1", 1);
    ck_assert(!network_is_of_node("/sys/class/net"));
    setenv("PHALANX_HOST_IP", "10.0.0.7", 1);
    ck_assert(network_is_of_node("/nonexistent"));
}
END_TEST

START_TEST(devices_tell)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    add("lo");
    add("eth0");
    unsetenv("PHALANX_POD_IP");
    unsetenv("KUBERNETES_SERVICE_HOST");
    ck_assert(!network_is_of_node(folder));
    setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1", 1);
    ck_assert(!network_is_of_node(folder));
    ck_assert(!network_is_of_node("/nonexistent"));
    add("eth0/device");
    ck_assert(network_is_of_node(folder));
    unsetenv("KUBERNETES_SERVICE_HOST"); /* no pod at all */
    ck_assert(!network_is_of_node(folder));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api/ops/network");
    TCase *tests = tcase_create("network");
    tcase_add_test(tests, addresses_tell);
    tcase_add_test(tests, devices_tell);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
