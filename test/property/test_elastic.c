// SPDX-License-Identifier: Apache-2.0
/* The most members that fit, when not all do. Random gangs of which a quorum is less than all, on
 * up to 12 nodes; the engine's count is compared with that of a model that tries every number of
 * pods of every size on every node, domain by domain, and shares no code with the engine. Then the
 * same of gangs whose roles have minimums, and of those that would rather stay near together.
 *
 * PHALANX_ELASTIC: how many gangs of which not all fit, of each sort (default 5000).
 */
#include "test/unit/check_main.h"
#include "test/unit/scheduler/world.h"
#include "test/unit/topology/random.h"

#define MODEL_NODES 12
#define KINDS       3 /* sizes of pods */
#define EACH_MAX    6 /* pods of a size */
#define GPUS        8
#define CPUS        96 /* of every node */

struct instance {
    int nodes, per_rack;
    int free[MODEL_NODES];
    int kinds, size[KINDS], cpus[KINDS], count[KINDS], members;
    int minimum;
    int role[KINDS];  /* of the pods of a size; several may have one */
    int least[KINDS]; /* of a role; 0: any number will do */
    bool rack;        /* required */
    bool near;        /* placement comes before members */
    bool ranked;      /* has ranks; else the names tell */
};

static void make(struct random *random, struct instance *instance)
{
    static const int sizes[] = {1, 2, 3, 4, 5, 8, 9}; /* the last one fits nowhere */
    static const int cpus[] = {16, 24, 32, 48, 96};
    memset(instance, 0, sizeof(*instance));
    instance->nodes = 2 + (int)random_below(random, MODEL_NODES - 1);
    instance->per_rack = 1 + (int)random_below(random, 4);
    for (int i = 0; i < instance->nodes; i++) {
        instance->free[i] = (int)random_below(random, GPUS + 1);
    }
    instance->kinds = 1 + (int)random_below(random, KINDS);
    for (int k = 0; k < instance->kinds; k++) {
        instance->size[k] = sizes[random_below(random, 7)];
        instance->cpus[k] = random_below(random, 2) == 0 ? 1 : cpus[random_below(random, 5)];
        instance->count[k] = 1 + (int)random_below(random, EACH_MAX);
        instance->members += instance->count[k];
    }
    instance->minimum = 1 + (int)random_below(random, (uint32_t)instance->members);
    instance->rack = random_below(random, 2) == 0;
    instance->ranked = random_below(random, 2) == 0;
}

/* Some of its roles need so many at least. */
static void make_roles(struct random *random, struct instance *instance)
{
    int members[KINDS] = {0};
    for (int k = 0; k < instance->kinds; k++) {
        instance->role[k] = (int)random_below(random, (uint32_t)instance->kinds);
        members[instance->role[k]] += instance->count[k];
    }
    for (int role = 0; role < instance->kinds; role++) {
        bool any = members[role] > 0 && random_below(random, 3) > 0;
        instance->least[role] =
            any ? 1 + (int)random_below(random, (uint32_t)(members[role] + 1) / 2) : 0;
    }
    instance->minimum = 1 + (int)random_below(random, 4);
}

/* ---- the model ---- */

/* Whether so many pods of each size are enough. */
static bool enough(const struct instance *instance, const int numbers[KINDS])
{
    int all = 0, roles[KINDS] = {0};
    for (int k = 0; k < instance->kinds; k++) {
        all += numbers[k];
        roles[instance->role[k]] += numbers[k];
    }
    bool good = all >= instance->minimum;
    for (int role = 0; role < instance->kinds; role++) {
        good = good && roles[role] >= instance->least[role];
    }
    return good;
}

/* Which numbers of pods fit on the nodes looked at so far. */
struct reach {
    bool at[EACH_MAX + 1][EACH_MAX + 1][EACH_MAX + 1];
};

