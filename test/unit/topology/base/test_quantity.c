// SPDX-License-Identifier: Apache-2.0
#include "topology/base/quantity.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "test/unit/check_main.h"
#include "test/unit/topology/random.h"

struct row {
    const char *text;
    int64_t units;
    int64_t milli;
};

static const struct row ROWS[] = {
    /* plain */
    {"0", 0, 0},
    {"-0", 0, 0},
    {"+0.000", 0, 0},
    {"1", 1, 1000},
    {"8", 8, 8000},
    {"+12", 12, 12000},
    {"-12", -12, -12000},
    {"0010", 10, 10000},
    {"1.", 1, 1000},
    {".5", 1, 500},
    {"0.5", 1, 500},
    {"2.5", 3, 2500},
    {"00000000000000000000000000000000000000000000000000000000000001", 1, 1000},
    /* decimal suffixes */
    {"1n", 1, 1},
    {"1000000n", 1, 1},
    {"1000001n", 1, 2},
    {"1u", 1, 1},
    {"1001u", 1, 2},
    {"100m", 1, 100},
    {"1500m", 2, 1500},
    {"1000m", 1, 1000},
    {"0.1m", 1, 1},
    {"0m", 0, 0},
    {"1k", 1000, 1000000},
    {"1.5k", 1500, 1500000},
    {"2M", 2000000, 2000000000},
    {"3G", 3000000000, 3000000000000},
    {"4T", 4000000000000, 4000000000000000},
    {"5P", 5000000000000000, 5000000000000000000},
    {"6E", 6000000000000000000, INT64_MAX},
    {"0.000000000000000001E", 1, 1000},
    {"0.0000000000000000011E", 2, 1100},
    /* binary suffixes */
    {"1Ki", 1024, 1024000},
    {"1Mi", 1048576, 1048576000},
    {"1Gi", 1073741824, 1073741824000},
    {"1.5Gi", 1610612736, 1610612736000},
    {"1Ti", 1099511627776, 1099511627776000},
    {"1Pi", 1125899906842624, 1125899906842624000},
    {"1Ei", 1152921504606846976, INT64_MAX},
    {"7Ei", 8070450532247928832, INT64_MAX},
    {"0.5Ki", 512, 512000},
    {"0.0001Ki", 1, 103},
    {"-1.5Mi", -1572864, -1572864000},
    {"263882788Ki", 270215974912, 270215974912000},
    {"0.1Gi", 107374183, 107374182400},
    /* exponents */
    {"5e3", 5000, 5000000},
    {"5E3", 5000, 5000000},
    {"1e+2", 100, 100000},
    {"1e0", 1, 1000},
    {"1e-3", 1, 1},
    {"1e-10", 1, 1},
    {"15e-1", 2, 1500},
    {"1.25e1", 13, 12500},
    {"0e99999999999999999999", 0, 0},
    {"0.0000000000000000000000000000000000000001e40", 1, 1000},
    {"10000000000000000000000000000000000000000e-40", 1, 1000},
    /* away from zero, also below it */
    {"-1.1", -2, -1100},
    {"-0.5", -1, -500},
    {"-1n", -1, -1},
    {"-1.0001", -2, -1001},
    {"0.0000001", 1, 1},
    {"0.00000000000000000000000000000000000000000000000000000000001", 1, 1},
    /* at and beyond int64 */
    {"9223372036854775807", INT64_MAX, INT64_MAX},
    {"9223372036854775808", INT64_MAX, INT64_MAX},
    {"9223372036854775806.5", INT64_MAX, INT64_MAX},
    {"9223372036854775807.5", INT64_MAX, INT64_MAX},
    {"9223372036854775806", 9223372036854775806, INT64_MAX},
    {"-9223372036854775808", INT64_MIN, INT64_MIN},
    {"-9223372036854775807", -INT64_MAX, INT64_MIN},
    {"-9223372036854775807.5", INT64_MIN, INT64_MIN},
    {"-9223372036854775809", INT64_MIN, INT64_MIN},
    {"9223372036854775807m", 9223372036854776, INT64_MAX},
    {"9223372036854775808m", 9223372036854776, INT64_MAX},
    {"-9223372036854775809m", -9223372036854776, INT64_MIN},
    {"8Ei", INT64_MAX, INT64_MAX},
    {"-8Ei", INT64_MIN, INT64_MIN},
    {"16Ei", INT64_MAX, INT64_MAX},
    {"100E", INT64_MAX, INT64_MAX},
    {"-100E", INT64_MIN, INT64_MIN},
    {"1e400", INT64_MAX, INT64_MAX},
    {"-1e400", INT64_MIN, INT64_MIN},
    {"1e-400", 1, 1},
    {"1e99999999999999999999", INT64_MAX, INT64_MAX},
    {"1e-99999999999999999999", 1, 1},
    {"9999999999999999999999999999999999999999999999999999999999999999", INT64_MAX, INT64_MAX},
    {"99999999999999999999999999999999999999999999999999999999999999Ei", INT64_MAX, INT64_MAX},
    {"0.00000000000000000000000000000000000000000000000000000000001Ei", 1, 1},
};

