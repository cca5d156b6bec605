// SPDX-License-Identifier: Apache-2.0
/* What the core makes of effects, and how it portions events. */
#include "api/daemon/core.h"

#include "test/unit/api/daemon/bed.h"

static struct core_bed *bed;

static void setup(void)
{
    bed = core_bed_create();
}

static void teardown(void)
{
    core_bed_destroy(bed);
}

/* A node with a name no node can have: named in the log, counted, and nobody's gang. */
START_TEST(what_is_left_out_is_said)
{
    char name[NAMES_LENGTH_MAX + 2];
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    core_bed_node(bed, "n0");
    ck_assert(core_bed_counts(bed, "phalanx_objects_skipped_total{kind=\"nodes\"} 0\n"));
    core_bed_node(bed, name);
    ck_assert(core_bed_counts(bed, "phalanx_objects_skipped_total{kind=\"nodes\"} 1\n"));
    ck_assert(core_bed_logged(bed, "an object is left out"));
    ck_assert(core_bed_logged(bed, "kind=Node"));
    ck_assert(core_bed_logged(bed, "name=xxxx"));
    ck_assert(core_bed_logged(bed, "the name is longer than"));
    ck_assert(!core_bed_logged(bed, "gang changed its state"));
    ck_assert(!core_bed_counts(bed, "phalanx_gang_transitions_total{"));
    ck_assert_uint_eq(core_bed_figures(bed).nodes, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api/daemon/core");
    TCase *tcase = tcase_create("core");
    tcase_set_timeout(tcase, 2 * BED_WAIT_SECONDS);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, what_is_left_out_is_said);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