static void add_node(const struct instance *instance, int free, struct reach *reach)
{
    struct reach next = *reach;
    int limit[KINDS];
    for (int k = 0; k < KINDS; k++) {
        limit[k] = k < instance->kinds ? instance->count[k] : 0;
    }
    for (int a = 0; a <= limit[0]; a++) {
        for (int b = 0; b <= limit[1]; b++) {
            for (int c = 0; c <= limit[2]; c++) {
                const int *size = instance->size, *cpus = instance->cpus;
                if (a * size[0] + b * size[1] + c * size[2] > free ||
                    a * cpus[0] + b * cpus[1] + c * cpus[2] > CPUS) {
                    continue;
                }
                for (int x = 0; x + a <= limit[0]; x++) {
                    for (int y = 0; y + b <= limit[1]; y++) {
                        for (int z = 0; z + c <= limit[2]; z++) {
                            next.at[x + a][y + b][z + c] |= reach->at[x][y][z];
                        }
                    }
                }
            }
        }
    }
    *reach = next;
}

/* The most pods on the nodes from `first` to `end` that are enough; 0: none are. */
static int most_on(const struct instance *instance, int first, int end)
{
    struct reach reach = {.at = {{{true}}}};
    int most = 0;
    for (int node = first; node < end; node++) {
        add_node(instance, instance->free[node], &reach);
    }
    for (int a = 0; a <= EACH_MAX; a++) {
        for (int b = 0; b <= EACH_MAX; b++) {
            for (int c = 0; c <= EACH_MAX; c++) {
                bool better = reach.at[a][b][c] && a + b + c > most;
                most = better && enough(instance, (int[]){a, b, c}) ? a + b + c : most;
            }
        }
    }
    return most;
}

static int most_of(const struct instance *instance)
{
    int most = 0;
    if (!instance->rack && !instance->near) {
        return most_on(instance, 0, instance->nodes);
    }
    for (int first = 0; first < instance->nodes; first += instance->per_rack) {
        int end = first + instance->per_rack;
        int here = most_on(instance, first, end < instance->nodes ? end : instance->nodes);
        most = here > most ? here : most;
    }
    return most > 0 || instance->rack ? most : most_on(instance, 0, instance->nodes);
}

/* ---- the engine ---- */

static void show(struct world *world, const struct instance *instance)
{
    world_event(world, EVENT_SYNCED);
    for (int i = 0; i < instance->nodes; i++) {
        char node[16], rack[16];
        snprintf(node, sizeof(node), "n%d", i);
        snprintf(rack, sizeof(rack), "r%d", i / instance->per_rack);
        world_node(world, node, "b", rack, instance->free[i]);
    }
    struct event group = {.type = EVENT_GROUP, .more = true};
    group.group = (struct group_object){
        .name_space = "ns", .name = "g", .uid = "g", .minimum = instance->minimum};
    group.group.placement.required_level = instance->rack ? "rack" : NULL;
    char minimums[64] = "";
    for (int role = 0; role < instance->kinds; role++) {
        size_t length = strlen(minimums);
        if (instance->least[role] > 0) {
            snprintf(minimums + length, sizeof minimums - length, "%srole%d=%d",
                     length > 0 ? "," : "", role, instance->least[role]);
        }
    }
    group.group.elastic.minimums = minimums[0] == '\0' ? NULL : minimums;
    group.group.elastic.preference = instance->near ? "placement" : NULL;
    world_apply(world, &group);
    int at = 0;
    for (int k = 0; k < instance->kinds; k++) {
        for (int i = 0; i < instance->count[k]; i++) {
            struct amount_object amounts[3];
            char uid[16], role[16];
            snprintf(uid, sizeof(uid), "%c-%d", 'a' + k, i);
            snprintf(role, sizeof(role), "role%d", instance->role[k]);
            struct world_pod pod = {.uid = uid,
                                    .gang = "g",
                                    .role = role,
                                    .gpus = instance->size[k],
                                    .rank = instance->ranked ? at : -1};
            struct event event = {.type = EVENT_POD, .more = ++at < instance->members};
            world_fill_pod(&pod, &event.pod, amounts);
            amounts[0].amount = 1000 * instance->cpus[k];
            world_apply(world, &event);
        }
    }
    world_wait(world, 100); /* whatever was left to ticks */
}

