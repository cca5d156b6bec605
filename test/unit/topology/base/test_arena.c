// SPDX-License-Identifier: Apache-2.0
/* Built twice: as the arena is, and with ARENA_DEBUG, where every allocation is a chunk of its own.
 */
#include "topology/base/arena.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "test/unit/check_main.h"
#include "test/unit/topology/random.h"

START_TEST(test_empty)
{
    struct arena arena;
    arena_init(&arena);
    ck_assert_uint_eq(arena.used, 0);
    arena_reset(&arena);
    arena_finish(&arena);
    arena_finish(&arena);
}
END_TEST

static bool all_bytes_are(const unsigned char *memory, size_t size, unsigned char value)
{
    for (size_t i = 0; i < size; i++) {
        if (memory[i] != value) {
            return false;
        }
    }
    return true;
}

START_TEST(test_aligned_zeroed_and_apart)
{
    struct arena arena;
    arena_init(&arena);
    struct random random = {1};
    enum { COUNT = 2000 };
    unsigned char *memory[COUNT];
    size_t size[COUNT];
    size_t total = 0;
    for (size_t i = 0; i < COUNT; i++) {
        size[i] = random_below(&random, i % 100 == 0 ? 20000 : 200);
        memory[i] = arena_alloc(&arena, size[i], 1);
        ck_assert_uint_eq((uintptr_t)memory[i] % _Alignof(max_align_t), 0);
        ck_assert(all_bytes_are(memory[i], size[i], 0));
        memset(memory[i], (int)(i % 251) + 1, size[i]);
        total += size[i];
    }
    ck_assert_uint_eq(arena.used, total);
    for (size_t i = 0; i < COUNT; i++) {
        ck_assert(all_bytes_are(memory[i], size[i], (unsigned char)(i % 251 + 1)));
    }
    arena_finish(&arena);
    ck_assert_uint_eq(arena.used, 0);
}
END_TEST

START_TEST(test_larger_than_any_chunk)
{
    struct arena arena;
    arena_init(&arena);
    size_t size = (size_t)5 << 20;
    char *large = arena_alloc(&arena, size, 1);
    char *small = arena_string(&arena, "after");
    large[0] = 'a';
    large[size - 1] = 'z';
    ck_assert_str_eq(small, "after");
    arena_finish(&arena);
}
END_TEST

START_TEST(test_reset)
{
    struct arena arena;
    arena_init(&arena);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 1000; i++) {
            unsigned char *memory = arena_alloc(&arena, 7, 13);
            ck_assert(all_bytes_are(memory, 7 * 13, 0));
            memset(memory, 0xff, 7 * 13);
        }
        ck_assert_uint_eq(arena.used, 1000 * 7 * 13);
        arena_reset(&arena);
        ck_assert_uint_eq(arena.used, 0);
    }
    arena_finish(&arena);
}
END_TEST

START_TEST(test_strings)
{
    struct arena arena;
    arena_init(&arena);
    ck_assert_ptr_null(arena_string(&arena, NULL));
    ck_assert_str_eq(arena_string(&arena, "n1"), "n1");
    ck_assert_str_eq(arena_string_n(&arena, "node-1", 4), "node");
    ck_assert_str_eq(arena_string_n(&arena, NULL, 0), "");
    ck_assert_str_eq(arena_printf(&arena, "%s/%d", "rack", 7), "rack/7");
    ck_assert_str_eq(arena_printf(&arena, "%s", ""), "");
    char *wide = arena_printf(&arena, "%5000d", 1);
    ck_assert_uint_eq(strlen(wide), 5000);
    arena_finish(&arena);
}
END_TEST

START_TEST(test_overflow_aborts)
{
    struct arena arena;
    arena_init(&arena);
    ck_assert_ptr_null(arena_alloc(&arena, SIZE_MAX / 2, 3));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("topology/base/arena");
    TCase *tcase = tcase_create("arena");
    tcase_add_test(tcase, test_empty);
    tcase_add_test(tcase, test_aligned_zeroed_and_apart);
    tcase_add_test(tcase, test_larger_than_any_chunk);
    tcase_add_test(tcase, test_reset);
    tcase_add_test(tcase, test_strings);
    tcase_add_test_raise_signal(tcase, test_overflow_aborts, SIGABRT);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
