// SPDX-License-Identifier: Apache-2.0
#include "topology/base/names.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "test/unit/check_main.h"
#include "test/unit/topology/random.h"

static uint32_t intern(struct names *names, const char *text)
{
    return names_intern(names, text, strlen(text));
}

static uint32_t find(const struct names *names, const char *text)
{
    return names_find(names, text, strlen(text));
}

START_TEST(test_first_sight_gives_the_number)
{
    struct names *names = names_create(100, 7);
    ck_assert_uint_eq(names_count(names), 0);
    ck_assert_uint_eq(find(names, "n1"), NAMES_NONE);
    ck_assert_uint_eq(intern(names, "n1"), 0);
    ck_assert_uint_eq(intern(names, "n2"), 1);
    ck_assert_uint_eq(intern(names, "n1"), 0);
    ck_assert_uint_eq(intern(names, ""), 2);
    ck_assert_uint_eq(find(names, "n2"), 1);
    ck_assert_uint_eq(find(names, ""), 2);
    ck_assert_uint_eq(find(names, "n3"), NAMES_NONE);
    ck_assert_uint_eq(names_count(names), 3);
    ck_assert_str_eq(names_text(names, 1), "n2");
    ck_assert_uint_eq(names_length(names, 1), 2);
    ck_assert_uint_eq(names_length(names, 2), 0);
    names_destroy(names);
    names_destroy(NULL);
}
END_TEST

/* Only `length` bytes count, whatever follows them. */
START_TEST(test_length_counts)
{
    struct names *names = names_create(100, 7);
    ck_assert_uint_eq(names_intern(names, "node-1", 4), 0);
    ck_assert_str_eq(names_text(names, 0), "node");
    ck_assert_uint_eq(find(names, "node"), 0);
    ck_assert_uint_eq(find(names, "node-1"), NAMES_NONE);
    names_destroy(names);
}
END_TEST

START_TEST(test_nul_bytes_are_refused)
{
    struct names *names = names_create(100, 7);
    ck_assert_uint_eq(names_intern(names, "a\0b", 3), NAMES_NONE);
    ck_assert_uint_eq(names_intern(names, "\0", 1), NAMES_NONE);
    ck_assert_uint_eq(names_intern(names, "ab\0", 3), NAMES_NONE);
    ck_assert_uint_eq(names_find(names, "a\0b", 3), NAMES_NONE);
    ck_assert_uint_eq(names_count(names), 0);
    ck_assert_uint_eq(intern(names, "a"), 0);
    ck_assert_uint_eq(names_find(names, "a\0b", 3), NAMES_NONE);
    names_destroy(names);
}
END_TEST

START_TEST(test_too_long)
{
    static char text[NAMES_LENGTH_MAX + 2];
    memset(text, 'n', sizeof text);
    struct names *names = names_create(100, 7);
    ck_assert_uint_eq(names_intern(names, text, NAMES_LENGTH_MAX + 1), NAMES_NONE);
    ck_assert_uint_eq(names_find(names, text, NAMES_LENGTH_MAX + 1), NAMES_NONE);
    ck_assert_uint_eq(names_intern(names, text, NAMES_LENGTH_MAX), 0);
    ck_assert_uint_eq(names_find(names, text, NAMES_LENGTH_MAX), 0);
    ck_assert_uint_eq(strlen(names_text(names, 0)), NAMES_LENGTH_MAX);
    names_destroy(names);
}
END_TEST

START_TEST(test_full)
{
    struct names *names = names_create(3, 7);
    ck_assert_uint_eq(intern(names, "a"), 0);
    ck_assert_uint_eq(intern(names, "b"), 1);
    ck_assert_uint_eq(intern(names, "c"), 2);
    ck_assert_uint_eq(intern(names, "d"), NAMES_NONE);
    ck_assert_uint_eq(intern(names, "b"), 1);
    ck_assert_uint_eq(find(names, "d"), NAMES_NONE);
    ck_assert_uint_eq(names_count(names), 3);
    names_destroy(names);
    names = names_create(0, 7);
    ck_assert_uint_eq(intern(names, "a"), NAMES_NONE);
    names_destroy(names);
}
END_TEST

static size_t make_name(uint32_t number, char text[64])
{
    return (size_t)snprintf(text, 64, "gpu-node-%u.pool-%u.example.com", number, number % 17);
}

