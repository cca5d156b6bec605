// SPDX-License-Identifier: Apache-2.0
#include "topology/base/natural.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* A text is a list of tokens: numbers (the longest runs of digits) and single other bytes. Lists
 * compare token by token, a list that ends first being the lesser one; a number and another byte
 * compare by the byte that stands there, and all digits are neighbours, so it does not matter which
 * digit it is. Texts of equal tokens differ in leading zeros only: the one with fewer of them is
 * less, and of as many the one that has its first extra zero later.
 *
 * Neither sign nor fraction is a number's: "1.10" is behind "1.9", "-2" is a dash and a 2.
 */

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static const char *skip_zeros(const char *text)
{
    while (text[0] == '0' && is_digit(text[1])) { /* the last digit stays */
        text++;
    }
    return text;
}

/* Compares the numbers that begin at both, and moves both behind them. */
static int compare_numbers(const char **a, const char **b)
{
    const char *from_a = skip_zeros(*a);
    const char *from_b = skip_zeros(*b);
    size_t length_a = strspn(from_a, "0123456789");
    size_t length_b = strspn(from_b, "0123456789");
    *a = from_a + length_a;
    *b = from_b + length_b;
    if (length_a != length_b) {
        return length_a < length_b ? -1 : 1;
    }
    return memcmp(from_a, from_b, length_a);
}

int natural_compare(const char *a, const char *b)
{
    const char *at_a = a;
    const char *at_b = b;
    for (;;) {
        int order = (unsigned char)*at_a - (unsigned char)*at_b;
        if (is_digit(*at_a) && is_digit(*at_b)) {
            order = compare_numbers(&at_a, &at_b);
        } else if (order == 0 && *at_a != '\0') {
            at_a++;
            at_b++;
        } else if (order == 0) {
            break;
        }
        if (order != 0) {
            return order;
        }
    }
    size_t length_a = strlen(a);
    size_t length_b = strlen(b);
    if (length_a != length_b) { /* fewer zeros first */
        return length_a < length_b ? -1 : 1;
    }
    return -strcmp(a, b);
}
