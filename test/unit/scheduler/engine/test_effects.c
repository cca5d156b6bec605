// SPDX-License-Identifier: Apache-2.0
/* The list of effects: order, zeroed items, what a reset forgets. */
#include "scheduler/effects.h"

#include <string.h>

#include "test/unit/check_main.h"

START_TEST(test_order_and_zero)
{
    struct effects effects;
    effects_init(&effects);
    ck_assert_uint_eq(effects.count, 0);
    for (unsigned i = 0; i < 1000; i++) {
        struct effect *effect = effects_append(&effects, i % 2 ? EFFECT_NOMINATE : EFFECT_EVENT);
        static const struct effect blank;
        ck_assert_mem_eq(&effect->write, &blank.write, sizeof(effect->write));
        effect->write.rank = (int32_t)i;
    }
    ck_assert_uint_eq(effects.count, 1000);
    for (unsigned i = 0; i < 1000; i++) {
        ck_assert_int_eq(effects.items[i].type, i % 2 ? EFFECT_NOMINATE : EFFECT_EVENT);
        ck_assert_int_eq(effects.items[i].write.rank, (int)i);
    }
    effects_finish(&effects);
    ck_assert_uint_eq(effects.count, 0);
}
END_TEST

START_TEST(test_reset_clears_what_is_appended_next)
{
    struct effects effects;
    effects_init(&effects);
    struct effect *effect = effects_append(&effects, EFFECT_BIND_REPLY);
    effect->bind.ticket = 7;
    effect->bind.error = arena_string(&effects.arena, "no");
    const struct effect *items = effects.items;
    effects_reset(&effects);
    ck_assert_uint_eq(effects.count, 0);
    ck_assert_uint_eq(effects.arena.used, 0);

    effect = effects_append(&effects, EFFECT_BIND_REPLY);
    ck_assert_ptr_eq(effect, items); /* the array is kept */
    ck_assert_uint_eq(effect->bind.ticket, 0);
    ck_assert_ptr_null(effect->bind.error);
    effects_finish(&effects);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/engine/effects");
    TCase *tcase = tcase_create("effects");
    tcase_add_test(tcase, test_order_and_zero);
    tcase_add_test(tcase, test_reset_clears_what_is_appended_next);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
