// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/micro/hostile.h"

/* One gang after the other that asks for whatever there is, drawn at random: levels, slices,
 * minimums, roles that share a domain, terms about one another, spreading, domains of its own. It
 * gets its time and goes. The worst one is named, so that it can be looked at alone: its number is
 * all it takes to make it again.
 */

#define RACK  "topology.kubernetes.io/rack"
#define LEAF  "fabric.topograph.run/tier-0"
#define SPINE "fabric.topograph.run/tier-1"
#define HOST  "kubernetes.io/hostname"

static const char *const levels[] = {NULL, NULL, SPINE, LEAF, RACK, HOST};

static uint32_t draw(uint64_t *random, uint32_t end)
{
    *random += UINT64_C(0x9E3779B97F4A7C15); /* splitmix64 */
    uint64_t z = *random;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (uint32_t)((z ^ (z >> 31)) % end);
}

static const char *a_level(uint64_t *random)
{
    return levels[draw(random, 6)];
}

static void fill_nodes(struct hostile *hostile)
{
    uint64_t random = 6;
    char uid[32], name[32];
    for (uint32_t node = 0; node < hostile->nodes; node++) {
        crowd_name(name, node);
        snprintf(uid, sizeof(uid), "busy-%u", node);
        struct crowd_pod pod = {.uid = uid,
                                .node = name,
                                .gpus = draw(&random, 7),
                                .cpu = 96000 - 24000 - 1000 * draw(&random, 40),
                                .rank = -1};
        crowd_pod(hostile->crowd, "bound pod added", &pod);
    }
}

/* What the members of a role have in common. */
struct role {
    char name[32], app[32];
    int64_t gpus, cpu;
    struct placement_object placement;
    struct slice_object slices[2];
    struct expression_object expression;
    const char *selected[1];
    struct affinity_object terms[2];
    size_t term_count;
    struct spread_object spread;
};

struct gang {
    char name[32];
    struct role roles[16];
    uint32_t role_count, each;
    struct placement_object placement;
    struct slice_object slices[2];
    struct elastic_object elastic;
    char minimums[512];
    int32_t minimum;
};

static size_t draw_slices(uint64_t *random, struct slice_object slices[2])
{
    uint32_t small = 1u << draw(random, 4);
    slices[0] = (struct slice_object){LEAF, (int32_t)(small * 4)};
    slices[1] = (struct slice_object){draw(random, 2) == 0 ? RACK : HOST, (int32_t)small};
    return draw(random, 8) == 0 ? 2 : 0;
}

static void draw_terms(uint64_t *random, const struct gang *gang, struct role *role)
{
    static const char *const spaces[] = {"bench"};
    uint32_t other = draw(random, gang->role_count);
    role->selected[0] = gang->roles[other].app;
    role->expression = (struct expression_object){
        .key = "app", .operator= SELECTOR_IN, .values = role->selected, .value_count = 1};
    role->terms[0] = (struct affinity_object){.apart = draw(random, 2) == 0,
                                              .key = levels[2 + draw(random, 4)],
                                              .name_spaces = spaces,
                                              .name_space_count = 1,
                                              .expressions = &role->expression,
                                              .expression_count = 1};
    role->term_count = draw(random, 3) == 0 ? 1 : 0;
}

static void draw_gang(uint64_t *random, uint32_t number, struct gang *gang)
{
    static const uint32_t sizes[] = {1, 2, 4, 7, 16, 40, 100};
    static const char *const groups[] = {NULL, NULL, "a", "b"};
    bool terms = draw(random, 3) == 0, own = draw(random, 2) == 0, spread = draw(random, 6) == 0;
    memset(gang, 0, sizeof *gang);
    snprintf(gang->name, sizeof gang->name, "any-%u", number);
    gang->role_count = 1 + draw(random, 16);
    gang->each = sizes[draw(random, 7)];
    uint32_t size = gang->role_count * gang->each;
    gang->minimum = (int32_t)(draw(random, 2) == 0 ? size : 1 + draw(random, size));
    gang->placement = (struct placement_object){.required_level = a_level(random),
                                                .preferred_level = a_level(random)};
    gang->placement.exclusive_level = draw(random, 8) == 0 ? levels[2 + draw(random, 4)] : NULL;
    gang->placement.slice_count = draw_slices(random, gang->slices);
    gang->elastic.preference = draw(random, 2) == 0 ? "placement" : NULL;
    for (uint32_t r = 0; r < gang->role_count; r++) {
        struct role *role = &gang->roles[r];
        snprintf(role->name, sizeof role->name, "role-%u", r);
        snprintf(role->app, sizeof role->app, "app-%u-%u", number, r);
        role->gpus = draw(random, 6);
        role->cpu = 1000 * (1 + draw(random, 60)) + r;
        if (own) {
            role->placement = (struct placement_object){.required_level = a_level(random),
                                                        .preferred_level = a_level(random),
                                                        .podset_group = groups[draw(random, 4)]};
            role->placement.slice_count = draw_slices(random, role->slices);
        }
        if (spread) {
            role->spread = (struct spread_object){.key = levels[2 + draw(random, 3)],
                                                  .max_skew = 1 + (int32_t)draw(random, 3)};
        }
    }
    for (uint32_t r = 0; r < gang->role_count && terms; r++) {
        draw_terms(random, gang, &gang->roles[r]);
    }
    for (uint32_t r = 0, at = 0; r < gang->role_count && draw(random, 3) == 0; r++) {
        at += (uint32_t)snprintf(&gang->minimums[at], sizeof gang->minimums - at, "%srole-%u=%u",
                                 at == 0 ? "" : ",", r, 1 + draw(random, gang->each));
        gang->elastic.minimums = gang->minimums;
    }
}