START_TEST(test_rows)
{
    const struct row *row = &ROWS[_i];
    struct err err = {""};
    int64_t units = 77;
    int64_t milli = 77;
    ck_assert_msg(quantity_units(row->text, strlen(row->text), &units, &err) == 0, "%s: %s",
                  row->text, err.text);
    ck_assert_int_eq(quantity_milli(row->text, strlen(row->text), &milli, NULL), 0);
    ck_assert_msg(units == row->units, "%s gave %jd units", row->text, (intmax_t)units);
    ck_assert_msg(milli == row->milli, "%s gave %jd thousandths", row->text, (intmax_t)milli);
}
END_TEST

static const char *const MALFORMED[] = {
    "",     "+",   "-",     ".",    "+.",   "..",     "1..2",  "1.2.3", "--1",   "+-1",
    "1-",   "1 ",  " 1",    "1\n",  "1KiB", "1KB",    "1K",    "1ki",   "1Kii",  "1i",
    "1mm",  "1mi", "1g",    "1e",   "1E+",  "1e-",    "1e+-1", "1e1.5", "1e5k",  "1e 5",
    "1Ee3", "e3",  "m",     "Ki",   "0x10", "0b1",    "1,5",   "1_000", "1.1.M", "1+1.0M",
    "NaN",  "inf", "0.1am", "aoeu", ".5i",  "-3.01i", "1µ",    "１",    "null",  "1e1e1",
};

START_TEST(test_malformed)
{
    const char *text = MALFORMED[_i];
    struct err err = {""};
    int64_t value = 77;
    ck_assert_int_eq(quantity_units(text, strlen(text), &value, &err), -1);
    char expected[64];
    (void)snprintf(expected, sizeof expected, "\"%s\"", text);
    ck_assert_msg(strstr(err.text, expected) != NULL, "\"%s\" is not in: %s", text, err.text);
    ck_assert_int_eq(quantity_milli(text, strlen(text), &value, NULL), -1);
    ck_assert_int_eq(value, 77);
}
END_TEST

START_TEST(test_length_counts)
{
    int64_t value = 0;
    ck_assert_int_eq(quantity_units("12345", 2, &value, NULL), 0);
    ck_assert_int_eq(value, 12);
    ck_assert_int_eq(quantity_units("1\0", 2, &value, NULL), -1);
    ck_assert_int_eq(quantity_units("\0001", 2, &value, NULL), -1);
    ck_assert_int_eq(value, 12);
}
END_TEST

