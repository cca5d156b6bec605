// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/micro/hostile.h"

/* Attacks on planning: many shapes, many gangs, many members. */

#define RACK_LABEL "topology.kubernetes.io/rack"

/* ---- who has nothing to do with it ---- */

void hostile_bystanders(struct hostile *hostile, uint32_t first, uint32_t count)
{
    char uid[32], name[32];
    for (uint32_t i = first; i < first + count; i++) {
        crowd_name(name, i);
        snprintf(uid, sizeof(uid), "bystander-%u", i);
        struct crowd_pod pod = {.uid = uid, .node = name, .cpu = 1000, .gpus = 1, .rank = -1};
        crowd_pod(hostile->crowd, "bound pod added", &pod);
    }
}

void hostile_bystanders_end(struct hostile *hostile, uint32_t first, uint32_t count)
{
    char uid[32];
    for (uint32_t i = first; i < first + count && hostile_goes_on(hostile); i++) {
        snprintf(uid, sizeof(uid), "bystander-%u", i);
        crowd_pod_gone(hostile->crowd, "unrelated pod ends", uid);
        crowd_pass(hostile->crowd, 20);
    }
}

/* Leaves one GPU of every node free beside what the bystanders have. */
static void fill(struct hostile *hostile, int64_t gpus)
{
    char uid[32], name[32];
    for (uint32_t i = 0; i < hostile->nodes; i++) {
        crowd_name(name, i);
        snprintf(uid, sizeof(uid), "busy-%u", i);
        struct crowd_pod pod = {.uid = uid, .node = name, .cpu = 1000, .gpus = gpus, .rank = -1};
        crowd_pod(hostile->crowd, "bound pod added", &pod);
    }
}

static void begin(struct hostile *hostile, int64_t gpus)
{
    crowd_nodes(hostile->crowd, hostile->nodes);
    fill(hostile, gpus);
    hostile_bystanders(hostile, 0, 200);
    crowd_synced(hostile->crowd);
    crowd_start(hostile->crowd);
}

/* ---- shapes ---- */

static void add_group(struct hostile *hostile, const char *name, int32_t minimum,
                      const struct placement_object *placement,
                      const struct elastic_object *elastic)
{
    struct event event = {.type = EVENT_GROUP};
    event.group = (struct group_object){.name_space = "bench",
                                        .name = name,
                                        .uid = name,
                                        .minimum = minimum,
                                        .placement = *placement,
                                        .elastic = *elastic};
    crowd_apply(hostile->crowd, "group added", &event);
}

/* `each` pods of each of 16 shapes that no other gang has, in as many roles. */
static void add_members(struct hostile *hostile, uint32_t gang, const char *name, uint32_t each,
                        int64_t gpus)
{
    char uid[48], role[32];
    for (uint32_t i = 0; i < 16 * each && hostile_goes_on(hostile); i++) {
        snprintf(uid, sizeof(uid), "gang-%u-%u", gang, i);
        snprintf(role, sizeof(role), "role-%u", i % 16);
        struct crowd_pod pod = {.uid = uid,
                                .gang = name,
                                .role = role,
                                .rank = (int32_t)(i / 16),
                                .gpus = gpus == 0 ? 1 + (i % 16) / 6 : gpus,
                                .cpu = 1000 + 997 * (i % 16) + gang};
        crowd_pod(hostile->crowd, "member added", &pod);
    }
}

/* Gangs that miss room in any rack by little. */
void hostile_shapes(struct hostile *hostile)
{
    const struct placement_object rack = {.required_level = RACK_LABEL};
    const struct elastic_object none = {.minimums = NULL};
    char name[32];
    begin(hostile, 4);
    for (uint32_t i = 0; i < hostile->size && hostile_goes_on(hostile); i++) {
        snprintf(name, sizeof(name), "gang-%u", i);
        add_group(hostile, name, 32, &rack, &none);
        add_members(hostile, i, name, 2, 0);
    }
    hostile->patience += hostile->crowd->spent;
    hostile_bystanders_end(hostile, 0, 200);
}

