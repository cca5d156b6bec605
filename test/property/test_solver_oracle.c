// SPDX-License-Identifier: Apache-2.0
#include <check.h>
#include <stdio.h>

#include "test/unit/check_main.h"
#include "test/unit/scheduler/solver/world.h"

/* The solver against exhaustive search, on thousands of small random clusters.
 *
 * The oracle knows nothing of the solver's methods: it tries every way to put every role on the
 * nodes and keeps the best count of touched domains. For every instance:
 *
 *   1. a plan respects capacity, exclusion and the required level, and its figures are true
 *   2. one role, or a single pod beside one other role: there is a plan exactly if the oracle has
 *      one, and it has the same lowest common level
 *   3. the lower bound is not above the best there is, widest level first; with one role both are
 *      the plan
 *   4. `optimal` means: the best there is, widest level first
 *   5. the same problem, and the same nodes inserted in another order, give the same plan
 *   6. a shortfall is true, its alternative does fit, and nothing lower does
 */

#define NODES_LIMIT 8
#define PODS_LIMIT  6
#define ROLES_LIMIT 3
#define TREE        4 /* cluster, block, rack, host; fewer when nobody carries a label */

/* ---- random instances ---- */

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state * UINT64_C(0x2545F4914F6CDD1D) >> 16;
}

static uint32_t below(uint64_t *state, uint32_t end)
{
    return end == 0 ? 0 : (uint32_t)(next_random(state) % end);
}

struct instance {
    struct world_node nodes[NODES_LIMIT];
    uint32_t node_count;
    struct {
        uint32_t count;
        int64_t gpu;
        int64_t cpu;
        bool excluded[NODES_LIMIT]; /* by index into nodes */
    } roles[ROLES_LIMIT];
    uint32_t role_count;
    bool pinned[NODES_LIMIT];
    int required; /* 0 … 3 of cluster, block, rack, host */
};

static void draw_nodes(struct instance *instance, uint64_t *state)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    static const char *const blocks[] = {"b1", "b2", "b3"};
    static const char *const racks[] = {"r1", "r2", "r3"};
    instance->node_count = 1 + below(state, NODES_LIMIT);
    uint32_t block_count = 1 + below(state, 3);
    uint32_t rack_count = 1 + below(state, 3);
    bool gaps = below(state, 4) == 0;
    for (uint32_t i = 0; i < instance->node_count; i++) {
        bool no_block = gaps && below(state, 4) == 0;
        bool no_rack = gaps && below(state, 4) == 0;
        instance->nodes[i] = (struct world_node){
            .name = names[i],
            .block = no_block ? NULL : blocks[below(state, block_count)],
            .rack = no_rack ? NULL : racks[below(state, rack_count)],
            .gpu = below(state, 5),
            .cpu = below(state, 7),
        };
    }
}

static void draw_instance(struct instance *instance, uint32_t roles, bool launcher, uint64_t *state)
{
    memset(instance, 0, sizeof *instance);
    draw_nodes(instance, state);
    instance->role_count = roles;
    uint32_t left = PODS_LIMIT;
    for (uint32_t r = 0; r < roles; r++) {
        uint32_t most = launcher && r == 0 ? 1 : left - (roles - 1 - r);
        instance->roles[r].count = 1 + below(state, most);
        left -= instance->roles[r].count;
        instance->roles[r].gpu = below(state, 3);
        instance->roles[r].cpu = (instance->roles[r].gpu == 0) + below(state, 3);
        bool excludes = below(state, 3) == 0;
        for (uint32_t i = 0; i < instance->node_count; i++) {
            instance->roles[r].excluded[i] = excludes && below(state, 3) == 0;
        }
    }
    if (below(state, 4) == 0) {
        for (uint32_t i = 1 + below(state, 2); i > 0; i--) {
            instance->pinned[below(state, instance->node_count)] = true;
        }
    }
    instance->required = below(state, 2) == 0 ? (int)below(state, 4) : 0;
}

/* ---- the instance as a problem ---- */

struct setting {
    struct world world;
    struct resources requests[ROLES_LIMIT];
    struct capacity *capacities[ROLES_LIMIT];
    struct bitset *excluded[ROLES_LIMIT];
    struct solver_role roles[ROLES_LIMIT];
    uint32_t pinned[NODES_LIMIT];
    struct solver_problem problem;
};

/* Tree level of the required one; unconfigured in this tree (nobody carries the label) means none.
 */