START_TEST(test_too_long)
{
    char text[QUANTITY_TEXT_MAX + 2];
    memset(text, '1', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct err err = {""};
    int64_t value = 77;
    ck_assert_int_eq(quantity_units(text, QUANTITY_TEXT_MAX + 1, &value, &err), -1);
    ck_assert_int_eq(value, 77);
    ck_assert_ptr_nonnull(strstr(err.text, "\"11111111"));
    ck_assert_ptr_nonnull(strstr(err.text, "longer than 64"));
    ck_assert_int_eq(quantity_units(text, QUANTITY_TEXT_MAX, &value, &err), 0);
    ck_assert_int_eq(value, INT64_MAX);
    /* What is quoted of it ends before the first character that is not plain. */
    text[3] = '\xc3';
    text[4] = '\xa9';
    ck_assert_int_eq(quantity_units(text, QUANTITY_TEXT_MAX + 1, &value, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "\"111…\""));
}
END_TEST

/* ---- against big numbers ----
 *
 * The oracle works the other way round from the code: a binary big integer, multiplied by every
 * factor above the line and then divided by ten as often as the line says, remembering whether
 * anything was left.
 */

#define LIMBS 24

struct big {
    uint32_t limb[LIMBS]; /* least significant first */
};

static void big_multiply_add(struct big *big, uint32_t factor, uint32_t summand)
{
    uint64_t carry = summand;
    for (int i = 0; i < LIMBS; i++) {
        carry += (uint64_t)big->limb[i] * factor;
        big->limb[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry != 0) {
        ck_abort_msg("the oracle is too small");
    }
}

static uint32_t big_divide(struct big *big, uint32_t divisor)
{
    uint64_t rest = 0;
    for (int i = LIMBS - 1; i >= 0; i--) {
        rest = rest << 32 | big->limb[i];
        big->limb[i] = (uint32_t)(rest / divisor);
        rest %= divisor;
    }
    return (uint32_t)rest;
}

static int64_t big_to_int64(const struct big *big, bool negative)
{
    uint64_t low = (uint64_t)big->limb[1] << 32 | big->limb[0];
    bool above = low > INT64_MAX;
    for (int i = 2; i < LIMBS; i++) {
        above = above || big->limb[i] != 0;
    }
    if (above) {
        return negative ? INT64_MIN : INT64_MAX;
    }
    return negative ? -(int64_t)low : (int64_t)low;
}

struct sample {
    char text[QUANTITY_TEXT_MAX + 1];
    bool negative;
    char digits[64];
    int tens; /* power of ten to apply to the digits */
    int twos; /* power of two */
};

static int64_t oracle(const struct sample *sample, int thousandths)
{
    struct big big = {{0}};
    for (const char *digit = sample->digits; *digit != '\0'; digit++) {
        big_multiply_add(&big, 10, (uint32_t)(*digit - '0'));
    }
    for (int i = 0; i < sample->twos; i++) {
        big_multiply_add(&big, 2, 0);
    }
    int tens = sample->tens + thousandths;
    for (int i = 0; i < tens; i++) {
        big_multiply_add(&big, 10, 0);
    }
    bool rest = false;
    for (int i = 0; i > tens; i--) {
        rest = big_divide(&big, 10) != 0 || rest;
    }
    if (rest) {
        big_multiply_add(&big, 1, 1);
    }
    return big_to_int64(&big, sample->negative);
}

static void make_sample(struct random *random, struct sample *sample)
{
    static const struct {
        const char *text;
        int tens;
        int twos;
    } suffixes[] = {
        {"", 0, 0},    {"n", -9, 0},  {"u", -6, 0},  {"m", -3, 0},  {"k", 3, 0},   {"M", 6, 0},
        {"G", 9, 0},   {"T", 12, 0},  {"P", 15, 0},  {"E", 18, 0},  {"Ki", 0, 10}, {"Mi", 0, 20},
        {"Gi", 0, 30}, {"Ti", 0, 40}, {"Pi", 0, 50}, {"Ei", 0, 60},
    };
    memset(sample, 0, sizeof *sample);
    char *text = sample->text;
    uint32_t sign = random_below(random, 4);
    sample->negative = sign == 0;
    if (sign < 2) {
        *text++ = sign == 0 ? '-' : '+';
    }
    uint32_t whole = random_below(random, 24);
    uint32_t fraction = random_below(random, 3) == 0 ? random_below(random, 24) : 0;
    uint32_t count = whole + fraction;
    if (count == 0) {
        whole = count = 1;
    }
    uint32_t kind = random_below(random, 3); /* any digits, many zeros, many nines */
    for (uint32_t i = 0; i < count; i++) {
        bool plain = kind == 0 || random_below(random, 8) == 0;
        char digit = (char)('0' + random_below(random, 10));
        sample->digits[i] = plain ? digit : kind == 1 ? '0' : '9';
        if (i == whole) {
            *text++ = '.';
        }
        *text++ = sample->digits[i];
    }
    sample->tens = -(int)(count - whole);
    size_t room = sizeof sample->text - (size_t)(text - sample->text);
    if (random_below(random, 4) == 0) {
        int exponent = (int)random_below(random, 61) - 30;
        (void)snprintf(text, room, "%c%d", random_below(random, 2) == 0 ? 'e' : 'E', exponent);
        sample->tens += exponent;
    } else {
        uint32_t i = random_below(random, sizeof suffixes / sizeof suffixes[0]);
        (void)snprintf(text, room, "%s", suffixes[i].text);
        sample->tens += suffixes[i].tens;
        sample->twos = suffixes[i].twos;
    }
}

START_TEST(test_against_big_numbers)
{
    struct random random = {(uint64_t)_i};
    for (int i = 0; i < 5000; i++) {
        struct sample sample;
        make_sample(&random, &sample);
        int64_t units = 0;
        int64_t milli = 0;
        size_t length = strlen(sample.text);
        if (quantity_units(sample.text, length, &units, NULL) != 0 ||
            quantity_milli(sample.text, length, &milli, NULL) != 0 || units != oracle(&sample, 0) ||
            milli != oracle(&sample, 3)) {
            ck_abort_msg("%s: %jd, %jdm", sample.text, (intmax_t)units, (intmax_t)milli);
        }
    }
}
END_TEST

/* Whatever comes, it answers or refuses; and what it takes it takes in both units. */
START_TEST(test_any_text)
{
    static const char alphabet[] = "0123456789..+-eEinumkKMGTP xZ";
    struct random random = {(uint64_t)_i};
    for (int i = 0; i < 20000; i++) {
        char text[16];
        size_t length = random_below(&random, sizeof text);
        for (size_t k = 0; k < length; k++) {
            text[k] = alphabet[random_below(&random, sizeof alphabet)]; /* NUL too */
        }
        int64_t value = 0;
        int units = quantity_units(text, length, &value, NULL);
        if (quantity_milli(text, length, &value, NULL) != units) {
            ck_abort_msg("\"%.*s\" is taken in one unit only", (int)length, text);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("topology/base/quantity");
    TCase *tcase = tcase_create("quantity");
    tcase_add_loop_test(tcase, test_rows, 0, sizeof ROWS / sizeof ROWS[0]);
    tcase_add_loop_test(tcase, test_malformed, 0, sizeof MALFORMED / sizeof MALFORMED[0]);
    tcase_add_test(tcase, test_length_counts);
    tcase_add_test(tcase, test_too_long);
    tcase_add_loop_test(tcase, test_against_big_numbers, 0, 4);
    tcase_add_loop_test(tcase, test_any_text, 0, 2);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
