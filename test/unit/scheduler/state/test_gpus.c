// SPDX-License-Identifier: Apache-2.0
#include "scheduler/state/gpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/check_main.h"
#include "test/unit/topology/random.h"
#include "topology/base/alloc.h"
#include "topology/devices/machines.h"

#define GPU   7u /* an interned resource */
#define OTHER 8u

static void observe(struct gpus *gpus, uint32_t row, const char *machine)
{
    struct err err = {""};
    struct device_map *map = machines_map(machine, &err);
    ck_assert_msg(map != NULL, "%s", err.text);
    gpus_observe(gpus, row, map, GPU);
    device_map_destroy(map); /* keeps nothing of it */
}

static void release(struct gpus *gpus, struct gpus_allocation *allocation)
{
    gpus_give_back(gpus, allocation);
    gpus_rename(gpus, allocation, NULL);
}

static uint64_t free_of(const struct gpus *gpus, uint32_t row)
{
    uint64_t free = 0;
    ck_assert(gpus_free(gpus, row, &free));
    return free;
}

/* DGX-1V: the quads {0,1,2,3} and {4,5,6,7} have the most links; two pods of four get both. */
START_TEST(test_quads)
{
    struct gpus *gpus = gpus_create();
    struct gpus_allocation allocations[2] = {{.count = 0}};
    uint64_t sets[DEVICES_MAX];
    observe(gpus, 3, "dgx-1v");
    ck_assert(gpus_any(gpus));
    ck_assert(gpus_mapped(gpus, 3, GPU) && !gpus_mapped(gpus, 3, OTHER) &&
              !gpus_mapped(gpus, 2, GPU) && !gpus_mapped(gpus, 9, GPU));
    ck_assert_uint_eq(gpus_good_capacity(gpus, 3, GPU, 4), 2);
    ck_assert_uint_eq(gpus_good_capacity(gpus, 3, OTHER, 4), 0);
    ck_assert(gpus_choose(gpus, 3, GPU, 4, 2, 0, sets));
    ck_assert_uint_eq(sets[0], 0x0f);
    ck_assert_uint_eq(sets[1], 0xf0);
    for (int i = 0; i < 2; i++) {
        gpus_take(gpus, &allocations[i], 3, GPU, 4, sets[i], NULL);
        ck_assert(gpus_good(gpus, &allocations[i]));
    }
    ck_assert_str_eq(allocations[0].names, "gpu-0,gpu-1,gpu-2,gpu-3");
    ck_assert_str_eq(gpus_allocation_name(gpus, &allocations[1], 0), "gpu-4");
    ck_assert_str_eq(gpus_allocation_name(gpus, &allocations[1], 3), "gpu-7");
    ck_assert_ptr_null(gpus_allocation_name(gpus, &allocations[1], 4));
    ck_assert_uint_eq(free_of(gpus, 3), 0);
    ck_assert(!gpus_choose(gpus, 3, GPU, 1, 1, 0, sets));
    release(gpus, &allocations[0]);
    ck_assert_uint_eq(free_of(gpus, 3), 0x0f);
    ck_assert_ptr_null(gpus_allocation_name(gpus, &allocations[0], 0));
    release(gpus, &allocations[1]);
    gpus_destroy(gpus);
}
END_TEST

/* Two of each quad are free: four GPUs, but no quad with all the links it could have. */
START_TEST(test_good_capacity)
{
    struct gpus *gpus = gpus_create();
    struct gpus_allocation a = {.count = 0}, b = {.count = 0};
    observe(gpus, 0, "dgx-1v");
    gpus_take(gpus, &a, 0, GPU, 2, 0, "gpu-0,gpu-1");
    gpus_take(gpus, &b, 0, GPU, 2, 0, "gpu-6, gpu-7");
    ck_assert_uint_eq(free_of(gpus, 0), 0x3c);
    ck_assert_uint_eq(gpus_good_capacity(gpus, 0, GPU, 4), 0);
    ck_assert_uint_gt(gpus_good_capacity(gpus, 0, GPU, 2), 0);
    release(gpus, &b);
    ck_assert_uint_eq(gpus_good_capacity(gpus, 0, GPU, 4), 1);
    release(gpus, &a);
    gpus_destroy(gpus);
}
END_TEST