static uint32_t required_level(const struct domains *domains, int required)
{
    static const char *const names[] = {"cluster", "block", "rack", "host"};
    int level = domains_level_find(domains, names[required]);
    return level < 0 ? SOLVER_LEVEL_NONE : (uint32_t)level;
}

static void setting_init(struct setting *setting, const struct instance *instance,
                         const uint32_t *order)
{
    struct world_node shuffled[NODES_LIMIT];
    for (uint32_t i = 0; i < instance->node_count; i++) {
        shuffled[i] = instance->nodes[order == NULL ? i : order[i]];
    }
    memset(setting, 0, sizeof *setting);
    struct world *world = &setting->world;
    world_init(world, shuffled, instance->node_count);
    for (uint32_t r = 0; r < instance->role_count; r++) {
        world_request(world, &setting->requests[r], instance->roles[r].gpu, instance->roles[r].cpu);
        setting->capacities[r] = world_capacity(world, &setting->requests[r]);
        setting->excluded[r] = bitset_create(instance->node_count);
        for (uint32_t i = 0; i < instance->node_count; i++) {
            if (instance->roles[r].excluded[i]) {
                bitset_set(setting->excluded[r], world_position(world, instance->nodes[i].name));
            }
        }
        setting->roles[r] = (struct solver_role){.count = instance->roles[r].count,
                                                 .request = &setting->requests[r],
                                                 .capacity = setting->capacities[r],
                                                 .excluded = setting->excluded[r]};
    }
    setting->problem = (struct solver_problem){.domains = world->domains,
                                               .free_at = world_free_at,
                                               .free_context = world,
                                               .roles = setting->roles,
                                               .role_count = instance->role_count,
                                               .pinned = setting->pinned};
    for (uint32_t i = 0; i < instance->node_count; i++) {
        if (instance->pinned[i]) {
            setting->pinned[setting->problem.pinned_count++] =
                world_position(world, instance->nodes[i].name);
        }
    }
    setting->problem.required_level = required_level(world->domains, instance->required);
}

static void setting_finish(struct setting *setting)
{
    for (uint32_t r = 0; r < setting->problem.role_count; r++) {
        resources_finish(&setting->requests[r]);
        capacity_destroy(setting->capacities[r]);
        bitset_destroy(setting->excluded[r]);
    }
    world_finish(&setting->world);
}

/* ---- the oracle ---- */

struct oracle {
    const struct solver_problem *problem;
    const struct world *world;
    uint32_t positions;
    uint32_t levels;
    int64_t gpu[NODES_LIMIT];
    int64_t cpu[NODES_LIMIT];
    uint32_t pods[NODES_LIMIT];        /* placed, all roles */
    uint32_t place[NODES_LIMIT][TREE]; /* domain numbers, and the position at the host level */
    bool pinned[NODES_LIMIT];

    /* With the required level. */
    bool feasible;
    uint32_t level; /* lowest common one */
    uint32_t used[TREE];
    /* Without: would do as the required level. */
    bool serves[TREE];
};

static void oracle_init(struct oracle *oracle, const struct solver_problem *problem)
{
    memset(oracle, 0, sizeof *oracle);
    oracle->problem = problem;
    oracle->world = problem->free_context;
    oracle->positions = domains_positions(problem->domains);
    oracle->levels = domains_levels(problem->domains);
    for (uint32_t p = 0; p < oracle->positions; p++) {
        const struct resources *free_here = world_free_at(oracle->world, p);
        oracle->gpu[p] = resources_get(free_here, oracle->world->gpu);
        oracle->cpu[p] = resources_get(free_here, oracle->world->cpu);
        for (uint32_t l = 0; l + 1 < oracle->levels; l++) {
            oracle->place[p][l] = domains_at(problem->domains, p, l);
        }
        oracle->place[p][oracle->levels - 1] = p;
    }
    for (uint32_t i = 0; i < problem->pinned_count; i++) {
        oracle->pinned[problem->pinned[i]] = true;
    }
}

/* Whether all touched nodes share one known domain of the level. */
static bool together(const struct oracle *oracle, uint32_t level)
{
    uint32_t first = UINT32_MAX;
    for (uint32_t p = 0; p < oracle->positions; p++) {
        if (oracle->pods[p] == 0 && !oracle->pinned[p]) {
            continue;
        }
        if (first == UINT32_MAX) {
            first = p;
        }
        if (oracle->place[p][level] != oracle->place[first][level]) {
            return false;
        }
        if (level > 0 && level + 1 < oracle->levels &&
            !domains_get(oracle->problem->domains, oracle->place[p][level])->known) {
            return false;
        }
    }
    return true;
}

