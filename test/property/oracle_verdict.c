// SPDX-License-Identifier: Apache-2.0
#include "test/property/oracle_verdict.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "topology/base/err.h"

/* Faults are sentences, not assertions: a run counts them, so that one says how bad it is. */

#define PRINTED_FAULTS 3

/* ---- the plan alone ---- */

struct books {
    uint32_t load[ORACLE_ROLES_MAX][ORACLE_NODES_MAX]; /* by position */
    bool touched[ORACLE_NODES_MAX];
};

static uint32_t wanted_pods(const struct oracle_instance *instance)
{
    uint32_t wanted = 0;
    for (uint32_t r = 0; r < instance->problem.role_count; r++) {
        wanted += instance->roles[r].count;
    }
    return wanted;
}

static const char *fill_books(const struct oracle_instance *instance,
                              const struct solver_plan *plan, struct books *books)
{
    if (plan->count != wanted_pods(instance)) {
        return "not every pod is placed";
    }
    memset(books, 0, sizeof *books);
    uint32_t at = 0;
    for (uint32_t r = 0; r < instance->problem.role_count; r++) {
        uint32_t last = 0;
        for (uint32_t i = 0; i < instance->roles[r].count; i++, at++) {
            uint32_t position = plan->positions[at];
            if (position >= instance->positions || position < last) {
                return "not in position order";
            }
            books->load[r][position]++;
            books->touched[position] = true;
            last = position;
        }
    }
    for (uint32_t i = 0; i < instance->problem.pinned_count; i++) {
        books->touched[instance->pinned[i]] = true;
    }
    return NULL;
}

static const char *fault_of_room(const struct oracle_instance *instance, const struct books *books)
{
    for (uint32_t p = 0; p < instance->positions; p++) {
        struct resources sum;
        resources_init(&sum);
        bool over = false;
        for (uint32_t r = 0; r < instance->problem.role_count; r++) {
            over = over || books->load[r][p] > oracle_allowed(instance, r, p);
            for (uint32_t i = 0; i < books->load[r][p] && instance->free != NULL; i++) {
                resources_add(&sum, instance->roles[r].request);
            }
        }
        over = over || (instance->free != NULL && !resources_fit(&sum, &instance->free[p]));
        resources_finish(&sum);
        if (over) {
            return "more pods on a node than it takes, or a veto passed over";
        }
    }
    return NULL;
}

/* Ranks in position order: every `size` of them in one domain. */
static const char *fault_of_dealing(const struct oracle_instance *instance, uint32_t r,
                                    const uint32_t *positions)
{
    const struct solver_role *role = &instance->roles[r];
    for (uint32_t i = 0; i < role->layer_count && role->started_count == 0; i++) {
        const struct solver_layer *layer = &role->layers[i];
        for (uint32_t rank = 0; rank < role->count; rank++) {
            uint32_t first = rank - rank % layer->size;
            if (instance->place[positions[rank]][layer->level] !=
                instance->place[positions[first]][layer->level]) {
                return "ranks of one slice in two domains";
            }
        }
    }
    return NULL;
}

/* Domain by domain: what its started slices lack, then whole slices. */
static const char *fault_of_slices(const struct oracle_instance *instance, uint32_t r,
                                   const struct books *books)
{
    const struct solver_role *role = &instance->roles[r];
    for (uint32_t i = 0; i < role->layer_count; i++) {
        uint32_t level = role->layers[i].level;
        for (uint32_t p = 0; p < instance->positions;) {
            uint32_t place = instance->place[p][level];
            uint32_t load = 0;
            for (; p < instance->positions && instance->place[p][level] == place; p++) {
                load += books->load[r][p];
            }
            uint32_t started = oracle_started(role, i, place);
            if (load < started) {
                return "a started slice is not completed where it was started";
            }
            if ((load - started) % role->layers[i].size != 0) {
                return "a slice is broken";
            }
            if (load > started && !oracle_known(instance, level, place)) {
                return "a slice in an unknown domain";
            }
        }
    }
    return NULL;
}