START_TEST(test_boards_are_shared)
{
    struct gpus *gpus = gpus_create();
    for (uint32_t row = 0; row < 100; row++) {
        observe(gpus, row, row % 2 == 0 ? "dgx-a100" : "dgx-1v");
    }
    ck_assert_uint_eq(gpus_boards(gpus), 2);
    struct err err = {""};
    struct device_map *map = machines_map("dgx-1v", &err);
    ck_assert(!gpus_observe(gpus, 1, map, GPU)); /* nothing new */
    ck_assert(gpus_observe(gpus, 0, map, GPU));
    ck_assert(gpus_observe(gpus, 0, map, OTHER));
    device_map_destroy(map);
    for (uint32_t row = 0; row < 100; row += 2) {
        ck_assert(gpus_observe(gpus, row, NULL, 0));
        ck_assert(!gpus_observe(gpus, row, NULL, 0));
    }
    ck_assert_uint_eq(gpus_boards(gpus), 1);
    for (uint32_t row = 1; row < 100; row += 2) {
        gpus_observe(gpus, row, NULL, 0);
    }
    ck_assert_uint_eq(gpus_boards(gpus), 0);
    ck_assert(!gpus_any(gpus));
    ck_assert(!gpus_observe(gpus, 4000, NULL, 0));
    gpus_destroy(gpus);
}
END_TEST

/* One pod whose GPUs nobody knows: nothing is chosen beside it, nothing is proven. */
START_TEST(test_unknown)
{
    struct gpus *gpus = gpus_create();
    struct gpus_allocation stranger = {.count = 0}, other = {.count = 0};
    uint64_t sets[DEVICES_MAX], free;
    observe(gpus, 0, "dgx-a100");
    gpus_take(gpus, &stranger, 0, GPU, 1, 0, NULL);
    ck_assert(!gpus_free(gpus, 0, &free));
    ck_assert(!gpus_choose(gpus, 0, GPU, 1, 1, 0, sets));
    ck_assert_uint_eq(gpus_good_capacity(gpus, 0, GPU, 1), 0);
    ck_assert_ptr_null(gpus_allocation_name(gpus, &stranger, 0));
    ck_assert(!gpus_good(gpus, &stranger));
    ck_assert_uint_eq(gpus_rails(gpus, &stranger), 0);

    gpus_take(gpus, &other, 0, OTHER, 3, 0, NULL); /* no GPUs of this map */
    ck_assert(gpus_rename(gpus, &stranger, "gpu-5"));
    ck_assert(!gpus_rename(gpus, &stranger, "gpu-5"));
    ck_assert_uint_eq(free_of(gpus, 0), 0xdf);
    ck_assert(gpus_rename(gpus, &stranger, "gpu-9"));
    ck_assert(!gpus_free(gpus, 0, &free));
    release(gpus, &stranger);
    ck_assert_uint_eq(free_of(gpus, 0), 0xff);
    release(gpus, &other);
    gpus_destroy(gpus);
}
END_TEST

/* A pod of all GPUs has all GPUs, whatever it says or not. */
START_TEST(test_whole_node)
{
    struct gpus *gpus = gpus_create();
    struct gpus_allocation a = {.count = 0}, b = {.count = 0};
    uint64_t free;
    observe(gpus, 0, "dgx-a100");
    gpus_take(gpus, &a, 0, GPU, 8, 0, NULL);
    ck_assert_uint_eq(free_of(gpus, 0), 0);
    gpus_take(gpus, &b, 0, GPU, 8, 0, "gpu-x"); /* overbooked by others */
    ck_assert(!gpus_free(gpus, 0, &free));
    release(gpus, &a);
    ck_assert_uint_eq(b.set, 0xff);
    ck_assert_uint_eq(free_of(gpus, 0), 0);
    release(gpus, &b);
    gpus_destroy(gpus);
}
END_TEST

/* Two pods say they have the same GPU: the first is believed, the second when the first is gone. */
START_TEST(test_conflict)
{
    struct gpus *gpus = gpus_create();
    struct gpus_allocation a = {.count = 0}, b = {.count = 0};
    uint64_t free;
    observe(gpus, 0, "dgx-a100");
    gpus_take(gpus, &a, 0, GPU, 2, 0, "gpu-1,gpu-0");
    gpus_take(gpus, &b, 0, GPU, 2, 0, "gpu-1,gpu-2");
    ck_assert_uint_eq(a.set, 3);
    ck_assert_uint_eq(b.set, 0);
    ck_assert(!gpus_free(gpus, 0, &free));
    release(gpus, &a);
    ck_assert_uint_eq(b.set, 6);
    release(gpus, &b);
    gpus_destroy(gpus);
}
END_TEST