static void count_used(const struct oracle *oracle, uint32_t used[TREE])
{
    for (uint32_t l = 0; l < oracle->levels; l++) {
        used[l] = 0;
        uint32_t last = UINT32_MAX; /* positions of a domain are neighbours */
        for (uint32_t p = 0; p < oracle->positions; p++) {
            bool touched = oracle->pods[p] > 0 || oracle->pinned[p];
            if (touched && oracle->place[p][l] != last) {
                used[l]++;
                last = oracle->place[p][l];
            }
        }
    }
}

static void judge(struct oracle *oracle)
{
    for (uint32_t l = 0; l < oracle->levels; l++) {
        oracle->serves[l] = oracle->serves[l] || together(oracle, l);
    }
    uint32_t required = oracle->problem->required_level;
    if (required != SOLVER_LEVEL_NONE && !together(oracle, required)) {
        return;
    }
    uint32_t used[TREE] = {0};
    count_used(oracle, used);
    uint32_t level = 0;
    while (level + 1 < oracle->levels && used[level + 1] == 1) {
        level++;
    }
    uint32_t differs = 0;
    for (uint32_t l = 0; l < oracle->levels; l++) {
        differs += differs == l && used[l] == oracle->used[l];
    }
    if (!oracle->feasible || (differs < oracle->levels && used[differs] < oracle->used[differs])) {
        oracle->feasible = true;
        oracle->level = level;
        memcpy(oracle->used, used, sizeof used);
    }
}

/* Puts `left` pods of `role` on positions from `position` on in every way, then the other roles. */
static void enumerate(struct oracle *oracle, uint32_t role, uint32_t position, uint32_t left)
{
    const struct solver_problem *problem = oracle->problem;
    if (left == 0) {
        if (role + 1 == problem->role_count) {
            judge(oracle);
        } else {
            enumerate(oracle, role + 1, 0, problem->roles[role + 1].count);
        }
        return;
    }
    if (position == oracle->positions) {
        return;
    }
    int64_t gpu = resources_get(problem->roles[role].request, oracle->world->gpu);
    int64_t cpu = resources_get(problem->roles[role].request, oracle->world->cpu);
    uint32_t taken = 0;
    bool may = !bitset_test(problem->roles[role].excluded, position);
    for (;;) {
        enumerate(oracle, role, position + 1, left - taken);
        if (!may || taken == left || oracle->gpu[position] < gpu || oracle->cpu[position] < cpu) {
            break;
        }
        taken++;
        oracle->pods[position]++;
        oracle->gpu[position] -= gpu;
        oracle->cpu[position] -= cpu;
    }
    oracle->pods[position] -= taken;
    oracle->gpu[position] += taken * gpu;
    oracle->cpu[position] += taken * cpu;
}

/* ---- the properties ---- */

struct tally {
    uint32_t feasible;
    uint32_t infeasible;
    uint32_t missed;       /* several roles: a plan exists, none was found */
    uint32_t missed_level; /* several roles: found, but not at the lowest common level */
    uint32_t proven;       /* `optimal` */
    uint32_t best;         /* as good as the oracle's */
};

/* 1. Replays the plan on the oracle's books, which it leaves as they were. */
static void check_plan(struct oracle *oracle, const struct solver_plan *plan)
{
    const struct solver_problem *problem = oracle->problem;
    uint32_t next = 0;
    for (uint32_t r = 0; r < problem->role_count; r++) {
        const struct solver_role *role = &problem->roles[r];
        for (uint32_t i = 0; i < role->count; i++, next++) {
            ck_assert_uint_lt(next, plan->count);
            uint32_t p = plan->positions[next];
            ck_assert_uint_lt(p, oracle->positions);
            ck_assert(i == 0 || plan->positions[next - 1] <= p);
            ck_assert(!bitset_test(role->excluded, p));
            oracle->pods[p]++;
            oracle->gpu[p] -= resources_get(role->request, oracle->world->gpu);
            oracle->cpu[p] -= resources_get(role->request, oracle->world->cpu);
            ck_assert_int_ge(oracle->gpu[p], 0);
            ck_assert_int_ge(oracle->cpu[p], 0);
        }
    }
    ck_assert_uint_eq(next, plan->count);
    uint32_t used[TREE] = {0};
    count_used(oracle, used);
    uint32_t required = problem->required_level;
    ck_assert(required == SOLVER_LEVEL_NONE || together(oracle, required));
    uint32_t level = 0;
    while (level + 1 < oracle->levels && used[level + 1] == 1) {
        level++;
    }
    ck_assert_uint_eq(plan->level, level);
    uint32_t inner = level + 1 < oracle->levels ? level : level - 1;
    ck_assert_uint_eq(plan->domain, domains_at(problem->domains, plan->positions[0], inner));
    for (uint32_t l = 0; l < oracle->levels; l++) {
        ck_assert_uint_eq(plan->used[l], used[l]);
    }
    oracle_init(oracle, problem);
}

