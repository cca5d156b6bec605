// SPDX-License-Identifier: Apache-2.0
/* Who waits is woken: after every event of a random life, no gang waits that a fresh engine, shown
 * the same cluster and this gang alone, would plan. And who is not helped is left alone.
 */
#include "scheduler/policy/waiting.h"

#include "test/simulation/random.h"
#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"

#define NODES   12
#define GANGS   6
#define MEMBERS 5
#define FILLERS 16
#define STEPS   250

struct life_pod {
    bool exists;
    int64_t gpus, cpus;
    char uid[16];
    char node[16]; /* "" while it is not bound */
};

struct life_gang {
    char name[8];
    struct life_pod members[MEMBERS];
    int count;
    const char *required, *exclusive;
};

struct life {
    struct random random;
    bool present[NODES];
    int64_t gpus[NODES];
    bool flat; /* no node tells where it is: the levels go, and come back */
    struct life_gang gangs[GANGS];
    struct life_pod fillers[FILLERS];
    int next;
    struct world world;
};

static void show_node(struct world *world, const struct life *life, int node)
{
    char name[16], block[16], rack[16];
    snprintf(name, sizeof name, "n%d", node);
    snprintf(rack, sizeof rack, "r%d", node / 3);
    snprintf(block, sizeof block, "b%d", node / 6);
    if (life->present[node]) {
        world_node(world, name, block, life->flat ? NULL : rack, life->gpus[node]);
    } else {
        world_node_gone(world, name);
    }
}

static void show_pod(struct world *world, const struct life_pod *pod, const struct life_gang *gang,
                     const char *node)
{
    struct amount_object amounts[] = {
        {"cpu", pod->cpus}, {"nvidia.com/gpu", pod->gpus}, {"pods", 1}};
    struct event event = {.type = EVENT_POD};
    event.pod = (struct pod_object){.name_space = "ns",
                                    .name = pod->uid,
                                    .uid = pod->uid,
                                    .node = node[0] == '\0' ? NULL : node,
                                    .placed_here = gang != NULL && node[0] != '\0',
                                    .requests = amounts,
                                    .request_count = 3,
                                    .rank = -1};
    if (gang != NULL) {
        event.pod.name_space = gang->name; /* else it might wait for another one of its own */
        event.pod.gang = gang->name;
        event.pod.gang_minimum = gang->count;
        event.pod.placement.required_level = gang->required;
        event.pod.placement.exclusive_level = gang->exclusive;
    }
    world_apply(world, &event);
}

/* Where the engine has put or is about to put a member; "" when it waits. */
static const char *place_of(const struct life *life, const struct life_gang *gang,
                            const struct life_pod *pod, char node[64])
{
    return world_node_of(&life->world, gang->name, pod->uid, node);
}

/* The cluster as it is, held members where they are held, and of the gangs without a place only
 * this one. Members of other gangs that have one keep their gang: it may want its domain alone. */
static bool would_be_planned(const struct life *life, const struct life_gang *tried)
{
    struct world fresh;
    char node[64];
    world_init(&fresh);
    for (int n = 0; n < NODES; n++) {
        show_node(&fresh, life, n);
    }
    for (int f = 0; f < FILLERS; f++) {
        if (life->fillers[f].exists) {
            show_pod(&fresh, &life->fillers[f], NULL, life->fillers[f].node);
        }
    }
    for (int g = 0; g < GANGS; g++) {
        const struct life_gang *gang = &life->gangs[g];
        for (int i = 0; i < gang->count; i++) {
            const struct life_pod *pod = &gang->members[i];
            if (gang != tried && place_of(life, gang, pod, node)[0] != '\0') {
                show_pod(&fresh, pod, gang, node);
            }
        }
    }
    world_event(&fresh, EVENT_SYNCED);
    for (int i = 0; i < tried->count; i++) {
        show_pod(&fresh, &tried->members[i], tried, "");
    }
    bool planned = world_state(&fresh, tried->name) == GANG_HELD;
    world_finish(&fresh);
    return planned;
}