/* Roles of a podset, and what of it is bound, in one known domain of its level. */
static const char *fault_of_podsets(const struct oracle_instance *instance,
                                    const struct books *books)
{
    for (uint32_t r = 0; r < instance->problem.role_count; r++) {
        if (instance->roles[r].podset == 0) {
            continue;
        }
        const struct solver_podset *podset = &instance->podsets[instance->roles[r].podset - 1];
        uint32_t place = UINT32_MAX;
        for (uint32_t q = 0; q < instance->problem.role_count; q++) {
            for (uint32_t p = 0; p < instance->positions; p++) {
                uint32_t here = instance->place[p][podset->level];
                if (instance->roles[q].podset != instance->roles[r].podset ||
                    books->load[q][p] == 0) {
                    continue;
                }
                if ((place != UINT32_MAX && place != here) ||
                    !oracle_known(instance, podset->level, here)) {
                    return "a podset in several domains, or in an unknown one";
                }
                place = here;
            }
        }
        for (uint32_t i = 0; i < podset->pinned_count; i++) {
            if (instance->place[podset->pinned[i]][podset->level] != place) {
                return "a podset in another domain than its bound members";
            }
        }
    }
    return NULL;
}

static uint32_t load_in(const struct oracle_instance *instance, const struct books *books,
                        uint32_t roles, uint32_t level, uint32_t place)
{
    uint32_t load = 0;
    for (uint32_t p = 0; p < instance->positions; p++) {
        for (uint32_t r = 0; r < instance->problem.role_count; r++) {
            bool counts = (roles >> r & 1) != 0 && instance->place[p][level] == place;
            load += counts ? books->load[r][p] : 0;
        }
    }
    return load;
}

static const char *fault_of_limits(const struct oracle_instance *instance,
                                   const struct books *books)
{
    for (uint32_t i = 0; i < instance->problem.limit_count; i++) {
        const struct solver_limit *limit = &instance->limits[i];
        for (uint32_t p = 0; p < instance->positions; p++) {
            uint32_t place = instance->place[p][limit->level];
            if (load_in(instance, books, limit->roles, limit->level, place) >
                oracle_limit_room(instance, limit, place)) {
                return "more pods in a domain than a limit lets in";
            }
        }
    }
    for (uint32_t i = 0; i < instance->problem.apart_count; i++) {
        const struct solver_apart *apart = &instance->aparts[i];
        for (uint32_t p = 0; p < instance->positions; p++) {
            uint32_t place = instance->place[p][apart->level];
            bool some[2];
            for (uint32_t side = 0; side < 2; side++) {
                some[side] = load_in(instance, books, apart->roles[side], apart->level, place) > 0;
            }
            bool shared = some[0] && some[1] && oracle_known(instance, apart->level, place);
            if (shared || (some[0] && oracle_apart_taken(instance, apart, 1, place)) ||
                (some[1] && oracle_apart_taken(instance, apart, 0, place))) {
                return "two sets that stand apart share a domain";
            }
        }
    }
    return NULL;
}

static void count_used(const struct oracle_instance *instance, const struct books *books,
                       uint32_t *used)
{
    for (uint32_t l = 0; l < instance->levels; l++) {
        uint32_t last = UINT32_MAX;
        used[l] = 0;
        for (uint32_t p = 0; p < instance->positions; p++) {
            if (books->touched[p] && instance->place[p][l] != last) {
                last = instance->place[p][l];
                used[l]++;
            }
        }
    }
}

static const char *fault_of_figures(const struct oracle_instance *instance,
                                    const struct solver_plan *plan, const struct books *books)
{
    uint32_t used[ORACLE_TREE];
    count_used(instance, books, used);
    if (plan->levels != instance->levels ||
        memcmp(used, plan->used, instance->levels * sizeof *used) != 0) {
        return "`used` is not what is touched";
    }
    uint32_t level = 0;
    while (level + 1 < instance->levels && used[level + 1] == 1) {
        level++;
    }
    uint32_t inner = level + 2 > instance->levels ? instance->levels - 2 : level;
    if (plan->level != level || plan->domain != instance->place[plan->positions[0]][inner]) {
        return "the lowest common domain is another one";
    }
    uint32_t required = instance->problem.required_level;
    if (required != SOLVER_LEVEL_NONE &&
        (level < required ||
         !oracle_known(instance, required, instance->place[plan->positions[0]][required]))) {
        return "the required level is not kept";
    }
    return NULL;
}

/* Negative, 0, positive: a below, equal to, above b; widest level first. */
static int compare(const uint32_t *a, const uint32_t *b, uint32_t levels)
{
    for (uint32_t l = 0; l < levels; l++) {
        if (a[l] != b[l]) {
            return a[l] < b[l] ? -1 : 1;
        }
    }
    return 0;
}

