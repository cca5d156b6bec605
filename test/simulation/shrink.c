// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "test/simulation/run.h"

/* A failing run made short enough for a person to read.
 *
 *   1  every fault after the failure is dropped, and the steps after it
 *   2  faults are dropped in blocks, halves first, then quarters, … then one by one, until no
 *      single one can be missed (Zeller's ddmin, complements only)
 *   3  fewer steps, by halves
 *
 * A candidate is good when it violates the same invariant, whatever the words. Dropping a fault
 * changes everything after it, so that is all one can ask for.
 */

#define RUNS_MAX 3000

struct search {
    struct run run;
    struct drops drops; /* of the best so far */
    uint64_t steps;
    uint32_t faults; /* numbers 0 … faults of the best that may still be there */
    char class[8];   /* "(3)" */
    unsigned runs;
    FILE *progress;
};

/* "(3)" of "(3) 1 holds are left"; texts without a number are one class. */
static void class_of(const char *failure, char class[8])
{
    size_t length = failure[0] == '(' ? strcspn(failure, ")") + 1 : 0;
    length = length < 8 ? length : 7;
    memcpy(class, failure, length);
    class[length] = '\0';
}

/* Whether it still fails like that; then it is the best so far. */
static bool try(struct search *search, const struct drops *drops, uint64_t steps)
{
    struct run_result result;
    char class[8];
    if (search->runs++ >= RUNS_MAX) {
        return false;
    }
    struct run run = search->run;
    run.drops = drops;
    run.steps = steps;
    run_seed(&run, &result);
    class_of(result.failure, class);
    if (!result.failed || strcmp(class, search->class) != 0) {
        return false;
    }
    if (drops != &search->drops) {
        search->drops = *drops;
    }
    search->steps = result.step < steps ? result.step + 1 : steps;
    return true;
}

static uint32_t kept(const struct search *search)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i <= search->faults && i < SIM_FAULTS_MAX; i++) {
        count += search->drops.one[i] == 0;
    }
    return count;
}

/* Drops what is kept of a block of `size` faults that are still there, block after block, from the
 * end. */
static bool drop_blocks(struct search *search, uint32_t size)
{
    bool any = false;
    struct drops candidate;
    for (int64_t last = search->faults; last >= 0;) {
        uint32_t taken = 0;
        candidate = search->drops;
        for (; last >= 0 && taken < size; last--) {
            taken += candidate.one[last] == 0;
            candidate.one[last] = 1;
        }
        any |= taken > 0 && try(search, &candidate, search->steps);
    }
    return any;
}

static void drop_faults(struct search *search)
{
    for (uint32_t size = kept(search); size > 0 && search->runs < RUNS_MAX;) {
        bool any = drop_blocks(search, size);
        if (search->progress != NULL) {
            fprintf(search->progress, "shrinking: %" PRIu32 " faults, %" PRIu64 " steps\n",
                    kept(search), search->steps);
        }
        if (size > 1) {
            size = (size + 1) / 2;
        } else if (!any) {
            break;
        }
    }
}

static void drop_steps(struct search *search)
{
    for (uint64_t part = search->steps / 2; part > 0; part /= 2) {
        while (search->steps > part && try(search, &search->drops, search->steps - part)) {
        }
    }
}

void run_shrink(const struct run *run, struct drops *drops, uint64_t *steps, FILE *progress)
{
    struct run_result result;
    struct search search = {.run = *run, .steps = run->steps, .progress = progress};
    drops_init(&search.drops);
    if (run->drops != NULL) {
        search.drops = *run->drops;
    }
    run_seed(run, &result);
    class_of(result.failure, search.class);
    if (result.failed) {
        search.faults = result.faults < SIM_FAULTS_MAX ? result.faults : SIM_FAULTS_MAX - 1;
        struct drops first = search.drops;
        first.from = first.from < search.faults + 1 ? first.from : search.faults + 1;
        (void)try(&search, &first, result.step < run->steps ? result.step + 1 : run->steps);
        drop_faults(&search);
        drop_steps(&search);
    }
    *drops = search.drops;
    *steps = search.steps;
}

/* ---- lists of numbers ---- */

void drops_init(struct drops *drops)
{
    memset(drops, 0, sizeof(*drops));
    drops->from = UINT32_MAX;
}

bool drops_parse(struct drops *drops, const char *text)
{
    for (;;) {
        char *end;
        if (*text < '0' || *text > '9') {
            return false;
        }
        unsigned long first = strtoul(text, &end, 10), last = first;
        if (*end == '-' && (end[1] == '\0' || end[1] == ',')) {
            drops->from = first < drops->from ? (uint32_t)first : drops->from;
            end++;
        } else if (*end == '-') {
            last = strtoul(end + 1, &end, 10);
        }
        if (last >= SIM_FAULTS_MAX || last < first || (*end != ',' && *end != '\0')) {
            return false;
        }
        for (unsigned long i = first; i <= last; i++) {
            drops->one[i] = 1;
        }
        if (*end == '\0') {
            return true;
        }
        text = end + 1;
    }
}

void drops_print(const struct drops *drops, FILE *out)
{
    const char *comma = "";
    uint32_t end = drops->from < SIM_FAULTS_MAX ? drops->from : SIM_FAULTS_MAX;
    for (uint32_t i = 0; i < end; i++) {
        uint32_t last = i;
        if (drops->one[i] == 0) {
            continue;
        }
        while (last + 1 < end && drops->one[last + 1] != 0) {
            last++;
        }
        if (last + 1 == drops->from) {
            fprintf(out, "%s%" PRIu32 "-", comma, i); /* and all later ones */
            return;
        }
        fprintf(out, "%s%" PRIu32, comma, i);
        if (last > i) {
            fprintf(out, "-%" PRIu32, last);
        }
        comma = ",";
        i = last;
    }
    if (drops->from != UINT32_MAX) {
        fprintf(out, "%s%" PRIu32 "-", comma, drops->from);
    }
}
