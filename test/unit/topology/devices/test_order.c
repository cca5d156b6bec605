// SPDX-License-Identifier: Apache-2.0
#include "topology/devices/order.h"

#include "test/unit/check_main.h"

START_TEST(test_pci)
{
    ck_assert_uint_eq(device_order_pci("0000:10:1c.0"), 0x10e0);
    ck_assert_uint_eq(device_order_pci("10:1c.0"), 0x10e0);
    ck_assert_uint_eq(device_order_pci("00000000:10:1C.0"), 0x10e0);
    ck_assert_uint_eq(device_order_pci("0008:06:00.0"), 0x80600);
    ck_assert_uint_eq(device_order_pci("ffffffff:ff:1f.7"), UINT64_C(0xffffffffffff));
    ck_assert_uint_lt(device_order_pci("0000:ff:1f.7"), device_order_pci("0001:00:00.0"));
    ck_assert_uint_lt(device_order_pci("0000:10:1f.7"), device_order_pci("0000:11:00.0"));
}
END_TEST

START_TEST(test_not_pci)
{
    static const char *const wrong[] = {
        "",
        ":",
        "10",
        "10:1c",
        "10:1c.",
        "10:1c.8",
        "10:20.0",
        "10:1c.0 ",
        "0000:10:1c",
        "0000:10:1c.00",
        "0000:100:1c.0",
        ":10:1c.0",
        "0000::1c.0",
        "0000:10:.0",
        "000000000:10:1c.0",
        "g000:10:1c.0",
        "0:0:0:0.0",
        "0000:10:1c:0",
        "0000-10-1c.0",
        "-1:10:1c.0",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ck_assert_msg(device_order_pci(wrong[i]) == DEVICE_ORDER_LAST, "\"%s\" was taken",
                      wrong[i]);
    }
}
END_TEST

/* In order; every pair is compared both ways. */
START_TEST(test_names)
{
    static const char *const names[] = {
        "",      "0",      "1",       "01a",     "2",      "10",
        "a",     "a-0",    "a-00",    "a0",      "gpu",    "gpu-01",
        "gpu-1", "gpu-2",  "gpu-9",   "gpu-10",  "gpu-99", "gpu-99999999999999999999",
        "gpu-a", "mlx5_2", "mlx5_10", "mlx10_0",
    };
    size_t count = sizeof names / sizeof names[0];
    for (size_t a = 0; a < count; a++) {
        for (size_t b = 0; b < count; b++) {
            int order = device_order_names(names[a], names[b]);
            ck_assert_msg((order < 0) == (a < b) && (order == 0) == (a == b), "%s and %s: %d",
                          names[a], names[b], order);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("device_order");
    TCase *tcase = tcase_create("device_order");
    tcase_add_test(tcase, test_pci);
    tcase_add_test(tcase, test_not_pci);
    tcase_add_test(tcase, test_names);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