static const char *fault_of_optimality(const struct solver_plan *plan)
{
    int against = compare(plan->lower_bound, plan->used, plan->levels);
    if (against > 0) {
        return "`lower_bound` is above `used`";
    }
    if (plan->optimal != (against == 0)) {
        return "`optimal` does not say whether `lower_bound` equals `used`";
    }
    if (plan->greedy && !plan->optimal) {
        return "`greedy`, but not optimal";
    }
    return NULL;
}

/* A started slice that cannot be completed: said of where it is, whatever was required. */
static const char *fault_of_started(const struct oracle_instance *instance,
                                    const struct solver_shortfall *shortfall)
{
    const struct solver_role *role = &instance->roles[shortfall->role];
    for (uint32_t i = 0; i < role->started_count; i++) {
        const struct solver_started *started = &role->started[i];
        uint32_t level = role->layers[started->layer].level;
        bool host = level + 1 == instance->levels;
        uint64_t room = 0;
        for (uint32_t p = 0; p < instance->positions; p++) {
            room += instance->place[p][level] == started->place
                        ? oracle_allowed(instance, shortfall->role, p)
                        : 0;
        }
        if (level == shortfall->level &&
            started->place == (host ? shortfall->node : shortfall->domain) &&
            shortfall->wanted == started->count && room >= shortfall->fits &&
            shortfall->fits + shortfall->missing == shortfall->wanted) {
            return NULL;
        }
    }
    return "the shortfall names a started slice that is none";
}

static const char *fault_of_shortfall(const struct oracle_instance *instance,
                                      const struct solver_plan *plan)
{
    const struct solver_shortfall *shortfall = &plan->shortfall;
    uint32_t required = instance->problem.required_level;
    required = required == SOLVER_LEVEL_NONE ? 0 : required;
    if (plan->count != 0) {
        return "infeasible, but pods are placed";
    }
    uint32_t named = (shortfall->limit > 0) + (shortfall->apart > 0);
    if ((named > 0 && !shortfall->limited) || named > 1 ||
        shortfall->limit > instance->problem.limit_count ||
        shortfall->apart > instance->problem.apart_count) {
        return "a limit is named that is none, or no reason";
    }
    if (shortfall->slice_started && shortfall->role < instance->problem.role_count) {
        return fault_of_started(instance, shortfall);
    }
    if (shortfall->podset > 0) {
        required = instance->podsets[shortfall->podset - 1].level;
    }
    if (shortfall->role >= instance->problem.role_count || shortfall->level != required ||
        (shortfall->podset > 0 && instance->roles[shortfall->role].podset != shortfall->podset) ||
        shortfall->wanted != instance->roles[shortfall->role].count || shortfall->missing < 1 ||
        shortfall->fits + shortfall->missing != shortfall->wanted) {
        return "the shortfall does not add up";
    }
    if (shortfall->alternative != SOLVER_LEVEL_NONE && shortfall->alternative >= required) {
        return "the alternative is no wider level";
    }
    return NULL;
}

const char *oracle_fault_of_plan(const struct oracle_instance *instance,
                                 const struct solver_plan *plan)
{
    if (!plan->feasible) {
        return fault_of_shortfall(instance, plan);
    }
    struct books books;
    const char *fault = fill_books(instance, plan, &books);
    if (fault == NULL) {
        fault = fault_of_room(instance, &books);
    }
    const uint32_t *positions = plan->positions;
    for (uint32_t r = 0; r < instance->problem.role_count && fault == NULL; r++) {
        fault = fault_of_slices(instance, r, &books);
        if (fault == NULL) {
            fault = fault_of_dealing(instance, r, positions);
        }
        positions += instance->roles[r].count;
    }
    if (fault == NULL) {
        fault = fault_of_podsets(instance, &books);
    }
    if (fault == NULL) {
        fault = fault_of_limits(instance, &books);
    }
    if (fault == NULL) {
        fault = fault_of_figures(instance, plan, &books);
    }
    return fault != NULL ? fault : fault_of_optimality(plan);
}

/* ---- against the best ---- */

