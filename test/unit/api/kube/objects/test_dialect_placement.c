// SPDX-License-Identifier: Apache-2.0
/* Where a gang wants to be, in everybody's words: what counts, what goes first, and what becomes of
 * nonsense. */
#include <stdio.h>
#include <string.h>

#include "api/kube/objects/dialect.h"
#include "test/unit/api/yaml/object.h"
#include "test/unit/check_main.h"
#include "topology/graph/levels.h"

struct sample {
    const char *annotations;
    const char *expected; /* required preferred exclusive [level=size …] */
};

#define OWN   "phalanx.dev/"
#define KUEUE "kueue.x-k8s.io/podset-"
#define LIST  KUEUE "slice-required-topology-constraints"
#define ALPHA "alpha.jobset.sigs.k8s.io/"
#define KAI   "kai.scheduler/topology-"

#define TEN        "xxxxxxxxxx"
#define NINETY     TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define PLAIN(set) "- - - [" set "]"

static const struct sample SAMPLES[] = {
    {"{}", PLAIN("")},

    /* our own */
    {"{" OWN "required-topology: rack, " OWN "preferred-topology: nvidia.com/gpu.clique}",
     "rack nvidia.com/gpu.clique - []"},
    {"{" OWN "exclusive-topology: block}", "- - block []"},
    {"{" OWN "required-topology: '', " OWN "preferred-topology: 7, " OWN
     "exclusive-topology: null}",
     PLAIN("")},
    {"{" OWN "slice-topology: rack, " OWN "slice-size: '4'}", PLAIN("rack=4")},
    {"{" OWN "slices: 'block=8,rack=4'}", PLAIN("block=8 rack=4")},
    {"{" OWN "slices: 'topology.kubernetes.io/zone=8'}", PLAIN("topology.kubernetes.io/zone=8")},
    {"{" OWN "slices: ' block = 8 ,\track=4,host=2 '}", PLAIN("block=8 rack=4 host=2")},
    {"{" OWN "slices: 'block=8', " OWN "slice-topology: rack, " OWN "slice-size: '4'}",
     PLAIN("block=8")},
    {"{" OWN "slices: '', " OWN "slice-topology: rack, " OWN "slice-size: '4'}", PLAIN("rack=4")},
    {"{" OWN "slices: '', " OWN "slice-topology: '', " OWN "slice-size: ''}", PLAIN("")},

    /* sizes as written: the engine judges */
    {"{" OWN "slice-topology: rack, " OWN "slice-size: '0'}", PLAIN("rack=0")},
    {"{" OWN "slice-topology: rack, " OWN "slice-size: '-4'}", PLAIN("rack=-4")},
    {"{" OWN "slice-topology: rack, " OWN "slice-size: '2147483647'}", PLAIN("rack=2147483647")},
    {"{" OWN "slice-topology: rack, " OWN "slice-size: '2147483648'}", PLAIN("rack=-1")},
    {"{" OWN "slice-topology: rack, " OWN "slice-size: '-99999999999999999999999'}",
     PLAIN("rack=-1")},
    {"{" OWN "slice-topology: rack, " OWN "slice-size: four}", PLAIN("rack=-1")},
    {"{" OWN "slice-topology: rack, " OWN "slice-size: '4.0'}", PLAIN("rack=-1")},
    {"{" OWN "slice-topology: rack, " OWN "slice-size: '-'}", PLAIN("rack=-1")},
    {"{" OWN "slice-topology: rack, " OWN "slice-size: 4}", PLAIN("rack=-1")},
    {"{" OWN "slice-topology: rack}", PLAIN("rack=0")},
    {"{" OWN "slice-size: '4'}", PLAIN("=4")},
    {"{" OWN "slice-topology: [rack], " OWN "slice-size: '4'}", PLAIN("=4")},
    {"{" OWN "slices: 'block=8,rack=3'}", PLAIN("block=8 rack=3")},
    {"{" OWN "slices: 'rack=4,block=8'}", PLAIN("rack=4 block=8")},
    {"{" OWN "slices: 'block=0,rack=-2,host=x'}", PLAIN("block=0 rack=-2 host=-1")},
    {"{" OWN "slices: 'block=,=4'}", PLAIN("block=0 =4")},
    {"{" OWN "slices: 'block=8=4'}", PLAIN("block=-1")},

    /* what is no list of one to three layers stays together, as text */
    {"{" OWN "slices: block}", PLAIN("block=-1")},
    {"{" OWN "slices: 'block=8,rack'}", PLAIN("block=8,rack=-1")},
    {"{" OWN "slices: 'block=8,'}", PLAIN("block=8,=-1")},
    {"{" OWN "slices: ','}", PLAIN(",=-1")},
    {"{" OWN "slices: 'a=8,b=4,c=2,d=1'}", PLAIN("a=8,b=4,c=2,d=1=-1")},
    {"{" OWN "slices: 8}", PLAIN("=-1")},
    {"{" OWN "slices: " NINETY "123456}", PLAIN(NINETY "123456=-1")},
    {"{" OWN "slices: " NINETY "1234567}", PLAIN(NINETY "123456…=-1")},
    {"{" OWN "slices: " NINETY "1234ü€}", PLAIN(NINETY "1234ü…=-1")},
    {"{" OWN "slices: " NINETY "12345ü€}", PLAIN(NINETY "12345…=-1")},

    /* Kueue */
    {"{" KUEUE "required-topology: cloud.example.com/rack}", "cloud.example.com/rack - - []"},
    {"{" KUEUE "preferred-topology: cloud.example.com/rack}", "- cloud.example.com/rack - []"},
    {"{" KUEUE "unconstrained-topology: 'true'}", PLAIN("")},
    {"{" KUEUE "unconstrained-topology: 'true', " KUEUE "slice-required-topology: rack, " KUEUE
     "slice-size: '2'}",
     PLAIN("rack=2")},
    {"{" KUEUE "slice-required-topology: rack, " KUEUE "slice-size: '2'}", PLAIN("rack=2")},
    {"{" KUEUE "slice-required-topology: rack}", PLAIN("rack=0")},
    {"{" LIST ": '[{\"topology\":\"b\",\"size\":32},{\"topology\":\"r\",\"size\":16}]'}",
     PLAIN("b=32 r=16")},
    {"{" LIST ": '[{\"topology\":\"b\",\"size\":8}]', " KUEUE "slice-required-topology: r, " KUEUE
     "slice-size: '2'}",
     PLAIN("b=8")},
    {"{" LIST ": '[{\"topology\":\"b\",\"size\":\"8\"},{\"topology\":\"r\",\"size\":2.5},"
     "{\"topology\":\"h\",\"size\":4294967296}]'}",
     PLAIN("b=-1 r=-1 h=-1")},
    {"{" LIST ": '[{\"topology\":\"b\",\"size\":0},{\"topology\":\"r\",\"size\":-3},"
     "{\"topology\":\"h\",\"size\":-2147483649}]'}",
     PLAIN("b=0 r=-3 h=-1")},
    {"{" LIST ": '[{\"topology\":\"b\"},{\"size\":4},{\"topology\":null,\"size\":null}]'}",
     PLAIN("b=0 =4 =0")},
    {"{" LIST ": '[{\"topology\":\"b\",\"sizes\":[1,3,4]}]'}", PLAIN("b=0")},
    {"{" LIST ": '[]'}", PLAIN("[]=-1")},
    {"{" LIST ": 'null'}", PLAIN("null=-1")},
    {"{" LIST ": '{}'}", PLAIN("{}=-1")},
    {"{" LIST ": '[1]'}", PLAIN("[1]=-1")},
    {"{" LIST ": '[{\"topology\":1,\"size\":4}]'}", PLAIN("[{\"topology\":1,\"size\":4}]=-1")},
    {"{" LIST ": '[{}] x'}", PLAIN("[{}] x=-1")},
    {"{" LIST ": '[{'}", PLAIN("[{=-1")},
    {"{" LIST ": '[{},{},{},{}]'}", PLAIN("[{},{},{},{}]=-1")},
    {"{" LIST ": '[{\"size\":1,\"size\":2}]'}", PLAIN("[{\"size\":1,\"size\":2}]=-1")},

    /* JobSet, KAI */
    {"{" ALPHA "exclusive-topology: cloud.google.com/gke-nodepool}",
     "- - cloud.google.com/gke-nodepool []"},
    {"{" KAI "required-placement: rack, " KAI "preferred-placement: zone}", "rack zone - []"},

    /* our own words go first, member by member; then Kueue's */
    {"{" KAI "required-placement: kai, " KAI "preferred-placement: kai, " KUEUE
     "required-topology: kueue, " ALPHA "exclusive-topology: jobset, " OWN
     "exclusive-topology: own, " OWN "preferred-topology: own}",
     "kueue own own []"},
    {"{" OWN "required-topology: '', " KUEUE "required-topology: '', " KAI
     "required-placement: kai}",
     "kai - - []"},
    {"{" LIST ": '[{\"topology\":\"b\",\"size\":8}]', " OWN "slice-topology: own}", PLAIN("own=0")},
    {"{" LIST ": '[{\"topology\":\"b\",\"size\":8}]', " OWN "slices: wrong}", PLAIN("wrong=-1")},
};