static bool is_interned(const struct names *names, uint32_t number)
{
    char text[64];
    size_t length = make_name(number, text);
    return names_find(names, text, length) == number && names_length(names, number) == length &&
           strcmp(names_text(names, number), text) == 0;
}

/* Through many growths: every number stays, texts do not move, and no seed changes a number. */
START_TEST(test_many)
{
    enum { COUNT = 200000 };
    static const char *texts[COUNT];
    struct names *names = names_create(COUNT, (uint64_t)_i * UINT64_C(0x123456789abcdef));
    bool right = true;
    for (uint32_t i = 0; i < COUNT; i++) {
        char text[64];
        size_t length = make_name(i, text);
        right = right && names_find(names, text, length) == NAMES_NONE;
        right = right && names_intern(names, text, length) == i;
        texts[i] = names_text(names, i);
        /* One seen long ago, for the lookups in the middle of a growth. */
        length = make_name(i / 2, text);
        right = right && is_interned(names, i / 2);
        right = right && names_intern(names, text, length) == i / 2;
    }
    ck_assert(right);
    ck_assert_uint_eq(names_count(names), COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        right = right && is_interned(names, i) && names_text(names, i) == texts[i];
    }
    ck_assert(right);
    ck_assert_uint_eq(names_intern(names, "one more", 8), NAMES_NONE);
    names_destroy(names);
}
END_TEST

/* Lengths 0 … 40 cover every tail of the hash, and prefixes must not be mixed up. */
START_TEST(test_prefixes)
{
    static const char text[] = "0123456789abcdefghijklmnopqrstuvwxyzABCD";
    struct names *names = names_create(100, 3);
    for (uint32_t length = 0; length < sizeof text; length++) {
        ck_assert_uint_eq(names_intern(names, text, length), length);
    }
    for (uint32_t length = 0; length < sizeof text; length++) {
        ck_assert_uint_eq(names_find(names, text, length), length);
    }
    names_destroy(names);
}
END_TEST

START_TEST(test_forgotten_with_the_last_reference)
{
    struct names *names = names_create(3, 7);
    ck_assert_uint_eq(intern(names, "a"), 0);
    ck_assert_uint_eq(intern(names, "b"), 1);
    ck_assert_uint_eq(intern(names, "c"), 2);
    ck_assert_uint_eq(intern(names, "b"), 1);
    names_retain(names, 1);
    names_release(names, 1);
    names_release(names, 1);
    ck_assert_uint_eq(find(names, "b"), 1);
    ck_assert_uint_eq(names_count(names), 3);
    names_release(names, 1);
    ck_assert_uint_eq(find(names, "b"), NAMES_NONE);
    ck_assert_uint_eq(names_count(names), 2);
    ck_assert_uint_eq(names_bound(names), 3);
    /* A full table has room again, and the number another name. */
    ck_assert_uint_eq(intern(names, "d"), 1);
    ck_assert_str_eq(names_text(names, 1), "d");
    ck_assert_uint_eq(intern(names, "b"), NAMES_NONE);
    /* The smallest free number comes first, whatever was released first. */
    names_release(names, 1);
    names_release(names, 2);
    names_release(names, 0);
    ck_assert_uint_eq(names_count(names), 0);
    ck_assert_uint_eq(intern(names, "e"), 0);
    ck_assert_uint_eq(intern(names, "f"), 1);
    ck_assert_uint_eq(intern(names, "a"), 2);
    ck_assert_uint_eq(names_bound(names), 3);
    names_destroy(names);
}
END_TEST

enum { MODEL_TEXTS = 3000 };

struct model {
    uint32_t references[MODEL_TEXTS]; /* by text */
    uint32_t ids[MODEL_TEXTS];
    const char *texts[MODEL_TEXTS];
    bool used[MODEL_TEXTS]; /* by id */
    uint32_t count;
    uint32_t bound;
};

static bool model_intern(struct model *model, struct names *names, uint32_t number)
{
    char text[64];
    size_t length = make_name(number, text);
    uint32_t expected = model->ids[number];
    if (model->references[number]++ == 0) {
        expected = 0;
        while (model->used[expected]) {
            expected++;
        }
        model->used[expected] = true;
        model->count++;
        model->bound = expected == model->bound ? expected + 1 : model->bound;
    }
    bool right = names_intern(names, text, length) == expected;
    if (model->references[number] == 1) {
        model->ids[number] = expected;
        model->texts[number] = names_text(names, expected);
    }
    return right;
}