/* Pods are seen before their node, the map goes and comes back, names stay. */
START_TEST(test_map_comes_late)
{
    struct gpus *gpus = gpus_create();
    struct gpus_allocation a = {.count = 0}, b = {.count = 0};
    uint64_t sets[DEVICES_MAX], free;
    gpus_take(gpus, &a, 5, GPU, 2, 0, "gpu-6,gpu-7");
    ck_assert(!gpus_free(gpus, 5, &free));
    observe(gpus, 5, "dgx-a100");
    ck_assert_uint_eq(free_of(gpus, 5), 0x3f);
    ck_assert(gpus_choose(gpus, 5, GPU, 4, 1, 0, sets));
    gpus_take(gpus, &b, 5, GPU, 4, sets[0], NULL);
    uint64_t chosen = b.set;
    gpus_observe(gpus, 5, NULL, 0);
    ck_assert_uint_eq(b.set, 0);
    ck_assert(!gpus_free(gpus, 5, &free));
    observe(gpus, 5, "dgx-a100");
    ck_assert_uint_eq(b.set, chosen);
    ck_assert_uint_eq(a.set, 0xc0);
    release(gpus, &a);
    release(gpus, &b);
    gpus_destroy(gpus);
}
END_TEST

START_TEST(test_rails)
{
    struct gpus *gpus = gpus_create();
    struct gpus_allocation a = {.count = 0};
    uint64_t sets[DEVICES_MAX];
    observe(gpus, 0, "dgx-h100");
    ck_assert(gpus_choose(gpus, 0, GPU, 2, 1, 0x30, sets)); /* rails 4 and 5 */
    ck_assert_uint_eq(sets[0], 0x30);
    gpus_take(gpus, &a, 0, GPU, 2, sets[0], NULL);
    ck_assert_uint_eq(gpus_rails(gpus, &a), 0x30);
    release(gpus, &a);
    gpus_destroy(gpus);
}
END_TEST

START_TEST(test_parse_refuses)
{
    static const struct {
        const char *names;
        const char *error;
    } cases[] = {
        {"", "a name has 0 bytes"},
        {"gpu-0,", "a name has 0 bytes"},
        {",gpu-0", "a name has 0 bytes"},
        {"gpu-0,  ,gpu-1", "a name has 0 bytes"},
        {"gpu-0,gpu-0", "GPU \"gpu-0\" is there twice"},
        {"gpu-0,gpu-8", "the node has no GPU \"gpu-8\""},
        {"gpu-0,gpu", "the node has no GPU \"gpu\""},
        {"gpu-0 gpu-1", "the node has no GPU \"gpu-0 gpu-1\""},
        {"0,1", "the node has no GPU \"0\""},
        {"gpu-0", "1 GPUs are named for a pod of 2"},
        {"gpu-0,gpu-1,gpu-2", "3 GPUs are named for a pod of 2"},
    };
    struct gpus *gpus = gpus_create();
    struct err err = {""};
    uint64_t set = 99;
    ck_assert_int_eq(gpus_parse(gpus, 0, "gpu-0,gpu-1", 2, &set, &err), -1);
    ck_assert_str_eq(err.text, "nothing is known of the node's GPUs");
    observe(gpus, 0, "dgx-a100");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_int_eq(gpus_parse(gpus, 0, cases[i].names, 2, &set, &err), -1);
        ck_assert_msg(strstr(err.text, cases[i].error) != NULL, "\"%s\": %s", cases[i].names,
                      err.text);
        ck_assert_uint_eq(set, 99);
    }
    char *longest = alloc_zero(5001, 1);
    memset(longest, 'x', 5000);
    ck_assert_int_eq(gpus_parse(gpus, 0, longest, 2, &set, &err), -1);
    free(longest);
    ck_assert_int_eq(gpus_parse(gpus, 0, " gpu-7 ,gpu-1", 2, &set, &err), 0);
    ck_assert_uint_eq(set, 0x82);
    gpus_destroy(gpus);
}
END_TEST

/* ---- against a naive model ---- */

#define NODES       4u
#define ALLOCATIONS 40u

static const char *const MACHINES[NODES] = {"dgx-1v", "dgx-a100", "dgx-2", "hgx-a100-4"};
static const uint32_t SIZES[NODES] = {8, 8, 16, 4};

struct model {
    struct gpus *gpus;
    struct gpus_allocation allocations[ALLOCATIONS];
    bool mapped[NODES];
};