static void write_placement(char *text, size_t size, const struct placement_object *placement)
{
    const char *const levels[] = {placement->required_level, placement->preferred_level,
                                  placement->exclusive_level};
    size_t length = 0;
    for (size_t i = 0; i < 3; i++) {
        length += (size_t)snprintf(text + length, size - length, "%s ",
                                   levels[i] == NULL ? "-" : levels[i]);
    }
    length += (size_t)snprintf(text + length, size - length, "[");
    for (size_t i = 0; i < placement->slice_count; i++) {
        length += (size_t)snprintf(text + length, size - length, "%s%s=%d", i == 0 ? "" : " ",
                                   placement->slices[i].level, placement->slices[i].size);
    }
    (void)snprintf(text + length, size - length, "]");
}

START_TEST(reads_placement)
{
    struct arena arena;
    struct placement_object placement;
    arena_init(&arena);
    json_t *annotations = yaml_object(SAMPLES[_i].annotations);
    dialect_placement(annotations, &arena, &placement);
    json_decref(annotations); /* nothing may point into it */
    char text[512];
    write_placement(text, sizeof text, &placement);
    ck_assert_msg(strcmp(text, SAMPLES[_i].expected) == 0, "%s gave %s, not %s",
                  SAMPLES[_i].annotations, text, SAMPLES[_i].expected);
    arena_finish(&arena);
}
END_TEST