/* One role without slices: the best domain is the one with most room. */
static const char *fault_of_fits(const struct oracle_instance *instance,
                                 const struct solver_shortfall *shortfall)
{
    uint32_t level = shortfall->level;
    uint32_t most = 0;
    uint32_t best = DOMAINS_NONE;
    for (uint32_t p = 0; p < instance->positions;) {
        uint32_t place = instance->place[p][level];
        uint32_t first = p;
        uint32_t pinned = 0;
        for (; p < instance->positions && instance->place[p][level] == place; p++) {
            for (uint32_t i = 0; i < instance->problem.pinned_count; i++) {
                pinned += instance->pinned[i] == p;
            }
        }
        uint32_t room = oracle_room(instance, 0, level, first, p);
        for (uint32_t l = 0; l < level; l++) {
            uint32_t wider = oracle_most(instance, 0, l, instance->place[first][l]);
            room = room < wider ? room : wider;
        }
        if (pinned == instance->problem.pinned_count && oracle_known(instance, level, place) &&
            (best == DOMAINS_NONE || room > most)) {
            most = room;
            best = place;
        }
    }
    bool host = level + 1 == instance->levels;
    if (shortfall->fits != most || (host ? shortfall->node : shortfall->domain) != best) {
        return "the shortfall names another domain than the best, or another number";
    }
    if (instance->problem.pinned_count > 0 && shortfall->pinned_apart != (best == DOMAINS_NONE)) {
        return "`pinned_apart` is wrong";
    }
    return NULL;
}

static const char *fault_of_refusal(const struct oracle_instance *instance,
                                    const struct solver_plan *plan,
                                    const struct oracle_answer *answer)
{
    bool limited = instance->problem.budget != 0;
    if (answer->feasible && plan->shortfall.proven) {
        return "\"no plan exists\", but one does";
    }
    if (!plan->shortfall.proven) {
        const char *fault = answer->feasible ? "no plan was found" : "infeasible, but not proven";
        return limited ? NULL : fault;
    }
    if (answer->served && !limited) {
        uint32_t wider = answer->serves & ((UINT32_C(1) << plan->shortfall.level) - 1);
        uint32_t nearest = SOLVER_LEVEL_NONE;
        for (uint32_t l = 0; l < instance->levels; l++) {
            nearest = (wider >> l & 1) != 0 ? l : nearest;
        }
        if (plan->shortfall.alternative != nearest) {
            return "the alternative is not the nearest level that would do";
        }
    }
    if (instance->problem.role_count == 1 && instance->roles[0].layer_count == 0 &&
        instance->problem.podset_count == 0) {
        return fault_of_fits(instance, &plan->shortfall);
    }
    return NULL;
}

const char *oracle_fault_of_answer(const struct oracle_instance *instance,
                                   const struct solver_plan *plan,
                                   const struct oracle_answer *answer)
{
    if (!plan->feasible) {
        return fault_of_refusal(instance, plan, answer);
    }
    if (!answer->feasible) {
        return "a plan where there is none";
    }
    int against = compare(plan->used, answer->used, instance->levels);
    if (against < 0) {
        return "better than the best: the oracle is wrong";
    }
    if (compare(plan->lower_bound, answer->used, instance->levels) > 0) {
        return "`lower_bound` is above the best";
    }
    if (against > 0 && plan->optimal) {
        return "not the best, but said to be";
    }
    if (plan->optimal || instance->problem.budget != 0) {
        return NULL;
    }
    return against > 0 ? "not the best" : "the best, but not proven";
}

/* ---- runs ---- */

static void print_vector(const char *what, const uint32_t *values, uint32_t count)
{
    printf("  %s", what);
    for (uint32_t i = 0; i < count; i++) {
        printf(" %" PRIu32, values[i]);
    }
    printf("\n");
}

static void report(const struct oracle_instance *instance, const struct solver_plan *plan,
                   const struct oracle_answer *answer, const char *fault)
{
    printf("seed 0x%016" PRIx64 ": %s\n", instance->seed, fault);
    oracle_instance_print(instance, plan);
    print_vector("used ", plan->used, plan->feasible ? instance->levels : 0);
    print_vector("lower bound", plan->lower_bound, plan->feasible ? instance->levels : 0);
    print_vector("best ", answer->used, answer->feasible ? instance->levels : 0);
}

/* Returns how many faults there are now. Sentences are literals: one kind, one address. */
static uint32_t count_fault(struct oracle_tally *tally, const char *fault)
{
    size_t i = 0;
    while (tally->kinds[i].fault != NULL && tally->kinds[i].fault != fault) {
        i++;
    }
    err_require(i < ORACLE_FAULTS_MAX - 1);
    tally->kinds[i].fault = fault;
    tally->kinds[i].count++;
    return ++tally->faults;
}

/* What a refusal says of limits, by asking the oracle of other problems: without any there is a
 * plan, with the one that is named there is none. */