/* Gangs of which a few would do, were there room for a few of each role: every number of members
 * is tried, at every level. */
void hostile_elastic(struct hostile *hostile)
{
    const struct placement_object none = {.required_level = NULL};
    const struct elastic_object elastic = {
        .preference = "placement",
        .minimums = "role-0=4,role-1=4,role-2=4,role-3=4,role-4=4,role-5=4,role-6=4,role-7=4,"
                    "role-8=4,role-9=4,role-10=4,role-11=4,role-12=4,role-13=4,role-14=4,"
                    "role-15=4"};
    char name[32];
    begin(hostile, 4);
    uint32_t each = hostile->nodes / 16;
    for (uint32_t i = 0; i < hostile->size && hostile_goes_on(hostile); i++) {
        snprintf(name, sizeof(name), "gang-%u", i);
        add_group(hostile, name, (int32_t)(each * 15), &none, &elastic);
        add_members(hostile, i, name, each, 3);
    }
    hostile->patience += hostile->crowd->spent;
    hostile_bystanders_end(hostile, 0, 200);
}

/* ---- exclusive ---- */

static void add_exclusive(struct hostile *hostile, uint32_t i)
{
    char uid[32], name[32];
    struct amount_object amounts[] = {{"cpu", 1000}, {"pods", 1}};
    snprintf(name, sizeof(name), "alone-%u", i);
    snprintf(uid, sizeof(uid), "alone-%u-0", i);
    struct event event = {.type = EVENT_POD};
    event.pod = (struct pod_object){.name_space = "bench",
                                    .name = uid,
                                    .uid = uid,
                                    .requests = amounts,
                                    .request_count = 2,
                                    .gang = name,
                                    .gang_minimum = 1,
                                    .placement = {.exclusive_level = "kubernetes.io/hostname"},
                                    .rank = 0};
    crowd_apply(hostile->crowd, "member added", &event);
}

void hostile_exclusive(struct hostile *hostile)
{
    char uid[32];
    begin(hostile, 6);
    for (uint32_t i = 0; i < hostile->size && hostile_goes_on(hostile); i++) {
        add_exclusive(hostile, i);
    }
    hostile->patience += hostile->crowd->spent;
    hostile_bystanders_end(hostile, 0, 50);
    for (uint32_t i = 0; i < 50 && hostile_goes_on(hostile); i++) {
        snprintf(uid, sizeof(uid), "alone-%u-0", i);
        crowd_pod_gone(hostile->crowd, "exclusive member deleted", uid);
        crowd_pass(hostile->crowd, 20);
    }
}

/* ---- slices ---- */

void hostile_slices(struct hostile *hostile)
{
    struct slice_object slices[] = {{"rack", 64}, {"rack", 8}, {"kubernetes.io/hostname", 2}};
    struct amount_object amounts[] = {{"cpu", 1000}, {"pods", 1}, {"nvidia.com/gpu", 1}};
    char uid[32];
    begin(hostile, 4);
    struct event group = {.type = EVENT_GROUP};
    group.group = (struct group_object){.name_space = "bench",
                                        .name = "big",
                                        .uid = "big",
                                        .minimum = (int32_t)hostile->size / 2,
                                        .placement = {.slices = &slices[1], .slice_count = 2}};
    crowd_apply(hostile->crowd, "group added", &group);
    for (uint32_t i = 0; i < hostile->size && hostile_goes_on(hostile); i++) {
        snprintf(uid, sizeof(uid), "big-%u", i);
        struct event event = {.type = EVENT_POD};
        event.pod = (struct pod_object){.name_space = "bench",
                                        .name = uid,
                                        .uid = uid,
                                        .requests = amounts,
                                        .request_count = 3,
                                        .gang = "big",
                                        .role = "worker",
                                        .rank = (int32_t)(hostile->size - i)};
        crowd_apply(hostile->crowd, "member added", &event);
    }
    hostile->patience += hostile->crowd->spent;
    hostile_bystanders_end(hostile, 0, 200);
}