/* What must hold of a node, worked out from its allocations alone. */
static void check_node(const struct model *model, uint32_t row)
{
    uint64_t taken = 0, free = 0;
    bool known = model->mapped[row];
    for (uint32_t i = 0; i < ALLOCATIONS; i++) {
        const struct gpus_allocation *allocation = &model->allocations[i];
        if (allocation->count == 0 || allocation->row != row) {
            continue;
        }
        ck_assert_uint_eq(allocation->set & taken, 0); /* disjoint */
        ck_assert_uint_eq(allocation->set >> SIZES[row], 0);
        ck_assert(allocation->set == 0 ||
                  (uint32_t)__builtin_popcountll(allocation->set) == allocation->count);
        taken |= allocation->set;
        known = known && allocation->set != 0;
    }
    for (uint32_t i = 0; i < ALLOCATIONS && model->mapped[row]; i++) { /* nothing is left unsaid */
        const struct gpus_allocation *allocation = &model->allocations[i];
        uint64_t named = 0;
        if (allocation->count == 0 || allocation->row != row || allocation->names == NULL) {
            continue;
        }
        bool sense =
            gpus_parse(model->gpus, row, allocation->names, allocation->count, &named, NULL) == 0;
        ck_assert(allocation->set == 0 ? !sense || (named & taken) != 0
                                       : !sense || allocation->set == named);
    }
    ck_assert(gpus_free(model->gpus, row, &free) == known);
    ck_assert(!known || free == (((UINT64_C(1) << SIZES[row]) - 1) & ~taken));
}

/* Names of random GPUs, some of which the node does not have. */
static const char *random_names(struct random *state, uint32_t count, char text[512])
{
    size_t length = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < count; i++) {
        length += (size_t)snprintf(text + length, 512 - length, "%sgpu-%u", i == 0 ? "" : ",",
                                   random_below(state, 17));
    }
    return text;
}

static void take(struct model *model, struct gpus_allocation *allocation, struct random *state)
{
    char text[512];
    uint64_t sets[DEVICES_MAX], free = 0;
    uint32_t row = random_below(state, NODES);
    uint32_t count = 1 + random_below(state, SIZES[row]);
    uint32_t how = random_below(state, 8);
    if (how == 0) {
        gpus_take(model->gpus, allocation, row, GPU, count, 0, NULL);
    } else if (how < 3) {
        gpus_take(model->gpus, allocation, row, GPU, count, 0, random_names(state, count, text));
    } else if (gpus_choose(model->gpus, row, GPU, count, 1, random_below(state, 256), sets)) {
        ck_assert(gpus_free(model->gpus, row, &free));
        ck_assert_uint_eq(sets[0] & ~free, 0);
        gpus_take(model->gpus, allocation, row, GPU, count, sets[0], NULL);
        ck_assert_uint_eq(allocation->set, sets[0]);
    }
}

START_TEST(test_model)
{
    struct random state = {.state = (uint64_t)_i + 1};
    struct model model = {.gpus = gpus_create()};
    for (int step = 0; step < 2000; step++) {
        struct gpus_allocation *allocation = &model.allocations[random_below(&state, ALLOCATIONS)];
        uint32_t row = random_below(&state, NODES);
        char text[512];
        if (random_below(&state, 50) == 0) {
            model.mapped[row] = !model.mapped[row];
            if (model.mapped[row]) {
                observe(model.gpus, row, MACHINES[row]);
            } else {
                gpus_observe(model.gpus, row, NULL, 0);
            }
        } else if (allocation->count == 0) {
            take(&model, allocation, &state);
        } else if (random_below(&state, 8) == 0) {
            gpus_rename(model.gpus, allocation, random_names(&state, allocation->count, text));
        } else {
            release(model.gpus, allocation);
        }
        for (row = 0; row < NODES; row++) {
            check_node(&model, row);
        }
    }
    for (uint32_t i = 0; i < ALLOCATIONS; i++) {
        release(model.gpus, &model.allocations[i]);
    }
    for (uint32_t row = 0; row < NODES; row++) {
        uint64_t free = 0;
        ck_assert(gpus_free(model.gpus, row, &free) == model.mapped[row]);
        ck_assert(!model.mapped[row] || free == (UINT64_C(1) << SIZES[row]) - 1);
    }
    gpus_destroy(model.gpus);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/state/gpus");
    TCase *tcase = tcase_create("gpus");
    tcase_add_test(tcase, test_quads);
    tcase_add_test(tcase, test_good_capacity);
    tcase_add_test(tcase, test_boards_are_shared);
    tcase_add_test(tcase, test_unknown);
    tcase_add_test(tcase, test_whole_node);
    tcase_add_test(tcase, test_conflict);
    tcase_add_test(tcase, test_map_comes_late);
    tcase_add_test(tcase, test_rails);
    tcase_add_test(tcase, test_parse_refuses);
    tcase_add_loop_test(tcase, test_model, 0, 10);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