/* Planned members, which must be enough; of each size, the first ones. */
static int planned_of(struct world *world, const struct instance *instance)
{
    int planned = 0, numbers[KINDS] = {0};
    for (int k = 0; k < instance->kinds; k++) {
        bool ended = false;
        bool alike = false; /* two kinds may be of one size */
        for (int other = 0; other < instance->kinds; other++) {
            alike |= other != k && instance->size[other] == instance->size[k] &&
                     instance->cpus[other] == instance->cpus[k];
        }
        for (int i = 0; i < instance->count[k]; i++) {
            char uid[16], node[64];
            snprintf(uid, sizeof(uid), "%c-%d", 'a' + k, i);
            bool here = world_node_of(world, "g", uid, node)[0] != '\0';
            ck_assert_msg(alike || !here || !ended, "%s is planned, and one before it is not", uid);
            ended |= !here;
            planned += here;
            numbers[k] += here;
        }
    }
    ck_assert_msg(planned == 0 || enough(instance, numbers), "%d are planned, and too few",
                  planned);
    return planned;
}

static void print(const struct instance *instance)
{
    fprintf(stderr, "minimum %d, %s, %d a rack; free", instance->minimum,
            instance->rack ? "one rack" : "anywhere", instance->per_rack);
    for (int i = 0; i < instance->nodes; i++) {
        fprintf(stderr, " %d", instance->free[i]);
    }
    for (int k = 0; k < instance->kinds; k++) {
        fprintf(stderr, "; %d of %d GPUs and %d CPUs, role %d", instance->count[k],
                instance->size[k], instance->cpus[k], instance->role[k]);
    }
    for (int role = 0; role < instance->kinds; role++) {
        fprintf(stderr, "; role %d at least %d", role, instance->least[role]);
    }
    fprintf(stderr, instance->near ? "; near together" : "");
    fprintf(stderr, "\n");
}

enum sort { ANY_ROLES, WITH_MINIMUMS, NEAR_TOGETHER };

static void try_many(uint64_t seed, enum sort sort)
{
    const char *text = getenv("PHALANX_ELASTIC");
    long wanted = text == NULL ? 5000 : strtol(text, NULL, 10);
    struct random random = {seed};
    long tried = 0, several = 0, less = 0, waiting = 0;
    while (tried < wanted) {
        struct instance instance;
        struct world world;
        make(&random, &instance);
        if (sort != ANY_ROLES) {
            make_roles(&random, &instance);
        }
        instance.near = sort == NEAR_TOGETHER;
        int right = most_of(&instance);
        if (right == instance.members) {
            continue;
        }
        world_init(&world);
        show(&world, &instance);
        int planned = planned_of(&world, &instance);
        if (planned != right) {
            print(&instance);
        }
        ck_assert_msg(planned <= right, "%d are planned, %d fit", planned, right);
        tried++;
        several += instance.kinds > 1;
        less += planned < right;
        waiting += right == 0;
        world_finish(&world);
    }
    fprintf(stderr, "%ld gangs, %ld of several sizes, %ld wait; fewer than the most: %ld\n", tried,
            several, waiting, less);
    ck_assert_int_eq(less, 0);
}

START_TEST(the_most_that_fit)
{
    try_many(1, ANY_ROLES);
}
END_TEST

START_TEST(the_most_with_minimums_of_roles)
{
    try_many(2, WITH_MINIMUMS);
}
END_TEST

START_TEST(the_most_in_the_narrowest_domain)
{
    try_many(3, NEAR_TOGETHER);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("property/elastic");
    TCase *tcase = tcase_create("elastic");
    tcase_add_test(tcase, the_most_that_fit);
    tcase_add_test(tcase, the_most_with_minimums_of_roles);
    tcase_add_test(tcase, the_most_in_the_narrowest_domain);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