/* Where the solver promises exact feasibility. */
static bool is_exact(const struct solver_problem *problem)
{
    return problem->role_count == 1 || (problem->role_count == 2 && (problem->roles[0].count == 1 ||
                                                                     problem->roles[1].count == 1));
}

static void check_optimality(const struct oracle *oracle, const struct solver_plan *plan,
                             struct tally *tally)
{
    ck_assert(oracle->feasible);
    ck_assert(!is_exact(oracle->problem) || plan->level == oracle->level);
    ck_assert_uint_le(plan->level, oracle->level);
    tally->missed_level += plan->level != oracle->level;
    bool best = true;
    bool tight = true;
    int order = 0; /* of the lower bound against the best there is, widest level first */
    for (uint32_t l = 0; l < oracle->levels; l++) {
        if (order == 0 && plan->lower_bound[l] != oracle->used[l]) {
            order = plan->lower_bound[l] < oracle->used[l] ? -1 : 1;
        }
        best = best && plan->used[l] == oracle->used[l];
        tight = tight && plan->used[l] == plan->lower_bound[l];
    }
    ck_assert_int_le(order, 0);
    ck_assert(oracle->problem->role_count > 1 || (best && tight));
    ck_assert(plan->optimal == tight);
    ck_assert(!plan->optimal || best);
    tally->feasible++;
    tally->proven += plan->optimal;
    tally->best += best;
}

static void check_shortfall(const struct oracle *oracle, const struct solver_plan *plan,
                            struct tally *tally)
{
    const struct solver_problem *problem = oracle->problem;
    const struct solver_shortfall *shortfall = &plan->shortfall;
    uint32_t required = problem->required_level == SOLVER_LEVEL_NONE ? 0 : problem->required_level;
    ck_assert(!is_exact(problem) || shortfall->proven);
    ck_assert(!shortfall->proven || !oracle->feasible);
    tally->missed += oracle->feasible;
    tally->infeasible++;
    ck_assert_uint_eq(plan->count, 0);
    ck_assert_uint_eq(shortfall->level, required);
    ck_assert_uint_lt(shortfall->role, problem->role_count);
    ck_assert_uint_eq(shortfall->wanted, problem->roles[shortfall->role].count);
    ck_assert_uint_ge(shortfall->missing, 1);
    ck_assert_uint_eq(shortfall->fits + shortfall->missing, shortfall->wanted);
    uint32_t alternative = shortfall->alternative;
    if (alternative != SOLVER_LEVEL_NONE) {
        ck_assert_uint_lt(alternative, required);
        ck_assert(oracle->serves[alternative]);
    }
    if (is_exact(problem)) {
        for (uint32_t l = alternative == SOLVER_LEVEL_NONE ? 0 : alternative + 1; l < required;
             l++) {
            ck_assert(!oracle->serves[l]);
        }
    }
}

static void check_same(const struct setting *a, const struct solver_plan *left,
                       const struct setting *b, const struct solver_plan *right)
{
    ck_assert(left->feasible == right->feasible && left->optimal == right->optimal);
    ck_assert_uint_eq(left->count, right->count);
    for (uint32_t i = 0; i < left->count; i++) {
        ck_assert_str_eq(world_name(&a->world, left->positions[i]),
                         world_name(&b->world, right->positions[i]));
    }
    ck_assert_mem_eq(left->used, right->used, sizeof left->used);
    ck_assert_mem_eq(left->lower_bound, right->lower_bound, sizeof left->lower_bound);
    ck_assert_mem_eq(&left->shortfall, &right->shortfall, sizeof left->shortfall);
}