static void add_member(struct hostile *hostile, const struct gang *gang, uint32_t index)
{
    const struct role *role = &gang->roles[index % gang->role_count];
    char uid[64];
    snprintf(uid, sizeof(uid), "%s-%u", gang->name, index);
    struct amount_object amounts[] = {
        {"cpu", role->cpu}, {"pods", 1}, {"nvidia.com/gpu", role->gpus}};
    struct label_object label = {"app", role->app};
    struct event event = {.type = EVENT_POD};
    event.pod = (struct pod_object){.name_space = "bench",
                                    .name = uid,
                                    .uid = uid,
                                    .requests = amounts,
                                    .request_count = role->gpus > 0 ? 3 : 2,
                                    .gang = gang->name,
                                    .labels = &label,
                                    .label_count = 1,
                                    .affinities = role->terms,
                                    .affinity_count = role->term_count,
                                    .spread = role->spread,
                                    .placement = role->placement,
                                    .role = role->name,
                                    .rank = (int32_t)(index / gang->role_count)};
    event.pod.placement.slices = role->slices;
    crowd_apply(hostile->crowd, "member added", &event);
}

static void remove_gang(struct hostile *hostile, const struct gang *gang)
{
    char uid[64];
    for (uint32_t i = 0; i < gang->role_count * gang->each; i++) {
        snprintf(uid, sizeof(uid), "%s-%u", gang->name, i);
        crowd_pod_gone(hostile->crowd, "member gone", uid);
    }
    struct event event = {.type = EVENT_GROUP_GONE};
    event.group_gone.name_space = "bench";
    event.group_gone.name = gang->name;
    crowd_apply(hostile->crowd, "group gone", &event);
}

static void play_gang(struct hostile *hostile, uint32_t number)
{
    uint64_t random = number * UINT64_C(0x9E3779B97F4A7C15);
    struct gang gang;
    draw_gang(&random, number, &gang);
    struct event event = {.type = EVENT_GROUP};
    event.group = (struct group_object){.name_space = "bench",
                                        .name = gang.name,
                                        .uid = gang.name,
                                        .minimum = gang.minimum,
                                        .placement = gang.placement,
                                        .elastic = gang.elastic};
    event.group.placement.slices = gang.slices;
    crowd_apply(hostile->crowd, "group added", &event);
    for (uint32_t i = 0; i < gang.role_count * gang.each; i++) {
        add_member(hostile, &gang, i);
    }
    crowd_pass(hostile->crowd, 1);
    struct crowd_worst worst = crowd_worst(hostile->crowd);
    if (worst.longest > hostile->worst) {
        struct arena arena;
        struct gang_view view;
        arena_init(&arena);
        (void)engine_gang_find(hostile->crowd->engine, "bench", gang.name, &arena, &view);
        printf("  gang %u: %.1f ms; %u roles of %u, minimum %d%s%s%s%s; %s\n", number,
               (double)worst.longest / 1e6, gang.role_count, gang.each, gang.minimum,
               gang.placement.slice_count > 0 ? ", slices" : "",
               gang.roles[0].term_count > 0 ? ", terms" : "",
               gang.elastic.minimums != NULL ? ", minimums" : "",
               gang.roles[0].spread.key != NULL ? ", spread" : "", view.reason);
        arena_finish(&arena);
        hostile->worst = worst.longest;
    }
    crowd_pass(hostile->crowd, 200);
    remove_gang(hostile, &gang);
    crowd_pass(hostile->crowd, 1);
}

void hostile_any(struct hostile *hostile)
{
    crowd_nodes(hostile->crowd, hostile->nodes);
    fill_nodes(hostile);
    crowd_synced(hostile->crowd);
    crowd_start(hostile->crowd);
    for (uint32_t i = 0; i < hostile->size && hostile_goes_on(hostile); i++) {
        play_gang(hostile, hostile->only > 0 ? hostile->only : i);
    }
}
