// SPDX-License-Identifier: Apache-2.0
#include "topology/base/texts.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "test/unit/check_main.h"
#include "test/unit/topology/random.h"

START_TEST(every_length)
{
    static char text[400];
    static char *kept[sizeof text];
    struct texts texts;
    texts_init(&texts);
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (char)('a' + i % 26);
    }
    for (size_t length = 0; length < sizeof text; length++) {
        kept[length] = texts_keep(&texts, text, length);
    }
    for (size_t length = 0; length < sizeof text; length++) {
        ck_assert_uint_eq(strlen(kept[length]), length);
        ck_assert_int_eq(memcmp(kept[length], text, length), 0);
        texts_drop(&texts, kept[length], length);
    }
    texts_finish(&texts);
}
END_TEST

enum { MOST = 500 };

/* Texts that come and go do not touch each other. */
START_TEST(random_texts)
{
    static char *kept[MOST];
    static uint32_t length[MOST];
    static char first[MOST];
    static char text[300];
    struct random random = {(uint64_t)_i};
    struct texts texts;
    texts_init(&texts);
    memset(kept, 0, sizeof kept);
    bool right = true;
    for (int step = 0; step < 50000; step++) {
        uint32_t i = random_below(&random, MOST);
        if (kept[i] != NULL) {
            for (uint32_t k = 0; k < length[i]; k++) {
                right = right && kept[i][k] == first[i];
            }
            right = right && kept[i][length[i]] == '\0';
            texts_drop(&texts, kept[i], length[i]);
            kept[i] = NULL;
            continue;
        }
        length[i] = random_below(&random, random_below(&random, 8) == 0 ? sizeof text : 40);
        first[i] = (char)('a' + random_below(&random, 26));
        memset(text, first[i], length[i]);
        kept[i] = texts_keep(&texts, text, length[i]);
    }
    ck_assert(right);
    for (uint32_t i = 0; i < MOST; i++) {
        if (kept[i] != NULL) {
            texts_drop(&texts, kept[i], length[i]);
        }
    }
    texts_finish(&texts);
}
END_TEST

/* Built without the sanitizer, one chunk serves texts that come and go for ever. */
START_TEST(room_is_used_again)
{
    struct texts texts;
    texts_init(&texts);
    char *kept = texts_keep(&texts, "the first text", 14);
    size_t chunks = texts.chunks;
    for (int i = 0; i < 100000; i++) {
        char text[32];
        int length = snprintf(text, sizeof text, "text-%d", i);
        texts_drop(&texts, texts_keep(&texts, text, (size_t)length), (size_t)length);
    }
    ck_assert_uint_eq(texts.chunks, chunks);
    ck_assert_str_eq(kept, "the first text");
    texts_drop(&texts, kept, 14);
    texts_finish(&texts);
}
END_TEST

/* What many texts of one length needed is not kept when they are gone, whatever their length. */
START_TEST(room_is_given_back)
{
    enum { TEXTS = 20000 };
    static char *kept[TEXTS];
    static char text[256];
    struct texts texts;
    texts_init(&texts);
    memset(text, 'x', sizeof text);
    for (size_t length = 1; length < sizeof text; length += 60) {
        for (int i = 0; i < TEXTS; i++) {
            kept[i] = texts_keep(&texts, text, length);
        }
        for (int i = 0; i < TEXTS; i++) { /* in another order */
            int at = (i * 7919) % TEXTS;
            ck_assert_uint_eq(strlen(kept[at]), length);
            texts_drop(&texts, kept[at], length);
        }
        ck_assert_uint_le(texts.chunks, length / 60 + 1); /* one of each size */
    }
    texts_finish(&texts);
}
END_TEST

START_TEST(what_a_text_takes)
{
    ck_assert_uint_eq(texts_cost(0), TEXTS_PIECE);
    ck_assert_uint_eq(texts_cost(TEXTS_PIECE - 1), TEXTS_PIECE);
    ck_assert_uint_eq(texts_cost(TEXTS_PIECE), 2 * TEXTS_PIECE);
    ck_assert_uint_ge(texts_cost(4096), 4097);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("topology/base/texts");
    TCase *tcase = tcase_create("texts");
    tcase_add_test(tcase, every_length);
    tcase_add_loop_test(tcase, random_texts, 0, 5);
    tcase_add_test(tcase, room_is_used_again);
    tcase_add_test(tcase, room_is_given_back);
    tcase_add_test(tcase, what_a_text_takes);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