/* 5. */
static void check_again(const struct instance *instance, const struct setting *setting,
                        const struct solver_plan *plan, uint64_t *state)
{
    struct solver_plan again;
    solver_plan_init(&again);
    solver_solve(&setting->problem, &again);
    check_same(setting, plan, setting, &again);
    uint32_t order[NODES_LIMIT] = {0};
    for (uint32_t i = 0; i < instance->node_count; i++) {
        uint32_t other = below(state, i + 1);
        order[i] = order[other];
        order[other] = i;
    }
    struct setting shuffled;
    setting_init(&shuffled, instance, order);
    solver_solve(&shuffled.problem, &again);
    check_same(setting, plan, &shuffled, &again);
    setting_finish(&shuffled);
    solver_plan_finish(&again);
}

static void run_instance(uint64_t seed, uint32_t roles, bool launcher, struct tally *tally)
{
    uint64_t state = seed;
    struct instance instance;
    draw_instance(&instance, roles, launcher, &state);
    struct setting setting;
    setting_init(&setting, &instance, NULL);
    struct solver_plan plan;
    solver_plan_init(&plan);
    solver_solve(&setting.problem, &plan);

    struct oracle oracle;
    oracle_init(&oracle, &setting.problem);
    if (plan.feasible) {
        check_plan(&oracle, &plan);
    }
    enumerate(&oracle, 0, 0, setting.problem.roles[0].count);
    if (plan.feasible) {
        check_optimality(&oracle, &plan, tally);
    } else {
        check_shortfall(&oracle, &plan, tally);
    }
    check_again(&instance, &setting, &plan, &state);
    solver_plan_finish(&plan);
    setting_finish(&setting);
}

/* Names an instance before it is run, so that the last one named is the one that failed;
 * SOLVER_SEED=… runs it alone. Then what was reached, which no later change may make worse. */
static void run_many(const char *what, uint32_t roles, bool launcher, uint32_t count,
                     struct tally *tally)
{
    const char *only = getenv("SOLVER_SEED");
    uint64_t base = UINT64_C(0x9E3779B97F4A7C15) * (roles + 1) + launcher;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t seed = base + i * UINT64_C(0xD1B54A32D192ED03);
        if (only != NULL && strtoull(only, NULL, 0) != seed) {
            continue;
        }
        printf("\r%s: seed 0x%016llx ", what, (unsigned long long)seed);
        run_instance(seed, roles, launcher, tally);
    }
    printf("\r%s: %u plans, %u of them optimal, %u proven so, %u above the lowest level; "
           "%u without a plan, %u of them wrongly\n",
           what, tally->feasible, tally->best, tally->proven, tally->missed_level,
           tally->infeasible, tally->missed);
    if (only != NULL) {
        exit(EXIT_SUCCESS);
    }
}

START_TEST(one_role)
{
    struct tally tally = {0};
    run_many("one role", 1, false, 10000, &tally);
    ck_assert_uint_eq(tally.missed + tally.missed_level, 0);
    ck_assert_uint_gt(tally.infeasible, 1000);
    ck_assert_uint_eq(tally.best, tally.feasible);
    ck_assert_uint_eq(tally.proven, tally.feasible);
}
END_TEST

START_TEST(launcher_and_workers)
{
    struct tally tally = {0};
    run_many("launcher and workers", 2, true, 4000, &tally);
    ck_assert_uint_eq(tally.missed + tally.missed_level, 0);
    ck_assert_uint_gt(tally.infeasible, 500);
    ck_assert_uint_eq(tally.best, tally.feasible);
    ck_assert_uint_eq(tally.proven, tally.feasible);
}
END_TEST

START_TEST(two_roles)
{
    struct tally tally = {0};
    run_many("two roles", 2, false, 4000, &tally);
    ck_assert_uint_eq(tally.missed + tally.missed_level, 0);
    ck_assert_uint_gt(tally.infeasible, 500);
    ck_assert_uint_eq(tally.best, tally.feasible);
    ck_assert_uint_eq(tally.proven, tally.feasible);
}
END_TEST

START_TEST(three_roles)
{
    struct tally tally = {0};
    run_many("three roles", 3, false, 2000, &tally);
    ck_assert_uint_eq(tally.missed + tally.missed_level, 0);
    ck_assert_uint_gt(tally.infeasible, 200);
    ck_assert_uint_eq(tally.best, tally.feasible);
    ck_assert_uint_eq(tally.proven, tally.feasible);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("solver against exhaustive search");
    TCase *tcase = tcase_create("oracle");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, one_role);
    tcase_add_test(tcase, launcher_and_workers);
    tcase_add_test(tcase, two_roles);
    tcase_add_test(tcase, three_roles);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