/* As written: the engine judges. */
START_TEST(reads_podset_groups)
{
    static const struct {
        const char *annotations;
        const char *group;
    } cases[] = {
        {"{}", NULL},
        {"{kueue.x-k8s.io/podset-group-name: pair}", "pair"},
        {"{kueue.x-k8s.io/podset-group-name: ''}", NULL},
        {"{kueue.x-k8s.io/podset-group-name: 7}", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena arena;
        struct placement_object placement;
        arena_init(&arena);
        json_t *annotations = yaml_object(cases[i].annotations);
        dialect_placement(annotations, &arena, &placement);
        json_decref(annotations);
        if (cases[i].group == NULL) {
            ck_assert_ptr_null(placement.podset_group);
        } else {
            ck_assert_str_eq(placement.podset_group, cases[i].group);
        }
        arena_finish(&arena);
    }
}
END_TEST

START_TEST(reads_device_topology)
{
    static const struct {
        const char *annotations;
        const char *expected;
    } samples[] = {
        {"{" OWN "device-topology: required}", "required"},
        {"{" OWN "device-topology: Perhaps}", "Perhaps"},
        {"{" OWN "device-topology: ''}", NULL},
        {"{" OWN "device-topology: true}", NULL},
        {"{}", NULL},
    };
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        struct arena arena;
        struct placement_object placement;
        arena_init(&arena);
        json_t *annotations = yaml_object(samples[i].annotations);
        dialect_placement(annotations, &arena, &placement);
        json_decref(annotations);
        if (samples[i].expected == NULL) {
            ck_assert_ptr_null(placement.device_topology);
        } else {
            ck_assert_str_eq(placement.device_topology, samples[i].expected);
        }
        arena_finish(&arena);
    }
}
END_TEST

