// SPDX-License-Identifier: Apache-2.0
#include "test/fuzz/json_reference.h"

#include <stdio.h>

#include "test/unit/check_main.h"
#include "test/unit/topology/random.h"

/* Random documents, then the same with random damage: the scanner and jansson must be of one mind
 * on each. Damage keeps close to the grammar (a byte of it, a bit, a cut, a piece said twice), or
 * nearly every text would be refused at its first byte by both. */

#define ROUNDS       12000
#define MUTANTS      5
#define DOCUMENT_MAX 4096

struct document {
    char text[DOCUMENT_MAX];
    size_t length;
};

static void put(struct document *document, const char *text, size_t length)
{
    if (length <= DOCUMENT_MAX - document->length) {
        memcpy(document->text + document->length, text, length);
        document->length += length;
    }
}

static void put_text(struct document *document, const char *text)
{
    put(document, text, strlen(text));
}

static const char *pick(struct random *random, const char *const *choices, uint32_t count)
{
    return choices[random_below(random, count)];
}

static void put_white(struct random *random, struct document *document)
{
    static const char *const whites[] = {"", "", "", "", "", " ", "\n", "\t ", "\r\n"};
    put_text(document, pick(random, whites, 9));
}

static void put_string(struct random *random, struct document *document)
{
    static const char *const pieces[] = {
        "node-17",
        "a",
        "metadata",
        "0123456789abcdef",
        "0123456789abcde",
        "\\n",
        "\\\"",
        "\\\\",
        "\\/",
        "\\b\\f\\r\\t",
        "\\u0041",
        "\\u00e9",
        "\\uFFFF",
        "\\ud83c\\udf89",
        "\\uD800\\uDC00",
        "\\udbff\\udfff",
        "\xc3\xa9",
        "\xe2\x82\xac",
        "\xf0\x9f\x8e\x89",
        "\xf4\x8f\xbf\xbf",
        "\xed\x9f\xbf",
        "\xef\xbf\xbf",
        "\x7f",
        "{[,:]}",
        /* refused ones */
        "\\u0000",
        "\\ud800",
        "\\udc00",
        "\\ud800\\u0041",
        "\\ud800\\ud800",
        "\\u12",
        "\\x",
        "\n",
        "\xc0\x80",
        "\xe0\x80\x80",
        "\xed\xa0\x80",
        "\xf4\x90\x80\x80",
        "\xff",
        "\x80",
        "\xc3",
    };
    enum { FINE = 24, ALL = sizeof(pieces) / sizeof(pieces[0]) };
    put_text(document, "\"");
    for (uint32_t i = random_below(random, 5); i > 0; i--) {
        uint32_t choices = random_below(random, 60) == 0 ? ALL : FINE;
        put_text(document, pick(random, pieces, choices));
    }
    put_text(document, "\"");
}

static void put_number(struct random *random, struct document *document)
{
    static const char *const numbers[] = {
        "0",
        "-0",
        "7",
        "-12",
        "1234567890",
        "9223372036854775807",
        "-9223372036854775808",
        "0.5",
        "-0.0",
        "1e5",
        "1E+5",
        "12.25e-3",
        "1e-400",
        "4.9e-324",
        /* refused ones, the last three for their value */
        "01",
        "-",
        "1.",
        ".5",
        "1e",
        "1e+",
        "+1",
        "0x1",
        "NaN",
        "Infinity",
        "--1",
        "1.e1",
        "-01",
        "9223372036854775808",
        "1e400",
        "-1e999",
    };
    enum { FINE = 14, ALL = sizeof(numbers) / sizeof(numbers[0]) };
    uint32_t choices = random_below(random, 60) == 0 ? ALL : FINE;
    put_text(document, pick(random, numbers, choices));
}

static void put_value(struct random *random, struct document *document, unsigned level);

static void put_container(struct random *random, struct document *document, unsigned level)
{
    bool object = random_below(random, 2) == 0;
    put_text(document, object ? "{" : "[");
    put_white(random, document);
    uint32_t count = random_below(random, 4);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) {
            put_text(document, ",");
            put_white(random, document);
        }
        if (object) {
            put_string(random, document);
            put_white(random, document);
            put_text(document, ":");
        }
        put_value(random, document, level + 1);
    }
    put_text(document, object ? "}" : "]");
}