static const char *fault_of_limited(struct oracle_instance *instance,
                                    const struct solver_plan *plan, oracle_function *oracle)
{
    const struct solver_shortfall *shortfall = &plan->shortfall;
    struct solver_problem problem = instance->problem;
    struct oracle_answer without, with = {.proven = true};
    if (plan->feasible || !shortfall->limited) {
        return NULL;
    }
    instance->problem.limit_count = 0;
    instance->problem.apart_count = 0;
    oracle(instance, &without);
    if (shortfall->limit > 0) {
        struct solver_limit first = instance->limits[0];
        instance->limits[0] = instance->limits[shortfall->limit - 1];
        instance->problem.limit_count = 1;
        oracle(instance, &with);
        instance->limits[0] = first;
    } else if (shortfall->apart > 0) {
        struct solver_apart first = instance->aparts[0];
        instance->aparts[0] = instance->aparts[shortfall->apart - 1];
        instance->problem.apart_count = 1;
        oracle(instance, &with);
        instance->aparts[0] = first;
    }
    instance->problem = problem;
    if (without.proven && !without.feasible) {
        return "limits are said to be the reason, and are not";
    }
    return with.proven && with.feasible ? "the limit named leaves a plan" : NULL;
}

void oracle_run_seed(const struct oracle_kind *kind, oracle_function *oracle, uint64_t seed,
                     struct oracle_tally *tally)
{
    struct oracle_instance instance;
    struct solver_plan plan;
    struct oracle_answer answer = {0};
    oracle_instance_init(&instance, kind, seed, 0);
    solver_plan_init(&plan);
    solver_solve(&instance.problem, &plan);
    if (oracle != NULL) {
        oracle(&instance, &answer);
    }
    const char *fault = oracle_fault_of_plan(&instance, &plan);
    if (fault == NULL && answer.proven) {
        fault = oracle_fault_of_answer(&instance, &plan, &answer);
    }
    if (fault == NULL && oracle != NULL) {
        fault = fault_of_limited(&instance, &plan, oracle);
    }
    tally->limited += !plan.feasible && plan.shortfall.limited;
    tally->named += plan.shortfall.limit + plan.shortfall.apart > 0;
    tally->instances++;
    tally->feasible += plan.feasible;
    tally->greedy += plan.feasible && plan.greedy;
    tally->proven += plan.feasible && plan.optimal;
    tally->unproven += !answer.proven;
    tally->steps_most = plan.steps > tally->steps_most ? plan.steps : tally->steps_most;
    if (fault != NULL && count_fault(tally, fault) <= PRINTED_FAULTS) {
        report(&instance, &plan, &answer, fault);
    }
    solver_plan_finish(&plan);
    oracle_instance_finish(&instance);
}

uint32_t oracle_count(uint32_t count)
{
    const char *text = getenv("ORACLE_COUNT");
    return text == NULL ? count : (uint32_t)strtoul(text, NULL, 10);
}

void oracle_run(const char *what, const struct oracle_kind *kind, oracle_function *oracle,
                uint32_t count, struct oracle_tally *tally)
{
    *tally = (struct oracle_tally){0};
    const char *only = getenv("ORACLE_SEED");
    uint64_t seed = UINT64_C(0x5EED);
    for (const char *letter = what; *letter != '\0'; letter++) {
        seed = seed * 31 + (unsigned char)*letter;
    }
    struct oracle_random seeds = {seed};
    for (uint32_t i = 0; i < oracle_count(count); i++) {
        seed = oracle_next(&seeds);
        if (only == NULL || strtoull(only, NULL, 0) == seed) {
            oracle_run_seed(kind, oracle, seed, tally);
        }
    }
    printf("%s: %" PRIu32 " instances, %" PRIu32 " with a plan, %" PRIu32
           " proven optimal, %" PRIu32 " by the greedy pass alone, at most %" PRIu64
           " steps; %" PRIu32 " not decided by the oracle; %" PRIu32 " faults\n",
           what, tally->instances, tally->feasible, tally->proven, tally->greedy, tally->steps_most,
           tally->unproven, tally->faults);
    if (tally->limited > 0) {
        printf("  refused because of limits: %" PRIu32 ", one of them named: %" PRIu32 "\n",
               tally->limited, tally->named);
    }
    for (size_t i = 0; tally->kinds[i].fault != NULL; i++) {
        printf("  %6" PRIu32 " %s\n", tally->kinds[i].count, tally->kinds[i].fault);
    }
    fflush(stdout);
}
