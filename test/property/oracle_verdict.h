// SPDX-License-Identifier: Apache-2.0
#ifndef TEST_PROPERTY_ORACLE_VERDICT_H
#define TEST_PROPERTY_ORACLE_VERDICT_H

#include "test/property/oracle.h"

/* What solver.h promises, checked on a plan. Both return NULL or what is wrong. */

/* Against the problem alone: a plan is made of pods on nodes with capacity, observes vetoes, the
 * required level and slices, and its figures are true; a shortfall adds up. */
const char *oracle_fault_of_plan(const struct oracle_instance *instance,
                                 const struct solver_plan *plan);
/* Against the best there is. A problem with a budget need not reach it, but must be honest. */
const char *oracle_fault_of_answer(const struct oracle_instance *instance,
                                   const struct solver_plan *plan,
                                   const struct oracle_answer *answer);

#define ORACLE_FAULTS_MAX 32

/* Runs instances and counts faults. The first ones are printed whole. ORACLE_SEED=… runs one
 * instance alone, ORACLE_COUNT=… another number of them. */
struct oracle_tally {
    uint32_t instances;
    uint32_t feasible; /* according to the solver */
    uint32_t greedy;
    uint32_t proven;   /* optimal, says the solver */
    uint32_t unproven; /* given up by the oracle: only the plan itself was checked */
    uint32_t limited;  /* refused, and said to be because of limits */
    uint32_t named;    /* with one of them named */
    uint32_t faults;
    uint64_t steps_most;
    struct {
        const char *fault;
        uint32_t count;
    } kinds[ORACLE_FAULTS_MAX]; /* in the order they came up */
};

typedef void oracle_function(const struct oracle_instance *instance, struct oracle_answer *answer);

/* Without an oracle (NULL) only the plans themselves are checked. */
void oracle_run(const char *what, const struct oracle_kind *kind, oracle_function *oracle,
                uint32_t count, struct oracle_tally *tally);
/* One instance more, for those that were wrong once. Counts into the tally. */
void oracle_run_seed(const struct oracle_kind *kind, oracle_function *oracle, uint64_t seed,
                     struct oracle_tally *tally);
/* ORACLE_COUNT, or `count`. */
uint32_t oracle_count(uint32_t count);

#endif