static void put_value(struct random *random, struct document *document, unsigned level)
{
    static const char *const words[] = {"true", "false", "null"};
    put_white(random, document);
    uint32_t kind = random_below(random, level == 0 ? 12 : 8);
    if (kind >= 5 && level < 6) {
        put_container(random, document, level);
    } else if (kind < 2) {
        put_number(random, document);
    } else if (kind < 4) {
        put_string(random, document);
    } else {
        put_text(document, pick(random, words, 3));
    }
    put_white(random, document);
}

static void damage(struct random *random, struct document *document)
{
    static const char alphabet[] = "{}[],:\"\\u0123456789abcdefEnrt.+- \n\x80\xc3\xff";
    size_t at = random_below(random, (uint32_t)document->length);
    size_t rest = document->length - at;
    switch (random_below(random, 6)) {
    case 0:
        document->text[at] = alphabet[random_below(random, sizeof(alphabet))]; /* NUL too */
        break;
    case 1:
        document->text[at] = (char)(document->text[at] ^ 1 << random_below(random, 8));
        break;
    case 2:
        memmove(document->text + at, document->text + at + 1, rest - 1);
        document->length--;
        break;
    case 3:
        document->length = at;
        break;
    case 4:
        if (document->length < DOCUMENT_MAX) {
            memmove(document->text + at + 1, document->text + at, rest);
            document->text[at] = alphabet[random_below(random, sizeof(alphabet))];
            document->length++;
        }
        break;
    default: {
        size_t piece = 1 + random_below(random, (uint32_t)(rest < 8 ? rest : 8));
        put(document, document->text + at, piece);
        break;
    }
    }
}

/* Exactly as long as the text, so that the address sanitizer sees every byte read behind it. */
static enum json_verdict compare(const struct document *document)
{
    char *text = malloc(document->length == 0 ? 1 : document->length);
    ck_assert_ptr_nonnull(text);
    memcpy(text, document->text, document->length);
    enum json_verdict verdict = json_reference_compare(text, document->length);
    free(text);
    return verdict;
}

START_TEST(of_one_mind)
{
    struct random random = {.state = 20261121};
    static struct document document;
    unsigned verdicts[3] = {0};
    for (int round = 0; round < ROUNDS; round++) {
        document.length = 0;
        put_value(&random, &document, 0);
        verdicts[compare(&document)]++;
        for (int mutant = 0; mutant < MUTANTS && document.length > 0; mutant++) {
            damage(&random, &document);
            verdicts[compare(&document)]++;
        }
    }
    printf("%u accepted, %u refused, %u beyond a limit\n", verdicts[JSON_BOTH_ACCEPT],
           verdicts[JSON_BOTH_REFUSE], verdicts[JSON_LIMIT]);
    ck_assert_uint_gt(verdicts[JSON_BOTH_ACCEPT], 10000);
    ck_assert_uint_gt(verdicts[JSON_BOTH_REFUSE], 10000);
    ck_assert_uint_gt(verdicts[JSON_LIMIT], 10);
}
END_TEST

/* Every text of up to three bytes around strings, and every two bytes on their own. */
START_TEST(of_one_mind_on_short_texts)
{
    struct document document;
    for (unsigned bytes = 0; bytes < 1u << 16; bytes++) {
        char pair[] = {(char)(bytes >> 8), (char)bytes};
        document.length = 0;
        put(&document, pair, 2);
        compare(&document);
        document.length = 0;
        put_text(&document, "\"");
        put(&document, pair, 2);
        put_text(&document, "\"");
        compare(&document);
    }
}
END_TEST

/* Every lead byte with the edges of what may follow it. */
START_TEST(of_one_mind_on_utf8)
{
    static const unsigned char edges[] = {0x00, 0x22, 0x7f, 0x80, 0x8f, 0x90,
                                          0x9f, 0xa0, 0xbf, 0xc0, 0xff};
    enum { EDGES = sizeof(edges) };
    struct document document;
    for (unsigned lead = 0x80; lead < 0x100; lead++) {
        for (unsigned i = 0; i < EDGES * EDGES * EDGES; i++) {
            char bytes[] = {(char)lead, (char)edges[i % EDGES], (char)edges[i / EDGES % EDGES],
                            (char)edges[i / EDGES / EDGES]};
            for (size_t length = 1; length <= 4; length++) {
                document.length = 0;
                put_text(&document, "\"");
                put(&document, bytes, length);
                put_text(&document, "\"");
                compare(&document);
            }
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json/scan against jansson");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 20);
    tcase_add_test(tcase, of_one_mind);
    tcase_add_test(tcase, of_one_mind_on_short_texts);
    tcase_add_test(tcase, of_one_mind_on_utf8);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