static void check(struct life *life)
{
    while (engine_deadline(life->world.engine) <= life->world.now) {
        world_tick(&life->world, 0);
    }
    for (int g = 0; g < GANGS; g++) {
        const struct life_gang *gang = &life->gangs[g];
        if (gang->count > 0 && world_state(&life->world, gang->name) == GANG_WAITING &&
            strstr(world_reason(&life->world, gang->name), "hold expired") == NULL) {
            ck_assert_msg(!would_be_planned(life, gang), "gang %s waits and would fit: %s",
                          gang->name, world_reason(&life->world, gang->name));
        }
    }
}

/* ---- what happens ---- */

static void begin_gang(struct life *life, struct life_gang *gang)
{
    static const char *const levels[] = {NULL, NULL, "rack", "block"};
    snprintf(gang->name, sizeof gang->name, "g%d", life->next++ % 1000);
    gang->count = 1 + random_index(&life->random, MEMBERS);
    gang->required = levels[random_index(&life->random, 4)];
    gang->exclusive = random_chance(&life->random, 200) ? "rack" : NULL;
    bool mixed = random_chance(&life->random, 400);
    for (int i = 0; i < gang->count; i++) {
        struct life_pod *pod = &gang->members[i];
        *pod = (struct life_pod){.exists = true};
        snprintf(pod->uid, sizeof pod->uid, "p%d", life->next++);
        pod->gpus = mixed && i == 0 ? 0 : random_range(&life->random, 1, 2) * 4;
        pod->cpus = mixed ? random_range(&life->random, 1, 3) * 20000 : 1000;
        if (!mixed && i > 0) {
            pod->gpus = gang->members[0].gpus;
        }
        show_pod(&life->world, pod, gang, "");
    }
}

static void end_gang(struct life *life, struct life_gang *gang)
{
    for (int i = 0; i < gang->count; i++) {
        world_pod_gone(&life->world, gang->members[i].uid);
    }
    gang->count = 0;
}

static void change_filler(struct life *life, struct life_pod *pod)
{
    if (pod->exists) {
        world_pod_gone(&life->world, pod->uid);
        pod->exists = false;
        return;
    }
    *pod = (struct life_pod){.exists = true,
                             .gpus = random_range(&life->random, 0, 4) * 2,
                             .cpus = random_range(&life->random, 0, 4) * 20000};
    snprintf(pod->uid, sizeof pod->uid, "f%d", life->next++);
    snprintf(pod->node, sizeof pod->node, "n%d", random_index(&life->random, NODES));
    show_pod(&life->world, pod, NULL, pod->node);
}

static void step(struct life *life)
{
    int what = random_index(&life->random, 100);
    struct life_gang *gang = &life->gangs[random_index(&life->random, GANGS)];
    int node = random_index(&life->random, NODES);
    if (what < 25) {
        if (gang->count == 0) {
            begin_gang(life, gang);
        } else {
            end_gang(life, gang);
        }
    } else if (what < 80) {
        change_filler(life, &life->fillers[random_index(&life->random, FILLERS)]);
    } else if (what < 90) {
        life->gpus[node] = life->gpus[node] == 8 ? 4 : 8;
        show_node(&life->world, life, node);
    } else if (what < 92) {
        life->flat = !life->flat;
        for (int n = 0; n < NODES; n++) {
            show_node(&life->world, life, n);
        }
    } else if (what < 95) {
        life->present[node] = !life->present[node];
        show_node(&life->world, life, node);
    } else {
        world_tick(&life->world, 70000); /* holds end */
        world_tick(&life->world, 70000); /* and so do backoffs */
    }
}

START_TEST(test_nobody_waits_who_would_fit)
{
    struct life life = {.random = {(uint64_t)_i + 1}};
    world_init(&life.world);
    for (int n = 0; n < NODES; n++) {
        life.present[n] = true;
        life.gpus[n] = 8;
        show_node(&life.world, &life, n);
    }
    world_event(&life.world, EVENT_SYNCED);
    for (int i = 0; i < STEPS; i++) {
        step(&life);
        check(&life);
    }
    world_finish(&life.world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scheduler/policy/waiting");
    TCase *tcase = tcase_create("waiting");
    tcase_add_loop_test(tcase, test_nobody_waits_who_would_fit, 0, 20);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