/* Annotations may have a quarter of a megabyte; what is kept of one is the name of nothing. */
START_TEST(texts_are_cut)
{
    static const char *const keys[] = {
        OWN "required-topology", OWN "preferred-topology",           OWN "exclusive-topology",
        OWN "device-topology",   "kueue.x-k8s.io/podset-group-name", OWN "slice-topology"};
    static char text[256 * 1024];
    for (size_t i = 0; i + 3 < sizeof text; i += 3) {
        memcpy(text + i, "\xe2\x82\xac", 3);
    }
    for (size_t form = 0; form < 3; form++) {
        struct arena arena;
        struct placement_object placement;
        json_t *annotations = json_object();
        arena_init(&arena);
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
            json_object_set_new(annotations, keys[i], json_string(text));
        }
        if (form == 1) {
            json_object_set_new(annotations, OWN "slices", json_sprintf("%s=8", text));
        } else if (form == 2) {
            json_object_set_new(annotations, LIST,
                                json_sprintf("[{\"topology\":\"%s\",\"size\":8}]", text));
            json_object_del(annotations, OWN "slice-topology");
        }
        dialect_placement(annotations, &arena, &placement);
        json_decref(annotations);
        const char *const kept[] = {placement.required_level,  placement.preferred_level,
                                    placement.exclusive_level, placement.device_topology,
                                    placement.podset_group,    placement.slices[0].level};
        ck_assert_uint_eq(placement.slice_count, 1);
        for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
            ck_assert_uint_eq(strlen(kept[i]), PLACEMENT_TEXT_MAX / 3 * 3);
            ck_assert_uint_gt(strlen(kept[i]), LEVEL_KEY_MAX);
        }
        arena_finish(&arena);
    }
}
END_TEST

START_TEST(no_annotations)
{
    struct arena arena;
    arena_init(&arena);
    struct placement_object placement = {.required_level = "left over", .slice_count = 2};
    dialect_placement(NULL, &arena, &placement);
    ck_assert_ptr_null(placement.required_level);
    ck_assert_uint_eq(placement.slice_count, 0);
    arena_finish(&arena);
}
END_TEST

/* Pods and groups hand it on. */
START_TEST(part_of_the_mark)
{
    struct arena arena;
    struct dialect_mark mark;
    arena_init(&arena);
    json_t *annotations = yaml_object("{" OWN "required-topology: zone, " OWN "slices: 'rack=4'}");
    dialect_read(NULL, annotations, &arena, &mark);
    json_decref(annotations);
    char text[512];
    write_placement(text, sizeof text, &mark.placement);
    ck_assert_str_eq(text, "zone - - [rack=4]");
    arena_finish(&arena);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dialect placement");
    TCase *tests = tcase_create("placement");
    tcase_add_loop_test(tests, reads_placement, 0, sizeof SAMPLES / sizeof SAMPLES[0]);
    tcase_add_test(tests, texts_are_cut);
    tcase_add_test(tests, no_annotations);
    tcase_add_test(tests, reads_device_topology);
    tcase_add_test(tests, reads_podset_groups);
    tcase_add_test(tests, part_of_the_mark);
    suite_add_tcase(suite, tests);
    return check_main(suite);
}
