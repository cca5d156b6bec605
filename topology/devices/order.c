// SPDX-License-Identifier: Apache-2.0
#include "topology/devices/order.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* What puts devices in order: a PCI address read into one number whose order is that of the bus,
 *
 *   domain << 16 | bus << 8 | device << 3 | function
 *
 * and names in which runs of digits count as numbers.
 */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One to `digits` hex digits at *text, which moves behind them; -1 when there are none or more. */
static int64_t hex_number(const char **text, int digits)
{
    int64_t value = 0;
    int read = 0;
    for (int digit = hex_digit(**text); digit >= 0; digit = hex_digit(**text)) {
        if (read == digits) {
            return -1;
        }
        value = value << 4 | digit;
        read++;
        (*text)++;
    }
    return read > 0 ? value : -1;
}

uint64_t device_order_pci(const char *text)
{
    int colons = 0;
    for (const char *c = text; *c != '\0'; c++) {
        colons += *c == ':';
    }
    int64_t domain = 0;
    if (colons == 2) {
        domain = hex_number(&text, 8);
        text += *text == ':';
    }
    int64_t bus = hex_number(&text, 2);
    if (domain < 0 || bus < 0 || *text++ != ':') {
        return DEVICE_ORDER_LAST;
    }
    int64_t device = hex_number(&text, 2);
    if (device < 0 || device > 0x1f || *text++ != '.') {
        return DEVICE_ORDER_LAST;
    }
    int64_t function = hex_number(&text, 1);
    if (function < 0 || function > 7 || *text != '\0') {
        return DEVICE_ORDER_LAST;
    }
    return (uint64_t)(domain << 16 | bus << 8 | device << 3 | function);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

int device_order_names(const char *a, const char *b)
{
    const char *p = a;
    const char *q = b;
    while (*p != '\0' && *q != '\0') {
        if (!is_digit(*p) || !is_digit(*q)) {
            if (*p != *q) {
                return (unsigned char)*p < (unsigned char)*q ? -1 : 1;
            }
            p++;
            q++;
            continue;
        }
        p += strspn(p, "0");
        q += strspn(q, "0");
        size_t p_length = strspn(p, "0123456789");
        size_t q_length = strspn(q, "0123456789");
        if (p_length != q_length) {
            return p_length < q_length ? -1 : 1;
        }
        int order = memcmp(p, q, p_length);
        if (order != 0) {
            return order;
        }
        p += p_length;
        q += q_length;
    }
    if (*p != *q) {
        return *p == '\0' ? -1 : 1;
    }
    return strcmp(a, b);
}