static bool model_release(struct model *model, struct names *names, uint32_t number)
{
    char text[64];
    size_t length = make_name(number, text);
    if (model->references[number] == 0) {
        return names_find(names, text, length) == NAMES_NONE;
    }
    names_release(names, model->ids[number]);
    if (--model->references[number] == 0) {
        model->used[model->ids[number]] = false;
        model->count--;
        return names_find(names, text, length) == NAMES_NONE;
    }
    return names_find(names, text, length) == model->ids[number];
}

static bool model_holds(const struct model *model, const struct names *names)
{
    bool right = names_count(names) == model->count && names_bound(names) == model->bound;
    for (uint32_t i = 0; i < MODEL_TEXTS; i++) {
        char text[64];
        size_t length = make_name(i, text);
        uint32_t expected = model->references[i] > 0 ? model->ids[i] : NAMES_NONE;
        right = right && names_find(names, text, length) == expected;
        right = right && (expected == NAMES_NONE || names_text(names, expected) == model->texts[i]);
    }
    return right;
}

/* Tides of names, so that the table grows, and is being moved, while names go, too. */
START_TEST(test_against_model)
{
    static struct model model;
    memset(&model, 0, sizeof model);
    struct random random = {(uint64_t)_i};
    struct names *names = names_create(MODEL_TEXTS, random_word(&random));
    uint32_t range = 1 + random_below(&random, MODEL_TEXTS);
    for (uint32_t round = 0; round < 30; round++) {
        bool right = true;
        uint32_t rising = random_below(&random, 5); /* of 4 */
        uint32_t steps = random_below(&random, 2000);
        for (uint32_t step = 0; step < steps && right; step++) {
            uint32_t number = random_below(&random, range);
            if (model.references[number] > 0 && random_below(&random, 8) == 0) {
                names_retain(names, model.ids[number]);
                model.references[number]++;
            } else if (random_below(&random, 4) < rising) {
                right = model_intern(&model, names, number);
            } else {
                right = model_release(&model, names, number);
            }
        }
        ck_assert(right);
        ck_assert(model_holds(&model, names));
    }
    names_destroy(names);
}
END_TEST

/* Names that come and go for ever take no more room than those that are there at one time. */
START_TEST(test_room_is_bounded)
{
    enum { ALIVE = 100, COUNT = 300000 };
    struct names *names = names_create(ALIVE, 11);
    bool right = true;
    for (uint32_t i = 0; i < COUNT && right; i++) {
        char text[64];
        if (i >= ALIVE) {
            size_t length = make_name(i - ALIVE, text);
            names_release(names, names_find(names, text, length));
        }
        size_t length = make_name(i, text);
        right = names_intern(names, text, length) == i % ALIVE;
    }
    ck_assert(right);
    ck_assert_uint_eq(names_count(names), ALIVE);
    ck_assert_uint_eq(names_bound(names), ALIVE);
    names_destroy(names);
}
END_TEST

START_TEST(test_unknown_number_aborts)
{
    struct names *names = names_create(100, 3);
    names_release(names, intern(names, "forgotten"));
    (void)intern(names, "only");
    names_release(names, intern(names, "forgotten, too"));
    switch (_i) {
    case 0:
        (void)names_text(names, 1);
        break;
    case 1:
        (void)names_length(names, NAMES_NONE);
        break;
    case 2:
        names_retain(names, 1);
        break;
    default:
        names_release(names, 1);
        break;
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("topology/base/names");
    TCase *tcase = tcase_create("names");
    tcase_add_test(tcase, test_first_sight_gives_the_number);
    tcase_add_test(tcase, test_length_counts);
    tcase_add_test(tcase, test_nul_bytes_are_refused);
    tcase_add_test(tcase, test_too_long);
    tcase_add_test(tcase, test_full);
    tcase_add_loop_test(tcase, test_many, 0, 3);
    tcase_add_test(tcase, test_prefixes);
    tcase_add_test(tcase, test_forgotten_with_the_last_reference);
    tcase_add_loop_test(tcase, test_against_model, 0, 40);
    tcase_add_test(tcase, test_room_is_bounded);
    tcase_add_loop_test_raise_signal(tcase, test_unknown_number_aborts, SIGABRT, 0, 4);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
